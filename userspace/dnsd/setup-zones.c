// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Zones, TSIG keys and other servers of a configuration.
 */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "setup.h"
#include "sign/sign.h"

int setup_period(const char *text, uint32_t *seconds)
{
	static const struct {
		char letter;
		uint32_t seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 }, { 'w', 604800 } };
	unsigned long value;
	uint32_t unit = 1;
	char *end;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	value = strtoul(text, &end, 10);
	if (*end) {
		size_t i = 0;

		while (i < sizeof(units) / sizeof(*units) && units[i].letter != *end)
			i++;
		if (i == sizeof(units) / sizeof(*units) || end[1])
			return -EINVAL;
		unit = units[i].seconds;
	}
	if (errno || !value || value > INT32_MAX / unit)
		return -EINVAL;
	*seconds = value * unit;
	return 0;
}

/* --- keys --- */

int setup_read_keys(struct setup *s)
{
	unsigned int n = cfg_size(s->tree, "key");
	char why[256];

	s->keys = calloc(n + 1, sizeof(*s->keys));
	if (!s->keys)
		return -ENOMEM;
	for (unsigned int i = 0; i < n; i++) {
		cfg_t *section = cfg_getnsec(s->tree, "key", i);
		struct setup_key *k = &s->keys[i];

		k->name = cfg_title(section);
		if (dns_tsig_key_init(&k->tsig, k->name, cfg_getstr(section, "algorithm"),
				      cfg_getstr(section, "secret"), why, sizeof(why))) {
			ln_config_error(section, "key '%s': %s", k->name, why);
			return -EINVAL;
		}
		s->n_keys++;
	}
	return 0;
}

const struct dns_tsig_key *setup_key_named(const struct setup *s, const char *name)
{
	for (unsigned int i = 0; i < s->n_keys; i++)
		if (!strcmp(s->keys[i].name, name))
			return &s->keys[i].tsig;
	return NULL;
}

const struct dns_tsig_key *setup_find_key(const knot_dname_t *name, void *setup)
{
	const struct setup *s = setup;

	for (unsigned int i = 0; i < s->n_keys; i++)
		if (knot_dname_is_case_equal(s->keys[i].tsig.knot.name, name))
			return &s->keys[i].tsig;
	return NULL;
}

/* --- other servers --- */

static int read_transport(struct dns_endpoint *to, const char *name)
{
	static const enum dns_transport list[] = { DNS_UDP, DNS_TCP, DNS_TLS, DNS_LINNET };
	static const char *const names[] = { "udp", "tcp", "tls", "linnet" };

	for (unsigned int i = 0; i < 4; i++)
		if (!strcmp(name, names[i])) {
			to->transport = list[i];
			return 0;
		}
	return -EINVAL;
}

/* "key NAME" and so on; NULL, or what is wrong. */
static const char *read_word(struct dns_endpoint *to, const struct setup *s, const char *word,
			     const char *value)
{
	if (!strcmp(word, "key")) {
		to->key = setup_key_named(s, value);
		return to->key ? NULL : "names a key that no section key has";
	}
	if (!strcmp(word, "transport"))
		return read_transport(to, value) ? "has a wrong transport; allowed are udp, tcp, "
						   "tls and linnet" : NULL;
	if (!strcmp(word, "tls-name")) {
		to->tls_name = strdup(value);
		return to->tls_name ? NULL : "takes more memory than there is";
	}
	return "has a word after the address other than key, transport and tls-name";
}

static uint16_t *port_of(union ln_addr *addr)
{
	return addr->sa.sa_family == AF_INET ? &addr->in.sin_port : &addr->in6.sin6_port;
}

