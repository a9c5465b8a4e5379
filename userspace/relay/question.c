// SPDX-License-Identifier: GPL-2.0-or-later
#include "question.h"

#include <errno.h>
#include <idn2.h>
#include <libknot/libknot.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../dns/client.h"
#include "../dns/name.h"
#include "../tool/discover.h"

#define QUERY_MAX 512
/* Datagrams to each of the servers. */
#define TRIES 2

struct question {
	struct ln_server *server;
	struct dns_endpoint to;
	const union ln_addr *servers;
	unsigned int n_servers, asked;
	uint8_t wire[QUERY_MAX];
	size_t len;
	uint16_t type;
	struct dns_client *client;
	bool understood; /* @answer is filled */
	char why[RESOLVE_WHY];
	uv_timer_t later; /* for what fails at once */
	struct answer answer;
	question_done done;
	void *data;
};

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void let_go(struct question *q)
{
	uv_close((uv_handle_t *)&q->later, on_closed);
}

/* --- answers --- */

static bool take_name(char out[RESOLVE_NAME], const uint8_t *name, size_t len)
{
	size_t n;

	if (knot_dname_wire_check(name, name + len, NULL) <= 0 ||
	    !knot_dname_to_str(out, name, RESOLVE_NAME))
		return false;
	n = strlen(out);
	if (n && out[n - 1] == '.')
		out[n - 1] = 0;
	return true;
}

static void take_mx(struct answer *a, const uint8_t *data, size_t len)
{
	struct answer_mx *mx = &a->mx[a->n_mx];

	if (a->n_mx == sizeof(a->mx) / sizeof(*a->mx) || len < 3)
		return;
	mx->preference = data[0] << 8 | data[1];
	a->n_mx += take_name(mx->host, data + 2, len - 2);
}

static void take_address(struct answer *a, uint16_t type, const uint8_t *data, size_t len)
{
	union ln_addr *addr = &a->address[a->n_addresses];

	if (a->n_addresses == RESOLVE_ADDRESSES_MAX || len != (type == KNOT_RRTYPE_A ? 4 : 16))
		return;
	memset(addr, 0, sizeof(*addr));
	addr->sa.sa_family = type == KNOT_RRTYPE_A ? AF_INET : AF_INET6;
	if (type == KNOT_RRTYPE_A)
		memcpy(&addr->in.sin_addr, data, len);
	else
		memcpy(&addr->in6.sin6_addr, data, len);
	a->n_addresses++;
}

/* RFC 9460, 2.4.2: the least priority counts. */
static void take_svcb(struct answer *a, const uint8_t *data, size_t len)
{
	struct discover_record r = { 0 };
	bool alias = false;

	if (discover_parse(data, len, data, len, &r, &alias) != 1 || alias || !r.linnet ||
	    (a->linnet && r.priority >= a->linnet_priority))
		return;
	a->linnet = true;
	a->linnet_priority = r.priority;
	a->linnet_port = r.linnet_port ? r.linnet_port : r.port;
	snprintf(a->linnet_target, sizeof(a->linnet_target), "%s",
		 strcmp(r.target, ".") ? r.target : "");
}

static void take_record(struct question *q, const knot_rrset_t *rr)
{
	struct answer *a = &q->answer;

	for (unsigned int i = 0; i < rr->rrs.count; i++) {
		const knot_rdata_t *rdata = i ? knot_rdataset_at(&rr->rrs, i) : rr->rrs.rdata;

		if (q->type == KNOT_RRTYPE_MX)
			take_mx(a, rdata->data, rdata->len);
		else if (q->type == KNOT_RRTYPE_SVCB)
			take_svcb(a, rdata->data, rdata->len);
		else
			take_address(a, q->type, rdata->data, rdata->len);
	}
}

static bool on_message(knot_pkt_t *pkt, void *data)
{
	const knot_pktsection_t *section = knot_pkt_section(pkt, KNOT_ANSWER);
	struct question *q = data;
	unsigned int rcode = knot_wire_get_rcode(pkt->wire);

	if (rcode != KNOT_RCODE_NOERROR && rcode != KNOT_RCODE_NXDOMAIN) {
		const knot_lookup_t *name = knot_lookup_by_id(knot_rcode_names, rcode);

		snprintf(q->why, sizeof(q->why), "the name server says %s",
			 name ? name->name : "an unknown error");
		return false;
	}
	q->understood = true;
	memset(&q->answer, 0, sizeof(q->answer));
	q->answer.none = rcode == KNOT_RCODE_NXDOMAIN;
	for (unsigned int i = 0; section && i < section->count; i++) {
		const knot_rrset_t *rr = knot_pkt_rr(section, i);

		if (rr->type == q->type && rr->rclass == KNOT_CLASS_IN)
			take_record(q, rr);
	}
	return false;
}

