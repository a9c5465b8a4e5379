// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The ladder on paper: a rung for each segment, time on the left, the state of
 * each side where it changes, as in the figures of RFC 9293.
 */
#include "rungs.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <langinfo.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TIME_WIDTH	10
#define STATE_WIDTH	12	/* SYN-RECEIVED */
/* time, blank, state, blank, rail; rail, blank, state */
#define FRAME_WIDTH	(TIME_WIDTH + 1 + STATE_WIDTH + 1 + 1 + 1 + 1 + STATE_WIDTH)
#define ARROW_MIN	6	/* columns of a line that are not text */
#define HEAD		4	/* segments shown after the handshake */
#define NS_PER_US	1000

struct glyphs {
	const char *rail, *line, *left, *right, *gap;
};

static const struct glyphs unicode = { "│", "─", "◀", "▶", "⋮" };
static const struct glyphs ascii = { "|", "-", "<", ">", ":" };

static const struct glyphs *glyphs(const struct rungs *r)
{
	return r->utf8 ? &unicode : &ascii;
}

struct text {
	char s[512];
	size_t len;
};

static void __attribute__((format(printf, 2, 3))) add(struct text *t, const char *format, ...)
{
	va_list ap;
	int n;

	if (t->len && t->len + 1 < sizeof(t->s)) {
		t->s[t->len++] = ' ';
		t->s[t->len] = 0;
	}
	va_start(ap, format);
	n = vsnprintf(t->s + t->len, sizeof(t->s) - t->len, format, ap);
	va_end(ap);
	if (n > 0)
		t->len += (size_t)n < sizeof(t->s) - t->len ? (size_t)n : sizeof(t->s) - 1 - t->len;
}

static void repeat(const char *glyph, int n)
{
	while (n-- > 0)
		fputs(glyph, stdout);
}

/* 11204 as 11,204 */
static const char *grouped(uint64_t n, char *buf, size_t size)
{
	char digits[24];
	size_t len = (size_t)snprintf(digits, sizeof(digits), "%" PRIu64, n), at = 0;

	for (size_t i = 0; i < len && at + 2 < size; i++) {
		buf[at++] = digits[i];
		if (i + 1 < len && (len - i - 1) % 3 == 0)
			buf[at++] = ',';
	}
	buf[at] = 0;
	return buf;
}

static const char *bytes(int64_t n, char *buf, size_t size)
{
	if (n < 1024)
		snprintf(buf, size, "%" PRId64 " B", n);
	else if (n < 1024 * 1024)
		snprintf(buf, size, "%.1f KB", (double)n / 1024);
	else
		snprintf(buf, size, "%.1f MB", (double)n / (1024 * 1024));
	return buf;
}

static void show_time(int64_t ns)
{
	int64_t us = ns / NS_PER_US;

	printf("%s%*" PRId64 ".%03" PRId64 " ", us < 0 ? "-" : "", TIME_WIDTH - 4 - (us < 0),
	       (us < 0 ? -us : us) / 1000, (us < 0 ? -us : us) % 1000);
}

static void flag_names(uint8_t flags, char *buf, size_t size)
{
	static const struct {
		uint8_t flag;
		const char *name;
	} names[] = {
		{ FLAG_SYN, "SYN" }, { FLAG_FIN, "FIN" }, { FLAG_RST, "RST" }, { FLAG_PSH, "PSH" },
		{ FLAG_URG, "URG" }, { FLAG_ECE, "ECE" }, { FLAG_CWR, "CWR" }, { FLAG_ACK, "ACK" },
	};
	size_t len = 0;

	*buf = 0;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names) && len < size; i++)
		if (flags & names[i].flag)
			len += (size_t)snprintf(buf + len, size - len, "%s%s", len ? "," : "",
						names[i].name);
	if (!*buf)
		snprintf(buf, size, "no flags");
}

static void describe(const struct conversation *c, const struct segment *s, const struct event *e,
		     struct text *t)
{
	char flags[48];

