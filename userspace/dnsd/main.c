// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * linnet-dnsd: a DNS server over UDP, TCP, TLS and Linnet.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "balance/balance.h"
#include "counts.h"
#include "daemon.h"
#include "dnstap/dnstap.h"
#include "grammar.h"
#include "keeper-process.h"
#include "keeper/keeper-counts.h"
#include "keeper/keeper.h"
#include "resolve/resolve.h"
#include "setup.h"
#include "sign/command.h"
#include "worker.h"
#include "zone/zone.h"

#define DEFAULT_FILE	"/etc/linnet/linnet-dnsd.conf"
#define DEFAULT_PORT	53

const char *argp_program_version = "linnet-dnsd " LINNET_VERSION;

enum {
	OPT_CHECK = 0x400,
	OPT_STATE,
	OPT_QUERY_LOG,
	OPT_EXPLAIN,
	OPT_JSON,
	OPT_CONTROL,
	OPT_KEYS,
};

/**
 * struct arguments - the command line, over what the file says
 * @settings: what both can say
 * @file: the configuration file
 * @check: look at the configuration and the zones, and no more
 * @explain: answer with the way to the answer
 * @json: for programs
 * @control: talk to the keeper of a running server
 * @keys: show a zone's keys
 * @words: what follows the options
 * @n_words: how many
 */
struct arguments {
	struct setup_settings settings;
	const char *file;
	bool check, explain, json, control, keys;
	char *words[16];
	int n_words;
};

