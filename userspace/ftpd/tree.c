// SPDX-License-Identifier: GPL-2.0-or-later
#include "tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* A name may vanish while others work in the same folder. */
#define TRIES	16

static int open_beneath(int folder, const char *path, int flags, mode_t mode)
{
	struct open_how how = {
		.flags = flags | O_CLOEXEC,
		.mode = flags & (O_CREAT | O_TMPFILE) ? mode : 0,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};
	int fd;

	/* EAGAIN: something was renamed while ".." in a link was followed. */
	for (int i = 0; i < TRIES; i++) {
		fd = syscall(SYS_openat2, folder, path, &how, sizeof(how));
		if (fd >= 0 || errno != EAGAIN)
			break;
	}
	return fd < 0 ? -errno : fd;
}

static const char *relative(const char *path)
{
	return path[1] ? path + 1 : ".";
}

/**
 * tree_name_denied() - whether a name is not there for clients
 * @t: the tree
 * @name: a name in a folder
 */
bool tree_name_denied(const struct tree *t, const char *name)
{
	if (tree_hidden(name))
		return true;
	for (unsigned int i = 0; i < t->n_deny; i++)
		if (!fnmatch(t->deny[i], name, 0))
			return true;
	return false;
}

/**
 * tree_hidden() - whether a name is ours and no client's
 * @name: a name in a folder
 */
bool tree_hidden(const char *name)
{
	size_t len = strlen(name);

	return (!strncmp(name, TREE_PARTIAL, strlen(TREE_PARTIAL)) && name[len - 1] == '~') ||
	       !strcmp(name, ".linnet-usage");
}

/**
 * tree_denied() - whether a part of a path is a name that nobody gets at
 * @t: the tree
 * @path: the path
 */
bool tree_denied(const struct tree *t, const char *path)
{
	char name[NAME_MAX + 1];

	while (*path) {
		size_t n;

		path++;
		n = strchrnul(path, '/') - path;
		if (n > NAME_MAX)
			return false;
		memcpy(name, path, n);
		name[n] = 0;
		if (n && tree_name_denied(t, name))
			return true;
		path += n;
	}
	return false;
}

/**
 * tree_open() - open a file or folder
 * @t: the tree
 * @path: its path
 * @flags: as for open()
 * @mode: of a new file
 *
 * Return: a descriptor or a negative errno; -EXDEV for a link that leads outside.
 */
int tree_open(const struct tree *t, const char *path, int flags, mode_t mode)
{
	if (tree_denied(t, path))
		return -ENOENT;
	/* A FIFO does not wait for its other side. */
	return open_beneath(t->home, relative(path), flags | O_NONBLOCK | O_NOCTTY, mode);
}

/**
 * tree_stat() - what is at the end of a path, through links
 * @t: the tree
 * @path: the path
 * @st: what to fill in
 *
 * Return: 0 or a negative errno.
 */
int tree_stat(const struct tree *t, const char *path, struct stat *st)
{
	int fd, err = 0;

	if (tree_denied(t, path))
		return -ENOENT;
	fd = open_beneath(t->home, relative(path), O_PATH, 0);
	if (fd < 0)
		return fd;
	if (fstat(fd, st))
		err = -errno;
	close(fd);
	return err;
}

/**
 * tree_stat_in() - the same for a name in a folder
 * @folder: descriptor of a folder in a tree
 * @name: the name
 * @st: what to fill in; of the link itself where it leads out of the folder
 *
 * Return: 0 or a negative errno.
 */
int tree_stat_in(int folder, const char *name, struct stat *st)
{
	return fstatat(folder, name, st, AT_SYMLINK_NOFOLLOW) ? -errno : 0;
}

/**
 * tree_place() - the folder of a path's last name
 * @t: the tree
 * @path: the path; not "/"
 * @place: what to fill in, for tree_place_close()
 *
 * Return: 0 or a negative errno.
 */
int tree_place(const struct tree *t, const char *path, struct tree_place *place)
{
	const char *slash = strrchr(path, '/');
	char folder[PATH_MAX];

	place->folder = -1;
	if (!slash[1])
		return -EBUSY;
	if (strlen(slash + 1) > NAME_MAX || (size_t)(slash - path) >= sizeof(folder))
		return -ENAMETOOLONG;
	if (tree_denied(t, path))
		return -EPERM;
	strcpy(place->name, slash + 1);
	memcpy(folder, path, slash - path);
	folder[slash - path] = 0;
	place->folder = open_beneath(t->home, *folder ? folder + 1 : ".",
				     O_RDONLY | O_DIRECTORY, 0);
	return place->folder < 0 ? place->folder : 0;
}

