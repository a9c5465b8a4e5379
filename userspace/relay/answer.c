// SPDX-License-Identifier: GPL-2.0-or-later
#include "answer.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../mail/address.h"

/* What a question is about. */
struct filter {
	const char *id, *sender, *recipient, *domain;
	bool all;
};

static json_t *error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static json_t *error(const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return json_pack("{sbss#}", "ok", 0, "error", text, (int)strlen(text));
}

/* --- messages as JSON --- */

static json_t *text_or_null(const char *s)
{
	json_t *j = s ? json_string(s) : NULL;

	return j ? j : json_null();
}

static json_t *recipient_json(const struct envelope_recipient *r)
{
	static const char *const states[] = {
		[ENVELOPE_PENDING] = "pending", [ENVELOPE_DELIVERED] = "delivered",
		[ENVELOPE_RELAYED] = "relayed", [ENVELOPE_PASSED] = "relayed",
		[ENVELOPE_FAILED] = "failed",
	};

	return json_pack("{sosososssisIsIsssoso}", "address", text_or_null(r->address), "user",
			 text_or_null(r->user), "original", text_or_null(r->original), "state",
			 states[r->state], "attempts", (int)r->attempts, "next",
			 (json_int_t)r->next, "last", (json_int_t)r->last, "status", r->status,
			 "reply", text_or_null(r->reply), "remote", text_or_null(r->remote));
}

static json_t *message_json(struct message *m)
{
	const struct envelope *e = &m->envelope;
	json_t *list = json_array();
	uint64_t size = 0;
	int fd = spool_text(queue_spool(m->queue), m->id, &size);

	if (fd >= 0)
		close(fd);
	for (unsigned int i = 0; i < e->n; i++)
		json_array_append_new(list, recipient_json(&e->recipient[i]));
	return json_pack("{sssosIsIsbsbsosbso}", "id", m->id, "sender", text_or_null(e->sender),
			 "arrival", (json_int_t)e->arrival, "size", (json_int_t)size, "held",
			 e->held, "active", m->jobs > 0 || m->working, "envid",
			 text_or_null(e->envid), "utf8", e->utf8, "recipients", list);
}

/* --- which messages --- */

static bool equal_address(const char *a, const char *b)
{
	struct mail_address x, y;

	if (mail_address_parse(&x, a, strlen(a), MAIL_ALLOW_UTF8) != MAIL_ADDRESS_GOOD ||
	    mail_address_parse(&y, b, strlen(b), MAIL_ALLOW_UTF8) != MAIL_ADDRESS_GOOD)
		return !strcmp(a, b);
	return mail_address_equal(&x, &y);
}

static bool matches_recipient(const struct envelope_recipient *r, const struct filter *f)
{
	const char *at = strrchr(r->address, '@');

	if (f->recipient && !equal_address(r->address, f->recipient))
		return false;
	return !f->domain || (at && mail_domain_equal(at + 1, f->domain));
}

static bool matches(const struct message *m, const struct filter *f)
{
	const struct envelope *e = &m->envelope;

	if (m->doomed)
		return false;
	if (f->sender && strcmp(f->sender, "<>") && !equal_address(e->sender, f->sender))
		return false;
	if (f->sender && !strcmp(f->sender, "<>") && *e->sender)
		return false;
	if (!f->recipient && !f->domain)
		return true;
	for (unsigned int i = 0; i < e->n; i++)
		if (e->recipient[i].state == ENVELOPE_PENDING &&
		    matches_recipient(&e->recipient[i], f))
			return true;
	return false;
}

static json_t *read_filter(struct queue *q, json_t *question, struct filter *f)
{
	json_error_t why;
	int all = 0;

	memset(f, 0, sizeof(*f));
	if (json_unpack_ex(question, &why, 0, "{s?s,s?s,s?s,s?s,s?b}", "id", &f->id, "sender",
			   &f->sender, "recipient", &f->recipient, "domain", &f->domain, "all",
			   &all))
		return error("%s", why.text);
	f->all = all;
	if (f->id && !queue_find(q, f->id))
		return error("there is no message %.40s in the queue", f->id);
	return NULL;
}

/* --- commands --- */

