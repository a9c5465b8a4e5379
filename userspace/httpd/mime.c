// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Media types of files, by the extension of their names.
 */
#include "mime.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* /etc/mime.types of Debian 12 has 70 KB and less than 1500 extensions. */
#define MAX_FILE	(4 << 20)
#define MAX_ENTRIES	65536
#define MAX_EXTENSION	32

struct entry {
	const char *extension, *type;
};

/**
 * struct mime_table - types of a file like /etc/mime.types
 * @n: how many extensions
 * @entries: sorted
 * @text: where their texts are
 */
struct mime_table {
	size_t n;
	struct entry *entries;
	char *text;
};

/* Sorted by extension, for bsearch(). */
static const struct entry built_in[] = {
	{ "7z", "application/x-7z-compressed" },
	{ "aac", "audio/aac" },
	{ "apk", "application/vnd.android.package-archive" },
	{ "atom", "application/atom+xml" },
	{ "avi", "video/x-msvideo" },
	{ "avif", "image/avif" },
	{ "bin", "application/octet-stream" },
	{ "bmp", "image/bmp" },
	{ "bz2", "application/x-bzip2" },
	{ "c", "text/plain" },
	{ "conf", "text/plain" },
	{ "css", "text/css" },
	{ "csv", "text/csv" },
	{ "deb", "application/vnd.debian.binary-package" },
	{ "doc", "application/msword" },
	{ "docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document" },
	{ "eot", "application/vnd.ms-fontobject" },
	{ "epub", "application/epub+zip" },
	{ "flac", "audio/flac" },
	{ "gif", "image/gif" },
	{ "gz", "application/gzip" },
	{ "h", "text/plain" },
	{ "htm", "text/html" },
	{ "html", "text/html" },
	{ "ico", "image/vnd.microsoft.icon" },
	{ "ics", "text/calendar" },
	{ "iso", "application/x-iso9660-image" },
	{ "jar", "application/java-archive" },
	{ "jpeg", "image/jpeg" },
	{ "jpg", "image/jpeg" },
	{ "js", "text/javascript" },
	{ "json", "application/json" },
	{ "jsonld", "application/ld+json" },
	{ "log", "text/plain" },
	{ "m3u8", "application/vnd.apple.mpegurl" },
	{ "m4a", "audio/mp4" },
	{ "m4v", "video/mp4" },
	{ "map", "application/json" },
	{ "md", "text/markdown" },
	{ "mjs", "text/javascript" },
	{ "mov", "video/quicktime" },
	{ "mp3", "audio/mpeg" },
	{ "mp4", "video/mp4" },
	{ "mpeg", "video/mpeg" },
	{ "odp", "application/vnd.oasis.opendocument.presentation" },
	{ "ods", "application/vnd.oasis.opendocument.spreadsheet" },
	{ "odt", "application/vnd.oasis.opendocument.text" },
	{ "oga", "audio/ogg" },
	{ "ogg", "audio/ogg" },
	{ "ogv", "video/ogg" },
	{ "opus", "audio/ogg" },
	{ "otf", "font/otf" },
	{ "pcap", "application/vnd.tcpdump.pcap" },
	{ "pdf", "application/pdf" },
	{ "png", "image/png" },
	{ "ps", "application/postscript" },
	{ "py", "text/plain" },
	{ "rpm", "application/x-rpm" },
	{ "rss", "application/rss+xml" },
	{ "rst", "text/plain" },
	{ "rtf", "application/rtf" },
	{ "sh", "text/plain" },
	{ "svg", "image/svg+xml" },
	{ "svgz", "image/svg+xml" },
	{ "tar", "application/x-tar" },
	{ "text", "text/plain" },
	{ "tgz", "application/gzip" },
	{ "tif", "image/tiff" },
	{ "tiff", "image/tiff" },
	{ "ts", "video/mp2t" },
	{ "ttf", "font/ttf" },
	{ "txt", "text/plain" },
	{ "vtt", "text/vtt" },
	{ "wasm", "application/wasm" },
	{ "wav", "audio/wav" },
	{ "weba", "audio/webm" },
	{ "webm", "video/webm" },
	{ "webmanifest", "application/manifest+json" },
	{ "webp", "image/webp" },
	{ "woff", "font/woff" },
	{ "woff2", "font/woff2" },
	{ "xhtml", "application/xhtml+xml" },
	{ "xls", "application/vnd.ms-excel" },
	{ "xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" },
	{ "xml", "application/xml" },
	{ "xz", "application/x-xz" },
	{ "yaml", "application/yaml" },
	{ "yml", "application/yaml" },
	{ "zip", "application/zip" },
	{ "zst", "application/zstd" },
};

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->extension, ((const struct entry *)b)->extension);
}

static const char *look_up(const struct entry *entries, size_t n, const char *extension)
{
	struct entry key = { .extension = extension };
	const struct entry *e = n ? bsearch(&key, entries, n, sizeof(*entries), compare) : NULL;

	return e ? e->type : NULL;
}

