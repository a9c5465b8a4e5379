// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sockets: made and freed as inet's are, the lock with its backlog, memory
 * accounting, waking. One thread runs the whole simulation, so a lock that is
 * taken twice is a mistake and no wait.
 */
#include <linux/net.h>
#include <linux/sched.h>
#include <linux/wait.h>
#include <net/inet_sock.h>
#include <net/sock.h>
#include <net/tcp.h>
#include <linux/linnet.h>

#include "linnet.h"
#include "machine.h"

long sockets_alive;
__u32 sysctl_rmem_max = 212992, sysctl_wmem_max = 212992;
static struct task_struct *task;
struct task_struct *current_task;
int __preempt_count = PREEMPT_NEED_RESCHED;	/* inverted: no need */

static void destruct(struct sock *sk);

static void waken(struct sock *sk, __poll_t events)
{
	struct socket_wq *wq = sk->sk_wq;

	if (skwq_has_sleeper(wq))
		wake_up_interruptible_poll(&wq->wait, events);
}

static void state_change(struct sock *sk)
{
	waken(sk, EPOLLIN | EPOLLOUT | EPOLLHUP);
}

static void data_ready(struct sock *sk)
{
	waken(sk, EPOLLIN | EPOLLRDNORM);
}

static void error_report(struct sock *sk)
{
	waken(sk, EPOLLERR);
}

static void write_space(struct sock *sk)
{
	waken(sk, EPOLLOUT);
}

static void sock_setup(struct sock *sk, struct net *net)
{
	skb_queue_head_init(&sk->sk_receive_queue);
	skb_queue_head_init(&sk->sk_write_queue);
	skb_queue_head_init(&sk->sk_error_queue);
	sk->sk_allocation = GFP_KERNEL;
	sk->sk_rcvbuf = 212992;
	sk->sk_sndbuf = 212992;
	sk->sk_state = TCP_CLOSE;
	sk->sk_use_task_frag = false;
	sk->sk_state_change = state_change;
	sk->sk_data_ready = data_ready;
	sk->sk_write_space = write_space;
	sk->sk_error_report = error_report;
	sk->sk_destruct = destruct;
	sk->sk_peek_off = -1;
	sk->sk_rcvlowat = 1;
	sk->sk_rcvtimeo = MAX_SCHEDULE_TIMEOUT;
	sk->sk_sndtimeo = MAX_SCHEDULE_TIMEOUT;
	sk->sk_stamp = SK_DEFAULT_STAMP;
	sk->sk_max_pacing_rate = ~0UL;
	sk->sk_pacing_rate = ~0UL;
	sk->sk_pacing_shift = 10;
	sk->sk_incoming_cpu = -1;
	refcount_set(&sk->sk_wmem_alloc, 1);
	refcount_set(&sk->sk_refcnt, 1);
	write_pnet(&sk->sk_net, net);
	sk_node_init(&sk->sk_node);
	INIT_HLIST_NODE(&sk->sk_bind_node);
}

static struct socket *new_socket(int family)
{
	struct socket_alloc *both = calloc(1, sizeof(*both));
	struct socket *sock = &both->socket;

	init_waitqueue_head(&sock->wq.wait);
	sock->type = SOCK_STREAM;
	sock->state = SS_UNCONNECTED;
	sock->ops = family == AF_INET ? &linnet_stream_ops :
					&linnet6_stream_ops;
	return sock;
}

/**
 * socket_create() - socket(@family, SOCK_STREAM, IPPROTO_LINNET)
 * @net: of which host
 * @family: AF_INET or AF_INET6
 */
struct socket *socket_create(struct net *net, int family)
{
	struct proto *prot = family == AF_INET ? &linnet_prot : &linnet6_prot;
	struct socket *sock = new_socket(family);
	struct sock *sk = calloc(1, prot->obj_size);

	if (!task) {
		task = calloc(1, sizeof(*task));
		current_task = task;
	}
	sockets_alive++;
	sk->sk_prot = sk->sk_prot_creator = prot;
	sk->sk_family = family;
	sk->sk_type = SOCK_STREAM;
	sock_setup(sk, net);
	sk->sk_protocol = linnet_proto;
	sk->sk_backlog_rcv = prot->backlog_rcv;
	inet_sk(sk)->uc_ttl = -1;
	inet_sk(sk)->mc_ttl = 1;
	if (family == AF_INET6)
		inet6_setup_socket(sk);
	sk_set_socket(sk, sock);
	RCU_INIT_POINTER(sk->sk_wq, &sock->wq);
	sock->sk = sk;
	SIM_MUST(!prot->init(sk), "the socket cannot be set up");
	return sock;
}

