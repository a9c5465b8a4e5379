/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Prepared answers of a worker: what a question was answered with from the store, good as
 * long as the store's transaction id is the same.
 */
#ifndef DNSD_ANSWER_CACHE_H
#define DNSD_ANSWER_CACHE_H

#include "query.h"

struct answer_cache;

struct answer_cache *answer_cache_new(size_t max_octets);
void answer_cache_free(struct answer_cache *c);
/* True: the response is in q->out, but for what response_finish() adds; q->zone is set. */
bool answer_cache_get(struct answer_cache *c, struct query *q, uint64_t txn);
/* Keep the response, if it may be. */
void answer_cache_put(struct answer_cache *c, const struct query *q, uint64_t txn);

#endif
