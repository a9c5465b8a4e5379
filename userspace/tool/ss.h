/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SS_H
#define SS_H

int cmd_ss(int argc, char **argv);

#endif
