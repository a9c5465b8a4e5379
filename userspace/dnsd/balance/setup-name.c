// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The options of a section balance.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <linux/linnet.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "internal.h"
#include "load.h"

#define PATH_OCTETS_MAX	1024

static cfg_opt_t check_options[] = {
	CFG_STR("kind", "connect", CFGF_NONE),
	CFG_INT("port", 80, CFGF_NONE),
	CFG_STR("transport", "tcp", CFGF_NONE),
	CFG_STR("path", "/", CFGF_NONE),
	CFG_STR("host", NULL, CFGF_NODEFAULT),
	CFG_STR("status", "200-399", CFGF_NONE),
	CFG_STR("interval", "5s", CFGF_NONE),
	CFG_STR("timeout", "2s", CFGF_NONE),
	CFG_INT("jitter", 10, CFGF_NONE),
	CFG_INT("rise", 2, CFGF_NONE),
	CFG_INT("fall", 3, CFGF_NONE),
	CFG_END(),
};

static cfg_opt_t load_options[] = {
	CFG_INT("port", 80, CFGF_NONE),
	CFG_STR("transport", "tcp", CFGF_NONE),
	CFG_STR("path", "/status", CFGF_NONE),
	CFG_STR("host", NULL, CFGF_NODEFAULT),
	CFG_STR("metric", "linnet_http_requests_active", CFGF_NONE),
	CFG_END(),
};

static cfg_opt_t region_options[] = {
	CFG_STR_LIST("networks", NULL, CFGF_NONE),
	CFG_STR_LIST("codes", NULL, CFGF_NONE),
	CFG_STR_LIST("fallback", NULL, CFGF_NONE),
	CFG_END(),
};

static cfg_opt_t member_options[] = {
	CFG_INT("weight", 1, CFGF_NONE),
	CFG_STR("region", NULL, CFGF_NODEFAULT),
	CFG_BOOL("backup", cfg_false, CFGF_NONE),
	CFG_END(),
};

cfg_opt_t balance_options[] = {
	CFG_STR("policy", "round-robin", CFGF_NONE),
	CFG_STR("ttl", "10s", CFGF_NONE),
	CFG_INT("answers", 1, CFGF_NONE),
	CFG_STR("all-down", "all", CFGF_NONE),
	CFG_SEC("check", check_options, CFGF_NODEFAULT),
	CFG_SEC("load", load_options, CFGF_NODEFAULT),
	CFG_STR("database", NULL, CFGF_NODEFAULT),
	CFG_STR("database-path", "country/iso_code", CFGF_NONE),
	CFG_STR("default-region", NULL, CFGF_NODEFAULT),
	CFG_SEC("region", region_options, CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES),
	CFG_SEC("member", member_options, CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES),
	CFG_END(),
};

/* --- single values --- */

static int read_int(unsigned int *value, cfg_t *section, const char *option, long min, long max)
{
	long got = cfg_getint(section, option);

	*value = got;
	if (got >= min && got <= max)
		return 0;
	ln_config_error(section, "%s = %ld: allowed is a number from %ld to %ld", option, got, min,
			max);
	return -EINVAL;
}

/* The place of the text in the list, which ends with NULL. */
static int read_word(unsigned int *value, cfg_t *section, const char *option,
		     const char *const *list, const char *words)
{
	const char *text = cfg_getstr(section, option);

	for (*value = 0; list[*value]; ++*value)
		if (!strcmp(text, list[*value]))
			return 0;
	ln_config_error(section, "%s = '%s': allowed are %s", option, text, words);
	return -EINVAL;
}

static int read_time(uint64_t *ms, cfg_t *section, const char *option, uint64_t min, uint64_t max)
{
	int64_t got = ln_config_time(section, option);

	if (got < 0)
		return -EINVAL;
	*ms = got;
	if (*ms >= min && *ms <= max)
		return 0;
	ln_config_error(section, "%s = '%s': allowed is a time from %llums to %llums", option,
			cfg_getstr(section, option), (unsigned long long)min,
			(unsigned long long)max);
	return -EINVAL;
}

/* It goes into a request as it is. */
static bool is_request_text(const char *text)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++)
		if (text[i] <= ' ' || text[i] == 0x7f)
			return false;
	return len && len <= PATH_OCTETS_MAX;
}

/* --- how members are asked --- */

static int read_status(struct balance_probe *p, cfg_t *section)
{
	const char *text = cfg_getstr(section, "status");
	char rest;
	int n = sscanf(text, "%3u-%3u%c", &p->status_low, &p->status_high, &rest);

	if (n == 1 && strlen(text) == 3)
		p->status_high = p->status_low;
	else if (n != 2)
		p->status_low = 0;
	if (p->status_low >= 100 && p->status_high <= 599 && p->status_low <= p->status_high)
		return 0;
	ln_config_error(section, "status = '%s': allowed are 100 to 599 and ranges of them, as in "
			"200 and 200-299", text);
	return -EINVAL;
}

