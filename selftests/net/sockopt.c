// SPDX-License-Identifier: GPL-2.0-or-later
/* The options that programs set, at level SOL_TCP above all. */
#include <dirent.h>
#include <linux/linnet.h>
#include <sys/uio.h>

#include "lib.h"

static int fd[2];

/* Value set, value read back; a failure's number when negative */
static const struct option {
	const char	*name;
	int		name_value;
	int		value;
	int		back;
} options[] = {
	{ "TCP_NODELAY", TCP_NODELAY, 1, 1 },
	{ "TCP_NODELAY", TCP_NODELAY, 0, 0 },
	{ "TCP_CORK", TCP_CORK, 1, 1 },
	{ "TCP_CORK", TCP_CORK, 0, 0 },
	{ "TCP_MAXSEG", TCP_MAXSEG, 1000, 1000 },
	{ "TCP_MAXSEG", TCP_MAXSEG, 87, -EINVAL },
	{ "TCP_MAXSEG", TCP_MAXSEG, 32768, -EINVAL },
	{ "TCP_KEEPIDLE", TCP_KEEPIDLE, 33, 33 },
	{ "TCP_KEEPIDLE", TCP_KEEPIDLE, 0, -EINVAL },
	{ "TCP_KEEPIDLE", TCP_KEEPIDLE, 32768, -EINVAL },
	{ "TCP_KEEPINTVL", TCP_KEEPINTVL, 44, 44 },
	{ "TCP_KEEPINTVL", TCP_KEEPINTVL, 0, -EINVAL },
	{ "TCP_KEEPINTVL", TCP_KEEPINTVL, 32768, -EINVAL },
	{ "TCP_KEEPCNT", TCP_KEEPCNT, 5, 5 },
	{ "TCP_KEEPCNT", TCP_KEEPCNT, 0, -EINVAL },
	{ "TCP_KEEPCNT", TCP_KEEPCNT, 128, -EINVAL },
	{ "TCP_SYNCNT", TCP_SYNCNT, 3, 3 },
	{ "TCP_SYNCNT", TCP_SYNCNT, 0, -EINVAL },
	{ "TCP_SYNCNT", TCP_SYNCNT, 128, -EINVAL },
	{ "TCP_LINGER2", TCP_LINGER2, 7, 7 },
	{ "TCP_LINGER2", TCP_LINGER2, -1, -1 },
	{ "TCP_DEFER_ACCEPT", TCP_DEFER_ACCEPT, 0, 0 },
	{ "TCP_QUICKACK", TCP_QUICKACK, 0, 0 },
	{ "TCP_QUICKACK", TCP_QUICKACK, 1, 1 },
	{ "TCP_WINDOW_CLAMP", TCP_WINDOW_CLAMP, 30000, 30000 },
	{ "TCP_USER_TIMEOUT", TCP_USER_TIMEOUT, 12345, 12345 },
	{ "TCP_USER_TIMEOUT", TCP_USER_TIMEOUT, -1, -EINVAL },
	{ "TCP_NOTSENT_LOWAT", TCP_NOTSENT_LOWAT, 20000, 20000 },
	{ "an unknown one", 9999, 1, -ENOPROTOOPT },
};

static void try_option(int s, const struct option *o)
{
	int value = o->value, back = 0;
	socklen_t len = sizeof(back);

	if (setsockopt(s, SOL_TCP, o->name_value, &value, sizeof(value))) {
		if (o->back >= 0 || o->value == o->back || errno != -o->back)
			FAIL("%s to %d: %s", o->name, o->value, strerror(errno));
		return;
	}
	if (o->back < -1)
		FAIL("%s to %d is accepted", o->name, o->value);
	if (getsockopt(s, SOL_TCP, o->name_value, &back, &len))
		FAIL("%s cannot be read: %s", o->name, strerror(errno));
	if (len != sizeof(int) || back != o->back)
		FAIL("%s set to %d reads %d (%d octets)", o->name, value, back, len);
}

