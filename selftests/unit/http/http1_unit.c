// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Whole HTTP/1 connections, without sockets and clock, under ASan and UBSan: order,
 * persistence, content, deadlines, bounds.
 */
#include "unit.h"

#include "standin.h"

#define GET(target) "GET " target " HTTP/1.1\r\nHost: h\r\n\r\n"

static unsigned int count(const struct ln_conn *c, const char *what)
{
	unsigned int n = 0;

	for (const char *p = c->out; p && (p = strstr(p, what)); p += strlen(what))
		n++;
	return n;
}

static const char *out_of(const struct ln_conn *c)
{
	return c->out ? c->out : "";
}

static bool over(const struct ln_conn *c)
{
	return c->closed;
}

static struct ln_conn *fed(const char *text)
{
	struct ln_conn *c = conn_new(service_new());

	conn_feed(c, text, strlen(text));
	return c;
}

static void test_responses(void)
{
	static const struct {
		const char *request, *response;
		bool over;
	} table[] = {
		{ GET("/ignore"),
		  "HTTP/1.1 200 OK\r\nServer: standin\r\nDate: now\r\nContent-Type: text/plain\r\n"
		  "Content-Length: 7\r\n\r\nignored",
		  false },
		{ "HEAD /ignore HTTP/1.1\r\nHost: h\r\n\r\n",
		  "HTTP/1.1 200 OK\r\nServer: standin\r\nDate: now\r\nContent-Type: text/plain\r\n"
		  "Content-Length: 7\r\n\r\n",
		  false },
		{ "GET /ignore HTTP/1.0\r\n\r\n",
		  "HTTP/1.1 200 OK\r\nServer: standin\r\nDate: now\r\nContent-Type: text/plain\r\n"
		  "Content-Length: 7\r\nConnection: close\r\n\r\nignored",
		  true },
		{ "GET /ignore HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
		  "HTTP/1.1 200 OK\r\nServer: standin\r\nDate: now\r\nContent-Type: text/plain\r\n"
		  "Content-Length: 7\r\nConnection: keep-alive\r\n\r\nignored",
		  false },
		{ "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n",
		  "HTTP/1.1 204 No Content\r\nServer: standin\r\nDate: now\r\n\r\n", false },
		{ GET("/none"),
		  "HTTP/1.1 404 Not Found\r\nServer: standin\r\nDate: now\r\n"
		  "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 14\r\n\r\n404 Not "
		  "Found\n",
		  false },
		{ "GET /none HTTP/1.1\r\n\r\n",
		  "HTTP/1.1 400 Bad Request\r\nServer: standin\r\nDate: now\r\n"
		  "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 16\r\n"
		  "Connection: close\r\n\r\n400 Bad Request\n",
		  true },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct ln_conn *c = fed(table[i].request);

		EXPECT(!strcmp(out_of(c), table[i].response), "%s: %s", table[i].request,
		       out_of(c));
		EXPECT(over(c) == table[i].over, "%s", table[i].request);
		conn_free(c);
	}
}

