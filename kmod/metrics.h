/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a route asks of a connection: the offer of metrics.c */
#ifndef _LINNET_METRICS_H
#define _LINNET_METRICS_H

#include <net/dst.h>
#include <net/tcp.h>

/**
 * linnet_rto_min_us() - lower bound of the variation in the timeout: Linux's, or
 *	the route's ("rto_min")
 * @sk: the socket, locked
 *
 * Return: microseconds.
 */
static inline u32 linnet_rto_min_us(const struct sock *sk)
{
	return tcp_rto_min_us((struct sock *)sk);
}

/**
 * linnet_rto_max_us() - the longest timeout (net.linnet.rto_max_ms,
 *	TCP_RTO_MAX_MS)
 * @sk: the socket
 *
 * Return: microseconds, at most %LINNET_RTO_MAX_US.
 */
static inline u32 linnet_rto_max_us(const struct sock *sk)
{
	return linnet_compat_rto_max(sk,
				     READ_ONCE(linnet_sk_net(sk)->rto_max_ms));
}

/**
 * linnet_route_quickack() - does the route want each segment acknowledged at
 *	once ("quickack 1")?
 * @sk: the socket, locked
 */
static inline bool linnet_route_quickack(const struct sock *sk)
{
	const struct dst_entry *dst = __sk_dst_get((struct sock *)sk);

	return dst && dst_metric(dst, RTAX_QUICKACK);
}

u32 linnet_init_cwnd(const struct sock *sk);
void linnet_metrics_start(struct sock *sk);

#endif /* _LINNET_METRICS_H */
