// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How an input begins: a connection is brought into a state by a peer that for
 * once behaves.
 */
#include <net/sock.h>
#include <net/tcp.h>

#include "linnet.h"
#include "fastopen.h"
#include "fuzz.h"

#define LISTEN_PORT	5000
#define CONNECT_PORT	41000
#define PEER_PORT	6000
#define PATIENCE	400	/* ACKs, until all is acknowledged */

static const int state_of[STATES] = {
	[STATE_LISTEN]		= TCP_CLOSE,
	[STATE_SYN_QUEUE]	= TCP_NEW_SYN_RECV,
	[STATE_SYN_SENT]	= TCP_SYN_SENT,
	[STATE_SYN_RECEIVED]	= TCP_SYN_RECV,
	[STATE_FASTOPEN]	= TCP_SYN_RECV,
	[STATE_ESTABLISHED]	= TCP_ESTABLISHED,
	[STATE_FIN_WAIT_1]	= TCP_FIN_WAIT1,
	[STATE_FIN_WAIT_2]	= TCP_FIN_WAIT2,
	[STATE_CLOSING]		= TCP_CLOSING,
	[STATE_CLOSE_WAIT]	= TCP_CLOSE_WAIT,
	[STATE_LAST_ACK]	= TCP_LAST_ACK,
	[STATE_TIME_WAIT]	= TCP_TIME_WAIT,
};

/* --- the peer's good segments --- */

static void send_syn(u8 flags, u32 len)
{
	struct sent s = {
		.flags	= LINNET_SYN | flags,
		.seq	= peer.isn,
		.ack	= flags & LINNET_ACK ? peer.heard_end : 0,
		.window	= 65535,
		.len	= len,
		.opt	= {
			.mss		= peer.mss,
			.sack_permitted	= peer.options & HAS_SACK,
			.wscale_ok	= peer.options & HAS_SCALE,
			.wscale		= peer.scale,
		},
	};

	if (peer.options & HAS_ECN)
		s.flags |= LINNET_ECE |
			   (flags & LINNET_ACK ? 0 : LINNET_CWR);
	peer_timestamp(&s);
	peer_send(&s);
}

static void send_ack(u8 flags, bool of_all)
{
	struct sent s = { .flags = LINNET_ACK | flags, .window = 65535 };
	struct view v;

	view_get(&v);
	s.seq = v.rcv_nxt;
	s.ack = of_all ? v.nxt : v.una;
	view_put(&v);
	peer_timestamp(&s);
	peer_send(&s);
}

static bool all_acknowledged(void)
{
	struct view v;
	bool all;

	view_get(&v);
	all = !v.sk || v.una == tcp_sk(v.sk)->write_seq;
	view_put(&v);
	return all;
}

static void acknowledge_all(void)
{
	unsigned int n;

	for (n = 0; n < PATIENCE && !all_acknowledged(); n++) {
		send_ack(0, true);
		clock_pass(20 * NS_PER_MS);
	}
}

/* --- the ways into a connection --- */

static void open_passive(u32 data)
{
	program_listen();
	send_syn(0, data);
}

static void open_active(void)
{
	SIM_MUST(!program_connect(), "connect() fails");
}

static void establish(bool active)
{
	if (active) {
		open_active();
		send_syn(LINNET_ACK, 0);
	} else {
		open_passive(0);
		send_ack(0, true);
		program_call(CALL_ACCEPT, 0, 0);
	}
	clock_pass(NS_PER_MS);
}

static void close_side(const u8 *record)
{
	program_call(record[START_WAY] & WAY_ORPHAN ? CALL_CLOSE :
						      CALL_SHUTDOWN, 0, 0);
}

static void go_on(const u8 *record, enum start_state state)
{
	establish(record[START_WAY] & WAY_ACTIVE);
	program_call(CALL_SEND, record[START_QUEUED], 0);
	switch (state) {
	case STATE_FIN_WAIT_1:
		close_side(record);
		break;
	case STATE_FIN_WAIT_2:
	case STATE_TIME_WAIT:
		close_side(record);
		acknowledge_all();
		if (state == STATE_TIME_WAIT)
			send_ack(LINNET_FIN, true);
		break;
	case STATE_CLOSING:
		close_side(record);
		send_ack(LINNET_FIN, false);
		break;
	case STATE_CLOSE_WAIT:
	case STATE_LAST_ACK:
		send_ack(LINNET_FIN, false);
		if (state == STATE_LAST_ACK)
			close_side(record);
		break;
	default:
		break;
	}
}

/* --- what surrounds it --- */

static const struct tcp_congestion_ops *const algorithms[] = {
	&linnet_reno, &sim_by_time, &sim_paced, &sim_by_marks,
};

