// SPDX-License-Identifier: GPL-2.0-or-later
/* SO_REUSEPORT: several listeners on one port, and who of them gets what. */
#include <linux/bpf.h>
#include <linux/filter.h>
#include <poll.h>
#include <sys/syscall.h>

#include "segment.h"

#define PORT	5001
#define GROUP	4
#define CLIENTS	120

static const int families[] = { AF_INET, AF_INET6 };

static int member(const char *host)
{
	union address a;
	socklen_t len = address_set(&a, host, PORT);
	int fd = sk_new(a.sa.sa_family);

	sk_set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	OK(bind(fd, &a.sa, len));
	OK(listen(fd, CLIENTS));
	return fd;
}

static void group(const char *host, int *l)
{
	for (int i = 0; i < GROUP; i++)
		l[i] = member(host);
}

/* Accept all that wait, and tell how many */
static int accept_all(int l)
{
	int n = 0, fd;

	sk_nonblock(l, true);
	while ((fd = accept(l, NULL, NULL)) >= 0) {
		close(fd);
		n++;
	}
	CHECK_EQ(errno, EAGAIN);
	return n;
}

/* A program that always says the same */
static void attach(int l, struct sock_filter *code, int len)
{
	struct sock_fprog program = { .len = len, .filter = code };

	OK(setsockopt(l, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof(program)));
}

static void attach_constant(int l, int which)
{
	struct sock_filter code[] = { BPF_STMT(BPF_RET | BPF_K, which) };

	attach(l, code, 1);
}

/* By a hash, to each of them a share */
static void shared(void)
{
	for (int f = 0; f < 2; f++) {
		const char *host = loopback(families[f]);
		int l[GROUP], total = 0, n;

		group(host, l);
		for (int i = 0; i < CLIENTS; i++)
			close(sk_connected(host, PORT));
		for (int i = 0; i < GROUP; i++) {
			n = accept_all(l[i]);
			/* thirty are expected: six deviations are allowed */
			CHECK(n >= 2 && n <= 58);
			total += n;
			close(l[i]);
		}
		CHECK_EQ(total, CLIENTS);
	}
}

/* One that goes takes nobody with it but those whom it had */
static void leaving(void)
{
	int l[GROUP], total = 0;

	group("127.0.0.1", l);
	close(l[1]);
	close(l[3]);
	for (int i = 0; i < 40; i++)
		close(sk_connected("127.0.0.1", PORT));
	total = accept_all(l[0]);
	total += accept_all(l[2]);
	CHECK_EQ(total, 40);
	close(l[0]);
	close(l[2]);
	CHECK_ERR(sk_connect(sk_new(AF_INET), "127.0.0.1", PORT), ECONNREFUSED);
}

/* A program of BPF says who */
static void by_program(void)
{
	for (int f = 0; f < 2; f++) {
		const char *host = loopback(families[f]);
		int l[GROUP];

		group(host, l);
		for (int which = GROUP - 1; which >= 0; which--) {
			attach_constant(l[which % 2], which);
			for (int i = 0; i < 5; i++)
				close(sk_connected(host, PORT));
			for (int i = 0; i < GROUP; i++)
				CHECK_EQ(accept_all(l[i]), i == which ? 5 : 0);
		}
		/* one who does not exist: the hash */
		attach_constant(l[0], 99);
		for (int i = 0; i < 20; i++)
			close(sk_connected(host, PORT));
		for (int i = 1; i < GROUP; i++)
			close(l[i]);
		close(l[0]);
	}
}

/* The port that the client has, seen by the program in the IP packet, says who.
 * Every segment of the handshake must come to the same.
 */
static void choose_by_port(const char *host, int *l)
{
	int from[GROUP] = {}, n = 0;

	for (int i = 0; i < 40; i++) {
		int fd = sk_connected(host, PORT);

		from[sk_port(fd) % GROUP]++;
		close(fd);
	}
	for (int i = 0; i < GROUP; i++) {
		CHECK_EQ(accept_all(l[i]), from[i]);
		n += !!from[i];
	}
	CHECK(n > 1);
}

