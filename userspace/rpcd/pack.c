// SPDX-License-Identifier: GPL-2.0-or-later
#include <endian.h>
#include <math.h>
#include <string.h>

#include "pack.h"
#include "parse.h"
#include "repr.h"

/* The letters of the format, which is on disks: never change one. */
static const char letters[] = {
	[RPC_NIL] = 'n',    [RPC_BOOLEAN] = 'b', [RPC_INT] = 'i',
	[RPC_DOUBLE] = 'd', [RPC_STRING] = 's',	 [RPC_DATETIME] = 't',
	[RPC_BASE64] = 'o', [RPC_ARRAY] = 'a',	 [RPC_STRUCT] = 'm',
};

static void add_u64(struct rpc_buffer *b, uint64_t n)
{
	n = htobe64(n);
	rpc_buffer_add(b, &n, sizeof(n));
}

static void add_counted(struct rpc_buffer *b, const char *data, size_t len)
{
	uint32_t n = htobe32(len);

	rpc_buffer_add(b, &n, sizeof(n));
	rpc_buffer_add(b, data, len);
}

static void pack_any(struct rpc_buffer *b, const struct rpc_value *v)
{
	uint64_t bits;
	uint32_t n;

	rpc_buffer_add(b, &letters[v->type], 1);
	switch (v->type) {
	case RPC_NIL:
		break;
	case RPC_BOOLEAN:
		rpc_buffer_add(b, v->boolean ? "\1" : "\0", 1);
		break;
	case RPC_INT:
		add_u64(b, v->integer);
		break;
	case RPC_DOUBLE:
		memcpy(&bits, &v->number, sizeof(bits));
		add_u64(b, bits);
		break;
	case RPC_STRING:
	case RPC_DATETIME:
	case RPC_BASE64:
		add_counted(b, v->data, v->len);
		break;
	case RPC_ARRAY:
	case RPC_STRUCT:
		n = htobe32(v->count);
		rpc_buffer_add(b, &n, sizeof(n));
		for (const struct rpc_value *e = v->first; e; e = e->next) {
			if (v->type == RPC_STRUCT)
				add_counted(b, e->name, e->name_len);
			pack_any(b, e);
		}
		break;
	}
}

void rpc_pack(struct rpc_buffer *b, const struct rpc_value *v)
{
	char version = RPC_PACK_VERSION;

	rpc_buffer_add(b, &version, 1);
	pack_any(b, v);
}

bool rpc_pack_key(struct rpc_buffer *b, const struct rpc_value *v)
{
	struct rpc_value plain = *v;

	if (v->type > RPC_STRING)
		return false;
	if (v->type == RPC_BOOLEAN) {
		plain.type = RPC_INT;
		plain.integer = v->boolean;
	} else if (v->type == RPC_DOUBLE && v->number == trunc(v->number) && v->number >= -0x1p63 &&
		   v->number < 0x1p63) {
		plain.type = RPC_INT;
		plain.integer = v->number;
	}
	pack_any(b, &plain);
	return true;
}

/* What is left to be read. */
struct reader {
	const char *p, *end;
	struct arena *arena;
};

static const char *take(struct reader *r, size_t len)
{
	const char *p = r->p;

	if ((size_t)(r->end - p) < len)
		return NULL;
	r->p += len;
	return p;
}

static bool take_u64(struct reader *r, uint64_t *n)
{
	const char *p = take(r, sizeof(*n));

	if (p) {
		memcpy(n, p, sizeof(*n));
		*n = be64toh(*n);
	}
	return p;
}

static bool take_u32(struct reader *r, uint32_t *n)
{
	const char *p = take(r, sizeof(*n));

	if (p) {
		memcpy(n, p, sizeof(*n));
		*n = be32toh(*n);
	}
	return p;
}

static const char *take_counted(struct reader *r, uint32_t *len)
{
	return take_u32(r, len) ? take(r, *len) : NULL;
}

static struct rpc_value *unpack_any(struct reader *r, unsigned int depth);

static struct rpc_value *unpack_list(struct reader *r, enum rpc_type type, unsigned int depth)
{
	struct rpc_value *list = type == RPC_ARRAY ? rpc_array(r->arena) : rpc_struct(r->arena);
	uint32_t n, len = 0;

	if (depth >= RPC_MAX_DEPTH || !take_u32(r, &n))
		return NULL;
	for (; n; n--) {
		const char *name = NULL;
		struct rpc_value *v;

		if (type == RPC_STRUCT) {
			name = take_counted(r, &len);
			if (!name || !rpc_utf8_valid(name, len))
				return NULL;
		}
		v = unpack_any(r, depth + 1);
		if (!v)
			return NULL;
		if (name) {
			v->name = rpc_copy(r->arena, name, len);
			v->name_len = len;
		}
		rpc_append(list, v);
	}
	return list;
}

static struct rpc_value *unpack_text(struct reader *r, enum rpc_type type)
{
	uint32_t len;
	const char *p = take_counted(r, &len);

	if (!p || (type != RPC_BASE64 && !rpc_utf8_valid(p, len)))
		return NULL;
	return rpc_text(r->arena, type, p, len);
}

static struct rpc_value *unpack_double(struct reader *r)
{
	uint64_t bits;
	double d;

	if (!take_u64(r, &bits))
		return NULL;
	memcpy(&d, &bits, sizeof(d));
	return isfinite(d) ? rpc_double(r->arena, d) : NULL;
}

static struct rpc_value *unpack_any(struct reader *r, unsigned int depth)
{
	const char *letter = take(r, 1), *place, *p;
	uint64_t n;

	place = letter ? memchr(letters, *letter, sizeof(letters)) : NULL;
	if (!place)
		return NULL;
	switch ((enum rpc_type)(place - letters)) {
	case RPC_NIL:
		return rpc_nil(r->arena);
	case RPC_BOOLEAN:
		p = take(r, 1);
		return p && (unsigned char)*p <= 1 ? rpc_boolean(r->arena, *p) : NULL;
	case RPC_INT:
		return take_u64(r, &n) ? rpc_int(r->arena, n) : NULL;
	case RPC_DOUBLE:
		return unpack_double(r);
	case RPC_STRING:
	case RPC_DATETIME:
	case RPC_BASE64:
		return unpack_text(r, place - letters);
	default:
		return unpack_list(r, place - letters, depth);
	}
}

struct rpc_value *rpc_unpack(struct arena *a, const char *data, size_t len)
{
	struct reader r = { data, data + len, a };
	struct rpc_value *v;

	if (!len || *take(&r, 1) != RPC_PACK_VERSION)
		return NULL;
	v = unpack_any(&r, 0);
	return v && r.p == r.end ? v : NULL;
}
