// SPDX-License-Identifier: GPL-2.0-or-later
/* splitmix64: short, and good enough for dice */
#include <linux/random.h>

#include "kernel.h"

struct sim_random kernel_random;

void random_seed(struct sim_random *r, u64 seed)
{
	r->state = seed;
	/* what follows from seeds that are neighbours must not overlap */
	r->state = random_u64(r) ^ 253;
	r->state ^= random_u64(r) << 1;
}

u64 random_u64(struct sim_random *r)
{
	u64 z = r->state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

u32 get_random_u32(void)
{
	return random_u64(&kernel_random) >> 32;
}

u16 get_random_u16(void)
{
	return random_u64(&kernel_random) >> 48;
}

u8 get_random_u8(void)
{
	return random_u64(&kernel_random) >> 56;
}

u64 get_random_u64(void)
{
	return random_u64(&kernel_random);
}

void get_random_bytes(void *buf, size_t len)
{
	u8 *p = buf;

	while (len--)
		*p++ = random_u64(&kernel_random) >> 56;
}
