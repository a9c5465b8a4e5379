/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DNSD_DNSTAP_INTERNAL_H
#define DNSD_DNSTAP_INTERNAL_H

#include <stddef.h>

struct dnstap;

/*
 * Room for one frame of @len octets, NULL: it is dropped (and counted).  After it was written,
 * dnstap_commit() with the same length.
 */
char *dnstap_reserve(struct dnstap *d, size_t len);
void dnstap_commit(struct dnstap *d, size_t len);

#endif
