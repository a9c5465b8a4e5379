// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What must hold of a socket whatever its peer does: its sequence numbers, its
 * queues and the scoreboard beside a count of them, the memory that it has, the
 * timers that run. And, when all is over, that nothing is left.
 */
#include <linux/skbuff.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "linnet.h"
#include "socket_check.h"
#include "xmit.h"

/* Pages that are asked for as a whole, for a super-segment at most */
#define FORWARD_MOST	(64 * 1024)
#define OWED_MOST	(8 * 1024)

static void check_cb(const struct sk_buff *skb)
{
	const struct linnet_cb *cb = LINNET_CB(skb);

	SIM_MUST(cb->end_seq - cb->seq == skb->len +
		 !!(cb->flags & LINNET_SYN) + !!(cb->flags & LINNET_FIN),
		 "a buffer of %u octets for %u", skb->len,
		 cb->end_seq - cb->seq);
}

/* What is out, and the sums of its marks. Returns what it is charged. */
static u32 check_rtx_queue(struct sock *sk, u32 isn)
{
	u32 packets = 0, sacked = 0, lost = 0, retrans = 0, seq, memory = 0;
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *skb = linnet_rtx_head(sk);

	SIM_MUST(!!skb == !!tp->packets_out,
		 "packets_out is %u, the queue %s", tp->packets_out,
		 skb ? "is not empty" : "is empty");
	seq = skb ? LINNET_CB(skb)->seq : tp->snd_una;
	SIM_MUST(!seq_after(seq, tp->snd_una), "the queue begins above SND.UNA");
	for (; skb; skb = linnet_rtx_next(skb)) {
		const struct linnet_cb *cb = LINNET_CB(skb);

		check_cb(skb);
		SIM_MUST(cb->seq == seq, "a gap in the retransmission queue");
		SIM_MUST(seq_after(cb->end_seq, tp->snd_una),
			 "acknowledged data in the retransmission queue");
		SIM_MUST(cb->segs && (cb->segs == 1 || cb->gso_size),
			 "a buffer of %u segments", cb->segs);
		seq = cb->end_seq;
		packets += cb->segs;
		memory += skb->truesize;
		if (cb->sacked & LINNET_SACKED)
			sacked += cb->segs;
		if (cb->sacked & LINNET_LOST)
			lost += cb->segs;
		if (cb->sacked & LINNET_RETRANS)
			retrans += cb->segs;
		SIM_MUST((cb->sacked & (LINNET_SACKED | LINNET_LOST)) !=
			 (LINNET_SACKED | LINNET_LOST),
			 "a buffer is SACKed and lost");
	}
	SIM_MUST(seq == tp->snd_nxt, "the queue ends at %d, SND.NXT is %d",
		 (int)(seq - isn), (int)(tp->snd_nxt - isn));
	SIM_MUST(packets == tp->packets_out && lost == tp->lost_out &&
		 retrans == tp->retrans_out &&
		 (sacked == tp->sacked_out || !tp->rx_opt.sack_ok),
		 "counted %u out, %u SACKed, %u lost, %u retransmitted; kept %u, %u, %u, %u",
		 packets, sacked, lost, retrans, tp->packets_out,
		 tp->sacked_out, tp->lost_out, tp->retrans_out);
	SIM_MUST(tp->sacked_out + tp->lost_out <= tp->packets_out,
		 "%u SACKed and %u lost of %u", tp->sacked_out, tp->lost_out,
		 tp->packets_out);
	return memory;
}

static void check_send_queues(struct sock *sk, u32 isn)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 memory = check_rtx_queue(sk, isn), seq = tp->snd_nxt;
	struct sk_buff *skb;

	skb_queue_walk(&sk->sk_write_queue, skb) {
		check_cb(skb);
		SIM_MUST(LINNET_CB(skb)->seq == seq, "a gap in the send queue");
		seq = LINNET_CB(skb)->end_seq;
		memory += skb->truesize;
	}
	SIM_MUST(seq == tp->write_seq, "the send queue ends at %d of %d",
		 (int)(seq - isn), (int)(tp->write_seq - isn));
	SIM_MUST(memory == sk->sk_wmem_queued,
		 "%u octets are queued, %d are charged", memory,
		 sk->sk_wmem_queued);
}

/* Each block that the peer is told of must be held, from end to end */
static void check_blocks(const struct linnet_reassembly *r, u32 rcv_nxt)
{
	unsigned int i, j;
	struct sk_buff *skb;

	for (i = 0; i < r->n_recent; i++) {
		struct linnet_block b = r->recent[i];
		u32 at = b.start;

		SIM_MUST(seq_before(b.start, b.end), "an empty SACK block");
		SIM_MUST(seq_after(b.start, rcv_nxt),
			 "a SACK block begins at or below RCV.NXT");
		for (j = 0; j < i; j++)
			SIM_MUST(seq_after(b.start, r->recent[j].end) ||
				 seq_after(r->recent[j].start, b.end),
				 "two SACK blocks meet");
		for (skb = linnet_reassembly_first(r); skb;
		     skb = linnet_reassembly_after(skb))
			if (!seq_after(LINNET_CB(skb)->seq, at))
				at = seq_max(at, LINNET_CB(skb)->end_seq);
		SIM_MUST(!seq_before(at, b.end),
			 "a SACK block tells of what is not held");
	}
}

