// SPDX-License-Identifier: GPL-2.0-or-later
/* Small things of the kernel that fit nowhere else */
#include <linux/bottom_half.h>
#include <linux/bug.h>
#include <linux/cpumask.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/net.h>
#include <linux/preempt.h>
#include <linux/printk.h>
#include <linux/refcount.h>
#include <linux/siphash.h>
#include <linux/string.h>

#include "kernel.h"

struct cpumask __cpu_possible_mask = { { 1 } };
struct cpumask __cpu_online_mask = { { 1 } };

bool __list_add_valid(struct list_head *new, struct list_head *prev,
		      struct list_head *next)
{
	SIM_MUST(next->prev == prev && prev->next == next && new != prev &&
		 new != next, "a list is damaged, or an entry added twice");
	return true;
}

bool __list_del_entry_valid(struct list_head *entry)
{
	SIM_MUST(entry->next != LIST_POISON1 && entry->prev != LIST_POISON2 &&
		 entry->prev->next == entry && entry->next->prev == entry,
		 "a list is damaged, or an entry removed twice");
	return true;
}

void refcount_warn_saturate(refcount_t *r, enum refcount_saturation_type t)
{
	sim_fail("a reference count is wrong: %s",
		 t == REFCOUNT_ADD_UAF ? "taken when it was zero" :
		 t == REFCOUNT_SUB_UAF ? "given back too often" :
		 t == REFCOUNT_DEC_LEAK ? "decremented to zero" : "overflow");
}

void __local_bh_enable_ip(unsigned long ip, unsigned int cnt)
{
	__preempt_count_sub(cnt);
}

void mutex_lock(struct mutex *lock)
{
}

void mutex_unlock(struct mutex *lock)
{
}

void __mutex_init(struct mutex *lock, const char *name,
		  struct lock_class_key *key)
{
}

int __cond_resched(void)
{
	return 0;
}

int net_ratelimit(void)
{
	return 0;
}

int _printk(const char *fmt, ...)
{
	return 0;
}

ssize_t strscpy(char *dest, const char *src, size_t count)
{
	size_t i;

	for (i = 0; i + 1 < count && src[i]; i++)
		dest[i] = src[i];
	if (count)
		dest[i] = 0;
	return i;
}

unsigned long _find_next_bit(const unsigned long *addr, unsigned long nbits,
			     unsigned long start)
{
	for (; start < nbits; start++)
		if (addr[start / 64] >> start % 64 & 1)
			break;
	return min(start, nbits);
}

/* Mixes well enough for a table; nobody attacks */
static u64 mix(const void *data, size_t len, const siphash_key_t *key)
{
	u64 h = key->key[0] ^ len;
	const u8 *p = data;

	while (len--)
		h = (h ^ *p++) * 0x100000001b3ULL ^ h >> 29;
	h = (h ^ key->key[1]) * 0x9e3779b97f4a7c15ULL;
	return h ^ h >> 32;
}

u64 __siphash_aligned(const void *data, size_t len, const siphash_key_t *key)
{
	return mix(data, len, key);
}

u64 __siphash_unaligned(const void *data, size_t len, const siphash_key_t *key)
{
	return mix(data, len, key);
}

u64 siphash_1u64(const u64 a, const siphash_key_t *key)
{
	return mix(&a, sizeof(a), key);
}

u64 siphash_2u64(const u64 a, const u64 b, const siphash_key_t *key)
{
	u64 in[] = { a, b };

	return mix(in, sizeof(in), key);
}

u64 siphash_3u64(const u64 a, const u64 b, const u64 c,
		 const siphash_key_t *key)
{
	u64 in[] = { a, b, c };

	return mix(in, sizeof(in), key);
}

u64 siphash_4u64(const u64 a, const u64 b, const u64 c, const u64 d,
		 const siphash_key_t *key)
{
	u64 in[] = { a, b, c, d };

	return mix(in, sizeof(in), key);
}

u64 siphash_1u32(const u32 a, const siphash_key_t *key)
{
	return mix(&a, sizeof(a), key);
}

u64 siphash_3u32(const u32 a, const u32 b, const u32 c,
		 const siphash_key_t *key)
{
	u32 in[] = { a, b, c };

	return mix(in, sizeof(in), key);
}
