// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * linnet-echod: echo on Linnet and TCP, time on UDP.
 */
#include "daemon.h"
#include "echo.h"
#include "timed.h"

#define DEFAULT_PORT	20000

const char *argp_program_version = "linnet-echod " LINNET_VERSION;

static uint16_t time_port = DEFAULT_PORT;

static const struct argp_option options[] = {
	{ "time-port", 't', "PORT", 0,
	  "UDP port of the time service (default: 20000); 0 lets the kernel pick one",
	  LN_OPTIONS_LISTEN },
	{ 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	switch (key) {
	case 't':
		time_port = ln_parse_number("--time-port", arg, 0, 65535);
		return 0;
	case ARGP_KEY_INIT:
		state->child_inputs[0] = state->input;
		return 0;
	case ARGP_KEY_ARG:
		ln_usage_error("'%s': this program takes options only", arg);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void *configure(struct ln_options *o, struct ln_wanted *wanted)
{
	if (ln_want(wanted, o, "echo", SOCK_STREAM, o->port) ||
	    ln_want(wanted, o, "time", SOCK_DGRAM, time_port))
		return NULL;
	/* There is no more to configure than the options. */
	return o;
}

static int start(struct ln_server *s, void *config, const struct ln_sockets *sockets)
{
	int err = ln_server_listen(s, sockets, "echo", &echo_proto, NULL, config);

	return err ? err : ln_server_datagram(s, sockets, "time", timed_datagram, NULL);
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
	static const struct ln_daemon daemon = {
		.name = "linnet-echod", .configure = configure, .start = start,
	};
	struct ln_options o = {
		.transports = LN_TRANSPORT_LINNET | LN_TRANSPORT_TCP,
		.ipv4 = true, .ipv6 = true,
		.port = DEFAULT_PORT,
		.max_connections = 1024, .max_per_address = 256,
		.idle_ms = 600 * 1000, .total_ms = 0, .drain_ms = 10 * 1000,
	};

	ln_parse_command_line(&argp, argc, argv, &o);
	return ln_daemon_main(&daemon, &o);
}
