// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Files without a name, which leave nothing behind, whatever happens.
 */
#include "tmpfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRIES	16

/* Where the file system has no such thing: one that loses its name at once. */
static int make_and_unlink(int folder)
{
	char name[32];
	uint64_t number;
	int fd;

	for (int i = 0; i < TRIES; i++) {
		if (getrandom(&number, sizeof(number), 0) != sizeof(number))
			return -errno;
		snprintf(name, sizeof(name), ".linnet-%016llx", (unsigned long long)number);
		fd = openat(folder, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd >= 0) {
			unlinkat(folder, name, 0);
			return fd;
		}
		if (errno != EEXIST)
			return -errno;
	}
	return -EEXIST;
}

/**
 * ln_tmpfile() - a file without a name, to read and write
 * @folder: descriptor of the folder whose file system it is in
 *
 * Return: a descriptor, or a negative errno.
 */
int ln_tmpfile(int folder)
{
	int fd = openat(folder, ".", O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);

	if (fd >= 0)
		return fd;
	/* EISDIR: a kernel that does not know the flag; overlayfs of 6.1 knows it
	 * and has none.
	 */
	return errno == EOPNOTSUPP || errno == EISDIR ? make_and_unlink(folder) : -errno;
}
