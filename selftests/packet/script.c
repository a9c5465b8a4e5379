// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What makes scripts short: include, define, for, if and table. All of it works
 * on lines of text, before anything is played.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "packet.h"

#define MAX_LINES	20000
#define MAX_DEPTH	16
#define MAX_VARS	128
#define MAX_TEXT	2048

struct variable {
	char	name[32];
	char	value[512];
};

static struct variable vars[MAX_VARS];
static int n_vars;
static int chosen_row;		/* of the table */

static void set_variable(const struct line *line, const char *name, const char *value)
{
	int i;

	for (i = 0; i < n_vars && strcmp(vars[i].name, name); i++)
		;
	if (i == MAX_VARS)
		fail_at(line, "more than %d variables", MAX_VARS);
	if (strlen(name) >= sizeof(vars[i].name) || strlen(value) >= sizeof(vars[i].value))
		fail_at(line, "a name or a value is too long");
	if (i == n_vars)
		n_vars++;
	strcpy(vars[i].name, name);
	strcpy(vars[i].value, value);
}

static const char *get_variable(const char *name)
{
	int i;

	for (i = 0; i < n_vars; i++)
		if (!strcmp(vars[i].name, name))
			return vars[i].value;
	return NULL;
}

/* --- {1 + 2 * 3} --- */

static void blanks(const char **p)
{
	while (isblank((unsigned char)**p))
		(*p)++;
}

static long factor(const char **p)
{
	char *end;
	long v;

	blanks(p);
	if (**p == '(') {
		(*p)++;
		v = evaluate(p);
		blanks(p);
		if (**p == ')')
			(*p)++;
		return v;
	}
	if (**p == '-') {
		(*p)++;
		return -factor(p);
	}
	v = strtol(*p, &end, 0);
	*p = end;
	return v;
}

static long term(const char **p)
{
	long v = factor(p), w;

	for (;;) {
		blanks(p);
		if (**p == '*') {
			(*p)++;
			v *= factor(p);
		} else if (**p == '/' || **p == '%') {
			char op = *(*p)++;

			w = factor(p);
			if (!w)
				return 0;
			v = op == '/' ? v / w : v % w;
		} else {
			return v;
		}
	}
}

/* A sum of products of integers, from *p on */
long evaluate(const char **p)
{
	long v = term(p);

	for (;;) {
		blanks(p);
		if (**p == '+') {
			(*p)++;
			v += term(p);
		} else if (**p == '-') {
			(*p)++;
			v -= term(p);
		} else {
			return v;
		}
	}
}

/* --- $NAME and {expression} --- */

static void substitute_once(const struct line *line, const char *in, char *out)
{
	size_t n = 0;

	while (*in) {
		char name[32];
		const char *value;
		size_t len = 0;

		if (n + sizeof(vars[0].value) >= MAX_TEXT)
			fail_at(line, "the line gets too long");
		if (*in != '$') {
			out[n++] = *in++;
			continue;
		}
		in++;
		while ((isalnum((unsigned char)*in) || *in == '_') && len + 1 < sizeof(name))
			name[len++] = *in++;
		name[len] = 0;
		value = get_variable(name);
		if (!value)
			fail_at(line, "there is no variable $%s", name);
		n += sprintf(out + n, "%s", value);
	}
	out[n] = 0;
}

/* A value may hold variables again, as a table's cells do */
static void substitute(const struct line *line, const char *in, char *out)
{
	char before[MAX_TEXT];
	int passes;

	substitute_once(line, in, out);
	for (passes = 0; strchr(out, '$') && passes < 4; passes++) {
		strcpy(before, out);
		substitute_once(line, before, out);
	}
}

static void calculate(const struct line *line, char *text)
{
	char *open, *close, number[32], rest[MAX_TEXT];

	/* SO_LINGER's {1, 0} has a comma, an expression has none */
	for (open = strchr(text, '{'); open; open = strchr(open + 1, '{')) {
		const char *p = open + 1;
		long value;

		close = strchr(open, '}');
		if (!close)
			fail_at(line, "a { without }");
		if (memchr(open, ',', close - open))
			continue;
		value = evaluate(&p);
		blanks(&p);
		if (p != close)
			fail_at(line, "not an expression: %.*s", (int)(close - open + 1), open);
		sprintf(number, "%ld", value);
		strcpy(rest, close + 1);
		sprintf(open, "%s%s", number, rest);
	}
}

/* --- reading --- */

static struct line *read_lines(const char *path, int *n)
{
	struct line *lines = NULL;
	char text[MAX_TEXT];
	FILE *file = fopen(path, "r");
	char *name = strdup(path);
	int number = 0;

