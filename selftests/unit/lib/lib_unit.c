// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Configuration, metrics and queues.
 */
#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config.h"
#include "log.h"
#include "metrics.h"
#include "queue.h"
#include "unit.h"

static char folder[] = "/tmp/lib_unit.XXXXXX";
static char conf_file[64], log_file[64];

/* What was logged since the last time. */
static char *logged(void)
{
	char *text = unit_read(log_file);

	if (truncate(log_file, 0))
		abort();
	return text;
}

static bool matches(const char *text, const char *pattern)
{
	regex_t r;
	bool found;

	if (regcomp(&r, pattern, REG_EXTENDED | REG_NOSUB))
		abort();
	found = !regexec(&r, text, 0, NULL, 0);
	regfree(&r);
	return found;
}

/* --- configuration --- */

static cfg_opt_t listen_options[] = {
	CFG_INT("port", 80, CFGF_NONE),
	CFG_INT("backlog", 128, CFGF_NONE),
	CFG_BOOL("tls", cfg_false, CFGF_NONE),
	CFG_END(),
};

static cfg_opt_t options[] = {
	CFG_STR("root", NULL, CFGF_NONE),
	CFG_STR("types", NULL, CFGF_NONE),
	CFG_STR("idle", "10s", CFGF_NONE),
	CFG_STR("body", "1m", CFGF_NONE),
	CFG_STR_LIST("index", "{index.html}", CFGF_NONE),
	CFG_SEC("listen", listen_options, CFGF_MULTI | CFGF_TITLE),
	CFG_FUNC("include", ln_config_include),
	CFG_END(),
};

static const struct ln_config_check checks[] = {
	{ "root", ln_config_folder },
	{ "types", ln_config_file },
	{ "idle", ln_config_is_time },
	{ "body", ln_config_is_size },
	{ "listen|port", ln_config_port },
	{ "listen|backlog", ln_config_positive },
	{ 0 },
};

static cfg_t *parse(const char *text)
{
	unit_write(conf_file, text);
	return ln_config_parse_checked(conf_file, options, checks);
}

static void test_config_good(void)
{
	cfg_t *cfg = parse("root = /tmp\nidle = 1500ms\nbody = 64K\n"
			   "index = { a, \"b c\" }\nlisten \"*\" { port = 0\n tls = on }\n");

	EXPECT(cfg, "not read");
	if (!cfg)
		return;
	EXPECT(ln_config_time(cfg, "idle") == 1500, "idle");
	EXPECT(ln_config_size(cfg, "body") == 65536, "body");
	EXPECT(cfg_size(cfg, "index") == 2, "index");
	EXPECT(!cfg_getint(cfg_getnsec(cfg, "listen", 0), "port"), "port");
	cfg_free(cfg);
	cfg = parse("");
	EXPECT(cfg && ln_config_time(cfg, "idle") == 10000 &&
		       ln_config_size(cfg, "body") == 1 << 20,
	       "defaults");
	free(logged());
	EXPECT(ln_config_time(cfg, "root") == -1, "no value at all");
	free(logged());
	cfg_free(cfg);
}

