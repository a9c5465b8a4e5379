// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A representation of a file as a response: conditions, ranges, the whole.
 */
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "date.h"
#include "files.h"
#include "log.h"
#include "range.h"

#define BOUNDARY_LEN	32

struct part {
	const char *type, *boundary;
	uint64_t size;
};

#define TYPE_LEN	128

/* Texts have a charset, which counts for each part of several, too. */
static const char *full_type(const struct files_conf *c, const char *type, char out[TYPE_LEN])
{
	static const char charset[] = "; charset=";

	if (strncmp(type, "text/", 5) || !*c->charset ||
	    strlen(type) + strlen(charset) + strlen(c->charset) >= TYPE_LEN)
		return type;
	stpcpy(stpcpy(stpcpy(out, type), charset), c->charset);
	return out;
}

static void add_type(struct http_exchange *x, const struct files_conf *c, const char *type)
{
	char text[TYPE_LEN];

	files_add(x, "Content-Type", full_type(c, type, text));
	files_add(x, "X-Content-Type-Options", "nosniff");
}

/* The fields that a 304 has, too (RFC 9110, 15.4.5). */
static void add_validators(struct http_exchange *x, const struct files_conf *c,
			   const struct files_content *content, const struct http_validators *v)
{
	char date[HTTP_DATE_LEN];

	files_add(x, "ETag", v->etag);
	http_date_format(v->modified, date);
	files_add(x, "Last-Modified", date);
	if (content->vary)
		files_add(x, "Vary", "Accept-Encoding");
	if (*c->cache_control)
		files_add(x, "Cache-Control", c->cache_control);
}

static void add_coding(struct http_exchange *x, const struct files_content *content)
{
	const char *name = http_coding_name(content->coding);

	if (content->coding != HTTP_CODING_IDENTITY)
		files_add(x, "Content-Encoding", name);
}

/* Also makes the length of the part's header known, with no room at all. */
static int part_header(char *out, size_t room, const struct part *p, const struct http_range *r)
{
	return snprintf(out, room,
			"\r\n--%s\r\nContent-Type: %s\r\nContent-Range: bytes %llu-%llu/%llu\r\n\r\n",
			p->boundary, p->type, (unsigned long long)r->start,
			(unsigned long long)(r->start + r->len - 1), (unsigned long long)p->size);
}

/* New for each response: who uploads a file cannot know what separates its parts. */
static bool make_boundary(char boundary[BOUNDARY_LEN + 1])
{
	unsigned char bytes[BOUNDARY_LEN / 2];

	if (getrandom(bytes, sizeof(bytes), GRND_NONBLOCK) != sizeof(bytes))
		return false;
	for (size_t i = 0; i < sizeof(bytes); i++)
		sprintf(boundary + 2 * i, "%02x", bytes[i]);
	return true;
}

/* RFC 9110, 14.6 */
static void send_ranges(struct http_exchange *x, const struct files_conf *c,
			const struct files_content *content, const struct http_range *ranges, int n)
{
	char boundary[BOUNDARY_LEN + 1], type[TYPE_LEN], text[512];
	struct part p = { full_type(c, content->type, type), boundary, content->file->st.st_size };
	uint64_t total = 0;
	int len;

	if (!make_boundary(boundary)) {
		http_abort(x);
		return;
	}
	for (int i = 0; i < n; i++)
		total += part_header(NULL, 0, &p, &ranges[i]) + ranges[i].len;
	total += snprintf(NULL, 0, "\r\n--%s--\r\n", boundary);
	http_add(x, "Content-Type", "multipart/byteranges; boundary=%s", boundary);
	http_length(x, total);
	http_begin(x);
	for (int i = 0; i < n; i++) {
		len = part_header(text, sizeof(text), &p, &ranges[i]);
		http_write(x, text, len);
		http_write_file(x, content->file->file, ranges[i].start, ranges[i].len);
	}
	len = snprintf(text, sizeof(text), "\r\n--%s--\r\n", boundary);
	http_write(x, text, len);
	http_end(x);
}

static void send_range(struct http_exchange *x, const struct files_conf *c,
		       const struct files_content *content, const struct http_range *r)
{
	add_type(x, c, content->type);
	http_add(x, "Content-Range", "bytes %llu-%llu/%llu", (unsigned long long)r->start,
		 (unsigned long long)(r->start + r->len - 1),
		 (unsigned long long)content->file->st.st_size);
	http_length(x, r->len);
	http_begin(x);
	http_write_file(x, content->file->file, r->start, r->len);
	http_end(x);
}

