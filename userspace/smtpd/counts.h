/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is counted, beside what every server counts. */
#ifndef SMTPD_COUNTS_H
#define SMTPD_COUNTS_H

#include <stdbool.h>
#include <stdint.h>

/* In the master, before workers are started. */
void counts_define(void);
/* @first: digit of the code */
void counts_reply(char first);
void counts_recipient(bool accepted);
/* @code: the answer to the message */
void counts_message(unsigned int code, uint64_t size, unsigned int delivered, unsigned int queued);
void counts_auth(bool good);
void counts_tls(void);
void counts_limited(void);

#endif
