/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Arguments of commands: read strictly, and nothing else. */
#ifndef FTPD_ARGUMENT_H
#define FTPD_ARGUMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "net.h"

#define ARGUMENT_MAX_PATH	4096

enum argument_verdict { ARGUMENT_GOOD, ARGUMENT_BAD, ARGUMENT_FAMILY };

bool argument_number(const char *text, uint64_t *value);
bool argument_port(const char *text, union ln_addr *addr);
enum argument_verdict argument_eprt(const char *text, union ln_addr *addr);
bool argument_time(const char *text, struct timespec *time);
size_t argument_verb(const char *line, char verb[5]);
bool argument_path(const char *cwd, const char *arg, char out[ARGUMENT_MAX_PATH]);

#endif
