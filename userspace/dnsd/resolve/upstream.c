// SPDX-License-Identifier: GPL-2.0-or-later
#include "upstream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/queue.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "anchors.h"
#include "conf.h"
#include "log.h"
#include "pending.h"
#include "relay.h"

/*
 * Questions go to a thread through a socket, and writing blocks while that is full: so many
 * may be in it, and more wait here.  The kernel has room for about 140 of them.
 */
#define WINDOW		64
#define TICK_MS		1000
#define STUCK_TICKS	5
/* A thread that is stuck cannot be ended: after so many the worker ends instead. */
#define LOST_MAX	8
/* libunbound answers that by itself, whatever the network does. */
#define PROBE		"localhost."

/**
 * struct asked - a question
 * @link: of @context's list
 * @context: who answers it
 * @done, @data: who wants to know
 * @number: of the message to the thread
 * @type, @name: the question
 */
struct asked {
	TAILQ_ENTRY(asked) link;
	struct context *context;
	ub_callback_type done;
	void *data;
	uint64_t number;
	uint16_t type;
	char name[];
};

TAILQ_HEAD(asked_list, asked);

/**
 * struct context - one of libunbound's, with its thread
 * @link: of all
 * @upstream: whose
 * @ctx: libunbound's
 * @poll: on its results
 * @waiting: questions that the thread was not told yet
 * @sent: those that it was
 * @said: messages to the thread
 * @heard: so many of them it has certainly read
 * @probe: number of the probe that is under way, 0: none
 * @ticks: since then
 * @broken: it cannot be used any more
 * @processing: results are being taken
 */
struct context {
	TAILQ_ENTRY(context) link;
	struct upstream *upstream;
	struct ub_ctx *ctx;
	uv_poll_t poll;
	struct asked_list waiting, sent;
	uint64_t said, heard, probe;
	unsigned int ticks;
	bool broken, processing;
};

/**
 * struct upstream - of a worker
 * @server: its loop
 * @setup: the section
 * @active: who is asked
 * @all: these, and former ones that still have questions
 * @relay: by zone of the setup; NULL: it needs none
 * @n_relays: how many
 * @hints: copy of the root hints, so that they can be read in the sandbox; -1: none
 * @anchors: generation of those that @active have
 * @lost: threads that had to be given up
 * @timer: looks after the threads
 * @n_handles: libuv's that are not closed
 * @dying: the worker ends at the next tick
 */
struct upstream {
	struct ln_server *server;
	const struct resolve_setup *setup;
	struct context *active[UPSTREAM_CONTEXTS];
	TAILQ_HEAD(, context) all;
	struct relay **relay;
	unsigned int n_relays;
	int hints;
	unsigned int anchors, lost;
	uv_timer_t timer;
	unsigned int n_handles;
	bool dying;
};

/* --- handles --- */

static void let_go(struct upstream *u)
{
	/* In which order they are closed is libuv's affair: what they are in goes with the last. */
	if (--u->n_handles)
		return;
	if (u->hints >= 0)
		close(u->hints);
	free(u);
}

static void on_context_closed(uv_handle_t *h)
{
	struct context *c = h->data;

	let_go(c->upstream);
	free(c);
}

static void on_timer_closed(uv_handle_t *h)
{
	let_go(h->data);
}

/* Whoever waits is told nothing. */
static void forget(struct asked_list *list)
{
	while (!TAILQ_EMPTY(list)) {
		struct asked *a = TAILQ_FIRST(list);

		TAILQ_REMOVE(list, a, link);
		free(a);
	}
}

/* One whose thread does not answer is left as it is: waiting for its end could take for ever. */
static void end_context(struct context *c)
{
	bool answers = !c->broken && (!c->probe || c->ticks < 2);

	forget(&c->waiting);
	forget(&c->sent);
	TAILQ_REMOVE(&c->upstream->all, c, link);
	uv_close((uv_handle_t *)&c->poll, on_context_closed);
	if (answers)
		ub_ctx_delete(c->ctx);
}

/* --- questions and results --- */

static void on_probe(void *data, int err, struct ub_result *result)
{
	struct context *c = data;

	(void)err;
	if (c->probe > c->heard)
		c->heard = c->probe;
	c->probe = 0;
	ub_resolve_free(result);
}

