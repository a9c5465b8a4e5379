/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the keeper share. */
#ifndef DNSD_KEEPER_INTERNAL_H
#define DNSD_KEEPER_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "client.h"
#include "keeper.h"
#include "message.h"
#include "server.h"
#include "setup.h"
#include "store/store.h"

struct keeper;
struct ln_sandbox;
struct notify_target;
struct parent_watch;
struct transfer_in;

/**
 * struct keeper_state - the value "transfer" of a secondary zone in the store
 * @expired: nobody answered for too long: it is not served
 * @checked: when a primary last said that this is its version, in seconds since 1970
 * @expires: until when it is served if no primary is heard, in seconds since 1970 (RFC 7314)
 */
struct keeper_state {
	bool expired;
	uint64_t checked, expires;
};

/**
 * struct keeper_zone - a zone of the configuration, in the keeper
 * @keeper: whose
 * @conf: the configuration's
 * @timer: the next refresh or retry of a secondary
 * @expire: when a secondary is no longer to be served
 * @under_way: primaries are being asked, or a transfer runs
 * @client: the question to a primary
 * @transfer: the transfer
 * @first: the primary that was asked first
 * @asked: primaries that were asked since
 * @answered: one of them had this version
 * @soa_there, @soa_rcode, @soa_serial: the answer of the primary that was asked last
 * @slot: the primary that it asks (refresh-slots.c), or NULL
 * @wanted: the primary that it waits to ask, or NULL
 * @next_in_slots: of those that ask, or wait
 * @no_edns: the primary that was asked last does not understand EDNS
 * @has_left, @left: EXPIRE of its answer, in seconds (RFC 7314)
 * @longest: the longest time that a primary with our version gave
 * @failures: refreshes in a row that failed
 * @again: a NOTIFY came meanwhile
 * @next_first: from which primary
 * @whole: the next transfer is of the whole zone, whatever the serial (control: retransfer)
 * @last_error: of the last refresh, or ""
 * @targets: who is being notified
 * @parent: questions about a DS, or NULL
 */
struct keeper_zone {
	struct keeper *keeper;
	const struct setup_zone *conf;
	uv_timer_t timer, expire;
	struct dns_client *client;
	struct transfer_in *transfer;
	bool under_way, answered, again, whole;
	unsigned int first, asked, next_first, failures;
	bool soa_there;
	uint8_t soa_rcode;
	uint32_t soa_serial;
	const struct dns_endpoint *slot, *wanted;
	struct keeper_zone *next_in_slots;
	bool no_edns, has_left;
	uint32_t left, longest;
	char last_error[192];
	struct notify_target *targets;
	struct parent_watch *parent;
};

/**
 * struct keeper - the process
 * @setup: the configuration
 * @server: the loop
 * @store: open for writing
 * @zones: by index of the configuration's
 * @listener: accepts workers
 * @maintain: signatures and keys
 * @readers: snapshots of processes that died
 * @served: says that signed zones are being served
 */
struct keeper {
	const struct setup *setup;
	struct ln_server *server;
	struct store *store;
	struct keeper_zone *zones;
	uv_poll_t listener;
	int listen_fd;
	uv_timer_t maintain, readers, served;
};

/* --- main.c --- */

struct keeper_zone *keeper_zone_of(struct keeper *k, const struct setup_zone *conf);
void keeper_changed(struct keeper_zone *z);
bool keeper_state_get(const struct store_txn *t, uint32_t zone, struct keeper_state *state);
int keeper_state_put(struct store_txn *t, uint32_t zone, const struct keeper_state *state);
uint32_t keeper_expire_after(const struct keeper_zone *z, const knot_rdata_t *soa);
bool keeper_is_frozen(const struct store_txn *t, uint32_t zone);
int keeper_freeze(struct keeper_zone *z, bool frozen);
/* A copy of the SOA's rdata, to be freed, with the TTL; NULL: there is none. */
knot_rdata_t *keeper_soa(struct keeper_zone *z, uint32_t *ttl);
uint64_t keeper_now(void);
int keeper_listen(struct keeper *k, int listener);

/* confine.c */
int keeper_confine(const struct setup *setup, struct ln_sandbox *sandbox);

/* maintain.c: keys and signatures, now and when they are due. */
void keeper_maintain(struct keeper *k);
void keeper_served(struct keeper *k);

/* parent.c: ask for the DS of a key that waits for it. */
void parent_watch(struct keeper_zone *z);

/* --- refresh.c --- */

void refresh_start_zone(struct keeper_zone *z);
/* Ask primaries now, beginning with the @first-th. */
void refresh_now(struct keeper_zone *z, unsigned int first);
/* A transfer has ended: 0, or an errno. */
void refresh_transferred(struct keeper_zone *z, int err, const char *why);
/* The primary with this address (any port) whose key, if it has one, is @key; or -1. */
int refresh_primary_of(const struct keeper_zone *z, const union ln_addr *peer,
		       const struct dns_tsig_key *key);

/* --- transfer-in.c --- */

int transfer_in_start(struct keeper_zone *z, const struct dns_endpoint *primary);

/* --- notify.c --- */

void notify_send(struct keeper_zone *z);

/* --- requests.c: what workers hand over --- */

/**
 * struct keeper_request - a message that a worker handed over
 * @keeper: whose
 * @link: the worker's connection; NULL: it is gone
 * @zone: an update's, @next_update: the one that comes after it, @rcode, @changed, @serial: what
 *	came of it (dynamic.c)
 * @id: of the worker's choice
 * @transport: how it came
 * @peer: who sent it
 * @message: parsed, without its TSIG
 * @tsig: the exchange
 * @wire: the memory of @message
 * @original: as it came, with its TSIG
 * @original_len: octets of @original
 */
struct keeper_request {
	struct keeper *keeper;
	struct keeper_link *link;
	struct keeper_request *next, **pprev;
	struct keeper_zone *zone;
	struct keeper_request *next_update;
	int rcode;
	bool changed;
	uint32_t serial;
	uint32_t id;
	enum dns_transport transport;
	union ln_addr peer;
	knot_pkt_t *message;
	struct dns_tsig tsig;
	uint8_t *wire, *original;
	size_t original_len;
};

/* Answer, and let go: header, question, OPT and TSIG. */
void request_answer(struct keeper_request *r, int rcode);
/* Answer with a message of another's, and let go. */
void request_relay(struct keeper_request *r, const uint8_t *wire, size_t len);

/* --- dynamic.c, forward.c --- */

void dynamic_update(struct keeper_request *r);
void forward_update(struct keeper_request *r, struct keeper_zone *z);
/* notify.c */
void notify_received(struct keeper_request *r);

/* --- control.c --- */

int control_start(struct keeper *k);
/* control-keys.c */
void control_keys(struct ln_conn *c, struct keeper *k, struct keeper_zone *z);
void control_ds_seen(struct ln_conn *c, struct keeper *k, struct keeper_zone *z);
void control_roll_ksk(struct ln_conn *c, struct keeper *k, struct keeper_zone *z);
void control_roll_zsk(struct ln_conn *c, struct keeper *k, struct keeper_zone *z);

#endif