/**
 * socket_graft() - give a socket that was accepted to a program
 * @sk: the socket
 */
struct socket *socket_graft(struct sock *sk)
{
	struct socket *sock = new_socket(sk->sk_family);

	lock_sock(sk);
	sock_graft(sk, sock);
	sock->state = SS_CONNECTED;
	release_sock(sk);
	return sock;
}

/**
 * socket_release() - the last descriptor is closed
 * @sock: the socket
 *
 * SO_LINGER with a time would wait, which nobody can here.
 */
void socket_release(struct socket *sock)
{
	struct sock *sk = sock->sk;

	sock->sk = NULL;
	sk->sk_prot->close(sk, 0);
	free(container_of(sock, struct socket_alloc, socket));
}

struct sock *sk_clone_lock(const struct sock *sk, const gfp_t gfp)
{
	struct sock *n;

	if (memory_fails(gfp))
		return NULL;
	sockets_alive++;
	n = malloc(sk->sk_prot->obj_size);
	memcpy(n, sk, sk->sk_prot->obj_size);
	n->sk_prot_creator = sk->sk_prot;
	sk_node_init(&n->sk_node);
	memset(&n->sk_lock, 0, sizeof(n->sk_lock));
	n->sk_backlog.head = n->sk_backlog.tail = NULL;
	n->sk_backlog.len = 0;
	atomic_set(&n->sk_rmem_alloc, 0);
	refcount_set(&n->sk_wmem_alloc, 1);
	atomic_set(&n->sk_omem_alloc, 0);
	skb_queue_head_init(&n->sk_receive_queue);
	skb_queue_head_init(&n->sk_write_queue);
	skb_queue_head_init(&n->sk_error_queue);
	RCU_INIT_POINTER(n->sk_dst_cache, NULL);
	n->sk_rx_dst = NULL;
	n->sk_dst_pending_confirm = 0;
	n->sk_wmem_queued = 0;
	n->sk_forward_alloc = 0;
	n->sk_reserved_mem = 0;
	atomic_set(&n->sk_drops, 0);
	n->sk_send_head = NULL;
	n->sk_userlocks = sk->sk_userlocks & ~SOCK_BINDPORT_LOCK;
	n->sk_frag.page = NULL;
	n->sk_err = 0;
	n->sk_err_soft = 0;
	sock_reset_flag(n, SOCK_DONE);
	refcount_set(&n->sk_refcnt, 2);
	sk_set_socket(n, NULL);
	RCU_INIT_POINTER(n->sk_wq, NULL);
	if (n->sk_prot->sockets_allocated)
		sk_sockets_allocated_inc(n);
	bh_lock_sock(n);
	return n;
}

/* As inet_sock_destruct() would warn of it */
static void destruct(struct sock *sk)
{
	skb_queue_purge(&sk->sk_receive_queue);
	skb_queue_purge(&sk->sk_error_queue);
	sk_mem_reclaim_final(sk);
	SIM_MUST(sk->sk_state == TCP_CLOSE, "a socket dies in state %d",
		 sk->sk_state);
	SIM_MUST(!atomic_read(&sk->sk_rmem_alloc), "a socket dies with %d octets of receive memory",
		 atomic_read(&sk->sk_rmem_alloc));
	SIM_MUST(!refcount_read(&sk->sk_wmem_alloc), "a socket dies with %d octets in the queue below",
		 refcount_read(&sk->sk_wmem_alloc));
	SIM_MUST(!sk->sk_wmem_queued, "a socket dies with %d octets of send memory",
		 sk->sk_wmem_queued);
	SIM_MUST(!sk->sk_forward_alloc, "a socket dies with %d octets allocated ahead",
		 sk->sk_forward_alloc);
	dst_release(rcu_dereference_protected(sk->sk_dst_cache, 1));
	kfree(inet_sk(sk)->inet_opt);
}

static void sk_destruct_rcu(struct rcu_head *head)
{
	struct sock *sk = container_of(head, struct sock, sk_rcu);

	if (sk->sk_destruct)
		sk->sk_destruct(sk);
	SIM_MUST(!sk->sk_backlog.head, "a socket dies with a backlog");
	if (sk->sk_frag.page)
		put_page(sk->sk_frag.page);
	sockets_alive--;
	free(sk);
}

