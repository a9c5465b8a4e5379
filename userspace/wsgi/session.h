/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One request over one FastCGI connection, by blocking calls.  Nothing of Python is here.
 */
#ifndef WSGI_SESSION_H
#define WSGI_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "codec/buffer.h"
#include "codec/fastcgi.h"

#define SESSION_INPUT		65536
#define SESSION_MAX_PARAMS	(1024 * 1024)
#define SESSION_MAX_CONTROL	1024

/**
 * struct session - a connection and the request on it
 * @fd: the connection
 * @reader: where reading stands
 * @id: the request's id, 0: it has not begun
 * @params: what FCGI_PARAMS said
 * @control: content of a record that is not a stream's
 * @pending: whole records to be sent with the next ones
 * @params_done: @params is complete
 * @stdin_done: the content is complete
 * @since: when the application was given the word, 0: this waits for the server; milliseconds
 *	of CLOCK_MONOTONIC, for whoever watches
 * @error: a negative errno, after which nothing more is read or sent
 * @at: the next octet in @input
 * @len: octets from there on
 * @input: what arrived
 */
struct session {
	int fd;
	struct fcgi_reader reader;
	unsigned int id;
	struct cgi_buffer params;
	struct cgi_buffer control;
	struct cgi_buffer pending;
	bool params_done;
	bool stdin_done;
	volatile uint64_t *since;
	int error;
	size_t at, len;
	char input[SESSION_INPUT];
};

uint64_t session_now(void);
int session_begin(struct session *s, int fd, volatile uint64_t *since);
ssize_t session_read(struct session *s, void *buf, size_t len);
int session_put(struct session *s, enum fcgi_type type, const void *data, size_t len);
int session_send(struct session *s, enum fcgi_type type, const void *data, size_t len);
void session_end(struct session *s);
void session_close(struct session *s);

#endif
