#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""linnet-smtpd and Debian's Postfix as each other's next hop: messages, extensions, refusals, reports, and a
peer that goes away in the middle."""
import email
import email.policy
import os
import re
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../userspace"))
sys.path.insert(0, os.path.join(HERE, "mail"))
# pylint: disable=wrong-import-position
from clients import sha
from dialogue import Smtp, stuffed
from harness import PATIENCE, equal, main, temporary_folder, test, until
from linnet import Smtpd, certificate, route
import peers

LONG = 5 * PATIENCE
EIGHT = ("Subject: eight\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: 8bit\n\n--b\n"
         "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n.b\u00fccher = f\u00fcr dich\n"
         "and text that has no such letters, of which there is more than of those which do\n--b\n"
         "Content-Type: multipart/alternative; boundary=c\nContent-Transfer-Encoding: 8bit\n\n--c\nContent-Type: text/html; charset=utf-8\n"
         "Content-Transfer-Encoding: 8bit\n\n<p>\u00fcber \u20ac</p>\n--c--\n--b\nContent-Type: application/octet-stream\n"
         "Content-Transfer-Encoding: base64\nContent-Disposition: attachment; filename=x\n\nAAECAwQF\n--b--\n")


class Pair:
    """The two, with mail for each other's domain; by names: .linnet, .postfix."""

    def __init__(self, tls=True, more="", **kw):
        self.temporary = temporary_folder()
        folder = self.temporary.name
        os.chmod(folder, 0o755)
        self.port, keys = peers.free_port(), None
        try:
            if tls:
                keys = certificate(folder)
            self.postfix = peers.Postfix(f"{folder}/postfix", local={"postfix.test": ["pat", "poe"]}, routes={"linnet.test": self.port},
                                         certificate=keys, more=more)
        except BaseException:
            self.temporary.cleanup()
            raise
        try:
            self.linnet = Smtpd(f"{folder}/linnet", hostname="linnet.test", domains=("linnet.test",), networks=("127.0.0.0/8",),
                                tls=tls, ports={"smtp": self.port}, log_level="info",
                                relay='retry = {"300ms"}\n' + route("postfix.test", self.postfix.port), **kw)
        except BaseException:
            self.postfix.end()
            self.temporary.cleanup()
            raise

    def box(self, user):
        return self.postfix.maildir(user, "postfix.test")

    def to_postfix(self, text, to="pat@postfix.test", sender="ann@linnet.test", mail="", rcpt=""):
        with self.linnet.session() as s:
            s.hello()
            s.expect(f"MAIL FROM:<{sender}>{mail}", "250 2.1.0")
            s.expect(f"RCPT TO:<{to}>{rcpt}", "250 2.1.5")
            s.expect("DATA", "354")
            s.send(stuffed(text) + b".\r\n")
            equal(str(s.reply()), "250 2.0.0", "taken")

    def to_linnet(self, text, to="ann@linnet.test", sender="pat@postfix.test", mail="", rcpt=""):
        with Smtp(self.postfix.port) as s:
            s.hello()
            s.expect(f"MAIL FROM:<{sender}>{mail}", "250 2.1.0")
            s.expect(f"RCPT TO:<{to}>{rcpt}", "250 2.1.5")
            s.expect("DATA", "354")
            s.send(stuffed(text) + b".\r\n")
            equal(str(s.reply()), "250 2.0.0", "taken")

    def idle(self):
        self.linnet.empty(LONG)
        until(lambda: not self.postfix.queue(), "Postfix's queue to be empty", LONG)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.linnet.__exit__(*exc)
        self.postfix.__exit__(*exc)
        self.temporary.cleanup()


def parsed(octets):
    return email.message_from_bytes(octets, policy=email.policy.default)


def body(octets):
    return octets.replace(b"\r\n", b"\n").split(b"\n\n", 1)[1]


def parts(octets):
    """Type and hash of the contents of all parts."""
    return [(p.get_content_type(), sha(p.get_payload(decode=True).replace(b"\r\n", b"\n").strip())) for p in parsed(octets).walk()
            if not p.is_multipart()]


