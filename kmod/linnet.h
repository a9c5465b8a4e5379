/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Linnet: the socket, and room by room what each offers to the others.
 *
 * The way through the rooms
 * -------------------------
 * A byte going out: socket -> send -> output -> ipv4/ipv6.  A segment coming
 * in: ipv4/ipv6 -> table -> input -> (reassembly | recovery | cong) -> recv ->
 * socket.  Nothing reaches back up but through the functions below.
 *
 * Locking
 * -------
 * The socket lock guards everything in struct linnet_sock and struct tcp_sock.
 * In process context it is lock_sock(): the caller owns the socket and may
 * sleep; segments that arrive meanwhile wait in the backlog and are processed
 * by release_sock().  In softirq it is bh_lock_sock() and a look whether a user
 * owns the socket: then segments go to the backlog, and timers and ICMP leave a
 * bit in linnet_sock.deferred that linnet_release_cb() acts on.
 *
 * The tables (table.c) are read under RCU: a reader takes a reference with
 * refcount_inc_not_zero() and looks again whether the socket is still the one
 * it wanted.  They are written under the lock of a bucket, which nests inside
 * the socket lock.  Sockets are freed after a grace period (SOCK_RCU_FREE).
 *
 * A listener's SYN queue and accept queue belong to the listener's lock.  A
 * child that the handshake makes is locked inside it, so a listener is locked
 * in softirq with SINGLE_DEPTH_NESTING.
 *
 * References: one is held by the struct socket (or, for a child not accepted
 * yet, by the accept queue), one by each armed timer, one by whoever found the
 * socket in a table.  The tables hold none: linnet_destroy_sock() takes a
 * socket out before the last reference goes.
 */
#ifndef _LINNET_H
#define _LINNET_H

#include <linux/tcp.h>
#include <linux/ipv6.h>
#include <linux/interrupt.h>
#include <linux/net.h>
#include <linux/skbuff.h>
#include <linux/siphash.h>
#include <linux/sockptr.h>
#include <net/inet_common.h>
#include <net/net_namespace.h>
#include <net/snmp.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "compat.h"
#include "wire.h"
#include "skb.h"
#include "options.h"
#include "reassembly.h"
#include "stats.h"

extern int linnet_proto;	/* IP protocol number, module.c */

struct linnet_flow;
struct linnet_path;
struct linnet_request;
struct linnet_bind_bucket;
struct linnet_timewait;

/**
 * struct linnet_af_ops - what depends on the IP version of the packets
 * @family: AF_INET or AF_INET6, of the packets, not of the socket
 * @header_len: bytes of IP header
 * @xmit: route and send a segment whose header is complete but for the
 *	checksum; consumes the buffer, returns 0, a negative error or NET_XMIT_*
 * @checksum: fill in the checksum of a socket's segment, or prepare it for the
 *	device
 * @route: the route of a connected socket, looked up anew when the one that is
 *	cached is stale; NULL if there is none.  The caller owns no reference.
 * @send_reply: send a segment that no connected socket sends; @sk is the
 *	listener or NULL, @dst the route with a reference, or NULL: it is looked
 *	up; consumes both
 * @path: the way to the peer of a connection that a listener is about to get;
 *	returns the route with a reference, or NULL when there is none
 * @init_child: set the addresses of a child
 *
 * An AF_INET6 socket that talks to a v4-mapped address has IPv4's.
 */
struct linnet_af_ops {
	int			family;
	int			header_len;
	int			(*xmit)(struct sock *sk, struct sk_buff *skb);
	void			(*checksum)(struct sock *sk, struct sk_buff *skb);
	struct dst_entry	*(*route)(struct sock *sk);
	int			(*send_reply)(struct sock *sk,
					      const struct linnet_flow *flow,
					      struct sk_buff *skb,
					      struct dst_entry *dst);
	struct dst_entry	*(*path)(struct sock *sk,
					 const struct linnet_flow *flow,
					 struct linnet_path *path);
	void			(*init_child)(const struct sock *parent,
					      struct sock *child,
					      const struct linnet_flow *flow);
};

extern const struct linnet_af_ops linnet_ipv4_ops;
extern const struct linnet_af_ops linnet_ipv6_ops;