	flag_names(s->flags, flags, sizeof(flags));
	add(t, "%s", flags);
	add(t, "seq=%" PRId64, e->seq);
	if (s->flags & FLAG_ACK)
		add(t, "ack=%" PRId64, e->ack);
	if (s->len)
		add(t, "len=%" PRIu32, s->len);
	if (!(s->flags & FLAG_RST))
		add(t, "win=%" PRId64, e->window);
	if (s->flags & FLAG_SYN) {
		if (s->mss)
			add(t, "mss=%u", s->mss);
		if (s->wscale >= 0)
			add(t, "wscale=%d", s->wscale);
		if (s->sack_permitted)
			add(t, "sack-ok");
		if (s->timestamp)
			add(t, "timestamps");
	}
	for (unsigned int i = 0; i < s->n_sack; i++)
		add(t, "sack=%" PRId64 "-%" PRId64, e->sack[i][0], e->sack[i][1]);
	if (s->options_cut)
		add(t, "(options not captured)");
	if (e->arrival == ARRIVAL_AGAIN)
		add(t, "[retransmission]");
	else if (e->arrival == ARRIVAL_LATE)
		add(t, "[out of order]");
	else if (e->arrival == ARRIVAL_OUTSIDE)
		add(t, "[outside the window]");
	if (e->dup_ack)
		add(t, "[duplicate ACK %u]", e->dup_ack);
	if (!(s->flags & FLAG_RST) && c->side[!e->from].syn && (s->flags & FLAG_ACK) && !e->window)
		add(t, "[window closed]");
}

/* How much of @s fits into @room columns, broken between words where possible */
static int fit(const char *s, int room)
{
	int len = (int)strlen(s), n = room;

	if (len <= room)
		return len;
	while (n > 0 && s[n] != ' ')
		n--;
	return n > 0 ? n : room;
}

static void rung(const struct rungs *r, const struct event *e, const char *left, const char *right,
		 const char *text)
{
	const struct glyphs *g = glyphs(r);
	int body = r->width - FRAME_WIDTH;
	int n = fit(text, body - ARROW_MIN), line = body - ARROW_MIN - n;

	show_time(e->time);
	printf("%*s %s", STATE_WIDTH, left, g->rail);
	if (e->from == 0) {
		repeat(g->line, 2);
		printf(" %.*s ", n, text);
		repeat(g->line, line + 1);
		fputs(g->right, stdout);
	} else {
		fputs(g->left, stdout);
		repeat(g->line, line + 1);
		printf(" %.*s ", n, text);
		repeat(g->line, 2);
	}
	printf("%s%s%s\n", g->rail, *right ? " " : "", right);
	for (text += n; *text == ' '; text += n) {
		text++;
		n = fit(text, body - ARROW_MIN);
		printf("%*s%s%*s%*.*s%*s%s\n", TIME_WIDTH + 1 + STATE_WIDTH + 1, "", g->rail,
		       e->from ? body - 3 - n : 3, "", n, n, text, e->from ? 3 : body - 3 - n, "",
		       g->rail);
	}
}

/* What stands between the rails without being a rung */
static void between(const struct rungs *r, const char *text)
{
	const struct glyphs *g = glyphs(r);
	int body = r->width - FRAME_WIDTH, n;

	do {
		n = fit(text, body - 4);
		printf("%*s%s %s %-*.*s%s\n", TIME_WIDTH + 1 + STATE_WIDTH + 1, "", g->rail, g->gap,
		       body - 3, n, text, g->rail);
		text += n + (text[n] == ' ');
	} while (*text);
}

static void show_left_out(struct rungs *r)
{
	struct text t = { .len = 0 };
	char n[32], b[32];

	if (!r->left_out[0] && !r->left_out[1])
		return;
	for (int i = 0; i < 2; i++) {
		if (!r->left_out[i])
			continue;
		grouped(r->left_out[i], n, sizeof(n));
		bytes(r->left_out_bytes[i], b, sizeof(b));
		add(&t, "%s %s segment%s%s%s;", i ? "<-" : "->", n, r->left_out[i] == 1 ? "" : "s",
		    r->left_out_bytes[i] ? ", " : "", r->left_out_bytes[i] ? b : "");
	}
	if (r->left_out_again) {
		grouped(r->left_out_again, n, sizeof(n));
		add(&t, "%s retransmitted;", n);
	}
	add(&t, "%.0f ms", (double)(r->left_out_until - r->left_out_since) / 1e6);
	between(r, t.s);
	memset(r->left_out, 0, sizeof(r->left_out));
	memset(r->left_out_bytes, 0, sizeof(r->left_out_bytes));
	r->left_out_again = 0;
}

static void show(const struct rungs *r, const struct conversation *c, const struct segment *s,
		 const struct event *e, enum state left, enum state right)
{
	struct text t = { .len = 0 };

	describe(c, s, e, &t);
	rung(r, e, state_name(left), state_name(right), t.s);
}

/* What a reader came for: the first and the last segments, each change of
 * state, and the first loss.
 */
