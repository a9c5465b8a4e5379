// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Buffers: clones that share their data, fragments in pages, and the rest of
 * what the kernel's skbuff.c offers as far as Linnet uses it. Written for
 * clearness, not speed; memory is accounted for as the kernel does.
 */
#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <linux/uio.h>
#include <net/checksum.h>
#include <net/dst.h>
#include <net/sock.h>

#include "kernel.h"

#define FREED	((void *)0x2530UL)

/* --- allocation --- */

/* What kmalloc() would have given for a head */
static unsigned int head_size(unsigned int size)
{
	return roundup_pow_of_two(SKB_HEAD_ALIGN(size));
}

static u8 *head_alloc(unsigned int size, gfp_t gfp)
{
	u8 *head;

	if (memory_fails(gfp))
		return NULL;
	memory_count.slab++;
	head = malloc(SKB_HEAD_ALIGN(size));
	memset(head + SKB_DATA_ALIGN(size), 0,
	       offsetof(struct skb_shared_info, dataref));
	atomic_set(&((struct skb_shared_info *)
		     (head + SKB_DATA_ALIGN(size)))->dataref, 1);
	return head;
}

static void head_free(u8 *head)
{
	memory_count.slab--;
	free(head);
}

struct sk_buff *__alloc_skb(unsigned int size, gfp_t gfp, int flags, int node)
{
	struct sk_buff_fclones *pair;
	struct sk_buff *skb;
	u8 *head = head_alloc(size, gfp);

	if (!head)
		return NULL;
	memory_count.buffers++;
	if (flags & SKB_ALLOC_FCLONE) {
		pair = calloc(1, sizeof(*pair));
		skb = &pair->skb1;
		skb->fclone = SKB_FCLONE_ORIG;
		refcount_set(&pair->fclone_ref, 1);
	} else {
		skb = calloc(1, sizeof(*skb));
	}
	skb->head = skb->data = head;
	skb_reset_tail_pointer(skb);
	skb_set_end_offset(skb, SKB_DATA_ALIGN(size));
	skb->mac_header = (typeof(skb->mac_header))~0U;
	skb->transport_header = (typeof(skb->transport_header))~0U;
	skb->truesize = SKB_TRUESIZE(SKB_WITH_OVERHEAD(head_size(size)));
	refcount_set(&skb->users, 1);
	return skb;
}

static void free_struct(struct sk_buff *skb)
{
	struct sk_buff_fclones *pair;

	memory_count.buffers--;
	switch (skb->fclone) {
	case SKB_FCLONE_UNAVAILABLE:
		free(skb);
		return;
	case SKB_FCLONE_ORIG:
		pair = container_of(skb, struct sk_buff_fclones, skb1);
		break;
	default:
		pair = container_of(skb, struct sk_buff_fclones, skb2);
		break;
	}
	if (refcount_dec_and_test(&pair->fclone_ref))
		free(pair);
}

static void release_data(struct sk_buff *skb)
{
	struct skb_shared_info *info = skb_shinfo(skb);
	int i;

	if (skb->cloned &&
	    atomic_sub_return(skb->nohdr ? (1 << SKB_DATAREF_SHIFT) + 1 : 1,
			      &info->dataref))
		return;
	for (i = 0; i < info->nr_frags; i++)
		put_page(skb_frag_page(&info->frags[i]));
	SIM_MUST(!info->frag_list, "a list of fragments is not simulated");
	head_free(skb->head);
}

void __kfree_skb(struct sk_buff *skb)
{
	skb_dst_drop(skb);
	if (skb->destructor)
		skb->destructor(skb);
	release_data(skb);
	skb->head = FREED;
	free_struct(skb);
}

void kfree_skb_reason(struct sk_buff *skb, enum skb_drop_reason reason)
{
	if (skb && skb_unref(skb))
		__kfree_skb(skb);
}

void __consume_stateless_skb(struct sk_buff *skb)
{
	__kfree_skb(skb);
}

void kfree_skb_list_reason(struct sk_buff *skb, enum skb_drop_reason reason)
{
	while (skb) {
		struct sk_buff *next = skb->next;

		kfree_skb_reason(skb, reason);
		skb = next;
	}
}

