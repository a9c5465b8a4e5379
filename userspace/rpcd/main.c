// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * linnet-rpcd: a key-value server by XML-RPC on Linnet and TCP.
 */
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon.h"
#include "front.h"
#include "log.h"
#include "module.h"
#include "store-etcd.h"
#include "store-sqlite.h"
#include "tls.h"

#define DEFAULT_PORT 15000 /* the textbook's */
#define MAX_MODULES 16

const char *argp_program_version = "linnet-rpcd " LINNET_VERSION;

enum {
	OPT_STORE_LIMIT = 0x300,
	OPT_ETCD_PREFIX,
	OPT_ETCD_CA,
	OPT_ETCD_CERTIFICATE,
	OPT_ETCD_KEY,
	OPT_ETCD_TIMEOUT,
	OPT_ETCD_TOTAL,
	OPT_MODULE,
	OPT_METRICS,
	OPT_CERTIFICATE,
	OPT_KEY,
	OPT_MAX_REQUEST,
	OPT_MAX_ANSWER,
	OPT_MAX_DEPTH,
	OPT_MAX_VALUES,
	OPT_HEADER_TIMEOUT,
	OPT_MIN_RATE,
};

enum kind { SQLITE, MEMORY, ETCD };

/**
 * struct arguments - the command line, the same for the program's whole life
 * @options: those that all servers have
 * @kind: of the store
 * @file: the database, an absolute path
 * @folder: its folder
 * @etcd: how etcd is reached
 * @store_limit: octets of the store, 0: none
 * @modules: files of modules
 * @n_modules: how many
 * @certificate: PEM file, or NULL: no TLS
 * @key: PEM file of its key
 * @metrics: path of the counters, or NULL
 * @header_ms: time for a header
 * @min_rate: octets of a call per second
 * @limits: bounds of calls
 */
static struct arguments {
	struct ln_options options;
	enum kind kind;
	char file[PATH_MAX + NAME_MAX + 2], folder[PATH_MAX];
	struct store_etcd_options etcd;
	uint64_t store_limit;
	const char *modules[MAX_MODULES];
	int n_modules;
	const char *certificate, *key;
	const char *metrics;
	uint64_t header_ms, min_rate;
	struct rpc_limits limits;
} arguments;

/* What a configuration is: sockets stay, so it has only what workers make of it. */
struct setup {
	struct ln_options options;
	struct rpc_registry *registry;
	struct ln_tls *tls;
	struct front front;
};

static const struct argp_option options[] = {
	{ NULL, 0, NULL, 0, "What to keep, and where:", LN_OPTIONS_OWN },
	{ "store", 's', "STORE", 0,
	  "sqlite:FILE, memory or etcd:URL,URL,... (default: sqlite:linnet-rpcd.db)",
	  LN_OPTIONS_OWN },
	{ "store-limit", OPT_STORE_LIMIT, "BYTES", 0,
	  "Largest size of the store in memory (default: 256 MiB) or in SQLite (default: none)",
	  LN_OPTIONS_OWN },
	{ "etcd-prefix", OPT_ETCD_PREFIX, "TEXT", 0,
	  "What keys in etcd start with (default: /linnet-rpcd/)", LN_OPTIONS_OWN },
	{ "etcd-ca", OPT_ETCD_CA, "FILE", 0, "Certificates trusted for https (PEM)",
	  LN_OPTIONS_OWN },
	{ "etcd-certificate", OPT_ETCD_CERTIFICATE, "FILE", 0, "Our certificate for etcd (PEM)",
	  LN_OPTIONS_OWN },
	{ "etcd-key", OPT_ETCD_KEY, "FILE", 0, "Its key (PEM)", LN_OPTIONS_OWN },
	{ "etcd-timeout", OPT_ETCD_TIMEOUT, "SECONDS", 0,
	  "Time for a member of etcd to answer, before the next is asked (default: 2)",
	  LN_OPTIONS_OWN },
	{ "etcd-total-timeout", OPT_ETCD_TOTAL, "SECONDS", 0,
	  "Time for etcd to answer, whichever member is asked (default: 10)", LN_OPTIONS_OWN },
	{ NULL, 0, NULL, 0, "What to serve:", LN_OPTIONS_OWN + 1 },
	{ "module", OPT_MODULE, "FILE", 0, "A shared object with further methods (repeatable)",
	  LN_OPTIONS_OWN + 1 },
	{ "metrics", OPT_METRICS, "PATH", 0, "Show counters there, to this machine alone",
	  LN_OPTIONS_OWN + 1 },
	{ "certificate", OPT_CERTIFICATE, "FILE", 0,
	  "PEM file of a certificate and its chain; asks for TLS", LN_OPTIONS_LISTEN },
	{ "key", OPT_KEY, "FILE", 0, "PEM file of its key (default: the certificate's)",
	  LN_OPTIONS_LISTEN },
	{ "max-request", OPT_MAX_REQUEST, "BYTES", 0, "Longest call (default: 1 MiB)",
	  LN_OPTIONS_LIMITS },
	{ "max-answer", OPT_MAX_ANSWER, "BYTES", 0, "Longest answer (default: 16 MiB)",
	  LN_OPTIONS_LIMITS },
	{ "max-depth", OPT_MAX_DEPTH, "N", 0, "Levels of arrays and structs (default: 64)",
	  LN_OPTIONS_LIMITS },
	{ "max-values", OPT_MAX_VALUES, "N", 0, "Values in a call (default: 100000)",
	  LN_OPTIONS_LIMITS },
	{ "header-timeout", OPT_HEADER_TIMEOUT, "SECONDS", 0,
	  "Time for a request's header to arrive (default: 10)", LN_OPTIONS_LIMITS },
	{ "min-rate", OPT_MIN_RATE, "BYTES", 0,
	  "Least of a call in a second, on average, after the time for a header; 0: any "
	  "(default: 500)", LN_OPTIONS_LIMITS },
	{ 0 },
};

