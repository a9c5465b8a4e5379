// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libcurl's multi interface on libuv: curl says which sockets and which time it waits
 * for, and is told when they are there.
 */
#include <arpa/inet.h>
#include <curl/curl.h>
#include <jansson.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "etcd.h"
#include "log.h"

#define MAX_REPLY (64 << 20)
#define MAX_CONNECTIONS 16L /* to one member */
#define PAUSE_MS 100 /* when no member had an answer */

/**
 * struct etcd - members of etcd and what is asked of them
 * @options: times and certificates
 * @loop: the event loop
 * @multi: curl's side
 * @headers: fields of each request
 * @addresses: of the members, found before the worker gave up its rights
 * @curl_timer: the time that curl waits for
 * @pause_timer: the end of the pause of @paused
 * @url: the members
 * @n: how many
 * @member: where the next request goes first
 * @running: requests that curl has
 * @paused: requests that wait for another round
 * @n_open: timers that are not closed yet
 */
struct etcd {
	const struct store_etcd_options *options;
	uv_loop_t *loop;
	CURLM *multi;
	struct curl_slist *headers, *addresses;
	uv_timer_t curl_timer, pause_timer;
	char *url[ETCD_MAX_MEMBERS];
	unsigned int n, member;
	struct etcd_request *running, *paused;
	int n_open;
};

/* A socket of curl's in the loop. */
struct watched {
	uv_poll_t poll;
	struct etcd *etcd;
	curl_socket_t fd;
};

/* --- one attempt --- */

static size_t on_reply(char *data, size_t size, size_t n, void *user)
{
	struct etcd_request *r = user;

	rpc_buffer_add(&r->reply, data, size * n);
	return r->reply.failed ? 0 : n;
}

static void set_tls(CURL *easy, const struct store_etcd_options *o)
{
	if (o->ca)
		curl_easy_setopt(easy, CURLOPT_CAINFO, o->ca);
	if (o->certificate) {
		curl_easy_setopt(easy, CURLOPT_SSLCERT, o->certificate);
		curl_easy_setopt(easy, CURLOPT_SSLKEY, o->key);
	}
}

static void end_request(struct etcd_request *r, const char *error)
{
	free(r->body);
	r->body = NULL;
	r->done(r, error);
}

static void start_attempt(struct etcd_request *r)
{
	struct etcd *e = r->etcd;
	uint64_t now = uv_now(e->loop);
	uint64_t left = r->deadline > now ? r->deadline - now : 1;
	CURL *easy = curl_easy_init();
	char url[512];

	if (!easy) {
		end_request(r, "no memory");
		return;
	}
	r->easy = easy;
	r->reply.len = 0;
	r->reply.failed = false;
	snprintf(url, sizeof(url), "%s%s", e->url[r->member], r->path);
	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_RESOLVE, e->addresses);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, e->headers);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDS, r->body);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_reply);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, r);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, r);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,
			 (long)(left < e->options->attempt_ms ? left : e->options->attempt_ms));
	set_tls(easy, e->options);
	r->next = e->running;
	e->running = r;
	curl_multi_add_handle(e->multi, easy);
}

/* --- what came of it --- */

/* Whether nothing of the request can have reached the member. */
static bool never_sent(CURLcode code, CURL *easy)
{
	curl_off_t connected = 0;

	curl_easy_getinfo(easy, CURLINFO_CONNECT_TIME_T, &connected);
	return code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST ||
	       code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CONNECT_ERROR ||
	       (code == CURLE_OPERATION_TIMEDOUT && !connected);
}

/* The gateway's words for an error. */
static void take_message(struct etcd_request *r, long status)
{
	json_t *root = json_loadb(r->reply.data ?: "", r->reply.len, 0, NULL);
	const char *text = json_string_value(json_object_get(root, "message")) ?:
				   json_string_value(json_object_get(root, "error"));

	snprintf(r->message, sizeof(r->message), "%s", text ?: "");
	if (!text)
		snprintf(r->message, sizeof(r->message), "HTTP status %ld", status);
	json_decref(root);
}

static void try_again(struct etcd_request *r)
{
	struct etcd *e = r->etcd;

	ln_notice("etcd at %s: %s", e->url[r->member], r->message);
	/* Others shall not run into the same. */
	r->member = (r->member + 1) % e->n;
	e->member = r->member;
	r->attempts++;
	if (uv_now(e->loop) >= r->deadline) {
		end_request(r, r->message);
	} else if (r->attempts % e->n) {
		start_attempt(r);
	} else {
		r->next = e->paused;
		e->paused = r;
	}
}

static void on_pause_over(uv_timer_t *t)
{
	struct etcd *e = t->data;
	struct etcd_request *r = e->paused, *next;

	e->paused = NULL;
	for (; r; r = next) {
		next = r->next;
		start_attempt(r);
	}
}

