// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Early demux: the segments of a connection all come in by the same route, so
 * the socket keeps it and IP need not look for it each time.
 *
 * IP asks TCP and UDP for the socket of a packet before it looks for a route,
 * and since 6.0 it asks them by name and nobody else.  A netfilter hook stands
 * at the same place: the last one before IP routes.  Whoever never opens a
 * Linnet socket in a namespace never has it.
 *
 * A packet for a VRF passes the hook twice: first as it came in by a device in
 * the VRF, then as the VRF's own.  The second time is ours, as it is TCP's.
 */
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6.h>
#include <net/ip6_fib.h>

#include "linnet.h"

/* Is it a segment, whole and not routed yet?  @len: octets of IP header */
static bool wants_route(struct sk_buff *skb, unsigned int len)
{
	return !skb_dst(skb) && !skb->sk && skb->pkt_type == PACKET_HOST &&
	       /* a bridge calls the hook, too, and puts a route of its own there */
	       !linnet_compat_bridged(skb) &&
	       READ_ONCE(dev_net(skb->dev)->ipv4.sysctl_ip_early_demux) &&
	       !netif_is_l3_slave(skb->dev) &&
	       pskb_may_pull(skb, len + LINNET_HEADER_LEN);
}

/* Give the segment to its socket, and the route if that has one.  @flow: the
 * two ends, but for the ports
 */
static void find_socket(struct sk_buff *skb, unsigned int len,
			struct linnet_flow *flow)
{
	const struct linnet_header *h = (const void *)(skb->data + len);
	struct dst_entry *dst;
	struct sock *sk;

	/* A SYN that begins a connection belongs to none yet */
	if ((h->flags & (LINNET_SYN | LINNET_ACK)) == LINNET_SYN)
		return;
	flow->lport = ntohs(h->dest);
	flow->rport = h->source;
	sk = linnet_lookup_connection(flow);
	if (!sk)
		return;
	if (sk->sk_state == TCP_TIME_WAIT) {
		linnet_timewait_put(sk);
		return;
	}
	skb->sk = sk;
	skb->destructor = sock_edemux;
	dst = rcu_dereference(sk->sk_rx_dst);
	if (dst)
		dst = dst_check(dst, sk->sk_rx_dst_cookie);
	/* the socket keeps it for as long as RCU is held */
	if (dst && sk->sk_rx_dst_ifindex == skb->skb_iif)
		skb_dst_set_noref(skb, dst);
}

static noinline void find_ipv4(struct sk_buff *skb)
{
	const struct iphdr *iph = ip_hdr(skb);
	struct linnet_flow flow linnet_unset;

	linnet_flow4(&flow, dev_net(skb->dev), iph, skb->skb_iif,
		     inet_sdif(skb));
	find_socket(skb, iph->ihl * 4, &flow);
}

static noinline void find_ipv6(struct sk_buff *skb)
{
	const struct ipv6hdr *iph = ipv6_hdr(skb);
	struct linnet_flow flow = {
		.net	= dev_net(skb->dev),
		.family	= AF_INET6,
		.iif	= skb->skb_iif,
		.sdif	= inet6_sdif(skb),
		.laddr6	= iph->daddr,
		.raddr6	= iph->saddr,
	};

	find_socket(skb, sizeof(*iph), &flow);
}

/* Everything that comes in passes these two: other protocols leave at once */
static unsigned int early_ipv4(void *priv, struct sk_buff *skb,
			       const struct nf_hook_state *state)
{
	const struct iphdr *iph = ip_hdr(skb);

	if (iph->protocol == linnet_proto && !ip_is_fragment(iph) &&
	    wants_route(skb, iph->ihl * 4))
		find_ipv4(skb);
	return NF_ACCEPT;
}

static unsigned int early_ipv6(void *priv, struct sk_buff *skb,
			       const struct nf_hook_state *state)
{
	if (ipv6_hdr(skb)->nexthdr == linnet_proto &&
	    wants_route(skb, sizeof(struct ipv6hdr)))
		find_ipv6(skb);
	return NF_ACCEPT;
}

static const struct nf_hook_ops hooks[] = {
	{
		.hook		= early_ipv4,
		.pf		= NFPROTO_IPV4,
		.hooknum	= NF_INET_PRE_ROUTING,
		.priority	= NF_IP_PRI_LAST,
	},
	{
		.hook		= early_ipv6,
		.pf		= NFPROTO_IPV6,
		.hooknum	= NF_INET_PRE_ROUTING,
		.priority	= NF_IP6_PRI_LAST,
	},
};

/**
 * linnet_early_start() - a socket is opened in a namespace: route early there
 * @net: the namespace
 * @ln: what it has
 *
 * Without it everything works, only slower: failure is no error.
 *
 * Context: process, may sleep.
 */
void linnet_early_start(struct net *net, struct linnet_net *ln)
{
	unsigned long *on = &ln->early_demux;

	if (test_bit(0, on) || test_and_set_bit(0, on))
		return;
	if (linnet_compat_hooks_register(net, hooks, ARRAY_SIZE(hooks)))
		clear_bit(0, on);
}

/**
 * linnet_early_net_exit() - a namespace goes
 * @net: the namespace
 */
void linnet_early_net_exit(struct net *net)
{
	if (test_bit(0, &linnet_pernet(net)->early_demux))
		linnet_compat_hooks_unregister(net, hooks,
					       ARRAY_SIZE(hooks));
}

/**
 * linnet_early_take() - the socket that was found for a segment already
 * @skb: the segment
 *
 * Return: the socket with a reference, no longer the segment's, or NULL.
 */
struct sock *linnet_early_take(struct sk_buff *skb)
{
	struct sock *sk = skb->sk;

	if (!sk || skb->destructor != sock_edemux ||
	    sk->sk_protocol != linnet_proto)
		return NULL;
	skb->sk = NULL;
	skb->destructor = NULL;
	return sk;
}

/**
 * linnet_early_remember() - the next segment will come by the same route
 * @sk: the socket, locked
 * @skb: a segment of it that was acceptable
 */
void linnet_early_remember(struct sock *sk, const struct sk_buff *skb)
{
	struct dst_entry *dst = skb_dst(skb), *old;

	old = rcu_dereference_protected(sk->sk_rx_dst,
					lockdep_sock_is_held(sk));
	if (likely(dst == old) || !dst || !dst_hold_safe(dst))
		return;
	rcu_assign_pointer(sk->sk_rx_dst, dst);
	sk->sk_rx_dst_ifindex = skb->skb_iif;
	sk->sk_rx_dst_cookie = dst->ops->family == AF_INET6 ?
		rt6_get_cookie(container_of(dst, struct rt6_info, dst)) : 0;
	dst_release(old);
}

/**
 * linnet_early_forget() - the socket may get another peer
 * @sk: the socket, locked
 */
void linnet_early_forget(struct sock *sk)
{
	struct dst_entry *old;

	old = rcu_replace_pointer(sk->sk_rx_dst, NULL,
				  lockdep_sock_is_held(sk));
	dst_release(old);
}
