// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Packetization layer path MTU discovery (RFC 4821, RFC 8899): find out by
 * trying how large a segment the path takes, where no ICMP tells.
 *
 *	search_low	so much is known to arrive, bytes of MTU
 *	search_high	more than that is known not to
 *
 * A probe is one segment of new data of a size between the two.  Its loss says
 * that the size is too large, and nothing about congestion.
 *
 * "net.linnet.mtu_probing" 0: never; 1: when a connection times out again and
 * again, as if in a black hole; 2: always.
 */
#include "linnet.h"
#include "pmtu.h"
#include "recovery.h"
#include "trace.h"
#include "xmit.h"

#define LEAST_CWND	11	/* segments: RFC 4821, 7.3 wants enough ACKs */

static u32 overhead(const struct sock *sk)
{
	return linnet_sk(sk)->af->header_len + tcp_sk(sk)->tcp_header_len;
}

static u32 mss_of(const struct sock *sk, u32 mtu)
{
	u32 mss = mtu > overhead(sk) ? mtu - overhead(sk) : 0;
	u32 options = tcp_sk(sk)->tcp_header_len - LINNET_HEADER_LEN;

	mss = min_t(u32, mss, tcp_sk(sk)->rx_opt.mss_clamp - options);
	return max_t(u32, mss, LINNET_MSS_MIN);
}

static int highest(const struct sock *sk)
{
	return tcp_sk(sk)->rx_opt.mss_clamp + LINNET_HEADER_LEN +
	       linnet_sk(sk)->af->header_len;
}

/* Where the search ends now: the route may take less than the peer (RFC 4821,
 * 7.2)
 */
static int search_end(const struct sock *sk)
{
	const struct inet_connection_sock *icsk = inet_csk(sk);

	return min_t(int, icsk->icsk_mtup.search_high, icsk->icsk_pmtu_cookie);
}

/**
 * linnet_mtu_search_init() - a connection is established
 * @sk: the socket, locked
 */
void linnet_mtu_search_init(struct sock *sk)
{
	struct linnet_net *ln = linnet_sk_net(sk);
	struct inet_connection_sock *icsk = inet_csk(sk);

	icsk->icsk_mtup.enabled = READ_ONCE(ln->mtu_probing) > 1;
	icsk->icsk_mtup.search_high = highest(sk);
	icsk->icsk_mtup.search_low = READ_ONCE(ln->base_mss) + overhead(sk);
	icsk->icsk_mtup.probe_size = 0;
	icsk->icsk_mtup.probe_timestamp = tcp_jiffies32;
}

/**
 * linnet_mtu_bound() - while searching, send no more than is known to arrive
 * @sk: the socket, locked
 * @mss: what the route would allow, bytes
 *
 * Return: bytes.
 */
u32 linnet_mtu_bound(const struct sock *sk, u32 mss)
{
	const struct inet_connection_sock *icsk = inet_csk(sk);

	if (!icsk->icsk_mtup.enabled)
		return mss;
	return min(mss, mss_of(sk, icsk->icsk_mtup.search_low));
}

/* RFC 4821, 7.2: the path may have changed: look again after some time */
static void search_again(struct sock *sk)
{
	struct linnet_net *ln = linnet_sk_net(sk);
	struct inet_connection_sock *icsk = inet_csk(sk);

	if (tcp_jiffies32 - icsk->icsk_mtup.probe_timestamp <
	    READ_ONCE(ln->probe_interval) * HZ)
		return;
	icsk->icsk_mtup.probe_size = 0;
	icsk->icsk_mtup.search_high = highest(sk);
	icsk->icsk_mtup.search_low = tcp_sk(sk)->mss_cache + overhead(sk);
	icsk->icsk_mtup.probe_timestamp = tcp_jiffies32;
}

/* Make the first @len bytes of the send queue one buffer, which shares their
 * pages.  Returns it, charged and out of the queue, or NULL.
 */
static struct sk_buff *take_data(struct sock *sk, u32 len)
{
	struct sk_buff *probe, *skb, *next;
	u32 mss = tcp_sk(sk)->mss_cache, left = len;
	unsigned int frags = 0;

