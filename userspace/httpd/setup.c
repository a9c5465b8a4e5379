// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From what a configuration file says to what is served.
 */
#include "setup.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "router.h"

/* A listener's sockets outlive a configuration, so that their tags must. */
static const char *const tags[SETUP_MAX_LISTENS] = {
	"listen0", "listen1", "listen2", "listen3", "listen4", "listen5", "listen6", "listen7",
	"listen8", "listen9", "listen10", "listen11", "listen12", "listen13", "listen14",
	"listen15", "listen16", "listen17", "listen18", "listen19", "listen20", "listen21",
	"listen22", "listen23", "listen24", "listen25", "listen26", "listen27", "listen28",
	"listen29", "listen30", "listen31", "listen32", "listen33", "listen34", "listen35",
	"listen36", "listen37", "listen38", "listen39", "listen40", "listen41", "listen42",
	"listen43", "listen44", "listen45", "listen46", "listen47", "listen48", "listen49",
	"listen50", "listen51", "listen52", "listen53", "listen54", "listen55", "listen56",
	"listen57", "listen58", "listen59", "listen60", "listen61", "listen62", "listen63",
};

static void take_int(unsigned int *value, cfg_t *cfg, const char *name)
{
	if (cfg_size(cfg, name))
		*value = cfg_getint(cfg, name);
}

