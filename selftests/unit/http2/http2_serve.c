// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A server with a handler for each thing that HTTP/2 has to get right, and short
 * times: http2_serve PROTOCOL TIME_MS [CERTIFICATE KEY]
 *
 * It prints its port.  /hello, /bytes/N (from memory as there is room), /file/N (from
 * a file), /short (the file ends early), /echo, /slow-echo (holds each piece until
 * GET /go), /count (octets of content), /wait (never answers), /late (after content_end
 * alone), /abort, /trailers, /hints, /push/N, /head (what arrived, as text), /log (the
 * last exchanges that were closed), /open (exchanges that are not).
 */
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "http.h"
#include "log.h"
#include "peers.h"
#include "server.h"
#include "tls.h"

#define FILE_BYTES	(4 << 20)

struct job {
	struct http_exchange *x;
	struct job *next;
	uint64_t left;
	uint64_t count;
	bool slow;
	char text[65536];
	size_t len;
};

static struct ln_file *file;
static struct job *held;
static char past[4096];
static int n_open;

static struct job *job_of(struct http_exchange *x)
{
	return http_state(x);
}

static void go(void)
{
	struct job *j = held;

	held = NULL;
	for (; j; j = j->next) {
		http_write(j->x, j->text, j->len);
		j->len = 0;
		http_hold(j->x, false);
	}
}

static void more(struct http_exchange *x)
{
	static const char block[1000];
	struct job *j = job_of(x);

	while (j->left && !http_full(x)) {
		size_t n = j->left < sizeof(block) ? j->left : sizeof(block);

		http_write(x, block, n);
		j->left -= n;
	}
	if (!j->left)
		http_end(x);
}

static void on_content(struct http_exchange *x, const char *data, size_t len)
{
	struct job *j = job_of(x);

	j->count += len;
	if (!strcmp(http_request(x)->target, "/count"))
		return;
	if (!http_began(x)) {
		http_status(x, 200);
		http_begin(x);
	}
	if (!j->slow) {
		http_write(x, data, len);
		return;
	}
	http_hold(x, true);
	if (j->len + len > sizeof(j->text))
		abort();
	if (!j->len) {
		j->next = held;
		held = j;
	}
	memcpy(j->text + j->len, data, len);
	j->len += len;
}

static void on_content_end(struct http_exchange *x)
{
	struct job *j = job_of(x);
	unsigned int n;
	const struct http_field *f = http_trailers(x, &n);
	char text[64];

	if (http_began(x)) {
		for (unsigned int i = 0; i < n; i++) {
			snprintf(text, sizeof(text), "%.*s", (int)f[i].value_len, f[i].value);
			http_trailer(x, "X-Echoed", text);
		}
		http_end(x);
		return;
	}
	snprintf(text, sizeof(text), "%llu\n", (unsigned long long)j->count);
	http_respond(x, 200, "text/plain", text, strlen(text));
}

static void on_close(struct http_exchange *x, bool complete)
{
	struct job *j = job_of(x);

	(void)complete;
	for (struct job **p = &held; *p; p = &(*p)->next) {
		if (*p == j) {
			*p = j->next;
			break;
		}
	}
	free(j);
	n_open--;
}

static const struct http_handler handler = {
	.content = on_content, .content_end = on_content_end, .writable = more, .close = on_close,
};

static struct job *handle(struct http_exchange *x)
{
	struct job *j = calloc(1, sizeof(*j));

	j->x = x;
	n_open++;
	http_handle(x, &handler, j);
	return j;
}

