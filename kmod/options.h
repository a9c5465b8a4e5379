/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Options of a segment, parsed and to be written: the offer of options.c */
#ifndef _LINNET_OPTIONS_H
#define _LINNET_OPTIONS_H

#include "wire.h"

/**
 * struct linnet_options - the options of one segment
 * @mss: maximum segment size in bytes, 0 if the option is absent (SYN only)
 * @wscale: window scale shift (SYN only), valid with @wscale_ok
 * @n_sack: number of entries in @sack, 0 if the option is absent
 * @wscale_ok: the window scale option is present
 * @sack_permitted: the SACK-permitted option is present (SYN only)
 * @timestamp: the timestamp option is present
 * @fastopen: the Fast Open option is present (SYN only)
 * @cookie_len: octets of @cookie; 0: the peer asks for one
 * @tsval: TSval, host order
 * @tsecr: TSecr, host order
 * @cookie: Fast Open cookie
 * @sack: SACK blocks in the order of the segment, host order
 */
struct linnet_options {
	__u16	mss;
	__u8	wscale;
	__u8	n_sack;
	bool	wscale_ok;
	bool	sack_permitted;
	bool	timestamp;
	bool	fastopen;
	__u8	cookie_len;
	__u32	tsval;
	__u32	tsecr;
	__u8	cookie[LINNET_FASTOPEN_COOKIE_MAX];
	struct linnet_block sack[LINNET_SACK_BLOCKS_MAX];
};

void linnet_options_parse(const __u8 *p, unsigned int len, bool syn,
			  struct linnet_options *opt);
unsigned int linnet_options_len(const struct linnet_options *opt);
unsigned int linnet_options_write(const struct linnet_options *opt, __be32 *p);

#endif /* _LINNET_OPTIONS_H */
