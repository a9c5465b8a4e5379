#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The queue manager alone: where mail goes, when again, what senders are told, and next hops that mean harm."""
import email
import email.policy
import fcntl
import json
import os
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../userspace"))
sys.path.insert(0, os.path.join(HERE, "mail"))
# pylint: disable=wrong-import-position
from harness import MODULE, PATIENCE, Skip, equal, has_protocol, main, program, temporary_folder, test, until, IPPROTO_MPTCP, IPPROTO_LINNET
from nexthop import Cut, Hop, Names

TEXT = b"Subject: hi\r\nFrom: ann@a.test\r\n\r\n.dot\r\n..dots\r\nbody\r\n"
FULL, HDRS, EIGHT = 1, 2, 2
NEVER, SUCCESS, FAILURE, DELAY = 1, 2, 4, 8


def driver(name="relay_driver"):
    # From the tree, or from where the tests were installed
    for folder in (os.path.join(HERE, "../../build/selftests/unit/relay"), os.path.join(HERE, "../../unit/relay")):
        path = os.path.join(folder, name)
        if os.access(path, os.X_OK):
            return path
    raise Skip(f"{name} is not built: make -C selftests/unit/relay")


class Manager:
    """The queue manager in a folder. @relay: options of relay { }"""

    def __init__(self, folder, relay, users=("ann",), name="relay_driver", smtp_port=25, text=""):
        self.folder, self.queue, self.driver, self.lines = folder, os.path.join(folder, "queue"), driver(name), []
        os.makedirs(self.queue, exist_ok=True)
        for user in users:
            os.makedirs(os.path.join(folder, "mail", user, "new"), exist_ok=True)
        options = {"retry": '{"10m"}', "idle-time": '"100ms"', "rescan": '"1h"', "drain-time": '"2s"', **relay}
        with open(os.path.join(folder, "conf"), "w", encoding="utf-8") as f:
            f.write(f'hostname = "a.test"\nqueue = "{self.queue}"\nmail-root = "{folder}/mail"\ndomains = {{"a.test"}}\n'
                    f'smtp-port = {smtp_port}\nrelay {{\n' + "".join(f"{k} = {v}\n" for k, v in options.items()) +
                    text + "}\n")
        self.start()

    def start(self, ready="the queue manager is at work;"):
        # A sanitizer's search for leaks wants what the sandbox does not allow
        environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}
        self.process = subprocess.Popen([self.driver, "run", os.path.join(self.folder, "conf")], text=True,
                                        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment)
        self.reader = threading.Thread(target=self._read, args=(self.process.stderr, len(self.lines)), daemon=True)
        first = len(self.lines)
        self.reader.start()
        until(lambda: any(ready in line for line in self.lines[first:]) or self.process.poll() is not None, "it to be ready")
        if self.process.poll() is not None:
            self.reader.join()
            raise AssertionError(f"it ended with {self.process.returncode}: {self.lines[first:]}")

    def _read(self, stream, _):
        for line in stream:
            self.lines.append(line.rstrip("\n"))

    def put(self, *words, text=TEXT, sender="ann@a.test"):
        """Puts a message into the queue as a server does: KEY=VALUE of the envelope, each recipient begun by to=."""
        lines, arrival = [], int(time.time() * 1000)
        for key, _, value in (w.partition("=") for w in words):
            if key == "age":
                arrival -= int(value)
            else:
                names = {"ret": ("none", "full", "hdrs"), "body": ("none", "7bit", "8bitmime")}.get(key)
                lines.append(f"{'recipient' if key == 'to' else key} {names[int(value)] if names else value}")
        # Of the message before those of its recipients
        own = [x for x in lines if x.split()[0] in ("ret", "envid", "body", "utf8")]
        envelope = "\n".join(["linnet-envelope 1", f"sender {sender}", f"arrival {arrival}", *own,
                              *(x for x in lines if x not in own), "end", ""]).encode()
        digits = "0123456789abcdefghjkmnpqrstvwxyz"
        mid = "".join(digits[arrival >> 5 * i & 31] for i in range(8, -1, -1)) + "".join(random.choices(digits, k=7))
        path = os.path.join(self.queue, "tmp", mid)
        with open(path, "wb") as f:
            fcntl.flock(f, fcntl.LOCK_EX)
            f.write(text + envelope + f"linnet-spool 1 {len(text):016x}\n".encode())
            f.flush()
            os.rename(path, os.path.join(self.queue, "msg", mid))
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.setblocking(False)
            try:
                s.sendto(mid.encode(), os.path.join(self.queue, "notify"))
            except OSError:
                pass
        return mid

    def put_by_driver(self, *words, text=TEXT, sender="ann@a.test"):
        """The same by the server's own functions."""
        done = subprocess.run([self.driver, "put", self.queue, f"sender={sender}", *words], input=text, capture_output=True,
                              check=True)
        return done.stdout.decode().strip()

    def ask(self, **question):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(PATIENCE)
            s.connect(os.path.join(self.queue, "control"))
            s.sendall(json.dumps(question).encode() + b"\n")
            return json.loads(s.makefile("rb").readline())

    def message(self, mid):
        found = [m for m in self.ask(command="list")["messages"] if m["id"] == mid]
        return found[0] if found else None

    def recipient(self, mid, n=0):
        m = self.message(mid)
        return m["recipients"][n] if m else None

    def deferred(self, mid, n=0, attempts=1):
        """The recipient after an attempt that failed for now."""
        return until(lambda: (lambda r: r and r["attempts"] >= attempts and r["state"] == "pending" and r)(self.recipient(mid, n)),
                     f"{mid} to be deferred")

    def gone(self, mid):
        until(lambda: not os.path.exists(os.path.join(self.queue, "msg", mid)), f"{mid} to leave the queue")

    def served(self, mid):
        """Gone, by more than one attempt when the machine has no time for a server of ours."""
        def look():
            r = self.recipient(mid)
            if r and r["attempts"] and r["next"] > time.time() * 1000:
                self.ask(command="flush", id=mid)
            return not r
        until(look, f"{mid} to be delivered")

    def empty(self):
        """Nothing is left of any message."""
        until(lambda: not any(os.listdir(os.path.join(self.queue, x)) for x in ("tmp", "msg", "env")), "the queue's folders to be empty")

    def mail(self, user="ann"):
        folder = os.path.join(self.folder, "mail", user, "new")
        found = []
        for name in sorted(os.listdir(folder), key=lambda n: [int(x) for x in n.split(".")]):
            with open(os.path.join(folder, name), "rb") as f:
                found.append(f.read())
        return found

    def wait_mail(self, count=1, user="ann"):
        until(lambda: len(self.mail(user)) >= count, f"{count} messages for {user}")
        # Written, but not to its end?
        until(lambda: not any(m["recipients"][0]["user"] == user for m in self.ask(command="list")["messages"]), "delivery")
        return self.mail(user)

    def report(self, count=1):
        return Report(self.wait_mail(count)[-1])

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE)
        self.reader.join()
        return self.process.returncode

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.reader.join()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        ended = self.process.poll()
        status = self.end() if ended is None else ended
        if exc[0] and exc[0] is not Skip:
            for line in [x for x in self.lines if "control: closed" not in x][-40:]:
                print("#  ", line)
        elif not exc[0] and status not in (0, -signal.SIGKILL):
            raise AssertionError(f"it ended with {status}: {self.lines[-30:]}")


