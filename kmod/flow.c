// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Windows and buffers: how much the peer may send, and how large the buffers
 * grow.  The arithmetic is in flow.h; what happens when memory is short is in
 * memory.c.
 */
#include "linnet.h"
#include "flow.h"
#include "xmit.h"

/**
 * linnet_window_of() - how much window a piece of the receive buffer stands for
 * @sk: the socket
 * @space: bytes of buffer
 *
 * Return: bytes of data, not negative.
 */
int linnet_window_of(const struct sock *sk, int space)
{
	if (LINNET_MEASURES_RATIO)
		return linnet_window_by_ratio(space,
					      linnet_compat_ratio(tcp_sk(sk)));
	return linnet_window_by_scale(space, READ_ONCE(linnet_sk_net(sk)->adv_win_scale));
}

/* The buffer that a window takes */
static u64 space_for(const struct sock *sk, u64 window)
{
	u32 advmss = tcp_sk(sk)->advmss, segment;

	if (LINNET_MEASURES_RATIO)
		return div_u64(window << LINNET_RATIO_SHIFT,
			       linnet_compat_ratio(tcp_sk(sk)));
	segment = SKB_TRUESIZE(advmss + MAX_TCP_HEADER);
	while (linnet_window_of(sk, segment) < advmss && segment < S32_MAX / 2)
		segment += 128;
	return div_u64(window, advmss) * segment;
}

/**
 * linnet_rcv_free() - window that the receive buffer has room for now
 * @sk: the socket, locked
 *
 * Return: bytes.
 */
