// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Landlock: after this the process can read below the served folder and touch
 * no other file, whatever becomes of it.  (Its rules for the network know TCP
 * alone, so that they are of no use here.)
 */
#include "landlock.h"

#include <errno.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ABI_1_RIGHTS	((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)

/**
 * landlock_confine() - confine this process to reading below a folder
 * @root: the folder's descriptor
 *
 * Return: 0 or a negative errno; -ENOSYS or -EOPNOTSUPP when the kernel has no
 * Landlock or it is switched off.
 */
int landlock_confine(int root)
{
	struct landlock_ruleset_attr attr = { .handled_access_fs = ABI_1_RIGHTS };
	struct landlock_path_beneath_attr below = {
		.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
		.parent_fd = root,
	};
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	int ruleset, err = 0;

	if (abi < 0)
		return -errno;
	if (abi >= 2)
		attr.handled_access_fs |= LANDLOCK_ACCESS_FS_REFER;
	ruleset = syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (ruleset < 0)
		return -errno;
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &below, 0) ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    syscall(SYS_landlock_restrict_self, ruleset, 0))
		err = -errno;
	close(ruleset);
	return err;
}
