/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel that the simulation has: what its parts offer to each other and to
 * the rest. Its files are compiled with the real headers of a kernel, so they
 * declare for themselves what they need of the C library.
 */
#ifndef SIM_KERNEL_H
#define SIM_KERNEL_H

#include <linux/in6.h>
#include <linux/types.h>

struct net;
struct sk_buff;
struct sock;
struct socket;

/* C library */
int printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
int fflush(void *stream);
void *malloc(unsigned long size);
void *calloc(unsigned long n, unsigned long size);
void *realloc(void *p, unsigned long size);
void free(void *p);
void abort(void) __attribute__((noreturn));
void exit(int status) __attribute__((noreturn));
char *getenv(const char *name);
int atoi(const char *s);
unsigned long strtoul(const char *s, char **end, int base);

/**
 * sim_fail() - a rule has been broken: say where we are, and end
 * @format: as printf()
 */
void sim_fail(const char *format, ...)
	__attribute__((noreturn, format(printf, 1, 2)));

#define SIM_MUST(what, ...) do {			\
	if (__builtin_expect(!(what), 0))		\
		sim_fail(__VA_ARGS__);			\
} while (0)

/* random.c: generators that depend on nothing but their seed */
struct sim_random {
	u64	state;
};

extern struct sim_random kernel_random;	/* what get_random_u32() draws from */
void random_seed(struct sim_random *r, u64 seed);
u64 random_u64(struct sim_random *r);

/* Evenly from 0 to n - 1 */
static inline u32 random_below(struct sim_random *r, u32 n)
{
	return n ? (random_u64(r) >> 32) * n >> 32 : 0;
}

static inline bool random_chance(struct sim_random *r, u32 of_million)
{
	return of_million && random_below(r, 1000000) < of_million;
}

/* clock.c: virtual time */
#define NS_PER_US	1000ULL
#define NS_PER_MS	1000000ULL
#define NS_PER_S	1000000000ULL

struct clock_event;
extern u64 clock_now;			/* ns since the machine started */
struct clock_event *clock_at(u64 at, void (*fn)(void *), void *arg);
void clock_cancel(struct clock_event *event);
bool clock_step(void);
u64 clock_next(void);
void clock_set(u64 at);
unsigned int clock_waiting(void);
void clock_reset(void);

/* memory.c */
struct memory_count {
	long	slab;		/* objects of all kinds that are out */
	long	pages;
	long	buffers;	/* struct sk_buff */
};

extern struct memory_count memory_count;
extern u32 memory_fail_rate;		/* of a million atomic allocations */
void memory_setup(void);
bool memory_fails(unsigned int gfp);

/* sock.c */
struct socket *socket_create(struct net *net, int family);
void socket_release(struct socket *sock);
struct socket *socket_graft(struct sock *sk);
extern long sockets_alive;
void sock_kernel_check(struct sock *sk);

/* cong.c */
struct tcp_congestion_ops;
extern struct tcp_congestion_ops sim_by_time, sim_paced, sim_by_marks;

/* inet.c */
struct host;

/**
 * struct segment_octets - a datagram as it lies on the wire
 * @len: octets
 * @data: IP header and all
 */
struct segment_octets {
	u32	len;
	u8	data[];
};

static inline bool datagram_v6(const u8 *datagram)
{
	return datagram[0] >> 4 == 6;
}

/* Octets of IP header: those that are simulated have no options */
static inline u32 datagram_header(const u8 *datagram)
{
	return datagram_v6(datagram) ? 40 : 20;
}

/* The two bits of ECN: INET_ECN_CE ... */
static inline u8 datagram_ecn(const u8 *datagram)
{
	return (datagram_v6(datagram) ? datagram[1] >> 4 : datagram[1]) & 3;
}

static inline void datagram_set_ecn(u8 *datagram, u8 ecn)
{
	u8 shift = datagram_v6(datagram) ? 4 : 0;

	datagram[1] = (datagram[1] & ~(3 << shift)) | ecn << shift;
}

#define HOSTS	2

/**
 * struct host - one of the two machines
 * @net: its network namespace
 * @address: its IPv4 address
 * @address6: its IPv6 address
 * @mtu: of its device, octets
 * @checksums: the device sums; without, the code does
 * @gso_max_segs: segments that a super-segment may have
 * @fragments: received data comes in fragments, as from a NIC, not linear
 * @whole: super-segments cross the wire whole, as between two veths
 */
struct host {
	struct net	*net;
	__be32		address;
	struct in6_addr	address6;
	u32		mtu;
	bool		checksums;
	u16		gso_max_segs;
	bool		fragments;
	bool		whole;
};

extern struct host hosts[HOSTS];
void inet_setup(void);
void inet_teardown(void);
void host_reset(struct host *h);
void host_ready(struct host *h);
int host_connect(struct socket *sock, const struct host *to, u16 port);
int host_bind(struct socket *sock, u16 port, bool any);
void host_receive(struct host *h, const u8 *datagram, u32 len, u16 gso_size);
void host_told(struct host *h, const u8 *datagram, u8 type, u8 code, u32 mtu);
long routes_held(void);

/* The simulated network takes what a host sends; provided by network.c.
 * @queued: the buffer, charged to its socket until network_sent() frees it
 */
int network_output(struct host *from, struct sk_buff *queued);

#endif /* SIM_KERNEL_H */
