/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a host is made of, for the two halves of IP */
#ifndef SIM_MACHINE_H
#define SIM_MACHINE_H

#include <linux/ipv6.h>
#include <linux/netdevice.h>
#include <net/ip6_fib.h>
#include <net/route.h>

#include "kernel.h"

/**
 * struct machine - a host's device, and its routes out and in
 * @dev: the device
 * @out: IPv4, to the other host
 * @in: IPv4, from there
 * @out6: IPv6, to the other host
 * @in6: IPv6, from there
 * @id: of the next IPv4 datagram
 */
struct machine {
	struct net_device	dev;
	struct rtable		out;
	struct rtable		in;
	struct rt6_info		out6;
	struct rt6_info		in6;
	u16			id;
};

struct machine *machine_of(const struct host *h);
struct host *host_of(const struct net *net);
void path_takes(struct host *h, u32 mtu);

/* inet6.c */
extern const struct inet6_protocol *protocol6;
extern const struct net_offload *offload6;
void inet6_setup(struct machine *m);
void inet6_setup_socket(struct sock *sk);
void inet6_told(struct sk_buff *skb, u32 mtu);

#endif /* SIM_MACHINE_H */
