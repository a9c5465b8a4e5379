// SPDX-License-Identifier: GPL-2.0-or-later
/* The last steps of a process before it is a CGI program (RFC 3875, 7.2). */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "codec/environment.h"
#include "spawner.h"

#define MAX_VARIABLES	1024
#define DEFAULT_PATH	"/usr/local/bin:/usr/bin:/bin"
/* Above the descriptors of a program, while they are being put in order. */
#define FIRST_HIGH	(3 + SPAWN_MAX_FDS)

/* What a request may set: nothing that the dynamic loader or an interpreter looks at. */
static bool is_allowed(const char *name)
{
	static const char *const families[] = {
		"HTTP_", "REMOTE_", "SERVER_", "REQUEST_", "CONTENT_", "LINNET_", "FORM_",
	};
	static const char *const names[] = {
		"GATEWAY_INTERFACE", "QUERY_STRING", "AUTH_TYPE", "HTTPS",
	};

	for (size_t i = 0; i < sizeof(families) / sizeof(*families); i++)
		if (!strncmp(name, families[i], strlen(families[i])))
			return true;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

struct list {
	char *entry[MAX_VARIABLES + 1];
	int n;
	bool failed;
};

static bool has(const struct list *list, const char *name, size_t len)
{
	for (int i = 0; i < list->n; i++)
		if (!strncmp(list->entry[i], name, len) && list->entry[i][len] == '=')
			return true;
	return false;
}

static void append(struct list *list, const struct cgi_buffer *b, bool checked)
{
	struct cgi_variable v;
	size_t at = 0;

	while (cgi_next_variable(b, &at, &v)) {
		if ((checked && !is_allowed(v.name)) || has(list, v.name, v.name_len))
			continue;
		if (list->n == MAX_VARIABLES ||
		    asprintf(&list->entry[list->n], "%s=%s", v.name, v.value) < 0) {
			list->failed = true;
			return;
		}
		list->entry[++list->n] = NULL;
	}
}

static char *join(const char *a, const char *slash, const char *b, size_t len)
{
	char *out;

	return asprintf(&out, "%s%s%.*s", a, slash, (int)len, b) < 0 ? NULL : out;
}

/* The section's own variables win, then those of the script, then the request's. */
static bool make_environment(struct list *list, const struct spawner_conf *conf, const char *path,
			     size_t script_len, const struct cgi_buffer *request)
{
	struct cgi_buffer script;
	char *prefix = join("/", "", conf->prefix, strlen(conf->prefix));
	char *name = prefix ? join(prefix, *conf->prefix ? "/" : "", path, script_len) : NULL;
	char *filename = join(conf->folder, "/", path, script_len);

	if (!name || !filename)
		return false;
	append(list, &conf->variables, false);
	cgi_buffer_init(&script, 65536);
	cgi_add_script(&script, conf->root, name, filename, path + script_len);
	cgi_add_variable(&script, "PATH", DEFAULT_PATH, strlen(DEFAULT_PATH));
	if (!cgi_buffer_ok(&script))
		return false;
	append(list, &script, false);
	append(list, request, true);
	return !list->failed;
}

static int set_limit(int what, uint64_t value)
{
	struct rlimit limit = { value, value };

	return value && setrlimit(what, &limit) ? errno : 0;
}

static int set_limits(const struct spawner_conf *conf)
{
	int err = set_limit(RLIMIT_CPU, conf->cpu_seconds);

	if (!err)
		err = set_limit(RLIMIT_AS, conf->memory);
	return err ? err : set_limit(RLIMIT_NPROC, conf->processes);
}

static void reset_signals(void)
{
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* @fds become 0, 1, 2, ...; everything else closes when the program starts. */
static int order_descriptors(const int *fds, int n)
{
	int high[FIRST_HIGH];

	for (int i = 0; i < n; i++) {
		high[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, FIRST_HIGH);
		if (high[i] < 0)
			return errno;
	}
	for (int i = 0; i < n; i++)
		if (dup2(high[i], i) < 0)
			return errno;
	return close_range(n, ~0U, CLOSE_RANGE_CLOEXEC) ? errno : 0;
}

/**
 * program_exec() - become the program
 * @conf: the section
 * @folder: descriptor of the folder that it is in
 * @path: its path below the section's folder, and what follows it
 * @script_len: length of the first
 * @name_start: where its name begins there
 * @environment: the request's variables
 * @environment_len: octets of them
 * @fds: its descriptors from 0 on
 * @n_fds: how many, at least 3
 *
 * Return: an errno.
 */
int program_exec(const struct spawner_conf *conf, int folder, const char *path, size_t script_len,
		 size_t name_start, const char *environment, size_t environment_len,
		 const int *fds, int n_fds)
{
	struct cgi_buffer request = { .data = (char *)environment, .len = environment_len };
	char *name = join(".", "/", path + name_start, script_len - name_start);
	char *argv[] = { name, NULL };
	struct list list = { .n = 0 };
	int err;

	/* A session and a group of its own, which can be killed as a whole. */
	setsid();
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	reset_signals();
	if (!name || !make_environment(&list, conf, path, script_len, &request))
		return E2BIG;
	if (fchdir(folder))
		return errno;
	err = set_limits(conf);
	if (!err)
		err = order_descriptors(fds, n_fds);
	if (err)
		return err;
	execve(name, argv, list.entry);
	return errno;
}
