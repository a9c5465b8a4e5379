// SPDX-License-Identifier: GPL-2.0-or-later
/* Proportional Rate Reduction (RFC 9937), one ACK at a time and whole recoveries */
#include "prr.h"
#include "unit.h"

static void test_cases(void)
{
	static const struct {
		__u32	in_flight, ssthresh, prior, delivered, prr_delivered, prr_out;
		bool	progress, fast;
		__u32	want;
	} row[] = {
		/* in proportion: ceil(prr_delivered * 10 / 20) - prr_out */
		{ 18, 10, 20, 1, 1, 0, false, false, 1 },
		{ 18, 10, 20, 1, 2, 1, false, false, 0 },
		{ 17, 10, 20, 1, 3, 1, false, false, 1 },
		{ 15, 10, 20, 4, 8, 2, false, false, 2 },
		/* 7 of 10, as CUBIC has it */
		{ 9, 7, 10, 1, 1, 0, false, false, 1 },
		{ 9, 7, 10, 1, 2, 1, false, false, 1 },
		{ 9, 7, 10, 1, 3, 2, false, false, 1 },
		{ 9, 7, 10, 1, 4, 3, false, false, 0 },
		{ 9, 7, 10, 1, 10, 7, false, false, 0 },
		/* more sent than due: nothing */
		{ 18, 10, 20, 1, 4, 6, false, false, 0 },
		{ 18, 10, 20, 1, 4, 0xffff, true, false, 0 },
		/* the first one of a recovery goes at once */
		{ 18, 10, 20, 0, 0, 0, false, true, 1 },
		{ 10, 10, 20, 0, 0, 0, false, true, 1 },
		{ 18, 10, 20, 6, 6, 0, false, true, 3 },
		/* at ssthresh nothing more, though more was delivered */
		{ 10, 10, 20, 1, 12, 6, true, false, 0 },
		/* below: what was delivered, and one more when all is well */
		{ 4, 10, 20, 1, 16, 16, false, false, 1 },
		{ 4, 10, 20, 1, 16, 16, true, false, 2 },
		{ 4, 10, 20, 3, 16, 16, true, false, 4 },
		/* below: what was not sent before, if that is more */
		{ 4, 10, 20, 1, 16, 12, false, false, 4 },
		{ 4, 10, 20, 1, 16, 12, true, false, 5 },
		/* but never past ssthresh */
		{ 4, 10, 20, 9, 16, 0, true, false, 6 },
		{ 9, 10, 20, 3, 16, 0, true, false, 1 },
		{ 0, 2, 20, 20, 20, 0, true, false, 2 },
		/* nothing left in flight, nothing delivered: one keeps it going */
		{ 0, 10, 20, 0, 0, 0, true, false, 1 },
		/* no window is known from before */
		{ 5, 2, 0, 1, 1, 0, false, false, 2 },
		/* ssthresh unknown: slow start */
		{ 100, 0x7fffffff, 200, 3, 100, 100, true, false, 4 },
		{ 0, 0x7fffffff, 200, 3, 100, 100, false, false, 3 },
		/* no product is too large */
		{ 0x40000000, 0x20000000, 0x40000000, 1, 0x40000000, 0x1fffffff, false, false, 1 },
		{ 0x40000000, 0x3fffffff, 0x40000000, 1, 0x40000000, 0x3ffffff0, false, false, 15 },
	};

	for (int i = 0; i < sizeof(row) / sizeof(*row); i++) {
		__u32 got = linnet_prr_sndcnt(row[i].in_flight, row[i].ssthresh, row[i].prior,
					      row[i].delivered, row[i].prr_delivered,
					      row[i].prr_out, row[i].progress, row[i].fast);

		EXPECT(got == row[i].want, "row %d: %u, not %u", i, got, row[i].want);
	}
}

static void test_bounds(void)
{
	unsigned long rounds = unit_rounds(3000000), above = 0, below = 0;

	for (unsigned long i = 0; i < rounds && !unit_failed_here; i++) {
		__u32 prior = 1 + (unit_random() >> 34 >> unit_below(30));
		__u32 ssthresh = 1 + unit_below(prior);
		__u32 in_flight = unit_below(prior + 1);
		__u32 prr_delivered = 1 + unit_below(prior);
		__u32 delivered = 1 + unit_below(prr_delivered);
		__u32 prr_out = unit_below(prior + 1) >> unit_below(31);
		bool progress = unit_below(2), fast = !prr_out && unit_below(2);
		__u32 n = linnet_prr_sndcnt(in_flight, ssthresh, prior, delivered, prr_delivered,
					    prr_out, progress, fast);
		__u64 due = ((__u64)prr_delivered * ssthresh + prior - 1) / prior;

#define CASE "in_flight %u ssthresh %u prior %u delivered %u of %u out %u, %d %d: %u", in_flight, \
	ssthresh, prior, delivered, prr_delivered, prr_out, progress, fast, n
		if (in_flight > ssthresh) {
			above++;
			/* all that is sent in this recovery is what is due, no more */
			EXPECT((__u64)prr_out + n == due || (due < prr_out && !n) ||
			       (due == prr_out && n == fast), CASE);
		} else {
			below++;
			EXPECT(in_flight + n <= ssthresh || n == fast, CASE);
			EXPECT(n >= delivered || in_flight + n >= ssthresh, CASE);
			EXPECT(progress || n <= delivered || n + prr_out <= prr_delivered ||
			       n == fast, CASE);
		}
#undef CASE
	}
	EXPECT(above > rounds / 10 && below > rounds / 10, "%lu above, %lu below", above, below);
}

