// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Orders to a running keeper: a line of words over a UNIX socket in the state folder, which
 * only the daemon's user and root may open. The reply is "+" or "-" and text, to the end.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "internal.h"
#include "log.h"
#include "tmpfile.h"
#include "zone/zone.h"

#define SOCKET		"control.socket"
#define BACKLOG		8
#define ORDER_MAX	1400	/* a command and a name with escapes */
#define OUTPUT_MAX	(1 << 20)
#define PATIENCE_MS	10000
#define RECORD_TEXT	(5 * 65536)

struct control {
	struct keeper *keeper;
	uv_poll_t poll;
	int fd;
};

/* --- what a zone is like --- */

static const char *condition(const struct keeper_zone *z, bool there, bool expired)
{
	if (expired)
		return "expired";
	if (z->under_way)
		return z->transfer ? "transferring" : "refreshing";
	return there ? "serving" : "empty";
}

static void say_status(struct ln_conn *c, struct keeper_zone *z, struct store_txn *t)
{
	uint32_t id = store_zone_find(t, z->conf->name), serial = 0;
	bool there = id && store_zone_serial(t, id, &serial);
	struct keeper_state state = { 0 };

	if (id)
		keeper_state_get(t, id, &state);
	ln_conn_printf(c, "%s %s %s", z->conf->text,
		       z->conf->primaries.count ? "secondary" : "primary",
		       condition(z, there, state.expired));
	if (there)
		ln_conn_printf(c, " serial %" PRIu32, serial);
	if (z->conf->policy)
		ln_conn_printf(c, " signed");
	if (id && keeper_is_frozen(t, id))
		ln_conn_printf(c, " frozen");
	if (state.checked)
		ln_conn_printf(c, " checked %" PRIu64 " s ago", keeper_now() - state.checked);
	if (*z->last_error)
		ln_conn_printf(c, " (%s)", z->last_error);
	ln_conn_printf(c, "\n");
}

static void say_record(FILE *f, const uint8_t *owner, uint16_t type, uint32_t ttl,
		       const knot_rdataset_t *rrs, char *text)
{
	knot_rrset_t rr;
	knot_dname_txt_storage_t name;
	char type_name[16];

	knot_rrset_init(&rr, (knot_dname_t *)owner, type, KNOT_CLASS_IN, ttl);
	rr.rrs = *rrs;
	knot_dname_to_str(name, owner, sizeof(name));
	knot_rrtype_to_string(type, type_name, sizeof(type_name));
	for (uint16_t i = 0; i < rrs->count; i++)
		if (knot_rrset_txt_dump_data(&rr, i, text, RECORD_TEXT,
					     &KNOT_DUMP_STYLE_DEFAULT) >= 0)
			fprintf(f, "%s\t%" PRIu32 "\tIN\t%s\t%s\n", name, ttl, type_name, text);
}

static void say_rrset(FILE *f, const uint8_t *owner, const struct store_rrset *rrset, char *text)
{
	say_record(f, owner, rrset->type, rrset->ttl, &rrset->rdata, text);
	say_record(f, owner, KNOT_RRTYPE_RRSIG, rrset->ttl, &rrset->rrsigs, text);
}

static bool dump_kind(FILE *f, struct store_txn *t, uint32_t id, enum store_kind kind, char *text)
{
	struct store_walk walk;
	struct store_rrset rrset;

	if (store_walk_begin(&walk, t, id, kind, NULL))
		return false;
	while (store_walk_next(&walk)) {
		/* A zone file begins with its SOA. */
		if (store_rrset(&walk.node, KNOT_RRTYPE_SOA, &rrset))
			say_rrset(f, walk.owner, &rrset, text);
		for (unsigned int i = 0; i < walk.node.count; i++) {
			store_rrset_at(&walk.node, i, &rrset);
			if (rrset.type != KNOT_RRTYPE_SOA)
				say_rrset(f, walk.owner, &rrset, text);
		}
	}
	store_walk_end(&walk);
	return true;
}

/* --- orders --- */

