// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From the user into the send queue: RFC 9293, 3.10.2.
 */
#include "linnet.h"
#include "fastopen.h"
#include "trace.h"
#include "xmit.h"

/**
 * linnet_sndbuf_expand() - let the send buffer grow with the window
 * @sk: the socket, locked
 *
 * Twice the congestion window, so that the user can fill what the next round
 * trip frees; SO_SNDBUF ends the growth.
 */
void linnet_sndbuf_expand(struct sock *sk)
{
	const struct tcp_congestion_ops *ca = inet_csk(sk)->icsk_ca_ops;
	struct linnet_net *ln = linnet_sk_net(sk);
	struct tcp_sock *tp = tcp_sk(sk);
	u32 segment, segments, factor;
	u64 sndbuf;

	if (sk->sk_userlocks & SOCK_SNDBUF_LOCK ||
	    sk_under_memory_pressure(sk) ||
	    sk_memory_allocated(sk) >= sk_prot_mem_limits(sk, 0))
		return;
	segment = max_t(u32, tp->rx_opt.mss_clamp, tp->mss_cache) +
		  MAX_TCP_HEADER;
	segment = roundup_pow_of_two(segment +
				     SKB_DATA_ALIGN(sizeof(struct skb_shared_info))) +
		  SKB_DATA_ALIGN(sizeof(struct sk_buff));
	segments = max3(TCP_INIT_CWND, tcp_snd_cwnd(tp), tp->reordering + 1);
	factor = ca->sndbuf_expand ? ca->sndbuf_expand(sk) : 2;
	sndbuf = min_t(u64, (u64)factor * segments * segment,
		       READ_ONCE(ln->wmem[2]));
	if (sndbuf > READ_ONCE(sk->sk_sndbuf))
		WRITE_ONCE(sk->sk_sndbuf, sndbuf);
}

/* A buffer at the end of the send queue that takes more, or a new one: because
 * the last is as large as it should be, a record ends with it, it holds data
 * of another source, or its fragments are used up (@fresh)
 */
static struct sk_buff *writable_buffer(struct sock *sk, int size_goal,
				       const struct linnet_source *src,
				       bool fresh)
{
	struct sk_buff *skb = skb_peek_tail(&sk->sk_write_queue);
	struct tcp_sock *tp = tcp_sk(sk);

	if (skb && (int)skb->len < size_goal && !fresh &&
	    !(LINNET_CB(skb)->marks & LINNET_EOR) &&
	    linnet_source_fits(src, skb))
		return skb;
	if (!sk_stream_memory_free(sk))
		return NULL;
	skb = linnet_alloc_skb(sk, sk->sk_allocation);
	if (!skb)
		return ERR_PTR(-ENOBUFS);
	/* the first is owed: without it nothing would free the memory */
	if (sk->sk_wmem_queued && !sk_wmem_schedule(sk, skb->truesize)) {
		linnet_free_skb(skb);
		return NULL;
	}
	LINNET_CB(skb)->flags = LINNET_ACK;
	LINNET_CB(skb)->seq = tp->write_seq;
	LINNET_CB(skb)->end_seq = tp->write_seq;
	LINNET_CB(skb)->segs = 1;
	linnet_append(sk, skb);
	return skb;
}

static void mark_push(struct tcp_sock *tp, struct sk_buff *skb)
{
	LINNET_CB(skb)->flags |= LINNET_PSH;
	tp->pushed_seq = tp->write_seq;
}

static bool push_due(const struct tcp_sock *tp)
{
	return seq_after(tp->write_seq, tp->pushed_seq + (tp->max_window >> 1));
}

/* Copy into a page of the buffer.  Returns bytes, 0 when the buffer is full, or
 * an error; -EAGAIN: wait for memory.
 */
static int copy_in(struct sock *sk, struct sk_buff *skb, struct msghdr *msg,
		   int room)
{
	struct page_frag *pfrag = sk_page_frag(sk);
	int copy = min_t(int, room, msg_data_left(msg));
	int i = skb_shinfo(skb)->nr_frags, err;
	bool merge = true;

	if (!sk_page_frag_refill(sk, pfrag))
		return -EAGAIN;
	if (!skb_can_coalesce(skb, i, pfrag->page, pfrag->offset)) {
		if (i >= MAX_SKB_FRAGS)
			return 0;
		merge = false;
	}
	copy = min_t(int, copy, pfrag->size - pfrag->offset);
	copy = linnet_wmem_some(sk, copy);
	if (!copy)
		return -EAGAIN;
	err = skb_copy_to_page_nocache(sk, &msg->msg_iter, skb, pfrag->page,
				       pfrag->offset, copy);
	if (err)
		return err;
	if (merge) {
		skb_frag_size_add(&skb_shinfo(skb)->frags[i - 1], copy);
	} else {
		skb_fill_page_desc(skb, i, pfrag->page, pfrag->offset, copy);
		page_ref_inc(pfrag->page);
	}
	pfrag->offset += copy;
	return copy;
}

