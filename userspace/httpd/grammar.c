// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What may be in a configuration file, and what its values may be.
 *
 * Values are checked as soon as they are read, so that an error names the line that it
 * is in; what a section lacks is told at the line of its closing brace.
 */
#include "grammar.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access.h"
#include "config.h"
#include "field.h"
#include "log.h"

#define ONCE	CFGF_MULTI	/* may be absent; check_once() sees to the rest */

static const struct httpd_kind *const kinds[] = {
	&httpd_files, &httpd_redirect, &httpd_status, &httpd_form, &httpd_cgi, &httpd_fastcgi,
	&httpd_scgi, &httpd_proxy, &httpd_wsgi,
};
#define N_KINDS	(sizeof(kinds) / sizeof(*kinds))

static cfg_opt_t access_options[] = {
	CFG_STR_LIST("allow", NULL, CFGF_NONE),
	CFG_STR_LIST("deny", NULL, CFGF_NONE),
	CFG_END(),
};

static cfg_opt_t auth_options[] = {
	CFG_BOOL("enabled", cfg_true, CFGF_NONE),
	CFG_STR("realm", "restricted", CFGF_NONE),
	CFG_STR("file", NULL, CFGF_NODEFAULT),
	CFG_STR_LIST("users", NULL, CFGF_NONE),
	CFG_STR("cache", "5m", CFGF_NONE),
	CFG_END(),
};

static cfg_opt_t rate_options[] = {
	CFG_BOOL("enabled", cfg_true, CFGF_NONE),
	CFG_FLOAT("per-second", 0, CFGF_NODEFAULT),
	CFG_INT("burst", 1, CFGF_NONE),
	CFG_END(),
};

static cfg_opt_t headers_options[] = {
	CFG_STR_LIST("add", NULL, CFGF_NONE),
	CFG_END(),
};

#define PAGE(status) CFG_STR(status, NULL, CFGF_NODEFAULT)

static cfg_opt_t error_pages_options[] = {
	PAGE("400"), PAGE("401"), PAGE("403"), PAGE("404"), PAGE("405"), PAGE("406"), PAGE("408"),
	PAGE("409"), PAGE("410"), PAGE("411"), PAGE("412"), PAGE("413"), PAGE("414"), PAGE("415"),
	PAGE("416"), PAGE("417"), PAGE("421"), PAGE("422"), PAGE("426"), PAGE("428"), PAGE("429"),
	PAGE("431"), PAGE("451"), PAGE("500"), PAGE("501"), PAGE("502"), PAGE("503"), PAGE("504"),
	PAGE("505"), PAGE("507"), PAGE("508"), CFG_END(),
};

#define RULES							\
	CFG_SEC("access", access_options, ONCE),		\
	CFG_SEC("auth", auth_options, ONCE),			\
	CFG_SEC("rate", rate_options, ONCE),			\
	CFG_SEC("headers", headers_options, ONCE)

/* The kinds' sections are put after these. */
static cfg_opt_t location_options[5 + N_KINDS + 1] = {
	RULES,
	CFG_STR_LIST("push", NULL, CFGF_NONE),
};

static cfg_opt_t host_options[] = {
	CFG_STR_LIST("aliases", NULL, CFGF_NONE),
	CFG_BOOL("default", cfg_false, CFGF_NONE),
	CFG_STR("root", NULL, CFGF_NONE),
	CFG_BOOL("tls-only", cfg_false, CFGF_NONE),
	CFG_SEC("error-pages", error_pages_options, ONCE),
	RULES,
	CFG_SEC("location", location_options, CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES),
	CFG_END(),
};

static cfg_opt_t certificate_options[] = {
	CFG_STR("file", NULL, CFGF_NODEFAULT),
	CFG_STR("key", NULL, CFGF_NODEFAULT),
	CFG_END(),
};

static cfg_opt_t listen_options[] = {
	CFG_STR("transports", "both", CFGF_NONE),
	CFG_BOOL("http2", cfg_true, CFGF_NONE),
	CFG_SEC("certificate", certificate_options, CFGF_MULTI),
	CFG_END(),
};

