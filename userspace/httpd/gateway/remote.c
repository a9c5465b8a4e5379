// SPDX-License-Identifier: GPL-2.0-or-later
/* Where gateways are, and the connections to them that wait for the next request. */
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include <linux/linnet.h>

#include "gateway.h"
#include "log.h"

#define DOWN_MS		10000	/* an address that did not answer is passed over for so long */

static const char allowed[] =
	"\"HOST:PORT\", \"[IPV6]:PORT\", \"linnet:HOST:PORT\" or \"unix:/PATH\"";

static int append(struct gateway_remotes *remotes, const struct ln_remote *remote, char *name,
		  const char *host)
{
	char *copy = host ? strdup(host) : NULL;

	if (!name || (host && !copy) || remotes->n == GATEWAY_MAX_REMOTES) {
		free(name);
		free(copy);
		return -1;
	}
	remotes->remote[remotes->n++] = (struct gateway_remote){
		.remote = *remote, .name = name, .host = copy,
	};
	return 0;
}

static int add_unix(struct gateway_remotes *remotes, const char *path, const char **wrong)
{
	struct ln_remote remote = { 0 };
	char *name;

	if (*path != '/' || strlen(path) >= sizeof(((struct sockaddr_un *)NULL)->sun_path)) {
		*wrong = "the path of a UNIX socket is absolute and at most 107 octets long";
		return -1;
	}
	if (asprintf(&name, "unix:%s", path) < 0)
		return -1;
	remote.addr.sa.sa_family = AF_UNIX;
	remote.path = name + strlen("unix:");
	return append(remotes, &remote, name, NULL);
}

static int add_resolved(struct gateway_remotes *remotes, const char *host, const char *port,
			int protocol)
{
	const struct addrinfo hints = {
		.ai_socktype = SOCK_STREAM, .ai_protocol = IPPROTO_TCP, .ai_flags = AI_NUMERICSERV,
	};
	struct addrinfo *list, *ai;
	int r = getaddrinfo(host, port, &hints, &list);

	if (r)
		return r;
	for (ai = list; ai && !r; ai = ai->ai_next) {
		struct ln_remote remote = { .protocol = protocol };
		char text[LN_ADDR_STRLEN], *name;

		if (ai->ai_addrlen > sizeof(remote.addr))
			continue;
		memcpy(&remote.addr, ai->ai_addr, ai->ai_addrlen);
		if (asprintf(&name, "%s%s", protocol == IPPROTO_TCP ? "" : "linnet:",
			     ln_addr_format(&remote.addr, text)) < 0)
			name = NULL;
		r = append(remotes, &remote, name, host) ? EAI_MEMORY : 0;
	}
	freeaddrinfo(list);
	return r;
}

static bool port_valid(const char *port)
{
	char *end;
	unsigned long n = strtoul(port, &end, 10);

	return *port >= '0' && *port <= '9' && !*end && n > 0 && n < 65536;
}

static int add_inet(struct gateway_remotes *remotes, const char *text, int protocol,
		    const char **wrong)
{
	const char *colon = strrchr(text, ':');
	size_t n = colon ? (size_t)(colon - text) : 0;
	char host[256];
	int r;

	if (n > 2 && text[0] == '[' && text[n - 1] == ']') {
		text++;
		n -= 2;
	} else if (colon && memchr(text, ':', n)) {
		n = 0;
	}
	if (!n || n >= sizeof(host) || !port_valid(colon + 1)) {
		*wrong = allowed;
		return -1;
	}
	memcpy(host, text, n);
	host[n] = 0;
	r = add_resolved(remotes, host, colon + 1, protocol);
	if (!r)
		return 0;
	*wrong = r == EAI_MEMORY ? "too many addresses: 32 are allowed" : gai_strerror(r);
	return -1;
}

/**
 * gateway_remotes_add() - add an address; a name is resolved now, to all its addresses
 * @remotes: the list
 * @text: "HOST:PORT", "[IPV6]:PORT", "linnet:HOST:PORT", "unix:/PATH"
 * @wrong: what is wrong or allowed
 *
 * Return: 0 or -1.
 */
int gateway_remotes_add(struct gateway_remotes *remotes, const char *text, const char **wrong)
{
	static const char unix_prefix[] = "unix:", linnet[] = "linnet:", tcp[] = "tcp:";

	*wrong = "out of memory, or more than 32 addresses";
	if (!strncmp(text, unix_prefix, sizeof(unix_prefix) - 1))
		return add_unix(remotes, text + sizeof(unix_prefix) - 1, wrong);
	if (!strncmp(text, linnet, sizeof(linnet) - 1))
		return add_inet(remotes, text + sizeof(linnet) - 1, IPPROTO_LINNET, wrong);
	if (!strncmp(text, tcp, sizeof(tcp) - 1))
		text += sizeof(tcp) - 1;
	return add_inet(remotes, text, IPPROTO_TCP, wrong);
}

/**
 * gateway_remotes_configure() - read address and the keep_alive options of a section
 * @remotes: result
 * @section: the section
 *
 * Return: 0, or -1 after an error line.
 */