/* Data into a buffer.  Returns as copy_in() does. */
static int take_in(struct sock *sk, struct sk_buff *skb, struct msghdr *msg,
		   int room, const struct linnet_source *src)
{
	int n = src->uarg || src->splice ?
		linnet_take_pages(sk, skb, msg, room, src) :
		copy_in(sk, skb, msg, room);

	if (n > 0) {
		WRITE_ONCE(tcp_sk(sk)->write_seq, tcp_sk(sk)->write_seq + n);
		LINNET_CB(skb)->end_seq += n;
	}
	return n;
}

/* A buffer that got nothing must not stay: it would be sent as a segment */
static void drop_empty_tail(struct sock *sk)
{
	struct sk_buff *skb = skb_peek_tail(&sk->sk_write_queue);

	if (unlikely(skb && !skb->len &&
		     !(LINNET_CB(skb)->flags & LINNET_FIN))) {
		__skb_unlink(skb, &sk->sk_write_queue);
		linnet_wmem_free(sk, skb);
		if (skb_queue_empty(&sk->sk_write_queue))
			linnet_chrono_stop(sk, TCP_CHRONO_BUSY);
	}
}

/* A small segment may wait for more data while others of ours are still in the
 * queue below: sending goes on when they have left it (Linux's autocorking).
 */
static bool autocorks(struct sock *sk, const struct sk_buff *tail,
		      int size_goal)
{
	unsigned long *flags = &linnet_sk(sk)->xmit_flags;

	if ((int)tail->len >= size_goal || linnet_rtx_empty(sk) ||
	    !READ_ONCE(linnet_sk_net(sk)->autocorking) ||
	    refcount_read(&sk->sk_wmem_alloc) <= tail->truesize ||
	    LINNET_CB(tail)->marks & LINNET_EOR)
		return false;
	if (!test_bit(LINNET_THROTTLED, flags)) {
		LINNET_COUNT(sock_net(sk), AutoCorking);
		set_bit(LINNET_THROTTLED, flags);
		/* it may have drained before the bit was set */
		smp_mb__after_atomic();
	}
	return refcount_read(&sk->sk_wmem_alloc) > tail->truesize;
}

/* How data is cut: into full segments and buffers, octets of data in each */
struct sizes {
	int	mss;
	int	goal;
};

static void renew_sizes(struct sock *sk, struct sizes *sizes)
{
	sizes->mss = linnet_send_mss(sk, &sizes->goal);
}

/* Send what there is, before waiting or returning */
static void push(struct sock *sk, int flags, int nonagle,
		 const struct sizes *sizes)
{
	struct sk_buff *tail = skb_peek_tail(&sk->sk_write_queue);
	struct tcp_sock *tp = tcp_sk(sk);

	if (!tail)
		return;
	/* Half of the largest window since the last PSH */
	if (!(flags & MSG_MORE) || push_due(tp))
		mark_push(tp, tail);
	if (autocorks(sk, tail, sizes->goal))
		return;
	if (flags & MSG_MORE)
		nonagle = TCP_NAGLE_CORK;
	if (!tp->packets_out)
		linnet_cong_idle_restart(sk);
	if (linnet_write_xmit(sk, sizes->mss, nonagle, LINNET_XMIT_ALL))
		linnet_persist_start(sk);
}

/* A buffer is full, and more follows */
static void push_full(struct sock *sk, struct sk_buff *skb, int mss)
{
	if (push_due(tcp_sk(sk))) {
		mark_push(tcp_sk(sk), skb);
		linnet_write_xmit(sk, mss, TCP_NAGLE_PUSH, LINNET_XMIT_ALL);
	} else if (skb == skb_peek(&sk->sk_write_queue)) {
		linnet_write_xmit(sk, mss, TCP_NAGLE_PUSH, LINNET_XMIT_ONE);
	}
}

static int wait_for_memory(struct sock *sk, int flags, bool copied,
			   const struct sizes *sizes, long *timeo)
{
	set_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
	drop_empty_tail(sk);
	/* the page before this one may have been left to it */
	if (copied || linnet_compat_is_sendpage(flags))
		push(sk, flags & ~MSG_MORE, TCP_NAGLE_PUSH, sizes);
	return sk_stream_wait_memory(sk, timeo);
}

/* Data into the send queue, waiting for room where there is none.  Returns 0 or
 * an error; *copied tells how much was taken, *sizes how data is cut in the end.
 */
