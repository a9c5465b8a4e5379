/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WSGI_APPLICATION_H
#define WSGI_APPLICATION_H

#include "exchange.h"

bool application_name_valid(const char *name);
PyObject *application_load(const char *name);
bool application_serve(PyObject *application, struct session *s);

#endif
