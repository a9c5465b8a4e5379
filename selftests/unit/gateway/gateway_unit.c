// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the gateways read and write, under ASan and UBSan.  What goes over sockets is
 * tested in selftests/services/test_{gateways,fastcgi,proxy}.py.
 */
#include <errno.h>

#include "../http/unit.h"
#include "chunked.h"
#include "environment.h"
#include "fastcgi.h"
#include "head.h"
#include "scgi.h"

static bool is(const struct cgi_field *f, const char *name, const char *value)
{
	return f && cgi_field_is(f, name) && f->value_len == strlen(value) &&
	       !memcmp(f->value, value, f->value_len);
}

/* --- FastCGI --- */

static void test_records(void)
{
	static const unsigned char expected[] = {
		1, 1, 0, 1, 0, 8, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0,		/* begin, kept */
		1, 6, 0x12, 0x34, 0, 3, 5, 0, 'a', 'b', 'c', 0, 0, 0, 0, 0,
		1, 5, 0, 1, 0, 0, 0, 0,					/* end of stream */
		1, 3, 0, 1, 0, 8, 0, 0, 1, 2, 3, 4, 2, 0, 0, 0,
		1, 11, 0, 0, 0, 8, 0, 0, 77, 0, 0, 0, 0, 0, 0, 0,
	};
	struct cgi_buffer b;

	cgi_buffer_init(&b, 1000);
	fcgi_put_begin(&b, 1, FCGI_RESPONDER, true);
	fcgi_put_stream(&b, FCGI_STDOUT, 0x1234, "abc", 3);
	fcgi_put_stream(&b, FCGI_STDOUT, 1, "", 0);
	fcgi_put_stream_end(&b, FCGI_STDIN, 1);
	fcgi_put_end(&b, 1, 0x01020304, FCGI_OVERLOADED);
	fcgi_put_unknown(&b, 77);
	EXPECT(cgi_buffer_ok(&b) && b.len == sizeof(expected), "%zu", b.len);
	EXPECT(!memcmp(b.data, expected, sizeof(expected)), "octets");
	cgi_buffer_free(&b);
}

static void test_long_stream(void)
{
	size_t len = 200001, got = 0, records = 0, at = 0;
	char *data = malloc(len);
	struct fcgi_reader r = { 0 };
	struct cgi_buffer b;

	memset(data, 'x', len);
	cgi_buffer_init(&b, 300000);
	fcgi_put_stream(&b, FCGI_STDIN, 1, data, len);
	while (at < b.len) {
		struct fcgi_piece piece;
		ssize_t n = fcgi_read(&r, b.data + at, b.len - at, &piece);

		if (n <= 0) {
			EXPECT(false, "%zd", n);
			break;
		}
		EXPECT(!piece.first || (piece.type == FCGI_STDIN && piece.id == 1), "%u", piece.type);
		got += piece.len;
		records += piece.last;
		at += n;
	}
	EXPECT(got == len && records == 4, "%zu in %zu", got, records);
	cgi_buffer_free(&b);
	cgi_buffer_init(&b, 1000);
	fcgi_put_stream(&b, FCGI_STDIN, 1, data, len);
	EXPECT(!cgi_buffer_ok(&b), "over the limit");
	cgi_buffer_free(&b);
	free(data);
}

static void test_record_version(void)
{
	struct fcgi_reader r = { 0 };
	struct fcgi_piece piece;

	EXPECT(fcgi_read(&r, "\2", 1, &piece) == -EBADMSG, "version 2");
}

static void test_bodies(void)
{
	struct fcgi_begin begin;
	struct fcgi_end end;

	EXPECT(fcgi_parse_begin("\0\1\1\0\0\0\0\0", 8, &begin) && begin.role == 1 && begin.keep, "begin");
	EXPECT(fcgi_parse_begin("\0\3\376\0\0\0\0\0", 8, &begin) && begin.role == 3 && !begin.keep, "flags");
	EXPECT(!fcgi_parse_begin("\0\1\1\0\0\0\0", 7, &begin), "short");
	EXPECT(fcgi_parse_end("\377\0\0\1\3\0\0\0", 8, &end) && end.app_status == 0xff000001u &&
	       end.protocol_status == FCGI_UNKNOWN_ROLE, "end");
	EXPECT(!fcgi_parse_end("\0\0\0\0\4\0\0\0", 8, &end), "unknown status");
	EXPECT(!fcgi_parse_end("\0\0\0\0\0\0\0\0\0", 9, &end), "long");
}

