// SPDX-License-Identifier: GPL-2.0-or-later
#include "control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "answer.h"
#include "log.h"

#define BACKLOG 64
#define CONNECTIONS_MAX 64
#define OUTPUT_MAX (1 << 20)
#define IDLE_MS 30000
/* Datagrams in one turn. */
#define BATCH 256
#define QLEN_FILE "/proc/sys/net/unix/max_dgram_qlen"
#define QLEN_DEFAULT 10
/* After datagrams may have been lost; and of the time that looking takes so many times. */
#define LOOK_MS 100
#define LOOK_FACTOR 10

struct control {
	struct ln_server *server;
	struct queue *queue;
	struct delivery *delivery;
	int fds[2];
	uv_poll_t notify, listener;
	uv_timer_t look;
	uint64_t look_ms; /* it is waited so long before */
	unsigned int n;
	unsigned int backlog; /* datagrams that wait at most: then they are lost */
};

/* --- questions --- */

static void on_open(struct ln_conn *c)
{
	ln_conn_deadline(c, IDLE_MS);
}

static void on_input(struct ln_conn *c)
{
	struct control *control = ln_conn_data(c);
	const char *data, *end;
	char *reply;
	size_t len;

	while (!ln_conn_full(c)) {
		data = ln_conn_input(c, &len);
		end = len ? memchr(data, '\n', len) : NULL;
		if (!end) {
			if (len >= CONTROL_LINE_MAX || ln_conn_eof(c))
				ln_conn_finish(c);
			return;
		}
		reply = answer_line(control->queue, control->delivery, data, end - data);
		ln_conn_consume(c, end + 1 - data);
		if (!reply || ln_conn_write(c, reply, strlen(reply))) {
			free(reply);
			ln_conn_close(c);
			return;
		}
		free(reply);
		ln_conn_deadline(c, IDLE_MS);
	}
}

static void on_timeout(struct ln_conn *c)
{
	ln_conn_close(c);
}

static void on_close(struct ln_conn *c)
{
	struct control *control = ln_conn_data(c);

	control->n--;
}

static const struct ln_proto proto = {
	.input_max = CONTROL_LINE_MAX,
	.output_max = OUTPUT_MAX,
	.open = on_open,
	.input = on_input,
	.output = on_input,
	.timeout = on_timeout,
	.stop = on_timeout,
	.close = on_close,
};

static void on_listener(uv_poll_t *poll, int status, int events)
{
	struct control *c = poll->data;
	int fd;

	(void)status;
	(void)events;
	fd = accept4(c->fds[1], NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		return;
	if (c->n >= CONNECTIONS_MAX || ln_server_stopping(c->server)) {
		close(fd);
		return;
	}
	if (ln_conn_adopt(c->server, fd, "control", &proto, c))
		c->n++;
}

/* --- new messages --- */

static void on_look(uv_timer_t *timer)
{
	struct control *c = timer->data;
	uint64_t start = uv_hrtime(), took;

	if (ln_server_stopping(c->server))
		return;
	queue_scan(c->queue);
	took = (uv_hrtime() - start) / 1000000 * LOOK_FACTOR;
	c->look_ms = took > LOOK_MS ? took : LOOK_MS;
}

/* There were so many that more may have been refused: the folder tells of all. */
static void look_soon(struct control *c)
{
	if (!uv_is_active((uv_handle_t *)&c->look))
		uv_timer_start(&c->look, on_look, c->look_ms, 0);
}

static void on_notify(uv_poll_t *poll, int status, int events)
{
	struct control *c = poll->data;
	unsigned int taken = 0;
	char id[SPOOL_ID_LEN + 2];
	ssize_t n;

	(void)status;
	(void)events;
	for (int i = 0; i < BATCH; i++) {
		n = recv(c->fds[0], id, sizeof(id), MSG_DONTWAIT);
		if (n < 0)
			break;
		if (++taken == c->backlog)
			look_soon(c);
		if (n != SPOOL_ID_LEN)
			continue;
		id[n] = 0;
		queue_take(c->queue, id);
	}
}

/* --- the sockets --- */

/* By the folder's descriptor: a path may be longer than a socket's name. */
static int bind_at(struct spool *spool, const char *name, int type)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	mode_t mask;

	if (fd < 0)
		return -1;
	unlinkat(spool_folder(spool), name, 0);
	snprintf(un.sun_path, sizeof(un.sun_path), "/proc/self/fd/%d/%s", spool_folder(spool),
		 name);
	mask = umask(0117);
	if (bind(fd, (struct sockaddr *)&un, sizeof(un)) ||
	    (type == SOCK_STREAM && listen(fd, BACKLOG))) {
		int err = errno;

		close(fd);
		fd = -1;
		errno = err;
	}
	umask(mask);
	return fd;
}

static unsigned int read_backlog(void)
{
	unsigned int n = 0;
	FILE *f = fopen(QLEN_FILE, "re");

	if (f && fscanf(f, "%u", &n) != 1)
		n = 0;
	if (f)
		fclose(f);
	return n ? n : QLEN_DEFAULT;
}

struct control *control_new(struct ln_server *server, struct queue *queue,
			    struct delivery *delivery)
{
	static const char *const names[] = { CONTROL_NOTIFY, CONTROL_SOCKET };
	struct control *c = calloc(1, sizeof(*c));

	if (!c) {
		ln_error("out of memory");
		return NULL;
	}
	c->server = server;
	c->queue = queue;
	c->delivery = delivery;
	for (int i = 0; i < 2; i++) {
		c->fds[i] = bind_at(queue_spool(queue), names[i], i ? SOCK_STREAM : SOCK_DGRAM);
		if (c->fds[i] >= 0)
			continue;
		ln_error("relay: no socket '%s' in the queue's folder: %s", names[i],
			 strerror(errno));
		if (i)
			close(c->fds[0]);
		free(c);
		return NULL;
	}
	c->backlog = read_backlog();
	uv_timer_init(ln_server_loop(server), &c->look);
	c->look_ms = LOOK_MS;
	c->look.data = c;
	uv_poll_init(ln_server_loop(server), &c->notify, c->fds[0]);
	uv_poll_init(ln_server_loop(server), &c->listener, c->fds[1]);
	c->notify.data = c->listener.data = c;
	uv_poll_start(&c->notify, UV_READABLE, on_notify);
	uv_poll_start(&c->listener, UV_READABLE, on_listener);
	return c;
}

/* The names stay: the next queue manager takes them over. */
void control_stop(struct control *c)
{
	close(c->fds[0]);
	close(c->fds[1]);
	free(c);
}
