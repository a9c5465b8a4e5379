// SPDX-License-Identifier: GPL-2.0-or-later
/* libFuzzer: a file of media types, and each of its words as an extension. */
#include "files_fuzz.h"
#include "mime.h"

#define MAX_NAME	64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_copy(data, size), name[MAX_NAME];
	struct mime_table *t = mime_table_parse(text, size);

	free(text);
	MUST(t);
	for (size_t i = 0; i < size; i++) {
		const char *type;
		size_t n = size - i < MAX_NAME - 3 ? size - i : MAX_NAME - 3;

		if (i && data[i - 1] != ' ')
			continue;
		memcpy(name, "x.", 2);
		memcpy(name + 2, data + i, n);
		name[2 + n] = 0;
		name[2 + strcspn(name + 2, " \t\r\n")] = 0;
		type = mime_type(t, name);
		MUST(strchr(type, '/') && !strpbrk(type, "\r\n ;"));
		(void)mime_matches(type, name);
	}
	mime_table_free(t);
	return 0;
}
