// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SO_TIMESTAMP, SO_TIMESTAMPNS, SO_TIMESTAMPING: when data came in, and when it
 * went out and was acknowledged.
 */
#include <sched.h>
#include <signal.h>
#include <time.h>
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <poll.h>
#include <sys/wait.h>

#include "lib.h"

#define TX	(SOF_TIMESTAMPING_TX_SCHED | SOF_TIMESTAMPING_TX_SOFTWARE | \
		 SOF_TIMESTAMPING_TX_ACK)

static int fd[2];

static double seconds(struct timespec t)
{
	return t.tv_sec + t.tv_nsec / 1e9;
}

static double wall(void)
{
	struct timespec t;

	OK(clock_gettime(CLOCK_REALTIME, &t));
	return seconds(t);
}

static ssize_t receive(int s, size_t len, int flags, char *control, size_t room,
		       struct msghdr *msg)
{
	static char buf[100000];
	static struct iovec iov;

	iov = (struct iovec){ buf, len };
	*msg = (struct msghdr){ .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
				.msg_controllen = room };
	return recvmsg(s, msg, flags);
}

/* A control message, or NULL */
static void *find(struct msghdr *msg, int level, int type)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c))
		if (c->cmsg_level == level && c->cmsg_type == type)
			return CMSG_DATA(c);
	return NULL;
}

static void check_recent(double t, double from)
{
	if (t < from - 0.001 || t > wall())
		FAIL("a timestamp of %.6f, between %.6f and %.6f", t, from, wall());
}

static void rx(int family, int option)
{
	char control[256];
	struct msghdr msg;
	double start;

	sk_pair(family, fd);
	sk_set(fd[1], SOL_SOCKET, option,
	       option == SO_TIMESTAMPING ?
	       SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE : 1);
	for (int i = 0, on = 0; on < 3; i++) {
		void *data;

		start = wall();
		send_all(fd[0], "0123456789", 10);
		CHECK_EQ(receive(fd[1], 10, MSG_WAITALL, control, sizeof(control), &msg), 10);
		data = find(&msg, SOL_SOCKET, option);
		/* the machine turns them on when the first socket asks, a
		 * moment later
		 */
		if (!data && !on && i < 1000) {
			usleep(2000);
			continue;
		}
		CHECK(data);
		on++;
		if (option == SO_TIMESTAMP)
			check_recent(((struct timeval *)data)->tv_sec +
				     ((struct timeval *)data)->tv_usec / 1e6, start);
		else
			check_recent(seconds(*(struct timespec *)data), start);
	}
	/* without the option, no message */
	sk_set(fd[1], SOL_SOCKET, option, 0);
	send_all(fd[0], "0123456789", 10);
	CHECK_EQ(receive(fd[1], 10, MSG_WAITALL, control, sizeof(control), &msg), 10);
	CHECK(!find(&msg, SOL_SOCKET, option));
}

static void rx_all(void)
{
	static const int options[] = { SO_TIMESTAMP, SO_TIMESTAMPNS, SO_TIMESTAMPING };

	for (int i = 0; i < 3; i++) {
		rx(AF_INET, options[i]);
		rx(AF_INET6, options[i]);
	}
}

/* The next of the error queue: its kind, and its key */
static int next_stamp(int s, unsigned int *key, double *when, ssize_t *payload)
{
	char control[512];
	struct sock_extended_err *err;
	struct scm_timestamping *ts;
	struct msghdr msg;
	bool v6;

	AWAIT(sk_events(s, 0, 0) & POLLERR);
	*payload = OK(receive(s, 100000, MSG_ERRQUEUE, control, sizeof(control), &msg));
	CHECK(msg.msg_flags & MSG_ERRQUEUE);
	err = find(&msg, SOL_IP, IP_RECVERR);
	v6 = !err;
	if (v6)
		err = find(&msg, SOL_IPV6, IPV6_RECVERR);
	ts = find(&msg, SOL_SOCKET, SO_TIMESTAMPING);
	CHECK(err && ts);
	CHECK_EQ(err->ee_errno, ENOMSG);
	CHECK_EQ(err->ee_origin, SO_EE_ORIGIN_TIMESTAMPING);
	*key = err->ee_data;
	*when = seconds(ts->ts[0]);
	return err->ee_info;
}

