// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Open files, shared by the requests of one turn of the event loop.
 *
 * Many requests that wait in the same turn are often for the same file: it is
 * opened, looked at and read once for all of them.  When its input was handled
 * nothing is used again, so that whoever has changed a file and asks for it then gets
 * the new one: there is no time of grace in which old content is served.  It is closed
 * when the responses are out.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "files.h"

/* Small files are read rather than sent by sendfile(): header and content go out in one write. */
#define SMALL		16384
#define SLOTS		64

/**
 * struct opened - an entry, its owners, what was read of it
 * @entry: what others see
 * @refs: owners
 * @age: files_shared's when it was opened
 * @path: below the root
 * @data: content, once read
 */
struct opened {
	struct files_entry entry;
	unsigned int refs;
	unsigned int age;
	char *path;
	char *data;
};

/**
 * struct files_shared - what one worker has open for one section
 * @over: called when a turn has handled its input
 * @end: called when a turn is over
 * @age: counts what made the entries so far out of date
 * @used: how many slots are
 * @slot: by a hash of the path, each with one
 */
struct files_shared {
	uv_check_t over;
	struct ln_turn_end end;
	unsigned int age;
	unsigned int used;
	struct opened *slot[SLOTS];
};

static unsigned int hash(const char *s)
{
	unsigned int h = 2166136261u; /* FNV-1a */

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 16777619u;
	return h ^ h >> 16;
}

static void put(struct opened *o)
{
	if (--o->refs)
		return;
	if (o->entry.file)
		ln_file_put(o->entry.file);
	free(o->path);
	free(o->data);
	free(o);
}

/**
 * files_forget() - what was found so far is out of date
 * @c: the section
 */
void files_forget(struct files_conf *c)
{
	c->shared->age++;
}

static void input_over(uv_check_t *check)
{
	files_forget(check->data);
}

static void turn_over(void *data)
{
	struct files_shared *s = data;

	for (int i = 0; i < SLOTS && s->used; i++) {
		if (!s->slot[i])
			continue;
		put(s->slot[i]);
		s->slot[i] = NULL;
		s->used--;
	}
}

/**
 * files_open_start() - begin in a worker
 * @c: the section
 *
 * Return: 0 or a negative errno.
 */
int files_open_start(struct files_conf *c)
{
	c->shared = calloc(1, sizeof(*c->shared));
	if (!c->shared)
		return -ENOMEM;
	uv_check_init(ln_server_loop(c->server), &c->shared->over);
	c->shared->over.data = c;
	uv_check_start(&c->shared->over, input_over);
	/* It does not keep the loop from ending. */
	uv_unref((uv_handle_t *)&c->shared->over);
	c->shared->end = (struct ln_turn_end){ .run = turn_over, .data = c->shared };
	ln_server_at_turn_end(c->server, &c->shared->end);
	return 0;
}

static void look_at(struct files_conf *c, struct opened *o)
{
	struct files_entry *e = &o->entry;
	int fd = file_open(&c->root, o->path, &e->st);

	if (fd < 0) {
		e->err = fd;
		return;
	}
	e->file = ln_file_new(fd);
	if (!e->file) {
		close(fd);
		e->err = -ENOMEM;
		return;
	}
	if (!S_ISREG(e->st.st_mode))
		return;
	e->type = mime_type(c->types, o->path);
	for (unsigned int i = 0; i < c->n_gzip_types && !e->compressible; i++)
		e->compressible = mime_matches(e->type, c->gzip_types[i]);
	http_validators_of(&e->validators, &e->st, NULL, false, time(NULL));
}

static struct opened *open_new(struct files_conf *c, const char *path)
{
	struct opened *o = calloc(1, sizeof(*o));

	if (!o)
		return NULL;
	o->refs = 1;
	o->path = strdup(path);
	if (!o->path) {
		free(o);
		return NULL;
	}
	look_at(c, o);
	return o;
}

/**
 * files_open() - what is at a path
 * @c: the section
 * @path: below the root; empty for the root itself
 *
 * Return: an entry for files_close(), or NULL when there is no memory.
 */
struct files_entry *files_open(struct files_conf *c, const char *path)
{
	struct files_shared *s = c->shared;
	struct opened **slot = &s->slot[hash(path) % SLOTS], *o = *slot;

	if (o && o->age == s->age && !strcmp(o->path, path)) {
		o->refs++;
		return &o->entry;
	}
	if (o && o->age != s->age) {
		put(o);
		*slot = NULL;
		s->used--;
	}
	o = open_new(c, path);
	if (!o)
		return NULL;
	o->age = s->age;
	if (!*slot) {
		*slot = o;
		o->refs++;
		s->used++;
	}
	return &o->entry;
}

/**
 * files_data() - the content of a small regular file
 * @e: the file
 *
 * Return: @e->st.st_size octets that stay until files_close(); NULL when it is not
 * small or cannot be read: send it by http_write_file().
 */
const char *files_data(struct files_entry *e)
{
	struct opened *o = (struct opened *)e;
	size_t size = e->st.st_size;

	if (o->data || e->st.st_size > SMALL || !size)
		return o->data;
	o->data = malloc(size);
	if (o->data && pread(e->file->fd, o->data, size, 0) != (ssize_t)size) {
		free(o->data);
		o->data = NULL;
	}
	return o->data;
}

/**
 * files_close() - an entry is not needed any more
 * @e: the entry
 */
void files_close(struct files_entry *e)
{
	put((struct opened *)e);
}
