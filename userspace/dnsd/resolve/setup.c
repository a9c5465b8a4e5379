// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * recursion { } of the configuration.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "internal.h"
#include "log.h"
#include "resolve.h"

/* The root's keys of 2017 and 2024, as IANA publishes them (RFC 7958). */
static const char *const root_anchors[] = {
	". IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D",
	". IN DS 38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16",
};

static cfg_opt_t zone_options[] = {
	CFG_STR_LIST("forward", NULL, CFGF_NONE),
	CFG_STR_LIST("authoritative", NULL, CFGF_NONE),
	CFG_END(),
};

cfg_opt_t resolve_options[] = {
	CFG_STR_LIST("allow", "{local}", CFGF_NONE),
	CFG_STR("root-hints", NULL, CFGF_NODEFAULT),
	CFG_STR_LIST("trust-anchor", NULL, CFGF_NONE),
	CFG_STR("trust-anchor-file", NULL, CFGF_NODEFAULT),
	CFG_BOOL("validate", cfg_true, CFGF_NONE),
	CFG_BOOL("qname-minimisation", cfg_true, CFGF_NONE),
	CFG_BOOL("prefetch", cfg_true, CFGF_NONE),
	CFG_STR("serve-stale", "1d", CFGF_NONE),
	CFG_STR("stale-answer-time", "1800ms", CFGF_NONE),
	CFG_STR("time-limit", "10s", CFGF_NONE),
	CFG_STR("cache-size", "64m", CFGF_NONE),
	CFG_INT("queries", 4096, CFGF_NONE),
	CFG_INT("queries-per-client", 400, CFGF_NONE),
	CFG_STR_LIST("forward", NULL, CFGF_NONE),
	CFG_SEC("domain", zone_options, CFGF_MULTI | CFGF_TITLE),
	CFG_STR("tls-roots", NULL, CFGF_NODEFAULT),
	CFG_END(),
};

/* A file that has to be readable, or NULL where there is none. */
static int read_file(const char **path, cfg_t *section, const char *option)
{
	*path = cfg_getstr(section, option);
	if (*path && (**path != '/' || access(*path, R_OK))) {
		ln_config_error(section, "%s '%s': an absolute path of a file that can be read",
				option, *path);
		return -EINVAL;
	}
	return 0;
}

static int read_anchors(struct resolve_setup *r, cfg_t *section)
{
	unsigned int n = cfg_size(section, "trust-anchor");
	bool own = n || r->anchor_file;

	if (!own)
		n = sizeof(root_anchors) / sizeof(*root_anchors);
	r->anchors = calloc(n + 1, sizeof(*r->anchors));
	if (!r->anchors)
		return -ENOMEM;
	r->n_anchors = n;
	for (unsigned int i = 0; i < n; i++) {
		const char *text = own ? cfg_getnstr(section, "trust-anchor", i) : root_anchors[i];

		/* It goes into libunbound's configuration between quotes. */
		if (strpbrk(text, "\"\n\r\\") || (!strstr(text, "DS") && !strstr(text, "DNSKEY"))) {
			ln_config_error(section, "trust-anchor '%s': a DS or DNSKEY record on one "
					"line, as in \". IN DS 20326 8 2 E06D44...\"", text);
			return -EINVAL;
		}
		r->anchors[i] = text;
	}
	return 0;
}

static int read_servers(struct resolve_zone *z, const struct setup *s, cfg_t *section,
			const char *option)
{
	unsigned int n = cfg_size(section, option);

	z->to = calloc(n + 1, sizeof(*z->to));
	if (!z->to)
		return -ENOMEM;
	for (; z->count < n; z->count++) {
		struct dns_endpoint *to = &z->to[z->count];

		if (setup_read_server(to, s, section, option,
				      cfg_getnstr(section, option, z->count))) {
			z->count++;
			return -EINVAL;
		}
		if (to->key) {
			ln_config_error(section, "%s: these servers are asked without keys",
					option);
			z->count++;
			return -EINVAL;
		}
		if (to->transport != z->to[0].transport) {
			ln_config_error(section, "%s: all servers of a list over one transport",
					option);
			z->count++;
			return -EINVAL;
		}
	}
	return 0;
}

static int read_domain(struct resolve_zone *z, const struct setup *s, cfg_t *section)
{
	uint8_t name[DNS_NAME_MAX];
	char why[DNS_WHY_SIZE];

	z->name = cfg_title(section);
	z->forward = cfg_size(section, "forward");
	if (dns_name_from_text(name, z->name, strlen(z->name), NULL, why) < 0 ||
	    strpbrk(z->name, "\"\\")) {
		ln_config_error(section, "domain '%s': %s", z->name,
				strpbrk(z->name, "\"\\") ? "no quotes or escapes" : why);
		return -EINVAL;
	}
	if (z->forward == !!cfg_size(section, "authoritative")) {
		ln_config_error(section, "domain '%s': either forward (to resolvers) or "
				"authoritative (servers of the zone itself)", z->name);
		return -EINVAL;
	}
	return read_servers(z, s, section, z->forward ? "forward" : "authoritative");
}

