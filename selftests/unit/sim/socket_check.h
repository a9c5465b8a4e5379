/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What socket_check.c offers */
#ifndef SIM_SOCKET_CHECK_H
#define SIM_SOCKET_CHECK_H

#include "kernel.h"

/* The walks over queues that may be long */
#define CHECK_SEND	(1 << 0)
#define CHECK_RECEIVE	(1 << 1)

void check_socket(struct sock *sk, u32 isn, unsigned int walks);
void check_drained(void);

#endif /* SIM_SOCKET_CHECK_H */
