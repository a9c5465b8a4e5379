// SPDX-License-Identifier: GPL-2.0-or-later
/* Turns, weights, loads and regions: expected by hand from the rules in choose.h. */
#include "choose.h"
#include "unit.h"

static void expect_turns(uint64_t mask, const uint8_t *weight, const char *expected)
{
	struct choose_sequence s = { 0 };

	if (choose_sequence_make(&s, mask, weight))
		abort();
	EXPECT(s.period == strlen(expected), "%s: period %u", expected, s.period);
	for (unsigned int i = 0; i < 3 * s.period; i++) {
		uint8_t got;

		EXPECT(choose_turn(&s, i, 1, &got) == 1 && got == expected[i % s.period] - 'a',
		       "%s: turn %u: %c", expected, i, 'a' + got);
	}
	choose_sequence_free(&s);
}

static void turns(void)
{
	static const uint8_t equal[64] = { 1, 1, 1, 1 }, nginx[64] = { 5, 1, 1 };
	static const uint8_t four[64] = { 4, 2, 2 }, pair[64] = { 3, 2 };

	expect_turns(0xf, equal, "abcd");
	expect_turns(0xa, equal, "bd");
	expect_turns(0x7, nginx, "aabacaa");
	expect_turns(0x6, nginx, "bc");
	expect_turns(0x1, nginx, "a");
	/* 4, 2, 2 is 2, 1, 1: each round by hand, (2 1 1) a, (0 2 2) b, (2 -1 3) c ,(4 0 0) a */
	expect_turns(0x7, four, "abca");
	/* (3 2) a, (1 4) b, (4 1) a, (2 3) b, (5 0) a */
	expect_turns(0x3, pair, "ababa");
}

static void shares(void)
{
	struct choose_sequence s = { 0 };
	uint8_t weight[64];
	unsigned int had[64] = { 0 }, total = 0;

	for (unsigned int i = 0; i < 64; i++)
		total += weight[i] = 1 + i * 99 / 63;
	if (choose_sequence_make(&s, UINT64_MAX, weight))
		abort();
	EXPECT(s.period == total, "period %u of %u", s.period, total);
	for (unsigned int i = 0; i < s.period; i++)
		had[s.turn[i]]++;
	for (unsigned int i = 0; i < 64; i++)
		EXPECT(had[i] == weight[i], "member %u had %u turns of %u", i, had[i], weight[i]);
	choose_sequence_free(&s);
}

static void several(void)
{
	static const uint8_t weight[64] = { 3, 1, 1 };	/* a b a c a */
	struct choose_sequence s = { 0 };
	uint8_t out[8];

	if (choose_sequence_make(&s, 7, weight))
		abort();
	EXPECT(choose_turn(&s, 0, 2, out) == 2 && out[0] == 0 && out[1] == 1, "turn 0");
	EXPECT(choose_turn(&s, 2, 2, out) == 2 && out[0] == 0 && out[1] == 2, "turn 2");
	EXPECT(choose_turn(&s, 4, 8, out) == 3 && out[0] == 0 && out[1] == 1 && out[2] == 2,
	       "no more than there are, over the end of a period");
	EXPECT(choose_turn(&s, UINT64_MAX, 1, out) == 1, "the last turn of all");
	choose_sequence_free(&s);
}

static void loads(void)
{
	static const uint8_t weight[64] = { 1, 1, 2, 1 };
	struct choose_load load[64] = {
		{ true, 5000, 0 }, { true, 3000, 0 }, { true, 8000, 0 }, { false, 0, 0 },
	};
	uint8_t out[8];

	EXPECT(choose_least(15, weight, load, 0, 8, out) == 4, "all four");
	/* 5, 3, 8 / 2 = 4, unknown */
	EXPECT(out[0] == 1 && out[1] == 2 && out[2] == 0 && out[3] == 3, "%u %u %u %u", out[0],
	       out[1], out[2], out[3]);
	load[1].given = 2;		/* 5: after the 4 */
	choose_least(15, weight, load, 0, 1, out);
	EXPECT(out[0] == 2, "who was named counts as busier: %u", out[0]);
	choose_least(3, weight, load, 1, 1, out);
	EXPECT(out[0] == 1, "equal, from the first on: %u", out[0]);
	choose_least(3, weight, load, 2, 1, out);
	EXPECT(out[0] == 0, "equal, from another on: %u", out[0]);
	load[0] = load[1] = (struct choose_load){ false, 0, 1 };
	choose_least(11, weight, load, 0, 1, out);
	EXPECT(out[0] == 3, "nobody known: who was named least: %u", out[0]);
	EXPECT(!choose_least(0, weight, load, 0, 1, out), "nobody");
}

static void usable(void)
{
	struct choose_pool p = { .all = 0x7, .backup = 0x4, .up = 0x7, .any_when_down = true };

	EXPECT(choose_usable(&p) == 0x3, "backups wait");
	p.up = 0x6;
	EXPECT(choose_usable(&p) == 0x2, "who is up");
	p.up = 0x4;
	EXPECT(choose_usable(&p) == 0x4, "the backup");
	p.up = 0xf8;
	EXPECT(choose_usable(&p) == 0x3, "nobody of these: all but backups");
	p.any_when_down = false;
	EXPECT(!choose_usable(&p), "nobody");
	p = (struct choose_pool){ .all = 0x4, .backup = 0x4, .any_when_down = true };
	EXPECT(choose_usable(&p) == 0x4, "there are backups only");
}

static void nearest(void)
{
	static const struct choose_region regions[] = {
		{ .members = 0x3, .fallback = { 1, 2 }, .n_fallback = 2 },
		{ .members = 0x4 },
		{ .members = 0x8, .fallback = { 0 }, .n_fallback = 1 },
	};
	int serving;

	EXPECT(choose_near(0xf, regions, 0, &serving) == 0x3 && serving == 0, "its own");
	EXPECT(choose_near(0xc, regions, 0, &serving) == 0x4 && serving == 1, "the first after it");
	EXPECT(choose_near(0x8, regions, 0, &serving) == 0x8 && serving == 2, "the second");
	EXPECT(choose_near(0xb, regions, 1, &serving) == 0xb && serving == -1, "whoever is left");
	EXPECT(choose_near(0xf, regions, -1, &serving) == 0xf && serving == -1, "from nowhere");
	EXPECT(!choose_near(0, regions, 0, &serving), "nobody");
}

int main(void)
{
	static const struct unit_test tests[] = {
		{ "turns by weight are nginx's, in order", turns },
		{ "64 members have as many turns as their weights", shares },
		{ "several different members from a turn on", several },
		{ "the least load for its weight", loads },
		{ "backups, and all down", usable },
		{ "regions and those that stand in for them", nearest },
	};

	return UNIT_MAIN(tests);
}
