// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Is rdata what its type needs? Who reads the store relies on it.
 */
#include "internal.h"

/* Octets of an uncompressed name, or -1. */
static int name_size(const uint8_t *data, size_t len)
{
	size_t pos = 0;

	while (pos < len) {
		unsigned int size = data[pos];

		pos += 1 + size;
		if (size > DNS_LABEL_MAX || pos > DNS_NAME_MAX)
			return -1;
		if (!size)
			return pos;
	}
	return -1;
}

/* NAPTR: order, preference, three character strings. */
static int naptr_size(const uint8_t *data, size_t len)
{
	size_t pos = 4;

	for (unsigned int i = 0; i < 3; i++) {
		if (pos >= len)
			return -1;
		pos += 1 + data[pos];
	}
	return pos <= len ? (int)pos : -1;
}

/*
 * libknot 3.2 has no description of SVCB and HTTPS, whose target an answer's additional section
 * is made from, and the names of types that are no longer in use, which are compressed
 * (RFC 3597 section 4), are in a table of their own.
 */
static const knot_rdata_descriptor_t *describe(uint16_t type)
{
	static const knot_rdata_descriptor_t service = {
		{ 2, KNOT_RDATA_WF_FIXED_DNAME, KNOT_RDATA_WF_REMAINDER, KNOT_RDATA_WF_END }, "SVCB"
	};
	const knot_rdata_descriptor_t *d = knot_get_rdata_descriptor(type);

	if (type == KNOT_RRTYPE_SVCB || type == KNOT_RRTYPE_HTTPS)
		return &service;
	return d->type_name ? d : knot_get_obsolete_rdata_descriptor(type);
}

bool rdata_valid(uint16_t type, const uint8_t *data, size_t len)
{
	const knot_rdata_descriptor_t *d = describe(type);

	for (unsigned int i = 0; d->block_types[i] != KNOT_RDATA_WF_END; i++) {
		int block = d->block_types[i], size;

		switch (block) {
		case KNOT_RDATA_WF_COMPRESSIBLE_DNAME:
		case KNOT_RDATA_WF_DECOMPRESSIBLE_DNAME:
		case KNOT_RDATA_WF_FIXED_DNAME:
			size = name_size(data, len);
			break;
		case KNOT_RDATA_WF_NAPTR_HEADER:
			size = naptr_size(data, len);
			break;
		case KNOT_RDATA_WF_REMAINDER:
			return true;
		default:
			size = block;
		}
		if (size < 0 || (size_t)size > len)
			return false;
		data += size;
		len -= size;
	}
	return !len;
}
