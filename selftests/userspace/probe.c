// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the launcher's tests run under it.  Built both as a dynamic and as a
 * static program.  "probe MODE"; exit status 0 when all is as it should be for
 * the protocol in $EXPECT.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS		16
#define SOCKETS		50
#define X32_BIT		0x40000000

static int expected;

static int protocol_of(int fd)
{
	int protocol = -1;
	socklen_t len = sizeof(protocol);

	return getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len) ? -errno : protocol;
}

/* Checks one socket() call and closes what it gave. */
static int check(int domain, int type, int protocol, int want)
{
	int fd = socket(domain, type, protocol), bad = 0, got;

	if (fd < 0) {
		printf("socket(%d, %#x, %d): %s\n", domain, type, protocol, strerror(errno));
		return 1;
	}
	got = protocol_of(fd);
	if (got != want)
		bad = printf("socket(%d, %#x, %d) has protocol %d, not %d\n", domain, type,
			     protocol, got, want);
	if (!!(fcntl(fd, F_GETFD) & FD_CLOEXEC) != !!(type & SOCK_CLOEXEC))
		bad = printf("socket(%d, %#x, %d): close-on-exec is wrong\n", domain, type,
			     protocol);
	if (!!(fcntl(fd, F_GETFL) & O_NONBLOCK) != !!(type & SOCK_NONBLOCK))
		bad = printf("socket(%d, %#x, %d): O_NONBLOCK is wrong\n", domain, type, protocol);
	close(fd);
	return !!bad;
}

static int mode_sockets(void)
{
	static const int flags[] = { 0, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_CLOEXEC | SOCK_NONBLOCK };
	static const int families[] = { AF_INET, AF_INET6 };
	int bad = 0;

	for (int f = 0; f < 2; f++) {
		for (int i = 0; i < 4; i++) {
			bad |= check(families[f], SOCK_STREAM | flags[i], 0, expected);
			bad |= check(families[f], SOCK_STREAM | flags[i], IPPROTO_TCP, expected);
		}
		bad |= check(families[f], SOCK_DGRAM, 0, IPPROTO_UDP);
		bad |= check(families[f], SOCK_DGRAM, IPPROTO_UDP, IPPROTO_UDP);
	}
	bad |= check(AF_UNIX, SOCK_STREAM, 0, 0);
	return bad;
}

/* Errors are those of the kernel, for the call as the program made it. */
static int mode_errors(void)
{
	struct rlimit rl = { .rlim_cur = 3, .rlim_max = 3 };
	int bad = 0;

	if (socket(AF_INET, SOCK_STREAM | 0x100, 0) >= 0 || errno != EINVAL)
		bad = printf("unknown flag: %s\n", strerror(errno));
	if (socket(AF_INET, SOCK_STREAM, IPPROTO_UDP) >= 0 || errno != EPROTONOSUPPORT)
		bad = printf("UDP as a stream: %s\n", strerror(errno));
	setrlimit(RLIMIT_NOFILE, &rl);
	if (socket(AF_INET, SOCK_STREAM, 0) >= 0 || errno != EMFILE)
		bad = printf("no descriptor left: %s\n", strerror(errno));
	return !!bad;
}

static void *open_many(void *arg)
{
	long bad = 0;

	(void)arg;
	for (int i = 0; i < SOCKETS; i++)
		bad |= check(i & 1 ? AF_INET : AF_INET6, SOCK_STREAM, 0, expected);
	return (void *)bad;
}

static int mode_threads(void)
{
	pthread_t t[THREADS];
	void *r;
	int bad = 0;

	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&t[i], NULL, open_many, NULL))
			return 1;
	for (int i = 0; i < THREADS; i++) {
		pthread_join(t[i], &r);
		bad |= !!r;
	}
	return bad;
}

static int mode_fork(void)
{
	int bad = 0, status;

	for (int i = 0; i < THREADS; i++) {
		if (!fork())
			_exit(open_many(NULL) ? 1 : 0);
	}
	while (wait(&status) > 0)
		bad |= !!status;
	return bad;
}

/* Descriptors without close-on-exec, and only they, live through exec. */
static int mode_exec(void)
{
	char plain[16], cloexec[16];

	snprintf(plain, sizeof(plain), "%d", socket(AF_INET, SOCK_STREAM, 0));
	snprintf(cloexec, sizeof(cloexec), "%d", socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	execl("/proc/self/exe", "probe", "executed", plain, cloexec, (char *)NULL);
	return 1;
}

static int mode_executed(char **argv)
{
	if (protocol_of(atoi(argv[2])) != expected)
		return puts("a plain socket did not live through exec");
	if (protocol_of(atoi(argv[3])) != -EBADF)
		return puts("a close-on-exec socket lived through exec");
	return mode_sockets();
}

static volatile sig_atomic_t alarms;

static void on_alarm(int signum)
{
	(void)signum;
	alarms++;
}

/*
 * A storm of signals: no call fails, and no descriptor is left over.  Without
 * SA_RESTART a signal that comes before the supervisor has taken up the call
 * would make it fail with EINTR (linnet-run(1)).
 */
static int mode_signals(void)
{
	struct sigaction sa = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	struct itimerval it = { .it_interval.tv_usec = 100, .it_value.tv_usec = 100 };
	int bad = 0, first = dup(0), last;

	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &it, NULL);
	for (int i = 0; i < 100 * SOCKETS; i++)
		bad |= check(AF_INET, SOCK_STREAM, 0, expected);
	memset(&it, 0, sizeof(it));
	setitimer(ITIMER_REAL, &it, NULL);
	last = dup(0);
	if (last != first + 1)
		bad = printf("descriptors left over: %d is next, not %d\n", last, first + 1);
	if (!alarms)
		bad = puts("there was no signal");
	return bad;
}

