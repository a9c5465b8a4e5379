// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The signing of linnet-dnsd without the server, at any time one likes.
 *
 *	sign_driver FOLDER ZONE POLICY
 *
 * The store is in FOLDER, ZONE is the apex, POLICY a file with the inside of a section
 * "dnssec".  Lines of standard input are commands; each is answered by a line "ok ..." or
 * "error ...".
 *
 *	now SECONDS		the time
 *	load FILE		the zone's content is that of a master file
 *	policy FILE		another policy
 *	add RECORD, del RECORD	collected for
 *	commit			an edit with them
 *	drop			forget them, and abort an edit with them
 *	maintain		what is due: "ok CHANGED NEXT"
 *	served			the zone is being served
 *	roll ksk|zsk, seen TAG	commands
 *	dump FILE		all records as text
 *	keys FILE		as linnet-dnsd --keys shows them
 */
#include <errno.h>
#include <inttypes.h>
#include <libzscanner/scanner.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "sign/command.h"
#include "sign/sign.h"

static struct store *store;
static struct setup_zone zone;
static char zone_text[DNS_NAME_TEXT];
static uint64_t now;

/* --- records --- */

struct pending {
	bool removed;
	char line[4096];
};

static struct pending pending[512];
static int n_pending;

struct into {
	struct store_edit *e;
	bool removed;
	int err;
};

static void on_record(zs_scanner_t *s)
{
	struct into *to = s->process.data;
	int rc;

	if (to->removed)
		rc = store_edit_remove(to->e, s->r_owner, s->r_type, s->r_data, s->r_data_length);
	else
		rc = store_edit_add(to->e, s->r_owner, s->r_type, s->r_ttl, s->r_data,
				    s->r_data_length);
	if (rc < 0)
		to->err = rc;
}

static void on_error(zs_scanner_t *s)
{
	fprintf(stderr, "line %" PRIu64 ": %s\n", s->line_counter, zs_strerror(s->error.code));
	((struct into *)s->process.data)->err = -EINVAL;
}

static int scan(struct into *to, const char *file, const char *text)
{
	zs_scanner_t s;
	int rc = zs_init(&s, zone_text, KNOT_CLASS_IN, 3600);

	if (!rc)
		rc = zs_set_processing(&s, on_record, on_error, to);
	if (!rc && file)
		rc = zs_set_input_file(&s, file);
	else if (!rc)
		rc = zs_set_input_string(&s, text, strlen(text));
	if (!rc)
		rc = zs_parse_all(&s);
	zs_deinit(&s);
	return rc ? -EINVAL : to->err;
}

/* --- edits --- */

static int finish(struct store_txn *t, struct store_edit *e, int rc, bool keep)
{
	if (rc >= 0)
		rc = sign_edit(e, &zone, now);
	if (rc < 0 || !keep) {
		store_edit_drop(e);
		store_txn_abort(t);
		return rc;
	}
	rc = store_edit_finish(e);
	if (rc) {
		store_txn_abort(t);
		return rc;
	}
	return store_commit(t);
}

static struct store_edit *begin(struct store_txn **t)
{
	*t = store_write(store);
	if (!*t)
		exit(1);
	return store_edit_new(*t, store_zone_make(*t, zone.name), 1 << 20);
}

static int load(const char *file)
{
	struct store_txn *t;
	struct into to = { .e = begin(&t) };
	int rc = store_edit_replace(to.e, true);

	if (!rc)
		rc = scan(&to, file, NULL);
	if (!rc)
		rc = store_edit_replaced(to.e);
	return finish(t, to.e, rc, true);
}

static int commit(bool keep)
{
	struct store_txn *t;
	struct into to = { .e = begin(&t) };
	int rc = 0;

	for (int i = 0; i < n_pending && rc >= 0; i++) {
		to.removed = pending[i].removed;
		rc = scan(&to, NULL, pending[i].line);
	}
	n_pending = 0;
	if (rc >= 0)
		rc = store_edit_bump_serial(to.e, NULL);
	return finish(t, to.e, rc, keep);
}

/* --- output --- */

static int dump_set(FILE *f, const uint8_t *owner, uint16_t type, uint32_t ttl,
		    const knot_rdataset_t *rrs)
{
	knot_dump_style_t style = KNOT_DUMP_STYLE_DEFAULT;
	knot_rrset_t rrset;
	size_t size = 4096;
	char *text = malloc(size);
	int rc = 0;

	if (!text)
		return -ENOMEM;
	style.now = now;
	knot_rrset_init(&rrset, (uint8_t *)owner, type, KNOT_CLASS_IN, ttl);
	rrset.rrs = *rrs;
	if (rrs->count)
		rc = knot_rrset_txt_dump(&rrset, &text, &size, &style);
	if (rrs->count && rc > 0)
		fputs(text, f);
	free(text);
	return rc < 0 ? rc : 0;
}

