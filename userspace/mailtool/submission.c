// SPDX-License-Identifier: GPL-2.0-or-later
#include "submission.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "manager.h"

#define NAME "linnet-sendmail: "

static int status_of(const struct reply *r)
{
	if (r->code / 100 == 4)
		return EX_TEMPFAIL;
	return r->code == 550 || r->code == 553 ? EX_NOUSER : EX_UNAVAILABLE;
}

static int receive(struct submission *s)
{
	const char *why;
	size_t used;

	memset(&s->reply, 0, sizeof(s->reply));
	for (;;) {
		enum reply_verdict v = reply_take(&s->reply, s->in, s->n, &used, &why);
		ssize_t got;

		memmove(s->in, s->in + used, s->n - used);
		s->n -= used;
		if (v == REPLY_DONE)
			return 0;
		if (v == REPLY_BAD) {
			fprintf(stderr, NAME "the server does not speak SMTP: %s\n", why);
			return EX_PROTOCOL;
		}
		if (used)
			continue;
		got = recv(s->fd, s->in + s->n, sizeof(s->in) - s->n, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			fprintf(stderr, NAME "the server does not answer: %s\n",
				got ? strerror(errno) : "it closed the connection");
			return EX_TEMPFAIL;
		}
		s->n += got;
	}
}

int submission_reply(struct submission *s)
{
	int status = receive(s);

	if (status || s->reply.code < 400)
		return status;
	fprintf(stderr, NAME "refused: %s\n", s->reply.text);
	return status_of(&s->reply);
}

int submission_write(struct submission *s, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = send(s->fd, p, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			fprintf(stderr, NAME "the server does not listen: %s\n", strerror(errno));
			return EX_TEMPFAIL;
		}
		p += n;
		len -= n;
	}
	return 0;
}

int submission_command(struct submission *s, const char *fmt, ...)
{
	char line[4096];
	va_list ap;
	int n, status;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line) - 2, fmt, ap);
	va_end(ap);
	if (n < 0 || n >= (int)sizeof(line) - 2 || strpbrk(line, "\r\n")) {
		fprintf(stderr, NAME "an address or option is too long, or has an end of line\n");
		return EX_DATAERR;
	}
	memcpy(line + n, "\r\n", 2);
	status = submission_write(s, line, n + 2);
	return status ? status : submission_reply(s);
}

int submission_open(struct submission *s, const char *queue)
{
	int status;

	memset(s, 0, sizeof(*s));
	s->fd = manager_connect(queue, "submit");
	if (s->fd < 0) {
		fprintf(stderr, NAME "no server takes mail in %s: %s\n", queue, strerror(errno));
		return errno == EACCES ? EX_NOPERM : EX_TEMPFAIL;
	}
	status = submission_reply(s);
	if (status)
		return status;
	if (sscanf(s->reply.text, "%*d %255[^ ]", s->host) != 1)
		strcpy(s->host, "localhost");
	status = submission_command(s, "EHLO localhost");
	s->offer = s->reply.offer;
	return status;
}

void submission_close(struct submission *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}
