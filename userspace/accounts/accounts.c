// SPDX-License-Identifier: GPL-2.0-or-later
#include "accounts.h"

#include <crypt.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "log.h"
#include "pam.h"

#define DIGEST		32
#define CACHE		256
#define MAX_JOBS	64	/* checks that wait or run */
#define MAX_RUNNING	PAM_CONNECTIONS	/* leaves half of libuv's threads to others */
#define MADE_UP_SALT	16
#define MADE_UP_ITERATIONS 65536

/**
 * struct accounts - who may come in
 * @users: of the file
 * @pam: the helper, or NULL
 * @cache_ms: see struct accounts_settings
 * @secret: key of the cache's hashes
 * @disguise: key of what is made up for those whom nobody knows; the same for the same file
 * @any_hash: a hash for these to be checked with
 * @any_scram: a verifier of the file, or NULL
 * @cache: passwords that were good, at a place that their hash tells
 * @first: checks that wait or run, oldest first
 * @n_jobs: how many
 * @n_running: how many of these run
 * @places: which of PAM's connections are in use
 */
struct accounts {
	struct users users;
	struct pam_helper *pam;
	uint64_t cache_ms;
	unsigned char secret[DIGEST], disguise[DIGEST];
	const char *any_hash;
	const struct scram_verifier *any_scram;
	struct cached {
		unsigned char digest[DIGEST];
		uint64_t until;		/* loop time, ms */
	} cache[CACHE];
	struct accounts_job *first;
	unsigned int n_jobs, n_running;
	bool places[MAX_RUNNING];
};

/**
 * struct accounts_job - a check
 * @hash: of the user, or of another when @known is not
 * @scram: in the place of a hash, or NULL
 */
struct accounts_job {
	uv_work_t work;
	struct accounts *accounts;
	struct ln_server *server;
	struct accounts_job *next;
	struct accounts_waiter *waiters;
	bool running;
	bool known;
	enum accounts_verdict verdict;
	const char *hash;
	const struct scram_verifier *scram;
	unsigned int place;
	unsigned char digest[DIGEST];
	struct crypt_data data;
	char user[USERS_MAX_NAME + 1];
	char password[USERS_MAX_PASSWORD + 1];
};

/* --- opening --- */

/* Forgets all users but these. */
static int select_users(struct accounts *a, const struct accounts_settings *settings)
{
	struct users *u = &a->users;
	size_t kept = 0;

	if (!settings->only)
		return 0;
	for (size_t n = 0; n < settings->n_only; n++) {
		if (!users_find(u, settings->only[n])) {
			ln_error("the user '%s' is not in the file of passwords '%s'",
				 settings->only[n], settings->file);
			return -EINVAL;
		}
	}
	for (size_t i = 0; i < u->n; i++) {
		bool keep = false;

		for (size_t n = 0; n < settings->n_only && !keep; n++)
			keep = !strcmp(u->user[i].account.name, settings->only[n]);
		if (!keep) {
			free(u->user[i].scram);
			u->user[i].scram = NULL;
			continue;
		}
		u->user[kept] = u->user[i];
		if (kept++ != i)
			u->user[i].scram = NULL;
	}
	u->n = kept;
	return 0;
}

static bool make_digest(const unsigned char key[DIGEST], const char *user, const char *password,
			unsigned char digest[DIGEST])
{
	char text[USERS_MAX_NAME + 1 + USERS_MAX_PASSWORD + 1];
	size_t n = strlen(user) + 1, m = strlen(password);
	bool made;

	memcpy(text, user, n);
	memcpy(text + n, password, m);
	made = HMAC(EVP_sha256(), key, DIGEST, (unsigned char *)text, n + m, digest, NULL);
	explicit_bzero(text, sizeof(text));
	return made;
}

