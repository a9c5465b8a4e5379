// SPDX-License-Identifier: GPL-2.0-or-later
/* net.linnet.*: readable, bounded, and each namespace's own. */
#include <dirent.h>
#include <fcntl.h>

#include "lib.h"

#define FOLDER	"/proc/sys/net/linnet/"

static const struct {
	const char	*name;
	long		low, high;
} bounds[] = {
	{ "window_scaling", 0, 1 },
	{ "timestamps", 0, 1 },
	{ "sack", 0, 1 },
	{ "gso", 0, 1 },
	{ "moderate_rcvbuf", 0, 1 },
	{ "rcvbuf_low_rtt", 0, 2147483647 },
	{ "rto_min_us", 1, 2147483647 },
	{ "rto_max_ms", 1000, 120000 },
	{ "autocorking", 0, 1 },
	{ "slow_start_after_idle", 0, 1 },
	{ "abort_on_overflow", 0, 1 },
	{ "rfc1337", 0, 1 },
	{ "reordering", 3, 300 },
	{ "syn_retries", 1, 127 },
	{ "synack_retries", 0, 255 },
	{ "retries1", 0, 255 },
	{ "retries2", 0, 255 },
	{ "orphan_retries", 0, 255 },
	{ "max_syn_backlog", 1, 1073741823 },
	{ "syncookies", 0, 2 },
	{ "l3mdev_accept", 0, 1 },
	{ "fastopen", 0, 2047 },
	{ "fastopen_blackhole_timeout_sec", 0, 1073741823 },
	{ "fin_timeout", 1, 86400 },
	{ "keepalive_time", 1, 32767 },
	{ "keepalive_intvl", 1, 32767 },
	{ "keepalive_probes", 1, 127 },
	{ "tw_reuse", 0, 2 },
	{ "max_tw_buckets", 0, 1073741823 },
	{ "challenge_ack_limit", 0, 2147483647 },
	{ "adv_win_scale", -31, 31 },
	{ "app_win", 0, 31 },
	{ "shrink_window", 0, 1 },
	{ "workaround_signed_windows", 0, 1 },
	{ "min_rtt_wlen", 0, 86400 },
	{ "invalid_ratelimit", 0, 60000 },
	{ "min_tso_segs", 1, 255 },
	{ "tso_win_divisor", 0, 255 },
	{ "retrans_collapse", 0, 1 },
	{ "dsack", 0, 1 },
	{ "pacing_ss_ratio", 0, 1000 },
	{ "pacing_ca_ratio", 0, 1000 },
	{ "comp_sack_delay_ns", 0, 2147483647 },
	{ "comp_sack_slack_ns", 0, 2147483647 },
	{ "comp_sack_rtt_percent", 1, 1000 },
	{ "comp_sack_nr", 0, 255 },
};

/* Without the newline */
static const char *read_value(const char *name)
{
	static char text[2][128];
	static int which;
	char path[128];
	ssize_t n;
	int fd;

	which = !which;
	snprintf(path, sizeof(path), FOLDER "%s", name);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		FAIL("%s: %s", path, strerror(errno));
	n = OK(read(fd, text[which], sizeof(text[0]) - 1));
	close(fd);
	while (n > 0 && text[which][n - 1] == '\n')
		n--;
	text[which][n] = 0;
	return text[which];
}

/* 0 or the error's number */
static int write_value(const char *name, const char *value)
{
	char path[128];
	int fd, err;

	snprintf(path, sizeof(path), FOLDER "%s", name);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		return errno;
	err = write(fd, value, strlen(value)) < 0 ? errno : 0;
	close(fd);
	return err;
}

static void accepted(const char *name, const char *value)
{
	int err = write_value(name, value);

	if (err)
		FAIL("%s to %s: %s", name, value, strerror(err));
	if (strcmp(read_value(name), value))
		FAIL("%s set to %s reads %s", name, value, read_value(name));
}

static void refused(const char *name, const char *value, int expected)
{
	char before[128];
	int err;

	snprintf(before, sizeof(before), "%s", read_value(name));
	err = write_value(name, value);
	if (err != expected)
		FAIL("%s to %s: %s, not %s", name, value, strerror(err), strerror(expected));
	if (strcmp(read_value(name), before))
		FAIL("%s was %s, is %s after %s", name, before, read_value(name), value);
}

static const char *text_of(long value)
{
	static char text[24];

	snprintf(text, sizeof(text), "%ld", value);
	return text;
}

static void readable(void)
{
	DIR *dir = opendir(FOLDER);
	struct dirent *entry;
	size_t n = 0;

	CHECK(dir);
	while ((entry = readdir(dir)))
		if (*entry->d_name != '.') {
			CHECK(*read_value(entry->d_name));
			n++;
		}
	closedir(dir);
	CHECK(n > sizeof(bounds) / sizeof(*bounds));
}

