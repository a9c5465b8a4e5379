// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A child is born: from a request to a socket that is a copy of its listener.
 */
#include <linux/security.h>

#include "handshake.h"
#include "ecn.h"
#include "xmit.h"

/* What the copy shares with the listener by accident */
static void own_parts(struct sock *sk, struct sock *child)
{
	struct inet_connection_sock *icsk = inet_csk(child);
	struct linnet_sock *ls = linnet_sk(child);

	ls->listen = NULL;
	ls->bind_bucket = NULL;
	ls->fastopen = NULL;
	ls->fastopen_pending = false;
	sk_node_init(&child->sk_node);
	INIT_HLIST_NODE(&child->sk_bind_node);
	INIT_LIST_HEAD(&ls->accept_queue);
	RCU_INIT_POINTER(inet_sk(child)->inet_opt, NULL);
	inet_sk(child)->mc_list = NULL;
	RCU_INIT_POINTER(child->sk_rx_dst, NULL);
	atomic64_set(&child->sk_cookie, 0);
	/* of the listener's own connect(), if it ever calls that */
	tcp_sk(child)->fastopen_req = NULL;
	tcp_sk(child)->fastopen_connect = 0;
	memset(&icsk->icsk_accept_queue, 0, sizeof(icsk->icsk_accept_queue));
	linnet_timers_init(child);
	linnet_cong_inherit(child, sk);
}

static struct sock *copy_listener(struct sock *sk, struct linnet_request *req)
{
	struct sock *child = sk_clone_lock(sk, GFP_ATOMIC);
	struct linnet_sock *ls;
	struct tcp_sock *tp;

	if (!child)
		return NULL;
	ls = linnet_sk(child);
	tp = tcp_sk(child);
	child->sk_state = TCP_SYN_RECV;
	own_parts(sk, child);

	inet_sk(child)->inet_num = req->flow.lport;
	inet_sk(child)->inet_sport = htons(req->flow.lport);
	inet_sk(child)->inet_dport = req->flow.rport;
	child->sk_bound_dev_if = req->bound_dev_if;
	child->sk_hash = linnet_flow_hash(&req->flow);
	sk_set_txhash(child);
	atomic_set(&inet_sk(child)->inet_id, get_random_u16());
	ls->af = linnet_flow_af(&req->flow);
	ls->af->init_child(sk, child, &req->flow);
	linnet_init_connection(child);

	tp->snd_una = req->snt_isn;
	tp->snd_nxt = req->snt_isn + 1;
	tp->snd_sml = tp->snd_una;
	tp->write_seq = tp->snd_nxt;
	tp->pushed_seq = tp->snd_nxt;
	tp->rcv_nxt = req->rcv_isn + 1;
	tp->rcv_wup = tp->rcv_nxt;
	tp->copied_seq = tp->rcv_nxt;
	tp->tsoffset = req->ts_offset;
	tp->advmss = req->mss;
	tp->rcv_wnd = req->rcv_wnd;
	tp->rcv_ssthresh = req->rcv_wnd;
	tp->window_clamp = req->window_clamp;
	tp->rx_opt.rcv_wscale = req->rcv_wscale;
	tp->total_retrans = req->retransmits;
	tp->segs_in = 1;	/* the SYN */
	tp->saved_syn = req->saved_syn;
	req->saved_syn = NULL;
	linnet_ecn_child(child, req->ecn_ok);
	linnet_syn_options(child, &req->opt);
	linnet_sync_mss(child);
	tp->rx_opt.ts_recent = req->ts_recent;
	return child;
}

/**
 * linnet_child_make() - make the socket that a request asks for
 * @sk: the listener, locked
 * @req: the request; remains the caller's
 * @skb: the segment that brought it about, data at its header
 *
 * Return: a socket in SYN-RECEIVED, in the tables, with its spinlock held and
 * two references, one of them for the accept queue; NULL when there is no
 * memory, or another socket has the two ends.
 */
struct sock *linnet_child_make(struct sock *sk, struct linnet_request *req,
			       struct sk_buff *skb)
{
	struct sock *child = copy_listener(sk, req);

	if (!child)
		return NULL;
	linnet_inherit_port(sk, child);
	if (linnet_hash_unique(child, NULL)) {
		__acquire(&child->sk_lock.slock);	/* sk_clone_lock() did */
		sock_set_flag(child, SOCK_DEAD);
		this_cpu_inc(linnet_orphan_count);
		linnet_set_state(child, TCP_CLOSE);
		linnet_destroy_sock(child);
		bh_unlock_sock(child);
		sock_put(child);
		return NULL;
	}
	security_inet_conn_established(child, skb);
	if (req->sent_us && !req->retransmits) {
		linnet_clock_refresh(tcp_sk(child));
		linnet_rtt_measured(child, tcp_sk(child)->tcp_mstamp -
				    req->sent_us);
	}
	LINNET_COUNT_SK(sk, PassiveOpens, 1);
	return child;
}

/**
 * linnet_child_enqueue() - a child waits to be accepted
 * @sk: the listener, locked
 * @child: the child, locked
 */
void linnet_child_enqueue(struct sock *sk, struct sock *child)
{
	list_add_tail(&linnet_sk(child)->accept_queue,
		      &linnet_sk(sk)->accept_queue);
	sk_acceptq_added(sk);
}
