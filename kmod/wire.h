/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The segment as it stands on the wire: RFC 9293, 3.1, in IP protocol 253.
 *
 * Pure: no kernel structure, so that the unit tests compile it as it is.
 */
#ifndef _LINNET_WIRE_H
#define _LINNET_WIRE_H

#include <linux/types.h>

/**
 * struct linnet_header - the fixed part of a segment (RFC 9293, 3.1)
 * @source: source port
 * @dest: destination port
 * @seq: sequence number of the first octet, or of SYN
 * @ack_seq: next sequence number expected, when %LINNET_ACK is set
 * @doff: header length in 32-bit words in the upper four bits; the rest is zero
 * @flags: LINNET_FIN ... LINNET_CWR
 * @window: receive window, to be shifted by the window scale (RFC 7323, 2.3)
 * @check: ones' complement sum over pseudo-header, header and data
 * @urg_ptr: parsed by nobody, sent as zero
 */
struct linnet_header {
	__be16	source;
	__be16	dest;
	__be32	seq;
	__be32	ack_seq;
	__u8	doff;
	__u8	flags;
	__be16	window;
	__sum16	check;
	__be16	urg_ptr;
};

#define LINNET_HEADER_LEN	20
#define LINNET_HEADER_MAX	60	/* four bits of 32-bit words */
#define LINNET_OPTIONS_MAX	(LINNET_HEADER_MAX - LINNET_HEADER_LEN)

#define LINNET_FIN	0x01
#define LINNET_SYN	0x02
#define LINNET_RST	0x04
#define LINNET_PSH	0x08
#define LINNET_ACK	0x10
#define LINNET_URG	0x20
#define LINNET_ECE	0x40
#define LINNET_CWR	0x80

/* Option kinds, from IANA's registry for TCP */
#define LINNET_OPT_EOL			0
#define LINNET_OPT_NOP			1
#define LINNET_OPT_MSS			2	/* RFC 9293, 3.7.1 */
#define LINNET_OPT_WSCALE		3	/* RFC 7323, 2.2 */
#define LINNET_OPT_SACK_PERMITTED	4	/* RFC 2018, 2 */
#define LINNET_OPT_SACK			5	/* RFC 2018, 3 */
#define LINNET_OPT_TIMESTAMP		8	/* RFC 7323, 3.2 */
#define LINNET_OPT_FASTOPEN		34	/* RFC 7413, 4.1.1 */

#define LINNET_OPTLEN_MSS		4
#define LINNET_OPTLEN_WSCALE		3
#define LINNET_OPTLEN_SACK_PERMITTED	2
#define LINNET_OPTLEN_SACK_BASE		2
#define LINNET_OPTLEN_SACK_BLOCK	8
#define LINNET_OPTLEN_TIMESTAMP		10
#define LINNET_OPTLEN_TIMESTAMP_ALIGNED	12
#define LINNET_OPTLEN_FASTOPEN_BASE	2

#define LINNET_FASTOPEN_COOKIE_MIN	4	/* RFC 7413, 4.1.1 */
#define LINNET_FASTOPEN_COOKIE_MAX	16
#define LINNET_SACK_BLOCKS_MAX	4	/* what 40 octets of options can hold */
#define LINNET_PAWS_LAG		1	/* ms */
#define LINNET_PAWS_MEMORY	(24 * 24 * 60 * 60)	/* s: RFC 7323, 5.5 */
#define LINNET_WSCALE_MAX	14	/* RFC 7323, 2.3 */

#define LINNET_MSS_DEFAULT_IPV4	536	/* RFC 9293, 3.7.1 (MUST-15) */
#define LINNET_MSS_DEFAULT_IPV6	1220
#define LINNET_MSS_MIN		48	/* below this a peer only wants to hurt */

/* Sequence arithmetic, modulo 2^32 (RFC 9293, 3.4) */
static inline bool seq_before(__u32 a, __u32 b)
{
	return (__s32)(a - b) < 0;
}

static inline bool seq_after(__u32 a, __u32 b)
{
	return seq_before(b, a);
}

/* low <= seq <= high */
static inline bool seq_between(__u32 seq, __u32 low, __u32 high)
{
	return high - low >= seq - low;
}

static inline __u32 seq_min(__u32 a, __u32 b)
{
	return seq_before(a, b) ? a : b;
}

static inline __u32 seq_max(__u32 a, __u32 b)
{
	return seq_before(a, b) ? b : a;
}

/**
 * struct linnet_block - a range of sequence numbers
 * @start: first
 * @end: one after the last
 */
struct linnet_block {
	__u32	start;
	__u32	end;
};

static inline unsigned int linnet_header_len(const struct linnet_header *h)
{
	return (h->doff >> 4) * 4;
}

/**
 * linnet_paws_old() - is a segment older than what came last?  (RFC 7323, 5.3)
 * @recent: TS.Recent; 0: the peer has not begun to count
 * @tsval: SEG.TSval
 * @age: how long ago TS.Recent was renewed, seconds
 *
 * A timestamp that was not renewed for 24 days says nothing (5.5).  One may lag
 * by a millisecond: a peer may take the time a moment before it sends.
 */
static inline bool linnet_paws_old(__u32 recent, __u32 tsval, __s64 age)
{
	return recent && seq_before(tsval + LINNET_PAWS_LAG, recent) &&
	       age < LINNET_PAWS_MEMORY;
}

#endif /* _LINNET_WIRE_H */
