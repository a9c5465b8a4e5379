/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DNSD_METRICS_TEXT_H
#define DNSD_METRICS_TEXT_H

#include <stddef.h>

struct worker;

/* Whose snapshot metrics_text() looks at. */
void metrics_text_init(struct worker *w);
/* What all count, then what is known of zones and of the members of balanced names. */
char *metrics_text(size_t *len);

#endif
