// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What is simulated: a table of scenarios, each run with many seeds. The seed
 * draws all that the scenario leaves open, so that NAME and SEED say exactly
 * what happened.
 */
#include <linux/linnet.h>

#include "linnet.h"
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
#define NO_SACK		(1 << 0)
#define NO_TS		(1 << 1)
#define NO_WSCALE	(1 << 2)
#define SMALL_WINDOW	(1 << 3)	/* receive buffers of a few segments */
#define LARGE_WINDOW	(1 << 4)	/* long fat network */
#define BOTH_WAYS	(1 << 5)
#define ANSWERS		(1 << 6)	/* request and response */
#define SLOW_READER	(1 << 7)
#define ZERO_WINDOW	(1 << 8)
#define CORKS		(1 << 9)
#define CROSSING	(1 << 10)	/* simultaneous open */
#define HALF_CLOSE	(1 << 11)	/* one ends long before the other */
#define ABORTS		(1 << 12)
#define LOSSY		(1 << 13)
#define BURSTS		(1 << 14)
#define NTH		(1 << 15)
#define REORDERS	(1 << 16)
#define DUPLICATES	(1 << 17)
#define CORRUPTS	(1 << 18)
#define ACK_LOSS	(1 << 19)
#define BOTTLENECK	(1 << 20)	/* a rate, and a queue that overflows */
#define NO_MEMORY	(1 << 21)	/* allocations fail */
#define SMALL_MTU	(1 << 22)	/* the path takes less, and says so */
#define WHOLE		(1 << 23)	/* super-segments cross whole */
#define NO_OFFLOAD	(1 << 24)
#define MANY		(1 << 25)	/* connections at once */
#define HOLDS		(1 << 26)	/* programs keep the socket locked */
#define TIGHT_MEMORY	(1 << 27)	/* memory pressure */
#define CHAOS		(1 << 28)	/* any of the above, by dice */

struct scenario {
	const char	*name;
	u32		traits;
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

static void wire_for(struct wire *w, u32 t)
{
	w->delay = about(20 * NS_PER_US, 50 * NS_PER_MS);
	w->rate = about(10000000, 10000000000ULL);
	w->queue = MB;
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
		w->ack_loss = die(5, 40) * PERCENT;
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
	if (t & SMALL_MTU) {
		w->mtu = die(576, 1400);
		w->icmp = true;
	}
}

/* --- the programs --- */

static u64 stream_length(u32 t)
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

static void behaviour_for(struct behaviour *b, u32 t)
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
	} else if (coin() && coin()) {
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
	if (t & HOLDS)
		b->hold = about(PERCENT, 50 * PERCENT);
}

static void connection_for(struct connection *c, u32 t)
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

static void sysctls(struct net *net, u32 t)
{
	struct linnet_net *ln = linnet_pernet(net);

	ln->sack = !(t & NO_SACK);
	ln->timestamps = !(t & NO_TS);
	ln->window_scaling = !(t & NO_WSCALE);
	ln->slow_start_after_idle = coin();
	/* a run must not fail for bad luck alone */
	ln->syn_retries = 12;
	ln->synack_retries = 12;
	ln->orphan_retries = 60;
}

static u32 chaos(void)
{
	u32 t = 0;
	int i;

	for (i = 0; i < 28; i++)
		if (!random_below(&dice, 4))
			t |= 1 << i;
	t &= ~(ABORTS | LARGE_WINDOW);
	/* these make a run of hours when they meet */
	if (t & (LOSSY | BURSTS | NTH) && t & ACK_LOSS)
		t &= ~ACK_LOSS;
	if (t & NTH && t & (LOSSY | BURSTS))
		t &= ~NTH;
	if (t & ANSWERS)
		t &= ~(HALF_CLOSE | ABORTS);
	return t;
}

static void setup(const struct scenario *s, u64 seed)
{
	u32 t = s->traits;
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
		hosts[i].mtu = die(0, 3) ? 1500 : die(576, 9000);
		host_ready(&hosts[i]);
		sysctls(hosts[i].net, t);
	}
	/* a device that takes less than the other's tells of it by the MSS */
	if (hosts[0].mtu != hosts[1].mtu && !(t & SMALL_MTU))
		hosts[1].mtu = hosts[0].mtu;
	if (coin())
		wires[1] = wires[0];
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
	for (i = 0; i < n_connections; i++)
		connection_for(&connections[i], t);
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
