// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where sockets are found: listeners by port, connections by both ends.
 *
 * Read under RCU, written under the lock of a bucket.  Chains end in a "nulls"
 * value that tells which chain it was: a socket that is unhashed and hashed
 * again while a reader stands on it may lead him into another chain, and so he
 * finds out and starts again.
 */
#include <linux/jhash.h>
#include <linux/memblock.h>
#include <linux/mm.h>
#include <linux/rculist_nulls.h>
#include <linux/siphash.h>
#include <net/inet_hashtables.h>
#include <net/sock_reuseport.h>

#include "linnet.h"
#include "handshake.h"
#include "ports.h"
#include "timewait.h"

struct bucket {
	spinlock_t			lock;
	struct hlist_nulls_head		chain;
};

#define LISTENER_BUCKETS	1024

static struct bucket *connections;
static unsigned int connection_mask;
static struct bucket listeners[LISTENER_BUCKETS];
static u32 hash_secret;
static siphash_aligned_key_t isn_key, port_key;

/**
 * linnet_flow_of() - the two ends of a socket
 * @sk: a socket whose addresses are set
 * @flow: filled in
 */
void linnet_flow_of(const struct sock *sk, struct linnet_flow *flow)
{
	memset(flow, 0, sizeof(*flow));
	flow->net = sock_net(sk);
	flow->family = linnet_sk(sk)->af->family;
	flow->lport = sk->sk_num;
	flow->rport = sk->sk_dport;
	flow->iif = sk->sk_bound_dev_if;
	if (flow->family == AF_INET) {
		flow->laddr = sk->sk_rcv_saddr;
		flow->raddr = sk->sk_daddr;
	} else {
		flow->laddr6 = sk->sk_v6_rcv_saddr;
		flow->raddr6 = sk->sk_v6_daddr;
	}
}

static u32 hash_of(const struct linnet_flow *flow)
{
	u32 ports = (u32)flow->lport << 16 | (__force u16)flow->rport;
	u32 seed = hash_secret ^ net_hash_mix(flow->net);

	if (flow->family == AF_INET)
		return jhash_3words((__force u32)flow->laddr,
				    (__force u32)flow->raddr, ports, seed);
	/* of our own address, which a peer can hardly choose, a part will do */
	return jhash_3words((__force u32)flow->laddr6.s6_addr32[3],
			    __ipv6_addr_jhash(&flow->raddr6, seed),
			    ports, seed);
}

/**
 * linnet_flow_hash() - a hash over both ends
 * @flow: the two ends
 */
u32 linnet_flow_hash(const struct linnet_flow *flow)
{
	return flow->hash ?: hash_of(flow);
}

static struct bucket *connection_bucket(u32 hash)
{
	return &connections[hash & connection_mask];
}

/* By port and local address: who listens on any address stands in one chain,
 * whatever the family, and each address has its own
 */
static struct bucket *listener_bucket(const struct net *net, u16 port,
				      u32 address_hash)
{
	u32 hash = jhash_2words(port, address_hash,
				hash_secret ^ net_hash_mix(net));

	return &listeners[hash % LISTENER_BUCKETS];
}

static u32 address_hash4(__be32 address)
{
	return (__force u32)address;
}

static u32 address_hash6(const struct in6_addr *address)
{
	return ipv6_addr_any(address) ? 0 : ipv6_addr_hash(address);
}

static struct bucket *bucket_of(const struct sock *sk)
{
	u32 hash;

	if (sk->sk_state != TCP_LISTEN)
		return connection_bucket(sk->sk_hash);
	if (sk->sk_family == AF_INET ||
	    ipv6_addr_v4mapped(&sk->sk_v6_rcv_saddr))
		hash = address_hash4(sk->sk_rcv_saddr);
	else
		hash = address_hash6(&sk->sk_v6_rcv_saddr);
	return listener_bucket(sock_net(sk), sk->sk_num, hash);
}

static bool device_matches(const struct sock *sk, const struct linnet_flow *flow)
{
	int bound = READ_ONCE(sk->sk_bound_dev_if);

	if (bound)
		return bound == flow->iif || bound == flow->sdif;
	/* who is bound to nothing hears of a VRF if the administrator wants it */
	return !flow->sdif ||
	       READ_ONCE(linnet_pernet(flow->net)->l3mdev_accept);
}

