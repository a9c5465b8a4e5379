/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kind "files" and what its parts share:
 *
 *   files.c           which method, which file, which representation of it
 *   files-config.c    the section of the configuration
 *   files-open.c      open files, shared by the requests of one turn of the loop
 *   files-respond.c   a representation as a response: conditions, ranges
 *   files-gzip.c      compression while sending
 *   upload.c          PUT and DELETE
 */
#ifndef HTTPD_FILES_H
#define HTTPD_FILES_H

#include <string.h>

#include "encoding.h"
#include "file.h"
#include "httpd.h"
#include "mime.h"
#include "validators.h"

/* Room for a path below the root, a slash, an index file's name, a suffix. */
#define FILES_PATH	(HTTP_MAX_PATH + 272)

struct files_shared;

/**
 * struct files_conf - a section of kind "files"
 * @root: the folder
 * @own_root: it was named in the section, and is not the host's
 * @n_index: how many
 * @index: names that stand for their folder, the first that is there
 * @listing: folders without index are listed
 * @put: PUT is allowed
 * @delete: DELETE is allowed
 * @upload_max: octets of an upload at most
 * @precompressed: NAME.br, NAME.zst and NAME.gz are sent instead of NAME
 * @gzip: compress what is worth it
 * @gzip_min: octets from which on it is
 * @n_gzip_types: how many
 * @gzip_types: types for which it is, as for mime_matches()
 * @hidden: names with a dot at their start are served
 * @types: media types that go before the built-in ones, or NULL
 * @charset: said of texts; empty: nothing is said
 * @cache_control: value of Cache-Control; empty: none
 * @allow: value of Allow
 * @server: in a worker: the server
 * @shared: in a worker: open files
 * @n_compressing: in a worker: responses being compressed
 */
struct files_conf {
	struct file_root root;
	bool own_root;
	unsigned int n_index;
	char **index;
	bool listing;
	bool put, delete;
	uint64_t upload_max;
	bool precompressed;
	bool gzip;
	uint64_t gzip_min;
	unsigned int n_gzip_types;
	char **gzip_types;
	bool hidden;
	struct mime_table *types;
	char *charset;
	char *cache_control;
	const char *allow;
	struct ln_server *server;
	struct files_shared *shared;
	unsigned int n_compressing;
};

/* files-config.c */
extern cfg_opt_t files_options[];
void *files_configure(cfg_t *section, const struct httpd_location *l);
int files_confine(void *data, struct ln_sandbox *sandbox);
void files_release(void *data);

/**
 * struct files_entry - a path below the root and what was found there
 * @err: 0 or the negative errno with which it cannot be opened
 * @st: what it is
 * @file: open for reading, NULL with @err
 * @type: media type of a regular file
 * @compressible: its type is one of those worth compressing
 * @validators: of the file as it is
 */
struct files_entry {
	int err;
	struct stat st;
	struct ln_file *file;
	const char *type;
	bool compressible;
	struct http_validators validators;
};

/* files-open.c */
int files_open_start(struct files_conf *c);
struct files_entry *files_open(struct files_conf *c, const char *path);
const char *files_data(struct files_entry *e);
void files_close(struct files_entry *e);
void files_forget(struct files_conf *c);

/**
 * struct files_content - a representation
 * @file: the file with its octets
 * @type: media type
 * @coding: content coding
 * @made: @file is not in this coding yet
 * @vary: it depends on Accept-Encoding
 */
struct files_content {
	struct files_entry *file;
	const char *type;
	enum http_coding coding;
	bool made;
	bool vary;
};

/* files-respond.c */
void files_respond(struct http_exchange *x, struct files_conf *c,
		   const struct files_content *content);

/* files-gzip.c */
struct files_gzip;
bool files_gzip_room(const struct files_conf *c);
struct files_gzip *files_gzip_new(struct files_conf *c, struct files_entry *e);
void files_gzip_send(struct http_exchange *x, struct files_gzip *s);

/* upload.c */
void upload_put(struct http_exchange *x, struct files_conf *c, const struct httpd_request *r);
void upload_delete(struct http_exchange *x, struct files_conf *c, const struct httpd_request *r);

/* A field whose value needs no formatting. */
static inline void files_add(struct http_exchange *x, const char *name, const char *value)
{
	http_add_n(x, name, strlen(name), value, strlen(value));
}

/* files.c */
void files_error(struct http_exchange *x, const char *path, int err);
void files_not_allowed(struct http_exchange *x, const struct files_conf *c);

#endif
