/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the rooms of the passive side share: handshake.c (segments), synqueue.c
 * (who waits), child.c (birth), syncookies.c and fastopen.c.
 */
#ifndef _LINNET_HANDSHAKE_H
#define _LINNET_HANDSHAKE_H

#include "linnet.h"

/**
 * struct linnet_request - a connection in SYN-RECEIVED
 * @node: in the SYN queue, by the hash of its flow
 * @due: in the SYN queue, by the time of its timeout
 * @owned: SO_REUSEPORT: in the directory of whose it is
 * @listener: the listener that has it
 * @flow: the two ends
 * @opt: what the peer's SYN carried and we take up
 * @rcv_isn: the peer's initial sequence number
 * @snt_isn: ours
 * @ts_recent: the peer's last timestamp
 * @ts_offset: what our TSval starts from
 * @rcv_wnd: window told in our SYN and ACK, bytes
 * @window_clamp: the largest window that there may ever be, bytes
 * @rcv_wscale: window scale told there
 * @timeouts: how often its timer has expired
 * @retransmits: how often the SYN and ACK was repeated
 * @mss: MSS told there, bytes
 * @bound_dev_if: interface that the connection is bound to, 0: none
 * @acked: the ACK has come, but the accept queue was full, or it carried no
 *	data and TCP_DEFER_ACCEPT waits for some
 * @ecn_ok: both ends agree on ECN (RFC 3168, 6.1.1)
 * @fastopen_no_cookie: as the route says, see struct linnet_path
 * @features: likewise
 * @cookie: what diag clients know it by, 0: none has seen it
 * @saved_syn: headers of the SYN, for TCP_SAVED_SYN
 * @sent_us: when the SYN and ACK was sent first, microseconds
 * @last_reply: when a segment was answered last, jiffies
 * @expires: when its timer expires, jiffies
 */
struct linnet_request {
	struct hlist_node	node;
	struct list_head	due;
	struct hlist_node	owned;
	struct sock		*listener;
	struct linnet_flow	flow;
	struct linnet_options	opt;
	u32			rcv_isn;
	u32			snt_isn;
	u32			ts_recent;
	u32			ts_offset;
	u32			rcv_wnd;
	u32			window_clamp;
	u8			rcv_wscale;
	u8			timeouts;
	u8			retransmits;
	u16			mss;
	int			bound_dev_if;
	bool			acked;
	bool			ecn_ok;
	bool			fastopen_no_cookie;
	u32			features;
	u64			cookie;
	struct saved_syn	*saved_syn;
	u64			sent_us;
	unsigned long		last_reply;
	unsigned long		expires;
};

/* handshake.c */
struct dst_entry *linnet_request_init(struct sock *sk,
				      struct linnet_request *req,
				      const struct linnet_flow *flow,
				      const struct linnet_options *opt);
void linnet_send_syn_ack(struct sock *sk, struct linnet_request *req,
			 u32 tsval, struct dst_entry *dst);
u32 linnet_request_tsval(const struct linnet_request *req);
void linnet_forget_saved_syn(struct linnet_request *req);
bool linnet_lsm_request(struct sock *sk, struct sk_buff *skb, int family);

/* synqueue.c: who waits for the ACK of our SYN */
int linnet_synq_init(void);
void linnet_synq_exit(void);
struct linnet_request *linnet_synq_alloc(void);
void linnet_synq_free(struct linnet_request *req);
struct linnet_request *linnet_synq_find(struct sock *sk,
					const struct linnet_flow *flow);
struct sock *linnet_synq_owner(const struct linnet_flow *flow);
void linnet_synq_add(struct sock *sk, struct linnet_request *req);
void linnet_synq_drop(struct sock *sk, struct linnet_request *req);
int linnet_synq_each(struct sock *sk, unsigned long skip,
		     int (*each)(struct sock *sk, struct linnet_request *req,
				 void *arg), void *arg);
void linnet_synq_restart(struct sock *sk, struct linnet_request *req);

/* child.c: from a request to a socket */
struct sock *linnet_child_make(struct sock *sk, struct linnet_request *req,
			       struct sk_buff *skb);
void linnet_child_enqueue(struct sock *sk, struct sock *child);

/* syncookies.c */
void linnet_cookies_init(void);
bool linnet_cookie_wanted(struct sock *sk);
void linnet_cookie_answer(struct sock *sk, const struct linnet_segment *seg,
			  const struct linnet_flow *flow);
bool linnet_cookie_check(struct sock *sk, const struct linnet_segment *seg,
			 const struct linnet_flow *flow,
			 struct linnet_request *req);

#endif /* _LINNET_HANDSHAKE_H */
