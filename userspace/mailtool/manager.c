// SPDX-License-Identifier: GPL-2.0-or-later
#include "manager.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define TIMEOUT_S 60

int manager_connect(const char *queue, const char *name)
{
	const struct timeval limit = { .tv_sec = TIMEOUT_S };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int folder = open(queue, O_PATH | O_DIRECTORY | O_CLOEXEC), fd, err;

	if (folder < 0)
		return -1;
	/* A path may be longer than a socket's name. */
	snprintf(un.sun_path, sizeof(un.sun_path), "/proc/self/fd/%d/%s", folder, name);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&un, sizeof(un))) {
		err = errno;
		close(fd);
		fd = -1;
		errno = err;
	}
	err = errno;
	close(folder);
	errno = err;
	if (fd >= 0) {
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	}
	return fd;
}

json_t *manager_ask(const char *queue, json_t *question)
{
	int fd = manager_connect(queue, "control");
	char *line = json_dumps(question, JSON_COMPACT), *reply = NULL;
	json_t *answer = NULL;
	size_t room = 0;
	FILE *f;

	json_decref(question);
	f = fd < 0 ? NULL : fdopen(fd, "r+");
	if (f && line && dprintf(fd, "%s\n", line) > 0) {
		errno = EPIPE;
		if (getline(&reply, &room, f) > 0)
			answer = json_loads(reply, 0, NULL);
	}
	if (f) {
		int err = errno;

		fclose(f);
		errno = err;
	}
	free(line);
	free(reply);
	return answer;
}