u32 linnet_rcv_free(const struct sock *sk)
{
	return linnet_window_of(sk, READ_ONCE(sk->sk_rcvbuf) -
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
	return linnet_window_of(sk, READ_ONCE(sk->sk_rcvbuf));
}

/**
 * linnet_first_windows() - the window of a SYN or SYN and ACK, and its scale
 * @sk: the socket that connects, or the listener
 * @path: the way to the peer
 * @mss: size of a full segment from the peer, options not counted, bytes
 * @wscale_ok: a scale is offered
 * @first: filled in
 *
 * The scale is the least by which the largest window that there may ever be
 * fits (RFC 7323, 2.3): the buffer may grow to net.linnet.rmem, and the user may
 * set it as far as net.core.rmem_max.  SO_RCVBUF, TCP_WINDOW_CLAMP and the route
 * bound it.
 */
void linnet_first_windows(const struct sock *sk, const struct linnet_path *path,
			  u32 mss, bool wscale_ok,
			  struct linnet_first_windows *first)
{
	struct linnet_net *ln = linnet_sk_net(sk);
	u32 full = linnet_rcv_full(sk), most = LINNET_FIRST_WINDOW_MAX;
	u32 clamp = READ_ONCE(tcp_sk(sk)->window_clamp) ?: path->window;
	u32 space;

	if (sk->sk_userlocks & SOCK_RCVBUF_LOCK && (clamp > full || !clamp))
		clamp = full;
	clamp = clamp ?: U16_MAX << LINNET_WSCALE_MAX;
	space = min(clamp, full);
	if (READ_ONCE(ln->workaround_signed_windows))
		most = MAX_TCP_WINDOW;
	first->window = linnet_first_window(space, mss, most,
					    path->init_window);
	first->wscale = 0;
	if (wscale_ok) {
		space = max3(space, (u32)READ_ONCE(ln->rmem[2]),
			     (u32)READ_ONCE(sysctl_rmem_max));
		first->wscale = linnet_wscale_for(min(space, clamp));
	}
	first->clamp = min_t(u32, clamp, U16_MAX << first->wscale);
}

/**
 * linnet_initial_window() - the window of a SYN, and the scale it offers
 * @sk: the socket, locked, about to connect, its advmss known
 */
void linnet_initial_window(struct sock *sk)
{
	struct linnet_net *ln = linnet_sk_net(sk);
	struct dst_entry *dst = __sk_dst_get(sk);
	struct tcp_sock *tp = tcp_sk(sk);
	struct linnet_first_windows first;
	struct linnet_path path = {};

	if (dst)
		linnet_path_of(dst, &path);
	linnet_first_windows(sk, &path, tp->advmss,
			     READ_ONCE(ln->window_scaling), &first);
	tp->window_clamp = first.clamp;
	tp->rcv_wnd = first.window;
	tp->rcv_ssthresh = first.window;
	tp->rx_opt.rcv_wscale = first.wscale;
}

/**
 * linnet_rcv_mss_init() - guess at the size of the peer's segments
 * @sk: the socket, locked, its MSS known
 *
 * Rather too low, which costs an ACK, than too high, which delays one.
 */
void linnet_rcv_mss_init(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 mss = min3((u32)tp->advmss, tp->mss_cache, tp->rcv_wnd / 2);

	linnet_sk(sk)->ack.rcv_mss = clamp_t(u32, mss, TCP_MIN_MSS,
					     LINNET_MSS_DEFAULT_IPV4);
}

/**
 * linnet_buffers_init() - begin to measure, for the buffers to grow
 * @sk: the socket, locked, just established
 */
void linnet_buffers_init(struct sock *sk)
{
	int app_win = READ_ONCE(linnet_sk_net(sk)->app_win);
	struct tcp_sock *tp = tcp_sk(sk);
	u32 most = linnet_rcv_full(sk), mss = tp->advmss;

	tp->rcv_rtt_est.rtt_us = 0;
	tp->rcv_rtt_est.time = 0;
	tp->rcvq_space.seq = tp->copied_seq;
	tp->rcvq_space.time = tp->tcp_mstamp;

	/* A part of the buffer is set aside for what the user has not read, if
	 * the administrator wants it
	 */
	if (tp->window_clamp >= most) {
		tp->window_clamp = most;
		if (app_win && most > 4 * mss)
			tp->window_clamp = max(most - (most >> app_win),
					       4 * mss);
	}
	if (app_win && tp->window_clamp > 2 * mss &&
	    tp->window_clamp + mss > most)
		tp->window_clamp = max(2 * mss, most - mss);
	tp->rcv_ssthresh = min(tp->rcv_ssthresh, tp->window_clamp);
	tp->rcvq_space.space = max(min3(tp->rcv_ssthresh, tp->rcv_wnd,
					TCP_INIT_CWND * mss), 1U);
	linnet_rcv_mss_init(sk);
}

/* Under pressure nothing more than a few segments is promised */
static void bound_window(struct sock *sk, u32 most)
{
	struct tcp_sock *tp = tcp_sk(sk);

	tp->rcv_ssthresh = min(tp->rcv_ssthresh, most);
}

/**
 * linnet_window_pressed() - memory is short: let the window open no further
 * @sk: the socket, locked
 */
void linnet_window_pressed(struct sock *sk)
{
	bound_window(sk, 4U * tcp_sk(sk)->advmss);
}

static void window_inputs(struct sock *sk, struct linnet_window *w)
{
	struct linnet_net *ln = linnet_sk_net(sk);
	struct tcp_sock *tp = tcp_sk(sk);
	u32 offered = tp->rcv_wup + tp->rcv_wnd - tp->rcv_nxt;

	w->offered = (s32)offered < 0 ? 0 : offered;
	w->told = tp->rcv_wnd;
	w->free = linnet_rcv_free(sk);
	w->allowed = linnet_rcv_full(sk);
	w->full = min(w->allowed, tp->window_clamp);
	w->mss = linnet_sk(sk)->ack.rcv_mss;
	w->wscale = tp->rx_opt.rcv_wscale;
	w->shrink = READ_ONCE(ln->shrink_window);
	if (w->free < w->full >> 1) {
		/* a reader who lags is told sparingly */
		linnet_sk(sk)->ack.quick = 0;
		if (sk_under_memory_pressure(sk))
			linnet_window_pressed(sk);
	}
	w->limit = tp->rcv_ssthresh;
}

/**
 * linnet_window_now() - the window that the buffer has room for now
 * @sk: the socket, locked
 *
 * Return: bytes, no more than can be told; may be less than what was offered.
 */
u32 linnet_window_now(struct sock *sk)
{
	struct linnet_window w;

	window_inputs(sk, &w);
	return min_t(u32, linnet_window_wanted(&w), U16_MAX << w.wscale);
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
	struct linnet_net *ln = linnet_sk_net(sk);
	struct tcp_sock *tp = tcp_sk(sk);
	u32 before = tp->rcv_wnd, window;
	struct linnet_window w;

	/* What came last was dropped for lack of memory: ask for no more, until
	 * there is some again
	 */
	if (linnet_sk(sk)->ack.no_memory) {
		linnet_sk(sk)->ack.no_memory = false;
		tp->rcv_wnd = 0;
		tp->rcv_wup = tp->rcv_nxt;
		if (before)
			LINNET_COUNT(sock_net(sk), RcvZeroWindow);
		return 0;
	}
	window_inputs(sk, &w);
	window = min_t(u32, linnet_window_select(&w), U16_MAX << w.wscale);
	if (!w.wscale && READ_ONCE(ln->workaround_signed_windows))
		window = min_t(u32, window, MAX_TCP_WINDOW);
	tp->rcv_wnd = window;
	tp->rcv_wup = tp->rcv_nxt;
	window >>= w.wscale;
	if (!window && before)
		LINNET_COUNT(sock_net(sk), RcvZeroWindow);
	return window;
}

/**
 * linnet_window_grow() - let the window open further for a segment that has come
 * @sk: the socket, locked
 * @skb: the segment, its header taken off, not charged yet
 */
void linnet_window_grow(struct sock *sk, const struct sk_buff *skb)
{
	struct linnet_net *ln = linnet_sk_net(sk);
	struct linnet_ack_state *ack = &linnet_sk(sk)->ack;
	struct tcp_sock *tp = tcp_sk(sk);
	u32 truesize = skb->truesize, step;
	int room;

	/* small pieces will share a buffer: they say nothing */
	if (skb->len < 128)
		return;
	room = linnet_window_of(sk, READ_ONCE(sk->sk_rcvbuf) -
				READ_ONCE(sk->sk_backlog.len) -
				atomic_read(&sk->sk_rmem_alloc) -
				(int)skb->truesize);
	room = min_t(int, tp->window_clamp, room) - (int)tp->rcv_ssthresh;
	if (room <= 0)
		return;
	if (sk_under_memory_pressure(sk)) {
		linnet_window_pressed(sk);
		return;
	}
	/* Data in fragments will share a buffer, and leave its head behind */
	if (!skb_headlen(skb) &&
	    truesize - SKB_TRUESIZE(skb_end_offset(skb)) >= skb->len &&
	    truesize > SKB_TRUESIZE(skb_end_offset(skb)))
		truesize -= SKB_TRUESIZE(skb_end_offset(skb));
	step = linnet_window_growth(skb->len, linnet_window_of(sk, truesize),
				    tp->rcv_ssthresh,
				    linnet_window_of(sk, READ_ONCE(ln->rmem[2])),
				    tp->advmss, ack->rcv_mss);
	if (!step)
		return;
	tp->rcv_ssthresh += min_t(u32, room, step);
	ack->quick |= 1;
}

/**
 * linnet_ratio_measure() - how much of what a segment costs is data?
 * @sk: the socket, locked
 * @seg: the largest segment so far
 */
void linnet_ratio_measure(struct sock *sk, const struct linnet_segment *seg)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 ratio;

	if (!LINNET_MEASURES_RATIO || !seg->skb->truesize)
		return;
	ratio = div_u64((u64)seg->len << LINNET_RATIO_SHIFT,
			seg->skb->truesize);
	ratio = clamp_t(u32, ratio, 1, U8_MAX);
	if (ratio == linnet_compat_ratio(tp))
		return;
	linnet_compat_set_ratio(tp, ratio);
	if (LINNET_RCVBUF_EXACT)
		WRITE_ONCE(tp->window_clamp, linnet_rcv_full(sk));
	else
		linnet_window_clamp(sk, linnet_rcv_full(sk));
	tp->rcvq_space.space = clamp_t(u32, tp->rcvq_space.space, 1,
				       tp->window_clamp);
}

