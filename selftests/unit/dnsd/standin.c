// SPDX-License-Identifier: GPL-2.0-or-later
/* In the place of the rooms that a packet's way to its answer only passes by. */
#include <stddef.h>

#include "balance/balance.h"
#include "dnstap/dnstap.h"
#include "keeper-link.h"
#include "keeper/keeper.h"
#include "resolve/resolve.h"
#include "sign/sign.h"

cfg_opt_t sign_options[] = { CFG_END() };
cfg_opt_t resolve_options[] = { CFG_END() };
cfg_opt_t balance_options[] = { CFG_END() };
cfg_opt_t dnstap_options[] = { CFG_END() };

struct sign_policy *sign_read(cfg_t *section, const char *state)
{
	(void)section;
	(void)state;
	return NULL;
}

void sign_policy_free(struct sign_policy *p)
{
	(void)p;
}

int sign_edit(struct store_edit *e, const struct setup_zone *zone, uint64_t now)
{
	(void)e;
	(void)zone;
	(void)now;
	return 0;
}

struct resolve_setup *resolve_read(const struct setup *s, cfg_t *section)
{
	(void)s;
	(void)section;
	return NULL;
}

void resolve_setup_free(struct resolve_setup *r)
{
	(void)r;
}

enum query_verdict resolve_query(struct query *q)
{
	(void)q;
	return QUERY_PASS;
}

struct balance_setup *balance_read(const struct setup *s, cfg_t *tree)
{
	(void)s;
	(void)tree;
	return NULL;
}

void balance_setup_free(struct balance_setup *b)
{
	(void)b;
}

enum query_verdict balance_query(struct query *q)
{
	(void)q;
	return QUERY_PASS;
}

struct dnstap_setup *dnstap_read(cfg_t *section)
{
	(void)section;
	return NULL;
}

void dnstap_query(struct query *q)
{
	(void)q;
}

void dnstap_response(const struct query *q)
{
	(void)q;
}

enum query_verdict keeper_link_forward(struct query *q)
{
	(void)q;
	return QUERY_DROP;
}

enum query_verdict keeper_transfer_out(struct query *q)
{
	(void)q;
	return QUERY_DROP;
}

bool keeper_expire_left(const struct store_txn *t, uint32_t zone, const struct setup_zone *conf,
			uint32_t *seconds)
{
	(void)t;
	(void)conf;
	*seconds = 3600;
	return zone;
}

bool keeper_zone_expired(const struct store_txn *t, uint32_t zone)
{
	(void)t;
	(void)zone;
	return false;
}

bool balance_append(struct query *q, const uint8_t *name)
{
	(void)q;
	(void)name;
	return false;
}

bool sign_is_signed(const struct store_txn *t, uint32_t zone)
{
	(void)t;
	(void)zone;
	return false;
}

int sign_forget(struct store_txn *t, uint32_t zone)
{
	(void)t;
	(void)zone;
	return 0;
}
