#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A mail from one person to another: swaks to server A, A finds the other's mail server in linnet-dnsd, over protocol
253 where it is there, server B keeps it in a Maildir, mpop fetches it by linnet-pop3d. And what comes back.

On the host the servers speak TCP with each other; in a guest with the module protocol 253."""
import email
import email.policy
import importlib.util
import os
import re
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../userspace"))
for folder in ("dns", "mail"):
    sys.path.insert(0, os.path.join(HERE, folder))
# pylint: disable=wrong-import-position
import peers
from clients import CLIENT_PATIENCE, each_way, sha
from harness import MODULE, Daemon, Skip, equal, main, temporary_folder, test, until
from linnet import Smtpd
from servers import Zone

# The module of ../dns bears the same name
_spec = importlib.util.spec_from_file_location("dnsd_for_tests", os.path.join(HERE, "dns/linnet.py"))
dnsd = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(dnsd)

WORD = "ann's word"
BETWEEN = "linnet" if MODULE else "tcp"


class Pop3d(Daemon):
    """Where B's users fetch their mail."""

    def __init__(self, b):
        conf = os.path.join(b.folder, "linnet-pop3d.conf")
        with open(conf, "w", encoding="utf-8") as f:
            f.write(f'hostname = "{b.hostname}"\npop3-listen = {{"127.0.0.1:0"}}\nusers = "{b.folder}/users"\n'
                    f'mail-root = "{b.mail_root}"\nauth-without-tls = true\n')
        super().__init__("linnet-pop3d", "-c", conf, ports=())


class World:
    """Servers .a (a.test) and .b (b.test), their names in .dns, and mailboxes by .pop3."""

    def __init__(self, mx="10 mx.b.test.", b_transports="both", offer=True, more=""):
        self.temporary = temporary_folder()
        folder = self.temporary.name
        os.chmod(folder, 0o755)
        ports, self.open = {name: peers.free_port() for name in "ab"}, []
        zones = []
        for name in "ab":
            text = f"$TTL 60\n@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\nns A 127.0.0.1\nmx A 127.0.0.1\ndead A 127.0.0.9\n"
            text += f"@ MX {mx if name == 'b' else '10 mx.a.test.'}\n"
            if offer:
                text += f"_{ports['b']}._linnet.mx SVCB 1 mx port={ports['b']} key65533\n"
            path = os.path.join(folder, f"{name}.test")
            with open(path, "w", encoding="utf-8") as f:
                f.write(text + more)
            zones.append(Zone(f"{name}.test", file=path))
        try:
            self.dns = self.enter(dnsd.Dnsd(f"{folder}/dns", zones))
            self.b = self.enter(Smtpd(f"{folder}/b", hostname="mx.b.test", domains=("b.test",), ports={"smtp": ports["b"]},
                                      transports=b_transports, users={"ann": WORD, "bob": "bob's word"}, resolver=self.dns.port,
                                      relay=f'port = {ports["a"]}\nretry = {{"200ms"}}'))
            self.a = self.enter(Smtpd(f"{folder}/a", hostname="mx.a.test", domains=("a.test",), ports={"smtp": ports["a"]},
                                      users={"ann": WORD}, resolver=self.dns.port, networks=("127.0.0.0/8",),
                                      relay=f'port = {ports["b"]}\nretry = {{"200ms"}}\nconnect-time = "3s"'))
            self.pop3 = self.enter(Pop3d(self.b))
        except BaseException:
            self.__exit__(None, None, None)
            raise
        self.binary = os.path.join(folder, "binary")
        with open(self.binary, "wb") as f:
            f.write(os.urandom(70001) + bytes(range(256)))

    def enter(self, server):
        self.open.append(server)
        return server

    def swaks(self, way, *words, to="ann@b.test", service="submission", status=0):
        port = self.a.port_of(service, way.transport)
        if not port:
            raise Skip(f"no listener for {way.transport}")
        address = {"smtp": "127.0.0.1", "submission": "127.0.0.2"}[service]
        return way.run("swaks", "--server", address, "--port", str(port), "--helo", "client.test", "--from", "ann@a.test", "--to", to,
                       "--tls", "--auth", "PLAIN", "--auth-user", "ann", "--auth-password", WORD, *words, status=status)

    def between(self):
        """What carried mail from A to B."""
        return until(lambda: {m[1] for line in list(self.a.lines) if (m := re.search(r": through mx\.b\.test\S* \((\w+)", line))},
                     "a line about the connection to B")

    def mpop(self, way, folder):
        """Fetch ann's mail at B into a Maildir, as mpop does, and delete it there."""
        for sub in ("cur", "new", "tmp"):
            os.makedirs(os.path.join(folder, sub), exist_ok=True)
        port = self.pop3.port(way.transport)
        conf = os.path.join(self.b.folder, "mpoprc")
        with open(conf, "w", encoding="utf-8") as f:
            f.write(f'account default\nhost 127.0.0.1\nport {port}\nauth user\nuser ann\npassword "{WORD}"\ndelivery maildir {folder}\n'
                    f"uidls_file {self.b.folder}/uidls\nkeep off\nreceived_header off\n")
        os.chmod(conf, 0o600)
        way.run("mpop", "-C", conf)
        return peers.messages(folder)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        for server in reversed(self.open):
            server.__exit__(*(exc if exc[0] else (None, None, None)))
        self.temporary.cleanup()


