/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A file that arrives: under a hidden name until it is whole.  What an aborted one left is gone
 * on with by REST or APPE, from the same user.  A file that is whole already is changed in its
 * place by them.
 */
#ifndef FTPD_UPLOAD_H
#define FTPD_UPLOAD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "quota.h"
#include "tree.h"

enum upload_kind {
	UPLOAD_NEW,		/* STOR */
	UPLOAD_RESUME,		/* REST and STOR */
	UPLOAD_APPEND,		/* APPE */
	UPLOAD_UNIQUE,		/* STOU: nothing is replaced */
};

/**
 * struct upload - a file that arrives
 * @place: the folder and the name that it will have
 * @partial: the name that it has, empty when it is changed in place
 * @fd: the file
 * @kind: how it came
 * @home: the user's folder, for the quota
 * @quota: what may be in it
 * @offset: where the next octet goes
 * @counted: its octets that the quota knows of
 * @was_counted: the quota knows of it as a file that was aborted
 * @limit: offset that it cannot go beyond
 */
struct upload {
	struct tree_place place;
	char partial[NAME_MAX + 1];
	int fd;
	enum upload_kind kind;
	int home;
	struct quota quota;
	uint64_t offset, counted, limit;
	bool was_counted;
};

int upload_open(struct upload *u, const struct tree *t, const char *path, enum upload_kind kind,
		uint64_t offset, uint64_t mark, const struct quota *quota);
int upload_write(struct upload *u, const char *data, size_t len);
int upload_finish(struct upload *u);
void upload_abort(struct upload *u, bool keep);
int upload_partial_size(const struct tree *t, const char *path, uint64_t mark, uint64_t *size);

#endif