/* A word of a line, cut out; NULL at the line's end or its comment. */
static char *word(char **s)
{
	char *start = *s + strspn(*s, " \t\r");

	if (!*start || *start == '#')
		return NULL;
	*s = start + strcspn(start, " \t\r");
	if (**s)
		*(*s)++ = 0;
	return start;
}

static bool is_type(const char *s)
{
	const char *slash = strchr(s, '/');

	for (const char *p = s; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("/!#$&^_.+-", *p))
			return false;
	return slash && slash > s && slash[1] && !strchr(slash + 1, '/');
}

static void lower(char *s)
{
	for (; *s; s++)
		*s = tolower((unsigned char)*s);
}

static int add(struct mime_table *t, const char *extension, const char *type)
{
	/* Room for a power of two: full when so many are there. */
	if (!(t->n & (t->n - 1))) {
		size_t room = t->n ? 2 * t->n : 1;
		struct entry *more = reallocarray(t->entries, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		t->entries = more;
	}
	t->entries[t->n++] = (struct entry){ extension, type };
	return 0;
}

static int parse_line(struct mime_table *t, char *line)
{
	char *type = word(&line), *extension;
	int err = 0;

	if (!type || !is_type(type))
		return 0;
	while (!err && t->n < MAX_ENTRIES && (extension = word(&line))) {
		lower(extension);
		if (strlen(extension) <= MAX_EXTENSION)
			err = add(t, extension, type);
	}
	return err;
}

/* For sorting: of the same extension the one that stands first in the text. */
static int compare_places(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int r = compare(a, b);

	return r ? r : (x->extension > y->extension) - (x->extension < y->extension);
}

/* Sorted, with the later of two types for the same extension. */
static void settle(struct mime_table *t)
{
	size_t n = 0;

	if (t->n)
		qsort(t->entries, t->n, sizeof(*t->entries), compare_places);
	for (size_t i = 0; i < t->n; i++) {
		if (n && !compare(&t->entries[n - 1], &t->entries[i]))
			n--;
		t->entries[n++] = t->entries[i];
	}
	t->n = n;
}

/**
 * mime_table_parse() - types in the form of /etc/mime.types
 * @text: lines of a type and its extensions; what is no type is passed over
 * @len: its length
 *
 * Return: the table, or NULL when there is no memory.
 */
struct mime_table *mime_table_parse(const char *text, size_t len)
{
	struct mime_table *t = calloc(1, sizeof(*t));
	char *line, *next;
	int err = 0;

	if (!t)
		return NULL;
	t->text = malloc(len + 1);
	if (!t->text) {
		free(t);
		return NULL;
	}
	memcpy(t->text, text, len);
	t->text[len] = 0;
	for (line = t->text; line && !err; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = 0;
		err = parse_line(t, line);
	}
	if (err) {
		mime_table_free(t);
		return NULL;
	}
	settle(t);
	return t;
}

/**
 * mime_table_read() - types of a file like /etc/mime.types
 * @file: its name
 *
 * Return: the table, or NULL with errno.
 */
struct mime_table *mime_table_read(const char *file)
{
	FILE *f = fopen(file, "re");
	struct mime_table *t = NULL;
	char *text;
	size_t len;

	if (!f)
		return NULL;
	text = malloc(MAX_FILE + 1);
	len = text ? fread(text, 1, MAX_FILE + 1, f) : 0;
	if (!text)
		errno = ENOMEM;
	else if (ferror(f))
		errno = EIO;
	else if (len > MAX_FILE)
		errno = EFBIG;
	else
		t = mime_table_parse(text, len);
	free(text);
	fclose(f);
	return t;
}

/**
 * mime_table_free() - let a table go
 * @t: the table, or NULL
 */
void mime_table_free(struct mime_table *t)
{
	if (!t)
		return;
	free(t->entries);
	free(t->text);
	free(t);
}

/**
 * mime_type() - media type of a file by its name
 * @t: types that go before the built-in ones, or NULL
 * @path: the name, with or without folders
 *
 * Return: the type, application/octet-stream when the extension says nothing.
 */
const char *mime_type(const struct mime_table *t, const char *path)
{
	const char *slash = strrchr(path, '/'), *dot = strrchr(slash ? slash : path, '.');
	const char *type = NULL;
	char extension[MAX_EXTENSION + 1];

	if (dot && strlen(dot + 1) <= MAX_EXTENSION) {
		strcpy(extension, dot + 1);
		lower(extension);
		if (t)
			type = look_up(t->entries, t->n, extension);
		if (!type)
			type = look_up(built_in, sizeof(built_in) / sizeof(*built_in), extension);
	}
	return type ? type : "application/octet-stream";
}

/**
 * mime_matches() - whether a type is meant
 * @type: the type, without parameters
 * @pattern: a type, "text/" and a star for all of a kind, or a star for all
 */
bool mime_matches(const char *type, const char *pattern)
{
	size_t n = strlen(pattern);

	if (!strcmp(pattern, "*"))
		return true;
	if (n > 2 && !strcmp(pattern + n - 2, "/*"))
		return !strncasecmp(type, pattern, n - 1);
	return !strcasecmp(type, pattern);
}
