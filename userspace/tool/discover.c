// SPDX-License-Identifier: GPL-2.0-or-later
/* SVCB and HTTPS records (RFC 9460) by the resolver of libc. */
#include "discover.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TYPE_SVCB	64
#define TYPE_HTTPS	65
#define ANSWER_MAX	65535
#define ALIASES_MAX	8
#define SERVER_TEXT	64

enum { KEY_MANDATORY, KEY_ALPN, KEY_NO_DEFAULT_ALPN, KEY_PORT, KEY_IPV4HINT, KEY_IPV6HINT = 6 };

/* --- what people say --- */

static int parse_port(const char *text, uint16_t *port)
{
	unsigned long value;
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	value = strtoul(text, &end, 10);
	if (*end || !value || value > UINT16_MAX)
		return -EINVAL;
	*port = value;
	return 0;
}

int discover_target(const char *text, char name[DISCOVER_NAME], uint16_t *port)
{
	const char *colon = strchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : strlen(text);

	*port = 0;
	if (!len || len >= DISCOVER_NAME)
		return -EINVAL;
	memcpy(name, text, len);
	name[len] = 0;
	return colon ? parse_port(colon + 1, port) : 0;
}

/* "192.0.2.1", "192.0.2.1:53", "2001:db8::1", "[2001:db8::1]:53" */
static int parse_server(const char *text, struct discover_address *a)
{
	bool bracket = *text == '[', v6 = bracket || strchr(text, ':') != strrchr(text, ':');
	char copy[SERVER_TEXT], *end;
	uint16_t port = NS_DEFAULTPORT;

	if (strlen(text) >= sizeof(copy))
		return -EINVAL;
	strcpy(copy, text + bracket);
	end = bracket ? strchr(copy, ']') : v6 ? NULL : strchr(copy, ':');
	if (bracket && (!end || (end[1] && end[1] != ':')))
		return -EINVAL;
	if (end) {
		const char *colon = end + bracket;

		*end = 0;
		if ((!bracket || end[1]) && parse_port(colon + 1, &port))
			return -EINVAL;
	}
	memset(a, 0, sizeof(*a));
	a->sa.sa_family = v6 ? AF_INET6 : AF_INET;
	/* Both have the port at the same place. */
	a->in.sin_port = htons(port);
	return inet_pton(a->sa.sa_family, copy, v6 ? (void *)&a->in6.sin6_addr :
						     (void *)&a->in.sin_addr) == 1 ? 0 : -EINVAL;
}

/* The C library keeps IPv6 servers beside its list, whose entry has no family then. */
static int use_server(struct __res_state *res, const struct discover_address *a)
{
	struct sockaddr_in6 **v6 = &res->_u._ext.nsaddrs[0];

	res->nscount = 1;
	res->_u._ext.nscount = 0;
	if (a->sa.sa_family == AF_INET) {
		res->nsaddr_list[0] = a->in;
		return 0;
	}
	if (!*v6)
		*v6 = malloc(sizeof(**v6));
	if (!*v6)
		return -ENOMEM;
	**v6 = a->in6;
	res->nsaddr_list[0].sin_family = 0;
	return 0;
}

int discover_open(struct __res_state *res, const char *server)
{
	struct discover_address address;
	int err;

	memset(res, 0, sizeof(*res));
	if (res_ninit(res))
		return -EINVAL;
	res->options |= RES_USE_EDNS0;
	if (!server)
		return 0;
	err = parse_server(server, &address);
	if (!err)
		err = use_server(res, &address);
	if (err)
		res_nclose(res);
	return err;
}

/* --- one record --- */

/* RFC 9460 section 8: a record that asks for what we do not know is not for us. */
static int check_mandatory(const uint8_t *value, size_t len, bool *ignore)
{
	int last = -1;

	if (!len || len % 2)
		return -EBADMSG;
	for (size_t i = 0; i < len; i += 2) {
		int key = ns_get16(value + i);

		if (key == KEY_MANDATORY || key <= last)
			return -EBADMSG;
		last = key;
		if (key > KEY_IPV4HINT && key != KEY_IPV6HINT && key != DISCOVER_KEY)
			*ignore = true;
	}
	return 0;
}

static int read_param(struct discover_record *r, int key, const uint8_t *value, size_t len,
		      bool *ignore)
{
	if (key == KEY_MANDATORY)
		return check_mandatory(value, len, ignore);
	if (key != KEY_PORT && key != DISCOVER_KEY)
		return 0;
	if (key == DISCOVER_KEY)
		r->linnet = true;
	if (key == DISCOVER_KEY && !len)
		return 0;
	if (len != 2 || !ns_get16(value))
		return -EBADMSG;
	*(key == KEY_PORT ? &r->port : &r->linnet_port) = ns_get16(value);
	return 0;
}

int discover_parse(const uint8_t *message, size_t len, const uint8_t *rdata, size_t rdlen,
		   struct discover_record *r, bool *alias)
{
	const uint8_t *p = rdata, *end = rdata + rdlen;
	bool ignore = false;
	int size, last = -1;

	if (rdlen < 3)
		return -EBADMSG;
	r->priority = ns_get16(p);
	*alias = !r->priority;
	size = dn_expand(message, message + len, p + 2, r->target, sizeof(r->target));
	if (size < 0 || size > end - p - 2)
		return -EBADMSG;
	/* Section 2.4.2: parameters mean nothing in AliasMode. */
	for (p += 2 + size; p < end && !*alias;) {
		int key;
		size_t value;

		if (end - p < 4)
			return -EBADMSG;
		key = ns_get16(p);
		value = ns_get16(p + 2);
		p += 4;
		if (key <= last || value > (size_t)(end - p) ||
		    read_param(r, key, p, value, &ignore))
			return -EBADMSG;
		last = key;
		p += value;
	}
	return !ignore;
}

