// SPDX-License-Identifier: GPL-2.0-or-later
/* The arithmetic of windows */
#include "flow.h"
#include "unit.h"

static void test_space(void)
{
	EXPECT(linnet_window_by_scale(-1, 1) == 0, "negative");
	EXPECT(linnet_window_by_scale(-2147483647 - 1, 1) == 0, "most negative");
	EXPECT(linnet_window_by_scale(0, 1) == 0, "none");
	EXPECT(linnet_window_by_scale(131072, 1) == 65536, "half");
	EXPECT(linnet_window_by_scale(131071, 1) == 65536, "half, odd");
	EXPECT(linnet_window_by_scale(131072, 2) == 98304, "three quarters");
	EXPECT(linnet_window_by_scale(131072, 0) == 131072, "all");
	EXPECT(linnet_window_by_scale(131072, -2) == 32768, "a quarter");
	EXPECT(linnet_window_by_scale(131072, -31) == 0, "nothing");
	EXPECT(linnet_window_by_scale(2147483647, 31) == 2147483647, "most");
	EXPECT(linnet_window_by_ratio(-1, 255) == 0, "negative");
	EXPECT(linnet_window_by_ratio(131072, LINNET_RATIO_DEFAULT) == 65536, "half");
	EXPECT(linnet_window_by_ratio(131072, 255) == 130560, "nearly all");
	EXPECT(linnet_window_by_ratio(2147483647, 255) == 2139095039, "most");
	EXPECT(linnet_window_by_ratio(255, 1) == 0, "too little");
}

static void test_first(void)
{
	static const struct {
		__u32	space, mss, most, segments, want;
	} row[] = {
		/* Ethernet, default buffers: Linux's 64240 */
		{ 65536, 1460, 65535, 0, 64240 },
		/* loopback */
		{ 65536, 65483, 65535, 0, 65483 },
		/* less than a segment: all of it */
		{ 1000, 1460, 65535, 0, 1000 },
		{ 0, 1460, 65535, 0, 0 },
		{ 1000000, 1460, 65535, 0, 65535 },
		{ 1000000, 1460, 32767, 0, 32767 },
		{ 1000000, 1460, ~0U, 0, 998640 },
		/* the route's bound */
		{ 65536, 1460, 65535, 10, 14600 },
		{ 5000, 1460, 65535, 10, 4380 },
		{ 65536, 1460, 65535, ~0U, 64240 },
		/* nobody told a size */
		{ 65536, 0, 65535, 0, 65535 },
	};

	for (int i = 0; i < sizeof(row) / sizeof(*row); i++) {
		__u32 got = linnet_first_window(row[i].space, row[i].mss, row[i].most,
						row[i].segments);

		EXPECT(got == row[i].want, "row %d: %u, not %u", i, got, row[i].want);
	}
}

static void test_growth(void)
{
	static const struct {
		__u32	len, cost, limit, most, advmss, mss, want;
	} row[] = {
		/* no dearer than assumed: two segments, or twice what came */
		{ 1448, 1448, 65536, 3145728, 1460, 1448, 2920 },
		{ 1448, 1000, 3000000, 3145728, 1460, 1448, 2920 },
		{ 14480, 14000, 65536, 3145728, 1460, 1448, 28960 },
		/* up to twice as dear: while the window is below half */
		{ 1448, 1449, 65536, 3145728, 1460, 1000, 2896 },
		{ 1448, 2896, 1572864, 3145728, 1460, 1448, 2896 },
		{ 1448, 2896, 1572865, 3145728, 1460, 1448, 0 },
		/* up to four times: below a quarter */
		{ 1448, 2898, 786432, 3145728, 1460, 1448, 2896 },
		{ 1448, 2898, 786433, 3145728, 1460, 1448, 0 },
		/* nothing but cost */
		{ 1, 65536, 65536, 3145728, 1460, 1448, 0 },
		{ 0, 1, 0, 0, 1460, 1448, 2896 },
		{ 0, ~0U, 1, 0, 1460, 1448, 0 },
	};

	for (int i = 0; i < sizeof(row) / sizeof(*row); i++) {
		__u32 got = linnet_window_growth(row[i].len, row[i].cost, row[i].limit,
						 row[i].most, row[i].advmss, row[i].mss);

		EXPECT(got == row[i].want, "row %d: %u, not %u", i, got, row[i].want);
	}
}

