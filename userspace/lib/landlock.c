// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Landlock: which files a worker may open.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "log.h"
#include "sandbox-internal.h"

/* Of ABI 3 and 5, which the headers of 6.1 do not know. */
#define ACCESS_TRUNCATE		(1ULL << 14)
#define ACCESS_IOCTL_DEV	(1ULL << 15)

#define RIGHTS_ABI_1		((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)
#define RIGHTS_ABI_2		(RIGHTS_ABI_1 | LANDLOCK_ACCESS_FS_REFER)
#define RIGHTS_ABI_3		(RIGHTS_ABI_2 | ACCESS_TRUNCATE)
#define RIGHTS_ABI_5		(RIGHTS_ABI_3 | ACCESS_IOCTL_DEV)

/* No links, devices, FIFOs or sockets. */
#define RIGHTS_READ		(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define RIGHTS_WRITE		(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | \
				 LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR | \
				 LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REFER | \
				 ACCESS_TRUNCATE)
/* What can be said of a path that is no folder. */
#define RIGHTS_OF_FILE		(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | \
				 ACCESS_TRUNCATE)

static uint64_t rights_known(int abi)
{
	if (abi >= 5)
		return RIGHTS_ABI_5;
	if (abi >= 3)
		return RIGHTS_ABI_3;
	return abi == 2 ? RIGHTS_ABI_2 : RIGHTS_ABI_1;
}

static int add_fd(int ruleset, int fd, int access, uint64_t known)
{
	struct landlock_path_beneath_attr rule = { .parent_fd = fd };
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if (access & LN_ACCESS_READ)
		rule.allowed_access |= RIGHTS_READ;
	if (access & LN_ACCESS_WRITE)
		rule.allowed_access |= RIGHTS_WRITE;
	if (!S_ISDIR(st.st_mode))
		rule.allowed_access &= RIGHTS_OF_FILE;
	rule.allowed_access &= known;
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0))
		return -errno;
	return 0;
}

static int add_rule(int ruleset, const struct ln_sandbox_path *p, uint64_t known)
{
	int fd = p->fd, err;

	if (!(p->access & (LN_ACCESS_READ | LN_ACCESS_WRITE)))
		return 0;
	if (p->path)
		fd = open(p->path, O_PATH | O_CLOEXEC);
	err = fd < 0 ? -errno : add_fd(ruleset, fd, p->access, known);
	if (p->path && fd >= 0)
		close(fd);
	if (err && p->path)
		ln_error("sandbox: %s: %s", p->path, strerror(-err));
	else if (err)
		ln_error("sandbox: descriptor %d: %s", fd, strerror(-err));
	return err;
}

/**
 * ln_landlock_enter() - give up all files but those of a sandbox
 * @s: the sandbox
 *
 * A kernel without Landlock is told with an info line.
 *
 * Return: 0, or a negative errno after an error line.
 */
int ln_landlock_enter(const struct ln_sandbox *s)
{
	struct landlock_ruleset_attr attr = { 0 };
	int abi, ruleset, err = 0;

	abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	if (abi < 1) {
		ln_info("sandbox: files are not confined: Landlock: %s", strerror(errno));
		return 0;
	}
	attr.handled_access_fs = rights_known(abi);
	ruleset = syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (ruleset < 0) {
		err = -errno;
		ln_error("sandbox: Landlock: %s", strerror(-err));
		return err;
	}
	for (int i = 0; i < s->n && !err; i++)
		err = add_rule(ruleset, &s->path[i], attr.handled_access_fs);
	if (!err && syscall(SYS_landlock_restrict_self, ruleset, 0)) {
		err = -errno;
		ln_error("sandbox: Landlock: %s", strerror(-err));
	}
	close(ruleset);
	return err;
}
