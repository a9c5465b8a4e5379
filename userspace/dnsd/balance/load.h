/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A number out of what a server tells of itself in Prometheus's text format 0.0.4. */
#ifndef DNSD_BALANCE_LOAD_H
#define DNSD_BALANCE_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOAD_TEXT_MAX	(256 << 10)	/* octets of a response that are looked at */
#define LOAD_NAME_MAX	200
#define LOAD_MAX	1000000000000	/* greater values are none */

/* [a-zA-Z_:][a-zA-Z0-9_:]* of at most LOAD_NAME_MAX octets */
bool load_is_name(const char *name);

/**
 * load_read() - the value of a metric, the sum over its labels
 * @text: the text; hostile
 * @len: octets of it
 * @metric: its name
 * @milli: filled: thousandths
 * @why: filled with what is wrong, for people
 *
 * A text that breaks the format in a line of this metric is refused as a whole; lines of
 * others are not looked at.
 *
 * Return: 0, -ENOENT without such a metric, -EINVAL when its value is no load:
 * negative, not a number, infinite, more than LOAD_MAX.
 */
int load_read(const char *text, size_t len, const char *metric, uint64_t *milli,
	      const char **why);

#endif