/* Works on a struct linnet_timewait too: only sock_common is looked at */
static bool connection_matches(const struct sock *sk,
			       const struct linnet_flow *flow)
{
	if (sk->sk_num != flow->lport || sk->sk_dport != flow->rport ||
	    !net_eq(sock_net(sk), flow->net) || !device_matches(sk, flow))
		return false;
	if (flow->family == AF_INET)
		return sk->sk_daddr == flow->raddr &&
		       sk->sk_rcv_saddr == flow->laddr &&
		       (sk->sk_family == AF_INET ||
			ipv6_addr_v4mapped(&sk->sk_v6_daddr));
	return sk->sk_family == AF_INET6 &&
	       ipv6_addr_equal(&sk->sk_v6_daddr, &flow->raddr6) &&
	       ipv6_addr_equal(&sk->sk_v6_rcv_saddr, &flow->laddr6);
}

/**
 * linnet_table_put() - give back what was found in a table
 * @sk: a socket, or TIME-WAIT seen as one
 */
void linnet_table_put(struct sock *sk)
{
	if (sk->sk_state == TCP_TIME_WAIT)
		linnet_timewait_put(sk);
	else
		sock_put(sk);
}

/**
 * linnet_lookup_connection() - find the connection that a segment belongs to
 * @flow: the two ends of the segment
 *
 * Context: RCU read side.
 * Return: a socket, or a struct linnet_timewait (sk_state %TCP_TIME_WAIT) seen
 * as one, with a reference; NULL if there is none.
 */
struct sock *linnet_lookup_connection(const struct linnet_flow *flow)
{
	u32 hash = linnet_flow_hash(flow);
	u32 slot = hash & connection_mask;
	struct bucket *bucket = &connections[slot];
	const struct hlist_nulls_node *node;
	struct sock *sk;

begin:
	sk_nulls_for_each_rcu(sk, node, &bucket->chain) {
		if (sk->sk_hash != hash || !connection_matches(sk, flow))
			continue;
		if (unlikely(!refcount_inc_not_zero(&sk->sk_refcnt)))
			return NULL;
		/* it may have been given another peer since */
		if (unlikely(!connection_matches(sk, flow))) {
			linnet_table_put(sk);
			goto begin;
		}
		return sk;
	}
	if (get_nulls_value(node) != slot)
		goto begin;
	return NULL;
}

/* The more a listener asks for, the better it fits; -1: not at all.  @any: it
 * must listen on any address, or else on that of the flow.
 */
static int listener_score(const struct sock *sk, const struct linnet_flow *flow,
			  bool any)
{
	int score = 1;

	if (sk->sk_num != flow->lport || !net_eq(sock_net(sk), flow->net) ||
	    sk->sk_state != TCP_LISTEN || !device_matches(sk, flow))
		return -1;
	if (flow->family == AF_INET) {
		if (sk->sk_family == AF_INET6 &&
		    (ipv6_only_sock(sk) ||
		     (!ipv6_addr_any(&sk->sk_v6_rcv_saddr) &&
		      !ipv6_addr_v4mapped(&sk->sk_v6_rcv_saddr))))
			return -1;
		if (sk->sk_rcv_saddr != (any ? 0 : flow->laddr))
			return -1;
		score += sk->sk_family == AF_INET;
	} else if (sk->sk_family != AF_INET6 ||
		   !ipv6_addr_equal(&sk->sk_v6_rcv_saddr,
				    any ? &in6addr_any : &flow->laddr6)) {
		return -1;
	}
	score += !!READ_ONCE(sk->sk_bound_dev_if);
	score += READ_ONCE(sk->sk_incoming_cpu) == raw_smp_processor_id();
	return score;
}

/* The best of those who listen on an address, or on any */
static struct sock *best_listener(const struct linnet_flow *flow,
				  struct sk_buff *skb, bool any)
{
	u32 hash = any ? 0 : flow->family == AF_INET ?
		   address_hash4(flow->laddr) : address_hash6(&flow->laddr6);
	struct bucket *bucket = listener_bucket(flow->net, flow->lport, hash);
	unsigned int slot = bucket - listeners;
	const struct hlist_nulls_node *node;
	struct sock *sk, *best, *member;
	int score, best_score;

begin:
	best = NULL;
	best_score = 0;
	sk_nulls_for_each_rcu(sk, node, &bucket->chain) {
		score = listener_score(sk, flow, any);
		if (score <= best_score)
			continue;
		best_score = score;
		best = sk;
		if (!sk->sk_reuseport)
			continue;
		/* Of a group its program picks one, or the hash of the flow.
		 * As with TCP nobody who stands behind it is asked.
		 */
		member = reuseport_select_sock(sk, linnet_flow_hash(flow), skb,
					       skb ? linnet_header_len(
						(void *)skb->data) : 0);
		if (!IS_ERR_OR_NULL(member)) {
			best = member;
			goto found;
		}
	}
	if (get_nulls_value(node) != slot)
		goto begin;
	if (!best)
		return NULL;
found:
	if (unlikely(!refcount_inc_not_zero(&best->sk_refcnt)))
		goto begin;
	if (unlikely(best->sk_state != TCP_LISTEN)) {
		sock_put(best);
		goto begin;
	}
	return best;
}

