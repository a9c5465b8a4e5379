// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The calls themselves, in every state: what they answer, what is readable or
 * queued after them, and which signals come.
 */
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/time.h>
#include <sys/uio.h>

#include "parity.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof(*(array))))

static volatile sig_atomic_t pipes, alarms, ios;

static void on_pipe(int signal)
{
	(void)signal;
	pipes++;
}

static void on_alarm(int signal)
{
	(void)signal;
	alarms++;
}

static void on_io(int signal)
{
	(void)signal;
	ios++;
}

static void handle(int signal, void (*handler)(int), int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };

	OK(sigaction(signal, &action, NULL));
}

/* What can be seen of a socket without changing it */
static void look(const char *when, int fd)
{
	static const struct {
		const char	*name;
		int		request;
	} requests[] = {
		{ "SIOCINQ", SIOCINQ }, { "SIOCOUTQ", SIOCOUTQ },
		{ "SIOCOUTQNSD", SIOCOUTQNSD }, { "SIOCATMARK", SIOCATMARK },
	};
	struct tcp_info info = { .tcpi_state = 0 };
	socklen_t len = sizeof(info);
	union address a;

	say(text("%s: poll", when), "%#x",
	    sk_events(fd, POLLIN | POLLOUT | POLLPRI | POLLRDHUP | POLLRDNORM | POLLWRNORM |
		      POLLRDBAND | POLLWRBAND, 0));
	for (int i = 0; i < COUNT(requests); i++) {
		int value = -1;

		if (ioctl(fd, requests[i].request, &value))
			say(text("%s: %s", when, requests[i].name), "%s", errno_name(errno));
		else
			say(text("%s: %s", when, requests[i].name), "%d", value);
	}
	OK(getsockopt(fd, SOL_TCP, TCP_INFO, &info, &len));
	say(text("%s: state", when), "%d", info.tcpi_state);
	len = sizeof(a);
	errno = 0;
	say(text("%s: getsockname", when), "%s",
	    getsockname(fd, &a.sa, &len) ? errno_name(errno) : address_port(&a) ? "port" : "none");
	len = sizeof(a);
	say(text("%s: getpeername", when), "%s",
	    getpeername(fd, &a.sa, &len) ? errno_name(errno) : "address");
}

/* Send and receive with each flag, and in each way that there is */
static void data_calls(enum sk_state state)
{
	static const int send_flags[] = { 0, MSG_DONTWAIT, MSG_NOSIGNAL, MSG_MORE, MSG_EOR,
					  MSG_CONFIRM, MSG_DONTROUTE, MSG_ZEROCOPY, MSG_OOB };
	static const int recv_flags[] = { 0, MSG_PEEK, MSG_TRUNC, MSG_WAITALL, MSG_OOB,
					  MSG_ERRQUEUE, MSG_PEEK | MSG_TRUNC,
					  MSG_CMSG_CLOEXEC, 0x40000000 };
	char buf[64];

	handle(SIGPIPE, on_pipe, SA_RESTART);
	for (int i = 0; i < COUNT(send_flags); i++) {
		int peer, fd = sk_in(state, AF_INET, &peer), before = pipes;
		char *name = text("send flags %#x", send_flags[i]);

		sk_nonblock(fd, true);
		errno = 0;
		say_result(name, send(fd, "abc", 3, send_flags[i]));
		say(text("%s: SIGPIPE", name), "%d", pipes - before);
		say_result(text("%s: none", name), send(fd, "", 0, send_flags[i]));
		say_result(text("%s: bad address", name), send(fd, (void *)8, 3, send_flags[i]));
		say(text("%s: SO_ERROR", name), "%s", errno_name(sk_error(fd)));
		close(fd);
	}
	for (int i = 0; i < COUNT(recv_flags); i++) {
		int peer, fd = sk_in(state, AF_INET, &peer);
		char *name = text("recv flags %#x", recv_flags[i]);

		sk_nonblock(fd, true);
		errno = 0;
		say_result(name, recv(fd, buf, sizeof(buf), recv_flags[i]));
		say_result(text("%s: none", name), recv(fd, buf, 0, recv_flags[i]));
		if (peer >= 0 && send(peer, "abcdef", 6, MSG_NOSIGNAL) == 6) {
			if (state != PEER_CLOSED)
				AWAIT(sk_events(fd, POLLIN, 0));
			say_result(text("%s: one of data", name), recv(fd, buf, 1, recv_flags[i]));
			say_result(text("%s: data", name), recv(fd, buf, sizeof(buf), recv_flags[i]));
			say_result(text("%s: bad address", name), recv(fd, (void *)8, 4, recv_flags[i]));
			say_result(text("%s: the rest", name), recv(fd, buf, sizeof(buf), 0));
		}
		say(text("%s: SO_ERROR", name), "%s", errno_name(sk_error(fd)));
		close(fd);
	}
}

