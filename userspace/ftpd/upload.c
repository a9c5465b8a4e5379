// SPDX-License-Identifier: GPL-2.0-or-later
#include "upload.h"
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRIES	8
#define UNIQUE_TRIES 1000

/* Opens and locks the hidden file.  Another that finished meanwhile took its name away. */
static int open_partial(struct upload *u, bool create, uint64_t *size)
{
	struct stat mine, named;

	for (int i = 0; i < TRIES; i++) {
		u->fd = openat(u->place.folder, u->partial,
			       O_RDWR | (create ? O_CREAT : 0) | O_NOFOLLOW | O_CLOEXEC, 0666);
		if (u->fd < 0)
			return -errno;
		if (flock(u->fd, LOCK_EX | LOCK_NB)) {
			int err = errno == EWOULDBLOCK ? -ETXTBSY : -errno;

			close(u->fd);
			u->fd = -1;
			return err;
		}
		if (!fstat(u->fd, &mine) &&
		    !fstatat(u->place.folder, u->partial, &named, AT_SYMLINK_NOFOLLOW) &&
		    mine.st_ino == named.st_ino && mine.st_dev == named.st_dev) {
			*size = mine.st_size;
			return S_ISREG(mine.st_mode) ? 0 : -EPERM;
		}
		close(u->fd);
		u->fd = -1;
	}
	return -EAGAIN;
}

static int size_of(int fd, uint64_t *size)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EISDIR;
	*size = st.st_size;
	return 0;
}

/* A new one, or what an aborted one left. */
static int begin_partial(struct upload *u, bool resume, uint64_t offset)
{
	uint64_t size = 0;
	int err = open_partial(u, !resume, &size);

	/* One that was aborted; the quota knows of it. */
	if (!err && size) {
		u->counted = size;
		u->was_counted = true;
	}
	if (!err && u->kind == UPLOAD_APPEND && resume)
		offset = size;
	if (!err && offset > size)
		err = -ESPIPE;
	if (!err && offset != size && ftruncate(u->fd, offset))
		err = -errno;
	u->offset = offset;
	return err;
}

/* What has the name already. */
static int begin_in_place(struct upload *u, const struct tree *t, const char *path,
			  uint64_t offset)
{
	uint64_t size = 0;
	int err;

	u->partial[0] = 0;
	u->fd = tree_open(t, path, O_RDWR, 0);
	if (u->fd < 0)
		return u->fd;
	err = size_of(u->fd, &size);
	u->counted = size;
	if (err)
		return err;
	if (flock(u->fd, LOCK_EX | LOCK_NB))
		return errno == EWOULDBLOCK ? -ETXTBSY : -errno;
	if (u->kind == UPLOAD_APPEND)
		offset = size;
	if (offset > size)
		return -ESPIPE;
	u->offset = offset;
	return 0;
}

/* "name.1" and so on, until one is free (RFC 959, 4.1.3). */
static int pick_unique(struct upload *u)
{
	char name[NAME_MAX + 1];
	struct stat st;
	int n;

	for (int i = 0; i < UNIQUE_TRIES; i++) {
		if (i)
			n = snprintf(name, sizeof(name), "%.200s.%d", u->place.name, i);
		else
			n = snprintf(name, sizeof(name), "%s", u->place.name);
		if (n < (int)sizeof(name) &&
		    fstatat(u->place.folder, name, &st, AT_SYMLINK_NOFOLLOW) && errno == ENOENT) {
			strcpy(u->place.name, name);
			return 0;
		}
	}
	return -EEXIST;
}

static int begin(struct upload *u, const struct tree *t, const char *path, uint64_t offset,
		 uint64_t mark)
{
	struct stat st;
	int err;

	if (u->kind == UPLOAD_UNIQUE) {
		err = pick_unique(u);
		if (err)
			return err;
	} else if (!tree_stat(t, path, &st) && !S_ISREG(st.st_mode)) {
		return S_ISDIR(st.st_mode) ? -EISDIR : -EPERM;
	}
	tree_partial_name(u->place.name, mark, u->partial);
	if (u->kind == UPLOAD_NEW || u->kind == UPLOAD_UNIQUE)
		return begin_partial(u, false, 0);
	/* What was aborted first: a whole file of that name is an older one. */
	err = begin_partial(u, true, offset);
	if (err != -ENOENT)
		return err;
	err = begin_in_place(u, t, path, offset);
	if (err != -ENOENT || (u->kind == UPLOAD_RESUME && offset))
		return err == -ENOENT ? -ESPIPE : err;
	tree_partial_name(u->place.name, mark, u->partial);
	return begin_partial(u, false, 0);
}

/* A file whose place it takes: how many, 0 or 1, and its octets. */
static int64_t replaced(const struct upload *u, int64_t *octets)
{
	struct stat st;

	*octets = 0;
	if (fstatat(u->place.folder, u->place.name, &st, AT_SYMLINK_NOFOLLOW) ||
	    !S_ISREG(st.st_mode))
		return 0;
	*octets = st.st_size;
	return 1;
}

