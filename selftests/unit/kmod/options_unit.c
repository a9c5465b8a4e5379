// SPDX-License-Identifier: GPL-2.0-or-later
/* Options: what is written, octet by octet, and what is read from anything */
#include "options.h"
#include "unit.h"

/* An exact copy on the heap, so that ASan sees one octet too many */
static void parse(const void *octets, unsigned int len, bool syn, struct linnet_options *opt)
{
	__u8 *p = malloc(len ? len : 1);

	if (!p)
		abort();
	memcpy(p, octets, len);
	memset(opt, 0xa5, sizeof(*opt));
	linnet_options_parse(len ? p : p + 1, len, syn, opt);
	free(p);
}

static bool same(const struct linnet_options *a, const struct linnet_options *b)
{
	if (a->mss != b->mss || a->wscale != b->wscale || a->n_sack != b->n_sack ||
	    a->wscale_ok != b->wscale_ok || a->sack_permitted != b->sack_permitted ||
	    a->timestamp != b->timestamp || a->tsval != b->tsval || a->tsecr != b->tsecr ||
	    a->fastopen != b->fastopen || a->cookie_len != b->cookie_len ||
	    memcmp(a->cookie, b->cookie, a->cookie_len))
		return false;
	for (int i = 0; i < a->n_sack; i++)
		if (a->sack[i].start != b->sack[i].start || a->sack[i].end != b->sack[i].end)
			return false;
	return true;
}

static void print_octets(const __u8 *p, unsigned int len)
{
	printf("#  ");
	for (unsigned int i = 0; i < len; i++)
		printf(" %02x", p[i]);
	printf("\n");
}

/* As Linux TCP puts them: tcp_options_write() of net/ipv4/tcp_output.c */
static void test_write(void)
{
	static const struct {
		struct linnet_options	opt;
		unsigned int		len;
		const char		*octets;
	} table[] = {
		{ { .mss = 0 }, 0, "" },
		{ { .mss = 1460 }, 4, "\x02\x04\x05\xb4" },
		{ { .mss = 65535 }, 4, "\x02\x04\xff\xff" },
		{ { .sack_permitted = true }, 4, "\x01\x01\x04\x02" },
		{ { .timestamp = true, .tsval = 0x01020304, .tsecr = 0xf5f6f7f8 }, 12,
		  "\x01\x01\x08\x0a\x01\x02\x03\x04\xf5\xf6\xf7\xf8" },
		{ { .wscale_ok = true, .wscale = 7 }, 4, "\x01\x03\x03\x07" },
		{ { .wscale_ok = true, .wscale = 0 }, 4, "\x01\x03\x03\x00" },
		/* Fast Open: a request, a cookie, with their padding */
		{ { .fastopen = true }, 4, "\x22\x02\x01\x01" },
		{ { .fastopen = true, .cookie_len = 4, .cookie = { 1, 2, 3, 4 } }, 8,
		  "\x22\x06\x01\x02\x03\x04\x01\x01" },
		{ { .fastopen = true, .cookie_len = 6, .cookie = { 1, 2, 3, 4, 5, 6 } }, 8,
		  "\x22\x08\x01\x02\x03\x04\x05\x06" },
		{ { .wscale_ok = true, .wscale = 7, .fastopen = true, .cookie_len = 8,
		    .cookie = { 1, 2, 3, 4, 5, 6, 7, 8 } }, 16,
		  "\x01\x03\x03\x07\x22\x0a\x01\x02\x03\x04\x05\x06\x07\x08\x01\x01" },
		/* absent: the value beside it says nothing */
		{ { .cookie_len = 8 }, 0, "" },
		{ { .wscale = 7, .tsval = 1, .tsecr = 1 }, 0, "" },
		{ { .n_sack = 1, .sack = { { 0xfffffff0, 0x10 } } }, 12,
		  "\x01\x01\x05\x0a\xff\xff\xff\xf0\x00\x00\x00\x10" },
		{ { .n_sack = 4, .sack = { { 1, 2 }, { 3, 4 }, { 5, 6 }, { 7, 8 } } }, 36,
		  "\x01\x01\x05\x22"
		  "\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00\x03\x00\x00\x00\x04"
		  "\x00\x00\x00\x05\x00\x00\x00\x06\x00\x00\x00\x07\x00\x00\x00\x08" },
		/* the SYN of Linux TCP */
		{ { .mss = 1460, .sack_permitted = true, .timestamp = true,
		    .tsval = 0x11223344, .wscale_ok = true, .wscale = 7 }, 20,
		  "\x02\x04\x05\xb4\x04\x02\x08\x0a\x11\x22\x33\x44\x00\x00\x00\x00"
		  "\x01\x03\x03\x07" },
		/* the same without timestamps, as with net.ipv4.tcp_timestamps=0 */
		{ { .mss = 1460, .sack_permitted = true, .wscale_ok = true, .wscale = 7 }, 12,
		  "\x02\x04\x05\xb4\x01\x01\x04\x02\x01\x03\x03\x07" },
		/* an ACK with all that fits: 40 octets */
		{ { .timestamp = true, .tsval = 1, .tsecr = 2, .n_sack = 3,
		    .sack = { { 3, 4 }, { 5, 6 }, { 7, 8 } } }, 40,
		  "\x01\x01\x08\x0a\x00\x00\x00\x01\x00\x00\x00\x02\x01\x01\x05\x1a"
		  "\x00\x00\x00\x03\x00\x00\x00\x04\x00\x00\x00\x05\x00\x00\x00\x06"
		  "\x00\x00\x00\x07\x00\x00\x00\x08" },
		/* all of them at once */
		{ { .mss = 1, .sack_permitted = true, .timestamp = true, .tsval = 2, .tsecr = 3,
		    .wscale_ok = true, .wscale = 14, .n_sack = 1, .sack = { { 4, 5 } } }, 32,
		  "\x02\x04\x00\x01\x04\x02\x08\x0a\x00\x00\x00\x02\x00\x00\x00\x03"
		  "\x01\x03\x03\x0e\x01\x01\x05\x0a\x00\x00\x00\x04\x00\x00\x00\x05" },
	};

	for (int i = 0; i < sizeof(table) / sizeof(*table); i++) {
		unsigned int len = linnet_options_len(&table[i].opt), written;
		__be32 *p = malloc(len ? len : 1);

		EXPECT(p && len == table[i].len, "row %d: %u octets", i, len);
		if (!p || len != table[i].len)
			continue;
		written = linnet_options_write(&table[i].opt, p);
		EXPECT(written == len, "row %d: %u written", i, written);
		EXPECT(!memcmp(p, table[i].octets, len), "row %d", i);
		if (memcmp(p, table[i].octets, len))
			print_octets((__u8 *)p, len);
		free(p);
	}
}

