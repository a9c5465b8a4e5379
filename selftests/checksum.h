/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The Internet checksum (RFC 1071), for tests that make packets of their own */
#ifndef CHECKSUM_H
#define CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/**
 * checksum_add() - sum of 16-bit words as they lie on the wire
 * @data: octets; an odd one at the end counts as if a zero followed
 * @len: how many, at most 128 kB
 * @sum: what it is added to
 */
static inline uint32_t checksum_add(const void *data, size_t len, uint32_t sum)
{
	const uint8_t *p = data;

	for (; len > 1; len -= 2, p += 2)
		sum += p[0] << 8 | p[1];
	return len ? sum + (p[0] << 8) : sum;
}

/**
 * checksum_fold() - the checksum of a sum, in the machine's order
 * @sum: from checksum_add()
 */
static inline uint16_t checksum_fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

#endif /* CHECKSUM_H */
