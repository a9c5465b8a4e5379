// SPDX-License-Identifier: GPL-2.0-or-later
/* Arguments: nothing is read beyond them, and a path stays what it promises. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "argument.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_path(const char *path)
{
	size_t len = strlen(path);

	if (path[0] != '/' || len >= ARGUMENT_MAX_PATH || (len > 1 && path[len - 1] == '/') ||
	    strstr(path, "//") || strstr(path, "/../") || strstr(path, "/./"))
		abort();
	if ((len >= 3 && !strcmp(path + len - 3, "/..")) || (len >= 2 && !strcmp(path + len - 2, "/.")))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char first[ARGUMENT_MAX_PATH], second[ARGUMENT_MAX_PATH];
	char *text = malloc(size + 1), verb[5];
	struct timespec time;
	union ln_addr addr;
	uint64_t number;
	size_t start;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = 0;
	start = argument_verb(text, verb);
	if (start > strlen(text) || strlen(verb) > 4 || (verb[0] && strlen(verb) < 3))
		abort();
	argument_number(text + start, &number);
	if (argument_port(text + start, &addr) && addr.sa.sa_family != AF_INET)
		abort();
	if (argument_eprt(text + start, &addr) == ARGUMENT_GOOD &&
	    addr.sa.sa_family != AF_INET && addr.sa.sa_family != AF_INET6)
		abort();
	if (argument_time(text + start, &time) && (time.tv_nsec < 0 || time.tv_nsec > 999999999))
		abort();
	if (argument_path("/", text, first)) {
		check_path(first);
		/* From there on, too, and what is plain stays as it is. */
		if (argument_path(first, text + start, second))
			check_path(second);
		if (!argument_path("/", first, second) || strcmp(first, second))
			abort();
	}
	free(text);
	return 0;
}
