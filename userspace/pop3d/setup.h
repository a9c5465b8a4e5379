/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A configuration, ready to be used: made in the master, used by the workers, let go as a whole.
 */
#ifndef POP3D_SETUP_H
#define POP3D_SETUP_H

#include <confuse.h>
#include <stdbool.h>
#include <stdint.h>

#include "accounts.h"
#include "log.h"
#include "net.h"
#include "options.h"
#include "tls.h"

/* Tags of sockets. */
#define SETUP_POP3	"pop3"
#define SETUP_POP3S	"pop3s"
#define SETUP_METRICS	"metrics"

/**
 * struct setup_limits - what a client may do
 * @errors: after so many a client is sent away
 * @auth_failures: the same with passwords
 * @failure_delay_ms: before a failure is told
 * @login_ms: time for the login
 * @idle_ms: time between commands after it (RFC 1939, 3: 10 minutes at least)
 */
struct setup_limits {
	unsigned int errors, auth_failures;
	uint64_t failure_delay_ms, login_ms, idle_ms;
};

/**
 * struct setup - a configuration
 * @tree: the file, whose texts are used on
 * @options: those of all our servers
 * @hostname: ours; @own_name when the file does not say
 * @accounts: who may come in
 * @mail_root: folder of the Maildirs
 * @mail_root_fd: its descriptor, in a worker
 * @tls: certificates, or NULL
 * @pop3s, @metrics: there are such addresses
 * @auth_without_tls: passwords may be sent in the clear
 * @limits: what a client may do
 * @session_log: or NULL
 */
struct setup {
	cfg_t *tree;
	struct ln_options options;
	const char *hostname;
	char own_name[256];
	struct accounts *accounts;
	const char *mail_root;
	int mail_root_fd;
	struct ln_tls *tls;
	bool pop3s, metrics;
	bool auth_without_tls;
	struct setup_limits limits;
	struct ln_access_log *session_log;
};

/* @options: those of the command line, over which the file goes. NULL after error lines. */
struct setup *setup_new(const char *file, struct ln_options *options, struct ln_wanted *wanted);
void setup_free(struct setup *s);
/* In a worker: the mail root. 0, or a negative errno after an error line. */
int setup_open(struct setup *s);

#endif
