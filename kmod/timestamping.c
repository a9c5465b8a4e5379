// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * When did data go out, when was it acknowledged, when did it come in?
 * SO_TIMESTAMP, SO_TIMESTAMPNS and SO_TIMESTAMPING, as TCP has them.
 *
 * A timestamp of sending belongs to the last octet of a send().  The kernel
 * makes it where the buffer passes (SCHED: the queueing discipline, SOFTWARE:
 * the driver) and puts it into the error queue with the key that the buffer
 * carries; ACK is made here.  With SOF_TIMESTAMPING_OPT_ID the key counts
 * octets.  For TCP the kernel subtracts the count's origin, sk->sk_tskey, as it
 * tells the key; for us it does not, so we keep keys less the origin.
 */
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>

#include "linnet.h"

/**
 * linnet_set_timestamping() - SO_TIMESTAMPING
 * @sock: the socket
 * @optname: SO_TIMESTAMPING_OLD or _NEW
 * @optval: flags, an int, or a struct so_timestamping that begins with them
 * @optlen: bytes of it
 *
 * Return: 0 or a negative error: -EINVAL when octets are to be counted and
 * there is no connection.
 */
int linnet_set_timestamping(struct socket *sock, int optname, sockptr_t optval,
			    unsigned int optlen)
{
	struct sock *sk = sock->sk;
	struct tcp_sock *tp = tcp_sk(sk);
	bool counts;
	u32 origin;
	int val, err;

	if (optlen < sizeof(val))
		return -EINVAL;
	if (copy_from_sockptr(&val, optval, sizeof(val)))
		return -EFAULT;
	lock_sock(sk);
	counts = val & SOF_TIMESTAMPING_OPT_ID &&
		 !(READ_ONCE(sk->sk_tsflags) & SOF_TIMESTAMPING_OPT_ID);
	origin = val & LINNET_COMPAT_OPT_ID_TCP ? tp->write_seq : tp->snd_una;
	err = counts && (1 << sk->sk_state) & (TCPF_CLOSE | TCPF_LISTEN) ?
	      -EINVAL : 0;
	release_sock(sk);
	if (err)
		return err;
	err = sock_setsockopt(sock, SOL_SOCKET, optname, optval, optlen);
	/* after it, which set the origin to 0 */
	if (!err && counts)
		atomic_set(&sk->sk_tskey, origin);
	return err;
}

/**
 * linnet_stamp_origin() - the count of octets begins
 * @sk: the socket, locked; data is about to be added to its send queue
 *
 * Where the kernel does not let us see the option as it is set, the count
 * begins with what is sent next.
 */
void linnet_stamp_origin(struct sock *sk)
{
	if (unlikely(READ_ONCE(sk->sk_tsflags) & SOF_TIMESTAMPING_OPT_ID) &&
	    !atomic_read(&sk->sk_tskey))
		atomic_set(&sk->sk_tskey, tcp_sk(sk)->write_seq);
}

/**
 * linnet_stamp_sent() - the last octet written is to be timestamped
 * @sk: the socket, locked; data was just added to its send queue
 * @sockc: what the caller of sendmsg() asked for
 */
void linnet_stamp_sent(struct sock *sk, const struct sockcm_cookie *sockc)
{
	struct sk_buff *skb = skb_peek_tail(&sk->sk_write_queue);
	struct skb_shared_info *shared;

	if (likely(!sockc->tsflags) || !skb)
		return;
	shared = skb_shinfo(skb);
	linnet_compat_tx_timestamp(sk, sockc, &shared->tx_flags);
	if (sockc->tsflags & SOF_TIMESTAMPING_TX_ACK)
		LINNET_CB(skb)->marks |= LINNET_STAMP_ACK;
	if (sockc->tsflags & SOF_TIMESTAMPING_TX_RECORD_MASK)
		shared->tskey = LINNET_CB(skb)->seq + skb->len - 1 -
				atomic_read(&sk->sk_tskey);
}

/**
 * linnet_stamp_split() - a buffer is split: the stamp goes with its octet
 * @sk: the socket, locked
 * @skb: the first part
 * @rest: the second part
 */
void linnet_stamp_split(struct sock *sk, struct sk_buff *skb,
			struct sk_buff *rest)
{
	struct skb_shared_info *from = skb_shinfo(skb), *to = skb_shinfo(rest);
	u8 wanted = from->tx_flags & SKBTX_ANY_TSTAMP;

	if (likely(!wanted && !(LINNET_CB(skb)->marks & LINNET_STAMP_ACK)))
		return;
	if (seq_before(from->tskey + atomic_read(&sk->sk_tskey),
		       LINNET_CB(rest)->seq)) {
		LINNET_CB(rest)->marks &= ~LINNET_STAMP_ACK;
		return;
	}
	from->tx_flags &= ~wanted;
	to->tx_flags |= wanted;
	swap(from->tskey, to->tskey);
	LINNET_CB(skb)->marks &= ~LINNET_STAMP_ACK;
}

/**
 * linnet_stamp_join() - a buffer takes in the one behind it: the later stamp
 *	counts
 * @skb: the buffer that grows
 * @next: the one that is about to go
 */
void linnet_stamp_join(struct sk_buff *skb, const struct sk_buff *next)
{
	const struct skb_shared_info *from = skb_shinfo(next);
	u8 wanted = from->tx_flags & SKBTX_ANY_TSTAMP;

	if (likely(!wanted && !(LINNET_CB(next)->marks & LINNET_STAMP_ACK)))
		return;
	skb_shinfo(skb)->tx_flags |= wanted;
	skb_shinfo(skb)->tskey = from->tskey;
	LINNET_CB(skb)->marks |= LINNET_CB(next)->marks & LINNET_STAMP_ACK;
}

