/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A message while it arrives: in memory at first, in a file without a name when it is longer.
 */
#ifndef SMTPD_CONTENT_H
#define SMTPD_CONTENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Longest text of content_prepend(). */
#define CONTENT_HEAD_MAX	4096
/* What is kept in memory. */
#define CONTENT_MEMORY		(64 * 1024)

/**
 * struct content - a message; content_init() first
 * @data: what is in memory, or NULL
 * @start: where it begins in @data
 * @end: where it ends
 * @room: octets of @data
 * @fd: the file, or -1
 * @size: octets, of which those of content_prepend() too
 * @error: a negative errno: what came after it is lost
 */
struct content {
	char *data;
	size_t start, end, room;
	int fd;
	uint64_t size;
	int error;
};

void content_init(struct content *c);
/* Whether @len octets more go into a file: content_prepend() is too late afterwards. */
bool content_would_spill(const struct content *c, size_t len);
/* @folder: descriptor of the folder that the file is to be in */
void content_add(struct content *c, int folder, const char *data, size_t len);
/* Before all else, while it is in memory. */
void content_prepend(struct content *c, const char *text, size_t len);
/* In any thread: a descriptor of all of it, at its begin, to be closed; or a negative errno. */
int content_open(const struct content *c);
void content_clear(struct content *c);

#endif
