// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "number.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

void rpc_strip(const char **s, size_t *len)
{
	while (*len && is_blank(**s)) {
		(*s)++;
		(*len)--;
	}
	while (*len && is_blank((*s)[*len - 1]))
		(*len)--;
}

int rpc_parse_int(const char *s, size_t len, int64_t min, int64_t max, int64_t *n)
{
	bool negative = false;
	int64_t value = 0;

	rpc_strip(&s, &len);
	if (len && (*s == '+' || *s == '-')) {
		negative = *s == '-';
		s++;
		len--;
	}
	if (!len)
		return -EINVAL;
	for (size_t i = 0; i < len; i++)
		if (!is_digit(s[i]))
			return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		int digit = negative ? '0' - s[i] : s[i] - '0';

		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, digit, &value))
			return -ERANGE;
	}
	if (value < min || value > max)
		return -ERANGE;
	*n = value;
	return 0;
}

/* digits [. digits] | . digits, then an exponent: what strtod() takes less the rest. */
static bool is_decimal(const char *s, size_t len)
{
	const char *end = s + len;
	size_t digits = 0;

	if (s < end && (*s == '+' || *s == '-'))
		s++;
	for (; s < end && is_digit(*s); s++)
		digits++;
	if (s < end && *s == '.')
		for (s++; s < end && is_digit(*s); s++)
			digits++;
	if (!digits)
		return false;
	if (s < end && (*s == 'e' || *s == 'E')) {
		s++;
		if (s < end && (*s == '+' || *s == '-'))
			s++;
		if (s == end)
			return false;
		while (s < end && is_digit(*s))
			s++;
	}
	return s == end;
}

int rpc_parse_double(const char *s, size_t len, double *d)
{
	char text[64], *copy = text;
	double value;

	rpc_strip(&s, &len);
	if (!is_decimal(s, len))
		return -EINVAL;
	if (len >= sizeof(text)) {
		copy = malloc(len + 1);
		if (!copy)
			return -ENOMEM;
	}
	memcpy(copy, s, len);
	copy[len] = '\0';
	value = strtod(copy, NULL);
	if (copy != text)
		free(copy);
	/* What is too small for a double is 0, as everywhere. */
	if (!isfinite(value))
		return -ERANGE;
	*d = value;
	return 0;
}

/* @n digits at *@s, which moves past them; -1: there are not so many. */
static int digits(const char **s, const char *end, int n)
{
	int value = 0;

	if (end - *s < n)
		return -1;
	for (; n; n--, (*s)++) {
		if (!is_digit(**s))
			return -1;
		value = 10 * value + (**s - '0');
	}
	return value;
}

static bool take(const char **s, const char *end, char c)
{
	if (*s == end || **s != c)
		return false;
	(*s)++;
	return true;
}

/* "Z", "+01", "+0100", "+01:00" or nothing */
static bool is_zone(const char *s, const char *end)
{
	int hours, minutes = 0;

	if (s == end || take(&s, end, 'Z'))
		return s == end;
	if (!take(&s, end, '+') && !take(&s, end, '-'))
		return false;
	hours = digits(&s, end, 2);
	if (s != end) {
		take(&s, end, ':');
		minutes = digits(&s, end, 2);
	}
	return s == end && hours >= 0 && hours < 24 && minutes >= 0 && minutes < 60;
}

