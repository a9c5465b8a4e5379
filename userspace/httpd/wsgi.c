// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A location that is a Python application:
 *
 *	wsgi { application = "module:callable" path = {"/srv/app"} processes = 2 }
 *
 * The application runs in linnet-wsgi, which speaks FastCGI.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "fastcgi.h"
#include "httpd.h"
#include "wsgi-process.h"

#define MAX_PROCESSES	1024
#define MAX_PATHS	32

static cfg_opt_t wsgi_options[] = {
	CFG_STR("application", NULL, CFGF_NODEFAULT),
	CFG_STR_LIST("path", NULL, CFGF_NODEFAULT),
	CFG_STR("virtualenv", NULL, CFGF_NODEFAULT),
	CFG_STR_LIST("env", NULL, CFGF_NODEFAULT),
	CFG_INT("processes", 2, CFGF_NONE),
	CFG_INT("max-requests", 0, CFGF_NONE),
	CFG_STR("timeout", "60s", CFGF_NONE),
	CFG_STR("max-content", "0", CFGF_NONE),
	CFG_END(),
};

/**
 * struct wsgi_conf - a section
 * @fastcgi: how requests get there
 * @process: where they get
 */
struct wsgi_conf {
	struct fastcgi_conf *fastcgi;
	struct wsgi_process process;
};

static void free_list(char **list)
{
	for (char **p = list; p && *p; p++)
		free(*p);
	free(list);
}

static void wsgi_release(void *data)
{
	struct wsgi_conf *conf = data;

	wsgi_process_end(&conf->process);
	free_list(conf->process.argv);
	free_list(conf->process.env);
	free(conf->process.folder);
	fastcgi_free(conf->fastcgi);
	free(conf);
}

/* The rest is for linnet-wsgi to say, which knows Python's names. */
static bool check_application(cfg_t *section)
{
	const char *name = cfg_getstr(section, "application");

	if (name && *name && *name != '-' && *name != ':')
		return true;
	ln_config_error(section, "application of wsgi must be \"MODULE:CALLABLE\"");
	return false;
}

static bool check_number(cfg_t *section, const char *name, long min, long max)
{
	long n = cfg_getint(section, name);

	if (n >= min && n <= max)
		return true;
	ln_config_error(section, "%s of wsgi must be %ld to %ld, not %ld", name, min, max, n);
	return false;
}

/* The full path, allocated; NULL after an error line. */
static char *full_path(cfg_t *section, const char *name, const char *folder)
{
	char *path = realpath(folder, NULL);

	if (path && !access(path, R_OK | X_OK))
		return path;
	ln_config_error(section, "%s of wsgi: %s: %s", name, folder, strerror(errno));
	free(path);
	return NULL;
}

static bool check_lists(cfg_t *section)
{
	if (cfg_size(section, "path") > MAX_PATHS) {
		ln_config_error(section, "path of wsgi may have %d folders", MAX_PATHS);
		return false;
	}
	for (unsigned int i = 0; i < cfg_size(section, "env"); i++) {
		const char *env = cfg_getnstr(section, "env", i), *equals = strchr(env, '=');

		if (equals && equals != env)
			continue;
		ln_config_error(section, "env of wsgi must be \"NAME=value\", not \"%s\"", env);
		return false;
	}
	return true;
}

static bool add(char **list, unsigned int *n, const char *text)
{
	list[*n] = strdup(text);
	return list[(*n)++];
}

static bool add_number(char **list, unsigned int *n, const char *option, long number)
{
	return asprintf(&list[(*n)++], "--%s=%ld", option, number) >= 0;
}

static bool add_folder(char **list, unsigned int *n, cfg_t *section, const char *option,
		       const char *folder)
{
	char *path = full_path(section, option, folder);
	bool ok = path && asprintf(&list[(*n)++], "--%s=%s", option, path) >= 0;

	free(path);
	return ok;
}

static bool out_of_memory(cfg_t *section)
{
	ln_config_error(section, "out of memory");
	return false;
}

