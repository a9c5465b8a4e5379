// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From a request to a response: files and folders.
 */
#include "serve.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "date.h"
#include "file.h"
#include "listing.h"
#include "mime.h"
#include "target.h"
#include "validators.h"

#define ALLOWED		"GET, HEAD, OPTIONS"
#define INDEX		"index.html"

/* What making a response needs to know. */
struct job {
	const struct http_config *config;
	const struct http_request *rq;
	struct http_response *r;
	bool keep_alive;
	bool head;
};

/**
 * http_serve_error() - a response that only says what went wrong
 * @r: the response
 * @status: status code
 * @keep_alive: the connection persists
 * @head: the request was HEAD, to be answered without the content
 */
void http_serve_error(struct http_response *r, int status, bool keep_alive, bool head)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "%d %s\n", status, http_reason(status));

	http_response_release(r);
	http_response_begin(r, status, keep_alive);
	/* RFC 9110, 15.5.6 */
	if (status == 405)
		http_response_add(r, "Allow: " ALLOWED "\r\n");
	http_response_add(r,
			  "Content-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n\r\n%s",
			  n, head ? "" : text);
	http_response_piece(r, HTTP_FROM_TEXT, 0, r->text_len);
}

static void fail(const struct job *job, int status)
{
	http_serve_error(job->r, status, job->keep_alive, job->head);
}

/* The header is complete: send it first. */
static void end_header(const struct job *job)
{
	http_response_add(job->r, "\r\n");
	http_response_piece(job->r, HTTP_FROM_TEXT, 0, job->r->text_len);
}

static void add_validators(struct http_response *r, const struct http_validators *v)
{
	char date[HTTP_DATE_LEN];

	http_response_add(r, "ETag: %s\r\nLast-Modified: %s\r\nAccept-Ranges: bytes\r\n", v->etag,
			  http_date_format(v->modified, date));
}

static void add_type(struct http_response *r, const char *type)
{
	http_response_add(r, "Content-Type: %s\r\nX-Content-Type-Options: nosniff\r\n", type);
}

static void not_modified(const struct job *job, const struct http_validators *v)
{
	http_response_begin(job->r, 304, job->keep_alive);
	add_validators(job->r, v);
	end_header(job);
}

static void not_satisfiable(const struct job *job, uint64_t size)
{
	http_response_begin(job->r, 416, job->keep_alive);
	http_response_add(job->r, "Content-Range: bytes */%llu\r\nContent-Length: 0\r\n",
			  (unsigned long long)size);
	end_header(job);
}

static void whole(const struct job *job, const char *type, const struct http_validators *v,
		  uint64_t size)
{
	http_response_begin(job->r, 200, job->keep_alive);
	add_validators(job->r, v);
	add_type(job->r, type);
	http_response_add(job->r, "Content-Length: %llu\r\n", (unsigned long long)size);
	end_header(job);
	if (!job->head)
		http_response_piece(job->r, HTTP_FROM_FILE, 0, size);
}

static void one_range(const struct job *job, const char *type, const struct http_validators *v,
		      uint64_t size, const struct http_range *range)
{
	http_response_begin(job->r, 206, job->keep_alive);
	add_validators(job->r, v);
	add_type(job->r, type);
	http_response_add(job->r, "Content-Range: bytes %llu-%llu/%llu\r\nContent-Length: %llu\r\n",
			  (unsigned long long)range->start,
			  (unsigned long long)(range->start + range->len - 1),
			  (unsigned long long)size, (unsigned long long)range->len);
	end_header(job);
	http_response_piece(job->r, HTTP_FROM_FILE, range->start, range->len);
}

static int part_header(char *out, size_t room, const struct job *job, const char *type,
		       uint64_t size, const struct http_range *range)
{
	return snprintf(
		out, room,
		"\r\n--%s\r\nContent-Type: %s\r\nContent-Range: bytes %llu-%llu/%llu\r\n\r\n",
		job->config->boundary, type, (unsigned long long)range->start,
		(unsigned long long)(range->start + range->len - 1), (unsigned long long)size);
}

/* RFC 9110, 14.6 */
static void several_ranges(const struct job *job, const char *type, const struct http_validators *v,
			   uint64_t size, const struct http_range *ranges, int n)
{
	struct http_response *r = job->r;
	uint64_t total = 0;
	size_t start;

	for (int i = 0; i < n; i++)
		total += part_header(NULL, 0, job, type, size, &ranges[i]) + ranges[i].len;
	total += strlen("\r\n----\r\n") + strlen(job->config->boundary);

	http_response_begin(r, 206, job->keep_alive);
	add_validators(r, v);
	http_response_add(
		r, "Content-Type: multipart/byteranges; boundary=%s\r\nContent-Length: %llu\r\n",
		job->config->boundary, (unsigned long long)total);
	end_header(job);
	for (int i = 0; i < n; i++) {
		char text[512];

		start = r->text_len;
		part_header(text, sizeof(text), job, type, size, &ranges[i]);
		http_response_add(r, "%s", text);
		http_response_piece(r, HTTP_FROM_TEXT, start, r->text_len - start);
		http_response_piece(r, HTTP_FROM_FILE, ranges[i].start, ranges[i].len);
	}
	start = r->text_len;
	http_response_add(r, "\r\n--%s--\r\n", job->config->boundary);
	http_response_piece(r, HTTP_FROM_TEXT, start, r->text_len - start);
}

