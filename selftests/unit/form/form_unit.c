// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The parsers of forms, under ASan and UBSan.  What goes over a socket is tested in
 * selftests/services/test_forms.py.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "formdata.h"
#include "multipart.h"
#include "utf8.h"

static int number, failures, failed_here;

#define EXPECT(what, ...) do {						\
	if (!(what)) {							\
		printf("# %s:%d: %s: ", __FILE__, __LINE__, #what);	\
		printf(__VA_ARGS__);					\
		printf("\n");						\
		failed_here++;						\
	}								\
} while (0)

#define URLENCODED	"application/x-www-form-urlencoded"
#define MULTIPART	"multipart/form-data; boundary=b"

/* SHA-256 of nothing and of "abc" (FIPS 180-4's example) */
#define SHA_EMPTY	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define SHA_ABC		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

/* @step: octets at once, each piece a block of its own so that ASan sees one too many. */
static struct formdata *parse(const struct formdata_limits *limits, const char *type,
			      const char *body, size_t len, size_t step, int *status)
{
	struct formdata *f = formdata_new(type, type ? strlen(type) : 0, limits);

	if (!f)
		abort();
	*status = 0;
	for (size_t at = 0; at < len && !*status; at += step) {
		size_t n = len - at < step ? len - at : step;
		char *piece = malloc(n);

		if (!piece)
			abort();
		memcpy(piece, body + at, n);
		*status = formdata_add(f, piece, n);
		free(piece);
	}
	if (!*status)
		*status = formdata_end(f);
	return f;
}

/* A form as one line: name=value and name<filename|type|size|hash>, each ending in ";". */
static char *shown(const struct formdata *f)
{
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		abort();
	for (const struct formdata_item *i = formdata_first(f); i; i = i->next) {
		if (i->filename)
			fprintf(out, "%s<%s|%s|%llu|%s>;", i->name, i->filename, i->type,
				(unsigned long long)i->size, i->sha256);
		else
			fprintf(out, "%s=%s;", i->name, i->value);
	}
	if (fclose(out))
		abort();
	return text;
}

struct sample {
	const char *type, *body;
	size_t len;
	int status;
	const char *expected;	/* shown(), or a part of the error */
};

#define GOOD(type, body, expected)	{ type, body, sizeof(body) - 1, 0, expected }
#define BAD(type, body, status, why)	{ type, body, sizeof(body) - 1, status, why }

static void check(const struct sample *s, const struct formdata_limits *limits)
{
	for (size_t step = 1; step <= s->len + 1; step++) {
		int status;
		struct formdata *f = parse(limits, s->type, s->body, s->len, step, &status);
		char *got = status ? NULL : shown(f);

		EXPECT(status == s->status, "%s: %d (%s), not %d", s->body, status,
		       formdata_error(f) ? formdata_error(f) : "", s->status);
		if (status && s->status)
			EXPECT(strstr(formdata_error(f), s->expected), "%s: %s, not %s", s->body,
			       formdata_error(f), s->expected);
		if (!status && !s->status)
			EXPECT(!strcmp(got, s->expected), "%s: %s, not %s", s->body, got,
			       s->expected);
		free(got);
		formdata_free(f);
	}
}

static const struct formdata_limits usual = { .items = 10, .memory = 200, .spool = -1 };

