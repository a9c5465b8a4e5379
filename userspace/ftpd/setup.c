// SPDX-License-Identifier: GPL-2.0-or-later
#include "setup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "accounts.h"
#include "config.h"
#include "grammar.h"

/* A password that was right is so for this time, unasked. */
#define CACHE_MS	60000

/* A listener's sockets outlive a configuration, so that their tags must. */
static const char *const tags[SETUP_MAX_LISTENS] = {
	"ftp0", "ftp1", "ftp2", "ftp3", "ftp4", "ftp5", "ftp6", "ftp7",
	"ftp8", "ftp9", "ftp10", "ftp11", "ftp12", "ftp13", "ftp14", "ftp15",
};

static void take_text(const char **value, cfg_t *cfg, const char *name)
{
	if (cfg_size(cfg, name) && cfg_getstr(cfg, name))
		*value = cfg_getstr(cfg, name);
}

static enum setup_tls policy(const char *text)
{
	return !strcmp(text, "off") ? SETUP_TLS_OFF :
	       !strcmp(text, "required") ? SETUP_TLS_REQUIRED : SETUP_TLS_ALLOWED;
}

static void read_limits(struct setup *s, cfg_t *cfg)
{
	struct setup_limits *l = &s->limits;

	s->options.max_connections = cfg_getint(cfg, "connections");
	s->options.max_per_address = cfg_getint(cfg, "connections-per-address");
	s->options.drain_ms = ln_config_time(cfg, "drain-time");
	l->failures = cfg_getint(cfg, "login-failures");
	l->failure_delay_ms = ln_config_time(cfg, "login-failure-delay");
	l->login_ms = ln_config_time(cfg, "login-time");
	l->idle_ms = ln_config_time(cfg, "idle-time");
	l->data_ms = ln_config_time(cfg, "data-time");
	l->connect_ms = ln_config_time(cfg, "connect-time");
	l->partial_ms = ln_config_time(cfg, "partial-time");
	l->download_rate = ln_config_size(cfg, "download-rate");
	l->upload_rate = ln_config_size(cfg, "upload-rate");
	s->options.idle_ms = l->idle_ms;
}

static int read_host(struct setup *s, cfg_t *cfg, const char *name)
{
	struct setup_host *h;
	struct accounts_settings settings = { .cache_ms = CACHE_MS };

	if (s->n_hosts == SETUP_MAX_HOSTS) {
		ln_config_error(cfg, "more than %d hosts", SETUP_MAX_HOSTS);
		return -1;
	}
	h = &s->host[s->n_hosts++];
	*h = (struct setup_host){ .name = name, .root_fd = -1, .anonymous_fd = -1 };
	take_text(&h->banner, cfg, "banner");
	take_text(&h->root, cfg, "root");
	take_text(&settings.file, cfg, "users");
	take_text(&settings.pam, cfg, "pam");
	take_text(&h->anonymous, cfg, "anonymous");
	if (!settings.file && !settings.pam)
		return 0;
	if (!h->root) {
		ln_config_error(cfg, "users have their homes in a root: it is missing");
		return -1;
	}
	h->accounts = accounts_open(&settings);
	return h->accounts ? 0 : -1;
}

static int read_hosts(struct setup *s)
{
	unsigned int n = cfg_size(s->tree, "host");

	if (read_host(s, s->tree, "*"))
		return -1;
	for (unsigned int i = 0; i < n; i++) {
		cfg_t *host = cfg_getnsec(s->tree, "host", i);

		if (read_host(s, host, cfg_title(host)))
			return -1;
	}
	for (unsigned int i = 0; i < s->n_hosts; i++)
		if (s->host[i].accounts || s->host[i].anonymous)
			return 0;
	ln_config_error(s->tree, "nobody could log in: users or pam with root, or anonymous, is missing");
	return -1;
}