/* Bits of linnet_sock.deferred: what waits until the user lets go */
enum {
	LINNET_DEFERRED_RTX,		/* retransmission or persist timer */
	LINNET_DEFERRED_ACK,		/* delayed ACK timer */
	LINNET_DEFERRED_COMPRESSED,	/* an ACK for many segments is due */
	LINNET_DEFERRED_KEEPALIVE,	/* keepalive or FIN-WAIT-2 timer */
	LINNET_DEFERRED_XMIT,		/* pacing timer or queue below drained */
	LINNET_DEFERRED_MTU,		/* ICMP told of a smaller path MTU */
};

/* linnet_sock.xmit_flags, set and cleared from several contexts */
enum {
	LINNET_THROTTLED,	/* stopped: too much in the queue below */
	LINNET_KICKED,		/* the tasklet is on its way and holds a ref */
};

/* linnet_sock.timer_event: what the retransmission timer is for */
enum linnet_timer_event {
	LINNET_TIMER_NONE,
	LINNET_TIMER_RTO,	/* RFC 6298, 5 */
	LINNET_TIMER_PERSIST,	/* RFC 9293, 3.8.6.1 */
	LINNET_TIMER_REO,	/* RFC 8985, 6.3: the reordering window */
	LINNET_TIMER_TLP,	/* RFC 8985, 7.2: the probe timeout */
};

/**
 * struct linnet_ack_state - when to acknowledge (RFC 9293, 3.8.6.3; RFC 5681, 4.2)
 * @pending: an ACK is owed
 * @now: it is owed at once
 * @quick: how many more ACKs are sent without delay
 * @armed: the timer that runs, if it does, is for it
 * @pingpong: the connection answers what it gets: ACKs can ride on data
 * @no_memory: the last segment was dropped for lack of memory
 * @pushed: segments since the last ACK that seem to end what the peer had to
 *	say, 2: two or more
 * @rcv_mss: the peer's segment size as seen, bytes
 * @last_size: the size of a smaller segment that came last, or 0, bytes
 * @timeout: how long an ACK may wait, jiffies
 * @last_data: when data came last, jiffies
 */
struct linnet_ack_state {
	bool		pending;
	bool		now;
	bool		armed;
	bool		pingpong;
	bool		no_memory;
	u8		quick;
	u8		pushed;
	u16		rcv_mss;
	u16		last_size;
	u32		timeout;
	u32		last_data;
};

/**
 * struct linnet_sock - a socket
 * @tcp: first, so that any tcp_congestion_ops can drive the socket.  What a
 *	congestion control reads or writes lives here and nowhere else, and so
 *	does what tcp_get_info() tells.  Its timers are ours, too.
 * @net: what its namespace has; linnet_pernet() takes RCU each time
 * @af: what depends on the IP version
 * @bind_bucket: the local port, see table.c
 * @listen: listener only: SYN queue, see synqueue.c
 * @fastopen: listener: its fast opens that are pending; one of them: the same
 * @fastopen_pending: it is one of them
 * @accept_queue: listener: children to be accepted; child: its place there
 * @reassembly: segments that came before their turn
 * @ack: when to acknowledge
 * @collapsed_at: sk_rmem_alloc after the receive buffer was last copied together
 * @xmit_tasklet: goes on sending when the queue below has drained
 * @deferred: bits LINNET_DEFERRED_*
 * @xmit_flags: bits LINNET_THROTTLED, LINNET_KICKED
 * @stalled_ms: when the first of the timeouts in a row sent again, as
 *	linnet_timestamp_now() tells it
 * @lost_seq: what RFC 6675 takes for lost below is marked lost already
 * @retrans_seq: everything lost below is retransmitted already
 * @sack_high: one after the highest octet SACKed, while sacked_out is not zero
 * @last_challenge: when a challenge ACK was sent last, jiffies
 * @timer_event: what the retransmission timer is for, LINNET_TIMER_*
 * @first_rto_us: the timeout until a round trip is measured with data, if the
 *	route knows one (metrics.c); 0: none, or one has been measured
 * @ect_acked: something sent as ECT has arrived: the path lets it through
 * @ect_lost: a loss has been seen before it did
 */
