/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Texts of numbers, dates and binary data, both ways. */
#ifndef RPCD_NUMBER_H
#define RPCD_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"

/* "-1.7976931348623157e+308" and a NUL */
#define RPC_DOUBLE_TEXT 32

/*
 * 0, -EINVAL: not a number, or -ERANGE: outside [@min, @max].  Blanks around it
 * are allowed, as in Python; nothing else that XML-RPC does not have is.
 */
int rpc_parse_int(const char *s, size_t len, int64_t min, int64_t max, int64_t *n);
/* The same for a decimal number; -ERANGE: larger than a double can be. */
int rpc_parse_double(const char *s, size_t len, double *d);
/* Whether it is a date and time in ISO 8601's basic or extended format. */
bool rpc_is_datetime(const char *s, size_t len);
/* The shortest text that gives the same double again, as Python's repr(). */
size_t rpc_double_text(double d, char out[RPC_DOUBLE_TEXT]);
/* Decodes in place, blanks skipped.  Returns octets, -EINVAL: another character, or
 * -EPROTO: bad padding.
 */
int64_t rpc_base64_decode(char *s, size_t len);
/* With a newline after each 76 characters and at the end (RFC 2045). */
void rpc_base64_encode(struct rpc_buffer *b, const void *data, size_t len);
/* @s without the blanks of XML at both ends. */
void rpc_strip(const char **s, size_t *len);

#endif
