// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What is simulated: a table of scenarios, each run with many seeds. The seed
 * draws all that the scenario leaves open, so that NAME and SEED say exactly
 * what happened.
 */
#include <linux/linnet.h>

#include "linnet.h"
#include "fastopen.h"
#include "sim.h"

#define KB		1024ULL
#define MB		(1024 * KB)
#define PERCENT		10000		/* of a million */
#define PATIENCE	(30 * 60 * NS_PER_S)

u64 scenario_seed;
const char *scenario_name;
bool keepalives;
static struct sim_random dice;
static bool aborts;

/* Traits of a scenario */
#define NO_SACK		BIT_ULL(0)
#define NO_TS		BIT_ULL(1)
#define NO_WSCALE	BIT_ULL(2)
#define SMALL_WINDOW	BIT_ULL(3)	/* receive buffers of a few segments */
#define LARGE_WINDOW	BIT_ULL(4)	/* long fat network */
#define BOTH_WAYS	BIT_ULL(5)
#define ANSWERS		BIT_ULL(6)	/* request and response */
#define SLOW_READER	BIT_ULL(7)
#define ZERO_WINDOW	BIT_ULL(8)
#define CORKS		BIT_ULL(9)
#define CROSSING	BIT_ULL(10)	/* simultaneous open */
#define HALF_CLOSE	BIT_ULL(11)	/* one ends long before the other */
#define ABORTS		BIT_ULL(12)
#define LOSSY		BIT_ULL(13)
#define BURSTS		BIT_ULL(14)
#define NTH		BIT_ULL(15)
#define REORDERS	BIT_ULL(16)
#define DUPLICATES	BIT_ULL(17)
#define CORRUPTS	BIT_ULL(18)
#define ACK_LOSS	BIT_ULL(19)
#define BOTTLENECK	BIT_ULL(20)	/* a rate, and a queue that overflows */
#define NO_MEMORY	BIT_ULL(21)	/* allocations fail */
#define SMALL_MTU	BIT_ULL(22)	/* the path takes less, and says so */
#define WHOLE		BIT_ULL(23)	/* super-segments cross whole */
#define NO_OFFLOAD	BIT_ULL(24)
#define MANY		BIT_ULL(25)	/* connections at once */
#define HOLDS		BIT_ULL(26)	/* programs keep the socket locked */
#define TIGHT_MEMORY	BIT_ULL(27)	/* memory pressure */
#define IPV6		BIT_ULL(28)
#define MAPPED		BIT_ULL(29)	/* an IPv6 listener, IPv4 clients */
#define ECN		BIT_ULL(30)	/* both ask for it, the network marks */
#define ECN_HATED	BIT_ULL(31)	/* bleached, or dropped, on the way */
#define BLACK_HOLE	BIT_ULL(32)	/* what is too large vanishes */
#define PROBING		BIT_ULL(33)	/* mtu_probing 2 */
#define FAST_OPEN	BIT_ULL(34)
#define COOKIES		BIT_ULL(35)	/* syncookies 2 */
#define BY_TIME		BIT_ULL(36)	/* congestion controls: as CUBIC, */
#define PACED		BIT_ULL(37)	/* as BBR, */
#define BY_MARKS	BIT_ULL(38)	/* and as DCTCP */
#define COLLAPSES	BIT_ULL(39)	/* retrans_collapse, small segments */
#define CHAOS		BIT_ULL(63)	/* any of the above, by dice */
#define CHAOTIC		40		/* so many of them */

struct scenario {
	const char	*name;
	u64		traits;
};

