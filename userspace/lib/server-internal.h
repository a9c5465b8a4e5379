/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What server.c, conn.c and conn-io.c share. */
#ifndef LN_SERVER_INTERNAL_H
#define LN_SERVER_INTERNAL_H

#include <openssl/ssl.h>
#include <uv.h>

#include "peers.h"
#include "server.h"
#include "tls-internal.h"

/* Read from a socket in one go. */
#define LN_SCRATCH_BYTES	65536

struct ln_listener {
	uv_poll_t poll;
	struct ln_server *server;
	int fd;
	int protocol;
	const struct ln_proto *proto;	/* a listener's */
	struct ln_tls *tls;
	ln_datagram_fn datagram;	/* a datagram socket's */
	void *data;
};

struct ln_server {
	const struct ln_options *options;
	uv_loop_t loop;
	uv_signal_t sigterm;
	uv_timer_t drain;
	uv_timer_t resume;		/* accept again after a shortage */
	uv_timer_t retry;		/* send again after a shortage */
	uv_prepare_t prepare;		/* before the loop waits: send what was queued */
	uv_idle_t idle;			/* started: the loop does not wait */
	struct ln_listener listeners[LN_MAX_SOCKETS];
	int n_listeners;
	bool paused;			/* listeners not polled */
	bool stopping;
	unsigned int holds;
	struct ln_conn *conns;
	unsigned int n_conns, n_accepted;
	struct ln_conn *turn, **turn_end;	/* connections with something to do in this turn */
	struct ln_turn_end *at_turn_end;
	char scratch[LN_SCRATCH_BYTES];
};

enum ln_phase {
	LN_CONNECTING,		/* connect() is under way */
	LN_HANDSHAKE,		/* TLS's */
	LN_OPEN,		/* the protocol's */
	LN_FINISHING,		/* what is queued goes out */
	LN_LINGERING,		/* the peer may take it, and close */
	LN_CLOSED,
};

struct ln_conn {
	struct ln_server *server;
	const struct ln_proto *proto;
	void *data;
	struct ln_conn *next, **pprev;
	struct ln_conn *next_turn;
	uv_poll_t poll;
	uv_timer_t timer;
	int open_handles;
	int fd;
	int protocol;
	int polled;			/* UV_READABLE and UV_WRITABLE */
	int error;
	unsigned int vain;		/* events in a row that told of room where there was none */
	enum ln_phase phase;
	bool accepted, queued_turn, wake, held, eof, blocked, was_full, tls_writes;
	struct ln_peer *peer;
	SSL *tls;
	struct ln_tls *start_tls;	/* when what is queued has gone out */
	const char *tls_name;		/* the server's, for @start_tls on our own connections */
	unsigned char tls_binding[LN_TLS_BINDING];	/* of the sessions that it may resume */
	bool tls_bound;			/* another connection's, from the start */
	bool tls_marked;		/* @tls_binding is there */
	bool stop_tls;			/* when what is queued has gone out */
	char *in;			/* what arrived: a buffer of its own, or the server's scratch */
	size_t in_start, in_len, in_room;	/* in_room 0: scratch */
	struct ln_queue out;
	uint64_t sent;
	uint64_t born;
	uint64_t deadline, timer_at;	/* loop time, LN_NEVER */
	union ln_addr peer_addr;
	char name[LN_ADDR_STRLEN];
	max_align_t state[];
};

void ln_conn_accepted(struct ln_listener *l, int fd, const union ln_addr *peer);
void ln_conn_stop(struct ln_conn *c);
void ln_conn_turn(struct ln_conn *c);
void ln_server_metrics(void);
void ln_server_retry(struct ln_server *s);
void ln_server_conn_gone(struct ln_server *s, bool accepted);

/* conn-io.c */
void ln_conn_poll(struct ln_conn *c);
void ln_conn_on_poll(uv_poll_t *poll, int status, int events);
void ln_conn_receive(struct ln_conn *c);
int ln_conn_tls_bind(struct ln_conn *c);
bool ln_conn_tls_pending(const struct ln_conn *c);
void ln_conn_take_turn(struct ln_conn *c);
void ln_conn_schedule(struct ln_conn *c);
bool ln_conn_starved(const struct ln_conn *c);
void ln_conn_handshake(struct ln_conn *c);
void ln_conn_linger(struct ln_conn *c);
void ln_conn_fail(struct ln_conn *c, int err);
void ln_conn_established(struct ln_conn *c);
void ln_conn_arm(struct ln_conn *c, uint64_t ms);

#endif
