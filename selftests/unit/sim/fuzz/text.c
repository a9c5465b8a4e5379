// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Inputs as text: a record is a line, its kind and then NAME=VALUE for each
 * octet that is not zero. So a seed can be read, and an input that the fuzzer
 * has found be kept.
 */
#include <linux/string.h>

#include "fuzz.h"

int open(const char *path, int flags, ...);
long read(int fd, void *p, unsigned long n);
long write(int fd, const void *p, unsigned long n);
int close(int fd);
int snprintf(char *to, unsigned long size, const char *format, ...);

#define TEXT_MOST	65536	/* octets of a file */

enum type {
	NUMBER,		/* 0 to 255 */
	SIGNED,		/* -128 to 127 */
	CHOICE,		/* one of the names, from 0 on */
	BITS,		/* names joined by +, from bit 0 on */
};

/**
 * struct field - what an octet of a record is called
 * @name: its name, NULL: the end
 * @at: which octet
 * @type: how its value is written
 * @values: names, for CHOICE and BITS
 */
struct field {
	const char	*name;
	unsigned int	at;
	enum type	type;
	const char	*const *values;
};

#define NAMES(...)	((const char *const[]){ __VA_ARGS__, NULL })

static const struct field start_fields[] = {
	{ "state", START_STATE, CHOICE,
	  NAMES("listen", "syn-queue", "syn-sent", "syn-received", "fastopen",
		"established", "fin-wait-1", "fin-wait-2", "closing",
		"close-wait", "last-ack", "time-wait") },
	{ "options", START_OPTIONS, BITS,
	  NAMES("timestamps", "sack", "scale", "ecn") },
	{ "way", START_WAY, BITS, NAMES("active", "orphan", "small", "linear", "fastopen") },
	{ "peer-isn", START_PEER_ISN, CHOICE, NAMES("plain", "wraps", "half") },
	{ "our-isn", START_OUR_ISN, CHOICE, NAMES("plain", "wraps", "half") },
	{ "mss", START_PEER_MSS, CHOICE,
	  NAMES("1460", "536", "100", "8960", "1", "none") },
	{ "scale", START_PEER_SCALE, NUMBER },
	{ "queued", START_QUEUED, NUMBER },
	{ "off", START_OFF, BITS,
	  NAMES("rack", "tlp", "frto", "gso", "checksums") },
	{ "sysctl", START_SYSCTL, BITS,
	  NAMES("probing", "cookies", "rfc1337", "abort", "shrink") },
	{ "family", START_FAMILY, CHOICE, NAMES("ipv4", "ipv6", "mapped") },
	{ "congestion", START_CONGESTION, CHOICE,
	  NAMES("reno", "by-time", "paced", "by-marks") },
	{ }
};

static const struct field segment_fields[] = {
	{ "flags", 1, BITS,
	  NAMES("fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr") },
	{ "seq", 2, CHOICE,
	  NAMES("next", "edge", "before", "held", "isn", "far") },
	{ "seq-by", 3, SIGNED },
	{ "ack", 4, CHOICE, NAMES("una", "next", "next", "half", "far") },
	{ "ack-by", 5, SIGNED },
	{ "units", 6, BITS, NAMES("seq", "ack") },
	{ "window", 7, NUMBER },
	{ "how", 8, BITS,
	  NAMES("old", "future", "no-echo", "odd", "dsack", "bad-sum", "raw",
		"ce") },
	{ "sacks", 9, NUMBER },
	{ "block1", 10, NUMBER }, { "block2", 11, NUMBER },
	{ "block3", 12, NUMBER }, { "block4", 13, NUMBER },
	{ "len", 14, NUMBER },
	{ "echo-by", 15, SIGNED },
	{ }
};

static const struct field time_fields[] = {
	{ "doublings-of-us", 1, NUMBER },
	{ }
};

