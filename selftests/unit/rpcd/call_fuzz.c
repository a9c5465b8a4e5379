// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libFuzzer: any octets as a call.  What it answers does not depend on how they were cut,
 * and the answer's value can be sent back as an argument and is the same then.
 */
#include <stdlib.h>
#include <string.h>

#include "rpcd_server.h"

#define MUST(what)               \
	do {                     \
		if (!(what))     \
			abort(); \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *answer(const uint8_t *data, size_t size, size_t piece)
{
	struct server s;
	char *text;

	server_start(&s);
	text = strdup(server_answer(&s, (const char *)data, size, piece));
	server_stop(&s);
	MUST(text);
	return text;
}

/* The value of a response, set and got. */
static void check_echo(const char *response)
{
	static const char head[] = "<methodCall><methodName>set</methodName><params><param>"
				   "<value>k</value></param>",
			  get[] = "<methodCall><methodName>get</methodName><params><param>"
				  "<value>k</value></param></params></methodCall>";
	const char *start = strstr(response, "<param>"), *end = strstr(response, "</params>");
	struct rpc_buffer b = { 0 };
	struct server s;
	const char *text;

	if (!start || !end)
		return;
	rpc_buffer_text(&b, head);
	rpc_buffer_add(&b, start, end - start);
	rpc_buffer_text(&b, "</params></methodCall>");
	server_start(&s);
	text = server_answer(&s, b.data, b.len, b.len);
	/* It may have grown past the bounds: an answer has a level and values of its own. */
	if (!strstr(text, "<fault>"))
		MUST(!strcmp(server_answer(&s, get, strlen(get), 7), response));
	server_stop(&s);
	rpc_buffer_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *whole = answer(data, size, size ?: 1), *cut = answer(data, size, 1 + size / 3);

	/* expat's words for what is no XML may be others: "a", NUL can be half of UTF-16. */
	if (!strstr(whole, "ExpatError") || !strstr(cut, "ExpatError"))
		MUST(!strcmp(whole, cut));
	MUST(!*whole || !strncmp(whole, "<?xml version='1.0'?>\n<methodResponse>\n", 39));
	check_echo(whole);
	free(whole);
	free(cut);
	return 0;
}