class Report:
    """A multipart/report (RFC 3462), held to RFC 3464."""

    def __init__(self, data):
        # Field names and the blank line are CRLF's all the way
        if re.search(rb"[^\r]\n", data) or re.search(rb"\r[^\n]", data):
            raise AssertionError(f"a report with bare ends of line: {data!r}")
        self.data, self.message = data, email.message_from_bytes(data, policy=email.policy.SMTP)
        m = self.message
        equal(m.defects, [], "defects of the report")
        equal(m["Return-Path"], "<>", "Return-Path")
        equal(m.get_content_type(), "multipart/report", "type")
        equal(m["Auto-Submitted"], "auto-replied", "Auto-Submitted")
        for field in ("From", "To", "Subject", "Date", "Message-ID", "MIME-Version"):
            equal(len(m.get_all(field, [])), 1, f"number of {field} fields")
        self.text, self.status, self.returned = m.get_payload()
        equal(self.status.get_content_type(), f"message/{m.get_param('report-type')}", "type of the second part")
        blocks = self.status.get_payload()
        self.about, self.recipients = blocks[0], blocks[1:]
        equal(self.about["Reporting-MTA"], "dns;a.test", "Reporting-MTA")
        if not self.about["Arrival-Date"] or not self.recipients:
            raise AssertionError(f"incomplete: {self.status}")

    def of(self, address):
        found = [b for b in self.recipients if b["Final-Recipient"] == f"rfc822;{address}"]
        equal(len(found), 1, f"blocks about {address}")
        return found[0]

    def actions(self):
        return {b["Final-Recipient"].partition(";")[2]: (b["Action"], b["Status"]) for b in self.recipients}


def one_hop(hop, names):
    return {"resolver": f'"127.0.0.1:{names.port}"', "port": hop.port}


def simple(address="127.0.0.2", domain="b.test"):
    return {domain: {"MX": [(10, f"mx.{domain}")]}, f"mx.{domain}": {"A": [address]}}


class Setting:
    """A hop for b.test, a name server and a manager."""

    def __init__(self, relay=None, records=None, hop=None, **kw):
        self.stack, self.relay, self.records, self.kw, self.given = [], relay or {}, records or {}, kw, hop

    def __enter__(self):
        self.folder = temporary_folder()
        self.hop = self.given or Hop("127.0.0.2")
        self.names = Names({**simple(), **self.records})
        try:
            self.manager = Manager(self.folder.name, {**one_hop(self.hop, self.names), **self.relay}, **self.kw)
        except BaseException:
            self.hop.__exit__()
            self.names.__exit__()
            self.folder.cleanup()
            raise
        return self.manager, self.hop, self.names

    def __exit__(self, *exc):
        try:
            self.manager.__exit__(*exc)
        finally:
            self.hop.__exit__()
            self.names.__exit__()
            self.folder.cleanup()


# --- transactions ---

@test("a message: one transaction for its recipients at a domain, the text octet by octet, then it is gone")
def _():
    with Setting() as (m, hop, _):
        mid = m.put_by_driver("to=x@b.test", "to=y@B.Test")
        m.gone(mid)
        equal([(x.sender, x.to(), x.data) for x in hop.messages], [("ann@a.test", ["x@b.test", "y@B.Test"], TEXT)], "messages")
        equal(hop.messages[0].parameters, f"SIZE={len(TEXT)}", "parameters")
        m.empty()


@test("text: every octet, no last line's end, nothing at all, dots only, a long line, 3 MB")
def _():
    texts = [bytes(x for x in range(1, 256) if x not in (10, 13)) + b"\r\n", b"a: b\r\n\r\nno end", b"", b"." * 1000 + b"\r\n.\r\n..\r\n",
             b"a: b\r\n\r\n" + b"x" * 5000 + b"\r\n", b"a: b\r\n\r\n" + b".0123456789\r\n" * 250000]
    with Setting() as (m, hop, _):
        for text in texts:
            mid = m.put("to=x@b.test", f"body={EIGHT}", text=text)
            m.gone(mid)
            equal(hop.messages[-1].data == text + (b"" if not text or text.endswith(b"\r\n") else b"\r\n"), True,
                  f"{len(text)} octets came as they are")


@test("a CR or LF alone cannot end a line for one server and not for the other")
def _():
    with Setting() as (m, hop, _):
        m.gone(m.put("to=x@b.test", text=b"a: b\r\n\r\nx\n.\nMAIL FROM:<evil@b.test>\r.\r\nend\r\r\n"))
        equal([x.data for x in hop.messages], [b"a: b\r\n\r\nx\r\n.\r\nMAIL FROM:<evil@b.test>\r\n.\r\nend\r\n\r\n"], "text")


@test("without PIPELINING one command at a time; without EHLO by HELO")
def _():
    with Setting(hop=Hop("127.0.0.2", keywords=())) as (m, hop, _):
        seen = []
        hop.replies["MAIL"] = lambda s, a: seen.append(len(s.lines)) or "250 fine"
        m.gone(m.put("to=x@b.test", "to=y@b.test"))
        equal(hop.messages[0].parameters, "", "parameters")
        hop.replies["EHLO"] = "502 5.5.1 what?"
        until(lambda: not any(s.file and s.lines[-1] != "QUIT" for s in hop.sessions), "the session to end")
        m.gone(m.put("to=x@b.test"))
        equal([x.session.hello for x in hop.messages], ["EHLO", "HELO"], "greetings")


@test("many messages for a domain use few connections, no more at once than allowed")
def _():
    now, most, lock = [0], [0], threading.Lock()

    def greet(*_):
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        return "220 hop.test"

    def bye(*_):
        with lock:
            now[0] -= 1
        return "221 bye"

    with Setting({"connections-per-destination": 3, "messages-per-connection": 7, "idle-time": '"1s"'}) as (m, hop, _):
        hop.replies.update(GREETING=greet, QUIT=bye, TEXT=lambda *_: time.sleep(0.02) or "250 taken")
        # All at once
        m.process.send_signal(signal.SIGSTOP)
        ids = [m.put(f"to=x{i}@b.test") for i in range(40)]
        m.process.send_signal(signal.SIGCONT)
        for mid in ids:
            m.gone(mid)
        equal(sorted(x.to()[0] for x in hop.messages), sorted(f"x{i}@b.test" for i in range(40)), "messages")
        equal(most[0] <= 3, True, f"{most[0]} connections at once")
        counts = [sum(x.session is s for x in hop.messages) for s in hop.sessions]
        equal(max(counts) <= 7, True, f"messages by connection: {counts}")
        equal(len(hop.sessions) < 20, True, f"{len(hop.sessions)} connections")


@test("recipients that do not fit into a transaction (452) come in the next one, at once and without an attempt counted")
def _():
    with Setting() as (m, hop, _):
        hop.replies["RCPT"] = lambda s, a: ("452 4.5.3 too many recipients"
                                            if s.message and len(s.message.recipients) >= 3 else "250 2.1.5 fine")
        m.gone(m.put(*(f"to=x{i}@b.test" for i in range(10))))
        equal([len(x.to()) for x in hop.messages], [3, 3, 3, 1], "recipients of each transaction")
        equal(sorted(r for x in hop.messages for r in x.to()), sorted(f"x{i}@b.test" for i in range(10)), "recipients")


@test("nobody is accepted, DATA is: an empty text, and bounces; then the session goes on")
def _():
    with Setting() as (m, hop, _):
        hop.replies["RCPT"] = lambda s, a: "550 5.1.1 nobody" if "bad" in a else "250 2.1.5 fine"
        m.put("to=bad@b.test")
        equal(m.report().actions(), {"bad@b.test": ("failed", "5.1.1")}, "report")
        m.gone(m.put("to=good@b.test"))
        equal([x.to() for x in hop.messages], [["good@b.test"]], "messages")


@test("each recipient has its own fate: one gets it, one is refused, one comes later; who has it is left alone")
def _():
    with Setting({"retry": '{"300ms"}'}) as (m, hop, _):
        later = [True]
        hop.replies["RCPT"] = lambda s, a: ("550 5.1.1 no such user" if "no@" in a else
                                            "450 4.2.1 later" if "later@" in a and later[0] else "250 2.1.5 fine")
        mid = m.put("to=yes@b.test", "to=no@b.test", "to=later@b.test", "envid=e+2B1", "orcpt=rfc822;Later+40a.test")
        r = m.report()
        equal(r.actions(), {"no@b.test": ("failed", "5.1.1")}, "report")
        equal(r.of("no@b.test")["Diagnostic-Code"], "smtp;550 5.1.1 no such user", "diagnostic code")
        equal(r.of("no@b.test")["Remote-MTA"], "dns;mx.b.test", "remote server")
        equal(r.about["Original-Envelope-Id"], "e+1", "envelope id")
        equal(r.returned.get_content_type(), "message/rfc822", "what goes back")
        equal(r.returned.get_payload()[0]["Subject"], "hi", "of the message that goes back")
        later[0] = False
        m.gone(mid)
        equal(sorted(x.to() for x in hop.messages), [["later@b.test"], ["yes@b.test"]], "messages")
        equal(len(m.mail()), 1, "reports")


