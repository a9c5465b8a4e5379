/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A configuration, ready to be used: made in the master, used by the workers, never changed,
 * let go as a whole.
 */
#ifndef SMTPD_SETUP_H
#define SMTPD_SETUP_H

#include <confuse.h>
#include <stdbool.h>
#include <stdint.h>

#include "log.h"
#include "networks.h"
#include "options.h"
#include "recipient.h"
#include "tls.h"

struct accounts;		/* accounts/accounts.h */
struct relay_setup;		/* relay/relay.h */

/* Tags of sockets. */
#define SETUP_SMTP	"smtp"
#define SETUP_SUBMISSION "submission"
#define SETUP_SMTPS	"smtps"
#define SETUP_METRICS	"metrics"

/* In the queue's folder. */
#define SETUP_SUBMIT_SOCKET "submit"

/**
 * struct setup_limits - what a client may do
 * @message: octets of a message
 * @recipients: of a message
 * @received: Received fields, with more of them a message is in a loop
 * @errors: after so many a client is sent away
 * @tarpit_errors: after so many each further one is answered later
 * @tarpit_ms: by so much
 * @auth_failures: after so many a client is sent away
 * @message_rate: messages a second and address; 0: any
 * @message_burst: that may come at once
 * @min_free: octets that must be free where the queue is
 * @min_rate: octets of a message in a second, on average, after @data_ms
 * @command_ms: time for a command to come (RFC 5321, 4.5.3.2.7)
 * @data_ms: time for the next octets of a message to come
 */
struct setup_limits {
	uint64_t message;
	unsigned int recipients, received, errors, tarpit_errors;
	uint64_t tarpit_ms;
	unsigned int auth_failures, message_rate, message_burst;
	uint64_t min_free, min_rate, command_ms, data_ms;
};

/**
 * struct setup - a configuration
 * @tree: the file, whose texts are used on
 * @options: those of all our servers, after the file was read
 * @hostname: ours
 * @rules: who is here
 * @aliases: or NULL
 * @relay_networks, @n_relay_networks: who may send to other servers without AUTH
 * @etrn, @n_etrn: domains that ETRN may be asked for
 * @accounts: the users, or NULL: there are none
 * @mail_root: folder of the Maildirs, absolute
 * @mail_root_fd: its descriptor
 * @queue: folder of the queue, absolute
 * @submit_fd: the socket of linnet-sendmail, listening; the master's
 * @tls: certificates, or NULL
 * @smtp, @submission, @smtps, @metrics: there are such addresses
 * @auth_on_smtp: AUTH is offered where mail from other servers comes, too
 * @auth_without_tls: PLAIN and LOGIN may be used in the clear
 * @limits: what a client may do
 * @message_log: or NULL
 * @relay: what the queue manager needs
 */
struct setup {
	cfg_t *tree;
	struct ln_options options;
	char *hostname;
	struct recipient_rules rules;
	struct aliases *aliases;
	struct network *relay_networks;
	unsigned int n_relay_networks;
	const char *const *etrn;
	unsigned int n_etrn;
	struct accounts *accounts;
	char *mail_root;
	int mail_root_fd;
	char *queue;
	int submit_fd;
	struct ln_tls *tls;
	bool smtp, submission, smtps, metrics;
	bool auth_on_smtp, auth_without_tls;
	struct setup_limits limits;
	struct ln_access_log *message_log;
	struct relay_setup *relay;
};

/* What the command line can say over the file. */
struct setup_settings {
	struct ln_options *options;
	const char *queue;
	const char *message_log;
};

void setup_settings_read(struct setup_settings *settings, cfg_t *tree);
/* @tree belongs to the configuration then, or is freed. NULL after error lines. */
struct setup *setup_new(cfg_t *tree, const struct setup_settings *settings,
			struct ln_wanted *wanted);
void setup_free(struct setup *s);

#endif
