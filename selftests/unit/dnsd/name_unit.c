// SPDX-License-Identifier: GPL-2.0-or-later
/* Names: text, messages, the lookup form. */
#include <errno.h>

#include "name.h"
#include "unit.h"

static char why[DNS_WHY_SIZE];

static int from(uint8_t out[DNS_NAME_MAX], const char *text)
{
	return dns_name_from_text(out, text, strlen(text), NULL, why);
}

static void round_trips(void)
{
	static const char *const texts[] = {
		".", "org.", "www.example.org.", "*.example.org.", "a\\.b.example.org.",
		"\\000.\\001.\\255.org.", "\\@\\;\\\\.org.",
	};
	uint8_t name[DNS_NAME_MAX];
	char text[DNS_NAME_TEXT];

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		int len = from(name, texts[i]);

		EXPECT(len > 0, "%s: %s", texts[i], why);
		EXPECT(len == (int)knot_dname_size(name), "%s: %d octets", texts[i], len);
		EXPECT(!strcmp(dns_name_to_text(text, name), texts[i]), "%s became %s", texts[i],
		       text);
	}
	EXPECT(from(name, "WWW.Example") == 13 && !memcmp(name, "\3WWW\7Example", 13),
	       "case is not kept");
}

static void origin(void)
{
	uint8_t org[DNS_NAME_MAX], name[DNS_NAME_MAX];

	from(org, "example.org.");
	EXPECT(dns_name_from_text(name, "www", 3, org, why) == 17 &&
	       !memcmp(name, "\3www\7example\3org", 17), "the origin is not appended");
	EXPECT(dns_name_from_text(name, "www.", 4, org, why) == 5, "an absolute name got an origin");
}

/* 63 octets a label, 255 octets (253 characters) a name: RFC 1035 section 2.3.4. */
static void limits(void)
{
	uint8_t name[DNS_NAME_MAX];
	char text[400];

	memset(text, 'a', sizeof(text));
	text[63] = '\0';
	EXPECT(from(name, text) == 65, "a label of 63 octets was refused: %s", why);
	text[63] = 'a';
	text[64] = '\0';
	EXPECT(from(name, text) == -EINVAL, "a label of 64 octets was taken");
	EXPECT(!strcmp(why, "a label of 64 octets: at most 63"), "it says: %s", why);

	memset(text, 'a', sizeof(text));
	text[63] = text[127] = text[191] = '.';
	text[253] = '\0';
	EXPECT(from(name, text) == 255, "a name of 253 characters was refused: %s", why);
	text[253] = 'a';
	text[254] = '\0';
	EXPECT(from(name, text) == -EINVAL, "a name of 254 characters was taken");
	EXPECT(!strcmp(why, "a name of 256 octets: at most 255 (253 characters)"), "it says: %s",
	       why);
}

static void wrong_text(void)
{
	static const char *const texts[] = { "", "..", ".org", "a..org", "a\\25", "a\\256", "a\\" };
	uint8_t name[DNS_NAME_MAX];

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		*why = '\0';
		EXPECT(from(name, texts[i]) == -EINVAL && *why, "'%s' was taken", texts[i]);
	}
}

static int read_at(const void *wire, size_t len, size_t pos, size_t *after)
{
	uint8_t name[DNS_NAME_MAX];
	int got;

	*after = pos;
	got = dns_name_read(name, wire, len, after, why);
	return got;
}

static void messages(void)
{
	static const uint8_t wire[] = "\3org\0\3www\300\0\300\5\300\13";
	uint8_t long_name[300], loop[] = { 1, 'a', 0xc0, 0 };
	size_t after;

	/* org. at 0, www.org. at 5, a pointer to it at 11, a pointer to itself at 13 */
	EXPECT(read_at(wire, 15, 5, &after) == 9 && after == 11, "www.org.: %s", why);
	EXPECT(read_at(wire, 15, 11, &after) == 9 && after == 13, "a pointer to a pointer: %s", why);
	EXPECT(read_at(loop, 4, 0, &after) == -EINVAL, "a loop was followed");
	EXPECT(read_at("\300\2\1a\0", 5, 0, &after) == -EINVAL, "a pointer forwards was followed");
	EXPECT(read_at("\3ww", 3, 0, &after) == -EINVAL, "a label behind the end was read");
	EXPECT(read_at("\3www", 4, 0, &after) == -EINVAL, "a name without an end was read");
	EXPECT(read_at("\300", 1, 0, &after) == -EINVAL, "half a pointer was read");
	EXPECT(read_at("\100a", 2, 0, &after) == -EINVAL, "a label type of RFC 2673 was read");
	memset(long_name, 1, sizeof(long_name));
	long_name[254] = 0;
	EXPECT(read_at(long_name, 300, 0, &after) == 255, "255 octets: %s", why);
	long_name[254] = 1;
	long_name[256] = 0;
	EXPECT(read_at(long_name, 300, 0, &after) == -EINVAL, "257 octets were taken");
}

