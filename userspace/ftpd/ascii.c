// SPDX-License-Identifier: GPL-2.0-or-later
#include "ascii.h"

#include <string.h>

/**
 * ascii_to_net() - from the disk to the net: each LF becomes CR LF
 * @from: what is in the file
 * @len: octets
 * @to: where it goes, with room for twice as many
 *
 * A CR that is in the file stays as it is, so that a file with CR LF gets CR CR LF: what the
 * other side takes back to be the same (RFC 1123, 4.1.2.2 has a file of text in mind).
 *
 * Return: octets written.
 */
size_t ascii_to_net(const char *from, size_t len, char *to)
{
	const char *end = from + len, *lf;
	char *start = to;

	while (from < end) {
		lf = memchr(from, '\n', end - from);
		if (!lf)
			lf = end;
		memcpy(to, from, lf - from);
		to += lf - from;
		from = lf;
		if (from < end) {
			*to++ = '\r';
			*to++ = '\n';
			from++;
		}
	}
	return to - start;
}

/**
 * ascii_from_net() - from the net to the disk: each CR LF becomes LF
 * @a: what waits from before
 * @from: what arrived
 * @len: octets
 * @to: where it goes, with room for one octet more
 *
 * Return: octets written.
 */
size_t ascii_from_net(struct ascii *a, const char *from, size_t len, char *to)
{
	const char *end = from + len, *cr;
	char *start = to;

	while (from < end) {
		if (a->pending) {
			a->pending = false;
			if (*from != '\n')
				*to++ = '\r';
		}
		cr = memchr(from, '\r', end - from);
		if (!cr)
			cr = end;
		memcpy(to, from, cr - from);
		to += cr - from;
		from = cr;
		if (from < end) {
			a->pending = true;
			from++;
		}
	}
	return to - start;
}

/**
 * ascii_from_net_end() - the end of what arrived
 * @a: what waits from before
 * @to: where it goes, with room for one octet
 *
 * Return: octets written.
 */
size_t ascii_from_net_end(struct ascii *a, char *to)
{
	if (!a->pending)
		return 0;
	a->pending = false;
	*to = '\r';
	return 1;
}
