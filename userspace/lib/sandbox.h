/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a worker may still do: Landlock for files, seccomp for the rest.
 *
 * A system call that a worker has no use for fails with ENOSYS, so that libraries
 * fall back to what is there; one that only an intruder would make (execve, ptrace,
 * mount ...) ends the process with SIGSYS.  Nothing can be executed, no process be
 * made (threads can), and no memory be mapped executable.
 */
#ifndef LN_SANDBOX_H
#define LN_SANDBOX_H

#include <stdbool.h>

#define LN_SANDBOX_MAX_PATHS	64

enum ln_access {
	LN_ACCESS_READ = 1,	/* read files, list folders */
	LN_ACCESS_WRITE = 2,	/* make, write, rename and remove files and folders */
	LN_ACCESS_CONNECT = 4,	/* connect() to UNIX sockets: no Landlock right, sets @connect */
};

/**
 * struct ln_sandbox - zeroed to begin with
 * @n: how many paths
 * @path: a path, or a descriptor when it is NULL, and what is allowed beneath it
 * @connect: the worker makes connections of its own
 * @connect_local: only to UNIX sockets; nothing more where there is @connect
 * @bind: from ports that it chooses itself, with @connect
 * @listen: it makes listening sockets of its own: socket(), bind() and listen()
 * @sqlite: file locks, memory maps and fsync as SQLite needs them
 */
struct ln_sandbox {
	int n;
	struct ln_sandbox_path {
		const char *path;
		int fd;
		int access;
	} path[LN_SANDBOX_MAX_PATHS];
	bool connect;
	bool connect_local;
	bool bind;
	bool listen;
	bool sqlite;
};

int ln_sandbox_path(struct ln_sandbox *s, const char *path, int access);
int ln_sandbox_fd(struct ln_sandbox *s, int fd, int access);
int ln_sandbox_enter(const struct ln_sandbox *s);

#endif
