// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * packetscript [-p PROTO] [-f FAMILY] [-t CASE] [-v] SCRIPT...
 *
 * Plays scripts, each case in a process and a network namespace of its own,
 * and reports in KTAP.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "packet.h"

#define EXIT_SKIP	4
#define CASE_LIMIT	30	/* seconds of the processor for one case */

int proto = 253;
int family = 4;
bool mapped;
bool verbose;
int time_factor = 1;
bool exact_time;
char scripts_dir[256] = ".";

static const char *only;
static int number, failed;

void skip_case(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	printf("SKIP ");
	vprintf(format, args);
	printf("\n");
	fflush(stdout);
	_exit(EXIT_SKIP);
}

static void usage(void)
{
	fprintf(stderr,
		"Usage: packetscript [OPTION...] SCRIPT...\n"
		"  -p PROTO   6 (kernel TCP) or 253; default: both\n"
		"  -f FAMILY  4, 6, or 46 (IPv4 through IPv6 sockets); default: 4 and 6\n"
		"  -t CASE    this row of the script's table only\n"
		"  -d FOLDER  where lib/ is (default: beside the program)\n"
		"  -v         show what happens\n"
		"Needs root. In a guest of \"lab run --virtual-time\" times are exact; elsewhere\n"
		"tolerances are wider, and LAB_TIME_FACTOR multiplies them.\n");
	exit(2);
}

/* What the case says about itself; a line may tell why it was skipped, or that
 * it is known to fail
 */
static void show_log(FILE *log, char *reason, size_t size, bool *todo)
{
	char line[1024];

	*reason = 0;
	*todo = false;
	rewind(log);
	while (fgets(line, sizeof(line), log)) {
		if (!strncmp(line, "SKIP ", 5) || !strncmp(line, "TODO ", 5)) {
			*todo = *line == 'T';
			line[strcspn(line, "\n")] = 0;
			snprintf(reason, size, "%.*s", (int)size - 1, line + 5);
		} else {
			printf("# %s", line);
		}
	}
}

static void run_case(const char *path, int row)
{
	struct lines lines;

	/* a script that turns in circles ends */
	alarm(CASE_LIMIT * time_factor * 20);
	script_load(path, row, &lines);
	play(&lines);
	fflush(stdout);
	_exit(0);
}

static void run_one(const char *path, const char *name, int row)
{
	FILE *log = tmpfile();
	char reason[256];
	int status = -1;
	bool todo;
	pid_t pid;

	if (!log) {
		perror("packetscript: a temporary file");
		exit(1);
	}
	fflush(stdout);
	pid = fork();
	if (!pid) {
		dup2(fileno(log), STDOUT_FILENO);
		run_case(path, row);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		perror("packetscript: fork");
		exit(1);
	}
	show_log(log, reason, sizeof(reason), &todo);
	fclose(log);
	number++;
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SKIP) {
		printf("ok %d %s # SKIP %s\n", number, name, reason);
	} else if (status && todo) {
		printf("ok %d %s # SKIP known to fail: %s\n", number, name, reason);
	} else if (status) {
		if (WIFSIGNALED(status))
			printf("# ended by signal %d (%s)\n", WTERMSIG(status),
			       strsignal(WTERMSIG(status)));
		printf("not ok %d %s\n", number, name);
		failed++;
	} else {
		if (todo)
			printf("# it passes: \"todo\" can go\n");
		printf("ok %d %s\n", number, name);
	}
}

