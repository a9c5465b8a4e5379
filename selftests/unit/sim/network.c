// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The network: what is lost, late, twice, out of order or damaged, all of it
 * drawn from one seed. A host's device sends at a rate and keeps the buffer
 * until it has gone; behind it a router with a queue, and a wire.
 */
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/ip.h>
#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <net/inet_ecn.h>

#include "linnet.h"
#include "sim.h"

#define DEVICE_RATE	(10 * 1000000000ULL)	/* bits a second */
#define DEVICE_QUEUE	1000			/* buffers */

struct wire wires[HOSTS];
struct network_count network_count;
struct sim_random network_random;
bool network_trace;

/* What a direction remembers */
static struct direction {
	u64	device_free;
	u32	in_device;
	u64	router_free;
	u64	last_arrival;
	u64	count;
	u64	burst_until;
} directions[HOSTS];

/* A datagram on the wire */
struct flight {
	struct host		*to;
	struct segment_octets	*o;
	u16			gso_size;
};

unsigned int host_segment(struct host *h, struct sk_buff *skb,
			  struct segment_octets **out, unsigned int room,
			  u16 *gso_size);

void network_reset(void)
{
	memset(directions, 0, sizeof(directions));
	memset(wires, 0, sizeof(wires));
}

/* --- the ladder: host 0 on the left --- */

static void print_options(const struct linnet_options *opt)
{
	int i;

	if (opt->mss)
		printf(" mss=%u", opt->mss);
	if (opt->wscale_ok)
		printf(" wscale=%u", opt->wscale);
	if (opt->sack_permitted)
		printf(" sackok");
	if (opt->timestamp)
		printf(" ts=%u/%u", opt->tsval, opt->tsecr);
	for (i = 0; i < opt->n_sack; i++)
		printf(" sack=%u-%u", opt->sack[i].start, opt->sack[i].end);
}

static void ladder(const struct host *from, const u8 *datagram, u32 len,
		   const char *what)
{
	static const char names[] = "FSRPAUEC";
	u32 ip = datagram_header(datagram);
	const struct linnet_header *h = (const void *)(datagram + ip);
	bool right = from == &hosts[0];
	struct linnet_options opt;
	struct end *e;
	u32 base = 0, ack_base = 0;
	int i;

	if (!network_trace || len < ip + LINNET_HEADER_LEN ||
	    len < ip + linnet_header_len(h))
		return;
	e = end_of(from, ntohs(h->source), ntohs(h->dest));
	if (e) {
		base = e->isn;
		ack_base = e->peer->isn;
	}
	linnet_options_parse((const u8 *)(h + 1),
			     linnet_header_len(h) - LINNET_HEADER_LEN,
			     h->flags & LINNET_SYN, &opt);
	printf("# %12.6f  %s%u-%u%s ", (double)(clock_now - 1000 * NS_PER_S) / 1e9,
	       right ? "" : "                                        <-- ",
	       ntohs(h->source), ntohs(h->dest), right ? " -->" : "");
	for (i = 0; i < 8; i++)
		if (h->flags & 1 << i)
			printf("%c", names[i]);
	printf(" seq=%u len=%u", ntohl(h->seq) - base,
	       len - ip - linnet_header_len(h));
	if (h->flags & LINNET_ACK)
		printf(" ack=%u", ntohl(h->ack_seq) - ack_base);
	printf(" wnd=%u", ntohs(h->window));
	print_options(&opt);
	if (datagram_ecn(datagram))
		printf(datagram_ecn(datagram) == INET_ECN_CE ? " CE" : " ECT");
	printf("%s%s\n", *what ? "  ** " : "", what);
}

/* --- on the wire --- */

static void arrives(void *arg)
{
	struct flight *f = arg;

	check_delivered(f->to, f->o->data, f->o->len);
	host_receive(f->to, f->o->data, f->o->len, f->gso_size);
	free(f->o);
	free(f);
	check_all();
}

static void fly(struct host *from, const struct segment_octets *o, u16 gso_size,
		u64 at)
{
	struct flight *f = malloc(sizeof(*f));

	f->to = from == &hosts[0] ? &hosts[1] : &hosts[0];
	f->o = malloc(sizeof(*o) + o->len);
	memcpy(f->o, o, sizeof(*o) + o->len);
	f->gso_size = gso_size;
	clock_at(at, arrives, f);
}

static bool lost(const struct wire *p, struct direction *d, bool data)
{
	d->count++;
	if (random_chance(&network_random, p->burst))
		d->burst_until = clock_now +
				 random_u64(&network_random) % p->burst_for;
	if (d->burst_until > clock_now ||
	    random_chance(&network_random, p->loss))
		return true;
	if (!data && random_chance(&network_random, p->ack_loss))
		return true;
	if (d->count <= p->lose_first)
		return true;
	return p->nth && d->count % p->nth == 0;
}

struct too_big {
	struct host	*to;
	u32		mtu;
	u8		datagram[48];
};

static void tell_mtu(void *arg)
{
	struct too_big *t = arg;

	if (datagram_v6(t->datagram))
		host_told(t->to, t->datagram, ICMPV6_PKT_TOOBIG, 0, t->mtu);
	else
		host_told(t->to, t->datagram, ICMP_DEST_UNREACH,
			  ICMP_FRAG_NEEDED, t->mtu);
	free(t);
	check_all();
}

