// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a worker may still do.
 */
#include "sandbox.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/prctl.h>

#include "log.h"
#include "sandbox-internal.h"

static int add(struct ln_sandbox *s, const char *path, int fd, int access)
{
	if (access & LN_ACCESS_CONNECT)
		s->connect = true;
	if (!(access & (LN_ACCESS_READ | LN_ACCESS_WRITE)))
		return 0;
	if (s->n == LN_SANDBOX_MAX_PATHS) {
		ln_error("sandbox: more than %d paths", LN_SANDBOX_MAX_PATHS);
		return -ENOSPC;
	}
	s->path[s->n++] = (struct ln_sandbox_path){ path, fd, access };
	return 0;
}

/**
 * ln_sandbox_path() - allow something beneath a path
 * @s: the sandbox
 * @path: a file or a folder with all in it; must stay until ln_sandbox_enter(), at
 *	which time it must be there
 * @access: mask of LN_ACCESS_*
 *
 * Return: 0, or -ENOSPC after an error line.
 */
int ln_sandbox_path(struct ln_sandbox *s, const char *path, int access)
{
	return add(s, path, -1, access);
}

/**
 * ln_sandbox_fd() - allow something beneath an open file or folder
 * @s: the sandbox
 * @fd: its descriptor; must stay open until ln_sandbox_enter().  What it can be used
 *	for itself does not change.
 * @access: mask of LN_ACCESS_*
 *
 * Return: 0, or -ENOSPC after an error line.
 */
int ln_sandbox_fd(struct ln_sandbox *s, int fd, int access)
{
	return add(s, NULL, fd, access);
}

/* Another thread that is there already would stay outside. */
static int check_single_thread(void)
{
	DIR *d = opendir("/proc/self/task");
	int n = 0;

	if (!d)
		return 0;
	for (struct dirent *e = readdir(d); e; e = readdir(d))
		n += *e->d_name != '.';
	closedir(d);
	if (n == 1)
		return 0;
	ln_error("sandbox: %d threads are running, and only one would be confined", n);
	return -EBUSY;
}

/**
 * ln_sandbox_enter() - give up everything else, for good
 * @s: what is still allowed
 *
 * For a process with one thread; those it makes later are confined as well.  Needs no
 * privilege, and no_new_privs is set.
 *
 * Return: 0, or a negative errno after an error line; then the process must end, as it
 * may be confined in part.
 */
int ln_sandbox_enter(const struct ln_sandbox *s)
{
	int err = check_single_thread();

	if (err)
		return err;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) {
		err = -errno;
		ln_error("sandbox: no_new_privs: %s", strerror(-err));
		return err;
	}
	err = ln_landlock_enter(s);
	return err ? err : ln_seccomp_enter(s);
}
