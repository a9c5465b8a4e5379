// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The socket as a program sees it: create, connect, listen, accept, poll,
 * ioctl.  How it ends is in close.c.
 */
#include <linux/poll.h>
#include <linux/sockios.h>
#include <asm/ioctls.h>

#include "linnet.h"
#include "fastopen.h"
#include "flow.h"
#include "recovery.h"
#include "rtt.h"
#include "trace.h"
#include "xmit.h"

struct percpu_counter linnet_sockets_allocated;
static atomic_long_t memory_allocated;
static DEFINE_PER_CPU(int, per_cpu_forward_alloc);
static unsigned long memory_pressure;

/* What the kernel's memory accounting grants a socket even under pressure: the
 * first of each.  Sockets begin with what their namespace has in the second.
 */
static int sysctl_wmem[3] = { 4096, 16384, 4 * 1024 * 1024 };
static int sysctl_rmem[3] = { 4096, 131072, 6 * 1024 * 1024 };

/**
 * linnet_memory_allocated() - pages that all sockets have
 */
long linnet_memory_allocated(void)
{
	long pages = atomic_long_read(&memory_allocated);
	int cpu;

	/* what each processor has taken in, or given out, ahead of the sum */
	for_each_possible_cpu(cpu)
		pages += per_cpu(per_cpu_forward_alloc, cpu);
	return pages;
}

static void enter_memory_pressure(struct sock *sk)
{
	if (READ_ONCE(memory_pressure))
		return;
	WRITE_ONCE(memory_pressure, jiffies ?: 1);
	LINNET_COUNT(sock_net(sk), MemoryPressures);
}

static void leave_memory_pressure(struct sock *sk)
{
	WRITE_ONCE(memory_pressure, 0);
}

/**
 * linnet_stream_memory_free() - proto->stream_memory_free: below the mark of
 *	TCP_NOTSENT_LOWAT?
 * @sk: the socket
 * @wake: the writer is about to be woken: twice as far below
 */
bool linnet_stream_memory_free(const struct sock *sk, int wake)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	u32 notsent = READ_ONCE(tp->write_seq) - READ_ONCE(tp->snd_nxt);
	u32 lowat = READ_ONCE(tp->notsent_lowat) ?:
		    READ_ONCE(linnet_sk_net(sk)->notsent_lowat);

	return (notsent << wake) < lowat;
}

/**
 * linnet_write_space() - sk->sk_write_space: there is room again
 * @sk: the socket
 */
void linnet_write_space(struct sock *sk)
{
	struct socket *sock = sk->sk_socket;
	struct socket_wq *wq;

	if (!sock || !sk_stream_is_writeable(sk))
		return;
	clear_bit(SOCK_NOSPACE, &sock->flags);
	rcu_read_lock();
	wq = rcu_dereference(sk->sk_wq);
	if (skwq_has_sleeper(wq))
		wake_up_interruptible_poll(&wq->wait, EPOLLOUT | EPOLLWRNORM |
					   EPOLLWRBAND);
	if (wq && wq->fasync_list && !(sk->sk_shutdown & SEND_SHUTDOWN))
		sock_wake_async(wq, SOCK_WAKE_SPACE, POLL_OUT);
	rcu_read_unlock();
}

/**
 * linnet_init_connection() - what every connection begins with
 * @sk: a new socket, a child, or one that was disconnected
 *
 * What the user set by options stays.
 */
