// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What may be in a configuration file; checks that look at one option only, so that their
 * errors name its line.
 */
#include "grammar.h"

#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "config.h"
#include "networks.h"
#include "options.h"
#include "relay.h"

static cfg_opt_t certificate_options[] = {
	CFG_STR("file", NULL, CFGF_NODEFAULT),
	CFG_STR("key", NULL, CFGF_NODEFAULT),
	CFG_END(),
};

static cfg_opt_t limits_options[] = {
	CFG_INT("connections", 0, CFGF_NODEFAULT),
	CFG_INT("connections-per-address", 0, CFGF_NODEFAULT),
	CFG_STR("message-size", "50m", CFGF_NONE),
	CFG_INT("recipients", 1000, CFGF_NONE),
	CFG_INT("received", 50, CFGF_NONE),
	CFG_INT("errors", 20, CFGF_NONE),
	CFG_INT("tarpit-errors", 10, CFGF_NONE),
	CFG_STR("tarpit", "1s", CFGF_NONE),
	CFG_INT("auth-failures", 3, CFGF_NONE),
	CFG_INT("message-rate", 0, CFGF_NONE),
	CFG_INT("message-burst", 100, CFGF_NONE),
	CFG_STR("min-free", "50m", CFGF_NONE),
	CFG_INT("min-rate", 100, CFGF_NONE),
	CFG_STR("command-time", "5m", CFGF_NONE),
	CFG_STR("data-time", "3m", CFGF_NONE),
	CFG_STR("total-time", NULL, CFGF_NODEFAULT),
	CFG_STR("drain-time", NULL, CFGF_NODEFAULT),
	CFG_END(),
};

static cfg_opt_t file_options[] = {
	CFG_FUNC("include", ln_config_include),
	CFG_STR("hostname", NULL, CFGF_NODEFAULT),
	CFG_STR_LIST("smtp-listen", "{\"*:25\"}", CFGF_NONE),
	CFG_STR_LIST("submission-listen", NULL, CFGF_NODEFAULT),
	CFG_STR_LIST("smtps-listen", NULL, CFGF_NODEFAULT),
	CFG_STR_LIST("metrics-listen", NULL, CFGF_NONE),
	CFG_STR("transports", "both", CFGF_NONE),
	CFG_SEC("certificate", certificate_options, CFGF_MULTI),
	CFG_STR_LIST("domains", NULL, CFGF_NONE),
	CFG_STR_LIST("relay-domains", NULL, CFGF_NONE),
	CFG_STR_LIST("relay-networks", NULL, CFGF_NONE),
	CFG_STR_LIST("etrn-domains", NULL, CFGF_NODEFAULT),
	CFG_STR("users", NULL, CFGF_NODEFAULT),
	CFG_STR("pam", NULL, CFGF_NODEFAULT),
	CFG_STR("mail-root", "/var/mail/linnet", CFGF_NONE),
	CFG_STR("queue", NULL, CFGF_NODEFAULT),
	CFG_STR("aliases", NULL, CFGF_NODEFAULT),
	CFG_STR("postmaster", "postmaster", CFGF_NONE),
	CFG_STR("recipient-delimiter", "+", CFGF_NONE),
	CFG_BOOL("auth-on-smtp", cfg_false, CFGF_NONE),
	CFG_BOOL("auth-without-tls", cfg_false, CFGF_NONE),
	CFG_INT("workers", 0, CFGF_NODEFAULT),
	CFG_STR("user", NULL, CFGF_NODEFAULT),
	CFG_STR("group", NULL, CFGF_NODEFAULT),
	CFG_STR("log", NULL, CFGF_NODEFAULT),
	CFG_STR("log-level", NULL, CFGF_NODEFAULT),
	CFG_STR("message-log", NULL, CFGF_NODEFAULT),
	CFG_SEC("limits", limits_options, CFGF_NONE),
	CFG_SEC("relay", relay_options, CFGF_NONE),
	CFG_END(),
};

