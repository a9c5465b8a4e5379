// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What cannot be told apart from kernel TCP: the SYN, the SYN and ACK and the
 * first ACK, octet for octet but for what is drawn by lot, under many settings;
 * the windows told afterwards; and the default of every sysctl that has a
 * namesake.  Both protocols in the same boot, over the same veth.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <poll.h>
#include <sys/wait.h>

#include "lib.h"

#define PORT	5001

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };

struct segment {
	uint8_t	octets[128];
	int	len;
};

/* One way to set things up; 0 and NULL: left alone */
struct scene {
	const char	*name;
	const char	*sysctl[4];	/* "name value", for both protocols */
	const char	*route;		/* appended to the route to the peer */
	int		mtu;
	int		client_rcvbuf, server_rcvbuf;
	int		client_clamp, server_clamp;
	int		client_mss, server_mss;
	long		core_rmem_max;
};

static const struct scene scenes[] = {
	{ .name = "defaults" },
	{ .name = "no timestamps", .sysctl = { "timestamps 0" } },
	{ .name = "no SACK", .sysctl = { "sack 0" } },
	{ .name = "no window scaling", .sysctl = { "window_scaling 0" } },
	{ .name = "no options but MSS",
	  .sysctl = { "timestamps 0", "sack 0", "window_scaling 0" } },
	{ .name = "SACK only", .sysctl = { "timestamps 0", "window_scaling 0" } },
	{ .name = "small rmem", .sysctl = { "rmem 4096 16384 65536" } },
	{ .name = "large rmem", .sysctl = { "rmem 4096 1000000 33554432" } },
	{ .name = "huge rmem", .sysctl = { "rmem 4096 87380 2147483647" } },
	{ .name = "app_win", .sysctl = { "app_win 2" } },
	{ .name = "app_win, small buffer", .sysctl = { "app_win 1", "rmem 4096 8000 8000" } },
	{ .name = "signed windows", .sysctl = { "workaround_signed_windows 1" } },
	{ .name = "signed windows, no scale",
	  .sysctl = { "workaround_signed_windows 1", "window_scaling 0" } },
	{ .name = "shrink_window", .sysctl = { "shrink_window 1" } },
	{ .name = "adv_win_scale 2", .sysctl = { "adv_win_scale 2" } },
	{ .name = "adv_win_scale -2", .sysctl = { "adv_win_scale -2" } },
	{ .name = "adv_win_scale 0", .sysctl = { "adv_win_scale 0" } },
	{ .name = "jumbo frames", .mtu = 9000 },
	{ .name = "MTU 1280", .mtu = 1280 },
	{ .name = "MTU 65535", .mtu = 65535 },
	{ .name = "SO_RCVBUF 1", .client_rcvbuf = 1, .server_rcvbuf = 1 },
	{ .name = "SO_RCVBUF 4096", .client_rcvbuf = 4096, .server_rcvbuf = 4096 },
	{ .name = "SO_RCVBUF 20000", .client_rcvbuf = 20000, .server_rcvbuf = 20000 },
	{ .name = "SO_RCVBUF 65536", .client_rcvbuf = 65536, .server_rcvbuf = 65536 },
	{ .name = "SO_RCVBUF 212992", .client_rcvbuf = 212992, .server_rcvbuf = 212992 },
	{ .name = "SO_RCVBUF of the client", .client_rcvbuf = 30000 },
	{ .name = "SO_RCVBUF of the server", .server_rcvbuf = 30000 },
	{ .name = "TCP_WINDOW_CLAMP 10000", .client_clamp = 10000, .server_clamp = 10000 },
	{ .name = "TCP_WINDOW_CLAMP 1", .client_clamp = 1, .server_clamp = 1 },
	{ .name = "TCP_WINDOW_CLAMP 1000000", .client_clamp = 1000000, .server_clamp = 1000000 },
	{ .name = "clamp and buffer", .client_clamp = 50000, .server_clamp = 50000,
	  .client_rcvbuf = 20000, .server_rcvbuf = 20000 },
	{ .name = "TCP_MAXSEG 500", .client_mss = 500, .server_mss = 500 },
	{ .name = "TCP_MAXSEG 9000", .client_mss = 9000, .server_mss = 9000 },
	{ .name = "route: advmss", .route = "advmss 1000" },
	{ .name = "route: window", .route = "window 20000" },
	{ .name = "route: initrwnd", .route = "initrwnd 5" },
	{ .name = "route: all of them", .route = "window 60000 initrwnd 20 advmss 700" },
	{ .name = "net.core.rmem_max", .core_rmem_max = 1L << 30 },
};

