// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The rules. What a host sends is looked at as it goes out, with what the host
 * could know; sockets are looked at after each event.
 */
#include <linux/ip.h>
#include <linux/skbuff.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "linnet.h"
#include "sim.h"

u64 checks_made;

/* Segments that may be out above the window: limited transmit (RFC 3042) and a
 * tail loss probe (RFC 8985, 7.3)
 */
#define ABOVE_CWND	3

static u32 told_window(const struct end *e, const struct linnet_header *h)
{
	u32 wnd = ntohs(h->window);

	return h->flags & LINNET_SYN || !e->scaled ? wnd : wnd << e->scale;
}

static void learn_syn(struct end *e, const struct linnet_header *h)
{
	struct linnet_options opt;

	linnet_options_parse((const u8 *)(h + 1),
			     linnet_header_len(h) - LINNET_HEADER_LEN, true,
			     &opt);
	if (!e->syn_sent || ntohl(h->seq) != e->isn) {
		e->isn = ntohl(h->seq);
		e->sent_high = e->isn;
		e->edge_known = false;
		e->acked_told = 0;
	}
	e->syn_sent = true;
	e->scale_offered = opt.wscale_ok;
	e->scale = opt.wscale;
	if (e->peer->syn_sent) {
		e->scaled = e->scale_offered && e->peer->scale_offered;
		e->peer->scaled = e->scaled;
	}
}

/* What leaves a connection, before it is cut up */
static void check_data(struct end *e, const struct linnet_header *h, u32 len)
{
	struct sock *sk = e->sk;
	struct tcp_sock *tp = tcp_sk(sk);
	u32 seq = ntohl(h->seq), end = seq + len + !!(h->flags & LINNET_FIN);
	u32 segs;

	SIM_MUST(!seq_before(seq, tp->snd_una) ||
		 h->flags & LINNET_SYN,
		 "%u octets are sent at %d that are acknowledged: SND.UNA is %d",
		 len, (int)(seq - e->isn), (int)(tp->snd_una - e->isn));
	SIM_MUST(!e->edge_heard_known || !seq_after(seq + len, e->edge_heard),
		 "sent up to %d, the window ends at %d",
		 (int)(end - e->isn), (int)(e->edge_heard - e->isn));
	if (seq_before(seq, tp->snd_nxt) || sk->sk_state == TCP_SYN_SENT)
		return;
	segs = DIV_ROUND_UP(len, max(tp->mss_cache, 1U));
	SIM_MUST(tcp_packets_in_flight(tp) + segs <=
		 tcp_snd_cwnd(tp) + ABOVE_CWND,
		 "%u segments are out and %u more are sent, the window is %u",
		 tcp_packets_in_flight(tp), segs, tcp_snd_cwnd(tp));
}

/**
 * check_sent() - a host sends a buffer
 * @from: the host
 * @skb: with its IP header, not cut up yet
 */
