// SPDX-License-Identifier: GPL-2.0-or-later
/* linnet-mailq: the queue, shown and managed. */
#include <argp.h>
#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "manager.h"
#include "../mail/spool.h"
#include "offline.h"

const char *argp_program_version = "linnet-mailq " LINNET_VERSION;

static const char doc[] =
	"Show and manage the queue of linnet-smtpd.\v"
	"COMMAND is list (the default), show ID, text ID, stats, or flush, hold, release or delete "
	"with an ID, with options that say which messages, or with --all.";

static struct arguments {
	const char *queue, *command, *id, *sender, *recipient, *domain;
	bool all, json;
} arguments = { .queue = MAILTOOL_QUEUE, .command = "list" };

static const struct argp_option options[] = {
	{ "queue", 'Q', "FOLDER", 0, "The queue's folder (default: " MAILTOOL_QUEUE ")", 1 },
	{ "json", 'j', NULL, 0, "Answers as JSON", 1 },
	{ "all", 'a', NULL, 0, "All messages", 2 },
	{ "sender", 's', "ADDRESS", 0, "Messages from ADDRESS; <> is the null sender", 2 },
	{ "recipient", 'r', "ADDRESS", 0, "Messages that still go to ADDRESS", 2 },
	{ "domain", 'd', "DOMAIN", 0,
	  "Messages that still go to DOMAIN; with flush, @DOMAIN is for all below it, too", 2 },
	{ 0 },
};

static bool takes_id(const char *command)
{
	return strcmp(command, "list") && strcmp(command, "stats");
}

