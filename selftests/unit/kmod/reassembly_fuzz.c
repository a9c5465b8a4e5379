// SPDX-License-Identifier: GPL-2.0-or-later
/* libFuzzer: octets as segments, ACKs and shortages of memory, beside the model */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "reassembly_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const __u32 isns[] = { 0, 0x7fffffc0, 0xffffffc0, 0x80000000 };
	static const __u32 scales[] = { 1, 1448, 65535, 0x7fffff };
	static struct model m;

	if (size < 2)
		return 0;
	model_start(&m, isns[data[0] & 3] - data[1], scales[data[0] >> 2 & 3], 255);
	/* Two octets a step: what, and where */
	for (size_t i = 2; i + 1 < size && !m.error[0]; i += 2) {
		struct linnet_block out[MODEL_BLOCKS];
		int length = 1 + (data[i] & 0x1f), from = data[i + 1];

		switch (data[i] >> 5) {
		case 0:
			model_tell(&m, data[i] % (MODEL_BLOCKS + 1), out);
			break;
		case 1:
			model_prune(&m);
			break;
		case 2:	/* in order */
			from = m.next;
			/* fall through */
		default:
			if (from < m.length)
				model_arrive(&m, from, from + length < m.length ? from + length :
									m.length);
			break;
		}
	}
	if (!m.error[0])
		model_end(&m);
	if (m.error[0]) {
		fprintf(stderr, "%s\n", m.error);
		abort();
	}
	return 0;
}