static void finish_attempt(struct etcd *e, CURL *easy, CURLcode code)
{
	struct etcd_request *r, **p = &e->running;
	long status = 0;
	bool sent;

	curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&r);
	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	sent = code == CURLE_OK || !never_sent(code, easy);
	curl_multi_remove_handle(e->multi, easy);
	curl_easy_cleanup(easy);
	r->easy = NULL;
	while (*p != r)
		p = &(*p)->next;
	*p = r->next;
	if (code == CURLE_OK && status == 200) {
		rpc_buffer_add(&r->reply, "", 1);
		r->reply.len--;
		end_request(r, NULL);
		return;
	}
	if (code == CURLE_OK)
		take_message(r, status);
	else
		snprintf(r->message, sizeof(r->message), "%s", curl_easy_strerror(code));
	/* 503 and 504: the member is not up to it now; what else it says is of the request. */
	if (code == CURLE_OK && status != 503 && status != 504) {
		end_request(r, r->message);
		return;
	}
	r->repeated |= sent;
	try_again(r);
	if (e->paused && !uv_is_active((uv_handle_t *)&e->pause_timer))
		uv_timer_start(&e->pause_timer, on_pause_over, PAUSE_MS, 0);
}

static void check_finished(struct etcd *e)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(e->multi, &left)))
		if (m->msg == CURLMSG_DONE)
			finish_attempt(e, m->easy_handle, m->data.result);
}

/* --- curl and the loop --- */

static void on_ready(uv_poll_t *poll, int status, int events)
{
	struct watched *w = poll->data;
	struct etcd *e = w->etcd;
	int flags = 0, running;

	if (status < 0)
		flags = CURL_CSELECT_ERR;
	if (events & UV_READABLE)
		flags |= CURL_CSELECT_IN;
	if (events & UV_WRITABLE)
		flags |= CURL_CSELECT_OUT;
	/* @w may be gone after this. */
	curl_multi_socket_action(e->multi, w->fd, flags, &running);
	check_finished(e);
}

static void free_watched(uv_handle_t *poll)
{
	free(poll->data);
}

static struct watched *watch(struct etcd *e, curl_socket_t fd)
{
	struct watched *w = calloc(1, sizeof(*w));

	if (!w || uv_poll_init(e->loop, &w->poll, fd)) {
		free(w);
		return NULL;
	}
	w->poll.data = w;
	w->etcd = e;
	w->fd = fd;
	/* Idle connections of curl's are no reason for a worker to stay. */
	uv_unref((uv_handle_t *)&w->poll);
	curl_multi_assign(e->multi, fd, w);
	return w;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *socket_user)
{
	struct etcd *e = user;
	struct watched *w = socket_user;
	int events = 0;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (w) {
			uv_poll_stop(&w->poll);
			uv_close((uv_handle_t *)&w->poll, free_watched);
			curl_multi_assign(e->multi, fd, NULL);
		}
		return 0;
	}
	if (!w)
		w = watch(e, fd);
	if (!w)
		return -1;
	if (what & CURL_POLL_IN)
		events |= UV_READABLE;
	if (what & CURL_POLL_OUT)
		events |= UV_WRITABLE;
	uv_poll_start(&w->poll, events, on_ready);
	return 0;
}

static void on_time(uv_timer_t *t)
{
	struct etcd *e = t->data;
	int running;

	curl_multi_socket_action(e->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	check_finished(e);
}

static int on_timer(CURLM *multi, long ms, void *user)
{
	struct etcd *e = user;

	(void)multi;
	if (ms < 0)
		uv_timer_stop(&e->curl_timer);
	else
		uv_timer_start(&e->curl_timer, on_time, ms, 0);
	return 0;
}

void etcd_submit(struct etcd *e, struct etcd_request *r)
{
	r->etcd = e;
	r->reply = (struct rpc_buffer){ .max = MAX_REPLY };
	r->repeated = false;
	r->attempts = 0;
	r->member = e->member;
	r->deadline = uv_now(e->loop) + e->options->total_ms;
	start_attempt(r);
}

/* --- members --- */

static char *check_url(const char *text, size_t len)
{
	char *copy = strndup(text, len), *scheme = NULL, *host = NULL, *path = NULL, *query = NULL;
	CURLU *url = curl_url();
	bool good;

	good = copy && url && len < 400 && !curl_url_set(url, CURLUPART_URL, copy, 0) &&
	       !curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) &&
	       !curl_url_get(url, CURLUPART_HOST, &host, 0) &&
	       !curl_url_get(url, CURLUPART_PATH, &path, 0) &&
	       (!strcmp(scheme, "http") || !strcmp(scheme, "https")) && !strcmp(path, "/") &&
	       curl_url_get(url, CURLUPART_QUERY, &query, 0) == CURLUE_NO_QUERY;
	curl_free(scheme);
	curl_free(host);
	curl_free(path);
	curl_free(query);
	curl_url_cleanup(url);
	if (!good) {
		ln_error("etcd: '%.*s' is no http://HOST:PORT or https://HOST:PORT", (int)len,
			 text);
		free(copy);
		return NULL;
	}
	if (copy[len - 1] == '/')
		copy[len - 1] = '\0';
	return copy;
}