static void check_command(struct argp_state *state, const char *command)
{
	static const char *const commands[] = { "list",	 "show", "text",    "stats",
						"flush", "hold", "release", "delete" };

	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		if (!strcmp(command, commands[i]))
			return;
	argp_error(state,
		   "there is no command '%s': allowed are list, show, text, stats, flush, "
		   "hold, release and delete",
		   command);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *a = &arguments;

	switch (key) {
	case 'Q':
		a->queue = arg;
		return 0;
	case 'j':
		a->json = true;
		return 0;
	case 'a':
		a->all = true;
		return 0;
	case 's':
		a->sender = arg;
		return 0;
	case 'r':
		a->recipient = arg;
		return 0;
	case 'd':
		a->domain = arg;
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num == 0) {
			check_command(state, arg);
			a->command = arg;
		} else if (state->arg_num == 1 && takes_id(a->command)) {
			if (!spool_id_valid(arg))
				argp_error(state,
					   "'%s' is no message's name: it has %d digits and "
					   "small letters",
					   arg, SPOOL_ID_LEN);
			a->id = arg;
		} else {
			argp_error(state, "'%s' is too much", arg);
		}
		return 0;
	case ARGP_KEY_END:
		if ((!strcmp(a->command, "show") || !strcmp(a->command, "text")) && !a->id)
			argp_error(state, "%s needs a message's name", a->command);
		else if (takes_id(a->command) && !a->id && !a->all && !a->sender && !a->recipient &&
			 !a->domain)
			argp_error(state,
				   "%s needs a message's name, --sender, --recipient, "
				   "--domain or --all",
				   a->command);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* --- for people --- */

static void put_time(const char *before, json_int_t ms)
{
	time_t s = ms / 1000;
	struct tm tm;
	char text[64];

	localtime_r(&s, &tm);
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	printf("%s%s", before, text);
}

static const char *word(json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s ? s : "";
}

static json_int_t number(json_t *o, const char *name)
{
	return json_integer_value(json_object_get(o, name));
}

/* Nothing that a server or a client said may move the terminal's cursor. */
static void put_clean(const char *s)
{
	for (; *s; s++)
		putchar((unsigned char)*s < ' ' || *s == 0x7f ? '?' : *s);
}

static void put_recipient(json_t *r)
{
	bool pending = !strcmp(word(r, "state"), "pending");

	printf("        %s ", word(r, "state"));
	put_clean(word(r, "address"));
	if (pending && number(r, "attempts")) {
		printf(", %lld attempts", (long long)number(r, "attempts"));
		put_time(", next ", number(r, "next"));
	}
	putchar('\n');
	if (!*word(r, "reply"))
		return;
	printf("                %s ", word(r, "status"));
	put_clean(word(r, "reply"));
	putchar('\n');
}

static void put_message(json_t *m)
{
	json_t *r;
	size_t i;

	printf("%s%s %8lld", word(m, "id"),
	       json_is_true(json_object_get(m, "active")) ? "*" :
	       json_is_true(json_object_get(m, "held"))	  ? "!" :
							    " ",
	       (long long)number(m, "size"));
	put_time(" ", number(m, "arrival"));
	printf(" <");
	put_clean(word(m, "sender"));
	printf(">\n");
	json_array_foreach(json_object_get(m, "recipients"), i, r) put_recipient(r);
}

static void put_list(json_t *list)
{
	json_int_t octets = 0;
	json_t *m;
	size_t i;

	json_array_foreach(list, i, m)
	{
		put_message(m);
		octets += number(m, "size");
	}
	if (!json_array_size(list))
		printf("The queue is empty.\n");
	else
		printf("%zu message%s, %lld octets. (* in delivery, ! held)\n",
		       json_array_size(list), json_array_size(list) == 1 ? "" : "s",
		       (long long)octets);
}

static void put_answer(json_t *answer)
{
	json_t *messages = json_object_get(answer, "messages"), *value;
	const char *key;

	if (arguments.json) {
		json_object_del(answer, "ok");
		json_dumpf(answer, stdout, JSON_INDENT(2));
		putchar('\n');
	} else if (json_is_array(messages)) {
		put_list(messages);
	} else if (strcmp(arguments.command, "stats")) {
		printf("%lld message%s\n", (long long)json_integer_value(messages),
		       json_integer_value(messages) == 1 ? "" : "s");
	} else {
		json_object_foreach(answer, key, value) if (json_is_integer(value))
			printf("%-10s %lld\n", key, (long long)json_integer_value(value));
	}
}

/* --- commands --- */

static int show_text(void)
{
	struct spool *s = spool_open(arguments.queue);
	uint64_t size = 0, at = 0;
	int fd = s ? spool_text(s, arguments.id, &size) : -ENOENT;
	char piece[16384];

	if (fd < 0) {
		fprintf(stderr, "linnet-mailq: %s: %s\n", arguments.id, strerror(-fd));
		spool_close(s);
		return fd == -EACCES ? EX_NOPERM : EX_DATAERR;
	}
	while (at < size) {
		uint64_t left = size - at;
		ssize_t n = pread(fd, piece, left < sizeof(piece) ? left : sizeof(piece), at);

		if (n <= 0 || fwrite(piece, 1, n, stdout) != (size_t)n)
			break;
		at += n;
	}
	close(fd);
	spool_close(s);
	return fflush(stdout) || at < size ? EX_IOERR : EX_OK;
}

static json_t *question(void)
{
	json_t *q = json_pack("{ss}", "command", arguments.command);
	const struct {
		const char *key, *value;
	} texts[] = {
		{ "id", arguments.id },
		{ "sender", arguments.sender },
		{ "recipient", arguments.recipient },
		{ "domain", arguments.domain },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (texts[i].value)
			json_object_set_new(q, texts[i].key, json_string(texts[i].value));
	if (arguments.all)
		json_object_set_new(q, "all", json_true());
	return q;
}

static json_t *ask(void)
{
	json_t *answer = manager_ask(arguments.queue, question());
	bool absent = errno == ECONNREFUSED || errno == ENOENT;

	if (answer)
		return answer;
	if (absent && !strcmp(arguments.command, "list") && !arguments.sender &&
	    !arguments.recipient && !arguments.domain && !access(arguments.queue, R_OK | X_OK)) {
		fprintf(stderr, "linnet-mailq: no queue manager is at work in %s\n",
			arguments.queue);
		return offline_list(arguments.queue);
	}
	fprintf(stderr, "linnet-mailq: the queue manager of %s cannot be asked: %s\n",
		arguments.queue, strerror(errno));
	return NULL;
}

int main(int argc, char **argv)
{
	static const struct argp argp = { options, parse, "[COMMAND [ID]]", doc, NULL, NULL, NULL };
	const char *queue = getenv("LINNET_QUEUE");
	json_t *answer;
	int status = EX_OK;

	if (queue)
		arguments.queue = queue;
	argp_err_exit_status = EX_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	if (!strcmp(arguments.command, "text"))
		return show_text();
	answer = ask();
	if (!answer)
		return errno == EACCES || errno == EPERM ? EX_NOPERM : EX_UNAVAILABLE;
	if (json_is_true(json_object_get(answer, "ok"))) {
		put_answer(answer);
	} else {
		fprintf(stderr, "linnet-mailq: %s\n", word(answer, "error"));
		status = EX_DATAERR;
	}
	json_decref(answer);
	return fflush(stdout) ? EX_IOERR : status;
}