#define N_SCENES	(sizeof(scenes) / sizeof(*scenes))

static const char * const server_address[] = { "192.0.2.1", "2001:db8::1" };
static const int families[] = { AF_INET, AF_INET6 };

static int server, client;

static int only_proto(int p)
{
	int before = proto;

	proto = p;
	return before;
}

/* --- sysctls --- */

static void write_text(const char *path, const char *value)
{
	FILE *file = fopen(path, "w");

	if (!file)
		FAIL("%s: %s", path, strerror(errno));
	fprintf(file, "%s\n", value);
	if (fclose(file))
		FAIL("%s to %s: %s", path, value, strerror(errno));
}

static bool read_text(const char *path, char *text, size_t size)
{
	FILE *file = fopen(path, "r");
	size_t n;

	if (!file)
		return false;
	n = fread(text, 1, size - 1, file);
	fclose(file);
	while (n && text[n - 1] == '\n')
		n--;
	text[n] = 0;
	return true;
}

static void set_both(const char *setting)
{
	char name[64], path[128];
	const char *value = strchr(setting, ' ') + 1;

	snprintf(name, sizeof(name), "%.*s", (int)(value - 1 - setting), setting);
	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/tcp_%s", name);
	write_text(path, value);
	snprintf(path, sizeof(path), "/proc/sys/net/linnet/%s", name);
	write_text(path, value);
}

/* --- the network --- */

static void network(const struct scene *s)
{
	static const char * const mine[] = { "192.0.2.1/24", "192.0.2.2/24" };
	static const char * const mine6[] = { "2001:db8::1/64", "2001:db8::2/64" };
	static const char * const other[] = { "192.0.2.2", "192.0.2.1" };
	static const char * const other6[] = { "2001:db8::2", "2001:db8::1" };

	server = ns_new();
	client = ns_new();
	ns_join(server, "v0", client, "v0");
	for (int i = 0; i < 2; i++) {
		ns_enter(i ? client : server);
		if (s->mtu)
			command("ip link set v0 mtu %d", s->mtu);
		command("ip addr add %s dev v0", mine[i]);
		command("ip addr add %s dev v0 nodad", mine6[i]);
		if (s->route) {
			command("ip route add %s dev v0 %s", other[i], s->route);
			command("ip route add %s dev v0 %s", other6[i], s->route);
		}
		for (int k = 0; k < 4 && s->sysctl[k]; k++)
			set_both(s->sysctl[k]);
	}
}

static int capture_open(void)
{
	struct sockaddr_ll sll = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
	};
	int fd = OK(socket(AF_PACKET, SOCK_DGRAM, htons(ETH_P_ALL)));

	sll.sll_ifindex = if_nametoindex("v0");
	OK(bind(fd, (struct sockaddr *)&sll, sizeof(sll)));
	return fd;
}

/* The next segment of the protocol; header of IP included */
static void capture_next(int fd, struct segment *seg, int flags)
{
	double end = now() + PATIENCE;

	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int header, protocol;

		if (now() > end)
			FAIL("no segment with flags %x", flags);
		OK(poll(&p, 1, 1000));
		if (!p.revents)
			continue;
		memset(seg, 0, sizeof(*seg));
		seg->len = OK(recv(fd, seg->octets, sizeof(seg->octets), 0));
		if (seg->octets[0] >> 4 == 4) {
			header = (seg->octets[0] & 15) * 4;
			protocol = seg->octets[9];
		} else {
			header = 40;
			protocol = seg->octets[6];
		}
		if (protocol != proto || seg->octets[header + 13] != flags)
			continue;
		return;
	}
}

