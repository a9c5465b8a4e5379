/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TIMED_H
#define TIMED_H

void timed_datagram(int fd, void *data);

#endif
