/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the socket tests share.  Each test is a function that runs in a process
 * and a network namespace of its own, with the loopback interface up; CHECK()
 * ends it.  PROTO=6 in the environment runs the same tests on kernel TCP.
 */
#ifndef LIB_H
#define LIB_H

#include <errno.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* netinet/tcp.h has this, but not all options */
#define SOL_TCP		6

#define PROTO_LINNET	253
#define PROTO_TCP	6

/* Seconds, to be multiplied by time_factor(): software emulation on a busy host
 * is slow, a kernel full of checks more so
 */
#define PATIENCE	60
#define TEST_LIMIT	150

extern int proto;

struct test {
	const char	*name;
	void		(*run)(void);
	/* it waits for timers most of the time: all of these run beside the
	 * others, and leave counts of the whole machine alone
	 */
	bool		waits;
};

void proto_choose(void);
int run_tests(const struct test *tests, int n);

#define TEST_MAIN(tests)						\
	int main(void)							\
	{								\
		return run_tests(tests, sizeof(tests) / sizeof(*(tests))); \
	}

void fail(const char *file, int line, const char *format, ...)
	__attribute__((format(printf, 3, 4), noreturn));
void skip(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

#define FAIL(...)	fail(__FILE__, __LINE__, __VA_ARGS__)

#define CHECK(condition)						\
	do {								\
		errno = 0;						\
		if (!(condition))					\
			FAIL("%s: not so (%s)", #condition, strerror(errno)); \
	} while (0)

/* The call's value when it is a success */
#define OK(call)							\
	({								\
		errno = 0;						\
		long _r = (long)(call);					\
		if (_r < 0)						\
			FAIL("%s: %s", #call, strerror(errno));		\
		_r;							\
	})

#define CHECK_EQ(a, b)							\
	do {								\
		long long _a = (a);					\
		int _e = errno;						\
		long long _b = (b);					\
		if (_a != _b)						\
			FAIL("%s is %lld, not %lld (%s)", #a, _a, _b, strerror(_e)); \
	} while (0)

#define CHECK_ERR(call, expected)					\
	do {								\
		errno = 0;						\
		long _r = (long)(call);					\
		int _e = errno;						\
		if (_r != -1)						\
			FAIL("%s: %ld, not %s", #call, _r, strerror(expected)); \
		if (_e != (expected))					\
			FAIL("%s: %s, not %s", #call, strerror(_e), strerror(expected)); \
	} while (0)

/* Until the condition holds, or too long has passed */
#define AWAIT(condition)	AWAIT_WITHIN(condition, PATIENCE)

#define AWAIT_WITHIN(condition, seconds)				\
	do {								\
		double _end = now() + (seconds) * time_factor();	\
		while (!(condition)) {					\
			if (now() > _end)				\
				FAIL("%s: not in %d s", #condition, seconds); \
			usleep(2000);					\
		}							\
	} while (0)

double now(void);
double ticks(void);
bool in_call(int pid, int number);
int time_factor(void);
bool kernel_from(int major, int minor);
void command(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Network namespaces, known by a descriptor, gone with the process.  What it
 * leaves in them gives up soon, when ns_alone() was the first.
 */
void ns_alone(void);
int ns_new(void);
void ns_enter(int ns);
int ns_current(void);
void ns_join(int a, const char *dev_a, int b, const char *dev_b);

/* Addresses and sockets */
union address {
	struct sockaddr		sa;
	struct sockaddr_in	in;
	struct sockaddr_in6	in6;
};

socklen_t address_set(union address *a, const char *host, int port);
int address_port(const union address *a);
const char *loopback(int family);
int sk_new(int family);
int sk_new_nonblock(int family);
int sk_bind(int fd, const char *host, int port);
int sk_listen(const char *host, int port, int backlog);
int sk_port(int fd);
int sk_peer_port(int fd);
int sk_connect(int fd, const char *host, int port);
int sk_connected(const char *host, int port);
int sk_error(int fd);
struct tcp_info sk_info(int fd);
uint32_t sk_meminfo(int fd, int what);
int sk_int(int fd, int level, int name);
void sk_set(int fd, int level, int name, int value);
void sk_nonblock(int fd, bool on);
void sk_pair(int family, int fd[2]);
int sk_events(int fd, int events, int milliseconds);
int sk_outq(int fd);
int sk_inq(int fd);

/* What /proc tells */
bool sk_in_state(int local_port, int remote_port, const char *state);
int sk_count(const char *state);
long counter(const char *linnet, const char *tcp);

/* Data that tells where it belongs */
void pattern_fill(void *buf, uint64_t offset, size_t len, uint64_t seed);
void pattern_check(const void *buf, uint64_t offset, size_t len, uint64_t seed);
void send_all(int fd, const void *buf, size_t len);
void send_pattern(int fd, uint64_t offset, uint64_t len, uint64_t seed);
void receive_pattern(int fd, uint64_t offset, uint64_t len, uint64_t seed);
void check_eof(int fd);
void transfer(int a, int b, uint64_t a_to_b, uint64_t b_to_a);

#endif /* LIB_H */
