// SPDX-License-Identifier: GPL-2.0-or-later
/* The estimator of RFC 6298 against numbers reckoned by hand */
#include "rtt.h"
#include "unit.h"

#define MS	1000U
#define MIN	LINNET_RTO_MIN_US

/* SND.NXT of the round trip that goes on, and SND.UNA within it and after it */
#define NXT	1000U
#define WITHIN	1000U
#define AFTER	1001U

static __u32 rto_of(const struct linnet_rtt *rtt)
{
	return linnet_rtt_rto(rtt, LINNET_RTO_MAX_US);
}

static void test_first(void)
{
	struct linnet_rtt rtt = { 0 };

	EXPECT(rto_of(&rtt) == 1000 * MS, "no sample: %u", rto_of(&rtt));
	/* (2.2): SRTT = R, RTTVAR = R/2, RTO = R + 4 * R/2 */
	linnet_rtt_sample(&rtt, 100 * MS, 0, NXT, 0);
	EXPECT(rtt.srtt_us >> 3 == 100 * MS, "%u", rtt.srtt_us >> 3);
	EXPECT(rtt.mdev_us >> 2 == 50 * MS, "%u", rtt.mdev_us >> 2);
	EXPECT(rtt.rtt_seq == NXT, "%u", rtt.rtt_seq);
	EXPECT(rto_of(&rtt) == 300 * MS, "%u", rto_of(&rtt));
	/* the variation term has a lower bound */
	rtt = (struct linnet_rtt){ 0 };
	linnet_rtt_sample(&rtt, 10 * MS, 0, NXT, MIN);
	EXPECT(rto_of(&rtt) == 210 * MS, "%u", rto_of(&rtt));
	/* (5.7): what the handshake left counts as long as there is no sample */
	rtt = (struct linnet_rtt){ .rttvar_us = 3000 * MS };
	EXPECT(rto_of(&rtt) == 3000 * MS, "%u", rto_of(&rtt));
	EXPECT(linnet_rtt_rto(&rtt, 2999 * MS) == 2999 * MS, "bound");
}

/* SRTT <- 7/8 SRTT + 1/8 R', RTTVAR <- 3/4 RTTVAR + 1/4 |SRTT - R'| */
static void test_rising(void)
{
	static const struct {
		__u32 sample, srtt, rttvar;
	} row[] = {
		{ 100 * MS, 100000, 50000 },
		{ 180 * MS, 110000, 57500 },	/* |100 - 180| = 80 */
		{ 110 * MS, 110000, 43125 },	/* 0 */
		{ 510 * MS, 160000, 132343 },	/* 400 */
		{ 160 * MS, 160000, 99257 },	/* 0 */
	};
	struct linnet_rtt rtt = { 0 };

	for (int i = 0; i < sizeof(row) / sizeof(*row); i++) {
		linnet_rtt_sample(&rtt, row[i].sample, WITHIN, NXT, 0);
		EXPECT(rtt.srtt_us >> 3 == row[i].srtt, "row %d: %u", i, rtt.srtt_us >> 3);
		EXPECT(abs((int)(rtt.mdev_us >> 2) - (int)row[i].rttvar) <= 1, "row %d: %u", i,
		       rtt.mdev_us >> 2);
	}
	/* within a round trip the timeout keeps the largest deviation */
	EXPECT(rtt.rttvar_us / 4 == 132343, "%u", rtt.rttvar_us / 4);
	EXPECT(rto_of(&rtt) == 160 * MS + rtt.rttvar_us, "%u", rto_of(&rtt));
}

/* A sample far below SRTT widens the timeout an eighth as much as one above */
static void test_falling(void)
{
	struct linnet_rtt rtt = { 0 };

	linnet_rtt_sample(&rtt, 800 * MS, WITHIN, NXT, 0);
	/* 400 below, which is the mean deviation: nothing changes */
	linnet_rtt_sample(&rtt, 400 * MS, WITHIN, NXT, 0);
	EXPECT(rtt.srtt_us >> 3 == 750 * MS, "%u", rtt.srtt_us >> 3);
	EXPECT(rtt.mdev_us >> 2 == 400 * MS, "%u", rtt.mdev_us >> 2);
	/* 710 below, 310 above the mean deviation: an eighth of a quarter of that */
	linnet_rtt_sample(&rtt, 40 * MS, WITHIN, NXT, 0);
	EXPECT(rtt.srtt_us >> 3 == 661250, "%u", rtt.srtt_us >> 3);
	EXPECT(rtt.mdev_us == 4 * 400 * MS + 310 * MS / 8, "%u", rtt.mdev_us);
	/* 61.25 below, less than the mean deviation: it sinks by a quarter of the rest */
	linnet_rtt_sample(&rtt, 600 * MS, WITHIN, NXT, 0);
	EXPECT(rtt.mdev_us == 1638750 - (1638750 / 4 - 61250), "%u", rtt.mdev_us);
}

