// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * linnet-echod: echo on Linnet and TCP, time on UDP.
 */
#include <stdlib.h>

#include "echo.h"
#include "log.h"
#include "timed.h"

#define DEFAULT_PORT	20000

const char *argp_program_version = "linnet-echod " LINNET_VERSION;

struct arguments {
	struct ln_options options;
	uint16_t time_port;
};

static const struct argp_option options[] = {
	{ "time-port", 't', "PORT", 0,
	  "UDP port of the time service (default: 20000); 0 lets the kernel pick one", 1 },
	{ 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *a = state->input;

	switch (key) {
	case 't':
		a->time_port = ln_parse_number("--time-port", arg, 0, 65535);
		return 0;
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &a->options;
		return 0;
	case ARGP_KEY_ARG:
		ln_usage_error("'%s': this program takes options only", arg);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int main(int argc, char **argv)
{
	static const struct argp_child children[] = { { &ln_options_argp, 0, NULL, 0 }, { 0 } };
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.children = children,
		.doc = "Echo every byte on Linnet (IP protocol 253) and TCP, and tell the time on "
		       "UDP."
		       "\vThe default port is 20000 for both.",
	};
	struct arguments a = {
		.options = {
			.transports = LN_TRANSPORT_LINNET | LN_TRANSPORT_TCP,
			.ipv4 = true, .ipv6 = true,
			.port = DEFAULT_PORT,
			.max_connections = 1024, .max_per_address = 256,
			.idle_ms = 600 * 1000, .total_ms = 0, .drain_ms = 10 * 1000,
		},
		.time_port = DEFAULT_PORT,
	};
	struct echo_config config = { .options = &a.options };
	struct ln_server *s;
	int status = EXIT_FAILURE;

	ln_parse_command_line(&argp, argc, argv, &a);
	s = ln_server_new(&a.options, &echo_proto, &config);
	if (!s)
		return EXIT_FAILURE;
	if (!ln_server_listen(s) && !ln_server_datagram(s, a.time_port, timed_datagram, NULL))
		status = ln_server_run(s);
	ln_server_free(s);
	return status;
}