static void test_config_errors(void)
{
	static const struct {
		const char *text, *expected;
	} table[] = {
		{ "\n\nrooot = /tmp\n", ":3: no such option 'rooot': allowed here are root, types, "
					"idle, body, index, listen, include" },
		{ "listen x {\n\tpart = 1\n}\n",
		  ":2: no such option 'part': allowed here are port, backlog, tls" },
		{ "listen x {\n\n\tport = 65536 }\n", ":3: port: 65536 is no port: allowed are 0 to 65535" },
		{ "listen x { port = -1 }", ":1: port: -1 is no port" },
		{ "listen x { port = eighty }", ":1: invalid integer value for option 'port': allowed" },
		{ "listen x { port = 99999999999999999999 }", ":1: integer value for option 'port' is out" },
		{ "listen x { backlog = 0 }", ":1: backlog: 0 is not possible: allowed are 1 to" },
		{ "listen x { tls = maybe }",
		  ":1: invalid boolean value for option 'tls': allowed are true, false" },
		{ "listen { }", ":1: missing title for section 'listen': as in" },
		{ "listen x ", "the file ends in the middle" },
		{ "listen x { port = 1\n\n", ":4: the file ends in the middle" },
		{ "listen x { port = 1", ":2: the file ends in the middle" },
		{ "index = { a, b\n", ":3: the file ends in the middle" },
		{ "index = { a,", "the file ends in the middle" },
		{ "root =", "the file ends in the middle" },
		{ "idle = 3s\nroot = \"x", "the file ends in the middle" },
		{ "idle = 3s\nroot = 'x", "the file ends in the middle|unterminated" },
		{ "idle = 3s\n/* x", "the file ends in the middle|unterminated" },
		{ "root = \"\\999\"", ":1: (invalid octal number|bad escape)" },
		{ "idle = 3s\nlisten", "the file ends in the middle" },
		{ "idle", "the file ends in the middle" },
		{ "end_of_file__", "the file ends in the middle" },
		{ "}", "unexpected closing brace" },
		{ "root /tmp", ":1: missing equal sign after option 'root': as in: name = value" },
		{ "\nroot = /nonexistent", ":2: root: '/nonexistent': No such file or directory" },
		{ "root = /etc/passwd", ":1: root: '/etc/passwd' is not a folder" },
		{ "types = /tmp", ":1: types: '/tmp' is not a regular file" },
		{ "types = /nonexistent", ":1: types: '/nonexistent': No such file or directory" },
		{ "idle = 10", ":1: idle: '10' is no time: allowed is" },
		{ "idle = 10x", "'10x' is no time" },
		{ "idle = -1s", "'-1s' is no time" },
		{ "idle = \"1 s\"", "'1 s' is no time" },
		{ "idle = s", "'s' is no time" },
		{ "idle = \"\"", "'' is no time" },
		{ "idle = 9223372036854775807s", "is no time" },
		{ "idle = 9223372036854775808ms", "is no time" },
		{ "body = 1t", ":1: body: '1t' is no size: allowed is" },
		{ "body = 9999999999999g", "is no size" },
		{ "body = 1.5m", "is no size" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		cfg_t *cfg;
		char *text;

		free(logged());
		cfg = parse(table[i].text);
		text = logged();
		EXPECT(!cfg, "%s: accepted", table[i].text);
		EXPECT(strstr(text, conf_file) && matches(text, table[i].expected), "%s: %s",
		       table[i].text, text);
		if (cfg)
			cfg_free(cfg);
		free(text);
		/* a reload after the error was mended */
		cfg = parse("idle = 7s\nlisten x { port = 1 }\n");
		EXPECT(cfg && ln_config_time(cfg, "idle") == 7000, "after %s", table[i].text);
		if (cfg)
			cfg_free(cfg);
	}
}

static void test_config_units(void)
{
	static const struct {
		const char *text;
		int64_t time, size;
	} table[] = {
		{ "0", 0, 0 },		 { "7ms", 7, -1 },	  { "1s", 1000, -1 },
		{ "2m", 120000, 2 << 20 }, { "3h", 10800000, -1 }, { "1d", 86400000, -1 },
		{ "512", -1, 512 },	 { "1k", -1, 1024 },	  { "3G", -1, 3LL << 30 },
		{ "9223372036854775807ms", INT64_MAX, -1 }, { "9223372036854775807", -1, INT64_MAX },
	};
	static cfg_opt_t one[] = { CFG_STR("value", NULL, CFGF_NONE), CFG_END() };

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		char text[64];
		cfg_t *cfg;

		snprintf(text, sizeof(text), "value = %s", table[i].text);
		unit_write(conf_file, text);
		cfg = ln_config_parse(conf_file, one);
		EXPECT(ln_config_time(cfg, "value") == table[i].time, "%s", text);
		EXPECT(ln_config_size(cfg, "value") == table[i].size, "%s", text);
		cfg_free(cfg);
	}
	free(logged());
}

