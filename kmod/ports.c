// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Local ports: who has which, and who may have it too.
 *
 * A bucket stands for a port of a namespace, or of a VRF there; its owners are sockets, listeners'
 * children and connections in TIME-WAIT.  The lock of the bucket's chain nests
 * inside the socket lock, and a table's bucket lock inside it.
 */
#include <linux/jhash.h>
#include <linux/siphash.h>
#include <net/inet_hashtables.h>
#include <net/l3mdev.h>

#include "linnet.h"
#include "ports.h"
#include "timewait.h"

/**
 * struct linnet_bind_bucket - a local port in use
 * @node: in the chain
 * @net: namespace, not counted: an owner holds it, or is purged before it goes
 * @port: host order
 * @vrf: interface of the VRF whose port it is, 0: of none, or of all
 * @connect_only: all owners got the port from connect(): another connect() to
 *	somewhere else may share it, bind() may not
 * @owners: sockets and TIME-WAIT, by sk_bind_node
 */
struct linnet_bind_bucket {
	struct hlist_node	node;
	struct net		*net;
	u16			port;
	int			vrf;
	bool			connect_only;
	struct hlist_head	owners;
};

#define PORT_CHAINS	1024
#define PORT_COUNTERS	256

static struct port_chain {
	spinlock_t		lock;
	struct hlist_head	buckets;
} *chains;

static struct kmem_cache *bucket_cache;
/* RFC 6056, 3.3.4: double-hash port selection */
static u32 port_counters[PORT_COUNTERS];

static struct port_chain *chain_of(const struct net *net, u16 port)
{
	return &chains[(port + net_hash_mix(net)) & (PORT_CHAINS - 1)];
}

/* The VRF that a socket is bound to has ports of its own, unless those who are
 * bound to nothing hear of all of them
 */
static int vrf_of(const struct sock *sk)
{
	int bound = READ_ONCE(sk->sk_bound_dev_if);

	if (!bound || READ_ONCE(linnet_sk_net(sk)->l3mdev_accept))
		return 0;
	return l3mdev_master_ifindex_by_index(sock_net(sk), bound);
}

static struct linnet_bind_bucket *find_bucket(struct port_chain *chain,
					      const struct net *net, u16 port,
					      int vrf)
{
	struct linnet_bind_bucket *b;

	hlist_for_each_entry(b, &chain->buckets, node)
		if (b->port == port && b->vrf == vrf && net_eq(b->net, net))
			return b;
	return NULL;
}

static struct linnet_bind_bucket *make_bucket(struct port_chain *chain,
					      struct net *net, u16 port,
					      int vrf)
{
	struct linnet_bind_bucket *b = kmem_cache_alloc(bucket_cache,
							GFP_ATOMIC);

	if (!b)
		return NULL;
	b->net = net;
	b->port = port;
	b->vrf = vrf;
	b->connect_only = false;
	INIT_HLIST_HEAD(&b->owners);
	hlist_add_head(&b->node, &chain->buckets);
	return b;
}

static void drop_if_unused(struct linnet_bind_bucket *b)
{
	if (!hlist_empty(&b->owners))
		return;
	hlist_del(&b->node);
	kmem_cache_free(bucket_cache, b);
}

static void take_port(struct sock *sk, struct linnet_bind_bucket *b)
{
	sk_add_bind_node(sk, &b->owners);
	linnet_sk(sk)->bind_bucket = b;
}

/* What a bound socket listens on: IPv4, IPv6 or both, one address or any */
struct reach {
	bool			v4;
	bool			v6;
	__be32			a4;
	const struct in6_addr	*a6;
};

static void reach_of(const struct sock *sk, struct reach *r)
{
	r->a6 = &in6addr_any;
	r->a4 = sk->sk_rcv_saddr;
	r->v6 = false;
	r->v4 = true;
	if (sk->sk_family == AF_INET ||
	    ipv6_addr_v4mapped(&sk->sk_v6_rcv_saddr))
		return;
	r->v6 = true;
	r->a6 = &sk->sk_v6_rcv_saddr;
	r->a4 = 0;
	r->v4 = ipv6_addr_any(r->a6) && !ipv6_only_sock(sk);
}

static bool reach_overlaps(const struct sock *a, const struct sock *b)
{
	struct reach x, y;

	reach_of(a, &x);
	reach_of(b, &y);
	if (x.v4 && y.v4 && (!x.a4 || !y.a4 || x.a4 == y.a4))
		return true;
	return x.v6 && y.v6 && (ipv6_addr_any(x.a6) || ipv6_addr_any(y.a6) ||
				ipv6_addr_equal(x.a6, y.a6));
}

static bool may_share(const struct sock *sk, const struct sock *other)
{
	if (sk->sk_reuse && other->sk_reuse && other->sk_state != TCP_LISTEN)
		return true;
	if (!sk->sk_reuseport || !other->sk_reuseport)
		return false;
	return other->sk_state == TCP_TIME_WAIT ||
	       uid_eq(linnet_compat_uid(sk), linnet_compat_uid(other));
}