/**
 * linnet_window_clamp() - the window shall be no larger than this
 * @sk: the socket, locked
 * @most: bytes, not 0
 */
void linnet_window_clamp(struct sock *sk, u32 most)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 before = tp->window_clamp;

	most = max_t(u32, most, SOCK_MIN_RCVBUF / 2);
	if (most == before)
		return;
	WRITE_ONCE(tp->window_clamp, most);
	if (most < before)
		bound_window(sk, most);
	else
		tp->rcv_ssthresh = max(tp->rcv_ssthresh,
				       min(tp->rcv_wnd, most));
}

static void rcv_rtt_sample(struct tcp_sock *tp, u32 sample_us, bool by_window)
{
	u32 before = tp->rcv_rtt_est.rtt_us, sample = sample_us << 3;

	if (before && sample >= before) {
		/* By the window it is too long whenever the peer pauses, and
		 * so is a timestamp's when the user lags
		 */
		if (by_window || tp->rcv_nxt != tp->copied_seq)
			return;
		sample = before - (before >> 3) + sample_us;
	}
	tp->rcv_rtt_est.rtt_us = sample;
}

/**
 * linnet_rcv_rtt_measure() - the round trip, seen by one who only receives
 * @sk: the socket, locked; data has come
 *
 * A peer that keeps to the window needs a round trip for a window of data.
 */