void linnet_init_connection(struct sock *sk)
{
	struct linnet_net *ln = linnet_sk_net(sk);
	struct inet_connection_sock *icsk = inet_csk(sk);
	struct linnet_sock *ls = linnet_sk(sk);
	struct tcp_sock *tp = tcp_sk(sk);
	u16 user_mss = tp->rx_opt.user_mss;

	linnet_reassembly_init(&ls->reassembly);
	memset(&ls->ack, 0, sizeof(ls->ack));
	ls->ack.timeout = TCP_DELACK_MIN;
	ls->ack.rcv_mss = LINNET_MSS_DEFAULT_IPV4;
	memset(tp->recv_sack_cache, 0, sizeof(tp->recv_sack_cache));
	ls->last_challenge = tcp_jiffies32 - HZ;
	inet_csk(sk)->icsk_pmtu_cookie = 0;
	linnet_compat_set_ratio(tp, LINNET_RATIO_DEFAULT);
	tp->rcv_rtt_est.rtt_us = 0;
	tp->rcv_rtt_est.time = 0;
	tp->rcv_rtt_last_tsecr = 0;
	ls->ect_acked = false;
	ls->ect_lost = false;
	ls->first_rto_us = 0;

	/* These belong to TCP's own machinery, which tcp_get_info() and others
	 * look at: they stay empty.
	 */
	tp->out_of_order_queue = RB_ROOT;
	sk->tcp_rtx_queue = RB_ROOT;
	INIT_LIST_HEAD(&tp->tsq_node);
	INIT_LIST_HEAD(&tp->tsorted_sent_queue);

	memset(&tp->rx_opt, 0, sizeof(tp->rx_opt));
	tp->rx_opt.user_mss = user_mss;
	tp->rx_opt.mss_clamp = LINNET_MSS_DEFAULT_IPV4;
	tp->advmss = 65535;
	tp->mss_cache = LINNET_MSS_DEFAULT_IPV4;
	tp->tcp_header_len = LINNET_HEADER_LEN;

	icsk->icsk_rto = TCP_TIMEOUT_INIT;
	icsk->icsk_backoff = 0;
	icsk->icsk_retransmits = 0;
	icsk->icsk_probes_out = 0;
	icsk->icsk_probes_tstamp = 0;
	icsk->icsk_ca_state = TCP_CA_Open;
	memset(&icsk->icsk_ack, 0, sizeof(icsk->icsk_ack));

	tp->srtt_us = 0;
	tp->mdev_us = 0;
	tp->mdev_max_us = 0;
	tp->rttvar_us = 0;
	minmax_reset(&tp->rtt_min, tcp_jiffies32, ~0U);

	tcp_snd_cwnd_set(tp, TCP_INIT_CWND);
	tp->snd_cwnd_cnt = 0;
	tp->snd_cwnd_used = 0;
	tp->snd_cwnd_clamp = ~0;
	tp->snd_cwnd_stamp = tcp_jiffies32;
	tp->snd_ssthresh = TCP_INFINITE_SSTHRESH;
	tp->prior_ssthresh = 0;
	tp->prior_cwnd = 0;
	tp->reordering = READ_ONCE(ln->reordering);
	tp->app_limited = ~0U;
	tp->rate_app_limited = 1;
	tp->is_cwnd_limited = 0;
	tp->max_packets_out = 0;
	tp->high_seq = 0;
	tp->undo_marker = 0;
	tp->undo_retrans = 0;
	tp->frto = 0;
	tp->is_sack_reneg = 0;
	linnet_rack_init(sk);
	memset(&icsk->icsk_mtup, 0, sizeof(icsk->icsk_mtup));
	tp->retrans_stamp = 0;
	tp->packets_out = 0;
	tp->retrans_out = 0;
	tp->sacked_out = 0;
	tp->lost_out = 0;
	tp->lost = 0;
	tp->delivered = 0;
	tp->delivered_ce = 0;
	tp->ecn_flags = 0;
	tp->rate_delivered = 0;
	tp->rate_interval_us = 0;
	tp->snd_wnd = 0;
	tp->max_window = 0;
	tp->lsndtime = 0;
	tp->syn_data = 0;
	tp->syn_fastopen = 0;
	tp->syn_fastopen_ch = 0;
	tp->syn_data_acked = 0;
	tp->fastopen_client_fail = 0;
	tp->bytes_sent = 0;
	tp->bytes_acked = 0;
	tp->bytes_received = 0;
	tp->bytes_retrans = 0;
	tp->segs_in = 0;
	tp->segs_out = 0;
	tp->data_segs_in = 0;
	tp->data_segs_out = 0;
	tp->dsack_dups = 0;
	tp->rcv_ooopack = 0;
	tp->total_retrans = 0;
	tp->tcp_wstamp_ns = 0;
	tp->compressed_ack_rcv_nxt = 0;
	tp->dup_ack_counter = 0;
}

