// SPDX-License-Identifier: GPL-2.0-or-later
/* What the sections of all gateways have in common. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "codec/environment.h"
#include "config.h"
#include "gateway.h"
#include "log.h"

/**
 * gateway_has_option() - whether a section's kind has an option
 * @section: the section
 * @name: the option
 *
 * cfg_getopt() would write an error line where it has not.
 *
 * Return: true if it has.
 */
bool gateway_has_option(const cfg_t *section, const char *name)
{
	for (const cfg_opt_t *opt = section->opts; opt->name; opt++)
		if (!strcmp(opt->name, name))
			return true;
	return false;
}

static bool read_times(struct gateway_conf *conf, cfg_t *section)
{
	int64_t response = ln_config_time(section, "response-timeout");
	int64_t idle = ln_config_time(section, "idle-timeout");
	int64_t connect = gateway_has_option(section, "connect-timeout") ?
				  ln_config_time(section, "connect-timeout") :
				  0;

	if (response < 0 || idle < 0 || connect < 0)
		return false;
	conf->response_ms = response;
	conf->idle_ms = idle;
	conf->connect_ms = connect;
	return true;
}

static bool read_sizes(struct gateway_conf *conf, cfg_t *section)
{
	int64_t header = ln_config_size(section, "max-header");
	int64_t content = ln_config_size(section, "max-content");
	int64_t memory = gateway_has_option(section, "spool-memory") ?
				 ln_config_size(section, "spool-memory") :
				 0;

	if (header < 0 || content < 0 || memory < 0)
		return false;
	if (header < 512 || header > GATEWAY_PIECE) {
		ln_config_error(section, "max-header is %lld octets: 512 to 64k are allowed",
				(long long)header);
		return false;
	}
	conf->header_max = header;
	conf->content_max = content;
	conf->spool_memory = memory;
	return true;
}

/* "NAME=VALUE" */
static bool read_variables(struct gateway_conf *conf, cfg_t *section)
{
	for (unsigned int i = 0; i < cfg_size(section, "env"); i++) {
		const char *text = cfg_getnstr(section, "env", i), *equals = strchr(text, '=');
		char *name = equals ? strndup(text, equals - text) : NULL;

		if (!equals || !cgi_is_token(text, equals - text)) {
			ln_config_error(section, "env \"%s\": \"NAME=VALUE\" is allowed", text);
			free(name);
			return false;
		}
		if (name)
			cgi_add_variable(&conf->variables, name, equals + 1, strlen(equals + 1));
		free(name);
	}
	if (cgi_buffer_ok(&conf->variables))
		return true;
	ln_config_error(section, "env: more than %d octets", GATEWAY_MAX_ENVIRONMENT / 2);
	return false;
}

static bool read_strings(struct gateway_conf *conf, cfg_t *section, const struct httpd_location *l)
{
	const char *root = gateway_has_option(section, "root") ? cfg_getstr(section, "root") : NULL;

	if (!root)
		root = l->root;
	if (gateway_has_option(section, "authorization"))
		conf->authorization = cfg_getbool(section, "authorization");
	if (gateway_has_option(section, "env") && !read_variables(conf, section))
		return false;
	if (gateway_has_option(section, "spool"))
		conf->spool_folder = strdup(cfg_getstr(section, "spool"));
	conf->root = root ? strdup(root) : NULL;
	if ((root && !conf->root) ||
	    (gateway_has_option(section, "spool") && !conf->spool_folder)) {
		ln_config_error(section, "out of memory");
		return false;
	}
	return true;
}

/**
 * gateway_configure() - read what a section has in common with others
 * @conf: zeroed; gateway_conf_release() lets it go also after failure
 * @kind: name of the section
 * @section: the section; options that it does not have are not read
 * @l: the location
 *
 * Return: false after error lines.
 */
bool gateway_configure(struct gateway_conf *conf, const char *kind, cfg_t *section,
		       const struct httpd_location *l)
{
	conf->kind = kind;
	conf->spool_fd = -1;
	conf->spools = gateway_has_option(section, "spool");
	cgi_buffer_init(&conf->variables, GATEWAY_MAX_ENVIRONMENT / 2);
	return read_times(conf, section) && read_sizes(conf, section) &&
	       read_strings(conf, section, l) &&
	       (!gateway_has_option(section, "address") ||
		!gateway_remotes_configure(&conf->remotes, section));
}

/**
 * gateway_conf_start() - in a worker, before it gives up its rights
 * @conf: the section
 * @s: the worker's server
 *
 * Return: 0, or a negative errno after an error line.
 */
int gateway_conf_start(void *conf, struct ln_server *s)
{
	struct gateway_conf *g = conf;
	int err;

	g->server = s;
	if (!g->spools)
		return 0;
	g->spool_fd = open(g->spool_folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (g->spool_fd >= 0)
		return 0;
	err = -errno;
	ln_error("%s: spool \"%s\": %s", g->kind, g->spool_folder, strerror(-err));
	return err;
}

/**
 * gateway_conf_confine() - in a worker: what it still needs
 * @conf: the section
 * @sandbox: where to say so
 *
 * Return: 0 or a negative errno.
 */
int gateway_conf_confine(void *conf, struct ln_sandbox *sandbox)
{
	struct gateway_conf *g = conf;

	if (g->remotes.n)
		sandbox->connect = true;
	/* What is spooled is read again. */
	return g->spool_fd < 0 ? 0 :
				 ln_sandbox_fd(sandbox, g->spool_fd,
					       LN_ACCESS_READ | LN_ACCESS_WRITE);
}

/**
 * gateway_conf_release() - let the section go
 * @conf: the section; not its own memory
 */
void gateway_conf_release(void *conf)
{
	struct gateway_conf *g = conf;

	gateway_remotes_free(&g->remotes);
	cgi_buffer_free(&g->variables);
	free(g->spool_folder);
	free(g->root);
	if (g->spool_fd >= 0)
		close(g->spool_fd);
}

/**
 * gateway_conf_free() - let a section and its memory go
 * @conf: the section, or NULL
 */
void gateway_conf_free(void *conf)
{
	if (conf)
		gateway_conf_release(conf);
	free(conf);
}