static void serve_file(const struct job *job, const char *path, int fd, const struct stat *st)
{
	const struct http_field *range = http_request_field(job->rq, "range", NULL);
	struct http_range ranges[HTTP_MAX_RANGES];
	const char *type = mime_type(path);
	uint64_t size = st->st_size;
	struct http_validators v;
	int n = HTTP_RANGE_WHOLE, status;

	job->r->file = fd;
	http_validators_of(&v, st, time(NULL));
	status = http_preconditions(job->rq, &v);
	if (status == 304) {
		not_modified(job, &v);
		return;
	}
	if (status) {
		fail(job, status);
		return;
	}
	/* Range means something for GET alone (RFC 9110, 14.2). */
	if (range && !http_request_field(job->rq, "range", range) && !job->head &&
	    http_range_wanted(job->rq, &v))
		n = http_range_parse(range->value, range->value_len, size, ranges);
	if (n == HTTP_RANGE_NONE)
		not_satisfiable(job, size);
	else if (n == HTTP_RANGE_WHOLE)
		whole(job, type, &v, size);
	else if (n == 1)
		one_range(job, type, &v, size, ranges);
	else
		several_ranges(job, type, &v, size, ranges, n);
}

/* To the folder's own name, with the slash that its relative links need. */
static void redirect(const struct job *job, const struct http_target *t)
{
	char path[3 * HTTP_MAX_PATH];

	if (!http_encode(path, sizeof(path), t->path, t->len)) {
		fail(job, 414);
		return;
	}
	http_response_begin(job->r, 301, job->keep_alive);
	http_response_add(job->r, "Location: /%s/%s%.*s\r\nContent-Length: 0\r\n", path,
			  t->query ? "?" : "", (int)t->query_len, t->query ? t->query : "");
	end_header(job);
}

static void serve_listing(const struct job *job, const struct http_target *t, int fd)
{
	size_t len;
	int err;

	if (!job->config->listing) {
		fail(job, 403);
		return;
	}
	err = listing_make(fd, t->path, &job->r->body, &len);
	if (err) {
		job->r->body = NULL;
		fail(job, file_error_status(err));
		return;
	}
	http_response_begin(job->r, 200, job->keep_alive);
	add_type(job->r, "text/html; charset=utf-8");
	http_response_add(job->r, "Content-Length: %zu\r\n", len);
	end_header(job);
	if (!job->head)
		http_response_piece(job->r, HTTP_FROM_BODY, 0, len);
}

static void serve_folder(const struct job *job, const struct http_target *t, int folder)
{
	char path[HTTP_MAX_PATH + sizeof("/" INDEX)];
	struct stat st;
	int fd;

	if (!t->directory) {
		redirect(job, t);
		return;
	}
	snprintf(path, sizeof(path), "%s%s%s", t->path, t->len ? "/" : "", INDEX);
	fd = file_open(job->config->root, path, &st);
	if (fd == -ENOENT) {
		serve_listing(job, t, folder);
	} else if (fd < 0) {
		fail(job, file_error_status(fd));
	} else if (!S_ISREG(st.st_mode)) {
		close(fd);
		fail(job, 403);
	} else {
		serve_file(job, path, fd, &st);
	}
}

static void serve_path(const struct job *job)
{
	struct http_target t;
	struct stat st;
	int fd, status;

	status = http_target_parse(&t, job->rq->target, job->rq->target_len);
	if (status) {
		fail(job, status);
		return;
	}
	fd = file_open(job->config->root, t.path, &st);
	if (fd < 0) {
		fail(job, file_error_status(fd));
		return;
	}
	if (S_ISDIR(st.st_mode)) {
		serve_folder(job, &t, fd);
	} else if (S_ISREG(st.st_mode) && !t.directory) {
		serve_file(job, t.path, fd, &st);
		return;		/* the response keeps the descriptor */
	} else {
		fail(job, S_ISREG(st.st_mode) ? 404 : 403);
	}
	close(fd);
}

static bool expects_continue(const struct http_field *f)
{
	return f->value_len == 12 && !strncasecmp(f->value, "100-continue", 12);
}

/**
 * http_serve() - answer a request
 * @config: the service
 * @rq: the request
 * @r: the response to make
 * @keep_alive: the connection may persist
 */
void http_serve(const struct http_config *config, const struct http_request *rq,
		struct http_response *r, bool keep_alive)
{
	const struct http_field *expect = http_request_field(rq, "expect", NULL);
	struct job job = {
		.config = config, .rq = rq, .r = r,
		.head = rq->method == HTTP_KIND_HEAD,
		/* Content is not read, so that nothing can follow it. */
		.keep_alive = keep_alive && !rq->has_content,
	};

	if (rq->method == HTTP_KIND_OTHER) {
		fail(&job, 405);
	} else if (expect && !expects_continue(expect)) {
		fail(&job, 417);
	} else if (rq->has_content) {
		fail(&job, 413);
	} else if (rq->method == HTTP_KIND_OPTIONS) {
		http_response_begin(r, 204, job.keep_alive);
		http_response_add(r, "Allow: " ALLOWED "\r\n");
		end_header(&job);
	} else {
		serve_path(&job);
	}
	if (r->failed)
		http_serve_error(r, 500, false, job.head);
}