static void test_pairs(void)
{
	static const size_t lengths[] = { 0, 1, 127, 128, 255, 256, 65535, 65536, 100000 };
	static char text[100000];

	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		struct fcgi_pair pair;
		struct cgi_buffer b;
		const char *at;
		char *whole;
		size_t left;

		cgi_buffer_init(&b, 300000);
		fcgi_put_pair(&b, "NAME", 4, text, lengths[i]);
		fcgi_put_pair(&b, text, lengths[i], "v", 1);
		whole = copy(b.data, b.len);
		at = whole;
		left = b.len;
		EXPECT(fcgi_next_pair(&at, &left, &pair) == 1 && pair.name_len == 4 &&
		       pair.value_len == lengths[i], "%zu", lengths[i]);
		EXPECT(fcgi_next_pair(&at, &left, &pair) == 1 && pair.name_len == lengths[i] &&
		       pair.value_len == 1 && *pair.value == 'v', "%zu", lengths[i]);
		EXPECT(!fcgi_next_pair(&at, &left, &pair) && !left, "%zu", left);
		free(whole);
		for (size_t cut = 1; cut < b.len && cut < 300; cut++) {
			whole = copy(b.data, cut);
			at = whole;
			left = cut;
			while (fcgi_next_pair(&at, &left, &pair) > 0)
				;
			EXPECT(left || cut == 2 + 4 + lengths[i] || lengths[i] > 127, "cut at %zu", cut);
			free(whole);
		}
		cgi_buffer_free(&b);
	}
}

/* --- the environment --- */

static const char *variable(const struct cgi_buffer *b, const char *name)
{
	struct cgi_variable v;
	size_t at = 0;

	while (cgi_next_variable(b, &at, &v))
		if (!strcmp(v.name, name))
			return v.value;
	return NULL;
}

#define FIELD(name, value) { name, sizeof(name) - 1, value, sizeof(value) - 1 }

static struct cgi_request request(const struct cgi_field *fields, unsigned int n)
{
	return (struct cgi_request){
		.method = "POST", .uri = "/a?b", .query = "b", .query_len = 1, .protocol = "HTTP/1.1",
		.software = "s", .host = "h", .authority = "h:1", .server_port = 1, .remote_addr = "::1",
		.remote_port = 2, .document_root = "/srv", .script_name = "/a", .path_info = "/i",
		.content_length = 3, .fields = fields, .n_fields = n,
	};
}

