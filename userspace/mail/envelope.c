// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An envelope as text: a first line with the version, then lines "KEY VALUE"; a line
 * "recipient" begins another recipient, "end" is the last.
 */
#include "envelope.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FIRST_LINE "linnet-envelope 1"
/* A line: the longest key, a blank, the value. */
#define LINE_MAX_LEN (ENVELOPE_VALUE_MAX + 20)

static const char *const state_names[] = {
	[ENVELOPE_PENDING] = "pending", [ENVELOPE_DELIVERED] = "delivered",
	[ENVELOPE_RELAYED] = "relayed", [ENVELOPE_PASSED] = "passed",
	[ENVELOPE_FAILED] = "failed",
};

static const char *const ret_names[] = {
	[ENVELOPE_RET_NONE] = "none",
	[ENVELOPE_RET_FULL] = "full",
	[ENVELOPE_RET_HDRS] = "hdrs",
};

static const char *const body_names[] = {
	[ENVELOPE_BODY_NONE] = "none",
	[ENVELOPE_BODY_7BIT] = "7bit",
	[ENVELOPE_BODY_8BITMIME] = "8bitmime",
};

#define COUNT(a) ((int)(sizeof(a) / sizeof(*(a))))

/**
 * envelope_now() - the time as envelopes have it
 *
 * Return: milliseconds since the epoch.
 */
int64_t envelope_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* --- in memory --- */

/**
 * envelope_add() - one more recipient
 * @e: the envelope
 * @address: local@domain
 *
 * Return: the recipient, which the next call may move; or NULL with errno: ENOMEM, E2BIG for
 * more than ENVELOPE_RECIPIENTS_MAX, EINVAL for an address that cannot be kept.
 */
struct envelope_recipient *envelope_add(struct envelope *e, const char *address)
{
	struct envelope_recipient *r;

	errno = EINVAL;
	if (!*address || strlen(address) > ENVELOPE_VALUE_MAX || strpbrk(address, "\r\n"))
		return NULL;
	errno = E2BIG;
	if (e->n == ENVELOPE_RECIPIENTS_MAX)
		return NULL;
	if (e->n == e->room) {
		unsigned int room = e->room ? 2 * e->room : 4;

		r = realloc(e->recipient, room * sizeof(*r));
		if (!r)
			return NULL;
		e->recipient = r;
		e->room = room;
	}
	r = &e->recipient[e->n];
	memset(r, 0, sizeof(*r));
	r->address = strdup(address);
	if (!r->address)
		return NULL;
	e->n++;
	return r;
}

/**
 * envelope_clear() - free what is in an envelope
 * @e: zeroed afterwards
 */
void envelope_clear(struct envelope *e)
{
	for (unsigned int i = 0; i < e->n; i++) {
		struct envelope_recipient *r = &e->recipient[i];

		free(r->address);
		free(r->user);
		free(r->original);
		free(r->orcpt);
		free(r->reply);
		free(r->remote);
	}
	free(e->recipient);
	free(e->sender);
	free(e->envid);
	free(e->auth);
	memset(e, 0, sizeof(*e));
}

/* --- as text --- */

static bool can_be_kept(const char *value)
{
	return !value || (strlen(value) <= ENVELOPE_VALUE_MAX && !strpbrk(value, "\r\n"));
}

static void put(FILE *f, const char *key, const char *value)
{
	if (value)
		fprintf(f, "%s %s\n", key, value);
}

static void put_number(FILE *f, const char *key, int64_t value)
{
	if (value)
		fprintf(f, "%s %lld\n", key, (long long)value);
}

static bool format_recipient(FILE *f, const struct envelope_recipient *r)
{
	if (!can_be_kept(r->address) || !can_be_kept(r->user) || !can_be_kept(r->original) ||
	    !can_be_kept(r->orcpt) || !can_be_kept(r->reply) || !can_be_kept(r->remote))
		return false;
	put(f, "recipient", r->address);
	put(f, "user", r->user);
	put(f, "original", r->original);
	put(f, "orcpt", r->orcpt);
	put_number(f, "notify", r->notify);
	if (r->state)
		put(f, "state", state_names[r->state]);
	put_number(f, "reported", r->reported);
	put_number(f, "delay-told", r->delay_told);
	put_number(f, "attempts", r->attempts);
	put_number(f, "next", r->next);
	put_number(f, "last", r->last);
	if (*r->status)
		put(f, "status", r->status);
	put(f, "reply", r->reply);
	put(f, "remote", r->remote);
	return true;
}