/* connect(), bind(), listen(), accept(), shutdown() */
static void control_calls(enum sk_state state)
{
	static const char * const names[] = {
		"bind", "bind to the same", "listen", "accept", "connect", "connect to unspecified",
		"shutdown 0", "shutdown 1", "shutdown 2", "shutdown 3", "look",
	};

	for (int i = 0; i < COUNT(names); i++) {
		int peer, fd = sk_in(state, AF_INET, &peer), l = sk_listen("127.0.0.1", 0, 5);
		struct sockaddr none = { .sa_family = AF_UNSPEC };
		const char *name = names[i];
		long r = 0;

		sk_nonblock(fd, true);
		errno = 0;
		switch (i) {
		case 0:
			r = sk_bind(fd, "127.0.0.1", 0);
			break;
		case 1:
			r = sk_bind(fd, "127.0.0.1", sk_port(l));
			break;
		case 2:
			r = listen(fd, 5);
			break;
		case 3:
			r = accept(fd, NULL, NULL);
			break;
		case 4:
			r = sk_connect(fd, "127.0.0.1", sk_port(l));
			break;
		case 5:
			r = connect(fd, &none, sizeof(none));
			break;
		case 10:
			break;
		default:
			r = shutdown(fd, i - 6);
		}
		say_result(name, r);
		if (i == 4) {
			usleep(20000);
			errno = 0;
			say_result("connect again", sk_connect(fd, "127.0.0.1", sk_port(l)));
		}
		/* what the peer answers may take its time */
		if (i > 6 && i < 9 && (state == ESTABLISHED || state == PEER_CLOSED ||
				       state == SHUT_WRITE))
			AWAIT(!sk_outq(fd));
		usleep(20000);
		look(name, fd);
		say(text("%s: SO_ERROR", name), "%s", errno_name(sk_error(fd)));
		close(fd);
		close(l);
	}
}

#define EACH_STATE(X)							\
	X(fresh, FRESH) X(bound, BOUND) X(listening, LISTENING)		\
	X(connecting, CONNECTING) X(established, ESTABLISHED)		\
	X(peer_closed, PEER_CLOSED) X(shut_write, SHUT_WRITE)		\
	X(shut_read, SHUT_READ) X(shut_both, SHUT_BOTH)			\
	X(was_reset, WAS_RESET) X(was_closed, WAS_CLOSED)

#define DEFINE(name, state)						\
	static void data_##name(void) { data_calls(state); }		\
	static void control_##name(void) { control_calls(state); }
EACH_STATE(DEFINE)

