#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""linnet-smtpd with the clients that people have: swaks, msmtp, curl, Python's smtplib, openssl s_client
and Postfix's smtp-source, as they are and by "linnet run"."""
import email
import email.policy
import os
import re
import sys
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../userspace"))
sys.path.insert(0, os.path.join(HERE, "mail"))
# pylint: disable=wrong-import-position
from clients import CLIENT_PATIENCE, LIGHT, each_way, sha
from dialogue import scram_verifier
from harness import Skip, equal, main, temporary_folder, until
from linnet import SERVICES, Smtpd, route
import peers

WORD = "ann's word"


class Server(Smtpd):
    def __init__(self, **kw):
        self.temporary = temporary_folder()
        super().__init__(self.temporary.name, lines=f"scram:{scram_verifier('its word')}\n", **kw)
        self.binary = os.path.join(self.folder, "binary")
        with open(self.binary, "wb") as f:
            f.write(bytes(range(256)) * 300)

    def at(self, way, service="smtp"):
        """Address and port."""
        port = self.port_of(service, way.transport)
        if not port:
            raise Skip(f"no listener for {way.transport}: {self.lines}")
        return SERVICES[service], str(port)

    def carried(self, way):
        found = until(lambda: {m[1] for line in list(self.lines) if (m := re.search(r"connected \((\w+)\)", line))},
                      "a line about a connection")
        equal(found, {way.transport}, "transports of the connections")

    def file(self, name, text, mode=0o600):
        self.put(name, text)
        os.chmod(os.path.join(self.folder, name), mode)
        return os.path.join(self.folder, name)

    def __exit__(self, *exc):
        super().__exit__(*exc)
        self.temporary.cleanup()


def parsed(octets):
    return email.message_from_bytes(octets, policy=email.policy.default)


def protocols(d, user):
    """The protocol names of Received fields (RFC 3848) by the messages' subjects."""
    found = {}
    for m in d.maildir(user).values():
        found[parsed(m)["Subject"]] = re.search(r"with ([A-Z0-9]+)", peers.header(m, "Received")[0])[1]
    return found


def attachment(octets):
    """The hash of a message's attachment."""
    (part,) = [p for p in parsed(octets).walk() if p.get_content_disposition() == "attachment"]
    return sha(part.get_payload(decode=True))


@each_way("swaks: plain, STARTTLS, TLS from the first octet, AUTH by PLAIN and LOGIN, pipelining, attachments")
def _(way):
    with Server() as d:
        def swaks(service, subject, *words, status=0):
            address, port = d.at(way, service)
            return way.run("swaks", "--server", address, "--port", port, "--helo", "client.test", "--from", "x@sender.test", "--to",
                           "ann@a.test", "--header", f"Subject: {subject}", "--body", "text\n.\n..\nlast", *words, status=status)
        swaks("smtp", "plain")
        swaks("smtp", "starttls", "--tls")
        swaks("smtp", "helo", "--protocol", "SMTP")
        swaks("smtp", "pipelined", "--pipeline", "--to", "bob@a.test")
        swaks("smtps", "tls", "--tls-on-connect", "--auth", "PLAIN", "--auth-user", "ann", "--auth-password", WORD)
        swaks("submission", "submission", "--tls", "--auth", "LOGIN", "--auth-user", "ann", "--auth-password", WORD)
        swaks("smtp", "attached", "--attach-type", "application/octet-stream", "--attach", f"@{d.binary}")
        # 24 and 28 are what swaks ends with when a recipient or AUTH is refused
        swaks("smtp", "nobody", "--to", "nobody@a.test", status=24)
        swaks("smtp", "relay", "--to", "x@elsewhere.test", status=24)
        swaks("smtps", "wrong", "--tls-on-connect", "--auth", "PLAIN", "--auth-user", "ann", "--auth-password", "x", status=28)
        swaks("submission", "no AUTH", "--tls", status=23)
        equal(protocols(d, "ann"), {"plain": "ESMTP", "starttls": "ESMTPS", "helo": "SMTP", "tls": "ESMTPSA", "submission": "ESMTPSA",
                                    "attached": "ESMTP"}, "what came")
        equal(protocols(d, "bob"), {"pipelined": "ESMTP"}, "what came")
        for m in d.maildir("ann").values():
            if parsed(m)["Subject"] == "attached":
                with open(d.binary, "rb") as f:
                    equal(attachment(m), sha(f.read()), "attachment")
            else:
                equal(m.replace(b"\r\n", b"\n").rstrip().endswith(b"text\n.\n..\nlast"), True, m)
        d.carried(way)


