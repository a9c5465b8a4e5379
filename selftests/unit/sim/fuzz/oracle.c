// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a segment may do to a connection, and what it never may, told from the
 * segment and from how the connection stood before: RFC 9293, 3.10.7, RFC 5961
 * and RFC 7323, 5. It says nothing of how, only of what must not come of it.
 */
#include <net/sock.h>
#include <net/tcp.h>

#include "linnet.h"
#include "fuzz.h"

#define SYNCHRONIZED	(TCPF_ESTABLISHED | TCPF_FIN_WAIT1 | TCPF_FIN_WAIT2 | \
			 TCPF_CLOSING | TCPF_CLOSE_WAIT | TCPF_LAST_ACK)
#define SENDING		(TCPF_ESTABLISHED | TCPF_FIN_WAIT1 | TCPF_CLOSING | \
			 TCPF_CLOSE_WAIT | TCPF_LAST_ACK)
#define SEGMENT_MOST	65536	/* a segment reaches so far over an edge */

/* How a connection stood */
static struct stand {
	struct view	view;
	bool		held;	/* segments wait in the backlog */
	u32		ofo_bytes;
	u32		ofo_end;
	u32		snd_wnd;
	u32		max_window;
	u32		ts_recent;
	bool		ts_fresh;
	u64		segments;
	u64		resets;
} prior;

/* What a connection has been, at most; a reference is held */
static struct watch {
	struct sock	*sk;
	int		state;
	u32		rcv_nxt;
	u32		una;
	u32		edge;
	int		sndbuf;
	int		rcvbuf;
} watch;

static bool held(const struct sock *sk)
{
	return sk && program.held && sk == program.sk;
}

void oracle_before(const struct sent *s)
{
	const struct linnet_reassembly *r;
	const struct tcp_sock *tp;

	memset(&prior, 0, sizeof(prior));
	view_get(&prior.view);
	prior.segments = peer.segments;
	prior.resets = peer.resets;
	prior.held = held(prior.view.sk);
	if (!prior.view.sk)
		return;
	tp = tcp_sk(prior.view.sk);
	r = &linnet_sk(prior.view.sk)->reassembly;
	prior.ofo_bytes = r->bytes;
	prior.ofo_end = r->last ? LINNET_CB(r->last)->end_seq : tp->rcv_nxt;
	prior.snd_wnd = tp->snd_wnd;
	prior.max_window = tp->max_window;
	prior.ts_recent = tp->rx_opt.ts_recent;
	prior.ts_fresh = tp->rx_opt.tstamp_ok &&
			  ktime_get_seconds() - tp->rx_opt.ts_recent_stamp <
			  LINNET_PAWS_MEMORY;
}

/* --- what must not come of it --- */

static void no_data(const char *why)
{
	const struct sock *sk = prior.view.sk;

	SIM_MUST(tcp_sk(sk)->rcv_nxt == prior.view.rcv_nxt &&
		 linnet_sk(sk)->reassembly.bytes == prior.ofo_bytes,
		 "%s: and its data is taken", why);
}

static void nothing_received(const char *why)
{
	const struct sock *sk = prior.view.sk;

	SIM_MUST(sk->sk_state == prior.view.state,
		 "%s: and the state goes from %d to %d", why,
		 prior.view.state, sk->sk_state);
	no_data(why);
}

static void nothing_acknowledged(const char *why)
{
	SIM_MUST(tcp_sk(prior.view.sk)->snd_una == prior.view.una,
		 "%s: and it acknowledges", why);
}

static void nothing_at_all(const char *why)
{
	nothing_received(why);
	nothing_acknowledged(why);
	SIM_MUST(tcp_sk(prior.view.sk)->snd_wnd == prior.snd_wnd,
		 "%s: and its window counts", why);
	SIM_MUST(peer.segments - prior.segments <= 1,
		 "%s: and it brings forth %llu segments", why,
		 peer.segments - prior.segments);
}

/* RFC 9293, 3.10.7.4, fifth: an old ACK in a segment that is below the window
 * may still tell (input.c, old_but_telling())
 */
static bool tells(const struct sent *s)
{
	const u8 which = LINNET_ACK | LINNET_SYN | LINNET_FIN | LINNET_RST;

	return (s->flags & which) == LINNET_ACK && !s->len;
}