static void test_config_files(void)
{
	static const struct {
		const char *path, *expected;
	} table[] = {
		{ "/nonexistent", "/nonexistent: No such file or directory" },
		{ "/tmp", "/tmp: is not a regular file" },
		{ "/dev/null", "/dev/null: is not a regular file" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		char *text;

		EXPECT(!ln_config_parse(table[i].path, options), "%s", table[i].path);
		text = logged();
		EXPECT(strstr(text, table[i].expected), "%s: %s", table[i].expected, text);
		free(text);
	}
}

static void test_config_include(void)
{
	static const struct {
		const char *text, *expected;
	} table[] = {
		{ "include(\"none\")", "/none: No such file.*conf:1: 'none' cannot be included" },
		{ "include(\"/tmp\")", "/tmp: is not a regular file.*conf:1: '/tmp' cannot" },
		{ "include()", "conf:1: include takes one path" },
		{ "include(a, b)", "conf:1: include takes one path" },
		{ "\ninclude(\"bad\")", "/bad:3: no such option 'wrong'" },
		{ "include(\"good\")\nwrong = 1", "/conf:2: no such option 'wrong'" },
		{ "include(\"self\")", "/self:1: include: files within files, 10 deep" },
		{ "include(\"open\")\n}", "/open:4: the file ends in the middle" },
	};
	char path[80], *text;
	cfg_t *cfg;

	snprintf(path, sizeof(path), "%s/good", folder);
	unit_write(path, "idle = 3s\n");
	snprintf(path, sizeof(path), "%s/bad", folder);
	unit_write(path, "\nidle = 3s\nwrong = 1\n");
	snprintf(path, sizeof(path), "%s/self", folder);
	unit_write(path, "include(\"self\")\n");
	snprintf(path, sizeof(path), "%s/open", folder);
	unit_write(path, "\nlisten x {\n");
	free(logged());
	cfg = parse("include(\"good\")\nbody = 2k");
	EXPECT(cfg && ln_config_time(cfg, "idle") == 3000 && ln_config_size(cfg, "body") == 2048,
	       "included");
	if (cfg)
		cfg_free(cfg);
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		free(logged());
		cfg = parse(table[i].text);
		text = logged();
		EXPECT(!cfg && matches(text, table[i].expected), "%s: %s", table[i].text, text);
		if (cfg)
			cfg_free(cfg);
		free(text);
		/* a reload after the error was mended */
		cfg = parse("include(\"good\")\nbody = 2k");
		text = logged();
		EXPECT(cfg && ln_config_time(cfg, "idle") == 3000 &&
			       ln_config_size(cfg, "body") == 2048,
		       "after %s: %s", table[i].text, text);
		if (cfg)
			cfg_free(cfg);
		free(text);
	}
}

/* --- metrics --- */

static struct ln_metric responses_ok = { "test_responses_total", "code=\"2xx\"",
					 "Responses\\ sent,\nby code", LN_COUNTER, 0 };
static struct ln_metric connections = { "test_connections", NULL, "Open connections", LN_GAUGE, 0 };
static struct ln_metric responses_bad = { "test_responses_total", "code=\"4xx\"", "not said",
					  LN_COUNTER, 0 };
static struct ln_metric unknown = { "test_unknown", NULL, "never defined", LN_COUNTER, 0 };

static void work(unsigned int slot, int n)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		ln_metrics_worker(slot);
		for (int i = 0; i < n; i++)
			ln_metric_add(&responses_ok, 1);
		ln_metric_add(&connections, n);
		ln_metric_add(&connections, -1);
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid || status)
		abort();
}

static void test_metrics(void)
{
	static const char expected[] = "# HELP test_responses_total Responses\\\\ sent,\\nby code\n"
				       "# TYPE test_responses_total counter\n"
				       "test_responses_total{code=\"2xx\"} 1053\n"
				       "test_responses_total{code=\"4xx\"} 1\n"
				       "# HELP test_connections Open connections\n"
				       "# TYPE test_connections gauge\n"
				       "test_connections 1001\n";
	size_t len;
	char *text;

	ln_metric_add(&responses_ok, 100);
	EXPECT(!ln_metric_value(&responses_ok), "counted before it was defined");
	ln_metric_define(&responses_ok);
	ln_metric_define(&connections);
	ln_metric_define(&responses_bad);
	ln_metric_define(&responses_ok);
	ln_metric_add(&responses_ok, 2);
	ln_metric_add(&unknown, 1);
	EXPECT(ln_metric_value(&responses_ok) == 2, "a row of one's own");

	EXPECT(!ln_metrics_share(3), "sharing");
	EXPECT(ln_metric_value(&responses_ok) == 2, "kept when shared");
	work(0, 50);
	work(2, 1000);
	EXPECT(ln_metric_value(&connections) == 1048, "gauge %lld",
	       (long long)ln_metric_value(&connections));
	ln_metrics_worker_gone(0);
	EXPECT(ln_metric_value(&connections) == 999, "without worker 0: %lld",
	       (long long)ln_metric_value(&connections));
	EXPECT(ln_metric_value(&responses_ok) == 1052, "counters stay");
	/* its successor in the same slot, and the master itself */
	work(0, 1);
	ln_metric_add(&connections, 2);
	ln_metric_add(&responses_bad, 1);
	text = ln_metrics_text(&len);
	EXPECT(text && len == strlen(expected) && !strcmp(text, expected), "%s", text);
	free(text);

	free(logged());
	ln_metrics_worker(3);
	text = logged();
	EXPECT(strstr(text, "no row for worker 3, only for 3"), "%s", text);
	free(text);
	ln_metrics_worker_gone(3);
	EXPECT(ln_metric_value(&connections) == 1001, "the master's row is no worker's");
}