/**
 * envelope_format() - an envelope as text
 * @e: the envelope
 * @len: filled with the text's length
 *
 * Return: the text, to be freed; NULL with errno: ENOMEM, EINVAL when a value is too long or
 * has an end of line in it.
 */
char *envelope_format(const struct envelope *e, size_t *len)
{
	char *text = NULL;
	bool good = can_be_kept(e->sender) && can_be_kept(e->envid) && can_be_kept(e->auth);
	FILE *f = open_memstream(&text, len);

	if (!f)
		return NULL;
	fprintf(f, FIRST_LINE "\n");
	put(f, "sender", e->sender ? e->sender : "");
	put_number(f, "arrival", e->arrival);
	if (e->ret)
		put(f, "ret", ret_names[e->ret]);
	put(f, "envid", e->envid);
	put(f, "auth", e->auth);
	if (e->body)
		put(f, "body", body_names[e->body]);
	put_number(f, "utf8", e->utf8);
	put_number(f, "held", e->held);
	for (unsigned int i = 0; i < e->n && good; i++)
		good = format_recipient(f, &e->recipient[i]);
	fprintf(f, "end\n");
	if (fclose(f)) {
		free(text);
		errno = ENOMEM;
		return NULL;
	}
	if (good)
		return text;
	free(text);
	errno = EINVAL;
	return NULL;
}

/* --- from text --- */

static int parse_name(const char *value, const char *const *names, int n)
{
	for (int i = 0; i < n; i++)
		if (!strcmp(names[i], value))
			return i;
	return -1;
}

static bool parse_number(const char *value, int64_t max, int64_t *number)
{
	char *end;

	if (*value < '0' || *value > '9' || strlen(value) > 18)
		return false;
	*number = strtoll(value, &end, 10);
	return !*end && *number <= max;
}

/* An own copy, once. */
static const char *take_text(char **to, const char *value)
{
	if (*to)
		return "a key stands twice";
	*to = strdup(value);
	return *to ? NULL : "out of memory";
}

static const char *parse_status(char *to, const char *value)
{
	if (strlen(value) > ENVELOPE_STATUS_MAX ||
	    (*value != '2' && *value != '4' && *value != '5') ||
	    strspn(value, "0123456789.") != strlen(value))
		return "a status is no code of RFC 3463";
	strcpy(to, value);
	return NULL;
}

#define BAD_NUMBER "a number is none, or too large"

static const char *parse_of_recipient(struct envelope_recipient *r, const char *key,
				      const char *value)
{
	int64_t number = 0;
	int i;

	if (!strcmp(key, "user"))
		return take_text(&r->user, value);
	if (!strcmp(key, "original"))
		return take_text(&r->original, value);
	if (!strcmp(key, "orcpt"))
		return take_text(&r->orcpt, value);
	if (!strcmp(key, "reply"))
		return take_text(&r->reply, value);
	if (!strcmp(key, "remote"))
		return take_text(&r->remote, value);
	if (!strcmp(key, "status"))
		return parse_status(r->status, value);
	if (!strcmp(key, "state")) {
		i = parse_name(value, state_names, COUNT(state_names));
		r->state = i < 0 ? ENVELOPE_PENDING : i;
		return i < 0 ? "a state is none that we know" : NULL;
	}
	if (!strcmp(key, "notify")) {
		if (!parse_number(value, 15, &number))
			return BAD_NUMBER;
		r->notify = number;
	} else if (!strcmp(key, "reported") || !strcmp(key, "delay-told")) {
		if (!parse_number(value, 1, &number))
			return BAD_NUMBER;
		*(*key == 'r' ? &r->reported : &r->delay_told) = number;
	} else if (!strcmp(key, "attempts")) {
		if (!parse_number(value, UINT32_MAX, &number))
			return BAD_NUMBER;
		r->attempts = number;
	} else if (!strcmp(key, "next") || !strcmp(key, "last")) {
		if (!parse_number(value, INT64_MAX, *key == 'n' ? &r->next : &r->last))
			return BAD_NUMBER;
	} else {
		return "a key of a recipient is none that we know";
	}
	return NULL;
}

