// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A queue of bytes in memory and stretches of files.
 */
#include "queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A chunk and its header fill a page. */
#define CHUNK_BYTES	(4096 - sizeof(struct ln_chunk) - 16)

enum kind { INLINE, STATIC, OWNED, FILE_PART };

struct ln_chunk {
	struct ln_chunk *next;
	enum kind kind;
	const char *data;
	size_t start, end, room;	/* of @data */
	struct ln_file *file;
	off_t offset;
	uint64_t left;			/* of @file */
	char bytes[];
};

/**
 * ln_file_new() - share a descriptor
 * @fd: an open file; closed when the last owner is gone
 *
 * Return: the file with one owner, or NULL without memory: @fd is closed.
 */
struct ln_file *ln_file_new(int fd)
{
	struct ln_file *f = malloc(sizeof(*f));

	if (!f) {
		close(fd);
		return NULL;
	}
	f->fd = fd;
	f->refs = 1;
	return f;
}

/**
 * ln_file_get() - one owner more
 * @f: the file
 */
struct ln_file *ln_file_get(struct ln_file *f)
{
	f->refs++;
	return f;
}

/**
 * ln_file_put() - one owner less
 * @f: the file, or NULL
 */
void ln_file_put(struct ln_file *f)
{
	if (!f || --f->refs)
		return;
	close(f->fd);
	free(f);
}

static uint64_t chunk_left(const struct ln_chunk *k)
{
	return k->kind == FILE_PART ? k->left : k->end - k->start;
}

static struct ln_chunk *append(struct ln_queue *q, enum kind kind, size_t room)
{
	struct ln_chunk *k = malloc(sizeof(*k) + room);

	if (!k)
		return NULL;
	*k = (struct ln_chunk){ .kind = kind, .data = k->bytes, .room = room };
	if (q->last)
		q->last->next = k;
	else
		q->first = k;
	q->last = k;
	return k;
}

static void drop_first(struct ln_queue *q)
{
	struct ln_chunk *k = q->first;

	q->first = k->next;
	if (!q->first)
		q->last = NULL;
	if (k->kind == OWNED)
		free((char *)k->data);
	else if (k->kind == FILE_PART)
		ln_file_put(k->file);
	free(k);
}

/**
 * ln_queue_reserve() - room to write to at the end of a queue
 * @q: the queue
 * @len: bytes
 *
 * Return: where to write, until the next call for this queue, or NULL without
 * memory.
 */
char *ln_queue_reserve(struct ln_queue *q, size_t len)
{
	struct ln_chunk *k = q->last;

	if (!k || k->kind != INLINE || k->room - k->end < len) {
		k = append(q, INLINE, len < CHUNK_BYTES ? CHUNK_BYTES : len);
		if (!k)
			return NULL;
	}
	return k->bytes + k->end;
}

/**
 * ln_queue_commit() - what was written to reserved room belongs to the queue
 * @q: the queue
 * @len: bytes, no more than were reserved
 */
void ln_queue_commit(struct ln_queue *q, size_t len)
{
	q->last->end += len;
	q->bytes += len;
	q->memory += len;
}

/**
 * ln_queue_add() - append a copy
 * @q: the queue
 * @data: bytes
 * @len: how many
 *
 * Return: 0 or -ENOMEM.
 */
int ln_queue_add(struct ln_queue *q, const void *data, size_t len)
{
	char *to;

	if (!len)
		return 0;
	to = ln_queue_reserve(q, len);
	if (!to)
		return -ENOMEM;
	memcpy(to, data, len);
	ln_queue_commit(q, len);
	return 0;
}

static int add_outer(struct ln_queue *q, enum kind kind, const void *data, size_t len)
{
	struct ln_chunk *k = append(q, kind, 0);

	if (!k)
		return -ENOMEM;
	k->data = data;
	k->end = len;
	q->bytes += len;
	if (kind == OWNED)
		q->memory += len;
	return 0;
}

/**
 * ln_queue_add_static() - append bytes that stay where they are for ever
 * @q: the queue
 * @data: bytes
 * @len: how many
 *
 * Return: 0 or -ENOMEM.
 */
int ln_queue_add_static(struct ln_queue *q, const void *data, size_t len)
{
	return len ? add_outer(q, STATIC, data, len) : 0;
}

