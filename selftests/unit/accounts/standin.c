// SPDX-License-Identifier: GPL-2.0-or-later
#include "standin.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int standin_held;

uv_loop_t *ln_server_loop(struct ln_server *s)
{
	(void)s;
	return uv_default_loop();
}

void ln_server_hold(struct ln_server *s)
{
	(void)s;
	standin_held++;
}

void ln_server_release(struct ln_server *s)
{
	(void)s;
	standin_held--;
}

struct accounts *standin_accounts(const char *text, size_t len)
{
	struct accounts_settings settings = { .cache_ms = 0 };
	struct accounts *a = NULL;
	char path[64];
	int fd = open("/tmp", O_RDWR | O_TMPFILE, 0600);

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	settings.file = path;
	if (fd >= 0 && write(fd, text, len) == (ssize_t)len)
		a = accounts_open(&settings);
	close(fd);
	return a;
}
