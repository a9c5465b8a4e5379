#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""linnet-smtpd killed at random under load: what was acknowledged is not lost, nothing goes to a wrong place, nothing
is half there, and twice comes only what was not acknowledged (RFC 5321, 4.2.5 and 6.1).

LAB_FULL: 200 kills. The order of system calls shows that the disk has a message before its client is told so."""
import hashlib
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../userspace"))
sys.path.insert(0, os.path.join(HERE, "mail"))
# pylint: disable=wrong-import-position
from clients import need_program
from dialogue import Closed, Smtp
from harness import PATIENCE, Skip, equal, main, temporary_folder, test, until
from linnet import Smtpd, route
import peers

KILLS = 200 if os.environ.get("LAB_FULL") else 15
USERS = {f"user{i}": "x" for i in range(5)}
SENDERS = 6


class Message:
    """@to: addresses; @acked: its 250 was seen; @tries: how often it was sent"""

    def __init__(self, name, to, text):
        self.name, self.to, self.text, self.acked, self.tries = name, to, text, False, 0


def make(r, name):
    """A message of a random size for some users at both servers, and its text's hash in it."""
    everybody = [f"{u}@{d}" for u in USERS for d in ("a.test", "b.test")]
    to = r.sample(everybody, r.choice((1, 1, 2, 3)))
    text = "".join(r.choice(("line\r\n", "..\r\n", ".dot\r\n", "x" * 70 + "\r\n")) for _ in range(r.choice((1, 5, 50, 2000))))
    return Message(name, to, f"Subject: {name}\r\nX-Hash: {hashlib.sha256(text.encode()).hexdigest()}\r\n\r\n{text}")


class Load(threading.Thread):
    """A client: what is not acknowledged it sends again, as clients do, but not for ever."""

    def __init__(self, port, number):
        super().__init__(daemon=True)
        self.port, self.number, self.messages, self.stopped, self.error = port, number, [], False, None

    def run(self):
        r = random.Random(self.number)
        try:
            while not self.stopped:
                self.session(r)
        except Exception as e:  # pylint: disable=broad-except
            self.error = e

    def session(self, r):
        try:
            with Smtp(self.port) as s:
                if s.greeting.code != 220:
                    return
                self.say(s, "EHLO client.test", "250")
                for _ in range(r.randrange(1, 8)):
                    if self.stopped:
                        return
                    last = self.messages[-1] if self.messages else None
                    if not last or last.acked or last.tries > 3:
                        last = make(r, f"{self.number}-{len(self.messages)}")
                        self.messages.append(last)
                    self.send(s, last, r)
        except (Closed, OSError):
            # It was killed: not too soon again
            time.sleep(0.02)

    @staticmethod
    def say(s, line, wanted):
        got = s(line)
        if got.code == 421:
            raise Closed(str(got))
        equal(str(got), wanted, line)

    def send(self, s, m, r):
        m.tries += 1
        self.say(s, f"MAIL FROM:<sender{self.number}@client.test>", "250 2.1.0")
        for to in m.to:
            self.say(s, f"RCPT TO:<{to}>", "250 2.1.5")
        text = m.text.encode()
        if r.random() < 0.5:
            s.send(b"BDAT %d LAST\r\n" % len(text) + text)
        else:
            self.say(s, "DATA", "354")
            s.send(re.sub(rb"(?m)^\.", b"..", text) + b".\r\n")
        reply = s.reply()
        if reply.code == 250:
            m.acked = True
        elif reply.code not in (421, 451, 452):
            raise AssertionError(f"{m.name}: {reply!r}")
        else:
            s.expect("RSET", "250 2.0.0")


