// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Opening what is below the served folder, and nothing else.
 */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

/**
 * file_open() - open a file or folder below the root for reading
 * @root: descriptor of the served folder
 * @path: relative path; empty for the root itself
 * @st: what fstat() says of it
 *
 * The kernel resolves the path and refuses each step that leaves the root: by
 * dots, by a symbolic link, or by a race with somebody who renames.
 *
 * Return: descriptor, or a negative errno; -EXDEV when the path leads out.
 */
int file_open(int root, const char *path, struct stat *st)
{
	struct open_how how = {
		/* A FIFO must not keep us waiting, a terminal not become ours. */
		.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};
	int fd, err;

	/* EAGAIN: a rename somewhere on the machine raced with "..". */
	for (int tries = 0; tries < 8; tries++) {
		fd = syscall(SYS_openat2, root, *path ? path : ".", &how, sizeof(how));
		if (fd >= 0 || errno != EAGAIN)
			break;
	}
	if (fd < 0)
		return -errno;
	if (fstat(fd, st)) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

/**
 * file_error_status() - the HTTP status for an error of file_open()
 * @err: negative errno
 */
int file_error_status(int err)
{
	switch (-err) {
	case ENOENT:
	case ENOTDIR:
	case ENAMETOOLONG:
		return 404;
	case EACCES:
	case EPERM:
	case EXDEV:
	case ELOOP:
	case ENXIO:	/* a socket, or a device without a driver */
	case ENODEV:
		return 403;
	case EMFILE:
	case ENFILE:
	case ENOMEM:
	case EAGAIN:
		return 503;
	default:
		return 500;
	}
}
