// SPDX-License-Identifier: GPL-2.0-or-later
#include "resolve.h"

#include <errno.h>
#include <ifaddrs.h>
#include <libknot/libknot.h>
#include <linux/linnet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "../mail/address.h"
#include "log.h"
#include "question.h"

#define RESOLV_CONF "/etc/resolv.conf"
#define OWN_MAX 256

/**
 * struct resolver - whom to ask
 * @server: the loop
 * @setup: the configuration
 * @name_server: name servers
 * @n_name_servers: how many
 * @own: addresses of this machine
 * @n_own: how many
 */
struct resolver {
	struct ln_server *server;
	const struct relay_setup *setup;
	union ln_addr name_server[SETUP_RESOLVERS_MAX];
	unsigned int n_name_servers;
	union ln_addr own[OWN_MAX];
	unsigned int n_own;
};

enum { ASK_A, ASK_AAAA, ASK_SVCB, ASK_LINNET_A, ASK_LINNET_AAAA, ASKS };

struct host {
	struct resolution *lookup;
	char name[RESOLVE_NAME];
	unsigned int preference, random;
	bool literal;
	unsigned int n, n_linnet; /* addresses, and those of the SVCB record's target */
	union ln_addr addr[2 * RESOLVE_ADDRESSES_MAX], linnet_addr[2 * RESOLVE_ADDRESSES_MAX];
	bool linnet;
	uint16_t linnet_port;
	bool failed; /* nobody said whether it has addresses */
	struct ask {
		struct host *host;
		int what;
		struct question *question;
	} ask[ASKS];
};

struct resolution {
	struct resolver *resolver;
	const struct relay_route *route;
	char domain[RESOLVE_NAME];
	uint16_t port;
	bool explicit_mx; /* the hosts are those of MX records */
	bool cut; /* some of them were ourselves */
	unsigned int n_hosts, pending;
	struct host host[RESOLVE_HOSTS_MAX];
	struct question *mx;
	uv_timer_t later;
	struct hops hops;
	void (*done)(const struct hops *hops, void *data);
	void *data;
};

/* --- the resolver --- */

static void read_resolv_conf(struct resolver *r)
{
	FILE *f = fopen(RESOLV_CONF, "re");
	char line[512], address[LN_ADDR_STRLEN + 1];

	while (f && fgets(line, sizeof(line), f) && r->n_name_servers < SETUP_RESOLVERS_MAX) {
		char text[LN_ADDR_STRLEN + 3];

		if (sscanf(line, " nameserver %66s", address) != 1)
			continue;
		snprintf(text, sizeof(text), strchr(address, ':') ? "[%s]" : "%s", address);
		if (!ln_addr_parse(text, 53, &r->name_server[r->n_name_servers]))
			r->n_name_servers++;
	}
	if (f)
		fclose(f);
	/* resolv.conf(5) */
	if (!r->n_name_servers && !ln_addr_parse("127.0.0.1", 53, &r->name_server[0]))
		r->n_name_servers = 1;
}

static void read_own(struct resolver *r)
{
	struct ifaddrs *list;

	if (getifaddrs(&list))
		return;
	for (struct ifaddrs *i = list; i && r->n_own < OWN_MAX; i = i->ifa_next) {
		if (!i->ifa_addr)
			continue;
		if (i->ifa_addr->sa_family == AF_INET)
			memcpy(&r->own[r->n_own++].in, i->ifa_addr, sizeof(struct sockaddr_in));
		else if (i->ifa_addr->sa_family == AF_INET6)
			memcpy(&r->own[r->n_own++].in6, i->ifa_addr, sizeof(struct sockaddr_in6));
	}
	freeifaddrs(list);
}

/**
 * resolver_new() - prepare to ask
 * @server: the loop
 * @setup: the configuration
 *
 * Return: the resolver, or NULL after an error line.
 */
struct resolver *resolver_new(struct ln_server *server, const struct relay_setup *setup)
{
	struct resolver *r = calloc(1, sizeof(*r));

	if (!r) {
		ln_error("out of memory");
		return NULL;
	}
	r->server = server;
	r->setup = setup;
	r->n_name_servers = setup->n_resolvers;
	memcpy(r->name_server, setup->resolver, sizeof(r->name_server));
	if (!r->n_name_servers)
		read_resolv_conf(r);
	read_own(r);
	return r;
}

