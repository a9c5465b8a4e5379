// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The asynchronous client against servers that a thread plays: forged datagrams, truncation,
 * silence, ends that come too early.
 */
#include "client.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "unit.h"

#define MAX_MESSAGES	4
#define QUESTION	13	/* octets of "example. IN SOA" */

/* What the server does with a datagram, and with a stream. */
enum play {
	SILENT, GOOD, WRONG_ID, NO_RESPONSE, OTHER_QUESTION, OTHER_OPCODE, TRUNCATED, MALFORMED,
	FORGED_FIRST, SECOND_TRY, FORMERR_WITHOUT_QUESTION,
	TWO_MESSAGES, EARLY_END, HALF_MESSAGE, CLOSES,
};

static struct server {
	int udp, tcp;
	union ln_addr addr;
	enum play datagram, stream;
	unsigned int datagrams, streams;
	pthread_t udp_thread, tcp_thread;
} server;

static struct ln_server *loop;

static struct outcome {
	bool over;
	int err, messages;
	uint8_t rcode;
	char why[128];
} outcome;

/* --- the servers --- */

/* The answer to the query in @wire; its octets. */
static size_t answer(uint8_t *wire, size_t len, enum play play)
{
	knot_wire_set_qr(wire);
	knot_wire_set_arcount(wire, 0);
	switch (play) {
	case WRONG_ID:
		knot_wire_set_id(wire, knot_wire_get_id(wire) + 1);
		break;
	case NO_RESPONSE:
		knot_wire_clear_qr(wire);
		break;
	case OTHER_QUESTION:
		wire[KNOT_WIRE_HEADER_SIZE + 1] ^= 1;
		break;
	case OTHER_OPCODE:
		knot_wire_set_opcode(wire, KNOT_OPCODE_NOTIFY);
		break;
	case TRUNCATED:
		knot_wire_set_tc(wire);
		break;
	case MALFORMED:
		knot_wire_set_ancount(wire, 7);
		break;
	case FORMERR_WITHOUT_QUESTION:
		knot_wire_set_rcode(wire, KNOT_RCODE_FORMERR);
		knot_wire_set_qdcount(wire, 0);
		return KNOT_WIRE_HEADER_SIZE;
	default:
		break;
	}
	return len;
}

static void *serve_datagrams(void *arg)
{
	uint8_t wire[512], forged[512];
	struct sockaddr_in peer;

	(void)arg;
	for (;;) {
		socklen_t peer_len = sizeof(peer);
		ssize_t n = recvfrom(server.udp, wire, sizeof(wire), 0, (void *)&peer, &peer_len);
		enum play play = server.datagram;

		if (n <= 0)
			return NULL;
		server.datagrams++;
		if (play == SILENT || (play == SECOND_TRY && server.datagrams == 1))
			continue;
		if (play == FORGED_FIRST) {
			static const enum play lies[] = { WRONG_ID, NO_RESPONSE, OTHER_QUESTION,
							  OTHER_OPCODE };

			for (int i = 0; i < 4; i++) {
				memcpy(forged, wire, n);
				sendto(server.udp, forged, answer(forged, n, lies[i]), 0,
				       (void *)&peer, peer_len);
			}
			sendto(server.udp, "short", 5, 0, (void *)&peer, peer_len);
		}
		sendto(server.udp, wire, answer(wire, n, play), 0, (void *)&peer, peer_len);
	}
}

static void send_framed(int fd, const uint8_t *wire, size_t len, size_t sent)
{
	uint8_t out[514] = { len >> 8, len };

	memcpy(out + 2, wire, len);
	if (write(fd, out, sent) < 0)
		perror("# write");
}

static void *serve_streams(void *arg)
{
	(void)arg;
	for (;;) {
		int fd = accept(server.tcp, NULL, NULL);
		uint8_t in[514];
		size_t len;
		ssize_t n;

		if (fd < 0)
			return NULL;
		server.streams++;
		n = recv(fd, in, 2, MSG_WAITALL);
		len = n == 2 ? in[0] << 8 | in[1] : 0;
		if (server.stream != CLOSES && recv(fd, in, len, MSG_WAITALL) == (ssize_t)len) {
			len = answer(in, len, server.stream);
			if (server.stream != SILENT)
				send_framed(fd, in, len, server.stream == HALF_MESSAGE ? 10 : len + 2);
			if (server.stream == TWO_MESSAGES)
				send_framed(fd, in, len, len + 2);
		}
		if (server.stream == SILENT)
			recv(fd, in, 1, 0);	/* until the client has had enough */
		close(fd);
	}
}