static int read_probe(struct balance_probe *p, const struct balance_name *n, cfg_t *section)
{
	static const char *const transports[] = { "tcp", "linnet", NULL };
	unsigned int port, transport;
	int err = read_int(&port, section, "port", 1, UINT16_MAX);

	if (!err)
		err = read_word(&transport, section, "transport", transports, "tcp and linnet");
	if (err)
		return err;
	p->port = port;
	p->protocol = transport ? IPPROTO_LINNET : IPPROTO_TCP;
	p->path = cfg_getstr(section, "path");
	p->host = cfg_size(section, "host") ? cfg_getstr(section, "host") : n->title;
	if (!is_request_text(p->path) || *p->path != '/' || !is_request_text(p->host)) {
		ln_config_error(section, "path and host: allowed are at most %d octets without "
				"blanks and control characters; a path begins with /",
				PATH_OCTETS_MAX);
		return -EINVAL;
	}
	return 0;
}

static int read_check(struct balance_name *n, cfg_t *section)
{
	static const char *const kinds[] = { "connect", "http", NULL };
	unsigned int kind;
	int err = read_word(&kind, section, "kind", kinds, "connect and http");

	if (!err)
		err = read_probe(&n->check, n, section);
	if (!err)
		err = read_status(&n->check, section);
	if (!err)
		err = read_time(&n->interval_ms, section, "interval", 50, 86400000);
	if (!err)
		err = read_time(&n->timeout_ms, section, "timeout", 10, 60000);
	if (!err)
		err = read_int(&n->jitter, section, "jitter", 0, 50);
	if (!err)
		err = read_int(&n->rise, section, "rise", 1, 100);
	if (!err)
		err = read_int(&n->fall, section, "fall", 1, 100);
	if (err)
		return err;
	if (!kind)
		n->check.path = NULL;
	n->checked = true;
	return 0;
}

static int read_load(struct balance_name *n, cfg_t *section)
{
	int err = read_probe(&n->load, n, section);

	if (err)
		return err;
	n->load.status_low = n->load.status_high = 200;
	n->metric = cfg_getstr(section, "metric");
	n->loaded = true;
	if (load_is_name(n->metric))
		return 0;
	ln_config_error(section, "metric = '%s': allowed is the name of a metric without labels, "
			"[a-zA-Z_:][a-zA-Z0-9_:]*", n->metric);
	return -EINVAL;
}

/* --- regions --- */

static int find_region(const struct balance_name *n, const char *name)
{
	for (unsigned int i = 0; name && i < n->n_regions; i++)
		if (!strcmp(n->region_name[i], name))
			return i;
	return -1;
}

static int need_region(unsigned int *region, const struct balance_name *n, cfg_t *section,
		       const char *option, const char *name)
{
	int found = find_region(n, name);

	if (found < 0) {
		ln_config_error(section, "%s: '%s' is the name of no section region", option,
				name);
		return -EINVAL;
	}
	*region = found;
	return 0;
}

static int parse_network(struct region_network *net, const char *text)
{
	char copy[INET6_ADDRSTRLEN + 5], *slash;
	unsigned long max, prefix;
	char *end;

	if (strlen(text) >= sizeof(copy))
		return -EINVAL;
	strcpy(copy, text);
	slash = strchr(copy, '/');
	if (slash)
		*slash = 0;
	net->family = strchr(copy, ':') ? 2 : 1;
	max = net->family == 1 ? 32 : 128;
	if (inet_pton(net->family == 1 ? AF_INET : AF_INET6, copy, net->address) != 1)
		return -EINVAL;
	prefix = slash ? strtoul(slash + 1, &end, 10) : max;
	if (slash && (slash[1] < '0' || slash[1] > '9' || *end || prefix > max))
		return -EINVAL;
	net->prefix = prefix;
	for (unsigned int i = prefix; i < max; i++)
		if (net->address[i / 8] >> (7 - i % 8) & 1)
			return -EINVAL;
	return 0;
}

static int read_networks(struct region_map *map, unsigned int region, cfg_t *section)
{
	for (unsigned int i = 0; i < cfg_size(section, "networks"); i++) {
		struct region_network *net = &map->network[map->n_networks];
		const char *text = cfg_getnstr(section, "networks", i);

		if (map->n_networks == REGION_NETWORKS_MAX) {
			ln_config_error(section, "networks: at most %d for a name; an mmdb file "
					"may have more", REGION_NETWORKS_MAX);
			return -EINVAL;
		}
		if (parse_network(net, text)) {
			ln_config_error(section, "networks: '%s': allowed are networks with no "
					"bits set after the prefix, as in 192.0.2.0/24 and "
					"2001:db8::/32", text);
			return -EINVAL;
		}
		net->region = region;
		map->n_networks++;
	}
	return 0;
}

