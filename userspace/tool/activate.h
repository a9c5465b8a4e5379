/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ACTIVATE_H
#define ACTIVATE_H

int cmd_activate(int argc, char **argv);

#endif