static void test_environment(void)
{
	static const struct cgi_field fields[] = {
		FIELD("host", "other"), FIELD("x-many", "1"), FIELD("Cookie", "a"), FIELD("X-MANY", "2"),
		FIELD("cookie", "b"), FIELD("Proxy", "p"), FIELD("x_y", "z"), FIELD("Content-Type", "t"),
		FIELD("Content-Length", "3"), FIELD("Authorization", "q"), FIELD("Connection", "x-hop, te"),
		FIELD("X-Hop", "h"), FIELD("Expect", "100-continue"), FIELD("a b", "c"), FIELD("X-Empty", ""),
	};
	static const char *const absent[] = {
		"HTTP_PROXY", "HTTP_X_Y", "HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH", "HTTP_AUTHORIZATION",
		"HTTP_CONNECTION", "HTTP_X_HOP", "HTTP_EXPECT", "HTTP_A B", "HTTPS", "REMOTE_USER", "AUTH_TYPE",
	};
	static const char *const present[][2] = {
		{ "HTTP_HOST", "h:1" }, { "HTTP_X_MANY", "1, 2" }, { "HTTP_COOKIE", "a; b" },
		{ "CONTENT_TYPE", "t" }, { "CONTENT_LENGTH", "3" }, { "PATH_TRANSLATED", "/srv/i" },
		{ "SCRIPT_FILENAME", "/srv/a" }, { "QUERY_STRING", "b" }, { "HTTP_X_EMPTY", "" },
		{ "SERVER_PORT", "1" }, { "REMOTE_PORT", "2" }, { "REMOTE_HOST", "::1" },
	};
	struct cgi_request rq = request(fields, sizeof(fields) / sizeof(*fields));
	struct cgi_buffer b;

	cgi_buffer_init(&b, 4096);
	EXPECT(cgi_environment(&b, &rq), "made");
	for (size_t i = 0; i < sizeof(absent) / sizeof(*absent); i++)
		EXPECT(!variable(&b, absent[i]), "%s", absent[i]);
	for (size_t i = 0; i < sizeof(present) / sizeof(*present); i++) {
		const char *value = variable(&b, present[i][0]);

		EXPECT(value && !strcmp(value, present[i][1]), "%s: %s", present[i][0], value);
	}
	cgi_buffer_free(&b);

	rq.authorization = true;
	cgi_environment(&b, &rq);
	EXPECT(variable(&b, "HTTP_AUTHORIZATION"), "asked for");
	cgi_buffer_free(&b);
	rq.user = "u";
	rq.content_length = -1;
	cgi_environment(&b, &rq);
	EXPECT(!variable(&b, "HTTP_AUTHORIZATION") && variable(&b, "REMOTE_USER"), "the server's own");
	EXPECT(!variable(&b, "CONTENT_LENGTH"), "unknown");
	cgi_buffer_free(&b);
}

static void test_environment_bounds(void)
{
	static const struct cgi_field nul[] = { FIELD("X", "a\0b") };
	struct cgi_request rq = request(nul, 1);
	struct cgi_buffer b;

	cgi_buffer_init(&b, 4096);
	EXPECT(!cgi_environment(&b, &rq), "NUL in a value");
	cgi_buffer_free(&b);
	rq.n_fields = 0;
	cgi_buffer_init(&b, 100);
	EXPECT(!cgi_environment(&b, &rq) && b.len <= 100, "too large");
	cgi_buffer_free(&b);
}

static void test_scgi(void)
{
	static const char expected[] = "43:CONTENT_LENGTH\0" "27\0SCGI\0" "1\0A\0b\0CD\0\0EEEE\0ffff\0,";
	struct cgi_buffer env, b;

	cgi_buffer_init(&env, 1000);
	cgi_add_variable(&env, "A", "b", 1);
	cgi_add_variable(&env, "CONTENT_LENGTH", "9", 1);
	cgi_add_variable(&env, "CD", "", 0);
	cgi_add_variable(&env, "EEEE", "ffff", 4);
	cgi_buffer_init(&b, 1000);
	EXPECT(scgi_put_header(&b, 27, &env), "made");
	EXPECT(b.len == sizeof(expected) - 1 && !memcmp(b.data, expected, b.len), "%zu: %s", b.len, b.data);
	cgi_buffer_free(&b);
	cgi_buffer_free(&env);
}

/* --- headers of responses --- */

struct cgi_case {
	const char *text;
	int status;		/* -1: malformed */
	int64_t length;
	bool local;
};