	if (!file)
		return NULL;
	*n = 0;
	lines = calloc(MAX_LINES, sizeof(*lines));
	while (fgets(text, sizeof(text), file)) {
		char *p = text, *end;

		number++;
		if ((end = strstr(p, "//")))
			*end = 0;
		/* a # begins a comment at the start of a line or after a blank */
		for (end = p; *end; end++)
			if (*end == '#' && (end == p || isspace((unsigned char)end[-1])))
				*end = 0, end--;
		while (isspace((unsigned char)*p))
			p++;
		end = p + strlen(p);
		while (end > p && isspace((unsigned char)end[-1]))
			*--end = 0;
		if (!*p)
			continue;
		if (*n == MAX_LINES)
			break;
		lines[(*n)++] = (struct line){ name, number, strdup(p) };
	}
	fclose(file);
	return lines;
}

static bool keyword(const char *text, const char *word)
{
	size_t len = strlen(word);

	return !strncmp(text, word, len) && (!text[len] || isblank((unsigned char)text[len]));
}

static const char *after(const char *text, const char *word)
{
	text += strlen(word);
	while (isblank((unsigned char)*text))
		text++;
	return text;
}

/* The line that ends the block whose first line is at i; *other is its else */
static int block_end(const struct line *lines, int n, int i, int *other)
{
	int depth = 0, k;

	if (other)
		*other = -1;
	for (k = i; k < n; k++) {
		const char *t = lines[k].text;

		if (keyword(t, "if") || keyword(t, "for") || keyword(t, "table"))
			depth++;
		else if (keyword(t, "else") && depth == 1 && other)
			*other = k;
		else if (keyword(t, "end") && !--depth)
			return k;
	}
	fail_at(&lines[i], "there is no end to it");
}

static int kernel_version(const char *text)
{
	int major = 0, minor = 0;

	sscanf(text, "%d.%d", &major, &minor);
	return major * 1000 + minor;
}

/* proto N, family N, kernel V (this or a newer one), or WORD A B C: equal to
 * one of them; "not" before it turns it round
 */
static bool condition(const struct line *line, const char *text)
{
	char copy[MAX_TEXT], *word, *arg, *save;
	bool not = false, result = false;
	struct utsname uts;

	strcpy(copy, text);
	word = strtok_r(copy, " \t", &save);
	if (word && !strcmp(word, "not")) {
		not = true;
		word = strtok_r(NULL, " \t", &save);
	}
	if (!word)
		fail_at(line, "if what?");
	while ((arg = strtok_r(NULL, " \t", &save))) {
		if (!strcmp(word, "proto"))
			result |= proto == atoi(arg);
		else if (!strcmp(word, "family"))
			result |= family == atoi(arg);
		else if (!strcmp(word, "kernel"))
			result |= !uname(&uts) && kernel_version(uts.release) >= kernel_version(arg);
		else
			result |= !strcmp(word, arg);
	}
	return result != not;
}

static char *trim(char *text)
{
	char *end = text + strlen(text);

	while (isspace((unsigned char)*text))
		text++;
	while (end > text && isspace((unsigned char)end[-1]))
		*--end = 0;
	return text;
}

static int split_row(char *text, char **cell, int max)
{
	int n = 0;

	while (n < max) {
		char *bar = strchr(text, '|');

		if (bar)
			*bar = 0;
		cell[n++] = trim(text);
		if (!bar)
			break;
		text = bar + 1;
	}
	return n;
}

/* table A | B | C, then rows, then end: the chosen row's cells become $A, $B, $C */
static void table_row(const struct line *lines, int first, int end)
{
	char head[MAX_TEXT], row[MAX_TEXT], *name[MAX_ARGS], *cell[MAX_ARGS];
	const struct line *line = &lines[first + 1 + chosen_row];
	int n, m, i;

	if (first + 1 + chosen_row >= end)
		fail_at(&lines[first], "the table has no row %d", chosen_row);
	strcpy(head, after(lines[first].text, "table"));
	strcpy(row, line->text);
	n = split_row(head, name, MAX_ARGS);
	m = split_row(row, cell, MAX_ARGS);
	if (n != m)
		fail_at(line, "%d cells where the table has %d columns", m, n);
	for (i = 0; i < n; i++)
		set_variable(line, name[i], cell[i]);
}

static void expand(const struct line *lines, int n, struct lines *out, int depth);

static void expand_file(const char *path, const struct line *from, struct lines *out, int depth)
{
	struct line *lines;
	int n;

	if (depth > MAX_DEPTH)
		fail_at(from, "includes are nested too deeply");
	lines = read_lines(path, &n);
	if (!lines)
		fail_at(from, "%s: %s", path, strerror(errno));
	expand(lines, n, out, depth);
}

