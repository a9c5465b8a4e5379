// SPDX-License-Identifier: GPL-2.0-or-later
/* What a server answers, in pieces of any size: the first octet says of which. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mail/address.h"
#include "relay/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t piece = size ? 1 + data[0] % 64 : 1, at = 0, have = 0, used;
	struct reply r = { 0 };
	char status[ENVELOPE_STATUS_MAX + 1];
	const char *why;

	if (size)
		data++, size--;
	while (at + have < size) {
		/* No more is shown than came: what is read beyond it is seen. */
		char *copy;
		enum reply_verdict v;

		have = have + piece > size - at ? size - at : have + piece;
		for (;;) {
			copy = malloc(have ? have : 1);
			memcpy(copy, data + at, have);
			v = reply_take(&r, copy, have, &used, &why);
			free(copy);
			if (used > have || (v == REPLY_BAD) != (why != NULL) ||
			    strlen(r.text) != r.len || r.len > REPLY_TEXT_MAX ||
			    !mail_utf8_valid(r.text, r.len) || strpbrk(r.text, "\r\n"))
				abort();
			if (v == REPLY_BAD)
				return 0;
			at += used;
			have -= used;
			if (v == REPLY_DONE) {
				if (r.code < 200 || r.code > 599)
					abort();
				reply_status(&r, status);
				if (*status != *r.text)
					abort();
				memset(&r, 0, sizeof(r));
			} else if (!used) {
				if (have >= REPLY_LINE_MAX)
					abort();
				break;
			}
		}
	}
	return 0;
}
