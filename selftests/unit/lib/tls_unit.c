// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * TLS sessions over a socket pair: which certificate, which protocol, who is
 * refused, what a bad file is told as.
 */
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"
#include "tls-internal.h"
#include "unit.h"

#define DAY	86400L

static char folder[] = "/tmp/tls_unit.XXXXXX";
static char log_file[64];

/* --- certificates --- */

static const char *in_folder(const char *name)
{
	static char paths[16][128];
	static int next;
	char *p = paths[next++ % 16];

	snprintf(p, sizeof(*paths), "%s/%s", folder, name);
	return p;
}

static void add_names(X509 *cert, const char *names)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);

	if (!e || !X509_add_ext(cert, e, -1))
		abort();
	X509_EXTENSION_free(e);
}

static void write_key(EVP_PKEY *key, const char *path, const char *pass)
{
	FILE *f = fopen(path, "we");

	if (!f || !PEM_write_PrivateKey(f, key, pass ? EVP_aes_128_cbc() : NULL, (void *)pass,
					pass ? strlen(pass) : 0, NULL, NULL))
		abort();
	fclose(f);
}

/* NAME.pem and NAME.key, signed by itself. */
static void make_certificate(const char *name, const char *cn, const char *alt, long ends)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	X509_NAME *subject = X509_get_subject_name(cert);
	char file[64];
	FILE *f;

	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -10 * DAY);
	X509_gmtime_adj(X509_getm_notAfter(cert), ends);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (void *)cn, -1, -1, 0);
	X509_set_issuer_name(cert, subject);
	X509_set_pubkey(cert, key);
	if (alt)
		add_names(cert, alt);
	if (!X509_sign(cert, key, EVP_sha256()))
		abort();
	snprintf(file, sizeof(file), "%s.key", name);
	write_key(key, in_folder(file), NULL);
	snprintf(file, sizeof(file), "%s.enc", name);
	write_key(key, in_folder(file), "secret");
	snprintf(file, sizeof(file), "%s.pem", name);
	f = fopen(in_folder(file), "we");
	if (!f || !PEM_write_X509(f, cert))
		abort();
	fclose(f);
	X509_free(cert);
	EVP_PKEY_free(key);
}

static void make_files(void)
{
	if (!mkdtemp(folder))
		abort();
	snprintf(log_file, sizeof(log_file), "%s/log", folder);
	make_certificate("one", "one", "DNS:one.example,IP:192.0.2.1", 100 * DAY);
	make_certificate("wild", "wild", "DNS:*.two.example", 100 * DAY);
	make_certificate("www", "www", "DNS:www.two.example", 100 * DAY);
	make_certificate("cn", "three.example", NULL, 100 * DAY);
	make_certificate("old", "old", "DNS:old.example", -DAY);
	unit_write(in_folder("empty"), "nothing here\n");
}

/* What was logged since the last time. */
static char *logged(void)
{
	char *text = unit_read(log_file);

	if (truncate(log_file, 0)) {
		/* the next one has it, too */
	}
	return text;
}

/* --- sessions --- */

static struct ln_tls *server(const char *const *names, const char *const *alpn)
{
	struct ln_tls_certificate c[8];
	int n = 0;

	for (; names[n]; n++) {
		char file[64];

		snprintf(file, sizeof(file), "%s.pem", names[n]);
		c[n].certificate = in_folder(file);
		snprintf(file, sizeof(file), "%s.key", names[n]);
		c[n].key = in_folder(file);
	}
	return ln_tls_server(c, n, alpn);
}

static const char *const every_name[] = { "one", "wild", "www", "cn", NULL };