static void test_urlencoded(void)
{
	static const struct sample samples[] = {
		GOOD(URLENCODED, "", ""),
		GOOD(URLENCODED, "a=1", "a=1;"),
		GOOD(URLENCODED, "a=1&b=2&a=3", "a=1;b=2;a=3;"),
		GOOD(URLENCODED, "a", "a=;"),
		GOOD(URLENCODED, "=", "=;"),
		GOOD(URLENCODED, "=x", "=x;"),
		GOOD(URLENCODED, "a=b=c", "a=b=c;"),
		GOOD(URLENCODED, "&&a=1&", "a=1;"),
		GOOD(URLENCODED, "a+b=c+d%2B", "a b=c d+;"),
		GOOD(URLENCODED, "%61%3d=%26%3D", "a==&=;"),
		GOOD(URLENCODED, "e=%E2%82%ac", "e=\xe2\x82\xac;"),
		GOOD(URLENCODED, "e=\xe2\x82\xac", "e=\xe2\x82\xac;"),
		GOOD(URLENCODED "; charset=UTF-8", "a=1", "a=1;"),
		GOOD("Application/X-WWW-Form-Urlencoded ;charset=\"utf-8\"", "a=1", "a=1;"),
		BAD(URLENCODED, "a=%", 400, "hexadecimal"),
		BAD(URLENCODED, "a=%4", 400, "hexadecimal"),
		BAD(URLENCODED, "a=%4&b=1", 400, "hexadecimal"),
		BAD(URLENCODED, "a=%g1", 400, "hexadecimal"),
		BAD(URLENCODED, "a=%u20ac", 400, "hexadecimal"),
		BAD(URLENCODED, "a=%00", 400, "%00"),
		BAD(URLENCODED, "a=\0", 400, "control"),
		BAD(URLENCODED, "a=1\r\n", 400, "control"),
		BAD(URLENCODED, "a=1 2", 400, "spaces"),
		BAD(URLENCODED, "a=\x7f", 400, "control"),
		BAD(URLENCODED, "a=%ff", 400, "UTF-8"),
		BAD(URLENCODED, "%ff=a", 400, "UTF-8"),
		/* Halves of one character, in name and value */
		BAD(URLENCODED, "%c3=%a4", 400, "UTF-8"),
		BAD(URLENCODED, "a=%ed%a0%80", 400, "UTF-8"),
		BAD(URLENCODED "; charset=iso-8859-1", "a=1", 415, "charset"),
		BAD(URLENCODED "; charset", "a=1", 400, "Content-Type"),
		GOOD(URLENCODED, "&a&b&c&d&e&f&g&h&i&j", "a=;b=;c=;d=;e=;f=;g=;h=;i=;j=;"),
		BAD(URLENCODED, "a&b&c&d&e&f&g&h&i&j&k", 413, "too many"),
	};

	for (size_t i = 0; i < sizeof(samples) / sizeof(*samples); i++)
		check(&samples[i], &usual);
}

#define PART(name)	"--b\r\nContent-Disposition: form-data; name=" name "\r\n\r\n"
#define FIELD(name, value)	PART("\"" name "\"") value "\r\n"
#define FILE_PART(disposition, content)	\
	"--b\r\nContent-Disposition: form-data; " disposition "\r\n\r\n" content "\r\n"
#define HEADER(lines)	"--b\r\n" lines "\r\n\r\nx\r\n--b--"
#define DISPOSITION	"Content-Disposition: form-data; name=\"a\""

