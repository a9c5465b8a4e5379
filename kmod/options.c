// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Options of a segment: parse what a peer sent, write what we send.
 *
 * Pure: compiled in userspace by selftests/unit as it stands here.
 */
#include <linux/kernel.h>
#include <linux/string.h>
#include <asm/byteorder.h>

#include "options.h"

static __u16 octets16(const __u8 *p)
{
	return p[0] << 8 | p[1];
}

static __u32 octets32(const __u8 *p)
{
	return (__u32)octets16(p) << 16 | octets16(p + 2);
}

static void parse_sack(const __u8 *p, unsigned int len,
		       struct linnet_options *opt)
{
	unsigned int n, i;

	if (len < LINNET_OPTLEN_SACK_BASE + LINNET_OPTLEN_SACK_BLOCK ||
	    (len - LINNET_OPTLEN_SACK_BASE) % LINNET_OPTLEN_SACK_BLOCK)
		return;

	n = (len - LINNET_OPTLEN_SACK_BASE) / LINNET_OPTLEN_SACK_BLOCK;
	/* Forty octets of options hold four blocks; the header's length field
	 * promises it, but this loop writes to memory.
	 */
	n = min_t(unsigned int, n, LINNET_SACK_BLOCKS_MAX);
	p += LINNET_OPTLEN_SACK_BASE;
	for (i = 0; i < n; i++, p += LINNET_OPTLEN_SACK_BLOCK) {
		opt->sack[i].start = octets32(p);
		opt->sack[i].end = octets32(p + 4);
	}
	opt->n_sack = n;
}

/* RFC 7413, 4.1.1: 4 to 16 octets, an even number; none asks for a cookie */
static void parse_fastopen(const __u8 *p, unsigned int len,
			   struct linnet_options *opt)
{
	len -= LINNET_OPTLEN_FASTOPEN_BASE;
	if (len && (len < LINNET_FASTOPEN_COOKIE_MIN ||
		    len > LINNET_FASTOPEN_COOKIE_MAX || len & 1))
		return;
	opt->fastopen = true;
	opt->cookie_len = len;
	memcpy(opt->cookie, p + LINNET_OPTLEN_FASTOPEN_BASE, len);
}

/* What nearly every segment carries, and nothing else: a timestamp, padded as
 * RFC 7323, appendix A, has it
 */
static bool only_timestamp(const __u8 *p, unsigned int len)
{
	return len == LINNET_OPTLEN_TIMESTAMP_ALIGNED &&
	       octets32(p) == (LINNET_OPT_NOP << 24 | LINNET_OPT_NOP << 16 |
			       LINNET_OPT_TIMESTAMP << 8 |
			       LINNET_OPTLEN_TIMESTAMP);
}

static void take_timestamp(const __u8 *p, struct linnet_options *opt)
{
	opt->timestamp = true;
	opt->tsval = octets32(p);
	opt->tsecr = octets32(p + 4);
}

/**
 * linnet_options_parse() - read the options of a segment
 * @p: first octet after the fixed header
 * @len: octets of options, as the data offset tells
 * @syn: the segment has SYN set; without it the options that belong on a SYN
 *       only are passed over
 * @opt: filled in; what is absent or ill-formed is zero, and of @cookie and
 *	@sack nothing is there beyond their lengths
 *
 * Unknown options are skipped by their length (RFC 9293, 3.1, MUST-6). An
 * option whose length does not fit ends the parse (MUST-7: no crash, no loop);
 * what came before it stands.  Any context.
 */
void linnet_options_parse(const __u8 *p, unsigned int len, bool syn,
			  struct linnet_options *opt)
{
	/* @cookie and @sack have lengths */
	memset(opt, 0, offsetof(struct linnet_options, cookie));
	if (only_timestamp(p, len)) {
		take_timestamp(p + 4, opt);
		return;
	}

	while (len) {
		unsigned int size;

		if (*p == LINNET_OPT_EOL)
			return;
		if (*p == LINNET_OPT_NOP) {
			p++;
			len--;
			continue;
		}
		if (len < 2)
			return;
		size = p[1];
		if (size < 2 || size > len)
			return;

		switch (*p) {
		case LINNET_OPT_MSS:
			if (size == LINNET_OPTLEN_MSS && syn)
				opt->mss = octets16(p + 2);
			break;
		case LINNET_OPT_WSCALE:
			if (size == LINNET_OPTLEN_WSCALE && syn) {
				opt->wscale_ok = true;
				/* RFC 7323, 2.3: more than 14 counts as 14 */
				opt->wscale = min_t(__u8, p[2],
						    LINNET_WSCALE_MAX);
			}
			break;
		case LINNET_OPT_SACK_PERMITTED:
			if (size == LINNET_OPTLEN_SACK_PERMITTED && syn)
				opt->sack_permitted = true;
			break;
		case LINNET_OPT_SACK:
			parse_sack(p, size, opt);
			break;
		case LINNET_OPT_TIMESTAMP:
			if (size == LINNET_OPTLEN_TIMESTAMP)
				take_timestamp(p + 2, opt);
			break;
		case LINNET_OPT_FASTOPEN:
			if (syn && !opt->fastopen)
				parse_fastopen(p, size, opt);
			break;
		}
		p += size;
		len -= size;
	}
}

