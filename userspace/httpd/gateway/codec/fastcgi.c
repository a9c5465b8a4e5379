// SPDX-License-Identifier: GPL-2.0-or-later
/* FastCGI 1.0 records: https://fastcgi-archives.github.io/FastCGI_Specification.html */
#include <errno.h>
#include <string.h>

#include "fastcgi.h"

#define BODY_LEN	8	/* content of BEGIN_REQUEST, END_REQUEST and UNKNOWN_TYPE */
#define LONG_LENGTH	0x80	/* a pair's length in four octets instead of one */
#define PAD_TO		8	/* recommended in 3.3 */

static unsigned int u16(const unsigned char *at)
{
	return at[0] << 8 | at[1];
}

/**
 * fcgi_read() - take the next piece of what arrived
 * @r: where reading stands
 * @data: octets that arrived
 * @len: how many, at least 1
 * @piece: what was found
 *
 * Return: octets taken, at least 1; -EBADMSG: not FastCGI 1.
 */
ssize_t fcgi_read(struct fcgi_reader *r, const char *data, size_t len, struct fcgi_piece *piece)
{
	size_t n;

	*piece = (struct fcgi_piece){ 0 };
	if (r->have < FCGI_HEADER_LEN) {
		n = FCGI_HEADER_LEN - r->have;
		if (n > len)
			n = len;
		memcpy(r->header + r->have, data, n);
		r->have += n;
		if (r->header[0] != FCGI_VERSION)
			return -EBADMSG;
		if (r->have < FCGI_HEADER_LEN)
			return n;
		r->left = u16(r->header + 4);
		r->padding = r->header[6];
		piece->first = true;
	} else if (r->left) {
		n = r->left < len ? r->left : len;
		r->left -= n;
		piece->data = data;
		piece->len = n;
	} else {
		n = r->padding < len ? r->padding : len;
		r->padding -= n;
	}
	piece->type = r->header[1];
	piece->id = u16(r->header + 2);
	piece->length = u16(r->header + 4);
	if (!r->left && !r->padding) {
		piece->last = true;
		r->have = 0;
	}
	return n;
}

/**
 * fcgi_parse_begin() - content of FCGI_BEGIN_REQUEST
 * @content: the whole content
 * @len: its length
 * @begin: result
 *
 * Return: false when it is malformed.
 */
bool fcgi_parse_begin(const char *content, size_t len, struct fcgi_begin *begin)
{
	const unsigned char *at = (const unsigned char *)content;

	if (len != BODY_LEN)
		return false;
	begin->role = u16(at);
	begin->keep = at[2] & FCGI_KEEP_CONN;
	return true;
}

/**
 * fcgi_parse_end() - content of FCGI_END_REQUEST
 * @content: the whole content
 * @len: its length
 * @end: result
 *
 * Return: false when it is malformed.
 */
bool fcgi_parse_end(const char *content, size_t len, struct fcgi_end *end)
{
	const unsigned char *at = (const unsigned char *)content;

	if (len != BODY_LEN || at[4] > FCGI_UNKNOWN_ROLE)
		return false;
	end->app_status = (uint32_t)u16(at) << 16 | u16(at + 2);
	end->protocol_status = at[4];
	return true;
}

static bool take_length(const unsigned char **at, size_t *left, size_t *len)
{
	if (!*left)
		return false;
	if (!(**at & LONG_LENGTH)) {
		*len = **at;
		*at += 1;
		*left -= 1;
		return true;
	}
	if (*left < 4)
		return false;
	*len = (size_t)(u16(*at) & 0x7fff) << 16 | u16(*at + 2);
	*at += 4;
	*left -= 4;
	return true;
}

/**
 * fcgi_next_pair() - the next name and value
 * @at: where, in a complete stream of FCGI_PARAMS; moved on
 * @left: octets there; taken off
 * @pair: result
 *
 * Return: 1, 0 at the end, -1 when it is malformed.
 */
int fcgi_next_pair(const char **at, size_t *left, struct fcgi_pair *pair)
{
	const unsigned char *p = (const unsigned char *)*at;
	size_t n = *left;

	if (!n)
		return 0;
	if (!take_length(&p, &n, &pair->name_len) || !take_length(&p, &n, &pair->value_len) ||
	    pair->name_len > n || pair->value_len > n - pair->name_len)
		return -1;
	pair->name = (const char *)p;
	pair->value = pair->name + pair->name_len;
	*at = pair->value + pair->value_len;
	*left = n - pair->name_len - pair->value_len;
	return 1;
}