void skb_queue_purge(struct sk_buff_head *list)
{
	struct sk_buff *skb;

	while ((skb = __skb_dequeue(list)))
		kfree_skb(skb);
}

struct sk_buff *skb_dequeue(struct sk_buff_head *list)
{
	return __skb_dequeue(list);
}

void skb_queue_tail(struct sk_buff_head *list, struct sk_buff *skb)
{
	__skb_queue_tail(list, skb);
}

/* A buffer whose head another has taken over */
void kfree_skb_partial(struct sk_buff *skb, bool head_stolen)
{
	if (!head_stolen) {
		__kfree_skb(skb);
		return;
	}
	skb_dst_drop(skb);
	if (skb->destructor)
		skb->destructor(skb);
	skb->head = FREED;
	free_struct(skb);
}

/* --- copies --- */

static void as_new(struct sk_buff *n, const struct sk_buff *skb)
{
	n->next = NULL;
	n->prev = NULL;
	n->sk = NULL;
	n->destructor = NULL;
	n->peeked = 0;
	n->queue_mapping = 0;
	if (skb_dst(skb))
		skb_dst_set(n, dst_clone(skb_dst(skb)));
	else
		n->_skb_refdst = 0;
	refcount_set(&n->users, 1);
}

struct sk_buff *skb_clone(struct sk_buff *skb, gfp_t gfp)
{
	struct sk_buff_fclones *pair =
		container_of(skb, struct sk_buff_fclones, skb1);
	struct sk_buff *n;
	u8 fclone;

	if (memory_fails(gfp))
		return NULL;
	memory_count.buffers++;
	if (skb->fclone == SKB_FCLONE_ORIG &&
	    refcount_read(&pair->fclone_ref) == 1) {
		n = &pair->skb2;
		refcount_set(&pair->fclone_ref, 2);
		fclone = SKB_FCLONE_CLONE;
	} else {
		n = malloc(sizeof(*n));
		fclone = SKB_FCLONE_UNAVAILABLE;
	}
	memcpy(n, skb, sizeof(*n));
	n->fclone = fclone;
	as_new(n, skb);
	n->hdr_len = skb->nohdr ? skb_headroom(skb) : skb->hdr_len;
	n->cloned = 1;
	n->nohdr = 0;
	skb->cloned = 1;
	atomic_inc(&skb_shinfo(skb)->dataref);
	return n;
}

static void share_frags(struct sk_buff *to, const struct sk_buff *from)
{
	int i;

	for (i = 0; i < skb_shinfo(from)->nr_frags; i++) {
		skb_shinfo(to)->frags[i] = skb_shinfo(from)->frags[i];
		get_page(skb_frag_page(&skb_shinfo(to)->frags[i]));
	}
	skb_shinfo(to)->nr_frags = i;
}

static void move_offsets(struct sk_buff *skb, int by)
{
	if (skb_transport_header_was_set(skb))
		skb->transport_header += by;
	skb->network_header += by;
	if (skb_mac_header_was_set(skb))
		skb->mac_header += by;
	if (skb->ip_summed == CHECKSUM_PARTIAL)
		skb->csum_start += by;
}

/* The linear part is copied, the fragments are shared */
struct sk_buff *__pskb_copy_fclone(struct sk_buff *skb, int headroom,
				   gfp_t gfp, bool fclone)
{
	unsigned int size = skb_headlen(skb) + headroom, end, truesize;
	struct sk_buff *n = __alloc_skb(size, gfp, fclone ? SKB_ALLOC_FCLONE : 0,
					NUMA_NO_NODE);
	u8 *head;

	if (!n)
		return NULL;
	head = n->head;
	end = skb_end_offset(n);
	truesize = n->truesize;
	fclone = n->fclone == SKB_FCLONE_ORIG;
	memcpy(n, skb, sizeof(*n));
	n->fclone = fclone ? SKB_FCLONE_ORIG : SKB_FCLONE_UNAVAILABLE;
	as_new(n, skb);
	n->cloned = 0;
	n->nohdr = 0;
	n->head_frag = 0;
	n->hdr_len = 0;
	n->head = head;
	n->data = head + headroom;
	skb_reset_tail_pointer(n);
	skb_set_end_offset(n, end);
	n->tail += skb_headlen(skb);
	memcpy(n->data, skb->data, skb_headlen(skb));
	move_offsets(n, headroom - skb_headroom(skb));
	n->truesize = truesize + skb->data_len;
	share_frags(n, skb);
	skb_shinfo(n)->gso_size = skb_shinfo(skb)->gso_size;
	skb_shinfo(n)->gso_segs = skb_shinfo(skb)->gso_segs;
	skb_shinfo(n)->gso_type = skb_shinfo(skb)->gso_type;
	return n;
}

