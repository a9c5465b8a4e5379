/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A link between two namespaces that loses and reorders packets by a seed: the
 * same packets, counted from the first one on, whoever sends them.
 */
#ifndef LINK_H
#define LINK_H

#include <stdint.h>
#include <sys/types.h>

/* One in a million */
#define PERCENT		10000

/**
 * struct link_way - what happens to the packets of one direction
 * @loss: packets lost, of a million
 * @burst: places where a burst of losses begins, of a million
 * @burst_len: packets that a burst takes
 * @late: packets held back, of a million
 * @late_us: by how much
 */
struct link_way {
	uint32_t	loss;
	uint32_t	burst;
	uint32_t	burst_len;
	uint32_t	late;
	uint32_t	late_us;
};

/**
 * struct link_config - the link
 * @rate: bits per second, each direction
 * @delay_us: each direction
 * @limit: octets that wait for the link at most
 * @seed: chooses the packets
 * @way: from the first end to the second, and back
 */
struct link_config {
	uint64_t	rate;
	uint32_t	delay_us;
	uint32_t	limit;
	uint32_t	seed;
	struct link_way	way[2];
};

/* What it did, for each direction */
struct link_count {
	uint32_t	packets;
	uint32_t	lost;
	uint32_t	full;		/* found no room in the queue */
	uint32_t	late;
};

int link_tun(int ns, const char *address);
pid_t link_start(const int tun[2], const struct link_config *config,
		 const char *log);
void link_stop(pid_t pid, const int tun[2], struct link_count count[2]);

#endif /* LINK_H */
