// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The ways in which a connection ends: close, shutdown, abort, reset, and the
 * death of the socket after it.
 */
#include <linux/slab.h>
#include <net/xfrm.h>

#include "linnet.h"
#include "fastopen.h"
#include "trace.h"
#include "xmit.h"

DEFINE_PER_CPU(unsigned int, linnet_orphan_count);

/**
 * linnet_orphans() - connections that no process holds any more
 */
int linnet_orphans(void)
{
	int cpu, n = 0;

	for_each_possible_cpu(cpu)
		n += per_cpu(linnet_orphan_count, cpu);
	return max(n, 0);
}

/**
 * linnet_set_state() - change the state of a connection
 * @sk: the socket, locked
 * @state: TCP_ESTABLISHED ...
 *
 * CLOSED leaves the tables, and gives back a port that was not asked for.
 */
void linnet_set_state(struct sock *sk, int state)
{
	int old = sk->sk_state;

	if (state == old)
		return;
	trace_linnet_state(sk, old, state);	/* while it has its port */
	if (state == TCP_CLOSE) {
		linnet_fastopen_proven(sk, true);
		if (old == TCP_ESTABLISHED || old == TCP_CLOSE_WAIT)
			LINNET_COUNT(sock_net(sk), EstabResets);
		/* before the state changes: it tells which table */
		linnet_unhash(sk);
		if (!(sk->sk_userlocks & SOCK_BINDPORT_LOCK))
			linnet_put_port(sk);
	}
	inet_sk_set_state(sk, state);
}

/* After our FIN: RFC 9293, 3.10.4.  Listed for every state that can be. */
static const u8 state_after_close[] = {
	[TCP_ESTABLISHED]	= TCP_FIN_WAIT1,
	[TCP_SYN_SENT]		= TCP_CLOSE,
	[TCP_SYN_RECV]		= TCP_FIN_WAIT1,
	[TCP_FIN_WAIT1]		= TCP_FIN_WAIT1,
	[TCP_FIN_WAIT2]		= TCP_FIN_WAIT2,
	[TCP_TIME_WAIT]		= TCP_CLOSE,
	[TCP_CLOSE]		= TCP_CLOSE,
	[TCP_CLOSE_WAIT]	= TCP_LAST_ACK,
	[TCP_LAST_ACK]		= TCP_LAST_ACK,
	[TCP_LISTEN]		= TCP_CLOSE,
	[TCP_CLOSING]		= TCP_CLOSING,
};

/**
 * linnet_close_state() - go to the state that our FIN brings
 * @sk: the socket, locked
 *
 * Return: true when a FIN is due.
 */
bool linnet_close_state(struct sock *sk)
{
	int old = sk->sk_state;

	linnet_set_state(sk, state_after_close[old]);
	return old == TCP_ESTABLISHED || old == TCP_SYN_RECV ||
	       old == TCP_CLOSE_WAIT;
}

/**
 * linnet_shutdown() - proto->shutdown
 * @sk: the socket, locked
 * @how: RCV_SHUTDOWN | SEND_SHUTDOWN
 */
void linnet_shutdown(struct sock *sk, int how)
{
	/* Reading ends without a word to the peer: RFC 9293, 3.6.  In
	 * SYN-RECEIVED our FIN waits for the connection to be established
	 * (3.10.4).
	 */
	if (!(how & SEND_SHUTDOWN))
		return;
	if ((1 << sk->sk_state) & (TCPF_ESTABLISHED | TCPF_SYN_SENT |
				   TCPF_CLOSE_WAIT))
		if (linnet_close_state(sk))
			linnet_send_fin(sk);
}

static void free_received(struct sock *sk)
{
	struct linnet_reassembly *r = &linnet_sk(sk)->reassembly;
	struct sk_buff *skb;

	__skb_queue_purge(&sk->sk_receive_queue);
	while ((skb = linnet_reassembly_prune(r)))
		kfree_skb(skb);
}

