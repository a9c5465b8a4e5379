/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The check of a password, which takes its time. */
#ifndef FTPD_LOGIN_H
#define FTPD_LOGIN_H

struct session;
struct login;

/* Ends with session_logged_in() or a reply to the failure, and session_go_on(). */
void login_start(struct session *s, const char *password);
/* The session is going. */
void login_cancel(struct login *l);

#endif