static void parse_file(struct arguments *a, const char *file)
{
	char *for_dirname = strdup(file), *for_basename = strdup(file);

	if (!*file || file[strlen(file) - 1] == '/')
		ln_usage_error("--store: sqlite:FILE needs a file's name");
	if (!for_dirname || !for_basename || !realpath(dirname(for_dirname), a->folder))
		ln_usage_error("--store: the folder of '%s': %m", file);
	snprintf(a->file, sizeof(a->file), "%s/%.*s", a->folder, NAME_MAX, basename(for_basename));
	free(for_dirname);
	free(for_basename);
}

static void parse_store(struct arguments *a, char *arg)
{
	if (!strncmp(arg, "sqlite:", 7)) {
		a->kind = SQLITE;
		parse_file(a, arg + 7);
	} else if (!strcmp(arg, "memory")) {
		a->kind = MEMORY;
	} else if (!strncmp(arg, "etcd:", 5)) {
		a->kind = ETCD;
		a->etcd.urls = arg + 5;
	} else {
		ln_usage_error("--store: '%s' is none of sqlite:FILE, memory, etcd:URL,URL,...",
			       arg);
	}
}

static void check(struct arguments *a)
{
	if (a->kind == SQLITE && !*a->file)
		parse_file(a, "linnet-rpcd.db");
	if (a->kind == MEMORY && a->options.workers > 1)
		ln_usage_error("--store memory: each worker would have a store of its own: "
			       "use one worker, or another store");
	if (a->kind == MEMORY && !a->store_limit)
		a->store_limit = 256 << 20;
	if (a->kind == ETCD && !store_etcd_check(&a->etcd))
		exit(LN_EXIT_USAGE);
	if (!a->etcd.certificate != !a->etcd.key)
		ln_usage_error("--etcd-certificate and --etcd-key: both or none");
	if (a->key && !a->certificate)
		ln_usage_error("--key: without --certificate");
	if (!a->key)
		a->key = a->certificate;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *a = state->input;

	switch (key) {
	case 's':
		parse_store(a, arg);
		return 0;
	case OPT_STORE_LIMIT:
		a->store_limit = ln_parse_number("--store-limit", arg, 65536, 1UL << 50);
		return 0;
	case OPT_ETCD_PREFIX:
		a->etcd.prefix = arg;
		return 0;
	case OPT_ETCD_CA:
		a->etcd.ca = arg;
		return 0;
	case OPT_ETCD_CERTIFICATE:
		a->etcd.certificate = arg;
		return 0;
	case OPT_ETCD_KEY:
		a->etcd.key = arg;
		return 0;
	case OPT_ETCD_TIMEOUT:
		a->etcd.attempt_ms = ln_parse_seconds("--etcd-timeout", arg, 0.05, 60);
		return 0;
	case OPT_ETCD_TOTAL:
		a->etcd.total_ms = ln_parse_seconds("--etcd-total-timeout", arg, 0.05, 600);
		return 0;
	case OPT_MODULE:
		if (a->n_modules == MAX_MODULES)
			ln_usage_error("--module: %d at most", MAX_MODULES);
		a->modules[a->n_modules++] = arg;
		return 0;
	case OPT_METRICS:
		if (*arg != '/' || !arg[1] || !strcmp(arg, "/RPC2"))
			ln_usage_error("--metrics: '%s' must begin with a slash and be neither / "
				       "nor /RPC2",
				       arg);
		a->metrics = arg;
		return 0;
	case OPT_CERTIFICATE:
		a->certificate = arg;
		return 0;
	case OPT_KEY:
		a->key = arg;
		return 0;
	case OPT_MAX_REQUEST:
		a->limits.content = ln_parse_number("--max-request", arg, 1024, 1UL << 30);
		return 0;
	case OPT_MAX_ANSWER:
		a->limits.answer = ln_parse_number("--max-answer", arg, 4096, 1UL << 30);
		return 0;
	case OPT_MAX_DEPTH:
		a->limits.depth = ln_parse_number("--max-depth", arg, 1, RPC_MAX_DEPTH);
		return 0;
	case OPT_MAX_VALUES:
		a->limits.values = ln_parse_number("--max-values", arg, 1, 100000000);
		return 0;
	case OPT_HEADER_TIMEOUT:
		a->header_ms = ln_parse_seconds("--header-timeout", arg, 0.01, 3600);
		return 0;
	case OPT_MIN_RATE:
		a->min_rate = ln_parse_number("--min-rate", arg, 0, 1UL << 40);
		return 0;
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &a->options;
		return 0;
	case ARGP_KEY_ARG:
		ln_usage_error("'%s': this program takes options only", arg);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* --- in the master --- */

static void release(void *config)
{
	struct setup *s = config;

	ln_tls_put(s->tls);
	rpc_registry_free(s->registry);
	free(s);
}

static int fill_registry(struct rpc_registry *r)
{
	rpc_register_key_value(r);
	rpc_register_system(r);
	rpc_register_multicall(r);
	rpc_register_validator(r);
	for (int i = 0; i < arguments.n_modules; i++)
		if (rpc_load_module(r, arguments.modules[i]))
			return -1;
	return 0;
}

static void *configure(struct ln_options *o, struct ln_wanted *wanted)
{
	const struct ln_tls_certificate certificate = { arguments.certificate, arguments.key };
	struct setup *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->options = *o;
	s->registry = rpc_registry_new();
	if (!s->registry || fill_registry(s->registry) ||
	    (arguments.kind == SQLITE && !store_sqlite_prepare(arguments.file)))
		goto failed;
	if (arguments.certificate) {
		s->tls = ln_tls_server(&certificate, 1, http_alpn);
		if (!s->tls)
			goto failed;
	}
	if (!ln_want(wanted, o, "rpc", SOCK_STREAM, o->port))
		return s;
failed:
	release(s);
	return NULL;
}

/* --- in a worker --- */

static struct store *open_store(uv_loop_t *loop)
{
	switch (arguments.kind) {
	case SQLITE:
		return store_sqlite_open(loop, arguments.file, arguments.store_limit);
	case ETCD:
		return store_etcd_open(loop, &arguments.etcd);
	default:
		return store_memory_open(arguments.store_limit);
	}
}

static int start(struct ln_server *server, void *config, const struct ln_sockets *sockets)
{
	struct setup *s = config;
	struct front *f = &s->front;

	f->worker = (struct rpc_worker){
		.loop = ln_server_loop(server),
		.registry = s->registry,
		.store = open_store(ln_server_loop(server)),
		.limits = &arguments.limits,
	};
	if (!f->worker.store)
		return -1;
	f->metrics = arguments.metrics;
	f->service.limits = (struct http_limits){
		.head = 16384,
		.target = 8000,
		.fields = HTTP_MAX_FIELDS,
		.content = arguments.limits.content,
		.header_ms = arguments.header_ms,
		.min_rate = arguments.min_rate,
		.idle_ms = s->options.idle_ms,
		.keep_alive_ms = s->options.idle_ms,
		.streams = 100,
	};
	front_init(f);
	return ln_server_listen(server, sockets, "rpc", &http_proto, s->tls, &f->service);
}

static int confine(void *config, struct ln_sandbox *sandbox)
{
	(void)config;
	switch (arguments.kind) {
	case SQLITE:
		sandbox->sqlite = true;
		return ln_sandbox_path(sandbox, arguments.folder, LN_ACCESS_READ | LN_ACCESS_WRITE);
	case ETCD:
		return store_etcd_confine(&arguments.etcd, sandbox);
	default:
		return 0;
	}
}

static void stop(void *config)
{
	struct setup *s = config;
	struct front *f = &s->front;

	if (f->worker.store)
		f->worker.store->close(f->worker.store);
	front_free(f);
}

int main(int argc, char **argv)
{
	static const struct argp_child children[] = { { &ln_options_argp, 0, NULL, 0 }, { 0 } };
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.children = children,
		.doc = "Keep values of any type under keys, by XML-RPC on Linnet (IP protocol 253) "
		       "and TCP."
		       "\vThe default port is 15000.",
	};
	static const struct ln_daemon daemon = {
		.name = "linnet-rpcd",
		.configure = configure,
		.release = release,
		.start = start,
		.confine = confine,
		.stop = stop,
	};

	arguments = (struct arguments){
		.options = {
			.transports = LN_TRANSPORT_LINNET | LN_TRANSPORT_TCP,
			.ipv4 = true, .ipv6 = true,
			.port = DEFAULT_PORT,
			.max_connections = 1024, .max_per_address = 256,
			.idle_ms = 60 * 1000, .total_ms = 0, .drain_ms = 10 * 1000,
			.workers = 1,
		},
		.etcd = { .prefix = "/linnet-rpcd/", .attempt_ms = 2000, .total_ms = 10000 },
		.header_ms = 10 * 1000,
		.min_rate = 500,
		.limits = { .depth = 64, .values = 100000, .content = 1 << 20, .answer = 16 << 20 },
	};
	ln_parse_command_line(&argp, argc, argv, &arguments);
	check(&arguments);
	front_define_metrics();
	return ln_daemon_main(&daemon, &arguments.options);
}
