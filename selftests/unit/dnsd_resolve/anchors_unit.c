// SPDX-License-Identifier: GPL-2.0-or-later
/* Which keys of a trust point's state file may be used. */
#include "anchors.h"

#include "unit.h"

#define KEY(tag, state, word)							\
	". 300 IN DNSKEY 257 3 13 " #tag "== ;{id = " #tag " (ksk), size = 256b} "	\
	";;state=" #state " [ " word " ] ;;count=0 ;;lastchange=1 ;;Thu\n"
#define HEAD	"; autotrust trust anchor file\n;;id: . 1\n;;next_probe_time: 5 ;;Thu\n"

static const struct {
	const char *what, *text, *usable;	/* NULL: no such file */
	size_t size;
} files[] = {
	{ "what a point begins with", ". IN DS 1 13 2 AB\n. IN DS 2 13 2 CD\n",
	  ". IN DS 1 13 2 AB\n. IN DS 2 13 2 CD\n", 100 },
	{ "valid and missing ones", HEAD KEY(11, 2, " VALID ") KEY(22, 3, "MISSING"),
	  ". 300 IN DNSKEY 257 3 13 11==\n. 300 IN DNSKEY 257 3 13 22==\n", 100 },
	{ "not those that are new, revoked or gone",
	  HEAD KEY(11, 0, " START ") KEY(12, 1, "ADDPEND") KEY(13, 2, " VALID ")
	  KEY(14, 4, "REVOKED") KEY(15, 5, "REMOVED"), ". 300 IN DNSKEY 257 3 13 13==\n", 100 },
	{ "a last line without its end", HEAD ". IN DS 1 13 2 AB", ". IN DS 1 13 2 AB\n", 100 },
	{ "empty lines and a tab", "\n\n. IN DS 1 13 2 AB\t; words\n\n", ". IN DS 1 13 2 AB\n", 100 },
	{ "a point that is revoked", HEAD ";;REVOKED\n" KEY(11, 2, " VALID "), "", 100 },
	{ "no key at all", HEAD, NULL, 100 },
	{ "a new key alone", HEAD KEY(11, 1, "ADDPEND"), NULL, 100 },
	{ "nothing", "", NULL, 100 },
	{ "just room enough", ". IN DS 1 13 2 AB\n", ". IN DS 1 13 2 AB\n", 19 },
	{ "an octet too few", ". IN DS 1 13 2 AB\n", NULL, 18 },
};

static void usable(void)
{
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		char *out = malloc(files[i].size);	/* ASan watches its end */
		bool good = out && anchors_usable(files[i].text, out, files[i].size);

		EXPECT(good == !!files[i].usable, "%s: %d", files[i].what, good);
		EXPECT(!good || !strcmp(out, files[i].usable), "%s: %s", files[i].what, out);
		free(out);
	}
}

int main(void)
{
	static const struct unit_test tests[] = {
		{ "keys of a state file that may be used (RFC 5011)", usable },
	};

	return UNIT_MAIN(tests);
}
