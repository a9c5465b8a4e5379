// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The other end: makes segments and ICMP errors of what the input says, and
 * looks at what comes back.
 */
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/skbuff.h>
#include <net/ip6_checksum.h>
#include <net/ndisc.h>
#include <net/sock.h>

#include "linnet.h"
#include "handshake.h"
#include "timewait.h"
#include "fuzz.h"

#define DEVICE_HOLDS	64	/* buffers */

struct peer peer;

/* The device: what it has not let go of yet */
static u64 device_delay;
static bool device_full;
static unsigned int device_holds;

/* --- the two streams: each octet is known by its sequence number --- */

u8 peer_octet(u32 seq)
{
	return (seq * 2654435761U) >> 24;
}

u8 our_octet(u32 seq)
{
	return (seq * 2246822519U) >> 24 ^ 0x5a;
}

/* --- how the connection stands --- */

static void view_socket(struct view *v, struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	v->sk = sk;
	v->found = true;
	v->state = sk->sk_state;
	v->rcv_nxt = tp->rcv_nxt;
	v->edge = tp->rcv_wup + tp->rcv_wnd;
	v->una = tp->snd_una;
	v->nxt = tp->snd_nxt;
	v->mss = tp->mss_cache;
}

void view_get(struct view *v)
{
	const struct linnet_request *req = NULL;
	struct linnet_flow flow;
	struct sock *sk;

	memset(v, 0, sizeof(*v));
	our_flow(&flow);
	sk = linnet_lookup_connection(&flow);
	v->mss = 1000;
	if (sk && sk->sk_state == TCP_TIME_WAIT) {
		const struct linnet_timewait *tw = linnet_tw(sk);

		v->found = true;
		v->state = TCP_TIME_WAIT;
		v->rcv_nxt = tw->rcv_nxt;
		v->edge = tw->rcv_nxt + tw->window;
		v->una = tw->snd_nxt;
		v->nxt = tw->snd_nxt;
		linnet_timewait_put(sk);
		return;
	}
	if (sk) {
		view_socket(v, sk);
		return;
	}
	if (program.listener)
		req = linnet_synq_find(program.listener->sk, &flow);
	if (req) {
		v->found = true;
		v->state = TCP_NEW_SYN_RECV;
		v->rcv_nxt = req->rcv_isn + 1;
		v->edge = v->rcv_nxt + req->rcv_wnd;
		v->una = req->snt_isn;
		v->nxt = req->snt_isn + 1;
		return;
	}
	v->state = TCP_CLOSE;
	v->rcv_nxt = peer.heard ? peer.heard_ack : peer.isn + 1;
	v->edge = v->rcv_nxt + 65535;
	v->una = peer.heard_end;
	v->nxt = peer.heard_end;
}

void view_put(struct view *v)
{
	if (v->sk)
		sock_put(v->sk);
	v->sk = NULL;
}

/* --- what comes back --- */

static void device_lets_go(void *arg)
{
	device_holds--;
	kfree_skb(arg);
}

static void check_octets(const struct sk_buff *skb, unsigned int from, u32 seq)
{
	u8 piece[2048];
	u32 len = skb->len - from, i, n;

	for (; len; len -= n, from += n) {
		n = min_t(u32, len, sizeof(piece));
		SIM_MUST(!skb_copy_bits(skb, from, piece, n),
			 "a buffer has less than it says");
		for (i = 0; i < n; i++, seq++)
			SIM_MUST(piece[i] == our_octet(seq),
				 "an octet is sent that the program did not write there");
	}
}

/**
 * network_output() - our host has sent something
 * @from: our host; the other one has no rooms that run
 * @skb: with its IP header; consumed
 */
