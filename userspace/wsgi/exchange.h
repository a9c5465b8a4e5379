/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The objects that an application gets with a request.  They may outlive it; then their
 * methods raise ValueError.
 */
#ifndef WSGI_EXCHANGE_H
#define WSGI_EXCHANGE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "session.h"

/**
 * struct exchange - what the objects of one request share; an object without type of use
 *	for Python
 * @session: the connection, NULL: the request is over
 * @content_left: octets of content still to come, -1: until the stream ends
 * @head: the method is HEAD
 * @busy: a thread waits in the session
 */
struct exchange {
	PyObject_HEAD
	struct session *session;
	int64_t content_left;
	bool head;
	bool busy;
};

int exchange_ready(void);
struct exchange *exchange_new(struct session *session);
void exchange_over(struct exchange *ex);
bool exchange_enter(struct exchange *ex);
void exchange_leave(struct exchange *ex);
ssize_t exchange_read(struct exchange *ex, void *buf, size_t len);
int exchange_send(struct exchange *ex, enum fcgi_type type, const void *data, size_t len);

/* input.c, errors.c, file-wrapper.c, environ.c */
int input_ready(void);
PyObject *input_new(struct exchange *ex);
int errors_ready(void);
PyObject *errors_new(struct exchange *ex);
void errors_flush(PyObject *errors);
int file_wrapper_ready(void);
PyObject *file_wrapper_type(void);
PyObject *environ_new(struct exchange *ex, PyObject *errors);

#endif
