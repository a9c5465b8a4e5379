// SPDX-License-Identifier: GPL-2.0-or-later
/* Both ends of a TSIG exchange (RFC 8945), and what attackers and bad clocks make of it. */
#include "tsig.h"

#include <errno.h>
#include <time.h>

#include "unit.h"

#define SECRET	"MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI="
#define ANOTHER	"QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVoxMjM0NTY="

static struct dns_tsig_key key, other, weak;
static time_t skew;

/* libknot asks for the time here. */
time_t time(time_t *out)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (out)
		*out = now.tv_sec + skew;
	return now.tv_sec + skew;
}

static void make_keys(void)
{
	char why[256];

	if (dns_tsig_key_init(&key, "Transfer.Example", "hmac-sha256", SECRET, why, sizeof(why)) ||
	    dns_tsig_key_init(&other, "transfer.example", "hmac-sha256", ANOTHER, why,
			      sizeof(why)) ||
	    dns_tsig_key_init(&weak, "transfer.example", "hmac-sha1", SECRET, why, sizeof(why)))
		abort();
}

static const struct dns_tsig_key *find(const knot_dname_t *name, void *data)
{
	const struct dns_tsig_key *k = data;

	return k && knot_dname_is_case_equal(name, k->knot.name) ? k : NULL;
}

static knot_pkt_t *query(void)
{
	knot_pkt_t *p = knot_pkt_new(NULL, 4096, NULL);

	if (!p || knot_pkt_put_question(p, (const uint8_t *)"\7example", KNOT_CLASS_IN,
					KNOT_RRTYPE_AXFR))
		abort();
	knot_wire_set_id(p->wire, 4711);
	return p;
}

static void sign(struct dns_tsig *t, knot_pkt_t *p)
{
	EXPECT(!dns_tsig_sign(t, p->wire, &p->size, p->max_size), "not signed");
}

/* What goes over the wire is parsed anew; it may be spoilt on the way. */
static knot_pkt_t *deliver(knot_pkt_t *p, int spoil)
{
	static uint8_t wire[8][4096];
	static int turn;
	uint8_t *w = wire[turn++ % 8];
	knot_pkt_t *arrived;

	memcpy(w, p->wire, p->size);
	if (spoil)
		w[spoil] ^= 1;
	arrived = knot_pkt_new(w, p->size, NULL);
	if (!arrived || knot_pkt_parse(arrived, 0))
		abort();
	return arrived;
}

struct exchange {
	struct dns_tsig client, server;
	int rcode;		/* of dns_tsig_verify() */
	int err;		/* of dns_tsig_check() for the answer */
};

/* A query and an answer of one message. */
static void exchange(struct exchange *x, const struct dns_tsig_key *client,
		     const struct dns_tsig_key *server, time_t client_skew, int spoil)
{
	knot_pkt_t *q = query(), *arrived, *answer, *back;

	memset(x, 0, sizeof(*x));
	dns_tsig_begin(&x->client, client);
	skew = client_skew;
	sign(&x->client, q);
	skew = 0;
	arrived = deliver(q, spoil);
	x->rcode = dns_tsig_verify(&x->server, arrived, find, (void *)server);
	answer = query();
	knot_wire_set_qr(answer->wire);
	knot_wire_set_rcode(answer->wire, x->rcode);
	sign(&x->server, answer);
	back = deliver(answer, 0);
	skew = client_skew;
	x->err = dns_tsig_check(&x->client, back);
	skew = 0;
	knot_pkt_free(q);
	knot_pkt_free(arrived);
	knot_pkt_free(answer);
	knot_pkt_free(back);
}

static void end(struct exchange *x)
{
	dns_tsig_end(&x->client);
	dns_tsig_end(&x->server);
}

static void good(void)
{
	struct exchange x;

	exchange(&x, &key, &key, 0, 0);
	EXPECT(x.rcode == KNOT_RCODE_NOERROR && x.server.key == &key, "RCODE %d", x.rcode);
	EXPECT(!x.err && dns_tsig_complete(&x.client), "error %d", x.err);
	end(&x);
	exchange(&x, NULL, &key, 0, 0);
	EXPECT(x.rcode == KNOT_RCODE_NOERROR && !x.server.key && !x.err, "RCODE %d", x.rcode);
	end(&x);
}