# --- where to ---

@test("MX records in their order, over what does not answer; among equals at random")
def _():
    with Hop("127.0.0.2") as good:
        records = {"b.test": {"MX": [(20, "good.test"), (10, "dead.test"), (5, "gone.test")]}, "dead.test": {"A": ["127.0.0.9"]},
                   "good.test": {"A": ["127.0.0.2"]}}
        with Setting(records=records, hop=good) as (m, hop, _):
            m.gone(m.put("to=x@b.test"))
            equal(len(hop.messages), 1, "messages")
    with Hop("127.0.0.2") as two, Hop("127.0.0.3", two.port) as three:
        records = {"b.test": {"MX": [(10, "two.test"), (10, "three.test")]}, "two.test": {"A": ["127.0.0.2"]},
                   "three.test": {"A": ["127.0.0.3"]}}
        with Setting({"idle-time": '"0"'}, records=records, hop=two) as (m, _, _):
            for _ in range(24):
                m.ask(command="flush", all=True)
                mid = m.put("to=x@b.test")
                m.gone(mid)
                # What the DNS said is kept for a while: forgotten on a flush
                held = m.put("to=x@c.test", "age=0")
                m.ask(command="flush", id=held)
                m.ask(command="delete", id=held)
                if two.messages and three.messages:
                    break
            equal(bool(two.messages and three.messages), True, "both were chosen")


@test("without MX the domain's own addresses, IPv6 first; an address literal; a domain with letters beyond ASCII")
def _():
    with Hop("127.0.0.2") as hop:
        with Hop("::1", hop.port) as six:
            records = {"only.test": {"A": ["127.0.0.2"]}, "both.test": {"A": ["127.0.0.2"], "AAAA": ["::1"]},
                       "xn--bcher-kva.test": {"A": ["127.0.0.2"]}}
            with Setting(records=records, hop=hop) as (m, _, names):
                m.gone(m.put("to=x@only.test"))
                m.gone(m.put("to=x@both.test"))
                m.gone(m.put("to=x@[127.0.0.2]"))
                m.gone(m.put("to=x@[IPv6:::1]"))
                m.gone(m.put("to=x@b\u00fccher.test", "utf8=1"))
                equal([x.to()[0] for x in hop.messages], ["x@only.test", "x@[127.0.0.2]", "x@b\u00fccher.test"], "over IPv4")
                equal([x.to()[0] for x in six.messages], ["x@both.test", "x@[IPv6:::1]"], "over IPv6")
                equal("SMTPUTF8" in hop.messages[-1].parameters, True, "SMTPUTF8")


@test("no mail: null MX, no such domain, no addresses, mail that would come back to us; each with its code")
def _():
    records = {"null.test": {"MX": [(0, ".")]}, "empty.test": {}, "void.test": {"MX": [(10, "nowhere.test")]},
               "loop.test": {"MX": [(10, "a.test"), (20, "mx.b.test")]}, "a.test": {"A": ["127.0.0.1"]},
               "own.test": {"MX": [(10, "other.test")]}, "other.test": {"A": ["127.0.0.1"]}}
    with Hop("127.0.0.2") as hop:
        with Setting(records=records, hop=hop, smtp_port=hop.port) as (m, _, _):
            for i, (domain, status) in enumerate((("null.test", "5.1.10"), ("nx.test", "5.1.2"), ("empty.test", "5.1.2"),
                                                  ("void.test", "5.4.4"), ("loop.test", "5.4.6"), ("own.test", "5.4.6")), 1):
                m.put(f"to=x@{domain}")
                equal(m.report(i).actions(), {f"x@{domain}": ("failed", status)}, domain)
            equal(hop.sessions, [], "connections")


@test("we are one of the servers: those before us are tried, those behind us never")
def _():
    records = {"b.test": {"MX": [(5, "mx.b.test"), (10, "a.test"), (20, "late.test")]}, "a.test": {"A": ["127.0.0.1"]},
               "late.test": {"A": ["127.0.0.3"]}}
    with Hop("127.0.0.2") as hop, Hop("127.0.0.3", hop.port) as late:
        with Setting(records=records, hop=hop, smtp_port=hop.port) as (m, _, _):
            hop.replies["GREETING"] = "421 4.3.2 not now"
            mid = m.put("to=x@b.test")
            equal(m.deferred(mid)["status"], "4.3.2", "status")
            equal(late.sessions, [], "connections to the server behind us")


@test("name servers that are dead, silent, or say SERVFAIL: later; a truncated answer: again over TCP")
def _():
    records = {"c.test": "SERVFAIL", "d.test": "silence", "e.test": {"MX": [(1, "mx.e.test")]}, "mx.e.test": "SERVFAIL"}
    for domains, more in ((("c", "d", "e"), {}), (("b",), {"resolver": '"127.0.0.1:9"'})):
        with Setting(more, records=records) as (m, _, _):
            ids = [m.put(f"to=x@{domain}.test") for domain in domains]
            for mid, domain in zip(ids, domains):
                r = m.deferred(mid)
                equal((r["status"], r["state"]), ("4.4.3", "pending"), f"status of {domain}.test: {r['reply']}")
    with Setting() as (m, hop, names):
        names.cut = True
        m.gone(m.put("to=x@b.test"))
        equal(("b.test", "MX", "tcp") in names.asked, True, "asked over TCP")
        equal(len(hop.messages), 1, "messages")


@test("one of two name servers is dead: the other is asked")
def _():
    with Hop("127.0.0.2") as hop, Names(simple()) as names:
        with Setting({"resolver": f'{{"127.0.0.1:9", "127.0.0.1:{names.port}"}}'}, hop=hop) as (m, _, _):
            m.gone(m.put("to=x@b.test"))
            equal(len(hop.messages), 1, "messages")


@test("routes: a host for a domain and all below it, a smarthost for the rest, with AUTH over TLS")
def _():
    with temporary_folder() as folder, Hop("127.0.0.2") as hop:
        certificate = make_certificate(folder)
        with Hop("127.0.0.3", certificate=certificate, AUTH="235 2.7.0 welcome") as smart:
            smart.keywords.append("AUTH LOGIN PLAIN")
            text = (f'route "c.test" {{ host = "127.0.0.2" port = {hop.port} }}\nroute ".d.test" {{ host = "[127.0.0.2]" port = {hop.port} }}\n'
                    f'smarthost {{ host = "127.0.0.3" port = {smart.port} tls = "encrypt" user = "joe" password = "secret" }}\n')
            with Setting(hop=hop, text=text) as (m, _, names):
                m.gone(m.put("to=x@c.test", "to=x@a.d.test"))
                m.gone(m.put("to=x@d.test", "to=x@e.test"))
                equal(sorted(r for x in hop.messages for r in x.to()), ["x@a.d.test", "x@c.test"], "by routes")
                equal([(x.to(), x.session.tls) for x in smart.messages], [(["x@d.test", "x@e.test"], True)], "by the smarthost")
                equal([x for x in smart.said() if x.startswith("AUTH")], ["AUTH PLAIN AGpvZQBzZWNyZXQ="], "AUTH")
                equal(names.asked, [], "questions")
                smart.replies["AUTH"] = "535 5.7.8 wrong"
                until(lambda: smart.sessions[-1].lines[-1] == "QUIT", "the session to end")
                equal(m.deferred(m.put("to=x@e.test"))["status"], "4.7.8", "with a wrong password")