/* RFC 7323, 5.3 and 5.5 */
static void test_paws(void)
{
	enum { DAY = 24 * 60 * 60 };
	static const struct {
		__u32	recent, tsval;
		__s64	age;
		bool	old;
	} table[] = {
		{ 1000, 1000, 0, false },
		{ 1000, 1001, 0, false },
		/* a millisecond is nothing */
		{ 1000, 999, 0, false },
		{ 1000, 998, 0, true },
		/* the clock wraps around */
		{ 0xfffffff0, 5, 0, false },
		{ 5, 0xfffffff0, 0, true },
		{ 0x80000000, 1, 0, true },
		{ 0x80000003, 1, 0, false },
		/* half of it takes 24 days: after that nothing is known */
		{ 1000, 1, 24 * DAY - 1, true },
		{ 1000, 1, 24 * DAY, false },
		{ 1000, 1, 1000 * DAY, false },
		/* a SYN with 0, as some send it */
		{ 0, 0x90000000, 0, false },
	};

	for (unsigned int i = 0; i < sizeof(table) / sizeof(*table); i++)
		EXPECT(linnet_paws_old(table[i].recent, table[i].tsval, table[i].age) ==
		       table[i].old, "row %u", i);
}

static void test_parse(void)
{
#define ROW(octets, ...) { octets, sizeof(octets) - 1, __VA_ARGS__ }
	static const struct {
		const char		*octets;
		unsigned int		len;
		bool			syn;
		struct linnet_options	opt;
	} table[] = {
		ROW("", true, { 0 }),
		/* each alone */
		ROW("\x02\x04\x05\xb4", true, { .mss = 1460 }),
		ROW("\x02\x04\xff\xfe", true, { .mss = 65534 }),
		ROW("\x03\x03\x07", true, { .wscale_ok = true, .wscale = 7 }),
		ROW("\x04\x02", true, { .sack_permitted = true }),
		/* Fast Open (RFC 7413, 4.1.1): 0, 4, 6 ... 16 octets, on a SYN */
		ROW("\x22\x02", true, { .fastopen = true }),
		ROW("\x22\x02", false, { }),
		ROW("\x22\x06\x01\x02\x03\x04", true,
		    { .fastopen = true, .cookie_len = 4, .cookie = { 1, 2, 3, 4 } }),
		ROW("\x22\x06\x01\x02\x03\x04", false, { }),
		ROW("\x22\x12\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10",
		    true, { .fastopen = true, .cookie_len = 16,
			    .cookie = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 } }),
		ROW("\x22\x04\x01\x02\x04\x02", true, { .sack_permitted = true }),
		ROW("\x22\x07\x01\x02\x03\x04\x05\x04\x02", true, { .sack_permitted = true }),
		ROW("\x22\x14\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10"
		    "\x11\x12\x04\x02", true, { .sack_permitted = true }),
		ROW("\x22\x06\x01\x02\x03", true, { }),
		ROW("\x22\x06\x01\x02\x03\x04\x22\x02", true,
		    { .fastopen = true, .cookie_len = 4, .cookie = { 1, 2, 3, 4 } }),
		ROW("\x05\x0a\xff\xff\xff\xf0\x80\x00\x00\x01", false,
		    { .n_sack = 1, .sack = { { 0xfffffff0, 0x80000001 } } }),
		ROW("\x08\x0a\x81\x02\x03\x04\xf5\xf6\xf7\xf8", false,
		    { .timestamp = true, .tsval = 0x81020304, .tsecr = 0xf5f6f7f8 }),
		/* RFC 7323, 2.3: the shift is 14 at most */
		ROW("\x03\x03\x0e", true, { .wscale_ok = true, .wscale = 14 }),
		ROW("\x03\x03\x0f", true, { .wscale_ok = true, .wscale = 14 }),
		ROW("\x03\x03\xff", true, { .wscale_ok = true, .wscale = 14 }),
		/* SYN only: passed over elsewhere, and what follows still read */
		ROW("\x02\x04\x05\xb4\x04\x02\x03\x03\x07"
		    "\x08\x0a\x00\x00\x00\x01\x00\x00\x00\x02", false,
		    { .timestamp = true, .tsval = 1, .tsecr = 2 }),
		/* NOP and EOL; a NOP has no length octet */
		ROW("\x01\x01\x01\x04\x02\x01", true, { .sack_permitted = true }),
		ROW("\x01", true, { 0 }),
		ROW("\x04\x02\x00\x02\x04\x05\xb4", true, { .sack_permitted = true }),
		ROW("\x00\x04\x02", true, { 0 }),
		ROW("\x00\x02\x04\x02", true, { 0 }),
		/* unknown ones are skipped by their length */
		ROW("\xfe\x04\x00\x00\x04\x02", true, { .sack_permitted = true }),
		ROW("\x1e\x02\x04\x02", true, { .sack_permitted = true }),
		ROW("\xfd\x06\x02\x04\x05\xb4\x04\x02", true, { .sack_permitted = true }),
		/* a length of 0 or 1 ends the parse */
		ROW("\x04\x02\xfe\x00\x02\x04\x05\xb4", true, { .sack_permitted = true }),
		ROW("\x04\x02\xfe\x01\x02\x04\x05\xb4", true, { .sack_permitted = true }),
		ROW("\x02\x00\x02\x04\x05\xb4", true, { 0 }),
		/* so does one past the end, and a kind without a length */
		ROW("\x04\x02\x02\x04\x05", true, { .sack_permitted = true }),
		ROW("\x04\x02\x02\x04", true, { .sack_permitted = true }),
		ROW("\x04\x02\x02", true, { .sack_permitted = true }),
		ROW("\x08\x0a\x00\x00\x00\x01\x00\x00\x00", false, { 0 }),
		ROW("\xfe\xff\x04\x02", true, { 0 }),
		/* a length that is not the kind's: the option does not count, the next does */
		ROW("\x02\x03\x05\x04\x02", true, { .sack_permitted = true }),
		ROW("\x02\x05\x05\xb4\x00\x04\x02", true, { .sack_permitted = true }),
		ROW("\x03\x02\x04\x02", true, { .sack_permitted = true }),
		ROW("\x03\x04\x07\x07\x04\x02", true, { .sack_permitted = true }),
		ROW("\x04\x03\x00\x03\x03\x01", true, { .wscale_ok = true, .wscale = 1 }),
		ROW("\x08\x09\x00\x00\x00\x01\x00\x00\x00\x04\x02", true,
		    { .sack_permitted = true }),
		ROW("\x08\x0b\x00\x00\x00\x01\x00\x00\x00\x02\x00\x04\x02", true,
		    { .sack_permitted = true }),
		/* SACK: whole blocks, at least one */
		ROW("\x05\x02\x04\x02", true, { .sack_permitted = true }),
		ROW("\x05\x06\x00\x00\x00\x01\x04\x02", true, { .sack_permitted = true }),
		ROW("\x05\x09\x00\x00\x00\x01\x00\x00\x00\x04\x02", true,
		    { .sack_permitted = true }),
		ROW("\x05\x0e\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00\x03\x04\x02", true,
		    { .sack_permitted = true }),
		ROW("\x05\x12\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00\x03\x00\x00\x00\x04",
		    false, { .n_sack = 2, .sack = { { 1, 2 }, { 3, 4 } } }),
		ROW("\x05\x22\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00\x03\x00\x00\x00\x04"
		    "\x00\x00\x00\x05\x00\x00\x00\x06\x00\x00\x00\x07\x00\x00\x00\x08",
		    false, { .n_sack = 4, .sack = { { 1, 2 }, { 3, 4 }, { 5, 6 }, { 7, 8 } } }),
		/* more than a header can carry: four are kept, nothing is written past them */
		ROW("\x05\x2a\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00\x03\x00\x00\x00\x04"
		    "\x00\x00\x00\x05\x00\x00\x00\x06\x00\x00\x00\x07\x00\x00\x00\x08"
		    "\x00\x00\x00\x09\x00\x00\x00\x0a\x04\x02",
		    true, { .n_sack = 4, .sack = { { 1, 2 }, { 3, 4 }, { 5, 6 }, { 7, 8 } },
			    .sack_permitted = true }),
		/* unaligned */
		ROW("\x01\x08\x0a\x00\x00\x00\x01\x00\x00\x00\x02\x05\x0a\x00\x00\x00\x03"
		    "\x00\x00\x00\x04", false,
		    { .timestamp = true, .tsval = 1, .tsecr = 2, .n_sack = 1,
		      .sack = { { 3, 4 } } }),
	};
