// SPDX-License-Identifier: GPL-2.0-or-later
/* libFuzzer: no field of a request makes a variable that it must not, or one twice. */
#include <stdbool.h>

#include "environment.h"
#include "gateway_fuzz.h"
#include "scgi.h"

static bool is(const struct cgi_variable *v, const char *name)
{
	return !strcmp(v->name, name);
}

static void check(const struct cgi_buffer *b)
{
	struct cgi_variable v, w;
	size_t at = 0, other;

	while (cgi_next_variable(b, &at, &v)) {
		MUST(strlen(v.name) == v.name_len && strlen(v.value) == v.value_len);
		MUST(v.name_len && !strchr(v.name, '='));
		MUST(!is(&v, "HTTP_PROXY") && !is(&v, "HTTP_AUTHORIZATION") &&
		     !is(&v, "HTTP_CONTENT_LENGTH") && !is(&v, "HTTP_TRANSFER_ENCODING"));
		other = at;
		while (cgi_next_variable(b, &other, &w))
			MUST(strcmp(v.name, w.name));
	}
	MUST(at == b->len);
}

/* "name:value\n" lines; nothing about them is checked before. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = fuzz_copy(data, size), *at = copy, *end = copy + size;
	struct cgi_field fields[CGI_MAX_FIELDS];
	struct cgi_request rq = {
		.method = "GET", .uri = "/", .protocol = "HTTP/1.1", .software = "x", .host = "h",
		.authority = "h", .remote_addr = "::1", .script_name = "", .path_info = "/",
		.document_root = "/srv", .content_length = size ? data[0] : -1, .fields = fields,
	};
	struct cgi_buffer b, scgi;

	while (at < end && rq.n_fields < CGI_MAX_FIELDS) {
		char *lf = memchr(at, '\n', end - at), *stop = lf ? lf : end;
		char *colon = memchr(at, ':', stop - at), *name_end = colon ? colon : stop;

		fields[rq.n_fields++] = (struct cgi_field){
			at, name_end - at, colon ? colon + 1 : stop, colon ? stop - colon - 1 : 0,
		};
		at = stop + 1;
	}
	cgi_buffer_init(&b, 8192);
	if (cgi_environment(&b, &rq)) {
		check(&b);
		cgi_buffer_init(&scgi, 16384);
		MUST(scgi_put_header(&scgi, 5, &b));
		MUST(scgi.data[scgi.len - 1] == ',');
		MUST(strtoul(scgi.data, NULL, 10) ==
		     scgi.len - 2 - ((char *)memchr(scgi.data, ':', scgi.len) - scgi.data));
		cgi_buffer_free(&scgi);
	}
	MUST(b.len <= 8192);
	cgi_buffer_free(&b);
	free(copy);
	return 0;
}
