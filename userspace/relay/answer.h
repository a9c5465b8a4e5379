/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the control socket answers. */
#ifndef RELAY_ANSWER_H
#define RELAY_ANSWER_H

#include <stddef.h>

#include "delivery.h"
#include "queue.h"

/* The answer to a line, with its newline, to be freed; NULL: out of memory. */
char *answer_line(struct queue *q, struct delivery *d, const char *line, size_t len);

#endif
