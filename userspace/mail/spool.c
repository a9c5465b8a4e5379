// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The queue's folder. The last octets of msg/ID say where its text ends and the envelope begins:
 *
 *	"linnet-spool 1 " 16 hexadecimal digits "\n"
 */
#include "spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "log.h"

#define TRAILER "linnet-spool 1 "
#define TRAILER_LEN 32
#define PIECE (64 * 1024)
/* So many octets of a recipient's lines are more than there can be. */
#define ENVELOPE_TEXT_MAX (64 << 20)
#define FILE_MODE 0600
#define FOLDER_MODE 0700

enum { TMP, MSG, ENV, FOLDERS };

static const char *const folder_names[FOLDERS] = { "tmp", "msg", "env" };

/**
 * struct spool - a queue
 * @fd: its folder
 * @sub: those in it
 * @notify: the socket that names of new messages are sent from
 * @manager: where they go
 * @manager_len: of @manager
 */
struct spool {
	int fd;
	int sub[FOLDERS];
	int notify;
	struct sockaddr_un manager;
	socklen_t manager_len;
};

struct spool_file {
	struct spool *spool;
	char id[SPOOL_ID_LEN + 1];
	int fd;
	uint64_t size;
};

/* --- the folder --- */

static int open_sub(int folder, const char *name)
{
	if (mkdirat(folder, name, FOLDER_MODE) && errno != EEXIST)
		return -1;
	return openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* A path that is too long for a socket's name is reached by the folder's descriptor. */
static void set_manager(struct spool *s, const char *folder)
{
	char *path = s->manager.sun_path;
	size_t room = sizeof(s->manager.sun_path);

	s->manager.sun_family = AF_UNIX;
	if (snprintf(path, room, "%s/notify", folder) >= (int)room)
		snprintf(path, room, "/proc/self/fd/%d/notify", s->fd);
	s->manager_len = sizeof(s->manager);
}

/**
 * spool_open() - a queue
 * @folder: that it is in
 *
 * Return: the queue, or NULL after an error line.
 */
struct spool *spool_open(const char *folder)
{
	struct spool *s = calloc(1, sizeof(*s));

	if (!s) {
		ln_error("out of memory");
		return NULL;
	}
	s->sub[TMP] = s->sub[MSG] = s->sub[ENV] = s->notify = -1;
	s->fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < FOLDERS && s->fd >= 0; i++) {
		s->sub[i] = open_sub(s->fd, folder_names[i]);
		if (s->sub[i] < 0) {
			ln_error("cannot use the queue's folder '%s/%s': %s", folder,
				 folder_names[i], strerror(errno));
			spool_close(s);
			return NULL;
		}
	}
	if (s->fd >= 0)
		s->notify = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->notify < 0) {
		ln_error("cannot use the queue's folder '%s': %s", folder, strerror(errno));
		spool_close(s);
		return NULL;
	}
	set_manager(s, folder);
	return s;
}

/**
 * spool_close() - done with it
 * @s: the queue, or NULL
 */
void spool_close(struct spool *s)
{
	if (!s)
		return;
	for (int i = 0; i < FOLDERS; i++)
		if (s->sub[i] >= 0)
			close(s->sub[i]);
	if (s->notify >= 0)
		close(s->notify);
	if (s->fd >= 0)
		close(s->fd);
	free(s);
}

/**
 * spool_folder() - the queue's folder
 * @s: the queue
 *
 * Return: its descriptor, which stays the queue's.
 */
int spool_folder(const struct spool *s)
{
	return s->fd;
}

/* --- names --- */

/**
 * spool_new_id() - a name that no other message has
 * @id: filled; names of later messages are greater
 */
void spool_new_id(char id[SPOOL_ID_LEN + 1])
{
	/* In the order of ASCII, and without letters that look like digits. */
	static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";
	/* Milliseconds: 9 digits of 5 bits go round after 1115 years. */
	uint64_t now = envelope_now(), noise = 0;

	if (getrandom(&noise, sizeof(noise), 0) != sizeof(noise))
		noise = now * 0x9e3779b97f4a7c15ULL ^ (uint64_t)getpid() << 32;
	now &= (1ULL << 45) - 1;
	for (int i = 8; i >= 0; i--, now >>= 5)
		id[i] = digits[now & 31];
	for (int i = 9; i < SPOOL_ID_LEN; i++, noise >>= 5)
		id[i] = digits[noise & 31];
	id[SPOOL_ID_LEN] = 0;
}

