// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Bytes between a connection's socket and its buffers, in the clear or by TLS.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>

#include "log.h"
#include "server-internal.h"
#include "tls-internal.h"

/* Sent in one turn, so that other connections get theirs. */
#define SEND_BUDGET	(1024 * 1024)
/* Pieces of memory given to the kernel at once. */
#define MAX_IOV		64
/* Octets in one TLS record. */
#define TLS_RECORD	16384
/* Time for the peer to take what was sent last and to close its side. */
#define LINGER_MS	2000
/*
 * A socket that says so often that there is room, and takes nothing, has no memory (all sockets
 * together have a limit, tcp_mem): it does not tell when it has, and would keep us busy.
 */
#define MAX_VAIN	8
/* The least buffer for what a protocol leaves in ln_conn_input(). */
#define MIN_INPUT	512

/* --- when to look at the socket --- */

static bool wants_input(const struct ln_conn *c)
{
	switch (c->phase) {
	case LN_OPEN:
		return !c->held && !c->eof && c->in_len < c->proto->input_max;
	case LN_LINGERING:
		return true;
	default:
		return false;
	}
}

/* Whether it makes no sense to ask the socket when there is room. */
bool ln_conn_starved(const struct ln_conn *c)
{
	return c->vain >= MAX_VAIN;
}

/* Tells libuv what to wait for. */
void ln_conn_poll(struct ln_conn *c)
{
	int want = wants_input(c) ? UV_READABLE : 0;

	if (c->phase == LN_CLOSED)
		return;
	if (c->phase == LN_CONNECTING)
		want = UV_WRITABLE;
	else if (c->phase == LN_HANDSHAKE)
		want = c->tls_writes ? UV_WRITABLE : UV_READABLE;
	else if ((c->blocked && !ln_conn_starved(c)) || c->tls_writes)
		want |= UV_WRITABLE;
	if (want == c->polled)
		return;
	c->polled = want;
	if (want)
		uv_poll_start(&c->poll, want, ln_conn_on_poll);
	else
		uv_poll_stop(&c->poll);
}

/* There is something to do for a connection before the loop waits. */
void ln_conn_schedule(struct ln_conn *c)
{
	struct ln_server *s = c->server;

	if (c->queued_turn || c->phase == LN_CLOSED)
		return;
	c->queued_turn = true;
	c->next_turn = NULL;
	*s->turn_end = c;
	s->turn_end = &c->next_turn;
}

/* --- the way in --- */

/* Whether TLS has something for the protocol that the socket will not tell of any more: what was
 * decrypted, or the end of the stream that came right behind it.
 */
bool ln_conn_tls_pending(const struct ln_conn *c)
{
	return c->tls && (SSL_has_pending(c->tls) ||
			  (!c->eof && SSL_get_shutdown(c->tls) & SSL_RECEIVED_SHUTDOWN));
}

/* Returns bytes, 0 at the end of the stream, -EAGAIN or another error. */
static ssize_t tls_receive(struct ln_conn *c, char *buf, size_t room)
{
	size_t done = 0, n;

	c->tls_writes = false;
	ERR_clear_error();
	while (done < room && SSL_read_ex(c->tls, buf + done, room - done, &n))
		done += n;
	if (done == room)
		return done;
	switch (SSL_get_error(c->tls, 0)) {
	case SSL_ERROR_WANT_WRITE:
		c->tls_writes = true;
		__attribute__((fallthrough));
	case SSL_ERROR_WANT_READ:
		return done ? (ssize_t)done : -EAGAIN;
	case SSL_ERROR_ZERO_RETURN:
		break;
	case SSL_ERROR_SYSCALL:
		if (!done && errno)
			return -errno;
		break;
	default:
		/* Also an end without close_notify: cut off by somebody. */
		if (!done) {
			ln_tls_log_error(c->name);
			return -EPROTO;
		}
	}
	return done;
}

static ssize_t receive(struct ln_conn *c, char *buf, size_t room)
{
	ssize_t n;

	if (c->tls)
		return tls_receive(c, buf, room);
	n = recv(c->fd, buf, room, 0);
	return n < 0 ? -errno : n;
}

