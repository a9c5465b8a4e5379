// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A transfer while somebody else sends, as fast as he can, segments that are cut
 * short, wrongly summed, made of garbage, or well-formed and about a connection
 * that is not his.  The transfer has to come to its end, correct, and not much
 * later than kernel TCP's under the same fire; and the memory has to come back.
 *
 * The server has two links, to the client and to the attacker.  The attacker
 * knows all addresses and ports, but neither sequence number.
 */
#include <arpa/inet.h>
#include <netinet/ip.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "checksum.h"
#include "stock.h"

#define SERVER		"192.0.2.1"
#define CLIENT		"192.0.2.2"
#define PORT		5001
#define OCTETS		(16 << 20)

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };

struct header {
	uint16_t	source, dest;
	uint32_t	seq, ack;
	uint8_t		offset, flags;
	uint16_t	window, checksum, urgent;
	uint8_t		rest[1400];
};

struct packet {
	struct iphdr	ip;
	struct header	th;
} __attribute__((packed));

static int server, client, attacker, fd[2], port;
static uint64_t *sent;
static uint64_t seed = 1;

static uint32_t chance(void)
{
	/* xorshift64* */
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return (seed * 0x2545f4914f6cdd1d) >> 32;
}

static void set_checksum(struct packet *p, size_t len)
{
	uint32_t s;

	if (len < 18)
		return;
	p->th.checksum = 0;
	s = checksum_add(&p->ip.saddr, 8, p->ip.protocol + len);
	p->th.checksum = htons(checksum_fold(checksum_add(&p->th, len, s)));
}

static void random_rest(struct packet *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p->th.rest[i] = chance();
}

/* A segment of the connection, from the client's side or to a listener */
static size_t plausible(struct packet *p, uint8_t flags, size_t options, size_t data)
{
	p->th.source = htons(port);
	p->th.dest = htons(PORT);
	p->th.seq = chance();
	p->th.ack = chance();
	p->th.flags = flags;
	p->th.window = chance();
	p->th.urgent = chance();
	p->th.offset = (20 + options) / 4 << 4;
	random_rest(p, options + data);
	return 20 + options + data;
}

typedef size_t (*attack)(struct packet *p);

static size_t cut_short(struct packet *p)
{
	plausible(p, ACK, 0, 0);
	return chance() % 20;
}

static size_t wrong_sum(struct packet *p)
{
	return plausible(p, ACK | PSH, 12, chance() % 1000);
}

static size_t garbage(struct packet *p)
{
	size_t len = chance() % 1400;

	random_rest(p, sizeof(p->th.rest));
	memcpy(&p->th, p->th.rest, 20);
	return len;
}

static size_t bad_offset(struct packet *p)
{
	size_t len = plausible(p, ACK, 0, chance() % 40);

	p->th.offset = chance();
	return len;
}

static size_t random_flags(struct packet *p)
{
	return plausible(p, chance(), chance() % 11 * 4, chance() % 1000);
}

/* Options with lengths of 0, 1 and beyond the header */
static size_t bad_options(struct packet *p)
{
	size_t len = plausible(p, chance() % 2 ? SYN : ACK, 40, 0);

	for (int i = 0; i < 40; i += 2 + chance() % 8) {
		p->th.rest[i] = chance() % 10;
		p->th.rest[i + 1] = chance() % 3;
	}
	return len;
}

static size_t reset(struct packet *p)
{
	return plausible(p, RST | (chance() % 2 ? ACK : 0), 0, 0);
}

static size_t syn(struct packet *p)
{
	return plausible(p, SYN, 0, 0);
}

static size_t ack_only(struct packet *p)
{
	return plausible(p, ACK, 0, 0);
}

/* Each from somewhere else, to the listener */
static size_t syn_flood(struct packet *p)
{
	static const uint8_t mss[] = { 2, 4, 5, 0xb4, 1, 3, 3, 7, 4, 2, 0, 0 };

	plausible(p, SYN, sizeof(mss), 0);
	memcpy(p->th.rest, mss, sizeof(mss));
	p->ip.saddr = htonl(0xcb007100 + chance() % 256);
	p->th.source = chance();
	return 20 + sizeof(mss);
}

