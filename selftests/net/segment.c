// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>

#include "checksum.h"
#include "segment.h"

#define IP4_HEADER	20
#define IP6_HEADER	40
#define HEADER		20

const char *here(int family)
{
	return family == AF_INET ? HERE4 : HERE6;
}

const char *there(int family)
{
	return family == AF_INET ? THERE4 : THERE6;
}

/* The device, in this namespace, with the addresses of HERE */
int tun_open(void)
{
	struct ifreq request = { .ifr_name = "tun0", .ifr_flags = IFF_TUN | IFF_NO_PI };
	int fd;

	/* a guest without udev has neither */
	command("modprobe -q tun; mkdir -p /dev/net; "
		"[ -c /dev/net/tun ] || mknod /dev/net/tun c 10 200");
	fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &request))
		skip("no tun device: %s", strerror(errno));
	command("ip addr add %s/24 dev tun0", HERE4);
	command("ip addr add %s/64 dev tun0 nodad", HERE6);
	command("ip link set tun0 mtu 1500 up");
	/* hosts from all over the world */
	command("ip route add 198.18.0.0/15 dev tun0");
	return fd;
}

void segment_init(struct segment *s, int family, int sport, int dport, int flags)
{
	memset(s, 0, sizeof(*s));
	s->family = family;
	CHECK(inet_pton(family, there(family), s->from) == 1);
	CHECK(inet_pton(family, here(family), s->to) == 1);
	s->sport = sport;
	s->dport = dport;
	s->flags = flags;
	s->window = 65535;
}

/* From another host: 198.18.0.0 and up, 131072 of them */
void segment_from(struct segment *s, uint32_t host)
{
	uint32_t address = htonl(0xc6120000 + host % 131072);

	memcpy(s->from, &address, 4);
}

void segment_option(struct segment *s, int kind, int len, const void *value)
{
	uint8_t *p = s->options + s->n_options;
	int whole = (2 + len + 3) & ~3;

	CHECK(s->n_options + whole <= 40);
	memset(p, 1, whole);
	p += whole - 2 - len;
	p[0] = kind;
	p[1] = 2 + len;
	memcpy(p + 2, value, len);
	s->n_options += whole;
}

void segment_timestamp(struct segment *s, uint32_t tsval, uint32_t tsecr)
{
	uint32_t value[2] = { htonl(tsval), htonl(tsecr) };

	segment_option(s, 8, 8, value);
}

/* The value of an option, and its length without kind and length */
const uint8_t *segment_find(const struct segment *s, int kind, int *len)
{
	for (int i = 0; i < s->n_options && s->options[i];) {
		if (s->options[i] == 1) {
			i++;
			continue;
		}
		if (i + 1 >= s->n_options || s->options[i + 1] < 2)
			FAIL("ill-formed option %d", s->options[i]);
		if (s->options[i] == kind) {
			if (len)
				*len = s->options[i + 1] - 2;
			return s->options + i + 2;
		}
		i += s->options[i + 1];
	}
	return NULL;
}

uint32_t segment_number(const uint8_t *p, int octets)
{
	uint32_t n = 0;

	while (octets--)
		n = n << 8 | *p++;
	return n;
}

void segment_data(struct segment *s, const void *data, int len)
{
	CHECK(len <= (int)sizeof(s->data));
	memcpy(s->data, data, len);
	s->len = len;
}

static void put16(uint8_t *p, uint16_t n)
{
	p[0] = n >> 8;
	p[1] = n;
}

static void put32(uint8_t *p, uint32_t n)
{
	put16(p, n >> 16);
	put16(p + 2, n);
}