int network_output(struct host *from, struct sk_buff *skb)
{
	const struct linnet_header *h =
		(const void *)skb_transport_header(skb);
	unsigned int header = linnet_header_len(h), offset;
	struct linnet_options opt;
	u32 seq = ntohl(h->seq), len;

	SIM_MUST(from == ours, "the peer sends by itself");
	offset = skb_transport_offset(skb) + header;
	len = skb->len - offset;
	SIM_MUST(header >= LINNET_HEADER_LEN && !(h->doff & 0xf) &&
		 !h->urg_ptr && !(h->flags & LINNET_URG),
		 "a header is wrong");
	SIM_MUST(!(h->flags & LINNET_SYN) ||
		 !(h->flags & (LINNET_FIN | LINNET_RST)), "flags that exclude each other");
	SIM_MUST((skb_is_gso(skb) ? skb_shinfo(skb)->gso_size : len) + header +
		 datagram_header(skb->data) <= from->mtu, "a segment larger than the MTU");
	linnet_options_parse((const u8 *)(h + 1), header - LINNET_HEADER_LEN,
			     h->flags & LINNET_SYN, &opt);
	if (len)
		check_octets(skb, offset, seq + !!(h->flags & LINNET_SYN));
	peer.segments++;
	peer.resets += !!(h->flags & LINNET_RST);
	if (!(h->flags & LINNET_RST)) {
		u32 end = seq + len + !!(h->flags & LINNET_SYN) +
			  !!(h->flags & LINNET_FIN);

		if (!peer.heard || h->flags & LINNET_SYN ||
		    seq_after(end, peer.heard_end))
			peer.heard_end = end;
		if (h->flags & LINNET_ACK)
			peer.heard_ack = ntohl(h->ack_seq);
		if (opt.timestamp)
			peer.heard_tsval = opt.tsval;
		peer.heard = true;
	}
	if (device_full || device_holds >= DEVICE_HOLDS) {
		kfree_skb(skb);
		return NET_XMIT_DROP;
	}
	device_holds++;
	clock_at(clock_now + device_delay, device_lets_go, skb);
	return 0;
}

/* --- segments --- */

void peer_reset(void)
{
	memset(&peer, 0, sizeof(peer));
	device_delay = NS_PER_US;
	device_full = false;
	device_holds = 0;
}

void peer_timestamp(struct sent *s)
{
	if (!(peer.options & HAS_TIMESTAMPS))
		return;
	s->opt.timestamp = true;
	s->opt.tsval = clock_now / NS_PER_MS + 0x7fff0000;
	s->opt.tsecr = peer.heard_tsval;
}

int our_family(void)
{
	return peer.family == FAMILY_IPV4 ? AF_INET : AF_INET6;
}

bool over_ipv6(void)
{
	return peer.family == FAMILY_IPV6;
}

/* The IP header of a datagram with @len octets behind it, from @from to @to.
 * Returns its length.
 */
static u32 ip_header(u8 *out, const struct host *from, const struct host *to,
		     u32 len)
{
	struct ipv6hdr *ip6 = (struct ipv6hdr *)out;
	struct iphdr *ip = (struct iphdr *)out;

	if (over_ipv6()) {
		memset(ip6, 0, sizeof(*ip6));
		ip6->version = 6;
		ip6->payload_len = htons(len);
		ip6->nexthdr = linnet_proto;
		ip6->hop_limit = 64;
		ip6->saddr = from->address6;
		ip6->daddr = to->address6;
		return sizeof(*ip6);
	}
	memset(ip, 0, sizeof(*ip));
	ip->version = 4;
	ip->ihl = 5;
	ip->tot_len = htons(sizeof(*ip) + len);
	ip->frag_off = htons(IP_DF);
	ip->ttl = 64;
	ip->protocol = linnet_proto;
	ip->saddr = from->address;
	ip->daddr = to->address;
	return sizeof(*ip);
}

static __sum16 checksum(const struct linnet_header *h, u32 len)
{
	__wsum sum = csum_partial(h, len, 0);

	return over_ipv6() ? csum_ipv6_magic(&theirs->address6,
					     &ours->address6, len,
					     linnet_proto, sum) :
			     csum_tcpudp_magic(theirs->address, ours->address,
					       len, linnet_proto, sum);
}

/* The segment as a datagram; returns its length */
static u32 datagram(const struct sent *s, u8 *out)
{
	u32 data = s->seq + !!(s->flags & LINNET_SYN), header, i;
	u32 ip = over_ipv6() ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
	struct linnet_header *h = (struct linnet_header *)(out + ip);

	memset(out, 0, 100);
	header = LINNET_HEADER_LEN;
	if (s->n_raw) {
		memcpy(h + 1, s->raw, s->n_raw);
		header += round_up(s->n_raw, 4);
	} else {
		header += linnet_options_write(&s->opt, (__be32 *)(h + 1));
	}
	ip_header(out, theirs, ours, header + s->len);
	if (s->ce)
		datagram_set_ecn(out, 3);
	h->source = htons(peer.port);
	h->dest = htons(peer.our_port);
	h->seq = htonl(s->seq);
	h->ack_seq = htonl(s->ack);
	h->doff = header / 4 << 4;
	h->flags = s->flags;
	h->window = htons(s->window);
	for (i = 0; i < s->len; i++)
		out[ip + header + i] = peer_octet(data + i);
	h->check = checksum(h, header + s->len);
	return ip + header + s->len;
}

