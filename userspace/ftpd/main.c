// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * linnet-ftpd: an FTP server on Linnet and TCP.
 */
#include <stdlib.h>

#include "accounts.h"
#include "active.h"
#include "counts.h"
#include "daemon.h"
#include "metrics-page.h"
#include "metrics.h"
#include "session.h"
#include "setup.h"

#define DEFAULT_FILE	"/etc/linnet/linnet-ftpd.conf"
#define DEFAULT_PORT	21

const char *argp_program_version = "linnet-ftpd " LINNET_VERSION;

enum { OPT_CHECK = 0x500 };

struct arguments {
	struct ln_options *options;
	const char *file;
	bool check;
};

static const struct argp_option options[] = {
	{ NULL, 0, NULL, 0, "What to serve:", LN_OPTIONS_OWN },
	{ "config", 'c', "FILE", 0, "All of it is in FILE (linnet-ftpd.conf(5); default: "
	  DEFAULT_FILE ")", LN_OPTIONS_OWN },
	{ "check", OPT_CHECK, NULL, 0, "Check the configuration and end", LN_OPTIONS_OWN },
	{ 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *a = state->input;

	switch (key) {
	case 'c':
		a->file = arg;
		return 0;
	case OPT_CHECK:
		a->check = true;
		return 0;
	case ARGP_KEY_INIT:
		state->child_inputs[0] = a->options;
		return 0;
	case ARGP_KEY_ARG:
		ln_usage_error("'%s': this program takes options only", arg);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_child children[] = { { &ln_options_argp, 0, NULL, 0 }, { 0 } };
static const struct argp argp = {
	.options = options, .parser = parse, .children = children,
	.doc = "Serve files by FTP on Linnet (IP protocol 253) and TCP; data connections go by "
	       "the transport of their control connection."
	       "\vThe default port is 21; where to listen is in the configuration file, or said "
	       "by --address and --port.",
};

/* Kept for SIGHUP: what it says goes over what the file says. */
static struct {
	int argc;
	char **argv;
} command_line;

static void read_command_line(struct arguments *a)
{
	ln_parse_command_line(&argp, command_line.argc, command_line.argv, a);
}

static void set_defaults(struct arguments *a, struct ln_options *o)
{
	*o = (struct ln_options){
		.transports = LN_TRANSPORT_LINNET | LN_TRANSPORT_TCP,
		.ipv4 = true, .ipv6 = true,
		.port = DEFAULT_PORT,
		.max_connections = 1024, .max_per_address = 64,
		.idle_ms = 300 * 1000, .drain_ms = 60 * 1000,
		.workers = 1,
	};
	*a = (struct arguments){ .options = o, .file = DEFAULT_FILE };
}

static void *configure(struct ln_options *o, struct ln_wanted *wanted)
{
	struct arguments a;
	struct setup *s;

	set_defaults(&a, o);
	read_command_line(&a);
	s = setup_new(a.file, o, wanted);
	if (!s)
		return NULL;
	/* Once more, over what the file said. */
	read_command_line(&a);
	s->options = *o;
	return s;
}

static int launch(void *config)
{
	struct setup *s = config;
	int err = 0;

	for (unsigned int i = 0; i < s->n_hosts && !err; i++)
		err = accounts_launch(s->host[i].accounts);
	return err ? err : active_launch(s);
}

static void reaped(void *config, pid_t pid, int status)
{
	struct setup *s = config;

	for (unsigned int i = 0; i < s->n_hosts; i++)
		accounts_reaped(s->host[i].accounts, pid, status);
	active_reaped(s, pid);
}

static void reopen(void *config)
{
	struct setup *s = config;

	ln_access_log_reopen(s->transfer_log);
}

static void release(void *config)
{
	setup_free(config);
}

static void flush_log(void *data)
{
	struct setup *s = data;

	ln_access_log_flush(s->transfer_log);
}

static int start(struct ln_server *server, void *config, const struct ln_sockets *sockets)
{
	static struct ln_turn_end flush = { .run = flush_log };
	struct setup *s = config;
	int err = 0;

	flush.data = s;
	ln_server_at_turn_end(server, &flush);
	for (unsigned int i = 0; i < s->n_listens && !err; i++)
		err = ln_server_listen(server, sockets, s->listen[i].tag, &session_proto,
				       s->listen[i].implicit ? s->tls : NULL, &s->listen[i]);
	for (unsigned int i = 0; i < s->n_hosts && !err; i++)
		err = accounts_start(s->host[i].accounts);
	if (!err && s->metrics)
		err = metrics_page_start(server, sockets, "metrics", "linnet-ftpd",
					 ln_metrics_text);
	return err;
}

static int confine(void *config, struct ln_sandbox *sandbox)
{
	struct setup *s = config;
	int err = setup_open(s);

	sandbox->listen = true;
	sandbox->connect = s->active;
	for (unsigned int i = 0; i < s->n_hosts && !err; i++) {
		const struct setup_host *h = &s->host[i];

		if (h->root)
			err = ln_sandbox_fd(sandbox, h->root_fd, LN_ACCESS_READ |
					    (s->writable ? LN_ACCESS_WRITE : 0));
		if (!err && h->anonymous)
			err = ln_sandbox_fd(sandbox, h->anonymous_fd, LN_ACCESS_READ);
	}
	return err;
}

static void stop(void *config)
{
	struct setup *s = config;

	ln_access_log_flush(s->transfer_log);
	setup_close(s);
}

int main(int argc, char **argv)
{
	static const struct ln_daemon daemon = {
		.name = "linnet-ftpd", .configure = configure, .launch = launch, .reaped = reaped,
		.reopen = reopen, .release = release, .start = start, .confine = confine,
		.stop = stop,
	};
	struct arguments a;
	struct ln_options o;

	command_line.argc = argc;
	command_line.argv = argv;
	set_defaults(&a, &o);
	read_command_line(&a);
	counts_define();
	if (a.check) {
		struct ln_wanted wanted = { 0 };
		struct setup *s = configure(&o, &wanted);

		if (!s)
			return EXIT_FAILURE;
		setup_free(s);
		ln_notice("%s: good", a.file);
		return EXIT_SUCCESS;
	}
	return ln_daemon_main(&daemon, &o);
}
