// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory: what lies within the window is not lost however small the segments,
 * what an attacker sends out of order stays bounded in memory and time, and
 * cgroups count it.
 */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "segment.h"
#include "stock.h"

#define PORT		5001

static int fd[2];

/* --- a peer made of segments --- */

static int tun;
static uint32_t local_seq, peer_seq;	/* next octet of either side */
static int local_port;

static void inject(uint8_t flags, uint32_t seq, const void *data, size_t len)
{
	struct segment s;

	segment_init(&s, AF_INET, PORT, local_port, flags);
	s.seq = seq;
	s.ack = local_seq;
	segment_data(&s, data, len);
	segment_send(tun, &s);
}

/* A connection to the peer made of packets; MSS and SACK permitted only */
static int tun_connected(int rcvbuf)
{
	static const uint8_t options[] = { 2, 4, 5, 0xb4, 1, 1, 4, 2, 1, 3, 3, 7 };
	struct segment p, answer;
	int sk;

	tun = tun_open();
	sk = sk_new_nonblock(AF_INET);
	if (rcvbuf)
		sk_set(sk, SOL_SOCKET, SO_RCVBUF, rcvbuf);
	CHECK(sk_connect(sk, THERE4, PORT) == -1 && errno == EINPROGRESS);
	local_port = sk_port(sk);
	/* what a connection before still says is not meant */
	do {
		CHECK(segment_receive(tun, &p, PATIENCE * 1000));
	} while (p.sport != local_port);
	CHECK_EQ(p.flags & (SYN | ACK), SYN);
	local_seq = p.seq + 1;
	peer_seq = 1000;
	segment_answer(&p, &answer, SYN | ACK);
	answer.seq = peer_seq++;
	memcpy(answer.options, options, sizeof(options));
	answer.n_options = sizeof(options);
	segment_send(tun, &answer);
	do {
		CHECK(segment_receive(tun, &p, PATIENCE * 1000));
	} while (p.sport != local_port);
	CHECK_EQ(p.flags, ACK);
	return sk;
}

static void drain(void)
{
	struct segment p;

	while (segment_receive(tun, &p, 0))
		;
}

/* --- small segments --- */

/* Nobody reads; one octet in each segment, until the window is full */
static void octets(void)
{
	int sk = tun_connected(0), sent = 0;
	struct segment p;
	uint32_t acked = peer_seq, end = peer_seq + 20000;
	uint8_t octet[1];
	uint8_t *all;
	ssize_t n;

	all = malloc(1 << 20);
	while (sent < 20000) {
		pattern_fill(octet, sent, 1, 1);
		inject(ACK | PSH, peer_seq, octet, 1);
		peer_seq++;
		sent++;
		while (segment_receive(tun, &p, 0)) {
			CHECK((int32_t)(p.ack - acked) >= 0);
			acked = p.ack;
		}
	}
	AWAIT(sk_inq(sk) == sent);
	while (segment_receive(tun, &p, 500))
		acked = p.ack;
	CHECK_EQ(acked, end);
	printf("# %d octets cost %u of %u\n", sent, sk_meminfo(sk, SK_MEMINFO_RMEM_ALLOC),
	       sk_meminfo(sk, SK_MEMINFO_RCVBUF));
	for (int got = 0; got < sent; got += n) {
		n = OK(recv(sk, all, 1 << 20, 0));
		pattern_check(all, got, n, 1);
	}
	free(all);
}

/* The same in a small buffer that may not grow */
static void octets_small_buffer(void)
{
	int sk = tun_connected(20000), sent = 0;
	uint8_t octet[1], buf[65536];
	struct segment p;
	int window = 0;
	ssize_t n;

	/* 15000 octets lie within the first window of 20000 */
	while (sent < 15000) {
		pattern_fill(octet, sent, 1, 1);
		inject(ACK | PSH, peer_seq + sent++, octet, 1);
		while (segment_receive(tun, &p, 0))
			window = p.window;
	}
	AWAIT(sk_inq(sk) == sent);
	CHECK_EQ(counter("RcvDropped", "TCPRcvQDrop"), 0);
	printf("# %d octets cost %u of %u, last window %d\n", sent,
	       sk_meminfo(sk, SK_MEMINFO_RMEM_ALLOC), sk_meminfo(sk, SK_MEMINFO_RCVBUF), window);
	if (proto != PROTO_TCP)
		CHECK(counter("RcvCollapsed", "TCPRcvCollapsed") > 0);
	for (int got = 0; got < sent; got += n) {
		n = OK(recv(sk, buf, sizeof(buf), 0));
		pattern_check(buf, got, n, 1);
	}
}

/* The same through the socket of a sender that Nagle does not hold back, with a
 * reader who owns the socket much of the time: through the backlog
 */
static void octets_backlog(void)
{
	uint8_t octet[1];
	int i;

	sk_pair(AF_INET, fd);
	sk_set(fd[0], SOL_TCP, TCP_NODELAY, 1);
	if (!fork()) {
		close(fd[1]);
		for (i = 0; i < 30000; i++) {
			pattern_fill(octet, i, 1, 1);
			send_all(fd[0], octet, 1);
		}
		exit(0);
	}
	close(fd[0]);
	receive_pattern(fd[1], 0, 30000, 1);
	check_eof(fd[1]);
	CHECK_EQ(counter("BacklogDropped", "TCPBacklogDrop"), 0);
}

