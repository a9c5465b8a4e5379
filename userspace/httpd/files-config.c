// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The section "files" of the configuration.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "files.h"
#include "log.h"

/* What is text in one way or another; the formats that are compressed already are not here. */
#define GZIP_TYPES                                                                            \
	"{\"text/*\", \"application/javascript\", \"application/json\", \"application/xml\", " \
	"\"application/ld+json\", \"application/manifest+json\", \"application/atom+xml\", "   \
	"\"application/rss+xml\", \"application/xhtml+xml\", \"application/yaml\", "           \
	"\"application/wasm\", \"application/rtf\", \"image/svg+xml\", \"image/bmp\", "        \
	"\"font/ttf\", \"font/otf\", \"application/vnd.ms-fontobject\"}"

cfg_opt_t files_options[] = {
	CFG_STR("root", NULL, CFGF_NONE),
	CFG_STR_LIST("index", "{\"index.html\"}", CFGF_NONE),
	CFG_BOOL("listing", cfg_false, CFGF_NONE),
	CFG_BOOL("put", cfg_false, CFGF_NONE),
	CFG_BOOL("delete", cfg_false, CFGF_NONE),
	CFG_STR("upload-max", "100m", CFGF_NONE),
	CFG_BOOL("precompressed", cfg_true, CFGF_NONE),
	CFG_BOOL("gzip", cfg_true, CFGF_NONE),
	CFG_STR("gzip-min", "1k", CFGF_NONE),
	CFG_STR_LIST("gzip-types", GZIP_TYPES, CFGF_NONE),
	CFG_BOOL("hidden", cfg_false, CFGF_NONE),
	CFG_BOOL("follow-symlinks", cfg_true, CFGF_NONE),
	CFG_STR("types", NULL, CFGF_NONE),
	CFG_STR("charset", "utf-8", CFGF_NONE),
	CFG_STR("cache-control", "", CFGF_NONE),
	CFG_END(),
};

