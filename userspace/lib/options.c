// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The command line that all servers share, on argp.
 */
#include "options.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

enum {
	OPT_TRANSPORT = 0x100,
	OPT_MAX_CONNECTIONS,
	OPT_MAX_PER_ADDRESS,
	OPT_IDLE,
	OPT_TOTAL,
	OPT_DRAIN,
	OPT_LOG_LEVEL,
	OPT_LOG,
	OPT_REUSEPORT,
};

static const struct argp_option options[] = {
	{ NULL, 0, NULL, 0, "Where to listen:", LN_OPTIONS_LISTEN },
	{ "port", 'p', "PORT", 0, "Port to listen on; 0 lets the kernel pick one",
	  LN_OPTIONS_LISTEN },
	{ "address", 'a', "ADDRESS", 0,
	  "Numeric IPv4 or IPv6 address to listen on (up to 16 times; default: all)",
	  LN_OPTIONS_LISTEN },
	{ "transport", OPT_TRANSPORT, "NAME", 0, "linnet, tcp or both (default: both)",
	  LN_OPTIONS_LISTEN },
	{ "ipv4", '4', NULL, 0, "IPv4 only", LN_OPTIONS_LISTEN },
	{ "ipv6", '6', NULL, 0, "IPv6 only", LN_OPTIONS_LISTEN },
	{ NULL, 0, NULL, 0, "Limits:", LN_OPTIONS_LIMITS },
	{ "max-connections", OPT_MAX_CONNECTIONS, "N", 0, "Connections at once (default: 1024)",
	  LN_OPTIONS_LIMITS },
	{ "max-per-address", OPT_MAX_PER_ADDRESS, "N", 0,
	  "Connections at once from one IPv4 address or IPv6 /64 (default: 256)",
	  LN_OPTIONS_LIMITS },
	{ "idle-timeout", OPT_IDLE, "SECONDS", 0,
	  "Close a connection that made no progress for so long", LN_OPTIONS_LIMITS },
	{ "total-timeout", OPT_TOTAL, "SECONDS", 0, "Longest life of a connection; 0 for no limit",
	  LN_OPTIONS_LIMITS },
	{ "drain-timeout", OPT_DRAIN, "SECONDS", 0,
	  "Time for open connections to finish after SIGTERM or SIGINT (default: 10)",
	  LN_OPTIONS_LIMITS },
	{ NULL, 0, NULL, 0, "Messages:", LN_OPTIONS_MESSAGES },
	{ "log-level", OPT_LOG_LEVEL, "LEVEL", 0,
	  "error, warning, notice, info or debug (default: notice)", LN_OPTIONS_MESSAGES },
	{ "log", OPT_LOG, "TARGET", 0, "stderr, journal or the path of a file (default: stderr)",
	  LN_OPTIONS_MESSAGES },
	{ NULL, 0, NULL, 0, "Processes:", LN_OPTIONS_PROCESSES },
	{ "workers", 'w', "N", 0, "Processes that serve (default: 1)", LN_OPTIONS_PROCESSES },
	{ "reuseport", OPT_REUSEPORT, NULL, 0,
	  "Sockets of its own for each worker (SO_REUSEPORT) instead of shared ones",
	  LN_OPTIONS_PROCESSES },
	{ "user", 'u', "NAME", 0, "Workers run as this user; needs root", LN_OPTIONS_PROCESSES },
	{ "group", 'g', "NAME", 0, "Workers run with this group (default: the user's)",
	  LN_OPTIONS_PROCESSES },
	{ 0 },
};

/**
 * ln_usage_error() - one line about a wrong command line, then the end
 * @fmt: what was wrong and what is allowed, as for printf()
 */
void ln_usage_error(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(LN_EXIT_USAGE);
}

/**
 * ln_parse_number() - a whole number within a range, or a usage error
 * @option: the option's name, for the message
 * @arg: the text
 * @min: least value allowed
 * @max: greatest value allowed
 */
unsigned long ln_parse_number(const char *option, const char *arg, unsigned long min,
			      unsigned long max)
{
	unsigned long value;
	char *end;

	errno = 0;
	value = strtoul(arg, &end, 10);
	if (!isdigit((unsigned char)*arg) || *end || errno || value < min || value > max)
		ln_usage_error("%s: '%s' is not a number from %lu to %lu", option, arg, min, max);
	return value;
}

