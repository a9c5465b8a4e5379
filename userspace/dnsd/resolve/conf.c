// SPDX-License-Identifier: GPL-2.0-or-later
#include "conf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "log.h"
#include "relay.h"

/* Of libunbound's own two caches; they hold what the way is found by, and answers once more. */
#define MESSAGES_SHARE	8
#define RECORDS_SHARE	4
/* Who waits for less than that wants to see a key's change soon: probes come as TTLs say. */
#define SMALL_HOLD_DOWN_S	86400

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

/* A record a line. */
static void write_anchors(FILE *f, const char *text)
{
	while (*text) {
		int len = strchrnul(text, '\n') - text;

		fprintf(f, "\ttrust-anchor: \"%.*s\"\n", len, text);
		text += len + !!text[len];
	}
}

/* RFC 6303 zones and localhost are libunbound's own business, by default. */
static void write_conf(FILE *f, const struct resolve_setup *r, const struct conf *conf)
{
	bool validate = r->validate && (conf->follow || (conf->anchors && *conf->anchors));

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
		validate ? "validator iterator" : "iterator", yes_no(r->minimise));
	if (conf->hints)
		fprintf(f, "\troot-hints: \"%s\"\n", conf->hints);
	if (validate && conf->anchors)
		write_anchors(f, conf->anchors);
	if (validate && conf->follow)
		fprintf(f, "\tauto-trust-anchor-file: \"%s\"\n\tadd-holddown: %u\n"
			"\tpermit-small-holddown: %s\n", conf->follow, r->hold_down_s,
			yes_no(r->hold_down_s < SMALL_HOLD_DOWN_S));
	for (unsigned int i = 0; i < r->n_private; i++)
		fprintf(f, "\tprivate-address: \"%s\"\n", r->private_address[i]);
	for (unsigned int i = 0; i < r->n_private_domains; i++)
		fprintf(f, "\tprivate-domain: \"%s\"\n", r->private_domain[i]);
	for (unsigned int i = 0; i < r->n_zones; i++) {
		const struct resolve_zone *z = &r->zone[i];

		/* A zone of ours may be one of RFC 6303, or lie where nothing is signed. */
		if (strcmp(z->name, "."))
			fprintf(f, "\tlocal-zone: \"%s\" transparent\n", z->name);
	}
	/* Without a relay there is no way to some. */
	for (unsigned int i = 0; i < r->n_zones; i++)
		if (conf->relay || !relay_needed(&r->zone[i]))
			write_zone(f, &r->zone[i], conf->relay ? conf->relay[i] : NULL);
}

/* libunbound reads a file; more can be said there than by its functions. */
static int configure(struct ub_ctx *ctx, const struct resolve_setup *r, const struct conf *conf)
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
	write_conf(f, r, conf);
	err = fflush(f) ? -errno : 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (!err && ub_ctx_config(ctx, path))
		err = -EINVAL;
	fclose(f);
	return err;
}

struct ub_ctx *conf_context(const struct resolve_setup *r, const struct conf *conf)
{
	struct ub_ctx *ctx = ub_ctx_create();
	int err;

	if (!ctx) {
		ln_error("libunbound: no context");
		return NULL;
	}
	err = configure(ctx, r, conf);
	if (err) {
		ln_error("recursion: libunbound does not take the configuration: %s",
			 strerror(-err));
		ub_ctx_delete(ctx);
		return NULL;
	}
	ub_ctx_async(ctx, true);
	/* With this it reads what was named, and says whether it takes it. */
	err = ub_ctx_zone_remove(ctx, "none.invalid.");
	if (err) {
		ln_error("recursion: libunbound: %s (root-hints, trust-anchor, "
			 "trust-anchor-file, private-address)", ub_strerror(err));
		ub_ctx_delete(ctx);
		return NULL;
	}
	return ctx;
}
