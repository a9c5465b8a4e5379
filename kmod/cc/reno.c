// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * linnet_reno: the congestion control of the textbooks (RFC 5681), for Linnet
 * and for TCP.
 *
 * Slow start doubles the window every round trip, up to ssthresh; congestion
 * avoidance adds a segment a round trip.  A loss seen by duplicate ACKs or SACK
 * halves the window (fast retransmit and fast recovery, which the transport
 * carries out), a timeout begins again with one segment.
 *
 * "net.linnet.congestion_control", "net.ipv4.tcp_congestion_control" and the
 * socket option TCP_CONGESTION choose it by name.
 */
#include <linux/module.h>
#include <net/tcp.h>

#include "linnet.h"

#define LEAST_SSTHRESH	2	/* segments: RFC 5681, (4) */

/* RFC 5681, (4): ssthresh = max(FlightSize / 2, 2 * SMSS) */
static u32 reno_ssthresh(struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	u32 flight_size = min(tp->packets_out, tcp_snd_cwnd(tp));

	return max_t(u32, flight_size >> 1, LEAST_SSTHRESH);
}

/* RFC 5681, 3.1, counted in segments acknowledged (RFC 3465) */
static void reno_cong_avoid(struct sock *sk, u32 ack, u32 acked)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 cwnd = tcp_snd_cwnd(tp);

	/* A window that is not used says nothing about the path (RFC 7661) */
	if (!tcp_is_cwnd_limited(sk))
		return;

	if (cwnd < tp->snd_ssthresh) {	/* slow start */
		u32 room = tp->snd_ssthresh - cwnd;
		u32 grow = min(acked, room);

		cwnd += grow;
		acked -= grow;
	}

	/* congestion avoidance: one more for each window acknowledged */
	tp->snd_cwnd_cnt += acked;
	while (tp->snd_cwnd_cnt >= cwnd) {
		tp->snd_cwnd_cnt -= cwnd;
		cwnd++;
	}
	tcp_snd_cwnd_set(tp, min(cwnd, tp->snd_cwnd_clamp));
}

/* The loss was none: back to where we were */
static u32 reno_undo_cwnd(struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	return max(tcp_snd_cwnd(tp), tp->prior_cwnd);
}

struct tcp_congestion_ops linnet_reno __read_mostly = {
	.flags		= TCP_CONG_NON_RESTRICTED,
	.name		= "linnet_reno",
	.owner		= THIS_MODULE,
	.ssthresh	= reno_ssthresh,
	.cong_avoid	= reno_cong_avoid,
	.undo_cwnd	= reno_undo_cwnd,
};
