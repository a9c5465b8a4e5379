// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Whose segment is this?  From IP to the socket that it belongs to, and the
 * answers where there is none (RFC 9293, 3.10.7.1).
 */
#include <linux/icmp.h>
#include <net/busy_poll.h>
#include <net/dsfield.h>
#include <net/inet_ecn.h>
#include <net/xfrm.h>

#include "linnet.h"
#include "recovery.h"
#include "timewait.h"
#include "xmit.h"

/**
 * linnet_skb_flow() - the two ends of a received segment, from our side
 * @skb: data begins at the header
 * @net: namespace
 * @flow: filled in
 */
void linnet_skb_flow(const struct sk_buff *skb, struct net *net,
		     struct linnet_flow *flow)
{
	const struct linnet_header *h = (const void *)skb->data;

	memset(flow, 0, sizeof(*flow));
	flow->net = net;
	flow->lport = ntohs(h->dest);
	flow->rport = h->source;
	flow->iif = LINNET_CB(skb)->iif;
	flow->sdif = LINNET_CB(skb)->sdif;
	flow->hash = LINNET_CB(skb)->flow_hash;
	if (skb->protocol == htons(ETH_P_IP)) {
		flow->family = AF_INET;
		flow->laddr = ip_hdr(skb)->daddr;
		flow->raddr = ip_hdr(skb)->saddr;
	} else {
		flow->family = AF_INET6;
		flow->laddr6 = ipv6_hdr(skb)->daddr;
		flow->raddr6 = ipv6_hdr(skb)->saddr;
	}
}

/**
 * linnet_skb_ecn() - the two ECN bits of a received segment's IP header
 * @skb: the segment
 */
u8 linnet_skb_ecn(const struct sk_buff *skb)
{
	u8 field = skb->protocol == htons(ETH_P_IP) ?
		   ipv4_get_dsfield(ip_hdr(skb)) :
		   ipv6_get_dsfield(ipv6_hdr(skb));

	return field & INET_ECN_MASK;
}

static bool policy_allows(struct sock *sk, struct sk_buff *skb, int family)
{
	return xfrm_policy_check(sk, XFRM_POLICY_IN, skb, family);
}

static void deliver(struct sock *sk, struct sk_buff *skb)
{
	/* A listener's lock is taken around its children's */
	if (sk->sk_state == TCP_LISTEN)
		bh_lock_sock_nested(sk);
	else
		bh_lock_sock(sk);
	if (!sock_owned_by_user(sk))
		linnet_do_rcv(sk, skb);
	else
		linnet_backlog_add(sk, skb);
	bh_unlock_sock(sk);
}

static unsigned int segments(const struct sk_buff *skb)
{
	return max_t(u16, skb_shinfo(skb)->gso_segs, 1);
}

/* A connection in TIME-WAIT has it.  @isn: where a new one may begin */
static enum linnet_tw_verdict time_wait(struct sock *tw, struct sk_buff *skb,
					const struct linnet_flow *flow,
					u32 *isn)
{
	enum linnet_tw_verdict verdict = LINNET_TW_DONE;
	struct linnet_segment seg;

	if (policy_allows(NULL, skb, flow->family) &&
	    linnet_segment_parse(skb, &seg))
		verdict = linnet_timewait_rcv(tw, flow, &seg, isn);
	linnet_timewait_put(tw);
	if (verdict == LINNET_TW_DONE)
		LINNET_COUNT_ADD(flow->net, InSegs, segments(skb));
	return verdict;
}

/* RFC 9293, 3.10.7.1: there is no connection */
static void closed(struct sk_buff *skb, const struct linnet_flow *flow)
{
	struct linnet_segment seg;

	LINNET_COUNT_ADD(flow->net, InSegs, segments(skb));
	if (!policy_allows(NULL, skb, flow->family) ||
	    !linnet_segment_parse(skb, &seg))
		return;
	LINNET_COUNT(flow->net, InNoPorts);
	linnet_send_reset(NULL, flow, &seg);
}

/**
 * linnet_rcv() - a segment comes up from IP, its checksum found good
 * @skb: data begins at the header; consumed
 * @flow: the two ends, but for the ports
 *
 * Context: softirq, RCU read side.
 * Return: 0.
 */
