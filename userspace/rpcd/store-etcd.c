// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pairs in etcd, for more than one machine.
 *
 * A pair is two of etcd's: PREFIX "n" KEY holds the name, PREFIX "v" KEY the value.
 * The first is written when the pair is made and never again, so the revision in which
 * it was created gives the order of the keys, and a list of them brings no values.
 * Both are made and deleted in one transaction.  Reads are linearizable, etcd's
 * default: they ask the leader.
 */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "etcd.h"
#include "log.h"
#include "number.h"
#include "store-etcd.h"

#define PAGE 2000 /* keys in one of etcd's answers */

struct store_etcd {
	struct store store;
	struct etcd *etcd;
	const char *prefix;
};

/**
 * struct etcd_operation - a request of the store under way
 * @http: the request to etcd
 * @request: the store's
 * @left: keys: how many more may be told
 * @revision: keys: the state of etcd that all pages are of, 0: not known yet
 * @asked: keys: how many etcd was asked for
 */
struct etcd_operation {
	struct etcd_request http;
	struct store_request *request;
	uint32_t left, asked;
	int64_t revision;
};

/* --- what is asked --- */

static json_t *base64(const void *data, size_t len)
{
	char *text = malloc(len / 3 * 4 + 5);
	json_t *s = NULL;

	if (text && len < INT32_MAX / 2) {
		EVP_EncodeBlock((unsigned char *)text, data, len);
		s = json_string_nocheck(text);
	}
	free(text);
	return s;
}

/* PREFIX, a letter, the pair's key */
static json_t *key_of(const struct store_etcd *s, char letter, const char *key, size_t len)
{
	struct rpc_buffer b = { 0 };
	json_t *text;

	rpc_buffer_text(&b, s->prefix);
	rpc_buffer_add(&b, &letter, 1);
	rpc_buffer_add(&b, key, len);
	text = b.failed ? NULL : base64(b.data, b.len);
	rpc_buffer_free(&b);
	return text;
}

static json_t *name_key(const struct store_etcd *s, const struct store_request *r)
{
	return key_of(s, 'n', r->key, r->key_len);
}

static json_t *value_key(const struct store_etcd *s, const struct store_request *r)
{
	return key_of(s, 'v', r->key, r->key_len);
}

static json_t *number(int64_t n)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, n);
	return json_string(text);
}

static json_t *put(json_t *key, const void *value, size_t len)
{
	return json_pack("{s:{s:o,s:o}}", "request_put", "key", key, "value", base64(value, len));
}

/* The name if there is none; the value in any case, and only once: etcd bounds requests. */
static json_t *set_body(const struct store_etcd *s, const struct store_request *r)
{
	json_t *once = json_pack("{s:[{s:s,s:s,s:o,s:s}],s:[o]}", "compare", "target", "CREATE",
				 "result", "EQUAL", "key", name_key(s, r), "create_revision", "0",
				 "success", put(name_key(s, r), r->name, r->name_len));

	return json_pack("{s:[{s:o},o]}", "success", "request_txn", once,
			 put(value_key(s, r), r->value, r->value_len));
}

static json_t *delete_body(const struct store_etcd *s, const struct store_request *r)
{
	return json_pack("{s:[{s:{s:o}},{s:{s:o}}]}", "success", "request_delete_range", "key",
			 name_key(s, r), "request_delete_range", "key", value_key(s, r));
}

/* All names: from PREFIX "n" up to, not including, PREFIX "o". */
static json_t *keys_body(const struct store_etcd *s, const struct etcd_operation *o)
{
	return json_pack("{s:o,s:o,s:s,s:s,s:o,s:o,s:o}", "key", key_of(s, 'n', "", 0), "range_end",
			 key_of(s, 'o', "", 0), "sort_target", "CREATE", "sort_order", "ASCEND",
			 "limit", number((int64_t)o->asked + 1), "min_create_revision",
			 number(o->request->cursor + 1), "revision", number(o->revision));
}

static void finish(struct etcd_operation *o)
{
	struct store_request *r = o->request;

	rpc_buffer_free(&o->http.reply);
	free(o);
	r->done(r);
}

static void send_body(struct store_etcd *s, struct etcd_operation *o, const char *path,
		      json_t *body)
{
	o->http.path = path;
	o->http.body = body ? json_dumps(body, JSON_COMPACT) : NULL;
	json_decref(body);
	if (!o->http.body) {
		store_fail(o->request, -ENOMEM, "MemoryError", "%s", "");
		finish(o);
		return;
	}
	etcd_submit(s->etcd, &o->http);
}

static void send_keys(struct store_etcd *s, struct etcd_operation *o)
{
	o->asked = o->left < PAGE ? o->left : PAGE;
	send_body(s, o, "/v3/kv/range", keys_body(s, o));
}

/* --- what is answered --- */

static int64_t get_number(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));
	int64_t n = 0;

	/* What is 0 is left out. */
	return text && !rpc_parse_int(text, strlen(text), 0, INT64_MAX, &n) ? n : 0;
}

/* Calls row() with a pair's value; false: it has taken enough, or that was no base64. */
static bool give_value(struct store_request *r, const json_t *pair)
{
	const char *text = json_string_value(json_object_get(pair, "value"));
	char *copy = strdup(text ?: "");
	int64_t len = copy ? rpc_base64_decode(copy, strlen(copy)) : -1;
	bool good = len >= 0 && r->row(r, copy, len);

	free(copy);
	return good;
}

