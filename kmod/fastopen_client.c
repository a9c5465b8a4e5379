// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Fast Open, the active side (RFC 7413, 4.1.3 and 4.2.1): cookies are kept by
 * address, and data go with the SYN to whom gave one.
 *
 * The data stand in the retransmission queue behind a SYN without data, as if
 * they had followed it: when the answer acknowledges only the SYN, they have
 * not been sent yet.
 */
#include <linux/slab.h>
#include <linux/hash.h>
#include <net/inet_common.h>

#include "fastopen.h"
#include "xmit.h"

#define CACHE_SETS	128	/* a power of two */
#define CACHE_WAYS	4

/* Reasons for which a fast open did not come about, as TCP_INFO tells them */
enum { NO_COOKIE = 1, DATA_NOT_ACKED, SYN_RETRANSMITTED };

/**
 * struct cached - what is remembered of a peer (RFC 7413, 4.1.3)
 * @laddr: our address, IPv4 in its v4-mapped form
 * @raddr: the peer's
 * @mss: the MSS it told last, bytes; 0: this place is free
 * @cookie_len: octets of @cookie, 0: none
 * @losses: SYNs with data in a row that got no answer
 * @loss_stamp: when the last of them was, jiffies
 * @used: when this was looked at last, jiffies
 * @cookie: the cookie
 */
struct cached {
	struct in6_addr	laddr;
	struct in6_addr	raddr;
	u16		mss;
	u8		cookie_len;
	u8		losses;
	u32		loss_stamp;
	u32		used;
	u8		cookie[LINNET_FASTOPEN_COOKIE_MAX];
};

/**
 * struct linnet_fastopen_cache - cookies by address, of a namespace
 * @lock: guards the rest
 * @set: a pair of addresses may stand in one set only; the one that was not
 *	used for the longest gives way
 */
struct linnet_fastopen_cache {
	spinlock_t	lock;
	struct cached	set[CACHE_SETS][CACHE_WAYS];
};

static bool only_a_fin(const struct linnet_reassembly *r)
{
	return r->last && rb_first(&r->queue) == &r->last->rbnode &&
	       LINNET_CB(r->last)->flags & LINNET_FIN;
}

static int bits(const struct sock *sk)
{
	return READ_ONCE(linnet_sk_net(sk)->fastopen);
}

/* --- the cache --- */

static struct linnet_fastopen_cache *cache_of(struct net *net, bool make)
{
	struct linnet_net *ln = linnet_pernet(net);
	struct linnet_fastopen_cache *cache, *other;

	cache = READ_ONCE(ln->fastopen_cache);
	if (cache || !make)
		return cache;
	cache = kvzalloc(sizeof(*cache), GFP_ATOMIC | __GFP_NOWARN);
	if (!cache)
		return NULL;
	spin_lock_init(&cache->lock);
	other = cmpxchg(&ln->fastopen_cache, NULL, cache);
	if (!other)
		return cache;
	kvfree(cache);
	return other;
}

static void addresses(const struct sock *sk, struct in6_addr *laddr,
		      struct in6_addr *raddr)
{
	struct linnet_flow flow;

	linnet_flow_of(sk, &flow);
	if (flow.family == AF_INET) {
		ipv6_addr_set_v4mapped(flow.laddr, laddr);
		ipv6_addr_set_v4mapped(flow.raddr, raddr);
	} else {
		*laddr = flow.laddr6;
		*raddr = flow.raddr6;
	}
}

/* The place of a peer, or one to put it; @cache locked */
static struct cached *find(struct linnet_fastopen_cache *cache,
			   const struct sock *sk, bool make)
{
	struct in6_addr laddr, raddr;
	struct cached *set, *victim;
	unsigned int i;

	addresses(sk, &laddr, &raddr);
	set = cache->set[hash_32(ipv6_addr_hash(&raddr), ilog2(CACHE_SETS))];
	victim = &set[0];
	for (i = 0; i < CACHE_WAYS; i++) {
		if (set[i].mss && ipv6_addr_equal(&set[i].raddr, &raddr) &&
		    ipv6_addr_equal(&set[i].laddr, &laddr)) {
			set[i].used = tcp_jiffies32;
			return &set[i];
		}
		if (!set[i].mss ||
		    (victim->mss && (s32)(set[i].used - victim->used) < 0))
			victim = &set[i];
	}
	if (!make)
		return NULL;
	memset(victim, 0, sizeof(*victim));
	victim->laddr = laddr;
	victim->raddr = raddr;
	victim->used = tcp_jiffies32;
	return victim;
}

