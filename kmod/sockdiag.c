// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * inet_diag for our protocol: what ss and other clients of sock_diag(7) ask.
 *
 * The kernel has inet_diag as a module, and what it exports can be had only
 * while that is loaded.  Our module must come up by insmod alone, so it asks for
 * inet_diag when it starts and does without if there is none.
 */
#include <linux/inet_diag.h>
#include <linux/module.h>
#include <linux/sock_diag.h>
#include <net/inet_sock.h>
#include <net/netlink.h>
#include <net/request_sock.h>

#include "linnet.h"
#include "handshake.h"
#include "timewait.h"

/* What inet_diag has for us; all or nothing */
static struct {
	typeof(&inet_diag_register)		enter;
	typeof(&inet_diag_unregister)		leave;
	typeof(&inet_sk_diag_fill)		socket_fill;
	typeof(&inet_diag_msg_common_fill)	common_fill;
	typeof(&inet_diag_bc_sk)		filter;
} inet_diag;

/* The timer that matters most, by TCP's numbers; the slow one is that of
 * keepalive and what shares its timer
 */
enum { TIMER_RTX = 1, TIMER_SLOW, TIMER_TIMEWAIT, TIMER_PERSIST };

static u32 ms_until(unsigned long expires)
{
	return jiffies_to_msecs(max_t(long, expires - jiffies, 0));
}

static void get_timer(struct sock *sk, struct inet_diag_msg *r)
{
	const struct inet_connection_sock *icsk = inet_csk(sk);
	const struct timer_list *timer = linnet_compat_rtx_timer(sk);

	switch (READ_ONCE(linnet_sk(sk)->timer_event)) {
	case LINNET_TIMER_NONE:
		timer = linnet_compat_slow_timer(sk);
		if (!timer_pending(timer))
			return;
		r->idiag_timer = TIMER_SLOW;
		r->idiag_retrans = READ_ONCE(icsk->icsk_probes_out);
		break;
	case LINNET_TIMER_PERSIST:
		r->idiag_timer = TIMER_PERSIST;
		r->idiag_retrans = READ_ONCE(icsk->icsk_probes_out);
		break;
	default:
		r->idiag_timer = TIMER_RTX;
		r->idiag_retrans = READ_ONCE(icsk->icsk_retransmits);
	}
	r->idiag_expires = ms_until(READ_ONCE(timer->expires));
}

/* The part of a message that only the protocol knows; inet_diag calls this */
static void get_info(struct sock *sk, struct inet_diag_msg *r, void *info)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	if (inet_sk_state_load(sk) == TCP_LISTEN) {
		r->idiag_rqueue = READ_ONCE(sk->sk_ack_backlog);
		r->idiag_wqueue = READ_ONCE(sk->sk_max_ack_backlog);
	} else {
		r->idiag_rqueue = linnet_readable(sk);
		r->idiag_wqueue = READ_ONCE(tp->write_seq) -
				  READ_ONCE(tp->snd_una);
		get_timer(sk, r);
	}
	if (info)
		linnet_tcp_info_fill(sk, info);
}

/**
 * struct answer - where a message goes, and what was asked
 * @skb: the message
 * @cb: the request and, of a dump, where it stands
 * @req: what was asked for
 * @flags: NLM_F_MULTI in a dump
 * @net_admin: who asks may administer the network
 */
struct answer {
	struct sk_buff			*skb;
	struct netlink_callback		*cb;
	const struct inet_diag_req_v2	*req;
	u16				flags;
	bool				net_admin;
};

/* A message of which we know all: that of what is no full socket */
static struct inet_diag_msg *put_message(const struct answer *a,
					 struct nlmsghdr **nlh)
{
	struct inet_diag_msg *r;

	*nlh = nlmsg_put(a->skb, NETLINK_CB(a->cb->skb).portid,
			 a->cb->nlh->nlmsg_seq, a->cb->nlh->nlmsg_type,
			 sizeof(*r), a->flags);
	if (!*nlh)
		return NULL;
	r = nlmsg_data(*nlh);
	memset(r, 0, sizeof(*r));
	return r;
}

static int fill_timewait(struct sock *sk, const struct answer *a)
{
	struct nlmsghdr *nlh;
	struct inet_diag_msg *r = put_message(a, &nlh);

	if (!r)
		return -EMSGSIZE;
	inet_diag.common_fill(r, sk);
	r->idiag_state = TCP_TIME_WAIT;
	r->idiag_timer = TIMER_TIMEWAIT;
	r->idiag_expires = ms_until(linnet_timewait_expires(sk));
	nlmsg_end(a->skb, nlh);
	return 0;
}

