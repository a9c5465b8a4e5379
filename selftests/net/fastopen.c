// SPDX-License-Identifier: GPL-2.0-or-later
/* Fast Open (RFC 7413), client and server. */
#include <poll.h>

#include "segment.h"

#define PORT		5001
#define KIND		34
#define COOKIE		8
#define CLIENT		1
#define SERVER		2
#define CLIENT_FREE	4
#define SERVER_FREE	0x200
#define SERVER_ALL	0x400

static const int families[] = { AF_INET, AF_INET6 };

static void sysctl_set(const char *name, const char *value)
{
	command("echo %s >/proc/sys/net/%s%s", value,
		proto == PROTO_TCP ? "ipv4/tcp_" : "linnet/", name);
}

static void mode(int value)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", value);
	sysctl_set("fastopen", text);
}

static long count(const char *name)
{
	char tcp[64];

	snprintf(tcp, sizeof(tcp), "TCP%s", name);
	return counter(name, tcp);
}

static int listener(const char *host, int most)
{
	int l = sk_listen(host, PORT, 16);

	sk_set(l, SOL_TCP, TCP_FASTOPEN, most);
	return l;
}

/* sendto() with MSG_FASTOPEN on a new socket */
static ssize_t fast_send(int fd, const char *host, const void *data, size_t len, int flags)
{
	union address a;
	socklen_t size = address_set(&a, host, PORT);

	return sendto(fd, data, len, MSG_FASTOPEN | MSG_NOSIGNAL | flags, &a.sa, size);
}

static void expect_data(int l, const char *data, int *accepted)
{
	int s = OK(accept(l, NULL, NULL)), len = strlen(data);
	char buf[64];

	CHECK_EQ(recv(s, buf, len, MSG_WAITALL), len);
	CHECK(!memcmp(buf, data, len));
	if (accepted)
		*accepted = s;
	else
		close(s);
}

/* Off unless somebody asks for it */
static void off(void)
{
	int l, fd = sk_new(AF_INET), on = 1;

	mode(0);
	l = listener("127.0.0.1", 5);
	CHECK_ERR(fast_send(fd, "127.0.0.1", "abc", 3, 0), EOPNOTSUPP);
	CHECK_ERR(setsockopt(fd, SOL_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof(on)), EOPNOTSUPP);
	OK(sk_connect(fd, "127.0.0.1", PORT));
	OK(accept(l, NULL, NULL));
}

static void options(void)
{
	int fd = sk_new(AF_INET), l, value = -1;
	uint32_t key[8] = { 1, 2, 3, 4, 5, 6, 7, 8 }, back[8] = {};
	socklen_t len = sizeof(back);

	mode(CLIENT | SERVER);
	CHECK_EQ(sk_int(fd, SOL_TCP, TCP_FASTOPEN), 0);
	sk_set(fd, SOL_TCP, TCP_FASTOPEN, 7);
	CHECK_EQ(sk_int(fd, SOL_TCP, TCP_FASTOPEN), 7);
	CHECK_ERR(setsockopt(fd, SOL_TCP, TCP_FASTOPEN, &value, sizeof(value)), EINVAL);
	sk_set(fd, SOL_TCP, TCP_FASTOPEN_CONNECT, 1);
	CHECK_EQ(sk_int(fd, SOL_TCP, TCP_FASTOPEN_CONNECT), 1);
	sk_set(fd, SOL_TCP, TCP_FASTOPEN_CONNECT, 0);
	value = 2;
	CHECK_ERR(setsockopt(fd, SOL_TCP, TCP_FASTOPEN_CONNECT, &value, sizeof(value)), EINVAL);
	CHECK_ERR(setsockopt(fd, SOL_TCP, TCP_FASTOPEN_NO_COOKIE, &value, sizeof(value)), EINVAL);
	sk_set(fd, SOL_TCP, TCP_FASTOPEN_NO_COOKIE, 1);
	CHECK_EQ(sk_int(fd, SOL_TCP, TCP_FASTOPEN_NO_COOKIE), 1);
	OK(setsockopt(fd, SOL_TCP, TCP_FASTOPEN_KEY, key, 16));
	OK(getsockopt(fd, SOL_TCP, TCP_FASTOPEN_KEY, back, &len));
	CHECK(len == 16 && !memcmp(key, back, 16));
	OK(setsockopt(fd, SOL_TCP, TCP_FASTOPEN_KEY, key, 32));
	len = sizeof(back);
	OK(getsockopt(fd, SOL_TCP, TCP_FASTOPEN_KEY, back, &len));
	CHECK(len == 32 && !memcmp(key, back, 32));
	CHECK_ERR(setsockopt(fd, SOL_TCP, TCP_FASTOPEN_KEY, key, 15), EINVAL);
	/* what is connected already does not open fast */
	l = sk_listen("127.0.0.1", PORT, 5);
	fd = sk_connected("127.0.0.1", PORT);
	value = 1;
	CHECK_ERR(setsockopt(fd, SOL_TCP, TCP_FASTOPEN_CONNECT, &value, sizeof(value)), EINVAL);
	CHECK_ERR(setsockopt(fd, SOL_TCP, TCP_FASTOPEN, &value, sizeof(value)), EINVAL);
	CHECK_ERR(fast_send(fd, "127.0.0.1", "abc", 3, 0), EISCONN);
	CHECK(l >= 0);
}

