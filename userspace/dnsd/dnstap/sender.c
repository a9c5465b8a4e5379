// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A connection to whoever listens on the socket, by Frame Streams: READY, the listener's ACCEPT,
 * START, then a frame for each message, and STOP.
 *
 * It is not one of the server's connections: none of them waits for it, nor does the
 * server's end.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fstrm.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "dnstap.h"
#include "internal.h"
#include "log.h"
#include "metrics.h"
#include "queue.h"
#include "worker.h"

#define CONTENT_TYPE	"protobuf:dnstap.Dnstap"
#define RETRY_MS	1000
/* Ticks of RETRY_MS that a listener has for its ACCEPT. */
#define ACCEPT_TICKS	5
#define LEAVE_MS	500
#define MAX_IOV		64
/* A control frame: an empty frame, the length, the frame. */
#define CONTROL_HEADER	8
#define CONTROL_MAX	(CONTROL_HEADER + FSTRM_CONTROL_FRAME_LENGTH_MAX)

static struct ln_metric said = {
	.name = "linnet_dns_dnstap_messages_total",
	.help = "Messages that were queued for the dnstap socket.", .type = LN_COUNTER,
};
static struct ln_metric dropped = {
	.name = "linnet_dns_dnstap_dropped_total",
	.help = "Messages that nobody took from the dnstap socket in time.", .type = LN_COUNTER,
};

/**
 * struct dnstap - a worker's connection
 * @worker: whose
 * @fd: -1: there is none
 * @poll: on @fd, allocated as it ends later
 * @timer: looks every RETRY_MS whether there is a connection
 * @ticks: of @timer since @fd is there
 * @accepted: ACCEPT came: messages may be said
 * @blocked: the socket is full
 * @told: that there is no listener was logged
 * @queue: what waits to be sent
 * @in, @in_len: a control frame that is arriving
 */
struct dnstap {
	struct worker *worker;
	int fd;
	uv_poll_t *poll;
	uv_timer_t timer;
	unsigned int ticks;
	bool accepted, blocked, told;
	struct ln_queue queue;
	uint8_t in[CONTROL_MAX];
	size_t in_len;
};

void dnstap_define_metrics(void)
{
	ln_metric_define(&said);
	ln_metric_define(&dropped);
}

/* --- the connection --- */

static void free_handle(uv_handle_t *handle)
{
	free(handle);
}

static void disconnect(struct dnstap *d, const char *why)
{
	if (d->fd < 0)
		return;
	if (why && !d->told)
		ln_warning("dnstap: %s: %s; it is tried again each second",
			   d->worker->setup->dnstap->socket, why);
	if (why)
		d->told = true;
	uv_close((uv_handle_t *)d->poll, free_handle);
	close(d->fd);
	d->fd = -1;
	d->accepted = d->blocked = false;
	d->in_len = 0;
	ln_queue_clear(&d->queue);
}

static bool say_control(struct dnstap *d, fstrm_control_type type)
{
	struct fstrm_control *c = fstrm_control_init();
	uint8_t frame[CONTROL_MAX];
	size_t len = sizeof(frame);
	bool good = !fstrm_control_set_type(c, type);

	if (good && type != FSTRM_CONTROL_STOP)
		good = !fstrm_control_add_field_content_type(c, (const uint8_t *)CONTENT_TYPE,
							     strlen(CONTENT_TYPE));
	good = good && !fstrm_control_encode(c, frame, &len, FSTRM_CONTROL_FLAG_WITH_HEADER) &&
	       !ln_queue_add(&d->queue, frame, len);
	fstrm_control_destroy(&c);
	return good;
}

static void on_event(uv_poll_t *poll, int status, int events);

/* Sends what the socket takes. */
static void flush(struct dnstap *d)
{
	struct iovec iov[MAX_IOV];
	bool more;

	while (d->queue.bytes && !d->blocked) {
		struct msghdr m = { .msg_iov = iov };
		ssize_t n;

		m.msg_iovlen = ln_queue_iov(&d->queue, iov, MAX_IOV, &more);
		n = sendmsg(d->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n >= 0) {
			ln_queue_consume(&d->queue, n);
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN) {
			disconnect(d, strerror(errno));
			return;
		}
		d->blocked = true;
		uv_poll_start(d->poll, UV_READABLE | UV_WRITABLE, on_event);
	}
}

/* A whole control frame: of those that may come only ACCEPT matters; FINISH answers our STOP. */
static bool take_control(struct dnstap *d, size_t len)
{
	struct fstrm_control *c = fstrm_control_init();
	fstrm_control_type type;
	bool good;

	good = !fstrm_control_decode(c, d->in, len, FSTRM_CONTROL_FLAG_WITH_HEADER) &&
	       !fstrm_control_get_type(c, &type) && type == FSTRM_CONTROL_ACCEPT &&
	       !d->accepted &&
	       !fstrm_control_match_field_content_type(c, (const uint8_t *)CONTENT_TYPE,
						       strlen(CONTENT_TYPE));
	fstrm_control_destroy(&c);
	if (!good || !say_control(d, FSTRM_CONTROL_START))
		return false;
	d->accepted = true;
	d->told = false;
	ln_notice("dnstap: %s: connected", d->worker->setup->dnstap->socket);
	return true;
}