static void test_multipart(void)
{
	static const struct sample samples[] = {
		GOOD(MULTIPART, FIELD("a", "1") "--b--\r\n", "a=1;"),
		GOOD(MULTIPART, FIELD("a", "1") "--b--", "a=1;"),
		GOOD(MULTIPART, FIELD("a", "1") FIELD("b", "2") "--b--", "a=1;b=2;"),
		GOOD(MULTIPART, FIELD("a", "") "--b--", "a=;"),
		/* No content at all, not even empty content */
		GOOD(MULTIPART, PART("\"a\"") "--b--", "a=;"),
		GOOD(MULTIPART, FIELD("a", "\r\n") "--b--", "a=\r\n;"),
		GOOD(MULTIPART, FIELD("a", "\r\r\n-\r\n--\r\n--c\r\n --b") "--b--",
		     "a=\r\r\n-\r\n--\r\n--c\r\n --b;"),
		GOOD(MULTIPART, FIELD("a", "x--b--y\n--b") "--b--", "a=x--b--y\n--b;"),
		GOOD(MULTIPART, "--b--", ""),
		GOOD(MULTIPART, "before\r\n--c\r\n" FIELD("a", "1") "--b--\r\nafter\r\n--b\r\n",
		     "a=1;"),
		GOOD(MULTIPART, "\r\n" FIELD("a", "1") "--b-- \t\r\n", "a=1;"),
		GOOD(MULTIPART, "--b \t\r\n" DISPOSITION "\r\n\r\n1\r\n--b--", "a=1;"),
		GOOD("multipart/form-data; boundary=\"a b'()+_,-./:=?z\"",
		     "--a b'()+_,-./:=?z\r\n" DISPOSITION "\r\n\r\n1\r\n--a b'()+_,-./:=?z--",
		     "a=1;"),
		/* Names */
		GOOD(MULTIPART, FIELD("a%22b%0D%0a%41", "1") "--b--", "a\"b\r\n%41=1;"),
		GOOD(MULTIPART, FIELD("a\\\"b\\\\c\\d", "1") "--b--", "a\"b\\c\\d=1;"),
		GOOD(MULTIPART, FIELD("\xe2\x82\xac", "\xc3\xa4") "--b--",
		     "\xe2\x82\xac=\xc3\xa4;"),
		GOOD(MULTIPART, PART("a") "1\r\n--b--", "a=1;"),
		GOOD(MULTIPART, FIELD("", "1") "--b--", "=1;"),
		/* Files */
		GOOD(MULTIPART, FILE_PART("name=\"f\"; filename=\"x.txt\"", "abc") "--b--",
		     "f<x.txt|text/plain|3|" SHA_ABC ">;"),
		GOOD(MULTIPART, FILE_PART("name=\"f\"; filename=\"\"", "") "--b--",
		     "f<|text/plain|0|" SHA_EMPTY ">;"),
		GOOD(MULTIPART, FILE_PART("filename=\"C:\\x\\y/z;=.txt\" ;\tname=f", "abc") "--b--",
		     "f<z;=.txt|text/plain|3|" SHA_ABC ">;"),
		GOOD(MULTIPART, FILE_PART("name=f; filename=\"../../etc/passwd\"", "") "--b--",
		     "f<passwd|text/plain|0|" SHA_EMPTY ">;"),
		GOOD(MULTIPART,
		     FILE_PART("name=f; filename=\"e\"; filename*=UTF-8'de'%e2%82%ac%20x", "")
		     "--b--", "f<\xe2\x82\xac x|text/plain|0|" SHA_EMPTY ">;"),
		GOOD(MULTIPART, FILE_PART("name=f; filename*=utf-8''a%2Fb", "") "--b--",
		     "f<b|text/plain|0|" SHA_EMPTY ">;"),
		GOOD(MULTIPART,
		     "--b\r\ncontent-type:image/png; x=\"y\"\r\n"
		     "CONTENT-DISPOSITION:FORM-DATA;NAME=f;FileName=g\r\nX-Other: \tz\r\n"
		     "Content-Transfer-Encoding: Binary\r\n\r\n\r\n--b--",
		     "f<g|image/png; x=\"y\"|0|" SHA_EMPTY ">;"),
		GOOD(MULTIPART, HEADER(DISPOSITION "\r\nContent-Type: text/plain; charset=UTF-8"),
		     "a=x;"),
		/* Any octets in a file: this is no UTF-8, and has a NUL */
		GOOD(MULTIPART, FILE_PART("name=f; filename=g", "\xff\0\r\n") "--b--",
		     "f<g|text/plain|4|"
		     "6375a1044d294c4efc761ce86b9c48d451d11bcf9ef4b586f56d833edb18f6da>;"),
		/* Delimiters */
		BAD("multipart/form-data", "--b--", 400, "without a boundary"),
		BAD("multipart/form-data; boundary=\"\"", "--b--", 400, "1 to 70"),
		BAD("multipart/form-data; boundary=b; boundary=c", "--b--", 400, "more than once"),
		BAD("multipart/form-data; boundary=\"b \"", "--b --", 400, "space"),
		BAD("multipart/form-data; boundary=\"b*\"", "--b*--", 400, "not allowed"),
		BAD("multipart/form-data; boundary=\"b", "--b--", 400, "malformed"),
		BAD("multipart/form-data; boundary=b c", "--b--", 400, "malformed"),
		BAD("multipart/form-data; boundary="
		    "12345678901234567890123456789012345678901234567890123456789012345678901",
		    "", 400, "1 to 70"),
		BAD(MULTIPART, "", 400, "no boundary"),
		BAD(MULTIPART, "a=1&b=2", 400, "no boundary"),
		BAD(MULTIPART, FIELD("a", "1"), 400, "before its last boundary"),
		BAD(MULTIPART, FIELD("a", "1") "--b", 400, "before its last boundary"),
		BAD(MULTIPART, FIELD("a", "1") "--b-", 400, "before its last boundary"),
		BAD(MULTIPART, PART("a"), 400, "before its last boundary"),
		BAD(MULTIPART, "--b\r\nContent-Disp", 400, "before its last boundary"),
		BAD(MULTIPART, FIELD("a", "1") "--bc\r\n--b--", 400, "end of its line"),
		BAD(MULTIPART, FIELD("a", "1") "--b-\r\n", 400, "end of its line"),
		BAD(MULTIPART, FIELD("a", "1") "--b--x", 400, "end of its line"),
		BAD(MULTIPART, FIELD("a", "1") "--b--\rx", 400, "end of its line"),
		BAD(MULTIPART, "--b\n" DISPOSITION "\n\n1\n--b--", 400, "end of its line"),
		BAD(MULTIPART, "--b\r" DISPOSITION "\r\n\r\n1\r\n--b--", 400, "end of its line"),
		/* Headers */
		BAD(MULTIPART, HEADER(""), 400, "no Content-Disposition"),
		BAD(MULTIPART, HEADER("Content-Type: text/plain"), 400, "no Content-Disposition"),
		BAD(MULTIPART, HEADER("Content-Disposition: attachment; name=a"), 400, "form-data"),
		BAD(MULTIPART, HEADER("Content-Disposition: form-data"), 400, "no name"),
		BAD(MULTIPART, HEADER("Content-Disposition: form-data; name"), 400, "malformed"),
		BAD(MULTIPART, HEADER("Content-Disposition: form-data; name="), 400, "malformed"),
		BAD(MULTIPART, HEADER("Content-Disposition: form-data; name=\"a"), 400,
		    "malformed"),
		BAD(MULTIPART, HEADER("Content-Disposition: form-data; name=\"a\" b"), 400,
		    "malformed"),
		BAD(MULTIPART, HEADER(DISPOSITION "; name=b"), 400, "more than once"),
		BAD(MULTIPART, HEADER(DISPOSITION "; filename=b; FILENAME=c"), 400,
		    "more than once"),
		BAD(MULTIPART, HEADER(DISPOSITION "; filename*=x"), 400, "filename*"),
		BAD(MULTIPART, HEADER(DISPOSITION "; filename*=iso-8859-1''x"), 400, "filename*"),
		BAD(MULTIPART, HEADER(DISPOSITION "; filename*=UTF-8''%e"), 400, "filename*"),
		BAD(MULTIPART, HEADER(DISPOSITION "; filename*=UTF-8''%00"), 400, "filename*"),
		BAD(MULTIPART, HEADER(DISPOSITION "; filename*=UTF-8''%ff"), 400, "UTF-8"),
		BAD(MULTIPART, HEADER(DISPOSITION "; filename=\"\xff\""), 400, "UTF-8"),
		BAD(MULTIPART, HEADER(DISPOSITION "\r\n" DISPOSITION), 400, "more than once"),
		BAD(MULTIPART, HEADER("Content-Disposition: form-data;\r\n name=a"), 400,
		    "malformed"),
		BAD(MULTIPART, HEADER("Content-Disposition : form-data; name=a"), 400, "malformed"),
		BAD(MULTIPART, HEADER(": x"), 400, "malformed"),
		BAD(MULTIPART, HEADER("x"), 400, "malformed"),
		BAD(MULTIPART, HEADER(DISPOSITION "\r\nX: a\nY: b"), 400, "control"),
		BAD(MULTIPART, HEADER(DISPOSITION "\r\nX: a\rY: b"), 400, "control"),
		BAD(MULTIPART, HEADER(DISPOSITION "\r\nX: a\0"), 400, "NUL"),
		BAD(MULTIPART, HEADER(DISPOSITION "\r\nContent-Type: multipart/mixed; boundary=c"),
		    400, "multipart within"),
		BAD(MULTIPART, HEADER(DISPOSITION "\r\nContent-Type: text/plain; charset=utf-16"),
		    400, "charset"),
		BAD(MULTIPART, HEADER(DISPOSITION "\r\nContent-Type: text/plain; x"), 400,
		    "malformed"),
		BAD(MULTIPART, HEADER(DISPOSITION "\r\nContent-Type: text"), 400, "malformed"),
		BAD(MULTIPART, HEADER(DISPOSITION "\r\nContent-Type: a/b; c=\"\xe4\""), 400,
		    "malformed"),
		BAD(MULTIPART, HEADER(DISPOSITION "\r\nContent-Transfer-Encoding: base64"), 400,
		    "binary"),
		/* Values */
		BAD(MULTIPART, FIELD("a", "\xff") "--b--", 400, "UTF-8"),
		BAD(MULTIPART, FIELD("a", "\0") "--b--", 400, "NUL"),
	};

	for (size_t i = 0; i < sizeof(samples) / sizeof(*samples); i++)
		check(&samples[i], &usual);
}

