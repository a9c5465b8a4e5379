// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * linnet-dnsd --explain NAME [TYPE]
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ask.h"
#include "conf.h"
#include "ladder.h"
#include "log.h"
#include "resolve.h"
#include "walk.h"

#define DAEMON_TRIES	8	/* each worker has a cache of its own */
#define DAEMON_MS	500

/* Where a running daemon listens, by the configuration. */
static bool daemon_address(const struct setup *s, union ln_addr *addr)
{
	const char *text = cfg_size(s->tree, "listen") ? cfg_getnstr(s->tree, "listen", 0) : NULL;
	char copy[256];

	if (!text)
		return false;
	if (*text == '*') {
		snprintf(copy, sizeof(copy), "127.0.0.1%s", text + 1);
		text = copy;
	}
	if (ln_addr_parse(text, 53, addr))
		return false;
	if (addr->sa.sa_family == AF_INET && !addr->in.sin_addr.s_addr)
		addr->in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (addr->sa.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&addr->in6.sin6_addr))
		addr->in6.sin6_addr = in6addr_loopback;
	return true;
}

static void show_cached(const struct ask *a)
{
	const knot_pktsection_t *s = knot_pkt_section(a->answer, KNOT_ANSWER);
	uint32_t ttl = 0;

	if (!s->count)
		s = knot_pkt_section(a->answer, KNOT_AUTHORITY);
	if (s->count)
		ttl = knot_pkt_rr(s, 0)->ttl;
	ladder_arrow(LADDER_LOCAL, LADDER_CLIENT, knot_wire_get_aa(a->answer->wire) ? "own zone" :
		     "cached");
	if (knot_wire_get_aa(a->answer->wire))
		ladder_note("the running server answers from a zone of its own");
	else
		ladder_note("the running server answers from the cache, for %u s more; without "
			    "that it would go this way:", ttl);
}

/* Asks for nothing but what is there: without RD (RFC 1034 section 4.3.1). */
static void ask_daemon(const struct setup *s, const struct walk *w)
{
	struct ask a = { .name = w->name, .type = w->type, .timeout_ms = DAEMON_MS };

	if (!daemon_address(s, &a.to))
		return;
	for (unsigned int i = 0; i < DAEMON_TRIES; i++) {
		int rcode;

		/* Answers with and without signatures are kept apart. */
		a.dnssec = i & 1;
		if (!ask(&a)) {
			ladder_note("no server runs here whose cache could be asked: %s", a.error);
			return;
		}
		rcode = knot_wire_get_rcode(a.answer->wire);
		if (rcode == KNOT_RCODE_NOERROR || rcode == KNOT_RCODE_NXDOMAIN) {
			show_cached(&a);
			ask_end(&a);
			return;
		}
		ask_end(&a);
	}
	ladder_note("not in the cache of the running server");
}

/* What libunbound says; @done: it has. */
struct validation {
	bool done;
	int err;
	struct ub_result *result;
};

static void on_validated(void *data, int err, struct ub_result *result)
{
	struct validation *v = data;

	*v = (struct validation){ true, err, result };
}

/* It tries servers that are silent for a minute and more: no longer than a client would wait. */
static void await_validation(struct ub_ctx *ctx, const struct validation *v, uint64_t limit_ms)
{
	struct pollfd p = { .fd = ub_fd(ctx), .events = POLLIN };
	struct timespec now, end;
	int64_t left;

	clock_gettime(CLOCK_MONOTONIC, &end);
	for (;;) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		left = (end.tv_sec - now.tv_sec) * 1000LL + (end.tv_nsec - now.tv_nsec) / 1000000 +
		       limit_ms;
		if (v->done || left <= 0 || (poll(&p, 1, left) > 0 && ub_process(ctx)))
			return;
	}
}