static void test_goal(void)
{
	/* as much as before: twice that and a cushion */
	EXPECT(linnet_rcv_window_goal(100000, 100000, 23360, 0, 0) == 223360, "steady");
	/* twice as much: twice as much again, and again */
	EXPECT(linnet_rcv_window_goal(200000, 100000, 23360, 0, 0) == 3 * 423360, "doubled");
	/* on a short path nobody asks how much it grew */
	EXPECT(linnet_rcv_window_goal(200000, 100000, 0, 250, 1000) == 500000, "short");
	EXPECT(linnet_rcv_window_goal(200000, 100000, 0, 0, 1000) == 400000, "none");
	EXPECT(linnet_rcv_window_goal(200000, 100000, 0, 1000, 1000) == 1200000, "long");
	EXPECT(linnet_rcv_window_goal(1, 1, 0, 0, 0) == 2, "least");
	EXPECT(linnet_rcv_window_goal(1 << 30, 1, 1 << 20, 0, 0) > 1ULL << 60, "most");
	EXPECT(linnet_rcv_window_goal(0x7fffffff, 1, 0, 0x7ffffffe, 0x7fffffff) > 1ULL << 32, "longest");
}

/* The least shift that lets 16 bits tell the space, 14 at most */
static void test_wscale(void)
{
	static const struct {
		__u32	space;
		__u8	shift;
	} row[] = {
		{ 0, 0 }, { 65535, 0 }, { 65536, 1 }, { 131071, 1 }, { 131072, 2 },
		{ 3145728, 6 }, { 0x3fffffff, 14 }, { 0x40000000, 14 }, { ~0U, 14 },
	};

	for (int i = 0; i < sizeof(row) / sizeof(*row); i++) {
		__u8 shift = linnet_wscale_for(row[i].space);

		EXPECT(shift == row[i].shift, "%u: %u", row[i].space, shift);
	}
	for (int i = 0; i < 100000; i++) {
		__u32 space = unit_any32();
		__u8 shift = linnet_wscale_for(space);

		EXPECT(shift <= 14, "%u: %u", space, shift);
		EXPECT(shift == 14 || space >> shift <= 65535, "%u: %u is too little", space,
		       shift);
		EXPECT(!shift || space >> (shift - 1) > 65535, "%u: %u is too much", space, shift);
	}
}

/* A window on its own: nothing else bounds it, and what was told is on offer */
static __u32 select5(__u32 offered, __u32 free, __u32 full, __u32 mss, __u8 wscale)
{
	struct linnet_window w = {
		.offered = offered, .told = offered, .free = free, .allowed = full,
		.full = full, .limit = ~0U, .mss = mss, .wscale = wscale,
	};

	return linnet_window_select(&w);
}

