/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The arithmetic of windows.  Pure: no socket, tested in userspace. */
#ifndef _LINNET_FLOW_H
#define _LINNET_FLOW_H

#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/types.h>

#include "wire.h"

/* Room in a buffer and window are not the same: a segment costs more memory
 * than it has data.  How much more was a guess of the system (a shift) until
 * Linux 6.6 began to measure it for each socket (a ratio of 256).
 */
#define LINNET_RATIO_SHIFT	8
#define LINNET_RATIO_DEFAULT	(1 << (LINNET_RATIO_SHIFT - 1))

/**
 * linnet_window_by_scale() - how much window a piece of buffer stands for
 * @space: bytes of receive buffer
 * @scale: net.linnet.adv_win_scale: all but 1/2^scale, or 1/2^-scale of it
 *
 * Return: bytes of data, not negative.
 */
static inline int linnet_window_by_scale(int space, int scale)
{
	if (space <= 0)
		return 0;
	return scale <= 0 ? space >> -scale : space - (space >> scale);
}

/**
 * linnet_window_by_ratio() - how much window a piece of buffer stands for
 * @space: bytes of receive buffer
 * @ratio: data in what a segment costs, in 1/256
 *
 * Return: bytes of data, not negative.
 */
static inline int linnet_window_by_ratio(int space, __u8 ratio)
{
	return space > 0 ? (__s64)space * ratio >> LINNET_RATIO_SHIFT : 0;
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
 * linnet_first_window() - the window of a SYN (RFC 9293, 3.8.6.2.2)
 * @space: bytes of window that the buffer and the clamp allow
 * @mss: size of a full segment from the peer, bytes
 * @most: no more than this
 * @segments: no more than so many full segments; 0: no such bound
 *
 * Return: bytes; whole segments, when there is room for one.
 */
static inline __u32 linnet_first_window(__u32 space, __u32 mss, __u32 most,
					__u32 segments)
{
	if (mss && space > mss)
		space -= space % mss;
	if (space > most)
		space = most;
	if (segments && (__u64)segments * mss < space)
		space = segments * mss;
	return space;
}

/**
 * struct linnet_window - what the window to advertise depends on
 * @offered: what the peer may still send of the window told last, bytes
 * @told: the window told last, bytes
 * @free: window that the receive buffer has room for now, bytes
 * @allowed: window that it has room for when empty, bytes
 * @full: the same, bounded by the window clamp, bytes
 * @limit: how far the window may open by now (rcv_ssthresh), bytes
 * @mss: size of a full segment from the peer, bytes
 * @wscale: our window scale
 * @shrink: the window may shrink when memory is short (net.linnet.shrink_window)
 */
struct linnet_window {
	__u32	offered;
	__u32	told;
	__u32	free;
	__u32	allowed;
	__u32	full;
	__u32	limit;
	__u32	mss;
	__u8	wscale;
	bool	shrink;
};

static inline __u32 linnet_round_up(__u32 value, __u32 unit)
{
	return (value + unit - 1) & ~(unit - 1);
}

/**
 * linnet_window_wanted() - the window that the buffer has room for
 * @w: what it depends on
 *
 * Silly-window avoidance (RFC 9293, 3.8.6.2.2, MUST-39): closed when less than
 * a segment or a sixteenth of the buffer is free; without a scale, whole
 * segments.
 *
 * Return: bytes, with a scale a multiple of its unit; may be less than what
 * was offered.
 */
static inline __u32 linnet_window_wanted(const struct linnet_window *w)
{
	__u32 unit = 1U << w->wscale, free = w->free, mss = w->mss;
	bool shrink = w->shrink && w->wscale;

	if (mss > w->full)
		mss = w->full;
	if (!w->full)
		return 0;
	if (shrink)
		free &= ~(unit - 1);
	if (free < w->full >> 1) {
		/* what is rounded up below must not grow by it */
		free &= ~(unit - 1);
		if (free < w->allowed >> 4 || free < mss ||
		    (shrink && free < unit))
			return 0;
	}
	if (free > w->limit)
		free = w->limit;
	if (w->wscale)
		return linnet_round_up(free, unit);
	if (w->told + mss <= free || w->told > free)
		return mss ? free - free % mss : free;
	if (mss == w->full && free > w->told + (w->full >> 1))
		return free;
	return w->told;
}

/**
 * linnet_window_select() - the window to advertise
 * @w: what it depends on
 *
 * The window never shrinks (RFC 9293, 3.8.6, SHLD-14), unless the
 * administrator has asked for it.
 *
 * Return: bytes, a multiple of 2^wscale.
 */
static inline __u32 linnet_window_select(const struct linnet_window *w)
{
	__u32 window = linnet_window_wanted(w);

	if (window >= w->offered || (w->shrink && w->wscale))
		return window;
	return linnet_round_up(w->offered, 1U << w->wscale);
}

/**
 * linnet_window_growth() - how much further may the window open for a segment?
 * @len: bytes of data in it
 * @cost: the window that its memory would stand for, bytes
 * @limit: how far the window may open now (rcv_ssthresh), bytes
 * @most: the largest window that the buffer could ever have, bytes
 * @advmss: the MSS that we offered, bytes
 * @mss: size of a full segment from the peer, bytes
 *
 * A window is a promise of memory.  Segments that cost no more than was assumed
 * let it open by two of them each, as a sender in slow start needs; those that
 * cost more only while the window is small against the buffer: by half of it
 * for twice the cost, and so on.
 *
 * Return: bytes, 0 when it must not open further.
 */
static inline __u32 linnet_window_growth(__u32 len, __u32 cost, __u32 limit,
					 __u32 most, __u32 advmss, __u32 mss)
{
	__u32 step = 2 * advmss;

	if (cost > len) {
		step = 2 * mss;
		do {
			cost >>= 1;
			most >>= 1;
			if (limit > most)
				return 0;
		} while (cost > len);
	}
	return step > 2 * len ? step : 2 * len;
}

/**
 * linnet_rcv_window_goal() - the window for what a user reads in a round trip
 * @copied: bytes read in the last round trip, not less than @before
 * @before: bytes read in the one before that counted, not 0
 * @cushion: bytes on top, for what is not exact
 * @rtt_us: the round trip, microseconds
 * @low_rtt_us: a round trip below this is a short one, microseconds
 *
 * Twice what was read, since the window is always a round trip late, and as
 * much again as it grew, since a sender in slow start goes on growing (Dynamic
 * Right-Sizing).  Where the round trip is short a sender catches up soon anyway:
 * the shorter, the less is added, and the buffer stays in the cache.
 *
 * Return: bytes.
 */
static inline __u64 linnet_rcv_window_goal(__u32 copied, __u32 before,
					   __u32 cushion, __u32 rtt_us,
					   __u32 low_rtt_us)
{
	__u64 window = 2ULL * copied + cushion;

	if (rtt_us < low_rtt_us)
		return window + div_u64(window * rtt_us, low_rtt_us);
	return window + 2 * div_u64(window * (copied - before), before);
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
