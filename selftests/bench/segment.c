// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a received segment costs the processor.  The peer is played by hand over
 * a tun device: a write to it returns when the transport is done with the
 * segment, so the time that it takes is the cost, the device's share included.
 */
#include <arpa/inet.h>

#include "bench.h"
#include "link.h"

#define US		"192.0.2.1"	/* the transport */
#define PEER		"192.0.2.2"
#define PEER_PORT	9000
#define PAYLOAD		1448
#define BATCH		16
#define BATCHES		64
#define REPETITIONS	7

#define IP_LEN		20
#define HEADER_LEN	32		/* with timestamps */
#define SYN_HEADER_LEN	40
#define ACK_FLAG	0x10
#define SYN_FLAG	0x02

/* The peer's side */
struct peer {
	int		tun;
	uint32_t	snd_nxt;
	uint32_t	rcv_nxt;
	uint32_t	ts;
	uint32_t	ts_recent;
};

static uint8_t packet[IP_LEN + SYN_HEADER_LEN + PAYLOAD];

static void put16(uint8_t *p, uint16_t v)
{
	v = htons(v);
	memcpy(p, &v, sizeof(v));
}

static void put32(uint8_t *p, uint32_t v)
{
	v = htonl(v);
	memcpy(p, &v, sizeof(v));
}

static uint32_t get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return ntohl(v);
}

static uint32_t sum(const uint8_t *p, size_t len, uint32_t s)
{
	size_t i;

	for (i = 0; i + 1 < len; i += 2)
		s += p[i] << 8 | p[i + 1];
	if (len & 1)
		s += p[len - 1] << 8;
	return s;
}

static uint16_t fold(uint32_t s)
{
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return ~s;
}

/* Complete the packet and give it to the device; ns that this took */
static uint64_t inject(struct peer *peer, uint8_t flags, uint32_t seq,
		       size_t header_len, size_t len)
{
	uint8_t *header = packet + IP_LEN;
	size_t total = IP_LEN + header_len + len;
	uint64_t start;

	memset(packet, 0, IP_LEN);
	packet[0] = 0x45;
	put16(packet + 2, total);
	packet[8] = 64;
	packet[9] = proto;
	inet_pton(AF_INET, PEER, packet + 12);
	inet_pton(AF_INET, US, packet + 16);
	put16(packet + 10, fold(sum(packet, IP_LEN, 0)));

	put16(header, PEER_PORT);
	put16(header + 2, PORT);
	put32(header + 4, seq);
	put32(header + 8, flags & ACK_FLAG ? peer->rcv_nxt : 0);
	header[12] = header_len << 2;
	header[13] = flags;
	put16(header + 14, 0xffff);
	put32(header + 16, 0);
	put16(header + 16, fold(sum(header, header_len + len,
				    sum(packet + 12, 8, proto + header_len + len))));
	start = now_ns();
	if (write(peer->tun, packet, total) != (ssize_t)total)
		FAIL("tun: %s", strerror(errno));
	return now_ns() - start;
}

static void put_timestamps(const struct peer *peer, uint8_t *option)
{
	static const uint8_t kind[] = { 1, 1, 8, 10 };

	memcpy(option, kind, sizeof(kind));
	put32(option + 4, peer->ts);
	put32(option + 8, peer->ts_recent);
}

static uint64_t segment(struct peer *peer, uint32_t seq, size_t len)
{
	put_timestamps(peer, packet + IP_LEN + 20);
	return inject(peer, ACK_FLAG, seq, HEADER_LEN, len);
}

/* Throw away what the transport has sent, but remember the last timestamp */
static void drain(struct peer *peer)
{
	uint8_t buf[2048];
	ssize_t n;

	while ((n = read(peer->tun, buf, sizeof(buf))) > 0)
		if (n >= IP_LEN + HEADER_LEN)
			peer->ts_recent = get32(buf + IP_LEN + 24);
}