#undef ROW
	struct linnet_options opt;

	for (int i = 0; i < sizeof(table) / sizeof(*table); i++) {
		bool right;

		parse(table[i].octets, table[i].len, table[i].syn, &opt);
		right = same(&opt, &table[i].opt);
		EXPECT(right, "row %d: mss %u wscale %d %u sackok %d ts %d sack %u", i, opt.mss,
		       opt.wscale_ok, opt.wscale, opt.sack_permitted, opt.timestamp, opt.n_sack);
		if (!right)
			print_octets((const __u8 *)table[i].octets, table[i].len);
	}
}

/* Cut at any octet, what came whole stands and the rest is absent */
static void test_truncated(void)
{
	static const __u8 syn[] = {
		2, 4, 5, 0xb4,  4, 2,  8, 10, 1, 2, 3, 4, 5, 6, 7, 8,  1, 3, 3, 7,
		1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 2,
	};
	struct linnet_options opt;

	for (unsigned int len = 0; len <= sizeof(syn); len++) {
		parse(syn, len, true, &opt);
		EXPECT(opt.mss == (len >= 4 ? 1460 : 0), "%u octets", len);
		EXPECT(opt.sack_permitted == (len >= 6), "%u octets", len);
		EXPECT(opt.timestamp == (len >= 16), "%u octets", len);
		EXPECT(opt.tsval == (len >= 16 ? 0x01020304 : 0), "%u octets", len);
		EXPECT(opt.wscale_ok == (len >= 20), "%u octets", len);
		EXPECT(opt.n_sack == (len >= 32), "%u octets", len);
	}
}