static size_t stray(struct packet *p)
{
	size_t len = plausible(p, chance(), 0, chance() % 100);

	p->th.dest = chance();
	return len;
}

static const attack attacks[] = {
	cut_short, wrong_sum, garbage, bad_offset, random_flags, bad_options,
	reset, syn, ack_only, syn_flood, stray,
};

static void fire(const attack *kinds, int n)
{
	int raw = OK(socket(AF_INET, SOCK_RAW, IPPROTO_RAW));
	union address to;
	socklen_t tolen = address_set(&to, SERVER, 0);
	struct packet p;

	for (;;) {
		attack kind = kinds[chance() % n];
		size_t len;

		memset(&p, 0, 40);
		p.ip.version = 4;
		p.ip.ihl = 5;
		p.ip.ttl = 64;
		p.ip.protocol = proto;
		inet_pton(AF_INET, CLIENT, &p.ip.saddr);
		inet_pton(AF_INET, SERVER, &p.ip.daddr);
		len = kind(&p);
		if (kind != wrong_sum && kind != garbage)
			set_checksum(&p, len);
		if (sendto(raw, &p, 20 + len, 0, &to.sa, tolen) > 0)
			++*sent;
	}
}

static void network(void)
{
	server = ns_current();
	client = ns_new();
	attacker = ns_new();
	ns_join(server, "s0", client, "c0");
	ns_join(server, "s1", attacker, "a0");
	command("ip addr add " SERVER "/24 dev s0 && ip addr add 198.51.100.1/24 dev s1");
	command("echo 0 >/proc/sys/net/ipv4/conf/all/rp_filter");
	command("echo 0 >/proc/sys/net/ipv4/conf/s1/rp_filter");
	/* answers to invented addresses lead nowhere */
	command("ip route add blackhole 203.0.113.0/24");
	if (proto == PROTO_TCP)
		command("echo 1 >/proc/sys/net/ipv4/tcp_synack_retries");
	else
		command("echo 1 >/proc/sys/net/linnet/synack_retries");
	ns_enter(client);
	command("ip addr add " CLIENT "/24 dev c0");
	ns_enter(attacker);
	command("ip addr add 198.51.100.2/24 dev a0 && ip route add default via 198.51.100.1");
	ns_enter(server);
}

/* Buffers are small, so that a guess into a window stays improbable */
static int open_connection(void)
{
	int l = sk_new(AF_INET);

	sk_set(l, SOL_SOCKET, SO_RCVBUF, 65536);
	sk_set(l, SOL_SOCKET, SO_REUSEADDR, 1);
	OK(sk_bind(l, SERVER, PORT));
	OK(listen(l, 16));
	ns_enter(client);
	fd[0] = sk_new(AF_INET);
	sk_set(fd[0], SOL_SOCKET, SO_RCVBUF, 65536);
	OK(sk_connect(fd[0], SERVER, PORT));
	fd[1] = OK(accept(l, NULL, NULL));
	port = sk_port(fd[0]);
	ns_enter(server);
	return l;
}

static pid_t begin_fire(const attack *kinds, int n)
{
	pid_t pid;

	*sent = 0;
	ns_enter(attacker);
	pid = OK(fork());
	if (!pid)
		fire(kinds, n);
	ns_enter(server);
	AWAIT(*sent > 100);
	return pid;
}

static void cease_fire(pid_t pid)
{
	OK(kill(pid, SIGKILL));
	OK(waitpid(pid, NULL, 0));
}

