/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mailboxes in folders (https://cr.yp.to/proto/maildir.html), with quotas of Maildir++.
 *
 * Messages are kept with LF.  Paths lead nowhere out of the mail root, and over no symlink.
 * All functions wait for the disk, and may be called in threads; one mailbox of
 * maildir_open() in one thread at a time.
 */
#ifndef MAILDIR_H
#define MAILDIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define MAILDIR_NAME_MAX	256
/* RFC 1939, 7, and NUL */
#define MAILDIR_UID_MAX		71

/**
 * struct maildir_target - where a message goes
 * @root: descriptor of the mail root
 * @path: the Maildir beneath it, made when it is not there: "ann", "example.org/ann"
 * @hostname: ours, for the file's name
 * @return_path: the sender without < >, "" for the null sender; NULL: no such line
 * @delivered_to: address for a Delivered-To line, or NULL
 * @quota: octets of all messages, 0: no limit
 * @quota_messages: messages, 0: no limit
 * @once: NULL, or what this delivery is called each time that it is tried, without "/", ":" and
 *	",": when the mailbox has it since before a crash, it is not put there again
 * @time: with @once: seconds since the epoch, the same each time
 */
struct maildir_target {
	int root;
	const char *path;
	const char *hostname;
	const char *return_path;
	const char *delivered_to;
	uint64_t quota, quota_messages;
	const char *once;
	int64_t time;
};

/*
 * The message is the first @len octets of @fd (whose offset stays), with CRLF or LF.  Durable
 * when 0 is returned; -EDQUOT: over quota; -ENOSPC and others: nothing is left behind.
 */
int maildir_deliver(int fd, uint64_t len, const struct maildir_target *t,
		    char name[MAILDIR_NAME_MAX]);

/**
 * struct maildir_message - one of a mailbox
 * @uid: the same as long as the message is there, no other's (RFC 1939, UIDL)
 * @file: name, below new or cur
 * @size: octets with CRLF, as POP3 counts
 * @stored: octets of the file
 * @is_new: it is in new
 */
struct maildir_message {
	char uid[MAILDIR_UID_MAX];
	bool is_new;
	char *file;
	uint64_t size, stored;
};

/**
 * struct maildir - a mailbox that is open, and locked against others who open it
 * @n: messages, in the order of their arrival
 * @message: messages
 */
struct maildir {
	size_t n;
	struct maildir_message *message;
	struct maildir_private *p;
};

/* -EAGAIN: somebody else has it open; a mailbox that is not there is empty, and not made. */
int maildir_open(int root, const char *path, struct maildir **m);
/* A descriptor to read, or a negative errno; -ENOENT: the message has gone. */
int maildir_read(struct maildir *m, size_t i);
int maildir_remove(struct maildir *m, size_t i);
/* The message was read: to cur, with the flag S. */
int maildir_seen(struct maildir *m, size_t i);
/* Make removals durable, and tell the quota's file. */
int maildir_sync(struct maildir *m);
void maildir_close(struct maildir *m);

#endif
