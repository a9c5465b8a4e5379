// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "active.h"
#include "counts.h"
#include "passive.h"
#include "transfer-internal.h"
#include "xferlog.h"

/* A limited transfer gets its share so often. */
#define PACE_MS		50

/* State of a data connection: the session that it is of, as long as it is. */
struct data {
	struct session *session;
	bool opened;
};

static const struct ln_proto data_proto;

static uint64_t now_ms(const struct session *s)
{
	return ln_conn_now(s->conn);
}

uint64_t transfer_rate(const struct transfer *t)
{
	const struct setup_limits *limits = &t->session->setup->limits;

	return t->direction == UP ? limits->upload_rate :
	       t->direction == DOWN ? limits->download_rate : 0;
}

/* --- the end --- */

static void on_pace_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void transfer_release(struct transfer *t)
{
	list_free(t->list);
	if (t->file)
		ln_file_put(t->file);
	if (t->direction == UP)
		upload_abort(&t->upload, false);
	if (t->paced)
		uv_close((uv_handle_t *)&t->pace, on_pace_closed);
	else
		free(t);
}

/* The connection goes on without us, to its end. */
static void let_go(struct transfer *t, bool finish)
{
	struct ln_conn *c = t->conn;
	struct data *d;

	if (!c)
		return;
	d = ln_conn_state(c);
	d->session = NULL;
	t->conn = NULL;
	if (finish)
		ln_conn_finish(c);
	else
		ln_conn_close(c);
}

static void count(const struct transfer *t, bool whole)
{
	if (t->direction == LISTING)
		return;
	if (!whole)
		ln_metric_add(&counts_aborted, 1);
	else
		ln_metric_add(t->direction == UP ? &counts_uploads : &counts_downloads, 1);
	ln_metric_add(t->direction == UP ? &counts_octets_in : &counts_octets_out, t->octets);
	xferlog_write(t->session, &(struct xferlog_line){
		.path = t->path, .octets = t->octets, .text = t->text,
		.up = t->direction == UP, .whole = whole,
		.ms = now_ms(t->session) - (t->started ? t->started : t->wanted_at),
	});
}

/* What an upload left is kept when the user can go on with it. */
static bool resumable(int code)
{
	return code != 452 && code != 552 && code != 451;
}

/* The last reply, and the end of it. */
static void end(struct transfer *t, bool whole, int code, const char *text)
{
	struct session *s = t->session;

	if (t->conn && t->direction != UP)
		t->octets = ln_conn_sent(t->conn);
	count(t, whole);
	if (t->direction == UP && !whole)
		upload_abort(&t->upload, resumable(code));
	if (code)
		session_reply(s, code, "%s", text);
	/* What a client has not read of a broken transfer must not look whole. */
	let_go(t, whole);
	s->transfer = NULL;
	s->way = WAY_NONE;
	transfer_release(t);
}

void transfer_failed(struct transfer *t, int code, const char *text)
{
	struct session *s = t->session;

	end(t, false, code, text);
	session_go_on(s);
}

void transfer_succeeded(struct transfer *t)
{
	struct session *s = t->session;

	end(t, true, 226, "Transfer complete");
	session_go_on(s);
}

void transfer_failed_errno(struct transfer *t, int err)
{
	if (err == -ENOSPC)
		transfer_failed(t, 452, "No space left");
	else if (err == -EDQUOT || err == -EFBIG)
		transfer_failed(t, 552, "More than you may store");
	else
		transfer_failed(t, 451, strerror(-err));
}

/* --- limited rates --- */

uint64_t transfer_share(const struct transfer *t)
{
	uint64_t rate = transfer_rate(t), due;

	if (!rate)
		return UINT64_MAX;
	due = rate * (uv_now(ln_server_loop(t->server)) - t->started + PACE_MS) / 1000;
	return due > t->octets ? due - t->octets : 0;
}

static void on_pace(uv_timer_t *timer)
{
	struct transfer *t = timer->data;

	if (!t->conn)
		return;
	if (t->direction == UP && transfer_share(t))
		ln_conn_hold(t->conn, false);
	else if (t->direction == UP)
		transfer_await_pace(t);
	else
		transfer_fill(t);
}

void transfer_await_pace(struct transfer *t)
{
	if (!t->paced) {
		uv_timer_init(ln_server_loop(t->server), &t->pace);
		t->pace.data = t;
		t->paced = true;
	}
	if (t->direction == UP)
		ln_conn_hold(t->conn, true);
	uv_timer_start(&t->pace, on_pace, PACE_MS, 0);
}

/* --- the beginning --- */

