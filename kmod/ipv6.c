// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Over IPv6: addresses, routes, checksums, ICMPv6.
 */
#include <linux/icmpv6.h>
#include <linux/security.h>
#include <net/addrconf.h>
#include <net/inet6_connection_sock.h>
#include <net/ip6_checksum.h>
#include <net/ip6_route.h>
#include <net/ipv6.h>
#include <net/protocol.h>
#include <net/transp_v6.h>

#include "linnet.h"

static void ipv6_checksum(struct sock *sk, struct sk_buff *skb)
{
	linnet_checksum_partial(sk, skb,
				~csum_ipv6_magic(&inet6_sk(sk)->saddr,
						 &sk->sk_v6_daddr, skb->len,
						 linnet_proto, 0));
}

static int ipv6_xmit(struct sock *sk, struct sk_buff *skb)
{
	return inet6_csk_xmit(sk, skb, &inet_sk(sk)->cork.fl);
}

static void flow_of(struct sock *sk, struct flowi6 *fl6)
{
	const struct ipv6_pinfo *np = inet6_sk(sk);
	const struct inet_sock *inet = inet_sk(sk);

	memset(fl6, 0, sizeof(*fl6));
	fl6->flowi6_proto = sk->sk_protocol;
	fl6->daddr = sk->sk_v6_daddr;
	fl6->saddr = np->saddr;
	fl6->flowlabel = np->flow_label;
	fl6->flowi6_oif = sk->sk_bound_dev_if;
	fl6->flowi6_mark = READ_ONCE(sk->sk_mark);
	fl6->fl6_sport = inet->inet_sport;
	fl6->fl6_dport = inet->inet_dport;
	fl6->flowi6_uid = linnet_compat_uid(sk);
	security_sk_classify_flow(sk, flowi6_to_flowi_common(fl6));
}

/* With a routing header the first hop is not the destination */
static struct dst_entry *lookup(struct sock *sk, struct flowi6 *fl6)
{
	struct in6_addr *final, buffer;
	struct ipv6_txoptions *opt;
	struct dst_entry *dst;

	rcu_read_lock();
	opt = rcu_dereference(inet6_sk(sk)->opt);
	final = fl6_update_dst(fl6, opt, &buffer);
	rcu_read_unlock();
	dst = ip6_dst_lookup_flow(sock_net(sk), sk, fl6, final);
	return dst;
}

static void store_route(struct sock *sk, struct dst_entry *dst)
{
	inet6_sk(sk)->dst_cookie =
		rt6_get_cookie(container_of(dst, struct rt6_info, dst));
	linnet_offload_caps(sk, dst);
}

static struct dst_entry *ipv6_route(struct sock *sk)
{
	struct dst_entry *dst = __sk_dst_check(sk, inet6_sk(sk)->dst_cookie);
	struct flowi6 *fl6 = &inet_sk(sk)->cork.fl.u.ip6;

	if (dst)
		return dst;
	flow_of(sk, fl6);
	dst = lookup(sk, fl6);
	if (IS_ERR(dst))
		return NULL;
	store_route(sk, dst);
	return dst;
}

static struct dst_entry *route_flow(struct sock *sk,
				    const struct linnet_flow *flow)
{
	struct flowi6 fl6 = {
		.daddr		= flow->raddr6,
		.saddr		= flow->laddr6,
		.flowi6_oif	= sk ? sk->sk_bound_dev_if : 0,
		.flowi6_mark	= sk ? READ_ONCE(sk->sk_mark) : 0,
		.flowi6_proto	= linnet_proto,
		.fl6_sport	= htons(flow->lport),
		.fl6_dport	= flow->rport,
	};

	/* A link-local address means nothing without its link, and no socket
	 * remembers the VRF that a segment came by
	 */
	if (!fl6.flowi6_oif &&
	    (ipv6_addr_type(&flow->raddr6) & IPV6_ADDR_LINKLOCAL ||
	     netif_index_is_l3_master(flow->net, flow->iif)))
		fl6.flowi6_oif = flow->iif;
	if (sk) {
		fl6.flowi6_uid = linnet_compat_uid(sk);
		security_sk_classify_flow(sk, flowi6_to_flowi_common(&fl6));
	}
	return ip6_dst_lookup_flow(flow->net, NULL, &fl6, NULL);
}

static struct dst_entry *ipv6_path(struct sock *sk,
				   const struct linnet_flow *flow,
				   struct linnet_path *path)
{
	struct dst_entry *dst = route_flow(sk, flow);

