// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The notation of segments: read from a script, written into a trace, and
 * compared with what was on the wire.
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "packet.h"

static const struct {
	char		letter;
	uint16_t	flag;
} flag_letters[] = {
	{ 'F', FLAG_FIN }, { 'S', FLAG_SYN }, { 'R', FLAG_RST }, { 'P', FLAG_PSH },
	{ '.', FLAG_ACK }, { 'U', FLAG_URG }, { 'E', FLAG_ECE }, { 'W', FLAG_CWR },
	{ 'A', FLAG_AE },
};

#define N_FLAGS (sizeof(flag_letters) / sizeof(*flag_letters))

static const char *const ecn_names[] = { "noecn", "ect1", "ect0", "ce" };

static char problem[512];

static const char *wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));

static const char *wrong(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(problem, sizeof(problem), format, args);
	va_end(args);
	return problem;
}

static void blanks(const char **p)
{
	while (isblank((unsigned char)**p))
		(*p)++;
}

/* Is this the next word? Then step over it */
static bool take(const char **p, const char *word)
{
	size_t len = strlen(word);

	blanks(p);
	if (strncmp(*p, word, len) || isalnum((unsigned char)(*p)[len]) || (*p)[len] == '_')
		return false;
	*p += len;
	blanks(p);
	return true;
}

/**
 * number_parse() - "5", "=5" (absolute), "5~9" (a range), "*" (any)
 * @p: the text; set to what follows
 * @n: filled in
 *
 * Return: NULL, or what is wrong.
 */
const char *number_parse(const char **p, struct number *n)
{
	char *end;

	memset(n, 0, sizeof(*n));
	blanks(p);
	if (**p == '*') {
		n->any = true;
		(*p)++;
		return NULL;
	}
	if (**p == '=') {
		n->absolute = true;
		(*p)++;
	}
	n->low = strtoul(*p, &end, 0);
	if (end == *p)
		return wrong("a number is missing at \"%s\"", *p);
	n->high = n->low;
	*p = end;
	if (**p == '~') {
		(*p)++;
		n->high = strtoul(*p, &end, 0);
		if (end == *p)
			return wrong("a number is missing at \"%s\"", *p);
		*p = end;
	}
	return NULL;
}

/* --- options --- */

static const char *parse_hex(const char **p, uint8_t *data, int max, int *len)
{
	unsigned int octet;

	blanks(p);
	*len = 0;
	while (isxdigit((unsigned char)(*p)[0]) && isxdigit((unsigned char)(*p)[1])) {
		if (*len == max)
			return wrong("more than %d octets", max);
		sscanf(*p, "%2x", &octet);
		data[(*len)++] = octet;
		*p += 2;
	}
	return NULL;
}

static const char *parse_sack(const char **p, struct option *o)
{
	const char *e;

	blanks(p);
	while (isdigit((unsigned char)**p) || **p == '=' || **p == '*') {
		if (o->n == MAX_SACKS)
			return wrong("more than %d SACK blocks", MAX_SACKS);
		e = number_parse(p, &o->block[o->n][0]);
		if (e)
			return e;
		if (**p != ':')
			return wrong("a SACK block is FROM:TO");
		(*p)++;
		e = number_parse(p, &o->block[o->n++][1]);
		if (e)
			return e;
		blanks(p);
	}
	return NULL;
}

static const char *parse_timestamp(const char **p, struct option *o)
{
	const char *e;

	if (!take(p, "val"))
		return wrong("TS val N ecr N");
	/* a point: in what is sent, the time and the last that came */
	if (**p == '.') {
		o->a.any = true;
		(*p)++;
	} else if ((e = number_parse(p, &o->a))) {
		return e;
	}
	if (!take(p, "ecr"))
		return wrong("TS val N ecr N");
	if (**p == '.') {
		o->b.any = true;
		(*p)++;
		return NULL;
	}
	return number_parse(p, &o->b);
}

static const char *parse_cookie(const char **p, struct option *o)
{
	blanks(p);
	if (**p == '.') {
		o->known = true;
		(*p)++;
		return NULL;
	}
	return parse_hex(p, o->data, 16, &o->len);
}

