// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Files and folders: which method, which file, which representation of it.
 */
#include "files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "listing.h"
#include "log.h"

/**
 * files_error() - answer that a file cannot be had
 * @x: the exchange
 * @path: the file, for the log
 * @err: negative errno
 *
 * That there is none is no news; anything else is for the administrator.
 */
void files_error(struct http_exchange *x, const char *path, int err)
{
	int status = file_error_status(err);
	char text[3 * HTTP_MAX_PATH];

	/* Encoded, so that a name cannot make lines of its own. */
	if (status != 404 && http_encode(text, sizeof(text), path, strlen(path)))
		ln_log(status == 403 ? LN_WARNING : LN_ERROR, "/%s: %s", text, strerror(-err));
	else if (status != 404)
		ln_log(status == 403 ? LN_WARNING : LN_ERROR, "/: %s", strerror(-err));
	http_error(x, status);
}

/**
 * files_not_allowed() - answer with 405 and what is allowed (RFC 9110, 15.5.6)
 * @x: the exchange
 * @c: the section
 */
void files_not_allowed(struct http_exchange *x, const struct files_conf *c)
{
	files_add(x, "Allow", c->allow);
	http_error(x, 405);
}

/*
 * Whether a path has a step that is not served: with a dot at its start, but for
 * the folder of RFC 8615, or an upload under way.
 */
static bool is_hidden(const struct files_conf *c, const char *path)
{
	static const char well_known[] = ".well-known";

	for (const char *p = path; *p; p += strcspn(p, "/"), p += *p == '/') {
		size_t n = strcspn(p, "/");

		if (*p != '.' || (n == strlen(well_known) && !memcmp(p, well_known, n)))
			continue;
		if (!c->hidden || !strncmp(p, LISTING_TEMPORARY, strlen(LISTING_TEMPORARY)))
			return true;
	}
	return false;
}

/* To the folder's own name, with the slash that its relative links need. */
static void redirect(struct http_exchange *x, const struct http_target *t)
{
	char *path = http_alloc(x, 3 * HTTP_MAX_PATH);

	if (!path || !http_encode(path, 3 * HTTP_MAX_PATH, t->path, t->len)) {
		http_error(x, path ? 414 : 503);
		return;
	}
	http_status(x, 301);
	http_add(x, "Location", "/%s/%s%.*s", path, t->query ? "?" : "", (int)t->query_len,
		 t->query ? t->query : "");
	http_length(x, 0);
	http_begin(x);
	http_end(x);
}

static void list(struct http_exchange *x, struct files_conf *c, const struct httpd_request *r,
		 const struct files_entry *folder)
{
	struct listing l = {
		.root = &c->root,
		.fd = folder->file->fd,
		.path = r->rest,
		.title = r->target->path,
		.hidden = c->hidden,
	};
	size_t len;
	char *html;
	int err;

	if (!c->listing) {
		http_error(x, 403);
		return;
	}
	err = listing_make(&l, &html, &len);
	if (err) {
		files_error(x, r->rest, err);
		return;
	}
	http_status(x, 200);
	files_add(x, "Content-Type", "text/html; charset=utf-8");
	files_add(x, "X-Content-Type-Options", "nosniff");
	http_length(x, len);
	http_begin(x);
	http_write_owned(x, html, len);
	http_end(x);
}

/*
 * A file beside the one asked for, with the same content in a coding.  One that is
 * older was left behind when the file changed.
 */
static struct files_entry *open_beside(struct files_conf *c, const char *path,
				       const struct files_entry *plain, enum http_coding coding)
{
	char name[FILES_PATH];
	struct files_entry *e;

	if (snprintf(name, sizeof(name), "%s%s", path, http_coding_suffix(coding)) >=
	    (int)sizeof(name))
		return NULL;
	e = files_open(c, name);
	if (!e)
		return NULL;
	if (!e->err && S_ISREG(e->st.st_mode) && e->st.st_mtime >= plain->st.st_mtime)
		return e;
	files_close(e);
	return NULL;
}

static bool accepts_plain(const struct http_codings *accepted)
{
	for (int i = 0; i < accepted->n; i++)
		if (accepted->coding[i] == HTTP_CODING_IDENTITY)
			return true;
	return false;
}

/* Whether to compress now: not for parts, which would come from the middle of it. */
static bool may_make(struct http_exchange *x, const struct files_conf *c,
		     const struct files_entry *e, const struct http_codings *accepted)
{
	if (!c->gzip || (uint64_t)e->st.st_size < c->gzip_min)
		return false;
	if (accepts_plain(accepted) && http_field(&http_request(x)->fields, "range", NULL))
		return false;
	return files_gzip_room(c);
}

