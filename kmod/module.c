// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Start and stop, in an order that can fail at every step; what a network
 * namespace has.
 *
 * RFC 3692: a protocol number for experiments is not in use until somebody asks
 * for it.  Loading the module is asking, so there is no alias that would load
 * it for whoever opens a socket.
 */
#include <linux/linnet.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <net/netns/generic.h>

#include "linnet.h"
#include "handshake.h"
#include "fastopen.h"

int linnet_proto = IPPROTO_LINNET;
module_param_named(proto, linnet_proto, int, 0444);
MODULE_PARM_DESC(proto, "IP protocol number, 253 or 254 (RFC 3692)");

unsigned int linnet_net_id;

/**
 * linnet_pernet() - what a network namespace has
 * @net: the namespace
 */
struct linnet_net *linnet_pernet(const struct net *net)
{
	return net_generic(net, linnet_net_id);
}

static int __net_init net_init(struct net *net)
{
	struct linnet_net *ln = linnet_pernet(net);
	int err = -ENOMEM;

	atomic_set(&ln->tw_count, 0);
	linnet_fastopen_net_init(net);
	ln->proc_dir = proc_net_mkdir(net, "linnet", net->proc_net);
	if (!ln->proc_dir)
		return err;
	err = linnet_stats_net_init(net);
	if (err)
		goto no_stats;
	err = linnet_diag_net_init(net);
	if (err)
		goto no_diag;
	err = linnet_cong_net_init(net);
	if (err)
		goto no_cong;
	err = linnet_sysctl_net_init(net);
	if (err)
		goto no_sysctl;
	return 0;

no_sysctl:
	linnet_cong_net_exit(net);
no_cong:
	linnet_diag_net_exit(net);
no_diag:
	linnet_stats_net_exit(net);
no_stats:
	remove_proc_entry("linnet", net->proc_net);
	return err;
}

/* The kernel waits after this for readers under RCU: no segment looks a socket
 * up early when what the namespace has goes
 */
static void __net_exit net_pre_exit(struct net *net)
{
	linnet_early_net_exit(net);
}

static void __net_exit net_exit(struct net *net)
{
	linnet_timewait_purge(net);
	linnet_fastopen_net_exit(net);
	linnet_sysctl_net_exit(net);
	linnet_cong_net_exit(net);
	linnet_diag_net_exit(net);
	linnet_stats_net_exit(net);
	remove_proc_entry("linnet", net->proc_net);
}

static struct pernet_operations net_ops = {
	.init		= net_init,
	.pre_exit	= net_pre_exit,
	.exit		= net_exit,
	.id		= &linnet_net_id,
	.size		= sizeof(struct linnet_net),
};

/* As TCP's: in pages, by the memory that the machine has; and as many orphans
 * as connections in TIME-WAIT
 */
static void __init init_memory_limits(void)
{
	memcpy(linnet_sysctl_mem, tcp_prot.sysctl_mem,
	       sizeof(linnet_sysctl_mem));
	linnet_sysctl_max_orphans =
		READ_ONCE(init_net.ipv4.tcp_death_row.sysctl_max_tw_buckets);
}

static int __init linnet_init(void)
{
	int err;

	BUILD_BUG_ON(offsetof(struct linnet_sock, tcp));
	BUILD_BUG_ON(sizeof(struct linnet_cb) > sizeof_field(struct sk_buff, cb));
	BUILD_BUG_ON(sizeof(struct linnet_header) != LINNET_HEADER_LEN);

	if (linnet_proto != IPPROTO_LINNET &&
	    linnet_proto != IPPROTO_LINNET_ALT) {
		pr_err("linnet: proto=%d: only 253 and 254 are for experiments (RFC 3692)\n",
		       linnet_proto);
		return -EINVAL;
	}
	linnet_compat_set_pinfo_offset(&linnet6_prot, struct linnet6_sock,
				       inet6);
	init_memory_limits();
	linnet_cookies_init();

	err = percpu_counter_init(&linnet_sockets_allocated, 0, GFP_KERNEL);
	if (err)
		return err;
	err = linnet_table_init();
	if (err)
		goto no_table;
	err = linnet_timewait_init();
	if (err)
		goto no_timewait;
	err = linnet_synq_init();
	if (err)
		goto no_synq;
	err = tcp_register_congestion_control(&linnet_reno);
	if (err)
		goto no_reno;
	err = register_pernet_subsys(&net_ops);
	if (err)
		goto no_pernet;
	err = proto_register(&linnet_prot, 1);
	if (err)
		goto no_prot;
	err = proto_register(&linnet6_prot, 1);
	if (err)
		goto no_prot6;
	err = linnet_offload_init();
	if (err)
		goto no_offload;
	err = linnet_ipv4_register();
	if (err)
		goto no_ipv4;
	err = linnet_ipv6_register();
	if (err)
		goto no_ipv6;
	err = linnet_sockdiag_init();
	if (err)
		goto no_sockdiag;
	pr_info("linnet: protocol %d\n", linnet_proto);
	return 0;

no_sockdiag:
	linnet_ipv6_unregister();
no_ipv6:
	linnet_ipv4_unregister();
no_ipv4:
	linnet_offload_exit();
no_offload:
	proto_unregister(&linnet6_prot);
no_prot6:
	proto_unregister(&linnet_prot);
no_prot:
	unregister_pernet_subsys(&net_ops);
no_pernet:
	tcp_unregister_congestion_control(&linnet_reno);
no_reno:
	linnet_synq_exit();
no_synq:
	linnet_timewait_exit();
no_timewait:
	linnet_table_exit();
no_table:
	percpu_counter_destroy(&linnet_sockets_allocated);
	return err;
}

/* No socket exists: each holds a reference to the module */
static void __exit linnet_exit(void)
{
	linnet_sockdiag_exit();
	linnet_ipv6_unregister();
	linnet_ipv4_unregister();
	linnet_offload_exit();
	unregister_pernet_subsys(&net_ops);
	proto_unregister(&linnet6_prot);
	proto_unregister(&linnet_prot);
	tcp_unregister_congestion_control(&linnet_reno);
	/* timers that were stopped while they ran, and what RCU still frees */
	synchronize_rcu();
	rcu_barrier();
	linnet_synq_exit();
	linnet_timewait_exit();
	linnet_table_exit();
	percpu_counter_destroy(&linnet_sockets_allocated);
	pr_info("linnet: unloaded\n");
}

module_init(linnet_init);
module_exit(linnet_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Linnet: a TCP-like transport in IP protocol 253");
