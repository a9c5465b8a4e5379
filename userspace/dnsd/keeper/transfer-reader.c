// SPDX-License-Identifier: GPL-2.0-or-later
/* The order of records in a zone transfer. */
#include "transfer-reader.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Type, class, TTL, length: between the name and the data of a record. */
#define RECORD_HEAD	10

/**
 * serial_later() - compare serial numbers (RFC 1982 3.2)
 * @a: one
 * @b: another
 *
 * Return: true when @a comes after @b.
 */
bool serial_later(uint32_t a, uint32_t b)
{
	uint32_t distance = a - b;

	return distance && distance < UINT32_C(1) << 31;
}

__attribute__((format(printf, 2, 3)))
static enum transfer_result fail(struct transfer_reader *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(t->why, sizeof(t->why), fmt, ap);
	va_end(ap);
	return TRANSFER_FAILED;
}

static enum transfer_result sink_failed(struct transfer_reader *t, const knot_rrset_t *rr, int err)
{
	knot_dname_txt_storage_t name = "";
	char type[16] = "";

	t->error = err;
	knot_dname_to_str(name, rr->owner, sizeof(name));
	knot_rrtype_to_string(rr->type, type, sizeof(type));
	if (err == -ENOENT)
		return fail(t, "it removes %.100s %s, which is not there", name, type);
	if (err == -EEXIST)
		return fail(t, "it adds %.100s %s twice", name, type);
	if (err == -EMSGSIZE)
		return fail(t, "it has more records %.100s %s than fit into a message", name, type);
	return fail(t, "%.100s %s cannot be stored: %s", name, type, strerror(-err));
}

static enum transfer_result put(struct transfer_reader *t, const knot_rrset_t *rr, bool add)
{
	int err = 0;

	if (t->sink)
		err = (add ? t->sink->add : t->sink->remove)(t->data, rr);
	return err ? sink_failed(t, rr, err) : TRANSFER_MORE;
}

static uint32_t serial_of(const knot_rrset_t *soa)
{
	return knot_soa_serial(soa->rrs.rdata);
}

/* RFC 5936 2.2: the SOA at the end is that of the beginning. */
static enum transfer_result same_soa(struct transfer_reader *t, const knot_rrset_t *soa)
{
	const knot_rdata_t *rdata = soa->rrs.rdata;

	if (!memcmp(t->numbers, rdata->data + rdata->len - sizeof(t->numbers), sizeof(t->numbers)))
		return TRANSFER_MORE;
	return fail(t, "it has two SOA records of serial %" PRIu32 " that differ", t->new_serial);
}

static enum transfer_result begin_whole(struct transfer_reader *t, const knot_rrset_t *rr)
{
	int err = t->sink ? t->sink->whole(t->data) : 0;

	t->style = TRANSFER_WHOLE;
	t->at = TRANSFER_IN_ZONE;
	return err ? sink_failed(t, rr, err) : TRANSFER_MORE;
}

static enum transfer_result begin_change(struct transfer_reader *t, const knot_rrset_t *soa)
{
	int err = t->sink ? t->sink->change(t->data, soa) : 0;

	t->style = TRANSFER_CHANGES;
	t->at = TRANSFER_IN_REMOVED;
	return err ? sink_failed(t, soa, err) : put(t, soa, false);
}

static enum transfer_result first(struct transfer_reader *t, const knot_rrset_t *rr)
{
	if (rr->type != KNOT_RRTYPE_SOA)
		return fail(t, "its first record is no SOA");
	t->new_serial = serial_of(rr);
	memcpy(t->numbers, rr->rrs.rdata->data + rr->rrs.rdata->len - sizeof(t->numbers),
	       sizeof(t->numbers));
	t->at = TRANSFER_AT_SECOND;
	if (t->have && t->new_serial == t->serial)
		return TRANSFER_CURRENT;
	if (t->have && !serial_later(t->new_serial, t->serial))
		return fail(t, "its serial %" PRIu32 " is not later than ours, %" PRIu32,
			    t->new_serial, t->serial);
	return TRANSFER_MORE;
}

/* In the zone, or in what a difference adds: anything but a SOA. */
static enum transfer_result in_zone(struct transfer_reader *t, const knot_rrset_t *rr)
{
	enum transfer_result result;

	if (rr->type != KNOT_RRTYPE_SOA)
		return put(t, rr, true);
	if (serial_of(rr) != t->new_serial)
		return fail(t, "it begins with serial %" PRIu32 " and ends with %" PRIu32,
			    t->new_serial, serial_of(rr));
	t->at = TRANSFER_AT_END;
	result = same_soa(t, rr);
	if (result == TRANSFER_MORE)
		result = put(t, rr, true);
	return result == TRANSFER_MORE ? TRANSFER_DONE : result;
}

static enum transfer_result second(struct transfer_reader *t, const knot_rrset_t *rr)
{
	enum transfer_result result;

	/* A difference begins with the SOA that we have (RFC 1995 4). */
	if (t->type == KNOT_RRTYPE_IXFR && t->have && rr->type == KNOT_RRTYPE_SOA &&
	    serial_of(rr) != t->new_serial) {
		if (serial_of(rr) != t->serial)
			return fail(t, "its first difference is from serial %" PRIu32
				    ", and ours is %" PRIu32, serial_of(rr), t->serial);
		t->step_serial = t->serial;
		return begin_change(t, rr);
	}
	result = begin_whole(t, rr);
	return result == TRANSFER_MORE ? in_zone(t, rr) : result;
}

