// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a route asks of a connection: the metrics of "ip route".
 *
 *	mtu, advmss, window, initrwnd	struct linnet_path: what the SYN tells
 *	features ecn, fastopen_no_cookie	likewise
 *	congctl				cong.c
 *	hoplimit, lock mtu		IP
 *	initcwnd, cwnd, reordering, rtt, rto_min, quickack	here
 *
 * "ssthresh" and "rttvar" are for TCP's cache of metrics, which we do not have;
 * by default TCP does not heed them either.
 */
#include "linnet.h"
#include "metrics.h"

/**
 * linnet_init_cwnd() - the initial window (RFC 6928, or "initcwnd")
 * @sk: the socket, locked
 *
 * It is the restart window, too (RFC 5681, 4.1).
 *
 * Return: segments.
 */
u32 linnet_init_cwnd(const struct sock *sk)
{
	const struct dst_entry *dst = __sk_dst_get((struct sock *)sk);
	u32 cwnd = dst ? dst_metric(dst, RTAX_INITCWND) : 0;

	return min(cwnd ?: TCP_INIT_CWND, tcp_sk(sk)->snd_cwnd_clamp);
}

/* The route knows a longer round trip than a small SYN took: the first timeout
 * is of that, as long as no data has been measured.  The metric is in eighths of
 * a millisecond, which is SRTT's form.
 */
static u32 first_rto(const struct sock *sk, const struct dst_entry *dst)
{
	u64 srtt_us = (u64)dst_metric(dst, RTAX_RTT) * USEC_PER_MSEC;
	u64 rtt_us = srtt_us >> 3;

	if (srtt_us <= tcp_sk(sk)->srtt_us)
		return 0;
	return min_t(u64, rtt_us + max_t(u64, 2 * rtt_us,
					 linnet_rto_min_us(sk)),
		     linnet_rto_max_us(sk));
}

/**
 * linnet_metrics_start() - data may flow: take up what the route says
 * @sk: the socket, locked
 */
void linnet_metrics_start(struct sock *sk)
{
	const struct dst_entry *dst = __sk_dst_get(sk);
	struct tcp_sock *tp = tcp_sk(sk);
	u32 reordering;

	if (!dst)
		return;
	if (dst_metric_locked(dst, RTAX_CWND))
		tp->snd_cwnd_clamp = max(dst_metric(dst, RTAX_CWND), 1U);
	reordering = dst_metric(dst, RTAX_REORDERING);
	if (reordering)
		tp->reordering = min_t(u32, reordering,
				       READ_ONCE(linnet_sk_net(sk)->max_reordering));
	linnet_sk(sk)->first_rto_us = first_rto(sk, dst);
}
