// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where timers fire, and what they do.
 *
 * Every handler takes the socket lock; when a user owns the socket it leaves a
 * bit in linnet_sock.deferred, and linnet_release_cb() does the work.  A timer
 * that is armed holds a reference.
 *
 * The timers are those that TCP has in struct tcp_sock.  Retransmission timer
 * and delayed ACK are armed and disarmed with nearly every segment, so disarming
 * them only notes that their expiry means nothing.
 */
#include "linnet.h"
#include "fastopen.h"
#include "metrics.h"
#include "pmtu.h"
#include "recovery.h"
#include "rtt.h"
#include "trace.h"
#include "xmit.h"

#define RESOURCE_WAIT_US	500000	/* for memory here to come free */

/**
 * linnet_rto() - the retransmission timeout now, back-off counted
 * @sk: the socket, locked
 *
 * Return: microseconds.
 */
u32 linnet_rto(const struct sock *sk)
{
	struct linnet_rtt rtt = {
		.srtt_us = tcp_sk(sk)->srtt_us,
		.rttvar_us = tcp_sk(sk)->rttvar_us,
	};
	u32 max_us = linnet_rto_max_us(sk);

	return linnet_rto_backoff(linnet_sk(sk)->first_rto_us ?:
				  linnet_rtt_rto(&rtt, max_us),
				  inet_csk(sk)->icsk_backoff, max_us);
}

/**
 * linnet_rto_is_less() - is a retransmission timeout less than a time?
 * @sk: the socket, locked
 * @age: the time, jiffies
 */
bool linnet_rto_is_less(const struct sock *sk, u32 age)
{
	/* mostly the shortest there is says no */
	return age > tcp_rto_min((struct sock *)sk) &&
	       age > usecs_to_jiffies(linnet_rto(sk));
}

/* Arm a timer, which then holds a reference.  It is taken before: on a slow
 * machine, with interrupts on, the timer may have run before mod_timer() is back,
 * and given up a reference that nobody had taken yet (sk_reset_timer() takes it
 * after).  One that is armed already holds it.
 */
static void reset_timer(struct sock *sk, struct timer_list *timer,
			unsigned long expires)
{
	if (timer_pending(timer) && mod_timer_pending(timer, expires))
		return;
	sock_hold(sk);
	if (mod_timer(timer, expires))
		__sock_put(sk);
}

/**
 * linnet_rto_left() - when the retransmission timer would expire, counted from
 *	when the oldest buffer was sent last
 * @sk: the socket, locked
 *
 * Return: microseconds from now; not positive: it is due.
 */
s64 linnet_rto_left(const struct sock *sk)
{
	const struct sk_buff *head = linnet_rtx_head(sk);

	if (!head)
		return linnet_rto(sk);
	return (s64)(linnet_sent_us(head) + linnet_rto(sk)) -
	       (s64)tcp_sk(sk)->tcp_mstamp;
}

/**
 * linnet_rtx_arm() - arm the retransmission timer
 * @sk: the socket, locked
 * @event: what for
 * @delay_us: when, microseconds from now
 */
void linnet_rtx_arm(struct sock *sk, enum linnet_timer_event event,
		    u32 delay_us)
{
	linnet_sk(sk)->timer_event = event;
	reset_timer(sk, linnet_compat_rtx_timer(sk),
		       jiffies + usecs_to_jiffies(delay_us));
}

/**
 * linnet_rtx_disarm() - nothing to retransmit or to probe for
 * @sk: the socket, locked
 */
void linnet_rtx_disarm(struct sock *sk)
{
	linnet_sk(sk)->timer_event = LINNET_TIMER_NONE;
}

/**
 * linnet_rtx_rearm() - RFC 6298, (5.2) and (5.3): after an ACK of new data
 * @sk: the socket, locked
 *
 * In place of a probe or reordering timer it goes on counting from when the
 * oldest buffer was sent: that timer ran within this one's time.
 */
void linnet_rtx_rearm(struct sock *sk)
{
	enum linnet_timer_event event = linnet_sk(sk)->timer_event;
	u32 delay;

	if (!tcp_sk(sk)->packets_out) {
		linnet_rtx_disarm(sk);
		return;
	}
	if (event == LINNET_TIMER_REO || event == LINNET_TIMER_TLP)
		delay = max_t(s64, linnet_rto_left(sk), 1);
	else
		delay = linnet_rto(sk);
	linnet_rtx_arm(sk, LINNET_TIMER_RTO, delay);
}