class Killed:
    """A server that is killed and started again; .history is all that it said."""

    def __init__(self, server):
        self.server, self.history = server, []

    def all_of_it(self):
        self.server.kill_all()
        self.history += self.server.lines
        self.server.restart()

    def one_process(self, r):
        """A worker or the queue manager: the master starts another."""
        pids = self.server.processes()[1:]
        if not pids:
            return
        try:
            os.kill(r.choice(pids), signal.SIGKILL)
        except ProcessLookupError:
            pass

    def master(self):
        """The master alone: what it started must not stay behind it."""
        pids = self.server.processes()
        self.server.process.kill()
        self.server.process.wait()
        until(lambda: not any(peers.alive(pid) for pid in pids), "the workers of a killed master to end")
        self.server.reader.join()
        self.history += self.server.lines
        self.server.restart()

    def lines(self):
        return self.history + self.server.lines


def delivered(server, domain):
    """Who got what: {(message's name, address): [octets]}"""
    found = {}
    for user in USERS:
        for m in server.maildir(user).values():
            found.setdefault((peers.header(m, "Subject")[0], f"{user}@{domain}"), []).append(m)
    return found


NEW = "the queue manager is at work"


def check_whole(message):
    text = message.replace(b"\r\n", b"\n").split(b"\n\n", 1)[1].replace(b"\n", b"\r\n")
    equal(peers.header(message, "X-Hash"), [hashlib.sha256(text).hexdigest()], "a message that is not whole")


def check_twice(key, copies, sent, histories):
    """More than one copy: each but one is of a transaction that the client, or our queue, saw no 250 of."""
    first = Counter(re.search(r"by a\.test .*?\bid ([0-9a-z]{16})", " ".join(peers.header(m, "Received")))[1] for m in copies)
    if len(first) > sent.tries:
        raise AssertionError(f"{key}: {len(first)} copies that came in, of {sent.tries} tries")
    for name, count in first.items():
        if count == 1:
            continue
        if key[1].endswith("@a.test"):
            lines = [line for line in histories if name in line]
            raise AssertionError(f"{key}: {name} is {count} times in a mailbox here: {sent.to} {lines}")
        # After a 250 the queue sends again only if it was killed before it could keep that. A new manager's first
        # word follows all that the one before said; when it was killed is known here before its last words are.
        good, lines = 0, [line for line in histories if NEW in line or f"{name}: " in line]
        for line in lines:
            if f"to=<{key[1]}> sent" in line:
                good += 1
                equal(good <= 1, True, f"{key}: {name} was sent after its 250: {lines}")
            elif NEW in line:
                good = 0


@test(f"{KILLS} kills of a worker, the queue manager, the master or all at once, at both of two servers under load")
def _():
    r = random.Random(int(os.environ.get("LINNET_SEED", "253")))
    with temporary_folder() as folder:
        ports = {name: peers.free_port() for name in "ab"}
        common = {"users": USERS, "tls": False, "log_level": "info", "networks": ("127.0.0.0/8",)}
        retry = 'retry = {"100ms"}\n\tidle-time = "200ms"\n\trescan = "2s"\n'
        with Smtpd(f"{folder}/b", hostname="b.test", domains=("b.test",), ports={"smtp": ports["b"]}, relay=retry, **common) as b, \
                Smtpd(f"{folder}/a", hostname="a.test", domains=("a.test",), ports={"smtp": ports["a"]},
                      relay=retry + route("b.test", ports["b"]), **common) as a:
            loads = [Load(ports["a"], n) for n in range(SENDERS)]
            for load in loads:
                load.start()
            both = {"a": Killed(a), "b": Killed(b)}
            for _ in range(KILLS):
                # Whatever is under way at that time
                time.sleep(r.uniform(0.05, 0.4))
                one = both[r.choice("aaab")]
                how = r.random()
                if how < 0.45:
                    one.one_process(r)
                elif how < 0.6:
                    one.master()
                else:
                    one.all_of_it()
            for load in loads:
                load.stopped = True
            for load in loads:
                load.join(5 * PATIENCE)
                if load.error:
                    raise AssertionError(f"a client: {load.error!r}")
            sent = {m.name: m for load in loads for m in load.messages}
            for one in both.values():
                one.all_of_it()
            a.empty(5 * PATIENCE)
            b.empty(5 * PATIENCE)
            found = {**delivered(a, "a.test"), **delivered(b, "b.test")}
            lost = [(m.name, to) for m in sent.values() if m.acked for to in m.to if (m.name, to) not in found]
            equal(lost, [], f"lost of {len(sent)} messages")
            wrong = [key for key in found if key[0] not in sent or key[1] not in sent[key[0]].to]
            equal(wrong, [], "in a wrong place")
            histories, twice = both["a"].lines(), 0
            for key, copies in found.items():
                for m in copies:
                    check_whole(m)
                if len(copies) > 1:
                    twice += 1
                    check_twice(key, copies, sent[key[0]], histories)
            acked = sum(m.acked for m in sent.values())
            print(f"# {acked} messages acknowledged of {len(sent)}, {sum(map(len, found.values()))} delivered, {twice} twice")
            equal(acked > KILLS, True, "there was load")
            left = [f for f in a.leftovers() + b.leftovers() if f.startswith(("tmp/", "env/"))]
            equal(left, [], "left over in the queues")


