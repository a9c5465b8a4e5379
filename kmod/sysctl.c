// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * net.linnet.*, per network namespace, named as TCP's without "tcp_", and
 * beginning with what TCP has.  A value out of range is -EINVAL.
 */
#include <linux/sysctl.h>
#include <net/tcp.h>

#include "linnet.h"
#include "fastopen.h"

/* Those that are of the whole machine, as TCP's are */
long linnet_sysctl_mem[3];
int linnet_sysctl_max_orphans;

static int syn_retries_max = MAX_TCP_SYNCNT;
static int retries_max = 255;
static int reordering_min = 3, reordering_max = 300;
static int seconds_max = 86400;
static int keepalive_max = MAX_TCP_KEEPIDLE;
static int probes_max = MAX_TCP_KEEPCNT;
static int buffer_min = SOCK_MIN_RCVBUF, buffer_max = INT_MAX / 2;
static int octet_max = 255;
static int recovery_max = 7, early_retrans_max = 4, log_max = 63;
static int floor_max = 1024, threshold_max = 65535;
static int mss_min = LINNET_MSS_MIN, mss_max = 65535;
static int fastopen_max = 0x7ff;
static int milliseconds_max = 60000;
static int int_max = INT_MAX;
static int rto_max_ms_least = MSEC_PER_SEC;
static int rto_max_ms_most = TCP_RTO_MAX / HZ * MSEC_PER_SEC;
static int scale_min = -31, scale_max = 31;

static int congestion_control(linnet_ctl_table *table, int write, void *buffer,
			      size_t *lenp, loff_t *ppos)
{
	struct net *net = table->extra2;
	char name[TCP_CA_NAME_MAX];
	struct ctl_table string = {
		.data	= name,
		.maxlen	= sizeof(name),
	};
	int err;

	linnet_cong_get_default(net, name);
	err = proc_dostring(&string, write, buffer, lenp, ppos);
	if (!write || err)
		return err;
	return linnet_cong_set_default(net, name);
}

/* Four or eight numbers of 32 bits, as TCP writes them: A-B-C-D[,E-F-G-H] */
static int print_keys(struct net *net, char *text, int size)
{
	__le32 w[LINNET_FASTOPEN_KEYS * LINNET_FASTOPEN_KEY_LEN / 4] = {};
	unsigned int n = linnet_fastopen_net_octets(net, (u8 *)w) ?: 1, i;
	int len = 0;

	for (i = 0; i < 4 * n; i++)
		len += scnprintf(text + len, size - len, "%08x%s",
				 le32_to_cpu(w[i]),
				 i + 1 == 4 * n ? "" : i == 3 ? "," : "-");
	return len;
}

static int parse_keys(const char *text, __le32 *words)
{
	unsigned int w[8], i;
	int n, used = 0;

	n = sscanf(text, "%x-%x-%x-%x%n,%x-%x-%x-%x%n", w, w + 1, w + 2, w + 3,
		   &used, w + 4, w + 5, w + 6, w + 7, &used);
	if ((n != 4 && n != 8) || text[used])
		return -EINVAL;
	for (i = 0; i < n; i++)
		words[i] = cpu_to_le32(w[i]);
	return n / 4;
}

static int fastopen_key(linnet_ctl_table *table, int write, void *buffer,
			size_t *lenp, loff_t *ppos)
{
	__le32 words[LINNET_FASTOPEN_KEYS * LINNET_FASTOPEN_KEY_LEN / 4];
	struct net *net = table->extra2;
	char text[80];
	struct ctl_table string = {
		.data	= text,
		.maxlen	= sizeof(text),
	};
	int err, n;

	print_keys(net, text, sizeof(text));
	err = proc_dostring(&string, write, buffer, lenp, ppos);
	if (!write || err)
		return err;
	n = parse_keys(strim(text), words);
	if (n < 0)
		return n;
	linnet_fastopen_net_keys(net, (u8 *)words, n);
	return 0;
}

#define LINNET_INT(field, low, high) {					\
	.procname	= #field,					\
	.data		= (void *)offsetof(struct linnet_net, field),	\
	.maxlen		= sizeof(int),					\
	.mode		= 0644,						\
	.proc_handler	= proc_dointvec_minmax,				\
	.extra1		= (low),					\
	.extra2		= (high),					\
}