/* Nobody said where to, or not all of it; the socket is good for another attempt */
static void no_address(void)
{
	union address a;

	mode(CLIENT | SERVER);
	for (int i = 0; i < 2; i++) {
		const char *host = loopback(families[i]);
		int l = listener(host, 5), fd = sk_new(families[i]);

		address_set(&a, host, PORT);
		CHECK_ERR(send(fd, "abc", 3, MSG_FASTOPEN | MSG_NOSIGNAL), EINVAL);
		CHECK_ERR(sendto(fd, "abc", 3, MSG_FASTOPEN | MSG_NOSIGNAL, &a.sa, 8), EINVAL);
		CHECK_EQ(fast_send(fd, host, "abc", 3, 0), 3);
		expect_data(l, "abc", NULL);
		close(fd);
		close(l);
	}
}

/* TCP_FASTOPEN on what then connects is of no consequence */
static void listener_option_on_client(void)
{
	int l = sk_listen("127.0.0.1", PORT, 5), fd = sk_new(AF_INET), s;

	mode(CLIENT | SERVER);
	CHECK_ERR(sk_connect(fd, "127.0.0.1", PORT + 1), ECONNREFUSED);
	sk_set(fd, SOL_TCP, TCP_FASTOPEN, 7);
	CHECK_ERR(sk_connect(fd, "127.0.0.1", PORT + 1), ECONNREFUSED);
	OK(sk_connect(fd, "127.0.0.1", PORT));
	s = OK(accept(l, NULL, NULL));
	transfer(fd, s, 100000, 100000);
}

/* The first connection gets a cookie, the second uses it */
static void cookie_then_data(void)
{
	mode(CLIENT | SERVER);
	for (int i = 0; i < 2; i++) {
		const char *host = loopback(families[i]);
		int l = listener(host, 5), fd = sk_new(families[i]), s;
		long active = count("FastOpenActive"), passive = count("FastOpenPassive");
		long asked = count("FastOpenCookieReqd");

		CHECK_EQ(fast_send(fd, host, "first", 5, 0), 5);
		expect_data(l, "first", NULL);
		CHECK_EQ(count("FastOpenCookieReqd"), asked + 1);
		CHECK_EQ(count("FastOpenActive"), active);
		close(fd);

		fd = sk_new(families[i]);
		CHECK_EQ(fast_send(fd, host, "second", 6, 0), 6);
		expect_data(l, "second", &s);
		CHECK_EQ(count("FastOpenActive"), active + 1);
		CHECK_EQ(count("FastOpenPassive"), passive + 1);
		CHECK(sk_info(fd).tcpi_options & TCPI_OPT_SYN_DATA);
		transfer(fd, s, 200000, 200000);
		close(s);
		close(l);
	}
}

/* TCP_FASTOPEN_CONNECT: connect() waits for the first write() */
static void deferred_connect(void)
{
	int l, fd, s;

	mode(CLIENT | SERVER);
	l = listener("127.0.0.1", 5);
	for (int i = 0; i < 2; i++) {
		long active = count("FastOpenActive");

		fd = sk_new(AF_INET);
		sk_set(fd, SOL_TCP, TCP_FASTOPEN_CONNECT, 1);
		OK(sk_connect(fd, "127.0.0.1", PORT));
		if (i) {	/* nothing has been sent */
			CHECK_EQ(sk_count("ESTABLISHED"), 0);
			CHECK_EQ(sk_events(fd, POLLOUT, 0), POLLOUT);
		}
		send_all(fd, "hello", 5);
		expect_data(l, "hello", &s);
		CHECK_EQ(count("FastOpenActive"), active + i);
		transfer(fd, s, 100000, 100000);
		close(fd);
		check_eof(s);
		close(s);
		AWAIT(!sk_count("ESTABLISHED"));
	}
	/* closed before the first write() */
	fd = sk_new(AF_INET);
	sk_set(fd, SOL_TCP, TCP_FASTOPEN_CONNECT, 1);
	OK(sk_connect(fd, "127.0.0.1", PORT));
	close(fd);
	AWAIT(!sk_count("SYN-SENT"));
}

