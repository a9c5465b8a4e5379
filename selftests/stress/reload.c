// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Out and in again, 50 times, while clients keep trying to connect, segments
 * for connections that are gone keep arriving, somebody reads what /proc tells,
 * writes sysctls, and network namespaces come and go.
 */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "checksum.h"
#include "stock.h"

enum { TIMES = 50, PORT = 5001, CLIENTS = 2, HELPERS = CLIENTS + 5 };

/* Between the sockets of a helper, microseconds */
enum { SHORTEST_PAUSE = 4000, LONGEST_PAUSE = 2000000 };

/* What has happened, for all processes to count in */
static struct {
	uint64_t	connected, refused, absent, transfers, segments, reads, namespaces;
	/* microseconds that who holds sockets leaves between them */
	unsigned int	pause;
} *did;

static bool loaded(void)
{
	return !access("/sys/module/linnet", F_OK);
}

static void load(void)
{
	int fd = OK(open(getenv("LINNET_KO"), O_RDONLY | O_CLOEXEC));

	if (syscall(SYS_finit_module, fd, "", 0))
		FAIL("loading: %s", strerror(errno));
	close(fd);
}

static bool unload(void)
{
	return !syscall(SYS_delete_module, "linnet", O_NONBLOCK) || errno == ENOENT;
}

/* There is a moment without sockets when the pauses are long enough */
static void unload_in_a_pause(int patience)
{
	double end = now() + patience, longer = now() + 0.2;

	did->pause = SHORTEST_PAUSE;
	while (!unload()) {
		if (now() > end)
			FAIL("not unloaded in %d s", patience);
		if (now() > longer && did->pause < LONGEST_PAUSE) {
			did->pause *= 2;
			longer = now() + 0.2;
		}
		usleep(200);
	}
	CHECK(!loaded());
}

/* Connects as often as it can, and mostly finds nobody there */
static void knock(void)
{
	union address to;

	for (uint64_t i = 0;; i++) {
		int family = i % 2 ? AF_INET : AF_INET6;
		socklen_t len = address_set(&to, loopback(family), PORT);
		int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK, proto);

		if (fd < 0) {
			did->absent++;
			usleep(500);
			continue;
		}
		if (!connect(fd, &to.sa, len) || errno == EINPROGRESS) {
			struct pollfd p = { .fd = fd, .events = POLLOUT };
			char c = 0;

			if (poll(&p, 1, 20) == 1 && !sk_error(fd) &&
			    send(fd, &c, 1, MSG_NOSIGNAL) == 1)
				did->connected++;
			else
				did->refused++;
		}
		close(fd);
		usleep(did->pause);
	}
}

/* A server that comes, takes who is there, and goes */
static void host(void)
{
	union address a;

	for (;;) {
		socklen_t len = address_set(&a, "::", PORT);
		int l = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, proto), fd, one = 1;

		if (l < 0) {
			usleep(500);
			continue;
		}
		setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		if (!bind(l, &a.sa, len) && !listen(l, 8)) {
			struct pollfd p = { .fd = l, .events = POLLIN };

			for (int i = 0; i < 4 && poll(&p, 1, 5) == 1; i++) {
				fd = accept(l, NULL, NULL);
				if (fd >= 0 && !close(fd))
					did->transfers++;
			}
		}
		close(l);
		usleep(2 * did->pause);
	}
}

/* Segments of all kinds to the port, from itself, with a sum that is right */
static void shoot(int family)
{
	int raw = OK(socket(family, SOCK_RAW, PROTO_LINNET)), offset = 16;
	union address to;
	socklen_t len = address_set(&to, loopback(family), 0);
	uint8_t segment[60];

	if (family == AF_INET6)
		OK(setsockopt(raw, IPPROTO_IPV6, IPV6_CHECKSUM, &offset, sizeof(offset)));
	for (unsigned int i = 0;; i++) {
		size_t n = 20 + i % 40;
		uint16_t sum;

		pattern_fill(segment, i * sizeof(segment), sizeof(segment), 3);
		segment[0] = PORT >> 8;
		segment[1] = (uint8_t)PORT;
		segment[2] = PORT >> 8;
		segment[3] = (uint8_t)PORT;
		segment[12] = (5 + i % 3) << 4;
		segment[16] = 0;
		segment[17] = 0;
		/* 127.0.0.1 twice, the protocol, the length */
		sum = checksum_fold(checksum_add(segment, n, 2 * (0x7f00 + 1) + PROTO_LINNET + n));
		segment[16] = sum >> 8;
		segment[17] = (uint8_t)sum;
		if (sendto(raw, segment, n, 0, &to.sa, len) > 0)
			did->segments++;
		if (i % 16 == 0)
			usleep(1000 + did->pause);
	}
}