/**
 * linnet_stamp_cut() - a super-segment was cut: the stamp goes with its octet
 * @skb: the super-segment
 * @segs: list of the segments
 * @seq: where they begin
 * @mss: bytes of data in each but the last
 */
void linnet_stamp_cut(const struct sk_buff *skb, struct sk_buff *segs, u32 seq,
		      u32 mss)
{
	u8 wanted = skb_shinfo(skb)->tx_flags &
		    (SKBTX_SW_TSTAMP | SKBTX_HW_TSTAMP);
	u32 key = skb_shinfo(skb)->tskey;

	/* an orphan's stamp would reach nobody */
	if (likely(!wanted) || !skb->sk)
		return;
	while (segs->next && !seq_before(key + atomic_read(&skb->sk->sk_tskey),
					 seq + mss)) {
		segs = segs->next;
		seq += mss;
	}
	skb_shinfo(segs)->tx_flags |= wanted;
	skb_shinfo(segs)->tskey = key;
}

/**
 * linnet_stamp_acked() - a buffer is acknowledged
 * @sk: the socket, locked; SND.UNA has moved
 * @skb: the buffer, about to be freed; its control block is spoilt
 */
void linnet_stamp_acked(struct sock *sk, struct sk_buff *skb)
{
	if (likely(!(LINNET_CB(skb)->marks & LINNET_STAMP_ACK)))
		return;
	linnet_compat_wants_ack_stamp(skb);
	__skb_tstamp_tx(skb, NULL, NULL, sk, SCM_TSTAMP_ACK);
}

/**
 * linnet_stamp_keep() - a buffer takes in another: the later timestamp counts
 * @to: the buffer that grows
 * @from: the one that is about to go, with its receive timestamp
 */
void linnet_stamp_keep(struct sk_buff *to, struct sk_buff *from)
{
	if (likely(!(LINNET_CB(from)->marks & LINNET_STAMP_RCV)))
		return;
	LINNET_CB(to)->marks |= LINNET_STAMP_RCV;
	to->tstamp = from->tstamp;
	*skb_hwtstamps(to) = *skb_hwtstamps(from);
}

/**
 * linnet_stamp_read() - the timestamps of a buffer that the user reads
 * @skb: the buffer
 * @stamps: filled in, if there are some
 */
void linnet_stamp_read(const struct sk_buff *skb, struct linnet_stamps *stamps)
{
	if (likely(!(LINNET_CB(skb)->marks & LINNET_STAMP_RCV)))
		return;
	stamps->software = skb->tstamp;
	stamps->hardware = skb_shinfo(skb)->hwtstamps.hwtstamp;
}

/* SO_TIMESTAMP and SO_TIMESTAMPNS: microseconds or nanoseconds, in structures
 * of old or of new size
 */
static void tell_software(struct msghdr *msg, const struct sock *sk,
			  struct timespec64 ts)
{
	bool wide = sock_flag(sk, SOCK_TSTAMP_NEW);
	struct __kernel_timespec kts = { ts.tv_sec, ts.tv_nsec };
	struct __kernel_sock_timeval ktv = {
		ts.tv_sec, ts.tv_nsec / NSEC_PER_USEC };
	struct __kernel_old_timespec ots = { ts.tv_sec, ts.tv_nsec };
	struct __kernel_old_timeval otv = {
		ts.tv_sec, ts.tv_nsec / NSEC_PER_USEC };

	if (sock_flag(sk, SOCK_RCVTSTAMPNS) && wide)
		put_cmsg(msg, SOL_SOCKET, SO_TIMESTAMPNS_NEW, sizeof(kts), &kts);
	else if (sock_flag(sk, SOCK_RCVTSTAMPNS))
		put_cmsg(msg, SOL_SOCKET, SO_TIMESTAMPNS_OLD, sizeof(ots), &ots);
	else if (wide)
		put_cmsg(msg, SOL_SOCKET, SO_TIMESTAMP_NEW, sizeof(ktv), &ktv);
	else
		put_cmsg(msg, SOL_SOCKET, SO_TIMESTAMP_OLD, sizeof(otv), &otv);
}

/**
 * linnet_stamp_tell() - put receive timestamps into a message
 * @msg: what recvmsg() fills
 * @sk: the socket
 * @stamps: of what was read last
 */
void linnet_stamp_tell(struct msghdr *msg, const struct sock *sk,
		       struct linnet_stamps *stamps)
{
	struct scm_timestamping_internal tss = {};
	u32 flags = READ_ONCE(sk->sk_tsflags);

	if (stamps->software && sock_flag(sk, SOCK_RCVTSTAMP))
		tell_software(msg, sk, ktime_to_timespec64(stamps->software));
	if (!(flags & SOF_TIMESTAMPING_SOFTWARE))
		stamps->software = 0;
	if (!(flags & SOF_TIMESTAMPING_RAW_HARDWARE))
		stamps->hardware = 0;
	if (!stamps->software && !stamps->hardware)
		return;
	tss.ts[0] = linnet_compat_tss(stamps->software);
	tss.ts[2] = linnet_compat_tss(stamps->hardware);
	if (sock_flag(sk, SOCK_TSTAMP_NEW))
		put_cmsg_scm_timestamping64(msg, &tss);
	else
		put_cmsg_scm_timestamping(msg, &tss);
}
