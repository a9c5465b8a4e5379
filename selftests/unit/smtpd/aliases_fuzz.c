// SPDX-License-Identifier: GPL-2.0-or-later
/* Any file of aliases is read or refused, and no alias leads on without end. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "aliases.h"
#include "log.h"
#include "recipient.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool has_user(void *data, const char *name)
{
	(void)data;
	return !strcmp(name, "a");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const domain = "a.test";
	static const char *const asked[] = { "a@a.test", "b@a.test", "\"c d\"@a.test", "e+f@a.test" };
	struct recipient_rules rules = {
		.hostname = "h.test", .domains = &domain, .n_domains = 1, .postmaster = "a", .delimiter = '+',
		.has_user = has_user,
	};
	const char *why;
	unsigned int line;
	struct aliases *a = aliases_parse((const char *)data, size, &why, &line);

	ln_log_level(LN_ERROR);
	if (!a && !why)
		abort();
	rules.aliases = a;
	for (size_t i = 0; a && i < sizeof(asked) / sizeof(*asked); i++) {
		struct recipients to = { 0 };
		struct rcpt_command c = { 0 };
		struct refusal r;

		mail_address_parse(&c.to, asked[i], strlen(asked[i]), 0);
		if (recipients_add(&to, &rules, &c, false, "", 50, &r) && to.n)
			abort();
		if (to.n > 50)
			abort();
		recipients_clear(&to);
	}
	aliases_free(a);
	return 0;
}
