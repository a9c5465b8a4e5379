/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Configuration files, by libconfuse, with errors that say where and what is
 * allowed.
 *
 * A check is called while the file is read, right after its option, so that an
 * error names the option's own line.  The table of options stays as it is,
 *
 *	CFG_STR("root", NULL, CFGF_NONE),
 *
 * and beside it stands a table of checks:
 *
 *	{ "server|root", ln_config_folder },
 *
 * A check is of libconfuse's type cfg_validate_callback_t: it looks at the last value
 * of the option, writes an error with ln_config_error() and returns -1, or returns 0.
 */
#ifndef LN_CONFIG_H
#define LN_CONFIG_H

#include <confuse.h>
#include <stdint.h>

/**
 * struct ln_config_check - a check for an option
 * @option: its name, after the names of the sections it is in, each with a "|"
 * @check: called with each value that the file gives; a default is not checked
 */
struct ln_config_check {
	const char *option;
	cfg_validate_callback_t check;
};

cfg_t *ln_config_parse(const char *file, cfg_opt_t *options);
/* The same, with checks; { 0 } is after the last. */
cfg_t *ln_config_parse_checked(const char *file, cfg_opt_t *options,
			       const struct ln_config_check *checks);
/* For CFG_FUNC("include", ln_config_include), among the options of the root only. */
int ln_config_include(cfg_t *cfg, cfg_opt_t *opt, int argc, const char **argv);
/* "FILE:LINE: message" at error level. */
void ln_config_error(cfg_t *cfg, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

int ln_config_port(cfg_t *cfg, cfg_opt_t *opt);			/* 0 to 65535 */
int ln_config_positive(cfg_t *cfg, cfg_opt_t *opt);
int ln_config_folder(cfg_t *cfg, cfg_opt_t *opt);		/* must exist */
int ln_config_file(cfg_t *cfg, cfg_opt_t *opt);			/* must be readable */
int ln_config_is_time(cfg_t *cfg, cfg_opt_t *opt);		/* for ln_config_time() */
int ln_config_is_level(cfg_t *cfg, cfg_opt_t *opt);
int ln_config_is_log(cfg_t *cfg, cfg_opt_t *opt);
int ln_config_is_log_or_none(cfg_t *cfg, cfg_opt_t *opt);
int ln_config_is_certificate(cfg_t *cfg, cfg_opt_t *opt);
int ln_config_is_size(cfg_t *cfg, cfg_opt_t *opt);		/* for ln_config_size() */

/* "10s", "500ms", "2m", "1h", "0": milliseconds; -1 after an error line. */
int64_t ln_config_time(cfg_t *cfg, const char *name);
/* "512", "64k", "10m", "1g": octets; -1 after an error line. */
int64_t ln_config_size(cfg_t *cfg, const char *name);

#endif
