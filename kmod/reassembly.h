/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The out-of-order queue and its SACK blocks: the offer of reassembly.c */
#ifndef _LINNET_REASSEMBLY_H
#define _LINNET_REASSEMBLY_H

#include <linux/rbtree.h>
#include <linux/skbuff.h>

#include "wire.h"

/**
 * struct linnet_reassembly - segments that came before their turn
 * @queue: buffers by sequence number; no buffer lies wholly within another
 * @last: the buffer with the highest sequence number, where most are added
 * @bytes: sequence space that @queue covers, gaps not counted, overlaps twice
 * @dsack: what arrived twice (RFC 2883), told in the next ACK; empty: nothing
 * @recent: contiguous ranges in @queue, the one last added to first
 *	(RFC 2018, 4)
 * @n_recent: entries in @recent
 *
 *                RCV.NXT
 *   ... delivered | gap |  [buffer][buffer]  | gap |  [buffer]
 *                           recent[1]                 recent[0]
 */
struct linnet_reassembly {
	struct rb_root		queue;
	struct sk_buff		*last;
	__u32			bytes;
	struct linnet_block	dsack;
	struct linnet_block	recent[LINNET_SACK_BLOCKS_MAX];
	__u8			n_recent;
};

void linnet_reassembly_init(struct linnet_reassembly *r);
bool linnet_reassembly_insert(struct linnet_reassembly *r, struct sk_buff *skb,
			      struct sk_buff_head *covered);
struct sk_buff *linnet_reassembly_next(struct linnet_reassembly *r,
				       __u32 rcv_nxt);
struct sk_buff *linnet_reassembly_prune(struct linnet_reassembly *r);
void linnet_reassembly_advance(struct linnet_reassembly *r, __u32 rcv_nxt);
void linnet_reassembly_duplicate(struct linnet_reassembly *r, __u32 start,
				 __u32 end);
unsigned int linnet_reassembly_blocks(struct linnet_reassembly *r,
				      struct linnet_block *out,
				      unsigned int room);

/**
 * linnet_reassembly_told() - blocks that linnet_reassembly_blocks() would give
 * @r: the queue
 */
static inline unsigned int
linnet_reassembly_told(const struct linnet_reassembly *r)
{
	return r->n_recent + (r->dsack.start != r->dsack.end);
}

bool linnet_reassembly_touches(const struct linnet_reassembly *r, __u32 start,
			       __u32 end, unsigned int n);
void linnet_reassembly_extend(struct linnet_reassembly *r, __u32 end);
struct sk_buff *linnet_reassembly_first(const struct linnet_reassembly *r);
struct sk_buff *linnet_reassembly_after(const struct sk_buff *skb);
struct sk_buff *linnet_reassembly_run_end(struct sk_buff *first, __u32 *start,
					  __u32 *end);
void linnet_reassembly_take_run(struct linnet_reassembly *r,
				struct sk_buff *first, struct sk_buff *after,
				struct sk_buff_head *run);
void linnet_reassembly_put_run(struct linnet_reassembly *r,
			       struct sk_buff_head *run);

static inline bool linnet_reassembly_empty(const struct linnet_reassembly *r)
{
	return !r->last;
}

#endif /* _LINNET_REASSEMBLY_H */
