// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From what a configuration file says to what is used.
 */
#include "setup.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "balance/balance.h"
#include "config.h"
#include "dnstap/dnstap.h"
#include "resolve/resolve.h"

#define DEFAULT_STATE	"/var/lib/linnet-dnsd"

static void take_int(unsigned int *value, cfg_t *cfg, const char *name)
{
	if (cfg_size(cfg, name))
		*value = cfg_getint(cfg, name);
}

static void take_time(uint64_t *value, cfg_t *cfg, const char *name)
{
	if (cfg_size(cfg, name))
		*value = ln_config_time(cfg, name);
}

static void take_text(const char **value, cfg_t *cfg, const char *name)
{
	if (cfg_size(cfg, name))
		*value = cfg_getstr(cfg, name);
}

/**
 * setup_settings_read() - take over a file's settings
 * @settings: what the file does not name stays as it is
 * @tree: the file, whose texts are used on
 */
void setup_settings_read(struct setup_settings *settings, cfg_t *tree)
{
	struct ln_options *o = settings->options;
	enum ln_level level;
	cfg_t *limits;

	take_int(&o->workers, tree, "workers");
	take_text(&o->user, tree, "user");
	take_text(&o->group, tree, "group");
	take_text(&o->log, tree, "log");
	take_text(&settings->state, tree, "state-directory");
	take_text(&settings->query_log, tree, "query-log");
	if (cfg_size(tree, "log-level") &&
	    !ln_log_level_parse(cfg_getstr(tree, "log-level"), &level))
		ln_log_level(level);
	if (!cfg_size(tree, "limits"))
		return;
	limits = cfg_getsec(tree, "limits");
	take_int(&o->max_connections, limits, "connections");
	take_int(&o->max_per_address, limits, "connections-per-address");
	take_time(&o->idle_ms, limits, "idle-time");
	take_time(&o->total_ms, limits, "total-time");
	take_time(&o->drain_ms, limits, "drain-time");
}

/* --- listening --- */

static unsigned int transports(const char *name)
{
	return !strcmp(name, "linnet") ? LN_TRANSPORT_LINNET :
	       !strcmp(name, "tcp")    ? LN_TRANSPORT_TCP :
					 LN_TRANSPORT_LINNET | LN_TRANSPORT_TCP;
}

static int want(struct ln_wanted *w, cfg_t *tree, const char *option, const char *tag, int type,
		unsigned int mask)
{
	for (unsigned int i = 0; i < cfg_size(tree, option); i++) {
		const char *text = cfg_getnstr(tree, option, i);
		int err = ln_want_text(w, tag, type, text, mask);

		if (err == -EINVAL)
			ln_config_error(tree, "%s: '%s': allowed are ADDRESS:PORT with a numeric "
					"address, IPv6 in brackets, or *:PORT", option, text);
		if (err)
			return err;
	}
	return 0;
}

/* What the command line says about addresses goes over the file. */
static int read_listens(struct setup *s, struct ln_wanted *w)
{
	unsigned int mask = transports(cfg_getstr(s->tree, "transports")) & s->options.transports;
	bool udp = cfg_getbool(s->tree, "udp");
	int err = 0;

	if (!mask)
		mask = s->options.transports;
	s->options.transports = mask;
	if (s->options.n_addresses) {
		if (udp)
			err = ln_want(w, &s->options, SETUP_DNS, SOCK_DGRAM, s->options.port);
		if (!err)
			err = ln_want(w, &s->options, SETUP_DNS, SOCK_STREAM, s->options.port);
	} else {
		if (udp)
			err = want(w, s->tree, "listen", SETUP_DNS, SOCK_DGRAM, LN_TRANSPORT_TCP);
		if (!err)
			err = want(w, s->tree, "listen", SETUP_DNS, SOCK_STREAM, mask);
	}
	if (!err)
		err = want(w, s->tree, "tls-listen", SETUP_DNS_TLS, SOCK_STREAM, mask);
	if (!err)
		err = want(w, s->tree, "metrics-listen", SETUP_METRICS, SOCK_STREAM,
			   LN_TRANSPORT_TCP);
	s->metrics = cfg_size(s->tree, "metrics-listen");
	return err;
}

static int read_tls(struct setup *s)
{
	static const char *const alpn[] = { "dot", NULL };
	unsigned int n = cfg_size(s->tree, "certificate");
	struct ln_tls_certificate *list;

	if (!n && cfg_size(s->tree, "tls-listen")) {
		ln_config_error(s->tree, "tls-listen needs a certificate: certificate { file = "
				"\"...\" key = \"...\" }");
		return -EINVAL;
	}
	if (!n || !cfg_size(s->tree, "tls-listen"))
		return 0;
	list = calloc(n, sizeof(*list));
	if (!list)
		return -ENOMEM;
	for (unsigned int i = 0; i < n; i++) {
		cfg_t *certificate = cfg_getnsec(s->tree, "certificate", i);

		list[i].certificate = cfg_getstr(certificate, "file");
		list[i].key = cfg_getstr(certificate, "key");
	}
	s->tls = ln_tls_server(list, n, alpn);
	free(list);
	return s->tls ? 0 : -EINVAL;
}

/* --- what is said about us --- */

