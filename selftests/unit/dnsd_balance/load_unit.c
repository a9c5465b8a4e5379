// SPDX-License-Identifier: GPL-2.0-or-later
/* A metric of Prometheus text, also out of texts that are broken on purpose. */
#include <errno.h>

#include "load.h"
#include "unit.h"

/* In memory of just this size, so that ASan sees a look beyond it. */
static int read_text(const char *text, size_t len, uint64_t *milli)
{
	char *copy = malloc(len ? len : 1);
	const char *why = NULL;
	int err;

	if (!copy)
		abort();
	memcpy(copy, text, len);
	err = load_read(copy, len, "busy", milli, &why);
	EXPECT(!err || why, "no words about %s", text);
	free(copy);
	return err;
}

static const struct {
	const char *text;
	int err;
	uint64_t milli;
} cases[] = {
	{ "busy 3\n", 0, 3000 },
	{ "busy 3", 0, 3000 },
	{ "busy 3\r\n", 0, 3000 },
	{ "# HELP busy x\n# TYPE busy gauge\n\nbusier 7\nbusy 2.5 1395066363000\n", 0, 2500 },
	{ "  busy\t 1e2\n", 0, 100000 },
	{ "busy{a=\"x\"} 1\nbusy{a=\"y} 9\\\"\\\\\"} 2\n", 0, 3000 },
	{ "busy{} 0\n", 0, 0 },
	{ "busy 1000000000000\n", 0, 1000000000000000 },
	{ "", -ENOENT, 0 },
	{ "other 1\n", -ENOENT, 0 },
	{ "busy_not 1\nnotbusy 1\n# busy 1\n", -ENOENT, 0 },
	{ "busy", -ENOENT, 0 },
	{ "busy \n", -EINVAL, 0 },
	{ "busy NaN\n", -EINVAL, 0 },
	{ "busy +Inf\n", -EINVAL, 0 },
	{ "busy -1\n", -EINVAL, 0 },
	{ "busy 1e400\n", -EINVAL, 0 },
	{ "busy 1000000000001\n", -EINVAL, 0 },
	{ "busy{a=\"1\"} 900000000000\nbusy{a=\"2\"} 900000000000\n", -EINVAL, 0 },
	{ "busy 0x10\n", -EINVAL, 0 },
	{ "busy 1.2.3\n", -EINVAL, 0 },
	{ "busy e\n", -EINVAL, 0 },
	{ "busy{a=\"x\n", -EINVAL, 0 },
	{ "busy{a=\"\\", -EINVAL, 0 },
	{ "busy{", -EINVAL, 0 },
	{ "busy 1111111111111111111111111111111111111111111111111111111111111111\n", -EINVAL, 0 },
	{ "busy 1\nbusy{a=\"b\"} x\n", -EINVAL, 0 },
};

static void values(void)
{
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		uint64_t milli = 0;
		int err = read_text(cases[i].text, strlen(cases[i].text), &milli);

		EXPECT(err == cases[i].err && (err || milli == cases[i].milli), "%s: %d, %llu",
		       cases[i].text, err, (unsigned long long)milli);
	}
}

static void garbage(void)
{
	static const char octets[] = "busy{}\"\\ \t\n=,0123456789.eE+-\r\0x";
	char text[64];
	unsigned int good = 0;

	srandom(1);
	for (unsigned int n = 0; n < 200000; n++) {
		size_t len = 6 + random() % (sizeof(text) - 6);
		uint64_t milli = 0;

		memcpy(text, "busy 1", 6);
		for (size_t i = random() % 7; i < len; i++)
			text[i] = octets[random() % (sizeof(octets) - 1)];
		if (!read_text(text, len, &milli)) {
			good++;
			EXPECT(milli <= UINT64_C(1000) * LOAD_MAX, "too much");
		}
	}
	EXPECT(good > 1000, "only %u were read: the texts are not near enough", good);
}

static void names(void)
{
	char longest[LOAD_NAME_MAX + 2];

	memset(longest, 'a', sizeof(longest));
	longest[LOAD_NAME_MAX] = 0;
	EXPECT(load_is_name(longest), "the longest");
	longest[LOAD_NAME_MAX] = 'a';
	longest[LOAD_NAME_MAX + 1] = 0;
	EXPECT(!load_is_name(longest), "one more");
	EXPECT(load_is_name("a:b_9") && !load_is_name("9a") && !load_is_name("") &&
	       !load_is_name("a b") && !load_is_name("a{b}"), "octets");
}

int main(void)
{
	static const struct unit_test tests[] = {
		{ "values, sums, and what is none", values },
		{ "200000 texts of random octets", garbage },
		{ "names of metrics", names },
	};

	return UNIT_MAIN(tests);
}