# --- protocol 253 ---

def svcb(port=None, target=b"\0"):
    return struct.pack("!H", 1) + target + struct.pack("!HH", 65533, 0 if port is None else 2) + (
        b"" if port is None else struct.pack("!H", port))


@test("protocol 253 when the host's SVCB record says so; TCP when nobody is there")
def _():
    if MODULE:
        name, protocol = "relay_driver", IPPROTO_LINNET
    elif has_protocol(IPPROTO_MPTCP):
        name, protocol = "relay_driver_standin", IPPROTO_MPTCP
    else:
        raise Skip("neither the module is loaded nor is there a protocol to stand in")
    with Hop("127.0.0.2") as hop, Hop("127.0.0.2", protocol=protocol) as other, Hop("127.0.0.4", protocol=protocol) as away:
        record = f"_{hop.port}._linnet."
        records = {f"{record}mx.b.test": {"SVCB": [svcb(other.port)]},
                   "c.test": {"A": ["127.0.0.2"]}, f"{record}c.test": {"SVCB": [svcb(9)]},
                   "d.test": {"A": ["127.0.0.2"]}, f"{record}d.test": {"SVCB": [svcb(away.port, b"\4away\4test\0")]},
                   "away.test": {"A": ["127.0.0.4"]}, "e.test": {"A": ["127.0.0.2"]}, f"{record}e.test": {"SVCB": [b"\0\1\0\xff"]}}
        with Setting(records=records, hop=hop, name=name) as (m, _, _):
            for domain in "bcde":
                m.gone(m.put(f"to=x@{domain}.test"))
            equal([x.to()[0] for x in other.messages], ["x@b.test"], "over 253")
            equal([x.to()[0] for x in away.messages], ["x@d.test"], "over 253 to the record's target")
            equal([x.to()[0] for x in hop.messages], ["x@c.test", "x@e.test"], "over TCP")
            equal(any("(linnet)" in line for line in m.lines), True, "the log names the transport")


# --- when again, and what senders are told ---

@test("back-off as configured, then expiry: the sender learns what the last attempt met")
def _():
    with Setting({"retry": '{"200ms", "600ms"}', "expire": '"1700ms"', "delay-notice": '"0"'}) as (m, hop, _):
        times = []
        hop.replies["RCPT"] = lambda s, a: times.append(time.monotonic()) or "451 4.7.1 come again"
        mid = m.put("to=x@b.test")
        r = m.report()
        equal(r.actions(), {"x@b.test": ("failed", "4.4.7")}, "report")
        equal("come again" in r.of("x@b.test")["Diagnostic-Code"], True, "last reply")
        m.gone(mid)
        waits = [b - a for a, b in zip(times, times[1:])]
        # On a slow machine the last but one may be the last
        equal(len(times) in (4, 5), True, f"attempts, with waits of {waits}")
        for got, least in zip(waits[:-1], (0.2, 0.6, 0.6)):
            equal(got >= least - 0.01, True, f"{got} s between attempts, at least {least}")
        equal(times[-1] - times[0] >= 1.6, True, f"the last attempt after {times[-1] - times[0]} s: it is made when the time is over")
        equal(waits[-1] < waits[-2], True, f"waits of {waits}: the last attempt does not wait for its turn")


@test("delay notice: once, says until when; the message is delivered all the same")
def _():
    with Setting({"retry": '{"150ms"}', "delay-notice": '"400ms"', "expire": '"1h"'}) as (m, hop, _):
        later = [True]
        hop.replies["MAIL"] = lambda s, a: "451 4.3.0 busy" if later[0] else "250 fine"
        mid = m.put("to=x@b.test", "to=silent@b.test", f"notify={FAILURE}")
        r = m.report()
        equal(r.actions(), {"x@b.test": ("delayed", "4.3.0")}, "report: whoever asked for FAILURE only is not in it")
        equal(bool(r.of("x@b.test")["Will-Retry-Until"]), True, "until when")
        equal(r.returned.get_content_type(), "text/rfc822-headers", "what goes back")
        at = m.recipient(mid)["attempts"]
        m.deferred(mid, attempts=at + 3)
        later[0] = False
        m.gone(mid)
        equal((len(m.mail()), len(hop.messages)), (1, 1), "notices and messages")


@test("DSN: passed on to a server that knows it; else we report (RFC 3461)")
def _():
    words = ("to=x@b.test", f"notify={SUCCESS | FAILURE}", "orcpt=rfc822;Joe+2Bx@c.test", f"ret={HDRS}", "envid=id+3D1")
    with Setting() as (m, hop, _):
        m.gone(m.put(*words))
        equal(hop.messages[0].parameters.split()[1:], ["RET=HDRS", "ENVID=id+3D1"], "of MAIL")
        equal(hop.messages[0].recipients, [("x@b.test", "NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;Joe+2Bx@c.test")], "of RCPT")
        equal(m.mail(), [], "reports")
    with Setting(hop=Hop("127.0.0.2", keywords=("PIPELINING",))) as (m, hop, _):
        m.put(*words)
        r = m.report()
        equal(r.actions(), {"x@b.test": ("relayed", "2.0.0")}, "report")
        equal(r.of("x@b.test")["Original-Recipient"], "rfc822;Joe+x@c.test", "original recipient")
        equal(r.about["Original-Envelope-Id"], "id=1", "envelope id")
        equal(hop.messages[0].parameters, "", "parameters")


@test("DSN: success here, NEVER, RET, the null sender")
def _():
    with Setting() as (m, hop, _):
        m.put("to=ann@a.test", "user=ann", f"notify={SUCCESS}")
        equal(Report(m.wait_mail(2)[-1]).actions(), {"ann@a.test": ("delivered", "2.0.0")}, "report")
        hop.replies["RCPT"] = "550 5.1.1 no"
        m.gone(m.put("to=x@b.test", f"notify={NEVER}"))
        m.gone(m.put("to=x@b.test", f"notify={SUCCESS}"))
        m.gone(m.put("to=x@b.test", sender=""))
        equal(len(m.mail()), 2, "reports of what nobody wants to know")
        equal(any("could be told" in line for line in m.lines), False, "a report to the null sender was tried")
        m.put("to=x@b.test", f"ret={HDRS}")
        equal(m.report(3).returned.get_content_type(), "text/rfc822-headers", "with RET=HDRS")
        long = TEXT + b"0123456789\r\n" * 20000
        m.put("to=x@b.test", text=long)
        equal(m.report(4).returned.get_content_type(), "text/rfc822-headers", "of a long message")
        m.put("to=x@b.test", f"ret={FULL}", text=long)
        r = m.report(5)
        equal(r.returned.get_content_type(), "message/rfc822", "with RET=FULL")
        equal(len(r.returned.get_payload()[0].get_payload()) > 240000, True, "all of it")


@test("a report to a sender elsewhere goes out with the null sender, and is not reported on")
def _():
    with Setting() as (m, hop, _):
        hop.replies["RCPT"] = lambda s, a: "550 5.1.1 no" if "bad@" in a else "250 fine"
        m.put("to=bad@b.test", sender="joe@b.test")
        until(lambda: hop.messages, "the report")
        equal((hop.messages[0].sender, hop.messages[0].to()), ("", ["joe@b.test"]), "envelope")
        m.put("to=bad@b.test", sender="bad@b.test")
        until(lambda: m.ask(command="stats")["messages"] == 0, "the queue to be empty")
        equal(len(hop.messages), 1, "messages")


