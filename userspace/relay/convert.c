// SPDX-License-Identifier: GPL-2.0-or-later
#include "convert.h"

#include <errno.h>
#include <gmime/gmime.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../mail/message.h"

#define PIECE (32 * 1024)
/* Parts within parts: what is deeper stays as it is. */
#define DEPTH_MAX 100
/* Of a parameter's name. */
#define NAME_MAX_LEN 50

/**
 * convert_init() - prepare gmime, before any other thread uses it
 */
void convert_init(void)
{
	g_mime_init();
}

static bool has_8bit(const char *s)
{
	for (; s && *s; s++)
		if (*s & 0x80)
			return true;
	return false;
}

static bool long_names(GMimeParamList *list)
{
	for (int i = 0; list && i < g_mime_param_list_length(list); i++)
		if (strlen(g_mime_param_get_name(g_mime_param_list_get_parameter_at(list, i))) >
		    NAME_MAX_LEN)
			return true;
	return false;
}

/* g_mime_param_list_encode() never ends with a name that is as long as a line. */
static bool is_trap(GMimeObject *o, int depth)
{
	GMimeContentDisposition *disposition;

	if (!o || depth > DEPTH_MAX)
		return false;
	disposition = g_mime_object_get_content_disposition(o);
	if (long_names(g_mime_content_type_get_parameters(g_mime_object_get_content_type(o))) ||
	    (disposition && long_names(g_mime_content_disposition_get_parameters(disposition))))
		return true;
	if (GMIME_IS_MESSAGE_PART(o)) {
		GMimeMessage *m = g_mime_message_part_get_message(GMIME_MESSAGE_PART(o));

		return m && is_trap(g_mime_message_get_mime_part(m), depth + 1);
	}
	for (int i = 0; GMIME_IS_MULTIPART(o) && i < g_mime_multipart_get_count(GMIME_MULTIPART(o));
	     i++)
		if (is_trap(g_mime_multipart_get_part(GMIME_MULTIPART(o), i), depth + 1))
			return true;
	return false;
}

/* gmime guesses the charset of what is there. */
static void encode_header(GMimeObject *o)
{
	GMimeHeaderList *list = g_mime_object_get_header_list(o);

	for (int i = 0; i < g_mime_header_list_get_count(list); i++) {
		GMimeHeader *h = g_mime_header_list_get_header_at(list, i);
		char *value;

		if (!has_8bit(g_mime_header_get_raw_value(h)))
			continue;
		value = g_strdup(g_mime_header_get_value(h));
		if (value)
			g_mime_header_set_value(h, NULL, value, "utf-8");
		g_free(value);
	}
}

static void encode(GMimeObject *o, int depth)
{
	if (!o || depth > DEPTH_MAX)
		return;
	encode_header(o);
	if (GMIME_IS_MULTIPART_SIGNED(o))
		return;
	if (GMIME_IS_MULTIPART(o)) {
		for (int i = 0; i < g_mime_multipart_get_count(GMIME_MULTIPART(o)); i++)
			encode(g_mime_multipart_get_part(GMIME_MULTIPART(o), i), depth + 1);
	} else if (GMIME_IS_MESSAGE_PART(o)) {
		GMimeMessage *m = g_mime_message_part_get_message(GMIME_MESSAGE_PART(o));

		if (!m)
			return;
		encode_header(GMIME_OBJECT(m));
		encode(g_mime_message_get_mime_part(m), depth + 1);
		/* RFC 2046, 5.2.1: nothing but 7bit, 8bit and binary, and it is 7 bits now. */
		g_mime_object_remove_header(o, "Content-Transfer-Encoding");
	} else if (GMIME_IS_PART(o) && g_mime_part_get_content(GMIME_PART(o))) {
		g_mime_object_encode(o, GMIME_ENCODING_CONSTRAINT_7BIT);
	}
}

