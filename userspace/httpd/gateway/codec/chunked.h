/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CODEC_CHUNKED_H
#define CODEC_CHUNKED_H

#include <stdint.h>
#include <sys/types.h>

#include "buffer.h"
#include "field.h"

#define CHUNKED_MAX_EXTENSION	256	/* octets of a chunk's extensions */
#define CHUNKED_MAX_TRAILER	8192	/* octets of the trailer section */

enum chunked_state {
	CHUNKED_SIZE, CHUNKED_EXTENSION, CHUNKED_SIZE_LF, CHUNKED_DATA, CHUNKED_DATA_CR,
	CHUNKED_DATA_LF, CHUNKED_TRAILER, CHUNKED_DONE,
};

/**
 * struct chunked - where reading stands; by chunked_init()
 * @state: what comes next
 * @left: octets of the chunk, still being read or still to come
 * @count: digits of the size, or octets of the extensions
 * @trailer: the trailer section's lines as sent, complete in state CHUNKED_DONE
 * @pos: gateway_head_end()'s
 */
struct chunked {
	enum chunked_state state;
	uint64_t left;
	unsigned int count;
	struct cgi_buffer trailer;
	size_t pos;
};

/* Some content, within what was given; @len may be 0. */
struct chunked_piece {
	const char *data;
	size_t len;
};

void chunked_init(struct chunked *c);
ssize_t chunked_read(struct chunked *c, const char *data, size_t len,
		     struct chunked_piece *piece);
int chunked_trailer(const struct chunked *c, struct cgi_field *fields, unsigned int max);
void chunked_free(struct chunked *c);

#endif
