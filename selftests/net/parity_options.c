// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Every socket option, in every state: set to legal and to illegal values,
 * read back, with lengths that are too short.
 */
#include <linux/filter.h>
#include <netinet/ip.h>
#include <sys/time.h>

#include "parity.h"

struct name {
	int		value;
	const char	*name;
};

#define N(option) { option, #option }

/* Numbers that older headers do not have */
#define SO_NUMBER_LAST	84
#define TCP_NUMBER_LAST	48

static const struct name tcp_names[] = {
	N(TCP_NODELAY), N(TCP_MAXSEG), N(TCP_CORK), N(TCP_KEEPIDLE), N(TCP_KEEPINTVL),
	N(TCP_KEEPCNT), N(TCP_SYNCNT), N(TCP_LINGER2), N(TCP_DEFER_ACCEPT),
	N(TCP_WINDOW_CLAMP), N(TCP_INFO), N(TCP_QUICKACK), N(TCP_CONGESTION), N(TCP_MD5SIG),
	N(TCP_THIN_LINEAR_TIMEOUTS), N(TCP_THIN_DUPACK), N(TCP_USER_TIMEOUT), N(TCP_REPAIR),
	N(TCP_REPAIR_QUEUE), N(TCP_QUEUE_SEQ), N(TCP_REPAIR_OPTIONS), N(TCP_FASTOPEN),
	N(TCP_TIMESTAMP), N(TCP_NOTSENT_LOWAT), N(TCP_CC_INFO), N(TCP_SAVE_SYN),
	N(TCP_SAVED_SYN), N(TCP_REPAIR_WINDOW), N(TCP_FASTOPEN_CONNECT), N(TCP_ULP),
	N(TCP_MD5SIG_EXT), N(TCP_FASTOPEN_KEY), N(TCP_FASTOPEN_NO_COOKIE),
	N(TCP_ZEROCOPY_RECEIVE), N(TCP_INQ), N(TCP_TX_DELAY), { 38, "TCP_AO_ADD_KEY" },
	{ 39, "TCP_AO_DEL_KEY" }, { 40, "TCP_AO_INFO" }, { 41, "TCP_AO_GET_KEYS" },
	{ 42, "TCP_AO_REPAIR" }, { 43, "TCP_IS_MPTCP" }, { 44, "TCP_RTO_MAX_MS" },
	{ 45, "TCP_RTO_MIN_US" }, { 46, "TCP_DELACK_MAX_US" },
};

static const struct name socket_names[] = {
	N(SO_DEBUG), N(SO_REUSEADDR), N(SO_TYPE), N(SO_ERROR), N(SO_DONTROUTE), N(SO_BROADCAST),
	N(SO_SNDBUF), N(SO_RCVBUF), N(SO_SNDBUFFORCE), N(SO_RCVBUFFORCE), N(SO_KEEPALIVE),
	N(SO_OOBINLINE), N(SO_NO_CHECK), N(SO_PRIORITY), N(SO_BSDCOMPAT), N(SO_REUSEPORT),
	N(SO_PASSCRED), N(SO_PEERCRED), N(SO_RCVLOWAT), N(SO_SNDLOWAT), N(SO_BINDTODEVICE),
	N(SO_ATTACH_FILTER), N(SO_DETACH_FILTER), N(SO_TIMESTAMP), N(SO_ACCEPTCONN),
	N(SO_PEERSEC), N(SO_PASSSEC), N(SO_TIMESTAMPNS), N(SO_MARK), N(SO_TIMESTAMPING),
	N(SO_PROTOCOL), N(SO_DOMAIN), N(SO_RXQ_OVFL), N(SO_WIFI_STATUS), N(SO_PEEK_OFF),
	N(SO_NOFCS), N(SO_LOCK_FILTER), N(SO_SELECT_ERR_QUEUE), N(SO_BUSY_POLL),
	N(SO_MAX_PACING_RATE), N(SO_BPF_EXTENSIONS), N(SO_INCOMING_CPU), N(SO_ATTACH_BPF),
	N(SO_ATTACH_REUSEPORT_CBPF), N(SO_ATTACH_REUSEPORT_EBPF), N(SO_CNX_ADVICE),
	N(SO_MEMINFO), N(SO_INCOMING_NAPI_ID), N(SO_COOKIE), N(SO_PEERGROUPS), N(SO_ZEROCOPY),
	N(SO_TXTIME), N(SO_BINDTOIFINDEX), N(SO_DETACH_REUSEPORT_BPF), { 69, "SO_PREFER_BUSY_POLL" },
	{ 70, "SO_BUSY_POLL_BUDGET" }, { 71, "SO_NETNS_COOKIE" }, { 72, "SO_BUF_LOCK" },
	{ 73, "SO_RESERVE_MEM" }, { 74, "SO_TXREHASH" }, { 75, "SO_RCVMARK" },
	{ 76, "SO_PASSPIDFD" }, { 77, "SO_PEERPIDFD" }, { 82, "SO_RCVPRIORITY" },
	{ 83, "SO_PASSRIGHTS" },
};

