// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Explicit congestion notification (RFC 3168): routers mark instead of
 * dropping, the receiver echoes the mark until the sender says that it has
 * slowed down.
 *
 *	sender			router		receiver
 *	ECT(0) in each new	CE where	ECE in each ACK from the first
 *	segment			it is full	CE on, until CWR comes
 *	<- ECE: reduce once a round trip, CWR with the next new data
 *
 * A path that drops or strips this must not cost the connection: a SYN that is
 * sent again does not ask (6.1.1.1), and when losses show again that of what was
 * sent as ECT nothing ever arrived, no more is sent so.
 */
#include <net/inet_ecn.h>

#include "linnet.h"
#include "ecn.h"

static bool wanted(struct sock *sk)
{
	const struct dst_entry *dst = __sk_dst_get(sk);

	return READ_ONCE(linnet_sk_net(sk)->ecn) == 1 || tcp_ca_needs_ecn(sk) ||
	       (dst && dst_feature(dst, RTAX_FEATURE_ECN));
}

/**
 * linnet_ecn_syn() - does our SYN ask for ECN (RFC 3168, 6.1.1)?
 * @sk: the socket, locked, about to connect
 *
 * Return: flags for the SYN.
 */
u8 linnet_ecn_syn(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	tp->ecn_flags = 0;
	if (!wanted(sk))
		return 0;
	tp->ecn_flags = LINNET_ECN_OK;
	if (tcp_ca_needs_ecn(sk))
		INET_ECN_xmit(sk);
	return LINNET_ECE | LINNET_CWR;
}

/**
 * linnet_ecn_syn_again() - the flags of a SYN that is sent again (6.1.1.1)
 * @sk: the socket, locked
 * @flags: what it had
 *
 * Whether ECN is on is settled by the SYN and ACK: the first SYN may have
 * arrived.
 */
u8 linnet_ecn_syn_again(struct sock *sk, u8 flags)
{
	if ((flags & (LINNET_ECE | LINNET_CWR)) != (LINNET_ECE | LINNET_CWR) ||
	    !READ_ONCE(linnet_sk_net(sk)->ecn_fallback))
		return flags;
	LINNET_COUNT(sock_net(sk), EcnFallback);
	return flags & ~(LINNET_ECE | LINNET_CWR);
}

/**
 * linnet_ecn_syn_received() - the peer's SYN, or SYN and ACK: does it take part?
 * @sk: the socket, locked, in SYN-SENT
 * @seg: the segment
 */
void linnet_ecn_syn_received(struct sock *sk, const struct linnet_segment *seg)
{
	u8 ecn = seg->flags & (LINNET_ECE | LINNET_CWR);

	/* A simple SYN has both, the SYN and ACK has ECE alone; one that
	 * mirrors every flag has not understood
	 */
	if (ecn != (seg->flags & LINNET_ACK ? LINNET_ECE :
		    LINNET_ECE | LINNET_CWR))
		tcp_sk(sk)->ecn_flags &= ~LINNET_ECN_OK;
}

/**
 * linnet_ecn_request() - does the peer's SYN ask, and do we agree?
 * @sk: the listener
 * @seg: the SYN
 * @features: what the route to the peer says, see struct linnet_path
 *
 * A SYN that is itself marked ECT does not come from RFC 3168's procedure
 * (6.1.1), unless the congestion control wants it so.
 */
bool linnet_ecn_request(const struct sock *sk, const struct linnet_segment *seg,
			u32 features)
{
	const u8 both = LINNET_ECE | LINNET_CWR;

	if ((seg->flags & both) != both)
		return false;
	return tcp_ca_needs_ecn(sk) || features & DST_FEATURE_ECN_CA ||
	       ((READ_ONCE(linnet_sk_net(sk)->ecn) || features) &&
		INET_ECN_is_not_ect(seg->ecn));
}

/**
 * linnet_ecn_child() - a child begins
 * @child: the socket, locked
 * @ecn_ok: what its handshake agreed on
 */
void linnet_ecn_child(struct sock *child, bool ecn_ok)
{
	tcp_sk(child)->ecn_flags = ecn_ok ? LINNET_ECN_OK : 0;
	INET_ECN_dontxmit(child);
}

/**
 * linnet_ecn_send() - mark a segment, and tell what is to be told
 * @sk: the socket, locked
 * @skb: the segment, without its header; data is new when it begins at SND.NXT
 * @flags: its flags, not SYN
 *
 * Return: the flags with ECE and CWR.
 */