static int header_len(int family)
{
	return family == AF_INET ? 20 : 40;
}

static void by_port(void)
{
	for (int f = 0; f < 2; f++) {
		const char *host = loopback(families[f]);
		struct sock_filter code[] = {
			BPF_STMT(BPF_LD | BPF_H | BPF_ABS,
				 SKF_NET_OFF + header_len(families[f])),
			BPF_STMT(BPF_ALU | BPF_AND | BPF_K, GROUP - 1),
			BPF_STMT(BPF_RET | BPF_A, 0),
		};
		int l[GROUP];

		group(host, l);
		attach(l[1], code, 3);
		choose_by_port(host, l);
		for (int i = 0; i < GROUP; i++)
			close(l[i]);
	}
}

static int load(enum bpf_prog_type type, const struct bpf_insn *insn, int n)
{
	union bpf_attr attr = {
		.prog_type	= type,
		.insns		= (uintptr_t)insn,
		.insn_cnt	= n,
		.license	= (uintptr_t)"GPL",
	};

	return OK(syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr)));
}

/* The same by a program of eBPF */
static void by_ebpf(void)
{
	for (int f = 0; f < 2; f++) {
		const char *host = loopback(families[f]);
		const struct bpf_insn code[] = {
			/* r6 = r1: the loads below take the packet from there */
			{ BPF_ALU64 | BPF_MOV | BPF_X, 6, 1, 0, 0 },
			{ BPF_LD | BPF_ABS | BPF_H, 0, 0, 0,
			  SKF_NET_OFF + header_len(families[f]) },
			{ BPF_ALU64 | BPF_AND | BPF_K, 0, 0, 0, GROUP - 1 },
			{ BPF_JMP | BPF_EXIT, 0, 0, 0, 0 },
		};
		int prog = load(BPF_PROG_TYPE_SOCKET_FILTER, code, 4), l[GROUP];

		group(host, l);
		sk_set(l[2], SOL_SOCKET, SO_ATTACH_REUSEPORT_EBPF, prog);
		close(prog);
		choose_by_port(host, l);
		/* the hash again */
		OK(setsockopt(l[0], SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, &prog, sizeof(prog)));
		for (int i = 0; i < 40; i++)
			close(sk_connected(host, PORT));
		for (int i = 0; i < GROUP; i++) {
			CHECK(accept_all(l[i]) > 0);
			close(l[i]);
		}
	}
}

/* A program that chooses from a map of sockets: the kernel keeps that to TCP and
 * UDP by their numbers
 */
static void by_map(void)
{
	const struct bpf_insn pass[] = {
		{ BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, SK_PASS },
		{ BPF_JMP | BPF_EXIT, 0, 0, 0, 0 },
	};
	int prog = load(BPF_PROG_TYPE_SK_REUSEPORT, pass, 2);
	int l[GROUP], err;

	group("127.0.0.1", l);
	err = setsockopt(l[0], SOL_SOCKET, SO_ATTACH_REUSEPORT_EBPF, &prog, sizeof(prog));
	if (proto == PROTO_TCP)
		OK(err);
	else
		CHECK_EQ(err && errno == 524 /* ENOTSUPP */, true);
}

