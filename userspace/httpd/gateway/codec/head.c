// SPDX-License-Identifier: GPL-2.0-or-later
/* Headers of responses from gateways. */
#include <string.h>
#include <strings.h>

#include "head.h"

/**
 * gateway_head_end() - look for the empty line that ends a header
 * @pos: how far was looked; 0 to begin with
 * @data: octets from the header's start on
 * @len: how many there are so far
 *
 * Lines may end in LF alone here: what origin_head_parse() thinks of that is its business.
 *
 * Return: length of the header with its empty line, 0: it is not complete.
 */
size_t gateway_head_end(size_t *pos, const char *data, size_t len)
{
	/* A header without any line. */
	if (!*pos && len && data[0] == '\n')
		return 1;
	if (!*pos && len > 1 && data[0] == '\r' && data[1] == '\n')
		return 2;
	while (*pos < len) {
		const char *lf = memchr(data + *pos, '\n', len - *pos);
		size_t next;

		if (!lf) {
			*pos = len;
			/* Not past a lone CR in front, which the tests above want to see again. */
			if (len == 1 && data[0] == '\r')
				*pos = 0;
			return 0;
		}
		next = lf - data + 1;
		*pos = next - 1;
		if (next == len)
			return 0;
		if (data[next] == '\n')
			return next + 1;
		if (data[next] == '\r') {
			if (next + 1 == len)
				return 0;
			if (data[next + 1] == '\n')
				return next + 2;
		}
		*pos = next;
	}
	return 0;
}

/**
 * gateway_status_bare() - whether responses with this status have no content
 * @status: status code
 *
 * Return: true for 1xx, 204 and 304 (RFC 9110, 6.4.1).
 */
bool gateway_status_bare(int status)
{
	return status < 200 || status == 204 || status == 304;
}

/*
 * The next line without its end; false: no more, or a line that ends in LF alone where that
 * is wrong, told from each other by *len.
 */
static bool next_line(const char **data, size_t *len, bool bare_lf, const char **line, size_t *n)
{
	const char *lf = memchr(*data, '\n', *len);

	if (!lf)
		return false;
	*line = *data;
	*n = lf - *data;
	if (*n && (*line)[*n - 1] == '\r')
		*n -= 1;
	else if (!bare_lf)
		return false;
	*len -= lf + 1 - *data;
	*data = lf + 1;
	return true;
}

static int three_digits(const char *s, size_t len)
{
	int status = 0;

	if (len < 3 || (len > 3 && s[3] != ' '))
		return -1;
	for (int i = 0; i < 3; i++) {
		if (s[i] < '0' || s[i] > '9')
			return -1;
		status = status * 10 + s[i] - '0';
	}
	return status >= 100 && status <= 599 ? status : -1;
}

/* "HTTP/1.1 200 OK"; returns the status or -1. */
static int status_line(const char *line, size_t len, int *minor)
{
	static const char name[] = "HTTP/1.";
	const size_t n = sizeof(name) - 1;

	if (len < n + 5 || memcmp(line, name, n) || (line[n] != '0' && line[n] != '1') ||
	    line[n + 1] != ' ')
		return -1;
	for (size_t i = 0; i < len; i++) {
		unsigned char ch = line[i];

		if ((ch < ' ' && ch != '\t') || ch == 0x7f)
			return -1;
	}
	*minor = line[n] - '0';
	return three_digits(line + n + 2, len - n - 2);
}

static const char *take_content_length(struct gateway_head *h, const struct cgi_field *f)
{
	if (h->content_length >= 0)
		return "Content-Length more than once";
	h->content_length = cgi_parse_length(f->value, f->value_len);
	return h->content_length < 0 ? "bad Content-Length" : NULL;
}

/* What RFC 3875, 6.3 calls CGI fields: none of them may be repeated. */
static const char *take_cgi_field(struct gateway_head *h, struct cgi_field *f, bool *needed)
{
	if (cgi_field_is(f, "Status")) {
		if (h->status_given)
			return "Status more than once";
		h->status_given = true;
		h->status = three_digits(f->value, f->value_len);
		*needed = true;
		return h->status < 200 ? "bad Status" : NULL;
	}
	if (cgi_field_is(f, "Location")) {
		if (h->location)
			return "Location more than once";
		if (!f->value_len)
			return "empty Location";
		h->location = f;
		*needed = true;
	} else if (cgi_field_is(f, "Content-Type")) {
		if (cgi_field_find(h->field, h->n, "Content-Type"))
			return "Content-Type more than once";
		*needed = true;
	} else if (cgi_field_is(f, "Content-Length")) {
		const char *wrong = take_content_length(h, f);

		if (wrong)
			return wrong;
	}
	h->n++;
	return NULL;
}

