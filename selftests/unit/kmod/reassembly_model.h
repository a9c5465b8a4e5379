/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The out-of-order queue beside a simple model of it, for the unit test and the
 * fuzzer. The model counts units of the stream from 0 and never wraps; unit u
 * has the sequence number isn + u * scale.
 */
#ifndef REASSEMBLY_MODEL_H
#define REASSEMBLY_MODEL_H

#include "reassembly.h"
#include "skb.h"

#define MODEL_UNITS	1024	/* length of a stream, its FIN counted */
#define MODEL_BLOCKS	LINNET_SACK_BLOCKS_MAX

struct model_range {
	int	from, to;
};

struct model_buffer {
	struct model_range	at;
	struct sk_buff		*skb;
};

/**
 * struct model - a receiver
 * @r: what is tested
 * @isn: sequence number of unit 0
 * @scale: sequence numbers a unit; @length of them stay below 2^31
 * @length: units of the stream; the last one is the FIN
 * @next: RCV.NXT
 * @held: buffers in the queue, by their start
 * @n_held: entries in @held
 * @alive: buffers that exist
 * @touched: when a unit that is held arrived last
 * @arrivals: times that a unit has arrived
 * @clock: arrivals so far
 * @newest: what arrived last and is held; empty: nothing
 * @dsack: the DSACK that is to be told; empty: none
 * @evicted: there were more ranges than the queue can remember
 * @error: what was wrong first; empty: nothing
 */
struct model {
	struct linnet_reassembly	r;
	__u32				isn, scale;
	int				length, next;
	struct model_buffer		held[MODEL_UNITS];
	int				n_held, alive;
	unsigned int			touched[MODEL_UNITS];
	unsigned int			arrivals[MODEL_UNITS];
	unsigned int			clock;
	struct model_range		newest, dsack;
	bool				evicted;
	char				error[160];
};

void model_start(struct model *m, __u32 isn, __u32 scale, int length);
void model_arrive(struct model *m, int from, int to);
void model_prune(struct model *m);
int model_tell(struct model *m, unsigned int room, struct linnet_block *out);
void model_end(struct model *m);

#endif /* REASSEMBLY_MODEL_H */
