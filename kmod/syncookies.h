/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The arithmetic of SYN cookies (RFC 4987, 3.6).  Pure: the keyed hashes are
 * arguments.
 *
 * A cookie is the initial sequence number of a SYN and ACK for which nothing is
 * stored.  The upper octet is a count of minutes, the lower 24 bits hold which
 * MSS the peer offered; both are covered by keyed hashes over the two ends.
 * Window scale and SACK do not fit: they travel in the low bits of our
 * timestamp, which the peer echoes.
 */
#ifndef _LINNET_SYNCOOKIES_H
#define _LINNET_SYNCOOKIES_H

#include <linux/kernel.h>

#include "options.h"

#define LINNET_COOKIE_BITS	24
#define LINNET_COOKIE_MASK	((1U << LINNET_COOKIE_BITS) - 1)
/* Minutes that a cookie is good for: the peer may have needed one repetition */
#define LINNET_COOKIE_AGE	2

#define LINNET_COOKIE_MSS	4	/* entries of a table of MSS */

/* In the low bits of TSval */
#define LINNET_COOKIE_TS_WSCALE	0x0f	/* 15: the option was absent */
#define LINNET_COOKIE_TS_SACK	0x10
#define LINNET_COOKIE_TS_ECN	0x20
#define LINNET_COOKIE_TS_MASK	0x3f

/**
 * linnet_cookie_make() - the initial sequence number of a SYN and ACK
 * @hash: keyed hash over both ends
 * @count_hash: keyed hash over both ends and @count
 * @seq: the peer's initial sequence number
 * @count: minutes
 * @index: entry of the table of MSS
 */
static inline __u32 linnet_cookie_make(__u32 hash, __u32 count_hash, __u32 seq,
				       __u32 count, __u32 index)
{
	return hash + seq + (count << LINNET_COOKIE_BITS) +
	       ((count_hash + index) & LINNET_COOKIE_MASK);
}

/**
 * linnet_cookie_count() - when was a cookie made?
 * @cookie: what the peer acknowledges, less one
 * @hash: keyed hash over both ends
 * @seq: the peer's initial sequence number
 * @now: minutes
 * @count: set to the minute, if it was lately
 *
 * Return: false when it was too long ago, or this is no cookie.
 */
static inline bool linnet_cookie_count(__u32 cookie, __u32 hash, __u32 seq,
				       __u32 now, __u32 *count)
{
	__u32 age = (now - ((cookie - hash - seq) >> LINNET_COOKIE_BITS)) & 0xff;

	*count = now - age;
	return age < LINNET_COOKIE_AGE;
}

/**
 * linnet_cookie_index() - the entry of the table of MSS in a cookie
 * @cookie: what the peer acknowledges, less one
 * @hash: keyed hash over both ends
 * @count_hash: keyed hash over both ends and what linnet_cookie_count() told
 * @seq: the peer's initial sequence number
 *
 * Return: %LINNET_COOKIE_MSS or more when this is no cookie.
 */
static inline __u32 linnet_cookie_index(__u32 cookie, __u32 hash,
					__u32 count_hash, __u32 seq)
{
	return (cookie - hash - seq - count_hash) & LINNET_COOKIE_MASK;
}

/**
 * linnet_cookie_mss() - what an entry of the table of MSS stands for
 * @index: less than %LINNET_COOKIE_MSS
 * @ipv6: of which table
 *
 * The values are Linux TCP's: the defaults, tunnels, PPPoE, Ethernet; for IPv6
 * the least MTU, a tunnel, Ethernet, jumbo frames.
 *
 * Return: bytes.
 */
static inline __u16 linnet_cookie_mss(__u32 index, bool ipv6)
{
	static const __u16 table[2][LINNET_COOKIE_MSS] = {
		{ 536, 1300, 1440, 1460 },
		{ 1280 - 60, 1480 - 60, 1500 - 60, 9000 - 60 },
	};

	return table[ipv6][index];
}

/**
 * linnet_cookie_mss_index() - the entry that comes nearest to an MSS
 * @mss: what the peer offered, bytes
 * @ipv6: of which table
 *
 * Return: the greatest entry that is not above @mss, or the first.
 */
static inline __u32 linnet_cookie_mss_index(__u16 mss, bool ipv6)
{
	__u32 index = LINNET_COOKIE_MSS - 1;

	while (index && mss < linnet_cookie_mss(index, ipv6))
		index--;
	return index;
}

/**
 * linnet_cookie_tsval() - a timestamp that tells what a cookie does not
 * @now: the clock, milliseconds
 * @opt: options of the peer's SYN that we take up
 * @ecn: ECN was negotiated
 *
 * Return: the last moment, not after @now, whose low bits say it.
 */
static inline __u32 linnet_cookie_tsval(__u32 now,
					const struct linnet_options *opt,
					bool ecn)
{
	__u32 bits = opt->wscale_ok ? opt->wscale : LINNET_COOKIE_TS_WSCALE;
	__u32 ts;

	if (opt->sack_permitted)
		bits |= LINNET_COOKIE_TS_SACK;
	if (ecn)
		bits |= LINNET_COOKIE_TS_ECN;
	ts = (now & ~LINNET_COOKIE_TS_MASK) | bits;
	if (seq_after(ts, now))
		ts -= LINNET_COOKIE_TS_MASK + 1;
	return ts;
}

/**
 * linnet_cookie_options() - what linnet_cookie_tsval() kept
 * @ts: the timestamp as echoed, less its offset
 * @opt: window scale and SACK-permitted are set
 * @ecn: set when ECN was negotiated
 *
 * Return: false for what linnet_cookie_tsval() never makes.
 */
static inline bool linnet_cookie_options(__u32 ts, struct linnet_options *opt,
					 bool *ecn)
{
	opt->sack_permitted = ts & LINNET_COOKIE_TS_SACK;
	*ecn = ts & LINNET_COOKIE_TS_ECN;
	opt->wscale = ts & LINNET_COOKIE_TS_WSCALE;
	opt->wscale_ok = opt->wscale != LINNET_COOKIE_TS_WSCALE;
	if (!opt->wscale_ok)
		opt->wscale = 0;
	return opt->wscale <= LINNET_WSCALE_MAX;
}

#endif /* _LINNET_SYNCOOKIES_H */
