// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a sandbox lets through and what it does not, each tried by a child in it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/landlock.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"
#include "sandbox.h"
#include "unit.h"

#define NOBODY	65534

static char folder[] = "/tmp/sandbox_unit.XXXXXX";
static char inside[64], readable[64], outside[64], file_inside[80], file_readable[80],
	file_outside[80];
static bool have_landlock;

/* In the child: the number of the check that failed, counted from the line. */
#define CHECK(what) do { if (!(what)) { \
	fprintf(stderr, "# %s:%d: %s: %s\n", __FILE__, __LINE__, #what, strerror(errno)); \
	_exit(1); } } while (0)

static void drop_root(void)
{
	if (getuid())
		return;
	CHECK(!setgroups(0, NULL));
	CHECK(!setgid(NOBODY));
	CHECK(!setuid(NOBODY));
}

/* The child's status as of wait(). */
static int in_child(const struct ln_sandbox *s, void (*body)(void), bool drop)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		if (drop)
			drop_root();
		CHECK(!ln_sandbox_enter(s));
		body();
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid)
		abort();
	return status;
}

static void expect_good(const struct ln_sandbox *s, void (*body)(void), const char *what)
{
	int status = in_child(s, body, false);

	EXPECT(!status, "%s: status %#x", what, status);
	status = in_child(s, body, true);
	EXPECT(!status, "%s, without root: status %#x", what, status);
}

/* --- files --- */

static bool readable_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