static void too_big(struct host *from, const struct segment_octets *o,
		    const struct wire *p)
{
	struct too_big *t;

	if (!p->icmp)
		return;
	t = malloc(sizeof(*t));
	t->to = from;
	t->mtu = p->mtu;
	memcpy(t->datagram, o->data, sizeof(t->datagram));
	clock_at(clock_now + p->delay, tell_mtu, t);
}

static bool asks_for_ecn(const struct linnet_header *h)
{
	const u8 ask = LINNET_SYN | LINNET_ECE | LINNET_CWR;

	return (h->flags & ask) == ask;
}

/* What the router does to the two bits (RFC 3168, 5): @waits octets are before
 * this datagram
 */
static void mark(const struct wire *p, u8 *datagram, u64 waits)
{
	if (!datagram_ecn(datagram))
		return;
	if (p->bleaches) {
		datagram_set_ecn(datagram, INET_ECN_NOT_ECT);
		return;
	}
	if (random_chance(&network_random, p->mark) ||
	    (p->mark_above && waits > p->mark_above)) {
		datagram_set_ecn(datagram, INET_ECN_CE);
		network_count.marked++;
	}
}

static void route(struct host *from, struct segment_octets *o, u16 gso_size)
{
	const struct wire *p = &wires[from - hosts];
	struct direction *d = &directions[from - hosts];
	u32 ip = datagram_header(o->data);
	const struct linnet_header *h = (const void *)(o->data + ip);
	u32 headers = ip + linnet_header_len(h);
	u64 at = clock_now, waits = 0;

	network_count.segments += gso_size ?
		DIV_ROUND_UP(o->len - headers, gso_size) : 1;
	if (p->mtu && (gso_size ? gso_size + headers : o->len) > p->mtu) {
		ladder(from, o->data, o->len, "too big");
		network_count.too_big++;
		too_big(from, o, p);
		return;
	}
	if ((p->drops_ect && datagram_ecn(o->data)) ||
	    (p->refuses_ecn && asks_for_ecn(h))) {
		network_count.lost++;
		ladder(from, o->data, o->len, "no ECN here");
		return;
	}
	if (lost(p, d, o->len > headers)) {
		network_count.lost++;
		ladder(from, o->data, o->len, "lost");
		return;
	}
	if (p->rate) {
		u64 start = max(d->router_free, at);

		if (p->queue && (start - at) * p->rate / 8 / NS_PER_S >
				p->queue) {
			network_count.lost++;
			ladder(from, o->data, o->len, "queue full");
			return;
		}
		waits = (start - at) * p->rate / 8 / NS_PER_S;
		d->router_free = start + o->len * 8ULL * NS_PER_S / p->rate;
		at = d->router_free;
	}
	mark(p, o->data, waits);
	at += p->delay;
	if (p->jitter)
		at += random_u64(&network_random) % p->jitter;
	if (!p->reorders)
		at = max(at, d->last_arrival);
	d->last_arrival = max(at, d->last_arrival);
	if (random_chance(&network_random, p->late)) {
		at += p->late_by;
		ladder(from, o->data, o->len, "late");
	} else {
		ladder(from, o->data, o->len, "");
	}
	if (random_chance(&network_random, p->duplicate)) {
		network_count.duplicated++;
		fly(from, o, gso_size, at + random_below(&network_random,
							 p->delay + 1000));
	}
	/* nobody sums what goes whole */
	if (!gso_size && random_chance(&network_random, p->corrupt)) {
		network_count.corrupted++;
		o->data[ip + random_below(&network_random, o->len - ip)] ^=
			1 << random_below(&network_random, 8);
	}
	fly(from, o, gso_size, at);
}

/* --- the device --- */

struct sending {
	struct host	*from;
	struct sk_buff	*skb;
};

static void sent(void *arg)
{
	struct sending *s = arg;
	struct host *from = s->from;
	struct segment_octets *o[64];
	unsigned int n, i;
	u32 fail_rate = memory_fail_rate;
	u16 gso_size;

	/* the wire needs no memory */
	memory_fail_rate = 0;
	n = host_segment(from, s->skb, o, ARRAY_SIZE(o), &gso_size);
	memory_fail_rate = fail_rate;
	directions[from - hosts].in_device--;
	kfree_skb(s->skb);
	free(s);
	for (i = 0; i < n; i++) {
		route(from, o[i], gso_size);
		free(o[i]);
	}
	check_all();
}

/**
 * network_output() - a host sends
 * @from: which
 * @skb: with its IP header; consumed
 *
 * Return: 0 or NET_XMIT_DROP.
 */
int network_output(struct host *from, struct sk_buff *skb)
{
	struct direction *d = &directions[from - hosts];
	struct sending *s;

	check_sent(from, skb);
	if (d->in_device >= DEVICE_QUEUE) {
		kfree_skb(skb);
		return NET_XMIT_DROP;
	}
	s = malloc(sizeof(*s));
	s->from = from;
	s->skb = skb;
	d->in_device++;
	d->device_free = max(d->device_free, clock_now) +
			 skb->len * 8ULL * NS_PER_S / DEVICE_RATE;
	clock_at(d->device_free, sent, s);
	return 0;
}