struct linnet_sock {
	struct tcp_sock			tcp;
	struct linnet_net		*net;
	const struct linnet_af_ops	*af;
	struct linnet_bind_bucket	*bind_bucket;
	struct linnet_listen		*listen;
	struct linnet_fastopen_queue	*fastopen;
	struct list_head		accept_queue;
	struct linnet_reassembly	reassembly;
	struct linnet_ack_state		ack;
	int				collapsed_at;
	struct tasklet_struct		xmit_tasklet;
	unsigned long			deferred;
	unsigned long			xmit_flags;
	u32				stalled_ms;
	u32				lost_seq;
	u32				retrans_seq;
	u32				sack_high;
	u32				last_challenge;
	u32				first_rto_us;
	u8				timer_event;
	bool				ect_acked;
	bool				ect_lost;
	bool				fastopen_pending;
};

/* The IPv6 socket.  6.1 finds ipv6_pinfo at the end of the object. */
struct linnet6_sock {
	struct linnet_sock	linnet;
	struct ipv6_pinfo	inet6;
};

static inline struct linnet_sock *linnet_sk(const struct sock *sk)
{
	return (struct linnet_sock *)sk;
}

/* An ACK is owed, and at once (RFC 5681, 4.2) */
static inline void linnet_owe_ack_now(struct sock *sk)
{
	linnet_sk(sk)->ack.pending = true;
	linnet_sk(sk)->ack.now = true;
}

/* What the namespace of a socket has */
static inline struct linnet_net *linnet_sk_net(const struct sock *sk)
{
	return linnet_sk(sk)->net;
}

/* SACK blocks of the last ACK: what they cover is marked */
static inline struct linnet_block *linnet_sack_seen(struct sock *sk)
{
	BUILD_BUG_ON(sizeof(tcp_sk(sk)->recv_sack_cache) !=
		     LINNET_SACK_BLOCKS_MAX * sizeof(struct linnet_block));
	return (struct linnet_block *)tcp_sk(sk)->recv_sack_cache;
}

/**
 * struct linnet_segment - a received segment, its header taken apart
 * @skb: the buffer; data starts at the header
 * @seq: SEG.SEQ
 * @end_seq: SEG.SEQ + SEG.LEN, SYN and FIN counted
 * @ack: SEG.ACK, valid with %LINNET_ACK in @flags
 * @wnd: SEG.WND as on the wire, not scaled
 * @len: bytes of data
 * @header_len: bytes of header with options
 * @flags: LINNET_FIN ... LINNET_CWR
 * @ecn: the two ECN bits of its IP header (RFC 3168, 5)
 * @opt: its options
 */
struct linnet_segment {
	struct sk_buff		*skb;
	u32			seq;
	u32			end_seq;
	u32			ack;
	u32			wnd;
	u32			len;
	u8			header_len;
	u8			flags;
	u8			ecn;
	struct linnet_options	opt;
};

/**
 * struct linnet_flow - the two ends of a segment, from our side
 * @net: network namespace
 * @family: AF_INET or AF_INET6
 * @iif: interface that it came in by, 0 if it does not matter
 * @sdif: the slave's interface when @iif is a VRF master, or 0
 * @lport: local port, host order
 * @rport: remote port, network order
 * @laddr: local address
 * @raddr: remote address
 * @hash: linnet_flow_hash() of these, computed once for all who will ask; 0: it is
 *	not known
 */
struct linnet_flow {
	struct net	*net;
	u16		family;
	u16		lport;
	__be16		rport;
	int		iif;
	int		sdif;
	union {
		__be32		laddr;
		struct in6_addr	laddr6;
	};
	union {
		__be32		raddr;
		struct in6_addr	raddr6;
	};
	u32		hash;
};

/* What arrived by IPv4, but for the ports: each segment needs it twice, and the
 * rest of an IPv6 address that nobody looks at is not cleared
 */
static inline void linnet_flow4(struct linnet_flow *flow, struct net *net,
				const struct iphdr *iph, int iif, int sdif)
{
	flow->net = net;
	flow->family = AF_INET;
	flow->iif = iif;
	flow->sdif = sdif;
	flow->laddr = iph->daddr;
	flow->raddr = iph->saddr;
	flow->hash = 0;
}

/**
 * struct linnet_path - what the route to a peer says
 * @mtu: path MTU, bytes
 * @advmss: the MSS to offer, bytes
 * @window: the largest window, bytes; 0: not said
 * @init_window: the first window, segments; 0: not said
 * @features: RTAX_FEATURE_ECN, DST_FEATURE_ECN_CA
 * @fastopen_no_cookie: data on a SYN are taken without a cookie
 */
