// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From the receive queue to the user: RFC 9293, 3.10.3.
 */
#include "linnet.h"
#include "flow.h"
#include "trace.h"

/**
 * linnet_readable() - bytes that can be read without waiting
 * @sk: the socket
 */
u32 linnet_readable(const struct sock *sk)
{
	const struct sk_buff *tail = skb_peek_tail(&sk->sk_receive_queue);

	if (!tail)
		return 0;
	return LINNET_CB(tail)->end_seq - READ_ONCE(tcp_sk(sk)->copied_seq);
}

/**
 * linnet_queue_received() - data that is in order waits for the user
 * @sk: the socket, locked
 * @skb: data, its control block tells the range; consumed
 */
void linnet_queue_received(struct sock *sk, struct sk_buff *skb)
{
	struct sk_buff *tail = skb_peek_tail(&sk->sk_receive_queue);
	bool stolen;
	int delta;

	/* Small pieces in one buffer: their overhead is what fills memory */
	if (tail && LINNET_CB(tail)->end_seq == LINNET_CB(skb)->seq &&
	    !skb_has_frag_list(skb)) {
		u32 end_seq = LINNET_CB(skb)->end_seq;

		skb_orphan(skb);
		if (skb_try_coalesce(tail, skb, &stolen, &delta)) {
			atomic_add(delta, &sk->sk_rmem_alloc);
			sk_mem_charge(sk, delta);
			LINNET_CB(tail)->end_seq = end_seq;
			kfree_skb_partial(skb, stolen);
			return;
		}
	}
	__skb_queue_tail(&sk->sk_receive_queue, skb);
	skb_set_owner_r(skb, sk);
}

/**
 * linnet_data_ready() - wake a reader, if there is enough for him
 * @sk: the socket, locked
 */
void linnet_data_ready(struct sock *sk)
{
	u32 readable = linnet_readable(sk);

	if (readable < READ_ONCE(sk->sk_rcvlowat) &&
	    !sock_flag(sk, SOCK_DONE) && linnet_rcv_free(sk) > readable / 2)
		return;
	sk->sk_data_ready(sk);
}

/* After reading: is an ACK due, because there is room again, or because what
 * was to be acknowledged has been read?  (RFC 9293, 3.8.6.2.2)
 */
static void after_read(struct sock *sk, int copied)
{
	struct linnet_ack_state *ack = &linnet_sk(sk)->ack;
	struct tcp_sock *tp = tcp_sk(sk);
	u32 offered, window;

	if (!((1 << sk->sk_state) & (TCPF_ESTABLISHED | TCPF_FIN_WAIT1 |
				     TCPF_FIN_WAIT2 | TCPF_CLOSE_WAIT)))
		return;
	if (ack->pending &&
	    (tp->rcv_nxt - tp->rcv_wup > ack->rcv_mss ||
	     (copied > 0 && !ack->pingpong && !linnet_readable(sk)))) {
		linnet_send_ack(sk);
		return;
	}
	if (copied <= 0 || sk->sk_shutdown & RCV_SHUTDOWN)
		return;
	offered = tp->rcv_wup + tp->rcv_wnd - tp->rcv_nxt;
	if ((s32)offered < 0)
		offered = 0;
	if (2 * offered > tp->window_clamp)
		return;
	window = linnet_window_now(sk);
	if (linnet_window_update_due(offered, window))
		linnet_send_ack(sk);
}

/* Nothing to read: what does the user get?  Returns 1 to wait, 0 for the end of
 * the stream, or an error.
 */
static int nothing_to_read(struct sock *sk, long timeo)
{
	if (sock_flag(sk, SOCK_DONE))
		return 0;
	if (sk->sk_err)
		return sock_error(sk);
	if (sk->sk_shutdown & RCV_SHUTDOWN)
		return 0;
	if (sk->sk_state == TCP_CLOSE)
		/* never connected */
		return -ENOTCONN;
	if (!timeo)
		return -EAGAIN;
	if (signal_pending(current))
		return sock_intr_errno(timeo);
	return 1;
}