static void read_all(const char *path)
{
	char buf[4096];
	int fd = open(path, O_RDONLY);

	if (fd < 0)
		return;
	while (read(fd, buf, sizeof(buf)) > 0)
		;
	close(fd);
	did->reads++;
}

static void look(void)
{
	for (unsigned int i = 0;; i++) {
		int fd;

		read_all("/proc/thread-self/net/linnet/snmp");
		read_all("/proc/thread-self/net/linnet/sockets");
		read_all("/proc/sys/net/linnet/rmem");
		fd = open("/proc/sys/net/linnet/fin_timeout", O_WRONLY);
		if (fd >= 0) {
			if (write(fd, i % 2 ? "60" : "30", 2) != 2) {
				/* it went meanwhile */
			}
			close(fd);
		}
		usleep(300 + did->pause);
	}
}

/* Namespaces, each with a connection that is left behind */
static void come_and_go(void)
{
	for (;;) {
		pid_t pid = fork();

		if (pid < 0) {
			usleep(1000);
			continue;
		}
		if (!pid) {
			int fd;

			if (unshare(CLONE_NEWNET))
				_exit(0);
			fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, proto);
			if (fd >= 0)
				sk_connect(fd, "127.0.0.1", PORT);
			_exit(0);
		}
		waitpid(pid, NULL, 0);
		did->namespaces++;
		usleep(2 * did->pause);
	}
}

static pid_t helper(void (*run)(void))
{
	pid_t pid = OK(fork());

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		run();
		_exit(0);
	}
	return pid;
}

static void shoot4(void)
{
	shoot(AF_INET);
}

static void shoot6(void)
{
	shoot(AF_INET6);
}

/* The kernel asks for the module at each socket() that finds none. Hundreds of
 * modprobe at once leave nobody else a turn, and one of them might load it.
 */
#define MODPROBE "/proc/sys/kernel/modprobe"

static void modprobe_is(const char *path)
{
	int fd = OK(open(MODPROBE, O_WRONLY));

	CHECK(write(fd, path, strlen(path)) == (ssize_t)strlen(path));
	close(fd);
}

static void fifty_times(void)
{
	pid_t pids[HELPERS];
	int n = 0, i, fd[2];
	double start;

	if (!getenv("LINNET_KO") || access(getenv("LINNET_KO"), R_OK))
		skip("the module's file is not known: set LINNET_KO");
	alarm(300 * time_factor());
	did = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	did->pause = SHORTEST_PAUSE;
	modprobe_is("\n");
	for (i = 0; i < CLIENTS; i++)
		pids[n++] = helper(knock);
	pids[n++] = helper(host);
	pids[n++] = helper(shoot4);
	pids[n++] = helper(shoot6);
	pids[n++] = helper(look);
	pids[n++] = helper(come_and_go);
	start = now();
	for (i = 0; i < TIMES; i++) {
		uint64_t before = did->connected;

		/* somebody has to be inside before it goes */
		AWAIT(did->connected > before || did->refused > 50);
		unload_in_a_pause(PATIENCE * time_factor());
		/* some find that it is not there */
		before = did->absent;
		AWAIT(did->absent > before);
		load();
		if (getenv("VERBOSE"))
			printf("# %d at %.1f s, pause %u us\n", i, now() - start, did->pause);
	}
	for (i = 0; i < n; i++) {
		OK(kill(pids[i], SIGKILL));
		OK(waitpid(pids[i], NULL, 0));
	}
	printf("# %d times in %.0f s: connected %llu, refused %llu, absent %llu, accepted %llu\n",
	       TIMES, now() - start, (unsigned long long)did->connected,
	       (unsigned long long)did->refused, (unsigned long long)did->absent,
	       (unsigned long long)did->transfers);
	printf("# segments %llu, reads %llu, namespaces %llu\n",
	       (unsigned long long)did->segments, (unsigned long long)did->reads,
	       (unsigned long long)did->namespaces);
	CHECK(did->connected && did->refused && did->transfers && did->segments && did->reads &&
	      did->namespaces);
	/* it works as ever, and goes when nobody holds it */
	sk_pair(AF_INET, fd);
	transfer(fd[0], fd[1], 100000, 100000);
	close(fd[0]);
	close(fd[1]);
	AWAIT(unload());
	CHECK(!loaded());
	load();
	CHECK_EQ(counter("SocketsAll", NULL), 0);
}

static const struct test tests[] = {
	{ "unloaded and loaded 50 times under traffic", fifty_times },
};

int main(void)
{
	char modprobe[256] = "";
	int fd = open(MODPROBE, O_RDONLY), rc;

	if (fd >= 0 && read(fd, modprobe, sizeof(modprobe) - 1) < 0)
		modprobe[0] = 0;
	close(fd);
	rc = run_tests(tests, 1);
	if (*modprobe)
		modprobe_is(modprobe);
	/* the tests after this one need it */
	if (!loaded() && getenv("LINNET_KO"))
		load();
	return rc;
}