/**
 * linnet_lookup_listener() - find who would take a connection
 * @flow: the two ends of the segment
 * @skb: the segment, data at its header, for the program of a SO_REUSEPORT
 *	group; NULL: without asking it
 *
 * Who listens on the very address comes before those who listen on any, then
 * who is bound to the device.  A handshake that has begun with one of a group
 * goes on with him, whatever has become of the group.
 *
 * Context: RCU read side.
 * Return: a listener with a reference, or NULL.
 */
struct sock *linnet_lookup_listener(const struct linnet_flow *flow,
				    struct sk_buff *skb)
{
	struct sock *sk, *owner;

	sk = best_listener(flow, skb, false) ?: best_listener(flow, skb, true);
	if (!sk || !sk->sk_reuseport)
		return sk;
	owner = linnet_synq_owner(flow);
	if (!owner)
		return sk;
	sock_put(sk);
	return owner;
}

/**
 * linnet_hash_unique() - enter a connection that must be the only one
 * @sk: a socket whose both ends are set
 * @tw: set to the TIME-WAIT whose place it took (RFC 6191), or NULL: the caller
 *	calls linnet_timewait_finish() for it, without other locks; NULL: a
 *	child, which takes nobody's place and has its sk_hash from its request
 *
 * Context: socket lock held.
 * Return: 0 or -EADDRNOTAVAIL when the same two ends are connected, or rest in
 * TIME-WAIT, already.
 */
int linnet_hash_unique(struct sock *sk, struct sock **tw)
{
	const struct hlist_nulls_node *node;
	struct linnet_flow flow;
	struct bucket *bucket;
	struct sock *other;
	int err = 0;

	linnet_flow_of(sk, &flow);
	if (tw) {
		*tw = NULL;
		sk->sk_hash = linnet_flow_hash(&flow);
	}
	bucket = bucket_of(sk);
	spin_lock_bh(&bucket->lock);
	sk_nulls_for_each(other, node, &bucket->chain) {
		if (other->sk_hash != sk->sk_hash ||
		    !connection_matches(other, &flow))
			continue;
		if (tw && other->sk_state == TCP_TIME_WAIT &&
		    linnet_timewait_reuse(sk, other,
					  sk->sk_userlocks & SOCK_BINDPORT_LOCK)) {
			hlist_nulls_del_init_rcu(&other->sk_nulls_node);
			*tw = other;
		} else {
			err = -EADDRNOTAVAIL;
		}
		break;
	}
	if (!err) {
		__sk_nulls_add_node_rcu(sk, &bucket->chain);
		sock_prot_inuse_add(sock_net(sk), sk->sk_prot, 1);
	}
	spin_unlock_bh(&bucket->lock);
	return err;
}

static bool listens_alike(const struct sock *a, const struct sock *b)
{
	return a->sk_num == b->sk_num && net_eq(sock_net(a), sock_net(b)) &&
	       a->sk_family == b->sk_family &&
	       ipv6_only_sock(a) == ipv6_only_sock(b) &&
	       a->sk_bound_dev_if == b->sk_bound_dev_if && b->sk_reuseport &&
	       uid_eq(linnet_compat_uid(a), linnet_compat_uid(b)) &&
	       (a->sk_family == AF_INET ?
		a->sk_rcv_saddr == b->sk_rcv_saddr :
		ipv6_addr_equal(&a->sk_v6_rcv_saddr, &b->sk_v6_rcv_saddr));
}

static int join_group(struct sock *sk, struct bucket *bucket)
{
	bool any = sk->sk_family == AF_INET6 ?
		   ipv6_addr_any(&sk->sk_v6_rcv_saddr) : !sk->sk_rcv_saddr;
	const struct hlist_nulls_node *node;
	struct sock *other;

	sk_nulls_for_each(other, node, &bucket->chain)
		if (other != sk && listens_alike(sk, other))
			return reuseport_add_sock(sk, other, any);
	return reuseport_alloc(sk, any);
}