static void test_cgi_heads(void)
{
	static const struct cgi_case cases[] = {
		{ "Content-Type: a\n\n", 200, -1, false },
		{ "Content-Type: a\r\nContent-Length: 7\r\n\r\n", 200, 7, false },
		{ "content-type:a\nSTATUS: 404 Not\n\n", 404, -1, false },
		{ "Status: 204\n\n", 204, -1, false },
		{ "Location: /x\n\n", 302, -1, true },
		{ "Location: http://x/\n\n", 302, -1, false },
		{ "Location: /x\nStatus: 301\n\n", 301, -1, false },
		{ "HTTP/1.1 299 Odd\nX: y\n\n", 299, -1, false },
		{ "HTTP/1.0 500\r\n\r\n", 500, -1, false },
		{ "\n", -1, -1, false }, { "\r\n", -1, -1, false },
		{ "X: y\n\n", -1, -1, false }, { "nonsense\n\n", -1, -1, false },
		{ "Content-Type : a\n\n", -1, -1, false }, { " Content-Type: a\n\n", -1, -1, false },
		{ "Content-Type: a\n b\n\n", -1, -1, false }, { "Content-Type: a\177b\n\n", -1, -1, false }, { "Content-Type: a\rb\n\n", -1, -1, false },
		{ "Content-Type: a\nContent-Type: b\n\n", -1, -1, false },
		{ "Status: 200\nStatus: 200\n\n", -1, -1, false },
		{ "Location: /\nLocation: /\n\n", -1, -1, false }, { "Location:\n\n", -1, -1, false },
		{ "Status: 100\n\n", -1, -1, false }, { "Status: 600\n\n", -1, -1, false },
		{ "Status: 2000\n\n", -1, -1, false }, { "Status: 20\n\n", -1, -1, false },
		{ "Status: OK\n\n", -1, -1, false }, { "Status:\n\n", -1, -1, false },
		{ "Status: 200\nContent-Length: 5x\n\n", -1, -1, false },
		{ "Status: 200\nContent-Length: -5\n\n", -1, -1, false },
		{ "Status: 200\nContent-Length: 9999999999999999999\n\n", -1, -1, false },
		{ "Status: 200\nContent-Length: 5\nContent-Length: 5\n\n", -1, -1, false },
		{ "HTTP/1.1 200 OK\nStatus: 201\n\n", -1, -1, false },
		{ "HTTP/2 200 OK\n\n", -1, -1, false }, { "X: y\nHTTP/1.1 200 OK\n\n", -1, -1, false },
	};
	struct gateway_head h;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct cgi_case *c = &cases[i];
		size_t n = strlen(c->text), pos = 0;
		char *p = copy(c->text, n);
		const char *why;

		EXPECT(gateway_head_end(&pos, p, n) == n, "%s", c->text);
		why = cgi_head_parse(&h, p, n);
		EXPECT(c->status < 0 ? why != NULL : !why, "%s: %s", c->text, why);
		if (!why)
			EXPECT(h.status == c->status && h.content_length == c->length &&
			       h.local == c->local, "%s: %d", c->text, h.status);
		free(p);
	}
}

struct origin_case {
	const char *text;
	bool to_head;
	int status;		/* -1: malformed */
	int64_t length;
	bool chunked, close;
};

static void test_origin_heads(void)
{
#define OK "HTTP/1.1 200 OK\r\n"
	static const struct origin_case cases[] = {
		{ OK "\r\n", false, 200, -1, false, true },
		{ OK "\r\n", true, 200, -1, false, false },
		{ OK "Content-Length: 5\r\n\r\n", false, 200, 5, false, false },
		{ OK "Content-Length: 5\r\nConnection: x, Close\r\n\r\n", false, 200, 5, false, true },
		{ "HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n", false, 200, 5, false, true },
		{ OK "Transfer-Encoding: Chunked\r\n\r\n", false, 200, -1, true, false },
		{ OK "Transfer-Encoding: chunked\r\n\r\n", true, 200, -1, false, false },
		{ "HTTP/1.1 304 x\r\nContent-Length: 5\r\n\r\n", false, 304, 5, false, false },
		{ "HTTP/1.1 204 x\r\nContent-Length: 0\r\n\r\n", false, 204, -1, false, false },
		{ "HTTP/1.1 103 x\r\nLink: x\r\n\r\n", false, 103, -1, false, false },
		{ "HTTP/1.1 404\r\nContent-Length: 0\r\n\r\n", false, 404, 0, false, false },
		{ "HTTP/1.1 200 OK\n\n", false, -1, 0, false, false },
		{ OK "X: y\n\r\n", false, -1, 0, false, false }, { OK "X: y\r\n\n", false, -1, 0, false, false },
		{ OK "X: a\rb\r\n\r\n", false, -1, 0, false, false }, { OK "X : a\r\n\r\n", false, -1, 0, false, false },
		{ OK "X: a\r\n b\r\n\r\n", false, -1, 0, false, false },
		{ OK "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", false, -1, 0, false, false },
		{ OK "Transfer-Encoding: chunked, chunked\r\n\r\n", false, -1, 0, false, false },
		{ OK "Transfer-Encoding: identity\r\n\r\n", false, -1, 0, false, false },
		{ "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false, -1, 0, false, false },
		{ OK "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", false, -1, 0, false, false },
		{ OK "Content-Length: 5, 5\r\n\r\n", false, -1, 0, false, false },
		{ "HTTP/1.1 204 x\r\nContent-Length: 5\r\n\r\n", false, -1, 0, false, false },
		{ "HTTP/1.1 204 x\r\nTransfer-Encoding: chunked\r\n\r\n", false, -1, 0, false, false },
		{ "HTTP/1.2 200 OK\r\n\r\n", false, -1, 0, false, false },
		{ "http/1.1 200 OK\r\n\r\n", false, -1, 0, false, false },
		{ "HTTP/1.1 200OK\r\n\r\n", false, -1, 0, false, false },
		{ "HTTP/1.1 099 OK\r\n\r\n", false, -1, 0, false, false },
		{ "HTTP/1.1 200 O\x01K\r\n\r\n", false, -1, 0, false, false }, { "\r\n", false, -1, 0, false, false },
	};
	struct gateway_head h;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct origin_case *c = &cases[i];
		size_t n = strlen(c->text);
		char *p = copy(c->text, n);
		const char *why = origin_head_parse(&h, p, n, c->to_head);

		EXPECT(c->status < 0 ? why != NULL : !why, "%s: %s", c->text, why);
		if (!why)
			EXPECT(h.status == c->status && h.content_length == c->length &&
			       h.chunked == c->chunked && h.close == c->close, "%s", c->text);
		free(p);
	}
#undef OK
}

