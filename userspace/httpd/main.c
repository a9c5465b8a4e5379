// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * linnet-httpd: serve a folder by HTTP/1.1 on Linnet and TCP.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "http.h"
#include "file.h"
#include "landlock.h"
#include "log.h"
#include "request.h"

#define DEFAULT_PORT	8080

const char *argp_program_version = "linnet-httpd " LINNET_VERSION;

enum {
	OPT_NO_LISTING = 0x200,
	OPT_HEADER_TIMEOUT,
	OPT_MAX_HEADER,
	OPT_MAX_URI,
};

struct arguments {
	struct ln_options options;
	struct http_config http;
	const char *folder;
};

static const struct argp_option options[] = {
	{ NULL, 0, NULL, 0, "What to serve:", 0 },
	{ "no-listing", OPT_NO_LISTING, NULL, 0, "Do not list folders without index.html", 0 },
	{ NULL, 0, NULL, 0, "Limits:", 2 },
	{ "header-timeout", OPT_HEADER_TIMEOUT, "SECONDS", 0,
	  "Time for a request's header to arrive (default: 10)", 2 },
	{ "max-header", OPT_MAX_HEADER, "BYTES", 0, "Longest request header (default: 16384)", 2 },
	{ "max-uri", OPT_MAX_URI, "BYTES", 0, "Longest request target (default: 8000)", 2 },
	{ 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *a = state->input;

	switch (key) {
	case OPT_NO_LISTING:
		a->http.listing = false;
		return 0;
	case OPT_HEADER_TIMEOUT:
		a->http.header_ms = ln_parse_seconds("--header-timeout", arg, 0.01, 3600);
		return 0;
	case OPT_MAX_HEADER:
		a->http.limits.head = ln_parse_number("--max-header", arg, 256, 1 << 20);
		return 0;
	case OPT_MAX_URI:
		a->http.limits.target = ln_parse_number("--max-uri", arg, 16, 1 << 20);
		return 0;
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &a->options;
		return 0;
	case ARGP_KEY_ARG:
		if (a->folder)
			ln_usage_error("'%s': one folder only", arg);
		a->folder = arg;
		return 0;
	case ARGP_KEY_END:
		if (!a->folder)
			ln_usage_error("which folder? linnet-httpd [OPTION...] FOLDER");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int open_folder(const char *folder)
{
	struct stat st;
	int fd, probe;

	fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		ln_error("cannot serve the folder '%s': %s", folder, strerror(errno));
		return -1;
	}
	/* Now rather than at the first request: may we read it, is the kernel
	 * new enough (5.6)?
	 */
	probe = file_open(fd, "", &st);
	if (probe < 0) {
		ln_error("cannot serve the folder '%s': %s", folder, strerror(-probe));
		close(fd);
		return -1;
	}
	close(probe);
	return fd;
}

static int make_boundary(char boundary[33])
{
	unsigned char bytes[16];

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes)) {
		ln_error("no random numbers: %s", strerror(errno));
		return -1;
	}
	for (int i = 0; i < 16; i++)
		sprintf(boundary + 2 * i, "%02x", bytes[i]);
	return 0;
}

static int confine(int root)
{
	int err = landlock_confine(root);

	if (err == -ENOSYS || err == -EOPNOTSUPP) {
		ln_info("no Landlock in this kernel");
		return 0;
	}
	if (err)
		ln_error("Landlock: %s", strerror(-err));
	return err;
}

int main(int argc, char **argv)
{
	static const struct argp_child children[] = { { &ln_options_argp, 0, NULL, 0 }, { 0 } };
	static const struct argp argp = {
		.options = options, .parser = parse, .children = children, .args_doc = "FOLDER",
		.doc = "Serve a folder by HTTP/1.1 on Linnet (IP protocol 253) and TCP."
		       "\vThe default port is 8080.",
	};
	struct arguments a = {
		.options = {
			.transports = LN_TRANSPORT_LINNET | LN_TRANSPORT_TCP,
			.ipv4 = true, .ipv6 = true,
			.port = DEFAULT_PORT,
			.max_connections = 1024, .max_per_address = 256,
			.idle_ms = 60 * 1000, .total_ms = 3600 * 1000, .drain_ms = 10 * 1000,
		},
		.http = {
			.listing = true,
			.limits = { .head = 16384, .target = 8000, .fields = HTTP_MAX_FIELDS },
			.header_ms = 10 * 1000,
		},
	};
	struct ln_server *s;
	int status = EXIT_FAILURE;

	ln_parse_command_line(&argp, argc, argv, &a);
	a.http.options = &a.options;
	a.http.root = open_folder(a.folder);
	if (a.http.root < 0 || make_boundary(a.http.boundary))
		return EXIT_FAILURE;
	s = ln_server_new(&a.options, &http_proto, &a.http);
	if (!s)
		return EXIT_FAILURE;
	if (!ln_server_listen(s) && !confine(a.http.root))
		status = ln_server_run(s);
	ln_server_free(s);
	close(a.http.root);
	return status;
}
