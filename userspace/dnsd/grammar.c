// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What may be in a configuration file; checks that look at one option only, so that their
 * errors name its line.
 */
#include "grammar.h"

#include <string.h>

#include "balance/balance.h"
#include "config.h"
#include "dnstap/dnstap.h"
#include "name.h"
#include "resolve/resolve.h"
#include "setup.h"
#include "sign/sign.h"

static cfg_opt_t certificate_options[] = {
	CFG_STR("file", NULL, CFGF_NODEFAULT),
	CFG_STR("key", NULL, CFGF_NODEFAULT),
	CFG_END(),
};

static cfg_opt_t limits_options[] = {
	CFG_INT("connections", 0, CFGF_NODEFAULT),
	CFG_INT("connections-per-address", 0, CFGF_NODEFAULT),
	CFG_INT("queries-per-stream", 128, CFGF_NONE),
	CFG_STR("idle-time", NULL, CFGF_NODEFAULT),
	CFG_STR("total-time", NULL, CFGF_NODEFAULT),
	CFG_STR("drain-time", NULL, CFGF_NODEFAULT),
	CFG_END(),
};

static cfg_opt_t rate_options[] = {
	CFG_INT("responses-per-second", 0, CFGF_NONE),
	CFG_INT("errors-per-second", 0, CFGF_NODEFAULT),
	CFG_INT("nxdomains-per-second", 0, CFGF_NODEFAULT),
	CFG_INT("referrals-per-second", 0, CFGF_NODEFAULT),
	CFG_INT("slip", 2, CFGF_NONE),
	CFG_INT("window", 15, CFGF_NONE),
	CFG_INT("ipv4-prefix", 24, CFGF_NONE),
	CFG_INT("ipv6-prefix", 56, CFGF_NONE),
	CFG_INT("table-size", 65536, CFGF_NONE),
	CFG_STR_LIST("exempt", NULL, CFGF_NONE),
	CFG_BOOL("log-only", cfg_false, CFGF_NONE),
	CFG_END(),
};

static cfg_opt_t key_options[] = {
	CFG_STR("algorithm", "hmac-sha256", CFGF_NONE),
	CFG_STR("secret", NULL, CFGF_NODEFAULT),
	CFG_END(),
};

static cfg_opt_t zone_options[] = {
	CFG_STR("file", NULL, CFGF_NODEFAULT),
	CFG_STR_LIST("primaries", NULL, CFGF_NONE),
	CFG_STR_LIST("notify", NULL, CFGF_NONE),
	CFG_BOOL("notify-name-servers", cfg_false, CFGF_NONE),
	CFG_STR_LIST("allow-query", "{all}", CFGF_NONE),
	CFG_STR_LIST("allow-transfer", NULL, CFGF_NONE),
	CFG_STR_LIST("allow-update", NULL, CFGF_NONE),
	CFG_STR_LIST("allow-notify", NULL, CFGF_NONE),
	CFG_STR("journal-size", "1m", CFGF_NONE),
	CFG_STR("max-size", "1g", CFGF_NONE),
	CFG_STR("min-refresh", "2s", CFGF_NONE),
	CFG_STR("max-refresh", "28d", CFGF_NONE),
	CFG_STR("min-retry", "1s", CFGF_NONE),
	CFG_STR("max-retry", "14d", CFGF_NONE),
	CFG_STR("max-expire", "365d", CFGF_NONE),
	CFG_SEC("dnssec", sign_options, CFGF_NODEFAULT),
	CFG_END(),
};

