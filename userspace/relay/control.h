/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two sockets in the queue's folder: `notify`, a datagram with a message's name when it is new; and
 * `control`, a stream of lines of JSON, each a question, each answered by one line:
 *
 *	{"command": "list", "sender": ADDRESS, "recipient": ADDRESS, "domain": DOMAIN}
 *	{"command": "show", "id": ID}
 *	{"command": "flush" | "hold" | "release" | "delete", and "id" | "domain" | "sender" |
 *	 "recipient", or "all": true}
 *	{"command": "stats"}
 *
 * The answer has "ok": true, or "ok": false and "error": words. "messages" is what a list is in,
 * else how many messages it was about.
 */
#ifndef RELAY_CONTROL_H
#define RELAY_CONTROL_H

#include "delivery.h"
#include "queue.h"

#define CONTROL_SOCKET	"control"
#define CONTROL_NOTIFY	"notify"
/* Octets of a question. */
#define CONTROL_LINE_MAX 4096

struct control;

/* Binds both. NULL after an error line. */
struct control *control_new(struct ln_server *server, struct queue *queue,
			    struct delivery *delivery);
void control_stop(struct control *c);

#endif