static void try_files(void)
{
	char path[128], other[128];
	struct stat st;
	DIR *d;
	int fd;

	CHECK(readable_file(file_readable));
	d = opendir(readable);
	CHECK(d && readdir(d));
	closedir(d);
	CHECK(open(file_readable, O_WRONLY) < 0 && errno == EACCES);
	CHECK(open(file_outside, O_RDONLY) < 0 && errno == EACCES);
	CHECK(open("/etc/passwd", O_RDONLY) < 0 && errno == EACCES);
	CHECK(!opendir("/") && errno == EACCES);
	snprintf(path, sizeof(path), "%s/new", outside);
	CHECK(open(path, O_WRONLY | O_CREAT, 0600) < 0 && errno == EACCES);

	/* An upload: temporary, written, synced, renamed; a folder made and removed. */
	snprintf(path, sizeof(path), "%s/sub", inside);
	CHECK(!mkdir(path, 0700));
	snprintf(path, sizeof(path), "%s/.new", inside);
	snprintf(other, sizeof(other), "%s/sub/name", inside);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	CHECK(fd >= 0);
	CHECK(pwrite(fd, "abc", 3, 0) == 3 && !ftruncate(fd, 2) && !fdatasync(fd) && !fsync(fd));
	close(fd);
	CHECK(!renameat2(AT_FDCWD, path, AT_FDCWD, other, 0));
	CHECK(!stat(other, &st) && st.st_size == 2);
	CHECK(!unlink(other));
	snprintf(path, sizeof(path), "%s/sub", inside);
	CHECK(!rmdir(path));
	snprintf(path, sizeof(path), "%s/name", outside);
	CHECK(rename(file_inside, path) < 0 && (errno == EACCES || errno == EXDEV));

	/* A spool file that never has a name, and one that gets it late. */
	fd = open(inside, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	CHECK(fd >= 0);
	CHECK(write(fd, "x", 1) == 1);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	snprintf(other, sizeof(other), "%s/late", inside);
	CHECK(!linkat(AT_FDCWD, path, AT_FDCWD, other, AT_SYMLINK_FOLLOW));
	CHECK(!unlink(other));
	close(fd);
	CHECK(symlink("/etc/passwd", other) < 0);
	CHECK(mknod(other, S_IFIFO | 0600, 0) < 0);
}

static void test_files(void)
{
	struct ln_sandbox s = { 0 };
	int fd = open(inside, O_PATH | O_DIRECTORY | O_CLOEXEC);

	EXPECT(!ln_sandbox_path(&s, readable, LN_ACCESS_READ), "adding");
	EXPECT(!ln_sandbox_fd(&s, fd, LN_ACCESS_READ | LN_ACCESS_WRITE), "adding");
	if (!have_landlock)
		printf("# no Landlock here: skipped\n");
	else
		expect_good(&s, try_files, "files");
	close(fd);
}

static void try_one_file(void)
{
	int fd = open(file_inside, O_WRONLY | O_TRUNC);

	CHECK(fd >= 0 && write(fd, "x", 1) == 1);
	CHECK(readable_file(file_readable));
	CHECK(!readable_file(file_inside) && errno == EACCES);
}

static void test_one_file(void)
{
	struct ln_sandbox s = { 0 };

	ln_sandbox_path(&s, file_inside, LN_ACCESS_WRITE);
	ln_sandbox_path(&s, file_readable, LN_ACCESS_READ);
	if (have_landlock)
		expect_good(&s, try_one_file, "single files");
}

static void try_no_files(void)
{
	CHECK(open("/etc/passwd", O_RDONLY) < 0 && errno == EACCES);
	CHECK(open(file_readable, O_RDONLY) < 0 && errno == EACCES);
}

static void test_no_files(void)
{
	struct ln_sandbox s = { 0 };

	expect_good(&s, try_no_files, "without a path");
}

static void test_missing_path(void)
{
	struct ln_sandbox s = { 0 };
	char log[96], *text;
	pid_t pid;
	int status;

	if (!have_landlock)
		return;
	snprintf(log, sizeof(log), "%s/log", folder);
	ln_sandbox_path(&s, "/nonexistent/folder", LN_ACCESS_READ);
	pid = fork();
	if (!pid)
		_exit(ln_log_open(log) ? 1 : ln_sandbox_enter(&s) == -ENOENT ? 0 : 2);
	waitpid(pid, &status, 0);
	EXPECT(!status, "status %#x", status);
	text = unit_read(log);
	EXPECT(strstr(text, "sandbox: /nonexistent/folder: No such file or directory"), "%s", text);
	free(text);
}

/* --- sockets --- */

static void try_worker(void)
{
	struct epoll_event e = { .events = EPOLLIN };
	int p[2], loop = epoll_create1(EPOLL_CLOEXEC), one = 1;
	char c;

	CHECK(loop >= 0);
	CHECK(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, p));
	CHECK(!epoll_ctl(loop, EPOLL_CTL_ADD, p[0], &e));
	CHECK(write(p[1], "x", 1) == 1 && epoll_wait(loop, &e, 1, 1000) == 1);
	CHECK(recv(p[0], &c, 1, 0) == 1 && c == 'x');
	CHECK(!setsockopt(p[0], SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one)));
	CHECK(!shutdown(p[1], SHUT_WR));
	CHECK(fcntl(p[0], F_SETFL, O_NONBLOCK) == 0 && fcntl(p[0], F_DUPFD_CLOEXEC, 10) >= 10);
	CHECK(fcntl(p[0], F_SETOWN, getpid()) < 0 && errno == ENOSYS);
	CHECK(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0);
}

static void try_no_connecting(void)
{
	try_worker();
	CHECK(socket(AF_INET, SOCK_STREAM, 0) < 0 && errno == EACCES);
	CHECK(socket(AF_UNIX, SOCK_DGRAM, 0) < 0 && errno == EACCES);
}

static void try_connecting(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				  .sin_port = htons(1) };
	struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "/nonexistent/socket" };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	try_worker();
	CHECK(fd >= 0);
	CHECK(connect(fd, (void *)&in, sizeof(in)) < 0 && errno == ECONNREFUSED);
	CHECK(bind(fd, (void *)&in, sizeof(in)) < 0 && errno == ENOSYS);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(fd >= 0 && connect(fd, (void *)&un, sizeof(un)) < 0 && errno == ENOENT);
	CHECK(socket(AF_NETLINK, SOCK_RAW, 0) < 0 && errno == ENOSYS);
	CHECK(socket(AF_PACKET, SOCK_RAW, 0) < 0 && errno == ENOSYS);
}

