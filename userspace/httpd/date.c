// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * HTTP dates, RFC 9110, 5.6.7.  The program stays in the C locale, whose names
 * of days and months are HTTP's.
 */
#include "date.h"

#include <errno.h>
#include <string.h>

/**
 * http_date_format() - a time as in a Date field
 * @t: the time
 * @out: where to
 *
 * Return: @out.
 */
const char *http_date_format(time_t t, char out[HTTP_DATE_LEN])
{
	struct tm tm;

	if (!gmtime_r(&t, &tm) || !strftime(out, HTTP_DATE_LEN, "%a, %d %b %Y %H:%M:%S GMT", &tm))
		strcpy(out, "Thu, 01 Jan 1970 00:00:00 GMT");
	return out;
}

/**
 * http_date_parse() - a time in any of the three forms that must be understood
 * @s: the text
 * @n: its length
 * @now: the time now, to tell the century of a year of two digits
 * @t: where to
 *
 * Return: 0 or -EINVAL.
 */
int http_date_parse(const char *s, size_t n, time_t now, time_t *t)
{
	static const char *const forms[] = {
		"%a, %d %b %Y %H:%M:%S GMT",
		"%A, %d-%b-%y %H:%M:%S GMT",
		"%a %b %e %H:%M:%S %Y",
	};
	struct tm tm, tm_now;
	char text[64];
	const char *end;

	if (n >= sizeof(text) || memchr(s, 0, n))
		return -EINVAL;
	memcpy(text, s, n);
	text[n] = 0;
	for (int i = 0; i < 3; i++) {
		memset(&tm, 0, sizeof(tm));
		end = strptime(text, forms[i], &tm);
		if (!end || *end)
			continue;
		/* More than 50 years ahead means the most recent year that
		 * ends so.
		 */
		if (i == 1 && gmtime_r(&now, &tm_now)) {
			tm.tm_year = tm_now.tm_year - tm_now.tm_year % 100 + tm.tm_year % 100;
			if (tm.tm_year > tm_now.tm_year + 50)
				tm.tm_year -= 100;
		}
		*t = timegm(&tm);
		return 0;
	}
	return -EINVAL;
}
