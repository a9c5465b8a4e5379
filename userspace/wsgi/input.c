// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * wsgi.input (PEP 3333, "Input and Error Streams"): read, readline with a size, readlines
 * and iteration, streaming from the server.
 */
#include <string.h>

#include "exchange.h"

#define BUFFER		16384
/* An application that asks for everything gets it; this is only where it starts. */
#define FIRST_READ	65536

/**
 * struct input - the stream
 * @exchange: the request
 * @at: the next octet in @buffer
 * @len: octets from there on
 * @buffer: read, but not yet asked for
 */
struct input {
	PyObject_HEAD
	struct exchange *exchange;
	size_t at, len;
	char buffer[BUFFER];
};

/* Octets from the buffer, or else from the server.  0 at the end, -1 with an exception. */
static ssize_t some(struct input *in, char *to, size_t len)
{
	if (!in->len)
		return exchange_read(in->exchange, to, len);
	if (len > in->len)
		len = in->len;
	memcpy(to, in->buffer + in->at, len);
	in->at += len;
	in->len -= len;
	return (ssize_t)len;
}

/* @size: at most, -1: all there is.  A reference, or NULL with an exception. */
static PyObject *read_octets(struct input *in, Py_ssize_t size)
{
	Py_ssize_t room = size < 0 || size > FIRST_READ ? FIRST_READ : size, have = 0;
	PyObject *bytes = PyBytes_FromStringAndSize(NULL, room);

	while (bytes && have != size) {
		ssize_t n;

		if (have == room) {
			room = size < 0 || room < size / 2 ? room * 2 : size;
			if (_PyBytes_Resize(&bytes, room))
				return NULL;
		}
		n = some(in, PyBytes_AS_STRING(bytes) + have, (size_t)(room - have));
		if (n < 0)
			Py_CLEAR(bytes);
		if (n <= 0)
			break;
		have += n;
	}
	if (bytes && have < room)
		_PyBytes_Resize(&bytes, have);
	return bytes;
}

/* Makes the buffer hold something, if there is anything.  -1 with an exception. */
static int look(struct input *in)
{
	ssize_t n;

	if (in->len)
		return 0;
	n = exchange_read(in->exchange, in->buffer, sizeof(in->buffer));
	if (n < 0)
		return -1;
	in->at = 0;
	in->len = (size_t)n;
	return 0;
}

/* A line with its end, at most @size octets; -1: no limit. */
static PyObject *read_line(struct input *in, Py_ssize_t size)
{
	Py_ssize_t room = 128, have = 0;
	PyObject *bytes = PyBytes_FromStringAndSize(NULL, room);
	bool complete = !size;

	while (bytes && !complete) {
		const char *start = in->buffer, *end;
		size_t n;

		if (look(in) < 0)
			Py_CLEAR(bytes);
		if (!bytes || !in->len)
			break;
		start += in->at;
		end = memchr(start, '\n', in->len);
		n = end ? (size_t)(end + 1 - start) : in->len;
		complete = end;
		if (size >= 0 && n >= (size_t)(size - have)) {
			n = (size_t)(size - have);
			complete = true;
		}
		while (room < have + (Py_ssize_t)n)
			room *= 2;
		if (room > PyBytes_GET_SIZE(bytes) && _PyBytes_Resize(&bytes, room))
			return NULL;
		have += some(in, PyBytes_AS_STRING(bytes) + have, n);
	}
	if (bytes)
		_PyBytes_Resize(&bytes, have);
	return bytes;
}

/* None and negative numbers are "no limit". */
static bool size_argument(PyObject *args, const char *name, Py_ssize_t *size)
{
	PyObject *arg = Py_None;

	*size = -1;
	if (!PyArg_UnpackTuple(args, name, 0, 1, &arg))
		return false;
	if (arg == Py_None)
		return true;
	*size = PyNumber_AsSsize_t(arg, PyExc_OverflowError);
	if (*size == -1 && PyErr_Occurred())
		return false;
	if (*size < 0)
		*size = -1;
	return true;
}

static PyObject *input_read(PyObject *self, PyObject *args)
{
	struct input *in = (struct input *)self;
	PyObject *bytes;
	Py_ssize_t size;

	if (!size_argument(args, "read", &size) || !exchange_enter(in->exchange))
		return NULL;
	bytes = read_octets(in, size);
	exchange_leave(in->exchange);
	return bytes;
}

static PyObject *input_readline(PyObject *self, PyObject *args)
{
	struct input *in = (struct input *)self;
	PyObject *bytes;
	Py_ssize_t size;

	if (!size_argument(args, "readline", &size) || !exchange_enter(in->exchange))
		return NULL;
	bytes = read_line(in, size);
	exchange_leave(in->exchange);
	return bytes;
}

static PyObject *input_next(PyObject *self)
{
	struct input *in = (struct input *)self;
	PyObject *bytes;

	if (!exchange_enter(in->exchange))
		return NULL;
	bytes = read_line(in, -1);
	exchange_leave(in->exchange);
	if (bytes && !PyBytes_GET_SIZE(bytes))
		Py_CLEAR(bytes);
	return bytes;
}

/* The argument is a hint: stop once the lines have so many octets in all. */
static PyObject *input_readlines(PyObject *self, PyObject *args)
{
	Py_ssize_t hint, have = 0;
	PyObject *lines, *line;

	if (!size_argument(args, "readlines", &hint))
		return NULL;
	lines = PyList_New(0);
	while (lines && (hint <= 0 || have < hint)) {
		line = input_next(self);
		if (!line)
			break;
		have += PyBytes_GET_SIZE(line);
		if (PyList_Append(lines, line) < 0)
			Py_CLEAR(lines);
		Py_DECREF(line);
	}
	if (PyErr_Occurred())
		Py_CLEAR(lines);
	return lines;
}

static void input_dealloc(PyObject *self)
{
	Py_DECREF(((struct input *)self)->exchange);
	PyObject_Free(self);
}

static PyMethodDef input_methods[] = {
	{ "read", input_read, METH_VARARGS, "read(size=-1): at most size octets" },
	{ "readline", input_readline, METH_VARARGS, "readline(size=-1): a line" },
	{ "readlines", input_readlines, METH_VARARGS, "readlines(hint=-1): a list of lines" },
	{ NULL },
};

static PyTypeObject input_type = {
	PyVarObject_HEAD_INIT(NULL, 0)
	.tp_name = "linnet_wsgi.Input",
	.tp_doc = "content of a request",
	.tp_basicsize = sizeof(struct input),
	.tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
	.tp_dealloc = input_dealloc,
	.tp_iter = PyObject_SelfIter,
	.tp_iternext = input_next,
	.tp_methods = input_methods,
};

/**
 * input_ready() - make the type usable, once
 *
 * Return: 0, or -1 with an exception set.
 */
int input_ready(void)
{
	return PyType_Ready(&input_type);
}

/**
 * input_new() - wsgi.input of a request
 * @ex: the request
 *
 * Return: a new reference, or NULL with an exception set.
 */
PyObject *input_new(struct exchange *ex)
{
	struct input *in = PyObject_New(struct input, &input_type);

	if (!in)
		return NULL;
	in->exchange = (struct exchange *)Py_NewRef(ex);
	in->at = in->len = 0;
	return (PyObject *)in;
}
