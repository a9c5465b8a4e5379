// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * linnet ladder: one connection, from a capture file or from an interface, as
 * the ladder of segments that the textbooks draw.
 */
#include "ladder.h"

#include <argp.h>
#include <errno.h>
#include <linux/linnet.h>
#include <locale.h>
#include <netinet/in.h>
#include <pcap/pcap.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "rungs.h"

#define EXIT_USAGE	2
#define PROTOCOL	(IPPROTO_LINNET & 0xff)	/* the tests' stand-in is none that IP carries */
#define SNAPLEN		256	/* headers are enough */
#define READ_TIMEOUT	100	/* ms that a live segment may wait */

struct arguments {
	const char *file;
	const char *interface;
	uint16_t port;
	uint8_t protocol;
	bool all;
	int width;
	char *names[2];
};

static const struct argp_option options[] = {
	{ "all", 'a', NULL, 0, "Leave no segment out", 0 },
	{ "interface", 'i', "NAME", 0, "Capture on this interface instead of reading a file", 0 },
	{ "names", 'n', "CLIENT,SERVER", 0, "Names to write beside the addresses", 0 },
	{ "port", 'p', "PORT", 0, "The first connection with this port, on either side", 0 },
	{ "tcp", 't', NULL, 0, "TCP (protocol 6) instead of Linnet (253)", 0 },
	{ "width", 'w', "COLUMNS", 0, "Width, 80 to 200; default: the terminal's, at most 100", 0 },
	{ 0 },
};

static pcap_t *capture;

static void __attribute__((format(printf, 2, 3), noreturn)) die(int status, const char *format, ...)
{
	va_list ap;

	fflush(stdout);
	fputs("linnet ladder: ", stderr);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(status);
}

static long number(const char *option, const char *arg, long low, long high)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(arg, &end, 10);
	if (errno || end == arg || *end || n < low || n > high)
		die(EXIT_USAGE, "%s wants a number from %ld to %ld, not '%s'", option, low, high, arg);
	return n;
}

