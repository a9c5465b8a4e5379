// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The sections access, auth, rate and headers, which may be in a location, in its
 * host, or outside of both.  The innermost of a name is the one that holds; what is
 * in it is not added to what is further out.
 */
#include "rules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "log.h"

/* A list of strings as an array, for free(); they stay @section's. */
static const char **strings(cfg_t *section, const char *name, size_t *n)
{
	const char **list;

	*n = cfg_size(section, name);
	list = calloc(*n + 1, sizeof(*list));
	for (size_t i = 0; list && i < *n; i++)
		list[i] = cfg_getnstr(section, name, i);
	return list;
}

static int read_access(struct httpd_rules *r, cfg_t *section)
{
	size_t n_allow, n_deny;
	const char **allow = strings(section, "allow", &n_allow);
	const char **deny = strings(section, "deny", &n_deny);

	if (allow && deny)
		r->access = access_new(allow, n_allow, deny, n_deny);
	free(allow);
	free(deny);
	r->has_access = true;
	return r->access ? 0 : -ENOMEM;
}

static int read_auth(struct httpd_rules *r, cfg_t *section)
{
	struct auth_settings settings = {
		.realm = cfg_getstr(section, "realm"),
		.file = cfg_getstr(section, "file"),
		.cache_ms = ln_config_time(section, "cache"),
	};
	const char **users;

	r->has_auth = true;
	if (!cfg_getbool(section, "enabled"))
		return 0;
	users = strings(section, "users", &settings.n_users);
	settings.users = settings.n_users ? users : NULL;
	r->auth = users ? auth_new(&settings) : NULL;
	free(users);
	if (r->auth)
		return 0;
	ln_config_error(section, "the section auth that ends here cannot be used");
	return -EINVAL;
}

static int read_rate(struct httpd_rules *r, cfg_t *section)
{
	r->has_rate = true;
	if (!cfg_getbool(section, "enabled"))
		return 0;
	r->rate = rate_new(cfg_getfloat(section, "per-second"), cfg_getint(section, "burst"));
	return r->rate ? 0 : -ENOMEM;
}

static int read_headers(struct httpd_rules *r, cfg_t *section)
{
	r->has_headers = true;
	r->n_headers = cfg_size(section, "add");
	r->header = calloc(r->n_headers + 1, sizeof(*r->header));
	if (!r->header)
		return -ENOMEM;
	for (size_t i = 0; i < r->n_headers; i++) {
		const char *text = cfg_getnstr(section, "add", i), *colon = strchr(text, ':');
		struct rule_header *h = &r->header[i];

		h->name = text;
		h->name_len = colon - text;
		h->value = colon + 1 + strspn(colon + 1, " \t");
		h->value_len = strlen(h->value);
	}
	return 0;
}

/**
 * rules_read() - read the rules that a section has of its own
 * @r: zeroed; rules_clear() is due in any case
 * @section: the file, a host or a location; its texts are used on
 *
 * Return: 0, or a negative errno after an error line.
 */
int rules_read(struct httpd_rules *r, cfg_t *section)
{
	static const struct {
		const char *name;
		int (*read)(struct httpd_rules *r, cfg_t *section);
	} rules[] = {
		{ "access", read_access },
		{ "auth", read_auth },
		{ "rate", read_rate },
		{ "headers", read_headers },
	};
	int err;

	for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++) {
		if (!cfg_size(section, rules[i].name))
			continue;
		err = rules[i].read(r, cfg_getnsec(section, rules[i].name, 0));
		if (err == -ENOMEM)
			ln_error("no memory for the configuration");
		if (err)
			return err;
	}
	return 0;
}

/**
 * rules_only_here() - let only this machine in
 * @r: rules without any about access
 *
 * Return: 0, or -ENOMEM after an error line.
 */
int rules_only_here(struct httpd_rules *r)
{
	static const char *const here[] = { "127.0.0.0/8", "::1" };

	r->access = access_new(here, 2, NULL, 0);
	r->has_access = true;
	if (r->access)
		return 0;
	ln_error("no memory for the configuration");
	return -ENOMEM;
}

/**
 * rules_inherit() - take over what is not said here
 * @r: rules of the inner part
 * @outer: rules of the part around it, which outlives it
 */
void rules_inherit(struct httpd_rules *r, const struct httpd_rules *outer)
{
	if (!r->has_access)
		r->access = outer->access;
	if (!r->has_auth)
		r->auth = outer->auth;
	if (!r->has_rate)
		r->rate = outer->rate;
	if (!r->has_headers) {
		r->header = outer->header;
		r->n_headers = outer->n_headers;
	}
}

/**
 * rules_clear() - let rules go
 * @r: the rules
 */
void rules_clear(struct httpd_rules *r)
{
	if (r->has_access)
		free(r->access);
	if (r->has_auth)
		auth_free(r->auth);
	if (r->has_rate)
		rate_free(r->rate);
	if (r->has_headers)
		free(r->header);
	memset(r, 0, sizeof(*r));
}
