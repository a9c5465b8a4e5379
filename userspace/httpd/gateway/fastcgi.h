/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * FastCGI for other kinds: httpd_wsgi.
 *
 *	configure()	conf = fastcgi_new("wsgi"); fastcgi_add_address(conf, "unix:/...")
 *	start()		fastcgi_start(conf, s)
 *	confine()	fastcgi_confine(conf, sandbox)
 *	handle()	fastcgi_handle_as(conf, x, r)
 *	release()	fastcgi_free(conf)
 */
#ifndef GATEWAY_FASTCGI_H
#define GATEWAY_FASTCGI_H

#include "gateway.h"

/**
 * struct fastcgi_conf - a section of kind fastcgi, or another kind's
 * @common: what all gateways have; others may set its times and bounds
 * @split: end of a script's name within the path (".php"), or NULL: the location is the script
 * @index: with @split: the script where the path names none
 */
struct fastcgi_conf {
	struct gateway_conf common;
	char *split;
	char *index;
};

struct fastcgi_conf *fastcgi_new(const char *kind);
int fastcgi_add_address(struct fastcgi_conf *conf, const char *address);
int fastcgi_start(void *conf, struct ln_server *s);
int fastcgi_confine(void *conf, struct ln_sandbox *sandbox);
void fastcgi_handle_as(struct fastcgi_conf *conf, struct http_exchange *x,
		       const struct httpd_request *r);
void fastcgi_free(void *conf);

#endif