static void bind_errors(void)
{
	int fd = sk_new(AF_INET), other;
	union address a;

	say_result("an address that is not ours", sk_bind(fd, "192.0.2.1", 0));
	say_result("broadcast", sk_bind(fd, "255.255.255.255", 0));
	say_result("multicast", sk_bind(fd, "224.0.0.1", 0));
	address_set(&a, "127.0.0.1", 0);
	say_result("too short", bind(fd, &a.sa, 4));
	a.sa.sa_family = AF_INET6;
	say_result("another family", bind(fd, &a.sa, sizeof(a.in)));
	say_result("bad address", bind(fd, (void *)8, sizeof(a.in)));
	say_result("good", sk_bind(fd, "127.0.0.1", 0));
	other = sk_new(AF_INET);
	say_result("in use", sk_bind(other, "127.0.0.1", sk_port(fd)));
	say_result("in use, any address", sk_bind(other, "0.0.0.0", sk_port(fd)));
	sk_set(other, SOL_SOCKET, SO_REUSEADDR, 1);
	say_result("one has SO_REUSEADDR", sk_bind(other, "127.0.0.1", sk_port(fd)));
	sk_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	say_result("both have SO_REUSEADDR", sk_bind(other, "127.0.0.1", sk_port(fd)));
	say_result("first listens", listen(fd, 1));
	say_result("second listens", listen(other, 1));
	close(other);
	other = sk_new(AF_INET6);
	say_result("IPv6 any, same port", sk_bind(other, "::", sk_port(fd)));
	sk_set(other, SOL_IPV6, IPV6_V6ONLY, 1);
	say_result("IPv6 only, same port", sk_bind(other, "::", sk_port(fd)));
	OK(setresuid(65534, 65534, 65534));
	say_result("a privileged port", sk_bind(sk_new(AF_INET), "127.0.0.1", 80));
}

static void connect_errors(void)
{
	int fd = sk_new(AF_INET), l = sk_listen("127.0.0.1", 0, 5), closed;
	union address a;

	closed = sk_port(l);
	close(l);
	say_result("nobody listens", sk_connect(fd, "127.0.0.1", closed));
	say_result("again", sk_connect(fd, "127.0.0.1", closed));
	say_result("port 0", sk_connect(fd, "127.0.0.1", 0));
	say_result("no route", sk_connect(fd, "192.0.2.1", 1));
	say_result("broadcast", sk_connect(fd, "255.255.255.255", 1));
	say_result("multicast", sk_connect(fd, "224.0.0.1", 1));
	address_set(&a, "127.0.0.1", closed);
	say_result("too short", connect(fd, &a.sa, 4));
	say_result("shorter", connect(fd, &a.sa, 1));
	a.sa.sa_family = 77;
	say_result("another family", connect(fd, &a.sa, sizeof(a.in)));
	fd = sk_new(AF_INET6);
	say_result("IPv6: nobody listens", sk_connect(fd, "::1", closed));
	say_result("IPv6: no route", sk_connect(fd, "2001:db8::1", 1));
	say_result("IPv6: multicast", sk_connect(fd, "ff02::1", 1));
	say_result("IPv6: link-local without a link", sk_connect(fd, "fe80::1", 1));
	say_result("IPv6: mapped", sk_connect(fd, "::ffff:127.0.0.1", closed));
	sk_set(fd, SOL_IPV6, IPV6_V6ONLY, 1);
	say_result("IPv6: mapped, IPv6 only", sk_connect(fd, "::ffff:127.0.0.1", closed));
	fd = sk_new_nonblock(AF_INET);
	say_result("nonblocking: nobody listens", sk_connect(fd, "127.0.0.1", closed));
	AWAIT(sk_events(fd, POLLOUT, 0));
	say("nonblocking: events", "%#x", sk_events(fd, POLLIN | POLLOUT | POLLRDHUP, 0));
	say("nonblocking: SO_ERROR", "%s", errno_name(sk_error(fd)));
	say("nonblocking: SO_ERROR again", "%s", errno_name(sk_error(fd)));
}