/**
 * cgi_head_parse() - a CGI response's header (RFC 3875, 6.2 and 6.3)
 * @h: result
 * @data: the header
 * @len: its length, from gateway_head_end()
 *
 * A status line in the place of Status is taken as well: some programs, uwsgi's SCGI among
 * them, send one.
 *
 * Return: NULL, or what is wrong.
 */
const char *cgi_head_parse(struct gateway_head *h, const char *data, size_t len)
{
	bool needed = false, first = true;
	const char *line, *wrong;
	size_t n;

	memset(h, 0, offsetof(struct gateway_head, field));
	h->location = NULL;
	h->local = h->chunked = h->close = false;
	h->content_length = -1;
	h->status = 200;
	for (; next_line(&data, &len, true, &line, &n) && n; first = false) {
		if (first && n > 5 && !memcmp(line, "HTTP/", 5)) {
			h->status = status_line(line, n, &h->http_minor);
			if (h->status < 200)
				return "bad status line";
			h->status_given = needed = true;
			continue;
		}
		if (h->n == CGI_MAX_FIELDS)
			return "too many fields";
		if (!cgi_field_parse(line, n, &h->field[h->n]))
			return "a line that is no field";
		wrong = take_cgi_field(h, &h->field[h->n], &needed);
		if (wrong)
			return wrong;
	}
	if (!needed)
		return "none of Content-Type, Location and Status";
	if (h->location && !h->status_given) {
		h->status = 302;
		h->local = h->location->value[0] == '/';
	}
	return NULL;
}

static const char *take_http_field(struct gateway_head *h, struct cgi_field *f)
{
	h->n++;
	if (cgi_field_is(f, "Content-Length"))
		return take_content_length(h, f);
	if (cgi_field_is(f, "Transfer-Encoding")) {
		/* No TE was sent, so there is no other coding to expect (RFC 9110, 10.1.4). */
		if (h->chunked || f->value_len != 7 || strncasecmp(f->value, "chunked", 7))
			return "Transfer-Encoding other than chunked";
		h->chunked = true;
	} else if (cgi_field_is(f, "Connection") &&
		   cgi_list_has(f->value, f->value_len, "close", 5)) {
		h->close = true;
	}
	return NULL;
}

/**
 * origin_head_parse() - an HTTP/1 response's header, and how its content ends (RFC 9112, 6.3)
 * @h: result
 * @data: the header
 * @len: its length, from gateway_head_end()
 * @to_head: the request was HEAD
 *
 * Where the content ends with the connection, content_length is -1, chunked false and close
 * true.  Where there is no content by its nature, chunked is false whatever was said, and
 * content_length is what was said.
 *
 * Return: NULL, or what is wrong.
 */
const char *origin_head_parse(struct gateway_head *h, const char *data, size_t len, bool to_head)
{
	const char *line, *wrong;
	size_t n;

	memset(h, 0, offsetof(struct gateway_head, field));
	h->location = NULL;
	h->local = h->chunked = h->close = false;
	h->content_length = -1;
	if (!next_line(&data, &len, false, &line, &n))
		return "a line that ends in LF alone";
	h->status = status_line(line, n, &h->http_minor);
	if (h->status < 0)
		return "bad status line";
	/* HTTP/1.0 with keep-alive is not asked for (RFC 9112, appendix C.2.2). */
	h->close = !h->http_minor;
	for (;;) {
		if (!next_line(&data, &len, false, &line, &n))
			return "a line that ends in LF alone";
		if (!n)
			break;
		if (h->n == CGI_MAX_FIELDS)
			return "too many fields";
		if (!cgi_field_parse(line, n, &h->field[h->n]))
			return "a line that is no field";
		wrong = take_http_field(h, &h->field[h->n]);
		if (wrong)
			return wrong;
	}
	if (h->chunked && h->content_length >= 0)
		return "both Content-Length and Transfer-Encoding";
	if (h->chunked && !h->http_minor)
		return "Transfer-Encoding in HTTP/1.0";
	if (h->status < 200 || h->status == 204) {
		/* Neither may be there (RFC 9110, 8.6; RFC 9112, 6.1). */
		if (h->chunked || h->content_length > 0)
			return "content where there can be none";
		h->content_length = -1;
	}
	if (to_head || gateway_status_bare(h->status))
		h->chunked = false;
	else if (!h->chunked && h->content_length < 0)
		h->close = true;
	return NULL;
}
