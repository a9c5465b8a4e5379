/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HTTPD_RULES_H
#define HTTPD_RULES_H

#include <confuse.h>
#include <stdbool.h>
#include <stddef.h>

#include "access.h"
#include "auth.h"
#include "rate.h"

/* A field for responses; its name ends at the colon. */
struct rule_header {
	const char *name;
	size_t name_len;
	const char *value;
	size_t value_len;
};

/**
 * struct httpd_rules - what holds for requests before their kind is called
 * @access: who may come in; NULL: all
 * @auth: passwords; NULL: none
 * @rate: how often an address may; NULL: as it likes
 * @header: fields to add to responses
 * @n_headers: how many
 * @has_access: said here rather than further out, and to be freed; likewise
 * @has_auth:
 * @has_rate:
 * @has_headers:
 */
struct httpd_rules {
	struct access *access;
	struct auth *auth;
	struct rate *rate;
	struct rule_header *header;
	size_t n_headers;
	bool has_access, has_auth, has_rate, has_headers;
};

int rules_read(struct httpd_rules *r, cfg_t *section);
int rules_only_here(struct httpd_rules *r);
void rules_inherit(struct httpd_rules *r, const struct httpd_rules *outer);
void rules_clear(struct httpd_rules *r);

#endif