/* Three stamps for each send(), each once, with the key of its last octet */
static void tx(int family, int extra)
{
	unsigned int written = 0, key;
	double start, when, at[3];
	ssize_t payload;

	sk_pair(family, fd);
	sk_set(fd[0], SOL_SOCKET, SO_TIMESTAMPING, TX | SOF_TIMESTAMPING_SOFTWARE |
	       SOF_TIMESTAMPING_OPT_ID | extra);
	for (int i = 0; i < 4; i++) {
		size_t len = i == 2 ? 60000 : 10 + i;
		int seen = 0;

		start = wall();
		send_pattern(fd[0], written, len, 1);
		receive_pattern(fd[1], written, len, 1);
		written += len;
		while (seen != 7) {
			int kind = next_stamp(fd[0], &key, &when, &payload);

			if (getenv("DEBUG"))
				printf("# %d %x %d: kind %d key %u\n", family, extra, i, kind, key);
			CHECK(kind == SCM_TSTAMP_SCHED || kind == SCM_TSTAMP_SND ||
			      kind == SCM_TSTAMP_ACK);
			if (key != written - 1)
				FAIL("kind %d: key %u, not %u", kind, key, written - 1);
			check_recent(when, start);
			if (extra & SOF_TIMESTAMPING_OPT_TSONLY)
				CHECK_EQ(payload, 0);
			else if (len < 100)
				CHECK(payload >= (ssize_t)len);
			CHECK(!(seen & (1 << kind)));
			seen |= 1 << kind;
			at[kind] = when;
		}
		CHECK(at[SCM_TSTAMP_SCHED] <= at[SCM_TSTAMP_SND]);
		CHECK(at[SCM_TSTAMP_SND] <= at[SCM_TSTAMP_ACK]);
	}
	CHECK(!(sk_events(fd[0], 0, 0) & POLLERR));
	/* nothing asked for, nothing told */
	sk_set(fd[0], SOL_SOCKET, SO_TIMESTAMPING, 0);
	send_all(fd[0], "abc", 3);
	AWAIT(!sk_outq(fd[0]));
	CHECK(!(sk_events(fd[0], 0, 0) & POLLERR));
}

static void tx_all(void)
{
	tx(AF_INET, 0);
	tx(AF_INET, SOF_TIMESTAMPING_OPT_TSONLY);
	tx(AF_INET6, 0);
	tx(AF_INET6, SOF_TIMESTAMPING_OPT_TSONLY);
}

/* A device that takes no super-segments: the stamp goes with the segment that
 * holds the last octet
 */
static void tx_cut(void)
{
	command("ip link set lo mtu 1500");
	command("ethtool -K lo tso off");
	tx_all();
}

/* Keys begin at 0 wherever the connection stands */
static void key_origin(void)
{
	unsigned int key;
	ssize_t payload;
	double when;

	sk_pair(AF_INET, fd);
	transfer(fd[0], fd[1], 12345, 0);
	AWAIT(!sk_outq(fd[0]));
	for (int i = 0; i < 2; i++) {
		sk_set(fd[0], SOL_SOCKET, SO_TIMESTAMPING, 0);
		sk_set(fd[0], SOL_SOCKET, SO_TIMESTAMPING, SOF_TIMESTAMPING_SOFTWARE |
		       SOF_TIMESTAMPING_TX_ACK | SOF_TIMESTAMPING_OPT_ID |
		       SOF_TIMESTAMPING_OPT_TSONLY);
		send_all(fd[0], "0123456789", 10);
		CHECK_EQ(next_stamp(fd[0], &key, &when, &payload), SCM_TSTAMP_ACK);
		CHECK_EQ(key, 9);
	}
}

