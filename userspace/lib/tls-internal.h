/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What conn.c needs of tls.c. */
#ifndef LN_TLS_INTERNAL_H
#define LN_TLS_INTERNAL_H

#include <openssl/ssl.h>

#include "tls.h"

/* Octets that tell whose sessions are resumed, see ln_tls_bind_sessions(). */
#define LN_TLS_BINDING	16

int ln_tls_bind(SSL *ssl, unsigned char binding[LN_TLS_BINDING], bool given);
SSL *ln_tls_session(struct ln_tls *t, int fd, const char *name);
void ln_tls_log_error(const char *who);
bool ln_tls_serves(const SSL *ssl, const char *host);

/* tls.c and tls-files.c */
const char *ln_tls_reason(void);
int ln_tls_load_pair(SSL_CTX *ctx, const struct ln_tls_certificate *c);
int ln_tls_load_roots(SSL_CTX *ctx, const char *ca_file);

#endif
