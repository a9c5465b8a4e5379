// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * IPv6 as Linnet sees it: what inet.c is for IPv4.
 */
#include <linux/icmpv6.h>
#include <linux/ipv6.h>
#include <net/addrconf.h>
#include <net/inet6_connection_sock.h>
#include <net/ip6_checksum.h>
#include <net/ip6_route.h>
#include <net/ipv6.h>
#include <net/protocol.h>

#include "linnet.h"
#include "machine.h"

#define MTU_LEAST	IPV6_MIN_MTU

const struct inet6_protocol *protocol6;
const struct net_offload *offload6;
const struct in6_addr in6addr_any = IN6ADDR_ANY_INIT;
const struct in6_addr in6addr_loopback = IN6ADDR_LOOPBACK_INIT;

/* --- registering --- */

int inet6_add_protocol(const struct inet6_protocol *prot, unsigned char number)
{
	protocol6 = prot;
	return 0;
}

int inet6_del_protocol(const struct inet6_protocol *prot, unsigned char number)
{
	protocol6 = NULL;
	return 0;
}

int inet6_add_offload(const struct net_offload *prot, unsigned char number)
{
	offload6 = prot;
	return 0;
}

int inet6_del_offload(const struct net_offload *prot, unsigned char number)
{
	offload6 = NULL;
	return 0;
}

int inet6_register_protosw(struct inet_protosw *p)
{
	return 0;
}

void inet6_unregister_protosw(struct inet_protosw *p)
{
}

/* --- addresses: these hosts have global and v4-mapped ones --- */

int __ipv6_addr_type(const struct in6_addr *a)
{
	if (ipv6_addr_any(a))
		return IPV6_ADDR_ANY;
	if (ipv6_addr_v4mapped(a))
		return IPV6_ADDR_MAPPED;
	if (a->s6_addr[0] == 0xff)
		return IPV6_ADDR_MULTICAST;
	if (a->s6_addr[0] == 0xfe && (a->s6_addr[1] & 0xc0) == 0x80)
		return IPV6_ADDR_LINKLOCAL | IPV6_ADDR_UNICAST;
	return IPV6_ADDR_UNICAST;
}

/* The sum over the pseudo-header (RFC 8200, 8.1) */
__sum16 csum_ipv6_magic(const struct in6_addr *saddr,
			const struct in6_addr *daddr, __u32 len, __u8 proto,
			__wsum sum)
{
	u64 total = (__force u32)sum + (u64)htonl(len) + htonl(proto);
	int i;

	for (i = 0; i < 4; i++)
		total += (u64)saddr->s6_addr32[i] + daddr->s6_addr32[i];
	total = (total & 0xffffffff) + (total >> 32);
	total = (total & 0xffffffff) + (total >> 32);
	return csum_fold((__force __wsum)total);
}

/* --- routes --- */

static struct host *host_of_dst(const struct dst_entry *dst)
{
	return host_of(dev_net(dst->dev));
}

unsigned int ip6_mtu(const struct dst_entry *dst)
{
	return host_of_dst(dst)->mtu;
}

static unsigned int advmss(const struct dst_entry *dst)
{
	return ip6_mtu(dst) - 60;
}

static struct dst_ops route_ops = {
	.family		= AF_INET6,
	.mtu		= ip6_mtu,
	.default_advmss	= advmss,
};

struct in6_addr *fl6_update_dst(struct flowi6 *fl6,
				const struct ipv6_txoptions *opt,
				struct in6_addr *orig)
{
	SIM_MUST(!opt, "routing headers are not simulated");
	return NULL;
}

struct ipv6_txoptions *ipv6_dup_options(struct sock *sk,
					struct ipv6_txoptions *opt)
{
	sim_fail("options of IPv6 are not simulated");
}

struct dst_entry *ip6_dst_lookup_flow(struct net *net, const struct sock *sk,
				      struct flowi6 *fl6,
				      const struct in6_addr *final)
{
	struct host *h = host_of(net);

	if (ipv6_addr_any(&fl6->saddr))
		fl6->saddr = h->address6;
	dst_hold(&machine_of(h)->out6.dst);
	return &machine_of(h)->out6.dst;
}

