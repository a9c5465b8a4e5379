// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Over IPv4: addresses, routes, checksums, ICMP.
 */
#include <linux/icmp.h>
#include <linux/security.h>
#include <net/icmp.h>
#include <net/ip.h>
#include <net/protocol.h>
#include <net/route.h>

#include "linnet.h"

static void ipv4_checksum(struct sock *sk, struct sk_buff *skb)
{
	const struct inet_sock *inet = inet_sk(sk);

	linnet_checksum_partial(sk, skb,
				~csum_tcpudp_magic(inet->inet_saddr,
						   inet->inet_daddr, skb->len,
						   linnet_proto, 0));
}

/* IP counts a super-segment's identifications up before it takes one, but for
 * TCP's.  The segments are to have those that come next, each one more than the
 * one before it.
 */
static int ipv4_xmit(struct sock *sk, struct sk_buff *skb)
{
	int more = max_t(int, skb_shinfo(skb)->gso_segs, 1) - 1;
	struct inet_sock *inet = inet_sk(sk);
	int err;

	atomic_sub(more, &inet->inet_id);
	err = ip_queue_xmit(sk, skb, &inet->cork.fl);
	atomic_add(more, &inet->inet_id);
	return err;
}

static __be32 first_hop(const struct sock *sk, __be32 daddr)
{
	const struct ip_options_rcu *opt;

	opt = rcu_dereference_protected(inet_sk(sk)->inet_opt,
					lockdep_sock_is_held(sk));
	return opt && opt->opt.srr ? opt->opt.faddr : daddr;
}

static struct dst_entry *ipv4_route(struct sock *sk)
{
	struct dst_entry *dst = __sk_dst_check(sk, 0);
	struct inet_sock *inet = inet_sk(sk);
	struct rtable *rt;

	if (dst)
		return dst;
	rt = ip_route_connect(&inet->cork.fl.u.ip4,
			      first_hop(sk, inet->inet_daddr),
			      inet->inet_saddr, sk->sk_bound_dev_if,
			      sk->sk_protocol, inet->inet_sport,
			      inet->inet_dport, sk);
	if (IS_ERR(rt))
		return NULL;
	linnet_offload_caps(sk, &rt->dst);
	return &rt->dst;
}

static struct dst_entry *route_flow(struct sock *sk,
				    const struct linnet_flow *flow)
{
	struct flowi4 fl4 = {
		.daddr		= flow->raddr,
		.saddr		= flow->laddr,
		.flowi4_oif	= sk ? sk->sk_bound_dev_if : 0,
		.flowi4_mark	= sk ? READ_ONCE(sk->sk_mark) : 0,
		.flowi4_proto	= linnet_proto,
		.fl4_sport	= htons(flow->lport),
		.fl4_dport	= flow->rport,
	};
	struct rtable *rt;

	/* no socket remembers the VRF that a segment came by */
	if (!fl4.flowi4_oif && netif_index_is_l3_master(flow->net, flow->iif))
		fl4.flowi4_oif = flow->iif;
	if (sk) {
		fl4.flowi4_flags = inet_sk_flowi_flags(sk);
		fl4.flowi4_uid = linnet_compat_uid(sk);
		security_sk_classify_flow(sk, flowi4_to_flowi_common(&fl4));
	}
	rt = ip_route_output_key(flow->net, &fl4);
	return IS_ERR(rt) ? ERR_CAST(rt) : &rt->dst;
}

static struct dst_entry *ipv4_path(struct sock *sk,
				   const struct linnet_flow *flow,
				   struct linnet_path *path)
{
	struct dst_entry *dst = route_flow(sk, flow);

	if (IS_ERR(dst)) {
		*path = (struct linnet_path){
			.mtu	= IPV4_MIN_MTU,
			.advmss	= LINNET_MSS_DEFAULT_IPV4,
		};
		return NULL;
	}
	linnet_path_of(dst, path);
	return dst;
}

/* IP_TTL of the listener, or else what the route says */
static int hops(const struct sock *sk, const struct dst_entry *dst)
{
	int ttl = sk ? READ_ONCE(inet_sk(sk)->uc_ttl) : -1;

	return ttl < 0 ? ip4_dst_hoplimit(dst) : ttl;
}

