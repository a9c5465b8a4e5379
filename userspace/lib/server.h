/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A server's worker: an event loop with listeners, datagram sockets and
 * connections.  What is said on a connection is the business of a struct
 * ln_proto.
 *
 * A connection, accepted, adopted or made by ln_connect(), lives between the
 * open() and the close() of its protocol.  In between the loop calls:
 *
 *   input()    bytes arrived, or the end of the peer's stream
 *   output()   what was written has gone so far that there is room again
 *   timeout()  the time given to ln_conn_deadline() is over
 *   stop()     the server is ending: finish what is under way, take on no more
 *
 * Nothing is called from within a function of this header, except close() from
 * within ln_conn_close().  Writing fills a queue, which is sent when the loop has
 * nothing else to do in this turn; errors of the socket arrive as close(), with
 * ln_conn_error() telling which.
 *
 * Any callback may end the connection by ln_conn_finish() (what is queued is
 * sent, then the stream ends in order) or ln_conn_close() (at once).  After
 * either the only call still to come is close(), and after close() the
 * connection is gone.
 */
#ifndef LN_SERVER_H
#define LN_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "net.h"
#include "options.h"
#include "queue.h"

#define LN_NEVER	UINT64_MAX

struct ln_server;
struct ln_conn;
struct ln_tls;

/**
 * struct ln_proto - what is spoken on connections
 * @state_size: bytes of state per connection, zeroed before @open
 * @input_max: bytes kept that arrived and were not consumed; with so many
 *	waiting, nothing more is read from the socket
 * @output_max: bytes in memory waiting to be sent, from which on
 *	ln_conn_full() is true; output() comes at half of it
 * @open: a connection was accepted or made, its TLS handshake is done
 * @input: there is more in ln_conn_input(), or ln_conn_eof() became true
 * @output: after ln_conn_full() was true: there is room again
 * @timeout: deadline passed
 * @stop: the server is ending
 * @close: last call for a connection; releases what its state holds.  For a
 *	connection of ln_connect() that did not come about it is the only call.
 */
struct ln_proto {
	size_t state_size;
	size_t input_max;
	size_t output_max;
	void (*open)(struct ln_conn *c);
	void (*input)(struct ln_conn *c);
	void (*output)(struct ln_conn *c);
	void (*timeout)(struct ln_conn *c);
	void (*stop)(struct ln_conn *c);
	void (*close)(struct ln_conn *c);
};

/* Called when a datagram socket has something to read. */
typedef void (*ln_datagram_fn)(struct ln_server *s, int fd, void *data);

/* --- the server --- */

struct ln_server *ln_server_new(const struct ln_options *o);
/* On the sockets with this tag. */
int ln_server_listen(struct ln_server *s, const struct ln_sockets *sockets, const char *tag,
		     const struct ln_proto *proto, struct ln_tls *tls, void *data);
int ln_server_datagram(struct ln_server *s, const struct ln_sockets *sockets, const char *tag,
		       ln_datagram_fn fn, void *data);
int ln_server_run(struct ln_server *s);
void ln_server_free(struct ln_server *s);
uv_loop_t *ln_server_loop(struct ln_server *s);
const struct ln_options *ln_server_options(const struct ln_server *s);
bool ln_server_stopping(const struct ln_server *s);

/**
 * struct ln_turn_end - something to do at the end of each turn of the loop
 * @run: called when what the turn queued was sent, before the loop waits: work that
 *	no peer should wait for
 * @data: passed on to @run
 * @next: the server's
 */
struct ln_turn_end {
	void (*run)(void *data);
	void *data;
	struct ln_turn_end *next;
};

/* @e must stay as long as the server. */
void ln_server_at_turn_end(struct ln_server *s, struct ln_turn_end *e);
/* Work that is no connection keeps a stopping server alive between these. */
void ln_server_hold(struct ln_server *s);
void ln_server_release(struct ln_server *s);

/* --- a connection --- */

