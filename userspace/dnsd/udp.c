// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Queries by datagram: many are taken and answered with two system calls.
 */
#include "udp.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "answer/query.h"
#include "answer/rrl.h"
#include "log.h"

#define BATCH		64
/* Batches in a turn, so that streams get theirs. */
#define BATCHES		4
#define QUERY_MAX	65535
#define RESPONSE_MAX	4096	/* udp-size */

union control {
	struct cmsghdr align;
	char octets[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

/*
 * A stopping server closes its sockets, while answers are still to come that have to leave by
 * them: so they leave by copies.
 */
static struct {
	int of, fd;
} copies[LN_MAX_SOCKETS];
static unsigned int n_copies;

/* What one recvmmsg() and one sendmmsg() work on. */
static struct batch {
	struct mmsghdr in[BATCH], out[BATCH];
	struct iovec in_iov[BATCH], out_iov[BATCH];
	union ln_addr peer[BATCH];
	union control control[BATCH];
	uint8_t query[BATCH][QUERY_MAX];
	uint8_t response[BATCH][RESPONSE_MAX];
} *batch;

static void read_control(struct query *q, struct msghdr *m)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(m);

	q->local.sa.sa_family = q->peer.sa.sa_family;
	if (!c)
		return;
	if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
		struct in_pktinfo info;

		memcpy(&info, CMSG_DATA(c), sizeof(info));
		q->local.in.sin_addr = info.ipi_addr;
		q->interface = info.ipi_ifindex;
	} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
		struct in6_pktinfo info;

		memcpy(&info, CMSG_DATA(c), sizeof(info));
		q->local.in6.sin6_addr = info.ipi6_addr;
		q->interface = info.ipi6_ifindex;
	}
}

/* From the address that was asked; by which way is routing's business, but for link-local. */
static void write_control(const struct query *q, struct msghdr *m, union control *control)
{
	bool v6 = q->peer.sa.sa_family == AF_INET6;
	struct in_pktinfo info = { .ipi_spec_dst = q->local.in.sin_addr };
	struct in6_pktinfo info6 = { .ipi6_addr = q->local.in6.sin6_addr };
	struct cmsghdr *c;

	if (v6 && IN6_IS_ADDR_LINKLOCAL(&q->local.in6.sin6_addr))
		info6.ipi6_ifindex = q->interface;
	memset(control, 0, sizeof(*control));
	m->msg_control = control;
	m->msg_controllen = CMSG_SPACE(v6 ? sizeof(info6) : sizeof(info));
	c = CMSG_FIRSTHDR(m);
	c->cmsg_level = v6 ? IPPROTO_IPV6 : IPPROTO_IP;
	c->cmsg_type = v6 ? IPV6_PKTINFO : IP_PKTINFO;
	c->cmsg_len = CMSG_LEN(v6 ? sizeof(info6) : sizeof(info));
	if (v6)
		memcpy(CMSG_DATA(c), &info6, sizeof(info6));
	else
		memcpy(CMSG_DATA(c), &info, sizeof(info));
}

static socklen_t addr_len(const union ln_addr *addr)
{
	return addr->sa.sa_family == AF_INET6 ? sizeof(addr->in6) : sizeof(addr->in);
}

static bool within_rate(struct worker *w, struct query *q)
{
	switch (w->rrl ? rrl_check(w->rrl, q, uv_now(ln_server_loop(w->server))) : RRL_SEND) {
	case RRL_DROP:
		return false;
	case RRL_SLIP:
		response_slip(q);
		return true;
	default:
		return true;
	}
}

/* A deferred answer, alone. */
static void send_one(struct query *q)
{
	union control control;
	struct iovec iov;
	struct msghdr m = {
		.msg_name = &q->peer, .msg_namelen = addr_len(&q->peer),
		.msg_iov = &iov, .msg_iovlen = 1,
	};

	if (!within_rate(q->worker, q))
		return;
	iov = (struct iovec){ .iov_base = q->out, .iov_len = q->out_len };
	write_control(q, &m, &control);
	if (sendmsg(q->fd, &m, MSG_DONTWAIT) < 0)
		ln_debug("udp: %s", strerror(errno));
}