static const struct scenario scenarios[] = {
	{ "clean", 0 },
	{ "clean-large", LARGE_WINDOW },
	{ "clean-whole", WHOLE },
	{ "clean-no-offload", NO_OFFLOAD },
	{ "clean-both", BOTH_WAYS },
	{ "clean-answers", ANSWERS },
	{ "clean-many", MANY | BOTH_WAYS },
	{ "clean-holds", HOLDS | BOTH_WAYS },
	{ "no-options", NO_SACK | NO_TS | NO_WSCALE },
	{ "no-sack", NO_SACK },
	{ "no-timestamps", NO_TS },
	{ "no-scale", NO_WSCALE },
	{ "small-window", SMALL_WINDOW },
	{ "slow-reader", SLOW_READER },
	{ "zero-window", ZERO_WINDOW },
	{ "zero-window-lossy", ZERO_WINDOW | LOSSY },
	{ "zero-window-ack-loss", ZERO_WINDOW | ACK_LOSS },
	{ "cork", CORKS },
	{ "cork-lossy", CORKS | LOSSY },
	{ "crossing", CROSSING },
	{ "crossing-lossy", CROSSING | LOSSY | BOTH_WAYS },
	{ "half-close", HALF_CLOSE | BOTH_WAYS },
	{ "half-close-lossy", HALF_CLOSE | BOTH_WAYS | LOSSY },
	{ "abort", ABORTS | BOTH_WAYS },
	{ "abort-lossy", ABORTS | BOTH_WAYS | LOSSY },
	{ "lossy", LOSSY },
	{ "lossy-large", LOSSY | LARGE_WINDOW },
	{ "lossy-whole", LOSSY | WHOLE },
	{ "lossy-no-timestamps", LOSSY | NO_TS },
	{ "lossy-small-window", LOSSY | SMALL_WINDOW },
	{ "lossy-both", LOSSY | BOTH_WAYS },
	{ "lossy-answers", LOSSY | ANSWERS },
	{ "lossy-slow-reader", LOSSY | SLOW_READER },
	{ "lossy-holds", LOSSY | HOLDS | BOTH_WAYS },
	{ "bursts", BURSTS },
	{ "bursts-both", BURSTS | BOTH_WAYS },
	{ "nth", NTH },
	{ "ack-loss", ACK_LOSS },
	{ "reorder", REORDERS },
	{ "reorder-lossy", REORDERS | LOSSY },
	{ "reorder-no-timestamps", REORDERS | NO_TS | LOSSY },
	{ "duplicate", DUPLICATES },
	{ "duplicate-lossy", DUPLICATES | LOSSY | REORDERS | BOTH_WAYS },
	{ "duplicate-no-timestamps", DUPLICATES | REORDERS | NO_TS },
	{ "corrupt", CORRUPTS },
	{ "corrupt-both", CORRUPTS | LOSSY | BOTH_WAYS },
	{ "bottleneck", BOTTLENECK },
	{ "bottleneck-large", BOTTLENECK | LARGE_WINDOW },
	{ "bottleneck-many", BOTTLENECK | MANY | BOTH_WAYS },
	{ "small-mtu", SMALL_MTU },
	{ "small-mtu-lossy", SMALL_MTU | LOSSY | BOTH_WAYS },
	{ "no-memory", NO_MEMORY | BOTH_WAYS },
	{ "no-memory-lossy", NO_MEMORY | LOSSY },
	{ "tight-memory", TIGHT_MEMORY | BOTH_WAYS | MANY },
	{ "tight-memory-lossy", TIGHT_MEMORY | LOSSY | MANY },
	{ "lossy-no-sack", LOSSY | NO_SACK },
	{ "lossy-no-options", LOSSY | NO_SACK | NO_TS | NO_WSCALE },
	{ "bursts-no-sack", BURSTS | NO_SACK },
	{ "nth-no-sack", NTH | NO_SACK | BOTH_WAYS },
	{ "ack-loss-no-sack", ACK_LOSS | NO_SACK | BOTH_WAYS },
	{ "reorder-no-sack", REORDERS | NO_SACK },
	{ "bottleneck-no-sack", BOTTLENECK | NO_SACK },
	{ "ipv6", IPV6 | BOTH_WAYS },
	{ "ipv6-large", IPV6 | LARGE_WINDOW },
	{ "ipv6-whole", IPV6 | WHOLE },
	{ "ipv6-lossy", IPV6 | LOSSY | BOTH_WAYS },
	{ "ipv6-corrupt", IPV6 | CORRUPTS | REORDERS | DUPLICATES },
	{ "ipv6-crossing-lossy", IPV6 | CROSSING | LOSSY | BOTH_WAYS },
	{ "ipv6-small-mtu", IPV6 | SMALL_MTU | LOSSY | BOTH_WAYS },
	{ "ipv6-black-hole", IPV6 | BLACK_HOLE },
	{ "ipv6-ecn", IPV6 | ECN | BOTH_WAYS },
	{ "ipv6-fast-open", IPV6 | FAST_OPEN | MANY | LOSSY | BOTH_WAYS },
	{ "ipv6-cookies", IPV6 | COOKIES | MANY | ACK_LOSS | BOTH_WAYS },
	{ "mapped", MAPPED | BOTH_WAYS },
	{ "mapped-lossy", MAPPED | LOSSY | BOTH_WAYS },
	{ "ecn", ECN },
	{ "ecn-both", ECN | BOTH_WAYS },
	{ "ecn-answers", ECN | ANSWERS },
	{ "ecn-no-options", ECN | NO_SACK | NO_TS | NO_WSCALE | BOTH_WAYS },
	{ "ecn-holds", ECN | HOLDS | BOTH_WAYS },
	{ "ecn-whole", ECN | WHOLE },
	{ "ecn-bottleneck", ECN | BOTTLENECK | MANY },
	{ "ecn-lossy", ECN | LOSSY | BOTH_WAYS },
	{ "ecn-reorder", ECN | REORDERS | DUPLICATES | LOSSY | BOTH_WAYS },
	{ "ecn-hated", ECN | ECN_HATED | BOTH_WAYS },
	{ "ecn-hated-lossy", ECN | ECN_HATED | LOSSY },
	{ "black-hole", BLACK_HOLE },
	{ "black-hole-both", BLACK_HOLE | BOTH_WAYS },
	{ "black-hole-no-options", BLACK_HOLE | NO_SACK | NO_TS },
	{ "black-hole-lossy", BLACK_HOLE | LOSSY },
	{ "probing", PROBING },
	{ "probing-lossy", PROBING | LOSSY | BOTH_WAYS },
	{ "probing-black-hole", PROBING | BLACK_HOLE | BOTH_WAYS },
	{ "probing-small-mtu", PROBING | SMALL_MTU },
	{ "fast-open", FAST_OPEN | MANY },
	{ "fast-open-both", FAST_OPEN | MANY | BOTH_WAYS },
	{ "fast-open-lossy", FAST_OPEN | MANY | LOSSY | BOTH_WAYS },
	{ "fast-open-answers", FAST_OPEN | MANY | ANSWERS },
	{ "fast-open-corrupt", FAST_OPEN | MANY | CORRUPTS | BOTH_WAYS },
	{ "fast-open-cookies", FAST_OPEN | COOKIES | MANY | BOTH_WAYS },
	{ "fast-open-memory", FAST_OPEN | NO_MEMORY | MANY | BOTH_WAYS },
	{ "cookies", COOKIES | MANY | BOTH_WAYS },
	{ "cookies-ack-loss", COOKIES | ACK_LOSS | MANY | BOTH_WAYS },
	{ "cookies-no-timestamps", COOKIES | NO_TS | ACK_LOSS | BOTH_WAYS },
	{ "cookies-ecn", COOKIES | ECN | DUPLICATES | BOTH_WAYS },
	{ "by-time", BY_TIME | BOTTLENECK },
	{ "by-time-lossy", BY_TIME | LOSSY | LARGE_WINDOW },
	{ "paced", PACED | BOTTLENECK },
	{ "paced-lossy", PACED | LOSSY | BOTH_WAYS },
	{ "paced-no-sack", PACED | LOSSY | NO_SACK },
	{ "by-marks", BY_MARKS | ECN | BOTTLENECK },
	{ "by-marks-lossy", BY_MARKS | ECN | LOSSY | BOTH_WAYS },
	{ "collapses", COLLAPSES | LOSSY },
	{ "collapses-no-sack", COLLAPSES | NTH | NO_SACK | BOTH_WAYS },
	{ "chaos", CHAOS },
};

