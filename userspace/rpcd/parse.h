/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Calls from XML, as they arrive, by expat.  No document type, and so no entities
 * but XML's own five.
 */
#ifndef RPCD_PARSE_H
#define RPCD_PARSE_H

#include "arena.h"
#include "value.h"

#define RPC_MAX_DEPTH 256 /* highest bound for nesting that can be asked for */
#define RPC_MAX_NAME 1024 /* octets of a method's name */

/**
 * struct rpc_limits - bounds for a call and its answer
 * @depth: arrays and structs within each other, RPC_MAX_DEPTH at most
 * @values: values in a call
 * @content: octets of a call's document
 * @answer: octets of an answer
 */
struct rpc_limits {
	unsigned int depth;
	unsigned int values;
	size_t content;
	size_t answer;
};

struct rpc_parser;

/* A parser can be used for one call after another. NULL: no memory */
struct rpc_parser *rpc_parser_new(const struct rpc_limits *limits);
void rpc_parser_free(struct rpc_parser *p);

/* The call's texts and values go to @arena.  Also forgets what came before. */
void rpc_parser_begin(struct rpc_parser *p, struct arena *arena);
/*
 * More of the document; @last: nothing follows, if that is known already, which spares expat
 * a look back.  After an error the rest is ignored.
 */
void rpc_parser_feed(struct rpc_parser *p, const char *data, size_t len, bool last);

/**
 * rpc_parser_end() - the document is complete
 * @p: the parser
 * @method: becomes the method's name, UTF-8
 * @params: becomes an array of the parameters
 *
 * Returns NULL, or the fault's text in the form in which Python has it: the class
 * of the exception, a colon and what is wrong.
 */
const char *rpc_parser_end(struct rpc_parser *p, struct rpc_value **method,
			   struct rpc_value **params);

#endif
