// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The link: a process that carries packets between two tun devices.
 *
 * The devices take no super-segments, so whatever the sender builds has been
 * cut when it comes here: each packet is one segment.  What becomes of the nth
 * packet of a direction depends on n and the seed alone.  The process has a
 * real-time priority, so that it runs when a packet is due, not when a
 * transport is idle.
 */
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "bench.h"
#include "link.h"

/* Both powers of two.  A queue of the longest delay times the rate, and more. */
#define RING		4096
#define PACKET_MAX	2048
/* The handshake is spared: its timeouts would drown what is to be measured */
#define SPARED		3

struct packet {
	uint64_t	due;		/* ns */
	uint32_t	len;
	uint8_t		data[PACKET_MAX];
};

/* Packets in the order in which they are due */
struct ring {
	uint32_t	head;
	uint32_t	tail;
	struct packet	*packet;
};

struct direction {
	struct link_way	way;
	struct ring	normal;
	struct ring	late;
	uint64_t	free_at;	/* when the link has sent what waits, ns */
	int		to;
};

static struct link_count *counts;
static FILE *logfile;
static volatile sig_atomic_t stopped;

/**
 * link_tun() - an end of the link
 * @ns: the namespace that gets the device
 * @address: its address, with the length of the prefix
 *
 * Return: the device's descriptor.
 */
int link_tun(int ns, const char *address)
{
	struct ifreq request = {
		.ifr_name = "link",
		.ifr_flags = IFF_TUN | IFF_NO_PI,
	};
	int before = ns_current(), fd;

	ns_enter(ns);
	/* no packets but those of the connection */
	command("sysctl -qw net.ipv6.conf.default.disable_ipv6=1");
	fd = OK(open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
	OK(ioctl(fd, TUNSETIFF, &request));
	command("ip addr add %s dev link", address);
	command("ip link set dev link txqueuelen 4000 up");
	ns_enter(before);
	close(before);
	return fd;
}

static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
	return x ^ (x >> 31);
}

/* One throw for a packet: true @of times in a million */
static bool throw(uint32_t seed, int dir, char what, uint32_t n, uint32_t of)
{
	uint64_t key = mix((uint64_t)seed << 16 | dir << 8 | what);

	return of && mix(key + n) % 1000000 < of;
}

static bool is_lost(const struct link_config *config, int dir, uint32_t n)
{
	const struct link_way *way = &config->way[dir];
	uint32_t k;

	if (throw(config->seed, dir, 'l', n, way->loss))
		return true;
	for (k = 0; k < way->burst_len && k < n; k++)
		if (throw(config->seed, dir, 'b', n - k, way->burst))
			return true;
	return false;
}

/* --- the log: what a reader of a capture would ask for --- */

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

static void log_sack(const uint8_t *header, int len)
{
	int i = 20, b;

	while (i + 1 < len && header[i]) {
		if (header[i] == 1) {
			i++;
			continue;
		}
		if (header[i] == 5)
			for (b = i + 2; b + 8 <= i + header[i + 1] && b + 8 <= len; b += 8)
				fprintf(logfile, " %u-%u", get32(header + b),
					get32(header + b + 4));
		if (header[i + 1] < 2)
			break;
		i += header[i + 1];
	}
}

/* ns, direction, number, flags, seq, len, ack, window, verdict, SACK blocks */
static void log_packet(uint64_t now, int dir, uint32_t n, const struct packet *p,
		       const char *verdict)
{
	const uint8_t *header = p->data + 20;
	int header_len = header[12] >> 4 << 2;

	if (!logfile || p->len < 40)
		return;
	fprintf(logfile, "%llu %c %u %02x %u %d %u %u %s", (unsigned long long)now,
		dir ? '<' : '>', n, header[13], get32(header + 4),
		(int)p->len - 20 - header_len, get32(header + 8),
		header[14] << 8 | header[15], verdict);
	log_sack(header, header_len);
	fputc('\n', logfile);
}

/* --- the process --- */

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

static struct packet *ring_put(struct ring *r)
{
	if (r->head - r->tail == RING)
		FAIL("the link's queue is longer than it can be");
	return &r->packet[r->head % RING];
}

/* A packet has come into @p, which is free in the ring of those on time */
static void take(const struct link_config *config, struct direction *d, int dir,
		 struct packet *p, uint64_t now)
{
	uint32_t n = counts[dir].packets++;
	uint64_t start = d->free_at > now ? d->free_at : now;
	uint64_t waiting = (start - now) * config->rate / 8000000000ULL;

