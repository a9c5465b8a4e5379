// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The seccomp filter of `linnet run`: which system calls are put to the
 * supervisor.  A filter sees only a call's numbers, never memory, and that is
 * enough for socket(domain, type, protocol).
 */
#include "run.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef __x86_64__
#error "linnet run knows the system call numbers of x86-64 only"
#endif

#define X32_BIT			0x40000000
#define I386_SOCKETCALL		102
#define I386_SOCKET		359
#define SOCKETCALL_SOCKET	1
#define SOCK_TYPE_MASK		0xf

#define LOAD(field)	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
/* The low half of an argument, on a little-endian machine. */
#define ARG(n)		LOAD(args[n])
#define AND(k)		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, k)
#define RETURN(k)	BPF_STMT(BPF_RET | BPF_K, k)
/* Jump from instruction HERE to TO when equal, else go on. */
#define JEQ(here, k, to)	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, k, (to) - (here) - 1, 0)

/* Positions in the program below. */
enum {
	I386 = 7,
	DOMAIN = 15,
	TYPE = 19,
	ALLOW = 26,
	NOTIFY = 27,
	NO_CALL = 28,
};

static struct sock_filter program[] = {
	[0] = LOAD(arch),
	[1] = JEQ(1, AUDIT_ARCH_I386, I386),
	/* x86-64, and x32 with its bit, number these two alike. */
	[2] = LOAD(nr),
	[3] = AND((unsigned int)~X32_BIT),
	/* A ring opens sockets without a system call for each. */
	[4] = JEQ(4, SYS_io_uring_setup, NO_CALL),
	[5] = JEQ(5, SYS_socket, DOMAIN),
	[6] = RETURN(SECCOMP_RET_ALLOW),

	[I386] = LOAD(nr),
	[8] = JEQ(8, SYS_io_uring_setup, NO_CALL),
	[9] = JEQ(9, I386_SOCKET, DOMAIN),
	[10] = JEQ(10, I386_SOCKETCALL, 12),
	[11] = RETURN(SECCOMP_RET_ALLOW),
	/* Its arguments are in memory, which the supervisor can read. */
	[12] = ARG(0),
	[13] = JEQ(13, SOCKETCALL_SOCKET, NOTIFY),
	[14] = RETURN(SECCOMP_RET_ALLOW),

	[DOMAIN] = ARG(0),
	[16] = JEQ(16, AF_INET, TYPE),
	[17] = JEQ(17, AF_INET6, TYPE),
	[18] = RETURN(SECCOMP_RET_ALLOW),
	[TYPE] = ARG(1),
	[20] = AND(SOCK_TYPE_MASK),
	[21] = BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SOCK_STREAM, 0, ALLOW - 22),
	[22] = ARG(2),
	[23] = JEQ(23, IPPROTO_IP, NOTIFY),
	[24] = JEQ(24, IPPROTO_TCP, NOTIFY),
	/* Go's listeners ask for Multipath TCP first. */
	[25] = JEQ(25, IPPROTO_MPTCP, NOTIFY),
	[ALLOW] = RETURN(SECCOMP_RET_ALLOW),
	[NOTIFY] = RETURN(SECCOMP_RET_USER_NOTIF),
	[NO_CALL] = RETURN(SECCOMP_RET_ERRNO | ENOSYS),
};

static int install(unsigned int flags)
{
	struct sock_fprog fprog = { .len = sizeof(program) / sizeof(*program), .filter = program };

	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
		       SECCOMP_FILTER_FLAG_NEW_LISTENER | flags, &fprog);
}

/**
 * filter_install() - put the calling process under the filter
 *
 * A process without CAP_SYS_ADMIN gives up gaining privilege by exec first
 * (no_new_privs); one that has it keeps setuid programs working.
 *
 * Return: the listener's descriptor, or a negative errno; -EBUSY when a filter
 * with a listener is there already.
 */
int filter_install(void)
{
	/* Once the supervisor has taken a call up, nothing but a fatal signal
	 * interrupts it; otherwise the call would fail with EINTR or start over.
	 */
	unsigned int flags = SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
	int fd = install(flags);

	if (fd < 0 && errno == EACCES) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
			return -errno;
		fd = install(flags);
	}
	/* Linux before 5.19 */
	if (fd < 0 && errno == EINVAL)
		fd = install(0);
	return fd < 0 ? -errno : fd;
}
