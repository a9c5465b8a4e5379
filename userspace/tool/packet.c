// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From the octets of a captured packet to the segment in it. Nothing in it is
 * to be trusted: what a length promises is read only when it was captured.
 */
#include "packet.h"

#include <arpa/inet.h>
#include <pcap/pcap.h>
#include <string.h>
#include <sys/socket.h>

#define ETHERTYPE_IPV4	0x0800
#define ETHERTYPE_IPV6	0x86dd
#define ETHERTYPE_VLAN	0x8100
#define ETHERTYPE_QINQ	0x88a8
#define ETHER_HEADER	14
#define VLAN_TAG	4
#define VLAN_TAGS_MAX	2
#define SLL_HEADER	16	/* Linux cooked capture */
#define SLL2_HEADER	20	/* version 2: the protocol stands first */
#define IPV4_HEADER	20
#define IPV4_FRAGMENT	0x3fff	/* more fragments, or an offset */
#define IPV6_HEADER	40
#define SEGMENT_HEADER	20	/* RFC 9293, 3.1 */

enum { OPT_EOL = 0, OPT_NOP, OPT_MSS, OPT_WSCALE, OPT_SACK_PERMITTED, OPT_SACK, OPT_TIMESTAMP = 8 };

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

/**
 * packet_link_known() - whether packet_decode() reads this link type
 * @link: libpcap's DLT_* number
 */
bool packet_link_known(int link)
{
	switch (link) {
	case DLT_EN10MB:
	case DLT_LINUX_SLL:
	case DLT_LINUX_SLL2:
	case DLT_RAW:
	case DLT_IPV4:
	case DLT_IPV6:
		return true;
	}
	return false;
}

/* Where the IP header begins; 0 for no IP or a packet too short. */
static bool find_ip(const uint8_t *p, size_t caplen, int link, size_t *start)
{
	uint16_t type;
	size_t at;

	switch (link) {
	case DLT_EN10MB:
		at = ETHER_HEADER;
		break;
	case DLT_LINUX_SLL:
		at = SLL_HEADER;
		break;
	case DLT_LINUX_SLL2:
		if (caplen < SLL2_HEADER)
			return false;
		type = get16(p);
		*start = SLL2_HEADER;
		return type == ETHERTYPE_IPV4 || type == ETHERTYPE_IPV6;
	default:
		*start = 0;
		return true;
	}
	if (caplen < at)
		return false;
	type = get16(p + at - 2);
	for (int tags = 0; type == ETHERTYPE_VLAN || type == ETHERTYPE_QINQ; tags++) {
		if (tags == VLAN_TAGS_MAX || caplen < at + VLAN_TAG)
			return false;
		at += VLAN_TAG;
		type = get16(p + at - 2);
	}
	*start = at;
	return type == ETHERTYPE_IPV4 || type == ETHERTYPE_IPV6;
}

static void read_sack(const uint8_t *p, size_t size, struct segment *s)
{
	if (size < 10 || (size - 2) % 8)
		return;
	s->n_sack = 0;
	for (size_t at = 2; at + 8 <= size && s->n_sack < SACK_BLOCKS_MAX; at += 8) {
		s->sack[s->n_sack][0] = get32(p + at);
		s->sack[s->n_sack][1] = get32(p + at + 4);
		s->n_sack++;
	}
}

static void read_options(const uint8_t *p, size_t len, struct segment *s)
{
	size_t size;

	for (; len && *p != OPT_EOL; p += size, len -= size) {
		size = 1;
		if (*p == OPT_NOP)
			continue;
		if (len < 2 || p[1] < 2 || p[1] > len)
			return;
		size = p[1];
		if (*p == OPT_MSS && size == 4)
			s->mss = get16(p + 2);
		else if (*p == OPT_WSCALE && size == 3)
			s->wscale = p[2] > 14 ? 14 : p[2];	/* RFC 7323, 2.3 */
		else if (*p == OPT_SACK_PERMITTED && size == 2)
			s->sack_permitted = true;
		else if (*p == OPT_SACK)
			read_sack(p, size, s);
		else if (*p == OPT_TIMESTAMP && size == 10)
			s->timestamp = true;
	}
}