/**
 * ln_queue_add_owned() - append allocated memory, to be freed when it is sent
 * @q: the queue
 * @data: from malloc(); freed when the call fails, too
 * @len: bytes
 *
 * Return: 0 or -ENOMEM.
 */
int ln_queue_add_owned(struct ln_queue *q, void *data, size_t len)
{
	int err = len ? add_outer(q, OWNED, data, len) : 0;

	if (err || !len)
		free(data);
	return err;
}

/**
 * ln_queue_add_file() - append a stretch of a file
 * @q: the queue
 * @file: the file; the queue becomes an owner
 * @offset: where the stretch starts
 * @len: bytes
 *
 * Return: 0 or -ENOMEM.
 */
int ln_queue_add_file(struct ln_queue *q, struct ln_file *file, off_t offset, uint64_t len)
{
	struct ln_chunk *k;

	if (!len)
		return 0;
	k = append(q, FILE_PART, 0);
	if (!k)
		return -ENOMEM;
	k->file = ln_file_get(file);
	k->offset = offset;
	k->left = len;
	q->bytes += len;
	return 0;
}

/* Room that was reserved and not used may leave an empty chunk in front. */
static const struct ln_chunk *first_filled(const struct ln_chunk *k)
{
	while (k && !chunk_left(k))
		k = k->next;
	return k;
}

/**
 * ln_queue_front() - look at what is sent next
 * @q: the queue
 * @piece: what to fill in
 *
 * Return: false when the queue is empty.
 */
bool ln_queue_front(const struct ln_queue *q, struct ln_piece *piece)
{
	const struct ln_chunk *k = first_filled(q->first);

	if (!k)
		return false;
	*piece = (struct ln_piece){ .len = chunk_left(k), .fd = -1 };
	piece->more = q->bytes > piece->len;
	if (k->kind == FILE_PART) {
		piece->fd = k->file->fd;
		piece->offset = k->offset;
	} else {
		piece->data = k->data + k->start;
	}
	return true;
}

/**
 * ln_queue_iov() - what is in memory at the front, for sendmsg()
 * @q: the queue
 * @iov: what to fill in
 * @max: how many there may be
 * @more: something follows
 *
 * Return: how many there are; 0 when a file or nothing is in front.
 */
int ln_queue_iov(const struct ln_queue *q, struct iovec *iov, int max, bool *more)
{
	const struct ln_chunk *k = first_filled(q->first);
	int n = 0;

	for (; k && k->kind != FILE_PART && n < max; k = first_filled(k->next))
		iov[n++] = (struct iovec){ (char *)k->data + k->start, k->end - k->start };
	*more = k;
	return n;
}

/**
 * ln_queue_consume() - what was sent leaves the queue
 * @q: the queue
 * @len: bytes, no more than there are
 */
void ln_queue_consume(struct ln_queue *q, uint64_t len)
{
	while (len) {
		struct ln_chunk *k = q->first;
		uint64_t n = chunk_left(k) < len ? chunk_left(k) : len;

		q->bytes -= n;
		len -= n;
		if (k->kind == FILE_PART) {
			k->offset += n;
			k->left -= n;
		} else {
			k->start += n;
			if (k->kind != STATIC)
				q->memory -= n;
		}
		if (!chunk_left(k))
			drop_first(q);
	}
}

/**
 * ln_queue_read() - take bytes from the front, out of files too
 * @q: the queue
 * @buf: where to
 * @len: room there
 *
 * Return: bytes taken, or a negative errno; -EIO when a file is shorter than it
 * was.
 */
ssize_t ln_queue_read(struct ln_queue *q, void *buf, size_t len)
{
	struct ln_piece piece;
	size_t done = 0;
	ssize_t n;

	while (done < len && ln_queue_front(q, &piece)) {
		n = piece.len < len - done ? piece.len : len - done;
		if (piece.data) {
			memcpy((char *)buf + done, piece.data, n);
		} else {
			n = pread(piece.fd, (char *)buf + done, n, piece.offset);
			if (n <= 0)
				return done ? (ssize_t)done : n ? -errno : -EIO;
		}
		ln_queue_consume(q, n);
		done += n;
	}
	return done;
}

/**
 * ln_queue_clear() - throw away what waits
 * @q: the queue
 */
void ln_queue_clear(struct ln_queue *q)
{
	while (q->first)
		drop_first(q);
	q->bytes = q->memory = 0;
}
