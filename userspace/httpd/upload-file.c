// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A file that nobody sees before it is whole and on the disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "listing.h"
#include "upload.h"

static int make_name(char *out, size_t room)
{
	unsigned char bytes[8];
	int n = snprintf(out, room, "%s", LISTING_TEMPORARY);

	if (getrandom(bytes, sizeof(bytes), GRND_NONBLOCK) != sizeof(bytes))
		return -EAGAIN;
	for (size_t i = 0; i < sizeof(bytes); i++)
		n += snprintf(out + n, room - n, "%02x", bytes[i]);
	return 0;
}

static int open_named(struct upload_file *f)
{
	int err = make_name(f->name, sizeof(f->name));

	if (err)
		return err;
	f->fd = openat(f->folder, f->name,
		       O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (f->fd >= 0)
		return 0;
	err = -errno;
	f->name[0] = 0;
	return err;
}

/**
 * upload_file_open() - begin a new file
 * @f: what to fill in
 * @folder: descriptor of its folder, which upload_file_close() does not close
 *
 * Where the file system can, the file has no name, so that nothing is left of it
 * even when the process is killed; elsewhere it has a hidden one.
 *
 * Return: 0 or a negative errno.
 */
int upload_file_open(struct upload_file *f, int folder)
{
	f->folder = folder;
	f->name[0] = 0;
	f->fd = openat(folder, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);
	if (f->fd >= 0)
		return 0;
	/* EISDIR: a kernel or file system that does not know O_TMPFILE. */
	if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)
		return -errno;
	return open_named(f);
}

/**
 * upload_file_write() - write into the file
 * @f: the file
 * @data: what
 * @len: octets
 * @offset: where to
 *
 * Return: 0 or a negative errno.
 */
int upload_file_write(struct upload_file *f, const char *data, size_t len, off_t offset)
{
	ssize_t n;

	while (len) {
		n = pwrite(f->fd, data, len, offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -ENOSPC;
		data += n;
		len -= n;
		offset += n;
	}
	return 0;
}

static int link_to(const struct upload_file *f, const char *name)
{
	char path[32];

	/* By the descriptor alone this needs a right that we should not have
	 * before Linux 6.10.
	 */
	if (!linkat(f->fd, "", f->folder, name, AT_EMPTY_PATH))
		return 0;
	if (errno == EEXIST)
		return -EEXIST;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", f->fd);
	if (!linkat(AT_FDCWD, path, f->folder, name, AT_SYMLINK_FOLLOW))
		return 0;
	return -errno;
}

/* A file without a name cannot take the place of another: it gets a hidden one. */
static int name_it(struct upload_file *f)
{
	int err = make_name(f->name, sizeof(f->name));

	if (!err)
		err = link_to(f, f->name);
	if (err)
		f->name[0] = 0;
	return err;
}

/* EINVAL: a file system that cannot keep what is there. */
static int move(const struct upload_file *f, const char *name, bool replace)
{
	if (!replace && !renameat2(f->folder, f->name, f->folder, name, RENAME_NOREPLACE))
		return 0;
	if (!replace && errno != EINVAL)
		return -errno;
	return renameat(f->folder, f->name, f->folder, name) ? -errno : 0;
}

/**
 * upload_file_publish() - give the file its name, for good
 * @f: the file
 * @name: the name
 * @replace: what has that name now goes away
 *
 * The content is on the disk before the name is, and the name before this
 * returns; it may take long.
 *
 * Return: 0 or a negative errno; -EEXIST without @replace.  An error of the last
 * step, fsync() of the folder, leaves the new file in place.
 */
int upload_file_publish(struct upload_file *f, const char *name, bool replace)
{
	int err = 0;

	if (!f->name[0] && !replace)
		err = link_to(f, name);
	else if (!f->name[0])
		err = name_it(f);
	if (err)
		return err;
	if (f->name[0]) {
		err = move(f, name, replace);
		if (err)
			return err;
		f->name[0] = 0;
	}
	return fsync(f->folder) ? -errno : 0;
}

/**
 * upload_file_close() - close the file; without upload_file_publish() nothing is left
 * @f: the file
 */
void upload_file_close(struct upload_file *f)
{
	if (f->fd < 0)
		return;
	if (f->name[0])
		unlinkat(f->folder, f->name, 0);
	close(f->fd);
	f->fd = -1;
}