static void accept_errors(void)
{
	int l = sk_listen("127.0.0.1", 0, 5), fd, s;
	struct timeval tv = { .tv_usec = 20000 };
	union address a;
	socklen_t len = sizeof(a);

	sk_nonblock(l, true);
	say_result("nobody", accept(l, NULL, NULL));
	say_result("bad flags", accept4(l, NULL, NULL, 0x7fffffff));
	sk_nonblock(l, false);
	OK(setsockopt(l, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)));
	say_result("nobody in time", accept(l, NULL, NULL));
	fd = sk_connected("127.0.0.1", sk_port(l));
	s = accept4(l, &a.sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	say("accept4", "%d %d %d", s >= 0, address_port(&a) == sk_port(fd), len);
	say("flags", "%d %d", !!(fcntl(s, F_GETFL) & O_NONBLOCK), fcntl(s, F_GETFD));
	close(fd);
	fd = sk_connected("127.0.0.1", sk_port(l));
	len = -1;
	say_result("bad length", accept(l, &a.sa, &len));
	fd = sk_connected("127.0.0.1", sk_port(l));
	len = 2;
	s = accept(l, &a.sa, &len);
	say("short address", "%d %d", s >= 0, len);
	say_result("shutdown of a listener", shutdown(l, SHUT_RD));
	say_result("accept after it", accept(l, NULL, NULL));
	say_result("listen after it", listen(l, 5));
	say_result("shutdown for both", shutdown(l, SHUT_RDWR));
	look("shut down", l);
}

static void every(int which, int microseconds)
{
	struct itimerval t = { .it_interval = { 0, microseconds }, .it_value = { 0, microseconds } };

	OK(setitimer(which, &t, NULL));
}

/* A signal ends a wait: with what was done so far, or with EINTR */
static void interrupted(void)
{
	static char big[8 << 20];
	struct timeval tv = { .tv_sec = 10 };
	int fd[2], l = sk_listen("127.0.0.1", 0, 1);
	ssize_t n;

	sk_pair(AF_INET, fd);
	sk_set(fd[0], SOL_SOCKET, SO_SNDBUF, 100000);
	sk_set(fd[1], SOL_SOCKET, SO_RCVBUF, 100000);
	handle(SIGALRM, on_alarm, 0);
	every(ITIMER_REAL, 50000);
	errno = 0;
	say_result("recv", recv(fd[0], big, 10, 0));
	send_all(fd[1], "abc", 3);
	say_result("recv, part of it there", recv(fd[0], big, 10, MSG_WAITALL));
	say_result("accept", accept(l, NULL, NULL));
	n = send(fd[0], big, sizeof(big), 0);
	say("send more than fits", "%s", n > 0 && n < (ssize_t)sizeof(big) ? "part" :
	    n < 0 ? errno_name(errno) : "all");
	every(ITIMER_REAL, 0);

	/* with a time limit of its own a call is never restarted */
	handle(SIGALRM, on_alarm, SA_RESTART);
	OK(setsockopt(fd[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)));
	OK(setsockopt(fd[0], SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)));
	every(ITIMER_REAL, 50000);
	say_result("recv with SO_RCVTIMEO", recv(fd[0], big, 10, 0));
	every(ITIMER_REAL, 0);
	sk_nonblock(fd[0], true);
	while (sk_events(fd[0], POLLOUT, 1000) > 0)
		send(fd[0], big, sizeof(big), MSG_NOSIGNAL);
	sk_nonblock(fd[0], false);
	every(ITIMER_REAL, 50000);
	/* on a slow machine a window probe finds room for some more */
	do
		n = send(fd[0], big, sizeof(big), 0);
	while (n > 0);
	say_result("send with SO_SNDTIMEO", n);
	every(ITIMER_REAL, 0);
}

static void timeouts(void)
{
	static char big[8 << 20];
	struct timeval tv = { .tv_usec = 50000 };
	int fd[2], connecting, peer;
	ssize_t n;

	sk_pair(AF_INET, fd);
	OK(setsockopt(fd[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)));
	OK(setsockopt(fd[0], SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)));
	say_result("recv", recv(fd[0], big, 10, 0));
	send_all(fd[1], "abc", 3);
	say_result("recv, part of it there", recv(fd[0], big, 10, MSG_WAITALL));
	n = send(fd[0], big, sizeof(big), 0);
	say("send more than fits", "%s", n > 0 && n < (ssize_t)sizeof(big) ? "part" :
	    n < 0 ? errno_name(errno) : "all");
	connecting = sk_in(CONNECTING, AF_INET, &peer);
	OK(setsockopt(connecting, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)));
	say_result("connect under way", sk_connect(connecting, "127.0.0.1", 1));
	say_result("send before it is connected", send(connecting, big, 10, MSG_NOSIGNAL));
}

