// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Playing a script: each event at its time, what the kernel sends compared with
 * what it should send, in order. A time is relative to the event before; after a
 * segment of the kernel, to when that really came.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "packet.h"

#define MTU		1500
#define ANY_TIME	20000000	/* us that "*" waits */
#define CALL_TIME	100000		/* us that a call which does not block may take */
#define MAX_TRACE	4000

struct flow flows[MAX_FLOWS];
uint32_t peer_isn = 0x5eed0000;
uint8_t cookie[16];
int cookie_len;

static int tun = -1;
static int64_t started;		/* ns */
static int64_t last;		/* when the last event was, us */
static struct packet *queue_first, *queue_last;
static char *trace[MAX_TRACE];
static int n_trace;

static const struct event *pending;	/* the call that blocks */
static int64_t pending_begun;

static int64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* Since the script began */
int64_t now_us(void)
{
	return (clock_ns() - started) / 1000;
}

/* --- what happened, for who has to find out why --- */

static void note(int64_t when, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void note(int64_t when, const char *format, ...)
{
	char text[1024];
	va_list args;
	int n;

	n = snprintf(text, sizeof(text), "%9.4f ", when / 1e6);
	va_start(args, format);
	vsnprintf(text + n, sizeof(text) - n, format, args);
	va_end(args);
	if (verbose)
		printf("%s\n", text);
	if (n_trace < MAX_TRACE)
		trace[n_trace++] = strdup(text);
}

static void end_case(int status) __attribute__((noreturn));

static void end_case(int status)
{
	fflush(stdout);
	_exit(status);
}

static void reset_leftovers(void);

void fail_at(const struct line *line, const char *format, ...)
{
	va_list args;
	int i;

	for (i = 0; i < n_trace && !verbose; i++)
		printf("  %s\n", trace[i]);
	if (line)
		printf("%s:%d: %s\n", line->file, line->number, line->text);
	va_start(args, format);
	printf("    ");
	vprintf(format, args);
	printf("\n");
	va_end(args);
	reset_leftovers();
	end_case(1);
}

/* --- what the kernel sends --- */

static int flow_find(const struct packet *p)
{
	int i;

	for (i = 0; i < MAX_FLOWS; i++)
		if (flows[i].used && flows[i].here == p->sport && flows[i].there == p->dport)
			return i;
	/* our own connect() chose a port */
	i = p->dport - PORT_SERVER;
	if (i >= 0 && i < MAX_FLOWS && p->flags & FLAG_SYN &&
	    (!flows[i].used || !flows[i].here)) {
		flows[i].used = true;
		flows[i].active = true;
		flows[i].here = p->sport;
		flows[i].there = p->dport;
		flows[i].isn_there = peer_isn;
		return i;
	}
	return -1;
}

static void learn(struct packet *p)
{
	struct flow *f;
	int i;

	p->flow = flow_find(p);
	if (p->flow < 0)
		return;
	f = &flows[p->flow];
	p->id_step = p->id - f->id_last;
	f->id_last = p->id;
	if (p->flags & FLAG_SYN && !f->isn_known) {
		f->isn_known = true;
		f->isn_here = p->seq;
	}
	if (p->flags & FLAG_ACK) {
		f->ack_last = p->ack;
		f->ack_known = true;
	}
	for (i = 0; i < p->n_options; i++) {
		const struct option *o = &p->option[i];

		if (o->raw)
			continue;
		if (o->kind == OPT_TS) {
			f->ts_last = o->a.low;
		} else if ((o->kind == OPT_FO || o->kind == OPT_EXP) && o->len) {
			/* it serves every connection between the two hosts */
			memcpy(cookie, o->data, o->len);
			cookie_len = o->len;
		}
	}
}

static void packet_show(const struct packet *p)
{
	char text[800];

	packet_print(text, sizeof(text), p);
	note(p->time, "> %s", text);
}

/* Read all that has been sent so far */
static void drain(void)
{
	static uint8_t buf[MAX_PACKET];

	for (;;) {
		bool partial;
		int gso;
		ssize_t n = net_read(tun, buf, sizeof(buf), &gso, &partial);
		struct packet *p;
		const char *bad;
		uint8_t *copy;

		if (n <= 0)
			return;
		copy = malloc(n);
		memcpy(copy, buf, n);
		p = calloc(1, sizeof(*p));
		bad = wire_parse(copy, n, partial, p);
		p->gso = gso;
		p->time = now_us();
		if (bad && !*bad) {
			free(copy);
			free(p);
			continue;
		}
		if (bad)
			fail_at(NULL, "the kernel sent a packet in which %s", bad);
		learn(p);
		packet_show(p);
		if (queue_last)
			queue_last->next = p;
		else
			queue_first = p;
		queue_last = p;
	}
}

static void wait_until(int64_t us, bool for_packet)
{
	for (;;) {
		int64_t left = us - now_us();
		struct pollfd p = { .fd = tun, .events = POLLIN };
		/* poll() may be late by a thousandth */
		int64_t nap = left - left / 512;
		struct timespec t = { nap / 1000000, nap % 1000000 * 1000 };

		drain();
		if (left <= 0 || (for_packet && queue_first))
			return;
		ppoll(&p, 1, &t, NULL);
	}
}

static struct packet *packet_take(void)
{
	struct packet *p = queue_first;

	if (p) {
		queue_first = p->next;
		if (!queue_first)
			queue_last = NULL;
	}
	return p;
}

/* --- time --- */

/* How late something that is due after so many us may be. A timer of the
 * kernel's wheel is late by an eighth of its length at most, and by a tick. What
 * a slow kernel does takes longer even where time is exact.
 */
static int64_t tolerance(int64_t wait)
{
	return 9000 + wait / 8 +
	       (exact_time ? 1000 * (time_factor - 1) : 150000 * time_factor);
}

static int64_t early(void)
{
	return exact_time ? 5000 : 20000;
}

static int64_t due(const struct event *e, int64_t t)
{
	return e->from_start ? t : last + t;
}

static void check_time(const struct event *e, int64_t when)
{
	int64_t from = due(e, e->from), to = due(e, e->to), base = e->from_start ? 0 : last;

	if (e->any_time)
		return;
	if (when < from - early())
		fail_at(e->line, "it came after %.4f s, that is %.4f s too early",
			(when - base) / 1e6, (from - when) / 1e6);
	/* a range says exactly how late */
	if (when > to + tolerance(e->range ? 0 : to - last))
		fail_at(e->line, "it came after %.4f s, that is %.4f s too late",
			(when - base) / 1e6, (when - to) / 1e6);
}

/* --- events --- */

static void flow_use(const struct event *e)
{
	struct flow *f = &flows[e->spec.flow];

	if (f->used)
		return;
	f->used = true;
	f->here = PORT_LISTEN;
	f->there = PORT_PEER + e->spec.flow;
	f->isn_there = peer_isn;
}

static void play_inject(const struct event *e)
{
	static uint8_t buf[MAX_PACKET + 256];
	int len;

	flow_use(e);
	/* what was sent until now, in its place in the trace */
	drain();
	note(now_us(), "< %s", strchr(e->line->text, '<') + 2);
	len = wire_build(&e->spec, buf);
	if (len < 0)
		fail_at(e->line, "the options take more than 40 octets");
	if (!net_write(tun, buf, len))
		fail_at(e->line, "the device does not take it: %s", strerror(errno));
	drain();
}

static void play_expect(const struct event *e)
{
	int64_t limit = e->any_time ? now_us() + ANY_TIME :
			due(e, e->to) + tolerance(e->range ? 0 : due(e, e->to) - last);
	struct packet *p;
	const char *problem;
	char text[800];

	wait_until(limit, true);
	p = packet_take();
	if (!p)
		fail_at(e->line, "it does not come");
	problem = spec_compare(&e->spec, p);
	if (problem) {
		char why[512];

		snprintf(why, sizeof(why), "%s", problem);
		packet_print(text, sizeof(text), p);
		fail_at(e->line, "%s; what came at %.4f is\n    %s", why, p->time / 1e6, text);
	}
	check_time(e, p->time);
	last = p->time;
}

static void nothing_left(const struct event *e)
{
	struct packet *p = queue_first;
	char text[800];

	if (!p)
		return;
	packet_print(text, sizeof(text), p);
	fail_at(e ? e->line : NULL, "not expected%s: at %.4f\n    %s",
		e ? "" : " at the end of the script", p->time / 1e6, text);
}

/* The call that blocks: has it ended as it should? Waits for that. */
static void settle_pending(void)
{
	const struct event *e = pending;
	int64_t base = pending_begun, limit, when;
	char wrong[512];

	if (!e)
		return;
	limit = base + e->end_to + tolerance(e->end_to);
	while (!call_done(&when, wrong, sizeof(wrong)) && now_us() < limit) {
		drain();
		call_wait(2000);
	}
	if (!call_done(&when, wrong, sizeof(wrong)))
		fail_at(e->line, "the call has not ended after %.4f s", (now_us() - base) / 1e6);
	note(when, "... %s() has ended", e->call.name);
	if (*wrong)
		fail_at(e->line, "%s", wrong);
	if (when < base + e->end_from - early())
		fail_at(e->line, "the call ended after %.4f s: too early", (when - base) / 1e6);
	if (when > limit)
		fail_at(e->line, "the call ended after %.4f s: too late", (when - base) / 1e6);
	pending = NULL;
}

static void play_call(const struct event *e)
{
	int64_t when;
	char wrong[512];

	settle_pending();
	drain();
	note(now_us(), "%s()", e->call.name);
	call_start(&e->call);
	if (e->blocks) {
		pending = e;
		pending_begun = last;
		/* let it begin before what comes next */
		call_wait(200);
		return;
	}
	if (!call_wait((exact_time ? CALL_TIME : CALL_TIME * 50) * time_factor))
		fail_at(e->line, "the call blocks");
	call_done(&when, wrong, sizeof(wrong));
	if (*wrong)
		fail_at(e->line, "%s", wrong);
	drain();
}

static void play_sysctl(const struct event *e)
{
	char name[128];
	const char *value = strchr(e->text, '='), *problem;

	if (!value)
		fail_at(e->line, "sysctl NAME=VALUE");
	snprintf(name, sizeof(name), "%.*s", (int)(value - e->text), e->text);
	problem = net_sysctl(name, value + 1);
	if (problem && !e->value)
		fail_at(e->line, "%s", problem);
}

static void play_shell(const struct event *e)
{
	if (system(e->text))
		fail_at(e->line, "the command fails");
}

/* Ports and numbers are learned anew: the next connection between the same
 * two ends
 */
static void play_forget(const struct event *e)
{
	struct flow *f = &flows[e->value % MAX_FLOWS];

	f->isn_known = false;
	f->ts_known = false;
	if (f->active)
		f->here = 0;
}

/* What changes the scene takes no time of the script's */
static void play_setting(const struct event *e)
{
	int64_t begun = clock_ns();

	switch (e->kind) {
	case EVENT_SYSCTL:
		play_sysctl(e);
		break;
	case EVENT_MTU:
		net_mtu(e->value);
		break;
	case EVENT_SHELL:
		play_shell(e);
		break;
	case EVENT_FORGET:
		play_forget(e);
		break;
	case EVENT_ISN:
		peer_isn = e->value;
		break;
	default:
		break;
	}
	started += clock_ns() - begun;
}

static void play_event(const struct event *e)
{
	if (e->kind == EVENT_EXPECT) {
		play_expect(e);
		return;
	}
	if (!e->any_time) {
		wait_until(due(e, e->from), false);
		last = due(e, e->from);
	}
	switch (e->kind) {
	case EVENT_INJECT:
		play_inject(e);
		break;
	case EVENT_CALL:
		play_call(e);
		break;
	case EVENT_QUIET:
		drain();
		nothing_left(e);
		break;
	default:
		play_setting(e);
	}
}

/* Nothing of a script is to live on: close, and reset what was closed before */
static void reset_leftovers(void)
{
	uint8_t buf[256];
	bool partial;
	int i, gso;

	call_cleanup();
	if (tun < 0)
		return;
	while (net_read(tun, buf, sizeof(buf), &gso, &partial) > 0)
		;
	for (i = 0; i < MAX_FLOWS; i++) {
		if (!flows[i].used || !flows[i].ack_known)
			continue;
		if (!net_write(tun, buf, wire_reset(&flows[i], buf)))
			break;
	}
}

/**
 * play() - play a script
 * @lines: its lines
 *
 * Returns only when all is as the script says.
 */
void play(const struct lines *lines)
{
	struct event *events = calloc(lines->n + 1, sizeof(*events));
	bool veth = false;
	int i;

	signal(SIGPIPE, SIG_IGN);
	for (i = 0; i < lines->n; i++) {
		event_parse(&lines->line[i], &events[i]);
		veth |= events[i].kind == EVENT_VETH;
	}
	tun = net_setup(MTU, veth);
	/* The namespace of the case before is still being taken down, which takes
	 * the processor for many milliseconds; waiting costs nothing here
	 */
	if (exact_time)
		usleep(500000);
	started = clock_ns();
	for (i = 0; i < lines->n; i++)
		play_event(&events[i]);
	settle_pending();
	drain();
	nothing_left(NULL);
	reset_leftovers();
}