static void test_fields(void)
{
	static const struct cgi_field fields[] = {
		FIELD("A", "1"), FIELD("Connection", " a ,b,"), FIELD("C", "2"), FIELD("connection", "c"),
		FIELD("Keep-Alive", "x"), FIELD("D", "3"), FIELD("TE", "x"),
	};
	static const bool hop[] = { true, true, true, true, true, false, true };
	struct gateway_head h;
	static const char text[] = "Status: 200\nA:\t x \t\nB:\n\n";
	char *p = copy(text, sizeof(text) - 1);

	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		EXPECT(cgi_hop_by_hop(fields, 7, &fields[i]) == hop[i], "%zu", i);
	EXPECT(!cgi_head_parse(&h, p, sizeof(text) - 1) && h.n == 2, "%u", h.n);
	EXPECT(is(&h.field[0], "a", "x") && is(&h.field[1], "B", ""), "blanks");
	free(p);
	EXPECT(cgi_parse_length("0", 1) == 0 && cgi_parse_length("999999999999999999", 18) > 0 &&
	       cgi_parse_length("", 0) == -1 && cgi_parse_length(" 1", 2) == -1, "lengths");
}

/* Many fields: one too many is refused. */
static void test_field_count(void)
{
	struct gateway_head h;
	char text[4096];

	for (int n = CGI_MAX_FIELDS; n <= CGI_MAX_FIELDS + 1; n++) {
		size_t len = sprintf(text, "HTTP/1.1 200 OK\r\n");

		for (int i = 0; i < n; i++)
			len += sprintf(text + len, "X: %d\r\n", i);
		len += sprintf(text + len, "\r\n");
		EXPECT(!origin_head_parse(&h, text, len, false) == (n == CGI_MAX_FIELDS), "%d", n);
		EXPECT(!cgi_head_parse(&h, text, len) == (n == CGI_MAX_FIELDS), "%d", n);
	}
}

/* --- chunks --- */

static int read_chunks(const char *text, size_t step, char *out, int *n_trailers)
{
	size_t size = strlen(text), used = 0;
	struct chunked c;
	int verdict = 0;

	chunked_init(&c);
	*out = 0;
	while (used < size && !verdict) {
		size_t n = size - used < step ? size - used : step;
		char *p = copy(text + used, n);
		struct chunked_piece piece;
		ssize_t r = chunked_read(&c, p, n, &piece);

		if (r < 0)
			verdict = -1;
		else
			used += r;
		if (r >= 0 && piece.len)
			strncat(out, piece.data, piece.len);
		if (c.state == CHUNKED_DONE)
			verdict = used;
		free(p);
	}
	if (verdict > 0) {
		struct cgi_field fields[CGI_MAX_FIELDS];

		*n_trailers = chunked_trailer(&c, fields, CGI_MAX_FIELDS);
	}
	chunked_free(&c);
	return verdict;
}

