// SPDX-License-Identifier: GPL-2.0-or-later
#include "resolve.h"
int resolve_explain(const struct setup *s, const char *name, const char *type)
{
	(void)s; (void)name; (void)type;
	return 1;
}
