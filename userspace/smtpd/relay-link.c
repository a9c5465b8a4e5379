// SPDX-License-Identifier: GPL-2.0-or-later
#include "relay-link.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONTROL_SOCKET	"control"
#define ANSWER_MAX	1024
#define ANSWER_MS	10000

/**
 * struct relay_question - one of them
 * @fn: who is told; NULL: nobody, any more
 * @data: passed on to it
 * @path: of the socket
 * @text: the question
 */
struct relay_question {
	relay_answer_fn fn;
	void *data;
	char path[108];
	char text[400];
};

static void answer(struct relay_question *q, long messages)
{
	relay_answer_fn fn = q->fn;

	q->fn = NULL;
	if (fn)
		fn(q->data, messages);
}

static void on_open(struct ln_conn *c)
{
	struct relay_question *q = ln_conn_data(c);

	ln_conn_write(c, q->text, strlen(q->text));
	ln_conn_deadline(c, ANSWER_MS);
}

static long read_answer(const char *text, size_t len)
{
	json_t *root = json_loadb(text, len, 0, NULL);
	long messages = json_is_true(json_object_get(root, "ok")) ?
			json_integer_value(json_object_get(root, "messages")) : -1;

	json_decref(root);
	return messages;
}

static void on_input(struct ln_conn *c)
{
	size_t len;
	const char *text = ln_conn_input(c, &len), *end = memchr(text, '\n', len);

	if (!end && len < ANSWER_MAX && !ln_conn_eof(c))
		return;
	answer(ln_conn_data(c), end ? read_answer(text, end - text) : -1);
	ln_conn_close(c);
}

/* close() tells. */
static void on_timeout(struct ln_conn *c)
{
	ln_conn_close(c);
}

static void on_stop(struct ln_conn *c)
{
	(void)c;
}

static void on_close(struct ln_conn *c)
{
	struct relay_question *q = ln_conn_data(c);

	answer(q, -1);
	free(q);
}

static const struct ln_proto proto = {
	.input_max = ANSWER_MAX,
	.output_max = ANSWER_MAX,
	.open = on_open,
	.input = on_input,
	.timeout = on_timeout,
	.stop = on_stop,
	.close = on_close,
};

struct relay_question *relay_link_flush(struct worker *w, const char *domain, relay_answer_fn fn,
					void *data)
{
	struct relay_question *q = calloc(1, sizeof(*q));
	struct ln_remote remote = { .connect_ms = ANSWER_MS };

	if (!q)
		return NULL;
	q->fn = fn;
	q->data = data;
	/* A domain has nothing in it that JSON would have to escape. */
	snprintf(q->text, sizeof(q->text), "{\"command\":\"flush\",\"domain\":\"%s\"}\n", domain);
	remote.path = q->path;
	if (snprintf(q->path, sizeof(q->path), "%s/%s", w->setup->queue, CONTROL_SOCKET) <
	    (int)sizeof(q->path) && ln_connect(w->server, &remote, &proto, q))
		return q;
	free(q);
	return NULL;
}

void relay_link_abandon(struct relay_question *q)
{
	q->fn = NULL;
}