static void set_and_get(void)
{
	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++) {
		try_option(sk_new(AF_INET), &options[i]);
		try_option(sk_new(AF_INET6), &options[i]);
		/* of a connection, the MSS that is in use reads back */
		if (options[i].name_value == TCP_MAXSEG)
			continue;
		sk_pair(AF_INET, fd);
		try_option(fd[0], &options[i]);
		transfer(fd[0], fd[1], 10, 10);
	}
}

static void bad_arguments(void)
{
	int value = 1;
	socklen_t len = sizeof(value);

	fd[0] = sk_new(AF_INET);
	CHECK_ERR(setsockopt(fd[0], SOL_TCP, TCP_NODELAY, &value, 1), EINVAL);
	CHECK_ERR(setsockopt(fd[0], SOL_TCP, TCP_NODELAY, (void *)8, 4), EFAULT);
	CHECK_ERR(getsockopt(fd[0], SOL_TCP, TCP_NODELAY, (void *)8, &len), EFAULT);
	CHECK_ERR(getsockopt(fd[0], SOL_TCP, 9999, &value, &len), ENOPROTOOPT);
	CHECK_ERR(setsockopt(fd[0], 12345, 1, &value, sizeof(value)), ENOPROTOOPT);
	len = 1;
	OK(getsockopt(fd[0], SOL_TCP, TCP_NODELAY, &value, &len));
	CHECK_EQ(len, 1);
	len = -1;
	CHECK_ERR(getsockopt(fd[0], SOL_TCP, TCP_NODELAY, &value, &len), EINVAL);
}

/* Of IP's level, those that are often set */
static void ip_options(void)
{
	fd[0] = sk_new(AF_INET);
	sk_set(fd[0], SOL_IP, IP_TOS, 0x10);
	CHECK_EQ(sk_int(fd[0], SOL_IP, IP_TOS), 0x10);
	sk_set(fd[0], SOL_IP, IP_TTL, 33);
	CHECK_EQ(sk_int(fd[0], SOL_IP, IP_TTL), 33);
	sk_set(fd[0], SOL_IP, IP_FREEBIND, 1);
	OK(sk_bind(fd[0], "192.0.2.77", 0));
	fd[0] = sk_new(AF_INET6);
	sk_set(fd[0], SOL_IPV6, IPV6_TCLASS, 0x10);
	CHECK_EQ(sk_int(fd[0], SOL_IPV6, IPV6_TCLASS), 0x10);
	sk_set(fd[0], SOL_SOCKET, SO_KEEPALIVE, 1);
	CHECK_EQ(sk_int(fd[0], SOL_SOCKET, SO_KEEPALIVE), 1);
}

static void max_segment(void)
{
	struct tcp_info info;
	int l = sk_listen("127.0.0.1", 0, 1);

	fd[0] = sk_new(AF_INET);
	sk_set(fd[0], SOL_TCP, TCP_MAXSEG, 700);
	OK(sk_connect(fd[0], "127.0.0.1", sk_port(l)));
	fd[1] = OK(accept(l, NULL, NULL));
	transfer(fd[0], fd[1], 100000, 100000);
	for (int i = 0; i < 2; i++) {
		info = sk_info(fd[i]);
		CHECK(info.tcpi_snd_mss <= 700 && info.tcpi_snd_mss >= 600);
	}
}

static int data_segments_out(int s)
{
	return sk_info(s).tcpi_data_segs_out;
}

static void cork(void)
{
	sk_pair(AF_INET, fd);
	sk_set(fd[0], SOL_TCP, TCP_CORK, 1);
	for (int i = 0; i < 10; i++)
		send_pattern(fd[0], i * 10, 10, 1);
	CHECK_EQ(sk_inq(fd[1]), 0);
	CHECK_EQ(data_segments_out(fd[0]), 0);
	sk_set(fd[0], SOL_TCP, TCP_CORK, 0);
	receive_pattern(fd[1], 0, 100, 1);
	CHECK_EQ(data_segments_out(fd[0]), 1);
	/* close() sends what was held back */
	sk_set(fd[0], SOL_TCP, TCP_CORK, 1);
	send_pattern(fd[0], 100, 10, 1);
	close(fd[0]);
	receive_pattern(fd[1], 100, 10, 1);
	check_eof(fd[1]);
}