/* From the credentials, that nobody else knows. */
static bool make_disguise(struct accounts *a)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool made = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL);

	for (size_t i = 0; i < a->users.n && made; i++) {
		const struct user *u = &a->users.user[i];

		if (u->hash)
			made = EVP_DigestUpdate(ctx, u->hash, strlen(u->hash));
		if (u->scram && made)
			made = EVP_DigestUpdate(ctx, u->scram, sizeof(*u->scram));
	}
	made = made && EVP_DigestFinal_ex(ctx, a->disguise, NULL);
	EVP_MD_CTX_free(ctx);
	return made;
}

static void choose_any(struct accounts *a)
{
	for (size_t i = 0; i < a->users.n; i++) {
		if (!a->any_hash)
			a->any_hash = a->users.user[i].hash;
		if (!a->any_scram)
			a->any_scram = a->users.user[i].scram;
	}
}

/**
 * accounts_open() - read who may come in
 * @settings: where that is said
 *
 * Return: the accounts, or NULL after an error line.
 */
struct accounts *accounts_open(const struct accounts_settings *settings)
{
	struct accounts *a = calloc(1, sizeof(*a));
	unsigned char digest[DIGEST];

	if (!a)
		return NULL;
	a->cache_ms = settings->cache_ms;
	if (settings->file && (users_read(&a->users, settings->file, settings->third) ||
			       select_users(a, settings)))
		goto bad;
	if (settings->pam) {
		a->pam = pam_helper_new(settings->pam);
		if (!a->pam)
			goto bad;
	}
	choose_any(a);
	/* A hash of nothing lets OpenSSL load now what it will need: a worker has
	 * no access to files.
	 */
	if (getrandom(a->secret, sizeof(a->secret), 0) != sizeof(a->secret) ||
	    !make_disguise(a) || !make_digest(a->secret, "", "", digest)) {
		ln_error("no random numbers or no SHA-256 for passwords");
		goto bad;
	}
	return a;
bad:
	accounts_free(a);
	return NULL;
}

/**
 * accounts_free() - let accounts go
 * @a: accounts that nobody waits for, or NULL
 */
void accounts_free(struct accounts *a)
{
	if (!a)
		return;
	pam_helper_free(a->pam);
	users_clear(&a->users);
	free(a);
}

/**
 * accounts_launch() - start the helper process for PAM; in the daemon's launch()
 * @a: accounts, or NULL
 *
 * Return: 0, or a negative errno after an error line.
 */
int accounts_launch(struct accounts *a)
{
	return a && a->pam ? pam_helper_launch(a->pam) : 0;
}

/**
 * accounts_start() - connect a worker to the helper process; in the daemon's start()
 * @a: accounts, or NULL
 *
 * Return: 0, or a negative errno after an error line.
 */
int accounts_start(struct accounts *a)
{
	return a && a->pam ? pam_helper_connect(a->pam) : 0;
}

/**
 * accounts_reaped() - a child of the master ended
 * @a: accounts, or NULL
 * @pid: the child
 * @status: of waitpid()
 */
void accounts_reaped(struct accounts *a, pid_t pid, int status)
{
	if (a && a->pam)
		pam_helper_reaped(a->pam, pid, status);
}

/* --- in threads --- */

static bool check_hash(struct accounts_job *j)
{
	const char *got = crypt_r(j->password, j->hash, &j->data);
	size_t n = strlen(j->hash);

	return got && strlen(got) == n && !CRYPTO_memcmp(got, j->hash, n);
}

/* RFC 5802, 3: StoredKey is H(HMAC(SaltedPassword, "Client Key")). */
static bool check_scram(struct accounts_job *j)
{
	const struct scram_verifier *v = j->scram;
	unsigned char salted[DIGEST], key[DIGEST], stored[DIGEST];
	bool good;

	good = PKCS5_PBKDF2_HMAC(j->password, strlen(j->password), v->salt, v->salt_len,
				 v->iterations, EVP_sha256(), DIGEST, salted) &&
	       HMAC(EVP_sha256(), salted, DIGEST, (const unsigned char *)"Client Key", 10, key,
		    NULL) &&
	       EVP_Digest(key, DIGEST, stored, NULL, EVP_sha256(), NULL) &&
	       !CRYPTO_memcmp(stored, v->stored_key, DIGEST);
	explicit_bzero(salted, sizeof(salted));
	explicit_bzero(key, sizeof(key));
	return good;
}

