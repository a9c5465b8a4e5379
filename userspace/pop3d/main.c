// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * linnet-pop3d: a POP3 server on Linnet and TCP.
 */
#include <stdlib.h>

#include "counts.h"
#include "daemon.h"
#include "metrics-page.h"
#include "metrics.h"
#include "session.h"
#include "setup.h"

#define DEFAULT_FILE	"/etc/linnet/linnet-pop3d.conf"
#define DEFAULT_PORT	110

const char *argp_program_version = "linnet-pop3d " LINNET_VERSION;

enum { OPT_CHECK = 0x500 };

struct arguments {
	struct ln_options *options;
	const char *file;
	bool check;
};

static const struct argp_option options[] = {
	{ NULL, 0, NULL, 0, "What to serve:", LN_OPTIONS_OWN },
	{ "config", 'c', "FILE", 0, "All of it is in FILE (linnet-pop3d.conf(5); default: "
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
	.doc = "Let users fetch their mail by POP3 on Linnet (IP protocol 253) and TCP."
	       "\vThe default port is 110; where to listen is in the configuration file, or said "
	       "by --address and --port when the file does not say.",
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
		.idle_ms = 600 * 1000, .drain_ms = 60 * 1000,
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
	return accounts_launch(((struct setup *)config)->accounts);
}

static void reaped(void *config, pid_t pid, int status)
{
	accounts_reaped(((struct setup *)config)->accounts, pid, status);
}

static void reopen(void *config)
{
	ln_access_log_reopen(((struct setup *)config)->session_log);
}

static void release(void *config)
{
	setup_free(config);
}

static void flush_log(void *data)
{
	ln_access_log_flush(((struct setup *)data)->session_log);
}

static int start(struct ln_server *server, void *config, const struct ln_sockets *sockets)
{
	static struct ln_turn_end flush = { .run = flush_log };
	struct setup *s = config;
	int err = sasl_start();

	flush.data = s;
	ln_server_at_turn_end(server, &flush);
	if (!err)
		err = accounts_start(s->accounts);
	if (!err)
		err = ln_server_listen(server, sockets, SETUP_POP3, &session_proto, NULL, s);
	if (!err && s->pop3s)
		err = ln_server_listen(server, sockets, SETUP_POP3S, &session_proto, s->tls, s);
	if (!err && s->metrics)
		err = metrics_page_start(server, sockets, SETUP_METRICS, "linnet-pop3d",
					 ln_metrics_text);
	return err;
}

static int confine(void *config, struct ln_sandbox *sandbox)
{
	struct setup *s = config;
	int err = setup_open(s);

	return err ? err : ln_sandbox_fd(sandbox, s->mail_root_fd, LN_ACCESS_READ | LN_ACCESS_WRITE);
}

static void stop(void *config)
{
	ln_access_log_flush(((struct setup *)config)->session_log);
}

int main(int argc, char **argv)
{
	static const struct ln_daemon daemon = {
		.name = "linnet-pop3d", .configure = configure, .launch = launch, .reaped = reaped,
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
