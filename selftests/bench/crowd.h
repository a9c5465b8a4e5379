/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Many connections over loopback in one process.
 */
#ifndef CROWD_H
#define CROWD_H

/**
 * struct crowd - connections
 * @n: pairs
 * @fd: of each pair, who connected and who was accepted
 */
struct crowd {
	int	n;
	int	(*fd)[2];
};

void crowd_open(struct crowd *crowd, int n);
void crowd_close(struct crowd *crowd);

#endif /* CROWD_H */
