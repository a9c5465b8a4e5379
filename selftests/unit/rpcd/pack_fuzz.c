// SPDX-License-Identifier: GPL-2.0-or-later
/* libFuzzer: any octets as a value of the store: refused, or the same when packed again. */
#include <stdlib.h>
#include <string.h>

#include "pack.h"
#include "repr.h"
#include "write.h"

#define MUST(what)               \
	do {                     \
		if (!(what))     \
			abort(); \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rpc_buffer packed = { 0 }, text = { .max = 1 << 20 };
	struct arena a = { 0 };
	struct rpc_value *v = rpc_unpack(&a, (const char *)data, size);

	if (v) {
		rpc_pack(&packed, v);
		MUST(packed.len == size && !memcmp(packed.data, data, size));
		MUST(!rpc_write_response(&text, v) || text.failed);
		text.len = 0;
		text.failed = false;
		rpc_repr(&text, v);
		packed.len = 0;
		MUST(rpc_pack_key(&packed, v) == (v->type <= RPC_STRING));
	}
	rpc_buffer_free(&packed);
	rpc_buffer_free(&text);
	arena_free(&a);
	return 0;
}