@each_way("swaks, server A, MX in linnet-dnsd, server B, Maildir, linnet-pop3d, mpop: the attachment's hash is the same")
def _(way):
    with World() as w:
        w.swaks(way, "--header", "Subject: whole", "--body", ".dot\nb\u00fccher\n", "--attach-type", "application/octet-stream",
                "--attach-name", "binary", "--attach", f"@{w.binary}")
        w.b.wait_for("ann", 1, CLIENT_PATIENCE)
        equal(w.between(), {BETWEEN}, "from A to B")
        w.a.empty()
        (message,) = w.mpop(way, os.path.join(w.b.folder, "fetched")).values()
        m = email.message_from_bytes(message, policy=email.policy.default)
        (part,) = [p for p in m.walk() if p.get_filename() == "binary"]
        with open(w.binary, "rb") as f:
            equal(sha(part.get_payload(decode=True)), sha(f.read()), "attachment")
        equal(m["Subject"], "whole", "Subject")
        # The way it came, the last first (RFC 5321, 4.4); STARTTLS between servers that both have it
        received = peers.header(message, "Received")
        equal([bool(re.search(pattern, r)) for r, pattern in zip(received, (r"from mx\.a\.test.* by mx\.b\.test .*with ESMTPS\b",
                                                                            r"from client\.test.* by mx\.a\.test .*with ESMTPSA\b"))],
              [True, True], received)
        equal(peers.header(message, "Return-Path"), ["<ann@a.test>"], "sender")
        equal(w.b.maildir("ann"), {}, "left in the mailbox")


@each_way("nobody there: the bounce comes back to the sender's mailbox at A, with B's answer")
def _(way):
    with World() as w:
        w.swaks(way, "--header", "Subject: lost", to="nobody@b.test")
        (message,) = w.a.wait_for("ann", 1, CLIENT_PATIENCE).values()
        m = email.message_from_bytes(message, policy=email.policy.default)
        equal(m.get_content_type(), "multipart/report", message)
        equal(b"550 5.1.1" in message and b"nobody@b.test" in message and b"Subject: lost" in message, True, message)
        w.a.empty()
        w.b.empty()


@test("protocol 253 is in the DNS but does not answer: TCP carries it")
def _():
    with World(b_transports="tcp") as w, w.a.session() as s:
        s.hello()
        equal(str(s.message("ann@a.test", "ann@b.test", "Subject: x\n\nx\n")), "250 2.0.0", "taken")
        w.b.wait_for("ann", 1, CLIENT_PATIENCE)
        equal(w.between(), {"tcp"}, "from A to B")


@test("nothing in the DNS about protocol 253: TCP")
def _():
    with World(offer=False) as w, w.a.session() as s:
        s.hello()
        equal(str(s.message("ann@a.test", "ann@b.test", "Subject: x\n\nx\n")), "250 2.0.0", "taken")
        w.b.wait_for("ann", 1, CLIENT_PATIENCE)
        equal(w.between(), {"tcp"}, "from A to B")


@test("the first of two mail servers is dead: the second gets it; null MX: no mail, told at once")
def _():
    with World(mx="5 dead\n@ MX 10 mx") as w, w.a.session() as s:
        s.hello()
        equal(str(s.message("ann@a.test", "ann@b.test", "Subject: x\n\nx\n")), "250 2.0.0", "taken")
        w.b.wait_for("ann", 1, CLIENT_PATIENCE)
    with World(mx="0 .") as w, w.a.session() as s:
        s.hello()
        equal(str(s.message("ann@a.test", "ann@b.test", "Subject: x\n\nx\n")), "250 2.0.0", "taken")
        (bounce,) = w.a.wait_for("ann", 1, CLIENT_PATIENCE).values()
        # RFC 7505, 4.2
        equal(b"5.1.10" in bounce, True, bounce)


@test("B ends and starts again while mail waits at A; ETRN lets A begin at once")
def _():
    with World() as w:
        w.b.end()
        with w.a.session() as s:
            s.hello()
            for i in range(20):
                equal(str(s.message("ann@a.test", "ann@b.test", f"Subject: {i}\n\nx\n")), "250 2.0.0", "taken")
        equal(len(w.a.queue()), 20, "mail waits")
        w.b.restart()
        with w.a.session() as s:
            s.hello()
            s.expect("ETRN b.test", "250 2.0.0")
        w.b.wait_for("ann", 20, CLIENT_PATIENCE)
        w.a.empty()


if __name__ == "__main__":
    main()
