// SPDX-License-Identifier: GPL-2.0-or-later
#include "keeper-link.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "keeper/message.h"
#include "log.h"

#define MAX_WAITING	1024
#define PACKET_MAX	(sizeof(struct keeper_message) + KEEPER_WIRE_MAX)
/* A socket's buffer is counted with what the kernel needs itself. */
#define BUFFER_BYTES	(1 << 20)

/* A request that was sent. */
struct waiting {
	struct query *query;
	uint64_t deadline;
};

/**
 * struct keeper_link - the connection
 * @worker: whose
 * @fd: -1: there is none
 * @poll: on @fd, allocated as it ends later
 * @timer: the next deadline
 * @next: slot to try first
 * @waiting: requests, their id is the slot's number
 * @packet: one packet
 */
struct keeper_link {
	struct worker *worker;
	int fd;
	uv_poll_t *poll;
	uv_timer_t timer;
	unsigned int next;
	uint16_t round;
	struct waiting waiting[MAX_WAITING];
	union {
		struct keeper_message message;
		uint8_t octets[PACKET_MAX];
	} packet;
};

static int make_address(struct sockaddr_un *a, const char *state)
{
	*a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (snprintf(a->sun_path, sizeof(a->sun_path), "%s/%s", state, KEEPER_SOCKET) >=
	    (int)sizeof(a->sun_path)) {
		ln_error("state-directory: the path %s is too long for a socket in it: at most "
			 "%zu octets", state, sizeof(a->sun_path) - sizeof(KEEPER_SOCKET) - 1);
		return -ENAMETOOLONG;
	}
	return 0;
}

/* A worker that has given up its rights connects again when the keeper was replaced. */
static int give_to(const char *path, const char *user)
{
	const struct passwd *p = user && !geteuid() ? getpwnam(user) : NULL;

	return p ? chown(path, p->pw_uid, -1) : 0;
}

/**
 * keeper_link_listen() - the keeper's socket, in the master
 * @state: the state folder
 * @user: who may connect; NULL: who started us
 *
 * Return: a listening socket, or -1 after an error line.
 */
int keeper_link_listen(const char *state, const char *user)
{
	struct sockaddr_un a;
	int fd = make_address(&a, state) ?
		 -1 : socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	unlink(a.sun_path);
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) || chmod(a.sun_path, 0600) ||
	    give_to(a.sun_path, user) || listen(fd, LN_MAX_WORKERS)) {
		ln_error("the keeper's socket %s: %s", a.sun_path, strerror(errno));
		close(fd);
		return -1;
	}
	return fd;
}

static void fail(struct waiting *w)
{
	struct query *q = w->query;

	w->query = NULL;
	response_error(q, KNOT_RCODE_SERVFAIL, KNOT_EDNS_EDE_NOT_READY, NULL);
	query_reply(q);
}

static void free_handle(uv_handle_t *handle)
{
	free(handle);
}

static void disconnect(struct keeper_link *k)
{
	if (k->fd < 0)
		return;
	uv_close((uv_handle_t *)k->poll, free_handle);
	close(k->fd);
	k->fd = -1;
	for (unsigned int i = 0; i < MAX_WAITING; i++)
		if (k->waiting[i].query)
			fail(&k->waiting[i]);
}

static void take_reply(struct keeper_link *k, size_t len)
{
	const struct keeper_message *m = &k->packet.message;
	struct waiting *w = &k->waiting[m->id % MAX_WAITING];
	struct query *q = w->query;

	if (len < offsetof(struct keeper_message, wire) || m->version != KEEPER_VERSION ||
	    len != offsetof(struct keeper_message, wire) + m->len) {
		ln_error("a broken packet from the keeper");
		return;
	}
	/* It may have come too late. */
	if (!q || (uintptr_t)q->room_data != m->id)
		return;
	w->query = NULL;
	q->out_len = 0;
	if (m->len <= QUERY_MESSAGE_MAX && (query_is_stream(q) || m->len <= 4096)) {
		memcpy(q->out, m->wire, m->len);
		q->out_len = m->len;
	}
	query_reply_raw(q);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct keeper_link *k = poll->data;
	ssize_t n = 0;

	(void)events;
	while (!status && k->fd >= 0) {
		n = recv(k->fd, &k->packet, sizeof(k->packet), MSG_DONTWAIT);
		if (n <= 0)
			break;
		take_reply(k, n);
	}
	if (k->fd >= 0 && (status || !n || (n < 0 && errno != EAGAIN && errno != EINTR))) {
		ln_notice("the keeper has gone; it is asked again when there is something to ask");
		disconnect(k);
	}
}

