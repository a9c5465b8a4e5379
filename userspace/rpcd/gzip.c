// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

#include "gzip.h"

#define GZIP_WINDOW (15 + 16) /* zlib's way to say: gzip, not zlib's own format */
#define CHUNK (16 * 1024)

struct rpc_gunzip {
	z_stream z;
	uint64_t left;
	bool inside; /* a member has begun and not ended */
	bool any;
};

struct rpc_gunzip *rpc_gunzip_new(uint64_t max)
{
	struct rpc_gunzip *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->left = max;
	if (inflateInit2(&g->z, GZIP_WINDOW) != Z_OK) {
		free(g);
		return NULL;
	}
	return g;
}

void rpc_gunzip_free(struct rpc_gunzip *g)
{
	if (!g)
		return;
	inflateEnd(&g->z);
	free(g);
}

int rpc_gunzip_feed(struct rpc_gunzip *g, const char *data, size_t len,
		    void (*out)(void *user, const char *data, size_t len), void *user)
{
	char chunk[CHUNK];
	size_t n;
	int err;

	if (len > UINT_MAX)
		return -E2BIG;
	g->z.next_in = (Bytef *)data;
	g->z.avail_in = len;
	do {
		g->z.next_out = (Bytef *)chunk;
		g->z.avail_out = sizeof(chunk);
		if (g->z.avail_in)
			g->inside = g->any = true;
		err = inflate(&g->z, Z_NO_FLUSH);
		if (err != Z_OK && err != Z_STREAM_END && err != Z_BUF_ERROR)
			return err == Z_MEM_ERROR ? -ENOMEM : -EINVAL;
		n = sizeof(chunk) - g->z.avail_out;
		if (n > g->left)
			return -E2BIG;
		g->left -= n;
		if (n)
			out(user, chunk, n);
		/* Another member may follow (RFC 1952, 2.2). */
		if (err == Z_STREAM_END) {
			g->inside = false;
			inflateReset(&g->z);
		}
	} while (g->z.avail_in || (err == Z_OK && !g->z.avail_out));
	return 0;
}

bool rpc_gunzip_complete(const struct rpc_gunzip *g)
{
	return g->any && !g->inside;
}

bool rpc_gzip(struct rpc_buffer *b, const char *data, size_t len)
{
	z_stream z = { 0 };
	size_t bound;
	char *room;
	int err;

	if (len > UINT_MAX / 2 ||
	    deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return false;
	bound = deflateBound(&z, len);
	room = rpc_buffer_room(b, bound);
	if (!room) {
		deflateEnd(&z);
		return false;
	}
	z.next_in = (Bytef *)data;
	z.avail_in = len;
	z.next_out = (Bytef *)room;
	z.avail_out = bound;
	err = deflate(&z, Z_FINISH);
	b->len += bound - z.avail_out;
	deflateEnd(&z);
	return err == Z_STREAM_END;
}
