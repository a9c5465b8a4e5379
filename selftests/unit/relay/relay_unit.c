// SPDX-License-Identifier: GPL-2.0-or-later
/* Replies, envelopes, the queue's files, the text that DATA sends. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mail/spool.h"
#include "relay/reply.h"
#include "relay/stuff.h"
#include "unit.h"

/* --- replies --- */

static enum reply_verdict take_all(struct reply *r, const char *text, size_t *rest)
{
	size_t len = strlen(text), used;
	enum reply_verdict v;
	const char *why;

	memset(r, 0, sizeof(*r));
	do {
		v = reply_take(r, text, len, &used, &why);
		text += used;
		len -= used;
	} while (v == REPLY_MORE && used);
	*rest = len;
	return v;
}

static void replies(void)
{
	static const struct {
		const char *text;
		enum reply_verdict verdict;
		unsigned int code;
		const char *said, *status;
	} cases[] = {
		{ "220 host ESMTP\r\n", REPLY_DONE, 220, "220 host ESMTP", "2.0.0" },
		{ "250\r\n", REPLY_DONE, 250, "250", "2.0.0" },
		{ "250 \r\n", REPLY_DONE, 250, "250", "2.0.0" },
		{ "250 lf only\n", REPLY_DONE, 250, "250 lf only", "2.0.0" },
		{ "250-one\r\n250 two\r\n", REPLY_DONE, 250, "250 one two", "2.0.0" },
		{ "550 5.1.1 no\r\n", REPLY_DONE, 550, "550 5.1.1 no", "5.1.1" },
		{ "550 4.1.1 no\r\n", REPLY_DONE, 550, "550 4.1.1 no", "5.0.0" },
		{ "550 5.1.1.1 no\r\n", REPLY_DONE, 550, "550 5.1.1.1 no", "5.0.0" },
		{ "550 5.1234.1 no\r\n", REPLY_DONE, 550, "550 5.1234.1 no", "5.0.0" },
		{ "550 5. 1.1 no\r\n", REPLY_DONE, 550, "550 5. 1.1 no", "5.0.0" },
		{ "550 5.7.23\r\n", REPLY_DONE, 550, "550 5.7.23", "5.7.23" },
		{ "250 a\tb\x1b[2J\r\n", REPLY_DONE, 250, "250 a?b?[2J", "2.0.0" },
		{ "250 \xc3\xa4 \xc3\r\n", REPLY_DONE, 250, "250 ?? ?", "2.0.0" },
		{ "250 \xc3\xa4\r\n", REPLY_DONE, 250, "250 \xc3\xa4", "2.0.0" },
		{ "250-one\r\n", REPLY_MORE, 250, "250 one", NULL },
		{ "250 no end", REPLY_MORE, 0, "", NULL },
		{ "", REPLY_MORE, 0, "", NULL },
		{ "\r\n", REPLY_BAD, 0, NULL, NULL },
		{ "25 x\r\n", REPLY_BAD, 0, NULL, NULL },
		{ "2500\r\n", REPLY_BAD, 0, NULL, NULL },
		{ "250_x\r\n", REPLY_BAD, 0, NULL, NULL },
		{ "199 x\r\n", REPLY_BAD, 0, NULL, NULL },
		{ "600 x\r\n", REPLY_BAD, 0, NULL, NULL },
		{ "250-a\r\n251 b\r\n", REPLY_BAD, 0, NULL, NULL },
		{ " 250 x\r\n", REPLY_BAD, 0, NULL, NULL },
	};
	char status[ENVELOPE_STATUS_MAX + 1];
	struct reply r;
	size_t rest;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		enum reply_verdict v = take_all(&r, cases[i].text, &rest);

		EXPECT(v == cases[i].verdict, "%zu: verdict %d", i, v);
		if (v == REPLY_BAD)
			continue;
		EXPECT(r.code == cases[i].code, "%zu: code %u", i, r.code);
		EXPECT(!strcmp(r.text, cases[i].said), "%zu: text '%s'", i, r.text);
		if (!cases[i].status)
			continue;
		reply_status(&r, status);
		EXPECT(!strcmp(status, cases[i].status), "%zu: status %s", i, status);
	}
}

