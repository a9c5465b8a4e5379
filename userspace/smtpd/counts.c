// SPDX-License-Identifier: GPL-2.0-or-later
#include "counts.h"

#include <stddef.h>

#include "metrics.h"

#define LABELLED(n, l, h) { .name = n, .labels = l, .help = h, .type = LN_COUNTER }
#define ONE(n, h) LABELLED(n, NULL, h)

static struct ln_metric replies[] = {
	LABELLED("linnet_smtp_replies_total", "code=\"2xx\"", "Replies by their class."),
	LABELLED("linnet_smtp_replies_total", "code=\"3xx\"", "Replies by their class."),
	LABELLED("linnet_smtp_replies_total", "code=\"4xx\"", "Replies by their class."),
	LABELLED("linnet_smtp_replies_total", "code=\"5xx\"", "Replies by their class."),
};
static struct ln_metric recipients[] = {
	LABELLED("linnet_smtp_recipients_total", "answer=\"refused\"", "Recipients by the answer."),
	LABELLED("linnet_smtp_recipients_total", "answer=\"accepted\"",
		 "Recipients by the answer."),
};
static struct ln_metric messages[] = {
	LABELLED("linnet_smtp_messages_total", "answer=\"refused\"",
		 "Messages that were there as a whole and good, by whether they were kept."),
	LABELLED("linnet_smtp_messages_total", "answer=\"accepted\"",
		 "Messages that were there as a whole and good, by whether they were kept."),
};
static struct ln_metric auth[] = {
	LABELLED("linnet_smtp_auth_total", "verdict=\"bad\"", "AUTH by its verdict."),
	LABELLED("linnet_smtp_auth_total", "verdict=\"good\"", "AUTH by its verdict."),
};
static struct ln_metric bytes =
	ONE("linnet_smtp_message_bytes_total", "Octets of accepted messages.");
static struct ln_metric delivered =
	ONE("linnet_smtp_delivered_total", "Copies put into mailboxes before the answer.");
static struct ln_metric queued =
	ONE("linnet_smtp_queued_total", "Recipients put into the queue.");
static struct ln_metric tls = ONE("linnet_smtp_starttls_total", "TLS begun by STARTTLS.");
static struct ln_metric limited =
	ONE("linnet_smtp_limited_total", "MAIL commands that were refused for their rate.");

static struct ln_metric *const single[] = { &bytes, &delivered, &queued, &tls, &limited };

static void define(struct ln_metric *m, size_t n)
{
	for (size_t i = 0; i < n; i++)
		ln_metric_define(&m[i]);
}

void counts_define(void)
{
	define(replies, sizeof(replies) / sizeof(*replies));
	define(recipients, 2);
	define(messages, 2);
	define(auth, 2);
	for (size_t i = 0; i < sizeof(single) / sizeof(*single); i++)
		ln_metric_define(single[i]);
}

void counts_reply(char first)
{
	if (first >= '2' && first <= '5')
		ln_metric_add(&replies[first - '2'], 1);
}

void counts_recipient(bool accepted)
{
	ln_metric_add(&recipients[accepted], 1);
}

void counts_message(unsigned int code, uint64_t size, unsigned int n_delivered,
		    unsigned int n_queued)
{
	bool accepted = code < 300;

	ln_metric_add(&messages[accepted], 1);
	ln_metric_add(&bytes, accepted ? size : 0);
	ln_metric_add(&delivered, n_delivered);
	ln_metric_add(&queued, n_queued);
}

void counts_auth(bool good)
{
	ln_metric_add(&auth[good], 1);
}

void counts_tls(void)
{
	ln_metric_add(&tls, 1);
}

void counts_limited(void)
{
	ln_metric_add(&limited, 1);
}
