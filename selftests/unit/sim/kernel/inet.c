// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * IP as Linnet sees it: two hosts, each a network namespace with one device
 * and one route; what the module registers; datagrams out and in.
 */
#include <linux/icmp.h>
#include <linux/netdevice.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/sysctl.h>
#include <net/icmp.h>
#include <net/inet_common.h>
#include <net/ip.h>
#include <net/netns/generic.h>
#include <net/protocol.h>
#include <net/route.h>
#include <net/tcp.h>

#include "linnet.h"
#include "machine.h"

struct net init_net;
struct host hosts[HOSTS];
static struct machine machines[HOSTS];
static const struct net_protocol *protocol;
static const struct net_offload *offload;
static struct pernet_operations *pernet;
static struct net *second;

const int sysctl_vals[] = {
	0, 1, 2, 3, 4, 100, 200, 1000, 3000, INT_MAX, 65535, -1
};
struct module __this_module;
static long tcp_mem[3] = { 30000, 40000, 60000 };
struct proto tcp_prot = { .sysctl_mem = tcp_mem };
const struct icmp_err icmp_err_convert[] = {
	{ ENETUNREACH, 0 }, { EHOSTUNREACH, 0 }, { ENOPROTOOPT, 1 },
	{ ECONNREFUSED, 1 }, { EMSGSIZE, 0 }, { EOPNOTSUPP, 0 },
	{ ENETUNREACH, 1 }, { EHOSTDOWN, 1 }, { ENONET, 1 },
	{ ENETUNREACH, 1 }, { EHOSTUNREACH, 1 }, { ENETUNREACH, 0 },
	{ EHOSTUNREACH, 0 }, { EHOSTUNREACH, 1 }, { EHOSTUNREACH, 1 },
	{ EHOSTUNREACH, 1 },
};

struct machine *machine_of(const struct host *h)
{
	return &machines[h - hosts];
}

struct host *host_of(const struct net *net)
{
	return &hosts[net == hosts[1].net];
}

/* --- registering --- */

int inet_add_protocol(const struct net_protocol *prot, unsigned char number)
{
	protocol = prot;
	return 0;
}

int inet_del_protocol(const struct net_protocol *prot, unsigned char number)
{
	protocol = NULL;
	return 0;
}

int inet_add_offload(const struct net_offload *prot, unsigned char number)
{
	offload = prot;
	return 0;
}

int inet_del_offload(const struct net_offload *prot, unsigned char number)
{
	offload = NULL;
	return 0;
}

void inet_register_protosw(struct inet_protosw *p)
{
}

void inet_unregister_protosw(struct inet_protosw *p)
{
}

int proto_register(struct proto *prot, int alloc_slab)
{
	return 0;
}

void proto_unregister(struct proto *prot)
{
}

int tcp_register_congestion_control(struct tcp_congestion_ops *ca)
{
	return 0;
}

void tcp_unregister_congestion_control(struct tcp_congestion_ops *ca)
{
}

int register_pernet_subsys(struct pernet_operations *ops)
{
	struct net_generic *ng;
	int i, err;

	pernet = ops;
	*ops->id = 4;
	for (i = 0; i < HOSTS; i++) {
		ng = calloc(1, sizeof(*ng) + 8 * sizeof(void *));
		ng->s.len = 8;
		ng->ptr[4] = calloc(1, ops->size);
		RCU_INIT_POINTER(hosts[i].net->gen, ng);
		err = ops->init(hosts[i].net);
		if (err)
			return err;
	}
	return 0;
}

void unregister_pernet_subsys(struct pernet_operations *ops)
{
	int i;

	for (i = 0; i < HOSTS; i++) {
		struct net_generic *ng =
			rcu_dereference_protected(hosts[i].net->gen, 1);

		if (ops->pre_exit)
			ops->pre_exit(hosts[i].net);
		if (ops->exit)
			ops->exit(hosts[i].net);
		free(ng->ptr[4]);
		free(ng);
	}
}

struct proc_dir_entry *_proc_mkdir(const char *name, umode_t mode,
				   struct proc_dir_entry *parent, void *data,
				   bool force_lookup)
{
	return (void *)1;
}

struct proc_dir_entry *proc_create_net_data(const char *name, umode_t mode,
					    struct proc_dir_entry *parent,
					    const struct seq_operations *ops,
					    unsigned int state_size, void *data)
{
	return (void *)1;
}

