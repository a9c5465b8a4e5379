// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * linnet-httpd and linnet-rpcd on both transports at once: what a request and
 * its response take, over a veth, in instructions of both ends together.
 *
 * One process is client on all its connections: it sends a request on each, and
 * then takes the responses one after the other.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "bench.h"

#define FOLDER	    "/tmp/bench-services"
#define REPETITIONS 7
#define MOST	    64 /* connections */
#define MEMORY	    "100000 100000 100000" /* pages for all sockets: 400 MB */

enum kind { H1, H2, RPC };

struct load {
	const char *name;
	enum kind kind;
	int family;
	const char *path;
	int connections;
	int requests; /* on each of them */
};

/* 600 octets, and 1 MB */
static const struct load loads[] = {
	{ "h1, 600 octets", H1, AF_INET, "/small", 1, 500 },
	{ "h1, 600 octets, IPv6", H1, AF_INET6, "/small", 1, 500 },
	{ "h1, 600 octets, 64 connections", H1, AF_INET, "/small", 64, 10 },
	{ "h1, 1 MB", H1, AF_INET, "/large", 1, 20 },
	{ "h1, 1 MB, 64 connections", H1, AF_INET, "/large", 64, 1 },
	{ "h2, 600 octets", H2, AF_INET, "/small", 1, 500 },
	{ "h2, 600 octets, 64 connections", H2, AF_INET, "/small", 64, 10 },
	{ "h2, 1 MB", H2, AF_INET, "/large", 1, 20 },
	{ "XML-RPC get()", RPC, AF_INET, "/RPC2", 1, 500 },
	{ "XML-RPC get(), 8 connections", RPC, AF_INET, "/RPC2", 8, 60 },
};

/* --- a connection of the client --- */

struct client {
	int fd;
	uint32_t stream;   /* HTTP/2: the next one */
	size_t start, end; /* of what was received and not used */
	uint8_t buf[65536];
};

static struct client clients[MOST];

/* So many octets, which fit into the buffer */
static const uint8_t *peek(struct client *c, size_t len)
{
	if (c->start + len > sizeof(c->buf)) {
		memmove(c->buf, c->buf + c->start, c->end - c->start);
		c->end -= c->start;
		c->start = 0;
	}
	while (c->end - c->start < len) {
		ssize_t n = OK(recv(c->fd, c->buf + c->end, sizeof(c->buf) - c->end, 0));

		if (!n)
			FAIL("the server closes");
		c->end += n;
	}
	return c->buf + c->start;
}

static void pass_over(struct client *c, size_t len)
{
	while (len) {
		size_t n = c->end - c->start;

		if (!n) {
			c->start = c->end = 0;
			peek(c, 1);
			continue;
		}
		n = n < len ? n : len;
		c->start += n;
		len -= n;
	}
}

/* --- HTTP/1 --- */

static void h1_request(struct client *c, const struct load *l)
{
	char text[256];

	send_all(c->fd, text,
		 snprintf(text, sizeof(text),
			  "GET %s HTTP/1.1\r\nHost: bench\r\nUser-Agent: bench\r\n\r\n", l->path));
}

static void rpc_request(struct client *c, const struct load *l, const char *method,
			const char *more)
{
	char text[1024], body[512];
	int len = snprintf(body, sizeof(body),
			   "<?xml version='1.0'?>\n<methodCall>\n<methodName>%s</methodName>\n"
			   "<params>\n<param>\n<value><string>foo</string></value>\n</param>\n%s"
			   "</params>\n</methodCall>\n",
			   method, more);

	send_all(c->fd, text,
		 snprintf(text, sizeof(text),
			  "POST %s HTTP/1.1\r\nHost: bench\r\nContent-Type: text/xml\r\n"
			  "Content-Length: %d\r\n\r\n%s",
			  l->path, len, body));
}

