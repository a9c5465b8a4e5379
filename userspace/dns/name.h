/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Domain names: text, wire form, and the lookup form that the store keeps them in.
 *
 * A name in wire form is uncompressed and complete unless something else is said; it is
 * compared by functions of libknot (knot_dname_*).
 */
#ifndef DNS_NAME_H
#define DNS_NAME_H

#include <libknot/libknot.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DNS_NAME_MAX	255	/* octets in wire form, RFC 1035 section 3.1 */
#define DNS_LABEL_MAX	63
#define DNS_LABELS_MAX	127
#define DNS_NAME_TEXT	1010	/* each octet as \DDD, dots, and the final NUL */
#define DNS_LOOKUP_MAX	504	/* of the lookup form: what an LMDB key has room for */
#define DNS_WHY_SIZE	160	/* for words about what is wrong with a name */

/**
 * dns_name_from_text() - a name as people write it
 * @out: its wire form, as written (case is kept)
 * @text: with or without a final dot; escapes of RFC 1035 section 5.1
 * @len: octets of @text
 * @origin: appended when there is no final dot; NULL: the root
 * @why: filled with what is wrong and what is allowed ("a label of 64 octets: at most 63")
 *
 * Return: octets of @out, or -EINVAL.
 */
int dns_name_from_text(uint8_t out[DNS_NAME_MAX], const char *text, size_t len,
		       const uint8_t *origin, char why[DNS_WHY_SIZE]);

/* With a final dot; what does not print is escaped.  Returns @out. */
const char *dns_name_to_text(char out[DNS_NAME_TEXT], const uint8_t *name);

/**
 * dns_name_read() - a name in a message, decompressed
 * @out: its wire form, as written
 * @wire: the message
 * @len: octets of it
 * @pos: where the name starts; moved to what comes after it
 * @why: filled with what is wrong, for people; may be NULL
 *
 * Pointers have to point backwards.
 *
 * Return: octets of @out, or -EINVAL.
 */
int dns_name_read(uint8_t out[DNS_NAME_MAX], const uint8_t *wire, size_t len, size_t *pos,
		  char why[DNS_WHY_SIZE]);

void dns_name_lower(uint8_t *name);
/* The number of labels without the root's. */
unsigned int dns_name_labels(const uint8_t *name);
/* The name without its first @n labels. */
const uint8_t *dns_name_skip(const uint8_t *name, unsigned int n);
/* Is @name equal to @top or below it? In any case. */
bool dns_name_within(const uint8_t *name, const uint8_t *top);
/* "*." before @encloser; octets, or -EINVAL when it gets too long. */
int dns_name_wildcard(uint8_t out[DNS_NAME_MAX], const uint8_t *encloser);

/**
 * dns_name_to_lookup() - the form that is ordered by memcmp()
 * @out: filled
 * @name: wire form
 *
 * Labels from the root down, in lower case, each with 0 after it; octets 0 and 1 inside
 * labels become 1 1 and 1 2.  So the order is the canonical one of RFC 4034 section 6.1,
 * a name's form is a prefix of the forms of all names below it, and the root's is empty.
 *
 * Return: octets, or -ENAMETOOLONG for a name with very many octets 0 and 1.
 */
int dns_name_to_lookup(uint8_t out[DNS_LOOKUP_MAX], const uint8_t *name);
/* Octets of @out, or -EINVAL when @form is none. */
int dns_name_from_lookup(uint8_t out[DNS_NAME_MAX], const uint8_t *form, size_t len);

#endif
