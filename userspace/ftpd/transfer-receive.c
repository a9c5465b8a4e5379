// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Files from the client.
 */
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "transfer-internal.h"

static void publish(struct transfer *t)
{
	int err = upload_finish(&t->upload);

	if (err)
		transfer_failed_errno(t, err);
	else
		transfer_succeeded(t);
}

static void on_sync(uv_work_t *work)
{
	struct transfer *t = work->data;

	t->sync_error = fsync(t->upload.fd) ? -errno : 0;
}

static void on_synced(uv_work_t *work, int status)
{
	struct transfer *t = work->data;

	(void)status;
	t->sync = false;
	ln_server_release(t->server);
	if (!t->session) {
		/* The session has gone: what it uploaded was whole. */
		upload_finish(&t->upload);
		transfer_release(t);
	} else if (t->sync_error) {
		transfer_failed_errno(t, t->sync_error);
	} else {
		publish(t);
	}
}

/* A client that is killed ends both connections, in the order that it made them. */
static bool client_gone(const struct session *s)
{
	struct pollfd p = { .fd = ln_conn_fd(s->conn), .events = POLLRDHUP };

	return !s->closing && poll(&p, 1, 0) == 1;
}

static void received_all(struct transfer *t)
{
	char rest;
	int err = 0;

	if (client_gone(t->session)) {
		transfer_failed(t, 426, "The control connection ended");
		return;
	}
	if (ascii_from_net_end(&t->ascii, &rest))
		err = upload_write(&t->upload, &rest, 1);
	if (err) {
		transfer_failed_errno(t, err);
		return;
	}
	if (!t->session->setup->sync) {
		publish(t);
		return;
	}
	ln_conn_hold(t->conn, true);
	t->sync = true;
	t->work.data = t;
	ln_server_hold(t->server);
	uv_queue_work(ln_server_loop(t->server), &t->work, on_sync, on_synced);
}

void transfer_receive(struct transfer *t)
{
	static char piece[TRANSFER_PIECE + 1];
	size_t len, n;
	const char *data = ln_conn_input(t->conn, &len);
	int err;

	if (t->sync)
		return;
	t->octets += len;
	if (t->text && len) {
		if (len > TRANSFER_PIECE) {
			t->octets -= len - TRANSFER_PIECE;
			len = TRANSFER_PIECE;
		}
		n = ascii_from_net(&t->ascii, data, len, piece);
		err = upload_write(&t->upload, piece, n);
	} else {
		err = len ? upload_write(&t->upload, data, len) : 0;
	}
	ln_conn_consume(t->conn, len);
	if (err) {
		transfer_failed_errno(t, err);
		return;
	}
	if (ln_conn_eof(t->conn)) {
		ln_conn_input(t->conn, &len);
		if (!len)
			received_all(t);
		else
			ln_conn_wake(t->conn);
	} else if (!transfer_share(t)) {
		transfer_await_pace(t);
	}
}