static void random_options(struct linnet_options *opt)
{
	unsigned int room;

	memset(opt, 0, sizeof(*opt));
	if (unit_below(2))
		opt->mss = unit_any32();
	opt->sack_permitted = unit_below(2);
	if (unit_below(2)) {
		opt->timestamp = true;
		opt->tsval = unit_any32();
		opt->tsecr = unit_any32();
	}
	if (unit_below(2)) {
		opt->wscale_ok = true;
		opt->wscale = unit_below(LINNET_WSCALE_MAX + 1);
	}
	room = LINNET_OPTIONS_MAX - linnet_options_len(opt);
	if (room < 12 || unit_below(2))
		return;
	room = (room - 4) / LINNET_OPTLEN_SACK_BLOCK;
	opt->n_sack = 1 + unit_below(room < 4 ? room : 4);
	for (int i = 0; i < opt->n_sack; i++) {
		opt->sack[i].start = unit_any32();
		opt->sack[i].end = unit_any32();
	}
}

static void test_round_trip(void)
{
	unsigned long rounds = unit_rounds(300000);
	struct linnet_options opt, back;

	for (unsigned long i = 0; i < rounds && !unit_failed_here; i++) {
		__be32 octets[LINNET_OPTIONS_MAX / 4 + 1];
		unsigned int len, written;

		random_options(&opt);
		len = linnet_options_len(&opt);
		EXPECT(len <= LINNET_OPTIONS_MAX && len % 4 == 0, "%u octets", len);
		if (len > LINNET_OPTIONS_MAX)
			return;
		memset(octets, 0xa5, sizeof(octets));
		written = linnet_options_write(&opt, octets);
		EXPECT(written == len, "%u written of %u", written, len);
		EXPECT(((__u8 *)octets)[len] == 0xa5, "written past %u octets", len);
		parse(octets, written, true, &back);
		EXPECT(same(&opt, &back), "round %lu", i);

		/* off a SYN, the options that belong on one are not seen */
		parse(octets, written, false, &back);
		opt.mss = 0;
		opt.wscale_ok = false;
		opt.wscale = 0;
		opt.sack_permitted = false;
		EXPECT(same(&opt, &back), "round %lu, not a SYN", i);
	}
}

