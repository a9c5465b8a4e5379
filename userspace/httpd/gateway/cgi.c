// SPDX-License-Identifier: GPL-2.0-or-later
/* CGI/1.1: a program for each request (RFC 3875). */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "codec/environment.h"
#include "config.h"
#include "formdata.h"
#include "gateway.h"
#include "log.h"
#include "spawn.h"
#include "spawner.h"

#define START_MS	10000	/* time for the spawner to start a program */
#define RETRY_AFTER	"2"	/* seconds, when too many programs run */
#define FORM_ITEMS	1000	/* fields and files of a form */
#define FORM_MEMORY	65536	/* octets of their names and values, which go to the environment */

static cfg_opt_t options[] = {
	CFG_STR("folder", NULL, CFGF_NONE),
	CFG_INT("max-processes", 32, CFGF_NONE),
	CFG_STR("kill-timeout", "2s", CFGF_NONE),
	CFG_INT("limit-cpu", 0, CFGF_NONE),
	CFG_STR("limit-memory", "0", CFGF_NONE),
	CFG_INT("limit-processes", 0, CFGF_NONE),
	CFG_BOOL("forms", cfg_false, CFGF_NONE),
	GATEWAY_OPTIONS,
	GATEWAY_SPOOL_OPTIONS,
	GATEWAY_CGI_OPTIONS,
	CFG_END(),
};

struct cgi_conf {
	struct gateway_conf common;
	struct spawner spawner;
	bool forms;
};

/**
 * struct cgi - one request
 * @g: the common part; its @up is the program's stdin
 * @path: the program's path and what follows
 * @spawn: the program, or NULL
 * @form: the content, when it is a form that the program gets parsed
 */
struct cgi {
	struct gateway g;
	char *path;
	struct spawn *spawn;
	struct formdata *form;
};

static struct cgi *self(struct gateway *g)
{
	return (struct cgi *)g;
}

/* --- the program's stdin --- */

/* State of that connection. */
struct in {
	struct gateway *g;	/* NULL: nobody's any more */
};

static void in_open(struct ln_conn *c)
{
	struct in *in = ln_conn_state(c);

	in->g = ln_conn_data(c);
}

/* Nobody writes there; its end means that the program does not read. */
static void in_input(struct ln_conn *c)
{
	size_t len;

	ln_conn_input(c, &len);
	ln_conn_consume(c, len);
	if (ln_conn_eof(c))
		ln_conn_close(c);
}

static void in_finish(struct ln_conn *c)
{
	struct in *in = ln_conn_state(c);

	in->g->up = NULL;
	in->g = NULL;
	ln_conn_finish(c);
}

static void in_output(struct ln_conn *c)
{
	struct in *in = ln_conn_state(c);

	if (!in->g)
		return;
	gateway_room(in->g);
	/* Only now: a program may take its time, but ending takes no longer than idling. */
	if (in->g && in->g->request_done && !ln_conn_queued(c))
		in_finish(c);
}

static void in_ignore(struct ln_conn *c)
{
	(void)c;
}

static void in_close(struct ln_conn *c)
{
	struct in *in = ln_conn_state(c);

	if (in->g)
		gateway_content_unwanted(in->g);
}

static const struct ln_proto in_proto = {
	.state_size = sizeof(struct in),
	.input_max = 4096,
	.output_max = 4 * GATEWAY_PIECE,
	.open = in_open,
	.input = in_input,
	.output = in_output,
	.timeout = in_ignore,
	.stop = in_ignore,
	.close = in_close,
};

/* --- the program --- */

static void on_started(void *data, int in, int out)
{
	struct cgi *c = data;
	struct gateway *g = &c->g;
	struct ln_server *s = g->conf->server;

	/* The first to be opened is the first to be adopted. */
	g->up = ln_conn_adopt(s, in, "cgi", &in_proto, g);
	g->c = ln_conn_adopt(s, out, "cgi", &gateway_proto, g);
	if (g->up && g->c)
		return;
	g->why = "out of memory";
	gateway_fail(g, 503);
}

static void on_refused(void *data, int status)
{
	struct cgi *c = data;
	struct gateway *g = &c->g;

	c->spawn = NULL;
	switch (status) {
	case 403:
	case 404:
		g->over = true;
		http_error(g->x, status);
		return;
	case 503:
		http_add(g->x, "Retry-After", RETRY_AFTER);
		g->why = "too many programs";
		break;
	default:
		g->why = "not started";
	}
	gateway_fail(g, status);
}

static const struct spawn_events events = {
	.started = on_started,
	.refused = on_refused,
};

