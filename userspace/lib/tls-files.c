// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Certificates and keys from files, with errors that name the file and the reason.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "tls-internal.h"

/* OpenSSL's words for a file that cannot be opened are about its own insides. */
static int check_readable(const char *file)
{
	struct stat st;
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), err = 0;

	if (fd < 0 || fstat(fd, &st))
		err = errno;
	else if (S_ISDIR(st.st_mode))
		err = EISDIR;
	if (fd >= 0)
		close(fd);
	if (err)
		ln_error("%s: %s", file, strerror(err));
	return -err;
}

static bool first_error_is(int library, int reason)
{
	unsigned long e = ERR_peek_error();

	return ERR_GET_LIB(e) == library && ERR_GET_REASON(e) == reason;
}

static int load_certificate(SSL_CTX *ctx, const char *file)
{
	int err = check_readable(file);

	if (err)
		return err;
	ERR_clear_error();
	if (SSL_CTX_use_certificate_chain_file(ctx, file) == 1)
		return 0;
	if (first_error_is(ERR_LIB_PEM, PEM_R_NO_START_LINE))
		ln_error("%s: there is no certificate in PEM format in it", file);
	else
		ln_error("%s: not a usable certificate: %s", file, ln_tls_reason());
	return -EINVAL;
}

/* Otherwise OpenSSL asks at the terminal. */
static int no_pass_phrase(char *buf, int size, int for_writing, void *asked)
{
	(void)buf;
	(void)size;
	(void)for_writing;
	*(bool *)asked = true;
	return -1;
}

static int load_key(SSL_CTX *ctx, const struct ln_tls_certificate *c)
{
	bool asked = false, good;
	int err = check_readable(c->key);

	if (err)
		return err;
	ERR_clear_error();
	SSL_CTX_set_default_passwd_cb(ctx, no_pass_phrase);
	SSL_CTX_set_default_passwd_cb_userdata(ctx, &asked);
	good = SSL_CTX_use_PrivateKey_file(ctx, c->key, SSL_FILETYPE_PEM) == 1 &&
	       SSL_CTX_check_private_key(ctx) == 1;
	SSL_CTX_set_default_passwd_cb_userdata(ctx, NULL);
	if (good)
		return 0;
	if (asked)
		ln_error("%s: the key has a pass phrase, which nobody can be asked for", c->key);
	else if (first_error_is(ERR_LIB_X509, X509_R_KEY_VALUES_MISMATCH) ||
		 first_error_is(ERR_LIB_X509, X509_R_KEY_TYPE_MISMATCH))
		ln_error("%s: is not the key of the certificate in %s", c->key, c->certificate);
	else if (first_error_is(ERR_LIB_PEM, PEM_R_NO_START_LINE) ||
		 first_error_is(ERR_LIB_OSSL_DECODER, ERR_R_UNSUPPORTED))
		ln_error("%s: there is no private key in PEM format in it", c->key);
	else
		ln_error("%s: not a usable private key: %s", c->key, ln_tls_reason());
	return -EINVAL;
}

/* Clients will refuse it, the server works all the same. */
static void warn_of_dates(SSL_CTX *ctx, const char *file)
{
	const X509 *cert = SSL_CTX_get0_certificate(ctx);

	if (X509_cmp_current_time(X509_get0_notAfter(cert)) < 0)
		ln_warning("%s: the certificate has expired", file);
	else if (X509_cmp_current_time(X509_get0_notBefore(cert)) > 0)
		ln_warning("%s: the certificate is not valid yet", file);
}

/**
 * ln_tls_load_pair() - a certificate with its chain, and its key
 * @ctx: where they go
 * @c: the files
 *
 * Return: 0, or a negative errno after an error line.
 */
int ln_tls_load_pair(SSL_CTX *ctx, const struct ln_tls_certificate *c)
{
	int err = load_certificate(ctx, c->certificate);

	if (!err)
		err = load_key(ctx, c);
	if (!err)
		warn_of_dates(ctx, c->certificate);
	return err;
}

/**
 * ln_tls_load_roots() - what certificates of servers are checked against
 * @ctx: where they go
 * @ca_file: PEM file, or NULL for the system's
 *
 * All is read now: in its sandbox a worker may not look into the system's folder.
 *
 * Return: 0, or a negative errno after an error line.
 */
int ln_tls_load_roots(SSL_CTX *ctx, const char *ca_file)
{
	int err;

	if (!ca_file)
		ca_file = secure_getenv(X509_get_default_cert_file_env());
	if (!ca_file)
		ca_file = "/etc/ssl/certs/ca-certificates.crt";
	err = check_readable(ca_file);
	if (err)
		return err;
	ERR_clear_error();
	if (SSL_CTX_load_verify_file(ctx, ca_file) == 1)
		return 0;
	ln_error("%s: no usable certificates in it: %s", ca_file, ln_tls_reason());
	return -EINVAL;
}