CALL = re.compile(r"^(\d+) +(?:[\d:.]+ )?(\w+)\((.*)$")


@test("before its 250 a message is on the disk: fsync() of the file and of the folder that names it")
def _():
    strace = need_program("strace")
    with temporary_folder() as folder:
        log = os.path.join(folder, "strace")
        with Smtpd(f"{folder}/a", networks=("127.0.0.0/8",), workers=1, tls=False, relay=route("b.test", peers.free_port())) as d:
            tracers = []
            try:
                for pid in d.processes():
                    tracers.append(subprocess.Popen([strace, "-f", "-y", "-s", "200", "-o", f"{log}.{pid}", "-e",
                                                     "trace=fsync,fdatasync,rename,renameat,renameat2,link,linkat,write,writev,sendto,sendmsg,openat",
                                                     "-p", str(pid)], stderr=subprocess.PIPE))
                    # It says when it is there, or why not
                    said = tracers[-1].stderr.readline()
                    if b"ttached" not in said:
                        raise Skip(f"strace: {said.decode(errors='replace').strip()}")
                for to in ("ann@a.test", "x@b.test", "ann@a.test x@b.test"):
                    with d.session() as s:
                        s.hello()
                        equal(str(s.message("x@sender.test", to.split(), f"Subject: to {to}\n\n" + "text\n" * 100)), "250 2.0.0", to)
            finally:
                for t in tracers:
                    t.send_signal(signal.SIGINT)
                    t.wait(PATIENCE)
                    t.stderr.close()
            worker = max((f"{log}.{pid}" for pid in d.processes()), key=lambda p: b"250 2.0.0" in octets(p))
            check_order(octets(worker).decode(errors="replace").splitlines())


def octets(path):
    try:
        with open(path, "rb") as f:
            return f.read()
    except FileNotFoundError:
        return b""


def check_order(lines):
    """Between one 250 2.0.0 and the one before it: all that got a name was synced before, its folder after that."""
    messages, state = 0, {"synced": [], "named": []}
    for line in lines:
        m = CALL.match(line)
        call, rest = (m[2], m[3]) if m else ("", "")
        if call in ("fsync", "fdatasync"):
            path = re.match(r"\d+<([^>]*)>", rest)[1]
            state["synced"].append(path)
        elif call.startswith(("rename", "link")):
            folder = re.findall(r"\d+<([^>]*)>", rest)
            state["named"].append((len(state["synced"]), folder[-1] if folder else "", rest))
        elif call in ("write", "writev", "sendto", "sendmsg") and '"250 2.0.0 ' in rest:
            if "queued" not in rest and "delivered" not in rest:
                continue
            messages += 1
            equal(bool(state["named"]), True, f"a file gets its name before {rest}")
            for before, folder, text in state["named"]:
                equal(before > 0, True, f"the file is synced before its name: {text}, {state}")
                equal(any(folder == p or p.endswith(("/new", "/msg")) for p in state["synced"][before:]), True,
                      f"the folder is synced after the name: {text}, {state}")
            state = {"synced": [], "named": []}
    equal(messages, 3, "messages in the trace")


if __name__ == "__main__":
    main()
