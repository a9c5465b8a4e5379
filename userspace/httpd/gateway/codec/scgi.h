/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CODEC_SCGI_H
#define CODEC_SCGI_H

#include <stdint.h>

#include "buffer.h"

bool scgi_put_header(struct cgi_buffer *b, uint64_t content_length, const struct cgi_buffer *env);

#endif