struct proc_dir_entry *
proc_create_net_single(const char *name, umode_t mode,
		       struct proc_dir_entry *parent,
		       int (*show)(struct seq_file *, void *), void *data)
{
	return (void *)1;
}

void remove_proc_entry(const char *name, struct proc_dir_entry *parent)
{
}

struct ctl_table_header *register_net_sysctl(struct net *net, const char *path,
					     struct ctl_table *table)
{
	return (void *)1;
}

void unregister_net_sysctl_table(struct ctl_table_header *header)
{
}

bool try_module_get(struct module *module)
{
	return true;
}

void __module_get(struct module *module)
{
}

/* No other module is here, inet_diag neither */
void *__symbol_get(const char *symbol)
{
	return NULL;
}

int __request_module(bool wait, const char *name, ...)
{
	return -ENOENT;
}

void module_put(struct module *module)
{
}

/* --- routes --- */

static unsigned int route_mtu(const struct dst_entry *dst)
{
	return host_of(dev_net(dst->dev))->mtu;
}

unsigned int ipv4_mtu(const struct dst_entry *dst)
{
	return route_mtu(dst);
}

static unsigned int route_advmss(const struct dst_entry *dst)
{
	return max_t(unsigned int, route_mtu(dst) - 40, 256);
}

/* No machine here has a VRF */
struct net_device *dev_get_by_index_rcu(struct net *net, int ifindex)
{
	return NULL;
}

int l3mdev_master_ifindex_rcu(const struct net_device *dev)
{
	return 0;
}

static struct dst_ops route_ops = {
	.family		= AF_INET,
	.mtu		= ipv4_mtu,
	.default_advmss	= route_advmss,
};

void dst_release(struct dst_entry *dst)
{
	if (dst)
		SIM_MUST(atomic_dec_return(&dst->__refcnt) > 0,
			 "a route is released too often");
}

long routes_held(void)
{
	long held = 0;
	int i;

	for (i = 0; i < HOSTS; i++)
		held += atomic_read(&machines[i].out.dst.__refcnt) +
			atomic_read(&machines[i].out6.dst.__refcnt) - 2;
	return held;
}

static const u32 metrics[RTAX_MAX] = { [RTAX_HOPLIMIT - 1] = 64 };

static struct rtable *route(struct net *net, struct flowi4 *fl4)
{
	struct host *h = host_of(net);

	if (!fl4->saddr)
		fl4->saddr = h->address;
	if (!fl4->daddr)
		fl4->daddr = h->address;
	dst_hold(&machine_of(h)->out.dst);
	return &machine_of(h)->out;
}

struct rtable *ip_route_output_flow(struct net *net, struct flowi4 *fl4,
				    const struct sock *sk)
{
	return route(net, fl4);
}

struct rtable *ip_route_output_key_hash(struct net *net, struct flowi4 *fl4,
					const struct sk_buff *skb)
{
	return route(net, fl4);
}

void sk_setup_caps(struct sock *sk, struct dst_entry *dst)
{
	const struct host *h = host_of(sock_net(sk));

	sk_dst_set(sk, dst);
	sk->sk_route_caps = dst->dev->features;
	sk->sk_gso_max_size = GSO_LEGACY_MAX_SIZE;
	sk->sk_gso_max_segs = h->gso_max_segs;
}

void inet_sk_get_local_port_range(const struct sock *sk, int *low, int *high)
{
	*low = 32768;
	*high = 60999;
}

/* --- out --- */

static void datagram_set_len(u8 *datagram, u32 len)
{
	struct ipv6hdr *ip6h = (void *)datagram;

	if (datagram_v6(datagram))
		ip6h->payload_len = htons(len - sizeof(*ip6h));
	else
		((struct iphdr *)datagram)->tot_len = htons(len);
}

static void ip_header(struct sk_buff *skb, struct host *h, __be32 saddr,
		      __be32 daddr, u8 tos)
{
	struct iphdr *iph = skb_push(skb, sizeof(*iph));

	skb_reset_network_header(skb);
	memset(iph, 0, sizeof(*iph));
	iph->version = 4;
	iph->ihl = 5;
	iph->tos = tos;
	iph->tot_len = htons(skb->len);
	iph->id = htons(machine_of(h)->id++);
	iph->frag_off = htons(IP_DF);
	iph->ttl = 64;
	iph->protocol = linnet_proto;
	iph->saddr = saddr;
	iph->daddr = daddr;
	skb->protocol = htons(ETH_P_IP);
}

