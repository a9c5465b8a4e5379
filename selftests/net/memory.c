// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory: what lies within the window is not lost however small the segments,
 * what an attacker sends out of order stays bounded in memory and time, and
 * cgroups count it.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "lib.h"

#ifndef SO_MEMINFO
#define SO_MEMINFO	55
#endif

#define LOCAL		"192.0.2.1"
#define REMOTE		"192.0.2.2"
#define PORT		5001

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };

static int fd[2];

static uint32_t meminfo(int sk, int what)
{
	uint32_t info[SK_MEMINFO_VARS];
	socklen_t len = sizeof(info);

	OK(getsockopt(sk, SOL_SOCKET, SO_MEMINFO, info, &len));
	return info[what];
}

/* --- a peer made of packets, on a tun device --- */

struct packet {
	struct iphdr	ip;
	uint16_t	source, dest;
	uint32_t	seq, ack;
	uint8_t		offset, flags;
	uint16_t	window, checksum, urgent;
	uint8_t		rest[1460];
} __attribute__((packed));

static int tun;
static uint32_t local_seq, peer_seq;	/* next octet of either side */
static int local_port;

static uint32_t sum(const void *data, size_t len, uint32_t s)
{
	const uint8_t *p = data;

	for (; len > 1; len -= 2, p += 2)
		s += p[0] << 8 | p[1];
	return len ? s + (p[0] << 8) : s;
}

static uint16_t fold(uint32_t s)
{
	s = (s & 0xffff) + (s >> 16);
	s = (s & 0xffff) + (s >> 16);
	return htons(~s);
}

static void inject(uint8_t flags, uint32_t seq, const void *options, size_t optlen,
		   const void *data, size_t len)
{
	struct packet p;
	size_t th = 20 + optlen + len;

	memset(&p, 0, 40);
	p.ip.version = 4;
	p.ip.ihl = 5;
	p.ip.ttl = 64;
	p.ip.protocol = proto;
	p.ip.tot_len = htons(20 + th);
	inet_pton(AF_INET, REMOTE, &p.ip.saddr);
	inet_pton(AF_INET, LOCAL, &p.ip.daddr);
	p.ip.check = fold(sum(&p.ip, 20, 0));
	p.source = htons(PORT);
	p.dest = htons(local_port);
	p.seq = htonl(seq);
	p.ack = htonl(local_seq);
	p.offset = (20 + optlen) / 4 << 4;
	p.flags = flags;
	p.window = htons(65535);
	memcpy(p.rest, options, optlen);
	memcpy(p.rest + optlen, data, len);
	p.checksum = fold(sum(&p.source, th, sum(&p.ip.saddr, 8, proto + th)));
	OK(write(tun, &p, 20 + th));
}

/* The next segment from the socket, or false when none comes */
static bool take(struct packet *p, int milliseconds)
{
	struct pollfd poll_tun = { .fd = tun, .events = POLLIN };

	for (;;) {
		if (!OK(poll(&poll_tun, 1, milliseconds)))
			return false;
		OK(read(tun, p, sizeof(*p)));
		if (p->ip.version == 4 && p->ip.protocol == proto)
			return true;
	}
}

static void tun_open(void)
{
	struct ifreq request = { .ifr_name = "tun0", .ifr_flags = IFF_TUN | IFF_NO_PI };

	command("modprobe -q tun || :");
	tun = OK(open("/dev/net/tun", O_RDWR | O_CLOEXEC));
	OK(ioctl(tun, TUNSETIFF, &request));
	command("ip addr add " LOCAL "/24 dev tun0 && ip link set tun0 up");
	/* nobody will acknowledge the FIN of a test that is over */
	command("echo 1 >/proc/sys/net/%s", proto == PROTO_TCP ? "ipv4/tcp_orphan_retries" :
		"linnet/orphan_retries");
}

/* A connection to the peer made of packets; MSS and SACK permitted only */
static int tun_connected(int rcvbuf)
{
	static const uint8_t options[] = { 2, 4, 5, 0xb4, 1, 1, 4, 2, 1, 3, 3, 7 };
	struct packet p;
	int sk;

	tun_open();
	sk = sk_new_nonblock(AF_INET);
	if (rcvbuf)
		sk_set(sk, SOL_SOCKET, SO_RCVBUF, rcvbuf);
	CHECK(sk_connect(sk, REMOTE, PORT) == -1 && errno == EINPROGRESS);
	local_port = sk_port(sk);
	CHECK(take(&p, PATIENCE * 1000));
	CHECK_EQ(p.flags & (SYN | ACK), SYN);
	local_seq = ntohl(p.seq) + 1;
	peer_seq = 1000;
	inject(SYN | ACK, peer_seq++, options, sizeof(options), "", 0);
	CHECK(take(&p, PATIENCE * 1000));
	CHECK_EQ(p.flags, ACK);
	return sk;
}

static void drain(void)
{
	struct packet p;

	while (take(&p, 0))
		;
}

/* --- small segments --- */