int linnet_rcv(struct sk_buff *skb, struct linnet_flow *flow)
{
	const struct linnet_header *h = (const void *)skb->data;
	struct sock *sk;
	u32 isn = 0;

	if (linnet_header_len(h) < LINNET_HEADER_LEN ||
	    !pskb_may_pull(skb, linnet_header_len(h)))
		goto bad;
	h = (const void *)skb->data;
	flow->lport = ntohs(h->dest);
	flow->rport = h->source;
	memset(LINNET_CB(skb), 0, sizeof(struct linnet_cb));
	LINNET_CB(skb)->iif = flow->iif;
	LINNET_CB(skb)->sdif = flow->sdif;

	sk = linnet_early_take(skb);
	if (!sk) {
		/* A handshake asks for it time and again */
		flow->hash = linnet_flow_hash(flow);
		LINNET_CB(skb)->flow_hash = flow->hash;
		sk = linnet_lookup_connection(flow);
	}
	if (sk && sk->sk_state == TCP_TIME_WAIT) {
		if (time_wait(sk, skb, flow, &isn) == LINNET_TW_DONE)
			goto drop;
		sk = NULL;
	}
	if (!sk)
		sk = linnet_lookup_listener(flow, skb);
	if (!sk) {
		closed(skb, flow);
		goto drop;
	}
	LINNET_COUNT_SK(sk, InSegs, segments(skb));

	if (!policy_allows(sk, skb, flow->family))
		goto refused;
	nf_reset_ct(skb);
	if (sk_filter_trim_cap(sk, skb, linnet_header_len(h)))
		goto refused;
	sk_incoming_cpu_update(sk);
	sk_mark_napi_id(sk, skb);
	skb->dev = NULL;
	/* for a listener: continue above what TIME-WAIT used */
	LINNET_CB(skb)->seq = isn;
	deliver(sk, skb);
	sock_put(sk);
	return 0;

refused:
	atomic_inc(&sk->sk_drops);
	sock_put(sk);
	goto drop;
bad:
	LINNET_COUNT(flow->net, InErrs);
drop:
	kfree_skb(skb);
	return 0;
}

/**
 * linnet_icmp() - an ICMP error about a segment of ours
 * @flow: the two ends of the segment that it quotes
 * @seq: sequence number of that
 * @icmp: the error
 * @report: what to do with it; called with the socket's spinlock held
 *
 * An error about a segment that is not out is forged or late (RFC 5927, 4.1).
 *
 * Context: softirq, RCU read side.
 * Return: 0, or -ENOENT when it concerns nobody.
 */
int linnet_icmp(const struct linnet_flow *flow, u32 seq,
		const struct linnet_icmp *icmp,
		void (*report)(struct sock *, const struct linnet_icmp *))
{
	struct sock *sk = linnet_lookup_connection(flow);
	struct tcp_sock *tp;

	if (!sk)
		sk = linnet_lookup_listener(flow, NULL);
	if (!sk)
		return -ENOENT;
	if (sk->sk_state == TCP_TIME_WAIT) {
		linnet_timewait_put(sk);
		return 0;
	}
	if (sk->sk_state == TCP_LISTEN)
		bh_lock_sock_nested(sk);
	else
		bh_lock_sock(sk);
	tp = tcp_sk(sk);
	if (sk->sk_state == TCP_LISTEN) {
		if (!sock_owned_by_user(sk) && icmp->fatal)
			linnet_listen_icmp(sk, flow, seq);
	} else if (sk->sk_state != TCP_CLOSE &&
		   seq_between(seq, tp->snd_una, tp->snd_nxt)) {
		if (icmp->no_route)
			linnet_rto_revert(sk, seq);
		if (sk->sk_state != TCP_CLOSE)
			report(sk, icmp);
	}
	bh_unlock_sock(sk);
	sock_put(sk);
	return 0;
}

/**
 * linnet_icmp_error() - a host or network cannot be reached
 * @sk: the socket, its spinlock held
 * @err: positive errno
 * @hard: the user asked to be told (IP_RECVERR)
 *
 * RFC 9293, 3.9.2.2: soft while the connection lives, it may be over soon;
 * while it is being opened, the end.
 */
void linnet_icmp_error(struct sock *sk, int err, bool hard)
{
	if (sk->sk_state == TCP_SYN_SENT || sk->sk_state == TCP_SYN_RECV) {
		if (!sock_owned_by_user(sk))
			linnet_abort(sk, err);
		else
			WRITE_ONCE(sk->sk_err_soft, err);
	} else if (hard && !sock_owned_by_user(sk)) {
		WRITE_ONCE(sk->sk_err, err);
		sk_error_report(sk);
	} else {
		WRITE_ONCE(sk->sk_err_soft, err);
	}
}

/**
 * linnet_mtu_told() - an ICMP error tells that the path takes less
 * @sk: the socket, its spinlock held; its route knows already
 */
void linnet_mtu_told(struct sock *sk)
{
	if (sock_owned_by_user(sk))
		set_bit(LINNET_DEFERRED_MTU, &linnet_sk(sk)->deferred);
	else
		linnet_mtu_reduced(sk);
}

/**
 * linnet_mtu_reduced() - the path takes less than was thought
 * @sk: the socket, locked; its route knows already
 */
void linnet_mtu_reduced(struct sock *sk)
{
	if ((1 << sk->sk_state) & (TCPF_CLOSE | TCPF_LISTEN | TCPF_SYN_SENT))
		return;
	/* The user may have sent meanwhile, and the MSS be right already: what
	 * went out before it was is too big all the same.
	 */
	linnet_sync_mss(sk);
	linnet_recovery_mtu(sk);
}