static void more(void)
{
	sk_pair(AF_INET, fd);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(send(fd[0], "abc", 3, MSG_MORE), 3);
	CHECK_EQ(data_segments_out(fd[0]), 0);
	CHECK_EQ(send(fd[0], "d", 1, 0), 1);
	CHECK_EQ(recv(fd[1], &(char[10]){ }, 10, MSG_WAITALL), 10);
	CHECK_EQ(data_segments_out(fd[0]), 1);
}

/* RFC 9293, 3.7.4: one small segment in flight, without TCP_NODELAY */
static void nagle(void)
{
	int segments[2];

	/* TCP's own way to make fewer segments is not Nagle's */
	command("echo 0 >/proc/sys/net/%s",
		proto == PROTO_TCP ? "ipv4/tcp_autocorking" : "linnet/autocorking");
	for (int nodelay = 0; nodelay < 2; nodelay++) {
		sk_pair(AF_INET, fd);
		/* no acknowledgement comes before its time */
		sk_set(fd[1], SOL_TCP, TCP_QUICKACK, 0);
		sk_set(fd[0], SOL_TCP, TCP_NODELAY, nodelay);
		/* fewer than the initial congestion window */
		for (int i = 0; i < 8; i++)
			send_pattern(fd[0], i * 10, 10, 1);
		receive_pattern(fd[1], 0, 80, 1);
		segments[nodelay] = data_segments_out(fd[0]);
	}
	CHECK_EQ(segments[1], 8);
	CHECK(segments[0] < 8);
}

/* A connection without data is not shown to accept() */
static void defer_accept(void)
{
	int l = sk_listen("127.0.0.1", 0, 5);

	sk_set(l, SOL_TCP, TCP_DEFER_ACCEPT, 5);
	sk_nonblock(l, true);
	fd[0] = sk_connected("127.0.0.1", sk_port(l));
	usleep(100000);
	CHECK_ERR(accept(l, NULL, NULL), EAGAIN);
	send_all(fd[0], "abc", 3);
	AWAIT((fd[1] = accept(l, NULL, NULL)) >= 0);
	CHECK_EQ(recv(fd[1], &(char[4]){ }, 4, MSG_DONTWAIT), 3);
}

static void fast_open(void)
{
	int l = sk_listen("127.0.0.1", 0, 5), value = 0;
	socklen_t len = sizeof(value);

	command("echo 3 >/proc/sys/net/%s",
		proto == PROTO_TCP ? "ipv4/tcp_fastopen" : "linnet/fastopen");
	sk_set(l, SOL_TCP, TCP_FASTOPEN, 5);
	fd[0] = sk_new(AF_INET);
	sk_set(fd[0], SOL_TCP, TCP_FASTOPEN_CONNECT, 1);
	OK(getsockopt(fd[0], SOL_TCP, TCP_FASTOPEN_CONNECT, &value, &len));
	OK(sk_connect(fd[0], "127.0.0.1", sk_port(l)));
	send_all(fd[0], "abc", 3);
	fd[1] = OK(accept(l, NULL, NULL));
	CHECK_EQ(recv(fd[1], &(char[3]){ }, 3, MSG_WAITALL), 3);
}

