/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What Linnet keeps in the control block of a buffer.  Pure. */
#ifndef _LINNET_SKB_H
#define _LINNET_SKB_H

#include <linux/skbuff.h>
#include <linux/rbtree.h>

#include "wire.h"

/* Scoreboard marks of a buffer in the retransmission queue (RFC 6675, 3) */
#define LINNET_SACKED		0x01	/* the peer holds it */
#define LINNET_RETRANS		0x02	/* retransmitted and still out */
#define LINNET_LOST		0x04	/* taken for lost */
#define LINNET_EVER_RETRANS	0x08	/* Karn: its round trip says nothing */

/* linnet_cb.marks */
#define LINNET_EOR		0x01	/* a record ends here: nothing is added */
#define LINNET_STAMP_ACK	0x02	/* tell when it is acknowledged */
#define LINNET_STAMP_RCV	0x04	/* it has a timestamp of its arrival */

/**
 * struct linnet_cb - control block of a buffer
 * @seq: sequence number of its first octet (or SYN)
 * @end_seq: one after its last, SYN and FIN counted
 * @flags: flags of the segment, LINNET_SYN ...
 * @sacked: scoreboard, LINNET_SACKED ...
 * @segs: segments that the buffer stands for
 * @gso_size: bytes of data in each but the last of them; 0 when @segs is 1
 * @app_limited: the sender had nothing more to send when this was sent
 * @marks: LINNET_EOR ...
 * @iif: received: interface that it came in by
 * @delivered: sent: tcp_sock.delivered at that time, segments
 * @sdif: received: slave's interface when @iif is a VRF master, or 0
 * @delivered_mstamp: sent: when @delivered was reached, microseconds
 * @first_tx_mstamp: sent: start of the sampling interval, microseconds
 * @flow_hash: received: linnet_flow.hash
 */
struct linnet_cb {
	__u32	seq;
	__u32	end_seq;
	__u8	flags;
	__u8	sacked;
	__u16	segs;
	__u16	gso_size;
	bool	app_limited;
	__u8	marks;
	union {
		int	iif;
		__u32	delivered;
	};
	union {
		int	sdif;
		__u64	delivered_mstamp;
	};
	union {
		__u32	flow_hash;
		__u64	first_tx_mstamp;
	};
};

#define LINNET_CB(skb) ((struct linnet_cb *)&(skb)->cb[0])

#endif /* _LINNET_SKB_H */
