// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The pure parts of linnet-httpd, under ASan and UBSan: header shape, parsing,
 * targets, ranges, dates, validators.  What goes over a socket is tested in
 * selftests/userspace/test_httpd.py.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "date.h"
#include "range.h"
#include "request.h"
#include "scan.h"
#include "target.h"
#include "validators.h"

static int number, failures, failed_here;

#define EXPECT(what, ...) do {						\
	if (!(what)) {							\
		printf("# %s:%d: %s: ", __FILE__, __LINE__, #what);	\
		printf(__VA_ARGS__);					\
		printf("\n");						\
		failed_here++;						\
	}								\
} while (0)

static const struct http_limits limits = { .head = 16384, .target = 8000, .fields = 100 };

/* An exact copy on the heap, so that ASan sees one byte too many. */
static char *copy(const char *s, size_t n)
{
	char *p = malloc(n ? n : 1);

	if (!p)
		abort();
	memcpy(p, s, n);
	return p;
}

static int scan_all(const char *s, size_t n, struct http_scan *scan)
{
	char *p = copy(s, n);
	int r;

	*scan = (struct http_scan){ 0 };
	r = http_scan(scan, p, n, &limits);
	free(p);
	return r;
}

/* Wherever the bytes are cut, the verdict is the same and comes at the same byte. */
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
 * Whatever one byte of a good header becomes, control characters other than a
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
				EXPECT(r >= 400, "byte %zu as %#x: %d", i, (unsigned int)ch, r);
			free(p);
		}
	}
}

static int parse(const char *s, struct http_request *rq, char **head)
{
	struct http_scan scan;
	int r = scan_all(s, strlen(s), &scan);

	*head = NULL;
	if (r != HTTP_SCAN_DONE)
		return r;
	*head = copy(s + scan.start, scan.pos - scan.start);
	return http_request_parse(rq, *head, scan.pos - scan.start);
}

