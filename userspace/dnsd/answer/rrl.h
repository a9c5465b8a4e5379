/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Response rate limiting, so that datagrams with forged addresses do not make us a
 * reflector: what one network gets of one kind about one name is bounded.
 */
#ifndef DNSD_RRL_H
#define DNSD_RRL_H

#include "query.h"

struct rrl;

enum rrl_verdict { RRL_SEND, RRL_SLIP, RRL_DROP };

/* Is there any limit? */
bool rrl_wanted(const struct setup_rate *conf);
/* @workers: that share the limits; NULL: no memory. */
struct rrl *rrl_new(const struct setup_rate *conf, unsigned int workers);
void rrl_free(struct rrl *r);
/* For a datagram whose response is made; RRL_SLIP: send it truncated. */
enum rrl_verdict rrl_check(struct rrl *r, const struct query *q);

#endif
