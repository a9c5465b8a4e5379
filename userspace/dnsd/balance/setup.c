// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * All balanced names of a configuration, and the memory that processes share of them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "config.h"
#include "internal.h"
#include "sign/sign.h"

/* Configurations that live: in the master, a new one learns from them who is down. */
static struct balance_setup *living;

uint64_t balance_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * UINT64_C(1000) + now.tv_nsec / 1000000;
}

/* --- the table of names --- */

static uint32_t hash_name(const uint8_t *name)
{
	uint32_t h = 2166136261;
	size_t len = knot_dname_size(name);

	while (len--)
		h = (h ^ *name++) * 16777619;
	return h;
}

const struct balance_name *balance_find(const struct balance_setup *b, const uint8_t *name)
{
	const struct balance_name *n = b->bucket[hash_name(name) % b->n_buckets];

	while (n && !knot_dname_is_equal(n->name, name))
		n = n->next_in_bucket;
	return n;
}

/* --- what was known before a reload --- */

static void copy_member(struct balance_shared_member *to, const struct balance_shared_member *from)
{
	to->state = from->state;
	to->load = from->load;
	to->load_at = from->load_at;
	to->answers = from->answers;
	to->good = from->good;
	to->bad = from->bad;
	to->changes = from->changes;
}

static void learn(struct balance_name *n, const struct balance_name *old)
{
	for (unsigned int i = 0; i < n->n_members; i++)
		for (unsigned int k = 0; k < old->n_members; k++)
			if (!strcmp(n->member[i].text, old->member[k].text))
				copy_member(&n->shared->member[i], &old->shared->member[k]);
	/* Unchecked from now on, nobody would see it come back. */
	for (unsigned int i = 0; i < n->n_members && !n->checked; i++)
		n->shared->member[i].state = BALANCE_UNTRIED;
}

/* --- reading --- */

static int read_title(struct balance_name *n, const struct setup *s, cfg_t *section)
{
	const char *title = n->title = cfg_title(section);
	const struct setup_zone *zone;
	char why[DNS_WHY_SIZE], text[DNS_NAME_TEXT];

	if (dns_name_from_text(n->name, title, strlen(title), NULL, why) < 0) {
		ln_config_error(section, "balance '%s': %s", title, why);
		return -EINVAL;
	}
	dns_name_lower(n->name);
	n->text = strdup(dns_name_to_text(text, n->name));
	if (!n->text)
		return -ENOMEM;
	if (n->name[0] == 1 && n->name[1] == '*') {
		ln_config_error(section, "balance '%s': a wildcard cannot be balanced; let a "
				"wildcard CNAME of the zone lead to a balanced name", title);
		return -EINVAL;
	}
	zone = setup_zone_of(s, n->name);
	if (!zone) {
		ln_config_error(section, "balance '%s': it is in none of the configured zones",
				title);
		return -EINVAL;
	}
	if (zone->policy) {
		ln_config_error(section, "balance '%s': the zone %s is signed here, and what is "
				"chosen for each query has no signature; allowed is a name in a "
				"zone without dnssec, such as an unsigned child zone that a "
				"CNAME leads to", title, zone->text);
		return -EINVAL;
	}
	return 0;
}

static int read_one(struct balance_setup *b, const struct setup *s, cfg_t *section)
{
	struct balance_name *n = &b->name[b->n_names], **bucket;
	int err;

	n->index = b->n_names++;
	n->shared = &b->shared[n->index];
	err = read_title(n, s, section);
	if (!err && balance_find(b, n->name)) {
		ln_config_error(section, "balance '%s': a second section for the same name",
				cfg_title(section));
		err = -EINVAL;
	}
	if (!err)
		err = balance_read_name(n, s, section);
	if (err)
		return err;
	bucket = &b->bucket[hash_name(n->name) % b->n_buckets];
	n->next_in_bucket = *bucket;
	*bucket = n;
	for (const struct balance_setup *old = b->next; old; old = old->next) {
		const struct balance_name *before = balance_find(old, n->name);

		if (before) {
			learn(n, before);
			break;
		}
	}
	return 0;
}

static struct balance_setup *new_setup(unsigned int n)
{
	struct balance_setup *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->next = living;
	b->pprev = &living;
	if (living)
		living->pprev = &b->next;
	living = b;
	b->n_buckets = 2 * n + 1;
	b->bucket = calloc(b->n_buckets, sizeof(*b->bucket));
	b->name = calloc(n, sizeof(*b->name));
	b->shared = mmap(NULL, n * sizeof(*b->shared), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (b->bucket && b->name && b->shared != MAP_FAILED)
		return b;
	balance_setup_free(b);
	return NULL;
}

struct balance_setup *balance_read(const struct setup *s, cfg_t *tree)
{
	unsigned int n = cfg_size(tree, "balance");
	struct balance_setup *b;

	if (n > BALANCE_NAMES_MAX) {
		ln_config_error(tree, "%u sections balance; at most %u", n, BALANCE_NAMES_MAX);
		return NULL;
	}
	b = new_setup(n);
	if (!b) {
		ln_error("out of memory");
		return NULL;
	}
	for (unsigned int i = 0; i < n; i++) {
		int err = read_one(b, s, cfg_getnsec(tree, "balance", i));

		if (err == -ENOMEM)
			ln_error("out of memory");
		if (err) {
			balance_setup_free(b);
			return NULL;
		}
	}
	return b;
}

void balance_setup_free(struct balance_setup *b)
{
	if (!b)
		return;
	*b->pprev = b->next;
	if (b->next)
		b->next->pprev = b->pprev;
	for (unsigned int i = 0; i < b->n_names; i++)
		balance_name_free(&b->name[i]);
	if (b->shared && b->shared != MAP_FAILED)
		munmap(b->shared, (b->n_buckets / 2) * sizeof(*b->shared));
	free(b->name);
	free(b->bucket);
	free(b);
}
