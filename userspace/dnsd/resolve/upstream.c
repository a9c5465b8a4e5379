// SPDX-License-Identifier: GPL-2.0-or-later
#include "upstream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "log.h"
#include "relay.h"

/* Of libunbound's own two caches; they hold what the way is found by, and answers once more. */
#define MESSAGES_SHARE	8
#define RECORDS_SHARE	4

struct upstream {
	struct context {
		struct upstream *upstream;
		struct ub_ctx *ctx;
		uv_poll_t poll;
	} context[UPSTREAM_CONTEXTS];
	struct relay **relay;		/* by zone of the setup; NULL: it needs none */
	unsigned int n_relays, n_handles;
};

static const char *yes_no(bool b)
{
	return b ? "yes" : "no";
}

static void write_address(FILE *f, const char *kind, const struct dns_endpoint *to)
{
	char address[INET6_ADDRSTRLEN] = "";
	bool v6 = to->addr.sa.sa_family == AF_INET6;

	inet_ntop(to->addr.sa.sa_family, v6 ? (void *)&to->addr.in6.sin6_addr :
					      (void *)&to->addr.in.sin_addr,
		  address, sizeof(address));
	fprintf(f, "\t%s-addr: \"%s@%u\"\n", kind, address, ntohs(to->addr.in.sin_port));
}

static void write_zone(FILE *f, const struct resolve_zone *z, const struct relay *relay)
{
	const char *kind = z->forward ? "forward" : "stub";

	fprintf(f, "%s-zone:\n\tname: \"%s\"\n", kind, z->name);
	if (relay) {
		fprintf(f, "\t%s-addr: \"127.0.0.1@%u\"\n", kind, relay_port(relay));
		return;
	}
	for (unsigned int i = 0; i < z->count; i++)
		write_address(f, kind, &z->to[i]);
	fprintf(f, "\t%s-tcp-upstream: %s\n", kind, yes_no(z->to[0].transport == DNS_TCP));
}

/* RFC 6303 zones and localhost are libunbound's own business, by default. */
static void write_conf(FILE *f, const struct resolve_setup *r, struct relay *const *relay)
{
	fprintf(f, "server:\n"
		"\tuse-syslog: no\n\tverbosity: 0\n"
		"\tdo-not-query-localhost: no\n"
		"\tminimal-responses: yes\n"
		"\taggressive-nsec: yes\n"
		"\tserve-expired: no\n"
		"\tedns-buffer-size: 1232\n"
		"\tnum-queries-per-thread: %u\n\toutgoing-range: 960\n"
		"\tmsg-cache-size: %zu\n\trrset-cache-size: %zu\n"
		"\tmodule-config: \"%s\"\n"
		"\tqname-minimisation: %s\n",
		r->max_queries, r->cache_octets / MESSAGES_SHARE, r->cache_octets / RECORDS_SHARE,
		r->validate ? "validator iterator" : "iterator", yes_no(r->minimise));
	if (r->root_hints)
		fprintf(f, "\troot-hints: \"%s\"\n", r->root_hints);
	for (unsigned int i = 0; r->validate && i < r->n_anchors; i++)
		fprintf(f, "\ttrust-anchor: \"%s\"\n", r->anchors[i]);
	if (r->validate && r->anchor_file)
		fprintf(f, "\ttrust-anchor-file: \"%s\"\n", r->anchor_file);
	for (unsigned int i = 0; i < r->n_zones; i++) {
		const struct resolve_zone *z = &r->zone[i];

		/* A zone of ours may be one of RFC 6303, or lie where nothing is signed. */
		if (strcmp(z->name, "."))
			fprintf(f, "\tlocal-zone: \"%s\" transparent\n", z->name);
	}
	/* Without a relay there is no way to some. */
	for (unsigned int i = 0; i < r->n_zones; i++)
		if (relay || !relay_needed(&r->zone[i]))
			write_zone(f, &r->zone[i], relay ? relay[i] : NULL);
}

/* libunbound reads a file; more can be said there than by its functions. */
static int configure(struct ub_ctx *ctx, const struct resolve_setup *r,
		     struct relay *const *relay)
{
	int fd = memfd_create("libunbound", MFD_CLOEXEC), err;
	char path[64];
	FILE *f;

