// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Windows and buffers: how much the peer may send, and how large the buffers
 * grow.  The arithmetic is in flow.h.
 */
#include "linnet.h"
#include "flow.h"

/**
 * linnet_rcv_free() - window that the receive buffer has room for now
 * @sk: the socket, locked
 *
 * Return: bytes.
 */
u32 linnet_rcv_free(const struct sock *sk)
{
	return linnet_window_from_space(READ_ONCE(sk->sk_rcvbuf) -
					READ_ONCE(sk->sk_backlog.len) -
					atomic_read(&sk->sk_rmem_alloc));
}

/**
 * linnet_rcv_full() - window that the receive buffer has room for when empty
 * @sk: the socket
 *
 * Return: bytes.
 */
u32 linnet_rcv_full(const struct sock *sk)
{
	return linnet_window_from_space(READ_ONCE(sk->sk_rcvbuf));
}

/**
 * linnet_window_most() - the largest window there may ever be
 * @sk: the socket, locked
 *
 * Return: bytes.  SO_RCVBUF and TCP_WINDOW_CLAMP end the growth.
 */
u32 linnet_window_most(const struct sock *sk)
{
	struct linnet_net *ln = linnet_pernet(sock_net(sk));
	int most = READ_ONCE(sk->sk_rcvbuf);

	if (!(sk->sk_userlocks & SOCK_RCVBUF_LOCK))
		most = max3(most, READ_ONCE(ln->rmem[2]),
			    (int)READ_ONCE(sysctl_rmem_max));
	return min(linnet_window_from_space(most),
		   tcp_sk(sk)->window_clamp ?: U32_MAX);
}

/**
 * linnet_initial_window() - the window of a SYN, and the scale it offers
 * @sk: the socket, locked, about to connect
 */
void linnet_initial_window(struct sock *sk)
{
	struct linnet_net *ln = linnet_pernet(sock_net(sk));
	struct tcp_sock *tp = tcp_sk(sk);
	u32 most = linnet_window_most(sk);

	tp->window_clamp = most;
	tp->rcv_wnd = min3(linnet_rcv_full(sk), most, 65535U);
	tp->rx_opt.rcv_wscale = READ_ONCE(ln->window_scaling) ?
				linnet_wscale_for(most) : 0;
}

/**
 * linnet_buffers_init() - begin to measure, for the buffers to grow
 * @sk: the socket, locked, just established
 */
void linnet_buffers_init(struct sock *sk)
{
	struct linnet_sock *ls = linnet_sk(sk);
	struct tcp_sock *tp = tcp_sk(sk);

	ls->rcv_rtt_us = 0;
	ls->rcv_rtt_start = tp->tcp_mstamp;
	ls->rcv_rtt_seq = tp->rcv_nxt + tp->rcv_wnd;
	ls->rcv_space = min_t(u32, tp->rcv_wnd, 10 * tp->advmss);
	ls->rcv_space_seq = tp->copied_seq;
	ls->rcv_space_start = tp->tcp_mstamp;
}

/**
 * linnet_select_window() - the window to tell in the segment that is about to
 *	go
 * @sk: the socket, locked
 *
 * Return: as it goes on the wire, scaled.
 */
u32 linnet_select_window(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 offered = tp->rcv_wup + tp->rcv_wnd - tp->rcv_nxt;
	u8 wscale = tp->rx_opt.rcv_wscale;
	u32 full, free, window;

	if ((s32)offered < 0)
		offered = 0;
	full = min(linnet_rcv_full(sk), tp->window_clamp);
	free = min(linnet_rcv_free(sk), full);
	/* Under memory pressure nothing more is promised */
	if (sk_under_memory_pressure(sk) && free < full / 2)
		free = 0;
	window = linnet_window_select(offered, free, full,
				      linnet_sk(sk)->ack.rcv_mss, wscale);
	window = min_t(u32, window, 65535U << wscale);

	if (!window && tp->rcv_wnd)
		LINNET_COUNT(sock_net(sk), RcvZeroWindow);
	tp->rcv_wnd = window;
	tp->rcv_wup = tp->rcv_nxt;
	return window >> wscale;
}

/**
 * linnet_rcv_rtt_measure() - the round trip, seen by one who only receives
 * @sk: the socket, locked
 *
 * A peer that keeps to the window needs a round trip for a window of data.
 */
void linnet_rcv_rtt_measure(struct sock *sk)
{
	struct linnet_sock *ls = linnet_sk(sk);
	struct tcp_sock *tp = tcp_sk(sk);
	u32 sample;

	if (seq_before(tp->rcv_nxt, ls->rcv_rtt_seq))
		return;
	sample = max_t(u32, tp->tcp_mstamp - ls->rcv_rtt_start, 1);
	/* too long when the peer paused: the least of late is right */
	if (!ls->rcv_rtt_us || sample < ls->rcv_rtt_us)
		ls->rcv_rtt_us = sample;
	else
		ls->rcv_rtt_us += (sample - ls->rcv_rtt_us) >> 3;
	ls->rcv_rtt_start = tp->tcp_mstamp;
	ls->rcv_rtt_seq = tp->rcv_nxt + tp->rcv_wnd;
}

/**
 * linnet_rcv_space_adjust() - let the receive buffer grow with what is read
 * @sk: the socket, locked; the user has just read
 *
 * When a user reads more in a round trip than before, the peer is held back by
 * the window: make room for twice as much, since in slow start it doubles.
 */
void linnet_rcv_space_adjust(struct sock *sk)
{
	struct linnet_net *ln = linnet_pernet(sock_net(sk));
	struct linnet_sock *ls = linnet_sk(sk);
	struct tcp_sock *tp = tcp_sk(sk);
	u32 round_trip = ls->rcv_rtt_us ?: tp->srtt_us >> 3;
	u32 copied;

	linnet_clock_refresh(tp);
	if (!round_trip || tp->tcp_mstamp - ls->rcv_space_start < round_trip)
		return;
	copied = tp->copied_seq - ls->rcv_space_seq;
	if (copied > ls->rcv_space) {
		if (READ_ONCE(ln->moderate_rcvbuf) &&
		    !(sk->sk_userlocks & SOCK_RCVBUF_LOCK)) {
			/* window is half of the space: linnet_window_from_space() */
			u64 space = 2ULL * (2 * copied + 16 * tp->advmss);

			space = min_t(u64, space, READ_ONCE(ln->rmem[2]));
			if (space > READ_ONCE(sk->sk_rcvbuf))
				WRITE_ONCE(sk->sk_rcvbuf, space);
		}
		ls->rcv_space = copied;
	}
	ls->rcv_space_seq = tp->copied_seq;
	ls->rcv_space_start = tp->tcp_mstamp;
}

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