static const char *parse_option(const char **p, struct option *o)
{
	memset(o, 0, sizeof(*o));
	if (take(p, "nop")) {
		o->kind = OPT_NOP;
		return NULL;
	}
	if (take(p, "eol")) {
		o->kind = OPT_EOL;
		return NULL;
	}
	if (take(p, "sackOK")) {
		o->kind = OPT_SACKOK;
		return NULL;
	}
	if (take(p, "mss")) {
		o->kind = OPT_MSS;
		return number_parse(p, &o->a);
	}
	if (take(p, "wscale")) {
		o->kind = OPT_WSCALE;
		return number_parse(p, &o->a);
	}
	if (take(p, "TS")) {
		o->kind = OPT_TS;
		return parse_timestamp(p, o);
	}
	if (take(p, "sack")) {
		o->kind = OPT_SACK;
		return parse_sack(p, o);
	}
	if (take(p, "FOEXP")) {
		o->kind = OPT_EXP;
		return parse_cookie(p, o);
	}
	if (take(p, "FO")) {
		o->kind = OPT_FO;
		return parse_cookie(p, o);
	}
	if (take(p, "raw")) {
		o->raw = true;
		return parse_hex(p, o->data, sizeof(o->data), &o->len);
	}
	return wrong("not an option: \"%s\"", *p);
}

static const char *parse_options(const char **p, struct spec *s)
{
	const char *e;

	(*p)++;
	if (!strncmp(*p, "...>", 4)) {
		s->any_options = true;
		*p += 4;
		return NULL;
	}
	while (**p && **p != '>') {
		if (s->n_options == MAX_OPTIONS)
			return wrong("more than %d options", MAX_OPTIONS);
		e = parse_option(p, &s->option[s->n_options++]);
		if (e)
			return e;
		blanks(p);
		if (**p == ',')
			(*p)++;
		else if (**p != '>')
			return wrong("a comma or > is missing at \"%s\"", *p);
	}
	if (**p != '>')
		return wrong("the options have no >");
	(*p)++;
	return NULL;
}

/* --- [ce, df, ttl 3] --- */

static const char *parse_marks(const char **p, struct spec *s)
{
	struct number n;
	const char *e;
	int i;

	(*p)++;
	while (**p && **p != ']') {
		for (i = 0; i < 4; i++)
			if (take(p, ecn_names[i]))
				break;
		if (i < 4) {
			s->ecn = i;
		} else if (take(p, "df")) {
			s->df = 1;
		} else if (take(p, "nodf")) {
			s->df = 0;
		} else if (take(p, "nopsh")) {
			s->no_psh = true;
		} else if (take(p, "badsum")) {
			s->bad_sum = true;
		} else if (take(p, "ttl")) {
			if ((e = number_parse(p, &n)))
				return e;
			s->ttl = n.low;
		} else if (take(p, "tos")) {
			if ((e = number_parse(p, &n)))
				return e;
			s->tos = n.low;
		} else if (take(p, "gso")) {
			if ((e = number_parse(p, &n)))
				return e;
			s->gso = n.low;
		} else if (take(p, "id")) {
			if ((e = number_parse(p, &n)))
				return e;
			s->id = n.low;
		} else if (take(p, "hlen")) {
			if ((e = number_parse(p, &n)))
				return e;
			s->hlen = n.low;
		} else if (take(p, "cut")) {
			if ((e = number_parse(p, &n)))
				return e;
			s->cut = n.low;
		} else {
			return wrong("not a mark: \"%s\"", *p);
		}
		blanks(p);
		if (**p == ',')
			(*p)++;
	}
	if (**p != ']')
		return wrong("the marks have no ]");
	(*p)++;
	return NULL;
}

static const char *parse_flags(const char **p, struct spec *s)
{
	unsigned int i;

	blanks(p);
	if (**p == '-') {
		(*p)++;
		return NULL;
	}
	for (; **p && !isblank((unsigned char)**p); (*p)++) {
		for (i = 0; i < N_FLAGS && flag_letters[i].letter != **p; i++)
			;
		if (i == N_FLAGS)
			return wrong("not a flag: \"%s\"", *p);
		s->flags |= flag_letters[i].flag;
	}
	return NULL;
}

