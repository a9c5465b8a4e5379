/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A worker's side of spawner.h: one program. */
#ifndef GATEWAY_SPAWN_H
#define GATEWAY_SPAWN_H

#include <uv.h>

#include "codec/buffer.h"

struct spawn;

/**
 * struct spawn_events - what becomes of a program
 * @started: it runs; the descriptors are the callee's
 * @refused: it does not, with a status
 */
struct spawn_events {
	void (*started)(void *data, int in, int out);
	void (*refused)(void *data, int status);
};

struct spawn *spawn_start(uv_loop_t *loop, int spawner, const char *who, const char *path,
			  const struct cgi_buffer *environment, const int *fds, int n_fds,
			  const struct spawn_events *events, void *data);
void spawn_leave(struct spawn *s, bool kill);

#endif
