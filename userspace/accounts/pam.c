// SPDX-License-Identifier: GPL-2.0-or-later
#include "pam.h"

#include <errno.h>
#include <poll.h>
#include <security/pam_appl.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "users.h"

#define BACKLOG		64
/* Longest question of a module, and what a worker waits for it. */
#define QUESTION_S	30
#define ANSWER_MS	((QUESTION_S + 5) * 1000)
#define MAX_FDS		65536
/* One that ends within this time again is started later. */
#define SHORT_LIFE_S	2
#define PAUSE_S		5

/**
 * struct pam_helper - the helper process, as master and workers see it
 * @service: PAM's name for what asks
 * @folder: of its file, or NULL: PAM's own
 * @listener: the master's socket, -1: none yet
 * @address, @address_len: where it listens
 * @pid: the helper, or 0
 * @started: when, s
 * @connections: a worker's
 */
struct pam_helper {
	char *service, *folder;
	int listener;
	struct sockaddr_un address;
	socklen_t address_len;
	pid_t pid;
	time_t started;
	int connections[PAM_CONNECTIONS];
};

/**
 * struct question - what a worker sends
 * @user, @password: ended by NUL
 */
struct question {
	char user[USERS_MAX_NAME + 1];
	char password[USERS_MAX_PASSWORD + 1];
};

static time_t now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

/* --- the process of a question --- */

/* Passwords for all that is asked without echo, the name for the rest. */
static int converse(int n, const struct pam_message **messages, struct pam_response **responses,
		    void *data)
{
	const struct question *q = data;
	struct pam_response *r;

	if (n < 1 || n > PAM_MAX_NUM_MSG)
		return PAM_CONV_ERR;
	r = calloc(n, sizeof(*r));
	if (!r)
		return PAM_BUF_ERR;
	for (int i = 0; i < n; i++) {
		if (messages[i]->msg_style == PAM_PROMPT_ECHO_OFF)
			r[i].resp = strdup(q->password);
		else if (messages[i]->msg_style == PAM_PROMPT_ECHO_ON)
			r[i].resp = strdup(q->user);
	}
	*responses = r;
	return PAM_SUCCESS;
}

/* The servers make those wait who failed; here it would keep others from being asked. */
static void no_delay(int status, unsigned int usec, void *data)
{
	(void)status;
	(void)usec;
	(void)data;
}

static enum pam_answer ask_pam(const struct pam_helper *h, struct question *q)
{
	const struct pam_conv conversation = { converse, q };
	pam_handle_t *pam;
	int r;

	if (pam_start_confdir(h->service, q->user, &conversation, h->folder, &pam))
		return PAM_ANSWER_NONE;
	pam_set_item(pam, PAM_FAIL_DELAY, (const void *)no_delay);
	r = pam_authenticate(pam, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
	if (!r)
		r = pam_acct_mgmt(pam, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
	if (r)
		ln_info("PAM: %s: %s", h->service, pam_strerror(pam, r));
	pam_end(pam, r);
	switch (r) {
	case PAM_SUCCESS:
		return PAM_ANSWER_GOOD;
	case PAM_SYSTEM_ERR:
	case PAM_BUF_ERR:
	case PAM_CONV_ERR:
	case PAM_ABORT:
	case PAM_OPEN_ERR:
	case PAM_SYMBOL_ERR:
	case PAM_SERVICE_ERR:
	case PAM_AUTHINFO_UNAVAIL:
		return PAM_ANSWER_NONE;
	default:
		return PAM_ANSWER_BAD;
	}
}

/* --- the process of a connection --- */

static enum pam_answer answer(const struct pam_helper *h, struct question *q)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		alarm(QUESTION_S);
		_exit(ask_pam(h, q));
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) {
		ln_warning("PAM: %s: a question was not answered", h->service);
		return PAM_ANSWER_NONE;
	}
	return WEXITSTATUS(status);
}

static bool is_whole(const struct question *q, ssize_t len)
{
	return len == sizeof(*q) && memchr(q->user, 0, sizeof(q->user)) &&
	       memchr(q->password, 0, sizeof(q->password));
}

/* Until the worker has gone. Never returns. */
static void serve(const struct pam_helper *h, int fd)
{
	struct question q;
	ssize_t n;

	signal(SIGCHLD, SIG_DFL);
	while ((n = recv(fd, &q, sizeof(q), 0)) > 0 || (n < 0 && errno == EINTR)) {
		unsigned char octet;

		if (n < 0)
			continue;
		octet = is_whole(&q, n) ? answer(h, &q) : PAM_ANSWER_NONE;
		explicit_bzero(&q, sizeof(q));
		if (send(fd, &octet, 1, MSG_NOSIGNAL) != 1)
			break;
	}
	_exit(EXIT_SUCCESS);
}

/* --- the helper --- */

/* The master's sockets are not ours to keep open. */
static void close_sockets(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	for (int fd = 3; fd < (int)limit.rlim_cur && fd < MAX_FDS; fd++) {
		int domain;
		socklen_t len = sizeof(domain);

		if (!getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) &&
		    (domain == AF_INET || domain == AF_INET6))
			close(fd);
	}
}

/* A name in the abstract space is open to all: only who we are may ask. */
static bool is_ours(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) && peer.uid == geteuid();
}

