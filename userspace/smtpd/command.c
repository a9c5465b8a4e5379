// SPDX-License-Identifier: GPL-2.0-or-later
#include "command.h"

#include <string.h>
#include <strings.h>

#define CLIENT_NAME_MAX	255
#define MAX_PARAMETERS	16

/* --- verbs --- */

static const struct {
	const char *name;
	enum verb verb;
} verbs[] = {
	{ "HELO", VERB_HELO }, { "EHLO", VERB_EHLO }, { "MAIL", VERB_MAIL },
	{ "RCPT", VERB_RCPT }, { "DATA", VERB_DATA }, { "BDAT", VERB_BDAT },
	{ "RSET", VERB_RSET }, { "NOOP", VERB_NOOP }, { "QUIT", VERB_QUIT },
	{ "VRFY", VERB_VRFY }, { "EXPN", VERB_EXPN }, { "HELP", VERB_HELP },
	{ "STARTTLS", VERB_STARTTLS }, { "AUTH", VERB_AUTH }, { "ETRN", VERB_ETRN },
	{ "SEND", VERB_NOT_IMPLEMENTED }, { "SOML", VERB_NOT_IMPLEMENTED },
	{ "SAML", VERB_NOT_IMPLEMENTED }, { "TURN", VERB_NOT_IMPLEMENTED },
	{ "GET", VERB_FOREIGN }, { "POST", VERB_FOREIGN }, { "PUT", VERB_FOREIGN },
	{ "CONNECT", VERB_FOREIGN }, { "OPTIONS", VERB_FOREIGN }, { "HEAD", VERB_FOREIGN },
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/**
 * command_verb() - which command a line is
 * @line: the line, without its end
 * @len: its length
 * @args: what follows the verb, without blanks before and after
 * @args_len: its length
 *
 * Return: the verb; verbs are compared without regard to case (RFC 5321, 2.4).
 */
enum verb command_verb(const char *line, size_t len, const char **args, size_t *args_len)
{
	size_t n = 0, end = len;

	while (n < len && !is_blank(line[n]))
		n++;
	*args = line + n;
	while (end > n && is_blank(line[end - 1]))
		end--;
	while (*args < line + end && is_blank(**args))
		++*args;
	*args_len = line + end - *args;
	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
		if (strlen(verbs[i].name) == n && !strncasecmp(line, verbs[i].name, n))
			return verbs[i].verb;
	return VERB_UNKNOWN;
}

/**
 * command_client_name() - whether HELO's argument may be used
 * @s: the argument
 * @len: its length
 *
 * RFC 5321, 4.1.4: a server must not refuse mail because a name is wrong; one that is no
 * single word cannot be written into a Received field.
 */
bool command_client_name(const char *s, size_t len)
{
	if (!len || len > CLIENT_NAME_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)s[i] <= 32 || s[i] == 127 || strchr("()<>,;\\\"@", s[i]))
			return false;
	return mail_utf8_valid(s, len);
}

/* --- parameters --- */

static int refuse(struct refusal *r, unsigned int code, const char *status, const char *text)
{
	*r = (struct refusal){ code, status, text };
	return -1;
}

static int refuse_address(struct refusal *r, enum mail_address_error error, const char *status)
{
	switch (error) {
	case MAIL_ADDRESS_NEEDS_UTF8:
		/* RFC 6531, 3.5 */
		return refuse(r, 553, "5.6.7", mail_address_explain(error));
	case MAIL_ADDRESS_BAD_UTF8:
		return refuse(r, 553, "5.6.7", mail_address_explain(error));
	default:
		return refuse(r, 501, status, mail_address_explain(error));
	}
}

/* One of "KEYWORD" or "KEYWORD=value" (RFC 5321, 4.1.2). */
struct parameter {
	const char *name, *value;	/* @value: NULL without "=" */
	size_t name_len, value_len;
};

