/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a primary sends as a zone transfer, message by message: AXFR (RFC 5936) and IXFR
 * (RFC 1995).  The reader knows nothing of sockets and stores: it is read once while the
 * messages arrive, to know that they are in order, and once more to have them applied.
 */
#ifndef DNSD_TRANSFER_READER_H
#define DNSD_TRANSFER_READER_H

#include <libknot/libknot.h>
#include <stdbool.h>
#include <stdint.h>

/**
 * enum transfer_style - what the primary sends
 * @TRANSFER_UNKNOWN: the first two records have not both been seen
 * @TRANSFER_WHOLE: the whole zone
 * @TRANSFER_CHANGES: differences
 */
enum transfer_style { TRANSFER_UNKNOWN, TRANSFER_WHOLE, TRANSFER_CHANGES };

/**
 * enum transfer_result - after a message
 * @TRANSFER_MORE: there is more to come
 * @TRANSFER_DONE: that was the last, and all is well
 * @TRANSFER_CURRENT: the primary has nothing newer
 * @TRANSFER_FAILED: see @why of the reader
 */
enum transfer_result {
	TRANSFER_MORE, TRANSFER_DONE, TRANSFER_CURRENT, TRANSFER_FAILED
};

/**
 * struct transfer_sink - where records go; each returns 0 or a negative errno
 * @whole: the whole zone follows
 * @change: a difference follows, from one serial to another
 * @remove: a record of the difference to take away
 * @add: a record of the zone, or of the difference to add; SOA records are among both
 */
struct transfer_sink {
	int (*whole)(void *data);
	int (*change)(void *data, const knot_rrset_t *old_soa);
	int (*remove)(void *data, const knot_rrset_t *rr);
	int (*add)(void *data, const knot_rrset_t *rr);
};

/**
 * struct transfer_reader - zeroed but for what comes before @style
 * @apex: name of the zone, lower case
 * @type: KNOT_RRTYPE_AXFR or KNOT_RRTYPE_IXFR
 * @have: there is a version of the zone here, of serial @serial
 * @serial: which
 * @max_octets: limit of all messages together, and of all records with their names
 *	uncompressed, which is about what they take in the store; 0: none
 * @max_records: limit of records; 0: none
 * @sink: where records go, or NULL
 * @data: for @sink
 * @style: what it turned out to be
 * @new_serial: the version that is sent
 * @numbers: serial, refresh, retry, expire and minimum of its SOA, as sent
 * @step_serial: of the difference that is being read, where it leads
 * @octets: of messages, so far
 * @size: of records, names uncompressed, so far
 * @records: so far
 * @messages: so far
 * @error: what the sink returned
 * @rcode: of a message that was no success
 * @why: after TRANSFER_FAILED, for people
 */
struct transfer_reader {
	const knot_dname_t *apex;
	uint16_t type;
	bool have;
	uint32_t serial;
	uint64_t max_octets, max_records;
	const struct transfer_sink *sink;
	void *data;

	enum transfer_style style;
	enum { TRANSFER_AT_START, TRANSFER_AT_SECOND, TRANSFER_IN_ZONE, TRANSFER_IN_REMOVED,
	       TRANSFER_IN_ADDED, TRANSFER_AT_END } at;
	uint32_t new_serial, step_serial;
	uint8_t numbers[20];
	uint64_t octets, size, records, messages;
	int error;
	uint8_t rcode;
	char why[192];
};

enum transfer_result transfer_read(struct transfer_reader *t, const knot_pkt_t *message);
/* RFC 1982: is @a later than @b? Neither is when they are 2^31 apart. */
bool serial_later(uint32_t a, uint32_t b);

#endif