/**
 * spool_id_valid() - whether a text can be a message's name
 * @id: the text
 */
bool spool_id_valid(const char *id)
{
	return strlen(id) == SPOOL_ID_LEN &&
	       strspn(id, "0123456789abcdefghijklmnopqrstuvwxyz") == SPOOL_ID_LEN;
}

/* --- a message on its way in --- */

static int write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		p += n;
		len -= n;
	}
	return 0;
}

/* Locked, so that spool_recover() of another process leaves it alone. */
static int create_locked(struct spool *s, const char *id)
{
	struct stat st;
	int fd;

	for (int tries = 0; tries < 3; tries++) {
		fd = openat(s->sub[TMP], id, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
			    FILE_MODE);
		if (fd < 0)
			return -errno;
		/* Between the two calls it can have been taken for left over. */
		if (!flock(fd, LOCK_EX | LOCK_NB) && !fstat(fd, &st) && st.st_nlink)
			return fd;
		close(fd);
	}
	return -EAGAIN;
}

/**
 * spool_create() - begin a message
 * @s: the queue
 * @id: of spool_new_id(), or NULL
 *
 * Return: what spool_write() and spool_commit() take, or NULL with errno.
 */
struct spool_file *spool_create(struct spool *s, const char *id)
{
	struct spool_file *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->spool = s;
	if (id)
		memcpy(f->id, id, SPOOL_ID_LEN);
	else
		spool_new_id(f->id);
	f->fd = create_locked(s, f->id);
	if (f->fd >= 0)
		return f;
	errno = -f->fd;
	free(f);
	return NULL;
}

/**
 * spool_id() - a message's name
 * @f: the message
 */
const char *spool_id(const struct spool_file *f)
{
	return f->id;
}

/**
 * spool_write() - append to a message's text
 * @f: the message
 * @data: octets
 * @len: how many
 *
 * Return: 0 or a negative errno.
 */
int spool_write(struct spool_file *f, const void *data, size_t len)
{
	int err = write_all(f->fd, data, len);

	if (!err)
		f->size += len;
	return err;
}

/**
 * spool_copy() - append a file to a message's text
 * @f: the message
 * @fd: the file, from where it is to its end
 *
 * Return: 0 or a negative errno.
 */
int spool_copy(struct spool_file *f, int fd)
{
	char *piece = malloc(PIECE);
	int err = piece ? 0 : -ENOMEM;

	while (!err) {
		ssize_t n = read(fd, piece, PIECE);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			err = n ? -errno : 0;
			break;
		}
		err = spool_write(f, piece, n);
	}
	free(piece);
	return err;
}

static int write_end(struct spool_file *f, const struct envelope *e)
{
	char trailer[TRAILER_LEN + 1];
	size_t len;
	char *text = envelope_format(e, &len);
	int err;

	if (!text)
		return -errno;
	err = write_all(f->fd, text, len);
	free(text);
	snprintf(trailer, sizeof(trailer), TRAILER "%016llx\n", (unsigned long long)f->size);
	if (!err)
		err = write_all(f->fd, trailer, TRAILER_LEN);
	if (!err && fdatasync(f->fd))
		err = -errno;
	return err;
}

static void free_file(struct spool_file *f)
{
	close(f->fd);
	free(f);
}

/**
 * spool_abort() - think better of it
 * @f: the message, or NULL
 */
void spool_abort(struct spool_file *f)
{
	if (!f)
		return;
	unlinkat(f->spool->sub[TMP], f->id, 0);
	free_file(f);
}

/**
 * spool_commit() - the message is in the queue
 * @f: the message; gone afterwards
 * @e: its envelope, with at least one recipient
 *
 * Return: 0: it survives whatever comes; or a negative errno: there is nothing of it.
 */