static const struct name ip_names[] = {
	N(IP_TOS), N(IP_TTL), N(IP_HDRINCL), N(IP_OPTIONS), N(IP_RECVOPTS), N(IP_PKTINFO),
	N(IP_MTU_DISCOVER), N(IP_RECVERR), N(IP_RECVTTL), N(IP_RECVTOS), N(IP_MTU),
	N(IP_FREEBIND), N(IP_TRANSPARENT), N(IP_MINTTL), N(IP_NODEFRAG),
	N(IP_BIND_ADDRESS_NO_PORT), { 26, "IP_RECVERR_RFC4884" }, N(IP_MULTICAST_TTL),
	N(IP_UNICAST_IF), { 51, "IP_LOCAL_PORT_RANGE" }, { 52, "IP_PROTOCOL" },
};

static const struct name ipv6_names[] = {
	N(IPV6_ADDRFORM), N(IPV6_UNICAST_HOPS), N(IPV6_MTU_DISCOVER), N(IPV6_MTU),
	N(IPV6_RECVERR), N(IPV6_V6ONLY), N(IPV6_TCLASS), N(IPV6_RECVTCLASS),
	N(IPV6_DONTFRAG), N(IPV6_RECVPKTINFO), N(IPV6_RECVHOPLIMIT), N(IPV6_AUTOFLOWLABEL),
	N(IPV6_MINHOPCOUNT), N(IPV6_TRANSPARENT), N(IPV6_FREEBIND), N(IPV6_UNICAST_IF),
	N(IPV6_ADDR_PREFERENCES), { 33, "IPV6_FLOWINFO_SEND" },
};

static const int values[] = { -1, 0, 1, 2, 100, 5000, 1 << 20, 0x7fffffff };

static const char *name_of(const struct name *names, int n, int option)
{
	for (int i = 0; i < n; i++)
		if (names[i].value == option)
			return names[i].name;
	return text("option %d", option);
}

/* Answers that tell the time, an address, or something of this moment */
static bool fleeting(int level, int option)
{
	if (level == SOL_TCP)
		return option == TCP_INFO || option == TCP_TIMESTAMP || option == TCP_FASTOPEN_KEY;
	if (level == SOL_IP)
		return option == 52 /* IP_PROTOCOL, of a stream the port */;
	return level == SOL_SOCKET &&
	       (option == SO_PEERCRED || option == SO_COOKIE || option == SO_PROTOCOL ||
		option == SO_MEMINFO || option == SO_PEERNAME || option == SO_INCOMING_CPU ||
		option == 71 /* SO_NETNS_COOKIE */ || option == 77 /* SO_PEERPIDFD */);
}

static void get(int fd, int level, int option, const char *name, socklen_t room)
{
	unsigned char buf[256];
	char *label = text("get %s, room for %u", name, room);
	char hex[sizeof(buf) * 2 + 1] = "";
	socklen_t len = room;

	memset(buf, 0xee, sizeof(buf));
	if (getsockopt(fd, level, option, buf, &len)) {
		say(label, "%s", errno_name(errno));
		return;
	}
	/* how long the structure is depends on nothing but the kernel */
	if (!fleeting(level, option))
		for (socklen_t i = 0; i < len && i < 16; i++)
			sprintf(hex + 2 * i, "%02x", buf[i]);
	say(label, "%u bytes %s", len, hex);
}

