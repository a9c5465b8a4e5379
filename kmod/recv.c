// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From the receive queue to the user: RFC 9293, 3.10.3.
 */
#include <net/busy_poll.h>

#include "linnet.h"
#include "flow.h"
#include "trace.h"
#include "xmit.h"

/**
 * linnet_readable() - bytes that can be read without waiting
 * @sk: the socket; exact when it is locked
 *
 * A FIN counts in RCV.NXT, but is nothing to read.
 */
u32 linnet_readable(const struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	s32 n = READ_ONCE(tp->rcv_nxt) - READ_ONCE(tp->copied_seq);

	return max(n - sock_flag(sk, SOCK_DONE), 0);
}

/* Nearly full: the peer cannot send what a reader may be waiting for */
static bool receive_buffer_full(const struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	int rcvbuf = READ_ONCE(sk->sk_rcvbuf);
	s32 window = tp->rcv_wup + tp->rcv_wnd - tp->rcv_nxt;

	return sk_under_memory_pressure(sk) ||
	       atomic_read(&sk->sk_rmem_alloc) > rcvbuf - (rcvbuf >> 3) ||
	       window <= linnet_sk(sk)->ack.rcv_mss;
}

/**
 * linnet_pollin() - is there enough to read?
 * @sk: the socket
 * @target: how much is enough, bytes
 *
 * Anything is, when more cannot come.
 */
bool linnet_pollin(const struct sock *sk, int target)
{
	u32 readable = linnet_readable(sk);

	return readable && (readable >= target || receive_buffer_full(sk));
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

		if (skb_try_coalesce(tail, skb, &stolen, &delta)) {
			linnet_stamp_keep(tail, skb);
			atomic_add(delta, &sk->sk_rmem_alloc);
			sk_mem_charge(sk, delta);
			LINNET_CB(tail)->end_seq = end_seq;
			kfree_skb_partial(skb, stolen);
			return;
		}
	}
	__skb_queue_tail(&sk->sk_receive_queue, skb);
	/* What waited out of order is charged already.  To give that back for a
	 * moment would be to lose it to others.
	 */
	if (skb->destructor != sock_rfree)
		skb_set_owner_r(skb, sk);
}

/**
 * linnet_data_ready() - wake a reader, if there is enough for him
 * @sk: the socket, locked
 */
void linnet_data_ready(struct sock *sk)
{
	if (sock_flag(sk, SOCK_DONE) ||
	    linnet_pollin(sk, READ_ONCE(sk->sk_rcvlowat)))
		sk->sk_data_ready(sk);
}

/**
 * linnet_after_read() - is an ACK due, because there is room again, or because
 *	what was to be acknowledged has been read?  (RFC 9293, 3.8.6.2.2)
 * @sk: the socket, locked
 * @copied: bytes that the user has read
 */