static void probe(struct context *c)
{
	if (c->probe)
		return;
	c->ticks = 0;
	c->probe = ++c->said;
	if (ub_resolve_async(c->ctx, PROBE, KNOT_RRTYPE_A, KNOT_CLASS_IN, c, on_probe, NULL))
		c->broken = true;
}

static void on_result(void *data, int err, struct ub_result *result)
{
	struct asked *a = data;
	struct context *c = a->context;

	/* They are read in the order in which they were sent. */
	if (a->number > c->heard)
		c->heard = a->number;
	TAILQ_REMOVE(&c->sent, a, link);
	a->done(a->data, err, result);
	free(a);
}

static void send_more(struct context *c)
{
	struct asked *a;

	while (!c->broken && !c->processing && c->said - c->heard < WINDOW &&
	       (a = TAILQ_FIRST(&c->waiting))) {
		TAILQ_REMOVE(&c->waiting, a, link);
		TAILQ_INSERT_TAIL(&c->sent, a, link);
		a->number = ++c->said;
		if (ub_resolve_async(c->ctx, a->name, a->type, KNOT_CLASS_IN, a, on_result, NULL))
			c->broken = true;
		else if (c->said - c->heard >= WINDOW / 2)
			probe(c);
	}
}

int upstream_ask(struct upstream *u, unsigned int context, const uint8_t *name, uint16_t type,
		 ub_callback_type done, void *data)
{
	struct context *c = u->active[context];
	char text[DNS_NAME_TEXT];
	struct asked *a;

	dns_name_to_text(text, name);
	a = malloc(sizeof(*a) + strlen(text) + 1);
	if (!a)
		return -ENOMEM;
	*a = (struct asked){ .context = c, .done = done, .data = data, .type = type };
	strcpy(a->name, text);
	TAILQ_INSERT_TAIL(&c->waiting, a, link);
	send_more(c);
	return 0;
}

static void lose(struct context *c);

static void on_results(uv_poll_t *poll, int status, int events)
{
	struct context *c = poll->data;

	(void)events;
	c->processing = true;
	if (status < 0 || ub_process(c->ctx))
		c->broken = true;
	c->processing = false;
	if (c->broken)
		lose(c);
	else
		send_more(c);
}

/* --- contexts --- */

static struct context *make_context(struct upstream *u)
{
	struct context *c = calloc(1, sizeof(*c));
	char hints[64], *anchors = anchors_text(&u->setup->anchors, &u->anchors);
	struct conf conf = { .relay = u->relay, .anchors = anchors };

	if (u->hints >= 0) {
		snprintf(hints, sizeof(hints), "/proc/self/fd/%d", u->hints);
		conf.hints = hints;
	}
	if (c && anchors)
		c->ctx = conf_context(u->setup, &conf);
	free(anchors);
	if (!c || !c->ctx)
		goto failed;
	if (uv_poll_init(ln_server_loop(u->server), &c->poll, ub_fd(c->ctx))) {
		ub_ctx_delete(c->ctx);
		goto failed;
	}
	u->n_handles++;
	c->upstream = u;
	c->poll.data = c;
	TAILQ_INIT(&c->waiting);
	TAILQ_INIT(&c->sent);
	TAILQ_INSERT_TAIL(&u->all, c, link);
	uv_poll_start(&c->poll, UV_READABLE, on_results);
	return c;
failed:
	free(c);
	return NULL;
}

/* What a thread was not told, another can be. */
static void hand_over(struct context *from, struct context *to)
{
	while (!TAILQ_EMPTY(&from->waiting)) {
		struct asked *a = TAILQ_FIRST(&from->waiting);

		TAILQ_REMOVE(&from->waiting, a, link);
		TAILQ_INSERT_TAIL(&to->waiting, a, link);
		a->context = to;
	}
	send_more(to);
}

static struct context **place_of(struct context *c)
{
	for (unsigned int i = 0; i < UPSTREAM_CONTEXTS; i++)
		if (c->upstream->active[i] == c)
			return &c->upstream->active[i];
	return NULL;
}

static void fail(struct asked_list *list)
{
	while (!TAILQ_EMPTY(list)) {
		struct asked *a = TAILQ_FIRST(list);

		TAILQ_REMOVE(list, a, link);
		a->done(a->data, UB_PIPE, NULL);
		free(a);
	}
}

static void give_up(struct upstream *u)
{
	if (!u->dying)
		ln_error("recursion: this worker ends, to be replaced");
	u->dying = true;
}

