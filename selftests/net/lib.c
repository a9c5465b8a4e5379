// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>

#include "lib.h"

#define EXIT_SKIP	4

int proto = PROTO_LINNET;

/* --- tests --- */

void fail(const char *file, int line, const char *format, ...)
{
	va_list args;

	printf("# %s:%d: ", file, line);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	exit(1);
}

void skip(const char *format, ...)
{
	va_list args;

	printf("# SKIP ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	exit(EXIT_SKIP);
}

static void loopback_up(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = OK(socket(AF_INET, SOCK_DGRAM, 0));

	OK(ioctl(fd, SIOCSIFFLAGS, &request));
	close(fd);
}

/* The namespaces of a process and its children, which ns_alone() has begun */
static pid_t alone_pid;
static int *spaces, n_spaces;

static void write_if_there(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, text, strlen(text)) < 0)
		printf("# %s: %s\n", path, strerror(errno));
	close(fd);
}

static void orphans_give_up(void)
{
	write_if_there("/proc/sys/net/linnet/orphan_retries", "1");
	write_if_there("/proc/sys/net/linnet/fin_timeout", "1");
	write_if_there("/proc/sys/net/ipv4/tcp_orphan_retries", "1");
	write_if_there("/proc/sys/net/ipv4/tcp_fin_timeout", "1");
}

/* Sockets whose peers go away with the test, or were never there, would wait
 * for them for minutes, and keep their namespace and the module
 */
static void leave(void)
{
	if (getpid() != alone_pid)
		return;
	while (n_spaces)
		if (!setns(spaces[--n_spaces], CLONE_NEWNET))
			orphans_give_up();
}

/* Go into a new namespace, with the loopback interface up.  Who closes the
 * descriptor has seen to what is in it.
 */
static int ns_begin(void)
{
	OK(unshare(CLONE_NEWNET));
	loopback_up();
	spaces = realloc(spaces, (n_spaces + 1) * sizeof(*spaces));
	CHECK(spaces);
	return spaces[n_spaces++] = ns_current();
}

void ns_alone(void)
{
	if (alone_pid != getpid()) {
		alone_pid = getpid();
		atexit(leave);
	}
	ns_begin();
}

static void run_alone(const struct test *test)
{
	ns_alone();
	alarm(TEST_LIMIT * time_factor());
	test->run();
	exit(0);
}

/* PROTO=6 in the environment chooses kernel TCP */
void proto_choose(void)
{
	if (getenv("PROTO"))
		proto = atoi(getenv("PROTO"));
}

static bool chosen(const struct test *test)
{
	const char *only = getenv("ONLY");

	return !only || !strcmp(only, test->name);
}

/* What it prints goes to a file, if there is one */
static pid_t start(const struct test *test, FILE *output)
{
	pid_t pid = OK(fork());

	if (!pid) {
		if (output)
			OK(dup2(fileno(output), STDOUT_FILENO));
		run_alone(test);
	}
	return pid;
}

static void copy_out(FILE *output)
{
	char line[512];

	rewind(output);
	while (fgets(line, sizeof(line), output))
		fputs(line, stdout);
	fclose(output);
}

/* The result line of test number i, from 1; false when it has failed */
static bool told(int i, const struct test *test, int status)
{
	if (WIFSIGNALED(status))
		printf("# ended by signal %d (%s)\n", WTERMSIG(status),
		       strsignal(WTERMSIG(status)));
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SKIP)
		printf("ok %d %s # SKIP\n", i, test->name);
	else
		printf("%sok %d %s\n", status ? "not " : "", i, test->name);
	return !status || (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SKIP);
}

