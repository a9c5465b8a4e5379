/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What server.c and conn.c share. */
#ifndef LN_SERVER_INTERNAL_H
#define LN_SERVER_INTERNAL_H

#include <uv.h>

#include "peers.h"
#include "server.h"

struct ln_socket {
	uv_poll_t poll;
	struct ln_server *server;
	int fd;
	ln_datagram_fn datagram;	/* NULL: a listener */
	void *data;
};

struct ln_server {
	const struct ln_options *options;
	const struct ln_proto *proto;
	void *data;
	uv_loop_t loop;
	uv_signal_t sigterm, sigint;
	uv_timer_t drain;
	uv_timer_t resume;		/* accept again after a shortage */
	struct ln_socket sockets[2 * LN_MAX_SOCKETS];
	int n_sockets;
	bool paused;			/* listeners not polled */
	bool stopping;
	struct ln_conn *conns;
	unsigned int n_conns;
	struct ln_peers peers;
};

void ln_conn_new(struct ln_server *s, int fd, const union ln_addr *peer);
void ln_conn_stop(struct ln_conn *c);
struct ln_conn *ln_conn_next(struct ln_conn *c);
void ln_server_conn_gone(struct ln_server *s);

#endif
