// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Configuration files, by libconfuse.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"

#define MESSAGE_MAX	512
#define ALLOWED_MAX	768
#define FILE_MAX_BYTES	(16 << 20)
#define MAX_DEPTH	10

/* libconfuse takes the end of the file for a closing brace.  So this is read after the
 * file's own text: within a section nobody knows it.
 */
#define END_NAME	"end_of_file__"

/**
 * struct reading - the file that is being read; libconfuse's callbacks get no argument
 *	of ours
 * @file: its path, NULL: none is
 * @end: line of END_NAME
 * @depth: how many files include it, and itself
 * @ended: END_NAME was come to, not swallowed by a comment
 */
static struct reading {
	const char *file;
	int end;
	int depth;
	bool ended;
} reading;

/* What libconfuse says, and what it leaves out. */
static const struct {
	const char *message;
	const char *hint;
} hints[] = {
	{ "invalid boolean value", "allowed are true, false, yes, no, on and off" },
	{ "invalid integer value", "allowed are whole numbers" },
	{ "integer value", "allowed are whole numbers of at most 63 bits" },
	{ "invalid floating point value", "allowed are decimal numbers" },
	{ "missing equal sign", "as in: name = value" },
	{ "attempt to append", "only lists take +=" },
	{ "missing opening brace", "as in: name { ... }" },
	{ "missing title", "as in: name title { ... }" },
	{ "unexpected closing brace", "a value or the end of a list is missing before it" },
};

static void list_options(const cfg_t *cfg, char *out, size_t size)
{
	int len = snprintf(out, size, "allowed here are ");

	for (const cfg_opt_t *o = cfg->opts; o && o->name && (size_t)len < size; o++) {
		if (strcmp(o->name, END_NAME))
			len += snprintf(out + len, size - len, "%s%s", o == cfg->opts ? "" : ", ",
					o->name);
	}
}

/* libconfuse's callback: some of its messages name what was found only. */
static void on_error(cfg_t *cfg, const char *fmt, va_list ap)
{
	char message[MESSAGE_MAX], allowed[ALLOWED_MAX] = "";

	vsnprintf(message, sizeof(message), fmt, ap);
	if (!strncmp(message, "no such option", strlen("no such option")))
		list_options(cfg, allowed, sizeof(allowed));
	for (size_t i = 0; i < sizeof(hints) / sizeof(*hints) && !*allowed; i++) {
		if (!strncmp(message, hints[i].message, strlen(hints[i].message)))
			snprintf(allowed, sizeof(allowed), "%s", hints[i].hint);
	}
	if (*allowed)
		ln_config_error(cfg, "%s: %s", message, allowed);
	else
		ln_config_error(cfg, "%s", message);
}

static bool at_end(const cfg_t *cfg)
{
	return reading.file && cfg->line >= reading.end;
}

/**
 * ln_config_error() - an error line that says where
 * @cfg: the section; after parsing, its line is where it ended
 * @fmt: as for printf()
 */
