// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a peer may cost without getting anything done (RFC 9113, 10.5).
 *
 * Frames that only keep the server busy - PING, SETTINGS, PRIORITY, WINDOW_UPDATE,
 * empty DATA - cost tokens.  Content in either direction and requests earn tokens, so
 * that the frames that go with real work are free, and some more come back in time.
 * Streams that are reset, by the peer or for its fault, have tokens of their own.  A
 * peer without tokens gets GOAWAY with ENHANCE_YOUR_CALM.
 */
#include "http2-internal.h"

/* Of resets: a page that is left while it loads.  Continuations: CVE-2024-28182; beside these
 * there is the limit of a header's size.
 */
static const struct http2_limits defaults = {
	.resets = 200, .resets_per_second = 50,
	.idle_frames = 2000, .idle_frames_per_second = 200,
	.continuations = 8,
};
/* Octets of content that earn a token: a WINDOW_UPDATE after each DATA frame is usual. */
#define OCTETS_PER_TOKEN	100
#define TOKENS_PER_REQUEST	4

static unsigned int chosen(unsigned int limit, unsigned int by_default)
{
	return limit ? limit : by_default;
}

/**
 * http2_max_continuations() - CONTINUATION frames that a header may have
 * @h: the connection
 */
unsigned int http2_max_continuations(const struct http2 *h)
{
	return chosen(h->service->limits.http2.continuations, defaults.continuations);
}

static void earn(struct http2_budget *b, int64_t thousandths)
{
	b->spent -= thousandths;
	if (b->spent < 0)
		b->spent = 0;
}

static bool spend(struct http2_budget *b, uint64_t now, unsigned int tokens, int64_t at_once,
		  int64_t per_second)
{
	/* One a second is one thousandth a millisecond. */
	earn(b, (now - b->at) * per_second);
	b->at = now;
	b->spent += 1000 * (int64_t)tokens;
	return b->spent <= 1000 * at_once;
}

static void spend_frames(struct http2 *h, unsigned int tokens)
{
	const struct http2_limits *l = &h->service->limits.http2;

	if (!spend(&h->frames, ln_conn_now(h->c), tokens,
		   chosen(l->idle_frames, defaults.idle_frames),
		   chosen(l->idle_frames_per_second, defaults.idle_frames_per_second)))
		http2_terminate(h, NGHTTP2_ENHANCE_YOUR_CALM, "too many frames that do nothing");
}

/**
 * http2_budget_frame() - a frame arrives
 * @h: the connection
 * @hd: the frame's header
 */
void http2_budget_frame(struct http2 *h, const nghttp2_frame_hd *hd)
{
	switch (hd->type) {
	case NGHTTP2_DATA:
	case NGHTTP2_PRIORITY:
	case NGHTTP2_PRIORITY_UPDATE:
	case NGHTTP2_WINDOW_UPDATE:
		spend_frames(h, 1);
		break;
	case NGHTTP2_PING:
		spend_frames(h, 4);
		break;
	case NGHTTP2_SETTINGS:
	case NGHTTP2_GOAWAY:
		spend_frames(h, 8);
		break;
	}
}

/**
 * http2_budget_reset() - a stream was reset, by the peer or for what it did
 * @h: the connection
 *
 * CVE-2023-44487 is about the first, CVE-2025-8671 about the second.
 */
void http2_budget_reset(struct http2 *h)
{
	const struct http2_limits *l = &h->service->limits.http2;

	if (!spend(&h->resets, ln_conn_now(h->c), 1, chosen(l->resets, defaults.resets),
		   chosen(l->resets_per_second, defaults.resets_per_second)))
		http2_terminate(h, NGHTTP2_ENHANCE_YOUR_CALM, "too many streams reset");
}

/**
 * http2_budget_content() - content arrived or was sent
 * @h: the connection
 * @len: octets
 * @small: there would have been more, but the peer's window was so small
 */
void http2_budget_content(struct http2 *h, size_t len, bool small)
{
	earn(&h->frames, 1000 * (int64_t)len / OCTETS_PER_TOKEN);
	if (small)
		spend_frames(h, 1);
}

/**
 * http2_budget_request() - a request arrived
 * @h: the connection
 */
void http2_budget_request(struct http2 *h)
{
	earn(&h->frames, 1000 * TOKENS_PER_REQUEST);
}