/* A user timeout ends the wait, whatever the back-off says (RFC 5482) */
static u32 clamp_to_user_timeout(const struct sock *sk, u32 delay_us,
				 u32 elapsed_ms)
{
	u32 timeout = inet_csk(sk)->icsk_user_timeout;

	if (!timeout)
		return delay_us;
	if (elapsed_ms >= timeout)
		return 1;
	return min_t(u64, delay_us,
		     (u64)(timeout - elapsed_ms) * USEC_PER_MSEC);
}

/**
 * linnet_persist_arm() - the window is closed: probe again, later each time
 *	(RFC 9293, 3.8.6.1)
 * @sk: the socket, locked
 */
void linnet_persist_arm(struct sock *sk)
{
	u32 start = inet_csk(sk)->icsk_probes_tstamp, elapsed_ms = 0;

	if (start)
		elapsed_ms = jiffies_to_msecs(tcp_jiffies32 - start);
	linnet_rtx_arm(sk, LINNET_TIMER_PERSIST,
		       clamp_to_user_timeout(sk, linnet_rto(sk), elapsed_ms));
}

/**
 * linnet_persist_start() - data waits and nothing is out: probe, if no timer
 *	runs already
 * @sk: the socket, locked
 */
void linnet_persist_start(struct sock *sk)
{
	if (linnet_sk(sk)->timer_event == LINNET_TIMER_NONE)
		linnet_persist_arm(sk);
}

/* How long a number of retransmissions takes, with a timeout that begins with
 * @base_us and doubles up to @max_us, milliseconds.  So R1 and R2 (RFC 9293,
 * 3.8.3) are times, not counts: a short round trip does not end a connection
 * sooner.
 */
static u32 backed_off_ms(u32 base_us, u32 max_us, unsigned int retries)
{
	u64 total = 0;
	u32 timeout = base_us;

	for (retries++; retries; retries--) {
		total += timeout;
		timeout = linnet_rto_backoff(timeout, 1, max_us);
	}
	return min_t(u64, div_u64(total, USEC_PER_MSEC), S32_MAX);
}

/* Since the first of the timeouts in a row; of a SYN since it was sent */
static u32 silent_ms(const struct sock *sk)
{
	u32 now = linnet_timestamp_now(sk);

	if ((1 << sk->sk_state) & (TCPF_SYN_SENT | TCPF_SYN_RECV))
		return now - tcp_sk(sk)->retrans_stamp;
	return now - linnet_sk(sk)->stalled_ms;
}

/* Has the peer been silent for so long? */
static bool silent_for(const struct sock *sk, unsigned int retries,
		       u32 user_timeout_ms)
{
	u32 base = (1 << sk->sk_state) & (TCPF_SYN_SENT | TCPF_SYN_RECV) ?
		   LINNET_RTO_INITIAL_US : LINNET_RTO_MIN_US;

	if (!inet_csk(sk)->icsk_retransmits)
		return false;
	return silent_ms(sk) >= (user_timeout_ms ?:
				 backed_off_ms(base, linnet_rto_max_us(sk),
					       retries));
}

static unsigned int orphan_retries(const struct sock *sk, bool alive)
{
	int retries = READ_ONCE(linnet_sk_net(sk)->orphan_retries);

	/* told by ICMP that nobody is there: go at once */
	if (READ_ONCE(sk->sk_err_soft) && !alive)
		return 0;
	return retries || !alive ? retries : 8;
}

static void timed_out(struct sock *sk)
{
	int err = READ_ONCE(sk->sk_err_soft);

	LINNET_COUNT(sock_net(sk), AbortOnTimeout);
	linnet_abort(sk, err ? err : ETIMEDOUT);
}

/* How often to repeat our SYN.  That of a fast open is a listener's, and one
 * more; of an active opener the first ones do not count.
 */
static unsigned int most_syns(const struct sock *sk)
{
	struct linnet_net *ln = linnet_sk_net(sk);
	unsigned int retries = inet_csk(sk)->icsk_syn_retries ?:
			       linnet_sk(sk)->fastopen_pending ?
			       READ_ONCE(ln->synack_retries) + 1 :
			       READ_ONCE(ln->syn_retries);

	if (sk->sk_state == TCP_SYN_SENT)
		retries += READ_ONCE(ln->syn_linear_timeouts);
	return retries;
}

