// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * System calls, made by a thread of their own, so that one that blocks does
 * not keep the script from going on. One at a time.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "packet.h"

#ifndef SOL_TCP
#define SOL_TCP		6
#endif
#define MAX_FD		64
#define MAX_DATA	(4 << 20)

struct name {
	const char	*name;
	long		value;
};

#define N(x) { #x, x }

static const struct name names[] = {
	N(SOL_SOCKET), N(SOL_TCP), N(SOL_IP), N(SOL_IPV6), N(IPPROTO_TCP), N(IPPROTO_IP),
	N(SO_REUSEADDR), N(SO_LINGER), N(SO_ERROR), N(SO_SNDBUF), N(SO_RCVBUF), N(SO_KEEPALIVE),
	N(SO_RCVLOWAT), N(SO_RCVTIMEO), N(SO_SNDTIMEO), N(SO_OOBINLINE), N(SO_MARK),
	N(SO_PRIORITY), N(SO_SNDBUFFORCE), N(SO_RCVBUFFORCE), N(SO_ACCEPTCONN), N(SO_ZEROCOPY),
	N(SO_MAX_PACING_RATE), N(SO_REUSEPORT),
	N(TCP_NODELAY), N(TCP_MAXSEG), N(TCP_CORK), N(TCP_KEEPIDLE), N(TCP_KEEPINTVL),
	N(TCP_KEEPCNT), N(TCP_SYNCNT), N(TCP_LINGER2), N(TCP_DEFER_ACCEPT), N(TCP_WINDOW_CLAMP),
	N(TCP_INFO), N(TCP_QUICKACK), N(TCP_CONGESTION), N(TCP_USER_TIMEOUT), N(TCP_FASTOPEN),
	N(TCP_NOTSENT_LOWAT), N(TCP_FASTOPEN_CONNECT), N(TCP_FASTOPEN_NO_COOKIE),
	N(TCP_SAVE_SYN), N(TCP_SAVED_SYN), N(TCP_INQ), N(TCP_REPAIR),
	/* numbers that older headers do not have */
	{ "TCP_RTO_MAX_MS", 44 }, { "TCP_RTO_MIN_US", 45 }, { "TCP_DELACK_MAX_US", 46 },
	N(IP_TOS), N(IP_TTL), N(IP_MTU_DISCOVER), N(IP_RECVERR), N(IP_MTU), N(IP_MINTTL),
	N(IP_PMTUDISC_DO), N(IP_PMTUDISC_DONT), N(IP_PMTUDISC_WANT), N(IP_PMTUDISC_PROBE),
	N(IPV6_TCLASS), N(IPV6_UNICAST_HOPS), N(IPV6_MTU_DISCOVER), N(IPV6_RECVERR), N(IPV6_MTU),
	N(SOCK_STREAM), N(SOCK_NONBLOCK), N(SOCK_CLOEXEC),
	N(F_GETFL), N(F_SETFL), N(O_RDWR), N(O_NONBLOCK),
	N(SHUT_RD), N(SHUT_WR), N(SHUT_RDWR),
	N(MSG_DONTWAIT), N(MSG_PEEK), N(MSG_WAITALL), N(MSG_MORE), N(MSG_OOB), N(MSG_TRUNC),
	N(MSG_NOSIGNAL), N(MSG_FASTOPEN), N(MSG_ZEROCOPY), N(MSG_EOR),
	N(POLLIN), N(POLLOUT), N(POLLERR), N(POLLHUP), N(POLLRDHUP), N(POLLPRI),
	N(SIOCINQ), N(SIOCOUTQ), N(SIOCOUTQNSD),
	{ "ESTABLISHED", 1 }, { "SYN_SENT", 2 }, { "SYN_RECV", 3 }, { "FIN_WAIT1", 4 },
	{ "FIN_WAIT2", 5 }, { "TIME_WAIT", 6 }, { "CLOSE", 7 }, { "CLOSE_WAIT", 8 },
	{ "LAST_ACK", 9 }, { "LISTEN", 10 }, { "CLOSING", 11 }, { "NEW_SYN_RECV", 12 },
	{ "Open", 0 }, { "Disorder", 1 }, { "CWR", 2 }, { "Recovery", 3 }, { "Loss", 4 },
	N(TCPI_OPT_TIMESTAMPS), N(TCPI_OPT_SACK), N(TCPI_OPT_WSCALE), N(TCPI_OPT_ECN),
	N(TCPI_OPT_ECN_SEEN), N(TCPI_OPT_SYN_DATA),
};