static bool port_conflict(const struct sock *sk,
			  const struct linnet_bind_bucket *b)
{
	const struct sock *other;

	sk_for_each_bound(other, &b->owners) {
		if (other == sk)
			continue;
		if (sk->sk_bound_dev_if && other->sk_bound_dev_if &&
		    sk->sk_bound_dev_if != other->sk_bound_dev_if)
			continue;
		if (!may_share(sk, other) && reach_overlaps(sk, other))
			return true;
	}
	return false;
}

static int try_port(struct sock *sk, u16 port)
{
	struct net *net = sock_net(sk);
	struct port_chain *chain = chain_of(net, port);
	struct linnet_bind_bucket *b;
	int vrf = vrf_of(sk), err = 0;

	spin_lock_bh(&chain->lock);
	b = linnet_sk(sk)->bind_bucket ?: find_bucket(chain, net, port, vrf);
	if (b) {
		if (port_conflict(sk, b))
			err = -EADDRINUSE;
	} else {
		b = make_bucket(chain, net, port, vrf);
		if (!b)
			err = -ENOMEM;
	}
	if (!err) {
		b->connect_only = false;
		if (!linnet_sk(sk)->bind_bucket)
			take_port(sk, b);
		inet_sk(sk)->inet_num = port;
	}
	spin_unlock_bh(&chain->lock);
	return err;
}

/**
 * linnet_get_port() - proto->get_port: bind to a local port
 * @sk: the socket, its local address set
 * @port: host order; 0: any free one.  The port that @sk has already: look
 *	again whether it may keep it, now that its state has changed.
 *
 * Context: socket lock held, process context.
 * Return: 0, -EADDRINUSE or -ENOMEM.
 */
int linnet_get_port(struct sock *sk, unsigned short port)
{
	int low, high, count, i;
	u32 offset;

	if (port)
		return try_port(sk, port);

	inet_sk_get_local_port_range(sk, &low, &high);
	count = high - low + 1;
	offset = get_random_u32();
	for (i = 0; i < count; i++) {
		u16 candidate = low + (offset + i) % count;

		if (inet_is_local_reserved_port(sock_net(sk), candidate))
			continue;
		if (!try_port(sk, candidate))
			return 0;
		cond_resched();
	}
	return -EADDRINUSE;
}

/**
 * linnet_put_port() - proto->put_port: give the local port back
 * @sk: the socket
 */
void linnet_put_port(struct sock *sk)
{
	struct linnet_bind_bucket *b = linnet_sk(sk)->bind_bucket;
	struct port_chain *chain;

	if (!b)
		return;
	chain = chain_of(b->net, b->port);
	spin_lock_bh(&chain->lock);
	__sk_del_bind_node(sk);
	linnet_sk(sk)->bind_bucket = NULL;
	inet_sk(sk)->inet_num = 0;
	drop_if_unused(b);
	spin_unlock_bh(&chain->lock);
}

/**
 * linnet_inherit_port() - a child shares its listener's port
 * @parent: the listener
 * @child: its child, not in the tables yet
 */
void linnet_inherit_port(struct sock *parent, struct sock *child)
{
	struct linnet_bind_bucket *b = linnet_sk(parent)->bind_bucket;
	struct port_chain *chain = chain_of(b->net, b->port);

	spin_lock_bh(&chain->lock);
	take_port(child, b);
	spin_unlock_bh(&chain->lock);
}

/**
 * linnet_ports_add_timewait() - TIME-WAIT keeps the port of its connection
 * @tw: what is left
 * @sk: of this
 */
void linnet_ports_add_timewait(struct linnet_timewait *tw, struct sock *sk)
{
	struct linnet_bind_bucket *b = linnet_sk(sk)->bind_bucket;
	struct port_chain *chain = chain_of(b->net, b->port);

	spin_lock_bh(&chain->lock);
	tw->bind_bucket = b;
	hlist_add_head(&tw->common.skc_bind_node, &b->owners);
	spin_unlock_bh(&chain->lock);
}

/**
 * linnet_ports_del_timewait() - the end of TIME-WAIT frees the port
 * @tw: what is left of a connection
 */
void linnet_ports_del_timewait(struct linnet_timewait *tw)
{
	struct linnet_bind_bucket *b = tw->bind_bucket;
	struct port_chain *chain = chain_of(b->net, b->port);

	spin_lock_bh(&chain->lock);
	hlist_del(&tw->common.skc_bind_node);
	drop_if_unused(b);
	spin_unlock_bh(&chain->lock);
}

static struct sock *nth_bound(struct port_chain *chain, const struct net *net,
			      unsigned int n)
{
	struct linnet_bind_bucket *b;
	struct sock *sk;

	hlist_for_each_entry(b, &chain->buckets, node) {
		if (!net_eq(b->net, net))
			continue;
		sk_for_each_bound(sk, &b->owners)
			if (sk->sk_state == TCP_CLOSE && !n--)
				return sk;
	}
	return NULL;
}

