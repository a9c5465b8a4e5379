// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A mailbox that is read. Others move its files meanwhile, from new to cur and from flags to
 * flags: a file that is not where it was is looked for.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "maildir.h"
#include "maildir-internal.h"

#define LOCK_FILE	".linnet-pop3d.lock"
#define MESSAGES_MAX	(1 << 20)
#define PIECE		65536
/* As Maildir says: what is older was given up by who wrote it. */
#define TMP_S		(36 * 3600)

enum { NEW, CUR, FOLDERS };

static const char *const folder_names[FOLDERS] = { "new", "cur" };

/**
 * struct maildir_private - what callers need not know
 * @box: descriptor of the mailbox; -1: it is not there
 * @folder: descriptors of new and cur
 * @lock: descriptor of the locked file
 * @removed, @removed_octets: what the quota's file is to be told
 * @changed: new or cur was
 */
struct maildir_private {
	int box;
	int folder[FOLDERS];
	int lock;
	int64_t removed, removed_octets;
	bool changed;
};

/**
 * struct list - messages while folders are read
 * @n, @room: how many there are, and fit
 * @message: messages
 * @is_new: of the folder that is read
 */
struct list {
	size_t n, room;
	struct maildir_message *message;
	bool is_new;
};

/* --- names --- */

/* An UIDL of RFC 1939 out of a part of the name, or of its hash. */
static void make_uid(char uid[MAILDIR_UID_MAX], const char *name, size_t len, size_t base)
{
	bool fits = len && len < MAILDIR_UID_MAX;
	unsigned char digest[EVP_MAX_MD_SIZE];

	for (size_t i = 0; i < len && fits; i++)
		fits = name[i] > ' ' && name[i] < 127;
	if (fits) {
		memcpy(uid, name, len);
		uid[len] = 0;
		return;
	}
	memset(digest, 0, sizeof(digest));
	EVP_Digest(name, base, digest, NULL, EVP_sha256(), NULL);
	for (int i = 0; i < 32; i++)
		sprintf(uid + 2 * i, "%02x", digest[i]);
}

/* By the time that the name begins with; the rest as people count. */
static int compare(const void *a, const void *b)
{
	const char *d = ((const struct maildir_message *)a)->file;
	const char *e = ((const struct maildir_message *)b)->file;
	unsigned long long t = strtoull(d, NULL, 10), u = strtoull(e, NULL, 10);
	size_t n = maildir_base_len(d), m = maildir_base_len(e);
	char x[NAME_MAX + 1], y[NAME_MAX + 1];
	int order;

	if (t != u)
		return t < u ? -1 : 1;
	memcpy(x, d, n);
	x[n] = 0;
	memcpy(y, e, m);
	y[m] = 0;
	order = strverscmp(x, y);
	return order ? order : strcmp(x, y);
}

static bool same_base(const char *a, const char *b)
{
	size_t n = maildir_base_len(a);

	return n == maildir_base_len(b) && !memcmp(a, b, n);
}

/* --- reading the folders --- */

static int add_file(void *data, int folder, const char *name)
{
	struct list *l = data;
	struct maildir_message *m;

	(void)folder;
	if (l->n == MESSAGES_MAX)
		return -EOVERFLOW;
	if (l->n == l->room) {
		size_t room = l->room ? 2 * l->room : 256;

		m = realloc(l->message, room * sizeof(*m));
		if (!m)
			return -ENOMEM;
		l->message = m;
		l->room = room;
	}
	m = &l->message[l->n];
	*m = (struct maildir_message){ .is_new = l->is_new, .file = strdup(name) };
	if (!m->file)
		return -ENOMEM;
	l->n++;
	return 0;
}

static void free_list(struct maildir_message *m, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(m[i].file);
	free(m);
}

/* A message that moved from new to cur while we read is there twice. */
static void drop_doubles(struct list *l)
{
	size_t kept = 0;

	for (size_t i = 0; i < l->n; i++) {
		struct maildir_message *before = kept ? &l->message[kept - 1] : NULL;

		if (before && same_base(before->file, l->message[i].file)) {
			if (before->is_new) {
				free(before->file);
				*before = l->message[i];
			} else {
				free(l->message[i].file);
			}
			continue;
		}
		l->message[kept++] = l->message[i];
	}
	l->n = kept;
}

/* new first: what moves meanwhile is seen twice, and not never. */
static int read_folders(const struct maildir_private *p, struct list *l)
{
	int r = 0;

	*l = (struct list){ 0 };
	for (int i = 0; i < FOLDERS && !r; i++) {
		l->is_new = i == NEW;
		r = maildir_folder_each(p->folder[i], add_file, l);
	}
	if (r) {
		free_list(l->message, l->n);
		return r;
	}
	if (l->n)
		qsort(l->message, l->n, sizeof(*l->message), compare);
	drop_doubles(l);
	return 0;
}

