// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Files and listings to the client.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "transfer-internal.h"

static int send_text(struct transfer *t, const char *piece, size_t n)
{
	struct ln_queue *q = ln_conn_queue(t->conn);
	char *to = ln_queue_reserve(q, 2 * n);
	size_t len;

	if (!to)
		return -ENOMEM;
	len = ascii_to_net(piece, n, to);
	if (t->skip) {
		size_t skipped = t->skip < len ? t->skip : len;

		memmove(to, to + skipped, len - skipped);
		len -= skipped;
		t->skip -= skipped;
	}
	ln_queue_commit(q, len);
	t->octets += len;
	ln_conn_flush(t->conn);
	return 0;
}

/* Returns 0 or a negative errno. */
static int send_piece(struct transfer *t, uint64_t most)
{
	static char piece[TRANSFER_PIECE];
	ssize_t n = pread(t->file->fd, piece, most < TRANSFER_PIECE ? most : TRANSFER_PIECE, t->offset);

	if (n < 0)
		return -errno;
	t->offset += n;
	if (!n)
		t->over = true;
	else if (t->text)
		return send_text(t, piece, n);
	else if (ln_conn_write(t->conn, piece, n))
		return -ENOMEM;
	else
		t->octets += n;
	return 0;
}

static int send_lines(struct transfer *t)
{
	static char out[TRANSFER_PIECE];
	size_t len = 0, n;

	while (len + LIST_MAX_LINE <= sizeof(out)) {
		n = list_next(t->list, out + len);
		if (!n) {
			t->over = true;
			break;
		}
		len += n;
	}
	return len && ln_conn_write(t->conn, out, len) ? -ENOMEM : 0;
}

/* Queues what there is room for.  Ends the transfer when all has gone. */
void transfer_fill(struct transfer *t)
{
	int err = 0;

	while (!err && !t->over && !ln_conn_full(t->conn)) {
		uint64_t most = transfer_share(t);

		if (!most) {
			transfer_await_pace(t);
			return;
		}
		err = t->direction == LISTING ? send_lines(t) : send_piece(t, most);
	}
	if (err)
		transfer_failed_errno(t, err);
	else if (t->over && !ln_conn_queued(t->conn))
		transfer_succeeded(t);
}

/* A whole file goes by sendfile(), if it goes as it is and as fast as it can. */
void transfer_begin_download(struct transfer *t)
{
	uint64_t len = t->size > t->offset ? t->size - t->offset : 0;

	if (t->text || transfer_rate(t)) {
		transfer_fill(t);
		return;
	}
	t->over = true;
	if (!len)
		transfer_succeeded(t);
	else if (ln_conn_write_file(t->conn, t->file, t->offset, len))
		transfer_failed_errno(t, -ENOMEM);
}
