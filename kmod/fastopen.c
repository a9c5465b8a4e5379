// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Fast Open, the passive side (RFC 7413, 4.1 and 4.2): a client that shows a
 * cookie made for its address is where it says it is, and the data in its SYN
 * are taken before it acknowledges ours.
 */
#include <linux/slab.h>

#include "handshake.h"
#include "ecn.h"
#include "fastopen.h"
#include "xmit.h"

#define COOKIE_LEN	8	/* of those that we make, octets */
#define RESET_COUNTS	(60 * HZ)

static int bits(const struct net *net)
{
	return READ_ONCE(linnet_pernet(net)->fastopen);
}

/* --- keys and cookies --- */

/**
 * linnet_fastopen_net_init() - a namespace begins without a key
 * @net: the namespace
 */
void linnet_fastopen_net_init(struct net *net)
{
	struct linnet_net *ln = linnet_pernet(net);

	spin_lock_init(&ln->fastopen_lock);
	atomic_set(&ln->fastopen_disabled, 0);
}

static void set_keys(struct linnet_fastopen_keys *keys, const u8 *octets,
		     unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++, octets += LINNET_FASTOPEN_KEY_LEN)
		memcpy(&keys->key[i], octets, LINNET_FASTOPEN_KEY_LEN);
	keys->n = n;
}

/**
 * linnet_fastopen_net_keys() - exchange the keys of a namespace
 * @net: the namespace
 * @octets: @n keys, the new one first
 * @n: 1 or 2
 */
void linnet_fastopen_net_keys(struct net *net, const u8 *octets,
			      unsigned int n)
{
	struct linnet_net *ln = linnet_pernet(net);

	spin_lock_bh(&ln->fastopen_lock);
	set_keys(&ln->fastopen_keys, octets, n);
	spin_unlock_bh(&ln->fastopen_lock);
}

/* The keys of a namespace; drawn when they are needed first */
static void net_keys(struct net *net, struct linnet_fastopen_keys *keys)
{
	struct linnet_net *ln = linnet_pernet(net);

	spin_lock_bh(&ln->fastopen_lock);
	if (!ln->fastopen_keys.n) {
		get_random_bytes(&ln->fastopen_keys.key[0],
				 LINNET_FASTOPEN_KEY_LEN);
		ln->fastopen_keys.n = 1;
	}
	*keys = ln->fastopen_keys;
	spin_unlock_bh(&ln->fastopen_lock);
}

static unsigned int get_octets(const struct linnet_fastopen_keys *keys,
			       u8 *octets)
{
	unsigned int i;

	for (i = 0; i < keys->n; i++)
		memcpy(octets + i * LINNET_FASTOPEN_KEY_LEN, &keys->key[i],
		       LINNET_FASTOPEN_KEY_LEN);
	return keys->n;
}

/**
 * linnet_fastopen_net_octets() - the keys of a namespace
 * @net: the namespace
 * @octets: room for two of them
 *
 * Return: how many there are; 0 before the first was drawn or set.
 */
unsigned int linnet_fastopen_net_octets(struct net *net, u8 *octets)
{
	struct linnet_net *ln = linnet_pernet(net);
	unsigned int n;

	spin_lock_bh(&ln->fastopen_lock);
	n = get_octets(&ln->fastopen_keys, octets);
	spin_unlock_bh(&ln->fastopen_lock);
	return n;
}

/* Both addresses, no ports: one cookie for all that two hosts do */
static void make_cookie(const struct linnet_flow *flow,
			const siphash_key_t *key, u8 *cookie)
{
	struct linnet_flow addresses = *flow;
	__le64 hash;

	addresses.lport = 0;
	addresses.rport = 0;
	hash = cpu_to_le64(linnet_flow_siphash(&addresses, 0, key));
	memcpy(cookie, &hash, COOKIE_LEN);
}

/* Which key made a cookie; -1: none of ours */
static int cookie_key(const struct linnet_fastopen_keys *keys,
		      const struct linnet_flow *flow,
		      const struct linnet_options *opt)
{
	u8 good[COOKIE_LEN];
	unsigned int i;

	if (opt->cookie_len != COOKIE_LEN)
		return -1;
	for (i = 0; i < keys->n; i++) {
		make_cookie(flow, &keys->key[i], good);
		if (!memcmp(good, opt->cookie, COOKIE_LEN))
			return i;
	}
	return -1;
}

