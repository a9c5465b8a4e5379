// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libFuzzer: any numbers for the arithmetic of windows, round trips, RACK and
 * PRR. What a peer can choose must not break what the RFCs promise.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "flow.h"
#include "prr.h"
#include "rack.h"
#include "rtt.h"

#define MUST(what)	do { if (!(what)) abort(); } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct numbers {
	__u32	a, b, c, d, e, f;
	__u8	g, h;
};

static void windows(const struct numbers *in)
{
	struct linnet_window w = {
		/* as a socket can have them */
		.offered = in->a >> 2,
		.told = (in->a >> 2) + in->h,
		.free = in->b >> 2,
		.allowed = in->c >> 2,
		.full = in->c >> 2 >> (in->h & 1),
		.limit = in->f >> 2,
		.mss = in->d & 0xffff,
		.wscale = in->g % (LINNET_WSCALE_MAX + 1),
	};
	__u32 unit = 1U << w.wscale, window;

	window = linnet_window_select(&w);
	/* never taken back (RFC 9293, SHLD-14); what is told can be written */
	MUST(window >= w.offered);
	MUST(window % unit == 0 || !w.wscale);
	MUST(window <= (w.free > w.offered ? w.free : w.offered) + unit);
	MUST(linnet_wscale_for(in->a) <= LINNET_WSCALE_MAX);
	MUST(linnet_window_by_ratio((int)in->a, in->g) >= 0);
	/* all that lies in the window is acceptable, nothing far from it is */
	if (in->b < 1U << 30 && in->b) {
		MUST(linnet_segment_acceptable(in->a, in->a + 1, in->a, in->b));
		MUST(!linnet_segment_acceptable(in->a + in->b, in->a + in->b + 1,
						in->a, in->b));
		MUST(!linnet_segment_acceptable(in->a - 2, in->a - 1, in->a, in->b));
	}
}

static void round_trips(const __u8 *data, size_t size)
{
	struct linnet_rtt rtt = {};
	__u32 una = 0;

	for (; size >= 4; data += 4, size -= 4) {
		__u32 sample, rto;

		memcpy(&sample, data, 4);
		una += data[0] << 4;
		linnet_rtt_sample(&rtt, sample, una, una + data[1], LINNET_RTO_MIN_US);
		rto = linnet_rtt_rto(&rtt, LINNET_RTO_MAX_US);
		MUST(rtt.srtt_us);
		MUST(rto >= LINNET_RTO_MIN_US && rto <= LINNET_RTO_MAX_US);
		MUST(linnet_rto_backoff(rto, data[2], LINNET_RTO_MAX_US) >= rto);
		MUST(linnet_rto_backoff(rto, data[2], LINNET_RTO_MAX_US) <= LINNET_RTO_MAX_US);
	}
}

static void recovery(const struct numbers *in)
{
	/* segments: no window has more */
	__u32 in_flight = in->a % 65536, ssthresh = in->b % 65536, prior = in->c % 65536;
	__u32 prr_delivered = in->d % 65536, out = in->e % 65536;
	__u32 delivered = prr_delivered ? in->f % (prr_delivered + 1) : 0;
	__u32 sndcnt = linnet_prr_sndcnt(in_flight, ssthresh, prior, delivered, prr_delivered,
					 out, in->g & 1, in->g & 2);

	MUST((__s32)sndcnt >= 0);
	/* below the threshold never past it; above it never more than is due */
	if (in_flight <= ssthresh)
		MUST(sndcnt <= ssthresh - in_flight || (in->g & 2 && sndcnt == 1));
	else
		MUST(sndcnt <= (__u64)prr_delivered * ssthresh + 1);
	MUST(linnet_rack_reo_wnd(in->a, in->b, in->h, in->g & 1, in->g & 2) <= in->b);
	MUST(!(linnet_rack_sent_after(in->a, in->b, in->c, in->d) &&
	       linnet_rack_sent_after(in->c, in->d, in->a, in->b)) || in->b - in->d == 1U << 31);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct numbers in;

	round_trips(data, size);
	if (size < sizeof(in))
		return 0;
	memcpy(&in, data, sizeof(in));
	windows(&in);
	recovery(&in);
	return 0;
}
