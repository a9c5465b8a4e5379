// SPDX-License-Identifier: GPL-2.0-or-later
/* A zone's keys: their files, their records in the store, what each of them does. */
#include "keys.h"

#include <errno.h>
#include <fcntl.h>
#include <libdnssec/error.h>
#include <libdnssec/keystore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"

void sign_keys_init(struct sign_keys *k, const knot_dname_t *zone)
{
	memset(k, 0, sizeof(*k));
	knot_dname_copy_lower(k->zone, zone);
}

static void forget(struct sign_key *key)
{
	dnssec_sign_free(key->context);
	dnssec_key_free(key->key);
	key->context = NULL;
	key->key = NULL;
}

void sign_keys_free(struct sign_keys *k)
{
	for (int i = 0; i < k->n; i++)
		forget(&k->key[i]);
	k->n = 0;
}

void sign_keys_adopt(struct sign_keys *k, struct sign_keys *known)
{
	for (int i = 0; i < k->n; i++) {
		for (int j = 0; j < known->n; j++) {
			struct sign_key *to = &k->key[i], *from = &known->key[j];

			if (to->context || !from->context || strcmp(to->id, from->id))
				continue;
			to->key = from->key;
			to->context = from->context;
			from->key = NULL;
			from->context = NULL;
		}
	}
}

void sign_key_drop(struct sign_keys *k, int index)
{
	forget(&k->key[index]);
	memmove(&k->key[index], &k->key[index + 1],
		(k->n - index - 1) * sizeof(k->key[0]));
	k->n--;
}

/**
 * sign_keys_folder() - make the folder of private keys, or see that it is private
 * @folder: its path
 *
 * Return: 0, or a negative errno after an error line.
 */
int sign_keys_folder(const char *folder)
{
	struct stat st;

	if (mkdir(folder, 0700) && errno != EEXIST) {
		int err = errno;

		ln_error("%s: cannot make the folder of private keys: %s", folder, strerror(err));
		return -err;
	}
	if (stat(folder, &st)) {
		int err = errno;

		ln_error("%s: %s", folder, strerror(err));
		return -err;
	}
	if (!S_ISDIR(st.st_mode)) {
		ln_error("%s: private keys belong into a folder, and this is none", folder);
		return -ENOTDIR;
	}
	if (st.st_mode & 077) {
		ln_error("%s: mode %03o lets others at private keys; 700 is allowed", folder,
			 st.st_mode & 0777);
		return -EPERM;
	}
	return 0;
}

static int keystore(const char *folder, dnssec_keystore_t **store)
{
	int rc = dnssec_keystore_init_pkcs8(store);

	if (rc)
		return rc;
	rc = dnssec_keystore_open(*store, folder);
	if (rc) {
		dnssec_keystore_deinit(*store);
		*store = NULL;
	}
	return rc;
}

static int equip(struct sign_key *key, const knot_dname_t *zone, dnssec_keystore_t *store)
{
	dnssec_binary_t dnskey = { .size = key->dnskey_len, .data = key->dnskey };
	int rc;

	forget(key);
	rc = dnssec_key_new(&key->key);
	if (!rc)
		rc = dnssec_key_set_dname(key->key, zone);
	if (!rc)
		rc = dnssec_key_set_rdata(key->key, &dnskey);
	if (!rc)
		rc = dnssec_keystore_get_private(store, key->id, key->key);
	if (!rc)
		rc = dnssec_sign_new(&key->context, key->key);
	if (rc)
		forget(key);
	return rc;
}

/**
 * sign_keys_load() - read the private keys
 * @k: keys
 * @folder: where they lie
 *
 * A key that cannot be read stays without one, with an error line: what others sign is
 * still of use.
 *
 * Return: keys that cannot be read, or a negative errno.
 */
