// SPDX-License-Identifier: GPL-2.0-or-later
#include "ask.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "client.h"

#define PAYLOAD	1232

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

/* 0: no memory. */
static size_t make_query(const struct ask *a, uint8_t out[KNOT_WIRE_MIN_PKTSIZE])
{
	knot_pkt_t *pkt = knot_pkt_new(NULL, KNOT_WIRE_MIN_PKTSIZE, NULL);
	knot_rrset_t opt;
	uint16_t id;
	size_t len = 0;

	if (!pkt)
		return 0;
	if (!knot_pkt_put_question(pkt, a->name, KNOT_CLASS_IN, a->type) &&
	    getrandom(&id, sizeof(id), 0) == sizeof(id) &&
	    !knot_edns_init(&opt, PAYLOAD, 0, 0, NULL)) {
		knot_wire_set_id(pkt->wire, id);
		if (a->rd)
			knot_wire_set_rd(pkt->wire);
		if (a->dnssec)
			knot_edns_set_do(&opt);
		knot_pkt_begin(pkt, KNOT_ADDITIONAL);
		if (!knot_pkt_put(pkt, KNOT_COMPR_HINT_NONE, &opt, KNOT_PF_FREE)) {
			len = pkt->size;
			memcpy(out, pkt->wire, len);
		}
	}
	knot_pkt_free(pkt);
	return len;
}

static bool wait_for(int fd, short events, double end)
{
	struct pollfd p = { .fd = fd, .events = events };
	double left = end - now_ms();

	return left > 0 && poll(&p, 1, (int)left + 1) > 0;
}

/* It has our id and our question. */
static bool is_answer(const uint8_t *wire, size_t len, const uint8_t *query, size_t query_len)
{
	knot_pkt_t *pkt;
	bool good;

	if (len < KNOT_WIRE_HEADER_SIZE || memcmp(wire, query, 2) || !knot_wire_get_qr(wire))
		return false;
	pkt = knot_pkt_new((void *)wire, len, NULL);
	good = pkt && !knot_pkt_parse(pkt, KNOT_PF_NOCANON | KNOT_PF_KEEPWIRE) &&
	       dns_same_question(pkt, query, query_len);
	knot_pkt_free(pkt);
	return good;
}

static ssize_t by_udp(int fd, const uint8_t *query, size_t len, uint8_t *wire, double end)
{
	if (send(fd, query, len, 0) < 0)
		return -errno;
	while (wait_for(fd, POLLIN, end)) {
		ssize_t n = recv(fd, wire, KNOT_WIRE_MAX_PKTSIZE, 0);

		if (n < 0)
			return -errno;
		/* Others may guess: only their answers do not count. */
		if (is_answer(wire, n, query, len))
			return n;
	}
	return -ETIMEDOUT;
}

static int read_whole(int fd, uint8_t *p, size_t len, double end)
{
	while (len) {
		ssize_t n;

		if (!wait_for(fd, POLLIN, end))
			return -ETIMEDOUT;
		n = recv(fd, p, len, 0);
		if (n <= 0)
			return n ? -errno : -ECONNRESET;
		p += n;
		len -= n;
	}
	return 0;
}

static ssize_t by_tcp(int fd, const uint8_t *query, size_t len, uint8_t *wire, double end)
{
	uint8_t framed[2 + KNOT_WIRE_MIN_PKTSIZE] = { len >> 8, len }, head[2];
	size_t n;
	int err;

	memcpy(framed + 2, query, len);
	if (send(fd, framed, len + 2, MSG_NOSIGNAL) != (ssize_t)len + 2)
		return -errno;
	err = read_whole(fd, head, sizeof(head), end);
	n = knot_wire_read_u16(head);
	if (!err)
		err = read_whole(fd, wire, n, end);
	if (err)
		return err;
	return is_answer(wire, n, query, len) ? (ssize_t)n : -EBADMSG;
}

static ssize_t over(struct ask *a, int type, const uint8_t *query, size_t len, uint8_t *wire)
{
	double end = now_ms() + a->timeout_ms;
	int fd = socket(a->to.sa.sa_family, type | SOCK_CLOEXEC, 0);
	struct timeval limit = { .tv_sec = a->timeout_ms / 1000,
				 .tv_usec = a->timeout_ms % 1000 * 1000 };
	ssize_t n;

	if (fd < 0)
		return -errno;
	/* It is connect()'s, too. */
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (connect(fd, &a->to.sa, a->to.sa.sa_family == AF_INET6 ? sizeof(a->to.in6) :
							    sizeof(a->to.in)))
		n = errno == EINPROGRESS ? -ETIMEDOUT : -errno;
	else if (type == SOCK_DGRAM)
		n = by_udp(fd, query, len, wire, end);
	else
		n = by_tcp(fd, query, len, wire, end);
	close(fd);
	return n;
}

bool ask(struct ask *a)
{
	static uint8_t wire[KNOT_WIRE_MAX_PKTSIZE];
	uint8_t query[KNOT_WIRE_MIN_PKTSIZE];
	size_t len = make_query(a, query);
	double start = now_ms();
	ssize_t n;

	a->answer = NULL;
	a->tcp = false;
	a->error = NULL;
	n = len ? over(a, SOCK_DGRAM, query, len, wire) : -ENOMEM;
	if (n > 0 && knot_wire_get_tc(wire)) {
		a->tcp = true;
		n = over(a, SOCK_STREAM, query, len, wire);
	}
	a->ms = now_ms() - start;
	if (n < 0) {
		a->error = n == -ETIMEDOUT ? "no answer in time" : strerror(-n);
		return false;
	}
	a->answer = knot_pkt_new(NULL, n, NULL);
	if (a->answer) {
		memcpy(a->answer->wire, wire, n);
		a->answer->size = n;
		if (!knot_pkt_parse(a->answer, KNOT_PF_NOCANON))
			return true;
	}
	ask_end(a);
	a->error = "an answer that cannot be read";
	return false;
}

void ask_end(struct ask *a)
{
	knot_pkt_free(a->answer);
	a->answer = NULL;
}
