// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A network namespace with a device, whose other end is the script: a tun, or a
 * veth, of which the script is a packet socket at the other end. A veth hands
 * super-segments over as they are, a tun has them cut up.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <net/route.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include <netinet/in.h>

#include "packet.h"

/* What stands before each packet at the end of a veth */
struct frame {
	struct virtio_net_hdr	virtio;
	struct ethhdr		ethernet;
} __attribute__((packed));

static const char *device = "tun0";
static bool whole;

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

static void flags_up(int s, const char *name)
{
	struct ifreq r = { 0 };

	strcpy(r.ifr_name, name);
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

	strcpy(r.ifr_name, device);
	must(ioctl(s, SIOCSIFMTU, &r), "SIOCSIFMTU");
	close(s);
}

static void addresses_ipv4(int s)
{
	struct sockaddr_in *in;
	struct ifreq r = { 0 };
	struct rtentry route = { 0 };

	strcpy(r.ifr_name, device);
	wire_set_address(&r.ifr_addr, true, 0);
	must(ioctl(s, SIOCSIFADDR, &r), "SIOCSIFADDR");
	in = (struct sockaddr_in *)&r.ifr_netmask;
	in->sin_family = AF_INET;
	in->sin_addr.s_addr = htonl(0xffffff00);
	must(ioctl(s, SIOCSIFNETMASK, &r), "SIOCSIFNETMASK");
	flags_up(s, device);
	route.rt_dst.sa_family = AF_INET;
	route.rt_genmask.sa_family = AF_INET;
	route.rt_flags = RTF_UP;
	route.rt_dev = (char *)device;
	must(ioctl(s, SIOCADDRT, &route), "SIOCADDRT");
}

static void addresses_ipv6(void)
{
	int s = socket(AF_INET6, SOCK_DGRAM, 0);
	struct sockaddr_in6 sa;
	struct in6_ifreq r = { 0 };
	struct in6_rtmsg route = { 0 };

	flags_up(s, device);
	wire_set_address(&sa, true, 0);
	r.ifr6_addr = sa.sin6_addr;
	r.ifr6_prefixlen = 64;
	r.ifr6_ifindex = if_nametoindex(device);
	must(ioctl(s, SIOCSIFADDR, &r), "SIOCSIFADDR");
	route.rtmsg_flags = RTF_UP;
	route.rtmsg_metric = 1;
	route.rtmsg_ifindex = r.ifr6_ifindex;
	must(ioctl(s, SIOCADDRT, &route), "SIOCADDRT");
	close(s);
}

static int open_tun(void)
{
	struct ifreq r = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	int tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	must(tun, "/dev/net/tun");
	strcpy(r.ifr_name, device);
	must(ioctl(tun, TUNSETIFF, &r), "TUNSETIFF");
	return tun;
}

/* Nobody answers questions for addresses at the other end: none are asked */
static int open_veth(void)
{
	struct sockaddr_ll sa = { .sll_family = AF_PACKET };
	int on = 1, s;

	if (system("ip link add veth0 arp off type veth peer name veth1 mtu 65535 arp off &&"
		   " ip link set veth1 up"))
		fail_at(NULL, "there is no veth");
	sa.sll_protocol = htons(family == 4 ? ETH_P_IP : ETH_P_IPV6);
	sa.sll_ifindex = if_nametoindex("veth1");
	s = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	must(s, "a packet socket");
	must(setsockopt(s, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)), "PACKET_VNET_HDR");
	must(bind(s, (struct sockaddr *)&sa, sizeof(sa)), "bind to veth1");
	return s;
}

/**
 * net_setup() - enter a new namespace
 * @mtu: of its device
 * @veth: the device is a veth, not a tun
 *
 * Return: the descriptor for net_read() and net_write(), which do not block.
 */
int net_setup(int mtu, bool veth)
{
	int end, s;

	must(unshare(CLONE_NEWNET), "a network namespace");
	/* no router is asked for, no address made up */
	write_file("/proc/sys/net/ipv6/conf/default/router_solicitations", "0");
	write_file("/proc/sys/net/ipv6/conf/default/accept_dad", "0");
	write_file("/proc/sys/net/ipv6/conf/default/addr_gen_mode", "1");
	whole = veth;
	if (veth)
		device = "veth0";
	end = veth ? open_veth() : open_tun();
	s = socket(AF_INET, SOCK_DGRAM, 0);
	must(s, "socket");
	net_mtu(mtu);
	flags_up(s, "lo");
	if (family == 4)
		addresses_ipv4(s);
	else
		addresses_ipv6();
	close(s);
	return end;
}

/**
 * net_read() - what the kernel has sent
 * @fd: of net_setup()
 * @buf: where the packet goes, its IP header first
 * @size: room there
 * @gso: octets of data in each segment of a super-segment, or 0
 * @partial: the checksum is that of the pseudo-header only
 *
 * Return: its length, or 0 when there is none.
 */
ssize_t net_read(int fd, uint8_t *buf, size_t size, int *gso, bool *partial)
{
	struct frame frame = { 0 };
	struct iovec parts[] = { { &frame, sizeof(frame) }, { buf, size } };
	ssize_t n = whole ? readv(fd, parts, 2) - (ssize_t)sizeof(frame) : read(fd, buf, size);

	*gso = frame.virtio.gso_type ? frame.virtio.gso_size : 0;
	*partial = frame.virtio.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM;
	return n < 0 ? 0 : n;
}

/**
 * net_write() - a packet that the kernel receives
 * @fd: of net_setup()
 * @buf: its octets from the IP header on
 * @len: how many
 *
 * Return: whether the device took it.
 */
bool net_write(int fd, const uint8_t *buf, size_t len)
{
	struct frame frame = { 0 };
	struct iovec parts[] = { { &frame, sizeof(frame) }, { (void *)buf, len } };
	struct ifreq r = { 0 };

	if (!whole)
		return write(fd, buf, len) == (ssize_t)len;
	strcpy(r.ifr_name, device);
	must(ioctl(fd, SIOCGIFHWADDR, &r), "SIOCGIFHWADDR");
	memcpy(frame.ethernet.h_dest, r.ifr_hwaddr.sa_data, ETH_ALEN);
	frame.ethernet.h_proto = htons(family == 4 ? ETH_P_IP : ETH_P_IPV6);
	return writev(fd, parts, 2) == (ssize_t)(len + sizeof(frame));
}
