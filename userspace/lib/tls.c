// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * TLS by OpenSSL: which certificate, which protocol above, what is refused.
 *
 * A server has one SSL_CTX for each certificate.  Every session starts with the
 * first, whose ticket keys are the only ones in use; they are made with it, in the
 * master, so that any worker resumes what another began, and a reload makes new ones.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "log.h"
#include "tls-internal.h"

/* With forward secrecy and authenticated encryption only (RFC 9325, 4.2; the others
 * are also those that RFC 9113, appendix A, forbids to HTTP/2).
 */
#define CIPHERS_1_2	"ECDHE+AESGCM:ECDHE+CHACHA20"
#define ALPN_MAX	256
/* For clients that use each ticket once (RFC 8446, C.4). */
#define BOUND_TICKETS	8
/* Kept for clients without tickets; and how long a session may be resumed. */
#define BOUND_SESSIONS	4096
#define BOUND_SECONDS	86400

/**
 * struct ln_tls - shared by sessions
 * @refs: owners, each session one of them
 * @client: for sessions that we begin
 * @verify: the server's certificate and name are checked
 * @bound: ln_tls_bind_sessions() was called
 * @alpn: names with their lengths (RFC 7301, 3.1)
 * @alpn_len: their length
 * @n: how many there are in @ctx
 * @ctx: one for each certificate; a client has one
 */
struct ln_tls {
	unsigned int refs;
	bool client;
	bool verify;
	bool bound;
	unsigned char alpn[ALPN_MAX];
	unsigned int alpn_len;
	int n;
	SSL_CTX *ctx[];
};

/* Why the last thing failed, in OpenSSL's words; empties its queue, in which the first
 * is the cause and the others are the layers above.
 */
const char *ln_tls_reason(void)
{
	unsigned long e = ERR_peek_error();
	const char *text = ERR_reason_error_string(e);

	if (ERR_SYSTEM_ERROR(e))
		text = strerror(ERR_GET_REASON(e));
	ERR_clear_error();
	return text ? text : "no reason given";
}

/**
 * ln_tls_log_error() - an info line with the reason of the last failure, if there is one
 * @who: the peer
 *
 * OpenSSL's queue of errors is empty afterwards.
 */
void ln_tls_log_error(const char *who)
{
	if (ERR_peek_error())
		ln_info("%s: TLS: %s", who, ln_tls_reason());
}

/* A session keeps what its callbacks use. */
static void on_session_free(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl,
			    void *argp)
{
	(void)parent;
	(void)ad;
	(void)idx;
	(void)argl;
	(void)argp;
	ln_tls_put(ptr);
}

static int session_index(void)
{
	static int index = -1;

	if (index < 0)
		index = SSL_get_ex_new_index(0, NULL, NULL, NULL, on_session_free);
	return index;
}

static int set_alpn(struct ln_tls *t, const char *const *alpn)
{
	for (; alpn && *alpn; alpn++) {
		size_t len = strlen(*alpn);

		if (!len || len > 255 || t->alpn_len + 1 + len > sizeof(t->alpn)) {
			ln_error("ALPN: '%s' does not fit", *alpn);
			return -EINVAL;
		}
		t->alpn[t->alpn_len++] = len;
		memcpy(t->alpn + t->alpn_len, *alpn, len);
		t->alpn_len += len;
	}
	return 0;
}

static struct ln_tls *new_tls(int n, const char *const *alpn)
{
	struct ln_tls *t = calloc(1, sizeof(*t) + n * sizeof(*t->ctx));

	if (!t) {
		ln_error("out of memory");
		return NULL;
	}
	t->refs = 1;
	if (set_alpn(t, alpn)) {
		free(t);
		return NULL;
	}
	return t;
}

/* What servers and clients have in common. */
static SSL_CTX *new_ctx(const SSL_METHOD *method)
{
	SSL_CTX *ctx = SSL_CTX_new(method);

	if (!ctx || SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_set_cipher_list(ctx, CIPHERS_1_2) != 1) {
		ln_error("cannot set up TLS: %s", ln_tls_reason());
		SSL_CTX_free(ctx);
		return NULL;
	}
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	/* A write may be tried again from where the queue has moved to meanwhile. */
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
			      SSL_MODE_RELEASE_BUFFERS);
	/* Sessions are kept by the client, in its ticket. */
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	return ctx;
}

static SSL_CTX *find_name(const struct ln_tls *t, const char *name, unsigned int flags)
{
	for (int i = 0; i < t->n; i++) {
		X509 *cert = SSL_CTX_get0_certificate(t->ctx[i]);

		if (X509_check_host(cert, name, 0, flags, NULL) == 1)
			return t->ctx[i];
	}
	return NULL;
}

/*
 * The certificate with this very name, else one with a wildcard; NULL: none.  To
 * X509_check_host() a name with a dot first is that of a whole domain.
 */
