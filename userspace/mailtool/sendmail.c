// SPDX-License-Identifier: GPL-2.0-or-later
/* linnet-sendmail: programs send mail through it, by the options that sendmail has always had. */
#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "draft.h"
#include "manager.h"
#include "../mail/address.h"
#include "../relay/stuff.h"
#include "submission.h"

#define NAME "linnet-sendmail: "

enum mode { DELIVER, SPEAK_SMTP, SHOW_QUEUE, FLUSH, NOTHING };

static struct {
	enum mode mode;
	bool from_header, ignore_dots, eight_bit_said, eight_bit;
	const char *sender, *full_name, *notify, *ret, *envid, *flush_domain;
	const char *queue;
} o = { .queue = MAILTOOL_QUEUE };

static int usage(const char *what, const char *arg)
{
	fprintf(stderr,
		NAME
		"%s%s\n"
		"usage: linnet-sendmail [-t] [-i] [-f SENDER] [-F NAME] [-N WHEN]\n"
		"       [-R full|hdrs] [-V ENVID] [-B 7BIT|8BITMIME] [RECIPIENT ...]\n"
		"       linnet-sendmail -bs | -bp | -q[R DOMAIN]\n",
		what, arg);
	return EX_USAGE;
}

/* --- options --- */

static int set_mode(char c, const char *arg)
{
	switch (c) {
	case 'm':
		o.mode = DELIVER;
		return 0;
	case 's':
		o.mode = SPEAK_SMTP;
		return 0;
	case 'p':
		o.mode = SHOW_QUEUE;
		return 0;
	case 'i':
		/* newaliases: the server reads its file by itself. */
		o.mode = NOTHING;
		return 0;
	}
	return usage("allowed are -bm, -bs, -bp and -bi, not -b", arg);
}

/* -oX, and what of it is of use here. */
static int set_old_option(const char *arg)
{
	if (!strcmp(arg, "i"))
		o.ignore_dots = true;
	return 0;
}

static int check_notify(const char *arg)
{
	char copy[64], *rest = copy, *name;

	if (!strcasecmp(arg, "never"))
		return 0;
	snprintf(copy, sizeof(copy), "%s", arg);
	while ((name = strsep(&rest, ",")))
		if (strcasecmp(name, "success") && strcasecmp(name, "failure") &&
		    strcasecmp(name, "delay"))
			return usage("-N takes never, or some of success,failure,delay, not ", arg);
	return 0;
}

static int set_queue_run(const char *arg)
{
	o.mode = FLUSH;
	if (*arg == 'R')
		o.flush_domain = arg + 1;
	/* -q30m of a daemon: the queue manager has times of its own. */
	return 0;
}

static int set_option(int c, const char *arg)
{
	switch (c) {
	case 't':
		o.from_header = true;
		return 0;
	case 'i':
		o.ignore_dots = true;
		return 0;
	case 'f':
	case 'r':
		o.sender = arg;
		return 0;
	case 'F':
		o.full_name = arg;
		return 0;
	case 'b':
		return set_mode(*arg, arg);
	case 'o':
		return set_old_option(arg);
	case 'q':
		return set_queue_run(arg);
	case 'N':
		o.notify = arg;
		return check_notify(arg);
	case 'R':
		o.ret = arg;
		return !strcasecmp(arg, "full") || !strcasecmp(arg, "hdrs") ?
			       0 :
			       usage("-R takes full or hdrs, not ", arg);
	case 'V':
		o.envid = arg;
		return 0;
	case 'B':
		o.eight_bit_said = true;
		o.eight_bit = !strcasecmp(arg, "8BITMIME");
		return o.eight_bit || !strcasecmp(arg, "7BIT") ?
			       0 :
			       usage("-B takes 7BIT or 8BITMIME, not ", arg);
	case 'Q':
		o.queue = arg;
		return 0;
	}
	/* -A -C -d -e -G -h -L -m -n -O -p -U -v -x -X: of no meaning here */
	return 0;
}

/* "-q" and what may stand right behind it: getopt() has "::" for that. */
#define OPTIONS "A:B:C:d:e:F:f:GhIiL:mN:nO:o:p:Q:q::R:r:tUV:vx:X:b:"

static int read_options(int argc, char **argv)
{
	int c, status = 0;

	while (!status && (c = getopt(argc, argv, OPTIONS)) != -1) {
		if (c == '?')
			return usage("an option is none that sendmail has", "");
		status = set_option(c, optarg ? optarg : "");
	}
	if (strstr(argv[0], "mailq") && o.mode == DELIVER)
		o.mode = SHOW_QUEUE;
	else if (strstr(argv[0], "newaliases") && o.mode == DELIVER)
		o.mode = NOTHING;
	return status;
}

