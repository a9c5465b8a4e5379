// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SYN cookies (RFC 4987, 3.6): a listener whose SYN queue is full stores
 * nothing, and recognises the third segment of a handshake by what it
 * acknowledges.  The arithmetic is in syncookies.h.
 */
#include <linux/siphash.h>

#include "handshake.h"
#include "ecn.h"
#include "syncookies.h"

static siphash_aligned_key_t keys[2];

static u32 minutes(void)
{
	return div_u64(get_jiffies_64(), 60 * HZ);
}

static u32 both_ends(const struct linnet_flow *flow)
{
	return linnet_flow_siphash(flow, 0, &keys[0]);
}

/* With the peer's sequence number: an ACK of a segment that begins a few octets
 * behind the SYN, because what was before it is lost, would otherwise be a good
 * cookie with another MSS, and those octets would be skipped.
 */
static u32 both_ends_at(const struct linnet_flow *flow, u32 count, u32 isn)
{
	u64 hash = linnet_flow_siphash(flow, count, &keys[1]);

	return siphash_3u32(hash, hash >> 32, isn, &keys[1]);
}

/**
 * linnet_cookie_wanted() - the SYN queue is full, or cookies are always sent
 * @sk: the listener, locked
 *
 * Return: true to answer with a cookie, false to drop the SYN.
 */
bool linnet_cookie_wanted(struct sock *sk)
{
	struct linnet_net *ln = linnet_pernet(sock_net(sk));
	struct request_sock_queue *queue = &inet_csk(sk)->icsk_accept_queue;
	int mode = READ_ONCE(ln->syncookies);

	if (mode)
		LINNET_COUNT(sock_net(sk), ReqQFullDoCookies);
	else
		LINNET_COUNT(sock_net(sk), ReqQFullDrop);
	if (mode != 2 && !READ_ONCE(queue->synflood_warned) &&
	    !xchg(&queue->synflood_warned, 1))
		net_info_ratelimited("linnet: possible SYN flooding on port %u. %s.\n",
				     sk->sk_num, mode ? "Sending cookies" :
							"Dropping SYNs");
	return mode;
}

/**
 * linnet_cookie_answer() - answer a SYN with a cookie
 * @sk: the listener, locked
 * @seg: the SYN
 * @flow: its two ends
 */
void linnet_cookie_answer(struct sock *sk, const struct linnet_segment *seg,
			  const struct linnet_flow *flow)
{
	bool ipv6 = flow->family == AF_INET6;
	u32 count = minutes(), offered = seg->opt.mss;
	struct linnet_request req = {};
	struct dst_entry *dst;
	u32 tsval = 0;

	dst = linnet_request_init(sk, &req, flow, &seg->opt);
	req.rcv_isn = seg->seq;
	if (!offered)
		offered = ipv6 ? LINNET_MSS_DEFAULT_IPV6 :
				 LINNET_MSS_DEFAULT_IPV4;
	req.snt_isn = linnet_cookie_make(both_ends(flow),
					 both_ends_at(flow, count, seg->seq),
					 seg->seq, count,
					 linnet_cookie_mss_index(offered, ipv6));
	if (req.opt.timestamp) {
		req.ecn_ok = linnet_ecn_request(sk, seg, req.features);
		tsval = linnet_cookie_tsval(linnet_request_tsval(&req) -
					    req.ts_offset, &req.opt,
					    req.ecn_ok) +
			req.ts_offset;
	} else {
		/* what the timestamp would have kept is not offered */
		req.opt.sack_permitted = false;
		req.opt.wscale_ok = false;
	}
	tcp_synq_overflow(sk);
	LINNET_COUNT(sock_net(sk), SyncookiesSent);
	linnet_send_syn_ack(sk, &req, tsval, dst);
}

/* The options that the SYN had, from what the ACK brings back */
static bool restore_options(const struct linnet_segment *seg,
			    const struct linnet_flow *flow,
			    struct linnet_options *opt, bool *ecn)
{
	struct linnet_net *ln = linnet_pernet(flow->net);

	if (!seg->opt.timestamp)
		return true;
	opt->timestamp = true;
	opt->tsval = seg->opt.tsval;
	/* What is switched off now was not offered then, so it is forged */
	return READ_ONCE(ln->timestamps) &&
	       linnet_cookie_options(seg->opt.tsecr -
				     linnet_timestamp_offset(flow), opt,
				     ecn) &&
	       (!opt->sack_permitted || READ_ONCE(ln->sack)) &&
	       (!opt->wscale_ok || READ_ONCE(ln->window_scaling));
}

/**
 * linnet_cookie_check() - may an ACK be the answer to a cookie?
 * @sk: the listener, locked
 * @seg: an ACK that belongs to no request
 * @flow: its two ends
 * @req: filled in as if the SYN had been stored
 *
 * Cookies are believed for two minutes after the last was sent: an ACK out of
 * the blue finds nothing to guess at otherwise.
 *
 * Return: true when it acknowledges a cookie of ours.
 */
bool linnet_cookie_check(struct sock *sk, const struct linnet_segment *seg,
			 const struct linnet_flow *flow,
			 struct linnet_request *req)
{
	u32 cookie = seg->ack - 1, isn = seg->seq - 1, count, index, hash;
	struct linnet_options opt = {};
	bool ecn = false;

	if (!READ_ONCE(linnet_pernet(flow->net)->syncookies) ||
	    (seg->flags & (LINNET_SYN | LINNET_RST | LINNET_ACK)) !=
	    LINNET_ACK || tcp_synq_no_recent_overflow(sk))
		return false;
	hash = both_ends(flow);
	if (!linnet_cookie_count(cookie, hash, isn, minutes(), &count))
		goto failed;
	index = linnet_cookie_index(cookie, hash,
				    both_ends_at(flow, count, isn), isn);
	if (index >= LINNET_COOKIE_MSS)
		goto failed;
	if (!restore_options(seg, flow, &opt, &ecn))
		goto failed;
	LINNET_COUNT(sock_net(sk), SyncookiesRecv);
	opt.mss = linnet_cookie_mss(index, flow->family == AF_INET6);
	memset(req, 0, sizeof(*req));
	dst_release(linnet_request_init(sk, req, flow, &opt));
	req->ecn_ok = ecn;
	req->rcv_isn = isn;
	req->snt_isn = cookie;
	return true;
failed:
	LINNET_COUNT(sock_net(sk), SyncookiesFailed);
	return false;
}

/**
 * linnet_cookies_init() - draw the keys
 */
void linnet_cookies_init(void)
{
	get_random_bytes(keys, sizeof(keys));
}