static int mode_uring(void)
{
	char params[120] = { 0 };

	if (syscall(SYS_io_uring_setup, 1, params) >= 0 || errno != ENOSYS)
		return printf("io_uring_setup: %s\n", strerror(errno));
	return 0;
}

static long int80(long nr, long a, long b, long c)
{
	long r;

	__asm__ volatile("int $0x80"
			 : "=a"(r)
			 : "a"(nr), "b"(a), "c"(b), "d"(c)
			 : "memory", "r8", "r9", "r10", "r11");
	return (int)r;
}

/* The two ways of 32-bit programs, which a 64-bit one can go too. */
static int mode_i386(void)
{
	unsigned int *args = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	long fd;

	if (int80(20 /* getpid */, 0, 0, 0) != getpid()) {
		puts("SKIP: no 32-bit system calls in this kernel");
		return 4;
	}
	fd = int80(359, AF_INET, SOCK_STREAM, 0);
	if (protocol_of(fd) != expected)
		return printf("socket: %ld, protocol %d\n", fd, protocol_of(fd));
	args[0] = AF_INET6;
	args[1] = SOCK_STREAM;
	args[2] = IPPROTO_TCP;
	fd = int80(102, 1, (long)args, 0);
	if (protocol_of(fd) != expected)
		return printf("socketcall: %ld, protocol %d\n", fd, protocol_of(fd));
	args[1] = SOCK_DGRAM;
	args[2] = 0;
	fd = int80(102, 1, (long)args, 0);
	if (protocol_of(fd) != IPPROTO_UDP)
		return printf("socketcall for UDP: %ld, protocol %d\n", fd, protocol_of(fd));
	if (int80(102, 1, 8, 0) != -EFAULT)
		return puts("socketcall with a bad address did not fail so");
	if (int80(425, 1, (long)args, 0) != -ENOSYS)
		return puts("io_uring_setup");
	return 0;
}

/* x32 calls have numbers of their own: none may get past the filter. */
static int mode_x32(void)
{
	long fd = syscall(SYS_socket | X32_BIT, AF_INET, SOCK_STREAM, 0);

	if (fd < 0 && errno == ENOSYS && syscall(SYS_getpid | X32_BIT) < 0) {
		puts("SKIP: no x32 system calls in this kernel");
		return 4;
	}
	if (protocol_of(fd) != expected)
		return printf("socket: %ld, protocol %d\n", fd, protocol_of(fd));
	return 0;
}

/* The socket belongs to the network namespace of the thread that asked. */
static int mode_namespace(void)
{
	int stream = socket(AF_INET, SOCK_STREAM, 0), dgram = socket(AF_INET, SOCK_DGRAM, 0);
	unsigned long long a = 0, b = 1;
	socklen_t len = sizeof(a);

	if (protocol_of(stream) != expected)
		return printf("protocol %d\n", protocol_of(stream));
	if (getsockopt(stream, SOL_SOCKET, SO_NETNS_COOKIE, &a, &len) ||
	    getsockopt(dgram, SOL_SOCKET, SO_NETNS_COOKIE, &b, &len))
		return printf("SO_NETNS_COOKIE: %s\n", strerror(errno));
	return a == b ? 0 : puts("the socket is in another network namespace");
}

/* Hides its /proc entries, as programs with secrets do. */
static int mode_undumpable(void)
{
	int fd;

	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd < 0)
		printf("%s\n", strerror(errno));
	else
		printf("protocol %d\n", protocol_of(fd));
	return 0;
}

/* Another's seccomp supervisor above the command. */
static int mode_listener(char **argv)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog prog = { .len = 1, .filter = &allow };

	int fd;

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &prog);
	/* It lasts as long as its descriptor. */
	if (fd < 0 || fcntl(fd, F_SETFD, 0)) {
		perror("seccomp");
		return 1;
	}
	execv(argv[2], argv + 2);
	return 1;
}

/* No child that the program did not make. */
static int mode_children(void)
{
	if (waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD)
		return puts("there is a child");
	return 0;
}

/* Opens a socket each time a line comes, until there are no more. */
static int mode_lines(void)
{
	char line[64];

	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	while (fgets(line, sizeof(line), stdin)) {
		printf("%d\n", protocol_of(socket(AF_INET, SOCK_STREAM, 0)));
		fflush(stdout);
	}
	return 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(void);
		int (*run_args)(char **argv);
	} modes[] = {
		{ "sockets", mode_sockets, NULL },     { "errors", mode_errors, NULL },
		{ "threads", mode_threads, NULL },     { "fork", mode_fork, NULL },
		{ "exec", mode_exec, NULL },	       { "executed", NULL, mode_executed },
		{ "signals", mode_signals, NULL },     { "uring", mode_uring, NULL },
		{ "i386", mode_i386, NULL },	       { "x32", mode_x32, NULL },
		{ "namespace", mode_namespace, NULL }, { "undumpable", mode_undumpable, NULL },
		{ "listener", NULL, mode_listener },   { "children", mode_children, NULL },
		{ "lines", mode_lines, NULL },
	};
	const char *expect = getenv("EXPECT");
	int r;

	expected = expect ? atoi(expect) : IPPROTO_TCP;
	for (size_t i = 0; argc > 1 && i < sizeof(modes) / sizeof(*modes); i++) {
		if (strcmp(argv[1], modes[i].name))
			continue;
		r = modes[i].run ? modes[i].run() : modes[i].run_args(argv);
		return r == 4 ? 4 : !!r;
	}
	fprintf(stderr, "probe: no such mode\n");
	return 2;
}
