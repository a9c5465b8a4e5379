/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dnstap: each message that was received and sent, octet by octet, to a program that listens on
 * a UNIX socket (https://dnstap.info), over Frame Streams with its handshake.
 *
 * Nobody waits for that program: what it does not take in time is dropped and counted.
 */
#ifndef DNSD_DNSTAP_H
#define DNSD_DNSTAP_H

#include <confuse.h>
#include <stdbool.h>

struct query;
struct setup;
struct worker;

/* The section dnstap { }. */
extern cfg_opt_t dnstap_options[];

/**
 * struct dnstap_setup - a section dnstap { }
 * @socket: path, or "@name" in the abstract name space
 * @queries, @responses: what is sent
 * @buffer: octets that may wait in a worker
 */
struct dnstap_setup {
	const char *socket;
	bool queries, responses;
	size_t buffer;
};

/**
 * dnstap_read() - dnstap { }
 * @section: whose texts are used on
 *
 * Return: for free(), or NULL after an error line.
 */
struct dnstap_setup *dnstap_read(cfg_t *section);
/* In the master, before workers are there. */
void dnstap_define_metrics(void);

/**
 * dnstap_start() - in a worker whose configuration has a dnstap_setup
 * @w: its dnstap is set
 *
 * Return: 0, or -ENOMEM after an error line.
 */
int dnstap_start(struct worker *w);
/* Says what waits, for half a second at most, and takes its leave. */
void dnstap_stop(struct worker *w);
/* At the end of a turn: sends what the turn said. */
void dnstap_flush(struct worker *w);

/* @q was parsed: its message arrived just now. */
void dnstap_query(struct query *q);
/* @q has the response that is to be sent. */
void dnstap_response(const struct query *q);

#endif
