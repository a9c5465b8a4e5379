// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <expat.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "buffer.h"
#include "number.h"
#include "parse.h"
#include "repr.h"

/* What an open element is. */
enum place {
	AT_CALL,
	AT_METHOD_NAME,
	AT_PARAMS,
	AT_PARAM,
	AT_VALUE,
	AT_SCALAR,
	AT_ARRAY,
	AT_DATA,
	AT_STRUCT,
	AT_MEMBER,
	AT_NAME,
};

/* A type that has text and no elements in it. */
struct scalar {
	const char *tag;
	enum rpc_type type;
	int64_t min, max;
};

/* i1, i2 and float are of the extensions that come with ex:nil and i8 (ws.apache.org). */
static const struct scalar scalars[] = {
	{ "string", RPC_STRING, 0, 0 },
	{ "int", RPC_INT, INT32_MIN, INT32_MAX },
	{ "i4", RPC_INT, INT32_MIN, INT32_MAX },
	{ "i8", RPC_INT, INT64_MIN, INT64_MAX },
	{ "boolean", RPC_BOOLEAN, 0, 1 },
	{ "double", RPC_DOUBLE, 0, 0 },
	{ "dateTime.iso8601", RPC_DATETIME, 0, 0 },
	{ "base64", RPC_BASE64, 0, 0 },
	{ "nil", RPC_NIL, 0, 0 },
	{ "i1", RPC_INT, INT8_MIN, INT8_MAX },
	{ "i2", RPC_INT, INT16_MIN, INT16_MAX },
	{ "float", RPC_DOUBLE, 0, 0 },
};

/**
 * struct open_element - an element whose end has not come yet
 * @place: what it is
 * @scalar: AT_SCALAR: which
 * @done: AT_CALL, AT_PARAM, AT_VALUE, AT_ARRAY, AT_MEMBER: its value (its params, its
 *	data) was there
 * @value: the value, once it is known; the container
 * @name: AT_MEMBER: the name, once it is known
 * @name_len: its length
 */
struct open_element {
	enum place place;
	const struct scalar *scalar;
	bool done;
	struct rpc_value *value;
	const char *name;
	size_t name_len;
};

struct rpc_parser {
	XML_Parser expat;
	const struct rpc_limits *limits;
	unsigned long salt;
	struct arena *arena;
	struct rpc_buffer text; /* of the innermost element */
	struct rpc_buffer error;
	struct rpc_value *method, *params;
	bool complete, over;
	unsigned int values, depth, n;
	struct open_element open[];
};

static void __attribute__((format(printf, 2, 3))) fail(struct rpc_parser *p, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	if (p->error.len)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	rpc_buffer_text(&p->error, text);
	XML_StopParser(p->expat, XML_FALSE);
}

/* As Python: the exception's name and the repr() of what is wrong. */
static void fail_structure(struct rpc_parser *p, const char *what, const char *tag)
{
	struct rpc_buffer b = { .max = 512 };
	char text[160];
	int n = snprintf(text, sizeof(text), tag ? "%s '%.64s'" : "%s", what, tag);

	rpc_repr_string(&b, text, n < (int)sizeof(text) ? (size_t)n : sizeof(text) - 1);
	fail(p, "<class 'xmlrpc.client.ResponseError'>:ResponseError(%.*s)", (int)b.len,
	     b.data ?: "");
	rpc_buffer_free(&b);
}

static struct open_element *push(struct rpc_parser *p, enum place place)
{
	/* The bound for depth keeps this within the table. */
	struct open_element *e = &p->open[p->n++];

	*e = (struct open_element){ .place = place };
	p->text.len = 0;
	return e;
}

/* An element that its parent has once. */
static void push_only(struct rpc_parser *p, struct open_element *parent, enum place place,
		      const char *tag)
{
	if (parent->done) {
		fail_structure(p, "repeated tag", tag);
		return;
	}
	parent->done = true;
	push(p, place);
}

static void start_container(struct rpc_parser *p, enum place place)
{
	if (++p->depth > p->limits->depth) {
		char text[64];

		snprintf(text, sizeof(text), "more than %u levels of nesting", p->limits->depth);
		fail_structure(p, text, NULL);
		return;
	}
	push(p, place)->value = place == AT_ARRAY ? rpc_array(p->arena) : rpc_struct(p->arena);
}