/* Padding, unknown options and another order between them change nothing */
static void test_order(void)
{
	unsigned long rounds = unit_rounds(300000);

	for (unsigned long i = 0; i < rounds && !unit_failed_here; i++) {
		struct linnet_options want = { 0 }, opt;
		unsigned int len = 0, left = 0x1f;
		__u8 p[256];

		while (left) {
			unsigned int kind = unit_below(8);

			if (kind < 5 && !(left & 1 << kind))
				continue;
			left &= kind < 5 ? ~(1 << kind) : ~0;
			switch (kind) {
			case 0:
				want.mss = unit_any32();
				memcpy(p + len, (__u8[]){ 2, 4, want.mss >> 8, want.mss }, 4);
				len += 4;
				break;
			case 1:
				want.wscale_ok = true;
				want.wscale = unit_below(15);
				memcpy(p + len, (__u8[]){ 3, 3, want.wscale }, 3);
				len += 3;
				break;
			case 2:
				want.sack_permitted = true;
				memcpy(p + len, (__u8[]){ 4, 2 }, 2);
				len += 2;
				break;
			case 3:
				want.timestamp = true;
				want.tsval = 0x01000000 * unit_below(256) + 0x20304;
				want.tsecr = 0x05060700 + unit_below(256);
				memcpy(p + len, (__u8[]){ 8, 10, want.tsval >> 24, 2, 3, 4,
							  5, 6, 7, want.tsecr }, 10);
				len += 10;
				break;
			case 4:
				want.n_sack = 1;
				want.sack[0].start = unit_below(256);
				want.sack[0].end = 0x80000000;
				memcpy(p + len, (__u8[]){ 5, 10, 0, 0, 0, want.sack[0].start,
							  0x80, 0, 0, 0 }, 10);
				len += 10;
				break;
			case 5:
				if (len < 100)
					p[len++] = LINNET_OPT_NOP;
				break;
			default:	/* not of the registry's kinds that we read */
				if (len > 100)
					break;
				p[len] = 9 + unit_below(247);
				p[len] += p[len] == LINNET_OPT_FASTOPEN;
				p[len + 1] = 2 + unit_below(9);
				for (int j = 2; j < p[len + 1]; j++)
					p[len + j] = unit_below(256);
				len += p[len + 1];
				break;
			}
		}
		parse(p, len, true, &opt);
		EXPECT(same(&opt, &want), "round %lu", i);
		if (!same(&opt, &want))
			print_octets(p, len);
	}
}

static const struct unit_test tests[] = {
	{ "options: octets on the wire", test_write },
	{ "options: PAWS", test_paws },
	{ "options: parse", test_parse },
	{ "options: truncated", test_truncated },
	{ "options: round trip", test_round_trip },
	{ "options: any order, with others between", test_order },
};

UNIT_MAIN(tests)
