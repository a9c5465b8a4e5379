/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A session: a control connection, who is at its other end, and the data connection.
 */
#ifndef FTPD_SESSION_H
#define FTPD_SESSION_H

#include <stdint.h>
#include <uv.h>

#include "argument.h"
#include "login.h"
#include "server.h"
#include "setup.h"
#include "telnet.h"
#include "tree.h"

#define SESSION_MAX_USER	255

struct transfer;
struct passive;
struct active;

/* RFC 959, 3.1.1 */
enum session_type { TYPE_ASCII, TYPE_IMAGE };

/* Where the next data connection comes from. */
enum session_way { WAY_NONE, WAY_PASSIVE, WAY_ACTIVE };

/* Facts of MLST and MLSD (RFC 3659, 7.5). */
enum { FACT_TYPE = 1, FACT_SIZE = 2, FACT_MODIFY = 4, FACT_PERM = 8, FACT_UNIQUE = 16,
       FACT_MODE = 32, FACT_ALL = 63 };

/**
 * struct session - state of a control connection
 * @conn: the connection
 * @listen: what it came to
 * @setup: the configuration
 * @host: the virtual host
 * @telnet: the command line that is being read
 * @line_ready: a whole one is there and waits
 * @user: what USER said
 * @user_given: PASS may come
 * @logged_in: it came and was right
 * @anonymous: without a name
 * @failures: logins that failed
 * @login: a password is being checked, or the reply to a failure waits
 * @tree: the user's files
 * @quota: what they may have, 0: any
 * @quota_files: the same, in files
 * @mark: who uploads, so that none goes on with another's
 * @cleaned: the folder that old aborted uploads were last removed from
 * @cleaned_at: when, in milliseconds
 * @cwd: current folder
 * @rename_from: what RNFR said, or empty
 * @restart: what REST said
 * @type: TYPE
 * @protected: PROT P
 * @pbsz: PBSZ came
 * @epsv_all: EPSV ALL came
 * @facts: mask of FACT_*
 * @umask: of new files
 * @way: how the next data connection is made
 * @passive: waits for it, or NULL
 * @active_peer: where it goes
 * @transfer: what is under way, or NULL
 * @closing: QUIT came, or the server is ending
 */
struct session {
	struct ln_conn *conn;
	struct setup_listen *listen;
	struct setup *setup;
	const struct setup_host *host;
	struct telnet telnet;
	bool line_ready;
	char user[SESSION_MAX_USER + 1];
	bool user_given, logged_in, anonymous;
	unsigned int failures;
	struct login *login;
	struct tree tree;
	uint64_t quota, quota_files;
	uint64_t mark;
	ino_t cleaned;
	uint64_t cleaned_at;
	char cwd[ARGUMENT_MAX_PATH];
	char rename_from[ARGUMENT_MAX_PATH];
	uint64_t restart;
	enum session_type type;
	bool protected, pbsz, epsv_all;
	unsigned int facts;
	mode_t umask;
	enum session_way way;
	struct passive *passive;
	union ln_addr active_peer;
	struct transfer *transfer;
	bool closing, greeted;
};

extern const struct ln_proto session_proto;

/* A reply of one line (RFC 959, 4.2). */
void session_reply(struct session *s, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* A line of a longer one; the last is session_reply()'s. */
void session_line(struct session *s, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void session_reply_errno(struct session *s, int err, const char *path);
void session_logged_in(struct session *s);
void session_reset(struct session *s);
/* A transfer is over, or a password checked: go on with the commands that wait. */
void session_go_on(struct session *s);
/* No data connection any more, nor one that is to come. */
void session_drop_data(struct session *s);
void session_command(struct session *s, const char *line, size_t len);
/* Whether a command is answered while a transfer is under way. */
bool session_urgent(const char *line);

#endif
