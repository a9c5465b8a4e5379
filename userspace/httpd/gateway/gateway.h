/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the gateways have in common: a request's content goes to a connection, what
 * comes back becomes the response.
 *
 *	kind (cgi.c, fastcgi.c, scgi.c, proxy.c)	what is said on the connection
 *	relay.c		one exchange and its connection: order, back-pressure, time, ends
 *	remote.c	addresses, fail-over, connections kept for the next request
 *	respond.c	a CGI response's header and content
 *	request.c	the environment
 *	spool.c		content of unknown length, kept until its length is known
 *	options.c	what the sections have in common
 */
#ifndef GATEWAY_H
#define GATEWAY_H

#include "codec/buffer.h"
#include "codec/head.h"
#include "httpd.h"
#include "remote.h"
#include "spool.h"

#define GATEWAY_PIECE		65536	/* octets passed on at once */
#define GATEWAY_MAX_ENVIRONMENT	131072

struct gateway;

/**
 * struct gateway_conf - a location's section, first member of each kind's own
 * @kind: name of the section, for the log
 * @server: the worker's
 * @remotes: where it goes; empty for CGI
 * @connect_ms: time for a connection to come about
 * @response_ms: time until the response's header
 * @idle_ms: time without any progress that is the gateway's fault
 * @header_max: octets of a response's header
 * @content_max: octets of a request's content, 0: the service's limit
 * @spool_memory: octets of content of unknown length kept in memory
 * @spool_folder: where more than that goes
 * @spool_fd: the same, opened in the worker, or -1
 * @spools: content of unknown length has to be spooled
 * @authorization: the Authorization field is passed on
 * @root: DOCUMENT_ROOT, or NULL
 * @variables: "NAME\0VALUE\0" of the section's env
 */
struct gateway_conf {
	const char *kind;
	struct ln_server *server;
	struct gateway_remotes remotes;
	uint64_t connect_ms, response_ms, idle_ms;
	size_t header_max;
	uint64_t content_max;
	size_t spool_memory;
	char *spool_folder;
	int spool_fd;
	bool spools;
	bool authorization;
	char *root;
	struct cgi_buffer variables;
};

/**
 * struct gateway_ops - what a kind says on the connection
 * @connect: get a connection: gateway_connect(), or what gateway_opened() follows
 * @send: the connection is there: say what precedes the content; false: it cannot be said
 * @content: some content, to @up
 * @content_end: the content is complete
 * @collect: content arrived while @spooling, instead of into @spool; may be NULL
 * @input: octets arrived.  Returns how many were taken, -1 after setting @why.  Sets
 *	@complete at the response's end.
 * @eof: the gateway's stream ended.  False after setting @why: too early.
 * @leave: close() of the exchange, or failure: let go of what belongs to the kind; @early:
 *	the gateway does not know yet.  May be NULL.
 */
struct gateway_ops {
	void (*connect)(struct gateway *g);
	bool (*send)(struct gateway *g);
	void (*content)(struct gateway *g, const char *data, size_t len);
	void (*content_end)(struct gateway *g);
	void (*collect)(struct gateway *g, const char *data, size_t len);
	ssize_t (*input)(struct gateway *g, const char *data, size_t len);
	bool (*eof)(struct gateway *g);
	void (*leave)(struct gateway *g, bool early);
};

/**
 * struct gateway - one exchange on its way; first member of each kind's own
 * @x: the exchange
 * @conf: the location's section
 * @ops: the kind's
 * @remote: where @c goes, or NULL
 * @c: where the response comes from, or NULL
 * @up: where content goes to, or NULL; @c except for CGI
 * @environment: what was made of the request, until it is sent
 * @spool: content of unknown length
 * @head: the response's header as far as it is there
 * @head_pos: gateway_head_end()'s
 * @left: octets of content that the response still owes, -1: it did not say
 * @header_by: loop time, ms, by which the response's header must be complete, 0: it is not
 *	the gateway's turn
 * @tries: connections tried
 * @why: what went wrong
 * @opened: @c is established
 * @spooling: the content is spooled before there is a connection; set before
 *	gateway_start(), whatever its length
 * @withheld: the gateway does not get the content
 * @accepted: content was asked for
 * @request_done: the content is complete
 * @reused: @c served others before
 * @answered: something of a response came
 * @began: the response began
 * @complete: the response is complete
 * @keep: @c can serve others afterwards
 * @holding: the client's content waits for the gateway
 * @blocked: the gateway's content waits for the client
 * @over: nothing more is to be done with @x
 */
