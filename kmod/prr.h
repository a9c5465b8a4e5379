/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proportional Rate Reduction (RFC 9937).  Pure: tested in userspace. */
#ifndef _LINNET_PRR_H
#define _LINNET_PRR_H

#include <linux/kernel.h>

#include "wire.h"

/**
 * linnet_prr_sndcnt() - how many segments this ACK lets out (RFC 9937, 6)
 * @in_flight: pipe, segments
 * @ssthresh: target of the reduction, segments
 * @prior_cwnd: cwnd when recovery began, RecoverFS, segments
 * @delivered: segments newly told delivered by this ACK
 * @prr_delivered: the same, all since recovery began, this ACK included
 * @prr_out: segments sent since recovery began
 * @progress: SND.UNA advanced and nothing more was marked lost
 * @fast_retransmit: nothing has been sent in this recovery yet, and a segment
 *	is due
 *
 * Return: segments; cwnd = @in_flight + that.
 */
static inline __u32 linnet_prr_sndcnt(__u32 in_flight, __u32 ssthresh,
				      __u32 prior_cwnd, __u32 delivered,
				      __u32 prr_delivered, __u32 prr_out,
				      bool progress, bool fast_retransmit)
{
	__s32 sndcnt;

	if (in_flight > ssthresh) {
		/* in proportion: ceil(prr_delivered * ssthresh / RecoverFS) */
		__u64 due = (__u64)prr_delivered * ssthresh +
			    (prior_cwnd ? prior_cwnd - 1 : 0);

		sndcnt = (__s32)div64_u64(due, prior_cwnd ? prior_cwnd : 1) -
			 (__s32)prr_out;
	} else {
		/* PRR-SSRB: slow start while acknowledgements make progress,
		 * conservation of packets otherwise
		 */
		sndcnt = max_t(__s32, (__s32)(prr_delivered - prr_out),
			       delivered);
		if (progress)
			sndcnt++;
		sndcnt = min_t(__s32, sndcnt, ssthresh - in_flight);
	}
	return max_t(__s32, sndcnt, fast_retransmit ? 1 : 0);
}

#endif /* _LINNET_PRR_H */
