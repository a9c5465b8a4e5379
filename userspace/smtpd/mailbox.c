// SPDX-License-Identifier: GPL-2.0-or-later
#include "mailbox.h"

#include <errno.h>
#include <stdio.h>

#include "accounts.h"
#include "maildir.h"
#include "spool.h"

int mailbox_deliver(const struct setup *s, const struct relay_delivery *d)
{
	const struct account *a = s->accounts ? accounts_find(s->accounts, d->user) : NULL;
	char name[MAILDIR_NAME_MAX], once[SPOOL_ID_LEN + 12];
	struct maildir_target target = {
		.root = s->mail_root_fd, .hostname = s->hostname,
		.return_path = d->sender, .delivered_to = d->address,
	};

	if (!a)
		return -ENOENT;
	target.path = a->home ? a->home : a->name;
	target.quota = a->quota;
	target.quota_messages = a->quota_files;
	if (d->id) {
		snprintf(once, sizeof(once), "%sR%u", d->id, d->n);
		target.once = once;
		target.time = d->arrival / 1000;
	}
	return maildir_deliver(d->fd, d->size, &target, name);
}
