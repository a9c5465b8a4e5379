// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What must hold for any form: the verdict and the result do not depend on how the octets
 * were cut, limits are kept, all texts are UTF-8.
 */
#include "form_fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formdata.h"
#include "utf8.h"

#define MUST(what)	do { if (!(what)) abort(); } while (0)

#define MAX_ITEMS	8
#define MAX_MEMORY	256

/* In pieces of @step octets, each a block of its own so that ASan sees one octet too many. */
static struct formdata *parse(const char *type, const uint8_t *data, size_t size, size_t step,
			      int *status)
{
	const struct formdata_limits limits = { MAX_ITEMS, MAX_MEMORY, -1 };
	struct formdata *f = formdata_new(type, strlen(type), &limits);

	MUST(f);
	*status = 0;
	for (size_t at = 0; at < size && !*status; at += step) {
		size_t n = size - at < step ? size - at : step;
		char *piece = malloc(n);

		MUST(piece);
		memcpy(piece, data + at, n);
		*status = formdata_add(f, piece, n);
		free(piece);
	}
	if (!*status)
		*status = formdata_end(f);
	MUST(!*status == !formdata_error(f));
	return f;
}

static char *json(const struct formdata *f, size_t *len)
{
	char *text;
	FILE *out = open_memstream(&text, len);

	MUST(out);
	formdata_json(f, out, 4);
	MUST(!fclose(out));
	return text;
}

static void check_items(const struct formdata *f)
{
	unsigned int n = 0;
	size_t memory = 0;

	for (const struct formdata_item *i = formdata_first(f); i; i = i->next) {
		n++;
		memory += strlen(i->name) + i->value_len;
		MUST(utf8_valid(i->name, strlen(i->name)));
		MUST(!i->value != !i->filename);
		MUST(!i->value || strlen(i->value) == i->value_len);
		MUST(!i->value || utf8_valid(i->value, i->value_len));
		MUST(!i->filename || utf8_valid(i->filename, strlen(i->filename)));
		MUST(!i->filename || !strpbrk(i->filename, "/\\"));
		MUST(!i->filename || strlen(i->sha256) == 64);
	}
	MUST(n <= MAX_ITEMS && memory <= MAX_MEMORY);
}

void fuzz_form(const char *type, const uint8_t *data, size_t size)
{
	int whole_status, status;
	struct formdata *whole = parse(type, data, size, size ? size : 1, &whole_status);

	for (size_t step = 1; step <= 7; step += 3) {
		struct formdata *f = parse(type, data, size, step, &status);

		MUST(status == whole_status);
		if (status) {
			MUST(!strcmp(formdata_error(f), formdata_error(whole)));
		} else {
			size_t len, whole_len;
			char *text = json(f, &len), *whole_text = json(whole, &whole_len);

			MUST(len == whole_len && !memcmp(text, whole_text, len));
			MUST(utf8_valid(text, len));
			check_items(f);
			free(text);
			free(whole_text);
		}
		formdata_free(f);
	}
	formdata_free(whole);
}
