// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A zone comes from a primary: IXFR, or AXFR when that is not to be had.
 *
 * Messages are checked and put into a file without a name as they arrive.  Only when the
 * last of them is there, and its signature if there is a key, are they read once more and
 * applied, in one transaction.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "internal.h"
#include "keeper-counts.h"
#include "log.h"
#include "record-set.h"
#include "sign/sign.h"
#include "tmpfile.h"
#include "transfer-reader.h"
#include "zone/zone.h"

/* A primary that sends a little now and then does not do so for ever. */
#define LONGEST_MS	(2 * 3600 * 1000ULL)

struct transfer_in {
	struct keeper_zone *zone;
	const struct dns_endpoint *primary;
	struct dns_client *client;
	struct transfer_reader reader;
	enum transfer_result result;
	FILE *spool;
	uint64_t began;
	/* while it is applied */
	struct store_edit *edit;
	struct record_set added;	/* by the difference at hand */
};

static uint64_t now_ms(const struct transfer_in *t)
{
	return uv_now(ln_server_loop(t->zone->keeper->server));
}

static const char *style_name(const struct transfer_in *t)
{
	return t->reader.style == TRANSFER_CHANGES ? "IXFR" :
	       t->reader.type == KNOT_RRTYPE_AXFR ? "AXFR" : "AXFR, for an IXFR";
}

static void transfer_free(struct transfer_in *t)
{
	t->zone->transfer = NULL;
	if (t->spool)
		fclose(t->spool);
	free(t);
}

/* --- into the store --- */

static int sink_whole(void *data)
{
	struct transfer_in *t = data;

	return store_edit_replace(t->edit, !!t->zone->conf->policy);
}

static int sink_change(void *data, const knot_rrset_t *old_soa)
{
	struct transfer_in *t = data;

	(void)old_soa;	/* the reader knows that its serial is ours */
	record_set_clear(&t->added);
	return 0;
}

static int sink_remove(void *data, const knot_rrset_t *rr)
{
	struct transfer_in *t = data;
	int n;

	/* A new SOA takes the old one's place. */
	if (rr->type == KNOT_RRTYPE_SOA)
		return 0;
	n = store_edit_remove(t->edit, rr->owner, rr->type, rr->rrs.rdata->data,
			      rr->rrs.rdata->len);
	return n < 0 ? n : n ? 0 : -ENOENT;
}

static int sink_add(void *data, const knot_rrset_t *rr)
{
	struct transfer_in *t = data;
	int n = 0;

	/*
	 * A difference has a record once.  That it is here already is no sign of a lie: some
	 * primaries send all of a set that changed.
	 */
	if (t->reader.style == TRANSFER_CHANGES && rr->type != KNOT_RRTYPE_SOA)
		n = record_set_add(&t->added, rr);
	if (n)
		return n;
	n = store_edit_add(t->edit, rr->owner, rr->type, rr->ttl, rr->rrs.rdata->data,
			       rr->rrs.rdata->len);

	return n < 0 ? n : 0;
}

static const struct transfer_sink sink = {
	.whole = sink_whole, .change = sink_change, .remove = sink_remove, .add = sink_add,
};

/* Read the file from its start, through the reader, into the edit. */
static int replay(struct transfer_in *t, struct transfer_reader *r)
{
	static uint8_t wire[KNOT_WIRE_MAX_PKTSIZE];
	enum transfer_result result = TRANSFER_MORE;
	uint16_t len;

	if (fflush(t->spool) || fseek(t->spool, 0, SEEK_SET))
		return -errno;
	while (result == TRANSFER_MORE) {
		knot_pkt_t *message;
		int err;

		if (fread(&len, sizeof(len), 1, t->spool) != 1 ||
		    fread(wire, 1, len, t->spool) != len)
			return -EIO;
		message = knot_pkt_new(wire, len, NULL);
		if (!message)
			return -ENOMEM;
		err = knot_pkt_parse(message, 0);
		result = err ? TRANSFER_FAILED : transfer_read(r, message);
		knot_pkt_free(message);
	}
	if (result == TRANSFER_DONE)
		return 0;
	return r->error ? r->error : -EBADMSG;
}

struct finding {
	char first[256];
};

static void note_finding(bool fatal, const char *line, void *data)
{
	struct finding *f = data;

	if (fatal && !*f->first)
		snprintf(f->first, sizeof(f->first), "%s", line);
}

static bool has_apex(const struct store_txn *txn, uint32_t id, const uint8_t *apex)
{
	struct store_node node;
	struct store_rrset rrset;

	return store_get(txn, id, STORE_NAMES, apex, &node) &&
	       store_rrset(&node, KNOT_RRTYPE_SOA, &rrset) &&
	       store_rrset(&node, KNOT_RRTYPE_NS, &rrset);
}

