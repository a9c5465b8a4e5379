// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The sockets of a network namespace, a line each: /proc/net/linnet/sockets.
 */
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <net/tcp_states.h>

#include "linnet.h"
#include "xmit.h"

static const char * const state_names[] = {
	[TCP_ESTABLISHED]	= "ESTABLISHED",
	[TCP_SYN_SENT]		= "SYN-SENT",
	[TCP_SYN_RECV]		= "SYN-RECEIVED",
	[TCP_FIN_WAIT1]		= "FIN-WAIT-1",
	[TCP_FIN_WAIT2]		= "FIN-WAIT-2",
	[TCP_TIME_WAIT]		= "TIME-WAIT",
	[TCP_CLOSE]		= "CLOSED",
	[TCP_CLOSE_WAIT]	= "CLOSE-WAIT",
	[TCP_LAST_ACK]		= "LAST-ACK",
	[TCP_LISTEN]		= "LISTEN",
	[TCP_CLOSING]		= "CLOSING",
};

static void *next_socket(struct seq_file *seq)
{
	struct linnet_table_position *pos = seq->private +
					    sizeof(struct seq_net_private);

	return linnet_table_next(seq_file_net(seq), pos);
}

/* Reading goes on where it stopped: the file cannot be sought in */
static void *sockets_start(struct seq_file *seq, loff_t *ppos)
{
	struct linnet_table_position *pos = seq->private +
					    sizeof(struct seq_net_private);

	if (!*ppos) {
		memset(pos, 0, sizeof(*pos));
		return SEQ_START_TOKEN;
	}
	/* the line before did not fit and is shown again */
	if (pos->index)
		pos->index--;
	return next_socket(seq);
}

static void put_socket(void *v)
{
	if (v && v != SEQ_START_TOKEN)
		linnet_table_put(v);
}

static void *sockets_next(struct seq_file *seq, void *v, loff_t *ppos)
{
	put_socket(v);
	++*ppos;
	return next_socket(seq);
}

static void sockets_stop(struct seq_file *seq, void *v)
{
	put_socket(v);
}

static void show_address(struct seq_file *seq, const struct sock *sk,
			 bool remote)
{
	u16 port = remote ? ntohs(sk->sk_dport) : sk->sk_num;
	const struct in6_addr *a6 = remote ? &sk->sk_v6_daddr :
					     &sk->sk_v6_rcv_saddr;
	__be32 a4 = remote ? sk->sk_daddr : sk->sk_rcv_saddr;
	char text[64];

	if (sk->sk_family == AF_INET)
		snprintf(text, sizeof(text), "%pI4:%u", &a4, port);
	else
		snprintf(text, sizeof(text), "[%pI6c]:%u", a6, port);
	seq_printf(seq, " %-27s", text);
}

static void show_connection(struct seq_file *seq, struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	const struct tcp_congestion_ops *ca;
	char name[TCP_CA_NAME_MAX] = "-";

	local_bh_disable();	/* softirqs take this lock, too */
	bh_lock_sock(sk);
	ca = inet_csk(sk)->icsk_ca_ops;
	if (ca)
		strscpy(name, ca->name, sizeof(name));
	seq_printf(seq, " %8u %8u %-12s %6u %8d %8u %8u %8u %8u %6u %10u %10u",
		   linnet_readable(sk), tp->write_seq - tp->snd_una, name,
		   tcp_snd_cwnd(tp),
		   tp->snd_ssthresh >= TCP_INFINITE_SSTHRESH ? -1 :
		   (int)tp->snd_ssthresh, tp->srtt_us >> 3, linnet_rto(sk),
		   tp->snd_wnd, tp->rcv_wnd, tp->mss_cache, tp->total_retrans,
		   linnet_sk(sk)->reassembly.bytes);
	bh_unlock_sock(sk);
	local_bh_enable();
	seq_printf(seq, " %6u %8lu\n", from_kuid_munged(seq_user_ns(seq),
							linnet_compat_uid(sk)),
		   (unsigned long)sock_i_ino(sk));
}

static int sockets_show(struct seq_file *seq, void *v)
{
	struct sock *sk = v;
	int state;

	if (v == SEQ_START_TOKEN) {
		seq_printf(seq, "%-13s %-27s %-27s %8s %8s %-12s %6s %8s %8s %8s %8s %8s %6s %10s %10s %6s %8s\n",
			   "state", "local", "remote", "recv_q", "send_q",
			   "congestion", "cwnd", "ssthresh", "srtt_us",
			   "rto_us", "snd_wnd", "rcv_wnd", "mss", "retrans",
			   "ooo_bytes", "uid", "inode");
		return 0;
	}
	state = inet_sk_state_load(sk);
	seq_printf(seq, "%-13s", state < ARRAY_SIZE(state_names) &&
		   state_names[state] ? state_names[state] : "?");
	show_address(seq, sk, false);
	show_address(seq, sk, true);
	if (state == TCP_TIME_WAIT) {
		long left = linnet_timewait_expires(sk) - jiffies;

		seq_printf(seq, " ends in %u ms\n",
			   jiffies_to_msecs(max(left, 0L)));
	} else if (state == TCP_LISTEN) {
		seq_printf(seq, " accept queue %u of %u, SYN queue %u\n",
			   READ_ONCE(sk->sk_ack_backlog),
			   READ_ONCE(sk->sk_max_ack_backlog),
			   linnet_listen_syn_queue(sk));
	} else {
		show_connection(seq, sk);
	}
	return 0;
}

static const struct seq_operations sockets_ops = {
	.start	= sockets_start,
	.next	= sockets_next,
	.stop	= sockets_stop,
	.show	= sockets_show,
};

/**
 * linnet_diag_net_init() - the list of sockets of a new namespace
 * @net: the namespace; /proc/net/linnet exists
 *
 * Return: 0 or -ENOMEM.
 */
int linnet_diag_net_init(struct net *net)
{
	struct linnet_net *ln = linnet_pernet(net);

	return proc_create_net("sockets", 0444, ln->proc_dir, &sockets_ops,
			       sizeof(struct seq_net_private) +
			       sizeof(struct linnet_table_position)) ?
	       0 : -ENOMEM;
}

/**
 * linnet_diag_net_exit() - a namespace goes
 * @net: the namespace
 */
void linnet_diag_net_exit(struct net *net)
{
	remove_proc_entry("sockets", linnet_pernet(net)->proc_dir);
}