struct act {
	struct queue *queue;
	const struct filter *filter;
	const char *command;
	json_t *list;
	unsigned int n;
};

static bool list_one(struct message *m, void *data)
{
	struct act *a = data;

	if (matches(m, a->filter))
		json_array_append_new(a->list, message_json(m));
	return true;
}

static json_t *list(struct queue *q, const struct filter *f)
{
	struct act a = { .filter = f, .list = json_array() };

	if (f->id)
		list_one(queue_find(q, f->id), &a);
	else
		queue_each(q, list_one, &a);
	return json_pack("{sbso}", "ok", 1, "messages", a.list);
}

static bool act_on(struct message *m, void *data)
{
	struct act *a = data;

	if (!matches(m, a->filter))
		return true;
	if (!strcmp(a->command, "delete"))
		queue_delete(m);
	else
		queue_hold(m, !strcmp(a->command, "hold"));
	a->n++;
	return true;
}

/* "@DOMAIN" is for all below it, too, which queue_flush() knows. */
static bool flush_one(struct message *m, void *data)
{
	struct act *a = data;
	struct filter but_domain = *a->filter;

	but_domain.domain = NULL;
	if (matches(m, &but_domain))
		a->n += queue_flush(a->queue, m, a->filter->domain) > 0;
	return true;
}

static json_t *act(struct queue *q, const char *command, const struct filter *f)
{
	struct act a = { .queue = q, .filter = f, .command = command };
	bool (*one)(struct message * m, void *data) = strcmp(command, "flush") ? act_on : flush_one;

	if (!f->id && !f->sender && !f->recipient && !f->domain && !f->all)
		return error("%s needs id, sender, recipient, domain, or all", command);
	if (f->id)
		one(queue_find(q, f->id), &a);
	else
		queue_each(q, one, &a);
	return json_pack("{sbsi}", "ok", 1, "messages", (int)a.n);
}

static json_t *stats(struct queue *q, struct delivery *d)
{
	const struct queue_counts *c = queue_counts(q);

	return json_pack("{sbsisisIsIsIsIsIsIsI}", "ok", 1, "messages", (int)queue_count(q),
			 "sessions", (int)delivery_sessions(d), "taken", (json_int_t)c->taken,
			 "delivered", (json_int_t)c->delivered, "relayed", (json_int_t)c->relayed,
			 "failed", (json_int_t)c->failed, "deferred", (json_int_t)c->deferred,
			 "reports", (json_int_t)c->reports, "removed", (json_int_t)c->removed);
}

static json_t *answer(struct queue *q, struct delivery *d, json_t *question)
{
	const char *command = json_string_value(json_object_get(question, "command"));
	struct filter f;
	json_t *bad;

	if (!command)
		return error("a question is an object with \"command\"");
	bad = read_filter(q, question, &f);
	if (bad)
		return bad;
	if (!strcmp(command, "list"))
		return list(q, &f);
	if (!strcmp(command, "show"))
		return f.id ? list(q, &f) : error("show needs id");
	if (!strcmp(command, "stats"))
		return stats(q, d);
	if (!strcmp(command, "flush") || !strcmp(command, "hold") || !strcmp(command, "release") ||
	    !strcmp(command, "delete"))
		return act(q, command, &f);
	return error("there is no command %.40s: allowed are list, show, flush, hold, release, "
		     "delete and stats",
		     command);
}

/**
 * answer_line() - answer a question
 * @q: the queue
 * @d: who delivers
 * @line: the question
 * @len: its octets
 *
 * Return: a line, to be freed, or NULL: out of memory.
 */
char *answer_line(struct queue *q, struct delivery *d, const char *line, size_t len)
{
	json_error_t why;
	json_t *question = json_loadb(line, len, JSON_REJECT_DUPLICATES, &why), *reply;
	char *text, *out = NULL;

	reply = question ? answer(q, d, question) : error("that is no JSON: %s", why.text);
	json_decref(question);
	text = reply ? json_dumps(reply, JSON_COMPACT) : NULL;
	json_decref(reply);
	if (text && asprintf(&out, "%s\n", text) < 0)
		out = NULL;
	free(text);
	return out;
}
