// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which folders a zone's files are in: asked before the process is confined to them.
 */
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reader.h"
#include "zone.h"

/* A file that includes itself is an error, which others find. */
#define MAX_FILES	256

/**
 * struct search - for folders
 * @add, @data: whom to tell
 * @n: files so far
 */
struct search {
	void (*add)(const char *folder, void *data);
	void *data;
	unsigned int n;
};

static void look_at(struct search *s, const char *path, unsigned int depth);

static void look_through(struct search *s, const char *path, const char *text, size_t len,
			 unsigned int depth)
{
	const char *end = text + len, *line = text;

	while (line < end) {
		const char *next = memchr(line, '\n', end - line) ?: end;
		char name[PATH_MAX], file[PATH_MAX];
		size_t word = *line == '$' ? reader_directive(line, next, "$INCLUDE") : 0;
		const char *rest = line + word;

		if (word && reader_word(&rest, next, name, sizeof(name)) &&
		    reader_find_file(path, name, file))
			look_at(s, file, depth + 1);
		line = next + 1;
	}
}

static void look_into(struct search *s, const char *path, unsigned int depth)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	char *text;
	size_t got = 0;
	ssize_t n;

	if (fd < 0)
		return;
	text = !fstat(fd, &st) && S_ISREG(st.st_mode) ? malloc(st.st_size + 1) : NULL;
	while (text && got < (size_t)st.st_size &&
	       (n = read(fd, text + got, st.st_size - got)) > 0)
		got += n;
	close(fd);
	if (text)
		look_through(s, path, text, got, depth);
	free(text);
}

static void look_at(struct search *s, const char *path, unsigned int depth)
{
	char real[PATH_MAX], folder[PATH_MAX], *parent;

	if (depth > READER_MAX_DEPTH || ++s->n > MAX_FILES || strlen(path) >= sizeof(folder))
		return;
	if (realpath(path, real)) {
		s->add(dirname(real), s->data);
		look_into(s, path, depth);
		return;
	}
	/* It may come yet. */
	strcpy(folder, path);
	parent = dirname(folder);
	if (realpath(parent, real))
		s->add(real, s->data);
}

void zone_folders(const struct setup_zone *zone, void (*add)(const char *folder, void *data),
		  void *data)
{
	struct search s = { .add = add, .data = data };

	look_at(&s, zone->file, 0);
}