/* Nobody reads; one octet in each segment, until the window is full */
static void octets(void)
{
	int sk = tun_connected(0), sent = 0;
	struct packet p;
	uint32_t acked = peer_seq, end = peer_seq + 20000;
	uint8_t octet[1];
	uint8_t *all;
	ssize_t n;

	all = malloc(1 << 20);
	while (sent < 20000) {
		pattern_fill(octet, sent, 1, 1);
		inject(ACK | PSH, peer_seq, "", 0, octet, 1);
		peer_seq++;
		sent++;
		while (take(&p, 0)) {
			CHECK((int32_t)(ntohl(p.ack) - acked) >= 0);
			acked = ntohl(p.ack);
		}
	}
	AWAIT(sk_inq(sk) == sent);
	while (take(&p, 500))
		acked = ntohl(p.ack);
	CHECK_EQ(acked, end);
	printf("# %d octets cost %u of %u\n", sent, meminfo(sk, SK_MEMINFO_RMEM_ALLOC),
	       meminfo(sk, SK_MEMINFO_RCVBUF));
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
	struct packet p;
	int window = 0;
	ssize_t n;

	/* 15000 octets lie within the first window of 20000 */
	while (sent < 15000) {
		pattern_fill(octet, sent, 1, 1);
		inject(ACK | PSH, peer_seq + sent++, "", 0, octet, 1);
		while (take(&p, 0))
			window = ntohs(p.window);
	}
	AWAIT(sk_inq(sk) == sent);
	CHECK_EQ(counter("RcvDropped", "TCPRcvQDrop"), 0);
	printf("# %d octets cost %u of %u, last window %d\n", sent,
	       meminfo(sk, SK_MEMINFO_RMEM_ALLOC), meminfo(sk, SK_MEMINFO_RCVBUF), window);
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

		inject(ACK, peer_seq + 2 + k * step, "", 0, "x", 1);
		if (i % 64)
			continue;
		drain();
		used = meminfo(sk, SK_MEMINFO_RMEM_ALLOC);
		if (used > most)
			most = used;
	}
	printf("# %s, every %d octets: %.2f s, at most %u octets of memory of %u\n",
	       backwards ? "backwards" : "forwards", step, now() - start, most,
	       meminfo(sk, SK_MEMINFO_RCVBUF));
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
	 * would take hours.  TCP answers fewer of them: it compresses ACKs with
	 * SACK.
	 */
	CHECK(ours < 20 * tcp + 60);
	/* and the connection lives */
	drain();
	memset(octet, 'y', sizeof(octet));
	inject(ACK | PSH, peer_seq, "", 0, octet, 1);
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
	struct packet p;

	for (i = 1; i < 8000; i += 2) {
		pattern_fill(&octet, i, 1, 1);
		inject(ACK, peer_seq + i, "", 0, &octet, 1);
		drain();
	}
	/* then all of it in order, as a sender without SACK would */
	for (i = 0; i < 8000; i += n) {
		n = 8000 - i < 1000 ? 8000 - i : 1000;
		pattern_fill(data, i, n, 1);
		inject(ACK | PSH, peer_seq + i, "", 0, data, n);
	}
	CHECK(take(&p, PATIENCE * 1000));
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

static bool pages_back(long pages)
{
	return counter("MemoryPagesAll", NULL) <=
	       pages + 2 * 256 * sysconf(_SC_NPROCESSORS_ONLN);
}

/* --- autotuning --- */

/* The buffers follow what the path can carry */
static void autotune(void)
{
	int here = ns_current(), there = ns_new(), l;
	uint32_t rcvbuf, sndbuf;

	ns_join(here, "v0", there, "v0");
	command("ip addr add " LOCAL "/24 dev v0");
	if (system("tc qdisc add dev v0 root netem delay 40ms limit 10000 2>/dev/null"))
		skip("no netem");
	ns_enter(there);
	command("ip addr add " REMOTE "/24 dev v0");
	l = sk_listen(REMOTE, PORT, 1);
	ns_enter(here);
	fd[0] = sk_connected(REMOTE, PORT);
	fd[1] = OK(accept(l, NULL, NULL));
	rcvbuf = meminfo(fd[1], SK_MEMINFO_RCVBUF);
	sndbuf = meminfo(fd[0], SK_MEMINFO_SNDBUF);
	transfer(fd[0], fd[1], 16 << 20, 0);
	printf("# receive buffer %u to %u, send buffer %u to %u\n", rcvbuf,
	       meminfo(fd[1], SK_MEMINFO_RCVBUF), sndbuf, meminfo(fd[0], SK_MEMINFO_SNDBUF));
	CHECK(meminfo(fd[1], SK_MEMINFO_RCVBUF) > 8 * rcvbuf);
	CHECK(meminfo(fd[0], SK_MEMINFO_SNDBUF) > 8 * sndbuf);
}

/* but not where the administrator said no */
static void no_autotune(void)
{
	command("echo 0 >/proc/sys/net/%s", proto == PROTO_TCP ? "ipv4/tcp_moderate_rcvbuf" :
		"linnet/moderate_rcvbuf");
	sk_pair(AF_INET, fd);
	transfer(fd[0], fd[1], 16 << 20, 0);
	CHECK_EQ(meminfo(fd[1], SK_MEMINFO_RCVBUF), 131072);
}

static void all_back(void)
{
	if (proto == PROTO_TCP)
		skip("TCP's memory is everybody's");
	/* an orphan may rest in FIN-WAIT-2 for fin_timeout, 60 s */
	AWAIT_WITHIN(counter("SocketsAll", NULL) == 0, 100);
	AWAIT(pages_back(0));
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

TEST_MAIN(tests)
