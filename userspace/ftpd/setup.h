/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a configuration says, checked. */
#ifndef FTPD_SETUP_H
#define FTPD_SETUP_H

#include <confuse.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "log.h"
#include "net.h"
#include "options.h"
#include "tls.h"

#define SETUP_MAX_HOSTS		32
#define SETUP_MAX_LISTENS	16
#define SETUP_MAX_PATTERNS	64

struct accounts;

enum setup_tls { SETUP_TLS_OFF, SETUP_TLS_ALLOWED, SETUP_TLS_REQUIRED };

/**
 * struct setup_host - whom a client can ask for by HOST (RFC 7151)
 * @name: "*" for who asks for none
 * @banner: text of the 220 reply, or NULL
 * @accounts: who may come in, or NULL
 * @root: folder that all homes are in, or NULL
 * @root_fd: the same, opened in a worker; -1
 * @anonymous: folder of those without a name, or NULL
 * @anonymous_fd: the same; -1
 */
struct setup_host {
	const char *name;
	const char *banner;
	struct accounts *accounts;
	const char *root;
	int root_fd;
	const char *anonymous;
	int anonymous_fd;
};

/**
 * struct setup_limits - times in milliseconds, rates in octets per second
 * @login_ms: from the connection to a login
 * @idle_ms: between two commands
 * @data_ms: without progress on a data connection
 * @connect_ms: for a data connection to come about
 * @partial_ms: that an aborted upload is kept
 * @failures: logins that may fail on a connection
 * @failure_delay_ms: before the reply to one that did
 * @download_rate: of a session, 0: any
 * @upload_rate: the same, the other way
 */
struct setup_limits {
	uint64_t login_ms, idle_ms, data_ms, connect_ms, partial_ms;
	unsigned int failures;
	uint64_t failure_delay_ms;
	uint64_t download_rate, upload_rate;
};

struct setup_listen {
	const char *tag;
	bool implicit;		/* TLS from the start */
	struct setup *setup;
};

/**
 * struct setup - a configuration
 * @tree: what the file says; texts are used on
 * @options: those of all servers
 * @limits: see there
 * @host: the first is that of clients that ask for none
 * @n_hosts: how many
 * @listen: where
 * @n_listens: how many
 * @tls: context, NULL: none
 * @control_tls: whether commands may or must be encrypted
 * @data_tls: whether data may or must be
 * @reuse: a data connection's TLS session must come from the control connection's
 * @passive_first: first port to listen on for data
 * @passive_last: the last
 * @masquerade: IPv4 address to tell clients in place of our own; of family 0: none
 * @active: PORT and EPRT are allowed
 * @active_port: local port of active data connections, 0: any
 * @port_request: where to ask for sockets with that port, or -1
 * @port_serve: the other end, for who makes them
 * @umask: of new files and folders
 * @deny: patterns of names that nobody gets at
 * @n_deny: how many
 * @writable: clients may change files
 * @sync: an upload is on the disk before it is acknowledged
 * @transfer_log: a line for each transfer, or NULL
 * @metrics: a listener for counters was asked for
 */
struct setup {
	cfg_t *tree;
	struct ln_options options;
	struct setup_limits limits;
	struct setup_host host[SETUP_MAX_HOSTS];
	unsigned int n_hosts;
	struct setup_listen listen[SETUP_MAX_LISTENS];
	unsigned int n_listens;
	struct ln_tls *tls;
	enum setup_tls control_tls, data_tls;
	bool reuse;
	uint16_t passive_first, passive_last;
	union ln_addr masquerade;
	bool active;
	uint16_t active_port;
	int port_request, port_serve;
	pid_t port_process;
	mode_t umask;
	const char *deny[SETUP_MAX_PATTERNS];
	unsigned int n_deny;
	bool writable, sync;
	struct ln_access_log *transfer_log;
	bool metrics;
};

struct setup *setup_new(const char *file, struct ln_options *options, struct ln_wanted *wanted);
void setup_free(struct setup *s);
const struct setup_host *setup_host(const struct setup *s, const char *name);
/* In a worker, before it gives up its rights. */
int setup_open(struct setup *s);
void setup_close(struct setup *s);

#endif
