/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What transfer.c, transfer-send.c and transfer-receive.c share. */
#ifndef FTPD_TRANSFER_INTERNAL_H
#define FTPD_TRANSFER_INTERNAL_H

#include <uv.h>

#include "ascii.h"
#include "session.h"
#include "transfer.h"

/* Read from a file, or listed, in one go. */
#define TRANSFER_PIECE	65536

enum direction { DOWN, UP, LISTING };

/**
 * struct transfer - from the command to its last reply
 * @session: whose it is
 * @conn: the data connection, or NULL: not there yet
 * @direction: which way
 * @path: of the file, for the log
 * @file: DOWN: where it comes from
 * @offset: DOWN: of what is read next
 * @skip: DOWN, TYPE A: octets of what would be sent first that are not (REST)
 * @size: DOWN: the file's
 * @upload: UP: where it goes
 * @list: LISTING: where the lines come from
 * @ascii: UP, TYPE A: what waits
 * @octets: that went over the connection
 * @seen: of them at the last look
 * @moved_at: when there were more, in milliseconds
 * @started: when data could flow, 0: not yet
 * @wanted_at: when the command came
 * @began: 150 was sent
 * @text: TYPE A
 * @over: the source has no more
 * @pace: the next share, with a limited rate
 * @paced: @pace was made
 * @sync: fsync() is under way
 * @work: fsync() in the thread pool
 * @sync_error: what came of it
 */
struct transfer {
	struct session *session;
	struct ln_conn *conn;
	enum direction direction;
	char path[ARGUMENT_MAX_PATH];
	struct ln_file *file;
	uint64_t offset, skip, size;
	struct upload upload;
	struct list *list;
	struct ascii ascii;
	uint64_t octets, seen, moved_at, started, wanted_at;
	bool began, text, over, paced, sync;
	uv_timer_t pace;
	uv_work_t work;
	int sync_error;
	struct ln_server *server;
};

/* The end, with its last reply; the transfer is gone. */
void transfer_failed(struct transfer *t, int code, const char *text);
void transfer_failed_errno(struct transfer *t, int err);
void transfer_succeeded(struct transfer *t);
void transfer_release(struct transfer *t);
/* Octets that may go now, with a limited rate; and a wait for more. */
uint64_t transfer_share(const struct transfer *t);
uint64_t transfer_rate(const struct transfer *t);
void transfer_await_pace(struct transfer *t);

/* transfer-send.c: queues what there is room for, and ends the transfer when all has gone. */
void transfer_fill(struct transfer *t);
void transfer_begin_download(struct transfer *t);

/* transfer-receive.c: something arrived, or the end of it. */
void transfer_receive(struct transfer *t);

#endif
