// SPDX-License-Identifier: GPL-2.0-or-later
#include "report.h"

#include <errno.h>
#include <gmime/gmime.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../mail/address.h"
#include "../mail/message.h"
#include "../mail/spool.h"
#include "convert.h"

#define PIECE (32 * 1024)
/* Of the header that goes back. */
#define HEADER_MAX (256 * 1024)
#define DATE_MAX 64

static const struct {
	const char *action, *subject, *says;
} kinds[] = {
	/* clang-format off */
	[REPORT_FAILED] = { "failed", "Undelivered mail returned to sender",
		"Your message could not be delivered to one or more of its recipients.\n"
		"It has been given up for them; whoever is not named here is not concerned.\n" },
	[REPORT_DELAYED] = { "delayed", "Delayed mail (still being retried)",
		"Your message has not been delivered yet to the recipients below.\n"
		"YOU DO NOT NEED TO SEND IT AGAIN: delivery is still being tried.\n" },
	[REPORT_SUCCESS] = { "delivered", "Mail delivery report",
		"Your message has been delivered to the recipients below, or passed on to a\n"
		"server that will send no report of its success.\n" },
	/* clang-format on */
};

static void format_date(char out[DATE_MAX], int64_t ms)
{
	GDateTime *time = g_date_time_new_from_unix_utc(ms / 1000);
	char *text = time ? g_mime_utils_header_format_date(time) : NULL;

	snprintf(out, DATE_MAX, "%s", text ? text : "Thu, 01 Jan 1970 00:00:00 +0000");
	g_free(text);
	if (time)
		g_date_time_unref(time);
}

static bool any_utf8(const struct report *r)
{
	const struct envelope *e = r->envelope;

	if (!mail_is_ascii(e->sender, strlen(e->sender)))
		return true;
	for (unsigned int i = 0; i < r->n; i++) {
		const char *address = e->recipient[r->recipient[i]].address;

		if (!mail_is_ascii(address, strlen(address)))
			return true;
	}
	return false;
}

/* --- the parts --- */

/* A field's text: no controls, and nothing above 127 where that is not allowed. */
static void put_clean(FILE *f, const char *text, bool utf8)
{
	for (const unsigned char *c = (const unsigned char *)text; *c; c++)
		fputc(*c < ' ' || *c == 0x7f || (*c > 0x7e && !utf8) ? '?' : *c, f);
}

static void put_field(FILE *f, const char *name, const char *value, bool utf8)
{
	fprintf(f, "%s: ", name);
	put_clean(f, value, utf8);
	fputc('\n', f);
}

/* RFC 3464, 2.3.1: the type, and the address decoded (RFC 3461, 4.2). */
static void put_original(FILE *f, const char *orcpt, bool utf8)
{
	const char *semicolon = strchr(orcpt, ';');
	char decoded[ENVELOPE_VALUE_MAX + 1];
	int len;

	if (!semicolon)
		return;
	len = mail_xtext_decode(decoded, sizeof(decoded) - 1, semicolon + 1, strlen(semicolon + 1));
	if (len < 0)
		return;
	decoded[len] = 0;
	fprintf(f, "Original-Recipient: %.*s;", (int)(semicolon - orcpt), orcpt);
	put_clean(f, decoded, utf8);
	fputc('\n', f);
}

static void put_status(FILE *f, const struct report *r, const struct envelope_recipient *to,
		       bool utf8)
{
	const char *action = to->state == ENVELOPE_PASSED ? "relayed" : kinds[r->kind].action;
	const char *status = r->kind == REPORT_SUCCESS ? "2.0.0" :
			     r->kind == REPORT_DELAYED ? "4.0.0" :
							 "5.0.0";
	char date[DATE_MAX];

	fputc('\n', f);
	if (to->orcpt)
		put_original(f, to->orcpt, utf8);
	fputs(mail_is_ascii(to->address, strlen(to->address)) ? "Final-Recipient: rfc822;" :
								"Final-Recipient: utf-8;",
	      f);
	put_clean(f, to->address, utf8);
	fprintf(f, "\nAction: %s\nStatus: %s\n", action, *to->status ? to->status : status);
	if (to->remote) {
		fputs("Remote-MTA: dns;", f);
		put_clean(f, to->remote, utf8);
		fputc('\n', f);
	}
	if (to->reply) {
		fprintf(f, "Diagnostic-Code: %s;", to->remote ? "smtp" : "x-linnet");
		put_clean(f, to->reply, utf8);
		fputc('\n', f);
	}
	if (to->last) {
		format_date(date, to->last);
		fprintf(f, "Last-Attempt-Date: %s\n", date);
	}
	if (r->kind == REPORT_DELAYED) {
		format_date(date, r->expire);
		fprintf(f, "Will-Retry-Until: %s\n", date);
	}
}

