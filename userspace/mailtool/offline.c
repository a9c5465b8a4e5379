// SPDX-License-Identifier: GPL-2.0-or-later
#include "offline.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../mail/spool.h"

struct listing {
	struct spool *spool;
	json_t *list;
};

static json_t *text_or_null(const char *s)
{
	json_t *j = s ? json_string(s) : NULL;

	return j ? j : json_null();
}

static json_t *recipients(const struct envelope *e)
{
	static const char *const states[] = {
		[ENVELOPE_PENDING] = "pending", [ENVELOPE_DELIVERED] = "delivered",
		[ENVELOPE_RELAYED] = "relayed", [ENVELOPE_PASSED] = "relayed",
		[ENVELOPE_FAILED] = "failed",
	};
	json_t *list = json_array();

	for (unsigned int i = 0; i < e->n; i++) {
		const struct envelope_recipient *r = &e->recipient[i];

		json_array_append_new(
			list, json_pack("{sosssisIsIsssoso}", "address", text_or_null(r->address),
					"state", states[r->state], "attempts", (int)r->attempts,
					"next", (json_int_t)r->next, "last", (json_int_t)r->last,
					"status", r->status, "reply", text_or_null(r->reply),
					"remote", text_or_null(r->remote)));
	}
	return list;
}

static bool add(const char *id, void *data)
{
	struct listing *l = data;
	struct envelope e;
	const char *why;
	uint64_t size = 0;
	int fd;

	if (spool_envelope(l->spool, id, &e, &why))
		return true;
	fd = spool_text(l->spool, id, &size);
	if (fd >= 0)
		close(fd);
	json_array_append_new(
		l->list, json_pack("{sssosIsIsbsbso}", "id", id, "sender", text_or_null(e.sender),
				   "arrival", (json_int_t)e.arrival, "size", (json_int_t)size,
				   "held", e.held, "active", 0, "recipients", recipients(&e)));
	envelope_clear(&e);
	return true;
}

json_t *offline_list(const char *queue)
{
	struct listing l = { .spool = spool_open(queue), .list = json_array() };

	if (!l.spool) {
		json_decref(l.list);
		return NULL;
	}
	spool_scan(l.spool, add, &l);
	spool_close(l.spool);
	return json_pack("{sbso}", "ok", 1, "messages", l.list);
}
