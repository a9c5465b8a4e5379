/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HTTPD_COUNTS_H
#define HTTPD_COUNTS_H

#include <stdint.h>

#include "http.h"

void counts_define(void);
void counts_request(const struct http_request *rq);
void counts_response(int status, uint64_t sent, uint64_t took);
void counts_done(void);

#endif