int ip_queue_xmit(struct sock *sk, struct sk_buff *skb, struct flowi *fl)
{
	struct host *h = host_of(sock_net(sk));
	u8 tos = inet_sk(sk)->tos;

	/* IP looks for one when the last was given up */
	if (!__sk_dst_get(sk)) {
		dst_hold(&machine_of(h)->out.dst);
		sk_setup_caps(sk, &machine_of(h)->out.dst);
	}
	ip_header(skb, h, inet_sk(sk)->inet_saddr, inet_sk(sk)->inet_daddr,
		  tos);
	return network_output(h, skb);
}

int __ip_queue_xmit(struct sock *sk, struct sk_buff *skb, struct flowi *fl,
		    __u8 tos)
{
	struct host *h = host_of(sock_net(sk));

	ip_header(skb, h, inet_sk(sk)->inet_saddr, inet_sk(sk)->inet_daddr,
		  tos);
	return network_output(h, skb);
}

int ip_local_out(struct net *net, struct sock *sk, struct sk_buff *skb)
{
	ip_hdr(skb)->tot_len = htons(skb->len);
	skb_dst_drop(skb);
	return network_output(host_of(net), skb);
}

/**
 * host_segment() - a buffer as it goes on the wire
 * @h: who sends it
 * @skb: with its IP header; its data is not touched
 * @out: filled in, malloc()ed
 * @room: how many fit
 * @gso_size: set when it goes whole
 *
 * Return: how many.
 */
unsigned int host_segment(struct host *h, struct sk_buff *skb,
			  struct segment_octets **out, unsigned int room,
			  u16 *gso_size)
{
	struct sk_buff *copy = skb_copy(skb, GFP_KERNEL), *seg, *next;
	unsigned int n = 0;

	*gso_size = 0;
	if (skb_is_gso(copy) && !h->whole) {
		skb_set_mac_header(copy, skb_network_offset(copy));
		skb_pull(copy, skb_transport_offset(copy));
		seg = (copy->protocol == htons(ETH_P_IPV6) ? offload6 : offload)->
			callbacks.gso_segment(copy, 0);
		SIM_MUST(!IS_ERR_OR_NULL(seg), "segmentation fails: %ld",
			 PTR_ERR(seg));
		kfree_skb(copy);
	} else {
		seg = copy;
		if (seg->ip_summed == CHECKSUM_PARTIAL && !skb_is_gso(seg))
			skb_checksum_help(seg);
		*gso_size = skb_is_gso(seg) ? skb_shinfo(seg)->gso_size : 0;
	}
	for (; seg; seg = next) {
		struct segment_octets *o;

		next = seg->next;
		skb_mark_not_on_list(seg);
		__skb_push(seg, skb_network_offset(seg) < 0 ?
			   -skb_network_offset(seg) : 0);
		o = malloc(sizeof(*o) + seg->len);
		o->len = seg->len;
		skb_copy_bits(seg, 0, o->data, seg->len);
		datagram_set_len(o->data, seg->len);
		SIM_MUST(n < room, "too many segments in a buffer");
		out[n++] = o;
		kfree_skb(seg);
	}
	return n;
}

/* --- in --- */

/**
 * host_receive() - a datagram arrives
 * @h: where
 * @datagram: with its IP header
 * @len: octets
 * @gso_size: nonzero: it stands for several segments, and nobody summed it
 */
