#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Hostile and broken SMTP: smuggling, lines without an end, floods of errors, slow peers, lies about
sizes, guessed passwords, loops, disks and mailboxes that are full, name servers that are dead.

Whatever comes, a good client is served afterwards, nothing of what was refused is delivered, and
what cannot be done now is put off, not lost."""
import os
import random
import re
import resource
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../userspace"))
sys.path.insert(0, os.path.join(HERE, "mail"))
# pylint: disable=wrong-import-position
from dialogue import Closed, b64, plain
from harness import PATIENCE, Skip, equal, main, temporary_folder, test, until
from linnet import Smtpd, crypted, route
import peers

WORD = "ann's word"
ENVELOPE = b"EHLO client.test\r\nMAIL FROM:<x@sender.test>\r\nRCPT TO:<ann@a.test>\r\n"
# What a smuggler wants to be taken for a message of its own
STOWAWAY = b"MAIL FROM:<ceo@a.test>\r\nRCPT TO:<bob@a.test>\r\nDATA\r\nSubject: smuggled\r\n\r\nsmuggled\r\n.\r\n"

AGAIN = 'retry = {"200ms"}\n'


class Server(Smtpd):
    def __init__(self, **kw):
        self.temporary = temporary_folder()
        super().__init__(self.temporary.name, **kw)

    def __exit__(self, *exc):
        super().__exit__(*exc)
        self.temporary.cleanup()

    def serves(self, user="bob"):
        """A good client is served."""
        before = len(self.maildir(user))
        with self.session() as s:
            s.hello()
            equal(str(s.message("good@sender.test", f"{user}@a.test", "Subject: good\n\ngood\n")), "250 2.0.0", "a good client")
        self.wait_for(user, before + 1)


def ready(s):
    """To the place where a message is to come."""
    s.hello()
    s.envelope("x@sender.test", "ann@a.test")
    s.expect("DATA", "354")


# --- smuggling ---
ENDS = [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n", b"\r\n.\r", b"\r\r\n.\r\r\n", b"\n\r.\r\n", b"\r\n\0.\r\n", b"\r\n.\0\r\n",
        b"\r\n.\r\r\n", b"\r\n. \r\n", b"\n\n.\r\n", b"\r\n\r.\r\n", b"\x85.\x85", b"\xe2\x80\xa8.\xe2\x80\xa8", b"\n.\r", b"\r\n.\n\r\n", b"\r.\n"]


@test(f"smuggling: {len(ENDS)} false ends of a message, in one piece and octet by octet: none ends it")
def _():
    with Server() as d:
        for end in ENDS:
            for step in (None, 1):
                with d.session() as s:
                    ready(s)
                    data = b"Subject: carrier\r\n\r\ncarrier" + end + STOWAWAY
                    for i in range(0, len(data), step or len(data)):
                        s.send(data[i:i + (step or len(data))])
                    got = s.reply()
                    # A CR, LF or NUL that is none of a text's: the message is refused whole; else it is one message
                    bad = re.search(rb"\r(?!\n)|(?<!\r)\n|\0", end)
                    equal(got.code, 550 if bad else 250, f"{end!r}: {got!r}")
                    try:
                        s.expect("NOOP", "250 2.0.0")
                    except Closed:
                        pass
        equal(d.maildir("bob"), {}, "smuggled to bob")
        for message in d.maildir("ann").values():
            equal(b"carrier" in message and message.count(b"Subject: smuggled") == 1, True, message)
        d.serves()


@test("bare CR and LF at every place of a message: refused, and the session goes on")
def _():
    good = b"Subject: x\r\nX-Other: y\r\n\r\nfirst\r\n..second\r\nthird\r\n"
    with Server() as d:
        for bare in (b"\r", b"\n"):
            with d.session() as s:
                s.hello()
                for place in range(len(good) + 1):
                    # Beside its partner it would be a CRLF more or the same
                    bad = good[:place] + bare + good[place:]
                    if not re.search(rb"\r(?!\n)|(?<!\r)\n", bad) or bad.endswith(b"\r"):
                        continue
                    s.envelope("x@sender.test", "ann@a.test")
                    s.expect("DATA", "354")
                    s.send(bad + b"\r\n.\r\n")
                    got = s.reply()
                    equal(got.code // 100, 5, f"{bare!r} at {place}: {got!r}")
        equal(d.maildir("ann"), {}, "delivered")
        d.serves()


@test("bare CR, LF and NUL in commands: 5xx each, and never taken for an end of line")
def _():
    with Server() as d:
        for bad in (b"NOOP\rNOOP\r\n", b"NOOP\nNOOP\r\n", b"NO\0OP\r\n", b"\rNOOP\r\n", b"NOOP\r\r\n", b"NOOP x\ny\r\n",
                    b"MAIL FROM:<x@sender.test>\nRCPT TO:<ann@a.test>\r\n", b"MAIL FROM:<x@sender.test>\rRCPT TO:<ann@a.test>\r\n"):
            with d.session() as s:
                s.hello()
                s.send(bad)
                equal(s.reply().code // 100, 5, bad)
                try:
                    s.expect("RCPT TO:<ann@a.test>", "503 5.5.1")
                    s.expect("QUIT", "221 2.0.0")
                except Closed:
                    pass
        d.serves()


@test("HTTP of a browser that was tricked: sent away at once")
def _():
    with Server() as d:
        for request in (b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", b"POST / HTTP/1.1\r\nContent-Length: 500\r\n\r\nEHLO x\r\nMAIL FROM:<>\r\n"):
            with d.session() as s:
                s.send(request + ENVELOPE + b"DATA\r\nx\r\n.\r\n")
                replies = s.drain()
                equal([r.code for r in replies], [421], replies)
        equal(d.maildir("ann"), {}, "delivered")
        d.serves()


# --- sizes ---


@test("lines without an end: memory stays as it was, the line is refused once")
def _():
    with Server() as d:
        d.serves()
        before = d.memory()
        for begin in (b"NOOP ", b"MAIL FROM:<", b"EHLO ", b"AUTH PLAIN "):
            with d.session() as s:
                s.send(begin)
                try:
                    for _ in range(256):
                        s.send(b"x" * 65536)
                    s.send(b"\r\n")
                    equal(s.reply().code in (500, 501, 421), True, begin)
                    s.expect("NOOP", "250 2.0.0")
                except (Closed, BrokenPipeError, ConnectionResetError):
                    pass
        with d.session() as s:
            ready(s)
            s.send(b"Subject: x\r\n\r\n")
            for _ in range(100):
                s.send(b"x" * 65536)
            s.send(b"\r\n.\r\n")
            got = s.reply()
            equal(got.code in (250, 500, 552, 554), True, got)
        equal(d.memory() < before + 8192, True, f"memory: {before} kB, {d.memory()} kB afterwards")
        d.serves()


@test("the longest command lines that must be taken, and one octet more")
def _():
    with Server() as d, d.session() as s:
        s.hello()
        # RFC 5321, 4.5.3.1.4: 512 octets with CRLF; RFC 1870, 6152, 3461, 6531 and 4954 add to MAIL and RCPT
        s.expect("NOOP " + "x" * (512 - 2 - 5), "250 2.0.0")
        s.expect(f"MAIL FROM:<x@sender.test> SIZE=1000 BODY=8BITMIME RET=FULL SMTPUTF8 ENVID={'e' * 100} AUTH={'a' * 400}", "250 2.1.0")
        s.expect(f"RCPT TO:<ann@a.test> NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;{'o' * 490}", "250 2.1.5")
        equal(s("NOOP " + "x" * 20000).code, 500, "a long line")
        s.expect("DATA", "354")


@test("a message that is too long: 552 at its end, whatever its length; SIZE= that lies")
def _():
    with Server(limits={"message-size": 100000}) as d:
        for declared in ("", " SIZE=10"):
            with d.session() as s:
                s.hello()
                s.expect(f"MAIL FROM:<x@sender.test>{declared}", "250 2.1.0")
                s.expect("RCPT TO:<ann@a.test>", "250 2.1.5")
                s.expect("DATA", "354")
                for _ in range(40):
                    s.send(b"x" * 70 + b"\r\n" + b"y" * 65000 + b"\r\n")
                s.send(b".\r\n")
                equal(str(s.reply()), "552 5.3.4", "too long")
                s.expect("NOOP", "250 2.0.0")
        until(lambda: not d.leftovers(), "what was begun to be removed")
        equal(d.maildir("ann"), {}, "delivered")
        d.serves()


@test("too many recipients: 452 4.5.3 for the rest, those before get it")
def _():
    users = {f"user{i}": "x" for i in range(110)}
    with Server(users={**users, "bob": "x", "ann": "x"}, limits={"recipients": 100}) as d:
        with d.session() as s:
            s.hello()
            s.expect("MAIL FROM:<x@sender.test>", "250 2.1.0")
            for i in range(110):
                s.expect(f"RCPT TO:<user{i}@a.test>", "250 2.1.5" if i < 100 else "452 4.5.3")
            s.expect("DATA", "354")
            s.expect("Subject: many\r\n\r\n.", "250 2.0.0")
        for i in range(110):
            equal(len(d.maildir(f"user{i}")), int(i < 100), f"user{i}")
        d.serves()


@test("too many errors: 421, and the connection ends; before that answers come late")
def _():
    with Server(limits={"errors": 7, "tarpit-errors": 3, "tarpit": '"200ms"'}) as d:
        for line in ("XYZZY", "RCPT TO:<ann@a.test>", "MAIL FROM:x", "BDAT x"):
            with d.session() as s:
                s.hello()
                replies, times = [], []
                for _ in range(20):
                    start = time.monotonic()
                    try:
                        replies.append(s(line))
                    except (Closed, BrokenPipeError, ConnectionResetError):
                        break
                    times.append(time.monotonic() - start)
                equal(replies[-1].code == 421 and 7 <= len(replies) <= 8, True, f"{line}: {replies}")
                equal(sum(times[:3]) < 0.15 < 0.19 < min(times[3:6]), True, f"{line}: {times}")
        with d.session() as s:
            s.hello()
            # Unknown recipients are errors, too: nobody tries them all
            s.expect("MAIL FROM:<x@sender.test>", "250 2.1.0")
            s.send(b"".join(b"RCPT TO:<try%d@a.test>\r\n" % i for i in range(50)))
            replies = s.drain()
            equal(replies[-1].code == 421 and len(replies) <= 9, True, replies)
        d.serves()


# --- BDAT ---


@test("BDAT that lies: huge sizes, chunks that never come, commands as chunks, refused chunks")
def _():
    with Server(limits={"message-size": 100000}) as d:
        with d.session() as s:
            s.hello()
            s.envelope("x@sender.test", "ann@a.test")
            s.send(b"BDAT 18446744073709551615\r\n" + b"x" * 200000)
            replies = s.drain() if s.reply().code in (552, 421, 501) else None
            equal(replies is not None, True, "a size without bounds")
        for size, code in ((b"18446744073709551616", 552), (b"99999999999999999999999", 501), (b"0x10", 501), (b"1e3", 501),
                           (b"+5", 501), (b" 5 5", 501)):
            with d.session() as s:
                s.hello()
                s.envelope("x@sender.test", "ann@a.test")
                s.send(b"BDAT " + size + b" LAST\r\n")
                equal(s.reply().code, code, size)
        with d.session() as s:
            s.hello()
            s.envelope("x@sender.test", "ann@a.test")
            # What looks like commands is the chunk's; what follows it is not
            chunk = b"Subject: chunk\r\n\r\n.\r\n" + STOWAWAY
            s.send(b"BDAT %d\r\n%sBDAT 0 LAST\r\nNOOP\r\n" % (len(chunk), chunk))
            equal([str(s.reply()) for _ in range(3)], ["250 2.0.0", "250 2.0.0", "250 2.0.0"], "a chunk of commands")
        equal(d.maildir("bob"), {}, "smuggled to bob")
        (message,) = d.wait_for("ann", 1).values()
        equal(b"\n.\nMAIL FROM" in message.replace(b"\r\n", b"\n"), True, message)
        with d.session() as s:
            s.hello()
            # RFC 3030, 2: a refused chunk is thrown away, not read as commands
            s.expect("MAIL FROM:<x@sender.test>", "250 2.1.0")
            s.send(b"RCPT TO:<nobody@a.test>\r\nBDAT %d LAST\r\n%sNOOP\r\n" % (len(STOWAWAY), STOWAWAY))
            equal([s.reply().code for _ in range(3)], [550, 554, 250], "a chunk for nobody")
            s.expect("RSET", "250 2.0.0")
            s.envelope("x@sender.test", "ann@a.test")
            s.send(b"BDAT 1000 LAST\r\nhalf a chunk")
            s.socket.shutdown(socket.SHUT_WR)
            s.drain()
        with d.session() as s:
            s.hello()
            s.envelope("x@sender.test", "ann@a.test")
            # A CR at a chunk's end, its LF at the next one's begin; then a bare one
            s.send(b"BDAT 6\r\na: b\r\nBDAT 1\r\n\rBDAT 1\r\n\nBDAT 0 LAST\r\n")
            equal([s.reply().code for _ in range(4)], [250] * 4, "CRLF in two chunks")
        d.wait_for("ann", 2)
        with d.session() as s:
            s.hello()
            s.envelope("x@sender.test", "ann@a.test")
            s.send(b"BDAT 7\r\na: b\r\n\rBDAT 1 LAST\r\nx")
            replies = [s.reply(), s.reply()]
            equal(replies[-1].code // 100, 5, f"a bare CR between chunks: {replies}")
        until(lambda: not d.leftovers(), "what was begun to be removed")
        d.wait_for("ann", 2)
        d.serves()


# --- TLS ---


@test("STARTTLS: what was pipelined behind it in the clear is never answered (CVE-2011-0411)")
def _():
    with Server() as d:
        for junk in (b"NOOP\r\n", b"MAIL FROM:<evil@sender.test>\r\n", ENVELOPE + b"DATA\r\nSubject: injected\r\n\r\n.\r\n", b"\r\n"):
            with d.session() as s:
                s.hello()
                s.send(b"STARTTLS\r\n" + junk)
                # Either it is sent away, or all the junk is forgotten
                try:
                    r = s.reply()
                    if r.code == 220:
                        s.wrap()
                        equal("PIPELINING" in s.hello(), True, "EHLO over TLS")
                        s.expect("RCPT TO:<ann@a.test>", "503 5.5.1")
                        s.expect("DATA", "503 5.5.1")
                    else:
                        equal(r.code // 100 in (4, 5), True, r)
                except (Closed, OSError):
                    pass
        equal(d.maildir("ann"), {}, "injected")
        d.serves()


@test("STARTTLS and then no TLS, half of it, or nothing: the connection ends, others are served")
def _():
    with Server(limits={"command-time": '"2s"'}) as d:
        sessions, start = [], time.monotonic()
        for rubbish in (b"NOOP\r\n" * 10, b"\x16\x03\x01\x00\xff\x01", os.urandom(3000), b""):
            s = d.session()
            s.hello()
            s.expect("STARTTLS", "220 2.0.0")
            s.send(rubbish)
            sessions.append(s)
        for s in sessions:
            try:
                while s.socket.recv(65536):
                    pass
            except ConnectionResetError:
                pass
            s.close()
        equal(time.monotonic() - start < PATIENCE, True, "ended in time")
        d.serves()


# --- time ---


@test("slow peers: octets by and by, silence in every state: sent away with 421, a message is not half delivered")
def _():
    with Server(limits={"command-time": '"1s"', "data-time": '"1s"', "min-rate": 1000}) as d:
        stages = [b"", b"EHLO client.test\r\n", ENVELOPE, ENVELOPE + b"DATA\r\nSubject: slow\r\n", ENVELOPE + b"BDAT 1000\r\nSubject: slow\r\n",
                  ENVELOPE + b"NO"]
        sessions = [d.session() for _ in stages]
        start = time.monotonic()
        for s, stage in zip(sessions, stages):
            s.send(stage)
        for s, stage in zip(sessions, stages):
            replies = s.drain()
            equal(bool(replies) and replies[-1].code, 421, f"silence after {stage[-20:]!r}: {replies}")
            s.close()
        equal(0.9 < time.monotonic() - start < PATIENCE, True, "time")
        for stage in (b"NOOP ", ENVELOPE + b"DATA\r\n"):
            with d.session() as s:
                s.send(stage)
                start = time.monotonic()
                ended = False
                # An octet now and then must not keep a connection for ever
                while time.monotonic() - start < PATIENCE and not ended:
                    try:
                        s.send(b"x")
                        s.socket.settimeout(0.2)
                        piece = s.socket.recv(4096)
                        ended = not piece or b"421 " in piece
                    except TimeoutError:
                        pass
                    except (BrokenPipeError, ConnectionResetError):
                        ended = True
                equal(ended, True, f"octets by and by after {stage[-10:]!r}")
        equal(d.maildir("ann"), {}, "delivered")
        until(lambda: not d.leftovers(), "what was begun to be removed")
        d.serves()


@test("a peer that never reads its answers: bounded, and sent away")
def _():
    with Server(limits={"command-time": '"2s"'}) as d:
        d.serves()
        before = d.memory()
        with d.session() as s:
            s.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            s.socket.settimeout(1)
            sent = 0
            try:
                while sent < 64 << 20:
                    s.send(b"EHLO x\r\n" * 8192)
                    sent += 65536
            except (TimeoutError, BrokenPipeError, ConnectionResetError):
                pass
            equal(sent < 64 << 20, True, "it took all questions of one who hears no answer")
            equal(d.memory() < before + 16384, True, f"memory: {before} kB, now {d.memory()} kB")
        d.serves()


@test("many connections of one address: 421 for the rest; and more than there may be at all")
def _():
    with Server(limits={"connections-per-address": 10}, workers=1) as d:
        held = [d.session(source="127.0.0.9") for _ in range(10)]
        refused = 0
        for _ in range(5):
            try:
                with d.session(source="127.0.0.9") as s:
                    equal(s.greeting.code, 421, s.greeting)
                    refused += 1
            except (Closed, ConnectionResetError):
                refused += 1
        equal(refused, 5, "refused")
        d.serves()
        for s in held:
            s.close()
        until(lambda: _greets(d, "127.0.0.9"), "room for the address again")
        d.serves()


def _greets(d, source):
    try:
        with d.session(source=source) as s:
            return s.greeting.code == 220
    except (Closed, ConnectionResetError):
        return False


# --- passwords ---


@test("passwords are guessed: 421 after a few, unknown users take as long as known ones")
def _():
    with Server(limits={"auth-failures": 3}, users={"ann": WORD, "bob": WORD}) as d:
        with d.session("smtps") as s:
            s.hello()
            replies = []
            for i in range(10):
                try:
                    replies.append(s.plain("ann", f"guess{i}"))
                except (Closed, BrokenPipeError, ConnectionResetError, OSError):
                    break
            equal([r.code for r in replies] in ([535, 535, 421], [535, 535, 535, 421], [535, 535, 535]), True, replies)
        with d.session("smtps") as s:
            s.hello()
            s.send(b"".join(f"AUTH PLAIN {plain('ann', f'guess{i}')}\r\n".encode() for i in range(50)))
            codes = [r.code for r in s.drain()]
            equal(codes.count(535) <= 3, True, codes)

        def takes(user):
            times = []
            for i in range(6):
                with d.session("smtps") as s:
                    s.hello()
                    start = time.monotonic()
                    equal(s.plain(user, f"wrong{i}").code, 535, user)
                    times.append(time.monotonic() - start)
            return sorted(times)[len(times) // 2]
        known, unknown = takes("ann"), takes("nobody")
        equal(0.3 < (unknown + 0.002) / (known + 0.002) < 3, True, f"known {known}, unknown {unknown}")
        with d.session("smtps") as s:
            s.hello()
            equal(str(s.plain("ann", WORD)), "235 2.7.0", "the right word")


@test("AUTH: what is wrong in form, endless or strange, is refused and does no harm")
def _():
    with Server() as d, d.session("smtps") as s:
        s.hello()
        for line in ("AUTH PLAIN " + "A" * 12200, "AUTH PLAIN " + b64("\0" * 500), "AUTH PLAIN " + b64("\0ann\0" + "x" * 5000),
                     "AUTH PLAIN " + b64(b"\0\xff\xfe\0\xff"), "AUTH SCRAM-SHA-256 " + b64("n,,n=ann,r=" + "r" * 5000),
                     "AUTH SCRAM-SHA-256 " + b64("p=tls-unique,,n=ann,r=abc"), "AUTH SCRAM-SHA-256 " + b64("n,a=bob,n=ann,r=abcdef"),
                     "AUTH SCRAM-SHA-256 " + b64("n,,n=ann\0,r=abcdef"), "AUTH PLAIN " + b64("\0../../etc/passwd\0x"),
                     "AUTH PLAIN " + b64("\0ann\nroot\0x"), "AUTH PLAIN " + b64("\0ann:\0x")):
            got = s(line)
            while got.code == 334:
                got = s("*")
            equal(got.code in (500, 501, 504, 535), True, f"{line[:60]}: {got!r}")
        equal(str(s.plain("ann", WORD)), "235 2.7.0", "the right word afterwards")


# --- loops ---


@test("loops: too many Received fields 554 5.4.6; two servers that send to each other end with one bounce")
def _():
    with temporary_folder() as folder:
        ports = {name: peers.free_port() for name in ("one", "two")}
        with Smtpd(f"{folder}/one", hostname="one.test", domains=("one.test",), networks=("127.0.0.0/8",),
                   relay=AGAIN + route(".loop.test", ports["two"]), limits={"received": 25}, ports={"smtp": ports["one"]}, tls=False) as one, \
                Smtpd(f"{folder}/two", hostname="two.test", domains=("two.test",), networks=("127.0.0.0/8",),
                      relay=AGAIN + route(".loop.test", ports["one"]) + route("one.test", ports["one"]), limits={"received": 25}, ports={"smtp": ports["two"]}, tls=False) as two:
            with one.session() as s:
                s.hello()
                equal(str(s.message("ann@one.test", "x@a.loop.test", "Subject: round\n\nround and round\n")), "250 2.0.0", "")
            found = one.wait_for("ann", 1, 3 * PATIENCE)
            (bounce,) = found.values()
            equal(b"5.4.6" in bounce, True, bounce)
            one.empty()
            two.empty()


# --- what is full ---


def in_namespace():
    """Words that begin a command in a mount namespace of its own."""
    words = ["unshare", "-m"] if not os.getuid() else ["unshare", "-rm"]
    if subprocess.run([*words, "sh", "-c", "mount -t tmpfs -o size=64k none /mnt"], capture_output=True, check=False).returncode:
        raise Skip("no file system can be mounted here")
    return words


@test("a full disk: 452 4.3.1 and nothing half is left; when there is room again mail is taken")
def _():
    words = in_namespace()
    done = subprocess.run([*words, sys.executable, os.path.realpath(__file__), "--small-disk"], capture_output=True, text=True,
                          timeout=6 * PATIENCE, check=False)
    if done.returncode:
        raise AssertionError(done.stdout + done.stderr)


class Disk:
    """A file system of 2 MB, for whoever has a mount namespace of his own."""

    def __init__(self, folder):
        self.folder = folder
        os.mkdir(folder)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", folder], check=True)

    def __enter__(self):
        return self.folder

    def __exit__(self, *exc):
        subprocess.run(["umount", "-l", self.folder], check=True)


def small_disk():
    """Runs in a mount namespace: the server's folder is a file system of 2 MB."""
    with temporary_folder() as place, Disk(os.path.join(place, "disk")) as folder:
        with Smtpd(folder, networks=("127.0.0.0/8",), limits={"min-free": '"0"'}, workers=1, log_level="notice") as d:
            filler = os.path.join(folder, "filler")

            def fill():
                with open(filler, "wb", buffering=0) as f:
                    try:
                        while f.write(b"x" * 4096) == 4096:
                            pass
                    except OSError:
                        pass
            for to in ("ann@a.test", "x@elsewhere.test", "ann@a.test x@elsewhere.test"):
                fill()
                before = (len(d.maildir("ann")), len(d.queue()))
                with d.session() as s:
                    s.hello()
                    r = None
                    for size in (100, 5000, 200000):
                        s.envelope("x@sender.test", *to.split())
                        s.expect("DATA", "354")
                        s.send(b"Subject: full\r\n\r\n" + (b"x" * 70 + b"\r\n") * (size // 72) + b".\r\n")
                        r = s.reply()
                        equal(str(r), "452 4.3.1", f"{to}, {size} octets")
                    equal((len(d.maildir("ann")), len(d.queue())), before, "taken")
                    until(lambda: not d.leftovers(), f"what was begun to be removed: {d.leftovers()}")
                    os.unlink(filler)
                    equal(str(s.message("x@sender.test", to.split(), "Subject: room\n\nroom\n")), "250 2.0.0", f"{to}: room again")
        with Smtpd(folder, networks=("127.0.0.0/8",), limits={"min-free": '"100m"'}, log_level="notice") as d, d.session() as s:
            s.hello()
            # RFC 1870, 6.1: told before the message is sent
            equal(str(s("MAIL FROM:<x@sender.test>")), "452 4.3.1", "less than min-free")


@test("a full mailbox: 452 4.2.2 when it is the only one; others get theirs, and it is tried again")
def _():
    with Server(users={"bob": "x"}, lines=f"full:{crypted('x')}::1k\n") as d:
        big = "Subject: big\n\n" + "x" * 60 + "\n" * 2000
        with d.session() as s:
            s.hello()
            r = s.message("x@sender.test", "full@a.test", big)
            equal(str(r) in ("452 4.2.2", "552 5.2.2", "422 4.2.2"), True, r)
        equal(d.maildir("full"), {}, "delivered")
        with d.session() as s:
            s.hello()
            equal(str(s.message("bob@a.test", ["full@a.test", "bob@a.test"], big)), "250 2.0.0", "one of two")
        d.wait_for("bob", 1)
        equal(len(d.queue()), 1, "the rest is in the queue")
        equal(d.maildir("full"), {}, "delivered")
        d.serves()


@test("a mailbox that cannot be written: put off or queued, never lost, never elsewhere")
def _():
    with Server() as d:
        outside = os.path.join(d.folder, "outside")
        os.mkdir(outside)
        os.symlink(outside, d.box("ann"))
        with d.session() as s:
            s.hello()
            r = s.message("bob@a.test", "ann@a.test", "Subject: x\n\nx\n")
            equal(r.code in (250, 451, 450), True, r)
            equal(len(d.queue()), int(r.code == 250), "in the queue if it was taken")
        equal([f for _, _, fs in os.walk(outside) for f in fs], [], "through a symbolic link")
        os.unlink(d.box("ann"))
        if r.code == 250:
            d.mailq("flush", "--all")
            d.wait_for("ann", 1)
        d.serves()


@test("no name server answers: mail is taken and stays in the queue, 4.4.3; others are not held up")
def _():
    with Server(networks=("127.0.0.0/8",), relay=AGAIN) as d:
        with d.session() as s:
            s.hello()
            for i in range(20):
                equal(str(s.message("ann@a.test", f"x@dead{i}.test", "Subject: dead\n\ndead\n")), "250 2.0.0", "taken")
        d.serves()
        until(lambda: "4.4.3" in d.mailq("--json"), "the reason in the queue")
        equal(len(d.queue()), 20, "in the queue")
        equal(d.maildir("ann"), {}, "no bounce yet")


@test("descriptors run out: connections wait or are refused, nothing ends, mail flows again")
def _():
    with Server(workers=1) as d:
        worker = [pid for pid in d.processes() if pid != d.process.pid]
        for pid in worker:
            try:
                used = len(os.listdir(f"/proc/{pid}/fd"))
                resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + 8, used + 8))
            except ProcessLookupError:
                pass
        held = []
        for _ in range(40):
            s = socket.socket()
            s.settimeout(1)
            s.connect(("127.0.0.1", d.ports["smtp"]))
            s.send(ENVELOPE + b"DATA\r\nSubject: x\r\n\r\n" + b"x" * 200000)
            held.append(s)
        for s in held:
            s.close()
        equal([pid for pid in worker if not os.path.exists(f"/proc/{pid}")], [], "processes that ended")
        until(lambda: _can(d), "a good client to be served again")


