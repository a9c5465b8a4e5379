/* SPDX-License-Identifier: GPL-2.0-or-later WITH Linux-syscall-note */
/*
 * What programs include to use Linnet.
 *
 * A Linnet socket is socket(AF_INET or AF_INET6, SOCK_STREAM, IPPROTO_LINNET).
 * It takes the SOL_SOCKET, SOL_IP, SOL_IPV6 and SOL_TCP options that a TCP
 * socket takes; what is Linnet's alone stands here.
 */
#ifndef _UAPI_LINUX_LINNET_H
#define _UAPI_LINUX_LINNET_H

#include <linux/types.h>

/* RFC 3692: 253 and 254 are for experimentation.  The module parameter
 * "proto" chooses between them.
 */
#define IPPROTO_LINNET		253
#define IPPROTO_LINNET_ALT	254

/* Level for setsockopt() and getsockopt(); SOL_* numbers below 300 are the
 * kernel's.
 */
#define SOL_LINNET		0x4c4e

/* Options at level SOL_LINNET */
#define LINNET_INFO		1	/* struct linnet_info, read only */
#define LINNET_ZEROCOPY		2	/* int: SO_ZEROCOPY, where the kernel has it
					 * for TCP alone (before 6.7)
					 */

/**
 * struct linnet_info - what only Linnet has to say of a connection
 * @proto: IP protocol number in use
 * @state: state of RFC 9293, numbered as in TCP_INFO
 * @rto_us: retransmission timeout, microseconds
 * @srtt_us: smoothed round-trip time, microseconds
 * @rttvar_us: round-trip time variation, microseconds
 * @snd_cwnd: congestion window, segments
 * @snd_ssthresh: slow-start threshold, segments
 * @mss: bytes of data in a full segment with the options in use
 * @out_of_order: bytes waiting in the out-of-order queue
 * @reserved: zero
 *
 * The structure only ever grows; getsockopt() copies as much as the caller has
 * room for and tells how much that was.
 */
struct linnet_info {
	__u8	proto;
	__u8	state;
	__u16	reserved;
	__u32	rto_us;
	__u32	srtt_us;
	__u32	rttvar_us;
	__u32	snd_cwnd;
	__u32	snd_ssthresh;
	__u32	mss;
	__u32	out_of_order;
};

#endif /* _UAPI_LINUX_LINNET_H */
