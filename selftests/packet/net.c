// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A network namespace with a tun device, whose other end is the script.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/route.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <netinet/in.h>

#include "packet.h"

#define DEVICE "tun0"

/* linux/ipv6.h and netinet/in.h do not go together */
struct in6_ifreq {
	struct in6_addr	ifr6_addr;
	uint32_t	ifr6_prefixlen;
	int		ifr6_ifindex;
};

static void must(int result, const char *what)
{
	if (result < 0)
		fail_at(NULL, "%s: %s", what, strerror(errno));
}

static const char *write_file(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY);
	ssize_t n;

	if (fd < 0)
		return strerror(errno);
	n = write(fd, value, strlen(value));
	close(fd);
	return n < 0 ? strerror(errno) : NULL;
}

/**
 * net_sysctl() - set one in this namespace
 * @name: of the transport, without tcp_; or a path below /proc/sys
 * @value: as text
 *
 * Return: NULL, or what is wrong.
 */
const char *net_sysctl(const char *name, const char *value)
{
	char path[256];

	if (strchr(name, '/'))
		snprintf(path, sizeof(path), "/proc/sys/%s", name);
	else if (proto == PROTO_TCP)
		snprintf(path, sizeof(path), "/proc/sys/net/ipv4/tcp_%s", name);
	else
		snprintf(path, sizeof(path), "/proc/sys/net/linnet/%s", name);
	return write_file(path, value);
}

static void flags_up(int s, const char *device)
{
	struct ifreq r = { 0 };

	strcpy(r.ifr_name, device);
	must(ioctl(s, SIOCGIFFLAGS, &r), "SIOCGIFFLAGS");
	r.ifr_flags |= IFF_UP;
	must(ioctl(s, SIOCSIFFLAGS, &r), "SIOCSIFFLAGS");
}

/**
 * net_mtu() - the device's, and so the route's
 * @mtu: octets
 */
void net_mtu(int mtu)
{
	int s = socket(AF_INET, SOCK_DGRAM, 0);
	struct ifreq r = { .ifr_mtu = mtu };

	strcpy(r.ifr_name, DEVICE);
	must(ioctl(s, SIOCSIFMTU, &r), "SIOCSIFMTU");
	close(s);
}

static void addresses_ipv4(int s)
{
	struct sockaddr_in *in;
	struct ifreq r = { 0 };
	struct rtentry route = { 0 };

	strcpy(r.ifr_name, DEVICE);
	wire_set_address(&r.ifr_addr, true, 0);
	must(ioctl(s, SIOCSIFADDR, &r), "SIOCSIFADDR");
	in = (struct sockaddr_in *)&r.ifr_netmask;
	in->sin_family = AF_INET;
	in->sin_addr.s_addr = htonl(0xffffff00);
	must(ioctl(s, SIOCSIFNETMASK, &r), "SIOCSIFNETMASK");
	flags_up(s, DEVICE);
	route.rt_dst.sa_family = AF_INET;
	route.rt_genmask.sa_family = AF_INET;
	route.rt_flags = RTF_UP;
	route.rt_dev = (char *)DEVICE;
	must(ioctl(s, SIOCADDRT, &route), "SIOCADDRT");
}

static void addresses_ipv6(void)
{
	int s = socket(AF_INET6, SOCK_DGRAM, 0);
	struct sockaddr_in6 sa;
	struct in6_ifreq r = { 0 };
	struct in6_rtmsg route = { 0 };

	flags_up(s, DEVICE);
	wire_set_address(&sa, true, 0);
	r.ifr6_addr = sa.sin6_addr;
	r.ifr6_prefixlen = 64;
	r.ifr6_ifindex = if_nametoindex(DEVICE);
	must(ioctl(s, SIOCSIFADDR, &r), "SIOCSIFADDR");
	route.rtmsg_flags = RTF_UP;
	route.rtmsg_metric = 1;
	route.rtmsg_ifindex = r.ifr6_ifindex;
	must(ioctl(s, SIOCADDRT, &route), "SIOCADDRT");
	close(s);
}

/**
 * net_setup() - enter a new namespace
 * @mtu: of its device
 *
 * Return: the descriptor that gives what the kernel sends, and takes what it
 * receives.
 */
int net_setup(int mtu)
{
	struct ifreq r = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	int tun, s;

	must(unshare(CLONE_NEWNET), "a network namespace");
	tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	must(tun, "/dev/net/tun");
	/* no router is asked for, no address made up */
	write_file("/proc/sys/net/ipv6/conf/default/router_solicitations", "0");
	write_file("/proc/sys/net/ipv6/conf/default/accept_dad", "0");
	write_file("/proc/sys/net/ipv6/conf/default/addr_gen_mode", "1");
	strcpy(r.ifr_name, DEVICE);
	must(ioctl(tun, TUNSETIFF, &r), "TUNSETIFF");
	s = socket(AF_INET, SOCK_DGRAM, 0);
	must(s, "socket");
	net_mtu(mtu);
	flags_up(s, "lo");
	if (family == 4)
		addresses_ipv4(s);
	else
		addresses_ipv6();
	close(s);
	return tun;
}