int run_tests(const struct test *tests, int n)
{
	FILE *output[n];
	double begun;
	pid_t pid[n];
	int fd, status, failed = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	proto_choose();
	fd = socket(AF_INET, SOCK_STREAM, proto);
	if (fd < 0) {
		printf("1..0 # SKIP protocol %d: %s\n", proto, strerror(errno));
		return EXIT_SKIP;
	}
	close(fd);
	printf("TAP version 13\n1..%d\n", n);
	for (int i = 0; i < n; i++) {
		if (!tests[i].waits || !chosen(&tests[i]))
			continue;
		output[i] = tmpfile();
		CHECK(output[i]);
		pid[i] = start(&tests[i], output[i]);
	}
	for (int i = 0; i < n; i++) {
		if (!chosen(&tests[i])) {
			printf("ok %d %s # SKIP not asked for\n", i + 1, tests[i].name);
			continue;
		}
		begun = now();
		if (!tests[i].waits)
			pid[i] = start(&tests[i], NULL);
		OK(waitpid(pid[i], &status, 0));
		if (now() - begun > 2)
			printf("# took %.1f s\n", now() - begun);
		if (tests[i].waits)
			copy_out(output[i]);
		failed += !told(i + 1, &tests[i], status);
	}
	return failed != 0;
}

double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* Seconds by the ticks in which timeouts are counted.  In an emulated guest they
 * come late, and then several at once: by the other clock a timeout is short.
 */
double ticks(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* Does this process sleep in this system call (SYS_...)? */
bool in_call(int pid, int number)
{
	char path[32], text[64] = "";
	int fd, in = -1;

	snprintf(path, sizeof(path), "/proc/%d/syscall", pid);
	fd = OK(open(path, O_RDONLY | O_CLOEXEC));
	OK(read(fd, text, sizeof(text) - 1));
	close(fd);
	return sscanf(text, "%d", &in) == 1 && in == number;
}

/* What the runner multiplies time limits by */
int time_factor(void)
{
	const char *factor = getenv("LAB_TIME_FACTOR");

	return factor && atoi(factor) > 0 ? atoi(factor) : 1;
}

/* Is it this release of the kernel, or a later one? */
bool kernel_from(int major, int minor)
{
	int running_major, running_minor;
	struct utsname u;

	OK(uname(&u));
	CHECK_EQ(sscanf(u.release, "%d.%d", &running_major, &running_minor), 2);
	return running_major > major ||
	       (running_major == major && running_minor >= minor);
}

void command(const char *format, ...)
{
	char line[512];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (system(line))
		FAIL("command failed: %s", line);
}

/* --- network namespaces --- */

int ns_current(void)
{
	return OK(open("/proc/self/ns/net", O_RDONLY));
}

void ns_enter(int ns)
{
	OK(setns(ns, CLONE_NEWNET));
}

int ns_new(void)
{
	int before = ns_current(), ns = ns_begin();

	ns_enter(before);
	close(before);
	return ns;
}

/* A veth from one to the other, up, without addresses */
void ns_join(int a, const char *dev_a, int b, const char *dev_b)
{
	int before = ns_current();

	ns_enter(a);
	command("ip link add %s type veth peer name %s netns /proc/%d/fd/%d",
		dev_a, dev_b, getpid(), b);
	command("ip link set %s up", dev_a);
	ns_enter(b);
	command("ip link set %s up", dev_b);
	ns_enter(before);
	close(before);
}

/* --- sockets --- */

socklen_t address_set(union address *a, const char *host, int port)
{
	memset(a, 0, sizeof(*a));
	if (inet_pton(AF_INET, host, &a->in.sin_addr) == 1) {
		a->in.sin_family = AF_INET;
		a->in.sin_port = htons(port);
		return sizeof(a->in);
	}
	if (inet_pton(AF_INET6, host, &a->in6.sin6_addr) != 1)
		FAIL("%s: not an address", host);
	a->in6.sin6_family = AF_INET6;
	a->in6.sin6_port = htons(port);
	return sizeof(a->in6);
}

int address_port(const union address *a)
{
	return ntohs(a->sa.sa_family == AF_INET ? a->in.sin_port : a->in6.sin6_port);
}

const char *loopback(int family)
{
	return family == AF_INET ? "127.0.0.1" : "::1";
}

int sk_new(int family)
{
	return OK(socket(family, SOCK_STREAM | SOCK_CLOEXEC, proto));
}

int sk_new_nonblock(int family)
{
	return OK(socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, proto));
}

int sk_bind(int fd, const char *host, int port)
{
	union address a;
	socklen_t len = address_set(&a, host, port);

	return bind(fd, &a.sa, len);
}