/**
 * linnet_init_sock() - proto->init
 * @sk: a new socket, zeroed but for what sock_init_data() sets
 *
 * Return: 0.
 */
int linnet_init_sock(struct sock *sk)
{
	struct linnet_net *ln = linnet_pernet(sock_net(sk));
	struct linnet_sock *ls = linnet_sk(sk);

	ls->net = ln;
	linnet_early_start(sock_net(sk), ln);
	/* until connect() or a child's handshake knows better */
	ls->af = sk->sk_family == AF_INET ? &linnet_ipv4_ops :
					    &linnet_ipv6_ops;
	INIT_LIST_HEAD(&ls->accept_queue);
	linnet_timers_init(sk);
	inet_csk(sk)->icsk_rto_min = usecs_to_jiffies(READ_ONCE(ln->rto_min_us));
	inet_csk(sk)->icsk_delack_max = TCP_DELACK_MAX;
	linnet_compat_set_rto_max(sk, READ_ONCE(ln->rto_max_ms));
	linnet_init_connection(sk);
	linnet_cong_assign(sk);

	/* options of SOL_SOCKET come to linnet_stream_setsockopt() first */
	linnet_compat_custom_sockopt(sk->sk_socket);
	set_bit(SOCK_SUPPORT_ZC, &sk->sk_socket->flags);
	sk->sk_write_space = linnet_write_space;
	sk->sk_txrehash = READ_ONCE(sock_net(sk)->core.sysctl_txrehash);
	/* freed after a grace period: the tables are read under RCU */
	sock_set_flag(sk, SOCK_RCU_FREE);
	/* wmem_alloc counts what is in the queue below, not what is writable */
	sock_set_flag(sk, SOCK_USE_WRITE_QUEUE);
	WRITE_ONCE(sk->sk_sndbuf, READ_ONCE(ln->wmem[1]));
	WRITE_ONCE(sk->sk_rcvbuf, READ_ONCE(ln->rmem[1]));
	sk_sockets_allocated_inc(sk);
	return 0;
}

static void give_up(struct sock *sk)
{
	linnet_timers_stop(sk);
	linnet_purge_queues(sk);
	linnet_set_state(sk, TCP_CLOSE);
	linnet_reset_saddr(sk);
	sk->sk_route_caps = 0;
	inet_sk(sk)->inet_dport = 0;
}

/**
 * linnet_connect_start() - both ends are known: send the SYN
 * @sk: the socket, locked, its addresses and route set
 *
 * Return: 0, or -EADDRNOTAVAIL, -ENOBUFS ...; the socket is closed then.
 */
