// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>

#include "checksum.h"
#include "segment.h"

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16, URG = 32, ECE = 64, CWR = 128 };

/* Offsets in the segment's header (RFC 9293, 3.1) */
enum { SEQ = 4, ACKNO = 8, OFFSET = 12, FLAGS = 13, WINDOW = 14, SUM = 16, URGENT = 18, OPTIONS = 20 };

enum { ICMP = 1, ICMPV6 = 58, MSS = 1400 };

/* xorshift64* */
uint32_t mangler_random(uint64_t *state)
{
	if (!*state)
		*state = 1;
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return (*state * 0x2545f4914f6cdd1d) >> 32;
}

static uint32_t chance(struct mangler *m, uint32_t n)
{
	return mangler_random(&m->state) % n;
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

static void put16(uint8_t *p, uint16_t v)
{
	p[0] = v >> 8;
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, (uint16_t)v);
}

static bool is_v6(const struct packet *p)
{
	return p->data[0] >> 4 == 6;
}

static size_t ip_len(const struct packet *p)
{
	return is_v6(p) ? 40 : (p->data[0] & 15) * 4;
}

static uint8_t *segment(struct packet *p)
{
	return p->data + ip_len(p);
}

static size_t segment_len(const struct packet *p)
{
	return p->len - ip_len(p);
}

/* As the header says, within what there is */
static size_t header_len(const struct packet *p)
{
	size_t n = (p->data[ip_len(p) + OFFSET] >> 4) * 4;

	if (n < OPTIONS)
		n = OPTIONS;
	return n < segment_len(p) ? n : segment_len(p);
}

static bool is_ours(const struct packet *p, int proto)
{
	if (p->len < 40 || p->len > PACKET_MAX - 256)
		return false;
	if (is_v6(p))
		return p->len >= 60 && p->data[6] == proto;
	return p->data[0] >> 4 == 4 && p->data[9] == proto;
}

/* The lengths and sums that go with what is there now */
static void repair_ip(struct packet *p)
{
	if (is_v6(p)) {
		put16(p->data + 4, p->len - 40);
		return;
	}
	put16(p->data + 2, p->len);
	put16(p->data + 10, 0);
	put16(p->data + 10, checksum_fold(checksum_add(p->data, ip_len(p), 0)));
}

static void repair(struct packet *p, int proto, int sum_at)
{
	size_t len = segment_len(p);
	uint32_t sum = proto + len;

	repair_ip(p);
	if (len < (size_t)sum_at + 2)
		return;
	put16(segment(p) + sum_at, 0);
	if (is_v6(p))
		sum = checksum_add(p->data + 8, 32, sum);
	else if (proto == ICMP)
		sum = 0;
	else
		sum = checksum_add(p->data + 12, 8, sum);
	put16(segment(p) + sum_at, checksum_fold(checksum_add(segment(p), len, sum)));
}

/* --- changes --- */

static uint32_t near(struct mangler *m, uint32_t v)
{
	switch (chance(m, 5)) {
	case 0:
		return v + 1 + chance(m, 3);
	case 1:
		return v - 1 - chance(m, 3);
	case 2:
		return v + chance(m, 2 * MSS) - MSS;
	case 3:
		return v + chance(m, 200000) - 100000;
	default:
		return chance(m, 2) ? v ^ 0x80000000 : mangler_random(&m->state);
	}
}

static void change_flags(struct mangler *m, struct packet *p)
{
	if (chance(m, 2))
		segment(p)[FLAGS] ^= 1 << chance(m, 8);
	else
		segment(p)[FLAGS] = mangler_random(&m->state);
}

static void change_seq(struct mangler *m, struct packet *p)
{
	put32(segment(p) + SEQ, near(m, get32(segment(p) + SEQ)));
}

static void change_ack(struct mangler *m, struct packet *p)
{
	put32(segment(p) + ACKNO, near(m, get32(segment(p) + ACKNO)));
}