static void try_option(enum sk_state state, int family, int level, int option, const char *name)
{
	int peer, fd = sk_in(state, family, &peer);

	get(fd, level, option, name, 4);
	get(fd, level, option, name, 1);
	get(fd, level, option, name, 0);
	get(fd, level, option, name, 256);
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		/* What repair mode does is not for a test */
		if (level == SOL_TCP && option == TCP_REPAIR && values[i] == 1)
			continue;
		errno = 0;
		say_result(text("set %s %d", name, values[i]),
			   setsockopt(fd, level, option, &values[i], sizeof(int)));
		get(fd, level, option, name, 4);
	}
	errno = 0;
	say_result(text("set %s, 1 byte", name), setsockopt(fd, level, option, &values[2], 1));
	say_result(text("set %s, 0 bytes", name), setsockopt(fd, level, option, &values[2], 0));
	say_result(text("set %s, bad address", name),
		   setsockopt(fd, level, option, (void *)8, sizeof(int)));
	get(fd, level, option, name, 4);
	close(fd);
	if (peer >= 0)
		close(peer);
}

static void all(enum sk_state state, int family, int level, const struct name *names, int n,
		int last)
{
	if (last) {
		for (int option = 1; option <= last; option++)
			try_option(state, family, level, option, name_of(names, n, option));
		return;
	}
	for (int i = 0; i < n; i++)
		try_option(state, family, level, names[i].value, names[i].name);
}

#define COUNT(array) ((int)(sizeof(array) / sizeof(*(array))))

static void tcp_level(enum sk_state state)
{
	/* what TCP has by default: clients may */
	if (proto != PROTO_TCP)
		command("echo 1 >/proc/sys/net/linnet/fastopen");
	all(state, AF_INET, SOL_TCP, tcp_names, COUNT(tcp_names), TCP_NUMBER_LAST);
}

static void socket_level(enum sk_state state)
{
	all(state, AF_INET, SOL_SOCKET, socket_names, COUNT(socket_names), SO_NUMBER_LAST);
}

static void ip_levels(enum sk_state state)
{
	all(state, AF_INET, SOL_IP, ip_names, COUNT(ip_names), 0);
	all(state, AF_INET6, SOL_IPV6, ipv6_names, COUNT(ipv6_names), 0);
}

#define EACH_STATE(X)							\
	X(fresh, FRESH) X(bound, BOUND) X(listening, LISTENING)		\
	X(connecting, CONNECTING) X(established, ESTABLISHED)		\
	X(peer_closed, PEER_CLOSED) X(shut_write, SHUT_WRITE)		\
	X(shut_both, SHUT_BOTH) X(was_reset, WAS_RESET)			\
	X(was_closed, WAS_CLOSED)

/* The other levels are the kernel's own code: states that make a difference */
#define SOME_STATES(X)							\
	X(fresh, FRESH) X(listening, LISTENING) X(established, ESTABLISHED) \
	X(was_closed, WAS_CLOSED)

#define DEFINE_TCP(name, state)						\
	static void tcp_##name(void) { tcp_level(state); }
#define DEFINE_OTHER(name, state)					\
	static void socket_##name(void) { socket_level(state); }	\
	static void ip_##name(void) { ip_levels(state); }
EACH_STATE(DEFINE_TCP)
SOME_STATES(DEFINE_OTHER)

