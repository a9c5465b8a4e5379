// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which file below a folder a path means, what follows it being PATH_INFO.
 *
 * Everything is opened relative to the folder and cannot leave it (RESOLVE_BENEATH), by a
 * symbolic link neither.  The script is started by its name in the folder that was found
 * here: an interpreter then knows it by that name, where a descriptor would hide it.  Who
 * can exchange files in that folder between the check and the start could as well have
 * put them there before.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "script.h"

static int open_beneath(int root, const char *path, size_t len, int flags)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC | flags,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};
	char name[PATH_MAX];
	int fd;

	if (len >= sizeof(name))
		return -ENAMETOOLONG;
	memcpy(name, path, len);
	name[len] = 0;
	fd = syscall(SYS_openat2, root, len ? name : ".", &how, sizeof(how));
	return fd < 0 ? -errno : fd;
}

static int status_of(int err)
{
	switch (err) {
	case -ENOENT:
	case -ENOTDIR:
	case -ENAMETOOLONG:
		return 404;
	case -EACCES:
	case -EPERM:
	case -EXDEV:
	case -ELOOP:
		return 403;
	case -EMFILE:
	case -ENFILE:
	case -ENOMEM:
		return 503;
	default:
		return 500;
	}
}

/* 0: a folder, go on; 1: a program; else a status. */
static int judge(int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		return 500;
	if (S_ISDIR(st.st_mode))
		return 0;
	if (!S_ISREG(st.st_mode) ||
	    syscall(SYS_faccessat2, fd, "", X_OK, AT_EMPTY_PATH | AT_EACCESS))
		return 403;
	return 1;
}

static int found(int root, const char *path, size_t start, size_t end, struct script *script)
{
	script->len = end;
	script->name = path + start;
	script->name_len = end - start;
	script->folder = open_beneath(root, path, start ? start - 1 : 0, O_DIRECTORY);
	return script->folder < 0 ? status_of(script->folder) : 0;
}

/**
 * script_find() - the file that a path begins with
 * @root: descriptor of the folder
 * @path: path below it, without dot segments
 * @script: result; its folder is the caller's to close
 *
 * Return: 0, 404: there is none, 403: it cannot be executed, or another status.
 */
int script_find(int root, const char *path, struct script *script)
{
	for (size_t start = 0; path[start];) {
		size_t end = start + strcspn(path + start, "/");
		int fd, kind;

		/* Hidden, or an empty segment. */
		if (path[start] == '.' || end == start)
			return 404;
		fd = open_beneath(root, path, end, 0);
		if (fd < 0)
			return status_of(fd);
		kind = judge(fd);
		close(fd);
		if (kind)
			return kind == 1 ? found(root, path, start, end, script) : kind;
		if (!path[end])
			break;
		start = end + 1;
	}
	return 404;
}