static void start_server(void)
{
	socklen_t len = sizeof(server.addr.in);

	server.addr.in.sin_family = AF_INET;
	server.addr.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	do {
		server.udp = socket(AF_INET, SOCK_DGRAM, 0);
		server.tcp = socket(AF_INET, SOCK_STREAM, 0);
		server.addr.in.sin_port = 0;
		if (bind(server.udp, &server.addr.sa, len) ||
		    getsockname(server.udp, &server.addr.sa, &len))
			abort();
	} while (bind(server.tcp, &server.addr.sa, len));
	if (listen(server.tcp, 8) ||
	    pthread_create(&server.udp_thread, NULL, serve_datagrams, NULL) ||
	    pthread_create(&server.tcp_thread, NULL, serve_streams, NULL))
		abort();
}

/* --- the client --- */

static int wanted;

static bool on_message(knot_pkt_t *message, void *data)
{
	(void)data;
	outcome.rcode = knot_wire_get_rcode(message->wire);
	return ++outcome.messages < wanted;
}

static void on_done(int err, const char *why, void *data)
{
	(void)data;
	EXPECT(!outcome.over, "done() came twice");
	outcome.over = true;
	outcome.err = err;
	snprintf(outcome.why, sizeof(outcome.why), "%s", why ?: "");
	uv_stop(ln_server_loop(loop));
}

static size_t make_query(uint8_t *wire)
{
	static const uint8_t question[QUESTION] = "\7example\0\0\6\0\1";

	memset(wire, 0, KNOT_WIRE_HEADER_SIZE);
	knot_wire_set_qdcount(wire, 1);
	memcpy(wire + KNOT_WIRE_HEADER_SIZE, question, sizeof(question));
	return KNOT_WIRE_HEADER_SIZE + sizeof(question);
}

/* Ask, with what the servers are to do; how many messages are expected. */
static void ask(enum play datagram, enum play stream, bool by_stream, int messages)
{
	struct dns_endpoint to = { .addr = server.addr, .transport = by_stream ? DNS_TCP : DNS_UDP };
	uint8_t wire[512];
	struct dns_request request = {
		.to = &to, .wire = wire, .len = make_query(wire), .tries = 2, .timeout_ms = 300,
		.message = on_message, .done = on_done,
	};

	memset(&outcome, 0, sizeof(outcome));
	server.datagram = datagram;
	server.stream = stream;
	server.datagrams = server.streams = 0;
	wanted = messages;
	if (!dns_client_ask(loop, &request)) {
		EXPECT(false, "%s", strerror(errno));
		return;
	}
	EXPECT(!outcome.over, "done() came before its time");
	while (!outcome.over)
		uv_run(ln_server_loop(loop), UV_RUN_DEFAULT);
	/* What is closed is let go. */
	uv_run(ln_server_loop(loop), UV_RUN_NOWAIT);
}

#define EXPECT_OUTCOME(error, count)						\
	EXPECT(outcome.err == (error) && outcome.messages == (count),		\
	       "%d (%s), %d messages", outcome.err, outcome.why, outcome.messages)

static void datagrams(void)
{
	ask(GOOD, SILENT, false, 1);
	EXPECT_OUTCOME(0, 1);
	ask(FORGED_FIRST, SILENT, false, 1);
	EXPECT_OUTCOME(0, 1);
	EXPECT(server.datagrams == 1, "asked %u times", server.datagrams);
	ask(SECOND_TRY, SILENT, false, 1);
	EXPECT_OUTCOME(0, 1);
	EXPECT(server.datagrams == 2, "asked %u times", server.datagrams);
	ask(FORMERR_WITHOUT_QUESTION, SILENT, false, 1);
	EXPECT_OUTCOME(0, 1);
	EXPECT(outcome.rcode == KNOT_RCODE_FORMERR, "RCODE %u", outcome.rcode);
	ask(MALFORMED, SILENT, false, 1);
	EXPECT_OUTCOME(-EBADMSG, 0);
}

