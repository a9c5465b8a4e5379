// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * PUT and DELETE.
 *
 * What arrives is written into a file without a name.  When it is complete, a
 * thread brings it to the disk, checks the request's conditions once more and
 * gives the file its name.  A folder's lock keeps other uploads, also of other
 * workers, from coming between the check and the change.
 */
#include "upload.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "date.h"
#include "files.h"
#include "log.h"

/* Time for the disk to take it. */
#define COMMIT_MS	(10 * 60 * 1000)
/* For the lock of the folder. */
#define LOCK_TRIES	500
#define LOCK_WAIT_NS	(10 * 1000 * 1000)

static const char *const conditions[] = { "if-match", "if-none-match", "if-unmodified-since" };

#define MAX_CONDITIONS	8

/**
 * struct upload - a PUT or DELETE under way
 * @exchange: NULL after it was closed
 * @conf: the section; its server is held while @work runs
 * @work: the last step, in a thread
 * @busy: it runs
 * @rq: the request's kind and its conditions, copied
 * @fields: room for them
 * @file: the new file
 * @folder: descriptor of the folder
 * @path: below the root, for the log
 * @name: last part of @path
 * @size: octets so far
 * @status: what to answer after @work
 * @err: negative errno for the log, or 0
 * @validators: of the new file
 */
struct upload {
	struct http_exchange *exchange;
	struct files_conf *conf;
	uv_work_t work;
	bool busy;
	struct http_request rq;
	struct http_field fields[MAX_CONDITIONS];
	struct upload_file file;
	int folder;
	char *path;
	const char *name;
	uint64_t size;
	int status;
	int err;
	struct http_validators validators;
};

/* Also lets the folder's lock go. */
static void close_files(struct upload *u)
{
	upload_file_close(&u->file);
	if (u->folder >= 0)
		close(u->folder);
	u->folder = -1;
}

static void free_upload(struct upload *u)
{
	close_files(u);
	for (unsigned int i = 0; i < u->rq.fields.n; i++)
		free((char *)u->fields[i].value);
	free(u->path);
	free(u);
}

/* The thread may outlive the exchange, so that the conditions are copied. */
static int copy_conditions(struct upload *u, const struct http_request *rq)
{
	const struct http_field *f;
	char *value;

	u->rq.kind = rq->kind;
	u->rq.fields.field = u->fields;
	for (size_t i = 0; i < sizeof(conditions) / sizeof(*conditions); i++) {
		for (f = NULL; (f = http_field(&rq->fields, conditions[i], f));) {
			if (u->rq.fields.n == MAX_CONDITIONS)
				return 400;
			value = malloc(f->value_len + 1);
			if (!value)
				return 503;
			memcpy(value, f->value, f->value_len);
			u->fields[u->rq.fields.n++] = (struct http_field){
				.name = conditions[i],
				.name_len = strlen(conditions[i]),
				.value = value,
				.value_len = f->value_len,
			};
		}
	}
	return 0;
}

/* Opens the folder and tells the name in it.  Returns 0 or a negative errno. */
static int find_place(struct upload *u, const char *rest)
{
	char *slash;

	u->path = strdup(rest);
	if (!u->path)
		return -ENOMEM;
	slash = strrchr(u->path, '/');
	u->name = slash ? slash + 1 : u->path;
	if (strlen(u->name) > NAME_MAX)
		return -ENAMETOOLONG;
	if (slash)
		*slash = 0;
	u->folder = file_open_folder(&u->conf->root, slash ? u->path : "");
	if (slash)
		*slash = '/';
	return u->folder < 0 ? u->folder : 0;
}

/* Returns NULL after answering. */
static struct upload *begin(struct http_exchange *x, struct files_conf *c,
			    const struct httpd_request *r)
{
	struct upload *u;
	int status, err;

	/* A folder's name: no content can be there (RFC 9110, 15.5.10). */
	if (r->target->directory || !*r->rest) {
		http_error(x, 409);
		return NULL;
	}
	u = calloc(1, sizeof(*u));
	if (!u) {
		http_error(x, 503);
		return NULL;
	}
	u->exchange = x;
	u->conf = c;
	u->work.data = u;
	u->folder = -1;
	u->file.fd = -1;
	status = copy_conditions(u, http_request(x));
	err = status ? 0 : find_place(u, r->rest);
	if (!status && !err)
		return u;
	/* PUT makes no folders. */
	if ((err == -ENOENT || err == -ENOTDIR) && u->rq.kind == HTTP_KIND_PUT)
		status = 409;
	if (err == -ENAMETOOLONG)
		status = 414;
	if (status)
		http_error(x, status);
	else
		files_error(x, r->rest, err);
	free_upload(u);
	return NULL;
}

