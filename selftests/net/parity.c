// SPDX-License-Identifier: GPL-2.0-or-later
#include <fcntl.h>
#include <fnmatch.h>
#include <sched.h>
#include <stdarg.h>
#include <sys/wait.h>

#include "parity.h"

#define MOST_LINES	20000

static FILE *transcript;

char *text(const char *format, ...)
{
	char *s;
	va_list args;

	va_start(args, format);
	if (vasprintf(&s, format, args) < 0)
		FAIL("no memory");
	va_end(args);
	return s;
}

const char *errno_name(int err)
{
	return err ? strerrorname_np(err) ?: text("errno %d", err) : "0";
}

/* A line of the transcript: what was done, and what came of it */
void say(const char *label, const char *format, ...)
{
	va_list args;

	fprintf(transcript, "%s\t", label);
	va_start(args, format);
	vfprintf(transcript, format, args);
	va_end(args);
	fputc('\n', transcript);
}

void say_result(const char *label, long result)
{
	int err = errno;

	if (result < 0)
		say(label, "%s", errno_name(err));
	else
		say(label, "%ld", result);
}

const char * const sk_state_names[N_STATES] = {
	"fresh", "bound", "listening", "connecting", "established",
	"peer closed", "shut for writing", "shut for reading", "shut for both",
	"reset", "closed",
};

/* SYNs to a full accept queue are dropped: a connection that does not come
 * about
 */
static int connecting(int family)
{
	int l = sk_listen(loopback(family), 0, 0), fd;

	sk_connected(loopback(family), sk_port(l));
	AWAIT(sk_events(l, 1 /* POLLIN */, 0));
	fd = sk_new_nonblock(family);
	CHECK_ERR(sk_connect(fd, loopback(family), sk_port(l)), EINPROGRESS);
	sk_nonblock(fd, false);
	return fd;
}

static void reset_by(int fd)
{
	struct linger linger = { .l_onoff = 1 };

	OK(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
	close(fd);
}

int sk_in(enum sk_state state, int family, int *peer)
{
	int fd[2];

	*peer = -1;
	switch (state) {
	case FRESH:
		return sk_new(family);
	case BOUND:
		fd[0] = sk_new(family);
		OK(sk_bind(fd[0], loopback(family), 0));
		return fd[0];
	case LISTENING:
		return sk_listen(loopback(family), 0, 5);
	case CONNECTING:
		return connecting(family);
	default:
		break;
	}
	sk_pair(family, fd);
	*peer = fd[1];
	switch (state) {
	case PEER_CLOSED:
		OK(shutdown(fd[1], SHUT_WR));
		AWAIT(sk_info(fd[0]).tcpi_state == 8);
		break;
	case SHUT_WRITE:
		OK(shutdown(fd[0], SHUT_WR));
		AWAIT(sk_info(fd[0]).tcpi_state == 5);
		break;
	case SHUT_READ:
		OK(shutdown(fd[0], SHUT_RD));
		break;
	case SHUT_BOTH:
		OK(shutdown(fd[0], SHUT_RDWR));
		AWAIT(sk_info(fd[0]).tcpi_state == 5);
		break;
	case WAS_RESET:
		reset_by(fd[1]);
		*peer = -1;
		AWAIT(sk_info(fd[0]).tcpi_state == 7);
		break;
	case WAS_CLOSED:
		OK(shutdown(fd[1], SHUT_WR));
		AWAIT(sk_info(fd[0]).tcpi_state == 8);
		OK(shutdown(fd[0], SHUT_WR));
		AWAIT(sk_info(fd[0]).tcpi_state == 7);
		break;
	default:
		break;
	}
	return fd[0];
}

static void run_one(const struct scenario *s, int protocol, int out)
{
	proto = protocol;
	ns_alone();
	alarm(TEST_LIMIT * time_factor());
	transcript = fdopen(out, "w");
	s->run();
	if (fclose(transcript))
		FAIL("the transcript cannot be written");
	exit(0);
}

/* Lines, or NULL when the scenario failed */
static char **run_scenario(const struct scenario *s, int protocol, int *n)
{
	char **lines = calloc(MOST_LINES, sizeof(*lines)), *line = NULL;
	FILE *file = tmpfile();
	size_t size = 0;
	int status;
	pid_t pid;

	*n = 0;
	fflush(stdout);
	pid = fork();
	if (!pid)
		run_one(s, protocol, dup(fileno(file)));
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status) {
		printf("# protocol %d: the scenario failed, status %x\n",
		       protocol, status);
		return NULL;
	}
	rewind(file);
	while (*n < MOST_LINES && getline(&line, &size, file) > 0) {
		line[strcspn(line, "\n")] = '\0';
		lines[(*n)++] = strdup(line);
	}
	free(line);
	fclose(file);
	return lines;
}

static const struct difference *known_difference(const struct difference *known,
						 int n, const char *scenario,
						 const char *label)
{
	for (int i = 0; i < n; i++)
		if (!fnmatch(known[i].scenario, scenario, 0) &&
		    !fnmatch(known[i].label, label, 0))
			return &known[i];
	return NULL;
}

static bool compare(const struct scenario *s, const struct difference *known,
		    int n_known, int linnet)
{
	int n[2], different = 0, excused = 0;
	char **tcp = run_scenario(s, PROTO_TCP, &n[0]);
	char **own = run_scenario(s, linnet, &n[1]);

	if (!tcp || !own)
		return false;
	for (int i = 0; i < n[0] && i < n[1]; i++) {
		size_t label = strcspn(tcp[i], "\t");
		char *name = strndup(tcp[i], label);

		if (label != strcspn(own[i], "\t") || memcmp(tcp[i], own[i], label)) {
			printf("# line %d: out of step: \"%s\", \"%s\"\n", i,
			       tcp[i], own[i]);
			return false;
		}
		if (strcmp(tcp[i], own[i])) {
			bool is_known = known_difference(known, n_known, s->name, name);

			if (!is_known || getenv("VERBOSE"))
				printf("# %s%s: TCP %s, Linnet %s\n", is_known ? "known: " : "",
				       name, tcp[i] + label + 1, own[i] + label + 1);
			excused += is_known;
			different += !is_known;
		}
		free(name);
	}
	if (n[0] != n[1]) {
		printf("# %d lines, %d lines\n", n[0], n[1]);
		return false;
	}
	printf("# %d answers, %d known differences\n", n[0], excused);
	return !different;
}

int parity_main(const struct scenario *scenarios, int n,
		const struct difference *known, int n_known)
{
	const char *only = getenv("ONLY");
	int linnet = PROTO_LINNET, failed = 0, fd;

	setvbuf(stdout, NULL, _IOLBF, 0);
	/* TCP against itself: do the scenarios tell the same twice? */
	if (getenv("PROTO"))
		linnet = atoi(getenv("PROTO"));
	fd = socket(AF_INET, SOCK_STREAM, linnet);
	if (fd < 0) {
		printf("1..0 # SKIP protocol %d: %s\n", linnet, strerror(errno));
		return 4;
	}
	close(fd);
	printf("TAP version 13\n1..%d\n", n);
	for (int i = 0; i < n; i++) {
		bool ok = (only && strcmp(only, scenarios[i].name)) ||
			  compare(&scenarios[i], known, n_known, linnet);

		printf("%sok %d %s\n", ok ? "" : "not ", i + 1, scenarios[i].name);
		failed += !ok;
	}
	return failed != 0;
}