/**
 * linnet_purge_queues() - drop all that waits to be sent or acknowledged
 * @sk: the socket, locked
 */
void linnet_purge_queues(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *skb;

	while ((skb = __skb_dequeue(&sk->sk_write_queue)))
		linnet_wmem_free(sk, skb);
	while ((skb = linnet_rtx_head(sk)))
		linnet_rtx_free(sk, skb);
	tp->packets_out = 0;
	tp->sacked_out = 0;
	tp->lost_out = 0;
	tp->retrans_out = 0;
	inet_csk(sk)->icsk_backoff = 0;
	sk_mem_reclaim(sk);
}

/**
 * linnet_destroy() - proto->destroy: free what the socket owns
 * @sk: a socket in CLOSED, locked or held by nobody else
 */
void linnet_destroy(struct sock *sk)
{
	linnet_timers_stop(sk);
	linnet_purge_queues(sk);
	linnet_fastopen_ended(sk);
	linnet_fastopen_free_request(sk);
	linnet_fastopen_forget(sk);
	free_received(sk);
	kfree(tcp_sk(sk)->saved_syn);
	tcp_sk(sk)->saved_syn = NULL;
	linnet_cong_cleanup(sk);
	linnet_unhash(sk);
	linnet_put_port(sk);
	sk_sockets_allocated_dec(sk);
}

/**
 * linnet_destroy_sock() - the end of a socket that no process holds
 * @sk: an orphan in CLOSED, locked in softirq; its last reference may go here
 */
void linnet_destroy_sock(struct sock *sk)
{
	WARN_ON_ONCE(sk->sk_state != TCP_CLOSE);
	WARN_ON_ONCE(!sock_flag(sk, SOCK_DEAD));

	sk->sk_prot->destroy(sk);
	sk_stream_kill_queues(sk);
	xfrm_sk_free_policy(sk);
	this_cpu_dec(linnet_orphan_count);
	sock_put(sk);
}

static bool reset_owed(int state)
{
	return (1 << state) & (TCPF_ESTABLISHED | TCPF_CLOSE_WAIT |
			       TCPF_FIN_WAIT1 | TCPF_FIN_WAIT2 | TCPF_SYN_RECV);
}

/**
 * linnet_done() - a connection is over
 * @sk: the socket, locked
 */
void linnet_done(struct sock *sk)
{
	if (sk->sk_state == TCP_SYN_SENT || sk->sk_state == TCP_SYN_RECV)
		LINNET_COUNT(sock_net(sk), AttemptFails);
	linnet_set_state(sk, TCP_CLOSE);
	linnet_timers_stop(sk);
	WRITE_ONCE(sk->sk_shutdown, SHUTDOWN_MASK);
	if (sock_flag(sk, SOCK_DEAD))
		linnet_destroy_sock(sk);
	else
		sk->sk_state_change(sk);
}

/**
 * linnet_abort() - give a connection up, without a word to the peer
 * @sk: the socket, locked
 * @err: positive errno for the user
 */
void linnet_abort(struct sock *sk, int err)
{
	WRITE_ONCE(sk->sk_err, err);
	linnet_purge_queues(sk);
	if (!sock_flag(sk, SOCK_DEAD))
		sk_error_report(sk);
	linnet_done(sk);
}

/**
 * linnet_diag_destroy() - proto->diag_destroy: an administrator ends a socket
 * @sk: the socket, not locked
 * @err: positive errno for the user
 *
 * As with TCP a listener stops to listen, and a peer is told by a reset.
 *
 * Return: 0, or -ENOENT when it is over already.
 */
int linnet_diag_destroy(struct sock *sk, int err)
{
	int old;

	lock_sock(sk);
	if (sk->sk_state == TCP_LISTEN)
		linnet_listen_stop(sk);
	/* an orphan is destroyed here, as in softirq */
	local_bh_disable();
	bh_lock_sock(sk);
	old = sk->sk_state;
	if (reset_owed(old))
		linnet_send_active_reset(sk);
	if (old != TCP_CLOSE)
		linnet_abort(sk, err);
	bh_unlock_sock(sk);
	local_bh_enable();
	release_sock(sk);
	return old == TCP_CLOSE ? -ENOENT : 0;
}

