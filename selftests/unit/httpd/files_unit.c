// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What decides how a file is sent, under ASan and UBSan: ranges, content codings,
 * conditions, media types.  What goes over a socket is tested in
 * selftests/services/test_http_files.py.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "encoding.h"
#include "range.h"
#include "validators.h"

/* Its table must be sorted: the test looks at it. */
#include "mime.c"

static int number, failures, failed_here;

#define EXPECT(what, ...) do {						\
	if (!(what)) {							\
		printf("# %s:%d: %s: ", __FILE__, __LINE__, #what);	\
		printf(__VA_ARGS__);					\
		printf("\n");						\
		failed_here++;						\
	}								\
} while (0)

#define N(array)	(sizeof(array) / sizeof(*(array)))

/* An exact copy on the heap, so that ASan sees one byte too many. */
static char *copy(const char *s, size_t n)
{
	char *p = malloc(n ? n : 1);

	if (!p)
		abort();
	memcpy(p, s, n);
	return p;
}

/**
 * struct sent - a request with fields of "Name: value" lines
 * @rq: the request
 * @field: its fields, each in memory of its own
 */
struct sent {
	struct http_request rq;
	struct http_field field[8];
};

static void sent(struct sent *q, enum http_kind kind, const char *lines)
{
	memset(q, 0, sizeof(*q));
	q->rq.kind = kind;
	q->rq.fields.field = q->field;
	while (*lines) {
		size_t len = strcspn(lines, "\n"), name_len = strcspn(lines, ":");
		const char *value = lines + name_len + 1;
		struct http_field *f = &q->field[q->rq.fields.n++];

		value += *value == ' ';
		f->name = copy(lines, name_len);
		f->name_len = name_len;
		f->value_len = lines + len - value;
		f->value = copy(value, f->value_len);
		lines += len + (lines[len] == '\n');
	}
}

