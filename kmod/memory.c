// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What happens when memory is short: at a socket's receive buffer, or for all
 * of them together.
 */
#include "linnet.h"

/**
 * linnet_rmem_room() - is there memory for a segment that has come?
 * @sk: the socket, locked
 * @skb: the segment
 *
 * What was received out of order gives way first, the farthest before all.  An
 * empty queue always takes one: without it nothing could go on.
 */
bool linnet_rmem_room(struct sock *sk, struct sk_buff *skb)
{
	struct linnet_reassembly *r = &linnet_sk(sk)->reassembly;
	struct sk_buff *victim;

	while (atomic_read(&sk->sk_rmem_alloc) > READ_ONCE(sk->sk_rcvbuf) ||
	       !sk_rmem_schedule(sk, skb, skb->truesize)) {
		if (!linnet_reassembly_empty(r)) {
			/* not for what lies even farther off */
			if (!seq_before(LINNET_CB(r->last)->seq,
					ntohl(((struct linnet_header *)
					       skb->data)->seq)))
				victim = linnet_reassembly_prune(r);
			else
				return false;
			LINNET_COUNT(sock_net(sk), OfoPruned);
			kfree_skb(victim);
			continue;
		}
		return skb_queue_empty(&sk->sk_receive_queue);
	}
	return true;
}
