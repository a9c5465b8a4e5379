// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libFuzzer: conditional fields, one a line, the first octet of which tells which;
 * each request must be answered the same way however it is looked at.
 */
#include "files_fuzz.h"
#include "validators.h"

#define MAX_FIELDS	8

static const char *const names[] = {
	"If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range",
};

static const struct http_validators strong = { .etag = "\"a-b-c\"",
					       .modified = 1000000000,
					       .now = 1795366669 };
static const struct http_validators weak = { .etag = "W/\"a-b-c\"",
					     .modified = 1000000000,
					     .now = 1795366669 };

static void check(struct http_request *rq)
{
	int get, put, get_weak;

	rq->kind = HTTP_KIND_GET;
	get = http_preconditions(rq, &strong);
	get_weak = http_preconditions(rq, &weak);
	MUST(get == 0 || get == 304 || get == 412);
	MUST(get_weak == 0 || get_weak == 304 || get_weak == 412);
	/* No strong comparison succeeds with a weak tag. */
	MUST(get != 412 || get_weak == 412);
	rq->kind = HTTP_KIND_HEAD;
	MUST(http_preconditions(rq, &strong) == get);
	rq->kind = HTTP_KIND_PUT;
	put = http_preconditions(rq, &strong);
	MUST(put == 0 || put == 412);
	MUST(get != 412 || put == 412);
	MUST(put != 412 || get);
	put = http_preconditions(rq, NULL);
	MUST(put == (http_field(&rq->fields, "if-match", NULL) ? 412 : 0));
	MUST(!http_range_wanted(rq, &weak) || http_range_wanted(rq, &strong));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_field field[MAX_FIELDS];
	struct http_request rq = { .fields.field = field };

	while (size && rq.fields.n < MAX_FIELDS) {
		const uint8_t *end = memchr(data, '\n', size);
		size_t n = end ? (size_t)(end - data) : size;

		if (n) {
			const char *name = names[*data % 5];

			field[rq.fields.n++] = (struct http_field){
				.name = name,
				.name_len = strlen(name),
				.value = fuzz_copy(data + 1, n - 1),
				.value_len = n - 1,
			};
		}
		data += n + !!end;
		size -= n + !!end;
	}
	check(&rq);
	for (unsigned int i = 0; i < rq.fields.n; i++)
		free((char *)field[i].value);
	return 0;
}
