/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * start_response() and write() (PEP 3333, "The start_response() Callable").
 */
#ifndef WSGI_RESPONSE_H
#define WSGI_RESPONSE_H

#include "exchange.h"

/**
 * struct response - owner of start_response() and write()
 * @exchange: the request
 * @head: status line and fields for the server, once start_response() was called
 * @status: status code, 0: start_response() was not called
 * @length: Content-Length, -1: none
 * @sent: octets of content given by the application
 * @head_sent: @head was sent
 */
struct response {
	PyObject_HEAD
	struct exchange *exchange;
	struct cgi_buffer head;
	int status;
	int64_t length;
	uint64_t sent;
	bool head_sent;
};

int response_ready(void);
struct response *response_new(struct exchange *ex);
int response_content(struct response *r, PyObject *data, bool only);
int response_finish(struct response *r);
bool response_bodiless(const struct response *r);
void response_forget(struct response *r);

/* response-head.c */
int response_head(struct response *r, PyObject *status, PyObject *fields);

#endif