static u32 die(u32 low, u32 high)
{
	return low + random_below(&dice, high - low + 1);
}

static bool coin(void)
{
	return random_below(&dice, 2);
}

/* Evenly on a logarithmic scale, up to twice the highest */
static u64 about(u64 low, u64 high)
{
	u32 doublings = 0;

	while (low << doublings < high)
		doublings++;
	low <<= random_below(&dice, doublings + 1);
	return low + random_u64(&dice) % low;
}

/* --- the network --- */

static void wire_for(struct wire *w, u64 t)
{
	w->delay = about(20 * NS_PER_US, 50 * NS_PER_MS);
	w->rate = about(10000000, 10000000000ULL);
	/* a queue that overflows loses, which a cookie does not bear */
	w->queue = t & COOKIES ? 0 : MB;
	if (t & LARGE_WINDOW) {
		w->delay = die(20, 100) * NS_PER_MS;
		w->rate = 10000000000ULL;
		w->queue = 64 * MB;
	}
	if (t & BOTTLENECK) {
		w->rate = about(1000000, 100000000);
		w->queue = about(5 * KB, 200 * KB);
	}
	if (t & LOSSY)
		w->loss = about(PERCENT / 10, 5 * PERCENT);
	if (t & BURSTS) {
		w->burst = about(PERCENT / 50, PERCENT);
		w->burst_for = about(NS_PER_MS, 300 * NS_PER_MS);
	}
	if (t & NTH)
		w->nth = die(2, 200);
	if (t & ACK_LOSS)
		w->ack_loss = die(5, t & COOKIES ? 20 : 40) * PERCENT;
	if (t & REORDERS) {
		w->reorders = true;
		w->jitter = about(10 * NS_PER_US, w->delay + NS_PER_MS);
		w->late = about(PERCENT / 10, 10 * PERCENT);
		w->late_by = about(NS_PER_MS, 300 * NS_PER_MS);
	}
	if (t & DUPLICATES)
		w->duplicate = about(PERCENT / 10, 20 * PERCENT);
	if (t & CORRUPTS)
		w->corrupt = about(PERCENT / 10, 5 * PERCENT);
	if (t & (SMALL_MTU | BLACK_HOLE)) {
		w->mtu = die(t & IPV6 ? 1280 : t & BLACK_HOLE ? 1100 : 576,
			     1400);
		w->icmp = t & SMALL_MTU;
	}
	if (t & ECN && coin())
		w->mark = about(PERCENT / 10, 20 * PERCENT);
	else if (t & ECN)
		w->mark_above = about(KB, 64 * KB);
}