/**
 * resolver_free() - ask no more
 * @r: without resolutions under way
 */
void resolver_free(struct resolver *r)
{
	free(r);
}

static bool same_address(const union ln_addr *a, const union ln_addr *b)
{
	if (a->sa.sa_family != b->sa.sa_family)
		return false;
	return a->sa.sa_family == AF_INET ?
		       a->in.sin_addr.s_addr == b->in.sin_addr.s_addr :
		       !memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr, sizeof(a->in6.sin6_addr));
}

static bool is_own_address(const struct resolver *r, const union ln_addr *a, uint16_t port)
{
	if (port != r->setup->smtp_port)
		return false;
	for (unsigned int i = 0; i < r->n_own; i++)
		if (same_address(a, &r->own[i]))
			return true;
	return false;
}

/* --- the end --- */

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void let_go(struct resolution *l)
{
	uv_close((uv_handle_t *)&l->later, on_closed);
}

static void finish(struct resolution *l)
{
	l->done(&l->hops, l->data);
	let_go(l);
}

static void on_later(uv_timer_t *timer)
{
	finish(timer->data);
}

static void fail(struct resolution *l, const char *status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void fail(struct resolution *l, const char *status, const char *fmt, ...)
{
	char why[RESOLVE_WHY];
	va_list ap;

	/* What was said before may be among the arguments. */
	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	memcpy(l->hops.why, why, sizeof(why));
	l->hops.status = status;
	l->hops.n = 0;
}

static void add_hop(struct resolution *l, const struct host *h, const union ln_addr *addr,
		    uint16_t port, int protocol)
{
	struct hop *hop = &l->hops.hop[l->hops.n];

	if (l->hops.n == RESOLVE_HOPS_MAX)
		return;
	hop->addr = *addr;
	/* Both have the port at the same place. */
	hop->addr.in.sin_port = htons(port);
	hop->protocol = protocol;
	memcpy(hop->host, h->name, sizeof(hop->host));
	l->hops.n++;
}

static void add_host(struct resolution *l, const struct host *h)
{
	enum relay_transport transport = l->route->transport;
	uint16_t linnet_port = h->linnet_port ? h->linnet_port : l->port;

	if (transport == RELAY_LINNET || (transport == RELAY_AUTO && h->linnet)) {
		const union ln_addr *addr = h->n_linnet ? h->linnet_addr : h->addr;

		for (unsigned int i = 0; i < (h->n_linnet ? h->n_linnet : h->n); i++)
			add_hop(l, h, &addr[i], linnet_port, IPPROTO_LINNET);
	}
	for (unsigned int i = 0; i < h->n && transport != RELAY_LINNET; i++)
		add_hop(l, h, &h->addr[i], l->port, IPPROTO_TCP);
}

/* RFC 5321, 5.1: what is not preferred to ourselves leads back to us. */
static void cut_loop(struct resolution *l,
		     bool (*is_own)(const struct resolution *l, const struct host *h))
{
	for (unsigned int i = 0; i < l->n_hosts; i++) {
		if (!is_own(l, &l->host[i]))
			continue;
		l->cut = true;
		while (i && l->host[i - 1].preference == l->host[i].preference)
			i--;
		l->n_hosts = i;
	}
}

static bool own_by_address(const struct resolution *l, const struct host *h)
{
	for (unsigned int i = 0; i < h->n; i++)
		if (is_own_address(l->resolver, &h->addr[i], l->port))
			return true;
	return false;
}

static bool own_by_name(const struct resolution *l, const struct host *h)
{
	return l->port == l->resolver->setup->smtp_port && !h->literal &&
	       mail_domain_equal(h->name, l->resolver->setup->hostname);
}

static void conclude(struct resolution *l)
{
	bool failed = false;

	if (!l->route->host)
		cut_loop(l, own_by_address);
	for (unsigned int i = 0; i < l->n_hosts; i++) {
		add_host(l, &l->host[i]);
		failed |= l->host[i].failed;
	}
	if (l->hops.n)
		return;
	if (l->cut)
		fail(l, "5.4.6", "mail for %s loops back to this server", l->domain);
	else if (failed)
		fail(l, "4.4.3", "the addresses of the mail servers of %s cannot be found now: %s",
		     l->domain, l->hops.why);
	else if (l->explicit_mx || l->route->host)
		fail(l, "5.4.4", "the mail servers of %s have no addresses", l->domain);
	else
		fail(l, "5.1.2", "the domain %s has neither a mail server nor an address",
		     l->domain);
}

/* --- hosts --- */

static void next_step(struct resolution *l)
{
	if (l->pending)
		return;
	conclude(l);
	uv_timer_start(&l->later, on_later, 0, 0);
}

static void ask(struct host *h, int what, const char *name);

static void take_svcb(struct host *h, const struct answer *a)
{
	if (!a->linnet)
		return;
	h->linnet = true;
	h->linnet_port = a->linnet_port;
	if (!*a->linnet_target || mail_domain_equal(a->linnet_target, h->name))
		return;
	ask(h, ASK_LINNET_A, a->linnet_target);
	ask(h, ASK_LINNET_AAAA, a->linnet_target);
}

static void on_host(const struct answer *a, const char *why, void *data)
{
	struct ask *k = data;
	struct host *h = k->host;
	struct resolution *l = h->lookup;
	bool linnet = k->what > ASK_SVCB;

	k->question = NULL;
	l->pending--;
	if (!a && k->what < ASK_SVCB) {
		h->failed = true;
		snprintf(l->hops.why, sizeof(l->hops.why), "%.280s", why);
	} else if (a && k->what == ASK_SVCB) {
		take_svcb(h, a);
	} else if (a) {
		union ln_addr *to = linnet ? h->linnet_addr : h->addr;
		unsigned int *n = linnet ? &h->n_linnet : &h->n;
		/* AAAA before A, whichever came first. */
		bool first = k->what == ASK_AAAA || k->what == ASK_LINNET_AAAA;

		if (first)
			memmove(to + a->n_addresses, to, *n * sizeof(*to));
		memcpy(to + (first ? 0 : *n), a->address, a->n_addresses * sizeof(*to));
		*n += a->n_addresses;
	}
	next_step(l);
}

static void ask(struct host *h, int what, const char *name)
{
	static const uint16_t types[] = {
		[ASK_A] = KNOT_RRTYPE_A,
		[ASK_AAAA] = KNOT_RRTYPE_AAAA,
		[ASK_SVCB] = KNOT_RRTYPE_SVCB,
		[ASK_LINNET_A] = KNOT_RRTYPE_A,
		[ASK_LINNET_AAAA] = KNOT_RRTYPE_AAAA,
	};
	struct resolver *r = h->lookup->resolver;
	struct ask *k = &h->ask[what];

	k->host = h;
	k->what = what;
	k->question = question_ask(r->server, r->name_server, r->n_name_servers, name, types[what],
				   on_host, k);
	if (k->question)
		h->lookup->pending++;
	else if (errno != EINVAL)
		h->failed = true;
}

static void ask_hosts(struct resolution *l)
{
	char service[RESOLVE_NAME + 24];

	for (unsigned int i = 0; i < l->n_hosts; i++) {
		struct host *h = &l->host[i];

		h->lookup = l;
		if (h->literal)
			continue;
		ask(h, ASK_A, h->name);
		ask(h, ASK_AAAA, h->name);
		if (l->route->transport == RELAY_TCP)
			continue;
		snprintf(service, sizeof(service), "_%u._linnet.%s", l->port, h->name);
		ask(h, ASK_SVCB, service);
	}
	next_step(l);
}

/* --- MX records --- */

/* At random among equals (RFC 5321, 5.1). */
static int by_preference(const void *a, const void *b)
{
	const struct host *x = a, *y = b;

	if (x->preference != y->preference)
		return x->preference < y->preference ? -1 : 1;
	return x->random < y->random ? -1 : x->random > y->random;
}

static void take_mx(struct resolution *l, const struct answer *a)
{
	struct host all[sizeof(a->mx) / sizeof(*a->mx)];

	memset(all, 0, sizeof(all));
	for (unsigned int i = 0; i < a->n_mx; i++) {
		snprintf(all[i].name, sizeof(all[i].name), "%s", a->mx[i].host);
		all[i].preference = a->mx[i].preference;
		if (getrandom(&all[i].random, sizeof(all[i].random), 0) < 0)
			all[i].random = i;
	}
	qsort(all, a->n_mx, sizeof(*all), by_preference);
	l->n_hosts = a->n_mx < RESOLVE_HOSTS_MAX ? a->n_mx : RESOLVE_HOSTS_MAX;
	memcpy(l->host, all, l->n_hosts * sizeof(*all));
	l->explicit_mx = true;
	cut_loop(l, own_by_name);
}

static void add_only_host(struct resolution *l, const char *name)
{
	snprintf(l->host[0].name, sizeof(l->host[0].name), "%s", name);
	l->n_hosts = 1;
}

static void on_mx(const struct answer *a, const char *why, void *data)
{
	struct resolution *l = data;

	l->mx = NULL;
	if (!a) {
		fail(l, "4.4.3", "the mail servers of %s cannot be found now: %s", l->domain, why);
	} else if (a->none) {
		fail(l, "5.1.2", "there is no domain %s", l->domain);
	} else if (a->n_mx == 1 && !*a->mx[0].host) {
		/* RFC 7505, 3 */
		fail(l, "5.1.10", "the domain %s takes no mail (null MX)", l->domain);
	} else {
		if (a->n_mx)
			take_mx(l, a);
		else
			add_only_host(l, l->domain);
		ask_hosts(l);
		return;
	}
	finish(l);
}

/* --- beginning --- */

static bool take_literal(struct resolution *l, const char *text)
{
	char copy[RESOLVE_NAME + 2], address[46];
	struct host *h = &l->host[0];
	size_t len = strlen(text);

	if (*text == '[') {
		if (mail_literal_parse(text, len, address) == MAIL_NO_DOMAIN)
			return false;
		snprintf(copy, sizeof(copy), strchr(address, ':') ? "[%s]" : "%s", address);
	} else {
		snprintf(copy, sizeof(copy), strchr(text, ':') && *text != '[' ? "[%s]" : "%s",
			 text);
	}
	if (ln_addr_parse(copy, l->port, &h->addr[0]))
		return false;
	snprintf(h->name, sizeof(h->name), "%s", text);
	h->literal = true;
	h->lookup = l;
	h->n = 1;
	l->n_hosts = 1;
	return true;
}

/**
 * resolve() - find where mail for a domain goes
 * @r: the resolver
 * @domain: the domain, or an address literal
 * @route: its route, which stays
 * @done: told what was found
 * @data: passed on to it
 *
 * Return: the resolution, gone once @done was called; NULL: out of memory.
 */
struct resolution *resolve(struct resolver *r, const char *domain, const struct relay_route *route,
			   void (*done)(const struct hops *hops, void *data), void *data)
{
	struct resolution *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->resolver = r;
	l->route = route;
	l->port = route->port ? route->port : r->setup->port;
	l->done = done;
	l->data = data;
	snprintf(l->domain, sizeof(l->domain), "%s", domain);
	uv_timer_init(ln_server_loop(r->server), &l->later);
	l->later.data = l;
	if (take_literal(l, route->host ? route->host : domain)) {
		next_step(l);
	} else if (route->host) {
		add_only_host(l, route->host);
		ask_hosts(l);
	} else {
		l->mx = question_ask(r->server, r->name_server, r->n_name_servers, domain,
				     KNOT_RRTYPE_MX, on_mx, l);
		if (!l->mx) {
			fail(l, errno == EINVAL ? "5.1.2" : "4.3.0", "%s cannot be looked up: %s",
			     l->domain, errno == EINVAL ? "it is no domain name" : "out of memory");
			uv_timer_start(&l->later, on_later, 0, 0);
		}
	}
	return l;
}

/**
 * resolve_cancel() - nobody wants to know any more
 * @l: the resolution; done() is not called
 */
void resolve_cancel(struct resolution *l)
{
	if (l->mx)
		question_cancel(l->mx);
	for (unsigned int i = 0; i < RESOLVE_HOSTS_MAX; i++)
		for (int k = 0; k < ASKS; k++)
			if (l->host[i].ask[k].question)
				question_cancel(l->host[i].ask[k].question);
	let_go(l);
}