static void h1_response(struct client *c)
{
	size_t len = 0, content;
	const char *head, *field;

	do
		head = (const char *)peek(c, ++len);
	while (len < 4 || memcmp(head + len - 4, "\r\n\r\n", 4));
	field = memmem(head, len, "Content-Length: ", 16);
	if (strncmp(head, "HTTP/1.1 200 ", 13) || !field)
		FAIL("a response: %.*s", (int)len, head);
	content = strtoul(field + 16, NULL, 10);
	pass_over(c, len);
	pass_over(c, content);
}

/* --- HTTP/2 with prior knowledge (RFC 9113) --- */

#define FRAME_HEADER	 9
#define FLAG_ACK	 0x1
#define FLAG_END_STREAM	 0x1
#define FLAG_END_HEADERS 0x4

enum { DATA, HEADERS, RST_STREAM = 3, SETTINGS, GOAWAY = 7 };

static uint8_t *frame(uint8_t *p, size_t len, int type, int flags, uint32_t stream)
{
	const uint8_t header[FRAME_HEADER] = { 0,     len >> 8,	    len,	  type,
					       flags, stream >> 24, stream >> 16, stream >> 8,
					       stream };

	return mempcpy(p, header, sizeof(header));
}

/* Preface, and windows that need no update: 2 GB for each stream and for all */
static void h2_open(struct client *c)
{
	static const uint8_t first[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
				       "\0\0\6\4\0\0\0\0\0"
				       "\0\4\x7f\xff\xff\xff"
				       "\0\0\4\x8\0\0\0\0\0"
				       "\x7f\xfe\0\0";

	c->stream = 1;
	send_all(c->fd, first, sizeof(first) - 1);
}

static void h2_request(struct client *c, const struct load *l)
{
	uint8_t buf[64], *p;
	size_t len = strlen(l->path);

	/* :method GET, :scheme http, then :authority and :path as literals */
	p = frame(buf, 12 + len, HEADERS, FLAG_END_STREAM | FLAG_END_HEADERS, c->stream);
	p = mempcpy(p,
		    "\x82\x86\x01\x06"
		    "bench1"
		    "\x04",
		    11);
	*p++ = len;
	p = mempcpy(p, l->path, len);
	send_all(c->fd, buf, p - buf);
}

static void h2_response(struct client *c)
{
	uint8_t ack[FRAME_HEADER];
	bool ended = false;

	while (!ended) {
		const uint8_t *f = peek(c, FRAME_HEADER);
		size_t len = f[0] << 16 | f[1] << 8 | f[2];
		int type = f[3], flags = f[4];

		pass_over(c, FRAME_HEADER);
		/* 8: ":status 200" of the static table */
		if (type == HEADERS && *peek(c, 1) != 0x88)
			FAIL("a response that is not 200");
		if (type == RST_STREAM || type == GOAWAY)
			FAIL("the server resets");
		if (type == SETTINGS && !(flags & FLAG_ACK)) {
			frame(ack, 0, SETTINGS, FLAG_ACK, 0);
			send_all(c->fd, ack, sizeof(ack));
		}
		pass_over(c, len);
		ended = (type == DATA || type == HEADERS) && flags & FLAG_END_STREAM;
	}
	c->stream += 2;
}

/* --- servers --- */

/* Until it says that it is ready.  What it says goes to @log, which stays open. */
static pid_t start(const struct pair *pair, enum kind kind, int *log)
{
	int before = ns_current(), out[2];
	char port[8], text[4096] = "";
	size_t len = 0;
	pid_t pid;

	snprintf(port, sizeof(port), "%d", PORT);
	OK(pipe2(out, O_CLOEXEC));
	ns_enter(pair->server);
	fflush(NULL);
	pid = OK(fork());
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		OK(dup2(out[1], STDERR_FILENO));
		if (kind == RPC)
			execlp("linnet-rpcd", "linnet-rpcd", "-p", port, "--store", "memory", NULL);
		else
			execlp("linnet-httpd", "linnet-httpd", "-p", port, FOLDER, NULL);
		FAIL("the server: %s", strerror(errno));
	}
	ns_enter(before);
	close(before);
	close(out[1]);
	while (!strstr(text, ": ready\n")) {
		ssize_t n = OK(read(out[0], text + len, sizeof(text) - 1 - len));

		if (!n)
			FAIL("the server did not start: %s", text);
		len += n;
		text[len] = 0;
	}
	*log = out[0];
	return pid;
}