/* A path that strips, drops, or does not let in what is ECT (RFC 3168, 6.1.1.1,
 * RFC 8311, 4.3)
 */
static void hate_ecn(void)
{
	u32 how = die(0, 2);
	int i;

	for (i = 0; i < HOSTS; i++) {
		wires[i].bleaches = how == 0;
		wires[i].drops_ect = how == 1;
		wires[i].refuses_ecn = how == 2;
	}
}

/* --- the programs --- */

/* Nothing is lost on the way, nor dropped at a buffer that is full */
static bool lossless(u64 t)
{
	return !(t & ~(ECN | IPV6 | MAPPED | BOTH_WAYS | ANSWERS | HOLDS |
		       NO_SACK | NO_TS | NO_WSCALE | WHOLE));
}

static u64 stream_length(u64 t)
{
	if (t & (SMALL_WINDOW | SLOW_READER | ZERO_WINDOW | CORKS | NTH))
		return about(1, 128 * KB);
	if (t & (LOSSY | BURSTS | ACK_LOSS | REORDERS | DUPLICATES | CORRUPTS |
		 BOTTLENECK | NO_MEMORY))
		return about(1, MB);
	return about(1, 4 * MB);
}

/* Octet by octet is slow, and nothing new after some thousand */
static void few_writes(struct behaviour *b)
{
	if (b->to_send / b->write_max > 5000)
		b->write_max = b->to_send / 5000 + 1;
}

static void behaviour_for(struct behaviour *b, u64 t)
{
	memset(b, 0, sizeof(*b));
	b->write_max = about(1, 256 * KB);
	b->read_max = about(512, 64 * KB);
	b->nodelay = coin();
	b->closing = CLOSE_SHUTDOWN;
	b->to_send = stream_length(t);
	few_writes(b);
	if (t & SMALL_WINDOW) {
		b->rcvbuf = about(2 * KB, 32 * KB);
		if (coin())
			b->sndbuf = about(2 * KB, 32 * KB);
	} else if (coin() && coin() && !(t & ECN && lossless(t))) {
		b->rcvbuf = about(4 * KB, MB);
		b->sndbuf = about(4 * KB, MB);
	}
	if (t & SLOW_READER) {
		b->read_max = about(100, 16 * KB);
		b->read_pause = about(NS_PER_US, 20 * NS_PER_MS);
	}
	if (t & ZERO_WINDOW) {
		b->stop_at = random_u64(&dice) % (b->to_send + 1);
		b->stop_for = about(NS_PER_MS, 200 * NS_PER_S);
		b->rcvbuf = about(2 * KB, 64 * KB);
	}
	if (t & CORKS) {
		b->cork = about(PERCENT, 50 * PERCENT);
		b->more = about(PERCENT, 50 * PERCENT);
		b->write_max = about(1, 3000);
		b->write_pause = coin() ? about(NS_PER_US, 10 * NS_PER_MS) : 0;
		b->nodelay = false;
	}
	if (t & COLLAPSES) {
		b->write_max = about(1, 400);
		b->to_send = about(1, 64 * KB);
		b->nodelay = true;
	}
	if (t & HOLDS)
		b->hold = about(PERCENT, 50 * PERCENT);
}