void linnet_rcv_rtt_measure(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (tp->rcv_rtt_est.time) {
		if (seq_before(tp->rcv_nxt, tp->rcv_rtt_est.seq))
			return;
		rcv_rtt_sample(tp, clamp_t(u64, tp->tcp_mstamp -
					   tp->rcv_rtt_est.time, 1,
					   U32_MAX >> 3), true);
	}
	tp->rcv_rtt_est.seq = tp->rcv_nxt + tp->rcv_wnd;
	tp->rcv_rtt_est.time = tp->tcp_mstamp;
}

/**
 * linnet_rcv_rtt_timestamp() - the same by the timestamp that the peer echoes
 * @sk: the socket, locked
 * @seg: a segment in the window
 *
 * A full segment answers an ACK of ours without delay.
 */
void linnet_rcv_rtt_timestamp(struct sock *sk, const struct linnet_segment *seg)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 ms;

	if (!seg->opt.timestamp || !seg->opt.tsecr ||
	    seg->opt.tsecr == tp->rcv_rtt_last_tsecr)
		return;
	tp->rcv_rtt_last_tsecr = seg->opt.tsecr;
	if (seg->len < linnet_sk(sk)->ack.rcv_mss)
		return;
	ms = linnet_timestamp_now(sk) + tp->tsoffset - seg->opt.tsecr;
	if (!ms && LINNET_RCVBUF_EXACT)
		return;
	/* nobody echoes the future, and nothing is that late */
	if (ms < (U32_MAX >> 3) / USEC_PER_MSEC)
		rcv_rtt_sample(tp, max(ms, 1U) * USEC_PER_MSEC, false);
}

/**
 * linnet_rcvbuf_grow() - let the receive buffer grow to what a user reads
 * @sk: the socket, locked
 * @copied: bytes read in a round trip, not less than the last time
 */
