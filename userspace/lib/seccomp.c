// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * seccomp: which system calls a worker may make.
 *
 * What is in none of the lists fails with ENOSYS: refused like by death, and a
 * library that tries something newer than this list falls back instead of dying.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"
#include "sandbox-internal.h"

#define COUNT(a)	(sizeof(a) / sizeof(*(a)))

/* --- whatever the worker is for --- */

static const int always[] = {
	/* the loop */
	SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_pwait2), SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(select),
	SCMP_SYS(pselect6), SCMP_SYS(eventfd2), SCMP_SYS(pipe2), SCMP_SYS(timerfd_create),
	SCMP_SYS(timerfd_settime), SCMP_SYS(timerfd_gettime),
	/* open descriptors */
	SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(pread64), SCMP_SYS(preadv), SCMP_SYS(preadv2),
	SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(sendfile), SCMP_SYS(splice), SCMP_SYS(lseek),
	SCMP_SYS(fstat), SCMP_SYS(fadvise64), SCMP_SYS(close), SCMP_SYS(close_range), SCMP_SYS(dup),
	SCMP_SYS(dup2), SCMP_SYS(dup3),
	/* sockets, except for making them */
	SCMP_SYS(accept), SCMP_SYS(accept4), SCMP_SYS(recvfrom), SCMP_SYS(recvmsg),
	SCMP_SYS(recvmmsg), SCMP_SYS(sendto), SCMP_SYS(sendmsg), SCMP_SYS(sendmmsg),
	SCMP_SYS(shutdown), SCMP_SYS(getsockopt), SCMP_SYS(setsockopt), SCMP_SYS(getsockname),
	SCMP_SYS(getpeername),
	/* memory */
	SCMP_SYS(memfd_create), SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise),
	/* threads and signals */
	SCMP_SYS(futex), SCMP_SYS(set_robust_list), SCMP_SYS(rseq), SCMP_SYS(set_tid_address),
	SCMP_SYS(membarrier), SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity), SCMP_SYS(getcpu),
	SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigtimedwait), SCMP_SYS(sigaltstack), SCMP_SYS(restart_syscall),
	SCMP_SYS(exit), SCMP_SYS(exit_group),
	/* the clock, and questions about oneself and the machine */
	SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres), SCMP_SYS(clock_nanosleep),
	SCMP_SYS(nanosleep), SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(getrandom),
	SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(getppid), SCMP_SYS(getuid),
	SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getegid), SCMP_SYS(getrlimit),
	SCMP_SYS(getrusage), SCMP_SYS(times), SCMP_SYS(uname), SCMP_SYS(sysinfo),
};

/* Landlock says which files. */
static const int files[] = {
	SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(openat2), SCMP_SYS(stat), SCMP_SYS(lstat),
	SCMP_SYS(newfstatat), SCMP_SYS(statx), SCMP_SYS(access), SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2), SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(getdents64),
	SCMP_SYS(getcwd), SCMP_SYS(statfs), SCMP_SYS(fstatfs), SCMP_SYS(flock),
};

static const int writing[] = {
	SCMP_SYS(pwrite64), SCMP_SYS(pwritev), SCMP_SYS(pwritev2), SCMP_SYS(copy_file_range),
	SCMP_SYS(rename), SCMP_SYS(renameat), SCMP_SYS(renameat2), SCMP_SYS(link),
	SCMP_SYS(linkat), SCMP_SYS(unlink), SCMP_SYS(unlinkat), SCMP_SYS(mkdir),
	SCMP_SYS(mkdirat), SCMP_SYS(rmdir), SCMP_SYS(fsync), SCMP_SYS(fdatasync),
	SCMP_SYS(sync_file_range), SCMP_SYS(ftruncate), SCMP_SYS(truncate), SCMP_SYS(fallocate),
	SCMP_SYS(fchmod), SCMP_SYS(utimensat), SCMP_SYS(umask),
};

/* Nothing but an attack makes these. */
static const int deadly[] = {
	SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv),
	SCMP_SYS(process_vm_writev), SCMP_SYS(pidfd_getfd), SCMP_SYS(kcmp), SCMP_SYS(mount),
	SCMP_SYS(umount2), SCMP_SYS(move_mount), SCMP_SYS(open_tree), SCMP_SYS(fsopen),
	SCMP_SYS(fsmount), SCMP_SYS(fspick), SCMP_SYS(mount_setattr), SCMP_SYS(pivot_root),
	SCMP_SYS(chroot), SCMP_SYS(setns), SCMP_SYS(unshare), SCMP_SYS(bpf),
	SCMP_SYS(perf_event_open), SCMP_SYS(userfaultfd), SCMP_SYS(init_module),
	SCMP_SYS(finit_module), SCMP_SYS(delete_module), SCMP_SYS(kexec_load),
	SCMP_SYS(kexec_file_load), SCMP_SYS(reboot), SCMP_SYS(swapon), SCMP_SYS(swapoff),
	SCMP_SYS(acct), SCMP_SYS(quotactl), SCMP_SYS(settimeofday), SCMP_SYS(clock_settime),
	SCMP_SYS(iopl), SCMP_SYS(ioperm), SCMP_SYS(modify_ldt), SCMP_SYS(open_by_handle_at),
	SCMP_SYS(sethostname), SCMP_SYS(setdomainname), SCMP_SYS(syslog), SCMP_SYS(vhangup),
};

/* --- calls of which some are allowed --- */