static int compare(const uint8_t *a, int a_len, const uint8_t *b, int b_len)
{
	int diff = memcmp(a, b, a_len < b_len ? a_len : b_len);

	return diff ? diff : a_len - b_len;
}

/* The example of RFC 4034 section 6.1, and octets that stand for others in the form. */
static void canonical_order(void)
{
	static const char *const texts[] = {
		"example.", "a.example.", "yljkjljk.a.example.", "Z.a.example.", "zABC.a.EXAMPLE.",
		"z.example.", "\\000.z.example.", "\\000\\000.z.example.", "\\001.z.example.",
		"\\001\\000.z.example.", "\\002.z.example.", "*.z.example.", "\\200.z.example.",
	};
	uint8_t before[DNS_LOOKUP_MAX], form[DNS_LOOKUP_MAX], name[DNS_NAME_MAX], back[DNS_NAME_MAX];
	int before_len = 0, len;

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		from(name, texts[i]);
		len = dns_name_to_lookup(form, name);
		EXPECT(!i || compare(before, before_len, form, len) < 0, "%s is not after %s",
		       texts[i], texts[i - 1]);
		dns_name_lower(name);
		EXPECT(dns_name_from_lookup(back, form, len) > 0 && knot_dname_is_equal(back, name),
		       "%s does not come back", texts[i]);
		memcpy(before, form, len);
		before_len = len;
	}
}

/* A dot of text, an octet 0 and the end of a label must not be taken for one another. */
static void lookup_is_unique(void)
{
	uint8_t a[DNS_LOOKUP_MAX], b[DNS_LOOKUP_MAX], one[DNS_NAME_MAX], other[DNS_NAME_MAX];
	int a_len, b_len;

	from(one, "a\\000b.org.");
	from(other, "b.a.org.");
	a_len = dns_name_to_lookup(a, one);
	b_len = dns_name_to_lookup(b, other);
	EXPECT(compare(a, a_len, b, b_len), "two names have one form");
	memset(one, 0, sizeof(one));
	for (int i = 0; i < 4; i++)
		one[64 * i] = i < 3 ? 63 : 61;
	EXPECT(knot_dname_size(one) == 255, "the test's name is wrong");
	EXPECT(dns_name_to_lookup(a, one) == 63 * 6 + 61 * 2 + 4, "a name of zeros has no form");
	one[253] = 0;
}

static void relations(void)
{
	uint8_t www[DNS_NAME_MAX], org[DNS_NAME_MAX], other[DNS_NAME_MAX], root[1] = { 0 };

	from(www, "WWW.example.ORG.");
	from(org, "example.org.");
	from(other, "notexample.org.");
	EXPECT(dns_name_within(www, org) && dns_name_within(org, org) && dns_name_within(org, root),
	       "within");
	EXPECT(!dns_name_within(other, org) && !dns_name_within(org, www), "not within");
	EXPECT(dns_name_labels(www) == 3 && !dns_name_labels(root), "labels");
	EXPECT(dns_name_wildcard(other, org) == 15 && !memcmp(other, "\1*\7example\3org", 15), "*.");
}

int main(void)
{
	static const struct unit_test tests[] = {
		{ "names go to wire form and back to text", round_trips },
		{ "a name without a final dot gets the origin", origin },
		{ "labels of 63 octets and names of 255, not one more, and it is said", limits },
		{ "wrong text is refused with words", wrong_text },
		{ "names in messages: pointers, loops, ends, limits", messages },
		{ "the lookup form has the canonical order", canonical_order },
		{ "two names never have one lookup form", lookup_is_unique },
		{ "within, labels, wildcard", relations },
	};

	return UNIT_MAIN(tests);
}