static int ipv4_send_reply(struct sock *sk, const struct linnet_flow *flow,
			   struct sk_buff *skb, struct dst_entry *dst)
{
	struct iphdr *iph;
	int err;

	if (!dst)
		dst = route_flow(sk, flow);
	if (IS_ERR(dst)) {
		kfree_skb(skb);
		return PTR_ERR(dst);
	}
	linnet_checksum_reply(dst, skb,
			      ~csum_tcpudp_magic(flow->laddr, flow->raddr,
						 skb->len, linnet_proto, 0));
	skb_dst_set(skb, dst);

	iph = skb_push(skb, sizeof(*iph));
	skb_reset_network_header(skb);
	memset(iph, 0, sizeof(*iph));
	iph->version = 4;
	iph->ihl = sizeof(*iph) / 4;
	iph->tos = sk ? inet_sk(sk)->tos : 0;
	iph->ttl = hops(sk, dst);
	iph->frag_off = htons(IP_DF);
	iph->protocol = linnet_proto;
	iph->saddr = flow->laddr;
	iph->daddr = flow->raddr;
	skb->protocol = htons(ETH_P_IP);
	if (sk) {
		skb->mark = READ_ONCE(sk->sk_mark);
		skb->priority = READ_ONCE(sk->sk_priority);
	}
	err = ip_local_out(flow->net, NULL, skb);
	return net_xmit_eval(err);
}

static void ipv4_init_child(const struct sock *parent, struct sock *child,
			    const struct linnet_flow *flow)
{
	struct inet_sock *inet = inet_sk(child);

	inet->inet_daddr = flow->raddr;
	inet->inet_saddr = flow->laddr;
	inet->inet_rcv_saddr = flow->laddr;
	if (child->sk_family == AF_INET6)
		linnet_ipv6_child_mapped(parent, child, flow);
}

const struct linnet_af_ops linnet_ipv4_ops = {
	.family		= AF_INET,
	.header_len	= sizeof(struct iphdr),
	.xmit		= ipv4_xmit,
	.checksum	= ipv4_checksum,
	.route		= ipv4_route,
	.send_reply	= ipv4_send_reply,
	.path		= ipv4_path,
	.init_child	= ipv4_init_child,
};

/**
 * linnet_ipv4_connect() - proto->connect: open actively (RFC 9293, 3.10.1)
 * @sk: the socket, locked
 * @addr: struct sockaddr_in of the peer
 * @len: bytes of it
 *
 * Return: 0, -EINVAL, -EAFNOSUPPORT, -ENETUNREACH, -EADDRNOTAVAIL ...
 */
int linnet_ipv4_connect(struct sock *sk, linnet_sockaddr *addr, int len)
{
	struct sockaddr_in *sin = (struct sockaddr_in *)addr;
	struct inet_sock *inet = inet_sk(sk);
	struct flowi4 *fl4 = &inet->cork.fl.u.ip4;
	struct rtable *rt;

	if (len < sizeof(*sin))
		return -EINVAL;
	if (sin->sin_family != AF_INET)
		return -EAFNOSUPPORT;

	rt = ip_route_connect(fl4, first_hop(sk, sin->sin_addr.s_addr),
			      inet->inet_saddr, sk->sk_bound_dev_if,
			      sk->sk_protocol, inet->inet_sport,
			      sin->sin_port, sk);
	if (IS_ERR(rt))
		return PTR_ERR(rt);
	if (rt->rt_flags & (RTCF_MULTICAST | RTCF_BROADCAST)) {
		ip_rt_put(rt);
		return -ENETUNREACH;
	}
	linnet_sk(sk)->af = &linnet_ipv4_ops;
	if (!inet->inet_saddr)
		inet->inet_saddr = fl4->saddr;
	inet->inet_rcv_saddr = inet->inet_saddr;
	/* 0.0.0.0 is this host: the route knows where that is */
	inet->inet_daddr = first_hop(sk, 0) ? sin->sin_addr.s_addr :
					      fl4->daddr;
	inet->inet_dport = sin->sin_port;
	linnet_offload_caps(sk, &rt->dst);
	return linnet_connect_start(sk);
}