/* Room behind what is in the connection's own buffer. */
static bool make_room(struct ln_conn *c)
{
	size_t max = c->proto->input_max, room = c->in_room;
	char *in;

	if (c->in_start && c->in_start + c->in_len == c->in_room) {
		memmove(c->in, c->in + c->in_start, c->in_len);
		c->in_start = 0;
	}
	if (c->in_start + c->in_len < c->in_room)
		return true;
	room = room * 2 < max ? room * 2 : max;
	in = realloc(c->in, room);
	if (!in)
		return false;
	c->in = in;
	c->in_room = room;
	return true;
}

/* What the protocol left in the server's scratch goes to a buffer of its own. */
static bool keep_rest(struct ln_conn *c)
{
	size_t room = MIN_INPUT;
	char *own;

	while (room < c->in_len)
		room *= 2;
	if (room > c->proto->input_max)
		room = c->proto->input_max;
	own = malloc(room);
	if (!own)
		return false;
	memcpy(own, c->in + c->in_start, c->in_len);
	c->in = own;
	c->in_start = 0;
	c->in_room = room;
	return true;
}

static void give_input(struct ln_conn *c)
{
	c->proto->input(c);
	if (c->phase != LN_OPEN)
		return;
	if (!c->in_len) {
		if (c->in_room)
			free(c->in);
		c->in = NULL;
		c->in_room = 0;
	} else if (!c->in_room && !keep_rest(c)) {
		ln_conn_fail(c, ENOMEM);
		return;
	}
	ln_conn_poll(c);
}

static void read_open(struct ln_conn *c)
{
	size_t max = c->proto->input_max, room;
	ssize_t n;
	char *to;

	if (c->in_len) {
		if (!make_room(c)) {
			ln_conn_fail(c, ENOMEM);
			return;
		}
		to = c->in + c->in_start + c->in_len;
		room = c->in_room - c->in_start - c->in_len;
	} else {
		if (c->in_room)
			free(c->in);
		c->in = to = c->server->scratch;
		c->in_start = c->in_room = 0;
		room = max < LN_SCRATCH_BYTES ? max : LN_SCRATCH_BYTES;
	}
	n = receive(c, to, room);
	if (n == -EAGAIN || n == -EINTR) {
		ln_conn_poll(c);
		return;
	}
	if (n < 0) {
		ln_conn_fail(c, -n);
		return;
	}
	if (!n && c->stop_tls) {
		/* No more of it; ours follows when what is queued has gone out. */
		ln_conn_schedule(c);
		return;
	}
	if (n)
		c->in_len += n;
	else
		c->eof = true;
	if (ln_conn_tls_pending(c))
		ln_conn_wake(c);
	give_input(c);
}

/* What is in the socket now, if the protocol takes it. */
void ln_conn_receive(struct ln_conn *c)
{
	if (wants_input(c))
		read_open(c);
}

/* While lingering: read and throw away until the peer closes. */
static void discard(struct ln_conn *c)
{
	ssize_t n = recv(c->fd, c->server->scratch, LN_SCRATCH_BYTES, 0);

	if (!n || (n < 0 && errno != EAGAIN && errno != EINTR))
		ln_conn_close(c);
}

/* --- the way out --- */

static ssize_t send_clear(struct ln_conn *c)
{
	struct iovec iov[MAX_IOV];
	struct msghdr msg = { .msg_iov = iov };
	struct ln_piece piece;
	bool more;
	ssize_t n;

	msg.msg_iovlen = ln_queue_iov(&c->out, iov, MAX_IOV, &more);
	if (msg.msg_iovlen) {
		n = sendmsg(c->fd, &msg, MSG_NOSIGNAL | (more ? MSG_MORE : 0));
		return n < 0 ? -errno : n;
	}
	ln_queue_front(&c->out, &piece);
	n = sendfile(c->fd, piece.fd, &piece.offset,
		     piece.len < SEND_BUDGET ? piece.len : SEND_BUDGET);
	/* Nothing: the file is shorter than when its length was promised. */
	return n < 0 ? -errno : n ? n : -EIO;
}