/* Names again, after one was not found. Messages that are new are none of this session's. */
static int refresh(struct maildir *m)
{
	struct list l;
	int r = read_folders(m->p, &l);
	size_t at = 0;

	if (r)
		return r;
	/* Both are in the same order. */
	for (size_t i = 0; i < m->n; i++) {
		struct maildir_message *to = &m->message[i];

		while (at < l.n && compare(&l.message[at], to) < 0)
			at++;
		if (at == l.n || !same_base(l.message[at].file, to->file))
			continue;
		free(to->file);
		to->file = l.message[at].file;
		to->is_new = l.message[at].is_new;
		l.message[at].file = NULL;
		at++;
	}
	free_list(l.message, l.n);
	return 0;
}

/* --- sizes --- */

/* LFs that become CRLF, and an end that is missing. */
static int count_size(int fd, uint64_t *size)
{
	char *piece = malloc(PIECE), last = '\n', before = 0;
	uint64_t sum = 0;
	ssize_t n;

	if (!piece)
		return -ENOMEM;
	while ((n = read(fd, piece, PIECE)) > 0 || (n < 0 && errno == EINTR)) {
		for (ssize_t i = 0; i < n; i++) {
			sum += piece[i] == '\n' && before != '\r';
			before = piece[i];
		}
		if (n > 0) {
			sum += n;
			last = piece[n - 1];
		}
	}
	free(piece);
	*size = sum + (last == '\n' ? 0 : 2);
	return n < 0 ? -errno : 0;
}

static int open_message(const struct maildir *m, size_t i)
{
	const struct maildir_message *message = &m->message[i];
	int fd = maildir_file_open(m->p->folder[message->is_new ? NEW : CUR], message->file,
				   O_RDONLY);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		return -EINVAL;
	}
	return fd;
}

static int find_sizes(struct maildir *m, size_t i)
{
	struct maildir_message *message = &m->message[i];
	struct stat st;
	int fd, r;

	if (maildir_name_size(message->file, 'S', &message->stored) &&
	    maildir_name_size(message->file, 'W', &message->size))
		return 0;
	fd = maildir_read(m, i);
	if (fd < 0)
		return fd;
	r = fstat(fd, &st) ? -errno : count_size(fd, &message->size);
	message->stored = st.st_size;
	close(fd);
	return r;
}

/* What is no message, or has gone meanwhile, is left out. */
static int find_all(struct maildir *m)
{
	size_t kept = 0;

	for (size_t i = 0; i < m->n; i++) {
		int r = find_sizes(m, i);

		if (r == -ENOMEM || r == -EIO || r == -EMFILE || r == -ENFILE)
			return r;
		if (r) {
			free(m->message[i].file);
			m->message[i].file = NULL;
		}
	}
	for (size_t i = 0; i < m->n; i++) {
		struct maildir_message *message = &m->message[kept];
		const char *name = m->message[i].file;
		size_t base;

		if (!name)
			continue;
		*message = m->message[i];
		base = maildir_base_len(name);
		make_uid(message->uid, name, strcspn(name, ",:"), base);
		/* Copies of a message may differ in what comes after the comma only. */
		if (kept && !strcmp(message->uid, message[-1].uid))
			make_uid(message->uid, name, 0, base);
		kept++;
	}
	m->n = kept;
	return 0;
}

/* --- opening --- */

static int remove_old(void *data, int folder, const char *name)
{
	const time_t *now = data;
	struct stat st;

	if (!fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) && S_ISREG(st.st_mode) &&
	    st.st_mtime < *now - TMP_S)
		unlinkat(folder, name, 0);
	return 0;
}

static void clean_tmp(int box)
{
	int fd = maildir_folder_open(box, "tmp");
	time_t now = time(NULL);

	if (fd < 0)
		return;
	maildir_folder_each(fd, remove_old, &now);
	close(fd);
}

static int lock(struct maildir_private *p)
{
	p->lock = maildir_file_open(p->box, LOCK_FILE, O_RDWR | O_CREAT);
	if (p->lock < 0)
		return p->lock;
	return flock(p->lock, LOCK_EX | LOCK_NB) ? -errno : 0;
}

static int open_box(struct maildir *m, int root, const char *path)
{
	struct maildir_private *p = m->p;
	struct list l;
	int r;

	p->box = maildir_folder_open(root, path);
	if (p->box == -ENOENT)
		return 0;
	if (p->box < 0)
		return p->box;
	r = lock(p);
	if (r)
		return r;
	clean_tmp(p->box);
	for (int i = 0; i < FOLDERS; i++) {
		p->folder[i] = maildir_folder_open(p->box, folder_names[i]);
		if (p->folder[i] == -ENOENT && !mkdirat(p->box, folder_names[i], 0700))
			p->folder[i] = maildir_folder_open(p->box, folder_names[i]);
		if (p->folder[i] < 0)
			return p->folder[i];
	}
	r = read_folders(p, &l);
	if (r)
		return r;
	m->n = l.n;
	m->message = l.message;
	return find_all(m);
}