static int fill_socket(struct sock *sk, const struct answer *a)
{
	if (sk->sk_state == TCP_TIME_WAIT)
		return fill_timewait(sk, a);
	return inet_diag.socket_fill(sk, inet_csk(sk), a->skb, a->cb, a->req,
				     a->flags, a->net_admin);
}

/* A request in the form that inet_diag looks at: one of TCP's */
static struct sock *seen_as_tcp(struct linnet_request *req,
				const struct sock *listener,
				struct inet_request_sock *ireq)
{
	struct sock *sk = req_to_sk(&ireq->req);
	u32 cookie[2];

	memset(ireq, 0, sizeof(*ireq));
	sk->sk_state = TCP_NEW_SYN_RECV;
	sk->sk_family = req->flow.family;
	sk->sk_num = req->flow.lport;
	sk->sk_dport = req->flow.rport;
	sk->sk_bound_dev_if = req->bound_dev_if;
	if (sk->sk_family == AF_INET) {
		sk->sk_rcv_saddr = req->flow.laddr;
		sk->sk_daddr = req->flow.raddr;
	} else {
		sk->sk_v6_rcv_saddr = req->flow.laddr6;
		sk->sk_v6_daddr = req->flow.raddr6;
	}
	ireq->ir_mark = READ_ONCE(listener->sk_mark);
	/* given at first sight, and kept */
	sock_net_set(sk, sock_net(listener));
	atomic64_set(&sk->sk_cookie, req->cookie);
	sock_diag_save_cookie(sk, cookie);
	req->cookie = atomic64_read(&sk->sk_cookie);
	return sk;
}

static int fill_request(struct linnet_request *req, struct sock *sk,
			const struct answer *a)
{
	struct nlmsghdr *nlh;
	struct inet_diag_msg *r = put_message(a, &nlh);

	if (!r)
		return -EMSGSIZE;
	inet_diag.common_fill(r, sk);
	r->idiag_state = TCP_SYN_RECV;
	r->idiag_timer = TIMER_RTX;
	r->idiag_retrans = req->retransmits;
	r->idiag_expires = ms_until(req->expires);
	if (a->net_admin && nla_put_u32(a->skb, INET_DIAG_MARK,
					inet_rsk(inet_reqsk(sk))->ir_mark)) {
		nlmsg_cancel(a->skb, nlh);
		return -EMSGSIZE;
	}
	nlmsg_end(a->skb, nlh);
	return 0;
}

/* Is a socket, or something seen as one, among those asked for? */
static bool asked_for(struct sock *sk, int state, const struct answer *a)
{
	const struct inet_diag_req_v2 *req = a->req;

	if (!(req->idiag_states & (1 << state)))
		return false;
	if (req->sdiag_family != AF_UNSPEC &&
	    req->sdiag_family != sk->sk_family)
		return false;
	if (req->id.idiag_sport && req->id.idiag_sport != htons(sk->sk_num))
		return false;
	if (req->id.idiag_dport && (state == TCP_LISTEN ||
				    req->id.idiag_dport != sk->sk_dport))
		return false;
	return linnet_compat_diag_filter(inet_diag.filter, a->cb, sk);
}

/**
 * struct requests_dump - a walk over the SYN queue of a listener
 * @answer: where to show them
 * @shown: so many have been
 */
struct requests_dump {
	struct answer	*answer;
	long		*shown;
};

static int dump_request(struct sock *listener, struct linnet_request *req,
			void *arg)
{
	struct requests_dump *dump = arg;
	struct inet_request_sock ireq;
	struct sock *sk = seen_as_tcp(req, listener, &ireq);
	int err = 0;

	if (asked_for(sk, TCP_SYN_RECV, dump->answer))
		err = fill_request(req, sk, dump->answer);
	if (!err)
		++*dump->shown;
	return err;
}

/* @shown: of a listener 1 when it has been shown itself, and one more for each
 * request that has
 */
static int dump_listener(struct sock *sk, struct answer *a, long *shown)
{
	struct requests_dump dump = { .answer = a, .shown = shown };
	int err = 0;

	if (!*shown) {
		if (asked_for(sk, TCP_LISTEN, a))
			err = fill_socket(sk, a);
		if (err)
			return err;
		*shown = 1;
	}
	if (!(a->req->idiag_states & TCPF_SYN_RECV) ||
	    !linnet_listen_syn_queue(sk))
		return 0;
	lock_sock(sk);
	err = linnet_synq_each(sk, *shown - 1, dump_request, &dump);
	release_sock(sk);
	return err;
}

static int dump_socket(struct sock *sk, struct answer *a, long *shown)
{
	int state = inet_sk_state_load(sk);

	if (state == TCP_LISTEN)
		return dump_listener(sk, a, shown);
	return asked_for(sk, state, a) ? fill_socket(sk, a) : 0;
}