	if (IS_ERR(dst)) {
		*path = (struct linnet_path){
			.mtu	= IPV6_MIN_MTU,
			.advmss	= LINNET_MSS_DEFAULT_IPV6,
		};
		return NULL;
	}
	linnet_path_of(dst, path);
	return dst;
}

/* IPV6_UNICAST_HOPS of the listener, or else what the route says */
static int hops(const struct sock *sk, struct dst_entry *dst)
{
	int limit = sk ? inet6_sk(sk)->hop_limit : -1;

	return limit < 0 ? ip6_dst_hoplimit(dst) : limit;
}

static int ipv6_send_reply(struct sock *sk, const struct linnet_flow *flow,
			   struct sk_buff *skb, struct dst_entry *dst)
{
	unsigned int len = skb->len;
	struct ipv6hdr *ip6h;
	int err;

	if (!dst)
		dst = route_flow(sk, flow);
	if (IS_ERR(dst)) {
		kfree_skb(skb);
		return PTR_ERR(dst);
	}
	linnet_checksum_reply(dst, skb,
			      ~csum_ipv6_magic(&flow->laddr6, &flow->raddr6,
					       len, linnet_proto, 0));
	skb_dst_set(skb, dst);

	ip6h = skb_push(skb, sizeof(*ip6h));
	skb_reset_network_header(skb);
	ip6_flow_hdr(ip6h, sk ? inet6_sk(sk)->tclass : 0, 0);
	ip6h->payload_len = htons(len);
	ip6h->nexthdr = linnet_proto;
	ip6h->hop_limit = hops(sk, dst);
	ip6h->saddr = flow->laddr6;
	ip6h->daddr = flow->raddr6;
	skb->protocol = htons(ETH_P_IPV6);
	if (sk) {
		skb->mark = READ_ONCE(sk->sk_mark);
		skb->priority = READ_ONCE(sk->sk_priority);
	}
	err = ip6_local_out(flow->net, NULL, skb);
	return net_xmit_eval(err);
}

/* What an IPv6 child copied from its listener and must not share */
static void own_pinfo(const struct sock *parent, struct sock *child)
{
	struct ipv6_pinfo *np = &((struct linnet6_sock *)child)->inet6;

	inet_sk(child)->pinet6 = np;
	memcpy(np, inet6_sk(parent), sizeof(*np));
	np->ipv6_mc_list = NULL;
	np->ipv6_ac_list = NULL;
	np->pktoptions = NULL;
	np->rxpmtu = NULL;
	np->dst_cookie = 0;
	RCU_INIT_POINTER(np->opt, NULL);
	RCU_INIT_POINTER(linnet_compat_flowlabels(child, np), NULL);
}

static void ipv6_init_child(const struct sock *parent, struct sock *child,
			    const struct linnet_flow *flow)
{
	struct ipv6_txoptions *opt;
	struct ipv6_pinfo *np;

	own_pinfo(parent, child);
	np = inet6_sk(child);
	np->saddr = flow->laddr6;
	child->sk_v6_rcv_saddr = flow->laddr6;
	child->sk_v6_daddr = flow->raddr6;
	inet_sk(child)->inet_saddr = 0;
	inet_sk(child)->inet_daddr = 0;
	inet_sk(child)->inet_rcv_saddr = 0;
	if (ipv6_addr_type(&flow->raddr6) & IPV6_ADDR_LINKLOCAL)
		child->sk_bound_dev_if = flow->iif;

	rcu_read_lock();
	opt = rcu_dereference(inet6_sk(parent)->opt);
	if (opt) {
		opt = ipv6_dup_options(child, opt);
		RCU_INIT_POINTER(np->opt, opt);
	}
	rcu_read_unlock();
}

/**
 * linnet_ipv6_child_mapped() - an IPv6 listener gets a child over IPv4
 * @parent: the listener
 * @child: the child
 * @flow: its two ends, IPv4
 */
void linnet_ipv6_child_mapped(const struct sock *parent, struct sock *child,
			      const struct linnet_flow *flow)
{
	own_pinfo(parent, child);
	ipv6_addr_set_v4mapped(flow->laddr, &child->sk_v6_rcv_saddr);
	ipv6_addr_set_v4mapped(flow->raddr, &child->sk_v6_daddr);
	inet6_sk(child)->saddr = child->sk_v6_rcv_saddr;
}

