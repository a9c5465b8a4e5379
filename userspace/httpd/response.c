// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Building a response: text in a bounded buffer, and a list of pieces to send.
 */
#include "response.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "date.h"

/**
 * http_reason() - the phrase that goes with a status code
 * @status: a code that this server sends
 */
const char *http_reason(int status)
{
	switch (status) {
	case 200: return "OK";
	case 204: return "No Content";
	case 206: return "Partial Content";
	case 301: return "Moved Permanently";
	case 304: return "Not Modified";
	case 400: return "Bad Request";
	case 403: return "Forbidden";
	case 404: return "Not Found";
	case 405: return "Method Not Allowed";
	case 408: return "Request Timeout";
	case 412: return "Precondition Failed";
	case 413: return "Content Too Large";
	case 414: return "URI Too Long";
	case 416: return "Range Not Satisfiable";
	case 417: return "Expectation Failed";
	case 431: return "Request Header Fields Too Large";
	case 501: return "Not Implemented";
	case 503: return "Service Unavailable";
	case 505: return "HTTP Version Not Supported";
	default: return "Internal Server Error";
	}
}

/**
 * http_response_begin() - status line and the fields of every response
 * @r: the response, released or zeroed with @file -1
 * @status: status code
 * @keep_alive: the connection persists
 */
void http_response_begin(struct http_response *r, int status, bool keep_alive)
{
	char date[HTTP_DATE_LEN];

	r->status = status;
	r->keep_alive = keep_alive;
	r->failed = false;
	r->n_pieces = r->current = 0;
	r->text_len = 0;
	/* "keep-alive" is for clients of HTTP/1.0 that asked for it. */
	http_response_add(
		r, "HTTP/1.1 %d %s\r\nServer: linnet-httpd/%s\r\nDate: %s\r\nConnection: %s\r\n",
		status, http_reason(status), LINNET_VERSION, http_date_format(time(NULL), date),
		keep_alive ? "keep-alive" : "close");
}

/**
 * http_response_add() - append to the text
 * @r: the response; @failed is set when the text does not fit
 * @fmt: as for printf()
 */
void http_response_add(struct http_response *r, const char *fmt, ...)
{
	size_t room = sizeof(r->text) - r->text_len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(r->text + r->text_len, room, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= room)
		r->failed = true;
	else
		r->text_len += n;
}

/**
 * http_response_piece() - append something to send
 * @r: the response
 * @source: where its bytes are
 * @offset: where they start there
 * @len: how many
 */
void http_response_piece(struct http_response *r, enum http_source source, off_t offset, size_t len)
{
	if (r->n_pieces == HTTP_MAX_PIECES)
		r->failed = true;
	else if (len)
		r->pieces[r->n_pieces++] = (struct http_piece){ source, offset, len };
}

/**
 * http_response_release() - let go of what a response holds
 * @r: the response
 */
void http_response_release(struct http_response *r)
{
	if (r->file >= 0)
		close(r->file);
	r->file = -1;
	free(r->body);
	r->body = NULL;
}
