// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * inet_diag: what a diag client such as ss sees of our sockets, and how it ends
 * them.
 */
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <sched.h>
#include <sys/stat.h>

#include "segment.h"

/* States, as the kernel counts them */
enum {
	ESTABLISHED = 1, SYN_SENT, SYN_RECV, FIN_WAIT1, FIN_WAIT2, TIME_WAIT,
	CLOSED, CLOSE_WAIT, LAST_ACK, LISTEN, CLOSING,
	BOUND_INACTIVE = 13,	/* of no socket: to ask for those only bound */
};

#define ALL	0xfff
#define EVERY_EXTENSION							\
	(1 << (INET_DIAG_MEMINFO - 1) | 1 << (INET_DIAG_INFO - 1) |	\
	 1 << (INET_DIAG_CONG - 1) | 1 << (INET_DIAG_SKMEMINFO - 1))

#define MOST	4096

/* What was told of a socket */
struct seen {
	struct inet_diag_msg		msg;
	struct inet_diag_meminfo	memory;
	uint32_t			skmem[SK_MEMINFO_VARS];
	struct tcp_info			info;
	int				info_len;
	char				congestion[32];
};

static struct seen seen[MOST];
static int n_seen;

static int netlink(void)
{
	return OK(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
}

static void take(void *to, size_t most, const struct rtattr *a)
{
	memcpy(to, RTA_DATA(a), RTA_PAYLOAD(a) < most ? RTA_PAYLOAD(a) : most);
}

static void note_socket(const struct nlmsghdr *h)
{
	struct inet_diag_msg *msg = NLMSG_DATA(h);
	int left = NLMSG_PAYLOAD(h, sizeof(*msg));
	struct seen *s = &seen[n_seen];
	struct rtattr *a = (void *)(msg + 1);

	CHECK(n_seen < MOST);
	memset(s, 0, sizeof(*s));
	s->msg = *msg;
	for (; RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		switch (a->rta_type) {
		case INET_DIAG_MEMINFO:
			take(&s->memory, sizeof(s->memory), a);
			break;
		case INET_DIAG_SKMEMINFO:
			take(s->skmem, sizeof(s->skmem), a);
			break;
		case INET_DIAG_INFO:
			take(&s->info, sizeof(s->info), a);
			s->info_len = RTA_PAYLOAD(a);
			break;
		case INET_DIAG_CONG:
			take(s->congestion, sizeof(s->congestion) - 1, a);
			break;
		}
	}
	n_seen++;
}

/* Answers until the end; 0 or the error that was told */
static int answers(int nl, bool dump)
{
	static char buf[65536];

	for (;;) {
		int len = OK(recv(nl, buf, sizeof(buf), 0));
		struct nlmsghdr *h = (void *)buf;

		for (; NLMSG_OK(h, len); h = NLMSG_NEXT(h, len)) {
			if (h->nlmsg_type == NLMSG_DONE)	/* with an error or 0 */
				return -*(int *)NLMSG_DATA(h);
			if (h->nlmsg_type == NLMSG_ERROR)
				return -((struct nlmsgerr *)NLMSG_DATA(h))->error;
			CHECK_EQ(h->nlmsg_type, SOCK_DIAG_BY_FAMILY);
			note_socket(h);
			if (!dump)
				return 0;
		}
	}
}

static int request(int type, int flags, const struct inet_diag_req_v2 *req,
		   const void *filter, int filter_len)
{
	struct {
		struct nlmsghdr		h;
		struct inet_diag_req_v2	req;
		struct rtattr		attr;
		char			filter[256];
	} m = {
		.h.nlmsg_type = type,
		.h.nlmsg_flags = NLM_F_REQUEST | flags,
		.h.nlmsg_len = NLMSG_LENGTH(sizeof(*req)),
		.req = *req,
	};
	int nl = netlink(), err;

	n_seen = 0;
	if (filter) {
		m.attr.rta_type = INET_DIAG_REQ_BYTECODE;
		m.attr.rta_len = RTA_LENGTH(filter_len);
		memcpy(m.filter, filter, filter_len);
		m.h.nlmsg_len += m.attr.rta_len;
	}
	CHECK_EQ(send(nl, &m, m.h.nlmsg_len, 0), m.h.nlmsg_len);
	err = answers(nl, flags & NLM_F_DUMP);
	close(nl);
	return err;
}

static void dump(int family, int states, int sport)
{
	struct inet_diag_req_v2 req = {
		.sdiag_family = family,
		.sdiag_protocol = proto,
		.idiag_states = states,
		.idiag_ext = EVERY_EXTENSION,
		.id.idiag_sport = htons(sport),
	};

	CHECK_EQ(request(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &req, NULL, 0), 0);
}

/* The one socket in a state at a local port; NULL: there is none */
static struct seen *look(int family, int state, int sport)
{
	dump(family, 1 << state, sport);
	CHECK(n_seen <= 1);
	if (n_seen)
		CHECK_EQ(seen[0].msg.idiag_state, state);
	return n_seen ? &seen[0] : NULL;
}

static struct seen *only(int family, int state, int sport)
{
	struct seen *s = look(family, state, sport);

	if (!s)
		FAIL("no socket in state %d at port %d", state, sport);
	return s;
}

/* One socket by its ends and its cookie */
static int exact(const struct seen *s, int type)
{
	struct inet_diag_req_v2 req = {
		.sdiag_family = s->msg.idiag_family,
		.sdiag_protocol = proto,
		.idiag_states = ALL,
		.idiag_ext = EVERY_EXTENSION,
		.id = s->msg.id,
	};
	bool destroy = type == SOCK_DESTROY;

	return request(type, destroy ? NLM_F_ACK : 0, &req, NULL, 0);
}

static long inode_of(int fd)
{
	struct stat st;

	OK(fstat(fd, &st));
	return st.st_ino;
}

static void listener(void)
{
	int fd = sk_listen("127.0.0.1", 7001, 9), c[3];
	struct seen *s = only(AF_INET, LISTEN, 7001);

	CHECK_EQ(s->msg.idiag_family, AF_INET);
	CHECK_EQ(ntohl(s->msg.id.idiag_src[0]), INADDR_LOOPBACK);
	CHECK_EQ(s->msg.id.idiag_dport, 0);
	CHECK_EQ(s->msg.idiag_rqueue, 0);
	CHECK_EQ(s->msg.idiag_wqueue, 9);
	CHECK_EQ(s->msg.idiag_inode, inode_of(fd));
	CHECK_EQ(s->msg.idiag_timer, 0);
	CHECK_EQ(s->info.tcpi_state, LISTEN);
	for (int i = 0; i < 3; i++)
		c[i] = sk_connected("127.0.0.1", 7001);
	AWAIT(only(AF_INET, LISTEN, 7001)->msg.idiag_rqueue == 3);
	for (int i = 0; i < 3; i++)
		close(c[i]);
	close(fd);
	CHECK(!look(AF_INET, LISTEN, 7001));
}

static void connection(int family)
{
	char name[32];
	socklen_t len = sizeof(name);
	struct seen *s;
	int fd[2];

	sk_pair(family, fd);
	sk_set(fd[0], SOL_SOCKET, SO_RCVBUF, 200000);
	send_pattern(fd[1], 0, 3000, 1);
	AWAIT(sk_inq(fd[0]) == 3000);
	AWAIT(!sk_outq(fd[1]));
	s = only(family, ESTABLISHED, sk_port(fd[0]));
	CHECK_EQ(s->msg.idiag_family, family);
	CHECK_EQ(ntohs(s->msg.id.idiag_dport), sk_port(fd[1]));
	if (family == AF_INET) {
		CHECK_EQ(ntohl(s->msg.id.idiag_src[0]), INADDR_LOOPBACK);
		CHECK_EQ(ntohl(s->msg.id.idiag_dst[0]), INADDR_LOOPBACK);
	} else {
		CHECK_EQ(ntohl(s->msg.id.idiag_src[3]), 1);
		CHECK_EQ(ntohl(s->msg.id.idiag_dst[3]), 1);
	}
	CHECK_EQ(s->msg.idiag_rqueue, 3000);
	CHECK_EQ(s->msg.idiag_wqueue, 0);
	CHECK_EQ(s->msg.idiag_uid, getuid());
	CHECK_EQ(s->msg.idiag_inode, inode_of(fd[0]));
	CHECK(s->memory.idiag_rmem >= 3000);
	CHECK_EQ(s->memory.idiag_rmem, s->skmem[SK_MEMINFO_RMEM_ALLOC]);
	CHECK_EQ(s->skmem[SK_MEMINFO_RCVBUF], 400000);
	CHECK_EQ(s->info.tcpi_state, ESTABLISHED);
	CHECK_EQ(s->info.tcpi_bytes_received, 3000);
	CHECK(s->info.tcpi_snd_cwnd >= 10);
	CHECK(s->info.tcpi_rto >= 200000);
	CHECK(s->info_len >= (int)offsetof(struct tcp_info, tcpi_rcv_ooopack));
	OK(getsockopt(fd[0], SOL_TCP, TCP_CONGESTION, name, &len));
	CHECK(!strcmp(s->congestion, name));
	/* by itself, the same */
	CHECK_EQ(exact(s, SOCK_DIAG_BY_FAMILY), 0);
	CHECK_EQ(n_seen, 1);
	CHECK_EQ(seen[0].msg.idiag_inode, inode_of(fd[0]));
	/* and not with another's cookie */
	seen[0].msg.id.idiag_cookie[0] ^= 1;
	CHECK_EQ(exact(&seen[0], SOCK_DIAG_BY_FAMILY), ENOENT);
	close(fd[0]);
	close(fd[1]);
}

static void connections(void)
{
	connection(AF_INET);
	connection(AF_INET6);
}

/* IPv4 on an IPv6 socket, asked for in both ways */
static void mapped(void)
{
	int l = sk_listen("::", 7002, 9), c = sk_connected("127.0.0.1", 7002);
	int a = OK(accept(l, NULL, NULL));
	struct seen *s;

	CHECK(only(AF_INET6, LISTEN, 7002));
	s = only(AF_INET6, ESTABLISHED, 7002);
	CHECK_EQ(ntohl(s->msg.id.idiag_src[2]), 0xffff);
	CHECK_EQ(exact(s, SOCK_DIAG_BY_FAMILY), 0);
	CHECK_EQ(seen[0].msg.idiag_inode, inode_of(a));
	CHECK(!look(AF_INET, ESTABLISHED, 7002));
	close(c);
	close(a);
	close(l);
}

/* Data that nobody acknowledges: how much, and when it is sent again */
static void timers(void)
{
	struct seen *s;
	int fd[2], port;

	sk_pair(AF_INET, fd);
	port = sk_port(fd[0]);
	command("tc qdisc add dev lo root netem loss 100%%");
	send_pattern(fd[0], 0, 5000, 1);
	AWAIT(only(AF_INET, ESTABLISHED, port)->msg.idiag_retrans >= 2);
	s = &seen[0];
	CHECK_EQ(s->msg.idiag_timer, 1);
	CHECK(s->msg.idiag_expires > 0 && s->msg.idiag_expires <= 120000);
	CHECK_EQ(s->msg.idiag_wqueue, 5000);
	CHECK(s->memory.idiag_wmem >= 5000);
	CHECK(s->info.tcpi_retransmits >= 2 && s->info.tcpi_backoff >= 2);
	command("tc qdisc del dev lo root");
	AWAIT(!only(AF_INET, ESTABLISHED, port)->msg.idiag_wqueue);
	CHECK_EQ(only(AF_INET, ESTABLISHED, port)->msg.idiag_timer, 0);

	/* keepalive */
	sk_set(fd[0], SOL_SOCKET, SO_KEEPALIVE, 1);
	sk_set(fd[0], SOL_TCP, TCP_KEEPIDLE, 100);
	s = only(AF_INET, ESTABLISHED, port);
	CHECK_EQ(s->msg.idiag_timer, 2);
	CHECK(s->msg.idiag_expires > 30000 && s->msg.idiag_expires <= 100500);
	sk_set(fd[0], SOL_SOCKET, SO_KEEPALIVE, 0);

	/* a window that is closed */
	sk_nonblock(fd[0], true);
	while (send(fd[0], seen, 60000, 0) > 0)
		;
	AWAIT(only(AF_INET, ESTABLISHED, port)->msg.idiag_timer == 4 &&
	      seen[0].msg.idiag_retrans > 0);
	CHECK(seen[0].msg.idiag_wqueue > 0);
	close(fd[1]);
	close(fd[0]);
}

static void timewait(void)
{
	struct seen *s;
	int fd[2], port;

	sk_pair(AF_INET6, fd);
	port = sk_port(fd[0]);
	close(fd[0]);
	check_eof(fd[1]);
	close(fd[1]);
	AWAIT(look(AF_INET6, TIME_WAIT, port));
	s = &seen[0];
	CHECK_EQ(s->msg.idiag_timer, 3);
	CHECK(s->msg.idiag_expires > 0 && s->msg.idiag_expires <= 60500);
	CHECK_EQ(s->msg.idiag_inode, 0);
	CHECK_EQ(ntohl(s->msg.id.idiag_src[3]), 1);
	CHECK_EQ(exact(s, SOCK_DIAG_BY_FAMILY), 0);
	CHECK_EQ(seen[0].msg.idiag_state, TIME_WAIT);
	CHECK_EQ(exact(&seen[0], SOCK_DESTROY), 0);
	CHECK(!look(AF_INET6, TIME_WAIT, port));
}

/* Who has sent a SYN and no ACK */
static void handshake(void)
{
	int tun = tun_open(), l;
	struct segment s;
	struct seen *r;

	l = sk_listen(here(AF_INET), 7003, 100);
	for (int i = 0; i < 50; i++) {
		segment_init(&s, AF_INET, 5000 + i, 7003, SYN);
		segment_send(tun, &s);
		segment_expect(tun, &s, 5000 + i, SYN | ACK);
	}
	dump(AF_INET, 1 << SYN_RECV | 1 << LISTEN, 7003);
	CHECK_EQ(n_seen, 51);
	dump(AF_INET, 1 << SYN_RECV, 7003);
	CHECK_EQ(n_seen, 50);
	for (int i = 0; i < n_seen; i++) {
		r = &seen[i];
		CHECK_EQ(r->msg.idiag_state, SYN_RECV);
		CHECK_EQ(r->msg.idiag_timer, 1);
		CHECK(r->msg.idiag_expires <= 120000);
		for (int j = 0; j < i; j++)
			CHECK(r->msg.id.idiag_dport !=
			      seen[j].msg.id.idiag_dport);
	}
	/* its cookie stays, and it can be ended alone */
	r = &seen[7];
	CHECK_EQ(exact(r, SOCK_DIAG_BY_FAMILY), 0);
	CHECK_EQ(seen[0].msg.idiag_state, SYN_RECV);
	CHECK_EQ(exact(&seen[0], SOCK_DESTROY), 0);
	CHECK_EQ(exact(&seen[0], SOCK_DESTROY), ENOENT);
	dump(AF_INET, 1 << SYN_RECV, 7003);
	CHECK_EQ(n_seen, 49);
	CHECK(only(AF_INET, LISTEN, 7003));
	close(l);
	if (proto == PROTO_TCP)	/* has its requests to the end of their time */
		return;
	dump(AF_INET, ALL, 7003);
	CHECK_EQ(n_seen, 0);
}

/* States, ports and families that were not asked for are left out */
static void filters(void)
{
	struct {
		struct inet_diag_bc_op	op[4];
	} code = { {
		/* source port at least 7011 and at most 7013 */
		{ INET_DIAG_BC_S_GE, 8, 20 }, { 0, 0, 7011 },
		{ INET_DIAG_BC_S_LE, 8, 12 }, { 0, 0, 7013 },
	} };
	struct inet_diag_req_v2 req = {
		.sdiag_family = AF_INET,
		.sdiag_protocol = proto,
		.idiag_states = ALL,
	};
	int fd[6], six = sk_listen("::1", 7012, 1);

	for (int i = 0; i < 6; i++)
		fd[i] = sk_listen("127.0.0.1", 7010 + i, 1);
	dump(AF_INET, ALL, 0);
	CHECK_EQ(n_seen, 6);
	dump(AF_INET6, ALL, 0);
	CHECK_EQ(n_seen, 1);
	dump(AF_INET, ALL & ~(1 << LISTEN), 0);
	CHECK_EQ(n_seen, 0);
	dump(AF_INET, ALL, 7014);
	CHECK_EQ(n_seen, 1);
	CHECK_EQ(request(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &req, &code,
			 sizeof(code)), 0);
	CHECK_EQ(n_seen, 3);
	for (int i = 0; i < n_seen; i++)
		CHECK(ntohs(seen[i].msg.id.idiag_sport) >= 7011 &&
		      ntohs(seen[i].msg.id.idiag_sport) <= 7013);
	for (int i = 0; i < 6; i++)
		close(fd[i]);
	close(six);
}

static int count(int family, int states)
{
	dump(family, states, 0);
	return n_seen;
}

/* Bound and no more: there is a state of its own to ask for, from Linux 6.8 on */
static void only_bound(void)
{
	enum { BOUND = 300 };
	int fd[BOUND], six, l, c, other, ns;
	bool has = kernel_from(6, 8);
	static bool found[65536];

	for (int i = 0; i < BOUND; i++) {
		fd[i] = sk_new(AF_INET);
		OK(sk_bind(fd[i], "127.0.0.1", 7100 + i));
	}
	six = sk_new(AF_INET6);
	OK(sk_bind(six, "::1", 7100));
	l = sk_listen("127.0.0.1", 7099, 1);
	c = sk_connected("127.0.0.1", 7099);
	sk_new(AF_INET);
	/* not asked for: not told */
	CHECK_EQ(count(AF_INET, ALL & ~(1 << LISTEN | 1 << ESTABLISHED)), 0);
	CHECK_EQ(count(AF_INET, 1 << BOUND_INACTIVE), has ? BOUND : 0);
	for (int i = 0; i < n_seen; i++) {
		int port = ntohs(seen[i].msg.id.idiag_sport);

		CHECK(port >= 7100 && port < 7100 + BOUND && !found[port]);
		found[port] = true;
		CHECK_EQ(seen[i].msg.idiag_inode, inode_of(fd[port - 7100]));
		CHECK_EQ(seen[i].msg.idiag_state, CLOSED);
		CHECK_EQ(seen[i].msg.id.idiag_dport, 0);
		CHECK_EQ(seen[i].msg.idiag_timer, 0);
		CHECK_EQ(ntohl(seen[i].msg.id.idiag_src[0]), INADDR_LOOPBACK);
	}
	CHECK_EQ(count(AF_INET6, 1 << BOUND_INACTIVE), has);
	/* with all others: a listener and both ends of a connection */
	CHECK_EQ(count(AF_INET, ALL | 1 << BOUND_INACTIVE),
		 3 + (has ? BOUND : 0));
	ns = ns_current();
	other = ns_new();
	ns_enter(other);
	CHECK_EQ(count(AF_INET, ALL | 1 << BOUND_INACTIVE), 0);
	ns_enter(ns);
	for (int i = 0; i < BOUND; i++)
		close(fd[i]);
	CHECK_EQ(count(AF_INET, 1 << BOUND_INACTIVE), 0);
	close(c);
	close(l);
	close(six);
}

/* More than a message holds: each once, and none of another namespace */
static void many(void)
{
	enum { CONNECTIONS = 400 };
	static int c[CONNECTIONS], a[CONNECTIONS];
	static bool found[65536];
	int l = sk_listen("127.0.0.1", 7020, 100), ns = ns_current(), other;

	for (int i = 0; i < CONNECTIONS; i++) {
		c[i] = sk_connected("127.0.0.1", 7020);
		a[i] = OK(accept(l, NULL, NULL));
	}
	dump(AF_INET, ALL, 7020);
	CHECK_EQ(n_seen, CONNECTIONS + 1);
	for (int i = 0; i < n_seen; i++) {
		int port = ntohs(seen[i].msg.id.idiag_dport);

		CHECK(!found[port]);
		found[port] = true;
	}
	other = ns_new();
	ns_enter(other);
	dump(AF_INET, ALL, 0);
	CHECK_EQ(n_seen, 0);
	ns_enter(ns);
	for (int i = 0; i < CONNECTIONS; i++) {
		close(c[i]);
		close(a[i]);
	}
	close(l);
}

static void destroy(void)
{
	int fd[2], l = sk_listen("127.0.0.1", 7030, 5), waiting;
	struct seen s;

	sk_pair(AF_INET, fd);
	s = *only(AF_INET, ESTABLISHED, sk_port(fd[0]));
	CHECK_EQ(exact(&s, SOCK_DESTROY), 0);
	CHECK_EQ(sk_error(fd[0]), ECONNABORTED);
	AWAIT(sk_error(fd[1]) == ECONNRESET);
	CHECK_EQ(exact(&s, SOCK_DESTROY), ENOENT);
	close(fd[0]);
	close(fd[1]);

	/* who waits to be accepted goes with the listener */
	waiting = sk_connected("127.0.0.1", 7030);
	s = *only(AF_INET, LISTEN, 7030);
	CHECK_EQ(exact(&s, SOCK_DESTROY), 0);
	CHECK_ERR(accept(l, NULL, NULL), EINVAL);
	AWAIT(sk_error(waiting) == ECONNRESET);
	close(waiting);
	close(l);

	/* an orphan whose peer is silent */
	sk_pair(AF_INET, fd);
	command("tc qdisc add dev lo root netem loss 100%%");
	send_pattern(fd[0], 0, 1000, 1);
	s = *only(AF_INET, ESTABLISHED, sk_port(fd[0]));
	close(fd[0]);
	if (proto == PROTO_TCP) {	/* 6.1 leaves it be */
		command("tc qdisc del dev lo root");
		close(fd[1]);
		return;
	}
	CHECK_EQ(exact(&s, SOCK_DESTROY), 0);
	CHECK(!look(AF_INET, FIN_WAIT1, ntohs(s.msg.id.idiag_sport)));
	command("tc qdisc del dev lo root");
	close(fd[1]);
}

static void privilege(void)
{
	struct seen s;
	int fd[2];

	sk_pair(AF_INET, fd);
	OK(setresuid(1000, 1000, 1000));
	s = *only(AF_INET, ESTABLISHED, sk_port(fd[0]));
	CHECK_EQ(s.msg.idiag_uid, 0);
	CHECK_EQ(exact(&s, SOCK_DESTROY), EPERM);
	CHECK_EQ(sk_error(fd[0]), 0);
	CHECK(only(AF_INET, ESTABLISHED, sk_port(fd[0])));
}

static const struct test tests[] = {
	{ "a listener", listener },
	{ "connections: ends, queues, memory, congestion control", connections },
	{ "IPv4 on an IPv6 socket", mapped },
	{ "timers", timers },
	{ "TIME-WAIT", timewait },
	{ "SYN-RECEIVED", handshake },
	{ "what was not asked for", filters },
	{ "bound and no more", only_bound },
	{ "400 connections, and another namespace", many },
	{ "sockets ended", destroy },
	{ "only by who may", privilege },
};

TEST_MAIN(tests)