/* --- what is not delivery --- */

/* The server, and whoever speaks SMTP with us. */
static int pass_on(int fd)
{
	struct pollfd p[2] = { { .fd = 0, .events = POLLIN }, { .fd = fd, .events = POLLIN } };
	char data[16384];

	for (;;) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return EX_OSERR;
		for (int i = 0; i < 2; i++) {
			ssize_t n, at = 0;

			if (p[i].fd < 0 || !p[i].revents)
				continue;
			n = read(p[i].fd, data, sizeof(data));
			if (n <= 0 && i)
				return EX_OK;
			if (n <= 0) {
				shutdown(fd, SHUT_WR);
				p[0].fd = -1;
			}
			while (at < n) {
				ssize_t done = write(i ? 1 : fd, data + at, n - at);

				if (done < 0 && errno != EINTR)
					return EX_IOERR;
				at += done > 0 ? done : 0;
			}
		}
	}
}

static int speak_smtp(void)
{
	int fd = manager_connect(o.queue, "submit"), status;

	if (fd < 0) {
		fprintf(stderr, NAME "no server takes mail in %s: %s\n", o.queue, strerror(errno));
		return EX_TEMPFAIL;
	}
	status = pass_on(fd);
	close(fd);
	return status;
}

/* Beside ourselves, else wherever it is. */
static int show_queue(void)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 20);
	char *slash;

	path[n < 0 ? 0 : n] = 0;
	slash = strrchr(path, '/');
	if (slash) {
		strcpy(slash + 1, "linnet-mailq");
		execl(path, "linnet-mailq", "--queue", o.queue, (char *)NULL);
	}
	execlp("linnet-mailq", "linnet-mailq", "--queue", o.queue, (char *)NULL);
	perror(NAME "linnet-mailq");
	return EX_OSFILE;
}

static int flush_queue(void)
{
	json_t *question = json_pack("{ss}", "command", "flush"), *answer;
	bool good;

	if (o.flush_domain)
		json_object_set_new(question, "domain", json_string(o.flush_domain));
	else
		json_object_set_new(question, "all", json_true());
	answer = manager_ask(o.queue, question);
	if (!answer) {
		fprintf(stderr, NAME "the queue manager of %s cannot be asked: %s\n", o.queue,
			strerror(errno));
		return EX_TEMPFAIL;
	}
	good = json_is_true(json_object_get(answer, "ok"));
	if (!good)
		fprintf(stderr, NAME "%s\n", json_string_value(json_object_get(answer, "error")));
	json_decref(answer);
	return good ? EX_OK : EX_DATAERR;
}

/* --- delivery --- */

/* As a whole address: what has no domain is the server's. */
static int complete(const char *text, const char *host, bool sender, struct mail_address *a)
{
	char *whole = NULL;
	size_t len = strlen(text);
	int n = -1, status = 0;

	if (len >= 2 && *text == '<' && text[len - 1] == '>') {
		text++;
		len -= 2;
	}
	memset(a, 0, sizeof(*a));
	if (!len && sender)
		return 0;
	if (memchr(text, '@', len))
		n = asprintf(&whole, "%.*s", (int)len, text);
	else
		n = asprintf(&whole, "%.*s@%s", (int)len, text, host);
	if (n < 0 || mail_address_parse(a, whole, n, MAIL_ALLOW_UTF8) != MAIL_ADDRESS_GOOD) {
		fprintf(stderr, NAME "'%.*s' is no mail address\n", (int)len, text);
		status = sender ? EX_USAGE : EX_DATAERR;
	}
	free(whole);
	return status;
}

static const char *user_name(void)
{
	struct passwd *p = getpwuid(getuid());

	return p ? p->pw_name : "nobody";
}

static int add_from(struct draft *d, const char *sender)
{
	char value[700];

	if (d->has_from)
		return 0;
	if (o.full_name && !strpbrk(o.full_name, "\r\n\"\\<>"))
		snprintf(value, sizeof(value), "\"%.200s\" <%.300s>", o.full_name, sender);
	else
		snprintf(value, sizeof(value), "%.300s", sender);
	return draft_add_field(d, "From", value);
}