@test("a report about 8 bits and UTF-8 addresses (RFC 6533)")
def _():
    with Setting() as (m, hop, _):
        hop.replies["RCPT"] = lambda s, a: "550 5.1.1 n\u00e3o" if "TO:<j" in a else "250 fine"
        m.put("to=j\u00fcrgen@b.test", "utf8=1", f"body={EIGHT}", text="Subject: gr\u00fc\u00dfe\r\n\r\nb\u00e4ume\r\n".encode(),
              sender="\u00e5sa@b.test")
        until(lambda: hop.messages, "the report")
        got = hop.messages[0]
        equal(got.to(), ["\u00e5sa@b.test"], "recipient")
        equal({"BODY=8BITMIME", "SMTPUTF8"} <= set(got.parameters.split()), True, f"parameters: {got.parameters}")
        message = email.message_from_bytes(got.data, policy=email.policy.SMTPUTF8)
        equal(message.get_param("report-type"), "global-delivery-status", "report type")
        equal("Final-Recipient: utf-8;j\u00fcrgen@b.test".encode() in got.data, True, "final recipient")
        equal([p.get_content_type() for p in message.get_payload()],
              ["text/plain", "message/global-delivery-status", "message/global"], "parts")
        equal("To: <\u00e5sa@b.test>".encode() in got.data, True, "To")


@test("mailboxes here: a full one is tried again, an unknown user is not")
def _():
    with Setting({"retry": '{"200ms"}'}) as (m, _, _):
        os.makedirs(os.path.join(m.folder, "mail", "bob", "new"))
        full = os.path.join(m.folder, "mail", "bob", "full")
        with open(full, "w", encoding="ascii"):
            pass
        mid = m.put("to=bob@a.test", "user=bob", "to=eve@a.test", "user=eve")
        equal(m.report().actions(), {"eve@a.test": ("failed", "5.1.1")}, "report")
        equal(m.deferred(mid)["status"], "4.2.2", "status of the full one")
        os.unlink(full)
        m.gone(mid)
        equal(m.mail("bob")[0].endswith(TEXT), True, "text")


# --- what the next hop cannot have ---

NESTED = ("From: ann@a.test\r\nSubject: t\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=o\r\n"
          "Content-Transfer-Encoding: 8bit\r\n\r\n--o\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
          "Gr\u00fc\u00dfe = 1\r\n.\r\n--o\r\nContent-Type: multipart/alternative; boundary=i\r\n\r\n--i\r\nContent-Type: text/html; charset=utf-8\r\n"
          "Content-Transfer-Encoding: 8bit\r\n\r\n<p>\u00e9\u00e8</p>\r\n--i\r\nContent-Type: application/octet-stream\r\n"
          "Content-Transfer-Encoding: base64\r\n\r\nAAEC/w==\r\n--i--\r\n--o\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n"
          "\r\nSubject: inner\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
          "b\u00e4ume\r\n--o--\r\n").encode()


def leaves(data):
    return [(p.get_content_type(), p.get_payload(decode=True).replace(b"\r\n", b"\n").strip())
            for p in email.message_from_bytes(data).walk() if not p.is_multipart()]


@test("without 8BITMIME: parts with 8 bits become quoted-printable, parts within parts too; what is signed goes back")
def _():
    with Setting(hop=Hop("127.0.0.2", keywords=("PIPELINING", "SIZE"))) as (m, hop, _):
        m.gone(m.put("to=x@b.test", f"body={EIGHT}", text=NESTED))
        got = hop.messages[0].data
        equal(got.isascii(), True, "ASCII only")
        equal(leaves(got), leaves(NESTED), "parts")
        equal(b"8bit" in got, False, "something still claims to have 8 bits")
        m.gone(m.put("to=x@b.test", f"body={EIGHT}", text=b"Subject: gr\xc3\xbc\xc3\x9fe\r\n\r\nplain \xe4\r\n"))
        got = hop.messages[1].data
        equal(got.isascii(), True, "ASCII only, without MIME")
        equal(str(email.message_from_bytes(got, policy=email.policy.SMTP)["Subject"]), "gr\u00fc\u00dfe", "subject")
        signed = NESTED.replace(b"multipart/mixed;", b"multipart/signed; micalg=pgp-sha256; protocol=\"application/pgp-signature\";")
        m.put("to=x@b.test", f"body={EIGHT}", text=signed)
        equal(m.report().actions(), {"x@b.test": ("failed", "5.6.3")}, "report")
        equal(len(hop.messages), 2, "messages")
    with Setting() as (m, hop, _):
        m.gone(m.put("to=x@b.test", f"body={EIGHT}", text=NESTED))
        equal((hop.messages[0].data, "BODY=8BITMIME" in hop.messages[0].parameters), (NESTED, True), "where it is offered")


@test("without SMTPUTF8: addresses or a header beyond ASCII go back, a message that needs none of it does not")
def _():
    with Setting(hop=Hop("127.0.0.2", keywords=("PIPELINING", "8BITMIME"))) as (m, hop, _):
        m.put("to=j\u00fc@b.test", "to=plain@b.test", "utf8=1")
        until(lambda: m.mail(), "the report")
        equal("Status: 5.6.7" in m.mail()[0].decode(), True, "status")
        m.put("to=plain@b.test", "utf8=1", f"body={EIGHT}", text="Subject: gr\u00fcn\r\n\r\n".encode())
        equal(m.report(2).actions(), {"plain@b.test": ("failed", "5.6.9")}, "header")
        equal([(x.to(), x.parameters) for x in hop.messages], [(["plain@b.test"], "")], "messages")


@test("a message larger than the server takes goes back without being sent")
def _():
    with Setting(hop=Hop("127.0.0.2", keywords=("PIPELINING", "SIZE 1000"))) as (m, hop, _):
        m.put("to=x@b.test", text=TEXT + b"x" * 2000)
        equal(m.report().actions(), {"x@b.test": ("failed", "5.3.4")}, "report")
        equal([x for x in hop.said() if x.startswith("MAIL")], [], "MAIL")


# --- TLS ---

def make_certificate(folder, name="mx.b.test"):
    cert, key = os.path.join(folder, f"{name}.pem"), os.path.join(folder, f"{name}.key")
    try:
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                        "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}", "-out", cert, "-keyout", key],
                       check=True, stderr=subprocess.DEVNULL, timeout=5 * PATIENCE)
    except FileNotFoundError:
        raise Skip("openssl is not installed") from None
    return cert, key


@test("STARTTLS where it is offered; where it fails in the clear, unless TLS is required; certificates checked on request")
def _():
    def broken(session, _):
        session.say("220 2.0.0 go on")
        session.socket.sendall(b"this is no TLS at all\r\n")
        raise Cut

    def injected(session, _):
        session.say(b"220 2.0.0 go on\r\n250 2.0.0 in the clear\r\n")
        raise Cut

    with temporary_folder() as folder:
        good, other = make_certificate(folder), make_certificate(folder, "other.test")
        with Setting(hop=Hop("127.0.0.2", certificate=good)) as (m, hop, _):
            m.gone(m.put("to=x@b.test"))
            equal((hop.messages[0].session.tls, hop.messages[0].session.lines.count("EHLO a.test")), (True, 2), "TLS and EHLO")
            until(lambda: hop.sessions[-1].lines[-1] == "QUIT", "the session to end")
            hop.replies["STARTTLS"] = broken
            m.gone(m.put("to=x@b.test"))
            equal(hop.messages[1].session.tls, False, "TLS")
            hop.replies["STARTTLS"] = "454 4.7.0 not now"
            until(lambda: hop.sessions[-1].lines[-1] == "QUIT", "the session to end")
            m.gone(m.put("to=x@b.test"))
            equal(hop.messages[2].session.tls, False, "TLS")
        for certificate, tls, reply, goes in ((good, "encrypt", None, True), (good, "encrypt", broken, False), (good, "encrypt", injected, False),
                                              (good, "encrypt", "454 4.7.0 not now", False), (None, "encrypt", None, False),
                                              (good, "verify", None, True), (other, "verify", None, False)):
            with Setting({"tls": f'"{tls}"', "ca-file": f'"{good[0]}"'}, hop=Hop("127.0.0.2", certificate=certificate)) as (m, hop, _):
                if reply:
                    hop.replies["STARTTLS"] = reply
                mid = m.put("to=x@b.test")
                if goes:
                    m.gone(mid)
                else:
                    status = m.deferred(mid)["status"]
                    equal(status.startswith("4.7."), True, f"{tls}, {reply}: {status}")
                equal([x.session.tls for x in hop.messages], [True] * goes, f"{tls}, {certificate and certificate[0]}")