void segment_send(int tun, const struct segment *s)
{
	int ip = s->family == AF_INET ? IP4_HEADER : IP6_HEADER;
	int size = s->family == AF_INET ? 4 : 16;
	int len = HEADER + s->n_options + s->len;
	uint8_t packet[IP6_HEADER + HEADER + 40 + sizeof(s->data)] = {}, *h = packet + ip;
	uint32_t pseudo = proto + len;

	put16(h, s->sport);
	put16(h + 2, s->dport);
	put32(h + 4, s->seq);
	put32(h + 8, s->ack);
	h[12] = (HEADER + s->n_options) / 4 << 4;
	h[13] = s->flags;
	put16(h + 14, s->window);
	memcpy(h + HEADER, s->options, s->n_options);
	memcpy(h + HEADER + s->n_options, s->data, s->len);
	pseudo = checksum_add(s->from, size, checksum_add(s->to, size, pseudo));
	put16(h + 16, checksum_fold(checksum_add(h, len, pseudo)));
	if (s->family == AF_INET) {
		packet[0] = 0x45;
		put16(packet + 2, ip + len);
		packet[8] = 64;
		packet[9] = proto;
		memcpy(packet + 12, s->from, 4);
		memcpy(packet + 16, s->to, 4);
		put16(packet + 10, checksum_fold(checksum_add(packet, ip, 0)));
	} else {
		packet[0] = 0x60;
		put16(packet + 4, len);
		packet[6] = proto;
		packet[7] = 64;
		memcpy(packet + 8, s->from, 16);
		memcpy(packet + 24, s->to, 16);
	}
	CHECK_EQ(write(tun, packet, ip + len), ip + len);
}

static bool take_apart(const uint8_t *packet, int n, struct segment *s)
{
	bool four = n >= IP4_HEADER && packet[0] >> 4 == 4;
	int ip = four ? (packet[0] & 15) * 4 : IP6_HEADER, header;
	const uint8_t *h = packet + ip;

	if (n < ip + HEADER || packet[four ? 9 : 6] != proto)
		return false;
	memset(s, 0, sizeof(*s));
	s->family = four ? AF_INET : AF_INET6;
	memcpy(s->from, packet + (four ? 12 : 8), four ? 4 : 16);
	memcpy(s->to, packet + (four ? 16 : 24), four ? 4 : 16);
	s->sport = segment_number(h, 2);
	s->dport = segment_number(h + 2, 2);
	s->seq = segment_number(h + 4, 4);
	s->ack = segment_number(h + 8, 4);
	header = (h[12] >> 4) * 4;
	s->flags = h[13];
	s->window = segment_number(h + 14, 2);
	s->n_options = header - HEADER;
	s->len = n - ip - header;
	if (s->n_options < 0 || s->len < 0 || s->len > (int)sizeof(s->data))
		FAIL("a segment of %d octets that does not fit", n);
	memcpy(s->options, h + HEADER, s->n_options);
	memcpy(s->data, h + header, s->len);
	return true;
}

/* The next segment that this host sends; false when none comes in time */
bool segment_receive(int tun, struct segment *s, int milliseconds)
{
	double end = now() + milliseconds / 1e3;
	uint8_t packet[65536];

	for (;;) {
		double left = (end - now()) * 1e3;
		struct pollfd p = { .fd = tun, .events = POLLIN };
		int n;

		if (left < 0)
			left = 0;
		if (!OK(poll(&p, 1, left)))
			return false;
		n = OK(read(tun, packet, sizeof(packet)));
		if (take_apart(packet, n, s))
			return true;
	}
}

/* The other way, acknowledging all of it */
void segment_answer(const struct segment *s, struct segment *answer, int flags)
{
	memset(answer, 0, sizeof(*answer));
	answer->family = s->family;
	memcpy(answer->from, s->to, 16);
	memcpy(answer->to, s->from, 16);
	answer->sport = s->dport;
	answer->dport = s->sport;
	answer->seq = s->ack;
	answer->ack = s->seq + s->len + !!(s->flags & SYN) + !!(s->flags & FIN);
	answer->flags = flags;
	answer->window = 65535;
}

/* The next segment to a port of the test must have these flags */
void segment_expect(int tun, struct segment *s, int dport, int flags)
{
	do {
		if (!segment_receive(tun, s, PATIENCE * 1000))
			FAIL("no segment to port %d", dport);
	} while (s->dport != dport);
	if (s->flags != flags)
		FAIL("flags 0x%x, not 0x%x", s->flags, flags);
}