const struct linnet_af_ops linnet_ipv6_ops = {
	.family		= AF_INET6,
	.header_len	= sizeof(struct ipv6hdr),
	.xmit		= ipv6_xmit,
	.checksum	= ipv6_checksum,
	.route		= ipv6_route,
	.send_reply	= ipv6_send_reply,
	.path		= ipv6_path,
	.init_child	= ipv6_init_child,
};

static int connect_mapped(struct sock *sk, const struct sockaddr_in6 *sin6)
{
	struct sockaddr_in sin = {
		.sin_family		= AF_INET,
		.sin_port		= sin6->sin6_port,
		.sin_addr.s_addr	= sin6->sin6_addr.s6_addr32[3],
	};
	struct ipv6_pinfo *np = inet6_sk(sk);
	int err;

	if (ipv6_only_sock(sk))
		return -ENETUNREACH;
	/* set before: the table looks at it */
	sk->sk_v6_daddr = sin6->sin6_addr;
	err = linnet_ipv4_connect(sk, (linnet_sockaddr *)&sin, sizeof(sin));
	if (err) {
		linnet_sk(sk)->af = &linnet_ipv6_ops;
		return err;
	}
	ipv6_addr_set_v4mapped(inet_sk(sk)->inet_saddr, &np->saddr);
	sk->sk_v6_rcv_saddr = np->saddr;
	return 0;
}

/* A link-local address is one on a link: which? */
static int choose_link(struct sock *sk, const struct sockaddr_in6 *sin6)
{
	if (!(ipv6_addr_type(&sin6->sin6_addr) & IPV6_ADDR_LINKLOCAL))
		return 0;
	if (sin6->sin6_scope_id) {
		if (sk->sk_bound_dev_if &&
		    sk->sk_bound_dev_if != sin6->sin6_scope_id)
			return -EINVAL;
		sk->sk_bound_dev_if = sin6->sin6_scope_id;
	}
	return sk->sk_bound_dev_if ? 0 : -EINVAL;
}

static int set_flowlabel(struct sock *sk, const struct sockaddr_in6 *sin6)
{
	struct ip6_flowlabel *label;
	__be32 flowinfo = sin6->sin6_flowinfo & IPV6_FLOWINFO_MASK;

	if (!linnet_compat_sends_flowinfo(sk))
		return 0;
	if (flowinfo & IPV6_FLOWLABEL_MASK) {
		label = fl6_sock_lookup(sk, flowinfo);
		if (IS_ERR(label))
			return -EINVAL;
		fl6_sock_release(label);
	}
	inet6_sk(sk)->flow_label = flowinfo;
	return 0;
}

/**
 * linnet_ipv6_connect() - proto->connect: open actively (RFC 9293, 3.10.1)
 * @sk: the socket, locked
 * @addr: struct sockaddr_in6 of the peer
 * @len: bytes of it
 *
 * Return: 0, -EINVAL, -EAFNOSUPPORT, -ENETUNREACH, -EADDRNOTAVAIL ...
 */
int linnet_ipv6_connect(struct sock *sk, linnet_sockaddr *addr, int len)
{
	struct sockaddr_in6 sin6 = {};
	struct ipv6_pinfo *np = inet6_sk(sk);
	struct inet_sock *inet = inet_sk(sk);
	struct flowi6 *fl6 = &inet->cork.fl.u.ip6;
	struct dst_entry *dst;
	int type, err;

	/* there is none when a send() with MSG_FASTOPEN names none; the oldest
	 * form of it has no scope
	 */
	if (len < SIN6_LEN_RFC2133)
		return -EINVAL;
	memcpy(&sin6, addr, min_t(size_t, len, sizeof(sin6)));
	if (sin6.sin6_family != AF_INET6)
		return -EAFNOSUPPORT;
	err = set_flowlabel(sk, &sin6);
	if (err)
		return err;

	/* "Any" means this host: BSD's tradition, and Linux's */
	if (ipv6_addr_any(&sin6.sin6_addr)) {
		if (ipv6_addr_v4mapped(&sk->sk_v6_rcv_saddr))
			ipv6_addr_set_v4mapped(htonl(INADDR_LOOPBACK),
					       &sin6.sin6_addr);
		else
			sin6.sin6_addr = in6addr_loopback;
	}
	type = ipv6_addr_type(&sin6.sin6_addr);
	if (type & IPV6_ADDR_MULTICAST)
		return -ENETUNREACH;
	if (type & IPV6_ADDR_MAPPED)
		return connect_mapped(sk, &sin6);
	err = choose_link(sk, &sin6);
	if (err)
		return err;

	linnet_sk(sk)->af = &linnet_ipv6_ops;
	sk->sk_v6_daddr = sin6.sin6_addr;
	inet->inet_dport = sin6.sin6_port;
	np->saddr = sk->sk_v6_rcv_saddr;
	flow_of(sk, fl6);
	dst = lookup(sk, fl6);
	if (IS_ERR(dst)) {
		inet->inet_dport = 0;
		return PTR_ERR(dst);
	}
	if (ipv6_addr_any(&sk->sk_v6_rcv_saddr)) {
		np->saddr = fl6->saddr;
		sk->sk_v6_rcv_saddr = fl6->saddr;
	}
	store_route(sk, dst);
	return linnet_connect_start(sk);
}