static void change_window(struct mangler *m, struct packet *p)
{
	static const uint16_t odd[] = { 0, 0, 1, 2, 100, 65535 };

	put16(segment(p) + WINDOW, chance(m, 3) ? odd[chance(m, 6)] : chance(m, 65536));
}

static void change_urgent(struct mangler *m, struct packet *p)
{
	segment(p)[FLAGS] |= URG;
	put16(segment(p) + URGENT, chance(m, 2) ? chance(m, 4) : chance(m, 65536));
}

static void change_offset(struct mangler *m, struct packet *p)
{
	segment(p)[OFFSET] = mangler_random(&m->state);
}

/* An octet of the options, or their lengths */
static void change_option(struct mangler *m, struct packet *p)
{
	size_t n = header_len(p);

	if (n > OPTIONS)
		segment(p)[OPTIONS + chance(m, n - OPTIONS)] =
			chance(m, 2) ? chance(m, 12) : mangler_random(&m->state);
}

/* Room of so many octets behind the header, which is made longer by it */
static uint8_t *more_options(struct packet *p, size_t room)
{
	size_t n = header_len(p), len = segment_len(p);
	uint8_t *s = segment(p);

	if (n + room > 60 || n % 4 || p->len + room > PACKET_MAX)
		return NULL;
	memmove(s + n + room, s + n, len - n);
	p->len += room;
	s[OFFSET] = (s[OFFSET] & 15) | (n + room) / 4 << 4;
	return s + n;
}

/* SACK blocks (RFC 2018) around what the segment acknowledges, good and bad */
static void add_sack(struct mangler *m, struct packet *p)
{
	uint32_t ack = get32(segment(p) + ACKNO);
	int blocks = 1 + chance(m, 3);
	uint8_t *o = more_options(p, 4 + 8 * blocks);

	if (!o)
		return;
	o[0] = 1;
	o[1] = 1;
	o[2] = 5;
	o[3] = chance(m, 8) ? 2 + 8 * blocks : (int)chance(m, 256);
	for (int i = 0; i < blocks; i++) {
		uint32_t left = chance(m, 3) ? ack + chance(m, 64) * MSS : near(m, ack);

		put32(o + 4 + 8 * i, left);
		put32(o + 8 + 8 * i, chance(m, 3) ? left + (1 + chance(m, 8)) * MSS : near(m, left));
	}
}

static void add_option(struct mangler *m, struct packet *p)
{
	static const uint8_t kinds[] = { 0, 1, 2, 3, 4, 5, 8, 19, 28, 29, 30, 34, 253, 254, 255 };
	size_t room = 4 * (1 + chance(m, 6));
	uint8_t *o = more_options(p, room);

	if (!o)
		return;
	for (size_t i = 0; i < room; i++)
		o[i] = mangler_random(&m->state);
	o[0] = kinds[chance(m, sizeof(kinds))];
	o[1] = chance(m, 2) ? room : chance(m, 12);
}

/* Timestamps (RFC 7323, 3.2) that are too old, from the future, or zero */
static void change_timestamps(struct mangler *m, struct packet *p)
{
	uint8_t *s = segment(p);
	size_t n = header_len(p);

	for (size_t i = OPTIONS; i + 10 <= n; i += s[i] < 2 || !s[i + 1] ? 1 : s[i + 1]) {
		uint8_t *value = s + i + 2 + 4 * chance(m, 2);

		if (s[i] != 8 || s[i + 1] != 10)
			continue;
		put32(value, chance(m, 4) ? near(m, get32(value)) : 0);
		return;
	}
}

static void cut(struct mangler *m, struct packet *p)
{
	p->len = ip_len(p) + chance(m, segment_len(p) + 1);
}

static void grow(struct mangler *m, struct packet *p)
{
	size_t n = chance(m, 200);

	if (p->len + n > PACKET_MAX)
		return;
	memset(p->data + p->len, 'x', n);
	p->len += n;
}