/**
 * struct ln_remote - where ln_connect() goes
 * @addr: address and port; of family AF_UNIX when @path is set
 * @protocol: IPPROTO_TCP or IPPROTO_LINNET
 * @prepared: @fd is the socket to use: one of that family and protocol, not blocking, which
 *	may be bound; ln_connect() takes it, closed when the call fails, too
 * @fd: the socket, with @prepared
 * @path: a UNIX socket's path, or NULL
 * @tls: NULL: none
 * @name: host name for SNI and the certificate's check, with @tls
 * @connect_ms: time for the connection and the handshake to come about
 */
struct ln_remote {
	union ln_addr addr;
	int protocol;
	bool prepared;
	int fd;
	const char *path;
	struct ln_tls *tls;
	const char *name;
	uint64_t connect_ms;
};

struct ln_conn *ln_connect(struct ln_server *s, const struct ln_remote *remote,
			   const struct ln_proto *proto, void *data);
struct ln_conn *ln_conn_adopt(struct ln_server *s, int fd, const char *name,
			      const struct ln_proto *proto, void *data);

void *ln_conn_state(struct ln_conn *c);
void *ln_conn_data(struct ln_conn *c);
struct ln_server *ln_conn_server(struct ln_conn *c);
const char *ln_conn_name(const struct ln_conn *c);
const union ln_addr *ln_conn_peer(const struct ln_conn *c);
void ln_conn_local(const struct ln_conn *c, union ln_addr *addr);
int ln_conn_protocol(const struct ln_conn *c);
int ln_conn_fd(const struct ln_conn *c);
bool ln_conn_is_tls(const struct ln_conn *c);
const char *ln_conn_tls_version(const struct ln_conn *c);
bool ln_conn_tls_serves(const struct ln_conn *c, const char *host);
const char *ln_conn_alpn(const struct ln_conn *c, size_t *len);
bool ln_conn_stopping(const struct ln_conn *c);
uint64_t ln_conn_now(const struct ln_conn *c);
/* Token bucket of the peer's address, shared by all workers: one event more? */
bool ln_conn_allow(struct ln_conn *c, double per_second, double burst);

const char *ln_conn_input(struct ln_conn *c, size_t *len);
void ln_conn_consume(struct ln_conn *c, size_t len);
bool ln_conn_eof(const struct ln_conn *c);
void ln_conn_hold(struct ln_conn *c, bool hold);
/* Have input() called in the next turn, whether something arrived or not. */
void ln_conn_wake(struct ln_conn *c);

int ln_conn_write(struct ln_conn *c, const void *data, size_t len);
int ln_conn_printf(struct ln_conn *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int ln_conn_write_file(struct ln_conn *c, struct ln_file *file, off_t offset, uint64_t len);
/* For ln_queue_reserve() and the like; ln_conn_flush() has it sent in this turn. */
struct ln_queue *ln_conn_queue(struct ln_conn *c);
void ln_conn_flush(struct ln_conn *c);
bool ln_conn_full(struct ln_conn *c);
uint64_t ln_conn_queued(const struct ln_conn *c);
uint64_t ln_conn_sent(const struct ln_conn *c);

/* From now; replaces what was asked for before.  0: at once, LN_NEVER: not at all. */
void ln_conn_deadline(struct ln_conn *c, uint64_t ms);
/* When what is queued has gone out; open() comes again when the handshake is done.
 * -EPROTO when something is in ln_conn_input() already: it came in the clear.
 */
int ln_conn_start_tls(struct ln_conn *c, struct ln_tls *tls);
/* The same on a connection of ln_connect(): the server's name, as struct ln_remote has it. */
int ln_conn_start_tls_to(struct ln_conn *c, struct ln_tls *tls, const char *name);
/* The same, with a session that goes on from one of connection @with, or is a new one. */
int ln_conn_start_tls_with(struct ln_conn *c, struct ln_tls *tls, const struct ln_conn *with);
bool ln_conn_tls_resumed(const struct ln_conn *c);
/* When what is queued has gone out: in the clear again, once the peer has agreed. */
int ln_conn_stop_tls(struct ln_conn *c);
int ln_conn_error(const struct ln_conn *c);
void ln_conn_finish(struct ln_conn *c);
void ln_conn_close(struct ln_conn *c);

#endif
