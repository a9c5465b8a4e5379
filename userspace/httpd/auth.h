/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Passwords of the Basic scheme (RFC 7617), checked by libcrypt in libuv's threads.
 */
#ifndef HTTPD_AUTH_H
#define HTTPD_AUTH_H

#include <stdint.h>
#include <uv.h>

#include "passwords.h"
#include "server.h"

struct auth;
struct auth_job;

enum auth_verdict { AUTH_GOOD, AUTH_BAD, AUTH_PENDING, AUTH_BUSY };

/**
 * struct auth_waiter - somebody who waits for a verdict; in the caller's memory
 * @done: called with AUTH_GOOD or AUTH_BAD, from the loop
 * @job: what is waited for; NULL: nothing
 * @next: another who waits for the same
 */
struct auth_waiter {
	void (*done)(struct auth_waiter *w, enum auth_verdict verdict);
	struct auth_job *job;
	struct auth_waiter *next;
};

/**
 * struct auth_settings - what auth_new() is told
 * @realm: name that clients show
 * @file: users and hashes
 * @users: those of them that may come in; NULL: all
 * @n_users: how many
 * @cache_ms: how long a password that was found good stays so unasked
 */
struct auth_settings {
	const char *realm;
	const char *file;
	const char *const *users;
	size_t n_users;
	uint64_t cache_ms;
};

struct auth *auth_new(const struct auth_settings *settings);
void auth_free(struct auth *a);
const char *auth_challenge(const struct auth *a);
enum auth_verdict auth_check(struct auth *a, struct ln_server *s, const struct credentials *c,
			     struct auth_waiter *w);
void auth_cancel(struct auth_waiter *w);

#endif
