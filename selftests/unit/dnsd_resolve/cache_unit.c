// SPDX-License-Identifier: GPL-2.0-or-later
/* The cache of messages: times, keys, bounds. */
#include "cache.h"

#include <errno.h>

#include "unit.h"

#define STALE_S	100

static const uint8_t name[] = "\3www\7example";		/* the final NUL is the root */

/* One record: its TTL is at octet 6 of the body. */
static const uint8_t body[] = "\xc0\x0c\0\1\0\1\0\0\0\x64\0\4\1\2\3\4";
static const uint16_t ttl_at[] = { 6 };

static struct message sample(uint32_t ttl)
{
	return (struct message){
		.count = { 1 }, .body = body, .body_len = 16, .ttl_at = ttl_at, .n_ttls = 1,
		.ttl = ttl, .ede = -1,
	};
}

static struct message_cache *new_cache(size_t octets)
{
	struct message_cache *c = message_cache_new(octets, STALE_S);

	if (!c)
		abort();
	return c;
}

static int put(struct message_cache *c, uint16_t type, unsigned int flags, struct message m,
	       uint64_t now)
{
	return message_cache_put(c, name, sizeof(name), type, flags, &m, now);
}

static struct message_entry *get(struct message_cache *c, uint16_t type, unsigned int flags)
{
	return message_cache_get(c, name, sizeof(name), type, flags);
}

static uint32_t written_ttl(const struct message_entry *e, uint64_t now)
{
	uint8_t out[16];

	message_write(e, now, out);
	if (memcmp(out, body, 6) || memcmp(out + 10, body + 10, 6))
		return UINT32_MAX;
	return (uint32_t)out[6] << 24 | out[7] << 16 | out[8] << 8 | out[9];
}

static void times(void)
{
	static const struct {
		uint64_t age;
		enum message_state state;
		uint32_t ttl;
	} at[] = {
		{ 0, MESSAGE_FRESH, 100 }, { 999, MESSAGE_FRESH, 100 }, { 1000, MESSAGE_FRESH, 99 },
		{ 89999, MESSAGE_FRESH, 11 }, { 90000, MESSAGE_AGING, 10 },
		{ 99999, MESSAGE_AGING, 1 }, { 100000, MESSAGE_STALE, MESSAGE_STALE_TTL },
		{ 199999, MESSAGE_STALE, MESSAGE_STALE_TTL },
		{ 200000, MESSAGE_NONE, MESSAGE_STALE_TTL },
	};
	struct message_cache *c = new_cache(1 << 20);
	struct message_entry *e;

	put(c, 1, 0, sample(100), 5000);
	e = get(c, 1, 0);
	EXPECT(e, "not there");
	for (size_t i = 0; e && i < sizeof(at) / sizeof(*at); i++) {
		uint64_t now = 5000 + at[i].age;

		EXPECT(message_state(c, e, now) == at[i].state, "at %d: %d", (int)at[i].age,
		       message_state(c, e, now));
		EXPECT(written_ttl(e, now) == at[i].ttl, "at %d: %u", (int)at[i].age,
		       written_ttl(e, now));
	}
	message_cache_free(c);
}

static void keys(void)
{
	struct message_cache *c = new_cache(1 << 20);
	static const uint8_t other[] = "\3wwx\7example";
	struct message m = sample(10);

	put(c, 1, 0, sample(10), 0);
	EXPECT(get(c, 1, 0), "the key itself");
	EXPECT(!get(c, 28, 0) && !get(c, 257, 0), "another type");
	EXPECT(!get(c, 1, MESSAGE_DO) && !get(c, 1, MESSAGE_CD), "other flags");
	EXPECT(!message_cache_get(c, other, sizeof(other), 1, 0), "another name");
	EXPECT(!message_cache_get(c, name, sizeof(name) - 1, 1, 0), "a shorter name");
	m.rcode = 3;
	put(c, 1, 0, m, 0);
	EXPECT(message_cache_count(c) == 1, "%u entries after a replacement", message_cache_count(c));
	EXPECT(message_of(get(c, 1, 0))->rcode == 3, "the former one");
	message_cache_free(c);
}

static void errors(void)
{
	struct message_cache *c = new_cache(1 << 20);
	struct message m = { .rcode = 2, .ttl = 5, .ede = 22, .why = "no server", .why_len = 9 };
	struct message_entry *e;

	put(c, 1, 0, m, 0);
	e = get(c, 1, 0);
	EXPECT(message_state(c, e, 4999) != MESSAGE_NONE, "forgotten at once");
	EXPECT(message_state(c, e, 5000) == MESSAGE_NONE, "an error is used when it is stale");
	EXPECT(!strcmp(message_of(e)->why, "no server"), "%s", message_of(e)->why);
	put(c, 2, 0, sample(1), 0);
	e = get(c, 2, 0);
	EXPECT(message_may_retry(e, 0), "no retry");
	message_failed(e, 7000);
	EXPECT(!message_may_retry(e, 6999) && message_may_retry(e, 7000), "retry at a wrong time");
	message_cache_free(c);
}

static void long_ttls(void)
{
	struct message_cache *c = new_cache(1 << 20);
	struct message m = sample(0x7fffffff);
	struct message_entry *e;

	put(c, 1, 0, m, 0);
	e = get(c, 1, 0);
	EXPECT(message_left(e, 0) == MESSAGE_TTL_MAX, "%u", message_left(e, 0));
	EXPECT(message_state(c, e, MESSAGE_TTL_MAX * 1000ULL) == MESSAGE_STALE, "kept too long");
	message_cache_free(c);
}

/* Names in use stay when others come and go; octets never exceed the bound. */
static void bounds(void)
{
	enum { MAX = 64 << 10 };
	struct message_cache *c = new_cache(MAX);
	uint8_t n[] = "\4aaaa\7example";
	static uint8_t large[MAX];
	struct message m = sample(100);
	unsigned int dropped = 0;

	put(c, 1, 0, sample(100), 0);
	for (unsigned int i = 0; i < 20000; i++) {
		n[1] = 'a' + i % 26;
		n[2] = 'a' + i / 26 % 26;
		n[3] = 'a' + i / 676 % 26;
		n[4] = 'a' + i / 17576;
		if (message_cache_put(c, n, sizeof(n), 1, 0, &m, i))
			dropped++;
		if (message_cache_octets(c) > MAX)
			break;
		if (!get(c, 1, 0))
			break;
	}
	EXPECT(!dropped, "%u could not be put", dropped);
	EXPECT(message_cache_octets(c) <= MAX, "%zu octets", message_cache_octets(c));
	EXPECT(message_cache_octets(c) > MAX * 9 / 10, "%zu octets", message_cache_octets(c));
	EXPECT(get(c, 1, 0), "what is in use was evicted");
	EXPECT(message_cache_get(c, n, sizeof(n), 1, 0), "the last is not there");
	m.body = large;
	m.body_len = MAX / 16 + 1;
	m.n_ttls = 0;
	EXPECT(message_cache_put(c, n, sizeof(n), 1, 0, &m, 0) == -ENOSPC, "one of a sixteenth");
	EXPECT(!message_cache_get(c, n, sizeof(n), 1, 0), "the old one is still there");
	message_cache_free(c);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{ "fresh, aging, stale, gone; TTLs count down", times },
		{ "keys: name, type, DO, CD", keys },
		{ "errors are short-lived, and a failure waits", errors },
		{ "TTLs are at most a day", long_ttls },
		{ "octets are bounded, and what is used stays", bounds },
	};

	return UNIT_MAIN(tests);
}