/* Out of order: sorted, no buffer within another. Returns what it is charged. */
static u32 check_reassembly(const struct sock *sk)
{
	const struct linnet_reassembly *r = &linnet_sk(sk)->reassembly;
	u32 memory = 0, bytes = 0, rcv_nxt = tcp_sk(sk)->rcv_nxt;
	struct sk_buff *skb, *before = NULL;

	for (skb = linnet_reassembly_first(r); skb;
	     skb = linnet_reassembly_after(skb)) {
		const struct linnet_cb *cb = LINNET_CB(skb);

		SIM_MUST(seq_after(cb->end_seq, rcv_nxt),
			 "out of order, and below RCV.NXT");
		SIM_MUST(!before ||
			 (seq_after(cb->seq, LINNET_CB(before)->seq) &&
			  seq_after(cb->end_seq, LINNET_CB(before)->end_seq)),
			 "the out-of-order queue is not in order");
		memory += skb->truesize;
		bytes += cb->end_seq - cb->seq;
		before = skb;
	}
	SIM_MUST(r->last == before, "the out-of-order queue has lost its end");
	SIM_MUST(r->bytes == bytes, "%u octets out of order, counted %u",
		 bytes, r->bytes);
	check_blocks(r, rcv_nxt);
	return memory;
}

static void check_rcv_queues(const struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	u32 memory = check_reassembly(sk), seq = 0;
	struct sk_buff *skb;
	bool first = true;

	skb_queue_walk(&sk->sk_receive_queue, skb) {
		SIM_MUST(first || !seq_after(LINNET_CB(skb)->seq, seq),
			 "a gap in the receive queue");
		SIM_MUST(!first || !seq_after(LINNET_CB(skb)->seq,
					      tp->copied_seq),
			 "the receive queue begins above what was read");
		first = false;
		seq = LINNET_CB(skb)->end_seq;
		memory += skb->truesize;
	}
	SIM_MUST(first || !seq_after(seq, tp->rcv_nxt),
		 "the receive queue reaches above RCV.NXT");
	SIM_MUST(memory == atomic_read(&sk->sk_rmem_alloc),
		 "%u octets are held, %d are charged", memory,
		 atomic_read(&sk->sk_rmem_alloc));
}

/**
 * check_socket() - everything that must hold of a connection between events
 * @sk: the socket, locked by nobody
 * @isn: what sequence numbers are told from
 * @walks: CHECK_SEND, CHECK_RECEIVE: look into the queues, too
 */
void check_socket(struct sock *sk, u32 isn, unsigned int walks)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	if (sk->sk_state == TCP_CLOSE || sk->sk_state == TCP_LISTEN)
		return;
	SIM_MUST(!sk->sk_lock.owned && !sk->sk_backlog.head,
		 "the socket is left locked");
	SIM_MUST(!seq_after(tp->snd_una, tp->snd_nxt) &&
		 !seq_after(tp->snd_nxt, tp->write_seq),
		 "SND.UNA %d, SND.NXT %d, end %d", (int)(tp->snd_una - isn),
		 (int)(tp->snd_nxt - isn), (int)(tp->write_seq - isn));
	SIM_MUST(!seq_after(tp->copied_seq, tp->rcv_nxt),
		 "the user has read above RCV.NXT");
	SIM_MUST(tcp_snd_cwnd(tp), "the congestion window is zero");
	/* a SYN is charged without asking, and what is unshared or cut anew */
	SIM_MUST(sk->sk_forward_alloc > -OWED_MOST,
		 "%d octets are charged that are not allocated",
		 -sk->sk_forward_alloc);
	SIM_MUST(sk->sk_forward_alloc < FORWARD_MOST,
		 "%d octets are allocated that nobody uses",
		 sk->sk_forward_alloc);
	if (walks & CHECK_SEND)
		check_send_queues(sk, isn);
	if (walks & CHECK_RECEIVE)
		check_rcv_queues(sk);
	SIM_MUST(!tp->packets_out || timer_pending(linnet_compat_rtx_timer(sk)),
		 "%u segments are out and no timer runs", tp->packets_out);
}

/**
 * check_drained() - all is over: nothing may be left
 */
void check_drained(void)
{
	int i;

	SIM_MUST(!sockets_alive, "%ld sockets are left", sockets_alive);
	SIM_MUST(!memory_count.buffers, "%ld buffers are left",
		 memory_count.buffers);
	SIM_MUST(!memory_count.pages, "%ld blocks of pages are left",
		 memory_count.pages);
	SIM_MUST(!routes_held(), "%ld routes are held", routes_held());
	SIM_MUST(!linnet_orphans(), "%d orphans are left", linnet_orphans());
	SIM_MUST(!percpu_counter_sum_positive(&linnet_sockets_allocated),
		 "sockets are counted that are none");
	SIM_MUST(!linnet_memory_allocated(), "%ld pages are allocated",
		 linnet_memory_allocated());
	for (i = 0; i < HOSTS; i++)
		SIM_MUST(!atomic_read(&linnet_pernet(hosts[i].net)->tw_count),
			 "connections are left in TIME-WAIT");
}
