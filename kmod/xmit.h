/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What goes out, again or for the first time, and when: the offer of
 * retransmit.c, output.c, xmit.c and timer.c
 */
#ifndef _LINNET_XMIT_H
#define _LINNET_XMIT_H

#include "linnet.h"

/* retransmit.c: buffers cut, and sent again */
int linnet_fragment(struct sock *sk, struct sk_buff *skb, u32 len, u32 mss,
		    bool in_rtx_queue);
int linnet_trim_acked(struct sock *sk, struct sk_buff *skb);
int linnet_retransmit(struct sock *sk, struct sk_buff *skb, u32 segs);
int linnet_retransmit_last(struct sock *sk);

/* output.c: segments on their way out; xmit.c: how many may go */
struct sk_buff *linnet_alloc_skb(struct sock *sk, gfp_t gfp);
void linnet_init_segs(struct sk_buff *skb, u32 mss);
bool linnet_sent_skb(const struct sk_buff *skb);
int linnet_transmit(struct sock *sk, struct sk_buff *skb, bool clone,
		    gfp_t gfp);
int linnet_unshare(struct sock *sk, struct sk_buff *skb);
void linnet_send_ack(struct sock *sk);
void linnet_send_challenge_ack(struct sock *sk);
void linnet_send_fin(struct sock *sk);
void linnet_send_active_reset(struct sock *sk);
void linnet_send_window_probe(struct sock *sk, bool data);
int linnet_send_syn(struct sock *sk);
void linnet_send_reset(struct sock *sk, const struct linnet_flow *flow,
		       const struct linnet_segment *seg);
struct sk_buff *linnet_make_reply(const struct linnet_flow *flow, u8 flags,
				  u32 seq, u32 ack, u32 window,
				  const struct linnet_options *opt);
int linnet_send_reply(struct sock *sk, const struct linnet_flow *flow,
		      struct sk_buff *skb, struct dst_entry *dst);
u32 linnet_sync_mss(struct sock *sk);
u32 linnet_recompute_mss(struct sock *sk);
u32 linnet_mss_for(const struct linnet_af_ops *af, u32 mtu);
u16 linnet_advertised_mss(struct sock *sk);
void linnet_append(struct sock *sk, struct sk_buff *skb);
u32 linnet_timestamp_now(const struct sock *sk);
void linnet_clock_refresh(struct tcp_sock *tp);

/**
 * enum linnet_xmit - how much linnet_write_xmit() sends
 * @LINNET_XMIT_ALL: as much as may go
 * @LINNET_XMIT_ONE: one buffer, without waiting for a larger one
 * @LINNET_XMIT_PROBE: one segment, whatever the congestion window says
 */
enum linnet_xmit {
	LINNET_XMIT_ALL,
	LINNET_XMIT_ONE,
	LINNET_XMIT_PROBE,
};

void linnet_push_pending(struct sock *sk);
void linnet_push_new(struct sock *sk);
void linnet_push_probe(struct sock *sk);
void linnet_push_piece(struct sock *sk);
unsigned int linnet_max_segs(struct sock *sk, u32 mss);
bool linnet_xmit_held(struct sock *sk, const struct sk_buff *skb);
bool linnet_window_takes(const struct sock *sk, const struct sk_buff *skb);
void linnet_sent_new_data(struct sock *sk, struct sk_buff *skb);
bool linnet_write_xmit(struct sock *sk, u32 mss, int nonagle,
		       enum linnet_xmit how);
void linnet_rtx_add(struct sock *sk, struct sk_buff *skb);
void linnet_rtx_free(struct sock *sk, struct sk_buff *skb);
static inline bool linnet_rtx_empty(const struct sock *sk)
{
	return RB_EMPTY_ROOT(&sk->tcp_rtx_queue);
}

/**
 * linnet_rtx_head() - the oldest buffer not acknowledged, or NULL
 * @sk: the socket, locked
 */
static inline struct sk_buff *linnet_rtx_head(const struct sock *sk)
{
	struct rb_node *node = rb_first(&sk->tcp_rtx_queue);

	return node ? rb_to_skb(node) : NULL;
}

struct sk_buff *linnet_rtx_next(const struct sk_buff *skb);
struct sk_buff *linnet_rtx_prev(const struct sk_buff *skb);
struct sk_buff *linnet_rtx_tail(const struct sock *sk);
struct sk_buff *linnet_rtx_find(const struct sock *sk, u32 seq);
void linnet_xmit_work(struct sock *sk);

/* When a buffer of the retransmission queue was sent last, microseconds */
static inline u64 linnet_sent_us(const struct sk_buff *skb)
{
	return div_u64(skb->skb_mstamp_ns, NSEC_PER_USEC);
}

void linnet_free_skb(struct sk_buff *skb);
void linnet_wmem_free(struct sock *sk, struct sk_buff *skb);

/* timer.c: where timers fire, and what they do */
u32 linnet_rto(const struct sock *sk);
bool linnet_rto_is_less(const struct sock *sk, u32 age);

/**
 * linnet_rto_passed() - is it longer ago than a retransmission timeout?
 * @sk: the socket, locked
 * @since: when it was, jiffies
 *
 * Asked several times for each segment, and mostly within the same tick.
 */
static inline bool linnet_rto_passed(const struct sock *sk, u32 since)
{
	u32 age = tcp_jiffies32 - since;

	return age && linnet_rto_is_less(sk, age);
}

s64 linnet_rto_left(const struct sock *sk);
void linnet_rto_revert(struct sock *sk, u32 seq);
void linnet_timers_init(struct sock *sk);
void linnet_timers_stop(struct sock *sk);
void linnet_rtx_arm(struct sock *sk, enum linnet_timer_event event,
		    u32 delay_us);
void linnet_rtx_rearm(struct sock *sk);
void linnet_rtx_disarm(struct sock *sk);
void linnet_persist_arm(struct sock *sk);
void linnet_persist_start(struct sock *sk);
void linnet_ack_arm(struct sock *sk);
void linnet_compress_arm(struct sock *sk, u64 delay_ns, u64 slack_ns);
void linnet_compress_done(struct sock *sk);
void linnet_ack_disarm(struct sock *sk);
void linnet_keepalive_arm(struct sock *sk, unsigned long delay);
void linnet_set_keepalive(struct sock *sk, int val);
unsigned int linnet_keepalive_time(const struct sock *sk);
unsigned int linnet_fin_timeout(const struct sock *sk);
void linnet_pacing_arm(struct sock *sk, u64 expires_ns);
void linnet_release_cb(struct sock *sk);

#endif /* _LINNET_XMIT_H */