static cfg_opt_t limits_options[] = {
	CFG_INT("connections", 0, CFGF_NODEFAULT),
	CFG_INT("connections-per-address", 0, CFGF_NODEFAULT),
	CFG_INT("requests-per-connection", 0, CFGF_NODEFAULT),
	CFG_INT("streams", 0, CFGF_NODEFAULT),
	CFG_INT("resets", 0, CFGF_NODEFAULT),
	CFG_INT("resets-per-second", 0, CFGF_NODEFAULT),
	CFG_INT("idle-frames", 0, CFGF_NODEFAULT),
	CFG_INT("idle-frames-per-second", 0, CFGF_NODEFAULT),
	CFG_INT("continuations", 0, CFGF_NODEFAULT),
	CFG_INT("fields", 0, CFGF_NODEFAULT),
	CFG_STR("header-size", NULL, CFGF_NODEFAULT),
	CFG_STR("target-size", NULL, CFGF_NODEFAULT),
	CFG_STR("content-size", NULL, CFGF_NODEFAULT),
	CFG_STR("content-rate", NULL, CFGF_NODEFAULT),
	CFG_STR("header-time", NULL, CFGF_NODEFAULT),
	CFG_STR("idle-time", NULL, CFGF_NODEFAULT),
	CFG_STR("keep-alive-time", NULL, CFGF_NODEFAULT),
	CFG_STR("total-time", NULL, CFGF_NODEFAULT),
	CFG_STR("drain-time", NULL, CFGF_NODEFAULT),
	CFG_END(),
};

static cfg_opt_t file_options[] = {
	CFG_FUNC("include", ln_config_include),
	CFG_INT("workers", 0, CFGF_NODEFAULT),
	CFG_BOOL("reuseport", cfg_false, CFGF_NONE),
	CFG_STR("user", NULL, CFGF_NODEFAULT),
	CFG_STR("group", NULL, CFGF_NODEFAULT),
	CFG_STR("log", NULL, CFGF_NODEFAULT),
	CFG_STR("log-level", NULL, CFGF_NODEFAULT),
	CFG_STR("access-log", NULL, CFGF_NODEFAULT),
	CFG_SEC("limits", limits_options, ONCE),
	CFG_SEC("listen", listen_options, CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES),
	RULES,
	CFG_SEC("host", host_options, CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES),
	CFG_END(),
};

static const struct range {
	const char *name;
	long min, max;
} ranges[] = {
	{ "workers", 1, LN_MAX_WORKERS },
	{ "connections", 1, 1000000 },
	{ "connections-per-address", 1, 1000000 },
	{ "requests-per-connection", 0, 1000000000 },
	{ "streams", 1, 1000 },
	{ "resets", 1, 1000000 },
	{ "resets-per-second", 1, 1000000 },
	/* What a client may send before it is asked to be quiet: some SETTINGS and windows. */
	{ "idle-frames", 100, 10000000 },
	{ "idle-frames-per-second", 1, 10000000 },
	{ "continuations", 1, 1000 },
	{ "fields", 1, HTTP_MAX_FIELDS },
	{ "burst", 1, 1000000 },
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

static const struct {
	const char *name;
	int64_t min, max;
} sizes[] = {
	{ "header-size", 256, 1 << 20 },
	{ "target-size", 16, 1 << 20 },
	{ "content-size", 0, INT64_MAX },
	{ "content-rate", 0, 1LL << 40 },
};

static int check_size(cfg_t *cfg, cfg_opt_t *opt)
{
	int64_t value;

	if (ln_config_is_size(cfg, opt))
		return -1;
	value = ln_config_size(cfg, cfg_opt_name(opt));
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		if (strcmp(sizes[i].name, cfg_opt_name(opt)) ||
		    (value >= sizes[i].min && value <= sizes[i].max))
			continue;
		ln_config_error(cfg, "%s = '%s': allowed are %lld to %lld octets", sizes[i].name,
				cfg_opt_getstr(opt), (long long)sizes[i].min,
				(long long)sizes[i].max);
		return -1;
	}
	return 0;
}

static int check_once(cfg_t *cfg, cfg_opt_t *opt)
{
	if (cfg_opt_size(opt) < 2)
		return 0;
	ln_config_error(cfg, "a second section %s; allowed is one", cfg_opt_name(opt));
	return -1;
}

static int check_network(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *text = cfg_opt_getnstr(opt, cfg_opt_size(opt) - 1);
	struct access_network network;
	const char *wrong = access_parse(&network, text);

	if (!wrong && cfg_opt_size(opt) <= ACCESS_MAX_NETWORKS)
		return 0;
	if (!wrong)
		ln_config_error(cfg, "%s: more than %d networks", cfg_opt_name(opt),
				ACCESS_MAX_NETWORKS);
	else
		ln_config_error(cfg, "%s: '%s' %s; allowed are all, numeric addresses and networks "
				"like 192.0.2.0/24 or 2001:db8::/32", cfg_opt_name(opt), text, wrong);
	return -1;
}

