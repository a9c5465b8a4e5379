/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Values of XML-RPC.  A value and all below it live in one arena, that of the
 * call it belongs to, and go with it.
 */
#ifndef RPCD_VALUE_H
#define RPCD_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

enum rpc_type {
	RPC_NIL,
	RPC_BOOLEAN,
	RPC_INT,
	RPC_DOUBLE,
	RPC_STRING,
	RPC_DATETIME,
	RPC_BASE64,
	RPC_ARRAY,
	RPC_STRUCT,
};

/**
 * struct rpc_value - a value
 * @type: which member of the union holds it
 * @boolean: RPC_BOOLEAN
 * @integer: RPC_INT: int, i4 and i8 are one type; written as i8 where 32 bits are too few
 * @number: RPC_DOUBLE, finite
 * @data: RPC_STRING: UTF-8; RPC_DATETIME: the ISO 8601 text; RPC_BASE64: octets.  A NUL
 *	follows.
 * @len: octets of @data
 * @first: RPC_ARRAY, RPC_STRUCT: the elements or members, in order, linked by @next
 * @last: the last of them
 * @count: how many
 * @next: the next element or member
 * @name: a member's name in UTF-8, a NUL follows
 * @name_len: its length in octets
 */
struct rpc_value {
	enum rpc_type type;
	union {
		bool boolean;
		int64_t integer;
		double number;
		struct {
			const char *data;
			size_t len;
		};
		struct {
			struct rpc_value *first, *last;
			size_t count;
		};
	};
	struct rpc_value *next;
	const char *name;
	size_t name_len;
};

struct rpc_value *rpc_nil(struct arena *a);
struct rpc_value *rpc_boolean(struct arena *a, bool b);
struct rpc_value *rpc_int(struct arena *a, int64_t n);
struct rpc_value *rpc_double(struct arena *a, double d);
struct rpc_value *rpc_string(struct arena *a, const char *s);
/* A copy of @len octets as RPC_STRING, RPC_DATETIME or RPC_BASE64. */
struct rpc_value *rpc_text(struct arena *a, enum rpc_type type, const void *data, size_t len);
struct rpc_value *rpc_array(struct arena *a);
struct rpc_value *rpc_struct(struct arena *a);
/* @v, that belongs to no array or struct yet, becomes the last of @list. */
void rpc_append(struct rpc_value *array, struct rpc_value *v);
void rpc_member(struct arena *a, struct rpc_value *structure, const char *name,
		struct rpc_value *v);

/* The member of this name, or NULL. */
const struct rpc_value *rpc_find(const struct rpc_value *structure, const char *name);
/* Names of two members are the same. */
bool rpc_same_name(const struct rpc_value *a, const struct rpc_value *b);
/* Elements with the names of earlier ones replace these, in their places, as in Python. */
void rpc_unite_members(struct rpc_value *structure);
/* What Python calls the type, without and with a wrapper: "str", "list", "DateTime". */
const char *rpc_type_name(const struct rpc_value *v);
/* What XML-RPC calls it: "string", "array", "dateTime.iso8601". */
const char *rpc_xml_type(const struct rpc_value *v);

/* Zeroed memory of the arena; ends the process when there is none. */
void *rpc_alloc(struct arena *a, size_t size);
char *rpc_copy(struct arena *a, const void *data, size_t len);

#endif