int sign_keys_load(struct sign_keys *k, const char *folder)
{
	dnssec_keystore_t *store;
	int missing = 0, rc;

	for (int i = 0; i < k->n; i++)
		missing += !k->key[i].context;
	if (!missing)
		return 0;
	missing = 0;
	rc = sign_keys_folder(folder);
	if (rc)
		return rc;
	rc = keystore(folder, &store);
	if (rc) {
		ln_error("%s: %s", folder, dnssec_strerror(rc));
		return -EIO;
	}
	for (int i = 0; i < k->n; i++) {
		struct sign_key *key = &k->key[i];

		if (key->context)
			continue;
		rc = equip(key, k->zone, store);
		if (rc) {
			ln_error("%s/%s.pem: private key with tag %u: %s", folder, key->id,
				 sign_key_tag(key), dnssec_strerror(rc));
			missing++;
		}
	}
	dnssec_keystore_close(store);
	dnssec_keystore_deinit(store);
	return missing;
}

/* The store will refer to the file: it must be on the disk before. */
static int sync_file(const char *folder, const char *id)
{
	char path[4096];
	int rc = 0;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s.pem", folder, id) >= sizeof(path))
		return -ENAMETOOLONG;
	for (int i = 0; i < 2; i++) {
		int fd = open(i ? folder : path, O_RDONLY | O_CLOEXEC);

		if (fd < 0)
			return -errno;
		if (!i && fchmod(fd, 0600))
			rc = -errno;
		if (fsync(fd))
			rc = -errno;
		close(fd);
	}
	return rc;
}

static unsigned int key_bits(const struct sign_policy *p)
{
	if (p->algorithm == DNSSEC_KEY_ALGORITHM_RSA_SHA256 ||
	    p->algorithm == DNSSEC_KEY_ALGORITHM_RSA_SHA512)
		return p->bits;
	return dnssec_algorithm_key_size_default(p->algorithm);
}

static int public_part(struct sign_key *key, const knot_dname_t *zone, uint8_t algorithm,
		       dnssec_keystore_t *store)
{
	dnssec_key_t *dnskey = NULL;
	dnssec_binary_t rdata;
	int rc = dnssec_key_new(&dnskey);

	if (rc)
		return rc;
	rc = dnssec_key_set_dname(dnskey, zone);
	if (!rc)
		rc = dnssec_key_set_algorithm(dnskey, algorithm);
	if (!rc)	/* the SEP bit marks what a DS may point to (RFC 4034 2.1.1) */
		rc = dnssec_key_set_flags(dnskey, key->role & SIGN_KSK ? 257 : 256);
	if (!rc)
		rc = dnssec_keystore_get_private(store, key->id, dnskey);
	if (!rc)
		rc = dnssec_key_get_rdata(dnskey, &rdata);
	if (!rc && rdata.size > sizeof(key->dnskey))
		rc = DNSSEC_INVALID_KEY_SIZE;
	if (!rc) {
		memcpy(key->dnskey, rdata.data, rdata.size);
		key->dnskey_len = rdata.size;
	}
	dnssec_key_free(dnskey);
	return rc;
}

/* Tags must differ, or a validator has to try several keys for each signature. */
static bool tag_is_taken(const struct sign_keys *k, const struct sign_key *fresh)
{
	for (int i = 0; i < k->n; i++)
		if (sign_key_tag(&k->key[i]) == sign_key_tag(fresh))
			return true;
	return false;
}

/**
 * sign_key_generate() - a new key, by the policy
 * @k: gets it, with no state and no times
 * @folder: where its file goes
 * @p: says algorithm and size
 * @role: SIGN_KSK, SIGN_ZSK or SIGN_CSK
 * @made: the key; others in @k stay where they are
 *
 * Return: 0, or a negative errno after an error line.
 */
int sign_key_generate(struct sign_keys *k, const char *folder, const struct sign_policy *p,
		      uint8_t role, struct sign_key **made)
{
	struct sign_key *key = &k->key[k->n];
	dnssec_keystore_t *store;
	char *id = NULL;
	int rc;

	if (k->n == SIGN_MAX_KEYS) {
		ln_error("a zone has %d keys already: at most %d are allowed", k->n, SIGN_MAX_KEYS);
		return -ENOSPC;
	}
	rc = sign_keys_folder(folder);
	if (rc)
		return rc;
	rc = keystore(folder, &store);
	if (rc)
		goto fail;
	do {
		if (id)
			dnssec_keystore_remove(store, id);
		free(id);
		id = NULL;
		memset(key, 0, sizeof(*key));
		key->role = role;
		rc = dnssec_keystore_generate(store, p->algorithm, key_bits(p), NULL, &id);
		if (rc)
			break;
		snprintf(key->id, sizeof(key->id), "%s", id);
		rc = public_part(key, k->zone, p->algorithm, store);
	} while (!rc && tag_is_taken(k, key));
	if (!rc)
		rc = equip(key, k->zone, store);
	dnssec_keystore_close(store);
	dnssec_keystore_deinit(store);
	free(id);
	if (rc)
		goto fail;
	rc = sync_file(folder, key->id);
	if (rc) {
		ln_error("%s: cannot write a private key: %s", folder, strerror(-rc));
		forget(key);
		return rc;
	}
	k->n++;
	*made = key;
	return 0;
fail:
	ln_error("%s: cannot make a private key: %s", folder, dnssec_strerror(rc));
	return rc == DNSSEC_ENOMEM ? -ENOMEM : -EIO;
}