int spool_commit(struct spool_file *f, const struct envelope *e)
{
	struct spool *s = f->spool;
	int err = e->n ? write_end(f, e) : -EINVAL;

	/* Ours only: an id is never given twice, but what is there is never overwritten. */
	if (!err && renameat2(s->sub[TMP], f->id, s->sub[MSG], f->id, RENAME_NOREPLACE))
		err = -errno;
	if (err) {
		spool_abort(f);
		return err;
	}
	if (fsync(s->sub[MSG])) {
		err = -errno;
		unlinkat(s->sub[MSG], f->id, 0);
	}
	free_file(f);
	return err;
}

/**
 * spool_notify() - tell the queue manager of a message
 * @s: the queue
 * @id: the message
 *
 * It looks for itself, too, now and then: nothing is lost when nobody hears it.
 */
void spool_notify(struct spool *s, const char *id)
{
	sendto(s->notify, id, SPOOL_ID_LEN, MSG_DONTWAIT | MSG_NOSIGNAL,
	       (const struct sockaddr *)&s->manager, s->manager_len);
}

/* --- for the queue manager --- */

static int read_at(int fd, void *data, size_t len, off_t at)
{
	char *p = data;

	while (len) {
		ssize_t n = pread(fd, p, len, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EBADMSG;
		p += n;
		at += n;
		len -= n;
	}
	return 0;
}

/* Where the envelope is in msg/ID. */
static int read_trailer(int fd, uint64_t *text, uint64_t *end)
{
	char trailer[TRAILER_LEN + 1] = "", *rest;
	struct stat st;
	int err;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size < TRAILER_LEN)
		return -EBADMSG;
	*end = st.st_size - TRAILER_LEN;
	err = read_at(fd, trailer, TRAILER_LEN, *end);
	if (err)
		return err;
	if (memcmp(trailer, TRAILER, strlen(TRAILER)) || trailer[TRAILER_LEN - 1] != '\n' ||
	    strspn(trailer + strlen(TRAILER), "0123456789abcdef") != 16)
		return -EBADMSG;
	*text = strtoull(trailer + strlen(TRAILER), &rest, 16);
	return *text <= *end ? 0 : -EBADMSG;
}

static int parse_at(int fd, uint64_t from, uint64_t to, struct envelope *e, const char **why)
{
	size_t len = to - from;
	char *text;
	int err;

	if (to - from > ENVELOPE_TEXT_MAX)
		return -EFBIG;
	text = malloc(len ? len : 1);
	if (!text)
		return -ENOMEM;
	err = read_at(fd, text, len, from);
	if (!err)
		err = envelope_parse(e, text, len, why);
	free(text);
	return err;
}

static int open_message(struct spool *s, int sub, const char *id)
{
	int fd = openat(s->sub[sub], id, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	return fd < 0 ? -errno : fd;
}

static int updated_envelope(struct spool *s, const char *id, struct envelope *e, const char **why)
{
	int fd = open_message(s, ENV, id), err = 0;
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st))
		err = -errno;
	else if (!S_ISREG(st.st_mode))
		err = -EBADMSG;
	else
		err = parse_at(fd, 0, st.st_size, e, why);
	close(fd);
	return err;
}

/**
 * spool_envelope() - a message's envelope
 * @s: the queue
 * @id: the message
 * @e: filled
 * @why: filled with words for people after an error, or NULL
 *
 * Return: 0, -ENOENT, or another negative errno: the files are damaged.
 */
int spool_envelope(struct spool *s, const char *id, struct envelope *e, const char **why)
{
	uint64_t text, end;
	int fd, err;

	*why = NULL;
	fd = open_message(s, MSG, id);
	if (fd < 0)
		return fd;
	err = read_trailer(fd, &text, &end);
	if (!err) {
		err = updated_envelope(s, id, e, why);
		/* What came with it is still there. */
		if (err == -ENOENT || err == -EINVAL || err == -EBADMSG)
			err = parse_at(fd, text, end, e, why);
	}
	close(fd);
	return err;
}

/**
 * spool_text() - a message's text
 * @s: the queue
 * @id: the message
 * @size: filled with its octets, which are the first of the file
 *
 * Return: a descriptor, to be closed, or a negative errno.
 */
