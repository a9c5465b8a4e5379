/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mailbox addresses as SMTP writes them (RFC 5321, 4.1.2; RFC 6531, 3.3), and the texts beside
 * them: xtext (RFC 3461, 4) and typed addresses (RFC 3461, 4.2; RFC 6533, 3).
 */
#ifndef MAIL_ADDRESS_H
#define MAIL_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

/* RFC 5321, 4.5.3.1.1 to 4.5.3.1.3; a path has the two angle brackets more than an address. */
#define MAIL_LOCAL_MAX		64
#define MAIL_DOMAIN_MAX		255
#define MAIL_ADDRESS_MAX	254

enum mail_domain_kind {
	MAIL_NO_DOMAIN,		/* the null path <>, or <Postmaster> */
	MAIL_NAME,		/* example.org */
	MAIL_IPV4,		/* [192.0.2.1] */
	MAIL_IPV6,		/* [IPv6:2001:db8::1] */
};

/**
 * struct mail_address - a mailbox; zeroed, it is the null path
 * @text: as it was sent, without angle brackets and source route; "" is the null path.  No
 *	controls, no NUL; octets above 127 only in valid UTF-8.
 * @local_len: octets of the local part, quotes included
 * @kind: what stands behind the "@" at @text[@local_len]
 * @utf8: something in it is beyond ASCII: it needs SMTPUTF8
 */
struct mail_address {
	char text[MAIL_ADDRESS_MAX + 1];
	unsigned short local_len;
	enum mail_domain_kind kind;
	bool utf8;
};

/* What mail_path_parse() and mail_address_parse() let pass. */
enum {
	MAIL_ALLOW_UTF8 = 1,		/* RFC 6531 */
	MAIL_ALLOW_NULL = 2,		/* <>: MAIL FROM only */
	MAIL_ALLOW_POSTMASTER = 4,	/* <Postmaster> without a domain: RCPT TO only */
};

enum mail_address_error {
	MAIL_ADDRESS_GOOD,
	MAIL_ADDRESS_SYNTAX,
	MAIL_ADDRESS_LOCAL_TOO_LONG,
	MAIL_ADDRESS_DOMAIN_TOO_LONG,
	MAIL_ADDRESS_TOO_LONG,
	MAIL_ADDRESS_NEEDS_UTF8,	/* without MAIL_ALLOW_UTF8 */
	MAIL_ADDRESS_BAD_UTF8,
};

/* "<...>" at the start of @s; *@used is its length. The source route is dropped (RFC 5321, F.2). */
enum mail_address_error mail_path_parse(struct mail_address *a, const char *s, size_t len,
					unsigned int flags, size_t *used);
/* All of @s is local@domain. */
enum mail_address_error mail_address_parse(struct mail_address *a, const char *s, size_t len,
					   unsigned int flags);
/* For people: "the local part has more than 64 octets". */
const char *mail_address_explain(enum mail_address_error error);

/* What is behind the "@", or "". */
const char *mail_address_domain(const struct mail_address *a);
/* The local part without quotes and backslashes; returns its length. */
size_t mail_address_local(const struct mail_address *a, char out[MAIL_LOCAL_MAX + 1]);
/* Domains without regard to case, local parts with it, however they are quoted. */
bool mail_address_equal(const struct mail_address *a, const struct mail_address *b);

/* A domain name by RFC 5321's rules, perhaps with U-labels; no literal. */
bool mail_domain_valid(const char *s, size_t len, bool utf8);
/* ASCII without regard to case, a last dot ignored. */
bool mail_domain_equal(const char *a, const char *b);
/* @s is an address literal with its brackets: which, and the address in text. */
enum mail_domain_kind mail_literal_parse(const char *s, size_t len, char address[46]);

bool mail_utf8_valid(const char *s, size_t len);
bool mail_is_ascii(const char *s, size_t len);

/* Returns the length in @out, or -1: no xtext, or more than @room. */
int mail_xtext_decode(char *out, size_t room, const char *s, size_t len);
/* With a final NUL; returns the length, or -1: more than @room. */
int mail_xtext_encode(char *out, size_t room, const char *s, size_t len);

#endif