/* Its time-out is for a process that does not come back: this server's answer is first. */
static bool make_command(struct wsgi_conf *conf, cfg_t *section, uint64_t timeout_ms)
{
	const char *virtualenv = cfg_getstr(section, "virtualenv");
	unsigned int paths = cfg_size(section, "path"), n = 0;
	long seconds = timeout_ms ? (long)((timeout_ms + 999) / 1000 + 1) : 0;
	char **argv = calloc(paths + 8, sizeof(*argv));

	conf->process.argv = argv;
	if (!argv || !add(argv, &n, "linnet-wsgi") ||
	    !add_number(argv, &n, "processes", cfg_getint(section, "processes")) ||
	    !add_number(argv, &n, "max-requests", cfg_getint(section, "max-requests")) ||
	    !add_number(argv, &n, "timeout", seconds))
		return out_of_memory(section);
	if (virtualenv && !add_folder(argv, &n, section, "virtualenv", virtualenv))
		return false;
	for (unsigned int i = 0; i < paths; i++)
		if (!add_folder(argv, &n, section, "path", cfg_getnstr(section, "path", i)))
			return false;
	return add(argv, &n, cfg_getstr(section, "application")) || out_of_memory(section);
}

/* The first folder of path is where the program works. */
static bool make_folder(struct wsgi_conf *conf, cfg_t *section)
{
	if (!cfg_size(section, "path"))
		return true;
	conf->process.folder = full_path(section, "path", cfg_getnstr(section, "path", 0));
	return conf->process.folder;
}

static bool make_environment(struct wsgi_conf *conf, cfg_t *section)
{
	unsigned int size = cfg_size(section, "env"), n = 0;
	bool ok;

	conf->process.env = calloc(size + 1, sizeof(*conf->process.env));
	ok = conf->process.env;
	for (unsigned int i = 0; ok && i < size; i++)
		ok = add(conf->process.env, &n, cfg_getnstr(section, "env", i));
	return ok || out_of_memory(section);
}

static bool make_address(struct wsgi_conf *conf)
{
	char address[sizeof(conf->process.address.sun_path) + 8];

	if (wsgi_process_address(&conf->process))
		return false;
	snprintf(address, sizeof(address), "unix:%s", conf->process.address.sun_path);
	return !fastcgi_add_address(conf->fastcgi, address);
}

static bool configure(struct wsgi_conf *conf, cfg_t *section)
{
	int64_t timeout = ln_config_time(section, "timeout");
	int64_t content = ln_config_size(section, "max-content");

	if (timeout < 0 || content < 0 || !check_application(section) ||
	    !check_number(section, "processes", 1, MAX_PROCESSES) ||
	    !check_number(section, "max-requests", 0, LONG_MAX) || !check_lists(section))
		return false;
	conf->fastcgi = fastcgi_new("wsgi");
	if (!conf->fastcgi)
		return out_of_memory(section);
	if (!make_command(conf, section, (uint64_t)timeout) ||
	    !make_environment(conf, section) || !make_folder(conf, section))
		return false;
	conf->fastcgi->common.response_ms = conf->fastcgi->common.idle_ms = (uint64_t)timeout;
	conf->fastcgi->common.content_max = (uint64_t)content;
	return make_address(conf);
}

static void *wsgi_configure(cfg_t *section, const struct httpd_location *l)
{
	struct wsgi_conf *conf = calloc(1, sizeof(*conf));

	(void)l;
	if (!conf) {
		ln_config_error(section, "out of memory");
		return NULL;
	}
	conf->process.listener = -1;
	if (configure(conf, section))
		return conf;
	wsgi_release(conf);
	return NULL;
}

static int wsgi_launch(void *conf)
{
	return wsgi_process_launch(&((struct wsgi_conf *)conf)->process);
}

static void wsgi_reaped(void *conf, pid_t pid, int status)
{
	wsgi_process_reaped(&((struct wsgi_conf *)conf)->process, pid, status);
}

static int wsgi_start(void *conf, struct ln_server *s)
{
	return fastcgi_start(((struct wsgi_conf *)conf)->fastcgi, s);
}

static int wsgi_confine(void *conf, struct ln_sandbox *sandbox)
{
	return fastcgi_confine(((struct wsgi_conf *)conf)->fastcgi, sandbox);
}

static void wsgi_handle(struct http_exchange *x, const struct httpd_request *r)
{
	fastcgi_handle_as(((struct wsgi_conf *)r->location->conf)->fastcgi, x, r);
}

/* A Python application. */
const struct httpd_kind httpd_wsgi = {
	.name = "wsgi",
	.options = wsgi_options,
	.configure = wsgi_configure,
	.launch = wsgi_launch,
	.reaped = wsgi_reaped,
	.start = wsgi_start,
	.confine = wsgi_confine,
	.handle = wsgi_handle,
	.release = wsgi_release,
};