	skb_queue_walk(&sk->sk_write_queue, skb) {
		/* memory that a user watches must not be shared, nor what is
		 * told of an octet (its timestamp, an end of record) be lost
		 */
		if (skb_zcopy(skb) || skb_has_shared_frag(skb) ||
		    skb_headlen(skb) || LINNET_CB(skb)->marks ||
		    skb_shinfo(skb)->tx_flags & SKBTX_ANY_TSTAMP ||
		    LINNET_CB(skb)->flags & LINNET_FIN)
			return NULL;
		frags += skb_shinfo(skb)->nr_frags;
		if (frags > MAX_SKB_FRAGS)
			return NULL;
		if (skb->len >= left) {
			if (skb->len > left &&
			    linnet_fragment(sk, skb, left, mss, false))
				return NULL;
			left = 0;
			break;
		}
		left -= skb->len;
	}
	if (left)
		return NULL;
	probe = linnet_alloc_skb(sk, GFP_ATOMIC | __GFP_NOWARN);
	if (!probe)
		return NULL;

	skb = skb_peek(&sk->sk_write_queue);
	*LINNET_CB(probe) = *LINNET_CB(skb);
	skb_queue_walk_safe(&sk->sk_write_queue, skb, next) {
		struct skb_shared_info *to = skb_shinfo(probe);
		unsigned int i;

		if (!seq_before(LINNET_CB(skb)->seq,
				LINNET_CB(probe)->seq + len))
			break;
		for (i = 0; i < skb_shinfo(skb)->nr_frags; i++) {
			skb_frag_t *frag = &skb_shinfo(skb)->frags[i];

			skb_frag_ref(skb, i);
			to->frags[to->nr_frags++] = *frag;
			skb_len_add(probe, skb_frag_size(frag));
		}
		LINNET_CB(probe)->end_seq = LINNET_CB(skb)->end_seq;
		LINNET_CB(probe)->flags |= LINNET_CB(skb)->flags;
		__skb_unlink(skb, &sk->sk_write_queue);
		linnet_wmem_free(sk, skb);
	}
	LINNET_CB(probe)->segs = 1;
	LINNET_CB(probe)->gso_size = 0;
	sk_wmem_queued_add(sk, probe->truesize);
	linnet_mem_force(sk, probe->truesize, SK_MEM_SEND);
	sk_mem_charge(sk, probe->truesize);
	return probe;
}

/**
 * linnet_mtu_probe() - try a larger segment, if now is the time
 * @sk: the socket, locked, with data to send
 *
 * Return: 1: a probe has been sent; 0: wait, one can be sent soon; -1: send as
 * usual.
 */
int linnet_mtu_probe(struct sock *sk)
{
	struct inet_connection_sock *icsk = inet_csk(sk);
	struct tcp_sock *tp = tcp_sk(sk);
	u32 size, needed, in_flight;
	struct sk_buff *probe;

	if (likely(!icsk->icsk_mtup.enabled || icsk->icsk_mtup.probe_size ||
		   icsk->icsk_ca_state != TCP_CA_Open ||
		   tcp_snd_cwnd(tp) < LEAST_CWND ||
		   linnet_reassembly_told(&linnet_sk(sk)->reassembly)))
		return -1;
	if (search_end(sk) - icsk->icsk_mtup.search_low <
	    READ_ONCE(linnet_sk_net(sk)->probe_threshold)) {
		search_again(sk);
		return -1;
	}
	size = mss_of(sk, (search_end(sk) + icsk->icsk_mtup.search_low) >> 1);
	if (size <= tp->mss_cache)
		return -1;
	/* enough behind it that its loss shows by duplicate ACKs */
	needed = size + (tp->reordering + 1) * tp->mss_cache;
	if (tp->write_seq - tp->snd_nxt < needed || tp->snd_wnd < needed)
		return -1;
	if (seq_after(tp->snd_nxt + needed, tp->snd_una + tp->snd_wnd))
		return 0;
	in_flight = tcp_packets_in_flight(tp);
	if (in_flight + 2 > tcp_snd_cwnd(tp))
		return in_flight ? 0 : -1;

	probe = take_data(sk, size);
	if (!probe)
		return -1;
	if (linnet_transmit(sk, probe, true, GFP_ATOMIC)) {
		__skb_queue_head(&sk->sk_write_queue, probe);
		return -1;
	}
	__skb_queue_head(&sk->sk_write_queue, probe);
	/* it takes the place of several segments */
	tcp_snd_cwnd_set(tp, tcp_snd_cwnd(tp) - 1);
	linnet_sent_new_data(sk, probe);
	icsk->icsk_mtup.probe_size = size + overhead(sk);
	tp->mtu_probe.probe_seq_start = LINNET_CB(probe)->seq;
	tp->mtu_probe.probe_seq_end = LINNET_CB(probe)->end_seq;
	LINNET_COUNT(sock_net(sk), MtuProbes);
	return 1;
}

