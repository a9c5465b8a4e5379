// SPDX-License-Identifier: GPL-2.0-or-later
/* Orders about the keys of a zone that we sign. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "sign/command.h"
#include "sign/keys.h"

static bool is_signed(struct ln_conn *c, const struct keeper_zone *z)
{
	if (z->conf->policy)
		return true;
	ln_conn_printf(c, "-%s is not signed by us: the configuration has no section \"dnssec\" "
		       "for it\n", z->conf->text);
	return false;
}

/* What came of a change of keys: 0 or 1, or a negative errno. */
static void done(struct ln_conn *c, struct keeper *k, struct keeper_zone *z, int rc,
		 const char *good, const char *none)
{
	if (rc < 0) {
		ln_conn_printf(c, "-%s: %s\n", z->conf->text,
			       rc == -ENOENT ? none :
			       rc == -EBUSY ? "such a key is being replaced already" :
			       rc == -EAGAIN ? "the zone has no content" : strerror(-rc));
		return;
	}
	ln_conn_printf(c, "+%s: %s\n", z->conf->text, good);
	if (rc)
		keeper_changed(z);
	keeper_maintain(k);
}

/**
 * control_keys() - show the keys of a zone
 * @c: who ordered it, and is answered
 * @k: the keeper
 * @z: the zone
 */
void control_keys(struct ln_conn *c, struct keeper *k, struct keeper_zone *z)
{
	char *text = NULL;
	size_t len;
	FILE *f;
	int rc;

	if (!is_signed(c, z))
		return;
	f = open_memstream(&text, &len);
	rc = f ? sign_command_show(k->store, z->conf, f) : -ENOMEM;
	if (f && fclose(f))
		rc = -ENOMEM;
	if (rc)
		ln_conn_printf(c, "-%s: %s\n", z->conf->text,
			       rc == -ENOENT ? "it was not signed so far" : strerror(-rc));
	else
		ln_conn_printf(c, "+%s", text);
	free(text);
}

/**
 * control_ds_seen() - the parent has the DS of the key that waits
 * @c: who ordered it, and is answered
 * @k: the keeper
 * @z: the zone
 */
void control_ds_seen(struct ln_conn *c, struct keeper *k, struct keeper_zone *z)
{
	if (is_signed(c, z))
		done(c, k, z, sign_command_seen(k->store, z->conf, -1, 0, keeper_now()),
		     "the key whose DS the parent has is in use", "no key waits for its DS");
}

/**
 * control_roll_ksk() - have the KSK or CSK replaced
 * @c: who ordered it, and is answered
 * @k: the keeper
 * @z: the zone
 */
void control_roll_ksk(struct ln_conn *c, struct keeper *k, struct keeper_zone *z)
{
	if (is_signed(c, z))
		done(c, k, z, sign_command_roll(k->store, z->conf, SIGN_KSK, keeper_now()),
		     "the KSK or CSK is being replaced", "no KSK or CSK is in use");
}

/**
 * control_roll_zsk() - have the ZSK replaced
 * @c: who ordered it, and is answered
 * @k: the keeper
 * @z: the zone
 */
void control_roll_zsk(struct ln_conn *c, struct keeper *k, struct keeper_zone *z)
{
	if (is_signed(c, z))
		done(c, k, z, sign_command_roll(k->store, z->conf, SIGN_ZSK, keeper_now()),
		     "the ZSK is being replaced", "no ZSK is in use");
}