static int linnet6_rcv(struct sk_buff *skb)
{
	struct linnet_flow flow = {
		.net	= dev_net(skb->dev),
		.family	= AF_INET6,
		.iif	= inet6_iif(skb),
		.sdif	= inet6_sdif(skb),
		.laddr6	= ipv6_hdr(skb)->daddr,
		.raddr6	= ipv6_hdr(skb)->saddr,
	};

	if (skb->pkt_type != PACKET_HOST ||
	    ipv6_addr_is_multicast(&flow.laddr6))
		goto drop;
	if (!pskb_may_pull(skb, LINNET_HEADER_LEN)) {
		LINNET_COUNT(flow.net, InErrs);
		goto drop;
	}
	if (skb_checksum_init(skb, linnet_proto, ip6_compute_pseudo) ||
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
	bool hard;
	int err;

	switch (icmp->type) {
	case NDISC_REDIRECT:
		ip6_redirect(icmp->skb, sock_net(sk), sk->sk_bound_dev_if, 0,
			     linnet_compat_uid(sk));
		return;
	case ICMPV6_PKT_TOOBIG:
		ip6_update_pmtu(icmp->skb, sock_net(sk), htonl(icmp->info),
				sk->sk_bound_dev_if, 0, linnet_compat_uid(sk));
		linnet_mtu_told(sk);
		return;
	}
	hard = icmpv6_err_convert(icmp->type, icmp->code, &err) &&
	       linnet_compat_inet6_recverr(sk);
	linnet_icmp_error(sk, err, hard);
}

/* An ICMPv6 error; the header that it quotes is @offset octets into the data */
static int linnet6_err(struct sk_buff *skb, struct inet6_skb_parm *opt, u8 type,
		       u8 code, int offset, __be32 info)
{
	const struct ipv6hdr *ip6h = (const void *)skb->data;
	const struct linnet_header *h = (const void *)(skb->data + offset);
	struct linnet_flow flow = {
		.net	= dev_net(skb->dev),
		.family	= AF_INET6,
		.iif	= inet6_iif(skb),
		.lport	= ntohs(h->source),
		.rport	= h->dest,
		.laddr6	= ip6h->saddr,
		.raddr6	= ip6h->daddr,
	};
	struct linnet_icmp icmp = {
		.skb	= skb,
		.type	= type,
		.code	= code,
		.info	= ntohl(info),
		.fatal	= type == ICMPV6_DEST_UNREACH,
		.no_route = type == ICMPV6_DEST_UNREACH &&
			    code == ICMPV6_NOROUTE,
	};

	return linnet_icmp(&flow, ntohl(h->seq), &icmp, report_icmp);
}

static const struct inet6_protocol ipv6_protocol = {
	.handler	= linnet6_rcv,
	.err_handler	= linnet6_err,
	.flags		= INET6_PROTO_NOPOLICY | INET6_PROTO_FINAL,
};

static struct inet_protosw ipv6_protosw = {
	.type	= SOCK_STREAM,
	.prot	= &linnet6_prot,
	.ops	= &linnet6_stream_ops,
};

/**
 * linnet_ipv6_register() - take the protocol number, and offer sockets
 *
 * Return: 0, or -EAGAIN when somebody has the number.
 */
int linnet_ipv6_register(void)
{
	int err = inet6_add_protocol(&ipv6_protocol, linnet_proto);

	if (err)
		return err;
	ipv6_protosw.protocol = linnet_proto;
	err = inet6_register_protosw(&ipv6_protosw);
	if (err)
		inet6_del_protocol(&ipv6_protocol, linnet_proto);
	return err;
}

/**
 * linnet_ipv6_unregister() - undo linnet_ipv6_register()
 */
void linnet_ipv6_unregister(void)
{
	inet6_unregister_protosw(&ipv6_protosw);
	inet6_del_protocol(&ipv6_protocol, linnet_proto);
}
