// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The parts that HTTP is made of, under ASan and UBSan: header shape, parsing, content
 * in chunks, targets, dates, lists, memory.  Whole connections are in http1_unit.c.
 */
#include "unit.h"

#include "arena.h"
#include "body.h"
#include "date.h"
#include "request.h"
#include "scan.h"
#include "target.h"

static const struct http_limits limits = { .head = 16384, .target = 8000, .fields = 100 };
static struct arena arena;

static int scan_all(const char *s, size_t n, struct http_scan *scan)
{
	char *p = copy(s, n);
	int r;

	*scan = (struct http_scan){ 0 };
	r = http_scan(scan, p, n, &limits);
	free(p);
	return r;
}

/* Wherever the octets are cut, the verdict is the same and comes at the same octet. */
static void test_scan_cuts(void)
{
	static const char *const heads[] = {
		"GET / HTTP/1.1\r\nHost: x\r\nX:\t y \r\n\r\nGET /next",
		"\r\nGET / HTTP/1.0\r\n\r\n",
		"GET / HTTP/1.1\r\nX : y\r\n\r\n",
		"GET / HTTP/1.1\nHost: x\r\n\r\n",
		"GET / HTTP/2.0\r\n\r\n",
		"GET / HTTP/1.1\r\nX: a\rb\r\n\r\n",
		"GET / HTTP/1.1\r\n X: y\r\n\r\n",
		"GET",
		"",
	};

	for (size_t h = 0; h < sizeof(heads) / sizeof(*heads); h++) {
		size_t n = strlen(heads[h]);
		struct http_scan whole, s;
		int want = scan_all(heads[h], n, &whole), got;

		for (size_t cut = 0; cut <= n; cut++) {
			char *p = copy(heads[h], cut);

			s = (struct http_scan){ 0 };
			got = http_scan(&s, p, cut, &limits);
			free(p);
			if (got == HTTP_SCAN_MORE) {
				p = copy(heads[h], n);
				got = http_scan(&s, p, n, &limits);
				free(p);
			}
			EXPECT(got == want && s.pos == whole.pos && s.start == whole.start,
			       "head %zu cut at %zu: %d at %zu, not %d at %zu", h, cut, got, s.pos,
			       want, whole.pos);
		}
	}
}

/*
 * Whatever one octet of a good header becomes, control characters other than a
 * tab within a value never pass.
 */
static void test_scan_controls(void)
{
	static const char good[] = "GET /a HTTP/1.1\r\nHost: x\r\nX: y\r\n\r\n";
	size_t n = sizeof(good) - 1;

	for (size_t i = 0; i < n; i++) {
		for (int ch = 0; ch < 256; ch++) {
			char *p = copy(good, n);
			struct http_scan s = { 0 };
			int r;

			p[i] = ch;
			r = http_scan(&s, p, n, &limits);
			if (p[i] == good[i])
				EXPECT(r == HTTP_SCAN_DONE && s.pos == n, "%d", r);
			else if ((ch < 32 && ch != '\t') || ch == 127 || good[i] == '\r' ||
				 good[i] == '\n')
				EXPECT(r >= 400, "octet %zu as %#x: %d", i, (unsigned int)ch, r);
			free(p);
		}
	}
}

static int parse(const char *s, struct http_request *rq, struct http_framing *framing, char **head)
{
	struct http_scan scan;
	int r = scan_all(s, strlen(s), &scan);

	arena_reset(&arena);
	*head = NULL;
	if (r != HTTP_SCAN_DONE)
		return r;
	*head = copy(s + scan.start, scan.pos - scan.start);
	return http_request_parse(rq, framing, &arena, *head, scan.pos - scan.start, scan.fields);
}

#define H "Host: x\r\n"