/* Options whose values are structures */
static void structures(void)
{
	static const struct timeval times[] = {
		{ 0, 0 }, { 1, 500000 }, { -1, 0 }, { 0, 1000000 }, { 0, -1 }, { 1L << 40, 0 },
	};
	static const struct linger lingers[] = { { 0, 0 }, { 1, 0 }, { 1, 5 }, { 1, -1 }, { 1, 0x7fffffff } };
	int fd = sk_new(AF_INET);

	for (int i = 0; i < COUNT(times); i++) {
		for (int option = 0; option < 2; option++) {
			int number = option ? SO_SNDTIMEO : SO_RCVTIMEO;
			struct timeval back = { 0 };
			socklen_t len = sizeof(back);

			say_result(text("set timeout %d to value %d", option, i),
				   setsockopt(fd, SOL_SOCKET, number, &times[i], sizeof(times[i])));
			OK(getsockopt(fd, SOL_SOCKET, number, &back, &len));
			say(text("get timeout %d", option), "%ld.%06ld %u", back.tv_sec,
			    back.tv_usec, len);
		}
	}
	for (int i = 0; i < COUNT(lingers); i++) {
		struct linger back = { 0, 0 };
		socklen_t len = sizeof(back);

		say_result(text("set linger %d", i),
			   setsockopt(fd, SOL_SOCKET, SO_LINGER, &lingers[i], sizeof(lingers[i])));
		OK(getsockopt(fd, SOL_SOCKET, SO_LINGER, &back, &len));
		say("get linger", "%d %d", back.l_onoff, back.l_linger);
	}
	say_result("bind to a device there is",
		   setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 2));
	say_result("bind to one there is not",
		   setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "nonesuch", 8));
}

/* What a fresh socket's options say is what programs build on */
static void levels(void)
{
	static const int all_levels[] = { 0, 1, 2, 6, 17, 41, 58, 132, 136, 255, 270, 284, 1000 };
	int value = 1, fd = sk_new(AF_INET), fd6 = sk_new(AF_INET6);

	for (int i = 0; i < COUNT(all_levels); i++) {
		socklen_t len = sizeof(value);

		say_result(text("set level %d option 1000", all_levels[i]),
			   setsockopt(fd, all_levels[i], 1000, &value, sizeof(value)));
		say_result(text("get level %d option 1000", all_levels[i]),
			   getsockopt(fd, all_levels[i], 1000, &value, &len));
		say_result(text("IPv6: set level %d option 1000", all_levels[i]),
			   setsockopt(fd6, all_levels[i], 1000, &value, sizeof(value)));
		say_result(text("IPv6: get level %d option 1000", all_levels[i]),
			   getsockopt(fd6, all_levels[i], 1000, &value, &len));
	}
}

#define SCENARIO_TCP(name, state)					\
	{ "SOL_TCP, " #name, tcp_##name },
#define SCENARIO_OTHER(name, state)					\
	{ "SOL_SOCKET, " #name, socket_##name },			\
	{ "SOL_IP and SOL_IPV6, " #name, ip_##name },

static const struct scenario scenarios[] = {
	EACH_STATE(SCENARIO_TCP)
	SOME_STATES(SCENARIO_OTHER)
	{ "structures", structures },
	{ "levels", levels },
};

static const struct difference known[] = {
	{ "SOL_SOCKET, *", "?et SO_ZEROCOPY*",
	  "before 6.7 the kernel grants it by TCP's protocol number: LINNET_ZEROCOPY" },
	{ "SOL_SOCKET, *", "?et SO_TXREHASH*",
	  "from 6.12 on the kernel grants it by TCP's protocol number; the sysctl counts" },
	{ "SOL_SOCKET, *", "set option 80*",
	  "SO_DEVMEM_DONTNEED, refused either way, in another order" },
	{ "SOL_TCP, *", "set TCP_MD5SIG*", "no signatures (RFC 2385): ENOPROTOOPT" },
	{ "SOL_TCP, *", "set TCP_AO_*", "no signatures (RFC 5925): ENOPROTOOPT" },
	{ "SOL_TCP, *", "get TCP_AO_*", "no signatures (RFC 5925): ENOPROTOOPT" },
	{ "SOL_TCP, *", "set TCP_REPAIR [-0-9]*", "nobody has the privilege: EPERM" },
	{ "SOL_TCP, *", "get TCP_ZEROCOPY_RECEIVE, room for 256",
	  "not done: EOPNOTSUPP, where TCP looks at more of the argument first" },
	{ "SOL_TCP, peer_closed", "get TCP_QUICKACK*",
	  "a FIN is acknowledged at once; TCP's answer depends on how long it waits" },
	{ "SOL_TCP, was_closed", "get TCP_QUICKACK*",
	  "the same, where our own FIN comes later than the delayed ACK" },
	{ "SOL_IP and SOL_IPV6, *", "?et IPV6_ADDRFORM*",
	  "the kernel turns TCP's and UDP's sockets into IPv4's, no others" },
};

PARITY_MAIN(scenarios, known)
