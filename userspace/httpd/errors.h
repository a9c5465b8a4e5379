/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HTTPD_ERRORS_H
#define HTTPD_ERRORS_H

#include <stddef.h>

#include "http.h"

#define ERRORS_MAX_PAGE	(1 << 20)

/**
 * struct error_pages - a host's own error pages
 * @n: how many
 * @page: status, octets in memory, media type
 */
struct error_pages {
	size_t n;
	struct error_page {
		int status;
		char *data;
		size_t len;
		char *type;
	} *page;
};

const char *error_pages_add(struct error_pages *pages, int status, const char *root,
			    const char *target);
void error_pages_clear(struct error_pages *pages);
void error_page_send(struct http_exchange *x, const struct error_pages *pages, int status);

#endif
