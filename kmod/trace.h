/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tracepoints: linnet:linnet_state, _send, _receive, _retransmit, _cwnd.
 * Documentation/instruments.rst shows how to read them.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM linnet

#if !defined(_LINNET_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _LINNET_TRACE_H

#include <linux/tracepoint.h>
#include <net/inet_sock.h>
#include <net/tcp.h>

#include "linnet.h"
#include "xmit.h"

#ifndef LINNET_TRACE_HELPERS
#define LINNET_TRACE_HELPERS
/* Addresses always as IPv6, v4-mapped where they are IPv4 */
static inline void linnet_trace_addresses(const struct sock *sk, u8 *saddr,
					  u8 *daddr)
{
	if (sk->sk_family == AF_INET6 && !ipv6_addr_v4mapped(&sk->sk_v6_daddr)) {
		memcpy(saddr, &sk->sk_v6_rcv_saddr, 16);
		memcpy(daddr, &sk->sk_v6_daddr, 16);
	} else {
		ipv6_addr_set_v4mapped(sk->sk_rcv_saddr,
				       (struct in6_addr *)saddr);
		ipv6_addr_set_v4mapped(sk->sk_daddr, (struct in6_addr *)daddr);
	}
}
#endif

#define linnet_show_state(s) __print_symbolic(s,	\
	{ TCP_ESTABLISHED,	"ESTABLISHED" },	\
	{ TCP_SYN_SENT,		"SYN-SENT" },		\
	{ TCP_SYN_RECV,		"SYN-RECEIVED" },	\
	{ TCP_FIN_WAIT1,	"FIN-WAIT-1" },		\
	{ TCP_FIN_WAIT2,	"FIN-WAIT-2" },		\
	{ TCP_TIME_WAIT,	"TIME-WAIT" },		\
	{ TCP_CLOSE,		"CLOSED" },		\
	{ TCP_CLOSE_WAIT,	"CLOSE-WAIT" },		\
	{ TCP_LAST_ACK,		"LAST-ACK" },		\
	{ TCP_LISTEN,		"LISTEN" },		\
	{ TCP_CLOSING,		"CLOSING" })

#define linnet_show_flags(f) __print_flags(f, "|",	\
	{ LINNET_FIN, "FIN" }, { LINNET_SYN, "SYN" },	\
	{ LINNET_RST, "RST" }, { LINNET_PSH, "PSH" },	\
	{ LINNET_ACK, "ACK" }, { LINNET_URG, "URG" },	\
	{ LINNET_ECE, "ECE" }, { LINNET_CWR, "CWR" })

#define linnet_show_ca_state(s) __print_symbolic(s,	\
	{ TCP_CA_Open,		"Open" },		\
	{ TCP_CA_Disorder,	"Disorder" },		\
	{ TCP_CA_CWR,		"CWR" },		\
	{ TCP_CA_Recovery,	"Recovery" },		\
	{ TCP_CA_Loss,		"Loss" })

#define LINNET_TRACE_FLOW				\
	__array(__u8, saddr, 16)			\
	__array(__u8, daddr, 16)			\
	__field(__u16, sport)				\
	__field(__u16, dport)

#define LINNET_TRACE_ASSIGN(sk)						\
	linnet_trace_addresses(sk, __entry->saddr, __entry->daddr);	\
	__entry->sport = (sk)->sk_num;					\
	__entry->dport = ntohs((sk)->sk_dport)

#define LINNET_TRACE_FORMAT "%pI6c:%u > %pI6c:%u "
#define LINNET_TRACE_PRINT						\
	__entry->saddr, __entry->sport, __entry->daddr, __entry->dport

TRACE_EVENT(linnet_state,
	TP_PROTO(const struct sock *sk, int oldstate, int newstate),
	TP_ARGS(sk, oldstate, newstate),
	TP_STRUCT__entry(
		LINNET_TRACE_FLOW
		__field(int, oldstate)
		__field(int, newstate)
	),
	TP_fast_assign(
		LINNET_TRACE_ASSIGN(sk);
		__entry->oldstate = oldstate;
		__entry->newstate = newstate;
	),
	TP_printk(LINNET_TRACE_FORMAT "%s -> %s", LINNET_TRACE_PRINT,
		  linnet_show_state(__entry->oldstate),
		  linnet_show_state(__entry->newstate))
);