/**
 * fcgi_header() - a record's header
 * @out: where to
 * @type: the record's type
 * @id: request id
 * @len: octets of content, at most FCGI_MAX_CONTENT
 * @padding: octets of padding after it, at most 255
 */
void fcgi_header(char out[FCGI_HEADER_LEN], enum fcgi_type type, unsigned int id,
		 unsigned int len, unsigned int padding)
{
	const unsigned char header[FCGI_HEADER_LEN] = {
		FCGI_VERSION, type, id >> 8, id, len >> 8, len, padding, 0,
	};

	memcpy(out, header, sizeof(header));
}

static void put_record(struct cgi_buffer *b, enum fcgi_type type, unsigned int id,
		       const char *data, size_t len)
{
	unsigned int padding = -len % PAD_TO;
	char *at = cgi_buffer_extend(b, FCGI_HEADER_LEN + len + padding);

	if (!at)
		return;
	fcgi_header(at, type, id, len, padding);
	if (len)
		memcpy(at + FCGI_HEADER_LEN, data, len);
	memset(at + FCGI_HEADER_LEN + len, 0, padding);
}

/**
 * fcgi_put_begin() - append a whole FCGI_BEGIN_REQUEST
 * @b: where to
 * @id: request id
 * @role: what the application shall be
 * @keep: leave the connection open after the request
 */
void fcgi_put_begin(struct cgi_buffer *b, unsigned int id, enum fcgi_role role, bool keep)
{
	const unsigned char body[BODY_LEN] = { role >> 8, role, keep ? FCGI_KEEP_CONN : 0 };

	put_record(b, FCGI_BEGIN_REQUEST, id, (const char *)body, sizeof(body));
}

/**
 * fcgi_put_end() - append a whole FCGI_END_REQUEST
 * @b: where to
 * @id: request id
 * @app_status: the application's exit status
 * @protocol_status: how it went
 */
void fcgi_put_end(struct cgi_buffer *b, unsigned int id, uint32_t app_status,
		  enum fcgi_protocol_status protocol_status)
{
	const unsigned char body[BODY_LEN] = {
		app_status >> 24, app_status >> 16, app_status >> 8, app_status, protocol_status,
	};

	put_record(b, FCGI_END_REQUEST, id, (const char *)body, sizeof(body));
}

/**
 * fcgi_put_unknown() - append a whole FCGI_UNKNOWN_TYPE
 * @b: where to
 * @type: the type of management record that is not known
 */
void fcgi_put_unknown(struct cgi_buffer *b, unsigned int type)
{
	const unsigned char body[BODY_LEN] = { type };

	put_record(b, FCGI_UNKNOWN_TYPE, 0, (const char *)body, sizeof(body));
}

/**
 * fcgi_put_stream() - append some of a stream
 * @b: where to
 * @type: FCGI_PARAMS, FCGI_STDIN, FCGI_STDOUT, FCGI_STDERR or FCGI_DATA
 * @id: request id
 * @data: the octets
 * @len: how many, may be more than a record holds; 0 appends nothing, since an empty record
 *	would end the stream
 */
void fcgi_put_stream(struct cgi_buffer *b, enum fcgi_type type, unsigned int id, const char *data,
		     size_t len)
{
	while (len) {
		size_t n = len < FCGI_MAX_CONTENT ? len : FCGI_MAX_CONTENT;

		put_record(b, type, id, data, n);
		data += n;
		len -= n;
	}
}

/**
 * fcgi_put_stream_end() - append the empty record that ends a stream
 * @b: where to
 * @type: the stream
 * @id: request id
 */
void fcgi_put_stream_end(struct cgi_buffer *b, enum fcgi_type type, unsigned int id)
{
	put_record(b, type, id, NULL, 0);
}

static void put_length(struct cgi_buffer *b, size_t len)
{
	const unsigned char four[4] = { len >> 24 | LONG_LENGTH, len >> 16, len >> 8, len };
	unsigned char one = len;

	if (len < LONG_LENGTH)
		cgi_buffer_add(b, &one, 1);
	else
		cgi_buffer_add(b, four, sizeof(four));
}

/**
 * fcgi_put_pair() - append a name and a value, without a record's header
 * @b: where to
 * @name: the name
 * @name_len: its length, below 2^31
 * @value: the value
 * @value_len: its length, below 2^31
 */
void fcgi_put_pair(struct cgi_buffer *b, const char *name, size_t name_len, const char *value,
		   size_t value_len)
{
	put_length(b, name_len);
	put_length(b, value_len);
	cgi_buffer_add(b, name, name_len);
	cgi_buffer_add(b, value, value_len);
}