static const struct name errors[] = {
	N(EPERM), N(ENOENT), N(EINTR), N(EBADF), N(EAGAIN), N(ENOMEM), N(EACCES), N(EFAULT),
	N(EINVAL), N(EPIPE), N(EDOM), N(ENOTSOCK), N(EDESTADDRREQ), N(EMSGSIZE), N(EPROTO),
	N(ENOPROTOOPT), N(EOPNOTSUPP), N(EADDRINUSE), N(EADDRNOTAVAIL), N(ENETDOWN),
	N(ENETUNREACH), N(ECONNABORTED), N(ECONNRESET), N(ENOBUFS), N(EISCONN), N(ENOTCONN),
	N(ETIMEDOUT), N(ECONNREFUSED), N(EHOSTDOWN), N(EHOSTUNREACH), N(EALREADY),
	N(EINPROGRESS), N(EPROTONOSUPPORT), N(ESHUTDOWN),
};

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

/* struct tcp_info by name */
#define I(f) { #f, offsetof(struct tcp_info, tcpi_##f), sizeof(((struct tcp_info *)0)->tcpi_##f) }

static const struct {
	const char	*name;
	size_t		offset;
	size_t		size;
} info_fields[] = {
	I(state), I(ca_state), I(retransmits), I(probes), I(backoff), I(options), I(rto), I(ato),
	I(snd_mss), I(rcv_mss), I(unacked), I(sacked), I(lost), I(retrans), I(last_data_sent),
	I(last_data_recv), I(last_ack_recv), I(pmtu), I(rcv_ssthresh), I(rtt), I(rttvar),
	I(snd_ssthresh), I(snd_cwnd), I(advmss), I(reordering), I(rcv_rtt), I(rcv_space),
	I(total_retrans), I(pacing_rate), I(bytes_acked), I(bytes_received), I(segs_out),
	I(segs_in), I(notsent_bytes), I(min_rtt), I(data_segs_in), I(data_segs_out),
	I(delivery_rate), I(busy_time), I(rwnd_limited), I(sndbuf_limited), I(delivered),
	I(delivered_ce), I(bytes_sent), I(bytes_retrans), I(dsack_dups), I(reord_seen),
	I(rcv_ooopack), I(snd_wnd),
};

/* Descriptors as the script numbers them, and how far each stream has come */
static struct {
	int		fd;		/* 0: none */
	uint64_t	read;
	uint64_t	written;
} files[MAX_FD];

static struct {
	pthread_mutex_t	lock;
	pthread_cond_t	change;
	pthread_t	thread;
	bool		running;
	bool		busy;
	const struct call *call;
	int64_t		ended;
	char		wrong[512];
} worker = { .lock = PTHREAD_MUTEX_INITIALIZER };

static uint8_t *data;

static void wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void wrong(const char *format, ...)
{
	va_list args;

	if (worker.wrong[0])
		return;
	va_start(args, format);
	vsnprintf(worker.wrong, sizeof(worker.wrong), format, args);
	va_end(args);
}

/* --- values --- */

static bool find(const struct name *table, size_t n, const char *name, size_t len, long *value)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (strlen(table[i].name) == len && !memcmp(table[i].name, name, len)) {
			*value = table[i].value;
			return true;
		}
	}
	return false;
}

/* A number, a name, or several joined by | */
static bool parse_value(const char *text, long *value)
{
	*value = 0;
	while (*text) {
		size_t len = strcspn(text, "| ");
		long v;
		char *end;

		if (len && !find(names, COUNT(names), text, len, &v)) {
			v = strtol(text, &end, 0);
			if (end != text + len)
				return false;
		}
		if (len)
			*value |= v;
		text += len;
		while (*text == '|' || *text == ' ')
			text++;
	}
	return true;
}

static long argument(const struct call *c, int i, long otherwise)
{
	const char *text;
	char copy[64];
	long v;

	if (i >= c->n_args)
		return otherwise;
	text = c->args[i];
	if (*text == '[') {
		snprintf(copy, sizeof(copy), "%.*s", (int)strcspn(text + 1, "]"), text + 1);
		text = copy;
	}
	if (!parse_value(text, &v))
		wrong("not a value: %s", text);
	return v;
}

static int real_fd(const struct call *c, int i)
{
	long n = argument(c, i, -1);

	if (n < 0 || n >= MAX_FD || !files[n].fd) {
		wrong("the script has no descriptor %ld", n);
		return -1;
	}
	return files[n].fd;
}

