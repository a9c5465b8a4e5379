// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How long a transfer takes over a link that loses or reorders packets: mean
 * over many seeds, the same seeds for both, the same congestion control on both.
 */
#include <fcntl.h>
#include <poll.h>

#include "bench.h"
#include "link.h"

#define OCTETS		8000000
#define RATE		100000000
#define DELAY_US	10000
/* The product of rate and round trip */
#define LIMIT		(RATE / 8 / 1000 * 2 * DELAY_US / 1000)
/* A transfer that takes longer than this hangs, seconds */
#define LONGEST		300

/* @core: measured with every congestion control, the others with the first */
struct path {
	const char	*name;
	bool		core;
	struct link_way	data;
	struct link_way	acks;
};

static const struct path losses[] = {
	{ "no loss", true, {}, {} },
	{ "loss 0.1 %", true, { .loss = PERCENT / 10 }, {} },
	{ "loss 1 %", true, { .loss = PERCENT }, {} },
	{ "loss 3 %", true, { .loss = 3 * PERCENT }, {} },
	{ "bursts of 8", false, { .burst = PERCENT / 10, .burst_len = 8 }, {} },
	{ "ACK loss 3 %", false, {}, { .loss = 3 * PERCENT } },
	{ "ACK loss 30 %", false, {}, { .loss = 30 * PERCENT } },
	{ "loss 1 % both ways", false, { .loss = PERCENT }, { .loss = PERCENT } },
};

static const struct path reorderings[] = {
	{ "1 % late by 4 ms", true, { .late = PERCENT, .late_us = 4000 }, {} },
	{ "1 % late by 1 ms", false, { .late = PERCENT, .late_us = 1000 }, {} },
	{ "5 % late by 15 ms", false, { .late = 5 * PERCENT, .late_us = 15000 }, {} },
	{ "1 % late by 4 ms, loss 1 %", false,
	  { .loss = PERCENT, .late = PERCENT, .late_us = 4000 }, {} },
};

static int client_ns, server_ns, tun[2];
static FILE *runs;

static void set_up(void)
{
	client_ns = ns_new();
	server_ns = ns_new();
	tun[0] = link_tun(client_ns, "192.0.2.1/24");
	tun[1] = link_tun(server_ns, "192.0.2.2/24");
	/* TCP would begin with what it remembers of the last connection */
	ns_enter(client_ns);
	command("sysctl -qw net.ipv4.tcp_no_metrics_save=1");
	ns_enter(server_ns);
	command("sysctl -qw net.ipv4.tcp_no_metrics_save=1");
}

static void tear_down(void)
{
	close(tun[0]);
	close(tun[1]);
	close(client_ns);
	close(server_ns);
}

/* Connect and send; milliseconds until the last octet has arrived */
static double transfer_time(const char *cc)
{
	static uint8_t buf[1 << 16];
	uint64_t sent = 0, received = 0, start;
	struct pollfd p[2];
	int l, fd, peer = -1;
	double took;
	ssize_t n;

	ns_enter(server_ns);
	l = sk_listen("192.0.2.2", PORT, 1);
	ns_enter(client_ns);
	fd = sk_new_nonblock(AF_INET);
	OK(setsockopt(fd, SOL_TCP, 13 /* TCP_CONGESTION */, cc, strlen(cc)));

	start = now_ns();
	if (sk_connect(fd, "192.0.2.2", PORT) && errno != EINPROGRESS)
		FAIL("connect: %s", strerror(errno));
	while (received < OCTETS) {
		p[0] = (struct pollfd){ .fd = fd, .events = sent < OCTETS ? POLLOUT : 0 };
		p[1] = (struct pollfd){ .fd = peer < 0 ? l : peer, .events = POLLIN };
		if (!OK(poll(p, 2, LONGEST * 1000)))
			FAIL("nothing moved for %d s after %llu octets", LONGEST,
			     (unsigned long long)received);
		if (p[1].revents && peer < 0) {
			peer = OK(accept4(l, NULL, NULL, SOCK_NONBLOCK));
		} else if (p[1].revents) {
			n = OK(recv(peer, buf, sizeof(buf), 0));
			if (!n)
				FAIL("the stream ends at %llu", (unsigned long long)received);
			received += n;
		}
		if (p[0].revents && sent < OCTETS) {
			size_t len = OCTETS - sent < sizeof(buf) ? OCTETS - sent : sizeof(buf);

			n = OK(send(fd, buf, len, MSG_NOSIGNAL));
			sent += n;
		}
	}
	took = (now_ns() - start) / 1e6;
	reset_close(fd);
	reset_close(peer);
	close(l);
	return took;
}

