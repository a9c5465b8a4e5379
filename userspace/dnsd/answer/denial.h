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

/* No such name. @encloser: the closest name there is, ENTs included. */
void denial_nxdomain(struct query *q, const uint8_t *name, const uint8_t *encloser);
/* The name is there, also as an ENT, the type is not. */
void denial_nodata(struct query *q, const uint8_t *name);
/* "*.encloser" was found and has not the type. */
void denial_wildcard_nodata(struct query *q, const uint8_t *name, const uint8_t *encloser);
/* "*.encloser" answered: the name itself is not there. */
void denial_wildcard_answer(struct query *q, const uint8_t *name, const uint8_t *encloser);
/* A referral at @cut without DS. */
void denial_no_ds(struct query *q, const uint8_t *cut);

#endif