/* A new listener */
int sk_listen(const char *host, int port, int backlog)
{
	union address a;
	socklen_t len = address_set(&a, host, port);
	int fd = sk_new(a.sa.sa_family);

	sk_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	OK(bind(fd, &a.sa, len));
	OK(listen(fd, backlog));
	return fd;
}

int sk_port(int fd)
{
	union address a;
	socklen_t len = sizeof(a);

	OK(getsockname(fd, &a.sa, &len));
	return address_port(&a);
}

int sk_peer_port(int fd)
{
	union address a;
	socklen_t len = sizeof(a);

	OK(getpeername(fd, &a.sa, &len));
	return address_port(&a);
}

int sk_connect(int fd, const char *host, int port)
{
	union address a;
	socklen_t len = address_set(&a, host, port);

	return connect(fd, &a.sa, len);
}

int sk_connected(const char *host, int port)
{
	union address a;
	socklen_t len = address_set(&a, host, port);
	int fd = sk_new(a.sa.sa_family);

	OK(connect(fd, &a.sa, len));
	return fd;
}

int sk_int(int fd, int level, int name)
{
	int value = 0;
	socklen_t len = sizeof(value);

	if (getsockopt(fd, level, name, &value, &len))
		FAIL("getsockopt %d %d: %s", level, name, strerror(errno));
	return value;
}

void sk_set(int fd, int level, int name, int value)
{
	if (setsockopt(fd, level, name, &value, sizeof(value)))
		FAIL("setsockopt %d %d to %d: %s", level, name, value, strerror(errno));
}

int sk_error(int fd)
{
	return sk_int(fd, SOL_SOCKET, SO_ERROR);
}

struct tcp_info sk_info(int fd)
{
	struct tcp_info info = { .tcpi_state = 0 };
	socklen_t len = sizeof(info);

	OK(getsockopt(fd, SOL_TCP, TCP_INFO, &info, &len));
	return info;
}

/* One of SK_MEMINFO_... */
uint32_t sk_meminfo(int fd, int what)
{
	uint32_t info[SK_MEMINFO_VARS];
	socklen_t len = sizeof(info);

	OK(getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &len));
	return info[what];
}

void sk_nonblock(int fd, bool on)
{
	int flags = OK(fcntl(fd, F_GETFL));

	OK(fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK));
}

/* fd[0] has connected, fd[1] is accepted; no listener is left */
void sk_pair(int family, int fd[2])
{
	int l = sk_listen(loopback(family), 0, 1);

	fd[0] = sk_connected(loopback(family), sk_port(l));
	fd[1] = OK(accept4(l, NULL, NULL, SOCK_CLOEXEC));
	close(l);
}

/* The events of poll(), 0 when the time is over */
int sk_events(int fd, int events, int milliseconds)
{
	struct pollfd p = { .fd = fd, .events = events };

	OK(poll(&p, 1, milliseconds));
	return p.revents;
}

int sk_outq(int fd)
{
	int n;

	OK(ioctl(fd, SIOCOUTQ, &n));
	return n;
}

int sk_inq(int fd)
{
	int n;

	OK(ioctl(fd, SIOCINQ, &n));
	return n;
}

/* --- /proc --- */

static const char * const tcp_states[] = {
	"", "ESTABLISHED", "SYN-SENT", "SYN-RECEIVED", "FIN-WAIT-1", "FIN-WAIT-2",
	"TIME-WAIT", "CLOSED", "CLOSE-WAIT", "LAST-ACK", "LISTEN", "CLOSING",
};

