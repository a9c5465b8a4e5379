// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * linnet-rpcd without sockets, under ASan and UBSan.  That answers are Python's is tested
 * beside Python itself, in selftests/services/test_rpcd.py.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "number.h"
#include "pack.h"
#include "repr.h"
#include "rpcd_server.h"
#include "write.h"

static int failed_here, number, failures;

#define EXPECT(what, ...)                                                   \
	do {                                                                \
		if (!(what)) {                                              \
			printf("# %s:%d: %s: ", __FILE__, __LINE__, #what); \
			printf(__VA_ARGS__);                                \
			printf("\n");                                       \
			failed_here++;                                      \
		}                                                           \
	} while (0)

static const char *const calls[] = {
	"<methodCall><methodName>set</methodName><params><param><value>k</value></param><param><value>"
	"<struct><member><name>a&lt;</name><value><array><data><value><i8>5000000000</i8></value>"
	"<value><nil/></value><value>\303\251</value></data></array></value></member></struct></value>"
	"</param></params></methodCall>",
	"<methodCall><methodName>get</methodName><params><param><value>k</value></param></params></methodCall>",
	"<?xml version='1.0'?>\n<methodCall>\n<methodName>keys</methodName>\n</methodCall>\n",
	"<methodCall><methodName>nope</methodName></methodCall>",
	"<methodCall><methodName>get</methodName></methodCall",
	"<!DOCTYPE a [<!ENTITY b 'c'>]><methodCall><methodName>&b;</methodName></methodCall>",
	"<methodCall><methodName>get</methodName><params><param><value><int>99999999999</int></value>"
	"</param></params></methodCall>",
	"",
};

static void test_cuts(void)
{
	struct server s, t;

	server_start(&s);
	server_start(&t);
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		size_t len = strlen(calls[i]);
		const char *whole = server_answer(&s, calls[i], len, len ?: 1);

		for (size_t piece = 1; piece <= len; piece++) {
			const char *cut = server_answer(&t, calls[i], len, piece);

			EXPECT(!strcmp(whole, cut), "call %zu in pieces of %zu: %s, not %s", i,
			       piece, cut, whole);
		}
	}
	server_stop(&s);
	server_stop(&t);
}

static void test_answers(void)
{
	static const char *const wanted[] = {
		"<nil/>",
		"<value><struct>\n<member>\n<name>a&lt;</name>\n<value><array><data>\n"
		"<value><i8>5000000000</i8></value>\n<value><nil/></value><value><string>\303\251</string>"
		"</value>\n</data></array></value>\n</member>\n</struct></value>\n",
		"<value><array><data>\n<value><string>k</string></value>\n</data></array></value>\n",
		"method \"nope\" is not supported",
		"unclosed token: line 1, column 40",
		"document type declarations are not allowed",
		"int exceeds XML-RPC limits",
		"no element found: line 1, column 0",
	};
	struct server s;

	server_start(&s);
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		const char *got = server_answer(&s, calls[i], strlen(calls[i]), 64);

		EXPECT(strstr(got, wanted[i]), "call %zu: %s", i, got);
	}
	server_stop(&s);
}

static void test_bounds(void)
{
	struct rpc_buffer b = { 0 };
	struct server s;

	server_start(&s);
	for (unsigned int depth = 19; depth <= 22; depth++) {
		const char *got;

		b.len = 0;
		rpc_buffer_text(
			&b, "<methodCall><methodName>exists</methodName><params><param><value>");
		for (unsigned int i = 0; i < depth; i++)
			rpc_buffer_text(&b, i % 2 ? "<array><data><value>" :
						    "<struct><member><name>n</name><value>");
		for (unsigned int i = depth; i--;)
			rpc_buffer_text(&b, i % 2 ? "</value></data></array>" :
						    "</value></member></struct>");
		rpc_buffer_text(&b, "</value></param></params></methodCall>");
		got = server_answer(&s, b.data, b.len, 100);
		EXPECT(strstr(got, depth > 20 ? "more than 20 levels of nesting" :
						"unhashable type: 'dict'"),
		       "depth %u: %s", depth, got);
	}
	server_stop(&s);
	rpc_buffer_free(&b);
}

