// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What may be in a configuration file; checks that look at one option only, so that their
 * errors name its line.
 */
#include "grammar.h"

#include <string.h>

#include "config.h"
#include "options.h"

static cfg_opt_t certificate_options[] = {
	CFG_STR("file", NULL, CFGF_NODEFAULT),
	CFG_STR("key", NULL, CFGF_NODEFAULT),
	CFG_END(),
};

static cfg_opt_t limits_options[] = {
	CFG_INT("connections", 1024, CFGF_NONE),
	CFG_INT("connections-per-address", 64, CFGF_NONE),
	CFG_INT("errors", 20, CFGF_NONE),
	CFG_INT("auth-failures", 3, CFGF_NONE),
	CFG_STR("failure-delay", "1s", CFGF_NONE),
	CFG_STR("login-time", "3m", CFGF_NONE),
	CFG_STR("idle-time", "10m", CFGF_NONE),
	CFG_STR("drain-time", "1m", CFGF_NONE),
	CFG_STR("password-cache", "0", CFGF_NONE),
	CFG_END(),
};

static cfg_opt_t file_options[] = {
	CFG_FUNC("include", ln_config_include),
	CFG_STR("hostname", NULL, CFGF_NODEFAULT),
	CFG_STR_LIST("pop3-listen", NULL, CFGF_NODEFAULT),
	CFG_STR_LIST("pop3s-listen", NULL, CFGF_NODEFAULT),
	CFG_STR_LIST("metrics-listen", NULL, CFGF_NODEFAULT),
	CFG_STR("transports", "both", CFGF_NONE),
	CFG_SEC("certificate", certificate_options, CFGF_MULTI),
	CFG_STR("users", NULL, CFGF_NODEFAULT),
	CFG_STR("pam", NULL, CFGF_NODEFAULT),
	CFG_STR("mail-root", "/var/mail/linnet", CFGF_NONE),
	CFG_BOOL("auth-without-tls", cfg_false, CFGF_NONE),
	CFG_INT("workers", 1, CFGF_NODEFAULT),
	CFG_STR("user", NULL, CFGF_NODEFAULT),
	CFG_STR("group", NULL, CFGF_NODEFAULT),
	CFG_STR("log", NULL, CFGF_NODEFAULT),
	CFG_STR("log-level", NULL, CFGF_NODEFAULT),
	CFG_STR("session-log", "none", CFGF_NONE),
	CFG_SEC("limits", limits_options, CFGF_NONE),
	CFG_END(),
};

static const struct range {
	const char *name;
	long min, max;
} ranges[] = {
	{ "workers", 1, LN_MAX_WORKERS },
	{ "connections", 1, 1000000 },
	{ "connections-per-address", 1, 1000000 },
	{ "errors", 1, 10000 },
	{ "auth-failures", 1, 100 },
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

static int check_hostname(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *text = cfg_opt_getstr(opt);

	if (*text && strlen(text) <= 253 && strspn(text, "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.") == strlen(text))
		return 0;
	ln_config_error(cfg, "hostname = '%s': allowed is a host's name of up to 253 letters, "
			"digits, hyphens and dots", text);
	return -1;
}

static const struct ln_config_check checks[] = {
	{ "hostname", check_hostname },
	{ "transports", check_transports },
	{ "certificate|file", ln_config_file },
	{ "certificate|key", ln_config_file },
	{ "certificate", ln_config_is_certificate },
	{ "users", ln_config_file },
	{ "mail-root", ln_config_folder },
	{ "workers", check_range },
	{ "log", ln_config_is_log },
	{ "log-level", ln_config_is_level },
	{ "session-log", ln_config_is_log_or_none },
	{ "limits|connections", check_range },
	{ "limits|connections-per-address", check_range },
	{ "limits|errors", check_range },
	{ "limits|auth-failures", check_range },
	{ "limits|failure-delay", ln_config_is_time },
	{ "limits|login-time", ln_config_is_time },
	{ "limits|idle-time", ln_config_is_time },
	{ "limits|drain-time", ln_config_is_time },
	{ "limits|password-cache", ln_config_is_time },
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