static void start_type(struct rpc_parser *p, struct open_element *parent, const char *tag)
{
	const char *colon = strrchr(tag, ':');

	if (parent->done) {
		fail_structure(p, "repeated tag", tag);
		return;
	}
	if (colon)
		tag = colon + 1;
	parent->done = true;
	if (!strcmp(tag, "array")) {
		start_container(p, AT_ARRAY);
		return;
	}
	if (!strcmp(tag, "struct")) {
		start_container(p, AT_STRUCT);
		return;
	}
	for (size_t i = 0; i < sizeof(scalars) / sizeof(*scalars); i++) {
		if (!strcmp(tag, scalars[i].tag)) {
			push(p, AT_SCALAR)->scalar = &scalars[i];
			return;
		}
	}
	fail_structure(p, "unknown tag", tag);
}

static bool is_blank(const char *s, size_t len)
{
	rpc_strip(&s, &len);
	return !len;
}

/* What may follow within @e. */
static void start_within(struct rpc_parser *p, struct open_element *e, const char *tag)
{
	switch (e->place) {
	case AT_CALL:
		if (!strcmp(tag, "methodName") && !p->method && !e->done) {
			push(p, AT_METHOD_NAME);
			return;
		}
		if (!strcmp(tag, "params")) {
			push_only(p, e, AT_PARAMS, tag);
			return;
		}
		break;
	case AT_PARAMS:
		if (!strcmp(tag, "param")) {
			push(p, AT_PARAM);
			return;
		}
		break;
	case AT_PARAM:
		if (!strcmp(tag, "value")) {
			push_only(p, e, AT_VALUE, tag);
			return;
		}
		break;
	case AT_VALUE:
		start_type(p, e, tag);
		return;
	case AT_ARRAY:
		if (!strcmp(tag, "data")) {
			struct rpc_value *array = e->value;

			push_only(p, e, AT_DATA, tag);
			p->open[p->n - 1].value = array;
			return;
		}
		break;
	case AT_DATA:
		if (!strcmp(tag, "value")) {
			push(p, AT_VALUE);
			return;
		}
		break;
	case AT_STRUCT:
		if (!strcmp(tag, "member")) {
			push(p, AT_MEMBER);
			return;
		}
		break;
	case AT_MEMBER:
		if (!strcmp(tag, "name") && !e->name) {
			push(p, AT_NAME);
			return;
		}
		if (!strcmp(tag, "value")) {
			push_only(p, e, AT_VALUE, tag);
			return;
		}
		break;
	default:
		break;
	}
	fail_structure(p, "unknown tag", tag);
}

static void XMLCALL on_start(void *user, const XML_Char *tag, const XML_Char **attributes)
{
	struct rpc_parser *p = user;

	(void)attributes;
	if (p->error.len)
		return;
	if (!p->n) {
		if (strcmp(tag, "methodCall"))
			fail_structure(p, "unknown tag", tag);
		else
			push(p, AT_CALL);
		return;
	}
	if (!is_blank(p->text.data, p->text.len)) {
		fail_structure(p, "text before tag", tag);
		return;
	}
	start_within(p, &p->open[p->n - 1], tag);
}

static void XMLCALL on_text(void *user, const XML_Char *s, int len)
{
	struct rpc_parser *p = user;

	if (p->error.len)
		return;
	rpc_buffer_add(&p->text, s, len);
	if (p->text.failed)
		fail(p, "<class 'MemoryError'>:");
}

/* "..." as it was sent, shortened: it is for people. */
static void fail_literal(struct rpc_parser *p, const char *what)
{
	struct rpc_buffer b = { .max = 200 };
	size_t len = p->text.len < 32 ? p->text.len : 32;

	/* Not in the middle of a character. */
	while (len && len < p->text.len && (p->text.data[len] & 0xc0) == 0x80)
		len--;
	rpc_repr_string(&b, p->text.data ?: "", len);
	fail(p, "<class 'ValueError'>:%s: %.*s", what, (int)b.len, b.data ?: "");
	rpc_buffer_free(&b);
}

static struct rpc_value *end_number(struct rpc_parser *p, const struct scalar *s)
{
	int64_t n = 0;
	double d = 0;
	int err;

