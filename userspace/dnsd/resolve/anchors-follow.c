// SPDX-License-Identifier: GPL-2.0-or-later
#include "anchors-follow.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "conf.h"
#include "log.h"
#include "relay.h"

/* The first one waits until the workers have begun. */
#define FIRST_MS	200
/* RFC 5011 section 2.3: at most 15 days between two questions; an hour when it is not known. */
#define INTERVAL_MAX_S	(15 * 86400)
#define INTERVAL_S	3600
/* libunbound has given up long before; then its thread is stuck. */
#define LIMIT_MS	(300 * 1000)

/**
 * struct probe - looks after a trust point
 * @follow: of all points
 * @point: the point
 * @timer: for the next question, or for the end of this one
 * @ctx: of the question that is under way, or NULL: its cache is empty
 * @poll: on its result; allocated, as it ends later
 * @done: the result is there
 */
struct probe {
	struct follow *follow;
	const struct anchor_point *point;
	uv_timer_t timer;
	struct ub_ctx *ctx;
	uv_poll_t *poll;
	bool done;
};

static struct follow {
	struct resolve_setup *setup;
	struct ln_server *server;
	struct relay **relay;
	struct probe probe[ANCHOR_POINTS_MAX];
} follow;

static void on_timer(uv_timer_t *timer);

/* --- the file --- */

/* A point begins with what the configuration says. */
static int begin_file(const struct anchor_point *p)
{
	char *path = NULL;
	int err = 0;
	FILE *f;

	if (!access(p->file, F_OK))
		return 0;
	if (asprintf(&path, "%s.new", p->file) < 0)
		return -ENOMEM;
	f = fopen(path, "we");
	if (!f || fputs(p->text, f) < 0 || fflush(f) || fsync(fileno(f)))
		err = -errno;
	if (f && fclose(f) && !err)
		err = -errno;
	if (!err && rename(path, p->file))
		err = -errno;
	if (err)
		unlink(path);
	free(path);
	return err;
}

/* Milliseconds to the next question: libunbound counts by what TTLs and signatures say. */
static uint64_t next_ms(const struct anchor_point *p)
{
	static const char word[] = ";;next_probe_time:";
	FILE *f = fopen(p->file, "re");
	int64_t seconds = INTERVAL_S;
	char line[1024];

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, word, sizeof(word) - 1))
			seconds = strtoll(line + sizeof(word) - 1, NULL, 10) - (int64_t)time(NULL);
	if (f)
		fclose(f);
	if (seconds > INTERVAL_MAX_S)
		seconds = INTERVAL_MAX_S;
	return seconds < 1 ? 1000 : 1000 * seconds;
}

/* --- a question --- */

static void free_handle(uv_handle_t *h)
{
	free(h);
}

static void end(struct probe *p, bool answers)
{
	if (p->poll)
		uv_close((uv_handle_t *)p->poll, free_handle);
	/* Waiting for a thread that is stuck could take for ever. */
	if (p->ctx && answers)
		ub_ctx_delete(p->ctx);
	p->poll = NULL;
	p->ctx = NULL;
}

static void publish(struct probe *p)
{
	char name[DNS_NAME_TEXT];

	if (anchors_update(&p->follow->setup->anchors))
		ln_notice("recursion: the keys that are trusted have changed; those of %s are in "
			  "%s", dns_name_to_text(name, p->point->name), p->point->file);
	uv_timer_start(&p->timer, on_timer, next_ms(p->point), 0);
}

static void on_answer(void *data, int err, struct ub_result *result)
{
	struct probe *p = data;
	char name[DNS_NAME_TEXT];

	p->done = true;
	if (err || !result->secure)
		ln_warning("recursion: the keys of %s cannot be had: %s",
			   dns_name_to_text(name, p->point->name),
			   err ? ub_strerror(err) : result->why_bogus ? result->why_bogus :
			   "no answer that is signed by one that is trusted");
	ub_resolve_free(result);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct probe *p = poll->data;

	(void)events;
	if (!status)
		status = ub_process(p->ctx);
	if (!p->done && !status)
		return;
	end(p, p->done);
	publish(p);
}

static uv_poll_t *watch(struct probe *p)
{
	uv_poll_t *poll = malloc(sizeof(*poll));

	if (!poll || uv_poll_init(ln_server_loop(p->follow->server), poll, ub_fd(p->ctx))) {
		free(poll);
		return NULL;
	}
	poll->data = p;
	uv_poll_start(poll, UV_READABLE, on_readable);
	uv_unref((uv_handle_t *)poll);
	return poll;
}

static int ask(struct probe *p)
{
	const struct conf conf = {
		.relay = p->follow->relay, .hints = p->follow->setup->root_hints,
		.follow = p->point->file,
	};
	char name[DNS_NAME_TEXT];
	int err = begin_file(p->point);

	if (err) {
		ln_error("recursion: %s: %s", p->point->file, strerror(-err));
		return err;
	}
	p->done = false;
	p->ctx = conf_context(p->follow->setup, &conf);
	p->poll = p->ctx ? watch(p) : NULL;
	if (!p->poll)
		return -EIO;
	return ub_resolve_async(p->ctx, dns_name_to_text(name, p->point->name),
				KNOT_RRTYPE_DNSKEY, KNOT_CLASS_IN, p, on_answer, NULL);
}

static void on_timer(uv_timer_t *timer)
{
	struct probe *p = timer->data;

	if (p->ctx) {
		ln_error("recursion: a thread of libunbound does not answer");
		end(p, false);
	}
	if (!ask(p)) {
		uv_timer_start(timer, on_timer, LIMIT_MS, 0);
		return;
	}
	end(p, true);
	uv_timer_start(timer, on_timer, INTERVAL_S * 1000, 0);
}

static bool wanted(const struct setup *s)
{
	return s->resolve && s->resolve->follow;
}

int anchors_follow_confine(const struct setup *s, struct ln_sandbox *sandbox)
{
	if (!wanted(s))
		return 0;
	/* Datagrams come from ports that are chosen at random. */
	sandbox->bind = true;
	return s->resolve->root_hints ?
	       ln_sandbox_path(sandbox, s->resolve->root_hints, LN_ACCESS_READ) : 0;
}

void anchors_follow_start(const struct setup *s, struct ln_server *server)
{
	struct resolve_setup *r = s->resolve;

	if (!wanted(s))
		return;
	follow.setup = r;
	follow.server = server;
	follow.relay = calloc(r->n_zones + 1, sizeof(*follow.relay));
	if (!follow.relay) {
		ln_error("out of memory");
		return;
	}
	for (unsigned int i = 0; i < r->n_zones; i++) {
		if (!relay_needed(&r->zone[i]))
			continue;
		follow.relay[i] = relay_start(server, &r->zone[i]);
		if (!follow.relay[i])
			return;
	}
	for (unsigned int i = 0; i < r->anchors.n_points; i++) {
		struct probe *p = &follow.probe[i];

		p->follow = &follow;
		p->point = &r->anchors.point[i];
		uv_timer_init(ln_server_loop(server), &p->timer);
		p->timer.data = p;
		uv_timer_start(&p->timer, on_timer, FIRST_MS, 0);
		uv_unref((uv_handle_t *)&p->timer);
	}
}
