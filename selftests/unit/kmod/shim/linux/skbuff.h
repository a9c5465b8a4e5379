/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the pure files use of the kernel's <linux/skbuff.h>. As there, the node
 * of a tree and the links of a list share their place: a buffer is in one only.
 */
#ifndef SHIM_LINUX_SKBUFF_H
#define SHIM_LINUX_SKBUFF_H

#include <linux/rbtree.h>
#include <linux/types.h>

struct sk_buff {
	union {
		struct {
			struct sk_buff	*next;
			struct sk_buff	*prev;
		};
		struct rb_node	rbnode;
	};
	char		cb[48] __attribute__((aligned(8)));
	unsigned int	len;
	unsigned char	*data;
};

/* Begins as a buffer does: the head of the ring */
struct sk_buff_head {
	struct sk_buff	*next;
	struct sk_buff	*prev;
	__u32		qlen;
};

#define rb_to_skb(rb)	rb_entry(rb, struct sk_buff, rbnode)

static inline void __skb_queue_head_init(struct sk_buff_head *list)
{
	list->next = (struct sk_buff *)list;
	list->prev = (struct sk_buff *)list;
	list->qlen = 0;
}

static inline void __skb_queue_tail(struct sk_buff_head *list, struct sk_buff *skb)
{
	skb->next = (struct sk_buff *)list;
	skb->prev = list->prev;
	list->prev->next = skb;
	list->prev = skb;
	list->qlen++;
}

static inline struct sk_buff *__skb_dequeue(struct sk_buff_head *list)
{
	struct sk_buff *skb = list->next;

	if (skb == (struct sk_buff *)list)
		return NULL;
	list->next = skb->next;
	skb->next->prev = (struct sk_buff *)list;
	list->qlen--;
	skb->next = NULL;
	skb->prev = NULL;
	return skb;
}

#endif /* SHIM_LINUX_SKBUFF_H */