void linnet_rcvbuf_grow(struct sock *sk, u32 copied)
{
	struct linnet_reassembly *r = &linnet_sk(sk)->reassembly;
	struct linnet_net *ln = linnet_sk_net(sk);
	struct tcp_sock *tp = tcp_sk(sk);
	u32 before = tp->rcvq_space.space, space;
	u64 goal;

	tp->rcvq_space.space = copied;
	if (!READ_ONCE(ln->moderate_rcvbuf) ||
	    sk->sk_userlocks & SOCK_RCVBUF_LOCK)
		return;
	goal = linnet_rcv_window_goal(copied, before, LINNET_RCVBUF_EXACT ?
				      0 : 16 * tp->advmss,
				      tp->rcv_rtt_est.rtt_us >> 3,
				      READ_ONCE(ln->rcvbuf_low_rtt));
	if (LINNET_RCVBUF_EXACT && !linnet_reassembly_empty(r))
		goal += LINNET_CB(r->last)->end_seq - tp->rcv_nxt;
	space = min_t(u64, space_for(sk, goal), READ_ONCE(ln->rmem[2]));
	if (space > READ_ONCE(sk->sk_rcvbuf)) {
		WRITE_ONCE(sk->sk_rcvbuf, space);
		WRITE_ONCE(tp->window_clamp, linnet_window_of(sk, space));
	}
}

/**
 * linnet_rcv_space_adjust() - let the receive buffer grow with what is read
 * @sk: the socket, locked; the user has just read
 *
 * When a user reads more in a round trip than before, the peer may be held back
 * by the window.
 */
void linnet_rcv_space_adjust(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 rtt_us = tp->rcv_rtt_est.rtt_us >> 3;
	s32 copied;

	/* the last segment's time is exact enough */
	if (!LINNET_RCVBUF_EXACT)
		linnet_clock_refresh(tp);
	if (!tp->rcv_rtt_est.rtt_us ||
	    tp->tcp_mstamp - tp->rcvq_space.time < rtt_us)
		return;
	copied = tp->copied_seq - tp->rcvq_space.seq;
	/* a user who leaves much unread is not held back */
	if (LINNET_RCVBUF_LESS_QUEUED)
		copied -= tp->rcv_nxt - tp->copied_seq;
	if (copied > (s32)tp->rcvq_space.space)
		linnet_rcvbuf_grow(sk, copied);
	tp->rcvq_space.seq = tp->copied_seq;
	tp->rcvq_space.time = tp->tcp_mstamp;
}

/**
 * linnet_set_rcvlowat() - SO_RCVLOWAT: make room for what the user waits for
 * @sk: the socket, locked
 * @val: bytes
 *
 * Return: 0.
 */
int linnet_set_rcvlowat(struct sock *sk, int val)
{
	struct linnet_net *ln = linnet_sk_net(sk);
	bool fixed = sk->sk_userlocks & SOCK_RCVBUF_LOCK;
	struct tcp_sock *tp = tcp_sk(sk);
	u64 space;

	val = min(val, (fixed ? READ_ONCE(sk->sk_rcvbuf) :
				READ_ONCE(ln->rmem[2])) >> 1);
	WRITE_ONCE(sk->sk_rcvlowat, val ?: 1);
	/* less may be enough now */
	linnet_data_ready(sk);
	if (fixed)
		return 0;
	space = LINNET_MEASURES_RATIO ? space_for(sk, val) : 2ULL * val;
	if (space > READ_ONCE(sk->sk_rcvbuf)) {
		WRITE_ONCE(sk->sk_rcvbuf, min_t(u64, space, INT_MAX));
		if (tp->window_clamp)
			WRITE_ONCE(tp->window_clamp,
				   max_t(u32, tp->window_clamp,
					 linnet_window_of(sk, sk->sk_rcvbuf)));
	}
	return 0;
}

/**
 * linnet_set_rcvbuf() - SO_RCVBUF was set: the window clamp moves along
 * @sk: the socket, locked
 * @val: bytes of buffer
 *
 * Kernels that have no such call leave the clamp where it was, as TCP's does
 * there.
 */
void linnet_set_rcvbuf(struct sock *sk, int val)
{
	linnet_window_clamp(sk, linnet_window_of(sk, val));
}
