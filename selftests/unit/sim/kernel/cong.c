// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Congestion controls of other kinds than linnet_reno, as other modules would
 * bring them: one that grows by time, one that sets window and pace itself, one
 * that lives on marks. They need not be good; they use all that struct
 * tcp_congestion_ops offers, and hold what they are told to account.
 */
#include <net/inet_ecn.h>
#include <net/tcp.h>

#include "linnet.h"
#include "kernel.h"

#define CWND_LEAST	2

static void slow_start(struct tcp_sock *tp, u32 *acked)
{
	u32 cwnd = tcp_snd_cwnd(tp), grow = 0;

	if (cwnd < tp->snd_ssthresh)
		grow = min(*acked, tp->snd_ssthresh - cwnd);
	tcp_snd_cwnd_set(tp, min(cwnd + grow, tp->snd_cwnd_clamp));
	*acked -= grow;
}

static u32 undo_cwnd(struct sock *sk)
{
	return max(tcp_snd_cwnd(tcp_sk(sk)), tcp_sk(sk)->prior_cwnd);
}

/* --- as CUBIC (RFC 9438) --- */

struct by_time {
	u32	w_max;		/* segments */
	u64	epoch;		/* ns, 0: none */
	u64	origin_ms;	/* K: until W_max is reached again */
};

/* 0.4 t^3: t in ms, segments */
static s64 cubed(s64 ms)
{
	ms = clamp_t(s64, ms, -200000, 200000);
	return ms * ms / 1000 * ms * 4 / 10 / 1000000;
}

static u64 origin(u32 segments)
{
	u64 ms = 0;

	while (cubed(ms) < segments)
		ms += 10;
	return ms;
}

static void time_avoid(struct sock *sk, u32 ack, u32 acked)
{
	struct by_time *t = inet_csk_ca(sk);
	struct tcp_sock *tp = tcp_sk(sk);
	s64 target;

	SIM_MUST(acked, "the window may grow for nothing");
	if (!tcp_is_cwnd_limited(sk))
		return;
	slow_start(tp, &acked);
	if (!acked)
		return;
	if (!t->epoch) {
		t->epoch = clock_now;
		t->w_max = max(t->w_max, tcp_snd_cwnd(tp));
		t->origin_ms = origin(t->w_max - tcp_snd_cwnd(tp));
	}
	target = t->w_max + cubed((s64)((clock_now - t->epoch) / NS_PER_MS) -
				  (s64)t->origin_ms);
	target = clamp_t(s64, target, tcp_snd_cwnd(tp),
			 tcp_snd_cwnd(tp) * 3 / 2 + 1);
	/* what lies between is spread over a window of ACKs */
	tp->snd_cwnd_cnt += acked * (target - tcp_snd_cwnd(tp));
	if (tp->snd_cwnd_cnt >= tcp_snd_cwnd(tp)) {
		tcp_snd_cwnd_set(tp, min(tcp_snd_cwnd(tp) + 1,
					 tp->snd_cwnd_clamp));
		tp->snd_cwnd_cnt = 0;
	}
}

static u32 time_ssthresh(struct sock *sk)
{
	struct by_time *t = inet_csk_ca(sk);
	u32 cwnd = tcp_snd_cwnd(tcp_sk(sk));

	t->epoch = 0;
	t->w_max = cwnd < t->w_max ? cwnd * 17 / 20 : cwnd;
	return max_t(u32, cwnd * 7 / 10, CWND_LEAST);
}

static void time_state(struct sock *sk, u8 state)
{
	struct by_time *t = inet_csk_ca(sk);

	SIM_MUST(state != inet_csk(sk)->icsk_ca_state,
		 "told of a state that is no new one");
	if (state == TCP_CA_Loss)
		memset(t, 0, sizeof(*t));
}

static void time_event(struct sock *sk, enum tcp_ca_event event)
{
	struct by_time *t = inet_csk_ca(sk);

	/* no growth for time in which nothing was sent (5.8) */
	if (event == CA_EVENT_TX_START)
		t->epoch = 0;
}

static void time_acked(struct sock *sk, const struct ack_sample *sample)
{
	SIM_MUST(sample->pkts_acked && sample->rtt_us >= -1,
		 "%u segments acknowledged after %d us", sample->pkts_acked,
		 sample->rtt_us);
}

struct tcp_congestion_ops sim_by_time = {
	.name		= "by_time",
	.owner		= THIS_MODULE,
	.ssthresh	= time_ssthresh,
	.cong_avoid	= time_avoid,
	.set_state	= time_state,
	.cwnd_event	= time_event,
	.pkts_acked	= time_acked,
	.undo_cwnd	= undo_cwnd,
};

/* --- as BBR: window and pace from the rate of delivery --- */

struct paced {
	u64	rate;		/* segments a second, the highest of late */
	u64	rate_at;
	u32	rtt_us;		/* the least */
};

static void paced_init(struct sock *sk)
{
	struct paced *p = inet_csk_ca(sk);

	p->rtt_us = UINT_MAX;
	cmpxchg(&sk->sk_pacing_status, SK_PACING_NONE, SK_PACING_NEEDED);
	sk->sk_pacing_rate = 10 * 1460 * 1000;
}