/* RFC 8945 5.2: each error has a name, and the client learns it. */
static void errors(void)
{
	struct exchange x;

	exchange(&x, &key, NULL, 0, 0);
	EXPECT(x.rcode == KNOT_RCODE_NOTAUTH && x.server.error == KNOT_RCODE_BADKEY, "%d %d",
	       x.rcode, x.server.error);
	EXPECT(x.err == -EKEYREJECTED && x.client.error == KNOT_RCODE_BADKEY, "%d %d", x.err,
	       x.client.error);
	end(&x);
	exchange(&x, &key, &weak, 0, 0);	/* the right name, another algorithm */
	EXPECT(x.server.error == KNOT_RCODE_BADKEY, "%d", x.server.error);
	end(&x);
	exchange(&x, &key, &other, 0, 0);
	EXPECT(x.rcode == KNOT_RCODE_NOTAUTH && x.server.error == KNOT_RCODE_BADSIG, "%d %d",
	       x.rcode, x.server.error);
	EXPECT(x.err == -EKEYREJECTED && x.client.error == KNOT_RCODE_BADSIG, "%d %d", x.err,
	       x.client.error);
	EXPECT(!x.server.key, "a key is there that nobody proved to have");
	end(&x);
	exchange(&x, &key, &key, 0, 14);	/* a letter of the question */
	EXPECT(x.server.error == KNOT_RCODE_BADSIG, "%d", x.server.error);
	end(&x);
}

static void clocks(void)
{
	struct exchange x;

	exchange(&x, &key, &key, -299, 0);
	EXPECT(x.rcode == KNOT_RCODE_NOERROR && !x.err, "%d %d", x.rcode, x.err);
	end(&x);
	for (int sign_of = -1; sign_of <= 1; sign_of += 2) {
		exchange(&x, &key, &key, sign_of * 400, 0);
		EXPECT(x.rcode == KNOT_RCODE_NOTAUTH && x.server.error == KNOT_RCODE_BADTIME,
		       "%d %d", x.rcode, x.server.error);
		/* The answer is signed, with the client's time, so that it can be relied upon. */
		EXPECT(x.err == -EKEYREJECTED && x.client.error == KNOT_RCODE_BADTIME, "%d %d",
		       x.err, x.client.error);
		end(&x);
	}
}

/* Cut the MAC to @keep octets, in the record of a signed query. */
static void cut_mac(knot_pkt_t *p, size_t keep)
{
	size_t full = dnssec_tsig_algorithm_size(key.knot.algorithm);
	/* mac, original id, error, other length */
	uint8_t *tail = p->wire + p->size - 6, *mac = tail - full;
	uint8_t *rdlength = mac - 10 - knot_dname_size((const uint8_t *)"\13hmac-sha256") - 2;
	size_t gone = full - keep;
	uint16_t n = (rdlength[0] << 8 | rdlength[1]) - gone;

	rdlength[0] = n >> 8;
	rdlength[1] = n;
	mac[-1] = keep;
	memmove(mac + keep, tail, 6);
	p->size -= gone;
}

/* RFC 8945 5.3.2: to whom has proved to have the key, the error is said with a signature. */
static void answer_is_signed(const struct dns_tsig *client, struct dns_tsig *server, bool expected,
			     time_t client_skew)
{
	knot_pkt_t *answer = query(), *back;
	int err;

	knot_wire_set_qr(answer->wire);
	sign(server, answer);
	back = deliver(answer, 0);
	skew = client_skew;
	err = !back->tsig_rr ? KNOT_TSIG_EBADSIG :
	      knot_tsig_client_check(back->tsig_rr, back->wire, back->size, client->mac,
				     client->mac_len, &key.knot, 0);
	skew = 0;
	EXPECT(!err == expected, "%s", knot_strerror(err));
	knot_pkt_free(answer);
	knot_pkt_free(back);
}