/* Of the others nothing can be told but who they are.  Returns an error when
 * the message is full.
 */
static int dump_bound(struct net *net, const struct answer *a, long args[2])
{
	struct linnet_table_position pos = {
		.bucket	= args[0],
		.index	= args[1],
	};
	struct sock *sk;
	int err = 0;

	while (!err && (sk = linnet_ports_next(net, &pos))) {
		if (asked_for(sk, LINNET_BOUND_INACTIVE, a))
			err = inet_diag.socket_fill(sk, NULL, a->skb, a->cb,
						    a->req, a->flags,
						    a->net_admin);
		sock_put(sk);
		cond_resched();
	}
	args[0] = pos.bucket;
	args[1] = err ? pos.index - 1 : pos.index;
	return err;
}

/* A message is filled; the next call goes on where it became full */
static void diag_dump(struct sk_buff *skb, struct netlink_callback *cb,
		      const struct inet_diag_req_v2 *req)
{
	struct linnet_table_position pos = {
		.bucket	= cb->args[0],
		.index	= cb->args[1],
	};
	struct answer a = {
		.skb		= skb,
		.cb		= cb,
		.req		= req,
		.flags		= NLM_F_MULTI,
		.net_admin	= netlink_net_capable(cb->skb, CAP_NET_ADMIN),
	};
	struct net *net = sock_net(skb->sk);
	struct sock *sk;
	int err;

	if (LINNET_BOUND_INACTIVE &&
	    req->idiag_states & 1 << LINNET_BOUND_INACTIVE &&
	    dump_bound(net, &a, &cb->args[3]))
		return;
	while ((sk = linnet_table_next(net, &pos))) {
		err = dump_socket(sk, &a, &cb->args[2]);
		linnet_table_put(sk);
		if (err) {
			pos.index--;
			break;
		}
		cb->args[2] = 0;
		cond_resched();
	}
	cb->args[0] = pos.bucket;
	cb->args[1] = pos.index;
}

static int flow_of(const struct inet_diag_req_v2 *req, struct net *net,
		   struct linnet_flow *flow)
{
	const struct in6_addr *src = (void *)req->id.idiag_src;
	const struct in6_addr *dst = (void *)req->id.idiag_dst;

	memset(flow, 0, sizeof(*flow));
	flow->net = net;
	flow->lport = ntohs(req->id.idiag_sport);
	flow->rport = req->id.idiag_dport;
	flow->iif = req->id.idiag_if;
	if (req->sdiag_family == AF_INET) {
		flow->family = AF_INET;
		flow->laddr = req->id.idiag_src[0];
		flow->raddr = req->id.idiag_dst[0];
	} else if (req->sdiag_family != AF_INET6) {
		return -EINVAL;
	} else if (ipv6_addr_v4mapped(src) && ipv6_addr_v4mapped(dst)) {
		flow->family = AF_INET;
		flow->laddr = req->id.idiag_src[3];
		flow->raddr = req->id.idiag_dst[3];
	} else {
		flow->family = AF_INET6;
		flow->laddr6 = *src;
		flow->raddr6 = *dst;
	}
	return 0;
}

/* What is meant by both ends and, if told, a cookie: a socket, TIME-WAIT or,
 * when the two ends are those of a connection, the listener that may have a
 * request for it
 */
static struct sock *find(const struct inet_diag_req_v2 *req,
			 const struct linnet_flow *flow)
{
	struct sock *sk;

	rcu_read_lock();
	sk = linnet_lookup_connection(flow) ?:
	     linnet_lookup_listener(flow, NULL);
	rcu_read_unlock();
	if (!sk)
		return ERR_PTR(-ENOENT);
	if ((sk->sk_state != TCP_LISTEN || !flow->rport) &&
	    sock_diag_check_cookie(sk, req->id.idiag_cookie)) {
		linnet_table_put(sk);
		return ERR_PTR(-ENOENT);
	}
	return sk;
}

/* The request that is meant, of a listener that is locked */
static struct linnet_request *find_request(struct sock *listener,
					   const struct inet_diag_req_v2 *req,
					   const struct linnet_flow *flow,
					   struct inet_request_sock *ireq)
{
	struct linnet_request *request;

	if (listener->sk_state != TCP_LISTEN)
		return NULL;
	request = linnet_synq_find(listener, flow);
	if (!request || sock_diag_check_cookie(seen_as_tcp(request, listener,
							   ireq),
					       req->id.idiag_cookie))
		return NULL;
	return request;
}

static int fill_found(struct sock *sk, const struct linnet_flow *flow,
		      const struct answer *a)
{
	struct linnet_request *request;
	struct inet_request_sock ireq;
	int err = -ENOENT;

	if (sk->sk_state != TCP_LISTEN || !flow->rport)
		return fill_socket(sk, a);
	lock_sock(sk);
	request = find_request(sk, a->req, flow, &ireq);
	if (request)
		err = fill_request(request, req_to_sk(&ireq.req), a);
	release_sock(sk);
	return err;
}