static const struct range {
	const char *name;
	long min, max;
} ranges[] = {
	{ "workers", 1, LN_MAX_WORKERS },
	{ "connections", 1, 1000000 },
	{ "connections-per-address", 1, 1000000 },
	/* RFC 5321, 4.5.3.1.8 */
	{ "recipients", 100, 50000 },
	/* RFC 5321, 6.3: not so few that a long way is refused */
	{ "received", 25, 1000 },
	{ "errors", 1, 10000 },
	{ "tarpit-errors", 0, 10000 },
	{ "auth-failures", 1, 100 },
	{ "message-rate", 0, 1000000 },
	{ "message-burst", 1, 1000000 },
	{ "min-rate", 0, 1 << 30 },
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

static int check_transports(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *text = cfg_opt_getstr(opt);

	if (!strcmp(text, "linnet") || !strcmp(text, "tcp") || !strcmp(text, "both"))
		return 0;
	ln_config_error(cfg, "transports = '%s': allowed are linnet, tcp and both", text);
	return -1;
}

static const char *last_text(cfg_opt_t *opt)
{
	return cfg_opt_getnstr(opt, cfg_opt_size(opt) - 1);
}

static int check_domain(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *text = last_text(opt);

	if (mail_domain_valid(text, strlen(text), true))
		return 0;
	ln_config_error(cfg, "%s: '%s' is no domain name", cfg_opt_name(opt), text);
	return -1;
}

/* Also ".example.org": all below it */
static int check_domains(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *text = last_text(opt);

	text += *text == '.';
	if (mail_domain_valid(text, strlen(text), true))
		return 0;
	ln_config_error(cfg, "%s: '%s': allowed are domain names, and .NAME for all below NAME",
			cfg_opt_name(opt), last_text(opt));
	return -1;
}

static int check_network(cfg_t *cfg, cfg_opt_t *opt)
{
	struct network n;

	if (network_parse(&n, last_text(opt)))
		return 0;
	ln_config_error(cfg, "%s: '%s': allowed are ADDRESS and ADDRESS/BITS, with no bits set "
			"behind the prefix", cfg_opt_name(opt), last_text(opt));
	return -1;
}

static int check_postmaster(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *text = cfg_opt_getstr(opt);
	struct mail_address a;
	size_t used;
	char path[MAIL_LOCAL_MAX + 20];

	if (strchr(text, '@')) {
		if (mail_address_parse(&a, text, strlen(text), MAIL_ALLOW_UTF8) ==
		    MAIL_ADDRESS_GOOD)
			return 0;
	} else if (strlen(text) <= MAIL_LOCAL_MAX) {
		stpcpy(stpcpy(stpcpy(path, "<"), text), "@a>");
		if (mail_path_parse(&a, path, strlen(path), MAIL_ALLOW_UTF8, &used) ==
		    MAIL_ADDRESS_GOOD && used == strlen(path))
			return 0;
	}
	ln_config_error(cfg, "postmaster = '%s': allowed are an address and a local user's name",
			text);
	return -1;
}

static int check_delimiter(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *text = cfg_opt_getstr(opt);

	if (!*text || (!text[1] && strchr("+-_=.#", *text)))
		return 0;
	ln_config_error(cfg, "recipient-delimiter = '%s': allowed is one of + - _ = . # or \"\" "
			"for none", text);
	return -1;
}

static const struct ln_config_check own_checks[] = {
	{ "hostname", check_domain },
	{ "transports", check_transports },
	{ "certificate|file", ln_config_file },
	{ "certificate|key", ln_config_file },
	{ "certificate", ln_config_is_certificate },
	{ "domains", check_domains },
	{ "relay-domains", check_domains },
	{ "etrn-domains", check_domains },
	{ "relay-networks", check_network },
	{ "users", ln_config_file },
	{ "aliases", ln_config_file },
	{ "mail-root", ln_config_folder },
	{ "postmaster", check_postmaster },
	{ "recipient-delimiter", check_delimiter },
	{ "workers", check_range },
	{ "log", ln_config_is_log },
	{ "log-level", ln_config_is_level },
	{ "message-log", ln_config_is_log_or_none },
	{ "limits|connections", check_range },
	{ "limits|connections-per-address", check_range },
	{ "limits|message-size", ln_config_is_size },
	{ "limits|recipients", check_range },
	{ "limits|received", check_range },
	{ "limits|errors", check_range },
	{ "limits|tarpit-errors", check_range },
	{ "limits|tarpit", ln_config_is_time },
	{ "limits|auth-failures", check_range },
	{ "limits|message-rate", check_range },
	{ "limits|message-burst", check_range },
	{ "limits|min-free", ln_config_is_size },
	{ "limits|min-rate", check_range },
	{ "limits|command-time", ln_config_is_time },
	{ "limits|data-time", ln_config_is_time },
	{ "limits|total-time", ln_config_is_time },
	{ "limits|drain-time", ln_config_is_time },
	{ 0 },
};

/* Ours, and those of the section of the relay. */
static struct ln_config_check *all_checks(void)
{
	size_t own = sizeof(own_checks) / sizeof(*own_checks) - 1, n = 0;
	struct ln_config_check *all;

	while (relay_checks[n].option)
		n++;
	all = calloc(own + n + 1, sizeof(*all));
	if (!all)
		return NULL;
	memcpy(all, own_checks, own * sizeof(*all));
	memcpy(all + own, relay_checks, n * sizeof(*all));
	return all;
}

/**
 * grammar_read() - read a configuration file
 * @file: its path
 *
 * Return: what is in it, for cfg_free(), or NULL after error lines.
 */
cfg_t *grammar_read(const char *file)
{
	struct ln_config_check *checks = all_checks();
	cfg_t *tree = checks ? ln_config_parse_checked(file, file_options, checks) : NULL;

	free(checks);
	return tree;
}
