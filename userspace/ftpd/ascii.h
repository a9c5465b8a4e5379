/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TYPE A: lines end in CR LF on the way and in LF on disk (RFC 959, 3.1.1.1). */
#ifndef FTPD_ASCII_H
#define FTPD_ASCII_H

#include <stdbool.h>
#include <stddef.h>

/* @pending: the way in: a CR whose next octet has not come */
struct ascii {
	bool pending;
};

size_t ascii_to_net(const char *from, size_t len, char *to);
size_t ascii_from_net(struct ascii *a, const char *from, size_t len, char *to);
size_t ascii_from_net_end(struct ascii *a, char *to);

#endif
