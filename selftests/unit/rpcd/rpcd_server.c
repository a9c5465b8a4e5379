// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>
#include <string.h>

#include "rpcd_server.h"
#include "write.h"

void server_start(struct server *s)
{
	*s = (struct server){
		.limits = { .depth = 20, .values = 500, .content = 65536, .answer = 100000 },
		.registry = rpc_registry_new(),
	};
	s->parser = rpc_parser_new(&s->limits);
	s->worker = (struct rpc_worker){
		.registry = s->registry,
		.store = store_memory_open(100000),
		.limits = &s->limits,
	};
	if (!s->registry || !s->parser || !s->worker.store)
		abort();
	rpc_register_key_value(s->registry);
	rpc_register_system(s->registry);
	rpc_register_multicall(s->registry);
	rpc_register_validator(s->registry);
}

void server_stop(struct server *s)
{
	s->worker.store->close(s->worker.store);
	rpc_parser_free(s->parser);
	rpc_registry_free(s->registry);
	rpc_buffer_free(&s->answer);
	arena_free(&s->arena);
}

static void done(struct rpc_call *c)
{
	struct server *s = c->owner;

	if (c->result) {
		/* What came in as XML can go out as XML. */
		int err = rpc_write_response(&s->answer, c->result);

		if (err && !s->answer.failed)
			abort();
	} else {
		rpc_write_fault(&s->answer, c->fault_code, c->fault, strlen(c->fault));
	}
}

const char *server_answer(struct server *s, const char *data, size_t len, size_t piece)
{
	struct rpc_value *method, *params;
	struct rpc_call c = {
		.worker = &s->worker,
		.arena = &s->arena,
		.done = done,
		.owner = s,
	};
	size_t loaded = 0;
	const char *error;

	c.loaded = &loaded;
	s->answer.len = 0;
	s->answer.failed = false;
	s->answer.max = 1 << 20;
	arena_reset(&s->arena);
	rpc_parser_begin(s->parser, &s->arena);
	for (size_t i = 0; i < len; i += piece) {
		size_t n = len - i < piece ? len - i : piece;
		/* A copy on the heap, so that ASan sees one octet too many. */
		char *copy = malloc(n);

		if (!copy)
			abort();
		memcpy(copy, data + i, n);
		/* Octet by octet nobody has told where the document ends. */
		rpc_parser_feed(s->parser, copy, n, piece > 1 && i + n == len);
		free(copy);
	}
	error = rpc_parser_end(s->parser, &method, &params);
	if (error)
		rpc_write_fault(&s->answer, 1, error, strlen(error));
	else
		rpc_dispatch(&c, method, params);
	rpc_buffer_add(&s->answer, "", 1);
	return s->answer.failed ? "" : s->answer.data;
}
