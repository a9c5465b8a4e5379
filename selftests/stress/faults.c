// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Each allocation fails in turn: the first one that a system call makes, then
 * the second, until none is left to fail.  The call has to end with a sensible
 * error or do what it was asked for, the connection has to be usable after it,
 * and nothing may be left.  The same for every step of loading the module, and,
 * by chance instead of in turn, for what softirqs allocate.
 *
 * Needs a kernel with fault injection, as the debug kernel of lab is
 * (Documentation/fault-injection/fault-injection.rst of the kernel).
 */
#include <fcntl.h>
#include <linux/filter.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "stock.h"

#define FAILSLAB	"/sys/kernel/debug/failslab/"
#define KMEMLEAK	"/sys/kernel/debug/kmemleak"
#define FAIL_PAGE	"/sys/kernel/debug/fail_page_alloc/"

/* More than any call makes here; loading makes about a thousand */
enum { MOST = 300, MOST_LOADING = 5000 };

static int nth_fd = -1;

/* --- the kernel's fault injection --- */

static bool put(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY);
	bool good = fd >= 0 && write(fd, value, strlen(value)) > 0;

	if (fd >= 0)
		close(fd);
	return good;
}

/* Faults by chance are for the whole machine: they end with the test, however it
 * ends
 */
static void no_more_faults(void)
{
	put(FAILSLAB "probability", "0");
	put("/proc/sys/kernel/printk", "4");
}

/* Fail those that may sleep and those that may not, large and small.  The
 * kernel's allocators tell of failures in the log at length, and it need not go
 * to a slow console as well.
 */
static void need_faults(void)
{
	nth_fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (nth_fd < 0)
		skip("this kernel has no fault injection");
	CHECK(put("/proc/sys/kernel/printk", "1"));
	atexit(no_more_faults);
	CHECK(put(FAILSLAB "probability", "0"));
	CHECK(put(FAILSLAB "ignore-gfp-wait", "N"));
	CHECK(put(FAILSLAB "verbose", "0"));
	CHECK(put(FAIL_PAGE "ignore-gfp-wait", "N"));
	CHECK(put(FAIL_PAGE "ignore-gfp-highmem", "N"));
	CHECK(put(FAIL_PAGE "min-order", "0"));
	CHECK(put(FAIL_PAGE "verbose", "0"));
}

static void fail_nth(int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%d", n);

	OK(pwrite(nth_fd, text, len, 0));
}

/* Whether it came to the failure */
static bool fail_end(void)
{
	char text[16] = "";
	int saved = errno;
	bool failed;

	OK(pread(nth_fd, text, sizeof(text) - 1, 0));
	failed = atoi(text) == 0;
	fail_nth(0);
	errno = saved;
	return failed;
}

/* --- system calls --- */

struct scene {
	const char	*host;
	int		l;		/* a listener */
	int		c, s;		/* a connection, or -1 */
	int		made;		/* what the call made, or -1 */
};

struct call {
	const char	*name;
	void		(*before)(struct scene *s);
	long		(*run)(struct scene *s);
	/* failed: with an error; it is called after success as well */
	void		(*after)(struct scene *s, long result, bool failed);
};

static char buf[200000];

static void scene_set(struct scene *s, int family)
{
	s->host = loopback(family);
	s->l = sk_listen(s->host, 0, 8);
	s->c = s->s = s->made = -1;
}

static void scene_end(struct scene *s)
{
	int *fds[] = { &s->l, &s->c, &s->s, &s->made };

	for (int i = 0; i < 4; i++)
		if (*fds[i] >= 0)
			close(*fds[i]);
}

static void connected(struct scene *s)
{
	s->c = sk_connected(s->host, sk_port(s->l));
	s->s = OK(accept(s->l, NULL, NULL));
}

static void with_socket(struct scene *s)
{
	s->made = sk_new(strchr(s->host, ':') ? AF_INET6 : AF_INET);
}

static void with_client(struct scene *s)
{
	s->c = sk_connected(s->host, sk_port(s->l));
}

static void with_data(struct scene *s)
{
	connected(s);
	send_pattern(s->c, 0, 5000, 1);
	AWAIT(sk_inq(s->s) == 5000);
}