@each_way("msmtp: every mechanism that both have, over STARTTLS and TLS; -t with Bcc; an unknown recipient")
def _(way):
    with Server() as d:
        def msmtp(service, auth, user, password, text, *words, status=0):
            address, port = d.at(way, service)
            conf = d.file("msmtprc", f"account default\nhost {address}\nport {port}\ndomain client.test\nfrom ann@a.test\n"
                          f"tls on\ntls_starttls {'off' if service == 'smtps' else 'on'}\ntls_certcheck off\nauth {auth}\nuser {user}\n"
                          f"password \"{password}\"\n")
            return way.run("msmtp", "-C", conf, *words, data=text.encode(), status=status)
        for auth in ("plain", "login", "scram-sha-256"):
            for service in ("submission", "smtps"):
                try:
                    msmtp(service, auth, "scram", "its word", f"Subject: {auth} {service}\n\ntext\n", "ann@a.test")
                except AssertionError as e:
                    if "not supported" in str(e) or "invalid argument" in str(e):
                        continue
                    raise
        msmtp("submission", "plain", "ann", WORD, "To: ann@a.test\nBcc: bob@a.test\nSubject: bcc\n\n.dot\n", "-t")
        # EX_DATAERR and EX_NOPERM of sysexits.h
        msmtp("submission", "plain", "ann", WORD, "Subject: nobody\n\n", "nobody@a.test", status=65)
        msmtp("submission", "plain", "ann", "wrong", "Subject: wrong\n\n", "ann@a.test", status=77)
        found = protocols(d, "ann")
        equal({k for k in found if "scram" not in k}, {"plain submission", "plain smtps", "login submission", "login smtps", "bcc"}, "what came")
        equal(set(found.values()), {"ESMTPSA"}, "protocols")
        (bcc,) = d.maildir("bob").values()
        equal(peers.header(bcc, "Bcc"), [], "Bcc is nobody's business")
        equal(bcc.replace(b"\r\n", b"\n").endswith(b"\n\n.dot\n"), True, bcc)


@each_way("curl: SMTP and SMTPS, AUTH, several recipients, VRFY, a file of MIME parts")
def _(way):
    with Server() as d:
        text = d.file("text", "Subject: curl\r\nTo: ann@a.test\r\n\r\n.dot\r\n\r\nlast\r\n")

        def curl(scheme, service, *words, status=0):
            address, port = d.at(way, service)
            return way.run("curl", "-sS", "-k", "--max-time", str(int(CLIENT_PATIENCE)), f"{scheme}://{address}:{port}/client.test", *words,
                           status=status)
        send = ("--mail-from", "x@sender.test", "--mail-rcpt", "ann@a.test", "-T", text)
        curl("smtp", "smtp", *send, "--mail-rcpt", "bob@a.test")
        curl("smtp", "smtp", *send, "--ssl-reqd")
        for auth in ("PLAIN", "LOGIN"):
            curl("smtps", "smtps", *send, "--user", f"ann:{WORD}", "--login-options", f"AUTH={auth}")
        curl("smtp", "submission", *send, "--ssl-reqd", "--user", f"ann:{WORD}")
        curl("smtps", "smtps", *send, "--user", "ann:wrong", status=67)
        curl("smtp", "smtp", "--mail-from", "x@sender.test", "--mail-rcpt", "nobody@a.test", "-T", text, status=55)
        curl("smtp", "smtp", "--mail-from", "x@sender.test", "--mail-rcpt", "ann@a.test", "-F", "=<" + text, "-F",
             f"file=@{d.binary};encoder=base64", "-H", "Subject: parts")
        equal("252" in curl("smtp", "smtp", "--mail-rcpt", "ann@a.test").stdout.decode(), True, "VRFY")
        found = d.wait_for("ann", 6)
        with open(d.binary, "rb") as f:
            wanted = sha(f.read())
        equal([attachment(m) for m in found.values() if b"Subject: parts" in m], [wanted], "attachment")
        for m in found.values():
            equal(b"Subject: parts" in m or m.replace(b"\r\n", b"\n").endswith(b"\n\n.dot\n\nlast\n"), True, m)
        d.wait_for("bob", 1)