static const struct query_transport udp_transport = { .send = send_one };

static int copy_of(int fd)
{
	for (unsigned int i = 0; i < n_copies; i++)
		if (copies[i].of == fd)
			return copies[i].fd;
	return fd;
}

/* Whether there is an answer to send. */
static bool handle(struct worker *w, struct query *q, int fd, unsigned int i)
{
	struct msghdr *m = &batch->in[i].msg_hdr;

	/* The arrays in it are filled as far as their counts say. */
	memset(q, 0, offsetof(struct query, names));
	q->room_data = NULL;
	q->messages = NULL;
	q->worker = w;
	q->setup = w->setup;
	q->via = &udp_transport;
	q->transport = DNS_UDP;
	q->peer = batch->peer[i];
	q->wire = batch->query[i];
	q->len = batch->in[i].msg_len;
	q->fd = copy_of(fd);
	q->received = uv_now(ln_server_loop(w->server));
	q->out = batch->response[i];
	read_control(q, m);
	/* Port 0 cannot be answered; nobody asks from there. */
	if (m->msg_flags & MSG_TRUNC || !q->peer.in.sin_port)
		return false;
	return query_handle(q) == QUERY_REPLY && within_rate(w, q);
}

static void prepare_in(void)
{
	for (unsigned int i = 0; i < BATCH; i++) {
		batch->in_iov[i] = (struct iovec){ batch->query[i], QUERY_MAX };
		batch->in[i].msg_hdr = (struct msghdr){
			.msg_name = &batch->peer[i], .msg_namelen = sizeof(batch->peer[i]),
			.msg_iov = &batch->in_iov[i], .msg_iovlen = 1,
			.msg_control = &batch->control[i],
			.msg_controllen = sizeof(batch->control[i]),
		};
	}
}

static void send_all(int fd, unsigned int n)
{
	unsigned int sent = 0;

	while (sent < n) {
		int got = sendmmsg(fd, batch->out + sent, n - sent, MSG_DONTWAIT);

		if (got > 0)
			sent += got;
		else if (errno == EAGAIN || errno == ENOBUFS)
			return;		/* as if the network had lost them */
		else
			sent++;		/* this one cannot be sent */
	}
}

static void on_datagrams(struct ln_server *s, int fd, void *data)
{
	struct worker *w = data;
	static struct query q;

	(void)s;
	for (unsigned int round = 0; round < BATCHES; round++) {
		unsigned int n_out = 0;
		int n;

		prepare_in();
		n = recvmmsg(fd, batch->in, BATCH, MSG_DONTWAIT, NULL);
		if (n <= 0)
			return;
		for (int i = 0; i < n; i++) {
			struct msghdr *m = &batch->out[n_out].msg_hdr;

			if (!handle(w, &q, fd, i))
				continue;
			batch->out_iov[n_out] = (struct iovec){ q.out, q.out_len };
			*m = (struct msghdr){
				.msg_name = &batch->peer[i], .msg_namelen = addr_len(&q.peer),
				.msg_iov = &batch->out_iov[n_out], .msg_iovlen = 1,
			};
			write_control(&q, m, &batch->control[i]);
			n_out++;
		}
		send_all(fd, n_out);
		if (n < BATCH)
			return;
	}
}

int udp_start(struct worker *w, const struct ln_sockets *sockets)
{
	for (int i = 0; i < sockets->n; i++) {
		int of = sockets->socket[i].fd, fd;

		if (sockets->socket[i].type != SOCK_DGRAM)
			continue;
		fd = fcntl(of, F_DUPFD_CLOEXEC, 0);
		if (fd < 0) {
			ln_error("udp: %s", strerror(errno));
			return -errno;
		}
		copies[n_copies].of = of;
		copies[n_copies++].fd = fd;
	}
	if (!n_copies)
		return 0;
	batch = calloc(1, sizeof(*batch));
	if (!batch) {
		ln_error("out of memory");
		return -ENOMEM;
	}
	return ln_server_datagram(w->server, sockets, SETUP_DNS, on_datagrams, w);
}

void udp_stop(struct worker *w)
{
	(void)w;
	while (n_copies)
		close(copies[--n_copies].fd);
	free(batch);
	batch = NULL;
}