# --- next hops that mean harm ---

def endless_lines(session, _):
    while True:
        session.say(b"250-more and more and more\r\n" * 1000)


def endless_line(session, _):
    while True:
        session.say(b"250 " + b"x" * 100000)


def endless_octets(session, _):
    session.file.write(b"250-")
    while True:
        session.file.write(b"y" * 10000)
        session.file.flush()


def silent(session, _):
    session.socket.recv(1 << 20)
    time.sleep(PATIENCE)


def slow_octets(session, _):
    for c in b"220 " + b"z" * 1000:
        session.file.write(bytes([c]))
        session.file.flush()
        time.sleep(0.05)


def cut(*_):
    raise Cut


def reset(session, _):
    session.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    session.file.close()
    raise Cut


def early(session, _):
    """Answers before the text has come to its end, and goes on reading."""
    session.say("354 go on")
    session.file.read(1000)
    session.say("452 4.3.1 full")
    raise Cut


HARM = {
    "endless lines": endless_lines, "an endless line": endless_line, "an endless line in pieces": endless_octets, "silence": silent,
    "one octet now and then": slow_octets, "a cut": cut, "a reset": reset, "garbage": "HTTP/1.1 400 Bad Request", "NUL": b"2\0\0 what\r\n",
    "an empty line": b"\r\n", "a code of two digits": "25 fine", "a code above 599": "999 what", "different codes": b"250-a\r\n350 b\r\n",
    "421": "421 4.3.2 going down", "a code of the wrong kind": "354 go on",
}


@test("a hostile or broken server, at each of its replies: the message stays, the reason is told, others are served")
def _():
    cases = [(verb, name) for verb in ("GREETING", "EHLO", "MAIL", "RCPT", "DATA", "TEXT") for name in HARM]
    # 354 is what DATA is answered with
    cases.remove(("DATA", "a code of the wrong kind"))
    times = {k: '"1s"' for k in ("greeting-time", "command-time", "data-time", "data-end-time", "session-time")}
    hops = []
    with Hop("127.0.0.2") as fine:
        records = {}
        for i, (verb, name) in enumerate(cases):
            address = f"127.0.1.{i + 1}"
            hops.append(Hop(address, fine.port, **{verb: HARM[name]}))
            records.update(simple(address, f"h{i}.test"))
        try:
            with Setting({**times, "connections": 100}, records=records, hop=fine) as (m, _, _):
                ids = [m.put(f"to=x@h{i}.test") for i in range(len(cases))]
                m.served(m.put("to=x@b.test"))
                for i, (mid, case) in enumerate(zip(ids, cases)):
                    r = m.deferred(mid)
                    equal((r["attempts"], r["status"][0], bool(r["reply"])), (1, "4", True), f"{case}: {r}")
                    equal(len(r["reply"]) <= 512, True, f"{case}: length of the reason")
                with open(f"/proc/{m.process.pid}/status", encoding="ascii") as f:
                    peak = int(re.search(r"RssAnon:\s+(\d+)", f.read())[1])
                # ASan's own memory is the most of it
                equal(peak < 400000, True, f"{peak} kB of memory")
                m.served(m.put("to=y@b.test"))
        finally:
            for h in hops:
                h.__exit__()


@test("an answer in the middle of the text, or none and a cut: what was said counts, and it is not sent twice at once")
def _():
    long = TEXT + b"0123456789\r\n" * 400000
    with Setting() as (m, hop, _):
        hop.replies["DATA"] = early
        r = m.deferred(m.put("to=x@b.test", text=long))
        equal((r["attempts"], r["status"][0]), (1, "4"), f"{r}")
    records = {"b.test": {"MX": [(1, "mx.b.test"), (2, "mx2.b.test")]}, "mx2.b.test": {"A": ["127.0.0.3"]}}
    with Hop("127.0.0.2") as hop, Hop("127.0.0.3", hop.port) as second:
        with Setting(records=records, hop=hop) as (m, _, _):
            # Before the end of the text: the other server gets it. After the end: who knows?
            hop.replies["DATA"] = cut
            m.gone(m.put("to=x@b.test"))
            equal((len(hop.messages), len(second.messages)), (0, 1), "messages")
            until(lambda: second.sessions[-1].lines[-1] == "QUIT", "the session to end")
            del hop.replies["DATA"]
            hop.replies["TEXT"] = cut
            r = m.deferred(m.put("to=y@b.test"))
            equal((len(second.messages), r["attempts"]), (1, 1), "messages of the other server, attempts")


@test("a server that stops reading in the middle of a text is given up in time")
def _():
    def stop_reading(session, _):
        session.say("354 go on")
        time.sleep(PATIENCE)
        raise Cut

    with Setting({"data-time": '"600ms"', "command-time": '"5s"'}) as (m, hop, _):
        hop.replies["DATA"] = stop_reading
        hop.keywords.remove("SIZE 10000000")
        start = time.monotonic()
        r = m.deferred(m.put("to=x@b.test", text=TEXT + b"0123456789\r\n" * 1000000))
        equal(r["status"], "4.4.2", "status")
        equal(time.monotonic() - start < PATIENCE / 2, True, "in time")


# --- the queue and its tools ---

def mailq(m, *words, status=0):
    done = subprocess.run([program("linnet-mailq"), "--queue", m.queue, *words], capture_output=True, text=True, check=False, timeout=60)
    equal(done.returncode, status, f"exit status of mailq {words}: {done.stdout} {done.stderr}")
    return done.stdout


@test("mailq: list, show, text, stats, hold, release, flush, delete, by name and by address")
def _():
    with Setting(records={**simple(domain="sub.c.test"), **simple(domain="c.test")}) as (m, hop, _):
        equal(mailq(m), "The queue is empty.\n", "list")
        hop.replies["RCPT"] = "450 4.2.1 later\x1b[2J"
        ids = [m.put(f"to={to}", sender=sender) for to, sender in (("x@b.test", "ann@a.test"), ("y@b.test", "joe@a.test"), ("x@sub.c.test", ""))]
        for mid in ids:
            m.deferred(mid)
        text = mailq(m)
        equal(all(x in text for x in [*ids, "<ann@a.test>", "450 4.2.1 later?[2J", "3 messages"]), True, text)
        equal(sorted(x["id"] for x in json.loads(mailq(m, "--json"))["messages"]), sorted(ids), "as JSON")
        equal([x["id"] for x in json.loads(mailq(m, "--json", "--sender", "joe@a.test"))["messages"]], [ids[1]], "by sender")
        equal([x["id"] for x in json.loads(mailq(m, "--json", "--sender", "<>"))["messages"]], [ids[2]], "by the null sender")
        equal(sorted(x["id"] for x in json.loads(mailq(m, "--json", "--domain", "B.test"))["messages"]), sorted(ids[:2]), "by domain")
        equal([x["id"] for x in json.loads(mailq(m, "--json", "--recipient", "x@b.test"))["messages"]], [ids[0]], "by recipient")
        equal(mailq(m, "text", ids[0]), TEXT.decode().replace("\r\n", "\n"), "text")
        equal(ids[0] in mailq(m, "show", ids[0]), True, "show")
        equal("deferred" in mailq(m, "stats"), True, "stats")
        del hop.replies["RCPT"]
        equal(mailq(m, "hold", ids[0]), "1 message\n", "hold")
        until(lambda: m.message(ids[0])["held"], "it to be held")
        # @c.test is for all below it
        equal(mailq(m, "flush", "--domain", "c.test"), "0 messages\n", "flush of a domain")
        equal(mailq(m, "flush", "--domain", "@c.test"), "1 message\n", "flush of all below a domain")
        m.gone(ids[2])
        equal(mailq(m, "flush", "--all"), "1 message\n", "flush")
        m.gone(ids[1])
        equal([x.to() for x in hop.messages], [["x@sub.c.test"], ["y@b.test"]], "messages while one is held")
        # It stays held over a restart
        equal(m.end(), 0, "status")
        m.start()
        equal(m.message(ids[0])["held"], True, "held after a restart")
        equal(mailq(m, "flush", ids[0]), "0 messages\n", "flush of what is held")
        mailq(m, "release", ids[0])
        mailq(m, "flush", ids[0])
        m.gone(ids[0])
        equal(len(hop.messages), 3, "messages")
        mid = m.put("to=x@c.test", sender="")
        m.gone(mid)
        hop.replies["MAIL"] = "450 4.2.1 later"
        mid = m.put("to=x@b.test")
        m.deferred(mid)
        equal(mailq(m, "delete", mid), "1 message\n", "delete")
        m.gone(mid)
        equal(m.mail(), [], "reports of what was deleted")
        mailq(m, "show", "0000000000000000", status=65)
        mailq(m, "hold", status=64)
        mailq(m, "nonsense", status=64)
        mailq(m, "hold", "../../etc/passwd", status=64)
        held = m.put("to=x@b.test")
        m.deferred(held)
        m.end()
        equal(held in mailq(m), True, "list without a manager")
        mailq(m, "flush", "--all", status=69)