static void test_select(void)
{
	static const struct {
		__u32	offered, free, full, mss;
		__u8	wscale;
		__u32	want;
	} row[] = {
		/* an empty buffer: whole segments, or whole units of the scale */
		{ 0, 65535, 65535, 1460, 0, 44 * 1460 },
		{ 0, 65535, 65535, 1460, 7, 512 * 128 },
		/* what was offered stands, to the byte */
		{ 5000, 100, 65535, 1460, 0, 5000 },
		{ 5000, 0, 65535, 1460, 0, 5000 },
		/* or rounded up, since the scale cannot tell it */
		{ 5000, 100, 65535, 1460, 7, 40 * 128 },
		{ 5120, 100, 65535, 1460, 7, 40 * 128 },
		/* closed: less than a segment */
		{ 0, 1459, 16000, 1460, 0, 0 },
		{ 0, 1460, 16000, 1460, 0, 1460 },
		{ 0, 1459, 16000, 1460, 7, 0 },
		/* rounded down first: the scale must not make it more */
		{ 0, 1460, 16000, 1460, 7, 0 },
		{ 0, 1536, 16000, 1460, 7, 12 * 128 },
		/* closed: less than a sixteenth of the buffer */
		{ 0, 4095, 65536, 1460, 0, 0 },
		{ 0, 4096, 65536, 1460, 0, 2 * 1460 },
		{ 0, 4095, 65536, 1460, 7, 0 },
		{ 0, 4096, 65536, 1460, 7, 4096 },
		/* silly window: it grows when a whole segment more has room */
		{ 2920, 4379, 65535, 1460, 0, 2920 },
		{ 2920, 4380, 65535, 1460, 0, 4380 },
		{ 2920, 5839, 65535, 1460, 0, 4380 },
		/* a buffer smaller than a segment: the whole of it */
		{ 0, 1000, 1000, 1460, 0, 1000 },
		{ 0, 501, 1000, 1460, 0, 501 },
		{ 0, 500, 1000, 1460, 0, 0 },
		/* a size of segments that nobody has told yet */
		{ 0, 777, 1000, 0, 0, 777 },
		{ 0, 0, 0, 1460, 0, 0 },
		{ 0, 0, 0, 1460, 7, 0 },
		{ 0, 0, 0, 0, 14, 0 },
		/* a buffer smaller than a unit of the scale still has a window */
		{ 0, 8000, 8000, 1460, 14, 16384 },
		{ 0, 1459, 8000, 1460, 14, 0 },
		/* the largest there is */
		{ 0, 0x3fffffff, 0x3fffffff, 65535, 14, 65536 << 14 },
		{ 65535 << 14, 0, 0x3fffffff, 65535, 14, 65535 << 14 },
	};

	for (int i = 0; i < sizeof(row) / sizeof(*row); i++) {
		__u32 got = select5(row[i].offered, row[i].free, row[i].full, row[i].mss,
				    row[i].wscale);

		EXPECT(got == row[i].want, "row %d: %u, not %u", i, got, row[i].want);
	}
}

static void test_select_random(void)
{
	unsigned long rounds = unit_rounds(3000000), grew = 0, closed = 0, kept = 0;

	for (unsigned long i = 0; i < rounds && !unit_failed_here; i++) {
		__u8 wscale = unit_below(15);
		__u32 unit = 1U << wscale;
		__u32 full = (unit_random() >> 34) >> unit_below(31);
		__u32 free = unit_below(4) ? unit_below(full + 1) : full;
		__u32 mss = unit_below(65536) >> unit_below(8);
		__u32 offered = unit_below(3) ? unit_below(full + 1) : 0;
		__u32 window, segment;

		window = select5(offered, free, full, mss, wscale);
		segment = mss < full ? mss : full;
#define CASE "offered %u free %u full %u mss %u wscale %u: %u", offered, free, full, mss, wscale, \
	window
		EXPECT(window >= offered, CASE);
		if (!wscale)
			EXPECT(window <= (free > offered ? free : offered), CASE);
		else
			EXPECT(window % unit == 0, CASE);
		/* past what is free: the offer or what is free, in units */
		if (window > free)
			EXPECT(window - offered < unit || window - free < unit, CASE);
		/* opened from nothing: worth a segment and a sixteenth, or half */
		if (!offered && window)
			EXPECT(free >= full / 2 || (free >= segment && free >= full / 16), CASE);
		/* without a scale, in steps of whole segments, if more than one fits */
		if (!wscale && window > offered && segment && segment < full)
			EXPECT(window % segment == 0 && window + segment > free, CASE);
		/* an empty buffer never stays closed: the peer could wait for ever */
		if (free == full && full)
			EXPECT(window, CASE);
		/* and what has room for a segment more is told */
		if (!wscale && free >= full / 16 && free >= offered + segment)
			EXPECT(window + (segment ? segment : 1) > free, CASE);
		grew += window > offered;
		closed += !window;
		kept += window == offered;
	}
#undef CASE
	EXPECT(grew > rounds / 10 && closed > rounds / 100 && kept > rounds / 100,
	       "%lu %lu %lu of %lu", grew, closed, kept, rounds);
}

