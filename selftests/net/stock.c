// SPDX-License-Identifier: GPL-2.0-or-later
#include <fcntl.h>

#include "stock.h"

static const char * const caches[][STOCK_CACHES] = {
	{ "LINNET", "LINNETv6", "linnet_request", "linnet_timewait", "linnet_bind_bucket",
	  "skbuff_head_cache", "skbuff_fclone_cache" },
	{ "TCP", "TCPv6", "request_sock_TCP", "tw_sock_TCP", "tcp_bind_bucket",
	  "skbuff_head_cache", "skbuff_fclone_cache" },
};

static const char *cache_name(int i)
{
	return caches[proto == PROTO_TCP][i];
}

/* A number that a slab cache tells, or -1 */
static long slab_value(const char *cache, const char *name)
{
	char path[128], text[64] = "";
	int fd;

	snprintf(path, sizeof(path), "/sys/kernel/slab/%s/%s", cache, name);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return -1;
	OK(read(fd, text, sizeof(text) - 1));
	close(fd);
	return atol(text);
}

/* Objects in use, or -1 when the cache is not there */
static long slab_objects(const char *name)
{
	char path[128];
	int fd;

	/* what processors keep at hand counts as in use */
	snprintf(path, sizeof(path), "/sys/kernel/slab/%s/shrink", name);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		return -1;
	if (write(fd, "1", 1) != 1)
		FAIL("%s: %s", path, strerror(errno));
	close(fd);
	return slab_value(name, "objects");
}

/* Others take objects from it too: all use buffers, and caches of objects of
 * one size may be one
 */
static bool is_shared(const char *name)
{
	return strstr(name, "skbuff") || slab_value(name, "aliases") > 0;
}

static void tcp_stock(struct stock *s)
{
	FILE *file = fopen("/proc/thread-self/net/sockstat", "r");

	CHECK(file);
	CHECK(fscanf(file, "%*[^\n] TCP: inuse %*d orphan %ld tw %ld alloc %ld mem %ld",
		     &s->orphans, &s->time_waits, &s->sockets, &s->pages) == 4);
	fclose(file);
}

/* All but the objects, which cost more to count */
void stock_take_sockets(struct stock *s)
{
	if (proto == PROTO_TCP) {
		tcp_stock(s);
	} else {
		s->sockets = counter("SocketsAll", NULL);
		s->orphans = counter("OrphansAll", NULL);
		s->time_waits = counter("TimeWaitNow", NULL);
		s->pages = counter("MemoryPagesAll", NULL);
	}
}

void stock_take(struct stock *s)
{
	stock_take_sockets(s);
	for (int i = 0; i < STOCK_CACHES; i++)
		s->objects[i] = slab_objects(cache_name(i));
}

/* Each processor may keep 1 MB at hand for its sockets (SK_MEMORY_PCPU_RESERVE) */
static long spare_pages(void)
{
	return 2 * sysconf(_SC_NPROCESSORS_ONLN) * (1 << 20) / sysconf(_SC_PAGESIZE);
}

#define AT_MOST(what, now, most)						\
	do {									\
		if ((now) > (most)) {						\
			back = false;						\
			if (tell)						\
				printf("# %s: %ld, not %ld\n", what, (long)(now), \
				       (long)(most));				\
		}								\
	} while (0)

static bool sockets_back(const struct stock *s, const struct stock *before, bool tell)
{
	bool back = true;

	AT_MOST("sockets", s->sockets, before->sockets);
	AT_MOST("orphans", s->orphans, before->orphans);
	AT_MOST("pages", s->pages, before->pages + spare_pages());
	return back;
}

static bool all_back(const struct stock *s, const struct stock *before, bool tell)
{
	bool back = sockets_back(s, before, tell);

	AT_MOST("TIME-WAIT", s->time_waits, before->time_waits);
	for (int i = 0; i < STOCK_CACHES; i++)
		AT_MOST(cache_name(i), s->objects[i],
			before->objects[i] + (is_shared(cache_name(i)) ? STOCK_SHARED : 0));
	return back;
}

typedef bool (*comparison)(const struct stock *s, const struct stock *before, bool tell);

static void await(const struct stock *before, int seconds, comparison is_back,
		  void (*take)(struct stock *s))
{
	double end = now() + seconds;
	struct stock s;

	do {
		take(&s);
		if (is_back(&s, before, false))
			return;
		usleep(100000);
	} while (now() < end);
	is_back(&s, before, true);
	FAIL("not all is back after %d s", seconds);
}

/* Until all is as it was before: TIME-WAIT takes 60 s, objects go by RCU */
void stock_await(const struct stock *before, int seconds)
{
	await(before, seconds, all_back, stock_take);
}

/* Until sockets and their memory are */
void stock_await_sockets(const struct stock *before, int seconds)
{
	await(before, seconds, sockets_back, stock_take_sockets);
}

/* What all slab caches of the machine have */
long slab_kilobytes(void)
{
	FILE *file = fopen("/proc/meminfo", "r");
	char line[128];
	long n = -1;

	CHECK(file);
	while (n < 0 && fgets(line, sizeof(line), file))
		sscanf(line, "Slab: %ld kB", &n);
	fclose(file);
	return n;
}

/* Long runs were asked for */
bool full(void)
{
	const char *value = getenv("LAB_FULL");

	return value && *value;
}