static void synchronized(const struct sent *s)
{
	const struct view *v = &prior.view;
	const struct tcp_sock *tp = tcp_sk(v->sk);
	u32 end = s->seq + s->len + !!(s->flags & LINNET_SYN) +
		  !!(s->flags & LINNET_FIN);
	u32 edge = seq_max(v->edge, v->rcv_nxt);

	/* first */
	if (seq_after(s->seq, edge))
		nothing_at_all("a segment lies above the window");
	else if (seq_before(end, v->rcv_nxt) && !tells(s))
		nothing_at_all("a segment lies below the window");
	else if (seq_before(end, v->rcv_nxt))
		no_data("a segment lies below the window");
	/* RFC 7323, 5.3, R1 */
	if (prior.ts_fresh && !s->n_raw && s->opt.timestamp &&
	    !(s->flags & LINNET_RST) &&
	    (s32)(prior.ts_recent - s->opt.tsval) > 1) {
		nothing_received("its timestamp is old");
		nothing_acknowledged("its timestamp is old");
	}
	/* second: RFC 5961, 3.2 */
	if (s->flags & LINNET_RST) {
		nothing_acknowledged("it is a reset");
		if (s->seq != v->rcv_nxt)
			nothing_at_all("a reset is not exact");
		else	/* without memory it may not even have been received */
			SIM_MUST(v->sk->sk_state == TCP_CLOSE ||
				 memory_fail_rate,
				 "an exact reset is ignored");
		return;
	}
	/* fourth: RFC 5961, 4.2 */
	if (s->flags & LINNET_SYN)
		nothing_at_all("a SYN on a connection");
	/* fifth: RFC 5961, 5.2 */
	else if (!(s->flags & LINNET_ACK))
		nothing_at_all("a segment without ACK");
	else if (seq_after(s->ack, v->nxt))
		nothing_at_all("it acknowledges what was not sent");
	else if (seq_before(s->ack, v->una - prior.max_window))
		nothing_at_all("its ACK is too old");

	SIM_MUST(tp->snd_una == v->una || tp->snd_una == s->ack,
		 "SND.UNA is what no ACK said");
	SIM_MUST(!seq_after(tp->rcv_nxt, seq_max(seq_max(end, prior.ofo_end),
						 v->rcv_nxt)),
		 "RCV.NXT is above all that has come");
	if (v->sk->sk_state == TCP_CLOSE)
		SIM_MUST((1 << v->state) & ~(TCPF_ESTABLISHED | TCPF_CLOSE_WAIT),
			 "a connection ends without a reset");
}

/* RFC 9293, 3.10.7.3 */
static void opening(const struct sent *s)
{
	const struct view *v = &prior.view;
	bool good = s->flags & LINNET_ACK && seq_after(s->ack, v->una) &&
		    !seq_after(s->ack, v->nxt);

	switch (v->sk->sk_state) {
	case TCP_SYN_SENT:
		break;
	case TCP_SYN_RECV:
		SIM_MUST((s->flags & (LINNET_SYN | LINNET_ACK |
				      LINNET_RST)) == LINNET_SYN,
			 "simultaneous open by what is no SYN");
		break;
	case TCP_CLOSE:
		SIM_MUST(good && s->flags & LINNET_RST,
			 "connection refused by what is no reset of it");
		break;
	default:
		SIM_MUST(good && (s->flags & (LINNET_SYN | LINNET_RST)) ==
			 LINNET_SYN, "open by what is no answer to the SYN");
	}
}

/* RFC 9293, 3.10.7.4, of a socket in SYN-RECEIVED */
static void half_open(const struct sent *s)
{
	const struct view *v = &prior.view;

	if (v->sk->sk_state == TCP_SYN_RECV)
		return;
	if (s->flags & LINNET_RST) {
		SIM_MUST(s->seq == v->rcv_nxt, "a reset is not exact");
		return;
	}
	SIM_MUST(s->flags & LINNET_ACK && seq_after(s->ack, v->una) &&
		 !seq_after(s->ack, v->nxt),
		 "open by what does not acknowledge the SYN");
}

static bool follows_syn(u32 seq)
{
	u32 i;

	for (i = 0; i < peer.n_syns; i++)
		if (seq == peer.syns[i] + 1)
			return true;
	return false;
}

/* What has no socket of its own: it may become one, or go */
static void without_socket(const struct sent *s)
{
	const struct view *v = &prior.view;
	struct view now;

	view_get(&now);
	if (v->state == TCP_NEW_SYN_RECV && now.sk)
		SIM_MUST((s->flags & (LINNET_SYN | LINNET_ACK |
				      LINNET_RST)) == LINNET_ACK &&
			 s->ack == v->nxt,
			 "open by what does not acknowledge the SYN");
	/* a cookie: or what lies between would be lost without a word */
	if (!v->found && now.sk && !(s->flags & LINNET_SYN))
		SIM_MUST(follows_syn(s->seq),
			 "open by what does not follow a SYN");
	if (v->state == TCP_NEW_SYN_RECV && !now.found)
		SIM_MUST(s->flags & LINNET_RST ? s->seq == v->rcv_nxt :
			 s->flags & LINNET_ACK,
			 "a request is given up for a reset that is not exact");
	if (v->state == TCP_TIME_WAIT && !now.found)
		SIM_MUST((s->flags & LINNET_RST && s->seq == v->rcv_nxt) ||
			 s->flags & LINNET_SYN,
			 "TIME-WAIT ends without a reset or a SYN");
	if (v->state == TCP_TIME_WAIT && now.state == TCP_TIME_WAIT)
		SIM_MUST(now.rcv_nxt == v->rcv_nxt && now.nxt == v->nxt,
			 "TIME-WAIT has moved");
	view_put(&now);
}