/* Drive a session a step; 1 when done, 0 when it waits, -1 when it failed. */
static int step(SSL *ssl)
{
	int r = SSL_do_handshake(ssl);

	if (r == 1)
		return 1;
	r = SSL_get_error(ssl, r);
	return r == SSL_ERROR_WANT_READ || r == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

struct pair {
	int fd[2];
	SSL *client, *server;
	unsigned long error;	/* the client's */
};

static void open_pair(struct pair *p, struct ln_tls *client, const char *name, struct ln_tls *srv)
{
	*p = (struct pair){ 0 };
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, p->fd))
		abort();
	p->client = ln_tls_session(client, p->fd[0], name);
	p->server = ln_tls_session(srv, p->fd[1], NULL);
}

static int handshake(struct pair *p)
{
	int c = 0, s = 0;

	for (int i = 0; i < 20 && (c != 1 || s != 1); i++) {
		ERR_clear_error();
		if (c != 1)
			c = step(p->client);
		if (c < 0) {
			p->error = ERR_get_error();
			return -1;
		}
		if (s != 1 && s >= 0)
			s = step(p->server);
	}
	ERR_clear_error();
	return c == 1 && s == 1 ? 0 : -1;
}

static void close_pair(struct pair *p)
{
	SSL_free(p->client);
	SSL_free(p->server);
	close(p->fd[0]);
	close(p->fd[1]);
}

static const char *certificate_name(SSL *ssl, char *out, int size)
{
	X509 *cert = SSL_get0_peer_certificate(ssl);

	if (!cert)
		return "none";
	X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, out, size);
	return out;
}

static void test_names(void)
{
	static const struct {
		const char *name, *expected;
	} table[] = {
		{ "one.example", "one" },	  { "ONE.Example", "one" },
		{ "www.two.example", "www" },	  { "other.two.example", "wild" },
		{ "two.example", "one" },	  { "a.b.two.example", "one" },
		{ "three.example", "three.example" }, { "four.example", "one" },
		{ "192.0.2.1", "one" },		  { "one", "one" },
		{ NULL, "one" },
	};
	struct ln_tls *s = server(every_name, NULL), *c = ln_tls_client(NULL, NULL, false);
	char name[64];

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct pair p;

		open_pair(&p, c, table[i].name, s);
		EXPECT(!handshake(&p), "%s", table[i].name);
		EXPECT(!strcmp(certificate_name(p.client, name, sizeof(name)), table[i].expected),
		       "%s: %s", table[i].name, name);
		close_pair(&p);
	}
	ln_tls_put(s);
	ln_tls_put(c);
}

static void test_alpn(void)
{
	static const char *const ours[] = { "h2", "http/1.1", NULL };
	static const char *const backwards[] = { "http/1.1", "h2", NULL };
	static const char *const other[] = { "smtp", "h3", NULL };
	static const struct {
		const char *const *server, *const *client;
		const char *expected;	/* NULL: refused */
	} table[] = {
		{ ours, ours, "h2" },	{ ours, backwards, "h2" }, { backwards, ours, "http/1.1" },
		{ ours, other, NULL },	{ ours, NULL, "" },	   { NULL, ours, "" },
		{ ours, other + 1, NULL },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct ln_tls *s = server(every_name, table[i].server);
		struct ln_tls *c = ln_tls_client(NULL, table[i].client, false);
		const unsigned char *got;
		unsigned int len;
		struct pair p;
		int err;

		/* the second certificate must know the protocols, too */
		open_pair(&p, c, "www.two.example", s);
		err = handshake(&p);
		EXPECT(!err == !!table[i].expected, "%zu: %d", i, err);
		SSL_get0_alpn_selected(p.client, &got, &len);
		if (table[i].expected)
			EXPECT(len == strlen(table[i].expected) &&
				       !strncmp(len ? (const char *)got : "", table[i].expected, len),
			       "%zu: %.*s", i, len, got);
		else
			EXPECT(ERR_GET_REASON(p.error) == SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL,
			       "%zu: %s", i, ERR_reason_error_string(p.error));
		close_pair(&p);
		ln_tls_put(s);
		ln_tls_put(c);
	}
}

