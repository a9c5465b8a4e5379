/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The same calls on kernel TCP and on Linnet, in the same boot, and what they
 * answered, line by line, side by side.
 *
 * A scenario makes its calls and notes each with say(); it runs once for each
 * protocol, in a process and a network namespace of its own.  The two lists
 * must have the same labels in the same order, and the same answers but for
 * those that a table of differences names, each with its reason.
 */
#ifndef PARITY_H
#define PARITY_H

#include "lib.h"

struct scenario {
	const char	*name;
	void		(*run)(void);
};

/**
 * struct difference - an answer that is not TCP's
 * @scenario: its name, a pattern as of fnmatch()
 * @label: of the line, a pattern
 * @reason: why it is so
 */
struct difference {
	const char	*scenario;
	const char	*label;
	const char	*reason;
};

void say(const char *label, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void say_result(const char *label, long result);
const char *errno_name(int err);
char *text(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The states that a socket can be in, each made by calls alone */
enum sk_state {
	FRESH, BOUND, LISTENING, CONNECTING, ESTABLISHED, PEER_CLOSED,
	SHUT_WRITE, SHUT_READ, SHUT_BOTH, WAS_RESET, WAS_CLOSED, N_STATES,
};

extern const char * const sk_state_names[N_STATES];

/* A socket in that state; *peer is the other end, or -1 */
int sk_in(enum sk_state state, int family, int *peer);

int parity_main(const struct scenario *scenarios, int n,
		const struct difference *known, int n_known);

#define PARITY_MAIN(scenarios, known)					\
	int main(void)							\
	{								\
		return parity_main(scenarios,				\
				   sizeof(scenarios) / sizeof(*(scenarios)), \
				   known, sizeof(known) / sizeof(*(known))); \
	}

#endif /* PARITY_H */
