// SPDX-License-Identifier: GPL-2.0-or-later
#include "utf8.h"

/**
 * utf8_valid() - whether octets are UTF-8 (RFC 3629, 4)
 * @s: the octets
 * @len: how many
 *
 * Return: false also for overlong forms, surrogates and what is above U+10FFFF.
 */
bool utf8_valid(const char *s, size_t len)
{
	const unsigned char *p = (const unsigned char *)s, *end = p + len;

	while (p < end) {
		unsigned char first = *p++, low = 0x80, high = 0xbf;
		int more;

		if (first < 0x80)
			continue;
		if (first < 0xc2 || first > 0xf4)
			return false;
		more = first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
		if (first == 0xe0)
			low = 0xa0;
		else if (first == 0xed)
			high = 0x9f;
		else if (first == 0xf0)
			low = 0x90;
		else if (first == 0xf4)
			high = 0x8f;
		if (end - p < more)
			return false;
		for (; more; more--, p++, low = 0x80, high = 0xbf)
			if (*p < low || *p > high)
				return false;
	}
	return true;
}
