// SPDX-License-Identifier: GPL-2.0-or-later
/* From what the section relay { } says to what is used. */
#include "setup.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "names.h"
#include "tls.h"

/* The text was checked: a whole number and a unit. */
static int64_t time_of(const char *text)
{
	char *unit;
	int64_t n = strtoll(text, &unit, 10);

	if (!strcmp(unit, "ms") || !*unit)
		return n;
	return n * (*unit == 's' ? 1000LL :
		    *unit == 'm' ? 60000LL :
		    *unit == 'h' ? 3600000LL :
				   86400000LL);
}

static char *copy(cfg_t *cfg, const char *name)
{
	return cfg_size(cfg, name) ? strdup(cfg_getstr(cfg, name)) : NULL;
}

static void read_route(struct relay_setup *s, cfg_t *section, cfg_t *cfg)
{
	struct relay_route *r = &s->route[s->n_routes++];
	cfg_t *transport = cfg && cfg_size(cfg, "transport") ? cfg : section;
	cfg_t *tls = cfg && cfg_size(cfg, "tls") ? cfg : section;

	r->domain = strdup(cfg && cfg_title(cfg) ? cfg_title(cfg) : "*");
	r->transport = names_transport(cfg_getstr(transport, "transport"));
	r->tls = names_tls(cfg_getstr(tls, "tls"));
	if (!cfg)
		return;
	r->host = copy(cfg, "host");
	r->user = copy(cfg, "user");
	r->password = copy(cfg, "password");
	r->port = cfg_size(cfg, "port") ? cfg_getint(cfg, "port") : 0;
}

/* "*" only when nothing else fits, and before it the smarthost. */
static int read_routes(struct relay_setup *s, cfg_t *section)
{
	unsigned int n = cfg_size(section, "route");

	s->route = calloc(n + cfg_size(section, "smarthost") + 1, sizeof(*s->route));
	if (!s->route)
		return -1;
	for (int pass = 0; pass < 2; pass++) {
		for (unsigned int i = 0; i < n; i++) {
			cfg_t *cfg = cfg_getnsec(section, "route", i);

			if (pass == !strcmp(cfg_title(cfg), "*"))
				read_route(s, section, cfg);
		}
	}
	if (cfg_size(section, "smarthost") > 1) {
		ln_config_error(section, "there is more than one smarthost");
		return -1;
	}
	if (cfg_size(section, "smarthost"))
		read_route(s, section, cfg_getnsec(section, "smarthost", 0));
	read_route(s, section, NULL);
	for (unsigned int i = 0; i < s->n_routes; i++) {
		const struct relay_route *r = &s->route[i];

		if (!r->user || r->tls >= RELAY_TLS_ENCRYPT || !r->host)
			continue;
		ln_config_error(section,
				"the password for '%s' would go over the wire in the clear: tls "
				"must be encrypt, verify or implicit there",
				r->host);
		return -1;
	}
	return 0;
}

static int read_tls(struct relay_setup *s, cfg_t *section)
{
	bool verify = false, any = false;

	for (unsigned int i = 0; i < s->n_routes; i++) {
		verify |= s->route[i].tls >= RELAY_TLS_VERIFY;
		any |= s->route[i].tls == RELAY_TLS_MAY || s->route[i].tls == RELAY_TLS_ENCRYPT;
	}
	if (any) {
		s->tls = ln_tls_client(NULL, NULL, false);
		if (!s->tls)
			return -1;
	}
	if (verify) {
		s->tls_verify = ln_tls_client(
			cfg_size(section, "ca-file") ? cfg_getstr(section, "ca-file") : NULL, NULL,
			true);
		if (!s->tls_verify)
			return -1;
	}
	return 0;
}

