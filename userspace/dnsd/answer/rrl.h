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

/**
 * rrl_wanted() - is there any limit?
 * @conf: the configuration
 */
bool rrl_wanted(const struct setup_rate *conf);
/**
 * rrl_new() - make the table of a worker
 * @conf: the limits; has to stay
 * @workers: how many share the limits
 *
 * Return: the table for rrl_free(), or NULL without memory.
 */
struct rrl *rrl_new(const struct setup_rate *conf, unsigned int workers);
void rrl_free(struct rrl *r);
/**
 * rrl_check() - may a response be sent?
 * @r: the limits
 * @q: a datagram whose response is complete
 * @now: loop time in milliseconds, of the sending: a deferred query came long before
 *
 * Return: RRL_SLIP: truncated, by response_slip().
 */
enum rrl_verdict rrl_check(struct rrl *r, const struct query *q, uint64_t now);

#endif