static void test_metrics_labels(void)
{
	char *text = ln_metric_label("name", "a\"b\\c\nd");

	EXPECT(!strcmp(text, "name=\"a\\\"b\\\\c\\nd\""), "%s", text);
	free(text);
}

static void test_metrics_limit(void)
{
	static struct ln_metric many[LN_MAX_METRICS];
	size_t len;
	char *text;

	free(logged());
	for (int i = 0; i < LN_MAX_METRICS; i++) {
		many[i] = (struct ln_metric){ "test_many", NULL, NULL, LN_COUNTER, 0 };
		ln_metric_define(&many[i]);
	}
	EXPECT(many[LN_MAX_METRICS - 4].index && !many[LN_MAX_METRICS - 3].index, "the limit");
	ln_metric_add(&many[LN_MAX_METRICS - 1], 1);
	text = logged();
	EXPECT(strstr(text, "metric test_many: there are 256 already"), "%s", text);
	free(text);
	text = ln_metrics_text(&len);
	if (!text)
		abort();
	EXPECT(strstr(text, "# TYPE test_many counter\ntest_many 0\n"), "%s", text);
	EXPECT(!strstr(strstr(text, "# TYPE test_many") + 1, "# TYPE test_many"), "twice");
	free(text);
}

/* --- queues --- */

#define QUEUE_ROUNDS	20000
#define MODEL_MAX	(1 << 20)

static unsigned char file_byte(uint64_t offset)
{
	return offset * 31 + (offset >> 8);
}

struct model {
	struct ln_queue q;
	struct ln_file *file;
	unsigned char expected[MODEL_MAX];	/* what waits, in order */
	size_t start, end;
	size_t memory;
};

static void model_put(struct model *m, const void *data, size_t len)
{
	memcpy(m->expected + m->end, data, len);
	m->end += len;
}

static void queue_append(struct model *m)
{
	static const char stays[] = "bytes that stay where they are";
	char scratch[9000], *owned, *room;
	size_t len = random() % (random() % 8 ? 100 : sizeof(scratch));
	off_t offset;

	for (size_t i = 0; i < len; i++)
		scratch[i] = random();
	switch (random() % 5) {
	case 0:
		EXPECT(!ln_queue_add(&m->q, scratch, len), "add");
		model_put(m, scratch, len);
		break;
	case 1:
		len %= sizeof(stays);
		EXPECT(!ln_queue_add_static(&m->q, stays, len), "static");
		model_put(m, stays, len);
		break;
	case 2:
		owned = malloc(len ? len : 1);
		memcpy(owned, scratch, len);
		EXPECT(!ln_queue_add_owned(&m->q, owned, len), "owned");
		model_put(m, scratch, len);
		break;
	case 3:
		room = ln_queue_reserve(&m->q, sizeof(scratch) / 2);
		len /= 2;
		memcpy(room, scratch, len);
		ln_queue_commit(&m->q, len);
		model_put(m, scratch, len);
		break;
	case 4:
		offset = random() % 1000;
		EXPECT(!ln_queue_add_file(&m->q, m->file, offset, len), "file");
		for (size_t i = 0; i < len; i++)
			m->expected[m->end++] = file_byte(offset + i);
		break;
	}
}

static void queue_check_front(const struct model *m)
{
	size_t waiting = m->end - m->start, seen = 0;
	const unsigned char *front = m->expected + m->start;
	struct ln_piece p = { 0 };
	struct iovec iov[4];
	bool any = ln_queue_front(&m->q, &p), more;
	int n = ln_queue_iov(&m->q, iov, 4, &more);

	EXPECT(m->q.bytes == waiting, "%llu waits, expected %zu", (unsigned long long)m->q.bytes,
	       waiting);
	EXPECT(any == !!waiting, "front");
	if (!any)
		return;
	EXPECT(p.len && p.len <= waiting && p.more == (p.len < waiting), "piece of %llu",
	       (unsigned long long)p.len);
	if (p.data)
		EXPECT(!memcmp(p.data, front, p.len), "piece in memory");
	else
		EXPECT(file_byte(p.offset) == *front, "piece of a file");
	EXPECT(!!n == !!p.data, "%d parts", n);
	for (int i = 0; i < n; i++) {
		EXPECT(iov[i].iov_len && !memcmp(iov[i].iov_base, front + seen, iov[i].iov_len),
		       "part %d", i);
		seen += iov[i].iov_len;
	}
	EXPECT(more == (seen < waiting), "more");
}

