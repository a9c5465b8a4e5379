// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libFuzzer: bytes off the wire through header scan, parser, target, ranges
 * and conditions, with what must hold for any input.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "range.h"
#include "request.h"
#include "scan.h"
#include "target.h"
#include "validators.h"

#define MUST(what)	do { if (!(what)) abort(); } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_target(const struct http_request *rq)
{
	struct http_target t;
	size_t len = 0;

	if (http_target_parse(&t, rq->target, rq->target_len))
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

static void check_ranges(const struct http_request *rq, uint64_t size)
{
	const struct http_field *f = http_request_field(rq, "range", NULL);
	struct http_range ranges[HTTP_MAX_RANGES];
	uint64_t total = 0;
	int n;

	if (!f)
		return;
	n = http_range_parse(f->value, f->value_len, size, ranges);
	MUST(n >= HTTP_RANGE_NONE && n <= HTTP_MAX_RANGES);
	for (int i = 0; i < n; i++) {
		MUST(ranges[i].len && ranges[i].start < size &&
		     ranges[i].len <= size - ranges[i].start);
		total += ranges[i].len;
	}
	MUST(total <= size);
}

static void check_fields(const struct http_request *rq, const char *head, size_t len)
{
	MUST(rq->target >= head && rq->target + rq->target_len <= head + len);
	for (unsigned int i = 0; i < rq->n_fields; i++) {
		const struct http_field *f = &rq->fields[i];

		MUST(f->name_len && f->name >= head && f->name + f->name_len < head + len);
		MUST(f->value >= f->name + f->name_len && f->value + f->value_len < head + len);
		for (size_t j = 0; j < f->name_len; j++)
			MUST(http_is_token_char(f->name[j]));
		for (size_t j = 0; j < f->value_len; j++)
			MUST(f->value[j] != '\r' && f->value[j] != '\n' && f->value[j]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct http_limits limits = { .head = 4096,
						   .target = 2000,
						   .fields = HTTP_MAX_FIELDS };
	struct http_validators v = { .etag = "\"a-b-c\"",
				     .modified = 1000000000,
				     .now = 1795366669 };
	struct http_scan whole = { 0 }, cut = { 0 };
	struct http_request rq;
	char *buf = malloc(size + 1);
	uint64_t file_size;
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
		file_size = data[size - 1] * 3;
		if (!http_request_parse(&rq, head, len)) {
			check_fields(&rq, head, len);
			check_target(&rq);
			check_ranges(&rq, file_size);
			r = http_preconditions(&rq, &v);
			MUST(r == 0 || r == 304 || r == 412);
			(void)http_range_wanted(&rq, &v);
		}
		free(head);
	}
	free(buf);
	return 0;
}
