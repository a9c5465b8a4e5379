// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * linnet-httpd: an HTTP server on Linnet and TCP.
 *
 * What is served comes from a configuration file, or from the command line, which is
 * turned into a configuration; so there is one way that leads to a server.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "counts.h"
#include "daemon.h"
#include "grammar.h"
#include "setup.h"

#define DEFAULT_PORT	8080
#define DEFAULT_TLS_PORT 8443

const char *argp_program_version = "linnet-httpd " LINNET_VERSION;

enum {
	OPT_NO_LISTING = 0x200,
	OPT_HEADER_TIMEOUT,
	OPT_MIN_RATE,
	OPT_MAX_HEADER,
	OPT_MAX_URI,
	OPT_WSGI,
	OPT_WSGI_PROCESSES,
	OPT_WSGI_PATH,
	OPT_TLS_PORT,
	OPT_CERTIFICATE,
	OPT_KEY,
	OPT_CHECK,
	OPT_METRICS,
	OPT_ACCESS_LOG,
};

/**
 * struct arguments - the command line, over what the file says
 * @settings: what both can say
 * @file: the configuration file; or:
 * @folder: what to serve; or:
 * @wsgi: MODULE:CALLABLE
 * @wsgi_path: where its modules are, or NULL
 * @wsgi_processes: how many
 * @metrics: path of the counters, or NULL
 * @listing: list folders
 * @check: look at the configuration, and no more
 */
struct arguments {
	struct setup_settings settings;
	const char *file;
	const char *folder;
	const char *wsgi;
	const char *wsgi_path;
	unsigned int wsgi_processes;
	const char *metrics;
	bool listing;
	bool check;
};

static const struct argp_option options[] = {
	{ NULL, 0, NULL, 0, "What to serve:", LN_OPTIONS_OWN },
	{ "config", 'c', "FILE", 0, "All of it is in FILE (linnet-httpd.conf(5))", LN_OPTIONS_OWN },
	{ "check", OPT_CHECK, NULL, 0, "Check the configuration and end", LN_OPTIONS_OWN },
	{ "no-listing", OPT_NO_LISTING, NULL, 0, "Do not list folders without index.html",
	  LN_OPTIONS_OWN },
	{ "wsgi", OPT_WSGI, "MODULE:CALLABLE", 0, "Serve a Python application (PEP 3333)",
	  LN_OPTIONS_OWN },
	{ "wsgi-processes", OPT_WSGI_PROCESSES, "N", 0, "Processes for it (default: 2)",
	  LN_OPTIONS_OWN },
	{ "wsgi-path", OPT_WSGI_PATH, "FOLDER", 0, "Where its modules are (default: here)",
	  LN_OPTIONS_OWN },
	{ "metrics", OPT_METRICS, "PATH", 0, "Show counters there, to this machine alone",
	  LN_OPTIONS_OWN },
	{ "tls-port", OPT_TLS_PORT, "PORT", 0, "Port for TLS (default: 8443)", LN_OPTIONS_LISTEN },
	{ "certificate", OPT_CERTIFICATE, "FILE", 0,
	  "PEM file of a certificate and its chain; asks for TLS", LN_OPTIONS_LISTEN },
	{ "key", OPT_KEY, "FILE", 0, "PEM file of its key (default: the certificate's)",
	  LN_OPTIONS_LISTEN },
	{ "header-timeout", OPT_HEADER_TIMEOUT, "SECONDS", 0,
	  "Time for a request's header to arrive (default: 10)", LN_OPTIONS_LIMITS },
	{ "min-rate", OPT_MIN_RATE, "BYTES", 0,
	  "Least of a request's content in a second, on average, after the time for a header; "
	  "0: any (default: 500)", LN_OPTIONS_LIMITS },
	{ "max-header", OPT_MAX_HEADER, "BYTES", 0, "Longest request header (default: 16384)",
	  LN_OPTIONS_LIMITS },
	{ "max-uri", OPT_MAX_URI, "BYTES", 0, "Longest request target (default: 8000)",
	  LN_OPTIONS_LIMITS },
	{ "access-log", OPT_ACCESS_LOG, "TARGET", 0,
	  "Where a line for each request goes: a file, stderr, journal or none (default: none)",
	  LN_OPTIONS_MESSAGES },
	{ 0 },
};