/**
 * peer_send() - the peer sends a segment, which arrives at once
 * @s: the segment
 */
void peer_send(const struct sent *s)
{
	static u8 octets[100 + 65536];
	u32 len = datagram(s, octets);
	struct linnet_header *h =
		(struct linnet_header *)(octets + datagram_header(octets));
	bool whole = s->len > peer.mss;

	if (s->bad_sum) {
		h->check ^= htons(0x0100);
		whole = false;		/* nobody would sum it */
	}
	if (s->flags & LINNET_SYN && peer.n_syns < ARRAY_SIZE(peer.syns))
		peer.syns[peer.n_syns++] = s->seq;
	oracle_before(s);
	host_receive(ours, octets, len, whole ? peer.mss : 0);
	oracle_after(s);
}

/* --- what the input says --- */

enum segment_octet {
	SEG_FLAGS = 1, SEG_SEQ, SEG_SEQ_BY, SEG_ACK, SEG_ACK_BY, SEG_UNITS,
	SEG_WINDOW, SEG_HOW, SEG_SACKS, SEG_BLOCK, SEG_LEN = SEG_BLOCK + 4,
	SEG_SCALE,
};

/* SEG_HOW */
#define HOW_OLD		(1 << 0)	/* timestamp a second too old */
#define HOW_FUTURE	(1 << 1)	/* timestamp of tomorrow */
#define HOW_NO_ECHO	(1 << 2)	/* timestamp that echoes anything */
#define HOW_ODD		(1 << 3)	/* SACK blocks within segments */
#define HOW_DSACK	(1 << 4)	/* the first block is old */
#define HOW_BAD_SUM	(1 << 5)
#define HOW_RAW		(1 << 6)	/* the block octets are the options */
#define HOW_CE		(1 << 7)

/* How many octets an octet stands for: few, a segment's parts, segments */
u32 amount_of(u8 octet, u32 mss)
{
	if (octet < 64)
		return octet;
	if (octet < 128)
		return mss * (octet - 63) / 64;
	return min(mss * (octet - 127), 60000U);
}

static u32 sequence_of(const struct view *v, u8 from)
{
	const struct linnet_reassembly *r;

	switch (from % 6) {
	case 1:
		return v->edge;
	case 2:
		return v->rcv_nxt - 1;
	case 3:	/* behind what came out of order */
		r = v->sk ? &linnet_sk(v->sk)->reassembly : NULL;
		return r && r->last ? LINNET_CB(r->last)->end_seq : v->rcv_nxt;
	case 4:
		return peer.isn;
	case 5:
		return v->rcv_nxt + 0x7fffffff;
	default:
		return v->rcv_nxt;
	}
}

static u32 acknowledged(const struct view *v, u8 from)
{
	switch (from % 5) {
	case 1:
	case 2:
		return v->nxt;
	case 3:
		return v->una + (v->nxt - v->una) / 2;
	case 4:
		return v->una - 0x7fffffff;
	default:
		return v->una;
	}
}

static void sack_blocks(struct sent *s, const struct view *v, const u8 *record)
{
	u32 unit = record[SEG_HOW] & HOW_ODD ? 100 : v->mss;
	unsigned int i;

	s->opt.n_sack = record[SEG_SACKS] % 5;
	if (s->opt.timestamp && s->opt.n_sack > 3)
		s->opt.n_sack = 3;
	for (i = 0; i < s->opt.n_sack; i++) {
		u8 octet = record[SEG_BLOCK + i];
		struct linnet_block *b = &s->opt.sack[i];

		b->start = s->ack + unit * (octet >> 4);
		b->end = octet & 15 ? b->start + unit * (octet & 15) : v->nxt;
		if (!i && record[SEG_HOW] & HOW_DSACK) {
			b->start = s->ack - unit * ((octet >> 4) + 1);
			b->end = b->start + unit * (octet & 15);
		}
	}
}

/**
 * peer_record() - a segment as the input says
 * @record: the octets
 */
