// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libFuzzer: a whole HTTP/2 connection with handlers of every temper.
 *
 * The input is a list of steps: an octet that says what happens, then what it
 * needs.  The preface and an empty SETTINGS frame come first by themselves, so that
 * the fuzzer does not have to find them.
 */
#include <stdint.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "conn.h"
#include "exchange.h"

#define MUST(what)	do { if (!(what)) abort(); } while (0)
#define MAX_OPEN	16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Exchanges that a handler goes on with later. */
static struct http_exchange *waiting[MAX_OPEN];
static unsigned int n_waiting;
static int n_exchanges;
static struct ln_file *file;

static void forget(struct http_exchange *x)
{
	for (unsigned int i = 0; i < n_waiting; i++)
		if (waiting[i] == x)
			waiting[i--] = waiting[--n_waiting];
}

static void on_content(struct http_exchange *x, const char *data, size_t len)
{
	/* What one may do within content(): write, hold, end. */
	if (!http_began(x))
		http_begin(x);
	http_write(x, data, len);
	if (http_full(x) || data[0] == 'h')
		http_hold(x, true);
	if (data[0] == 'e')
		http_end(x);
	if (data[0] == 'a')
		http_abort(x);
}

static void on_content_end(struct http_exchange *x)
{
	unsigned int n;

	http_trailers(x, &n);
	if (!http_began(x))
		http_begin(x);
	http_trailer(x, "X-Fields", n ? "some" : "none");
	http_end(x);
}

static void on_writable(struct http_exchange *x)
{
	static const char text[1000];

	http_hold(x, false);
	for (int i = 0; i < 100 && !http_full(x); i++)
		http_write(x, text, sizeof(text));
	if (!http_full(x))
		http_end(x);
}

static void on_timeout(struct http_exchange *x)
{
	http_error(x, 504);
}

static void on_close(struct http_exchange *x, bool complete)
{
	(void)complete;
	forget(x);
	n_exchanges--;
}

static const struct http_handler handler = {
	.content = on_content, .content_end = on_content_end, .writable = on_writable,
	.timeout = on_timeout, .close = on_close,
};

static void wait_for(struct http_exchange *x)
{
	http_handle(x, &handler, NULL);
	n_exchanges++;
	if (n_waiting < MAX_OPEN)
		waiting[n_waiting++] = x;
}

static void on_request(struct http_exchange *x)
{
	const struct http_request *rq = http_request(x);

	MUST(strlen(rq->target) == rq->target_len && strlen(rq->method));
	MUST(rq->target[0] == '/' || !strcmp(rq->target, "*"));
	MUST(*rq->host && *rq->authority);
	MUST(rq->fields.n <= HTTP_MAX_FIELDS + 1);
	switch (rq->target[1]) {
	case 'e':
		wait_for(x);
		http_accept(x, 0);
		break;
	case 'w':
		wait_for(x);
		http_deadline(x, 1000);
		break;
	case 'f':
		http_status(x, 200);
		http_length(x, 100000);
		http_begin(x);
		http_write_file(x, file, 0, 100000);
		http_end(x);
		break;
	case 'p':
		http_push(x, "/f");
		http_push(x, "/w");
		http_add(x, "Link", "</f>; rel=%s", "preload");
		http_informational(x, 103, 0);
		http_respond(x, 200, "text/plain", "pushed", 6);
		break;
	case 'b':
		wait_for(x);
		http_status(x, 200);
		http_begin(x);
		on_writable(x);
		break;
	default:
		http_respond(x, 200, "text/plain", "hello", 5);
	}
}

/* A handler does something out of turn. */
static void later(uint8_t what)
{
	struct http_exchange *x;

	if (!n_waiting)
		return;
	x = waiting[what % n_waiting];
	switch (what / 16) {
	case 0:
		http_accept(x, 0);
		break;
	case 1:
		http_hold(x, true);
		break;
	case 2:
		http_hold(x, false);
		break;
	case 3:
		http_begin(x);
		http_write(x, "later", 5);
		break;
	case 4:
		http_begin(x);
		on_writable(x);
		break;
	case 5:
		http_end(x);
		break;
	case 6:
		http_abort(x);
		break;
	case 7:
		http_deadline(x, 500);
		break;
	case 8:
		http_accept(x, 100);
		break;
	case 9:
		http_push(x, "/e");
		break;
	default:
		http_respond(x, 404, NULL, "no", 2);
	}
}

static struct http_service service = {
	.limits = {
		.head = 4096, .target = 1024, .fields = 20, .content = 100000, .header_ms = 5000,
		.idle_ms = 10000, .keep_alive_ms = 20000, .requests = 200, .streams = 10,
	},
	.server = "fuzzed",
	.request = on_request,
};

/* What was sent is whole frames, each of a size that was allowed. */
static void check_output(struct ln_conn *c)
{
	size_t len;
	const unsigned char *p = conn_output(c, &len);

	while (len) {
		size_t frame;

		MUST(len >= 9);
		frame = 9 + (p[0] << 16 | p[1] << 8 | p[2]);
		MUST(frame <= 9 + 16384 && frame <= len);
		p += frame;
		len -= frame;
	}
}

static void step(struct ln_conn *c, uint8_t what, const uint8_t **data, size_t *left)
{
	size_t n;

	switch (what) {
	default:
		n = what < *left ? what : *left;
		conn_receive(c, *data, n);
		*data += n;
		*left -= n;
		break;
	case 240 ... 247:
		if (!*left)
			break;
		later(**data);
		++*data;
		--*left;
		conn_turn(c);
		break;
	case 248:
		check_output(c);
		conn_take_output(c, SIZE_MAX);
		break;
	case 249:
		conn_pass_time(c, 1);
		break;
	case 250:
		conn_pass_time(c, 1500);
		break;
	case 251:
		conn_pass_time(c, 11000);
		break;
	case 252:
		conn_stop(c);
		break;
	case 253:
		conn_eof(c);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char hello[] = HTTP2_PREFACE "\0\0\0\4\0\0\0\0\0";
	struct ln_conn *c;

	if (!file) {
		/* Shorter than what is promised of it. */
		int fd = fileno(tmpfile());

		MUST(!ftruncate(fd, 50000));
		file = ln_file_new(fd);
	}
	n_waiting = 0;
	n_exchanges = 0;
	c = conn_new(&service, 32768);
	conn_receive(c, hello, sizeof(hello) - 1);
	while (size) {
		uint8_t what = *data++;

		size--;
		step(c, what, &data, &size);
	}
	conn_free(c);
	MUST(n_exchanges == 0 && n_waiting == 0 && file->refs == 1);
	return 0;
}
