// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sending without a copy: the user's own pages (MSG_ZEROCOPY), and pages that
 * somebody hands over (splice(), sendfile()).
 */
#include <linux/bvec.h>

#include "linnet.h"

/**
 * linnet_source_init() - how is the data of this sendmsg() to be taken?
 * @sk: the socket, locked
 * @msg: data and flags
 * @size: bytes
 * @src: filled in
 *
 * Return: 0 or -ENOBUFS.
 */
int linnet_source_init(struct sock *sk, struct msghdr *msg, size_t size,
		       struct linnet_source *src)
{
	/* A device that takes no pages needs a copy anyway */
	bool pages = sk->sk_route_caps & NETIF_F_SG;
	struct sk_buff *tail;

	memset(src, 0, sizeof(*src));
	if (likely(!size))
		return 0;
	if (msg->msg_flags & MSG_SPLICE_PAGES) {
		src->splice = pages;
		return 0;
	}
	if (!(msg->msg_flags & MSG_ZEROCOPY))
		return 0;
	if (msg->msg_ubuf) {		/* io_uring's; the caller holds it */
		if (pages)
			src->uarg = msg->msg_ubuf;
		return 0;
	}
	if (!sock_flag(sk, SOCK_ZEROCOPY))
		return 0;
	/* One notification may stand for several calls in a row */
	tail = skb_peek_tail(&sk->sk_write_queue);
	src->notify = linnet_compat_zerocopy_realloc(sk, size, tail ?
						     skb_zcopy(tail) : NULL);
	if (!src->notify)
		return -ENOBUFS;
	if (pages)
		src->uarg = src->notify;
	else
		uarg_to_msgzc(src->notify)->zerocopy = 0;
	return 0;
}

/**
 * linnet_source_done() - sendmsg() is about to return
 * @src: what linnet_source_init() filled in
 * @taken: some data was
 */
void linnet_source_done(struct linnet_source *src, bool taken)
{
	if (likely(!src->notify))
		return;
	if (taken)
		net_zcopy_put(src->notify);
	else
		net_zcopy_put_abort(src->notify, true);
}

/**
 * linnet_source_fits() - may a buffer take data in this way?
 * @src: how
 * @skb: the last buffer of the send queue
 *
 * Pages of the user's are not mixed with others: one buffer, one notification.
 */
bool linnet_source_fits(const struct linnet_source *src,
			const struct sk_buff *skb)
{
	return !skb->len || skb_zcopy((struct sk_buff *)skb) == src->uarg;
}

/* What the buffer took has been charged already, but for splicing */
static int splice_in(struct sock *sk, struct sk_buff *skb, struct msghdr *msg,
		     int room)
{
	ssize_t n = linnet_compat_splice_from_iter(skb, &msg->msg_iter, room,
						   sk->sk_allocation);

	if (n <= 0)
		return n;
	/* somebody may still write to them: no checksum is kept */
	if (!(msg->msg_flags & MSG_NO_SHARED_FRAGS))
		skb_shinfo(skb)->flags |= SKBFL_SHARED_FRAG;
	sk_wmem_queued_add(sk, n);
	sk_mem_charge(sk, n);
	return n;
}

/**
 * linnet_take_pages() - add pages to a buffer, without a copy
 * @sk: the socket, locked
 * @skb: the last buffer of the send queue
 * @msg: the data; @src->splice or @src->uarg is set
 * @room: bytes that the buffer may still take
 * @src: how
 *
 * Return: bytes; 0 when the buffer takes no more; -EAGAIN: wait for memory; or
 * another error.
 */
int linnet_take_pages(struct sock *sk, struct sk_buff *skb, struct msghdr *msg,
		      int room, const struct linnet_source *src)
{
	int n = min_t(int, room, msg_data_left(msg));

	n = linnet_wmem_some(sk, n);
	if (!n)
		return -EAGAIN;
	if (src->splice)
		n = splice_in(sk, skb, msg, n);
	else
		n = linnet_compat_zerocopy_stream(sk, skb, msg, n, src->uarg);
	return n == -EMSGSIZE || n == -EEXIST ? 0 : n;
}
