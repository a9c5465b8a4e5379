// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Zone files (RFC 1035 section 5.1): libzscanner reads the records; $INCLUDE and $GENERATE
 * are ours, so that they work inside one another and errors name the right file.
 */
#include "reader.h"

#include <errno.h>
#include <fcntl.h>
#include <libzscanner/scanner.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <unistd.h>

#include "log.h"

/* Without $TTL and without one of its own. */
#define DEFAULT_TTL	3600

/**
 * struct source - a file that is being read
 * @reader: whose
 * @scanner: shared by the files of a zone
 * @path: of the file
 * @depth: how many files include it
 * @has_ttl: $TTL was there; without it a record has the TTL of the one before
 * @generated: line of a $GENERATE whose records are being read, or 0
 */
struct source {
	struct reader *reader;
	zs_scanner_t *scanner;
	const char *path;
	unsigned int depth;
	bool has_ttl;
	uint64_t generated;
};

void reader_error(struct reader *r, const char *file, uint64_t line, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (++r->errors <= READER_MAX_ERRORS)
		ln_error("%s:%llu: %s", file, (unsigned long long)line, text);
}

static uint64_t line_of(const struct source *s)
{
	return s->generated ? s->generated : s->scanner->line_counter;
}

static void on_record(zs_scanner_t *scanner)
{
	struct source *s = scanner->process.data;
	struct reader *r = s->reader;
	const struct reader_record record = {
		.owner = scanner->r_owner,
		.type = scanner->r_type,
		.ttl = scanner->r_ttl,
		.rdata = scanner->r_data,
		.len = scanner->r_data_length,
		.file = s->path,
		.line = line_of(s),
	};

	/* RFC 1035 section 5.1, before there was $TTL (RFC 2308 section 4). */
	if (!s->has_ttl)
		scanner->default_ttl = scanner->r_ttl;
	if (scanner->r_class != KNOT_CLASS_IN)
		reader_error(r, s->path, record.line, "class %u: allowed is IN", scanner->r_class);
	else if (!r->record(r, &record))
		scanner->state = ZS_STATE_STOP;
}

/* In words that say what is allowed, where libzscanner's do not. */
static const char *words(int code)
{
	switch (code) {
	case ZS_LABEL_OVERFLOW:
		return "a label of more than 63 octets: at most 63";
	case ZS_DNAME_OVERFLOW:
		return "a name of more than 255 octets: at most 255 (253 characters)";
	case ZS_TEXT_OVERFLOW:
		return "a text of more than 255 octets: at most 255, several in quotes are allowed";
	default:
		return zs_strerror(code);
	}
}

static void on_error(zs_scanner_t *scanner)
{
	struct source *s = scanner->process.data;

	reader_error(s->reader, s->path, line_of(s), "%s", words(scanner->error.code));
	/* So that the rest is looked at as well. */
	if (s->reader->errors >= READER_MAX_ERRORS)
		scanner->state = ZS_STATE_STOP;
}

static bool stopped(const struct source *s)
{
	return s->scanner->state == ZS_STATE_STOP || s->reader->errors >= READER_MAX_ERRORS;
}

/* Whole lines. */
static void scan(struct source *s, const char *text, size_t len, uint64_t line)
{
	if (!len || stopped(s))
		return;
	s->scanner->line_counter = line;
	s->scanner->process.data = s;
	if (zs_set_input_string(s->scanner, text, len)) {
		reader_error(s->reader, s->path, line, "%s", zs_strerror(s->scanner->error.code));
		return;
	}
	/* What is wrong has been told by on_error(). */
	if (zs_parse_all(s->scanner) && !s->reader->errors)
		reader_error(s->reader, s->path, line_of(s), "%s",
			     words(s->scanner->error.code));
}

/* --- our directives --- */

static bool take_generated(const char *lines, size_t len, void *data)
{
	struct source *s = data;

	scan(s, lines, len, s->generated);
	return !stopped(s);
}

static void generate(struct source *s, const char *text, size_t len, uint64_t line)
{
	const char *wrong;

	s->generated = line;
	wrong = generate_expand(text, len, take_generated, s);
	s->generated = 0;
	if (wrong)
		reader_error(s->reader, s->path, line, "%s", wrong);
}