static void test_versions(void)
{
	static const struct {
		int version;
		const char *ciphers;
		int good;
	} table[] = {
		{ TLS1_3_VERSION, "ALL", 1 },
		{ TLS1_2_VERSION, "ALL", 1 },
		{ TLS1_1_VERSION, "ALL:@SECLEVEL=0", 0 },
		{ TLS1_2_VERSION, "AES128-GCM-SHA256", 0 },		/* no forward secrecy */
		{ TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA256", 0 },	/* no AEAD */
		{ TLS1_2_VERSION, "ECDHE-ECDSA-CHACHA20-POLY1305", 1 },
	};
	struct ln_tls *s = server(every_name, NULL), *c = ln_tls_client(NULL, NULL, false);

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct pair p;
		int err;

		open_pair(&p, c, NULL, s);
		SSL_set_min_proto_version(p.client, table[i].version);
		SSL_set_max_proto_version(p.client, table[i].version);
		SSL_set_cipher_list(p.client, table[i].ciphers);
		err = handshake(&p);
		EXPECT((err ? 0 : 1) == table[i].good, "%zu: %d", i, err);
		EXPECT(err || SSL_version(p.server) == table[i].version, "%zu: %x", i,
		       SSL_version(p.server));
		close_pair(&p);
	}
	ln_tls_put(s);
	ln_tls_put(c);
}

static void test_verify(void)
{
	static const struct {
		const char *roots, *name;
		int good;
	} table[] = {
		{ "one.pem", "one.example", 1 }, { "one.pem", "two.example", 0 },
		{ "one.pem", "192.0.2.1", 1 },	 { "one.pem", "192.0.2.2", 0 },
		{ "cn.pem", "one.example", 0 },	 { "old.pem", "one.example", 0 },
	};
	static const char *const only_one[] = { "one", NULL };
	struct ln_tls *s = server(only_one, NULL);

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct ln_tls *c = ln_tls_client(in_folder(table[i].roots), NULL, true);
		struct pair p;
		int err;

		open_pair(&p, c, table[i].name, s);
		free(logged());
		err = handshake(&p);
		EXPECT((err ? 0 : 1) == table[i].good, "%zu: %d", i, err);
		if (!table[i].good) {
			char *text = logged();

			EXPECT(strstr(text, "certificate refused: "), "%zu: %s", i, text);
			free(text);
		}
		close_pair(&p);
		EXPECT(!ln_tls_session(c, 0, NULL), "%zu: no name", i);
		ln_tls_put(c);
	}
	ln_tls_put(s);
}

/* --- tickets --- */

static SSL_SESSION *ticket;

static int on_ticket(SSL *ssl, SSL_SESSION *session)
{
	(void)ssl;
	SSL_SESSION_free(ticket);
	ticket = session;
	return 1;
}

/* A worker of its own makes a handshake and says one byte; was it resumed? */
static int with_worker(struct ln_tls *s, struct ln_tls *c)
{
	char byte = 0;
	int fd[2], resumed = -1;
	SSL *ssl;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd))
		abort();
	pid = fork();
	if (!pid) {
		close(fd[0]);
		ssl = ln_tls_session(s, fd[1], NULL);
		_exit(SSL_do_handshake(ssl) == 1 && SSL_write(ssl, "x", 1) == 1 ? 0 : 1);
	}
	close(fd[1]);
	ssl = ln_tls_session(c, fd[0], "one.example");
	SSL_CTX_set_session_cache_mode(SSL_get_SSL_CTX(ssl),
				       SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(SSL_get_SSL_CTX(ssl), on_ticket);
	if (ticket)
		SSL_set_session(ssl, ticket);
	if (SSL_do_handshake(ssl) == 1 && SSL_read(ssl, &byte, 1) == 1 && byte == 'x')
		resumed = SSL_session_reused(ssl);
	SSL_shutdown(ssl);
	SSL_free(ssl);
	close(fd[0]);
	waitpid(pid, NULL, 0);
	return resumed;
}