/* Returns 1 and the next one, 0 at the end, -1: it is none. */
static int next_parameter(struct parameter *p, const char **s, size_t *len)
{
	size_t n = 0;

	while (*len && is_blank(**s)) {
		++*s;
		--*len;
	}
	if (!*len)
		return 0;
	*p = (struct parameter){ .name = *s };
	while (n < *len && !is_blank((*s)[n]) && (*s)[n] != '=') {
		char c = (*s)[n];

		if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
		      (c == '-' && n)))
			return -1;
		n++;
	}
	p->name_len = n;
	if (!n)
		return -1;
	if (n < *len && (*s)[n] == '=') {
		p->value = *s + ++n;
		while (n < *len && !is_blank((*s)[n])) {
			/* "=" is none of esmtp-value's, but in addresses of AUTH and ORCPT. */
			if ((unsigned char)(*s)[n] < 33 || (*s)[n] == 127)
				return -1;
			n++;
		}
		p->value_len = *s + n - p->value;
		if (!p->value_len)
			return -1;
	}
	*s += n;
	*len -= n;
	return 1;
}

static bool word_is(const char *s, size_t len, const char *word)
{
	return len == strlen(word) && !strncasecmp(s, word, len);
}

/* Up to 20 digits (RFC 1870, 4); what does not fit is the largest number. */
static bool parse_number(const char *s, size_t len, uint64_t *number)
{
	*number = 0;
	if (!len || len > 20)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		if (*number > (UINT64_MAX - 9) / 10)
			*number = UINT64_MAX;
		else
			*number = *number * 10 + (s[i] - '0');
	}
	return true;
}

/* What the xtext stands for must be printable (RFC 3461, 4.4), so that it can be reported. */
static bool take_xtext(char *out, size_t max, const struct parameter *p)
{
	char decoded[COMMAND_ORCPT_MAX];
	int n = p->value_len <= max ? mail_xtext_decode(decoded, sizeof(decoded), p->value,
							p->value_len) : -1;

	if (n <= 0)
		return false;
	for (int i = 0; i < n; i++)
		if ((unsigned char)decoded[i] < 32 || decoded[i] == 127)
			return false;
	if (!mail_utf8_valid(decoded, n))
		return false;
	memcpy(out, p->value, p->value_len);
	out[p->value_len] = 0;
	return true;
}

/* "rfc822;" xtext, "utf-8;" an address of RFC 6533, 3 */
static bool take_orcpt(char *out, const struct parameter *p)
{
	const char *semicolon = memchr(p->value, ';', p->value_len);
	size_t type_len = semicolon ? semicolon - p->value : 0;
	struct parameter address;

	if (!type_len || p->value_len > COMMAND_ORCPT_MAX)
		return false;
	address = (struct parameter){ .value = semicolon + 1,
				      .value_len = p->value_len - type_len - 1 };
	for (size_t i = 0; i < type_len; i++) {
		char c = p->value[i];

		if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
		      c == '-' || c == '.'))
			return false;
	}
	if (word_is(p->value, type_len, "utf-8")) {
		/* utf-8-addr-xtext or utf-8-addr-unitext: "\x{HEX}" is left as it is */
		if (!address.value_len || !mail_utf8_valid(address.value, address.value_len))
			return false;
	} else if (!take_xtext(out, COMMAND_ORCPT_MAX, &address)) {
		return false;
	}
	memcpy(out, p->value, p->value_len);
	out[p->value_len] = 0;
	return true;
}

static bool take_notify(unsigned int *notify, const struct parameter *p)
{
	static const struct {
		const char *word;
		unsigned int bit;
	} words[] = {
		{ "NEVER", NOTIFY_NEVER }, { "SUCCESS", NOTIFY_SUCCESS },
		{ "FAILURE", NOTIFY_FAILURE }, { "DELAY", NOTIFY_DELAY },
	};
	const char *s = p->value, *end = s + p->value_len;

	while (s <= end) {
		const char *comma = memchr(s, ',', end - s);
		size_t len = (comma ? comma : end) - s, i;

		for (i = 0; i < sizeof(words) / sizeof(*words); i++)
			if (word_is(s, len, words[i].word))
				break;
		if (i == sizeof(words) / sizeof(*words) || *notify & words[i].bit)
			return false;
		*notify |= words[i].bit;
		s += len + 1;
	}
	/* NEVER stands alone (RFC 3461, 4.1). */
	return !(*notify & NOTIFY_NEVER) || *notify == NOTIFY_NEVER;
}

/* Which parameters there were, so that none is there twice. */
enum {
	SEEN_SIZE = 1, SEEN_BODY = 2, SEEN_UTF8 = 4, SEEN_RET = 8, SEEN_ENVID = 16,
	SEEN_AUTH = 32, SEEN_NOTIFY = 64, SEEN_ORCPT = 128,
};