static void underscores(char *name)
{
	while ((name = strpbrk(name, " %,")))
		*name = '_';
}

static double run(const char *bench, const struct path *path, const char *cc,
		  uint32_t seed, int which)
{
	struct link_config config = {
		.rate = RATE, .delay_us = DELAY_US, .limit = LIMIT, .seed = seed,
		.way = { path->data, path->acks },
	};
	struct link_count count[2];
	char log[512];
	double took;
	pid_t link;

	proto = protocols[which];
	snprintf(log, sizeof(log), "%s/%s-%s-%s-%u-%d.log",
		 options.log ? options.log : "", bench, path->name, cc, seed, proto);
	underscores(log);
	link = link_start(tun, &config, options.log ? log : NULL);
	took = transfer_time(cc);
	link_stop(link, tun, count);
	fprintf(runs, "%s,%s,%u,%d,%.3f,%u,%u,%u,%u,%u,%u\n", path->name, cc, seed, proto,
		took, count[0].packets, count[0].lost, count[0].full, count[0].late,
		count[1].packets, count[1].lost);
	fflush(runs);
	return took;
}

static void measure(const char *bench, const struct path *path, const char *cc,
		    bool all, int seeds)
{
	struct series s[2] = { { .n = 0 } };
	char name[128];
	int i, which;

	snprintf(name, sizeof(name), "%s, %s", path->name, cc);
	if (!chosen(name) || !(path->core || all || options.only))
		return;
	for (i = 0; i < seeds; i++)
		for (which = TCP; which <= LINNET; which++)
			series_add(&s[which],
				   run(bench, path, cc, options.first + i, which));
	report(name, "ms", MEAN, s);
}

static void measure_all(const char *bench, const struct path *paths, int n)
{
	static const struct path warm_up = { "warm-up", false, {}, {} };
	int i, seeds = repetitions(20);
	char list[128], *cc, *save;

	set_up();
	snprintf(list, sizeof(list), "%s-runs.csv", bench);
	runs = report_file(list);
	fprintf(runs, "path,cc,seed,protocol,ms,packets,lost,full,late,acks,acks_lost\n");
	report_open(bench, "%d MB over %d Mbit/s, %d ms round trip, a queue of %d kB; mean of %d seeds",
		    OCTETS / 1000000, RATE / 1000000, 2 * DELAY_US / 1000, LIMIT / 1000,
		    seeds);
	run(bench, &warm_up, "linnet_reno", 0, TCP);
	run(bench, &warm_up, "linnet_reno", 0, LINNET);
	snprintf(list, sizeof(list), "%s", options.cc ? options.cc : "linnet_reno,cubic,bbr");
	for (cc = strtok_r(list, ",", &save); cc; cc = strtok_r(NULL, ",", &save))
		for (i = 0; i < n; i++)
			measure(bench, &paths[i], cc, cc == list, seeds);
	fclose(runs);
	report_close();
	tear_down();
}

void bench_loss(void)
{
	measure_all("loss", losses, sizeof(losses) / sizeof(*losses));
}

void bench_reorder(void)
{
	measure_all("reorder", reorderings, sizeof(reorderings) / sizeof(*reorderings));
}