struct linnet_path {
	u32	mtu;
	u32	advmss;
	u32	window;
	u32	init_window;
	u32	features;
	bool	fastopen_no_cookie;
};

static inline void linnet_path_of(const struct dst_entry *dst,
				  struct linnet_path *path)
{
	path->mtu = dst_mtu(dst);
	path->advmss = max_t(u32, dst_metric_advmss(dst), TCP_MIN_MSS);
	path->window = dst_metric(dst, RTAX_WINDOW);
	path->init_window = dst_metric(dst, RTAX_INITRWND);
	path->features = dst_feature(dst, DST_FEATURE_ECN_MASK);
	path->fastopen_no_cookie = dst_metric(dst, RTAX_FASTOPEN_NO_COOKIE);
}

#define LINNET_FASTOPEN_KEYS		2	/* the new one, and the old one */
#define LINNET_FASTOPEN_KEY_LEN		16	/* octets */

/**
 * struct linnet_fastopen_keys - what Fast Open's cookies are made with
 * @n: how many keys; 0: none has been drawn
 * @key: the first makes cookies, and all of them recognise them
 */
struct linnet_fastopen_keys {
	unsigned int		n;
	siphash_aligned_key_t	key[LINNET_FASTOPEN_KEYS];
};

/* module.c: what a network namespace has */
struct linnet_net {
	const struct tcp_congestion_ops __rcu *congestion_control;
	struct linnet_mib __percpu	*mib;
	struct proc_dir_entry		*proc_dir;
	struct ctl_table_header		*sysctl_header;
	struct ctl_table		*sysctl_table;
	int	window_scaling;
	int	timestamps;
	int	sack;
	int	gso;
	int	moderate_rcvbuf;
	int	rcvbuf_low_rtt;
	int	rto_min_us;
	int	rto_max_ms;
	int	autocorking;
	int	slow_start_after_idle;
	int	reordering;
	int	max_reordering;
	int	recovery;
	int	early_retrans;
	int	frto;
	int	thin_linear_timeouts;
	int	ecn;
	int	ecn_fallback;
	int	mtu_probing;
	int	base_mss;
	int	mtu_probe_floor;
	int	probe_threshold;
	int	probe_interval;
	int	tso_rtt_log;
	int	tso_win_divisor;
	int	syn_retries;
	int	syn_linear_timeouts;
	int	synack_retries;
	int	retries1;
	int	retries2;
	int	orphan_retries;
	int	max_syn_backlog;
	int	syncookies;
	int	fastopen;
	unsigned int	fastopen_blackhole_timeout_sec;
	int	l3mdev_accept;
	int	abort_on_overflow;
	int	fin_timeout;
	int	keepalive_time;
	int	keepalive_intvl;
	int	keepalive_probes;
	int	max_tw_buckets;
	int	timewait_reuse;	/* tw_reuse is a macro of the kernel's */
	int	rfc1337;
	int	rmem[3];
	int	wmem[3];
	int	adv_win_scale;
	int	app_win;
	int	shrink_window;
	int	workaround_signed_windows;
	int	min_rtt_wlen;
	int	comp_sack_delay_ns;
	int	comp_sack_slack_ns;
	int	comp_sack_rtt_percent;
	int	comp_sack_nr;
	int	retrans_collapse;
	int	dsack;
	int	pacing_ss_ratio;
	int	pacing_ca_ratio;
	int	limit_output_bytes;
	int	min_tso_segs;
	int	challenge_ack_limit;
	int	invalid_ratelimit;
	unsigned int	notsent_lowat;
	spinlock_t	fastopen_lock;
	struct linnet_fastopen_keys	fastopen_keys;
	struct linnet_fastopen_cache *fastopen_cache;
	atomic_t	fastopen_disabled;
	unsigned long	fastopen_disabled_stamp;
	atomic_t	tw_count;
	unsigned long	early_demux;	/* bit 0: the hooks of early.c are there */
	u32		challenge_timestamp;
	u32		challenge_count;
};

extern unsigned int linnet_net_id;
struct linnet_net *linnet_pernet(const struct net *net);

