// SPDX-License-Identifier: GPL-2.0-or-later
#include "setup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "grammar.h"

static const char *get_text(cfg_t *cfg, const char *name)
{
	return cfg_size(cfg, name) ? cfg_getstr(cfg, name) : NULL;
}

static void take_text(const char **value, cfg_t *cfg, const char *name)
{
	if (get_text(cfg, name))
		*value = get_text(cfg, name);
}

static void read_limits(struct setup *s, cfg_t *cfg)
{
	struct setup_limits *l = &s->limits;

	s->options.max_connections = cfg_getint(cfg, "connections");
	s->options.max_per_address = cfg_getint(cfg, "connections-per-address");
	s->options.drain_ms = ln_config_time(cfg, "drain-time");
	l->errors = cfg_getint(cfg, "errors");
	l->auth_failures = cfg_getint(cfg, "auth-failures");
	l->failure_delay_ms = ln_config_time(cfg, "failure-delay");
	l->login_ms = ln_config_time(cfg, "login-time");
	l->idle_ms = ln_config_time(cfg, "idle-time");
	s->options.idle_ms = l->idle_ms > l->login_ms ? l->idle_ms : l->login_ms;
}

static void read_general(struct setup *s)
{
	enum ln_level level;

	if (cfg_size(s->tree, "workers"))
		s->options.workers = cfg_getint(s->tree, "workers");
	take_text(&s->options.user, s->tree, "user");
	take_text(&s->options.group, s->tree, "group");
	take_text(&s->options.log, s->tree, "log");
	if (get_text(s->tree, "log-level") &&
	    !ln_log_level_parse(get_text(s->tree, "log-level"), &level))
		ln_log_level(level);
	s->hostname = get_text(s->tree, "hostname");
	if (!s->hostname) {
		if (gethostname(s->own_name, sizeof(s->own_name) - 1) || !*s->own_name)
			strcpy(s->own_name, "localhost");
		s->hostname = s->own_name;
	}
	s->mail_root = get_text(s->tree, "mail-root");
	s->auth_without_tls = cfg_getbool(s->tree, "auth-without-tls");
	read_limits(s, cfg_getsec(s->tree, "limits"));
}

static int read_tls(struct setup *s)
{
	unsigned int n = cfg_size(s->tree, "certificate");
	struct ln_tls_certificate *list;

	if (!n)
		return 0;
	list = calloc(n, sizeof(*list));
	if (!list)
		return -1;
	for (unsigned int i = 0; i < n; i++) {
		cfg_t *c = cfg_getnsec(s->tree, "certificate", i);

		list[i].certificate = cfg_getstr(c, "file");
		list[i].key = cfg_getstr(c, "key");
	}
	s->tls = ln_tls_server(list, n, NULL);
	free(list);
	return s->tls ? 0 : -1;
}

static int read_accounts(struct setup *s)
{
	const struct accounts_settings settings = {
		.file = get_text(s->tree, "users"),
		.pam = get_text(s->tree, "pam"),
		.cache_ms = ln_config_time(cfg_getsec(s->tree, "limits"), "password-cache"),
	};

	if (!settings.file && !settings.pam) {
		ln_config_error(s->tree, "nobody could log in: users or pam is missing");
		return -1;
	}
	s->accounts = accounts_open(&settings);
	return s->accounts ? 0 : -1;
}

static unsigned int transports(const char *name)
{
	return !strcmp(name, "linnet") ? LN_TRANSPORT_LINNET :
	       !strcmp(name, "tcp")    ? LN_TRANSPORT_TCP :
					 LN_TRANSPORT_LINNET | LN_TRANSPORT_TCP;
}

static int read_list(struct setup *s, struct ln_wanted *wanted, const char *name, const char *tag,
		     unsigned int on)
{
	int r = 0;

	for (unsigned int i = 0; i < cfg_size(s->tree, name) && !r; i++)
		r = ln_want_text(wanted, tag, SOCK_STREAM, cfg_getnstr(s->tree, name, i), on);
	return r;
}

static int read_listens(struct setup *s, struct ln_wanted *wanted)
{
	unsigned int on = transports(cfg_getstr(s->tree, "transports"));

	s->pop3s = cfg_size(s->tree, "pop3s-listen");
	s->metrics = cfg_size(s->tree, "metrics-listen");
	if (s->pop3s && !s->tls) {
		ln_config_error(s->tree, "pop3s-listen needs a certificate");
		return -1;
	}
	if (!cfg_size(s->tree, "pop3-listen") && !s->pop3s) {
		s->options.transports &= on;
		if (ln_want(wanted, &s->options, SETUP_POP3, SOCK_STREAM, s->options.port))
			return -1;
	}
	if (read_list(s, wanted, "pop3-listen", SETUP_POP3, on) ||
	    read_list(s, wanted, "pop3s-listen", SETUP_POP3S, on))
		return -1;
	return read_list(s, wanted, "metrics-listen", SETUP_METRICS, LN_TRANSPORT_TCP);
}

/**
 * setup_new() - make a configuration
 * @file: its path
 * @options: those of all servers, over which the file goes
 * @wanted: where to say what to listen on
 *
 * Return: the configuration, or NULL after error lines.
 */
struct setup *setup_new(const char *file, struct ln_options *options, struct ln_wanted *wanted)
{
	struct setup *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->mail_root_fd = -1;
	s->options = *options;
	s->tree = grammar_read(file);
	if (!s->tree) {
		free(s);
		return NULL;
	}
	read_general(s);
	if (read_tls(s) || read_accounts(s) || read_listens(s, wanted))
		goto fail;
	errno = 0;
	s->session_log = ln_access_log_open(cfg_getstr(s->tree, "session-log"));
	if (!s->session_log && errno)
		goto fail;
	if (access(s->mail_root, X_OK)) {
		ln_error("the mail root '%s': %s", s->mail_root, strerror(errno));
		goto fail;
	}
	*options = s->options;
	return s;
fail:
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
	accounts_free(s->accounts);
	if (s->tls)
		ln_tls_put(s->tls);
	ln_access_log_close(s->session_log);
	if (s->mail_root_fd >= 0)
		close(s->mail_root_fd);
	cfg_free(s->tree);
	free(s);
}

/**
 * setup_open() - open what a worker needs
 * @s: the configuration
 *
 * Return: 0, or a negative errno after an error line.
 */
int setup_open(struct setup *s)
{
	s->mail_root_fd = open(s->mail_root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->mail_root_fd >= 0)
		return 0;
	ln_error("%s: %s", s->mail_root, strerror(errno));
	return -errno;
}