static void test_numbers(void)
{
	static const struct {
		const char *text;
		int err;
		int64_t n;
	} ints[] = {
		{ "0", 0, 0 },
		{ " -5\n", 0, -5 },
		{ "+7", 0, 7 },
		{ "", -EINVAL, 0 },
		{ "-", -EINVAL, 0 },
		{ "1 2", -EINVAL, 0 },
		{ "0x1", -EINVAL, 0 },
		{ "9223372036854775807", 0, INT64_MAX },
		{ "-9223372036854775808", 0, INT64_MIN },
		{ "9223372036854775808", -ERANGE, 0 },
		{ "-9223372036854775809", -ERANGE, 0 },
		{ "99999999999999999999x", -EINVAL, 0 },
	};
	static const struct {
		double d;
		const char *text;
	} doubles[] = {
		{ 0, "0.0" },
		{ -0.0, "-0.0" },
		{ 1, "1.0" },
		{ 0.1, "0.1" },
		{ 1e22, "1e+22" },
		{ 1e15, "1000000000000000.0" },
		{ 1e16, "1e+16" },
		{ 1e-4, "0.0001" },
		{ 1e-5, "1e-05" },
		{ 5e-324, "5e-324" },
		{ 1.7976931348623157e308, "1.7976931348623157e+308" },
		{ -123.456, "-123.456" },
		{ 2.2250738585072014e-308, "2.2250738585072014e-308" },
	};
	char text[RPC_DOUBLE_TEXT];

	for (size_t i = 0; i < sizeof(ints) / sizeof(*ints); i++) {
		int64_t n = 0;
		int err =
			rpc_parse_int(ints[i].text, strlen(ints[i].text), INT64_MIN, INT64_MAX, &n);

		EXPECT(err == ints[i].err && n == ints[i].n, "'%s': %d, %lld", ints[i].text, err,
		       (long long)n);
	}
	for (size_t i = 0; i < sizeof(doubles) / sizeof(*doubles); i++) {
		size_t len = rpc_double_text(doubles[i].d, text);
		double d = 1;

		EXPECT(!strcmp(text, doubles[i].text) && len == strlen(text), "%s, not %s", text,
		       doubles[i].text);
		EXPECT(!rpc_parse_double(text, len, &d) && d == doubles[i].d, "%s comes back as %g",
		       text, d);
	}
}

static void test_base64(void)
{
	struct rpc_buffer b = { 0 };
	char data[300];

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = 37 * i;
	for (size_t len = 0; len < sizeof(data); len++) {
		int64_t n;

		b.len = 0;
		rpc_base64_encode(&b, data, len);
		for (size_t i = 0, column = 0; i < b.len; i++, column++) {
			EXPECT(column <= 76, "%zu octets: a line of more than 76", len);
			if (b.data[i] == '\n')
				column = -1;
		}
		n = rpc_base64_decode(b.data, b.len);
		EXPECT(n == (int64_t)len && !memcmp(b.data, data, len),
		       "%zu octets come back as %lld", len, (long long)n);
	}
	rpc_buffer_free(&b);
}

static void test_pack(void)
{
	struct rpc_buffer b = { 0 };
	struct arena a = { 0 };
	struct rpc_value *v = rpc_struct(&a), *list = rpc_array(&a), *back;

	rpc_append(list, rpc_nil(&a));
	rpc_append(list, rpc_boolean(&a, true));
	rpc_append(list, rpc_int(&a, INT64_MIN));
	rpc_append(list, rpc_double(&a, -0.0));
	rpc_append(list, rpc_text(&a, RPC_BASE64, "\0\377", 2));
	rpc_append(list, rpc_text(&a, RPC_DATETIME, "20200101T00:00:00", 17));
	rpc_member(&a, v, "list", list);
	rpc_member(&a, v, "", rpc_string(&a, "\303\251"));
	rpc_pack(&b, v);
	back = rpc_unpack(&a, b.data, b.len);
	EXPECT(back && back->count == 2 && back->first->count == 6, "it does not come back");
	/* Each shorter one is refused, and each with another octet gives no fault of memory. */
	for (size_t len = 0; len < b.len; len++) {
		char *copy = malloc(len ?: 1);

		if (!copy)
			abort();
		memcpy(copy, b.data, len);
		EXPECT(!rpc_unpack(&a, copy, len), "%zu of %zu octets are taken", len, b.len);
		free(copy);
	}
	for (size_t i = 0; i < b.len; i++) {
		b.data[i] ^= 0x81;
		rpc_unpack(&a, b.data, b.len);
		b.data[i] ^= 0x81;
	}
	rpc_buffer_free(&b);
	arena_free(&a);
}

