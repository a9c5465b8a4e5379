/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The way from the root to an answer, walked and shown step by step. */
#ifndef DNSD_RESOLVE_WALK_H
#define DNSD_RESOLVE_WALK_H

#include "internal.h"

#define WALK_SERVERS	16

/* Servers of a zone whose addresses are known. */
struct walk_zone {
	uint8_t name[DNS_NAME_MAX];
	unsigned int count;
	struct walk_server {
		char name[DNS_NAME_TEXT];
		union ln_addr addr;
	} server[WALK_SERVERS];
};

/**
 * struct walk - a walk
 * @setup: the section
 * @name: what is looked for, changed by CNAMEs
 * @type: type
 * @steps: questions that were asked
 * @depth: walks that this one is part of
 * @rcode: filled: the answer's
 * @text: filled: the answer's records, a line for each
 * @addr, @n_addr: filled: its addresses, for a walk to a server
 */
struct walk {
	const struct resolve_setup *setup;
	uint8_t name[DNS_NAME_MAX];
	uint16_t type;
	unsigned int *steps, depth;
	int rcode;
	char text[8192];
	union ln_addr addr[WALK_SERVERS];
	unsigned int n_addr;
};

const char *walk_rcode_text(int rcode);
/* 0, or -1 when there is no answer; says why. */
int walk(struct walk *w);

#endif