	if (waiting + p->len > config->limit) {
		counts[dir].full++;
		log_packet(now, dir, n, p, "full");
		return;
	}
	d->free_at = start + p->len * 8000000000ULL / config->rate;
	p->due = d->free_at + config->delay_us * 1000ULL;
	if (n < SPARED) {
		log_packet(now, dir, n, p, "-");
		d->normal.head++;
	} else if (is_lost(config, dir, n)) {
		counts[dir].lost++;
		log_packet(now, dir, n, p, "lost");
	} else if (throw(config->seed, dir, 'r', n, d->way.late)) {
		struct packet *late = ring_put(&d->late);

		p->due += d->way.late_us * 1000ULL;
		memcpy(late, p, offsetof(struct packet, data) + p->len);
		d->late.head++;
		counts[dir].late++;
		log_packet(now, dir, n, p, "late");
	} else {
		log_packet(now, dir, n, p, "-");
		d->normal.head++;
	}
}

static void collect(const struct link_config *config, struct direction *d,
		    int dir, int from)
{
	for (;;) {
		struct packet *p = ring_put(&d->normal);
		ssize_t n = read(from, p->data, sizeof(p->data));

		if (n <= 0)
			return;
		p->len = n;
		take(config, d, dir, p, now_ns());
	}
}

static void deliver(struct direction *d, struct ring *r)
{
	while (r->tail != r->head && r->packet[r->tail % RING].due <= now_ns()) {
		struct packet *p = &r->packet[r->tail++ % RING];

		if (write(d->to, p->data, p->len) != (ssize_t)p->len)
			FAIL("tun: %s", strerror(errno));
	}
}

static uint64_t earliest(const struct ring *r, uint64_t due)
{
	if (r->tail == r->head || r->packet[r->tail % RING].due > due)
		return due;
	return r->packet[r->tail % RING].due;
}

static void ring_init(struct ring *r)
{
	r->packet = calloc(RING, sizeof(*r->packet));
	if (!r->packet)
		FAIL("no memory for the link");
}

static void carry(const int tun[2], const struct link_config *config)
{
	static struct direction d[2];
	struct pollfd p[2];
	int i;

	for (i = 0; i < 2; i++) {
		d[i].way = config->way[i];
		d[i].to = tun[!i];
		ring_init(&d[i].normal);
		ring_init(&d[i].late);
		p[i] = (struct pollfd){ .fd = tun[i], .events = POLLIN };
	}
	while (!stopped) {
		uint64_t due = UINT64_MAX, t;
		struct timespec wait;

		for (i = 0; i < 2; i++) {
			deliver(&d[i], &d[i].normal);
			deliver(&d[i], &d[i].late);
			collect(config, &d[i], i, tun[i]);
		}
		for (i = 0; i < 2; i++) {
			due = earliest(&d[i].normal, due);
			due = earliest(&d[i].late, due);
		}
		t = now_ns();
		due = due > t ? due - t : 0;
		if (due > 1000000000)
			due = 1000000000;
		wait = (struct timespec){ .tv_nsec = due % 1000000000,
					  .tv_sec = due / 1000000000 };
		ppoll(p, 2, &wait, NULL);
	}
}

/**
 * link_start() - start to carry packets
 * @tun: the two ends
 * @config: the link; packets count from here
 * @log: write a line for each packet to this file; or NULL
 *
 * Return: the process.
 */
pid_t link_start(const int tun[2], const struct link_config *config,
		 const char *log)
{
	struct sched_param param = { .sched_priority = 50 };
	pid_t pid;

	if (!counts)
		counts = mmap(NULL, 2 * sizeof(*counts), PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (counts == MAP_FAILED)
		FAIL("mmap: %s", strerror(errno));
	memset(counts, 0, 2 * sizeof(*counts));
	fflush(NULL);
	pid = OK(fork());
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGTERM, stop);
	OK(sched_setscheduler(0, SCHED_FIFO, &param));
	OK(mlockall(MCL_CURRENT | MCL_FUTURE));
	if (log) {
		logfile = fopen(log, "w");
		if (!logfile)
			FAIL("%s: %s", log, strerror(errno));
		setvbuf(logfile, NULL, _IOFBF, 16 << 20);
	}
	carry(tun, config);
	if (logfile)
		fclose(logfile);
	_exit(0);
}

/**
 * link_stop() - end it, with all packets on their way
 * @pid: the process
 * @tun: the two ends: what they still hold is thrown away
 * @count: set to what happened to the packets
 */
void link_stop(pid_t pid, const int tun[2], struct link_count count[2])
{
	char buf[PACKET_MAX];
	int status, i;

	kill(pid, SIGTERM);
	OK(waitpid(pid, &status, 0));
	if (status)
		FAIL("the link ended with status %#x", status);
	for (i = 0; i < 2; i++)
		while (read(tun[i], buf, sizeof(buf)) > 0)
			;
	memcpy(count, counts, 2 * sizeof(*count));
}