static void connection_for(struct connection *c, u64 t)
{
	struct behaviour *a = &c->ends[0].how, *b = &c->ends[1].how;
	bool turned = coin();

	memset(c, 0, sizeof(*c));
	c->crossing = t & CROSSING;
	behaviour_for(a, t);
	behaviour_for(b, t);
	if (t & ANSWERS) {
		u32 rounds = die(1, 200);

		a->request = b->answer = about(1, 8 * KB);
		b->request = a->answer = about(1, 64 * KB);
		a->to_send = (u64)rounds * a->request;
		b->to_send = (u64)rounds * b->request;
		a->starts = true;
		few_writes(a);
		few_writes(b);
	} else if (!(t & BOTH_WAYS)) {
		if (turned)
			a->to_send = 0;
		else
			b->to_send = 0;
		/* who only sends may close and be gone */
		if (coin() && !(t & (ABORTS | ZERO_WINDOW | SLOW_READER |
				     SMALL_WINDOW)))
			(turned ? b : a)->closing = CLOSE_AT_ONCE;
	} else if (coin()) {
		/* simultaneous close */
		a->closing = b->closing = CLOSE_SHUTDOWN;
	}
	if (t & HALF_CLOSE)
		(turned ? a : b)->to_send = about(1, 2000);
	if (t & ABORTS) {
		struct behaviour *by = turned ? a : b;

		by->closing = coin() ? CLOSE_LINGER0 : CLOSE_UNREAD;
		by->abort_at = random_u64(&dice) %
			       (a->to_send + b->to_send + 1);
	}
}

static const struct tcp_congestion_ops *algorithm(u64 t)
{
	return t & BY_MARKS ? &sim_by_marks :
	       t & PACED ? &sim_paced :
	       t & BY_TIME ? &sim_by_time : &linnet_reno;
}

static void sysctls(struct net *net, u64 t)
{
	struct linnet_net *ln = linnet_pernet(net);

	ln->sack = !(t & NO_SACK);
	ln->timestamps = !(t & NO_TS);
	ln->window_scaling = !(t & NO_WSCALE);
	ln->slow_start_after_idle = coin();
	ln->ecn = t & ECN ? 1 : 2;
	ln->mtu_probing = t & PROBING ? 2 : t & BLACK_HOLE ? 1 : 0;
	ln->fastopen = 0;
	if (t & FAST_OPEN)
		ln->fastopen = LINNET_FASTOPEN_CLIENT | LINNET_FASTOPEN_SERVER |
			       LINNET_FASTOPEN_ALL_LISTENERS |
			       (random_below(&dice, 4) ? 0 :
				LINNET_FASTOPEN_SERVER_NO_COOKIE |
				LINNET_FASTOPEN_CLIENT_NO_COOKIE);
	ln->syncookies = t & COOKIES ? 2 : 1;
	ln->retrans_collapse = !!(t & COLLAPSES);
	RCU_INIT_POINTER(ln->congestion_control, algorithm(t));
	/* cookies of the run before */
	kvfree(ln->fastopen_cache);
	ln->fastopen_cache = NULL;
	atomic_set(&ln->fastopen_disabled, 0);
	/* a run must not fail for bad luck alone */
	ln->syn_retries = 12;
	ln->synack_retries = 12;
	ln->orphan_retries = 60;
}

static u64 chaos(void)
{
	u64 t = 0;
	int i;

	for (i = 0; i < CHAOTIC; i++)
		if (!random_below(&dice, 4))
			t |= BIT_ULL(i);
	t &= ~(ABORTS | LARGE_WINDOW);
	/* these make a run of hours when they meet */
	if (t & (LOSSY | BURSTS | NTH) && t & ACK_LOSS)
		t &= ~ACK_LOSS;
	if (t & NTH && t & (LOSSY | BURSTS))
		t &= ~NTH;
	if (t & ANSWERS)
		t &= ~(HALF_CLOSE | ABORTS);
	if (t & BLACK_HOLE)
		t &= ~(SMALL_MTU | WHOLE);
	if (t & IPV6)
		t &= ~MAPPED;
	if (t & ECN_HATED)
		t &= ~BY_MARKS;
	/* a client that says nothing, and whose last ACK was lost, is not known;
	 * and a cookie is believed with the octet behind the SYN only: what
	 * overtakes that is reset, as with TCP
	 */
	if (t & COOKIES)
		t = (t | BOTH_WAYS) &
		    ~(CROSSING | ANSWERS | HALF_CLOSE | LOSSY | BURSTS | NTH |
		      REORDERS | CORRUPTS | BOTTLENECK | NO_MEMORY |
		      TIGHT_MEMORY | SMALL_MTU | BLACK_HOLE | ECN_HATED);
	if (t & (FAST_OPEN | MAPPED))
		t &= ~CROSSING;
	return t;
}

