/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Prepared answers of a worker: what a question was answered with from the store, good as
 * long as the store's transaction id is the same.
 */
#ifndef DNSD_ANSWER_CACHE_H
#define DNSD_ANSWER_CACHE_H

#include "query.h"

struct answer_cache;

/**
 * answer_cache_new() - an empty cache
 * @max_octets: of the answers in it
 *
 * Return: the cache for answer_cache_free(), or NULL without memory.
 */
struct answer_cache *answer_cache_new(size_t max_octets);
void answer_cache_free(struct answer_cache *c);
/**
 * answer_cache_get() - take a response out of the cache
 * @c: the cache
 * @q: was parsed
 * @txn: id of the store's transaction
 *
 * Return: true: the response is in q->out, but for what response_finish() adds; q->zone is set.
 */
bool answer_cache_get(struct answer_cache *c, struct query *q, uint64_t txn);
/**
 * answer_cache_put() - keep a response, if it may be
 * @c: the cache
 * @q: its response is written, not finished
 * @txn: id of the store's transaction that it is from
 */
void answer_cache_put(struct answer_cache *c, const struct query *q, uint64_t txn);

#endif
