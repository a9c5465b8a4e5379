// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Segments as octets, over IPv4 and IPv6: built from what a script says, and
 * taken apart. Every length of what comes is checked: it is under test.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "packet.h"

#define IPV4_LEN	20
#define IPV6_LEN	40
#define HEADER_LEN	20

/* TEST-NET-1 and -2 (RFC 5737), and addresses for documentation (RFC 3849) */
static const char *const here_name[] = { "192.0.2.1", "2001:db8:1::1" };
static const char *const there_name[] = { "198.51.100.1", "2001:db8:2::1" };

static const struct {
	const char	*name;
	uint8_t		type4, code4;
	uint8_t		type6, code6;
} icmp_kinds[] = {
	{ "net_unreachable",	3, 0,	1, 0 },
	{ "host_unreachable",	3, 1,	1, 3 },
	{ "proto_unreachable",	3, 2,	4, 1 },
	{ "port_unreachable",	3, 3,	1, 4 },
	{ "frag_needed",	3, 4,	2, 0 },
	{ "admin_prohibited",	3, 13,	1, 1 },
	{ "source_quench",	4, 0,	0, 0 },
	{ "ttl_exceeded",	11, 0,	3, 0 },
	{ "parameter_problem",	12, 0,	4, 0 },
};

#define N_ICMP ((int)(sizeof(icmp_kinds) / sizeof(*icmp_kinds)))

int icmp_kind(const char *name)
{
	int i;

	for (i = 0; i < N_ICMP; i++)
		if (!strcmp(icmp_kinds[i].name, name))
			return i;
	return -1;
}

/* Each octet of a stream tells its place in it */
uint8_t pattern(uint64_t offset)
{
	return offset ^ offset >> 8 ^ offset >> 16;
}

