// SPDX-License-Identifier: GPL-2.0-or-later
#include "signature.h"

#include <errno.h>
#include <libdnssec/error.h>
#include <libdnssec/random.h>
#include <stdlib.h>
#include <string.h>

/* A validator's clock may be behind. */
#define CLOCK_SKEW	3600

/* RFC 4034 6.2 and RFC 6840 5.1: types whose RDATA has names to be lowered. */
static bool names_are_lowered(uint16_t type)
{
	switch (type) {
	case KNOT_RRTYPE_NS:
	case KNOT_RRTYPE_MD:
	case KNOT_RRTYPE_MF:
	case KNOT_RRTYPE_CNAME:
	case KNOT_RRTYPE_SOA:
	case KNOT_RRTYPE_MB:
	case KNOT_RRTYPE_MG:
	case KNOT_RRTYPE_MR:
	case KNOT_RRTYPE_PTR:
	case KNOT_RRTYPE_MINFO:
	case KNOT_RRTYPE_MX:
	case KNOT_RRTYPE_RP:
	case KNOT_RRTYPE_AFSDB:
	case KNOT_RRTYPE_RT:
	case KNOT_RRTYPE_PX:
	case KNOT_RRTYPE_NXT:
	case KNOT_RRTYPE_NAPTR:
	case KNOT_RRTYPE_KX:
	case KNOT_RRTYPE_SRV:
	case KNOT_RRTYPE_DNAME:
		return true;
	default:
		return false;
	}
}

static int naptr_texts(const uint8_t *p, int left)
{
	int at = 4;

	for (int i = 0; i < 3; i++) {
		if (at >= left)
			return -EINVAL;
		at += 1 + p[at];
	}
	return at > left ? -EINVAL : at;
}

/* Lower the names in one RDATA, whose form was checked when the zone was loaded. */
static int lower(uint16_t type, uint8_t *data, uint16_t len)
{
	const knot_rdata_descriptor_t *d = knot_get_rdata_descriptor(type);

	if (d->type_name == NULL)
		d = knot_get_obsolete_rdata_descriptor(type);
	for (int i = 0; i < KNOT_MAX_RDATA_BLOCKS && len; i++) {
		int block = d->block_types[i], n;

		switch (block) {
		case KNOT_RDATA_WF_END:
			return 0;
		case KNOT_RDATA_WF_COMPRESSIBLE_DNAME:
		case KNOT_RDATA_WF_DECOMPRESSIBLE_DNAME:
		case KNOT_RDATA_WF_FIXED_DNAME:
			n = knot_dname_wire_check(data, data + len, NULL);
			if (n <= 0)
				return -EINVAL;
			knot_dname_to_lower(data);
			break;
		case KNOT_RDATA_WF_NAPTR_HEADER:
			n = naptr_texts(data, len);
			break;
		case KNOT_RDATA_WF_REMAINDER:
			return 0;
		default:
			n = block;
		}
		if (n < 0 || n > len)
			return -EINVAL;
		data += n;
		len -= n;
	}
	return 0;
}

/* The records as they are signed: names lowered, in order, each once (RFC 4034 6.3). */
static int canonical(const knot_rrset_t *rrset, knot_rdataset_t *out)
{
	knot_rdata_t *rr = rrset->rrs.rdata;
	int rc = 0;

	knot_rdataset_init(out);
	for (int i = 0; i < rrset->rrs.count && !rc; i++, rr = knot_rdataset_next(rr)) {
		knot_rdata_t *copy = malloc(knot_rdata_size(rr->len));

		if (!copy)
			rc = -ENOMEM;
		else
			knot_rdata_init(copy, rr->len, rr->data);
		if (!rc && names_are_lowered(rrset->type))
			rc = lower(rrset->type, copy->data, copy->len);
		if (!rc && knot_rdataset_add(out, copy, NULL))
			rc = -ENOMEM;
		free(copy);
	}
	return rc;
}

static int add(dnssec_sign_ctx_t *c, const void *data, size_t len)
{
	dnssec_binary_t b = { .size = len, .data = (uint8_t *)data };

	return dnssec_sign_add(c, &b) ? -EIO : 0;
}