#define LINNET_INT3(field) {						\
	.procname	= #field,					\
	.data		= (void *)offsetof(struct linnet_net, field),	\
	.maxlen		= 3 * sizeof(int),				\
	.mode		= 0644,						\
	.proc_handler	= proc_dointvec_minmax,				\
	.extra1		= &buffer_min,					\
	.extra2		= &int_max,					\
}

/* .data is an offset into struct linnet_net until it is copied for one */
static const struct ctl_table template[] = {
	{
		.procname	= "congestion_control",
		.maxlen		= TCP_CA_NAME_MAX,
		.mode		= 0644,
		.proc_handler	= congestion_control,
	},
	{
		.procname	= "fastopen_key",
		.maxlen		= 80,
		.mode		= 0600,
		.proc_handler	= fastopen_key,
	},
	LINNET_INT(window_scaling, SYSCTL_ZERO, SYSCTL_ONE),
	LINNET_INT(timestamps, SYSCTL_ZERO, SYSCTL_ONE),
	LINNET_INT(sack, SYSCTL_ZERO, SYSCTL_ONE),
	LINNET_INT(gso, SYSCTL_ZERO, SYSCTL_ONE),
	LINNET_INT(moderate_rcvbuf, SYSCTL_ZERO, SYSCTL_ONE),
	LINNET_INT(rcvbuf_low_rtt, SYSCTL_ZERO, &int_max),
	LINNET_INT(rto_min_us, SYSCTL_ONE, &int_max),
	LINNET_INT(rto_max_ms, &rto_max_ms_least, &rto_max_ms_most),
	LINNET_INT(autocorking, SYSCTL_ZERO, SYSCTL_ONE),
	LINNET_INT(slow_start_after_idle, SYSCTL_ZERO, SYSCTL_ONE),
	LINNET_INT(abort_on_overflow, SYSCTL_ZERO, SYSCTL_ONE),
	LINNET_INT(rfc1337, SYSCTL_ZERO, SYSCTL_ONE),
	LINNET_INT(reordering, &reordering_min, &reordering_max),
	LINNET_INT(max_reordering, &reordering_min, &reordering_max),
	LINNET_INT(recovery, SYSCTL_ZERO, &recovery_max),
	LINNET_INT(early_retrans, SYSCTL_ZERO, &early_retrans_max),
	LINNET_INT(frto, SYSCTL_ZERO, SYSCTL_TWO),
	LINNET_INT(thin_linear_timeouts, SYSCTL_ZERO, SYSCTL_ONE),
	LINNET_INT(ecn, SYSCTL_ZERO, SYSCTL_TWO),
	LINNET_INT(ecn_fallback, SYSCTL_ZERO, SYSCTL_ONE),
	LINNET_INT(mtu_probing, SYSCTL_ZERO, SYSCTL_TWO),
	LINNET_INT(base_mss, &mss_min, &mss_max),
	LINNET_INT(mtu_probe_floor, &mss_min, &floor_max),
	LINNET_INT(probe_threshold, SYSCTL_ONE, &threshold_max),
	LINNET_INT(probe_interval, SYSCTL_ONE, &seconds_max),
	LINNET_INT(tso_rtt_log, SYSCTL_ZERO, &log_max),
	LINNET_INT(tso_win_divisor, SYSCTL_ZERO, &octet_max),
	LINNET_INT(syn_retries, SYSCTL_ONE, &syn_retries_max),
	LINNET_INT(syn_linear_timeouts, SYSCTL_ZERO, &syn_retries_max),
	LINNET_INT(synack_retries, SYSCTL_ZERO, &retries_max),
	LINNET_INT(retries1, SYSCTL_ZERO, &retries_max),
	LINNET_INT(retries2, SYSCTL_ZERO, &retries_max),
	LINNET_INT(orphan_retries, SYSCTL_ZERO, &retries_max),
	LINNET_INT(max_syn_backlog, SYSCTL_ONE, &buffer_max),
	LINNET_INT(syncookies, SYSCTL_ZERO, SYSCTL_TWO),
	LINNET_INT(fastopen, SYSCTL_ZERO, &fastopen_max),
	LINNET_INT(fastopen_blackhole_timeout_sec, SYSCTL_ZERO, &buffer_max),
	LINNET_INT(l3mdev_accept, SYSCTL_ZERO, SYSCTL_ONE),
	LINNET_INT(fin_timeout, SYSCTL_ONE, &seconds_max),
	LINNET_INT(keepalive_time, SYSCTL_ONE, &keepalive_max),
	LINNET_INT(keepalive_intvl, SYSCTL_ONE, &keepalive_max),
	LINNET_INT(keepalive_probes, SYSCTL_ONE, &probes_max),
	{
		.procname	= "tw_reuse",
		.data		= (void *)offsetof(struct linnet_net,
						   timewait_reuse),
		.maxlen		= sizeof(int),
		.mode		= 0644,
		.proc_handler	= proc_dointvec_minmax,
		.extra1		= SYSCTL_ZERO,
		.extra2		= SYSCTL_TWO,
	},
	LINNET_INT(max_tw_buckets, SYSCTL_ZERO, &buffer_max),
	LINNET_INT(comp_sack_delay_ns, SYSCTL_ZERO, &int_max),
	LINNET_INT(comp_sack_slack_ns, SYSCTL_ZERO, &int_max),
	LINNET_INT(comp_sack_rtt_percent, SYSCTL_ONE, SYSCTL_ONE_THOUSAND),
	LINNET_INT(comp_sack_nr, SYSCTL_ZERO, &octet_max),
	LINNET_INT(retrans_collapse, SYSCTL_ZERO, SYSCTL_ONE),
	LINNET_INT(dsack, SYSCTL_ZERO, SYSCTL_ONE),
	LINNET_INT(pacing_ss_ratio, SYSCTL_ZERO, SYSCTL_ONE_THOUSAND),
	LINNET_INT(pacing_ca_ratio, SYSCTL_ZERO, SYSCTL_ONE_THOUSAND),
	LINNET_INT(limit_output_bytes, &buffer_min, &buffer_max),
	LINNET_INT(min_tso_segs, SYSCTL_ONE, &octet_max),
	LINNET_INT(challenge_ack_limit, SYSCTL_ZERO, &int_max),
	LINNET_INT(invalid_ratelimit, SYSCTL_ZERO, &milliseconds_max),
	LINNET_INT(adv_win_scale, &scale_min, &scale_max),
	LINNET_INT(app_win, SYSCTL_ZERO, &scale_max),
	LINNET_INT(shrink_window, SYSCTL_ZERO, SYSCTL_ONE),
	LINNET_INT(workaround_signed_windows, SYSCTL_ZERO, SYSCTL_ONE),
	LINNET_INT(min_rtt_wlen, SYSCTL_ZERO, &seconds_max),
	LINNET_INT3(rmem),
	LINNET_INT3(wmem),
	{
		.procname	= "notsent_lowat",
		.data		= (void *)offsetof(struct linnet_net,
						   notsent_lowat),
		.maxlen		= sizeof(unsigned int),
		.mode		= 0644,
		.proc_handler	= proc_douintvec,
	},
};