/* They go to a terminal: nothing but plain characters */
static void set_names(struct arguments *a, char *arg)
{
	char *comma = strchr(arg, ',');

	for (const char *p = arg; *p; p++)
		if (*p < ' ' || *p > '~')
			die(EXIT_USAGE, "--names wants printable ASCII characters");
	if (!comma || comma == arg || !comma[1] || strlen(arg) > 40)
		die(EXIT_USAGE, "--names wants CLIENT,SERVER of 40 characters at most, not '%s'",
		    arg);
	*comma = 0;
	a->names[0] = arg;
	a->names[1] = comma + 1;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *a = state->input;

	switch (key) {
	case 'a':
		a->all = true;
		return 0;
	case 'i':
		a->interface = arg;
		return 0;
	case 'n':
		set_names(a, arg);
		return 0;
	case 'p':
		a->port = (uint16_t)number("--port", arg, 1, 65535);
		return 0;
	case 't':
		a->protocol = IPPROTO_TCP;
		return 0;
	case 'w':
		a->width = (int)number("--width", arg, RUNGS_WIDTH_MIN, RUNGS_WIDTH_MAX);
		return 0;
	case ARGP_KEY_INIT:
		state->err_stream = NULL;	/* getopt's line is enough */
		return 0;
	case ARGP_KEY_ARG:
		if (a->file)
			die(EXIT_USAGE, "one capture file, not also '%s'", arg);
		a->file = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int terminal_width(void)
{
	struct winsize size;

	if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_col)
		return RUNGS_WIDTH;
	if (size.ws_col < RUNGS_WIDTH_MIN)
		return RUNGS_WIDTH_MIN;
	return size.ws_col > 100 ? 100 : size.ws_col;
}

static void open_interface(const struct arguments *a)
{
	char error[PCAP_ERRBUF_SIZE] = "", filter[64];
	struct bpf_program program;
	int status;

	capture = pcap_create(a->interface, error);
	if (!capture)
		die(EXIT_FAILURE, "%s: %s", a->interface, error);
	pcap_set_snaplen(capture, SNAPLEN);
	pcap_set_timeout(capture, READ_TIMEOUT);
	status = pcap_activate(capture);
	if (status < 0)
		die(EXIT_FAILURE, "%s: %s", a->interface, pcap_statustostr(status));
	snprintf(filter, sizeof(filter), "ip proto %d or ip6 proto %d", a->protocol, a->protocol);
	if (pcap_compile(capture, &program, filter, 1, PCAP_NETMASK_UNKNOWN) ||
	    pcap_setfilter(capture, &program))
		die(EXIT_FAILURE, "%s: %s", a->interface, pcap_geterr(capture));
	pcap_freecode(&program);
	fprintf(stderr, "linnet ladder: capturing on %s\n", a->interface);
}

static void open_file(const struct arguments *a)
{
	char error[PCAP_ERRBUF_SIZE] = "";

	capture = pcap_open_offline_with_tstamp_precision(a->file, PCAP_TSTAMP_PRECISION_NANO, error);
	if (!capture)
		die(EXIT_FAILURE, "%s%s%s", strstr(error, a->file) ? "" : a->file,
		    strstr(error, a->file) ? "" : ": ", error);
}

/* Async-signal-safe by libpcap's promise */
static void on_signal(int signum)
{
	(void)signum;
	pcap_breakloop(capture);
}

static bool wanted(const struct arguments *a, const struct segment *s)
{
	if ((s->flags & (FLAG_SYN | FLAG_ACK | FLAG_RST)) != FLAG_SYN)
		return false;
	return !a->port || s->src.port == a->port || s->dst.port == a->port;
}

static int climb(const struct arguments *a)
{
	const char *source = a->file ? a->file : a->interface;
	long scale = pcap_get_tstamp_precision(capture) == PCAP_TSTAMP_PRECISION_NANO ? 1 : 1000;
	struct rungs r = {
		.all = a->all,
		.width = a->width,
		.names = { a->names[0], a->names[1] },
	};
	struct conversation c;
	struct pcap_pkthdr *h;
	uint64_t malformed = 0;
	const u_char *data;
	bool begun = false;
	struct segment s;
	struct event e;
	int got;

	while ((got = pcap_next_ex(capture, &h, &data)) >= 0) {
		if (!got)
			continue;
		switch (packet_decode(data, h->caplen, pcap_datalink(capture), a->protocol, &s)) {
		case PACKET_MALFORMED:
			malformed++;
			continue;
		case PACKET_OTHER:
			continue;
		case PACKET_SEGMENT:
			break;
		}
		s.time = (int64_t)h->ts.tv_sec * 1000000000 + (int64_t)h->ts.tv_usec * scale;
		if (!begun) {
			if (!wanted(a, &s))
				continue;
			conversation_begin(&c, &s);
			rungs_begin(&r, &c);
			begun = true;
		}
		if (conversation_side(&c, &s) < 0)
			continue;
		if (conversation_reborn(&c, &s))
			break;
		conversation_take(&c, &s, &e);
		rungs_take(&r, &c, &s, &e);
		if (a->interface) {
			fflush(stdout);
			if (conversation_over(&c))
				break;
		}
	}
	if (begun)
		rungs_end(&r, &c);
	fflush(stdout);
	if (malformed)
		fprintf(stderr, "linnet ladder: %s: %llu packets with lengths that do not fit were passed over\n",
			source, (unsigned long long)malformed);
	if (got == PCAP_ERROR)
		die(EXIT_FAILURE, "%s: %s", source, pcap_geterr(capture));
	if (!begun)
		die(EXIT_FAILURE, a->port ? "%s: no connection of protocol %d with port %u begins here" :
					    "%s: no connection of protocol %d begins here",
		    source, a->protocol, a->port);
	return ferror(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}

/**
 * cmd_ladder() - the subcommand
 * @argc: number of arguments
 * @argv: the arguments, from the subcommand's name on
 *
 * Return: exit status; does not return after an error.
 */
int cmd_ladder(int argc, char **argv)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "FILE\n-i NAME",
		.doc = "Print one connection of a capture (pcap or pcapng, \"-\" for standard input) as "
		       "a ladder of segments."
		       "\vShown are the handshake, the close, every change of state and the first loss; "
		       "the rest is counted. The first connection is taken whose SYN is in the capture.",
	};
	struct sigaction action = { .sa_handler = on_signal };
	struct arguments a = { .protocol = PROTOCOL };
	int link, status;

	setlocale(LC_CTYPE, "");
	if (argp_parse(&argp, argc, argv, 0, NULL, &a))
		return EXIT_USAGE;
	if (!a.file == !a.interface)
		die(EXIT_USAGE, "a capture file, or -i and an interface?");
	if (!a.width)
		a.width = terminal_width();
	if (a.interface)
		open_interface(&a);
	else
		open_file(&a);
	link = pcap_datalink(capture);
	if (!packet_link_known(link))
		die(EXIT_FAILURE, "%s: link type %s: only Ethernet, Linux cooked and raw IP are read",
		    a.file ? a.file : a.interface,
		    pcap_datalink_val_to_name(link) ? pcap_datalink_val_to_name(link) : "unknown");
	if (a.interface) {
		sigaction(SIGINT, &action, NULL);
		sigaction(SIGTERM, &action, NULL);
	}
	status = climb(&a);
	pcap_close(capture);
	return status;
}