static bool read_file(struct source *s);

/* A word, or a text in quotes; false: there is none. */
bool reader_word(const char **text, const char *end, char *out, size_t room)
{
	const char *s = *text;
	size_t n = 0;
	bool quoted;

	while (s < end && (*s == ' ' || *s == '\t'))
		s++;
	if (s == end || *s == ';' || *s == '\r')
		return false;
	quoted = *s == '"';
	s += quoted;
	while (s < end && (quoted ? *s != '"' : !strchr(" \t;\r", *s)) && n + 1 < room)
		out[n++] = *s++;
	if (s < end && quoted)
		s++;
	out[n] = '\0';
	*text = s;
	return n;
}

/* Relative names are from the folder of the file that includes. */
bool reader_find_file(const char *from, const char *name, char path[PATH_MAX])
{
	const char *slash = strrchr(from, '/');
	int len;

	if (*name == '/' || !slash)
		len = snprintf(path, PATH_MAX, "%s", name);
	else
		len = snprintf(path, PATH_MAX, "%.*s/%s", (int)(slash - from), from, name);
	return len < PATH_MAX;
}

/* The origin, the TTL and the last owner are after it as they were before (section 5.1). */
static void include(struct source *s, const char *text, size_t len, uint64_t line)
{
	zs_scanner_t *z = s->scanner;
	struct source inner = {
		.reader = s->reader, .scanner = z, .depth = s->depth + 1, .has_ttl = s->has_ttl,
	};
	char name[PATH_MAX], origin[DNS_NAME_TEXT], path[PATH_MAX], why[DNS_WHY_SIZE];
	uint8_t saved_origin[sizeof(z->zone_origin)], saved_owner[sizeof(z->r_owner)];
	uint32_t origin_len = z->zone_origin_length, owner_len = z->r_owner_length;
	uint32_t ttl = z->default_ttl;
	const char *end = text + len;
	int n = 0;

	if (!reader_word(&text, end, name, sizeof(name)) || !reader_find_file(s->path, name, path)) {
		reader_error(s->reader, s->path, line, "$INCLUDE: a file's name, and perhaps an "
			     "origin, has to follow");
		return;
	}
	if (inner.depth > READER_MAX_DEPTH) {
		reader_error(s->reader, s->path, line, "$INCLUDE: more than %d files inside one "
			     "another", READER_MAX_DEPTH);
		return;
	}
	memcpy(saved_origin, z->zone_origin, sizeof(saved_origin));
	memcpy(saved_owner, z->r_owner, sizeof(saved_owner));
	if (reader_word(&text, end, origin, sizeof(origin))) {
		n = dns_name_from_text(z->zone_origin, origin, strlen(origin), saved_origin, why);
		z->zone_origin_length = n;
	}
	if (n < 0)
		reader_error(s->reader, s->path, line, "$INCLUDE: the origin '%s': %s", origin,
			     why);
	inner.path = path;
	if (n >= 0 && !read_file(&inner))
		reader_error(s->reader, s->path, line, "$INCLUDE: '%s': %s%s", path,
			     strerror(errno), errno != EACCES ? "" :
			     " (a folder that was not in use when the daemon started needs a "
			     "SIGHUP)");
	memcpy(z->zone_origin, saved_origin, sizeof(saved_origin));
	memcpy(z->r_owner, saved_owner, sizeof(saved_owner));
	z->zone_origin_length = origin_len;
	z->r_owner_length = owner_len;
	z->default_ttl = ttl;
}

/* The length of a directive's name at the start of a line, or 0. */
size_t reader_directive(const char *s, const char *end, const char *name)
{
	size_t len = strlen(name);

	if ((size_t)(end - s) <= len || strncasecmp(s, name, len) ||
	    (s[len] != ' ' && s[len] != '\t'))
		return 0;
	return len;
}

/* --- files --- */

/* Where a line goes on: inside parentheses, or inside quotes. */
struct state {
	unsigned int depth;
	bool quoted;
};