	if (s->type == RPC_INT) {
		err = rpc_parse_int(p->text.data, p->text.len, s->min, s->max, &n);
		if (err == -ERANGE)
			fail(p, "<class 'OverflowError'>:int exceeds XML-RPC limits");
		else if (err)
			fail_literal(p, "invalid literal for int() with base 10");
		return rpc_int(p->arena, n);
	}
	err = rpc_parse_double(p->text.data, p->text.len, &d);
	if (err == -ERANGE)
		fail(p, "<class 'OverflowError'>:float exceeds XML-RPC limits");
	else if (err)
		fail_literal(p, "could not convert string to float");
	return rpc_double(p->arena, d);
}

static struct rpc_value *end_base64(struct rpc_parser *p)
{
	int64_t len = rpc_base64_decode(p->text.data, p->text.len);

	if (len == -EPROTO)
		fail(p, "<class 'binascii.Error'>:Incorrect padding");
	else if (len < 0)
		fail(p, "<class 'binascii.Error'>:Only base64 data is allowed");
	return rpc_text(p->arena, RPC_BASE64, p->text.data, len < 0 ? 0 : len);
}

static struct rpc_value *end_scalar(struct rpc_parser *p, const struct scalar *s)
{
	const char *text = p->text.data;
	size_t len = p->text.len;

	switch (s->type) {
	case RPC_INT:
	case RPC_DOUBLE:
		return end_number(p, s);
	case RPC_BOOLEAN:
		if (len != 1 || (*text != '0' && *text != '1')) {
			fail(p, "<class 'TypeError'>:bad boolean value");
			return NULL;
		}
		return rpc_boolean(p->arena, *text == '1');
	case RPC_DATETIME:
		rpc_strip(&text, &len);
		if (!rpc_is_datetime(text, len))
			fail_literal(p, "not a date and time as 20260131T23:59:59");
		return rpc_text(p->arena, RPC_DATETIME, text, len);
	case RPC_BASE64:
		return end_base64(p);
	case RPC_NIL:
		if (!is_blank(text, len))
			fail_structure(p, "text within tag", "nil");
		return rpc_nil(p->arena);
	default:
		return rpc_text(p->arena, RPC_STRING, text, len);
	}
}

static void end_value(struct rpc_parser *p, struct open_element *e, struct open_element *parent)
{
	struct rpc_value *v = e->value;

	if (!e->done)
		v = rpc_text(p->arena, RPC_STRING, p->text.data, p->text.len);
	if (++p->values > p->limits->values) {
		char text[64];

		snprintf(text, sizeof(text), "more than %u values", p->limits->values);
		fail_structure(p, text, NULL);
		return;
	}
	if (parent->place == AT_PARAM)
		rpc_append(p->params, v);
	else if (parent->place == AT_DATA)
		rpc_append(parent->value, v);
	else
		parent->value = v;
}

static void end_member(struct rpc_parser *p, struct open_element *e, struct open_element *parent)
{
	if (!e->name || !e->done) {
		fail_structure(p, e->name ? "member without value" : "member without name", NULL);
		return;
	}
	e->value->name = e->name;
	e->value->name_len = e->name_len;
	rpc_append(parent->value, e->value);
}

static void end_method_name(struct rpc_parser *p)
{
	if (p->text.len > RPC_MAX_NAME)
		fail_structure(p, "name of the method is too long", NULL);
	p->method = rpc_text(p->arena, RPC_STRING, p->text.data, p->text.len);
}

/* @e, whose end has come, in its @parent. */
static void end_within(struct rpc_parser *p, struct open_element *e, struct open_element *parent)
{
	switch (e->place) {
	case AT_METHOD_NAME:
		end_method_name(p);
		break;
	case AT_VALUE:
		end_value(p, e, parent);
		break;
	case AT_SCALAR:
		parent->value = end_scalar(p, e->scalar);
		break;
	case AT_NAME:
		parent->name = rpc_copy(p->arena, p->text.data, p->text.len);
		parent->name_len = p->text.len;
		break;
	case AT_MEMBER:
		end_member(p, e, parent);
		break;
	case AT_PARAM:
		if (!e->done)
			fail_structure(p, "param without value", NULL);
		break;
	case AT_ARRAY:
		if (!e->done)
			fail_structure(p, "array without data", NULL);
		break;
	case AT_STRUCT:
		rpc_unite_members(e->value);
		break;
	default:
		break;
	}
	if (e->place == AT_ARRAY || e->place == AT_STRUCT) {
		parent->value = e->value;
		p->depth--;
	}
}