/* SYNs with data vanish on the way to that peer: plain ones for a while, the
 * longer the more were lost (RFC 7413, 4.1.3.1)
 */
static bool recently_lost(const struct cached *c)
{
	return c->losses > 1 && tcp_jiffies32 - c->loss_stamp <
	       60 * HZ << min_t(u8, c->losses, 6);
}

/* What is known of the peer.  Returns false when it has shown no liking. */
static bool cache_get(const struct sock *sk, u16 *mss,
		      struct tcp_fastopen_cookie *cookie)
{
	struct linnet_fastopen_cache *cache = cache_of(sock_net(sk), false);
	const struct cached *c;
	bool good = true;

	cookie->len = 0;
	if (!cache)
		return true;
	spin_lock_bh(&cache->lock);
	c = find(cache, sk, false);
	if (c) {
		good = !recently_lost(c);
		*mss = c->mss;
		cookie->len = c->cookie_len;
		memcpy(cookie->val, c->cookie, c->cookie_len);
	}
	spin_unlock_bh(&cache->lock);
	return good;
}

static void cache_set(const struct sock *sk, u16 mss,
		      const struct linnet_options *opt, bool lost)
{
	struct linnet_fastopen_cache *cache = cache_of(sock_net(sk), true);
	struct cached *c;

	if (!cache)
		return;
	spin_lock_bh(&cache->lock);
	c = find(cache, sk, true);
	c->mss = mss ?: 1;
	if (opt->fastopen && opt->cookie_len) {
		c->cookie_len = opt->cookie_len;
		memcpy(c->cookie, opt->cookie, opt->cookie_len);
	}
	if (lost) {
		c->losses = min(c->losses + 1, 255);
		c->loss_stamp = tcp_jiffies32;
	} else {
		c->losses = 0;
	}
	spin_unlock_bh(&cache->lock);
}

/**
 * linnet_fastopen_net_exit() - a namespace goes, with its cookies
 * @net: the namespace
 */
void linnet_fastopen_net_exit(struct net *net)
{
	kvfree(linnet_pernet(net)->fastopen_cache);
}

/* --- black holes: paths that swallow what they do not know --- */

static void disable(struct sock *sk)
{
	struct linnet_net *ln = linnet_pernet(sock_net(sk));

	if (!READ_ONCE(ln->fastopen_blackhole_timeout_sec))
		return;
	/* before the count: who sees that reads this */
	WRITE_ONCE(ln->fastopen_disabled_stamp, jiffies);
	smp_mb__before_atomic();
	atomic_inc(&ln->fastopen_disabled);
	LINNET_COUNT(sock_net(sk), FastOpenBlackhole);
}

/* Off for the whole namespace; twice as long each time, up to 64 times */
static bool disabled(struct sock *sk)
{
	struct linnet_net *ln = linnet_pernet(sock_net(sk));
	unsigned int seconds = READ_ONCE(ln->fastopen_blackhole_timeout_sec);
	int times = atomic_read(&ln->fastopen_disabled);

	if (!seconds || !times)
		return false;
	smp_rmb();
	if (time_before(jiffies, READ_ONCE(ln->fastopen_disabled_stamp) +
			((unsigned long)seconds * HZ << min(times - 1, 6))))
		return true;
	/* this connection tries whether it is over */
	tcp_sk(sk)->syn_fastopen_ch = 1;
	return false;
}

/**
 * linnet_fastopen_timeout() - a retransmission timeout
 * @sk: the socket, locked
 * @hopeless: the connection is given up
 *
 * The third in a row on a connection that began with a fast open is a sign of
 * a box in the middle that does not let its segments through.
 */
void linnet_fastopen_timeout(struct sock *sk, bool hopeless)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	u8 timeouts = inet_csk(sk)->icsk_retransmits;

	if ((tp->syn_fastopen || tp->syn_data || tp->syn_data_acked) &&
	    (timeouts == 2 || (timeouts < 2 && hopeless)))
		disable(sk);
}