/**
 * linnet_reset_received() - the peer has reset the connection
 * @sk: the socket, locked
 *
 * RFC 9293, 3.10.7.3 and 3.10.7.4, second.
 */
void linnet_reset_received(struct sock *sk)
{
	switch (sk->sk_state) {
	case TCP_SYN_SENT:
		linnet_abort(sk, ECONNREFUSED);
		break;
	case TCP_CLOSE_WAIT:
		linnet_abort(sk, EPIPE);
		break;
	case TCP_CLOSE:
		break;
	default:
		linnet_abort(sk, ECONNRESET);
	}
}

/**
 * linnet_reset_saddr() - forget a local address that the user did not bind to:
 *	the next connect() may go another way
 * @sk: the socket, locked, in CLOSED and in no table
 */
void linnet_reset_saddr(struct sock *sk)
{
	if (sk->sk_userlocks & SOCK_BINDADDR_LOCK)
		return;
	inet_sk(sk)->inet_rcv_saddr = 0;
	inet_sk(sk)->inet_saddr = 0;
	if (sk->sk_family == AF_INET6) {
		sk->sk_v6_rcv_saddr = in6addr_any;
		inet6_sk(sk)->saddr = in6addr_any;
	}
}

/**
 * linnet_disconnect() - proto->disconnect: back to an unconnected socket
 * @sk: the socket, locked
 * @flags: unused
 *
 * Return: 0.
 */
int linnet_disconnect(struct sock *sk, int flags)
{
	struct tcp_sock *tp = tcp_sk(sk);
	int old = sk->sk_state;

	if (old == TCP_LISTEN) {
		linnet_listen_stop(sk);
	} else if (reset_owed(old)) {
		linnet_send_active_reset(sk);
		WRITE_ONCE(sk->sk_err, ECONNRESET);
	} else if (old == TCP_SYN_SENT) {
		WRITE_ONCE(sk->sk_err, ECONNRESET);
	}
	if (old != TCP_CLOSE)
		linnet_set_state(sk, TCP_CLOSE);

	linnet_timers_stop(sk);
	linnet_purge_queues(sk);
	linnet_fastopen_ended(sk);
	linnet_fastopen_free_request(sk);
	linnet_compat_set_defer_connect(sk, false);
	free_received(sk);
	WRITE_ONCE(tp->copied_seq, tp->rcv_nxt);
	/* above all that the peer would still take */
	WRITE_ONCE(tp->write_seq, (tp->write_seq + tp->max_window + 2) ?: 1);

	inet_sk(sk)->inet_dport = 0;
	linnet_reset_saddr(sk);
	WRITE_ONCE(sk->sk_shutdown, 0);
	sock_reset_flag(sk, SOCK_DONE);
	sk_dst_reset(sk);
	linnet_early_forget(sk);

	linnet_cong_cleanup(sk);
	linnet_cong_assign(sk);
	linnet_init_connection(sk);
	tp->window_clamp = 0;
	sk_error_report(sk);
	return 0;
}

/* Wait until our FIN is acknowledged, as SO_LINGER asks */
static void wait_linger(struct sock *sk, long timeout)
{
	DEFINE_WAIT_FUNC(wait, woken_wake_function);

	if (!timeout)
		return;
	add_wait_queue(sk_sleep(sk), &wait);
	do {
		if (sk_wait_event(sk, &timeout,
				  !((1 << sk->sk_state) &
				    (TCPF_FIN_WAIT1 | TCPF_CLOSING |
				     TCPF_LAST_ACK)), &wait))
			break;
	} while (!signal_pending(current) && timeout);
	remove_wait_queue(sk_sleep(sk), &wait);
}

/**
 * linnet_out_of_resources() - may an orphan not live on?
 * @sk: the socket, locked
 */
