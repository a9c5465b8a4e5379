// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libFuzzer: octets off the wire through header scan, parser and target, with what must
 * hold for any input.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "request.h"
#include "scan.h"
#include "target.h"

#define MUST(what)               \
	do {                     \
		if (!(what))     \
			abort(); \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct http_limits limits = { .head = 4096,
					   .target = 2000,
					   .fields = HTTP_MAX_FIELDS };

static void check_target(const struct http_request *rq)
{
	struct http_target t;
	size_t len = 0;

	if (rq->target[0] == '*' || http_target_parse(&t, rq->target, rq->target_len))
		return;
	MUST(t.len < sizeof(t.path) && strlen(t.path) == t.len);
	/* No step that is empty or leads up. */
	for (const char *p = t.path; *p; p += len + (p[len] == '/')) {
		len = strcspn(p, "/");
		MUST(len && strncmp(p, "../", 3) && strcmp(p, "..") && strncmp(p, "./", 2) &&
		     strcmp(p, "."));
		MUST(p[len] != '/' || p[len + 1]);
	}
	MUST(!t.query ||
	     (t.query >= rq->target && t.query + t.query_len <= rq->target + rq->target_len));
}

static void check_request(const struct http_request *rq, const struct http_framing *framing,
			  const char *head, size_t len)
{
	unsigned int hosts = 0, lengths = 0, encodings = 0;

	MUST(rq->target >= head && rq->target + rq->target_len <= head + len);
	MUST(strlen(rq->target) == rq->target_len);
	MUST(rq->target[0] == '/' || (!strcmp(rq->target, "*") && rq->kind == HTTP_KIND_OPTIONS));
	MUST(strlen(rq->method) && strcmp(rq->method, "CONNECT"));
	for (unsigned int i = 0; i < rq->fields.n; i++) {
		const struct http_field *f = &rq->fields.field[i];

		MUST(f->name_len && f->name >= head && f->name + f->name_len < head + len);
		MUST(f->value >= f->name + f->name_len && f->value + f->value_len < head + len);
		for (size_t j = 0; j < f->name_len; j++)
			MUST(http_is_token_char(f->name[j]));
		for (size_t j = 0; j < f->value_len; j++)
			MUST(f->value[j] != '\r' && f->value[j] != '\n' && f->value[j]);
		hosts += f->name_len == 4 && !strncasecmp(f->name, "host", 4);
		lengths += f->name_len == 14 && !strncasecmp(f->name, "content-length", 14);
		encodings += f->name_len == 17 && !strncasecmp(f->name, "transfer-encoding", 17);
	}
	/* One account of the length, and of the host. */
	MUST(hosts <= 1 && (rq->version == HTTP_1_0 || hosts));
	MUST(lengths + encodings <= 1 && framing->chunked == encodings);
	MUST(rq->content_length >= (framing->chunked ? -1 : 0));
	MUST(rq->version == HTTP_1_1 || !framing->chunked);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_scan whole = { 0 }, cut = { 0 };
	struct http_framing framing;
	struct http_request rq;
	struct arena arena = { 0 };
	char *buf = malloc(size + 1);
	int r, r2;

	MUST(buf);
	memcpy(buf, data, size);
	r = http_scan(&whole, buf, size, &limits);
	r2 = http_scan(&cut, buf, size / 2, &limits);
	if (r2 == HTTP_SCAN_MORE)
		r2 = http_scan(&cut, buf, size, &limits);
	MUST(r == r2 && whole.pos == cut.pos && whole.start == cut.start);
	if (r == HTTP_SCAN_DONE) {
		size_t len = whole.pos - whole.start;
		char *head = malloc(len);

		MUST(head);
		memcpy(head, buf + whole.start, len);
		r = http_request_parse(&rq, &framing, &arena, head, len, whole.fields);
		MUST(!r || (r >= 400 && r < 600));
		MUST(r || rq.fields.n == whole.fields);
		if (!r) {
			check_request(&rq, &framing, head, len);
			check_target(&rq);
		}
		free(head);
	}
	arena_free(&arena);
	free(buf);
	return 0;
}
