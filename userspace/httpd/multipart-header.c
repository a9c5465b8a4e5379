// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The header of a part of multipart/form-data: RFC 7578, 4.2 to 4.8.
 */
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "field.h"
#include "multipart.h"
#include "parameter.h"
#include "utf8.h"

static int refuse(const char **error, int status, const char *why)
{
	*error = why;
	return status;
}

/* Browsers' escapes: quotes and line ends, https://html.spec.whatwg.org/#multipart-form-data */
static void unescape(char *s)
{
	char *out = s;

	while (*s) {
		if (!strncmp(s, "%22", 3) || !strncasecmp(s, "%0d", 3) ||
		    !strncasecmp(s, "%0a", 3)) {
			*out++ = s[1] == '2' ? '"' : (s[2] | 0x20) == 'd' ? '\r' : '\n';
			s += 3;
		} else {
			*out++ = *s++;
		}
	}
	*out = 0;
}

/* RFC 7578, 4.2: the sender's folders are nobody's business. */
static char *without_folders(char *s)
{
	for (char *p = s; *p; p++)
		if (*p == '/' || *p == '\\')
			s = p + 1;
	return s;
}

static int hex_digit(char ch)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = ch ? strchr(digits, ch >= 'A' && ch <= 'F' ? ch | 0x20 : ch) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* RFC 8187, 3.2.1: charset'language'value, in place. */
static char *extended_value(char *s)
{
	char *out, *start;

	if (strncasecmp(s, "utf-8'", 6))
		return NULL;
	s = strchr(s + 6, '\'');
	if (!s)
		return NULL;
	for (start = out = ++s; *s; s++) {
		int high, low;

		if (*s != '%') {
			if (!http_is_token_char((unsigned char)*s) || *s == '*' || *s == '\'')
				return NULL;
			*out++ = *s;
			continue;
		}
		high = hex_digit(s[1]);
		low = high < 0 ? -1 : hex_digit(s[2]);
		if (low < 0 || !(high | low))
			return NULL;
		*out++ = (char)(high << 4 | low);
		s += 2;
	}
	*out = 0;
	return start;
}

static int disposition(char *value, struct multipart_part *part, const char **error)
{
	char *name = NULL, *filename = NULL, *extended = NULL, *rest;
	struct parameter p;
	int r;

	if (strcasecmp(parameter_main(value, &rest), "form-data"))
		return refuse(error, 400, "Content-Disposition of a part must be form-data");
	while ((r = parameter_next(&rest, &p)) > 0) {
		char **to = !strcasecmp(p.name, "name")	     ? &name :
			    !strcasecmp(p.name, "filename")  ? &filename :
			    !strcasecmp(p.name, "filename*") ? &extended :
							       NULL;

		if (!to)
			continue;
		if (*to)
			return refuse(error, 400,
				      "Content-Disposition has a parameter more than once");
		*to = p.value;
	}
	if (r < 0)
		return refuse(error, 400, "Content-Disposition of a part is malformed");
	if (!name)
		return refuse(error, 400, "a part has no name");
	unescape(name);
	if (extended) {	/* RFC 6266, 4.3: preferred where both are sent */
		filename = extended_value(extended);
		if (!filename)
			return refuse(error, 400, "filename* must be UTF-8''NAME, escaped by %");
	} else if (filename) {
		unescape(filename);
	}
	if (!utf8_valid(name, strlen(name)) ||
	    (filename && !utf8_valid(filename, strlen(filename))))
		return refuse(error, 400, "names of fields and files must be UTF-8");
	part->name = name;
	part->filename = filename ? without_folders(filename) : NULL;
	return 0;
}

static bool ascii(const char *s)
{
	while (*s && (unsigned char)*s < 0x80)
		s++;
	return !*s;
}

/* RFC 7578, 4.3 and 4.6; the type is left whole for who shows it. */
static int media_type(char *value, const struct multipart_part *part, const char **error)
{
	char copy[256], *type, *rest;
	size_t n = strlen(value);
	struct parameter p;
	int r;

	if (n >= sizeof(copy))
		return refuse(error, 400, "Content-Type of a part is too long");
	memcpy(copy, value, n + 1);
	type = parameter_main(copy, &rest);
	if (!strncasecmp(type, "multipart/", 10))
		return refuse(error, 400, "a multipart within a part is not accepted");
	while ((r = parameter_next(&rest, &p)) > 0)
		if (!strcasecmp(p.name, "charset") && !part->filename &&
		    strcasecmp(p.value, "utf-8") && strcasecmp(p.value, "us-ascii"))
			return refuse(error, 400, "a field's charset must be utf-8");
	if (r < 0 || !parameter_is_media_type(type) || !ascii(value))
		return refuse(error, 400, "Content-Type of a part is malformed");
	return 0;
}

/* RFC 7578, 4.7: nobody sends it any more, and nothing is decoded here. */
static bool identity(const char *encoding)
{
	return !strcasecmp(encoding, "binary") || !strcasecmp(encoding, "8bit") ||
	       !strcasecmp(encoding, "7bit");
}

/* Fields of one header that mean something here. */
struct fields {
	char *disposition, *type, *encoding;
};

static int field(char *line, struct fields *f, const char **error)
{
	char *colon = line, *value, **to = NULL;
	size_t n;

	while (http_is_token_char((unsigned char)*colon))
		colon++;
	if (colon == line || *colon != ':')	/* obsolete line folding among them */
		return refuse(error, 400, "a field in the header of a part is malformed");
	*colon = 0;
	value = colon + 1 + strspn(colon + 1, " \t");
	for (n = strlen(value); n && (value[n - 1] == ' ' || value[n - 1] == '\t'); n--)
		;
	value[n] = 0;
	for (char *p = value; *p; p++)
		if (((unsigned char)*p < ' ' && *p != '\t') || *p == 0x7f)
			return refuse(error, 400,
				      "a control character in the header of a part");
	if (!strcasecmp(line, "Content-Disposition"))
		to = &f->disposition;
	else if (!strcasecmp(line, "Content-Type"))
		to = &f->type;
	else if (!strcasecmp(line, "Content-Transfer-Encoding"))
		to = &f->encoding;
	if (!to)	/* RFC 7578, 4.8: others are ignored */
		return 0;
	if (*to)
		return refuse(error, 400, "a part has a field of its header more than once");
	*to = value;
	return 0;
}

/**
 * multipart_header() - read the header of a part
 * @header: the fields, each ending in CRLF, and a NUL at the end; it is changed
 * @len: octets before that NUL
 * @part: what they say
 * @error: set when they are refused
 *
 * Return: 0 or an HTTP status.
 */
int multipart_header(char *header, size_t len, struct multipart_part *part, const char **error)
{
	struct fields f = { NULL };
	int status;

	if (strlen(header) != len)
		return refuse(error, 400, "a NUL in the header of a part");
	while (*header) {
		char *end = strstr(header, "\r\n");

		if (!end)
			return refuse(error, 400, "a field in the header of a part is malformed");
		*end = 0;
		status = field(header, &f, error);
		if (status)
			return status;
		header = end + 2;
	}
	if (!f.disposition)
		return refuse(error, 400, "a part has no Content-Disposition");
	if (f.encoding && !identity(f.encoding))
		return refuse(error, 400, "Content-Transfer-Encoding of a part must be binary, "
					  "8bit or 7bit");
	status = disposition(f.disposition, part, error);
	if (status)
		return status;
	part->type = f.type ? f.type : "text/plain";
	return f.type ? media_type(f.type, part, error) : 0;
}
