// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * TCP_INFO tells the truth: each field against what was done, and the two ends
 * against each other.
 */
#include <poll.h>

#include "lib.h"

static int fd[2];

static void delay(int milliseconds)
{
	command("tc qdisc add dev lo root netem delay %dms limit 10000", milliseconds);
}

static bool quiet_for(int s, unsigned int milliseconds)
{
	struct tcp_info i = sk_info(s);

	return i.tcpi_last_data_sent >= milliseconds &&
	       i.tcpi_last_data_recv >= milliseconds &&
	       i.tcpi_last_ack_recv >= milliseconds;
}

/* Both ends of a connection that has carried data and is quiet now */
static void two_ends(int family)
{
	struct tcp_info a, b;
	double start = ticks();
	unsigned int most;

	sk_pair(family, fd);
	transfer(fd[0], fd[1], 300000, 500000);
	AWAIT(!sk_outq(fd[0]) && !sk_outq(fd[1]));
	/* and long enough for the last ACK that waits to be sent */
	AWAIT(quiet_for(fd[0], 250) && quiet_for(fd[1], 250));
	a = sk_info(fd[0]);
	b = sk_info(fd[1]);
	most = (ticks() - start) * 1000 + 10;	/* and two ticks */
	CHECK_EQ(a.tcpi_state, 1);
	CHECK_EQ(a.tcpi_bytes_acked, 300001);	/* one end's SYN counts */
	CHECK_EQ(b.tcpi_bytes_acked, 500000);
	CHECK_EQ(a.tcpi_bytes_received, 500000);
	CHECK_EQ(b.tcpi_bytes_received, 300000);
	CHECK_EQ(a.tcpi_bytes_sent - a.tcpi_bytes_retrans, 300000);
	CHECK_EQ(b.tcpi_bytes_sent - b.tcpi_bytes_retrans, 500000);
	CHECK_EQ(a.tcpi_unacked + a.tcpi_sacked + a.tcpi_lost + a.tcpi_retrans, 0);
	CHECK_EQ(a.tcpi_notsent_bytes, 0);
	/* nothing is late here */
	CHECK_EQ(a.tcpi_reord_seen + b.tcpi_reord_seen, 0);
	CHECK_EQ(a.tcpi_reordering, 3);
	CHECK_EQ(b.tcpi_reordering, 3);
	CHECK_EQ(a.tcpi_snd_wscale, b.tcpi_rcv_wscale);
	CHECK_EQ(b.tcpi_snd_wscale, a.tcpi_rcv_wscale);
	CHECK_EQ(a.tcpi_options & 7, b.tcpi_options & 7);
	/* what comes was sent */
	CHECK(a.tcpi_data_segs_out >= b.tcpi_data_segs_in);
	CHECK(b.tcpi_data_segs_out >= a.tcpi_data_segs_in);
	CHECK(a.tcpi_data_segs_in > 0 && b.tcpi_data_segs_in > 0);
	CHECK(a.tcpi_segs_out >= a.tcpi_data_segs_out);
	CHECK(a.tcpi_delivered > 0 && a.tcpi_delivered_ce == 0);
	CHECK(a.tcpi_pmtu >= 65535);
	CHECK(a.tcpi_rcv_ssthresh > 0 && a.tcpi_rcv_space > 0);
	CHECK(a.tcpi_last_data_sent <= most);
	CHECK(a.tcpi_last_data_recv <= most);
	CHECK(a.tcpi_last_ack_recv <= most);
	CHECK_EQ(a.tcpi_backoff, 0);
	CHECK_EQ(a.tcpi_probes, 0);
	CHECK_EQ(a.tcpi_retransmits, 0);
	close(fd[0]);
	close(fd[1]);
}

/* The handshake, before any data: as TCP counts it */
static void fresh(void)
{
	struct tcp_info client, server;
	int l = sk_listen("127.0.0.1", 7000, 1), c, s;

	c = sk_connected("127.0.0.1", 7000);
	s = OK(accept(l, NULL, NULL));
	client = sk_info(c);
	server = sk_info(s);
	CHECK_EQ(client.tcpi_segs_out, 2);
	CHECK_EQ(client.tcpi_segs_in, 1);
	CHECK_EQ(server.tcpi_segs_out, 0);	/* its SYN and ACK a request's */
	CHECK_EQ(server.tcpi_segs_in, 2);
	CHECK_EQ(client.tcpi_delivered, 1);
	CHECK_EQ(server.tcpi_delivered, 1);
	CHECK(client.tcpi_delivery_rate_app_limited);
	CHECK(server.tcpi_delivery_rate_app_limited);
	/* a window a round trip, twice as fast */
	CHECK(client.tcpi_pacing_rate < 1ULL << 40);
	CHECK(server.tcpi_pacing_rate < 1ULL << 40);
	CHECK_EQ(client.tcpi_total_retrans + server.tcpi_total_retrans, 0);
	close(c);
	close(s);
	close(l);
}

static void two_ends_both(void)
{
	two_ends(AF_INET);
	two_ends(AF_INET6);
}

static void round_trip(void)
{
	struct tcp_info a;

	delay(25);
	sk_pair(AF_INET, fd);
	for (int i = 0; i < 10; i++) {
		send_all(fd[0], "abc", 3);
		CHECK_EQ(recv(fd[1], &(char[3]){ }, 3, MSG_WAITALL), 3);
		send_all(fd[1], "abc", 3);
		CHECK_EQ(recv(fd[0], &(char[3]){ }, 3, MSG_WAITALL), 3);
	}
	a = sk_info(fd[0]);
	CHECK(a.tcpi_min_rtt >= 50000 && a.tcpi_min_rtt < 200000);
	CHECK(a.tcpi_rtt >= a.tcpi_min_rtt && a.tcpi_rtt < 500000);
	CHECK(a.tcpi_rto >= 200000 + a.tcpi_rtt / 2);
	CHECK(a.tcpi_rttvar > 0);
}