static int check_realm(cfg_t *cfg, cfg_opt_t *opt)
{
	for (const unsigned char *s = (unsigned char *)cfg_opt_getstr(opt); *s; s++) {
		if (*s >= 0x20 && *s != 0x7f)
			continue;
		ln_config_error(cfg, "realm: a control character; allowed is text");
		return -1;
	}
	return 0;
}

static int check_auth(cfg_t *cfg, cfg_opt_t *opt)
{
	cfg_t *auth = cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1);

	if (check_once(cfg, opt))
		return -1;
	if (!cfg_getbool(auth, "enabled") || cfg_getstr(auth, "file"))
		return 0;
	ln_config_error(cfg, "auth needs a file of names and hashes: file = \"/path\"");
	return -1;
}

static int check_rate(cfg_t *cfg, cfg_opt_t *opt)
{
	cfg_t *rate = cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1);
	double value = cfg_size(rate, "per-second") ? cfg_getfloat(rate, "per-second") : 0;

	if (check_once(cfg, opt))
		return -1;
	if (!cfg_getbool(rate, "enabled") || (value >= 0.001 && value <= 1e6))
		return 0;
	ln_config_error(cfg, "rate needs per-second = NUMBER, from 0.001 to 1000000");
	return -1;
}

static int check_header(cfg_t *cfg, cfg_opt_t *opt)
{
	/* The server's own, on which the end of a message depends. */
	static const char *const reserved[] = {
		"connection", "content-length", "date", "keep-alive", "server", "te", "trailer",
		"transfer-encoding", "upgrade",
	};
	const char *text = cfg_opt_getnstr(opt, cfg_opt_size(opt) - 1), *colon = strchr(text, ':');
	const char *value = colon ? colon + 1 + strspn(colon + 1, " \t") : NULL;

	if (!colon || !http_field_valid(text, colon - text, value, strlen(value))) {
		ln_config_error(cfg, "add: '%s': allowed is a field like \"Name: value\"", text);
		return -1;
	}
	if (cfg_opt_size(opt) > 16) {
		ln_config_error(cfg, "add: more than 16 fields");
		return -1;
	}
	for (size_t i = 0; i < sizeof(reserved) / sizeof(*reserved); i++) {
		if (strlen(reserved[i]) != (size_t)(colon - text) ||
		    strncasecmp(text, reserved[i], colon - text))
			continue;
		ln_config_error(cfg, "add: '%s': this field is the server's own", text);
		return -1;
	}
	return 0;
}

static int check_push(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *text = cfg_opt_getnstr(opt, cfg_opt_size(opt) - 1);
	struct http_target t;

	if (*text == '/' && !http_target_parse(&t, text, strlen(text)))
		return 0;
	ln_config_error(cfg, "push: '%s': allowed are targets that begin with a slash", text);
	return -1;
}

/* Also turns a name into lower case, as it is looked up. */
static int check_name(cfg_t *cfg, const char *what, char *text)
{
	const char *name = !strncmp(text, "*.", 2) ? text + 2 : text;

	for (char *s = text; *s; s++)
		*s = tolower((unsigned char)*s);
	if (!strcmp(text, "*") ||
	    (*name && *name != ':' && !strchr(name, '*') && http_host_valid(name, strlen(name)) &&
	     (*name == '[' ? name[strlen(name) - 1] == ']' : !strchr(name, ':'))))
		return 0;
	ln_config_error(cfg, "%s '%s': allowed are names like www.example.org, *.example.org for "
			"all below a name, and * for all others, without a port", what, text);
	return -1;
}

static int check_alias(cfg_t *cfg, cfg_opt_t *opt)
{
	return check_name(cfg, "aliases:", cfg_opt_getnstr(opt, cfg_opt_size(opt) - 1));
}

static int check_host(cfg_t *cfg, cfg_opt_t *opt)
{
	cfg_t *host = cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1);

	if (check_name(cfg, "host", (char *)cfg_title(host)))
		return -1;
	if (cfg_size(host, "location"))
		return 0;
	ln_config_error(cfg, "the host '%s' has no section location", cfg_title(host));
	return -1;
}

/* The names of all kinds, with commas. */
static const char *kind_names(char *out, size_t room)
{
	size_t len = 0;

	for (size_t i = 0; i < N_KINDS; i++)
		len += snprintf(out + len, room - len, "%s%s", i ? ", " : "", kinds[i]->name);
	return out;
}

