// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From a request to the location that it belongs to, past the rules that hold there.
 */
#include "router.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <uv.h>

#include "accesslog.h"
#include "counts.h"
#include "setup.h"

/**
 * struct routed - what the router knows of a request
 * @x: the exchange
 * @started: when it came, ns of uv_hrtime()
 * @host: whom it is for
 * @place: where in there, or NULL
 * @request: what the kind gets
 * @target: the target, decoded
 * @waiter: waits for the password's check
 * @user: who that would be, kept beside the exchange
 */
struct routed {
	struct http_exchange *x;
	uint64_t started;
	const struct httpd_host *host;
	const struct httpd_place *place;
	struct httpd_request request;
	struct http_target target;
	struct auth_waiter waiter;
	char *user;
};

static const struct setup *setup_of(struct http_exchange *x)
{
	return http_service(x)->data;
}

/* RFC 9110, 9.3.7: what the server can do apart from any resource. */
static void answer_options(struct http_exchange *x)
{
	http_add(x, "Allow", "GET, HEAD, OPTIONS");
	http_respond(x, 204, NULL, NULL, 0);
}

/* A client that says no host gets the one it would have reached. */
static void redirect_to_tls(struct routed *rd)
{
	const struct http_request *rq = http_request(rd->x);
	const char *host = *rq->host ? rq->host : rd->host->name;
	unsigned int port = setup_of(rd->x)->tls_port;

	if (*host == '*') {
		http_error(rd->x, 400);
		return;
	}
	if (port && port != 443)
		http_add(rd->x, "Location", "https://%s:%u%s", host, port, rq->target);
	else
		http_add(rd->x, "Location", "https://%s%s", host, rq->target);
	http_error(rd->x, 308);
}

/* The part of the path below the prefix. */
static const char *rest_of(const struct routed *rd)
{
	const char *rest = rd->target.path + rd->place->prefix_len;

	return *rest == '/' ? rest + 1 : rest;
}

/* All rules are kept: the location's kind goes on. */
static void call_kind(struct routed *rd)
{
	const struct httpd_place *p = rd->place;

	for (size_t i = 0; i < p->rules.n_headers; i++) {
		const struct rule_header *h = &p->rules.header[i];

		http_add_n(rd->x, h->name, h->name_len, h->value, h->value_len);
	}
	if (!*rd->request.rest && http_request(rd->x)->kind == HTTP_KIND_GET)
		for (size_t i = 0; i < p->n_push; i++)
			http_push(rd->x, p->push[i]);
	p->location.kind->handle(rd->x, &rd->request);
}

static void ask_password(struct routed *rd)
{
	http_add(rd->x, "WWW-Authenticate", "%s", auth_challenge(rd->place->rules.auth));
	http_error(rd->x, 401);
}

static void authenticated(struct routed *rd, enum auth_verdict verdict)
{
	switch (verdict) {
	case AUTH_GOOD:
		rd->request.user = rd->user;
		call_kind(rd);
		return;
	case AUTH_BAD:
		ln_notice("%s: wrong name or password for '%s'", ln_conn_name(http_conn(rd->x)),
			  rd->user);
		ask_password(rd);
		return;
	case AUTH_BUSY:
		http_add(rd->x, "Retry-After", "5");
		http_error(rd->x, 503);
		return;
	case AUTH_PENDING:
		return;
	}
}

static void auth_done(struct auth_waiter *w, enum auth_verdict verdict)
{
	struct routed *rd = (void *)((char *)w - offsetof(struct routed, waiter));

	http_handle(rd->x, NULL, NULL);
	authenticated(rd, verdict);
}

static void auth_closed(struct http_exchange *x, bool complete)
{
	struct routed *rd = http_state(x);

	(void)complete;
	auth_cancel(&rd->waiter);
}

static const struct http_handler auth_handler = { .close = auth_closed };

static void authenticate(struct routed *rd)
{
	const struct http_field *f = http_field(&http_request(rd->x)->fields, "authorization", NULL);
	struct credentials c;
	enum auth_verdict verdict;

	if (!f || !credentials_parse(&c, f->value, f->value_len)) {
		ask_password(rd);
		return;
	}
	rd->user = http_alloc(rd->x, strlen(c.user) + 1);
	if (rd->user)
		strcpy(rd->user, c.user);
	rd->waiter.done = auth_done;
	verdict = rd->user ? auth_check(rd->place->rules.auth, ln_conn_server(http_conn(rd->x)),
					&c, &rd->waiter) : AUTH_BUSY;
	explicit_bzero(&c, sizeof(c));
	if (verdict == AUTH_PENDING)
		http_handle(rd->x, &auth_handler, rd);
	else
		authenticated(rd, verdict);
}

/* Returns whether the address may have this request now. */
static bool within_rate(struct routed *rd)
{
	struct rate *rate = rd->place->rules.rate;
	uint64_t wait;

	wait = rate ? rate_take(rate, ln_conn_peer(http_conn(rd->x)), rd->started) : 0;
	if (!wait)
		return true;
	http_add(rd->x, "Retry-After", "%llu", (unsigned long long)(wait / 1000000000 + 1));
	http_error(rd->x, 429);
	return false;
}

static void enter(struct routed *rd)
{
	const struct httpd_rules *rules = &rd->place->rules;

	if (rules->access && !access_allowed(rules->access, ln_conn_peer(http_conn(rd->x))))
		http_error(rd->x, 403);
	else if (!within_rate(rd))
		return;
	else if (rules->auth)
		authenticate(rd);
	else
		call_kind(rd);
}

