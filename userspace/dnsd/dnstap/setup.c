// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "config.h"
#include "dnstap.h"

#define SOCKET_MAX	(sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1)
#define BUFFER_MIN	(128 << 10)	/* the longest message fits */
#define BUFFER_MAX	(1 << 30)

cfg_opt_t dnstap_options[] = {
	CFG_STR("socket", NULL, CFGF_NODEFAULT),
	CFG_BOOL("queries", cfg_true, CFGF_NONE),
	CFG_BOOL("responses", cfg_true, CFGF_NONE),
	CFG_STR("buffer", "1m", CFGF_NONE),
	CFG_END(),
};

static bool check(cfg_t *section, const char *socket)
{
	if (!socket || (*socket != '/' && *socket != '@') || !socket[1]) {
		ln_config_error(section, "dnstap needs a socket: the absolute path of a UNIX "
				"socket, or @NAME for one in the abstract name space");
		return false;
	}
	if (strlen(socket) > SOCKET_MAX) {
		ln_config_error(section, "dnstap: socket: %zu octets; at most %zu", strlen(socket),
				SOCKET_MAX);
		return false;
	}
	if (!cfg_getbool(section, "queries") && !cfg_getbool(section, "responses")) {
		ln_config_error(section, "dnstap: neither queries nor responses: there is nothing "
				"to say");
		return false;
	}
	return true;
}

struct dnstap_setup *dnstap_read(cfg_t *section)
{
	const char *socket = cfg_size(section, "socket") ? cfg_getstr(section, "socket") : NULL;
	struct dnstap_setup *s;
	int64_t buffer;

	if (!check(section, socket))
		return NULL;
	buffer = ln_config_size(section, "buffer");
	if (buffer < BUFFER_MIN || buffer > BUFFER_MAX) {
		ln_config_error(section, "dnstap: buffer: allowed is 128k to 1g");
		return NULL;
	}
	s = calloc(1, sizeof(*s));
	if (!s) {
		ln_config_error(section, "out of memory");
		return NULL;
	}
	*s = (struct dnstap_setup){
		.socket = socket,
		.queries = cfg_getbool(section, "queries"),
		.responses = cfg_getbool(section, "responses"),
		.buffer = buffer,
	};
	return s;
}
