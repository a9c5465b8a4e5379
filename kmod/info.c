// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a socket tells of itself: TCP_INFO, LINNET_INFO, and the stop-watches
 * behind some of their fields.
 */
#include <linux/linnet.h>

#include "linnet.h"
#include "flow.h"
#include "xmit.h"

static void chrono_set(struct tcp_sock *tp, enum tcp_chrono type)
{
	const u32 now = tcp_jiffies32;

	if (tp->chrono_type > TCP_CHRONO_UNSPEC)
		tp->chrono_stat[tp->chrono_type - 1] += now - tp->chrono_start;
	tp->chrono_start = now;
	tp->chrono_type = type;
}

/**
 * linnet_chrono_start() - a time begins that TCP_INFO tells of
 * @sk: the socket, locked
 * @type: TCP_CHRONO_BUSY: data is on its way or waits to go;
 *	TCP_CHRONO_RWND_LIMITED: the peer's window holds it back;
 *	TCP_CHRONO_SNDBUF_LIMITED: the send buffer does
 *
 * One runs at a time; a limit counts before mere business.
 */
void linnet_chrono_start(struct sock *sk, enum tcp_chrono type)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (type > tp->chrono_type)
		chrono_set(tp, type);
}

/**
 * linnet_chrono_stop() - and ends
 * @sk: the socket, locked
 * @type: as for linnet_chrono_start()
 */
void linnet_chrono_stop(struct sock *sk, enum tcp_chrono type)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (linnet_rtx_empty(sk) && skb_queue_empty(&sk->sk_write_queue))
		chrono_set(tp, TCP_CHRONO_UNSPEC);
	else if (type == tp->chrono_type)
		chrono_set(tp, TCP_CHRONO_BUSY);
}

/**
 * linnet_info_fill() - LINNET_INFO
 * @sk: the socket, not locked
 * @info: zeroed; filled in
 */
void linnet_info_fill(struct sock *sk, struct linnet_info *info)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	bool slow = lock_sock_fast(sk);

	info->proto = sk->sk_protocol;
	info->state = sk->sk_state;
	info->rto_us = linnet_rto(sk);
	info->srtt_us = tp->srtt_us >> 3;
	info->rttvar_us = tp->mdev_us >> 2;
	info->snd_cwnd = tcp_snd_cwnd(tp);
	info->snd_ssthresh = tp->snd_ssthresh;
	info->mss = tp->mss_cache;
	info->out_of_order = linnet_sk(sk)->reassembly.bytes;
	unlock_sock_fast(sk, slow);
}

/**
 * linnet_tcp_info_fill() - TCP_INFO
 * @sk: the socket, not locked
 * @info: filled in
 *
 * The kernel's own code reads struct tcp_sock; what Linnet keeps elsewhere is
 * filled in after it.
 */
void linnet_tcp_info_fill(struct sock *sk, struct tcp_info *info)
{
	struct linnet_sock *ls = linnet_sk(sk);
	bool slow;

	tcp_get_info(sk, info);
	if (inet_sk_state_load(sk) == TCP_LISTEN)
		return;
	slow = lock_sock_fast(sk);
	info->tcpi_rto = linnet_rto(sk);
	info->tcpi_ato = jiffies_to_usecs(ls->ack.timeout);
	info->tcpi_rcv_mss = ls->ack.rcv_mss;
	info->tcpi_pmtu = inet_csk(sk)->icsk_pmtu_cookie;
	info->tcpi_last_data_recv = jiffies_to_msecs(tcp_jiffies32 -
						     ls->ack.last_data);
	unlock_sock_fast(sk, slow);
}
