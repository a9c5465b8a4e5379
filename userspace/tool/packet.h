/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A captured packet, taken apart. */
#ifndef PACKET_H
#define PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FLAG_FIN	0x01
#define FLAG_SYN	0x02
#define FLAG_RST	0x04
#define FLAG_PSH	0x08
#define FLAG_ACK	0x10
#define FLAG_URG	0x20
#define FLAG_ECE	0x40
#define FLAG_CWR	0x80

#define SACK_BLOCKS_MAX	4	/* what 40 octets of options hold */

/**
 * struct endpoint - one end of a connection
 * @family: AF_INET or AF_INET6
 * @address: 4 or 16 octets in network order, the rest zero
 * @port: host order
 */
struct endpoint {
	int family;
	uint8_t address[16];
	uint16_t port;
};

/**
 * struct segment - the transport's part of a packet, in host order
 * @time: when it was captured, ns
 * @src: sender
 * @dst: receiver
 * @protocol: IP protocol number
 * @seq: sequence number
 * @ack: acknowledgement number, valid with FLAG_ACK
 * @window: the field, not scaled
 * @flags: FLAG_*
 * @len: octets of data, as the IP header tells (they may not be captured)
 * @options_cut: the capture does not hold all options
 * @mss: option, 0 when absent
 * @wscale: option, -1 when absent
 * @sack_permitted: option
 * @timestamp: option
 * @n_sack: SACK blocks
 * @sack: their first sequence number, and the one after their last
 */
struct segment {
	int64_t time;
	struct endpoint src;
	struct endpoint dst;
	uint8_t protocol;
	uint32_t seq;
	uint32_t ack;
	uint16_t window;
	uint8_t flags;
	uint32_t len;
	bool options_cut;
	uint16_t mss;
	int wscale;
	bool sack_permitted;
	bool timestamp;
	unsigned int n_sack;
	uint32_t sack[SACK_BLOCKS_MAX][2];
};

enum packet_kind {
	PACKET_SEGMENT,		/* of the protocol asked for */
	PACKET_OTHER,		/* something else */
	PACKET_MALFORMED,	/* it, but its lengths do not fit */
};

bool packet_link_known(int link);
enum packet_kind packet_decode(const uint8_t *p, size_t caplen, int link, uint8_t protocol,
			       struct segment *s);
bool endpoint_equal(const struct endpoint *a, const struct endpoint *b);

#endif
