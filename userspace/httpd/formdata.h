/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The content of a request in one of the three kinds in which forms arrive: opaque octets,
 * application/x-www-form-urlencoded, multipart/form-data.
 */
#ifndef HTTPD_FORMDATA_H
#define HTTPD_FORMDATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum formdata_kind { FORMDATA_OPAQUE, FORMDATA_URLENCODED, FORMDATA_MULTIPART };

/**
 * struct formdata_item - a field or a file of the form; texts are UTF-8
 * @next: the one sent after it
 * @name: its name
 * @value: value of a field, without NUL within; NULL for a file
 * @value_len: its length
 * @filename: name of a file, without folders; NULL for a field
 * @type: media type as sent
 * @size: octets of the file or value
 * @sha256: of the file, in hexadecimal; empty for a field
 * @fd: the file's content, at its start, or -1: it was only counted and hashed
 */
struct formdata_item {
	struct formdata_item *next;
	char *name;
	char *value;
	size_t value_len;
	char *filename;
	char *type;
	uint64_t size;
	char sha256[65];
	int fd;
};

/**
 * struct formdata_limits - bounds
 * @items: fields and files at most
 * @memory: octets of names and values at most, in all
 * @spool: descriptor of a folder in which unnamed files can be made for what is uploaded,
 *	or -1: files are only counted and hashed
 */
struct formdata_limits {
	unsigned int items;
	size_t memory;
	int spool;
};

struct formdata;

struct formdata *formdata_new(const char *type, size_t type_len,
			      const struct formdata_limits *limits);
int formdata_add(struct formdata *f, const char *data, size_t len);
int formdata_end(struct formdata *f);
const char *formdata_error(const struct formdata *f);
enum formdata_kind formdata_kind(const struct formdata *f);
const char *formdata_type(const struct formdata *f);
uint64_t formdata_size(const struct formdata *f);
const char *formdata_sha256(const struct formdata *f);
const struct formdata_item *formdata_first(const struct formdata *f);
void formdata_json(const struct formdata *f, FILE *out, int first_fd);
void formdata_free(struct formdata *f);

/* --- for CGI programs: formdata-export.c --- */

#define FORMDATA_MAX_FILES	64
#define FORMDATA_FIRST_FD	3

/**
 * struct formdata_export - a form as a program gets it
 * @fds: descriptors to be passed as FORMDATA_FIRST_FD and what follows: first the form as
 *	JSON, then the files; closed by formdata_export_free()
 * @n_fds: how many
 * @env: "NAME=value", ends in NULL
 */
struct formdata_export {
	int fds[1 + FORMDATA_MAX_FILES];
	unsigned int n_fds;
	char **env;
};

int formdata_export(const struct formdata *f, struct formdata_export *e);
void formdata_export_free(struct formdata_export *e);

#endif