/* What came is good as a sequence of records; is it good as a zone? */
static int check_content(struct transfer_in *t, struct store_txn *txn, uint32_t id)
{
	const struct setup_zone *conf = t->zone->conf;
	struct finding finding = { 0 };
	char *why = t->reader.why;

	if (!has_apex(txn, id, conf->name)) {
		snprintf(why, sizeof(t->reader.why), "it has no NS records at its apex");
		return -EBADMSG;
	}
	/* Of a zone that was good only what changed is worth a look. */
	if (t->reader.style == TRANSFER_CHANGES ?
	    !zone_check_edit(t->edit, conf->name, note_finding, &finding) :
	    !zone_check(txn, id, conf->name, note_finding, &finding))
		return 0;
	snprintf(why, sizeof(t->reader.why), "%.180s", finding.first);
	return -EBADMSG;
}

static int fill_edit(struct transfer_in *t)
{
	const struct setup_zone *conf = t->zone->conf;
	struct transfer_reader again = {
		.apex = t->reader.apex, .type = t->reader.type, .have = t->reader.have,
		.serial = t->reader.serial, .sink = &sink, .data = t,
	};
	int err = replay(t, &again);

	record_set_clear(&t->added);
	if (err) {
		memcpy(t->reader.why, *again.why ? again.why : strerror(-err),
		       *again.why ? sizeof(again.why) : strlen(strerror(-err)) + 1);
		return err;
	}
	if (t->reader.style == TRANSFER_WHOLE)
		err = store_edit_replaced(t->edit);
	if (err >= 0)
		err = check_content(t, store_edit_txn(t->edit), store_edit_zone(t->edit));
	if (!err && conf->policy)
		err = sign_edit(t->edit, conf, keeper_now());
	return err < 0 ? err : 0;
}

/* RFC 7314 4: what the primary said a moment ago, or the new SOA. */
static void set_expiry(struct transfer_in *t, const struct store_txn *txn, uint32_t id,
		       struct keeper_state *state)
{
	struct store_rrset soa;
	struct store_node node;

	if (store_get(txn, id, STORE_NAMES, t->zone->conf->name, &node) &&
	    store_rrset(&node, KNOT_RRTYPE_SOA, &soa))
		state->expires = state->checked + keeper_expire_after(t->zone, soa.rdata.rdata);
}

/* All of it, or nothing. */
static int apply(struct transfer_in *t)
{
	const struct setup_zone *conf = t->zone->conf;
	struct keeper_state state = { .checked = keeper_now() };
	struct store_txn *txn = store_write(t->zone->keeper->store);
	uint32_t id = txn ? store_zone_make(txn, conf->name) : 0;
	int err;

	t->edit = id ? store_edit_new(txn, id, conf->journal_max) : NULL;
	if (!t->edit) {
		if (txn)
			store_txn_abort(txn);
		snprintf(t->reader.why, sizeof(t->reader.why), "the store does not take it");
		return -EIO;
	}
	err = fill_edit(t);
	if (!err)
		set_expiry(t, store_edit_txn(t->edit), id, &state);
	if (err)
		store_edit_drop(t->edit);
	else
		err = store_edit_finish(t->edit);
	t->edit = NULL;
	if (!err)
		err = keeper_state_put(txn, id, &state);
	if (err)
		store_txn_abort(txn);
	else
		err = store_commit(txn);
	if (err && !*t->reader.why)
		snprintf(t->reader.why, sizeof(t->reader.why), "the store does not take it: %s",
			 strerror(-err));
	return err;
}

/* --- from the primary --- */

static int ask(struct transfer_in *t, uint16_t type);

static void log_done(const struct transfer_in *t, const char *name)
{
	ln_notice("%s serial %" PRIu32 " from %s (%s, %s): %" PRIu64 " records, %" PRIu64
		  " octets, %" PRIu64 " messages, %" PRIu64 " ms", t->zone->conf->text,
		  t->reader.new_serial, name, style_name(t),
		  dns_transport_name(t->primary->transport == DNS_UDP ? DNS_TCP :
				     t->primary->transport),
		  t->reader.records, t->reader.octets, t->reader.messages, now_ms(t) - t->began);
}

static void on_done(int err, const char *why, void *data)
{
	struct transfer_in *t = data;
	struct keeper_zone *z = t->zone;
	char name[LN_ADDR_STRLEN], words[sizeof(t->reader.why) + 128];

	t->client = NULL;
	ln_addr_format(&t->primary->addr, name);
	if (!err && t->result == TRANSFER_DONE)
		err = apply(t);
	else if (!err && t->result != TRANSFER_CURRENT)
		err = t->reader.error ? t->reader.error : -EBADMSG;
	if (!err) {
		if (t->result == TRANSFER_DONE) {
			keeper_count(KEEPER_TRANSFERS_IN);
			log_done(t, name);
		}
		transfer_free(t);
		refresh_transferred(z, 0, NULL);
		return;
	}
	snprintf(words, sizeof(words), "%s of %s is refused: %s", style_name(t), name,
		 why ? why : *t->reader.why ? t->reader.why : strerror(-err));
	ln_warning("%s %s", z->conf->text, words);
	keeper_count(KEEPER_TRANSFERS_IN_FAILED);
	/* Whatever is wrong with differences need not be wrong with the whole. */
	if (t->reader.type == KNOT_RRTYPE_IXFR && t->reader.style != TRANSFER_WHOLE &&
	    (!why || err == -ECONNRESET) && !ask(t, KNOT_RRTYPE_AXFR))
		return;
	transfer_free(t);
	refresh_transferred(z, err, words);
}