int linnet_connect_start(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct linnet_flow flow;
	u32 isn;
	int err;

	tp->tcp_header_len = LINNET_HEADER_LEN;
	/* a connection before may have ended with an error nobody asked for */
	WRITE_ONCE(sk->sk_err, 0);
	sock_reset_flag(sk, SOCK_DONE);
	linnet_set_state(sk, TCP_SYN_SENT);
	tp->write_seq = 0;
	err = linnet_hash_connect(sk);
	if (err)
		goto fail;
	inet_sk(sk)->inet_sport = htons(inet_sk(sk)->inet_num);
	sk_set_txhash(sk);
	atomic_set(&inet_sk(sk)->inet_id, get_random_u16());
	linnet_flow_of(sk, &flow);
	isn = linnet_isn(&flow, &tp->tsoffset);
	/* unless it goes on where TIME-WAIT ended */
	if (!tp->write_seq)
		tp->write_seq = isn;
	tp->snd_una = tp->write_seq;
	tp->snd_nxt = tp->write_seq;
	tp->snd_sml = tp->write_seq;
	tp->pushed_seq = tp->write_seq;
	tp->rcv_nxt = 0;
	tp->rcv_wup = 0;
	tp->copied_seq = 0;
	/* what we are about to offer */
	if (READ_ONCE(linnet_sk_net(sk)->timestamps))
		tp->tcp_header_len += LINNET_OPTLEN_TIMESTAMP_ALIGNED;
	linnet_cong_by_route(sk);
	linnet_sync_mss(sk);
	linnet_advertised_mss(sk);
	linnet_initial_window(sk);
	linnet_rcv_mss_init(sk);
	if (linnet_fastopen_defers(sk, &err))
		return 0;
	if (err)
		goto fail;
	return linnet_connect_send(sk);
fail:
	give_up(sk);
	return err;
}

/**
 * linnet_connect_send() - send the SYN of a socket in SYN-SENT
 * @sk: the socket, locked
 *
 * Return: 0, or an error; the socket is closed then.
 */
int linnet_connect_send(struct sock *sk)
{
	int err = linnet_send_syn(sk);

	if (err)
		give_up(sk);
	return err;
}

static int wait_for_child(struct sock *sk, long timeo)
{
	struct linnet_sock *ls = linnet_sk(sk);
	DEFINE_WAIT(wait);
	int err;

	for (;;) {
		prepare_to_wait_exclusive(sk_sleep(sk), &wait,
					  TASK_INTERRUPTIBLE);
		release_sock(sk);
		if (list_empty_careful(&ls->accept_queue))
			timeo = schedule_timeout(timeo);
		sched_annotate_sleep();
		lock_sock(sk);
		err = 0;
		if (!list_empty(&ls->accept_queue))
			break;
		err = -EINVAL;
		if (sk->sk_state != TCP_LISTEN)
			break;
		err = sock_intr_errno(timeo);
		if (signal_pending(current))
			break;
		err = -EAGAIN;
		if (!timeo)
			break;
	}
	finish_wait(sk_sleep(sk), &wait);
	return err;
}

static struct sock *linnet_accept(LINNET_ACCEPT_ARGS)
{
	struct linnet_sock *ls = linnet_sk(sk), *child;
	struct sock *newsk = NULL;
	int err = -EINVAL;

	lock_sock(sk);
	if (sk->sk_state != TCP_LISTEN)
		goto out;
	if (list_empty(&ls->accept_queue)) {
		long timeo = sock_rcvtimeo(sk, LINNET_ACCEPT_NONBLOCK);

		err = -EAGAIN;
		if (!timeo)
			goto out;
		err = wait_for_child(sk, timeo);
		if (err)
			goto out;
	}
	child = list_first_entry(&ls->accept_queue, struct linnet_sock,
				 accept_queue);
	list_del_init(&child->accept_queue);
	sk_acceptq_removed(sk);
	newsk = (struct sock *)child;
	err = 0;
out:
	release_sock(sk);
	if (newsk) {
		lock_sock(newsk);
		linnet_memcg_accept(newsk);
		linnet_cong_by_route(newsk);
		release_sock(newsk);
	}
	LINNET_ACCEPT_ERROR(err);
	return newsk;
}

static int linnet_stream_accept(LINNET_STREAM_ACCEPT_ARGS)
{
	int err = linnet_compat_inet_accept();

	if (!err)
		linnet_compat_custom_sockopt(newsock);
	return err;
}