/* RFC 3464, 2 */
static char *status_text(const struct report *r, bool utf8, size_t *len)
{
	const struct envelope *e = r->envelope;
	char *text = NULL, date[DATE_MAX], envid[ENVELOPE_VALUE_MAX + 1];
	FILE *f = open_memstream(&text, len);
	int n;

	if (!f)
		return NULL;
	if (e->envid) {
		n = mail_xtext_decode(envid, sizeof(envid) - 1, e->envid, strlen(e->envid));
		envid[n < 0 ? 0 : n] = 0;
		if (n > 0)
			put_field(f, "Original-Envelope-Id", envid, utf8);
	}
	fprintf(f, "Reporting-MTA: dns;%s\n", r->hostname);
	format_date(date, e->arrival);
	fprintf(f, "Arrival-Date: %s\n", date);
	for (unsigned int i = 0; i < r->n; i++)
		put_status(f, r, &e->recipient[r->recipient[i]], utf8);
	return fclose(f) ? NULL : text;
}

static char *people_text(const struct report *r, size_t *len)
{
	char *text = NULL, date[DATE_MAX];
	FILE *f = open_memstream(&text, len);

	if (!f)
		return NULL;
	fprintf(f, "This is the mail system at %s.\n\n%s\n", r->hostname, kinds[r->kind].says);
	for (unsigned int i = 0; i < r->n; i++) {
		const struct envelope_recipient *to = &r->envelope->recipient[r->recipient[i]];

		fprintf(f, "<%s>", to->address);
		if (to->original && strcmp(to->original, to->address))
			fprintf(f, " (for <%s>)", to->original);
		if (to->remote)
			fprintf(f, ": %s said:", to->remote);
		else if (to->reply)
			fputc(':', f);
		if (to->reply) {
			fputs("\n    ", f);
			put_clean(f, to->reply, true);
		}
		fputs("\n\n", f);
	}
	if (r->kind == REPORT_DELAYED) {
		format_date(date, r->expire);
		fprintf(f, "It will be given up at %s.\n", date);
	}
	fprintf(f, "Its name here was %s.\n", r->id);
	return fclose(f) ? NULL : text;
}

static GMimePart *part_of_text(const char *type, const char *subtype, const char *text, size_t len,
			       bool utf8)
{
	GMimePart *part = g_mime_part_new_with_type(type, subtype);
	GMimeStream *stream = g_mime_stream_mem_new_with_buffer(text, len);
	GMimeDataWrapper *data =
		g_mime_data_wrapper_new_with_stream(stream, GMIME_CONTENT_ENCODING_DEFAULT);

	g_mime_part_set_content(part, data);
	g_mime_part_set_content_encoding(part, utf8 ? GMIME_CONTENT_ENCODING_8BIT :
						      GMIME_CONTENT_ENCODING_7BIT);
	g_object_unref(data);
	g_object_unref(stream);
	return part;
}

/* --- what goes back --- */

static char *read_piece(int fd, uint64_t from, uint64_t size)
{
	char *data = malloc(size ? size : 1);
	uint64_t at = 0;

	while (data && at < size) {
		ssize_t n = pread(fd, data + at, size - at, from + at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			free(data);
			return NULL;
		}
		at += n;
	}
	return data;
}

/* Octets of the header, with the empty line; what is longer is cut at a line's end. */
static uint64_t header_size(const char *data, uint64_t len)
{
	for (uint64_t i = 0; i + 1 < len; i++) {
		if (data[i] != '\n')
			continue;
		if (data[i + 1] == '\n')
			return i + 2;
		if (data[i + 1] == '\r' && i + 2 < len && data[i + 2] == '\n')
			return i + 3;
	}
	while (len == HEADER_MAX && len && data[len - 1] != '\n')
		len--;
	return len;
}

static GMimePart *returned_part(const struct report *r, bool *eight_bit, bool *utf8)
{
	uint64_t size = r->whole || r->size < HEADER_MAX ? r->size : HEADER_MAX;
	char *data = read_piece(r->fd, 0, size);
	uint64_t header;
	GMimePart *part;
	bool bits;

	if (!data)
		return NULL;
	header = header_size(data, size < HEADER_MAX ? size : HEADER_MAX);
	if (!r->whole)
		size = header;
	bits = !mail_is_ascii(data, size);
	*eight_bit |= bits;
	*utf8 = r->envelope->utf8 && !mail_is_ascii(data, header);
	/* RFC 6533, 5 and 6 */
	if (r->whole)
		part = part_of_text("message", *utf8 ? "global" : "rfc822", data, size, bits);
	else
		part = part_of_text(*utf8 ? "message" : "text",
				    *utf8 ? "global-headers" : "rfc822-headers", data, size, bits);
	free(data);
	return part;
}