static bool has_text(const struct open_element *e)
{
	return e->place == AT_METHOD_NAME || e->place == AT_SCALAR || e->place == AT_NAME ||
	       (e->place == AT_VALUE && !e->done);
}

static void XMLCALL on_end(void *user, const XML_Char *tag)
{
	struct rpc_parser *p = user;
	struct open_element *e;

	if (p->error.len)
		return;
	e = &p->open[--p->n];
	if (!has_text(e) && !is_blank(p->text.data, p->text.len)) {
		fail_structure(p, "text within tag", tag);
		return;
	}
	if (!p->n)
		p->complete = p->method;
	else
		end_within(p, e, &p->open[p->n - 1]);
	p->text.len = 0;
}

static void XMLCALL on_doctype(void *user, const XML_Char *name, const XML_Char *system_id,
			       const XML_Char *public_id, int has_subset)
{
	(void)name;
	(void)system_id;
	(void)public_id;
	(void)has_subset;
	fail_structure(user, "document type declarations are not allowed", NULL);
}

struct rpc_parser *rpc_parser_new(const struct rpc_limits *limits)
{
	/* A level has three elements: value, array, data or value, struct, member.  Around
	 * it methodCall, params, param; within it value and a scalar.
	 */
	struct rpc_parser *p = calloc(1, sizeof(*p) + (3 * limits->depth + 8) * sizeof(p->open[0]));

	if (!p)
		return NULL;
	p->limits = limits;
	p->expat = XML_ParserCreate(NULL);
	if (!p->expat || getrandom(&p->salt, sizeof(p->salt), 0) != sizeof(p->salt)) {
		if (p->expat)
			XML_ParserFree(p->expat);
		free(p);
		return NULL;
	}
	return p;
}

void rpc_parser_free(struct rpc_parser *p)
{
	if (!p)
		return;
	XML_ParserFree(p->expat);
	rpc_buffer_free(&p->text);
	rpc_buffer_free(&p->error);
	free(p);
}

void rpc_parser_begin(struct rpc_parser *p, struct arena *arena)
{
	XML_ParserReset(p->expat, NULL);
	/* Otherwise expat would ask the kernel for a number with each call. */
	XML_SetHashSalt(p->expat, p->salt);
	XML_SetUserData(p->expat, p);
	XML_SetElementHandler(p->expat, on_start, on_end);
	XML_SetCharacterDataHandler(p->expat, on_text);
	XML_SetStartDoctypeDeclHandler(p->expat, on_doctype);
	p->arena = arena;
	/* An allocation as large as a call that was an exception is not kept. */
	if (p->text.size > 64 * 1024)
		rpc_buffer_free(&p->text);
	p->text.len = p->error.len = 0;
	p->text.failed = p->error.failed = false;
	/* So that there is always a text, be it of no octets, and room for an error's. */
	if (!rpc_buffer_room(&p->text, 1) || !rpc_buffer_room(&p->error, 512))
		abort();
	p->method = NULL;
	p->params = rpc_array(arena);
	p->complete = p->over = false;
	p->values = p->depth = p->n = 0;
}

void rpc_parser_feed(struct rpc_parser *p, const char *data, size_t len, bool last)
{
	if (p->error.len || p->over)
		return;
	p->over = last;
	if (XML_Parse(p->expat, data, len, last) == XML_STATUS_OK || p->error.len)
		return;
	fail(p, "<class 'xml.parsers.expat.ExpatError'>:%s: line %lu, column %lu",
	     XML_ErrorString(XML_GetErrorCode(p->expat)),
	     (unsigned long)XML_GetCurrentLineNumber(p->expat),
	     (unsigned long)XML_GetCurrentColumnNumber(p->expat));
}

const char *rpc_parser_end(struct rpc_parser *p, struct rpc_value **method,
			   struct rpc_value **params)
{
	rpc_parser_feed(p, "", 0, true);
	if (!p->error.len && !p->complete)
		fail(p, "<class 'xmlrpc.client.ResponseError'>:ResponseError()");
	if (p->error.len) {
		rpc_buffer_add(&p->error, "", 1);
		return p->error.data;
	}
	*method = p->method;
	*params = p->params;
	return NULL;
}