/* Lengths around those at which memory is got anew. */
static void test_lengths(void)
{
	static const struct formdata_limits roomy = { .items = 10, .memory = 10000, .spool = -1 };
	char body[1100];

	memset(body, 'x', sizeof(body));
	for (size_t len = 1; len < sizeof(body); len++) {
		int status;
		struct formdata *f = parse(&roomy, URLENCODED, body, len, len, &status);

		EXPECT(!status && strlen(formdata_first(f)->name) == len, "name of %zu", len);
		formdata_free(f);
		body[0] = '=';
		f = parse(&roomy, URLENCODED, body, len, len, &status);
		EXPECT(!status && formdata_first(f)->value_len == len - 1, "value of %zu", len);
		formdata_free(f);
		body[0] = 'x';
	}
}

/* A part's header of @len octets, with the empty line. */
static int header_status(size_t len)
{
	static const char start[] = "--b\r\n" DISPOSITION "\r\nX: ", end[] = "\r\n\r\n\r\n--b--";
	size_t fixed = sizeof(start) - 1 - strlen("--b\r\n") + strlen("\r\n\r\n");
	char *body = malloc(len + 100), *p;
	struct formdata *f;
	int status;

	if (!body)
		abort();
	p = stpcpy(body, start);
	memset(p, 'x', len - fixed);
	p = stpcpy(p + len - fixed, end);
	f = parse(&usual, MULTIPART, body, (size_t)(p - body), 1000, &status);
	formdata_free(f);
	free(body);
	return status;
}

