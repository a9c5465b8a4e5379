/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TIME-WAIT: what is left of a connection for 2 MSL */
#ifndef _LINNET_TIMEWAIT_H
#define _LINNET_TIMEWAIT_H

#include <net/sock.h>

struct linnet_bind_bucket;

/**
 * struct linnet_timewait - a connection in TIME-WAIT (RFC 9293, 3.10.7.4)
 * @common: looks like a socket to the tables: addresses, ports, state
 * @mark: SO_MARK; inet_diag finds it here, where TCP has it
 * @timer: ends it after 2 MSL
 * @bind_bucket: its local port, still taken
 * @snd_nxt: SND.NXT
 * @rcv_nxt: RCV.NXT
 * @window: as told last, on the wire
 * @ts_recent: TS.Recent, if @timestamps
 * @ts_recent_stamp: when it was noted, seconds of the boot clock
 * @ts_offset: what our TSval starts from
 * @last_reply: when a segment was answered last, jiffies
 * @timestamps: the connection used them
 * @rcu: readers may still look when it ends
 *
 * Holds no reference to the network namespace: linnet_timewait_purge() ends
 * what is left when that goes.
 */
struct linnet_timewait {
	struct sock_common		common;
	u32				mark;
	struct timer_list		timer;
	struct linnet_bind_bucket	*bind_bucket;
	u32				snd_nxt;
	u32				rcv_nxt;
	u16				window;
	u32				ts_recent;
	u32				ts_recent_stamp;
	u32				ts_offset;
	unsigned long			last_reply;
	bool				timestamps;
	struct rcu_head			rcu;
};

static inline struct linnet_timewait *linnet_tw(const struct sock *sk)
{
	return container_of(&((struct sock *)sk)->__sk_common,
			    struct linnet_timewait, common);
}

bool linnet_unhash_timewait(struct linnet_timewait *tw);
void linnet_ports_add_timewait(struct linnet_timewait *tw, struct sock *sk);
void linnet_ports_del_timewait(struct linnet_timewait *tw);

#endif /* _LINNET_TIMEWAIT_H */