static void test_request_status(void)
{
	static const struct {
		const char *head;
		int status;
	} table[] = {
		{ "GET / HTTP/1.1\r\n" H "\r\n", 0 },
		{ "GET / HTTP/1.1\r\n\r\n", 400 },
		{ "GET / HTTP/1.0\r\n\r\n", 0 },
		{ "GET / HTTP/1.1\r\n" H "HOST: y\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400 },
		{ "BREW / HTTP/1.1\r\n" H "\r\n", 501 },
		{ "get / HTTP/1.1\r\n" H "\r\n", 501 },
		{ "CONNECT x:1 HTTP/1.1\r\n" H "\r\n", 501 },
		{ "SOURCE / HTTP/1.1\r\n" H "\r\n", 501 },
		{ "PATCH / HTTP/1.1\r\n" H "\r\n", 0 },
		{ "GET / HTTP/1.7\r\n" H "\r\n", 0 },
		{ "GET x HTTP/1.1\r\n" H "\r\n", 400 },
		{ "GET x:80 HTTP/1.1\r\n" H "\r\n", 400 },
		{ "GET * HTTP/1.1\r\n" H "\r\n", 400 },
		{ "OPTIONS * HTTP/1.1\r\n" H "\r\n", 0 },
		{ "OPTIONS *x HTTP/1.1\r\n" H "\r\n", 400 },
		{ "GET /#a HTTP/1.1\r\n" H "\r\n", 400 },
		{ "GET http:// HTTP/1.1\r\n" H "\r\n", 400 },
		{ "GET http://u@h/ HTTP/1.1\r\n" H "\r\n", 400 },
		{ "GET ftp://h/ HTTP/1.1\r\n" H "\r\n", 400 },
		{ "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
		  400 },
		{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
		  400 },
		{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n", 0 },
		{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding: ChunKed\r\n\r\n", 0 },
		{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n", 501 },
		{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n", 501 },
		{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n", 501 },
		{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, gzip\r\n\r\n", 400 },
		{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, chunked\r\n\r\n", 400 },
		{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked;q=1\r\n\r\n", 400 },
		{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding:\r\n\r\n", 400 },
		{ "POST / HTTP/1.1\r\n" H
		  "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
		  400 },
		{ "POST / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n", 400 },
		{ "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", 400 },
		{ "POST / HTTP/1.1\r\n" H "Content-Length: 5, 5\r\n\r\n", 400 },
		{ "POST / HTTP/1.1\r\n" H "Content-Length: +5\r\n\r\n", 400 },
		{ "POST / HTTP/1.1\r\n" H "Content-Length: -5\r\n\r\n", 400 },
		{ "POST / HTTP/1.1\r\n" H "Content-Length: 5x\r\n\r\n", 400 },
		{ "POST / HTTP/1.1\r\n" H "Content-Length: 0x5\r\n\r\n", 400 },
		{ "POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\n", 400 },
		{ "POST / HTTP/1.1\r\n" H "Content-Length: 9223372036854775807\r\n\r\n", 413 },
		{ "POST / HTTP/1.1\r\n" H "Content-Length: 99999999999999999999999\r\n\r\n", 400 },
		{ "POST / HTTP/1.1\r\n" H "Content-Length: 005\r\n\r\n", 0 },
	};
	struct http_framing framing;
	struct http_request rq;
	char *head;

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		int r = parse(table[i].head, &rq, &framing, &head);

		EXPECT(r == table[i].status, "%s: %d, not %d", table[i].head, r, table[i].status);
		free(head);
	}
}

static void test_request(void)
{
	struct http_framing framing;
	struct http_request rq;
	const struct http_field *f;
	char *head;
	int r;

	r = parse("HEAD /p?q HTTP/1.1\r\nHost:  eXample:80 \r\nA:\r\nB: 1\r\nb:\t2 \t\r\n"
		  "Content-Length: 7\r\n\r\n",
		  &rq, &framing, &head);
	EXPECT(!r && rq.kind == HTTP_KIND_HEAD && !strcmp(rq.method, "HEAD"), "%d", r);
	EXPECT(framing.keep_alive && !framing.chunked && rq.content_length == 7, "framing");
	EXPECT(rq.target_len == 4 && !strcmp(rq.target, "/p?q"), "target");
	EXPECT(!strcmp(rq.host, "example") && !strcmp(rq.authority, "eXample:80"), "host %s",
	       rq.host);
	EXPECT(rq.fields.n == 5, "%u fields", rq.fields.n);
	f = http_field(&rq.fields, "a", NULL);
	EXPECT(f && !f->value_len, "empty value");
	f = http_field(&rq.fields, "b", NULL);
	EXPECT(f && f->value_len == 1 && *f->value == '1', "first of two");
	f = http_field(&rq.fields, "B", f);
	EXPECT(f && f->value_len == 1 && *f->value == '2', "second of two");
	EXPECT(f && !http_field(&rq.fields, "b", f), "third of two");
	free(head);
	/* RFC 9112, 3.2.2: the target's authority counts. */
	r = parse("GET http://[::1]:8?q HTTP/1.1\r\nHost: other\r\n\r\n", &rq, &framing, &head);
	EXPECT(!r && !strcmp(rq.host, "[::1]") && !strcmp(rq.authority, "[::1]:8") &&
		       !strcmp(rq.target, "/?q") && rq.target_len == 3,
	       "%d %s %s", r, rq.host, rq.target);
	free(head);
	r = parse("GET HTTPS://h HTTP/1.1\r\nHost: other\r\n\r\n", &rq, &framing, &head);
	EXPECT(!r && !strcmp(rq.host, "h") && !strcmp(rq.target, "/"), "%d %s", r, rq.target);
	free(head);
}

static void test_keep_alive(void)
{
	static const struct {
		const char *rest;
		bool keep;
	} table[] = {
		{ "1.1\r\n" H "\r\n", true },
		{ "1.0\r\n" H "\r\n", false },
		{ "1.1\r\n" H "Connection: close\r\n\r\n", false },
		{ "1.1\r\n" H "Connection: TE, Close\r\n\r\n", false },
		{ "1.1\r\n" H "Connection: TE\r\nConnection: close\r\n\r\n", false },
		{ "1.1\r\n" H "Connection: closed, \"close\"\r\n\r\n", true },
		{ "1.0\r\n" H "Connection: Keep-Alive\r\n\r\n", true },
		{ "1.0\r\n" H "Connection: keep-alive, close\r\n\r\n", false },
	};
	struct http_framing framing;
	struct http_request rq;
	char text[200], *head;

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		snprintf(text, sizeof(text), "GET / HTTP/%s", table[i].rest);
		EXPECT(!parse(text, &rq, &framing, &head) && framing.keep_alive == table[i].keep,
		       "%s", text);
		free(head);
	}
}

static void test_lists(void)
{
	static const struct {
		const char *value, *token;
		bool has;
	} table[] = {
		{ "gzip", "gzip", true },
		{ "GZip", "gzip", true },
		{ "xgzip", "gzip", false },
		{ "gzipx", "gzip", false },
		{ "a,gzip ,b", "gzip", true },
		{ ", ,gzip", "gzip", true },
		{ "gzip;q=0.5", "gzip", true },
		{ "gzip ; q=1", "gzip", true },
		{ "", "gzip", false },
		{ "\"gzip\"", "gzip", false },
		{ "a;x=\",gzip,\"", "gzip", false },
		{ "a;x=\"\\\",gzip,\"", "gzip", false },
		{ "a;x=\"", "gzip", false },
		{ "a;x=\"\\", "gzip", false },
		{ "gzip\"x\"", "gzip", false },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		size_t n = strlen(table[i].value);
		char *p = copy(table[i].value, n);
		struct http_field f = { .name = "X", .name_len = 1, .value = p, .value_len = n };
		struct http_fields fields = { .n = 1, .field = &f };

		EXPECT(http_list_has(&fields, "x", table[i].token) == table[i].has, "%s",
		       table[i].value);
		free(p);
	}
}

/* Takes all content; returns 0 when it is complete, -1 when not, or a status. */
static int read_body(const char *s, size_t n, size_t step, char *out, size_t *used)
{
	struct http_body b;
	struct http_piece piece;
	size_t start = 0, end = 0, len = 0;
	int status = 0;

	http_body_start(&b, true, -1);
	while (!status && !http_body_done(&b)) {
		char *p = copy(s + start, end - start);

		status = http_body_step(&b, p, end - start, &limits, &piece);
		if (piece.len)
			memcpy(out + len, piece.data, piece.len);
		len += piece.len;
		free(p);
		start += piece.used;
		if (!status && !piece.used) {
			if (end == n)
				return -1;
			end = end + step < n ? end + step : n;
		}
	}
	out[len] = 0;
	*used = start;
	return status;
}

static void test_chunks(void)
{
	static const struct {
		const char *body;
		int status;
		const char *content;
		size_t rest;
	} table[] = {
		{ "0\r\n\r\n", 0, "", 0 },
		{ "3\r\nabc\r\n0\r\n\r\nGET", 0, "abc", 3 },
		{ "3\r\nabc\r\nA\r\n0123456789\r\n00\r\n\r\n", 0, "abc0123456789", 0 },
		{ "a\r\n0123456789\r\n0\r\n\r\n", 0, "0123456789", 0 },
		{ "1;a=b\r\nx\r\n0;c=\"d\"\r\n\r\n", 0, "x", 0 },
		{ "1 \t;a\r\nx\r\n0\r\n\r\n", 0, "x", 0 },
		{ "1\r\nx\r\n0\r\nX: y\r\nZ:\r\n\r\n", 0, "x", 0 },
		{ "000000000000001\r\nx\r\n0\r\n\r\n", 0, "x", 0 },
		{ "0000000000000001\r\nx\r\n0\r\n\r\n", 400, NULL, 0 },
		{ "ffffffffffffffff\r\nx", 400, NULL, 0 },
		{ "10000000000000000\r\nx", 400, NULL, 0 },
		{ "1 \r\nx\r\n0\r\n\r\n", 400, NULL, 0 },
		{ " 1\r\nx\r\n0\r\n\r\n", 400, NULL, 0 },
		{ "0x1\r\nx\r\n0\r\n\r\n", 400, NULL, 0 },
		{ "-1\r\nx\r\n0\r\n\r\n", 400, NULL, 0 },
		{ "+1\r\nx\r\n0\r\n\r\n", 400, NULL, 0 },
		{ "\r\n", 400, NULL, 0 },
		{ ";a\r\n", 400, NULL, 0 },
		{ "1\nx\r\n0\r\n\r\n", 400, NULL, 0 },
		{ "1\rx\r\n0\r\n\r\n", 400, NULL, 0 },
		{ "1\r\nxy\r\n0\r\n\r\n", 400, NULL, 0 },
		{ "1\r\nx\n0\r\n\r\n", 400, NULL, 0 },
		{ "1\r\nx\r0\r\n\r\n", 400, NULL, 0 },
		{ "1\r\nx0\r\n\r\n", 400, NULL, 0 },
		{ "1;a\nb\r\nx\r\n0\r\n\r\n", 400, NULL, 0 },
		{ "1;a\rb\r\nx\r\n0\r\n\r\n", 400, NULL, 0 },
		{ "0\r\n\n", 400, NULL, 0 },
		{ "0\r\nX : y\r\n\r\n", 400, NULL, 0 },
		{ "0\r\n X: y\r\n\r\n", 400, NULL, 0 },
		{ "0\r\nX\r\n\r\n", 400, NULL, 0 },
		{ "0\r\nX: y\n\r\n", 400, NULL, 0 },
		{ "3\r\nab", -1, NULL, 0 },
		{ "0\r\n", -1, NULL, 0 },
		{ "0\r\nX: y\r\n", -1, NULL, 0 },
	};
	char out[100];
	size_t used;

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		size_t n = strlen(table[i].body);

		for (size_t step = 1; step <= n; step++) {
			int r = read_body(table[i].body, n, step, out, &used);

			EXPECT(r == table[i].status, "%s by %zu: %d", table[i].body, step, r);
			if (!r && !table[i].status)
				EXPECT(!strcmp(out, table[i].content) && used == n - table[i].rest,
				       "%s by %zu: %s, %zu", table[i].body, step, out, used);
		}
	}
}

static void test_chunk_bounds(void)
{
	char text[8192], out[100];
	size_t used, n;

	n = sprintf(text, "1;");
	memset(text + n, 'x', 4095);
	n += 4095;
	n += sprintf(text + n, "\r\nx\r\n0\r\n\r\n");
	EXPECT(!read_body(text, n, n, out, &used), "so much extension is allowed");
	n = sprintf(text, "1;");
	memset(text + n, 'x', 4096);
	n += 4096;
	n += sprintf(text + n, "\r\nx\r\n0\r\n\r\n");
	EXPECT(read_body(text, n, n, out, &used) == 400, "too much extension");
	/* The bound is for all chunks together. */
	n = 0;
	for (int i = 0; i < 50; i++)
		n += sprintf(text + n, "1;%0100d\r\nx\r\n", 0);
	EXPECT(read_body(text, n, n, out, &used) == 400, "too much in sum");
	n = sprintf(text, "0\r\n");
	for (int i = 0; i < 101; i++)
		n += sprintf(text + n, "X: y\r\n");
	EXPECT(read_body(text, n, n, out, &used) == 431, "too many trailers");
}

static void test_trailers(void)
{
	static const char text[] =
		"X-A: 1\r\nContent-Length: 7\r\nHOST: y\r\nif-match: x\r\n"
		"Authorization: z\r\nTransfer-Encoding: chunked\r\nX-B:\t2 \r\nX-C:\r\n\r\n";
	char *p = copy(text, sizeof(text) - 1);
	struct http_fields t;

	arena_reset(&arena);
	EXPECT(!http_trailer_parse(&t, &arena, p, sizeof(text) - 1, 8), "no memory");
	free(p);
	EXPECT(t.n == 3, "%u", t.n);
	EXPECT(t.n == 3 && t.field[0].name_len == 3 && !memcmp(t.field[0].name, "X-A", 3) &&
		       t.field[0].value_len == 1 && t.field[0].value[0] == '1',
	       "first");
	EXPECT(t.n == 3 && t.field[1].value_len == 1 && t.field[1].value[0] == '2', "second");
	EXPECT(t.n == 3 && !t.field[2].value_len && !memcmp(t.field[2].name, "X-C", 3), "third");
}

static void test_arena(void)
{
	struct arena a = { 0 };
	unsigned char *p[200];
	size_t n[200];

	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 200; i++) {
			n[i] = i * 37 % 1500 + (i % 50 == 0) * 9000;
			p[i] = arena_alloc(&a, n[i]);
			EXPECT(p[i] && !((uintptr_t)p[i] % 16), "%d", i);
			memset(p[i], i, n[i]);
		}
		for (int i = 0; i < 200; i++)
			for (size_t j = 0; j < n[i]; j++)
				if (p[i][j] != i) {
					EXPECT(0, "%d lies over another", i);
					break;
				}
		arena_reset(&a);
	}
	EXPECT(!arena_alloc(&a, SIZE_MAX), "too much");
	arena_free(&a);
	EXPECT(arena_alloc(&a, 1), "after free");
	arena_free(&a);
}

static void test_target(void)
{
	static const struct {
		const char *target;
		int status;
		const char *path;
		int directory;
	} table[] = {
		{ "/", 0, "", 1 },
		{ "/a", 0, "a", 0 },
		{ "/a/", 0, "a", 1 },
		{ "//a//b", 0, "a/b", 0 },
		{ "/a/.", 0, "a", 1 },
		{ "/a/..", 0, "", 1 },
		{ "/a/../b", 0, "b", 0 },
		{ "/a/b/../c", 0, "a/c", 0 },
		{ "/a/b/../../c", 0, "c", 0 },
		{ "/..", 400, NULL, 0 },
		{ "/a/../..", 400, NULL, 0 },
		{ "/%2e%2E", 400, NULL, 0 },
		{ "/%2e", 0, "", 1 },
		{ "/...", 0, "...", 0 },
		{ "/%41", 0, "A", 0 },
		{ "/a%2fb", 404, NULL, 0 },
		{ "/a%00", 400, NULL, 0 },
		{ "/%", 400, NULL, 0 },
		{ "/%4", 400, NULL, 0 },
		{ "/%4g", 400, NULL, 0 },
		{ "/a?b/../../..", 0, "a", 0 },
		{ "http://h", 0, "", 1 },
		{ "http://h/a", 0, "a", 0 },
		{ "http://", 400, NULL, 0 },
		{ "", 0, "", 1 },
		{ "x", 400, NULL, 0 },
		{ "http:/", 400, NULL, 0 },
		{ "/%25", 0, "%", 0 },
		{ "/%252e", 0, "%2e", 0 },
	};
	struct http_target t;

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		char *p = copy(table[i].target, strlen(table[i].target));
		int r = http_target_parse(&t, p, strlen(table[i].target));

		EXPECT(r == table[i].status, "%s: %d", table[i].target, r);
		if (!r && table[i].path)
			EXPECT(!strcmp(t.path, table[i].path) &&
				       t.directory == table[i].directory && t.len == strlen(t.path),
			       "%s: %s, %d", table[i].target, t.path, t.directory);
		free(p);
	}
}

static void test_dates(void)
{
	time_t now = 1795366669, t;
	char text[HTTP_DATE_LEN];
	static const char *const bad[] = {
		"",
		"x",
		"Sun, 06 Nov 1994 08:49:37",
		"Sun, 06 Nov 1994 08:49:37 GMT ",
		"Sun, 06 Nov 1994 08:49:37 CET",
		"Sun, 32 Nov 1994 08:49:37 GMT",
		"Thu, 31 Nov 1994 08:49:37 GMT",
		"Wed, 29 Feb 2023 08:49:37 GMT",
		"Wednesday, 29-Feb-23 08:49:37 GMT",
		"Wed Feb 29 08:49:37 2023",
		"Sun, 06 Nov 1994 08:49:37 GMTxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
	};
	static const struct {
		const char *text;
		time_t t;
	} good[] = {
		{ "Sun, 06 Nov 1994 08:49:37 GMT", 784111777 },
		{ "Sunday, 06-Nov-94 08:49:37 GMT", 784111777 },
		{ "Sun Nov  6 08:49:37 1994", 784111777 },
		{ "Thu, 29 Feb 2024 00:00:00 GMT", 1709164800 },
		{ "Friday, 01-Jan-27 00:00:00 GMT", 1798761600 },
		{ "Saturday, 01-Jan-77 00:00:00 GMT", 220924800 },
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		EXPECT(!http_date_parse(good[i].text, strlen(good[i].text), now, &t) &&
			       t == good[i].t,
		       "%s: %lld", good[i].text, (long long)t);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		EXPECT(http_date_parse(bad[i], strlen(bad[i]), now, &t), "%s: %lld", bad[i],
		       (long long)t);
	for (time_t when = 0; when < 4000000000; when += 86400 * 13 + 12345) {
		http_date_format(when, text);
		EXPECT(strlen(text) == HTTP_DATE_LEN - 1 &&
			       !http_date_parse(text, strlen(text), now, &t) && t == when,
		       "%s", text);
	}
	http_date_format((time_t)1 << 62, text);
	EXPECT(strlen(text) == HTTP_DATE_LEN - 1, "%s", text);
}

static void test_encode(void)
{
	char name[256], out[3 * 256 + 1];
	struct http_target t;
	size_t n = 0;

	for (int ch = 1; ch < 256; ch++)
		if (ch != '/')
			name[n++] = ch;
	EXPECT(http_encode(out + 1, sizeof(out) - 1, name, n), "does not fit");
	out[0] = '/';
	EXPECT(!http_target_parse(&t, out, strlen(out)) && t.len == n && !memcmp(t.path, name, n),
	       "every byte comes back: %s", out);
	for (const char *p = out; *p; p++)
		EXPECT(*p > ' ' && *p < 127 && !strchr("\"<>#?:", *p), "%#x", (unsigned int)*p);
	EXPECT(!http_encode(out, 3, "a", 1), "room for the escape is asked for");
}

int main(void)
{
	setlinebuf(stdout);
	printf("TAP version 13\n1..13\n");
	run("http_scan: the same wherever the octets are cut", test_scan_cuts);
	run("http_scan: control characters", test_scan_controls);
	run("http_request_parse: what is refused", test_request_status);
	run("http_request_parse: what is understood", test_request);
	run("http_request_parse: whether the connection persists", test_keep_alive);
	run("http_list_has", test_lists);
	run("chunks, wherever they are cut", test_chunks);
	run("chunks: bounds", test_chunk_bounds);
	run("trailers: those that make no sense are left out", test_trailers);
	run("http_target_parse", test_target);
	run("dates", test_dates);
	run("http_encode", test_encode);
	run("arena", test_arena);
	arena_free(&arena);
	return failures ? 1 : 0;
}
