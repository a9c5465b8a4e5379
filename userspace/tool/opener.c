// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Opening a socket in the network namespace of the thread that asked for it.
 */
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/linnet.h>
#include <linux/nsfs.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define NS_PATH_LEN	32

/**
 * opener_init() - prepare to open sockets
 * @o: what to fill in
 *
 * Return: 0, or a negative errno; -ENOENT when /proc is not that of our own
 * process namespace.
 */
int opener_init(struct opener *o)
{
	char self[16] = "";
	struct stat st;

	o->proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (o->proc < 0)
		return -errno;
	/* Thread numbers mean something only in the /proc that counts as we do. */
	if (readlinkat(o->proc, "self", self, sizeof(self) - 1) < 0 || atoi(self) != getpid())
		return -ENOENT;
	if (fstatat(o->proc, "self/ns/net", &st, 0))
		return -errno;
	o->dev = st.st_dev;
	o->ino = st.st_ino;
	o->result = mmap(NULL, sizeof(*o->result), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return o->result == MAP_FAILED ? -errno : 0;
}

static int open_here(int domain, int type)
{
	int fd = socket(domain, type | SOCK_CLOEXEC, IPPROTO_LINNET);

	return fd < 0 ? -errno : fd;
}

static int enter(int netns)
{
	int userns;

	if (!setns(netns, CLONE_NEWNET))
		return 0;
	if (errno != EPERM)
		return -errno;
	/* Without privilege here we may still have it in the user namespace
	 * that owns the network namespace, being its creator's parent.
	 */
	userns = ioctl(netns, NS_GET_USERNS);
	if (userns < 0)
		return -EPERM;
	if (setns(userns, CLONE_NEWUSER) || setns(netns, CLONE_NEWNET))
		return -errno;
	return 0;
}

/*
 * A child enters the namespace, for us to stay where we are; with the table of
 * descriptors shared, what it opens is ours.
 */
static int open_there(const struct opener *o, int netns, int domain, int type)
{
	int status;
	pid_t pid;

	pid = syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL, 0UL);
	if (pid < 0)
		return -errno;
	if (!pid) {
		*o->result = enter(netns) ? -EXDEV : open_here(domain, type);
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid || status)
		return -EXDEV;
	return *o->result;
}

/**
 * opener_socket() - open a Linnet socket for a thread that waits for it
 * @o: from opener_init()
 * @listener: the notification descriptor
 * @req: the notification
 * @domain: AF_INET or AF_INET6
 * @type: SOCK_STREAM with any flags that socket() takes
 *
 * Return: our descriptor, close-on-exec, or a negative errno; -EXDEV when the
 * thread is in a network namespace that cannot be told or entered.
 */
int opener_socket(const struct opener *o, int listener, const struct seccomp_notif *req, int domain,
		  int type)
{
	char path[NS_PATH_LEN];
	__u64 id = req->id;
	struct stat st;
	int netns, fd;

	snprintf(path, sizeof(path), "%u/ns/net", req->pid);
	if (fstatat(o->proc, path, &st, 0))
		return -EXDEV;
	if (st.st_dev == o->dev && st.st_ino == o->ino)
		return open_here(domain, type);

	netns = openat(o->proc, path, O_RDONLY | O_CLOEXEC);
	if (netns < 0)
		return -EXDEV;
	/* The thread may have ended meanwhile and its number be another's. */
	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id))
		fd = -ESRCH;
	else
		fd = open_there(o, netns, domain, type);
	close(netns);
	return fd;
}