static int check_location(cfg_t *cfg, cfg_opt_t *opt)
{
	cfg_t *location = cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1);
	const char *title = cfg_title(location);
	struct http_target t;
	unsigned int n = 0;
	char names[256];

	if (*title != '/' || strchr(title, '?') || http_target_parse(&t, title, strlen(title))) {
		ln_config_error(cfg, "location '%s': allowed are paths that begin with a slash",
				title);
		return -1;
	}
	for (size_t i = 0; i < N_KINDS; i++)
		n += cfg_size(location, kinds[i]->name);
	if (n == 1)
		return 0;
	ln_config_error(cfg, "the location '%s' has %s section of these; it needs one: %s", title,
			n ? "more than one" : "no", kind_names(names, sizeof(names)));
	return -1;
}

static int check_transports(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *text = cfg_opt_getstr(opt);

	if (!strcmp(text, "linnet") || !strcmp(text, "tcp") || !strcmp(text, "both"))
		return 0;
	ln_config_error(cfg, "transports = '%s': allowed are linnet, tcp and both", text);
	return -1;
}

static void check(cfg_opt_t *options, const char *name, cfg_validate_callback_t fn)
{
	while (strcmp(options->name, name))
		options++;
	options->validcb = fn;
}

static void check_rules(cfg_opt_t *options)
{
	check(options, "access", check_once);
	check(options, "auth", check_auth);
	check(options, "rate", check_rate);
	check(options, "headers", check_once);
}

static void check_limits(void)
{
	for (cfg_opt_t *opt = limits_options; opt->name; opt++) {
		if (opt->type == CFGT_INT)
			opt->validcb = check_range;
		else
			opt->validcb = strstr(opt->name, "-time") ? ln_config_is_time : check_size;
	}
}

/* libconfuse has no initialisers for checks, and a kind's options are another file's. */
static void complete(void)
{
	for (size_t i = 0; i < N_KINDS; i++)
		location_options[5 + i] = (cfg_opt_t)CFG_SEC(kinds[i]->name, kinds[i]->options,
							      CFGF_MULTI);
	location_options[5 + N_KINDS] = (cfg_opt_t)CFG_END();
	check(access_options, "allow", check_network);
	check(access_options, "deny", check_network);
	check(auth_options, "realm", check_realm);
	check(auth_options, "cache", ln_config_is_time);
	check(rate_options, "burst", check_range);
	check(headers_options, "add", check_header);
	check_rules(location_options);
	check(location_options, "push", check_push);
	check(host_options, "aliases", check_alias);
	check(host_options, "root", ln_config_folder);
	check(host_options, "error-pages", check_once);
	check_rules(host_options);
	check(host_options, "location", check_location);
	check(certificate_options, "file", ln_config_file);
	check(certificate_options, "key", ln_config_file);
	check(listen_options, "transports", check_transports);
	check(listen_options, "certificate", ln_config_is_certificate);
	check_limits();
	check(file_options, "workers", check_range);
	check(file_options, "log", ln_config_is_log);
	check(file_options, "log-level", ln_config_is_level);
	check(file_options, "access-log", ln_config_is_log_or_none);
	check(file_options, "limits", check_once);
	check_rules(file_options);
	check(file_options, "host", check_host);
}

/**
 * grammar_read() - read a configuration file
 * @file: its path
 *
 * Return: what is in it, for cfg_free(), or NULL after error lines.
 */
cfg_t *grammar_read(const char *file)
{
	complete();
	return ln_config_parse(file, file_options);
}

/**
 * grammar_read_text() - read a configuration that is no file
 * @text: the configuration, made from the command line
 *
 * Return: what is in it, for cfg_free(), or NULL after error lines.
 */
cfg_t *grammar_read_text(const char *text)
{
	cfg_t *cfg;

	complete();
	cfg = cfg_init(file_options, CFGF_NONE);
	if (cfg)
		cfg->filename = strdup("command line");
	if (cfg && cfg_parse_buf(cfg, text) == CFG_SUCCESS)
		return cfg;
	if (cfg)
		cfg_free(cfg);
	return NULL;
}

/**
 * grammar_kind() - the kind of a location
 * @location: the section
 *
 * Return: the kind whose section is in it.
 */
const struct httpd_kind *grammar_kind(cfg_t *location)
{
	for (size_t i = 0; i < N_KINDS; i++)
		if (cfg_size(location, kinds[i]->name))
			return kinds[i];
	return NULL;
}