static void test_chunks(void)
{
	static const struct {
		const char *text, *content;
		int verdict;		/* octets used, 0: more is to come, -1: malformed */
		int trailers;
	} cases[] = {
		{ "0\r\n\r\n", "", 5, 0 }, { "3\r\nabc\r\n0\r\n\r\nHTTP", "abc", 13, 0 },
		{ "3;x=\"y\"\r\nabc\r\n00\r\nA: b\r\nC: d\r\n\r\n", "abc", 32, 2 },
		{ "2 \r\nab\r\n0\r\n\r\n", "ab", 13, 0 }, { "A\r\n0123456789\r\n1\r\nx\r\n", "0123456789x", 0, 0 },
		{ "3\r\nabc", "abc", 0, 0 }, { "", "", 0, 0 },
		{ "\r\n", "", -1, 0 }, { "x\r\n", "", -1, 0 }, { "3\nabc\r\n", "", -1, 0 },
		{ "3\r\nabcd\r\n", "abc", -1, 0 }, { "3\r\nabc\n", "abc", -1, 0 }, { "-1\r\n", "", -1, 0 },
		{ "0x3\r\nabc", "", -1, 0 }, { " 3\r\nabc", "", -1, 0 }, { "3;\rx\n", "", -1, 0 },
		{ "1000000000000000\r\n", "", -1, 0 }, { "3;a\nb\r\n", "", -1, 0 },
		{ "0\r\nA : b\r\n\r\n", "", -1, 0 }, { "0\r\nA: b\n\r\n", "", -1, 0 },
		{ "0\r\nA: b\r\n c\r\n\r\n", "", -1, 0 }, { "0\r\n\n", "", -1, 0 },
	};
	char content[64];

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		for (size_t step = 1; step < 40; step++) {
			int trailers = 0, r = read_chunks(cases[i].text, step, content, &trailers);

			EXPECT(r == cases[i].verdict, "%s by %zu: %d", cases[i].text, step, r);
			EXPECT(!strcmp(content, cases[i].content), "%s by %zu", cases[i].text, step);
			EXPECT(trailers == cases[i].trailers, "%s: %d", cases[i].text, trailers);
		}
}

static void test_chunk_bounds(void)
{
	static char text[CHUNKED_MAX_TRAILER + 100];
	char content[64];
	int trailers;

	strcpy(text, "1;");
	memset(text + 2, 'x', CHUNKED_MAX_EXTENSION + 1);
	EXPECT(read_chunks(text, 1000, content, &trailers) == -1, "extension");
	text[1 + CHUNKED_MAX_EXTENSION] = 0;
	EXPECT(!read_chunks(text, 1000, content, &trailers), "extension within the bound");
	memset(text, 'x', sizeof(text) - 1);
	memcpy(text, "0\r\nA:", 5);
	EXPECT(read_chunks(text, 10000, content, &trailers) == -1, "trailer");
}

int main(void)
{
	printf("TAP version 13\n1..14\n");
	run("FastCGI: records as the specification has them", test_records);
	run("FastCGI: long streams are split", test_long_stream);
	run("FastCGI: another version", test_record_version);
	run("FastCGI: contents of begin and end", test_bodies);
	run("FastCGI: names and values of all lengths, and cut off", test_pairs);
	run("environment: what becomes a variable and what does not", test_environment);
	run("environment: bounds and NUL", test_environment_bounds);
	run("SCGI: the netstring", test_scgi);
	run("CGI: headers", test_cgi_heads);
	run("HTTP: headers of responses", test_origin_heads);
	run("fields: blanks, hop by hop, lengths", test_fields);
	run("fields: one too many", test_field_count);
	run("chunks, in all pieces", test_chunks);
	run("chunks: bounds", test_chunk_bounds);
	printf("# Totals: pass:%d fail:%d xfail:0 xpass:0 skip:0 error:0\n", number - failures, failures);
	return failures ? 1 : 0;
}
