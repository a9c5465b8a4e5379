/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Words of the configuration, and domain names. */
#ifndef RELAY_NAMES_H
#define RELAY_NAMES_H

#include <stdbool.h>

/* An enum relay_transport, an enum relay_tls; or -1. */
int names_transport(const char *word);
int names_tls(const char *word);
/* A domain name, perhaps with U-labels. */
bool names_valid(const char *name);
/* Is @name in a list of "NAME", ".NAME" for all below NAME, and "*"? */
bool names_match(const char *pattern, const char *name);

#endif