/* The variation term sinks by a quarter of the way, once a round trip */
static void test_round_trips(void)
{
	struct linnet_rtt rtt = { 0 };
	__u32 before;

	linnet_rtt_sample(&rtt, 1000 * MS, WITHIN, NXT, MIN);
	before = rtt.rttvar_us;
	EXPECT(before == 2000 * MS, "%u", before);
	for (int i = 0; i < 50; i++)
		linnet_rtt_sample(&rtt, 1000 * MS, WITHIN, 9000, MIN);
	EXPECT(rtt.rttvar_us == before && rtt.rtt_seq == NXT, "%u", rtt.rttvar_us);
	/* the round trip ends: its largest deviation was the first one */
	linnet_rtt_sample(&rtt, 1000 * MS, AFTER, 2 * NXT, MIN);
	EXPECT(rtt.rttvar_us == before && rtt.rtt_seq == 2 * NXT, "%u", rtt.rttvar_us);
	EXPECT(rtt.mdev_max_us == MIN, "%u", rtt.mdev_max_us);
	/* one without deviation: from 2000 a quarter of the way to the bound of 200 */
	linnet_rtt_sample(&rtt, 1000 * MS, 2 * NXT + 1, 3 * NXT, MIN);
	EXPECT(rtt.rttvar_us == 1550 * MS, "%u", rtt.rttvar_us);
	linnet_rtt_sample(&rtt, 1000 * MS, 3 * NXT + 1, 4 * NXT, MIN);
	EXPECT(rtt.rttvar_us == 1550 * MS - 1350 * MS / 4, "%u", rtt.rttvar_us);
	/* sequence numbers wrap */
	rtt.rtt_seq = 0xfffffff0;
	before = rtt.rttvar_us;
	linnet_rtt_sample(&rtt, 1000 * MS, 0xffffff00, 0x100, MIN);
	EXPECT(rtt.rttvar_us == before, "%u", rtt.rttvar_us);
	linnet_rtt_sample(&rtt, 1000 * MS, 0x10, 0x100, MIN);
	EXPECT(rtt.rttvar_us < before && rtt.rtt_seq == 0x100, "%u", rtt.rttvar_us);
}

/* Steady samples: SRTT is the sample, RTO comes down to it and the bound */
static void test_converges(void)
{
	static const __u32 samples[] = { 1, 2, 7, 50, 999, 40 * MS, 250 * MS, 3000 * MS,
					 30000 * MS };

	for (int i = 0; i < sizeof(samples) / sizeof(*samples); i++) {
		struct linnet_rtt rtt = { 0 };
		__u32 rto;

		linnet_rtt_sample(&rtt, samples[i] * 3, 0, 0, MIN);
		for (__u32 seq = 1; seq < 400; seq++)
			linnet_rtt_sample(&rtt, samples[i], seq, seq, MIN);
		rto = rto_of(&rtt);
		EXPECT(rtt.srtt_us >> 3 == samples[i], "%u: %u", samples[i], rtt.srtt_us >> 3);
		EXPECT(rto >= samples[i] + MIN && rto <= samples[i] + MIN + 4, "%u: %u",
		       samples[i], rto);
	}
}