	f = fd < 0 ? NULL : fdopen(fd, "w+");
	if (!f) {
		err = -errno;
		if (fd >= 0)
			close(fd);
		return err;
	}
	write_conf(f, r, relay);
	err = fflush(f) ? -errno : 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (!err && ub_ctx_config(ctx, path))
		err = -EINVAL;
	fclose(f);
	return err;
}

struct ub_ctx *upstream_context(const struct resolve_setup *r, struct relay *const *relay)
{
	struct ub_ctx *ctx = ub_ctx_create();
	int err;

	if (!ctx) {
		ln_error("libunbound: no context");
		return NULL;
	}
	err = configure(ctx, r, relay);
	if (err) {
		ln_error("recursion: libunbound does not take the configuration: %s",
			 strerror(-err));
		ub_ctx_delete(ctx);
		return NULL;
	}
	ub_ctx_async(ctx, true);
	/* With this it reads the files that were named, while it can. */
	err = ub_ctx_zone_remove(ctx, "none.invalid.");
	if (err) {
		ln_error("recursion: libunbound: %s (root-hints, trust-anchor, "
			 "trust-anchor-file)", ub_strerror(err));
		ub_ctx_delete(ctx);
		return NULL;
	}
	return ctx;
}

static void on_results(uv_poll_t *poll, int status, int events)
{
	struct context *c = poll->data;

	(void)events;
	if (status < 0 || ub_process(c->ctx))
		ln_error("libunbound: its thread is gone");
}

int upstream_start(struct upstream **out, struct ln_server *server, const struct resolve_setup *r)
{
	struct upstream *u = calloc(1, sizeof(*u));

	*out = u;
	if (!u)
		return -ENOMEM;
	u->n_relays = r->n_zones;
	u->relay = calloc(r->n_zones + 1, sizeof(struct relay *));
	if (!u->relay)
		return -ENOMEM;
	for (unsigned int i = 0; i < r->n_zones; i++) {
		if (!relay_needed(&r->zone[i]))
			continue;
		u->relay[i] = relay_start(server, &r->zone[i]);
		if (!u->relay[i])
			return -EIO;
	}
	for (unsigned int i = 0; i < UPSTREAM_CONTEXTS; i++) {
		struct context *c = &u->context[i];
		int err;

		c->ctx = upstream_context(r, u->relay);
		if (!c->ctx)
			return -EINVAL;
		err = uv_poll_init(ln_server_loop(server), &c->poll, ub_fd(c->ctx));
		if (err) {
			ub_ctx_delete(c->ctx);
			c->ctx = NULL;
			return err;
		}
		u->n_handles++;
		c->upstream = u;
		c->poll.data = c;
		uv_poll_start(&c->poll, UV_READABLE, on_results);
	}
	return 0;
}

int upstream_ask(struct upstream *u, unsigned int context, const uint8_t *name, uint16_t type,
		 ub_callback_type done, void *data)
{
	char text[DNS_NAME_TEXT];

	dns_name_to_text(text, name);
	return ub_resolve_async(u->context[context].ctx, text, type, KNOT_CLASS_IN, data, done,
				NULL) ? -EIO : 0;
}

static void closed(uv_handle_t *h)
{
	struct context *c = h->data;

	/* In which order they are closed is libuv's affair: what they are in goes with the last. */
	if (!--c->upstream->n_handles)
		free(c->upstream);
}

void upstream_stop(struct upstream *u)
{
	for (unsigned int i = 0; i < u->n_handles; i++)
		uv_close((uv_handle_t *)&u->context[i].poll, closed);
	for (unsigned int i = 0; i < UPSTREAM_CONTEXTS; i++)
		if (u->context[i].ctx)
			ub_ctx_delete(u->context[i].ctx);
	for (unsigned int i = 0; u->relay && i < u->n_relays; i++)
		if (u->relay[i])
			relay_stop(u->relay[i]);
	free(u->relay);
	if (!u->n_handles)
		free(u);
}
