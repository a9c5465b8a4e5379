/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What waits to be sent: bytes in memory and stretches of files, in order.
 */
#ifndef LN_QUEUE_H
#define LN_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

/**
 * struct ln_file - an open file that several owners share
 * @fd: the descriptor
 * @refs: how many owners
 */
struct ln_file {
	int fd;
	unsigned int refs;
};

struct ln_file *ln_file_new(int fd);
struct ln_file *ln_file_get(struct ln_file *f);
void ln_file_put(struct ln_file *f);

struct ln_chunk;

/**
 * struct ln_queue - zeroed to begin with
 * @first: what is sent next
 * @last: where more is appended
 * @bytes: all that waits
 * @memory: the part of @bytes that is held in memory
 */
struct ln_queue {
	struct ln_chunk *first, *last;
	uint64_t bytes;
	size_t memory;
};

/**
 * struct ln_piece - the front of a queue
 * @data: bytes in memory, or NULL: a file's
 * @len: how many
 * @fd: the file
 * @offset: where its bytes start
 * @more: something follows this piece
 */
struct ln_piece {
	const char *data;
	uint64_t len;
	int fd;
	off_t offset;
	bool more;
};

int ln_queue_add(struct ln_queue *q, const void *data, size_t len);
int ln_queue_add_static(struct ln_queue *q, const void *data, size_t len);
int ln_queue_add_owned(struct ln_queue *q, void *data, size_t len);
int ln_queue_add_file(struct ln_queue *q, struct ln_file *file, off_t offset, uint64_t len);
char *ln_queue_reserve(struct ln_queue *q, size_t len);
void ln_queue_commit(struct ln_queue *q, size_t len);
bool ln_queue_front(const struct ln_queue *q, struct ln_piece *piece);
int ln_queue_iov(const struct ln_queue *q, struct iovec *iov, int max, bool *more);
ssize_t ln_queue_read(struct ln_queue *q, void *buf, size_t len);
void ln_queue_consume(struct ln_queue *q, uint64_t len);
void ln_queue_clear(struct ln_queue *q);

#endif