static const char *parse_of_message(struct envelope *e, const char *key, const char *value)
{
	int64_t number = 0;
	int i;

	if (!strcmp(key, "sender"))
		return take_text(&e->sender, value);
	if (!strcmp(key, "envid"))
		return take_text(&e->envid, value);
	if (!strcmp(key, "auth"))
		return take_text(&e->auth, value);
	if (!strcmp(key, "arrival"))
		return parse_number(value, INT64_MAX, &e->arrival) ? NULL : BAD_NUMBER;
	if (!strcmp(key, "ret")) {
		i = parse_name(value, ret_names, COUNT(ret_names));
		e->ret = i < 0 ? ENVELOPE_RET_NONE : i;
		return i < 0 ? "ret is neither full nor hdrs" : NULL;
	}
	if (!strcmp(key, "body")) {
		i = parse_name(value, body_names, COUNT(body_names));
		e->body = i < 0 ? ENVELOPE_BODY_NONE : i;
		return i < 0 ? "body is neither 7bit nor 8bitmime" : NULL;
	}
	if (!strcmp(key, "utf8") || !strcmp(key, "held")) {
		if (!parse_number(value, 1, &number))
			return BAD_NUMBER;
		*(*key == 'u' ? &e->utf8 : &e->held) = number;
		return NULL;
	}
	return "a key is none that we know";
}

static const char *parse_line(struct envelope *e, char *line, bool *ended)
{
	char *value = strchr(line, ' ');

	if (!value) {
		*ended = !strcmp(line, "end");
		return *ended ? NULL : "a line has no value";
	}
	*value++ = 0;
	if (!strcmp(line, "recipient")) {
		if (envelope_add(e, value))
			return NULL;
		return errno == ENOMEM ? "out of memory" :
		       errno == E2BIG  ? "there are too many recipients" :
					 "a recipient is empty";
	}
	return e->n ? parse_of_recipient(&e->recipient[e->n - 1], line, value) :
		      parse_of_message(e, line, value);
}

/**
 * envelope_parse() - an envelope from its text
 * @e: filled
 * @text: of envelope_format(); need not end with NUL
 * @len: its octets
 * @why: filled with what is wrong
 *
 * Return: 0, or -EINVAL or -ENOMEM, with nothing in @e.
 */
int envelope_parse(struct envelope *e, const char *text, size_t len, const char **why)
{
	const char *end = text + len, *newline;
	bool first = true, ended = false;
	char line[LINE_MAX_LEN + 1];

	memset(e, 0, sizeof(*e));
	*why = NULL;
	for (; !*why && text < end && !ended; text = newline + 1) {
		newline = memchr(text, '\n', end - text);
		if (!newline || newline - text > LINE_MAX_LEN || memchr(text, 0, newline - text) ||
		    memchr(text, '\r', newline - text)) {
			*why = "a line is too long, has no end, or a NUL or CR in it";
			break;
		}
		memcpy(line, text, newline - text);
		line[newline - text] = 0;
		if (first)
			*why = strcmp(line, FIRST_LINE) ? "it does not begin with " FIRST_LINE :
							  NULL;
		else
			*why = parse_line(e, line, &ended);
		first = false;
	}
	if (!*why && !ended)
		*why = "its end is missing";
	else if (!*why && text != end)
		*why = "something follows its end";
	else if (!*why && !e->n)
		*why = "it has no recipient";
	else if (!*why && !e->sender)
		*why = "it has no sender";
	if (!*why)
		return 0;
	envelope_clear(e);
	return strcmp(*why, "out of memory") ? -EINVAL : -ENOMEM;
}
