// SPDX-License-Identifier: GPL-2.0-or-later
/* What signing puts at the apex: DNSKEY, CDS, CDNSKEY, NSEC3PARAM. */
#include <errno.h>
#include <string.h>

#include "pass.h"
#include "rollover.h"

static int dnskeys(struct sign_pass *p, struct sign_rrset *want)
{
	int rc = 0;

	for (int i = 0; i < p->keys->n && !rc; i++) {
		struct sign_key *key = &p->keys->key[i];

		if (sign_key_in_zone(key))
			rc = sign_rdata_add(&want->rrs, key->dnskey, key->dnskey_len);
	}
	return rc;
}

/* RFC 8078 4: "remove all DS". */
static const uint8_t no_cdnskey[] = { 0, 0, 3, 0, 0 };
static const uint8_t no_cds[] = { 0, 0, 0, 0, 0 };

static int cdnskeys(struct sign_pass *p, struct sign_rrset *want)
{
	int rc = 0;

	if (p->policy->withdraw)
		return sign_rdata_add(&want->rrs, no_cdnskey, sizeof(no_cdnskey));
	for (int i = 0; i < p->keys->n && !rc; i++) {
		struct sign_key *key = &p->keys->key[i];

		if (sign_key_wants_ds(p->keys, key))
			rc = sign_rdata_add(&want->rrs, key->dnskey, key->dnskey_len);
	}
	return rc;
}

/* SHA-256 only: RFC 8624 3.3, RFC 9615 3. */
static int cds(struct sign_pass *p, struct sign_rrset *want)
{
	uint8_t ds[52];
	int rc = 0;

	if (p->policy->withdraw)
		return sign_rdata_add(&want->rrs, no_cds, sizeof(no_cds));
	for (int i = 0; i < p->keys->n && !rc; i++) {
		struct sign_key *key = &p->keys->key[i];
		int len;

		if (!sign_key_wants_ds(p->keys, key))
			continue;
		len = sign_key_ds(p->zone->apex, key, DNSSEC_KEY_DIGEST_SHA256, ds);
		rc = len < 0 ? len : sign_rdata_add(&want->rrs, ds, len);
	}
	return rc;
}

static int nsec3param(struct sign_pass *p, struct sign_rrset *want)
{
	uint8_t rdata[5 + sizeof(p->policy->salt)];

	if (!p->policy->nsec3)
		return 0;
	rdata[0] = 1;		/* SHA-1 */
	rdata[1] = 0;		/* RFC 5155 4.1.2 */
	knot_wire_write_u16(rdata + 2, p->policy->iterations);
	rdata[4] = p->policy->salt_len;
	memcpy(rdata + 5, p->policy->salt, p->policy->salt_len);
	return sign_rdata_add(&want->rrs, rdata, 5 + p->policy->salt_len);
}

static int bring(struct sign_pass *p, const struct sign_node *apex, struct sign_rrset *want)
{
	const struct sign_rrset *have = sign_node_find(apex, want->type);

	if (!want->rrs.count)
		return have ? sign_drop(p, SIGN_NAMES, apex->name, want->type) : 0;
	if (have && have->ttl == want->ttl && knot_rdataset_eq(&have->rrs, &want->rrs))
		return 0;	/* its signatures are looked at with the others */
	return sign_put(p, SIGN_NAMES, apex->name, want);
}

/* RFC 9077: the smaller of the SOA's TTL and its MINIMUM. */
static int negative_ttl(struct sign_pass *p, const struct sign_node *apex)
{
	const struct sign_rrset *soa = sign_node_find(apex, KNOT_RRTYPE_SOA);

	if (!soa || soa->rrs.count != 1)
		return -ENOENT;
	p->negative_ttl = knot_soa_minimum(soa->rrs.rdata);
	if (soa->ttl < p->negative_ttl)
		p->negative_ttl = soa->ttl;
	return 0;
}

/**
 * sign_apex() - the records that signing adds to the apex
 * @p: pass, whose @negative_ttl is set
 *
 * Return: 0, or a negative errno; -ENOENT when there is no SOA.
 */
int sign_apex(struct sign_pass *p)
{
	static const struct {
		uint16_t type;
		int (*make)(struct sign_pass *p, struct sign_rrset *want);
	} types[] = {
		{ KNOT_RRTYPE_DNSKEY, dnskeys },
		{ KNOT_RRTYPE_CDNSKEY, cdnskeys },
		{ KNOT_RRTYPE_CDS, cds },
		{ KNOT_RRTYPE_NSEC3PARAM, nsec3param },
	};
	struct sign_node apex = { 0 };
	int rc;

	rc = p->zone->get(p->zone->data, SIGN_NAMES, p->zone->apex, &apex);
	if (rc > 0)
		rc = negative_ttl(p, &apex);
	else if (!rc)
		rc = -ENOENT;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]) && !rc; i++) {
		struct sign_rrset want = { .type = types[i].type, .ttl = p->policy->dnskey_ttl };

		rc = types[i].make(p, &want);
		if (!rc)
			rc = bring(p, &apex, &want);
		knot_rdataset_clear(&want.rrs, NULL);
	}
	sign_node_free(&apex);
	return rc;
}
