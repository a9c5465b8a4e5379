// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Error pages: a host's own, or a plain one.
 *
 * A host's own are read with the configuration: they are needed most when there are
 * no descriptors and no time, and a wrong name is told at the start instead of in
 * place of the page.
 */
#include "errors.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mime.h"
#include "target.h"

/*
 * The master may be root, and what is below a host's folder may belong to others:
 * their symbolic links must not lead it out of there.
 */
static int open_beneath(const char *root, const char *path)
{
	struct open_how how = {
		.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};
	int folder = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC), fd, saved;

	if (folder < 0)
		return -1;
	fd = syscall(SYS_openat2, folder, path, &how, sizeof(how));
	saved = errno;
	close(folder);
	errno = saved;
	return fd;
}

static const char *read_page(struct error_page *page, int fd)
{
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		return "is no file";
	if (st.st_size > ERRORS_MAX_PAGE)
		return "is longer than 1 MiB";
	page->data = malloc(st.st_size + 1);
	if (!page->data)
		return "takes more memory than there is";
	while (page->len < (size_t)st.st_size) {
		n = read(fd, page->data + page->len, st.st_size - page->len);
		if (n <= 0)
			return "cannot be read";
		page->len += n;
	}
	return NULL;
}

static char *make_type(const char *path)
{
	const char *type = mime_type(NULL, path);
	bool text = !strncmp(type, "text/", 5);
	char *made;

	return asprintf(&made, "%s%s", type, text ? "; charset=utf-8" : "") < 0 ? NULL : made;
}

/**
 * error_pages_add() - read a host's own page
 * @pages: where it goes
 * @status: status it is for
 * @root: the host's folder
 * @target: the page's name below it, beginning with a slash
 *
 * Return: NULL, or what is wrong with it.
 */
const char *error_pages_add(struct error_pages *pages, int status, const char *root,
			    const char *target)
{
	struct error_page *page = reallocarray(pages->page, pages->n + 1, sizeof(*page));
	struct http_target t;
	const char *wrong;
	int fd;

	if (!page)
		return "takes more memory than there is";
	pages->page = page;
	page += pages->n;
	if (*target != '/' || http_target_parse(&t, target, strlen(target)) || !t.len)
		return "is no path that begins with a slash";
	fd = open_beneath(root, t.path);
	if (fd < 0)
		return strerror(errno);
	*page = (struct error_page){ .status = status, .type = make_type(t.path) };
	pages->n++;
	wrong = page->type ? read_page(page, fd) : "takes more memory than there is";
	close(fd);
	return wrong;
}

/**
 * error_pages_clear() - let pages go
 * @pages: the pages
 */
void error_pages_clear(struct error_pages *pages)
{
	for (size_t i = 0; i < pages->n; i++) {
		free(pages->page[i].data);
		free(pages->page[i].type);
	}
	free(pages->page);
	memset(pages, 0, sizeof(*pages));
}

/* Nothing in it comes from the request. */
static void send_plain(struct http_exchange *x, int status)
{
	const char *reason = http_reason(status);
	char page[512];
	int len;

	len = snprintf(page, sizeof(page),
		       "<!DOCTYPE html>\n"
		       "<html lang=\"en\"><head><meta charset=\"utf-8\"><title>%d %s</title></head>\n"
		       "<body><h1>%d %s</h1></body></html>\n",
		       status, reason, status, reason);
	http_respond(x, status, "text/html; charset=utf-8", page, len);
}

/**
 * error_page_send() - answer with an error page
 * @x: the exchange
 * @pages: its host's own pages
 * @status: status of the response
 */
void error_page_send(struct http_exchange *x, const struct error_pages *pages, int status)
{
	for (size_t i = 0; i < pages->n; i++) {
		const struct error_page *page = &pages->page[i];

		if (page->status == status) {
			http_respond(x, status, page->type, page->data, page->len);
			return;
		}
	}
	send_plain(x, status);
}