/* For one sendmsg(), by a control message */
static void by_message(void)
{
	char control[CMSG_SPACE(4)] = "";
	struct iovec iov = { "abc", 3 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c = (void *)control;
	unsigned int key;
	ssize_t payload;
	double when;

	sk_pair(AF_INET, fd);
	sk_set(fd[0], SOL_SOCKET, SO_TIMESTAMPING, SOF_TIMESTAMPING_SOFTWARE |
	       SOF_TIMESTAMPING_OPT_ID | SOF_TIMESTAMPING_OPT_TSONLY);
	CHECK_EQ(sendmsg(fd[0], &msg, 0), 3);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SO_TIMESTAMPING;
	c->cmsg_len = CMSG_LEN(4);
	*(int *)CMSG_DATA(c) = SOF_TIMESTAMPING_TX_ACK;
	msg.msg_control = control;
	msg.msg_controllen = sizeof(control);
	CHECK_EQ(sendmsg(fd[0], &msg, 0), 3);
	CHECK_EQ(next_stamp(fd[0], &key, &when, &payload), SCM_TSTAMP_ACK);
	CHECK_EQ(key, 5);
	AWAIT(!sk_outq(fd[0]));
	CHECK(!(sk_events(fd[0], 0, 0) & POLLERR));
}

/* One write that is cut into many segments has one stamp of each kind, at its
 * end
 */
static void cut(void)
{
	int l = sk_listen("127.0.0.1", 0, 1), acks = 0;
	unsigned int key;
	ssize_t payload;
	double when;

	fd[0] = sk_new(AF_INET);
	sk_set(fd[0], SOL_TCP, 2 /* TCP_MAXSEG */, 500);
	OK(sk_connect(fd[0], "127.0.0.1", sk_port(l)));
	fd[1] = OK(accept(l, NULL, NULL));
	sk_set(fd[0], SOL_SOCKET, SO_TIMESTAMPING, SOF_TIMESTAMPING_SOFTWARE |
	       SOF_TIMESTAMPING_TX_ACK | SOF_TIMESTAMPING_OPT_ID |
	       SOF_TIMESTAMPING_OPT_TSONLY);
	for (int i = 0; i < 20; i++) {
		send_pattern(fd[0], i * 30000, 30000, 1);
		receive_pattern(fd[1], i * 30000, 30000, 1);
		AWAIT(!sk_outq(fd[0]));
		do {
			CHECK_EQ(next_stamp(fd[0], &key, &when, &payload), SCM_TSTAMP_ACK);
			acks++;
		} while (key != (unsigned int)(i + 1) * 30000 - 1);
		CHECK(!(sk_events(fd[0], 0, 0) & POLLERR));
	}
	CHECK_EQ(acks, 20);
}

/* With the first one that asks, the kernel patches its code, with the last one
 * back; the other processor runs it meanwhile
 */
static void on_and_off(void)
{
	const int rounds = 1000;
	cpu_set_t cpus;
	char c;
	int pid;

	sk_pair(AF_INET, fd);
	pid = OK(fork());
	CPU_ZERO(&cpus);
	CPU_SET(pid ? 0 : 1, &cpus);
	sched_setaffinity(0, sizeof(cpus), &cpus);
	if (!pid) {
		while (write(fd[0], "x", 1) == 1 && read(fd[1], &c, 1) == 1)
			;
		FAIL("the octets stop: %s", strerror(errno));
	}
	for (int i = 0; i < rounds; i++) {
		int other = sk_new(AF_INET);

		sk_set(other, SOL_SOCKET, SO_TIMESTAMP, 1);
		/* long enough for one of the other's rounds */
		usleep(1000);
		close(other);
		usleep(1000);
	}
	CHECK_EQ(waitpid(pid, NULL, WNOHANG), 0);
	OK(kill(pid, SIGKILL));
	OK(waitpid(pid, NULL, 0));
}

static const struct test tests[] = {
	{ "receiving: microseconds, nanoseconds, SO_TIMESTAMPING", rx_all },
	{ "sending: SCHED, SOFTWARE, ACK", tx_all },
	{ "sending through a device that cuts", tx_cut },
	{ "keys count from where they were asked for", key_origin },
	{ "asked for by a control message", by_message },
	{ "one stamp for many segments", cut },
	{ "on and off while others receive", on_and_off },
};

TEST_MAIN(tests)