/* Remember a new descriptor by the number that the script gives it */
static long new_fd(const struct call *c, int fd)
{
	long n;

	if (fd < 0)
		return -1;
	if (!c->result || !parse_value(c->result, &n) || n < 0 || n >= MAX_FD) {
		close(fd);
		wrong("a descriptor came, %s was expected", c->result ?: "none");
		return -1;
	}
	files[n].fd = fd;
	files[n].read = 0;
	files[n].written = 0;
	return n;
}

static int flow_argument(const struct call *c, int i)
{
	return i < c->n_args && c->args[i][0] == 'c' ? atoi(c->args[i] + 1) % MAX_FLOWS : 0;
}

/* --- the calls --- */

static long do_socket(const struct call *c)
{
	int domain = family == 6 || mapped ? AF_INET6 : AF_INET;
	long flags = c->n_args > 0 && !strstr(c->args[0], "AF_") ? argument(c, 0, 0) : 0;

	return new_fd(c, socket(domain, SOCK_STREAM | flags, proto));
}

static long do_bind(const struct call *c)
{
	struct sockaddr_in6 sa;
	int one = 1, len = wire_set_address(&sa, true, argument(c, 1, PORT_LISTEN));
	int fd = real_fd(c, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	return bind(fd, (void *)&sa, len);
}

static long do_connect(const struct call *c)
{
	struct sockaddr_in6 sa;
	int n = flow_argument(c, 1), len = wire_set_address(&sa, false, PORT_SERVER + n);

	return connect(real_fd(c, 0), (void *)&sa, len);
}

static long do_accept(const struct call *c)
{
	return new_fd(c, accept4(real_fd(c, 0), NULL, NULL, argument(c, 1, 0)));
}

static size_t data_length(const struct call *c)
{
	long len = argument(c, 1, 0);

	if (len < 0 || len > MAX_DATA) {
		wrong("a length of %ld is too much", len);
		return 0;
	}
	return len;
}

static long do_read(const struct call *c)
{
	long n = argument(c, 0, 0), got, i, flags = argument(c, 2, 0);
	size_t len = data_length(c);

	got = recv(real_fd(c, 0), flags & MSG_TRUNC ? NULL : data, len, flags);
	for (i = 0; i < got && !(flags & MSG_TRUNC); i++) {
		if (data[i] != pattern(files[n].read + i)) {
			wrong("the octet at %llu is not what the segments held",
			      (unsigned long long)files[n].read + i + 1);
			break;
		}
	}
	if (got > 0 && !(flags & MSG_PEEK))
		files[n].read += got;
	return got;
}

static long do_write(const struct call *c)
{
	long n = argument(c, 0, 0), sent, flags = argument(c, 2, 0);
	size_t len = data_length(c), i;
	int fd = real_fd(c, 0), flow = flow_argument(c, 3);
	struct sockaddr_in6 sa;

	for (i = 0; i < len && fd >= 0; i++)
		data[i] = pattern(files[n].written + i);
	if (!strcmp(c->name, "sendto"))
		sent = sendto(fd, data, len, flags, (void *)&sa,
			      wire_set_address(&sa, false, PORT_SERVER + flow));
	else
		sent = send(fd, data, len, flags);
	if (sent > 0)
		files[n].written += sent;
	return sent;
}

/* The same octets from a file, which starts with the page's first */
static long do_sendfile(const struct call *c)
{
	long n = argument(c, 0, 0), sent = -1;
	size_t len = data_length(c), i;
	int fd = real_fd(c, 0), file = memfd_create("sendfile", 0);
	off_t at = 0;

	for (i = 0; i < len && fd >= 0; i++)
		data[i] = pattern(files[n].written + i);
	if (file >= 0 && write(file, data, len) == (ssize_t)len)
		sent = sendfile(fd, file, &at, len);
	if (sent > 0)
		files[n].written += sent;
	close(file);
	return sent;
}

static long do_close(const struct call *c)
{
	int fd = real_fd(c, 0);

	if (fd >= 0)
		files[argument(c, 0, 0)].fd = 0;
	return close(fd);
}

static long do_shutdown(const struct call *c)
{
	return shutdown(real_fd(c, 0), argument(c, 1, SHUT_RDWR));
}

union option_buffer {
	int		n;
	struct linger	linger;
	struct timeval	time;
	char		text[16];
};

/* A number, {ON, SECONDS}, {SECONDS, MICROSECONDS}, or "NAME" */
static socklen_t option_value(const struct call *c, int i, union option_buffer *v)
{
	long name = argument(c, 2, 0), level = argument(c, 1, 0), a, b;

	memset(v, 0, sizeof(*v));
	if (i >= c->n_args)
		return 0;
	if (c->args[i][0] == '"') {
		snprintf(v->text, sizeof(v->text), "%.*s", (int)strcspn(c->args[i] + 1, "\""),
			 c->args[i] + 1);
		return strlen(v->text);
	}
	if (sscanf(c->args[i], "{%ld, %ld}", &a, &b) == 2) {
		if (level == SOL_SOCKET && name == SO_LINGER) {
			v->linger = (struct linger){ a, b };
			return sizeof(v->linger);
		}
		v->time = (struct timeval){ a, b };
		return sizeof(v->time);
	}
	v->n = argument(c, i, 0);
	return sizeof(v->n);
}

static long do_setsockopt(const struct call *c)
{
	union option_buffer v;
	socklen_t len = option_value(c, 3, &v);

	return setsockopt(real_fd(c, 0), argument(c, 1, 0), argument(c, 2, 0), &v, len);
}

static long do_getsockopt(const struct call *c)
{
	union option_buffer v, want;
	socklen_t want_len = option_value(c, 3, &want), len = sizeof(v);
	long result;

	memset(&v, 0, sizeof(v));
	if (c->n_args > 3 && c->args[3][0] != '"')
		len = want_len;
	result = getsockopt(real_fd(c, 0), argument(c, 1, 0), argument(c, 2, 0), &v, &len);
	if (!result && c->n_args > 3 && memcmp(&v, &want, want_len))
		wrong("the option is %d (%.16s), not %d", v.n,
		      c->args[3][0] == '"' ? v.text : "", want.n);
	return result;
}

static long do_fcntl(const struct call *c)
{
	return fcntl(real_fd(c, 0), argument(c, 1, 0), argument(c, 2, 0));
}

static long do_ioctl(const struct call *c)
{
	int value = 0, result = ioctl(real_fd(c, 0), argument(c, 1, 0), &value);

	return result ? result : value;
}

/* poll(FD, EVENTS, MILLISECONDS) = what came, or 0 */
static long do_poll(const struct call *c)
{
	struct pollfd p = { .fd = real_fd(c, 0), .events = argument(c, 1, 0) };
	int n = poll(&p, 1, argument(c, 2, 0));

	return n > 0 ? p.revents : n;
}

static bool compare(unsigned long long got, const char *op, unsigned long long want)
{
	if (!strcmp(op, "=") || !strcmp(op, "=="))
		return got == want;
	if (!strcmp(op, "!="))
		return got != want;
	if (!strcmp(op, "<"))
		return got < want;
	if (!strcmp(op, "<="))
		return got <= want;
	if (!strcmp(op, ">"))
		return got > want;
	if (!strcmp(op, ">="))
		return got >= want;
	return false;
}

static void check_info(const struct tcp_info *info, socklen_t len, const char *text)
{
	char name[32], op[4], word[64];
	unsigned long long got = 0;
	size_t i;
	long want;

	if (sscanf(text, " %31[a-z_0-9] %3[=!<>] %63[^\n]", name, op, word) != 3 ||
	    !parse_value(word, &want)) {
		wrong("FIELD OPERATOR VALUE, not \"%s\"", text);
		return;
	}
	for (i = 0; i < COUNT(info_fields) && strcmp(info_fields[i].name, name); i++)
		;
	if (i < COUNT(info_fields)) {
		if (info_fields[i].offset + info_fields[i].size > len) {
			wrong("this kernel's tcp_info has no %s", name);
			return;
		}
		memcpy(&got, (const uint8_t *)info + info_fields[i].offset, info_fields[i].size);
	} else if (!strcmp(name, "snd_wscale")) {
		got = info->tcpi_snd_wscale;
	} else if (!strcmp(name, "rcv_wscale")) {
		got = info->tcpi_rcv_wscale;
	} else if (!strcmp(name, "fastopen_client_fail")) {
		got = info->tcpi_fastopen_client_fail;
	} else {
		wrong("tcp_info has no field \"%s\"", name);
		return;
	}
	if (!compare(got, op, want))
		wrong("%s is %llu", text, got);
}

/* info(FD, FIELD == VALUE, ...) */
static long do_info(const struct call *c)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);
	int i;

	if (getsockopt(real_fd(c, 0), SOL_TCP, TCP_INFO, &info, &len))
		return -1;
	for (i = 1; i < c->n_args; i++)
		check_info(&info, len, c->args[i]);
	return 0;
}