static int read_codes(struct region_map *map, unsigned int region, cfg_t *section)
{
	for (unsigned int i = 0; i < cfg_size(section, "codes"); i++) {
		const char *text = cfg_getnstr(section, "codes", i);

		if (map->n_codes == REGION_CODES_MAX || strlen(text) >= REGION_CODE_LEN ||
		    !*text) {
			ln_config_error(section, "codes: allowed are at most %d for a name, each "
					"of 1 to %d octets", REGION_CODES_MAX,
					REGION_CODE_LEN - 1);
			return -EINVAL;
		}
		strcpy(map->code[map->n_codes].text, text);
		map->code[map->n_codes++].region = region;
	}
	return 0;
}

static int read_fallbacks(struct balance_name *n, unsigned int region, cfg_t *section)
{
	struct choose_region *r = &n->region[region];
	unsigned int count = cfg_size(section, "fallback"), other;

	if (count > CHOOSE_REGIONS_MAX) {
		ln_config_error(section, "fallback: at most %d regions", CHOOSE_REGIONS_MAX);
		return -EINVAL;
	}
	while (r->n_fallback < count) {
		if (need_region(&other, n, section, "fallback",
				cfg_getnstr(section, "fallback", r->n_fallback)))
			return -EINVAL;
		r->fallback[r->n_fallback++] = other;
	}
	return 0;
}

/* A relative path is beside the configuration file. */
static int open_database(struct region_map *map, const struct setup *s, cfg_t *section)
{
	const char *file = cfg_getstr(section, "database"), *slash = strrchr(s->file, '/');
	char path[PATH_MAX];
	int err, len;

	if (*file == '/' || !slash)
		len = snprintf(path, sizeof(path), "%s", file);
	else
		len = snprintf(path, sizeof(path), "%.*s/%s", (int)(slash - s->file), s->file,
			       file);
	errno = 0;
	err = len < (int)sizeof(path) ? MMDB_open(path, MMDB_MODE_MMAP, &map->database) :
					MMDB_FILE_OPEN_ERROR;
	if (err != MMDB_SUCCESS) {
		ln_config_error(section, "database '%s': %s", path,
				err == MMDB_FILE_OPEN_ERROR && errno ? strerror(errno) :
								      MMDB_strerror(err));
		return -EINVAL;
	}
	map->open = true;
	return 0;
}

/* "country/iso_code" in parts, in the text of the configuration. */
static int read_path(struct region_map *map, cfg_t *section)
{
	char *text = cfg_getstr(section, "database-path"), *rest, *part;
	unsigned int n = 0;

	for (part = strtok_r(text, "/", &rest); part; part = strtok_r(NULL, "/", &rest)) {
		if (n == REGION_PATH_MAX)
			break;
		map->path[n++] = part;
	}
	if (n && !part)
		return 0;
	ln_config_error(section, "database-path: allowed are 1 to %d keys with / between them",
			REGION_PATH_MAX);
	return -EINVAL;
}

static int read_map(struct balance_name *n, const struct setup *s, cfg_t *section)
{
	int err = 0;
	unsigned int region;

	n->map = calloc(1, sizeof(*n->map));
	if (!n->map)
		return -ENOMEM;
	n->map->otherwise = -1;
	for (unsigned int i = 0; i < n->n_regions && !err; i++) {
		cfg_t *r = cfg_getnsec(section, "region", i);

		err = read_networks(n->map, i, r);
		if (!err)
			err = read_codes(n->map, i, r);
		if (!err)
			err = read_fallbacks(n, i, r);
	}
	if (!err && cfg_size(section, "default-region")) {
		err = need_region(&region, n, section, "default-region",
				  cfg_getstr(section, "default-region"));
		n->map->otherwise = err ? -1 : (int)region;
	}
	if (!err && cfg_size(section, "database"))
		err = open_database(n->map, s, section);
	if (!err && n->map->n_codes && !n->map->open) {
		ln_config_error(section, "balance '%s': codes of regions need a database",
				cfg_title(section));
		err = -EINVAL;
	}
	return err ? err : read_path(n->map, section);
}

static int read_regions(struct balance_name *n, const struct setup *s, cfg_t *section)
{
	unsigned int count = cfg_size(section, "region");
	bool near = n->policy == BALANCE_NEAREST;

	if (near != (count > 0) || count > CHOOSE_REGIONS_MAX) {
		ln_config_error(section, "balance '%s': %u sections region; the policy nearest "
				"needs 1 to %d, the others none", cfg_title(section), count,
				CHOOSE_REGIONS_MAX);
		return -EINVAL;
	}
	for (unsigned int i = 0; i < count; i++)
		n->region_name[n->n_regions++] = cfg_title(cfg_getnsec(section, "region", i));
	return near ? read_map(n, s, section) : 0;
}

