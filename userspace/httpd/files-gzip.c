// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Compression while sending.
 *
 * A small file is compressed at once.  A larger one goes step by step through
 * the thread pool, so that the loop serves others meanwhile, and the next step
 * waits until the client has taken enough of the last one: memory per response is
 * what zlib needs and one step.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>
#include <zlib.h>

#include "files.h"
#include "log.h"

/* Above 5 time grows much faster than the result shrinks. */
#define LEVEL		5
#define GZIP_WINDOW	(15 + 16)	/* zlib.h: 16 for a gzip header */
#define MEMORY		8
/* Each takes about 400 KB and, while it computes, a thread. */
#define MAX_STREAMS	64

/* A file of no more is compressed at once, which takes about a millisecond. */
#define STEP_IN		65536
#define STEP_OUT	65536
/* Of a file that shrinks to nothing, a step reads no more than this. */
#define STEP_READS	16

/**
 * struct files_gzip - a response being compressed
 * @exchange: NULL after it was closed
 * @conf: the section; its server is held as long as a step runs
 * @work: a step
 * @z: zlib's
 * @file: the file
 * @offset: octets read
 * @size: octets to read
 * @busy: a step runs
 * @done: all is compressed
 * @err: negative errno of a step
 * @out: what a step made
 * @out_len: its length
 * @in: what a step reads
 */
struct files_gzip {
	struct http_exchange *exchange;
	struct files_conf *conf;
	uv_work_t work;
	z_stream z;
	struct ln_file *file;
	uint64_t offset, size;
	bool busy, done;
	int err;
	char *out;
	size_t out_len;
	unsigned char in[STEP_IN];
};

/**
 * files_gzip_room() - whether one more response may be compressed
 * @c: the section
 */
bool files_gzip_room(const struct files_conf *c)
{
	return c->n_compressing < MAX_STREAMS;
}

static void free_stream(struct files_gzip *s)
{
	deflateEnd(&s->z);
	if (s->file)
		ln_file_put(s->file);
	free(s->out);
	s->conf->n_compressing--;
	free(s);
}

/* Returns false at the end of what can be read. */
static bool fill(struct files_gzip *s)
{
	uint64_t left = s->size - s->offset;
	ssize_t n = pread(s->file->fd, s->in, left < STEP_IN ? left : STEP_IN, s->offset);

	if (n <= 0) {
		/* Shorter than it was: what is promised cannot be sent. */
		s->err = n < 0 ? -errno : -ENODATA;
		return false;
	}
	s->offset += n;
	s->z.next_in = s->in;
	s->z.avail_in = n;
	return true;
}

/* In a thread: nothing of the exchange is touched. */
static void step(uv_work_t *work)
{
	struct files_gzip *s = work->data;
	int r = Z_OK;

	s->out = malloc(STEP_OUT);
	if (!s->out) {
		s->err = -ENOMEM;
		return;
	}
	s->z.next_out = (unsigned char *)s->out;
	s->z.avail_out = STEP_OUT;
	for (int reads = 0; s->z.avail_out && r != Z_STREAM_END;) {
		if (!s->z.avail_in && s->offset < s->size && (++reads > STEP_READS || !fill(s)))
			break;
		r = deflate(&s->z, s->offset < s->size ? Z_NO_FLUSH : Z_FINISH);
		if (r < 0) {
			s->err = -EIO;
			break;
		}
	}
	s->out_len = STEP_OUT - s->z.avail_out;
	s->done = r == Z_STREAM_END;
}

static void next_step(struct files_gzip *s);

static void step_over(uv_work_t *work, int status)
{
	struct files_gzip *s = work->data;
	struct http_exchange *x = s->exchange;

	(void)status;	/* never cancelled */
	s->busy = false;
	ln_server_release(s->conf->server);
	if (!x) {
		free_stream(s);
		return;
	}
	if (s->err) {
		ln_error("compressing %s: %s", http_request(x)->target, strerror(-s->err));
		http_abort(x);
		return;
	}
	if (s->out_len)
		http_write_owned(x, s->out, s->out_len);
	else
		free(s->out);
	s->out = NULL;
	if (s->done)
		http_end(x);
	else if (!http_full(x))
		next_step(s);
}

static void next_step(struct files_gzip *s)
{
	s->busy = true;
	ln_server_hold(s->conf->server);
	if (uv_queue_work(ln_server_loop(s->conf->server), &s->work, step, step_over)) {
		s->busy = false;
		ln_server_release(s->conf->server);
		http_abort(s->exchange);
	}
}

static void writable(struct http_exchange *x)
{
	struct files_gzip *s = http_state(x);

	if (!s->busy && !s->done)
		next_step(s);
}

static void closed(struct http_exchange *x, bool complete)
{
	struct files_gzip *s = http_state(x);

	(void)complete;
	s->exchange = NULL;
	if (!s->busy)
		free_stream(s);
}

static const struct http_handler gzip_handler = {
	.writable = writable,
	.close = closed,
};

/* All of a small file, into @s->out. */
static int compress_at_once(struct files_gzip *s)
{
	s->out_len = deflateBound(&s->z, s->size);
	s->out = malloc(s->out_len);
	if (!s->out)
		return -ENOMEM;
	if (!fill(s))
		return s->err;
	s->z.next_out = (unsigned char *)s->out;
	s->z.avail_out = s->out_len;
	if (s->offset < s->size || deflate(&s->z, Z_FINISH) != Z_STREAM_END)
		return -EIO;
	s->out_len -= s->z.avail_out;
	s->done = true;
	return 0;
}

/**
 * files_gzip_new() - begin to compress a file
 * @c: the section
 * @e: the file, not empty
 *
 * Return: what files_gzip_send() takes, or NULL when there is no memory or the
 * file cannot be read.
 */
struct files_gzip *files_gzip_new(struct files_conf *c, struct files_entry *e)
{
	struct files_gzip *s = calloc(1, sizeof(*s));

	if (!s || deflateInit2(&s->z, LEVEL, Z_DEFLATED, GZIP_WINDOW, MEMORY, Z_DEFAULT_STRATEGY)) {
		free(s);
		return NULL;
	}
	c->n_compressing++;
	s->conf = c;
	s->work.data = s;
	s->file = ln_file_get(e->file);
	s->size = e->st.st_size;
	if (s->size <= STEP_IN && compress_at_once(s)) {
		free_stream(s);
		return NULL;
	}
	return s;
}

/**
 * files_gzip_send() - send a file compressed
 * @x: the exchange, whose status and fields are complete but for the length
 * @s: the file; it is let go in the end
 */
void files_gzip_send(struct http_exchange *x, struct files_gzip *s)
{
	if (s->done) {
		http_length(x, s->out_len);
		http_begin(x);
		http_write_owned(x, s->out, s->out_len);
		s->out = NULL;
		http_end(x);
		free_stream(s);
		return;
	}
	s->exchange = x;
	http_handle(x, &gzip_handler, s);
	http_begin(x);
	next_step(s);
}