/* Never returns. */
static void help(const struct pam_helper *h, pid_t parent, unsigned int pause)
{
	sigset_t none;

	signal(SIGINT, SIG_IGN);	/* the terminal's: the master tells us */
	signal(SIGHUP, SIG_IGN);
	signal(SIGUSR1, SIG_IGN);
	signal(SIGTERM, SIG_DFL);
	signal(SIGCHLD, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(EXIT_FAILURE);
	close_sockets();
	sleep(pause);
	for (;;) {
		int fd = accept4(h->listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0 && errno != EINTR && errno != ECONNABORTED)
			sleep(1);
		if (fd < 0)
			continue;
		if (is_ours(fd) && !fork())
			serve(h, fd);
		close(fd);
	}
}

/* --- the master --- */

/**
 * pam_helper_new() - prepare
 * @service: a name below /etc/pam.d, or the path of such a file
 *
 * Return: the helper, which does not run, or NULL after an error line.
 */
struct pam_helper *pam_helper_new(const char *service)
{
	struct pam_helper *h = calloc(1, sizeof(*h));
	const char *slash = strrchr(service, '/');

	if (!h)
		return NULL;
	h->listener = -1;
	for (int i = 0; i < PAM_CONNECTIONS; i++)
		h->connections[i] = -1;
	h->service = strdup(slash ? slash + 1 : service);
	if (slash)
		h->folder = slash == service ? strdup("/") : strndup(service, slash - service);
	if (!h->service || (slash && !h->folder) || !*h->service) {
		ln_error("'%s' is no PAM service: allowed are names below /etc/pam.d and paths "
			 "of such files", service);
		pam_helper_free(h);
		return NULL;
	}
	return h;
}

static int start(struct pam_helper *h, unsigned int pause)
{
	pid_t parent = getpid(), pid = fork();

	if (!pid)
		help(h, parent, pause);
	if (pid < 0) {
		ln_error("PAM: cannot start the helper: %s", strerror(errno));
		return -errno;
	}
	h->pid = pid;
	h->started = now_s();
	return 0;
}

/**
 * pam_helper_launch() - start the helper; in the master
 * @h: the helper
 *
 * Return: 0, or a negative errno after an error line.
 */
int pam_helper_launch(struct pam_helper *h)
{
	h->address.sun_family = AF_UNIX;
	h->address_len = sizeof(h->address);
	h->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	/* The kernel picks a name. */
	if (h->listener < 0 ||
	    bind(h->listener, (struct sockaddr *)&h->address, sizeof(sa_family_t)) ||
	    getsockname(h->listener, (struct sockaddr *)&h->address, &h->address_len) ||
	    listen(h->listener, BACKLOG)) {
		ln_error("PAM: no socket for the helper: %s", strerror(errno));
		return -errno;
	}
	return start(h, 0);
}

/**
 * pam_helper_reaped() - a child of the master ended; if it is the helper, start it again
 * @h: the helper
 * @pid: the child
 * @status: of waitpid()
 */
void pam_helper_reaped(struct pam_helper *h, pid_t pid, int status)
{
	if (!h->pid || pid != h->pid)
		return;
	if (WIFSIGNALED(status))
		ln_warning("PAM: the helper was ended by signal %d (%s)", WTERMSIG(status),
			   strsignal(WTERMSIG(status)));
	else
		ln_warning("PAM: the helper ended with status %d", WEXITSTATUS(status));
	h->pid = 0;
	start(h, now_s() - h->started < SHORT_LIFE_S ? PAUSE_S : 0);
}

/**
 * pam_helper_free() - end the helper; questions that are under way are answered
 * @h: the helper, or NULL
 */
void pam_helper_free(struct pam_helper *h)
{
	if (!h)
		return;
	if (h->pid)
		kill(h->pid, SIGTERM);
	if (h->listener >= 0)
		close(h->listener);
	for (int i = 0; i < PAM_CONNECTIONS; i++)
		if (h->connections[i] >= 0)
			close(h->connections[i]);
	free(h->service);
	free(h->folder);
	free(h);
}

/* --- workers --- */

/**
 * pam_helper_connect() - connect to the helper; in a worker, with the master's rights
 * @h: the helper
 *
 * Return: 0, or a negative errno after an error line.
 */
int pam_helper_connect(struct pam_helper *h)
{
	h->pid = 0;			/* the master's child, not ours */
	for (int i = 0; i < PAM_CONNECTIONS; i++) {
		int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

		h->connections[i] = fd;
		if (fd < 0 || connect(fd, (struct sockaddr *)&h->address, h->address_len)) {
			ln_error("PAM: cannot connect to the helper: %s", strerror(errno));
			return -errno;
		}
	}
	return 0;
}

/**
 * pam_helper_ask() - whether a name and password are good; waits
 * @h: the helper
 * @place: of the connection
 * @user: name
 * @password: password
 *
 * Return: the answer; PAM_ANSWER_NONE after an error line.
 */
enum pam_answer pam_helper_ask(struct pam_helper *h, unsigned int place, const char *user,
			       const char *password)
{
	struct question q = { 0 };
	struct pollfd p = { .fd = h->connections[place], .events = POLLIN };
	unsigned char octet = PAM_ANSWER_NONE;
	ssize_t sent;

	strncpy(q.user, user, sizeof(q.user) - 1);
	strncpy(q.password, password, sizeof(q.password) - 1);
	sent = send(p.fd, &q, sizeof(q), MSG_NOSIGNAL);
	explicit_bzero(&q, sizeof(q));
	if (sent == sizeof(q) && poll(&p, 1, ANSWER_MS) == 1 && recv(p.fd, &octet, 1, 0) == 1)
		return octet <= PAM_ANSWER_BAD ? octet : PAM_ANSWER_NONE;
	/* An answer that comes later must not be taken for another question's. */
	shutdown(p.fd, SHUT_RDWR);
	ln_error("PAM: the helper does not answer; workers have another after SIGHUP");
	return PAM_ANSWER_NONE;
}
