/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A server: listeners, datagram sockets, and connections with their life
 * cycle.  What is said on a connection is the business of a struct ln_proto.
 *
 * A connection lives between open() and close() of its protocol.  While it
 * lives, exactly one of these is called at a time:
 *
 *   ready()    the descriptor can do what ln_conn_want() asked for
 *   timeout()  the time given to ln_conn_deadline() is over
 *   stop()     the server is ending: finish what is under way, take on no more
 *
 * Any of them may end the connection by ln_conn_finish() (orderly) or
 * ln_conn_close() (at once), and touches the connection no more after that.
 */
#ifndef LN_SERVER_H
#define LN_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "net.h"
#include "options.h"

struct ln_server;
struct ln_conn;

enum { LN_READ = 1, LN_WRITE = 2 };

/**
 * struct ln_proto - what is spoken on the connections of a server
 * @state_size: bytes of state per connection, zeroed before @open
 * @open: a connection was accepted
 * @ready: descriptor ready, with LN_READ and LN_WRITE as they apply
 * @timeout: deadline passed
 * @stop: the server is ending
 * @close: last call for a connection; releases what its state holds
 */
struct ln_proto {
	size_t state_size;
	void (*open)(struct ln_conn *c);
	void (*ready)(struct ln_conn *c, int events);
	void (*timeout)(struct ln_conn *c);
	void (*stop)(struct ln_conn *c);
	void (*close)(struct ln_conn *c);
};

/* Called when a datagram socket has something to read. */
typedef void (*ln_datagram_fn)(int fd, void *data);

struct ln_server *ln_server_new(const struct ln_options *o, const struct ln_proto *proto,
				void *data);
int ln_server_listen(struct ln_server *s);
int ln_server_datagram(struct ln_server *s, uint16_t port, ln_datagram_fn fn, void *data);
int ln_server_run(struct ln_server *s);
void ln_server_free(struct ln_server *s);

void *ln_conn_state(struct ln_conn *c);
void *ln_conn_data(struct ln_conn *c);
const char *ln_conn_name(const struct ln_conn *c);
bool ln_conn_stopping(const struct ln_conn *c);
void ln_conn_want(struct ln_conn *c, int events);
void ln_conn_deadline(struct ln_conn *c, uint64_t ms);
uint64_t ln_conn_now(const struct ln_conn *c);
ssize_t ln_conn_read(struct ln_conn *c, void *buf, size_t len);
ssize_t ln_conn_write(struct ln_conn *c, const void *buf, size_t len, bool more);
ssize_t ln_conn_sendfile(struct ln_conn *c, int file, off_t *offset, size_t len);
void ln_conn_finish(struct ln_conn *c);
void ln_conn_close(struct ln_conn *c);

#endif
