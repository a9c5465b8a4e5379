// SPDX-License-Identifier: GPL-2.0-or-later
/* Request meta-variables: RFC 3875, 4.1, and the ones that everybody has beside them. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "environment.h"

/**
 * cgi_add_variable() - append a variable
 * @b: the environment
 * @name: name
 * @value: value; NUL in it makes the environment unusable: cgi_buffer_ok()
 * @len: its length
 */
void cgi_add_variable(struct cgi_buffer *b, const char *name, const char *value, size_t len)
{
	if (len && memchr(value, 0, len)) {
		b->failed = true;
		return;
	}
	cgi_buffer_add(b, name, strlen(name) + 1);
	cgi_buffer_add(b, value, len);
	cgi_buffer_add(b, "", 1);
}

static void add(struct cgi_buffer *b, const char *name, const char *value)
{
	cgi_add_variable(b, name, value, strlen(value));
}

static void add_number(struct cgi_buffer *b, const char *name, uint64_t n)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, n);
	add(b, name, text);
}

static void add_joined(struct cgi_buffer *b, const char *name, const char *folder,
		       const char *path)
{
	cgi_buffer_add(b, name, strlen(name) + 1);
	cgi_buffer_add(b, folder, strlen(folder));
	cgi_buffer_add(b, path, strlen(path) + 1);
}

/**
 * cgi_add_script() - append the variables that depend on where the script is
 * @b: the environment
 * @document_root: folder of the host, or NULL: none
 * @script_name: SCRIPT_NAME
 * @script_filename: SCRIPT_FILENAME, or NULL: @script_name below @document_root
 * @path_info: PATH_INFO
 */
void cgi_add_script(struct cgi_buffer *b, const char *document_root, const char *script_name,
		    const char *script_filename, const char *path_info)
{
	add(b, "SCRIPT_NAME", script_name);
	add(b, "PATH_INFO", path_info);
	if (script_filename)
		add(b, "SCRIPT_FILENAME", script_filename);
	else if (document_root)
		add_joined(b, "SCRIPT_FILENAME", document_root, script_name);
	if (!document_root)
		return;
	add(b, "DOCUMENT_ROOT", document_root);
	if (*path_info)
		add_joined(b, "PATH_TRANSLATED", document_root, path_info);
}

/*
 * Fields that become no HTTP_ variable: those with a variable of their own, those for the
 * connection alone, Proxy (a program would take HTTP_PROXY for its own setting: httpoxy), and
 * names whose underscores could be taken for another's hyphens.
 */
static bool is_withheld(const struct cgi_request *rq, const struct cgi_field *f)
{
	static const char *const withheld[] = {
		"Content-Type", "Content-Length", "Host", "Proxy", "Proxy-Authorization", "Expect",
	};

	if (!cgi_is_token(f->name, f->name_len) || memchr(f->name, '_', f->name_len))
		return true;
	for (size_t i = 0; i < sizeof(withheld) / sizeof(*withheld); i++)
		if (cgi_field_is(f, withheld[i]))
			return true;
	if (cgi_field_is(f, "Authorization"))
		return rq->user || !rq->authorization;
	return cgi_hop_by_hop(rq->fields, rq->n_fields, f);
}

static bool same_name(const struct cgi_field *a, const struct cgi_field *b)
{
	return a->name_len == b->name_len && !strncasecmp(a->name, b->name, a->name_len);
}

static bool seen_before(const struct cgi_request *rq, unsigned int i)
{
	for (unsigned int j = 0; j < i; j++)
		if (same_name(&rq->fields[j], &rq->fields[i]))
			return true;
	return false;
}

