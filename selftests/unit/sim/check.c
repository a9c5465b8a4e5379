// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The rules of the simulation. What a host sends is looked at as it goes out,
 * with what the host could know; sockets are looked at after each event.
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

/**
 * check_end() - everything that must hold of a connection between events
 * @e: one end of it
 */
void check_end(struct end *e)
{
	const struct sock *sk = e->sk;

	if (!sk || e->held)
		return;
	checks_made++;
	/* long queues, not each time */
	check_socket(e->sk, e->isn,
		     (tcp_sk(sk)->packets_out < 32 || checks_made % 16 == 0 ?
		      CHECK_SEND : 0) |
		     (checks_made % 4 == 0 ? CHECK_RECEIVE : 0));
}

void check_all(void)
{
	unsigned int i;

	for (i = 0; i < 2 * n_connections; i++)
		check_end(&connections[i / 2].ends[i % 2]);
	SIM_MUST(!preempt_count(), "softirqs are left off");
}
