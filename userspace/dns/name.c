// SPDX-License-Identifier: GPL-2.0-or-later
#include "name.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int wrong(char *why, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static int wrong(char *why, const char *fmt, ...)
{
	va_list ap;

	if (why) {
		va_start(ap, fmt);
		vsnprintf(why, DNS_WHY_SIZE, fmt, ap);
		va_end(ap);
	}
	return -EINVAL;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? c + 32 : c;
}

/* An octet of a label: octets of @text used, 0: a broken escape. */
static size_t read_octet(const char *text, size_t len, uint8_t *octet)
{
	unsigned int value;

	if (text[0] != '\\') {
		*octet = text[0];
		return 1;
	}
	if (len < 2)
		return 0;
	if (!is_digit(text[1])) {
		*octet = text[1];
		return 2;
	}
	if (len < 4 || !is_digit(text[2]) || !is_digit(text[3]))
		return 0;
	value = 100 * (text[1] - '0') + 10 * (text[2] - '0') + (text[3] - '0');
	*octet = value;
	return value > 255 ? 0 : 4;
}

/* Octets of a label's text, its length in octets in @size; 0: a broken escape. */
static size_t read_label(uint8_t *out, size_t room, const char *text, size_t len, size_t *size)
{
	size_t used = 0, n = 0, step;
	uint8_t octet;

	while (used < len && text[used] != '.') {
		step = read_octet(text + used, len - used, &octet);
		if (!step)
			return 0;
		used += step;
		if (n < room)
			out[n] = octet;
		n++;
	}
	*size = n;
	return used;
}

int dns_name_from_text(uint8_t out[DNS_NAME_MAX], const char *text, size_t len,
		       const uint8_t *origin, char why[DNS_WHY_SIZE])
{
	static const uint8_t root[1];
	size_t pos = 0, total = 0, size, used, tail;
	uint8_t label[DNS_LABEL_MAX];
	bool absolute = false;

	if (!len)
		return wrong(why, "an empty name: \".\" is the root");
	if (len == 1 && *text == '.') {
		out[0] = 0;
		return 1;
	}
	while (pos < len) {
		used = read_label(label, sizeof(label), text + pos, len - pos, &size);
		if (!used && text[pos] == '.')
			return wrong(why, "an empty label (two dots, or one at the beginning)");
		if (!used)
			return wrong(why, "a broken escape: allowed are \\DDD from 000 to 255, "
				     "and \\ before a character that is no digit");
		if (size > DNS_LABEL_MAX)
			return wrong(why, "a label of %zu octets: at most %d", size, DNS_LABEL_MAX);
		if (total + 1 + size < DNS_NAME_MAX) {
			out[total] = size;
			memcpy(out + total + 1, label, size);
		}
		total += 1 + size;
		pos += used;
		absolute = pos < len;
		pos += absolute;
	}
	if (absolute || !origin)
		origin = root;
	tail = knot_dname_size(origin);
	if (total + tail > DNS_NAME_MAX)
		return wrong(why, "a name of %zu octets: at most %d (253 characters)", total + tail,
			     DNS_NAME_MAX);
	memcpy(out + total, origin, tail);
	return total + tail;
}

const char *dns_name_to_text(char out[DNS_NAME_TEXT], const uint8_t *name)
{
	char *s = out;

	if (!*name)
		return strcpy(out, ".");
	for (; *name; name += 1 + *name) {
		for (unsigned int i = 1; i <= *name; i++) {
			uint8_t c = name[i];

			if (c <= ' ' || c >= 127)
				s += sprintf(s, "\\%03u", c);
			else if (strchr(".\\\"();@$", c))
				s += sprintf(s, "\\%c", c);
			else
				*s++ = c;
		}
		*s++ = '.';
	}
	*s = '\0';
	return out;
}

static const char runs_over[] = "a name that goes on after the end of the message";

