/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RPCD_MODULE_H
#define RPCD_MODULE_H

#include "method.h"

/* Load a shared object and let it register its methods; -1 after an error line. */
int rpc_load_module(struct rpc_registry *r, const char *file);

#endif
