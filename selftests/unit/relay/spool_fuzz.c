// SPDX-License-Identifier: GPL-2.0-or-later
/* A file of the queue with any content: read, or refused. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mail/spool.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ID "0000000000000000"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct spool *s;
	static char folder[256];
	struct envelope e;
	const char *why;
	uint64_t text;
	int fd;

	if (!s) {
		snprintf(folder, sizeof(folder), "%s/spool-fuzz-XXXXXX",
			 getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
		s = mkdtemp(folder) ? spool_open(folder) : NULL;
		if (!s)
			abort();
	}
	fd = openat(spool_folder(s), "msg/" ID, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	close(fd);
	if (!spool_envelope(s, ID, &e, &why)) {
		if (!e.n || !e.sender)
			abort();
		envelope_clear(&e);
	}
	fd = spool_text(s, ID, &text);
	if (fd >= 0) {
		if (text > size)
			abort();
		close(fd);
	}
	return 0;
}