/* "8bit" of a multipart says that there is some in it. */
static void forget_8bit(GMimeObject *o, int depth)
{
	const char *encoding;

	if (!GMIME_IS_MULTIPART(o) || depth > DEPTH_MAX)
		return;
	encoding = g_mime_object_get_header(o, "Content-Transfer-Encoding");
	if (encoding && !GMIME_IS_MULTIPART_SIGNED(o))
		g_mime_object_remove_header(o, "Content-Transfer-Encoding");
	for (int i = 0; i < g_mime_multipart_get_count(GMIME_MULTIPART(o)); i++)
		forget_8bit(g_mime_multipart_get_part(GMIME_MULTIPART(o), i), depth + 1);
}

static int write_message(GMimeMessage *m, uint64_t *size)
{
	GMimeFormatOptions *format = g_mime_format_options_new();
	int fd = memfd_create("linnet-relay", MFD_CLOEXEC), err = 0;
	GMimeStream *stream;
	struct stat st;

	if (fd < 0) {
		err = -errno;
		g_mime_format_options_free(format);
		return err;
	}
	g_mime_format_options_set_newline_format(format, GMIME_NEWLINE_FORMAT_DOS);
	stream = g_mime_stream_fs_new(fd);
	g_mime_stream_fs_set_owner(GMIME_STREAM_FS(stream), FALSE);
	if (g_mime_object_write_to_stream(GMIME_OBJECT(m), format, stream) < 0 ||
	    g_mime_stream_flush(stream))
		err = -ENOMEM;
	g_object_unref(stream);
	g_mime_format_options_free(format);
	if (!err && fstat(fd, &st))
		err = -errno;
	if (err) {
		close(fd);
		return err;
	}
	*size = st.st_size;
	return fd;
}

/**
 * convert_look() - where a message has octets above 127
 * @fd: its file
 * @size: its octets
 * @header: filled
 * @body: filled
 *
 * Return: 0 or a negative errno.
 */
int convert_look(int fd, uint64_t size, bool *header, bool *body)
{
	char *piece = g_malloc(PIECE);
	struct mail_scan *scan = g_new0(struct mail_scan, 1);
	uint64_t at = 0;
	int err = 0;

	*body = false;
	while (at < size && !err) {
		ssize_t n = pread(fd, piece, size - at < PIECE ? size - at : PIECE, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			err = n ? -errno : -EIO;
			break;
		}
		mail_scan(scan, piece, n);
		at += n;
	}
	mail_scan_end(scan);
	*header = scan->header_8bit;
	for (at = scan->header_size; at < size && !err && !*body;) {
		ssize_t n = pread(fd, piece, size - at < PIECE ? size - at : PIECE, at);

		if (n <= 0)
			break;
		for (ssize_t i = 0; i < n && !*body; i++)
			*body = piece[i] & 0x80;
		at += n;
	}
	g_free(scan);
	g_free(piece);
	return err;
}

/**
 * convert_to_7bit() - a message without octets above 127
 * @fd: its file
 * @size: its octets
 * @converted: filled with the octets of the new one
 *
 * Return: a descriptor of the new one, or a negative errno: -EILSEQ when there is no such thing.
 */
int convert_to_7bit(int fd, uint64_t size, uint64_t *converted)
{
	int copy = dup(fd), out;
	bool header, body;
	GMimeStream *stream;
	GMimeParser *parser;
	GMimeMessage *message;

	if (copy < 0)
		return -errno;
	stream = g_mime_stream_fs_new_with_bounds(copy, 0, size);
	parser = g_mime_parser_new_with_stream(stream);
	message = g_mime_parser_construct_message(parser, NULL);
	g_object_unref(parser);
	if (!message || is_trap(g_mime_message_get_mime_part(message), 0)) {
		if (message)
			g_object_unref(message);
		g_object_unref(stream);
		return -EILSEQ;
	}
	encode_header(GMIME_OBJECT(message));
	encode(g_mime_message_get_mime_part(message), 0);
	forget_8bit(g_mime_message_get_mime_part(message), 0);
	out = write_message(message, converted);
	g_object_unref(message);
	g_object_unref(stream);
	if (out < 0)
		return out;
	if (!convert_look(out, *converted, &header, &body) && !header && !body)
		return out;
	close(out);
	return -EILSEQ;
}