static void nonblocking(void)
{
	int l, fd, s;
	static char large[300000];

	mode(CLIENT | SERVER);
	l = listener("127.0.0.1", 5);
	/* no cookie yet: the SYN goes without data */
	fd = sk_new_nonblock(AF_INET);
	CHECK_ERR(fast_send(fd, "127.0.0.1", "abc", 3, 0), EINPROGRESS);
	CHECK_EQ(sk_events(fd, POLLOUT, PATIENCE * 1000), POLLOUT);
	s = OK(accept(l, NULL, NULL));
	transfer(fd, s, 1000, 1000);
	/* with one they are taken */
	fd = sk_new_nonblock(AF_INET);
	CHECK_EQ(fast_send(fd, "127.0.0.1", "abc", 3, 0), 3);
	expect_data(l, "abc", &s);
	/* more than a SYN holds: the rest follows */
	fd = sk_new(AF_INET);
	pattern_fill(large, 0, sizeof(large), 5);
	if (!fork()) {
		CHECK_EQ(fast_send(fd, "127.0.0.1", large, sizeof(large), 0), sizeof(large));
		exit(0);
	}
	close(fd);
	s = OK(accept(l, NULL, NULL));
	receive_pattern(s, 0, sizeof(large), 5);
	check_eof(s);
}

/* A server that does not know it answers as ever, and nothing is lost */
static void fall_back(void)
{
	int l, fd, s;
	long failed;

	mode(CLIENT | SERVER);
	l = listener("127.0.0.1", 5);
	fd = sk_new(AF_INET);
	CHECK_EQ(fast_send(fd, "127.0.0.1", "abc", 3, 0), 3);
	expect_data(l, "abc", NULL);
	close(fd);
	/* the client keeps its cookie, and the server forgets all about it */
	mode(CLIENT);
	failed = count("FastOpenActiveFail");
	fd = sk_new(AF_INET);
	CHECK_EQ(fast_send(fd, "127.0.0.1", "again", 5, 0), 5);
	expect_data(l, "again", &s);
	CHECK_EQ(count("FastOpenActiveFail"), failed + 1);
	CHECK(!(sk_info(fd).tcpi_options & TCPI_OPT_SYN_DATA));
	transfer(fd, s, 100000, 100000);
	/* another key: a new cookie comes, and the next one is good */
	mode(CLIENT | SERVER);
	failed = count("FastOpenPassiveFail");
	sysctl_set("fastopen_key", "1-2-3-4");
	fd = sk_new(AF_INET);
	CHECK_EQ(fast_send(fd, "127.0.0.1", "key", 3, 0), 3);
	expect_data(l, "key", NULL);
	CHECK_EQ(count("FastOpenPassiveFail"), failed + 1);
	failed = count("FastOpenPassive");
	fd = sk_new(AF_INET);
	CHECK_EQ(fast_send(fd, "127.0.0.1", "key", 3, 0), 3);
	expect_data(l, "key", NULL);
	CHECK_EQ(count("FastOpenPassive"), failed + 1);
	/* a key that has become the second is good, too */
	sysctl_set("fastopen_key", "5-6-7-8,1-2-3-4");
	fd = sk_new(AF_INET);
	CHECK_EQ(fast_send(fd, "127.0.0.1", "old", 3, 0), 3);
	expect_data(l, "old", NULL);
	CHECK_EQ(count("FastOpenPassive"), failed + 2);
	CHECK_EQ(count("FastOpenPassiveAltKey"), 1);
}