static void test_tickets(void)
{
	struct ln_tls *s = server(every_name, NULL), *c = ln_tls_client(NULL, NULL, false), *again;
	int r = with_worker(s, c);

	EXPECT(r == 0, "first: %d", r);
	EXPECT(ticket, "no ticket");
	r = with_worker(s, c);
	EXPECT(r == 1, "another worker: %d", r);
	again = server(every_name, NULL);
	r = with_worker(again, c);
	EXPECT(r == 0, "after a reload: %d", r);
	ln_tls_put(again);
	ln_tls_put(s);
	ln_tls_put(c);
	SSL_SESSION_free(ticket);
	ticket = NULL;
}

/* --- files --- */

static void test_files(void)
{
	static const struct {
		const char *certificate, *key, *expected;
	} table[] = {
		{ "none", "one.key", "/none: No such file or directory" },
		{ "one.pem", "none", "/none: No such file or directory" },
		{ ".", "one.key", "/.: Is a directory" },
		{ "empty", "one.key", "/empty: there is no certificate in PEM format in it" },
		{ "one.key", "one.key", "/one.key: there is no certificate in PEM format in it" },
		{ "one.pem", "empty", "/empty: there is no private key in PEM format in it" },
		{ "one.pem", "one.pem", "/one.pem: there is no private key in PEM format in it" },
		{ "one.pem", "www.key", "/www.key: is not the key of the certificate in " },
		{ "one.pem", "one.enc", "/one.enc: the key has a pass phrase" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct ln_tls_certificate c = { in_folder(table[i].certificate),
						in_folder(table[i].key) };
		struct ln_tls *t;
		char *text;

		free(logged());
		t = ln_tls_server(&c, 1, NULL);
		EXPECT(!t, "%s, %s", table[i].certificate, table[i].key);
		ln_tls_put(t);
		text = logged();
		EXPECT(strstr(text, " error: ") && strstr(text, table[i].expected), "%s: %s",
		       table[i].expected, text);
		free(text);
	}
}

static void test_dates(void)
{
	static const char *const old[] = { "old", NULL };
	struct ln_tls *t;
	char *text;

	free(logged());
	t = server(old, NULL);
	text = logged();
	EXPECT(t && strstr(text, "/old.pem: the certificate has expired"), "%s", text);
	free(text);
	ln_tls_put(t);
}

static void test_roots(void)
{
	char *text;

	free(logged());
	EXPECT(!ln_tls_client(in_folder("empty"), NULL, true), "empty");
	EXPECT(!ln_tls_client(in_folder("none"), NULL, true), "none");
	text = logged();
	EXPECT(strstr(text, "/empty: no usable certificates in it"), "%s", text);
	EXPECT(strstr(text, "/none: No such file"), "%s", text);
	free(text);
}

/* Sessions outlive the configuration that they began with. */
static void test_references(void)
{
	struct ln_tls *s = server(every_name, NULL), *c = ln_tls_client(NULL, NULL, false);
	char byte = 0;
	struct pair p;

	open_pair(&p, c, "www.two.example", s);
	ln_tls_put(s);
	ln_tls_put(c);
	EXPECT(!handshake(&p), "after the last owner but the session");
	EXPECT(SSL_write(p.client, "x", 1) == 1 && SSL_read(p.server, &byte, 1) == 1 && byte == 'x',
	       "data");
	close_pair(&p);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{ "the certificate for a name", test_names },
		{ "ALPN: the server's order, and nothing in common", test_alpn },
		{ "versions and ciphers", test_versions },
		{ "a client checks authority and name", test_verify },
		{ "tickets: all workers, none after a reload", test_tickets },
		{ "bad files", test_files },
		{ "an expired certificate", test_dates },
		{ "bad authorities", test_roots },
		{ "sessions keep what they use", test_references },
	};
	char command[80];
	int status;

	signal(SIGPIPE, SIG_IGN);
	make_files();
	if (ln_log_open(log_file))
		return 1;
	status = UNIT_MAIN(tests);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	if (system(command))
		printf("# %s is left\n", folder);
	return status;
}