/* A receiver's life: the right edge never moves to the left */
static void test_edge(void)
{
	unsigned long rounds = unit_rounds(20000);

	for (unsigned long i = 0; i < rounds && !unit_failed_here; i++) {
		__u8 wscale = unit_below(3) ? unit_below(15) : 0;
		__u32 full = (unit_random() >> 34) >> unit_below(31);
		__u32 nxt = unit_any32(), edge = nxt, used = 0;

		for (int step = 0; step < 50; step++) {
			__u32 before = edge, offered = edge - nxt, free, got;

			got = unit_below(offered + 1);	/* the peer sends */
			nxt += got;
			offered -= got;
			used += got;
			used -= unit_below(used + 1);	/* the user reads */
			free = used < full ? full - used : 0;
			edge = nxt + select5(offered, free, full, 1460, wscale);
			EXPECT(!seq_before(edge, before), "full %u wscale %u: back by %u", full,
			       wscale, before - edge);
			EXPECT((edge - nxt) % (1U << wscale) == 0, "wscale %u: %u", wscale,
			       edge - nxt);
		}
	}
}

/* What bounds the window beside the buffer */
static void test_bounds(void)
{
	struct linnet_window w = {
		.told = 0, .free = 65536, .allowed = 65536, .full = 65536, .limit = 20000,
		.mss = 1460, .wscale = 7,
	};

	EXPECT(linnet_window_wanted(&w) == 20096, "rcv_ssthresh, in units");
	w.wscale = 0;
	EXPECT(linnet_window_wanted(&w) == 18980, "rcv_ssthresh, in segments");
	w.wscale = 7;
	w.limit = ~0U;
	w.full = 30000;
	w.free = 3000;
	EXPECT(linnet_window_wanted(&w) == 0, "a sixteenth of the buffer, not of the clamp");
	w.free = 4200;
	EXPECT(linnet_window_wanted(&w) == 4096, "rounded down");
	w.full = 0;
	EXPECT(linnet_window_wanted(&w) == 0, "no buffer");

	/* it shrinks only when told to, and never without a scale */
	w = (struct linnet_window){
		.offered = 50000, .told = 50000, .free = 40000, .allowed = 65536, .full = 65536,
		.limit = ~0U, .mss = 1460, .wscale = 7,
	};
	EXPECT(linnet_window_select(&w) == 50048, "it stands");
	w.shrink = true;
	EXPECT(linnet_window_select(&w) == 39936, "it shrinks");
	w.free = 100;
	EXPECT(linnet_window_select(&w) == 0, "to nothing");
	w.wscale = 0;
	EXPECT(linnet_window_select(&w) == 50000, "it stands without a scale");
}

static void test_update_due(void)
{
	EXPECT(linnet_window_update_due(0, 1), "opened");
	EXPECT(!linnet_window_update_due(0, 0), "closed still");
	EXPECT(!linnet_window_update_due(1000, 1999), "less than twice");
	EXPECT(linnet_window_update_due(1000, 2000), "twice");
	EXPECT(!linnet_window_update_due(1000, 0), "closed");
	EXPECT(linnet_window_update_due(0x1fffffff, 0x3ffffffe), "large");
	EXPECT(!linnet_window_update_due(0x3fffc000, 0x3fffc000), "largest");
}

