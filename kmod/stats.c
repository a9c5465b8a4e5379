// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Counters, per network namespace: /proc/net/linnet/snmp.
 */
#include <linux/proc_fs.h>
#include <linux/seq_file.h>

#include "linnet.h"

static const char * const names[LINNET_MIB_MAX] = {
#define LINNET_MIB_NAME(name) #name,
	LINNET_MIB_LIST(LINNET_MIB_NAME)
#undef LINNET_MIB_NAME
};

static unsigned long total(const struct linnet_mib __percpu *mib, int field)
{
	unsigned long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += per_cpu_ptr(mib, cpu)->mibs[field];
	return sum;
}

static int snmp_show(struct seq_file *seq, void *v)
{
	struct linnet_net *ln = linnet_pernet(seq->private);
	int i;

	for (i = 0; i < LINNET_MIB_MAX; i++)
		seq_printf(seq, "%-24s%lu\n", names[i], total(ln->mib, i));
	/* what stands now, not what has happened */
	seq_printf(seq, "%-24s%d\n", "TimeWaitNow", atomic_read(&ln->tw_count));
	seq_printf(seq, "%-24s%lld\n", "SocketsAll",
		   percpu_counter_sum_positive(&linnet_sockets_allocated));
	seq_printf(seq, "%-24s%d\n", "OrphansAll", linnet_orphans());
	seq_printf(seq, "%-24s%ld\n", "MemoryPagesAll",
		   linnet_memory_allocated());
	return 0;
}

/**
 * linnet_stats_net_init() - counters of a new namespace
 * @net: the namespace; /proc/net/linnet exists
 *
 * Return: 0 or -ENOMEM.
 */
int linnet_stats_net_init(struct net *net)
{
	struct linnet_net *ln = linnet_pernet(net);

	ln->mib = alloc_percpu(struct linnet_mib);
	if (!ln->mib)
		return -ENOMEM;
	if (!proc_create_net_single("snmp", 0444, ln->proc_dir, snmp_show,
				    NULL)) {
		free_percpu(ln->mib);
		return -ENOMEM;
	}
	return 0;
}

/**
 * linnet_stats_net_exit() - a namespace goes
 * @net: the namespace
 */
void linnet_stats_net_exit(struct net *net)
{
	struct linnet_net *ln = linnet_pernet(net);

	remove_proc_entry("snmp", ln->proc_dir);
	free_percpu(ln->mib);
}