/**
 * oracle_after() - the segment has arrived
 * @s: the segment that oracle_before() was told of
 */
void oracle_after(const struct sent *s)
{
	struct sock *sk = prior.view.sk;

	if (s->flags & LINNET_RST && !prior.held)
		SIM_MUST(peer.resets == prior.resets,
			 "a reset is answered by a reset");
	if (s->bad_sum)
		SIM_MUST(peer.segments == prior.segments,
			 "a segment whose checksum is wrong is answered");
	if (prior.held)
		goto out;
	if (s->bad_sum && sk)
		nothing_at_all("its checksum is wrong");
	else if (sk && (1 << prior.view.state) & SYNCHRONIZED)
		synchronized(s);
	else if (sk && prior.view.state == TCP_SYN_SENT)
		opening(s);
	else if (sk && prior.view.state == TCP_SYN_RECV)
		half_open(s);
	else if (!sk)
		without_socket(s);
out:
	view_put(&prior.view);
}

/* --- at any time --- */

static void forget(void)
{
	if (watch.sk)
		sock_put(watch.sk);
	memset(&watch, 0, sizeof(watch));
}

void oracle_reset(void)
{
	forget();
}

/* Data waits and nothing is out: what will go on? (RFC 9293, 3.8.6.1) */
static bool goes_on(const struct sock *sk)
{
	const struct linnet_sock *ls = linnet_sk(sk);

	return (ls->timer_event != LINNET_TIMER_NONE &&
		timer_pending(linnet_compat_rtx_timer(sk))) ||
	       hrtimer_is_queued(&tcp_sk((struct sock *)sk)->pacing_timer) ||
	       ls->xmit_flags;
}

static void watch_socket(struct sock *sk)
{
	struct linnet_reassembly *r = &linnet_sk(sk)->reassembly;
	const struct tcp_sock *tp = tcp_sk(sk);

	/* until the peer's SYN there is nothing to hold it to */
	if (watch.sk != sk || sk->sk_state == TCP_SYN_SENT ||
	    watch.state == TCP_SYN_SENT) {
		forget();
		sock_hold(sk);
		watch.sk = sk;
		watch.rcv_nxt = tp->rcv_nxt;
		watch.una = tp->snd_una;
		watch.edge = tp->rcv_wup + tp->rcv_wnd;
	}
	watch.state = sk->sk_state;
	watch.edge = seq_max(watch.edge, tp->rcv_wup + tp->rcv_wnd);
	watch.sndbuf = max(watch.sndbuf, sk->sk_sndbuf);
	watch.rcvbuf = max(watch.rcvbuf, sk->sk_rcvbuf);
	if ((1 << sk->sk_state) & ~SYNCHRONIZED)
		return;
	SIM_MUST(!seq_before(tp->rcv_nxt, watch.rcv_nxt), "RCV.NXT goes back");
	SIM_MUST(!seq_before(tp->snd_una, watch.una), "SND.UNA goes back");
	watch.rcv_nxt = tp->rcv_nxt;
	watch.una = tp->snd_una;
	SIM_MUST(!seq_after(tp->rcv_nxt, watch.edge + SEGMENT_MOST),
		 "RCV.NXT is above all windows that were told");
	SIM_MUST(!r->last || !seq_after(LINNET_CB(r->last)->end_seq,
					watch.edge + SEGMENT_MOST),
		 "data is held that is above all windows that were told");
	SIM_MUST(atomic_read(&sk->sk_rmem_alloc) <=
		 2 * (watch.rcvbuf + 2 * SEGMENT_MOST),
		 "%d octets are held, the buffer is %d",
		 atomic_read(&sk->sk_rmem_alloc), watch.rcvbuf);
	/* of small segments each may have a buffer of its own */
	SIM_MUST(sk->sk_wmem_queued / 2 <= watch.sndbuf + 4 * SEGMENT_MOST +
		 (int)(tp->packets_out * SKB_TRUESIZE(MAX_TCP_HEADER) / 2),
		 "%d octets are queued, the buffer is %d", sk->sk_wmem_queued,
		 watch.sndbuf);
	SIM_MUST(!tp->packets_out ||
		 linnet_sk(sk)->timer_event != LINNET_TIMER_NONE,
		 "%u segments are out and no timer is for them",
		 tp->packets_out);
	if ((1 << sk->sk_state) & SENDING && !tp->packets_out &&
	    skb_peek(&sk->sk_write_queue))
		SIM_MUST(goes_on(sk), "data waits, and nothing will happen");
}

/**
 * oracle_look() - look at everything, after something has happened
 */
void oracle_look(void)
{
	struct view v;

	SIM_MUST(!preempt_count(), "softirqs are left off");
	view_get(&v);
	if (v.sk && !held(v.sk)) {
		check_socket(v.sk, 0, CHECK_SEND | CHECK_RECEIVE);
		watch_socket(v.sk);
	}
	if (program.sk && program.sk != v.sk && !held(program.sk))
		check_socket(program.sk, 0, CHECK_SEND | CHECK_RECEIVE);
	view_put(&v);
}