/* What XML cannot carry never gets out. */
static void test_unwritable(void)
{
	struct rpc_buffer b = { 0 };
	struct arena a = { 0 };

	static const char *const bad[] = { "\1",	   "a\377",	   "\300\200",
					   "\355\240\200", "\357\277\277", "\364\220\200\200",
					   "\303" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		EXPECT(rpc_write_response(&b, rpc_string(&a, bad[i])) == -EINVAL, "text %zu", i);
	EXPECT(rpc_write_response(&b, rpc_double(&a, INFINITY)) == -EINVAL, "infinity");
	EXPECT(rpc_write_response(&b, rpc_double(&a, NAN)) == -EINVAL, "NaN");
	b.len = 0;
	EXPECT(!rpc_write_fault(&b, 1, "a\1\377<", 4), "fault");
	rpc_buffer_add(&b, "", 1);
	EXPECT(strstr(b.data, "<string>a\357\277\275\357\277\275&lt;</string>"), "%s", b.data);
	b.len = 0;
	b.max = 200;
	EXPECT(rpc_write_response(&b, rpc_text(&a, RPC_BASE64, bad, sizeof(bad))) == -E2BIG,
	       "bound");
	rpc_buffer_free(&b);
	arena_free(&a);
}

static void nothing(struct rpc_call *c)
{
	rpc_return(c, rpc_nil(rpc_arena(c)));
}

static void test_registry(void)
{
	static const struct rpc_method good = { .name = "a.b", .call = nothing },
				       same = { .name = "a.b", .call = nothing },
				       no_name = { .name = "", .call = nothing },
				       bad_name = { .name = "a b", .call = nothing },
				       bad_type = { .name = "c",
						    .signatures = "int integer",
						    .call = nothing },
				       no_type = { .name = "c",
						   .signatures = "int,,int",
						   .call = nothing },
				       prefix = { .name = "a", .call = nothing };
	struct rpc_registry *r = rpc_registry_new();

	EXPECT(!rpc_register(r, &good) && !rpc_register(r, &prefix), "good ones");
	EXPECT(rpc_register(r, &same) == -EEXIST, "the same name");
	EXPECT(rpc_register(r, &no_name) == -EINVAL && rpc_register(r, &bad_name) == -EINVAL,
	       "names");
	EXPECT(rpc_register(r, &bad_type) == -EINVAL && rpc_register(r, &no_type) == -EINVAL,
	       "types");
	EXPECT(rpc_method_find(r, "a.b", 3) == &good && rpc_method_find(r, "a.bc", 3) == &good,
	       "find");
	EXPECT(rpc_method_find(r, "a", 1) == &prefix && !rpc_method_find(r, "a.", 2), "prefix");
	EXPECT(!rpc_method_find(r, "a\0b", 3) && !rpc_method_find(r, "", 0), "none");
	rpc_registry_free(r);
}

/* A model of the order: numbers that are set and deleted at random. */
static int found_numbers[200], n_found;

static bool found(struct store_request *r, const char *data, size_t len)
{
	(void)r;
	(void)len;
	found_numbers[n_found++] = *(const unsigned char *)data;
	return true;
}

static void ignore(struct store_request *r)
{
	(void)r;
}

static void test_memory_order(void)
{
	struct store *s = store_memory_open(1 << 20);
	int order[200], n = 0;

	srand(253);
	for (int step = 0; step < 20000; step++) {
		unsigned char key = rand() % 200;
		int place = 0;
		struct store_request r = {
			.key = (char *)&key,
			.key_len = 1,
			.name = (char *)&key,
			.name_len = 1,
			.value = "v",
			.value_len = 1,
			.done = ignore,
			.row = found,
			.kind = rand() % 2 ? STORE_SET : STORE_DELETE,
		};

		while (place < n && order[place] != key)
			place++;
		store_submit(s, &r);
		if (r.kind == STORE_SET) {
			if (place == n)
				order[n++] = key;
		} else {
			EXPECT(r.status == (place < n ? 0 : -ENOENT), "delete: %d", r.status);
			if (place < n) {
				n--;
				memmove(order + place, order + place + 1,
					(n - place) * sizeof(int));
			}
		}
		if (step % 97)
			continue;
		n_found = 0;
		r = (struct store_request){
			.kind = STORE_KEYS, .limit = 7, .row = found, .done = ignore
		};
		do {
			r.after = r.cursor;
			store_submit(s, &r);
		} while (r.more);
		EXPECT(n_found == n && !memcmp(found_numbers, order, n * sizeof(int)),
		       "step %d: %d, not %d", step, n_found, n);
	}
	s->close(s);
}

static void run(const char *name, void (*test)(void))
{
	failed_here = 0;
	test();
	printf("%s %d %s\n", failed_here ? "not ok" : "ok", ++number, name);
	failures += !!failed_here;
}

int main(void)
{
	printf("TAP version 13\n1..9\n");
	run("a call's answer does not depend on how it was cut", test_cuts);
	run("answers", test_answers);
	run("the bound for nesting", test_bounds);
	run("integers and doubles", test_numbers);
	run("base64 both ways", test_base64);
	run("values for the store, whole, cut off and damaged", test_pack);
	run("what XML cannot carry", test_unwritable);
	run("the registry", test_registry);
	run("the order of keys in memory, against a model", test_memory_order);
	return !!failures;
}