struct recovery {
	__u32	prior, ssthresh, in_flight;
	__u32	delivered, out;
	__u32	longest_burst;
};

static __u32 ack(struct recovery *r, __u32 delivered, bool progress, bool fast)
{
	__u32 n;

	r->in_flight -= delivered;
	r->delivered += delivered;
	n = linnet_prr_sndcnt(r->in_flight, r->ssthresh, r->prior, delivered, r->delivered,
			      r->out, progress, fast && !r->out);
	r->in_flight += n;
	r->out += n;
	if (n > r->longest_burst)
		r->longest_burst = n;
	return n;
}

/* A window of @prior, of which @lost are lost, one ACK for each other segment */
static void recover(struct recovery *r, __u32 prior, __u32 ssthresh, __u32 lost)
{
	*r = (struct recovery){ .prior = prior, .ssthresh = ssthresh, .in_flight = prior - lost };
	for (__u32 i = 0; i < prior - lost; i++)
		ack(r, 1, false, i == 0);
}

/* One loss and half the window: every second ACK lets a segment out, and the
 * recovery ends at ssthresh.
 */
static void test_one_loss(void)
{
	struct recovery r = { .prior = 20, .ssthresh = 10, .in_flight = 19 };

	for (__u32 i = 0; i < 19; i++) {
		__u32 n = ack(&r, 1, false, i == 0);

		/* with what the retransmission brings, ten are in flight soon */
		if (r.in_flight > r.ssthresh)
			EXPECT(n == (i % 2 == 0), "ACK %u: %u", i + 1, n);
		EXPECT(n <= 1, "ACK %u: a burst of %u", i + 1, n);
	}
	EXPECT(r.in_flight == 10 && r.out == 10, "%u in flight, %u sent", r.in_flight, r.out);
}

static void test_recoveries(void)
{
	for (__u32 prior = 4; prior <= 200; prior += 1 + prior / 10)
	for (__u32 ssthresh = 2; ssthresh <= prior; ssthresh += 1 + prior / 20)
	for (__u32 lost = 1; lost < prior; lost += 1 + prior / 15) {
		struct recovery r;
		__u32 share;

		recover(&r, prior, ssthresh, lost);
#define CASE "cwnd %u, ssthresh %u, %u lost: %u sent for %u, %u in flight", prior, ssthresh, \
	lost, r.out, r.delivered, r.in_flight
		EXPECT(r.delivered == prior - lost, CASE);
		/* never more put in than came out, and at the end at ssthresh or,
		 * when more was lost than the reduction, below it
		 */
		EXPECT(r.out <= r.delivered + 1, CASE);
		EXPECT(r.in_flight <= ssthresh, CASE);
		/* few lost: the sum is the share of the window that is left */
		share = ((__u64)r.delivered * ssthresh + prior - 1) / prior;
		if (lost <= prior - ssthresh) {
			EXPECT(r.in_flight + lost + 1 >= ssthresh, CASE);
			EXPECT(r.out >= share, CASE);
		} else {
			/* many lost: conservation of packets, one out for one in */
			EXPECT(r.out == r.delivered, CASE);
			EXPECT(r.in_flight == prior - lost, CASE);
		}
		/* one ACK a segment: no bursts */
		EXPECT(r.longest_burst <= 2, CASE);
#undef CASE
	}
}

/* After great losses each ACK that makes progress lets one more out than it
 * took in, up to ssthresh and not past it
 */
static void test_slow_start(void)
{
	struct recovery r = { .prior = 100, .ssthresh = 50, .in_flight = 5 };
	__u32 before = r.in_flight;

	for (int i = 0; i < 100; i++) {
		ack(&r, 1, true, i == 0);
		EXPECT(r.in_flight == (before < 50 ? before + 1 : 50), "ACK %d: %u", i,
		       r.in_flight);
		before = r.in_flight;
	}
	EXPECT(r.in_flight == 50 && r.longest_burst == 2, "%u, bursts of %u", r.in_flight,
	       r.longest_burst);
}

/* ACKs that tell of many at once, or were lost: the sum stays the same */
static void test_stretch(void)
{
	unsigned long rounds = unit_rounds(50000);

	for (unsigned long i = 0; i < rounds && !unit_failed_here; i++) {
		__u32 prior = 10 + unit_below(1000), ssthresh = 2 + unit_below(prior - 2);
		struct recovery r = { prior, ssthresh, prior - 1, 0, 0, 0 };

		while (r.delivered < prior - 1 && r.in_flight) {
			__u32 most = prior - 1 - r.delivered, n = 1 + unit_below(most);

			if (n > r.in_flight)
				n = r.in_flight;
			ack(&r, n, unit_below(2), true);
			EXPECT(r.in_flight <= prior, "%u of %u", r.in_flight, prior);
		}
		EXPECT(r.in_flight <= ssthresh + 1, "cwnd %u ssthresh %u: %u", prior, ssthresh,
		       r.in_flight);
		EXPECT(r.out <= prior, "cwnd %u: %u sent", prior, r.out);
	}
}

static const struct unit_test tests[] = {
	{ "prr: one ACK", test_cases },
	{ "prr: bounds of one ACK", test_bounds },
	{ "prr: one loss", test_one_loss },
	{ "prr: whole recoveries", test_recoveries },
	{ "prr: slow start after great losses", test_slow_start },
	{ "prr: ACKs of many segments", test_stretch },
};

UNIT_MAIN(tests)
