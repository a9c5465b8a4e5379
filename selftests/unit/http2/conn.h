/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A connection without a socket, for http2*.c: what server.h promises, at the
 * caller's hand.
 */
#ifndef CONN_H
#define CONN_H

#include "http.h"
#include "http2.h"

struct ln_conn *conn_new(struct http_service *service, size_t output_max);
/* Each of these is an event and the turn of the loop that follows; false: it is over. */
bool conn_receive(struct ln_conn *c, const void *data, size_t len);
bool conn_eof(struct ln_conn *c);
bool conn_stop(struct ln_conn *c);
bool conn_take_output(struct ln_conn *c, size_t len);
bool conn_pass_time(struct ln_conn *c, uint64_t ms);
/* Outside of an event, as from another connection's. */
bool conn_turn(struct ln_conn *c);
/* What waits to be sent, in one piece. */
const unsigned char *conn_output(struct ln_conn *c, size_t *len);
void conn_free(struct ln_conn *c);

#endif
