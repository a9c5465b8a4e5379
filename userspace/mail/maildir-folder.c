// SPDX-License-Identifier: GPL-2.0-or-later
#include "maildir-internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FOLDER_MODE	0700
#define FILE_MODE	0600

static int open_beneath(int folder, const char *path, int flags)
{
	const struct open_how how = {
		.flags = flags | O_CLOEXEC,
		.mode = flags & O_CREAT ? FILE_MODE : 0,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	int fd = syscall(SYS_openat2, folder, path, &how, sizeof(how));

	return fd < 0 ? -errno : fd;
}

/**
 * maildir_folder_open() - open a folder
 * @root: descriptor of a folder above it
 * @path: from there
 *
 * Return: a descriptor, or a negative errno; -EXDEV and -ELOOP: the path leads out of @root,
 * or over a symlink.
 */
int maildir_folder_open(int root, const char *path)
{
	return open_beneath(root, path, O_RDONLY | O_DIRECTORY);
}

/**
 * maildir_file_open() - open a file
 * @folder: descriptor of its folder
 * @name: its name
 * @flags: of open(2)
 *
 * Return: a descriptor, or a negative errno.
 */
int maildir_file_open(int folder, const char *name, int flags)
{
	/* A FIFO that somebody put there must not keep us. */
	return open_beneath(folder, name, flags | O_NOFOLLOW | O_NONBLOCK);
}

/* @folder/@name, made when it is not there. */
static int make_one(int folder, const char *name)
{
	int fd = maildir_folder_open(folder, name);

	if (fd != -ENOENT)
		return fd;
	if (mkdirat(folder, name, FOLDER_MODE) && errno != EEXIST)
		return -errno;
	if (fsync(folder))
		return -errno;
	return maildir_folder_open(folder, name);
}

static int make_path(int root, const char *path)
{
	char copy[PATH_MAX], *rest = copy, *name;
	int folder = dup(root), next;

	if (folder < 0)
		return -errno;
	if (strlen(path) >= sizeof(copy)) {
		close(folder);
		return -ENAMETOOLONG;
	}
	strcpy(copy, path);
	while ((name = strsep(&rest, "/"))) {
		if (!*name)
			continue;
		next = strcmp(name, "..") ? make_one(folder, name) : -EXDEV;
		close(folder);
		if (next < 0)
			return next;
		folder = next;
	}
	return folder;
}

/**
 * maildir_folder_make() - open a mailbox, or make it
 * @root: descriptor of the mail root
 * @path: from there
 *
 * Return: a descriptor, or a negative errno.
 */
int maildir_folder_make(int root, const char *path)
{
	static const char *const sub[] = { "tmp", "new", "cur" };
	int box = maildir_folder_open(root, path);

	if (box == -ENOENT)
		box = make_path(root, path);
	for (int i = 0; i < 3 && box >= 0; i++) {
		int fd = make_one(box, sub[i]);

		if (fd < 0) {
			close(box);
			return fd;
		}
		close(fd);
	}
	return box;
}

/**
 * maildir_base_len() - the part of a file's name that names the message
 * @name: name
 *
 * Return: its length, to the colon before the flags.
 */
size_t maildir_base_len(const char *name)
{
	return strcspn(name, ":");
}

/**
 * maildir_name_size() - a size that a file's name tells
 * @name: name
 * @which: 'S' for octets of the file, 'W' for those with CRLF
 * @size: where it goes
 *
 * Return: whether there is one.
 */
bool maildir_name_size(const char *name, char which, uint64_t *size)
{
	const char *end = name + maildir_base_len(name);

	for (const char *p = name; (p = memchr(p, ',', end - p)); p++) {
		char *after;

		if (p + 3 >= end || p[1] != which || p[2] != '=' || p[3] < '0' || p[3] > '9')
			continue;
		errno = 0;
		*size = strtoull(p + 3, &after, 10);
		return !errno && (after == end || *after == ',') && *size < INT64_MAX;
	}
	return false;
}

/**
 * maildir_folder_each() - go through the messages of a folder
 * @folder: descriptor of new, cur or tmp, which stays open
 * @each: called for each
 * @data: passed on to it
 *
 * Return: 0, what @each returned if that was something else, or a negative errno.
 */
int maildir_folder_each(int folder, int (*each)(void *data, int folder, const char *name),
			void *data)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;

	if (!d) {
		r = -errno;
		if (fd >= 0)
			close(fd);
		return r;
	}
	while (!r && (errno = 0, e = readdir(d))) {
		if (*e->d_name == '.' || (e->d_type != DT_REG && e->d_type != DT_UNKNOWN))
			continue;
		r = each(data, folder, e->d_name);
	}
	if (!r && errno)
		r = -errno;
	closedir(d);
	return r;
}