void host_receive(struct host *h, const u8 *datagram, u32 len, u16 gso_size)
{
	u32 linear = len, copied, ip = datagram_header(datagram);
	const struct linnet_header *seg = (const void *)(datagram + ip);
	bool v6 = datagram_v6(datagram);
	struct sk_buff *skb;

	if (len < ip)
		return;
	if (h->fragments && len >= ip + LINNET_HEADER_LEN)
		linear = min(len, ip + linnet_header_len(seg));
	skb = alloc_skb(NET_SKB_PAD + (h->fragments ? max(linear, 256U) : len),
			GFP_ATOMIC);
	if (!skb)
		return;
	skb_reserve(skb, NET_SKB_PAD);
	memcpy(skb_put(skb, linear), datagram, linear);
	for (copied = linear; copied < len;) {
		static struct page_frag pool;
		u32 n = min(len - copied, 4096U);

		if (!skb_page_frag_refill(n, &pool, GFP_KERNEL))
			break;
		memcpy(page_address(pool.page) + pool.offset,
		       datagram + copied, n);
		get_page(pool.page);
		skb_add_rx_frag(skb, skb_shinfo(skb)->nr_frags, pool.page,
				pool.offset, n, n);
		pool.offset += n;
		copied += n;
		if (copied == len && pool.page) {
			put_page(pool.page);
			pool.page = NULL;
		}
	}
	skb->dev = &machine_of(h)->dev;
	skb->skb_iif = 1;
	skb->pkt_type = PACKET_HOST;
	skb->protocol = htons(v6 ? ETH_P_IPV6 : ETH_P_IP);
	if (v6)
		IP6CB(skb)->iif = 1;
	skb_dst_set_noref(skb, v6 ? &machine_of(h)->in6.dst :
				    &machine_of(h)->in.dst);
	skb_reset_mac_header(skb);
	skb_reset_network_header(skb);
	__skb_pull(skb, ip);
	skb_reset_transport_header(skb);
	if (gso_size) {
		skb->ip_summed = CHECKSUM_UNNECESSARY;
		skb_shinfo(skb)->gso_size = gso_size;
		skb_shinfo(skb)->gso_type = v6 ? SKB_GSO_TCPV6 : SKB_GSO_TCPV4;
		skb_shinfo(skb)->gso_segs = DIV_ROUND_UP(len - ip -
			linnet_header_len(seg), gso_size);
	}
	(v6 ? protocol6->handler : protocol->handler)(skb);
}

/**
 * host_told() - an ICMP error arrives
 * @h: who sent the datagram
 * @datagram: that it is about, its IP header and 8 octets of it
 * @type: ICMP_DEST_UNREACH ..., ICMPV6_DEST_UNREACH ... for IPv6
 * @code: ICMP_FRAG_NEEDED ...
 * @mtu: what the path takes, with ICMP_FRAG_NEEDED and ICMPV6_PKT_TOOBIG
 */
void host_told(struct host *h, const u8 *datagram, u8 type, u8 code, u32 mtu)
{
	struct sk_buff *skb = alloc_skb(128, GFP_KERNEL);
	struct icmphdr *icmp = skb_put(skb, sizeof(*icmp));
	u32 quoted = datagram_header(datagram) + 8;

	memset(icmp, 0, sizeof(*icmp));
	icmp->type = type;
	icmp->code = code;
	skb_reset_transport_header(skb);
	memcpy(skb_put(skb, quoted), datagram, quoted);
	__skb_pull(skb, sizeof(*icmp));
	skb->dev = &machine_of(h)->dev;
	if (datagram_v6(datagram)) {
		skb_dst_set_noref(skb, &machine_of(h)->in6.dst);
		inet6_told(skb, mtu);
	} else {
		skb_dst_set_noref(skb, &machine_of(h)->in.dst);
		protocol->err_handler(skb, mtu);
	}
	kfree_skb(skb);
}

/* The path takes less, as a route would remember it */
void path_takes(struct host *h, u32 mtu)
{
	h->mtu = min(h->mtu, mtu);
}

void ipv4_update_pmtu(struct sk_buff *skb, struct net *net, u32 mtu, int oif,
		      u8 protocol)
{
	path_takes(host_of(net), max(mtu, 576U));
}

void ipv4_redirect(struct sk_buff *skb, struct net *net, int oif, u8 protocol)
{
}

/* --- what programs call --- */

static void local_address(struct sock *sk, bool any)
{
	const struct host *h = host_of(sock_net(sk));

	if (sk->sk_family == AF_INET) {
		inet_sk(sk)->inet_saddr = inet_sk(sk)->inet_rcv_saddr =
			any ? 0 : h->address;
		return;
	}
	sk->sk_v6_rcv_saddr = any ? in6addr_any : h->address6;
	inet6_sk(sk)->saddr = sk->sk_v6_rcv_saddr;
}

/**
 * host_bind() - bind()
 * @sock: the socket
 * @port: the port
 * @any: to all addresses, of IPv4 and IPv6 if it is a socket of IPv6
 */
