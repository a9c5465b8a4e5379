// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The content of a request, taken apart as it arrives.
 */
#include "formdata.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "multipart.h"
#include "parameter.h"
#include "tmpfile.h"
#include "urlencoded.h"
#include "utf8.h"

#define MAX_TYPE	1024

/**
 * struct formdata - a form
 * @kind: how it arrives
 * @limits: bounds
 * @type: its media type, without parameters
 * @error: why it was refused, or NULL
 * @status: HTTP status that goes with @error
 * @size: octets so far
 * @hash: of the file that is being read, or of all octets of opaque content
 * @sha256: result for opaque content
 * @first: fields and files
 * @last: where the next is appended
 * @file: the item being read is a file
 * @room: octets that the value being read can hold
 * @items: fields and files so far
 * @memory: octets of names and values so far
 * @urlencoded: parser of that kind
 * @multipart: parser of that kind, or NULL
 */
struct formdata {
	enum formdata_kind kind;
	struct formdata_limits limits;
	char *type;
	const char *error;
	int status;
	uint64_t size;
	EVP_MD_CTX *hash;
	char sha256[65];
	struct formdata_item *first, *last;
	bool file;
	size_t room;
	unsigned int items;
	size_t memory;
	struct urlencoded urlencoded;
	struct multipart *multipart;
};

static int refuse(struct formdata *f, int status, const char *error)
{
	f->error = error;
	f->status = status;
	return status;
}

static int no_memory(struct formdata *f)
{
	return refuse(f, 500, "out of memory");
}

static int charge(struct formdata *f, size_t len)
{
	if (len > f->limits.memory - f->memory)
		return refuse(f, 413, "the fields of the form are too long in all");
	f->memory += len;
	return 0;
}

static int hash_begin(struct formdata *f)
{
	return EVP_DigestInit_ex(f->hash, EVP_sha256(), NULL) ? 0 : no_memory(f);
}

static int hash_end(struct formdata *f, char hex[65])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int n;

	if (!EVP_DigestFinal_ex(f->hash, digest, &n))
		return no_memory(f);
	for (unsigned int i = 0; i < n; i++)
		sprintf(hex + 2 * i, "%02x", digest[i]);
	return 0;
}

static int add_item(struct formdata *f, const char *name)
{
	struct formdata_item *item;
	int status = charge(f, strlen(name));

	if (status)
		return status;
	item = calloc(1, sizeof(*item));
	if (!item)
		return no_memory(f);
	item->fd = -1;
	item->name = strdup(name);
	if (f->last)
		f->last->next = item;
	else
		f->first = item;
	f->last = item;
	f->items++;
	return item->name ? 0 : no_memory(f);
}

static int add_value(struct formdata *f, const char *data, size_t len)
{
	struct formdata_item *item = f->last;
	int status = charge(f, len);

	if (status)
		return status;
	if (item->value_len + len >= f->room) {
		size_t room = 2 * f->room > item->value_len + len ? 2 * f->room :
								    item->value_len + len + 1;
		char *value = realloc(item->value, room);

		if (!value)
			return no_memory(f);
		item->value = value;
		f->room = room;
	}
	memcpy(item->value + item->value_len, data, len);
	item->value_len += len;
	item->value[item->value_len] = 0;
	item->size = item->value_len;
	return 0;
}

static int pair(void *ctx, const char *name, const char *value, size_t value_len)
{
	struct formdata *f = ctx;
	int status = add_item(f, name);

	f->room = 0;
	return status ? status : add_value(f, value, value_len);
}

static int open_spool(struct formdata *f, struct formdata_item *item)
{
	/* Nameless from the beginning: whatever happens, nothing is left behind. */
	item->fd = ln_tmpfile(f->limits.spool);
	return item->fd < 0 ? refuse(f, 500, "no file could be made for what was uploaded") : 0;
}

static int part(void *ctx, const struct multipart_part *p)
{
	struct formdata *f = ctx;
	int status = charge(f, strlen(p->type) + (p->filename ? strlen(p->filename) : 0));

	if (!status)
		status = add_item(f, p->name);
	if (status)
		return status;
	f->last->type = strdup(p->type);
	if (!f->last->type)
		return no_memory(f);
	f->file = p->filename;
	if (!f->file) {
		f->room = 0;
		return add_value(f, "", 0);
	}
	f->last->filename = strdup(p->filename);
	if (!f->last->filename)
		return no_memory(f);
	status = hash_begin(f);
	if (status || f->limits.spool < 0)
		return status;
	return open_spool(f, f->last);
}