/* --- answers --- */

static int parse_answer(const uint8_t *answer, size_t len, int type, uint16_t port,
			struct discover_record *list, char *alias_to)
{
	ns_msg message;
	int found = 0;

	if (ns_initparse(answer, len, &message))
		return -EBADMSG;
	for (unsigned int i = 0; i < ns_msg_count(message, ns_s_an); i++) {
		struct discover_record r = { .type = type == TYPE_SVCB ? "SVCB" : "HTTPS",
					     .port = port };
		bool alias;
		ns_rr rr;
		int err;

		if (ns_parserr(&message, ns_s_an, i, &rr))
			return -EBADMSG;
		if ((int)ns_rr_type(rr) != type || ns_rr_class(rr) != ns_c_in)
			continue;
		snprintf(r.owner, sizeof(r.owner), "%.*s", DISCOVER_NAME - 1, ns_rr_name(rr));
		err = discover_parse(answer, len, ns_rr_rdata(rr), ns_rr_rdlen(rr), &r, &alias);
		if (err < 0)
			return err;
		if (alias)
			strcpy(alias_to, r.target);
		/* Section 2.5.2: the record's own name. */
		if (!alias && (!*r.target || !strcmp(r.target, ".")))
			strcpy(r.target, r.owner);
		if (r.linnet && !r.linnet_port)
			r.linnet_port = r.port;
		if (!alias && err && found < DISCOVER_MAX)
			list[found++] = r;
	}
	return found;
}

static int by_priority(const void *a, const void *b)
{
	return ((const struct discover_record *)a)->priority -
	       ((const struct discover_record *)b)->priority;
}

/* One type with its aliases. */
static int ask(struct __res_state *res, const char *owner, int type, uint16_t port,
	       struct discover_record *list, char *why)
{
	char name[DISCOVER_NAME], alias[DISCOVER_NAME];
	uint8_t *answer = malloc(ANSWER_MAX);
	int len, found = 0;

	if (!answer)
		return -ENOMEM;
	snprintf(name, sizeof(name), "%s", owner);
	for (int hops = 0; hops <= ALIASES_MAX; hops++) {
		*alias = 0;
		len = res_nquery(res, name, ns_c_in, type, answer, ANSWER_MAX);
		if (len < 0) {
			bool none = res->res_h_errno == HOST_NOT_FOUND ||
				    res->res_h_errno == NO_DATA;

			snprintf(why, DISCOVER_WHY, "%.80s: %s", name,
				 hstrerror(res->res_h_errno));
			found = none ? 0 : -EAGAIN;
			break;
		}
		found = parse_answer(answer, len > ANSWER_MAX ? ANSWER_MAX : len, type, port, list,
				     alias);
		if (found < 0)
			snprintf(why, DISCOVER_WHY, "%.80s: the records are malformed", name);
		if (found || !*alias || !strcmp(alias, "."))
			break;
		strcpy(name, alias);
	}
	free(answer);
	if (found > 0)
		qsort(list, found, sizeof(*list), by_priority);
	return found;
}

int discover_records(struct __res_state *res, const char *name, uint16_t port,
		     struct discover_record list[DISCOVER_MAX], char why[DISCOVER_WHY])
{
	char owner[DISCOVER_NAME + 24];
	int found;

	snprintf(owner, sizeof(owner), "_%u._linnet.%s", port, name);
	found = ask(res, owner, TYPE_SVCB, port, list, why);
	/* An HTTPS record speaks of https://, which port 80 is not (RFC 9460 section 9.5). */
	if (found || port == 80)
		return found;
	snprintf(owner, sizeof(owner), "_%u._https.%s", port, name);
	return ask(res, port == 443 ? name : owner, TYPE_HTTPS, port, list, why);
}

/* --- addresses --- */

static int add_answers(struct __res_state *res, const char *host, int type,
		       struct discover_address *list, int n)
{
	uint8_t answer[4096];
	int len = res_nquery(res, host, ns_c_in, type, answer, sizeof(answer));
	ns_msg message;
	ns_rr rr;

	if (len < 0 || ns_initparse(answer, len > (int)sizeof(answer) ? (int)sizeof(answer) : len,
				    &message))
		return n;
	for (unsigned int i = 0; i < ns_msg_count(message, ns_s_an) && n < DISCOVER_MAX; i++) {
		struct discover_address *a = &list[n];

		if (ns_parserr(&message, ns_s_an, i, &rr) || (int)ns_rr_type(rr) != type ||
		    ns_rr_rdlen(rr) != (type == ns_t_a ? 4 : 16))
			continue;
		memset(a, 0, sizeof(*a));
		a->sa.sa_family = type == ns_t_a ? AF_INET : AF_INET6;
		if (type == ns_t_a)
			memcpy(&a->in.sin_addr, ns_rr_rdata(rr), 4);
		else
			memcpy(&a->in6.sin6_addr, ns_rr_rdata(rr), 16);
		n++;
	}
	return n;
}

int discover_addresses(struct __res_state *res, bool own_server, const char *host,
		       struct discover_address list[DISCOVER_MAX])
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found;
	int n = 0;

	if (own_server) {
		n = add_answers(res, host, ns_t_aaaa, list, n);
		n = add_answers(res, host, ns_t_a, list, n);
		return n ? n : -ENOENT;
	}
	if (getaddrinfo(host, NULL, &hints, &found))
		return -ENOENT;
	for (struct addrinfo *a = found; a && n < DISCOVER_MAX; a = a->ai_next)
		if (a->ai_addrlen <= sizeof(list[n]))
			memcpy(&list[n++], a->ai_addr, a->ai_addrlen);
	freeaddrinfo(found);
	return n ? n : -ENOENT;
}