int host_bind(struct socket *sock, u16 port, bool any)
{
	struct sock *sk = sock->sk;
	int err;

	lock_sock(sk);
	local_address(sk, any);
	err = sk->sk_prot->get_port(sk, port) ? -EADDRINUSE : 0;
	if (!err) {
		sk->sk_userlocks |= SOCK_BINDADDR_LOCK | SOCK_BINDPORT_LOCK;
		inet_sk(sk)->inet_sport = htons(inet_sk(sk)->inet_num);
	}
	release_sock(sk);
	return err;
}

static int address_of(const struct host *h, int family, u16 port,
		      struct sockaddr_storage *addr)
{
	struct sockaddr_in6 *sin6 = (void *)addr;
	struct sockaddr_in *sin = (void *)addr;

	memset(addr, 0, sizeof(*addr));
	if (family == AF_INET) {
		sin->sin_family = AF_INET;
		sin->sin_port = htons(port);
		sin->sin_addr.s_addr = h->address;
		return sizeof(*sin);
	}
	sin6->sin6_family = AF_INET6;
	sin6->sin6_port = htons(port);
	sin6->sin6_addr = h->address6;
	return sizeof(*sin6);
}

/* What inet_stream_connect() does for a socket that does not block */
int __inet_stream_connect(struct socket *sock, struct sockaddr *addr,
			  int addr_len, int flags, int is_sendmsg)
{
	struct sock *sk = sock->sk;
	int err;

	SIM_MUST(flags & O_NONBLOCK, "a call would block");
	switch (sock->state) {
	case SS_CONNECTED:
		return -EISCONN;
	case SS_CONNECTING:
		if (inet_sk(sk)->defer_connect)
			err = is_sendmsg ? -EINPROGRESS : -EISCONN;
		else
			err = -EALREADY;
		break;
	default:
		if (sk->sk_state != TCP_CLOSE)
			return -EISCONN;
		err = sk->sk_prot->connect(sk, addr, addr_len);
		if (err)
			return err;
		sock->state = SS_CONNECTING;
		if (inet_sk(sk)->defer_connect)
			return 0;
		err = -EINPROGRESS;
	}
	if ((1 << sk->sk_state) & (TCPF_SYN_SENT | TCPF_SYN_RECV))
		return err;
	if (sk->sk_state == TCP_CLOSE) {
		sock->state = SS_UNCONNECTED;
		return sock_error(sk) ?: -ECONNABORTED;
	}
	sock->state = SS_CONNECTED;
	return 0;
}

/**
 * host_connect() - connect()
 * @sock: the socket
 * @to: the host that is to be reached
 * @port: its port
 *
 * Return: 0 when it is under way, or a negative error.
 */
int host_connect(struct socket *sock, const struct host *to, u16 port)
{
	struct sock *sk = sock->sk;
	struct sockaddr_storage addr;
	int len = address_of(to, sk->sk_family, port, &addr), err;

	lock_sock(sk);
	err = __inet_stream_connect(sock, (struct sockaddr *)&addr, len,
				    O_NONBLOCK, 0);
	release_sock(sk);
	return err == -EINPROGRESS ? 0 : err;
}

/* --- start and stop --- */