static bool worth_showing(struct rungs *r, const struct conversation *c, const struct segment *s,
			  const struct event *e)
{
	bool worth = r->all || (s->flags & (FLAG_SYN | FLAG_FIN | FLAG_RST)) || e->changed[0] ||
		     e->changed[1];

	if (c->side[0].state >= STATE_ESTABLISHED && !worth)
		worth = r->after_handshake++ < HEAD;
	if (e->arrival == ARRIVAL_AGAIN && !r->seen_again)
		worth = r->seen_again = true;
	if (s->n_sack && !r->seen_sack)
		worth = r->seen_sack = true;
	if (!e->window && (s->flags & FLAG_ACK) && !(s->flags & FLAG_RST) && !r->seen_zero)
		worth = r->seen_zero = true;
	return worth && (r->all || e->arrival != ARRIVAL_OUTSIDE);
}

static void release(struct rungs *r, const struct conversation *c, enum state answer)
{
	if (!r->holding)
		return;
	r->holding = false;
	show(r, c, &r->held, &r->held_event, r->held_event.changed[0] ? STATE_SYN_SENT : STATE_UNKNOWN,
	     answer);
}

static void endpoint_text(const struct endpoint *p, const char *name, char *buf, size_t size)
{
	char address[INET6_ADDRSTRLEN] = "";

	inet_ntop(p->family, p->address, address, sizeof(address));
	snprintf(buf, size, p->family == AF_INET6 ? "%s%s[%s]:%u" : "%s%s%s:%u", name ? name : "",
		 name ? " " : "", address, p->port);
}

/**
 * rungs_begin() - print the head of a ladder
 * @r: all, width and names set, the rest zero
 * @c: the connection, with both ends known
 */
void rungs_begin(struct rungs *r, const struct conversation *c)
{
	char left[128], right[128];
	int pad;

	r->utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
	endpoint_text(&c->side[0].at, r->names[0], left, sizeof(left));
	endpoint_text(&c->side[1].at, r->names[1], right, sizeof(right));
	/* Each over its rail, as far as they fit */
	pad = r->width - TIME_WIDTH - 1 - (int)strlen(left) - (int)strlen(right);
	printf("%*s %s%*s%s\n", TIME_WIDTH, "ms", left, pad > 2 ? pad : 2, "", right);
}

/**
 * rungs_take() - print a segment, or count it among those left out
 * @r: the ladder
 * @c: the connection after the segment
 * @s: the segment
 * @e: what it was
 */
void rungs_take(struct rungs *r, const struct conversation *c, const struct segment *s,
		const struct event *e)
{
	int64_t sent = side_bytes(&c->side[e->from]);

	if (e->from == 1)
		release(r, c, c->side[1].state == STATE_SYN_RECEIVED ? STATE_SYN_RECEIVED :
								       STATE_UNKNOWN);
	else
		release(r, c, STATE_UNKNOWN);
	/* Whether somebody listens there shows only in the answer */
	if (e->from == 0 && (s->flags & FLAG_SYN) && !c->side[1].syn) {
		r->held = *s;
		r->held_event = *e;
		r->holding = true;
		return;
	}
	if (worth_showing(r, c, s, e)) {
		show_left_out(r);
		show(r, c, s, e, e->changed[0] ? c->side[0].state : STATE_UNKNOWN,
		     e->changed[1] && c->side[1].state != STATE_SYN_RECEIVED ? c->side[1].state :
									       STATE_UNKNOWN);
	} else {
		if (!r->left_out[0] && !r->left_out[1])
			r->left_out_since = e->time;
		r->left_out_until = e->time;
		r->left_out[e->from]++;
		r->left_out_bytes[e->from] += sent - r->shown_bytes[e->from];
		r->left_out_again += e->arrival == ARRIVAL_AGAIN;
	}
	r->shown_bytes[e->from] = sent;
}

/**
 * rungs_end() - print what is still held back, and the sums
 * @r: the ladder
 * @c: the connection
 */
void rungs_end(struct rungs *r, const struct conversation *c)
{
	release(r, c, STATE_UNKNOWN);
	show_left_out(r);
	putchar('\n');
	for (int i = 0; i < 2; i++) {
		const struct side *x = &c->side[i];
		char n[32], b[32], again[32], who[128];

		endpoint_text(&x->at, r->names[i], who, sizeof(who));
		printf("%s sent %s segment%s, %s of data, %s retransmitted\n", who,
		       grouped(x->segments, n, sizeof(n)), x->segments == 1 ? "" : "s",
		       bytes(side_bytes(x), b, sizeof(b)),
		       grouped(x->retransmissions, again, sizeof(again)));
	}
}
