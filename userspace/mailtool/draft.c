// SPDX-License-Identifier: GPL-2.0-or-later
#include "draft.h"

#include <gmime/gmime.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>

#define NAME "linnet-sendmail: "
/* So much is read of what a program sends; the server has a limit of its own. */
#define TEXT_MAX (1UL << 30)

static int no_memory(void)
{
	fprintf(stderr, NAME "out of memory\n");
	return EX_OSERR;
}

/* --- reading --- */

static bool is_field(const char *line, size_t len)
{
	size_t n = 0;

	while (n < len && line[n] > ' ' && line[n] < 0x7f && line[n] != ':')
		n++;
	return n && n < len && line[n] == ':';
}

static bool has_8bit(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (s[i] & 0x80)
			return true;
	return false;
}

/* "From " of a mailbox (mbox) is not part of the message. */
static bool is_mbox_line(const char *line, bool first)
{
	return first && !strncmp(line, "From ", 5);
}

int draft_read(struct draft *d, FILE *f, bool dot)
{
	FILE *out = open_memstream(&d->text, &d->len);
	char *line = NULL;
	size_t room = 0;
	bool header = true, first = true;
	ssize_t n;

	if (!out)
		return no_memory();
	while ((n = getline(&line, &room, f)) > 0) {
		while (n && (line[n - 1] == '\n' || line[n - 1] == '\r'))
			n--;
		if (dot && n == 1 && *line == '.')
			break;
		if (is_mbox_line(line, first)) {
			first = false;
			continue;
		}
		/* A message without a header is all body. */
		if (header && n && *line != ' ' && *line != '\t' && !is_field(line, n)) {
			fputs("\r\n", out);
			header = false;
		}
		first = false;
		if (has_8bit(line, n)) {
			d->eight_bit = true;
			d->header_8bit |= header;
		}
		if (header && !strncasecmp(line, "From:", 5))
			d->has_from = true;
		/* A CR in the middle would end the line for some. */
		for (ssize_t i = 0; i < n; i++)
			if (line[i] == '\r' || !line[i])
				line[i] = ' ';
		fwrite(line, 1, n, out);
		fputs("\r\n", out);
		if (!n)
			header = false;
		if (ftell(out) > (long)TEXT_MAX) {
			fprintf(stderr, NAME "the message is too large\n");
			free(line);
			fclose(out);
			return EX_DATAERR;
		}
	}
	free(line);
	if (ferror(f)) {
		fclose(out);
		perror(NAME "the message cannot be read");
		return EX_IOERR;
	}
	if (header)
		fputs("\r\n", out);
	return fclose(out) ? no_memory() : 0;
}

/* --- fields --- */

/* The next field, with those lines that continue it; 0: the header is over. */
static size_t field_len(const char *s, size_t len)
{
	size_t n = 0;

	if (len >= 2 && !memcmp(s, "\r\n", 2))
		return 0;
	while (n < len) {
		const char *end = memchr(s + n, '\n', len - n);

		n = end ? (size_t)(end - s) + 1 : len;
		if (n >= len || (s[n] != ' ' && s[n] != '\t'))
			break;
	}
	return n;
}

static bool is_named(const char *s, const char *name)
{
	return !strncasecmp(s, name, strlen(name)) && s[strlen(name)] == ':';
}

static int add_recipient(struct draft *d, const char *address)
{
	char **list = realloc(d->recipients, (d->n + 1) * sizeof(*list));

	if (!list)
		return no_memory();
	d->recipients = list;
	list[d->n] = strdup(address);
	if (!list[d->n])
		return no_memory();
	d->n++;
	return 0;
}

static int take_list(struct draft *d, InternetAddressList *list)
{
	int status = 0;

	for (int i = 0; list && i < internet_address_list_length(list) && !status; i++) {
		InternetAddress *a = internet_address_list_get_address(list, i);

		if (INTERNET_ADDRESS_IS_MAILBOX(a))
			status = add_recipient(
				d, internet_address_mailbox_get_addr(INTERNET_ADDRESS_MAILBOX(a)));
		else if (INTERNET_ADDRESS_IS_GROUP(a))
			status = take_list(
				d, internet_address_group_get_members(INTERNET_ADDRESS_GROUP(a)));
	}
	return status;
}

static int take_field(struct draft *d, const char *s, size_t len)
{
	const char *colon = memchr(s, ':', len);
	char *value = colon ? strndup(colon + 1, s + len - colon - 1) : NULL;
	InternetAddressList *list;
	int status = 0;

	if (!value)
		return no_memory();
	list = internet_address_list_parse(NULL, value);
	if (list) {
		status = take_list(d, list);
		g_object_unref(list);
	}
	free(value);
	return status;
}

int draft_recipients(struct draft *d)
{
	static const char *const plain[] = { "To", "Cc", "Bcc" };
	static const char *const resent[] = { "Resent-To", "Resent-Cc", "Resent-Bcc" };
	const char *const *names = plain;
	size_t at = 0, n;
	int status = 0;

	g_mime_init();
	/* RFC 5322, 3.6.6 */
	for (; (n = field_len(d->text + at, d->len - at)); at += n)
		for (int i = 0; i < 3; i++)
			if (is_named(d->text + at, resent[i]))
				names = resent;
	for (at = 0; (n = field_len(d->text + at, d->len - at)) && !status;) {
		bool bcc = is_named(d->text + at, "Bcc") || is_named(d->text + at, "Resent-Bcc");

		for (int i = 0; i < 3 && !status; i++)
			if (is_named(d->text + at, names[i]))
				status = take_field(d, d->text + at, n);
		if (bcc) {
			memmove(d->text + at, d->text + at + n, d->len - at - n);
			d->len -= n;
		} else {
			at += n;
		}
	}
	return status;
}

int draft_add_field(struct draft *d, const char *name, const char *value)
{
	char *text;
	int n = asprintf(&text, "%s: %s\r\n", name, value);
	char *all = n < 0 ? NULL : realloc(text, n + d->len);

	if (!all)
		return no_memory();
	memcpy(all + n, d->text, d->len);
	free(d->text);
	d->text = all;
	d->len += n;
	return 0;
}

void draft_clear(struct draft *d)
{
	for (unsigned int i = 0; i < d->n; i++)
		free(d->recipients[i]);
	free(d->recipients);
	free(d->text);
	memset(d, 0, sizeof(*d));
}