/* Not who gets signals from a descriptor (F_SETOWN, F_SETSIG). */
static const int fcntls[] = { F_GETFL, F_SETFL, F_GETFD, F_SETFD, F_DUPFD, F_DUPFD_CLOEXEC };
static const int locks[] = { F_GETLK, F_SETLK, F_SETLKW, F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW };
/* TCGETS: the C library asks whether a stream is a terminal. */
static const unsigned int ioctls[] = { FIONBIO, FIONREAD, FIOCLEX, TCGETS };
static const int prctls[] = { PR_SET_NAME, PR_GET_NAME };
static const int families[] = { AF_UNIX, AF_INET, AF_INET6 };	/* AF_UNIX first */

static int allow_list(scmp_filter_ctx ctx, const int *list, size_t n)
{
	int err = 0;

	for (size_t i = 0; i < n && !err; i++)
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, list[i], 0);
	return err;
}

static int allow_values(scmp_filter_ctx ctx, int call, unsigned int arg, const int *list, size_t n)
{
	int err = 0;

	/* The kernel takes 32 bits of these arguments, whatever is above. */
	for (size_t i = 0; i < n && !err; i++)
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, call, 1,
				       SCMP_CMP32(arg, SCMP_CMP_EQ, list[i]));
	return err;
}

static int refuse(scmp_filter_ctx ctx, int call, int err)
{
	return seccomp_rule_add(ctx, SCMP_ACT_ERRNO(err), call, 0);
}

static int add_memory(scmp_filter_ctx ctx)
{
	/* Nothing executable that was not so before. */
	int err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
				   SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));

	if (!err)
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
				       SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	return err;
}

/* clone3() keeps its flags in memory, where a filter cannot see them: ENOSYS, and the C
 * library takes clone().
 */
static int add_threads(scmp_filter_ctx ctx)
{
	int err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
				   SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));

	/* abort() */
	if (!err)
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
				       SCMP_A0_32(SCMP_CMP_EQ, getpid()));
	/* limits may be read */
	if (!err)
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1,
				       SCMP_A2(SCMP_CMP_EQ, 0));
	if (!err)
		err = allow_values(ctx, SCMP_SYS(prctl), 0, prctls, COUNT(prctls));
	return err;
}

static int add_descriptors(scmp_filter_ctx ctx)
{
	int err = allow_values(ctx, SCMP_SYS(fcntl), 1, fcntls, COUNT(fcntls));

	for (size_t i = 0; i < COUNT(ioctls) && !err; i++)
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
				       SCMP_A1_32(SCMP_CMP_EQ, ioctls[i]));
	return err;
}

static int add_connecting(scmp_filter_ctx ctx, const struct ln_sandbox *s)
{
	int err;

	/* Both ends are our own. */
	err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socketpair), 1,
			       SCMP_A0_32(SCMP_CMP_EQ, AF_UNIX));
	if (err)
		return err;
	if (!s->connect && !s->connect_local)
		err = refuse(ctx, SCMP_SYS(connect), EACCES);
	else
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(connect), 0);
	/* Where connect() goes is in memory; which sockets there are can be seen. */
	if (!err && (s->connect || s->listen))
		err = allow_values(ctx, SCMP_SYS(socket), 0, families, COUNT(families));
	else if (!err && s->connect_local)
		err = allow_values(ctx, SCMP_SYS(socket), 0, families, 1);
	else if (!err)
		err = refuse(ctx, SCMP_SYS(socket), EACCES);
	if (!err && ((s->connect && s->bind) || s->listen))
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(bind), 0);
	if (!err && s->listen)
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(listen), 0);
	return err;
}

static int add_files(scmp_filter_ctx ctx, const struct ln_sandbox *s)
{
	int access = s->sqlite ? LN_ACCESS_READ | LN_ACCESS_WRITE : 0, err = 0;

	for (int i = 0; i < s->n; i++)
		access |= s->path[i].access;
	if (access) {
		err = allow_list(ctx, files, COUNT(files));
	} else {
		err = refuse(ctx, SCMP_SYS(open), EACCES);
		if (!err)
			err = refuse(ctx, SCMP_SYS(openat), EACCES);
		/* fstat() of the C library */
		if (!err)
			err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(newfstatat), 0);
	}
	if (!err && access & LN_ACCESS_WRITE)
		err = allow_list(ctx, writing, COUNT(writing));
	if (!err && s->sqlite)
		err = allow_values(ctx, SCMP_SYS(fcntl), 1, locks, COUNT(locks));
	return err;
}

static int add_deadly(scmp_filter_ctx ctx)
{
	int err = 0;

	for (size_t i = 0; i < COUNT(deadly) && !err; i++)
		err = seccomp_rule_add(ctx, SCMP_ACT_KILL_PROCESS, deadly[i], 0);
	return err;
}

static int fill(scmp_filter_ctx ctx, const struct ln_sandbox *s)
{
	int err;

	/* System calls of another architecture: 32-bit and x32 */
	err = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	/* A tree instead of a chain: the calls are many. */
	if (!err)
		err = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (!err)
		err = allow_list(ctx, always, COUNT(always));
	if (!err)
		err = add_memory(ctx);
	if (!err)
		err = add_threads(ctx);
	if (!err)
		err = add_descriptors(ctx);
	if (!err)
		err = add_connecting(ctx, s);
	if (!err)
		err = add_files(ctx, s);
	if (!err)
		err = add_deadly(ctx);
	return err;
}

/**
 * ln_seccomp_enter() - give up all system calls but those that a sandbox needs
 * @s: the sandbox
 *
 * Return: 0, or a negative errno after an error line.
 */
int ln_seccomp_enter(const struct ln_sandbox *s)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	int err = -ENOMEM;

	if (ctx)
		err = fill(ctx, s);
	if (!err)
		err = seccomp_load(ctx);
	if (ctx)
		seccomp_release(ctx);
	if (err)
		ln_error("sandbox: seccomp: %s", strerror(-err));
	return err;
}