static void test_bounds(void)
{
	static const struct formdata_limits two = { .items = 2, .memory = 12, .spool = -1 };
	static const struct sample samples[] = {
		/* type is counted, too: "text/plain" */
		GOOD(MULTIPART, FIELD("a", "1") "--b--", "a=1;"),
		BAD(MULTIPART, FIELD("a", "12") "--b--", 413, "too long in all"),
		BAD(MULTIPART, FIELD("ab", "12") "--b--", 413, "too long in all"),
		BAD(MULTIPART, FILE_PART("name=a; filename=bc", "") "--b--", 413, "too long"),
		GOOD(URLENCODED, "abcdef=123456", "abcdef=123456;"),
		BAD(URLENCODED, "abcdef=1234567", 413, "too long"),
		BAD(URLENCODED, "abcdef=12345&b=1", 413, "too long"),
		BAD(URLENCODED, "abcdefghijklm", 413, "too long"),
		BAD(URLENCODED, "a=1&b=2&c", 413, "too many"),
	};
	static const struct formdata_limits parts = { .items = 2, .memory = 1000, .spool = -1 };
	static const struct sample three =
		BAD(MULTIPART, FIELD("a", "1") FIELD("b", "1") FIELD("c", "1") "--b--", 413,
		    "too many");
	static char head[] = "--b\r\nX: ";
	char *body = malloc(20000);
	struct formdata *f;
	int status;

	for (size_t i = 0; i < sizeof(samples) / sizeof(*samples); i++)
		check(&samples[i], &two);
	check(&three, &parts);

	if (!body)
		abort();
	memset(body, 'x', 20000);
	f = parse(&usual, MULTIPART, body, 20000, 7, &status);
	EXPECT(status == 400, "endless preamble: %d", status);
	formdata_free(f);
	memcpy(body, head, strlen(head));
	EXPECT(!header_status(MULTIPART_MAX_HEADER), "the longest header");
	EXPECT(header_status(MULTIPART_MAX_HEADER + 1) == 413, "a header that is too long");
	f = parse(&usual, MULTIPART, body, 20000, 7, &status);
	EXPECT(status == 413, "endless header: %d", status);
	formdata_free(f);
	memset(body, ' ', 20000);
	memcpy(body, "--b", 3);
	f = parse(&usual, MULTIPART, body, 20000, 7, &status);
	EXPECT(status == 400, "endless padding: %d", status);
	/* What was refused stays refused. */
	EXPECT(formdata_add(f, "\r\n", 2) == 400 && formdata_end(f) == 400, "forgotten");
	formdata_free(f);
	free(body);
}