/*
 * One record.  What SSL_write() could not send yet it must be given again, so
 * that it leaves the queue only when it was taken: it is copied to the scratch,
 * from the same place each time (SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER).
 */
static ssize_t send_tls(struct ln_conn *c)
{
	char *scratch = c->server->scratch;
	struct iovec iov[MAX_IOV];
	struct ln_piece piece;
	size_t len = 0, n;
	bool more;
	int count = ln_queue_iov(&c->out, iov, MAX_IOV, &more);

	for (int i = 0; i < count && len < TLS_RECORD; i++) {
		n = iov[i].iov_len < TLS_RECORD - len ? iov[i].iov_len : TLS_RECORD - len;
		memcpy(scratch + len, iov[i].iov_base, n);
		len += n;
	}
	if (!count) {
		ssize_t got;

		ln_queue_front(&c->out, &piece);
		got = pread(piece.fd, scratch, piece.len < TLS_RECORD ? piece.len : TLS_RECORD,
			    piece.offset);
		if (got <= 0)
			return got ? -errno : -EIO;
		len = got;
	}
	ERR_clear_error();
	if (SSL_write_ex(c->tls, scratch, len, &n))
		return n;
	switch (SSL_get_error(c->tls, 0)) {
	case SSL_ERROR_WANT_WRITE:
	case SSL_ERROR_WANT_READ:
		return -EAGAIN;
	case SSL_ERROR_SYSCALL:
		return errno ? -errno : -ECONNRESET;
	default:
		ln_tls_log_error(c->name);
		return -EPROTO;
	}
}

/* Returns true when everything is out, false when not, or when the connection is gone. */
static bool send_queue(struct ln_conn *c)
{
	size_t sent = 0;
	ssize_t n;

	c->blocked = false;
	while (c->out.bytes) {
		if (sent >= SEND_BUDGET) {
			ln_conn_schedule(c);
			return false;
		}
		n = c->tls ? send_tls(c) : send_clear(c);
		if (n == -EINTR)
			continue;
		if (n == -EAGAIN) {
			c->blocked = true;
			return false;
		}
		if (n < 0) {
			ln_conn_fail(c, -n);
			return false;
		}
		ln_queue_consume(&c->out, n);
		c->sent += n;
		sent += n;
		if (c->phase == LN_FINISHING)
			ln_conn_arm(c, c->server->options->idle_ms);
	}
	ln_queue_clear(&c->out);
	return true;
}

/* Everything is out: our side of the stream ends. */
void ln_conn_linger(struct ln_conn *c)
{
	if (c->tls) {
		ERR_clear_error();
		SSL_shutdown(c->tls);
	}
	if (c->eof || c->error || shutdown(c->fd, SHUT_WR)) {
		ln_conn_close(c);
		return;
	}
	c->phase = LN_LINGERING;
	ln_conn_arm(c, LINGER_MS);
	ln_conn_poll(c);
}

/* Whose sessions this one may go on from. */
int ln_conn_tls_bind(struct ln_conn *c)
{
	int err = ln_tls_bind(c->tls, c->tls_binding, c->tls_bound);

	c->tls_marked = !err;
	return err;
}

static void begin_tls(struct ln_conn *c)
{
	c->tls = ln_tls_session(c->start_tls, c->fd, c->tls_name);
	ln_tls_put(c->start_tls);
	c->start_tls = NULL;
	c->held = false;
	if (c->tls && !ln_conn_tls_bind(c))
		ln_conn_established(c);
	else
		ln_conn_fail(c, EPROTO);
}

/* Both sides have said that their encrypted stream is over: the socket's goes on. */
static void end_tls(struct ln_conn *c)
{
	SSL_free(c->tls);
	c->tls = NULL;
	c->stop_tls = c->tls_writes = false;
	ln_conn_poll(c);
	ln_conn_schedule(c);
}

/* Our close_notify, and the wait for the peer's. */
static void stop_tls(struct ln_conn *c)
{
	int r = 0;

	ERR_clear_error();
	if (!(SSL_get_shutdown(c->tls) & SSL_SENT_SHUTDOWN))
		r = SSL_shutdown(c->tls);
	if (r < 0)
		ln_conn_fail(c, EPROTO);
	else if (SSL_get_shutdown(c->tls) & SSL_RECEIVED_SHUTDOWN)
		end_tls(c);
}