def report(octets, kind=""):
    """A report of delivery (RFC 3464; @kind "global-": RFC 6533): what its second part says of its first recipient."""
    m = parsed(octets)
    equal((m.get_content_type(), m.get_param("report-type")), ("multipart/report", f"{kind}delivery-status"), "a report")
    (status,) = [p for p in m.walk() if p.get_content_type() == f"message/{kind}delivery-status"]
    equal(peers.header(octets, "Return-Path"), ["<>"], "a report's sender")
    blocks = status.get_payload()
    if kind:
        # Python's email knows no such type: the first block is a header to it, the others are a body
        text = blocks[0].get_payload().replace("\r\n", "\n").strip()
        blocks = [None, email.message_from_string(text.split("\n\n")[0], policy=email.policy.default)]
    return {k.lower(): v for k, v in blocks[1].items()}


@test("to Postfix: text, dots, long lines and TLS as they should be")
def _():
    with Pair() as p:
        text = "Subject: out\nX-Long: " + "y" * 900 + "\n\n.dot\n..dots\n.\n\n" + "x" * 990 + "\nlast\n"
        p.to_postfix(text)
        (message,) = peers.wait_for_messages(p.box("pat"), 1, LONG).values()
        equal(body(message), text.split("\n\n", 1)[1].encode(), "text")
        equal(peers.header(message, "Return-Path"), ["<ann@linnet.test>"], "sender")
        received = peers.header(message, "Received")
        equal(len(received), 2, received)
        equal("with ESMTPS" in received[0] and "linnet.test" in received[0], True, f"Postfix offers STARTTLS: {received[0]}")
        p.idle()


@test("from Postfix: text, dots, TLS, pipelining")
def _():
    with Pair() as p:
        text = "Subject: in\n\n.dot\n..dots\n.\n\n" + "x" * 990 + "\nlast\n"
        p.to_linnet(text)
        (message,) = p.linnet.wait_for("ann", 1, LONG).values()
        equal(body(message), text.split("\n\n", 1)[1].encode(), "text")
        equal(peers.header(message, "Return-Path"), ["<pat@postfix.test>"], "sender")
        equal("with ESMTPS" in peers.header(message, "Received")[0], True, peers.header(message, "Received"))
        p.idle()


@test("recipients that the other refuses: a bounce to the sender with the other's words, both ways")
def _():
    with Pair() as p:
        p.to_postfix("Subject: lost\n\nlost\n", to="nobody@postfix.test")
        (message,) = p.linnet.wait_for("ann", 1, LONG).values()
        r = report(message)
        equal((r["action"], r["status"]), ("failed", "5.1.1"), r)
        equal("nobody@postfix.test" in r["final-recipient"] and "550 5.1.1" in r["diagnostic-code"], True, r)
        equal(b"Subject: lost" in message, True, "what was sent")
        p.to_linnet("Subject: lost\n\nlost\n", to="nobody@linnet.test")
        (message,) = peers.wait_for_messages(p.box("pat"), 1, LONG).values()
        r = report(message)
        equal((r["action"], r["status"]), ("failed", "5.1.1"), r)
        # A bounce that cannot be delivered ends: no bounce of a bounce
        p.to_postfix("Subject: nobody knows\n\n", sender="nobody@linnet.test", to="nobody@postfix.test")
        p.idle()
        equal((len(p.linnet.maildir("ann")), len(peers.messages(p.box("pat")))), (1, 1), "no more than these")


@test("8 bits: as they are to a peer with 8BITMIME, as quoted-printable to one without")
def _():
    for more, wanted in (("", b"8bit"), ("smtpd_discard_ehlo_keywords = 8bitmime, smtputf8, chunking", b"quoted-printable")):
        with Pair(tls=False, more=more) as p:
            p.to_postfix(EIGHT, mail=" BODY=8BITMIME")
            (message,) = peers.wait_for_messages(p.box("pat"), 1, LONG).values()
            equal(parts(message), parts(EIGHT.encode()), "contents")
            equal(wanted in message and (message.isascii() == (wanted != b"8bit")), True, message)
            p.idle()