/* FROM:TO(LENGTH), or "*" */
static const char *parse_range(const char **p, struct spec *s)
{
	const char *e = number_parse(p, &s->seq);
	char *end;

	if (e)
		return e;
	if (s->seq.any && **p != ':') {
		s->end.any = true;
		s->len = -1;
		if (**p != '(')
			return NULL;
	} else {
		if (**p != ':')
			return wrong("FROM:TO(LENGTH) at \"%s\"", *p);
		(*p)++;
		if ((e = number_parse(p, &s->end)))
			return e;
	}
	if (**p != '(')
		return wrong("FROM:TO(LENGTH) at \"%s\"", *p);
	(*p)++;
	if (**p == '*') {
		s->len = -1;
		end = (char *)*p + 1;
	} else {
		s->len = strtoul(*p, &end, 0);
	}
	if (*end != ')')
		return wrong("FROM:TO(LENGTH) at \"%s\"", *p);
	*p = end + 1;
	if (s->len >= 0 && !s->seq.any && !s->end.any &&
	    (uint32_t)s->len != s->end.low - s->seq.low)
		return wrong("the length is not TO - FROM");
	return NULL;
}

/* icmp KIND [mtu N] [FROM:TO(LENGTH)] */
static const char *parse_icmp(const char *p, struct spec *s)
{
	char name[32];
	const char *e;
	int used;

	if (sscanf(p, "%31s%n", name, &used) != 1)
		return wrong("icmp KIND");
	s->icmp = icmp_kind(name);
	if (s->icmp < 0)
		return wrong("not a kind of ICMP error: %s", name);
	p += used;
	if (take(&p, "mtu"))
		s->mtu = strtoul(p, (char **)&p, 0);
	blanks(&p);
	if (*p == '[') {
		p++;
		if ((e = parse_range(&p, s)))
			return e;
	}
	return NULL;
}

/**
 * spec_parse() - read a segment
 * @text: "[cN] [marks] FLAGS FROM:TO(LENGTH) [ack N] [win N] [urg N] [<options>]"
 * @s: filled in
 *
 * Return: NULL, or what is wrong.
 */
const char *spec_parse(const char *text, struct spec *s)
{
	const char *p = text, *e = NULL;

	memset(s, 0, sizeof(*s));
	s->ecn = s->ttl = s->df = s->tos = s->id = s->icmp = -1;
	s->ack.any = s->win.any = s->urg.any = true;
	blanks(&p);
	if (*p == 'c' && isdigit((unsigned char)p[1])) {
		s->flow = strtoul(p + 1, (char **)&p, 10);
		if (s->flow >= MAX_FLOWS)
			return wrong("no more than %d connections", MAX_FLOWS);
		blanks(&p);
	}
	if (take(&p, "icmp"))
		return parse_icmp(p, s);
	if (*p == '[')
		e = parse_marks(&p, s);
	if (!e)
		e = parse_flags(&p, s);
	if (!e)
		e = parse_range(&p, s);
	if (!e && take(&p, "ack"))
		e = number_parse(&p, &s->ack);
	if (!e && take(&p, "win"))
		e = number_parse(&p, &s->win);
	if (!e && take(&p, "urg"))
		e = number_parse(&p, &s->urg);
	blanks(&p);
	if (!e && *p == '<')
		e = parse_options(&p, s);
	blanks(&p);
	if (!e && *p)
		return wrong("not understood: \"%s\"", p);
	return e;
}

/* --- writing --- */

static const struct flow no_flow;

static const struct flow *flow_of(const struct packet *p)
{
	return p->flow < 0 ? &no_flow : &flows[p->flow];
}

static int print_option(char *b, size_t size, const struct option *o, uint32_t sack_base,
			uint32_t val_base)
{
	int n = 0, i;

	switch (o->raw ? 255 : o->kind) {
	case OPT_EOL:
		return snprintf(b, size, "eol");
	case OPT_NOP:
		return snprintf(b, size, "nop");
	case OPT_MSS:
		return snprintf(b, size, "mss %u", o->a.low);
	case OPT_WSCALE:
		return snprintf(b, size, "wscale %u", o->a.low);
	case OPT_SACKOK:
		return snprintf(b, size, "sackOK");
	case OPT_TS:
		return snprintf(b, size, "TS val %u ecr %u", o->a.low - val_base, o->b.low);
	case OPT_SACK:
		n = snprintf(b, size, "sack");
		for (i = 0; i < o->n; i++)
			n += snprintf(b + n, size - n, " %u:%u", o->block[i][0].low - sack_base,
				      o->block[i][1].low - sack_base);
		return n;
	case OPT_FO:
	case OPT_EXP:
		n = snprintf(b, size, "%s ", o->kind == OPT_FO ? "FO" : "FOEXP");
		break;
	default:
		n = snprintf(b, size, "raw ");
	}
	for (i = 0; i < o->len; i++)
		n += snprintf(b + n, size - n, "%02x", o->data[i]);
	return n;
}