/* libunbound says: it checks the whole chain of keys. Words, in @out; true when it is bogus. */
static bool validate(const struct resolve_setup *r, const char *name, uint16_t type, char *out,
		     size_t size)
{
	char *anchors = anchors_text(&r->anchors, NULL);
	const struct conf conf = { .hints = r->root_hints, .anchors = anchors };
	struct ub_ctx *ctx = r->validate && anchors ? conf_context(r, &conf) : NULL;
	struct validation v = { 0 };
	const struct ub_result *result;
	bool bogus = false;

	free(anchors);
	snprintf(out, size, "%s", r->validate ? "cannot be done" : "off");
	if (!ctx)
		return false;
	v.err = ub_resolve_async(ctx, name, type, KNOT_CLASS_IN, &v, on_validated, NULL);
	if (!v.err)
		await_validation(ctx, &v, r->limit_ms);
	result = v.result;
	if (v.err) {
		snprintf(out, size, "%s", ub_strerror(v.err));
	} else if (!v.done) {
		snprintf(out, size, "there is no answer to validate within the time limit");
	} else {
		bogus = result->bogus;
		snprintf(out, size, "%s%s", result->secure ?
			 "secure: signed, up to the trust anchor" : bogus ? "bogus: " :
			 result->rcode == KNOT_RCODE_SERVFAIL ? "there is no answer to validate" :
			 "insecure: no chain of signatures leads to it",
			 bogus && result->why_bogus ? result->why_bogus : "");
	}
	ub_resolve_free(v.result);
	ub_ctx_delete(ctx);
	return bogus;
}

/* All of it: the question, steps, the answer's records a line each, validation. */
static void print_json(json_t *steps, const struct walk *w, const char *name, const char *type,
		       const char *status, const char *state)
{
	json_t *answer = json_array(), *all;

	for (const char *line = w->text, *end; *line; line = end + (*end == '\n')) {
		end = strchrnul(line, '\n');
		json_array_append_new(answer, json_stringn(line, end - line));
	}
	all = json_pack("{s:s, s:s, s:O, s:s, s:i, s:o, s:s}", "name", name, "type", type, "steps",
			steps, "status", status, "questions", (int)*w->steps, "answer", answer,
			"validation", state);
	if (all)
		json_dumpf(all, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(4));
	printf("\n");
	json_decref(all);
}

static int explain(const struct setup *s, const char *name, uint16_t type, const char *type_name,
		   json_t *steps)
{
	static const struct resolve_setup defaults = { .minimise = true };
	const struct resolve_setup *r = s->resolve ? s->resolve : &defaults;
	unsigned int questions = 0;
	struct walk w = { .setup = r, .type = type, .steps = &questions };
	char text[DNS_NAME_TEXT], question[DNS_NAME_TEXT + 32], why[DNS_WHY_SIZE];
	char state[512];
	const char *status;
	bool bogus;
	int err;

	if (dns_name_from_text(w.name, name, strlen(name), NULL, why) < 0) {
		ln_error("--explain %s: %s", name, why);
		return EXIT_FAILURE;
	}
	dns_name_lower(w.name);
	dns_name_to_text(text, w.name);
	snprintf(question, sizeof(question), "%s %s?", text, type_name);
	if (!steps)
		printf("%s %s\n\n", text, type_name);
	ladder_head();
	ladder_arrow(LADDER_CLIENT, LADDER_LOCAL, question);
	ask_daemon(s, &w);
	for (unsigned int i = 0; i < r->n_zones; i++)
		if (r->zone[i].forward)
			ladder_note("(the configuration forwards %s to other resolvers; this is the "
				    "way that they go)", r->zone[i].name);
	err = walk(&w);
	bogus = validate(r, text, type, state, sizeof(state));
	if (bogus)
		ladder_note("but the signatures do not fit: it is not passed on");
	ladder_arrow(LADDER_LOCAL, LADDER_CLIENT,
		     err || bogus ? "SERVFAIL" : walk_rcode_text(w.rcode));
	status = err ? "no answer" : walk_rcode_text(w.rcode);
	if (steps)
		print_json(steps, &w, text, type_name, status, state);
	else
		printf("\n%s: %s, %u questions\n%svalidation: %s\n", text, status, questions, w.text,
		       state);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}

int resolve_explain(const struct setup *s, const char *name, const char *type, bool json)
{
	json_t *steps = json ? json_array() : NULL;
	uint16_t number;
	int status;

	if (knot_rrtype_from_string(type, &number)) {
		ln_error("--explain: '%s' is no type: A, AAAA, MX, TYPE65 and so on", type);
		return EXIT_FAILURE;
	}
	if (json && !steps) {
		ln_error("out of memory");
		return EXIT_FAILURE;
	}
	ladder_into(steps);
	status = explain(s, name, number, type, steps);
	json_decref(steps);
	return status;
}