/* --- asking --- */

static void finish(struct question *q)
{
	q->done(q->understood ? &q->answer : NULL, q->why, q->data);
	let_go(q);
}

static void ask_next(struct question *q);

static void on_done(int err, const char *why, void *data)
{
	struct question *q = data;

	q->client = NULL;
	if (err) {
		q->understood = false;
		snprintf(q->why, sizeof(q->why), "the name server: %s", why);
	}
	if (q->understood)
		finish(q);
	else
		ask_next(q);
}

static void on_later(uv_timer_t *timer)
{
	finish(timer->data);
}

static void ask_next(struct question *q)
{
	while (q->asked < q->n_servers) {
		struct dns_request request = {
			.to = &q->to,
			.wire = q->wire,
			.len = q->len,
			.tries = TRIES,
			.message = on_message,
			.done = on_done,
			.data = q,
		};

		q->to = (struct dns_endpoint){ .addr = q->servers[q->asked++],
					       .transport = DNS_UDP };
		q->client = dns_client_ask(q->server, &request);
		if (q->client)
			return;
		snprintf(q->why, sizeof(q->why), "the name server cannot be asked: %s",
			 strerror(errno));
	}
	uv_timer_start(&q->later, on_later, 0, 0);
}

/* RFC 5891: U-labels as A-labels; labels with "_" are left as they are. */
static int to_wire(uint8_t name[DNS_NAME_MAX], const char *text)
{
	char why[DNS_WHY_SIZE], *ascii = NULL;
	int len;

	for (const char *c = text; *c && !ascii; c++)
		if (*c & 0x80 && idn2_to_ascii_8z(text, &ascii, IDN2_NONTRANSITIONAL) != IDN2_OK)
			return -EINVAL;
	len = dns_name_from_text(name, ascii ? ascii : text, strlen(ascii ? ascii : text), NULL,
				 why);
	idn2_free(ascii);
	return len;
}

static int build(struct question *q, const char *name)
{
	uint8_t wire[DNS_NAME_MAX];
	knot_pkt_t *pkt;
	int err;

	if (to_wire(wire, name) < 0)
		return -EINVAL;
	pkt = knot_pkt_new(NULL, QUERY_MAX, NULL);
	if (!pkt)
		return -ENOMEM;
	err = knot_pkt_put_question(pkt, wire, KNOT_CLASS_IN, q->type);
	knot_wire_set_rd(pkt->wire);
	if (!err) {
		memcpy(q->wire, pkt->wire, pkt->size);
		q->len = pkt->size;
	}
	knot_pkt_free(pkt);
	return err ? -EINVAL : 0;
}

/**
 * question_ask() - ask the name servers, one after the other until one answers
 * @server: the loop
 * @servers: whom; they stay
 * @n_servers: how many
 * @name: about what
 * @type: which records: MX, A, AAAA or SVCB
 * @done: told what came of it
 * @data: passed on to it
 *
 * Return: the question, gone once @done was called; or NULL with errno.
 */
struct question *question_ask(struct ln_server *server, const union ln_addr *servers,
			      unsigned int n_servers, const char *name, uint16_t type,
			      question_done done, void *data)
{
	struct question *q = calloc(1, sizeof(*q));
	int err;

	if (!q)
		return NULL;
	q->type = type;
	err = build(q, name);
	if (err) {
		free(q);
		errno = -err;
		return NULL;
	}
	q->server = server;
	q->servers = servers;
	q->n_servers = n_servers;
	q->done = done;
	q->data = data;
	snprintf(q->why, sizeof(q->why), "there is no name server");
	uv_timer_init(ln_server_loop(server), &q->later);
	q->later.data = q;
	ask_next(q);
	return q;
}

/**
 * question_cancel() - nobody wants to know any more
 * @q: the question; done() is not called
 */
void question_cancel(struct question *q)
{
	if (q->client)
		dns_client_cancel(q->client);
	let_go(q);
}