static enum transfer_result in_removed(struct transfer_reader *t, const knot_rrset_t *rr)
{
	if (rr->type != KNOT_RRTYPE_SOA)
		return put(t, rr, false);
	if (!serial_later(serial_of(rr), t->step_serial) ||
	    serial_later(serial_of(rr), t->new_serial))
		return fail(t, "a difference leads from serial %" PRIu32 " to %" PRIu32
			    " on the way to %" PRIu32, t->step_serial, serial_of(rr),
			    t->new_serial);
	t->step_serial = serial_of(rr);
	t->at = TRANSFER_IN_ADDED;
	if (t->step_serial == t->new_serial && same_soa(t, rr) != TRANSFER_MORE)
		return TRANSFER_FAILED;
	return put(t, rr, true);
}

static enum transfer_result in_added(struct transfer_reader *t, const knot_rrset_t *rr)
{
	if (rr->type != KNOT_RRTYPE_SOA)
		return put(t, rr, true);
	if (serial_of(rr) != t->step_serial)
		return fail(t, "a difference led to serial %" PRIu32 ", and the next is from %"
			    PRIu32, t->step_serial, serial_of(rr));
	if (t->step_serial == t->new_serial) {
		t->at = TRANSFER_AT_END;
		return same_soa(t, rr) == TRANSFER_MORE ? TRANSFER_DONE : TRANSFER_FAILED;
	}
	return begin_change(t, rr);
}

static bool is_zone_data(uint16_t type)
{
	return !knot_rrtype_is_metatype(type) && type;
}

static enum transfer_result check_record(struct transfer_reader *t, const knot_rrset_t *rr)
{
	knot_dname_txt_storage_t name = "";
	char type[16] = "";

	if (knot_dname_in_bailiwick(rr->owner, t->apex) >= 0 && rr->rclass == KNOT_CLASS_IN &&
	    rr->rrs.count == 1 && is_zone_data(rr->type) &&
	    (rr->type != KNOT_RRTYPE_SOA || knot_dname_is_case_equal(rr->owner, t->apex)))
		return TRANSFER_MORE;
	knot_dname_to_str(name, rr->owner, sizeof(name));
	knot_rrtype_to_string(rr->type, type, sizeof(type));
	if (knot_dname_in_bailiwick(rr->owner, t->apex) < 0)
		return fail(t, "its record %.100s %s does not belong to the zone", name, type);
	if (rr->rclass != KNOT_CLASS_IN)
		return fail(t, "its record %.100s %s is of class %u, where 1 (IN) is allowed", name,
			    type, rr->rclass);
	if (rr->type == KNOT_RRTYPE_SOA)
		return fail(t, "it has a SOA record at %.100s, where none can be", name);
	return fail(t, "its record %.100s %s is no data of a zone", name, type);
}

static enum transfer_result too_long(struct transfer_reader *t)
{
	return fail(t, "it is longer than %" PRIu64 " octets", t->max_octets);
}

static enum transfer_result one_record(struct transfer_reader *t, const knot_rrset_t *rr)
{
	enum transfer_result result = check_record(t, rr);

	if (result != TRANSFER_MORE)
		return result;
	t->records++;
	t->size += knot_dname_size(rr->owner) + RECORD_HEAD + rr->rrs.rdata->len;
	if (t->max_octets && t->size > t->max_octets)
		return too_long(t);
	if (t->max_records && t->records > t->max_records)
		return fail(t, "it has more than %" PRIu64 " records", t->max_records);
	switch (t->at) {
	case TRANSFER_AT_START:
		return first(t, rr);
	case TRANSFER_AT_SECOND:
		return second(t, rr);
	case TRANSFER_IN_ZONE:
		return in_zone(t, rr);
	case TRANSFER_IN_REMOVED:
		return in_removed(t, rr);
	case TRANSFER_IN_ADDED:
		return in_added(t, rr);
	case TRANSFER_AT_END:
		break;
	}
	return fail(t, "it has records after its end");
}

static enum transfer_result refused(struct transfer_reader *t, uint8_t rcode)
{
	const knot_lookup_t *name = knot_lookup_by_id(knot_rcode_names, rcode);

	t->rcode = rcode;
	return fail(t, "it answers %s", name ? name->name : "an unknown error");
}

/**
 * transfer_read() - the next message
 * @t: the reader
 * @message: parsed
 *
 * After anything but TRANSFER_MORE there is nothing more to read.
 *
 * Return: see enum transfer_result.
 */
enum transfer_result transfer_read(struct transfer_reader *t, const knot_pkt_t *message)
{
	const knot_pktsection_t *answer = knot_pkt_section(message, KNOT_ANSWER);
	enum transfer_result result = TRANSFER_MORE;

	t->messages++;
	t->octets += message->size;
	if (knot_wire_get_rcode(message->wire))
		return refused(t, knot_wire_get_rcode(message->wire));
	if (!answer->count)
		return fail(t, "its message %" PRIu64 " has no records", t->messages);
	if (t->max_octets && t->octets > t->max_octets)
		return too_long(t);
	for (uint16_t i = 0; i < answer->count; i++) {
		result = one_record(t, knot_pkt_rr(answer, i));
		if (result == TRANSFER_MORE)
			continue;
		if (result == TRANSFER_DONE && i + 1 < answer->count)
			return fail(t, "it has records after its end");
		return result;
	}
	return TRANSFER_MORE;
}
