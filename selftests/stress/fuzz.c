// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Two namespaces whose packets go through our hands: connections are made, used
 * and closed on both sides while the segments between them are changed, cut,
 * repeated, held back, answered by invented ICMP errors, their checksums put
 * right again.  Connections may die of it; the kernel may not complain, nobody
 * may hang, nothing may be left, and then everything must work as before.
 *
 * FUZZ_SECONDS and SEED in the environment choose how long and which.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "segment.h"
#include "stock.h"

enum { PORT = 7001, CLIENTS = 3, SERVERS = 3, PATIENT_MS = 3000, GRACE = 60 };

static const char * const host[2][2] = {
	{ "192.0.2.1", "192.0.2.2" }, { "2001:db8::1", "2001:db8::2" },
};

static struct shared {
	volatile bool	stop;		/* workers: finish what you are at */
	volatile bool	gentle;		/* forwarder: leave them alone */
	uint64_t	passed, changed, opened, completed, broken;
} *shared;

static int side[2], tun[2];

/* --- the network --- */

static int tun_new(const char *name)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	int fd = OK(open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK));

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	OK(ioctl(fd, TUNSETIFF, &request));
	return fd;
}

/* Connections that have lost their peer are to go soon */
static void impatient(void)
{
	if (proto == PROTO_TCP) {
		command("cd /proc/sys/net/ipv4 && echo 1 >tcp_orphan_retries && echo 5 >tcp_fin_timeout && "
			"echo 1 >tcp_synack_retries && echo 2 >tcp_syn_retries && echo 0 >tcp_max_tw_buckets");
	} else {
		command("cd /proc/sys/net/linnet && echo 1 >orphan_retries && echo 5 >fin_timeout && "
			"echo 1 >synack_retries && echo 2 >syn_retries && echo 200 >max_tw_buckets");
	}
}

static void network(void)
{
	side[0] = ns_current();
	side[1] = ns_new();
	for (int i = 0; i < 2; i++) {
		ns_enter(side[i]);
		tun[i] = tun_new("f0");
		command("ip addr add %s/24 dev f0 && ip addr add %s/64 dev f0 nodad && ip link set f0 up",
			host[0][i], host[1][i]);
		impatient();
	}
	ns_enter(side[0]);
}

/* --- who is between them --- */

static void deliver(int to, const struct packet *p)
{
	/* a full queue loses it, as queues do */
	if (write(tun[to], p->data, p->len) < 0 && errno != EAGAIN && errno != EINVAL)
		FAIL("tun: %s", strerror(errno));
}

static void forward(uint64_t seed)
{
	struct pollfd p[2] = {
		{ .fd = tun[0], .events = POLLIN }, { .fd = tun[1], .events = POLLIN },
	};
	static struct mangler m;
	static struct packet in, out;

	mangler_init(&m, seed, proto);
	for (;;) {
		OK(poll(p, 2, 50));
		for (int from = 0; from < 2; from++) {
			ssize_t n = read(tun[from], in.data, sizeof(in.data));

			if (n <= 0)
				continue;
			in.len = n;
			shared->passed++;
			if (shared->gentle) {
				deliver(!from, &in);
				continue;
			}
			mangler_take(&m, &in, from);
			while (mangler_next(&m, &out))
				deliver(out.to, &out);
			shared->changed = m.changed;
		}
	}
}

/* --- who uses them --- */

static uint64_t dice_state;

static uint32_t dice(uint32_t n)
{
	return mangler_random(&dice_state) % n;
}

static void odd_options(int fd)
{
	static const int sizes[] = { 2000, 10000, 100000, 1000000 };
	static const char * const controls[] = { "reno", "cubic", "linnet_reno" };
	int one = 1, size = sizes[dice(4)], mss = 100 + dice(1400);
	const char *control = controls[dice(3)];

	if (!dice(3))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (!dice(3))
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (!dice(3))
		setsockopt(fd, SOL_TCP, TCP_NODELAY, &one, sizeof(one));
	if (!dice(4))
		setsockopt(fd, SOL_TCP, TCP_CORK, &one, sizeof(one));
	if (!dice(4))
		setsockopt(fd, SOL_TCP, TCP_MAXSEG, &mss, sizeof(mss));
	if (!dice(4))
		setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
	if (!dice(3))
		setsockopt(fd, SOL_TCP, TCP_CONGESTION, control, strlen(control));
}

static void odd_close(int fd)
{
	struct linger hard = { .l_onoff = 1, .l_linger = dice(3) ? 0 : 1 };

	if (!dice(4))
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(fd);
}

/* Sends and reads until the peer has ended, or too long; what comes is not
 * looked at, since a changed segment with a good checksum is a true one.
 */
static bool use(int fd, uint64_t to_send)
{
	static char buf[32768];
	double end = now() + PATIENT_MS / 1000.;
	struct tcp_info info;
	socklen_t len = sizeof(info);
	bool shut = false;

	while (now() < end) {
		struct pollfd p = { .fd = fd, .events = POLLIN | (to_send ? POLLOUT : 0) };
		ssize_t n;

		if (OK(poll(&p, 1, PATIENT_MS)) == 0)
			return false;
		if (p.revents & (POLLIN | POLLERR | POLLHUP)) {
			n = recv(fd, buf, dice(sizeof(buf)) + 1, dice(20) ? 0 : MSG_PEEK);
			if (n == 0 && !to_send)
				return true;
			if (n == 0 || (n < 0 && errno != EAGAIN))
				return false;
		}
		if (to_send && (p.revents & POLLOUT)) {
			n = dice(sizeof(buf)) + 1;
			n = send(fd, buf, to_send < (uint64_t)n ? to_send : (uint64_t)n,
				 MSG_NOSIGNAL | (dice(10) ? 0 : MSG_OOB) | (dice(5) ? 0 : MSG_MORE));
			if (n < 0 && errno != EAGAIN)
				return false;
			if (n > 0)
				to_send -= n;
		}
		if (!to_send && !shut) {
			shutdown(fd, SHUT_WR);
			shut = true;
		}
		if (!dice(16))
			getsockopt(fd, SOL_TCP, TCP_INFO, &info, &len);
	}
	return false;
}