static const char *read_server(struct dns_endpoint *to, const struct setup *s, char *text)
{
	static const char *const alpn[] = { "dot", NULL };
	char *rest, *word = strtok_r(text, " \t", &rest), *value;
	const char *wrong;

	*to = (struct dns_endpoint){ .transport = DNS_UDP };
	if (!word || ln_addr_parse(word, 0, &to->addr))
		return "does not begin with a numeric address, with or without a port";
	while ((word = strtok_r(NULL, " \t", &rest))) {
		value = strtok_r(NULL, " \t", &rest);
		wrong = value ? read_word(to, s, word, value) : "has a word without a value";
		if (wrong)
			return wrong;
	}
	if (!*port_of(&to->addr))
		*port_of(&to->addr) = htons(to->transport == DNS_TLS ? 853 : 53);
	if (to->transport == DNS_TLS) {
		to->tls = ln_tls_client(NULL, alpn, to->tls_name != NULL);
		if (!to->tls)
			return "cannot be spoken to by TLS";
	}
	return NULL;
}

int setup_read_server(struct dns_endpoint *to, const struct setup *s, cfg_t *section,
		      const char *option, const char *text)
{
	const char *wrong;
	char copy[512];

	if (snprintf(copy, sizeof(copy), "%s", text) >= (int)sizeof(copy))
		wrong = "is too long";
	else
		wrong = read_server(to, s, copy);
	if (!wrong)
		return 0;
	ln_config_error(section, "%s: '%s' %s; as in \"192.0.2.1\", \"[2001:db8::1]:853 key NAME "
			"transport tls tls-name NAME\"", option, text, wrong);
	return -EINVAL;
}

static int read_servers(struct setup_servers *list, const struct setup *s, cfg_t *section,
			const char *option)
{
	unsigned int n = cfg_size(section, option);
	int err = 0;

	list->server = calloc(n + 1, sizeof(*list->server));
	if (!list->server)
		return -ENOMEM;
	while (!err && list->count < n) {
		err = setup_read_server(&list->server[list->count], s, section, option,
					cfg_getnstr(section, option, list->count));
		list->count++;
	}
	return err;
}

static void free_servers(struct setup_servers *list)
{
	for (unsigned int i = 0; i < list->count; i++) {
		if (list->server[i].tls)
			ln_tls_put(list->server[i].tls);
		free((char *)list->server[i].tls_name);
	}
	free(list->server);
}

/* --- zones --- */

static uint32_t hash_name(const uint8_t *name)
{
	uint32_t h = 2166136261;
	size_t len = knot_dname_size(name);

	while (len--)
		h = (h ^ *name++) * 16777619;
	return h;
}

const struct setup_zone *setup_zone_find(const struct setup *s, const uint8_t *apex)
{
	struct setup_zone *z;

	if (!s->n_buckets)
		return NULL;
	z = s->bucket[hash_name(apex) % s->n_buckets];
	while (z && !knot_dname_is_equal(z->name, apex))
		z = z->next_in_bucket;
	return z;
}

const struct setup_zone *setup_zone_of(const struct setup *s, const uint8_t *name)
{
	const struct setup_zone *z;

	for (;; name += 1 + *name) {
		z = setup_zone_find(s, name);
		if (z || !*name)
			return z;
	}
}

/* A zone file is found from the folder of the configuration file, or is an absolute path. */
static int read_file(struct setup_zone *z, const struct setup *s, cfg_t *section)
{
	const char *file = cfg_getstr(section, "file"), *slash = strrchr(s->file, '/');
	char path[PATH_MAX];
	int len;

	if (!file)
		return 0;
	if (*file == '/' || !slash)
		len = snprintf(path, sizeof(path), "%s", file);
	else
		len = snprintf(path, sizeof(path), "%.*s/%s", (int)(slash - s->file), s->file,
			       file);
	if (len >= (int)sizeof(path)) {
		ln_config_error(section, "file: the path is too long");
		return -EINVAL;
	}
	z->file = realpath(path, NULL);
	if (z->file)
		return 0;
	ln_config_error(section, "file '%s': %m", path);
	return -EINVAL;
}

