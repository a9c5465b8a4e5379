/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The queue's folder:
 *
 *	tmp/ID		what is being written; its writer holds a lock on it (flock)
 *	msg/ID		a message, and behind it the envelope that it came with
 *	env/ID		the envelope as it is now, once an attempt has changed it
 *	notify		a UNIX datagram socket, the queue manager's: names of new messages
 *
 * A message is in the queue from the moment that msg/ID is there to the moment that it is not.
 * Whatever stands in env/ without it, or in tmp/ without a lock, is what a crash left over.
 */
#ifndef MAIL_SPOOL_H
#define MAIL_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "envelope.h"

#define SPOOL_ID_LEN	16

struct spool;
struct spool_file;

/* Makes what is missing of the folders, but not @folder itself. NULL after an error line. */
struct spool *spool_open(const char *folder);
void spool_close(struct spool *s);
/* For openat() below it, and what it lets on a sandbox. */
int spool_folder(const struct spool *s);

/* From the time and at random, as [0-9a-z]. */
void spool_new_id(char id[SPOOL_ID_LEN + 1]);
bool spool_id_valid(const char *id);

/*
 * A message on its way into the queue: all but spool_id() in any thread, one at a time. Functions
 * return 0 or a negative errno: -ENOSPC, -EDQUOT, -EIO ...
 */
/* @id: of spool_new_id(), or NULL: a new one. NULL with errno. */
struct spool_file *spool_create(struct spool *s, const char *id);
const char *spool_id(const struct spool_file *f);
int spool_write(struct spool_file *f, const void *data, size_t len);
/* From the place where @fd is, to its end. */
int spool_copy(struct spool_file *f, int fd);
/*
 * Durable when it returns 0 (fdatasync of the file, fsync of the folder). @f is gone in any case.
 */
int spool_commit(struct spool_file *f, const struct envelope *e);
void spool_abort(struct spool_file *f);
/* Tells the queue manager; nothing is lost when nobody hears it. */
void spool_notify(struct spool *s, const char *id);

/* For the queue manager. 0 or a negative errno; *why: words, or NULL. */
int spool_envelope(struct spool *s, const char *id, struct envelope *e, const char **why);
/* The message's text is the first *size octets of what is returned: a descriptor. */
int spool_text(struct spool *s, const char *id, uint64_t *size);
/* With the text of envelope_format(); durable when it returns 0. */
int spool_update(struct spool *s, const char *id, const char *text, size_t len);
int spool_remove(struct spool *s, const char *id);
/* Calls @fn with each message's name until it returns false. */
int spool_scan(struct spool *s, bool (*fn)(const char *id, void *data), void *data);
/* Moves a message that cannot be read out of the way, into bad/. */
int spool_set_aside(struct spool *s, const char *id);
/* Removes what a crash left over; returns how many files. */
unsigned int spool_recover(struct spool *s);

#endif
