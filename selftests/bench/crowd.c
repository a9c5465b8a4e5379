// SPDX-License-Identifier: GPL-2.0-or-later
#include <sys/resource.h>

#include "bench.h"
#include "crowd.h"

void crowd_open(struct crowd *crowd, int n)
{
	struct rlimit limit = { .rlim_cur = 2 * n + 100, .rlim_max = 2 * n + 100 };
	int i, l;

	OK(setrlimit(RLIMIT_NOFILE, &limit));
	crowd->n = n;
	crowd->fd = calloc(n, sizeof(*crowd->fd));
	if (!crowd->fd)
		FAIL("no memory");
	l = sk_listen("127.0.0.1", PORT, 10);
	for (i = 0; i < n; i++) {
		crowd->fd[i][0] = sk_connected("127.0.0.1", PORT);
		crowd->fd[i][1] = OK(accept(l, NULL, NULL));
	}
	close(l);
}

/* Without TIME-WAIT */
void crowd_close(struct crowd *crowd)
{
	int i;

	for (i = 0; i < crowd->n; i++) {
		reset_close(crowd->fd[i][0]);
		close(crowd->fd[i][1]);
	}
	free(crowd->fd);
}