struct gateway {
	struct http_exchange *x;
	struct gateway_conf *conf;
	const struct gateway_ops *ops;
	struct gateway_remote *remote;
	struct ln_conn *c;
	struct ln_conn *up;
	struct cgi_buffer environment;
	struct gateway_spool spool;
	struct cgi_buffer head;
	size_t head_pos;
	int64_t left;
	uint64_t header_by;
	unsigned int tries;
	const char *why;
	bool opened, spooling, withheld, accepted, request_done, reused, answered, began;
	bool complete, keep, holding, blocked, over;
};

/* relay.c */
extern const struct ln_proto gateway_proto;
void gateway_init(struct gateway *g, struct http_exchange *x, struct gateway_conf *conf,
		  const struct gateway_ops *ops);
void gateway_start(struct gateway *g);
void gateway_connect(struct gateway *g);
void gateway_opened(struct gateway *g);
void gateway_closed(struct gateway *g, int error);
void gateway_input(struct gateway *g, struct ln_conn *c);
void gateway_spool(struct gateway *g, const char *data, size_t len);
void gateway_room(struct gateway *g);
void gateway_content_unwanted(struct gateway *g);
void gateway_abandon(struct gateway *g);
void gateway_fail(struct gateway *g, int status);
bool gateway_retriable(const struct gateway *g);

/* respond.c */
ssize_t gateway_cgi_input(struct gateway *g, const char *data, size_t len);
bool gateway_cgi_end(struct gateway *g);
void gateway_add_fields(struct gateway *g, const struct gateway_head *h, bool (*drop)(
			const struct cgi_field *f));

/* request.c */
unsigned int gateway_fields(struct http_exchange *x, struct cgi_field fields[CGI_MAX_FIELDS]);
bool gateway_environment(struct gateway *g, const struct httpd_request *r,
			 const char *script_name, const char *path_info);
void gateway_add_length(struct gateway *g);
void gateway_split_location(struct http_exchange *x, const struct httpd_request *r,
			    const char **script_name, const char **path_info);
const char *gateway_remote_address(struct http_exchange *x, char *out, size_t room,
				   unsigned int *port);
unsigned int gateway_local_port(struct http_exchange *x);

/* options.c: parts of the kinds' lists */
#define GATEWAY_OPTIONS								\
	CFG_STR("response-timeout", "60s", CFGF_NONE),				\
	CFG_STR("idle-timeout", "60s", CFGF_NONE),				\
	CFG_STR("max-header", "32k", CFGF_NONE),				\
	CFG_STR("max-content", "0", CFGF_NONE)
#define GATEWAY_SPOOL_OPTIONS							\
	CFG_STR("spool", "/var/tmp", CFGF_NONE),				\
	CFG_STR("spool-memory", "64k", CFGF_NONE)
#define GATEWAY_ADDRESS_OPTIONS							\
	CFG_STR_LIST("address", NULL, CFGF_NODEFAULT),				\
	CFG_STR("connect-timeout", "5s", CFGF_NONE)
#define GATEWAY_KEEP_OPTIONS(connections)					\
	CFG_INT("keep-alive", connections, CFGF_NONE),				\
	CFG_STR("keep-alive-timeout", "30s", CFGF_NONE)
#define GATEWAY_CGI_OPTIONS							\
	CFG_STR("root", NULL, CFGF_NONE),					\
	CFG_BOOL("authorization", cfg_false, CFGF_NONE),			\
	CFG_STR_LIST("env", NULL, CFGF_NODEFAULT)

bool gateway_has_option(const cfg_t *section, const char *name);
bool gateway_configure(struct gateway_conf *conf, const char *kind, cfg_t *section,
		       const struct httpd_location *l);
/* These are members of struct httpd_kind as they are. */
int gateway_conf_start(void *conf, struct ln_server *s);
int gateway_conf_confine(void *conf, struct ln_sandbox *sandbox);
void gateway_conf_release(void *conf);
void gateway_conf_free(void *conf);

#endif