static cfg_opt_t file_options[] = {
	CFG_FUNC("include", ln_config_include),
	CFG_STR_LIST("listen", "{\"*:53\"}", CFGF_NONE),
	CFG_STR("transports", "both", CFGF_NONE),
	CFG_BOOL("udp", cfg_true, CFGF_NONE),
	CFG_STR_LIST("tls-listen", NULL, CFGF_NONE),
	CFG_SEC("certificate", certificate_options, CFGF_MULTI),
	CFG_STR_LIST("metrics-listen", NULL, CFGF_NONE),
	CFG_INT("workers", 0, CFGF_NODEFAULT),
	CFG_STR("user", NULL, CFGF_NODEFAULT),
	CFG_STR("group", NULL, CFGF_NODEFAULT),
	CFG_STR("log", NULL, CFGF_NODEFAULT),
	CFG_STR("log-level", NULL, CFGF_NODEFAULT),
	CFG_STR("query-log", NULL, CFGF_NODEFAULT),
	CFG_STR("state-directory", NULL, CFGF_NODEFAULT),
	CFG_STR("store-size", "4g", CFGF_NONE),
	CFG_STR("nsid", NULL, CFGF_NODEFAULT),
	CFG_STR("identity", NULL, CFGF_NODEFAULT),
	CFG_STR("version", NULL, CFGF_NODEFAULT),
	CFG_STR("cookies", "yes", CFGF_NONE),
	CFG_STR_LIST("cookie-secrets", NULL, CFGF_NONE),
	CFG_INT("udp-size", 1232, CFGF_NONE),
	CFG_SEC("limits", limits_options, CFGF_NODEFAULT),
	CFG_SEC("rate-limit", rate_options, CFGF_NODEFAULT),
	CFG_SEC("key", key_options, CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES),
	CFG_SEC("zone", zone_options, CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES),
	CFG_SEC("recursion", resolve_options, CFGF_NODEFAULT),
	CFG_SEC("dnstap", dnstap_options, CFGF_NODEFAULT),
	CFG_SEC("balance", balance_options, CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES),
	CFG_END(),
};

static const struct range {
	const char *name;
	long min, max;
} ranges[] = {
	{ "workers", 1, LN_MAX_WORKERS },
	{ "connections", 1, 1000000 },
	{ "connections-per-address", 1, 1000000 },
	{ "queries-per-stream", 1, 65536 },
	{ "responses-per-second", 0, 1000000 },
	{ "errors-per-second", 0, 1000000 },
	{ "nxdomains-per-second", 0, 1000000 },
	{ "referrals-per-second", 0, 1000000 },
	{ "slip", 0, 100 },
	{ "window", 1, 3600 },
	{ "ipv4-prefix", 1, 32 },
	{ "ipv6-prefix", 1, 128 },
	{ "table-size", 1024, 1 << 24 },
	{ "udp-size", 512, 4096 },
};

static int check_range(cfg_t *cfg, cfg_opt_t *opt)
{
	long value = cfg_opt_getnint(opt, 0);

	for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); i++) {
		const struct range *r = &ranges[i];

		if (strcmp(r->name, cfg_opt_name(opt)) || (value >= r->min && value <= r->max))
			continue;
		ln_config_error(cfg, "%s = %ld: allowed is a number from %ld to %ld", r->name,
				value, r->min, r->max);
		return -1;
	}
	return 0;
}

static int check_one_of(cfg_t *cfg, cfg_opt_t *opt, const char *const *list, const char *words)
{
	const char *text = cfg_opt_getstr(opt);

	for (; *list; list++)
		if (!strcmp(text, *list))
			return 0;
	ln_config_error(cfg, "%s = '%s': allowed are %s", cfg_opt_name(opt), text, words);
	return -1;
}

static int check_transports(cfg_t *cfg, cfg_opt_t *opt)
{
	static const char *const list[] = { "linnet", "tcp", "both", NULL };

	return check_one_of(cfg, opt, list, "linnet, tcp and both");
}

static int check_cookies(cfg_t *cfg, cfg_opt_t *opt)
{
	static const char *const list[] = { "no", "yes", "required", NULL };

	return check_one_of(cfg, opt, list, "no, yes and required");
}

static int check_secret(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *text = cfg_opt_getnstr(opt, cfg_opt_size(opt) - 1);

	if (strlen(text) != 32 || strspn(text, "0123456789abcdefABCDEF") != 32) {
		ln_config_error(cfg, "cookie-secrets: allowed are 32 hexadecimal digits each");
		return -1;
	}
	if (cfg_opt_size(opt) > 2) {
		ln_config_error(cfg, "cookie-secrets: two at most, the present and the former one");
		return -1;
	}
	return 0;
}

/* A character string of a TXT record, and an option of EDNS. */
static int check_text(cfg_t *cfg, cfg_opt_t *opt)
{
	if (strlen(cfg_opt_getstr(opt)) <= 127)
		return 0;
	ln_config_error(cfg, "%s: %zu octets; at most 127", cfg_opt_name(opt),
			strlen(cfg_opt_getstr(opt)));
	return -1;
}

