// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One ACK for many, while segments come behind a hole.
 *
 * RFC 5681, 4.2, asks for an ACK at once, so that the peer sees the loss.  The
 * first three do that (DupThresh); those that follow tell little, and share one
 * ACK with as many as come within a part of the round trip, as TCP's do.  It
 * spares the path, and the peer the work of sending segment by segment.
 */
#include "linnet.h"
#include "xmit.h"

/* Ranges that an ACK is sure to tell (RFC 2018: three with timestamps), but one
 * that may be lost
 */
#define BLOCKS_EXPECTED	2

/* How long may an ACK wait?  Nanoseconds. */
static u64 compression_delay(const struct sock *sk)
{
	struct linnet_net *ln = linnet_sk_net(sk);
	const struct tcp_sock *tp = tcp_sk(sk);
	u32 rtt_us = tp->rcv_rtt_est.rtt_us >> 3;

	/* that of a receiver may count the peer's pauses */
	if (tp->srtt_us && tp->srtt_us >> 3 < rtt_us)
		rtt_us = tp->srtt_us >> 3;
	return min_t(u64, READ_ONCE(ln->comp_sack_delay_ns),
		     (u64)rtt_us * (NSEC_PER_USEC / 100) *
		     READ_ONCE(ln->comp_sack_rtt_percent));
}

/**
 * linnet_ack_compress() - may the ACK that is owed wait for the next segment
 *	behind the hole?
 * @sk: the socket, locked, with segments out of order
 *
 * Return: true: it waits, and a timer runs; false: it has to be sent.
 */
bool linnet_ack_compress(struct sock *sk)
{
	struct linnet_net *ln = linnet_sk_net(sk);
	struct tcp_sock *tp = tcp_sk(sk);

	if (!tp->rx_opt.sack_ok ||
	    tp->compressed_ack >= READ_ONCE(ln->comp_sack_nr))
		return false;
	if (tp->compressed_ack_rcv_nxt != tp->rcv_nxt) {
		tp->compressed_ack_rcv_nxt = tp->rcv_nxt;
		tp->dup_ack_counter = 0;
	}
	if (tp->dup_ack_counter < TCP_FASTRETRANS_THRESH) {
		tp->dup_ack_counter++;
		return false;
	}
	tp->compressed_ack++;
	linnet_compress_arm(sk, compression_delay(sk),
			    READ_ONCE(ln->comp_sack_slack_ns));
	return true;
}

/**
 * linnet_ack_decompress() - send the ACK that waits, if one does
 * @sk: the socket, locked
 */
void linnet_ack_decompress(struct sock *sk)
{
	if (!tcp_sk(sk)->compressed_ack)
		return;
	/* all but one of them are spared */
	tcp_sk(sk)->compressed_ack--;
	linnet_send_ack(sk);
}

/**
 * linnet_ack_decompress_before() - a segment out of order is about to be queued:
 *	would the ACK that waits tell less with it?
 * @sk: the socket, locked
 * @seq: where the segment begins
 * @end_seq: where it ends
 */
void linnet_ack_decompress_before(struct sock *sk, u32 seq, u32 end_seq)
{
	const struct linnet_reassembly *r = &linnet_sk(sk)->reassembly;

	if (tcp_sk(sk)->compressed_ack && r->n_recent >= BLOCKS_EXPECTED &&
	    !linnet_reassembly_touches(r, seq, end_seq, BLOCKS_EXPECTED))
		linnet_ack_decompress(sk);
}