static void reply_bounds(void)
{
	char text[4 * REPLY_LINE_MAX];
	struct reply r = { 0 };
	const char *why;
	size_t used, rest;
	int n;

	memset(text, 'x', sizeof(text));
	memcpy(text, "250 ", 4);
	EXPECT(reply_take(&r, text, REPLY_LINE_MAX - 1, &used, &why) == REPLY_MORE && !used,
	       "a line that has not come to its end is no error yet");
	EXPECT(reply_take(&r, text, REPLY_LINE_MAX, &used, &why) == REPLY_BAD, "too long a line");
	memcpy(text + REPLY_LINE_MAX - 1, "\n", 2);
	EXPECT(take_all(&r, text, &rest) == REPLY_DONE && r.len == REPLY_TEXT_MAX,
	       "the longest line: %zu octets are kept", r.len);
	memset(&r, 0, sizeof(r));
	for (n = 0; n < REPLY_LINES_MAX; n++)
		EXPECT(reply_take(&r, "250-x\r\n", 7, &used, &why) == REPLY_MORE, "line %d", n);
	EXPECT(reply_take(&r, "250 x\r\n", 7, &used, &why) == REPLY_BAD, "too many lines");
	/* A character of two octets where the text is cut */
	memset(text, 'x', REPLY_TEXT_MAX + 10);
	memcpy(text, "250 ", 4);
	memcpy(text + REPLY_TEXT_MAX - 1, "\xc3\xa4\r\n", 5);
	EXPECT(take_all(&r, text, &rest) == REPLY_DONE && r.len == REPLY_TEXT_MAX - 1,
	       "cut in a character: %zu", r.len);
}

static void offers(void)
{
	struct reply r;
	size_t rest;

	take_all(&r, "250-PIPELINING is my name\r\n250-size 1000\r\n250-8bitmime\r\n250-SMTPUTF8\r\n"
		 "250-STARTTLS\r\n250-DSN\r\n250-AUTH CRAM-MD5 plain\r\n250-AUTH=LOGIN\r\n250 x\r\n",
		 &rest);
	EXPECT(!r.offer.pipelining, "the first line is no offer");
	EXPECT(r.offer.size && r.offer.size_max == 1000, "SIZE");
	EXPECT(r.offer.eight_bit && r.offer.utf8 && r.offer.starttls && r.offer.dsn, "keywords");
	EXPECT(r.offer.auth == (REPLY_AUTH_PLAIN | REPLY_AUTH_LOGIN), "AUTH");
	take_all(&r, "250-x\r\n250-SIZE 99999999999999999999\r\n250-SIZEX\r\n250 PIPELININGS\r\n", &rest);
	EXPECT(r.offer.size && !r.offer.size_max && !r.offer.pipelining, "what is none");
	take_all(&r, "250-x\r\n250 SIZE -1\r\n", &rest);
	EXPECT(r.offer.size && !r.offer.size_max, "a negative SIZE");
}

/* --- the text --- */