/* Returns the octets of the frame in front, 0: it is not there yet, negative: nonsense. */
static ssize_t frame_length(const struct dnstap *d)
{
	uint32_t word[2];

	if (d->in_len < sizeof(word))
		return 0;
	memcpy(word, d->in, sizeof(word));
	if (word[0] || ntohl(word[1]) > FSTRM_CONTROL_FRAME_LENGTH_MAX)
		return -1;
	return d->in_len < CONTROL_HEADER + ntohl(word[1]) ? 0 : CONTROL_HEADER + ntohl(word[1]);
}

static void receive(struct dnstap *d)
{
	ssize_t n = recv(d->fd, d->in + d->in_len, sizeof(d->in) - d->in_len, MSG_DONTWAIT);
	ssize_t len;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		disconnect(d, n ? strerror(errno) : "the listener has gone");
		return;
	}
	d->in_len += n;
	while ((len = frame_length(d))) {
		if (len < 0 || !take_control(d, len)) {
			disconnect(d, "the listener does not take " CONTENT_TYPE
				      " over bidirectional Frame Streams");
			return;
		}
		memmove(d->in, d->in + len, d->in_len - len);
		d->in_len -= len;
	}
	flush(d);
}

static void on_event(uv_poll_t *poll, int status, int events)
{
	struct dnstap *d = poll->data;

	if (status < 0) {
		disconnect(d, uv_strerror(status));
		return;
	}
	if (events & UV_WRITABLE) {
		d->blocked = false;
		uv_poll_start(poll, UV_READABLE, on_event);
		flush(d);
	}
	if (d->fd >= 0 && events & UV_READABLE)
		receive(d);
}

static int open_socket(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	size_t len = strlen(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	memcpy(a.sun_path, path, len);
	if (*path == '@')
		a.sun_path[0] = 0;
	if (connect(fd, (struct sockaddr *)&a, offsetof(struct sockaddr_un, sun_path) + len)) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

static void try_to_connect(struct dnstap *d)
{
	const char *path = d->worker->setup->dnstap->socket;
	int fd = open_socket(path);
	uv_poll_t *poll;

	if (fd < 0) {
		if (!d->told)
			ln_warning("dnstap: %s: %s; it is tried again each second", path,
				   strerror(-fd));
		d->told = true;
		return;
	}
	poll = malloc(sizeof(*poll));
	if (!poll || uv_poll_init(ln_server_loop(d->worker->server), poll, fd)) {
		free(poll);
		close(fd);
		return;
	}
	d->fd = fd;
	d->poll = poll;
	d->ticks = 0;
	poll->data = d;
	uv_poll_start(poll, UV_READABLE, on_event);
	uv_unref((uv_handle_t *)poll);
	if (say_control(d, FSTRM_CONTROL_READY))
		flush(d);
	else
		disconnect(d, "out of memory");
}

static void on_timer(uv_timer_t *timer)
{
	struct dnstap *d = timer->data;

	if (d->fd < 0)
		try_to_connect(d);
	else if (!d->accepted && ++d->ticks >= ACCEPT_TICKS)
		disconnect(d, "the listener did not answer in time");
}

/* --- for message.c and the worker --- */

char *dnstap_reserve(struct dnstap *d, size_t len)
{
	uint32_t size = htonl(len);
	char *room = NULL;

	if (d->accepted &&
	    d->queue.bytes + sizeof(size) + len <= d->worker->setup->dnstap->buffer)
		room = ln_queue_reserve(&d->queue, sizeof(size) + len);
	if (!room) {
		ln_metric_add(&dropped, 1);
		return NULL;
	}
	memcpy(room, &size, sizeof(size));
	return room + sizeof(size);
}

void dnstap_commit(struct dnstap *d, size_t len)
{
	ln_queue_commit(&d->queue, sizeof(uint32_t) + len);
	ln_metric_add(&said, 1);
}

void dnstap_flush(struct worker *w)
{
	flush(w->dnstap);
}

int dnstap_start(struct worker *w)
{
	struct dnstap *d = calloc(1, sizeof(*d));

	if (!d) {
		ln_error("out of memory");
		return -ENOMEM;
	}
	d->worker = w;
	d->fd = -1;
	w->dnstap = d;
	uv_timer_init(ln_server_loop(w->server), &d->timer);
	d->timer.data = d;
	uv_timer_start(&d->timer, on_timer, RETRY_MS, RETRY_MS);
	uv_unref((uv_handle_t *)&d->timer);
	try_to_connect(d);
	return 0;
}

/* The rest, as far as the listener takes it in time, and its FINISH. */
static void take_leave(struct dnstap *d)
{
	struct pollfd p = { .fd = d->fd, .events = POLLOUT };

	if (!d->accepted || !say_control(d, FSTRM_CONTROL_STOP))
		return;
	for (int i = 0; i < 2 && d->fd >= 0 && d->queue.bytes; i++) {
		d->blocked = i && poll(&p, 1, LEAVE_MS) <= 0;
		flush(d);
	}
	p.events = POLLIN;
	/* Closed with that unread, the listener would get a reset. */
	if (d->fd >= 0 && !d->queue.bytes && poll(&p, 1, LEAVE_MS) > 0)
		recv(d->fd, d->in, sizeof(d->in), MSG_DONTWAIT);
}

static void closed(uv_handle_t *timer)
{
	free(timer->data);
}

void dnstap_stop(struct worker *w)
{
	struct dnstap *d = w->dnstap;

	take_leave(d);
	disconnect(d, NULL);
	w->dnstap = NULL;
	uv_close((uv_handle_t *)&d->timer, closed);
}