#define N_PER_NET	ARRAY_SIZE(template)
#define N_MACHINE	2

static void set_defaults(struct net *net)
{
	struct linnet_net *ln = linnet_pernet(net);
	const struct netns_ipv4 *tcp = &net->ipv4;

	ln->window_scaling = !!READ_ONCE(tcp->sysctl_tcp_window_scaling);
	ln->timestamps = !!READ_ONCE(tcp->sysctl_tcp_timestamps);
	ln->sack = !!READ_ONCE(tcp->sysctl_tcp_sack);
	ln->gso = 1;
	ln->autocorking = !!READ_ONCE(tcp->sysctl_tcp_autocorking);
	ln->moderate_rcvbuf = !!READ_ONCE(tcp->sysctl_tcp_moderate_rcvbuf);
	ln->rcvbuf_low_rtt = linnet_compat_rcvbuf_low_rtt(tcp);
	ln->rto_min_us = linnet_compat_rto_min_us(tcp);
	ln->rto_max_ms = linnet_compat_rto_max_ms(tcp);
	ln->slow_start_after_idle =
		!!READ_ONCE(tcp->sysctl_tcp_slow_start_after_idle);
	ln->reordering = READ_ONCE(tcp->sysctl_tcp_reordering);
	ln->max_reordering = min(READ_ONCE(tcp->sysctl_tcp_max_reordering),
				 reordering_max);
	ln->recovery = READ_ONCE(tcp->sysctl_tcp_recovery) & recovery_max;
	ln->early_retrans = READ_ONCE(tcp->sysctl_tcp_early_retrans);
	ln->frto = READ_ONCE(tcp->sysctl_tcp_frto);
	ln->thin_linear_timeouts =
		!!READ_ONCE(tcp->sysctl_tcp_thin_linear_timeouts);
	/* TCP has more modes on newer kernels (accurate ECN) */
	ln->ecn = min_t(int, READ_ONCE(tcp->sysctl_tcp_ecn), 2);
	ln->ecn_fallback = !!READ_ONCE(tcp->sysctl_tcp_ecn_fallback);
	ln->mtu_probing = READ_ONCE(tcp->sysctl_tcp_mtu_probing);
	ln->base_mss = READ_ONCE(tcp->sysctl_tcp_base_mss);
	ln->mtu_probe_floor = READ_ONCE(tcp->sysctl_tcp_mtu_probe_floor);
	ln->probe_threshold = READ_ONCE(tcp->sysctl_tcp_probe_threshold);
	ln->probe_interval = READ_ONCE(tcp->sysctl_tcp_probe_interval);
	ln->tso_rtt_log = READ_ONCE(tcp->sysctl_tcp_tso_rtt_log);
	ln->tso_win_divisor = READ_ONCE(tcp->sysctl_tcp_tso_win_divisor);
	ln->syn_retries = READ_ONCE(tcp->sysctl_tcp_syn_retries);
	ln->syn_linear_timeouts = linnet_compat_syn_linear_timeouts(tcp);
	ln->synack_retries = READ_ONCE(tcp->sysctl_tcp_synack_retries);
	ln->retries1 = READ_ONCE(tcp->sysctl_tcp_retries1);
	ln->retries2 = READ_ONCE(tcp->sysctl_tcp_retries2);
	ln->orphan_retries = READ_ONCE(tcp->sysctl_tcp_orphan_retries);
	ln->max_syn_backlog = READ_ONCE(tcp->sysctl_max_syn_backlog);
	ln->syncookies = READ_ONCE(tcp->sysctl_tcp_syncookies);
	ln->fastopen = 0;	/* off: asked for, or not at all */
	ln->fastopen_blackhole_timeout_sec =
		READ_ONCE(tcp->sysctl_tcp_fastopen_blackhole_timeout);
	ln->l3mdev_accept = linnet_compat_l3mdev_accept(tcp);
	ln->abort_on_overflow = !!READ_ONCE(tcp->sysctl_tcp_abort_on_overflow);
	ln->fin_timeout = READ_ONCE(tcp->sysctl_tcp_fin_timeout) / HZ;
	ln->keepalive_time = READ_ONCE(tcp->sysctl_tcp_keepalive_time) / HZ;
	ln->keepalive_intvl = READ_ONCE(tcp->sysctl_tcp_keepalive_intvl) / HZ;
	ln->keepalive_probes = READ_ONCE(tcp->sysctl_tcp_keepalive_probes);
	ln->max_tw_buckets = READ_ONCE(tcp->tcp_death_row.sysctl_max_tw_buckets);
	ln->timewait_reuse = READ_ONCE(tcp->sysctl_tcp_tw_reuse);
	ln->rfc1337 = !!READ_ONCE(tcp->sysctl_tcp_rfc1337);
	memcpy(ln->rmem, tcp->sysctl_tcp_rmem, sizeof(ln->rmem));
	memcpy(ln->wmem, tcp->sysctl_tcp_wmem, sizeof(ln->wmem));
	ln->comp_sack_delay_ns = min_t(unsigned long, int_max,
		READ_ONCE(tcp->sysctl_tcp_comp_sack_delay_ns));
	ln->comp_sack_slack_ns = min_t(unsigned long, int_max,
		READ_ONCE(tcp->sysctl_tcp_comp_sack_slack_ns));
	ln->comp_sack_rtt_percent = linnet_compat_comp_sack_rtt_percent(tcp);
	ln->comp_sack_nr = READ_ONCE(tcp->sysctl_tcp_comp_sack_nr);
	ln->retrans_collapse = !!READ_ONCE(tcp->sysctl_tcp_retrans_collapse);
	ln->dsack = !!READ_ONCE(tcp->sysctl_tcp_dsack);
	ln->pacing_ss_ratio = READ_ONCE(tcp->sysctl_tcp_pacing_ss_ratio);
	ln->pacing_ca_ratio = READ_ONCE(tcp->sysctl_tcp_pacing_ca_ratio);
	ln->limit_output_bytes = READ_ONCE(tcp->sysctl_tcp_limit_output_bytes);
	ln->min_tso_segs = READ_ONCE(tcp->sysctl_tcp_min_tso_segs);
	ln->adv_win_scale = READ_ONCE(tcp->sysctl_tcp_adv_win_scale);
	ln->app_win = READ_ONCE(tcp->sysctl_tcp_app_win);
	ln->shrink_window = !!READ_ONCE(tcp->sysctl_tcp_shrink_window);
	ln->workaround_signed_windows =
		!!READ_ONCE(tcp->sysctl_tcp_workaround_signed_windows);
	ln->min_rtt_wlen = READ_ONCE(tcp->sysctl_tcp_min_rtt_wlen);
	ln->challenge_ack_limit = READ_ONCE(tcp->sysctl_tcp_challenge_ack_limit);
	ln->invalid_ratelimit =
		jiffies_to_msecs(READ_ONCE(tcp->sysctl_tcp_invalid_ratelimit));
	ln->notsent_lowat = READ_ONCE(tcp->sysctl_tcp_notsent_lowat);
}

