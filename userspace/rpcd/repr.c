// SPDX-License-Identifier: GPL-2.0-or-later
#include <inttypes.h>
#include <string.h>

#include "number.h"
#include "repr.h"
#include "unprintable.h"

int32_t rpc_utf8_next(const char **s, const char *end)
{
	const unsigned char *p = (const unsigned char *)*s;
	static const int32_t least[] = { 0, 0x80, 0x800, 0x10000 };
	size_t more = *p < 0x80 ? 0 :
		      *p < 0xc2 ? 4 :
		      *p < 0xe0 ? 1 :
		      *p < 0xf0 ? 2 :
		      *p < 0xf5 ? 3 :
				  4;
	int32_t c;

	if (more > 3 || (size_t)(end - *s) <= more)
		return -1;
	c = more ? *p & (0x3f >> more) : *p;
	for (size_t i = 1; i <= more; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return -1;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least[more] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return -1;
	*s += more + 1;
	return c;
}

bool rpc_utf8_valid(const char *s, size_t len)
{
	const char *end = s + len;
	int32_t c;

	while (s < end) {
		if ((unsigned char)*s >= 0x20 && (unsigned char)*s < 0x80) {
			s++;
			continue;
		}
		c = rpc_utf8_next(&s, end);
		if (c < 0 || c == 0xfffe || c == 0xffff ||
		    (c < 0x20 && c != '\t' && c != '\n' && c != '\r'))
			return false;
	}
	return true;
}

static bool is_printable(int32_t c)
{
	size_t low = 0, high = sizeof(unprintable) / sizeof(*unprintable);

	if (c < 0xa0)
		return c >= 0x20 && c < 0x7f;
	while (low < high) {
		size_t middle = (low + high) / 2;

		if ((uint32_t)c > unprintable[middle][1])
			low = middle + 1;
		else
			high = middle;
	}
	return low == sizeof(unprintable) / sizeof(*unprintable) ||
	       (uint32_t)c < unprintable[low][0];
}

static void escape(struct rpc_buffer *b, int32_t c)
{
	if (c == '\n' || c == '\r' || c == '\t')
		rpc_buffer_printf(b, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
	else if (c < 0x100)
		rpc_buffer_printf(b, "\\x%02x", c);
	else if (c < 0x10000)
		rpc_buffer_printf(b, "\\u%04x", c);
	else
		rpc_buffer_printf(b, "\\U%08x", c);
}

void rpc_repr_string(struct rpc_buffer *b, const char *s, size_t len)
{
	/* Single quotes, unless there are such and no double ones in the text. */
	char quote = memchr(s, '\'', len) && !memchr(s, '"', len) ? '"' : '\'';
	const char *end = s + len;

	rpc_buffer_add(b, &quote, 1);
	while (s < end) {
		const char *start = s;
		int32_t c = rpc_utf8_next(&s, end);

		if (c < 0) {
			escape(b, (unsigned char)*s++);
		} else if (c == quote || c == '\\') {
			rpc_buffer_text(b, "\\");
			rpc_buffer_add(b, start, 1);
		} else if (is_printable(c)) {
			rpc_buffer_add(b, start, s - start);
		} else {
			escape(b, c);
		}
	}
	rpc_buffer_add(b, &quote, 1);
}

static void repr_list(struct rpc_buffer *b, const struct rpc_value *v)
{
	bool dict = v->type == RPC_STRUCT;

	rpc_buffer_text(b, dict ? "{" : "[");
	for (const struct rpc_value *e = v->first; e && !b->failed; e = e->next) {
		if (dict) {
			rpc_repr_string(b, e->name, e->name_len);
			rpc_buffer_text(b, ": ");
		}
		rpc_repr(b, e);
		if (e->next)
			rpc_buffer_text(b, ", ");
	}
	rpc_buffer_text(b, dict ? "}" : "]");
}

void rpc_repr(struct rpc_buffer *b, const struct rpc_value *v)
{
	char text[RPC_DOUBLE_TEXT];

	switch (v->type) {
	case RPC_NIL:
		rpc_buffer_text(b, "None");
		break;
	case RPC_BOOLEAN:
		rpc_buffer_text(b, v->boolean ? "True" : "False");
		break;
	case RPC_INT:
		rpc_buffer_printf(b, "%" PRId64, v->integer);
		break;
	case RPC_DOUBLE:
		rpc_buffer_add(b, text, rpc_double_text(v->number, text));
		break;
	case RPC_STRING:
		rpc_repr_string(b, v->data, v->len);
		break;
	case RPC_DATETIME:
	case RPC_BASE64:
		/* Python's have an address of memory here, of which nobody can know. */
		rpc_buffer_printf(b, "<%s>", rpc_type_name(v));
		break;
	case RPC_ARRAY:
	case RPC_STRUCT:
		repr_list(b, v);
		break;
	}
}