static int linnet4_rcv(struct sk_buff *skb)
{
	struct linnet_flow flow linnet_unset;

	linnet_flow4(&flow, dev_net(skb->dev), ip_hdr(skb), inet_iif(skb),
		     inet_sdif(skb));
	/* RFC 9293, MUST-57: nobody connects to or from a group of hosts */
	if (skb->pkt_type != PACKET_HOST ||
	    skb_rtable(skb)->rt_flags & (RTCF_BROADCAST | RTCF_MULTICAST))
		goto drop;
	if (!pskb_may_pull(skb, LINNET_HEADER_LEN)) {
		LINNET_COUNT(flow.net, InErrs);
		goto drop;
	}
	if (skb_checksum_init(skb, linnet_proto, inet_compute_pseudo) ||
	    skb_checksum_complete(skb)) {
		LINNET_COUNT(flow.net, InCsumErrors);
		LINNET_COUNT(flow.net, InErrs);
		goto drop;
	}
	return linnet_rcv(skb, &flow);
drop:
	kfree_skb(skb);
	return 0;
}

static void report_icmp(struct sock *sk, const struct linnet_icmp *icmp)
{
	int err;

	switch (icmp->type) {
	case ICMP_REDIRECT:
		ipv4_redirect(icmp->skb, sock_net(sk), sk->sk_bound_dev_if,
			      linnet_proto);
		return;
	case ICMP_PARAMETERPROB:
		err = EPROTO;
		break;
	case ICMP_TIME_EXCEEDED:
		err = EHOSTUNREACH;
		break;
	case ICMP_DEST_UNREACH:
		if (icmp->code > NR_ICMP_UNREACH)
			return;
		if (icmp->code == ICMP_FRAG_NEEDED) {
			ipv4_update_pmtu(icmp->skb, sock_net(sk), icmp->info,
					 sk->sk_bound_dev_if, linnet_proto);
			linnet_mtu_told(sk);
			return;
		}
		err = icmp_err_convert[icmp->code].errno;
		break;
	default:	/* source quench and others: RFC 9293, 3.9.2.2 */
		return;
	}
	linnet_icmp_error(sk, err, linnet_compat_inet_recverr(sk));
}

/* An ICMP error; data begins at the IP header that it quotes */
static int linnet4_err(struct sk_buff *skb, u32 info)
{
	const struct iphdr *iph = (const void *)skb->data;
	const struct linnet_header *h = (const void *)(skb->data +
						       iph->ihl * 4);
	struct linnet_flow flow = {
		.net	= dev_net(skb->dev),
		.family	= AF_INET,
		.iif	= inet_iif(skb),
		.lport	= ntohs(h->source),
		.rport	= h->dest,
		.laddr	= iph->saddr,
		.raddr	= iph->daddr,
	};
	struct linnet_icmp icmp = {
		.skb	= skb,
		.type	= icmp_hdr(skb)->type,
		.code	= icmp_hdr(skb)->code,
		.info	= info,
	};

	icmp.fatal = icmp.type == ICMP_DEST_UNREACH &&
		     icmp.code != ICMP_FRAG_NEEDED;
	icmp.no_route = icmp.type == ICMP_DEST_UNREACH &&
			(icmp.code == ICMP_NET_UNREACH ||
			 icmp.code == ICMP_HOST_UNREACH);
	return linnet_icmp(&flow, ntohl(h->seq), &icmp, report_icmp);
}

static const struct net_protocol ipv4_protocol = {
	.handler			= linnet4_rcv,
	.err_handler			= linnet4_err,
	.no_policy			= 1,
	.icmp_strict_tag_validation	= 1,
};

static struct inet_protosw ipv4_protosw = {
	.type	= SOCK_STREAM,
	.prot	= &linnet_prot,
	.ops	= &linnet_stream_ops,
};

/**
 * linnet_ipv4_register() - take the protocol number, and offer sockets
 *
 * Return: 0, or -EAGAIN when somebody has the number.
 */
int linnet_ipv4_register(void)
{
	int err = inet_add_protocol(&ipv4_protocol, linnet_proto);

	if (err)
		return err;
	ipv4_protosw.protocol = linnet_proto;
	inet_register_protosw(&ipv4_protosw);
	return 0;
}

/**
 * linnet_ipv4_unregister() - undo linnet_ipv4_register()
 */
void linnet_ipv4_unregister(void)
{
	inet_unregister_protosw(&ipv4_protosw);
	inet_del_protocol(&ipv4_protocol, linnet_proto);
}
