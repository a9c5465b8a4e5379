/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 *	maildir.c		delivery
 *	maildir-box.c		a mailbox that is read
 *	maildir-folder.c	folders beneath the mail root, names of files
 *	maildir-quota.c		what a mailbox holds (https://www.courier-mta.org/maildirquota.html)
 */
#ifndef MAILDIR_INTERNAL_H
#define MAILDIR_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAILDIR_QUOTA_FILE	"maildirsize"

/* --- maildir-folder.c --- */

/* A folder beneath another, over no symlink; a descriptor, or a negative errno. */
int maildir_folder_open(int root, const char *path);
/* The same, made when it is not there, with cur, new and tmp in it; durable. */
int maildir_folder_make(int root, const char *path);
/* A file of a folder: openat2() with RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS. */
int maildir_file_open(int folder, const char *name, int flags);
/* Octets of the name that stay as long as the message: without flags. */
size_t maildir_base_len(const char *name);
/* ",S=" or ",W=" of a name. */
bool maildir_name_size(const char *name, char which, uint64_t *size);
/* Calls @each for the files of a folder; the first that is not 0 ends it. */
int maildir_folder_each(int folder, int (*each)(void *data, int folder, const char *name),
			void *data);

/* --- maildir-quota.c --- */

/* 0, -EDQUOT, or another negative errno. */
int maildir_quota_allows(int box, uint64_t octets, uint64_t messages, uint64_t more);
/* One line more; nothing without the file. */
void maildir_quota_add(int box, int64_t octets, int64_t messages);

#endif