@test("SMTPUTF8: goes to a peer that has it, comes back from one that has not")
def _():
    with Pair(tls=False) as p:
        p.to_postfix("Subject: b\u00fccher\n\n\u00fc\n", sender="j\u00fcrgen@linnet.test", mail=" SMTPUTF8 BODY=8BITMIME")
        (message,) = peers.wait_for_messages(p.box("pat"), 1, LONG).values()
        equal(peers.header(message, "Return-Path"), ["<j\u00fcrgen@linnet.test>"], "sender")
        equal(peers.header(message, "Subject"), ["b\u00fccher"], "Subject")
        p.to_linnet("Subject: b\u00fccher\n\n\u00fc\n", sender="j\u00fcrgen@postfix.test", mail=" SMTPUTF8 BODY=8BITMIME")
        (message,) = p.linnet.wait_for("ann", 1, LONG).values()
        equal(peers.header(message, "Return-Path"), ["<j\u00fcrgen@postfix.test>"], "sender")
        p.idle()
    with Pair(tls=False, more="smtputf8_enable = no") as p:
        p.to_postfix("Subject: b\u00fccher\n\n\u00fc\n", mail=" SMTPUTF8 BODY=8BITMIME", to="p\u00fct@postfix.test")
        (message,) = p.linnet.wait_for("ann", 1, LONG).values()
        # RFC 6531, 3.5
        equal(report(message, "global-")["status"], "5.6.7", message)
        p.idle()


@test("DSN: success is told by who delivers, ENVID and ORCPT go through; NEVER keeps silence")
def _():
    with Pair(tls=False) as p:
        p.to_postfix("Subject: told\n\n", mail=" RET=HDRS ENVID=our+2Bid", rcpt=" NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;first+40test")
        (message,) = p.linnet.wait_for("ann", 1, LONG).values()
        r = report(message)
        equal((r["action"], r["status"][0]), ("delivered", "2"), r)
        equal("first@test" in r["original-recipient"], True, r)
        equal(b"our+id" in message, True, "ENVID")
        p.to_linnet("Subject: told\n\n", mail=" RET=HDRS ENVID=their+2Bid", rcpt=" NOTIFY=SUCCESS ORCPT=rfc822;first+40test")
        (message,) = until(lambda: [m for m in peers.messages(p.box("pat")).values() if b"multipart/report" in m],
                           "Postfix's user to be told", LONG)
        r = report(message)
        equal((r["action"], r["status"][0]), ("delivered", "2"), r)
        equal(b"their+id" in message, True, "ENVID")
        p.to_postfix("Subject: silence\n\n", to="nobody@postfix.test", rcpt=" NOTIFY=NEVER")
        p.idle()
        equal(len([m for m in p.linnet.maildir("ann").values() if b"multipart/report" in m]), 1, "reports")


@test("200 messages each way at once, while Postfix is stopped and started: all come, twice only what was not answered")
def _():
    with Pair(tls=False) as p:
        count = 200
        with p.linnet.session() as s:
            s.hello()
            for i in range(count):
                equal(str(s.message("ann@linnet.test", "pat@postfix.test", f"Subject: out {i}\n\n")), "250 2.0.0", "taken")
                if i == count // 2:
                    # What it took it has; who is sent away tries again
                    p.postfix.end()
        until(p.linnet.queue, "mail in the queue")
        p.postfix.start()
        with Smtp(p.postfix.port) as s:
            s.hello()
            for i in range(count):
                equal(str(s.message("pat@postfix.test", "ann@linnet.test", f"Subject: in {i}\n\n")), "250 2.0.0", "taken")
        p.idle()
        for found, word in ((peers.messages(p.box("pat")), "out"), (p.linnet.maildir("ann"), "in")):
            subjects = [(int(parsed(m)["Subject"].split()[1]), m) for m in found.values() if parsed(m)["Subject"].startswith(word)]
            equal(sorted({n for n, _ in subjects}), list(range(count)), word)
            # Twice only when it was not told that the first time was good (RFC 5321, 6.1)
            for n, m in subjects:
                if sum(n == other for other, _ in subjects) > 1:
                    name = re.search(r"by linnet\.test .* id ([0-9a-z]{16})", " ".join(peers.header(m, "Received")))[1]
                    equal(word == "out" and p.linnet.has(f"{name}: to=.* deferred"), True, f"{word} {n} twice, {name}")
        equal(p.linnet.leftovers(), [], "left over")


if __name__ == "__main__":
    main()
