// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Health and load of members, asked by the keeper: a connection, or a GET request over it.
 */
#include <errno.h>
#include <linux/linnet.h>
#include <llhttp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "internal.h"
#include "load.h"

/* Octets of a response with its header. */
#define RESPONSE_MAX	(LOAD_TEXT_MAX + 16384)
/* The first check of each is soon, but not of all at once. */
#define FIRST_MAX_MS	200

/**
 * struct asker - one member that is asked again and again, for its health or its load
 * @health: whose
 * @name: of which name
 * @index: the member's
 * @probe: how
 * @is_load: its load, not its health
 * @timer: until the next time
 * @conn: the connection, or NULL
 * @over: it came to a result
 * @parser: of the response
 * @settings: its callbacks
 * @received: octets of the response
 * @body, @body_len: of a load
 * @complete: the response ended
 * @run: checks in a row with the same result
 * @run_good: which
 * @told: that the load cannot be read was logged
 * @why: room for words
 */
struct asker {
	struct balance_health *health;
	const struct balance_name *name;
	unsigned int index;
	const struct balance_probe *probe;
	bool is_load;
	uv_timer_t timer;
	struct ln_conn *conn;
	bool over;
	llhttp_t parser;
	llhttp_settings_t settings;
	size_t received;
	char *body;
	size_t body_len;
	bool complete;
	unsigned int run;
	bool run_good;
	bool told;
	char why[96];
};

struct balance_health {
	struct ln_server *server;
	struct asker *asker;
	unsigned int count, open;
};

static struct balance_shared_member *shared(const struct asker *a)
{
	return &a->name->shared->member[a->index];
}

static const char *transport(const struct asker *a)
{
	return a->probe->protocol == IPPROTO_LINNET ? "linnet" : "tcp";
}

/* --- results --- */

/* The first check decides alone; later ones have to agree. */
static void judge(struct asker *a, bool good, const char *why)
{
	struct balance_shared_member *m = shared(a);
	unsigned int was = m->state, needed = good ? a->name->rise : a->name->fall;
	unsigned int now = good ? BALANCE_UP : BALANCE_DOWN;

	if (good)
		m->good++;
	else
		m->bad++;
	a->run = good == a->run_good ? a->run + 1 : 1;
	a->run_good = good;
	if (was == now || (was != BALANCE_UNTRIED && a->run < needed))
		return;
	m->state = now;
	if (was != BALANCE_UNTRIED)
		m->changes++;
	if (good)
		ln_notice("balance %s: member %s is up", a->name->text,
			  a->name->member[a->index].text);
	else
		ln_warning("balance %s: member %s is down: port %u (%s): %s", a->name->text,
			   a->name->member[a->index].text, a->probe->port, transport(a), why);
}

static void read_load(struct asker *a, bool good, const char *why)
{
	struct balance_shared_member *m = shared(a);
	uint64_t milli;

	if (good && load_read(a->body, a->body_len, a->name->metric, &milli, &why))
		good = false;
	if (good) {
		m->load = milli;
		m->load_at = balance_now();
		m->given = 0;
	} else if (!a->told) {
		ln_warning("balance %s: the load of member %s cannot be read: port %u (%s): %s",
			   a->name->text, a->name->member[a->index].text, a->probe->port,
			   transport(a), why);
	}
	a->told = !good;
}

static void again(struct asker *a);

static void result(struct asker *a, bool good, const char *why)
{
	if (a->over)
		return;
	a->over = true;
	if (a->is_load)
		read_load(a, good, why);
	else
		judge(a, good, why);
	a->body_len = 0;
	again(a);
}

/* --- the response --- */

static int on_body(llhttp_t *parser, const char *data, size_t len)
{
	struct asker *a = parser->data;

	if (!a->is_load)
		return 0;
	if (len > LOAD_TEXT_MAX - a->body_len)
		return -1;
	if (!a->body)
		a->body = malloc(LOAD_TEXT_MAX);
	if (!a->body)
		return -1;
	memcpy(a->body + a->body_len, data, len);
	a->body_len += len;
	return 0;
}

static int on_complete(llhttp_t *parser)
{
	struct asker *a = parser->data;

	/* 103 and the like: the response is still to come. */
	if (parser->status_code >= 200)
		a->complete = true;
	return 0;
}

static void answered(struct asker *a)
{
	unsigned int status = a->parser.status_code;

	snprintf(a->why, sizeof(a->why), "status %u", status);
	result(a, status >= a->probe->status_low && status <= a->probe->status_high, a->why);
}

static void conn_input(struct ln_conn *c)
{
	struct asker *a = ln_conn_data(c);
	size_t len;
	const char *data = ln_conn_input(c, &len);
	llhttp_errno_t err = HPE_OK;

	a->received += len;
	if (a->received > RESPONSE_MAX) {
		result(a, false, "the response is too long");
		ln_conn_close(c);
		return;
	}
	if (len)
		err = llhttp_execute(&a->parser, data, len);
	ln_conn_consume(c, len);
	if (err == HPE_OK && !a->complete && ln_conn_eof(c))
		err = llhttp_finish(&a->parser);
	if (a->complete)
		answered(a);
	else if (err == HPE_USER)
		result(a, false, "the response is too long");
	else if (err != HPE_OK || ln_conn_eof(c))
		result(a, false, "the response is not HTTP, or breaks off");
	else
		return;
	ln_conn_close(c);
}

/* --- the connection --- */