/* How far it may go: what the quota leaves, and what it takes the place of. */
static int set_limit(struct upload *u)
{
	uint64_t left, freed = u->counted;
	int64_t octets, files = 0;

	if (u->partial[0]) {
		files = 1 - u->was_counted - replaced(u, &octets);
		freed += octets;
	}
	left = quota_left(u->home, &u->quota, files > 0, INT64_MAX);
	u->limit = left < INT64_MAX ? freed + left : INT64_MAX;
	return u->limit ? 0 : -EDQUOT;
}

/**
 * upload_open() - begin
 * @u: what to fill in
 * @t: the user's files
 * @path: the name that the file will have
 * @kind: how
 * @offset: with UPLOAD_RESUME: where to go on
 * @mark: the user
 * @quota: what may be there
 *
 * Return: 0 or a negative errno: -ETXTBSY when another writes it, -ESPIPE when there is not
 * as much as @offset.
 */
int upload_open(struct upload *u, const struct tree *t, const char *path, enum upload_kind kind,
		uint64_t offset, uint64_t mark, const struct quota *quota)
{
	int err;

	*u = (struct upload){ .fd = -1, .kind = kind, .home = t->home, .quota = *quota };
	err = tree_place(t, path, &u->place);
	if (!err)
		err = begin(u, t, path, offset, mark);
	if (!err)
		err = set_limit(u);
	if (err)
		upload_abort(u, true);
	return err;
}

/**
 * upload_write() - what arrived
 * @u: the file
 * @data: octets
 * @len: how many
 *
 * Return: 0 or a negative errno.
 */
int upload_write(struct upload *u, const char *data, size_t len)
{
	ssize_t n;

	if (len > u->limit - (u->offset < u->limit ? u->offset : u->limit))
		return -EDQUOT;
	while (len) {
		n = pwrite(u->fd, data, len, u->offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -ENOSPC;
		data += n;
		len -= n;
		u->offset += n;
	}
	return 0;
}

static int publish(struct upload *u)
{
	if (u->kind != UPLOAD_UNIQUE)
		return renameat(u->place.folder, u->partial, u->place.folder, u->place.name) ?
			       -errno : 0;
	if (!renameat2(u->place.folder, u->partial, u->place.folder, u->place.name,
		       RENAME_NOREPLACE))
		return 0;
	return -errno;
}

/**
 * upload_finish() - it is whole: it gets its name
 * @u: the file; closed
 *
 * Return: 0 or a negative errno; then nothing is left of it, unless it was changed in place.
 */
int upload_finish(struct upload *u)
{
	int64_t octets, files;
	uint64_t size = 0;
	int err = 0;

	/* What came takes the place of all that was behind it. */
	if (!u->partial[0] && ftruncate(u->fd, u->offset))
		err = -errno;
	if (!err)
		err = size_of(u->fd, &size);
	if (!err && !u->partial[0]) {
		err = quota_change(u->home, &u->quota, (int64_t)size - (int64_t)u->counted, 0);
		if (!err)
			u->counted = size;
	} else if (!err) {
		files = replaced(u, &octets) + u->was_counted;
		octets += u->counted;
		err = quota_change(u->home, &u->quota, (int64_t)size - octets, 1 - files);
		if (!err) {
			err = publish(u);
			if (err)
				quota_change(u->home, &u->quota, octets - (int64_t)size,
					     files - 1);
		}
	}
	if (!err) {
		close(u->fd);
		u->fd = -1;
		u->partial[0] = 0;
	}
	upload_abort(u, false);
	return err;
}

/* What is left of an aborted one counts as any other file, or goes. */
static void leave_partial(struct upload *u, bool keep)
{
	uint64_t size = 0;

	size_of(u->fd, &size);
	if (keep && size &&
	    !quota_change(u->home, &u->quota, (int64_t)size - (int64_t)u->counted, !u->was_counted))
		return;
	unlinkat(u->place.folder, u->partial, 0);
	quota_change(u->home, &u->quota, -(int64_t)u->counted, -u->was_counted);
}

/**
 * upload_abort() - it is not whole
 * @u: the file; closed
 * @keep: for the user to go on with it
 */
void upload_abort(struct upload *u, bool keep)
{
	uint64_t size = 0;

	if (u->fd >= 0) {
		size_of(u->fd, &size);
		if (u->partial[0])
			leave_partial(u, keep);
		else if (quota_change(u->home, &u->quota, (int64_t)size - (int64_t)u->counted, 0) &&
			 size > u->counted && ftruncate(u->fd, u->counted))
			ln_warning("%s: %s", u->place.name, strerror(errno));
		close(u->fd);
	}
	u->fd = -1;
	tree_place_close(&u->place);
}

/**
 * upload_partial_size() - how much of an aborted upload is there
 * @t: the user's files
 * @path: the name that it would have
 * @mark: the user
 * @size: where it goes
 *
 * Return: 0 or a negative errno.
 */
int upload_partial_size(const struct tree *t, const char *path, uint64_t mark, uint64_t *size)
{
	char partial[NAME_MAX + 1];
	struct tree_place place;
	struct stat st;
	int err = tree_place(t, path, &place);

	if (err)
		return err;
	tree_partial_name(place.name, mark, partial);
	err = tree_stat_in(place.folder, partial, &st);
	if (!err && !S_ISREG(st.st_mode))
		err = -ENOENT;
	if (!err)
		*size = st.st_size;
	tree_place_close(&place);
	return err;
}