static void ask_spawner(struct cgi *c, const int *fds, int n_fds)
{
	struct gateway *g = &c->g;
	struct cgi_conf *conf = (struct cgi_conf *)g->conf;

	/* In the log by its target, since the decoded path may have anything in it. */
	c->spawn = spawn_start(ln_server_loop(g->conf->server), conf->spawner.workers,
			       http_request(g->x)->target, c->path, &g->environment, fds, n_fds,
			       &events, c);
	if (c->spawn)
		return;
	g->why = strerror(errno);
	if (errno == EAGAIN)
		http_add(g->x, "Retry-After", RETRY_AFTER);
	gateway_fail(g, errno == EMSGSIZE ? 431 : 503);
}

/* --- forms --- */

static void refuse_form(struct cgi *c, int status)
{
	c->g.why = formdata_error(c->form);
	gateway_fail(&c->g, status);
}

static void cgi_collect(struct gateway *g, const char *data, size_t len)
{
	struct cgi *c = self(g);
	int status;

	if (!c->form) {
		gateway_spool(g, data, len);
		return;
	}
	status = formdata_add(c->form, data, len);
	if (status)
		refuse_form(c, status);
}

/* The form as descriptors 3 and up, and as variables. */
static void give_form(struct cgi *c)
{
	struct formdata_export e;
	int err = formdata_export(c->form, &e);

	if (err) {
		c->g.why = err == -E2BIG ? "too many files in the form" : strerror(-err);
		gateway_fail(&c->g, err == -E2BIG ? 413 : 500);
		return;
	}
	for (char **p = e.env; *p; p++) {
		char *equals = strchr(*p, '=');

		*equals = 0;
		cgi_add_variable(&c->g.environment, *p, equals + 1, strlen(equals + 1));
	}
	if (cgi_buffer_ok(&c->g.environment)) {
		ask_spawner(c, e.fds, e.n_fds);
	} else {
		c->g.why = "form too large for an environment";
		gateway_fail(&c->g, 413);
	}
	formdata_export_free(&e);
}

static bool is_form(struct http_exchange *x)
{
	static const char *const types[] = {
		"application/x-www-form-urlencoded", "multipart/form-data",
	};
	const struct http_field *type = http_field(&http_request(x)->fields, "Content-Type", NULL);

	for (size_t i = 0; type && i < sizeof(types) / sizeof(*types); i++) {
		size_t len = strlen(types[i]);

		if (type->value_len >= len && !strncasecmp(type->value, types[i], len) &&
		    (type->value_len == len || strchr("; \t", type->value[len])))
			return true;
	}
	return false;
}

/* Returns false when there is no memory. */
static bool begin_form(struct cgi *c)
{
	const struct cgi_conf *conf = (struct cgi_conf *)c->g.conf;
	const struct http_request *rq = http_request(c->g.x);
	const struct formdata_limits limits = {
		.items = FORM_ITEMS, .memory = FORM_MEMORY, .spool = conf->common.spool_fd,
	};
	const struct http_field *type = http_field(&rq->fields, "Content-Type", NULL);

	if (!conf->forms || !rq->content_length || !is_form(c->g.x))
		return true;
	c->form = formdata_new(type->value, type->value_len, &limits);
	c->g.spooling = c->g.withheld = true;
	return c->form;
}

static void cgi_connect(struct gateway *g)
{
	struct cgi *c = self(g);
	int status = c->form ? formdata_end(c->form) : 0;

	if (status)
		refuse_form(c, status);
	else if (c->form)
		give_form(c);
	else
		ask_spawner(c, NULL, 0);
}

static bool cgi_send(struct gateway *g)
{
	return !gateway_spool_len(&g->spool) || gateway_spool_send(&g->spool, g->up) >= 0;
}

static void cgi_content(struct gateway *g, const char *data, size_t len)
{
	ln_conn_write(g->up, data, len);
}

static void cgi_content_end(struct gateway *g)
{
	if (!ln_conn_queued(g->up))
		in_finish(g->up);
}

static void cgi_leave(struct gateway *g, bool early)
{
	struct cgi *c = self(g);
	struct ln_conn *up = g->up;
	struct in *in;

	if (c->spawn)
		spawn_leave(c->spawn, early);
	c->spawn = NULL;
	formdata_free(c->form);
	c->form = NULL;
	g->up = NULL;
	if (!up || up == g->c)
		return;
	in = ln_conn_state(up);
	in->g = NULL;
	ln_conn_close(up);
}

static const struct gateway_ops ops = {
	.connect = cgi_connect,
	.send = cgi_send,
	.content = cgi_content,
	.content_end = cgi_content_end,
	.collect = cgi_collect,
	.input = gateway_cgi_input,
	.eof = gateway_cgi_end,
	.leave = cgi_leave,
};