def _can(d):
    try:
        d.serves()
        return True
    except (AssertionError, Closed, OSError):
        return False


@test("random octets, cut and shuffled sessions: the server lives, nothing is delivered that was not sent whole")
def _():
    r = random.Random(253)
    parts = [b"EHLO x\r\n", b"MAIL FROM:<a@b.test>\r\n", b"RCPT TO:<ann@a.test>\r\n", b"DATA\r\n", b".\r\n", b"RSET\r\n", b"BDAT 3\r\nabc",
             b"BDAT 5 LAST\r\nabc\r\n", b"STARTTLS\r\n", b"AUTH PLAIN\r\n", b"*\r\n", b"\0\xff", b"\r", b"\n", b"x: y\r\n", b"VRFY x\r\n", b"HELP\r\n"]
    with Server() as d:
        pids = d.processes()
        for _ in range(300):
            text = b"".join(r.choice(parts) for _ in range(r.randrange(1, 40)))
            text = bytes(c if r.random() > 0.01 else r.randrange(256) for c in text)
            with d.session() as s:
                s.send(text)
                s.socket.shutdown(socket.SHUT_WR)
                try:
                    while s.socket.recv(65536):
                        pass
                except ConnectionResetError:
                    pass
        equal(d.processes(), pids, "processes")
        d.serves()


if __name__ == "__main__":
    if sys.argv[1:] == ["--small-disk"]:
        small_disk()
    else:
        main()
