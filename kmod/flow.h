/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The arithmetic of windows.  Pure: no socket, tested in userspace. */
#ifndef _LINNET_FLOW_H
#define _LINNET_FLOW_H

#include <linux/kernel.h>

#include "wire.h"

/**
 * linnet_window_from_space() - how much window a piece of buffer stands for
 * @space: bytes of receive buffer
 *
 * A segment costs more memory than it has data: the control structures, and
 * what the device left unused.  Half is what Linux TCP has always assumed.
 *
 * Return: bytes of data.
 */
static inline __u32 linnet_window_from_space(int space)
{
	return space > 0 ? space >> 1 : 0;
}

/**
 * linnet_wscale_for() - the window scale to offer (RFC 7323, 2.3)
 * @space: the most that the receive buffer may grow to, bytes
 *
 * Return: shift, 0 to 14.
 */
static inline __u8 linnet_wscale_for(__u32 space)
{
	__u8 shift = 0;

	while (space > 65535 && shift < LINNET_WSCALE_MAX) {
		space >>= 1;
		shift++;
	}
	return shift;
}

/**
 * linnet_window_select() - the window to advertise (RFC 9293, 3.8.6.2.2)
 * @offered: what the peer may still send of the window told last, bytes
 * @free: bytes that the receive buffer has room for
 * @full: bytes that it has room for when empty
 * @mss: size of a full segment from the peer, bytes
 * @wscale: our window scale
 *
 * The window never shrinks (RFC 9293, 3.8.6, SHLD-14), and grows only by steps
 * worth a segment (silly-window avoidance, MUST-39).
 *
 * Return: bytes, a multiple of 2^@wscale; at most @free, unless that would take
 * back part of @offered: then @offered rounded up.
 */
static inline __u32 linnet_window_select(__u32 offered, __u32 free, __u32 full,
					 __u32 mss, __u8 wscale)
{
	__u32 unit = 1U << wscale, window;

	if (mss > full)
		mss = full;
	/* Below a segment and a sixteenth of the buffer: close it */
	if (free < (full >> 4) || free < mss) {
		window = 0;
	} else if (wscale) {
		window = free & ~(unit - 1);
		/* A buffer smaller than a unit could tell no window ever, and
		 * the peer would wait for one
		 */
		if (!window && free && full < unit)
			window = unit;
	} else {
		/* in whole segments while it is worth one */
		window = offered;
		if (window + mss <= free || window > free)
			window = mss ? free - free % mss : free;
	}
	if (window < offered)
		window = (offered + unit - 1) & ~(unit - 1);
	return window;
}

/**
 * linnet_window_update_due() - has the window opened enough to say so?
 * @offered: what the peer may still send of the window told last, bytes
 * @window: what linnet_window_select() gives now, bytes
 *
 * RFC 9293, 3.8.6.2.2 asks for the lesser of a segment and half the buffer;
 * like Linux TCP an update waits until the window has doubled, since anything
 * smaller rides on the next ACK.
 */
static inline bool linnet_window_update_due(__u32 offered, __u32 window)
{
	return window && window >= 2 * offered;
}

/**
 * linnet_segment_acceptable() - the four cases of RFC 9293, 3.10.7.4
 * @seq: SEG.SEQ
 * @end_seq: SEG.SEQ + SEG.LEN
 * @rcv_nxt: RCV.NXT
 * @rcv_wnd: RCV.WND as told to the peer, bytes
 *
 * Like Linux TCP a segment without data right after the window is taken too: a
 * peer that has filled the window acknowledges from there, and its ACK matters
 * even when some of what it sent is lost.
 */
static inline bool linnet_segment_acceptable(__u32 seq, __u32 end_seq,
					     __u32 rcv_nxt, __u32 rcv_wnd)
{
	if (seq == end_seq)
		return seq_between(seq, rcv_nxt, rcv_nxt + rcv_wnd);
	return rcv_wnd && seq_after(end_seq, rcv_nxt) &&
	       seq_before(seq, rcv_nxt + rcv_wnd);
}

/**
 * linnet_window_update_ok() - may a segment change SND.WND (RFC 9293, 3.10.7.4)
 * @seq: SEG.SEQ
 * @ack: SEG.ACK
 * @snd_una: SND.UNA before this segment
 * @snd_wl1: SEG.SEQ of the last update
 * @snd_wnd: SND.WND, bytes
 * @wnd: SEG.WND, scaled, bytes
 */
static inline bool linnet_window_update_ok(__u32 seq, __u32 ack, __u32 snd_una,
					   __u32 snd_wl1, __u32 snd_wnd,
					   __u32 wnd)
{
	return seq_after(ack, snd_una) || seq_after(seq, snd_wl1) ||
	       (seq == snd_wl1 && wnd > snd_wnd);
}

#endif /* _LINNET_FLOW_H */