/* The same data without its beginning: it overlaps what was sent */
static void overlap(struct mangler *m, struct packet *p)
{
	size_t n = header_len(p), data = segment_len(p) - n, k;

	if (data < 2)
		return;
	k = 1 + chance(m, data - 1);
	memmove(segment(p) + n, segment(p) + n + k, data - k);
	p->len -= k;
	put32(segment(p) + SEQ, get32(segment(p) + SEQ) + k);
}

/* What somebody who knows the sequence numbers would send to end it */
static void forge(struct mangler *m, struct packet *p)
{
	static const uint8_t flags[] = {
		RST, RST | ACK, SYN, SYN | ACK, FIN | ACK, FIN, SYN | FIN, SYN | RST, 0,
		ACK | ECE, ACK | CWR, ACK | URG | FIN, SYN | FIN | RST | PSH | ACK | URG,
	};

	segment(p)[FLAGS] = flags[chance(m, sizeof(flags))];
	if (chance(m, 2))
		p->len = ip_len(p) + header_len(p);
	if (chance(m, 2))
		change_seq(m, p);
}

/* The marks of ECN (RFC 3168), in both headers */
static void mark(struct mangler *m, struct packet *p)
{
	if (is_v6(p))
		p->data[1] = (p->data[1] & 0xcf) | chance(m, 4) << 4;
	else
		p->data[1] = (p->data[1] & 0xfc) | chance(m, 4);
	if (chance(m, 2))
		segment(p)[FLAGS] ^= chance(m, 2) ? ECE : CWR;
}

static void (* const changes[])(struct mangler *, struct packet *) = {
	change_flags, change_seq, change_ack, change_window, change_urgent, change_offset,
	change_option, add_sack, add_sack, add_option, change_timestamps, change_timestamps, cut, grow,
	overlap, overlap, forge, mark,
};

/* --- what becomes of a packet --- */

static struct packet *emit(struct mangler *m, const struct packet *p, int to)
{
	struct packet *out;

	if (m->nout == MANGLER_OUT)
		return NULL;
	out = &m->out[m->nout++];
	out->len = p->len;
	memcpy(out->data, p->data, p->len);
	out->to = to;
	return out;
}

static void emit_changed(struct mangler *m, const struct packet *p, int to)
{
	struct packet *out = emit(m, p, to);

	if (!out)
		return;
	do {
		changes[chance(m, sizeof(changes) / sizeof(*changes))](m, out);
		/* what is cut has no fields to change any more */
	} while (!chance(m, 3) && segment_len(out) >= OPTIONS);
	/* now and then the sum stays wrong */
	if (chance(m, 16))
		repair(out, m->proto, SUM);
	else
		repair_ip(out);
}

/* An ICMP error about the packet, to who sent it: unreachable in all codes,
 * too big with any MTU, time exceeded, parameter problem (RFC 792, RFC 4443)
 */
static void emit_icmp(struct mangler *m, const struct packet *p, int from)
{
	static const uint8_t types4[] = { 3, 3, 3, 4, 5, 11, 12 }, types6[] = { 1, 2, 2, 3, 4 };
	size_t head = ip_len(p), quoted = head + 8 + chance(m, 40);
	struct packet e = { .len = 0 };
	uint8_t *icmp;

	if (quoted > p->len)
		quoted = p->len;
	memcpy(e.data, p->data, head);
	/* back from the other end */
	if (is_v6(p)) {
		memcpy(e.data + 8, p->data + 24, 16);
		memcpy(e.data + 24, p->data + 8, 16);
		e.data[6] = ICMPV6;
	} else {
		memcpy(e.data + 12, p->data + 16, 4);
		memcpy(e.data + 16, p->data + 12, 4);
		e.data[9] = ICMP;
	}
	icmp = e.data + head;
	if (is_v6(p)) {
		icmp[0] = types6[chance(m, sizeof(types6))];
		icmp[1] = icmp[0] == 2 ? 0 : chance(m, 8);
	} else {
		icmp[0] = types4[chance(m, sizeof(types4))];
		icmp[1] = chance(m, 2) ? 4 : chance(m, 16);
	}
	memset(icmp + 2, 0, 6);
	put16(icmp + 6, chance(m, 4) ? 300 + chance(m, 1300) : chance(m, 65536));
	memcpy(icmp + 8, p->data, quoted);
	e.len = head + 8 + quoted;
	/* the quoted segment may be another one than was sent */
	if (!chance(m, 4) && quoted >= head + 8)
		put32(icmp + 8 + head + SEQ, near(m, get32(icmp + 8 + head + SEQ)));
	repair(&e, is_v6(p) ? ICMPV6 : ICMP, 2);
	emit(m, &e, from);
}