static int check_key(cfg_t *cfg, cfg_opt_t *opt)
{
	cfg_t *key = cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1);

	if (cfg_size(key, "secret"))
		return 0;
	ln_config_error(cfg, "the key '%s' has no secret", cfg_title(key));
	return -1;
}

static int check_zone(cfg_t *cfg, cfg_opt_t *opt)
{
	cfg_t *zone = cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1);
	const char *title = cfg_title(zone);
	uint8_t name[DNS_NAME_MAX];
	char why[DNS_WHY_SIZE];

	if (dns_name_from_text(name, title, strlen(title), NULL, why) < 0) {
		ln_config_error(cfg, "zone '%s': %s", title, why);
		return -1;
	}
	if (!cfg_size(zone, "file") && !cfg_size(zone, "primaries") &&
	    !cfg_size(zone, "allow-update")) {
		ln_config_error(cfg, "the zone '%s' has none of file, primaries and allow-update: "
				"where does it come from?", title);
		return -1;
	}
	if (cfg_size(zone, "file") && cfg_size(zone, "primaries")) {
		ln_config_error(cfg, "the zone '%s' has both file and primaries; allowed is one",
				title);
		return -1;
	}
	if (cfg_size(zone, "dnssec") && cfg_size(zone, "primaries")) {
		ln_config_error(cfg, "the zone '%s' has both dnssec and primaries: what is "
				"transferred is signed by its primary", title);
		return -1;
	}
	return 0;
}

/* "28d" too, which ln_config_time() does not know. */
static int check_period(cfg_t *cfg, cfg_opt_t *opt)
{
	uint32_t seconds;

	if (!setup_period(cfg_opt_getstr(opt), &seconds))
		return 0;
	ln_config_error(cfg, "%s = '%s': allowed are seconds from 1 to 2147483647, also as 30s, "
			"5m, 2h, 1d", cfg_opt_name(opt), cfg_opt_getstr(opt));
	return -1;
}

static const struct ln_config_check checks[] = {
	{ "transports", check_transports },
	{ "workers", check_range },
	{ "log", ln_config_is_log },
	{ "query-log", ln_config_is_log_or_none },
	{ "log-level", ln_config_is_level },
	{ "store-size", ln_config_is_size },
	{ "nsid", check_text },
	{ "identity", check_text },
	{ "version", check_text },
	{ "cookies", check_cookies },
	{ "cookie-secrets", check_secret },
	{ "udp-size", check_range },
	{ "certificate|file", ln_config_file },
	{ "certificate|key", ln_config_file },
	{ "certificate", ln_config_is_certificate },
	{ "limits|connections", check_range },
	{ "limits|connections-per-address", check_range },
	{ "limits|queries-per-stream", check_range },
	{ "limits|idle-time", ln_config_is_time },
	{ "limits|total-time", ln_config_is_time },
	{ "limits|drain-time", ln_config_is_time },
	{ "rate-limit|responses-per-second", check_range },
	{ "rate-limit|errors-per-second", check_range },
	{ "rate-limit|nxdomains-per-second", check_range },
	{ "rate-limit|referrals-per-second", check_range },
	{ "rate-limit|slip", check_range },
	{ "rate-limit|window", check_range },
	{ "rate-limit|ipv4-prefix", check_range },
	{ "rate-limit|ipv6-prefix", check_range },
	{ "rate-limit|table-size", check_range },
	{ "key", check_key },
	{ "dnstap|buffer", ln_config_is_size },
	{ "zone|journal-size", ln_config_is_size },
	{ "zone|max-size", ln_config_is_size },
	{ "zone|min-refresh", check_period },
	{ "zone|max-refresh", check_period },
	{ "zone|min-retry", check_period },
	{ "zone|max-retry", check_period },
	{ "zone|max-expire", check_period },
	{ "zone", check_zone },
	{ 0 },
};

/**
 * grammar_read() - read a configuration file
 * @file: its path
 *
 * Return: what is in it, for cfg_free(), or NULL after error lines.
 */
cfg_t *grammar_read(const char *file)
{
	return ln_config_parse_checked(file, file_options, checks);
}