struct sk_buff *skb_copy(const struct sk_buff *skb, gfp_t gfp)
{
	struct sk_buff *n = __pskb_copy_fclone((struct sk_buff *)skb,
					       skb_headroom(skb), gfp, false);

	if (n && skb_linearize(n)) {
		kfree_skb(n);
		return NULL;
	}
	return n;
}

int pskb_expand_head(struct sk_buff *skb, int nhead, int ntail, gfp_t gfp)
{
	unsigned int old = skb_end_offset(skb), size = old + nhead + ntail;
	u8 *head;

	BUG_ON(nhead < 0);
	BUG_ON(skb_shared(skb));
	head = head_alloc(size, gfp);
	if (!head)
		return -ENOMEM;
	memcpy(head + nhead, skb->head, skb_tail_pointer(skb) - skb->head);
	memcpy(head + SKB_DATA_ALIGN(size), skb_shinfo(skb),
	       offsetof(struct skb_shared_info, dataref));
	memcpy(((struct skb_shared_info *)(head + SKB_DATA_ALIGN(size)))->frags,
	       skb_shinfo(skb)->frags,
	       skb_shinfo(skb)->nr_frags * sizeof(skb_frag_t));
	if (skb_cloned(skb)) {
		int i;

		for (i = 0; i < skb_shinfo(skb)->nr_frags; i++)
			get_page(skb_frag_page(&skb_shinfo(skb)->frags[i]));
		release_data(skb);
	} else {
		head_free(skb->head);
	}
	skb->data += head + nhead - skb->head;
	skb->head = head;
	skb->head_frag = 0;
	skb_set_end_offset(skb, SKB_DATA_ALIGN(size));
	skb->tail += nhead;
	move_offsets(skb, nhead);
	skb->cloned = 0;
	skb->hdr_len = 0;
	skb->nohdr = 0;
	/* the owner counts what it knows of */
	if (!skb->sk || skb->destructor == sock_rfree) {
		unsigned int now = head_size(size), was = head_size(old);

		if (!skb->sk)
			skb->truesize += (int)now - (int)was;
	}
	return 0;
}

int __skb_unclone_keeptruesize(struct sk_buff *skb, gfp_t gfp)
{
	unsigned int truesize = skb->truesize;
	int err = pskb_expand_head(skb, 0, 0, gfp);

	skb->truesize = truesize;
	return err;
}

/* --- what is in them --- */

void *skb_put(struct sk_buff *skb, unsigned int len)
{
	void *p = skb_tail_pointer(skb);

	BUG_ON(skb_is_nonlinear(skb));
	skb->tail += len;
	skb->len += len;
	BUG_ON(skb->tail > skb->end);
	return p;
}

void *skb_push(struct sk_buff *skb, unsigned int len)
{
	skb->data -= len;
	skb->len += len;
	BUG_ON(skb->data < skb->head);
	return skb->data;
}

void *skb_pull(struct sk_buff *skb, unsigned int len)
{
	return skb_pull_inline(skb, len);
}

void skb_add_rx_frag(struct sk_buff *skb, int i, struct page *page, int off,
		     int size, unsigned int truesize)
{
	skb_fill_page_desc(skb, i, page, off, size);
	skb->len += size;
	skb->data_len += size;
	skb->truesize += truesize;
}

