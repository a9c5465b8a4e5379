/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RPCD_STORE_ETCD_H
#define RPCD_STORE_ETCD_H

#include "sandbox.h"
#include "store.h"

/**
 * struct store_etcd_options - how etcd is reached; must stay as long as the store
 * @urls: "http://host:2379,https://..."
 * @prefix: what all keys start with
 * @ca: file of certificates that are trusted, NULL: the system's
 * @certificate: file of the client's certificate, or NULL
 * @key: file of its key
 * @attempt_ms: time for one member to answer
 * @total_ms: time for a request with all its attempts
 */
struct store_etcd_options {
	const char *urls, *prefix, *ca, *certificate, *key;
	unsigned int attempt_ms, total_ms;
};

/* Whether the URLs can be used; false after an error line. */
bool store_etcd_check(const struct store_etcd_options *o);
/* What a worker needs for it. 0 or a negative errno */
int store_etcd_confine(const struct store_etcd_options *o, struct ln_sandbox *sandbox);
/* In a worker, before it gives up its rights.  NULL after an error line. */
struct store *store_etcd_open(uv_loop_t *loop, const struct store_etcd_options *o);

#endif
