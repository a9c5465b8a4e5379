/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What TLS sessions are made from: certificates, names, protocols above.
 */
#ifndef LN_TLS_H
#define LN_TLS_H

#include <stdbool.h>

struct ln_tls;

/* Files of one certificate; the first of several is the default. */
struct ln_tls_certificate {
	const char *certificate;	/* PEM file: certificate and chain */
	const char *key;		/* PEM file */
};

/* @alpn: names in the order of preference, NULL at the end; NULL: no ALPN */
struct ln_tls *ln_tls_server(const struct ln_tls_certificate *certificates, int n,
			     const char *const *alpn);
struct ln_tls *ln_tls_client(const char *ca_file, const char *const *alpn, bool verify);
int ln_tls_bind_sessions(struct ln_tls *t);
struct ln_tls *ln_tls_get(struct ln_tls *t);
void ln_tls_put(struct ln_tls *t);

#endif