/* The file of a key that is removed: nothing refers to it any more. */
int sign_key_erase(const char *folder, const char *id)
{
	char path[4096];

	if (!dnssec_keyid_is_valid(id) ||
	    (size_t)snprintf(path, sizeof(path), "%s/%s.pem", folder, id) >= sizeof(path))
		return -EINVAL;
	return unlink(path) ? -errno : 0;
}

uint8_t sign_key_algorithm(const struct sign_key *k)
{
	return k->dnskey[3];
}

/* RFC 4034, appendix B. */
uint16_t sign_key_tag(const struct sign_key *k)
{
	uint32_t sum = 0;

	for (int i = 0; i < k->dnskey_len; i++)
		sum += i & 1 ? k->dnskey[i] : k->dnskey[i] << 8;
	return (sum + (sum >> 16)) & 0xffff;
}

bool sign_key_in_zone(const struct sign_key *k)
{
	return k->state >= SIGN_PUBLISHED && k->state <= SIGN_RETIRED;
}

bool sign_key_signs(const struct sign_key *k, uint16_t type)
{
	/*
	 * RFC 7344 4.1: CDS and CDNSKEY are signed by a key that the parent's DS points to,
	 * as the DNSKEY set is.
	 */
	if (type == KNOT_RRTYPE_DNSKEY || type == KNOT_RRTYPE_CDS || type == KNOT_RRTYPE_CDNSKEY)
		return (k->role & SIGN_KSK) && sign_key_in_zone(k);
	if (!(k->role & SIGN_ZSK))
		return false;
	/* The old and the new CSK both sign all the while, as two KSKs do. */
	if (k->role == SIGN_CSK && sign_key_in_zone(k))
		return true;
	return k->state == SIGN_INTRODUCED || k->state == SIGN_ACTIVE ||
	       k->state == SIGN_WITHDRAWN;
}

const char *sign_role_name(uint8_t role)
{
	static const char *const names[] = { "none", "KSK", "ZSK", "CSK" };

	return names[role & SIGN_CSK];
}

const char *sign_state_name(enum sign_key_state state)
{
	static const char *const names[] = {
		[SIGN_INTRODUCED] = "introduced", [SIGN_PUBLISHED] = "published",
		[SIGN_READY] = "ready", [SIGN_ACTIVE] = "active", [SIGN_RETIRED] = "retired",
		[SIGN_WITHDRAWN] = "withdrawn", [SIGN_REMOVED] = "removed",
	};

	return names[state];
}

int sign_key_ds(const knot_dname_t *zone, const struct sign_key *k, uint8_t digest,
		uint8_t out[52])
{
	dnssec_binary_t dnskey = { .size = k->dnskey_len, .data = (uint8_t *)k->dnskey };
	dnssec_binary_t ds = { 0 };
	dnssec_key_t *key = NULL;
	int rc = dnssec_key_new(&key), len = -EINVAL;

	if (!rc)
		rc = dnssec_key_set_dname(key, zone);
	if (!rc)
		rc = dnssec_key_set_rdata(key, &dnskey);
	if (!rc)
		rc = dnssec_key_create_ds(key, digest, &ds);
	if (!rc && ds.size <= 52) {
		memcpy(out, ds.data, ds.size);
		len = ds.size;
	}
	dnssec_binary_free(&ds);
	dnssec_key_free(key);
	return len;
}