@test("what is held is not tried when its time comes, and is when it is released")
def _():
    with Setting({"retry": '{"100ms"}'}) as (m, hop, _):
        hop.replies["RCPT"] = "450 4.2.1 later"
        held, other = m.put("to=x@b.test"), m.put("to=y@b.test")
        m.deferred(held)
        m.ask(command="hold", id=held)
        until(lambda: m.message(held)["held"] and not m.message(held)["active"], "it to be held")
        before, at = m.recipient(held)["attempts"], m.recipient(other)["attempts"]
        m.deferred(other, attempts=at + 5)
        equal(m.recipient(held)["attempts"], before, "attempts while it is held")
        m.ask(command="release", id=held)
        m.deferred(held, attempts=before + 1)


@test("the control socket: what is no question, too long a one, many at once, many connections")
def _():
    with Setting() as (m, _, _):
        for question in (b"\n", b"{}\n", b"[1]\n", b'{"command": 7}\n', b'{"command": "list", "id": 3}\n', b'{"command": "boo"}\n', b"\xff\xfe\n",
                         b'{"command":"list","command":"flush"}\n', b'{"command":"delete"}\n', b'{"command":"list","domain":"' + b"x" * 3000 + b'"}\n'):
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(PATIENCE)
                s.connect(os.path.join(m.queue, "control"))
                s.sendall(question)
                reply = json.loads(s.makefile("rb").readline())
                if reply["ok"] and b"domain" not in question:
                    raise AssertionError(f"{question} was answered {reply}")
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(PATIENCE)
            s.connect(os.path.join(m.queue, "control"))
            s.sendall(b"x" * 100000)
            try:
                equal(s.recv(100), b"", "the answer to a line that does not end")
            except ConnectionResetError:
                pass
        many = [socket.socket(socket.AF_UNIX) for _ in range(100)]
        for s in many:
            s.connect(os.path.join(m.queue, "control"))
        for s in many:
            s.close()
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(PATIENCE)
            until(lambda: m.ask(command="stats")["ok"], "an answer")
            s.connect(os.path.join(m.queue, "control"))
            s.sendall(b'{"command":"stats"}\n' * 1000)
            f = s.makefile("rb")
            equal(sum(json.loads(f.readline())["ok"] for _ in range(1000)), 1000, "answers")


@test("what is damaged goes into bad/, what a crash left over is removed, what nobody told of is found")
def _():
    with Setting({"rescan": '"300ms"'}) as (m, hop, _):
        m.end()
        good = m.put("to=x@b.test")
        bad = m.put("to=y@b.test")
        path = os.path.join(m.queue, "msg", bad)
        with open(path, "r+b") as f:
            f.truncate(os.path.getsize(path) - 10)
        for place in ("tmp", "env"):
            with open(os.path.join(m.queue, place, "0000000000000001"), "wb") as f:
                f.write(b"left over")
        # An update that is damaged: the envelope that came with the message is still there
        with open(os.path.join(m.queue, "env", good), "wb") as f:
            f.write(b"linnet-envelope 1\nsender ")
        m.start()
        m.gone(good)
        equal(os.listdir(os.path.join(m.queue, "bad")), [bad], "bad/")
        m.empty()
        os.rename(os.path.join(m.queue, "notify"), os.path.join(m.queue, "elsewhere"))
        m.gone(m.put("to=z@b.test"))
        equal(len(hop.messages), 2, "messages")


@test("more new messages at once than the socket holds: none waits for the next look through the folder")
def _():
    with Setting() as (m, hop, _):
        m.process.send_signal(signal.SIGSTOP)
        ids = [m.put(f"to=x{i}@b.test") for i in range(40)]
        m.process.send_signal(signal.SIGCONT)
        for mid in ids:
            m.gone(mid)
        equal(len(hop.messages), 40, "messages")


@test("one manager to a queue: the second waits until the first has ended, and takes over")
def _():
    with Setting() as (m, hop, _):
        first, reader = m.process, m.reader
        m.start("another queue manager is at work")
        mid = m.put("to=x@b.test")
        m.gone(mid)
        first.send_signal(signal.SIGTERM)
        equal(first.wait(PATIENCE), 0, "status of the first")
        reader.join()
        until(lambda: sum("the queue manager is at work;" in line for line in m.lines) == 2, "the second to take over")
        m.gone(m.put("to=y@b.test"))
        equal(len(hop.messages), 2, "messages")


@test("SIGTERM: a transaction under way is finished, its outcome is on the disk")
def _():
    with Setting({"drain-time": '"10s"'}) as (m, hop, _):
        begun = threading.Event()

        def slow(*_):
            begun.set()
            time.sleep(0.7)
            return "250 2.0.0 taken"

        hop.replies["TEXT"] = slow
        mid = m.put("to=x@b.test")
        begun.wait(PATIENCE)
        equal(m.end(), 0, "status")
        equal(os.path.exists(os.path.join(m.queue, "msg", mid)), False, "the message is still in the queue")
        equal(len(hop.messages), 1, "messages")


@test("what an attempt has brought is on the disk: killed and started again, nobody gets it twice, attempts go on counting")
def _():
    with Setting() as (m, hop, _):
        hop.replies["RCPT"] = lambda s, a: "450 4.2.1 later" if "later@" in a else "250 2.1.5 fine"
        mid = m.put("to=yes@b.test", "to=later@b.test")
        m.deferred(mid, 1)
        until(lambda: os.path.exists(os.path.join(m.queue, "env", mid)), "the envelope to be written")
        until(lambda: not m.message(mid)["active"], "the attempt to be over")
        m.kill()
        m.start()
        r = m.message(mid)["recipients"]
        equal([(x["state"], x["attempts"]) for x in r], [("relayed", 1), ("pending", 1)], "states")
        equal(r[1]["next"] > time.time() * 1000 + 60000, True, "the next attempt is as far away as it was")
        m.ask(command="flush", id=mid)
        m.deferred(mid, 1, attempts=2)
        equal([x.to() for x in hop.messages], [["yes@b.test"]], "messages")


@test("what one server has taken is on the disk while another one of the same message is slow")
def _():
    records = simple("127.0.0.3", "slow.test")
    with Hop("127.0.0.2") as hop, Hop("127.0.0.3", hop.port, GREETING=silent):
        with Setting(records=records, hop=hop) as (m, _, _):
            mid = m.put("to=x@b.test", "to=y@slow.test", "to=ann@a.test", "user=ann")
            until(lambda: hop.messages and m.mail(), "the others to be served")
            until(lambda: os.path.exists(os.path.join(m.queue, "env", mid)), "the envelope to be written")
            until(lambda: [x["state"] for x in m.message(mid)["recipients"]] == ["relayed", "pending", "delivered"], "outcomes")

            def written():
                with open(os.path.join(m.queue, "env", mid), encoding="utf-8") as f:
                    return f.read().count("state ") == 2
            until(written, "both to be on the disk")
            m.kill()
            m.start()
            equal([x["state"] for x in m.message(mid)["recipients"]][0::2], ["relayed", "delivered"], "after a restart")