static bool retransmission_hopeless(struct sock *sk)
{
	struct linnet_net *ln = linnet_sk_net(sk);
	u32 user_timeout = READ_ONCE(inet_csk(sk)->icsk_user_timeout);
	unsigned int retries = READ_ONCE(ln->retries2);

	if (sk->sk_state == TCP_SYN_SENT || sk->sk_state == TCP_SYN_RECV)
		return inet_csk(sk)->icsk_retransmits >= most_syns(sk) ||
		       (user_timeout && silent_for(sk, 0, user_timeout));
	/* R1: tell IP that the path may be dead, and look for another */
	if (silent_for(sk, READ_ONCE(ln->retries1), 0)) {
		linnet_mtu_black_hole(sk);
		sk_dst_reset(sk);
	}
	sk_rethink_txhash(sk);
	if (sock_flag(sk, SOCK_DEAD)) {
		bool alive = linnet_rto(sk) < linnet_rto_max_us(sk);

		retries = orphan_retries(sk, alive);
		if (linnet_out_of_resources(sk))
			return true;
	}
	return silent_for(sk, retries, user_timeout);
}

/* A stream of so few segments that no duplicates can come (thin): if the user
 * or the sysctl asks, its timeout does not double at first
 */
static bool linear_timeout(const struct sock *sk)
{
	struct linnet_net *ln = linnet_sk_net(sk);
	const struct tcp_sock *tp = tcp_sk(sk);

	return sk->sk_state == TCP_ESTABLISHED &&
	       (tp->thin_lto || READ_ONCE(ln->thin_linear_timeouts)) &&
	       tcp_stream_is_thin((struct tcp_sock *)tp) &&
	       inet_csk(sk)->icsk_retransmits <= TCP_THIN_LINEAR_RETRIES;
}

/* The peer has closed its window over what is out.  Every retransmission serves
 * as a probe, and as long as it answers the connection lives (RFC 9293,
 * 3.8.6.1).
 */
static bool window_shut(const struct sock *sk)
{
	return !tcp_sk(sk)->snd_wnd && !sock_flag(sk, SOCK_DEAD) &&
	       !((1 << sk->sk_state) & (TCPF_SYN_SENT | TCPF_SYN_RECV));
}

static bool answers(const struct sock *sk)
{
	return jiffies_to_usecs(tcp_jiffies32 - tcp_sk(sk)->rcv_tstamp) <=
	       linnet_rto_max_us(sk);
}

/* A user who says how long data may stay unacknowledged does not care why */
static bool shut_for_too_long(const struct sock *sk)
{
	u32 user_timeout = READ_ONCE(inet_csk(sk)->icsk_user_timeout);

	return !answers(sk) ||
	       (user_timeout && silent_for(sk, 0, user_timeout));
}

/* RFC 6298, (5.4) to (5.6) */
static void retransmission_timeout(struct sock *sk)
{
	struct inet_connection_sock *icsk = inet_csk(sk);
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *skb = linnet_rtx_head(sk);
	bool hopeless;

	if (!skb)
		return;
	linnet_clock_refresh(tp);
	hopeless = window_shut(sk) ? shut_for_too_long(sk) :
				     retransmission_hopeless(sk);
	linnet_fastopen_timeout(sk, hopeless);
	if (hopeless) {
		timed_out(sk);
		return;
	}
	LINNET_COUNT(sock_net(sk), Timeouts);
	if (sk->sk_state == TCP_SYN_SENT || sk->sk_state == TCP_SYN_RECV)
		LINNET_COUNT(sock_net(sk), SynRetrans);
	linnet_recovery_timeout(sk);

	if (!icsk->icsk_retransmits++)
		linnet_sk(sk)->stalled_ms = linnet_timestamp_now(sk);
	if (linnet_retransmit(sk, linnet_rtx_head(sk), 1) == -ENOBUFS) {
		/* sent nothing for lack of resources here: the path is not
		 * to blame, so no back-off
		 */
		linnet_rtx_arm(sk, LINNET_TIMER_RTO, RESOURCE_WAIT_US);
		return;
	}
	if (linear_timeout(sk))
		icsk->icsk_backoff = 0;
	else if (sk->sk_state != TCP_SYN_SENT || icsk->icsk_retransmits >
		 READ_ONCE(linnet_sk_net(sk)->syn_linear_timeouts))
		icsk->icsk_backoff++;
	linnet_rtx_arm(sk, LINNET_TIMER_RTO,
		       clamp_to_user_timeout(sk, linnet_rto(sk),
					     silent_ms(sk)));
}