static void no_cookie(void)
{
	int l, fd, s;

	mode(CLIENT | SERVER | SERVER_FREE);
	l = listener("127.0.0.1", 5);
	fd = sk_new(AF_INET);
	sk_set(fd, SOL_TCP, TCP_FASTOPEN_NO_COOKIE, 1);
	CHECK_EQ(fast_send(fd, "127.0.0.1", "abc", 3, 0), 3);
	expect_data(l, "abc", &s);
	CHECK_EQ(count("FastOpenActive"), 1);
	/* by the sysctl, and for listeners that did not ask */
	close(l);
	close(s);
	close(fd);
	mode(CLIENT | CLIENT_FREE | SERVER | SERVER_FREE | SERVER_ALL);
	l = sk_listen("127.0.0.1", PORT, 16);
	CHECK_EQ(sk_int(l, SOL_TCP, TCP_FASTOPEN), 16);
	fd = sk_new(AF_INET);
	CHECK_EQ(fast_send(fd, "127.0.0.1", "def", 3, 0), 3);
	expect_data(l, "def", &s);
	CHECK_EQ(count("FastOpenActive"), 2);
	transfer(fd, s, 10000, 10000);
}

/* --- segments by hand --- */

static void syn(struct segment *s, int family, int sport, const void *cookie, int len)
{
	segment_init(s, family, sport, PORT, SYN);
	s->seq = 1000;
	segment_option(s, 2, 2, "\5\264");
	if (cookie)
		segment_option(s, KIND, len, cookie);
}

/* The cookie that the host THERE gets */
static void get_cookie(int tun, int family, uint8_t *cookie)
{
	struct segment s, got, reset;
	const uint8_t *p;
	int len;

	syn(&s, family, 6999, "", 0);
	segment_send(tun, &s);
	segment_expect(tun, &got, 6999, SYN | ACK);
	p = segment_find(&got, KIND, &len);
	CHECK(p && len == COOKIE);
	memcpy(cookie, p, len);
	segment_answer(&got, &reset, RST);
	segment_send(tun, &reset);
}

/* Data are taken, and answered, before the handshake is over; and the SYN and ACK
 * is repeated until somebody acknowledges it
 */
static void data_before_the_end(void)
{
	int tun = tun_open();

	mode(CLIENT | SERVER);
	for (int i = 0; i < 2; i++) {
		int l = listener(here(families[i]), 5), port = 7001 + i, fd;
		struct segment s, got, again, answer;
		uint8_t cookie[COOKIE];

		get_cookie(tun, families[i], cookie);
		syn(&s, families[i], port, cookie, COOKIE);
		segment_data(&s, "question", 8);
		segment_send(tun, &s);
		segment_expect(tun, &got, port, SYN | ACK);
		CHECK_EQ(got.ack, 1009);
		CHECK(!segment_find(&got, KIND, NULL));
		expect_data(l, "question", &fd);
		CHECK_EQ(sk_info(fd).tcpi_state, 3);	/* SYN-RECEIVED */
		CHECK_EQ(sk_events(fd, POLLIN | POLLOUT, 0), POLLOUT);
		send_all(fd, "answer", 6);
		segment_expect(tun, &answer, port, PSH | ACK);
		CHECK_EQ(answer.seq, got.seq + 1);
		CHECK(answer.len == 6 && !memcmp(answer.data, "answer", 6));
		/* after a second without a word from the client */
		segment_expect(tun, &again, port, SYN | ACK);
		CHECK_EQ(again.seq, got.seq);
		CHECK_EQ(again.ack, 1009);
		/* and when its SYN comes again */
		s.len = 0;
		s.n_options = 4;
		segment_send(tun, &s);
		segment_expect(tun, &again, port, SYN | ACK);
		CHECK_EQ(again.seq, got.seq);
		segment_answer(&answer, &again, ACK);
		segment_send(tun, &again);
		AWAIT(sk_info(fd).tcpi_state == 1);
		CHECK_EQ(sk_outq(fd), 0);
		again.flags = FIN | ACK;
		segment_send(tun, &again);
		check_eof(fd);
		close(fd);
		close(l);
	}
}

