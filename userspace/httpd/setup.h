/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A configuration, ready to be served: made in the master, used by the workers, let go
 * as a whole.
 */
#ifndef HTTPD_SETUP_H
#define HTTPD_SETUP_H

#include "hosts.h"
#include "http.h"
#include "log.h"
#include "rules.h"
#include "tls.h"

#define SETUP_MAX_LISTENS	64

/**
 * struct setup_settings - what may be said on the command line as well as in a file
 * @options: those of all our servers
 * @limits: bounds of HTTP
 * @access_log: where lines about requests go
 * @tls_port: port for TLS beside the options' port, when @certificate is set
 * @certificate: PEM file, or NULL
 * @key: PEM file
 */
struct setup_settings {
	struct ln_options *options;
	struct http_limits limits;
	const char *access_log;
	uint16_t tls_port;
	const char *certificate;
	const char *key;
};

/**
 * struct setup_listen - where we listen, and what is said there
 * @tag: its name among the sockets
 * @tls: certificates, or NULL
 * @service: what is served; its data is the setup
 */
struct setup_listen {
	const char *tag;
	struct ln_tls *tls;
	struct http_service service;
};

/**
 * struct setup - a configuration
 * @tree: the file, whose texts are used on
 * @rules: what holds everywhere
 * @hosts: virtual hosts
 * @access_log: where lines about requests go, or NULL
 * @log_turn: when they are written, in a worker
 * @tls_port: port of the first listener with TLS, 0 for none
 * @n_listens: how many
 * @listen: where we listen
 */
struct setup {
	cfg_t *tree;
	struct httpd_rules rules;
	struct httpd_hosts hosts;
	struct ln_access_log *access_log;
	struct ln_turn_end log_turn;
	uint16_t tls_port;
	unsigned int n_listens;
	struct setup_listen listen[SETUP_MAX_LISTENS];
};

void setup_settings_read(struct setup_settings *settings, cfg_t *tree);
struct setup *setup_new(cfg_t *tree, const struct setup_settings *settings,
			struct ln_wanted *wanted);
void setup_free(struct setup *s);

#endif