static void low_water(void)
{
	static char big[1 << 20];
	int fd[2];

	sk_pair(AF_INET, fd);
	sk_set(fd[1], SOL_SOCKET, SO_RCVLOWAT, 100);
	send_all(fd[0], big, 99);
	AWAIT(sk_inq(fd[1]) == 99);
	look("99 of 100", fd[1]);
	say_result("recv without waiting", recv(fd[1], big, 1000, MSG_PEEK | MSG_DONTWAIT));
	send_all(fd[0], big, 1);
	AWAIT(sk_inq(fd[1]) == 100);
	look("100 of 100", fd[1]);
	sk_set(fd[1], SOL_SOCKET, SO_RCVLOWAT, 1000);
	look("100 of 1000", fd[1]);
	OK(shutdown(fd[0], SHUT_WR));
	AWAIT(sk_events(fd[1], POLLRDHUP, 0));
	look("the stream has ended", fd[1]);
	say_result("recv", recv(fd[1], big, 1000, 0));
	say_result("recv at the end", recv(fd[1], big, 1000, 0));
	look("all is read", fd[1]);
}

/* The buffer that a low-water mark asks for */
static void low_water_buffer(void)
{
	int fd[2];

	sk_pair(AF_INET, fd);
	say("before", "%d", sk_int(fd[1], SOL_SOCKET, SO_RCVBUF));
	sk_set(fd[1], SOL_SOCKET, SO_RCVLOWAT, 300000);
	say("after", "%d", sk_int(fd[1], SOL_SOCKET, SO_RCVBUF));
	sk_set(fd[1], SOL_SOCKET, SO_RCVBUF, 20000);
	sk_set(fd[1], SOL_SOCKET, SO_RCVLOWAT, 300000);
	say("fixed", "%d %d", sk_int(fd[1], SOL_SOCKET, SO_RCVBUF),
	    sk_int(fd[1], SOL_SOCKET, SO_RCVLOWAT));
}

static void vectors(void)
{
	char a[3], b[5];
	struct iovec iov[2] = { { a, 3 }, { b, 5 } };
	struct mmsghdr messages[3] = {
		{ .msg_hdr = { .msg_iov = &iov[0], .msg_iovlen = 1 } },
		{ .msg_hdr = { .msg_iov = &iov[1], .msg_iovlen = 1 } },
		{ .msg_hdr = { .msg_iov = iov, .msg_iovlen = 2 } },
	};
	struct timespec wait = { .tv_sec = 5 };
	int fd[2], n;

	sk_pair(AF_INET, fd);
	say_result("writev", writev(fd[0], iov, 2));
	AWAIT(sk_inq(fd[1]) == 8);
	say_result("readv", readv(fd[1], iov, 2));
	say_result("sendmmsg", sendmmsg(fd[0], messages, 3, 0));
	say("lengths", "%d %d %d", messages[0].msg_len, messages[1].msg_len, messages[2].msg_len);
	AWAIT(sk_inq(fd[1]) == 16);
	n = recvmmsg(fd[1], messages, 3, MSG_WAITALL, &wait);
	say("recvmmsg", "%d: %d %d %d", n, messages[0].msg_len, messages[1].msg_len,
	    messages[2].msg_len);
	send_all(fd[0], "abc", 3);
	AWAIT(sk_inq(fd[1]) == 3);
	n = recvmmsg(fd[1], messages, 3, MSG_WAITFORONE, &wait);
	say("MSG_WAITFORONE", "%d: %d", n, messages[0].msg_len);
	iov[1].iov_base = (void *)8;
	errno = 0;
	say_result("writev, half of it bad", writev(fd[0], iov, 2));
	send_all(fd[0], "abcdefgh", 8);
	AWAIT(sk_inq(fd[1]) == 8);
	say_result("readv, half of it bad", readv(fd[1], iov, 2));
}