/* socket.c */
extern struct proto linnet_prot;
extern struct proto linnet6_prot;
extern const struct proto_ops linnet_stream_ops;
extern const struct proto_ops linnet6_stream_ops;
extern struct percpu_counter linnet_sockets_allocated;
extern long linnet_sysctl_mem[3];
extern int linnet_sysctl_max_orphans;
DECLARE_PER_CPU(unsigned int, linnet_orphan_count);

int linnet_init_sock(struct sock *sk);
void linnet_init_connection(struct sock *sk);
void linnet_write_space(struct sock *sk);
bool linnet_stream_memory_free(const struct sock *sk, int wake);
long linnet_memory_allocated(void);

/* sockopt.c */
int linnet_setsockopt(struct sock *sk, int level, int optname, sockptr_t optval,
		      unsigned int optlen);
int linnet_getsockopt(struct sock *sk, int level, int optname,
		      char __user *optval, int __user *optlen);
int linnet_stream_setsockopt(struct socket *sock, int level, int optname,
			     sockptr_t optval, unsigned int optlen);

/* info.c: what a socket tells of itself */
struct linnet_info;

void linnet_chrono_start(struct sock *sk, enum tcp_chrono type);
void linnet_chrono_stop(struct sock *sk, enum tcp_chrono type);
void linnet_info_fill(struct sock *sk, struct linnet_info *info);
void linnet_tcp_info_fill(struct sock *sk, struct tcp_info *info);

/* timestamping.c */

/**
 * struct linnet_stamps - when what was read last came in; 0: not known
 * @software: by the kernel's clock
 * @hardware: by the device's
 */
struct linnet_stamps {
	ktime_t	software;
	ktime_t	hardware;
};

int linnet_set_timestamping(struct socket *sock, int optname, sockptr_t optval,
			    unsigned int optlen);
void linnet_stamp_origin(struct sock *sk);
void linnet_stamp_sent(struct sock *sk, const struct sockcm_cookie *sockc);
void linnet_stamp_split(struct sock *sk, struct sk_buff *skb,
			struct sk_buff *rest);
void linnet_stamp_join(struct sk_buff *skb, const struct sk_buff *next);
void linnet_stamp_cut(const struct sk_buff *skb, struct sk_buff *segs, u32 seq,
		      u32 mss);
void linnet_stamp_acked(struct sock *sk, struct sk_buff *skb);
void linnet_stamp_keep(struct sk_buff *to, struct sk_buff *from);
void linnet_stamp_read(const struct sk_buff *skb, struct linnet_stamps *stamps);
void linnet_stamp_tell(struct msghdr *msg, const struct sock *sk,
		       struct linnet_stamps *stamps);

/* zerocopy.c: data that is sent without a copy */

/**
 * struct linnet_source - how a sendmsg() takes its data
 * @uarg: the user's pages are sent; who is told when they are free again
 * @notify: the same, if it is ours to release; set, too, when data is copied
 *	after all
 * @splice: pages are handed over (MSG_SPLICE_PAGES)
 */
struct linnet_source {
	struct ubuf_info	*uarg;
	struct ubuf_info	*notify;
	bool			splice;
};

int linnet_source_init(struct sock *sk, struct msghdr *msg, size_t size,
		       struct linnet_source *src);
void linnet_source_done(struct linnet_source *src, bool taken);
bool linnet_source_fits(const struct linnet_source *src,
			const struct sk_buff *skb);
int linnet_take_pages(struct sock *sk, struct sk_buff *skb, struct msghdr *msg,
		      int room, const struct linnet_source *src);

/* splice.c: received data for others than recvmsg() */
int linnet_read_sock(struct sock *sk, read_descriptor_t *desc,
		     sk_read_actor_t actor);
ssize_t linnet_splice_read(struct socket *sock, loff_t *ppos,
			   struct pipe_inode_info *pipe, size_t len,
			   unsigned int flags);
int linnet_peek_len(struct socket *sock);

/* openopt.c */
int linnet_open_setsockopt(struct sock *sk, int optname, sockptr_t optval,
			   unsigned int optlen);
int linnet_open_getsockopt(struct sock *sk, int optname, char __user *optval,
			   int __user *optlen);

