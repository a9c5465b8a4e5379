// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * For LD_PRELOAD: sendfile() as it is while the kernel has no memory for sockets.  It takes
 * nothing, though the socket says that it has room.  $STARVE is a file of two numbers: whether
 * it is so, and how often it was called then.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <unistd.h>

static volatile uint32_t *shared;

__attribute__((constructor)) static void start(void)
{
	const char *path = getenv("STARVE");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;

	if (fd < 0)
		return;
	shared = mmap(NULL, 2 * sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (shared == MAP_FAILED)
		shared = NULL;
	close(fd);
}

ssize_t sendfile(int out, int in, off_t *offset, size_t count)
{
	if (!shared || !shared[0])
		return syscall(SYS_sendfile, out, in, offset, count);
	__atomic_add_fetch(&shared[1], 1, __ATOMIC_RELAXED);
	errno = EAGAIN;
	return -1;
}

ssize_t sendfile64(int out, int in, off64_t *offset, size_t count)
{
	return sendfile(out, in, offset, count);
}