/* Lines of a file with these ports (-1: any) and that state (NULL: any) */
static int count_in(const char *path, int local, int remote, const char *state)
{
	FILE *file = fopen(path, "r");
	char line[1024];
	int n = 0;

	if (!file)
		FAIL("%s: %s", path, strerror(errno));
	while (fgets(line, sizeof(line), file)) {
		char name[32], from[64], to[64];
		unsigned int l, r, s;

		if (proto == PROTO_TCP) {
			if (sscanf(line, " %*d: %*[0-9A-F]:%x %*[0-9A-F]:%x %x", &l, &r, &s) != 3)
				continue;
			if (s >= sizeof(tcp_states) / sizeof(*tcp_states))
				continue;
			snprintf(name, sizeof(name), "%s", tcp_states[s]);
		} else {
			if (sscanf(line, "%31s %63s %63s", name, from, to) != 3 ||
			    !strrchr(from, ':') || !strrchr(to, ':'))
				continue;
			l = atoi(strrchr(from, ':') + 1);
			r = atoi(strrchr(to, ':') + 1);
		}
		if ((local < 0 || l == (unsigned int)local) &&
		    (remote < 0 || r == (unsigned int)remote) &&
		    (!state || !strcmp(name, state)))
			n++;
	}
	fclose(file);
	return n;
}

static int count_sockets(int local, int remote, const char *state)
{
	if (proto != PROTO_TCP)
		return count_in("/proc/thread-self/net/linnet/sockets", local, remote, state);
	return count_in("/proc/thread-self/net/tcp", local, remote, state) +
	       count_in("/proc/thread-self/net/tcp6", local, remote, state);
}

/* "" means that there is no such socket */
bool sk_in_state(int local_port, int remote_port, const char *state)
{
	if (!*state)
		return !count_sockets(local_port, remote_port, NULL);
	return count_sockets(local_port, remote_port, state);
}

/* Sockets of this namespace in a state; NULL: in any */
int sk_count(const char *state)
{
	return count_sockets(-1, -1, state);
}

static long named_value(const char *path, const char *name)
{
	FILE *file = fopen(path, "r");
	char line[256], key[64];
	long value;

	if (!file)
		FAIL("%s: %s", path, strerror(errno));
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%63s %ld", key, &value) == 2 && !strcmp(key, name)) {
			fclose(file);
			return value;
		}
	}
	FAIL("%s has no %s", path, name);
}

/* Names and values are on two lines, "Prefix: a b c" and "Prefix: 1 2 3" */
static bool paired_value(const char *path, const char *name, long *value)
{
	char names[8192], values[8192], *n, *v, *save_n, *save_v;
	FILE *file = fopen(path, "r");
	bool found = false;

	if (!file)
		FAIL("%s: %s", path, strerror(errno));
	while (!found && fgets(names, sizeof(names), file) &&
	       fgets(values, sizeof(values), file)) {
		if (strncmp(names, "Tcp", 3))
			continue;
		n = strtok_r(names, " \n", &save_n);
		v = strtok_r(values, " \n", &save_v);
		while (n && v && !found) {
			found = !strcmp(n, name);
			if (found)
				*value = atol(v);
			n = strtok_r(NULL, " \n", &save_n);
			v = strtok_r(NULL, " \n", &save_v);
		}
	}
	fclose(file);
	return found;
}

/* A counter of this namespace, by its name here and there */
long counter(const char *linnet, const char *tcp)
{
	long value;

	if (proto != PROTO_TCP)
		return named_value("/proc/thread-self/net/linnet/snmp", linnet);
	if (paired_value("/proc/thread-self/net/snmp", tcp, &value) ||
	    paired_value("/proc/thread-self/net/netstat", tcp, &value))
		return value;
	FAIL("TCP has no counter %s", tcp);
}

/* --- data --- */

/* splitmix64: each eight octets tell their place */
static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
	return x ^ (x >> 31);
}

void pattern_fill(void *buf, uint64_t offset, size_t len, uint64_t seed)
{
	uint8_t *p = buf;

	while (len) {
		uint64_t word = mix(seed * 0x10000000001 + offset / 8);
		size_t skip = offset % 8, n = 8 - skip;

		if (n > len)
			n = len;
		memcpy(p, (uint8_t *)&word + skip, n);
		p += n;
		offset += n;
		len -= n;
	}
}

void pattern_check(const void *buf, uint64_t offset, size_t len, uint64_t seed)
{
	const uint8_t *p = buf;
	uint8_t expected[4096];
	size_t i, n;

	for (; len; p += n, offset += n, len -= n) {
		n = len < sizeof(expected) ? len : sizeof(expected);
		pattern_fill(expected, offset, n, seed);
		if (!memcmp(p, expected, n))
			continue;
		for (i = 0; p[i] == expected[i]; i++)
			;
		FAIL("octet %llu is %02x, not %02x", (unsigned long long)(offset + i),
		     p[i], expected[i]);
	}
}