static void queue_take(struct model *m)
{
	size_t waiting = m->end - m->start, len = random() % 6000;
	unsigned char got[6000];
	ssize_t n;

	if (random() % 2) {
		len = len < waiting ? len : waiting;
		ln_queue_consume(&m->q, len);
		m->start += len;
		return;
	}
	n = ln_queue_read(&m->q, got, len);
	EXPECT(n == (ssize_t)(len < waiting ? len : waiting), "read %zd", n);
	EXPECT(n <= 0 || !memcmp(got, m->expected + m->start, n), "bytes read");
	m->start += n > 0 ? n : 0;
}

static struct ln_file *make_file(void)
{
	char path[80], bytes[10000];
	int fd;

	snprintf(path, sizeof(path), "%s/data", folder);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = file_byte(i);
	if (write(fd, bytes, sizeof(bytes)) != sizeof(bytes))
		abort();
	return ln_file_new(fd);
}

static void test_queue(void)
{
	struct model *m = calloc(1, sizeof(*m));
	int fd;

	srandom(253);
	m->file = make_file();
	fd = m->file->fd;
	for (int i = 0; i < QUEUE_ROUNDS && !unit_failed_here; i++) {
		if (m->end > MODEL_MAX - 10000) {
			memmove(m->expected, m->expected + m->start, m->end - m->start);
			m->end -= m->start;
			m->start = 0;
		}
		/* seldom full, often empty */
		if (random() % 100 < (m->end - m->start > 100000 ? 20 : 50))
			queue_append(m);
		else
			queue_take(m);
		queue_check_front(m);
	}
	ln_queue_clear(&m->q);
	EXPECT(!m->q.bytes && !m->q.memory && !m->q.first && !m->q.last, "cleared");
	EXPECT(m->file->refs == 1, "%u owners of the file", m->file->refs);
	ln_file_put(m->file);
	EXPECT(fcntl(fd, F_GETFD) < 0 && errno == EBADF, "the file is still open");
	free(m);
}

static void test_queue_memory(void)
{
	struct ln_queue q = { 0 };

	ln_queue_add(&q, "0123456789", 10);
	EXPECT(q.memory == 10, "copied: %zu", q.memory);
	ln_queue_add_static(&q, "0123456789", 10);
	EXPECT(q.memory == 10 && q.bytes == 20, "static: %zu", q.memory);
	ln_queue_add_owned(&q, strdup("0123456789"), 10);
	EXPECT(q.memory == 20, "owned: %zu", q.memory);
	ln_queue_consume(&q, 15);
	EXPECT(q.memory == 10 && q.bytes == 15, "consumed: %zu", q.memory);
	ln_queue_consume(&q, 15);
	EXPECT(!q.memory && !q.bytes, "all consumed: %zu", q.memory);
	ln_queue_clear(&q);
}

/* A file that became shorter is an error, not an endless wait. */
static void test_queue_short_file(void)
{
	struct ln_queue q = { 0 };
	struct ln_file *f = make_file();
	char buf[64];

	ln_queue_add_file(&q, f, 9990, 100);
	ln_file_put(f);
	EXPECT(ln_queue_read(&q, buf, sizeof(buf)) == 10, "what is there");
	EXPECT(ln_queue_read(&q, buf, sizeof(buf)) == -EIO, "what is not");
	ln_queue_clear(&q);
}

int main(void)
{
	static const struct unit_test tests[] = {
		{ "configuration: good ones", test_config_good },
		{ "configuration: errors name line, fault and what is allowed", test_config_errors },
		{ "configuration: times and sizes", test_config_units },
		{ "configuration: what is no file", test_config_files },
		{ "configuration: included files", test_config_include },
		{ "metrics: rows, sums and text", test_metrics },
		{ "metrics: labels", test_metrics_labels },
		{ "metrics: the limit", test_metrics_limit },
		{ "queue: as a model says", test_queue },
		{ "queue: what is held in memory", test_queue_memory },
		{ "queue: a file that became shorter", test_queue_short_file },
	};
	char command[80];
	int status;

	if (!mkdtemp(folder))
		return 1;
	snprintf(conf_file, sizeof(conf_file), "%s/conf", folder);
	snprintf(log_file, sizeof(log_file), "%s/log", folder);
	if (ln_log_open(log_file))
		return 1;
	status = UNIT_MAIN(tests);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	if (system(command))
		printf("# %s is left\n", folder);
	return status;
}
