// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A location that shows what a form sent: form { max = "10m" }.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config.h"
#include "encoding.h"
#include "form-page.h"
#include "formdata.h"
#include "httpd.h"

#define MAX_ITEMS	1000
#define MAX_MEMORY	(1024 * 1024)

struct form_conf {
	uint64_t max;
};

static cfg_opt_t form_options[] = {
	CFG_STR("max", "10m", CFGF_NONE),
	CFG_END(),
};

/* q= of one element of Accept, in thousandths (RFC 9110, 12.4.2). */
static int quality(const char *p, const char *end)
{
	const char *q = memmem(p, (size_t)(end - p), "q=", 2);
	int n = 0;

	if (!q || q + 2 >= end || q[2] != '0')
		return 1000;
	q += 4;
	for (int unit = 100; unit && q < end && *q >= '0' && *q <= '9'; unit /= 10)
		n += (*q++ - '0') * unit;
	return n;
}

/* The weight of a media type that Accept names, in thousandths; -1: it does not. */
static int weight(const struct http_fields *fields, const char *type)
{
	const struct http_field *f = NULL;
	size_t len = strlen(type);

	while ((f = http_field(fields, "Accept", f))) {
		const char *p = f->value, *end = p + f->value_len, *stop;

		for (; p < end; p = stop + 1) {
			stop = memchr(p, ',', (size_t)(end - p));
			if (!stop)
				stop = end;
			while (p < stop && (*p == ' ' || *p == '\t'))
				p++;
			if ((size_t)(stop - p) < len || strncasecmp(p, type, len))
				continue;
			p += len;
			if (p == stop || *p == ';' || *p == ' ' || *p == '\t')
				return quality(p, stop);
		}
	}
	return -1;
}

static bool wants_json(const struct http_exchange *x)
{
	const struct http_fields *fields = &http_request(x)->fields;
	int json = weight(fields, "application/json");

	return json > 0 && json >= weight(fields, "text/html");
}

/* What @put prints is the answer. */
static void respond(struct http_exchange *x, int status,
		    void (*put)(FILE *out, bool json, const void *what), const void *what)
{
	bool json = wants_json(x);
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	bool good = out;

	if (out) {
		put(out, json, what);
		good = !ferror(out);
		good = !fclose(out) && good;
	}
	if (good) {
		http_add(x, "Vary", "Accept");
		http_add(x, "Cache-Control", "no-store");
		http_add(x, "X-Content-Type-Options", "nosniff");
		http_add(x, "Content-Security-Policy",
			 "default-src 'none'; script-src 'unsafe-inline'; connect-src 'self'; "
			 "style-src 'unsafe-inline'; form-action 'self'");
		http_respond(x, status, json ? "application/json" : "text/html; charset=utf-8",
			     text, len);
	} else {
		http_error(x, 500);
	}
	free(text);
}

struct refusal {
	int status;
	const char *why;
};

static void put_refusal(FILE *out, bool json, const void *what)
{
	const struct refusal *r = what;

	if (json)
		form_json_error(out, r->status, r->why);
	else
		form_page_error(out, r->status, r->why);
}

static void put_form(FILE *out, bool json, const void *what)
{
	if (json)
		formdata_json(what, out, -1);
	else
		form_page_result(out, what);
}

static void put_empty(FILE *out, bool json, const void *what)
{
	(void)json;
	(void)what;
	form_page_empty(out);
}

static void refuse(struct http_exchange *x, int status, const char *why)
{
	respond(x, status, put_refusal, &(struct refusal){ status, why });
}

static void form_content(struct http_exchange *x, const char *data, size_t len)
{
	struct formdata *f = http_state(x);
	int status = formdata_add(f, data, len);

	if (status)
		refuse(x, status, formdata_error(f));
}

static void form_content_end(struct http_exchange *x)
{
	struct formdata *f = http_state(x);
	int status = formdata_end(f);

	if (status)
		refuse(x, status, formdata_error(f));
	else
		respond(x, 200, put_form, f);
}

static void form_close(struct http_exchange *x, bool complete)
{
	(void)complete;
	formdata_free(http_state(x));
}

static const struct http_handler form_handler = {
	.content = form_content,
	.content_end = form_content_end,
	.close = form_close,
};

static void form_post(struct http_exchange *x, const struct form_conf *conf)
{
	const struct formdata_limits limits = {
		.items = MAX_ITEMS,
		.memory = MAX_MEMORY,
		.spool = -1,
	};
	const struct http_fields *fields = &http_request(x)->fields;
	const struct http_field *type = http_field(fields, "Content-Type", NULL);
	struct formdata *f;

	if (type && http_field(fields, "Content-Type", type)) {
		refuse(x, 400, "there is more than one Content-Type");
		return;
	}
	if (http_content_coded(fields)) {
		http_add(x, "Accept-Encoding", "identity");	/* RFC 9110, 15.5.16 */
		refuse(x, 415, "content codings are not accepted");
		return;
	}
	f = formdata_new(type ? type->value : NULL, type ? type->value_len : 0, &limits);
	if (!f) {
		http_error(x, 500);
		return;
	}
	http_handle(x, &form_handler, f);
	/* A bad type comes out at the first octet; an empty content has none. */
	if (formdata_error(f))
		refuse(x, formdata_add(f, "", 0), formdata_error(f));
	else
		http_accept(x, conf->max);
}

static void form_handle(struct http_exchange *x, const struct httpd_request *r)
{
	switch (http_request(x)->kind) {
	case HTTP_KIND_GET:
	case HTTP_KIND_HEAD:
		respond(x, 200, put_empty, NULL);
		break;
	case HTTP_KIND_POST:
		form_post(x, r->location->conf);
		break;
	case HTTP_KIND_OPTIONS:
		http_add(x, "Allow", "GET, HEAD, POST, OPTIONS");
		http_status(x, 204);
		http_begin(x);
		http_end(x);
		break;
	default:
		http_add(x, "Allow", "GET, HEAD, POST, OPTIONS");
		http_error(x, 405);
	}
}

static void *form_configure(cfg_t *section, const struct httpd_location *l)
{
	int64_t max = ln_config_size(section, "max");
	struct form_conf *conf;

	(void)l;
	if (max < 0)
		return NULL;
	if (!max) {	/* for http_accept(), 0 is the service's limit */
		ln_config_error(section, "max of a form must be 1 octet or more");
		return NULL;
	}
	conf = calloc(1, sizeof(*conf));
	if (conf)
		conf->max = (uint64_t)max;
	else
		ln_config_error(section, "out of memory");
	return conf;
}

/* A form page and what was sent to it. */
const struct httpd_kind httpd_form = {
	.name = "form",
	.options = form_options,
	.configure = form_configure,
	.handle = form_handle,
	.release = free,
};