static int dump(const char *file)
{
	static const enum store_kind kinds[] = { STORE_NAMES, STORE_NSEC3 };
	struct store_txn *t = store_read(store);
	FILE *f = fopen(file, "we");
	struct store_walk w;
	int rc = t && f ? 0 : -EIO;

	for (int k = 0; k < 2 && !rc; k++) {
		rc = store_walk_begin(&w, t, store_zone_find(t, zone.name), kinds[k], NULL);
		while (!rc && store_walk_next(&w)) {
			for (unsigned int i = 0; i < w.node.count && !rc; i++) {
				struct store_rrset r;

				store_rrset_at(&w.node, i, &r);
				rc = dump_set(f, w.owner, r.type, r.ttl, &r.rdata);
				if (!rc)
					rc = dump_set(f, w.owner, KNOT_RRTYPE_RRSIG, r.ttl,
						      &r.rrsigs);
			}
		}
		store_walk_end(&w);
	}
	if (t)
		store_txn_abort(t);
	if (f && fclose(f))
		rc = -EIO;
	return rc;
}

static int keys(const char *file)
{
	FILE *f = fopen(file, "we");
	int rc = f ? sign_command_show(store, &zone, f) : -EIO;

	if (f)
		fclose(f);
	return rc;
}

/* --- */

static int read_policy(const char *file, const char *folder)
{
	cfg_t *cfg = ln_config_parse(file, sign_options);

	if (!cfg)
		return -EINVAL;
	sign_policy_free(zone.policy);
	zone.policy = sign_read(cfg, folder);
	cfg_free(cfg);
	return zone.policy ? 0 : -EINVAL;
}

static int collect(bool removed, const char *line)
{
	if (n_pending == 512)
		return -ENOSPC;
	pending[n_pending].removed = removed;
	snprintf(pending[n_pending++].line, sizeof(pending[0].line), "%s\n", line);
	return 0;
}

static void run(const char *folder, const char *command, const char *arg)
{
	uint64_t next = 0;
	int rc = -EINVAL;

	if (!strcmp(command, "now"))
		rc = (now = strtoull(arg, NULL, 10)) ? 0 : -EINVAL;
	else if (!strcmp(command, "load"))
		rc = load(arg);
	else if (!strcmp(command, "policy"))
		rc = read_policy(arg, folder);
	else if (!strcmp(command, "add") || !strcmp(command, "del"))
		rc = collect(*command == 'd', arg);
	else if (!strcmp(command, "commit") || !strcmp(command, "drop"))
		rc = commit(*command == 'c');
	else if (!strcmp(command, "maintain"))
		rc = sign_maintain(store, &zone, now, &next);
	else if (!strcmp(command, "served"))
		rc = sign_served(store, &zone, 1, now);
	else if (!strcmp(command, "roll"))
		rc = sign_command_roll(store, &zone, *arg == 'k' ? 1 : 2, now);
	else if (!strcmp(command, "seen"))
		rc = sign_command_seen(store, &zone, atoi(arg), 0, now);
	else if (!strcmp(command, "dump"))
		rc = dump(arg);
	else if (!strcmp(command, "keys"))
		rc = keys(arg);
	if (rc < 0)
		printf("error %s\n", strerrorname_np(-rc));
	else
		printf("ok %d %" PRIu64 "\n", rc, next);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	char line[4096], why[DNS_WHY_SIZE];
	int len;

	if (argc != 4)
		return 2;
	len = dns_name_from_text(zone.name, argv[2], strlen(argv[2]), NULL, why);
	if (len < 0)
		return 2;
	zone.name_len = len;
	zone.text = (char *)dns_name_to_text(zone_text, zone.name);
	zone.journal_max = 1 << 20;
	sign_crypto_init();
	if (read_policy(argv[3], argv[1]))
		return 2;
	store = store_open(argv[1], 1ULL << 30, true);
	if (!store)
		return 1;
	while (fgets(line, sizeof(line), stdin)) {
		char *space;

		line[strcspn(line, "\n")] = 0;
		space = strchr(line, ' ');
		if (space)
			*space = 0;
		run(argv[1], line, space ? space + 1 : "");
	}
	store_close(store);
	sign_policy_free(zone.policy);
	return 0;
}