/* Nothing was lost by it */
static void usable(struct scene *s, long result, bool failed)
{
	(void)result;
	(void)failed;
	transfer(s->c, s->s, 3000, 3000);
}

static long run_socket(struct scene *s)
{
	return s->made = socket(strchr(s->host, ':') ? AF_INET6 : AF_INET, SOCK_STREAM, proto);
}

static void after_socket(struct scene *s, long result, bool failed)
{
	(void)result;
	if (failed)
		with_socket(s);
	OK(sk_connect(s->made, s->host, sk_port(s->l)));
}

static long run_bind(struct scene *s)
{
	return sk_bind(s->made, s->host, 0);
}

static void after_bind(struct scene *s, long result, bool failed)
{
	(void)result;
	if (failed)
		OK(run_bind(s));
	OK(listen(s->made, 5));
}

static long run_listen(struct scene *s)
{
	return listen(s->made, 5);
}

static void after_listen(struct scene *s, long result, bool failed)
{
	(void)result;
	if (failed)
		OK(listen(s->made, 5));
	close(s->l);
	s->l = s->made;
	s->made = -1;
	connected(s);
	transfer(s->c, s->s, 3000, 3000);
}

static long run_connect(struct scene *s)
{
	return sk_connect(s->made, s->host, sk_port(s->l));
}

/* A socket whose connect() found no memory can try again */
static void after_connect(struct scene *s, long result, bool failed)
{
	(void)result;
	if (failed)
		OK(run_connect(s));
	s->c = s->made;
	s->made = -1;
	/* of more than one attempt only the last has a peer */
	do {
		if (s->s >= 0)
			close(s->s);
		s->s = OK(accept(s->l, NULL, NULL));
	} while (sk_peer_port(s->s) != sk_port(s->c));
	transfer(s->c, s->s, 3000, 3000);
}

static long run_accept(struct scene *s)
{
	return s->s = accept(s->l, NULL, NULL);
}

/* The connection waits for who has memory */
static void after_accept(struct scene *s, long result, bool failed)
{
	(void)result;
	if (failed)
		s->s = OK(accept(s->l, NULL, NULL));
	transfer(s->c, s->s, 3000, 3000);
}