/**
 * linnet_hash_listener() - enter a listener
 * @sk: a socket in LISTEN with a port
 *
 * One with SO_REUSEPORT joins the group of those who listen alike, for the
 * same user, or begins one.
 *
 * Context: socket lock held.
 * Return: 0 or -ENOMEM.
 */
int linnet_hash_listener(struct sock *sk)
{
	struct bucket *bucket = bucket_of(sk);
	int err = 0;

	spin_lock_bh(&bucket->lock);
	if (sk_unhashed(sk)) {
		if (sk->sk_reuseport)
			err = join_group(sk, bucket);
		if (!err) {
			__sk_nulls_add_node_rcu(sk, &bucket->chain);
			sock_prot_inuse_add(sock_net(sk), sk->sk_prot, 1);
		}
	}
	spin_unlock_bh(&bucket->lock);
	return err;
}

/**
 * linnet_unhash() - proto->unhash: take a socket out of the tables
 * @sk: the socket; its state must still be the one it was entered with, as far
 *	as LISTEN or not goes
 */
void linnet_unhash(struct sock *sk)
{
	struct bucket *bucket;

	if (sk_unhashed(sk))
		return;
	bucket = bucket_of(sk);
	spin_lock_bh(&bucket->lock);
	if (__sk_nulls_del_node_init_rcu(sk))
		sock_prot_inuse_add(sock_net(sk), sk->sk_prot, -1);
	spin_unlock_bh(&bucket->lock);
	if (rcu_access_pointer(sk->sk_reuseport_cb))
		reuseport_detach_sock(sk);
}

/* @new stands where @old stood.  Were it added elsewhere, a reader on his way
 * from there to @old would find neither.
 */
static void replace_rcu(struct hlist_nulls_node *old,
			struct hlist_nulls_node *new)
{
	struct hlist_nulls_node *next = old->next;

	WRITE_ONCE(new->next, next);
	WRITE_ONCE(new->pprev, old->pprev);
	rcu_assign_pointer(*(struct hlist_nulls_node __rcu **)new->pprev, new);
	if (!is_a_nulls(next))
		WRITE_ONCE(next->pprev, &new->next);
	WRITE_ONCE(old->pprev, NULL);
}

/**
 * linnet_hash_timewait() - put TIME-WAIT in the place of its connection
 * @sk: the connection, in the table
 * @tw: what is left of it
 *
 * A reader finds the one or the other at every moment.
 */
void linnet_hash_timewait(struct sock *sk, struct linnet_timewait *tw)
{
	struct bucket *bucket = connection_bucket(sk->sk_hash);

	tw->common.skc_hash = sk->sk_hash;
	spin_lock_bh(&bucket->lock);
	replace_rcu(&sk->sk_nulls_node, &tw->common.skc_nulls_node);
	sock_prot_inuse_add(sock_net(sk), sk->sk_prot, -1);
	spin_unlock_bh(&bucket->lock);
}

/**
 * linnet_unhash_timewait() - take TIME-WAIT out of the table
 * @tw: what is left of a connection
 *
 * Return: true for the one caller who took it out.
 */
bool linnet_unhash_timewait(struct linnet_timewait *tw)
{
	struct bucket *bucket = connection_bucket(tw->common.skc_hash);
	bool taken = false;

	spin_lock_bh(&bucket->lock);
	if (!hlist_nulls_unhashed(&tw->common.skc_nulls_node)) {
		hlist_nulls_del_init_rcu(&tw->common.skc_nulls_node);
		taken = true;
	}
	spin_unlock_bh(&bucket->lock);
	return taken;
}

/**
 * linnet_table_next() - walk over all sockets of a namespace
 * @net: the namespace
 * @pos: where the walk stands, zero to begin; moved to behind what is returned
 *
 * A walk over a table that changes may miss or repeat a socket, as every such
 * walk in the kernel may.
 *
 * Return: a socket, or TIME-WAIT seen as one, with a reference, or NULL at the
 * end.
 */
struct sock *linnet_table_next(const struct net *net,
			       struct linnet_table_position *pos)
{
	unsigned int total = LISTENER_BUCKETS + connection_mask + 1;
	const struct hlist_nulls_node *node;
	struct sock *sk;