static int watch(struct keeper_link *k, int fd)
{
	uv_poll_t *poll = malloc(sizeof(*poll));

	if (!poll || uv_poll_init(ln_server_loop(k->worker->server), poll, fd)) {
		free(poll);
		return -ENOMEM;
	}
	k->fd = fd;
	k->poll = poll;
	poll->data = k;
	uv_poll_start(poll, UV_READABLE, on_readable);
	/* Being connected is no reason to stay; queries that wait are. */
	uv_unref((uv_handle_t *)poll);
	return 0;
}

static int connect_keeper(struct keeper_link *k)
{
	const int bytes = BUFFER_BYTES;
	struct sockaddr_un a;
	int fd, err;

	if (k->fd >= 0)
		return 0;
	err = make_address(&a, k->worker->setup->state);
	if (err)
		return err;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	if (connect(fd, (struct sockaddr *)&a, sizeof(a))) {
		err = -errno;
		ln_warning("the keeper's socket: %s", strerror(errno));
		close(fd);
		return err;
	}
	err = watch(k, fd);
	if (err)
		close(fd);
	return err;
}

static void on_timer(uv_timer_t *timer)
{
	struct keeper_link *k = timer->data;
	uint64_t now = uv_now(ln_server_loop(k->worker->server));

	for (unsigned int i = 0; i < MAX_WAITING; i++)
		if (k->waiting[i].query && k->waiting[i].deadline <= now)
			fail(&k->waiting[i]);
}

static struct waiting *free_slot(struct keeper_link *k)
{
	for (unsigned int i = 0; i < MAX_WAITING; i++) {
		struct waiting *w = &k->waiting[(k->next + i) % MAX_WAITING];

		if (!w->query) {
			k->next = (w - k->waiting + 1) % MAX_WAITING;
			return w;
		}
	}
	return NULL;
}

static int ask(struct keeper_link *k, struct query *q, uint32_t id)
{
	struct keeper_message *m = &k->packet.message;
	size_t len = offsetof(struct keeper_message, wire) + q->len;

	*m = (struct keeper_message){
		.version = KEEPER_VERSION,
		.transport = q->transport,
		.len = q->len,
		.id = id,
		.peer = q->peer,
		.local = q->local,
	};
	memcpy(m->wire, q->wire, q->len);
	return send(k->fd, m, len, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)len ? 0 : -errno;
}

static enum query_verdict refuse(struct query *q)
{
	response_error(q, KNOT_RCODE_SERVFAIL, KNOT_EDNS_EDE_NOT_READY, NULL);
	return QUERY_REPLY;
}

/**
 * keeper_link_forward() - hand an UPDATE or NOTIFY to the keeper
 * @q: the message, parsed
 *
 * Nothing is sent for which nobody would wait: what the keeper does has an answer.
 *
 * Return: QUERY_LATER, or QUERY_REPLY: SERVFAIL, and the keeper has not got it.
 */
enum query_verdict keeper_link_forward(struct query *q)
{
	struct keeper_link *k = q->worker->keeper;
	struct waiting *w = k && !connect_keeper(k) ? free_slot(k) : NULL;
	struct query *copy = w ? query_defer(q) : NULL;
	uint32_t id;

	if (!copy)
		return refuse(q);
	id = (uint32_t)k->round++ * MAX_WAITING + (w - k->waiting);
	copy->room_data = (void *)(uintptr_t)id;
	w->query = copy;
	w->deadline = copy->received + KEEPER_REPLY_MS;
	if (ask(k, copy, id))
		fail(w);
	return QUERY_LATER;
}

/**
 * keeper_link_start() - connect a worker to the keeper
 * @w: the worker; its @keeper is set
 *
 * A keeper that is not there yet is connected to when there is something to ask.
 *
 * Return: 0, or -ENOMEM after an error line.
 */
int keeper_link_start(struct worker *w)
{
	struct keeper_link *k = calloc(1, sizeof(*k));

	if (!k) {
		ln_error("out of memory");
		return -ENOMEM;
	}
	k->worker = w;
	k->fd = -1;
	w->keeper = k;
	uv_timer_init(ln_server_loop(w->server), &k->timer);
	k->timer.data = k;
	uv_timer_start(&k->timer, on_timer, 1000, 1000);
	uv_unref((uv_handle_t *)&k->timer);
	connect_keeper(k);
	return 0;
}

static void closed(uv_handle_t *timer)
{
	free(timer->data);
}

/**
 * keeper_link_stop() - let go of the connection; what waits is answered with SERVFAIL
 * @w: the worker
 */
void keeper_link_stop(struct worker *w)
{
	struct keeper_link *k = w->keeper;

	if (!k)
		return;
	w->keeper = NULL;
	disconnect(k);
	uv_close((uv_handle_t *)&k->timer, closed);
}
