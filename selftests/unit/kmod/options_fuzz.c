// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libFuzzer: any octets as options. What is read can be written and read again
 * with the same result.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"

#define MUST(what)	do { if (!(what)) abort(); } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct linnet_options opt, back;
	__be32 octets[(LINNET_OPTIONS_MAX + 64) / 4];
	unsigned int len;
	bool syn;

	if (!size)
		return 0;
	syn = data[0] & 1;
	memset(&opt, 0xa5, sizeof(opt));
	linnet_options_parse(data + 1, size - 1, syn, &opt);

	MUST(opt.n_sack <= LINNET_SACK_BLOCKS_MAX && opt.wscale <= LINNET_WSCALE_MAX);
	MUST(syn || (!opt.mss && !opt.wscale_ok && !opt.sack_permitted && !opt.fastopen));
	MUST(opt.wscale_ok || !opt.wscale);
	MUST(opt.cookie_len <= LINNET_FASTOPEN_COOKIE_MAX && !(opt.cookie_len & 1));
	MUST(opt.fastopen || !opt.cookie_len);
	MUST(opt.timestamp || (!opt.tsval && !opt.tsecr));

	len = linnet_options_len(&opt);
	MUST(len % 4 == 0 && len <= sizeof(octets));
	MUST(linnet_options_write(&opt, octets) == len);
	memset(&back, 0x5a, sizeof(back));
	linnet_options_parse((const __u8 *)octets, len, syn, &back);
	MUST(opt.mss == back.mss && opt.wscale_ok == back.wscale_ok &&
	     opt.wscale == back.wscale && opt.sack_permitted == back.sack_permitted &&
	     opt.fastopen == back.fastopen && opt.cookie_len == back.cookie_len &&
	     !memcmp(opt.cookie, back.cookie, opt.cookie_len) &&
	     opt.timestamp == back.timestamp && opt.tsval == back.tsval &&
	     opt.tsecr == back.tsecr && opt.n_sack == back.n_sack &&
	     !memcmp(opt.sack, back.sack, opt.n_sack * sizeof(*opt.sack)));
	return 0;
}
