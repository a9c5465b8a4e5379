// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The boundaries of multipart/form-data.
 *
 * A boundary has no CR within (RFC 2046, 5.1.1), so that the delimiter's only CR is its
 * first octet: when a match breaks off, another can begin at the octet that broke it, and
 * nowhere else.  That makes the search a counter.
 */
#include "multipart.h"

#include <string.h>

/* Blanks that may follow a boundary ("transport padding"). */
#define MAX_PADDING	256

static int refuse(struct multipart *m, int status, const char *error)
{
	m->error = error;
	return status;
}

static bool boundary_char(unsigned char ch)
{
	return (ch >= '0' && ch <= '9') || ((ch | 0x20) >= 'a' && (ch | 0x20) <= 'z') ||
	       (ch && strchr("'()+_,-./:=? ", ch));
}

/**
 * multipart_init() - begin
 * @m: the parser: zeroed but for its functions and limits
 * @boundary: the parameter's value, without quotes
 * @len: its length
 *
 * Return: 0, or an HTTP status with @m->error set.
 */
int multipart_init(struct multipart *m, const char *boundary, size_t len)
{
	if (!len || len > MULTIPART_MAX_BOUNDARY)
		return refuse(m, 400, "the boundary must have 1 to 70 characters");
	for (size_t i = 0; i < len; i++)
		if (!boundary_char((unsigned char)boundary[i]))
			return refuse(m, 400, "the boundary has a character that is not allowed");
	if (boundary[len - 1] == ' ')
		return refuse(m, 400, "the boundary ends in a space");
	memcpy(m->delimiter, "\r\n--", 4);
	memcpy(m->delimiter + 4, boundary, len);
	m->delimiter_len = 4 + len;
	/* The first delimiter has no CRLF when there is no preamble. */
	m->matched = m->unsaid = 2;
	return 0;
}

static int say(struct multipart *m, const char *data, size_t len)
{
	if (!len)
		return 0;
	if (m->state == MULTIPART_CONTENT)
		return m->events->data(m->ctx, data, len);
	m->skipped += len;
	if (m->skipped > MULTIPART_MAX_HEADER)
		return refuse(m, 400, "the form does not begin with its boundary");
	return 0;
}

/* The octets that looked like a delimiter are content. */
static int break_off(struct multipart *m)
{
	int status = say(m, m->delimiter + m->unsaid, m->matched - m->unsaid);

	m->matched = m->unsaid = 0;
	return status;
}

static int delimiter_found(struct multipart *m)
{
	int status = 0;

	if (m->state == MULTIPART_CONTENT)
		status = m->events->part_end(m->ctx);
	m->matched = m->unsaid = 0;
	m->skipped = 0;
	m->state = MULTIPART_DELIMITER;
	return status;
}

/* Preamble or content, up to and with the next delimiter.  Returns octets taken. */
static size_t search(struct multipart *m, const char *data, size_t len, int *status)
{
	size_t i = 0;

	while (i < len) {
		if (!m->matched) {
			const char *cr = memchr(data + i, '\r', len - i);
			size_t n = cr ? (size_t)(cr - data) - i : len - i;

			*status = say(m, data + i, n);
			i += n;
			if (*status || !cr)
				return i;
		}
		if (data[i] == m->delimiter[m->matched]) {
			i++;
			if (++m->matched < m->delimiter_len)
				continue;
			*status = delimiter_found(m);
			return i;
		}
		*status = break_off(m);
		if (*status)
			return i;
	}
	return i;
}

static int begin_header(struct multipart *m)
{
	if (m->parts++ == m->max_parts)
		return refuse(m, 413, "the form has too many parts");
	m->state = MULTIPART_HEADER;
	m->header_len = 0;
	return 0;
}

static int header_octet(struct multipart *m, char ch)
{
	struct multipart_part part;
	const char *h = m->header;
	size_t n;
	int status;

	if (m->header_len == MULTIPART_MAX_HEADER)
		return refuse(m, 413, "the header of a part is too long");
	m->header[m->header_len++] = ch;
	n = m->header_len;
	/* An empty line: after the last field, or at once. */
	if (ch != '\n' || !(n == 2 ? h[0] == '\r' : n >= 4 && !memcmp(h + n - 4, "\r\n\r\n", 4)))
		return 0;
	m->header[n - 2] = 0;
	status = multipart_header(m->header, n - 2, &part, &m->error);
	if (!status)
		status = m->events->part(m->ctx, &part);
	/* A part without content: the empty line's end is the delimiter's beginning. */
	m->state = MULTIPART_CONTENT;
	m->matched = m->unsaid = 2;
	return status;
}

/* Outside of preamble, header and content. */
static int octet(struct multipart *m, char ch)
{
	switch (m->state) {
	case MULTIPART_DELIMITER:
		if (ch == '-') {
			m->state = MULTIPART_DASH;
			return 0;
		}
		m->state = MULTIPART_PADDING;
		return octet(m, ch);
	case MULTIPART_DASH:
		if (ch != '-')
			break;
		m->state = MULTIPART_CLOSED;
		return 0;
	case MULTIPART_PADDING:
	case MULTIPART_CLOSED:
		if ((ch == ' ' || ch == '\t') && m->skipped++ < MAX_PADDING)
			return 0;
		if (ch != '\r')
			break;
		m->state = m->state == MULTIPART_PADDING ? MULTIPART_LINE_FEED :
							   MULTIPART_CLOSED_LINE_FEED;
		return 0;
	case MULTIPART_LINE_FEED:
		if (ch != '\n')
			break;
		return begin_header(m);
	case MULTIPART_CLOSED_LINE_FEED:
		if (ch != '\n')
			break;
		m->state = MULTIPART_EPILOGUE;
		return 0;
	default:
		break;
	}
	/*
	 * RFC 2046, 5.1.1: a boundary must not appear at the beginning of a line of the
	 * content, whatever follows it there.
	 */
	return refuse(m, 400, "a boundary is followed by something else than the end of its line");
}

/**
 * multipart_add() - more of the form
 * @m: the parser
 * @data: octets
 * @len: how many
 *
 * Return: 0, or an HTTP status with @m->error set (by the parser or by a callback); then
 * nothing more may be added.
 */
int multipart_add(struct multipart *m, const char *data, size_t len)
{
	int status = 0;

	while (len && !status) {
		size_t n = 1;

		switch (m->state) {
		case MULTIPART_PREAMBLE:
		case MULTIPART_CONTENT:
			n = search(m, data, len, &status);
			break;
		case MULTIPART_HEADER:
			status = header_octet(m, *data);
			break;
		case MULTIPART_EPILOGUE:	/* RFC 2046, 5.1.1: to be ignored */
			n = len;
			break;
		default:
			status = octet(m, *data);
		}
		data += n;
		len -= n;
	}
	return status;
}

/**
 * multipart_end() - nothing more comes
 * @m: the parser
 *
 * Return: 0, or 400 with @m->error set when the last boundary was not seen.
 */
int multipart_end(struct multipart *m)
{
	switch (m->state) {
	case MULTIPART_CLOSED:
	case MULTIPART_EPILOGUE:
		return 0;
	case MULTIPART_PREAMBLE:
		return refuse(m, 400, "the form has no boundary");
	default:
		return refuse(m, 400, "the form ends before its last boundary");
	}
}