static bool spool(struct transfer_in *t, const knot_pkt_t *message)
{
	uint16_t len = message->size;

	if (fwrite(&len, sizeof(len), 1, t->spool) == 1 &&
	    fwrite(message->wire, 1, len, t->spool) == len)
		return true;
	t->reader.error = -errno;
	snprintf(t->reader.why, sizeof(t->reader.why), "it cannot be kept: %s", strerror(errno));
	t->result = TRANSFER_FAILED;
	return false;
}

static bool on_message(knot_pkt_t *message, void *data)
{
	struct transfer_in *t = data;

	t->result = transfer_read(&t->reader, message);
	if ((t->result == TRANSFER_MORE || t->result == TRANSFER_DONE) && !spool(t, message))
		return false;
	if (t->result == TRANSFER_MORE && now_ms(t) - t->began > LONGEST_MS) {
		snprintf(t->reader.why, sizeof(t->reader.why), "it takes longer than %llu minutes",
			 LONGEST_MS / 60000);
		t->result = TRANSFER_FAILED;
	}
	return t->result == TRANSFER_MORE;
}

static knot_pkt_t *make_query(struct transfer_in *t, uint16_t type)
{
	const knot_dname_t *apex = t->zone->conf->name;
	knot_pkt_t *p = knot_pkt_new(NULL, KNOT_WIRE_MAX_PKTSIZE, NULL);
	knot_rdata_t *soa = keeper_soa(t->zone, NULL);
	knot_rrset_t rr;
	int err = !p || knot_pkt_put_question(p, apex, KNOT_CLASS_IN, type);

	t->reader.have = soa && !t->zone->whole;
	if (!err && type == KNOT_RRTYPE_IXFR && soa) {
		/* RFC 1995 3: the SOA that we have. */
		knot_rrset_init(&rr, (knot_dname_t *)apex, KNOT_RRTYPE_SOA, KNOT_CLASS_IN, 0);
		rr.rrs = (knot_rdataset_t){
			.count = 1, .size = knot_rdata_size(soa->len), .rdata = soa,
		};
		err = knot_pkt_begin(p, KNOT_AUTHORITY) ||
		      knot_pkt_put(p, 0, &rr, KNOT_PF_NOTRUNC);
	}
	if (soa)
		t->reader.serial = knot_soa_serial(soa);
	free(soa);
	if (!err)
		return p;
	knot_pkt_free(p);
	return NULL;
}

static int ask(struct transfer_in *t, uint16_t type)
{
	struct dns_request request = {
		.to = t->primary, .stream = true, .message = on_message, .done = on_done,
		.data = t,
	};
	knot_pkt_t *query;
	int err;

	t->reader = (struct transfer_reader){
		.apex = t->zone->conf->name, .type = type, .max_octets = t->zone->conf->max_size,
	};
	t->result = TRANSFER_FAILED;
	t->began = now_ms(t);
	if (t->spool && (fseek(t->spool, 0, SEEK_SET) || ftruncate(fileno(t->spool), 0)))
		return -errno;
	query = make_query(t, type);
	if (!query)
		return -ENOMEM;
	request.wire = query->wire;
	request.len = query->size;
	t->client = dns_client_ask(t->zone->keeper->server, &request);
	err = t->client ? 0 : -errno;
	knot_pkt_free(query);
	return err;
}

static FILE *open_spool(const char *folder)
{
	int at = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = at < 0 ? -errno : ln_tmpfile(at);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r+");

	if (at >= 0)
		close(at);
	if (!f && fd >= 0)
		close(fd);
	if (fd < 0)
		errno = -fd;
	return f;
}

/**
 * transfer_in_start() - get the zone from a primary; refresh_transferred() will be called
 * @z: the zone, without a transfer under way
 * @primary: from whom
 *
 * Return: 0 or a negative errno.
 */
int transfer_in_start(struct keeper_zone *z, const struct dns_endpoint *primary)
{
	struct transfer_in *t = calloc(1, sizeof(*t));
	knot_rdata_t *soa;
	bool whole;
	int err;

	if (!t)
		return -ENOMEM;
	t->zone = z;
	t->primary = primary;
	t->spool = open_spool(z->keeper->setup->state);
	if (!t->spool) {
		err = -errno;
		free(t);
		return err;
	}
	soa = keeper_soa(z, NULL);
	whole = !soa || z->whole;
	free(soa);
	err = ask(t, whole ? KNOT_RRTYPE_AXFR : KNOT_RRTYPE_IXFR);
	if (err) {
		transfer_free(t);
		return err;
	}
	z->transfer = t;
	return 0;
}