/* Data can flow. */
static void begin(struct transfer *t)
{
	struct session *s = t->session;

	if (s->protected && s->setup->reuse && !ln_conn_tls_resumed(t->conn)) {
		/* RFC 4217, 10.2: somebody else might have taken the client's place. */
		transfer_failed(t, 522, "The data connection must resume the control connection's TLS session");
		return;
	}
	t->started = t->moved_at = now_ms(s);
	ln_conn_deadline(t->conn, s->setup->limits.data_ms);
	switch (t->direction) {
	case UP:
		ln_conn_hold(t->conn, false);
		ln_conn_wake(t->conn);
		break;
	case DOWN:
		transfer_begin_download(t);
		break;
	case LISTING:
		transfer_fill(t);
		break;
	}
}

/* The connection is there: say so, and make it safe. */
static void attach(struct transfer *t, struct ln_conn *c)
{
	struct session *s = t->session;

	t->conn = c;
	if (t->direction == DOWN)
		session_reply(s, 150, "Opening data connection for %s (%llu octets)", t->path,
			      (unsigned long long)(t->size - t->offset));
	else if (t->direction == UP && t->upload.kind == UPLOAD_UNIQUE)
		session_reply(s, 150, "FILE: %s", t->upload.place.name);
	else
		session_reply(s, 150, "Opening data connection");
	t->began = true;
	if (!s->protected) {
		begin(t);
		return;
	}
	if (ln_conn_start_tls_with(c, s->setup->tls, s->conn))
		transfer_failed(t, 425, "No TLS on the data connection");
}

static struct transfer *new_transfer(struct session *s, enum direction direction,
				     const char *path)
{
	struct transfer *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->session = s;
	t->server = ln_conn_server(s->conn);
	t->direction = direction;
	t->text = s->type == TYPE_ASCII;
	t->wanted_at = now_ms(s);
	snprintf(t->path, sizeof(t->path), "%s", path);
	return t;
}

/* With the way that the client chose. */
static void start(struct transfer *t)
{
	struct session *s = t->session;

	s->transfer = t;
	ln_conn_deadline(s->conn, LN_NEVER);
	if (s->way == WAY_PASSIVE && s->passive)
		passive_await(s);
	else if (s->way == WAY_ACTIVE)
		active_connect(s);
	else
		transfer_failed(t, 425, "Use PORT, EPRT, PASV or EPSV first");
}

/**
 * transfer_download() - RETR
 * @s: the session
 * @path: the file's, for people
 * @fd: the file; taken
 * @offset: where to begin, in what is sent
 */
void transfer_download(struct session *s, const char *path, int fd, uint64_t offset)
{
	struct transfer *t = new_transfer(s, DOWN, path);
	struct stat st;

	if (t)
		t->file = ln_file_new(fd);
	if (!t || !t->file || fstat(fd, &st)) {
		if (t && t->file)
			ln_file_put(t->file);
		else
			close(fd);
		free(t);
		session_reply(s, 451, "Out of memory");
		return;
	}
	t->size = st.st_size;
	if (t->text)
		t->skip = offset;
	else
		t->offset = offset;
	start(t);
}

/**
 * transfer_upload() - STOR, APPE and STOU
 * @s: the session
 * @path: the file's, for people
 * @u: the file; taken
 */
void transfer_upload(struct session *s, const char *path, const struct upload *u)
{
	struct transfer *t = new_transfer(s, UP, path);
	struct upload copy = *u;

	if (!t) {
		upload_abort(&copy, true);
		session_reply(s, 451, "Out of memory");
		return;
	}
	t->upload = copy;
	start(t);
}

/**
 * transfer_list() - LIST, NLST and MLSD
 * @s: the session
 * @l: the list; taken
 */
void transfer_list(struct session *s, struct list *l)
{
	struct transfer *t = new_transfer(s, LISTING, "");

	if (!t) {
		list_free(l);
		session_reply(s, 451, "Out of memory");
		return;
	}
	t->list = l;
	start(t);
}

void transfer_abort(struct session *s, bool reply)
{
	struct transfer *t = s->transfer;

	if (!t)
		return;
	if (t->sync && !reply) {
		/* All is there: it goes on without us. */
		count(t, true);
		let_go(t, true);
		t->session = NULL;
		s->transfer = NULL;
		return;
	}
	if (t->sync)
		return;
	end(t, false, reply ? 426 : 0, "Transfer aborted");
}

void transfer_cut_off(struct session *s)
{
	struct transfer *t = s->transfer;

	if (t && !t->sync && (t->direction == UP || !t->conn)) {
		transfer_abort(s, false);
		session_drop_data(s);
	}
}