/* Connect to the transport's listener; its end of the connection */
static int peer_connect(struct peer *peer, int listener)
{
	static const uint8_t options[] = { 2, 4, (PAYLOAD + 12) >> 8, (PAYLOAD + 12) & 0xff,
					   4, 2, 8, 10 };
	uint8_t *option = packet + IP_LEN + 20, reply[2048];
	ssize_t n;

	peer->snd_nxt = 1000;
	peer->ts = 1;
	peer->ts_recent = 0;
	memset(option, 0, SYN_HEADER_LEN - 20);
	memcpy(option, options, sizeof(options));
	put32(option + 8, peer->ts);
	option[16] = 1;
	option[17] = 3;
	option[18] = 3;
	option[19] = 7;
	inject(peer, SYN_FLAG, peer->snd_nxt++, SYN_HEADER_LEN, 0);
	do {
		n = read(peer->tun, reply, sizeof(reply));
		if (n < 0)
			FAIL("no SYN-ACK: %s", strerror(errno));
	} while (n < IP_LEN + SYN_HEADER_LEN || reply[IP_LEN + 13] != (SYN_FLAG | ACK_FLAG));
	peer->rcv_nxt = get32(reply + IP_LEN + 4) + 1;
	peer->ts_recent = get32(reply + IP_LEN + 28);
	segment(peer, peer->snd_nxt, 0);
	return OK(accept(listener, NULL, NULL));
}

/* --- the cases: nanoseconds for each of the segments of a batch --- */

static uint64_t in_order(struct peer *peer)
{
	uint64_t spent = 0;
	int i;

	for (i = 0; i < BATCH; i++) {
		spent += segment(peer, peer->snd_nxt, PAYLOAD);
		peer->snd_nxt += PAYLOAD;
	}
	return spent;
}

/* All but the first of them, and then the first */
static uint64_t first_comes_last(struct peer *peer)
{
	uint64_t spent = 0;
	int i;

	for (i = 1; i <= BATCH; i++)
		spent += segment(peer, peer->snd_nxt + i % BATCH * PAYLOAD, PAYLOAD);
	peer->snd_nxt += BATCH * PAYLOAD;
	return spent;
}

/* Each with a hole before it */
static uint64_t backwards(struct peer *peer)
{
	uint64_t spent = 0;
	int i;

	for (i = BATCH - 1; i >= 0; i--)
		spent += segment(peer, peer->snd_nxt + i * PAYLOAD, PAYLOAD);
	peer->snd_nxt += BATCH * PAYLOAD;
	return spent;
}

static uint64_t bare_ack(struct peer *peer)
{
	uint64_t spent = 0;
	int i;

	for (i = 0; i < BATCH; i++)
		spent += segment(peer, peer->snd_nxt, 0);
	return spent;
}

static double cost(struct peer *peer, uint64_t (*batch)(struct peer *peer))
{
	static uint8_t buf[BATCH * PAYLOAD];
	uint64_t spent = 0;
	int i, l, fd;

	l = sk_listen(US, PORT, 1);
	fd = peer_connect(peer, l);
	for (i = -BATCHES / 4; i < BATCHES; i++) {
		uint32_t before = peer->snd_nxt;

		if (!i)
			spent = 0;
		spent += batch(peer);
		receive_all(fd, buf, peer->snd_nxt - before);
		drain(peer);
		peer->ts++;
	}
	reset_close(fd);
	close(l);
	drain(peer);
	return (double)spent / BATCH / BATCHES;
}

static void measure(struct peer *peer, const char *name,
		    uint64_t (*batch)(struct peer *peer))
{
	int i, which, n = repetitions(REPETITIONS);
	struct series s[2] = { { .n = 0 } };

	if (!chosen(name))
		return;
	for (i = -1; i < n; i++) {
		for (which = TCP; which <= LINNET; which++) {
			double figure;

			proto = protocols[which];
			figure = cost(peer, batch);
			if (i >= 0)
				series_add(&s[which], figure);
		}
	}
	report(name, "ns", MEDIAN, s);
}

void bench_segment(void)
{
	int before = ns_current(), ns = ns_new();
	struct peer peer = { .tun = link_tun(ns, US "/24") };

	ns_enter(ns);
	report_open("segment", "processor time for a received segment of an established connection, median of %d",
		    repetitions(REPETITIONS));
	measure(&peer, "1,448 octets in order", in_order);
	measure(&peer, "one hole before 15 of 16", first_comes_last);
	measure(&peer, "16 backwards", backwards);
	measure(&peer, "ACK of nothing new", bare_ack);
	report_close();
	close(peer.tun);
	close(ns);
	ns_enter(before);
	close(before);
}
