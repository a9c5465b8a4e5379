// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Time on UDP: any datagram, an empty one too, is answered with the local time
 * in the form of ctime(3) without its newline.
 */
#include "timed.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "net.h"

/* Datagrams answered in one go. */
#define BATCH		64
/* Below this a source port belongs to a service, which might answer us in
 * turn: with a forged source that would go on for ever.
 */
#define FIRST_CLIENT_PORT	1024

static uint16_t port_of(const union ln_addr *addr)
{
	return ntohs(addr->sa.sa_family == AF_INET ? addr->in.sin_port : addr->in6.sin6_port);
}

static size_t now_text(char *out, size_t size)
{
	time_t now = time(NULL);
	struct tm tm;

	localtime_r(&now, &tm);
	return strftime(out, size, "%a %b %e %H:%M:%S %Y", &tm);
}

/* Leaves of the control data what says where the answer is sent from. */
static void answer_from(struct msghdr *msg)
{
	struct cmsghdr *h = CMSG_FIRSTHDR(msg);

	if (h && h->cmsg_level == IPPROTO_IP && h->cmsg_type == IP_PKTINFO) {
		struct in_pktinfo info;

		memcpy(&info, CMSG_DATA(h), sizeof(info));
		/* The route chooses the interface.  To a broadcast or multicast
		 * address ipi_spec_dst is the local address to answer from.
		 */
		info.ipi_ifindex = 0;
		memcpy(CMSG_DATA(h), &info, sizeof(info));
		msg->msg_controllen = CMSG_SPACE(sizeof(info));
	} else if (h && h->cmsg_level == IPPROTO_IPV6 && h->cmsg_type == IPV6_PKTINFO) {
		struct in6_pktinfo info;

		memcpy(&info, CMSG_DATA(h), sizeof(info));
		if (IN6_IS_ADDR_MULTICAST(&info.ipi6_addr))
			info.ipi6_addr = in6addr_any;
		memcpy(CMSG_DATA(h), &info, sizeof(info));
		msg->msg_controllen = CMSG_SPACE(sizeof(info));
	} else {
		msg->msg_control = NULL;
		msg->msg_controllen = 0;
	}
}

/**
 * timed_datagram() - answer the datagrams that wait on a socket
 * @s: unused
 * @fd: a UDP socket with packet information switched on
 * @data: unused
 */
void timed_datagram(struct ln_server *s, int fd, void *data)
{
	union ln_addr local;
	socklen_t len = sizeof(local);

	(void)s;
	(void)data;
	if (getsockname(fd, &local.sa, &len))
		return;
	for (int i = 0; i < BATCH; i++) {
		union {
			struct cmsghdr align;
			char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
		} control;
		char text[64], name[LN_ADDR_STRLEN];
		union ln_addr peer;
		/* What the datagram says does not matter: one byte will do. */
		struct iovec iov = { .iov_base = text, .iov_len = 1 };
		struct msghdr msg = {
			.msg_name = &peer, .msg_namelen = sizeof(peer),
			.msg_iov = &iov, .msg_iovlen = 1,
			.msg_control = &control, .msg_controllen = sizeof(control),
		};

		if (recvmsg(fd, &msg, 0) < 0) {
			if (errno != EAGAIN)
				ln_debug("udp: %s", strerror(errno));
			return;
		}
		ln_info("%s: asked for the time", ln_addr_format(&peer, name));
		if (port_of(&peer) < FIRST_CLIENT_PORT || port_of(&peer) == port_of(&local)) {
			ln_info("%s: not answered: a service's port", name);
			continue;
		}
		answer_from(&msg);
		iov.iov_len = now_text(text, sizeof(text));
		if (sendmsg(fd, &msg, 0) < 0)
			ln_info("%s: %s", name, strerror(errno));
	}
}