static int read_bounds(struct setup_zone *z, cfg_t *section)
{
	const struct {
		const char *low_name, *high_name;
		uint32_t *low, *high;
	} pairs[] = {
		{ "min-refresh", "max-refresh", &z->min_refresh, &z->max_refresh },
		{ "min-retry", "max-retry", &z->min_retry, &z->max_retry },
	};

	setup_period(cfg_getstr(section, "max-expire"), &z->max_expire);
	for (unsigned int i = 0; i < 2; i++) {
		setup_period(cfg_getstr(section, pairs[i].low_name), pairs[i].low);
		setup_period(cfg_getstr(section, pairs[i].high_name), pairs[i].high);
		if (*pairs[i].low <= *pairs[i].high)
			continue;
		ln_config_error(section, "%s is more than %s", pairs[i].low_name,
				pairs[i].high_name);
		return -EINVAL;
	}
	return 0;
}

static int read_zone(struct setup_zone *z, struct setup *s, cfg_t *section)
{
	const char *title = cfg_title(section);
	char why[DNS_WHY_SIZE], text[DNS_NAME_TEXT];
	int err = dns_name_from_text(z->name, title, strlen(title), NULL, why);

	if (err < 0)
		return err;
	z->name_len = err;
	dns_name_lower(z->name);
	z->text = strdup(dns_name_to_text(text, z->name));
	z->notify_ns = cfg_getbool(section, "notify-name-servers");
	z->journal_max = ln_config_size(section, "journal-size");
	z->max_size = ln_config_size(section, "max-size");
	err = z->text ? read_file(z, s, section) : -ENOMEM;
	if (!err)
		err = read_bounds(z, section);
	if (!err)
		err = read_servers(&z->primaries, s, section, "primaries");
	if (!err)
		err = read_servers(&z->notify, s, section, "notify");
	if (!err)
		err = acl_read(&z->allow_query, s, section, "allow-query");
	if (!err)
		err = acl_read(&z->allow_transfer, s, section, "allow-transfer");
	if (!err)
		err = acl_read(&z->allow_update, s, section, "allow-update");
	if (!err)
		err = acl_read(&z->allow_notify, s, section, "allow-notify");
	if (!err && cfg_size(section, "dnssec")) {
		z->policy = sign_read(cfg_getsec(section, "dnssec"), s->state);
		err = z->policy ? read_servers(&z->parents, s, cfg_getsec(section, "dnssec"),
					       "parents") : -EINVAL;
	}
	return err;
}

int setup_read_zones(struct setup *s)
{
	unsigned int n = cfg_size(s->tree, "zone");
	int err = 0;

	s->zone = calloc(n + 1, sizeof(*s->zone));
	s->n_buckets = 2 * n + 1;
	s->bucket = calloc(s->n_buckets, sizeof(*s->bucket));
	if (!s->zone || !s->bucket)
		return -ENOMEM;
	while (!err && s->n_zones < n) {
		cfg_t *section = cfg_getnsec(s->tree, "zone", s->n_zones);
		struct setup_zone *z = &s->zone[s->n_zones], **bucket;

		z->index = s->n_zones++;
		err = read_zone(z, s, section);
		if (!err && setup_zone_find(s, z->name)) {
			ln_config_error(section, "zone '%s': a second section for the same zone",
					cfg_title(section));
			err = -EINVAL;
		}
		bucket = &s->bucket[hash_name(z->name) % s->n_buckets];
		z->next_in_bucket = *bucket;
		*bucket = z;
	}
	return err;
}

void setup_free_zones(struct setup *s)
{
	for (unsigned int i = 0; i < s->n_zones; i++) {
		struct setup_zone *z = &s->zone[i];

		free_servers(&z->primaries);
		free_servers(&z->notify);
		free_servers(&z->parents);
		acl_free(&z->allow_query);
		acl_free(&z->allow_transfer);
		acl_free(&z->allow_update);
		acl_free(&z->allow_notify);
		if (z->policy)
			sign_policy_free(z->policy);
		free(z->file);
		free(z->text);
	}
	free(s->zone);
	free(s->bucket);
	for (unsigned int i = 0; i < s->n_keys; i++)
		dns_tsig_key_free(&s->keys[i].tsig);
	free(s->keys);
}
