// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The queue manager without the server that feeds it.
 *
 *	relay_driver run FILE		configuration: hostname, queue, mail-root, domains, smtp-port,
 *					relay { }
 *	relay_driver put FOLDER KEY=VALUE ... <MESSAGE
 *		sender= ret= envid= body= utf8= age=; to=, and for it user= original= notify= orcpt=
 *
 * Users are the folders below mail-root; what is delivered is in their new/.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "log.h"
#include "options.h"
#include "mail/spool.h"
#include "relay/relay.h"

static const char *mail_root;
static const char *domains[16];
static unsigned int n_domains;

static int deliver(void *data, const struct relay_delivery *d)
{
	static int number;
	char path[512], line[1024], buffer[8192];
	int fd, n = __atomic_add_fetch(&number, 1, __ATOMIC_RELAXED);
	uint64_t at = 0;

	(void)data;
	snprintf(path, sizeof(path), "%s/%s/full", mail_root, d->user);
	if (!access(path, F_OK))
		return -EDQUOT;
	snprintf(path, sizeof(path), "%s/%s/new/%d.%d", mail_root, d->user, getpid(), n);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	snprintf(line, sizeof(line), "Return-Path: <%s>\r\nDelivered-To: %s\r\n", d->sender,
		 d->address);
	if (write(fd, line, strlen(line)) < 0)
		goto fail;
	while (at < d->size) {
		uint64_t left = d->size - at;
		ssize_t got = pread(d->fd, buffer, left < sizeof(buffer) ? left : sizeof(buffer),
				    at);

		if (got <= 0 || write(fd, buffer, got) != got)
			goto fail;
		at += got;
	}
	fsync(fd);
	close(fd);
	return 0;
fail:
	close(fd);
	return -EIO;
}

static int expand(void *data, const char *address, struct envelope *e)
{
	const char *at = strrchr(address, '@');
	struct envelope_recipient *r;
	char path[512];

	(void)data;
	for (unsigned int i = 0; at && i < n_domains; i++) {
		if (strcasecmp(at + 1, domains[i]))
			continue;
		snprintf(path, sizeof(path), "%s/%.*s", mail_root, (int)(at - address), address);
		if (access(path, F_OK))
			return -1;
		r = envelope_add(e, address);
		r->user = strndup(address, at - address);
		return 0;
	}
	return envelope_add(e, address) ? 0 : -1;
}

static int run(const char *file)
{
	cfg_opt_t options[] = {
		CFG_STR("hostname", "relay.test", CFGF_NONE),
		CFG_STR("queue", NULL, CFGF_NONE),
		CFG_STR("mail-root", NULL, CFGF_NONE),
		CFG_STR("postmaster", "postmaster", CFGF_NONE),
		CFG_STR_LIST("domains", NULL, CFGF_NONE),
		CFG_INT("smtp-port", 25, CFGF_NONE),
		CFG_SEC("relay", relay_options, CFGF_NONE),
		CFG_END(),
	};
	cfg_t *cfg = ln_config_parse_checked(file, options, relay_checks);
	struct relay_common common = { .deliver = deliver, .expand = expand };
	struct relay_setup *setup;
	int status;

	if (!cfg)
		return LN_EXIT_USAGE;
	ln_log_level(LN_DEBUG);
	common.hostname = cfg_getstr(cfg, "hostname");
	common.queue = cfg_getstr(cfg, "queue");
	common.mail_root = mail_root = cfg_getstr(cfg, "mail-root");
	common.postmaster = cfg_getstr(cfg, "postmaster");
	common.smtp_port = cfg_getint(cfg, "smtp-port");
	for (unsigned int i = 0; i < cfg_size(cfg, "domains") && i < 16; i++)
		domains[n_domains++] = cfg_getnstr(cfg, "domains", i);
	common.domains = domains;
	common.n_domains = n_domains;
	setup = relay_setup_read(cfg_getsec(cfg, "relay"), &common);
	if (!setup)
		return LN_EXIT_USAGE;
	status = relay_main(setup, -1);
	relay_setup_free(setup);
	cfg_free(cfg);
	return status;
}

static int put(int argc, char **argv)
{
	struct spool *s = spool_open(argv[0]);
	struct spool_file *f = s ? spool_create(s, NULL) : NULL;
	struct envelope e = { .sender = strdup(""), .arrival = envelope_now() };
	struct envelope_recipient *r = NULL;
	char id[SPOOL_ID_LEN + 1];

	if (!f)
		return 1;
	for (int i = 1; i < argc; i++) {
		char *value = strchr(argv[i], '=');

		*value++ = 0;
		if (!strcmp(argv[i], "sender")) {
			free(e.sender);
			e.sender = strdup(value);
		} else if (!strcmp(argv[i], "ret")) {
			e.ret = atoi(value);
		} else if (!strcmp(argv[i], "envid")) {
			e.envid = strdup(value);
		} else if (!strcmp(argv[i], "body")) {
			e.body = atoi(value);
		} else if (!strcmp(argv[i], "utf8")) {
			e.utf8 = atoi(value);
		} else if (!strcmp(argv[i], "age")) {
			e.arrival -= atoll(value);
		} else if (!strcmp(argv[i], "to")) {
			r = envelope_add(&e, value);
		} else if (!strcmp(argv[i], "user")) {
			r->user = strdup(value);
		} else if (!strcmp(argv[i], "original")) {
			r->original = strdup(value);
		} else if (!strcmp(argv[i], "orcpt")) {
			r->orcpt = strdup(value);
		} else if (!strcmp(argv[i], "notify")) {
			r->notify = atoi(value);
		}
	}
	strcpy(id, spool_id(f));
	if (spool_copy(f, 0) || spool_commit(f, &e))
		return 1;
	spool_notify(s, id);
	printf("%s\n", id);
	envelope_clear(&e);
	spool_close(s);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "run"))
		return run(argv[2]);
	if (argc > 3 && !strcmp(argv[1], "put"))
		return put(argc - 2, argv + 2);
	fprintf(stderr, "relay_driver: run FILE, or put FOLDER KEY=VALUE ...\n");
	return LN_EXIT_USAGE;
}