static void setup(const struct scenario *s, u64 seed)
{
	u64 t = s->traits;
	unsigned int i;

	scenario_name = s->name;
	scenario_seed = seed;
	random_seed(&dice, seed);
	random_seed(&kernel_random, seed + 1);
	random_seed(&network_random, seed + 2);
	random_seed(&program_random, seed + 3);
	clock_reset();
	network_reset();
	if (t & CHAOS)
		t = chaos();
	for (i = 0; i < HOSTS; i++) {
		host_reset(&hosts[i]);
		wire_for(&wires[i], t);
		hosts[i].fragments = coin();
		hosts[i].checksums = !(t & NO_OFFLOAD) && die(0, 7);
		hosts[i].whole = t & WHOLE && !(t & SMALL_MTU);
		hosts[i].gso_max_segs = coin() ? 64 : die(1, 64);
		hosts[i].mtu = die(0, 3) ? 1500 : die(t & IPV6 ? 1280 : 576,
						      9000);
		host_ready(&hosts[i]);
	}
	for (i = 0; i < HOSTS; i++)
		sysctls(hosts[i].net, t);
	/* a device that takes less than the other's tells of it by the MSS */
	if (hosts[0].mtu != hosts[1].mtu && !(t & SMALL_MTU))
		hosts[1].mtu = hosts[0].mtu;
	if (coin())
		wires[1] = wires[0];
	if (t & ECN_HATED)
		hate_ecn();
	memory_fail_rate = t & NO_MEMORY ? about(100, 2 * PERCENT) : 0;
	/* no limits, in pages, unless asked for */
	linnet_sysctl_mem[0] = 30000;
	linnet_sysctl_mem[1] = 40000;
	linnet_sysctl_mem[2] = 60000;
	if (t & TIGHT_MEMORY) {
		linnet_sysctl_mem[0] = die(8, 64);
		linnet_sysctl_mem[1] = die(64, 128);
		linnet_sysctl_mem[2] = die(128, 256);
	}
	n_connections = t & MANY ? die(2, CONNECTIONS_MAX) : 1;
	for (i = 0; i < n_connections; i++) {
		connection_for(&connections[i], t);
		/* the first brings the cookie home */
		if (t & FAST_OPEN && i)
			connections[i].starts_at =
				about(NS_PER_MS, 2 * NS_PER_S);
	}
	client_family = t & IPV6 ? AF_INET6 : AF_INET;
	server_family = t & (IPV6 | MAPPED) ? AF_INET6 : AF_INET;
	fast_open = t & FAST_OPEN;
	ecn_strict = t & ECN && lossless(t);
	/* an orphan is sacrificed when memory is short */
	aborts = t & (ABORTS | TIGHT_MEMORY);
	keepalives = aborts;
}

unsigned int scenario_count(void)
{
	return ARRAY_SIZE(scenarios);
}

const char *scenario_title(unsigned int n)
{
	return scenarios[n].name;
}

/* Both streams must have come whole, unless somebody broke the connection */
static void check_result(void)
{
	unsigned int i;

	for (i = 0; i < 2 * n_connections && !aborts; i++) {
		const struct end *e = &connections[i / 2].ends[i % 2];

		SIM_MUST(!e->error, "port %u has error %d", e->port, e->error);
		SIM_MUST(e->received == e->peer->how.to_send,
			 "port %u has received %llu octets of %llu", e->port,
			 e->received, e->peer->how.to_send);
	}
}

/**
 * scenario_run() - one run from socket() to the last octet given back
 * @n: which scenario
 * @seed: what it leaves open
 */
void scenario_run(unsigned int n, u64 seed)
{
	setup(&scenarios[n], seed);
	programs_start();
	while (!programs_done()) {
		SIM_MUST(clock_step(), "nothing will happen any more");
		SIM_MUST(clock_now - last_progress < PATIENCE,
			 "nothing has happened for %llu minutes",
			 PATIENCE / NS_PER_S / 60);
	}
	check_result();
	programs_end();
	check_drained();
}
