// SPDX-License-Identifier: GPL-2.0-or-later
#include "maildir.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "maildir-internal.h"

#define PIECE	32768
/* For "time.MusecPpidQn.", ",S=", ",W=" and NUL. */
#define NAME_REST 160

/**
 * struct writing - a message on its way into a file
 * @fd: the file
 * @n: octets in @out
 * @stored: octets so far
 * @lines: LFs among them that POP3 sends as CRLF
 * @cr: a CR was last, which waits for its LF
 * @last: the last octet
 * @out: what is to be written
 */
struct writing {
	int fd;
	size_t n;
	uint64_t stored, lines;
	bool cr;
	char last;
	char out[PIECE];
};

static int write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		len -= n;
	}
	return 0;
}

static int flush(struct writing *w)
{
	int r = write_all(w->fd, w->out, w->n);

	w->n = 0;
	return r;
}

static int put(struct writing *w, char ch)
{
	w->out[w->n++] = ch;
	w->stored++;
	w->lines += ch == '\n' && w->last != '\r';
	w->last = ch;
	return w->n == sizeof(w->out) ? flush(w) : 0;
}

/* CRLF becomes LF; a CR alone stays. */
static int put_content(struct writing *w, const char *data, size_t len)
{
	int r = 0;

	for (size_t i = 0; i < len && !r; i++) {
		if (w->cr && data[i] != '\n')
			r = put(w, '\r');
		w->cr = data[i] == '\r';
		if (!w->cr && !r)
			r = put(w, data[i]);
	}
	return r;
}

/* Our own line; what an address must not hold does not come in by it. */
static int put_line(struct writing *w, const char *name, const char *before, const char *value,
		    const char *after)
{
	int r = 0;

	for (const char *p = name; *p && !r; p++)
		r = put(w, *p);
	for (const char *p = before; *p && !r; p++)
		r = put(w, *p);
	for (const char *p = value; *p && !r; p++)
		r = put(w, (unsigned char)*p < ' ' || *p == 127 ? '?' : *p);
	for (const char *p = after; *p && !r; p++)
		r = put(w, *p);
	return r;
}

