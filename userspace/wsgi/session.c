// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * FastCGI 1.0, the application's side: a responder with one request per connection, which
 * it closes afterwards, so that a process never waits for a connection that is idle.
 */
#include "session.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "log.h"

/* The server has the whole header before it connects. */
#define BEGIN_MS	10000
/* For content that the application did not want. */
#define LINGER_MS	1000

static int fail(struct session *s, int error)
{
	if (!s->error)
		s->error = error;
	return s->error;
}

static int malformed(struct session *s, const char *what)
{
	wsgi_log("the server's FastCGI is malformed: %s", what);
	return fail(s, -EBADMSG);
}

/**
 * session_now() - the time
 *
 * Return: milliseconds of CLOCK_MONOTONIC.
 */
uint64_t session_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* More input; @until: time at which to give up, 0: never.  0 or an error. */
static int fill(struct session *s, uint64_t until)
{
	ssize_t n;

	while (until) {
		struct pollfd p = { .fd = s->fd, .events = POLLIN };
		uint64_t now = session_now();
		int r = now < until ? poll(&p, 1, (int)(until - now)) : 0;

		if (r > 0)
			break;
		if (!r || errno != EINTR)
			return fail(s, r ? -errno : -ETIMEDOUT);
	}
	*s->since = 0;
	do {
		n = recv(s->fd, s->input, sizeof(s->input), 0);
	} while (n < 0 && errno == EINTR);
	*s->since = session_now();
	if (n <= 0)
		return fail(s, n ? -errno : -ECONNABORTED);
	s->at = 0;
	s->len = (size_t)n;
	return 0;
}

static int send_all(struct session *s, struct iovec *iov, size_t n)
{
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = n };

	while (m.msg_iovlen) {
		ssize_t sent;

		*s->since = 0;
		sent = sendmsg(s->fd, &m, MSG_NOSIGNAL);
		*s->since = session_now();
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return fail(s, -errno);
		while (m.msg_iovlen && (size_t)sent >= m.msg_iov->iov_len) {
			sent -= (ssize_t)m.msg_iov->iov_len;
			m.msg_iov++;
			m.msg_iovlen--;
		}
		if (m.msg_iovlen) {
			m.msg_iov->iov_base = (char *)m.msg_iov->iov_base + sent;
			m.msg_iov->iov_len -= (size_t)sent;
		}
	}
	return 0;
}

static int flush(struct session *s)
{
	struct iovec iov = { s->pending.data, s->pending.len };

	if (s->error)
		return s->error;
	if (!cgi_buffer_ok(&s->pending))
		return fail(s, -ENOMEM);
	cgi_buffer_consume(&s->pending, iov.iov_len);
	return iov.iov_len ? send_all(s, &iov, 1) : 0;
}

/* FCGI_GET_VALUES: this process has one connection with one request. */
static void get_values(struct session *s)
{
	static const char *const known[][2] = {
		{ "FCGI_MAX_CONNS", "1" }, { "FCGI_MAX_REQS", "1" }, { "FCGI_MPXS_CONNS", "0" },
	};
	const char *at = s->control.data;
	size_t left = s->control.len;
	struct cgi_buffer b;
	struct fcgi_pair p;

	cgi_buffer_init(&b, SESSION_MAX_CONTROL);
	while (fcgi_next_pair(&at, &left, &p) > 0)
		for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
			if (p.name_len == strlen(known[i][0]) &&
			    !memcmp(p.name, known[i][0], p.name_len))
				fcgi_put_pair(&b, p.name, p.name_len, known[i][1],
					      strlen(known[i][1]));
	if (b.len)
		fcgi_put_stream(&s->pending, FCGI_GET_VALUES_RESULT, 0, b.data, b.len);
	else
		fcgi_put_stream_end(&s->pending, FCGI_GET_VALUES_RESULT, 0);
	cgi_buffer_free(&b);
}

static int begin_request(struct session *s, unsigned int id)
{
	struct fcgi_begin begin;

	if (!id || !fcgi_parse_begin(s->control.data, s->control.len, &begin))
		return malformed(s, "FCGI_BEGIN_REQUEST");
	if (s->id)
		fcgi_put_end(&s->pending, id, 0, FCGI_CANT_MPX_CONN);
	else if (begin.role != FCGI_RESPONDER)
		fcgi_put_end(&s->pending, id, 0, FCGI_UNKNOWN_ROLE);
	else
		s->id = id;
	return flush(s);
}

/* A record that belongs to no stream is complete. */
static int control_record(struct session *s, const struct fcgi_piece *p)
{
	if (p->type == FCGI_BEGIN_REQUEST)
		return begin_request(s, p->id);
	if (p->type == FCGI_ABORT_REQUEST)
		return p->id == s->id && s->id ? fail(s, -ECONNABORTED) : 0;
	if (p->id)	/* another request's, or of a type that a responder does not get */
		return 0;
	if (p->type == FCGI_GET_VALUES)
		get_values(s);
	else
		fcgi_put_unknown(&s->pending, p->type);
	return flush(s);
}

