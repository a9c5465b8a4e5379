// SPDX-License-Identifier: GPL-2.0-or-later
#include "mailbox.h"

#include <errno.h>

#include "accounts.h"
#include "maildir.h"

int mailbox_deliver(const struct setup *s, int fd, uint64_t size, const char *sender,
		    const char *user, const char *address)
{
	const struct account *a = s->accounts ? accounts_find(s->accounts, user) : NULL;
	char name[MAILDIR_NAME_MAX];
	struct maildir_target target = {
		.root = s->mail_root_fd, .hostname = s->hostname,
		.return_path = sender, .delivered_to = address,
	};

	if (!a)
		return -ENOENT;
	target.path = a->home ? a->home : a->name;
	target.quota = a->quota;
	target.quota_messages = a->quota_files;
	return maildir_deliver(fd, size, &target, name);
}
