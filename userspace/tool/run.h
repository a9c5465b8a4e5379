/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of `linnet run` share. */
#ifndef RUN_H
#define RUN_H

#include <linux/seccomp.h>
#include <stdbool.h>
#include <sys/types.h>

/* Exit statuses of a program that runs another, as of env(1) and nohup(1). */
#define EXIT_LAUNCHER	125	/* the launcher itself failed */
#define EXIT_NOEXEC	126	/* the program is there and cannot be run */
#define EXIT_NOTFOUND	127	/* the program is not there */

int cmd_run(int argc, char **argv);

int filter_install(void);

/**
 * struct opener - opens Linnet sockets where a supervised thread would
 * @proc: descriptor of /proc
 * @dev: device of our own network namespace's file
 * @ino: inode of our own network namespace's file
 * @result: memory shared with helper processes
 */
struct opener {
	int proc;
	dev_t dev;
	ino_t ino;
	int *result;
};

int opener_init(struct opener *o);
int opener_socket(const struct opener *o, int listener, const struct seccomp_notif *req, int domain,
		  int type);

void supervise(int channel, pid_t target, bool strict) __attribute__((noreturn));
int supervisor_hand_over(int channel, int listener);

#endif