void transfer_tell(struct session *s)
{
	const struct transfer *t = s->transfer;

	if (t)
		session_line(s, "     %s %s: %llu octets so far",
			     t->direction == UP ? "Receiving" : "Sending",
			     t->direction == LISTING ? "a listing" : t->path,
			     (unsigned long long)(t->conn && t->direction != UP ?
						  ln_conn_sent(t->conn) : t->octets));
}

void transfer_accept(struct session *s, int fd)
{
	char name[LN_ADDR_STRLEN + 8];
	struct ln_conn *c;
	struct data *d;

	snprintf(name, sizeof(name), "%.50s data", ln_conn_name(s->conn));
	c = ln_conn_adopt(ln_conn_server(s->conn), fd, name, &data_proto, NULL);
	if (!c) {
		transfer_no_connection(s, "Out of memory");
		return;
	}
	d = ln_conn_state(c);
	d->session = s;
	s->transfer->conn = c;
}

int transfer_connect(struct session *s, const struct ln_remote *remote)
{
	struct ln_conn *c = ln_connect(ln_conn_server(s->conn), remote, &data_proto, NULL);
	struct data *d;

	if (!c)
		return -errno;
	d = ln_conn_state(c);
	d->session = s;
	s->transfer->conn = c;
	return 0;
}

void transfer_no_connection(struct session *s, const char *why)
{
	s->way = WAY_NONE;
	if (s->transfer)
		transfer_failed(s->transfer, 425, why);
}

/* --- the connection's calls --- */

static struct transfer *transfer_of(struct ln_conn *c)
{
	struct data *d = ln_conn_state(c);
	struct transfer *t = d->session ? d->session->transfer : NULL;

	return t && t->conn == c ? t : NULL;
}

static void data_open(struct ln_conn *c)
{
	struct data *d = ln_conn_state(c);
	struct transfer *t = transfer_of(c);

	if (!d->opened) {
		d->opened = true;
		/* Nothing is read before the command that says what it is. */
		ln_conn_hold(c, true);
		if (t)
			attach(t, c);
		return;
	}
	if (!t)
		return;
	if (t->direction != UP)
		ln_conn_hold(c, true);
	begin(t);
}

static void data_input(struct ln_conn *c)
{
	struct transfer *t = transfer_of(c);
	size_t len;

	if (t && t->direction == UP && t->started) {
		transfer_receive(t);
		return;
	}
	/* A client has nothing to say while it is sent something. */
	ln_conn_input(c, &len);
	ln_conn_consume(c, len);
}

static void data_output(struct ln_conn *c)
{
	struct transfer *t = transfer_of(c);

	if (!t || t->direction == UP || !t->started)
		return;
	if (t->over && !ln_conn_queued(c))
		transfer_succeeded(t);
	else if (!t->over)
		transfer_fill(t);
}

/* Progress is looked at when the time is over. */
static void data_timeout(struct ln_conn *c)
{
	struct transfer *t = transfer_of(c);
	uint64_t moved;

	if (!t) {
		ln_conn_close(c);
		return;
	}
	moved = t->direction == UP ? t->octets : ln_conn_sent(c);
	if (moved == t->seen && !t->sync) {
		transfer_failed(t, 426, "No progress on the data connection");
		return;
	}
	t->seen = moved;
	ln_conn_deadline(c, t->session->setup->limits.data_ms);
}

static void data_stop(struct ln_conn *c)
{
	struct data *d = ln_conn_state(c);

	/* With a transfer, its session waits for it. */
	if (!d->session)
		ln_conn_close(c);
}

static void data_close(struct ln_conn *c)
{
	struct transfer *t = transfer_of(c);

	if (!t)
		return;
	if (t->direction != UP)
		t->octets = ln_conn_sent(c);
	t->conn = NULL;
	if (t->sync)
		return;
	if (!t->began)
		transfer_failed(t, 425, ln_conn_error(c) ? strerror(ln_conn_error(c)) :
						  "The data connection ended");
	else if (!t->started)
		transfer_failed(t, 522, "No TLS on the data connection");
	else if (ln_conn_error(c) == EIO)
		transfer_failed(t, 451, "The file became shorter");
	else
		transfer_failed(t, 426, "The data connection broke");
}

static const struct ln_proto data_proto = {
	.state_size = sizeof(struct data),
	.input_max = TRANSFER_PIECE,
	.output_max = 4 * TRANSFER_PIECE,
	.open = data_open,
	.input = data_input,
	.output = data_output,
	.timeout = data_timeout,
	.stop = data_stop,
	.close = data_close,
};
