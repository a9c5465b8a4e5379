/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LADDER_H
#define LADDER_H

int cmd_ladder(int argc, char **argv);

#endif