static int fill_queue(struct sock *sk, struct msghdr *msg, struct sizes *sizes,
		      const struct linnet_source *src, int *copied)
{
	int flags = msg->msg_flags;
	long timeo = sock_sndtimeo(sk, flags & MSG_DONTWAIT);
	bool fresh = false;

	while (msg_data_left(msg)) {
		struct sk_buff *skb = writable_buffer(sk, sizes->goal, src,
						      fresh);
		int n;

		fresh = false;
		if (IS_ERR(skb))
			return PTR_ERR(skb);
		n = skb ? take_in(sk, skb, msg, sizes->goal - skb->len, src) :
			  -EAGAIN;
		if (n == -EAGAIN) {
			n = wait_for_memory(sk, flags, *copied, sizes, &timeo);
			if (n)
				return n;
			renew_sizes(sk, sizes);
			continue;
		}
		if (n < 0)
			return n;
		*copied += n;
		if (!msg_data_left(msg)) {
			if (flags & MSG_EOR)
				LINNET_CB(skb)->marks |= LINNET_EOR;
			break;
		}
		/* full in one way or the other: it can go, and the next one
		 * begin
		 */
		if (n == 0 || (int)skb->len >= sizes->goal) {
			fresh = n == 0;
			push_full(sk, skb, sizes->mss);
		}
	}
	return 0;
}

/* May data be sent?  Returns 0, or an error; *sockc is what the caller asked
 * for in control messages.
 */
static int may_send(struct sock *sk, struct msghdr *msg,
		    struct sockcm_cookie *sockc)
{
	long timeo = sock_sndtimeo(sk, msg->msg_flags & MSG_DONTWAIT);
	int err;

	/* after a fast open the answer need not wait for the handshake */
	if ((1 << sk->sk_state) & ~(TCPF_ESTABLISHED | TCPF_CLOSE_WAIT) &&
	    !linnet_sk(sk)->fastopen_pending) {
		err = sk_stream_wait_connect(sk, &timeo);
		if (err)
			return err;
	}
	sockcm_init(sockc, sk);
	if (msg->msg_controllen && sock_cmsg_send(sk, msg, sockc))
		return -EINVAL;
	sk_clear_bit(SOCKWQ_ASYNC_NOSPACE, sk);
	return sk->sk_err || sk->sk_shutdown & SEND_SHUTDOWN ? -EPIPE : 0;
}

static int send_failed(struct sock *sk, int flags, int err)
{
	err = sk_stream_error(sk, flags, err);
	/* a writer who found no room and was refused must be woken again */
	if (err == -EAGAIN && linnet_rtx_empty(sk) &&
	    skb_queue_empty(&sk->sk_write_queue)) {
		sk->sk_write_space(sk);
		linnet_chrono_stop(sk, TCP_CHRONO_SNDBUF_LIMITED);
	}
	return err;
}

static int send_locked(struct sock *sk, struct msghdr *msg, size_t size)
{
	int flags = msg->msg_flags, copied = 0, err;
	struct linnet_source src;
	struct sockcm_cookie sockc;
	struct sizes sizes;

	if (unlikely(flags & MSG_FASTOPEN ||
		     linnet_compat_defer_connect(sk))) {
		err = linnet_fastopen_sendmsg(sk, msg, size, &copied);
		if (err)
			return copied ?: send_failed(sk, flags, err);
	}
	err = linnet_source_init(sk, msg, size, &src);
	if (err)
		return send_failed(sk, flags, err);
	linnet_rate_app_limited(sk);
	err = may_send(sk, msg, &sockc);
	if (!err) {
		linnet_stamp_origin(sk);
		renew_sizes(sk, &sizes);
		err = fill_queue(sk, msg, &sizes, &src, &copied);
		drop_empty_tail(sk);
	}
	if (copied) {
		linnet_stamp_sent(sk, &sockc);
		if (!linnet_compat_pages_follow(flags))
			push(sk, flags, tcp_sk(sk)->nonagle, &sizes);
	}
	linnet_source_done(&src, copied || !err);
	return copied || !err ? copied : send_failed(sk, flags, err);
}

/**
 * linnet_sendmsg() - proto->sendmsg
 * @sk: the socket, not locked
 * @msg: data and flags
 * @len: bytes
 *
 * Return: bytes taken, or -EPIPE, -ENOTCONN, -EAGAIN, -EFAULT, the socket's
 * error ...
 */
int linnet_sendmsg(struct sock *sk, struct msghdr *msg, size_t len)
{
	int ret;

	/* Urgent data is not sent (RFC 6093) */
	if (msg->msg_flags & MSG_OOB)
		return -EOPNOTSUPP;
	lock_sock(sk);
	ret = send_locked(sk, msg, len);
	release_sock(sk);
	return ret;
}
