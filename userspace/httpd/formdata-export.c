// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A form for others: JSON, and what a CGI program gets.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "formdata.h"

/* Octets of all FORM_ variables: the rest of the environment needs room, too. */
#define MAX_ENV		65536

static void put_string(FILE *out, const char *s, size_t len)
{
	fputc('"', out);
	for (size_t i = 0; i < len; i++) {
		unsigned char ch = (unsigned char)s[i];

		if (ch == '"' || ch == '\\')
			fprintf(out, "\\%c", ch);
		else if (ch < ' ' || ch == 0x7f)
			fprintf(out, "\\u%04x", ch);
		else
			fputc(ch, out);
	}
	fputc('"', out);
}

static void put_member(FILE *out, const char *name, const char *value)
{
	fprintf(out, ", \"%s\": ", name);
	put_string(out, value, strlen(value));
}

static void put_item(FILE *out, const struct formdata_item *item, int fd)
{
	fputs("{\"name\": ", out);
	put_string(out, item->name, strlen(item->name));
	if (item->filename) {
		put_member(out, "filename", item->filename);
		put_member(out, "type", item->type);
		fprintf(out, ", \"size\": %llu", (unsigned long long)item->size);
		put_member(out, "sha256", item->sha256);
		if (fd >= 0)
			fprintf(out, ", \"path\": \"/dev/fd/%d\"", fd);
	} else {
		fputs(", \"value\": ", out);
		put_string(out, item->value, item->value_len);
	}
	fputc('}', out);
}

/**
 * formdata_json() - the form as JSON
 * @f: the form, complete and without an error
 * @out: where to
 * @first_fd: number under which a program finds the first file, the others follow; -1: it
 *	does not find them
 */
void formdata_json(const struct formdata *f, FILE *out, int first_fd)
{
	static const char *const kinds[] = {
		[FORMDATA_OPAQUE] = "opaque",
		[FORMDATA_URLENCODED] = "urlencoded",
		[FORMDATA_MULTIPART] = "multipart",
	};
	const struct formdata_item *item;

	fprintf(out, "{\"kind\": \"%s\"", kinds[formdata_kind(f)]);
	put_member(out, "type", formdata_type(f));
	fprintf(out, ", \"size\": %llu", (unsigned long long)formdata_size(f));
	if (formdata_kind(f) == FORMDATA_OPAQUE) {
		put_member(out, "sha256", formdata_sha256(f));
		fputs("}\n", out);
		return;
	}
	fputs(", \"items\": [", out);
	for (item = formdata_first(f); item; item = item->next) {
		fputs(item == formdata_first(f) ? "\n  " : ",\n  ", out);
		put_item(out, item, first_fd >= 0 && item->fd >= 0 ? first_fd++ : -1);
	}
	fputs("]}\n", out);
}

static bool variable_name(const char *name)
{
	for (const char *p = name; *p; p++)
		if (!isascii((unsigned char)*p) || (!isalnum((unsigned char)*p) && *p != '_'))
			return false;
	return *name;
}

static bool has_variable(char **env, unsigned int n, const char *variable)
{
	size_t len = strcspn(variable, "=") + 1;

	for (unsigned int i = 0; i < n; i++)
		if (!strncmp(env[i], variable, len))
			return true;
	return false;
}

/* FORM_name of each field that a shell can name: the first of several. */
static int make_env(const struct formdata *f, struct formdata_export *e)
{
	const struct formdata_item *item;
	unsigned int n = 0, fields = 0;
	size_t left = MAX_ENV;
	char *variable;

	for (item = formdata_first(f); item; item = item->next)
		fields++;
	e->env = calloc(fields + 3, sizeof(*e->env));
	if (!e->env || asprintf(&variable, "LINNET_FORM=/dev/fd/%d", FORMDATA_FIRST_FD) < 0)
		return -ENOMEM;
	e->env[n++] = variable;
	if (asprintf(&variable, "LINNET_FORM_FILES=%u", e->n_fds - 1) < 0)
		return -ENOMEM;
	e->env[n++] = variable;
	for (item = formdata_first(f); item; item = item->next) {
		size_t len = strlen("FORM_=") + strlen(item->name) + item->value_len + 1;

		if (item->filename || len > left || !variable_name(item->name))
			continue;
		if (asprintf(&variable, "FORM_%s=%s", item->name, item->value) < 0)
			return -ENOMEM;
		if (has_variable(e->env, n, variable)) {
			free(variable);
			continue;
		}
		left -= len;
		e->env[n++] = variable;
	}
	return 0;
}

static int make_json(const struct formdata *f)
{
	int fd = memfd_create("form", MFD_CLOEXEC);
	int copy = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
	FILE *out = copy < 0 ? NULL : fdopen(copy, "w");
	int err;

	if (!out) {
		err = -errno;
		if (copy >= 0)
			close(copy);
		if (fd >= 0)
			close(fd);
		return err;
	}
	formdata_json(f, out, FORMDATA_FIRST_FD + 1);
	err = ferror(out) ? -EIO : 0;
	if (fclose(out) && !err)
		err = -errno;
	if (!err && lseek(fd, 0, SEEK_SET) < 0)
		err = -errno;
	if (err)
		close(fd);
	return err ? err : fd;
}

/**
 * formdata_export() - the form as a CGI program gets it
 * @f: the form, complete and without an error
 * @e: descriptors and environment, to be let go by formdata_export_free()
 *
 * Return: 0, -E2BIG: more than FORMDATA_MAX_FILES files, or another negative errno; @e
 * holds nothing then.
 */
int formdata_export(const struct formdata *f, struct formdata_export *e)
{
	const struct formdata_item *item;
	int err;

	*e = (struct formdata_export){ .n_fds = 0 };
	err = make_json(f);
	if (err < 0)
		return err;
	e->fds[e->n_fds++] = err;
	err = 0;
	for (item = formdata_first(f); item && !err; item = item->next) {
		if (item->fd < 0)
			continue;
		if (e->n_fds == 1 + FORMDATA_MAX_FILES) {
			err = -E2BIG;
			break;
		}
		e->fds[e->n_fds] = fcntl(item->fd, F_DUPFD_CLOEXEC, 0);
		if (e->fds[e->n_fds] < 0)
			err = -errno;
		else
			e->n_fds++;
	}
	if (!err)
		err = make_env(f, e);
	if (err)
		formdata_export_free(e);
	return err;
}

/**
 * formdata_export_free() - close and free what formdata_export() made
 * @e: the export
 */
void formdata_export_free(struct formdata_export *e)
{
	for (unsigned int i = 0; i < e->n_fds; i++)
		close(e->fds[i]);
	e->n_fds = 0;
	for (char **p = e->env; p && *p; p++)
		free(*p);
	free(e->env);
	e->env = NULL;
}