static int bad_value(struct refusal *r, const char *text)
{
	return refuse(r, 501, "5.5.4", text);
}

static int mail_parameter(struct mail_command *m, const struct parameter *p, unsigned int *seen,
			  const struct command_offer *offer, struct refusal *r)
{
	unsigned int bit;

	if (word_is(p->name, p->name_len, "SIZE")) {
		bit = SEEN_SIZE;
		if (!p->value || !parse_number(p->value, p->value_len, &m->size))
			return bad_value(r, "SIZE= takes a number of octets");
	} else if (word_is(p->name, p->name_len, "BODY")) {
		bit = SEEN_BODY;
		if (p->value && word_is(p->value, p->value_len, "7BIT"))
			m->body = BODY_7BIT;
		else if (p->value && word_is(p->value, p->value_len, "8BITMIME"))
			m->body = BODY_8BITMIME;
		else
			return bad_value(r, "BODY= takes 7BIT or 8BITMIME");
	} else if (word_is(p->name, p->name_len, "SMTPUTF8") && offer->utf8) {
		bit = SEEN_UTF8;
		if (p->value)
			return bad_value(r, "SMTPUTF8 takes no value");
		m->utf8 = true;
	} else if (word_is(p->name, p->name_len, "RET")) {
		bit = SEEN_RET;
		if (p->value && word_is(p->value, p->value_len, "FULL"))
			m->ret = RET_FULL;
		else if (p->value && word_is(p->value, p->value_len, "HDRS"))
			m->ret = RET_HDRS;
		else
			return bad_value(r, "RET= takes FULL or HDRS");
	} else if (word_is(p->name, p->name_len, "ENVID")) {
		bit = SEEN_ENVID;
		if (!p->value || !take_xtext(m->envid, COMMAND_ENVID_MAX, p))
			return bad_value(r, "ENVID= takes xtext of at most 100 octets");
	} else if (word_is(p->name, p->name_len, "AUTH")) {
		bit = SEEN_AUTH;
		if (!p->value || !take_xtext(m->auth, COMMAND_ORCPT_MAX, p))
			return bad_value(r, "AUTH= takes <> or an address as xtext");
	} else {
		return refuse(r, 555, "5.5.4", "this parameter of MAIL is not known here");
	}
	if (*seen & bit)
		return bad_value(r, "a parameter is there twice");
	*seen |= bit;
	return 0;
}

static int rcpt_parameter(struct rcpt_command *c, const struct parameter *p, unsigned int *seen,
			  struct refusal *r)
{
	unsigned int bit;

	if (word_is(p->name, p->name_len, "NOTIFY")) {
		bit = SEEN_NOTIFY;
		if (*seen & bit)
			return bad_value(r, "a parameter is there twice");
		if (!p->value || !take_notify(&c->notify, p))
			return bad_value(r, "NOTIFY= takes NEVER, or SUCCESS, FAILURE and DELAY "
					    "with commas between them");
	} else if (word_is(p->name, p->name_len, "ORCPT")) {
		bit = SEEN_ORCPT;
		if (*seen & bit)
			return bad_value(r, "a parameter is there twice");
		if (!p->value || !take_orcpt(c->orcpt, p))
			return bad_value(r, "ORCPT= takes a type, a semicolon and an address as "
					    "xtext, at most 500 octets");
	} else {
		return refuse(r, 555, "5.5.4", "this parameter of RCPT is not known here");
	}
	*seen |= bit;
	return 0;
}

/* "FROM:" or "TO:" and the blanks that many clients put after it. */
static bool skip_keyword(const char **s, size_t *len, const char *keyword)
{
	size_t n = strlen(keyword);

	if (*len < n || strncasecmp(*s, keyword, n))
		return false;
	while (n < *len && is_blank((*s)[n]))
		n++;
	*s += n;
	*len -= n;
	return true;
}

static int check_parameter(int n, unsigned int *count, const struct command_offer *offer,
			   struct refusal *r)
{
	if (n < 0)
		return refuse(r, 501, "5.5.4", "a parameter is KEYWORD or KEYWORD=VALUE");
	if (!offer->extended)
		return refuse(r, 555, "5.5.4", "parameters need EHLO");
	if (++*count > MAX_PARAMETERS)
		return refuse(r, 501, "5.5.4", "too many parameters");
	return 0;
}