static void flush(struct ln_conn *c)
{
	bool had = c->out.bytes, empty, room;

	if (c->stop_tls && c->phase == LN_OPEN && SSL_get_shutdown(c->tls) & SSL_SENT_SHUTDOWN) {
		stop_tls(c);
		return;
	}
	empty = send_queue(c);
	if (c->phase == LN_CLOSED)
		return;
	ln_conn_poll(c);
	if (empty && c->phase == LN_FINISHING) {
		ln_conn_linger(c);
	} else if (empty && c->start_tls) {
		begin_tls(c);
	} else if (empty && c->stop_tls && c->phase == LN_OPEN) {
		stop_tls(c);
	} else if (c->phase == LN_OPEN) {
		room = c->was_full && c->out.memory <= c->proto->output_max / 2;
		if (room)
			c->was_full = false;
		if ((room || (had && empty)) && c->proto->output)
			c->proto->output(c);
	}
}

/* The socket says that there is room. */
static void flush_writable(struct ln_conn *c)
{
	uint64_t before = c->sent;

	flush(c);
	if (c->phase >= LN_LINGERING)
		return;
	c->vain = c->blocked && c->sent == before ? c->vain + 1 : 0;
	if (!ln_conn_starved(c))
		return;
	ln_conn_poll(c);
	ln_server_retry(c->server);
}

/* --- the handshake --- */

void ln_conn_handshake(struct ln_conn *c)
{
	int r;

	ERR_clear_error();
	r = SSL_do_handshake(c->tls);
	if (r == 1) {
		c->phase = LN_OPEN;
		c->tls_writes = false;
		ln_conn_arm(c, LN_NEVER);
		ln_conn_poll(c);
		ln_debug("%s: %s", c->name, SSL_get_version(c->tls));
		if (ln_conn_tls_pending(c))
			ln_conn_wake(c);
		c->proto->open(c);
		if (c->server->stopping)
			ln_conn_stop(c);
		return;
	}
	switch (SSL_get_error(c->tls, r)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		c->tls_writes = SSL_want_write(c->tls);
		ln_conn_poll(c);
		return;
	case SSL_ERROR_SYSCALL:
		ln_conn_fail(c, errno ? errno : ECONNRESET);
		return;
	default:
		ln_tls_log_error(c->name);
		ln_conn_fail(c, EPROTO);
	}
}

static void on_connected(struct ln_conn *c)
{
	int err = 0;
	socklen_t len = sizeof(err);

	getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &len);
	if (err)
		ln_conn_fail(c, err);
	else
		ln_conn_established(c);
}

/* --- the loop's calls --- */

void ln_conn_on_poll(uv_poll_t *poll, int status, int events)
{
	struct ln_conn *c = poll->data;
	int err = 0;
	socklen_t len = sizeof(err);

	if (status < 0) {
		/* libuv's word for POLLERR; it has stopped polling */
		getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &len);
		c->polled = 0;
		ln_conn_fail(c, err ? err : ECONNRESET);
		return;
	}
	switch (c->phase) {
	case LN_CONNECTING:
		on_connected(c);
		return;
	case LN_HANDSHAKE:
		ln_conn_handshake(c);
		return;
	case LN_LINGERING:
		discard(c);
		return;
	default:
		break;
	}
	if (events & UV_WRITABLE)
		flush_writable(c);
	if (events & UV_READABLE && wants_input(c))
		read_open(c);
}

/* A connection's turn, before the loop waits. */
void ln_conn_take_turn(struct ln_conn *c)
{
	if (c->phase == LN_CONNECTING) {
		if (c->error)
			ln_conn_fail(c, c->error);
		else
			on_connected(c);
		return;
	}
	if (c->wake && c->phase == LN_OPEN) {
		c->wake = false;
		/* Under TLS there may be more than what was read already. */
		if (wants_input(c) && ln_conn_tls_pending(c))
			read_open(c);
		else
			give_input(c);
	}
	if (c->phase == LN_OPEN || c->phase == LN_FINISHING)
		flush(c);
}
