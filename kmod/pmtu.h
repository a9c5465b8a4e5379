/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packetization layer path MTU discovery: the offer of pmtu.c */
#ifndef _LINNET_PMTU_H
#define _LINNET_PMTU_H

struct sock;

void linnet_mtu_search_init(struct sock *sk);
int linnet_mtu_probe(struct sock *sk);
void linnet_mtu_probe_acked(struct sock *sk);
bool linnet_mtu_probe_lost(struct sock *sk);
void linnet_mtu_black_hole(struct sock *sk);
u32 linnet_mtu_bound(const struct sock *sk, u32 mss);

#endif /* _LINNET_PMTU_H */