/**
 * linnet_mtu_probe_acked() - SND.UNA has moved: has the probe arrived?
 * @sk: the socket, locked
 */
void linnet_mtu_probe_acked(struct sock *sk)
{
	struct inet_connection_sock *icsk = inet_csk(sk);
	struct tcp_sock *tp = tcp_sk(sk);
	u64 bytes;

	if (likely(!icsk->icsk_mtup.probe_size) ||
	    seq_before(tp->snd_una, tp->mtu_probe.probe_seq_end))
		return;
	/* the window stays what it was in bytes (RFC 4821, 7.6.1) */
	bytes = (u64)tcp_snd_cwnd(tp) * (tp->mss_cache + overhead(sk));
	tcp_snd_cwnd_set(tp, max_t(u32, 1, div_u64(bytes,
						   icsk->icsk_mtup.probe_size)));
	tp->snd_cwnd_cnt = 0;
	tp->snd_cwnd_stamp = tcp_jiffies32;
	tp->snd_ssthresh = tcp_current_ssthresh(sk);
	icsk->icsk_mtup.search_low = icsk->icsk_mtup.probe_size;
	icsk->icsk_mtup.probe_size = 0;
	linnet_sync_mss(sk);
	LINNET_COUNT(sock_net(sk), MtuProbesArrived);
}

/**
 * linnet_mtu_probe_lost() - something is lost: is it the probe, and nothing
 *	else?
 * @sk: the socket, locked, in TCP_CA_Open or TCP_CA_Disorder
 *
 * Return: true: then it has been sent again in pieces, and the window stays.
 */
bool linnet_mtu_probe_lost(struct sock *sk)
{
	struct inet_connection_sock *icsk = inet_csk(sk);
	struct tcp_sock *tp = tcp_sk(sk);

	if (likely(!icsk->icsk_mtup.probe_size) ||
	    tp->snd_una != tp->mtu_probe.probe_seq_start)
		return false;
	icsk->icsk_mtup.search_high = icsk->icsk_mtup.probe_size - 1;
	icsk->icsk_mtup.probe_size = 0;
	tcp_snd_cwnd_set(tp, tcp_snd_cwnd(tp) + 1);
	LINNET_COUNT(sock_net(sk), MtuProbesLost);
	linnet_recovery_mtu(sk);
	return true;
}

/**
 * linnet_mtu_black_hole() - timeout after timeout: perhaps the path swallows
 *	what is too large and says nothing (RFC 4821, 7.7)
 * @sk: the socket, locked
 *
 * The first time the search begins, from base_mss; then it is halved.
 */
void linnet_mtu_black_hole(struct sock *sk)
{
	struct linnet_net *ln = linnet_sk_net(sk);
	struct inet_connection_sock *icsk = inet_csk(sk);
	u32 mss;

	if (!READ_ONCE(ln->mtu_probing))
		return;
	if (!icsk->icsk_mtup.enabled) {
		icsk->icsk_mtup.enabled = 1;
		icsk->icsk_mtup.probe_timestamp = tcp_jiffies32;
	} else {
		mss = mss_of(sk, icsk->icsk_mtup.search_low) >> 1;
		mss = min_t(u32, mss, READ_ONCE(ln->base_mss));
		mss = max_t(u32, mss, READ_ONCE(ln->mtu_probe_floor));
		icsk->icsk_mtup.search_low = mss + overhead(sk);
	}
	linnet_sync_mss(sk);
}