static void do_status(struct ln_conn *c, struct keeper *k, struct keeper_zone *z)
{
	struct store_txn *t = store_read(k->store);

	if (!t) {
		ln_conn_printf(c, "-the store cannot be read\n");
		return;
	}
	ln_conn_printf(c, "+");
	if (z)
		say_status(c, z, t);
	for (unsigned int i = 0; i < k->setup->n_zones && !z; i++)
		say_status(c, &k->zones[i], t);
	store_txn_abort(t);
}

static void do_reload(struct ln_conn *c, struct keeper *k, struct keeper_zone *z)
{
	unsigned int changed = 0, failed = 0;

	for (unsigned int i = 0; i < k->setup->n_zones; i++) {
		struct keeper_zone *each = &k->zones[i];
		int n;

		if ((z && z != each) || !each->conf->file || each->conf->primaries.count)
			continue;
		n = zone_load(k->store, each->conf);
		changed += n > 0;
		failed += n < 0;
		if (n > 0)
			keeper_changed(each);
	}
	if (failed)
		ln_conn_printf(c, "-%u zones changed, %u could not be loaded: see the log\n",
			       changed, failed);
	else
		ln_conn_printf(c, "+%u zones changed\n", changed);
}

static void refresh(struct ln_conn *c, struct keeper_zone *z, bool whole)
{
	if (!z->conf->primaries.count) {
		ln_conn_printf(c, "-%s is a primary zone: there is nobody to ask\n", z->conf->text);
		return;
	}
	z->whole |= whole;
	refresh_now(z, 0);
	ln_conn_printf(c, "+%s: its primaries are being asked\n", z->conf->text);
}

static void do_refresh(struct ln_conn *c, struct keeper *k, struct keeper_zone *z)
{
	(void)k;
	refresh(c, z, false);
}

static void do_retransfer(struct ln_conn *c, struct keeper *k, struct keeper_zone *z)
{
	(void)k;
	refresh(c, z, true);
}

static void do_notify(struct ln_conn *c, struct keeper *k, struct keeper_zone *z)
{
	(void)k;
	notify_send(z);
	ln_conn_printf(c, "+%s: secondaries are being told\n", z->conf->text);
}

static void freeze(struct ln_conn *c, struct keeper_zone *z, bool frozen)
{
	int err = keeper_freeze(z, frozen);

	if (err)
		ln_conn_printf(c, "-%s: %s\n", z->conf->text,
			       err == -ENOENT ? "it has no content" : strerror(-err));
	else
		ln_conn_printf(c, "+%s: %s\n", z->conf->text,
			       frozen ? "updates are refused until \"thaw\"" :
			       "updates are taken");
}

static void do_freeze(struct ln_conn *c, struct keeper *k, struct keeper_zone *z)
{
	(void)k;
	freeze(c, z, true);
}

static void do_thaw(struct ln_conn *c, struct keeper *k, struct keeper_zone *z)
{
	(void)k;
	freeze(c, z, false);
}

/* A zone may be large: it goes through a file without a name. */
static FILE *dump_file(const char *folder)
{
	int at = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = at < 0 ? -1 : ln_tmpfile(at);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r+");

	if (at >= 0)
		close(at);
	if (!f && fd >= 0)
		close(fd);
	return f;
}

static bool dump_to(FILE *f, struct keeper *k, struct keeper_zone *z)
{
	struct store_txn *t = store_read(k->store);
	uint32_t id = t ? store_zone_find(t, z->conf->name) : 0, serial;
	char *text = malloc(RECORD_TEXT);
	bool good = text && id && store_zone_serial(t, id, &serial) &&
		    dump_kind(f, t, id, STORE_NAMES, text) &&
		    dump_kind(f, t, id, STORE_NSEC3, text) && !fflush(f) && !ferror(f);

	if (t)
		store_txn_abort(t);
	free(text);
	return good;
}