static void sent_free(struct sent *q)
{
	for (unsigned int i = 0; i < q->rq.fields.n; i++) {
		free((char *)q->field[i].name);
		free((char *)q->field[i].value);
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

static void test_range_lists(void)
{
	static const struct {
		const char *text;
		int n;
		struct http_range range[3];
	} table[] = {
		{ "bytes=0-0,9-9", 2, { { 0, 1 }, { 9, 1 } } },
		{ "bytes=9-9 , 0-0", 2, { { 9, 1 }, { 0, 1 } } },
		{ "bytes=,0-1,,\t-2,", 2, { { 0, 2 }, { 8, 2 } } },
		{ "bytes=10-,0-0", 1, { { 0, 1 } } },
		{ "bytes=10-,11-", HTTP_RANGE_NONE, { { 0 } } },
		{ "bytes=-0", HTTP_RANGE_NONE, { { 0 } } },
		/* More than there is: somebody overlaps ranges to make us send it again. */
		{ "bytes=0-,0-0", HTTP_RANGE_WHOLE, { { 0 } } },
		{ "bytes=0-5,5-9", HTTP_RANGE_WHOLE, { { 0 } } },
		{ "bytes=0-4,0-4", 2, { { 0, 5 }, { 0, 5 } } },
		{ "bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7,8-8,9-9,-0,-0,-0,-0,-0,-0,-0",
		  HTTP_RANGE_WHOLE, { { 0 } } },
		{ "bytes=0-0,x", HTTP_RANGE_WHOLE, { { 0 } } },
		{ "bytes=0-0;1-1", HTTP_RANGE_WHOLE, { { 0 } } },
		{ "bytes=0- 1", HTTP_RANGE_WHOLE, { { 0 } } },
		{ "bytes= 0-1", 1, { { 0, 2 } } },
		{ "bytes=", HTTP_RANGE_WHOLE, { { 0 } } },
		{ "bytes=,", HTTP_RANGE_WHOLE, { { 0 } } },
		{ "bytes=--1", HTTP_RANGE_WHOLE, { { 0 } } },
		{ "BYTES=0-1", 1, { { 0, 2 } } },
		{ "lines=0-1", HTTP_RANGE_WHOLE, { { 0 } } },
		{ "bytes", HTTP_RANGE_WHOLE, { { 0 } } },
		{ "", HTTP_RANGE_WHOLE, { { 0 } } },
	};
	struct http_range ranges[HTTP_MAX_RANGES];

	for (size_t i = 0; i < N(table); i++) {
		size_t len = strlen(table[i].text);
		char *p = copy(table[i].text, len);
		int n = http_range_parse(p, len, 10, ranges);

		free(p);
		EXPECT(n == table[i].n, "%s: %d", table[i].text, n);
		for (int j = 0; j < n && n == table[i].n; j++)
			EXPECT(ranges[j].start == table[i].range[j].start &&
				       ranges[j].len == table[i].range[j].len,
			       "%s: range %d is %llu+%llu", table[i].text, j,
			       (unsigned long long)ranges[j].start,
			       (unsigned long long)ranges[j].len);
	}
}

static void test_codings(void)
{
	/* What is accepted, best first: i, g, z, b; "-" stands for nothing. */
	static const struct { const char *fields, *want;
	} table[] = {
		{ "", "i" },
		{ "Accept-Encoding:", "i" },
		{ "Accept-Encoding: gzip", "gi" },
		{ "Accept-Encoding: x-gzip", "gi" },
		{ "Accept-Encoding: GZip", "gi" },
		{ "Accept-Encoding: gzip, deflate, br, zstd", "bzgi" },
		{ "Accept-Encoding: gzip;q=1.0, br;q=0.9", "gbi" },
		{ "Accept-Encoding: gzip;q=0.001", "gi" },
		{ "Accept-Encoding: gzip;q=0", "i" },
		{ "Accept-Encoding: gzip;q=0.000, br", "bi" },
		{ "Accept-Encoding: identity", "i" },
		{ "Accept-Encoding: identity, gzip;q=0.5", "ig" },
		{ "Accept-Encoding: identity;q=0.5, gzip;q=0.5", "gi" },
		{ "Accept-Encoding: identity;q=0", "-" },
		{ "Accept-Encoding: identity;q=0, gzip", "g" },
		{ "Accept-Encoding: *", "bzgi" },
		{ "Accept-Encoding: *;q=0", "-" },
		{ "Accept-Encoding: *;q=0, gzip", "g" },
		{ "Accept-Encoding: *;q=0, identity", "i" },
		{ "Accept-Encoding: gzip, *;q=0.5", "gbzi" },
		{ "Accept-Encoding: gzip;q=0, *", "bzi" },
		{ "Accept-Encoding: gzip \t; \tq=0.5 ,br ; q=0.4", "gbi" },
		{ "Accept-Encoding: gzip;Q=0.5", "gi" },
		/* Malformed elements count for nothing. */
		{ "Accept-Encoding: gzip;q=2", "i" },
		{ "Accept-Encoding: gzip;q=1.001", "i" },
		{ "Accept-Encoding: gzip;q=0.1234", "i" },
		{ "Accept-Encoding: gzip;q=", "i" },
		{ "Accept-Encoding: gzip;q=x", "i" },
		{ "Accept-Encoding: gzip;q=-1", "i" },
		{ "Accept-Encoding: gzip;q", "i" },
		{ "Accept-Encoding: gzip;level=5", "i" },
		{ "Accept-Encoding: gzipped, ,;, ;q=1,bro", "i" },
		{ "Accept-Encoding: ,,gzip,,", "gi" },
		{ "Accept-Encoding: gzip\nAccept-Encoding: br;q=0.5", "gbi" },
		{ "Accept-Encoding: gzip;q=1., br;q=0.", "gi" },
	};
	static const char letters[] = "igzb";

	for (size_t i = 0; i < N(table); i++) {
		char got[8] = "-";
		struct http_codings c;
		struct sent q;

		sent(&q, HTTP_KIND_GET, table[i].fields);
		http_codings_parse(&c, &q.rq.fields);
		for (int j = 0; j < c.n; j++)
			snprintf(got + j, sizeof(got) - j, "%c", letters[c.coding[j]]);
		EXPECT(!strcmp(got, table[i].want), "%s: %s, not %s", table[i].fields, got,
		       table[i].want);
		sent_free(&q);
	}
}

/* The representation has the tag "abc" and was changed at 2001-09-09T01:46:40Z. */
static const struct http_validators strong = { .etag = "\"abc\"",
					       .modified = 1000000000,
					       .now = 1795366669 };
static const struct http_validators weak = { .etag = "W/\"abc\"",
					     .modified = 1000000000,
					     .now = 1795366669 };

#define BEFORE	"Sun, 09 Sep 2001 01:46:39 GMT"
#define SAME	"Sun, 09 Sep 2001 01:46:40 GMT"
#define AFTER	"Sun, 09 Sep 2001 01:46:41 GMT"

static void test_conditions(void)
{
	static const struct {
		const char *fields;
		int get, put, weak, none;	/* GET, PUT, GET of weak, PUT to nothing */
	} table[] = {
		{ "", 0, 0, 0, 0 },
		{ "If-None-Match: \"abc\"", 304, 412, 304, 0 },
		{ "If-None-Match: \"x\",\"abc\"", 304, 412, 304, 0 },
		{ "If-None-Match: \"x\"\nIf-None-Match: \"abc\"", 304, 412, 304, 0 },
		{ "If-None-Match: , W/\"abc\" ,", 304, 412, 304, 0 },
		{ "If-None-Match: *", 304, 412, 304, 0 },
		{ "If-None-Match: \"ab\"", 0, 0, 0, 0 },
		{ "If-None-Match: \"abc", 0, 0, 0, 0 },
		{ "If-None-Match: abc", 0, 0, 0, 0 },
		{ "If-None-Match:", 0, 0, 0, 0 },
		{ "If-None-Match: W/", 0, 0, 0, 0 },
		{ "If-None-Match: \"", 0, 0, 0, 0 },
		{ "If-None-Match: W/\"", 0, 0, 0, 0 },
		{ "If-Match: \"abc\"", 0, 0, 412, 412 },
		{ "If-Match: W/\"abc\"", 412, 412, 412, 412 },
		{ "If-Match: \"x\", \"abc\"", 0, 0, 412, 412 },
		{ "If-Match: \"a,c\", \"abc\"", 0, 0, 412, 412 },
		{ "If-Match:", 412, 412, 412, 412 },
		{ "If-Match: *", 0, 0, 0, 412 },
		{ "If-Unmodified-Since: " BEFORE, 412, 412, 412, 0 },
		{ "If-Unmodified-Since: " SAME, 0, 0, 0, 0 },
		{ "If-Unmodified-Since: " AFTER, 0, 0, 0, 0 },
		{ "If-Unmodified-Since: yesterday", 0, 0, 0, 0 },
		{ "If-Unmodified-Since: " BEFORE "\nIf-Unmodified-Since: " BEFORE, 0, 0, 0, 0 },
		{ "If-Modified-Since: " BEFORE, 0, 0, 0, 0 },
		{ "If-Modified-Since: " SAME, 304, 0, 304, 0 },
		{ "If-Modified-Since: " AFTER, 304, 0, 304, 0 },
		{ "If-Modified-Since: Sunday, 09-Sep-01 01:46:40 GMT", 304, 0, 304, 0 },
		{ "If-Modified-Since: Sun Sep  9 01:46:40 2001", 304, 0, 304, 0 },
		/* The order of 13.2.2: tags before dates, matches before none-matches. */
		{ "If-Match: \"abc\"\nIf-Unmodified-Since: " BEFORE, 0, 0, 412, 412 },
		{ "If-None-Match: \"x\"\nIf-Modified-Since: " AFTER, 0, 0, 0, 0 },
		{ "If-Match: \"x\"\nIf-None-Match: \"abc\"", 412, 412, 412, 412 },
		{ "If-Match: \"abc\"\nIf-None-Match: \"abc\"", 304, 412, 412, 412 },
		{ "If-Match: *\nIf-Modified-Since: " SAME, 304, 0, 304, 412 },
	};

	for (size_t i = 0; i < N(table); i++) {
		const char *s = table[i].fields;
		struct sent q;
		int r;

		sent(&q, HTTP_KIND_GET, s);
		r = http_preconditions(&q.rq, &strong);
		EXPECT(r == table[i].get, "GET %s: %d", s, r);
		r = http_preconditions(&q.rq, &weak);
		EXPECT(r == table[i].weak, "GET of weak %s: %d", s, r);
		q.rq.kind = HTTP_KIND_HEAD;
		r = http_preconditions(&q.rq, &strong);
		EXPECT(r == table[i].get, "HEAD %s: %d", s, r);
		q.rq.kind = HTTP_KIND_PUT;
		r = http_preconditions(&q.rq, &strong);
		EXPECT(r == table[i].put, "PUT %s: %d", s, r);
		r = http_preconditions(&q.rq, NULL);
		EXPECT(r == table[i].none, "PUT to nothing %s: %d", s, r);
		sent_free(&q);
	}
}

static void test_if_range(void)
{
	static const struct { const char *fields; bool strong, weak;
	} table[] = {
		{ "", true, true },
		{ "If-Range: \"abc\"", true, false },
		{ "If-Range: W/\"abc\"", false, false },
		{ "If-Range: \"x\"", false, false },
		{ "If-Range: *", false, false },
		{ "If-Range: " BEFORE, false, false },
		{ "If-Range: " SAME, true, true },
		{ "If-Range: " AFTER, false, false },
		{ "If-Range:", false, false },
	};
	struct http_validators fresh = strong;
	struct sent q;

	for (size_t i = 0; i < N(table); i++) {
		sent(&q, HTTP_KIND_GET, table[i].fields);
		EXPECT(http_range_wanted(&q.rq, &strong) == table[i].strong, "%s", table[i].fields);
		EXPECT(http_range_wanted(&q.rq, &weak) == table[i].weak, "weak: %s",
		       table[i].fields);
		sent_free(&q);
	}
	/* A file that may change again in this second has no date to rely on. */
	fresh.now = fresh.modified + 1;
	sent(&q, HTTP_KIND_GET, "If-Range: " SAME);
	EXPECT(!http_range_wanted(&q.rq, &fresh), "a fresh date");
	sent_free(&q);
}

static void test_validators_of(void)
{
	struct stat st = { .st_ino = ~0UL, .st_size = INT64_MAX,
			   .st_mtim = { .tv_sec = 5, .tv_nsec = 999999999 } };
	struct http_validators a, b, c, d;

	http_validators_of(&a, &st, NULL, false, 10);
	EXPECT(a.etag[0] == '"' && a.etag[strlen(a.etag) - 1] == '"', "%s", a.etag);
	EXPECT(a.modified == 5 && a.now == 10, "%lld", (long long)a.modified);
	http_validators_of(&b, &st, "gzip", true, 10);
	EXPECT(!strncmp(b.etag, "W/\"", 3) && b.etag[strlen(b.etag) - 1] == '"', "%s", b.etag);
	http_validators_of(&c, &st, "gzip", false, 10);
	EXPECT(strcmp(c.etag, a.etag) && strcmp(c.etag, b.etag + 2) == 0, "%s", c.etag);
	st.st_mtim.tv_nsec--;
	http_validators_of(&d, &st, NULL, false, 3);
	EXPECT(strcmp(d.etag, a.etag), "a nanosecond is a difference");
	EXPECT(d.modified == 3, "no date in the future: %lld", (long long)d.modified);
}

static void test_mime(void)
{
	static const char text[] = "# a comment\n"
				   "text/x-one  ONE\tone2 # not this\n"
				   "text/html\n"
				   "text/x-early same\n"
				   "\n"
				   "no-type ext\n"
				   "a/b/c ext2\n"
				   "bad;type/x ext3\n"
				   "text/x-late same html\r\n"
				   "text/x-last last";
	struct mime_table *t;
	char *p;

	for (size_t i = 1; i < N(built_in); i++)
		EXPECT(strcmp(built_in[i - 1].extension, built_in[i].extension) < 0,
		       "%s is not before %s", built_in[i - 1].extension, built_in[i].extension);
	for (size_t i = 0; i < N(built_in); i++)
		EXPECT(is_type(built_in[i].type), "%s", built_in[i].type);
	EXPECT(!strcmp(mime_type(NULL, "a/b.HTML"), "text/html"), "case");
	EXPECT(!strcmp(mime_type(NULL, "a.html/b"), "application/octet-stream"), "folder");
	EXPECT(!strcmp(mime_type(NULL, "html"), "application/octet-stream"), "no dot");
	EXPECT(!strcmp(mime_type(NULL, "a."), "application/octet-stream"), "nothing after the dot");
	EXPECT(!strcmp(mime_type(NULL, ""), "application/octet-stream"), "empty");
	EXPECT(!strcmp(mime_type(NULL, "a.tar.gz"), "application/gzip"), "the last counts");
	EXPECT(!strcmp(mime_type(NULL, "a.0123456789012345678901234567890123456789"),
		       "application/octet-stream"), "long");

	p = copy(text, strlen(text));
	t = mime_table_parse(p, strlen(text));
	free(p);
	EXPECT(!strcmp(mime_type(t, "a.one"), "text/x-one"), "%s", mime_type(t, "a.one"));
	EXPECT(!strcmp(mime_type(t, "a.one2"), "text/x-one"), "%s", mime_type(t, "a.one2"));
	EXPECT(!strcmp(mime_type(t, "a.same"), "text/x-late"), "%s", mime_type(t, "a.same"));
	EXPECT(!strcmp(mime_type(t, "a.html"), "text/x-late"), "%s", mime_type(t, "a.html"));
	EXPECT(!strcmp(mime_type(t, "a.last"), "text/x-last"), "%s", mime_type(t, "a.last"));
	EXPECT(!strcmp(mime_type(t, "a.css"), "text/css"), "%s", mime_type(t, "a.css"));
	for (const char **e = (const char *[]){ "a.not", "a.ext", "a.ext2", "a.ext3", "a.this",
						NULL }; *e; e++)
		EXPECT(!strcmp(mime_type(t, *e), "application/octet-stream"), "%s: %s", *e,
		       mime_type(t, *e));
	mime_table_free(t);
	t = mime_table_parse("", 0);
	EXPECT(!strcmp(mime_type(t, "a.css"), "text/css"), "empty table");
	mime_table_free(t);

	EXPECT(mime_matches("text/html", "text/*") && mime_matches("text/html", "text/html") &&
	       mime_matches("text/html", "*") && mime_matches("text/html", "TEXT/*"), "matches");
	EXPECT(!mime_matches("text/html", "text/htm") && !mime_matches("text/html", "image/*") &&
	       !mime_matches("text/html", "") && !mime_matches("textile/x", "text/*") &&
	       !mime_matches("text/html", "/*"), "no match");
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
	printf("TAP version 13\n1..8\n");
	run("http_range_parse: all small cases", test_range_exhaustive);
	run("http_range_parse: great numbers", test_range_numbers);
	run("http_range_parse: lists", test_range_lists);
	run("http_codings_parse", test_codings);
	run("http_preconditions", test_conditions);
	run("http_range_wanted", test_if_range);
	run("http_validators_of", test_validators_of);
	run("media types", test_mime);
	return failures ? 1 : 0;
}
