/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The interpreter, and the application in it.
 */
#ifndef WSGI_PYTHON_H
#define WSGI_PYTHON_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>

#define PYTHON_MAX_PATHS	32

/**
 * struct python_options - what the interpreter is told
 * @paths: folders that are searched for modules first
 * @n_paths: how many
 * @virtualenv: folder of a virtual environment, or NULL
 */
struct python_options {
	const char *paths[PYTHON_MAX_PATHS];
	unsigned int n_paths;
	const char *virtualenv;
};

int python_start(const struct python_options *o);
void python_log_exception(PyObject *file);

#endif