/**
 * packet_print() - a segment from here, in the notation of scripts
 */
void packet_print(char *b, size_t size, const struct packet *p)
{
	const struct flow *f = flow_of(p);
	uint32_t seq = p->seq - f->isn_here, ack = p->ack - f->isn_there;
	int n = 0, i;

	if (p->flow < 0)
		n += snprintf(b, size, "(ports %u, %u) ", p->sport, p->dport);
	else if (p->flow)
		n += snprintf(b, size, "c%d ", p->flow);
	n += snprintf(b + n, size - n, "[%s%s", ecn_names[p->tos & 3], p->df ? ",df" : "");
	if (p->id)
		n += snprintf(b + n, size - n, ",id %u", p->id_step);
	if (p->gso)
		n += snprintf(b + n, size - n, ",gso %d", p->gso);
	n += snprintf(b + n, size - n, "] ");
	for (i = 0; i < (int)N_FLAGS; i++)
		if (p->flags & flag_letters[i].flag)
			b[n++] = flag_letters[i].letter;
	if (!p->flags)
		b[n++] = '-';
	n += snprintf(b + n, size - n, " %u:%u(%d)", seq, seq + p->len, p->len);
	if (p->flags & FLAG_ACK)
		n += snprintf(b + n, size - n, " ack %u", ack);
	n += snprintf(b + n, size - n, " win %u", p->win);
	if (p->flags & FLAG_URG)
		n += snprintf(b + n, size - n, " urg %u", p->urg);
	if (!p->n_options)
		return;
	n += snprintf(b + n, size - n, " <");
	for (i = 0; i < p->n_options; i++) {
		if (i)
			b[n++] = ',';
		n += print_option(b + n, size - n, &p->option[i], f->isn_there, f->ts_here);
	}
	snprintf(b + n, size - n, ">");
}

/* --- comparing --- */

static bool differs(const struct number *n, uint32_t value, uint32_t base)
{
	if (n->any)
		return false;
	if (!n->absolute)
		value -= base;
	return value - n->low > n->high - n->low;
}

/* Milliseconds by which a TSval may be off what the script says */
static uint32_t timestamp_tolerance(void)
{
	return exact_time ? 11 + time_factor : 400 * time_factor;
}

static const char *compare_timestamp(const struct option *want, const struct option *got,
				     struct flow *f)
{
	uint32_t tolerance = timestamp_tolerance(), off;

	if (!want->a.any) {
		if (!f->ts_known) {
			f->ts_known = true;
			f->ts_here = got->a.low - want->a.low;
		}
		off = got->a.low - f->ts_here - want->a.low;
		if (off + tolerance > 2 * tolerance)
			return wrong("TSval is %u, not %u", got->a.low - f->ts_here, want->a.low);
	}
	if (differs(&want->b, got->b.low, 0))
		return wrong("TSecr is %u, not %u", got->b.low, want->b.low);
	return NULL;
}

static const char *compare_option(const struct option *want, const struct option *got,
				  struct flow *f)
{
	int i;

	if (want->raw) {
		if (!got->raw || want->len != got->len || memcmp(want->data, got->data, got->len))
			return wrong("an option is not the one written in octets");
		return NULL;
	}
	if (got->raw || want->kind != got->kind)
		return wrong("option of kind %u, not %u", got->kind, want->kind);
	switch (want->kind) {
	case OPT_MSS:
	case OPT_WSCALE:
		if (differs(&want->a, got->a.low, 0))
			return wrong("%s is %u, not %u", want->kind == OPT_MSS ? "mss" : "wscale",
				     got->a.low, want->a.low);
		return NULL;
	case OPT_TS:
		return compare_timestamp(want, got, f);
	case OPT_SACK:
		if (want->n != got->n)
			return wrong("%d SACK blocks, not %d", got->n, want->n);
		for (i = 0; i < got->n; i++)
			if (differs(&want->block[i][0], got->block[i][0].low, f->isn_there) ||
			    differs(&want->block[i][1], got->block[i][1].low, f->isn_there))
				return wrong("SACK block %d is %u:%u", i + 1,
					     got->block[i][0].low - f->isn_there,
					     got->block[i][1].low - f->isn_there);
		return NULL;
	case OPT_FO:
	case OPT_EXP:
		if (want->known ? !got->len : want->len != got->len)
			return wrong("a cookie of %d octets", got->len);
		if (want->len && memcmp(want->data, got->data, want->len))
			return wrong("another fast open cookie");
		return NULL;
	}
	return NULL;
}

