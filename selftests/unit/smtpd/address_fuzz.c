// SPDX-License-Identifier: GPL-2.0-or-later
/* Whatever is taken for an address is one again when it is read alone, and no longer than it may be. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct mail_address *a, unsigned int flags)
{
	char local[MAIL_LOCAL_MAX + 1];
	struct mail_address again;

	if (strlen(a->text) > MAIL_ADDRESS_MAX || strpbrk(a->text, "\r\n") || !mail_utf8_valid(a->text, strlen(a->text)))
		abort();
	if (mail_address_local(a, local) > a->local_len)
		abort();
	if (a->kind == MAIL_NO_DOMAIN)
		return;
	if (mail_address_parse(&again, a->text, strlen(a->text), flags) != MAIL_ADDRESS_GOOD ||
	    !mail_address_equal(a, &again))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data + 1;
	char out[600], back[600];
	struct mail_address a;
	size_t used;
	int n;

	if (!size)
		return 0;
	size--;
	if (mail_path_parse(&a, text, size, data[0] & 7, &used) == MAIL_ADDRESS_GOOD) {
		if (used > size || text[used - 1] != '>')
			abort();
		check(&a, data[0] & MAIL_ALLOW_UTF8);
	}
	if (mail_address_parse(&a, text, size, data[0] & 7) == MAIL_ADDRESS_GOOD)
		check(&a, data[0] & MAIL_ALLOW_UTF8);
	n = mail_xtext_encode(out, sizeof(out), text, size);
	if (n >= 0 && (mail_xtext_decode(back, sizeof(back), out, n) != (int)size || memcmp(back, text, size)))
		abort();
	mail_xtext_decode(out, data[0], text, size);
	return 0;
}
