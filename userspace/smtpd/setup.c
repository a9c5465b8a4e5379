// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From what a configuration file says to what is used.
 */
#include "setup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accounts.h"
#include "config.h"
#include "envelope.h"
#include "mailbox.h"
#include "relay.h"

#define DEFAULT_QUEUE	"/var/spool/linnet"
/* A password that was found good is so for a while without being computed again. */
#define CACHE_MS	60000

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
	cfg_t *limits = cfg_getsec(tree, "limits");
	enum ln_level level;

	take_int(&o->workers, tree, "workers");
	take_text(&o->user, tree, "user");
	take_text(&o->group, tree, "group");
	take_text(&o->log, tree, "log");
	take_text(&settings->queue, tree, "queue");
	take_text(&settings->message_log, tree, "message-log");
	if (cfg_size(tree, "log-level") &&
	    !ln_log_level_parse(cfg_getstr(tree, "log-level"), &level))
		ln_log_level(level);
	take_int(&o->max_connections, limits, "connections");
	take_int(&o->max_per_address, limits, "connections-per-address");
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

static int want(struct ln_wanted *w, cfg_t *tree, const char *option, const char *tag,
		unsigned int mask)
{
	for (unsigned int i = 0; i < cfg_size(tree, option); i++) {
		const char *text = cfg_getnstr(tree, option, i);
		int err = ln_want_text(w, tag, SOCK_STREAM, text, mask);

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
	int err;

	if (!mask)
		mask = s->options.transports;
	s->options.transports = mask;
	if (s->options.n_addresses)
		err = ln_want(w, &s->options, SETUP_SMTP, SOCK_STREAM, s->options.port);
	else
		err = want(w, s->tree, "smtp-listen", SETUP_SMTP, mask);
	s->smtp = w->n;
	if (!err)
		err = want(w, s->tree, "submission-listen", SETUP_SUBMISSION, mask);
	if (!err)
		err = want(w, s->tree, "smtps-listen", SETUP_SMTPS, mask);
	if (!err)
		err = want(w, s->tree, "metrics-listen", SETUP_METRICS, LN_TRANSPORT_TCP);
	s->submission = cfg_size(s->tree, "submission-listen");
	s->smtps = cfg_size(s->tree, "smtps-listen");
	s->metrics = cfg_size(s->tree, "metrics-listen");
	return err;
}

static uint16_t smtp_port(const struct ln_wanted *w)
{
	if (!w->n || strcmp(w->want[0].tag, SETUP_SMTP))
		return 0;
	return ntohs(w->want[0].addr.sa.sa_family == AF_INET6 ? w->want[0].addr.in6.sin6_port :
								 w->want[0].addr.in.sin_port);
}

static int read_tls(struct setup *s)
{
	unsigned int n = cfg_size(s->tree, "certificate");
	struct ln_tls_certificate *list;

	if (!n && s->smtps) {
		ln_config_error(s->tree, "smtps-listen needs a certificate: certificate { file = "
				"\"...\" key = \"...\" }");
		return -EINVAL;
	}
	if (!n)
		return 0;
	list = calloc(n, sizeof(*list));
	if (!list)
		return -ENOMEM;
	for (unsigned int i = 0; i < n; i++) {
		cfg_t *certificate = cfg_getnsec(s->tree, "certificate", i);

		list[i].certificate = cfg_getstr(certificate, "file");
		list[i].key = cfg_getstr(certificate, "key");
	}
	s->tls = ln_tls_server(list, n, NULL);
	free(list);
	return s->tls ? 0 : -EINVAL;
}

/* --- who is here --- */

static int read_hostname(struct setup *s)
{
	char name[HOST_NAME_MAX + 1] = "";

	if (cfg_size(s->tree, "hostname")) {
		s->hostname = strdup(cfg_getstr(s->tree, "hostname"));
		return s->hostname ? 0 : -ENOMEM;
	}
	gethostname(name, sizeof(name) - 1);
	if (!mail_domain_valid(name, strlen(name), false)) {
		ln_config_error(s->tree, "hostname is missing, and the machine's name '%s' is no "
				"domain name", name);
		return -EINVAL;
	}
	s->hostname = strdup(name);
	return s->hostname ? 0 : -ENOMEM;
}

/* The texts are the file's. */
static int read_list(const char *const **list, unsigned int *n, cfg_t *tree, const char *option)
{
	const char **texts = calloc(cfg_size(tree, option) + 1, sizeof(*texts));

	if (!texts)
		return -ENOMEM;
	*n = cfg_size(tree, option);
	for (unsigned int i = 0; i < *n; i++)
		texts[i] = cfg_getnstr(tree, option, i);
	*list = texts;
	return 0;
}

static int read_networks(struct setup *s)
{
	unsigned int n = cfg_size(s->tree, "relay-networks");

	s->relay_networks = calloc(n + 1, sizeof(*s->relay_networks));
	if (!s->relay_networks)
		return -ENOMEM;
	for (unsigned int i = 0; i < n; i++)
		network_parse(&s->relay_networks[i], cfg_getnstr(s->tree, "relay-networks", i));
	s->n_relay_networks = n;
	return 0;
}

static bool has_user(void *data, const char *name)
{
	const struct setup *s = data;

	return s->accounts && accounts_find(s->accounts, name);
}

static int read_accounts(struct setup *s)
{
	struct accounts_settings settings = { .third = USERS_HOME, .cache_ms = CACHE_MS };

	if (cfg_size(s->tree, "users"))
		settings.file = cfg_getstr(s->tree, "users");
	if (cfg_size(s->tree, "pam"))
		settings.pam = cfg_getstr(s->tree, "pam");
	if (!settings.file && settings.pam) {
		ln_config_error(s->tree, "pam needs users: a file of those who get mail here");
		return -EINVAL;
	}
	if ((s->submission || s->smtps) && !settings.file) {
		ln_config_error(s->tree, "submission-listen and smtps-listen need users");
		return -EINVAL;
	}
	if (!settings.file)
		return 0;
	s->accounts = accounts_open(&settings);
	return s->accounts ? 0 : -EINVAL;
}

static int read_rules(struct setup *s)
{
	struct recipient_rules *r = &s->rules;
	int err = read_list(&r->domains, &r->n_domains, s->tree, "domains");

	if (!err)
		err = read_list(&r->relay_domains, &r->n_relay_domains, s->tree, "relay-domains");
	if (!err)
		err = read_list(&s->etrn, &s->n_etrn, s->tree, cfg_size(s->tree, "etrn-domains") ?
				"etrn-domains" : "relay-domains");
	if (err)
		return err;
	if (cfg_size(s->tree, "aliases")) {
		s->aliases = aliases_read(cfg_getstr(s->tree, "aliases"));
		if (!s->aliases)
			return -EINVAL;
	}
	r->hostname = s->hostname;
	r->aliases = s->aliases;
	r->postmaster = cfg_getstr(s->tree, "postmaster");
	r->delimiter = *cfg_getstr(s->tree, "recipient-delimiter");
	r->has_user = has_user;
	r->data = s;
	return 0;
}

static void check_postmaster(const struct setup *s)
{
	static const char path[] = "TO:<postmaster>";
	const struct command_offer offer = { 0 };
	struct recipients to = { 0 };
	struct rcpt_command c;
	struct refusal r;

	if (command_rcpt(&c, path, strlen(path), &offer, &r) ||
	    recipients_add(&to, &s->rules, &c, false, "", 1000, &r))
		ln_warning("mail for postmaster, which every server has to take (RFC 5321, 4.5.1), "
			   "goes nowhere: name somebody in aliases or by the option postmaster");
	recipients_clear(&to);
}

/* --- folders and limits --- */

static char *absolute(const char *path)
{
	char here[PATH_MAX], *text;

	if (*path == '/')
		return strdup(path);
	if (!getcwd(here, sizeof(here)))
		return NULL;
	return asprintf(&text, "%s/%s", here, path) < 0 ? NULL : text;
}

static int read_folders(struct setup *s, const char *queue)
{
	const char *root = cfg_getstr(s->tree, "mail-root");

	s->queue = absolute(queue ? queue : DEFAULT_QUEUE);
	s->mail_root = absolute(root);
	if (!s->queue || !s->mail_root)
		return -ENOMEM;
	s->mail_root_fd = open(s->mail_root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->mail_root_fd >= 0)
		return 0;
	ln_config_error(s->tree, "mail-root: the folder '%s': %s", root, strerror(errno));
	return -EINVAL;
}

static void read_limits(struct setup *s)
{
	struct setup_limits *l = &s->limits;
	cfg_t *c = cfg_getsec(s->tree, "limits");

	l->message = ln_config_size(c, "message-size");
	l->recipients = cfg_getint(c, "recipients");
	l->received = cfg_getint(c, "received");
	l->errors = cfg_getint(c, "errors");
	l->tarpit_errors = cfg_getint(c, "tarpit-errors");
	l->tarpit_ms = ln_config_time(c, "tarpit");
	l->auth_failures = cfg_getint(c, "auth-failures");
	l->message_rate = cfg_getint(c, "message-rate");
	l->message_burst = cfg_getint(c, "message-burst");
	l->min_free = ln_config_size(c, "min-free");
	l->min_rate = cfg_getint(c, "min-rate");
	l->command_ms = ln_config_time(c, "command-time");
	l->data_ms = ln_config_time(c, "data-time");
	s->auth_on_smtp = cfg_getbool(s->tree, "auth-on-smtp");
	s->auth_without_tls = cfg_getbool(s->tree, "auth-without-tls");
}

/* --- what the queue manager asks of us --- */

static int relay_deliver(void *data, const struct relay_delivery *d)
{
	return mailbox_deliver(data, d);
}

static int add_to_envelope(struct envelope *e, const struct recipients *to)
{
	for (unsigned int i = 0; i < to->n; i++) {
		struct envelope_recipient *r = envelope_add(e, to->list[i].address);

		if (!r)
			return -1;
		r->user = to->list[i].user ? strdup(to->list[i].user) : NULL;
		r->original = to->list[i].original ? strdup(to->list[i].original) : NULL;
	}
	return 0;
}

static int relay_expand(void *data, const char *address, struct envelope *e)
{
	const struct setup *s = data;
	struct recipients to = { 0 };
	struct rcpt_command c = { 0 };
	struct refusal r;
	int err = -1;

	if (mail_address_parse(&c.to, address, strlen(address), MAIL_ALLOW_UTF8) ==
	    MAIL_ADDRESS_GOOD &&
	    !recipients_add(&to, &s->rules, &c, true, "", ENVELOPE_RECIPIENTS_MAX, &r))
		err = add_to_envelope(e, &to);
	recipients_clear(&to);
	return err;
}

static int read_relay(struct setup *s, uint16_t port)
{
	const struct relay_common common = {
		.hostname = s->hostname, .queue = s->queue, .mail_root = s->mail_root,
		.domains = s->rules.domains, .n_domains = s->rules.n_domains,
		.postmaster = s->rules.postmaster, .smtp_port = port,
		.message_max = s->limits.message, .deliver = relay_deliver,
		.expand = relay_expand, .data = s,
	};

	s->relay = relay_setup_read(cfg_getsec(s->tree, "relay"), &common);
	return s->relay ? 0 : -EINVAL;
}

/* --- all of it --- */

static int read_all(struct setup *s, const struct setup_settings *settings,
		    struct ln_wanted *wanted)
{
	int err = read_hostname(s);

	if (!err)
		err = read_listens(s, wanted);
	if (!err)
		err = read_tls(s);
	if (!err)
		err = read_networks(s);
	if (!err)
		err = read_accounts(s);
	if (!err)
		err = read_rules(s);
	if (!err)
		err = read_folders(s, settings->queue);
	if (err)
		return err;
	read_limits(s);
	err = read_relay(s, smtp_port(wanted));
	if (err)
		return err;
	check_postmaster(s);
	/* At last, so that a file is not made for a configuration that is not used. */
	s->message_log = ln_access_log_open(settings->message_log);
	return !s->message_log && errno ? -errno : 0;
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
	s->mail_root_fd = s->submit_fd = -1;
	s->options = *settings->options;
	if (!read_all(s, settings, wanted))
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
	relay_setup_free(s->relay);
	ln_access_log_close(s->message_log);
	aliases_free(s->aliases);
	accounts_free(s->accounts);
	free((void *)s->rules.domains);
	free((void *)s->rules.relay_domains);
	free((void *)s->etrn);
	free(s->relay_networks);
	if (s->mail_root_fd >= 0)
		close(s->mail_root_fd);
	if (s->tls)
		ln_tls_put(s->tls);
	free(s->hostname);
	free(s->mail_root);
	free(s->queue);
	cfg_free(s->tree);
	free(s);
}