static int open_root(struct files_conf *c, cfg_t *section, const char *name)
{
	struct stat st;
	int probe;

	if (!name) {
		ln_config_error(section, "which folder? Set root here or in the host");
		return -EINVAL;
	}
	c->root.fd = open(name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (c->root.fd < 0) {
		ln_config_error(section, "cannot serve the folder '%s': %s", name,
				strerror(errno));
		return -EINVAL;
	}
	/* Now rather than at the first request: is the kernel new enough (5.6)? */
	probe = file_stat(&c->root, "", &st);
	if (probe)
		ln_config_error(section, "cannot serve the folder '%s': %s", name,
				strerror(-probe));
	return probe;
}

static int copy_list(cfg_t *section, const char *name, unsigned int *n, char ***list)
{
	*n = cfg_size(section, name);
	*list = calloc(*n + 1, sizeof(**list));
	if (!*list)
		return -ENOMEM;
	for (unsigned int i = 0; i < *n; i++) {
		(*list)[i] = strdup(cfg_getnstr(section, name, i));
		if (!(*list)[i])
			return -ENOMEM;
	}
	return 0;
}

static int copy_text(cfg_t *section, const char *name, char **text)
{
	const char *value = cfg_getstr(section, name);

	for (const char *p = value; *p; p++) {
		if ((unsigned char)*p < ' ' || *p == 0x7f) {
			ln_config_error(section, "%s: no control characters are allowed", name);
			return -EINVAL;
		}
	}
	*text = strdup(value);
	return *text ? 0 : -ENOMEM;
}

static int read_types(struct files_conf *c, cfg_t *section)
{
	const char *file = cfg_getstr(section, "types");

	if (!file)
		return 0;
	c->types = mime_table_read(file);
	if (c->types)
		return 0;
	ln_config_error(section, "types: cannot read '%s': %s", file, strerror(errno));
	return -EINVAL;
}

static int check_index(const struct files_conf *c, cfg_t *section)
{
	for (unsigned int i = 0; i < c->n_index; i++) {
		const char *name = c->index[i];

		if (*name && !strchr(name, '/') && strlen(name) < 256 && strcmp(name, ".") &&
		    strcmp(name, ".."))
			continue;
		ln_config_error(section,
				"index: '%s' is no name of a file: names without slashes are "
				"allowed, up to 255 octets",
				name);
		return -EINVAL;
	}
	return 0;
}

static int read_sizes(struct files_conf *c, cfg_t *section)
{
	int64_t upload_max = ln_config_size(section, "upload-max");
	int64_t gzip_min = ln_config_size(section, "gzip-min");

	if (upload_max < 0 || gzip_min < 0)
		return -EINVAL;
	if (!upload_max) {
		ln_config_error(section, "upload-max: at least one octet; put = false forbids all");
		return -EINVAL;
	}
	c->upload_max = upload_max;
	c->gzip_min = gzip_min;
	return 0;
}

static const char *allow_of(const struct files_conf *c)
{
	if (c->put && c->delete)
		return "GET, HEAD, OPTIONS, PUT, DELETE";
	if (c->put)
		return "GET, HEAD, OPTIONS, PUT";
	return c->delete ? "GET, HEAD, OPTIONS, DELETE" : "GET, HEAD, OPTIONS";
}

static int read_section(struct files_conf *c, cfg_t *section, const struct httpd_location *l)
{
	const char *root = cfg_getstr(section, "root");
	int err;

	c->listing = cfg_getbool(section, "listing");
	c->put = cfg_getbool(section, "put");
	c->delete = cfg_getbool(section, "delete");
	c->precompressed = cfg_getbool(section, "precompressed");
	c->gzip = cfg_getbool(section, "gzip");
	c->hidden = cfg_getbool(section, "hidden");
	c->root.follow_links = cfg_getbool(section, "follow-symlinks");
	c->allow = allow_of(c);
	c->own_root = root;
	err = open_root(c, section, root ? root : l->root);
	if (!err)
		err = copy_list(section, "index", &c->n_index, &c->index);
	if (!err)
		err = check_index(c, section);
	if (!err)
		err = copy_list(section, "gzip-types", &c->n_gzip_types, &c->gzip_types);
	if (!err)
		err = copy_text(section, "charset", &c->charset);
	if (!err)
		err = copy_text(section, "cache-control", &c->cache_control);
	if (!err)
		err = read_types(c, section);
	return err ? err : read_sizes(c, section);
}

/**
 * files_configure() - read a section of kind "files"
 * @section: the section
 * @l: its location
 *
 * Return: a struct files_conf, or NULL after error lines.
 */
void *files_configure(cfg_t *section, const struct httpd_location *l)
{
	struct files_conf *c = calloc(1, sizeof(*c));
	int err = -ENOMEM;

	if (c) {
		c->root.fd = -1;
		err = read_section(c, section, l);
	}
	if (!err)
		return c;
	if (err == -ENOMEM)
		ln_error("no memory for the configuration");
	files_release(c);
	return NULL;
}

/**
 * files_confine() - what a worker needs of the file system
 * @data: a struct files_conf
 * @sandbox: where to say so
 *
 * Return: 0 or a negative errno.
 */
int files_confine(void *data, struct ln_sandbox *sandbox)
{
	const struct files_conf *c = data;
	int access = LN_ACCESS_READ | (c->put || c->delete ? LN_ACCESS_WRITE : 0);

	return ln_sandbox_fd(sandbox, c->root.fd, access);
}

static void free_list(unsigned int n, char **list)
{
	for (unsigned int i = 0; list && i < n; i++)
		free(list[i]);
	free(list);
}

/**
 * files_release() - let a configuration go
 * @data: a struct files_conf, or NULL
 */
void files_release(void *data)
{
	struct files_conf *c = data;

	if (!c)
		return;
	if (c->root.fd >= 0)
		close(c->root.fd);
	free_list(c->n_index, c->index);
	free_list(c->n_gzip_types, c->gzip_types);
	mime_table_free(c->types);
	free(c->charset);
	free(c->cache_control);
	free(c);
}
