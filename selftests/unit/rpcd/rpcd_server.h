/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A server without HTTP: calls in, answers out. */
#ifndef RPCD_SERVER_H
#define RPCD_SERVER_H

#include "buffer.h"
#include "call.h"

struct server {
	struct rpc_worker worker;
	struct rpc_limits limits;
	struct rpc_registry *registry;
	struct rpc_parser *parser;
	struct arena arena;
	struct rpc_buffer answer;
};

void server_start(struct server *s);
void server_stop(struct server *s);
/* The answer to a document that comes in pieces of @piece octets; ends in NUL. */
const char *server_answer(struct server *s, const char *data, size_t len, size_t piece);

#endif
