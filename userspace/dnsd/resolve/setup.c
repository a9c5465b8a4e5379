// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * recursion { } of the configuration.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "internal.h"
#include "log.h"
#include "resolve.h"

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
	CFG_BOOL("trust-anchor-update", cfg_true, CFGF_NONE),
	CFG_STR("trust-anchor-hold-down", "30d", CFGF_NONE),
	CFG_BOOL("validate", cfg_true, CFGF_NONE),
	CFG_STR_LIST("private-address", NULL, CFGF_NONE),
	CFG_STR_LIST("private-domain", NULL, CFGF_NONE),
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

/* --- addresses that names outside must not have --- */

/* RFC 1918, 3927, 4193, 4291; and IPv4 in the clothes of IPv6. */
static const char *const private_networks[] = {
	"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10",
	"::ffff:0.0.0.0/96",
};
static const char *const loopback_networks[] = { "127.0.0.0/8", "0.0.0.0/8", "::1/128", "::/128" };

#define COUNT(a)	(sizeof(a) / sizeof(*(a)))

static bool is_network(const char *text)
{
	const char *slash = strchrnul(text, '/');
	struct in6_addr address;
	char copy[INET6_ADDRSTRLEN], *end;
	unsigned long bits, most;

	if (slash - text >= (ptrdiff_t)sizeof(copy))
		return false;
	memcpy(copy, text, slash - text);
	copy[slash - text] = '\0';
	most = inet_pton(AF_INET, copy, &address) == 1	? 32 :
	       inet_pton(AF_INET6, copy, &address) == 1 ? 128 : 0;
	if (!*slash || !most)
		return most;
	bits = strtoul(slash + 1, &end, 10);
	return slash[1] >= '0' && slash[1] <= '9' && !*end && bits <= most;
}

static void add_private(struct resolve_setup *r, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		r->private_address[r->n_private++] = list[i];
}

static int read_private(struct resolve_setup *r, cfg_t *section)
{
	unsigned int n = cfg_size(section, "private-address");
	unsigned int domains = cfg_size(section, "private-domain");
	uint8_t name[DNS_NAME_MAX];
	char why[DNS_WHY_SIZE];

	r->private_address = calloc(n * (COUNT(private_networks) + COUNT(loopback_networks)) + 1,
				    sizeof(*r->private_address));
	r->private_domain = calloc(domains + 1, sizeof(*r->private_domain));
	if (!r->private_address || !r->private_domain)
		return -ENOMEM;
	for (unsigned int i = 0; i < n; i++) {
		const char *text = cfg_getnstr(section, "private-address", i);

		if (!strcmp(text, "private")) {
			add_private(r, private_networks, COUNT(private_networks));
		} else if (!strcmp(text, "loopback")) {
			add_private(r, loopback_networks, COUNT(loopback_networks));
		} else if (is_network(text)) {
			add_private(r, &text, 1);
		} else {
			ln_config_error(section, "private-address '%s': allowed are networks like "
					"10.0.0.0/8 or fd00::/8, and the words private and "
					"loopback", text);
			return -EINVAL;
		}
	}
	for (; r->n_private_domains < domains; r->n_private_domains++) {
		const char *text = cfg_getnstr(section, "private-domain", r->n_private_domains);

		if (dns_name_from_text(name, text, strlen(text), NULL, why) < 0 ||
		    strpbrk(text, "\"\\")) {
			ln_config_error(section, "private-domain '%s': %s", text,
					strpbrk(text, "\"\\") ? "no quotes or escapes" : why);
			return -EINVAL;
		}
		r->private_domain[r->n_private_domains] = text;
	}
	return 0;
}

/* --- servers --- */

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

static int read_anchors(struct resolve_setup *r, const struct setup *s, cfg_t *section)
{
	const char *hold_down = cfg_getstr(section, "trust-anchor-hold-down");
	const char *file;

	r->validate = cfg_getbool(section, "validate");
	r->follow = r->validate && cfg_getbool(section, "trust-anchor-update");
	if (setup_period(hold_down, &r->hold_down_s)) {
		ln_config_error(section, "trust-anchor-hold-down '%s': a time like 30d", hold_down);
		return -EINVAL;
	}
	if (read_file(&file, section, "trust-anchor-file"))
		return -EINVAL;
	return anchors_read(&r->anchors, s, section, r->follow);
}

struct resolve_setup *resolve_read(const struct setup *s, cfg_t *section)
{
	struct resolve_setup *r = calloc(1, sizeof(*r));

	if (!r) {
		ln_error("out of memory");
		return NULL;
	}
	r->minimise = cfg_getbool(section, "qname-minimisation");
	r->prefetch = cfg_getbool(section, "prefetch");
	if (acl_read(&r->allow, s, section, "allow") ||
	    read_file(&r->root_hints, section, "root-hints") ||
	    read_anchors(r, s, section) || read_private(r, section) ||
	    read_numbers(r, section) || read_domains(r, s, section) ||
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
	free(r->private_address);
	free(r->private_domain);
	anchors_free(&r->anchors);
	acl_free(&r->allow);
	free(r);
}
