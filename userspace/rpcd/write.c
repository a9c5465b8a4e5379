// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "number.h"
#include "parse.h"
#include "repr.h"
#include "write.h"

/* What in a text is not written as it is. */
static const char *reference(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '\r':
		/* Python writes it as it is, and XML's line ends (2.11) make it "\n". */
		return "&#13;";
	default:
		return NULL;
	}
}

static void write_escaped(struct rpc_buffer *b, const char *s, size_t len)
{
	const char *start = s, *end = s + len, *with;

	for (; s < end; s++) {
		with = reference(*s);
		if (!with)
			continue;
		rpc_buffer_add(b, start, s - start);
		rpc_buffer_text(b, with);
		start = s + 1;
	}
	rpc_buffer_add(b, start, s - start);
}

static int write_text(struct rpc_buffer *b, const char *s, size_t len)
{
	if (!rpc_utf8_valid(s, len))
		return -EINVAL;
	write_escaped(b, s, len);
	return 0;
}

static int write_any(struct rpc_buffer *b, const struct rpc_value *v, unsigned int depth);

static int write_list(struct rpc_buffer *b, const struct rpc_value *v, unsigned int depth)
{
	bool members = v->type == RPC_STRUCT;
	int err;

	if (depth >= RPC_MAX_DEPTH)
		return -E2BIG;
	rpc_buffer_text(b, members ? "<value><struct>\n" : "<value><array><data>\n");
	for (const struct rpc_value *e = v->first; e; e = e->next) {
		if (members) {
			rpc_buffer_text(b, "<member>\n<name>");
			err = write_text(b, e->name, e->name_len);
			if (err)
				return err;
			rpc_buffer_text(b, "</name>\n");
		}
		err = write_any(b, e, depth + 1);
		if (err)
			return err;
		if (b->failed)
			return -E2BIG;
		if (members)
			rpc_buffer_text(b, "</member>\n");
	}
	rpc_buffer_text(b, members ? "</struct></value>\n" : "</data></array></value>\n");
	return 0;
}

static int write_any(struct rpc_buffer *b, const struct rpc_value *v, unsigned int depth)
{
	char text[RPC_DOUBLE_TEXT];
	const char *tag;
	int err = 0;

	switch (v->type) {
	case RPC_NIL:
		rpc_buffer_text(b, "<value><nil/></value>");
		break;
	case RPC_BOOLEAN:
		rpc_buffer_text(b, v->boolean ? "<value><boolean>1</boolean></value>\n" :
						"<value><boolean>0</boolean></value>\n");
		break;
	case RPC_INT:
		tag = v->integer < INT32_MIN || v->integer > INT32_MAX ? "i8" : "int";
		rpc_buffer_printf(b, "<value><%s>%" PRId64 "</%s></value>\n", tag, v->integer, tag);
		break;
	case RPC_DOUBLE:
		if (!isfinite(v->number))
			return -EINVAL;
		rpc_buffer_text(b, "<value><double>");
		rpc_buffer_add(b, text, rpc_double_text(v->number, text));
		rpc_buffer_text(b, "</double></value>\n");
		break;
	case RPC_STRING:
		rpc_buffer_text(b, "<value><string>");
		err = write_text(b, v->data, v->len);
		rpc_buffer_text(b, "</string></value>\n");
		break;
	case RPC_DATETIME:
		rpc_buffer_text(b, "<value><dateTime.iso8601>");
		err = write_text(b, v->data, v->len);
		rpc_buffer_text(b, "</dateTime.iso8601></value>\n");
		break;
	case RPC_BASE64:
		rpc_buffer_text(b, "<value><base64>\n");
		rpc_base64_encode(b, v->data, v->len);
		rpc_buffer_text(b, "</base64></value>\n");
		break;
	case RPC_ARRAY:
	case RPC_STRUCT:
		err = write_list(b, v, depth);
		break;
	}
	return err;
}

int rpc_write_value(struct rpc_buffer *b, const struct rpc_value *v)
{
	int err = write_any(b, v, 0);

	return err ?: b->failed ? -E2BIG : 0;
}

int rpc_write_response(struct rpc_buffer *b, const struct rpc_value *v)
{
	int err;

	rpc_buffer_text(b, "<?xml version='1.0'?>\n<methodResponse>\n<params>\n<param>\n");
	err = rpc_write_value(b, v);
	rpc_buffer_text(b, "</param>\n</params>\n</methodResponse>\n");
	return err ?: b->failed ? -E2BIG : 0;
}

int rpc_write_fault(struct rpc_buffer *b, int code, const char *text, size_t len)
{
	const char *end = text + len;

	rpc_buffer_printf(b,
			  "<?xml version='1.0'?>\n<methodResponse>\n<fault>\n<value><struct>\n"
			  "<member>\n<name>faultCode</name>\n<value><int>%d</int></value>\n"
			  "</member>\n<member>\n<name>faultString</name>\n<value><string>",
			  code);
	while (text < end) {
		const char *start = text;

		if (rpc_utf8_next(&text, end) < 0)
			text = start + 1;
		if (rpc_utf8_valid(start, text - start))
			write_escaped(b, start, text - start);
		else
			rpc_buffer_text(b, "\357\277\275");
	}
	rpc_buffer_text(b, "</string></value>\n</member>\n</struct></value>\n</fault>\n"
			   "</methodResponse>\n");
	return b->failed ? -E2BIG : 0;
}
