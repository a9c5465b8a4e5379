// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * wsgi.errors (PEP 3333, "Input and Error Streams"): text for the server's log, line by
 * line.
 */
#include <string.h>

#include "exchange.h"

/* A longer line goes in pieces. */
#define MAX_LINE	8192

/**
 * struct errors - the stream
 * @exchange: the request
 * @len: octets in @line
 * @line: a line that has not ended
 */
struct errors {
	PyObject_HEAD
	struct exchange *exchange;
	size_t len;
	char line[MAX_LINE];
};

/* Returns -1 with an exception. */
static int flush(struct errors *e)
{
	size_t len = e->len;

	e->len = 0;
	return len ? exchange_send(e->exchange, FCGI_STDERR, e->line, len) : 0;
}

static int put(struct errors *e, const char *text, size_t len)
{
	while (len) {
		const char *end = memchr(text, '\n', len);
		size_t n = end ? (size_t)(end + 1 - text) : len;

		if (n > sizeof(e->line) - e->len)
			n = sizeof(e->line) - e->len;
		memcpy(e->line + e->len, text, n);
		e->len += n;
		text += n;
		len -= n;
		if ((e->line[e->len - 1] == '\n' || e->len == sizeof(e->line)) && flush(e) < 0)
			return -1;
	}
	return 0;
}

static PyObject *errors_write(PyObject *self, PyObject *text)
{
	struct errors *e = (struct errors *)self;
	PyObject *octets;
	int err;

	if (!PyUnicode_Check(text))
		return PyErr_Format(PyExc_TypeError, "wsgi.errors.write() takes str, not %.100s",
				    Py_TYPE(text)->tp_name);
	/* File names can have surrogates; a log must take them. */
	octets = PyUnicode_AsEncodedString(text, "utf-8", "backslashreplace");
	if (!octets)
		return NULL;
	if (!exchange_enter(e->exchange)) {
		Py_DECREF(octets);
		return NULL;
	}
	err = put(e, PyBytes_AS_STRING(octets), (size_t)PyBytes_GET_SIZE(octets));
	exchange_leave(e->exchange);
	Py_DECREF(octets);
	return err < 0 ? NULL : PyLong_FromSsize_t(PyUnicode_GET_LENGTH(text));
}

static PyObject *errors_writelines(PyObject *self, PyObject *lines)
{
	PyObject *it = PyObject_GetIter(lines), *line, *n;

	while (it && (line = PyIter_Next(it))) {
		n = errors_write(self, line);
		Py_DECREF(line);
		Py_XDECREF(n);
		if (!n)
			break;
	}
	Py_XDECREF(it);
	return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
}

static PyObject *errors_flush_method(PyObject *self, PyObject *unused)
{
	struct errors *e = (struct errors *)self;
	int err;

	(void)unused;
	if (!exchange_enter(e->exchange))
		return NULL;
	err = flush(e);
	exchange_leave(e->exchange);
	return err < 0 ? NULL : Py_NewRef(Py_None);
}

static void errors_dealloc(PyObject *self)
{
	Py_DECREF(((struct errors *)self)->exchange);
	PyObject_Free(self);
}

static PyMethodDef errors_methods[] = {
	{ "write", errors_write, METH_O, "write(text)" },
	{ "writelines", errors_writelines, METH_O, "writelines(texts)" },
	{ "flush", errors_flush_method, METH_NOARGS, "flush()" },
	{ NULL },
};

static PyTypeObject errors_type = {
	PyVarObject_HEAD_INIT(NULL, 0)
	.tp_name = "linnet_wsgi.Errors",
	.tp_doc = "the server's log",
	.tp_basicsize = sizeof(struct errors),
	.tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
	.tp_dealloc = errors_dealloc,
	.tp_methods = errors_methods,
};

/**
 * errors_ready() - make the type usable, once
 *
 * Return: 0, or -1 with an exception set.
 */
int errors_ready(void)
{
	return PyType_Ready(&errors_type);
}

/**
 * errors_new() - wsgi.errors of a request
 * @ex: the request
 *
 * Return: a new reference, or NULL with an exception set.
 */
PyObject *errors_new(struct exchange *ex)
{
	struct errors *e = PyObject_New(struct errors, &errors_type);

	if (!e)
		return NULL;
	e->exchange = (struct exchange *)Py_NewRef(ex);
	e->len = 0;
	return (PyObject *)e;
}

/**
 * errors_flush() - send what is left at a request's end
 * @errors: the stream
 */
void errors_flush(PyObject *errors)
{
	struct errors *e = (struct errors *)errors;

	if (exchange_enter(e->exchange)) {
		flush(e);
		exchange_leave(e->exchange);
	}
	PyErr_Clear();
}
