/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines of the transfer log, as xferlog(5) has them. */
#ifndef FTPD_XFERLOG_H
#define FTPD_XFERLOG_H

#include <stdbool.h>
#include <stdint.h>

struct session;

struct xferlog_line {
	const char *path;
	uint64_t octets, ms;
	bool text, up, whole;
};

void xferlog_write(const struct session *s, const struct xferlog_line *l);

#endif