/*
 * Whether the change may be made to what is there now.  Returns 0 or a status;
 * @exists and @st tell what there is.
 */
static int check(struct upload *u, bool *exists, struct stat *st)
{
	struct http_validators v;

	*exists = !fstatat(u->folder, u->name, st, AT_SYMLINK_NOFOLLOW);
	if (!*exists && errno != ENOENT) {
		u->err = -errno;
		return file_error_status(u->err);
	}
	/* Links are not followed for a change, and folders stay. */
	if (*exists && !S_ISREG(st->st_mode))
		return S_ISDIR(st->st_mode) ? 409 : 403;
	if (*exists)
		http_validators_of(&v, st, NULL, false, time(NULL));
	/* Conditions count for nothing when there is nothing to do (13.2.1). */
	if (!*exists && u->rq.kind == HTTP_KIND_DELETE)
		return 404;
	return http_preconditions(&u->rq, *exists ? &v : NULL);
}

/*
 * A lock that is not to be had in time is somebody's mistake.  Where folders
 * cannot be locked (NFS), conditions are as good as without.
 */
static int lock(int folder)
{
	const struct timespec wait = { .tv_nsec = LOCK_WAIT_NS };

	for (int i = 0; i < LOCK_TRIES; i++) {
		if (!flock(folder, LOCK_EX | LOCK_NB))
			return 0;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return 0;
		nanosleep(&wait, NULL);
	}
	return -EAGAIN;
}

static int failed(struct upload *u, int err)
{
	u->err = err;
	return file_error_status(err);
}

/* Somebody who knows nothing of locks may make the file in between: look again. */
static int publish(struct upload *u, bool *exists)
{
	struct stat st;
	int status, err = -EEXIST;

	for (int i = 0; i < 3 && err == -EEXIST; i++) {
		status = check(u, exists, &st);
		if (status)
			return status;
		if (*exists && fchmod(u->file.fd, st.st_mode & 0777))
			return failed(u, -errno);
		err = upload_file_publish(&u->file, u->name, *exists);
	}
	return err ? failed(u, err) : 0;
}

static int commit_put(struct upload *u)
{
	struct stat st;
	bool exists;
	int status, err;

	if (fsync(u->file.fd))
		return failed(u, -errno);
	err = lock(u->folder);
	if (err)
		return failed(u, err);
	status = publish(u, &exists);
	if (status)
		return status;
	if (fstat(u->file.fd, &st))
		return failed(u, -errno);
	http_validators_of(&u->validators, &st, NULL, false, time(NULL));
	return exists ? 204 : 201;
}

static int commit_delete(struct upload *u)
{
	struct stat st;
	bool exists;
	int status, err;

	err = lock(u->folder);
	if (err)
		return failed(u, err);
	status = check(u, &exists, &st);
	if (status)
		return status;
	if (unlinkat(u->folder, u->name, 0))
		return failed(u, -errno);
	return fsync(u->folder) ? failed(u, -errno) : 204;
}

/* In a thread: nothing of the exchange is touched. */
static void commit(uv_work_t *work)
{
	struct upload *u = work->data;

	u->status = u->rq.kind == HTTP_KIND_PUT ? commit_put(u) : commit_delete(u);
	close_files(u);
}

static void refuse(struct upload *u)
{
	if (u->err)
		files_error(u->exchange, u->path, u->err);
	else
		http_error(u->exchange, u->status);
}

static void respond(struct upload *u)
{
	struct http_exchange *x = u->exchange;
	char date[HTTP_DATE_LEN];

	if (u->status >= 300) {
		refuse(u);
		return;
	}
	http_status(x, u->status);
	if (u->rq.kind == HTTP_KIND_PUT) {
		/* The content is kept as it came (RFC 9110, 9.3.4). */
		files_add(x, "ETag", u->validators.etag);
		files_add(x, "Last-Modified", http_date_format(u->validators.modified, date));
	}
	if (u->status != 204)
		http_length(x, 0);
	http_begin(x);
	http_end(x);
}