static void send_whole(struct http_exchange *x, const struct files_conf *c,
		       const struct files_content *content)
{
	bool head = http_request(x)->kind == HTTP_KIND_HEAD;
	uint64_t size = content->file->st.st_size;
	const char *data = head ? NULL : files_data(content->file);

	add_type(x, c, content->type);
	http_length(x, size);
	http_begin(x);
	if (data)
		http_write(x, data, size);
	else if (!head && size)
		http_write_file(x, content->file->file, 0, size);
	http_end(x);
}

/* Range means something for GET alone (RFC 9110, 14.2).  Returns as http_range_parse(). */
static int find_ranges(struct http_exchange *x, const struct files_content *content,
		       const struct http_validators *v, struct http_range *ranges)
{
	const struct http_request *rq = http_request(x);
	const struct http_field *f;

	if (rq->kind != HTTP_KIND_GET)
		return HTTP_RANGE_WHOLE;
	f = http_field(&rq->fields, "range", NULL);
	if (!f || http_field(&rq->fields, "range", f) || !http_range_wanted(rq, v))
		return HTTP_RANGE_WHOLE;
	return http_range_parse(f->value, f->value_len, content->file->st.st_size, ranges);
}

static void send_made(struct http_exchange *x, const struct files_conf *c,
		      const struct files_content *content, const struct http_validators *v,
		      struct files_gzip *gzip)
{
	http_status(x, 200);
	add_validators(x, c, content, v);
	add_coding(x, content);
	add_type(x, c, content->type);
	if (gzip) {
		files_gzip_send(x, gzip);
		return;
	}
	http_begin(x);
	http_end(x);
}

/* HEAD is answered without the length, which only the work would tell. */
static void make(struct http_exchange *x, struct files_conf *c,
		 const struct files_content *content, const struct http_validators *v)
{
	bool head = http_request(x)->kind == HTTP_KIND_HEAD;
	struct files_gzip *gzip = head ? NULL : files_gzip_new(c, content->file);

	if (!head && !gzip) {
		ln_error("cannot compress %s: no memory, or it cannot be read",
			 http_request(x)->target);
		http_error(x, 503);
		return;
	}
	send_made(x, c, content, v, gzip);
}

static void not_modified(struct http_exchange *x, const struct files_conf *c,
			 const struct files_content *content, const struct http_validators *v)
{
	http_status(x, 304);
	add_validators(x, c, content, v);
	http_begin(x);
	http_end(x);
}

static void not_satisfiable(struct http_exchange *x, const struct files_content *content)
{
	http_add(x, "Content-Range", "bytes */%llu", (unsigned long long)content->file->st.st_size);
	http_error(x, 416);
}

static void send_parts_or_whole(struct http_exchange *x, const struct files_conf *c,
		 const struct files_content *content, const struct http_validators *v)
{
	struct http_range ranges[HTTP_MAX_RANGES];
	int n = find_ranges(x, content, v, ranges);

	if (n == HTTP_RANGE_NONE) {
		not_satisfiable(x, content);
		return;
	}
	http_status(x, n ? 206 : 200);
	add_validators(x, c, content, v);
	add_coding(x, content);
	files_add(x, "Accept-Ranges", "bytes");
	if (n == 1)
		send_range(x, c, content, ranges);
	else if (n)
		send_ranges(x, c, content, ranges, n);
	else
		send_whole(x, c, content);
}

/**
 * files_respond() - answer GET or HEAD with a representation
 * @x: the exchange
 * @c: the section
 * @content: the representation
 */
void files_respond(struct http_exchange *x, struct files_conf *c,
		   const struct files_content *content)
{
	const struct http_validators *v = &content->file->validators;
	struct http_validators own;
	int status;

	if (content->coding != HTTP_CODING_IDENTITY) {
		http_validators_of(&own, &content->file->st, http_coding_name(content->coding),
				   content->made, v->now);
		v = &own;
	}
	status = http_preconditions(http_request(x), v);
	if (status == 304)
		not_modified(x, c, content, v);
	else if (status)
		http_error(x, status);
	else if (content->made)
		make(x, c, content, v);
	else
		send_parts_or_whole(x, c, content, v);
}