/**
 * linnet_rto_revert() - an ICMP error says that what was sent again found no way
 *	(RFC 6069, 4)
 * @sk: the socket, its spinlock held
 * @seq: sequence number of the segment that the error quotes
 *
 * A path that is down is no congested one: the timeout doubles the less.
 */
void linnet_rto_revert(struct sock *sk, u32 seq)
{
	struct inet_connection_sock *icsk = inet_csk(sk);
	struct linnet_sock *ls = linnet_sk(sk);
	s64 left;

	if (sock_owned_by_user(sk) || ls->fastopen_pending ||
	    ls->timer_event != LINNET_TIMER_RTO ||
	    seq != tcp_sk(sk)->snd_una || !icsk->icsk_retransmits ||
	    !icsk->icsk_backoff)
		return;
	icsk->icsk_backoff--;
	linnet_clock_refresh(tcp_sk(sk));
	left = linnet_rto_left(sk);
	if (left > 0) {
		linnet_rtx_arm(sk, LINNET_TIMER_RTO, left);
		return;
	}
	ls->timer_event = LINNET_TIMER_NONE;
	retransmission_timeout(sk);
}

/* RFC 9293, 3.8.6.1: the window is closed, is it still? */
static void persist_timeout(struct sock *sk)
{
	struct inet_connection_sock *icsk = inet_csk(sk);
	struct linnet_net *ln = linnet_sk_net(sk);
	unsigned int max_probes = READ_ONCE(ln->retries2);

	if (tcp_sk(sk)->packets_out || !skb_peek(&sk->sk_write_queue)) {
		icsk->icsk_probes_out = 0;
		icsk->icsk_probes_tstamp = 0;
		return;
	}
	/* A peer that answers may keep the window closed for ever (RFC 9293,
	 * MUST-37); one that does not answer is gone.
	 */
	if (sock_flag(sk, SOCK_DEAD)) {
		bool alive = linnet_rto(sk) < linnet_rto_max_us(sk);

		max_probes = orphan_retries(sk, alive);
		if ((!alive && icsk->icsk_backoff >= max_probes) ||
		    linnet_out_of_resources(sk)) {
			timed_out(sk);
			return;
		}
	}
	if (icsk->icsk_user_timeout && icsk->icsk_probes_tstamp) {
		if (jiffies_to_msecs(tcp_jiffies32 - icsk->icsk_probes_tstamp) >=
		    icsk->icsk_user_timeout) {
			timed_out(sk);
			return;
		}
	}
	if (icsk->icsk_probes_out >= max_probes) {
		timed_out(sk);
		return;
	}
	if (!icsk->icsk_probes_tstamp)
		icsk->icsk_probes_tstamp = tcp_jiffies32;
	linnet_send_window_probe(sk, true);
	if (tcp_sk(sk)->packets_out || !skb_peek(&sk->sk_write_queue)) {
		icsk->icsk_probes_out = 0;
		icsk->icsk_probes_tstamp = 0;
		icsk->icsk_backoff = 0;
		return;
	}
	icsk->icsk_probes_out++;
	if (icsk->icsk_backoff < READ_ONCE(ln->retries2))
		icsk->icsk_backoff++;
	linnet_persist_arm(sk);
}

static void rtx_work(struct sock *sk)
{
	struct linnet_sock *ls = linnet_sk(sk);
	enum linnet_timer_event event = ls->timer_event;

	if (((1 << sk->sk_state) & (TCPF_CLOSE | TCPF_LISTEN)) ||
	    timer_pending(linnet_compat_rtx_timer(sk)))
		return;
	linnet_clock_refresh(tcp_sk(sk));
	switch (event) {
	case LINNET_TIMER_RTO:
		ls->timer_event = LINNET_TIMER_NONE;
		retransmission_timeout(sk);
		break;
	case LINNET_TIMER_PERSIST:
		ls->timer_event = LINNET_TIMER_NONE;
		persist_timeout(sk);
		break;
	case LINNET_TIMER_REO:
		linnet_rack_timeout(sk);
		break;
	case LINNET_TIMER_TLP:
		linnet_tlp_timeout(sk);
		break;
	case LINNET_TIMER_NONE:
		break;
	}
}