void check_sent(struct host *from, const struct sk_buff *skb)
{
	const struct linnet_header *h =
		(const void *)skb_transport_header(skb);
	u32 len = skb->len - skb_transport_offset(skb) - linnet_header_len(h);
	u32 seq = ntohl(h->seq), ack = ntohl(h->ack_seq);
	struct end *e = end_of(from, ntohs(h->source), ntohs(h->dest));
	u32 edge;

	checks_made++;
	SIM_MUST(!(h->doff & 0xf) && linnet_header_len(h) >= 20 && !h->urg_ptr,
		 "a header is wrong");
	SIM_MUST((skb_is_gso(skb) ? skb_shinfo(skb)->gso_size : len) +
		 linnet_header_len(h) + 20 <= from->mtu,
		 "segments of %u octets and %u of header for an MTU of %u",
		 skb_is_gso(skb) ? skb_shinfo(skb)->gso_size : len,
		 linnet_header_len(h) + 20, from->mtu);
	if (!e)
		return;
	if (h->flags & LINNET_SYN)
		learn_syn(e, h);
	if (h->flags & LINNET_RST)
		return;
	if (!e->syn_sent)
		return;
	if (len && e->sk && e->sk->sk_state != TCP_CLOSE)
		check_data(e, h, len);
	seq += len + !!(h->flags & (LINNET_SYN | LINNET_FIN));
	e->sent_high = seq_max(e->sent_high, seq);
	if (!(h->flags & LINNET_ACK))
		return;

	SIM_MUST(e->peer->syn_sent && !seq_after(ack, e->peer->sent_high),
		 "%d is acknowledged, %d was sent", (int)(ack - e->peer->isn),
		 (int)(e->peer->sent_high - e->peer->isn));
	edge = ack + told_window(e, h);
	if (e->edge_known) {
		SIM_MUST(!seq_before(ack, e->acked_told),
			 "the acknowledgement falls from %d to %d",
			 (int)(e->acked_told - e->peer->isn),
			 (int)(ack - e->peer->isn));
		/* A SYN, sent again, can tell of 65535 octets only; and as with
		 * TCP a segment dropped for lack of memory closes the window.
		 */
		SIM_MUST(!seq_before(edge, e->edge_told) ||
			 h->flags & LINNET_SYN || edge == ack,
			 "the window shrinks: its edge falls from %d to %d",
			 (int)(e->edge_told - e->peer->isn),
			 (int)(edge - e->peer->isn));
	}
	if (!e->edge_known || seq_after(edge, e->edge_told) || edge == ack)
		e->edge_told = edge;
	if (!e->edge_known || seq_after(edge, e->edge_most))
		e->edge_most = edge;
	e->edge_known = true;
	e->acked_told = ack;
}

/**
 * check_delivered() - a datagram reaches a host
 * @to: the host
 * @datagram: with its IP header
 * @len: octets
 */
void check_delivered(struct host *to, const u8 *datagram, u32 len)
{
	const struct linnet_header *h = (const void *)(datagram + 20);
	struct end *e;
	u32 edge;

	if (len < 40 || !(h->flags & LINNET_ACK) || h->flags & LINNET_RST)
		return;
	e = end_of(to, ntohs(h->dest), ntohs(h->source));
	if (!e || !e->syn_sent)
		return;
	/* damaged, and about to be dropped: more than was told is not heard */
	edge = ntohl(h->ack_seq) + told_window(e->peer, h);
	if (seq_after(edge, e->peer->edge_most))
		return;
	if (!e->edge_heard_known || seq_after(edge, e->edge_heard))
		e->edge_heard = edge;
	e->edge_heard_known = true;
}

/* --- sockets --- */

static void check_rtx_queue(struct end *e, struct sock *sk)
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

		SIM_MUST(cb->seq == seq, "a gap in the retransmission queue");
		SIM_MUST(seq_after(cb->end_seq, tp->snd_una),
			 "acknowledged data in the retransmission queue");
		SIM_MUST(cb->end_seq - cb->seq == skb->len +
			 !!(cb->flags & LINNET_SYN) +
			 !!(cb->flags & LINNET_FIN),
			 "a buffer of %u octets for %u", skb->len,
			 cb->end_seq - cb->seq);
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
		 (int)(seq - e->isn), (int)(tp->snd_nxt - e->isn));
	SIM_MUST(packets == tp->packets_out && lost == tp->lost_out &&
		 retrans == tp->retrans_out &&
		 (sacked == tp->sacked_out || !tp->rx_opt.sack_ok),
		 "counted %u out, %u SACKed, %u lost, %u retransmitted; kept %u, %u, %u, %u",
		 packets, sacked, lost, retrans, tp->packets_out,
		 tp->sacked_out, tp->lost_out, tp->retrans_out);
	SIM_MUST(tp->sacked_out + tp->lost_out <= tp->packets_out,
		 "%u SACKed and %u lost of %u", tp->sacked_out, tp->lost_out,
		 tp->packets_out);

	skb_queue_walk(&sk->sk_write_queue, skb) {
		SIM_MUST(LINNET_CB(skb)->seq == seq, "a gap in the send queue");
		SIM_MUST(LINNET_CB(skb)->end_seq - seq == skb->len +
			 !!(LINNET_CB(skb)->flags & LINNET_FIN),
			 "a buffer of %u octets for %u", skb->len,
			 LINNET_CB(skb)->end_seq - seq);
		seq = LINNET_CB(skb)->end_seq;
		memory += skb->truesize;
	}
	SIM_MUST(seq == tp->write_seq, "the send queue ends at %d of %d",
		 (int)(seq - e->isn), (int)(tp->write_seq - e->isn));
	SIM_MUST(memory == sk->sk_wmem_queued,
		 "%u octets are queued, %d are charged", memory,
		 sk->sk_wmem_queued);
}