static void expand_for(const struct line *lines, int first, int end, struct lines *out, int depth)
{
	char text[MAX_TEXT], name[32], number[32];
	long from, to;
	const char *p;
	int used;

	substitute(&lines[first], after(lines[first].text, "for"), text);
	calculate(&lines[first], text);
	if (sscanf(text, "%31s %n", name, &used) != 1 || (p = text + used, 0))
		fail_at(&lines[first], "for NAME FROM TO");
	from = strtol(p, (char **)&p, 0);
	to = strtol(p, (char **)&p, 0);
	for (; from <= to; from++) {
		sprintf(number, "%ld", from);
		set_variable(&lines[first], name, number);
		expand(lines + first + 1, end - first - 1, out, depth + 1);
	}
}

static void expand_define(const struct line *line, const char *text)
{
	char name[32] = "";
	int used = 0;

	sscanf(text, "%31s %n", name, &used);
	set_variable(line, name, text + used);
}

/* todo PROTO WHY: it is known that this fails */
static void expand_todo(const struct line *line, const char *text)
{
	char *why;

	if (strtol(text, &why, 10) != proto)
		return;
	if (!*why)
		fail_at(line, "todo PROTO WHY");
	printf("TODO%s\n", why);
}

static void expand(const struct line *lines, int n, struct lines *out, int depth)
{
	char text[MAX_TEXT], path[MAX_TEXT + sizeof(scripts_dir) + 16];
	int i, end, other;

	for (i = 0; i < n; i++) {
		const struct line *line = &lines[i];
		const char *t = line->text;

		if (keyword(t, "table")) {
			end = block_end(lines, n, i, NULL);
			table_row(lines, i, end);
			i = end;
			continue;
		}
		if (keyword(t, "for")) {
			end = block_end(lines, n, i, NULL);
			expand_for(lines, i, end, out, depth);
			i = end;
			continue;
		}
		/* variables first: they may be what a keyword is followed by */
		substitute(line, t, text);
		if (keyword(t, "if")) {
			end = block_end(lines, n, i, &other);
			if (condition(line, after(text, "if")))
				expand(lines + i + 1, (other < 0 ? end : other) - i - 1, out, depth);
			else if (other >= 0)
				expand(lines + other + 1, end - other - 1, out, depth);
			i = end;
			continue;
		}
		if (keyword(t, "skip"))
			skip_case("%s", after(text, "skip"));
		calculate(line, text);
		if (keyword(t, "include")) {
			snprintf(path, sizeof(path), "%s/lib/%s.pkt", scripts_dir,
				 after(text, "include"));
			expand_file(path, line, out, depth + 1);
		} else if (keyword(t, "todo")) {
			expand_todo(line, after(text, "todo"));
		} else if (keyword(t, "define")) {
			expand_define(line, after(text, "define"));
		} else {
			if (out->n == MAX_LINES)
				fail_at(line, "the script gets too long");
			out->line[out->n++] = (struct line){ line->file, line->number, strdup(text) };
		}
	}
}

/**
 * script_load() - the lines that are to be played
 * @path: the script
 * @row: of its table, from 0
 * @lines: filled in
 *
 * Ends the case when the script is not right, or skips it.
 */
void script_load(const char *path, int row, struct lines *lines)
{
	const struct line from = { path, 0, "" };

	char number[8];

	chosen_row = row;
	sprintf(number, "%d", family);
	set_variable(&from, "FAMILY", number);
	sprintf(number, "%d", proto);
	set_variable(&from, "PROTO", number);
	lines->line = calloc(MAX_LINES, sizeof(*lines->line));
	lines->n = 0;
	expand_file(path, &from, lines, 0);
}

/**
 * script_cases() - how many times a script is played
 * @path: the script
 * @names: set to the names of the cases: the table's first column
 *
 * Return: how many, or -1 when the file cannot be read.
 */
int script_cases(const char *path, char ***names)
{
	struct line *lines;
	int n, i, k, end, count = 0;

	lines = read_lines(path, &n);
	if (!lines)
		return -1;
	*names = calloc(n + 1, sizeof(**names));
	for (i = 0; i < n; i++) {
		if (!keyword(lines[i].text, "table"))
			continue;
		end = block_end(lines, n, i, NULL);
		for (k = i + 1; k < end; k++) {
			char row[MAX_TEXT], *cell[MAX_ARGS];

			strcpy(row, lines[k].text);
			split_row(row, cell, MAX_ARGS);
			(*names)[count++] = strdup(cell[0]);
		}
		return count;
	}
	(*names)[0] = NULL;
	return 1;
}
