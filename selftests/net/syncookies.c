// SPDX-License-Identifier: GPL-2.0-or-later
/* SYN cookies (RFC 4987, 3.6): nothing is stored before a valid third segment. */
#include <signal.h>
#include <sys/wait.h>

#include "segment.h"

#define PORT	5001
#define BACKLOG	4
#define FLOOD	100000

static const int families[] = { AF_INET, AF_INET6 };

static void mode(int value)
{
	command("echo %d >/proc/sys/net/%s", value,
		proto == PROTO_TCP ? "ipv4/tcp_syncookies" : "linnet/syncookies");
}

static long sent_cookies(void)
{
	return counter("SyncookiesSent", "SyncookiesSent");
}

static void syn(struct segment *s, int family, int sport, uint32_t isn, int mss)
{
	uint8_t value[2] = { mss >> 8, mss };

	segment_init(s, family, sport, PORT, SYN);
	s->seq = isn;
	if (mss)
		segment_option(s, 2, 2, value);
}

/* SYNs that nobody follows up, until the SYN queue is full */
static void fill(int tun)
{
	struct segment s, got;

	for (int i = 0; i < BACKLOG + 1; i++) {
		syn(&s, AF_INET, 20000 + i, 1, 1460);
		segment_send(tun, &s);
		segment_expect(tun, &got, 20000 + i, SYN | ACK);
	}
}

/* With timestamps all options survive */
static void options(void)
{
	for (int i = 0; i < 2; i++) {
		int l = sk_listen(loopback(families[i]), 0, 5), c, s;
		struct tcp_info a, b;
		long before, received;

		mode(0);
		c = sk_connected(loopback(families[i]), sk_port(l));
		a = sk_info(OK(accept(l, NULL, NULL)));
		mode(2);
		before = sent_cookies();
		received = counter("SyncookiesRecv", "SyncookiesRecv");
		c = sk_connected(loopback(families[i]), sk_port(l));
		s = OK(accept(l, NULL, NULL));
		CHECK_EQ(sent_cookies(), before + 1);
		CHECK_EQ(counter("SyncookiesRecv", "SyncookiesRecv"), received + 1);
		b = sk_info(s);
		CHECK_EQ(b.tcpi_options & 7, TCPI_OPT_TIMESTAMPS | TCPI_OPT_SACK | TCPI_OPT_WSCALE);
		CHECK_EQ(b.tcpi_options & 7, a.tcpi_options & 7);
		CHECK_EQ(b.tcpi_snd_wscale, a.tcpi_snd_wscale);
		CHECK_EQ(b.tcpi_rcv_wscale, a.tcpi_rcv_wscale);
		CHECK_EQ(b.tcpi_state, 1);	/* ESTABLISHED */
		transfer(c, s, 300000, 300000);
	}
}

/* Without timestamps the SYN and ACK offers the MSS and nothing else */
static void without_timestamps(void)
{
	int tun = tun_open();

	mode(2);
	for (int i = 0; i < 2; i++) {
		int l = sk_listen(here(families[i]), PORT, 5), fd;
		struct segment s, got, third;

		syn(&s, families[i], 7001, 1000, 1430);
		segment_option(&s, 4, 0, "");
		segment_option(&s, 3, 1, "\7");
		segment_send(tun, &s);
		segment_expect(tun, &got, 7001, SYN | ACK);
		CHECK_EQ(got.ack, 1001);
		CHECK_EQ(got.n_options, 4);
		CHECK(segment_find(&got, 2, NULL));
		segment_answer(&got, &third, ACK);
		segment_send(tun, &third);
		fd = OK(accept(l, NULL, NULL));
		CHECK_EQ(sk_info(fd).tcpi_options & 7, 0);
		/* the entry of the table that is not above 1430 */
		CHECK_EQ(sk_info(fd).tcpi_snd_mss, families[i] == AF_INET ? 1300 : 1420);
		send_all(fd, "abc", 3);
		segment_expect(tun, &got, 7001, PSH | ACK);
		CHECK_EQ(got.len, 3);
		close(l);
	}
}

