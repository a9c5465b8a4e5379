// SPDX-License-Identifier: GPL-2.0-or-later
#include "queue.h"

#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../mail/address.h"
#include "delivery.h"
#include "log.h"
#include "queue-work.h"

/* Recipients that are due so soon are tried with those that are due now. */
#define SLACK_MS 1000
/* When the disk is full, or the like. */
#define TROUBLE_MS 30000

/**
 * struct queue - a queue
 * @by_id: of tsearch()
 * @heap: messages by @due, the earliest first
 * @timer: for it
 * @rescan: for what nobody told us of
 */
struct queue {
	struct ln_server *server;
	const struct relay_setup *setup;
	struct spool *spool;
	struct delivery *delivery;
	void *by_id;
	unsigned int n;
	struct message **heap;
	unsigned int n_heap, room;
	uv_timer_t timer, rescan;
	struct queue_counts counts;
};

/* --- the heap --- */

static void put_at(struct queue *q, unsigned int i, struct message *m)
{
	q->heap[i] = m;
	m->at = i;
}

static void sift_up(struct queue *q, unsigned int i)
{
	struct message *m = q->heap[i];

	while (i && q->heap[(i - 1) / 2]->due > m->due) {
		put_at(q, i, q->heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	put_at(q, i, m);
}

static void sift_down(struct queue *q, unsigned int i)
{
	struct message *m = q->heap[i];

	for (;;) {
		unsigned int child = 2 * i + 1;

		if (child + 1 < q->n_heap && q->heap[child + 1]->due < q->heap[child]->due)
			child++;
		if (child >= q->n_heap || q->heap[child]->due >= m->due)
			break;
		put_at(q, i, q->heap[child]);
		i = child;
	}
	put_at(q, i, m);
}

static void heap_remove(struct queue *q, struct message *m)
{
	unsigned int i = m->at;

	if (m->at < 0)
		return;
	m->at = -1;
	if (i == --q->n_heap)
		return;
	put_at(q, i, q->heap[q->n_heap]);
	sift_down(q, i);
	sift_up(q, q->heap[i]->at);
}

static void on_timer(uv_timer_t *timer);

static void arm(struct queue *q)
{
	int64_t wait;

	if (!q->n_heap || ln_server_stopping(q->server)) {
		uv_timer_stop(&q->timer);
		return;
	}
	wait = q->heap[0]->due - envelope_now();
	/* The clock may be set: it is looked at again from time to time. */
	if (wait > q->setup->rescan)
		wait = q->setup->rescan;
	uv_timer_start(&q->timer, on_timer, wait > 0 ? wait : 0, 0);
}

/* queue_new() has made room for one, queue_take() for each. */
static void schedule(struct message *m, int64_t due)
{
	struct queue *q = m->queue;

	heap_remove(q, m);
	m->due = due;
	put_at(q, q->n_heap++, m);
	sift_up(q, m->at);
	if (!m->at)
		arm(q);
}

static void step_soon(struct message *m);

/* --- messages --- */

static int by_id(const void *a, const void *b)
{
	return strcmp(((const struct message *)a)->id, ((const struct message *)b)->id);
}

struct message *queue_find(struct queue *q, const char *id)
{
	struct message key, **found;

	snprintf(key.id, sizeof(key.id), "%s", id);
	found = tfind(&key, &q->by_id, by_id);
	return found ? *found : NULL;
}

static void free_message(struct message *m)
{
	envelope_clear(&m->envelope);
	free(m);
}

static void remove_message(struct message *m)
{
	struct queue *q = m->queue;
	int err = spool_remove(q->spool, m->id);

	if (err && err != -ENOENT) {
		ln_error("relay: %s: cannot be removed from the queue: %s", m->id, strerror(-err));
		schedule(m, envelope_now() + TROUBLE_MS);
		return;
	}
	ln_info("relay: %s: removed from the queue", m->id);
	q->counts.removed++;
	heap_remove(q, m);
	tdelete(m, &q->by_id, by_id);
	q->n--;
	free_message(m);
}

/* --- what a sender is told --- */

static bool wants_report(const struct message *m, const struct envelope_recipient *r,
			 enum report_kind kind, int64_t now)
{
	const struct relay_setup *s = m->queue->setup;

	/* NEVER is none of the conditions below. */
	if (!*m->envelope.sender)
		return false;
	switch (kind) {
	case REPORT_FAILED:
		return r->state == ENVELOPE_FAILED && !r->reported &&
		       (!r->notify || r->notify & ENVELOPE_FAILURE);
	case REPORT_SUCCESS:
		return (r->state == ENVELOPE_DELIVERED || r->state == ENVELOPE_PASSED) &&
		       !r->reported && r->notify & ENVELOPE_SUCCESS;
	default:
		return r->state == ENVELOPE_PENDING && !r->delay_told && r->attempts &&
		       s->delay_notice && now >= m->envelope.arrival + s->delay_notice &&
		       (!r->notify || r->notify & ENVELOPE_DELAY);
	}
}

static void on_reported(int err, const struct queue_work *w)
{
	struct message *m = w->message;
	struct queue *q = m->queue;

	m->working = false;
	if (err) {
		ln_error("relay: %s: no report to the sender yet: %s", m->id, strerror(-err));
		schedule(m, envelope_now() + TROUBLE_MS);
		return;
	}
	for (unsigned int i = 0; i < w->n; i++) {
		struct envelope_recipient *r = &m->envelope.recipient[w->recipient[i]];

		*(w->kind == REPORT_DELAYED ? &r->delay_told : &r->reported) = true;
	}
	m->dirty = true;
	q->counts.reports++;
	if (*w->report_id) {
		ln_info("relay: %s: the sender is told by %s", m->id, w->report_id);
		queue_take(q, w->report_id);
	}
	step_soon(m);
}

static bool start_report(struct message *m, int64_t now)
{
	struct queue *q = m->queue;
	struct envelope *e = &m->envelope;
	unsigned int *list = NULL, n = 0, failed = 0;

	for (int kind = REPORT_FAILED; kind <= REPORT_SUCCESS && !n; kind++) {
		for (unsigned int i = 0; i < e->n; i++) {
			if (!wants_report(m, &e->recipient[i], kind, now))
				continue;
			if (!list)
				list = calloc(e->n, sizeof(*list));
			if (list)
				list[n++] = i;
			failed = kind;
		}
	}
	if (!n)
		return false;
	m->working = true;
	queue_work_report(q->server, q->setup, q->spool, m, failed, list, n, on_reported);
	return true;
}

/* --- what is next for a message --- */

static void on_saved(int err, const struct queue_work *w)
{
	struct message *m = w->message;

	m->working = false;
	if (err) {
		ln_error("relay: %s: cannot be updated on the disk: %s", m->id, strerror(-err));
		m->dirty = true;
		schedule(m, envelope_now() + TROUBLE_MS);
		return;
	}
	step_soon(m);
}

static void save(struct message *m)
{
	m->dirty = false;
	m->working = true;
	queue_work_save(m->queue->server, m->queue->spool, m, on_saved);
}

static bool any_pending(const struct message *m, int64_t *next)
{
	bool any = false;

	*next = INT64_MAX;
	for (unsigned int i = 0; i < m->envelope.n; i++) {
		const struct envelope_recipient *r = &m->envelope.recipient[i];

		if (r->state != ENVELOPE_PENDING)
			continue;
		any = true;
		if (r->next < *next)
			*next = r->next;
	}
	return any;
}

static bool any_report(const struct message *m, int64_t now)
{
	for (unsigned int i = 0; i < m->envelope.n; i++)
		for (int kind = REPORT_FAILED; kind <= REPORT_SUCCESS; kind++)
			if (wants_report(m, &m->envelope.recipient[i], kind, now))
				return true;
	return false;
}

/*
 * On the disk first what must not be done twice; then reports; then the next attempt, or the
 * end.
 */
static void step(struct message *m)
{
	struct queue *q = m->queue;
	int64_t now = envelope_now(), next;
	bool pending = any_pending(m, &next);

	if (m->working)
		return;
	/* What one server has taken is not to be sent again because another one is slow. */
	if (m->jobs) {
		if (m->dirty)
			save(m);
		return;
	}
	if (m->doomed || (!pending && !any_report(m, now))) {
		remove_message(m);
		return;
	}
	if (m->dirty) {
		save(m);
		return;
	}
	if (start_report(m, now))
		return;
	if (m->envelope.held || !pending || ln_server_stopping(q->server))
		return;
	if (next > now) {
		schedule(m, next);
		return;
	}
	delivery_add(q->delivery, m, now + SLACK_MS);
}

static void on_timer(uv_timer_t *timer)
{
	struct queue *q = timer->data;
	int64_t now = envelope_now();

	/* Those that come back at once wait for the next turn. */
	for (unsigned int n = q->n_heap; n && q->n_heap && q->heap[0]->due <= now; n--) {
		struct message *m = q->heap[0];

		heap_remove(q, m);
		step(m);
	}
	arm(q);
}

/* At the end of the process no timer is waited for. */
static void step_soon(struct message *m)
{
	if (ln_server_stopping(m->queue->server))
		step(m);
	else
		schedule(m, 0);
}

void queue_job_over(struct message *m)
{
	if (!--m->jobs || m->dirty)
		step_soon(m);
}

/* --- outcomes --- */

static int64_t back_off(const struct relay_setup *s, unsigned int attempts)
{
	unsigned int i = attempts ? attempts - 1 : 0;

	return s->retry[i < s->n_retries ? i : s->n_retries - 1];
}

static void defer(struct message *m, struct envelope_recipient *r, int64_t now)
{
	const struct relay_setup *s = m->queue->setup;
	int64_t expire = m->envelope.arrival + s->expire;

	if (now >= expire) {
		r->state = ENVELOPE_FAILED;
		/* RFC 3463, 3.5: what the last attempt met is in the reply. */
		strcpy(r->status, "4.4.7");
		m->queue->counts.failed++;
		return;
	}
	r->next = now + back_off(s, r->attempts);
	/* The last attempt is made when the time is over. */
	if (r->next > expire)
		r->next = expire;
	m->queue->counts.deferred++;
}

/**
 * queue_outcome() - what came of an attempt
 * @m: the message
 * @recipient: which of its recipients
 * @o: the outcome
 * @sent_as: its state when it is OUTCOME_SENT
 * @remote: the server that said so, or NULL: we did
 */
void queue_outcome(struct message *m, unsigned int recipient, const struct outcome *o,
		   enum envelope_state sent_as, const char *remote)
{
	static const char *const words[] = {
		[OUTCOME_OPEN] = "open",	 [OUTCOME_SENT] = "sent",
		[OUTCOME_DEFERRED] = "deferred", [OUTCOME_FAILED] = "failed",
		[OUTCOME_AGAIN] = "again",
	};
	struct envelope_recipient *r = &m->envelope.recipient[recipient];
	int64_t now = envelope_now();

	if (o->state == OUTCOME_OPEN || o->state == OUTCOME_AGAIN)
		return;
	r->attempts++;
	r->last = now;
	snprintf(r->status, sizeof(r->status), "%s", o->status);
	free(r->reply);
	free(r->remote);
	r->reply = o->reply ? strndup(o->reply, ENVELOPE_REPLY_MAX) : NULL;
	r->remote = remote ? strdup(remote) : NULL;
	m->dirty = true;
	if (o->state == OUTCOME_SENT) {
		r->state = sent_as;
		*(sent_as == ENVELOPE_DELIVERED ? &m->queue->counts.delivered :
						  &m->queue->counts.relayed) += 1;
	} else if (o->state == OUTCOME_FAILED) {
		r->state = ENVELOPE_FAILED;
		m->queue->counts.failed++;
	} else {
		defer(m, r, now);
	}
	ln_info("relay: %s: to=<%s> %s%s (%s) %s", m->id, r->address,
		r->state == ENVELOPE_FAILED && o->state == OUTCOME_DEFERRED ? "expired, " : "",
		words[o->state], r->status, r->reply ? r->reply : "");
}

/* --- taking messages in --- */

static bool make_room(struct queue *q)
{
	struct message **heap;

	if (q->n < q->room)
		return true;
	heap = realloc(q->heap, 2 * (q->room + 32) * sizeof(*heap));
	if (!heap)
		return false;
	q->heap = heap;
	q->room = 2 * (q->room + 32);
	return true;
}

void queue_take(struct queue *q, const char *id)
{
	struct message *m;
	const char *why;
	int err;

	if (!spool_id_valid(id) || queue_find(q, id) || ln_server_stopping(q->server))
		return;
	m = make_room(q) ? calloc(1, sizeof(*m)) : NULL;
	err = m ? spool_envelope(q->spool, id, &m->envelope, &why) : -ENOMEM;
	if (err == -EINVAL || err == -EBADMSG || err == -EFBIG) {
		ln_error("relay: %s: the file is damaged (%s): moved to bad/", id,
			 why ? why : "no envelope");
		spool_set_aside(q->spool, id);
	} else if (err && err != -ENOENT) {
		ln_error("relay: %s: cannot be read: %s", id, strerror(-err));
	}
	if (err) {
		free(m);
		return;
	}
	m->queue = q;
	m->at = -1;
	strcpy(m->id, id);
	if (!tsearch(m, &q->by_id, by_id)) {
		free_message(m);
		return;
	}
	q->n++;
	q->counts.taken++;
	schedule(m, 0);
}

static bool take_scanned(const char *id, void *data)
{
	queue_take(data, id);
	return true;
}

void queue_scan(struct queue *q)
{
	int err = spool_scan(q->spool, take_scanned, q);

	if (err)
		ln_error("relay: the queue's folder cannot be read: %s", strerror(-err));
}

static void on_rescan(uv_timer_t *timer)
{
	struct queue *q = timer->data;

	if (!ln_server_stopping(q->server))
		queue_scan(q);
}

/* --- the queue --- */

struct queue *queue_new(struct ln_server *server, const struct relay_setup *setup,
			struct spool *spool)
{
	struct queue *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	q->server = server;
	q->setup = setup;
	q->spool = spool;
	uv_timer_init(ln_server_loop(server), &q->timer);
	uv_timer_init(ln_server_loop(server), &q->rescan);
	q->timer.data = q->rescan.data = q;
	if (setup->rescan)
		uv_timer_start(&q->rescan, on_rescan, setup->rescan, setup->rescan);
	return q;
}

static void free_node(void *m)
{
	free_message(m);
}

void queue_free(struct queue *q)
{
	tdestroy(q->by_id, free_node);
	free(q->heap);
	free(q);
}

void queue_set_delivery(struct queue *q, struct delivery *d)
{
	q->delivery = d;
}

struct each {
	bool (*fn)(struct message *m, void *data);
	void *data;
	bool over;
};

static void visit(const void *node, VISIT which, void *closure)
{
	struct each *e = closure;

	if ((which == postorder || which == leaf) && !e->over)
		e->over = !e->fn(*(struct message *const *)node, e->data);
}

void queue_each(struct queue *q, bool (*fn)(struct message *m, void *data), void *data)
{
	struct each e = { .fn = fn, .data = data };

	twalk_r(q->by_id, visit, &e);
}

unsigned int queue_count(const struct queue *q)
{
	return q->n;
}

const struct queue_counts *queue_counts(const struct queue *q)
{
	return &q->counts;
}

const struct relay_setup *queue_setup(const struct queue *q)
{
	return q->setup;
}

struct spool *queue_spool(const struct queue *q)
{
	return q->spool;
}

/* --- for people --- */

/* RFC 1985, 5.2: "@" before a domain is for all below it, too. */
static bool in_domain(const char *address, const char *domain)
{
	const char *at = strrchr(address, '@');
	size_t a, d;

	if (!domain)
		return true;
	if (!at)
		return false;
	at++;
	if (*domain != '@')
		return mail_domain_equal(at, domain);
	domain++;
	a = strlen(at);
	d = strlen(domain);
	return mail_domain_equal(at, domain) ||
	       (a > d && at[a - d - 1] == '.' && mail_domain_equal(at + a - d, domain));
}

unsigned int queue_flush(struct queue *q, struct message *m, const char *domain)
{
	unsigned int n = 0;

	if (m->envelope.held || m->doomed)
		return 0;
	for (unsigned int i = 0; i < m->envelope.n; i++) {
		struct envelope_recipient *r = &m->envelope.recipient[i];

		if (r->state != ENVELOPE_PENDING || !in_domain(r->address, domain))
			continue;
		r->next = 0;
		n++;
	}
	if (n && !m->jobs && !m->working)
		schedule(m, 0);
	if (n)
		delivery_forget(q->delivery);
	return n;
}

void queue_hold(struct message *m, bool hold)
{
	if (m->envelope.held == hold)
		return;
	m->envelope.held = hold;
	m->dirty = true;
	if (!m->jobs && !m->working)
		schedule(m, 0);
}

void queue_delete(struct message *m)
{
	m->doomed = true;
	if (!m->jobs && !m->working)
		schedule(m, 0);
}