static const struct field call_fields[] = {
	{ "name", 1, CHOICE,
	  NAMES("send", "recv", "peek", "discard", "shutdown",
		"shutdown-read", "close", "reset", "disconnect", "accept",
		"hold", "release", "connect", "nodelay", "cork", "maxseg",
		"quickack", "keepalive", "rcvbuf", "sndbuf", "lowat",
		"user-timeout", "linger2", "defer", "listen-close",
		"fastopen") },
	{ "amount", 2, NUMBER },
	{ "flags", 3, BITS, NAMES("more", "eor") },
	{ }
};

static const struct field icmp_fields[] = {
	{ "what", 1, CHOICE,
	  NAMES("too-big", "host", "port", "unknown", "time", "parameter",
		"quench", "redirect") },
	{ "seq", 2, BITS, NAMES("next", "old") },
	{ "mtu", 3, NUMBER },
	{ }
};

static const struct field machine_fields[] = {
	{ "what", 1, CHOICE, NAMES("fails", "pressure", "delay", "full") },
	{ "value", 2, NUMBER },
	{ }
};

static const struct {
	const char		*name;
	const struct field	*fields;
} kinds[KINDS] = {
	[SEGMENT]	= { "segment", segment_fields },
	[1]		= { "segment", segment_fields },
	[2]		= { "segment", segment_fields },
	[3]		= { "segment", segment_fields },
	[TIME]		= { "time", time_fields },
	[CALL]		= { "call", call_fields },
	[ICMP]		= { "icmp", icmp_fields },
	[MACHINE]	= { "machine", machine_fields },
};

/* --- reading --- */

static int number_of_name(const struct field *f, const char *name,
			  unsigned long len)
{
	int i;

	for (i = 0; f->values && f->values[i]; i++)
		if (strlen(f->values[i]) == len &&
		    !memcmp(f->values[i], name, len))
			return i;
	return -1;
}

/* Returns the octet, or -1 */
static int read_value(const struct field *f, const char *value)
{
	unsigned long len;
	int octet = 0, n;

	if (f->type == NUMBER || f->type == SIGNED)
		return atoi(value) & 0xff;
	if (f->type == CHOICE)
		return number_of_name(f, value, strlen(value));
	for (; *value; value += len + (value[len] == '+')) {
		for (len = 0; value[len] && value[len] != '+'; len++)
			;
		n = number_of_name(f, value, len);
		if (n < 0)
			return -1;
		octet |= 1 << n;
	}
	return octet;
}

static bool read_field(const struct field *f, char *word, u8 *record)
{
	unsigned long len;
	int octet;

	for (; f->name; f++) {
		len = strlen(f->name);
		if (memcmp(word, f->name, len) || word[len] != '=')
			continue;
		octet = read_value(f, word + len + 1);
		if (octet < 0)
			return false;
		record[f->at] = octet;
		return true;
	}
	return false;
}

static const struct field *read_kind(const char *word, bool first, u8 *record)
{
	unsigned int i;

	if (first)
		return strcmp(word, "start") ? NULL : start_fields;
	for (i = 0; i < KINDS; i++) {
		if (strcmp(kinds[i].name, word))
			continue;
		record[0] = i;
		return kinds[i].fields;
	}
	return NULL;
}

/* A word of the line, or NULL */
static char *next_word(char **line)
{
	char *word;

	while (**line == ' ' || **line == '\t')
		(*line)++;
	word = *line;
	if (!*word || *word == '#')
		return NULL;
	while (**line && **line != ' ' && **line != '\t')
		(*line)++;
	if (**line)
		*(*line)++ = 0;
	return word;
}

/* A line becomes a record. Returns false and names the word when it is wrong. */
static bool read_line(char *line, bool first, u8 *record, char **word)
{
	const struct field *fields;

	*word = next_word(&line);
	memset(record, 0, RECORD);
	fields = read_kind(*word, first, record);
	if (!fields)
		return false;
	while ((*word = next_word(&line)))
		if (!read_field(fields, *word, record))
			return false;
	return true;
}

