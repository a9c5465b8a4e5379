/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Workers may not start programs: a process beside them does.
 *
 * A worker sends one datagram for each request over a socket that all workers share:
 * struct spawn_request, the path, the environment, and with it the end of a socket of
 * their own.  On that one the spawner says what became of it.  Shut down by the worker, it
 * means that the program is wanted no more and is killed, unless SPAWN_RELEASE was said
 * before.  An empty datagram of the master's: no request will come any more.
 *
 * The spawner finds the program itself, and takes no variable that could change how a
 * program is loaded: a worker in wrong hands can start CGI programs, and nothing else.
 */
#ifndef GATEWAY_SPAWNER_H
#define GATEWAY_SPAWNER_H

#include <stdint.h>
#include <sys/types.h>

#include "codec/buffer.h"

#define SPAWN_MAX_MESSAGE	180000	/* octets of a datagram */
#define SPAWN_MAX_FDS		65	/* descriptors handed to a program beside 0, 1 and 2 */

/**
 * struct spawn_request - followed by the path with its NUL and the environment
 * @path_len: octets of the path below the folder, with NUL
 * @environment_len: octets of the environment: "NAME\0VALUE\0"
 */
struct spawn_request {
	uint32_t path_len;
	uint32_t environment_len;
};

enum spawn_kind {
	SPAWN_STARTED,	/* with descriptors: what the program reads, writes, complains to */
	SPAWN_REFUSED,	/* @value: a status */
	SPAWN_ENDED,	/* @value: as of wait() */
};

struct spawn_reply {
	int32_t kind;
	int32_t value;
};

#define SPAWN_RELEASE	'r'

/**
 * struct spawner_conf - what a spawner starts and how
 * @folder: path of the folder with the programs
 * @folder_fd: the same
 * @prefix: of the location
 * @root: DOCUMENT_ROOT, or NULL
 * @variables: of the section's env
 * @max: programs at once
 * @kill_ms: time between SIGTERM and SIGKILL
 * @cpu_seconds: RLIMIT_CPU, 0: as it is
 * @memory: RLIMIT_AS, octets, 0: as it is
 * @processes: RLIMIT_NPROC, 0: as it is
 */
struct spawner_conf {
	char *folder;
	int folder_fd;
	char *prefix;
	char *root;
	struct cgi_buffer variables;
	unsigned int max;
	uint64_t kill_ms;
	unsigned long cpu_seconds;
	uint64_t memory;
	unsigned long processes;
};

/**
 * struct spawner - a spawner, as its master and the workers see it
 * @conf: what it does
 * @pid: the process
 * @workers: socket end for requests
 * @own: its own end, kept so that another process can take over
 * @started: when it was, monotonic, ms
 */
struct spawner {
	struct spawner_conf conf;
	pid_t pid;
	int workers;
	int own;
	uint64_t started;
};

int spawner_start(struct spawner *s);
void spawner_stop(struct spawner *s);
void spawner_reaped(struct spawner *s, pid_t pid, int status);
/* program.c: in a child: become the program.  Returns an errno. */
int program_exec(const struct spawner_conf *conf, int folder, const char *path, size_t script_len,
		 size_t name_start, const char *environment, size_t environment_len,
		 const int *fds, int n_fds);

#endif