/* SMTPUTF8 stands behind the address that needs it. */
static bool asks_for_utf8(const char *s, size_t len)
{
	const char *end = memrchr(s, '>', len);
	struct parameter p;

	if (!end)
		return false;
	len -= end + 1 - s;
	s = end + 1;
	while (next_parameter(&p, &s, &len) > 0)
		if (word_is(p.name, p.name_len, "SMTPUTF8"))
			return true;
	return false;
}

/**
 * command_mail() - read the arguments of MAIL (RFC 5321, 4.1.1.2)
 * @m: what to fill in
 * @args: what follows the verb
 * @len: its length
 * @offer: what the client may use
 * @r: what to answer when it is wrong
 *
 * Return: 0, or -1: @r says what is wrong.
 */
int command_mail(struct mail_command *m, const char *args, size_t len,
		 const struct command_offer *offer, struct refusal *r)
{
	bool utf8 = offer->utf8 && offer->extended && asks_for_utf8(args, len);
	enum mail_address_error error;
	unsigned int seen = 0, count = 0;
	struct parameter p;
	size_t used;
	int n;

	memset(m, 0, sizeof(*m));
	if (!skip_keyword(&args, &len, "FROM:"))
		return refuse(r, 501, "5.5.4", "MAIL takes FROM:<ADDRESS>");
	error = mail_path_parse(&m->from, args, len, MAIL_ALLOW_NULL | (utf8 ? MAIL_ALLOW_UTF8 : 0),
				&used);
	if (error != MAIL_ADDRESS_GOOD)
		return refuse_address(r, error, "5.1.7");
	args += used;
	len -= used;
	if (len && !is_blank(*args))
		return refuse(r, 501, "5.5.4", "a blank is missing behind the address");
	while ((n = next_parameter(&p, &args, &len)) != 0)
		if (check_parameter(n, &count, offer, r) ||
		    mail_parameter(m, &p, &seen, offer, r))
			return -1;
	return 0;
}

/**
 * command_rcpt() - read the arguments of RCPT (RFC 5321, 4.1.1.3)
 * @c: what to fill in
 * @args: what follows the verb
 * @len: its length
 * @offer: what the client may use
 * @r: what to answer when it is wrong
 *
 * Return: 0, or -1: @r says what is wrong.
 */
int command_rcpt(struct rcpt_command *c, const char *args, size_t len,
		 const struct command_offer *offer, struct refusal *r)
{
	enum mail_address_error error;
	unsigned int seen = 0, count = 0;
	struct parameter p;
	size_t used;
	int n;

	memset(c, 0, sizeof(*c));
	if (!skip_keyword(&args, &len, "TO:"))
		return refuse(r, 501, "5.5.4", "RCPT takes TO:<ADDRESS>");
	error = mail_path_parse(&c->to, args, len,
				MAIL_ALLOW_POSTMASTER | (offer->utf8 ? MAIL_ALLOW_UTF8 : 0), &used);
	if (error != MAIL_ADDRESS_GOOD)
		return refuse_address(r, error, "5.1.3");
	args += used;
	len -= used;
	if (len && !is_blank(*args))
		return refuse(r, 501, "5.5.4", "a blank is missing behind the address");
	while ((n = next_parameter(&p, &args, &len)) != 0)
		if (check_parameter(n, &count, offer, r) || rcpt_parameter(c, &p, &seen, r))
			return -1;
	return 0;
}

/**
 * command_bdat() - read the arguments of BDAT (RFC 3030, 2)
 * @args: what follows the verb
 * @len: its length
 * @size: octets of the chunk
 * @last: it is the last one
 * @r: what to answer when it is wrong
 *
 * Return: 0, or -1: where the chunk ends is not known then.
 */
int command_bdat(const char *args, size_t len, uint64_t *size, bool *last, struct refusal *r)
{
	size_t n = 0;

	while (n < len && !is_blank(args[n]))
		n++;
	if (!parse_number(args, n, size))
		return refuse(r, 501, "5.5.4", "BDAT takes a number of octets, and perhaps LAST");
	while (n < len && is_blank(args[n]))
		n++;
	*last = n < len;
	if (*last && !word_is(args + n, len - n, "LAST"))
		return refuse(r, 501, "5.5.4", "BDAT takes a number of octets, and perhaps LAST");
	return 0;
}