int ip6_dst_hoplimit(struct dst_entry *dst)
{
	return 64;
}

void ip6_update_pmtu(struct sk_buff *skb, struct net *net, __be32 mtu, int oif,
		     u32 mark, kuid_t uid)
{
	path_takes(host_of(net), max_t(u32, ntohl(mtu), MTU_LEAST));
}

void ip6_redirect(struct sk_buff *skb, struct net *net, int oif, u32 mark,
		  kuid_t uid)
{
}

/* --- out --- */

int inet6_csk_xmit(struct sock *sk, struct sk_buff *skb, struct flowi *fl)
{
	struct host *h = host_of(sock_net(sk));
	unsigned int len = skb->len;
	struct ipv6hdr *ip6h;

	if (!__sk_dst_get(sk)) {
		dst_hold(&machine_of(h)->out6.dst);
		sk_setup_caps(sk, &machine_of(h)->out6.dst);
	}
	ip6h = skb_push(skb, sizeof(*ip6h));
	skb_reset_network_header(skb);
	ip6_flow_hdr(ip6h, inet6_sk(sk)->tclass, 0);
	ip6h->payload_len = htons(len);
	ip6h->nexthdr = linnet_proto;
	ip6h->hop_limit = 64;
	ip6h->saddr = inet6_sk(sk)->saddr;
	ip6h->daddr = sk->sk_v6_daddr;
	skb->protocol = htons(ETH_P_IPV6);
	return network_output(h, skb);
}

int ip6_local_out(struct net *net, struct sock *sk, struct sk_buff *skb)
{
	skb_dst_drop(skb);
	return network_output(host_of(net), skb);
}

/* --- errors --- */

/* As the table of net/ipv6/icmp.c: is it fatal, and which errno? */
int icmpv6_err_convert(u8 type, u8 code, int *err)
{
	static const struct {
		int	err;
		bool	fatal;
	} unreachable[] = {
		{ ENETUNREACH, false }, { EACCES, true },
		{ EHOSTUNREACH, false }, { EHOSTUNREACH, false },
		{ ECONNREFUSED, true }, { EACCES, true }, { EACCES, true },
	};

	*err = EPROTO;
	switch (type) {
	case ICMPV6_DEST_UNREACH:
		if (code >= ARRAY_SIZE(unreachable))
			return true;
		*err = unreachable[code].err;
		return unreachable[code].fatal;
	case ICMPV6_PKT_TOOBIG:
		*err = EMSGSIZE;
		return false;
	case ICMPV6_PARAMPROB:
		return true;
	case ICMPV6_TIME_EXCEED:
		*err = EHOSTUNREACH;
		return false;
	}
	return false;
}

/**
 * inet6_told() - an ICMPv6 error arrives
 * @skb: data at the IPv6 header that it quotes; the header of ICMPv6 before
 * @mtu: with ICMPV6_PKT_TOOBIG
 */
void inet6_told(struct sk_buff *skb, u32 mtu)
{
	const struct icmp6hdr *icmp = icmp6_hdr(skb);

	IP6CB(skb)->iif = 1;
	protocol6->err_handler(skb, IP6CB(skb), icmp->icmp6_type,
			       icmp->icmp6_code, sizeof(struct ipv6hdr),
			       htonl(mtu));
}

/* --- start --- */

/**
 * inet6_setup() - the routes of a host
 * @m: the host's insides, its device set
 */
void inet6_setup(struct machine *m)
{
	m->out6.dst.dev = &m->dev;
	m->out6.dst.ops = &route_ops;
	m->out6.dst._metrics = m->out.dst._metrics;
	atomic_set(&m->out6.dst.__refcnt, 1);
	m->in6.dst = m->out6.dst;
}

/**
 * inet6_setup_socket() - what inet6_create() does beside inet_create()
 * @sk: the socket, zeroed, its protocol known
 */
void inet6_setup_socket(struct sock *sk)
{
	struct ipv6_pinfo *np = (void *)sk + sk->sk_prot->obj_size -
				sizeof(*np);

	inet_sk(sk)->pinet6 = np;
	np->hop_limit = -1;
	np->mcast_hops = IPV6_DEFAULT_MCASTHOPS;
	np->mc_loop = 1;
}
