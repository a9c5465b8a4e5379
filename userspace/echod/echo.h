/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ECHO_H
#define ECHO_H

#include "server.h"

extern const struct ln_proto echo_proto;

/**
 * struct echo_config - what the echo service needs to know
 * @options: the server's options
 */
struct echo_config {
	const struct ln_options *options;
};

#endif