static void peeking(void)
{
	char buf[100];
	int fd[2];

	sk_pair(AF_INET, fd);
	say_result("SO_PEEK_OFF", setsockopt(fd[1], SOL_SOCKET, SO_PEEK_OFF, &(int){ 2 }, 4));
	for (int i = 0; i < 5; i++)
		CHECK_EQ(send(fd[0], "0123456789", 10, MSG_EOR), 10);
	AWAIT(sk_inq(fd[1]) == 50);
	for (int i = 0; i < 3; i++) {
		ssize_t n = recv(fd[1], buf, 7, MSG_PEEK | MSG_DONTWAIT);

		say(text("peek %d", i), "%zd %.1s", n, n > 0 ? buf : "-");
	}
	say_result("read", recv(fd[1], buf, 8, 0));
	say_result("peek all", recv(fd[1], buf, 100, MSG_PEEK | MSG_DONTWAIT));
	say_result("peek more", recv(fd[1], buf, 100, MSG_PEEK | MSG_DONTWAIT));
	say_result("discard", recv(fd[1], buf, 4, MSG_TRUNC));
	say_result("read on", recv(fd[1], buf, 100, 0));
	say("octets", "%.1s", buf);
}

/* TCP_INQ: a control message tells what is left */
static void inq(void)
{
	char control[CMSG_SPACE(sizeof(int))], buf[10];
	struct iovec iov = { buf, 3 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	int fd[2];

	sk_pair(AF_INET, fd);
	sk_set(fd[1], SOL_TCP, TCP_INQ, 1);
	send_all(fd[0], "0123456789", 10);
	AWAIT(sk_inq(fd[1]) == 10);
	for (int i = 0; i < 6; i++) {
		struct cmsghdr *c;
		ssize_t n;

		msg.msg_control = control;
		msg.msg_controllen = sizeof(control);
		n = recvmsg(fd[1], &msg, 0);
		c = CMSG_FIRSTHDR(&msg);
		say(text("recvmsg %d", i), "%zd, level %d type %d: %d", n, c ? c->cmsg_level : 0,
		    c ? c->cmsg_type : 0, c ? *(int *)CMSG_DATA(c) : -1);
		if (i == 1) {
			OK(shutdown(fd[0], SHUT_WR));
			AWAIT(sk_events(fd[1], POLLRDHUP, 0));
		}
	}
}

static void control_messages(void)
{
	char control[256];
	struct iovec iov = { "abc", 3 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control };
	static const struct { int level, type, value; } messages[] = {
		{ SOL_SOCKET, SO_MARK, 5 }, { SOL_SOCKET, SCM_TXTIME, 5 },
		{ SOL_SOCKET, SO_TIMESTAMPING, 0x200 }, { SOL_SOCKET, SO_TIMESTAMPING, 0x8 },
		{ SOL_SOCKET, SCM_RIGHTS, 0 }, { SOL_SOCKET, 999, 0 }, { SOL_IP, IP_TOS, 4 },
		{ SOL_IP, 999, 4 }, { SOL_TCP, 1, 1 },
	};
	int fd[2];

	sk_pair(AF_INET, fd);
	for (int i = 0; i < COUNT(messages); i++) {
		struct cmsghdr *c = (void *)control;

		c->cmsg_level = messages[i].level;
		c->cmsg_type = messages[i].type;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &messages[i].value, sizeof(int));
		msg.msg_controllen = CMSG_SPACE(sizeof(int));
		errno = 0;
		say_result(text("level %d type %d", messages[i].level, messages[i].type),
			   sendmsg(fd[0], &msg, MSG_NOSIGNAL));
	}
	((struct cmsghdr *)control)->cmsg_len = 1;
	say_result("too short", sendmsg(fd[0], &msg, 0));
}