static void info(void)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	memset(&info, 0, sizeof(info));
	fd[0] = sk_new(AF_INET);
	OK(getsockopt(fd[0], SOL_TCP, TCP_INFO, &info, &len));
	CHECK_EQ(info.tcpi_state, 7);
	sk_pair(AF_INET, fd);
	send_pattern(fd[0], 0, 1000000, 1);
	receive_pattern(fd[1], 0, 1000000, 1);
	AWAIT(!sk_outq(fd[0]));
	len = sizeof(info);
	OK(getsockopt(fd[0], SOL_TCP, TCP_INFO, &info, &len));
	CHECK(len > 200);
	CHECK_EQ(info.tcpi_state, 1);
	CHECK_EQ(info.tcpi_ca_state, 0);
	CHECK_EQ(info.tcpi_unacked, 0);
	CHECK_EQ(info.tcpi_lost, 0);
	CHECK_EQ(info.tcpi_options & (TCPI_OPT_TIMESTAMPS | TCPI_OPT_SACK | TCPI_OPT_WSCALE),
		 TCPI_OPT_TIMESTAMPS | TCPI_OPT_SACK | TCPI_OPT_WSCALE);
	CHECK(info.tcpi_snd_mss > 536 && info.tcpi_snd_mss <= 65483);
	CHECK(info.tcpi_advmss > 536 && info.tcpi_pmtu > 60000);
	CHECK(info.tcpi_rtt > 0 && info.tcpi_rtt < 5000000);
	CHECK(info.tcpi_rto >= 200000 && info.tcpi_rto < 60000000);
	CHECK(info.tcpi_min_rtt > 0 && info.tcpi_min_rtt <= 5000000);
	CHECK(info.tcpi_snd_cwnd >= 10);
	CHECK_EQ(info.tcpi_bytes_acked, 1000001);	/* the SYN counts */
	/* a busy host may make a probe or a timeout of its own */
	CHECK_EQ(info.tcpi_bytes_sent - info.tcpi_bytes_retrans, 1000000);
	CHECK((info.tcpi_bytes_retrans > 0) == (info.tcpi_total_retrans > 0));
	CHECK(info.tcpi_total_retrans <= 3);
	CHECK(info.tcpi_data_segs_out > 0 && info.tcpi_segs_out >= info.tcpi_data_segs_out);
	CHECK(info.tcpi_segs_in > 0);
	CHECK(info.tcpi_delivered > 0);
	CHECK(info.tcpi_delivery_rate > 0);
	CHECK(info.tcpi_snd_wnd > 0);
	len = sizeof(info);
	OK(getsockopt(fd[1], SOL_TCP, TCP_INFO, &info, &len));
	CHECK_EQ(info.tcpi_bytes_received, 1000000);
	CHECK(info.tcpi_rcv_mss > 536);
	CHECK(info.tcpi_rcv_space > 0);
	CHECK(info.tcpi_data_segs_in > 0);
}

static void linnet_info(void)
{
	struct linnet_info info;
	socklen_t len = sizeof(info);

	if (proto == PROTO_TCP)
		skip("TCP has no SOL_LINNET");
	sk_pair(AF_INET, fd);
	transfer(fd[0], fd[1], 100000, 100000);
	OK(getsockopt(fd[0], SOL_LINNET, LINNET_INFO, &info, &len));
	CHECK_EQ(len, sizeof(info));
	CHECK_EQ(info.proto, proto);
	CHECK_EQ(info.state, 1);
	CHECK(info.rto_us >= 200000);
	CHECK(info.srtt_us > 0);
	CHECK(info.snd_cwnd >= 10);
	CHECK(info.mss > 536);
	CHECK_ERR(setsockopt(fd[0], SOL_LINNET, LINNET_INFO, &info, len), ENOPROTOOPT);
	CHECK_ERR(getsockopt(fd[0], SOL_LINNET, 999, &info, &len), ENOPROTOOPT);
}

static void load_congestion_controls(void)
{
	char path[256];
	FILE *release = fopen("/proc/sys/kernel/osrelease", "r");
	struct dirent *entry;
	DIR *dir;

	CHECK(release && fscanf(release, "%99s", path + 100) == 1);
	memmove(path + 13, path + 100, strlen(path + 100) + 1);
	memcpy(path, "/lib/modules/", 13);
	strcat(path, "/kernel/net/ipv4");
	dir = opendir(path);
	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		char name[64];

		if (sscanf(entry->d_name, "%63[a-z_]", name) == 1 && !strncmp(name, "tcp_", 4) &&
		    strcmp(name, "tcp_diag"))
			command("modprobe %s", name);
	}
	closedir(dir);
}

