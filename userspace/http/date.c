// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * HTTP dates, RFC 9110, 5.6.7.  The program stays in the C locale, whose names
 * of days and months are HTTP's.
 */
#include "date.h"

#include <errno.h>
#include <string.h>

static char *two_digits(char *p, int n)
{
	*p++ = '0' + n / 10 % 10;
	*p++ = '0' + n % 10;
	return p;
}

/**
 * http_date_format() - a time as in a Date field
 * @t: the time; what is not in the years 0 to 9999 becomes 1970
 * @out: where to
 *
 * Return: @out.
 */
const char *http_date_format(time_t t, char out[HTTP_DATE_LEN])
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	static const char form[] = "day, dd mon year hh:mm:ss GMT";
	struct tm tm;
	char *p = out;

	_Static_assert(sizeof(form) == HTTP_DATE_LEN, "length of a date");
	if (!gmtime_r(&t, &tm) || tm.tm_year < -1900 || tm.tm_year > 9999 - 1900) {
		t = 0;
		gmtime_r(&t, &tm);
	}
	memcpy(p, form, sizeof(form));
	memcpy(p, days + 3 * tm.tm_wday, 3);
	p = two_digits(p + 5, tm.tm_mday);
	memcpy(p + 1, months + 3 * tm.tm_mon, 3);
	p = two_digits(p + 5, (tm.tm_year + 1900) / 100);
	p = two_digits(p, tm.tm_year + 1900);
	p = two_digits(p + 1, tm.tm_hour);
	p = two_digits(p + 1, tm.tm_min);
	two_digits(p + 1, tm.tm_sec);
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
	int day;

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
		/* timegm() makes the first of March of the thirtieth of February. */
		day = tm.tm_mday;
		*t = timegm(&tm);
		return tm.tm_mday == day ? 0 : -EINVAL;
	}
	return -EINVAL;
}