/* --- members --- */

static int read_member(struct balance_name *n, cfg_t *section)
{
	unsigned int i = n->n_members, weight, region;
	struct balance_member *m = &n->member[i];
	uint64_t bit = UINT64_C(1) << i;

	m->text = cfg_title(section);
	m->family = inet_pton(AF_INET, m->text, m->address) == 1  ? 1 :
		    inet_pton(AF_INET6, m->text, m->address) == 1 ? 2 : 0;
	if (!m->family) {
		ln_config_error(section, "member '%s': allowed are numeric addresses of IPv4 and "
				"IPv6", m->text);
		return -EINVAL;
	}
	for (unsigned int k = 0; k < i; k++) {
		if (n->member[k].family != m->family ||
		    memcmp(n->member[k].address, m->address, m->family == 1 ? 4 : 16))
			continue;
		ln_config_error(section, "member '%s': it is there already", m->text);
		return -EINVAL;
	}
	if (read_int(&weight, section, "weight", 1, CHOOSE_WEIGHT_MAX))
		return -EINVAL;
	if (weight != 1 && n->policy == BALANCE_ROUND_ROBIN) {
		ln_config_error(section, "member '%s': the policy round-robin knows no weight; "
				"weighted, least-load and nearest do", m->text);
		return -EINVAL;
	}
	n->weight[i] = weight;
	m->backup = cfg_getbool(section, "backup");
	n->backups |= m->backup ? bit : 0;
	n->of_family[m->family - 1] |= bit;
	n->n_members++;
	if (n->policy != BALANCE_NEAREST && !cfg_size(section, "region"))
		return 0;
	if (!cfg_size(section, "region")) {
		ln_config_error(section, "member '%s': the policy nearest needs its region",
				m->text);
		return -EINVAL;
	}
	if (need_region(&region, n, section, "region", cfg_getstr(section, "region")))
		return -EINVAL;
	n->region[region].members |= bit;
	return 0;
}

static int read_members(struct balance_name *n, cfg_t *section)
{
	unsigned int count = cfg_size(section, "member");
	int err = 0;

	if (!count || count > CHOOSE_MEMBERS_MAX) {
		ln_config_error(section, "balance '%s': %u members; allowed are 1 to %d",
				cfg_title(section), count, CHOOSE_MEMBERS_MAX);
		return -EINVAL;
	}
	while (!err && n->n_members < count)
		err = read_member(n, cfg_getnsec(section, "member", n->n_members));
	return err;
}

/* --- the whole --- */

static int read_ways(struct balance_name *n, cfg_t *section)
{
	int err = 0;

	n->interval_ms = 5000;
	n->timeout_ms = 2000;
	n->jitter = 10;
	if (cfg_size(section, "check"))
		err = read_check(n, cfg_getsec(section, "check"));
	if (!err && cfg_size(section, "load"))
		err = read_load(n, cfg_getsec(section, "load"));
	if (!err && n->loaded != (n->policy == BALANCE_LEAST_LOAD)) {
		ln_config_error(section, "balance '%s': the policy least-load needs a section "
				"load, the others have no use for it", cfg_title(section));
		err = -EINVAL;
	}
	return err;
}

int balance_read_name(struct balance_name *n, const struct setup *s, cfg_t *section)
{
	static const char *const policies[] = { "round-robin", "weighted", "least-load", "nearest",
						NULL };
	static const char *const downs[] = { "none", "all", NULL };
	unsigned int policy, down;
	int err = read_word(&policy, section, "policy", policies,
			    "round-robin, weighted, least-load and nearest");

	if (!err)
		err = read_word(&down, section, "all-down", downs, "all and none");
	if (!err)
		err = read_int(&n->answers, section, "answers", 1, BALANCE_ANSWERS_MAX);
	if (err)
		return err;
	n->policy = policy;
	n->any_when_down = down;
	if (setup_period(cfg_getstr(section, "ttl"), &n->ttl)) {
		ln_config_error(section, "ttl = '%s': allowed are seconds from 1 on, also as 30s, "
				"5m", cfg_getstr(section, "ttl"));
		return -EINVAL;
	}
	err = read_ways(n, section);
	if (!err)
		err = read_regions(n, s, section);
	return err ? err : read_members(n, section);
}

void balance_name_free(struct balance_name *n)
{
	if (n->map && n->map->open)
		MMDB_close(&n->map->database);
	free(n->map);
	free(n->text);
}
