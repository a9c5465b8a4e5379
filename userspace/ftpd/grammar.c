// SPDX-License-Identifier: GPL-2.0-or-later
#include "grammar.h"

#include <string.h>

#include "argument.h"
#include "config.h"
#include "options.h"

static cfg_opt_t certificate_options[] = {
	CFG_STR("file", NULL, CFGF_NODEFAULT),
	CFG_STR("key", NULL, CFGF_NODEFAULT),
	CFG_END(),
};

static cfg_opt_t listen_options[] = {
	CFG_STR("transports", "both", CFGF_NONE),
	CFG_BOOL("implicit-tls", cfg_false, CFGF_NONE),
	CFG_END(),
};

static cfg_opt_t tls_options[] = {
	CFG_SEC("certificate", certificate_options, CFGF_MULTI),
	CFG_STR("control", "allowed", CFGF_NONE),
	CFG_STR("data", "allowed", CFGF_NONE),
	CFG_BOOL("session-reuse", cfg_true, CFGF_NONE),
	CFG_END(),
};

static cfg_opt_t passive_options[] = {
	CFG_INT("first-port", 0, CFGF_NONE),
	CFG_INT("last-port", 0, CFGF_NONE),
	CFG_STR("address", NULL, CFGF_NODEFAULT),
	CFG_END(),
};

static cfg_opt_t active_options[] = {
	CFG_BOOL("allowed", cfg_true, CFGF_NONE),
	CFG_INT("port", 20, CFGF_NONE),
	CFG_END(),
};

static cfg_opt_t limits_options[] = {
	CFG_INT("connections", 1024, CFGF_NONE),
	CFG_INT("connections-per-address", 64, CFGF_NONE),
	CFG_INT("login-failures", 3, CFGF_NONE),
	CFG_STR("login-failure-delay", "1s", CFGF_NONE),
	CFG_STR("login-time", "1m", CFGF_NONE),
	CFG_STR("idle-time", "5m", CFGF_NONE),
	CFG_STR("data-time", "2m", CFGF_NONE),
	CFG_STR("connect-time", "30s", CFGF_NONE),
	CFG_STR("drain-time", "1m", CFGF_NONE),
	CFG_STR("partial-time", "24h", CFGF_NONE),
	CFG_STR("download-rate", "0", CFGF_NONE),
	CFG_STR("upload-rate", "0", CFGF_NONE),
	CFG_END(),
};

static cfg_opt_t host_options[] = {
	CFG_STR("banner", NULL, CFGF_NODEFAULT),
	CFG_STR("root", NULL, CFGF_NODEFAULT),
	CFG_STR("users", NULL, CFGF_NODEFAULT),
	CFG_STR("pam", NULL, CFGF_NODEFAULT),
	CFG_STR("anonymous", NULL, CFGF_NODEFAULT),
	CFG_END(),
};

static cfg_opt_t file_options[] = {
	CFG_INT("workers", 1, CFGF_NODEFAULT),
	CFG_STR("user", NULL, CFGF_NODEFAULT),
	CFG_STR("group", NULL, CFGF_NODEFAULT),
	CFG_STR("log", NULL, CFGF_NODEFAULT),
	CFG_STR("log-level", NULL, CFGF_NODEFAULT),
	CFG_STR("transfer-log", "none", CFGF_NONE),
	CFG_STR("banner", NULL, CFGF_NODEFAULT),
	CFG_STR("root", NULL, CFGF_NODEFAULT),
	CFG_STR("users", NULL, CFGF_NODEFAULT),
	CFG_STR("pam", NULL, CFGF_NODEFAULT),
	CFG_STR("anonymous", NULL, CFGF_NODEFAULT),
	CFG_BOOL("writable", cfg_true, CFGF_NONE),
	CFG_BOOL("sync", cfg_false, CFGF_NONE),
	CFG_STR("umask", "022", CFGF_NONE),
	CFG_STR_LIST("deny", NULL, CFGF_NODEFAULT),
	CFG_SEC("listen", listen_options, CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES),
	CFG_STR("metrics-listen", NULL, CFGF_NODEFAULT),
	CFG_SEC("tls", tls_options, CFGF_NONE),
	CFG_SEC("passive", passive_options, CFGF_NONE),
	CFG_SEC("active", active_options, CFGF_NONE),
	CFG_SEC("limits", limits_options, CFGF_NONE),
	CFG_SEC("host", host_options, CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES),
	CFG_FUNC("include", ln_config_include),
	CFG_END(),
};