/* The third segment was lost; the first data are as good */
static void data_for_ack(void)
{
	int tun = tun_open(), l = sk_listen(HERE4, PORT, 5), fd;
	struct segment s, got, data;
	char buf[4];

	mode(2);
	syn(&s, AF_INET, 7001, -1, 1460);
	segment_timestamp(&s, 5, 0);
	segment_option(&s, 3, 1, "\10");
	segment_send(tun, &s);
	segment_expect(tun, &got, 7001, SYN | ACK);
	segment_answer(&got, &data, PSH | ACK);
	segment_timestamp(&data, 6, segment_number(segment_find(&got, 8, NULL), 4));
	segment_data(&data, "abcd", 4);
	segment_send(tun, &data);
	fd = OK(accept(l, NULL, NULL));
	CHECK_EQ(recv(fd, buf, 4, MSG_WAITALL), 4);
	CHECK(!memcmp(buf, "abcd", 4));
	CHECK_EQ(sk_info(fd).tcpi_snd_wscale, 8);
	CHECK_EQ(sk_info(fd).tcpi_options & 7, TCPI_OPT_TIMESTAMPS | TCPI_OPT_WSCALE);
}

/* What is not a cookie of ours, or another's, is reset */
static void forged(void)
{
	int tun = tun_open(), l = sk_listen(HERE4, PORT, 5);
	struct segment s, got, third, reset;
	long failed;

	sk_nonblock(l, true);
	/* before any cookie was sent an ACK is not even looked at */
	failed = counter("SyncookiesFailed", "SyncookiesFailed");
	segment_init(&s, AF_INET, 7000, PORT, ACK);
	s.ack = 12345;
	segment_send(tun, &s);
	segment_expect(tun, &reset, 7000, RST);
	CHECK_EQ(reset.seq, 12345);
	/* TCP believes to have sent one when the machine is five minutes old */
	if (proto != PROTO_TCP)
		CHECK_EQ(counter("SyncookiesFailed", "SyncookiesFailed"), failed);
	failed = counter("SyncookiesFailed", "SyncookiesFailed");

	mode(2);
	syn(&s, AF_INET, 7001, 1000, 1460);
	segment_send(tun, &s);
	segment_expect(tun, &got, 7001, SYN | ACK);
	segment_answer(&got, &third, ACK);
	/* another port, another sequence number, another cookie */
	third.sport++;
	segment_send(tun, &third);
	segment_expect(tun, &reset, 7002, RST);
	third.sport--;
	third.seq += 100;
	segment_send(tun, &third);
	segment_expect(tun, &reset, 7001, RST);
	third.seq -= 100;
	third.ack += 0x12345;
	segment_send(tun, &third);
	segment_expect(tun, &reset, 7001, RST);
	CHECK_EQ(counter("SyncookiesFailed", "SyncookiesFailed"), failed + 3);
	CHECK_ERR(accept(l, NULL, NULL), EAGAIN);
	third.ack -= 0x12345;
	segment_send(tun, &third);
	AWAIT(accept(l, NULL, NULL) >= 0);
}

/* 2: the SYN queue is not used; 0: when it is full, SYNs are dropped; 1: then
 * cookies are sent
 */
static void modes(void)
{
	int tun = tun_open(), l = sk_listen(HERE4, PORT, 100);
	struct segment s, got;
	long drops;

	mode(2);
	for (int i = 0; i < 50; i++) {
		syn(&s, AF_INET, 7001 + i, 1000, 1460);
		segment_send(tun, &s);
		segment_expect(tun, &got, 7001 + i, SYN | ACK);
		/* no state: the same SYN again has a SYN and ACK again, at once */
		segment_send(tun, &s);
		segment_expect(tun, &got, 7001 + i, SYN | ACK);
	}
	CHECK_EQ(sent_cookies(), 100);
	CHECK_EQ(sk_count("SYN-RECEIVED"), 0);
	close(l);

	l = sk_listen(HERE4, PORT, BACKLOG);
	drops = counter("ListenDrops", "ListenDrops");
	mode(0);
	fill(tun);
	syn(&s, AF_INET, 7001, 1000, 1460);
	segment_send(tun, &s);
	AWAIT(counter("ListenDrops", "ListenDrops") == drops + 1);
	mode(1);
	CHECK_EQ(sent_cookies(), 100);
	segment_send(tun, &s);
	segment_expect(tun, &got, 7001, SYN | ACK);
	CHECK_EQ(sent_cookies(), 101);
	close(l);
}

