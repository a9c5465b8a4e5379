// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Any message to a worker, over UDP, a stream and TLS, and what comes of it: the answer has to be
 * within bounds, to be one that libknot can read, and to belong to the question.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "answer/query.h"
#include "counts.h"
#include "grammar.h"
#include "log.h"
#include "setup.h"
#include "worker.h"
#include "zone/zone.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char zone_text[] =
	"$TTL 300\n"
	"@ SOA ns hostmaster 1 3600 600 86400 60\n"
	"@ NS ns\n@ MX 10 mail\n@ TXT \"text\"\nns A 192.0.2.1\nns AAAA 2001:db8::1\nmail A 192.0.2.2\n"
	"a CNAME b\nb CNAME c\nc A 192.0.2.3\n*.w A 192.0.2.4\n*.w MX 1 mail\n*.v CNAME c\n"
	"s NS ns.s\ns NS ns.t\nns.s A 192.0.2.5\nns.t A 192.0.2.6\ns DS 1 13 2 "
	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n"
	"d DNAME c\nl DNAME aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.test.\n"
	"e.e.e A 192.0.2.7\nv SRV 0 0 53 ns\nh HTTPS 1 . alpn=h2\n"
	"$GENERATE 1-60 big TXT \"$ xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"\n";

static const char conf_text[] =
	"listen = {\"127.0.0.1:1\"}\nnsid = \"fuzz\"\nidentity = \"i\"\nversion = \"v\"\n"
	"key \"k\" { secret = \"c2VjcmV0c2VjcmV0c2VjcmV0\" }\n"
	"zone \"test\" { file = \"zone\" }\n"
	"zone \"not.test\" { primaries = {\"192.0.2.1\"} allow-query = {\"192.0.2.0/24\"} }\n";

static struct worker worker;
static struct setup *setup;
static uint8_t out[QUERY_MESSAGE_MAX];
static char folder[] = "/tmp/packet_fuzz.XXXXXX";

static void write_file(const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "we");
	if (!f || fputs(text, f) < 0 || fclose(f))
		abort();
}

static void clean_up(void)
{
	static const char *const names[] = { "zone", "conf", "data.mdb", "lock.mdb" };
	char path[128];

	for (unsigned int i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		unlink(path);
	}
	rmdir(folder);
}

static void start(void)
{
	static struct ln_options o = { .transports = LN_TRANSPORT_TCP, .ipv4 = true, .idle_ms = 10000,
				       .workers = 1, .max_connections = 10 };
	static char path[128];
	struct setup_settings settings = { .options = &o, .query_log = "none" };
	struct ln_wanted wanted = { 0 };
	struct store *store;
	cfg_t *tree;

	if (!mkdtemp(folder))
		abort();
	atexit(clean_up);
	write_file("zone", zone_text);
	write_file("conf", conf_text);
	snprintf(path, sizeof(path), "%s/conf", folder);
	ln_log_level(LN_WARNING);
	counts_define();
	tree = grammar_read(path);
	settings.state = folder;
	setup = tree ? setup_new(tree, path, &settings, &wanted) : NULL;
	store = setup ? store_open(folder, 16 << 20, true) : NULL;
	if (!store || zone_load(store, &setup->zone[0]) != 1)
		abort();
	store_close(store);
	if (worker_init(&worker, ln_server_new(&o), setup))
		abort();
}

static void check(const struct query *q)
{
	size_t max = query_is_stream(q) ? QUERY_MESSAGE_MAX :
		     q->payload < setup->udp_size ? q->payload : setup->udp_size;
	knot_pkt_t *pkt;

	if (q->out_len < QUERY_HEADER || q->out_len > max || !knot_wire_get_qr(out) ||
	    memcmp(out, q->wire, 2))
		abort();
	if (q->has_question && memcmp(out + QUERY_HEADER, q->wire + QUERY_HEADER,
				      q->question_end - QUERY_HEADER))
		abort();
	pkt = knot_pkt_new(out, q->out_len, NULL);
	if (!pkt || knot_pkt_parse(pkt, KNOT_PF_KEEPWIRE))
		abort();
	knot_pkt_free(pkt);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum dns_transport transports[] = { DNS_UDP, DNS_TCP, DNS_TLS };
	struct query q = { .worker = &worker };

	if (!setup)
		start();
	for (unsigned int i = 0; i < 3; i++) {
		/* Twice: the second time from the prepared answers. */
		for (unsigned int again = 0; again < 2; again++) {
			memset(&q, 0, sizeof(q));
			q.worker = &worker;
			q.setup = setup;
			q.transport = transports[i];
			q.peer.in.sin_family = AF_INET;
			q.wire = data;
			q.len = size;
			q.out = out;
			if (query_handle(&q) == QUERY_REPLY)
				check(&q);
		}
	}
	worker.fresh = false;
	return 0;
}