/* --- how many may wait --- */

static bool queue_has_room(struct net *net, struct linnet_fastopen_queue *q)
{
	bool room;

	if (!q || !READ_ONCE(q->most))
		return false;
	spin_lock(&q->lock);
	if (q->resets && time_after(jiffies, q->resets_until))
		q->resets = 0;
	room = q->len + q->resets < q->most;
	spin_unlock(&q->lock);
	if (!room)
		LINNET_COUNT(net, FastOpenListenOverflow);
	return room;
}

static void put_queue(struct linnet_fastopen_queue *q)
{
	if (refcount_dec_and_test(&q->ref))
		kfree(q);
}

/**
 * linnet_fastopen_proven() - a fast open is no longer on trust
 * @child: the connection, locked; nothing happens if it is not pending
 * @reset: by a reset, or whatever ended it: its place is kept for a minute
 */
void linnet_fastopen_proven(struct sock *child, bool reset)
{
	struct linnet_fastopen_queue *q = linnet_sk(child)->fastopen;

	if (!linnet_sk(child)->fastopen_pending)
		return;
	linnet_sk(child)->fastopen = NULL;
	WRITE_ONCE(linnet_sk(child)->fastopen_pending, false);
	spin_lock_bh(&q->lock);
	q->len--;
	if (reset && q->resets < q->most) {
		q->resets++;
		q->resets_until = jiffies + RESET_COUNTS;
	}
	spin_unlock_bh(&q->lock);
	put_queue(q);
}

/**
 * linnet_fastopen_forget() - a socket goes: give its queue back
 * @sk: a listener, or one that was to become one; locked
 */
void linnet_fastopen_forget(struct sock *sk)
{
	struct linnet_fastopen_queue *q = linnet_sk(sk)->fastopen;

	linnet_sk(sk)->fastopen = NULL;
	if (q)
		put_queue(q);
}

static struct linnet_fastopen_queue *get_queue(struct sock *sk)
{
	struct linnet_fastopen_queue *q = linnet_sk(sk)->fastopen;

	if (q)
		return q;
	q = kzalloc(sizeof(*q), GFP_KERNEL);
	if (!q)
		return NULL;
	refcount_set(&q->ref, 1);
	spin_lock_init(&q->lock);
	linnet_sk(sk)->fastopen = q;
	return q;
}

/**
 * linnet_fastopen_set_most() - TCP_FASTOPEN
 * @sk: the socket, locked
 * @val: how many fast opens may be pending; 0 switches it off
 *
 * Return: 0, -EINVAL or -ENOMEM.
 */
int linnet_fastopen_set_most(struct sock *sk, int val)
{
	struct linnet_fastopen_queue *q;

	if (val < 0 || !((1 << sk->sk_state) & (TCPF_CLOSE | TCPF_LISTEN)))
		return -EINVAL;
	q = get_queue(sk);
	if (!q)
		return -ENOMEM;
	WRITE_ONCE(q->most,
		   min_t(unsigned int, val,
			 READ_ONCE(sock_net(sk)->core.sysctl_somaxconn)));
	return 0;
}

/**
 * linnet_fastopen_get_most() - what TCP_FASTOPEN was set to
 * @sk: the socket, locked
 */
int linnet_fastopen_get_most(const struct sock *sk)
{
	const struct linnet_fastopen_queue *q = linnet_sk(sk)->fastopen;

	return q && (1 << sk->sk_state) & (TCPF_CLOSE | TCPF_LISTEN) ?
	       q->most : 0;
}

/**
 * linnet_fastopen_set_key() - TCP_FASTOPEN_KEY
 * @sk: the socket, locked
 * @octets: one key, or the new one and the old one
 * @len: octets
 *
 * Return: 0, -EINVAL or -ENOMEM.
 */
