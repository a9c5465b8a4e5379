// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Hashes of passwords are slow on purpose, so that they are computed in threads, and
 * what was found good is remembered for a while: by a keyed hash, so that memory that
 * leaks tells no password.  Somebody whom nobody knows costs the same time.
 */
#include "auth.h"

#include <crypt.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"

#define DIGEST		32
#define CACHE		256
#define MAX_JOBS	64	/* checks that wait or run, in one realm */
#define MAX_RUNNING	2	/* leaves half of libuv's threads to others */

/**
 * struct auth - a realm
 * @passwords: users and hashes
 * @challenge: the WWW-Authenticate field's value
 * @cache_ms: see struct auth_settings
 * @secret: key of the cache's hashes
 * @cache: passwords that were good, at a place that their hash tells
 * @first: checks that wait or run, oldest first
 * @n_jobs: how many
 * @n_running: how many of these run
 */
struct auth {
	struct passwords passwords;
	char *challenge;
	uint64_t cache_ms;
	unsigned char secret[DIGEST];
	struct cached {
		unsigned char digest[DIGEST];
		uint64_t until;		/* loop time, ms */
	} cache[CACHE];
	struct auth_job *first;
	unsigned int n_jobs, n_running;
};

struct auth_job {
	uv_work_t work;
	struct auth *auth;
	struct ln_server *server;
	struct auth_job *next;
	struct auth_waiter *waiters;
	bool running;
	bool known;		/* there is such a user */
	bool good;
	const char *hash;
	unsigned char digest[DIGEST];
	struct crypt_data data;
	char password[PASSWORDS_MAX_PASSWORD + 1];
};

/* Returns the text, or NULL after an error line. */
static char *read_file(const char *file, size_t *len)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	char *text = malloc(PASSWORDS_MAX_FILE + 1);
	ssize_t n = 0;
	size_t have = 0;

	if (fd >= 0 && text) {
		do {
			n = read(fd, text + have, PASSWORDS_MAX_FILE + 1 - have);
			have += n > 0 ? n : 0;
		} while (n > 0 && have <= PASSWORDS_MAX_FILE);
	}
	if (fd < 0 || !text || n < 0)
		ln_error("cannot read the passwords in '%s': %s", file, strerror(errno));
	else if (have > PASSWORDS_MAX_FILE)
		ln_error("'%s' is no file of passwords: more than %d octets", file,
			 PASSWORDS_MAX_FILE);
	if (fd >= 0)
		close(fd);
	if (fd >= 0 && text && n == 0 && have <= PASSWORDS_MAX_FILE) {
		*len = have;
		return text;
	}
	free(text);
	return NULL;
}

static int load(struct auth *a, const char *file)
{
	unsigned int line;
	const char *wrong;
	size_t len;
	char *text = read_file(file, &len);

	if (!text)
		return -EINVAL;
	wrong = passwords_parse(&a->passwords, text, len, &line);
	explicit_bzero(text, len);
	free(text);
	if (wrong && line)
		ln_error("%s:%u: this %s", file, line, wrong);
	else if (wrong)
		ln_error("the file of passwords '%s' %s", file, wrong);
	return wrong ? -EINVAL : 0;
}

/* Forgets all users but these. */
static int select_users(struct auth *a, const struct auth_settings *settings)
{
	struct passwords *p = &a->passwords;
	size_t kept = 0;

	if (!settings->users)
		return 0;
	for (size_t u = 0; u < settings->n_users; u++) {
		if (!passwords_find(p, settings->users[u])) {
			ln_error("the user '%s' is not in the file of passwords '%s'",
				 settings->users[u], settings->file);
			return -EINVAL;
		}
	}
	for (size_t i = 0; i < p->n; i++) {
		for (size_t u = 0; u < settings->n_users; u++) {
			if (!strcmp(p->entry[i].user, settings->users[u])) {
				p->entry[kept++] = p->entry[i];
				break;
			}
		}
	}
	p->n = kept;
	return 0;
}

/* A quoted string (RFC 9110, 5.6.4). */
static char *make_challenge(const char *realm)
{
	static const char before[] = "Basic realm=\"", after[] = "\", charset=\"UTF-8\"";
	char *s = malloc(sizeof(before) + 2 * strlen(realm) + sizeof(after)), *p;

	if (!s)
		return NULL;
	p = stpcpy(s, before);
	for (; *realm; realm++) {
		if (*realm == '"' || *realm == '\\')
			*p++ = '\\';
		*p++ = *realm;
	}
	strcpy(p, after);
	return s;
}

static bool make_digest(const struct auth *a, const struct credentials *c,
			unsigned char digest[DIGEST])
{
	char text[sizeof(*c)];
	size_t user = strlen(c->user) + 1, password = strlen(c->password);
	bool made;

	memcpy(text, c->user, user);
	memcpy(text + user, c->password, password);
	made = HMAC(EVP_sha256(), a->secret, sizeof(a->secret), (unsigned char *)text,
		    user + password, digest, NULL);
	explicit_bzero(text, sizeof(text));
	return made;
}

/**
 * auth_new() - a realm
 * @settings: what it is
 *
 * Return: the realm, or NULL after an error line.
 */
struct auth *auth_new(const struct auth_settings *settings)
{
	static const struct credentials nobody;
	struct auth *a = calloc(1, sizeof(*a));
	unsigned char digest[DIGEST];

