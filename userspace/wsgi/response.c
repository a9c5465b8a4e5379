// SPDX-License-Identifier: GPL-2.0-or-later
#include "response.h"

#include <string.h>

#define MAX_HEAD	262144

static int send_head(struct response *r)
{
	char length[64];

	if (r->length >= 0 && r->status != 204) {
		int n = snprintf(length, sizeof(length), "Content-Length: %lld\r\n",
				 (long long)r->length);

		cgi_buffer_add(&r->head, length, (size_t)n);
	}
	cgi_buffer_add(&r->head, "\r\n", 2);
	if (!cgi_buffer_ok(&r->head) ||
	    session_put(r->exchange->session, FCGI_STDOUT, r->head.data, r->head.len)) {
		PyErr_NoMemory();
		return -1;
	}
	r->head_sent = true;
	return 0;
}

static int started(struct response *r)
{
	if (r->status)
		return 0;
	PyErr_SetString(PyExc_AssertionError,
			"content came before start_response() was called");
	return -1;
}

/**
 * response_bodiless() - whether content is of no use
 * @r: the response
 *
 * Return: true when the client gets none, by the method or by the status.
 */
bool response_bodiless(const struct response *r)
{
	return r->exchange->head || r->status == 204 || r->status == 304;
}

/* The exchange is entered. */
static int content(struct response *r, const char *data, size_t len, bool only)
{
	bool excess = false;

	if (!r->head_sent) {
		if (only && r->length < 0 && r->status != 304)
			r->length = (int64_t)len;
		if (send_head(r) < 0)
			return -1;
	}
	if (response_bodiless(r))
		return exchange_send(r->exchange, FCGI_STDOUT, data, 0);
	if (r->length >= 0 && len > (uint64_t)r->length - r->sent) {
		len = (size_t)((uint64_t)r->length - r->sent);
		excess = true;
	}
	r->sent += len;
	if (exchange_send(r->exchange, FCGI_STDOUT, data, len) < 0)
		return -1;
	if (excess)
		PyErr_Format(PyExc_AssertionError,
			     "there is more content than Content-Length: %lld",
			     (long long)r->length);
	return excess ? -1 : 0;
}

/**
 * response_content() - send content at once, the header before the first of it
 * @r: the response
 * @data: what the application gave: must be bytes
 * @only: there is no more content than this
 *
 * Return: 0, or -1 with an exception set.
 */
int response_content(struct response *r, PyObject *data, bool only)
{
	int err;

	if (!PyBytes_Check(data)) {
		PyErr_Format(PyExc_TypeError, "content must be bytes, not %.100s",
			     Py_TYPE(data)->tp_name);
		return -1;
	}
	if (started(r) < 0)
		return -1;
	if (!PyBytes_GET_SIZE(data))	/* PEP 3333: nothing is sent before real content */
		return 0;
	if (!exchange_enter(r->exchange))
		return -1;
	err = content(r, PyBytes_AS_STRING(data), (size_t)PyBytes_GET_SIZE(data), only);
	exchange_leave(r->exchange);
	return err;
}

/**
 * response_finish() - the application has no more content
 * @r: the response
 *
 * Return: 0, or -1 with an exception set.
 */
int response_finish(struct response *r)
{
	if (!r->status) {
		PyErr_SetString(PyExc_AssertionError,
				"the application returned without calling start_response()");
		return -1;
	}
	/* For HEAD, the length is that of what GET would give: not known here. */
	if (!r->head_sent) {
		int err;

		if (r->length < 0 && !response_bodiless(r))
			r->length = 0;
		if (!exchange_enter(r->exchange))
			return -1;
		err = send_head(r);
		exchange_leave(r->exchange);
		if (err < 0)
			return -1;
	}
	if (r->length >= 0 && !response_bodiless(r) && r->sent < (uint64_t)r->length) {
		PyErr_Format(PyExc_AssertionError, "content ends %lld octets before Content-Length",
			     (long long)((uint64_t)r->length - r->sent));
		return -1;
	}
	return 0;
}