static void take_size(size_t *value, cfg_t *cfg, const char *name)
{
	if (cfg_size(cfg, name))
		*value = ln_config_size(cfg, name);
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

static void read_limits(struct setup_settings *s, cfg_t *cfg)
{
	take_int(&s->options->max_connections, cfg, "connections");
	take_int(&s->options->max_per_address, cfg, "connections-per-address");
	take_time(&s->options->idle_ms, cfg, "idle-time");
	take_time(&s->options->total_ms, cfg, "total-time");
	take_time(&s->options->drain_ms, cfg, "drain-time");
	take_int(&s->limits.requests, cfg, "requests-per-connection");
	take_int(&s->limits.streams, cfg, "streams");
	take_int(&s->limits.http2.resets, cfg, "resets");
	take_int(&s->limits.http2.resets_per_second, cfg, "resets-per-second");
	take_int(&s->limits.http2.idle_frames, cfg, "idle-frames");
	take_int(&s->limits.http2.idle_frames_per_second, cfg, "idle-frames-per-second");
	take_int(&s->limits.http2.continuations, cfg, "continuations");
	take_int(&s->limits.fields, cfg, "fields");
	take_size(&s->limits.head, cfg, "header-size");
	take_size(&s->limits.target, cfg, "target-size");
	take_size(&s->limits.content, cfg, "content-size");
	take_size(&s->limits.min_rate, cfg, "content-rate");
	take_time(&s->limits.header_ms, cfg, "header-time");
	take_time(&s->limits.keep_alive_ms, cfg, "keep-alive-time");
}

/**
 * setup_settings_read() - take over a file's settings
 * @settings: what the file does not name stays as it is
 * @tree: the file, whose texts are used on
 */
void setup_settings_read(struct setup_settings *settings, cfg_t *tree)
{
	enum ln_level level;

	take_int(&settings->options->workers, tree, "workers");
	settings->options->reuseport = cfg_getbool(tree, "reuseport");
	take_text(&settings->options->user, tree, "user");
	take_text(&settings->options->group, tree, "group");
	take_text(&settings->options->log, tree, "log");
	take_text(&settings->access_log, tree, "access-log");
	if (cfg_size(tree, "log-level") &&
	    !ln_log_level_parse(cfg_getstr(tree, "log-level"), &level))
		ln_log_level(level);
	if (cfg_size(tree, "limits"))
		read_limits(settings, cfg_getnsec(tree, "limits", 0));
}

static struct setup_listen *add_listen(struct setup *s, const struct setup_settings *settings)
{
	struct setup_listen *l = &s->listen[s->n_listens];

	l->tag = tags[s->n_listens++];
	l->service = (struct http_service){
		.limits = settings->limits,
		.server = "linnet-httpd",
		.request = router_request,
		.error_page = router_error_page,
		.log = router_log,
		.data = s,
	};
	return l;
}

static int make_tls(struct setup_listen *l, const struct ln_tls_certificate *certificates, int n)
{
	static const char *const only_http1[] = { "http/1.1", NULL };

	l->tls = ln_tls_server(certificates, n,
			       l->service.limits.streams ? http_alpn : only_http1);
	return l->tls ? 0 : -EINVAL;
}

static int read_certificates(struct setup_listen *l, cfg_t *section)
{
	int n = cfg_size(section, "certificate"), err;
	struct ln_tls_certificate *list;

	if (!n)
		return 0;
	list = calloc(n, sizeof(*list));
	if (!list)
		return -ENOMEM;
	for (int i = 0; i < n; i++) {
		cfg_t *certificate = cfg_getnsec(section, "certificate", i);

		list[i].certificate = cfg_getstr(certificate, "file");
		list[i].key = cfg_getstr(certificate, "key");
	}
	err = make_tls(l, list, n);
	free(list);
	return err;
}

static unsigned int transports(const char *name)
{
	return !strcmp(name, "linnet") ? LN_TRANSPORT_LINNET :
	       !strcmp(name, "tcp")    ? LN_TRANSPORT_TCP :
					 LN_TRANSPORT_LINNET | LN_TRANSPORT_TCP;
}

static uint16_t port_of(const union ln_addr *addr)
{
	return ntohs(addr->sa.sa_family == AF_INET ? addr->in.sin_port : addr->in6.sin6_port);
}

static int read_listen(struct setup *s, cfg_t *section, const struct setup_settings *settings,
		       struct ln_wanted *wanted)
{
	struct setup_listen *l;
	int first = wanted->n, err;

	if (s->n_listens == SETUP_MAX_LISTENS) {
		ln_config_error(section, "more than %d sections listen", SETUP_MAX_LISTENS);
		return -EINVAL;
	}
	l = add_listen(s, settings);
	if (!cfg_getbool(section, "http2"))
		l->service.limits.streams = 0;
	err = ln_want_text(wanted, l->tag, SOCK_STREAM, cfg_title(section),
			   transports(cfg_getstr(section, "transports")));
	if (!err)
		err = read_certificates(l, section);
	if (err) {
		ln_config_error(section, "listen '%s', which ends here, cannot be used",
				cfg_title(section));
		return err;
	}
	if (l->tls && !s->tls_port && wanted->n > first)
		s->tls_port = port_of(&wanted->want[first].addr);
	return 0;
}

/* What the command line says, for files that say nothing about it. */
static int default_listens(struct setup *s, const struct setup_settings *settings,
			   struct ln_wanted *wanted)
{
	const struct ln_tls_certificate certificate = { settings->certificate, settings->key };
	struct setup_listen *l = add_listen(s, settings);
	int err = ln_want(wanted, settings->options, l->tag, SOCK_STREAM, settings->options->port);

	if (err || !settings->certificate)
		return err;
	l = add_listen(s, settings);
	s->tls_port = settings->tls_port;
	err = make_tls(l, &certificate, 1);
	return err ? err :
		     ln_want(wanted, settings->options, l->tag, SOCK_STREAM, settings->tls_port);
}

static int read_listens(struct setup *s, const struct setup_settings *settings,
			struct ln_wanted *wanted)
{
	unsigned int n = cfg_size(s->tree, "listen");
	int err = 0;

	if (!n)
		return default_listens(s, settings, wanted);
	for (unsigned int i = 0; !err && i < n; i++)
		err = read_listen(s, cfg_getnsec(s->tree, "listen", i), settings, wanted);
	return err;
}

/**
 * setup_new() - make a configuration
 * @tree: the file; it belongs to the configuration then, or is freed
 * @settings: its settings and those of the command line
 * @wanted: where to say what to listen on
 *
 * Return: the configuration, or NULL after error lines.
 */
struct setup *setup_new(cfg_t *tree, const struct setup_settings *settings,
			struct ln_wanted *wanted)
{
	struct setup *s = calloc(1, sizeof(*s));

	if (!s) {
		cfg_free(tree);
		return NULL;
	}
	s->tree = tree;
	if (read_listens(s, settings, wanted) || rules_read(&s->rules, tree) ||
	    hosts_read(&s->hosts, tree, &s->rules)) {
		setup_free(s);
		return NULL;
	}
	/* At last, so that a file is not made for a configuration that is not used. */
	s->access_log = ln_access_log_open(settings->access_log);
	if (!s->access_log && errno) {
		setup_free(s);
		return NULL;
	}
	return s;
}

/**
 * setup_free() - let a configuration go
 * @s: the configuration, or NULL
 */
void setup_free(struct setup *s)
{
	if (!s)
		return;
	for (unsigned int i = 0; i < s->n_listens; i++)
		if (s->listen[i].tls)
			ln_tls_put(s->listen[i].tls);
	hosts_clear(&s->hosts);
	rules_clear(&s->rules);
	ln_access_log_close(s->access_log);
	cfg_free(s->tree);
	free(s);
}