static void stuffing(void)
{
	static const char *const cases[][2] = {
		{ "", ".\r\n" },
		{ "a\r\n", "a\r\n.\r\n" },
		{ "a", "a\r\n.\r\n" },
		{ ".", "..\r\n.\r\n" },
		{ ".\r\n", "..\r\n.\r\n" },
		{ "..\r\n", "...\r\n.\r\n" },
		{ "a\r\n.b\r\n", "a\r\n..b\r\n.\r\n" },
		{ "a\n.\nb\n", "a\r\n..\r\nb\r\n.\r\n" },
		{ "a\r.\rb", "a\r\n..\r\nb\r\n.\r\n" },
		{ "a\r", "a\r\n.\r\n" },
		{ "a\r\r\nb", "a\r\n\r\nb\r\n.\r\n" },
		{ "\r\n", "\r\n.\r\n" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		size_t len = strlen(cases[i][0]);

		/* Cut at each place. */
		for (size_t cut = 0; cut <= len; cut++) {
			struct stuff s = { 0 };
			char out[64];
			size_t n = stuff(&s, out, cases[i][0], cut);

			n += stuff(&s, out + n, cases[i][0] + cut, len - cut);
			n += stuff_end(&s, out + n);
			out[n] = 0;
			EXPECT(!strcmp(out, cases[i][1]), "%zu cut at %zu: '%s'", i, cut, out);
		}
	}
}

/* --- envelopes --- */

static void fill(struct envelope *e)
{
	struct envelope_recipient *r;

	memset(e, 0, sizeof(*e));
	e->sender = strdup("ann@a.test");
	e->arrival = 1795698892577;
	e->ret = ENVELOPE_RET_HDRS;
	e->envid = strdup("a+2Bb");
	e->body = ENVELOPE_BODY_8BITMIME;
	e->utf8 = true;
	r = envelope_add(e, "x y@b.test");
	r->user = strdup("x");
	r->orcpt = strdup("rfc822;z");
	r->notify = ENVELOPE_SUCCESS;
	r->state = ENVELOPE_FAILED;
	r->attempts = 7;
	r->next = 5;
	strcpy(r->status, "5.1.1");
	r->reply = strdup("550 5.1.1 no  such\tuser ");
	envelope_add(e, "z@b.test");
}

static void envelopes(void)
{
	struct envelope e, back;
	const char *why;
	size_t len;
	char *text;

	fill(&e);
	text = envelope_format(&e, &len);
	EXPECT(text && !envelope_parse(&back, text, len, &why), "%s", why);
	EXPECT(back.n == 2 && !strcmp(back.sender, "ann@a.test") && back.ret == ENVELOPE_RET_HDRS &&
	       back.arrival == e.arrival && back.utf8 && !back.held, "of the message");
	EXPECT(!strcmp(back.recipient[0].address, "x y@b.test") &&
	       !strcmp(back.recipient[0].reply, e.recipient[0].reply) &&
	       back.recipient[0].state == ENVELOPE_FAILED && back.recipient[0].attempts == 7 &&
	       back.recipient[0].next == 5 && !back.recipient[1].reply, "of its recipients");
	envelope_clear(&back);
	for (size_t n = 0; n < len; n++)
		EXPECT(envelope_parse(&back, text, n, &why) == -EINVAL && why,
		       "cut after %zu of %zu octets", n, len);
	free(text);
	free(e.envid);
	e.envid = strdup("a\nheld 1");
	EXPECT(!envelope_format(&e, &len) && errno == EINVAL, "a line's end in a value");
	envelope_clear(&e);
	memset(&e, 0, sizeof(e));
	EXPECT(!envelope_add(&e, "") && !envelope_add(&e, "a\nb"), "an address that is none");
}

static void bad_envelopes(void)
{
	static const char *const texts[] = {
		"", "linnet-envelope 2\nsender \nrecipient x\nend\n",
		"linnet-envelope 1\nsender \nend\n", "linnet-envelope 1\nrecipient x\nend\n",
		"linnet-envelope 1\nsender \nrecipient x\nend\nmore\n",
		"linnet-envelope 1\nsender \nrecipient x\nboo 1\nend\n",
		"linnet-envelope 1\nsender \nsender a\nrecipient x\nend\n",
		"linnet-envelope 1\nsender \narrival -1\nrecipient x\nend\n",
		"linnet-envelope 1\nsender \nrecipient x\nattempts 99999999999\nend\n",
		"linnet-envelope 1\nsender \nrecipient x\nstate lost\nend\n",
		"linnet-envelope 1\nsender \nrecipient x\nstatus 9.9.9\nend\n",
		"linnet-envelope 1\nsender \nrecipient x\nnotify 16\nend\n",
		"linnet-envelope 1\nsender \nrecipient \nend\n",
	};
	struct envelope e;
	const char *why;

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		EXPECT(envelope_parse(&e, texts[i], strlen(texts[i]), &why) == -EINVAL && why,
		       "%zu was taken", i);
}

/* --- the queue's folder --- */

static char folder[] = "/tmp/relay-unit-XXXXXX";
static struct spool *spool;

static bool exists(const char *sub, const char *id)
{
	char path[100];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", sub, id);
	return !fstatat(spool_folder(spool), path, &st, 0);
}

static void put_file(const char *path)
{
	int fd = openat(spool_folder(spool), path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, "x", 1) != 1)
		abort();
	close(fd);
}

static bool count_one(const char *id, void *n)
{
	(void)id;
	++*(int *)n;
	return true;
}

