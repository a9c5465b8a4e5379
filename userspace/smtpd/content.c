// SPDX-License-Identifier: GPL-2.0-or-later
#include "content.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tmpfile.h"

#define FIRST_ROOM	8192

/**
 * content_init() - nothing yet
 * @c: the content
 */
void content_init(struct content *c)
{
	*c = (struct content){ .fd = -1, .start = CONTENT_HEAD_MAX, .end = CONTENT_HEAD_MAX };
}

/**
 * content_clear() - let it go
 * @c: the content
 */
void content_clear(struct content *c)
{
	free(c->data);
	if (c->fd >= 0)
		close(c->fd);
	content_init(c);
}

/**
 * content_would_spill() - whether memory is not enough
 * @c: the content
 * @len: octets that are to be added
 */
bool content_would_spill(const struct content *c, size_t len)
{
	return c->fd < 0 && c->end - c->start + len > CONTENT_MEMORY;
}

static void fail(struct content *c, int err)
{
	if (!c->error)
		c->error = err;
}

static int write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		data += n;
		len -= n;
	}
	return 0;
}

static bool make_room(struct content *c, size_t len)
{
	size_t room = c->room ? c->room : FIRST_ROOM;
	char *data;

	while (room < c->end + len)
		room *= 2;
	if (c->data && room == c->room)
		return true;
	data = realloc(c->data, room);
	if (!data)
		return false;
	c->data = data;
	c->room = room;
	return true;
}

static void spill(struct content *c, int folder)
{
	int err;

	c->fd = ln_tmpfile(folder);
	err = c->fd < 0 ? c->fd : write_all(c->fd, c->data + c->start, c->end - c->start);
	if (err)
		fail(c, err);
	free(c->data);
	c->data = NULL;
	c->room = 0;
	c->start = c->end = CONTENT_HEAD_MAX;
}

/**
 * content_add() - more of it
 * @c: the content; @c->error tells when it cannot be kept
 * @folder: where a file is made, when it is needed
 * @data: octets
 * @len: how many
 */
void content_add(struct content *c, int folder, const char *data, size_t len)
{
	int err;

	c->size += len;
	if (c->error || !len)
		return;
	if (content_would_spill(c, len)) {
		spill(c, folder);
		if (c->error)
			return;
	}
	if (c->fd >= 0) {
		err = write_all(c->fd, data, len);
		if (err)
			fail(c, err);
		return;
	}
	if (!make_room(c, len)) {
		fail(c, -ENOMEM);
		return;
	}
	memcpy(c->data + c->end, data, len);
	c->end += len;
}

/**
 * content_prepend() - put something before it
 * @c: the content, in memory
 * @text: what, of at most CONTENT_HEAD_MAX octets, once
 * @len: its length
 */
void content_prepend(struct content *c, const char *text, size_t len)
{
	if (c->error || c->fd >= 0)
		return;
	if (len > c->start || !make_room(c, 0)) {
		fail(c, -ENOMEM);
		return;
	}
	c->start -= len;
	memcpy(c->data + c->start, text, len);
	c->size += len;
}

/**
 * content_open() - all of it, to be read
 * @c: the content
 *
 * One reader at a time: a file's offset is shared.
 *
 * Return: a descriptor that stands at its begin, or a negative errno.
 */
int content_open(const struct content *c)
{
	int fd, err;

	if (c->error)
		return c->error;
	if (c->fd >= 0) {
		fd = fcntl(c->fd, F_DUPFD_CLOEXEC, 0);
		if (fd < 0)
			return -errno;
		if (lseek(fd, 0, SEEK_SET) < 0) {
			err = -errno;
			close(fd);
			return err;
		}
		return fd;
	}
	fd = memfd_create("message", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = c->data ? write_all(fd, c->data + c->start, c->end - c->start) : 0;
	if (!err && lseek(fd, 0, SEEK_SET) < 0)
		err = -errno;
	if (!err)
		return fd;
	close(fd);
	return err;
}