/**
 * linnet_fastopen_ended() - a connection is over: what does its end tell?
 * @sk: the socket, locked, its queues not empty yet
 *
 * A FIN that came, and nothing of what was before it, is a black hole; data
 * that came on a connection that tried whether there still is one, are the end
 * of it.
 */
void linnet_fastopen_ended(struct sock *sk)
{
	struct linnet_net *ln = linnet_pernet(sock_net(sk));
	struct tcp_sock *tp = tcp_sk(sk);

	if (!tp->syn_fastopen)
		return;
	if (!tp->data_segs_in) {
		if (only_a_fin(&linnet_sk(sk)->reassembly))
			disable(sk);
	} else if (tp->syn_fastopen_ch && atomic_read(&ln->fastopen_disabled)) {
		struct dst_entry *dst = sk_dst_get(sk);

		/* what works on the loopback interface says nothing */
		if (!dst || !dst->dev || !(dst->dev->flags & IFF_LOOPBACK))
			atomic_set(&ln->fastopen_disabled, 0);
		dst_release(dst);
	}
}

/* --- a SYN --- */

/* A route to hosts that need no cookie */
static bool route_needs_none(struct sock *sk)
{
	const struct dst_entry *dst = __sk_dst_get(sk);

	return dst && dst_metric(dst, RTAX_FASTOPEN_NO_COOKIE);
}

/* May data go with the SYN?  Otherwise @cookie tells whether to ask for one
 * (length 0) or not to speak of it (-1).
 */
static bool check_cookie(struct sock *sk, u16 *mss,
			 struct tcp_fastopen_cookie *cookie)
{
	if (disabled(sk) || !cache_get(sk, mss, cookie)) {
		cookie->len = -1;
		return false;
	}
	if (bits(sk) & LINNET_FASTOPEN_CLIENT_NO_COOKIE ||
	    tcp_sk(sk)->fastopen_no_cookie || route_needs_none(sk)) {
		cookie->len = -1;
		return true;
	}
	if (cookie->len > 0)
		return true;
	tcp_sk(sk)->fastopen_client_fail = NO_COOKIE;
	return false;
}

/**
 * linnet_fastopen_free_request() - forget what a SYN was to carry
 * @sk: the socket, locked
 */
void linnet_fastopen_free_request(struct sock *sk)
{
	kfree(tcp_sk(sk)->fastopen_req);
	tcp_sk(sk)->fastopen_req = NULL;
}

/**
 * linnet_fastopen_defers() - connect() with TCP_FASTOPEN_CONNECT: wait for data?
 * @sk: the socket, locked, in SYN-SENT and about to send its SYN
 * @err: set to -ENOBUFS when there is no memory
 *
 * Return: true when there is a cookie: the first data make the SYN then.
 */
bool linnet_fastopen_defers(struct sock *sk, int *err)
{
	struct tcp_fastopen_cookie cookie = { .len = 0 };
	struct tcp_sock *tp = tcp_sk(sk);
	u16 mss;

	*err = 0;
	if (!tp->fastopen_connect || tp->fastopen_req)
		return false;
	if (check_cookie(sk, &mss, &cookie)) {
		linnet_compat_set_defer_connect(sk, true);
		return true;
	}
	/* no data, but the SYN asks for a cookie */
	tp->fastopen_req = kzalloc(sizeof(*tp->fastopen_req),
				   sk->sk_allocation);
	if (!tp->fastopen_req)
		*err = -ENOBUFS;
	else
		tp->fastopen_req->cookie = cookie;
	return false;
}

/**
 * linnet_fastopen_option() - the option of the SYN that is about to go
 * @sk: the socket, locked
 * @opt: its options
 */
void linnet_fastopen_option(const struct sock *sk, struct linnet_options *opt)
{
	const struct tcp_fastopen_request *req = tcp_sk(sk)->fastopen_req;

	if (!req || req->cookie.len < 0)
		return;
	opt->fastopen = true;
	opt->cookie_len = req->cookie.len;
	memcpy(opt->cookie, req->cookie.val, req->cookie.len);
	/* beside all the others it may not fit */
	if (linnet_options_len(opt) > LINNET_OPTIONS_MAX)
		opt->fastopen = false;
}

