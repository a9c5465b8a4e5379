// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Two halves: the name of a file in a Maildir, and a maildirsize; then the mailbox is opened
 * and a message delivered.  UIDs must be what RFC 1939 allows.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "maildir.h"

static int root = -1, text = -1;

static char folder[] = "/dev/shm/linnet-fuzz-XXXXXX";

static void end(void)
{
	for (const char *const *p = (const char *const[]){ "box/new", "box/cur", "box/tmp",
							    "box", NULL }; *p; p++)
		unlinkat(root, *p, AT_REMOVEDIR);
	rmdir(folder);
}

static void begin(void)
{
	if (!mkdtemp(folder))
		abort();
	root = open(folder, O_RDONLY | O_DIRECTORY);
	if (mkdirat(root, "box", 0700) || mkdirat(root, "box/new", 0700) ||
	    mkdirat(root, "box/cur", 0700) || mkdirat(root, "box/tmp", 0700))
		abort();
	text = open(folder, O_RDWR | O_TMPFILE, 0600);
	if (text < 0 || write(text, "A: b\r\n\r\nx\r\n", 11) != 11)
		abort();
	atexit(end);
}

static void put(const char *path, const uint8_t *data, size_t len)
{
	int fd = openat(root, path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd >= 0 && write(fd, data, len) != (ssize_t)len)
		abort();
	if (fd >= 0)
		close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *half = memchr(data, 0, size);
	struct maildir_target t = { .path = "box", .hostname = "h", .quota = 1000,
				    .quota_messages = 3 };
	char path[300] = "box/cur/", name[MAILDIR_NAME_MAX];
	struct maildir *m;
	size_t n = half ? (size_t)(half - data) : size;

	if (root < 0)
		begin();
	if (!n || n > 250 || memchr(data, '/', n))
		return 0;
	memcpy(path + 8, data, n);
	path[8 + n] = 0;
	put(path, (const uint8_t *)"A: b\n\nx", 7);
	if (half)
		put("box/maildirsize", half + 1, size - n - 1);
	t.root = root;
	if (!maildir_deliver(text, 11, &t, name)) {
		char made[300] = "box/new/";

		unlinkat(root, strcat(made, name), 0);
	}
	if (maildir_open(root, "box", &m))
		abort();
	for (size_t i = 0; i < m->n; i++) {
		size_t len = strlen(m->message[i].uid);

		if (!len || len > 70)
			abort();
		for (size_t j = 0; j < len; j++)
			if (m->message[i].uid[j] < 0x21 || m->message[i].uid[j] > 0x7e)
				abort();
		if (maildir_seen(m, i) < -1000)
			abort();
	}
	for (size_t i = 0; i < m->n; i++)
		maildir_remove(m, i);
	maildir_close(m);
	unlinkat(root, path, 0);
	unlinkat(root, "box/maildirsize", 0);
	unlinkat(root, "box/.linnet-pop3d.lock", 0);
	return 0;
}