static int copy_content(struct writing *w, int fd, uint64_t len)
{
	char piece[PIECE];
	uint64_t at = 0;
	int r = 0;

	while (at < len && !r) {
		size_t want = len - at < sizeof(piece) ? len - at : sizeof(piece);
		ssize_t n = pread(fd, piece, want, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;	/* shorter than was said */
		r = put_content(w, piece, n);
		at += n;
	}
	return r;
}

static int write_message(struct writing *w, int fd, uint64_t len, const struct maildir_target *t)
{
	int r = 0;

	if (t->return_path)
		r = put_line(w, "Return-Path: ", "<", t->return_path, ">\n");
	if (!r && t->delivered_to)
		r = put_line(w, "Delivered-To: ", "", t->delivered_to, "\n");
	if (!r)
		r = copy_content(w, fd, len);
	if (!r && w->cr)
		r = put(w, '\r');
	/* POP3 would have to add one, and be wrong about the size. */
	if (!r && w->stored && w->last != '\n')
		r = put(w, '\n');
	return r ? r : flush(w);
}

/* "/" and ":" as Maildir asks, and what would be taken for sizes. */
static void put_host(char *out, size_t room, const char *hostname)
{
	size_t n = 0;

	for (; *hostname && n + 5 < room; hostname++) {
		unsigned char ch = *hostname;

		if (ch == '/' || ch == ':' || ch == ',' || ch <= ' ' || ch >= 127)
			n += snprintf(out + n, room - n, "\\%03o", ch);
		else
			out[n++] = ch;
	}
	out[n] = 0;
}

/* No other delivery's: in this process by the counter, and in others by the process. */
static void make_base(char *out, size_t room, const char *hostname)
{
	static atomic_uint deliveries;
	char host[MAILDIR_NAME_MAX - NAME_REST];
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	put_host(host, sizeof(host), hostname);
	snprintf(out, room, "%" PRId64 ".M%06ldP%dQ%u.%s", (int64_t)now.tv_sec,
		 now.tv_nsec / 1000, getpid(), atomic_fetch_add(&deliveries, 1), host);
}

static int sync_folder(int box, const char *name)
{
	int fd = maildir_folder_open(box, name), r;

	if (fd < 0)
		return fd;
	r = fsync(fd) ? -errno : 0;
	close(fd);
	return r;
}

/* The same each time. */
static void make_base_once(char *out, size_t room, const struct maildir_target *t)
{
	char host[MAILDIR_NAME_MAX - NAME_REST];

	put_host(host, sizeof(host), t->hostname);
	snprintf(out, room, "%" PRId64 ".Q%s.%s", t->time, t->once, host);
}

static int is_base(void *base, int folder, const char *name)
{
	size_t len = strlen(base);

	(void)folder;
	return !strncmp(name, base, len) && name[len] == ',';
}

/* 1: it is in the mailbox, seen or not. */
static int is_there(int box, char *base)
{
	static const char *const names[] = { "new", "cur" };
	int r = 0;

	/* Who reads it now moves it from the first to the second. */
	for (int i = 0; i < 2 && !r; i++) {
		int folder = maildir_folder_open(box, names[i]);

		if (folder < 0)
			return folder;
		r = maildir_folder_each(folder, is_base, base);
		close(folder);
	}
	return r;
}

/* In case that it was there, its folder may not be on the disk yet. */
static int clear_way(int box, char *base)
{
	char tmp[MAILDIR_NAME_MAX + 8];
	int there = is_there(box, base), r;

	if (there < 0)
		return there;
	if (there) {
		r = sync_folder(box, "new");
		return r ? r : 1;
	}
	snprintf(tmp, sizeof(tmp), "tmp/%s", base);
	return unlinkat(box, tmp, 0) && errno != ENOENT ? -errno : 0;
}

static int move(int box, const char *from, const char *to)
{
	if (!renameat2(box, from, box, to, RENAME_NOREPLACE))
		return 0;
	/* A file system that does not know how: the name is ours alone anyway. */
	if (errno == EINVAL && !renameat(box, from, box, to))
		return 0;
	return -errno;
}

static int deliver_as(struct writing *w, int box, const char *base, int fd, uint64_t len,
		      const struct maildir_target *t, char name[MAILDIR_NAME_MAX])
{
	char from[MAILDIR_NAME_MAX + 8], to[MAILDIR_NAME_MAX + 8];
	int r;

	snprintf(from, sizeof(from), "tmp/%s", base);
	w->fd = maildir_file_open(box, from, O_WRONLY | O_CREAT | O_EXCL);
	if (w->fd < 0)
		return w->fd;
	r = write_message(w, fd, len, t);
	if (!r)
		r = maildir_quota_allows(box, t->quota, t->quota_messages, w->stored);
	if (!r && fdatasync(w->fd))
		r = -errno;
	if (close(w->fd) && !r)
		r = -errno;
	snprintf(name, MAILDIR_NAME_MAX, "%s,S=%" PRIu64 ",W=%" PRIu64, base, w->stored,
		 w->stored + w->lines);
	snprintf(to, sizeof(to), "new/%s", name);
	if (!r)
		r = move(box, from, to);
	if (r) {
		unlinkat(box, from, 0);
		return r;
	}
	r = sync_folder(box, "new");
	if (r) {
		unlinkat(box, to, 0);
		return r;
	}
	maildir_quota_add(box, w->stored, 1);
	return 0;
}

static void writing_init(struct writing *w)
{
	w->n = w->stored = w->lines = 0;
	w->cr = false;
	w->last = 0;
}

static int deliver_once(struct writing *w, int box, int fd, uint64_t len,
			const struct maildir_target *t, char name[MAILDIR_NAME_MAX])
{
	char base[MAILDIR_NAME_MAX - 56];
	int r;

	make_base_once(base, sizeof(base), t);
	*name = 0;
	r = clear_way(box, base);
	if (r)
		return r < 0 ? r : 0;
	writing_init(w);
	return deliver_as(w, box, base, fd, len, t, name);
}

/**
 * maildir_deliver() - put a message into a mailbox
 * @fd: file that it is in; its offset stays
 * @len: octets of it, from the file's begin, with CRLF or LF
 * @t: where it goes
 * @name: where the new file's name goes; "": it was there already (@t->once)
 *
 * The message and its name are on the disk when this returns 0.
 *
 * Return: 0; -EDQUOT: the mailbox is full; -ENOSPC, -EXDEV, -ELOOP or another negative errno:
 * nothing was left behind.
 */
int maildir_deliver(int fd, uint64_t len, const struct maildir_target *t,
		    char name[MAILDIR_NAME_MAX])
{
	int box = maildir_folder_make(t->root, t->path), r;
	char base[MAILDIR_NAME_MAX - 56];
	struct writing w;

	if (box < 0)
		return box;
	if (t->once) {
		r = deliver_once(&w, box, fd, len, t, name);
		close(box);
		return r;
	}
	do {
		make_base(base, sizeof(base), t->hostname);
		writing_init(&w);
		r = deliver_as(&w, box, base, fd, len, t, name);
	} while (r == -EEXIST);
	close(box);
	return r;
}
