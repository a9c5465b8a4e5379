// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The session as Python's objects use it: without the global lock while it waits, errors as
 * exceptions.
 */
#include "exchange.h"

#include <errno.h>
#include <unistd.h>

static PyTypeObject exchange_type = {
	PyVarObject_HEAD_INIT(NULL, 0)
	.tp_name = "linnet_wsgi.Exchange",
	.tp_basicsize = sizeof(struct exchange),
	.tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
};

/**
 * exchange_ready() - make the type usable, once
 *
 * Return: 0, or -1 with an exception set.
 */
int exchange_ready(void)
{
	return PyType_Ready(&exchange_type);
}

/**
 * exchange_new() - for a request
 * @session: its session
 *
 * Return: a new reference, or NULL with an exception set.
 */
struct exchange *exchange_new(struct session *session)
{
	struct exchange *ex = PyObject_New(struct exchange, &exchange_type);

	if (!ex)
		return NULL;
	ex->session = session;
	ex->content_left = -1;
	ex->head = ex->busy = false;
	return ex;
}

/**
 * exchange_over() - the request is over; a thread that still uses it is waited for
 * @ex: the exchange
 */
void exchange_over(struct exchange *ex)
{
	while (ex->busy) {
		Py_BEGIN_ALLOW_THREADS
		usleep(1000);
		Py_END_ALLOW_THREADS
	}
	ex->session = NULL;
}

/**
 * exchange_enter() - begin to use the session
 * @ex: the exchange
 *
 * Return: false with an exception set: the request is over, or another thread uses it.
 */
bool exchange_enter(struct exchange *ex)
{
	if (!ex->session) {
		PyErr_SetString(PyExc_ValueError, "the request is over");
		return false;
	}
	if (ex->busy) {
		PyErr_SetString(PyExc_RuntimeError, "another thread uses the request");
		return false;
	}
	ex->busy = true;
	return true;
}

/**
 * exchange_leave() - end of use
 * @ex: the exchange
 */
void exchange_leave(struct exchange *ex)
{
	ex->busy = false;
}

static void set_error(ssize_t error)
{
	errno = (int)-error;
	PyErr_SetFromErrno(PyExc_OSError);
}

/**
 * exchange_read() - read content, at most what the request announced
 * @ex: the exchange, entered
 * @buf: where to
 * @len: octets at most, at least 1
 *
 * Return: octets read, 0 at the end, -1 with an exception set.
 */
ssize_t exchange_read(struct exchange *ex, void *buf, size_t len)
{
	ssize_t n;

	if (ex->content_left >= 0 && (uint64_t)len > (uint64_t)ex->content_left)
		len = (size_t)ex->content_left;
	if (!len)
		return 0;
	Py_BEGIN_ALLOW_THREADS
	n = session_read(ex->session, buf, len);
	Py_END_ALLOW_THREADS
	if (n < 0) {
		set_error(n);
		return -1;
	}
	if (!n && ex->content_left > 0) {
		PyErr_SetString(PyExc_OSError, "the content is shorter than CONTENT_LENGTH");
		return -1;
	}
	if (ex->content_left > 0)
		ex->content_left -= n;
	return n;
}

/**
 * exchange_send() - send some of a stream
 * @ex: the exchange, entered
 * @type: FCGI_STDOUT or FCGI_STDERR
 * @data: octets that do not change
 * @len: how many
 *
 * Return: 0, or -1 with an exception set.
 */
int exchange_send(struct exchange *ex, enum fcgi_type type, const void *data, size_t len)
{
	int err;

	Py_BEGIN_ALLOW_THREADS
	err = session_send(ex->session, type, data, len);
	Py_END_ALLOW_THREADS
	if (err)
		set_error(err);
	return err ? -1 : 0;
}
