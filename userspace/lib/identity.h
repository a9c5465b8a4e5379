/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LN_IDENTITY_H
#define LN_IDENTITY_H

#include <stdbool.h>
#include <sys/types.h>

#include "options.h"

/**
 * struct ln_identity - who workers are
 * @change: they are not who started the daemon
 * @uid: user
 * @gid: group
 * @groups: supplementary groups, allocated
 * @n_groups: how many
 */
struct ln_identity {
	bool change;
	uid_t uid;
	gid_t gid;
	gid_t *groups;
	int n_groups;
};

int ln_identity_find(const struct ln_options *o, struct ln_identity *id);
int ln_identity_assume(const struct ln_identity *id);
void ln_identity_free(struct ln_identity *id);

#endif