static void eat(struct sock *sk, struct sk_buff *skb)
{
	__skb_unlink(skb, &sk->sk_receive_queue);
	__kfree_skb(skb);
}

/* Copy from one buffer.  Returns bytes or -EFAULT. */
static int copy_out(struct sk_buff *skb, u32 offset, struct msghdr *msg,
		    size_t len, int flags)
{
	size_t n = min_t(size_t, skb->len - offset, len);

	if (flags & MSG_TRUNC)
		return n;
	return skb_copy_datagram_msg(skb, offset, msg, n) ? -EFAULT : (int)n;
}

static struct sk_buff *buffer_at(struct sock *sk, u32 seq)
{
	struct sk_buff *skb;

	skb_queue_walk(&sk->sk_receive_queue, skb)
		if (seq_before(seq, LINNET_CB(skb)->end_seq))
			return skb;
	return NULL;
}

static int recv_locked(struct sock *sk, struct msghdr *msg, size_t len,
		       int flags)
{
	struct tcp_sock *tp = tcp_sk(sk);
	long timeo = sock_rcvtimeo(sk, flags & MSG_DONTWAIT);
	int target = sock_rcvlowat(sk, flags & MSG_WAITALL, len);
	u32 peek_seq = tp->copied_seq;
	u32 *seq = flags & MSG_PEEK ? &peek_seq : &tp->copied_seq;
	int copied = 0, err = 0;

	if (sk->sk_state == TCP_LISTEN)
		return -ENOTCONN;
	while (len) {
		struct sk_buff *skb = buffer_at(sk, *seq);
		int n;

		if (skb) {
			n = copy_out(skb, *seq - LINNET_CB(skb)->seq, msg, len,
				     flags);
			if (n < 0) {
				err = n;
				break;
			}
			WRITE_ONCE(*seq, *seq + n);
			copied += n;
			len -= n;
			if (flags & MSG_PEEK)
				continue;
			if (*seq == LINNET_CB(skb)->end_seq)
				eat(sk, skb);
			linnet_rcv_space_adjust(sk);
			continue;
		}
		if (copied >= target && !READ_ONCE(sk->sk_backlog.tail))
			break;
		if (copied && (sk->sk_err || sk->sk_state == TCP_CLOSE ||
			       sk->sk_shutdown & RCV_SHUTDOWN || !timeo ||
			       signal_pending(current)))
			break;
		if (!copied) {
			err = nothing_to_read(sk, timeo);
			if (err <= 0)
				break;
			err = 0;
		}
		if (!(flags & MSG_PEEK))
			after_read(sk, copied);
		if (copied >= target) {
			/* what came meanwhile may be had without waiting */
			release_sock(sk);
			lock_sock(sk);
		} else {
			sk_wait_data(sk, &timeo,
				     skb_peek_tail(&sk->sk_receive_queue));
		}
		/* a second reader may have taken what we looked at */
		if (flags & MSG_PEEK && seq_before(peek_seq, tp->copied_seq))
			peek_seq = tp->copied_seq;
	}
	if (!(flags & MSG_PEEK))
		after_read(sk, copied);
	return copied ?: err;
}

/* proto->recvmsg, with the arguments that the kernel gives it.
 *
 * MSG_PEEK, MSG_WAITALL, MSG_DONTWAIT, MSG_TRUNC (discard) and MSG_ERRQUEUE as
 * with TCP; there is no urgent data, so MSG_OOB is -EINVAL.
 *
 * Returns bytes, 0 at the end of the stream, or an error.
 */
int linnet_recvmsg(LINNET_RECVMSG_ARGS)
{
	int ret;

	if (unlikely(flags & MSG_ERRQUEUE))
		return linnet_compat_recv_error(sk, msg, len);
	if (flags & MSG_OOB)
		return -EINVAL;
	lock_sock(sk);
	ret = recv_locked(sk, msg, len, flags);
	release_sock(sk);
	return ret;
}