/* Chooses the representation (RFC 9110, 12.5.3) and answers with it. */
static void serve(struct http_exchange *x, struct files_conf *c, const char *path,
		  struct files_entry *e)
{
	struct files_content content = { .type = e->type };
	struct http_codings accepted;

	content.vary = e->compressible &&
		       (c->precompressed || (c->gzip && (uint64_t)e->st.st_size >= c->gzip_min));
	http_codings_parse(&accepted, &http_request(x)->fields);
	for (int i = 0; i < accepted.n && !content.file; i++) {
		content.coding = accepted.coding[i];
		if (content.coding == HTTP_CODING_IDENTITY) {
			content.file = e;
			break;
		}
		if (c->precompressed && e->compressible)
			content.file = open_beside(c, path, e, content.coding);
		if (!content.file && content.coding == HTTP_CODING_GZIP && e->compressible &&
		    may_make(x, c, e, &accepted)) {
			content.file = e;
			content.made = true;
		}
	}
	if (!content.file) {
		if (content.vary)
			files_add(x, "Vary", "Accept-Encoding");
		http_error(x, 406);
		return;
	}
	files_respond(x, c, &content);
	if (content.file != e)
		files_close(content.file);
}

/* Returns true when the folder was answered for by its index. */
static bool serve_index(struct http_exchange *x, struct files_conf *c,
			const struct httpd_request *r)
{
	char path[FILES_PATH];
	struct files_entry *e;
	bool done = false;

	for (unsigned int i = 0; i < c->n_index && !done; i++) {
		if (snprintf(path, sizeof(path), "%s%s%s", r->rest, *r->rest ? "/" : "",
			     c->index[i]) >= (int)sizeof(path))
			continue;
		e = files_open(c, path);
		if (!e) {
			http_error(x, 503);
			return true;
		}
		if (e->err && e->err != -ENOENT) {
			files_error(x, path, e->err);
			done = true;
		} else if (!e->err && S_ISREG(e->st.st_mode)) {
			serve(x, c, path, e);
			done = true;
		}
		files_close(e);
	}
	return done;
}

static void get(struct http_exchange *x, struct files_conf *c, const struct httpd_request *r)
{
	struct files_entry *e = files_open(c, r->rest);

	if (!e) {
		http_error(x, 503);
		return;
	}
	if (e->err)
		files_error(x, r->rest, e->err);
	else if (S_ISDIR(e->st.st_mode) && !r->target->directory)
		redirect(x, r->target);
	else if (S_ISDIR(e->st.st_mode) && !serve_index(x, c, r))
		list(x, c, r, e);
	else if (S_ISREG(e->st.st_mode) && r->target->directory)
		http_error(x, 404);
	else if (S_ISREG(e->st.st_mode))
		serve(x, c, r->rest, e);
	else if (!S_ISDIR(e->st.st_mode))
		http_error(x, 403);
	files_close(e);
}

static void options(struct http_exchange *x, const struct files_conf *c)
{
	http_status(x, 204);
	files_add(x, "Allow", c->allow);
	http_begin(x);
	http_end(x);
}

static int files_start(void *data, struct ln_server *s)
{
	struct files_conf *c = data;

	c->server = s;
	return files_open_start(c);
}

/*
 * A folder that is the section's own stands for the location; below the host's
 * folder a location is a part of it.
 */
static void files_handle(struct http_exchange *x, const struct httpd_request *request)
{
	struct files_conf *c = request->location->conf;
	struct httpd_request own = *request;
	const struct httpd_request *r = &own;

	if (!c->own_root)
		own.rest = own.target->path;
	switch (http_request(x)->kind) {
	case HTTP_KIND_GET:
	case HTTP_KIND_HEAD:
		if (is_hidden(c, r->rest))
			http_error(x, 404);
		else
			get(x, c, r);
		break;
	case HTTP_KIND_PUT:
		if (!c->put)
			files_not_allowed(x, c);
		else if (is_hidden(c, r->rest))
			http_error(x, 404);
		else
			upload_put(x, c, r);
		break;
	case HTTP_KIND_DELETE:
		if (!c->delete)
			files_not_allowed(x, c);
		else if (is_hidden(c, r->rest))
			http_error(x, 404);
		else
			upload_delete(x, c, r);
		break;
	case HTTP_KIND_OPTIONS:
		options(x, c);
		break;
	default:
		files_not_allowed(x, c);
	}
}

const struct httpd_kind httpd_files = {
	.name = "files",
	.options = files_options,
	.configure = files_configure,
	.start = files_start,
	.confine = files_confine,
	.handle = files_handle,
	.release = files_release,
};