static int read_domains(struct resolve_setup *r, const struct setup *s, cfg_t *section)
{
	unsigned int n = cfg_size(section, "domain");
	int err;

	r->zone = calloc(n + 1, sizeof(*r->zone));
	if (!r->zone)
		return -ENOMEM;
	if (cfg_size(section, "forward")) {
		struct resolve_zone *z = &r->zone[r->n_zones++];

		z->name = ".";
		z->forward = true;
		err = read_servers(z, s, section, "forward");
		if (err)
			return err;
	}
	for (unsigned int i = 0; i < n; i++) {
		err = read_domain(&r->zone[r->n_zones++], s, cfg_getnsec(section, "domain", i));
		if (err)
			return err;
	}
	return 0;
}

static int read_numbers(struct resolve_setup *r, cfg_t *section)
{
	int64_t stale_ms = ln_config_time(section, "stale-answer-time");
	int64_t limit_ms = ln_config_time(section, "time-limit");
	int64_t size = ln_config_size(section, "cache-size");
	const char *stale = cfg_getstr(section, "serve-stale");
	long queries = cfg_getint(section, "queries");
	long per_client = cfg_getint(section, "queries-per-client");

	if (stale_ms < 0 || limit_ms < 0 || size < 0)
		return -EINVAL;
	if (limit_ms < 100 || limit_ms > 60000 || size < 65536) {
		ln_config_error(section, "time-limit: 100ms to 60s; cache-size: at least 64k");
		return -EINVAL;
	}
	if (queries < 1 || queries > 16384 || per_client < 1 || per_client > 16384) {
		ln_config_error(section, "queries, queries-per-client: 1 to 16384");
		return -EINVAL;
	}
	if (strcmp(stale, "0") && setup_period(stale, &r->stale_s)) {
		ln_config_error(section, "serve-stale: a time like 1d or 12h; 0: not at all");
		return -EINVAL;
	}
	r->stale_ms = stale_ms;
	r->limit_ms = limit_ms;
	r->cache_octets = size;
	r->max_queries = queries;
	r->max_per_client = per_client;
	return 0;
}

/* Without a name to check there is nothing that roots could vouch for (RFC 8310 section 5). */
static int lacks_name(const struct dns_endpoint *to, const char *roots, cfg_t *section)
{
	char address[LN_ADDR_STRLEN];

	ln_addr_format(&to->addr, address);
	if (roots) {
		ln_config_error(section, "tls-roots: %s has no tls-name that its certificate could "
				"be checked for", address);
		return -EINVAL;
	}
	ln_warning("recursion: %s has no tls-name: whoever answers there is believed", address);
	return 0;
}

/* The session's roots are those of this section. */
static int use_roots(struct dns_endpoint *to, const char *roots, cfg_t *section)
{
	static const char *const alpn[] = { "dot", NULL };

	if (to->transport != DNS_TLS)
		return 0;
	if (!to->tls_name)
		return lacks_name(to, roots, section);
	if (!roots)
		return 0;
	ln_tls_put(to->tls);
	to->tls = ln_tls_client(roots, alpn, true);
	return to->tls ? 0 : -EINVAL;
}

static int read_tls_roots(struct resolve_setup *r, cfg_t *section)
{
	if (read_file(&r->tls_roots, section, "tls-roots"))
		return -EINVAL;
	for (unsigned int i = 0; i < r->n_zones; i++)
		for (unsigned int k = 0; k < r->zone[i].count; k++)
			if (use_roots(&r->zone[i].to[k], r->tls_roots, section))
				return -EINVAL;
	return 0;
}

struct resolve_setup *resolve_read(const struct setup *s, cfg_t *section)
{
	struct resolve_setup *r = calloc(1, sizeof(*r));

	if (!r) {
		ln_error("out of memory");
		return NULL;
	}
	r->validate = cfg_getbool(section, "validate");
	r->minimise = cfg_getbool(section, "qname-minimisation");
	r->prefetch = cfg_getbool(section, "prefetch");
	if (acl_read(&r->allow, s, section, "allow") ||
	    read_file(&r->root_hints, section, "root-hints") ||
	    read_file(&r->anchor_file, section, "trust-anchor-file") ||
	    read_anchors(r, section) || read_numbers(r, section) || read_domains(r, s, section) ||
	    read_tls_roots(r, section)) {
		resolve_setup_free(r);
		return NULL;
	}
	return r;
}

void resolve_setup_free(struct resolve_setup *r)
{
	if (!r)
		return;
	for (unsigned int i = 0; i < r->n_zones; i++) {
		struct resolve_zone *z = &r->zone[i];

		for (unsigned int k = 0; k < z->count; k++) {
			if (z->to[k].tls)
				ln_tls_put(z->to[k].tls);
			free((char *)z->to[k].tls_name);
		}
		free(z->to);
	}
	free(r->zone);
	free(r->anchors);
	acl_free(&r->allow);
	free(r);
}