static void end(pid_t pid, int log)
{
	OK(kill(pid, SIGTERM));
	OK(waitpid(pid, NULL, 0));
	close(log);
}

static void make_file(const char *path, size_t len)
{
	FILE *file;

	mkdir(FOLDER, 0755);
	file = fopen(path, "w");
	if (!file)
		FAIL("%s: %s", path, strerror(errno));
	for (size_t i = 0; i < len; i++)
		putc("Linnet\n"[i % 7], file);
	if (fclose(file))
		FAIL("%s: %s", path, strerror(errno));
}

/* --- what is measured --- */

static void request(struct client *c, const struct load *l)
{
	switch (l->kind) {
	case H1:
		h1_request(c, l);
		break;
	case H2:
		h2_request(c, l);
		break;
	case RPC:
		rpc_request(c, l, "get", "");
		break;
	}
}

static void response(struct client *c, const struct load *l)
{
	if (l->kind == H2)
		h2_response(c);
	else
		h1_response(c);
}

static void everywhere(const struct load *l)
{
	int i;

	for (i = 0; i < l->connections; i++)
		request(&clients[i], l);
	for (i = 0; i < l->connections; i++)
		response(&clients[i], l);
}

/* Microseconds for each request */
static double load_once(const struct pair *pair, const struct load *l)
{
	uint64_t start;
	double took;
	int i;

	for (i = 0; i < l->connections; i++) {
		clients[i].start = clients[i].end = 0;
		clients[i].fd = dial(pair);
		if (l->kind == H2)
			h2_open(&clients[i]);
	}
	if (l->kind == RPC) {
		rpc_request(&clients[0], l, "set",
			    "<param>\n<value><string>bar</string></value>\n</param>\n");
		h1_response(&clients[0]);
	}
	everywhere(l); /* not measured: windows open, memory is there */
	start = now_ns();
	for (i = 0; i < l->requests; i++)
		everywhere(l);
	took = (now_ns() - start) / 1e3 / l->requests / l->connections;
	for (i = 0; i < l->connections; i++)
		close(clients[i].fd);
	return took;
}

static void measure(const struct load *l)
{
	struct series s[2] = { { .n = 0 } };
	int i, which, n = repetitions(REPETITIONS), log;
	struct pair pair;
	pid_t pid;

	if (!chosen(l->name))
		return;
	pair_open(&pair, l->family);
	pid = start(&pair, l->kind, &log);
	for (i = -1; i < n; i++) {
		for (which = TCP; which <= LINNET; which++) {
			double figure;

			proto = protocols[which];
			figure = load_once(&pair, l);
			if (i >= 0) /* not the warm-up */
				series_add(&s[which], figure);
		}
	}
	report(l->name, "us", MEDIAN, s);
	end(pid, log);
	pair_close(&pair);
}

void bench_services(void)
{
	report_open("services-linnet", "our servers over a veth, median of %d",
		    repetitions(REPETITIONS));
	/* Without that, what waits on 64 connections is more than this guest lets TCP have:
	 * the server has to wait for memory, which nothing tells it of, and spins.
	 */
	command("sysctl -qw net.ipv4.tcp_mem='%s' net.linnet.mem='%s'", MEMORY, MEMORY);
	make_file(FOLDER "/small", 600);
	make_file(FOLDER "/large", 1 << 20);
	for (size_t i = 0; i < sizeof(loads) / sizeof(*loads); i++)
		measure(&loads[i]);
	report_close();
}