static void text(struct http_exchange *x, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static void text(struct http_exchange *x, const char *fmt, ...)
{
	char buf[8192];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	http_respond(x, 200, "text/plain", buf, n);
}

static void describe(struct http_exchange *x)
{
	const struct http_request *rq = http_request(x);
	char buf[8000];
	size_t n = 0;

	n += snprintf(buf + n, sizeof(buf) - n, "%s %s host=%s authority=%s length=%lld\n",
		      rq->method, rq->target, rq->host, rq->authority,
		      (long long)rq->content_length);
	for (unsigned int i = 0; i < rq->fields.n && n < sizeof(buf) - 400; i++)
		n += snprintf(buf + n, sizeof(buf) - n, "%.*s: %.*s\n",
			      (int)rq->fields.field[i].name_len, rq->fields.field[i].name,
			      (int)rq->fields.field[i].value_len < 200 ?
			      (int)rq->fields.field[i].value_len : 200,
			      rq->fields.field[i].value);
	text(x, "%s", buf);
}

static void send_file(struct http_exchange *x, uint64_t promised)
{
	http_status(x, 200);
	http_length(x, promised);
	http_begin(x);
	http_write_file(x, file, 0, promised);
	http_end(x);
}

static void push(struct http_exchange *x, int n)
{
	char target[32];

	for (int i = 0; i < n; i++) {
		snprintf(target, sizeof(target), "/pushed/%d", i);
		http_push(x, target);
	}
	text(x, "see what comes with it\n");
}

static void on_request(struct http_exchange *x)
{
	const char *t = http_request(x)->target;
	unsigned long n = strrchr(t, '/') ? strtoul(strrchr(t, '/') + 1, NULL, 10) : 0;
	struct job *j;

	if (!strcmp(t, "/hello") || !strncmp(t, "/pushed/", 8)) {
		text(x, "hello\n");
	} else if (!strncmp(t, "/bytes/", 7)) {
		j = handle(x);
		j->left = n;
		http_status(x, 200);
		http_begin(x);
		more(x);
	} else if (!strncmp(t, "/file/", 6)) {
		send_file(x, n);
	} else if (!strcmp(t, "/short")) {
		send_file(x, FILE_BYTES + 1);
	} else if (!strcmp(t, "/echo") || !strcmp(t, "/count") || !strcmp(t, "/slow-echo")) {
		j = handle(x);
		j->slow = t[1] == 's';
		http_accept(x, 0);
	} else if (!strcmp(t, "/go")) {
		go();
		text(x, "went\n");
	} else if (!strcmp(t, "/wait")) {
		handle(x);
	} else if (!strcmp(t, "/abort")) {
		http_status(x, 200);
		http_begin(x);
		http_write(x, "some", 4);
		http_abort(x);
	} else if (!strcmp(t, "/trailers")) {
		http_status(x, 200);
		http_begin(x);
		http_write(x, "body", 4);
		http_trailer(x, "X-Checksum", "abc");
		http_end(x);
	} else if (!strcmp(t, "/hints")) {
		http_add(x, "Link", "%s", "</style.css>; rel=preload");
		http_informational(x, 103, 0);
		text(x, "hinted\n");
	} else if (!strncmp(t, "/push/", 6)) {
		push(x, n);
	} else if (!strcmp(t, "/head") || t[0] == '*' || !strncmp(t, "/head?", 6)) {
		describe(x);
	} else if (!strcmp(t, "/log")) {
		text(x, "%s", past);
	} else if (!strcmp(t, "/open")) {
		text(x, "%d\n", n_open);
	} else {
		http_error(x, 404);
	}
}

static void on_log(struct http_exchange *x)
{
	size_t n = strlen(past);

	if (n > sizeof(past) - 300)
		n = 0;
	snprintf(past + n, sizeof(past) - n, "%s %.100s %d\n", http_request(x)->method,
		 http_request(x)->target, http_status_of(x));
}

static struct http_service service = {
	.limits = {
		.head = 16384, .target = 4096, .fields = 50, .content = 1 << 20,
		.requests = 0, .streams = 20,
	},
	.server = "http2_serve",
	.request = on_request,
	.log = on_log,
};

static int listen_on(int protocol, struct ln_sockets *sockets)
{
	struct sockaddr_in in = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);

	if (fd < 0 || bind(fd, (struct sockaddr *)&in, sizeof(in)) || listen(fd, 100) ||
	    getsockname(fd, (struct sockaddr *)&in, &len)) {
		perror("socket");
		return 1;
	}
	sockets->n = 1;
	sockets->socket[0] = (struct ln_socket){
		.tag = "http", .fd = fd, .type = SOCK_STREAM, .addr.in = in, .protocol = protocol,
	};
	printf("%d\n", ntohs(in.sin_port));
	fflush(stdout);
	return 0;
}

int main(int argc, char **argv)
{
	struct ln_options options = {
		.max_connections = 1000, .max_per_address = 1000, .idle_ms = 60000,
		.drain_ms = 5000,
	};
	struct ln_tls_certificate certificate = { 0 };
	struct ln_sockets sockets = { 0 };
	struct ln_tls *tls = NULL;
	struct ln_server *s;
	int fd = fileno(tmpfile());

	if (argc < 3 || ftruncate(fd, FILE_BYTES))
		return 2;
	if (ln_peers_share(1000, 1))
		return 1;
	ln_peers_worker(0);
	file = ln_file_new(fd);
	ln_log_level(LN_DEBUG);
	service.limits.header_ms = service.limits.idle_ms = service.limits.keep_alive_ms =
		strtoul(argv[2], NULL, 10);
	if (argc > 4) {
		certificate = (struct ln_tls_certificate){ argv[3], argv[4] };
		tls = ln_tls_server(&certificate, 1, http_alpn);
		if (!tls)
			return 1;
	}
	s = ln_server_new(&options);
	if (!s || listen_on(strtoul(argv[1], NULL, 10), &sockets) ||
	    ln_server_listen(s, &sockets, "http", &http_proto, tls, &service))
		return 1;
	ln_server_run(s);
	ln_server_free(s);
	ln_tls_put(tls);
	ln_file_put(file);
	return 0;
}