/* close.c: the ways in which a connection ends */
int linnet_orphans(void);
void linnet_set_state(struct sock *sk, int state);
bool linnet_close_state(struct sock *sk);
void linnet_close(struct sock *sk, long timeout);
void linnet_shutdown(struct sock *sk, int how);
bool linnet_out_of_resources(struct sock *sk);
void linnet_reset_saddr(struct sock *sk);
int linnet_disconnect(struct sock *sk, int flags);
void linnet_done(struct sock *sk);
void linnet_reset_received(struct sock *sk);
void linnet_abort(struct sock *sk, int err);
int linnet_diag_destroy(struct sock *sk, int err);
void linnet_destroy_sock(struct sock *sk);
void linnet_destroy(struct sock *sk);
void linnet_purge_queues(struct sock *sk);
void linnet_forget_child(struct sock *child);

/* send.c, recv.c */
int linnet_sendmsg(struct sock *sk, struct msghdr *msg, size_t len);
int linnet_recvmsg(LINNET_RECVMSG_ARGS);
void linnet_queue_received(struct sock *sk, struct sk_buff *skb);
void linnet_data_ready(struct sock *sk);
u32 linnet_readable(const struct sock *sk);
bool linnet_pollin(const struct sock *sk, int target);
void linnet_eat_received(struct sock *sk, struct sk_buff *skb);
void linnet_after_read(struct sock *sk, int copied);
int linnet_nothing_to_read(struct sock *sk, long timeo);
bool linnet_reading_ends(const struct sock *sk, long timeo);
void linnet_sndbuf_expand(struct sock *sk);
int linnet_send_mss(struct sock *sk, int *size_goal);

/* table.c: ports, listeners and connections; timewait.c */
int linnet_table_init(void);
void linnet_table_exit(void);
int linnet_get_port(struct sock *sk, unsigned short port);
void linnet_put_port(struct sock *sk);
void linnet_inherit_port(struct sock *parent, struct sock *child);
int linnet_hash_unique(struct sock *sk, struct sock **tw);
int linnet_hash_connect(struct sock *sk);
int linnet_hash_listener(struct sock *sk);
void linnet_unhash(struct sock *sk);
struct sock *linnet_lookup_connection(const struct linnet_flow *flow);
struct sock *linnet_lookup_listener(const struct linnet_flow *flow,
				    struct sk_buff *skb);
void linnet_flow_of(const struct sock *sk, struct linnet_flow *flow);
u32 linnet_flow_hash(const struct linnet_flow *flow);
u64 linnet_flow_siphash(const struct linnet_flow *flow, u32 salt,
			const siphash_key_t *key);
u32 linnet_port_offset(const struct linnet_flow *flow);
u32 linnet_isn(const struct linnet_flow *flow, u32 *timestamp_offset);
u32 linnet_timestamp_offset(const struct linnet_flow *flow);
void linnet_hash_timewait(struct sock *sk, struct linnet_timewait *tw);

/**
 * struct linnet_table_position - where a walk over the tables stands
 * @bucket: the bucket, listeners first
 * @index: sockets of the namespace seen in it
 */
struct linnet_table_position {
	unsigned int	bucket;
	unsigned int	index;
};

struct sock *linnet_table_next(const struct net *net,
			       struct linnet_table_position *pos);
struct sock *linnet_ports_next(const struct net *net,
			       struct linnet_table_position *pos);
void linnet_table_put(struct sock *sk);

enum linnet_tw_verdict {
	LINNET_TW_DONE,		/* the segment has been dealt with */
	LINNET_TW_SYN,		/* a new connection may take the place */
};

int linnet_timewait_init(void);
void linnet_timewait_exit(void);
void linnet_timewait_start(struct sock *sk);
enum linnet_tw_verdict linnet_timewait_rcv(struct sock *tw,
					   const struct linnet_flow *flow,
					   const struct linnet_segment *seg,
					   u32 *isn);
void linnet_timewait_put(struct sock *tw);
void linnet_timewait_kill(struct sock *tw);
void linnet_timewait_finish(struct sock *tw);
bool linnet_timewait_reuse(struct sock *sk, const struct sock *tw,
			   bool asked_for);
void linnet_timewait_purge(struct net *net);
unsigned long linnet_timewait_expires(const struct sock *tw);

/* handshake.c, synqueue.c: the passive side up to ESTABLISHED; handshake.h */
int linnet_listen_start(struct sock *sk, int backlog);
void linnet_listen_stop(struct sock *sk);
bool linnet_listen_rcv(struct sock *sk, struct linnet_segment *seg,
		       const struct linnet_flow *flow);