static void finished(int fd, bool well)
{
	__atomic_add_fetch(well ? &shared->completed : &shared->broken, 1, __ATOMIC_RELAXED);
	odd_close(fd);
}

static uint64_t some(void)
{
	return dice(4) ? dice(20000) : dice(2000000);
}

static void client(void)
{
	while (!shared->stop) {
		int v6 = dice(2);
		int fd = sk_new_nonblock(v6 ? AF_INET6 : AF_INET);

		odd_options(fd);
		if (sk_connect(fd, host[v6][1], PORT) && errno != EINPROGRESS) {
			close(fd);
			continue;
		}
		if (!(sk_events(fd, POLLOUT, PATIENT_MS) & POLLOUT) || sk_error(fd)) {
			finished(fd, false);
			continue;
		}
		__atomic_add_fetch(&shared->opened, 1, __ATOMIC_RELAXED);
		finished(fd, use(fd, some()));
	}
}

static void server(int l)
{
	while (!shared->stop) {
		int fd;

		if (!sk_events(l, POLLIN, 200))
			continue;
		fd = accept4(l, NULL, NULL, SOCK_NONBLOCK);
		if (fd < 0)
			continue;
		odd_options(fd);
		finished(fd, use(fd, some()));
	}
}

static void look(void)
{
	char buf[4096];

	while (!shared->stop) {
		int fd = OK(open(proto == PROTO_TCP ? "/proc/thread-self/net/tcp" :
				 "/proc/thread-self/net/linnet/sockets", O_RDONLY));

		while (read(fd, buf, sizeof(buf)) > 0)
			;
		close(fd);
		usleep(20000);
	}
}

static pid_t worker(int ns, uint64_t seed, void (*run)(int), int arg)
{
	pid_t pid = OK(fork());

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dice_state = seed;
		ns_enter(ns);
		run(arg);
		_exit(0);
	}
	return pid;
}

static void client_run(int unused)
{
	(void)unused;
	client();
}

static void look_run(int unused)
{
	(void)unused;
	look();
}

static void forward_run(int seed)
{
	forward(seed);
}

static int listener(void)
{
	int l, before = ns_current();

	ns_enter(side[1]);
	l = sk_listen("::", PORT, 16);
	sk_nonblock(l, true);
	ns_enter(before);
	close(before);
	return l;
}

static void still_works(int l)
{
	for (int i = 0; i < 10; i++) {
		int fd[2];

		fd[0] = sk_connected(host[i % 2][1], PORT);
		AWAIT((fd[1] = accept(l, NULL, NULL)) >= 0 && sk_peer_port(fd[1]) == sk_port(fd[0]));
		transfer(fd[0], fd[1], 100000, 100000);
		close(fd[0]);
		close(fd[1]);
	}
}

static void empty(int l)
{
	int fd;

	while ((fd = accept(l, NULL, NULL)) >= 0)
		close(fd);
}

static void mutated(void)
{
	int seconds = getenv("FUZZ_SECONDS") ? atoi(getenv("FUZZ_SECONDS")) : full() ? 600 : 10;
	uint64_t seed = getenv("SEED") ? strtoull(getenv("SEED"), NULL, 0) : (uint64_t)now();
	pid_t workers[CLIENTS + SERVERS + 1], forwarder;
	struct stock before;
	int n = 0, l, status;
	double end;

	if (system("modprobe -q tun") || access("/dev/net/tun", R_OK | W_OK))
		skip("there is no /dev/net/tun");
	alarm(seconds + 280 * time_factor());
	printf("# seed %llu\n", (unsigned long long)seed);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	network();
	stock_take(&before);
	forwarder = worker(side[0], seed, forward_run, (int)seed);
	l = listener();
	for (int i = 0; i < CLIENTS; i++)
		workers[n++] = worker(side[0], seed + 10 + i, client_run, 0);
	for (int i = 0; i < SERVERS; i++)
		workers[n++] = worker(side[1], seed + 20 + i, server, l);
	workers[n++] = worker(side[0], seed, look_run, 0);

	end = now() + seconds;
	while (now() < end) {
		CHECK_EQ(waitpid(forwarder, &status, WNOHANG), 0);
		usleep(100000);
	}
	shared->stop = true;
	for (int i = 0; i < n; i++) {
		int rc = 0;

		AWAIT_WITHIN((rc = waitpid(workers[i], &status, WNOHANG)) != 0, GRACE);
		CHECK_EQ(rc, workers[i]);
		CHECK_EQ(status, 0);
	}
	shared->gentle = true;
	printf("# %llu packets, %llu of them changed; %llu connections opened, ends: %llu good, %llu bad\n",
	       (unsigned long long)shared->passed, (unsigned long long)shared->changed,
	       (unsigned long long)shared->opened, (unsigned long long)shared->completed,
	       (unsigned long long)shared->broken);
	CHECK(shared->opened * time_factor() > (uint64_t)seconds &&
	      shared->changed * time_factor() > 10 * (uint64_t)seconds);
	CHECK(shared->completed > 0);
	empty(l);
	still_works(l);
	close(l);
	stock_await(&before, 150);
	OK(kill(forwarder, SIGKILL));
	OK(waitpid(forwarder, NULL, 0));
}

static const struct test tests[] = {
	{ "segments changed on their way", mutated },
};

TEST_MAIN(tests)
