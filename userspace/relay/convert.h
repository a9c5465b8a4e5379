/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A message for a server without 8BITMIME: parts with 8 bits become quoted-printable or base64
 * (RFC 6152, 3; RFC 2045, 6), header fields encoded words (RFC 2047).
 */
#ifndef RELAY_CONVERT_H
#define RELAY_CONVERT_H

#include <stdbool.h>
#include <stdint.h>

/* Once in the process. */
void convert_init(void);
/*
 * In any thread: the first @size octets of @fd, converted; a descriptor in memory, to be closed.
 * -EILSEQ: it cannot be done (something signed, say); or another negative errno.
 */
int convert_to_7bit(int fd, uint64_t size, uint64_t *converted);
/* Has its header octets above 127, has its body? 0 or a negative errno. */
int convert_look(int fd, uint64_t size, bool *header, bool *body);

#endif
