// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Echo: every byte comes back, in order, until the peer ends its stream.
 */
#include "echo.h"

#include <errno.h>
#include <string.h>

#include "log.h"

#define BUFFER_BYTES	16384

struct echo {
	bool eof;
	size_t start, end;	/* what still has to go back */
	char buffer[BUFFER_BYTES];
};

static void touch(struct ln_conn *c)
{
	const struct echo_config *config = ln_conn_data(c);

	ln_conn_deadline(c, config->options->idle_ms);
}

/* Send what is owed, then decide what to wait for.  May end the connection. */
static void flush(struct ln_conn *c, struct echo *e)
{
	ssize_t n;

	while (e->start < e->end) {
		n = ln_conn_write(c, e->buffer + e->start, e->end - e->start, false);
		if (n == -EAGAIN) {
			/* Reading waits too: the peer's window closes. */
			ln_conn_want(c, LN_WRITE);
			return;
		}
		if (n < 0) {
			ln_info("%s: %s", ln_conn_name(c), strerror(-n));
			ln_conn_close(c);
			return;
		}
		e->start += n;
		touch(c);
	}
	e->start = e->end = 0;
	if (e->eof || ln_conn_stopping(c)) {
		ln_conn_finish(c);
		return;
	}
	ln_conn_want(c, LN_READ);
}

static void echo_open(struct ln_conn *c)
{
	touch(c);
	ln_conn_want(c, LN_READ);
}

static void echo_ready(struct ln_conn *c, int events)
{
	struct echo *e = ln_conn_state(c);
	ssize_t n;

	if (events & LN_READ && !e->end) {
		n = ln_conn_read(c, e->buffer, sizeof(e->buffer));
		if (n == -EAGAIN)
			return;
		if (n < 0) {
			ln_info("%s: %s", ln_conn_name(c), strerror(-n));
			ln_conn_close(c);
			return;
		}
		e->eof = !n;
		e->end = n;
		touch(c);
	}
	flush(c, e);
}

static void echo_timeout(struct ln_conn *c)
{
	ln_info("%s: idle for too long", ln_conn_name(c));
	ln_conn_close(c);
}

static void echo_stop(struct ln_conn *c)
{
	flush(c, ln_conn_state(c));
}

static void echo_close(struct ln_conn *c)
{
	(void)c;
}

const struct ln_proto echo_proto = {
	.state_size = sizeof(struct echo),
	.open = echo_open,
	.ready = echo_ready,
	.timeout = echo_timeout,
	.stop = echo_stop,
	.close = echo_close,
};
