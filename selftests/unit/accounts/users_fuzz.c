// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A file of users: what is read is found again, and what linnet-passwd makes of it is a good
 * file with the other users as they were.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "entry.h"
#include "users.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct entry_change change = { .user = "carol", .remove = true };
	const struct entry_change quota = { .user = "ann", .quota = "5", .home = "h" };
	const struct entry_change *changes[] = { &change, &quota };
	struct users u, v;
	unsigned int line;
	char *text = malloc(size);

	memcpy(text, data, size);
	if (users_parse(&u, text, size, size & 1, &line) || size & 1) {
		users_clear(&u);
		free(text);
		return 0;
	}
	for (size_t i = 0; i < u.n; i++)
		if (users_find(&u, u.user[i].account.name) != &u.user[i])
			abort();
	for (int c = 0; c < 2; c++) {
		const char *wrong;
		size_t len;
		char *new = entry_apply(text, size, changes[c], &len, &wrong);

		if (!new)
			continue;
		if (users_parse(&v, new, len, USERS_HOME, &line) && v.n)
			abort();
		if (v.n != u.n - (c == 0 && users_find(&u, "carol")))
			abort();
		if (c == 1 && users_find(&v, "ann")->account.quota != 5)
			abort();
		users_clear(&v);
		free(new);
	}
	users_clear(&u);
	free(text);
	return 0;
}
