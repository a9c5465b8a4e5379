/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HTTPD_HOSTS_H
#define HTTPD_HOSTS_H

#include <stddef.h>

#include "errors.h"
#include "httpd.h"
#include "rules.h"

/**
 * struct httpd_place - a location and what belongs to it
 * @location: the location, as its kind sees it
 * @prefix_len: length of its prefix
 * @rules: its rules, with what it inherits
 * @push: targets to promise with its page
 * @n_push: how many
 */
struct httpd_place {
	struct httpd_location location;
	size_t prefix_len;
	struct httpd_rules rules;
	const char **push;
	size_t n_push;
};

/**
 * struct httpd_host - a virtual host
 * @name: its first name
 * @root: its folder, or NULL
 * @tls_only: requests without TLS are sent to the same target with it
 * @rules: its rules, with what it inherits
 * @errors: its own error pages
 * @n_places: how many locations
 * @place: the locations, the longest prefix first
 */
struct httpd_host {
	const char *name;
	const char *root;
	bool tls_only;
	struct httpd_rules rules;
	struct error_pages errors;
	size_t n_places;
	struct httpd_place **place;
};

/**
 * struct httpd_hosts - all of them
 * @n: how many
 * @host: the hosts
 * @fallback: who answers for names that nobody has
 * @n_names: how many names
 * @name: names in order; "*.example.org" is ".example.org"
 */
struct httpd_hosts {
	size_t n;
	struct httpd_host *host;
	struct httpd_host *fallback;
	size_t n_names;
	struct host_name {
		const char *text;
		size_t len;
		struct httpd_host *host;
	} *name;
};

int hosts_read(struct httpd_hosts *hosts, cfg_t *root, const struct httpd_rules *rules);
void hosts_clear(struct httpd_hosts *hosts);
const struct httpd_host *hosts_find(const struct httpd_hosts *hosts, const char *name);
const struct httpd_place *host_place(const struct httpd_host *host, const char *path);

#endif
