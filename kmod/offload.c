// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Super-segments: one buffer stands for many segments until the device, or the
 * code here just before it, cuts it up.
 */
#include <linux/skbuff.h>
#include <net/ip6_checksum.h>
#include <net/protocol.h>

#include "linnet.h"
#include "xmit.h"

/* The TCP bit gives right header lengths and MTU checks everywhere in the
 * kernel.  The SCTP bit keeps hardware that would segment TCP, but knows
 * nothing of a protocol 253, from taking the buffer whole: no hardware claims
 * both.
 */
#define GSO_TYPE_IPV4	(SKB_GSO_TCPV4 | SKB_GSO_SCTP)
#define GSO_TYPE_IPV6	(SKB_GSO_TCPV6 | SKB_GSO_SCTP)

/* How many bytes of data a device may be given at once.  More than 64 kB, which
 * some take over IPv6, the kernel builds for TCP only.
 */
static u32 gso_max_size(const struct net_device *dev, int family)
{
	u32 size = family == AF_INET ? linnet_compat_gso_ipv4_max_size(dev) :
				       READ_ONCE(dev->gso_max_size);

	size = min_t(u32, size, GSO_LEGACY_MAX_SIZE);
	return size - min_t(u32, size, MAX_TCP_HEADER + 1);
}

/* A device that sums TCP only would send our segments unsummed: the kernel
 * tells the two apart by the place of the checksum alone.
 */
static netdev_features_t sums_anything(netdev_features_t features)
{
	return features & NETIF_F_HW_CSUM ? features :
					    features & ~NETIF_F_CSUM_MASK;
}

/**
 * linnet_offload_caps() - take up a route, and what its device can do
 * @sk: the socket, locked
 * @dst: the route; its reference becomes the socket's
 *
 * Super-segments are worth building even for a device that cannot cut them:
 * the code below does so just before it.
 */
void linnet_offload_caps(struct sock *sk, struct dst_entry *dst)
{
	const struct net_device *dev = dst_dev(dst);
	int family = linnet_sk(sk)->af->family;

	sk->sk_gso_type = family == AF_INET ? GSO_TYPE_IPV4 : GSO_TYPE_IPV6;
	sk_setup_caps(sk, dst);
	if (!sk->sk_gso_disabled && !dst->header_len) {
		sk->sk_route_caps |= NETIF_F_GSO | NETIF_F_GSO_SOFTWARE |
				     NETIF_F_SG;
		sk->sk_gso_max_size = gso_max_size(dev, family);
		sk->sk_gso_max_segs = max_t(u32, READ_ONCE(dev->gso_max_segs),
					    1);
	}
	if (!(dev->features & NETIF_F_HW_CSUM))
		sk->sk_route_caps &= ~NETIF_F_CSUM_MASK;
}

static void leave_checksum(struct sk_buff *skb, __sum16 pseudo, bool to_others)
{
	struct linnet_header *h = (void *)skb_transport_header(skb);

	h->check = pseudo;
	skb->ip_summed = CHECKSUM_PARTIAL;
	skb->csum_start = skb_transport_header(skb) - skb->head;
	skb->csum_offset = offsetof(struct linnet_header, check);
	if (!to_others)
		skb_checksum_help(skb);
}

/**
 * linnet_checksum_partial() - leave the checksum to the device, if it can, or to
 *	the code that cuts a super-segment
 * @sk: the socket
 * @skb: the segment, its transport header set
 * @pseudo: folded sum over the pseudo-header, not inverted
 */
void linnet_checksum_partial(struct sock *sk, struct sk_buff *skb,
			     __sum16 pseudo)
{
	leave_checksum(skb, pseudo, sk->sk_route_caps & NETIF_F_HW_CSUM ||
				    skb_is_gso(skb));
}

/**
 * linnet_checksum_reply() - the same for what no connected socket sends
 * @dst: its route
 * @skb: the segment, its transport header set
 * @pseudo: folded sum over the pseudo-header, not inverted
 */
void linnet_checksum_reply(const struct dst_entry *dst, struct sk_buff *skb,
			   __sum16 pseudo)
{
	leave_checksum(skb, pseudo, dst->dev->features & NETIF_F_HW_CSUM);
}

/* Finish the checksum of a segment that was cut: the pseudo-sum that the whole
 * had counted its length, this one counts its own.
 */
