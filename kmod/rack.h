/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The arithmetic of RACK-TLP (RFC 8985).  Pure: tested in userspace. */
#ifndef _LINNET_RACK_H
#define _LINNET_RACK_H

#include <linux/kernel.h>

#include "wire.h"

/* Recoveries that a widened reordering window lasts (RFC 8985, 6.2, step 4) */
#define LINNET_RACK_PERSIST	16
/* Timers run in jiffies: one that is armed for less would be for no time */
#define LINNET_RACK_TICK_US	(2 * (1000000 / HZ))

/**
 * linnet_rack_sent_after() - RACK_sent_after() of RFC 8985, 6.2, step 2
 * @t1: when the one was sent, microseconds
 * @seq1: where it ends
 * @t2: when the other was sent, microseconds
 * @seq2: where it ends
 */
static inline bool linnet_rack_sent_after(__u64 t1, __u32 seq1, __u64 t2,
					  __u32 seq2)
{
	return t1 > t2 || (t1 == t2 && seq_after(seq1, seq2));
}

/**
 * linnet_rack_reo_wnd() - RACK.reo_wnd (RFC 8985, 6.2, step 4)
 * @min_rtt_us: RACK.min_RTT, microseconds
 * @srtt_us: SRTT, microseconds
 * @steps: RACK.reo_wnd_mult
 * @reordering_seen: RACK.reordering_seen
 * @urgent: in recovery, or DupThresh segments are SACKed
 *
 * While no reordering was seen, three duplicates are believed as ever.
 *
 * Return: microseconds.
 */
static inline __u32 linnet_rack_reo_wnd(__u32 min_rtt_us, __u32 srtt_us,
					__u32 steps, bool reordering_seen,
					bool urgent)
{
	__u64 wnd;

	if (!reordering_seen && urgent)
		return 0;
	wnd = (__u64)(min_rtt_us >> 2) * steps;
	return min_t(__u64, wnd, srtt_us);
}

/**
 * linnet_rack_remaining() - how long until a segment counts as lost (RFC 8985,
 *	6.2, step 5)
 * @rtt_us: RACK.rtt, microseconds
 * @reo_wnd_us: RACK.reo_wnd, microseconds
 * @age_us: how long ago the segment was sent, microseconds
 *
 * Return: microseconds; 0 or less: it is lost.
 */
static inline __s64 linnet_rack_remaining(__u32 rtt_us, __u32 reo_wnd_us,
					  __u64 age_us)
{
	return (__s64)rtt_us + reo_wnd_us - (__s64)age_us;
}

/**
 * linnet_tlp_pto() - the probe timeout (RFC 8985, 7.2)
 * @srtt_us: SRTT, microseconds; 0: no round trip was measured yet
 * @single: one segment is out, whose ACK the peer may delay
 * @max_ack_delay_us: how long, microseconds
 * @initial_rto_us: what is used without SRTT, microseconds
 *
 * Return: microseconds.
 */
static inline __u32 linnet_tlp_pto(__u32 srtt_us, bool single,
				   __u32 max_ack_delay_us,
				   __u32 initial_rto_us)
{
	if (!srtt_us)
		return initial_rto_us;
	return 2 * srtt_us + (single ? max_ack_delay_us : LINNET_RACK_TICK_US);
}

#endif /* _LINNET_RACK_H */
