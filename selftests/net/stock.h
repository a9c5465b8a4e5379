/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the transport has in the kernel: sockets, memory, objects of its slab
 * caches and buffers.  It is taken before a test, and must be back after it.
 */
#ifndef STOCK_H
#define STOCK_H

#include "lib.h"

enum { STOCK_CACHES = 7 };

struct stock {
	long	sockets;		/* that exist, of the whole machine */
	long	orphans;		/* those that no program holds */
	long	time_waits;		/* of this namespace */
	long	pages;			/* charged to sockets, of the whole machine */
	long	objects[STOCK_CACHES];	/* -1: this kernel does not tell */
};

/* Objects of caches that others use, too, which may be theirs */
#define STOCK_SHARED	512

void stock_take(struct stock *s);
void stock_take_sockets(struct stock *s);
void stock_await(const struct stock *before, int seconds);
void stock_await_sockets(const struct stock *before, int seconds);
long slab_kilobytes(void);
bool full(void);

#endif /* STOCK_H */
