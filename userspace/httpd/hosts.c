// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Virtual hosts and their locations.
 */
#include "hosts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "grammar.h"
#include "log.h"

/* Shorter names first, so that a search by length and octets is one memcmp(). */
static int compare_names(const void *a, const void *b)
{
	const struct host_name *m = a, *n = b;

	if (m->len != n->len)
		return m->len < n->len ? -1 : 1;
	return memcmp(m->text, n->text, m->len);
}

static struct httpd_host *find_name(const struct httpd_hosts *hosts, const char *text, size_t len)
{
	const struct host_name key = { .text = text, .len = len }, *found;

	found = bsearch(&key, hosts->name, hosts->n_names, sizeof(key), compare_names);
	return found ? found->host : NULL;
}

/**
 * hosts_find() - who answers for a name
 * @hosts: all hosts
 * @name: in lower case, without a port; empty for none
 *
 * Return: the host that has this name, or else the one with the longest wildcard that
 * fits, or else the fallback.
 */
const struct httpd_host *hosts_find(const struct httpd_hosts *hosts, const char *name)
{
	size_t len = strlen(name);
	const struct httpd_host *host;

	if (len && name[len - 1] == '.')
		len--;
	host = find_name(hosts, name, len);
	for (size_t i = 1; !host && i < len; i++)
		if (name[i] == '.')
			host = find_name(hosts, name + i, len - i);
	return host ? host : hosts->fallback;
}

/**
 * host_place() - where in a host a path is
 * @host: the host
 * @path: decoded, without a slash at either end
 *
 * Return: the location with the longest prefix, in whole segments, or NULL.
 */
const struct httpd_place *host_place(const struct httpd_host *host, const char *path)
{
	for (size_t i = 0; i < host->n_places; i++) {
		const struct httpd_place *p = host->place[i];

		if (strncmp(path, p->location.prefix, p->prefix_len))
			continue;
		if (!p->prefix_len || !path[p->prefix_len] || path[p->prefix_len] == '/')
			return p;
	}
	return NULL;
}

static int add_name(struct httpd_hosts *hosts, cfg_t *section, struct httpd_host *host,
		    const char *text)
{
	struct host_name *name = &hosts->name[hosts->n_names];

	if (!strcmp(text, "*")) {
		if (hosts->fallback && hosts->fallback != host) {
			ln_config_error(section,
					"the hosts '%s' and '%s' are both the default; one may be",
					hosts->fallback->name, host->name);
			return -EINVAL;
		}
		hosts->fallback = host;
		return 0;
	}
	name->text = *text == '*' ? text + 1 : text;
	name->len = strlen(name->text);
	name->host = host;
	for (size_t i = 0; i < hosts->n_names; i++) {
		if (compare_names(&hosts->name[i], name))
			continue;
		ln_config_error(section, "the name '%s' of the host '%s' is already taken by '%s'",
				text, host->name, hosts->name[i].host->name);
		return -EINVAL;
	}
	hosts->n_names++;
	return 0;
}

static int read_kind(struct httpd_place *p, cfg_t *section)
{
	const struct httpd_kind *kind = grammar_kind(section);

	p->location.kind = kind;
	p->location.conf = kind->configure(cfg_getnsec(section, kind->name, 0), &p->location);
	if (p->location.conf)
		return 0;
	ln_config_error(section, "the location '%s', which ends here, cannot be used",
			cfg_title(section));
	return -EINVAL;
}

static int read_place(struct httpd_place *p, cfg_t *section, const struct httpd_host *host)
{
	struct http_target t;
	char *prefix;
	int err;

	http_target_parse(&t, cfg_title(section), strlen(cfg_title(section)));
	prefix = strdup(t.path);
	p->n_push = cfg_size(section, "push");
	p->push = calloc(p->n_push + 1, sizeof(*p->push));
	if (!prefix || !p->push) {
		free(prefix);
		ln_error("no memory for the configuration");
		return -ENOMEM;
	}
	for (size_t i = 0; i < p->n_push; i++)
		p->push[i] = cfg_getnstr(section, "push", i);
	p->location.prefix = prefix;
	p->prefix_len = strlen(prefix);
	p->location.root = host->root;
	p->location.rules = &p->rules;
	err = rules_read(&p->rules, section);
	if (err)
		return err;
	rules_inherit(&p->rules, &host->rules);
	err = read_kind(p, section);
	if (err)
		return err;
	/* Counters are not for everybody who forgets to say so. */
	if (p->location.kind == &httpd_status && !p->rules.access)
		return rules_only_here(&p->rules);
	return 0;
}

static int compare_places(const void *a, const void *b)
{
	const struct httpd_place *p = *(struct httpd_place *const *)a;
	const struct httpd_place *q = *(struct httpd_place *const *)b;

	return p->prefix_len < q->prefix_len ? 1 : p->prefix_len > q->prefix_len ? -1 : 0;
}

