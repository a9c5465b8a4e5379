// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * linnet-smtpd: a mail server over Linnet and TCP.
 */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "accounts.h"
#include "counts.h"
#include "daemon.h"
#include "grammar.h"
#include "relay-process.h"
#include "setup.h"
#include "submit.h"
#include "worker.h"

#define DEFAULT_FILE	"/etc/linnet/linnet-smtpd.conf"
#define DEFAULT_PORT	25
/* Threads of a worker: fsync() of several messages at once costs little more than of one. */
#define THREADS		"16"

const char *argp_program_version = "linnet-smtpd " LINNET_VERSION;

enum {
	OPT_CHECK = 0x400,
	OPT_QUEUE,
	OPT_MESSAGE_LOG,
};

/**
 * struct arguments - the command line, over what the file says
 * @settings: what both can say
 * @file: the configuration file
 * @check: look at the configuration, and no more
 */
struct arguments {
	struct setup_settings settings;
	const char *file;
	bool check;
};

static const struct argp_option options[] = {
	{ NULL, 0, NULL, 0, "What to serve:", LN_OPTIONS_OWN },
	{ "config", 'c', "FILE", 0, "All of it is in FILE (linnet-smtpd.conf(5); default: "
	  DEFAULT_FILE ")", LN_OPTIONS_OWN },
	{ "queue", OPT_QUEUE, "FOLDER", 0, "Where the queue is (default: /var/spool/linnet)",
	  LN_OPTIONS_OWN },
	{ "check", OPT_CHECK, NULL, 0, "Check the configuration and end", LN_OPTIONS_OWN },
	{ "message-log", OPT_MESSAGE_LOG, "TARGET", 0,
	  "Where a line for each message goes: a file, stderr, journal or none (default: none)",
	  LN_OPTIONS_MESSAGES },
	{ 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *a = state->input;

	switch (key) {
	case 'c':
		a->file = arg;
		return 0;
	case OPT_QUEUE:
		a->settings.queue = arg;
		return 0;
	case OPT_CHECK:
		a->check = true;
		return 0;
	case OPT_MESSAGE_LOG:
		a->settings.message_log = arg;
		return 0;
	case ARGP_KEY_INIT:
		state->child_inputs[0] = a->settings.options;
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
	.doc = "Take mail in by SMTP on Linnet (IP protocol 253) and TCP, deliver it to mailboxes "
	       "here, and send it on to other servers."
	       "\vThe default port is 25; where to listen is in the configuration file, or said by "
	       "--address and --port.",
};

/* Kept for SIGHUP: what it says goes over what the file says. */
static struct {
	int argc;
	char **argv;
} command_line;

static void set_defaults(struct arguments *a, struct ln_options *o)
{
	*o = (struct ln_options){
		.transports = LN_TRANSPORT_LINNET | LN_TRANSPORT_TCP,
		.ipv4 = true, .ipv6 = true,
		.port = DEFAULT_PORT,
		.max_connections = 1024, .max_per_address = 256,
		.idle_ms = 60 * 1000, .total_ms = 0, .drain_ms = 30 * 1000,
		.workers = 1,
	};
	*a = (struct arguments){
		.settings = { .options = o, .message_log = "none" },
		.file = DEFAULT_FILE,
	};
}

/* --- in the master --- */

static void *configure(struct ln_options *o, struct ln_wanted *wanted)
{
	struct arguments a;
	cfg_t *tree;

	set_defaults(&a, o);
	ln_parse_command_line(&argp, command_line.argc, command_line.argv, &a);
	tree = grammar_read(a.file);
	if (!tree)
		return NULL;
	set_defaults(&a, o);
	setup_settings_read(&a.settings, tree);
	ln_parse_command_line(&argp, command_line.argc, command_line.argv, &a);
	return setup_new(tree, &a.settings, wanted);
}

/* Others may come to the socket in it, and see nothing else. */
static int make_queue(const struct setup *s)
{
	const struct passwd *p = s->options.user && !geteuid() ? getpwnam(s->options.user) : NULL;
	struct stat st;

	if (mkdir(s->queue, 0711) && errno != EEXIST) {
		ln_error("the folder of the queue '%s': %s", s->queue, strerror(errno));
		return -errno;
	}
	if (stat(s->queue, &st) || (p && st.st_uid != p->pw_uid &&
				    chown(s->queue, p->pw_uid, p->pw_gid))) {
		ln_error("the folder of the queue '%s': %s", s->queue, strerror(errno));
		return -errno;
	}
	return 0;
}

/* The socket stays as long as the queue is the same, so that nobody is turned away. */
static int listen_for_users(struct setup *s)
{
	static char *queue;
	static int fd = -1;
	struct stat st;

	if (fd < 0 || strcmp(queue, s->queue) || fstat(fd, &st)) {
		if (fd >= 0)
			close(fd);
		free(queue);
		queue = strdup(s->queue);
		fd = queue ? submit_listen(s->queue) : -ENOMEM;
	}
	s->submit_fd = fd;
	return fd < 0 ? fd : 0;
}

static int launch(void *config)
{
	struct setup *s = config;
	int err = make_queue(s);

	if (!err)
		err = listen_for_users(s);
	if (!err && s->accounts)
		err = accounts_launch(s->accounts);
	return err ? err : relay_process_start(s);
}

static void reaped(void *config, pid_t pid, int status)
{
	struct setup *s = config;

	relay_process_reaped(s, pid, status);
	if (s->accounts)
		accounts_reaped(s->accounts, pid, status);
}

static void reopen(void *config)
{
	struct setup *s = config;

	ln_access_log_reopen(s->message_log);
}

static void release(void *config)
{
	relay_process_release(config);
	setup_free(config);
}

/* --- in a worker --- */

static struct worker worker;

static int start(struct ln_server *server, void *config, const struct ln_sockets *sockets)
{
	return worker_start(&worker, server, config, sockets);
}

static int confine(void *config, struct ln_sandbox *sandbox)
{
	(void)config;
	return worker_confine(&worker, sandbox);
}

static void stop(void *config)
{
	(void)config;
	worker_stop(&worker);
}

static int check(struct ln_options *o)
{
	struct ln_wanted wanted = { 0 };
	void *config = configure(o, &wanted);

	if (!config)
		return EXIT_FAILURE;
	setup_free(config);
	printf("the configuration is good\n");
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	static const struct ln_daemon daemon = {
		.name = "linnet-smtpd",
		.configure = configure,
		.launch = launch,
		.reaped = reaped,
		.reopen = reopen,
		.release = release,
		.start = start,
		.confine = confine,
		.stop = stop,
	};
	struct ln_options o;
	struct arguments a;
	int status;

	command_line.argc = argc;
	command_line.argv = argv;
	set_defaults(&a, &o);
	ln_parse_command_line(&argp, argc, argv, &a);
	if (a.check)
		return check(&o);
	setenv("UV_THREADPOOL_SIZE", THREADS, 0);
	counts_define();
	status = ln_daemon_main(&daemon, &o);
	relay_process_wait();
	return status;
}