int skb_copy_bits(const struct sk_buff *skb, int offset, void *to, int len)
{
	int head = skb_headlen(skb), i, n;

	if (offset < 0 || len < 0 || offset + len > (int)skb->len)
		return -EFAULT;
	n = min(head - offset, len);
	if (n > 0) {
		memcpy(to, skb->data + offset, n);
		to += n;
		offset += n;
		len -= n;
	}
	offset -= head;
	for (i = 0; len && i < skb_shinfo(skb)->nr_frags; i++) {
		const skb_frag_t *frag = &skb_shinfo(skb)->frags[i];
		int size = skb_frag_size(frag);

		if (offset < size) {
			n = min(size - offset, len);
			memcpy(to, skb_frag_address(frag) + offset, n);
			to += n;
			len -= n;
			offset += n;
		}
		offset -= size;
	}
	return 0;
}

/* Drop @len octets from the beginning of the fragments */
static void eat_frags(struct sk_buff *skb, unsigned int len)
{
	struct skb_shared_info *info = skb_shinfo(skb);
	int i, kept = 0;

	for (i = 0; i < info->nr_frags; i++) {
		skb_frag_t *frag = &info->frags[i];

		if (len >= skb_frag_size(frag)) {
			len -= skb_frag_size(frag);
			put_page(skb_frag_page(frag));
			continue;
		}
		skb_frag_off_add(frag, len);
		skb_frag_size_sub(frag, len);
		len = 0;
		info->frags[kept++] = *frag;
	}
	info->nr_frags = kept;
}

void *__pskb_pull_tail(struct sk_buff *skb, int delta)
{
	int eat = skb->tail + delta - skb->end;

	if (eat > 0 || skb_cloned(skb))
		if (pskb_expand_head(skb, 0, eat > 0 ? eat + 128 : 0,
				     GFP_ATOMIC))
			return NULL;
	BUG_ON(skb_copy_bits(skb, skb_headlen(skb), skb_tail_pointer(skb),
			     delta));
	eat_frags(skb, delta);
	skb->tail += delta;
	skb->data_len -= delta;
	return skb_tail_pointer(skb);
}

int ___pskb_trim(struct sk_buff *skb, unsigned int len)
{
	struct skb_shared_info *info;
	unsigned int at;
	int i, err;

	if (skb_cloned(skb)) {
		err = pskb_expand_head(skb, 0, 0, GFP_ATOMIC);
		if (err)
			return err;
	}
	info = skb_shinfo(skb);
	at = skb_headlen(skb);
	if (len <= at) {
		for (i = 0; i < info->nr_frags; i++)
			put_page(skb_frag_page(&info->frags[i]));
		info->nr_frags = 0;
		skb->data_len = 0;
		skb->len = len;
		skb_set_tail_pointer(skb, len);
		return 0;
	}
	for (i = 0; i < info->nr_frags; i++) {
		unsigned int size = skb_frag_size(&info->frags[i]);

		if (at >= len)
			put_page(skb_frag_page(&info->frags[i]));
		else if (at + size > len)
			skb_frag_size_set(&info->frags[i], len - at);
		at += size;
		if (at - size < len)
			err = i + 1;
	}
	info->nr_frags = err;
	skb->data_len -= skb->len - len;
	skb->len = len;
	return 0;
}

void skb_trim(struct sk_buff *skb, unsigned int len)
{
	if (skb->len > len)
		__skb_trim(skb, len);
}

int pskb_trim_rcsum_slow(struct sk_buff *skb, unsigned int len)
{
	if (skb->ip_summed == CHECKSUM_COMPLETE)
		skb->ip_summed = CHECKSUM_NONE;
	return __pskb_trim(skb, len);
}

