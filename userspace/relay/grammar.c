// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What may be in the section relay { } of a configuration, and checks that look at one option
 * only.
 */
#include <stddef.h>
#include <string.h>

#include "names.h"
#include "net.h"
#include "relay.h"
#include "setup.h"

static cfg_opt_t route_options[] = {
	CFG_STR("host", NULL, CFGF_NODEFAULT),
	CFG_INT("port", 0, CFGF_NODEFAULT),
	CFG_STR("transport", NULL, CFGF_NODEFAULT),
	CFG_STR("tls", NULL, CFGF_NODEFAULT),
	CFG_STR("user", NULL, CFGF_NODEFAULT),
	CFG_STR("password", NULL, CFGF_NODEFAULT),
	CFG_END(),
};

cfg_opt_t relay_options[] = {
	CFG_STR_LIST("resolver", NULL, CFGF_NONE),
	CFG_SEC("route", route_options, CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES),
	CFG_SEC("smarthost", route_options, CFGF_MULTI),
	CFG_INT("port", 25, CFGF_NONE),
	CFG_STR("transport", "auto", CFGF_NONE),
	CFG_STR("tls", "may", CFGF_NONE),
	CFG_STR("ca-file", NULL, CFGF_NODEFAULT),
	CFG_STR_LIST("retry", "{\"5m\", \"10m\", \"20m\", \"40m\", \"1h\"}", CFGF_NONE),
	CFG_STR("expire", "5d", CFGF_NONE),
	CFG_STR("delay-notice", "4h", CFGF_NONE),
	CFG_STR("rescan", "5m", CFGF_NONE),
	CFG_INT("connections", 100, CFGF_NONE),
	CFG_INT("connections-per-destination", 20, CFGF_NONE),
	CFG_INT("local-deliveries", 4, CFGF_NONE),
	CFG_INT("recipients-per-message", 100, CFGF_NONE),
	CFG_INT("messages-per-connection", 100, CFGF_NONE),
	CFG_STR("connect-time", "30s", CFGF_NONE),
	CFG_STR("linnet-connect-time", "5s", CFGF_NONE),
	CFG_STR("greeting-time", "5m", CFGF_NONE),
	CFG_STR("command-time", "5m", CFGF_NONE),
	CFG_STR("data-time", "3m", CFGF_NONE),
	CFG_STR("data-end-time", "10m", CFGF_NONE),
	CFG_STR("idle-time", "2s", CFGF_NONE),
	CFG_STR("session-time", "1h", CFGF_NONE),
	CFG_STR("drain-time", "10s", CFGF_NONE),
	CFG_STR("bounce-size", "50k", CFGF_NONE),
	CFG_END(),
};

static const char *last_text(cfg_opt_t *opt)
{
	return cfg_opt_getnstr(opt, cfg_opt_size(opt) - 1);
}

static int check_transport(cfg_t *cfg, cfg_opt_t *opt)
{
	if (names_transport(last_text(opt)) >= 0)
		return 0;
	ln_config_error(cfg, "transport = '%s': allowed are auto, tcp and linnet", last_text(opt));
	return -1;
}

static int check_tls(cfg_t *cfg, cfg_opt_t *opt)
{
	if (names_tls(last_text(opt)) >= 0)
		return 0;
	ln_config_error(cfg, "tls = '%s': allowed are off, may, encrypt, verify and implicit",
			last_text(opt));
	return -1;
}

static int check_resolver(cfg_t *cfg, cfg_opt_t *opt)
{
	union ln_addr addr;

	if (cfg_opt_size(opt) <= SETUP_RESOLVERS_MAX && !ln_addr_parse(last_text(opt), 53, &addr))
		return 0;
	ln_config_error(cfg,
			"resolver: '%s': allowed are at most %d numeric addresses, each with or "
			"without :PORT, IPv6 in brackets",
			last_text(opt), SETUP_RESOLVERS_MAX);
	return -1;
}

static int check_port(cfg_t *cfg, cfg_opt_t *opt)
{
	long port = cfg_opt_getnint(opt, 0);

	if (port >= 1 && port <= UINT16_MAX)
		return 0;
	ln_config_error(cfg, "port = %ld: allowed are numbers from 1 to 65535", port);
	return -1;
}

