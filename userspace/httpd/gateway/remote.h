/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef GATEWAY_REMOTE_H
#define GATEWAY_REMOTE_H

#include <sys/un.h>

#include "config.h"
#include "server.h"
#include "tls.h"

struct gateway;
struct gateway_remotes;
struct gateway_link;

#define GATEWAY_MAX_REMOTES	32

/**
 * struct gateway_remote - one address
 * @remote: for ln_connect()
 * @name: the same for the log: "unix:/run/x.sock", "linnet:127.0.0.1:9000"
 * @host: the host as it was configured, NULL: a UNIX socket
 * @down_until: loop time, ms, until which it is passed over; it did not answer
 * @idle: connections waiting for a request, the last used first
 * @n_idle: how many
 */
struct gateway_remote {
	struct ln_remote remote;
	char *name;
	char *host;
	uint64_t down_until;
	struct gateway_link *idle;
	unsigned int n_idle;
};

/**
 * struct gateway_remotes - the addresses of a section
 * @n: how many
 * @remote: the addresses
 * @next: whose turn it is
 * @tls: what connections are encrypted with, NULL: nothing
 * @max_idle: connections kept per address and worker
 * @idle_ms: for how long
 */
struct gateway_remotes {
	unsigned int n;
	struct gateway_remote remote[GATEWAY_MAX_REMOTES];
	unsigned int next;
	struct ln_tls *tls;
	unsigned int max_idle;
	uint64_t idle_ms;
};

/**
 * struct gateway_link - state of a connection to a gateway
 * @conn: the connection
 * @g: whom it serves, or NULL: it is idle
 * @remote: where it goes, or NULL: a program's
 * @prev: the idle connection before it
 * @next: the one after it
 */
struct gateway_link {
	struct ln_conn *conn;
	struct gateway *g;
	struct gateway_remote *remote;
	struct gateway_link *prev, *next;
};

int gateway_remotes_configure(struct gateway_remotes *remotes, cfg_t *section);
int gateway_remotes_encrypt(struct gateway_remotes *remotes, struct ln_tls *tls, const char *name);
int gateway_remotes_add(struct gateway_remotes *remotes, const char *text, const char **wrong);
struct gateway_remote *gateway_remotes_pick(struct gateway_remotes *remotes, uint64_t now);
void gateway_remote_down(struct gateway_remote *remote, uint64_t now);
struct ln_conn *gateway_idle_take(struct gateway_remote *remote);
bool gateway_idle_put(struct gateway_remotes *remotes, struct ln_conn *c);
void gateway_idle_remove(struct gateway_link *link);
void gateway_remotes_free(struct gateway_remotes *remotes);

#endif