/* A program may come first, and go again */
static void attach_before_listen(void)
{
	int a = sk_new(AF_INET), b = sk_new(AF_INET), plain = sk_new(AF_INET);
	struct sock_filter code[] = { BPF_STMT(BPF_RET | BPF_K, 1) };
	struct sock_fprog program = { .len = 1, .filter = code };

	if (proto == PROTO_TCP)
		skip("with TCP who has a program cannot listen beside others");
	CHECK_ERR(setsockopt(plain, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program,
			     sizeof(program)), EINVAL);
	sk_set(a, SOL_SOCKET, SO_REUSEPORT, 1);
	sk_set(b, SOL_SOCKET, SO_REUSEPORT, 1);
	attach_constant(a, 1);
	OK(sk_bind(a, "127.0.0.1", PORT));
	OK(sk_bind(b, "127.0.0.1", PORT));
	OK(listen(a, 50));
	OK(listen(b, 50));
	for (int i = 0; i < 10; i++)
		close(sk_connected("127.0.0.1", PORT));
	CHECK_EQ(accept_all(b), 10);
	CHECK_EQ(accept_all(a), 0);
	OK(setsockopt(a, SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, &a, sizeof(a)));
	for (int i = 0; i < 40; i++)
		close(sk_connected("127.0.0.1", PORT));
	CHECK(accept_all(a) > 2);
}

/* A handshake that began with one ends with him, whatever the program says by
 * then, and whoever has come and gone
 */
static void faithful(void)
{
	int tun = tun_open(), l[GROUP], more[GROUP];
	struct segment s, got, ack;

	group(HERE4, l);
	for (int i = 0; i < 20; i++) {
		attach_constant(l[0], i % GROUP);
		segment_init(&s, AF_INET, 7001 + i, PORT, SYN);
		s.seq = i * 1000;
		segment_send(tun, &s);
		segment_expect(tun, &got, 7001 + i, SYN | ACK);
		attach_constant(l[0], (i + 1) % GROUP);
		if (i == 10)
			for (int j = 0; j < GROUP; j++)
				more[j] = member(HERE4);
		segment_answer(&got, &ack, ACK);
		segment_send(tun, &ack);
		/* nobody is reset, and it is in his queue */
		CHECK_EQ(sk_events(l[i % GROUP], POLLIN, PATIENCE * 1000), POLLIN);
		CHECK_EQ(accept_all(l[i % GROUP]), 1);
	}
	for (int j = 0; j < GROUP; j++)
		CHECK_EQ(accept_all(more[j]), 0);
}

/* The address comes before the group; a plain listener is refused */
static void specific(void)
{
	int any[2], one, fd;

	any[0] = member("0.0.0.0");
	any[1] = member("0.0.0.0");
	one = member("127.0.0.2");
	for (int i = 0; i < 10; i++) {
		close(sk_connected("127.0.0.2", PORT));
		close(sk_connected("127.0.0.1", PORT));
	}
	CHECK_EQ(accept_all(one), 10);
	CHECK_EQ(accept_all(any[0]) + accept_all(any[1]), 10);
	fd = sk_new(AF_INET);
	CHECK_ERR(sk_bind(fd, "127.0.0.2", PORT), EADDRINUSE);
	close(one);
	sk_connected("127.0.0.2", PORT);
	CHECK_EQ(accept_all(any[0]) + accept_all(any[1]), 1);
}

/* Cookies: one of the group has sent it, another may get the ACK */
static void cookies(void)
{
	int l[GROUP], total = 0;

	command("echo 2 >/proc/sys/net/%s",
		proto == PROTO_TCP ? "ipv4/tcp_syncookies" : "linnet/syncookies");
	group("127.0.0.1", l);
	for (int i = 0; i < 40; i++)
		close(sk_connected("127.0.0.1", PORT));
	for (int i = 0; i < GROUP; i++)
		total += accept_all(l[i]);
	CHECK_EQ(total, 40);
}

static const struct test tests[] = {
	{ "shared by a hash", shared },
	{ "members that leave", leaving },
	{ "a program chooses", by_program },
	{ "a program chooses by port", by_port },
	{ "a program of eBPF", by_ebpf },
	{ "a program with a map", by_map },
	{ "program before listen()", attach_before_listen },
	{ "a handshake stays with whom it began", faithful },
	{ "specific before wildcard", specific },
	{ "SYN cookies", cookies },
};

TEST_MAIN(tests)
