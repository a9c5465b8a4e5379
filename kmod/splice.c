// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Received data for others than recvmsg(): splice() into a pipe, and users in
 * the kernel that look at buffers one by one.
 */

#include "linnet.h"

/**
 * linnet_read_sock() - proto_ops->read_sock: hand buffers to an actor
 * @sk: the socket, locked
 * @desc: state of the actor; its count says how much it still wants
 * @actor: takes data, and tells how much it took, or a negative error
 *
 * Return: bytes taken, or what the actor said first if it took none; -ENOTCONN.
 */
int linnet_read_sock(struct sock *sk, read_descriptor_t *desc,
		     sk_read_actor_t actor)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *skb;
	int taken = 0;

	if (sk->sk_state == TCP_LISTEN)
		return -ENOTCONN;
	while ((skb = skb_peek(&sk->sk_receive_queue))) {
		u32 offset = tp->copied_seq - LINNET_CB(skb)->seq;
		int n = actor(desc, skb, offset, skb->len - offset);

		if (n <= 0) {
			if (!taken)
				taken = n;
			break;
		}
		WRITE_ONCE(tp->copied_seq, tp->copied_seq + n);
		taken += n;
		if (tp->copied_seq == LINNET_CB(skb)->end_seq)
			linnet_eat_received(sk, skb);
		if (!desc->count)
			break;
	}
	if (taken > 0) {
		linnet_rcv_space_adjust(sk);
		linnet_after_read(sk, taken);
	}
	return taken;
}

struct splice_state {
	struct pipe_inode_info	*pipe;
	unsigned int		flags;
};

static int into_pipe(read_descriptor_t *desc, struct sk_buff *skb,
			unsigned int offset, size_t len)
{
	struct splice_state *state = desc->arg.data;
	int n;

	n = skb_splice_bits(skb, skb->sk, offset, state->pipe,
			    min(desc->count, len), state->flags);
	if (n > 0)
		desc->count -= n;
	return n;
}

static ssize_t splice_locked(struct sock *sk, struct splice_state *state,
			     size_t len, long timeo)
{
	read_descriptor_t desc = { .arg.data = state, .count = len };
	ssize_t spliced = 0;

	while (desc.count) {
		int err, n = linnet_read_sock(sk, &desc, into_pipe);

		if (n < 0)
			return spliced ?: n;
		if (n) {
			spliced += n;
			if (!desc.count || !timeo)
				break;
			release_sock(sk);
			lock_sock(sk);
			if (linnet_reading_ends(sk, timeo))
				break;
			continue;
		}
		if (spliced)
			break;
		err = linnet_nothing_to_read(sk, timeo);
		if (err <= 0)
			return err;
		/* Data that was there and could not be taken: the pipe is full */
		if (!skb_queue_empty(&sk->sk_receive_queue))
			break;
		err = sk_wait_data(sk, &timeo, NULL);
		if (err < 0)
			return err;
		if (signal_pending(current))
			return sock_intr_errno(timeo);
	}
	return spliced;
}

/**
 * linnet_splice_read() - proto_ops->splice_read
 * @sock: the socket
 * @ppos: must be at 0: a stream cannot be sought
 * @pipe: where to
 * @len: bytes at most
 * @flags: SPLICE_F_*
 *
 * Return: bytes, 0 at the end of the stream, or a negative error.
 */
ssize_t linnet_splice_read(struct socket *sock, loff_t *ppos,
			   struct pipe_inode_info *pipe, size_t len,
			   unsigned int flags)
{
	struct splice_state state = { .pipe = pipe, .flags = flags };
	bool nonblock = sock->file->f_flags & O_NONBLOCK;
	struct sock *sk = sock->sk;
	ssize_t ret;

	if (unlikely(*ppos))
		return -ESPIPE;
	lock_sock(sk);
	ret = splice_locked(sk, &state, len, sock_rcvtimeo(sk, nonblock));
	release_sock(sk);
	return ret;
}

/**
 * linnet_peek_len() - proto_ops->peek_len: bytes that can be read
 * @sock: the socket
 */
int linnet_peek_len(struct socket *sock)
{
	return linnet_readable(sock->sk);
}