/* Seconds that the transfer takes under fire */
static double under_fire(const attack *kinds, int n)
{
	double start, took;
	pid_t pid;
	int l;

	network();
	l = open_connection();
	pid = begin_fire(kinds, n);
	start = now();
	transfer(fd[0], fd[1], OCTETS, OCTETS);
	took = now() - start;
	CHECK(*sent > 1000);
	cease_fire(pid);
	/* the listener serves again, whatever the flood has left */
	ns_enter(client);
	close(fd[0]);
	fd[0] = sk_connected(SERVER, PORT);
	ns_enter(server);
	send_pattern(fd[0], 0, 1000, 1);
	close(fd[1]);
	sk_nonblock(l, true);
	/* an invented handshake cannot be among those to accept */
	AWAIT((fd[1] = accept(l, NULL, NULL)) >= 0);
	receive_pattern(fd[1], 0, 1000, 1);
	close(fd[0]);
	close(fd[1]);
	close(l);
	printf("# protocol %d: %.2f s, %llu packets, %.0f a second\n", proto, took,
	       (unsigned long long)*sent, *sent / took);
	return took;
}

static void compare(const attack *kinds, int n)
{
	double tcp, ours;
	struct stock before;
	int wanted = proto;

	sent = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	proto = PROTO_TCP;
	tcp = under_fire(kinds, n);
	proto = wanted;
	stock_take_sockets(&before);
	ns_alone();
	ours = under_fire(kinds, n);
	/* both take the same share of a processor; a busy host adds to either */
	if (ours > 3 * tcp + 5)
		FAIL("%.2f s, but TCP takes %.2f s", ours, tcp);
	stock_await_sockets(&before, PATIENCE);
}

static void all_kinds(void)
{
	compare(attacks, sizeof(attacks) / sizeof(*attacks));
}

#define ALONE(kind)				\
	static void only_##kind(void)		\
	{					\
		static const attack one = kind;	\
						\
		compare(&one, 1);		\
	}

ALONE(syn_flood)
ALONE(random_flags)
ALONE(reset)
ALONE(garbage)

/* Each kind of nonsense is counted where it belongs */
static void counted(void)
{
	static const attack bad_sum[] = { wrong_sum }, no_port[] = { stray };
	long before;
	pid_t pid;

	sent = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	network();
	open_connection();
	before = counter("InCsumErrors", "InCsumErrors");
	pid = begin_fire(bad_sum, 1);
	AWAIT(counter("InCsumErrors", "InCsumErrors") > before + 50);
	cease_fire(pid);
	before = counter("OutRsts", "OutRsts");
	pid = begin_fire(no_port, 1);
	AWAIT(counter("OutRsts", "OutRsts") > before + 50);
	cease_fire(pid);
	transfer(fd[0], fd[1], 10000, 10000);
}

/* A SYN flood is bounded by the SYN queue, and memory with it */
static void syn_queue_bounded(void)
{
	static const attack flood[] = { syn_flood };
	pid_t pid;

	if (proto == PROTO_TCP)
		skip("TCP answers with SYN cookies");
	sent = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	network();
	command("echo 0 >/proc/sys/net/linnet/syncookies");
	open_connection();
	pid = begin_fire(flood, 1);
	AWAIT(*sent > 5000);
	AWAIT(counter("ReqQFullDrop", NULL) > 0);
	command("awk '/LISTEN/ { sub(/.*SYN queue /, \"\"); exit $0 > 64 }' "
		"/proc/net/linnet/sockets");
	cease_fire(pid);
	/* and it empties when nobody answers */
	AWAIT(!system("awk '/LISTEN/ { sub(/.*SYN queue /, \"\"); exit $0 > 0 }' "
		      "/proc/net/linnet/sockets"));
}

static const struct test tests[] = {
	{ "nonsense is counted", counted },
	{ "SYN queue is bounded", syn_queue_bounded },
	{ "transfer under garbage", only_garbage },
	{ "transfer under random segments of its own addresses", only_random_flags },
	{ "transfer under resets", only_reset },
	{ "transfer under a SYN flood", only_syn_flood },
	{ "transfer under all of it", all_kinds },
};

TEST_MAIN(tests)