/* Its thread is gone, or stuck for good. */
static void lose(struct context *c)
{
	struct context **place = place_of(c), *next;
	struct upstream *u = c->upstream;

	c->broken = true;
	uv_poll_stop(&c->poll);
	ln_error("recursion: a thread of libunbound does not answer; another takes its place");
	resolve_count(RESOLVE_LOST, 1);
	fail(&c->sent);
	next = place && ++u->lost < LOST_MAX ? make_context(u) : NULL;
	if (next) {
		*place = next;
		hand_over(c, next);
	}
	fail(&c->waiting);
	if (place && !next)
		give_up(u);
	else
		end_context(c);
}

/* With the trust anchors of now; those before finish what they have under way. */
static void renew(struct upstream *u)
{
	for (unsigned int i = 0; i < UPSTREAM_CONTEXTS; i++) {
		struct context *old = u->active[i], *new = make_context(u);

		if (!new) {
			give_up(u);
			return;
		}
		u->active[i] = new;
		hand_over(old, new);
	}
}

static void look_after(struct context *c)
{
	if (c->broken || (c->probe && ++c->ticks > STUCK_TICKS))
		lose(c);
	else if (!TAILQ_EMPTY(&c->sent))
		probe(c);
	else if (!c->probe && !place_of(c))
		end_context(c);
}

static void on_tick(uv_timer_t *timer)
{
	struct upstream *u = timer->data;
	struct context *next;

	if (u->dying)
		_exit(EXIT_FAILURE);
	if (u->anchors != anchors_generation(&u->setup->anchors))
		renew(u);
	for (struct context *c = TAILQ_FIRST(&u->all); c; c = next) {
		next = TAILQ_NEXT(c, link);
		look_after(c);
	}
}

/* --- start and end --- */

static int copy_hints(const char *path)
{
	int from = open(path, O_RDONLY | O_CLOEXEC), to = memfd_create("root-hints", MFD_CLOEXEC);
	ssize_t n = from < 0 || to < 0 ? -1 : 1;

	while (n > 0)
		n = sendfile(to, from, NULL, 1 << 20);
	if (from >= 0)
		close(from);
	if (!n)
		return to;
	ln_error("recursion: root-hints %s: %s", path, strerror(errno));
	if (to >= 0)
		close(to);
	return -1;
}

static int start_relays(struct upstream *u)
{
	const struct resolve_setup *r = u->setup;

	u->n_relays = r->n_zones;
	u->relay = calloc(r->n_zones + 1, sizeof(struct relay *));
	if (!u->relay)
		return -ENOMEM;
	for (unsigned int i = 0; i < r->n_zones; i++) {
		if (!relay_needed(&r->zone[i]))
			continue;
		u->relay[i] = relay_start(u->server, &r->zone[i]);
		if (!u->relay[i])
			return -EIO;
	}
	return 0;
}

int upstream_start(struct upstream **out, struct ln_server *server, const struct resolve_setup *r)
{
	struct upstream *u = calloc(1, sizeof(*u));
	int err;

	*out = u;
	if (!u)
		return -ENOMEM;
	u->server = server;
	u->setup = r;
	u->hints = -1;
	TAILQ_INIT(&u->all);
	uv_timer_init(ln_server_loop(server), &u->timer);
	u->timer.data = u;
	u->n_handles = 1;
	if (r->root_hints) {
		u->hints = copy_hints(r->root_hints);
		if (u->hints < 0)
			return -EIO;
	}
	err = start_relays(u);
	for (unsigned int i = 0; !err && i < UPSTREAM_CONTEXTS; i++) {
		u->active[i] = make_context(u);
		err = u->active[i] ? 0 : -EINVAL;
	}
	uv_timer_start(&u->timer, on_tick, TICK_MS, TICK_MS);
	uv_unref((uv_handle_t *)&u->timer);
	return err;
}

void upstream_stop(struct upstream *u)
{
	struct context *next;

	for (struct context *c = TAILQ_FIRST(&u->all); c; c = next) {
		next = TAILQ_NEXT(c, link);
		end_context(c);
	}
	for (unsigned int i = 0; u->relay && i < u->n_relays; i++)
		if (u->relay[i])
			relay_stop(u->relay[i]);
	free(u->relay);
	uv_close((uv_handle_t *)&u->timer, on_timer_closed);
}
