// SPDX-License-Identifier: GPL-2.0-or-later
#include "quota.h"
#include "tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Folders within folders that are counted. */
#define MAX_DEPTH	64

struct usage {
	int64_t octets, files;
};

static void count(int folder, struct usage *u, int depth)
{
	DIR *d = fdopendir(folder);
	struct stat st;
	int fd;

	if (!d) {
		close(folder);
		return;
	}
	for (struct dirent *e = readdir(d); e; e = readdir(d)) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") ||
		    !strcmp(e->d_name, QUOTA_FILE) ||
		    fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW))
			continue;
		/* An upload that has just begun is none yet. */
		if (S_ISREG(st.st_mode) && !st.st_size && tree_hidden(e->d_name))
			continue;
		if (S_ISREG(st.st_mode)) {
			u->octets += st.st_size;
			u->files++;
		} else if (S_ISDIR(st.st_mode) && depth < MAX_DEPTH) {
			fd = openat(dirfd(d), e->d_name,
				    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
			if (fd >= 0)
				count(fd, u, depth + 1);
		}
	}
	closedir(d);
}

/* Opens and locks the file, and reads it; one that is new or damaged is counted anew. */
static int open_usage(int home, struct usage *u)
{
	int fd = openat(home, QUOTA_FILE, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600), folder;
	char text[64];
	ssize_t n;

	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX)) {
		close(fd);
		return -errno;
	}
	n = pread(fd, text, sizeof(text) - 1, 0);
	text[n > 0 ? n : 0] = 0;
	*u = (struct usage){ 0 };
	if (sscanf(text, "%" SCNd64 " %" SCNd64, &u->octets, &u->files) == 2 &&
	    u->octets >= 0 && u->files >= 0)
		return fd;
	*u = (struct usage){ 0 };
	folder = openat(home, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder >= 0)
		count(folder, u, 0);
	return fd;
}

static int write_usage(int fd, const struct usage *u)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "%20" PRId64 " %20" PRId64 "\n",
			 u->octets > 0 ? u->octets : 0, u->files > 0 ? u->files : 0);

	return pwrite(fd, text, n, 0) == n ? 0 : -EIO;
}

/**
 * quota_change() - something came or went
 * @home: the user's folder
 * @limits: what may be there; with no limit nothing is counted
 * @octets: how much more
 * @files: how many more
 *
 * Return: 0, or a negative errno; -EDQUOT when it would grow beyond the limits, and then
 * nothing is counted.
 */
int quota_change(int home, const struct quota *limits, int64_t octets, int64_t files)
{
	struct usage u;
	int fd, err = 0;

	if ((!limits->octets && !limits->files) || (!octets && !files))
		return 0;
	fd = open_usage(home, &u);
	if (fd < 0)
		return fd;
	u.octets += octets;
	u.files += files;
	if ((octets > 0 && limits->octets && u.octets > (int64_t)limits->octets) ||
	    (files > 0 && limits->files && u.files > (int64_t)limits->files))
		err = -EDQUOT;
	else
		err = write_usage(fd, &u);
	close(fd);
	return err;
}

/**
 * quota_left() - octets that may still come
 * @home: the user's folder
 * @limits: what may be there
 * @files: files that would come
 * @most: what to say when there is no limit
 */
uint64_t quota_left(int home, const struct quota *limits, int64_t files, uint64_t most)
{
	struct usage u;
	int fd;

	if (!limits->octets && !limits->files)
		return most;
	fd = open_usage(home, &u);
	if (fd < 0)
		return 0;
	write_usage(fd, &u);
	close(fd);
	if (limits->files && u.files + files > (int64_t)limits->files)
		return 0;
	if (!limits->octets)
		return most;
	return u.octets < (int64_t)limits->octets ? limits->octets - u.octets : 0;
}