/* Wrong cookies, another's, data without any: the handshake goes its usual way */
static void wrong_cookies(void)
{
	int tun = tun_open(), l, fd;
	uint8_t cookie[16];
	struct segment s, got, ack;

	mode(SERVER);
	l = listener(HERE4, 5);
	sk_nonblock(l, true);
	get_cookie(tun, AF_INET, cookie);
	for (int i = 0; i < 4; i++) {
		bool other = i == 2;

		syn(&s, AF_INET, 7001 + i, i == 3 ? NULL : cookie, i == 1 ? 4 : COOKIE);
		if (i == 0)
			s.options[s.n_options - 1] ^= 1;
		if (other)
			segment_from(&s, 77);
		segment_data(&s, "lies", 4);
		segment_send(tun, &s);
		segment_expect(tun, &got, 7001 + i, SYN | ACK);
		CHECK_EQ(got.ack, 1001);
		/* here is a good one */
		CHECK((i == 3) == !segment_find(&got, KIND, NULL));
		if (i == 0)
			CHECK(!memcmp(segment_find(&got, KIND, NULL), cookie, COOKIE));
		if (other)
			CHECK(memcmp(segment_find(&got, KIND, NULL), cookie, COOKIE));
		CHECK_ERR(accept(l, NULL, NULL), EAGAIN);
		segment_answer(&got, &ack, PSH | ACK);
		segment_data(&ack, "true", 4);
		segment_send(tun, &ack);
		AWAIT(sk_events(l, POLLIN, 0) == POLLIN);
		expect_data(l, "true", &fd);
		CHECK_EQ(count("FastOpenPassive"), 0);
	}
	CHECK_EQ(count("FastOpenPassiveFail"), 3);
}

/* No more are pending than TCP_FASTOPEN allows; a reset keeps the place taken */
static void bounded(void)
{
	int tun = tun_open(), l, i, fd;
	struct segment s, got[4], answer;
	uint8_t cookie[COOKIE];

	mode(SERVER);
	l = listener(HERE4, 2);
	get_cookie(tun, AF_INET, cookie);
	for (i = 0; i < 3; i++) {
		syn(&s, AF_INET, 7001 + i, cookie, COOKIE);
		segment_data(&s, "abc", 3);
		segment_send(tun, &s);
		segment_expect(tun, &got[i], 7001 + i, SYN | ACK);
		CHECK_EQ(got[i].ack, i < 2 ? 1004 : 1001);
	}
	CHECK_EQ(count("FastOpenListenOverflow"), 1);
	expect_data(l, "abc", &fd);
	expect_data(l, "abc", &fd);
	/* one is proven: there is room */
	segment_answer(&got[0], &answer, ACK);
	segment_send(tun, &answer);
	/* the other says that it never sent that */
	segment_answer(&got[1], &answer, RST);
	answer.seq = got[1].ack;
	segment_send(tun, &answer);
	for (i = 3; i < 5; i++) {
		syn(&s, AF_INET, 7001 + i, cookie, COOKIE);
		segment_data(&s, "abc", 3);
		segment_send(tun, &s);
		segment_expect(tun, &got[3], 7001 + i, SYN | ACK);
		CHECK_EQ(got[3].ack, i == 3 ? 1004 : 1001);
	}
	CHECK_EQ(count("FastOpenListenOverflow"), 2);
	close(l);
}

/* Closed and shut down while the handshake is not over */
static void early_close(void)
{
	int tun = tun_open(), l, fd;
	struct segment s, got, fin, answer;
	uint8_t cookie[COOKIE];

	mode(SERVER);
	l = listener(HERE4, 5);
	get_cookie(tun, AF_INET, cookie);
	syn(&s, AF_INET, 7001, cookie, COOKIE);
	segment_data(&s, "abc", 3);
	segment_send(tun, &s);
	segment_expect(tun, &got, 7001, SYN | ACK);
	expect_data(l, "abc", &fd);
	send_all(fd, "xyz", 3);
	segment_expect(tun, &answer, 7001, PSH | ACK);
	close(fd);
	segment_expect(tun, &fin, 7001, FIN | ACK);
	CHECK_EQ(fin.seq, got.seq + 4);
	segment_answer(&fin, &answer, FIN | ACK);
	segment_send(tun, &answer);
	segment_expect(tun, &answer, 7001, ACK);
	AWAIT(sk_in_state(PORT, 7001, "TIME-WAIT"));
	/* the listener goes before the handshake is over: reset */
	syn(&s, AF_INET, 7002, cookie, COOKIE);
	segment_data(&s, "abc", 3);
	segment_send(tun, &s);
	segment_expect(tun, &got, 7002, SYN | ACK);
	close(l);
	segment_expect(tun, &got, 7002, RST | ACK);
	AWAIT(!sk_count("SYN-RECEIVED"));
}