/* One of the three says what to serve. */
static void check_source(const struct arguments *a)
{
	int n = !!a->file + !!a->folder + !!a->wsgi;

	if (!n)
		ln_usage_error("which folder? linnet-httpd [OPTION...] FOLDER, or --config FILE, "
			       "or --wsgi MODULE:CALLABLE");
	if (n > 1)
		ln_usage_error("a folder, --config and --wsgi: one of them only");
	if (a->settings.key && !a->settings.certificate)
		ln_usage_error("--key: without --certificate");
}

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
	case OPT_NO_LISTING:
		a->listing = false;
		return 0;
	case OPT_WSGI:
		a->wsgi = arg;
		return 0;
	case OPT_WSGI_PROCESSES:
		a->wsgi_processes = ln_parse_number("--wsgi-processes", arg, 1, 256);
		return 0;
	case OPT_WSGI_PATH:
		a->wsgi_path = arg;
		return 0;
	case OPT_METRICS:
		if (*arg != '/')
			ln_usage_error("--metrics: '%s' does not begin with a slash", arg);
		a->metrics = arg;
		return 0;
	case OPT_TLS_PORT:
		a->settings.tls_port = ln_parse_number("--tls-port", arg, 0, 65535);
		return 0;
	case OPT_CERTIFICATE:
		a->settings.certificate = arg;
		return 0;
	case OPT_KEY:
		a->settings.key = arg;
		return 0;
	case OPT_HEADER_TIMEOUT:
		a->settings.limits.header_ms =
			ln_parse_seconds("--header-timeout", arg, 0.01, 3600);
		return 0;
	case OPT_MIN_RATE:
		a->settings.limits.min_rate = ln_parse_number("--min-rate", arg, 0, 1UL << 40);
		return 0;
	case OPT_MAX_HEADER:
		a->settings.limits.head = ln_parse_number("--max-header", arg, 256, 1 << 20);
		return 0;
	case OPT_MAX_URI:
		a->settings.limits.target = ln_parse_number("--max-uri", arg, 16, 1 << 20);
		return 0;
	case OPT_ACCESS_LOG:
		a->settings.access_log = arg;
		return 0;
	case ARGP_KEY_INIT:
		state->child_inputs[0] = a->settings.options;
		return 0;
	case ARGP_KEY_ARG:
		if (a->folder)
			ln_usage_error("'%s': one folder only", arg);
		a->folder = arg;
		return 0;
	case ARGP_KEY_END:
		check_source(a);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_child children[] = { { &ln_options_argp, 0, NULL, 0 }, { 0 } };
static const struct argp argp = {
	.options = options, .parser = parse, .children = children, .args_doc = "FOLDER",
	.doc = "Serve a folder, an application, or what a configuration file says, by HTTP on "
	       "Linnet (IP protocol 253) and TCP."
	       "\vThe default port is 8080.",
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
		.idle_ms = 60 * 1000, .total_ms = 3600 * 1000, .drain_ms = 10 * 1000,
		.workers = 1,
	};
	*a = (struct arguments){
		.settings = {
			.options = o,
			.limits = {
				.head = 16384, .target = 8000, .fields = HTTP_MAX_FIELDS,
				.content = 16 << 20, .header_ms = 10 * 1000, .min_rate = 500,
				.streams = 100,
			},
			.access_log = "none",
			.tls_port = DEFAULT_TLS_PORT,
		},
		.wsgi_processes = 2,
		.listing = true,
	};
}

static void finish_settings(struct setup_settings *s)
{
	s->limits.idle_ms = s->options->idle_ms;
	if (!s->limits.keep_alive_ms)
		s->limits.keep_alive_ms = s->options->idle_ms;
	if (!s->key)
		s->key = s->certificate;
}

/* In single quotes the scanner leaves all as it is, but for these. */
static void print_quoted(FILE *f, const char *s)
{
	fputc('\'', f);
	for (; *s; s++) {
		if (*s == '\'' || *s == '\\')
			fputc('\\', f);
		fputc(*s, f);
	}
	fputc('\'', f);
}

static void print_source(FILE *f, const struct arguments *a)
{
	if (a->folder) {
		/* Dot files too: the folder is served as it is. */
		fprintf(f, "files { listing = %s hidden = true root = ",
			a->listing ? "true" : "false");
		print_quoted(f, a->folder);
		fputs(" }", f);
		return;
	}
	fprintf(f, "wsgi { processes = %u application = ", a->wsgi_processes);
	print_quoted(f, a->wsgi);
	if (a->wsgi_path) {
		fputs(" path = ", f);
		print_quoted(f, a->wsgi_path);
	}
	fputs(" }", f);
}