static void conn_open(struct ln_conn *c)
{
	struct asker *a = ln_conn_data(c);

	if (!a->probe->path) {
		result(a, true, NULL);
		ln_conn_close(c);
		return;
	}
	ln_conn_printf(c, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: linnet-dnsd\r\n"
			  "Accept: */*\r\nConnection: close\r\n\r\n",
		       a->probe->path, a->probe->host);
}

static void conn_close(struct ln_conn *c)
{
	struct asker *a = ln_conn_data(c);
	int err = ln_conn_error(c);

	a->conn = NULL;
	result(a, false, err ? strerror(err) : "the connection was closed");
}

static void conn_stop(struct ln_conn *c)
{
	struct asker *a = ln_conn_data(c);

	a->over = true;
	ln_conn_close(c);
}

static const struct ln_proto proto = {
	.input_max = 65536,
	.output_max = 4096,
	.open = conn_open,
	.input = conn_input,
	.stop = conn_stop,
	.close = conn_close,
};

/* One timer for both: until the time-out, and until the next check. */
static void timed_out(uv_timer_t *timer)
{
	struct asker *a = timer->data;

	result(a, false, "no answer in time");
	if (a->conn)
		ln_conn_close(a->conn);
}

static void remote_of(const struct asker *a, struct ln_remote *r)
{
	const struct balance_member *m = &a->name->member[a->index];

	*r = (struct ln_remote){ .protocol = a->probe->protocol,
				 .connect_ms = a->name->timeout_ms };
	if (m->family == 1) {
		r->addr.in.sin_family = AF_INET;
		r->addr.in.sin_port = htons(a->probe->port);
		memcpy(&r->addr.in.sin_addr, m->address, 4);
	} else {
		r->addr.in6.sin6_family = AF_INET6;
		r->addr.in6.sin6_port = htons(a->probe->port);
		memcpy(&r->addr.in6.sin6_addr, m->address, 16);
	}
}

static void ask(uv_timer_t *timer)
{
	struct asker *a = timer->data;
	struct ln_remote remote;

	/* What was given up is still on its way out: next time. */
	if (a->conn) {
		again(a);
		return;
	}
	a->over = a->complete = false;
	a->received = a->body_len = 0;
	llhttp_init(&a->parser, HTTP_RESPONSE, &a->settings);
	a->parser.data = a;
	uv_timer_start(&a->timer, timed_out, a->name->timeout_ms, 0);
	remote_of(a, &remote);
	a->conn = ln_connect(a->health->server, &remote, &proto, a);
	if (!a->conn)
		result(a, false, strerror(errno));
}

/* --- when --- */

static uint64_t random_below(uint64_t limit)
{
	uint64_t r = 0;

	if (getrandom(&r, sizeof(r), GRND_NONBLOCK) != (ssize_t)sizeof(r))
		r = balance_now() * 2654435761;
	return limit ? r % limit : 0;
}

static void again(struct asker *a)
{
	uint64_t ms = a->name->interval_ms, spread = ms * a->name->jitter / 100;

	uv_timer_start(&a->timer, ask, ms - spread + random_below(2 * spread + 1), 0);
}

static void add(struct balance_health *h, const struct balance_name *n, unsigned int index,
		bool is_load)
{
	struct asker *a = &h->asker[h->count++];

	*a = (struct asker){ .health = h, .name = n, .index = index, .is_load = is_load,
			     .probe = is_load ? &n->load : &n->check };
	llhttp_settings_init(&a->settings);
	a->settings.on_body = on_body;
	a->settings.on_message_complete = on_complete;
	uv_timer_init(ln_server_loop(h->server), &a->timer);
	a->timer.data = a;
	h->open++;
	uv_timer_start(&a->timer, ask, random_below(n->interval_ms < FIRST_MAX_MS ?
						    n->interval_ms : FIRST_MAX_MS), 0);
	/* It keeps no keeper alive that is ending. */
	uv_unref((uv_handle_t *)&a->timer);
}

struct balance_health *balance_health_start(const struct setup *s, struct ln_server *server)
{
	const struct balance_setup *b = s->balance;
	struct balance_health *h;
	unsigned int n = 0;

	for (unsigned int i = 0; b && i < b->n_names; i++)
		n += b->name[i].n_members * (b->name[i].checked + b->name[i].loaded);
	if (!n)
		return NULL;
	h = calloc(1, sizeof(*h));
	if (h)
		h->asker = calloc(n, sizeof(*h->asker));
	if (!h || !h->asker) {
		free(h);
		ln_error("out of memory: members are not checked");
		return NULL;
	}
	h->server = server;
	for (unsigned int i = 0; i < b->n_names; i++)
		for (unsigned int k = 0; k < b->name[i].n_members; k++) {
			if (b->name[i].checked)
				add(h, &b->name[i], k, false);
			if (b->name[i].loaded)
				add(h, &b->name[i], k, true);
		}
	return h;
}

static void timer_closed(uv_handle_t *handle)
{
	struct asker *a = handle->data;
	struct balance_health *h = a->health;

	free(a->body);
	if (--h->open)
		return;
	free(h->asker);
	free(h);
}

void balance_health_stop(struct balance_health *h)
{
	for (unsigned int i = 0, n = h ? h->count : 0; i < n; i++) {
		struct asker *a = &h->asker[i];

		a->over = true;
		if (a->conn)
			ln_conn_close(a->conn);
		uv_close((uv_handle_t *)&a->timer, timer_closed);
	}
}