static bool empty(const char *line)
{
	while (*line == ' ' || *line == '\t')
		line++;
	return !*line || *line == '#';
}

/* Returns how many octets were read, or -1 */
static long read_file(const char *path, void *to, unsigned long most)
{
	int fd = open(path, 0);
	long n = fd < 0 ? -1 : read(fd, to, most);

	if (fd >= 0)
		close(fd);
	if (n < 0)
		printf("%s: cannot be read\n", path);
	return n;
}

/* Returns the number of octets of the input, or -1 and says why */
static int read_text(const char *path, u8 *input)
{
	static char text[TEXT_MOST];
	long n = read_file(path, text, sizeof(text) - 1);
	char *line = text, *word = NULL, *end;
	int records = 0, number = 1;

	if (n < 0)
		return -1;
	text[n] = 0;
	for (; *line; line = end, number++) {
		for (end = line; *end && *end != '\n'; end++)
			;
		if (*end)
			*end++ = 0;
		if (empty(line))
			continue;
		if (records >= RECORDS_MAX ||
		    !read_line(line, !records, input + records * RECORD,
			       &word)) {
			printf("%s:%d: \"%s\" is not understood\n", path,
			       number, word);
			return -1;
		}
		records++;
	}
	return records * RECORD;
}

static const char *base_name(const char *path)
{
	const char *base = path;

	for (; *path; path++)
		if (*path == '/')
			base = path + 1;
	return base;
}

/**
 * text_make_seeds() - inputs for the fuzzer from files of text
 * @n: how many arguments
 * @args: a folder, and files
 *
 * Return: an exit status.
 */
int text_make_seeds(int n, char **args)
{
	static u8 input[RECORDS_MAX * RECORD];
	char path[4096];
	int i, len, fd;

	for (i = 1; i < n; i++) {
		len = read_text(args[i], input);
		if (len <= 0)
			return 1;
		if (!input_starts(input)) {
			printf("%s: does not come into its state\n", args[i]);
			return 1;
		}
		snprintf(path, sizeof(path), "%s/%s", args[0],
			 base_name(args[i]));
		/* to be written, made, emptied */
		fd = open(path, 01 | 0100 | 01000, 0644);
		if (fd < 0 || write(fd, input, len) != len || close(fd)) {
			printf("%s: cannot be written\n", path);
			return 1;
		}
	}
	return 0;
}

/* --- writing --- */

static void write_bits(const struct field *f, unsigned int octet)
{
	const char *between = "";
	unsigned int i;

	for (i = 0; f->values[i]; i++) {
		if (!(octet >> i & 1))
			continue;
		printf("%s%s", between, f->values[i]);
		between = "+";
	}
}

static void write_field(const struct field *f, unsigned int octet)
{
	unsigned int n = 0;

	printf(" %s=", f->name);
	switch (f->type) {
	case NUMBER:
		printf("%u", octet);
		break;
	case SIGNED:
		printf("%d", (s8)octet);
		break;
	case BITS:
		write_bits(f, octet);
		break;
	case CHOICE:
		while (f->values[n])
			n++;
		printf("%s", f->values[octet % n]);
		break;
	}
}

static void write_record(const u8 *record, bool first)
{
	const struct field *f = first ? start_fields :
				kinds[record[0] % KINDS].fields;

	printf("%s", first ? "start" : kinds[record[0] % KINDS].name);
	for (; f->name; f++)
		if (record[f->at])
			write_field(f, record[f->at]);
	printf("\n");
}

/**
 * text_explain() - an input as text
 * @path: the input
 *
 * Return: an exit status.
 */
int text_explain(const char *path)
{
	static u8 input[RECORDS_MAX * RECORD];
	long len = read_file(path, input, sizeof(input)), i;

	for (i = 0; i < len; i += RECORD)
		write_record(input + i, !i);
	return len < 0;
}
