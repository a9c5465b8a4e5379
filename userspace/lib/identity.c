// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Giving up root: the user and the groups that workers run as.
 */
#include "identity.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

/**
 * ln_identity_find() - look up the user and group that the options name
 * @o: options
 * @id: what to fill in
 *
 * Return: 0, or a negative errno after an error line.
 */
int ln_identity_find(const struct ln_options *o, struct ln_identity *id)
{
	const struct passwd *pw;
	const struct group *gr;

	*id = (struct ln_identity){ 0 };
	if (!o->user && !o->group)
		return 0;
	if (!o->user) {
		ln_error("group '%s' without a user: name both, or the user alone", o->group);
		return -EINVAL;
	}
	errno = 0;
	pw = getpwnam(o->user);
	if (!pw) {
		ln_error("user '%s': %s", o->user, errno ? strerror(errno) : "there is no such user");
		return -ENOENT;
	}
	id->uid = pw->pw_uid;
	id->gid = pw->pw_gid;
	if (o->group) {
		errno = 0;
		gr = getgrnam(o->group);
		if (!gr) {
			ln_error("group '%s': %s", o->group,
				 errno ? strerror(errno) : "there is no such group");
			return -ENOENT;
		}
		id->gid = gr->gr_gid;
	}
	if (geteuid() == id->uid && getegid() == id->gid)
		return 0;
	if (geteuid()) {
		ln_error("only root can run workers as user '%s'", o->user);
		return -EPERM;
	}
	getgrouplist(o->user, id->gid, NULL, &id->n_groups);
	id->groups = calloc(id->n_groups ? id->n_groups : 1, sizeof(*id->groups));
	if (!id->groups || getgrouplist(o->user, id->gid, id->groups, &id->n_groups) < 0) {
		ln_error("user '%s': cannot list its groups", o->user);
		ln_identity_free(id);
		return -ENOMEM;
	}
	id->change = true;
	return 0;
}

/**
 * ln_identity_assume() - become somebody, for good
 * @id: whom
 *
 * Return: 0, or a negative errno after an error line.
 */
int ln_identity_assume(const struct ln_identity *id)
{
	if (!id->change)
		return 0;
	if (setgroups(id->n_groups, id->groups) || setresgid(id->gid, id->gid, id->gid) ||
	    setresuid(id->uid, id->uid, id->uid)) {
		ln_error("cannot become user %u: %s", id->uid, strerror(errno));
		return -errno;
	}
	/* Whoever can go back has given up nothing. */
	if (id->uid && !setuid(0)) {
		ln_error("root rights did not go away");
		return -EPERM;
	}
	return 0;
}

/**
 * ln_identity_free() - release what ln_identity_find() allocated
 * @id: whose
 */
void ln_identity_free(struct ln_identity *id)
{
	free(id->groups);
	id->groups = NULL;
}
