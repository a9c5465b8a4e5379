/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HTTP_SERVE_H
#define HTTP_SERVE_H

#include "http.h"
#include "request.h"
#include "response.h"

void http_serve(const struct http_config *config, const struct http_request *rq,
		struct http_response *r, bool keep_alive);
void http_serve_error(struct http_response *r, int status, bool keep_alive, bool head);

#endif