/* What lies between two ACKs can be told in but one way */
static void check_sample(const struct tcp_sock *tp,
			 const struct rate_sample *rs)
{
	SIM_MUST(rs->rtt_us >= -1 && rs->losses >= 0,
		 "a rate sample of %ld us, %d lost", rs->rtt_us, rs->losses);
	if (rs->delivered < 0 || rs->interval_us <= 0)
		return;
	SIM_MUST(rs->delivered == tp->delivered - rs->prior_delivered,
		 "%d delivered, from %u to %u", rs->delivered,
		 rs->prior_delivered, tp->delivered);
}

static void paced_control(struct sock *sk, const struct rate_sample *rs)
{
	struct paced *p = inet_csk_ca(sk);
	struct tcp_sock *tp = tcp_sk(sk);
	u64 rate, window = 10;

	check_sample(tp, rs);
	if (rs->rtt_us > 0)
		p->rtt_us = min_t(u32, p->rtt_us, rs->rtt_us);
	if (rs->delivered > 0 && rs->interval_us > 0) {
		rate = rs->delivered * 1000000ULL / rs->interval_us;
		if (rate >= p->rate ||
		    (!rs->is_app_limited &&
		     clock_now - p->rate_at > 10ULL * p->rtt_us * NS_PER_US)) {
			p->rate = rate;
			p->rate_at = clock_now;
		}
	}
	if (p->rate && p->rtt_us != UINT_MAX)
		window = 2 * p->rate * p->rtt_us / 1000000 + 4;
	tcp_snd_cwnd_set(tp, clamp_t(u64, window, 4, tp->snd_cwnd_clamp));
	sk->sk_pacing_rate = min_t(u64, max_t(u64, p->rate, 10) *
				   tp->mss_cache * 5 / 4,
				   sk->sk_max_pacing_rate);
}

static u32 paced_ssthresh(struct sock *sk)
{
	return tcp_sk(sk)->snd_ssthresh;
}

static u32 paced_undo(struct sock *sk)
{
	return tcp_snd_cwnd(tcp_sk(sk));
}

struct tcp_congestion_ops sim_paced = {
	.flags		= TCP_CONG_NON_RESTRICTED,
	.name		= "paced",
	.owner		= THIS_MODULE,
	.init		= paced_init,
	.cong_control	= paced_control,
	.ssthresh	= paced_ssthresh,
	.undo_cwnd	= paced_undo,
};

/* --- as DCTCP (RFC 8257): the share that was marked says how much to slow --- */

struct by_marks {
	u32	alpha;		/* of 1024 */
	u32	delivered;
	u32	delivered_ce;
	u32	next;
};

static void marks_init(struct sock *sk)
{
	struct by_marks *m = inet_csk_ca(sk);
	const struct tcp_sock *tp = tcp_sk(sk);

	m->alpha = 1024;
	m->delivered = tp->delivered;
	m->delivered_ce = tp->delivered_ce;
	m->next = tp->snd_nxt;
}

static void marks_in_ack(struct sock *sk, u32 flags)
{
	struct by_marks *m = inet_csk_ca(sk);
	const struct tcp_sock *tp = tcp_sk(sk);
	u32 marked, all;

	if (seq_before(tp->snd_una, m->next))
		return;
	marked = tp->delivered_ce - m->delivered_ce;
	all = tp->delivered - m->delivered;
	SIM_MUST(marked <= all, "%u marked of %u delivered", marked, all);
	m->alpha -= m->alpha >> 4;
	if (all)
		m->alpha = min(m->alpha + marked * 64 / all, 1024U);
	m->delivered = tp->delivered;
	m->delivered_ce = tp->delivered_ce;
	m->next = tp->snd_nxt;
}

static u32 marks_ssthresh(struct sock *sk)
{
	struct by_marks *m = inet_csk_ca(sk);
	u32 cwnd = tcp_snd_cwnd(tcp_sk(sk));

	return max_t(u32, cwnd - (cwnd * m->alpha >> 11), CWND_LEAST);
}

static void marks_avoid(struct sock *sk, u32 ack, u32 acked)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (!tcp_is_cwnd_limited(sk))
		return;
	slow_start(tp, &acked);
	tp->snd_cwnd_cnt += acked;
	if (tp->snd_cwnd_cnt >= tcp_snd_cwnd(tp)) {
		tp->snd_cwnd_cnt -= tcp_snd_cwnd(tp);
		tcp_snd_cwnd_set(tp, min(tcp_snd_cwnd(tp) + 1,
					 tp->snd_cwnd_clamp));
	}
}

/* Each change is told at once (3.2) */
static void marks_event(struct sock *sk, enum tcp_ca_event event)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (event == CA_EVENT_ECN_IS_CE)
		tp->ecn_flags |= TCP_ECN_DEMAND_CWR;
	else if (event == CA_EVENT_ECN_NO_CE)
		tp->ecn_flags &= ~TCP_ECN_DEMAND_CWR;
}

struct tcp_congestion_ops sim_by_marks = {
	.flags		= TCP_CONG_NEEDS_ECN,
	.name		= "by_marks",
	.owner		= THIS_MODULE,
	.init		= marks_init,
	.in_ack_event	= marks_in_ack,
	.ssthresh	= marks_ssthresh,
	.cong_avoid	= marks_avoid,
	.cwnd_event	= marks_event,
	.undo_cwnd	= undo_cwnd,
};
