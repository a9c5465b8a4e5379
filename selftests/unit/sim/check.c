// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The rules of the simulation. What a host sends is looked at as it goes out,
 * with what the host could know; sockets are looked at after each event.
 */
#include <linux/ip.h>
#include <linux/skbuff.h>
#include <net/inet_ecn.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "linnet.h"
#include "sim.h"

u64 checks_made;
bool ecn_strict;

/* A window that the congestion control sets itself may sink below what is out:
 * then a tail loss probe is all that goes (RFC 8985, 7.3)
 */
static bool probes(const struct end *e, u32 segs)
{
	const struct linnet_net *ln = linnet_pernet(e->host->net);

	return segs == 1 &&
	       rcu_access_pointer(ln->congestion_control)->cong_control &&
	       !tcp_sk(e->sk)->tlp_high_seq;
}

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
static void check_data(struct end *e, const struct linnet_header *h, u32 len,
		       u32 gso_size)
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
	segs = gso_size ? DIV_ROUND_UP(len, gso_size) : 1;
	SIM_MUST(tcp_packets_in_flight(tp) + segs <=
		 tcp_snd_cwnd(tp) + ABOVE_CWND || probes(e, segs),
		 "%u segments are out and %u more are sent, the window is %u",
		 tcp_packets_in_flight(tp), segs, tcp_snd_cwnd(tp));
}

/* --- RFC 3168: a mark is echoed until CWR, and answered once a round trip --- */

/* Another congestion control than RFC 3168's */
static bool lives_on_marks(const struct end *e)
{
	const struct linnet_net *ln = linnet_pernet(e->host->net);

	return rcu_access_pointer(ln->congestion_control)->flags &
	       TCP_CONG_NEEDS_ECN;
}

/* 6.1.2: the window was reduced, which is told once */
static void check_cwr(struct end *e, u32 seq)
{
	SIM_MUST(e->may_slow || !ecn_strict, "CWR, and nobody asked for it");
	SIM_MUST(!e->slowed || !ecn_strict ||
		 seq_after(tcp_sk(e->sk)->snd_una, e->slowed_at),
		 "CWR twice in a round trip: at %d and at %d",
		 (int)(e->slowed_at - e->isn), (int)(seq - e->isn));
	e->slowed = true;
	e->slowed_at = seq;
	e->may_slow = false;
	e->must_slow = false;
	e->reductions++;
}

static void check_sent_ecn(struct end *e, const struct linnet_header *h,
			   u32 len, u8 ecn)
{
	u32 seq = ntohl(h->seq);
	bool fresh = len && !seq_before(seq, e->sent_high);

	if (!e->sk || e->sk->sk_state == TCP_CLOSE || lives_on_marks(e) ||
	    h->flags & LINNET_SYN)
		return;
	SIM_MUST(ecn != INET_ECN_CE, "a host marks what it sends");
	/* 6.1.4 to 6.1.6: neither ACKs nor probes nor what is sent again. Data
	 * that went with a SYN and was not taken has not been sent.
	 */
	SIM_MUST(!ecn || fresh || (len && tcp_sk(e->sk)->syn_data),
		 "ECT on what is not new data");
	if (h->flags & LINNET_CWR) {
		SIM_MUST(len, "CWR without data");
		check_cwr(e, seq);
	} else if (fresh && !e->held) {
		SIM_MUST(!e->must_slow, "new data without CWR after an echo");
	}
	if (!(h->flags & LINNET_ACK))
		return;
	SIM_MUST(!(h->flags & LINNET_ECE) ||
		 (ecn_strict ? e->echoes : e->marked),
		 "an echo, and no mark has come");
	SIM_MUST(h->flags & LINNET_ECE || !ecn_strict || !e->must_echo ||
		 seq_before(ntohl(h->ack_seq), e->marked_end),
		 "marked data are acknowledged without an echo");
}

static void check_delivered_ecn(struct end *e, const struct linnet_header *h,
				u32 len, u8 ecn)
{
	u32 ack = ntohl(h->ack_seq);

	if (lives_on_marks(e) || h->flags & (LINNET_SYN | LINNET_RST))
		return;
	/* while a program holds the socket it waits */
	if (len && h->flags & LINNET_CWR) {
		e->must_echo = false;
		e->echoes &= e->held;
	}
	if (len && ecn == INET_ECN_CE) {
		e->marked = true;
		e->echoes = true;
		e->must_echo = e->sk &&
			       tcp_sk(e->sk)->ecn_flags & LINNET_ECN_OK;
		e->marked_end = ntohl(h->seq) + len;
	}
	if (!e->sk || e->sk->sk_state == TCP_CLOSE)
		return;
	if (h->flags & LINNET_ECE &&
	    (!e->slowed || seq_after(ack, e->slowed_at))) {
		e->may_slow = true;
		/* or all that it marks may have been sent and acknowledged */
		e->must_slow = ecn_strict && !e->held &&
			       seq_after(ack, tcp_sk(e->sk)->snd_una) &&
			       e->sk->sk_state == TCP_ESTABLISHED;
	}
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
	u32 ip = skb_transport_offset(skb), edge;

	checks_made++;
	SIM_MUST(!(h->doff & 0xf) && linnet_header_len(h) >= 20 && !h->urg_ptr,
		 "a header is wrong");
	SIM_MUST((skb_is_gso(skb) ? skb_shinfo(skb)->gso_size : len) +
		 linnet_header_len(h) + ip <= from->mtu,
		 "segments of %u octets and %u of header for an MTU of %u",
		 skb_is_gso(skb) ? skb_shinfo(skb)->gso_size : len,
		 linnet_header_len(h) + ip, from->mtu);
	if (!e)
		return;
	if (h->flags & LINNET_SYN)
		learn_syn(e, h);
	if (h->flags & LINNET_RST)
		return;
	if (!e->syn_sent)
		return;
	if (len && e->sk && e->sk->sk_state != TCP_CLOSE)
		check_data(e, h, len, skb_shinfo(skb)->gso_size);
	seq += len + !!(h->flags & (LINNET_SYN | LINNET_FIN));
	check_sent_ecn(e, h, len, datagram_ecn(skb->data));
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
	u32 ip = datagram_header(datagram), edge;
	const struct linnet_header *h = (const void *)(datagram + ip);
	struct end *e;

	if (len < ip + LINNET_HEADER_LEN || !(h->flags & LINNET_ACK) || h->flags & LINNET_RST)
		return;
	e = end_of(to, ntohs(h->dest), ntohs(h->source));
	if (!e || !e->syn_sent)
		return;
	if (len >= ip + linnet_header_len(h))
		check_delivered_ecn(e, h, len - ip - linnet_header_len(h),
				    datagram_ecn(datagram));
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