static void cgi_handle(struct http_exchange *x, const struct httpd_request *r)
{
	struct cgi *c = http_alloc(x, sizeof(*c));
	size_t rest = strlen(r->rest);

	if (c)
		c->path = http_alloc(x, rest + 2);
	if (!c || !c->path) {
		http_error(x, 503);
		return;
	}
	memcpy(c->path, r->rest, rest);
	if (rest && r->target->directory)
		c->path[rest] = '/';
	gateway_init(&c->g, x, r->location->conf, &ops);
	if (!begin_form(c)) {
		gateway_fail(&c->g, 503);
		return;
	}
	if (gateway_environment(&c->g, r, NULL, NULL)) {
		gateway_start(&c->g);
		return;
	}
	c->g.why = "request too large for an environment";
	gateway_fail(&c->g, 431);
}

/* --- the section --- */

static void cgi_free(void *conf)
{
	struct cgi_conf *c = conf;

	if (!c)
		return;
	spawner_stop(&c->spawner);
	gateway_conf_release(&c->common);
	cgi_buffer_free(&c->spawner.conf.variables);
	free(c->spawner.conf.folder);
	free(c->spawner.conf.prefix);
	free(c->spawner.conf.root);
	if (c->spawner.conf.folder_fd >= 0)
		close(c->spawner.conf.folder_fd);
	free(c);
}

static bool read_folder(struct spawner_conf *s, cfg_t *section)
{
	const char *folder = cfg_getstr(section, "folder");

	if (!folder || *folder != '/') {
		ln_config_error(section, "folder %s: the absolute path of a folder with programs",
				folder ? folder : "is missing");
		return false;
	}
	s->folder = strdup(folder);
	/* A slash is put between it and the program. */
	while (s->folder && s->folder[0] && s->folder[strlen(s->folder) - 1] == '/')
		s->folder[strlen(s->folder) - 1] = 0;
	s->folder_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (s->folder && s->folder_fd >= 0)
		return true;
	ln_config_error(section, "folder \"%s\": %s", folder, strerror(errno));
	return false;
}

static bool read_bounds(struct spawner_conf *s, cfg_t *section)
{
	long max = cfg_getint(section, "max-processes");
	long cpu = cfg_getint(section, "limit-cpu");
	long processes = cfg_getint(section, "limit-processes");
	int64_t memory = ln_config_size(section, "limit-memory");
	int64_t kill_ms = ln_config_time(section, "kill-timeout");

	if (memory < 0 || kill_ms < 0)
		return false;
	if (max < 1 || max > 4096 || cpu < 0 || processes < 0) {
		ln_config_error(section,
				"max-processes: 1 to 4096 are allowed; limit-cpu (seconds) "
				"and limit-processes: 0 (none) or more");
		return false;
	}
	s->max = max;
	s->cpu_seconds = cpu;
	s->processes = processes;
	s->memory = memory;
	s->kill_ms = kill_ms;
	return true;
}

static void *cgi_configure(cfg_t *section, const struct httpd_location *l)
{
	struct cgi_conf *c = calloc(1, sizeof(*c));
	struct spawner_conf *s;

	if (!c)
		return NULL;
	s = &c->spawner.conf;
	s->folder_fd = c->spawner.workers = c->spawner.own = -1;
	cgi_buffer_init(&s->variables, 0);
	if (!gateway_configure(&c->common, "cgi", section, l) || !read_folder(s, section) ||
	    !read_bounds(s, section)) {
		cgi_free(c);
		return NULL;
	}
	c->common.connect_ms = START_MS;
	c->forms = cfg_getbool(section, "forms");
	/* The spawner's to add: it takes none of that kind from workers. */
	s->variables = c->common.variables;
	cgi_buffer_init(&c->common.variables, 0);
	s->prefix = strdup(l->prefix);
	s->root = c->common.root ? strdup(c->common.root) : NULL;
	if (s->prefix && (s->root || !c->common.root))
		return c;
	cgi_free(c);
	return NULL;
}

static int cgi_launch(void *conf)
{
	return spawner_start(&((struct cgi_conf *)conf)->spawner);
}

static void cgi_reaped(void *conf, pid_t pid, int status)
{
	spawner_reaped(&((struct cgi_conf *)conf)->spawner, pid, status);
}

static int cgi_start(void *conf, struct ln_server *s)
{
	struct cgi_conf *c = conf;

	/* The spawner's end must go with the spawner and its master. */
	close(c->spawner.own);
	c->spawner.own = -1;
	return gateway_conf_start(&c->common, s);
}

static int cgi_confine(void *conf, struct ln_sandbox *sandbox)
{
	return gateway_conf_confine(&((struct cgi_conf *)conf)->common, sandbox);
}

const struct httpd_kind httpd_cgi = {
	.name = "cgi",
	.options = options,
	.configure = cgi_configure,
	.launch = cgi_launch,
	.reaped = cgi_reaped,
	.start = cgi_start,
	.confine = cgi_confine,
	.handle = cgi_handle,
	.release = cgi_free,
};
