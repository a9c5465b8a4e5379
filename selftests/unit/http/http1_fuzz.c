// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libFuzzer: a whole HTTP/1 connection.  The same octets, at once and in pieces, must give
 * the same responses and the same end; every exchange gets its close(); memory stays
 * bounded.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "standin.h"

#define MUST(what)	do { if (!(what)) abort(); } while (0)
#define CONTINUE	"HTTP/1.1 100 Continue\r\n\r\n"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned int requests, logged;
static void (*serve)(struct http_exchange *x);

static void count_request(struct http_exchange *x)
{
	/* A local redirect comes again. */
	requests += !http_data(x);
	http_set_data(x, &requests);
	serve(x);
}

static void log_exchange(struct http_exchange *x)
{
	MUST(http_status_of(x) >= 200 || !http_began(x));
	logged += !!http_data(x);
}

static struct http_service *service(void)
{
	struct http_service *s = service_new();

	serve = s->request;
	s->limits.head = 512;
	s->limits.requests = 8;
	s->request = count_request;
	s->log = log_exchange;
	return s;
}

/* Whether a client that waits gets 100 (Continue) depends on how fast its content is. */
static size_t without_continue(char *s, size_t len)
{
	char *p;

	while (len && (p = memmem(s, len, CONTINUE, strlen(CONTINUE)))) {
		memmove(p, p + strlen(CONTINUE), s + len - p - strlen(CONTINUE));
		len -= strlen(CONTINUE);
	}
	return len;
}

/* Content sent back in chunks comes as it came: only the first line can be compared. */
static bool echoes(const uint8_t *data, size_t size)
{
	return memmem(data, size, "/echo", 5);
}

static void answer_waiting(struct ln_conn *c)
{
	while (waiting) {
		http_respond(waiting, 200, "text/plain", "waited", 6);
		conn_turn(c);
	}
}

static struct ln_conn *converse(const uint8_t *data, size_t size, size_t step)
{
	struct ln_conn *c = conn_new(service());

	for (size_t at = 0; at < size; at += step) {
		conn_feed(c, data + at, size - at < step ? size - at : step);
		answer_waiting(c);
		MUST(c->queue.memory < 400000);
		if (c->closed)
			break;
	}
	conn_eof(c);
	answer_waiting(c);
	MUST(c->closed || c->eof);
	return c;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ln_conn *whole, *pieces;
	unsigned int n;

	if (size < 1 || memmem(data, size, "/big", 4))
		return 0;
	requests = logged = closes = 0;
	whole = converse(data + 1, size - 1, size);
	n = requests;
	MUST(whole->closed);
	pieces = converse(data + 1, size - 1, 1 + data[0] % 32);
	MUST(pieces->closed && requests == 2 * n);
	if (!echoes(data, size)) {
		whole->out_len = without_continue(whole->out, whole->out_len);
		pieces->out_len = without_continue(pieces->out, pieces->out_len);
		MUST(whole->out_len == pieces->out_len &&
		     (!whole->out_len || !memcmp(whole->out, pieces->out, whole->out_len)));
	}
	MUST(logged == requests && closes <= requests);
	conn_free(whole);
	conn_free(pieces);
	return 0;
}
