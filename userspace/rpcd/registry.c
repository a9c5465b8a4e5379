// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "call.h"

/* @method: sorted by name; at most RPC_MAX_METHODS, so that modules have a bound too. */
#define RPC_MAX_METHODS 1000
#define RPC_MAX_PARAMETERS 16

struct rpc_registry {
	size_t n;
	const struct rpc_method *method[RPC_MAX_METHODS];
};

struct rpc_registry *rpc_registry_new(void)
{
	return calloc(1, sizeof(struct rpc_registry));
}

void rpc_registry_free(struct rpc_registry *r)
{
	free(r);
}

/* Where @name is or would be. */
static size_t place_of(const struct rpc_registry *r, const char *name, size_t len, bool *found)
{
	size_t low = 0, high = r->n;

	*found = false;
	while (low < high) {
		size_t middle = (low + high) / 2;
		const char *other = r->method[middle]->name;
		int order = strncmp(name, other, len) ?: other[len] ? -1 : 0;

		if (!order) {
			*found = true;
			return middle;
		}
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

const struct rpc_method *rpc_method_find(const struct rpc_registry *r, const char *name, size_t len)
{
	bool found;
	size_t i;

	if (memchr(name, '\0', len))
		return NULL;
	i = place_of(r, name, len, &found);
	return found ? r->method[i] : NULL;
}

const struct rpc_method *rpc_method_at(const struct rpc_registry *r, size_t i)
{
	return i < r->n ? r->method[i] : NULL;
}

/* The next word of *@s, which moves past it; NULL: no more in this signature. */
static const char *word(const char **s, size_t *len)
{
	const char *start = *s, *end;

	while (*start == ' ')
		start++;
	for (end = start; *end && *end != ' ' && *end != ','; end++)
		;
	*len = end - start;
	*s = end;
	return *len ? start : NULL;
}

static bool is_word(const char *s, size_t len, const char *what)
{
	return strlen(what) == len && !memcmp(s, what, len);
}

static bool is_type(const char *s, size_t len)
{
	static const char *const types[] = {
		"any", "nil", "boolean", "int", "i8", "double", "string",
		"dateTime.iso8601", "base64", "array", "struct",
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (is_word(s, len, types[i]))
			return true;
	return false;
}

static bool signatures_valid(const char *s)
{
	const char *type;
	size_t len;

	for (;;) {
		if (!word(&s, &len))
			return false;
		s -= len;
		while ((type = word(&s, &len)))
			if (!is_type(type, len))
				return false;
		if (!*s)
			return true;
		s++;
	}
}

/* XML-RPC's specification, "identifiers" */
static bool name_valid(const char *s)
{
	size_t len = strlen(s);

	return len && len <= RPC_MAX_NAME &&
	       strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			 "abcdefghijklmnopqrstuvwxyz"
			 "0123456789_.:/") == len;
}

int rpc_register(struct rpc_registry *r, const struct rpc_method *m)
{
	bool found;
	size_t i;

	if (!m->name || !name_valid(m->name) || !m->call ||
	    (m->signatures && !signatures_valid(m->signatures)) || r->n == RPC_MAX_METHODS)
		return -EINVAL;
	i = place_of(r, m->name, strlen(m->name), &found);
	if (found)
		return -EEXIST;
	memmove(r->method + i + 1, r->method + i, (r->n - i) * sizeof(r->method[0]));
	r->method[i] = m;
	r->n++;
	return 0;
}

struct rpc_value *rpc_method_signatures(struct arena *a, const struct rpc_method *m)
{
	struct rpc_value *all = rpc_array(a), *one;
	const char *s = m->signatures, *type;
	size_t len;

	for (;; s++) {
		one = rpc_array(a);
		while ((type = word(&s, &len)))
			rpc_append(one, rpc_text(a, RPC_STRING, type, len));
		rpc_append(all, one);
		if (!*s)
			return all;
	}
}

/* A method's parameters: those that must be there first. */
struct parameters {
	unsigned int n, needed;
	struct {
		const char *name;
		int len;
	} parameter[RPC_MAX_PARAMETERS];
};

static void read_parameters(struct parameters *p, const char *s)
{
	const char *name;
	size_t len;

	p->n = p->needed = 0;
	while (s && (name = word(&s, &len)) && p->n < RPC_MAX_PARAMETERS) {
		if (*name == '[') {
			name++;
			len -= 2;
		} else {
			p->needed++;
		}
		p->parameter[p->n].name = name;
		p->parameter[p->n++].len = len;
	}
}

/* Python's words for too few: "'a'", "'a' and 'b'", "'a', 'b', and 'c'" */
static void raise_missing(struct rpc_call *c, const struct parameters *p, size_t n)
{
	unsigned int missing = p->needed - n;
	struct rpc_buffer b = { .max = 2000 };

	for (size_t i = n; i < p->needed; i++) {
		const char *before = i == n	       ? "" :
				     i + 1 < p->needed ? ", " :
				     missing == 2      ? " and " :
							 ", and ";

		rpc_buffer_printf(&b, "%s'%.*s'", before, p->parameter[i].len,
				  p->parameter[i].name);
	}
	rpc_raise(c, "TypeError", "%s() missing %u required positional argument%s: %.*s",
		  c->method->python ?: c->method->name, missing, missing == 1 ? "" : "s",
		  (int)b.len, b.data ?: "");
	rpc_buffer_free(&b);
}

static void raise_too_many(struct rpc_call *c, const struct parameters *p, size_t n)
{
	/* A Python object's method counts the object. */
	unsigned int self = !!c->method->python;
	char from[32] = "";

	if (p->needed < p->n)
		snprintf(from, sizeof(from), "from %u to ", p->needed + self);
	rpc_raise(c, "TypeError", "%s() takes %s%u positional argument%s but %zu were given",
		  c->method->python ?: c->method->name, from, p->n + self,
		  p->n + self == 1 && !*from ? "" : "s", n + self);
}

/* The first argument that no signature allows, and what the last one wanted there. */
struct mismatch {
	const struct rpc_value *value;
	const char *wanted;
	size_t len;
};

static bool is_of_type(const struct rpc_value *v, const char *type, size_t len)
{
	return is_word(type, len, "any") || is_word(type, len, rpc_xml_type(v)) ||
	       (v->type == RPC_INT && is_word(type, len, "i8"));
}

/* Whether the arguments are those of the signature at *@s, which moves past it. */
static bool matches(const struct rpc_call *c, const char **s, struct mismatch *wrong)
{
	const struct rpc_value *v = c->arguments->first;
	bool good = true;
	const char *type;
	size_t len;

	word(s, &len);
	while ((type = word(s, &len))) {
		if (!v) {
			good = false;
		} else if (good && !is_of_type(v, type, len)) {
			good = false;
			*wrong = (struct mismatch){ v, type, len };
		}
		v = v ? v->next : NULL;
	}
	return good && !v;
}

static bool check_types(struct rpc_call *c)
{
	const char *name = c->method->python ?: c->method->name, *s = c->method->signatures;
	struct mismatch wrong = { 0 };

	if (!s)
		return true;
	for (;; s++) {
		if (matches(c, &s, &wrong))
			return true;
		if (!*s)
			break;
	}
	if (wrong.value)
		rpc_raise(c, "TypeError", "%s() takes %.*s here, not %s", name, (int)wrong.len,
			  wrong.wanted, rpc_xml_type(wrong.value));
	else
		rpc_raise(c, "TypeError", "%s() takes another number of arguments", name);
	return false;
}

bool rpc_check_arguments(struct rpc_call *c)
{
	size_t n = c->arguments->count;
	struct parameters p;

	read_parameters(&p, c->method->parameters);
	if (n < p.needed) {
		raise_missing(c, &p, n);
		return false;
	}
	if (n > p.n) {
		raise_too_many(c, &p, n);
		return false;
	}
	return check_types(c);
}
