// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Content whose length is not known beforehand, for gateways that have to be told it: in
 * memory, then in a file that has no name and so leaves nothing behind.
 */
#include <errno.h>
#include <unistd.h>

#include "spool.h"
#include "tmpfile.h"

/**
 * gateway_spool_init() - an empty spool
 * @s: the spool
 * @memory: octets kept in memory
 */
void gateway_spool_init(struct gateway_spool *s, size_t memory)
{
	*s = (struct gateway_spool){ 0 };
	cgi_buffer_init(&s->memory, memory);
}

static int open_file(struct gateway_spool *s, int folder)
{
	int fd = ln_tmpfile(folder);

	if (fd < 0)
		return fd;
	s->file = ln_file_new(fd);
	return s->file ? 0 : -ENOMEM;
}

/**
 * gateway_spool_add() - append content
 * @s: the spool
 * @folder: descriptor of the folder for its file, or -1
 * @data: the content
 * @len: octets
 *
 * Return: 0 or a negative errno of the file's.
 */
int gateway_spool_add(struct gateway_spool *s, int folder, const char *data, size_t len)
{
	if (!s->file) {
		size_t room = s->memory.max - s->memory.len, n = len < room ? len : room;
		int r;

		cgi_buffer_add(&s->memory, data, n);
		if (!cgi_buffer_ok(&s->memory))
			return -ENOMEM;
		data += n;
		len -= n;
		if (!len)
			return 0;
		r = open_file(s, folder);
		if (r < 0)
			return r;
	}
	while (len) {
		ssize_t n = pwrite(s->file->fd, data, len, s->file_len);

		if (n < 0)
			return -errno;
		s->file_len += n;
		data += n;
		len -= n;
	}
	return 0;
}

/**
 * gateway_spool_len() - how much there is
 * @s: the spool
 *
 * Return: octets.
 */
uint64_t gateway_spool_len(const struct gateway_spool *s)
{
	return s->memory.len + s->file_len;
}

/**
 * gateway_spool_send() - queue everything on a connection; can be done again
 * @s: the spool
 * @c: the connection
 *
 * Return: 0 or a negative errno.
 */
int gateway_spool_send(struct gateway_spool *s, struct ln_conn *c)
{
	int r = 0;

	if (s->memory.len)
		r = ln_conn_write(c, s->memory.data, s->memory.len);
	if (r >= 0 && s->file)
		r = ln_conn_write_file(c, s->file, 0, s->file_len);
	return r;
}

/**
 * gateway_spool_free() - let everything go
 * @s: the spool
 */
void gateway_spool_free(struct gateway_spool *s)
{
	cgi_buffer_free(&s->memory);
	if (s->file)
		ln_file_put(s->file);
	s->file = NULL;
	s->file_len = 0;
}
