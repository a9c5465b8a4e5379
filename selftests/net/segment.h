/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Segments by hand.  A tun device joins this namespace to a network where all
 * other hosts are the test: what is sent to them is read, and what they send is
 * written, one segment at a time.
 */
#ifndef SEGMENT_H
#define SEGMENT_H

#include "lib.h"

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16, URG = 32, ECE = 64, CWR = 128 };

/* The test's network and this host in it */
#define HERE4	"192.0.2.1"
#define THERE4	"192.0.2.2"
#define HERE6	"2001:db8::1"
#define THERE6	"2001:db8::2"

/**
 * struct segment - a segment on its way to this host, or from it
 * @family: AF_INET or AF_INET6
 * @from: address, 4 or 16 octets
 * @to: likewise
 * @sport: source port
 * @dport: destination port
 * @seq: SEG.SEQ
 * @ack: SEG.ACK
 * @flags: SYN ...
 * @window: as on the wire
 * @options: octets of options, a multiple of four of them
 * @n_options: how many
 * @data: data
 * @len: octets of data
 */
struct segment {
	int		family;
	uint8_t		from[16], to[16];
	uint16_t	sport, dport;
	uint32_t	seq, ack;
	uint8_t		flags;
	uint16_t	window;
	uint8_t		options[40];
	int		n_options;
	uint8_t		data[2048];
	int		len;
};

int tun_open(void);
const char *here(int family);
const char *there(int family);
void segment_init(struct segment *s, int family, int sport, int dport, int flags);
void segment_from(struct segment *s, uint32_t host);
void segment_option(struct segment *s, int kind, int len, const void *value);
void segment_timestamp(struct segment *s, uint32_t tsval, uint32_t tsecr);
const uint8_t *segment_find(const struct segment *s, int kind, int *len);
uint32_t segment_number(const uint8_t *p, int octets);
void segment_data(struct segment *s, const void *data, int len);
void segment_send(int tun, const struct segment *s);
bool segment_receive(int tun, struct segment *s, int milliseconds);
void segment_answer(const struct segment *s, struct segment *answer, int flags);
void segment_expect(int tun, struct segment *s, int dport, int flags);

#endif /* SEGMENT_H */