void send_all(int fd, const void *buf, size_t len)
{
	while (len) {
		ssize_t n = OK(send(fd, buf, len, MSG_NOSIGNAL));

		buf = (const uint8_t *)buf + n;
		len -= n;
	}
}

void send_pattern(int fd, uint64_t offset, uint64_t len, uint64_t seed)
{
	uint8_t buf[65536];

	while (len) {
		size_t n = len < sizeof(buf) ? len : sizeof(buf);

		pattern_fill(buf, offset, n, seed);
		send_all(fd, buf, n);
		offset += n;
		len -= n;
	}
}

void receive_pattern(int fd, uint64_t offset, uint64_t len, uint64_t seed)
{
	uint8_t buf[65536];

	while (len) {
		ssize_t n = OK(recv(fd, buf, len < sizeof(buf) ? len : sizeof(buf), 0));

		if (!n)
			FAIL("the stream ends at %llu", (unsigned long long)offset);
		pattern_check(buf, offset, n, seed);
		offset += n;
		len -= n;
	}
}

void check_eof(int fd)
{
	char c;

	CHECK_EQ(recv(fd, &c, 1, 0), 0);
}

struct side {
	int		fd;
	uint64_t	seed;
	uint64_t	sent;
	uint64_t	to_send;
	uint64_t	received;
	uint64_t	to_receive;
};

static void side_step(struct side *s, int peer_seed, short revents)
{
	static uint8_t buf[65536];
	ssize_t n;

	if ((revents & (POLLIN | POLLERR)) && s->received < s->to_receive) {
		n = recv(s->fd, buf, sizeof(buf), 0);
		if (n < 0 && errno != EAGAIN)
			FAIL("recv after %llu: %s", (unsigned long long)s->received,
			     strerror(errno));
		if (!n)
			FAIL("the stream ends at %llu", (unsigned long long)s->received);
		if (n > 0) {
			pattern_check(buf, s->received, n, peer_seed);
			s->received += n;
			CHECK(s->received <= s->to_receive);
		}
	}
	if ((revents & (POLLOUT | POLLERR)) && s->sent < s->to_send) {
		uint64_t len = s->to_send - s->sent;

		if (len > sizeof(buf))
			len = sizeof(buf);
		pattern_fill(buf, s->sent, len, s->seed);
		n = send(s->fd, buf, len, MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN)
			FAIL("send after %llu: %s", (unsigned long long)s->sent, strerror(errno));
		if (n > 0)
			s->sent += n;
	}
}

/* Both directions at once, each octet compared */
void transfer(int a, int b, uint64_t a_to_b, uint64_t b_to_a)
{
	struct side s[2] = {
		{ .fd = a, .seed = 1, .to_send = a_to_b, .to_receive = b_to_a },
		{ .fd = b, .seed = 2, .to_send = b_to_a, .to_receive = a_to_b },
	};

	sk_nonblock(a, true);
	sk_nonblock(b, true);
	for (;;) {
		struct pollfd p[2];
		int i, busy = 0;

		for (i = 0; i < 2; i++) {
			p[i].fd = s[i].fd;
			p[i].events = (s[i].received < s[i].to_receive ? POLLIN : 0) |
				      (s[i].sent < s[i].to_send ? POLLOUT : 0);
			busy |= p[i].events;
		}
		if (!busy)
			break;
		if (!OK(poll(p, 2, PATIENCE * 1000)))
			FAIL("nothing moved for %d s: sent %llu and %llu, received %llu and %llu",
			     PATIENCE, (unsigned long long)s[0].sent,
			     (unsigned long long)s[1].sent,
			     (unsigned long long)s[0].received,
			     (unsigned long long)s[1].received);
		for (i = 0; i < 2; i++)
			side_step(&s[i], s[!i].seed, p[i].revents);
	}
	sk_nonblock(a, false);
	sk_nonblock(b, false);
}