static void take_value(struct store_request *r, const json_t *root)
{
	const json_t *pairs = json_object_get(root, "kvs");

	if (!json_array_size(pairs))
		r->status = -ENOENT;
	else if (!give_value(r, json_array_get(pairs, 0)))
		r->status = -E2BIG;
}

static void take_deleted(struct etcd_operation *o, const json_t *root)
{
	const json_t *first = json_array_get(json_object_get(root, "responses"), 0);
	const json_t *deleted = json_object_get(first, "response_delete_range");

	/* What an attempt whose answer was lost has deleted cannot be deleted again. */
	if (!get_number(deleted, "deleted") && !o->http.repeated)
		o->request->status = -ENOENT;
}

/* True: there are more pages. */
static bool take_keys(struct etcd_operation *o, const json_t *root)
{
	struct store_request *r = o->request;
	const json_t *pairs = json_object_get(root, "kvs");
	size_t n = json_array_size(pairs);

	if (!o->revision)
		o->revision = get_number(json_object_get(root, "header"), "revision");
	for (size_t i = 0; i < n && i < o->asked; i++) {
		const json_t *pair = json_array_get(pairs, i);

		if (!give_value(r, pair)) {
			r->status = -E2BIG;
			return false;
		}
		r->cursor = get_number(pair, "create_revision");
	}
	o->left -= o->asked;
	r->more = n > o->asked;
	return r->more && o->left;
}

static void on_answer(struct etcd_request *http, const char *error)
{
	struct etcd_operation *o = http->owner;
	struct store_request *r = o->request;
	json_t *root;

	r->status = 0;
	if (error) {
		store_fail(r, -EIO, "ConnectionError", "etcd: %s", error);
		finish(o);
		return;
	}
	root = json_loadb(http->reply.data, http->reply.len, 0, NULL);
	if (!json_is_object(root)) {
		json_decref(root);
		store_fail(r, -EIO, "ConnectionError", "etcd: the answer is no JSON");
		finish(o);
		return;
	}
	switch (r->kind) {
	case STORE_GET:
		take_value(r, root);
		break;
	case STORE_EXISTS:
		r->status = get_number(root, "count") ? 0 : -ENOENT;
		break;
	case STORE_KEYS:
		if (take_keys(o, root)) {
			json_decref(root);
			send_keys((struct store_etcd *)r->store, o);
			return;
		}
		break;
	case STORE_SET:
		break;
	case STORE_DELETE:
		take_deleted(o, root);
		break;
	}
	json_decref(root);
	finish(o);
}

static void submit(struct store *store, struct store_request *r)
{
	struct store_etcd *s = (struct store_etcd *)store;
	struct etcd_operation *o = calloc(1, sizeof(*o));

	if (!o) {
		store_fail(r, -ENOMEM, "MemoryError", "%s", "");
		r->done(r);
		return;
	}
	o->request = r;
	o->http.owner = o;
	o->http.done = on_answer;
	switch (r->kind) {
	case STORE_GET:
		send_body(s, o, "/v3/kv/range", json_pack("{s:o}", "key", value_key(s, r)));
		break;
	case STORE_EXISTS:
		send_body(s, o, "/v3/kv/range",
			  json_pack("{s:o,s:b}", "key", value_key(s, r), "count_only", 1));
		break;
	case STORE_KEYS:
		r->cursor = r->after;
		r->more = false;
		o->left = r->limit;
		send_keys(s, o);
		break;
	case STORE_SET:
		send_body(s, o, "/v3/kv/txn", set_body(s, r));
		break;
	case STORE_DELETE:
		send_body(s, o, "/v3/kv/txn", delete_body(s, r));
		break;
	}
}

static void close_store(struct store *store)
{
	struct store_etcd *s = (struct store_etcd *)store;

	etcd_close(s->etcd);
	free(s);
}

bool store_etcd_check(const struct store_etcd_options *o)
{
	char *urls[ETCD_MAX_MEMBERS];
	int n = etcd_parse_urls(o->urls, urls), i = n;

	while (i)
		free(urls[--i]);
	return n;
}

int store_etcd_confine(const struct store_etcd_options *o, struct ln_sandbox *sandbox)
{
	/* curl reads certificates for each connection anew. */
	const char *const files[] = { o->ca ?: "/etc/ssl", o->certificate, o->key };
	int err = 0;

	sandbox->connect = true;
	if (!strstr(o->urls, "https://"))
		return 0;
	for (size_t i = 0; i < sizeof(files) / sizeof(*files) && !err; i++)
		if (files[i] && !access(files[i], R_OK))
			err = ln_sandbox_path(sandbox, files[i], LN_ACCESS_READ);
	return err;
}

struct store *store_etcd_open(uv_loop_t *loop, const struct store_etcd_options *o)
{
	struct store_etcd *s = calloc(1, sizeof(*s));

	if (!s) {
		ln_error("etcd: no memory");
		return NULL;
	}
	s->store = (struct store){ .submit = submit, .close = close_store };
	s->prefix = o->prefix;
	s->etcd = etcd_new(loop, o);
	if (!s->etcd) {
		free(s);
		return NULL;
	}
	return &s->store;
}