/* What lies at and after @len moves into @tail, which is empty */
void skb_split(struct sk_buff *skb, struct sk_buff *tail, const u32 len)
{
	struct skb_shared_info *from = skb_shinfo(skb), *to = skb_shinfo(tail);
	int head = skb_headlen(skb), i, kept = 0;
	u32 at = head;

	BUG_ON(skb_cloned(skb));
	if (len < head) {
		memcpy(skb_put(tail, head - len), skb->data + len, head - len);
		skb_set_tail_pointer(skb, len);
		at = len;
	}
	tail->len += skb->len - max_t(u32, len, head);
	tail->data_len = skb->len - max_t(u32, len, head);
	at = head;
	for (i = 0; i < from->nr_frags; i++) {
		skb_frag_t frag = from->frags[i];
		u32 size = skb_frag_size(&frag), first;

		if (at + size <= len) {
			from->frags[kept++] = frag;
		} else if (at >= len) {
			to->frags[to->nr_frags++] = frag;
		} else {
			first = len - at;
			get_page(skb_frag_page(&frag));
			skb_frag_size_set(&from->frags[kept++], first);
			skb_frag_off_add(&frag, first);
			skb_frag_size_sub(&frag, first);
			to->frags[to->nr_frags++] = frag;
		}
		at += size;
	}
	from->nr_frags = kept;
	skb->len = len;
	skb->data_len = len > head ? len - head : 0;
}

/* Append @from to @to where no copy is needed, or the room is there */
bool skb_try_coalesce(struct sk_buff *to, struct sk_buff *from,
		      bool *fragstolen, int *delta_truesize)
{
	struct skb_shared_info *t, *f;
	int i, len = from->len;

	*fragstolen = false;
	if (skb_cloned(to))
		return false;
	if (len <= skb_tailroom(to)) {
		if (len)
			BUG_ON(skb_copy_bits(from, 0, skb_put(to, len), len));
		*delta_truesize = 0;
		return true;
	}
	t = skb_shinfo(to);
	f = skb_shinfo(from);
	if (skb_headlen(from) || skb_has_frag_list(to) ||
	    skb_has_frag_list(from) ||
	    t->nr_frags + f->nr_frags > MAX_SKB_FRAGS)
		return false;
	*delta_truesize = from->truesize -
			  SKB_TRUESIZE(skb_end_offset(from));
	memcpy(t->frags + t->nr_frags, f->frags,
	       f->nr_frags * sizeof(skb_frag_t));
	t->nr_frags += f->nr_frags;
	if (!skb_cloned(from))
		f->nr_frags = 0;
	for (i = 0; i < f->nr_frags; i++)
		get_page(skb_frag_page(&f->frags[i]));
	to->truesize += *delta_truesize;
	to->len += len;
	to->data_len += len;
	return true;
}

/* --- to and from the user: plain memory --- */

static size_t iter_copy(struct iov_iter *i, void *mem, size_t len, bool to_user)
{
	size_t done = 0;

	while (done < len && i->count) {
		const struct kvec *v = i->kvec;
		size_t n = min3(v->iov_len - i->iov_offset, len - done,
				i->count);

		if (to_user)
			memcpy(v->iov_base + i->iov_offset, mem + done, n);
		else
			memcpy(mem + done, v->iov_base + i->iov_offset, n);
		done += n;
		i->iov_offset += n;
		i->count -= n;
		if (i->iov_offset == v->iov_len && i->nr_segs > 1) {
			i->kvec++;
			i->nr_segs--;
			i->iov_offset = 0;
		}
	}
	return done;
}

size_t _copy_from_iter(void *addr, size_t bytes, struct iov_iter *i)
{
	return iter_copy(i, addr, bytes, false);
}

size_t _copy_from_iter_nocache(void *addr, size_t bytes, struct iov_iter *i)
{
	return iter_copy(i, addr, bytes, false);
}

size_t _copy_to_iter(const void *addr, size_t bytes, struct iov_iter *i)
{
	return iter_copy(i, (void *)addr, bytes, true);
}

size_t csum_and_copy_from_iter(void *addr, size_t bytes, __wsum *csum,
			       struct iov_iter *i)
{
	size_t n = iter_copy(i, addr, bytes, false);

	*csum = csum_partial(addr, n, *csum);
	return n;
}

void iov_iter_kvec(struct iov_iter *i, unsigned int direction,
		   const struct kvec *kvec, unsigned long nr_segs, size_t count)
{
	*i = (struct iov_iter) {
		.iter_type	= ITER_KVEC,
		.data_source	= direction,
		.kvec		= kvec,
		.nr_segs	= nr_segs,
		.count		= count,
	};
}

