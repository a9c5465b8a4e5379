/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Proofs that something is not there: NSEC (RFC 4035 section 3.1.3) and NSEC3 (RFC 5155
 * section 7.2) records for the authority section (dns-sign's room).
 *
 * All are called with q->dnssec_ok, and do nothing in a zone that is not signed.  They
 * use response_put(q, QUERY_IN_AUTHORITY, ...), which takes the signatures along.
 */
#ifndef DNSD_DENIAL_H
#define DNSD_DENIAL_H

#include "query.h"

/**
 * denial_nxdomain() - there is no such name
 * @q: has DO
 * @name: the name
 * @encloser: the closest name there is, empty non-terminals included
 */
void denial_nxdomain(struct query *q, const uint8_t *name, const uint8_t *encloser);
/**
 * denial_nodata() - the name is there, also as an empty non-terminal, the type is not
 * @q: has DO
 * @name: the name
 */
void denial_nodata(struct query *q, const uint8_t *name);
/**
 * denial_wildcard_nodata() - the wildcard below @encloser was found and has not the type
 * @q: has DO
 * @name: the name that was asked for
 * @encloser: the wildcard's parent
 */
void denial_wildcard_nodata(struct query *q, const uint8_t *name, const uint8_t *encloser);
/**
 * denial_wildcard_answer() - the wildcard below @encloser answered: the name itself is not there
 * @q: has DO
 * @name: the name that was asked for
 * @encloser: the wildcard's parent
 */
void denial_wildcard_answer(struct query *q, const uint8_t *name, const uint8_t *encloser);
/**
 * denial_no_ds() - a referral to a zone that is not signed
 * @q: has DO
 * @cut: where
 */
void denial_no_ds(struct query *q, const uint8_t *cut);

#endif
