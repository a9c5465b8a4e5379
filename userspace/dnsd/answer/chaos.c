// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who we are, in class CHAOS (RFC 4892).
 */
#include <string.h>

#include "query.h"

static const struct {
	const char *name;	/* wire form */
	bool version;
} names[] = {
	{ "\7version\4bind", true },
	{ "\7version\6server", true },
	{ "\10hostname\4bind", false },
	{ "\2id\6server", false },
};

static const char *find(const struct query *q)
{
	for (unsigned int i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (knot_dname_is_equal(q->qname, (const uint8_t *)names[i].name))
			return names[i].version ? q->setup->version : q->setup->identity;
	return NULL;
}

void chaos_answer(struct query *q)
{
	const char *text = find(q);
	uint8_t rdata[256];
	size_t len;

	q->no_cache = true;
	if (!text || (q->qtype != KNOT_RRTYPE_TXT && q->qtype != KNOT_RRTYPE_ANY)) {
		response_error(q, KNOT_RCODE_REFUSED, -1, NULL);
		return;
	}
	len = strlen(text);
	rdata[0] = len;
	memcpy(rdata + 1, text, len);
	response_begin(q);
	q->aa = true;
	q->kind = QUERY_ANSWER;
	if (response_put_record(q, QUERY_IN_ANSWER, q->qname, KNOT_RRTYPE_TXT, 0, rdata, 1 + len))
		/* The class is after the owner's pointer and the type. */
		knot_wire_write_u16(q->out + q->question_end + 4, KNOT_CLASS_CH);
}