void iov_iter_revert(struct iov_iter *i, size_t bytes)
{
	SIM_MUST(!bytes || bytes <= i->iov_offset,
		 "reverting over a piece is not simulated");
	i->iov_offset -= bytes;
	i->count += bytes;
}

int skb_copy_datagram_iter(const struct sk_buff *skb, int offset,
			   struct iov_iter *to, int len)
{
	u8 piece[4096];

	while (len) {
		int n = min_t(int, len, sizeof(piece));

		if (skb_copy_bits(skb, offset, piece, n) ||
		    iter_copy(to, piece, n, true) != n)
			return -EFAULT;
		offset += n;
		len -= n;
	}
	return 0;
}

/* --- checksums --- */

__wsum csum_partial(const void *buff, int len, __wsum wsum)
{
	const u8 *p = buff;
	u64 sum = (__force u32)wsum;

	while (len >= 4) {
		u32 word;

		__builtin_memcpy(&word, p, 4);
		sum += word;
		p += 4;
		len -= 4;
	}
	if (len & 2) {
		u16 word;

		__builtin_memcpy(&word, p, 2);
		sum += word;
		p += 2;
	}
	if (len & 1)
		sum += *p;
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	return (__force __wsum)sum;
}

__wsum skb_checksum(const struct sk_buff *skb, int offset, int len, __wsum csum)
{
	u8 *all = malloc(len + 1);

	BUG_ON(skb_copy_bits(skb, offset, all, len));
	csum = csum_partial(all, len, csum);
	free(all);
	return csum;
}

__sum16 __skb_checksum_complete(struct sk_buff *skb)
{
	__sum16 sum = csum_fold(skb_checksum(skb, 0, skb->len, skb->csum));

	if (!sum)
		skb->ip_summed = CHECKSUM_UNNECESSARY;
	skb->csum_valid = !sum;
	return sum;
}

int skb_checksum_help(struct sk_buff *skb)
{
	int offset = skb_checksum_start_offset(skb);
	__wsum csum;

	BUG_ON(offset >= (int)skb_headlen(skb));
	csum = skb_checksum(skb, offset, skb->len - offset, 0);
	*(__sum16 *)(skb->data + offset + skb->csum_offset) =
		csum_fold(csum) ?: CSUM_MANGLED_0;
	skb->ip_summed = CHECKSUM_NONE;
	return 0;
}

/* --- segmentation: each with a copy of the headers, linear --- */

struct sk_buff *skb_segment(struct sk_buff *skb, netdev_features_t features)
{
	unsigned int mss = skb_shinfo(skb)->gso_size, offset;
	unsigned int headers = skb->data - skb_mac_header(skb);
	struct sk_buff *first = NULL, **at = &first, *seg;

	for (offset = 0; offset < skb->len; offset += mss) {
		unsigned int len = min(mss, skb->len - offset);
		u8 *p;

		seg = alloc_skb(headers + len + 32, GFP_ATOMIC | __GFP_NOFAIL);
		skb_reserve(seg, 32);
		memcpy(skb_put(seg, headers), skb_mac_header(skb), headers);
		p = skb_put(seg, len);
		BUG_ON(skb_copy_bits(skb, offset, p, len));
		skb_reset_mac_header(seg);
		skb_set_network_header(seg, skb_network_header(skb) -
				       skb_mac_header(skb));
		skb_set_transport_header(seg, skb_transport_header(skb) -
					 skb_mac_header(skb));
		seg->protocol = skb->protocol;
		seg->mark = skb->mark;
		seg->priority = skb->priority;
		if (features & NETIF_F_HW_CSUM) {
			seg->ip_summed = CHECKSUM_PARTIAL;
		} else {
			seg->ip_summed = CHECKSUM_NONE;
			SKB_GSO_CB(seg)->csum = csum_partial(p, len, 0);
		}
		*at = seg;
		at = &seg->next;
	}
	return first;
}