static void committed(uv_work_t *work, int status)
{
	struct upload *u = work->data;

	(void)status;	/* never cancelled */
	u->busy = false;
	ln_server_release(u->conf->server);
	files_forget(u->conf);
	if (u->exchange)
		respond(u);
	else
		free_upload(u);
}

static void start_commit(struct upload *u)
{
	http_deadline(u->exchange, COMMIT_MS);
	u->busy = true;
	ln_server_hold(u->conf->server);
	if (uv_queue_work(ln_server_loop(u->conf->server), &u->work, commit, committed)) {
		u->busy = false;
		ln_server_release(u->conf->server);
		http_error(u->exchange, 503);
	}
}

static void content(struct http_exchange *x, const char *data, size_t len)
{
	struct upload *u = http_state(x);
	int err = upload_file_write(&u->file, data, len, u->size);

	if (err)
		files_error(x, u->path, err);
	u->size += len;
}

static void content_end(struct http_exchange *x)
{
	start_commit(http_state(x));
}

/* A change under way goes on: its request was complete. */
static void closed(struct http_exchange *x, bool complete)
{
	struct upload *u = http_state(x);

	(void)complete;
	u->exchange = NULL;
	if (!u->busy)
		free_upload(u);
}

static const struct http_handler put_handler = {
	.content = content,
	.content_end = content_end,
	.close = closed,
};

static const struct http_handler delete_handler = {
	.close = closed,
};

/* What of the header alone is reason to refuse.  Returns 0 or a status. */
static int check_header(struct http_exchange *x, const struct files_conf *c)
{
	const struct http_request *rq = http_request(x);
	const struct http_fields *f = &rq->fields;

	/* RFC 9110, 14.5: a part, which must not be taken for the whole. */
	if (http_field(f, "content-range", NULL))
		return 400;
	/* Kept as it is, it would be sent without its coding. */
	if (http_content_coded(f))
		return 415;
	/* Without content nobody said that the file should be empty. */
	if (rq->version < HTTP_2 && !http_field(f, "content-length", NULL) &&
	    !http_field(f, "transfer-encoding", NULL))
		return 411;
	return rq->content_length > 0 && (uint64_t)rq->content_length > c->upload_max ? 413 : 0;
}

/* What cannot fit is refused before it is sent. */
static int check_room(struct upload *u)
{
	int64_t wanted = http_request(u->exchange)->content_length;
	struct statvfs v;

	if (wanted <= 0 || fstatvfs(u->folder, &v))
		return 0;
	return (uint64_t)wanted / v.f_frsize > v.f_bavail ? -ENOSPC : 0;
}

/**
 * upload_put() - answer PUT
 * @x: the exchange
 * @c: the section
 * @r: the request; its path is not hidden
 */
void upload_put(struct http_exchange *x, struct files_conf *c, const struct httpd_request *r)
{
	int status = check_header(x, c);
	struct upload *u;
	struct stat st;
	bool exists;

	if (status) {
		/* RFC 9110, 12.5.3: what is wanted instead */
		if (status == 415)
			files_add(x, "Accept-Encoding", "identity");
		http_error(x, status);
		return;
	}
	u = begin(x, c, r);
	if (!u)
		return;
	http_handle(x, &put_handler, u);
	u->status = check(u, &exists, &st);
	if (!u->status)
		u->err = check_room(u);
	if (!u->status && !u->err)
		u->err = upload_file_open(&u->file, u->folder);
	if (u->status || u->err)
		refuse(u);
	else
		http_accept(x, c->upload_max);
}

/**
 * upload_delete() - answer DELETE
 * @x: the exchange
 * @c: the section
 * @r: the request; its path is not hidden
 */
void upload_delete(struct http_exchange *x, struct files_conf *c, const struct httpd_request *r)
{
	struct upload *u = begin(x, c, r);

	if (!u)
		return;
	http_handle(x, &delete_handler, u);
	start_commit(u);
}