static const char *last_text(cfg_opt_t *opt)
{
	return cfg_opt_getnstr(opt, cfg_opt_size(opt) - 1);
}

static int one_of(cfg_t *cfg, cfg_opt_t *opt, const char *const *allowed, const char *text)
{
	for (; *allowed; allowed++)
		if (!strcmp(*allowed, last_text(opt)))
			return 0;
	ln_config_error(cfg, "%s = '%s': allowed are %s", cfg_opt_name(opt), last_text(opt), text);
	return -1;
}

static int is_transports(cfg_t *cfg, cfg_opt_t *opt)
{
	static const char *const allowed[] = { "linnet", "tcp", "both", NULL };

	return one_of(cfg, opt, allowed, "linnet, tcp and both");
}

static int is_policy(cfg_t *cfg, cfg_opt_t *opt)
{
	static const char *const allowed[] = { "off", "allowed", "required", NULL };

	return one_of(cfg, opt, allowed, "off, allowed and required");
}

static int is_umask(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *text = last_text(opt);

	if (*text && strlen(text) <= 4 && strspn(text, "01234567") == strlen(text))
		return 0;
	ln_config_error(cfg, "umask = '%s': allowed are up to four octal digits", text);
	return -1;
}

static int is_banner(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *text = last_text(opt);

	if (strlen(text) <= 500 && !strpbrk(text, "\r\n"))
		return 0;
	ln_config_error(cfg, "banner: allowed is one line of up to 500 octets");
	return -1;
}

static int is_address(cfg_t *cfg, cfg_opt_t *opt)
{
	union ln_addr a;

	if (!ln_addr_parse(last_text(opt), 0, &a) && a.sa.sa_family == AF_INET)
		return 0;
	ln_config_error(cfg, "address = '%s': allowed is an IPv4 address, which PASV tells "
			"clients", last_text(opt));
	return -1;
}

static int is_workers(cfg_t *cfg, cfg_opt_t *opt)
{
	long n = cfg_opt_getnint(opt, 0);

	if (n >= 1 && n <= LN_MAX_WORKERS)
		return 0;
	ln_config_error(cfg, "workers = %ld: allowed are 1 to %d", n, LN_MAX_WORKERS);
	return -1;
}

static int is_positive(cfg_t *cfg, cfg_opt_t *opt)
{
	return ln_config_positive(cfg, opt);
}

static const struct ln_config_check checks[] = {
	{ "workers", is_workers },
	{ "log", ln_config_is_log },
	{ "log-level", ln_config_is_level },
	{ "transfer-log", ln_config_is_log_or_none },
	{ "banner", is_banner },
	{ "root", ln_config_folder },
	{ "users", ln_config_file },
	{ "anonymous", ln_config_folder },
	{ "umask", is_umask },
	{ "listen|transports", is_transports },
	{ "tls|certificate", ln_config_is_certificate },
	{ "tls|control", is_policy },
	{ "tls|data", is_policy },
	{ "passive|first-port", ln_config_port },
	{ "passive|last-port", ln_config_port },
	{ "passive|address", is_address },
	{ "active|port", ln_config_port },
	{ "limits|connections", is_positive },
	{ "limits|connections-per-address", is_positive },
	{ "limits|login-failures", is_positive },
	{ "limits|login-failure-delay", ln_config_is_time },
	{ "limits|login-time", ln_config_is_time },
	{ "limits|idle-time", ln_config_is_time },
	{ "limits|data-time", ln_config_is_time },
	{ "limits|connect-time", ln_config_is_time },
	{ "limits|drain-time", ln_config_is_time },
	{ "limits|partial-time", ln_config_is_time },
	{ "limits|download-rate", ln_config_is_size },
	{ "limits|upload-rate", ln_config_is_size },
	{ "host|banner", is_banner },
	{ "host|root", ln_config_folder },
	{ "host|users", ln_config_file },
	{ "host|anonymous", ln_config_folder },
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