TRACE_EVENT(linnet_send,
	TP_PROTO(const struct sock *sk, u32 seq, u32 len, u8 flags, u16 segs),
	TP_ARGS(sk, seq, len, flags, segs),
	TP_STRUCT__entry(
		LINNET_TRACE_FLOW
		__field(__u32, seq)
		__field(__u32, ack)
		__field(__u32, len)
		__field(__u32, window)
		__field(__u16, segs)
		__field(__u8, flags)
	),
	TP_fast_assign(
		LINNET_TRACE_ASSIGN(sk);
		__entry->seq = seq;
		__entry->ack = tcp_sk(sk)->rcv_nxt;
		__entry->len = len;
		__entry->window = tcp_sk(sk)->rcv_wnd;
		__entry->segs = segs;
		__entry->flags = flags;
	),
	TP_printk(LINNET_TRACE_FORMAT "%s seq=%u ack=%u len=%u segs=%u win=%u",
		  LINNET_TRACE_PRINT, linnet_show_flags(__entry->flags),
		  __entry->seq, __entry->ack, __entry->len, __entry->segs,
		  __entry->window)
);

TRACE_EVENT(linnet_receive,
	TP_PROTO(const struct sock *sk, const struct linnet_segment *seg),
	TP_ARGS(sk, seg),
	TP_STRUCT__entry(
		LINNET_TRACE_FLOW
		__field(__u32, seq)
		__field(__u32, ack)
		__field(__u32, len)
		__field(__u32, window)
		__field(__u32, rcv_nxt)
		__field(__u8, flags)
	),
	TP_fast_assign(
		LINNET_TRACE_ASSIGN(sk);
		__entry->seq = seg->seq;
		__entry->ack = seg->ack;
		__entry->len = seg->len;
		__entry->window = seg->wnd;
		__entry->rcv_nxt = tcp_sk(sk)->rcv_nxt;
		__entry->flags = seg->flags;
	),
	TP_printk(LINNET_TRACE_FORMAT "%s seq=%u ack=%u len=%u win=%u rcv_nxt=%u",
		  LINNET_TRACE_PRINT, linnet_show_flags(__entry->flags),
		  __entry->seq, __entry->ack, __entry->len, __entry->window,
		  __entry->rcv_nxt)
);

TRACE_EVENT(linnet_retransmit,
	TP_PROTO(const struct sock *sk, u32 seq, u32 end_seq, u16 segs,
		 int err),
	TP_ARGS(sk, seq, end_seq, segs, err),
	TP_STRUCT__entry(
		LINNET_TRACE_FLOW
		__field(__u32, seq)
		__field(__u32, end_seq)
		__field(__u16, segs)
		__field(__u8, ca_state)
		__field(int, err)
	),
	TP_fast_assign(
		LINNET_TRACE_ASSIGN(sk);
		__entry->seq = seq;
		__entry->end_seq = end_seq;
		__entry->segs = segs;
		__entry->ca_state = inet_csk(sk)->icsk_ca_state;
		__entry->err = err;
	),
	TP_printk(LINNET_TRACE_FORMAT "seq=%u end_seq=%u segs=%u state=%s err=%d",
		  LINNET_TRACE_PRINT, __entry->seq, __entry->end_seq,
		  __entry->segs, linnet_show_ca_state(__entry->ca_state),
		  __entry->err)
);

TRACE_EVENT(linnet_cwnd,
	TP_PROTO(const struct sock *sk),
	TP_ARGS(sk),
	TP_STRUCT__entry(
		LINNET_TRACE_FLOW
		__field(__u32, snd_una)
		__field(__u32, snd_nxt)
		__field(__u32, snd_wnd)
		__field(__u32, snd_cwnd)
		__field(__u32, ssthresh)
		__field(__u32, packets_out)
		__field(__u32, sacked_out)
		__field(__u32, lost_out)
		__field(__u32, retrans_out)
		__field(__u32, srtt_us)
		__field(__u8, ca_state)
	),
	TP_fast_assign(
		const struct tcp_sock *tp = tcp_sk(sk);

		LINNET_TRACE_ASSIGN(sk);
		__entry->snd_una = tp->snd_una;
		__entry->snd_nxt = tp->snd_nxt;
		__entry->snd_wnd = tp->snd_wnd;
		__entry->snd_cwnd = tcp_snd_cwnd(tp);
		__entry->ssthresh = tp->snd_ssthresh;
		__entry->packets_out = tp->packets_out;
		__entry->sacked_out = tp->sacked_out;
		__entry->lost_out = tp->lost_out;
		__entry->retrans_out = tp->retrans_out;
		__entry->srtt_us = tp->srtt_us >> 3;
		__entry->ca_state = inet_csk(sk)->icsk_ca_state;
	),
	TP_printk(LINNET_TRACE_FORMAT
		  "cwnd=%u ssthresh=%u state=%s out=%u sacked=%u lost=%u retrans=%u srtt_us=%u una=%u nxt=%u wnd=%u",
		  LINNET_TRACE_PRINT, __entry->snd_cwnd, __entry->ssthresh,
		  linnet_show_ca_state(__entry->ca_state),
		  __entry->packets_out, __entry->sacked_out, __entry->lost_out,
		  __entry->retrans_out, __entry->srtt_us, __entry->snd_una,
		  __entry->snd_nxt, __entry->snd_wnd)
);

#endif /* _LINNET_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