@test("killed at any time: no message is lost, each recipient who was refused is reported")
def _():
    count, kills = (400, 60) if "LAB_FULL" in os.environ else (80, 10)
    r = random.Random(7)
    with Setting({"retry": '{"50ms"}'}) as (m, hop, _):
        hop.replies["RCPT"] = lambda s, a: "550 5.1.1 no" if "bad" in a else "451 4.3.0 later" if r.random() < 0.2 else "250 fine"
        ids, done = [], 0
        for k in range(kills):
            for i in range(count // kills):
                n = len(ids)
                ids.append(m.put(f"to=good{n}@b.test", f"to=bad{n}@b.test", f"to=ann@a.test", "user=ann"))
            time.sleep(r.random() * 0.1)
            m.kill()
            m.start()
            done = k
        for mid in ids:
            m.gone(mid)
        until(lambda: m.ask(command="stats")["messages"] == 0, "the queue to be empty")
        got = [x for message in hop.messages for x in message.to()]
        missing = [n for n in range(len(ids)) if f"good{n}@b.test" not in got]
        equal(missing, [], "messages that were lost")
        reported = set(re.findall(r"Final-Recipient: rfc822;bad(\d+)@", b"".join(m.mail()).decode()))
        equal(sorted(set(range(len(ids))) - {int(x) for x in reported}), [], "refusals without a report")
        copies = sum(b"Return-Path: <ann@a.test>" in x for x in m.mail())
        equal(copies >= len(ids), True, f"{copies} of {len(ids)} messages for ann")
        m.empty()
        print(f"# {done + 1} kills, {len(ids)} messages, {len(got) - len(set(got))} duplicates")


# --- sendmail ---

class Submit(Hop):
    """A server at a UNIX socket."""

    def __init__(self, folder, **replies):  # pylint: disable=super-init-not-called
        self.keywords, self.replies, self.messages, self.sessions, self.context = list(self.KEYWORDS), dict(replies), [], [], None
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(os.path.join(folder, "submit"))
        self.listener.listen(16)
        threading.Thread(target=self._accept, daemon=True).start()


def sendmail(folder, *words, text="Subject: hi\n\nbody\n", status=0):
    done = subprocess.run([program("linnet-sendmail"), *words], input=text.encode() if isinstance(text, str) else text, capture_output=True,
                          check=False, timeout=60, env={**os.environ, "LINNET_QUEUE": folder})
    equal(done.returncode, status, f"exit status of sendmail {words}: {done.stderr.decode()}")
    return done


@test("sendmail: recipients, sender, text, dots, -t and Bcc, DSN, and options of no meaning")
def _():
    with temporary_folder() as folder, Submit(folder) as hop:
        sendmail(folder, "-f", "joe@b.test", "-F", "Joe Doe", "-oi", "-oem", "-m", "-O", "X=y", "x@b.test", "y", text="Subject: hi\n\n.\n..\nbody\n")
        got = hop.messages[-1]
        equal((got.sender, got.to()), ("joe@b.test", ["x@b.test", "y@hop.test"]), "envelope")
        equal(got.data, b'From: "Joe Doe" <joe@b.test>\r\nSubject: hi\r\n\r\n.\r\n..\r\nbody\r\n', "text")
        sendmail(folder, "-f<>", "x@b.test", text="From: a@b\n\nbody\n.\nnot sent\n")
        got = hop.messages[-1]
        equal((got.sender, got.data), ("", b"From: a@b\r\n\r\nbody\r\n"), "null sender, text up to the dot")
        sendmail(folder, "-t", "-i", "more@b.test", text='From a mailbox\nFrom: a@b\nTo: "X, Y" <x@b.test>,\n y@b.test\nCC: g: z@b.test;\nBcc: secret@b.test\n'
                 "Subject: s\n\nbody\n")
        got = hop.messages[-1]
        equal(got.to(), ["x@b.test", "y@b.test", "z@b.test", "secret@b.test", "more@b.test"], "recipients of the header")
        equal(b"secret" in got.data or b"mailbox" in got.data, False, "what must not be seen")
        sendmail(folder, "-t", text="To: a@b.test\nResent-To: r@b.test\nFrom: a@b\n\n")
        equal(hop.messages[-1].to(), ["r@b.test"], "of Resent fields")
        sendmail(folder, "-N", "success,delay", "-R", "hdrs", "-V", "id=1", "-B8BITMIME", "x@b.test", text="Subject: a\n\n\u00e4\n")
        got = hop.messages[-1]
        equal(sorted(got.parameters.split()[1:]), ["BODY=8BITMIME", "ENVID=id+3D1", "RET=hdrs"], "parameters of MAIL")
        equal(got.recipients, [("x@b.test", "NOTIFY=success,delay")], "parameters of RCPT")
        sendmail(folder, "j\u00fc@b.test", text="no header at all\n")
        got = hop.messages[-1]
        equal("SMTPUTF8" in got.parameters and got.data.endswith(b"\r\n\r\nno header at all\r\n"), True, f"{got.parameters} {got.data}")


@test("sendmail: exit codes of sysexits.h, -bs, -q, -bp")
def _():
    with temporary_folder() as folder:
        sendmail(folder, "x@b.test", status=75)
        with Submit(folder) as hop:
            hop.replies["RCPT"] = lambda s, a: "550 5.1.1 no" if "bad" in a else "450 4.2.1 later" if "later" in a else "250 fine"
            sendmail(folder, status=64)
            sendmail(folder, "-t", text="Subject: nobody\n\n", status=64)
            sendmail(folder, "-N", "sometimes", "x@b.test", status=64)
            sendmail(folder, "-R", "some", "x@b.test", status=64)
            sendmail(folder, "-bx", "x@b.test", status=64)
            sendmail(folder, "-f", "a b@c d", "x@b.test", status=64)
            sendmail(folder, "x@b@c", status=65)
            sendmail(folder, "x@b.test\r\nRCPT TO:<evil@b.test>", status=65)
            sendmail(folder, "bad@b.test", status=67)
            sendmail(folder, "later@b.test", "x@b.test", status=75)
            equal(hop.messages, [], "messages")
            done = sendmail(folder, "bad@b.test", "x@b.test", status=67)
            equal((hop.messages[-1].to(), b"bad@b.test" in done.stderr), (["x@b.test"], True), "who got it, who is named")
            hop.replies["TEXT"] = "554 5.6.0 no"
            sendmail(folder, "x@b.test", status=69)
            del hop.replies["TEXT"]
            out = sendmail(folder, "-bs", text="EHLO me\r\nQUIT\r\n").stdout
            equal((out.startswith(b"220 "), out.endswith(b"221 2.0.0 bye\r\n")), (True, True), f"{out}")
            sendmail(folder, "-bi")
            sendmail(folder, "-q", status=75)
            equal(hop.messages[-1].to(), ["x@b.test"], "nobody evil got mail")
    with Setting() as (m, hop, _):
        hop.replies["MAIL"] = "450 4.2.1 later"
        mid = m.put("to=x@b.test")
        m.deferred(mid)
        equal(mid in sendmail(m.queue, "-bp").stdout.decode(), True, "-bp")
        del hop.replies["MAIL"]
        sendmail(m.queue, "-qRb.test")
        m.gone(mid)


if __name__ == "__main__":
    for tool in ("linnet-mailq", "linnet-sendmail"):
        if not shutil.which(tool):
            os.environ["PATH"] = os.path.join(HERE, "../../build/bin") + ":" + os.environ["PATH"]
    main()
