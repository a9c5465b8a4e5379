// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The file that libunbound keeps of a trust point: a record a line, with its state in a comment.
 */
#include <string.h>

#include "anchors.h"

bool anchors_usable(const char *text, char *out, size_t size)
{
	size_t used = 0;

	*out = '\0';
	while (*text) {
		size_t len = strcspn(text, "\n"), record = strcspn(text, ";\n");
		const char *state = memmem(text, len, ";;state=", 8);

		/* 0: start, 1: ADDPEND, 2: VALID, 3: MISSING, 4: REVOKED, 5: REMOVED */
		if (memmem(text, len, ";;REVOKED", 9)) {
			*out = '\0';
			return true;
		}
		while (record && (text[record - 1] == ' ' || text[record - 1] == '\t'))
			record--;
		if (record && (!state || state[8] == '2' || state[8] == '3')) {
			if (used + record + 2 > size)
				return false;
			memcpy(out + used, text, record);
			used += record;
			out[used++] = '\n';
			out[used] = '\0';
		}
		text += len + !!text[len];
	}
	return used;
}
