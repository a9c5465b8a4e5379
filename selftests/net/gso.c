// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Super-segments with our protocol number that are not ours: whoever may send
 * packets can put one into a ring of AF_PACKET's (PACKET_TX_RING, PACKET_VNET_HDR).
 * Where the device cannot cut it, we do, and its owner has it back once.
 */
#include <linux/ethtool.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <linux/virtio_net.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "lib.h"

enum { FRAME = 8192, BLOCK = 32768, MSS = 1000, SEGMENTS = 5, HEADERS = 14 + 20 + 20 };

struct header {
	uint16_t	source, dest;
	uint32_t	seq, ack;
	uint8_t		offset, flags;
	uint16_t	window, checksum, urgent;
} __attribute__((packed));

struct super {
	struct virtio_net_hdr	vnet;
	struct ether_header	eth;
	struct iphdr		ip;
	struct header		th;
	uint8_t			data[SEGMENTS * MSS];
} __attribute__((packed));

static void tso_off(const char *dev)
{
	struct ethtool_value off = { .cmd = ETHTOOL_STSO };
	struct ifreq req = { .ifr_data = (void *)&off };
	int fd = OK(socket(AF_INET, SOCK_DGRAM, 0));

	strcpy(req.ifr_name, dev);
	OK(ioctl(fd, SIOCETHTOOL, &req));
	close(fd);
}

static int packet_socket(const char *dev)
{
	struct sockaddr_ll at = {
		.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP),
		.sll_ifindex = if_nametoindex(dev),
	};
	int fd = OK(socket(AF_PACKET, SOCK_RAW, htons(ETH_P_IP)));

	OK(bind(fd, (struct sockaddr *)&at, sizeof(at)));
	return fd;
}

static uint16_t sum(const void *data, size_t len, uint32_t s)
{
	const uint16_t *p = data;

	for (; len > 1; len -= 2)
		s += *p++;
	s = (s & 0xffff) + (s >> 16);
	return s + (s >> 16);
}

static void fill(struct super *s)
{
	uint32_t len = sizeof(s->th) + sizeof(s->data);

	*s = (struct super){
		.vnet = {
			.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
			.gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
			.hdr_len = HEADERS,
			.gso_size = MSS,
			.csum_start = 14 + 20,
			.csum_offset = offsetof(struct header, checksum),
		},
		.eth = { .ether_type = htons(ETH_P_IP) },
		.ip = {
			.version = 4, .ihl = 5, .ttl = 64, .protocol = proto,
			.tot_len = htons(sizeof(s->ip) + len),
			.saddr = htonl(0xc0000201), .daddr = htonl(0xc0000202),
		},
		.th = { .seq = htonl(1), .offset = 5 << 4, .flags = 0x10 },
	};
	memset(s->eth.ether_dhost, 0xff, sizeof(s->eth.ether_dhost));
	s->ip.check = ~sum(&s->ip, sizeof(s->ip), 0);
	s->th.checksum = sum(&s->ip.saddr, 8, htons(proto) + htons(len));
	pattern_fill(s->data, 0, sizeof(s->data), 1);
}

/* The segments, in their order */
static void check_segments(int fd)
{
	struct super got;
	size_t headers = sizeof(got.eth) + sizeof(got.ip) + sizeof(got.th);
	uint8_t *frame = (uint8_t *)&got.eth;

	for (int i = 0; i < SEGMENTS; i++) {
		CHECK_EQ(recv(fd, frame, sizeof(got) - sizeof(got.vnet), 0), headers + MSS);
		CHECK_EQ(got.ip.protocol, proto);
		CHECK_EQ(ntohs(got.ip.tot_len), sizeof(got.ip) + sizeof(got.th) + MSS);
		CHECK_EQ(ntohl(got.th.seq), 1 + i * MSS);
		pattern_check(got.data, i * MSS, MSS, 1);
	}
}

static void ring(void)
{
	struct tpacket_req req = {
		.tp_block_size = BLOCK, .tp_block_nr = 1,
		.tp_frame_size = FRAME, .tp_frame_nr = BLOCK / FRAME,
	};
	int a = ns_current(), b = ns_new(), in, out;
	uint8_t *frames;

	ns_join(a, "v0", b, "v1");
	ns_enter(b);
	in = packet_socket("v1");
	ns_enter(a);
	tso_off("v0");
	out = packet_socket("v0");
	sk_set(out, SOL_PACKET, PACKET_VERSION, TPACKET_V2);
	sk_set(out, SOL_PACKET, PACKET_VNET_HDR, 1);
	OK(setsockopt(out, SOL_PACKET, PACKET_TX_RING, &req, sizeof(req)));
	frames = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED, out, 0);
	CHECK(frames != MAP_FAILED);
	/* twice round the ring: each frame was given back */
	for (unsigned int i = 0; i < 2 * req.tp_frame_nr; i++) {
		volatile struct tpacket2_hdr *h = (void *)(frames + i % req.tp_frame_nr * FRAME);

		AWAIT(h->tp_status == TP_STATUS_AVAILABLE);
		fill((void *)((uint8_t *)h + TPACKET2_HDRLEN - sizeof(struct sockaddr_ll)));
		h->tp_len = sizeof(struct super);
		__sync_synchronize();
		h->tp_status = TP_STATUS_SEND_REQUEST;
		OK(send(out, NULL, 0, 0));
		check_segments(in);
	}
	close(out);
}

static const struct test tests[] = {
	{ "a super-segment from a ring of AF_PACKET's", ring },
};

TEST_MAIN(tests)
