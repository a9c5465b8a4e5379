/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the rooms of loss recovery share, and offer to the others */
#ifndef _LINNET_RECOVERY_H
#define _LINNET_RECOVERY_H

#include "linnet.h"

/**
 * struct linnet_ack - an acknowledgement, and what it told, as it is worked
 *	through
 * @seg: the segment
 * @prior_una: SND.UNA before it
 * @prior_high: one after the highest octet SACKed before it
 * @reordered: the lowest octet that was sent once and arrived after later ones
 * @segs: segments that left the queue
 * @sacked: segments newly SACKed
 * @delivered: segments newly known to have arrived, at the end with @sacked
 * @duplicates: duplicate ACKs (RFC 5681, 2) that it is
 * @first_sent: when the first of @segs was sent, microseconds; 0: all were sent
 *	again
 * @last_sent: when the last was
 * @sack_first_sent: when the first of @sacked was sent; 0: all were sent again
 * @sack_last_sent: when the last was
 * @una_advanced: SND.UNA has moved
 * @window_update: it changed SND.WND (RFC 9293, 3.10.7.4)
 * @syn: it acknowledged our SYN
 * @retransmitted: some of @segs had been sent again
 * @original: something that was out at high_seq, and sent once, has arrived
 * @dsack: it tells of a duplicate (RFC 2883)
 * @dsack_tlp: which is that of our probe
 * @ece: it echoes congestion (RFC 3168)
 * @head_sacked: what is the oldest in the queue now was SACKed before: the peer
 *	reneges
 * @retransmission_lost: a retransmission was found lost
 * @set_timer: the retransmission timer is to be set
 * @rs: rate sample
 */
struct linnet_ack {
	const struct linnet_segment	*seg;
	u32			prior_una;
	u32			prior_high;
	u32			reordered;
	u32			segs;
	u32			sacked;
	u32			delivered;
	u32			duplicates;
	u64			first_sent;
	u64			last_sent;
	u64			sack_first_sent;
	u64			sack_last_sent;
	bool			una_advanced;
	bool			window_update;
	bool			syn;
	bool			retransmitted;
	bool			original;
	bool			dsack;
	bool			dsack_tlp;
	bool			ece;
	bool			head_sacked;
	bool			retransmission_lost;
	bool			set_timer;
	struct rate_sample	rs;
};

/* scoreboard.c: what the peer holds, what is lost */
void linnet_mark_lost(struct sock *sk, struct sk_buff *skb);
void linnet_mark_by_sack(struct sock *sk);
void linnet_mark_head(struct sock *sk);
void linnet_scoreboard_sack(struct sock *sk, struct linnet_ack *ack);
void linnet_scoreboard_forget(struct sock *sk, const struct sk_buff *skb);
void linnet_scoreboard_unmark_lost(struct sock *sk);
void linnet_check_reordering(struct sock *sk, u32 low, u32 high);
bool linnet_any_retransmitted(const struct sock *sk);
bool linnet_duplicates_limit(struct sock *sk);
u32 linnet_duplicates_add(struct sock *sk, u32 n);
u32 linnet_duplicates_acked(struct sock *sk, u32 segs);

/* rack.c: loss told by time (RFC 8985); bits of net.linnet.recovery as TCP's */
#define LINNET_RACK_LOSS_DETECTION	1
#define LINNET_RACK_STATIC_REO_WND	2
#define LINNET_RACK_NO_DUPTHRESH	4
#define LINNET_TLP			3	/* net.linnet.early_retrans */

bool linnet_rack_on(const struct sock *sk);
void linnet_rack_init(struct sock *sk);
void linnet_rack_delivered(struct sock *sk, const struct sk_buff *skb,
			   const struct linnet_ack *ack);
void linnet_rack_adapt(struct sock *sk, const struct rate_sample *rs);
bool linnet_rack_overdue(const struct sock *sk, const struct sk_buff *skb);
bool linnet_rack_mark_lost(struct sock *sk);
void linnet_rack_timeout(struct sock *sk);
bool linnet_tlp_arm(struct sock *sk, bool advanced);
void linnet_tlp_timeout(struct sock *sk);
void linnet_tlp_ack(struct sock *sk, const struct linnet_ack *ack);

/* recovery.c: the states of loss recovery, reduction of the window and undo */

/* What an ACK lets out */
enum linnet_recovery_next {
	LINNET_SEND_NOTHING,
	LINNET_SEND_NEW,	/* F-RTO: new data, then see */
	LINNET_SEND_LOST,
};

bool linnet_echo_before(const struct sock *sk,
			const struct linnet_segment *seg, u32 moment);
enum linnet_recovery_next linnet_recovery_ack(struct sock *sk,
					      struct linnet_ack *ack);
void linnet_recovery_send(struct sock *sk, enum linnet_recovery_next next);
void linnet_recovery_cwnd(struct sock *sk, u32 delivered, u32 newly_lost,
			  bool una_advanced);
void linnet_recovery_timeout(struct sock *sk);
int linnet_recovery_retransmit(struct sock *sk);
void linnet_recovery_mtu(struct sock *sk);
void linnet_enter_recovery(struct sock *sk, bool ece);
void linnet_enter_cwr(struct sock *sk);
void linnet_cwr_at_once(struct sock *sk);

#endif /* _LINNET_RECOVERY_H */