static void segment_checksum(struct sk_buff *seg, __sum16 pseudo_zero)
{
	struct linnet_header *h = (void *)skb_transport_header(seg);
	unsigned int len = seg->len - skb_transport_offset(seg);
	__wsum sum = csum_add(csum_unfold(pseudo_zero),
			      (__force __wsum)htonl(len));

	h->check = csum_fold(sum);
	h->check = ~h->check;
	if (seg->ip_summed == CHECKSUM_PARTIAL) {
		seg->csum_start = skb_transport_header(seg) - seg->head;
		seg->csum_offset = offsetof(struct linnet_header, check);
	} else {
		h->check = csum_fold(csum_partial(h, linnet_header_len(h),
						  SKB_GSO_CB(seg)->csum));
	}
}

/* The pseudo-sum without the length */
static __sum16 pseudo_without_length(const struct sk_buff *skb)
{
	if (skb->protocol == htons(ETH_P_IP))
		return ~csum_tcpudp_magic(ip_hdr(skb)->saddr,
					  ip_hdr(skb)->daddr, 0, linnet_proto,
					  0);
	return ~csum_ipv6_magic(&ipv6_hdr(skb)->saddr, &ipv6_hdr(skb)->daddr, 0,
				linnet_proto, 0);
}

/* Each segment is charged to the socket as the whole was: what lies in the
 * queue below must be known there until it has gone.  A buffer that is not ours
 * stays its owner's, who expects it back once.
 */
static void share_owner(struct sk_buff *skb, struct sk_buff *segs)
{
	struct sock *sk = skb->sk;
	struct sk_buff *seg;
	int delta = -(int)skb->truesize;

	if (!linnet_sent_skb(skb))
		return;
	for (seg = segs; seg; seg = seg->next) {
		seg->sk = sk;
		seg->destructor = skb->destructor;
		delta += seg->truesize;
	}
	skb->sk = NULL;
	skb->destructor = NULL;
	if (delta > 0)
		refcount_add(delta, &sk->sk_wmem_alloc);
	else if (delta < 0)
		WARN_ON_ONCE(refcount_sub_and_test(-delta, &sk->sk_wmem_alloc));
}

static struct sk_buff *gso_segment(struct sk_buff *skb,
				   netdev_features_t features)
{
	unsigned int mss = skb_shinfo(skb)->gso_size, header;
	struct linnet_header *h;
	struct sk_buff *segs, *seg;
	__sum16 pseudo;
	u8 last_flags;
	u32 seq;

	if (!pskb_may_pull(skb, LINNET_HEADER_LEN))
		return ERR_PTR(-EINVAL);
	h = (void *)skb->data;
	header = linnet_header_len(h);
	if (header < LINNET_HEADER_LEN || !pskb_may_pull(skb, header) ||
	    !mss || skb->len <= header + mss)
		return ERR_PTR(-EINVAL);
	h = (void *)skb->data;

	/* The device takes it whole after all: only say how many it is */
	if (skb_gso_ok(skb, features | NETIF_F_GSO_ROBUST)) {
		skb_shinfo(skb)->gso_segs = DIV_ROUND_UP(skb->len - header,
							 mss);
		return NULL;
	}
	pseudo = pseudo_without_length(skb);
	seq = ntohl(h->seq);
	last_flags = h->flags;
	__skb_pull(skb, header);
	segs = skb_segment(skb, sums_anything(features));
	if (IS_ERR_OR_NULL(segs))
		return segs;
	linnet_stamp_cut(skb, segs, seq, mss);

	for (seg = segs; seg; seg = seg->next) {
		h = (void *)skb_transport_header(seg);
		h->seq = htonl(seq);
		seq += mss;
		/* FIN and PSH belong to the end, CWR to the beginning */
		h->flags = last_flags;
		if (seg != segs)
			h->flags &= ~LINNET_CWR;
		if (seg->next)
			h->flags &= ~(LINNET_FIN | LINNET_PSH);
		segment_checksum(seg, pseudo);
	}
	share_owner(skb, segs);
	return segs;
}

static const struct net_offload ipv4_offload = {
	.callbacks = { .gso_segment = gso_segment },
};

static const struct net_offload ipv6_offload = {
	.callbacks = { .gso_segment = gso_segment },
};

/**
 * linnet_offload_init() - offer segmentation; before the first socket
 *
 * Return: 0, or an error when somebody has the protocol number.
 */
int linnet_offload_init(void)
{
	int err = inet_add_offload(&ipv4_offload, linnet_proto);

	if (err)
		return err;
	err = inet6_add_offload(&ipv6_offload, linnet_proto);
	if (err)
		inet_del_offload(&ipv4_offload, linnet_proto);
	return err;
}

/**
 * linnet_offload_exit() - no more segmentation; after the last socket
 */
void linnet_offload_exit(void)
{
	inet6_del_offload(&ipv6_offload, linnet_proto);
	inet_del_offload(&ipv4_offload, linnet_proto);
}