void linnet_after_read(struct sock *sk, int copied)
{
	struct linnet_ack_state *ack = &linnet_sk(sk)->ack;
	struct tcp_sock *tp = tcp_sk(sk);
	u32 offered, window;

	if (!((1 << sk->sk_state) & (TCPF_ESTABLISHED | TCPF_FIN_WAIT1 |
				     TCPF_FIN_WAIT2 | TCPF_CLOSE_WAIT)))
		return;
	if (ack->pending &&
	    (tp->rcv_nxt - tp->rcv_wup > ack->rcv_mss ||
	     (copied > 0 && !atomic_read(&sk->sk_rmem_alloc) &&
	      (ack->pushed > 1 || (ack->pushed && !ack->pingpong))))) {
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

/**
 * linnet_nothing_to_read() - there is nothing to read: what does the user get?
 * @sk: the socket, locked
 * @timeo: how long he would wait, jiffies
 *
 * Return: 1 to wait, 0 for the end of the stream, or an error.
 */
int linnet_nothing_to_read(struct sock *sk, long timeo)
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

/**
 * linnet_eat_received() - a buffer of the receive queue has been read
 * @sk: the socket, locked
 * @skb: the buffer
 */
void linnet_eat_received(struct sock *sk, struct sk_buff *skb)
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

/* The buffer that holds an octet, at or behind @skb; NULL: not come yet */
static struct sk_buff *buffer_at(struct sock *sk, struct sk_buff *skb, u32 seq)
{
	if (!skb)
		skb = skb_peek(&sk->sk_receive_queue);
	while (skb && !seq_before(seq, LINNET_CB(skb)->end_seq))
		skb = skb_peek_next(skb, &sk->sk_receive_queue);
	return skb;
}

/* More is wanted: wait for it; or there is enough: process what came meanwhile */
static int wait_for_data(struct sock *sk, bool enough, int copied, int flags,
			 long *timeo)
{
	if (enough) {
		__sk_flush_backlog(sk);
		return 0;
	}
	if (!(flags & MSG_PEEK))
		linnet_after_read(sk, copied);
	return sk_wait_data(sk, timeo, skb_peek_tail(&sk->sk_receive_queue));
}

/**
 * linnet_reading_ends() - does what has been read so far have to do?
 * @sk: the socket, locked
 * @timeo: how long the user would wait for more, jiffies
 */
bool linnet_reading_ends(const struct sock *sk, long timeo)
{
	return sk->sk_err || sk->sk_state == TCP_CLOSE ||
	       sk->sk_shutdown & RCV_SHUTDOWN || !timeo ||
	       signal_pending(current);
}

/* Without removing anything: from SO_PEEK_OFF on */
static int peek_locked(struct sock *sk, struct msghdr *msg, size_t len,
		       int flags, long timeo, int target)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 offset = max(sk_peek_offset(sk, flags), 0);
	u32 seq = tp->copied_seq + offset;
	struct sk_buff *skb = NULL;
	int copied = 0, err;

	do {
		skb = buffer_at(sk, skb, seq);
		if (skb) {
			int n = copy_out(skb, seq - LINNET_CB(skb)->seq, msg,
					 len, flags);

			if (n < 0)
				return copied ?: n;
			seq += n;
			copied += n;
			len -= n;
			sk_peek_offset_fwd(sk, n);
			continue;
		}
		if (copied >= target && !READ_ONCE(sk->sk_backlog.tail))
			break;
		if (copied && linnet_reading_ends(sk, timeo))
			break;
		err = copied ? 1 : linnet_nothing_to_read(sk, timeo);
		if (err > 0)
			err = wait_for_data(sk, copied >= target, copied,
					    flags, &timeo);
		else if (!copied)
			return err;
		if (err < 0)
			return copied ?: err;
		/* a second reader may have taken what we looked at */
		if (seq - copied - offset != tp->copied_seq)
			seq = tp->copied_seq + offset;
	} while (len);
	return copied;
}

/* @stamps: when what was read last came in */
static int read_locked(struct sock *sk, struct msghdr *msg, size_t len,
		       int flags, long timeo, int target,
		       struct linnet_stamps *stamps)
{
	struct tcp_sock *tp = tcp_sk(sk);
	int copied = 0, err = 0;

	do {
		struct sk_buff *skb = skb_peek(&sk->sk_receive_queue);

		if (skb) {
			u32 offset = tp->copied_seq - LINNET_CB(skb)->seq;
			int n = copy_out(skb, offset, msg, len, flags);

			if (n < 0) {
				err = n;
				break;
			}
			WRITE_ONCE(tp->copied_seq, tp->copied_seq + n);
			copied += n;
			len -= n;
			sk_peek_offset_bwd(sk, n);
			linnet_rcv_space_adjust(sk);
			linnet_stamp_read(skb, stamps);
			if (tp->copied_seq == LINNET_CB(skb)->end_seq)
				linnet_eat_received(sk, skb);
			continue;
		}
		if (copied >= target && !READ_ONCE(sk->sk_backlog.tail))
			break;
		if (copied && linnet_reading_ends(sk, timeo))
			break;
		if (!copied) {
			err = linnet_nothing_to_read(sk, timeo);
			if (err <= 0)
				break;
		}
		err = wait_for_data(sk, copied >= target, copied, flags,
				    &timeo);
		if (err < 0)
			break;
		err = 0;
	} while (len);
	linnet_after_read(sk, copied);
	return copied ?: err;
}

/* TCP_INQ: how much more there is to read.  At the end of the stream it is
 * never nothing, so that the user reads on and sees it.
 */
static void tell_inq(struct sock *sk, struct msghdr *msg, bool by_option)
{
	msg->msg_inq = linnet_readable(sk) + sock_flag(sk, SOCK_DONE);
	if (by_option)
		put_cmsg(msg, SOL_TCP, TCP_CM_INQ, sizeof(msg->msg_inq),
			 &msg->msg_inq);
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
	struct linnet_stamps stamps = {};
	int ret = -ENOTCONN, target;
	bool tell;
	long timeo;

	if (unlikely(flags & MSG_ERRQUEUE))
		return linnet_compat_recv_error(sk, msg, len);
	if (sk_can_busy_loop(sk) &&
	    skb_queue_empty_lockless(&sk->sk_receive_queue) &&
	    sk->sk_state == TCP_ESTABLISHED)
		sk_busy_loop(sk, flags & MSG_DONTWAIT);

	lock_sock(sk);
	tell = tcp_sk(sk)->recvmsg_inq;
	if (sk->sk_state == TCP_LISTEN)
		goto out;
	ret = -EINVAL;
	if (flags & MSG_OOB)
		goto out;
	timeo = sock_rcvtimeo(sk, flags & MSG_DONTWAIT);
	target = sock_rcvlowat(sk, flags & MSG_WAITALL, len);
	ret = flags & MSG_PEEK ?
	      peek_locked(sk, msg, len, flags, timeo, target) :
	      read_locked(sk, msg, len, flags, timeo, target, &stamps);
	if (ret >= 0 && (tell || msg->msg_get_inq))
		tell_inq(sk, msg, tell);
out:
	release_sock(sk);
	if (unlikely(stamps.software || stamps.hardware) && ret >= 0)
		linnet_stamp_tell(msg, sk, &stamps);
	return ret;
}