static void forgeries(void)
{
	static const enum play lies[] = { SILENT, WRONG_ID, NO_RESPONSE, OTHER_QUESTION,
					  OTHER_OPCODE };

	for (int i = 0; i < 5; i++) {
		ask(lies[i], SILENT, false, 1);
		EXPECT_OUTCOME(-ETIMEDOUT, 0);
		EXPECT(server.datagrams == 2, "asked %u times", server.datagrams);
	}
}

static void truncation(void)
{
	ask(TRUNCATED, GOOD, false, 1);
	EXPECT_OUTCOME(0, 1);
	EXPECT(server.datagrams == 1 && server.streams == 1, "%u datagrams, %u streams",
	       server.datagrams, server.streams);
	ask(TRUNCATED, TRUNCATED, false, 1);
	EXPECT_OUTCOME(-EBADMSG, 0);
	ask(TRUNCATED, CLOSES, false, 1);
	EXPECT(outcome.err == -ECONNRESET, "%d (%s)", outcome.err, outcome.why);
}

static void streams(void)
{
	ask(SILENT, GOOD, true, 1);
	EXPECT_OUTCOME(0, 1);
	EXPECT(!server.datagrams, "%u datagrams", server.datagrams);
	ask(SILENT, TWO_MESSAGES, true, 2);
	EXPECT_OUTCOME(0, 2);
	ask(SILENT, GOOD, true, 2);
	EXPECT_OUTCOME(-ECONNRESET, 1);
	ask(SILENT, HALF_MESSAGE, true, 1);
	EXPECT_OUTCOME(-ECONNRESET, 0);
	ask(SILENT, OTHER_QUESTION, true, 1);
	EXPECT_OUTCOME(-EBADMSG, 0);
	ask(SILENT, WRONG_ID, true, 1);
	EXPECT_OUTCOME(-EBADMSG, 0);
	ask(SILENT, SILENT, true, 1);
	EXPECT_OUTCOME(-ETIMEDOUT, 0);
}

static void nobody(void)
{
	union ln_addr there = server.addr;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	socklen_t len = sizeof(there.in);

	there.in.sin_port = 0;
	if (bind(fd, &there.sa, len) || getsockname(fd, &there.sa, &len))
		abort();
	close(fd);
	server.addr.in.sin_port = there.in.sin_port;
	ask(SILENT, SILENT, false, 1);
	EXPECT_OUTCOME(-ECONNREFUSED, 0);
	ask(SILENT, SILENT, true, 1);
	EXPECT_OUTCOME(-ECONNREFUSED, 0);
}

static void no_call(int err, const char *why, void *data)
{
	(void)data;
	EXPECT(false, "done() after it was cancelled: %d %s", err, why ?: "");
}

static void cancel(void)
{
	for (int by_stream = 0; by_stream < 2; by_stream++) {
		struct dns_endpoint to = { .addr = server.addr, .transport = DNS_UDP };
		uint8_t wire[512];
		struct dns_request request = {
			.to = &to, .wire = wire, .len = make_query(wire), .stream = by_stream,
			.message = on_message, .done = no_call,
		};
		struct dns_client *c;

		server.datagram = server.stream = SILENT;
		c = dns_client_ask(loop, &request);
		EXPECT(c, "%s", strerror(errno));
		uv_run(ln_server_loop(loop), UV_RUN_NOWAIT);
		dns_client_cancel(c);
		for (int i = 0; i < 3; i++)
			uv_run(ln_server_loop(loop), UV_RUN_NOWAIT);
	}
}

int main(void)
{
	static const struct ln_options options = {
		.max_connections = 16, .max_per_address = 16, .idle_ms = 60000, .workers = 1,
	};
	static const struct unit_test tests[] = {
		{ "datagrams, with forged ones before", datagrams },
		{ "nothing but forgeries is as good as silence", forgeries },
		{ "truncated: by stream", truncation },
		{ "streams that answer, or do not, or half", streams },
		{ "cancelled: done() does not come", cancel },
		{ "nobody is there", nobody },
	};
	int status;

	signal(SIGPIPE, SIG_IGN);
	loop = ln_server_new(&options);
	if (!loop)
		return 1;
	start_server();
	status = UNIT_MAIN(tests);
	ln_server_free(loop);
	return status;
}