/* A configuration that says what the command line says. */
static cfg_t *make_tree(const struct arguments *a)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	cfg_t *tree = NULL;

	if (!f)
		return NULL;
	fputs("host '*' { location '/' { ", f);
	print_source(f, a);
	fputs(" }", f);
	if (a->metrics) {
		fputs(" location ", f);
		print_quoted(f, a->metrics);
		fputs(" { status { } }", f);
	}
	fputs(" }", f);
	if (!fclose(f))
		tree = grammar_read_text(text);
	free(text);
	return tree;
}

/* Says what is wrong with it in the words of the command line. */
static int check_folder(const char *folder)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0) {
		ln_error("cannot serve the folder '%s': %s", folder, strerror(errno));
		return -1;
	}
	close(fd);
	return 0;
}

static void *configure(struct ln_options *o, struct ln_wanted *wanted)
{
	struct arguments a;
	cfg_t *tree;

	set_defaults(&a, o);
	ln_parse_command_line(&argp, command_line.argc, command_line.argv, &a);
	if (a.folder && check_folder(a.folder))
		return NULL;
	tree = a.file ? grammar_read(a.file) : make_tree(&a);
	if (!tree)
		return NULL;
	if (a.file) {
		set_defaults(&a, o);
		setup_settings_read(&a.settings, tree);
		ln_parse_command_line(&argp, command_line.argc, command_line.argv, &a);
	}
	finish_settings(&a.settings);
	return setup_new(tree, &a.settings, wanted);
}

static void release(void *config)
{
	setup_free(config);
}

static void reopen(void *config)
{
	struct setup *s = config;

	ln_access_log_reopen(s->access_log);
}

/* The next location of a configuration, from (0, 0) on. */
static struct httpd_location *next_location(struct setup *s, size_t *host, size_t *place)
{
	while (*host < s->hosts.n) {
		struct httpd_host *h = &s->hosts.host[*host];

		if (*place < h->n_places)
			return &h->place[(*place)++]->location;
		++*host;
		*place = 0;
	}
	return NULL;
}

static int launch(void *config)
{
	struct httpd_location *l;
	size_t host = 0, place = 0;
	int err;

	while ((l = next_location(config, &host, &place))) {
		err = l->kind->launch ? l->kind->launch(l->conf) : 0;
		if (err)
			return err;
	}
	return 0;
}

static void reaped(void *config, pid_t pid, int status)
{
	struct httpd_location *l;
	size_t host = 0, place = 0;

	while ((l = next_location(config, &host, &place)))
		if (l->kind->reaped)
			l->kind->reaped(l->conf, pid, status);
}

static void write_access_log(void *log)
{
	ln_access_log_flush(log);
}

static int start(struct ln_server *server, void *config, const struct ln_sockets *sockets)
{
	struct setup *s = config;
	struct httpd_location *l;
	size_t host = 0, place = 0;
	int err;

	for (unsigned int i = 0; i < s->n_listens; i++) {
		struct setup_listen *listen = &s->listen[i];

		err = ln_server_listen(server, sockets, listen->tag, &http_proto, listen->tls,
				       &listen->service);
		if (err)
			return err;
	}
	s->log_turn = (struct ln_turn_end){ .run = write_access_log, .data = s->access_log };
	ln_server_at_turn_end(server, &s->log_turn);
	while ((l = next_location(s, &host, &place))) {
		err = l->kind->start ? l->kind->start(l->conf, server) : 0;
		if (err)
			return err;
	}
	return 0;
}

static int confine(void *config, struct ln_sandbox *sandbox)
{
	struct httpd_location *l;
	size_t host = 0, place = 0;
	int err;

	while ((l = next_location(config, &host, &place))) {
		err = l->kind->confine ? l->kind->confine(l->conf, sandbox) : 0;
		if (err)
			return err;
	}
	return 0;
}

/* As at the start, but that nothing is opened for good. */
static int check_configuration(struct ln_options *o)
{
	struct ln_wanted wanted = { 0 };
	void *config = configure(o, &wanted);

	if (!config)
		return EXIT_FAILURE;
	release(config);
	printf("the configuration is good\n");
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	static const struct ln_daemon daemon = {
		.name = "linnet-httpd",
		.configure = configure,
		.launch = launch,
		.reaped = reaped,
		.reopen = reopen,
		.release = release,
		.start = start,
		.confine = confine,
	};
	struct ln_options o;
	struct arguments a;

	command_line.argc = argc;
	command_line.argv = argv;
	set_defaults(&a, &o);
	ln_parse_command_line(&argp, argc, argv, &a);
	if (a.check)
		return check_configuration(&o);
	counts_define();
	return ln_daemon_main(&daemon, &o);
}