	if (!a)
		return NULL;
	a->cache_ms = settings->cache_ms;
	a->challenge = make_challenge(settings->realm);
	if (!a->challenge || load(a, settings->file) || select_users(a, settings))
		goto bad;
	/* A hash of nothing lets OpenSSL load now what it will need: a worker has
	 * no access to files.
	 */
	if (getrandom(a->secret, sizeof(a->secret), 0) != sizeof(a->secret) ||
	    !make_digest(a, &nobody, digest)) {
		ln_error("no random numbers or no SHA-256 for passwords");
		goto bad;
	}
	return a;
bad:
	auth_free(a);
	return NULL;
}

/**
 * auth_free() - let a realm go
 * @a: a realm that nobody waits for, or NULL
 */
void auth_free(struct auth *a)
{
	if (!a)
		return;
	passwords_clear(&a->passwords);
	free(a->challenge);
	free(a);
}

/**
 * auth_challenge() - what to ask a client
 * @a: the realm
 *
 * Return: the value of WWW-Authenticate.
 */
const char *auth_challenge(const struct auth *a)
{
	return a->challenge;
}

/* In a thread. */
static void compute(uv_work_t *work)
{
	struct auth_job *j = work->data;
	const char *got = crypt_r(j->password, j->hash, &j->data);
	size_t n = strlen(j->hash);

	j->good = got && strlen(got) == n && !CRYPTO_memcmp(got, j->hash, n) && j->known;
}

static void computed(uv_work_t *work, int status);

static void run_jobs(struct auth *a)
{
	for (struct auth_job *j = a->first; j && a->n_running < MAX_RUNNING; j = j->next) {
		if (j->running)
			continue;
		j->running = true;
		j->work.data = j;
		a->n_running++;
		uv_queue_work(ln_server_loop(j->server), &j->work, compute, computed);
	}
}

static struct cached *cache_place(struct auth *a, const unsigned char digest[DIGEST])
{
	return &a->cache[digest[0] % CACHE];
}

static void computed(uv_work_t *work, int status)
{
	struct auth_job *j = work->data, **jp = &j->auth->first;
	struct auth *a = j->auth;
	struct cached *cached = cache_place(a, j->digest);
	bool good = j->good && !status;

	while (*jp != j)
		jp = &(*jp)->next;
	*jp = j->next;
	a->n_jobs--;
	a->n_running--;
	if (good) {
		memcpy(cached->digest, j->digest, DIGEST);
		cached->until = uv_now(work->loop) + a->cache_ms;
	}
	while (j->waiters) {
		struct auth_waiter *w = j->waiters;

		j->waiters = w->next;
		w->job = NULL;
		w->done(w, good ? AUTH_GOOD : AUTH_BAD);
	}
	run_jobs(a);
	ln_server_release(j->server);
	explicit_bzero(j, sizeof(*j));
	free(j);
}

static struct auth_job *find_job(struct auth *a, const unsigned char digest[DIGEST])
{
	for (struct auth_job *j = a->first; j; j = j->next)
		if (!CRYPTO_memcmp(j->digest, digest, DIGEST))
			return j;
	return NULL;
}

static struct auth_job *add_job(struct auth *a, struct ln_server *s, const struct credentials *c,
				const unsigned char digest[DIGEST])
{
	struct auth_job *j, **last = &a->first;

	j = a->n_jobs < MAX_JOBS ? calloc(1, sizeof(*j)) : NULL;
	if (!j)
		return NULL;
	j->auth = a;
	j->server = s;
	memcpy(j->digest, digest, DIGEST);
	strcpy(j->password, c->password);
	j->hash = passwords_find(&a->passwords, c->user);
	j->known = j->hash;
	if (!j->known)
		j->hash = a->passwords.entry[0].hash;
	while (*last)
		last = &(*last)->next;
	*last = j;
	a->n_jobs++;
	ln_server_hold(s);
	return j;
}

/**
 * auth_check() - whether a name and password are good
 * @a: the realm
 * @s: the worker's loop
 * @c: name and password
 * @w: its done() is called when the verdict is AUTH_PENDING
 *
 * Return: AUTH_GOOD, AUTH_PENDING, or AUTH_BUSY: too many are waiting.
 */
enum auth_verdict auth_check(struct auth *a, struct ln_server *s, const struct credentials *c,
			     struct auth_waiter *w)
{
	unsigned char digest[DIGEST];
	struct cached *cached;

	if (!make_digest(a, c, digest))
		return AUTH_BUSY;
	cached = cache_place(a, digest);
	if (cached->until > uv_now(ln_server_loop(s)) &&
	    !CRYPTO_memcmp(cached->digest, digest, DIGEST))
		return AUTH_GOOD;
	w->job = find_job(a, digest);
	if (!w->job)
		w->job = add_job(a, s, c, digest);
	if (!w->job)
		return AUTH_BUSY;
	w->next = w->job->waiters;
	w->job->waiters = w;
	run_jobs(a);
	return AUTH_PENDING;
}

/**
 * auth_cancel() - wait no longer
 * @w: who waits, or does not
 */
void auth_cancel(struct auth_waiter *w)
{
	struct auth_waiter **wp;

	if (!w->job)
		return;
	for (wp = &w->job->waiters; *wp != w; wp = &(*wp)->next)
		;
	*wp = w->next;
	w->job = NULL;
}