/* Samples of any size, even those of a broken clock */
static void test_extremes(void)
{
	unsigned long rounds = unit_rounds(2000000);
	struct linnet_rtt rtt = { 0 };
	__u32 least = ~0U, most = 0;

	for (unsigned long i = 0; i < rounds && !unit_failed_here; i++) {
		__u32 sample = unit_any32(), seq = unit_any32(), rto;

		if (!unit_below(100))
			rtt = (struct linnet_rtt){ 0 };
		if (!unit_below(4))
			sample = unit_below(2) ? ~0U : 0;
		linnet_rtt_sample(&rtt, sample, seq, seq + unit_any32(), MIN);
		sample = sample < 1 ? 1 : sample < LINNET_RTO_MAX_US ? sample : LINNET_RTO_MAX_US;
		least = sample < least ? sample : least;
		most = sample > most ? sample : most;
		rto = rto_of(&rtt);
		EXPECT(rto >= MIN && rto <= LINNET_RTO_MAX_US, "round %lu: RTO %u", i, rto);
		EXPECT(rtt.srtt_us && rtt.srtt_us <= 8 * LINNET_RTO_MAX_US, "round %lu: SRTT %u/8",
		       i, rtt.srtt_us);
		EXPECT(rtt.mdev_us <= 4 * LINNET_RTO_MAX_US, "round %lu: %u", i, rtt.mdev_us);
		EXPECT(rtt.rttvar_us >= MIN && rtt.rttvar_us <= 4 * LINNET_RTO_MAX_US,
		       "round %lu: %u", i, rtt.rttvar_us);
		EXPECT(rto >= (rtt.srtt_us >> 3) || rto == LINNET_RTO_MAX_US, "round %lu: %u", i,
		       rto);
	}
	EXPECT(least == 1 && most == LINNET_RTO_MAX_US, "%u to %u", least, most);
}

/* Never outside of what was measured */
static void test_bounded_by_samples(void)
{
	unsigned long rounds = unit_rounds(3000);

	for (unsigned long i = 0; i < rounds && !unit_failed_here; i++) {
		__u32 low = 1 + unit_any32() % LINNET_RTO_MAX_US;
		__u32 high = low + unit_any32() % (LINNET_RTO_MAX_US - low + 1);
		struct linnet_rtt rtt = { 0 };

		for (__u32 seq = 0; seq < 100; seq++) {
			linnet_rtt_sample(&rtt, low + unit_below(high - low + 1), seq, seq + 10,
					  MIN);
			EXPECT(rtt.srtt_us >> 3 >= low - 1 && rtt.srtt_us >> 3 <= high,
			       "%u..%u: %u", low, high, rtt.srtt_us >> 3);
		}
	}
}

/* (5.5) */
static void test_backoff(void)
{
	static const struct {
		__u32 rto, times, want;
	} row[] = {
		{ 200 * MS, 0, 200 * MS },
		{ 200 * MS, 1, 400 * MS },
		{ 200 * MS, 2, 800 * MS },
		{ 200 * MS, 9, 102400 * MS },
		{ 200 * MS, 10, LINNET_RTO_MAX_US },
		{ 200 * MS, 31, LINNET_RTO_MAX_US },
		{ 200 * MS, 32, LINNET_RTO_MAX_US },
		{ 200 * MS, 255, LINNET_RTO_MAX_US },
		{ 200 * MS, ~0U, LINNET_RTO_MAX_US },
		{ 1, 26, 1U << 26 },
		{ 1, 27, LINNET_RTO_MAX_US },
		{ LINNET_RTO_MAX_US - 1, 0, LINNET_RTO_MAX_US - 1 },
		{ LINNET_RTO_MAX_US - 1, 1, LINNET_RTO_MAX_US },
		{ LINNET_RTO_MAX_US, 1, LINNET_RTO_MAX_US },
		{ LINNET_RTO_MAX_US + 1, 0, LINNET_RTO_MAX_US },
		{ ~0U, 1, LINNET_RTO_MAX_US },
	};

	for (int i = 0; i < sizeof(row) / sizeof(*row); i++) {
		__u32 got = linnet_rto_backoff(row[i].rto, row[i].times, LINNET_RTO_MAX_US);

		EXPECT(got == row[i].want, "%u us, %u times: %u", row[i].rto, row[i].times, got);
	}
	EXPECT(linnet_rto_backoff(200 * MS, 2, 1000 * MS) == 800 * MS, "below a lower bound");
	EXPECT(linnet_rto_backoff(200 * MS, 3, 1000 * MS) == 1000 * MS, "at a lower bound");
	EXPECT(linnet_rto_backoff(3000 * MS, 0, 1000 * MS) == 1000 * MS, "above a lower bound");
}

static const struct unit_test tests[] = {
	{ "rtt: first sample", test_first },
	{ "rtt: rising samples", test_rising },
	{ "rtt: falling samples", test_falling },
	{ "rtt: once a round trip", test_round_trips },
	{ "rtt: steady samples", test_converges },
	{ "rtt: extreme samples", test_extremes },
	{ "rtt: within what was measured", test_bounded_by_samples },
	{ "rtt: back-off", test_backoff },
};

UNIT_MAIN(tests)