SMTPLIB = r'''
import smtplib, ssl, sys
from email.message import EmailMessage
smtp, submission, smtps = [a.rsplit(":", 1) for a in sys.argv[1:4]]
word, path = sys.argv[4:6]
context = ssl._create_unverified_context()
m = EmailMessage()
m["Subject"], m["From"], m["To"] = "b\u00fccher", "x@sender.test", "ann@a.test"
m.set_content(".dot\n" + "b\u00fccher " * 200 + "\n")
m.add_attachment(open(path, "rb").read(), maintype="application", subtype="octet-stream", filename="binary")
with smtplib.SMTP(smtp[0], int(smtp[1])) as s:
    s.ehlo("client.test")
    assert {"size", "8bitmime", "smtputf8", "pipelining", "chunking", "dsn", "etrn", "starttls"} <= set(s.esmtp_features), s.esmtp_features
    assert s.noop()[0] == 250 and s.verify("ann")[0] == 252 and s.rset()[0] == 250
    assert s.send_message(m) == {}
    refused = s.sendmail("x@sender.test", ["ann@a.test", "nobody@a.test"], "Subject: two\r\n\r\n")
    assert refused["nobody@a.test"][0] == 550, refused
    s.sendmail("b\u00fccher@sender.test", ["ann@a.test"], "Subject: utf8\r\n\r\n\u00fc\r\n".encode(), mail_options=["SMTPUTF8", "BODY=8BITMIME"])
    s.sendmail("", ["ann@a.test"], "Subject: null\r\n\r\n", mail_options=["RET=HDRS"], rcpt_options=["NOTIFY=NEVER"])
    try:
        s.sendmail("x@sender.test", ["x@elsewhere.test"], "Subject: relay\r\n\r\n")
        raise SystemExit("relayed")
    except smtplib.SMTPRecipientsRefused:
        pass
    s.starttls(context=context)
    s.login("ann", word)
    s.sendmail("ann@a.test", ["ann@a.test"], "Subject: starttls\r\n\r\n")
with smtplib.SMTP_SSL(smtps[0], int(smtps[1]), context=context) as s:
    try:
        s.login("ann", "wrong")
        raise SystemExit("a wrong password")
    except smtplib.SMTPAuthenticationError as e:
        assert e.smtp_code == 535
    s.login("ann", word)
    for i in range(20):
        s.sendmail("ann@a.test", ["ann@a.test"], f"Subject: {i}\r\n\r\n" + ".\r\n" * i)
with smtplib.SMTP(submission[0], int(submission[1])) as s:
    try:
        s.sendmail("ann@a.test", ["ann@a.test"], "Subject: no AUTH\r\n\r\n")
        raise SystemExit("no AUTH")
    except smtplib.SMTPSenderRefused as e:
        assert e.smtp_code == 530
'''