int linnet_fastopen_set_key(struct sock *sk, const u8 *octets,
			    unsigned int len)
{
	struct linnet_fastopen_queue *q;

	if (len != LINNET_FASTOPEN_KEY_LEN &&
	    len != LINNET_FASTOPEN_KEYS * LINNET_FASTOPEN_KEY_LEN)
		return -EINVAL;
	if (!((1 << sk->sk_state) & (TCPF_CLOSE | TCPF_LISTEN)))
		return -EINVAL;
	q = get_queue(sk);
	if (!q)
		return -ENOMEM;
	set_keys(&q->keys, octets, len / LINNET_FASTOPEN_KEY_LEN);
	return 0;
}

/**
 * linnet_fastopen_get_key() - the keys in use for a socket
 * @sk: the socket, locked
 * @octets: room for two of them
 *
 * Return: octets.
 */
int linnet_fastopen_get_key(struct sock *sk, u8 *octets)
{
	struct linnet_fastopen_queue *q = linnet_sk(sk)->fastopen;
	unsigned int n = 0;

	if (q)
		n = get_octets(&q->keys, octets);
	if (!n)
		n = linnet_fastopen_net_octets(sock_net(sk), octets);
	return n * LINNET_FASTOPEN_KEY_LEN;
}

/**
 * linnet_fastopen_listen() - listen(): the sysctl may ask for fast open
 * @sk: the socket, locked
 * @backlog: of listen()
 */
void linnet_fastopen_listen(struct sock *sk, int backlog)
{
	int on = LINNET_FASTOPEN_SERVER | LINNET_FASTOPEN_ALL_LISTENERS;

	if ((bits(sock_net(sk)) & on) == on && !linnet_fastopen_get_most(sk))
		linnet_fastopen_set_most(sk, backlog);
}

/* --- a SYN --- */

/**
 * linnet_fastopen_server() - may the data of a SYN be taken?
 * @sk: the listener, locked
 * @seg: the SYN
 * @req: what the SYN settled
 * @answer: given the option for our SYN and ACK, if one is due
 *
 * RFC 7413, 4.2.2.
 *
 * Return: true to make the connection at once.
 */
bool linnet_fastopen_server(struct sock *sk, const struct linnet_segment *seg,
			    const struct linnet_request *req,
			    struct linnet_options *answer)
{
	const struct linnet_flow *flow = &req->flow;
	struct linnet_fastopen_queue *q = linnet_sk(sk)->fastopen;
	const struct linnet_options *opt = &seg->opt;
	struct net *net = sock_net(sk);
	struct linnet_fastopen_keys keys;
	int which;

	if (opt->fastopen && !opt->cookie_len)
		LINNET_COUNT(net, FastOpenCookieReqd);
	if (!(bits(net) & LINNET_FASTOPEN_SERVER) ||
	    !(seg->len || opt->fastopen) || !queue_has_room(net, q))
		return false;
	if (bits(net) & LINNET_FASTOPEN_SERVER_NO_COOKIE ||
	    tcp_sk(sk)->fastopen_no_cookie || req->fastopen_no_cookie)
		return true;
	if (!opt->fastopen)
		return false;

	if (q->keys.n)
		keys = q->keys;
	else
		net_keys(net, &keys);
	which = cookie_key(&keys, flow, opt);
	if (which == 0)
		return true;
	/* it asks for one, or has an old or a wrong one: here is a good one */
	answer->fastopen = true;
	answer->cookie_len = COOKIE_LEN;
	make_cookie(flow, &keys.key[0], answer->cookie);
	if (which > 0) {
		LINNET_COUNT(net, FastOpenPassiveAltKey);
		return true;
	}
	if (opt->cookie_len)
		LINNET_COUNT(net, FastOpenPassiveFail);
	return false;
}

