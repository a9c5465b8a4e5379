// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Status and fields of a response: checked, so that what the client gets is HTTP whatever
 * the application says.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "response.h"

/* octets of an ASCII or latin-1 str; NULL with an exception.  A new reference. */
static PyObject *octets(PyObject *text, const char *what)
{
	PyObject *bytes;

	if (!PyUnicode_Check(text))
		return PyErr_Format(PyExc_TypeError, "%s must be str, not %.100s", what,
				    Py_TYPE(text)->tp_name);
	bytes = PyUnicode_AsLatin1String(text);
	if (!bytes) {
		PyErr_Clear();
		PyErr_Format(PyExc_ValueError, "%s %A has characters above U+00FF", what, text);
	}
	return bytes;
}

static bool has_control(const char *s, size_t len, bool tab_allowed)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char ch = (unsigned char)s[i];

		if ((ch < ' ' && !(tab_allowed && ch == '\t')) || ch == 0x7f)
			return true;
	}
	return false;
}

static int put_status(struct response *r, struct cgi_buffer *head, PyObject *status)
{
	PyObject *bytes = octets(status, "status");
	const char *s;
	size_t len;

	if (!bytes)
		return -1;
	s = PyBytes_AS_STRING(bytes);
	len = (size_t)PyBytes_GET_SIZE(bytes);
	if (len < 4 || strspn(s, "0123456789") != 3 || s[3] != ' ' || has_control(s, len, false)) {
		PyErr_Format(PyExc_ValueError,
			     "status %A must be three digits, a space and a reason", status);
		goto fail;
	}
	if (*s < '2' || *s > '5') {	/* 1xx is the server's own affair */
		PyErr_Format(PyExc_ValueError, "status %A must be 200 to 599", status);
		goto fail;
	}
	r->status = atoi(s);
	cgi_buffer_add(head, "Status: ", 8);
	cgi_buffer_add(head, s, len);
	cgi_buffer_add(head, "\r\n", 2);
	Py_DECREF(bytes);
	return 0;
fail:
	Py_DECREF(bytes);
	return -1;
}

static bool is_one_of(const char *name, const char *const *names)
{
	for (; *names; names++)
		if (!strcasecmp(name, *names))
			return true;
	return false;
}

static bool token(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!s[i] || !strchr("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz", s[i]))
			return false;
	return len;
}

static int content_length(struct response *r, const char *value)
{
	char *end;
	long long n;

	errno = 0;
	n = strtoll(value, &end, 10);
	if (errno || *value < '0' || *value > '9' || *end) {
		PyErr_Format(PyExc_ValueError, "Content-Length \"%s\" is no length", value);
		return -1;
	}
	if (r->length >= 0 && r->length != n) {
		PyErr_SetString(PyExc_ValueError, "there are two different Content-Length fields");
		return -1;
	}
	r->length = n;
	return 0;
}

/* PEP 3333, "Other HTTP Features": hop-by-hop fields are the server's. */
static int check_field(struct response *r, const char *name, size_t name_len, const char *value,
		       size_t value_len)
{
	static const char *const hop_by_hop[] = {
		"Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "TE",
		"Trailer", "Trailers", "Transfer-Encoding", "Upgrade", NULL,
	};

	if (!token(name, name_len)) {
		PyErr_Format(PyExc_ValueError, "\"%s\" is no name of a header field", name);
		return -1;
	}
	if (has_control(value, value_len, true)) {
		PyErr_Format(PyExc_ValueError, "the value of %s has control characters", name);
		return -1;
	}
	if (is_one_of(name, hop_by_hop)) {
		PyErr_Format(PyExc_ValueError,
			     "%s is a hop-by-hop field, which an application must not set", name);
		return -1;
	}
	if (!strcasecmp(name, "Status")) {
		PyErr_SetString(PyExc_ValueError,
				"Status is no header field: it is the first argument");
		return -1;
	}
	return strcasecmp(name, "Content-Length") ? 0 : content_length(r, value);
}

static int put_field(struct response *r, struct cgi_buffer *head, PyObject *field)
{
	PyObject *name = NULL, *value = NULL;
	int err = -1;

	if (!PyTuple_Check(field) || PyTuple_GET_SIZE(field) != 2) {
		PyErr_Format(PyExc_TypeError,
			     "a header field must be a tuple of two str, not %.200R", field);
		return -1;
	}
	name = octets(PyTuple_GET_ITEM(field, 0), "the name of a header field");
	if (name)
		value = octets(PyTuple_GET_ITEM(field, 1), "the value of a header field");
	if (value)
		err = check_field(r, PyBytes_AS_STRING(name), (size_t)PyBytes_GET_SIZE(name),
				  PyBytes_AS_STRING(value), (size_t)PyBytes_GET_SIZE(value));
	/* 204 has no content and no length (RFC 9110, 8.6); the length is added at the end */
	if (!err && strcasecmp(PyBytes_AS_STRING(name), "Content-Length")) {
		cgi_buffer_add(head, PyBytes_AS_STRING(name), (size_t)PyBytes_GET_SIZE(name));
		cgi_buffer_add(head, ": ", 2);
		cgi_buffer_add(head, PyBytes_AS_STRING(value), (size_t)PyBytes_GET_SIZE(value));
		cgi_buffer_add(head, "\r\n", 2);
	}
	Py_XDECREF(name);
	Py_XDECREF(value);
	return err;
}

/**
 * response_head() - keep status and fields until there is content
 * @r: the response, without a head
 * @status: first argument of start_response()
 * @fields: second argument
 *
 * Return: 0, or -1 with an exception set, after response_forget().
 */
int response_head(struct response *r, PyObject *status, PyObject *fields)
{
	if (!PyList_Check(fields)) {
		PyErr_Format(PyExc_TypeError, "the header fields must be a list, not %.100s",
			     Py_TYPE(fields)->tp_name);
		return -1;
	}
	if (put_status(r, &r->head, status) < 0)
		goto fail;
	for (Py_ssize_t i = 0; i < PyList_GET_SIZE(fields); i++)
		if (put_field(r, &r->head, PyList_GET_ITEM(fields, i)) < 0)
			goto fail;
	if (cgi_buffer_ok(&r->head))
		return 0;
	PyErr_SetString(PyExc_ValueError, "the header fields are too long");
fail:
	response_forget(r);
	return -1;
}