static int count_state(const char *path, int column, const char *state)
{
	char line[512], copy[64], *word = NULL, *save;
	FILE *file = fopen(path, "r");
	int n = 0, i;

	if (!file)
		return 0;
	if (!fgets(line, sizeof(line), file))
		line[0] = 0;
	while (fgets(line, sizeof(line), file)) {
		word = strtok_r(line, " \n", &save);
		for (i = 0; word && i < column; i++)
			word = strtok_r(NULL, " \n", &save);
		snprintf(copy, sizeof(copy), "%s", word ?: "");
		n += !strcmp(copy, state);
	}
	fclose(file);
	return n;
}

/* sockets(STATE): how many this namespace has in it */
static long do_sockets(const struct call *c)
{
	static const char *const linnet_names[] = {
		"", "ESTABLISHED", "SYN-SENT", "SYN-RECEIVED", "FIN-WAIT-1", "FIN-WAIT-2",
		"TIME-WAIT", "CLOSED", "CLOSE-WAIT", "LAST-ACK", "LISTEN", "CLOSING",
		"SYN-RECEIVED"
	};
	long state = argument(c, 0, 0);
	char hex[8];

	if (state < 1 || state > 12) {
		wrong("not a state: %s", c->n_args ? c->args[0] : "");
		return -1;
	}
	if (proto != PROTO_TCP)
		return count_state("/proc/thread-self/net/linnet/sockets", 0, linnet_names[state]);
	if (state == 12)
		state = 3;
	sprintf(hex, "%02lX", state);
	return count_state("/proc/thread-self/net/tcp", 3, hex) +
	       count_state("/proc/thread-self/net/tcp6", 3, hex);
}