static int diag_dump_one(struct netlink_callback *cb,
			 const struct inet_diag_req_v2 *req)
{
	struct net *net = sock_net(cb->skb->sk);
	struct answer a = {
		.cb		= cb,
		.req		= req,
		.net_admin	= netlink_net_capable(cb->skb, CAP_NET_ADMIN),
	};
	struct linnet_flow flow;
	struct sock *sk;
	int err;

	err = flow_of(req, net, &flow);
	if (err)
		return err;
	sk = find(req, &flow);
	if (IS_ERR(sk))
		return PTR_ERR(sk);
	err = -ENOMEM;
	a.skb = nlmsg_new(NLMSG_GOODSIZE, GFP_KERNEL);
	if (!a.skb)
		goto out;
	err = fill_found(sk, &flow, &a);
	if (err)
		nlmsg_free(a.skb);
	else
		err = nlmsg_unicast(net->diag_nlsk, a.skb,
				    NETLINK_CB(cb->skb).portid);
out:
	linnet_table_put(sk);
	return err;
}

static int destroy_request(struct sock *listener,
			   const struct inet_diag_req_v2 *req,
			   const struct linnet_flow *flow)
{
	struct linnet_request *request;
	struct inet_request_sock ireq;

	lock_sock(listener);
	request = find_request(listener, req, flow, &ireq);
	if (request)
		linnet_synq_drop(listener, request);
	release_sock(listener);
	return request ? 0 : -ENOENT;
}

/* As ss -K asks.  A full socket goes by proto->diag_destroy. */
static int diag_destroy(struct sk_buff *skb, const struct inet_diag_req_v2 *req)
{
	struct linnet_flow flow;
	struct sock *sk;
	int err;

	if (!netlink_net_capable(skb, CAP_NET_ADMIN))
		return -EPERM;
	err = flow_of(req, sock_net(skb->sk), &flow);
	if (err)
		return err;
	sk = find(req, &flow);
	if (IS_ERR(sk))
		return PTR_ERR(sk);
	if (sk->sk_state == TCP_TIME_WAIT)
		linnet_timewait_kill(sk);
	else if (sk->sk_state == TCP_LISTEN && flow.rport)
		err = destroy_request(sk, req, &flow);
	else
		err = sock_diag_destroy(sk, ECONNABORTED);
	linnet_table_put(sk);
	return err;
}

static struct inet_diag_handler handler = {
	LINNET_COMPAT_DIAG_OWNER
	.dump			= diag_dump,
	.dump_one		= diag_dump_one,
	.idiag_get_info		= get_info,
	.destroy		= diag_destroy,
	.idiag_info_size	= sizeof(struct tcp_info),
};

static void let_go(void)
{
	if (inet_diag.enter)
		symbol_put(inet_diag_register);
	if (inet_diag.leave)
		symbol_put(inet_diag_unregister);
	if (inet_diag.socket_fill)
		symbol_put(inet_sk_diag_fill);
	if (inet_diag.common_fill)
		symbol_put(inet_diag_msg_common_fill);
	if (inet_diag.filter)
		symbol_put(inet_diag_bc_sk);
	memset(&inet_diag, 0, sizeof(inet_diag));
}

/**
 * linnet_sockdiag_init() - let diag clients see our sockets
 *
 * Without inet_diag in the kernel there is only /proc/net/linnet/sockets, and a
 * line in the log says so.
 *
 * Return: 0 or a negative error.
 */
int linnet_sockdiag_init(void)
{
	int err;

	inet_diag.enter = symbol_request(inet_diag_register);
	inet_diag.leave = symbol_get(inet_diag_unregister);
	inet_diag.socket_fill = symbol_get(inet_sk_diag_fill);
	inet_diag.common_fill = symbol_get(inet_diag_msg_common_fill);
	inet_diag.filter = symbol_get(inet_diag_bc_sk);
	if (!inet_diag.enter || !inet_diag.leave || !inet_diag.socket_fill ||
	    !inet_diag.common_fill || !inet_diag.filter) {
		pr_notice("linnet: no inet_diag here: diag clients will not see our sockets\n");
		let_go();
		return 0;
	}
	handler.idiag_type = linnet_proto;
	err = inet_diag.enter(&handler);
	if (err)
		let_go();
	return err;
}

/**
 * linnet_sockdiag_exit() - nobody asks any more after this
 */
void linnet_sockdiag_exit(void)
{
	if (inet_diag.leave)
		inet_diag.leave(&handler);
	let_go();
}
