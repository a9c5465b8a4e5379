// SPDX-License-Identifier: GPL-2.0-or-later
#include <dlfcn.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "module.h"

int rpc_load_module(struct rpc_registry *r, const char *file)
{
	int (*start)(struct rpc_registry * r);
	char path[PATH_MAX];
	const int *version;
	void *object;
	int err;

	/* A name without a slash would be looked for in the libraries' folders. */
	if (!realpath(file, path)) {
		ln_error("the module '%s': %m", file);
		return -1;
	}
	object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!object) {
		ln_error("the module '%s': %s", file, dlerror());
		return -1;
	}
	version = dlsym(object, "rpc_module_version");
	*(void **)&start = dlsym(object, "rpc_module");
	if (!version || !start || *version != RPC_MODULE_VERSION) {
		ln_error("the module '%s' needs rpc_module() and rpc_module_version %d", file,
			 RPC_MODULE_VERSION);
		dlclose(object);
		return -1;
	}
	err = start(r);
	if (err) {
		/* It stays loaded: methods of it may be registered. */
		ln_error("the module '%s': %s", file, strerror(-err));
		return -1;
	}
	return 0;
}
