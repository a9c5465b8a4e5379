// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The pages of a form location.  Whatever a client sent is escaped.
 */
#include "form-page.h"

#include <string.h>

#include "http.h"

static const char style[] =
	"<style>body { font-family: sans-serif; max-width: 50em; margin: 2em auto; }\n"
	"fieldset { margin: 1em 0; } label { display: block; margin: .5em 0; }\n"
	"table { border-collapse: collapse; }\n"
	"th, td { border: 1px solid #999; padding: .3em .6em; text-align: left; vertical-align: top; } td.value { white-space: pre-wrap;\n"
	"overflow-wrap: anywhere; }</style>\n";

/*
 * Forms cannot send opaque data but as text/plain, which is no format to be parsed; a script
 * can send a file as it is.
 */
static const char forms[] =
	"<form method=\"post\" enctype=\"application/x-www-form-urlencoded\"><fieldset>\n"
	"<legend>application/x-www-form-urlencoded</legend>\n"
	"<label>Name <input name=\"name\"></label>\n"
	"<label>Message <textarea name=\"message\"></textarea></label>\n"
	"<label><input type=\"checkbox\" name=\"color\" value=\"red\"> red</label>\n"
	"<label><input type=\"checkbox\" name=\"color\" value=\"green\"> green</label>\n"
	"<button id=\"send-urlencoded\">Send</button>\n"
	"</fieldset></form>\n"
	"<form method=\"post\" enctype=\"multipart/form-data\"><fieldset>\n"
	"<legend>multipart/form-data</legend>\n"
	"<label>Name <input name=\"name\"></label>\n"
	"<label>Files <input type=\"file\" name=\"file\" multiple></label>\n"
	"<button id=\"send-multipart\">Send</button>\n"
	"</fieldset></form>\n"
	"<form method=\"post\" enctype=\"text/plain\"><fieldset>\n"
	"<legend>Opaque: text/plain</legend>\n"
	"<label>Text <textarea name=\"text\"></textarea></label>\n"
	"<button id=\"send-text\">Send</button>\n"
	"</fieldset></form>\n"
	"<fieldset><legend>Opaque: a file as it is</legend>\n"
	"<label>File <input type=\"file\" id=\"opaque\"></label>\n"
	"<button id=\"send-opaque\">Send</button>\n"
	"</fieldset>\n"
	"<script>\n"
	"document.getElementById('send-opaque').onclick = async () => {\n"
	"\tconst file = document.getElementById('opaque').files[0];\n"
	"\tif (!file) return;\n"
	"\tconst answer = await fetch(location.href, { method: 'POST', body: file,\n"
	"\t\theaders: { 'Content-Type': file.type || 'application/octet-stream',\n"
	"\t\t\tAccept: 'text/html' } });\n"
	"\tconst page = new DOMParser().parseFromString(await answer.text(), 'text/html');\n"
	"\tdocument.body.replaceWith(page.body);\n"
	"};\n"
	"</script>\n";

static void put_head(FILE *out, const char *title)
{
	fprintf(out,
		"<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
		"<title>%s</title>\n%s</head>\n<body><h1>%s</h1>\n",
		title, style, title);
}

/* Control characters would not be seen: a browser drops or moves them. */
static void put_escaped(FILE *out, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char ch = (unsigned char)s[i];

		switch (ch) {
		case '&': fputs("&amp;", out); break;
		case '<': fputs("&lt;", out); break;
		case '>': fputs("&gt;", out); break;
		case '"': fputs("&quot;", out); break;
		case '\'': fputs("&#39;", out); break;
		case '\n': fputc('\n', out); break;
		case '\t': fputc('\t', out); break;
		case '\r': break;
		default:
			if (ch < ' ')	/* U+2400: its picture */
				fprintf(out, "&#x24%02x;", ch);
			else
				fputc(ch, out);
		}
	}
}

static void put_text(FILE *out, const char *s)
{
	put_escaped(out, s, strlen(s));
}

static void put_cell(FILE *out, const char *s)
{
	fputs("<td class=\"value\">", out);
	put_text(out, s);
	fputs("</td>", out);
}

static void put_file(FILE *out, const struct formdata_item *item)
{
	fputs("<td class=\"value\">", out);
	if (*item->filename)
		put_text(out, item->filename);
	else
		fputs("(no file chosen)", out);
	fputs("<br>", out);
	put_text(out, item->type);
	fprintf(out, ", %llu octets<br>SHA-256 <code>%s</code></td>",
		(unsigned long long)item->size, item->sha256);
}

static void put_items(FILE *out, const struct formdata *f)
{
	const struct formdata_item *item;

	fputs("<table>\n<tr><th>Name</th><th>Value</th></tr>\n", out);
	for (item = formdata_first(f); item; item = item->next) {
		fputs("<tr>", out);
		put_cell(out, item->name);
		if (item->filename)
			put_file(out, item);
		else
			put_cell(out, item->value);
		fputs("</tr>\n", out);
	}
	fputs("</table>\n", out);
}

/**
 * form_page_empty() - forms of the three kinds, to be filled in
 * @out: where to
 */
void form_page_empty(FILE *out)
{
	put_head(out, "Forms");
	fputs(forms, out);
	fputs("</body></html>\n", out);
}

/**
 * form_page_result() - what was sent
 * @out: where to
 * @f: the form, complete and without an error
 */
void form_page_result(FILE *out, const struct formdata *f)
{
	put_head(out, "Received");
	fputs("<p><code id=\"type\">", out);
	put_text(out, formdata_type(f));
	fprintf(out, "</code>, <span id=\"size\">%llu</span> octets</p>\n",
		(unsigned long long)formdata_size(f));
	if (formdata_kind(f) == FORMDATA_OPAQUE)
		fprintf(out, "<p>SHA-256 <code id=\"sha256\">%s</code></p>\n", formdata_sha256(f));
	else
		put_items(out, f);
	fputs("<p><a href=\"\">Again</a></p>\n</body></html>\n", out);
}

/**
 * form_page_error() - why a form was refused, as HTML
 * @out: where to
 * @status: HTTP status
 * @why: the reason
 */
void form_page_error(FILE *out, int status, const char *why)
{
	put_head(out, "Refused");
	fprintf(out, "<p>%d %s: ", status, http_reason(status));
	put_text(out, why);
	fputs("</p>\n<p><a href=\"\">Again</a></p>\n</body></html>\n", out);
}

/**
 * form_json_error() - why a form was refused, as JSON
 * @out: where to
 * @status: HTTP status
 * @why: the reason: one of this program's own texts
 */
void form_json_error(FILE *out, int status, const char *why)
{
	fprintf(out, "{\"status\": %d, \"error\": \"", status);
	for (; *why; why++)
		fprintf(out, *why == '"' || *why == '\\' ? "\\%c" : "%c", *why);
	fputs("\"}\n", out);
}