int gateway_remotes_configure(struct gateway_remotes *remotes, cfg_t *section)
{
	int64_t connect_ms = ln_config_time(section, "connect-timeout");
	bool keeps = gateway_has_option(section, "keep-alive");
	int64_t idle_ms = keeps ? ln_config_time(section, "keep-alive-timeout") : 0;
	long keep = keeps ? cfg_getint(section, "keep-alive") : 0;
	const char *wrong;

	if (connect_ms < 0 || idle_ms < 0)
		return -1;
	if (keep < 0 || keep > 1024) {
		ln_config_error(section, "keep-alive is %ld: 0 to 1024 connections are allowed",
				keep);
		return -1;
	}
	remotes->max_idle = keep;
	remotes->idle_ms = idle_ms;
	for (unsigned int i = 0; i < cfg_size(section, "address"); i++) {
		const char *text = cfg_getnstr(section, "address", i);

		if (gateway_remotes_add(remotes, text, &wrong)) {
			ln_config_error(section, "address \"%s\": %s", text, wrong);
			return -1;
		}
	}
	for (unsigned int i = 0; i < remotes->n; i++)
		remotes->remote[i].remote.connect_ms = connect_ms;
	if (remotes->n)
		return 0;
	ln_config_error(section, "address is missing: %s", allowed);
	return -1;
}

/**
 * gateway_remotes_encrypt() - connections are to be by TLS
 * @remotes: the addresses, which become an owner
 * @tls: from ln_tls_client()
 * @name: the name that certificates must have; NULL: that of the address; must stay
 *
 * Return: 0, or -1: an address has no name.
 */
int gateway_remotes_encrypt(struct gateway_remotes *remotes, struct ln_tls *tls, const char *name)
{
	remotes->tls = ln_tls_get(tls);
	for (unsigned int i = 0; i < remotes->n; i++) {
		struct gateway_remote *r = &remotes->remote[i];

		r->remote.tls = tls;
		r->remote.name = name ? name : r->host;
		if (!r->remote.name)
			return -1;
	}
	return 0;
}

/**
 * gateway_remotes_pick() - whose turn it is
 * @remotes: the addresses, at least one
 * @now: loop time, ms
 *
 * Return: the next one, without those that did not answer lately as long as there are others.
 */
struct gateway_remote *gateway_remotes_pick(struct gateway_remotes *remotes, uint64_t now)
{
	struct gateway_remote *remote;

	for (unsigned int i = 0; i < remotes->n; i++) {
		remote = &remotes->remote[remotes->next];
		remotes->next = (remotes->next + 1) % remotes->n;
		if (remote->down_until <= now)
			return remote;
	}
	remote = &remotes->remote[remotes->next];
	remotes->next = (remotes->next + 1) % remotes->n;
	return remote;
}

/**
 * gateway_remote_down() - an address did not answer: pass it over for some time
 * @remote: the address
 * @now: loop time, ms
 */
void gateway_remote_down(struct gateway_remote *remote, uint64_t now)
{
	remote->down_until = now + DOWN_MS;
}

/**
 * gateway_idle_remove() - an idle connection is idle no longer
 * @link: its state
 */
void gateway_idle_remove(struct gateway_link *link)
{
	if (link->prev)
		link->prev->next = link->next;
	else
		link->remote->idle = link->next;
	if (link->next)
		link->next->prev = link->prev;
	link->prev = link->next = NULL;
	link->remote->n_idle--;
}

/**
 * gateway_idle_take() - a connection that waits for a request
 * @remote: where to
 *
 * Return: the connection, or NULL: there is none.
 */
struct ln_conn *gateway_idle_take(struct gateway_remote *remote)
{
	struct gateway_link *link = remote->idle;

	if (!link)
		return NULL;
	gateway_idle_remove(link);
	ln_conn_deadline(link->conn, LN_NEVER);
	return link->conn;
}

/**
 * gateway_idle_put() - keep a connection for the next request
 * @remotes: the addresses
 * @c: the connection, which serves nobody now
 *
 * Return: false: there are enough; the caller closes it.
 */
bool gateway_idle_put(struct gateway_remotes *remotes, struct ln_conn *c)
{
	struct gateway_link *link = ln_conn_state(c);
	struct gateway_remote *remote = link->remote;
	size_t left;

	ln_conn_input(c, &left);
	if (left || ln_conn_eof(c) || ln_conn_stopping(c) || remote->n_idle >= remotes->max_idle)
		return false;
	link->g = NULL;
	link->prev = NULL;
	link->next = remote->idle;
	if (remote->idle)
		remote->idle->prev = link;
	remote->idle = link;
	remote->n_idle++;
	ln_conn_hold(c, false);
	ln_conn_deadline(c, remotes->idle_ms ? remotes->idle_ms : LN_NEVER);
	return true;
}

/**
 * gateway_remotes_free() - let the addresses go
 * @remotes: the list
 */
void gateway_remotes_free(struct gateway_remotes *remotes)
{
	for (unsigned int i = 0; i < remotes->n; i++) {
		free(remotes->remote[i].name);
		free(remotes->remote[i].host);
	}
	remotes->n = 0;
	ln_tls_put(remotes->tls);
	remotes->tls = NULL;
}
