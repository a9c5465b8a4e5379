/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rooms of linnet-httpd and what they owe each other.
 *
 * The configuration (config.c) is a list of hosts with locations.  The router
 * (router.c) finds a request's host and location, checks access, password and
 * rate, and calls the location's kind: files, redirect, status, form, cgi, fastcgi,
 * scgi, proxy or wsgi.  Each kind is a struct httpd_kind in a file of its own and
 * knows neither the configuration's other parts nor other kinds.
 */
#ifndef HTTPD_H
#define HTTPD_H

#include <confuse.h>

#include "daemon.h"
#include "http.h"
#include "target.h"

struct httpd_location;

/**
 * struct httpd_request - what a kind needs beside the exchange
 * @location: where the request belongs
 * @target: its target, decoded
 * @rest: the part of @target's path below the location's prefix, without a slash
 *	at its start
 * @user: who was authenticated, or NULL
 */
struct httpd_request {
	const struct httpd_location *location;
	const struct http_target *target;
	const char *rest;
	const char *user;
};

/**
 * struct httpd_kind - one way of answering
 * @name: the section's name in the configuration
 * @encoded_slashes: it has its own use for a slash that came encoded (%2F), where @target
 *	has a plain one; for others there is no such path
 * @options: what may be in that section
 * @configure: in the master: read the section; NULL after error lines.  @l has its
 *	prefix and its host's root.
 * @launch: in the master, with a new configuration: start helper processes.  0 or a
 *	negative errno after an error line.
 * @reaped: in the master: a child that is no worker ended
 * @start: in a worker, before confine
 * @confine: in a worker: what it still needs
 * @handle: answer
 * @release: let what @configure returned go
 */
struct httpd_kind {
	const char *name;
	bool encoded_slashes;
	cfg_opt_t *options;
	void *(*configure)(cfg_t *section, const struct httpd_location *l);
	int (*launch)(void *conf);
	void (*reaped)(void *conf, pid_t pid, int status);
	int (*start)(void *conf, struct ln_server *s);
	int (*confine)(void *conf, struct ln_sandbox *sandbox);
	void (*handle)(struct http_exchange *x, const struct httpd_request *r);
	void (*release)(void *conf);
};

/**
 * struct httpd_location - a part of a host's name space
 * @prefix: path, decoded, without a slash at either end; empty for all
 * @root: the host's folder, or NULL
 * @kind: how requests are answered
 * @conf: what @kind's configure() returned
 * @rules: access, password and rate, config.c's and router.c's own
 */
struct httpd_location {
	const char *prefix;
	const char *root;
	const struct httpd_kind *kind;
	void *conf;
	struct httpd_rules *rules;
};

extern const struct httpd_kind httpd_files, httpd_redirect, httpd_status, httpd_form, httpd_cgi,
	httpd_fastcgi, httpd_scgi, httpd_proxy, httpd_wsgi;

#endif
