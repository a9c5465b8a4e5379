// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A complete header into a struct http_request, by llhttp, and the checks that
 * depend on several fields together.
 */
#include "request.h"

#include <ctype.h>
#include <llhttp.h>
#include <string.h>
#include <strings.h>

struct context {
	struct http_request *rq;
	unsigned int max;
	struct http_field *field;
	char *target;
	bool complete;
};

/* Those of which a server must know more than one of each. */
struct special {
	const struct http_field *host, *length, *encoding;
	bool again;
};

static struct context *context_of(llhttp_t *p)
{
	return p->data;
}

/* The whole header is in one piece, and so is each part of it. */
static int on_url(llhttp_t *p, const char *at, size_t n)
{
	struct context *ctx = context_of(p);

	if (ctx->target)
		return -1;
	ctx->target = (char *)at;
	ctx->rq->target_len = n;
	return 0;
}

static int on_name(llhttp_t *p, const char *at, size_t n)
{
	struct context *ctx = context_of(p);
	struct http_fields *fields = &ctx->rq->fields;

	if (fields->n == ctx->max)
		return -1;
	ctx->field[fields->n++] =
		(struct http_field){ .name = at, .name_len = n, .value = at + n };
	return 0;
}

static int on_value(llhttp_t *p, const char *at, size_t n)
{
	struct context *ctx = context_of(p);
	struct http_field *f;

	if (!ctx->rq->fields.n)
		return -1;
	f = &ctx->field[ctx->rq->fields.n - 1];
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
	context_of(p)->complete = true;
	/* Content is not for this parser: see body.c. */
	return 1;
}

/**
 * http_method_known() - whether a method is one that HTTP has
 * @name: its name, which is case-sensitive
 * @kind: where to put which, of those that have a kind of their own
 */
bool http_method_known(const char *name, enum http_kind *kind)
{
	static const struct { const char *name; enum http_kind kind; } kinds[] = {
		{ "GET", HTTP_KIND_GET },	{ "HEAD", HTTP_KIND_HEAD },
		{ "POST", HTTP_KIND_POST },	{ "PUT", HTTP_KIND_PUT },
		{ "DELETE", HTTP_KIND_DELETE },	{ "OPTIONS", HTTP_KIND_OPTIONS },
	};
#define NAME(number, id, text) #text,
	static const char *const names[] = { HTTP_METHOD_MAP(NAME) };
#undef NAME

	*kind = HTTP_KIND_OTHER;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (!strcmp(name, kinds[i].name)) {
			*kind = kinds[i].kind;
			return true;
		}
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(name, names[i]))
			return strcmp(name, "PRI") && strcmp(name, "SOURCE");
	return false;
}

/**
 * http_length_parse() - the value of a Content-Length field
 * @s: its text
 * @len: its length
 * @length: where to
 *
 * Return: 0, 400, or 413 when no number of ours is so great.
 */
int http_length_parse(const char *s, size_t len, int64_t *length)
{
	int64_t n = 0;
	bool great = false;

	if (!len)
		return 400;
	for (size_t i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return 400;
		great = great || n > (INT64_MAX - 9) / 10;
		if (!great)
			n = 10 * n + (s[i] - '0');
	}
	*length = n;
	return great ? 413 : 0;
}

/**
 * http_request_authority() - host and port of a request, checked
 * @rq: the request: gets its authority and host
 * @a: memory
 * @s: uri-host [ ":" port ]
 * @len: its length
 *
 * Return: 0, or the status to refuse the request with.
 */
int http_request_authority(struct http_request *rq, struct arena *a, const char *s, size_t len)
{
	char *host;
	size_t n = 0;

	if (!http_host_valid(s, len))
		return 400;
	rq->authority = arena_strndup(a, s, len);
	host = arena_strndup(a, s, len);
	if (!rq->authority || !host)
		return 503;
	if (host[0] == '[')
		n = strchr(host, ']') - host + 1;
	else
		n = strcspn(host, ":");
	host[n] = 0;
	for (char *p = host; *p; p++)
		*p = tolower((unsigned char)*p);
	rq->host = host;
	return 0;
}

static void note(struct special *sp, const struct http_field **slot, const struct http_field *f)
{
	sp->again = sp->again || *slot;
	*slot = f;
}

static bool named(const struct http_field *f, const char *name)
{
	return !strncasecmp(f->name, name, f->name_len);
}

/* One pass over the fields for all that the protocol itself looks at. */
static void find_special(const struct http_request *rq, struct special *sp,
			 struct http_framing *framing)
{
	bool close = false, keep_alive = false;
	struct http_fields one = { .n = 1 };

	for (unsigned int i = 0; i < rq->fields.n; i++) {
		const struct http_field *f = &rq->fields.field[i];

		switch (f->name_len) {
		case 2:
			one.field = (struct http_field *)f;
			if (named(f, "te") && http_list_has(&one, "te", "trailers"))
				framing->te_trailers = true;
			break;
		case 4:
			if (named(f, "host"))
				note(sp, &sp->host, f);
			break;
		case 10:
			if (!named(f, "connection"))
				break;
			one.field = (struct http_field *)f;
			close = close || http_list_has(&one, "connection", "close");
			keep_alive = keep_alive || http_list_has(&one, "connection", "keep-alive");
			break;
		case 14:
			if (named(f, "content-length"))
				note(sp, &sp->length, f);
			break;
		case 17:
			if (named(f, "transfer-encoding"))
				note(sp, &sp->encoding, f);
			break;
		}
	}
	framing->keep_alive = !close && (rq->version == HTTP_1_1 || keep_alive);
}

