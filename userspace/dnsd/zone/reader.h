/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Zone files, record by record.
 */
#ifndef DNSD_ZONE_READER_H
#define DNSD_ZONE_READER_H

#include <limits.h>
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

/* Files inside one another. */
#define READER_MAX_DEPTH	10

/**
 * reader_word() - a word, or a text in quotes
 * @text: where to look; behind it afterwards
 * @end: of the line
 * @out: filled, with a final NUL
 * @room: octets of it; what is longer is cut
 *
 * Return: false: there is none.
 */
bool reader_word(const char **text, const char *end, char *out, size_t room);
/**
 * reader_find_file() - the path of a file that is included
 * @from: path of the file that includes it
 * @name: as it stands there; relative names are from the folder of @from
 * @path: filled
 *
 * Return: false: it is too long.
 */
bool reader_find_file(const char *from, const char *name, char path[PATH_MAX]);
/**
 * reader_directive() - does a line begin with a directive?
 * @s: begin of the line
 * @end: of the text
 * @name: as "$INCLUDE", in any case
 *
 * Return: octets of the directive's name, or 0.
 */
size_t reader_directive(const char *s, const char *end, const char *name);

/**
 * reader_run() - read the zone's file and what it includes
 * @r: reader, zeroed but for zone, record and data; reader_free() afterwards
 *
 * Return: false after error lines.
 */
bool reader_run(struct reader *r);
/**
 * reader_free() - let go of what a reader has
 * @r: reader
 */
void reader_free(struct reader *r);
/**
 * reader_error() - an error line "FILE:LINE: message", which is counted
 * @r: reader
 * @file: path
 * @line: number; 0: the file as a whole
 * @fmt: as of printf()
 */
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
