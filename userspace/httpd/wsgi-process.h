/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * linnet-wsgi as the master's child, and the socket between the two programs.
 */
#ifndef HTTPD_WSGI_PROCESS_H
#define HTTPD_WSGI_PROCESS_H

#include <stdint.h>
#include <sys/types.h>
#include <sys/un.h>

/**
 * struct wsgi_process - the child
 * @argv: its command line, ends in NULL
 * @env: "NAME=value" to be added to its environment, ends in NULL
 * @folder: where it works, allocated; NULL: where the master does
 * @directory: private folder with the socket, empty: none
 * @address: the socket
 * @listener: the socket, or -1
 * @uid: who the workers are, and the child
 * @gid: their group
 * @groups: their other groups, allocated
 * @n_groups: how many
 * @pid: the child, 0: none
 * @started: CLOCK_MONOTONIC, ms
 * @delay_ms: pause before the next start
 */
struct wsgi_process {
	char **argv;
	char **env;
	char *folder;
	char directory[sizeof(((struct sockaddr_un *)0)->sun_path)];
	struct sockaddr_un address;
	int listener;
	uid_t uid;
	gid_t gid;
	gid_t *groups;
	int n_groups;
	pid_t pid;
	uint64_t started;
	unsigned int delay_ms;
};

int wsgi_process_address(struct wsgi_process *p);
int wsgi_process_launch(struct wsgi_process *p);
void wsgi_process_reaped(struct wsgi_process *p, pid_t pid, int status);
void wsgi_process_end(struct wsgi_process *p);

#endif