/* SACK-permitted fits into the padding that a timestamp needs */
static unsigned int sack_permitted_len(const struct linnet_options *opt)
{
	return opt->sack_permitted && !opt->timestamp ? 4 : 0;
}

/**
 * linnet_options_len() - how many octets linnet_options_write() will write
 * @opt: the options
 *
 * Return: octets, a multiple of four.  More than %LINNET_OPTIONS_MAX means that
 * the caller asked for more than a segment holds.
 */
unsigned int linnet_options_len(const struct linnet_options *opt)
{
	unsigned int len = 0;

	if (opt->mss)
		len += LINNET_OPTLEN_MSS;
	if (opt->timestamp)
		len += LINNET_OPTLEN_TIMESTAMP_ALIGNED;
	len += sack_permitted_len(opt);
	if (opt->wscale_ok)
		len += 4;
	if (opt->n_sack)
		len += 4 + opt->n_sack * LINNET_OPTLEN_SACK_BLOCK;
	if (opt->fastopen)
		len += round_up(LINNET_OPTLEN_FASTOPEN_BASE + opt->cookie_len,
				4U);
	return len;
}

static unsigned int write_fastopen(const struct linnet_options *opt, __be32 *p)
{
	unsigned int len = LINNET_OPTLEN_FASTOPEN_BASE + opt->cookie_len;
	unsigned int whole = round_up(len, 4U);
	__u8 *octet = (__u8 *)p;

	octet[0] = LINNET_OPT_FASTOPEN;
	octet[1] = len;
	memcpy(octet + LINNET_OPTLEN_FASTOPEN_BASE, opt->cookie,
	       opt->cookie_len);
	memset(octet + len, LINNET_OPT_NOP, whole - len);
	return whole / sizeof(*p);
}

/**
 * linnet_options_write() - write the options of a segment
 * @opt: the options; linnet_options_len() of it must fit
 * @p: where to, 32-bit aligned
 *
 * The order and the padding are those of Linux TCP: MSS, SACK-permitted with
 * the timestamp, window scale, Fast Open; timestamp, SACK.
 *
 * Return: octets written, a multiple of four.
 */
unsigned int linnet_options_write(const struct linnet_options *opt, __be32 *p)
{
	__be32 *start = p;
	unsigned int i;

	if (opt->mss)
		*p++ = cpu_to_be32(LINNET_OPT_MSS << 24 |
				   LINNET_OPTLEN_MSS << 16 | opt->mss);
	if (opt->timestamp) {
		__u32 pad = opt->sack_permitted ?
			LINNET_OPT_SACK_PERMITTED << 24 |
			LINNET_OPTLEN_SACK_PERMITTED << 16 :
			LINNET_OPT_NOP << 24 | LINNET_OPT_NOP << 16;

		*p++ = cpu_to_be32(pad | LINNET_OPT_TIMESTAMP << 8 |
				   LINNET_OPTLEN_TIMESTAMP);
		*p++ = cpu_to_be32(opt->tsval);
		*p++ = cpu_to_be32(opt->tsecr);
	}
	if (sack_permitted_len(opt))
		*p++ = cpu_to_be32(LINNET_OPT_NOP << 24 | LINNET_OPT_NOP << 16 |
				   LINNET_OPT_SACK_PERMITTED << 8 |
				   LINNET_OPTLEN_SACK_PERMITTED);
	if (opt->wscale_ok)
		*p++ = cpu_to_be32(LINNET_OPT_NOP << 24 |
				   LINNET_OPT_WSCALE << 16 |
				   LINNET_OPTLEN_WSCALE << 8 | opt->wscale);
	if (opt->n_sack) {
		*p++ = cpu_to_be32(LINNET_OPT_NOP << 24 | LINNET_OPT_NOP << 16 |
				   LINNET_OPT_SACK << 8 |
				   (LINNET_OPTLEN_SACK_BASE + opt->n_sack *
				    LINNET_OPTLEN_SACK_BLOCK));
		for (i = 0; i < opt->n_sack; i++) {
			*p++ = cpu_to_be32(opt->sack[i].start);
			*p++ = cpu_to_be32(opt->sack[i].end);
		}
	}
	if (opt->fastopen)
		p += write_fastopen(opt, p);
	return (p - start) * sizeof(*p);
}
