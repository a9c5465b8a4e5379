// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The application: MODULE:CALLABLE, and one call of it (PEP 3333, "The Server/Gateway
 * Side").
 */
#include "application.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "python.h"
#include "response.h"

/* a.b.c; letters of other alphabets are for Python to judge. */
static bool dotted(const char *s, size_t len)
{
	bool start = true;

	for (size_t i = 0; i < len; i++) {
		unsigned char ch = (unsigned char)s[i];

		if (ch == '.') {
			if (start)
				return false;
			start = true;
			continue;
		}
		if (ch < 0x80 && ch != '_' && !(start ? isalpha(ch) : isalnum(ch)))
			return false;
		start = false;
	}
	return !start;
}

/**
 * application_name_valid() - whether a text can name an application
 * @name: MODULE, MODULE:CALLABLE or MODULE:FACTORY(), each perhaps with dots
 *
 * Return: whether it can.
 */
bool application_name_valid(const char *name)
{
	size_t module = strcspn(name, ":"), rest;
	const char *callable;

	if (!dotted(name, module))
		return false;
	if (!name[module])
		return true;
	callable = name + module + 1;
	rest = strlen(callable);
	if (rest > 2 && !strcmp(callable + rest - 2, "()"))
		rest -= 2;
	return dotted(callable, rest);
}

/* Follows "a.b.c" from @object, whose reference it takes. */
static PyObject *follow(PyObject *object, const char *names, size_t len)
{
	while (object && len) {
		const char *dot = memchr(names, '.', len);
		size_t n = dot ? (size_t)(dot - names) : len;
		PyObject *name = PyUnicode_FromStringAndSize(names, (Py_ssize_t)n);
		PyObject *next = name ? PyObject_GetAttr(object, name) : NULL;

		Py_XDECREF(name);
		Py_DECREF(object);
		object = next;
		n += dot ? 1 : 0;
		names += n;
		len -= n;
	}
	return object;
}

/**
 * application_load() - import the module and find the application in it
 * @name: as application_name_valid() likes it; CALLABLE is "application" by default
 *
 * Return: a new reference, or NULL with an exception set.
 */
PyObject *application_load(const char *name)
{
	const char *colon = strchr(name, ':'), *callable = colon ? colon + 1 : "application";
	size_t len = strlen(callable);
	bool factory = len > 2 && callable[len - 1] == ')';
	PyObject *text, *object = NULL, *made;

	text = PyUnicode_FromStringAndSize(name, colon ? colon - name : (Py_ssize_t)strlen(name));
	if (text)
		object = PyImport_Import(text);
	Py_XDECREF(text);
	/* __import__("a.b") with a list of names gives b; so does sys.modules. */
	if (object)
		object = follow(object, callable, factory ? len - 2 : len);
	if (object && factory) {
		made = PyObject_CallNoArgs(object);
		Py_DECREF(object);
		object = made;
	}
	if (object && !PyCallable_Check(object)) {
		PyErr_Format(PyExc_TypeError, "%s is no callable, but %.200R", name, object);
		Py_CLEAR(object);
	}
	return object;
}

/* Returns -1 with an exception. */
static int send_result(struct response *r, PyObject *result)
{
	Py_ssize_t blocks = PyObject_Size(result);
	PyObject *it, *data;
	int err = 0;

	if (blocks < 0)	/* most iterables do not know */
		PyErr_Clear();
	it = PyObject_GetIter(result);
	while (it && !err && (data = PyIter_Next(it))) {
		err = response_content(r, data, blocks == 1);
		Py_DECREF(data);
		/* Content that nobody gets may be without end. */
		if (r->head_sent && response_bodiless(r))
			break;
	}
	Py_XDECREF(it);
	return PyErr_Occurred() ? -1 : response_finish(r);
}

/* PEP 3333: close() is called whatever happened.  Keeps an exception that is set. */
static void close_result(PyObject *result, PyObject *errors)
{
	PyObject *type, *value, *traceback, *close, *done = NULL;

	PyErr_Fetch(&type, &value, &traceback);
	close = PyObject_GetAttrString(result, "close");
	if (close)
		done = PyObject_CallNoArgs(close);
	if (!done && (close || !PyErr_ExceptionMatches(PyExc_AttributeError)))
		python_log_exception(errors);
	PyErr_Clear();
	Py_XDECREF(done);
	Py_XDECREF(close);
	PyErr_Restore(type, value, traceback);
}

/* Returns -1 with an exception. */
static int call(PyObject *application, struct response *r, PyObject *errors)
{
	PyObject *environ = environ_new(r->exchange, errors), *start, *result = NULL;
	int err = -1;

	start = environ ? PyObject_GetAttrString((PyObject *)r, "start_response") : NULL;
	if (start)
		result = PyObject_CallFunctionObjArgs(application, environ, start, NULL);
	if (result) {
		err = send_result(r, result);
		close_result(result, errors);
		Py_DECREF(result);
	}
	Py_XDECREF(start);
	Py_XDECREF(environ);
	return err;
}

/* What became of the response, and a traceback where that is of use. */
static bool failed(struct response *r, struct session *s, PyObject *errors)
{
	static const char answer[] = "Status: 500 Internal Server Error\r\n"
				     "Content-Type: text/plain\r\n"
				     "Content-Length: 22\r\n\r\n"
				     "Internal Server Error\n";

	if (s->error && PyErr_ExceptionMatches(PyExc_OSError)) {
		PyErr_Clear();	/* the client has gone: nobody's mistake */
		return false;
	}
	python_log_exception(errors);
	if (r->head_sent)
		return false;
	session_put(s, FCGI_STDOUT, answer, sizeof(answer) - 1);
	return true;
}

static bool serve(PyObject *application, struct session *s, struct exchange *ex)
{
	PyObject *errors = errors_new(ex);
	struct response *r = errors ? response_new(ex) : NULL;
	bool complete = false;

	if (!r)
		python_log_exception(NULL);
	else if (call(application, r, errors) < 0)
		complete = failed(r, s, errors);
	else
		complete = true;
	if (errors)
		errors_flush(errors);
	Py_XDECREF(r);
	Py_XDECREF(errors);
	return complete;
}

/**
 * application_serve() - answer a request
 * @application: the application
 * @s: the session, whose header is there
 *
 * Return: whether the response is complete, so that session_end() is due.
 */
bool application_serve(PyObject *application, struct session *s)
{
	struct exchange *ex = exchange_new(s);
	bool complete;

	if (!ex) {
		python_log_exception(NULL);
		return false;
	}
	complete = serve(application, s, ex);
	exchange_over(ex);
	Py_DECREF(ex);
	return complete;
}