/**
 * maildir_open() - open a mailbox, and lock it against others who do
 * @root: descriptor of the mail root
 * @path: from there
 * @m: where it goes
 *
 * Messages that come later are not seen. One that is not there is empty.
 *
 * Return: 0; -EAGAIN: somebody else has it open; -EXDEV, -ELOOP: the path leads out of @root;
 * -EOVERFLOW: more than a million messages; or another negative errno.
 */
int maildir_open(int root, const char *path, struct maildir **m)
{
	struct maildir *new = calloc(1, sizeof(*new));
	int r = -ENOMEM;

	*m = NULL;
	if (!new)
		return r;
	new->p = calloc(1, sizeof(*new->p));
	if (new->p) {
		new->p->box = new->p->lock = new->p->folder[NEW] = new->p->folder[CUR] = -1;
		r = open_box(new, root, path);
	}
	if (r) {
		maildir_close(new);
		return r;
	}
	*m = new;
	return 0;
}

/**
 * maildir_close() - let a mailbox go
 * @m: the mailbox, or NULL
 */
void maildir_close(struct maildir *m)
{
	struct maildir_private *p;

	if (!m)
		return;
	p = m->p;
	for (int i = 0; p && i < FOLDERS; i++)
		if (p->folder[i] >= 0)
			close(p->folder[i]);
	if (p && p->lock >= 0)
		close(p->lock);
	if (p && p->box >= 0)
		close(p->box);
	free_list(m->message, m->n);
	free(p);
	free(m);
}

/* --- messages --- */

/**
 * maildir_read() - open a message
 * @m: the mailbox
 * @i: number of the message, from 0
 *
 * Return: a descriptor, or a negative errno; -ENOENT: it has gone.
 */
int maildir_read(struct maildir *m, size_t i)
{
	int fd = open_message(m, i), r;

	if (fd != -ENOENT)
		return fd;
	r = refresh(m);
	return r ? r : open_message(m, i);
}

static int remove_message(struct maildir *m, size_t i)
{
	struct maildir_message *message = &m->message[i];

	if (unlinkat(m->p->folder[message->is_new ? NEW : CUR], message->file, 0))
		return -errno;
	m->p->removed++;
	m->p->removed_octets += message->stored;
	m->p->changed = true;
	return 0;
}

/**
 * maildir_remove() - remove a message
 * @m: the mailbox
 * @i: number of the message, from 0
 *
 * Return: 0, also when it has gone already, or a negative errno.
 */
int maildir_remove(struct maildir *m, size_t i)
{
	int r = remove_message(m, i);

	if (r != -ENOENT)
		return r;
	r = refresh(m);
	if (!r)
		r = remove_message(m, i);
	return r == -ENOENT ? 0 : r;
}

/* The name with the flag S, among the others in order. Returns false when it has it. */
static bool flag_seen(char *out, size_t room, const char *name)
{
	size_t base = maildir_base_len(name), at;
	const char *flags = !strncmp(name + base, ":2,", 3) ? name + base + 3 : "";

	if (strchr(flags, 'S'))
		return false;
	for (at = 0; flags[at] && flags[at] < 'S'; at++)
		;
	return snprintf(out, room, "%.*s:2,%.*sS%s", (int)base, name, (int)at, flags,
			flags + at) < (int)room;
}

static int move_seen(struct maildir *m, size_t i)
{
	struct maildir_message *message = &m->message[i];
	char name[NAME_MAX + 1];

	if (!flag_seen(name, sizeof(name), message->file))
		return 0;
	if (renameat(m->p->folder[message->is_new ? NEW : CUR], message->file,
		     m->p->folder[CUR], name))
		return -errno;
	m->p->changed = true;
	return 0;
}

/**
 * maildir_seen() - tell others that a message was read
 * @m: the mailbox
 * @i: number of the message, from 0
 *
 * Return: 0, also when it has gone, or a negative errno.
 */
int maildir_seen(struct maildir *m, size_t i)
{
	int r = move_seen(m, i);

	if (r != -ENOENT)
		return r;
	r = refresh(m);
	if (!r)
		r = move_seen(m, i);
	return r == -ENOENT ? 0 : r;
}

/**
 * maildir_sync() - make what was removed and moved so on the disk, too
 * @m: the mailbox
 *
 * Return: 0, or a negative errno.
 */
int maildir_sync(struct maildir *m)
{
	struct maildir_private *p = m->p;

	if (!p->changed)
		return 0;
	if (p->removed)
		maildir_quota_add(p->box, -p->removed_octets, -p->removed);
	p->removed = p->removed_octets = 0;
	if (fsync(p->folder[NEW]) || fsync(p->folder[CUR]))
		return -errno;
	p->changed = false;
	return 0;
}