static void read_times(struct relay_setup *s, cfg_t *c)
{
	s->n_retries = cfg_size(c, "retry");
	for (unsigned int i = 0; i < s->n_retries; i++)
		s->retry[i] = time_of(cfg_getnstr(c, "retry", i));
	if (!s->n_retries) {
		s->n_retries = 1;
		s->retry[0] = 300000;
	}
	s->expire = time_of(cfg_getstr(c, "expire"));
	s->delay_notice = time_of(cfg_getstr(c, "delay-notice"));
	s->rescan = time_of(cfg_getstr(c, "rescan"));
	s->connect_time = time_of(cfg_getstr(c, "connect-time"));
	s->linnet_connect_time = time_of(cfg_getstr(c, "linnet-connect-time"));
	s->greeting_time = time_of(cfg_getstr(c, "greeting-time"));
	s->command_time = time_of(cfg_getstr(c, "command-time"));
	s->data_time = time_of(cfg_getstr(c, "data-time"));
	s->data_end_time = time_of(cfg_getstr(c, "data-end-time"));
	s->idle_time = time_of(cfg_getstr(c, "idle-time"));
	s->session_time = time_of(cfg_getstr(c, "session-time"));
	s->drain_time = time_of(cfg_getstr(c, "drain-time"));
}

static int read_section(struct relay_setup *s, cfg_t *c)
{
	s->port = cfg_getint(c, "port");
	s->connections = cfg_getint(c, "connections");
	s->per_destination = cfg_getint(c, "connections-per-destination");
	s->local = cfg_getint(c, "local-deliveries");
	s->recipients = cfg_getint(c, "recipients-per-message");
	s->messages = cfg_getint(c, "messages-per-connection");
	s->bounce_size = ln_config_size(c, "bounce-size");
	for (unsigned int i = 0; i < cfg_size(c, "resolver") && i < SETUP_RESOLVERS_MAX; i++)
		if (!ln_addr_parse(cfg_getnstr(c, "resolver", i), 53, &s->resolver[s->n_resolvers]))
			s->n_resolvers++;
	read_times(s, c);
	if (read_routes(s, c) || read_tls(s, c))
		return -1;
	return 0;
}

static int copy_common(struct relay_setup *s, const struct relay_common *c)
{
	s->hostname = strdup(c->hostname);
	s->queue = strdup(c->queue);
	s->mail_root = c->mail_root ? strdup(c->mail_root) : NULL;
	s->postmaster = strdup(c->postmaster ? c->postmaster : "postmaster");
	s->domains = calloc(c->n_domains + 1, sizeof(*s->domains));
	s->smtp_port = c->smtp_port;
	s->message_max = c->message_max;
	s->deliver = c->deliver;
	s->expand = c->expand;
	s->data = c->data;
	if (!s->hostname || !s->queue || !s->postmaster || !s->domains)
		return -1;
	for (unsigned int i = 0; i < c->n_domains; i++)
		s->domains[s->n_domains++] = strdup(c->domains[i]);
	return 0;
}

/**
 * relay_setup_read() - what the queue manager is to do
 * @section: relay { } of a configuration, or NULL: all defaults
 * @common: of the server
 *
 * Return: what relay_main() takes, or NULL after an error line.
 */
struct relay_setup *relay_setup_read(cfg_t *section, const struct relay_common *common)
{
	struct relay_setup *s = calloc(1, sizeof(*s));
	cfg_t *own = section ? NULL : cfg_init(relay_options, CFGF_NONE);
	int err = -1;

	if (s && (section || own) && !copy_common(s, common))
		err = read_section(s, section ? section : own);
	else
		ln_error("out of memory");
	if (own)
		cfg_free(own);
	if (!err)
		return s;
	relay_setup_free(s);
	return NULL;
}

/**
 * relay_setup_free() - let it go
 * @s: of relay_setup_read(), or NULL
 */
void relay_setup_free(struct relay_setup *s)
{
	if (!s)
		return;
	for (unsigned int i = 0; i < s->n_routes; i++) {
		free(s->route[i].domain);
		free(s->route[i].host);
		free(s->route[i].user);
		free(s->route[i].password);
	}
	free(s->route);
	for (unsigned int i = 0; i < s->n_domains; i++)
		free(s->domains[i]);
	free(s->domains);
	if (s->tls)
		ln_tls_put(s->tls);
	if (s->tls_verify)
		ln_tls_put(s->tls_verify);
	free(s->hostname);
	free(s->queue);
	free(s->mail_root);
	free(s->postmaster);
	free(s);
}

/**
 * setup_route() - how mail for a domain goes on
 * @s: the setup
 * @domain: the domain, or an address literal
 */
const struct relay_route *setup_route(const struct relay_setup *s, const char *domain)
{
	for (unsigned int i = 0; i + 1 < s->n_routes; i++)
		if (names_match(s->route[i].domain, domain))
			return &s->route[i];
	return &s->route[s->n_routes - 1];
}
