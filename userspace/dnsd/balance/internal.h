/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of this room share. */
#ifndef DNSD_BALANCE_INTERNAL_H
#define DNSD_BALANCE_INTERNAL_H

#include <stdatomic.h>

#include "balance.h"
#include "choose.h"
#include "region.h"

#define BALANCE_NAMES_MAX	1024
#define BALANCE_ANSWERS_MAX	16

enum balance_policy {
	BALANCE_ROUND_ROBIN, BALANCE_WEIGHTED, BALANCE_LEAST_LOAD, BALANCE_NEAREST
};

/* Of a member that no check has come back from yet it is taken that it is up. */
enum balance_state { BALANCE_UNTRIED, BALANCE_UP, BALANCE_DOWN };

/**
 * struct balance_shared_member - what is known of a member, in memory that all processes share
 * @state: enum balance_state; the keeper writes it
 * @load: thousandths; the keeper writes it
 * @load_at: when it was read, in milliseconds of CLOCK_MONOTONIC; 0: never
 * @given: answers that named it since then; workers add
 * @answers: answers that named it; workers add
 * @good, @bad: checks
 * @changes: times that it went up or down
 */
struct balance_shared_member {
	atomic_uint state;
	atomic_ullong load, load_at;
	atomic_uint given;
	atomic_ullong answers, good, bad, changes;
};

/**
 * struct balance_shared - what processes share of a name
 * @turn: by the region that serves, from -1 (any) on, and the family: turns that were had
 * @member: its members
 */
struct balance_shared {
	atomic_ullong turn[CHOOSE_REGIONS_MAX + 1][2];
	struct balance_shared_member member[CHOOSE_MEMBERS_MAX];
};

/**
 * struct balance_probe - how a member is asked
 * @port: where
 * @protocol: IPPROTO_TCP or IPPROTO_LINNET
 * @path: of the GET request; NULL: a connection suffices
 * @host: its Host
 * @status_low, @status_high: responses that are good
 */
struct balance_probe {
	uint16_t port;
	int protocol;
	const char *path, *host;
	unsigned int status_low, status_high;
};

/**
 * struct balance_member - an address
 * @text: as configured
 * @family: 1: IPv4, 2: IPv6
 * @address: network order
 * @backup: used only when no other is up
 */
struct balance_member {
	const char *text;
	uint8_t family;
	uint8_t address[16];
	bool backup;
};

/**
 * struct balance_name - a balance { } section
 * @name: wire form, lower case
 * @text: for people, with a final dot
 * @title: as configured
 * @index: its place in setup->balance
 * @policy: how members are chosen
 * @ttl: seconds
 * @answers: records in a response, at most
 * @any_when_down: with all members down, all are answered; else SERVFAIL
 * @member, @n_members: the addresses
 * @weight: of each member
 * @of_family: members of IPv4 and IPv6
 * @backups: members
 * @region, @region_name, @n_regions: with BALANCE_NEAREST
 * @map: the same
 * @checked: members are checked, as @check says
 * @check: how
 * @loaded: loads are read, as @load says
 * @load: how
 * @metric: what is read
 * @interval_ms, @timeout_ms, @jitter: of checks; jitter is in percent of the interval
 * @rise, @fall: so many checks in a row make a member up or down
 * @shared: states and turns
 */
struct balance_name {
	uint8_t name[DNS_NAME_MAX];
	char *text;
	const char *title;
	unsigned int index;
	enum balance_policy policy;
	uint32_t ttl;
	unsigned int answers;
	bool any_when_down;
	struct balance_member member[CHOOSE_MEMBERS_MAX];
	unsigned int n_members;
	uint8_t weight[CHOOSE_MEMBERS_MAX];
	uint64_t of_family[2], backups;
	struct choose_region region[CHOOSE_REGIONS_MAX];
	const char *region_name[CHOOSE_REGIONS_MAX];
	unsigned int n_regions;
	struct region_map *map;
	bool checked, loaded;
	struct balance_probe check, load;
	const char *metric;
	uint64_t interval_ms, timeout_ms;
	unsigned int jitter, rise, fall;
	struct balance_shared *shared;
	struct balance_name *next_in_bucket;
};

/**
 * struct balance_setup - all of them
 * @shared: the memory of all names
 * @next, @pprev: other configurations that live, the newest first
 */
struct balance_setup {
	struct balance_name *name;
	unsigned int n_names;
	struct balance_name **bucket;
	unsigned int n_buckets;
	struct balance_shared *shared;
	struct balance_setup *next, **pprev;
};

const struct balance_name *balance_find(const struct balance_setup *b, const uint8_t *name);
uint64_t balance_now(void);	/* milliseconds of CLOCK_MONOTONIC */

/* setup-name.c: the section's options into @n, whose name is read; 0 or -EINVAL, -ENOMEM. */
int balance_read_name(struct balance_name *n, const struct setup *s, cfg_t *section);
void balance_name_free(struct balance_name *n);

#endif