static void ack_work(struct sock *sk)
{
	struct linnet_ack_state *ack = &linnet_sk(sk)->ack;

	if (((1 << sk->sk_state) & (TCPF_CLOSE | TCPF_LISTEN)) ||
	    timer_pending(&inet_csk(sk)->icsk_delack_timer) ||
	    !ack->pending || !ack->armed)
		return;
	ack->armed = false;
	/* The answer that the ACK waited to ride on did not come */
	ack->pingpong = false;
	LINNET_COUNT(sock_net(sk), DelayedAcks);
	linnet_send_ack(sk);
}

/* RFC 9293, 3.8.4 */
static void keepalive_work(struct sock *sk)
{
	struct inet_connection_sock *icsk = inet_csk(sk);
	struct linnet_net *ln = linnet_sk_net(sk);
	struct tcp_sock *tp = tcp_sk(sk);
	unsigned long interval, idle;
	unsigned int probes;

	if (sk->sk_state == TCP_LISTEN) {
		linnet_listen_tick(sk);
		return;
	}
	if (sk->sk_state == TCP_FIN_WAIT2 && sock_flag(sk, SOCK_DEAD)) {
		/* the peer does not close, and nobody here cares */
		linnet_done(sk);
		return;
	}
	if (!sock_flag(sk, SOCK_KEEPOPEN) ||
	    (1 << sk->sk_state) & (TCPF_CLOSE | TCPF_SYN_SENT))
		return;

	linnet_clock_refresh(tp);
	idle = min_t(u32, tcp_jiffies32 - linnet_sk(sk)->ack.last_data,
		     tcp_jiffies32 - tp->rcv_tstamp);
	interval = linnet_keepalive_time(sk);
	if (tp->packets_out || skb_peek(&sk->sk_write_queue)) {
		linnet_keepalive_arm(sk, interval);
		return;
	}
	if (idle < interval) {
		linnet_keepalive_arm(sk, interval - idle);
		return;
	}
	probes = tp->keepalive_probes ?: READ_ONCE(ln->keepalive_probes);
	if (icsk->icsk_user_timeout ?
	    icsk->icsk_probes_out &&
	    jiffies_to_msecs(idle) >= icsk->icsk_user_timeout :
	    icsk->icsk_probes_out >= probes) {
		linnet_send_active_reset(sk);
		timed_out(sk);
		return;
	}
	LINNET_COUNT(sock_net(sk), KeepAlives);
	linnet_send_window_probe(sk, false);
	icsk->icsk_probes_out++;
	linnet_keepalive_arm(sk, tp->keepalive_intvl ?:
			     READ_ONCE(ln->keepalive_intvl) * HZ);
}

/* What a timer handler does but for the work itself */
static void run_or_defer(struct sock *sk, int bit, void (*work)(struct sock *))
{
	bh_lock_sock(sk);
	if (sock_owned_by_user(sk))
		set_bit(bit, &linnet_sk(sk)->deferred);
	else
		work(sk);
	bh_unlock_sock(sk);
	sock_put(sk);
}

static void rtx_expired(struct timer_list *t)
{
	run_or_defer(linnet_compat_rtx_timer_sock(t), LINNET_DEFERRED_RTX,
		     rtx_work);
}

static void ack_expired(struct timer_list *t)
{
	struct inet_connection_sock *icsk =
		container_of(t, struct inet_connection_sock, icsk_delack_timer);

	run_or_defer((struct sock *)icsk, LINNET_DEFERRED_ACK, ack_work);
}

static void keepalive_expired(struct timer_list *t)
{
	struct sock *sk = linnet_compat_slow_timer_sock(t);

	/* A listener's lock is taken around its children's */
	if (sk->sk_state != TCP_LISTEN) {
		run_or_defer(sk, LINNET_DEFERRED_KEEPALIVE, keepalive_work);
		return;
	}
	bh_lock_sock_nested(sk);
	if (sock_owned_by_user(sk))
		set_bit(LINNET_DEFERRED_KEEPALIVE, &linnet_sk(sk)->deferred);
	else
		keepalive_work(sk);
	bh_unlock_sock(sk);
	sock_put(sk);
}