void sk_destruct(struct sock *sk)
{
	if (sock_flag(sk, SOCK_RCU_FREE))
		call_rcu(&sk->sk_rcu, sk_destruct_rcu);
	else
		sk_destruct_rcu(&sk->sk_rcu);
}

void sk_free(struct sock *sk)
{
	if (refcount_dec_and_test(&sk->sk_wmem_alloc))
		sk_destruct(sk);
}

void sock_wfree(struct sk_buff *skb)
{
	struct sock *sk = skb->sk;

	if (refcount_sub_and_test(skb->truesize, &sk->sk_wmem_alloc))
		sk_destruct(sk);
}

void sock_rfree(struct sk_buff *skb)
{
	struct sock *sk = skb->sk;

	atomic_sub(skb->truesize, &sk->sk_rmem_alloc);
	sk_mem_uncharge(sk, skb->truesize);
}

void sock_efree(struct sk_buff *skb)
{
	sock_put(skb->sk);
}

/* --- the lock --- */

void lock_sock_nested(struct sock *sk, int subclass)
{
	SIM_MUST(!sk->sk_lock.owned, "a socket is locked by its owner");
	sk->sk_lock.owned = 1;
}

bool __lock_sock_fast(struct sock *sk)
{
	lock_sock_nested(sk, 0);
	return true;
}

void __sk_flush_backlog(struct sock *sk)
{
	struct sk_buff *skb, *next;

	while ((skb = sk->sk_backlog.head)) {
		sk->sk_backlog.head = sk->sk_backlog.tail = NULL;
		for (; skb; skb = next) {
			next = skb->next;
			skb_mark_not_on_list(skb);
			sk_backlog_rcv(sk, skb);
		}
	}
	sk->sk_backlog.len = 0;
}

void release_sock(struct sock *sk)
{
	SIM_MUST(sk->sk_lock.owned, "a socket is released that nobody owns");
	__sk_flush_backlog(sk);
	if (sk->sk_prot->release_cb)
		sk->sk_prot->release_cb(sk);
	sk->sk_lock.owned = 0;
}

/* --- waiting --- */

void __init_waitqueue_head(struct wait_queue_head *wq, const char *name,
			   struct lock_class_key *key)
{
	INIT_LIST_HEAD(&wq->head);
}

void add_wait_queue(struct wait_queue_head *wq, struct wait_queue_entry *e)
{
	__add_wait_queue(wq, e);
}

void remove_wait_queue(struct wait_queue_head *wq, struct wait_queue_entry *e)
{
	__remove_wait_queue(wq, e);
}

int __wake_up(struct wait_queue_head *wq, unsigned int mode, int nr, void *key)
{
	struct wait_queue_entry *e, *next;

	list_for_each_entry_safe(e, next, &wq->head, entry)
		e->func(e, mode, 0, key);
	return 0;
}

void __wake_up_sync_key(struct wait_queue_head *wq, unsigned int mode,
			void *key)
{
	__wake_up(wq, mode, 1, key);
}

void sk_error_report(struct sock *sk)
{
	sk->sk_error_report(sk);
}

int sock_wake_async(struct socket_wq *wq, int how, int band)
{
	return 0;
}

static long nobody_waits(void)
{
	sim_fail("a call would block");
}

int sk_stream_wait_memory(struct sock *sk, long *timeo)
{
	if (sk->sk_err || sk->sk_shutdown & SEND_SHUTDOWN)
		return -EPIPE;
	return *timeo ? nobody_waits() : -EAGAIN;
}

int sk_stream_wait_connect(struct sock *sk, long *timeo)
{
	if (sk->sk_err)
		return sock_error(sk);
	if ((1 << sk->sk_state) & ~(TCPF_SYN_SENT | TCPF_SYN_RECV))
		return -EPIPE;
	return *timeo ? nobody_waits() : -EAGAIN;
}

int sk_wait_data(struct sock *sk, long *timeo, const struct sk_buff *skb)
{
	return nobody_waits();
}

long schedule_timeout(long timeout)
{
	return nobody_waits();
}

int sk_stream_error(struct sock *sk, int flags, int err)
{
	return err == -EPIPE ? sock_error(sk) ?: -EPIPE : err;
}

