// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Zone files made by libFuzzer: they are read and checked, and what is good is put into a
 * store, so that what the reader lets through meets what the store and the checks expect.
 *
 * $ZONE_FUZZ_FOLDER is an empty folder to work in, best in memory: each load is a commit.
 */
#include <err.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "zone/zone.h"

static char folder[PATH_MAX - 16] = ".", path[PATH_MAX];
static struct setup_zone zone;
static struct store *store;

static void begin(void)
{
	static const uint8_t apex[] = "\7example";
	const char *name = getenv("ZONE_FUZZ_FOLDER");

	if (name)
		snprintf(folder, sizeof(folder), "%s", name);
	snprintf(path, sizeof(path), "%s/zone", folder);
	memcpy(zone.name, apex, sizeof(apex));
	zone.name_len = sizeof(apex);
	zone.text = strdup("example.");
	zone.file = strdup(path);
	zone.journal_max = 1 << 16;
	store = store_open(folder, 64 << 20, true);
	if (!zone.text || !zone.file || !store)
		errx(1, "no store in %s", folder);
}

static void put(const uint8_t *data, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size || close(fd))
		err(1, "%s", path);
}

/* A million records are allowed, and take their time: not here. */
static bool many(const uint8_t *data, size_t size)
{
	unsigned int digits = 0;
	bool generate = memmem(data, size, "GENERATE", 8) || memmem(data, size, "enerate", 7);

	for (size_t i = 0; generate && i < size; i++) {
		digits = data[i] >= '0' && data[i] <= '9' ? digits + 1 : 0;
		if (digits > 3)
			return true;
	}
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool good;

	if (many(data, size))
		return 0;
	if (!store)
		begin();
	put(data, size);
	good = zone_check_file(&zone);
	if (good != (zone_load(store, &zone) >= 0))
		abort();
	return 0;
}
