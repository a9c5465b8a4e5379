// SPDX-License-Identifier: GPL-2.0-or-later
/* Any message made one of 7 bits, or refused; and the text that DATA sends of it. */
#include <errno.h>
#include <stdint.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "relay/convert.h"
#include "relay/stuff.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* No line of it is a dot, but the last; and no CR or LF is alone. */
static void check_stuffed(const uint8_t *data, size_t size)
{
	char *out = malloc(STUFF_ROOM(size) + 5);
	struct stuff s = { 0 };
	size_t half = size / 2, n = stuff(&s, out, (const char *)data, half);

	n += stuff(&s, out + n, (const char *)data + half, size - half);
	n += stuff_end(&s, out + n);
	if (n > STUFF_ROOM(size) + 5 || n < 3 || memcmp(out + n - 3, ".\r\n", 3))
		abort();
	if (memmem(out, n - 1, "\r\n.\r\n", 5) || (n > 3 && !memcmp(out, ".\r\n", 3)))
		abort();
	for (size_t i = 0; i < n; i++)
		if ((out[i] == '\n' && (!i || out[i - 1] != '\r')) ||
		    (out[i] == '\r' && (i + 1 == n || out[i + 1] != '\n')))
			abort();
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool ready;
	int fd = memfd_create("fuzz", MFD_CLOEXEC), out;
	uint64_t converted;
	bool header, body;

	if (!ready)
		convert_init();
	ready = true;
	check_stuffed(data, size);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	out = convert_to_7bit(fd, size, &converted);
	close(fd);
	if (out < 0)
		return 0;
	if (convert_look(out, converted, &header, &body) || header || body)
		abort();
	close(out);
	return 0;
}
