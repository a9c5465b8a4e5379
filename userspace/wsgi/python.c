// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The interpreter, one per process.
 *
 * It is Python as the application's author knows it, with these exceptions:
 *   - the current folder is on the search path only as any other folder that was named;
 *   - no site-packages of the user's home: a service depends on nobody's home;
 *   - no handlers of signals: SIGTERM and SIGINT end a process in order (worker.c);
 *   - standard output and error are written at once, for the log.
 * PYTHONHOME and the other variables of the environment count, as whoever starts the
 * server sets them.
 */
#include "python.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "exchange.h"
#include "log.h"
#include "response.h"

#define VERSION		"python" Py_STRINGIFY(PY_MAJOR_VERSION) "." Py_STRINGIFY(PY_MINOR_VERSION)

/* The interpreter looks for its modules from where its program is. */
static int set_program(PyConfig *config, const char *virtualenv)
{
	char path[4096];
	PyStatus status;

	if (!virtualenv) {
		snprintf(path, sizeof(path), "/usr/bin/" VERSION);
	} else {
		snprintf(path, sizeof(path), "%s/lib/" VERSION, virtualenv);
		if (access(path, X_OK)) {
			wsgi_log("%s is no virtual environment for " VERSION ": %s is not there",
				 virtualenv, path);
			return -1;
		}
		snprintf(path, sizeof(path), "%s/bin/python3", virtualenv);
	}
	if (access(path, X_OK))	/* not installed: the library alone is enough */
		return 0;
	status = PyConfig_SetBytesString(config, &config->executable, path);
	return PyStatus_Exception(status) ? -1 : 0;
}

static int put_paths_first(const struct python_options *o)
{
	PyObject *sys_path = PySys_GetObject("path"), *folder;
	int err = sys_path ? 0 : -1;

	for (unsigned int i = 0; i < o->n_paths && !err; i++) {
		folder = PyUnicode_DecodeFSDefault(o->paths[i]);
		err = folder ? PyList_Insert(sys_path, (Py_ssize_t)i, folder) : -1;
		Py_XDECREF(folder);
	}
	return err;
}

static int start(PyConfig *config, const struct python_options *o)
{
	static char *const argv[] = { "linnet-wsgi" };
	PyStatus status;

	config->install_signal_handlers = 0;
	config->parse_argv = 0;
	config->user_site_directory = 0;
	config->safe_path = 1;
	config->buffered_stdio = 0;
	if (set_program(config, o->virtualenv) < 0 ||
	    PyStatus_Exception(PyConfig_SetBytesArgv(config, 1, argv)))
		return -1;
	status = Py_InitializeFromConfig(config);
	if (PyStatus_Exception(status)) {
		wsgi_log("Python does not start: %s", status.err_msg ? status.err_msg : "?");
		return -1;
	}
	return 0;
}

/**
 * python_start() - start the interpreter in this process
 * @o: what it is told
 *
 * Return: 0, or -1 after an error line.
 */
int python_start(const struct python_options *o)
{
	PyConfig config;
	int err;

	/* Python does this together with handlers that are not wanted. */
	signal(SIGPIPE, SIG_IGN);
	PyConfig_InitPythonConfig(&config);
	err = start(&config, o);
	PyConfig_Clear(&config);
	if (err)
		return -1;
	if (put_paths_first(o) < 0 || exchange_ready() < 0 || input_ready() < 0 ||
	    errors_ready() < 0 || file_wrapper_ready() < 0 || response_ready() < 0) {
		python_log_exception(NULL);
		return -1;
	}
	return 0;
}

/**
 * python_log_exception() - the traceback of the exception that is set, and clear it.
 *	SystemExit is like any other.
 * @file: has write(); NULL: sys.stderr
 */
void python_log_exception(PyObject *file)
{
	PyObject *type, *value, *traceback, *module, *done = NULL;

	PyErr_Fetch(&type, &value, &traceback);
	PyErr_NormalizeException(&type, &value, &traceback);
	if (traceback)
		PyException_SetTraceback(value, traceback);
	module = PyImport_ImportModule("traceback");
	if (module)
		done = PyObject_CallMethod(module, "print_exception", "OOOOO", type, value,
					   traceback ? traceback : Py_None, Py_None,
					   file ? file : Py_None);
	if (!done) {
		PyErr_Clear();
		wsgi_log("%s, whose traceback cannot be shown",
			 ((PyTypeObject *)type)->tp_name);
	}
	Py_XDECREF(done);
	Py_XDECREF(module);
	Py_XDECREF(type);
	Py_XDECREF(value);
	Py_XDECREF(traceback);
}