static void filters(void)
{
	static const struct { unsigned short code; unsigned char jt, jf; unsigned int k; }
	drop[] = { { 6, 0, 0, 0 } }, pass[] = { { 6, 0, 0, 0xffffffff } }, bad[] = { { 77, 0, 0, 0 } };
	struct { unsigned short len; const void *code; }
	drops = { 1, drop }, passes = { 1, pass }, bads = { 1, bad };
	char buf[16];
	int fd[2];

	sk_pair(AF_INET, fd);
	say_result("detach none", setsockopt(fd[1], SOL_SOCKET, SO_DETACH_FILTER, &(int){ 0 }, 4));
	say_result("a bad one", setsockopt(fd[1], SOL_SOCKET, SO_ATTACH_FILTER, &bads, sizeof(bads)));
	say_result("one that passes", setsockopt(fd[1], SOL_SOCKET, SO_ATTACH_FILTER, &passes,
						 sizeof(passes)));
	send_all(fd[0], "abc", 3);
	say_result("passes", recv(fd[1], buf, 3, MSG_WAITALL));
	say_result("one that drops", setsockopt(fd[1], SOL_SOCKET, SO_ATTACH_FILTER, &drops,
						sizeof(drops)));
	AWAIT(!sk_outq(fd[0]));
	send_all(fd[0], "abc", 3);
	AWAIT(sk_meminfo(fd[1], SK_MEMINFO_DROPS));
	say_result("drops", recv(fd[1], buf, 3, MSG_DONTWAIT));
	say_result("lock", setsockopt(fd[1], SOL_SOCKET, SO_LOCK_FILTER, &(int){ 1 }, 4));
	say_result("detach a locked one", setsockopt(fd[1], SOL_SOCKET, SO_DETACH_FILTER,
						     &(int){ 0 }, 4));
	say_result("unlock", setsockopt(fd[1], SOL_SOCKET, SO_LOCK_FILTER, &(int){ 0 }, 4));
}

/* SIGIO, and whom it is sent to */
static void sigio(void)
{
	char buf[16];
	int fd[2];

	sk_pair(AF_INET, fd);
	handle(SIGIO, on_io, SA_RESTART);
	OK(fcntl(fd[1], F_SETOWN, getpid()));
	say("owner", "%d", fcntl(fd[1], F_GETOWN) == getpid());
	OK(fcntl(fd[1], F_SETFL, O_ASYNC));
	send_all(fd[0], "abc", 3);
	AWAIT(ios);
	say("data", "%d", ios);
	CHECK_EQ(recv(fd[1], buf, 3, MSG_WAITALL), 3);
	ios = 0;
	OK(shutdown(fd[0], SHUT_WR));
	AWAIT(ios);
	say("end", "%d", ios > 0);
}