int dns_name_read(uint8_t out[DNS_NAME_MAX], const uint8_t *wire, size_t len, size_t *pos,
		  char why[DNS_WHY_SIZE])
{
	size_t at = *pos, floor = at, total = 0;
	bool jumped = false;

	for (;;) {
		unsigned int size;

		if (at >= len)
			return wrong(why, "%s", runs_over);
		size = wire[at];
		if (size >= 0xc0) {
			size_t target;

			if (at + 1 >= len)
				return wrong(why, "%s", runs_over);
			target = (size & 0x3f) << 8 | wire[at + 1];
			if (!jumped)
				*pos = at + 2;
			jumped = true;
			/* Each goes further back than the one before: no loop. */
			if (target >= floor)
				return wrong(why, "a compression pointer that does not point back");
			at = floor = target;
			continue;
		}
		if (size > DNS_LABEL_MAX)
			return wrong(why, "a label of %u octets: at most %d", size, DNS_LABEL_MAX);
		if (total + 1 + size > DNS_NAME_MAX - (size ? 1 : 0))
			return wrong(why, "a name of more than %d octets (253 characters)",
				     DNS_NAME_MAX);
		if (at + 1 + size > len)
			return wrong(why, "a label that goes on after the end of the message");
		memcpy(out + total, wire + at, 1 + size);
		total += 1 + size;
		at += 1 + size;
		if (!size)
			break;
	}
	if (!jumped)
		*pos = at;
	return total;
}

void dns_name_lower(uint8_t *name)
{
	while (*name) {
		unsigned int size = *name++;

		for (; size; size--, name++)
			*name = lower(*name);
	}
}

unsigned int dns_name_labels(const uint8_t *name)
{
	unsigned int n = 0;

	for (; *name; name += 1 + *name)
		n++;
	return n;
}

const uint8_t *dns_name_skip(const uint8_t *name, unsigned int n)
{
	while (n-- && *name)
		name += 1 + *name;
	return name;
}

bool dns_name_within(const uint8_t *name, const uint8_t *top)
{
	unsigned int have = dns_name_labels(name), want = dns_name_labels(top);

	return have >= want && knot_dname_is_case_equal(dns_name_skip(name, have - want), top);
}

int dns_name_wildcard(uint8_t out[DNS_NAME_MAX], const uint8_t *encloser)
{
	size_t len = knot_dname_size(encloser);

	if (len + 2 > DNS_NAME_MAX)
		return -EINVAL;
	out[0] = 1;
	out[1] = '*';
	memcpy(out + 2, encloser, len);
	return len + 2;
}

int dns_name_to_lookup(uint8_t out[DNS_LOOKUP_MAX], const uint8_t *name)
{
	const uint8_t *label[DNS_LABELS_MAX];
	unsigned int n = 0;
	size_t len = 0;

	for (; *name; name += 1 + *name)
		label[n++] = name;
	while (n--) {
		const uint8_t *l = label[n];

		if (len + 2 * *l + 1 > DNS_LOOKUP_MAX)
			return -ENAMETOOLONG;
		for (unsigned int i = 1; i <= *l; i++) {
			if (l[i] <= 1)
				out[len++] = 1;
			out[len++] = l[i] <= 1 ? l[i] + 1 : lower(l[i]);
		}
		out[len++] = 0;
	}
	return len;
}

int dns_name_from_lookup(uint8_t out[DNS_NAME_MAX], const uint8_t *form, size_t len)
{
	uint8_t *end = out + DNS_NAME_MAX, *p = end;
	size_t pos = 0;

	/* Filled from its end, as labels come from the root down. */
	*--p = 0;
	while (pos < len) {
		size_t size = 0, start = pos;

		for (; pos < len && form[pos]; pos++, size++)
			pos += form[pos] == 1;
		if (pos >= len || !size || size > DNS_LABEL_MAX ||
		    (size_t)(p - out) < size + 1)
			return -EINVAL;
		pos++;
		p -= size + 1;
		p[0] = size;
		for (size_t i = start, k = 1; k <= size; k++, i++) {
			if (form[i] == 1)
				p[k] = form[++i] - 1;
			else
				p[k] = form[i];
		}
	}
	len = end - p;
	memmove(out, p, len);
	return len;
}
