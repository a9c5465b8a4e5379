/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The life of a data connection and of what goes over it. */
#ifndef FTPD_TRANSFER_H
#define FTPD_TRANSFER_H

#include <stdint.h>

#include "list.h"
#include "server.h"
#include "upload.h"

struct session;
struct transfer;

/* Each takes what it is given, and replies. */
void transfer_download(struct session *s, const char *path, int fd, uint64_t offset);
void transfer_upload(struct session *s, const char *path, const struct upload *u);
void transfer_list(struct session *s, struct list *l);
/* ABOR, or the session ends: replies only with @reply. */
void transfer_abort(struct session *s, bool reply);
/* The control connection ended before its time: an upload is not whole, and nobody connects. */
void transfer_cut_off(struct session *s);
/* For STAT: a line of the session's reply. */
void transfer_tell(struct session *s);

/* From passive.c and active.c; transfer_connect() may fail with a negative errno. */
void transfer_accept(struct session *s, int fd);
int transfer_connect(struct session *s, const struct ln_remote *remote);
void transfer_no_connection(struct session *s, const char *why);

#endif