static void lingering(void)
{
	struct linger linger = { .l_onoff = 1, .l_linger = 1 };
	static char big[8 << 20];
	int fd[2];
	double start;

	sk_pair(AF_INET, fd);
	sk_nonblock(fd[0], true);
	while (send(fd[0], big, sizeof(big), MSG_NOSIGNAL) > 0)
		;
	OK(setsockopt(fd[0], SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
	start = now();
	say_result("close that has to wait", close(fd[0]));
	say("it waited", "%d", now() - start > 0.9);

	sk_pair(AF_INET, fd);
	linger.l_linger = 0;
	OK(setsockopt(fd[0], SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
	send_all(fd[0], "abc", 3);
	AWAIT(sk_inq(fd[1]) == 3);
	close(fd[0]);
	AWAIT(sk_events(fd[1], POLLHUP, 0));
	look("reset", fd[1]);
	say_result("recv", recv(fd[1], big, 10, 0));
	say_result("recv again", recv(fd[1], big, 10, 0));
	handle(SIGPIPE, on_pipe, 0);
	say_result("send", send(fd[1], "x", 1, 0));
	say("SIGPIPE", "%d", pipes);

	/* data unread */
	sk_pair(AF_INET, fd);
	send_all(fd[0], "abc", 3);
	AWAIT(sk_inq(fd[1]) == 3);
	close(fd[1]);
	AWAIT(sk_events(fd[0], POLLHUP, 0));
	look("closed with data unread", fd[0]);
	say_result("send to it", send(fd[0], "x", 1, MSG_NOSIGNAL));
	say("SO_ERROR", "%s", errno_name(sk_error(fd[0])));
	say_result("send once more", send(fd[0], "x", 1, MSG_NOSIGNAL));
}

static void closed_by_peer(void)
{
	char buf[10];
	int fd[2];

	handle(SIGPIPE, on_pipe, 0);
	sk_pair(AF_INET, fd);
	close(fd[1]);
	AWAIT(sk_events(fd[0], POLLRDHUP, 0));
	look("the peer is gone", fd[0]);
	say_result("send to nobody", send(fd[0], "x", 1, 0));
	AWAIT(sk_events(fd[0], POLLHUP, 0));
	look("a reset came", fd[0]);
	say_result("send again", send(fd[0], "x", 1, 0));
	say("SIGPIPE", "%d", pipes);
	say_result("recv", recv(fd[0], buf, 10, 0));
	say("SO_ERROR", "%s", errno_name(sk_error(fd[0])));
	look("after it", fd[0]);
}

/* Reading ends here; the peer does not know */
static void shut_for_reading(void)
{
	char buf[10];
	int fd[2];

	sk_pair(AF_INET, fd);
	OK(shutdown(fd[0], SHUT_RD));
	look("shut", fd[0]);
	say_result("recv", recv(fd[0], buf, 10, 0));
	send_all(fd[1], "abc", 3);
	AWAIT(!sk_outq(fd[1]));
	look("data came", fd[0]);
	say_result("recv data", recv(fd[0], buf, 10, 0));
	say_result("recv none", recv(fd[0], buf, 10, 0));
	send_all(fd[0], "abc", 3);
	say_result("the peer reads", recv(fd[1], buf, 3, MSG_WAITALL));
	OK(shutdown(fd[0], SHUT_WR));
	AWAIT(sk_events(fd[1], POLLRDHUP, 0));
	say_result("the peer writes", send(fd[1], "x", 1, MSG_NOSIGNAL));
	AWAIT(sk_events(fd[1], POLLHUP, 0));
	look("the peer is reset", fd[1]);
	look("and so are we", fd[0]);
}

#define SCENARIO(name, state)						\
	{ "data, " #name, data_##name },				\
	{ "control, " #name, control_##name },

static const struct scenario scenarios[] = {
	EACH_STATE(SCENARIO)
	{ "errors of bind", bind_errors },
	{ "errors of connect", connect_errors },
	{ "errors of accept", accept_errors },
	{ "interrupted", interrupted },
	{ "timeouts", timeouts },
	{ "SO_RCVLOWAT", low_water },
	{ "SO_RCVLOWAT and the buffer", low_water_buffer },
	{ "vectors", vectors },
	{ "peeking", peeking },
	{ "TCP_INQ", inq },
	{ "control messages", control_messages },
	{ "filters", filters },
	{ "SIGIO", sigio },
	{ "SO_LINGER", lingering },
	{ "closed by the peer", closed_by_peer },
	{ "shut for reading", shut_for_reading },
};

static const struct difference known[] = {
	{ "control, *", "connect to unspecified: SIOCOUTQ*",
	  "a number left over, from the peer's first window, which differs by a rounding" },
	{ "data, *", "send flags 0x1*", "there is no urgent data (RFC 6093): EOPNOTSUPP" },
};

PARITY_MAIN(scenarios, known)
