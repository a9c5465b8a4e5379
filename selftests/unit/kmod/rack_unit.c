// SPDX-License-Identifier: GPL-2.0-or-later
/* RACK-TLP (RFC 8985): the order of sending, the reordering window, the probe */
#include "rack.h"
#include "unit.h"

static void test_order(void)
{
	EXPECT(linnet_rack_sent_after(2, 10, 1, 20), "later is after");
	EXPECT(!linnet_rack_sent_after(1, 20, 2, 10), "earlier is not");
	/* sent at once, as one super-segment: the order is that of the data */
	EXPECT(linnet_rack_sent_after(5, 20, 5, 10), "same time, higher");
	EXPECT(!linnet_rack_sent_after(5, 10, 5, 20), "same time, lower");
	EXPECT(!linnet_rack_sent_after(5, 10, 5, 10), "the same");
	/* sequence numbers wrap, microseconds do not */
	EXPECT(linnet_rack_sent_after(5, 3, 5, 0xfffffff0), "over the wrap");
	EXPECT(linnet_rack_sent_after(1ULL << 33, 1, 1ULL << 32, 2), "64 bits");
}

static void test_window(void)
{
	static const struct {
		__u32 min_rtt, srtt, steps;
		bool seen, urgent;
		__u32 want;
	} row[] = {
		/* RFC 8985, 6.2, step 4: min_RTT / 4 */
		{ 40000, 50000, 1, false, false, 10000 },
		{ 40000, 50000, 1, true, false, 10000 },
		{ 40000, 50000, 1, true, true, 10000 },
		/* no reordering seen: three duplicates, or recovery, decide */
		{ 40000, 50000, 1, false, true, 0 },
		{ 40000, 50000, 200, false, true, 0 },
		/* wider by DSACK, but never more than SRTT */
		{ 40000, 50000, 3, true, false, 30000 },
		{ 40000, 50000, 5, true, false, 50000 },
		{ 40000, 50000, 255, true, true, 50000 },
		/* no overflow: five minutes times 255 */
		{ 300000000, 4000000000U, 255, true, false, 4000000000U },
		{ 3, 100, 9, true, false, 0 },
	};
	unsigned int i;

	for (i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		__u32 got = linnet_rack_reo_wnd(row[i].min_rtt, row[i].srtt,
						row[i].steps, row[i].seen,
						row[i].urgent);

		EXPECT(got == row[i].want, "row %u: %u, not %u", i, got,
		       row[i].want);
	}
}

static void test_remaining(void)
{
	EXPECT(linnet_rack_remaining(100, 25, 0) == 125, "just sent");
	EXPECT(linnet_rack_remaining(100, 25, 124) == 1, "one left");
	EXPECT(linnet_rack_remaining(100, 25, 125) == 0, "due");
	EXPECT(linnet_rack_remaining(100, 25, 1000) == -875, "overdue");
	EXPECT(linnet_rack_remaining(0xffffffff, 0xffffffff, 0) > 0, "large");
	EXPECT(linnet_rack_remaining(0, 0, 1ULL << 40) < 0, "very old");
}

static void test_probe(void)
{
	EXPECT(linnet_tlp_pto(0, false, 200000, 1000000) == 1000000,
	       "without a round trip: the first RTO");
	EXPECT(linnet_tlp_pto(0, true, 200000, 1000000) == 1000000, "either way");
	EXPECT(linnet_tlp_pto(50000, true, 200000, 1000000) == 300000,
	       "one segment: the peer may delay its ACK");
	EXPECT(linnet_tlp_pto(50000, false, 200000, 1000000) ==
	       100000 + LINNET_RACK_TICK_US, "two round trips and a tick");
}

static const struct unit_test tests[] = {
	{ "rack: order of sending", test_order },
	{ "rack: reordering window", test_window },
	{ "rack: time left", test_remaining },
	{ "rack: probe timeout", test_probe },
};

UNIT_MAIN(tests)