void linnet_listen_icmp(struct sock *sk, const struct linnet_flow *flow,
			u32 seq);
unsigned int linnet_listen_syn_queue(const struct sock *sk);
void linnet_listen_tick(struct sock *sk);
void linnet_listen_defer(struct sock *sk, int seconds);
int linnet_listen_deferred(const struct sock *sk);

/* input.c */
bool linnet_segment_parse(struct sk_buff *skb, struct linnet_segment *seg);
int linnet_do_rcv(struct sock *sk, struct sk_buff *skb);
bool linnet_rcv_state(struct sock *sk, struct linnet_segment *seg);
void linnet_established(struct sock *sk);
void linnet_transfer_start(struct sock *sk);
void linnet_syn_options(struct sock *sk, const struct linnet_options *opt);
void linnet_timestamp_store(struct tcp_sock *tp,
			    const struct linnet_segment *seg);

/* text.c: the data and the FIN of a segment */
bool linnet_receive_data(struct sock *sk, struct linnet_segment *seg);

/* acknowledge.c: what an acknowledgement does to the sender */
int linnet_acknowledge(struct sock *sk, struct linnet_segment *seg);
void linnet_rtt_measured(struct sock *sk, long rtt_us);

struct linnet_ack;	/* recovery.h */

/* flow.c: windows and buffers */

/**
 * struct linnet_first_windows - what a SYN tells of our window
 * @window: the window, bytes
 * @clamp: the largest that there may ever be, bytes
 * @wscale: the scale that it offers
 */
struct linnet_first_windows {
	u32	window;
	u32	clamp;
	u8	wscale;
};

void linnet_first_windows(const struct sock *sk, const struct linnet_path *path,
			  u32 mss, bool wscale_ok,
			  struct linnet_first_windows *first);
u32 linnet_select_window(struct sock *sk);
u32 linnet_window_now(struct sock *sk);
int linnet_window_of(const struct sock *sk, int space);
void linnet_window_pressed(struct sock *sk);
void linnet_rcvbuf_grow(struct sock *sk, u32 copied);
void linnet_window_grow(struct sock *sk, const struct sk_buff *skb);
void linnet_window_clamp(struct sock *sk, u32 most);
void linnet_ratio_measure(struct sock *sk, const struct linnet_segment *seg);
void linnet_rcv_mss_init(struct sock *sk);
void linnet_rcv_rtt_timestamp(struct sock *sk,
			      const struct linnet_segment *seg);
int linnet_set_rcvlowat(struct sock *sk, int val);
void linnet_set_rcvbuf(struct sock *sk, int val);
void linnet_initial_window(struct sock *sk);
void linnet_buffers_init(struct sock *sk);
void linnet_rcv_space_adjust(struct sock *sk);
void linnet_rcv_rtt_measure(struct sock *sk);
u32 linnet_rcv_free(const struct sock *sk);
u32 linnet_rcv_full(const struct sock *sk);

/* compress.c: one ACK for many, while segments come behind a hole */
bool linnet_ack_compress(struct sock *sk);
void linnet_ack_decompress(struct sock *sk);
void linnet_ack_decompress_before(struct sock *sk, u32 seq, u32 end_seq);

/* memory.c: when memory is short */
bool linnet_rmem_room(struct sock *sk, const struct linnet_segment *seg);
void linnet_mem_force(struct sock *sk, int size, int kind);
int linnet_wmem_some(struct sock *sk, int size);
void linnet_backlog_add(struct sock *sk, struct sk_buff *skb);
void linnet_memcg_accept(struct sock *sk);

