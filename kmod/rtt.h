/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Round-trip time and retransmission timeout: the offer of rtt.c */
#ifndef _LINNET_RTT_H
#define _LINNET_RTT_H

#include <linux/kernel.h>

#include "wire.h"

/* RFC 6298, (2.1) and (2.5).  The lower bound is Linux's, not the RFC's 1 s;
 * Documentation/protocol.rst says why.
 */
#define LINNET_RTO_INITIAL_US	1000000U
#define LINNET_RTO_MIN_US	200000U
#define LINNET_RTO_MAX_US	120000000U

/**
 * struct linnet_rtt - the estimator of RFC 6298
 * @srtt_us: smoothed round-trip time, 8 times, microseconds; 0: no sample yet
 * @mdev_us: mean deviation, 4 times, microseconds
 * @mdev_max_us: largest @mdev_us in this round trip
 * @rttvar_us: what @srtt_us is widened by, microseconds
 * @rtt_seq: when SND.UNA passes it, a round trip has ended
 */
struct linnet_rtt {
	__u32	srtt_us;
	__u32	mdev_us;
	__u32	mdev_max_us;
	__u32	rttvar_us;
	__u32	rtt_seq;
};

void linnet_rtt_sample(struct linnet_rtt *rtt, __u32 sample_us, __u32 snd_una,
		       __u32 snd_nxt, __u32 rto_min_us);

/**
 * linnet_rtt_rto() - the retransmission timeout (RFC 6298, (2.1) to (2.5))
 * @rtt: the estimator
 * @max_us: the longest that is allowed, microseconds
 *
 * Return: microseconds, without back-off.
 */
static inline __u32 linnet_rtt_rto(const struct linnet_rtt *rtt, __u32 max_us)
{
	/* (5.7): what the handshake left, when it gave no sample */
	if (!rtt->srtt_us)
		return min(rtt->rttvar_us ?: LINNET_RTO_INITIAL_US, max_us);
	return min((rtt->srtt_us >> 3) + rtt->rttvar_us, max_us);
}

/**
 * linnet_rto_backoff() - double a timeout some times (RFC 6298, (5.5))
 * @rto_us: timeout without back-off, microseconds
 * @times: how often it has expired in a row
 * @max_us: the longest that is allowed, microseconds, %LINNET_RTO_MAX_US at most
 *
 * Return: microseconds, at most @max_us.
 */
static inline __u32 linnet_rto_backoff(__u32 rto_us, unsigned int times,
				       __u32 max_us)
{
	while (times-- && rto_us < max_us)
		rto_us <<= 1;
	return min(rto_us, max_us);
}

#endif /* _LINNET_RTT_H */