void peer_record(const u8 *record)
{
	u32 unit, window = record[SEG_WINDOW];
	struct sent s = { .flags = record[SEG_FLAGS] };
	struct view v;

	view_get(&v);
	unit = record[SEG_UNITS] & 1 ? peer.mss : 1;
	s.seq = sequence_of(&v, record[SEG_SEQ]) +
		(s8)record[SEG_SEQ_BY] * unit;
	unit = record[SEG_UNITS] & 2 ? v.mss : 1;
	s.ack = acknowledged(&v, record[SEG_ACK]) +
		(s8)record[SEG_ACK_BY] * unit;
	/* small ones are the interesting ones */
	s.window = window < 128 ? window * 16 : window * 257;
	s.len = amount_of(record[SEG_LEN], peer.mss);
	s.ce = record[SEG_HOW] & HOW_CE;
	s.bad_sum = record[SEG_HOW] & HOW_BAD_SUM;
	peer_timestamp(&s);
	if (record[SEG_HOW] & HOW_OLD)
		s.opt.tsval -= 1000;
	if (record[SEG_HOW] & HOW_FUTURE)
		s.opt.tsval += 86400000;
	if (record[SEG_HOW] & HOW_NO_ECHO)
		s.opt.tsecr = peer.heard_tsval + (s8)record[SEG_SCALE];
	if (s.flags & LINNET_SYN) {
		s.opt.mss = peer.mss;
		s.opt.sack_permitted = peer.options & HAS_SACK;
		s.opt.wscale_ok = peer.options & HAS_SCALE;
		s.opt.wscale = peer.scale;
	} else {
		sack_blocks(&s, &v, record);
	}
	if (record[SEG_HOW] & HOW_RAW) {
		s.n_raw = 1 + record[SEG_SACKS] % 5;
		memcpy(s.raw, record + SEG_BLOCK, s.n_raw);
	}
	view_put(&v);
	peer_send(&s);
}

enum icmp_octet { ICMP_WHAT = 1, ICMP_SEQ, ICMP_MTU };

/**
 * icmp_record() - an ICMP error as the input says
 * @record: the octets
 */
void icmp_record(const u8 *record)
{
	static const struct {
		u8 type, code;
	} errors[2][8] = { {
		{ ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED },
		{ ICMP_DEST_UNREACH, ICMP_HOST_UNREACH },
		{ ICMP_DEST_UNREACH, ICMP_PORT_UNREACH },
		{ ICMP_DEST_UNREACH, 200 },
		{ ICMP_TIME_EXCEEDED, 0 },
		{ ICMP_PARAMETERPROB, 0 },
		{ ICMP_SOURCE_QUENCH, 0 },
		{ ICMP_REDIRECT, 0 },
	}, {
		{ ICMPV6_PKT_TOOBIG, 0 },
		{ ICMPV6_DEST_UNREACH, ICMPV6_ADDR_UNREACH },
		{ ICMPV6_DEST_UNREACH, ICMPV6_PORT_UNREACH },
		{ ICMPV6_DEST_UNREACH, 200 },
		{ ICMPV6_TIME_EXCEED, 0 },
		{ ICMPV6_PARAMPROB, 0 },
		{ 200, 0 },
		{ NDISC_REDIRECT, 0 },
	} };
	u8 octets[60];
	u32 ip = ip_header(octets, ours, theirs, LINNET_HEADER_LEN);
	struct linnet_header *h = (struct linnet_header *)(octets + ip);
	unsigned int n = record[ICMP_WHAT] % 8;
	struct view v;

	memset(h, 0, sizeof(*h));
	view_get(&v);
	h->source = htons(peer.our_port);
	h->dest = htons(peer.port);
	h->seq = htonl(record[ICMP_SEQ] & 1 ? v.nxt : v.una);
	if (record[ICMP_SEQ] & 2)
		h->seq = htonl(v.una - 1);
	view_put(&v);
	host_told(ours, octets, errors[over_ipv6()][n].type,
		  errors[over_ipv6()][n].code, record[ICMP_MTU] * 16);
}

enum machine_octet { MACHINE_WHAT = 1, MACHINE_VALUE };

/**
 * device_record() - something happens to our host
 * @record: the octets
 */
void device_record(const u8 *record)
{
	u8 value = record[MACHINE_VALUE];

	switch (record[MACHINE_WHAT] & 3) {
	case 0:		/* allocations fail */
		memory_fail_rate = value * 3000;
		break;
	case 1:		/* memory is short */
		linnet_sysctl_mem[0] = value & 1 ? value : 30000;
		linnet_sysctl_mem[1] = value & 1 ? value + 8 : 40000;
		linnet_sysctl_mem[2] = value & 1 ? value + 16 : 60000;
		break;
	case 2:		/* the queue below drains slowly */
		device_delay = NS_PER_US << value % 24;
		break;
	case 3:
		device_full = value & 1;
		break;
	}
}
