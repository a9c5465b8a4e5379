/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SMTP with the server on this machine, at the UNIX socket `submit` in the queue's folder. */
#ifndef MAILTOOL_SUBMISSION_H
#define MAILTOOL_SUBMISSION_H

#include <stdbool.h>
#include <stddef.h>

#include "../relay/reply.h"

/**
 * struct submission - a session
 * @fd: the socket
 * @host: the server's name, of its greeting
 * @offer: of EHLO
 * @reply: the last one
 */
struct submission {
	int fd;
	char host[256];
	struct reply_offer offer;
	struct reply reply;
	char in[REPLY_LINE_MAX];
	size_t n;
};

/* These return 0, or an exit status of sysexits.h after an error line. */
int submission_open(struct submission *s, const char *queue);
/* A command and its reply, which is a good one. */
int submission_command(struct submission *s, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
int submission_write(struct submission *s, const void *data, size_t len);
/* The reply to what was written. */
int submission_reply(struct submission *s);
void submission_close(struct submission *s);

#endif