static void put16(uint8_t *p, uint16_t v)
{
	p[0] = v >> 8;
	p[1] = v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

static uint16_t get16(const uint8_t *p)
{
	return p[0] << 8 | p[1];
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

/**
 * wire_set_address() - fill in a socket address
 * @sa: room for a sockaddr_in6
 * @here: the kernel's, not the script's
 * @port: in host order
 *
 * Return: its length.
 */
int wire_set_address(void *sa, bool here, int port)
{
	const char *name = (here ? here_name : there_name)[family == 6];
	struct sockaddr_in *in = sa;
	struct sockaddr_in6 *in6 = sa;
	char text[64];

	if (family == 4 && !mapped) {
		memset(in, 0, sizeof(*in));
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		inet_pton(AF_INET, name, &in->sin_addr);
		return sizeof(*in);
	}
	memset(in6, 0, sizeof(*in6));
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	snprintf(text, sizeof(text), "%s%s", family == 4 ? "::ffff:" : "", name);
	inet_pton(AF_INET6, text, &in6->sin6_addr);
	return sizeof(*in6);
}

static uint32_t sum(const uint8_t *p, int len, uint32_t s)
{
	for (; len > 1; p += 2, len -= 2)
		s += get16(p);
	if (len)
		s += p[0] << 8;
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return s;
}

static uint32_t pseudo_sum(const uint8_t *src, const uint8_t *dst, int alen, int next, int len)
{
	return sum(dst, alen, sum(src, alen, next + len));
}

/* An IP header; returns its length */
static int put_ip(uint8_t *p, bool from_here, int next, int len, const struct spec *s)
{
	const char *src = (from_here ? here_name : there_name)[family == 6];
	const char *dst = (from_here ? there_name : here_name)[family == 6];
	int ecn = s->ecn < 0 ? 0 : s->ecn;
	int tos = (s->tos < 0 ? 0 : s->tos & 0xfc) | ecn;
	int ttl = s->ttl < 0 ? 64 : s->ttl;

	if (family == 4) {
		memset(p, 0, IPV4_LEN);
		p[0] = 0x45;
		p[1] = tos;
		put16(p + 2, IPV4_LEN + len);
		put16(p + 6, s->df == 0 ? 0 : 0x4000);
		p[8] = ttl;
		p[9] = next;
		inet_pton(AF_INET, src, p + 12);
		inet_pton(AF_INET, dst, p + 16);
		put16(p + 10, ~sum(p, IPV4_LEN, 0));
		return IPV4_LEN;
	}
	put32(p, 6u << 28 | (uint32_t)tos << 20);
	put16(p + 4, len);
	p[6] = next;
	p[7] = ttl;
	inet_pton(AF_INET6, src, p + 8);
	inet_pton(AF_INET6, dst, p + 24);
	return IPV6_LEN;
}

static uint32_t resolve(const struct number *n, uint32_t base)
{
	return n->absolute ? n->low : n->low + base;
}

/* The time there, in milliseconds, as TSval */
static uint32_t clock_there(void)
{
	return 1000 + now_us() / 1000;
}

static int put_option(uint8_t *p, const struct option *o, const struct flow *f)
{
	int i;

	if (o->raw) {
		memcpy(p, o->data, o->len);
		return o->len;
	}
	p[0] = o->kind;
	switch (o->kind) {
	case OPT_EOL:
	case OPT_NOP:
		return 1;
	case OPT_MSS:
		p[1] = 4;
		put16(p + 2, o->a.low);
		return 4;
	case OPT_WSCALE:
		p[1] = 3;
		p[2] = o->a.low;
		return 3;
	case OPT_SACKOK:
		p[1] = 2;
		return 2;
	case OPT_SACK:
		p[1] = 2 + 8 * o->n;
		for (i = 0; i < o->n; i++) {
			put32(p + 2 + 8 * i, resolve(&o->block[i][0], f->isn_here));
			put32(p + 6 + 8 * i, resolve(&o->block[i][1], f->isn_here));
		}
		return p[1];
	case OPT_TS:
		p[1] = 10;
		put32(p + 2, o->a.any ? clock_there() : o->a.low);
		put32(p + 6, o->b.any ? f->ts_last : o->b.absolute ? o->b.low :
		      o->b.low + f->ts_here);
		return 10;
	case OPT_FO:
	case OPT_EXP: {
		int len = o->known ? cookie_len : o->len, head = 2;

		if (o->kind == OPT_EXP) {
			put16(p + 2, 0xf989);
			head = 4;
		}
		memcpy(p + head, o->known ? cookie : o->data, len);
		p[1] = head + len;
		return p[1];
	}
	}
	return 0;
}

static void put_ports(uint8_t *p, const struct flow *f, bool from_here)
{
	put16(p, from_here ? f->here : f->there);
	put16(p + 2, from_here ? f->there : f->here);
}

/* An error about a segment that was sent from here */
static int build_icmp(const struct spec *s, uint8_t *out)
{
	const struct flow *f = &flows[s->flow];
	int ip = family == 4 ? IPV4_LEN : IPV6_LEN, inner, len;
	uint8_t *p = out + ip, *q;

	memset(p, 0, 8);
	p[0] = family == 4 ? icmp_kinds[s->icmp].type4 : icmp_kinds[s->icmp].type6;
	p[1] = family == 4 ? icmp_kinds[s->icmp].code4 : icmp_kinds[s->icmp].code6;
	put32(p + 4, s->mtu);
	inner = put_ip(p + 8, true, proto, HEADER_LEN + s->len, s);
	q = p + 8 + inner;
	memset(q, 0, HEADER_LEN);
	put_ports(q, f, true);
	put32(q + 4, resolve(&s->seq, f->isn_here));
	/* RFC 792: eight octets of it; RFC 4443: as much as fits */
	len = 8 + inner + (family == 4 ? 8 : HEADER_LEN);
	put_ip(out, false, family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6, len, s);
	put16(p + 2, 0);
	put16(p + 2, ~sum(p, len, family == 4 ? 0 :
			  pseudo_sum(out + 8, out + 24, 16, IPPROTO_ICMPV6, len)));
	return ip + len;
}

static void finish(uint8_t *out, int ip, int len, bool bad_sum)
{
	uint8_t *p = out + ip;
	uint16_t check;

	put16(p + 16, 0);
	check = ~sum(p, len, family == 4 ? pseudo_sum(out + 12, out + 16, 4, proto, len) :
		     pseudo_sum(out + 8, out + 24, 16, proto, len));
	put16(p + 16, bad_sum ? check ^ 0x5555 : check);
}

/**
 * wire_build() - the octets of a segment to the kernel
 * @s: what the script says
 * @out: room for MAX_PACKET octets and some more
 *
 * Return: how many octets, or -1 when the options do not fit into a header.
 */
int wire_build(const struct spec *s, uint8_t *out)
{
	struct flow *f = &flows[s->flow];
	int ip = family == 4 ? IPV4_LEN : IPV6_LEN, header = HEADER_LEN, len, i;
	uint8_t *p = out + ip;
	uint32_t at;

	if (s->icmp >= 0)
		return build_icmp(s, out);
	memset(p, 0, 60);
	put_ports(p, f, false);
	put32(p + 4, resolve(&s->seq, f->isn_there));
	if (s->flags & FLAG_ACK && !s->ack.any)
		put32(p + 8, resolve(&s->ack, f->isn_here));
	for (i = 0; i < s->n_options; i++)
		header += put_option(p + header, &s->option[i], f);
	if (header > 60)
		return -1;
	while (header % 4)
		p[header++] = 0;
	p[12] = (s->hlen ? s->hlen / 4 : header / 4) << 4 | s->flags >> 8;
	p[13] = s->flags;
	put16(p + 14, s->win.any ? 0 : s->win.low);
	put16(p + 18, s->urg.any ? 0 : s->urg.low);
	len = header + (s->len < 0 ? 0 : s->len);
	at = s->seq.low - !(s->flags & FLAG_SYN);
	for (i = header; i < len; i++)
		p[i] = pattern(at + i - header);
	len -= s->cut;
	put_ip(out, false, proto, len, s);
	finish(out, ip, len, s->bad_sum);
	return ip + len;
}

/* A reset that ends what a script leaves behind */
int wire_reset(const struct flow *f, uint8_t *out)
{
	struct spec s = { .ecn = -1, .ttl = -1, .df = -1, .tos = -1, .id = -1 };
	int ip = family == 4 ? IPV4_LEN : IPV6_LEN;
	uint8_t *p = out + ip;

	memset(p, 0, HEADER_LEN);
	put_ports(p, f, false);
	put32(p + 4, f->ack_last);
	p[12] = HEADER_LEN / 4 << 4;
	p[13] = FLAG_RST;
	put_ip(out, false, proto, HEADER_LEN, &s);
	finish(out, ip, HEADER_LEN, false);
	return ip + HEADER_LEN;
}

/* --- taking apart --- */

static void get_raw(struct option *o, const uint8_t *p, int len)
{
	o->raw = true;
	o->len = len > 40 ? 40 : len;
	memcpy(o->data, p, o->len);
}

/* One option of len octets */
static void get_option(struct option *o, const uint8_t *p, int len)
{
	int i;

	if (p[0] == OPT_MSS && len == 4) {
		o->a.low = get16(p + 2);
	} else if (p[0] == OPT_WSCALE && len == 3) {
		o->a.low = p[2];
	} else if (p[0] == OPT_SACKOK && len == 2) {
		;
	} else if (p[0] == OPT_TS && len == 10) {
		o->a.low = get32(p + 2);
		o->b.low = get32(p + 6);
	} else if (p[0] == OPT_SACK && len > 2 && len <= 34 && (len - 2) % 8 == 0) {
		o->n = (len - 2) / 8;
		for (i = 0; i < o->n; i++) {
			o->block[i][0].low = get32(p + 2 + 8 * i);
			o->block[i][1].low = get32(p + 6 + 8 * i);
		}
	} else if (p[0] == OPT_FO && len <= 18) {
		o->len = len - 2;
		memcpy(o->data, p + 2, o->len);
	} else if (p[0] == OPT_EXP && len >= 4 && len <= 20 && get16(p + 2) == 0xf989) {
		o->len = len - 4;
		memcpy(o->data, p + 4, o->len);
	} else {
		get_raw(o, p, len);
	}
}

static const char *get_options(const uint8_t *p, int len, struct packet *packet)
{
	while (len) {
		struct option *o = &packet->option[packet->n_options];
		int n = 1;

		if (packet->n_options == MAX_OPTIONS)
			return "more options than we can hold";
		packet->n_options++;
		o->kind = p[0];
		if (p[0] != OPT_EOL && p[0] != OPT_NOP) {
			if (len < 2 || p[1] < 2 || p[1] > len)
				return "an option's length does not fit";
			n = p[1];
			get_option(o, p, n);
		}
		p += n;
		len -= n;
	}
	return NULL;
}

/* @partial: the device is yet to add up all but the pseudo-header */
static const char *get_segment(uint8_t *p, int len, uint32_t pseudo, bool partial,
			       struct packet *packet)
{
	int header;

	if (len < HEADER_LEN)
		return "the segment is shorter than a header";
	header = (p[12] >> 4) * 4;
	if (header < HEADER_LEN || header > len)
		return "the header's length does not fit";
	if (partial ? get16(p + 16) != pseudo : sum(p, len, pseudo) != 0xffff)
		return "the checksum is wrong";
	packet->sport = get16(p);
	packet->dport = get16(p + 2);
	packet->seq = get32(p + 4);
	packet->ack = get32(p + 8);
	packet->flags = get16(p + 12) & 0x1ff;
	if (p[12] & 0x0e)
		return "reserved bits are set";
	packet->win = get16(p + 14);
	packet->urg = get16(p + 18);
	packet->data = p + header;
	packet->len = len - header;
	return get_options(p + HEADER_LEN, header - HEADER_LEN, packet);
}

/**
 * wire_parse() - take a packet from the kernel apart
 * @in: its octets, which stay the packet's
 * @len: how many
 * @partial: the checksum is that of the pseudo-header only
 * @packet: filled in
 *
 * Return: NULL, "" for a packet that is not ours to look at, or what is wrong.
 */
const char *wire_parse(uint8_t *in, int len, bool partial, struct packet *packet)
{
	memset(packet, 0, sizeof(*packet));
	packet->flow = -1;
	if (family == 4) {
		int ip;

		if (len < IPV4_LEN || in[0] >> 4 != 4 || in[9] != proto)
			return "";
		ip = (in[0] & 15) * 4;
		if (get16(in + 2) != len || ip > len)
			return "the length of IPv4 does not fit";
		packet->tos = in[1];
		packet->id = get16(in + 4);
		packet->df = in[6] & 0x40;
		packet->ttl = in[8];
		return get_segment(in + ip, len - ip,
				   pseudo_sum(in + 12, in + 16, 4, proto, len - ip), partial,
				   packet);
	}
	if (len < IPV6_LEN || in[0] >> 4 != 6 || in[6] != proto)
		return "";
	if (get16(in + 4) != len - IPV6_LEN)
		return "the length of IPv6 does not fit";
	packet->tos = get16(in) >> 4;
	packet->ttl = in[7];
	len -= IPV6_LEN;
	return get_segment(in + IPV6_LEN, len,
			   pseudo_sum(in + 8, in + 24, 16, proto, len), partial, packet);
}