static void ranges(void)
{
	for (size_t i = 0; i < sizeof(bounds) / sizeof(*bounds); i++) {
		const char *name = bounds[i].name;
		char before[128];
		long value;

		snprintf(before, sizeof(before), "%s", read_value(name));
		value = atol(before);
		if (value < bounds[i].low || value > bounds[i].high)
			FAIL("%s begins with %ld", name, value);
		accepted(name, text_of(bounds[i].low));
		accepted(name, text_of(bounds[i].high));
		refused(name, text_of(bounds[i].low - 1), EINVAL);
		refused(name, text_of(bounds[i].high + 1), EINVAL);
		refused(name, "99999999999999", EINVAL);
		refused(name, "word", EINVAL);
		accepted(name, before);
	}
}

static void own(void)
{
	int here = ns_current(), there = ns_new();

	for (size_t i = 0; i < sizeof(bounds) / sizeof(*bounds); i++) {
		const char *name = bounds[i].name;
		char before[128], other[24];

		ns_enter(there);
		snprintf(before, sizeof(before), "%s", read_value(name));
		snprintf(other, sizeof(other), "%ld", atol(before) == bounds[i].low ?
			 bounds[i].high : bounds[i].low);
		ns_enter(here);
		accepted(name, other);
		ns_enter(there);
		CHECK(!strcmp(read_value(name), before));
		ns_enter(here);
	}
}

static void triples(void)
{
	static const char * const names[] = { "rmem", "wmem" };

	for (int i = 0; i < 2; i++) {
		accepted(names[i], "4096\t50000\t60000");
		CHECK_EQ(write_value(names[i], "1 1 1"), EINVAL);
		CHECK_EQ(write_value(names[i], "-5"), EINVAL);
		CHECK(!strcmp(read_value(names[i]), "4096\t50000\t60000"));
	}
	/* new sockets begin with the second of them */
	CHECK_EQ(sk_int(sk_new(AF_INET), SOL_SOCKET, SO_RCVBUF), 50000);
	CHECK_EQ(sk_int(sk_new(AF_INET6), SOL_SOCKET, SO_SNDBUF), 50000);
}

static void congestion(void)
{
	int here = ns_current(), there = ns_new();
	char name[16] = "";
	socklen_t len = sizeof(name);

	accepted("congestion_control", "reno");
	accepted("congestion_control", "linnet_reno");
	refused("congestion_control", "nonesuch", ENOENT);
	OK(getsockopt(sk_new(AF_INET), SOL_TCP, TCP_CONGESTION, name, &len));
	CHECK(!strcmp(name, "linnet_reno"));
	ns_enter(there);
	accepted("congestion_control", "reno");
	ns_enter(here);
	CHECK(!strcmp(read_value("congestion_control"), "linnet_reno"));
}

/* What is the whole machine's is seen in the first namespace only */
static void machine(void)
{
	CHECK_ERR(access(FOLDER "mem", F_OK), ENOENT);
	CHECK_ERR(access(FOLDER "max_orphans", F_OK), ENOENT);
	command("nsenter --net=/proc/%d/ns/net test -e " FOLDER "mem -a -e " FOLDER "max_orphans",
		getppid());
}

static void permission(void)
{
	OK(setresuid(65534, 65534, 65534));
	CHECK_EQ(write_value("timestamps", "1"), EACCES);
	CHECK(*read_value("timestamps"));
}

/* A connection works without these options as well */
static void without(void)
{
	int fd[2];

	accepted("timestamps", "0");
	accepted("sack", "0");
	accepted("window_scaling", "0");
	sk_pair(AF_INET, fd);
	transfer(fd[0], fd[1], 1 << 20, 1 << 20);
	accepted("gso", "0");
	accepted("timestamps", "1");
	sk_pair(AF_INET6, fd);
	transfer(fd[0], fd[1], 1 << 20, 1 << 20);
}

static const struct test tests[] = {
	{ "each can be read", readable },
	{ "within its range only", ranges },
	{ "each namespace has its own", own },
	{ "rmem, wmem", triples },
	{ "congestion_control", congestion },
	{ "mem, max_orphans", machine },
	{ "not writable by others", permission },
	{ "without timestamps, SACK, window scaling, GSO", without },
};

int main(void)
{
	if (access(FOLDER, F_OK)) {
		printf("1..0 # SKIP the module is not loaded\n");
		return 4;
	}
	return run_tests(tests, sizeof(tests) / sizeof(*tests));
}