static enum accounts_verdict check_pam(struct accounts_job *j)
{
	switch (pam_helper_ask(j->accounts->pam, j->place, j->user, j->password)) {
	case PAM_ANSWER_GOOD:
		return ACCOUNTS_GOOD;
	case PAM_ANSWER_BAD:
		return ACCOUNTS_BAD;
	default:
		return ACCOUNTS_BUSY;
	}
}

static void compute(uv_work_t *work)
{
	struct accounts_job *j = work->data;
	bool good = false;

	if (j->accounts->pam) {
		j->verdict = check_pam(j);
		return;
	}
	if (j->hash)
		good = check_hash(j);
	else if (j->scram)
		good = check_scram(j);
	j->verdict = good && j->known ? ACCOUNTS_GOOD : ACCOUNTS_BAD;
}

/* --- in the loop --- */

static void computed(uv_work_t *work, int status);

static void run_jobs(struct accounts *a)
{
	for (struct accounts_job *j = a->first; j && a->n_running < MAX_RUNNING; j = j->next) {
		if (j->running)
			continue;
		while (a->places[j->place])
			j->place++;
		a->places[j->place] = true;
		j->running = true;
		j->work.data = j;
		a->n_running++;
		uv_queue_work(ln_server_loop(j->server), &j->work, compute, computed);
	}
}

static struct cached *cache_place(struct accounts *a, const unsigned char digest[DIGEST])
{
	return &a->cache[digest[0] % CACHE];
}

static void computed(uv_work_t *work, int status)
{
	struct accounts_job *j = work->data, **jp = &j->accounts->first;
	struct accounts *a = j->accounts;
	struct cached *cached = cache_place(a, j->digest);
	enum accounts_verdict verdict = status ? ACCOUNTS_BUSY : j->verdict;

	while (*jp != j)
		jp = &(*jp)->next;
	*jp = j->next;
	a->n_jobs--;
	a->n_running--;
	a->places[j->place] = false;
	if (verdict == ACCOUNTS_GOOD) {
		memcpy(cached->digest, j->digest, DIGEST);
		cached->until = uv_now(work->loop) + a->cache_ms;
	}
	while (j->waiters) {
		struct accounts_waiter *w = j->waiters;

		j->waiters = w->next;
		w->job = NULL;
		w->done(w, verdict);
	}
	run_jobs(a);
	ln_server_release(j->server);
	explicit_bzero(j, sizeof(*j));
	free(j);
}

static struct accounts_job *find_job(struct accounts *a, const unsigned char digest[DIGEST])
{
	for (struct accounts_job *j = a->first; j; j = j->next)
		if (!CRYPTO_memcmp(j->digest, digest, DIGEST))
			return j;
	return NULL;
}

/* Somebody unknown, or with no credential, is checked with another's, in vain. */
static void choose_credential(struct accounts_job *j, const struct accounts *a)
{
	const struct user *u = users_find(&a->users, j->user);

	j->hash = u ? u->hash : NULL;
	j->scram = u ? u->scram : NULL;
	j->known = j->hash || j->scram;
	if (!j->known) {
		j->hash = a->any_hash;
		j->scram = a->any_scram;
	}
}

static struct accounts_job *add_job(struct accounts *a, struct ln_server *s, const char *user,
				    const char *password, const unsigned char digest[DIGEST])
{
	struct accounts_job *j, **last = &a->first;

	j = a->n_jobs < MAX_JOBS ? calloc(1, sizeof(*j)) : NULL;
	if (!j)
		return NULL;
	j->accounts = a;
	j->server = s;
	memcpy(j->digest, digest, DIGEST);
	strcpy(j->user, user);
	strcpy(j->password, password);
	choose_credential(j, a);
	while (*last)
		last = &(*last)->next;
	*last = j;
	a->n_jobs++;
	ln_server_hold(s);
	return j;
}