bool rpc_is_datetime(const char *s, size_t len)
{
	static const unsigned char days[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	const char *end = s + len;
	int year, month, day, hour, minute, second;
	bool extended;

	year = digits(&s, end, 4);
	extended = take(&s, end, '-');
	month = digits(&s, end, 2);
	if (take(&s, end, '-') != extended)
		return false;
	day = digits(&s, end, 2);
	if (year < 0 || month < 1 || month > 12 || day < 1 || day > days[month - 1])
		return false;
	if (month == 2 && day == 29 && (year % 4 || (!(year % 100) && year % 400)))
		return false;
	if (!take(&s, end, 'T'))
		return false;
	/* XML-RPC's own form has colons in the time and no dashes in the date. */
	hour = digits(&s, end, 2);
	extended = take(&s, end, ':');
	minute = digits(&s, end, 2);
	if (take(&s, end, ':') != extended)
		return false;
	second = digits(&s, end, 2);
	/* 24:00:00 is midnight, 60 is a leap second. */
	if (hour < 0 || hour > 24 || minute < 0 || minute > 59 || second < 0 || second > 60 ||
	    (hour == 24 && (minute || second)))
		return false;
	if (take(&s, end, '.') || take(&s, end, ',')) {
		const char *start = s;

		while (s < end && is_digit(*s))
			s++;
		if (s == start || s - start > 9)
			return false;
	}
	return is_zone(s, end);
}

/*
 * 16 significant digits of a power of two: the interval of texts that give the
 * number again reaches further up than down, so the nearest such text may fail
 * where the next one up is right.
 */
static bool next_up(char *text, double d)
{
	char *p = strchr(text, 'e');

	while (--p >= text) {
		if (!is_digit(*p))
			continue;
		if (*p != '9') {
			(*p)++;
			break;
		}
		*p = '0';
	}
	return p >= text && strtod(text, NULL) == d;
}

/* "-d.ddde-308": the fewest digits that give @d again. */
static void shortest(double d, char text[RPC_DOUBLE_TEXT])
{
	/* 15 digits are always kept by a double that is not subnormal. */
	int n = fabs(d) < 2.3e-308 ? 0 : 14;

	for (; n < 17; n++) {
		snprintf(text, RPC_DOUBLE_TEXT, "%.*e", n, d);
		if (strtod(text, NULL) == d || (n == 15 && next_up(text, d)))
			return;
	}
}

size_t rpc_double_text(double d, char out[RPC_DOUBLE_TEXT])
{
	char text[RPC_DOUBLE_TEXT], mantissa[RPC_DOUBLE_TEXT];
	const size_t left = RPC_DOUBLE_TEXT - 1;
	int exponent, n = 0, len = 0;
	char *p = text;

	shortest(d, text);
	exponent = atoi(strchr(text, 'e') + 1);
	if (*p == '-') {
		out[len++] = '-';
		p++;
	}
	for (; *p != 'e'; p++)
		if (is_digit(*p))
			mantissa[n++] = *p;
	while (n > 1 && mantissa[n - 1] == '0')
		n--;
	mantissa[n] = '\0';
	if (exponent < -4 || exponent >= 16)
		len += snprintf(out + len, left, "%c%s%se%+03d", mantissa[0], n > 1 ? "." : "",
				mantissa + 1, exponent);
	else if (exponent < 0)
		len += snprintf(out + len, left, "0.%.*s%s", -exponent - 1, "000", mantissa);
	else if (n <= exponent + 1)
		len += snprintf(out + len, left, "%s%.*s.0", mantissa, exponent + 1 - n,
				"0000000000000000");
	else
		len += snprintf(out + len, left, "%.*s.%s", exponent + 1, mantissa,
				mantissa + exponent + 1);
	return len;
}

static int base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (is_digit(c))
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int64_t rpc_base64_decode(char *s, size_t len)
{
	unsigned int bits = 0, n = 0, padding = 0;
	size_t out = 0;

	for (size_t i = 0; i < len; i++) {
		int digit;

		if (is_blank(s[i]))
			continue;
		if (s[i] == '=') {
			padding++;
			continue;
		}
		digit = base64_digit(s[i]);
		if (digit < 0)
			return -EINVAL;
		if (padding)
			return -EPROTO;
		bits = (bits << 6 | digit) & 0xffffff;
		if (++n % 4 == 0) {
			s[out++] = bits >> 16;
			s[out++] = bits >> 8;
			s[out++] = bits;
		}
	}
	if ((n % 4 == 1) || padding != (4 - n % 4) % 4)
		return -EPROTO;
	if (n % 4 == 2)
		s[out++] = bits >> 4;
	if (n % 4 == 3) {
		s[out++] = bits >> 10;
		s[out++] = bits >> 2;
	}
	return out;
}

void rpc_base64_encode(struct rpc_buffer *b, const void *data, size_t len)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *p = data;
	char *out = rpc_buffer_room(b, len / 3 * 4 + 4 + len / 57 + 1), *start = out;

	if (!out)
		return;
	for (size_t i = 0; i < len; i += 3) {
		unsigned int left = len - i < 3 ? len - i : 3;
		unsigned int bits = p[i] << 16 | (left > 1 ? p[i + 1] << 8 : 0) |
				    (left > 2 ? p[i + 2] : 0);

		*out++ = alphabet[bits >> 18];
		*out++ = alphabet[bits >> 12 & 63];
		*out++ = left > 1 ? alphabet[bits >> 6 & 63] : '=';
		*out++ = left > 2 ? alphabet[bits & 63] : '=';
		if (i % 57 == 54 || i + left == len)
			*out++ = '\n';
	}
	b->len += out - start;
}