/* No more connections than there is room for, whatever ACKs come */
static void accept_queue(void)
{
	int tun = tun_open(), l = sk_listen(HERE4, PORT, 2), n = 0;
	struct segment s[6], got, third[6];

	mode(2);
	for (int i = 0; i < 6; i++) {
		syn(&s[i], AF_INET, 7001 + i, 1000, 1460);
		segment_send(tun, &s[i]);
		segment_expect(tun, &got, 7001 + i, SYN | ACK);
		segment_answer(&got, &third[i], ACK);
	}
	for (int i = 0; i < 6; i++)
		segment_send(tun, &third[i]);
	AWAIT(counter("ListenOverflows", "ListenOverflows") == 3);
	sk_nonblock(l, true);
	while (accept(l, NULL, NULL) >= 0)
		n++;
	CHECK_EQ(n, 3);
	/* those who were left out are let in when they speak again */
	segment_send(tun, &third[5]);
	AWAIT(accept(l, NULL, NULL) >= 0);
}

static void flood_from(int tun)
{
	struct segment s;

	syn(&s, AF_INET, 1, 1, 1460);
	segment_option(&s, 4, 0, "");
	segment_option(&s, 3, 1, "\7");
	for (int i = 0; i < FLOOD; i++) {
		segment_from(&s, i * 7919);
		s.sport = 1024 + i % 60000;
		s.seq = i * 2654435761u;
		segment_send(tun, &s);
	}
}

/* Spoofed SYNs, a hundred thousand: the transfer goes on, and a new client is
 * let in
 */
static void flood(void)
{
	int tun = tun_open(), l = sk_listen("0.0.0.0", PORT, 64), fd[2], c, s, status;
	pid_t attacker, user;
	long before;

	mode(1);
	fd[0] = sk_connected("127.0.0.1", PORT);
	fd[1] = OK(accept(l, NULL, NULL));
	attacker = OK(fork());
	if (!attacker) {
		flood_from(tun);
		exit(0);
	}
	user = OK(fork());
	if (!user) {
		/* until the flood is over */
		for (uint64_t i = 0; !kill(getppid(), 0) && i < 1000000; i++) {
			transfer(fd[0], fd[1], 20000, 20000);
			if (i == 20)
				kill(getpid(), SIGSTOP);
		}
		exit(0);
	}
	/* some of the transfer has happened while it rains */
	CHECK(waitpid(user, &status, WUNTRACED) == user && WIFSTOPPED(status));
	AWAIT(sent_cookies() > 1000);
	CHECK_EQ(waitpid(attacker, &status, WNOHANG), 0);
	kill(user, SIGCONT);
	before = counter("SyncookiesRecv", "SyncookiesRecv");
	for (int i = 0; i < 5; i++) {
		c = sk_connected("127.0.0.1", PORT);
		s = OK(accept(l, NULL, NULL));
		transfer(c, s, 10000, 10000);
		close(c);
		close(s);
	}
	CHECK_EQ(waitpid(attacker, &status, WNOHANG), 0);
	CHECK(counter("SyncookiesRecv", "SyncookiesRecv") > before);
	/* of the flood only what the SYN queue holds is stored */
	CHECK(sk_count("SYN-RECEIVED") <= 65);
	CHECK(waitpid(attacker, &status, 0) == attacker && !status);
	CHECK_EQ(waitpid(user, &status, WNOHANG), 0);
	kill(user, SIGKILL);
	CHECK(waitpid(user, &status, 0) == user);
	CHECK(sent_cookies() > FLOOD / 2);
	c = sk_connected("127.0.0.1", PORT);
	s = OK(accept(l, NULL, NULL));
	transfer(c, s, 10000, 10000);
}

static const struct test tests[] = {
	{ "options live in the timestamp", options },
	{ "without timestamps only the MSS is kept", without_timestamps },
	{ "data in place of the ACK", data_for_ack },
	{ "forged cookies", forged },
	{ "modes 0, 1 and 2", modes },
	{ "the accept queue is bounded", accept_queue },
	{ "a flood of 100,000 SYNs", flood },
};

TEST_MAIN(tests)
