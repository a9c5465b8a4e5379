/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who may come in: users of a file, or of the machine by PAM, and the checks of their passwords.
 *
 * Hashes of passwords are slow on purpose, and PAM takes its time: checks run in threads.
 * What was found good is remembered for a while, by a keyed hash, so that memory that leaks
 * tells no password.  Somebody whom nobody knows costs the same time.
 *
 *	configure():	a = accounts_open(&settings)
 *	launch():	accounts_launch(a)	starts the helper process for PAM
 *	start():	accounts_start(a)	before the worker gives up its rights
 *	reaped():	accounts_reaped(a, pid, status)
 *	release():	accounts_free(a)
 */
#ifndef ACCOUNTS_H
#define ACCOUNTS_H

#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "server.h"
#include "users.h"

struct accounts;
struct accounts_job;

/* BUSY: too many checks wait; or PAM does not answer.  Of done(): GOOD, BAD or BUSY. */
enum accounts_verdict { ACCOUNTS_GOOD, ACCOUNTS_BAD, ACCOUNTS_PENDING, ACCOUNTS_BUSY };

/**
 * struct accounts_settings - what accounts_open() is told
 * @file: users; NULL: none, with @pam
 * @third: what the third field of its lines is
 * @only, @n_only: those of the file that may come in; NULL: all
 * @pam: PAM service that checks passwords in place of the file's hashes, or NULL
 * @cache_ms: how long a password that was found good is so unasked; 0: not at all
 */
struct accounts_settings {
	const char *file;
	enum users_third third;
	const char *const *only;
	size_t n_only;
	const char *pam;
	uint64_t cache_ms;
};

/**
 * struct accounts_waiter - somebody who waits for a verdict; in the caller's memory, zeroed
 * @done: called from the loop
 * @job: what is waited for; NULL: nothing
 * @next: another who waits for the same
 */
struct accounts_waiter {
	void (*done)(struct accounts_waiter *w, enum accounts_verdict verdict);
	struct accounts_job *job;
	struct accounts_waiter *next;
};

struct accounts *accounts_open(const struct accounts_settings *settings);
void accounts_free(struct accounts *a);
/* 0, or a negative errno after an error line; both do nothing without PAM. */
int accounts_launch(struct accounts *a);
int accounts_start(struct accounts *a);
void accounts_reaped(struct accounts *a, pid_t pid, int status);

enum accounts_verdict accounts_check(struct accounts *a, struct ln_server *s, const char *user,
				     const char *password, struct accounts_waiter *w);
void accounts_cancel(struct accounts_waiter *w);
/* Of the file; NULL: nobody of this name. */
const struct account *accounts_find(const struct accounts *a, const char *user);
/* What to check SCRAM with: of somebody unknown a made-up one, always the same, and false. */
bool accounts_scram(const struct accounts *a, const char *user, struct scram_verifier *v);
/* There are verifiers, so that SCRAM is worth offering. */
bool accounts_have_scram(const struct accounts *a);

#endif
