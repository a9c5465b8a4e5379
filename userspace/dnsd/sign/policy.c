// SPDX-License-Identifier: GPL-2.0-or-later
#include "policy.h"

#include <ctype.h>
#include <errno.h>
#include <libdnssec/key.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config.h"
#include "keys.h"
#include "sign.h"

#define HOUR	3600
#define DAY	(24 * HOUR)

cfg_opt_t sign_options[] = {
	CFG_STR("algorithm", "ecdsap256sha256", CFGF_NONE),
	CFG_INT("rsa-bits", 2048, CFGF_NONE),
	CFG_BOOL("single-key", cfg_false, CFGF_NONE),
	CFG_STR("denial", "nsec", CFGF_NONE),
	CFG_INT("nsec3-iterations", 0, CFGF_NONE),
	CFG_STR("nsec3-salt", "", CFGF_NONE),
	CFG_BOOL("nsec3-opt-out", cfg_false, CFGF_NONE),
	CFG_STR("signature-lifetime", "14d", CFGF_NONE),
	CFG_STR("signature-refresh", "7d", CFGF_NONE),
	CFG_STR("signature-jitter", "12h", CFGF_NONE),
	CFG_STR("dnskey-ttl", "1h", CFGF_NONE),
	CFG_STR("ksk-lifetime", "0", CFGF_NONE),
	CFG_STR("zsk-lifetime", "90d", CFGF_NONE),
	CFG_STR("propagation", "1h", CFGF_NONE),
	CFG_STR("parent-propagation", "1h", CFGF_NONE),
	CFG_STR("parent-ds-ttl", "1d", CFGF_NONE),
	CFG_STR_LIST("parents", NULL, CFGF_NONE),
	CFG_STR("parent-check", "1h", CFGF_NONE),
	CFG_BOOL("withdraw-ds", cfg_false, CFGF_NONE),
	CFG_END()
};

static const struct {
	const char *name;
	uint8_t number;
} algorithms[] = {
	{ "rsasha256", DNSSEC_KEY_ALGORITHM_RSA_SHA256 },
	{ "rsasha512", DNSSEC_KEY_ALGORITHM_RSA_SHA512 },
	{ "ecdsap256sha256", DNSSEC_KEY_ALGORITHM_ECDSA_P256_SHA256 },
	{ "ecdsap384sha384", DNSSEC_KEY_ALGORITHM_ECDSA_P384_SHA384 },
	{ "ed25519", DNSSEC_KEY_ALGORITHM_ED25519 },
	{ "ed448", DNSSEC_KEY_ALGORITHM_ED448 },
};

#define N_ALGORITHMS	(sizeof(algorithms) / sizeof(algorithms[0]))

const char *sign_algorithm_name(uint8_t algorithm)
{
	static char unknown[16];

	for (size_t i = 0; i < N_ALGORITHMS; i++)
		if (algorithms[i].number == algorithm)
			return algorithms[i].name;
	snprintf(unknown, sizeof(unknown), "algorithm %u", algorithm);
	return unknown;
}

void sign_policy_default(struct sign_policy *p)
{
	*p = (struct sign_policy) {
		.algorithm = DNSSEC_KEY_ALGORITHM_ECDSA_P256_SHA256,
		.bits = 2048,
		.lifetime = 14 * DAY,
		.refresh = 7 * DAY,
		.jitter = 12 * HOUR,
		.dnskey_ttl = HOUR,
		.zsk_lifetime = 90 * DAY,
		.propagation = HOUR,
		.parent_propagation = HOUR,
		.parent_ds_ttl = DAY,
		.parent_check = HOUR,
	};
}

/* A word or the number that stands in the DNSKEY. */
static int read_algorithm(cfg_t *cfg, struct sign_policy *p)
{
	const char *text = cfg_getstr(cfg, "algorithm");

	for (size_t i = 0; i < N_ALGORITHMS; i++) {
		char number[4];

		snprintf(number, sizeof(number), "%u", algorithms[i].number);
		if (strcasecmp(text, algorithms[i].name) && strcmp(text, number))
			continue;
		p->algorithm = algorithms[i].number;
		return 0;
	}
	ln_config_error(cfg, "algorithm \"%s\" is not one to sign with: allowed are "
			"ecdsap256sha256 (13), ecdsap384sha384 (14), ed25519 (15), ed448 (16), "
			"rsasha256 (8) and rsasha512 (10)", text);
	return -1;
}

static int read_bits(cfg_t *cfg, struct sign_policy *p)
{
	long bits = cfg_getint(cfg, "rsa-bits");

	if (bits < 1024 || bits > 4096) {
		ln_config_error(cfg, "rsa-bits = %ld: 1024 to 4096 are allowed", bits);
		return -1;
	}
	p->bits = bits;
	return 0;
}