void sk_stream_kill_queues(struct sock *sk)
{
	__skb_queue_purge(&sk->sk_receive_queue);
	SIM_MUST(skb_queue_empty(&sk->sk_write_queue),
		 "a socket ends with data to be sent");
	sk_mem_reclaim_final(sk);
	SIM_MUST(!sk->sk_wmem_queued && !sk->sk_forward_alloc,
		 "a socket ends with %d octets queued, %d allocated ahead",
		 sk->sk_wmem_queued, sk->sk_forward_alloc);
}

/* --- timers of sockets --- */

void sk_reset_timer(struct sock *sk, struct timer_list *timer,
		    unsigned long expires)
{
	if (!mod_timer(timer, expires))
		sock_hold(sk);
}

void sk_stop_timer(struct sock *sk, struct timer_list *timer)
{
	if (del_timer(timer))
		__sock_put(sk);
}

/* --- memory: what a socket has, and what all have, in pages --- */

int __sk_mem_raise_allocated(struct sock *sk, int size, int amt, int kind)
{
	long all;

	sk_memory_allocated_add(sk, amt);
	all = sk_memory_allocated(sk);
	if (all <= sk_prot_mem_limits(sk, 0)) {
		if (sk_under_memory_pressure(sk))
			sk->sk_prot->leave_memory_pressure(sk);
		return 1;
	}
	if (all > sk_prot_mem_limits(sk, 1))
		sk->sk_prot->enter_memory_pressure(sk);
	if (all > sk_prot_mem_limits(sk, 2))
		goto suppress;
	/* each may have a little, whatever the others have */
	if (kind == SK_MEM_RECV) {
		if (atomic_read(&sk->sk_rmem_alloc) < sk_get_rmem0(sk, sk->sk_prot))
			return 1;
	} else if (sk->sk_wmem_queued < sk_get_wmem0(sk, sk->sk_prot)) {
		return 1;
	}
	if (!sk_under_memory_pressure(sk))
		return 1;
	if (sk_prot_mem_limits(sk, 2) > sk_sockets_allocated_read_positive(sk) *
	    sk_mem_pages(sk->sk_wmem_queued + atomic_read(&sk->sk_rmem_alloc) +
			 sk->sk_forward_alloc))
		return 1;
suppress:
	if (kind == SK_MEM_SEND) {
		sk_stream_moderate_sndbuf(sk);
		/* what the socket is entitled to in any case */
		if (sk->sk_wmem_queued + size >= sk->sk_sndbuf)
			return 1;
	}
	sk_memory_allocated_sub(sk, amt);
	return 0;
}

int __sk_mem_schedule(struct sock *sk, int size, int kind)
{
	int amt = sk_mem_pages(size);

	sk_forward_alloc_add(sk, amt << PAGE_SHIFT);
	if (__sk_mem_raise_allocated(sk, size, amt, kind))
		return 1;
	sk_forward_alloc_add(sk, -(amt << PAGE_SHIFT));
	return 0;
}

void __sk_mem_reclaim(struct sock *sk, int amount)
{
	amount >>= PAGE_SHIFT;
	sk_forward_alloc_add(sk, -(amount << PAGE_SHIFT));
	sk_memory_allocated_sub(sk, amount);
	if (sk_under_memory_pressure(sk) &&
	    sk_memory_allocated(sk) < sk_prot_mem_limits(sk, 0))
		sk->sk_prot->leave_memory_pressure(sk);
}

bool sk_page_frag_refill(struct sock *sk, struct page_frag *pfrag)
{
	if (skb_page_frag_refill(32U, pfrag, sk->sk_allocation))
		return true;
	if (sk->sk_prot->enter_memory_pressure)
		sk->sk_prot->enter_memory_pressure(sk);
	sk_stream_moderate_sndbuf(sk);
	return false;
}

int sk_filter_trim_cap(struct sock *sk, struct sk_buff *skb, unsigned int cap)
{
	return 0;
}

struct dst_entry *__sk_dst_check(struct sock *sk, u32 cookie)
{
	return __sk_dst_get(sk);
}

void inet_sk_set_state(struct sock *sk, int state)
{
	smp_store_release(&sk->sk_state, state);
}

void inet_sk_state_store(struct sock *sk, int state)
{
	inet_sk_set_state(sk, state);
}

struct static_key_false memalloc_socks_key;
int sysctl_mem_pcpu_rsv = SK_MEMORY_PCPU_RESERVE;