/* RFC 9112, 6.1 and 6.3: what leaves the length of the content in doubt is refused. */
static int check_encoding(const struct http_request *rq, const struct special *sp)
{
	const struct http_field *f = sp->encoding;
	const char *last = f->value + f->value_len;
	static const char chunked[] = "chunked";
	size_t len;

	if (sp->length || sp->again || rq->version == HTTP_1_0)
		return 400;
	if (http_field_is(f, chunked))
		return 0;
	while (last > f->value && last[-1] != ',' && last[-1] != ' ' && last[-1] != '\t')
		last--;
	len = f->value + f->value_len - last;
	/* A coding that we do not know, or chunks that do not tell the end. */
	if (len != strlen(chunked) || strncasecmp(last, chunked, len))
		return http_list_has(&rq->fields, "transfer-encoding", chunked) || !len ? 400 : 501;
	/* Applied twice? */
	for (const char *p = f->value; p + len <= last; p++)
		if (!strncasecmp(p, chunked, len))
			return 400;
	return 501;
}

static int check_framing(struct http_request *rq, const struct special *sp,
			 struct http_framing *framing)
{
	if (sp->again)
		return 400;
	if (sp->encoding) {
		framing->chunked = true;
		rq->content_length = -1;
		return check_encoding(rq, sp);
	}
	return sp->length ? http_length_parse(sp->length->value, sp->length->value_len,
					      &rq->content_length)
			  : 0;
}

/*
 * RFC 9112, 3.2.  What is in absolute form becomes origin form, and its authority is what
 * counts, not the Host field's.
 */
static int check_target(struct http_request *rq, struct arena *a, char *target)
{
	size_t scheme = !strncasecmp(target, "http://", 7) ? 7 :
			!strncasecmp(target, "https://", 8) ? 8 : 0;
	size_t len;
	int status;

	if (memchr(target, '#', rq->target_len))
		return 400;
	if (scheme) {
		len = strcspn(target + scheme, "/?");
		status = http_request_authority(rq, a, target + scheme, len);
		if (status)
			return status;
		target += scheme + len;
		rq->target_len -= scheme + len;
		if (*target != '/') {
			*--target = '/';
			rq->target_len++;
		}
	} else if (target[0] == '*') {
		if (target[1] || rq->kind != HTTP_KIND_OPTIONS)
			return 400;
	} else if (target[0] != '/') {
		return 400;
	}
	rq->target = target;
	return 0;
}

static int check_host(struct http_request *rq, struct arena *a, const struct special *sp)
{
	const struct http_field *host = sp->host;

	if (!host)
		return rq->version == HTTP_1_0 ? 0 : 400;
	return http_request_authority(rq, a, host->value, host->value_len);
}

/**
 * http_request_parse() - parse a header that http_scan() found complete
 * @rq: what to fill in; its texts are in @head and @a, and end in NUL
 * @framing: what to fill in beside
 * @a: memory
 * @head: the header from the request line on; is written to
 * @len: its length with the empty line
 * @fields: how many fields it has
 *
 * Return: 0, or the status to refuse it with.
 */
int http_request_parse(struct http_request *rq, struct http_framing *framing, struct arena *a,
		       char *head, size_t len, unsigned int fields)
{
	static const llhttp_settings_t settings = {
		.on_url = on_url,
		.on_header_field = on_name,
		.on_header_value = on_value,
		.on_headers_complete = on_headers_complete,
	};
	char *eol = memchr(head, '\r', len), *space = memchr(head, ' ', len);
	struct context ctx = { .rq = rq, .max = fields };
	struct special sp = { 0 };
	llhttp_t parser;
	llhttp_errno_t err;
	int status;

	*framing = (struct http_framing){ 0 };
	*rq = (struct http_request){ .method = "", .target = "", .host = "", .authority = "" };
	rq->version = eol[-1] == '0' ? HTTP_1_0 : HTTP_1_1;
	ctx.field = arena_alloc(a, (fields + !fields) * sizeof(*ctx.field));
	if (!ctx.field)
		return 503;
	rq->fields.field = ctx.field;
	/* RFC 9110, 2.5: a higher minor version is spoken to as our own. */
	if (rq->version == HTTP_1_1)
		eol[-1] = '1';
	*space = 0;
	rq->method = head;
	if (!http_method_known(head, &rq->kind) || !strcmp(head, "CONNECT"))
		return 501;
	*space = ' ';
	llhttp_init(&parser, HTTP_REQUEST, &settings);
	/* What these allow is for check_framing(), which is stricter and exact. */
	llhttp_set_lenient_chunked_length(&parser, 1);
	llhttp_set_lenient_transfer_encoding(&parser, 1);
	parser.data = &ctx;
	err = llhttp_execute(&parser, head, len);
	*space = 0;
	/* An upgrade that is not taken up is an ordinary request. */
	if ((err != HPE_OK && err != HPE_PAUSED_UPGRADE) || !ctx.complete || !ctx.target)
		return 400;
	ctx.target[rq->target_len] = 0;
	rq->target = ctx.target;
	find_special(rq, &sp, framing);
	status = check_framing(rq, &sp, framing);
	if (!status)
		status = check_host(rq, a, &sp);
	return status ? status : check_target(rq, a, ctx.target);
}