static void try_listening(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK(fd >= 0);
	CHECK(!bind(fd, (void *)&in, sizeof(in)) && !listen(fd, 1));
	CHECK(connect(fd, (void *)&in, sizeof(in)) < 0 && errno == EACCES);
	CHECK(socket(AF_PACKET, SOCK_RAW, 0) < 0 && errno == ENOSYS);
}

static void try_no_listening(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK(fd >= 0 && !bind(fd, (void *)&in, sizeof(in)));
	CHECK(listen(fd, 1) < 0 && errno == ENOSYS);
}

static void test_sockets(void)
{
	struct ln_sandbox s = { 0 }, listens = { .listen = true };
	struct ln_sandbox binds = { .connect = true, .bind = true };

	expect_good(&s, try_no_connecting, "no connections");
	ln_sandbox_path(&s, "/nonexistent/socket", LN_ACCESS_CONNECT);
	EXPECT(s.connect && !s.n, "connect %d, %d paths", s.connect, s.n);
	expect_good(&s, try_connecting, "connections");
	expect_good(&listens, try_listening, "listening");
	expect_good(&binds, try_no_listening, "no listening");
}

/* --- threads, memory, limits --- */

static void *thread(void *arg)
{
	*(int *)arg = open("/etc/passwd", O_RDONLY) < 0 ? errno : 0;
	return NULL;
}

static void try_threads(void)
{
	pthread_t t;
	int got = -1;

	CHECK(!pthread_create(&t, NULL, thread, &got) && !pthread_join(t, NULL));
	CHECK(got == EACCES);
	CHECK(fork() < 0 && errno == ENOSYS);
}

static void try_memory(void)
{
	struct rlimit rl;
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	CHECK(mprotect(p, 4096, PROT_READ | PROT_EXEC) < 0 && errno == ENOSYS);
	CHECK(!mprotect(p, 4096, PROT_READ));
	CHECK(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
		      MAP_FAILED && errno == ENOSYS);
	CHECK(!getrlimit(RLIMIT_NOFILE, &rl));
	CHECK(setrlimit(RLIMIT_NOFILE, &rl) < 0 && errno == ENOSYS);
	CHECK(kill(getppid(), 0) < 0 && errno == ENOSYS);
	CHECK(syscall(SYS_io_uring_setup, 1, NULL) < 0 && errno == ENOSYS);
}

static void test_threads(void)
{
	struct ln_sandbox s = { 0 };

	expect_good(&s, try_threads, "threads");
	expect_good(&s, try_memory, "memory");
}

/* --- SQLite's needs --- */

static void try_locks(void)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 1, .l_len = 1 };
	int fd = open(file_inside, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	char *p;

	CHECK(fd >= 0 && !fcntl(fd, F_SETLK, &l) && !fcntl(fd, F_GETLK, &l));
	CHECK(!ftruncate(fd, 4096) && pwrite(fd, "x", 1, 0) == 1 && !fdatasync(fd));
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED && *p == 'x');
	CHECK(!access(file_inside, R_OK | W_OK) && geteuid() == getuid());
}

static void test_locks(void)
{
	struct ln_sandbox s = { .sqlite = true };

	ln_sandbox_path(&s, inside, LN_ACCESS_READ | LN_ACCESS_WRITE);
	expect_good(&s, try_locks, "locks");
}

/* --- what kills --- */

static void kill_execve(void)
{
	char *const none[] = { NULL };

	execve("/bin/true", none, none);
}

