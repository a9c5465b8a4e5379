// SPDX-License-Identifier: GPL-2.0-or-later
/* A message in one piece and in pieces is the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_field(void *data, const char *name, size_t name_len, const char *value, size_t value_len)
{
	uint64_t *sum = data;

	if (!name_len || name_len + value_len > MAIL_FIELD_KEPT || memchr(name, ':', name_len))
		abort();
	for (size_t i = 0; i < name_len; i++)
		*sum = *sum * 31 + (unsigned char)name[i];
	for (size_t i = 0; i < value_len; i++)
		*sum = *sum * 37 + (unsigned char)value[i];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct mail_scan a, b;
	uint64_t sum_a = 0, sum_b = 0;
	size_t piece = size ? data[0] % 16 + 1 : 1;

	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	a.field = b.field = on_field;
	a.data = &sum_a;
	b.data = &sum_b;
	mail_scan(&a, (const char *)data, size);
	mail_scan_end(&a);
	for (size_t i = 0; i < size; i += piece)
		mail_scan(&b, (const char *)data + i, size - i < piece ? size - i : piece);
	mail_scan_end(&b);
	if (a.size != size || b.size != size || sum_a != sum_b || a.received != b.received || a.longest != b.longest ||
	    a.header_size != b.header_size || a.bare != b.bare || a.nul != b.nul || a.eight_bit != b.eight_bit ||
	    a.header_8bit != b.header_8bit || a.no_header != b.no_header)
		abort();
	if (a.nul != !!(size && memchr(data, 0, size)))
		abort();
	return 0;
}
