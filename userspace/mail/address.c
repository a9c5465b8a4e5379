// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One pass over the text with a cursor; what is a letter in a domain or a local part is said in
 * one place each.
 */
#include "address.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#define LABEL_MAX	63

/* --- characters --- */

static bool is_beyond(char c)
{
	return (unsigned char)c >= 0x80;
}

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* RFC 5322, 3.2.3; RFC 6531, 3.3 */
static bool is_atext(char c)
{
	return is_alnum(c) || is_beyond(c) || (c && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

/* RFC 5321, 4.1.2: qtextSMTP; the quote and the backslash are dealt with by the caller. */
static bool is_qtext(char c)
{
	return is_beyond(c) || (c >= 32 && c <= 126);
}

/**
 * mail_is_ascii() - nothing above 127
 * @s: text
 * @len: its length
 */
bool mail_is_ascii(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (is_beyond(s[i]))
			return false;
	return true;
}

/* Octets of the character at @s, or 0: none of Unicode's (RFC 3629, 4). */
static size_t utf8_length(const unsigned char *s, size_t len)
{
	unsigned int low = 0x80, high = 0xbf;
	size_t n;

	if (*s < 0x80)
		return 1;
	if (*s >= 0xc2 && *s <= 0xdf)
		n = 2;
	else if (*s >= 0xe0 && *s <= 0xef)
		n = 3;
	else if (*s >= 0xf0 && *s <= 0xf4)
		n = 4;
	else
		return 0;
	if (len < n)
		return 0;
	switch (*s) {
	case 0xe0:
		low = 0xa0;
		break;
	case 0xed:		/* no surrogates */
		high = 0x9f;
		break;
	case 0xf0:
		low = 0x90;
		break;
	case 0xf4:
		high = 0x8f;
		break;
	}
	if (s[1] < low || s[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++)
		if (s[i] < 0x80 || s[i] > 0xbf)
			return 0;
	return n;
}

/**
 * mail_utf8_valid() - UTF-8 by RFC 3629: shortest forms, no surrogates
 * @s: text
 * @len: its length
 */
bool mail_utf8_valid(const char *s, size_t len)
{
	size_t n;

	for (size_t i = 0; i < len; i += n) {
		n = utf8_length((const unsigned char *)s + i, len - i);
		if (!n)
			return false;
	}
	return true;
}

/* --- domains --- */

/* Letters, digits, hyphens (RFC 5321, 4.1.2) and the dots between. */
static size_t domain_length(const char *s, size_t len)
{
	size_t n = 0;

	while (n < len && (is_alnum(s[n]) || is_beyond(s[n]) || s[n] == '-' || s[n] == '.'))
		n++;
	return n;
}

/**
 * mail_domain_valid() - a domain name, as RFC 5321, 4.1.2, wants it
 * @s: text
 * @len: its length
 * @utf8: U-labels are allowed (RFC 6531, 3.3)
 */
bool mail_domain_valid(const char *s, size_t len, bool utf8)
{
	size_t label = 0;

	if (!len || len > MAIL_DOMAIN_MAX || domain_length(s, len) != len)
		return false;
	if (!mail_is_ascii(s, len) && (!utf8 || !mail_utf8_valid(s, len)))
		return false;
	for (size_t i = 0; i <= len; i++) {
		if (i < len && s[i] != '.') {
			if (!label && s[i] == '-')
				return false;
			label++;
			continue;
		}
		if (!label || s[i - 1] == '-')
			return false;
		/* A U-label's length is that of its A-label, which is not known here. */
		if (label > LABEL_MAX && mail_is_ascii(s + i - label, label))
			return false;
		label = 0;
	}
	return true;
}

static size_t without_last_dot(const char *s)
{
	size_t len = strlen(s);

	return len > 1 && s[len - 1] == '.' ? len - 1 : len;
}

/**
 * mail_domain_equal() - the same domain
 * @a: a domain
 * @b: another
 *
 * ASCII letters without regard to case; U-labels and A-labels are not turned into each other.
 */
bool mail_domain_equal(const char *a, const char *b)
{
	size_t len = without_last_dot(a);

	return len == without_last_dot(b) && !strncasecmp(a, b, len);
}

/**
 * mail_literal_parse() - an address literal (RFC 5321, 4.1.3)
 * @s: text, with the brackets
 * @len: its length
 * @address: the numeric address in it
 *
 * Return: MAIL_IPV4 or MAIL_IPV6, or MAIL_NO_DOMAIN: it is none.
 */
enum mail_domain_kind mail_literal_parse(const char *s, size_t len, char address[46])
{
	static const char ipv6[] = "IPv6:";
	enum mail_domain_kind kind = MAIL_IPV4;
	unsigned char binary[16];

	if (len < 2 || s[0] != '[' || s[len - 1] != ']')
		return MAIL_NO_DOMAIN;
	s++;
	len -= 2;
	if (len > sizeof(ipv6) - 1 && !strncasecmp(s, ipv6, sizeof(ipv6) - 1)) {
		kind = MAIL_IPV6;
		s += sizeof(ipv6) - 1;
		len -= sizeof(ipv6) - 1;
	}
	if (len > 45 || memchr(s, 0, len))
		return MAIL_NO_DOMAIN;
	memcpy(address, s, len);
	address[len] = 0;
	if (inet_pton(kind == MAIL_IPV4 ? AF_INET : AF_INET6, address, binary) != 1)
		return MAIL_NO_DOMAIN;
	return kind;
}

/* --- mailboxes --- */

/* Octets of the quoted string at @s, quotes included, or 0. */
static size_t quoted_length(const char *s, size_t len)
{
	for (size_t i = 1; i < len; i++) {
		if (s[i] == '"')
			return i + 1;
		/* quoted-pairSMTP: a backslash and a visible character or a space */
		if (s[i] == '\\' && (++i == len || s[i] < 32 || s[i] > 126))
			return 0;
		if (!is_qtext(s[i]))
			return 0;
	}
	return 0;
}

/* Octets of the Dot-string at @s, or 0. */
static size_t dot_string_length(const char *s, size_t len)
{
	size_t n = 0;

	while (n < len && (is_atext(s[n]) || (s[n] == '.' && n && s[n - 1] != '.')))
		n++;
	return n && s[n - 1] == '.' ? 0 : n;
}

static size_t local_length(const char *s, size_t len)
{
	return len && *s == '"' ? quoted_length(s, len) : dot_string_length(s, len);
}

/* Octets of the domain or the literal at @s; *@kind: which. 0: neither. */
static size_t host_length(const char *s, size_t len, enum mail_domain_kind *kind,
			  enum mail_address_error *error)
{
	const char *end;
	char address[46];
	size_t n;

	*error = MAIL_ADDRESS_SYNTAX;
	if (len && *s == '[') {
		end = memchr(s, ']', len);
		if (!end)
			return 0;
		n = end + 1 - s;
		*kind = mail_literal_parse(s, n, address);
		return *kind == MAIL_NO_DOMAIN ? 0 : n;
	}
	n = domain_length(s, len);
	if (n > MAIL_DOMAIN_MAX)
		*error = MAIL_ADDRESS_DOMAIN_TOO_LONG;
	*kind = MAIL_NAME;
	/* What is no UTF-8 is said later, with the rest of the address. */
	return mail_domain_valid(s, n, true) || (n <= MAIL_DOMAIN_MAX && !mail_utf8_valid(s, n))
	       ? n : 0;
}

static enum mail_address_error set(struct mail_address *a, const char *s, size_t local,
				   size_t len, enum mail_domain_kind kind, unsigned int flags)
{
	if (local > MAIL_LOCAL_MAX)
		return MAIL_ADDRESS_LOCAL_TOO_LONG;
	if (len > MAIL_ADDRESS_MAX)
		return MAIL_ADDRESS_TOO_LONG;
	a->utf8 = !mail_is_ascii(s, len);
	if (a->utf8 && !(flags & MAIL_ALLOW_UTF8))
		return MAIL_ADDRESS_NEEDS_UTF8;
	if (a->utf8 && !mail_utf8_valid(s, len))
		return MAIL_ADDRESS_BAD_UTF8;
	memcpy(a->text, s, len);
	a->text[len] = 0;
	a->local_len = local;
	a->kind = kind;
	return MAIL_ADDRESS_GOOD;
}

/* The mailbox at @s; *@used: its length. */
static enum mail_address_error parse_mailbox(struct mail_address *a, const char *s, size_t len,
					     unsigned int flags, size_t *used)
{
	enum mail_domain_kind kind = MAIL_NO_DOMAIN;
	enum mail_address_error error;
	size_t local = local_length(s, len), host;

	if (!local || local == len || s[local] != '@')
		return MAIL_ADDRESS_SYNTAX;
	host = host_length(s + local + 1, len - local - 1, &kind, &error);
	if (!host)
		return error;
	*used = local + 1 + host;
	return set(a, s, local, *used, kind, flags);
}

/**
 * mail_address_parse() - read a mailbox
 * @a: what to fill in
 * @s: text, all of which is the mailbox
 * @len: its length
 * @flags: mask of MAIL_ALLOW_UTF8
 *
 * Return: MAIL_ADDRESS_GOOD, or what is wrong; then @a is of no use.
 */
enum mail_address_error mail_address_parse(struct mail_address *a, const char *s, size_t len,
					   unsigned int flags)
{
	enum mail_address_error error;
	size_t used = 0;

	memset(a, 0, sizeof(*a));
	error = parse_mailbox(a, s, len, flags, &used);
	return error == MAIL_ADDRESS_GOOD && used != len ? MAIL_ADDRESS_SYNTAX : error;
}

/* Octets of "@one,@two:" at @s; 0: there is none, or it is wrong, which the mailbox shows. */
static size_t route_length(const char *s, size_t len)
{
	enum mail_domain_kind kind;
	enum mail_address_error error;
	size_t n = 0, host;

	for (;;) {
		if (n == len || s[n] != '@')
			return 0;
		host = host_length(s + n + 1, len - n - 1, &kind, &error);
		n += 1 + host;
		if (!host || n == len)
			return 0;
		if (s[n] == ':')
			return n + 1;
		if (s[n++] != ',')
			return 0;
	}
}

/**
 * mail_path_parse() - read a path (RFC 5321, 4.1.2)
 * @a: what to fill in
 * @s: text that begins with the path
 * @len: its length
 * @flags: mask of MAIL_ALLOW_*
 * @used: octets of the path with its angle brackets
 *
 * Return: MAIL_ADDRESS_GOOD, or what is wrong; then @a and @used are of no use.
 */
enum mail_address_error mail_path_parse(struct mail_address *a, const char *s, size_t len,
					unsigned int flags, size_t *used)
{
	static const char postmaster[] = "postmaster>";
	enum mail_address_error error;
	size_t n = 0;

	memset(a, 0, sizeof(*a));
	if (len < 2 || s[0] != '<')
		return MAIL_ADDRESS_SYNTAX;
	if (s[1] == '>') {
		*used = 2;
		return flags & MAIL_ALLOW_NULL ? MAIL_ADDRESS_GOOD : MAIL_ADDRESS_SYNTAX;
	}
	/* RFC 5321, 4.1.1.3: without regard to case */
	if (flags & MAIL_ALLOW_POSTMASTER && len >= sizeof(postmaster) &&
	    !strncasecmp(s + 1, postmaster, sizeof(postmaster) - 1)) {
		*used = sizeof(postmaster);
		return set(a, s + 1, sizeof(postmaster) - 2, sizeof(postmaster) - 2,
			   MAIL_NO_DOMAIN, flags);
	}
	*used = 1 + route_length(s + 1, len - 1);
	error = parse_mailbox(a, s + *used, len - *used, flags, &n);
	if (error != MAIL_ADDRESS_GOOD)
		return error;
	*used += n;
	if (*used == len || s[*used] != '>')
		return MAIL_ADDRESS_SYNTAX;
	++*used;
	return MAIL_ADDRESS_GOOD;
}

/**
 * mail_address_explain() - what is wrong, for people
 * @error: as it was returned
 */
const char *mail_address_explain(enum mail_address_error error)
{
	switch (error) {
	case MAIL_ADDRESS_GOOD:
		return "nothing is wrong with it";
	case MAIL_ADDRESS_LOCAL_TOO_LONG:
		return "the local part has more than 64 octets";
	case MAIL_ADDRESS_DOMAIN_TOO_LONG:
		return "the domain has more than 255 octets";
	case MAIL_ADDRESS_TOO_LONG:
		return "the address has more than 254 octets";
	case MAIL_ADDRESS_NEEDS_UTF8:
		return "letters beyond ASCII need SMTPUTF8";
	case MAIL_ADDRESS_BAD_UTF8:
		return "it is no UTF-8";
	case MAIL_ADDRESS_SYNTAX:
		break;
	}
	return "it is not LOCAL-PART@DOMAIN";
}

/**
 * mail_address_domain() - its domain or literal
 * @a: an address
 *
 * Return: what is behind the "@", or "" when there is none.
 */
const char *mail_address_domain(const struct mail_address *a)
{
	return a->kind == MAIL_NO_DOMAIN ? "" : a->text + a->local_len + 1;
}

/**
 * mail_address_local() - its local part, without quotes and backslashes
 * @a: an address
 * @out: the local part, with a final NUL
 *
 * Return: its length.
 */
size_t mail_address_local(const struct mail_address *a, char out[MAIL_LOCAL_MAX + 1])
{
	size_t n = 0;

	if (a->local_len && a->text[0] == '"') {
		for (size_t i = 1; i + 1 < a->local_len; i++) {
			if (a->text[i] == '\\')
				i++;
			out[n++] = a->text[i];
		}
	} else {
		n = a->local_len;
		memcpy(out, a->text, n);
	}
	out[n] = 0;
	return n;
}

/**
 * mail_address_equal() - the same mailbox
 * @a: an address
 * @b: another
 */
bool mail_address_equal(const struct mail_address *a, const struct mail_address *b)
{
	char x[MAIL_LOCAL_MAX + 1], y[MAIL_LOCAL_MAX + 1];

	return a->kind == b->kind &&
	       mail_domain_equal(mail_address_domain(a), mail_address_domain(b)) &&
	       mail_address_local(a, x) == mail_address_local(b, y) && !strcmp(x, y);
}

/* --- xtext (RFC 3461, 4) --- */

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* xchar */
static bool stays(char c)
{
	return c > 32 && c < 127 && c != '+' && c != '=';
}

/**
 * mail_xtext_decode() - read an xtext
 * @out: what it stands for; may hold any octet, has no final NUL
 * @room: octets in @out
 * @s: the xtext
 * @len: its length
 *
 * Return: the length in @out, or -1: it is no xtext, or longer than @room.
 */
int mail_xtext_decode(char *out, size_t room, const char *s, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		char c = s[i];

		if (n == room)
			return -1;
		if (c == '+') {
			if (len - i < 3 || hex_value(s[i + 1]) < 0 || hex_value(s[i + 2]) < 0)
				return -1;
			c = hex_value(s[i + 1]) << 4 | hex_value(s[i + 2]);
			i += 2;
		} else if (!stays(c)) {
			return -1;
		}
		out[n++] = c;
	}
	return n;
}

/**
 * mail_xtext_encode() - write an xtext
 * @out: the xtext, with a final NUL
 * @room: octets in @out
 * @s: what it stands for
 * @len: its length
 *
 * Return: the length of the xtext, or -1: longer than @room.
 */
int mail_xtext_encode(char *out, size_t room, const char *s, size_t len)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		size_t need = stays(s[i]) ? 1 : 3;

		if (room - n <= need)
			return -1;
		if (need == 1) {
			out[n++] = s[i];
			continue;
		}
		out[n++] = '+';
		out[n++] = digits[(unsigned char)s[i] >> 4];
		out[n++] = digits[s[i] & 15];
	}
	if (n >= room)
		return -1;
	out[n] = 0;
	return n;
}