static void kill_ptrace(void)
{
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static void kill_mount(void)
{
	syscall(SYS_mount, "none", "/tmp", "tmpfs", 0, NULL);
}

static void kill_unshare(void)
{
	syscall(SYS_unshare, 0x10000000 /* CLONE_NEWUSER */);
}

static void kill_bpf(void)
{
	syscall(SYS_bpf, 0, NULL, 0);
}

#ifdef __x86_64__
#define X32_BIT	0x40000000
static void kill_other_architecture(void)
{
	syscall(X32_BIT | SYS_getpid);
}
#else
#define kill_other_architecture kill_execve
#endif

static void test_deadly(void)
{
	static const struct {
		const char *name;
		void (*body)(void);
	} table[] = {
		{ "execve", kill_execve },   { "ptrace", kill_ptrace }, { "mount", kill_mount },
		{ "unshare", kill_unshare }, { "bpf", kill_bpf },
		{ "another architecture's", kill_other_architecture },
	};
	struct ln_sandbox s = { .connect = true, .sqlite = true };
	struct rlimit no_core = { 0, 0 };

	setrlimit(RLIMIT_CORE, &no_core);
	ln_sandbox_path(&s, "/", LN_ACCESS_READ | LN_ACCESS_WRITE);
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		int status = in_child(&s, table[i].body, false);

		EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS, "%s: status %#x",
		       table[i].name, status);
	}
}

/* --- too late --- */

static void *wait_forever(void *arg)
{
	(void)arg;
	pause();
	return NULL;
}

static void test_late(void)
{
	struct ln_sandbox s = { 0 };
	pthread_t t;
	int status;
	pid_t pid = fork();

	if (!pid) {
		ln_log_open("/dev/null");
		CHECK(!pthread_create(&t, NULL, wait_forever, NULL));
		_exit(ln_sandbox_enter(&s) == -EBUSY ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	EXPECT(!status, "status %#x", status);
}

static void test_full(void)
{
	struct ln_sandbox s = { 0 };

	ln_log_open("/dev/null");
	for (int i = 0; i < LN_SANDBOX_MAX_PATHS; i++)
		EXPECT(!ln_sandbox_path(&s, "/", LN_ACCESS_READ), "%d", i);
	EXPECT(ln_sandbox_path(&s, "/", LN_ACCESS_READ) == -ENOSPC, "one too many");
	ln_log_open("stderr");
}

static void make_tree(void)
{
	umask(0);
	if (!mkdtemp(folder) || chmod(folder, 0755))
		abort();
	snprintf(inside, sizeof(inside), "%s/inside", folder);
	snprintf(readable, sizeof(readable), "%s/readable", folder);
	snprintf(outside, sizeof(outside), "%s/outside", folder);
	if (mkdir(inside, 0777) || mkdir(readable, 0777) || mkdir(outside, 0777))
		abort();
	snprintf(file_inside, sizeof(file_inside), "%s/file", inside);
	snprintf(file_readable, sizeof(file_readable), "%s/file", readable);
	snprintf(file_outside, sizeof(file_outside), "%s/file", outside);
	unit_write(file_inside, "inside");
	unit_write(file_readable, "readable");
	unit_write(file_outside, "outside");
}

static void remove_tree(void)
{
	char command[96];

	snprintf(command, sizeof(command), "rm -rf %s", folder);
	if (system(command))
		printf("# %s is left\n", folder);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{ "folders: read, write, neither", test_files },
		{ "single files", test_one_file },
		{ "no path at all", test_no_files },
		{ "a path that is not there", test_missing_path },
		{ "sockets, with and without connections of its own", test_sockets },
		{ "threads and memory", test_threads },
		{ "locks and maps for SQLite", test_locks },
		{ "calls that kill", test_deadly },
		{ "refused with a second thread running", test_late },
		{ "as many paths as fit", test_full },
	};
	int status;

	have_landlock = syscall(SYS_landlock_create_ruleset, NULL, 0,
				LANDLOCK_CREATE_RULESET_VERSION) >= 1;
	printf("# Landlock: %s\n", have_landlock ? "yes" : "no");
	make_tree();
	status = UNIT_MAIN(tests);
	remove_tree();
	return status;
}
