/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * FastCGI 1.0 records, for both sides: the web server's (gateway/fastcgi.c) and the
 * application's (linnet-wsgi).  No sockets, no allocation except in struct cgi_buffer.
 *
 * Reading: feed what arrived to fcgi_read() until nothing is left of it.  Records come
 * in pieces as they arrive, so that nothing needs a buffer of 64 KiB:
 *
 *	while (len) {
 *		ssize_t n = fcgi_read(&reader, data, len, &piece);
 *		if (n < 0)
 *			malformed
 *		data += n; len -= n;
 *		if (piece.first)
 *			a record starts: check piece.type, piece.id, piece.length
 *		if (piece.len)
 *			some of its content
 *		if (piece.last)
 *			the record is complete
 *	}
 */
#ifndef CODEC_FASTCGI_H
#define CODEC_FASTCGI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "buffer.h"

#define FCGI_VERSION		1
#define FCGI_HEADER_LEN		8
#define FCGI_MAX_CONTENT	65535
#define FCGI_KEEP_CONN		1	/* flag of FCGI_BEGIN_REQUEST */

enum fcgi_type {
	FCGI_BEGIN_REQUEST = 1, FCGI_ABORT_REQUEST, FCGI_END_REQUEST, FCGI_PARAMS, FCGI_STDIN,
	FCGI_STDOUT, FCGI_STDERR, FCGI_DATA, FCGI_GET_VALUES, FCGI_GET_VALUES_RESULT,
	FCGI_UNKNOWN_TYPE,
};

enum fcgi_role { FCGI_RESPONDER = 1, FCGI_AUTHORIZER, FCGI_FILTER };

enum fcgi_protocol_status {
	FCGI_REQUEST_COMPLETE, FCGI_CANT_MPX_CONN, FCGI_OVERLOADED, FCGI_UNKNOWN_ROLE,
};

/**
 * struct fcgi_reader - where reading stands; zeroed to begin with
 * @header: the record's header
 * @have: octets of @header that are there
 * @left: octets of content still to come
 * @padding: octets of padding still to come
 */
struct fcgi_reader {
	unsigned char header[FCGI_HEADER_LEN];
	unsigned int have;
	unsigned int left;
	unsigned int padding;
};

/**
 * struct fcgi_piece - what fcgi_read() found
 * @first: a record's header is complete
 * @last: a record is complete, with its padding; may come together with @first
 * @type: enum fcgi_type, or a number that the specification does not know; valid with
 *	@first, @len and @last
 * @id: request id; 0: management
 * @length: octets of the whole record's content
 * @data: some of the content, within what was given to fcgi_read()
 * @len: how many octets, may be 0
 */
struct fcgi_piece {
	bool first;
	bool last;
	unsigned int type;
	unsigned int id;
	unsigned int length;
	const char *data;
	size_t len;
};

/**
 * struct fcgi_begin - content of FCGI_BEGIN_REQUEST
 * @role: enum fcgi_role
 * @keep: the application leaves the connection open after the request
 */
struct fcgi_begin {
	unsigned int role;
	bool keep;
};

/**
 * struct fcgi_end - content of FCGI_END_REQUEST
 * @app_status: exit status of the application
 * @protocol_status: enum fcgi_protocol_status
 */
struct fcgi_end {
	uint32_t app_status;
	unsigned int protocol_status;
};

/**
 * struct fcgi_pair - one name and value of FCGI_PARAMS; neither ends in NUL
 */
struct fcgi_pair {
	const char *name;
	size_t name_len;
	const char *value;
	size_t value_len;
};

ssize_t fcgi_read(struct fcgi_reader *r, const char *data, size_t len, struct fcgi_piece *piece);

/* Contents, of exactly 8 octets.  False: malformed. */
bool fcgi_parse_begin(const char *content, size_t len, struct fcgi_begin *begin);
bool fcgi_parse_end(const char *content, size_t len, struct fcgi_end *end);
/* The next pair of a complete stream of FCGI_PARAMS: 1, 0 at the end, -1: malformed. */
int fcgi_next_pair(const char **at, size_t *left, struct fcgi_pair *pair);

/* A header, for content that the caller sends itself: at most FCGI_MAX_CONTENT. */
void fcgi_header(char out[FCGI_HEADER_LEN], enum fcgi_type type, unsigned int id,
		 unsigned int len, unsigned int padding);
/* Whole records, appended to @b; check cgi_buffer_ok() at the end. */
void fcgi_put_begin(struct cgi_buffer *b, unsigned int id, enum fcgi_role role, bool keep);
void fcgi_put_end(struct cgi_buffer *b, unsigned int id, uint32_t app_status,
		  enum fcgi_protocol_status protocol_status);
void fcgi_put_unknown(struct cgi_buffer *b, unsigned int type);
/* @data of any length in as many records as it takes; none when @len is 0. */
void fcgi_put_stream(struct cgi_buffer *b, enum fcgi_type type, unsigned int id, const char *data,
		     size_t len);
/* The empty record that ends a stream. */
void fcgi_put_stream_end(struct cgi_buffer *b, enum fcgi_type type, unsigned int id);
/* One pair, without a record's header. */
void fcgi_put_pair(struct cgi_buffer *b, const char *name, size_t name_len, const char *value,
		   size_t value_len);

#endif