/* cong.c: hosting tcp_congestion_ops */
int linnet_cong_net_init(struct net *net);
void linnet_cong_net_exit(struct net *net);
int linnet_cong_set_default(struct net *net, const char *name);
void linnet_cong_get_default(struct net *net, char *name);
void linnet_cong_assign(struct sock *sk);
void linnet_cong_inherit(struct sock *child, const struct sock *parent);
void linnet_cong_by_route(struct sock *sk);
void linnet_cong_start(struct sock *sk);
void linnet_cong_cleanup(struct sock *sk);
void linnet_cong_set_state(struct sock *sk, u8 state);
void linnet_cong_event(struct sock *sk, enum tcp_ca_event event);
void linnet_cong_tx_start(struct sock *sk);
u32 linnet_cong_ssthresh(struct sock *sk);
void linnet_cong_in_ack(struct sock *sk, const struct linnet_ack *ack);
void linnet_cong_pkts_acked(struct sock *sk, const struct ack_sample *sample);
void linnet_cong_control(struct sock *sk, const struct linnet_ack *ack);
void linnet_cong_cwnd_validate(struct sock *sk, bool limited);
void linnet_cong_idle_restart(struct sock *sk);
void linnet_rate_sent(struct sock *sk, struct sk_buff *skb);
void linnet_rate_delivered(struct sock *sk, struct sk_buff *skb,
			   struct rate_sample *rs);
void linnet_rate_generate(struct sock *sk, u32 delivered, u32 lost,
			  struct rate_sample *rs);
void linnet_rate_app_limited(struct sock *sk);
extern struct tcp_congestion_ops linnet_reno;	/* cc/reno.c */

/* ipv4.c, ipv6.c */
static inline const struct linnet_af_ops *
linnet_flow_af(const struct linnet_flow *flow)
{
	return flow->family == AF_INET ? &linnet_ipv4_ops : &linnet_ipv6_ops;
}

int linnet_ipv4_register(void);
void linnet_ipv4_unregister(void);
int linnet_ipv6_register(void);
void linnet_ipv6_unregister(void);
int linnet_ipv4_connect(struct sock *sk, linnet_sockaddr *addr, int len);
int linnet_ipv6_connect(struct sock *sk, linnet_sockaddr *addr, int len);
void linnet_ipv6_child_mapped(const struct sock *parent, struct sock *child,
			      const struct linnet_flow *flow);
int linnet_connect_start(struct sock *sk);
int linnet_connect_send(struct sock *sk);

/* early.c: the route of a segment, before IP looks for it */
void linnet_early_start(struct net *net, struct linnet_net *ln);
void linnet_early_net_exit(struct net *net);
struct sock *linnet_early_take(struct sk_buff *skb);
void linnet_early_remember(struct sock *sk, const struct sk_buff *skb);
void linnet_early_forget(struct sock *sk);

/* demux.c: whose segment is this? */
void linnet_skb_flow(const struct sk_buff *skb, struct net *net,
		     struct linnet_flow *flow);
u8 linnet_skb_ecn(const struct sk_buff *skb);
int linnet_rcv(struct sk_buff *skb, struct linnet_flow *flow);

/**
 * struct linnet_icmp - an ICMP or ICMPv6 error
 * @skb: data begins at the IP header that it quotes
 * @type: of the family that the segment has
 * @code: likewise
 * @info: the path MTU, bytes, if it tells one
 * @fatal: a request whose SYN and ACK it concerns is given up
 * @no_route: somewhere the way ends: it is no congestion (RFC 6069)
 */
struct linnet_icmp {
	struct sk_buff	*skb;
	u8		type;
	u8		code;
	u32		info;
	bool		fatal;
	bool		no_route;
};

int linnet_icmp(const struct linnet_flow *flow, u32 seq,
		const struct linnet_icmp *icmp,
		void (*report)(struct sock *, const struct linnet_icmp *));
void linnet_icmp_error(struct sock *sk, int err, bool hard);
void linnet_mtu_told(struct sock *sk);
void linnet_mtu_reduced(struct sock *sk);

/* offload.c */
int linnet_offload_init(void);
void linnet_offload_exit(void);
void linnet_offload_caps(struct sock *sk, struct dst_entry *dst);
void linnet_checksum_partial(struct sock *sk, struct sk_buff *skb,
			     __sum16 pseudo);
void linnet_checksum_reply(const struct dst_entry *dst, struct sk_buff *skb,
			   __sum16 pseudo);

/* sysctl.c, stats.c, diag.c, sockdiag.c */
int linnet_sysctl_net_init(struct net *net);
void linnet_sysctl_net_exit(struct net *net);
int linnet_stats_net_init(struct net *net);
void linnet_stats_net_exit(struct net *net);
int linnet_diag_net_init(struct net *net);
void linnet_diag_net_exit(struct net *net);
int linnet_sockdiag_init(void);
void linnet_sockdiag_exit(void);

#endif /* _LINNET_H */