/**
 * ln_parse_seconds() - a time in seconds, fractions allowed, or a usage error
 * @option: the option's name, for the message
 * @arg: the text
 * @min: least number of seconds allowed
 * @max: greatest number of seconds allowed
 *
 * Return: milliseconds.
 */
uint64_t ln_parse_seconds(const char *option, const char *arg, double min, double max)
{
	double value;
	char *end;

	value = strtod(arg, &end);
	if (!isdigit((unsigned char)*arg) || *end || !isfinite(value) || value < min || value > max)
		ln_usage_error("%s: '%s' is not a number of seconds from %g to %g", option, arg,
			       min, max);
	return llround(value * 1000);
}

static void add_address(struct ln_options *o, const char *arg)
{
	unsigned char scratch[sizeof(struct in6_addr)];

	if (inet_pton(AF_INET, arg, scratch) != 1 && inet_pton(AF_INET6, arg, scratch) != 1)
		ln_usage_error("--address: '%s' is not a numeric IPv4 or IPv6 address", arg);
	if (o->n_addresses == LN_MAX_ADDRESSES)
		ln_usage_error("--address: given more than %d times", LN_MAX_ADDRESSES);
	o->addresses[o->n_addresses++] = arg;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct ln_options *o = state->input;
	enum ln_level level;

	switch (key) {
	case 'p':
		o->port = ln_parse_number("--port", arg, 0, 65535);
		return 0;
	case 'a':
		add_address(o, arg);
		return 0;
	case OPT_TRANSPORT:
		if (!strcmp(arg, "linnet"))
			o->transports = LN_TRANSPORT_LINNET;
		else if (!strcmp(arg, "tcp"))
			o->transports = LN_TRANSPORT_TCP;
		else if (!strcmp(arg, "both"))
			o->transports = LN_TRANSPORT_LINNET | LN_TRANSPORT_TCP;
		else
			ln_usage_error("--transport: '%s' is not linnet, tcp or both", arg);
		return 0;
	case '4':
	case '6':
		/* Both of them together ask for both families. */
		if (!o->family_forced)
			o->ipv4 = o->ipv6 = false;
		o->family_forced = true;
		if (key == '4')
			o->ipv4 = true;
		else
			o->ipv6 = true;
		return 0;
	case OPT_MAX_CONNECTIONS:
		o->max_connections = ln_parse_number("--max-connections", arg, 1, 100000);
		return 0;
	case OPT_MAX_PER_ADDRESS:
		o->max_per_address = ln_parse_number("--max-per-address", arg, 1, 100000);
		return 0;
	case OPT_IDLE:
		o->idle_ms = ln_parse_seconds("--idle-timeout", arg, 0.01, 86400);
		return 0;
	case OPT_TOTAL:
		o->total_ms = ln_parse_seconds("--total-timeout", arg, 0, 864000);
		return 0;
	case OPT_DRAIN:
		o->drain_ms = ln_parse_seconds("--drain-timeout", arg, 0, 3600);
		return 0;
	case OPT_LOG_LEVEL:
		if (ln_log_level_parse(arg, &level))
			ln_usage_error(
				"--log-level: '%s' is not error, warning, notice, info or debug",
				arg);
		ln_log_level(level);
		return 0;
	case OPT_LOG:
		o->log = arg;
		return 0;
	case OPT_REUSEPORT:
		o->reuseport = true;
		return 0;
	case 'w':
		o->workers = ln_parse_number("--workers", arg, 1, LN_MAX_WORKERS);
		return 0;
	case 'u':
		o->user = arg;
		return 0;
	case 'g':
		o->group = arg;
		return 0;
	case ARGP_KEY_INIT:
		/* getopt has its line for an unknown option; argp would add
		 * a second one to say where help is.
		 */
		state->err_stream = NULL;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

const struct argp ln_options_argp = { .options = options, .parser = parse };

/**
 * ln_parse_command_line() - argp_parse(), ending the program on an error
 * @argp: the program's options, with ln_options_argp among its children
 * @argc: as main() got it
 * @argv: as main() got it
 * @input: passed on to @argp's parser
 */
void ln_parse_command_line(const struct argp *argp, int argc, char **argv, void *input)
{
	if (argp_parse(argp, argc, argv, 0, NULL, input))
		exit(LN_EXIT_USAGE);
}