u8 linnet_ecn_send(struct sock *sk, const struct sk_buff *skb, u8 flags)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (!linnet_ecn_on(tp))
		return flags;
	if (skb->len && !seq_before(LINNET_CB(skb)->seq, tp->snd_nxt)) {
		INET_ECN_xmit(sk);
		if (tp->ecn_flags & TCP_ECN_QUEUE_CWR) {
			tp->ecn_flags &= ~TCP_ECN_QUEUE_CWR;
			flags |= LINNET_CWR;
		}
	} else if (!tcp_ca_needs_ecn(sk)) {
		/* 6.1.4, 6.1.5: neither ACKs nor what is sent again */
		INET_ECN_dontxmit(sk);
	}
	if (tp->ecn_flags & TCP_ECN_DEMAND_CWR)
		flags |= LINNET_ECE;
	return flags;
}

static void quick_acks(struct sock *sk)
{
	struct linnet_ack_state *ack = &linnet_sk(sk)->ack;

	ack->pingpong = false;
	ack->quick = max_t(u8, ack->quick, 2);
	ack->timeout = TCP_ATO_MIN;
}

/**
 * linnet_ecn_received() - a segment with data: was it marked (6.1.3)?
 * @sk: the socket, locked
 * @seg: the segment
 */
void linnet_ecn_received(struct sock *sk, const struct linnet_segment *seg)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (!linnet_ecn_on(tp))
		return;
	if (seg->flags & LINNET_CWR) {
		tp->ecn_flags &= ~TCP_ECN_DEMAND_CWR;
		/* its window may be one segment by now: do not keep it waiting */
		linnet_owe_ack_now(sk);
	}
	switch (seg->ecn) {
	case INET_ECN_NOT_ECT:
		/* marked before and not now: it is sent again */
		if (tp->ecn_flags & TCP_ECN_SEEN)
			quick_acks(sk);
		return;
	case INET_ECN_CE:
		if (tcp_ca_needs_ecn(sk))
			linnet_cong_event(sk, CA_EVENT_ECN_IS_CE);
		if (!(tp->ecn_flags & TCP_ECN_DEMAND_CWR)) {
			quick_acks(sk);
			tp->ecn_flags |= TCP_ECN_DEMAND_CWR;
		}
		LINNET_COUNT(sock_net(sk), InCe);
		break;
	default:
		if (tcp_ca_needs_ecn(sk))
			linnet_cong_event(sk, CA_EVENT_ECN_NO_CE);
	}
	tp->ecn_flags |= TCP_ECN_SEEN;
}

/**
 * linnet_ecn_echoed() - does the peer echo a mark?
 * @sk: the socket, locked
 * @seg: a segment with ACK
 */
bool linnet_ecn_echoed(const struct sock *sk, const struct linnet_segment *seg)
{
	return linnet_ecn_on(tcp_sk(sk)) &&
	       (seg->flags & (LINNET_ECE | LINNET_SYN)) == LINNET_ECE;
}

/**
 * linnet_ecn_delivered() - what was sent once, as ECT, has arrived
 * @sk: the socket, locked
 * @skb: the buffer
 */
void linnet_ecn_delivered(struct sock *sk, const struct sk_buff *skb)
{
	if (skb->len)
		linnet_sk(sk)->ect_acked = true;
}

/**
 * linnet_ecn_lost() - segments are lost: does the path drop what is ECT?
 * @sk: the socket, locked
 *
 * What is sent again is not ECT and gets through, so it takes a second time
 * with nothing else arriving to tell.
 */
void linnet_ecn_lost(struct sock *sk)
{
	struct linnet_sock *ls = linnet_sk(sk);
	struct tcp_sock *tp = tcp_sk(sk);

	if (!linnet_ecn_on(tp) || ls->ect_acked ||
	    !READ_ONCE(linnet_sk_net(sk)->ecn_fallback))
		return;
	if (!ls->ect_lost) {
		ls->ect_lost = true;
		return;
	}
	tp->ecn_flags &= ~(LINNET_ECN_OK | TCP_ECN_QUEUE_CWR |
			   TCP_ECN_DEMAND_CWR);
	INET_ECN_dontxmit(sk);
	LINNET_COUNT(sock_net(sk), EcnFallback);
}
