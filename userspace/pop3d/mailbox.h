/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What waits for the disk, in a thread. A session that goes meanwhile is not told. */
#ifndef POP3D_MAILBOX_H
#define POP3D_MAILBOX_H

struct session;

/* Ends with login_opened(). */
void mailbox_open(struct session *s);
/* Ends with transaction_updated(). */
void mailbox_update(struct session *s);
/* The session goes: an UPDATE is finished, and the mailbox is closed. */
void mailbox_leave(struct session *s);

#endif