static void a_message(void)
{
	char id[SPOOL_ID_LEN + 1], buffer[64];
	struct envelope e, back;
	struct spool_file *f;
	const char *why;
	uint64_t size = 0;
	size_t len;
	char *text;
	int fd, n = 0;

	fill(&e);
	f = spool_create(spool, NULL);
	strcpy(id, spool_id(f));
	EXPECT(spool_id_valid(id), "name %s", id);
	EXPECT(!spool_write(f, "a: b\r\n", 6) && !spool_write(f, "\r\nc", 3), "writing");
	EXPECT(exists("tmp", id) && !exists("msg", id), "it is not in the queue yet");
	EXPECT(!spool_recover(spool) && exists("tmp", id), "it is being written: left alone");
	EXPECT(!spool_commit(f, &e), "commit");
	EXPECT(!exists("tmp", id) && exists("msg", id) && !exists("env", id), "it is in the queue");
	fd = spool_text(spool, id, &size);
	EXPECT(fd >= 0 && size == 9 && read(fd, buffer, 9) == 9 && !memcmp(buffer, "a: b\r\n\r\nc", 9),
	       "text of %llu octets", (unsigned long long)size);
	close(fd);
	EXPECT(!spool_envelope(spool, id, &back, &why) && back.n == 2, "envelope");
	back.recipient[1].attempts = 3;
	text = envelope_format(&back, &len);
	envelope_clear(&back);
	EXPECT(!spool_update(spool, id, text, len) && exists("env", id), "update");
	free(text);
	EXPECT(!spool_envelope(spool, id, &back, &why) && back.recipient[1].attempts == 3,
	       "the new envelope");
	envelope_clear(&back);
	EXPECT(!spool_recover(spool), "nothing is left over");
	EXPECT(!spool_scan(spool, count_one, &n) && n == 1, "%d messages", n);
	EXPECT(!spool_remove(spool, id) && !exists("msg", id) && !exists("env", id), "removed");
	EXPECT(spool_envelope(spool, id, &back, &why) == -ENOENT, "it is gone");
	envelope_clear(&e);
}

static void left_over(void)
{
	struct envelope e;
	const char *why;

	put_file("tmp/0000000000000001");
	put_file("env/0000000000000002");
	put_file("msg/0000000000000003");
	EXPECT(spool_recover(spool) == 2, "removed");
	EXPECT(exists("msg", "0000000000000003"), "a message is nothing that is left over");
	EXPECT(spool_envelope(spool, "0000000000000003", &e, &why) == -EBADMSG, "it is damaged");
	EXPECT(!spool_set_aside(spool, "0000000000000003") && exists("bad", "0000000000000003"),
	       "set aside");
}

static void refusals(void)
{
	struct envelope e = { 0 };
	struct spool_file *f = spool_create(spool, "0000000000000004"), *again;
	char id[SPOOL_ID_LEN + 1], before[SPOOL_ID_LEN + 1];

	again = spool_create(spool, "0000000000000004");
	EXPECT(!again && errno == EEXIST, "the same name twice");
	EXPECT(spool_commit(f, &e) == -EINVAL && !exists("tmp", "0000000000000004") &&
	       !exists("msg", "0000000000000004"), "without recipients");
	f = spool_create(spool, NULL);
	strcpy(id, spool_id(f));
	spool_abort(f);
	EXPECT(!exists("tmp", id), "aborted");
	EXPECT(!spool_id_valid("../../etc/passwd") && !spool_id_valid("") &&
	       !spool_id_valid("000000000000000A"), "names that are none");
	spool_new_id(before);
	for (int i = 0; i < 1000; i++) {
		spool_new_id(id);
		EXPECT(strcmp(before, id) && strncmp(before, id, 9) <= 0, "%s after %s", id, before);
		strcpy(before, id);
	}
	spool_notify(spool, id);
}

static const struct unit_test tests[] = {
	{ "replies: code, text, enhanced code", replies },
	{ "replies: bounds", reply_bounds },
	{ "what EHLO offers", offers },
	{ "dots, and ends of lines that are none", stuffing },
	{ "envelopes: written and read, cut anywhere", envelopes },
	{ "envelopes that are none", bad_envelopes },
	{ "a message in the queue's folder", a_message },
	{ "what a crash leaves", left_over },
	{ "what is refused", refusals },
};

int main(void)
{
	char command[64];
	int status;

	if (!mkdtemp(folder) || !(spool = spool_open(folder)))
		return 1;
	status = UNIT_MAIN(tests);
	spool_close(spool);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command) ? 1 : status;
}