static unsigned int hex_digit(char c)
{
	return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

static void from_hex(uint8_t *out, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		out[i] = hex_digit(text[2 * i]) << 4 | hex_digit(text[2 * i + 1]);
}

static int read_cookies(struct setup *s)
{
	/* As long as the master lives, so that a reload makes no cookie worthless. */
	static uint8_t random_secret[16];
	static bool made;
	const char *mode = cfg_getstr(s->tree, "cookies");

	s->cookies = strcmp(mode, "no");
	s->cookies_required = !strcmp(mode, "required");
	s->n_cookie_secrets = cfg_size(s->tree, "cookie-secrets");
	for (unsigned int i = 0; i < s->n_cookie_secrets; i++)
		from_hex(s->cookie_secret[i], cfg_getnstr(s->tree, "cookie-secrets", i), 16);
	if (s->n_cookie_secrets)
		return 0;
	if (!made && getrandom(random_secret, sizeof(random_secret), 0) !=
			     (ssize_t)sizeof(random_secret))
		return -EIO;
	made = true;
	memcpy(s->cookie_secret[0], random_secret, sizeof(random_secret));
	s->n_cookie_secrets = 1;
	return 0;
}

static void read_identity(struct setup *s)
{
	const char *nsid = cfg_getstr(s->tree, "nsid");

	/* "0x..." is octets, other things are text. */
	if (nsid && !strncmp(nsid, "0x", 2) && strlen(nsid) % 2 == 0 &&
	    strspn(nsid + 2, "0123456789abcdefABCDEF") == strlen(nsid + 2)) {
		s->nsid_len = strlen(nsid + 2) / 2;
		from_hex(s->nsid, nsid + 2, s->nsid_len);
	} else if (nsid) {
		s->nsid_len = strlen(nsid);
		memcpy(s->nsid, nsid, s->nsid_len);
	}
	s->identity = cfg_getstr(s->tree, "identity");
	s->version = cfg_getstr(s->tree, "version");
	s->udp_size = cfg_getint(s->tree, "udp-size");
	s->stream_queries = 128;
	if (cfg_size(s->tree, "limits"))
		s->stream_queries = cfg_getint(cfg_getsec(s->tree, "limits"),
					       "queries-per-stream");
}

static int read_rate(struct setup *s)
{
	struct setup_rate *r = &s->rate;
	cfg_t *section;

	if (!cfg_size(s->tree, "rate-limit"))
		return 0;
	section = cfg_getsec(s->tree, "rate-limit");
	r->responses = cfg_getint(section, "responses-per-second");
	r->errors = r->nxdomains = r->referrals = r->responses;
	take_int(&r->errors, section, "errors-per-second");
	take_int(&r->nxdomains, section, "nxdomains-per-second");
	take_int(&r->referrals, section, "referrals-per-second");
	r->slip = cfg_getint(section, "slip");
	r->window = cfg_getint(section, "window");
	r->ipv4_prefix = cfg_getint(section, "ipv4-prefix");
	r->ipv6_prefix = cfg_getint(section, "ipv6-prefix");
	r->table = cfg_getint(section, "table-size");
	r->log_only = cfg_getbool(section, "log-only");
	return acl_read(&r->exempt, s, section, "exempt");
}

static int read_state(struct setup *s, const char *state)
{
	char path[PATH_MAX];
	int64_t size = ln_config_size(s->tree, "store-size");

	if (!state)
		state = DEFAULT_STATE;
	if (!realpath(state, path)) {
		ln_config_error(s->tree, "state-directory '%s': %m", state);
		return -EINVAL;
	}
	if (size < 1 << 20) {
		ln_config_error(s->tree, "store-size: at least 1m");
		return -EINVAL;
	}
	s->store_size = size;
	s->state = strdup(path);
	return s->state ? 0 : -ENOMEM;
}

static int read_rooms(struct setup *s)
{
	if (cfg_size(s->tree, "recursion")) {
		s->resolve = resolve_read(s, cfg_getsec(s->tree, "recursion"));
		if (!s->resolve)
			return -EINVAL;
	}
	if (cfg_size(s->tree, "balance")) {
		s->balance = balance_read(s, s->tree);
		if (!s->balance)
			return -EINVAL;
	}
	if (cfg_size(s->tree, "dnstap")) {
		s->dnstap = dnstap_read(cfg_getsec(s->tree, "dnstap"));
		if (!s->dnstap)
			return -EINVAL;
	}
	return 0;
}

/**
 * setup_new() - make a configuration
 * @tree: the file; it belongs to the configuration then, or is freed
 * @file: its path; must stay
 * @settings: its settings and those of the command line
 * @wanted: where to say what to listen on
 *
 * Return: the configuration, or NULL after error lines.
 */
struct setup *setup_new(cfg_t *tree, const char *file, const struct setup_settings *settings,
			struct ln_wanted *wanted)
{
	struct setup *s = calloc(1, sizeof(*s));
	int err;

	if (!s) {
		cfg_free(tree);
		return NULL;
	}
	s->tree = tree;
	s->file = file;
	s->options = *settings->options;
	read_identity(s);
	err = read_listens(s, wanted);
	if (!err)
		err = read_tls(s);
	if (!err)
		err = read_cookies(s);
	if (!err)
		err = read_state(s, settings->state);
	if (!err)
		err = setup_read_keys(s);
	if (!err)
		err = read_rate(s);
	if (!err)
		err = setup_read_zones(s);
	if (!err)
		err = read_rooms(s);
	if (!err) {
		/* At last, so that a file is not made for a configuration that is not used. */
		s->query_log = ln_access_log_open(settings->query_log);
		if (!s->query_log && errno)
			err = -errno;
	}
	if (!err)
		return s;
	setup_free(s);
	return NULL;
}

/**
 * setup_free() - let a configuration go
 * @s: the configuration, or NULL
 */
void setup_free(struct setup *s)
{
	if (!s)
		return;
	free(s->dnstap);
	balance_setup_free(s->balance);
	resolve_setup_free(s->resolve);
	ln_access_log_close(s->query_log);
	setup_free_zones(s);
	acl_free(&s->rate.exempt);
	if (s->tls)
		ln_tls_put(s->tls);
	free(s->state);
	cfg_free(s->tree);
	free(s);
}
