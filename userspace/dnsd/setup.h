/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A configuration, ready to be used: made in the master, used by the keeper and the
 * workers, never changed, let go as a whole.
 *
 * A room with a section of its own has the section's grammar and reads it: see
 * sign/sign.h (zone { dnssec {} }), resolve/resolve.h (recursion {}), balance/balance.h
 * (balance NAME {}) and dnstap/dnstap.h (dnstap {}).
 */
#ifndef DNSD_SETUP_H
#define DNSD_SETUP_H

#include <confuse.h>
#include <stdbool.h>
#include <stdint.h>

#include "acl.h"
#include "client.h"
#include "log.h"
#include "name.h"
#include "net.h"
#include "options.h"
#include "tls.h"
#include "tsig.h"

struct sign_policy;		/* sign/sign.h */
struct resolve_setup;		/* resolve/resolve.h */
struct balance_setup;		/* balance/balance.h */
struct dnstap_setup;		/* dnstap/dnstap.h */

/* A key { } section. */
struct setup_key {
	const char *name;
	struct dns_tsig_key tsig;
};

/* Servers: primaries, or who is notified. */
struct setup_servers {
	unsigned int count;
	struct dns_endpoint *server;
};

/**
 * struct setup_zone - a zone { } section
 * @name: the apex, wire form, lower case
 * @name_len: octets of it
 * @text: the same as text, with a final dot
 * @index: its place in setup->zone
 * @file: absolute path of the zone file, or NULL (a secondary, or made by updates only)
 * @primaries: where the content comes from; none: it is ours
 * @notify: who is told of a new serial, beside the zone's NS (with @notify_ns)
 * @notify_ns: also the name servers that the zone names with their addresses in it
 * @allow_query: who may ask
 * @allow_transfer: who may have AXFR and IXFR
 * @allow_update: who may send UPDATE
 * @allow_notify: who may send NOTIFY, beside @primaries
 * @journal_max: octets of the journal, 0: none
 * @max_size: octets of a zone that is transferred in, 0: no limit
 * @min_refresh, @max_refresh, @min_retry, @max_retry, @max_expire: bounds in seconds for what
 *	an SOA says
 * @policy: how it is signed, or NULL
 * @parents: servers of the parent zone, which are asked for the DS; none: a person says when
 *	it is there
 */
struct setup_zone {
	uint8_t name[DNS_NAME_MAX];
	size_t name_len;
	char *text;
	unsigned int index;
	char *file;
	struct setup_servers primaries, notify;
	bool notify_ns;
	struct acl allow_query, allow_transfer, allow_update, allow_notify;
	size_t journal_max;
	size_t max_size;
	uint32_t min_refresh, max_refresh, min_retry, max_retry, max_expire;
	struct sign_policy *policy;
	struct setup_servers parents;
	struct setup_zone *next_in_bucket;
};

/**
 * struct setup_rate - response rate limiting, per second and client network
 * @responses, @errors, @nxdomains, @referrals: 0: no limit
 * @slip: each so many-th of those refused is sent truncated; 0: none, 1: each
 * @window: seconds over which it is counted
 * @ipv4_prefix, @ipv6_prefix: bits that make a network
 * @table: networks and names that are watched
 * @exempt: who is not limited
 * @log_only: count, do not limit
 */
struct setup_rate {
	unsigned int responses, errors, nxdomains, referrals;
	unsigned int slip, window;
	unsigned int ipv4_prefix, ipv6_prefix;
	unsigned int table;
	struct acl exempt;
	bool log_only;
};

/**
 * struct setup - a configuration
 * @tree: the file, whose texts are used on
 * @file: its path
 * @options: those of all our servers, after the file was read
 * @state: folder of the store and the keeper's socket, absolute
 * @store_size: largest size of the store in octets
 * @tls: certificates for DNS over TLS, or NULL
 * @keys, @n_keys: TSIG keys
 * @zone, @n_zones: the zones; @bucket, @n_buckets: by name
 * @nsid: what NSID tells, or NULL; @nsid_len: octets
 * @identity: of hostname.bind and id.server, or NULL: REFUSED
 * @version: of version.bind and version.server, or NULL: REFUSED
 * @cookies: give and check them; @cookies_required: over UDP BADCOOKIE without one
 * @cookie_secret: for all workers and servers of an address (RFC 9018); the
 *	second is the former one, still accepted
 * @n_cookie_secrets: 1 or 2
 * @udp_size: largest datagram that we send
 * @rate: response rate limiting
 * @stream_queries: queries on one stream that may wait for answers at a time
 * @metrics: there are addresses at which counters are shown by HTTP
 * @query_log: or NULL
 * @resolve: recursion, or NULL
 * @balance: names that are balanced, or NULL
 * @dnstap: where each message is said by dnstap, or NULL
 */
struct setup {
	cfg_t *tree;
	const char *file;
	struct ln_options options;
	char *state;
	size_t store_size;
	struct ln_tls *tls;
	struct setup_key *keys;
	unsigned int n_keys;
	struct setup_zone *zone;
	unsigned int n_zones;
	struct setup_zone **bucket;
	unsigned int n_buckets;
	uint8_t nsid[128];
	size_t nsid_len;
	const char *identity, *version;
	bool cookies, cookies_required;
	uint8_t cookie_secret[2][16];
	unsigned int n_cookie_secrets;
	unsigned int udp_size;
	struct setup_rate rate;
	unsigned int stream_queries;
	bool metrics;
	struct ln_access_log *query_log;
	struct resolve_setup *resolve;
	struct balance_setup *balance;
	struct dnstap_setup *dnstap;
};

/* What the command line can say over the file. */
struct setup_settings {
	struct ln_options *options;
	const char *state;
	const char *query_log;
};

/* Tags of sockets. */
#define SETUP_DNS	"dns"
#define SETUP_DNS_TLS	"dns-tls"
#define SETUP_METRICS	"metrics"

/* What the file says, into @settings, but where the command line says other. */
void setup_settings_read(struct setup_settings *settings, cfg_t *tree);
/* @tree belongs to the configuration then, or is freed. NULL after error lines. */
struct setup *setup_new(cfg_t *tree, const char *file, const struct setup_settings *settings,
			struct ln_wanted *wanted);
void setup_free(struct setup *s);

/* The zone with the longest apex that @name is equal to or below, or NULL. @name is lower case. */
const struct setup_zone *setup_zone_of(const struct setup *s, const uint8_t *name);
/* The zone with this apex, or NULL. */
const struct setup_zone *setup_zone_find(const struct setup *s, const uint8_t *apex);
/* A dns_tsig_find_fn; @setup is a struct setup. */
const struct dns_tsig_key *setup_find_key(const knot_dname_t *name, void *setup);
/* By its name as the file has it, or NULL. */
const struct dns_tsig_key *setup_key_named(const struct setup *s, const char *name);

/*
 * "192.0.2.1", "192.0.2.1:5353", "[2001:db8::1]:53", then any of "key NAME", "transport
 * udp|tcp|tls|linnet", "tls-name NAME".  0, or -EINVAL after an error line.
 */
int setup_read_server(struct dns_endpoint *to, const struct setup *s, cfg_t *section,
		      const char *option, const char *text);

/* Seconds: "90", "30s", "5m", "2h", "28d"; 0 or -EINVAL. */
int setup_period(const char *text, uint32_t *seconds);

/* setup-zones.c, for setup_new() */
int setup_read_keys(struct setup *s);
int setup_read_zones(struct setup *s);
void setup_free_zones(struct setup *s);

#endif
