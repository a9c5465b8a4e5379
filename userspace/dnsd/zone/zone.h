/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Zone files: read, checked, put into the store.
 */
#ifndef DNSD_ZONE_H
#define DNSD_ZONE_H

#include <stdbool.h>
#include <stddef.h>

#include "setup.h"
#include "store/store.h"

/**
 * zone_load() - bring a zone file into the store
 * @store: the keeper's
 * @zone: with a file
 *
 * In a transaction of its own, signed (sign_edit()) if the zone has a policy.  A file that is
 * as it was when it was loaded last (device, inode, size, times, of included files too) is
 * not read.  When the content changed and the serial did not, the serial is raised for a
 * zone that is signed or takes updates, else it is an error line and the new content serves.
 *
 * Return: 1 when the zone changed (NOTIFY is due), 0 when not, or a negative errno after error
 * lines: the store has what it had.
 */
int zone_load(struct store *store, const struct setup_zone *zone);

/**
 * zone_check_file() - read and check a file, in a store of its own that goes afterwards
 * @zone: with a file
 *
 * Return: true: it is good; false after error lines.
 */
bool zone_check_file(const struct setup_zone *zone);

/**
 * zone_folders() - where a zone's file and those that it includes lie
 * @zone: with a file
 * @add: called with the path of each folder, without symbolic links, maybe more than once
 * @data: for @add
 *
 * Nothing of the files is understood but $INCLUDE, and what looks like it in a text.
 */
void zone_folders(const struct setup_zone *zone, void (*add)(const char *folder, void *data),
		  void *data);

/* --- check.c: of zones from anywhere --- */

/**
 * zone_check() - what is wrong with a zone's content
 * @t: transaction with it
 * @zone: the store's number
 * @apex: its name
 * @say: called with a line about each finding; @fatal: the zone cannot be served so
 * @data: for @say
 *
 * No SOA or several, no NS at the apex, CNAME and other data, several CNAMEs or DNAMEs at
 * a name, data below a DNAME, NSEC3 with many iterations: fatal.  Missing glue, NS or MX that is a CNAME's name: not.
 *
 * Return: how many were fatal.
 */
unsigned int zone_check(const struct store_txn *t, uint32_t zone, const uint8_t *apex,
			void (*say)(bool fatal, const char *line, void *data), void *data);

/**
 * zone_check_edit() - the same of a zone that was good, where only what changed is looked at
 * @e: the edit, with its changes
 * @apex: the zone's name
 * @say: as above
 * @data: for @say
 *
 * Return: how many findings were fatal, at least one if any is.
 */
unsigned int zone_check_edit(struct store_edit *e, const uint8_t *apex,
			     void (*say)(bool fatal, const char *line, void *data), void *data);

#endif
