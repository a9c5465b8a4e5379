/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests to etcd's JSON gateway, in the event loop: to one member, and when that
 * does not answer, to the next.
 */
#ifndef RPCD_ETCD_H
#define RPCD_ETCD_H

#include <stdbool.h>
#include <uv.h>

#include "buffer.h"
#include "store-etcd.h"

#define ETCD_MAX_MEMBERS 16

struct etcd;

/**
 * struct etcd_request - a request
 * @path: the function: "/v3/kv/range"
 * @body: its JSON, free()d afterwards
 * @done: called once; @error: NULL, or what went wrong, and @reply is not to be used
 * @owner: the asker's own
 * @reply: the answer, ends in NUL
 * @repeated: an earlier attempt may have been carried out: its answer was lost
 * @easy, @next, @etcd, @member, @attempts, @deadline, @message: etcd.c's own
 */
struct etcd_request {
	const char *path;
	char *body;
	void (*done)(struct etcd_request *r, const char *error);
	void *owner;
	struct rpc_buffer reply;
	bool repeated;
	void *easy;
	struct etcd_request *next;
	struct etcd *etcd;
	unsigned int member, attempts;
	uint64_t deadline;
	char message[256];
};

/* The URLs, and how many; 0 after an error line. */
int etcd_parse_urls(const char *urls, char *out[ETCD_MAX_MEMBERS]);
/* NULL after an error line. */
struct etcd *etcd_new(uv_loop_t *loop, const struct store_etcd_options *o);
void etcd_submit(struct etcd *e, struct etcd_request *r);
/* Requests that are under way get no answer any more. */
void etcd_close(struct etcd *e);

#endif
