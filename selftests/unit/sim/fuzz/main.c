// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * segments_fuzz: libFuzzer, and beside its own options
 *
 *	segments_fuzz --make-seeds FOLDER FILE...	inputs from text
 *	segments_fuzz --explain FILE...			text from inputs
 */
#include <linux/slab.h>
#include <linux/string.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "linnet.h"
#include "fuzz.h"

#define STEPS_MOST	200000	/* events in which all must be over */
#define STEPS_OF_TIME	20000	/* in one record */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const u8 *data, unsigned long size);

struct host *ours = &hosts[1], *theirs = &hosts[0];

/* How the connection stood when a rule was broken */
static void tell_view(void)
{
	const struct tcp_sock *tp;
	struct view v;

	view_get(&v);
	printf("# %llu.%06llu s, state %d, RCV.NXT %u, to %u, SND.UNA %u, SND.NXT +%u\n",
	       clock_now / NS_PER_S, clock_now % NS_PER_S / NS_PER_US, v.state,
	       v.rcv_nxt, v.edge, v.una, v.nxt - v.una);
	if (!v.sk)
		return;
	tp = tcp_sk(v.sk);
	printf("# %u out, %u SACKed, %u lost, %u retransmitted, CA state %d, timer %d, %u timeouts, back-off %u, %u probes\n",
	       tp->packets_out, tp->sacked_out, tp->lost_out, tp->retrans_out,
	       inet_csk(v.sk)->icsk_ca_state, linnet_sk(v.sk)->timer_event,
	       inet_csk(v.sk)->icsk_retransmits, inet_csk(v.sk)->icsk_backoff,
	       inet_csk(v.sk)->icsk_probes_out);
	view_put(&v);
}

void sim_fail(const char *format, ...)
{
	int vprintf(const char *format, __builtin_va_list args);
	__builtin_va_list args;

	printf("# ");
	__builtin_va_start(args, format);
	vprintf(format, args);
	__builtin_va_end(args);
	printf("\n");
	tell_view();
	fflush(NULL);
	/* the sanitizer says from where */
	abort();
}

void our_flow(struct linnet_flow *flow)
{
	*flow = (struct linnet_flow) {
		.net	= ours->net,
		.family	= over_ipv6() ? AF_INET6 : AF_INET,
		.iif	= 1,
		.lport	= peer.our_port,
		.rport	= htons(peer.port),
	};
	if (over_ipv6()) {
		flow->laddr6 = ours->address6;
		flow->raddr6 = theirs->address6;
	} else {
		flow->laddr = ours->address;
		flow->raddr = theirs->address;
	}
}

/**
 * clock_pass() - time passes
 * @ns: how much
 */
void clock_pass(u64 ns)
{
	u64 until = clock_now + ns;
	unsigned int steps = 0;

	while (clock_next() <= until) {
		SIM_MUST(steps++ < STEPS_OF_TIME, "it never comes to rest");
		clock_step();
		oracle_look();
	}
	clock_set(until);
}

static void happens(const u8 *record)
{
	switch (record[0] % KINDS) {
	case TIME:
		clock_pass(NS_PER_US << (record[1] & 31));
		break;
	case CALL:
		program_record(record);
		break;
	case ICMP:
		icmp_record(record);
		break;
	case MACHINE:
		device_record(record);
		break;
	default:
		peer_record(record);
	}
	oracle_look();
}

static void no_limits(void)
{
	memory_fail_rate = 0;
	linnet_sysctl_mem[0] = 30000;
	linnet_sysctl_mem[1] = 40000;
	linnet_sysctl_mem[2] = 60000;
}

static void begin(void)
{
	struct linnet_net *ln = linnet_pernet(ours->net);

	/* cookies of the input before */
	kvfree(ln->fastopen_cache);
	ln->fastopen_cache = NULL;
	atomic_set(&ln->fastopen_disabled, 0);
	clock_reset();
	random_seed(&kernel_random, 253);
	host_reset(ours);
	host_reset(theirs);
	peer_reset();
	no_limits();
}

/* The program ends, nobody answers any more, and nothing may be left */
static void end(void)
{
	unsigned int steps = 0;

	no_limits();
	program_end();
	oracle_reset();
	while (clock_step())
		SIM_MUST(steps++ < STEPS_MOST, "it never ends");
	check_drained();
}

/**
 * run_input() - an input, from socket() until the last octet is given back
 * @data: records
 * @size: octets; a last record that is short has zeros
 */
void run_input(const u8 *data, unsigned long size)
{
	u8 record[RECORD];
	unsigned int i;

	begin();
	for (i = 0; i < RECORDS_MAX && i * RECORD < size; i++) {
		memset(record, 0, sizeof(record));
		memcpy(record, data + i * RECORD,
		       min(size - i * RECORD, (unsigned long)RECORD));
		if (!i)
			start(record);
		else
			happens(record);
		oracle_look();
	}
	end();
}

/**
 * input_starts() - does an input come into the state that it asks for?
 * @record: its first record
 */
bool input_starts(const u8 *record)
{
	bool reached;

	begin();
	reached = start(record);
	end();
	return reached;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const u8 once[2 * RECORD] = { STATE_ESTABLISHED };

	memory_setup();
	inet_setup();
	/* what is drawn once, at first use, is then the same for every input */
	run_input(once, sizeof(once));
	if (*argc > 2 && !strcmp((*argv)[1], "--make-seeds"))
		exit(text_make_seeds(*argc - 2, *argv + 2));
	if (*argc > 2 && !strcmp((*argv)[1], "--explain"))
		exit(text_explain((*argv)[2]));
	return 0;
}

int LLVMFuzzerTestOneInput(const u8 *data, unsigned long size)
{
	if (size)
		run_input(data, size);
	return 0;
}
