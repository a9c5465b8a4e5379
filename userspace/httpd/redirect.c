// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Redirection to elsewhere.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "httpd.h"
#include "log.h"

#define MAX_TO		2048
#define MAX_LOCATION	(4 * HTTP_MAX_PATH)

/**
 * struct redirect_conf - a section of kind "redirect"
 * @status: status of the response
 * @to: the template of the Location
 */
struct redirect_conf {
	int status;
	char *to;
};

enum variable { DOLLAR, REST, PATH, QUERY, HOST, N_VARIABLES, NONE };

static const char *const variables[N_VARIABLES] = { "$", "rest", "path", "query", "host" };

static cfg_opt_t redirect_options[] = {
	CFG_STR("to", NULL, CFGF_NONE),
	CFG_INT("status", 302, CFGF_NONE),
	CFG_END(),
};

/* What a dollar begins; *@s is moved past it. */
static enum variable variable(const char **s)
{
	for (int i = 0; i < N_VARIABLES; i++) {
		size_t n = strlen(variables[i]);

		if (!strncmp(*s + 1, variables[i], n)) {
			*s += n + 1;
			return i;
		}
	}
	return NONE;
}

static bool check_to(cfg_t *section, const char *to)
{
	const char *s = to;

	if (!to || !*to || strlen(to) > MAX_TO) {
		ln_config_error(section, "to: where to? Up to %d octets, such as "
				"\"https://example.org$rest\"", MAX_TO);
		return false;
	}
	while (*s) {
		if (*s == '$') {
			if (variable(&s) != NONE)
				continue;
			ln_config_error(section, "to: '%s': $rest, $path, $query, $host and $$ "
					"are allowed", s);
			return false;
		}
		if ((unsigned char)*s <= ' ' || (unsigned char)*s >= 0x7f) {
			ln_config_error(section, "to: '%s': only visible ASCII characters are "
					"allowed, others as %%XX", to);
			return false;
		}
		s++;
	}
	return true;
}

static bool check_status(cfg_t *section, long status)
{
	if (status == 301 || status == 302 || status == 303 || status == 307 || status == 308)
		return true;
	ln_config_error(section, "status: %ld: 301, 302, 303, 307 and 308 are allowed", status);
	return false;
}

static void redirect_release(void *data)
{
	struct redirect_conf *c = data;

	if (!c)
		return;
	free(c->to);
	free(c);
}

static void *redirect_configure(cfg_t *section, const struct httpd_location *l)
{
	const char *to = cfg_getstr(section, "to");
	long status = cfg_getint(section, "status");
	struct redirect_conf *c;

	(void)l;
	if (!check_to(section, to) || !check_status(section, status))
		return NULL;
	c = calloc(1, sizeof(*c));
	if (c) {
		c->status = status;
		c->to = strdup(to);
		if (c->to)
			return c;
	}
	ln_error("no memory for the configuration");
	redirect_release(c);
	return NULL;
}

struct text {
	char *s;
	size_t len;
	bool full;
};

static void append(struct text *t, const char *s, size_t n)
{
	if (t->full || n >= MAX_LOCATION - t->len) {
		t->full = true;
		return;
	}
	memcpy(t->s + t->len, s, n);
	t->len += n;
}

/* With a slash at its start, encoded again. */
static void append_path(struct text *t, const char *path, bool directory)
{
	size_t n = strlen(path), len;

	append(t, "/", 1);
	if (t->full || !n)
		return;
	len = http_encode(t->s + t->len, MAX_LOCATION - t->len, path, n);
	if (!len)
		t->full = true;
	t->len += len;
	if (directory)
		append(t, "/", 1);
}

static void append_query(struct text *t, const struct http_target *target)
{
	if (!target->query)
		return;
	append(t, "?", 1);
	append(t, target->query, target->query_len);
}

static void expand(struct text *t, const char *s, const struct http_request *rq,
		   const struct httpd_request *r)
{
	while (*s) {
		size_t plain = strcspn(s, "$");

		append(t, s, plain);
		s += plain;
		if (!*s)
			break;
		switch (variable(&s)) {
		case REST:
			append_path(t, r->rest, r->target->directory);
			append_query(t, r->target);
			break;
		case PATH:
			append_path(t, r->target->path, r->target->directory);
			break;
		case QUERY:
			append_query(t, r->target);
			break;
		case HOST:
			append(t, rq->host, strlen(rq->host));
			break;
		default: /* "$$": nothing else passes check_to() */
			append(t, "$", 1);
		}
	}
}

static void redirect_handle(struct http_exchange *x, const struct httpd_request *r)
{
	const struct redirect_conf *c = r->location->conf;
	struct text t = { .s = http_alloc(x, MAX_LOCATION) };
	char note[64];
	int n;

	if (!t.s) {
		http_error(x, 503);
		return;
	}
	expand(&t, c->to, http_request(x), r);
	if (t.full) {
		http_error(x, 414);
		return;
	}
	n = snprintf(note, sizeof(note), "%d %s\n", c->status, http_reason(c->status));
	http_status(x, c->status);
	http_add_n(x, "Location", strlen("Location"), t.s, t.len);
	http_add(x, "Content-Type", "text/plain; charset=utf-8");
	http_length(x, n);
	http_begin(x);
	http_write(x, note, n);
	http_end(x);
}

const struct httpd_kind httpd_redirect = {
	.name = "redirect",
	.options = redirect_options,
	.configure = redirect_configure,
	.handle = redirect_handle,
	.release = redirect_release,
};