@each_way("Python's smtplib: messages, extensions, refusals, STARTTLS, SMTP_SSL, AUTH")
def _(way):
    with Server() as d:
        ends = [":".join(d.at(way, service)) for service in ("smtp", "submission", "smtps")]
        way.run("/usr/bin/python3", "-c", SMTPLIB, *ends, WORD, d.binary)
        found = {str(parsed(m)["Subject"]): m for m in d.wait_for("ann", 25).values()}
        equal(set(found), {"b\u00fccher", "two", "utf8", "null", "starttls", *map(str, range(20))}, "subjects")
        with open(d.binary, "rb") as f:
            equal(attachment(found["b\u00fccher"]), sha(f.read()), "attachment")
        equal(peers.header(found["utf8"], "Return-Path"), ["<b\u00fccher@sender.test>"], "RFC 6531")
        # RFC 6531, 4.3
        equal("with UTF8SMTP" in peers.header(found["utf8"], "Received")[0], True, peers.header(found["utf8"], "Received"))
        for i in range(20):
            equal(found[str(i)].replace(b"\r\n", b"\n").split(b"\n\n", 1)[1], b".\n" * i, f"message {i}")
        d.carried(way)


@each_way("openssl s_client: STARTTLS by hand, TLS 1.2 and 1.3, nothing older")
def _(way):
    with Server() as d:
        lines = ("EHLO client.test\r\nMAIL FROM:<x@sender.test>\r\nRCPT TO:<ann@a.test>\r\nDATA\r\nSubject: {}\r\n\r\nby hand\r\n.\r\nQUIT\r\n")
        address, port = d.at(way)
        for version in ("-tls1_2", "-tls1_3"):
            done = way.run("openssl", "s_client", "-connect", f"{address}:{port}", "-starttls", "smtp", version, "-quiet", "-ign_eof",
                           data=lines.format(version).encode())
            equal(re.findall(r"(?m)^(\d\d\d) ", done.stdout.decode())[-4:], ["250", "354", "250", "221"], done.stdout)
        address, port = d.at(way, "smtps")
        for version in ("-tls1", "-tls1_1"):
            way.run("openssl", "s_client", "-connect", f"{address}:{port}", version, status=1)
        equal(set(protocols(d, "ann")), {"-tls1_2", "-tls1_3"}, "what came")


@each_way("smtp-source: 1,000 messages in 20 parallel sessions to mailboxes, and on to smtp-sink as the next hop")
def _(way):
    count, sessions = (100, 10) if LIGHT else (1000, 20)
    source = peers.DEBIAN.find("smtp-source")
    with temporary_folder() as folder:
        os.chmod(folder, 0o755)
        with peers.Sink(folder) as sink, Server(networks=("127.0.0.0/8",), relay=route("sink.test", sink.port), log_level="info") as d:
            address, port = d.at(way)

            def run(*words):
                start = time.monotonic()
                way.run(source, "-s", str(sessions), "-m", str(count), "-f", "x@sender.test", *words, f"{address}:{port}",
                        env=peers.DEBIAN.environment())
                return time.monotonic() - start
            taken = run("-t", "ann@a.test")
            equal(len(d.maildir("ann")), count, "delivered when the last 250 was there")
            print(f"# {count / taken:.0f} messages a second delivered (fsync), {sessions} sessions")
            # -N puts a number of its own before each recipient
            taken = run("-N", "-l", "4000", "-t", "x@sink.test")
            print(f"# {count / taken:.0f} messages a second into the queue (fsync) beside their delivery")
            d.empty()
            got = []
            for path in sink.messages():
                with open(path, encoding="latin-1") as f:
                    text = f.read()
                got += re.findall(r"(?m)^X-Rcpt-Args: <(\d+)x@sink\.test>", text)
                equal(len(text) > 4000, True, f"{path}: {len(text)} octets")
            equal(len(got), count, "came to the next hop")
            equal(len(set(got)), count, "each once")
            # Many recipients in one transaction: one copy each
            way.run(source, "-s", "2", "-m", "10", "-r", "50", "-N", "-f", "x@sender.test", "-t", "y@sink.test", f"{address}:{port}",
                    env=peers.DEBIAN.environment())
            d.empty()
            text = ""
            for path in sink.messages():
                with open(path, encoding="latin-1") as f:
                    text += f.read()
            equal(len(set(re.findall(r"(?m)^X-Rcpt-Args: <(\d+)y@sink\.test>", text))), 500, "recipients")
            equal(d.leftovers(), [], "left over")


if __name__ == "__main__":
    main()