static SSL_CTX *find_certificate(const struct ln_tls *t, const char *name)
{
	SSL_CTX *ctx;

	if (!name || !*name || *name == '.')
		return NULL;
	ctx = find_name(t, name, X509_CHECK_FLAG_NO_WILDCARDS);
	return ctx ? ctx : find_name(t, name, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
}

/**
 * ln_tls_serves() - whether a session has the certificate that a host would get
 * @ssl: a session that a peer began
 * @host: host name without a port
 *
 * Return: false when the peer named another host in its handshake, whose certificate is
 * another, too.  A peer that named none is believed.
 */
bool ln_tls_serves(const SSL *ssl, const char *host)
{
	const struct ln_tls *t = SSL_get_ex_data(ssl, session_index());
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	char text[256];
	SSL_CTX *ctx;

	/* The dot at the end of a name is in neither handshake nor certificate. */
	if (snprintf(text, sizeof(text), "%s", host) < (int)sizeof(text) && *text &&
	    text[strlen(text) - 1] == '.')
		text[strlen(text) - 1] = 0;
	if (t->n == 1 || !name || !strcasecmp(name, text))
		return true;
	ctx = find_certificate(t, text);
	return SSL_get_SSL_CTX(ssl) == (ctx ? ctx : t->ctx[0]);
}

/* Whoever has no certificate of its own gets the first. */
static int on_server_name(SSL *ssl, int *alert, void *arg)
{
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	const struct ln_tls *t = arg;
	SSL_CTX *ctx;

	(void)alert;
	ctx = find_certificate(t, name);
	if (!ctx)
		return SSL_TLSEXT_ERR_NOACK;
	SSL_set_SSL_CTX(ssl, ctx);
	return SSL_TLSEXT_ERR_OK;
}

/* RFC 7301, 3.2: our order decides; without any in common it ends here. */
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
		   const unsigned char *in, unsigned int in_len, void *arg)
{
	const struct ln_tls *t = arg;
	unsigned char *found;

	(void)ssl;
	if (SSL_select_next_proto(&found, out_len, t->alpn, t->alpn_len, in, in_len) !=
	    OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = found;
	return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *new_server_ctx(struct ln_tls *t, const struct ln_tls_certificate *c)
{
	static const unsigned char session_context[] = "linnet";
	SSL_CTX *ctx = new_ctx(TLS_server_method());

	if (!ctx)
		return NULL;
	if (ln_tls_load_pair(ctx, c)) {
		SSL_CTX_free(ctx);
		return NULL;
	}
	/* ChaCha20 first for those who put it first: they have no AES in hardware. */
	SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
	SSL_CTX_set_session_id_context(ctx, session_context, sizeof(session_context) - 1);
	SSL_CTX_set_tlsext_servername_callback(ctx, on_server_name);
	SSL_CTX_set_tlsext_servername_arg(ctx, t);
	if (t->alpn_len)
		SSL_CTX_set_alpn_select_cb(ctx, on_alpn, t);
	return ctx;
}

/**
 * ln_tls_server() - for sessions that peers begin
 * @certificates: files; which one a session gets, the client's server name decides by
 *	the names in them, and the first is for all other names
 * @n: how many, at least 1
 * @alpn: protocols in the order of our preference, NULL at the end; NULL: none is
 *	agreed on.  A client that offers others only is refused (RFC 7301, 3.2).
 *
 * To be made before workers are forked, for them to share the keys of session tickets.
 *
 * Return: an object with one reference, or NULL after an error line.
 */
struct ln_tls *ln_tls_server(const struct ln_tls_certificate *certificates, int n,
			     const char *const *alpn)
{
	struct ln_tls *t;

	if (n < 1) {
		ln_error("TLS needs a certificate");
		return NULL;
	}
	t = new_tls(n, alpn);
	if (!t)
		return NULL;
	for (int i = 0; i < n; i++) {
		t->ctx[i] = new_server_ctx(t, &certificates[i]);
		if (!t->ctx[i]) {
			ln_tls_put(t);
			return NULL;
		}
		t->n++;
	}
	return t;
}

/* The session will say no more than that the check failed. */
static int on_verify(int ok, X509_STORE_CTX *store)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

	if (!ok)
		ln_warning("%s: certificate refused: %s", name ? name : "TLS server",
			   X509_verify_cert_error_string(X509_STORE_CTX_get_error(store)));
	return ok;
}

/**
 * ln_tls_client() - for sessions that we begin
 * @ca_file: PEM file with the authorities to trust, NULL: the system's
 * @alpn: protocols in the order of our preference, NULL at the end, or NULL
 * @verify: check the server's certificate, and that it has the name given to
 *	ln_tls_session()
 *
 * Return: an object with one reference, or NULL after an error line.
 */
struct ln_tls *ln_tls_client(const char *ca_file, const char *const *alpn, bool verify)
{
	struct ln_tls *t = new_tls(1, alpn);
	SSL_CTX *ctx;

	if (!t)
		return NULL;
	t->client = true;
	t->verify = verify;
	ctx = new_ctx(TLS_client_method());
	if (!ctx)
		goto fail;
	t->ctx[t->n++] = ctx;
	if (verify) {
		if (ln_tls_load_roots(ctx, ca_file))
			goto fail;
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, on_verify);
	}
	/* 0 is success, unlike everywhere else */
	if (t->alpn_len && SSL_CTX_set_alpn_protos(ctx, t->alpn, t->alpn_len)) {
		ln_error("cannot set up TLS: %s", ln_tls_reason());
		goto fail;
	}
	return t;
fail:
	ln_tls_put(t);
	return NULL;
}

