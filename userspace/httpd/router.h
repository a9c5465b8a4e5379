/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HTTPD_ROUTER_H
#define HTTPD_ROUTER_H

#include "http.h"

/* The three functions of a struct http_service whose data is a struct setup. */
void router_request(struct http_exchange *x);
void router_error_page(struct http_exchange *x, int status);
void router_log(struct http_exchange *x);

#endif