/* RFC 9293, 3.10.7.4, the table, over every offset near the edges */
static void test_acceptable(void)
{
	static const __u32 nxts[] = { 0, 1, 1000, 0x7ffffff8, 0x80000000, 0xfffffff0, 0xffffffff };
	static const __u32 wnds[] = { 0, 1, 2, 7, 20 };
	int taken = 0, refused = 0;

	for (int n = 0; n < sizeof(nxts) / sizeof(*nxts); n++)
	for (int w = 0; w < sizeof(wnds) / sizeof(*wnds); w++)
	for (int seq = -40; seq <= 40; seq++)	/* SEG.SEQ - RCV.NXT */
	for (int len = 0; len <= 60; len++) {
		int wnd = wnds[w], last = seq + len - 1;
		bool got, want;

		if (!len && !wnd)
			want = seq == 0;
		else if (!len)
			/* RFC: seq < wnd; like Linux, the right edge itself is in */
			want = seq >= 0 && seq <= wnd;
		else if (!wnd)
			want = false;
		else
			/* either end inside; or both outside, all of the window between */
			want = (seq >= 0 && seq < wnd) || (last >= 0 && last < wnd) ||
			       (seq < 0 && last >= wnd);
		got = linnet_segment_acceptable(nxts[n] + seq, nxts[n] + seq + len, nxts[n], wnd);
		EXPECT(got == want, "RCV.NXT %u wnd %d, SEG.SEQ at %d, length %d", nxts[n], wnd,
		       seq, len);
		taken += got;
		refused += !got;
	}
	EXPECT(taken > 1000 && refused > 1000, "%d %d", taken, refused);

	/* the largest window */
	EXPECT(linnet_segment_acceptable(0x3fffbfff, 0x3fffc000, 0, 0x3fffc000), "last octet");
	EXPECT(!linnet_segment_acceptable(0x3fffc000, 0x3fffc001, 0, 0x3fffc000), "one after");
	EXPECT(!linnet_segment_acceptable(0xffffffff, 0, 0, 0x3fffc000), "one before");
	EXPECT(!linnet_segment_acceptable(0x80000000, 0x80000000, 0, 0x3fffc000), "far away");
}

static void test_update_ok(void)
{
	static const struct {
		__u32	seq, ack, una, wl1, snd_wnd, wnd;
		bool	want;
	} row[] = {
		/* the same segment again: nothing new unless more is offered */
		{ 100, 50, 50, 100, 1000, 1000, false },
		{ 100, 50, 50, 100, 1000, 999, false },
		{ 100, 50, 50, 100, 1000, 1001, true },
		/* a newer segment may shrink it, a newer ACK too */
		{ 101, 50, 50, 100, 1000, 0, true },
		{ 100, 51, 50, 100, 1000, 0, true },
		{ 99, 51, 50, 100, 1000, 0, true },
		/* an old one may do nothing */
		{ 99, 50, 50, 100, 1000, 2000, false },
		{ 99, 49, 50, 100, 1000, 2000, false },
		/* sequence numbers wrap */
		{ 5, 50, 50, 0xfffffff0, 1000, 1, true },
		{ 0xfffffff0, 50, 50, 5, 1000, 2000, false },
		{ 100, 5, 0xfffffff0, 100, 1000, 1, true },
	};

	for (int i = 0; i < sizeof(row) / sizeof(*row); i++)
		EXPECT(linnet_window_update_ok(row[i].seq, row[i].ack, row[i].una, row[i].wl1,
					       row[i].snd_wnd, row[i].wnd) == row[i].want,
		       "row %d", i);
}

static void test_sequence(void)
{
	EXPECT(seq_before(0, 1) && !seq_before(1, 0) && !seq_before(1, 1), "near");
	EXPECT(seq_before(0xffffffff, 0) && seq_after(0, 0xffffffff), "wrap");
	EXPECT(seq_before(0, 0x7fffffff) && !seq_before(0, 0x80000001), "half");
	EXPECT(seq_max(0xfffffff0, 5) == 5 && seq_max(5, 0xfffffff0) == 5, "max");
	EXPECT(seq_between(5, 5, 5) && !seq_between(4, 5, 5) && !seq_between(6, 5, 5), "one");
	EXPECT(seq_between(0, 0xffffffff, 1) && !seq_between(2, 0xffffffff, 1) &&
	       !seq_between(0xfffffffe, 0xffffffff, 1), "between over the wrap");
}

static const struct unit_test tests[] = {
	{ "wire: sequence arithmetic", test_sequence },
	{ "flow: window of a piece of buffer", test_space },
	{ "flow: window scale", test_wscale },
	{ "flow: first window", test_first },
	{ "flow: window, cases", test_select },
	{ "flow: what bounds the window", test_bounds },
	{ "flow: how far it opens for a segment", test_growth },
	{ "flow: window for what is read", test_goal },
	{ "flow: window, what always holds", test_select_random },
	{ "flow: the right edge never moves back", test_edge },
	{ "flow: when to send an update", test_update_due },
	{ "flow: acceptable segments", test_acceptable },
	{ "flow: which segment may change SND.WND", test_update_ok },
};

UNIT_MAIN(tests)