	for (; pos->bucket < total; pos->bucket++, pos->index = 0) {
		struct bucket *bucket = pos->bucket < LISTENER_BUCKETS ?
			&listeners[pos->bucket] :
			&connections[pos->bucket - LISTENER_BUCKETS];
		unsigned int i = 0;

		if (hlist_nulls_empty(&bucket->chain))
			continue;
		spin_lock_bh(&bucket->lock);
		sk_nulls_for_each(sk, node, &bucket->chain) {
			if (!net_eq(sock_net(sk), net) || i++ < pos->index)
				continue;
			if (!refcount_inc_not_zero(&sk->sk_refcnt))
				continue;
			pos->index++;
			spin_unlock_bh(&bucket->lock);
			return sk;
		}
		spin_unlock_bh(&bucket->lock);
	}
	return NULL;
}

/* IPv6: both ends as one aligned key for siphash */
struct flow_key {
	struct in6_addr	laddr;
	struct in6_addr	raddr;
	u32		ports;
	u32		salt;
} __aligned(SIPHASH_ALIGNMENT);

/**
 * linnet_flow_siphash() - a keyed hash over both ends
 * @flow: the two ends
 * @salt: anything more
 * @key: the key
 */
u64 linnet_flow_siphash(const struct linnet_flow *flow, u32 salt,
			const siphash_key_t *key)
{
	u32 ports = (u32)flow->lport << 16 | (__force u16)flow->rport;
	struct flow_key k;

	if (flow->family == AF_INET)
		return siphash_4u32((__force u32)flow->laddr,
				    (__force u32)flow->raddr, ports, salt, key);
	k = (struct flow_key){
		.laddr	= flow->laddr6,
		.raddr	= flow->raddr6,
		.ports	= ports,
		.salt	= salt,
	};
	return siphash(&k, sizeof(k), key);
}

/**
 * linnet_timestamp_offset() - what TSval starts from (RFC 7323, 5.4)
 * @flow: the two ends
 *
 * The ports count: else whoever connects to us learns from what others' TSval
 * start, and may guess at the ports of their connections by that.  TSval grows
 * from one incarnation of a connection to the next all the same (RFC 6191).
 */
u32 linnet_timestamp_offset(const struct linnet_flow *flow)
{
	return linnet_flow_siphash(flow, 0, &isn_key) >> 32;
}

/**
 * linnet_isn() - the initial sequence number of a connection (RFC 6528, 3)
 * @flow: its two ends
 * @timestamp_offset: set to linnet_timestamp_offset(), which is the other half
 *	of the same hash
 *
 * A clock of 64 ns plus a keyed hash: it grows from one incarnation of a
 * connection to the next, and says nothing about other connections.
 */
u32 linnet_isn(const struct linnet_flow *flow, u32 *timestamp_offset)
{
	u64 hash = linnet_flow_siphash(flow, 0, &isn_key);

	*timestamp_offset = hash >> 32;
	return (u32)hash + (u32)(ktime_get_real_ns() >> 6);
}

/**
 * linnet_port_offset() - where the search for an ephemeral port begins
 * @flow: the two ends, local port not counted (RFC 6056, 3.3.3)
 */
u32 linnet_port_offset(const struct linnet_flow *flow)
{
	struct linnet_flow remote = *flow;

	remote.lport = 0;
	return linnet_flow_siphash(&remote, 0, &port_key);
}

/**
 * linnet_table_init() - make the tables
 *
 * Return: 0 or -ENOMEM.
 */
int linnet_table_init(void)
{
	unsigned long n = clamp_t(unsigned long, totalram_pages() / 32,
				  1024, 1 << 18);
	unsigned int i, size = roundup_pow_of_two(n);
	int err;

	connections = kvmalloc_array(size, sizeof(*connections), GFP_KERNEL);
	if (!connections)
		return -ENOMEM;
	connection_mask = size - 1;
	for (i = 0; i < size; i++) {
		spin_lock_init(&connections[i].lock);
		INIT_HLIST_NULLS_HEAD(&connections[i].chain, i);
	}
	for (i = 0; i < LISTENER_BUCKETS; i++) {
		spin_lock_init(&listeners[i].lock);
		INIT_HLIST_NULLS_HEAD(&listeners[i].chain, i);
	}
	get_random_bytes(&hash_secret, sizeof(hash_secret));
	get_random_bytes(&isn_key, sizeof(isn_key));
	get_random_bytes(&port_key, sizeof(port_key));

	err = linnet_ports_init();
	if (err)
		kvfree(connections);
	return err;
}

/**
 * linnet_table_exit() - give the tables back; nothing is in them any more
 */
void linnet_table_exit(void)
{
	linnet_ports_exit();
	kvfree(connections);
}