/* --- sessions that belong to a connection --- */

/**
 * ln_tls_bind_sessions() - let a peer resume sessions only where they belong
 * @t: from ln_tls_server()
 *
 * A session of a connection is resumed on connections of ln_conn_start_tls_with() that name
 * the same one, and nowhere else: there it shows that both have the same peer (RFC 4217,
 * 10.2).  For clients of TLS 1.2 that want no tickets, sessions are kept in the worker, whose
 * all these connections must be.
 *
 * Return: 0, or a negative errno after an error line.
 */
int ln_tls_bind_sessions(struct ln_tls *t)
{
	for (int i = 0; i < t->n; i++) {
		SSL_CTX_set_session_cache_mode(t->ctx[i], SSL_SESS_CACHE_SERVER);
		SSL_CTX_sess_set_cache_size(t->ctx[i], BOUND_SESSIONS);
		SSL_CTX_set_timeout(t->ctx[i], BOUND_SECONDS);
		if (SSL_CTX_set_num_tickets(t->ctx[i], BOUND_TICKETS) != 1) {
			ln_error("cannot set up TLS: %s", ln_tls_reason());
			return -EPROTO;
		}
	}
	t->bound = true;
	return 0;
}

/**
 * ln_tls_bind() - say whose sessions a new session may go on from
 * @ssl: a session that a peer begins, before its handshake
 * @binding: the mark of the connection
 * @given: it is another's, and no tickets are given; else a new one is made here
 *
 * Return: 0, or a negative errno after an error line.
 */
int ln_tls_bind(SSL *ssl, unsigned char binding[LN_TLS_BINDING], bool given)
{
	const struct ln_tls *t = SSL_get_ex_data(ssl, session_index());

	if (!t->bound)
		return 0;
	/* A session of another context counts as none (SSL_set_session_id_context(3)).  A peer that
	 * sends all it has and closes would take a ticket for an error.
	 */
	if ((given ? SSL_set_num_tickets(ssl, 0) : RAND_bytes(binding, LN_TLS_BINDING)) == 1 &&
	    SSL_set_session_id_context(ssl, binding, LN_TLS_BINDING) == 1)
		return 0;
	ln_error("TLS: no session: %s", ln_tls_reason());
	return -EPROTO;
}

/**
 * ln_tls_get() - one more owner
 * @t: the object or NULL
 *
 * Return: @t.
 */
struct ln_tls *ln_tls_get(struct ln_tls *t)
{
	if (t)
		t->refs++;
	return t;
}

/**
 * ln_tls_put() - one owner less; the last one's frees it
 * @t: the object or NULL
 */
void ln_tls_put(struct ln_tls *t)
{
	if (!t || --t->refs)
		return;
	for (int i = 0; i < t->n; i++)
		SSL_CTX_free(t->ctx[i]);
	free(t);
}

static bool is_address(const char *name)
{
	unsigned char scratch[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, name, scratch) == 1 || inet_pton(AF_INET6, name, scratch) == 1;
}

/* Server names are no addresses (RFC 6066, 3), names in certificates may be. */
static bool set_name(SSL *ssl, const char *name, bool verify)
{
	if (is_address(name))
		return !verify || X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1;
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set_tlsext_host_name(ssl, name) == 1 &&
	       (!verify || SSL_set1_host(ssl, name) == 1);
}

/**
 * ln_tls_session() - a session over a connected socket
 * @t: from ln_tls_server() or ln_tls_client(); the session keeps it
 * @fd: non-blocking; stays the caller's
 * @name: a client's: the server's host name or address, for SNI and the check of its
 *	certificate.  May be NULL when nothing is checked.
 *
 * Return: the session, to be released with SSL_free(), for SSL_do_handshake(); or NULL
 * after an error line.
 */
SSL *ln_tls_session(struct ln_tls *t, int fd, const char *name)
{
	SSL *ssl;

	if (t->client && t->verify && (!name || !*name)) {
		ln_error("TLS: no name to check the server's certificate for");
		return NULL;
	}
	ERR_clear_error();
	ssl = SSL_new(t->ctx[0]);
	if (!ssl || SSL_set_ex_data(ssl, session_index(), t) != 1) {
		ln_error("TLS: no session: %s", ln_tls_reason());
		SSL_free(ssl);
		return NULL;
	}
	ln_tls_get(t);
	if (SSL_set_fd(ssl, fd) != 1 ||
	    (t->client && name && *name && !set_name(ssl, name, t->verify))) {
		ln_error("TLS: no session with %s: %s", name ? name : "a peer", ln_tls_reason());
		SSL_free(ssl);
		return NULL;
	}
	if (t->client)
		SSL_set_connect_state(ssl);
	else
		SSL_set_accept_state(ssl);
	return ssl;
}