static void test_opaque(void)
{
	int status;
	struct formdata *f = parse(&usual, "text/plain; x", "abc", 3, 2, &status);

	EXPECT(!status && formdata_kind(f) == FORMDATA_OPAQUE, "%d", status);
	EXPECT(!strcmp(formdata_type(f), "text/plain"), "%s", formdata_type(f));
	EXPECT(formdata_size(f) == 3, "%llu", (unsigned long long)formdata_size(f));
	EXPECT(!strcmp(formdata_sha256(f), SHA_ABC), "%s", formdata_sha256(f));
	formdata_free(f);
	f = parse(&usual, NULL, "", 0, 1, &status);
	EXPECT(!status && !strcmp(formdata_type(f), "application/octet-stream"), "no type");
	EXPECT(!strcmp(formdata_sha256(f), SHA_EMPTY), "%s", formdata_sha256(f));
	formdata_free(f);
	f = parse(&usual, "text", "", 0, 1, &status);
	EXPECT(status == 400, "%d", status);
	formdata_free(f);
	f = parse(&usual, "te\xc3\xa4xt/x", "", 0, 1, &status);
	EXPECT(status == 400, "%d", status);
	formdata_free(f);
}

static void test_json(void)
{
	static const char body[] =
		FIELD("a%22\\\\", "x\x01\t\x7f\xe2\x82\xac")
		FILE_PART("name=f; filename=\"g%22\"", "abc")
		"--b--";
	static const char expected[] =
		"{\"kind\": \"multipart\", \"type\": \"multipart/form-data\", \"size\": 137, "
		"\"items\": [\n"
		"  {\"name\": \"a\\\"\\\\\", \"value\": \"x\\u0001\\u0009\\u007f\xe2\x82\xac\"},\n"
		"  {\"name\": \"f\", \"filename\": \"g\\\"\", \"type\": \"text/plain\", "
		"\"size\": 3, "
		"\"sha256\": \"" SHA_ABC "\"}]}\n";
	int status;
	struct formdata *f = parse(&usual, MULTIPART, body, sizeof(body) - 1, 1000, &status);
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		abort();
	EXPECT(!status, "%d", status);
	formdata_json(f, out, 4);
	if (fclose(out))
		abort();
	EXPECT(!strcmp(text, expected), "%s, not %s", text, expected);
	free(text);
	formdata_free(f);
}