int etcd_parse_urls(const char *urls, char *out[ETCD_MAX_MEMBERS])
{
	int n = 0;

	for (;; urls++) {
		size_t len = strcspn(urls, ",");

		if (n < ETCD_MAX_MEMBERS) {
			out[n] = check_url(urls, len);
			if (out[n]) {
				n++;
				urls += len;
				if (!*urls)
					return n;
				continue;
			}
		} else {
			ln_error("etcd: %d URLs at most", ETCD_MAX_MEMBERS);
		}
		while (n)
			free(out[--n]);
		return 0;
	}
}

/*
 * "host:port:address,address" for a host that is a name: a worker without rights
 * cannot look it up.
 */
static bool find_addresses(struct etcd *e, const char *text)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *list = NULL;
	char *host = NULL, *port = NULL, address[INET6_ADDRSTRLEN], line[1024];
	CURLU *url = curl_url();
	int err = 0, len;

	curl_url_set(url, CURLUPART_URL, text, 0);
	curl_url_get(url, CURLUPART_HOST, &host, 0);
	curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT);
	curl_url_cleanup(url);
	if (host && port && *host != '[') {
		err = getaddrinfo(host, port, &hints, &list);
		len = snprintf(line, sizeof(line), "%s:%s:", host, port);
		for (struct addrinfo *a = list; a && len < (int)sizeof(line) - 64; a = a->ai_next) {
			if (getnameinfo(a->ai_addr, a->ai_addrlen, address, sizeof(address), NULL,
					0, NI_NUMERICHOST))
				continue;
			len += sprintf(line + len, "%s%s%s%s", a == list ? "" : ",",
				       strchr(address, ':') ? "[" : "", address,
				       strchr(address, ':') ? "]" : "");
		}
		if (err)
			ln_error("etcd: the address of %s: %s", host, gai_strerror(err));
		else
			e->addresses = curl_slist_append(e->addresses, line);
		if (list)
			freeaddrinfo(list);
	}
	curl_free(host);
	curl_free(port);
	return !err;
}

static void etcd_free(struct etcd *e)
{
	curl_slist_free_all(e->headers);
	curl_slist_free_all(e->addresses);
	while (e->n)
		free(e->url[--e->n]);
	free(e);
}

static void timer_closed(uv_handle_t *t)
{
	struct etcd *e = t->data;

	if (!--e->n_open)
		etcd_free(e);
}

void etcd_close(struct etcd *e)
{
	struct etcd_request *r;

	while ((r = e->running)) {
		e->running = r->next;
		curl_multi_remove_handle(e->multi, r->easy);
		curl_easy_cleanup(r->easy);
		end_request(r, "the server is ending");
	}
	while ((r = e->paused)) {
		e->paused = r->next;
		end_request(r, "the server is ending");
	}
	curl_multi_cleanup(e->multi);
	uv_close((uv_handle_t *)&e->curl_timer, timer_closed);
	uv_close((uv_handle_t *)&e->pause_timer, timer_closed);
}

static bool set_up(struct etcd *e)
{
	e->n = etcd_parse_urls(e->options->urls, e->url);
	if (!e->n)
		return false;
	for (unsigned int i = 0; i < e->n; i++)
		if (!find_addresses(e, e->url[i]))
			return false;
	e->headers = curl_slist_append(NULL, "Content-Type: application/json");
	if (e->headers)
		curl_slist_append(e->headers, "Expect:");
	e->multi = curl_multi_init();
	if (!e->headers || !e->multi) {
		ln_error("etcd: no memory");
		return false;
	}
	return true;
}

struct etcd *etcd_new(uv_loop_t *loop, const struct store_etcd_options *o)
{
	struct etcd *e = calloc(1, sizeof(*e));

	if (!e || curl_global_init(CURL_GLOBAL_DEFAULT)) {
		ln_error("etcd: no memory");
		free(e);
		return NULL;
	}
	e->options = o;
	e->loop = loop;
	if (!set_up(e)) {
		etcd_free(e);
		return NULL;
	}
	uv_timer_init(loop, &e->curl_timer);
	uv_timer_init(loop, &e->pause_timer);
	e->n_open = 2;
	e->curl_timer.data = e->pause_timer.data = e;
	uv_unref((uv_handle_t *)&e->curl_timer);
	uv_unref((uv_handle_t *)&e->pause_timer);
	curl_multi_setopt(e->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(e->multi, CURLMOPT_SOCKETDATA, e);
	curl_multi_setopt(e->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(e->multi, CURLMOPT_TIMERDATA, e);
	curl_multi_setopt(e->multi, CURLMOPT_MAX_HOST_CONNECTIONS, MAX_CONNECTIONS);
	return e;
}
