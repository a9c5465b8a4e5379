// SPDX-License-Identifier: GPL-2.0-or-later
/* SYN cookies (RFC 4987, 3.6): what goes in comes out, and nothing else does */
#include "syncookies.h"
#include "unit.h"

/* A stand-in for the keyed hash of the kernel */
static __u32 hash_of(__u32 key, __u32 count)
{
	__u64 z = ((__u64)key << 32 | count) + 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

/* The index that is read from a cookie at a time, -1: not believed */
static int read_cookie(__u32 cookie, __u32 key, __u32 seq, __u32 now)
{
	__u32 count, index, hash = hash_of(key, ~0U);

	if (!linnet_cookie_count(cookie, hash, seq, now, &count))
		return -1;
	index = linnet_cookie_index(cookie, hash, hash_of(key, count), seq);
	return index < LINNET_COOKIE_MSS ? (int)index : -1;
}

static __u32 make_cookie(__u32 key, __u32 seq, __u32 now, __u32 index)
{
	return linnet_cookie_make(hash_of(key, ~0U), hash_of(key, now), seq, now, index);
}

static void test_round_trip(void)
{
	unsigned long rounds = unit_rounds(300000);

	for (unsigned long i = 0; i < rounds && !unit_failed_here; i++) {
		__u32 key = unit_any32(), seq = unit_any32(), now = unit_any32();
		__u32 index = unit_below(LINNET_COOKIE_MSS);
		__u32 cookie = make_cookie(key, seq, now, index);

		EXPECT(read_cookie(cookie, key, seq, now) == (int)index, "at once");
		EXPECT(read_cookie(cookie, key, seq, now + 1) == (int)index, "a minute later");
		EXPECT(read_cookie(cookie, key, seq, now + 2) < 0, "two minutes later");
		EXPECT(read_cookie(cookie, key, seq, now + 255) < 0, "one minute before");
	}
}

/* Of guesses, 2 in 256 have a good minute and 4 in 2^24 a good index */
static void test_forged(void)
{
	unsigned long rounds = unit_rounds(2000000), minutes = 0, believed = 0;

	for (unsigned long i = 0; i < rounds; i++) {
		__u32 key = unit_any32(), seq = unit_any32(), now = unit_any32(), count;
		__u32 guess = unit_random() >> 32;

		minutes += linnet_cookie_count(guess, hash_of(key, ~0U), seq, now, &count);
		believed += read_cookie(guess, key, seq, now) >= 0;
	}
	EXPECT(minutes > rounds / 128 / 2 && minutes < rounds / 128 * 2, "%lu of %lu", minutes,
	       rounds);
	EXPECT(believed <= 2, "%lu of %lu", believed, rounds);
}

/* A good cookie is good for nobody else */
static void test_bound(void)
{
	unsigned long rounds = unit_rounds(300000), believed = 0;

	for (unsigned long i = 0; i < rounds; i++) {
		__u32 key = unit_any32(), seq = unit_any32(), now = unit_any32();
		__u32 cookie = make_cookie(key, seq, now, unit_below(LINNET_COOKIE_MSS));

		believed += read_cookie(cookie, key + 1, seq, now) >= 0;
		believed += read_cookie(cookie, key, seq - 4 - unit_below(1000), now) >= 0;
		believed += read_cookie(cookie + 4 + unit_below(1 << 20), key, seq, now) >= 0;
	}
	EXPECT(believed <= 2, "%lu", believed);
}

static void test_mss(void)
{
	static const struct { __u16 offered; bool ipv6; __u16 kept; } row[] = {
		{ 1460, false, 1460 }, { 65495, false, 1460 }, { 1459, false, 1440 },
		{ 1440, false, 1440 }, { 1439, false, 1300 }, { 1300, false, 1300 },
		{ 1299, false, 536 }, { 536, false, 536 }, { 535, false, 536 },
		{ 1, false, 536 }, { 0, false, 536 },
		{ 1440, true, 1440 }, { 8940, true, 8940 }, { 65535, true, 8940 },
		{ 8939, true, 1440 }, { 1439, true, 1420 }, { 1420, true, 1420 },
		{ 1419, true, 1220 }, { 1220, true, 1220 }, { 48, true, 1220 },
	};

	for (int i = 0; i < sizeof(row) / sizeof(*row); i++) {
		__u32 index = linnet_cookie_mss_index(row[i].offered, row[i].ipv6);
		__u16 kept = linnet_cookie_mss(index, row[i].ipv6);

		EXPECT(kept == row[i].kept, "%u: %u", row[i].offered, kept);
	}
}

/* All options, at all times: they come back, and the time is hardly touched */
static void test_options(void)
{
	unsigned long rounds = unit_rounds(20000);

	for (unsigned long i = 0; i < rounds && !unit_failed_here; i++) {
		__u32 now = unit_any32();

		for (__u32 kind = 0; kind < 4 * 16; kind++) {
			struct linnet_options in = {
				.wscale_ok = (kind & 15) < 15,
				.wscale = (kind & 15) < 15 ? kind & 15 : 0,
				.sack_permitted = kind & 16,
			}, out = {};
			bool ecn;
			__u32 ts = linnet_cookie_tsval(now, &in, kind & 32);

			EXPECT(now - ts <= LINNET_COOKIE_TS_MASK, "%u: %u", now, ts);
			EXPECT(linnet_cookie_options(ts, &out, &ecn), "kind %u", kind);
			EXPECT(out.wscale_ok == in.wscale_ok && out.wscale == in.wscale &&
			       out.sack_permitted == in.sack_permitted && ecn == !!(kind & 32),
			       "kind %u at %u", kind, now);
		}
	}
}

/* Two SYN and ACKs of a host, one after the other: timestamps do not go back by
 * more than what the options take
 */
static void test_monotonic(void)
{
	struct linnet_options none = {}, most = { .wscale_ok = true, .wscale = 14,
						   .sack_permitted = true };

	for (__u32 now = -200; now != 200; now++) {
		__u32 a = linnet_cookie_tsval(now, &none, true);
		__u32 b = linnet_cookie_tsval(now + 2 * (LINNET_COOKIE_TS_MASK + 1), &most, false);

		EXPECT(seq_after(b, a), "%u: %u, then %u", now, a, b);
	}
}

static const struct unit_test tests[] = {
	{ "syncookies: good for two minutes", test_round_trip },
	{ "syncookies: guesses", test_forged },
	{ "syncookies: another's, another SYN's, changed", test_bound },
	{ "syncookies: table of MSS", test_mss },
	{ "syncookies: options in the timestamp", test_options },
	{ "syncookies: time goes on", test_monotonic },
};

UNIT_MAIN(tests)