static bool reads(int fd, const char *what)
{
	char buf[4096];
	ssize_t n = read(fd, buf, sizeof(buf) - 1);

	if (n < 0)
		return false;
	buf[n] = 0;
	return strstr(buf, what);
}

static void test_export(void)
{
	static const char body[] = FIELD("a", "1") FIELD("b c", "2") FIELD("a", "3")
		FIELD("D_4", "=") FILE_PART("name=f; filename=g", "abc")
		FILE_PART("name=h; filename=i", "") "--b--";
	static const char *const env[] = {
		"LINNET_FORM=/dev/fd/3", "LINNET_FORM_FILES=2", "FORM_a=1", "FORM_D_4=",
	};
	const struct formdata_limits limits = {
		.items = 10, .memory = 200, .spool = open("/tmp", O_PATH | O_DIRECTORY),
	};
	struct formdata_export e;
	int status;
	struct formdata *f = parse(&limits, MULTIPART, body, sizeof(body) - 1, 1000, &status);

	EXPECT(!status, "%d: %s", status, formdata_error(f));
	EXPECT(!formdata_export(f, &e), "refused");
	formdata_free(f);	/* the export does not need it any more */
	EXPECT(e.n_fds == 3, "%u", e.n_fds);
	EXPECT(reads(e.fds[0], "\"path\": \"/dev/fd/4\"}"), "first file's path");
	EXPECT(!lseek(e.fds[0], 0, SEEK_SET) && reads(e.fds[0], "\"path\": \"/dev/fd/5\"}"),
	       "second file's path");
	EXPECT(reads(e.fds[1], "abc"), "first file");
	EXPECT(!lseek(e.fds[2], 0, SEEK_END), "second file");
	for (size_t i = 0; i < sizeof(env) / sizeof(*env); i++)
		EXPECT(e.env[i] && !strncmp(e.env[i], env[i], strlen(env[i])), "%zu: %s", i,
		       e.env[i]);
	EXPECT(!e.env[4], "%s", e.env[4]);
	formdata_export_free(&e);
	close(limits.spool);
}

static void test_full(void)
{
	/* A folder where no file can be made, and a file that is always full */
	const struct formdata_limits limits = {
		.items = 10, .memory = 200, .spool = open("/proc", O_PATH | O_DIRECTORY),
	};
	static const char body[] = FILE_PART("name=f; filename=g", "abc") "--b--";
	int status;
	struct formdata *f = parse(&limits, MULTIPART, body, sizeof(body) - 1, 1000, &status);

	EXPECT(status == 500 && strstr(formdata_error(f), "no file could be made"), "%d", status);
	formdata_free(f);
	close(limits.spool);
}

static void test_utf8(void)
{
	static const char *const good[] = {
		"", "a", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
		"\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf",
	};
	static const char *const bad[] = {
		"\x80", "\xc1\xbf", "\xc2", "\xc2x", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xe2\x82",
		"\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff",
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		EXPECT(utf8_valid(good[i], strlen(good[i])), "good %zu", i);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		EXPECT(!utf8_valid(bad[i], strlen(bad[i])), "bad %zu", i);
}

static void run(const char *name, void (*test)(void))
{
	failed_here = 0;
	test();
	printf("%sok %d %s\n", failed_here ? "not " : "", ++number, name);
	failures += failed_here;
}

int main(void)
{
	setlinebuf(stdout);
	printf("TAP version 13\n1..9\n");
	run("application/x-www-form-urlencoded", test_urlencoded);
	run("multipart/form-data", test_multipart);
	run("lengths", test_lengths);
	run("bounds", test_bounds);
	run("opaque content", test_opaque);
	run("JSON", test_json);
	run("what a CGI program gets", test_export);
	run("no room for files", test_full);
	run("UTF-8", test_utf8);
	return failures ? 1 : 0;
}
