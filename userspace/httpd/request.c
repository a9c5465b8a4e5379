// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A complete header into a struct http_request, by llhttp, and the checks that
 * depend on several fields together.
 */
#include "request.h"

#include <llhttp.h>
#include <string.h>
#include <strings.h>

#define VERSION_LEN	8	/* HTTP/1.1 */

struct context {
	struct http_request *rq;
	bool complete;
};

static struct context *context_of(llhttp_t *p)
{
	return p->data;
}

/* The whole header is in one piece, and so is each part of it. */
static int on_url(llhttp_t *p, const char *at, size_t n)
{
	struct http_request *rq = context_of(p)->rq;

	if (rq->target)
		return -1;
	rq->target = at;
	rq->target_len = n;
	return 0;
}

static int on_name(llhttp_t *p, const char *at, size_t n)
{
	struct http_request *rq = context_of(p)->rq;

	if (rq->n_fields == HTTP_MAX_FIELDS)
		return -1;
	rq->fields[rq->n_fields++] =
		(struct http_field){ .name = at, .name_len = n, .value = at + n };
	return 0;
}

static int on_value(llhttp_t *p, const char *at, size_t n)
{
	struct http_request *rq = context_of(p)->rq;
	struct http_field *f;

	if (!rq->n_fields)
		return -1;
	f = &rq->fields[rq->n_fields - 1];
	if (f->value_len)
		return -1;
	while (n && (at[n - 1] == ' ' || at[n - 1] == '\t'))
		n--;
	f->value = at;
	f->value_len = n;
	return 0;
}

static int on_headers_complete(llhttp_t *p)
{
	struct http_request *rq = context_of(p)->rq;

	context_of(p)->complete = true;
	rq->keep_alive = llhttp_should_keep_alive(p);
	switch (p->method) {
	case HTTP_GET:
		rq->method = HTTP_KIND_GET;
		break;
	case HTTP_HEAD:
		rq->method = HTTP_KIND_HEAD;
		break;
	case HTTP_OPTIONS:
		rq->method = HTTP_KIND_OPTIONS;
		break;
	}
	/* Content is not for the parser: what has some ends the connection. */
	return 1;
}

/**
 * http_request_field() - find a field by name
 * @rq: the request
 * @name: name in any case
 * @after: NULL, or the field found before, to find the next of that name
 */
const struct http_field *http_request_field(const struct http_request *rq, const char *name,
					     const struct http_field *after)
{
	const struct http_field *f = after ? after + 1 : rq->fields;

	for (; f < rq->fields + rq->n_fields; f++)
		if (f->name_len == strlen(name) && !strncasecmp(f->name, name, f->name_len))
			return f;
	return NULL;
}

/**
 * http_host_valid() - whether text is a host with an optional port
 * @s: uri-host [ ":" port ] of RFC 9110, 7.2
 * @n: its length
 */
bool http_host_valid(const char *s, size_t n)
{
	static const char name_chars[] = "-._~%!$&'()*+,;=";
	size_t i = 0;

	if (n && s[0] == '[') {
		for (i = 1; i < n && s[i] != ']'; i++)
			if (!memchr("0123456789abcdefABCDEF:.", s[i], 24))
				return false;
		if (i < 3 || i == n)
			return false;
		i++;
	} else {
		for (; i < n && s[i] != ':'; i++) {
			unsigned char ch = s[i];

			if (!(ch >= '0' && ch <= '9') &&
			    !((ch | 0x20) >= 'a' && (ch | 0x20) <= 'z') &&
			    !memchr(name_chars, ch, sizeof(name_chars) - 1))
				return false;
		}
		if (!i)
			return false;
	}
	if (i == n)
		return true;
	if (s[i++] != ':')
		return false;
	for (; i < n; i++)
		if (s[i] < '0' || s[i] > '9')
			return false;
	return true;
}

static int check_host(const struct http_request *rq, bool required)
{
	const struct http_field *host = http_request_field(rq, "host", NULL);

	if (!host)
		return required ? 400 : 0;
	if (http_request_field(rq, "host", host))
		return 400;
	return http_host_valid(host->value, host->value_len) ? 0 : 400;
}

/* RFC 9112, 6.1 and 6.3: what leaves the length of the content in doubt. */
static int check_framing(struct http_request *rq, unsigned int minor)
{
	const struct http_field *te = http_request_field(rq, "transfer-encoding", NULL);
	const struct http_field *cl = http_request_field(rq, "content-length", NULL);

	if (te && (cl || !minor || http_request_field(rq, "transfer-encoding", te)))
		return 400;
	if (cl && (!cl->value_len || http_request_field(rq, "content-length", cl)))
		return 400;
	if (te && (te->value_len != 7 || strncasecmp(te->value, "chunked", 7)))
		return 501;
	rq->has_content = te;
	for (size_t i = 0; cl && i < cl->value_len; i++) {
		if (cl->value[i] < '0' || cl->value[i] > '9')
			return 400;
		if (cl->value[i] != '0')
			rq->has_content = true;
	}
	return 0;
}

/**
 * http_request_parse() - parse a header that http_scan() found complete
 * @rq: what to fill in
 * @head: the header from the request line on; the version's minor digit may
 *	be lowered in it
 * @len: its length with the empty line
 *
 * Return: 0, or the status to refuse it with.
 */
int http_request_parse(struct http_request *rq, char *head, size_t len)
{
	static const llhttp_settings_t settings = {
		.on_url = on_url,
		.on_header_field = on_name,
		.on_header_value = on_value,
		.on_headers_complete = on_headers_complete,
	};
	struct context ctx = { .rq = rq };
	char *eol = memchr(head, '\r', len);
	unsigned int minor = eol[-1] - '0';
	llhttp_t parser;
	llhttp_errno_t err;
	int status;

	memset(rq, 0, offsetof(struct http_request, fields));
	/* RFC 9110, 2.5: a higher minor version is spoken to as our own. */
	if (minor > 1)
		eol[-1] = '1';
	llhttp_init(&parser, HTTP_REQUEST, &settings);
	parser.data = &ctx;
	err = llhttp_execute(&parser, head, len);
	if (err == HPE_INVALID_METHOD)
		return 501;
	/* An upgrade that is not taken up is an ordinary request. */
	if ((err != HPE_OK && err != HPE_PAUSED_UPGRADE) || !ctx.complete || !rq->target)
		return 400;
	status = check_host(rq, minor >= 1);
	return status ? status : check_framing(rq, minor);
}
