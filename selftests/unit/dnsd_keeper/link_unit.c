// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A worker's end of the connection to the keeper: what is sent has somebody who waits for
 * the answer, and whoever waits gets one.
 */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "keeper-link.h"
#include "keeper/message.h"
#include "log.h"
#include "unit.h"

static struct worker worker;
static struct setup setup;
static struct query original;
static uint8_t wire[64], out[64];
static bool no_memory;
static unsigned int n_deferred, n_answered, n_errors;
static int keeper = -1, listener = -1;
static uv_timer_t alive;	/* a worker's loop has other things to wait for */

/* --- what a worker has around it --- */

uv_loop_t *ln_server_loop(struct ln_server *s)
{
	(void)s;
	return uv_default_loop();
}

struct query *query_defer(struct query *q)
{
	struct query *copy = no_memory ? NULL : malloc(sizeof(*copy));

	if (!copy)
		return NULL;
	*copy = *q;
	n_deferred++;
	return copy;
}

void response_error(struct query *q, uint16_t rcode, int ede, const char *text)
{
	(void)ede;
	(void)text;
	q->rcode = rcode;
	n_errors++;
}

void query_reply(struct query *q)
{
	n_answered++;
	free(q);
}

void query_reply_raw(struct query *q)
{
	query_reply(q);
}

static char folder[] = "/tmp/link_unit.XXXXXX";

static void on_alive(uv_timer_t *timer)
{
	(void)timer;
}

static void begin(void)
{
	no_memory = false;
	n_deferred = n_answered = n_errors = 0;
	worker.setup = &setup;
	setup.state = folder;
	original = (struct query){
		.worker = &worker, .setup = &setup, .transport = DNS_UDP, .wire = wire,
		.len = sizeof(wire), .out = out,
	};
	uv_timer_init(uv_default_loop(), &alive);
	uv_timer_start(&alive, on_alive, 3600000, 0);
	listener = keeper_link_listen(folder, NULL);
	EXPECT(listener >= 0 && !keeper_link_start(&worker), "start");
	keeper = accept(listener, NULL, NULL);
	EXPECT(keeper >= 0, "no connection");
}

static void end(void)
{
	keeper_link_stop(&worker);
	uv_timer_stop(&alive);
	uv_run(uv_default_loop(), UV_RUN_NOWAIT);
	close(keeper);
	close(listener);
}

static union {
	struct keeper_message message;
	uint8_t octets[sizeof(struct keeper_message) + KEEPER_WIRE_MAX];
} packet;

/* Octets of what the keeper has got, or 0. */
static size_t received(void)
{
	ssize_t n = recv(keeper, &packet, sizeof(packet), MSG_DONTWAIT);

	return n < 0 ? 0 : n;
}

static void reply(uint32_t id)
{
	packet.message.id = id;
	packet.message.version = KEEPER_VERSION;
	packet.message.len = 12;
	if (send(keeper, &packet, offsetof(struct keeper_message, wire) + 12, 0) < 0)
		abort();
	uv_run(uv_default_loop(), UV_RUN_NOWAIT);
}

/* --- */

static void test_answer(void)
{
	uint32_t id;

	begin();
	EXPECT(keeper_link_forward(&original) == QUERY_LATER, "verdict");
	EXPECT(received() == offsetof(struct keeper_message, wire) + sizeof(wire), "octets");
	id = packet.message.id;
	reply(id + 1);
	reply(id + 1024);
	EXPECT(!n_answered, "by a reply to another");
	reply(id);
	EXPECT(n_answered == 1 && !n_errors, "%u answers, %u errors", n_answered, n_errors);
	reply(id);
	EXPECT(n_answered == 1, "twice");
	end();
}

/* An update that the keeper does must not be answered with SERVFAIL here. */
static void test_no_room(void)
{
	begin();
	no_memory = true;
	EXPECT(keeper_link_forward(&original) == QUERY_REPLY && n_errors == 1 &&
	       original.rcode == KNOT_RCODE_SERVFAIL, "no SERVFAIL");
	EXPECT(!received(), "the keeper has got it nevertheless");
	end();
}

static void test_many(void)
{
	unsigned int later = 0, got = 0;

	begin();
	for (int i = 0; i < 2000; i++)
		later += keeper_link_forward(&original) == QUERY_LATER;
	while (received())
		got++;
	/* Those that could not be sent were answered at once. */
	EXPECT(later == n_deferred && got == later - n_answered, "%u later, %u sent, %u answered",
	       later, got, n_answered);
	EXPECT(got >= 64 && got <= 1024, "%u under way", got);
	end();
	EXPECT(n_answered == n_deferred, "%u of %u got an answer", n_answered, n_deferred);
}

static void test_keeper_gone(void)
{
	begin();
	EXPECT(keeper_link_forward(&original) == QUERY_LATER, "verdict");
	close(keeper);
	/* Before it is noticed: the send fails. */
	EXPECT(keeper_link_forward(&original) == QUERY_LATER && n_answered == 1, "%u answers",
	       n_answered);
	uv_run(uv_default_loop(), UV_RUN_NOWAIT);
	EXPECT(n_answered == 2 && n_errors == 2, "%u answers", n_answered);
	/* The next keeper has the same socket. */
	EXPECT(keeper_link_forward(&original) == QUERY_LATER && n_answered == 2, "the next");
	keeper = accept(listener, NULL, NULL);
	EXPECT(received(), "the next keeper has got nothing");
	end();
	EXPECT(n_answered == n_deferred, "%u of %u got an answer", n_answered, n_deferred);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{ "a reply goes to who asked, once", test_answer },
		{ "what nobody can wait for is not sent", test_no_room },
		{ "more than can be under way: each has an answer", test_many },
		{ "the keeper is gone: SERVFAIL, and the next one is asked", test_keeper_gone },
	};
	int failures;

	if (!mkdtemp(folder))
		return 1;
	ln_log_level(LN_ERROR);
	failures = UNIT_MAIN(tests);
	if (chdir(folder) || unlink(KEEPER_SOCKET) || rmdir(folder))
		return 1;
	return failures;
}