static long send_some(struct scene *s, size_t len)
{
	pattern_fill(buf, 0, len, 1);
	return send(s->c, buf, len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static long run_send(struct scene *s)
{
	return send_some(s, 100);
}

static long run_send_much(struct scene *s)
{
	return send_some(s, sizeof(buf));
}

/* What was taken comes, and nothing else */
static void after_send(struct scene *s, long result, bool failed)
{
	if (!failed)
		receive_pattern(s->s, 0, result, 1);
	transfer(s->c, s->s, 3000, 3000);
}

static long run_recv(struct scene *s)
{
	return recv(s->s, buf, sizeof(buf), MSG_DONTWAIT);
}

static void after_recv(struct scene *s, long result, bool failed)
{
	long n = failed ? 0 : result;

	pattern_check(buf, 0, n, 1);
	receive_pattern(s->s, n, 5000 - n, 1);
	transfer(s->c, s->s, 3000, 3000);
}

static long run_congestion(struct scene *s)
{
	return setsockopt(s->c, SOL_TCP, TCP_CONGESTION, "linnet_reno", 11);
}

static long run_cork(struct scene *s)
{
	int on = 1;

	setsockopt(s->c, SOL_TCP, TCP_CORK, &on, sizeof(on));
	if (send_some(s, 700) != 700)
		return -1;
	on = 0;
	return setsockopt(s->c, SOL_TCP, TCP_CORK, &on, sizeof(on));
}

/* How much was taken is not known when it failed: all of it or nothing */
static void after_cork(struct scene *s, long result, bool failed)
{
	(void)result;
	if (!failed)
		receive_pattern(s->s, 0, 700, 1);
}

static long run_filter(struct scene *s)
{
	struct sock_filter all[] = { BPF_STMT(BPF_RET | BPF_K, 0xffffffff) };
	struct sock_fprog program = { 1, all };

	return setsockopt(s->s, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

static long run_buffers(struct scene *s)
{
	int size = 50000;

	return setsockopt(s->s, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)) ?:
	       setsockopt(s->s, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

static long run_info(struct scene *s)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	return getsockopt(s->c, SOL_TCP, TCP_INFO, &info, &len);
}

static long run_shutdown(struct scene *s)
{
	return shutdown(s->c, SHUT_WR);
}

/* The end comes, if later */
static void after_shutdown(struct scene *s, long result, bool failed)
{
	(void)result;
	(void)failed;
	check_eof(s->s);
	send_pattern(s->s, 0, 3000, 1);
	receive_pattern(s->c, 0, 3000, 1);
}

static long run_close(struct scene *s)
{
	int fd = s->c;

	s->c = -1;
	return close(fd);
}

static void after_close(struct scene *s, long result, bool failed)
{
	(void)result;
	(void)failed;
	check_eof(s->s);
}

/* With data unread it is a reset, which is lost when there is no buffer for it */
static long run_abort(struct scene *s)
{
	int fd = s->s;

	s->s = -1;
	return close(fd);
}

static long run_disconnect(struct scene *s)
{
	struct sockaddr to = { .sa_family = AF_UNSPEC };

	return connect(s->c, &to, sizeof(to));
}

static long run_proc(struct scene *s)
{
	int fd = open(proto == PROTO_TCP ? "/proc/thread-self/net/tcp" :
		      "/proc/thread-self/net/linnet/sockets", O_RDONLY);
	long n;

	(void)s;
	if (fd < 0)
		return -1;
	n = read(fd, buf, 4096);
	close(fd);
	return n;
}

static const struct call calls[] = {
	{ "socket", NULL, run_socket, after_socket },
	{ "bind", with_socket, run_bind, after_bind },
	{ "listen", with_socket, run_listen, after_listen },
	{ "connect", with_socket, run_connect, after_connect },
	{ "accept", with_client, run_accept, after_accept },
	{ "send", connected, run_send, after_send },
	{ "send much", connected, run_send_much, after_send },
	{ "recv", with_data, run_recv, after_recv },
	{ "TCP_CONGESTION", connected, run_congestion, usable },
	{ "TCP_CORK", connected, run_cork, after_cork },
	{ "SO_ATTACH_FILTER", connected, run_filter, usable },
	{ "SO_RCVBUF, SO_SNDBUF", connected, run_buffers, usable },
	{ "TCP_INFO", connected, run_info, usable },
	{ "shutdown", connected, run_shutdown, after_shutdown },
	{ "close", connected, run_close, after_close },
	{ "close with data unread", with_data, run_abort, NULL },
	{ "connect to nothing", connected, run_disconnect, NULL },
	{ "/proc", connected, run_proc, usable },
};

static bool sensible(int err)
{
	/* ENFILE is what socket() and accept() say without an inode */
	return err == ENOMEM || err == ENOBUFS || err == ENFILE || err == EAGAIN;
}

/* One call, each of its allocations failing in turn */
static int one_call(const struct call *call, int family)
{
	int n, errors = 0;

	for (n = 1; n < MOST; n++) {
		struct scene s;
		bool injected;
		long result;

		scene_set(&s, family);
		if (call->before)
			call->before(&s);
		fail_nth(n);
		errno = 0;
		result = call->run(&s);
		injected = fail_end();
		if (result < 0 && !(injected && sensible(errno)))
			FAIL("%s, allocation %d%s: %s", call->name, n, injected ? "" : " (none failed)",
			     strerror(errno));
		errors += result < 0;
		if (call->after)
			call->after(&s, result, result < 0);
		scene_end(&s);
		if (!injected)
			break;
	}
	CHECK(n < MOST);
	printf("# %s: %d allocations, %d of them seen as errors\n", call->name, n - 1, errors);
	return n - 1;
}

static void each_call(int family)
{
	struct stock before;
	int total = 0;

	need_faults();
	alarm(500 * time_factor());
	/* who lost the reset of its peer is not to stay */
	if (proto == PROTO_TCP)
		command("cd /proc/sys/net/ipv4 && echo 0 >tcp_max_tw_buckets && echo 5 >tcp_fin_timeout && "
			"echo 1 >tcp_orphan_retries");
	else
		command("cd /proc/sys/net/linnet && echo 0 >max_tw_buckets && echo 5 >fin_timeout && "
			"echo 1 >orphan_retries");
	stock_take(&before);
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		total += one_call(&calls[i], family);
	CHECK(total > 30);
	stock_await(&before, 100);
}

static void calls4(void)
{
	each_call(AF_INET);
}

static void calls6(void)
{
	each_call(AF_INET6);
}

/* --- loading --- */

static bool is_there(const char *path)
{
	return !access(path, F_OK);
}

static bool mentions(const char *path, const char *word)
{
	char text[32768];
	int fd = open(path, O_RDONLY);
	ssize_t n, total = 0;

	if (fd < 0)
		return false;
	while ((n = read(fd, text + total, sizeof(text) - 1 - total)) > 0)
		total += n;
	close(fd);
	text[total] = 0;
	return strstr(text, word);
}

static void nothing_is_left(int nth)
{
	static const char * const paths[] = {
		"/sys/module/linnet", "/proc/thread-self/net/linnet", "/proc/sys/net/linnet",
		"/sys/kernel/slab/LINNET", "/sys/kernel/slab/LINNETv6",
		"/sys/kernel/slab/linnet_request", "/sys/kernel/slab/linnet_timewait",
		"/sys/kernel/slab/linnet_bind_bucket",
	};

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
		if (is_there(paths[i]))
			FAIL("allocation %d: %s is left", nth, paths[i]);
	if (mentions("/proc/thread-self/net/protocols", "LINNET"))
		FAIL("allocation %d: the protocol is left", nth);
	if (mentions("/proc/sys/net/ipv4/tcp_available_congestion_control", "linnet"))
		FAIL("allocation %d: linnet_reno is left", nth);
	CHECK_ERR(socket(AF_INET, SOCK_STREAM, proto), EPROTONOSUPPORT);
	CHECK_ERR(socket(AF_INET6, SOCK_STREAM, proto), EPROTONOSUPPORT);
}

static void unload(void)
{
	AWAIT(!syscall(SYS_delete_module, "linnet", O_NONBLOCK));
}

/* What leaked, but for a name that the kernel's own sysfs_slab_add() forgets when
 * it fails (6.1).  It is judged here and then cleared, for who looks at the end.
 */
static void judge_leaks(void)
{
	static char text[1 << 20];
	const char *at, *next;
	ssize_t n, total = 0;
	int fd;

	if (access(KMEMLEAK, R_OK))
		return;
	/* it looks only at what is older than 5 s, and twice */
	sleep(6);
	put(KMEMLEAK, "scan");
	put(KMEMLEAK, "scan");
	fd = OK(open(KMEMLEAK, O_RDONLY));
	while ((n = read(fd, text + total, sizeof(text) - 1 - total)) > 0)
		total += n;
	close(fd);
	for (at = strstr(text, "unreferenced"); at; at = next) {
		const char *known = strstr(at, "sysfs_slab_add");

		next = strstr(at + 1, "unreferenced");
		if (!known || (next && known > next))
			FAIL("leaked: %.2000s", at);
	}
	put(KMEMLEAK, "clear");
}

/* Every allocation of init_module(2), the module's file being in memory; those
 * of the kernel's loader and those of linnet_init(), which has two namespaces
 * to set up.  FAULT_STEP=N in the environment tries every Nth only, FAULT_FROM=N
 * begins with that one.
 */
static void loading(void)
{
	int step = getenv("FAULT_STEP") ? atoi(getenv("FAULT_STEP")) : 1;
	int from = getenv("FAULT_FROM") ? atoi(getenv("FAULT_FROM")) : 1;
	int fd, nth, refused = 0, fd2[2], tried = 0;
	struct stat st;
	double start = now();
	void *image;

	need_faults();
	if (proto == PROTO_TCP)
		skip("it is about the module");
	if (!getenv("LINNET_KO"))
		skip("the module's file is not known: set LINNET_KO");
	alarm(900 * time_factor());
	fd = OK(open(getenv("LINNET_KO"), O_RDONLY));
	OK(fstat(fd, &st));
	image = malloc(st.st_size);
	for (off_t at = 0; at < st.st_size; )
		at += OK(read(fd, (char *)image + at, st.st_size - at));
	close(fd);
	unload();
	nothing_is_left(0);
	for (nth = from; nth < MOST_LOADING; nth += step) {
		bool injected;
		int rc, err;

		if (++tried % 50 == 0)
			printf("# allocation %d after %.0f s\n", nth, now() - start);
		fail_nth(nth);
		rc = syscall(SYS_init_module, image, st.st_size, "");
		err = errno;
		injected = fail_end();
		if (rc) {
			if (!injected || (err != ENOMEM && err != ENOBUFS))
				FAIL("allocation %d%s: %s", nth, injected ? "" : " (none failed)",
				     strerror(err));
			refused++;
			nothing_is_left(nth);
			continue;
		}
		/* not all of them are needed: then it works */
		sk_pair(nth % 2 ? AF_INET : AF_INET6, fd2);
		transfer(fd2[0], fd2[1], 1000, 1000);
		close(fd2[0]);
		close(fd2[1]);
		if (!injected)
			break;
		unload();
	}
	CHECK(nth < MOST_LOADING);
	printf("# %d allocations, %d tried, %d of them made loading fail, %.0f s\n", nth - 1, tried,
	       refused, now() - start);
	CHECK(from > 1 || refused > 100 / step);
	CHECK_EQ(counter("SocketsAll", NULL), 0);
	judge_leaks();
}

/* --- what softirqs allocate --- */

/* One in ten of those that may not sleep, whoever makes them.  Never of all, not
 * even between two of these lines.
 */
static void atomic_ones_fail(bool on)
{
	if (!on)
		AWAIT(put(FAILSLAB "probability", "0"));
	CHECK(put(FAILSLAB "ignore-gfp-wait", on ? "Y" : "N"));
	CHECK(put(FAILSLAB "interval", "1"));
	CHECK(put(FAILSLAB "times", "-1"));
	if (on)
		CHECK(put(FAILSLAB "probability", "10"));
}

/* A connection of which any part may fail; true when it did all */
static bool attempt(int l, const char *host)
{
	struct timeval limit = { .tv_sec = 5 };
	int fd = socket(strchr(host, ':') ? AF_INET6 : AF_INET, SOCK_STREAM, proto), s;
	bool good = false;

	if (fd < 0)
		return false;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (!sk_connect(fd, host, sk_port(l))) {
		s = accept(l, NULL, NULL);
		if (s >= 0) {
			setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
			good = send(fd, buf, 50000, MSG_NOSIGNAL) == 50000 &&
			       recv(s, buf, 50000, MSG_WAITALL) == 50000;
			close(s);
		}
	}
	close(fd);
	return good;
}

static void in_softirq(void)
{
	int l[2], good = 0, i, rounds = 60, fd[2];
	struct timeval limit = { .tv_sec = 5 };
	struct stock before;

	need_faults();
	alarm(250 * time_factor());
	if (proto == PROTO_TCP)
		command("cd /proc/sys/net/ipv4 && echo 0 >tcp_max_tw_buckets && echo 5 >tcp_fin_timeout && "
			"echo 1 >tcp_orphan_retries");
	else
		command("cd /proc/sys/net/linnet && echo 0 >max_tw_buckets && echo 5 >fin_timeout && "
			"echo 1 >orphan_retries");
	stock_take(&before);
	l[0] = sk_listen("127.0.0.1", 0, 100);
	l[1] = sk_listen("::1", 0, 100);
	for (i = 0; i < 2; i++)
		OK(setsockopt(l[i], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)));
	atomic_ones_fail(true);
	for (i = 0; i < rounds; i++)
		good += attempt(l[i % 2], i % 2 ? "::1" : "127.0.0.1");
	atomic_ones_fail(false);
	printf("# %d of %d connections did what they were asked for\n", good, rounds);
	/* most come through: lost segments are sent again */
	CHECK(good > rounds / 3 && good <= rounds);
	close(l[0]);
	close(l[1]);
	sk_pair(AF_INET, fd);
	transfer(fd[0], fd[1], 100000, 100000);
	close(fd[0]);
	close(fd[1]);
	stock_await(&before, 100);
}

static const struct test tests[] = {
	{ "each allocation of each call, IPv4", calls4 },
	{ "each allocation of each call, IPv6", calls6 },
	{ "allocations of softirqs", in_softirq },
	{ "each allocation of loading the module", loading },
};

TEST_MAIN(tests)