/* Every congestion control that this kernel has */
static void congestion(void)
{
	FILE *list;
	char name[16], back[16];
	int n = 0;

	load_congestion_controls();
	list = fopen("/proc/sys/net/ipv4/tcp_available_congestion_control", "r");
	CHECK(list);
	while (fscanf(list, "%15s", name) == 1) {
		socklen_t len = sizeof(back);
		int l = sk_listen("127.0.0.1", 0, 1);

		printf("# %s\n", name);
		OK(setsockopt(l, SOL_TCP, TCP_CONGESTION, name, strlen(name)));
		fd[0] = sk_new(AF_INET);
		OK(sk_connect(fd[0], "127.0.0.1", sk_port(l)));
		OK(setsockopt(fd[0], SOL_TCP, TCP_CONGESTION, name, strlen(name)));
		fd[1] = OK(accept(l, NULL, NULL));
		for (int i = 0; i < 2; i++) {
			OK(getsockopt(fd[i], SOL_TCP, TCP_CONGESTION, back, &len));
			CHECK_EQ(len, sizeof(back));
			/* dctcp without ECN becomes dctcp-reno */
			CHECK(!strncmp(name, back, strlen(name)));
		}
		transfer(fd[0], fd[1], 2 << 20, 2 << 20);
		close(fd[0]);
		close(fd[1]);
		close(l);
		n++;
	}
	fclose(list);
	CHECK(n >= 2);
}

static void congestion_unknown(void)
{
	char back[16] = "";
	socklen_t len = sizeof(back);

	sk_pair(AF_INET, fd);
	CHECK_ERR(setsockopt(fd[0], SOL_TCP, TCP_CONGESTION, "nonesuch", 8), ENOENT);
	CHECK_ERR(setsockopt(fd[0], SOL_TCP, TCP_CONGESTION, "", 0), EINVAL);
	OK(getsockopt(fd[0], SOL_TCP, TCP_CONGESTION, back, &len));
	CHECK(*back);
	/* one that is not for all wants a privilege */
	if (system("modprobe tcp_vegas"))
		skip("this kernel has no tcp_vegas");
	OK(setresuid(65534, 65534, 65534));
	CHECK_ERR(setsockopt(fd[0], SOL_TCP, TCP_CONGESTION, "vegas", 5), EPERM);
	OK(setsockopt(fd[0], SOL_TCP, TCP_CONGESTION, "reno", 4));
	transfer(fd[0], fd[1], 100000, 100000);
}

/* From one to another while data flows */
static void congestion_changes(void)
{
	static const char * const names[] = { "reno", "cubic", "reno", "cubic" };

	sk_pair(AF_INET, fd);
	for (int i = 0; i < 4; i++) {
		OK(setsockopt(fd[0], SOL_TCP, TCP_CONGESTION, names[i], strlen(names[i])));
		transfer(fd[0], fd[1], 300000, 300000);
	}
}

static const struct test tests[] = {
	{ "options of SOL_TCP", set_and_get },
	{ "bad arguments", bad_arguments },
	{ "options of SOL_IP, SOL_IPV6, SOL_SOCKET", ip_options },
	{ "TCP_MAXSEG on a connection", max_segment },
	{ "TCP_CORK", cork },
	{ "MSG_MORE", more },
	{ "TCP_NODELAY", nagle },
	{ "TCP_DEFER_ACCEPT", defer_accept },
	{ "TCP_FASTOPEN", fast_open },
	{ "TCP_INFO", info },
	{ "LINNET_INFO", linnet_info },
	{ "TCP_CONGESTION: each there is", congestion },
	{ "TCP_CONGESTION: unknown, not allowed", congestion_unknown },
	{ "TCP_CONGESTION: changed under way", congestion_changes },
};

TEST_MAIN(tests)