static int read_places(struct httpd_host *host, cfg_t *section)
{
	size_t n = cfg_size(section, "location");
	int err;

	host->place = calloc(n + 1, sizeof(*host->place));
	if (!host->place) {
		ln_error("no memory for the configuration");
		return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++) {
		cfg_t *location = cfg_getnsec(section, "location", i);
		struct httpd_place *p = calloc(1, sizeof(*p));

		if (!p) {
			ln_error("no memory for the configuration");
			return -ENOMEM;
		}
		host->place[host->n_places++] = p;
		err = read_place(p, location, host);
		if (err)
			return err;
		for (size_t k = 0; k < i; k++) {
			if (strcmp(p->location.prefix, host->place[k]->location.prefix))
				continue;
			ln_config_error(location,
					"the location '%s' of the host '%s' is there twice",
					cfg_title(location), host->name);
			return -EINVAL;
		}
	}
	qsort(host->place, n, sizeof(*host->place), compare_places);
	return 0;
}

static int read_errors(struct httpd_host *host, cfg_t *section)
{
	cfg_t *pages;

	if (!cfg_size(section, "error-pages"))
		return 0;
	pages = cfg_getnsec(section, "error-pages", 0);
	if (!host->root) {
		ln_config_error(pages, "the host '%s' has error-pages but no root to find them in",
				host->name);
		return -EINVAL;
	}
	for (unsigned int i = 0; i < cfg_num(pages); i++) {
		cfg_opt_t *opt = cfg_getnopt(pages, i);
		const char *wrong;

		if (!cfg_opt_size(opt))
			continue;
		wrong = error_pages_add(&host->errors, atoi(cfg_opt_name(opt)), host->root,
					cfg_opt_getstr(opt));
		if (wrong) {
			ln_config_error(pages, "error page %s = '%s' in '%s': %s",
					cfg_opt_name(opt), cfg_opt_getstr(opt), host->root, wrong);
			return -EINVAL;
		}
	}
	return 0;
}

static int read_host(struct httpd_hosts *hosts, struct httpd_host *host, cfg_t *section,
		     const struct httpd_rules *rules)
{
	int err;

	host->name = cfg_title(section);
	host->root = cfg_getstr(section, "root");
	host->tls_only = cfg_getbool(section, "tls-only");
	err = rules_read(&host->rules, section);
	rules_inherit(&host->rules, rules);
	if (!err)
		err = add_name(hosts, section, host, host->name);
	for (unsigned int i = 0; !err && i < cfg_size(section, "aliases"); i++)
		err = add_name(hosts, section, host, cfg_getnstr(section, "aliases", i));
	if (!err && cfg_getbool(section, "default"))
		err = add_name(hosts, section, host, "*");
	if (!err)
		err = read_errors(host, section);
	if (!err)
		err = read_places(host, section);
	return err;
}

/**
 * hosts_read() - read the hosts of a configuration
 * @hosts: zeroed; hosts_clear() is due in any case
 * @root: the file, which outlives @hosts
 * @rules: rules that hold for all, which outlive @hosts
 *
 * Return: 0, or a negative errno after an error line.
 */
int hosts_read(struct httpd_hosts *hosts, cfg_t *root, const struct httpd_rules *rules)
{
	size_t n = cfg_size(root, "host"), names = 0;
	int err;

	if (!n) {
		ln_error("%s: there is no section host, so that nothing can be served",
			 root->filename);
		return -EINVAL;
	}
	for (size_t i = 0; i < n; i++)
		names += 2 + cfg_size(cfg_getnsec(root, "host", i), "aliases");
	hosts->host = calloc(n, sizeof(*hosts->host));
	hosts->name = calloc(names, sizeof(*hosts->name));
	if (!hosts->host || !hosts->name) {
		ln_error("no memory for the configuration");
		return -ENOMEM;
	}
	while (hosts->n < n) {
		struct httpd_host *host = &hosts->host[hosts->n];

		err = read_host(hosts, host, cfg_getnsec(root, "host", hosts->n++), rules);
		if (err)
			return err;
	}
	if (!hosts->fallback)
		hosts->fallback = &hosts->host[0];
	qsort(hosts->name, hosts->n_names, sizeof(*hosts->name), compare_names);
	return 0;
}

static void host_clear(struct httpd_host *host)
{
	for (size_t i = 0; i < host->n_places; i++) {
		struct httpd_place *p = host->place[i];

		if (p->location.conf && p->location.kind->release)
			p->location.kind->release(p->location.conf);
		rules_clear(&p->rules);
		free(p->push);
		free((char *)p->location.prefix);
		free(p);
	}
	free(host->place);
	error_pages_clear(&host->errors);
	rules_clear(&host->rules);
}

/**
 * hosts_clear() - let hosts go
 * @hosts: the hosts
 */
void hosts_clear(struct httpd_hosts *hosts)
{
	for (size_t i = 0; i < hosts->n; i++)
		host_clear(&hosts->host[i]);
	free(hosts->host);
	free(hosts->name);
	memset(hosts, 0, sizeof(*hosts));
}
