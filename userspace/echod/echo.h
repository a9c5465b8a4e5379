/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ECHO_H
#define ECHO_H

#include "server.h"

extern const struct ln_proto echo_proto;

#endif
