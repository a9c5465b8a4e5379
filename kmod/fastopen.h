/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fast Open (RFC 7413): the offer of fastopen.c and fastopen_client.c */
#ifndef _LINNET_FASTOPEN_H
#define _LINNET_FASTOPEN_H

#include "linnet.h"

/* Bits of net.linnet.fastopen, as of net.ipv4.tcp_fastopen */
#define LINNET_FASTOPEN_CLIENT		0x001	/* data in a SYN may be sent */
#define LINNET_FASTOPEN_SERVER		0x002	/* data in a SYN may be taken */
#define LINNET_FASTOPEN_CLIENT_NO_COOKIE 0x004	/* sent without a cookie */
#define LINNET_FASTOPEN_SERVER_NO_COOKIE 0x200	/* taken without a cookie */
#define LINNET_FASTOPEN_ALL_LISTENERS	0x400	/* TCP_FASTOPEN unasked for */

/**
 * struct linnet_fastopen_queue - fast opens of a listener that are not proven
 * @ref: the listener, and each of them
 * @lock: guards the rest
 * @len: connections whose client has not acknowledged our SYN
 * @most: how many there may be (TCP_FASTOPEN)
 * @resets: of those that were reset, so many count still: a spoofed SYN is
 *	answered by a reset from whom it names (RFC 7413, 5.1)
 * @resets_until: and until then, jiffies
 * @keys: TCP_FASTOPEN_KEY; none: the namespace's
 */
struct linnet_fastopen_queue {
	refcount_t			ref;
	spinlock_t			lock;
	unsigned int			len;
	unsigned int			most;
	unsigned int			resets;
	unsigned long			resets_until;
	struct linnet_fastopen_keys	keys;
};

struct linnet_request;

/* fastopen.c: the passive side */
void linnet_fastopen_net_init(struct net *net);
bool linnet_fastopen_server(struct sock *sk, const struct linnet_segment *seg,
			    const struct linnet_request *req,
			    struct linnet_options *answer);
struct sock *linnet_fastopen_child(struct sock *sk, struct linnet_request *req,
				   struct linnet_segment *seg,
				   const struct linnet_options *answer,
				   bool *taken);
void linnet_fastopen_proven(struct sock *child, bool reset);
bool linnet_fastopen_repeated(struct sock *child,
			      const struct linnet_segment *seg);
void linnet_fastopen_listen(struct sock *sk, int backlog);
void linnet_fastopen_forget(struct sock *sk);
int linnet_fastopen_set_most(struct sock *sk, int val);
int linnet_fastopen_get_most(const struct sock *sk);
int linnet_fastopen_set_key(struct sock *sk, const u8 *octets,
			    unsigned int len);
int linnet_fastopen_get_key(struct sock *sk, u8 *octets);
void linnet_fastopen_net_keys(struct net *net, const u8 *octets,
			      unsigned int n);
unsigned int linnet_fastopen_net_octets(struct net *net, u8 *octets);

/* fastopen_client.c: the active side */
void linnet_fastopen_net_exit(struct net *net);
bool linnet_fastopen_defers(struct sock *sk, int *err);
bool linnet_fastopen_send_syn(struct sock *sk, struct sk_buff *syn);
void linnet_fastopen_option(const struct sock *sk, struct linnet_options *opt);
void linnet_fastopen_answered(struct sock *sk, const struct linnet_options *opt);
int linnet_fastopen_sendmsg(struct sock *sk, struct msghdr *msg, size_t size,
			    int *copied);
void linnet_fastopen_timeout(struct sock *sk, bool hopeless);
void linnet_fastopen_ended(struct sock *sk);
void linnet_fastopen_free_request(struct sock *sk);

#endif /* _LINNET_FASTOPEN_H */