static int read_tls(struct setup *s, cfg_t *cfg)
{
	unsigned int n = cfg_size(cfg, "certificate");
	struct ln_tls_certificate *list = calloc(n ? n : 1, sizeof(*list));

	if (!list)
		return -1;
	for (unsigned int i = 0; i < n; i++) {
		cfg_t *c = cfg_getnsec(cfg, "certificate", i);

		list[i].certificate = cfg_getstr(c, "file");
		list[i].key = cfg_getstr(c, "key");
	}
	if (n)
		s->tls = ln_tls_server(list, n, NULL);
	free(list);
	if (n && (!s->tls || ln_tls_bind_sessions(s->tls)))
		return -1;
	s->control_tls = policy(cfg_getstr(cfg, "control"));
	s->data_tls = policy(cfg_getstr(cfg, "data"));
	s->reuse = cfg_getbool(cfg, "session-reuse");
	if (!n && (s->control_tls == SETUP_TLS_REQUIRED || s->data_tls == SETUP_TLS_REQUIRED)) {
		ln_config_error(cfg, "TLS is required, and there is no certificate");
		return -1;
	}
	return 0;
}

/* Those that the system gives to connections (ip(7), ip_local_port_range). */
static void local_ports(uint16_t *first, uint16_t *last)
{
	FILE *f = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
	unsigned int a, b;

	*first = 32768;
	*last = 60999;
	if (!f)
		return;
	if (fscanf(f, "%u %u", &a, &b) == 2 && a && a <= b && b <= UINT16_MAX) {
		*first = a;
		*last = b;
	}
	fclose(f);
}

static int read_data(struct setup *s)
{
	cfg_t *passive = cfg_getsec(s->tree, "passive"), *active = cfg_getsec(s->tree, "active");

	s->passive_first = cfg_getint(passive, "first-port");
	s->passive_last = cfg_getint(passive, "last-port");
	if (!s->passive_first != !s->passive_last || s->passive_first > s->passive_last) {
		ln_config_error(passive, "first-port and last-port: allowed are two with the first "
				"not above the last, or none");
		return -1;
	}
	if (!s->passive_first)
		local_ports(&s->passive_first, &s->passive_last);
	if (cfg_size(passive, "address") && cfg_getstr(passive, "address"))
		ln_addr_parse(cfg_getstr(passive, "address"), 0, &s->masquerade);
	s->active = cfg_getbool(active, "allowed");
	s->active_port = cfg_getint(active, "port");
	return 0;
}

static int read_deny(struct setup *s)
{
	unsigned int n = cfg_size(s->tree, "deny");

	if (n > SETUP_MAX_PATTERNS) {
		ln_config_error(s->tree, "deny: more than %d patterns", SETUP_MAX_PATTERNS);
		return -1;
	}
	for (unsigned int i = 0; i < n; i++)
		s->deny[i] = cfg_getnstr(s->tree, "deny", i);
	s->n_deny = n;
	return 0;
}

static struct setup_listen *add_listen(struct setup *s, cfg_t *where)
{
	struct setup_listen *l;

	if (s->n_listens == SETUP_MAX_LISTENS) {
		ln_config_error(where, "more than %d sections listen", SETUP_MAX_LISTENS);
		return NULL;
	}
	l = &s->listen[s->n_listens];
	*l = (struct setup_listen){ .tag = tags[s->n_listens++], .setup = s };
	return l;
}

static unsigned int transports(const char *name)
{
	return !strcmp(name, "linnet") ? LN_TRANSPORT_LINNET :
	       !strcmp(name, "tcp")    ? LN_TRANSPORT_TCP :
					 LN_TRANSPORT_LINNET | LN_TRANSPORT_TCP;
}

static int read_listens(struct setup *s, struct ln_wanted *wanted)
{
	unsigned int n = cfg_size(s->tree, "listen");
	struct setup_listen *l;

	if (!n) {
		l = add_listen(s, s->tree);
		return ln_want(wanted, &s->options, l->tag, SOCK_STREAM, s->options.port);
	}
	for (unsigned int i = 0; i < n; i++) {
		cfg_t *cfg = cfg_getnsec(s->tree, "listen", i);

		l = add_listen(s, cfg);
		if (!l)
			return -1;
		l->implicit = cfg_getbool(cfg, "implicit-tls");
		if (l->implicit && !s->tls) {
			ln_config_error(cfg, "implicit-tls needs a certificate in section tls");
			return -1;
		}
		if (ln_want_text(wanted, l->tag, SOCK_STREAM, cfg_title(cfg),
				 transports(cfg_getstr(cfg, "transports"))))
			return -1;
	}
	return 0;
}