static int spool(struct formdata *f, int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return refuse(f, 507, "there is no room for what was uploaded");
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

static int part_data(void *ctx, const char *data, size_t len)
{
	struct formdata *f = ctx;
	struct formdata_item *item = f->last;

	if (!f->file)
		return add_value(f, data, len);
	item->size += len;
	if (!EVP_DigestUpdate(f->hash, data, len))
		return no_memory(f);
	return item->fd < 0 ? 0 : spool(f, item->fd, data, len);
}

static int part_end(void *ctx)
{
	struct formdata *f = ctx;
	struct formdata_item *item = f->last;

	if (!f->file) {
		if (memchr(item->value, 0, item->value_len) ||
		    !utf8_valid(item->value, item->value_len))
			return refuse(f, 400, "a field's value must be UTF-8 without NUL");
		return 0;
	}
	if (item->fd >= 0 && lseek(item->fd, 0, SEEK_SET) < 0)
		return refuse(f, 500, "what was uploaded cannot be read again");
	return hash_end(f, item->sha256);
}

static const struct multipart_events multipart_events = {
	.part = part,
	.data = part_data,
	.part_end = part_end,
};

static int begin_multipart(struct formdata *f, const char *boundary)
{
	int status;

	if (!boundary)
		return refuse(f, 400, "multipart/form-data without a boundary");
	f->multipart = calloc(1, sizeof(*f->multipart));
	if (!f->multipart)
		return no_memory(f);
	f->multipart->events = &multipart_events;
	f->multipart->ctx = f;
	f->multipart->max_parts = f->limits.items;
	status = multipart_init(f->multipart, boundary, strlen(boundary));
	return status ? refuse(f, status, f->multipart->error) : 0;
}

static int begin_urlencoded(struct formdata *f)
{
	f->urlencoded = (struct urlencoded){
		.pair = pair,
		.ctx = f,
		.max_pairs = f->limits.items,
		.max_octets = f->limits.memory,
	};
	return 0;
}

/* @text is taken apart. */
static int begin(struct formdata *f, char *text)
{
	char *rest, *boundary = NULL, *charset = NULL;
	struct parameter p;
	int r;

	f->type = strdup(parameter_main(text, &rest));
	if (!f->type)
		return no_memory(f);
	if (!parameter_is_media_type(f->type))
		return refuse(f, 400, "Content-Type is malformed");
	f->kind = !strcasecmp(f->type, "application/x-www-form-urlencoded") ? FORMDATA_URLENCODED :
		  !strcasecmp(f->type, "multipart/form-data") ? FORMDATA_MULTIPART :
								FORMDATA_OPAQUE;
	if (f->kind == FORMDATA_OPAQUE)
		return hash_begin(f);
	while ((r = parameter_next(&rest, &p)) > 0) {
		char **to = !strcasecmp(p.name, "boundary") ? &boundary :
			    !strcasecmp(p.name, "charset")  ? &charset :
							      NULL;

		if (to && *to)
			return refuse(f, 400, "Content-Type has a parameter more than once");
		if (to)
			*to = p.value;
	}
	if (r < 0)
		return refuse(f, 400, "Content-Type is malformed");
	if (charset && strcasecmp(charset, "utf-8") && strcasecmp(charset, "us-ascii"))
		return refuse(f, 415, "a form's charset must be utf-8");
	return f->kind == FORMDATA_MULTIPART ? begin_multipart(f, boundary) : begin_urlencoded(f);
}

/**
 * formdata_new() - begin
 * @type: value of Content-Type; need not end in NUL; NULL: there was none
 * @type_len: its length
 * @limits: bounds, copied; @limits->spool must stay open
 *
 * Return: the form, on which formdata_error() tells whether @type was refused; NULL when
 * memory is short.
 */
struct formdata *formdata_new(const char *type, size_t type_len,
			      const struct formdata_limits *limits)
{
	struct formdata *f = calloc(1, sizeof(*f));
	char text[MAX_TYPE];

	if (!f)
		return NULL;
	f->limits = *limits;
	f->hash = EVP_MD_CTX_new();
	if (!f->hash) {
		free(f);
		return NULL;
	}
	if (!type || !type_len) {	/* RFC 9110, 8.3 */
		type = "application/octet-stream";
		type_len = strlen(type);
	}
	if (type_len >= sizeof(text) || memchr(type, 0, type_len)) {
		refuse(f, 400, "Content-Type is malformed");
		return f;
	}
	memcpy(text, type, type_len);
	text[type_len] = 0;
	begin(f, text);
	return f;
}

/**
 * formdata_add() - more of the content
 * @f: the form
 * @data: octets
 * @len: how many
 *
 * Return: 0, or the HTTP status that refuses the form, the same at every further call;
 * formdata_error() says why.
 */
int formdata_add(struct formdata *f, const char *data, size_t len)
{
	int status = 0;

	if (f->error)
		return f->status;
	f->size += len;
	switch (f->kind) {
	case FORMDATA_OPAQUE:
		status = EVP_DigestUpdate(f->hash, data, len) ? 0 : no_memory(f);
		break;
	case FORMDATA_URLENCODED:
		status = urlencoded_add(&f->urlencoded, data, len);
		break;
	case FORMDATA_MULTIPART:
		status = multipart_add(f->multipart, data, len);
		break;
	}
	if (status && !f->error)
		refuse(f, status, f->multipart ? f->multipart->error : f->urlencoded.error);
	return status;
}

/**
 * formdata_end() - the content is complete
 * @f: the form
 *
 * Return: 0, or the HTTP status that refuses the form; formdata_error() says why.
 */
int formdata_end(struct formdata *f)
{
	int status = 0;

	if (f->error)
		return f->status;
	switch (f->kind) {
	case FORMDATA_OPAQUE:
		status = hash_end(f, f->sha256);
		break;
	case FORMDATA_URLENCODED:
		status = urlencoded_end(&f->urlencoded);
		break;
	case FORMDATA_MULTIPART:
		status = multipart_end(f->multipart);
		break;
	}
	if (status && !f->error)
		refuse(f, status, f->multipart ? f->multipart->error : f->urlencoded.error);
	return status;
}

/**
 * formdata_error() - why the form is refused
 * @f: the form
 *
 * Return: a text in English, or NULL: it is not.
 */
const char *formdata_error(const struct formdata *f)
{
	return f->error;
}

/**
 * formdata_kind() - how the form arrived
 * @f: the form
 *
 * Return: one of the three kinds.
 */
enum formdata_kind formdata_kind(const struct formdata *f)
{
	return f->kind;
}

/**
 * formdata_type() - the content's media type
 * @f: the form, without an error
 *
 * Return: the type without parameters, as sent.
 */
const char *formdata_type(const struct formdata *f)
{
	return f->type;
}

/**
 * formdata_size() - the content's length
 * @f: the form
 *
 * Return: octets.
 */
uint64_t formdata_size(const struct formdata *f)
{
	return f->size;
}

/**
 * formdata_sha256() - hash of opaque content
 * @f: the form, complete
 *
 * Return: hexadecimal digits; empty for the other kinds.
 */
const char *formdata_sha256(const struct formdata *f)
{
	return f->sha256;
}

/**
 * formdata_first() - fields and files, in the order in which they were sent
 * @f: the form
 *
 * Return: the first, or NULL.
 */
const struct formdata_item *formdata_first(const struct formdata *f)
{
	return f->first;
}

/**
 * formdata_free() - let the form go
 * @f: the form, or NULL
 */
void formdata_free(struct formdata *f)
{
	struct formdata_item *item, *next;

	if (!f)
		return;
	for (item = f->first; item; item = next) {
		next = item->next;
		if (item->fd >= 0)
			close(item->fd);
		free(item->name);
		free(item->value);
		free(item->filename);
		free(item->type);
		free(item);
	}
	urlencoded_free(&f->urlencoded);
	free(f->multipart);
	free(f->type);
	EVP_MD_CTX_free(f->hash);
	free(f);
}