/* --- all of it --- */

static void set_raw(GMimeObject *o, const char *name, const char *value)
{
	GMimeHeaderList *list = g_mime_object_get_header_list(o);
	char *raw = g_strdup_printf(" %s\n", value);
	GMimeHeader *h;

	g_mime_header_list_append(list, name, "", NULL);
	h = g_mime_header_list_get_header(list, name);
	if (h)
		g_mime_header_set_raw_value(h, raw);
	g_free(raw);
}

static void set_header(GMimeMessage *m, const struct report *r)
{
	GMimeObject *o = GMIME_OBJECT(m);
	char date[DATE_MAX], text[ENVELOPE_VALUE_MAX + 300], id[SPOOL_ID_LEN + 1];

	spool_new_id(id);
	snprintf(text, sizeof(text), "Mail Delivery System <%.600s%s%.255s>", r->postmaster,
		 strchr(r->postmaster, '@') ? "" : "@",
		 strchr(r->postmaster, '@') ? "" : r->hostname);
	set_raw(o, "From", text);
	snprintf(text, sizeof(text), "<%.1000s>", r->envelope->sender);
	set_raw(o, "To", text);
	set_raw(o, "Subject", kinds[r->kind].subject);
	format_date(date, envelope_now());
	set_raw(o, "Date", date);
	snprintf(text, sizeof(text), "<%s@%.255s>", id, r->hostname);
	set_raw(o, "Message-ID", text);
	/* RFC 3834, 5 */
	set_raw(o, "Auto-Submitted", "auto-replied");
}

static int write_out(GMimeMessage *m)
{
	GMimeFormatOptions *format = g_mime_format_options_new();
	int fd = memfd_create("linnet-report", MFD_CLOEXEC), err = fd < 0 ? -errno : 0;
	GMimeStream *stream;

	if (!err) {
		g_mime_format_options_set_newline_format(format, GMIME_NEWLINE_FORMAT_DOS);
		stream = g_mime_stream_fs_new(fd);
		g_mime_stream_fs_set_owner(GMIME_STREAM_FS(stream), FALSE);
		if (g_mime_object_write_to_stream(GMIME_OBJECT(m), format, stream) < 0 ||
		    g_mime_stream_flush(stream) || lseek(fd, 0, SEEK_SET))
			err = -ENOMEM;
		g_object_unref(stream);
	}
	g_mime_format_options_free(format);
	if (err && fd >= 0)
		close(fd);
	return err ? err : fd;
}

static void add(GMimeMultipart *all, GMimePart *part, const char *description)
{
	g_mime_object_set_header(GMIME_OBJECT(part), "Content-Description", description, NULL);
	g_mime_multipart_add(all, GMIME_OBJECT(part));
	g_object_unref(part);
}

/**
 * report_write() - a report as a message
 * @r: what it is about
 * @w: filled
 *
 * Return: 0 or a negative errno.
 */
int report_write(const struct report *r, struct report_written *w)
{
	bool utf8 = any_utf8(r), returned_8bit = false, returned_utf8 = false;
	size_t people_len = 0, status_len = 0;
	char *people = people_text(r, &people_len), *status = status_text(r, utf8, &status_len);
	GMimePart *returned = returned_part(r, &returned_8bit, &returned_utf8);
	GMimeMultipart *all;
	GMimeMessage *m;
	GMimePart *part;
	bool people_8bit;

	if (!people || !status || !returned) {
		if (returned)
			g_object_unref(returned);
		free(people);
		free(status);
		return -ENOMEM;
	}
	people_8bit = !mail_is_ascii(people, people_len);
	m = g_mime_message_new(FALSE);
	set_header(m, r);
	all = g_mime_multipart_new_with_subtype("report");
	g_mime_object_set_content_type_parameter(GMIME_OBJECT(all), "report-type",
						 utf8 ? "global-delivery-status" :
							"delivery-status");
	part = part_of_text("text", "plain", people, people_len, people_8bit);
	g_mime_object_set_content_type_parameter(GMIME_OBJECT(part), "charset",
						 people_8bit ? "utf-8" : "us-ascii");
	add(all, part, "Notification");
	add(all,
	    part_of_text("message", utf8 ? "global-delivery-status" : "delivery-status", status,
			 status_len, utf8),
	    "Delivery report");
	add(all, returned, r->whole ? "Undelivered message" : "Header of the message");
	g_mime_message_set_mime_part(m, GMIME_OBJECT(all));
	g_object_unref(all);
	w->fd = write_out(m);
	w->eight_bit = utf8 || people_8bit || returned_8bit;
	w->utf8 = utf8 || returned_utf8;
	g_object_unref(m);
	free(people);
	free(status);
	return w->fd < 0 ? w->fd : 0;
}
