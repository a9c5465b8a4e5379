/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FIND_H
#define FIND_H

int cmd_find(int argc, char **argv);

#endif
