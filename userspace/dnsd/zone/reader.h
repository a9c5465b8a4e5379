/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Zone files, record by record.
 */
#ifndef DNSD_ZONE_READER_H
#define DNSD_ZONE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "name.h"
#include "setup.h"

#define READER_MAX_ERRORS	20
#define READER_MAX_FILES	256

/* A record, and where it stands. */
struct reader_record {
	const uint8_t *owner;
	uint16_t type;
	uint32_t ttl;
	const uint8_t *rdata;
	uint16_t len;
	const char *file;
	uint64_t line;
};

/**
 * struct reader - what reads a zone file
 * @zone: whose
 * @record: called with each record; false: stop
 * @data: for @record
 * @errors: so far; each was told
 * @n_files: files that were read: the zone's, and included ones
 * @file: their paths
 * @stat: as they were
 */
struct reader {
	const struct setup_zone *zone;
	bool (*record)(struct reader *r, const struct reader_record *record);
	void *data;
	unsigned int errors;
	unsigned int n_files;
	char *file[READER_MAX_FILES];
	struct stat stat[READER_MAX_FILES];
};

/* False after error lines. */
bool reader_run(struct reader *r);
void reader_free(struct reader *r);
/* "FILE:LINE: message", and counts it. */
void reader_error(struct reader *r, const char *file, uint64_t line, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/**
 * generate_expand() - the lines that a $GENERATE stands for
 * @text: what follows the word, without the line's end
 * @len: octets
 * @take: called with whole lines, again and again; false: no more
 * @data: for @take
 *
 * Return: NULL, or what is wrong.
 */
const char *generate_expand(const char *text, size_t len,
			    bool (*take)(const char *lines, size_t len, void *data), void *data);

#endif