int spool_text(struct spool *s, const char *id, uint64_t *size)
{
	uint64_t end;
	int fd = open_message(s, MSG, id), err;

	if (fd < 0)
		return fd;
	err = read_trailer(fd, size, &end);
	if (!err)
		return fd;
	close(fd);
	return err;
}

/**
 * spool_update() - an envelope has changed
 * @s: the queue
 * @id: the message
 * @text: of envelope_format()
 * @len: its octets
 *
 * In any thread, but never twice at once for a message.
 *
 * Return: 0: on the disk; or a negative errno: as it was.
 */
int spool_update(struct spool *s, const char *id, const char *text, size_t len)
{
	int fd = create_locked(s, id), err;

	err = fd < 0 ? fd : write_all(fd, text, len);
	if (!err && fdatasync(fd))
		err = -errno;
	if (!err && renameat(s->sub[TMP], id, s->sub[ENV], id))
		err = -errno;
	if (err && fd >= 0)
		unlinkat(s->sub[TMP], id, 0);
	if (!err && fsync(s->sub[ENV]))
		err = -errno;
	if (fd >= 0)
		close(fd);
	return err;
}

/**
 * spool_remove() - a message is done with
 * @s: the queue
 * @id: the message
 *
 * Return: 0 or a negative errno.
 */
int spool_remove(struct spool *s, const char *id)
{
	int err = unlinkat(s->sub[MSG], id, 0) ? -errno : 0;

	if (!err || err == -ENOENT)
		unlinkat(s->sub[ENV], id, 0);
	return err;
}

/**
 * spool_scan() - go through all messages
 * @s: the queue
 * @fn: called with each name; false ends it
 * @data: passed on to it
 *
 * Return: 0 or a negative errno.
 */
int spool_scan(struct spool *s, bool (*fn)(const char *id, void *data), void *data)
{
	int fd = openat(s->fd, folder_names[MSG], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!dir) {
		int err = -errno;

		if (fd >= 0)
			close(fd);
		return err;
	}
	while ((entry = readdir(dir)))
		if (spool_id_valid(entry->d_name) && !fn(entry->d_name, data))
			break;
	closedir(dir);
	return 0;
}

/**
 * spool_set_aside() - move a message that cannot be read into bad/
 * @s: the queue
 * @id: the message
 *
 * Return: 0 or a negative errno.
 */
int spool_set_aside(struct spool *s, const char *id)
{
	int bad = open_sub(s->fd, "bad"), err = 0;

	if (bad < 0)
		return -errno;
	if (renameat(s->sub[MSG], id, bad, id))
		err = -errno;
	close(bad);
	if (!err)
		unlinkat(s->sub[ENV], id, 0);
	return err;
}

/* A file in tmp/ that nobody has locked is nobody's any more. */
static bool left_over_tmp(struct spool *s, const char *name)
{
	int fd = open_message(s, TMP, name);
	bool left = fd >= 0 && !flock(fd, LOCK_EX | LOCK_NB);

	if (left)
		left = !unlinkat(s->sub[TMP], name, 0);
	if (fd >= 0)
		close(fd);
	return left;
}

static bool left_over_env(struct spool *s, const char *name)
{
	struct stat st;

	return fstatat(s->sub[MSG], name, &st, AT_SYMLINK_NOFOLLOW) && errno == ENOENT &&
	       !unlinkat(s->sub[ENV], name, 0);
}

static unsigned int recover_folder(struct spool *s, int sub,
				   bool (*left_over)(struct spool *s, const char *name))
{
	int fd = openat(s->fd, folder_names[sub], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	unsigned int n = 0;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	while ((entry = readdir(dir)))
		if (*entry->d_name != '.')
			n += left_over(s, entry->d_name);
	closedir(dir);
	return n;
}

/**
 * spool_recover() - remove what a crash left over
 * @s: the queue, whose manager we are
 *
 * Return: how many files there were.
 */
unsigned int spool_recover(struct spool *s)
{
	return recover_folder(s, TMP, left_over_tmp) + recover_folder(s, ENV, left_over_env);
}
