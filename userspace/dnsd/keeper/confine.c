// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the keeper may do with files: write the state folder, read the folders of zone files and
 * of what they include, and a few files of the system that libraries open late.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"
#include "log.h"
#include "sandbox.h"
#include "zone/zone.h"

/* TLS looks for its settings and for certificates when it is first used. */
static const char *const system_paths[] = { "/etc/ssl", "/etc/gnutls", "/dev/urandom" };

#define N_SYSTEM	((int)(sizeof(system_paths) / sizeof(*system_paths)))
#define MAX_FOLDERS	(LN_SANDBOX_MAX_PATHS - N_SYSTEM - 8)

struct folders {
	char *path[MAX_FOLDERS];
	int n;
	bool no_memory;
};

static bool within(const char *path, const char *folder)
{
	size_t len = strlen(folder);

	return !strcmp(folder, "/") ||
	       (!strncmp(path, folder, len) && (!path[len] || path[len] == '/'));
}

static void drop(struct folders *f, int i)
{
	free(f->path[i]);
	f->path[i] = f->path[--f->n];
}

/* Too many: what lies beside one another is taken together. */
static void go_up(struct folders *f)
{
	for (int i = 0; i < f->n; i++) {
		char *slash = strrchr(f->path[i], '/');

		slash[slash == f->path[i]] = '\0';
	}
	for (int i = 0; i < f->n; i++)
		for (int j = f->n - 1; j > i; j--)
			if (within(f->path[j], f->path[i]))
				drop(f, j);
}

static void add_folder(const char *folder, void *data)
{
	struct folders *f = data;

	for (int i = 0; i < f->n; i++)
		if (within(folder, f->path[i]))
			return;
	for (int i = f->n - 1; i >= 0; i--)
		if (within(f->path[i], folder))
			drop(f, i);
	while (f->n == MAX_FOLDERS)
		go_up(f);
	f->path[f->n] = strdup(folder);
	if (f->path[f->n])
		f->n++;
	else
		f->no_memory = true;
}

static void collect(const struct setup *setup, struct folders *f)
{
	for (unsigned int i = 0; i < setup->n_zones; i++)
		if (setup->zone[i].file && !setup->zone[i].primaries.count)
			zone_folders(&setup->zone[i], add_folder, f);
}

/**
 * keeper_confine() - give up all else, for good
 * @setup: the configuration
 * @sandbox: what others of this process need, may be zeroed
 *
 * Return: 0, or a negative errno after an error line.
 */
int keeper_confine(const struct setup *setup, struct ln_sandbox *sandbox)
{
	struct folders f = { .n = 0 };
	int err = 0;

	collect(setup, &f);
	if (f.no_memory)
		ln_warning("out of memory: not all zone files may be read");
	for (int i = 0; i < f.n && !err; i++) {
		ln_debug("the keeper reads %s", f.path[i]);
		err = ln_sandbox_path(sandbox, f.path[i], LN_ACCESS_READ);
	}
	for (int i = 0; i < N_SYSTEM && !err; i++)
		if (!access(system_paths[i], F_OK))
			err = ln_sandbox_path(sandbox, system_paths[i], LN_ACCESS_READ);
	if (!err)
		err = ln_sandbox_path(sandbox, setup->state, LN_ACCESS_READ | LN_ACCESS_WRITE);
	if (!err)
		err = ln_sandbox_enter(sandbox);
	while (f.n)
		free(f.path[--f.n]);
	return err;
}