static int linnet_listen(struct socket *sock, int backlog)
{
	struct sock *sk = sock->sk;
	int err = -EINVAL;

	lock_sock(sk);
	if (sock->state != SS_UNCONNECTED || sock->type != SOCK_STREAM ||
	    !((1 << sk->sk_state) & (TCPF_CLOSE | TCPF_LISTEN)))
		goto out;
	WRITE_ONCE(sk->sk_max_ack_backlog, backlog);
	err = 0;
	if (sk->sk_state != TCP_LISTEN)
		err = linnet_listen_start(sk, backlog);
out:
	release_sock(sk);
	return err;
}

static __poll_t linnet_poll(struct file *file, struct socket *sock,
			    poll_table *wait)
{
	struct sock *sk = sock->sk;
	u8 shutdown;
	__poll_t mask = 0;
	int state;

	sock_poll_wait(file, sock, wait);
	state = inet_sk_state_load(sk);
	if (state == TCP_LISTEN)
		return list_empty_careful(&linnet_sk(sk)->accept_queue) ?
		       0 : EPOLLIN | EPOLLRDNORM;

	shutdown = READ_ONCE(sk->sk_shutdown);
	if (shutdown == SHUTDOWN_MASK || state == TCP_CLOSE)
		mask |= EPOLLHUP;
	if (shutdown & RCV_SHUTDOWN)
		mask |= EPOLLIN | EPOLLRDNORM | EPOLLRDHUP;

	if (state == TCP_SYN_SENT && linnet_compat_defer_connect(sk))
		mask |= EPOLLOUT | EPOLLWRNORM;
	if (state != TCP_SYN_SENT &&
	    (state != TCP_SYN_RECV || READ_ONCE(linnet_sk(sk)->fastopen_pending))) {
		if (linnet_pollin(sk, sock_rcvlowat(sk, 0, INT_MAX)))
			mask |= EPOLLIN | EPOLLRDNORM;
		if (shutdown & SEND_SHUTDOWN) {
			mask |= EPOLLOUT | EPOLLWRNORM;
		} else if (__sk_stream_is_writeable(sk, 1)) {
			mask |= EPOLLOUT | EPOLLWRNORM;
		} else {
			sk_set_bit(SOCKWQ_ASYNC_NOSPACE, sk);
			set_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
			/* room may have come between the two */
			smp_mb__after_atomic();
			if (__sk_stream_is_writeable(sk, 1))
				mask |= EPOLLOUT | EPOLLWRNORM;
		}
	}
	/* pairs with the error being set before sk_error_report() */
	smp_rmb();
	if (READ_ONCE(sk->sk_err) || !skb_queue_empty_lockless(&sk->sk_error_queue))
		mask |= EPOLLERR;
	return mask;
}

static int linnet_ioctl(LINNET_IOCTL_ARGS)
{
	struct tcp_sock *tp = tcp_sk(sk);
	int answer;
	bool slow;

	switch (cmd) {
	case SIOCINQ:
		if (sk->sk_state == TCP_LISTEN)
			return -EINVAL;
		slow = lock_sock_fast(sk);
		answer = linnet_readable(sk);
		unlock_sock_fast(sk, slow);
		break;
	case SIOCATMARK:
		answer = 0;	/* there is no urgent data */
		break;
	case SIOCOUTQ:
		if (sk->sk_state == TCP_LISTEN)
			return -EINVAL;
		answer = (1 << sk->sk_state) & (TCPF_SYN_SENT | TCPF_SYN_RECV) ?
			 0 : READ_ONCE(tp->write_seq) - tp->snd_una;
		break;
	case SIOCOUTQNSD:
		if (sk->sk_state == TCP_LISTEN)
			return -EINVAL;
		answer = (1 << sk->sk_state) & (TCPF_SYN_SENT | TCPF_SYN_RECV) ?
			 0 : READ_ONCE(tp->write_seq) - READ_ONCE(tp->snd_nxt);
		break;
	default:
		return -ENOIOCTLCMD;
	}
	return LINNET_IOCTL_ANSWER(answer);
}

LINNET_COMPAT_DEFINE_SENDPAGE