static void check_rcv_queue(struct sock *sk)
{
	struct linnet_reassembly *r = &linnet_sk(sk)->reassembly;
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *skb;
	struct rb_node *n;
	u32 memory = 0, seq = 0;
	bool first = true;

	skb_queue_walk(&sk->sk_receive_queue, skb) {
		SIM_MUST(first || LINNET_CB(skb)->seq == seq ||
			 seq_before(LINNET_CB(skb)->seq, seq),
			 "a gap in the receive queue");
		first = false;
		seq = LINNET_CB(skb)->end_seq;
		memory += skb->truesize;
	}
	SIM_MUST(first || !seq_after(seq, tp->rcv_nxt),
		 "the receive queue reaches above RCV.NXT");
	for (n = rb_first(&r->queue); n; n = rb_next(n)) {
		skb = rb_to_skb(n);
		SIM_MUST(seq_after(LINNET_CB(skb)->end_seq, tp->rcv_nxt),
			 "out of order, and below RCV.NXT");
		memory += skb->truesize;
	}
	SIM_MUST(memory == atomic_read(&sk->sk_rmem_alloc),
		 "%u octets are held, %d are charged", memory,
		 atomic_read(&sk->sk_rmem_alloc));
}

/**
 * check_end() - everything that must hold of a connection between events
 * @e: one end of it
 */
void check_end(struct end *e)
{
	struct sock *sk = e->sk;
	struct tcp_sock *tp = tcp_sk(sk);

	if (!sk || sk->sk_state == TCP_CLOSE || sk->sk_state == TCP_LISTEN ||
	    e->held)
		return;
	checks_made++;
	SIM_MUST(!sk->sk_lock.owned && !sk->sk_backlog.head,
		 "the socket is left locked");
	SIM_MUST(!seq_after(tp->snd_una, tp->snd_nxt) &&
		 !seq_after(tp->snd_nxt, tp->write_seq),
		 "SND.UNA %d, SND.NXT %d, end %d", (int)(tp->snd_una - e->isn),
		 (int)(tp->snd_nxt - e->isn), (int)(tp->write_seq - e->isn));
	SIM_MUST(!seq_after(tp->copied_seq, tp->rcv_nxt),
		 "the user has read above RCV.NXT");
	SIM_MUST(tcp_snd_cwnd(tp), "the congestion window is zero");
	/* SYN, FIN and the halves of a buffer are charged without asking */
	SIM_MUST(sk->sk_forward_alloc > -(1 << 23),
		 "%d octets are charged that are not allocated",
		 -sk->sk_forward_alloc);
	/* long queues, not each time */
	if (tp->packets_out < 32 || checks_made % 16 == 0)
		check_rtx_queue(e, sk);
	if (checks_made % 4 == 0)
		check_rcv_queue(sk);
	SIM_MUST(!tp->packets_out || timer_pending(linnet_compat_rtx_timer(sk)),
		 "%u segments are out and no timer runs", tp->packets_out);
}

void check_all(void)
{
	unsigned int i;

	for (i = 0; i < 2 * n_connections; i++)
		check_end(&connections[i / 2].ends[i % 2]);
	SIM_MUST(!preempt_count(), "softirqs are left off");
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