static void route(struct routed *rd)
{
	struct http_exchange *x = rd->x;
	const struct http_request *rq = http_request(x);
	bool encoded_slash;
	int status;

	/*
	 * RFC 9110, 7.4: who has checked one host's certificate has not checked another's, and
	 * who may see the one (TLS ends in front of us, say) may not see the other.
	 */
	if (*rq->host && !ln_conn_tls_serves(http_conn(x), rq->host)) {
		http_error(x, 421);
		return;
	}
	rd->host = hosts_find(&setup_of(x)->hosts, rq->host);
	if (rq->kind == HTTP_KIND_OPTIONS && !strcmp(rq->target, "*")) {
		answer_options(x);
		return;
	}
	status = http_target_parse(&rd->target, rq->target, rq->target_len);
	encoded_slash = status == 404;
	if (encoded_slash && !http_target_parse_slashes(&rd->target, rq->target, rq->target_len))
		status = 0;
	if (status) {
		http_error(x, status);
		return;
	}
	if (rd->host->tls_only && !ln_conn_is_tls(http_conn(x))) {
		redirect_to_tls(rd);
		return;
	}
	rd->place = host_place(rd->host, rd->target.path);
	if (!rd->place || (encoded_slash && !rd->place->location.kind->encoded_slashes)) {
		http_error(x, 404);
		return;
	}
	rd->request = (struct httpd_request){
		.location = &rd->place->location, .target = &rd->target, .rest = rest_of(rd),
	};
	enter(rd);
}

/**
 * router_request() - a request arrived, or was sent on by http_redirect_local()
 * @x: the exchange
 */
void router_request(struct http_exchange *x)
{
	const struct http_request *rq = http_request(x);
	struct routed *rd = http_data(x);

	if (!rd) {
		rd = http_alloc(x, sizeof(*rd));
		if (!rd) {
			http_abort(x);
			return;
		}
		rd->x = x;
		rd->started = uv_hrtime();
		http_set_data(x, rd);
		counts_request(rq);
		ln_info("%s: %s %s", ln_conn_name(http_conn(x)), rq->method, rq->target);
	}
	route(rd);
}

/**
 * router_error_page() - say what went wrong
 * @x: the exchange, refused by us or before we heard of it
 * @status: status of the response
 */
void router_error_page(struct http_exchange *x, int status)
{
	const struct routed *rd = http_data(x);
	const struct setup *s = setup_of(x);

	error_page_send(x, &(rd && rd->host ? rd->host : s->hosts.fallback)->errors, status);
}

/* Returns the length; what was refused is told as it came. */
static size_t request_line(const struct http_request *rq, bool good, char *out, size_t room)
{
	const char *parts[] = {
		rq->method, " ", rq->target,
		rq->version == HTTP_2	? " HTTP/2.0" :
		rq->version == HTTP_1_0 ? " HTTP/1.0" :
					  " HTTP/1.1",
	};
	size_t len = 0, n;

	if (!good) {
		parts[0] = rq->line ? rq->line : "";
		parts[1] = parts[2] = parts[3] = "";
	}
	for (int i = 0; i < 4; i++) {
		n = strlen(parts[i]);
		n = n < room - len ? n : room - len;
		memcpy(out + len, parts[i], n);
		len += n;
	}
	return len;
}

/* Worked out once a second. */
static const struct tm *local_time(void)
{
	static time_t then = -1;
	static struct tm tm;
	time_t now = time(NULL);

	if (now != then)
		localtime_r(&now, &tm);
	then = now;
	return &tm;
}

static void write_log(struct http_exchange *x, const struct routed *rd, uint64_t took)
{
	const struct http_request *rq = http_request(x);
	struct ln_conn *c = http_conn(x);
	char request[1100], line[ACCESSLOG_LINE];
	struct access_record r = {
		.peer = ln_conn_peer(c),
		.user = rd ? rd->request.user : NULL,
		.when = *local_time(),
		.request = request,
		.request_len = request_line(rq, rd, request, sizeof(request)),
		.status = http_status_of(x),
		.sent = http_sent(x),
		.referer = http_field(&rq->fields, "referer", NULL),
		.agent = http_field(&rq->fields, "user-agent", NULL),
		.transport = ln_protocol_name(ln_conn_protocol(c)),
		.tls = ln_conn_tls_version(c),
		.version = rq->version == HTTP_2 ? "h2" : "h1",
		.took = took,
	};

	if (!r.request_len)
		r.request = NULL;
	ln_access_log_write(setup_of(x)->access_log, line, accesslog_format(line, &r));
}

/**
 * router_log() - an exchange is over
 * @x: the exchange
 */
void router_log(struct http_exchange *x)
{
	const struct routed *rd = http_data(x);
	const struct http_request *rq = http_request(x);
	int status = http_status_of(x);
	uint64_t took;

	took = rd ? (uv_hrtime() - rd->started) / 1000 : 0;
	counts_response(status, http_sent(x), took);
	if (rd)
		counts_done();
	else
		ln_info("%s: refused with %d: %s", ln_conn_name(http_conn(x)), status,
			rq->line ? rq->line : "");
	if (setup_of(x)->access_log)
		write_log(x, rd, took);
}
