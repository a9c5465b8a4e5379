/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Trust anchors: what the configuration names, and what became of it by RFC 5011.
 *
 * One process follows the keys (anchors-follow.h) and has their states in a file for each
 * trust point; the keys that may be used are in memory that all processes share.
 */
#ifndef DNSD_RESOLVE_ANCHORS_H
#define DNSD_RESOLVE_ANCHORS_H

#include <confuse.h>
#include <stdbool.h>
#include <stdint.h>

#include "name.h"

#define ANCHOR_POINTS_MAX	16

struct setup;
struct anchors_shared;

/**
 * struct anchor_point - a name that is trusted by keys
 * @name: lower case
 * @text: its records as the configuration has them, a line each
 * @file: where its states are kept; its name changes with @text, so that another configuration
 *	begins anew.  NULL: they are not
 */
struct anchor_point {
	uint8_t name[DNS_NAME_MAX];
	char *text, *file;
};

/**
 * struct anchors - of a recursion { } section
 * @point, @n_points: what the configuration names
 * @shared: what is trusted now
 */
struct anchors {
	struct anchor_point point[ANCHOR_POINTS_MAX];
	unsigned int n_points;
	struct anchors_shared *shared;
};

/**
 * anchors_read() - trust-anchor and trust-anchor-file
 * @a: zeroed; to be let go by anchors_free(), in every case
 * @s: the configuration
 * @section: recursion { }
 * @follow: there are states, in files of the state folder
 *
 * In the master, before others are forked.
 *
 * Return: 0, or a negative errno after an error line.
 */
int anchors_read(struct anchors *a, const struct setup *s, cfg_t *section, bool follow);
void anchors_free(struct anchors *a);

/**
 * anchors_text() - the keys that are trusted now
 * @a: of a section, or zeroed: none
 * @generation: filled: which they are; may be NULL
 *
 * Return: records, a line each, to be freed; NULL without memory.
 */
char *anchors_text(const struct anchors *a, unsigned int *generation);
/* Differs from that of anchors_text() when others are trusted. */
unsigned int anchors_generation(const struct anchors *a);

/**
 * anchors_update() - what the files say from now on
 * @a: of the process that follows them
 *
 * Return: whether other keys are trusted than before.
 */
bool anchors_update(struct anchors *a);
/**
 * anchors_usable() - a state file's keys that may be trusted
 * @text: what is in the file
 * @out: records, a line each; @size octets
 *
 * These are in the states VALID and MISSING (RFC 5011 section 4.2), and those without a state,
 * which a point begins with.  A point all of whose keys are revoked has none (section 5).
 *
 * Return: false: it is not such a file, or too much for @out.
 */
bool anchors_usable(const char *text, char *out, size_t size);

#endif