static enum hrtimer_restart pacing_expired(struct hrtimer *t)
{
	struct tcp_sock *tp = container_of(t, struct tcp_sock, pacing_timer);

	run_or_defer((struct sock *)tp, LINNET_DEFERRED_XMIT, linnet_xmit_work);
	return HRTIMER_NORESTART;
}

static enum hrtimer_restart compress_expired(struct hrtimer *t)
{
	struct tcp_sock *tp = container_of(t, struct tcp_sock,
					   compressed_ack_timer);

	run_or_defer((struct sock *)tp, LINNET_DEFERRED_COMPRESSED,
		     linnet_ack_decompress);
	return HRTIMER_NORESTART;
}

static void xmit_kicked(struct tasklet_struct *t)
{
	struct linnet_sock *ls = container_of(t, struct linnet_sock,
					      xmit_tasklet);

	clear_bit(LINNET_KICKED, &ls->xmit_flags);
	/* before looking at what may be sent: transmitted() may kick again */
	smp_mb__after_atomic();
	run_or_defer((struct sock *)ls, LINNET_DEFERRED_XMIT, linnet_xmit_work);
}

/**
 * linnet_timers_init() - set the timers of a new socket up
 * @sk: the socket
 */
void linnet_timers_init(struct sock *sk)
{
	struct linnet_sock *ls = linnet_sk(sk);

	timer_setup(linnet_compat_rtx_timer(sk), rtx_expired, 0);
	timer_setup(&inet_csk(sk)->icsk_delack_timer, ack_expired, 0);
	timer_setup(linnet_compat_slow_timer(sk), keepalive_expired, 0);
	tasklet_setup(&ls->xmit_tasklet, xmit_kicked);
	linnet_compat_hrtimer_setup(&tcp_sk(sk)->pacing_timer, pacing_expired,
				    CLOCK_MONOTONIC,
				    HRTIMER_MODE_ABS_PINNED_SOFT);
	linnet_compat_hrtimer_setup(&tcp_sk(sk)->compressed_ack_timer,
				    compress_expired, CLOCK_MONOTONIC,
				    HRTIMER_MODE_REL_PINNED_SOFT);
	ls->timer_event = LINNET_TIMER_NONE;
	ls->deferred = 0;
	ls->xmit_flags = 0;
}

/**
 * linnet_timers_stop() - stop all timers of a socket
 * @sk: the socket, locked.  One that is running waits for the lock, and then
 *	finds the state CLOSED.
 */
void linnet_timers_stop(struct sock *sk)
{
	linnet_rtx_disarm(sk);
	linnet_ack_disarm(sk);
	sk_stop_timer(sk, linnet_compat_rtx_timer(sk));
	sk_stop_timer(sk, &inet_csk(sk)->icsk_delack_timer);
	sk_stop_timer(sk, linnet_compat_slow_timer(sk));
	if (hrtimer_try_to_cancel(&tcp_sk(sk)->pacing_timer) == 1)
		__sock_put(sk);
	linnet_compress_done(sk);
}

/**
 * linnet_ack_arm() - an ACK may wait, but not for ever (RFC 9293, MUST-58)
 * @sk: the socket, locked
 */
void linnet_ack_arm(struct sock *sk)
{
	struct linnet_ack_state *ack = &linnet_sk(sk)->ack;
	u32 delay = 1, most;

	ack->pending = true;
	if (ack->armed)
		return;
	ack->armed = true;
	/* on a connection that has brought no data there is nothing to ride on
	 * to be expected: as TCP, the next tick
	 */
	if (tcp_sk(sk)->data_segs_in) {
		/* and less than the timeout of a peer with such a route */
		most = max_t(u32, tcp_rto_min(sk), 2);
		delay = min3(ack->timeout, most - 1,
			     READ_ONCE(inet_csk(sk)->icsk_delack_max));
	}
	reset_timer(sk, &inet_csk(sk)->icsk_delack_timer, jiffies + delay);
}

/**
 * linnet_compress_arm() - an ACK waits for others to share it with
 * @sk: the socket, locked
 * @delay_ns: how long, nanoseconds; what runs already goes on
 * @slack_ns: how much longer, if that saves an interrupt
 */
