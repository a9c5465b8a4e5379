// SPDX-License-Identifier: GPL-2.0-or-later
#include "worker.h"

#include <errno.h>
#include <time.h>

#include "accounts.h"
#include "metrics-page.h"
#include "metrics.h"
#include "sasl.h"
#include "session.h"
#include "submit.h"

static struct service services[] = {
	{ .kind = SERVICE_SMTP }, { .kind = SERVICE_SUBMISSION }, { .kind = SERVICE_SMTPS },
};

static void on_turn_end(void *data)
{
	ln_access_log_flush(data);
}

static int listen_for_clients(struct worker *w, const struct ln_sockets *sockets)
{
	const struct setup *s = w->setup;
	const struct {
		bool wanted;
		const char *tag;
		struct ln_tls *tls;
	} ports[] = {
		{ s->smtp, SETUP_SMTP, NULL },
		{ s->submission, SETUP_SUBMISSION, NULL },
		{ s->smtps, SETUP_SMTPS, s->tls },
	};
	int err = 0;

	for (size_t i = 0; i < sizeof(ports) / sizeof(*ports) && !err; i++) {
		services[i].worker = w;
		if (ports[i].wanted)
			err = ln_server_listen(w->server, sockets, ports[i].tag, &session_proto,
					       ports[i].tls, &services[i]);
	}
	if (!err && s->metrics)
		err = metrics_page_start(w->server, sockets, SETUP_METRICS, "linnet-smtpd",
					 ln_metrics_text);
	return err;
}

int worker_start(struct worker *w, struct ln_server *server, const struct setup *setup,
		 const struct ln_sockets *sockets)
{
	int err = 0;

	*w = (struct worker){ .server = server, .setup = setup };
	/* Reads a file, which cannot be done later. */
	tzset();
	w->spool = spool_open(setup->queue);
	if (!w->spool)
		return -EIO;
	w->temporary = spool_folder(w->spool);
	if (setup->accounts) {
		err = accounts_start(setup->accounts);
		if (!err)
			err = sasl_start();
	}
	if (!err)
		err = listen_for_clients(w, sockets);
	if (!err)
		err = submit_start(w, setup->submit_fd);
	if (err)
		return err;
	w->turn_end = (struct ln_turn_end){ .run = on_turn_end, .data = setup->message_log };
	ln_server_at_turn_end(server, &w->turn_end);
	return 0;
}

int worker_confine(struct worker *w, struct ln_sandbox *sandbox)
{
	int err = ln_sandbox_fd(sandbox, w->temporary, LN_ACCESS_READ | LN_ACCESS_WRITE);

	/* To the queue manager. */
	sandbox->connect_local = true;
	return err ? err : ln_sandbox_fd(sandbox, w->setup->mail_root_fd,
					 LN_ACCESS_READ | LN_ACCESS_WRITE);
}

void worker_stop(struct worker *w)
{
	(void)w;
	/* The queue stays open: threads that were not waited for may still write to it. */
	submit_stop();
}