/* How much data fits: the peer's MSS is what it told the last time */
static u32 room_in_syn(struct sock *sk, u16 mss)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 room = linnet_mss_for(linnet_sk(sk)->af,
				  inet_csk(sk)->icsk_pmtu_cookie);

	if (mss <= 1)
		mss = linnet_sk(sk)->af->family == AF_INET ?
		      LINNET_MSS_DEFAULT_IPV4 : LINNET_MSS_DEFAULT_IPV6;
	if (tp->rx_opt.user_mss)
		mss = min(mss, tp->rx_opt.user_mss);
	/* of the loopback interface: more than a page need not go at once */
	room = min3(room, (u32)mss, (u32)SKB_MAX_HEAD(MAX_TCP_HEADER));
	return room > LINNET_OPTIONS_MAX ? room - LINNET_OPTIONS_MAX : 0;
}

/* In a page, as all that is sent: it may be cut when it is sent again */
static struct sk_buff *data_for_syn(struct sock *sk, u32 room)
{
	struct tcp_fastopen_request *fo = tcp_sk(sk)->fastopen_req;
	u32 len = min_t(size_t, room, fo->size);
	struct page_frag *pfrag = sk_page_frag(sk);
	struct sk_buff *skb;

	if (!len || !skb_page_frag_refill(len, pfrag, sk->sk_allocation))
		return NULL;
	skb = linnet_alloc_skb(sk, sk->sk_allocation);
	if (!skb)
		return NULL;
	fo->copied = copy_from_iter(page_address(pfrag->page) + pfrag->offset,
				    len, &fo->data->msg_iter);
	if (!fo->copied) {
		linnet_free_skb(skb);
		return NULL;
	}
	skb_fill_page_desc(skb, 0, pfrag->page, pfrag->offset, fo->copied);
	get_page(pfrag->page);
	pfrag->offset += fo->copied;
	skb->len = fo->copied;
	skb->data_len = fo->copied;
	skb->truesize += fo->copied;
	return skb;
}

/**
 * linnet_fastopen_send_syn() - send a SYN with data (RFC 7413, 4.2.1)
 * @sk: the socket, locked, in SYN-SENT
 * @syn: the SYN without data, in the retransmission queue already
 *
 * Return: true when that has gone out; otherwise a plain SYN is to be sent,
 * with what linnet_fastopen_option() says.
 */
bool linnet_fastopen_send_syn(struct sock *sk, struct sk_buff *syn)
{
	struct tcp_fastopen_request *fo = tcp_sk(sk)->fastopen_req;
	struct tcp_sock *tp = tcp_sk(sk);
	struct linnet_cb *cb;
	struct sk_buff *skb;
	u16 mss = 0;
	int err;

	if (!fo)
		return false;
	if (!fo->data)		/* TCP_FASTOPEN_CONNECT, without a cookie */
		return false;
	if (!check_cookie(sk, &mss, &fo->cookie))
		return false;
	skb = data_for_syn(sk, room_in_syn(sk, mss));
	if (!skb)
		return false;

	cb = LINNET_CB(skb);
	cb->flags = LINNET_CB(syn)->flags;
	cb->seq = LINNET_CB(syn)->seq;
	cb->end_seq = LINNET_CB(syn)->end_seq + skb->len;
	cb->segs = 1;
	sk_wmem_queued_add(sk, skb->truesize);
	sk_mem_charge(sk, skb->truesize);
	err = linnet_transmit(sk, skb, true, sk->sk_allocation);
	syn->skb_mstamp_ns = skb->skb_mstamp_ns;
	linnet_rate_sent(sk, syn);

	/* From now on it is data that followed the SYN */
	cb->seq++;
	cb->flags = LINNET_ACK | LINNET_PSH;
	tp->write_seq = cb->end_seq;
	tp->pushed_seq = tp->write_seq;
	if (err) {
		__skb_queue_head(&sk->sk_write_queue, skb);
		return false;
	}
	tp->snd_nxt = tp->write_seq;
	tp->packets_out++;
	linnet_rtx_add(sk, skb);
	tp->syn_data = 1;
	tp->syn_fastopen = fo->cookie.len > 0;
	return true;
}

