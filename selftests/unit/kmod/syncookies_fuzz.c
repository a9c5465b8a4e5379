// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libFuzzer: any numbers as hashes, sequence numbers and times. What is read
 * from a cookie or a timestamp can be written, and gives the same again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "syncookies.h"

#define MUST(what)	do { if (!(what)) abort(); } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct { __u32 cookie, hash, count_hash, seq, now, ts; } in;
	struct linnet_options opt;
	__u32 count, index, back;
	bool ecn, fits;

	if (size < sizeof(in))
		return 0;
	memcpy(&in, data, sizeof(in));
	if (linnet_cookie_count(in.cookie, in.hash, in.seq, in.now, &count)) {
		MUST(in.now - count < LINNET_COOKIE_AGE);
		index = linnet_cookie_index(in.cookie, in.hash, in.count_hash, in.seq);
		MUST(index <= LINNET_COOKIE_MASK);
		back = linnet_cookie_make(in.hash, in.count_hash, in.seq, count, index);
		MUST(back == in.cookie);
		if (index < LINNET_COOKIE_MSS) {
			__u16 mss = linnet_cookie_mss(index, in.now & 1);

			MUST(linnet_cookie_mss_index(mss, in.now & 1) == index);
		}
	}
	memset(&opt, 0xa5, sizeof(opt));
	fits = linnet_cookie_options(in.ts, &opt, &ecn);
	MUST(fits && opt.wscale <= LINNET_WSCALE_MAX);
	MUST(opt.wscale_ok || !opt.wscale);
	back = linnet_cookie_tsval(in.now, &opt, ecn);
	MUST(in.now - back <= LINNET_COOKIE_TS_MASK);
	MUST((back & LINNET_COOKIE_TS_MASK) == (in.ts & LINNET_COOKIE_TS_MASK));
	return 0;
}