static const struct {
	const char	*name;
	long		(*run)(const struct call *c);
} calls[] = {
	{ "socket", do_socket }, { "bind", do_bind }, { "connect", do_connect },
	{ "listen", NULL }, { "accept", do_accept }, { "accept4", do_accept },
	{ "read", do_read }, { "recv", do_read }, { "write", do_write }, { "send", do_write },
	{ "sendto", do_write }, { "sendfile", do_sendfile }, { "close", do_close },
	{ "shutdown", do_shutdown },
	{ "setsockopt", do_setsockopt }, { "getsockopt", do_getsockopt },
	{ "fcntl", do_fcntl }, { "ioctl", do_ioctl }, { "poll", do_poll },
	{ "info", do_info }, { "sockets", do_sockets },
};

static long make_call(const struct call *c)
{
	size_t i;

	for (i = 0; i < COUNT(calls); i++) {
		if (strcmp(calls[i].name, c->name))
			continue;
		if (calls[i].run)
			return calls[i].run(c);
		return listen(real_fd(c, 0), argument(c, 1, 1));
	}
	return -1;
}

static const char *error_name(int e)
{
	size_t i;

	for (i = 0; i < COUNT(errors); i++)
		if (errors[i].value == e)
			return errors[i].name;
	return strerror(e);
}

static void check_result(const struct call *c, long got, int error)
{
	long want, code;

	if (!c->result) {
		if (got < 0)
			wrong("it fails with %s", error_name(error));
		return;
	}
	if (!strcmp(c->result, "*"))
		return;
	if (!parse_value(c->result, &want)) {
		wrong("not a result: %s", c->result);
		return;
	}
	if (got != want)
		wrong("the result is %ld%s%s, not %s", got, got < 0 ? " " : "",
		      got < 0 ? error_name(error) : "", c->result);
	else if (c->error && find(errors, COUNT(errors), c->error, strlen(c->error), &code) &&
		 error != code)
		wrong("the error is %s, not %s", error_name(error), c->error);
}

static void *work(void *unused)
{
	(void)unused;
	pthread_mutex_lock(&worker.lock);
	for (;;) {
		long got;
		int error;

		while (!worker.busy)
			pthread_cond_wait(&worker.change, &worker.lock);
		pthread_mutex_unlock(&worker.lock);
		errno = 0;
		got = make_call(worker.call);
		error = errno;
		pthread_mutex_lock(&worker.lock);
		check_result(worker.call, got, error);
		worker.ended = now_us();
		worker.busy = false;
		pthread_cond_broadcast(&worker.change);
	}
	return NULL;
}