/* What the peer did not take with the SYN has not been sent */
static void take_back(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *skb;

	while ((skb = linnet_rtx_tail(sk))) {
		struct linnet_cb *cb = LINNET_CB(skb);

		/* a part of it may be acknowledged, more may be added to it,
		 * and a copy may still be below
		 */
		if (linnet_trim_acked(sk, skb) || linnet_unshare(sk, skb))
			break;
		tp->packets_out -= cb->segs;
		tp->snd_nxt = cb->seq;
		tp->bytes_retrans += skb->len;
		rb_erase(&skb->rbnode, &sk->tcp_rtx_queue);
		list_del_init(&skb->tcp_tsorted_anchor);
		cb->sacked = 0;
		linnet_init_segs(skb, tp->mss_cache);
		skb->dev = NULL;
		__skb_queue_head(&sk->sk_write_queue, skb);
	}
	tp->lost_out = 0;
	tp->retrans_out = 0;
	tp->sacked_out = 0;
	/* without memory for that it is lost, and the timer says so */
	linnet_rtx_rearm(sk);
}

/**
 * linnet_fastopen_answered() - the SYN and ACK has come
 * @sk: the socket, locked, its SYN acknowledged
 * @opt: options of the SYN and ACK
 *
 * RFC 7413, 4.2.1: learn the cookie; send again what was not taken.
 */
void linnet_fastopen_answered(struct sock *sk, const struct linnet_options *opt)
{
	struct linnet_options none = {};
	struct tcp_sock *tp = tcp_sk(sk);
	bool left = tp->syn_data && !linnet_rtx_empty(sk);
	bool again = tp->total_retrans;

	if (tp->fastopen_req && !tp->fastopen_req->data)
		linnet_fastopen_free_request(sk);
	if (!tp->syn_fastopen && !tp->syn_data)
		return;
	/* a cookie that we did not ask for does not count */
	cache_set(sk, opt->mss, tp->syn_fastopen ? opt : &none,
		  again && left && !opt->fastopen);
	if (left) {
		tp->fastopen_client_fail = again ? SYN_RETRANSMITTED :
						   DATA_NOT_ACKED;
		LINNET_COUNT(sock_net(sk), FastOpenActiveFail);
		take_back(sk);
		return;
	}
	tp->syn_data_acked = tp->syn_data;
	if (tp->syn_data)
		LINNET_COUNT(sock_net(sk), FastOpenActive);
}

/**
 * linnet_fastopen_sendmsg() - MSG_FASTOPEN, or the first data after a connect()
 *	that was deferred: connect
 * @sk: the socket, locked
 * @msg: address, data and flags
 * @size: bytes of data
 * @copied: set to the bytes that went with the SYN
 *
 * Return: 0; -EINPROGRESS, with or without bytes copied; -EOPNOTSUPP when the
 * sysctl does not allow it; -EALREADY; what connect() returns.
 */
int linnet_fastopen_sendmsg(struct sock *sk, struct msghdr *msg, size_t size,
			    int *copied)
{
	linnet_sockaddr *addr = msg->msg_name;
	struct tcp_sock *tp = tcp_sk(sk);
	int flags = msg->msg_flags & MSG_DONTWAIT ? O_NONBLOCK : 0;
	int err;

	if (!(bits(sk) & LINNET_FASTOPEN_CLIENT) ||
	    (addr && msg->msg_namelen >= sizeof(addr->sa_family) &&
	     addr->sa_family == AF_UNSPEC))
		return -EOPNOTSUPP;
	if (tp->fastopen_req)
		return -EALREADY;	/* another one is under way */
	tp->fastopen_req = kzalloc(sizeof(*tp->fastopen_req),
				   sk->sk_allocation);
	if (!tp->fastopen_req)
		return -ENOBUFS;
	tp->fastopen_req->data = msg;
	tp->fastopen_req->size = size;

	if (linnet_compat_defer_connect(sk))
		linnet_connect_send(sk);
	err = __inet_stream_connect(sk->sk_socket, addr, msg->msg_namelen,
				    flags, 1);
	/* it may be gone: the connection may be over by now */
	if (tp->fastopen_req) {
		*copied = tp->fastopen_req->copied;
		linnet_fastopen_free_request(sk);
		linnet_compat_set_defer_connect(sk, false);
	}
	return err;
}