static int piece(struct session *s, const struct fcgi_piece *p)
{
	bool ours = s->id && p->id == s->id;

	if (ours && p->type == FCGI_PARAMS && !s->params_done) {
		cgi_buffer_add(&s->params, p->data, p->len);
		if (!cgi_buffer_ok(&s->params))
			return malformed(s, "FCGI_PARAMS is too long");
		s->params_done = p->last && !p->length;
		return 0;
	}
	if (ours && p->type == FCGI_STDIN) {	/* its data: session_read() */
		if (p->last && !p->length)
			s->stdin_done = true;
		return 0;
	}
	if (p->first)
		cgi_buffer_consume(&s->control, s->control.len);
	cgi_buffer_add(&s->control, p->data, p->len);
	if (!cgi_buffer_ok(&s->control))
		return malformed(s, "a record is too long");
	return p->last ? control_record(s, p) : 0;
}

/* Takes up to @max octets of what arrived.  0 or an error. */
static int take(struct session *s, size_t max, struct fcgi_piece *p)
{
	ssize_t n = fcgi_read(&s->reader, s->input + s->at, s->len < max ? s->len : max, p);

	if (n < 0)
		return malformed(s, "this is not version 1");
	s->at += (size_t)n;
	s->len -= (size_t)n;
	return piece(s, p);
}

/**
 * session_begin() - read a request's header
 * @s: the session, to be let go by session_close() in any case
 * @fd: the connection, blocking, which becomes the session's
 * @since: where to say whose turn it is
 *
 * Return: 0: a request is there; or a negative errno: -ECONNABORTED: the server has gone.
 */
int session_begin(struct session *s, int fd, volatile uint64_t *since)
{
	uint64_t until = session_now() + BEGIN_MS;
	struct fcgi_piece p;

	memset(s, 0, offsetof(struct session, input));
	s->fd = fd;
	s->since = since;
	cgi_buffer_init(&s->params, SESSION_MAX_PARAMS);
	cgi_buffer_init(&s->control, SESSION_MAX_CONTROL);
	cgi_buffer_init(&s->pending, SESSION_MAX_PARAMS);
	while (!s->params_done && !s->error) {
		if (s->len)
			take(s, s->len, &p);
		else
			fill(s, until);
	}
	return s->error;
}

/**
 * session_read() - read content
 * @s: the session
 * @buf: where to
 * @len: octets at most, at least 1
 *
 * Return: octets read, as soon as there are any; 0: the content is complete; or a negative
 * errno: -ECONNABORTED: the server has given up.
 */
ssize_t session_read(struct session *s, void *buf, size_t len)
{
	struct fcgi_piece p;

	while (!s->error && !s->stdin_done) {
		if (!s->len) {
			fill(s, 0);
			continue;
		}
		if (take(s, len, &p) || p.type != FCGI_STDIN || p.id != s->id || !p.len)
			continue;
		memcpy(buf, p.data, p.len);
		return (ssize_t)p.len;
	}
	return s->error;
}

/**
 * session_put() - queue some of a stream, to be sent with what follows
 * @s: the session
 * @type: FCGI_STDOUT or FCGI_STDERR
 * @data: the octets
 * @len: how many
 *
 * Return: 0 or a negative errno.
 */
int session_put(struct session *s, enum fcgi_type type, const void *data, size_t len)
{
	fcgi_put_stream(&s->pending, type, s->id, data, len);
	return cgi_buffer_ok(&s->pending) ? s->error : fail(s, -ENOMEM);
}

/**
 * session_send() - send some of a stream, and what was queued before
 * @s: the session
 * @type: FCGI_STDOUT or FCGI_STDERR
 * @data: the octets
 * @len: how many
 *
 * Return: 0 or a negative errno; -EPIPE: the server has given up.
 */
int session_send(struct session *s, enum fcgi_type type, const void *data, size_t len)
{
	while (len && !s->error) {
		size_t n = len < FCGI_MAX_CONTENT ? len : FCGI_MAX_CONTENT;
		char header[FCGI_HEADER_LEN];
		struct iovec iov[3] = {
			{ s->pending.data, s->pending.len },
			{ header, sizeof(header) },
			{ (void *)data, n },
		};

		fcgi_header(header, type, s->id, (unsigned int)n, 0);
		send_all(s, iov, 3);
		cgi_buffer_consume(&s->pending, s->pending.len);
		data = (const char *)data + n;
		len -= n;
	}
	return s->error;
}

/**
 * session_end() - the response is complete
 * @s: the session
 */
void session_end(struct session *s)
{
	uint64_t until;

	fcgi_put_stream_end(&s->pending, FCGI_STDOUT, s->id);
	fcgi_put_end(&s->pending, s->id, 0, FCGI_REQUEST_COMPLETE);
	if (flush(s) || s->stdin_done || shutdown(s->fd, SHUT_WR))
		return;
	/*
	 * A UNIX socket that is closed with input unread is an error at the other end, where
	 * the response may not have been read yet.
	 */
	until = session_now() + LINGER_MS;
	while (!fill(s, until))
		;
}

/**
 * session_close() - close the connection.  Without session_end() before, the server knows
 *	that the response is not complete.
 * @s: the session
 */
void session_close(struct session *s)
{
	close(s->fd);
	cgi_buffer_free(&s->params);
	cgi_buffer_free(&s->control);
	cgi_buffer_free(&s->pending);
}