/* Blank what is drawn by lot, and what must differ */
static void blank(struct segment *seg, bool id_too)
{
	uint8_t *ip = seg->octets, *th, *option, *end;

	if (ip[0] >> 4 == 4) {
		ip[9] = 0;		/* protocol */
		ip[10] = ip[11] = 0;	/* checksum */
		if (id_too)
			ip[4] = ip[5] = 0;
		th = ip + (ip[0] & 15) * 4;
	} else {
		ip[1] &= 0xf0;		/* flow label */
		ip[2] = ip[3] = 0;
		ip[6] = 0;
		th = ip + 40;
	}
	memset(th, 0, 4);		/* ports */
	memset(th + 4, 0, 8);		/* numbers */
	th[16] = th[17] = 0;
	end = th + (th[12] >> 4) * 4;
	for (option = th + 20; option < end; option += option[1]) {
		while (option < end && *option == 1)
			option++;
		if (option >= end || *option == 0)
			break;
		if (*option == 8) {
			memset(option + 2, 0, 4);
			/* an echo of nothing is told from an echo */
			if (memcmp(option + 6, "\0\0\0\0", 4))
				memset(option + 6, 0xee, 4);
		}
		CHECK(option[1] >= 2);
	}
}

static void print(const char *who, const struct segment *seg)
{
	printf("# %s:", who);
	for (int i = 0; i < seg->len; i++)
		printf("%s%02x", i % 4 ? "" : " ", seg->octets[i]);
	printf("\n");
}

static void option_set(int fd, int level, int name, int value)
{
	if (value)
		sk_set(fd, level, name, value);
}

/* fd[0] connects, fd[1] is accepted; the segments are captured */
static void handshake(const struct scene *s, int f, int fd[2], struct segment seg[3])
{
	int capture, l;

	ns_enter(server);
	capture = capture_open();
	l = sk_new(families[f]);
	sk_set(l, SOL_SOCKET, SO_REUSEADDR, 1);
	option_set(l, SOL_SOCKET, SO_RCVBUF, s->server_rcvbuf);
	option_set(l, SOL_TCP, TCP_WINDOW_CLAMP, s->server_clamp);
	option_set(l, SOL_TCP, TCP_MAXSEG, s->server_mss);
	OK(sk_bind(l, server_address[f], PORT));
	OK(listen(l, 1));
	ns_enter(client);
	fd[0] = sk_new(families[f]);
	option_set(fd[0], SOL_SOCKET, SO_RCVBUF, s->client_rcvbuf);
	option_set(fd[0], SOL_TCP, TCP_WINDOW_CLAMP, s->client_clamp);
	option_set(fd[0], SOL_TCP, TCP_MAXSEG, s->client_mss);
	OK(sk_connect(fd[0], server_address[f], PORT));
	fd[1] = OK(accept(l, NULL, NULL));
	capture_next(capture, &seg[0], SYN);
	capture_next(capture, &seg[1], SYN | ACK);
	capture_next(capture, &seg[2], ACK);
	close(capture);
	close(l);
}

static void compare_scene(const struct scene *s)
{
	static const char * const which[] = { "SYN", "SYN and ACK", "first ACK" };
	static const int protocols[] = { PROTO_TCP, PROTO_LINNET };

	network(s);
	for (int f = 0; f < 2; f++) {
		struct segment seg[2][3];

		memset(seg, 0, sizeof(seg));
		for (int p = 0; p < 2; p++) {
			int before = only_proto(protocols[p]), fd[2];

			handshake(s, f, fd, seg[p]);
			/* the client ends first and rests in TIME-WAIT */
			close(fd[0]);
			check_eof(fd[1]);
			close(fd[1]);
			only_proto(before);
		}
		for (int i = 0; i < 3; i++) {
			/* the SYN and ACK has no identification */
			blank(&seg[0][i], i != 1);
			blank(&seg[1][i], i != 1);
			if (!memcmp(&seg[0][i], &seg[1][i], sizeof(seg[0][i])))
				continue;
			print("TCP   ", &seg[0][i]);
			print("Linnet", &seg[1][i]);
			FAIL("%s: %s over IPv%c", s->name, which[i], f ? '6' : '4');
		}
	}
	close(server);
	close(client);
}

#define PARTS	4

