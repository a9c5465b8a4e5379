// SPDX-License-Identifier: GPL-2.0-or-later
/* A CGI response (RFC 3875, 6) becomes the exchange's, from CGI, FastCGI and SCGI alike. */
#include <stdlib.h>
#include <string.h>

#include "gateway.h"

/* The exchange says how content is delimited. */
static bool is_length(const struct cgi_field *f)
{
	return cgi_field_is(f, "Content-Length");
}

/**
 * gateway_add_fields() - pass a response's fields on, but for those of the connection
 * @g: the request
 * @h: the response's header
 * @drop: which others not to pass on, or NULL
 */
void gateway_add_fields(struct gateway *g, const struct gateway_head *h,
			bool (*drop)(const struct cgi_field *f))
{
	for (unsigned int i = 0; i < h->n; i++) {
		const struct cgi_field *f = &h->field[i];

		if (!is_length(f) && !cgi_hop_by_hop(h->field, h->n, f) && !(drop && drop(f)))
			http_add_n(g->x, f->name, f->name_len, f->value, f->value_len);
	}
}

/*
 * RFC 3875, 6.2.2: the response is what the server gives for another path.  The gateway has
 * said all there is to say.
 */
static ssize_t redirect(struct gateway *g, const struct cgi_field *location)
{
	struct http_exchange *x = g->x;
	char *target = http_alloc(x, location->value_len + 1);

	if (!target) {
		g->why = "out of memory";
		return -1;
	}
	memcpy(target, location->value, location->value_len);
	gateway_abandon(g);
	if (!http_redirect_local(x, target))
		http_error(x, 500);
	return 0;
}

/* The header is complete and of @len octets; what follows it in @g->head is content. */
static ssize_t begin(struct gateway *g, size_t len)
{
	struct gateway_head *h = malloc(sizeof(*h));
	int status;

	g->why = h ? cgi_head_parse(h, g->head.data, len) : "out of memory";
	if (g->why) {
		free(h);
		return -1;
	}
	if (h->local) {
		ssize_t r = redirect(g, h->location);

		free(h);
		return r;
	}
	status = h->status;
	http_status(g->x, status);
	gateway_add_fields(g, h, NULL);
	if (h->content_length >= 0 && !gateway_status_bare(status)) {
		g->left = h->content_length;
		http_length(g->x, h->content_length);
	}
	free(h);
	g->began = true;
	http_begin(g->x);
	return 0;
}

/* Content beyond the length that the program gave itself is not passed on. */
static void content(struct gateway *g, const char *data, size_t len)
{
	if (g->left >= 0) {
		if (len > (uint64_t)g->left)
			len = g->left;
		g->left -= len;
	}
	if (len)
		http_write(g->x, data, len);
}

/**
 * gateway_cgi_input() - octets of a CGI response
 * @g: the request
 * @data: the octets
 * @len: how many
 *
 * Return: octets taken, -1 after setting @g->why.  @g->over: the exchange went elsewhere.
 */
ssize_t gateway_cgi_input(struct gateway *g, const char *data, size_t len)
{
	size_t room = g->head.max - g->head.len, n = len < room ? len : room, end;

	if (g->began) {
		content(g, data, len);
		return len;
	}
	cgi_buffer_add(&g->head, data, n);
	if (!cgi_buffer_ok(&g->head)) {
		g->why = "out of memory";
		return -1;
	}
	end = gateway_head_end(&g->head_pos, g->head.data, g->head.len);
	if (!end) {
		if (g->head.len < g->head.max)
			return n;
		g->why = "response header too large";
		return -1;
	}
	if (begin(g, end) < 0)
		return -1;
	if (g->over)
		return n;
	content(g, g->head.data + end, g->head.len - end);
	cgi_buffer_free(&g->head);
	content(g, data + n, len - n);
	return len;
}

/**
 * gateway_cgi_end() - a CGI response ends
 * @g: the request
 *
 * Return: false after setting @g->why: it is not complete.
 */
bool gateway_cgi_end(struct gateway *g)
{
	if (!g->began)
		g->why = g->head.len ? "response ended within its header" : "empty response";
	else if (g->left > 0 && http_request(g->x)->kind != HTTP_KIND_HEAD)
		g->why = "response shorter than its Content-Length";
	else
		return true;
	return false;
}