static void do_dump(struct ln_conn *c, struct keeper *k, struct keeper_zone *z)
{
	FILE *f = dump_file(k->setup->state);
	struct ln_file *file = NULL;

	if (f && dump_to(f, k, z))
		file = ln_file_new(dup(fileno(f)));
	if (file) {
		ln_conn_printf(c, "+");
		ln_conn_write_file(c, file, 0, ftell(f));
		ln_file_put(file);
	} else {
		ln_conn_printf(c, "-%s has no content that can be shown\n", z->conf->text);
	}
	if (f)
		fclose(f);
}

static const struct order {
	const char *name, *what;
	bool needs_zone;
	void (*run)(struct ln_conn *c, struct keeper *k, struct keeper_zone *z);
} orders[] = {
	{ "zone-status", "what a zone, or each, is like", false, do_status },
	{ "reload", "read zone files that have changed", false, do_reload },
	{ "refresh", "ask a secondary's primaries for news", true, do_refresh },
	{ "retransfer", "fetch a secondary as a whole, whatever the serial", true, do_retransfer },
	{ "notify", "tell secondaries of the zone", true, do_notify },
	{ "freeze", "refuse updates", true, do_freeze },
	{ "thaw", "take updates again", true, do_thaw },
	{ "dump", "show the zone as a zone file", true, do_dump },
	{ "keys", "show a signed zone's keys, and the DS for its parent", true, control_keys },
	{ "ds-seen", "the parent has the DS of the key that waits for it", true, control_ds_seen },
	{ "roll-ksk", "replace the key-signing key", true, control_roll_ksk },
	{ "roll-zsk", "replace the zone-signing key", true, control_roll_zsk },
};

static struct keeper_zone *find_zone(struct ln_conn *c, struct keeper *k, const char *text)
{
	uint8_t name[DNS_NAME_MAX];
	char why[DNS_WHY_SIZE];
	const struct setup_zone *conf;

	if (dns_name_from_text(name, text, strlen(text), NULL, why) < 0) {
		ln_conn_printf(c, "-%s: %s\n", text, why);
		return NULL;
	}
	dns_name_lower(name);
	conf = setup_zone_find(k->setup, name);
	if (!conf)
		ln_conn_printf(c, "-%s is no zone of the configuration\n", text);
	return keeper_zone_of(k, conf);
}

static void say_orders(struct ln_conn *c)
{
	for (size_t i = 0; i < sizeof(orders) / sizeof(*orders); i++)
		ln_conn_printf(c, "%-11s %-6s  %s\n", orders[i].name,
			       orders[i].needs_zone ? "ZONE" : "[ZONE]", orders[i].what);
}

static void obey(struct ln_conn *c, struct keeper *k, char *line)
{
	char *save, *word = strtok_r(line, " ", &save), *zone = strtok_r(NULL, " ", &save);
	struct keeper_zone *z = NULL;

	for (size_t i = 0; word && i < sizeof(orders) / sizeof(*orders); i++) {
		if (strcmp(orders[i].name, word))
			continue;
		if (strtok_r(NULL, " ", &save) || (orders[i].needs_zone && !zone)) {
			ln_conn_printf(c, "-usage: %s %s\n", word,
				       orders[i].needs_zone ? "ZONE" : "[ZONE]");
			return;
		}
		if (zone) {
			z = find_zone(c, k, zone);
			if (!z)
				return;
		}
		orders[i].run(c, k, z);
		return;
	}
	if (word && !strcmp(word, "help"))
		ln_conn_printf(c, "+");
	else
		ln_conn_printf(c, "-\"%s\" is no order; there are:\n", word ? word : "");
	say_orders(c);
}

/* --- connections --- */

static void on_open(struct ln_conn *c)
{
	ln_conn_deadline(c, PATIENCE_MS);
}

static void on_input(struct ln_conn *c)
{
	struct control *control = ln_conn_data(c);
	char line[ORDER_MAX + 1];
	const char *in, *end;
	size_t len;

	in = ln_conn_input(c, &len);
	end = memchr(in, '\n', len);
	if (!end && len < ORDER_MAX && !ln_conn_eof(c))
		return;
	if (end && (size_t)(end - in) <= ORDER_MAX) {
		memcpy(line, in, end - in);
		line[end - in] = 0;
		ln_conn_consume(c, len);
		obey(c, control->keeper, line);
	}
	ln_conn_finish(c);
}