/**
 * tree_place_close() - the place was used
 * @place: the place
 */
void tree_place_close(struct tree_place *place)
{
	if (place->folder >= 0)
		close(place->folder);
	place->folder = -1;
}

static int remove_at(const struct tree *t, const char *path, int flags)
{
	struct tree_place place;
	int err = tree_place(t, path, &place);

	if (!err && unlinkat(place.folder, place.name, flags))
		err = -errno;
	tree_place_close(&place);
	return err;
}

/**
 * tree_remove() - remove a file or link
 * @t: the tree
 * @path: its path
 *
 * Return: 0 or a negative errno.
 */
int tree_remove(const struct tree *t, const char *path)
{
	return remove_at(t, path, 0);
}

/**
 * tree_remove_folder() - remove an empty folder; what is left of uploads in it goes as well
 * @t: the tree
 * @path: its path
 * @removed: what it was
 *
 * Return: 0 or a negative errno.
 */
int tree_remove_folder(const struct tree *t, const char *path, struct tree_removed *removed)
{
	int err = remove_at(t, path, AT_REMOVEDIR), fd;

	if (err != -ENOTEMPTY)
		return err;
	fd = tree_open(t, path, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return err;
	*removed = tree_clean(fd, 0);
	close(fd);
	return remove_at(t, path, AT_REMOVEDIR);
}

/**
 * tree_make_folder() - make a folder
 * @t: the tree
 * @path: its path
 *
 * Return: 0 or a negative errno.
 */
int tree_make_folder(const struct tree *t, const char *path)
{
	struct tree_place place;
	int err = tree_place(t, path, &place);

	if (err == -EBUSY)
		err = -EEXIST;
	if (!err && mkdirat(place.folder, place.name, 0777))
		err = -errno;
	tree_place_close(&place);
	return err;
}

/**
 * tree_rename() - give a file or folder another name
 * @t: the tree
 * @from: its path
 * @to: its new one
 *
 * Return: 0 or a negative errno.
 */
int tree_rename(const struct tree *t, const char *from, const char *to)
{
	struct tree_place a, b = { .folder = -1 };
	int err = tree_place(t, from, &a);

	if (!err)
		err = tree_place(t, to, &b);
	if (!err && renameat(a.folder, a.name, b.folder, b.name))
		err = -errno;
	tree_place_close(&a);
	tree_place_close(&b);
	return err;
}

static uint64_t mix(uint64_t hash, const char *text)
{
	/* FNV-1a: to keep names apart, not secrets */
	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * 0x100000001b3;
	return hash;
}

/**
 * tree_partial_name() - the name of an upload that is under way
 * @name: the name that it will have
 * @mark: whose it is
 * @out: where it goes
 */
void tree_partial_name(const char *name, uint64_t mark, char out[NAME_MAX + 1])
{
	mark = mix(mark ^ 0xcbf29ce484222325, name);
	/* One that is too long keeps its beginning. */
	snprintf(out, NAME_MAX + 1, TREE_PARTIAL "%.200s.%016llx~", name,
		 (unsigned long long)mark);
}

static bool is_old(const struct stat *st, uint64_t older_ms)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec - st->st_mtim.tv_sec >= (int64_t)(older_ms / 1000);
}

static void clean(int folder, const char *name, uint64_t older_ms, struct tree_removed *removed)
{
	int fd = openat(folder, name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return;
	/* Whoever writes it holds the lock. */
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && is_old(&st, older_ms) &&
	    !flock(fd, LOCK_EX | LOCK_NB) && !unlinkat(folder, name, 0)) {
		removed->octets += st.st_size;
		removed->files++;
	}
	close(fd);
}

/**
 * tree_clean() - remove aborted uploads from a folder
 * @folder: its descriptor
 * @older_ms: only those that nobody has written to for so long
 *
 * Return: what was removed.
 */
struct tree_removed tree_clean(int folder, uint64_t older_ms)
{
	struct tree_removed removed = { 0 };
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d) {
		if (fd >= 0)
			close(fd);
		return removed;
	}
	for (struct dirent *e = readdir(d); e; e = readdir(d))
		if (tree_hidden(e->d_name) && strcmp(e->d_name, ".linnet-usage"))
			clean(folder, e->d_name, older_ms, &removed);
	closedir(d);
	return removed;
}