/* @total is what IP says, @caplen what is there. */
static enum packet_kind read_segment(const uint8_t *p, size_t caplen, size_t total,
				     struct segment *s)
{
	size_t header, options;

	if (total < SEGMENT_HEADER || caplen < SEGMENT_HEADER)
		return PACKET_MALFORMED;
	header = (p[12] >> 4) * 4u;
	if (header < SEGMENT_HEADER || header > total)
		return PACKET_MALFORMED;
	s->src.port = get16(p);
	s->dst.port = get16(p + 2);
	s->seq = get32(p + 4);
	s->ack = get32(p + 8);
	s->flags = p[13];
	s->window = get16(p + 14);
	s->len = (uint32_t)(total - header);
	options = header - SEGMENT_HEADER;
	if (header > caplen) {
		options = caplen - SEGMENT_HEADER;
		s->options_cut = true;
	}
	read_options(p + SEGMENT_HEADER, options, s);
	return PACKET_SEGMENT;
}

static enum packet_kind read_ipv4(const uint8_t *p, size_t caplen, uint8_t protocol,
				  struct segment *s)
{
	size_t header, total;

	if (caplen < IPV4_HEADER)
		return PACKET_OTHER;
	if (p[9] != protocol || (get16(p + 6) & IPV4_FRAGMENT))
		return PACKET_OTHER;
	header = (p[0] & 0xf) * 4u;
	total = get16(p + 2);
	if (header < IPV4_HEADER || header > total || header > caplen)
		return PACKET_MALFORMED;
	s->src.family = s->dst.family = AF_INET;
	memcpy(s->src.address, p + 12, 4);
	memcpy(s->dst.address, p + 16, 4);
	/* Ethernet pads short packets: what is behind them is not theirs */
	if (caplen > total)
		caplen = total;
	return read_segment(p + header, caplen - header, total - header, s);
}

static enum packet_kind read_ipv6(const uint8_t *p, size_t caplen, uint8_t protocol,
				  struct segment *s)
{
	size_t total;

	/* No extension headers: neither Linnet nor TCP sends any by itself */
	if (caplen < IPV6_HEADER || p[6] != protocol)
		return PACKET_OTHER;
	total = get16(p + 4);
	s->src.family = s->dst.family = AF_INET6;
	memcpy(s->src.address, p + 8, 16);
	memcpy(s->dst.address, p + 24, 16);
	caplen -= IPV6_HEADER;
	if (caplen > total)
		caplen = total;
	return read_segment(p + IPV6_HEADER, caplen, total, s);
}

/**
 * packet_decode() - find the segment in a packet
 * @p: the packet
 * @caplen: octets of it that were captured
 * @link: libpcap's DLT_* number, one that packet_link_known() knows
 * @protocol: IP protocol number to look for
 * @s: filled in, but for the time, when PACKET_SEGMENT is returned
 */
enum packet_kind packet_decode(const uint8_t *p, size_t caplen, int link, uint8_t protocol,
			       struct segment *s)
{
	size_t start;

	memset(s, 0, sizeof(*s));
	s->protocol = protocol;
	s->wscale = -1;
	if (!find_ip(p, caplen, link, &start) || caplen <= start)
		return PACKET_OTHER;
	p += start;
	caplen -= start;
	switch (*p >> 4) {
	case 4:
		return read_ipv4(p, caplen, protocol, s);
	case 6:
		return read_ipv6(p, caplen, protocol, s);
	}
	return PACKET_OTHER;
}

/**
 * endpoint_equal() - the same family, address and port
 * @a: one
 * @b: the other
 */
bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
	return a->family == b->family && a->port == b->port &&
	       !memcmp(a->address, b->address, sizeof(a->address));
}