/* The first connection after the start of the kernel is slow: have it over */
static void warm_up(int number)
{
	struct sockaddr_in sa = { .sin_family = AF_INET };
	socklen_t len = sizeof(sa);
	int a = socket(AF_INET, SOCK_STREAM, number), b = socket(AF_INET, SOCK_STREAM, number);

	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (!bind(a, (void *)&sa, len) && !listen(a, 1) &&
	    !getsockname(a, (void *)&sa, &len) && connect(b, (void *)&sa, len))
		perror("packetscript: the loopback interface");
	close(b);
	close(a);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The path's last two parts without .pkt, the case, what it runs on */
static void case_name(char *name, size_t size, const char *path, const char *row)
{
	const char *base = base_name(path), *dot = strrchr(base, '.');
	const char *topic = base;

	while (topic > path + 1 && topic[-2] != '/')
		topic--;
	if (topic > path && topic[-1] != '/')
		topic--;
	snprintf(name, size, "%.*s%s%s, protocol %d, IPv%d%s",
		 dot ? (int)(dot - topic) : (int)strlen(topic), topic, row ? ": " : "", row ?: "",
		 proto, family, mapped ? " in IPv6" : "");
}

static void run_script(const char *path, int cases, char **rows, bool plan_only, int *count)
{
	char name[256];
	int row;

	for (row = 0; row < cases; row++) {
		if (only && (!rows[row] || strcmp(only, rows[row])))
			continue;
		if (plan_only) {
			(*count)++;
			continue;
		}
		case_name(name, sizeof(name), path, rows[row]);
		run_one(path, name, row);
	}
}

/* In virtual time a second of sleep takes none, and nobody else has the
 * processor: the guest says so
 */
static bool time_is_exact(void)
{
	const char *e = getenv("LAB_VIRTUAL_TIME");

	return e && *e;
}

int main(int argc, char **argv)
{
	static const int all_protos[] = { 6, 253 }, all_families[] = { 4, 6 };
	int protos[2], families[2], n_protos = 2, n_families = 2, pass, opt, i, p, f;
	int cases, count = 0;
	const char *factor = getenv("LAB_TIME_FACTOR");
	char **rows;

	memcpy(protos, all_protos, sizeof(protos));
	memcpy(families, all_families, sizeof(families));
	snprintf(scripts_dir, sizeof(scripts_dir), "%.*s",
		 strrchr(argv[0], '/') ? (int)(strrchr(argv[0], '/') - argv[0]) : 1,
		 strrchr(argv[0], '/') ? argv[0] : ".");
	while ((opt = getopt(argc, argv, "p:f:t:d:v")) != -1) {
		switch (opt) {
		case 'p':
			protos[0] = atoi(optarg);
			n_protos = 1;
			break;
		case 'f':
			mapped = !strcmp(optarg, "46");
			families[0] = mapped ? 4 : atoi(optarg);
			if (families[0] != 4 && families[0] != 6)
				usage();
			n_families = 1;
			break;
		case 't':
			only = optarg;
			break;
		case 'd':
			snprintf(scripts_dir, sizeof(scripts_dir), "%s", optarg);
			break;
		case 'v':
			verbose = true;
			break;
		default:
			usage();
		}
	}
	if (optind == argc)
		usage();
	time_factor = factor && atoi(factor) > 0 ? atoi(factor) : 1;
	exact_time = time_is_exact();
	setvbuf(stdout, NULL, _IOLBF, 0);
	/* The device node exists once the module does */
	if (access("/dev/net/tun", F_OK) && system("modprobe tun"))
		fprintf(stderr, "packetscript: there is no tun device\n");
	for (pass = 0; pass < 2; pass++) {
		if (pass)
			printf("TAP version 13\n1..%d\n", count);
		for (p = 0; p < n_protos && pass; p++)
			warm_up(protos[p]);
		for (i = optind; i < argc; i++) {
			cases = script_cases(argv[i], &rows);
			if (cases < 0) {
				fprintf(stderr, "packetscript: %s: %s\n", argv[i], strerror(errno));
				return 2;
			}
			for (p = 0; p < n_protos; p++) {
				for (f = 0; f < n_families; f++) {
					proto = protos[p];
					family = families[f];
					run_script(argv[i], cases, rows, !pass, &count);
				}
			}
		}
	}
	return failed != 0;
}
