/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Explicit congestion notification: the offer of ecn.c */
#ifndef _LINNET_ECN_H
#define _LINNET_ECN_H

#include <linux/tcp.h>

#include "compat.h"

struct linnet_segment;

/**
 * linnet_ecn_on() - do both ends take part?
 * @tp: the socket
 */
static inline bool linnet_ecn_on(const struct tcp_sock *tp)
{
	return tp->ecn_flags & LINNET_ECN_OK;
}

/**
 * linnet_ecn_queue_cwr() - the window has been reduced: tell so with the next
 *	new data (RFC 3168, 6.1.2)
 * @tp: the socket
 */
static inline void linnet_ecn_queue_cwr(struct tcp_sock *tp)
{
	if (linnet_ecn_on(tp))
		tp->ecn_flags |= TCP_ECN_QUEUE_CWR;
}

/**
 * linnet_ecn_withdraw_cwr() - the reduction was undone
 * @tp: the socket
 */
static inline void linnet_ecn_withdraw_cwr(struct tcp_sock *tp)
{
	tp->ecn_flags &= ~TCP_ECN_QUEUE_CWR;
}

u8 linnet_ecn_syn(struct sock *sk);
u8 linnet_ecn_syn_again(struct sock *sk, u8 flags);
void linnet_ecn_syn_received(struct sock *sk, const struct linnet_segment *seg);
bool linnet_ecn_request(const struct sock *sk,
			const struct linnet_segment *seg, u32 features);
void linnet_ecn_child(struct sock *child, bool ecn_ok);
u8 linnet_ecn_send(struct sock *sk, const struct sk_buff *skb, u8 flags);
void linnet_ecn_received(struct sock *sk, const struct linnet_segment *seg);
bool linnet_ecn_echoed(const struct sock *sk,
		       const struct linnet_segment *seg);
void linnet_ecn_delivered(struct sock *sk, const struct sk_buff *skb);
void linnet_ecn_lost(struct sock *sk);

#endif /* _LINNET_ECN_H */
