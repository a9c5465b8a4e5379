/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef GATEWAY_SPOOL_H
#define GATEWAY_SPOOL_H

#include <stdint.h>

#include "codec/buffer.h"
#include "queue.h"
#include "server.h"

/**
 * struct gateway_spool - content that waits until its length is known
 * @memory: its beginning
 * @file: what did not fit there, an unlinked temporary file, or NULL
 * @file_len: octets in @file
 */
struct gateway_spool {
	struct cgi_buffer memory;
	struct ln_file *file;
	uint64_t file_len;
};

void gateway_spool_init(struct gateway_spool *s, size_t memory);
int gateway_spool_add(struct gateway_spool *s, int folder, const char *data, size_t len);
uint64_t gateway_spool_len(const struct gateway_spool *s);
int gateway_spool_send(struct gateway_spool *s, struct ln_conn *c);
void gateway_spool_free(struct gateway_spool *s);

#endif