static void handshakes(size_t part)
{
	int here = ns_current();

	for (size_t i = part; i < N_SCENES; i += PARTS) {
		ns_enter(here);
		if (!scenes[i].core_rmem_max)
			compare_scene(&scenes[i]);
	}
}

static void handshakes_1(void)
{
	handshakes(0);
}

static void handshakes_2(void)
{
	handshakes(1);
}

static void handshakes_3(void)
{
	handshakes(2);
}

static void handshakes_4(void)
{
	handshakes(3);
}

/* net.core.rmem_max is the whole machine's: put it back whatever happens */
static void core_rmem_max(void)
{
	const char *path = "/proc/sys/net/core/rmem_max";
	int first = getppid(), status;
	char name[64], before[32];
	pid_t pid;

	snprintf(name, sizeof(name), "/proc/%d/ns/net", first);
	ns_enter(OK(open(name, O_RDONLY)));
	CHECK(read_text(path, before, sizeof(before)));
	pid = OK(fork());
	if (!pid) {
		for (size_t i = 0; i < N_SCENES; i++) {
			if (!scenes[i].core_rmem_max)
				continue;
			ns_enter(OK(open(name, O_RDONLY)));
			snprintf(before, sizeof(before), "%ld", scenes[i].core_rmem_max);
			write_text(path, before);
			compare_scene(&scenes[i]);
		}
		exit(0);
	}
	OK(waitpid(pid, &status, 0));
	write_text(path, before);
	CHECK_EQ(status, 0);
}

/* --- what comes after the handshake --- */

#define STEPS	40

/* An ACK sent while a program owned the socket tells of the backlog, too */
#define SLACK	1448

/* Writes of these sizes, each acknowledged before the next; then reading */
static const int writes[] = {
	1, 100, 500, 1000, 1448, 1448, 1448, 2896, 2896, 4344, 8000, 5000, 5000, 5000,
	5000, 5000, 3000, 1448, 1448, 1448, 100,
};

static uint32_t window_of_peer(int fd)
{
	return sk_info(fd).tcpi_snd_wnd;
}

static int windows(const struct scene *s, int f, uint32_t told[STEPS], uint32_t *last)
{
	struct segment seg[3];
	size_t offset = 0;
	int fd[2], n = 0;

	handshake(s, f, fd, seg);
	sk_set(fd[0], SOL_TCP, TCP_NODELAY, 1);
	for (size_t i = 0; i < sizeof(writes) / sizeof(*writes); i++) {
		/* the window is no matter for what does not fit into it */
		if ((uint32_t)writes[i] > window_of_peer(fd[0]))
			break;
		send_pattern(fd[0], offset, writes[i], 1);
		offset += writes[i];
		AWAIT(sk_outq(fd[0]) == 0);
		told[n++] = window_of_peer(fd[0]);
	}
	receive_pattern(fd[1], 0, offset, 1);
	/* whatever has been told by reading, the next ACK tells it again */
	send_pattern(fd[0], offset, 1448, 1);
	receive_pattern(fd[1], offset, 1448, 1);
	AWAIT(sk_outq(fd[0]) == 0);
	*last = window_of_peer(fd[0]);
	close(fd[0]);
	check_eof(fd[1]);
	close(fd[1]);
	return n;
}

static const struct scene growing[] = {
	{ .name = "defaults" },
	{ .name = "SO_RCVBUF 30000", .server_rcvbuf = 30000 },
	{ .name = "no scale", .sysctl = { "window_scaling 0" } },
	{ .name = "small rmem", .sysctl = { "rmem 4096 16384 65536" } },
	{ .name = "TCP_WINDOW_CLAMP 40000", .server_clamp = 40000 },
	{ .name = "shrink_window", .sysctl = { "shrink_window 1" }, .server_rcvbuf = 30000 },
};

