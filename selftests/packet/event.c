// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Lines become events:
 *
 *	TIME < SEGMENT			the kernel receives it
 *	TIME > SEGMENT			the kernel is to send it
 *	TIME CALL(ARGUMENTS) = RESULT	a system call
 *	TIME quiet			nothing more has been sent
 *	sysctl NAME=VALUE, mtu N, ...
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "packet.h"

#define SECOND 1000000

static void blanks(const char **p)
{
	while (isblank((unsigned char)**p))
		(*p)++;
}

static bool take(const char **p, const char *word)
{
	size_t len = strlen(word);

	if (strncmp(*p, word, len) || ((*p)[len] && !isspace((unsigned char)(*p)[len])))
		return false;
	*p += len;
	blanks(p);
	return true;
}

static int64_t seconds(const struct line *line, const char **p)
{
	char *end;
	double s = strtod(*p, &end);

	if (end == *p)
		fail_at(line, "a time is missing at \"%s\"", *p);
	*p = end;
	return s * SECOND + 0.5;
}

/* "..." is not part of the number before it */
static int64_t time_before_dots(const struct line *line, const char **p)
{
	const char *dots = strstr(*p, "...");
	char number[32];
	const char *q = number;
	int64_t t;
	int len;

	if (!dots)
		return seconds(line, p);
	len = dots - *p;
	if (len >= (int)sizeof(number) || memchr(*p, ' ', len) || memchr(*p, '~', len))
		return seconds(line, p);
	sprintf(number, "%.*s", len, *p);
	t = seconds(line, &q);
	*p = dots;
	return t;
}

static void parse_time(const struct line *line, const char **p, struct event *e)
{
	if (**p == '*') {
		e->any_time = true;
		(*p)++;
		return;
	}
	e->from_start = **p != '+';
	if (**p == '+')
		(*p)++;
	e->from = e->to = time_before_dots(line, p);
	if (**p == '~') {
		(*p)++;
		if (**p == '+')
			(*p)++;
		e->range = true;
		e->to = seconds(line, p);
	}
	if (!strncmp(*p, "...", 3)) {
		*p += 3;
		if (**p == '+')
			(*p)++;
		e->blocks = true;
		e->end_from = e->end_to = seconds(line, p);
		if (**p == '~') {
			(*p)++;
			if (**p == '+')
				(*p)++;
			e->end_to = seconds(line, p);
		}
	}
}

static void parse_segment(const struct line *line, const char *text, struct event *e)
{
	const char *problem;

	if (!strcmp(text, "-")) {
		e->kind = EVENT_QUIET;
		return;
	}
	problem = spec_parse(text, &e->spec);
	if (problem)
		fail_at(line, "%s", problem);
	if (e->kind == EVENT_INJECT && e->spec.len < 0)
		fail_at(line, "a length is missing");
	if (e->kind == EVENT_INJECT && e->spec.icmp < 0 && (e->spec.seq.any || e->spec.end.any))
		fail_at(line, "a sequence number is missing");
	if (e->kind == EVENT_EXPECT && e->spec.icmp >= 0)
		fail_at(line, "ICMP is not looked at");
}

static void parse_rest(const struct line *line, const char *p, struct event *e)
{
	const char *problem;

	if (take(&p, "<")) {
		e->kind = EVENT_INJECT;
		parse_segment(line, p, e);
	} else if (take(&p, ">")) {
		e->kind = EVENT_EXPECT;
		parse_segment(line, p, e);
	} else if (take(&p, "quiet")) {
		e->kind = EVENT_QUIET;
	} else if (take(&p, "sysctl") || take(&p, "sysctl?")) {
		e->kind = EVENT_SYSCTL;
		/* one that not every kernel has */
		e->value = line->text[strcspn(line->text, "?")] == '?';
		e->text = strdup(p);
	} else if (take(&p, "mtu")) {
		e->kind = EVENT_MTU;
		e->value = atoi(p);
	} else if (take(&p, "veth")) {
		e->kind = EVENT_VETH;
	} else if (take(&p, "isn")) {
		e->kind = EVENT_ISN;
		e->value = strtoul(p, NULL, 0);
	} else if (take(&p, "forget")) {
		e->kind = EVENT_FORGET;
		e->value = *p == 'c' ? atoi(p + 1) : 0;
	} else if (*p == '`') {
		e->kind = EVENT_SHELL;
		e->text = strdup(p + 1);
		if (!strchr(e->text, '`'))
			fail_at(line, "a ` is missing");
		*strchr(e->text, '`') = 0;
	} else {
		e->kind = EVENT_CALL;
		problem = call_parse(p, &e->call);
		if (problem)
			fail_at(line, "%s", problem);
	}
}

/**
 * event_parse() - read one line
 * @line: the line
 * @e: filled in; ends the case when the line is not right
 */
void event_parse(const struct line *line, struct event *e)
{
	const char *p = line->text;

	memset(e, 0, sizeof(*e));
	e->line = line;
	blanks(&p);
	if (isdigit((unsigned char)*p) || *p == '+' || *p == '.' || *p == '*')
		parse_time(line, &p, e);
	blanks(&p);
	parse_rest(line, p, e);
	if (e->blocks && e->kind != EVENT_CALL)
		fail_at(line, "only a system call takes time");
}