static void remember(struct mangler *m, const struct packet *p, int to)
{
	struct packet *slot = &m->past[m->taken % MANGLER_HELD];

	slot->len = p->len;
	slot->to = to;
	memcpy(slot->data, p->data, p->len);
	if (m->npast < MANGLER_HELD)
		m->npast++;
}

/* One in so many is touched; it changes, so that all ages are reached */
static uint32_t rarity(const struct mangler *m)
{
	static const uint32_t rates[] = { 64, 8, 256, 3, 32, 1000, 16 };

	return rates[m->taken / 2000 % (sizeof(rates) / sizeof(*rates))];
}

/**
 * mangler_init() - begin
 * @m: what to fill in
 * @seed: of all that is random
 * @proto: the IP protocol whose packets are touched
 */
void mangler_init(struct mangler *m, uint64_t seed, int proto)
{
	memset(m, 0, sizeof(*m));
	m->state = seed * 0x9e3779b97f4a7c15 + 1;
	m->proto = proto;
}

/**
 * mangler_take() - a packet came
 * @m: the mangler
 * @p: the packet, an IP packet of any kind
 * @from: the side it is from, 0 or 1
 *
 * What is to be delivered for it comes from mangler_next().
 */
void mangler_take(struct mangler *m, const struct packet *p, int from)
{
	int to = !from;

	m->nout = 0;
	if (!is_ours(p, m->proto)) {
		emit(m, p, to);
		return;
	}
	m->taken++;
	remember(m, p, to);
	if (chance(m, rarity(m))) {
		emit(m, p, to);
		return;
	}
	m->changed++;
	switch (chance(m, 10)) {
	case 0:			/* lost */
		break;
	case 1:			/* twice */
		emit(m, p, to);
		emit(m, p, to);
		break;
	case 2: {		/* after, or instead of, an old one of either direction */
		const struct packet *old = &m->past[chance(m, m->npast)];

		emit(m, old, old->to);
		if (chance(m, 4))
			emit(m, p, to);
		break;
	}
	case 3:			/* with an error in return */
		emit_icmp(m, p, from);
		if (chance(m, 2))
			emit(m, p, to);
		break;
	case 4:			/* an old one, changed */
		emit(m, p, to);
		emit_changed(m, &m->past[chance(m, m->npast)], chance(m, 2));
		break;
	case 5:
	case 6:			/* changed */
		emit_changed(m, p, to);
		break;
	case 7:			/* changed ones first */
		for (int i = chance(m, 3); i >= 0; i--)
			emit_changed(m, p, to);
		emit(m, p, to);
		break;
	default:		/* and after it */
		emit(m, p, to);
		emit_changed(m, p, to);
	}
}

/**
 * mangler_next() - what is to be delivered
 * @m: the mangler
 * @out: where it goes; @out->to says to which side
 *
 * Return: false when there is nothing more.
 */
bool mangler_next(struct mangler *m, struct packet *out)
{
	if (!m->nout)
		return false;
	m->nout--;
	*out = m->out[0];
	memmove(m->out, m->out + 1, m->nout * sizeof(*m->out));
	return true;
}