/* Fields of one name become one variable (RFC 3875, 4.1.18; RFC 9110, 5.3). */
static void add_field(struct cgi_buffer *b, const struct cgi_request *rq, unsigned int i)
{
	const struct cgi_field *f = &rq->fields[i];
	const char *separator = cgi_field_is(f, "Cookie") ? "; " : ", ";

	cgi_buffer_add(b, "HTTP_", 5);
	for (size_t k = 0; k < f->name_len; k++) {
		char ch = f->name[k];

		if (ch == '-')
			ch = '_';
		else if (ch >= 'a' && ch <= 'z')
			ch -= 'a' - 'A';
		cgi_buffer_add(b, &ch, 1);
	}
	cgi_buffer_add(b, "", 1);
	for (unsigned int j = i; j < rq->n_fields; j++) {
		if (!same_name(&rq->fields[j], f))
			continue;
		if (j != i)
			cgi_buffer_add(b, separator, 2);
		if (memchr(rq->fields[j].value, 0, rq->fields[j].value_len))
			b->failed = true;
		cgi_buffer_add(b, rq->fields[j].value, rq->fields[j].value_len);
	}
	cgi_buffer_add(b, "", 1);
}

static void add_remote(struct cgi_buffer *b, const struct cgi_request *rq)
{
	if (!rq->remote_addr)
		return;
	add(b, "REMOTE_ADDR", rq->remote_addr);
	/* No name is looked up (RFC 3875, 4.1.9). */
	add(b, "REMOTE_HOST", rq->remote_addr);
	add_number(b, "REMOTE_PORT", rq->remote_port);
}

/**
 * cgi_environment() - all variables of a request
 * @b: where to
 * @rq: the request
 *
 * Return: false when they do not fit into @b, or a value has NUL in it.
 */
bool cgi_environment(struct cgi_buffer *b, const struct cgi_request *rq)
{
	const struct cgi_field *type = cgi_field_find(rq->fields, rq->n_fields, "Content-Type");

	add(b, "GATEWAY_INTERFACE", "CGI/1.1");
	add(b, "SERVER_SOFTWARE", rq->software);
	add(b, "SERVER_PROTOCOL", rq->protocol);
	add(b, "SERVER_NAME", rq->host);
	add_number(b, "SERVER_PORT", rq->server_port);
	add(b, "REQUEST_METHOD", rq->method);
	add(b, "REQUEST_URI", rq->uri);
	add(b, "REQUEST_SCHEME", rq->https ? "https" : "http");
	cgi_add_variable(b, "QUERY_STRING", rq->query ? rq->query : "",
			 rq->query ? rq->query_len : 0);
	add_remote(b, rq);
	if (rq->user) {
		add(b, "AUTH_TYPE", "Basic");
		add(b, "REMOTE_USER", rq->user);
	}
	if (rq->https)
		add(b, "HTTPS", "on");
	if (rq->transport)
		add(b, "LINNET_TRANSPORT", rq->transport);
	if (rq->content_length >= 0)
		add_number(b, "CONTENT_LENGTH", rq->content_length);
	if (type)
		cgi_add_variable(b, "CONTENT_TYPE", type->value, type->value_len);
	if (*rq->authority)
		add(b, "HTTP_HOST", rq->authority);
	for (unsigned int i = 0; i < rq->n_fields; i++)
		if (!is_withheld(rq, &rq->fields[i]) && !seen_before(rq, i))
			add_field(b, rq, i);
	if (rq->script_name)
		cgi_add_script(b, rq->document_root, rq->script_name, NULL, rq->path_info);
	return cgi_buffer_ok(b);
}

/**
 * cgi_next_variable() - go through an environment
 * @b: the environment
 * @at: where; 0 to begin with, moved on
 * @v: result
 *
 * Return: false at the end, and at what is no environment.
 */
bool cgi_next_variable(const struct cgi_buffer *b, size_t *at, struct cgi_variable *v)
{
	const char *name = b->data + *at, *end;

	if (*at >= b->len)
		return false;
	end = memchr(name, 0, b->len - *at);
	if (!end)
		return false;
	v->name = name;
	v->name_len = end - name;
	v->value = end + 1;
	end = memchr(v->value, 0, b->data + b->len - v->value);
	if (!end)
		return false;
	v->value_len = end - v->value;
	*at = end + 1 - b->data;
	return true;
}
