// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Echo: every byte comes back, in order, until the peer ends its stream.
 */
#include "echo.h"

#include "log.h"

#define BUFFER_BYTES	65536

static void touch(struct ln_conn *c)
{
	ln_conn_deadline(c, ln_server_options(ln_conn_server(c))->idle_ms);
}

/* What arrived goes back, as far as the peer takes it: its window closes otherwise. */
static void echo(struct ln_conn *c)
{
	const char *data;
	size_t len;

	data = ln_conn_input(c, &len);
	if (len && !ln_conn_full(c)) {
		touch(c);
		if (ln_conn_write(c, data, len))
			return;
		ln_conn_consume(c, len);
		len = 0;
	}
	if (!len && (ln_conn_eof(c) || ln_conn_stopping(c)))
		ln_conn_finish(c);
}

static void echo_output(struct ln_conn *c)
{
	touch(c);
	echo(c);
}

static void echo_timeout(struct ln_conn *c)
{
	ln_info("%s: idle for too long", ln_conn_name(c));
	ln_conn_close(c);
}

static void echo_close(struct ln_conn *c)
{
	(void)c;
}

const struct ln_proto echo_proto = {
	.input_max = BUFFER_BYTES,
	.output_max = BUFFER_BYTES,
	.open = touch,
	.input = echo,
	.output = echo_output,
	.timeout = echo_timeout,
	.stop = echo,
	.close = echo_close,
};