#define LINNET_PROTO_COMMON						\
	.owner			= THIS_MODULE,				\
	.close			= linnet_close,				\
	.disconnect		= linnet_disconnect,			\
	.accept			= linnet_accept,			\
	.ioctl			= linnet_ioctl,				\
	.init			= linnet_init_sock,			\
	.destroy		= linnet_destroy,			\
	.diag_destroy		= linnet_diag_destroy,			\
	.shutdown		= linnet_shutdown,			\
	.setsockopt		= linnet_setsockopt,			\
	.getsockopt		= linnet_getsockopt,			\
	.keepalive		= linnet_set_keepalive,			\
	.sendmsg		= linnet_sendmsg,			\
	.recvmsg		= linnet_recvmsg,			\
	LINNET_COMPAT_PROTO_SENDPAGE					\
	.backlog_rcv		= linnet_do_rcv,			\
	.release_cb		= linnet_release_cb,			\
	.unhash			= linnet_unhash,			\
	.get_port		= linnet_get_port,			\
	.put_port		= linnet_put_port,			\
	.stream_memory_free	= linnet_stream_memory_free,		\
	.enter_memory_pressure	= enter_memory_pressure,		\
	.leave_memory_pressure	= leave_memory_pressure,		\
	.memory_allocated	= &memory_allocated,			\
	.per_cpu_fw_alloc	= &per_cpu_forward_alloc,		\
	.memory_pressure	= &memory_pressure,			\
	.sockets_allocated	= &linnet_sockets_allocated,		\
	.sysctl_mem		= linnet_sysctl_mem,			\
	.sysctl_wmem		= sysctl_wmem,				\
	.sysctl_rmem		= sysctl_rmem,				\
	.no_autobind		= true,					\
	.max_header		= MAX_TCP_HEADER

struct proto linnet_prot = {
	.name		= "LINNET",
	.connect	= linnet_ipv4_connect,
	.obj_size	= sizeof(struct linnet_sock),
	LINNET_PROTO_COMMON,
};

struct proto linnet6_prot = {
	.name		= "LINNETv6",
	.connect	= linnet_ipv6_connect,
	.obj_size	= sizeof(struct linnet6_sock),
	LINNET_PROTO_COMMON,
};

#define LINNET_OPS_COMMON						\
	.owner		= THIS_MODULE,					\
	.connect	= inet_stream_connect,				\
	.socketpair	= sock_no_socketpair,				\
	.accept		= linnet_stream_accept,				\
	.poll		= linnet_poll,					\
	.gettstamp	= sock_gettstamp,				\
	.listen		= linnet_listen,				\
	.set_rcvlowat	= linnet_set_rcvlowat,				\
	LINNET_COMPAT_SET_RCVBUF(linnet_set_rcvbuf)			\
	.shutdown	= inet_shutdown,				\
	.setsockopt	= linnet_stream_setsockopt,			\
	.getsockopt	= sock_common_getsockopt,			\
	.sendmsg	= inet_sendmsg,					\
	.recvmsg	= inet_recvmsg,					\
	LINNET_COMPAT_OPS_SENDPAGE					\
	LINNET_COMPAT_SET_PEEK_OFF					\
	.splice_read	= linnet_splice_read,				\
	.read_sock	= linnet_read_sock,				\
	.peek_len	= linnet_peek_len,				\
	.mmap		= sock_no_mmap

const struct proto_ops linnet_stream_ops = {
	.family		= PF_INET,
	.release	= inet_release,
	.bind		= inet_bind,
	.getname	= inet_getname,
	.ioctl		= inet_ioctl,
	LINNET_OPS_COMMON,
};

const struct proto_ops linnet6_stream_ops = {
	.family		= PF_INET6,
	.release	= inet6_release,
	.bind		= inet6_bind,
	.getname	= inet6_getname,
	.ioctl		= inet6_ioctl,
	LINNET_OPS_COMMON,
};
