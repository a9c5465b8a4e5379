/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * multipart/form-data (RFC 7578, RFC 2046), as it arrives.
 */
#ifndef HTTPD_MULTIPART_H
#define HTTPD_MULTIPART_H

#include <stdbool.h>
#include <stddef.h>

#define MULTIPART_MAX_BOUNDARY	70	/* RFC 2046, 5.1.1 */
#define MULTIPART_MAX_HEADER	8192	/* octets of one part's header */

/**
 * struct multipart_part - header of a part; texts end in NUL and live until the callback's
 *	return
 * @name: name of the field, UTF-8
 * @filename: name of the file without folders, UTF-8, perhaps empty; NULL: no file
 * @type: media type with its parameters, "text/plain" when none was sent
 */
struct multipart_part {
	const char *name;
	const char *filename;
	const char *type;
};

/**
 * struct multipart_events - what is told; each returns 0 or an HTTP status that refuses
 *	the form
 * @part: a part begins
 * @data: octets of its content
 * @part_end: it is complete
 */
struct multipart_events {
	int (*part)(void *ctx, const struct multipart_part *part);
	int (*data)(void *ctx, const char *data, size_t len);
	int (*part_end)(void *ctx);
};

enum multipart_state {
	MULTIPART_PREAMBLE, MULTIPART_DELIMITER, MULTIPART_PADDING, MULTIPART_DASH,
	MULTIPART_LINE_FEED, MULTIPART_HEADER, MULTIPART_CONTENT, MULTIPART_CLOSED,
	MULTIPART_CLOSED_LINE_FEED, MULTIPART_EPILOGUE,
};

/**
 * struct multipart - a parser
 * @events: what is told
 * @ctx: their own
 * @max_parts: number of parts at most
 * @error: why the form was refused
 * @state: where in the grammar
 * @delimiter: CRLF, two hyphens and the boundary
 * @delimiter_len: its length
 * @matched: octets of @delimiter that the last octets were
 * @unsaid: how many of those are no octets of the content, whatever follows
 * @skipped: octets of preamble, or of blanks behind a boundary
 * @parts: how many have begun
 * @header_len: octets in @header
 * @header: the part's header so far
 */
struct multipart {
	const struct multipart_events *events;
	void *ctx;
	unsigned int max_parts;
	const char *error;
	enum multipart_state state;
	char delimiter[4 + MULTIPART_MAX_BOUNDARY];
	size_t delimiter_len;
	size_t matched;
	size_t unsaid;
	size_t skipped;
	unsigned int parts;
	size_t header_len;
	char header[MULTIPART_MAX_HEADER + 1];
};

int multipart_init(struct multipart *m, const char *boundary, size_t len);
int multipart_add(struct multipart *m, const char *data, size_t len);
int multipart_end(struct multipart *m);

/* multipart-header.c: texts of @part are made within @header, which is changed. */
int multipart_header(char *header, size_t len, struct multipart_part *part, const char **error);

#endif