/**
 * response_forget() - as if start_response() had not been called
 * @r: the response, of which nothing was sent
 */
void response_forget(struct response *r)
{
	cgi_buffer_free(&r->head);
	r->status = 0;
	r->length = -1;
}

/* exc_info is (type, value, traceback): raise it again.  Always NULL. */
static PyObject *raise_again(PyObject *exc_info)
{
	PyObject *type, *value, *traceback;

	if (!PyTuple_Check(exc_info) || PyTuple_GET_SIZE(exc_info) != 3)
		return PyErr_Format(PyExc_TypeError, "exc_info must be a tuple of three");
	type = PyTuple_GET_ITEM(exc_info, 0);
	value = PyTuple_GET_ITEM(exc_info, 1);
	traceback = PyTuple_GET_ITEM(exc_info, 2);
	if (!PyExceptionClass_Check(type) ||
	    !(PyTraceBack_Check(traceback) || traceback == Py_None))
		return PyErr_Format(PyExc_TypeError, "exc_info must be what sys.exc_info() gives");
	PyErr_Restore(Py_NewRef(type), Py_NewRef(value),
		      traceback == Py_None ? NULL : Py_NewRef(traceback));
	return NULL;
}

static PyObject *response_start(PyObject *self, PyObject *args, PyObject *kwargs)
{
	static char *names[] = { "status", "response_headers", "exc_info", NULL };
	struct response *r = (struct response *)self;
	PyObject *status, *fields, *exc_info = Py_None;

	if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO|O:start_response", names, &status,
					 &fields, &exc_info))
		return NULL;
	if (!r->exchange->session)
		return PyErr_Format(PyExc_ValueError, "the request is over");
	if (exc_info != Py_None) {
		if (r->head_sent)
			return raise_again(exc_info);
		response_forget(r);
	} else if (r->status) {
		return PyErr_Format(PyExc_AssertionError,
				    "start_response() was called before; only with exc_info "
				    "may it be called again");
	}
	if (response_head(r, status, fields) < 0)
		return NULL;
	return PyObject_GetAttrString(self, "write");
}

static PyObject *response_write(PyObject *self, PyObject *data)
{
	return response_content((struct response *)self, data, false) < 0 ? NULL :
									    Py_NewRef(Py_None);
}

static void response_dealloc(PyObject *self)
{
	struct response *r = (struct response *)self;

	cgi_buffer_free(&r->head);
	Py_DECREF(r->exchange);
	PyObject_Free(self);
}

static PyMethodDef response_methods[] = {
	{ "start_response", (PyCFunction)(void (*)(void))response_start,
	  METH_VARARGS | METH_KEYWORDS,
	  "start_response(status, response_headers, exc_info=None)" },
	{ "write", response_write, METH_O, "write(data)" },
	{ NULL },
};

static PyTypeObject response_type = {
	PyVarObject_HEAD_INIT(NULL, 0)
	.tp_name = "linnet_wsgi.Response",
	.tp_doc = "a response under way",
	.tp_basicsize = sizeof(struct response),
	.tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
	.tp_dealloc = response_dealloc,
	.tp_methods = response_methods,
};

/**
 * response_ready() - make the type usable, once
 *
 * Return: 0, or -1 with an exception set.
 */
int response_ready(void)
{
	return PyType_Ready(&response_type);
}

/**
 * response_new() - for a request
 * @ex: the request
 *
 * Return: a new reference, or NULL with an exception set.
 */
struct response *response_new(struct exchange *ex)
{
	struct response *r = PyObject_New(struct response, &response_type);

	if (!r)
		return NULL;
	r->exchange = (struct exchange *)Py_NewRef(ex);
	cgi_buffer_init(&r->head, MAX_HEAD);
	r->status = 0;
	r->length = -1;
	r->sent = 0;
	r->head_sent = false;
	return r;
}
