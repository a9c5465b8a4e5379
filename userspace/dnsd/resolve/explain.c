// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * linnet-dnsd --explain NAME [TYPE]
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "ladder.h"
#include "log.h"
#include "resolve.h"
#include "upstream.h"
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

/* libunbound says: it checks the whole chain of keys. Words, in @out; true when it is bogus. */
static bool validate(const struct resolve_setup *r, const char *name, uint16_t type, char *out,
		     size_t size)
{
	struct ub_ctx *ctx = r->validate ? upstream_context(r, NULL) : NULL;
	struct ub_result *result;
	bool bogus = false;
	int err;

	snprintf(out, size, "%s", r->validate ? "cannot be done" : "off");
	if (!ctx)
		return false;
	err = ub_resolve(ctx, name, type, KNOT_CLASS_IN, &result);
	if (err) {
		snprintf(out, size, "%s", ub_strerror(err));
	} else {
		bogus = result->bogus;
		snprintf(out, size, "%s%s", result->secure ?
			 "secure: signed, up to the trust anchor" : bogus ? "bogus: " :
			 result->rcode == KNOT_RCODE_SERVFAIL ? "there is no answer to validate" :
			 "insecure: no chain of signatures leads to it",
			 bogus && result->why_bogus ? result->why_bogus : "");
		ub_resolve_free(result);
	}
	ub_ctx_delete(ctx);
	return bogus;
}

static const char *rcode_text(int rcode)
{
	const knot_lookup_t *l = knot_lookup_by_id(knot_rcode_names, rcode);

	return l ? l->name : "?";
}

static int explain(const struct setup *s, const char *name, uint16_t type, const char *type_name)
{
	static const struct resolve_setup defaults = { .minimise = true };
	const struct resolve_setup *r = s->resolve ? s->resolve : &defaults;
	unsigned int steps = 0;
	struct walk w = { .setup = r, .type = type, .steps = &steps };
	char text[DNS_NAME_TEXT], question[DNS_NAME_TEXT + 32], why[DNS_WHY_SIZE];
	char state[512];
	bool bogus;
	int err;

	if (dns_name_from_text(w.name, name, strlen(name), NULL, why) < 0) {
		ln_error("--explain %s: %s", name, why);
		return EXIT_FAILURE;
	}
	dns_name_lower(w.name);
	dns_name_to_text(text, w.name);
	snprintf(question, sizeof(question), "%s %s?", text, type_name);
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
		     err || bogus ? "SERVFAIL" : rcode_text(w.rcode));
	printf("\n%s: %s, %u questions\n%s", text, err ? "no answer" : rcode_text(w.rcode), steps,
	       w.text);
	printf("validation: %s\n", state);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}

int resolve_explain(const struct setup *s, const char *name, const char *type)
{
	uint16_t number;

	if (knot_rrtype_from_string(type, &number)) {
		ln_error("--explain: '%s' is no type: A, AAAA, MX, TYPE65 and so on", type);
		return EXIT_FAILURE;
	}
	return explain(s, name, number, type);
}