/**
 * accounts_check() - whether a name and password are good
 * @a: accounts
 * @s: the worker's loop
 * @user: name; one that is too long is nobody's
 * @password: password; one that is too long is wrong
 * @w: its done() is called when the verdict is ACCOUNTS_PENDING
 *
 * Return: ACCOUNTS_GOOD, ACCOUNTS_BAD, ACCOUNTS_PENDING, or ACCOUNTS_BUSY: too many are
 * waiting.
 */
enum accounts_verdict accounts_check(struct accounts *a, struct ln_server *s, const char *user,
				     const char *password, struct accounts_waiter *w)
{
	unsigned char digest[DIGEST];
	struct cached *cached;

	if (strlen(user) > USERS_MAX_NAME || strlen(password) > USERS_MAX_PASSWORD)
		return ACCOUNTS_BAD;
	if (!make_digest(a->secret, user, password, digest))
		return ACCOUNTS_BUSY;
	cached = cache_place(a, digest);
	if (cached->until > uv_now(ln_server_loop(s)) &&
	    !CRYPTO_memcmp(cached->digest, digest, DIGEST))
		return ACCOUNTS_GOOD;
	w->job = find_job(a, digest);
	if (!w->job)
		w->job = add_job(a, s, user, password, digest);
	if (!w->job)
		return ACCOUNTS_BUSY;
	w->next = w->job->waiters;
	w->job->waiters = w;
	run_jobs(a);
	return ACCOUNTS_PENDING;
}

/**
 * accounts_cancel() - wait no longer
 * @w: who waits, or does not
 */
void accounts_cancel(struct accounts_waiter *w)
{
	struct accounts_waiter **wp;

	if (!w->job)
		return;
	for (wp = &w->job->waiters; *wp != w; wp = &(*wp)->next)
		;
	*wp = w->next;
	w->job = NULL;
}

/**
 * accounts_find() - a user of the file
 * @a: accounts
 * @user: name
 *
 * Return: the user, or NULL: nobody of this name.
 */
const struct account *accounts_find(const struct accounts *a, const char *user)
{
	const struct user *u = users_find(&a->users, user);

	return u ? &u->account : NULL;
}

/**
 * accounts_have_scram() - whether SCRAM is worth offering
 * @a: accounts
 *
 * Return: whether anybody has a verifier that counts.
 */
bool accounts_have_scram(const struct accounts *a)
{
	return a->any_scram && !a->pam;
}

/**
 * accounts_scram() - what to check SCRAM with
 * @a: accounts
 * @user: name
 * @v: where it goes
 *
 * Somebody without a verifier gets one that is made up, the same each time, and that no
 * password goes with (RFC 5802, 9: the exchange must not tell who there is).
 *
 * Return: whether it is a real one.
 */
bool accounts_scram(const struct accounts *a, const char *user, struct scram_verifier *v)
{
	const struct user *u = users_find(&a->users, user);
	unsigned char digest[DIGEST] = { 0 };

	if (u && u->scram && !a->pam) {
		*v = *u->scram;
		return true;
	}
	*v = (struct scram_verifier){
		.iterations = a->any_scram ? a->any_scram->iterations : MADE_UP_ITERATIONS,
		.salt_len = a->any_scram ? a->any_scram->salt_len : MADE_UP_SALT,
	};
	if (strlen(user) <= USERS_MAX_NAME) {
		make_digest(a->disguise, user, "salt", digest);
		memcpy(v->salt, digest, DIGEST);
		make_digest(a->disguise, user, "more salt", digest);
		memcpy(v->salt + DIGEST, digest, DIGEST);
		make_digest(a->disguise, user, "key", v->stored_key);
	}
	return false;
}