/* --- what the player uses --- */

/**
 * call_start() - begin a call
 * @c: which; the one before has ended
 */
void call_start(const struct call *c)
{
	pthread_mutex_lock(&worker.lock);
	if (!worker.running) {
		pthread_condattr_t attr;

		pthread_condattr_init(&attr);
		pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
		pthread_cond_init(&worker.change, &attr);
		data = malloc(MAX_DATA);
		worker.running = !pthread_create(&worker.thread, NULL, work, NULL);
	}
	worker.call = c;
	worker.wrong[0] = 0;
	worker.busy = true;
	pthread_cond_broadcast(&worker.change);
	pthread_mutex_unlock(&worker.lock);
}

/* Wait for the end of the call, not longer than so many microseconds */
bool call_wait(int64_t us)
{
	struct timespec until;
	bool done;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += us % 1000000 * 1000;
	until.tv_sec += us / 1000000 + until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&worker.lock);
	while (worker.busy)
		if (pthread_cond_timedwait(&worker.change, &worker.lock, &until))
			break;
	done = !worker.busy;
	pthread_mutex_unlock(&worker.lock);
	return done;
}

bool call_done(int64_t *when, char *text, size_t size)
{
	bool done;

	pthread_mutex_lock(&worker.lock);
	done = !worker.busy;
	*when = worker.ended;
	snprintf(text, size, "%s", worker.wrong);
	pthread_mutex_unlock(&worker.lock);
	return done;
}

/* Close what is open, with a reset: nothing of it is to outlive the script */
void call_cleanup(void)
{
	const struct linger abort = { 1, 0 };
	int i;

	for (i = 0; i < MAX_FD; i++) {
		if (!files[i].fd)
			continue;
		setsockopt(files[i].fd, SOL_SOCKET, SO_LINGER, &abort, sizeof(abort));
		close(files[i].fd);
	}
}

/* --- reading a call --- */

/* Split at the commas that are not inside of brackets or quotes */
static int split(char *text, char **args)
{
	int n = 0, depth = 0;
	bool quoted = false;
	char *p = text;

	while (isspace((unsigned char)*text))
		text++;
	if (!*text)
		return 0;
	for (p = text;; p++) {
		if (*p == '"')
			quoted = !quoted;
		if (*p && strchr("{[(", *p) && !quoted)
			depth++;
		if (*p && strchr("}])", *p) && !quoted)
			depth--;
		if (*p && (*p != ',' || depth || quoted))
			continue;
		if (n == MAX_ARGS)
			return -1;
		while (isspace((unsigned char)*text))
			text++;
		args[n] = text;
		text = p + 1;
		if (!*p)
			break;
		*p = 0;
		/* addresses and buffers are chosen here */
		if (strcmp(args[n], "..."))
			n++;
	}
	return strcmp(args[n], "...") ? n + 1 : n;
}

/**
 * call_parse() - read "NAME(ARGUMENT, ...) [= RESULT [ERRNO]]"
 * @text: the text
 * @c: filled in
 *
 * Return: NULL, or what is wrong.
 */
const char *call_parse(const char *text, struct call *c)
{
	char *copy = strdup(text), *open = strchr(copy, '('), *close, *equals, *blank;
	size_t i;

	memset(c, 0, sizeof(*c));
	if (!open)
		return "not an event";
	equals = strrchr(copy, ')');
	close = equals;
	if (!close)
		return "a ) is missing";
	/* "... = -1 EAGAIN (Resource temporarily unavailable)" */
	for (equals = strstr(open, ") = "); equals && strstr(equals + 1, ") = ");)
		equals = strstr(equals + 1, ") = ");
	if (equals) {
		close = equals;
		c->result = equals + 4;
		c->check = true;
		blank = strpbrk(c->result, " \t");
		if (blank) {
			*blank++ = 0;
			while (isspace((unsigned char)*blank))
				blank++;
			c->error = blank;
			c->error[strcspn(blank, " \t(")] = 0;
			if (!*c->error)
				c->error = NULL;
		}
	}
	*open = 0;
	*close = 0;
	c->name = copy;
	for (i = 0; i < COUNT(calls) && strcmp(calls[i].name, c->name); i++)
		;
	if (i == COUNT(calls))
		return "not a call that we can make";
	c->n_args = split(open + 1, c->args);
	return c->n_args < 0 ? "too many arguments" : NULL;
}
