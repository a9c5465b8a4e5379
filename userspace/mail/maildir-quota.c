// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The file maildirsize: the quota in its first line, and then what came and went, a line each.
 * It is counted anew when it is of another quota, has grown long, or says "full" and was not
 * just counted.
 */
#include "maildir-internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FILE_MAX	5120	/* as Maildir++ says */
#define FULL_S		900

struct usage {
	int64_t octets, messages;
	unsigned int lines;		/* that it was added up from */
	time_t age;			/* of the file, s */
};

/* "1000S,10C\n" */
static void format_quota(char *out, size_t room, uint64_t octets, uint64_t messages)
{
	int n = 0;

	*out = 0;
	if (octets)
		n = snprintf(out, room, "%" PRIu64 "S", octets);
	if (messages)
		n += snprintf(out + n, room - n, "%s%" PRIu64 "C", n ? "," : "", messages);
	snprintf(out + n, room - n, "\n");
}

/* Returns false: the file does not count. */
static bool read_usage(int box, const char *quota, struct usage *u)
{
	int fd = maildir_file_open(box, MAILDIR_QUOTA_FILE, O_RDONLY);
	char text[FILE_MAX + 1], *line, *rest = text;
	struct stat st;
	ssize_t n;

	if (fd < 0)
		return false;
	n = fstat(fd, &st) ? -1 : read(fd, text, sizeof(text));
	close(fd);
	if (n < 0 || n > FILE_MAX)
		return false;
	text[n] = 0;
	if (strncmp(text, quota, strlen(quota)))
		return false;
	rest += strlen(quota);
	*u = (struct usage){ .age = time(NULL) - st.st_mtime };
	while ((line = strsep(&rest, "\n"))) {
		int64_t octets, messages;

		if (!*line)
			continue;
		if (sscanf(line, "%" SCNd64 " %" SCNd64, &octets, &messages) != 2 ||
		    __builtin_add_overflow(u->octets, octets, &u->octets) ||
		    __builtin_add_overflow(u->messages, messages, &u->messages))
			return false;
		u->lines++;
	}
	return u->octets >= 0 && u->messages >= 0;
}

/* --- counting --- */

static int count_file(void *data, int folder, const char *name)
{
	struct usage *u = data;
	uint64_t size;
	struct stat st;

	if (!maildir_name_size(name, 'S', &size)) {
		if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW))
			return 0;	/* gone meanwhile */
		size = st.st_size;
	}
	u->octets += size;
	u->messages++;
	return 0;
}

static int count_box(int box, struct usage *u)
{
	static const char *const sub[] = { "new", "cur" };

	for (int i = 0; i < 2; i++) {
		int fd = maildir_folder_open(box, sub[i]), r;

		if (fd == -ENOENT)
			continue;
		r = fd < 0 ? fd : maildir_folder_each(fd, count_file, u);
		if (fd >= 0)
			close(fd);
		if (r)
			return r;
	}
	return 0;
}

/* With the folders in it, whose names begin with a dot (Maildir++). */
static int count(int box, struct usage *u)
{
	int fd = openat(box, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;

	*u = (struct usage){ 0 };
	if (!d) {
		r = -errno;
		if (fd >= 0)
			close(fd);
		return r;
	}
	r = count_box(box, u);
	while (!r && (e = readdir(d))) {
		int sub;

		if (*e->d_name != '.' || !strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		sub = maildir_folder_open(box, e->d_name);
		if (sub < 0)
			continue;
		r = count_box(sub, u);
		close(sub);
	}
	closedir(d);
	return r;
}

/* What fails here is counted again next time. */
static void write_usage(int box, const char *quota, const struct usage *u)
{
	char text[128], name[64];
	int fd, n;

	snprintf(name, sizeof(name), "tmp/maildirsize.%d.%" PRIxPTR, getpid(), (uintptr_t)&n);
	fd = maildir_file_open(box, name, O_WRONLY | O_CREAT | O_EXCL);
	if (fd < 0)
		return;
	n = snprintf(text, sizeof(text), "%s%" PRId64 " %" PRId64 "\n", quota, u->octets,
		     u->messages);
	if (write(fd, text, n) != n || renameat(box, name, box, MAILDIR_QUOTA_FILE))
		unlinkat(box, name, 0);
	close(fd);
}

static bool is_over(const struct usage *u, uint64_t octets, uint64_t messages, uint64_t more)
{
	return (octets && (uint64_t)u->octets + more > octets) ||
	       (messages && (uint64_t)u->messages + 1 > messages);
}

/**
 * maildir_quota_allows() - whether one message more may come
 * @box: descriptor of the mailbox
 * @octets: limit of all messages; 0: none
 * @messages: limit of their number; 0: none
 * @more: octets of the new one
 *
 * Return: 0, -EDQUOT, or another negative errno.
 */
int maildir_quota_allows(int box, uint64_t octets, uint64_t messages, uint64_t more)
{
	char quota[64];
	struct usage u;
	int r;

	if (!octets && !messages)
		return 0;
	format_quota(quota, sizeof(quota), octets, messages);
	if (read_usage(box, quota, &u)) {
		if (!is_over(&u, octets, messages, more))
			return 0;
		if (u.lines == 1 && u.age >= 0 && u.age < FULL_S)
			return -EDQUOT;
	}
	r = count(box, &u);
	if (r)
		return r;
	write_usage(box, quota, &u);
	return is_over(&u, octets, messages, more) ? -EDQUOT : 0;
}

/**
 * maildir_quota_add() - tell what came or went
 * @box: descriptor of the mailbox
 * @octets: more of them, or less
 * @messages: more of them, or less
 */
void maildir_quota_add(int box, int64_t octets, int64_t messages)
{
	int fd = maildir_file_open(box, MAILDIR_QUOTA_FILE, O_WRONLY | O_APPEND);
	char line[64];
	int n;

	if (fd < 0)
		return;
	n = snprintf(line, sizeof(line), "%" PRId64 " %" PRId64 "\n", octets, messages);
	/* Half a line would be read as another number: counted anew, then. */
	if (write(fd, line, n) != n)
		unlinkat(box, MAILDIR_QUOTA_FILE, 0);
	close(fd);
}