/* What is signed: the RRSIG without its signature, then the records (RFC 4034 3.1.8.1). */
static int digest(const knot_rrset_t *rrset, dnssec_sign_ctx_t *c, const uint8_t *head,
		  size_t head_len)
{
	uint8_t front[KNOT_DNAME_MAXLEN + 10];
	knot_rdataset_t rrs;
	size_t owner = knot_dname_size(rrset->owner);
	knot_rdata_t *rr;
	int rc;

	rc = dnssec_sign_init(c) ? -EIO : add(c, head, head_len);
	if (rc)
		return rc;
	knot_dname_copy_lower(front, rrset->owner);
	knot_wire_write_u16(front + owner, rrset->type);
	knot_wire_write_u16(front + owner + 2, rrset->rclass);
	memcpy(front + owner + 4, head + 4, 4);		/* original TTL */
	rc = canonical(rrset, &rrs);
	rr = rrs.rdata;
	for (int i = 0; i < rrs.count && !rc; i++, rr = knot_rdataset_next(rr)) {
		knot_wire_write_u16(front + owner + 8, rr->len);
		rc = add(c, front, owner + 10);
		if (!rc)
			rc = add(c, rr->data, rr->len);
	}
	knot_rdataset_clear(&rrs, NULL);
	return rc;
}

/**
 * sign_validity() - for a signature made now
 * @p: says for how long
 * @now: seconds since 1970
 *
 * Return: the times; the end is spread by chance, so that the signatures of a zone do not
 * all have to be made again at once.
 */
struct sign_validity sign_validity(const struct sign_policy *p, uint64_t now)
{
	uint32_t early = p->jitter ? dnssec_random_uint32_t() % p->jitter : 0;

	/* Serial number arithmetic in 32 bits (RFC 4034 3.1.5). */
	return (struct sign_validity) {
		.inception = (uint32_t)(now - CLOCK_SKEW),
		.expiration = (uint32_t)(now + p->lifetime - early),
	};
}

/**
 * sign_make() - sign an rrset
 * @rrset: with its own owner; "*" as it is in the zone
 * @zone: the signer
 * @key: with its private part
 * @validity: inception and expiration
 * @out: RDATA of the RRSIG
 *
 * Return: octets of @out, or a negative errno: -ENOKEY without private key, -EINVAL for
 * RDATA that is not of its type's form, -EIO when the library cannot sign.
 */
int sign_make(const knot_rrset_t *rrset, const knot_dname_t *zone, struct sign_key *key,
	      struct sign_validity validity, uint8_t out[SIGN_MAX_RRSIG])
{
	size_t head = 18 + knot_dname_size(zone);
	dnssec_binary_t signature = { 0 };
	int labels = knot_dname_labels(rrset->owner, NULL), rc;

	if (!key->context)
		return -ENOKEY;
	knot_wire_write_u16(out, rrset->type);
	out[2] = sign_key_algorithm(key);
	out[3] = labels - knot_dname_is_wildcard(rrset->owner);
	knot_wire_write_u32(out + 4, rrset->ttl);
	knot_wire_write_u32(out + 8, validity.expiration);
	knot_wire_write_u32(out + 12, validity.inception);
	knot_wire_write_u16(out + 16, sign_key_tag(key));
	knot_dname_copy_lower(out + 18, zone);
	rc = digest(rrset, key->context, out, head);
	if (!rc && dnssec_sign_write(key->context, DNSSEC_SIGN_NORMAL, &signature))
		rc = -EIO;
	if (!rc && signature.size > SIGN_MAX_RRSIG - head)
		rc = -EIO;
	if (!rc) {
		memcpy(out + head, signature.data, signature.size);
		rc = head + signature.size;
	}
	dnssec_binary_free(&signature);
	return rc;
}

/**
 * sign_check() - is this a signature over this rrset by this key?
 * @rrset: the rrset
 * @zone: the signer
 * @key: needs only its public part in @key->key
 * @rrsig: RDATA
 * @len: its octets
 *
 * Times are not looked at.
 *
 * Return: 0, or -EBADMSG.
 */
int sign_check(const knot_rrset_t *rrset, const knot_dname_t *zone, struct sign_key *key,
	       const uint8_t *rrsig, size_t len)
{
	size_t head = 18 + knot_dname_size(zone);
	dnssec_binary_t signature;

	if (len <= head || !key->context || knot_wire_read_u16(rrsig) != rrset->type ||
	    rrsig[2] != sign_key_algorithm(key) || knot_wire_read_u32(rrsig + 4) != rrset->ttl ||
	    knot_wire_read_u16(rrsig + 16) != sign_key_tag(key) ||
	    !knot_dname_is_case_equal(rrsig + 18, zone))
		return -EBADMSG;
	if (digest(rrset, key->context, rrsig, head))
		return -EBADMSG;
	signature.data = (uint8_t *)rrsig + head;
	signature.size = len - head;
	return dnssec_sign_verify(key->context, false, &signature) ? -EBADMSG : 0;
}