/* Content that is asked for, and what is said of it. */
static void test_content(void)
{
	static const struct {
		const char *request, *has;
		bool over;
	} table[] = {
		{ "POST /len HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc",
		  "\r\n\r\nPOST 11 h h /len 3 17862", false },
		{ "POST /len HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
		  "1\r\na\r\n2;x\r\nbc\r\n0\r\nX: y\r\nHost: z\r\n\r\n",
		  "\r\n\r\nPOST 11 h h /len 3 17862 X=y", false },
		{ GET("/len"), "\r\n\r\nGET 11 h h /len 0 0", false },
		{ "POST /len HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", "/len 0 0", false },
		{ "GET /len HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc", "/len 3 17862",
		  false },
		{ "POST /len HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n", " 413 ", false },
		{ "POST /len HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n", " 413 ",
		  true },
		{ "POST /len HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		  " 400 ", true },
		{ "POST /twice HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc",
		  "GET 11 h h /len 0 0", false },
		{ "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc",
		  "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", false },
		{ "POST /echo HTTP/1.1\r\nHost: h\r\nTE: trailers\r\nContent-Length: 3\r\n\r\nabc",
		  "3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n", false },
		{ "POST /echo HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nabc",
		  "Connection: close\r\n\r\nabc", true },
		/* Content that nobody asked for is passed over, if it is little. */
		{ "POST /ignore HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc" GET("/none"),
		  " 404 ", false },
		{ "POST /ignore HTTP/1.1\r\nHost: h\r\nContent-Length: 65537\r\n\r\n",
		  "Connection: close", true },
		{ "POST /ignore HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
		  "chunked\r\n\r\n1\r\na\r\n0\r\n\r\n" GET("/none"),
		  " 404 ", false },
		{ "POST /ignore HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		  " 200 ", true },
		{ "POST /ignore HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: "
		  "3\r\n\r\n",
		  "Connection: close", true },
		{ "POST /ignore HTTP/1.1\r\nHost: h\r\nExpect: 200-ok\r\nContent-Length: 3\r\n\r\n",
		  " 417 ", true },
		{ "POST /ignore HTTP/1.0\r\nConnection: keep-alive\r\nExpect: x\r\nContent-Length: "
		  "3\r\n\r\nabc",
		  " 200 ", false },
		{ "TRACE /len HTTP/1.1\r\nHost: h\r\n\r\n", " 501 ", true },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct ln_conn *c = fed(table[i].request);

		EXPECT(strstr(out_of(c), table[i].has), "%s: %s", table[i].request, out_of(c));
		EXPECT(over(c) == table[i].over, "%s: %s", table[i].request, out_of(c));
		conn_free(c);
	}
}

/* A chunk of @n octets for @target, and what comes of it. */
static struct ln_conn *sent_chunk(const char *target, size_t n)
{
	char head[200], *text = malloc(n + sizeof(head));
	struct ln_conn *c = conn_new(service_new());
	int at;

	if (!text)
		abort();
	at = sprintf(text,
		     "POST %s HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n%zx\r\n",
		     target, n);
	memset(text + at, 'a', n);
	at += n;
	at += sprintf(text + at, "\r\n0\r\n\r\n");
	conn_feed(c, text, at);
	free(text);
	return c;
}

static void test_content_bounds(void)
{
	static const struct {
		const char *target;
		size_t n;
		const char *has;
		bool over;
	} table[] = {
		{ "/len", 1000, "/len 1000 ", false },
		{ "/len", 1001, " 413 ", true },
		{ "/echo", 5000, "\r\n0\r\n\r\n", false },
		/* The response has begun: cut off, so that nobody takes it for whole. */
		{ "/echo", 5001, "", true },
		{ "/ignore", 65000, "ignored", false },
		{ "/ignore", 65537, "ignored", true },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct ln_conn *c = sent_chunk(table[i].target, table[i].n);

		EXPECT(strstr(out_of(c), table[i].has) && over(c) == table[i].over,
		       "%s %zu: %.300s", table[i].target, table[i].n, out_of(c));
		if (i == 3)
			EXPECT(!strstr(out_of(c), "\r\n0\r\n"), "looks whole");
		conn_free(c);
	}
}

/* RFC 9110, 10.1.1 */
static void test_continue(void)
{
	struct ln_conn *c = fed("POST /len HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\n"
				"Content-Length: 3\r\n\r\n");

	EXPECT(!strcmp(out_of(c), "HTTP/1.1 100 Continue\r\n\r\n"), "%s", out_of(c));
	conn_feed(c, "abc", 3);
	EXPECT(strstr(out_of(c), "/len 3 "), "%s", out_of(c));
	EXPECT(!over(c), "persists");
	conn_free(c);
	c = fed("POST /len HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: "
		"3\r\n\r\na");
	EXPECT(!c->out_len, "content has begun to come: %s", out_of(c));
	conn_free(c);
	c = fed("POST /len HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: "
		"0\r\n\r\n");
	EXPECT(count(c, "HTTP/1.1") == 1, "no content to wait for: %s", out_of(c));
	conn_free(c);
}

static void test_pipeline(void)
{
	char text[20000];
	size_t n = 0;
	struct ln_conn *c;

	for (int i = 0; i < 100; i++)
		n += sprintf(text + n, "GET /%s HTTP/1.1\r\nHost: h\r\n\r\n",
			     i % 2 ? "ignore" : "none");
	c = fed(text);
	EXPECT(count(c, " 200 OK\r\n") == 50 && count(c, " 404 ") == 50, "%u, %u",
	       count(c, " 200 OK\r\n"), count(c, " 404 "));
	conn_free(c);
	/* One that is slow holds up those behind it. */
	c = fed(GET("/wait") GET("/ignore"));
	EXPECT(!c->out_len && waiting, "%s", out_of(c));
	http_respond(waiting, 200, NULL, "first", 5);
	EXPECT(waiting, "close() only from the loop");
	conn_turn(c);
	EXPECT(!waiting && strstr(out_of(c), "first") < strstr(out_of(c), "ignored"), "%s",
	       out_of(c));
	conn_free(c);
}

static void test_requests_limit(void)
{
	struct http_service *service = service_new();
	struct ln_conn *c;

	service->limits.requests = 2;
	c = conn_new(service);
	conn_feed(c, GET("/ignore") GET("/ignore") GET("/ignore"), 3 * strlen(GET("/ignore")));
	EXPECT(count(c, " 200 OK") == 2 && count(c, "Connection: close") == 1 && over(c), "%s",
	       out_of(c));
	conn_free(c);
}

/* A header may be as long as is configured, but no longer than what is kept of input. */
static void test_long_header(void)
{
	struct http_service *service = service_new();
	static char text[70000];
	struct ln_conn *c;
	int n = sprintf(text, "GET /ignore HTTP/1.1\r\nHost: h\r\nX: ");

	service->limits.head = 1000000;
	memset(text + n, 'x', sizeof(text) - n);
	c = conn_new(service);
	conn_feed(c, text, 60000);
	EXPECT(!c->out_len, "%s", out_of(c));
	conn_feed(c, text + 60000, 10000);
	EXPECT(over(c) && count(c, " 431 ") == 1, "%s", out_of(c));
	conn_free(c);
}

static void test_deadlines(void)
{
	struct ln_conn *c = conn_new(service_new());
	unsigned int before;

	/* Nothing at all: an end without a word. */
	conn_pass(c, 9999);
	EXPECT(!over(c), "too early");
	conn_pass(c, 1);
	EXPECT(over(c) && !c->out_len, "%s", out_of(c));
	conn_free(c);

	/* An empty line begins no request (RFC 9112, 2.2). */
	for (int n = 1; n <= 2; n++) {
		c = conn_new(service_new());
		conn_feed(c, "\r\n", n);
		conn_pass(c, 10000);
		EXPECT(over(c) && !c->out_len, "%s", out_of(c));
		conn_free(c);
	}

	/* A header drop by drop: 408 so long after its first octet. */
	c = fed(GET("/ignore"));
	conn_feed(c, "GET /", 5);
	for (int i = 0; i < 9; i++) {
		conn_pass(c, 1000);
		conn_feed(c, "a", 1);
	}
	EXPECT(!over(c), "too early: %s", out_of(c));
	conn_pass(c, 1000);
	EXPECT(over(c) && count(c, " 408 Request Timeout") == 1, "%s", out_of(c));
	conn_free(c);

	/* What could still become HTTP/2. */
	c = fed("PRI * HTT");
	conn_pass(c, 10000);
	EXPECT(over(c) && count(c, " 408 ") == 1, "%s", out_of(c));
	conn_free(c);

	/* Between two requests, with one deadline per request. */
	c = fed(GET("/ignore"));
	before = c->deadlines;
	conn_feed(c, GET("/ignore"), strlen(GET("/ignore")));
	EXPECT(c->deadlines - before <= 2, "%u deadlines", c->deadlines - before);
	conn_pass(c, 29999);
	EXPECT(!over(c), "too early");
	conn_pass(c, 1);
	EXPECT(over(c) && count(c, "HTTP/1.1 ") == 2, "%s", out_of(c));
	conn_free(c);

	/* Content that stops, and content that goes on slowly. */
	c = fed("POST /len HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\na");
	conn_pass(c, 15000);
	conn_feed(c, "b", 1);
	conn_pass(c, 15000);
	EXPECT(!over(c), "went on: %s", out_of(c));
	conn_pass(c, 40000);
	EXPECT(over(c) && count(c, " 408 ") == 1, "%s", out_of(c));
	conn_free(c);
}

static void test_handler_deadline(void)
{
	struct ln_conn *c = fed(GET("/wait"));

	EXPECT(waiting, "waits");
	http_deadline(waiting, 60000);
	conn_pass(c, 30000);
	EXPECT(waiting, "instead of the idle time");
	http_deadline(waiting, 60000);
	conn_pass(c, 59999);
	EXPECT(waiting, "begins anew");
	conn_pass(c, 1);
	EXPECT(!waiting && count(c, " 503 ") == 1 && over(c), "%s", out_of(c));
	conn_free(c);
	c = fed(GET("/wait"));
	http_deadline(waiting, 5000);
	http_deadline(waiting, 0);
	conn_pass(c, 6000);
	EXPECT(waiting, "taken back");
	conn_free(c);
	EXPECT(!waiting, "close() at the connection's end");
}

/* A client that takes nothing: bounded memory, then the end. */
static void test_slow_reader(void)
{
	static const char large[20000];
	struct ln_conn *c = conn_new(service_new());

	closes = completes = 0;
	c->stuck = true;
	conn_feed(c, GET("/big"), strlen(GET("/big")));
	EXPECT(c->queue.memory < 300000, "%zu in memory", c->queue.memory);
	conn_pass(c, 20000);
	EXPECT(over(c) && closes == 1 && !completes, "%u, %u", closes, completes);
	conn_free(c);
	c = fed(GET("/big") GET("/ignore"));
	EXPECT(c->out_len > 5000000 && !memcmp(c->out + c->out_len - 7, "ignored", 7), "%zu",
	       c->out_len);
	EXPECT(closes == 2 && completes == 1, "%u, %u", closes, completes);
	conn_free(c);
	/* The response is whole but not gone. */
	c = conn_new(service_new());
	c->stuck = true;
	conn_feed(c, GET("/wait"), strlen(GET("/wait")));
	http_respond(waiting, 200, NULL, large, sizeof(large));
	conn_turn(c);
	EXPECT(closes == 2, "not yet");
	conn_pass(c, 20000);
	EXPECT(over(c) && closes == 3 && completes == 1, "%u, %u", closes, completes);
	conn_free(c);
}

static void test_ends(void)
{
	struct ln_conn *c = conn_new(service_new());

	/* The client's side ends, ours goes on. */
	conn_feed(c, GET("/wait"), strlen(GET("/wait")));
	conn_eof(c);
	EXPECT(waiting && !over(c), "still waits");
	http_respond(waiting, 200, NULL, "late", 4);
	conn_turn(c);
	EXPECT(over(c) && count(c, "late") == 1, "%s", out_of(c));
	conn_free(c);
	/* In the middle of a header, or of content */
	c = fed("GET / HT");
	conn_eof(c);
	EXPECT(over(c) && !c->out_len, "%s", out_of(c));
	conn_free(c);
	c = fed("POST /len HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nab");
	conn_eof(c);
	EXPECT(over(c) && count(c, " 400 ") == 1, "%s", out_of(c));
	conn_free(c);
	/* An aborted response must not look whole. */
	c = fed("GET /wait HTTP/1.1\r\nHost: h\r\n\r\n");
	http_status(waiting, 200);
	http_begin(waiting);
	http_write(waiting, "part", 4);
	http_abort(waiting);
	http_write(waiting, "more", 4);
	http_end(waiting);
	conn_turn(c);
	EXPECT(over(c) && !waiting && !strstr(out_of(c), "\r\n0\r\n"), "%s", out_of(c));
	conn_free(c);
	/* Less than promised */
	c = fed(GET("/wait"));
	http_status(waiting, 200);
	http_length(waiting, 10);
	http_begin(waiting);
	http_write(waiting, "part", 4);
	http_end(waiting);
	conn_turn(c);
	EXPECT(over(c) && !waiting, "%s", out_of(c));
	conn_free(c);
	/* More than promised */
	c = fed(GET("/wait"));
	http_status(waiting, 200);
	http_length(waiting, 3);
	http_begin(waiting);
	http_write(waiting, "part", 4);
	http_end(waiting);
	conn_turn(c);
	EXPECT(!over(c) && !memcmp(c->out + c->out_len - 4, "\npar", 4), "%s", out_of(c));
	conn_free(c);
}

static void test_stop(void)
{
	struct ln_conn *c = fed(GET("/ignore"));

	conn_stop(c);
	EXPECT(over(c), "an idle connection ends at once");
	conn_free(c);
	c = fed(GET("/wait"));
	conn_stop(c);
	EXPECT(!over(c) && waiting, "an exchange goes on");
	http_respond(waiting, 200, NULL, "x", 1);
	conn_turn(c);
	EXPECT(over(c) && count(c, "Connection: close") == 1, "%s", out_of(c));
	conn_free(c);
	c = fed("GET /ignore HTTP/1.1\r\nHo");
	conn_stop(c);
	conn_feed(c, "st: h\r\n\r\n", 9);
	EXPECT(over(c) && count(c, " 200 ") == 1, "%s", out_of(c));
	conn_free(c);
}

/* What a handler adds cannot break out of its field. */
static void test_fields(void)
{
	struct ln_conn *c = fed(GET("/wait"));

	http_add(waiting, "X-A", "1\r\nX-Evil: 1");
	http_add(waiting, "X-B\r\nX-Evil", "1");
	http_add(waiting, "X C", "1");
	http_add(waiting, "Connection", "close");
	http_add(waiting, "Transfer-Encoding", "chunked");
	http_add(waiting, "Content-Length", "%d", 2);
	http_add(waiting, "X-Long", "%0600d", 0);
	http_add(waiting, "X-Good", "%s", "%s");
	http_status(waiting, 200);
	http_begin(waiting);
	http_write(waiting, "ab", 2);
	http_end(waiting);
	conn_turn(c);
	EXPECT(!strstr(out_of(c), "Evil") && !strstr(out_of(c), "X C") && !strstr(out_of(c), "X-A"),
	       "%s", out_of(c));
	EXPECT(!strstr(out_of(c), "Connection") && !strstr(out_of(c), "chunked"), "%s", out_of(c));
	EXPECT(strstr(out_of(c), "Content-Length: 2\r\n") && strstr(out_of(c), "X-Good: %s\r\n"),
	       "%s", out_of(c));
	EXPECT(strstr(out_of(c), "X-Long: 00000") && c->out_len > 600, "%s", out_of(c));
	conn_free(c);
	c = fed(GET("/wait"));
	http_add(waiting, "Link", "</a>");
	http_informational(waiting, 103, 0);
	http_respond(waiting, 200, NULL, "x", 1);
	conn_turn(c);
	EXPECT(strstr(out_of(c),
		      "HTTP/1.1 103 Early Hints\r\nDate: now\r\nLink: </a>\r\n\r\nHTTP/1.1 200") &&
		       count(c, "Link") == 1,
	       "%s", out_of(c));
	conn_free(c);
}

static void test_hold(void)
{
	struct ln_conn *c = fed("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\na");

	EXPECT(count(c, "\r\n1\r\na\r\n") == 1, "%s", out_of(c));
	conn_free(c);
	c = fed(GET("/wait"));
	http_hold(waiting, true);
	http_hold(waiting, false);
	conn_turn(c);
	EXPECT(waiting, "still there");
	conn_free(c);

	/* It is not the client that is late. */
	c = fed("POST /wait HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\na");
	http_accept(waiting, 0);
	http_hold(waiting, true);
	conn_pass(c, 40000);
	EXPECT(!waiting && count(c, " 503 ") == 1 && !count(c, " 408 ") && over(c), "%s", out_of(c));
	conn_free(c);
}

int main(void)
{
	setlinebuf(stdout);
	printf("TAP version 13\n1..14\n");
	run("responses, octet by octet", test_responses);
	run("content", test_content);
	run("content: bounds", test_content_bounds);
	run("Expect: 100-continue", test_continue);
	run("pipelining", test_pipeline);
	run("limit of requests", test_requests_limit);
	run("a header of any length", test_long_header);
	run("deadlines", test_deadlines);
	run("the handler's deadline", test_handler_deadline);
	run("a client that takes nothing", test_slow_reader);
	run("ends and aborts", test_ends);
	run("the server stops", test_stop);
	run("fields of the response", test_fields);
	run("content is held", test_hold);
	return failures ? 1 : 0;
}