static void on_timeout(struct ln_conn *c)
{
	ln_conn_close(c);
}

static void on_close(struct ln_conn *c)
{
	(void)c;
}

static const struct ln_proto control_proto = {
	.input_max = ORDER_MAX + 2,
	.output_max = OUTPUT_MAX,
	.open = on_open,
	.input = on_input,
	.timeout = on_timeout,
	.stop = on_timeout,
	.close = on_close,
};

static void on_client(uv_poll_t *poll, int status, int events)
{
	struct control *control = poll->data;
	int fd = accept4(control->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)status;
	(void)events;
	if (fd >= 0 && !ln_conn_adopt(control->keeper->server, fd, "control", &control_proto,
				      control))
		ln_warning("a control connection is refused: %s", strerror(errno));
}

static int make_address(const char *state, struct sockaddr_un *addr)
{
	int n;

	memset(addr, 0, sizeof(*addr));
	addr->sun_family = AF_UNIX;
	n = snprintf(addr->sun_path, sizeof(addr->sun_path), "%s/" SOCKET, state);
	if (n < 0 || (size_t)n >= sizeof(addr->sun_path)) {
		ln_error("%s/" SOCKET " is too long for a socket's path, which has at most %zu "
			 "octets", state, sizeof(addr->sun_path) - 1);
		return -ENAMETOOLONG;
	}
	return 0;
}

static int listen_there(const struct sockaddr_un *addr)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t mask;
	int err;

	if (fd < 0)
		return -errno;
	unlink(addr->sun_path);		/* of a keeper that is gone, or going */
	mask = umask(0177);
	err = bind(fd, (const struct sockaddr *)addr, sizeof(*addr)) || listen(fd, BACKLOG) ?
	      -errno : 0;
	umask(mask);
	if (!err)
		return fd;
	close(fd);
	return err;
}

/**
 * control_start() - take orders
 * @k: the keeper
 *
 * Return: 0 or a negative errno after an error line.
 */
int control_start(struct keeper *k)
{
	static struct control control;
	struct sockaddr_un addr;
	int fd, err = make_address(k->setup->state, &addr);

	if (err)
		return err;
	fd = listen_there(&addr);
	err = fd < 0 ? fd : uv_poll_init(ln_server_loop(k->server), &control.poll, fd);
	if (err) {
		ln_error("%s: %s", addr.sun_path, strerror(-err));
		return err;
	}
	control.keeper = k;
	control.fd = fd;
	control.poll.data = &control;
	uv_poll_start(&control.poll, UV_READABLE, on_client);
	return 0;
}

/* --- the other end --- */

static int write_order(int fd, char **words, int n)
{
	char line[ORDER_MAX + 2];
	size_t len = 0;

	for (int i = 0; i < n; i++) {
		int m = snprintf(line + len, sizeof(line) - len, "%s%s", i ? " " : "", words[i]);

		if (m < 0 || len + m >= sizeof(line) - 1) {
			ln_error("the order is too long: at most %d octets", ORDER_MAX);
			return -E2BIG;
		}
		len += m;
	}
	line[len++] = '\n';
	return write(fd, line, len) == (ssize_t)len ? 0 : -errno;
}

static int show_reply(int fd)
{
	FILE *out = NULL;
	char buf[65536];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		size_t skip = !out;

		if (!out)
			out = *buf == '+' ? stdout : stderr;
		fwrite(buf + skip, 1, n - skip, out);
	}
	if (!out)
		ln_error("the keeper does not reply");
	return out == stdout && !fflush(stdout) ? EXIT_SUCCESS : EXIT_FAILURE;
}

int keeper_control(const struct setup *setup, char **words, int n)
{
	struct sockaddr_un addr;
	int fd, status;

	if (make_address(setup->state, &addr))
		return EXIT_FAILURE;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		ln_error("%s: %s: is linnet-dnsd running?", addr.sun_path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return EXIT_FAILURE;
	}
	status = write_order(fd, words, n) ? EXIT_FAILURE : show_reply(fd);
	close(fd);
	return status;
}