static bool grows_alike(const struct scene *scene, int f, int more)
{
	uint32_t told[2][STEPS], last[2];
	int before = only_proto(PROTO_TCP), n[2];
	bool differ = false;

	n[0] = windows(scene, f, told[0], &last[0]);
	only_proto(PROTO_LINNET);
	n[1] = windows(scene, f, told[1], &last[1]);
	only_proto(before);
	/* where it is nearly full one may stop before the other */
	for (int k = 0; k < n[0] && k < n[1]; k++)
		differ |= labs((long)told[0][k] - told[1][k]) > SLACK;
	differ |= n[0] <= 5 || n[1] <= 5;
	if (!differ && labs((long)last[0] - last[1]) <= SLACK)
		return true;
	for (int k = 0; k < n[0] || k < n[1]; k++)
		printf("# after write %d: TCP %u, Linnet %u\n", k,
		       k < n[0] ? told[0][k] : 0, k < n[1] ? told[1][k] : 0);
	printf("# after reading: TCP %u, Linnet %u\n", last[0], last[1]);
	if (differ || !more)
		FAIL("%s over IPv%c", scene->name, f ? '6' : '4');
	return false;
}

/* The window that each ACK tells, as data comes and nobody reads */
static void window_growth(void)
{
	int here = ns_current();

	for (size_t i = 0; i < sizeof(growing) / sizeof(*growing); i++) {
		ns_enter(here);
		network(&growing[i]);
		/* how far it grows with reading depends on how much was read in
		 * a round trip: on a busy host one may be slower once
		 */
		for (int f = 0; f < 2; f++)
			for (int left = 2; !grows_alike(&growing[i], f, left); left--)
				;
		close(server);
		close(client);
	}
}

/* --- defaults --- */

/* Where protocol.rst or sysctl.rst says why */
static const char * const unlike[] = {
	"congestion_control",	/* linnet_reno where TCP's cannot be held */
	"fastopen",		/* off until somebody asks for it */
	"fastopen_key",		/* a secret of its own */
	NULL
};

static bool is_unlike(const char *name)
{
	for (int i = 0; unlike[i]; i++)
		if (!strcmp(unlike[i], name))
			return true;
	return false;
}

static int compare_defaults(void)
{
	DIR *dir = opendir("/proc/sys/net/linnet");
	int compared = 0, wrong = 0;
	struct dirent *entry;

	CHECK(dir);
	while ((entry = readdir(dir))) {
		char path[512], ours[128], theirs[128];

		if (*entry->d_name == '.' || is_unlike(entry->d_name))
			continue;
		snprintf(path, sizeof(path), "/proc/sys/net/ipv4/tcp_%s", entry->d_name);
		if (!read_text(path, theirs, sizeof(theirs)))
			continue;	/* no namesake on this kernel */
		snprintf(path, sizeof(path), "/proc/sys/net/linnet/%s", entry->d_name);
		CHECK(read_text(path, ours, sizeof(ours)));
		compared++;
		if (strcmp(ours, theirs)) {
			printf("# %s: TCP %s, Linnet %s\n", entry->d_name, theirs, ours);
			wrong++;
		}
	}
	closedir(dir);
	CHECK_EQ(wrong, 0);
	return compared;
}

static void defaults(void)
{
	CHECK(compare_defaults() >= 30);
}

/* The first namespace has mem and max_orphans, too */
static void machine_defaults(void)
{
	char name[64];

	snprintf(name, sizeof(name), "/proc/%d/ns/net", getppid());
	ns_enter(OK(open(name, O_RDONLY)));
	CHECK(access("/proc/sys/net/linnet/mem", F_OK) == 0);
	CHECK(access("/proc/sys/net/linnet/max_orphans", F_OK) == 0);
	compare_defaults();
}

static const struct test tests[] = {
	{ "defaults of sysctls", defaults },
	{ "defaults of the whole machine", machine_defaults },
	{ "handshakes, octet for octet, 1 of 4", handshakes_1 },
	{ "handshakes, octet for octet, 2 of 4", handshakes_2 },
	{ "handshakes, octet for octet, 3 of 4", handshakes_3 },
	{ "handshakes, octet for octet, 4 of 4", handshakes_4 },
	{ "handshakes under net.core.rmem_max", core_rmem_max },
	{ "windows told as data comes", window_growth },
};

int main(void)
{
	if (access("/proc/sys/net/linnet", F_OK)) {
		printf("1..0 # SKIP the module is not loaded\n");
		return 4;
	}
	return run_tests(tests, sizeof(tests) / sizeof(*tests));
}