bool linnet_out_of_resources(struct sock *sk)
{
	return linnet_orphans() > READ_ONCE(linnet_sysctl_max_orphans) ||
	       (sk->sk_wmem_queued > SOCK_MIN_SNDBUF && sk_has_account(sk) &&
		sk_memory_allocated(sk) > READ_ONCE(linnet_sysctl_mem[2]));
}

/* Nobody holds the connection any more: how long may it live on? */
static void adopt_orphan(struct sock *sk)
{
	if (sk->sk_state == TCP_FIN_WAIT2) {
		if (tcp_sk(sk)->linger2 < 0) {
			linnet_send_active_reset(sk);
			LINNET_COUNT(sock_net(sk), AbortOnLinger);
			linnet_set_state(sk, TCP_CLOSE);
		} else {
			linnet_keepalive_arm(sk, linnet_fin_timeout(sk));
		}
	}
	if (sk->sk_state != TCP_CLOSE && linnet_out_of_resources(sk)) {
		net_warn_ratelimited("linnet: too many orphaned connections\n");
		linnet_send_active_reset(sk);
		LINNET_COUNT(sock_net(sk), AbortOnMemory);
		linnet_set_state(sk, TCP_CLOSE);
	}
}

/**
 * linnet_close() - proto->close: the last descriptor is gone
 * @sk: the socket, not locked
 * @timeout: SO_LINGER, jiffies; 0: do not wait
 *
 * Data that the user has not read is lost to him, and the peer is told so by a
 * reset (RFC 9293, 3.10.4; RFC 2525, 2.17).
 */
void linnet_close(struct sock *sk, long timeout)
{
	bool unread;
	int state;

	lock_sock(sk);
	WRITE_ONCE(sk->sk_shutdown, SHUTDOWN_MASK);

	if (sk->sk_state == TCP_LISTEN) {
		linnet_listen_stop(sk);
		linnet_set_state(sk, TCP_CLOSE);
		goto adopt;
	}

	unread = linnet_readable(sk);
	__skb_queue_purge(&sk->sk_receive_queue);
	sk_mem_reclaim(sk);

	if (sk->sk_state == TCP_CLOSE) {
		/* nothing to say */
	} else if (unread) {
		LINNET_COUNT(sock_net(sk), AbortOnClose);
		if (reset_owed(sk->sk_state))
			linnet_send_active_reset(sk);
		linnet_set_state(sk, TCP_CLOSE);
	} else if (sock_flag(sk, SOCK_LINGER) && !sk->sk_lingertime) {
		linnet_disconnect(sk, 0);
		LINNET_COUNT(sock_net(sk), AbortOnLinger);
	} else if (linnet_close_state(sk)) {
		linnet_send_fin(sk);
	}
	wait_linger(sk, timeout);

adopt:
	state = sk->sk_state;
	sock_hold(sk);
	sock_orphan(sk);
	this_cpu_inc(linnet_orphan_count);
	/* The backlog is processed here; a segment in it may end the
	 * connection, and with it the socket.
	 */
	release_sock(sk);

	local_bh_disable();
	bh_lock_sock(sk);
	if (state == TCP_CLOSE || sk->sk_state != TCP_CLOSE) {
		adopt_orphan(sk);
		if (sk->sk_state == TCP_CLOSE)
			linnet_destroy_sock(sk);
	}
	bh_unlock_sock(sk);
	local_bh_enable();
	sock_put(sk);
}

/**
 * linnet_forget_child() - a child that will not be accepted any more
 * @child: out of the accept queue; its reference there is the caller's no more
 */
void linnet_forget_child(struct sock *child)
{
	local_bh_disable();
	bh_lock_sock(child);
	sock_hold(child);
	if (reset_owed(child->sk_state))
		linnet_send_active_reset(child);
	linnet_set_state(child, TCP_CLOSE);
	sock_orphan(child);
	this_cpu_inc(linnet_orphan_count);
	linnet_destroy_sock(child);
	bh_unlock_sock(child);
	local_bh_enable();
	sock_put(child);
}