/**
 * linnet_sysctl_net_init() - net.linnet of a new namespace
 * @net: the namespace
 *
 * Return: 0 or -ENOMEM.
 */
int linnet_sysctl_net_init(struct net *net)
{
	struct linnet_net *ln = linnet_pernet(net);
	unsigned int i, n = N_PER_NET;
	struct ctl_table *table;

	set_defaults(net);
	/* one empty entry more ends the table for kernels before 6.6 */
	table = kcalloc(N_PER_NET + N_MACHINE + 1, sizeof(*table), GFP_KERNEL);
	if (!table)
		return -ENOMEM;
	memcpy(table, template, sizeof(template));
	table[0].extra2 = net;
	table[1].extra2 = net;
	for (i = 2; i < N_PER_NET; i++)
		table[i].data = (u8 *)ln + (unsigned long)table[i].data;
	if (net_eq(net, &init_net)) {
		table[n++] = (struct ctl_table) {
			.procname	= "mem",
			.data		= linnet_sysctl_mem,
			.maxlen		= sizeof(linnet_sysctl_mem),
			.mode		= 0644,
			.proc_handler	= proc_doulongvec_minmax,
		};
		table[n++] = (struct ctl_table) {
			.procname	= "max_orphans",
			.data		= &linnet_sysctl_max_orphans,
			.maxlen		= sizeof(int),
			.mode		= 0644,
			.proc_handler	= proc_dointvec_minmax,
			.extra1		= SYSCTL_ZERO,
			.extra2		= &buffer_max,
		};
	}
	ln->sysctl_header = linnet_compat_register_sysctl(net, "net/linnet",
							  table, n);
	if (!ln->sysctl_header) {
		kfree(table);
		return -ENOMEM;
	}
	ln->sysctl_table = table;
	return 0;
}

/**
 * linnet_sysctl_net_exit() - a namespace goes
 * @net: the namespace
 */
void linnet_sysctl_net_exit(struct net *net)
{
	struct linnet_net *ln = linnet_pernet(net);

	unregister_net_sysctl_table(ln->sysctl_header);
	kfree(ln->sysctl_table);
}