static void sysctls(const u8 *record)
{
	struct linnet_net *ln = linnet_pernet(ours->net);
	u8 off = record[START_OFF], on = record[START_SYSCTL];

	ln->recovery = !(off & OFF_RACK);
	ln->early_retrans = off & OFF_TLP ? 0 : 3;
	ln->frto = off & OFF_FRTO ? 0 : 2;
	ln->gso = !(off & OFF_GSO);
	ln->ecn = record[START_OPTIONS] & HAS_ECN ? 1 : 2;
	ln->mtu_probing = on & SYSCTL_PROBING ? 2 : 1;
	ln->syncookies = on & SYSCTL_COOKIES ? 2 : 1;
	ln->rfc1337 = !!(on & SYSCTL_1337);
	ln->abort_on_overflow = !!(on & SYSCTL_ABORT);
	ln->shrink_window = !!(on & SYSCTL_SHRINK);
	ln->fastopen = LINNET_FASTOPEN_CLIENT;
	if (record[START_WAY] & WAY_FASTOPEN)
		ln->fastopen |= LINNET_FASTOPEN_CLIENT_NO_COOKIE;
	if (record[START_STATE] % STATES == STATE_FASTOPEN)
		ln->fastopen |= LINNET_FASTOPEN_SERVER |
				LINNET_FASTOPEN_SERVER_NO_COOKIE |
				LINNET_FASTOPEN_ALL_LISTENERS;
	RCU_INIT_POINTER(ln->congestion_control,
			 algorithms[record[START_CONGESTION] %
				    ARRAY_SIZE(algorithms)]);
	ln->rmem[1] = record[START_WAY] & WAY_SMALL ? 4096 : 131072;
	ln->rmem[2] = record[START_WAY] & WAY_SMALL ? 16384 : 6291456;
}

/* Our numbers follow the clock: it goes on until they are what is asked for */
static void our_isn(enum start_isn isn)
{
	struct linnet_flow flow;
	u32 wanted, offset;

	if (isn == ISN_PLAIN)
		return;
	our_flow(&flow);
	wanted = (isn == ISN_WRAPS ? 0 : 0x80000000) - 20000;
	clock_set(clock_now + ((u64)(wanted - linnet_isn(&flow, &offset)) << 6));
}

static u32 their_isn(enum start_isn isn)
{
	switch (isn) {
	case ISN_WRAPS:
		return -3000;
	case ISN_HALF:
		return 0x80000000 - 3000;
	default:
		return 1000000;
	}
}

/**
 * start() - a connection comes into its state
 * @record: the first record of the input
 *
 * Return: whether it has: not every combination leads there.
 */
bool start(const u8 *record)
{
	static const u16 sizes[] = { 1460, 536, 100, 8960, 1, 0 };
	enum start_state state = record[START_STATE] % STATES;
	bool active = record[START_WAY] & WAY_ACTIVE ||
		      state == STATE_SYN_SENT || state == STATE_SYN_RECEIVED;
	struct view v;
	bool reached;

	sysctls(record);
	ours->fragments = !(record[START_WAY] & WAY_LINEAR);
	ours->checksums = !(record[START_OFF] & OFF_CHECKSUMS);
	host_ready(ours);
	if (state == STATE_FASTOPEN || state == STATE_LISTEN ||
	    state == STATE_SYN_QUEUE)
		active = false;
	peer.port = PEER_PORT;
	peer.our_port = active ? CONNECT_PORT : LISTEN_PORT;
	peer.isn = their_isn(record[START_PEER_ISN] % ISNS);
	peer.options = record[START_OPTIONS];
	peer.family = record[START_FAMILY] % FAMILIES;
	peer.mss = sizes[record[START_PEER_MSS] % ARRAY_SIZE(sizes)];
	peer.scale = record[START_PEER_SCALE] & 15;
	our_isn(record[START_OUR_ISN] % ISNS);

	switch (state) {
	case STATE_LISTEN:
		program_listen();
		break;
	case STATE_SYN_QUEUE:
		open_passive(0);
		break;
	case STATE_FASTOPEN:
		open_passive(100);
		program_call(CALL_ACCEPT, 0, 0);
		program_call(CALL_SEND, record[START_QUEUED], 0);
		break;
	case STATE_SYN_SENT:
		if (record[START_WAY] & WAY_FASTOPEN)
			program_call(CALL_FASTOPEN, record[START_QUEUED], 0);
		else
			open_active();
		break;
	case STATE_SYN_RECEIVED:
		open_active();
		send_syn(0, 0);
		break;
	default:
		go_on(record, state);
	}
	/* what it cuts its data into from now on */
	peer.mss = max(peer.mss, 1U);
	view_get(&v);
	reached = v.state == state_of[state];
	view_put(&v);
	return reached;
}
