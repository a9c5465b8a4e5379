// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * wsgi.file_wrapper (PEP 3333, "Optional Platform-Specific File Handling"): an iterable
 * over a file-like object.  Between here and the client are FastCGI's records, so that
 * there is nothing to gain from sendfile(); blocks of a good size are the gain.
 */
#include "exchange.h"

#define BLOCK	65536

/**
 * struct file_wrapper - the iterable
 * @file: has read(), perhaps close()
 * @block: octets at once
 */
struct file_wrapper {
	PyObject_HEAD
	PyObject *file;
	Py_ssize_t block;
};

static PyObject *wrapper_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
	static char *names[] = { "filelike", "block_size", NULL };
	struct file_wrapper *w;
	Py_ssize_t block = BLOCK;
	PyObject *file;

	if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|n", names, &file, &block))
		return NULL;
	if (block < 1) {
		PyErr_SetString(PyExc_ValueError, "the block size must be 1 or more");
		return NULL;
	}
	w = (struct file_wrapper *)type->tp_alloc(type, 0);
	if (!w)
		return NULL;
	w->file = Py_NewRef(file);
	w->block = block;
	return (PyObject *)w;
}

static PyObject *wrapper_next(PyObject *self)
{
	struct file_wrapper *w = (struct file_wrapper *)self;
	PyObject *data = PyObject_CallMethod(w->file, "read", "n", w->block);

	/* An empty answer, of whatever type, is the end. */
	if (data && !PyObject_IsTrue(data))
		Py_CLEAR(data);
	return data;
}

/* A file without close() makes a wrapper without one. */
static PyObject *wrapper_close(PyObject *self, void *unused)
{
	(void)unused;
	return PyObject_GetAttrString(((struct file_wrapper *)self)->file, "close");
}

static int wrapper_traverse(PyObject *self, visitproc visit, void *arg)
{
	Py_VISIT(((struct file_wrapper *)self)->file);
	return 0;
}

static int wrapper_clear(PyObject *self)
{
	Py_CLEAR(((struct file_wrapper *)self)->file);
	return 0;
}

static void wrapper_dealloc(PyObject *self)
{
	PyObject_GC_UnTrack(self);
	wrapper_clear(self);
	Py_TYPE(self)->tp_free(self);
}

static PyGetSetDef wrapper_attributes[] = {
	{ "close", wrapper_close, NULL, "the file's close()", NULL },
	{ NULL },
};

static PyTypeObject wrapper_type = {
	PyVarObject_HEAD_INIT(NULL, 0)
	.tp_name = "linnet_wsgi.FileWrapper",
	.tp_doc = "FileWrapper(filelike, block_size=65536)",
	.tp_basicsize = sizeof(struct file_wrapper),
	.tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
	.tp_new = wrapper_new,
	.tp_traverse = wrapper_traverse,
	.tp_clear = wrapper_clear,
	.tp_dealloc = wrapper_dealloc,
	.tp_iter = PyObject_SelfIter,
	.tp_iternext = wrapper_next,
	.tp_getset = wrapper_attributes,
};

/**
 * file_wrapper_ready() - make the type usable, once
 *
 * Return: 0, or -1 with an exception set.
 */
int file_wrapper_ready(void)
{
	return PyType_Ready(&wrapper_type);
}

/**
 * file_wrapper_type() - value of wsgi.file_wrapper
 *
 * Return: a borrowed reference.
 */
PyObject *file_wrapper_type(void)
{
	return (PyObject *)&wrapper_type;
}