/* Our SYN goes into the child's own queue, and is repeated by its timer */
static bool send_syn_ack(struct sock *child,
			 const struct linnet_options *answer)
{
	struct tcp_fastopen_request option = { .cookie.len = -1 };
	struct tcp_sock *tp = tcp_sk(child);
	struct sk_buff *skb = linnet_alloc_skb(child, GFP_ATOMIC);

	if (!skb)
		return false;
	LINNET_CB(skb)->flags = LINNET_SYN | LINNET_ACK |
				(linnet_ecn_on(tp) ? LINNET_ECE : 0);
	LINNET_CB(skb)->seq = tp->snd_una;
	LINNET_CB(skb)->end_seq = tp->snd_nxt;
	LINNET_CB(skb)->segs = 1;
	sk_wmem_queued_add(child, skb->truesize);
	sk_mem_charge(child, skb->truesize);
	linnet_rtx_add(child, skb);
	tp->packets_out = 1;
	if (answer->fastopen) {
		option.cookie.len = answer->cookie_len;
		memcpy(option.cookie.val, answer->cookie, answer->cookie_len);
	}
	tp->fastopen_req = &option;
	linnet_transmit(child, skb, true, GFP_ATOMIC);
	tp->fastopen_req = NULL;
	linnet_rtx_arm(child, LINNET_TIMER_RTO, linnet_rto(child));
	return true;
}

/**
 * linnet_fastopen_child() - make the connection that a SYN with a good cookie
 *	opens (RFC 7413, 4.2.2)
 * @sk: the listener, locked
 * @req: what the SYN settled; the caller's
 * @seg: the SYN; SYN is taken from it, its data are processed
 * @answer: the option for our SYN and ACK
 * @taken: set when the buffer was taken
 *
 * Return: the child, locked, with two references, in the accept queue and in
 * SYN-RECEIVED; or NULL, and nothing has happened.
 */
struct sock *linnet_fastopen_child(struct sock *sk, struct linnet_request *req,
				   struct linnet_segment *seg,
				   const struct linnet_options *answer,
				   bool *taken)
{
	struct linnet_fastopen_queue *q = linnet_sk(sk)->fastopen;
	struct sock *child;
	struct tcp_sock *tp;

	*taken = false;
	child = linnet_child_make(sk, req, seg->skb);
	if (!child) {
		LINNET_COUNT(sock_net(sk), FastOpenPassiveFail);
		return NULL;
	}
	tp = tcp_sk(child);
	refcount_inc(&q->ref);
	linnet_sk(child)->fastopen = q;
	linnet_sk(child)->fastopen_pending = true;
	spin_lock(&q->lock);
	q->len++;
	spin_unlock(&q->lock);

	tp->snd_wnd = seg->wnd;		/* not scaled: RFC 7323, 2.2 */
	tp->snd_wl1 = seg->seq;
	tp->max_window = seg->wnd;
	linnet_transfer_start(child);
	linnet_child_enqueue(sk, child);
	LINNET_COUNT(sock_net(sk), FastOpenPassive);

	seg->flags &= ~LINNET_SYN;
	seg->seq++;
	if (seg->len) {
		tp->syn_data_acked = 1;
		*taken = linnet_receive_data(child, seg);
	}
	tp->rcv_wup = tp->rcv_nxt;
	if (!send_syn_ack(child, answer))
		linnet_abort(child, ENOMEM);
	return child;
}

/**
 * linnet_fastopen_repeated() - is it the SYN that opened the connection?
 * @child: a connection in SYN-RECEIVED, locked
 * @seg: a segment outside of its window
 *
 * Our SYN and ACK was lost: it is sent again.
 */
bool linnet_fastopen_repeated(struct sock *child,
			      const struct linnet_segment *seg)
{
	struct linnet_net *ln = linnet_pernet(sock_net(child));
	struct linnet_sock *ls = linnet_sk(child);
	struct sk_buff *syn = linnet_rtx_head(child);

	if (!ls->fastopen_pending || child->sk_state != TCP_SYN_RECV || !syn ||
	    (seg->flags & (LINNET_SYN | LINNET_ACK)) != LINNET_SYN ||
	    seg->seq != tcp_sk(child)->snd_wl1)
		return false;
	if (tcp_jiffies32 - ls->last_challenge <
	    msecs_to_jiffies(READ_ONCE(ln->invalid_ratelimit)))
		return true;
	ls->last_challenge = tcp_jiffies32;
	LINNET_COUNT(sock_net(child), SynRetrans);
	linnet_retransmit(child, syn, 1);
	return true;
}
