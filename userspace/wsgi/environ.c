// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * environ (PEP 3333, "environ Variables"): what the server said, as native strings that
 * hold octets (latin-1), and the wsgi keys.  The process's own environment is not in it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "exchange.h"

static bool is(const struct fcgi_pair *p, const char *name)
{
	return p->name_len == strlen(name) && !memcmp(p->name, name, p->name_len);
}

/* What has a variable without HTTP_ has none with it; HTTP_PROXY is a known trap. */
static bool unwanted(const struct fcgi_pair *p)
{
	if (is(p, "CONTENT_TYPE") || is(p, "CONTENT_LENGTH"))
		return !p->value_len;
	return is(p, "HTTP_CONTENT_TYPE") || is(p, "HTTP_CONTENT_LENGTH") || is(p, "HTTP_PROXY");
}

static int set_pair(PyObject *environ, const struct fcgi_pair *p)
{
	PyObject *name = PyUnicode_DecodeLatin1(p->name, (Py_ssize_t)p->name_len, NULL);
	PyObject *value = PyUnicode_DecodeLatin1(p->value, (Py_ssize_t)p->value_len, NULL);
	int err = name && value ? PyDict_SetItem(environ, name, value) : -1;

	Py_XDECREF(name);
	Py_XDECREF(value);
	return err;
}

/* Takes the reference. */
static int set(PyObject *environ, const char *name, PyObject *value)
{
	int err = value ? PyDict_SetItemString(environ, name, value) : -1;

	Py_XDECREF(value);
	return err;
}

static int set_default(PyObject *environ, const char *name, const char *value)
{
	PyObject *key = PyUnicode_FromString(name), *text = PyUnicode_FromString(value);
	int err = key && text && PyDict_SetDefault(environ, key, text) ? 0 : -1;

	Py_XDECREF(key);
	Py_XDECREF(text);
	return err;
}

/* What an application may rely on whatever server is in front. */
static int set_defaults(PyObject *environ)
{
	static const char *const values[][2] = {
		{ "SCRIPT_NAME", "" },	     { "PATH_INFO", "" },
		{ "QUERY_STRING", "" },	     { "SERVER_NAME", "localhost" },
		{ "SERVER_PORT", "80" },     { "SERVER_PROTOCOL", "HTTP/1.0" },
	};

	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
		if (set_default(environ, values[i][0], values[i][1]) < 0)
			return -1;
	return 0;
}

static bool parse_length(const struct fcgi_pair *p, int64_t *length)
{
	char text[20], *end;

	if (p->value_len >= sizeof(text) || *p->value < '0' || *p->value > '9')
		return false;
	memcpy(text, p->value, p->value_len);
	text[p->value_len] = 0;
	errno = 0;
	*length = strtoll(text, &end, 10);
	return !*end && !errno;
}

struct request {
	bool https, method;
};

static int note(struct exchange *ex, const struct fcgi_pair *p, struct request *rq)
{
	if (is(p, "REQUEST_METHOD")) {
		rq->method = p->value_len;
		ex->head = p->value_len == 4 && !memcmp(p->value, "HEAD", 4);
	} else if (is(p, "HTTPS")) {
		rq->https = p->value_len && strncasecmp(p->value, "off", p->value_len);
	} else if (is(p, "CONTENT_LENGTH") && p->value_len &&
		   !parse_length(p, &ex->content_left)) {
		PyErr_SetString(PyExc_ValueError, "the server's CONTENT_LENGTH is no number");
		return -1;
	}
	return 0;
}

static int set_wsgi(PyObject *environ, struct exchange *ex, PyObject *errors, bool https)
{
	if (set(environ, "wsgi.version", Py_BuildValue("(ii)", 1, 0)) < 0 ||
	    set(environ, "wsgi.url_scheme", PyUnicode_FromString(https ? "https" : "http")) < 0 ||
	    set(environ, "wsgi.input", input_new(ex)) < 0 ||
	    set(environ, "wsgi.errors", Py_NewRef(errors)) < 0 ||
	    set(environ, "wsgi.multithread", Py_NewRef(Py_False)) < 0 ||
	    set(environ, "wsgi.multiprocess", Py_NewRef(Py_True)) < 0 ||
	    set(environ, "wsgi.run_once", Py_NewRef(Py_False)) < 0 ||
	    set(environ, "wsgi.file_wrapper", Py_NewRef(file_wrapper_type())) < 0)
		return -1;
	/* Frameworks' own: read() at the content's end gives b"", whatever its length. */
	return set(environ, "wsgi.input_terminated", Py_NewRef(Py_True));
}

/**
 * environ_new() - environ of a request
 * @ex: the request, whose head and content_left are set
 * @errors: wsgi.errors
 *
 * Return: a new reference, or NULL with an exception set.
 */
PyObject *environ_new(struct exchange *ex, PyObject *errors)
{
	const char *at = ex->session->params.data;
	size_t left = ex->session->params.len;
	PyObject *environ = PyDict_New();
	struct request rq = { false };
	struct fcgi_pair p;
	int r;

	if (!environ)
		return NULL;
	while ((r = fcgi_next_pair(&at, &left, &p)) > 0)
		if (!unwanted(&p) && (note(ex, &p, &rq) < 0 || set_pair(environ, &p) < 0))
			goto fail;
	if (r < 0 || !rq.method) {
		PyErr_SetString(PyExc_ValueError, r < 0 ? "FCGI_PARAMS is malformed" :
							  "the server sent no REQUEST_METHOD");
		goto fail;
	}
	if (set_defaults(environ) < 0 || set_wsgi(environ, ex, errors, rq.https) < 0)
		goto fail;
	return environ;
fail:
	Py_DECREF(environ);
	return NULL;
}
