// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory: objects come from malloc(), so that the address sanitizer sees each;
 * pages from an arena, since the kernel's headers compute addresses of pages.
 * All that is out is counted.
 */
#include <linux/gfp.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/slab.h>

#include "kernel.h"

#define ARENA_PAGES	(1UL << 16)		/* 256 MB, used as needed */
#define BLOCK_ORDER	3
#define BLOCK		(PAGE_SIZE << BLOCK_ORDER)

unsigned long page_offset_base, vmemmap_base, phys_base;
struct memory_count memory_count;
u32 memory_fail_rate;
atomic_long_t _totalram_pages = ATOMIC_LONG_INIT(ARENA_PAGES);
unsigned long totalreserve_pages;
struct kmem_cache *kmalloc_caches[NR_KMALLOC_TYPES][KMALLOC_SHIFT_HIGH + 1];

void *mmap(void *addr, unsigned long len, int prot, int flags, int fd,
	   long offset);

#if __has_feature(address_sanitizer)
void __asan_poison_memory_region(void const volatile *addr, size_t size);
void __asan_unpoison_memory_region(void const volatile *addr, size_t size);
#else
static inline void __asan_poison_memory_region(void const volatile *addr,
					       size_t size) { }
static inline void __asan_unpoison_memory_region(void const volatile *addr,
						 size_t size) { }
#endif

static u32 *free_blocks, n_free_blocks;

static void *map(unsigned long len)
{
	/* read and write; private, anonymous, not reserved */
	void *p = mmap(NULL, len, 3, 0x4022, -1, 0);

	SIM_MUST((long)p != -1, "no memory for the arena");
	return p;
}

void memory_setup(void)
{
	u32 n = ARENA_PAGES >> BLOCK_ORDER;

	page_offset_base = (unsigned long)map(ARENA_PAGES * PAGE_SIZE);
	vmemmap_base = (unsigned long)map(ARENA_PAGES * sizeof(struct page));
	free_blocks = malloc(n * sizeof(*free_blocks));
	while (n)
		free_blocks[n_free_blocks++] = --n;
	__asan_poison_memory_region((void *)page_offset_base,
				    ARENA_PAGES * PAGE_SIZE);
}

/* Whether an allocation that may fail does so now */
bool memory_fails(unsigned int gfp)
{
	return !(gfp & (__GFP_NOFAIL | __GFP_DIRECT_RECLAIM)) &&
	       random_chance(&kernel_random, memory_fail_rate);
}

/* --- objects --- */

static void *get(size_t size, gfp_t gfp)
{
	if (memory_fails(gfp))
		return NULL;
	memory_count.slab++;
	return gfp & __GFP_ZERO ? calloc(1, size ?: 1) : malloc(size ?: 1);
}

static void put(const void *p)
{
	if (!p)
		return;
	memory_count.slab--;
	free((void *)p);
}

void *__kmalloc(size_t size, gfp_t gfp)
{
	return get(size, gfp);
}

void *kmalloc_trace(struct kmem_cache *s, gfp_t gfp, size_t size)
{
	return get(size, gfp);
}

void *kvmalloc_node(size_t size, gfp_t gfp, int node)
{
	return get(size, gfp);
}

void kfree(const void *p)
{
	put(p);
}

void kvfree(const void *p)
{
	put(p);
}

void kfree_sensitive(const void *p)
{
	put(p);
}

void *kmemdup(const void *src, size_t len, gfp_t gfp)
{
	void *p = get(len, gfp);

	return p ? memcpy(p, src, len) : NULL;
}

static void free_later(void *arg)
{
	put(arg);
}

/* kfree_rcu(): @func is how far the head lies from the object's beginning */
void kvfree_call_rcu(struct rcu_head *head, rcu_callback_t func)
{
	SIM_MUST(head, "kfree_rcu_mightsleep() is not simulated");
	clock_at(clock_now + 2 * NS_PER_MS, free_later,
		 (void *)head - (unsigned long)func);
}

struct kmem_cache {
	size_t	size;
	long	out;
	void	(*ctor)(void *);
};

struct kmem_cache *kmem_cache_create(const char *name, unsigned int size,
				     unsigned int align, slab_flags_t flags,
				     void (*ctor)(void *))
{
	struct kmem_cache *s = calloc(1, sizeof(*s));

	s->size = size;
	s->ctor = ctor;
	return s;
}

void *kmem_cache_alloc(struct kmem_cache *s, gfp_t gfp)
{
	void *p = get(s->size, gfp);

	if (p) {
		s->out++;
		if (s->ctor)
			s->ctor(p);
	}
	return p;
}

void kmem_cache_free(struct kmem_cache *s, void *p)
{
	s->out--;
	put(p);
}

void kmem_cache_destroy(struct kmem_cache *s)
{
	SIM_MUST(!s || !s->out, "%ld objects are left in a cache", s->out);
	free(s);
}

void __percpu *__alloc_percpu(size_t size, size_t align)
{
	return get(size, GFP_KERNEL | __GFP_ZERO);
}

void __percpu *__alloc_percpu_gfp(size_t size, size_t align, gfp_t gfp)
{
	return get(size, gfp | __GFP_ZERO);
}

void free_percpu(void __percpu *p)
{
	put((void *)p);
}

void *vmalloc(unsigned long size)
{
	return get(size, GFP_KERNEL);
}

void *vzalloc(unsigned long size)
{
	return get(size, GFP_KERNEL | __GFP_ZERO);
}

void vfree(const void *p)
{
	put(p);
}

unsigned long nr_free_buffer_pages(void)
{
	return ARENA_PAGES;
}

/* --- pages, in blocks of one size --- */

static struct page *block_get(unsigned int order)
{
	struct page *page;

	SIM_MUST(order <= BLOCK_ORDER && n_free_blocks, "the arena is too small");
	memory_count.pages++;
	page = virt_to_page((void *)page_offset_base +
			    free_blocks[--n_free_blocks] * BLOCK);
	memset(page, 0, sizeof(*page));
	set_page_count(page, 1);
	__asan_unpoison_memory_region(page_address(page), BLOCK);
	return page;
}

static void block_put(struct page *page)
{
	memory_count.pages--;
	free_blocks[n_free_blocks++] =
		(unsigned long)(page_address(page) - page_offset_base) / BLOCK;
	__asan_poison_memory_region(page_address(page), BLOCK);
}

struct page *__alloc_pages(gfp_t gfp, unsigned int order, int nid,
			   nodemask_t *nodemask)
{
	return memory_fails(gfp) ? NULL : block_get(order);
}

void __free_pages(struct page *page, unsigned int order)
{
	if (put_page_testzero(page))
		block_put(page);
}

void __folio_put(struct folio *folio)
{
	block_put(&folio->page);
}

bool skb_page_frag_refill(unsigned int size, struct page_frag *f, gfp_t gfp)
{
	if (f->page) {
		if (page_ref_count(f->page) == 1)
			f->offset = 0;
		if (f->offset + size <= f->size)
			return true;
		put_page(f->page);
		f->page = NULL;
	}
	if (memory_fails(gfp))
		return false;
	f->page = block_get(BLOCK_ORDER);
	f->offset = 0;
	f->size = BLOCK;
	return true;
}

struct static_key_false memcg_sockets_enabled_key;
struct static_key_true memory_cgrp_subsys_on_dfl_key;
struct static_key_true memory_cgrp_subsys_enabled_key;
struct static_key_false hugetlb_optimize_vmemmap_key;
struct static_key_false devmap_managed_key;