/* Nothing is sent while it is corked, and that is told */
static void not_sent(void)
{
	struct tcp_info a;

	sk_pair(AF_INET, fd);
	sk_set(fd[0], SOL_TCP, TCP_CORK, 1);
	send_pattern(fd[0], 0, 1000, 1);
	a = sk_info(fd[0]);
	CHECK_EQ(a.tcpi_notsent_bytes, 1000);
	CHECK_EQ(a.tcpi_bytes_sent, 0);
	sk_set(fd[0], SOL_TCP, TCP_CORK, 0);
	receive_pattern(fd[1], 0, 1000, 1);
	AWAIT(!sk_outq(fd[0]));
	a = sk_info(fd[0]);
	CHECK_EQ(a.tcpi_notsent_bytes, 0);
	CHECK_EQ(a.tcpi_bytes_sent, 1000);
}

/* Nothing is under way, and something waits for the window */
static bool stands_still(void)
{
	struct tcp_info a = sk_info(fd[0]);

	return !a.tcpi_unacked && a.tcpi_notsent_bytes && a.tcpi_rwnd_limited;
}

/* A reader who does not read: the window holds the sender back */
static void window_limited(void)
{
	static char big[1 << 20];
	struct tcp_info before, after;
	int l = sk_listen("127.0.0.1", 7100, 1);
	ssize_t n;

	/* from the beginning, or it is smaller than the window that was told,
	 * and drops what does not fit
	 */
	sk_set(l, SOL_SOCKET, SO_RCVBUF, 50000);
	fd[0] = sk_connected("127.0.0.1", 7100);
	fd[1] = OK(accept(l, NULL, NULL));
	close(l);
	CHECK_EQ(sk_info(fd[0]).tcpi_busy_time, 0);
	sk_nonblock(fd[0], true);
	sk_nonblock(fd[1], true);
	while (sk_events(fd[0], POLLOUT, 200))
		send(fd[0], big, sizeof(big), 0);
	/* on a busy machine the window may be full later than the buffer */
	AWAIT(stands_still());
	before = sk_info(fd[0]);
	usleep(500000);
	after = sk_info(fd[0]);
	if (after.tcpi_rwnd_limited < before.tcpi_rwnd_limited + 450000)
		FAIL("of 0.5 s busy %u us, held back by the window %u, by the buffer %u; %u octets not sent, %u segments out",
		     (unsigned int)(after.tcpi_busy_time - before.tcpi_busy_time),
		     (unsigned int)(after.tcpi_rwnd_limited - before.tcpi_rwnd_limited),
		     (unsigned int)(after.tcpi_sndbuf_limited - before.tcpi_sndbuf_limited),
		     after.tcpi_notsent_bytes, after.tcpi_unacked);
	CHECK(after.tcpi_notsent_bytes > 0);
	CHECK(after.tcpi_busy_time >= before.tcpi_busy_time + 400000);
	CHECK(after.tcpi_busy_time >= after.tcpi_rwnd_limited);
	while (sk_outq(fd[0])) {
		n = recv(fd[1], big, sizeof(big), 0);
		CHECK(n > 0 || errno == EAGAIN);
	}
	/* quiet: the watches stand */
	before = sk_info(fd[0]);
	usleep(200000);
	after = sk_info(fd[0]);
	CHECK_EQ(after.tcpi_busy_time, before.tcpi_busy_time);
	CHECK_EQ(after.tcpi_rwnd_limited, before.tcpi_rwnd_limited);
}

/* While data is on its way, it is unacknowledged, and bounded by the window */
static void in_flight(void)
{
	struct tcp_info a;

	delay(100);
	sk_pair(AF_INET, fd);
	send_pattern(fd[0], 0, 3000, 1);
	a = sk_info(fd[0]);
	CHECK_EQ(a.tcpi_unacked, 1);
	CHECK_EQ(a.tcpi_bytes_acked, 1);
	CHECK_EQ(a.tcpi_data_segs_out, 1);
	CHECK(a.tcpi_last_data_sent < 1000);
	receive_pattern(fd[1], 0, 3000, 1);
	AWAIT(!sk_outq(fd[0]));
	a = sk_info(fd[0]);
	CHECK_EQ(a.tcpi_unacked, 0);
	CHECK_EQ(a.tcpi_bytes_acked, 3001);
	/* a rate of 3000 octets in 200 ms, more or less */
	CHECK(a.tcpi_delivery_rate > 1000 && a.tcpi_delivery_rate < 400000);
	CHECK(a.tcpi_delivery_rate_app_limited);
}

/* A listener tells of its queue */
static void listener(void)
{
	int l = sk_listen("127.0.0.1", 0, 7);
	struct tcp_info a = sk_info(l);

	CHECK_EQ(a.tcpi_state, 10);
	CHECK_EQ(a.tcpi_unacked, 0);
	CHECK_EQ(a.tcpi_sacked, 7);
	sk_connected("127.0.0.1", sk_port(l));
	AWAIT(sk_info(l).tcpi_unacked == 1);
}

static const struct test tests[] = {
	{ "a fresh connection", fresh },
	{ "the two ends agree", two_ends_both },
	{ "round trip", round_trip },
	{ "not sent yet", not_sent },
	{ "held back by the window", window_limited },
	{ "on its way", in_flight },
	{ "a listener", listener },
};

TEST_MAIN(tests)