static const char *compare_options(const struct spec *s, const struct packet *p, struct flow *f)
{
	const char *e;
	int i;

	if (s->any_options)
		return NULL;
	for (i = 0; i < s->n_options && i < p->n_options; i++) {
		e = compare_option(&s->option[i], &p->option[i], f);
		if (e)
			return e;
	}
	if (s->n_options != p->n_options)
		return wrong("%d options, not %d", p->n_options, s->n_options);
	return NULL;
}

static const char *compare_flags(const struct spec *s, const struct packet *p)
{
	/* PSH is a hint (RFC 9293, 3.9.1.2): asked for only when written */
	uint16_t mask = (uint16_t)~(s->flags & FLAG_PSH || s->no_psh ? 0 : FLAG_PSH);

	return (p->flags ^ s->flags) & mask ? wrong("the flags differ") : NULL;
}

static const char *compare_ip(const struct spec *s, const struct packet *p)
{
	if (s->ecn >= 0 && (p->tos & 3) != s->ecn)
		return wrong("%s, not %s", ecn_names[p->tos & 3], ecn_names[s->ecn]);
	if (s->tos >= 0 && (p->tos & 0xfc) != (s->tos & 0xfc))
		return wrong("type of service is %#x, not %#x", p->tos & 0xfc, s->tos);
	if (s->ttl >= 0 && p->ttl != s->ttl)
		return wrong("TTL is %u, not %d", p->ttl, s->ttl);
	/* IPv6 has no such bit */
	if (family == 4 && s->df >= 0 && p->df != s->df)
		return wrong("DF is %d", p->df);
	if (family == 4 && s->id >= 0 && p->id_step != s->id)
		return wrong("the identification grew by %u, not %d", p->id_step, s->id);
	if (p->gso != s->gso)
		return wrong("it stands for segments of %d octets, not %d", p->gso, s->gso);
	return NULL;
}

static const char *compare_data(const struct packet *p, const struct flow *f)
{
	uint32_t at = p->seq - f->isn_here - !(p->flags & FLAG_SYN);
	int i;

	for (i = 0; i < p->len; i++)
		if (p->data[i] != pattern(at + i))
			return wrong("the octet at %u is not what the program wrote", at + 1 + i);
	return NULL;
}

/**
 * spec_compare() - is this the segment that the script expects?
 * @s: expected
 * @p: seen
 *
 * Learns initial sequence numbers and the offset of timestamps on the way.
 *
 * Return: NULL, or how they differ.
 */
const char *spec_compare(const struct spec *s, const struct packet *p)
{
	struct flow *f = &flows[s->flow];
	const char *e;

	if (p->flow != s->flow)
		return wrong("it belongs to another connection");
	e = compare_flags(s, p);
	if (e)
		return e;
	if (s->len >= 0 && p->len != s->len)
		return wrong("%d octets of data, not %d", p->len, s->len);
	if (differs(&s->seq, p->seq, f->isn_here))
		return wrong("seq is %u", p->seq - f->isn_here);
	if (p->flags & FLAG_ACK && differs(&s->ack, p->ack, f->isn_there))
		return wrong("ack is %u", p->ack - f->isn_there);
	if (differs(&s->win, p->win, 0))
		return wrong("win is %u", p->win);
	if (p->flags & FLAG_URG && differs(&s->urg, p->urg, 0))
		return wrong("urg is %u", p->urg);
	e = compare_ip(s, p);
	if (!e)
		e = compare_options(s, p, f);
	if (!e)
		e = compare_data(p, f);
	return e;
}