static void tcp_defaults(struct net *net)
{
	struct netns_ipv4 *v4 = &net->ipv4;

	net->core.sysctl_somaxconn = 4096;
	v4->sysctl_tcp_window_scaling = 1;
	v4->sysctl_tcp_timestamps = 1;
	v4->sysctl_tcp_sack = 1;
	v4->sysctl_tcp_dsack = 1;
	v4->sysctl_tcp_moderate_rcvbuf = 1;
	v4->sysctl_tcp_slow_start_after_idle = 1;
	v4->sysctl_tcp_reordering = 3;
	v4->sysctl_tcp_max_reordering = 300;
	v4->sysctl_tcp_recovery = 1;
	v4->sysctl_tcp_early_retrans = 3;
	v4->sysctl_tcp_frto = 2;
	v4->sysctl_tcp_ecn = 2;
	v4->sysctl_tcp_ecn_fallback = 1;
	v4->sysctl_tcp_base_mss = 1024;
	v4->sysctl_tcp_min_snd_mss = 48;
	v4->sysctl_tcp_mtu_probe_floor = 48;
	v4->sysctl_tcp_probe_threshold = 8;
	v4->sysctl_tcp_probe_interval = 600;
	v4->sysctl_tcp_syn_retries = 6;
	v4->sysctl_tcp_synack_retries = 5;
	v4->sysctl_tcp_syncookies = 1;
	v4->sysctl_tcp_retries1 = 3;
	v4->sysctl_tcp_retries2 = 15;
	v4->sysctl_tcp_orphan_retries = 0;
	v4->sysctl_max_syn_backlog = 4096;
	v4->sysctl_tcp_fin_timeout = 60 * HZ;
	v4->sysctl_tcp_keepalive_time = 7200 * HZ;
	v4->sysctl_tcp_keepalive_intvl = 75 * HZ;
	v4->sysctl_tcp_keepalive_probes = 9;
	v4->tcp_death_row.sysctl_max_tw_buckets = 262144;
	v4->sysctl_tcp_rmem[0] = 4096;
	v4->sysctl_tcp_rmem[1] = 131072;
	v4->sysctl_tcp_rmem[2] = 6291456;
	v4->sysctl_tcp_wmem[0] = 4096;
	v4->sysctl_tcp_wmem[1] = 16384;
	v4->sysctl_tcp_wmem[2] = 4194304;
	v4->sysctl_tcp_limit_output_bytes = 1048576;
	v4->sysctl_tcp_min_tso_segs = 2;
	v4->sysctl_tcp_tso_rtt_log = 9;
	v4->sysctl_tcp_challenge_ack_limit = INT_MAX;
	v4->sysctl_tcp_invalid_ratelimit = HZ / 2;
	v4->sysctl_tcp_notsent_lowat = UINT_MAX;
	v4->sysctl_tcp_pacing_ss_ratio = 200;
	v4->sysctl_tcp_pacing_ca_ratio = 120;
	v4->sysctl_tcp_autocorking = 1;
	v4->sysctl_tcp_no_ssthresh_metrics_save = 1;
	v4->sysctl_tcp_reflect_tos = 0;
	v4->sysctl_tcp_comp_sack_delay_ns = NSEC_PER_MSEC;
	v4->sysctl_tcp_comp_sack_slack_ns = 100 * NSEC_PER_USEC;
	v4->sysctl_tcp_comp_sack_nr = 44;
	v4->sysctl_tcp_tw_reuse = 2;
	v4->sysctl_tcp_fastopen = 1;
}

/**
 * host_reset() - defaults of a host, before a new run
 * @h: the host
 */
void host_reset(struct host *h)
{
	struct machine *m = machine_of(h);
	int i = h - hosts;

	h->address = htonl(0x0afd0001 + i);
	h->address6 = (struct in6_addr){ .s6_addr = { 0xfd, [15] = i + 1 } };
	h->mtu = 1500;
	h->checksums = true;
	h->gso_max_segs = 64;
	h->fragments = false;
	h->whole = false;
	m->id = 1;
}

/* What the run has decided on becomes the device's */
void host_ready(struct host *h)
{
	struct machine *m = machine_of(h);

	m->dev.features = h->checksums ? NETIF_F_HW_CSUM | NETIF_F_SG |
					 NETIF_F_GSO | NETIF_F_TSO : 0;
	m->dev.gso_max_size = GSO_LEGACY_MAX_SIZE;
	m->dev.gso_max_segs = h->gso_max_segs;
}

int init_module(void);
void cleanup_module(void);

void inet_setup(void)
{
	int i;

	second = calloc(1, sizeof(*second));
	hosts[0].net = &init_net;
	hosts[1].net = second;
	for (i = 0; i < HOSTS; i++) {
		struct machine *m = &machines[i];

		host_reset(&hosts[i]);
		hosts[i].net->hash_mix = i;
		tcp_defaults(hosts[i].net);
		hosts[i].net->core.prot_inuse =
			calloc(1, sizeof(struct prot_inuse));
		m->dev.ifindex = 1;
		write_pnet(&m->dev.nd_net, hosts[i].net);
		m->out.dst.dev = &m->dev;
		m->out.dst.ops = &route_ops;
		dst_init_metrics(&m->out.dst, metrics, true);
		atomic_set(&m->out.dst.__refcnt, 1);
		m->in.dst = m->out.dst;
		m->in.rt_is_input = 1;
		m->in.rt_iif = 1;
		inet6_setup(m);
	}
	SIM_MUST(!init_module(), "the module does not load");
}

void inet_teardown(void)
{
	cleanup_module();
	free(second);
}