static int read_metrics(struct setup *s, struct ln_wanted *wanted)
{
	s->metrics = cfg_size(s->tree, "metrics-listen") && cfg_getstr(s->tree, "metrics-listen");
	return s->metrics ? ln_want_text(wanted, "metrics", SOCK_STREAM,
					 cfg_getstr(s->tree, "metrics-listen"),
					 LN_TRANSPORT_TCP) : 0;
}

static void read_general(struct setup *s)
{
	enum ln_level level;

	if (cfg_size(s->tree, "workers"))
		s->options.workers = cfg_getint(s->tree, "workers");
	take_text(&s->options.user, s->tree, "user");
	take_text(&s->options.group, s->tree, "group");
	take_text(&s->options.log, s->tree, "log");
	if (cfg_size(s->tree, "log-level") && cfg_getstr(s->tree, "log-level") &&
	    !ln_log_level_parse(cfg_getstr(s->tree, "log-level"), &level))
		ln_log_level(level);
	s->writable = cfg_getbool(s->tree, "writable");
	s->sync = cfg_getbool(s->tree, "sync");
	s->umask = strtoul(cfg_getstr(s->tree, "umask"), NULL, 8) & 0777;
	read_limits(s, cfg_getsec(s->tree, "limits"));
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
	s->port_request = s->port_serve = -1;
	s->options = *options;
	s->tree = grammar_read(file);
	if (!s->tree) {
		free(s);
		return NULL;
	}
	read_general(s);
	if (read_tls(s, cfg_getsec(s->tree, "tls")) || read_data(s) || read_deny(s) ||
	    read_hosts(s) || read_listens(s, wanted) || read_metrics(s, wanted)) {
		setup_free(s);
		return NULL;
	}
	s->transfer_log = ln_access_log_open(cfg_getstr(s->tree, "transfer-log"));
	if (!s->transfer_log && errno) {
		setup_free(s);
		return NULL;
	}
	*options = s->options;
	return s;
}

void setup_free(struct setup *s)
{
	if (!s)
		return;
	for (unsigned int i = 0; i < s->n_hosts; i++)
		accounts_free(s->host[i].accounts);
	if (s->tls)
		ln_tls_put(s->tls);
	if (s->port_request >= 0) {
		/* The process that made sockets sees that nobody asks any more. */
		close(s->port_request);
		close(s->port_serve);
	}
	ln_access_log_close(s->transfer_log);
	cfg_free(s->tree);
	free(s);
}

/**
 * setup_host() - the virtual host of a name
 * @s: the configuration
 * @name: as a client said it
 *
 * Return: the host, or NULL.
 */
const struct setup_host *setup_host(const struct setup *s, const char *name)
{
	for (unsigned int i = 1; i < s->n_hosts; i++)
		if (!strcasecmp(s->host[i].name, name))
			return &s->host[i];
	return NULL;
}

static int open_folder(const char *path, int *fd)
{
	if (!path)
		return 0;
	*fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*fd >= 0)
		return 0;
	ln_error("%s: %s", path, strerror(errno));
	return -errno;
}

int setup_open(struct setup *s)
{
	int err = 0;

	for (unsigned int i = 0; i < s->n_hosts && !err; i++) {
		err = open_folder(s->host[i].root, &s->host[i].root_fd);
		if (!err)
			err = open_folder(s->host[i].anonymous, &s->host[i].anonymous_fd);
	}
	return err;
}

void setup_close(struct setup *s)
{
	for (unsigned int i = 0; i < s->n_hosts; i++) {
		if (s->host[i].root_fd >= 0)
			close(s->host[i].root_fd);
		if (s->host[i].anonymous_fd >= 0)
			close(s->host[i].anonymous_fd);
	}
}