/* What the client sends: request, cookie with data, no option the second time */
static void client_segments(void)
{
	int tun = tun_open(), fd;
	struct segment s, got, answer;
	const uint8_t *p;
	char cookie[6] = "kookie";
	int len;

	mode(CLIENT);
	for (int i = 0; i < 2; i++) {
		fd = sk_new_nonblock(families[i]);
		CHECK_ERR(fast_send(fd, there(families[i]), "data", 4, 0), EINPROGRESS);
		do
			CHECK(segment_receive(tun, &s, PATIENCE * 1000));
		while (s.dport != PORT);
		CHECK_EQ(s.flags, SYN);
		CHECK_EQ(s.len, 0);
		p = segment_find(&s, KIND, &len);
		CHECK(p && len == 0);
		segment_answer(&s, &answer, SYN | ACK);
		answer.seq = 5000;
		segment_option(&answer, 2, 2, "\5\170");	/* 1400 */
		segment_option(&answer, KIND, 6, cookie);
		segment_send(tun, &answer);
		CHECK_EQ(sk_events(fd, POLLOUT, PATIENCE * 1000), POLLOUT);
		segment_expect(tun, &got, PORT, ACK);
		close(fd);
		segment_expect(tun, &got, PORT, FIN | ACK);
		segment_answer(&got, &answer, RST);
		segment_send(tun, &answer);

		fd = sk_new_nonblock(families[i]);
		CHECK_EQ(fast_send(fd, there(families[i]), "data", 4, 0), 4);
		segment_expect(tun, &s, PORT, SYN);
		p = segment_find(&s, KIND, &len);
		CHECK(p && len == 6 && !memcmp(p, cookie, 6));
		CHECK(s.len == 4 && !memcmp(s.data, "data", 4));
		/* no answer: the next SYN is a plain one */
		segment_expect(tun, &got, PORT, SYN);
		CHECK_EQ(got.seq, s.seq);
		CHECK_EQ(got.len, 0);
		CHECK(!segment_find(&got, KIND, NULL));
		segment_answer(&got, &answer, SYN | ACK);
		answer.seq = 7000;
		segment_option(&answer, 2, 2, "\5\170");
		segment_send(tun, &answer);
		/* the data were not taken: they come again */
		segment_expect(tun, &got, PORT, PSH | ACK);
		CHECK_EQ(got.seq, s.seq + 1);
		CHECK(got.len == 4 && !memcmp(got.data, "data", 4));
		segment_answer(&got, &answer, ACK);
		segment_send(tun, &answer);
		AWAIT(!sk_outq(fd));
		segment_answer(&got, &answer, RST);
		segment_send(tun, &answer);
		AWAIT(sk_events(fd, 0, 0) & POLLERR);
		close(fd);
	}
}

/* connect() waits for data to send with the SYN, and the peer's SYN comes before
 * that: there is nothing yet that it could cross
 */
static void crossed_too_early(void)
{
	int tun = tun_open();

	mode(CLIENT | CLIENT_FREE);
	for (int i = 0; i < 2; i++) {
		int fd = sk_new_nonblock(families[i]), port;
		struct segment s, got;

		sk_set(fd, SOL_TCP, TCP_FASTOPEN_CONNECT, 1);
		OK(sk_connect(fd, there(families[i]), PORT));
		port = sk_port(fd);
		segment_init(&s, families[i], PORT, port, SYN);
		s.seq = 1000;
		segment_option(&s, 2, 2, "\5\264");
		segment_send(tun, &s);
		CHECK_EQ(send(fd, "abc", 3, MSG_NOSIGNAL), 3);
		/* the first that goes out, but for the end of the one before,
		 * is our SYN
		 */
		do
			CHECK(segment_receive(tun, &got, 5000 * time_factor()));
		while (got.family != families[i]);
		CHECK_EQ(got.flags, SYN);
		CHECK_EQ(got.len, 3);
		/* and now the two cross */
		segment_send(tun, &s);
		segment_expect(tun, &got, PORT, SYN | ACK);
		CHECK_EQ(got.ack, 1001);
		close(fd);
	}
}

static const struct test tests[] = {
	{ "off", off },
	{ "socket options", options },
	{ "without an address", no_address },
	{ "a listener's option on a client", listener_option_on_client },
	{ "a cookie, then data with the SYN", cookie_then_data },
	{ "TCP_FASTOPEN_CONNECT", deferred_connect },
	{ "nonblocking, and more data than fit", nonblocking },
	{ "fall-back, and keys that change", fall_back },
	{ "without cookies", no_cookie },
	{ "data before the handshake ends", data_before_the_end },
	{ "wrong cookies", wrong_cookies },
	{ "pending ones are bounded", bounded },
	{ "close before the handshake ends", early_close },
	{ "segments of a client", client_segments },
	{ "a SYN before that of a deferred connect()", crossed_too_early },
};

TEST_MAIN(tests)