static void test_request(void)
{
	static const struct { const char *head; int status;
	} table[] = {
		{ "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 0 },
		{ "GET / HTTP/1.1\r\n\r\n", 400 },
		{ "GET / HTTP/1.0\r\n\r\n", 0 },
		{ "GET / HTTP/1.1\r\nHost: x\r\nHOST: y\r\n\r\n", 400 },
		{ "BREW / HTTP/1.1\r\nHost: x\r\n\r\n", 501 },
		{ "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: "
		  "chunked\r\n\r\n",
		  400 },
		{ "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501 },
		{ "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n", 501 },
		{ "GET / HTTP/1.7\r\nHost: x\r\n\r\n", 0 },
	};
	struct http_request rq;
	const struct http_field *f;
	char *head;
	int r;

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		r = parse(table[i].head, &rq, &head);
		/* llhttp refuses some before we do: 400 is as good as 501. */
		EXPECT(r == table[i].status || (table[i].status == 501 && r == 400), "%s: %d",
		       table[i].head, r);
		free(head);
	}
	r = parse("HEAD /p?q HTTP/1.1\r\nHost:  x \r\nA:\r\nB: 1\r\nb:\t2 \t\r\nContent-Length: "
		  "7\r\n\r\n",
		  &rq, &head);
	EXPECT(!r && rq.method == HTTP_KIND_HEAD && rq.has_content && rq.keep_alive, "%d", r);
	EXPECT(rq.target_len == 4 && !memcmp(rq.target, "/p?q", 4), "target");
	EXPECT(rq.n_fields == 5, "%u fields", rq.n_fields);
	f = http_request_field(&rq, "host", NULL);
	EXPECT(f && f->value_len == 1 && *f->value == 'x', "host");
	f = http_request_field(&rq, "a", NULL);
	EXPECT(f && !f->value_len, "empty value");
	f = http_request_field(&rq, "b", NULL);
	EXPECT(f && f->value_len == 1 && *f->value == '1', "first of two");
	f = http_request_field(&rq, "B", f);
	EXPECT(f && f->value_len == 1 && *f->value == '2', "second of two");
	EXPECT(f && !http_request_field(&rq, "b", f), "third of two");
	free(head);
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

/* Against a plain account of what RFC 9110, 14.1.2 says, for all small cases. */
static void test_range_exhaustive(void)
{
	struct http_range ranges[HTTP_MAX_RANGES];
	char text[64];

	for (unsigned int size = 0; size < 6; size++) {
		for (int first = -1; first < 8; first++) {
			for (int last = -1; last < 8; last++) {
				char a[8] = "", b[8] = "", *p;
				unsigned int want_start = 0, want_len = 0;
				int want, r;

				if (first >= 0)
					snprintf(a, sizeof(a), "%d", first);
				if (last >= 0)
					snprintf(b, sizeof(b), "%d", last);
				snprintf(text, sizeof(text), "bytes=%s-%s", a, b);
				if (first < 0 && last < 0) {
					want = HTTP_RANGE_WHOLE;
				} else if (first < 0) {
					want_len = (unsigned int)last < size ? (unsigned int)last
									     : size;
					want_start = size - want_len;
					want = want_len ? 1 : HTTP_RANGE_NONE;
				} else if (last >= 0 && last < first) {
					want = HTTP_RANGE_WHOLE;
				} else if ((unsigned int)first >= size) {
					want = HTTP_RANGE_NONE;
				} else {
					want = 1;
					want_start = first;
					want_len = (last < 0 || (unsigned int)last >= size
							    ? size - 1
							    : (unsigned int)last) -
						   first + 1;
				}
				p = copy(text, strlen(text));
				r = http_range_parse(p, strlen(text), size, ranges);
				free(p);
				EXPECT(r == want, "%s of %u: %d", text, size, r);
				if (r == 1 && want == 1)
					EXPECT(ranges[0].start == want_start &&
						       ranges[0].len == want_len,
					       "%s of %u: %llu+%llu", text, size,
					       (unsigned long long)ranges[0].start,
					       (unsigned long long)ranges[0].len);
			}
		}
	}
}

static void test_range_numbers(void)
{
	static const struct {
		const char *text;
		uint64_t size;
		int n;
		uint64_t start, len;
	} table[] = {
		{ "bytes=18446744073709551615-", UINT64_MAX, HTTP_RANGE_NONE, 0, 0 },
		{ "bytes=18446744073709551614-", UINT64_MAX, 1, UINT64_MAX - 1, 1 },
		{ "bytes=18446744073709551616-", UINT64_MAX, HTTP_RANGE_NONE, 0, 0 },
		{ "bytes=0-18446744073709551615", 10, 1, 0, 10 },
		{ "bytes=-18446744073709551616", 10, 1, 0, 10 },
		{ "bytes=0-340282366920938463463374607431768211456", 10, 1, 0, 10 },
		{ "bytes=0-18446744073709551614", UINT64_MAX, 1, 0, UINT64_MAX },
		{ "bytes=00000000000000000000000000001-1", 10, 1, 1, 1 },
	};
	struct http_range ranges[HTTP_MAX_RANGES];

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		int r = http_range_parse(table[i].text, strlen(table[i].text), table[i].size,
					 ranges);

		EXPECT(r == table[i].n, "%s: %d", table[i].text, r);
		if (r == 1)
			EXPECT(ranges[0].start == table[i].start && ranges[0].len == table[i].len,
			       "%s: %llu+%llu", table[i].text, (unsigned long long)ranges[0].start,
			       (unsigned long long)ranges[0].len);
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
		"Sun, 06 Nov 1994 08:49:37 GMTxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
	};
	static const struct { const char *text; time_t t;
	} good[] = {
		{ "Sun, 06 Nov 1994 08:49:37 GMT", 784111777 },
		{ "Sunday, 06-Nov-94 08:49:37 GMT", 784111777 },
		{ "Sun Nov  6 08:49:37 1994", 784111777 },
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

static void test_etags(void)
{
	struct http_validators v = { .etag = "\"abc\"", .modified = 1000000000, .now = 1795366669 };
	static const struct { const char *field; int status;
	} table[] = {
		{ "If-None-Match: \"abc\"", 304 },
		{ "If-None-Match: \"x\",\"abc\"", 304 },
		{ "If-None-Match: , W/\"abc\" ,", 304 },
		{ "If-None-Match: \"ab\"", 0 },
		{ "If-None-Match: \"abc", 0 },
		{ "If-None-Match: abc", 0 },
		{ "If-None-Match:", 0 },
		{ "If-None-Match: W/", 0 },
		{ "If-None-Match: \"", 0 },
		{ "If-None-Match: W/\"", 0 },
		{ "If-Match: \"abc\"", 0 },
		{ "If-Match: W/\"abc\"", 412 },
		{ "If-Match:", 412 },
		{ "If-Match: *", 0 },
	};
	struct http_request rq;
	char text[256], *head;

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		int r;

		snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n",
			 table[i].field);
		r = parse(text, &rq, &head);
		EXPECT(!r, "%s: %d", text, r);
		if (!r) {
			r = http_preconditions(&rq, &v);
			EXPECT(r == table[i].status, "%s: %d", table[i].field, r);
		}
		free(head);
	}
}

static void run(const char *name, void (*test)(void))
{
	failed_here = 0;
	test();
	printf("%sok %d %s\n", failed_here ? "not " : "", ++number, name);
	failures += !!failed_here;
}

int main(void)
{
	setlinebuf(stdout);
	printf("TAP version 13\n1..9\n");
	run("http_scan: the same wherever the bytes are cut", test_scan_cuts);
	run("http_scan: control characters", test_scan_controls);
	run("http_request_parse", test_request);
	run("http_target_parse", test_target);
	run("http_range_parse: all small cases", test_range_exhaustive);
	run("http_range_parse: great numbers", test_range_numbers);
	run("dates", test_dates);
	run("http_encode", test_encode);
	run("http_preconditions: entity tags", test_etags);
	return failures ? 1 : 0;
}