static int check_host(cfg_t *cfg, cfg_opt_t *opt)
{
	union ln_addr addr;

	if (names_valid(last_text(opt)) || !ln_addr_parse(last_text(opt), 25, &addr))
		return 0;
	ln_config_error(cfg, "host = '%s': allowed are a name and a numeric address",
			last_text(opt));
	return -1;
}

static int check_text(cfg_t *cfg, cfg_opt_t *opt)
{
	if (*last_text(opt) && strlen(last_text(opt)) <= 255)
		return 0;
	ln_config_error(cfg, "%s: allowed are 1 to 255 octets", cfg_opt_name(opt));
	return -1;
}

static int check_route(cfg_t *cfg, cfg_opt_t *opt)
{
	cfg_t *route = cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1);
	const char *title = cfg_title(route);

	if (title && strcmp(title, "*") && !names_valid(title + (*title == '.'))) {
		ln_config_error(cfg,
				"route '%s': allowed are a domain, .DOMAIN for all below it, and *",
				title);
		return -1;
	}
	if (!title && !cfg_size(route, "host")) {
		ln_config_error(cfg, "smarthost needs host = \"NAME\"");
		return -1;
	}
	if (!cfg_size(route, "user") != !cfg_size(route, "password")) {
		ln_config_error(cfg, "user and password go together");
		return -1;
	}
	return 0;
}

static int check_retry(cfg_t *cfg, cfg_opt_t *opt)
{
	if (cfg_opt_size(opt) > SETUP_RETRIES_MAX) {
		ln_config_error(cfg, "retry: allowed are at most %d times", SETUP_RETRIES_MAX);
		return -1;
	}
	if (!strcmp(last_text(opt), "0")) {
		ln_config_error(cfg, "retry: '0' would be without a pause");
		return -1;
	}
	return ln_config_is_time(cfg, opt);
}

static const struct range {
	const char *name;
	long min, max;
} ranges[] = {
	{ "connections", 1, 10000 },
	{ "connections-per-destination", 1, 1000 },
	{ "local-deliveries", 1, 64 },
	/* RFC 5321, 4.5.3.1.8: every server takes 100 */
	{ "recipients-per-message", 1, 10000 },
	{ "messages-per-connection", 1, 100000 },
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

#define ROUTE(section)                                                                            \
	{ "relay|" section "|host", check_host }, { "relay|" section "|port", check_port },       \
		{ "relay|" section "|transport", check_transport },                               \
		{ "relay|" section "|tls", check_tls }, { "relay|" section "|user", check_text }, \
		{ "relay|" section "|password", check_text },                                     \
	{                                                                                         \
		"relay|" section, check_route                                                     \
	}

const struct ln_config_check relay_checks[] = {
	{ "relay|resolver", check_resolver },
	ROUTE("route"),
	ROUTE("smarthost"),
	{ "relay|port", check_port },
	{ "relay|transport", check_transport },
	{ "relay|tls", check_tls },
	{ "relay|ca-file", ln_config_file },
	{ "relay|retry", check_retry },
	{ "relay|expire", ln_config_is_time },
	{ "relay|delay-notice", ln_config_is_time },
	{ "relay|rescan", ln_config_is_time },
	{ "relay|connections", check_range },
	{ "relay|connections-per-destination", check_range },
	{ "relay|local-deliveries", check_range },
	{ "relay|recipients-per-message", check_range },
	{ "relay|messages-per-connection", check_range },
	{ "relay|connect-time", ln_config_is_time },
	{ "relay|linnet-connect-time", ln_config_is_time },
	{ "relay|greeting-time", ln_config_is_time },
	{ "relay|command-time", ln_config_is_time },
	{ "relay|data-time", ln_config_is_time },
	{ "relay|data-end-time", ln_config_is_time },
	{ "relay|idle-time", ln_config_is_time },
	{ "relay|session-time", ln_config_is_time },
	{ "relay|drain-time", ln_config_is_time },
	{ "relay|bounce-size", ln_config_is_size },
	{ 0 },
};
