/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LN_OPTIONS_H
#define LN_OPTIONS_H

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>

#define LN_EXIT_USAGE		2
#define LN_MAX_ADDRESSES	16
#define LN_MAX_WORKERS		64

enum { LN_TRANSPORT_LINNET = 1, LN_TRANSPORT_TCP = 2 };

/**
 * struct ln_options - what every server can be told on its command line
 * @transports: mask of LN_TRANSPORT_*
 * @ipv4: use IPv4
 * @ipv6: use IPv6
 * @family_forced: the user named the family, so that its absence is an error
 * @addresses: numeric addresses to listen on; the wildcards when there are none
 * @n_addresses: how many
 * @port: port of the stream listeners, 0 for one that the kernel picks
 * @max_connections: connections at once
 * @max_per_address: connections at once from one IPv4 address or IPv6 /64
 * @idle_ms: a connection without progress for so long is closed
 * @total_ms: longest life of a connection, 0 for no limit
 * @drain_ms: time that connections get to finish after SIGTERM or SIGINT
 * @workers: processes that serve
 * @reuseport: each worker has sockets of its own (SO_REUSEPORT) instead of sharing
 * @user: workers run as this user, NULL: as whoever started us
 * @group: workers run with this group, NULL: the user's own
 * @log: where messages go: stderr, journal or a file; NULL: stderr
 */
struct ln_options {
	unsigned int transports;
	bool ipv4, ipv6, family_forced;
	const char *addresses[LN_MAX_ADDRESSES];
	int n_addresses;
	uint16_t port;
	unsigned int max_connections;
	unsigned int max_per_address;
	uint64_t idle_ms;
	uint64_t total_ms;
	uint64_t drain_ms;
	unsigned int workers;
	bool reuseport;
	const char *user, *group;
	const char *log;
};

/*
 * Groups of options in --help. A daemon's own are LN_OPTIONS_OWN and the one after it; what
 * it adds to the others goes below their headings.
 */
enum {
	LN_OPTIONS_OWN = 1,
	LN_OPTIONS_LISTEN = 3,
	LN_OPTIONS_LIMITS,
	LN_OPTIONS_MESSAGES,
	LN_OPTIONS_PROCESSES,
};

/* An argp child whose input is a struct ln_options, filled with defaults. */
extern const struct argp ln_options_argp;

void ln_usage_error(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
unsigned long ln_parse_number(const char *option, const char *arg, unsigned long min,
			      unsigned long max);
uint64_t ln_parse_seconds(const char *option, const char *arg, double min, double max);
void ln_parse_command_line(const struct argp *argp, int argc, char **argv, void *input);

#endif