/* --- out of order --- */

#define ATTACK	30000

static double attack_seconds(int sk, int step, bool backwards)
{
	double start = now();
	uint32_t most = 0, used;

	for (int i = 0; i < ATTACK; i++) {
		int k = backwards ? ATTACK - i : i;

		inject(ACK, peer_seq + 2 + k * step, "x", 1);
		if (i % 64)
			continue;
		drain();
		used = sk_meminfo(sk, SK_MEMINFO_RMEM_ALLOC);
		if (used > most)
			most = used;
	}
	printf("# %s, every %d octets: %.2f s, at most %u octets of memory of %u\n",
	       backwards ? "backwards" : "forwards", step, now() - start, most,
	       sk_meminfo(sk, SK_MEMINFO_RCVBUF));
	/* the buffer, and what came with the last before it was seen full */
	CHECK(most <= 6291456 + (1 << 20));
	return now() - start;
}

/* One octet here and one there, never the one that is wanted */
static void attack(int step, bool backwards)
{
	int wanted = proto, sk;
	double tcp, ours;
	char octet[64];

	proto = PROTO_TCP;
	sk = tun_connected(0);
	tcp = attack_seconds(sk, step, backwards);
	close(sk);
	close(tun);
	proto = wanted;
	sk = tun_connected(0);
	ours = attack_seconds(sk, step, backwards);
	/* Not a measurement: work that grew with the square of what is queued
	 * would take hours
	 */
	CHECK(ours < 4 * tcp + 10);
	/* and the connection lives */
	drain();
	memset(octet, 'y', sizeof(octet));
	inject(ACK | PSH, peer_seq, octet, 1);
	AWAIT(sk_inq(sk) >= 1);
	CHECK_EQ(recv(sk, octet, 1, 0), 1);
	CHECK_EQ(octet[0], 'y');
}

static void attack_forwards(void)
{
	attack(2, false);
}

static void attack_backwards(void)
{
	attack(2, true);
}

static void attack_dense(void)
{
	attack(1, false);
}

static void attack_dense_backwards(void)
{
	attack(1, true);
}

/* What has been told by SACK and not taken back must be delivered: fill the gap
 * and see that everything comes, after what was pruned has been sent again
 */
static void told_truthfully(void)
{
	int sk = tun_connected(30000), i, n = 0;
	uint8_t octet, data[1460];
	struct segment p;

	for (i = 1; i < 8000; i += 2) {
		pattern_fill(&octet, i, 1, 1);
		inject(ACK, peer_seq + i, &octet, 1);
		drain();
	}
	/* then all of it in order, as a sender without SACK would */
	for (i = 0; i < 8000; i += n) {
		n = 8000 - i < 1000 ? 8000 - i : 1000;
		pattern_fill(data, i, n, 1);
		inject(ACK | PSH, peer_seq + i, data, n);
	}
	CHECK(segment_receive(tun, &p, PATIENCE * 1000));
	AWAIT(sk_inq(sk) == 8000);
	receive_pattern(sk, 0, 8000, 1);
}

/* --- cgroups --- */

#define GROUP	"/tmp/linnet-cgroup"

static void file_write(const char *path, const char *text)
{
	int file = open(path, O_WRONLY);

	if (file < 0)
		skip("%s: %s", path, strerror(errno));
	if (write(file, text, strlen(text)) < 0)
		skip("%s to %s: %s", path, text, strerror(errno));
	close(file);
}

static long group_sock(void)
{
	FILE *file = fopen(GROUP "/linnet-test/memory.stat", "r");
	char name[64];
	long value;

	CHECK(file);
	while (fscanf(file, "%63s %ld", name, &value) == 2)
		if (!strcmp(name, "sock")) {
			fclose(file);
			return value;
		}
	FAIL("memory.stat has no sock");
}

static void group_enter(const char *limit)
{
	OK(unshare(CLONE_NEWNS));
	OK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	mkdir(GROUP, 0700);
	if (mount("none", GROUP, "cgroup2", 0, NULL))
		skip("cgroup2: %s", strerror(errno));
	file_write(GROUP "/cgroup.subtree_control", "+memory");
	rmdir(GROUP "/linnet-test");
	OK(mkdir(GROUP "/linnet-test", 0700));
	file_write(GROUP "/linnet-test/memory.max", limit);
	file_write(GROUP "/linnet-test/cgroup.procs", "0");
}

/* The processes that serve it must have gone first */
static void group_leave(void)
{
	file_write(GROUP "/cgroup.procs", "0");
	rmdir(GROUP "/linnet-test");
}

static size_t fill(int sender)
{
	static uint8_t buf[65536];
	size_t sent = 0;

	for (;;) {
		ssize_t n;

		pattern_fill(buf, sent, sizeof(buf), 1);
		n = send(sender, buf, sizeof(buf), MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0)
			sent += n;
		else if (!sk_events(sender, POLLOUT, 400))
			return sent;
	}
}