/* Behind the end of the line. */
static const char *skip_line(const char *s, const char *end, struct state *state)
{
	bool comment = false;

	for (; s < end && *s != '\n'; s++) {
		if (comment)
			continue;
		if (*s == '\\' && s + 1 < end && s[1] != '\n')
			s++;
		else if (*s == '"')
			state->quoted = !state->quoted;
		else if (state->quoted)
			continue;
		else if (*s == ';')
			comment = true;
		else if (*s == '(')
			state->depth++;
		else if (*s == ')' && state->depth)
			state->depth--;
	}
	return s < end ? s + 1 : s;
}

static void read_text(struct source *s, const char *text, size_t len)
{
	const char *end = text + len, *begin = text, *p = text;
	struct state state = { 0 };
	uint64_t line = 1, begin_line = 1;

	while (p < end && !stopped(s)) {
		const char *next;
		size_t include_len = 0, generate_len = 0, ttl_len = 0;

		if (*p == '$' && !state.depth && !state.quoted) {
			include_len = reader_directive(p, end, "$INCLUDE");
			generate_len = reader_directive(p, end, "$GENERATE");
			ttl_len = reader_directive(p, end, "$TTL");
		}
		if (ttl_len) {
			scan(s, begin, p - begin, begin_line);
			s->has_ttl = true;
			begin = p;
			begin_line = line;
		}
		if (!include_len && !generate_len) {
			p = skip_line(p, end, &state);
			line++;
			continue;
		}
		scan(s, begin, p - begin, begin_line);
		next = memchr(p, '\n', end - p) ?: end;
		if (stopped(s))
			return;
		if (include_len)
			include(s, p + include_len, next - p - include_len, line);
		else
			generate(s, p + generate_len, next - p - generate_len, line);
		p = begin = next < end ? next + 1 : end;
		begin_line = ++line;
	}
	if (state.depth || state.quoted)
		reader_error(s->reader, s->path, begin_line, "%s that is not closed at the end of "
			     "the file", state.depth ? "a parenthesis" : "a quotation mark");
	else
		scan(s, begin, p - begin, begin_line);
}

static bool note_file(struct source *s, int fd)
{
	struct reader *r = s->reader;
	char *copy;

	if (r->n_files == READER_MAX_FILES) {
		errno = EMFILE;
		return false;
	}
	if (fstat(fd, &r->stat[r->n_files]))
		return false;
	if (!S_ISREG(r->stat[r->n_files].st_mode)) {
		errno = EINVAL;
		return false;
	}
	copy = strdup(s->path);
	if (!copy)
		return false;
	r->file[r->n_files++] = copy;
	s->path = copy;
	return true;
}

/* False with errno. */
static bool read_file(struct source *s)
{
	int fd = open(s->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), err;
	size_t len;
	char *text;

	if (fd < 0)
		return false;
	if (!note_file(s, fd)) {
		err = errno;
		close(fd);
		errno = err;
		return false;
	}
	len = s->reader->stat[s->reader->n_files - 1].st_size;
	/* Not mapped: who cuts a mapped file short ends us. */
	text = malloc(len + 1);
	for (size_t got = 0; text && got < len;) {
		ssize_t n = read(fd, text + got, len - got);

		if (n <= 0)
			len = got;
		else
			got += n;
	}
	close(fd);
	if (!text)
		return false;
	read_text(s, text, len);
	free(text);
	return true;
}

bool reader_run(struct reader *r)
{
	zs_scanner_t *scanner = malloc(sizeof(*scanner));
	struct source s = { .reader = r, .scanner = scanner, .path = r->zone->file };

	if (!scanner || zs_init(scanner, r->zone->text, KNOT_CLASS_IN, DEFAULT_TTL)) {
		ln_error("%s: out of memory", r->zone->file);
		free(scanner);
		return false;
	}
	if (zs_set_processing(scanner, on_record, on_error, &s))
		r->errors++;
	else if (!read_file(&s))
		reader_error(r, s.path, 0, "%s", strerror(errno));
	if (r->errors > READER_MAX_ERRORS)
		ln_error("%s: and %u errors more", r->zone->file, r->errors - READER_MAX_ERRORS);
	zs_deinit(scanner);
	free(scanner);
	return !r->errors;
}

void reader_free(struct reader *r)
{
	while (r->n_files)
		free(r->file[--r->n_files]);
}