/**
 * linnet_ports_next() - walk over the sockets of a namespace that are bound, but
 *	neither listen nor are connected
 * @net: the namespace
 * @pos: where the walk stands, zero to begin; moved to behind what is returned
 *
 * As linnet_table_next(), which finds all others.
 *
 * Return: a socket with a reference, or NULL at the end.
 */
struct sock *linnet_ports_next(const struct net *net,
			       struct linnet_table_position *pos)
{
	struct port_chain *chain;
	struct sock *sk;

	for (; pos->bucket < PORT_CHAINS; pos->bucket++, pos->index = 0) {
		chain = &chains[pos->bucket];
		if (hlist_empty(&chain->buckets))
			continue;
		spin_lock_bh(&chain->lock);
		/* one that is being freed is passed over */
		do
			sk = nth_bound(chain, net, pos->index++);
		while (sk && !refcount_inc_not_zero(&sk->sk_refcnt));
		spin_unlock_bh(&chain->lock);
		if (sk)
			return sk;
	}
	return NULL;
}

static int connect_from(struct sock *sk, u16 port)
{
	struct net *net = sock_net(sk);
	struct port_chain *chain = chain_of(net, port);
	struct linnet_bind_bucket *b;
	int vrf = vrf_of(sk), err = -EADDRNOTAVAIL;
	struct sock *tw = NULL;
	bool made = false;

	spin_lock_bh(&chain->lock);
	b = find_bucket(chain, net, port, vrf);
	if (b && !b->connect_only)
		goto out;
	if (!b) {
		b = make_bucket(chain, net, port, vrf);
		if (!b) {
			err = -ENOMEM;
			goto out;
		}
		b->connect_only = true;
		made = true;
	}
	inet_sk(sk)->inet_num = port;
	inet_sk(sk)->inet_sport = htons(port);
	err = linnet_hash_unique(sk, &tw);
	if (!err)
		take_port(sk, b);
	else if (made)
		drop_if_unused(b);
out:
	spin_unlock_bh(&chain->lock);
	if (tw)
		linnet_timewait_finish(tw);
	if (err) {
		inet_sk(sk)->inet_num = 0;
		inet_sk(sk)->inet_sport = 0;
	}
	return err;
}

/**
 * linnet_hash_connect() - enter a connection, from a port of our choice if none
 *	is bound
 * @sk: the socket, addresses and remote port set
 *
 * The order in which ports are tried cannot be guessed from outside (RFC 6056,
 * 3.3.4), and goes on where the last connection to that place ended.
 *
 * Context: socket lock held, process context.
 * Return: 0, -EADDRNOTAVAIL or -ENOMEM.
 */
int linnet_hash_connect(struct sock *sk)
{
	struct linnet_flow flow;
	int low, high, count, i, err = -EADDRNOTAVAIL;
	u32 offset, *counter;
	struct sock *tw;

	if (inet_sk(sk)->inet_num) {
		err = linnet_hash_unique(sk, &tw);
		if (tw)
			linnet_timewait_finish(tw);
		return err;
	}

	inet_sk_get_local_port_range(sk, &low, &high);
	count = high - low + 1;
	linnet_flow_of(sk, &flow);
	offset = linnet_port_offset(&flow);
	counter = &port_counters[hash_32(offset, 8)];
	offset += READ_ONCE(*counter);
	for (i = 0; i < count; i++) {
		u16 port = low + (offset + i) % count;

		if (inet_is_local_reserved_port(sock_net(sk), port))
			continue;
		err = connect_from(sk, port);
		if (err != -EADDRNOTAVAIL)
			break;
		cond_resched();
	}
	if (!err)
		WRITE_ONCE(*counter, READ_ONCE(*counter) + i + 1);
	return err;
}

/**
 * linnet_ports_init() - make the table of ports
 *
 * Return: 0 or -ENOMEM.
 */
int linnet_ports_init(void)
{
	unsigned int i;

	bucket_cache = KMEM_CACHE(linnet_bind_bucket, 0);
	if (!bucket_cache)
		return -ENOMEM;
	chains = kvmalloc_array(PORT_CHAINS, sizeof(*chains), GFP_KERNEL);
	if (!chains) {
		kmem_cache_destroy(bucket_cache);
		return -ENOMEM;
	}
	for (i = 0; i < PORT_CHAINS; i++) {
		spin_lock_init(&chains[i].lock);
		INIT_HLIST_HEAD(&chains[i].buckets);
	}
	get_random_bytes(port_counters, sizeof(port_counters));
	return 0;
}

/**
 * linnet_ports_exit() - give the table back; no port is taken any more
 */
void linnet_ports_exit(void)
{
	kvfree(chains);
	kmem_cache_destroy(bucket_cache);
}