static int say_mail(struct submission *s, const struct draft *d, const struct mail_address *from,
		    bool utf8)
{
	char line[1024], envid[512];
	int n = snprintf(line, sizeof(line), "MAIL FROM:<%s>", from->text);

	if (s->offer.size)
		n += snprintf(line + n, sizeof(line) - n, " SIZE=%zu", d->len);
	if (s->offer.eight_bit && (o.eight_bit_said ? o.eight_bit : d->eight_bit))
		n += snprintf(line + n, sizeof(line) - n, " BODY=8BITMIME");
	if (s->offer.utf8 && utf8)
		n += snprintf(line + n, sizeof(line) - n, " SMTPUTF8");
	if (s->offer.dsn && o.ret)
		n += snprintf(line + n, sizeof(line) - n, " RET=%s", o.ret);
	if (s->offer.dsn && o.envid) {
		if (mail_xtext_encode(envid, sizeof(envid), o.envid, strlen(o.envid)) < 0 ||
		    strlen(envid) > 100) {
			fprintf(stderr, NAME "-V: more than 100 characters\n");
			return EX_USAGE;
		}
		snprintf(line + n, sizeof(line) - n, " ENVID=%s", envid);
	}
	return submission_command(s, "%s", line);
}

static int say_rcpt(struct submission *s, const struct mail_address *to)
{
	int status = submission_command(s, "RCPT TO:<%s>%s%s", to->text,
					s->offer.dsn && o.notify ? " NOTIFY=" : "",
					s->offer.dsn && o.notify ? o.notify : "");

	if (status && status != EX_TEMPFAIL)
		fprintf(stderr, NAME "not sent to <%s>\n", to->text);
	return status;
}

static int say_text(struct submission *s, const struct draft *d)
{
	char *stuffed = malloc(STUFF_ROOM(d->len) + 5);
	struct stuff st = { 0 };
	size_t n;
	int status = submission_command(s, "DATA");

	if (!stuffed)
		status = EX_OSERR;
	if (!status) {
		n = stuff(&st, stuffed, d->text, d->len);
		n += stuff_end(&st, stuffed + n);
		status = submission_write(s, stuffed, n);
	}
	free(stuffed);
	return status ? status : submission_reply(s);
}

/* Whoever the server takes gets the message; the status tells of those whom it does not. */
static int send_draft(struct submission *s, struct draft *d, const struct mail_address *from,
		      struct mail_address *to, unsigned int n)
{
	unsigned int accepted = 0;
	bool utf8 = d->header_8bit || from->utf8;
	int status, worst = 0;

	for (unsigned int i = 0; i < n; i++)
		utf8 |= to[i].utf8;
	status = say_mail(s, d, from, utf8);
	for (unsigned int i = 0; i < n && !status; i++) {
		int one = say_rcpt(s, &to[i]);

		accepted += !one;
		/* All or nobody: the program tries again with all of them. */
		if (one == EX_TEMPFAIL || one == EX_PROTOCOL)
			status = one;
		else if (one)
			worst = one;
	}
	if (!status && accepted)
		status = say_text(s, d);
	if (!status)
		submission_command(s, "QUIT");
	return status ? status : worst;
}

static int deliver(char **argv, int n_args)
{
	struct draft d = { 0 };
	struct submission s = { .fd = -1 };
	struct mail_address from, *to = NULL;
	unsigned int n = 0;
	int status = draft_read(&d, stdin, !o.ignore_dots);

	if (!status && o.from_header)
		status = draft_recipients(&d);
	if (!status && !d.n && !n_args)
		status = usage(o.from_header ? "the message names no recipient" :
					       "there is no recipient",
			       "");
	if (!status)
		status = submission_open(&s, o.queue);
	if (!status)
		status = complete(o.sender ? o.sender : user_name(), s.host, true, &from);
	to = calloc(d.n + n_args + 1, sizeof(*to));
	if (!to)
		status = EX_OSERR;
	for (unsigned int i = 0; i < d.n && !status; i++)
		status = complete(d.recipients[i], s.host, false, &to[n++]);
	for (int i = 0; i < n_args && !status; i++)
		status = complete(argv[i], s.host, false, &to[n++]);
	if (!status) {
		struct mail_address own;
		const char *in_header = from.text;

		if (!*in_header && !complete(user_name(), s.host, true, &own))
			in_header = own.text;
		status = add_from(&d, in_header);
	}
	if (!status)
		status = send_draft(&s, &d, &from, to, n);
	submission_close(&s);
	draft_clear(&d);
	free(to);
	return status;
}

int main(int argc, char **argv)
{
	const char *queue = getenv("LINNET_QUEUE");
	int status;

	if (queue)
		o.queue = queue;
	status = read_options(argc, argv);
	if (status)
		return status;
	switch (o.mode) {
	case SPEAK_SMTP:
		return speak_smtp();
	case SHOW_QUEUE:
		return show_queue();
	case FLUSH:
		return flush_queue();
	case NOTHING:
		return EX_OK;
	default:
		return deliver(argv + optind, argc - optind);
	}
}