void ln_config_error(cfg_t *cfg, const char *fmt, ...)
{
	/* A section that is there without being written has no name of its file. */
	const char *file = cfg->filename ? cfg->filename : reading.file;
	char message[MESSAGE_MAX + ALLOWED_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	if (at_end(cfg))
		snprintf(message, sizeof(message), "the file ends in the middle of a section, "
						   "list, value or comment, which is not closed");
	ln_error("%s:%d: %s", file ? file : "configuration", cfg->line, message);
}

/* A folder would be fatal to libconfuse's scanner: exit(). */
static int open_regular(const char *file, off_t *size)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		ln_error("%s: %s", file, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		ln_error("%s: is not a regular file", file);
	else if (st.st_size > FILE_MAX_BYTES)
		ln_error("%s: is longer than the allowed %d octets", file, FILE_MAX_BYTES);
	else
		*size = st.st_size;
	if (fd >= 0 && *size < 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* All of a file with END_NAME on a line of its own; NULL after an error line. */
static char *read_text(const char *file, size_t *len)
{
	static const char last[] = "\n" END_NAME "()\n";
	off_t size = -1;
	int fd = open_regular(file, &size);
	char *text;
	ssize_t n;

	if (fd < 0)
		return NULL;
	text = malloc(size + sizeof(last));
	n = text ? read(fd, text, size) : -1;
	if (n < 0) {
		ln_error("%s: %s", file, strerror(errno));
		free(text);
		text = NULL;
	} else {
		memcpy(text + n, last, sizeof(last));
		*len = n + sizeof(last) - 1;
	}
	close(fd);
	return text;
}

static int on_end(cfg_t *cfg, cfg_opt_t *opt, int argc, const char **argv)
{
	(void)cfg;
	(void)opt;
	(void)argc;
	(void)argv;
	reading.ended = true;
	return 0;
}

/* @options and END_NAME; libconfuse makes a copy of its own. */
static cfg_t *init(cfg_opt_t *options)
{
	const cfg_opt_t last[] = { CFG_FUNC(END_NAME, on_end), CFG_END() };
	int n = cfg_numopts(options);
	cfg_opt_t *all = calloc(n + 2, sizeof(*all));
	cfg_t *cfg;

	if (!all)
		return NULL;
	memcpy(all, options, n * sizeof(*all));
	memcpy(all + n, last, sizeof(last));
	cfg = cfg_init(all, CFGF_NONE);
	free(all);
	return cfg;
}

static cfg_t *new_config(const char *file, cfg_opt_t *options, const struct ln_config_check *checks)
{
	cfg_t *cfg = init(options);

	if (!cfg) {
		ln_error("%s: out of memory", file);
		return NULL;
	}
	cfg_set_error_function(cfg, on_error);
	for (; checks && checks->option; checks++)
		cfg_set_validate_func(cfg, checks->option, checks->check);
	/* cfg_parse() would set it, had it opened the file. */
	cfg->filename = strdup(file);
	if (!cfg->filename) {
		ln_error("%s: out of memory", file);
		cfg_free(cfg);
		return NULL;
	}
	return cfg;
}

static int count_lines(const char *text, size_t len)
{
	int n = 0;

	for (size_t i = 0; i < len; i++)
		n += text[i] == '\n';
	return n;
}

/* Parse a file into @cfg, which has its name. */
static int parse_file(cfg_t *cfg)
{
	const struct reading outer = reading;
	char *text;
	size_t len;
	FILE *f;
	int err;

	text = read_text(cfg->filename, &len);
	if (!text)
		return -1;
	f = fmemopen(text, len, "r");
	if (!f) {
		ln_error("%s: %s", cfg->filename, strerror(errno));
		free(text);
		return -1;
	}
	reading = (struct reading){ cfg->filename, count_lines(text, len), outer.depth + 1, false };
	err = cfg_parse_fp(cfg, f);
	if (err == CFG_SUCCESS && !reading.ended) {
		ln_config_error(cfg, "the file ends in the middle of a comment");
		err = CFG_PARSE_ERROR;
	}
	reading = outer;
	fclose(f);
	free(text);
	return err == CFG_SUCCESS ? 0 : -1;
}

/**
 * ln_config_parse_checked() - read a configuration file
 * @file: its path
 * @options: what may be in it
 * @checks: what values have to stand, { 0 } after the last; or NULL
 *
 * Return: to be released with cfg_free(); or NULL after an error line.
 */
cfg_t *ln_config_parse_checked(const char *file, cfg_opt_t *options,
			       const struct ln_config_check *checks)
{
	cfg_t *cfg = new_config(file, options, checks);

	if (cfg && parse_file(cfg)) {
		cfg_free(cfg);
		cfg = NULL;
	}
	return cfg;
}

/**
 * ln_config_parse() - read a configuration file
 * @file: its path
 * @options: what may be in it
 *
 * Return: to be released with cfg_free(); or NULL after an error line.
 */
cfg_t *ln_config_parse(const char *file, cfg_opt_t *options)
{
	return ln_config_parse_checked(file, options, NULL);
}

/* A relative path is beside the file that names it; NULL without memory. */
static char *beside(const char *file, const char *path)
{
	const char *slash = strrchr(file, '/');
	char *joined;

	if (*path == '/' || !slash)
		return strdup(path);
	if (asprintf(&joined, "%.*s/%s", (int)(slash - file), file, path) < 0)
		return NULL;
	return joined;
}

/**
 * ln_config_include() - for CFG_FUNC("include", ln_config_include)
 * @cfg: the root
 * @opt: the function's option
 * @argc: number of arguments
 * @argv: one path; a relative one is beside the file that it stands in
 *
 * cfg_include() would remember files that it could not read to their end, and refuse
 * the next reload for them.
 *
 * Return: 0, or -1 after an error line.
 */
int ln_config_include(cfg_t *cfg, cfg_opt_t *opt, int argc, const char **argv)
{
	char *outer = cfg->filename;
	int line = cfg->line, err;

	(void)opt;
	if (argc != 1) {
		ln_config_error(cfg, "include takes one path, as in: include(\"file\")");
		return -1;
	}
	if (reading.depth == MAX_DEPTH) {
		ln_config_error(cfg, "include: files within files, %d deep: does one include "
				     "itself?", MAX_DEPTH);
		return -1;
	}
	cfg->filename = beside(outer, argv[0]);
	if (cfg->filename)
		err = parse_file(cfg);
	else
		err = -1;
	free(cfg->filename);
	cfg->filename = outer;
	cfg->line = line;
	if (err)
		ln_config_error(cfg, "'%s' cannot be included", argv[0]);
	return err;
}

/* --- checks --- */

static long last_number(cfg_opt_t *opt)
{
	return cfg_opt_getnint(opt, cfg_opt_size(opt) - 1);
}

static const char *last_text(cfg_opt_t *opt)
{
	return cfg_opt_getnstr(opt, cfg_opt_size(opt) - 1);
}

/**
 * ln_config_port() - check: a number from 0 to 65535
 * @cfg: section
 * @opt: integer option
 *
 * Return: 0, or -1 after an error line; so all checks.
 */
int ln_config_port(cfg_t *cfg, cfg_opt_t *opt)
{
	long n = last_number(opt);

	if (n >= 0 && n <= 65535)
		return 0;
	ln_config_error(cfg, "%s: %ld is no port: allowed are 0 to 65535", opt->name, n);
	return -1;
}

/**
 * ln_config_positive() - check: a number from 1 to 2147483647
 * @cfg: section
 * @opt: integer option
 */
int ln_config_positive(cfg_t *cfg, cfg_opt_t *opt)
{
	long n = last_number(opt);

	if (n >= 1 && n <= INT32_MAX)
		return 0;
	ln_config_error(cfg, "%s: %ld is not possible: allowed are 1 to %d", opt->name, n,
			INT32_MAX);
	return -1;
}

/**
 * ln_config_folder() - check: a folder that is there
 * @cfg: section
 * @opt: text option
 */
int ln_config_folder(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *path = last_text(opt);
	struct stat st;

	if (stat(path, &st)) {
		ln_config_error(cfg, "%s: '%s': %s", opt->name, path, strerror(errno));
		return -1;
	}
	if (S_ISDIR(st.st_mode))
		return 0;
	ln_config_error(cfg, "%s: '%s' is not a folder", opt->name, path);
	return -1;
}

/**
 * ln_config_file() - check: a regular file that we can read
 * @cfg: section
 * @opt: text option
 */
int ln_config_file(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *path = last_text(opt);
	struct stat st;

	if (stat(path, &st) || access(path, R_OK)) {
		ln_config_error(cfg, "%s: '%s': %s", opt->name, path, strerror(errno));
		return -1;
	}
	if (S_ISREG(st.st_mode))
		return 0;
	ln_config_error(cfg, "%s: '%s' is not a regular file", opt->name, path);
	return -1;
}

/* --- numbers with a unit --- */

struct unit {
	const char *name;
	int64_t factor;
};

static const struct unit time_units[] = {
	{ "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 }, { "d", 86400000 }, { 0 },
};

static const struct unit size_units[] = {
	{ "", 1 }, { "k", 1 << 10 }, { "m", 1 << 20 }, { "g", 1 << 30 }, { 0 },
};

static int64_t parse_units(const char *text, const struct unit *units)
{
	int64_t n = 0;
	const char *p;

	for (p = text; *p >= '0' && *p <= '9'; p++) {
		if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, *p - '0', &n))
			return -1;
	}
	if (p == text)
		return -1;
	/* Nothing is nothing in any unit. */
	if (!n && !*p)
		return 0;
	for (const struct unit *u = units; u->name; u++) {
		if (!strcasecmp(p, u->name))
			return __builtin_mul_overflow(n, u->factor, &n) ? -1 : n;
	}
	return -1;
}

static int64_t parse_time(cfg_t *cfg, const char *name, const char *text)
{
	int64_t n = parse_units(text, time_units);

	if (n < 0)
		ln_config_error(cfg,
				"%s: '%s' is no time: allowed is a whole number with ms, s, m, h "
				"or d right behind it, or 0",
				name, text);
	return n;
}

static int64_t parse_size(cfg_t *cfg, const char *name, const char *text)
{
	int64_t n = parse_units(text, size_units);

	if (n < 0)
		ln_config_error(cfg,
				"%s: '%s' is no size: allowed is a whole number of octets, or one "
				"with k, m or g right behind it",
				name, text);
	return n;
}

/**
 * ln_config_is_time() - check: what ln_config_time() can read
 * @cfg: section
 * @opt: text option
 */
int ln_config_is_time(cfg_t *cfg, cfg_opt_t *opt)
{
	return parse_time(cfg, opt->name, last_text(opt)) < 0 ? -1 : 0;
}

/**
 * ln_config_is_size() - check: what ln_config_size() can read
 * @cfg: section
 * @opt: text option
 */
int ln_config_is_size(cfg_t *cfg, cfg_opt_t *opt)
{
	return parse_size(cfg, opt->name, last_text(opt)) < 0 ? -1 : 0;
}

/**
 * ln_config_time() - a text option as a time
 * @cfg: section
 * @name: option, with a value or a default
 *
 * Return: milliseconds, or -1 after an error line.
 */
int64_t ln_config_time(cfg_t *cfg, const char *name)
{
	const char *text = cfg_getstr(cfg, name);

	return parse_time(cfg, name, text ? text : "");
}

/**
 * ln_config_size() - a text option as a size
 * @cfg: section
 * @name: option, with a value or a default
 *
 * Return: octets, or -1 after an error line.
 */
int64_t ln_config_size(cfg_t *cfg, const char *name)
{
	const char *text = cfg_getstr(cfg, name);

	return parse_size(cfg, name, text ? text : "");
}

/**
 * ln_config_is_level() - check: one of the log's levels
 * @cfg: section
 * @opt: text option
 */
int ln_config_is_level(cfg_t *cfg, cfg_opt_t *opt)
{
	enum ln_level level;

	if (!ln_log_level_parse(last_text(opt), &level))
		return 0;
	ln_config_error(cfg, "%s = '%s': allowed are error, warning, notice, info and debug",
			opt->name, last_text(opt));
	return -1;
}

static int check_log(cfg_t *cfg, cfg_opt_t *opt, const char *none)
{
	const char *target = last_text(opt);

	if (strchr(target, '/') || !strcmp(target, "stderr") || !strcmp(target, "journal") ||
	    (none && !strcmp(target, none)))
		return 0;
	ln_config_error(cfg, "%s = '%s': allowed are stderr, journal, %s%sand a file's path with a "
			"slash in it", opt->name, target, none ?: "", none ? ", " : "");
	return -1;
}

/**
 * ln_config_is_log() - check: where a log can go
 * @cfg: section
 * @opt: text option
 */
int ln_config_is_log(cfg_t *cfg, cfg_opt_t *opt)
{
	return check_log(cfg, opt, NULL);
}

/**
 * ln_config_is_log_or_none() - check: where a log can go, or "none"
 * @cfg: section
 * @opt: text option
 */
int ln_config_is_log_or_none(cfg_t *cfg, cfg_opt_t *opt)
{
	return check_log(cfg, opt, "none");
}

/**
 * ln_config_is_certificate() - check: a section with both file and key
 * @cfg: the section around it
 * @opt: section option
 */
int ln_config_is_certificate(cfg_t *cfg, cfg_opt_t *opt)
{
	cfg_t *certificate = cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1);

	if (cfg_size(certificate, "file") && cfg_size(certificate, "key"))
		return 0;
	ln_config_error(cfg, "certificate needs both file and key, each a PEM file");
	return -1;
}
