// SPDX-License-Identifier: GPL-2.0-or-later
/* linnet-dnsd --keys ZONE: the server need not run. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "log.h"

int sign_command_keys(const struct setup *setup, char **words, int n)
{
	uint8_t name[DNS_NAME_MAX];
	char why[DNS_WHY_SIZE];
	const struct setup_zone *zone;
	struct store *store;
	int rc;

	if (n != 1)
		ln_usage_error("--keys: one ZONE");
	if (dns_name_from_text(name, words[0], strlen(words[0]), NULL, why) < 0)
		ln_usage_error("--keys %s: %s", words[0], why);
	dns_name_lower(name);
	zone = setup_zone_find(setup, name);
	if (!zone || !zone->policy) {
		ln_error("%s is no zone that the configuration has a section \"dnssec\" for",
			 words[0]);
		return EXIT_FAILURE;
	}
	store = store_open(setup->state, setup->store_size, false);
	if (!store)
		return EXIT_FAILURE;
	rc = sign_command_show(store, zone, stdout);
	store_close(store);
	if (rc == -ENOENT)
		ln_error("%s has no keys yet: it was not signed so far", zone->text);
	return rc ? EXIT_FAILURE : EXIT_SUCCESS;
}