static void cgroup_counts(void)
{
	long before, during;
	size_t sent;

	group_enter("max");
	sk_pair(AF_INET, fd);
	before = group_sock();
	sent = fill(fd[0]);
	CHECK(sent > 100000);
	during = group_sock();
	printf("# %zu octets sent, sock %ld\n", sent, during);
	/* both the sender's and the reader's */
	CHECK(during - before > (long)sent / 2);
	receive_pattern(fd[1], 0, sent, 1);
	AWAIT(sk_outq(fd[0]) == 0);
	close(fd[0]);
	close(fd[1]);
	AWAIT(group_sock() < before + 100000);
	group_leave();
}

/* The limit holds, senders wait, and nothing is lost */
static void cgroup_limit(void)
{
	int pairs[16][2];
	size_t sent[16], total = 0;
	long most = 0;

	group_enter("16777216");
	for (int i = 0; i < 16; i++)
		sk_pair(AF_INET, pairs[i]);
	/* the sockets stay in the group; a task in it would be killed for them */
	file_write(GROUP "/cgroup.procs", "0");
	for (int i = 0; i < 16; i++) {
		sent[i] = fill(pairs[i][0]);
		total += sent[i];
		if (group_sock() > most)
			most = group_sock();
	}
	printf("# %zu octets sent, sock at most %ld\n", total, most);
	/* what is owed is charged past the limit */
	CHECK(most <= 16777216 + (4 << 20));
	/* without it they would have taken much more */
	CHECK(total < 24 << 20);
	for (int i = 0; i < 16; i++) {
		receive_pattern(pairs[i][1], 0, sent[i], 1);
		transfer(pairs[i][0], pairs[i][1], 100000, 100000);
		close(pairs[i][0]);
		close(pairs[i][1]);
	}
	AWAIT(group_sock() < 100000);
	group_leave();
}

/* --- autotuning --- */

/* The buffers follow what the path can carry */
static void autotune(void)
{
	int here = ns_current(), there = ns_new(), l;
	uint32_t rcvbuf, sndbuf;

	ns_join(here, "v0", there, "v0");
	command("ip addr add " HERE4 "/24 dev v0");
	if (system("tc qdisc add dev v0 root netem delay 40ms limit 10000 2>/dev/null"))
		skip("no netem");
	ns_enter(there);
	command("ip addr add " THERE4 "/24 dev v0");
	l = sk_listen(THERE4, PORT, 1);
	ns_enter(here);
	fd[0] = sk_connected(THERE4, PORT);
	fd[1] = OK(accept(l, NULL, NULL));
	rcvbuf = sk_meminfo(fd[1], SK_MEMINFO_RCVBUF);
	sndbuf = sk_meminfo(fd[0], SK_MEMINFO_SNDBUF);
	transfer(fd[0], fd[1], 16 << 20, 0);
	printf("# receive buffer %u to %u, send buffer %u to %u\n", rcvbuf,
	       sk_meminfo(fd[1], SK_MEMINFO_RCVBUF), sndbuf, sk_meminfo(fd[0], SK_MEMINFO_SNDBUF));
	CHECK(sk_meminfo(fd[1], SK_MEMINFO_RCVBUF) > 8 * rcvbuf);
	CHECK(sk_meminfo(fd[0], SK_MEMINFO_SNDBUF) > 8 * sndbuf);
}

/* but not where the administrator said no */
static void no_autotune(void)
{
	command("echo 0 >/proc/sys/net/%s", proto == PROTO_TCP ? "ipv4/tcp_moderate_rcvbuf" :
		"linnet/moderate_rcvbuf");
	sk_pair(AF_INET, fd);
	transfer(fd[0], fd[1], 16 << 20, 0);
	CHECK_EQ(sk_meminfo(fd[1], SK_MEMINFO_RCVBUF), 131072);
}

/* Before the first of these tests */
static struct stock before;

static void all_back(void)
{
	stock_await_sockets(&before, PATIENCE);
}

static const struct test tests[] = {
	{ "an idle reader and 20000 octets, one by one", octets },
	{ "the same in a small buffer", octets_small_buffer },
	{ "the same through the backlog", octets_backlog },
	{ "out of order: every second octet", attack_forwards },
	{ "out of order: every second octet, backwards", attack_backwards },
	{ "out of order: every octet", attack_dense },
	{ "out of order: every octet, backwards", attack_dense_backwards },
	{ "what was held or pruned comes in the end", told_truthfully },
	{ "buffers grow with the path", autotune },
	{ "and do not when told so", no_autotune },
	{ "a cgroup counts it", cgroup_counts },
	{ "a cgroup's limit holds", cgroup_limit },
	{ "all memory comes back", all_back },
};

int main(void)
{
	int sk;

	proto_choose();
	sk = socket(AF_INET, SOCK_STREAM, proto);
	if (sk >= 0) {
		close(sk);
		stock_take_sockets(&before);
	}
	return run_tests(tests, sizeof(tests) / sizeof(*tests));
}
