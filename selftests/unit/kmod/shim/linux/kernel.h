/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the pure files use of the kernel's <linux/kernel.h>, with its rules:
 * min() and max() refuse operands of different types, arguments are evaluated
 * once.
 */
#ifndef SHIM_LINUX_KERNEL_H
#define SHIM_LINUX_KERNEL_H

#include <linux/types.h>

#define shim_pick(a, op, b) ({						\
	__typeof__(a) _a = (a);						\
	__typeof__(b) _b = (b);						\
	(void)(&_a == &_b);	/* a warning when the types differ */	\
	_a op _b ? _a : _b; })
#define shim_pick_t(type, a, op, b) ({					\
	type _a = (a);							\
	type _b = (b);							\
	_a op _b ? _a : _b; })

#define min(a, b)		shim_pick(a, <, b)
#define max(a, b)		shim_pick(a, >, b)
#define min_t(type, a, b)	shim_pick_t(type, a, <, b)
#define max_t(type, a, b)	shim_pick_t(type, a, >, b)
#define clamp_t(type, v, lo, hi) ({					\
	type _v = (v), _lo = (lo), _hi = (hi);				\
	_v < _lo ? _lo : _v > _hi ? _hi : _v; })

/* to a multiple of a power of two */
#define round_up(n, m)		((((n) - 1) | ((__typeof__(n))(m) - 1)) + 1)

#define container_of(ptr, type, member) \
	((type *)((char *)(ptr) - offsetof(type, member)))

static inline __u64 div64_u64(__u64 dividend, __u64 divisor)
{
	return dividend / divisor;
}

static inline __u64 div_u64(__u64 dividend, __u32 divisor)
{
	return dividend / divisor;
}

#endif /* SHIM_LINUX_KERNEL_H */