static int read_salt(cfg_t *cfg, struct sign_policy *p)
{
	const char *text = cfg_getstr(cfg, "nsec3-salt");
	size_t len = strlen(text), digits = strspn(text, "0123456789abcdefABCDEF");

	if (!strcmp(text, "-"))
		len = digits = 0;
	if (digits != len || len % 2 || len > 2 * sizeof(p->salt)) {
		ln_config_error(cfg, "nsec3-salt = \"%s\": at most %zu octets in hexadecimal are "
				"allowed, and none is best (RFC 9276)", text, sizeof(p->salt));
		return -1;
	}
	p->salt_len = len / 2;
	for (size_t i = 0; i < p->salt_len; i++)
		sscanf(text + 2 * i, "%2hhx", &p->salt[i]);
	return 0;
}

static int read_denial(cfg_t *cfg, struct sign_policy *p)
{
	const char *text = cfg_getstr(cfg, "denial");
	long iterations = cfg_getint(cfg, "nsec3-iterations");

	p->nsec3 = !strcmp(text, "nsec3");
	p->opt_out = cfg_getbool(cfg, "nsec3-opt-out");
	if (!p->nsec3 && strcmp(text, "nsec")) {
		ln_config_error(cfg, "denial = \"%s\": nsec and nsec3 are allowed", text);
		return -1;
	}
	if (iterations < 0 || iterations > SIGN_MAX_ITERATIONS) {
		ln_config_error(cfg, "nsec3-iterations = %ld: 0 to %d are allowed, and 0 is best "
				"(RFC 9276)", iterations, SIGN_MAX_ITERATIONS);
		return -1;
	}
	p->iterations = iterations;
	return read_salt(cfg, p);
}

/* "90s", "15m", "1h", "14d", "4w", "0": seconds. */
static int read_time(cfg_t *cfg, const char *name, uint32_t *seconds)
{
	static const struct {
		char unit;
		uint32_t seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', HOUR }, { 'd', DAY }, { 'w', 7 * DAY } };
	const char *text = cfg_getstr(cfg, name);
	unsigned long long n = 0;
	uint32_t unit = 0;
	char *end = (char *)text;

	if (isdigit((unsigned char)*text))
		n = strtoull(text, &end, 10);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (*end == units[i].unit && !end[1])
			unit = units[i].seconds;
	if (end != text && !*end && !n)
		unit = 1;
	/* Signature times are compared in 31 bits (RFC 4034 3.1.5). */
	if (end == text || !unit || n > 10ULL * 365 * DAY / unit) {
		ln_config_error(cfg, "%s = \"%s\": a number with the unit s, m, h, d or w is "
				"allowed, such as \"14d\", up to ten years", name, text);
		return -1;
	}
	*seconds = n * unit;
	return 0;
}

static int read_times(cfg_t *cfg, struct sign_policy *p)
{
	const struct {
		const char *name;
		uint32_t *to;
	} times[] = {
		{ "signature-lifetime", &p->lifetime },
		{ "signature-refresh", &p->refresh },
		{ "signature-jitter", &p->jitter },
		{ "dnskey-ttl", &p->dnskey_ttl },
		{ "ksk-lifetime", &p->ksk_lifetime },
		{ "zsk-lifetime", &p->zsk_lifetime },
		{ "propagation", &p->propagation },
		{ "parent-propagation", &p->parent_propagation },
		{ "parent-ds-ttl", &p->parent_ds_ttl },
		{ "parent-check", &p->parent_check },
	};

	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		if (read_time(cfg, times[i].name, times[i].to))
			return -1;
	if ((uint64_t)p->refresh + p->jitter >= p->lifetime) {
		ln_config_error(cfg, "signature-refresh and signature-jitter together (%u s) must "
				"be less than signature-lifetime (%u s), or signatures are made "
				"again and again", p->refresh + p->jitter, p->lifetime);
		return -1;
	}
	return 0;
}

static int fill(cfg_t *cfg, struct sign_policy *p)
{
	if (read_algorithm(cfg, p) || read_bits(cfg, p) || read_denial(cfg, p) ||
	    read_times(cfg, p))
		return -1;
	p->single_key = cfg_getbool(cfg, "single-key");
	p->withdraw = cfg_getbool(cfg, "withdraw-ds");
	if (!p->parent_check) {
		ln_config_error(cfg, "parent-check = \"0\": one second or more is allowed");
		return -1;
	}
	if (p->opt_out && !p->nsec3) {
		ln_config_error(cfg, "nsec3-opt-out needs denial = \"nsec3\"");
		return -1;
	}
	return 0;
}

struct sign_policy *sign_read(cfg_t *section, const char *state)
{
	struct sign_policy *p = malloc(sizeof(*p));

	if (!p)
		return NULL;
	sign_policy_default(p);
	if (asprintf(&p->folder, "%s/keys", state) < 0)
		p->folder = NULL;
	if (p->folder && !fill(section, p))
		return p;
	sign_policy_free(p);
	return NULL;
}

void sign_policy_free(struct sign_policy *p)
{
	if (!p)
		return;
	if (p->known)
		sign_keys_free(p->known);
	free(p->known);
	free(p->folder);
	free(p);
}

uint32_t sign_parent_check(const struct sign_policy *p)
{
	return p->parent_check;
}