void linnet_compress_arm(struct sock *sk, u64 delay_ns, u64 slack_ns)
{
	struct hrtimer *timer = &tcp_sk(sk)->compressed_ack_timer;

	if (hrtimer_is_queued(timer))
		return;
	sock_hold(sk);
	hrtimer_start_range_ns(timer, ns_to_ktime(delay_ns), slack_ns,
			       HRTIMER_MODE_REL_PINNED_SOFT);
}

/**
 * linnet_compress_done() - an ACK goes out, or none will any more
 * @sk: the socket, locked
 */
void linnet_compress_done(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (likely(!tp->compressed_ack))
		return;
	LINNET_COUNT_SK(sk, AckCompressed, tp->compressed_ack);
	tp->compressed_ack = 0;
	if (hrtimer_try_to_cancel(&tp->compressed_ack_timer) == 1)
		__sock_put(sk);
}

/**
 * linnet_ack_disarm() - an ACK has gone out
 * @sk: the socket, locked
 */
void linnet_ack_disarm(struct sock *sk)
{
	struct linnet_ack_state *ack = &linnet_sk(sk)->ack;

	ack->pending = false;
	ack->now = false;
	ack->armed = false;
	ack->pushed = 0;
}

/**
 * linnet_keepalive_arm() - arm the slow timer: keepalive, FIN-WAIT-2, or the
 *	SYN queue of a listener
 * @sk: the socket, locked
 * @delay: jiffies from now
 */
void linnet_keepalive_arm(struct sock *sk, unsigned long delay)
{
	reset_timer(sk, linnet_compat_slow_timer(sk), jiffies + delay);
}

/**
 * linnet_keepalive_time() - how long a connection is idle before it is probed
 * @sk: the socket
 *
 * Return: jiffies.
 */
unsigned int linnet_keepalive_time(const struct sock *sk)
{
	return tcp_sk(sk)->keepalive_time ?:
	       READ_ONCE(linnet_sk_net(sk)->keepalive_time) * HZ;
}

/**
 * linnet_fin_timeout() - how long an orphan stays in FIN-WAIT-2
 * @sk: the socket
 *
 * Return: jiffies.
 */
unsigned int linnet_fin_timeout(const struct sock *sk)
{
	return tcp_sk(sk)->linger2 ?:
	       READ_ONCE(linnet_sk_net(sk)->fin_timeout) * HZ;
}

/**
 * linnet_set_keepalive() - proto->keepalive: SO_KEEPALIVE has changed
 * @sk: the socket, locked
 * @val: on or off
 */
void linnet_set_keepalive(struct sock *sk, int val)
{
	if ((1 << sk->sk_state) & (TCPF_CLOSE | TCPF_LISTEN))
		return;
	if (val && !sock_flag(sk, SOCK_KEEPOPEN))
		linnet_keepalive_arm(sk, linnet_keepalive_time(sk));
	else if (!val)
		sk_stop_timer(sk, linnet_compat_slow_timer(sk));
}

/**
 * linnet_pacing_arm() - go on sending later
 * @sk: the socket, locked
 * @expires_ns: when, nanoseconds of the monotonic clock
 */
void linnet_pacing_arm(struct sock *sk, u64 expires_ns)
{
	struct hrtimer *timer = &tcp_sk(sk)->pacing_timer;

	if (hrtimer_is_queued(timer))
		return;
	sock_hold(sk);
	hrtimer_start(timer, ns_to_ktime(expires_ns),
		      HRTIMER_MODE_ABS_PINNED_SOFT);
}

/**
 * linnet_release_cb() - proto->release_cb: the user lets the socket go
 * @sk: the socket, its spinlock held; the caller has a reference
 */
void linnet_release_cb(struct sock *sk)
{
	unsigned long deferred = xchg(&linnet_sk(sk)->deferred, 0);

	if (!deferred)
		return;
	sock_release_ownership(sk);
	if (test_bit(LINNET_DEFERRED_MTU, &deferred))
		linnet_mtu_reduced(sk);
	if (test_bit(LINNET_DEFERRED_RTX, &deferred))
		rtx_work(sk);
	if (test_bit(LINNET_DEFERRED_ACK, &deferred))
		ack_work(sk);
	if (test_bit(LINNET_DEFERRED_COMPRESSED, &deferred))
		linnet_ack_decompress(sk);
	if (test_bit(LINNET_DEFERRED_KEEPALIVE, &deferred))
		keepalive_work(sk);
	if (test_bit(LINNET_DEFERRED_XMIT, &deferred))
		linnet_xmit_work(sk);
}
