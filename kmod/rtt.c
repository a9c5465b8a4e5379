// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Round-trip time and retransmission timeout (RFC 6298).
 *
 * Pure: compiled in userspace by selftests/unit as it stands here.
 *
 * The RFC's SRTT and RTTVAR, with two refinements that Linux TCP has too, since
 * modern senders take a sample from nearly every ACK and not one a round trip:
 * the deviation that widens the timeout is the largest of a round trip, and it
 * sinks only once a round trip; and a sample below SRTT widens it less.
 */
#include <linux/kernel.h>

#include "rtt.h"

/**
 * linnet_rtt_sample() - take in one measured round trip
 * @rtt: the estimator
 * @sample_us: the measured time, microseconds; never of a retransmitted
 *	segment unless timestamps tell them apart (Karn, RFC 6298, 3)
 * @snd_una: SND.UNA, after the acknowledgement that gave the sample
 * @snd_nxt: SND.NXT
 * @rto_min_us: lower bound of the variation term, microseconds
 */
void linnet_rtt_sample(struct linnet_rtt *rtt, __u32 sample_us, __u32 snd_una,
		       __u32 snd_nxt, __u32 rto_min_us)
{
	__s32 err;

	/* A round trip of zero would look like "no sample yet"; one of more
	 * than the largest RTO only comes from a broken clock.
	 */
	sample_us = clamp_t(__u32, sample_us, 1, LINNET_RTO_MAX_US);

	if (!rtt->srtt_us) {	/* RFC 6298, (2.2) */
		rtt->srtt_us = sample_us << 3;
		rtt->mdev_us = sample_us << 1;
		rtt->rttvar_us = max(rtt->mdev_us, rto_min_us);
		rtt->mdev_max_us = rtt->rttvar_us;
		rtt->rtt_seq = snd_nxt;
		return;
	}

	/* RFC 6298, (2.3): RTTVAR <- 3/4 RTTVAR + 1/4 |SRTT - R'|,
	 * SRTT <- 7/8 SRTT + 1/8 R'
	 */
	err = sample_us - (rtt->srtt_us >> 3);
	rtt->srtt_us = max_t(__u32, rtt->srtt_us + err, 1);
	if (err < 0) {
		err = -err - (rtt->mdev_us >> 2);
		/* A falling round trip is no reason for a longer timeout */
		if (err > 0)
			err >>= 3;
	} else {
		err -= rtt->mdev_us >> 2;
	}
	rtt->mdev_us += err;

	if (rtt->mdev_us > rtt->mdev_max_us) {
		rtt->mdev_max_us = rtt->mdev_us;
		if (rtt->mdev_max_us > rtt->rttvar_us)
			rtt->rttvar_us = rtt->mdev_max_us;
	}
	if (seq_after(snd_una, rtt->rtt_seq)) {
		if (rtt->mdev_max_us < rtt->rttvar_us)
			rtt->rttvar_us -= (rtt->rttvar_us -
					   rtt->mdev_max_us) >> 2;
		rtt->rtt_seq = snd_nxt;
		rtt->mdev_max_us = rto_min_us;
	}
}