static const struct argp_option options[] = {
	{ NULL, 0, NULL, 0, "What to serve:", LN_OPTIONS_OWN },
	{ "config", 'c', "FILE", 0, "All of it is in FILE (linnet-dnsd.conf(5); default: "
	  DEFAULT_FILE ")", LN_OPTIONS_OWN },
	{ "state-directory", OPT_STATE, "FOLDER", 0,
	  "Where the store is (default: /var/lib/linnet-dnsd)", LN_OPTIONS_OWN },
	{ NULL, 0, NULL, 0, "What to do instead:", LN_OPTIONS_OWN + 1 },
	{ "check", OPT_CHECK, NULL, 0, "Check the configuration and the zone files and end",
	  LN_OPTIONS_OWN + 1 },
	{ "explain", OPT_EXPLAIN, NULL, 0,
	  "Resolve NAME [TYPE] and show each step of it", LN_OPTIONS_OWN + 1 },
	{ "json", OPT_JSON, NULL, 0, "With --explain: as JSON, for programs", LN_OPTIONS_OWN + 1 },
	{ "control", OPT_CONTROL, NULL, 0, "Tell a running server: --control help",
	  LN_OPTIONS_OWN + 1 },
	{ "keys", OPT_KEYS, NULL, 0, "Show the keys that ZONE is signed with, and the DS for its "
	  "parent", LN_OPTIONS_OWN + 1 },
	{ "query-log", OPT_QUERY_LOG, "TARGET", 0,
	  "Where a line for each query goes: a file, stderr, journal or none (default: none)",
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
	case OPT_CHECK:
		a->check = true;
		return 0;
	case OPT_EXPLAIN:
		a->explain = true;
		return 0;
	case OPT_JSON:
		a->json = true;
		return 0;
	case OPT_CONTROL:
		a->control = true;
		return 0;
	case OPT_KEYS:
		a->keys = true;
		return 0;
	case OPT_STATE:
		a->settings.state = arg;
		return 0;
	case OPT_QUERY_LOG:
		a->settings.query_log = arg;
		return 0;
	case ARGP_KEY_INIT:
		state->child_inputs[0] = a->settings.options;
		return 0;
	case ARGP_KEY_ARG:
		if (a->n_words == sizeof(a->words) / sizeof(*a->words))
			ln_usage_error("'%s': too many words", arg);
		a->words[a->n_words++] = arg;
		return 0;
	case ARGP_KEY_END:
		if (a->check + a->explain + a->control + a->keys > 1)
			ln_usage_error("--check, --explain, --control, --keys: one of them only");
		if (a->json && !a->explain)
			ln_usage_error("--json is for --explain");
		if (a->n_words && !a->explain && !a->control && !a->keys)
			ln_usage_error("'%s': this program takes options only", a->words[0]);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_child children[] = { { &ln_options_argp, 0, NULL, 0 }, { 0 } };
static const struct argp argp = {
	.options = options, .parser = parse, .children = children, .args_doc = "[NAME [TYPE]]",
	.doc = "Answer questions about names by DNS, from zones and by recursion, over UDP, TCP, "
	       "TLS and Linnet (IP protocol 253)."
	       "\vThe default port is 53; where to listen is in the configuration file, or "
	       "said by --address and --port.",
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
		.max_connections = 4096, .max_per_address = 1024,
		.idle_ms = 20 * 1000, .total_ms = 0, .drain_ms = 10 * 1000,
		.workers = 1,
		/* Each worker has its own queue of datagrams. */
		.reuseport = true,
	};
	*a = (struct arguments){
		.settings = { .options = o, .query_log = "none" },
		.file = DEFAULT_FILE,
	};
}

static struct setup *read_setup(struct arguments *a, struct ln_options *o,
				struct ln_wanted *wanted)
{
	cfg_t *tree;

	set_defaults(a, o);
	ln_parse_command_line(&argp, command_line.argc, command_line.argv, a);
	tree = grammar_read(a->file);
	if (!tree)
		return NULL;
	set_defaults(a, o);
	setup_settings_read(&a->settings, tree);
	ln_parse_command_line(&argp, command_line.argc, command_line.argv, a);
	return setup_new(tree, a->file, &a->settings, wanted);
}

/* --- in the master --- */

static void *configure(struct ln_options *o, struct ln_wanted *wanted)
{
	struct arguments a;

	return read_setup(&a, o, wanted);
}

static void release(void *config)
{
	setup_free(config);
}

static void reopen(void *config)
{
	struct setup *s = config;

	ln_access_log_reopen(s->query_log);
}

static int launch(void *config)
{
	return keeper_process_start(config);
}

static void reaped(void *config, pid_t pid, int status)
{
	keeper_process_reaped(config, pid, status);
}

/* --- in a worker --- */

static struct worker worker;

static int start(struct ln_server *server, void *config, const struct ln_sockets *sockets)
{
	return worker_start(&worker, server, config, sockets);
}

static int confine(void *config, struct ln_sandbox *sandbox)
{
	struct setup *s = config;
	int err = 0;

	if (worker_needs_keeper(s) || s->dnstap)
		sandbox->connect_local = true;
	if (s->resolve)
		err = resolve_confine(s->resolve, sandbox);
	if (!err && s->balance)
		err = balance_confine(s->balance, sandbox);
	return err;
}

static void stop(void *config)
{
	(void)config;
	worker_stop(&worker);
}

/* --- instead of serving --- */

static int check(void)
{
	struct ln_wanted wanted = { 0 };
	struct ln_options o;
	struct arguments a;
	struct setup *s = read_setup(&a, &o, &wanted);
	bool good = s;

	for (unsigned int i = 0; s && i < s->n_zones; i++)
		if (s->zone[i].file && !zone_check_file(&s->zone[i]))
			good = false;
	setup_free(s);
	if (!good)
		return EXIT_FAILURE;
	printf("the configuration and the zone files are good\n");
	return EXIT_SUCCESS;
}

static int explain(void)
{
	struct ln_wanted wanted = { 0 };
	struct ln_options o;
	struct arguments a;
	struct setup *s = read_setup(&a, &o, &wanted);

	if (!s)
		return EXIT_FAILURE;
	if (a.n_words < 1 || a.n_words > 2)
		ln_usage_error("--explain: NAME, and perhaps a TYPE");
	return resolve_explain(s, a.words[0], a.n_words > 1 ? a.words[1] : "A", a.json);
}

static int control(void)
{
	struct ln_wanted wanted = { 0 };
	struct ln_options o;
	struct arguments a;
	struct setup *s = read_setup(&a, &o, &wanted);

	return s ? keeper_control(s, a.words, a.n_words) : EXIT_FAILURE;
}

static int keys(void)
{
	struct ln_wanted wanted = { 0 };
	struct ln_options o;
	struct arguments a;
	struct setup *s = read_setup(&a, &o, &wanted);

	return s ? sign_command_keys(s, a.words, a.n_words) : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	static const struct ln_daemon daemon = {
		.name = "linnet-dnsd",
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

	command_line.argc = argc;
	command_line.argv = argv;
	set_defaults(&a, &o);
	ln_parse_command_line(&argp, argc, argv, &a);
	if (a.check)
		return check();
	if (a.explain)
		return explain();
	if (a.control)
		return control();
	if (a.keys)
		return keys();
	counts_define();
	keeper_counts_define();
	dnstap_define_metrics();
	resolve_define_metrics();
	return ln_daemon_main(&daemon, &o);
}
