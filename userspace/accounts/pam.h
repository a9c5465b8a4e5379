/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PAM asks as root, and its modules do what they like: a process of its own for each question,
 * made by a helper process that the master starts.
 *
 * A worker has a few connections to the helper, one question at a time on each.
 */
#ifndef ACCOUNTS_PAM_H
#define ACCOUNTS_PAM_H

#include <sys/types.h>

#define PAM_CONNECTIONS		2	/* of a worker */

enum pam_answer { PAM_ANSWER_GOOD, PAM_ANSWER_BAD, PAM_ANSWER_NONE };

struct pam_helper;

/* @service: a name below /etc/pam.d, or the path of such a file. NULL: no memory. */
struct pam_helper *pam_helper_new(const char *service);
int pam_helper_launch(struct pam_helper *h);
int pam_helper_connect(struct pam_helper *h);
void pam_helper_reaped(struct pam_helper *h, pid_t pid, int status);
/* In a thread: waits. @place: below PAM_CONNECTIONS, one question at a time on each. */
enum pam_answer pam_helper_ask(struct pam_helper *h, unsigned int place, const char *user,
			       const char *password);
void pam_helper_free(struct pam_helper *h);

#endif
