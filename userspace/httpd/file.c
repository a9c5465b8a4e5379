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

/*
 * The kernel resolves the path and refuses each step that leaves the root: by
 * dots, by a symbolic link, or by a race with somebody who renames.
 */
static int open_below(const struct file_root *root, const char *path, int flags)
{
	struct open_how how = {
		.flags = flags | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS |
			   (root->follow_links ? 0 : RESOLVE_NO_SYMLINKS),
	};
	int fd = -1;

	/* EAGAIN: a rename somewhere on the machine raced with "..". */
	for (int tries = 0; tries < 8; tries++) {
		fd = syscall(SYS_openat2, root->fd, *path ? path : ".", &how, sizeof(how));
		if (fd >= 0 || errno != EAGAIN)
			break;
	}
	return fd < 0 ? -errno : fd;
}

/**
 * file_open() - open a file or folder below the root for reading
 * @root: the served folder
 * @path: relative path; empty for the root itself
 * @st: what fstat() says of it
 *
 * Return: descriptor, or a negative errno; -EXDEV when the path leads out.
 */
int file_open(const struct file_root *root, const char *path, struct stat *st)
{
	/* A FIFO must not keep us waiting, a terminal not become ours. */
	int fd = open_below(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY), err;

	if (fd >= 0 && fstat(fd, st)) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

/**
 * file_open_folder() - open a folder below the root for changes in it
 * @root: the served folder
 * @path: relative path; empty for the root itself
 *
 * Return: descriptor, or a negative errno; -ENOTDIR when it is no folder.
 */
int file_open_folder(const struct file_root *root, const char *path)
{
	return open_below(root, path, O_RDONLY | O_DIRECTORY);
}

/**
 * file_stat() - what is known of a file below the root, without opening it
 * @root: the served folder
 * @path: relative path; empty for the root itself
 * @st: what is known
 *
 * Return: 0 or a negative errno, as for file_open(), but rights on the file
 * itself are not asked.
 */
int file_stat(const struct file_root *root, const char *path, struct stat *st)
{
	int fd = open_below(root, path, O_PATH), err = 0;

	if (fd < 0)
		return fd;
	if (fstat(fd, st))
		err = -errno;
	close(fd);
	return err;
}

/**
 * file_error_status() - the HTTP status for an error of these functions
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
	case EROFS:
	case EXDEV:
	case ELOOP:
	case ENXIO: /* a socket, or a device without a driver */
	case ENODEV:
		return 403;
	case EMFILE:
	case ENFILE:
	case ENOMEM:
	case EAGAIN:
		return 503;
	case EFBIG:
		return 413;
	case ENOSPC:
	case EDQUOT:
		return 507;
	default:
		return 500;
	}
}