static void truncation(void)
{
	static const struct {
		size_t keep;
		int spoil;		/* an octet of the message */
		time_t skew;
		int rcode, error;
	} cases[] = {
		{ 16, 0, 0, KNOT_RCODE_NOTAUTH, KNOT_RCODE_BADTRUNC },
		{ 31, 0, 299, KNOT_RCODE_NOTAUTH, KNOT_RCODE_BADTRUNC },
		/* 5.2: the MAC is checked first, then the time, then the policy. */
		{ 16, 14, 0, KNOT_RCODE_NOTAUTH, KNOT_RCODE_BADSIG },
		{ 16, 14, 400, KNOT_RCODE_NOTAUTH, KNOT_RCODE_BADSIG },
		{ 16, 0, 400, KNOT_RCODE_NOTAUTH, KNOT_RCODE_BADTIME },
		{ 16, 0, -400, KNOT_RCODE_NOTAUTH, KNOT_RCODE_BADTIME },
		{ 15, 0, 0, KNOT_RCODE_FORMERR, 0 }, { 0, 0, 0, KNOT_RCODE_FORMERR, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct dns_tsig client = { 0 }, server = { 0 };
		knot_pkt_t *q = query(), *arrived;
		int rcode;

		dns_tsig_begin(&client, &key);
		skew = cases[i].skew;
		sign(&client, q);
		skew = 0;
		cut_mac(q, cases[i].keep);
		arrived = deliver(q, cases[i].spoil);
		rcode = dns_tsig_verify(&server, arrived, find, &key);
		EXPECT(rcode == cases[i].rcode && server.error == cases[i].error,
		       "case %zu: RCODE %d, error %d", i, rcode, server.error);
		client.mac_len = cases[i].keep;
		answer_is_signed(&client, &server, cases[i].error == KNOT_RCODE_BADTRUNC ||
				 cases[i].error == KNOT_RCODE_BADTIME, cases[i].skew);
		knot_pkt_free(q);
		knot_pkt_free(arrived);
		dns_tsig_end(&client);
		dns_tsig_end(&server);
	}
}

/* Messages of a transfer: which are signed, and what the client makes of the last. */
static int stream(const char *signed_ones, int spoil_at, bool *complete)
{
	struct dns_tsig client = { 0 }, server = { 0 };
	knot_pkt_t *q = query(), *arrived;
	uint8_t pending[65536];
	size_t n_pending = 0;
	int err = 0;

	dns_tsig_begin(&client, &key);
	sign(&client, q);
	arrived = deliver(q, 0);
	if (dns_tsig_verify(&server, arrived, find, &key))
		abort();
	for (int i = 0; signed_ones[i] && !err; i++) {
		knot_pkt_t *m = query(), *back;

		knot_wire_set_qr(m->wire);
		memcpy(pending + n_pending, m->wire, m->size);
		n_pending += m->size;
		if (signed_ones[i] == 's' && !server.messages) {
			sign(&server, m);
			n_pending = 0;
		} else if (signed_ones[i] == 's') {
			/* As servers do that sign only now and then. */
			uint8_t mac[DNS_TSIG_MAC_BYTES];
			size_t mac_len = sizeof(mac);

			if (knot_tsig_sign_next(m->wire, &m->size, m->max_size, server.mac,
						server.mac_len, mac, &mac_len, &key.knot, pending,
						n_pending))
				abort();
			memcpy(server.mac, mac, mac_len);
			n_pending = 0;
		}
		back = deliver(m, spoil_at == i ? 2 : 0);
		err = dns_tsig_check(&client, back);
		knot_pkt_free(m);
		knot_pkt_free(back);
	}
	*complete = dns_tsig_complete(&client);
	knot_pkt_free(q);
	knot_pkt_free(arrived);
	dns_tsig_end(&client);
	dns_tsig_end(&server);
	return err;
}

static void transfers(void)
{
	char many[128];
	bool complete;
	int err;

	err = stream("sss", -1, &complete);
	EXPECT(!err && complete, "all signed: %d %d", err, complete);
	err = stream("s--s-s", -1, &complete);
	EXPECT(!err && complete, "some signed: %d %d", err, complete);
	err = stream("s--s-", -1, &complete);
	EXPECT(!err && !complete, "the last is not signed: %d %d", err, complete);
	err = stream("-s", -1, &complete);
	EXPECT(err == -EBADMSG, "the first is not signed: %d", err);
	err = stream("s--s", 1, &complete);
	EXPECT(err == -EBADMSG, "one between is spoilt: %d", err);
	err = stream("ss", 1, &complete);
	EXPECT(err == -EBADMSG, "the second is spoilt: %d", err);
	memset(many, '-', sizeof(many));
	strcpy(many + 101, "");
	*many = 's';
	err = stream(many, -1, &complete);
	EXPECT(err == -EBADMSG, "a hundred without a signature: %d", err);
}

static void bad_keys(void)
{
	static const struct {
		const char *name, *algorithm, *secret, *why;
	} cases[] = {
		{ "k", "hmac-sha3", SECRET, "unknown algorithm \"hmac-sha3\"" },
		{ "k", "hmac-sha256", "not base 64!", "base 64" },
		{ "k", "hmac-sha256", "", "base 64" },
		{ "a..b", "hmac-sha256", SECRET, "name is a domain name" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct dns_tsig_key k;
		char why[256] = "";
		int err = dns_tsig_key_init(&k, cases[i].name, cases[i].algorithm, cases[i].secret,
					    why, sizeof(why));

		EXPECT(err == -EINVAL && strstr(why, cases[i].why), "%d: %s", err, why);
	}
}

int main(void)
{
	static const struct unit_test tests[] = {
		{ "a signed exchange, and one that is not", good },
		{ "BADKEY and BADSIG", errors },
		{ "BADTIME, five minutes either way", clocks },
		{ "a MAC that was cut: BADTRUNC, or a format error", truncation },
		{ "messages of a transfer", transfers },
		{ "keys that are none", bad_keys },
	};

	make_keys();
	return UNIT_MAIN(tests);
}
