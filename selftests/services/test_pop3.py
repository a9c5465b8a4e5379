#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Every command of POP3 in every state with its exact reply; logins, locks, UPDATE, and peers that mean harm."""
import os
import re
import signal
import socket
import struct
import sys
import threading
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../userspace"))
sys.path.insert(0, os.path.join(HERE, "pop3"))
# pylint: disable=wrong-import-position
from server import Closed, Pop3d, scram
from dialogue import b64, plain
from harness import PATIENCE, descendants, equal, main, need, test, transports, until
from linnet import crypted

WORD = "ann's word"
# Stored with LF; 1: 33 octets with CRLF, 2: 18, 3: 27, whose last line has no end
ONE, TWO, THREE = b"Subject: one\n\n.dot\n..two\nlast\n", b"A: b\n\n\n\n.\n\n", b"From: x\nB: c\n\nno end"
SIZES = [len(x.replace(b"\n", b"\r\n")) + (0 if x.endswith(b"\n") else 2) for x in (ONE, TWO, THREE)]
TOTAL = sum(SIZES)
UIDS = ["1000000000.M1P1.test", "1000000001.M1P1.test", "1000000002.M1P1.test"]


def wire(data):
    """A message as it comes out, dots undone."""
    return data.replace(b"\n", b"\r\n") + (b"" if data.endswith(b"\n") else b"\r\n")


def fill(d, user="ann"):
    for data in (ONE, TWO, THREE):
        d.put(user, data)


# --- states: what is said to come there ---

def tls(s):
    s.expect("STLS", r"\+OK begin TLS")
    s.wrap()


USER = [("USER ann", r"\+OK")]
FAILED = [*USER, ("PASS wrong", r"-ERR \[AUTH\] name or password is wrong")]
LOGIN = [*USER, (f"PASS {WORD}", rf"\+OK 3 messages \({TOTAL} octets\)")]
DELETED = [*LOGIN, ("DELE 2", r"\+OK message 2 is deleted")]
EMPTY = [("USER bob", r"\+OK"), ("PASS bob's word", r"\+OK 0 messages \(0 octets\)")]
STATES = {"the start": [], "USER": USER, "a failed PASS": FAILED, "STLS": [tls], "the login": LOGIN, "DELE 2": DELETED,
          "a login to an empty mailbox": EMPTY}

BEFORE, AFTER = "-ERR not before the login", "-ERR not after the login"
OK, UNKNOWN, NO_ARGUMENT = r"\+OK", "-ERR no such command", "-ERR this command has no argument"
NONE = r"-ERR no such message: the mailbox is empty"
RANGE = r"-ERR no such message: allowed are 1 to 3"
GONE = r"-ERR message 2 is deleted"
USER_FIRST = "-ERR say USER first"
LEFT = TOTAL - SIZES[1]
LIST3, LIST2, LIST0 = rf"\+OK 3 messages \({TOTAL} octets\)", rf"\+OK 2 messages \({LEFT} octets\)", r"\+OK 0 messages \(0 octets\)"
USAGE_TOP = "-ERR allowed is TOP MESSAGE LINES"


def early(*late):
    """Not before the login."""
    return [BEFORE] * 4 + list(late)


# A line, and its reply after each of STATES
MATRIX = [
    ("CAPA", [OK] * 7),
    ("CAPA x", [NO_ARGUMENT] * 7),
    ("USER ann", [OK] * 4 + [AFTER] * 3),
    ("USER", ["-ERR allowed is USER NAME, with up to 255 octets"] * 4 + [AFTER] * 3),
    (f"PASS {WORD}", [USER_FIRST, LIST3, USER_FIRST, USER_FIRST] + [AFTER] * 3),
    ("PASS", [USER_FIRST, FAILED[-1][1], USER_FIRST, USER_FIRST] + [AFTER] * 3),
    ("APOP ann c4c9334bac560ecc979e58001b3e22fb", [UNKNOWN] * 7),
    ("AUTH", [OK] * 4 + [AFTER] * 3),
    (f"AUTH PLAIN {plain('ann', WORD)}", [LIST3] * 4 + [AFTER] * 3),
    ("AUTH PLAIN", [r"\+ "] * 4 + [AFTER] * 3),
    ("AUTH CRAM-MD5", ["-ERR no such mechanism: CAPA tells which there are"] * 4 + [AFTER] * 3),
    ("STLS", [r"\+OK begin TLS"] * 3 + ["-ERR TLS is there already"] + [AFTER] * 3),
    ("STLS x", [NO_ARGUMENT] * 4 + [AFTER] * 3),
    ("UTF8", [UNKNOWN] * 7),
    ("STAT", early(rf"\+OK 3 {TOTAL}", rf"\+OK 2 {LEFT}", r"\+OK 0 0")),
    ("STAT 1", early(*[NO_ARGUMENT] * 3)),
    ("LIST", early(LIST3, LIST2, LIST0)),
    ("LIST 1", early(*[rf"\+OK 1 {SIZES[0]}"] * 2, NONE)),
    ("LIST 2", early(rf"\+OK 2 {SIZES[1]}", GONE, NONE)),
    ("LIST 0", early(RANGE, RANGE, NONE)),
    ("LIST 4", early(RANGE, RANGE, NONE)),
    ("LIST 99999999999999999999", early(RANGE, RANGE, NONE)),
    ("LIST -1", early(RANGE, RANGE, NONE)),
    ("LIST 1 2", early(RANGE, RANGE, NONE)),
    ("LIST x", early(RANGE, RANGE, NONE)),
    ("UIDL", early(*[OK] * 3)),
    ("UIDL 2", early(rf"\+OK 2 {UIDS[1]}", GONE, NONE)),
    ("UIDL 3", early(*[rf"\+OK 3 {UIDS[2]}"] * 2, NONE)),
    ("UIDL x", early(RANGE, RANGE, NONE)),
    ("RETR 1", early(*[rf"\+OK {SIZES[0]} octets"] * 2, NONE)),
    ("RETR 2", early(rf"\+OK {SIZES[1]} octets", GONE, NONE)),
    ("RETR", early(RANGE, RANGE, NONE)),
    ("RETR 1 ", early(RANGE, RANGE, NONE)),
    ("TOP 1 0", early(OK, OK, NONE)),
    ("TOP 2 5", early(OK, GONE, NONE)),
    ("TOP 1", early(*[USAGE_TOP] * 3)),
    ("TOP", early(*[USAGE_TOP] * 3)),
    ("TOP 1 -1", early(*[USAGE_TOP] * 3)),
    ("TOP 1 1 1", early(*[USAGE_TOP] * 3)),
    ("TOP 4 1", early(RANGE, RANGE, NONE)),
    ("DELE 1", early(*[r"\+OK message 1 is deleted"] * 2, NONE)),
    ("DELE 2", early(r"\+OK message 2 is deleted", GONE, NONE)),
    ("DELE", early(RANGE, RANGE, NONE)),
    ("NOOP", early(*[OK] * 3)),
    ("NOOP x", early(*[NO_ARGUMENT] * 3)),
    ("RSET", early(LIST3, LIST3, LIST0)),
    ("RSET x", early(*[NO_ARGUMENT] * 3)),
    ("QUIT", [r"\+OK bye"] * 7),
    ("QUIT now", [NO_ARGUMENT] * 7),
    ("quit", [r"\+OK bye"] * 7),
    ("XYZZY", [UNKNOWN] * 7),
    ("", [UNKNOWN] * 7),
    (" STAT", [UNKNOWN] * 7),
]


@test("every command in every state, with its exact reply")
def _():
    wrong = []
    for line, row in MATRIX:
        equal(len(row), len(STATES), line)
    with Pop3d(tls=True) as d:
        for state, steps in STATES.items():
            for line, row in MATRIX:
                wanted = row[list(STATES).index(state)]
                for path in d.files():
                    os.unlink(os.path.join(d.box(), path))
                fill(d)
                with d.session() as s:
                    for step in steps:
                        if callable(step):
                            step(s)
                        else:
                            s.expect(*step)
                    got = s(line)
                    if wanted != got and not re.fullmatch(wanted, got):
                        wrong.append(f"{line!r} after {state}: got {got!r}, expected {wanted!r}")
                    # The end of the session is told, so that the mailbox is free again.
                    if state not in ("the start", "USER", "a failed PASS", "STLS") or "3 messages" in got:
                        s.socket.shutdown(socket.SHUT_WR)
                        while s.socket.recv(65536):
                            pass
    equal(wrong, [], f"{len(wrong)} replies")


@test("replies of many lines: CAPA, LIST, UIDL, AUTH")
def _():
    with Pop3d(tls=True, clear=False) as d:
        fill(d)
        with d.session() as s:
            always = ["TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING", "EXPIRE NEVER", "IMPLEMENTATION linnet-pop3d"]
            equal(s.lines("CAPA"), ("+OK", [*always, "STLS", "SASL SCRAM-SHA-256"]), "CAPA in the clear")
            equal(s.lines("AUTH"), ("+OK", ["SCRAM-SHA-256"]), "AUTH in the clear")
            tls(s)
            equal(s.lines("CAPA"), ("+OK", [*always, "USER", "SASL SCRAM-SHA-256 PLAIN LOGIN"]), "CAPA with TLS")
            equal(s.lines("AUTH"), ("+OK", ["SCRAM-SHA-256", "PLAIN", "LOGIN"]), "AUTH with TLS")
            s.login("ann", WORD)
            equal(s.lines("CAPA"), ("+OK", [*always, "USER", "SASL SCRAM-SHA-256 PLAIN LOGIN"]), "CAPA after the login")
            equal(s.lines("LIST")[1], [f"{i} {n}" for i, n in enumerate(SIZES, 1)], "LIST")
            equal(s.lines("UIDL")[1], [f"{i} {u}" for i, u in enumerate(UIDS, 1)], "UIDL")
            s("DELE 2")
            equal(s.lines("LIST")[1], [f"1 {SIZES[0]}", f"3 {SIZES[2]}"], "LIST after DELE 2")
            equal(s.lines("UIDL")[1], [f"1 {UIDS[0]}", f"3 {UIDS[2]}"], "UIDL after DELE 2")


@test("passwords in the clear: refused without TLS, each way of them; a user is told from nobody by nothing")
def _():
    refusal = r"-ERR \[AUTH\] passwords go over TLS only: say STLS first"
    with Pop3d(tls=True, clear=False) as d:
        with d.session() as s:
            for line in ("USER ann", f"AUTH PLAIN {plain('ann', WORD)}", "AUTH LOGIN", "AUTH plain"):
                s.expect(line, refusal)
            s.expect(f"PASS {WORD}", USER_FIRST)
            tls(s)
            for user in ("ann", "nobody", "a b c", "n" * 255):
                s.expect(f"USER {user}", r"\+OK")
                s.expect("PASS x", r"-ERR \[AUTH\] name or password is wrong")
            s.expect(f"USER {'n' * 256}", "-ERR allowed is USER NAME, with up to 255 octets")
            s.expect("USER ann", r"\+OK")
            s.expect("NOOP", BEFORE)
            s.expect(f"PASS {WORD}", USER_FIRST)
            s.expect("USER ann", r"\+OK")
            s.expect(f"PASS {'p' * 512}", r"-ERR \[AUTH\] name or password is wrong")
            s.expect("USER ann", r"\+OK")
            s.expect(f"PASS {WORD}", LIST0)


@test("AUTH by PLAIN, LOGIN and SCRAM-SHA-256, right and wrong (RFC 5034)")
def _():
    bad, cancelled = r"-ERR \[AUTH\] name or password is wrong", "-ERR the exchange is cancelled"
    malformed = "-ERR that is no base64"
    good = r"\+OK 0 messages \(0 octets\)"
    exchanges = [
        [("AUTH PLAIN", r"\+ "), (plain("ann", WORD), good)],
        [("auth plain " + plain("ann", WORD, "ann"), good)],
        [("AUTH PLAIN " + plain("ann", WORD, "bob"), bad)],
        [("AUTH PLAIN " + plain("ann", "wrong"), bad)],
        [("AUTH PLAIN " + plain("scram", "its word"), good)],
        [("AUTH PLAIN " + plain("scram", "wrong"), bad)],
        [("AUTH PLAIN =", bad)],
        [("AUTH PLAIN !!!!", malformed)],
        [("AUTH PLAIN YQ", malformed)],
        [("AUTH PLAIN " + plain("ann", WORD) + " x", malformed)],
        [("AUTH PLAIN", r"\+ "), ("*", cancelled)],
        [("AUTH PLAIN", r"\+ "), ("", bad)],
        [("AUTH PLAIN", r"\+ "), ("STAT", bad)],
        [("AUTH LOGIN", r"\+ .*"), (b64("ann"), r"\+ .*"), (b64(WORD), good)],
        [("AUTH LOGIN " + b64("ann"), r"\+ .*"), (b64(WORD), good)],
        [("AUTH LOGIN", r"\+ .*"), (b64("ann"), r"\+ .*"), (b64("wrong"), bad)],
        [("AUTH LOGIN", r"\+ .*"), (b64("ann"), r"\+ .*"), ("*", cancelled)],
        [("AUTH SCRAM-SHA-256 " + b64("rubbish"), bad)],
        [("AUTH SCRAM-SHA-256 " + b64("p=tls-unique,,n=ann,r=abc"), bad)],
        [("AUTH SCRAM-SHA-256", r"\+ "), ("*", cancelled)],
    ]
    with Pop3d() as d:
        for steps in exchanges:
            with d.session() as s:
                for line, wanted in steps:
                    s.expect(line, wanted)
                if wanted == good:
                    s.expect("QUIT", r"\+OK bye")
                else:
                    s.expect("USER ann", r"\+OK")
        with d.session() as s:
            equal(scram(s, "scram", "its word")[0], "+OK 0 messages (0 octets)", "SCRAM")
        for user, word, tamper in (("scram", "wrong", None), ("nobody", "its word", None), ("ann", WORD, None),
                                   ("scram", "its word", lambda t: t[:-8] + "AAAAAAA="), ("scram", "its word", lambda t: t.replace(",r=", ",r=x"))):
            with d.session() as s:
                equal(re.fullmatch(bad, scram(s, user, word, tamper)[0]) is not None, True, f"SCRAM of {user}")
        # Somebody whom nobody knows gets a salt, too, and the same one again (RFC 5802, 9)
        seen = set()
        for _ in range(2):
            with d.session() as s:
                seen.add(scram(s, "nobody", "x")[1])
        equal(len(seen), 1, f"salts of nobody: {seen}")


@test("messages: octets, dots, lines without an end, TOP with every number of lines")
def _():
    bodies = [ONE, TWO, THREE, b"", b"\n", b".\n", b"H: x\r\n\r\nCRLF\r\n.\r\n", b"H: only\n", b"a\rb\n\r\n", b"x" * 200000 + b"\n",
              b"H: x\n\n" + b"." * 70000 + b"\n" + b".\n" * 40000, bytes(range(256)) * 300]
    with Pop3d() as d:
        for i, data in enumerate(bodies):
            d.put("ann", data, f"{i + 1}.x")
        with d.login() as s:
            for i, data in enumerate(bodies, 1):
                out = wire(data.replace(b"\r\n", b"\n")) if data else b""
                equal(int(s(f"LIST {i}").split()[2]), len(out), f"size of {data[:30]!r}")
                equal(s.message(f"RETR {i}"), out, f"RETR of {data[:30]!r}")
                head, empty, text = out.partition(b"\r\n\r\n") if not out.startswith(b"\r\n") else (b"", b"\r\n", out[2:])
                lines = text.split(b"\r\n")[:-1] if empty else []
                for n in (0, 1, 2, 3, 100, 10 ** 18):
                    wanted = (head + (b"\r\n\r\n" if head else b"\r\n") if empty else out) + b"".join(x + b"\r\n" for x in lines[:n])
                    equal(s.message(f"TOP {i} {n}"), wanted, f"TOP {n} of {data[:30]!r}")


@test("PIPELINING: a whole session at once, replies in order (RFC 2449, 6.6)")
def _():
    with Pop3d() as d:
        fill(d)
        with d.session() as s:
            s.send(f"CAPA\r\nUSER ann\r\nPASS {WORD}\r\nSTAT\r\nRETR 1\r\nTOP 2 1\r\nUIDL\r\nDELE 1\r\nLIST\r\nNOOP\r\nQUIT\r\n")
            equal((s.line(), len(s.body().split()) > 5), ("+OK", True), "CAPA")
            equal([s.line() for _ in range(4)], ["+OK", f"+OK 3 messages ({TOTAL} octets)", f"+OK 3 {TOTAL}", f"+OK {SIZES[0]} octets"], "")
            equal(s.body(), wire(ONE), "RETR")
            equal((s.line(), s.body()), ("+OK", b"A: b\r\n\r\n\r\n"), "TOP")
            equal((s.line(), len(s.body().splitlines())), ("+OK", 3), "UIDL")
            equal((s.line(), s.line()), ("+OK message 1 is deleted", f"+OK 2 messages ({TOTAL - SIZES[0]} octets)"), "")
            equal(s.body().split(), [b"2", b"%d" % SIZES[1], b"3", b"%d" % SIZES[2]], "LIST")
            equal((s.line(), s.line()), ("+OK", "+OK bye"), "")
            s.closed()
        # A line in pieces, and with LF alone
        with d.session() as s:
            for octet in b"USER ann\nPASS ann's word\r\n":
                s.send(bytes([octet]))
            equal(s.line(), "+OK", "")
            equal(s.line(), f"+OK 2 messages ({TOTAL - SIZES[0]} octets)", "")


@test("UPDATE: QUIT removes, everything else does not; what was read is told")
def _():
    with Pop3d() as d:
        fill(d)
        new = [f"new/{u}" for u in UIDS]
        ends = {"the client is gone": lambda s: s.close(), "half closed": lambda s: s.socket.shutdown(socket.SHUT_WR),
                "RSET": lambda s: (s.expect("RSET", LIST3), s.expect("QUIT", r"\+OK bye"))}
        for what, end in ends.items():
            with d.login() as s:
                s.expect("DELE 1", r"\+OK.*")
                end(s)
                if what != "the client is gone":
                    s.closed()
            d.until_files("ann", sorted(new))
        until(lambda: not busy(d), "the mailbox to be free")
        with d.login() as s:
            s.message("RETR 1")
            s.message("TOP 2 0")
            s.expect("DELE 3", r"\+OK.*")
            equal(d.files(), sorted(new), "before QUIT")
            s.expect("QUIT", r"\+OK bye")
            equal(d.files(), [f"cur/{UIDS[0]}:2,S", f"new/{UIDS[1]}"], "after QUIT: the one that RETR sent is seen")
        equal(d.metric("linnet_pop3_deleted_total"), 1, "deleted")
        equal(d.metric("linnet_pop3_retrieved_total"), 1, "retrieved")
        log = until(lambda: [x for x in d.sessions() if x.endswith("quit")], "the session's line")[-1]
        equal(re.search(r"clear user=<ann> retrieved=1 octets=\d+ left=2 quit$", log) is not None, True, log)


def busy(d, user="ann", password=WORD):
    """Whether another session has the mailbox, that may not have seen its end yet."""
    with d.session() as s:
        reply = s.login(user, password)
        if reply.startswith("+OK"):
            s.expect("QUIT", r"\+OK bye")
        return "[IN-USE]" in reply


@test("two sessions at one mailbox: the second is told so, whichever worker has it")
def _():
    with Pop3d(workers=3) as d:
        fill(d)
        with d.login() as first:
            for _ in range(9):
                with d.session() as s:
                    equal(s.login("ann", WORD), "-ERR [IN-USE] another session has the mailbox open", "the second")
                    s.expect("STAT", BEFORE)
                    s.expect("USER bob", r"\+OK")
                    s.expect("PASS bob's word", LIST0)
                    s.expect("QUIT", r"\+OK bye")
            first.expect("DELE 1", r"\+OK.*")
            first.expect("QUIT", r"\+OK bye")
            # At once: the lock went before the reply
            with d.session() as s:
                equal(s.login("ann", WORD), f"+OK 2 messages ({TOTAL - SIZES[0]} octets)", "after QUIT")
        equal(d.metric('linnet_pop3_logins_total{result="in-use"}'), 9, "counted")


@test("others at work in the same Maildir: renamed, removed, delivered, marked")
def _():
    with Pop3d() as d:
        fill(d)
        box = d.box()
        with d.login() as s:
            os.rename(f"{box}/new/{UIDS[0]}", f"{box}/cur/{UIDS[0]}:2,FS")
            os.unlink(f"{box}/new/{UIDS[1]}")
            d.put("ann", ONE, "1000000009.late")
            equal(s.message("RETR 1"), wire(ONE), "the renamed one")
            s.expect("RETR 2", r"-ERR \[SYS/PERM\] message 2 has gone")
            s.expect("STAT", rf"\+OK 3 {TOTAL}")
            os.rename(f"{box}/cur/{UIDS[0]}:2,FS", f"{box}/cur/{UIDS[0]}:2,RS")
            s.expect("DELE 1", r"\+OK.*")
            s.expect("DELE 2", r"\+OK.*")
            s.message("RETR 3")
            os.rename(f"{box}/new/{UIDS[2]}", f"{box}/cur/{UIDS[2]}:2,FT")
            s.expect("QUIT", r"\+OK bye")
        equal(d.files(), [f"cur/{UIDS[2]}:2,FST", "new/1000000009.late"], "what is left")
        with d.login() as s:
            equal(s.lines("UIDL")[1], [f"1 {UIDS[2]}", "2 1000000009.late"], "the uid is the same with other flags")


@test("UIDL: printable, 70 octets at most, no two the same, whatever files are called (RFC 1939, 7)")
def _():
    names = ["5.a,S=10", "5.a,S=11", "5.a,S=11:2,S", "5.b:2,", "6." + "x" * 100, "6." + "x" * 100 + "y", "7.h\xe4\xdf", "8.with space",
             "not-a-number", "10.M5P1", "10.M40P1", "9.last,W=3,S=2"]
    with Pop3d() as d:
        for name in names:
            d.put("ann", b"A: b\n", name, "cur" if ":" in name else "new")
        os.symlink("/etc/passwd", os.path.join(d.box(), "new/11.link"))
        os.mkfifo(os.path.join(d.box(), "new/12.fifo"))
        os.mkdir(os.path.join(d.box(), "new/13.folder"))
        d.put("ann", b"A: b\n", ".hidden")
        seen = []
        for _ in range(2):
            with d.login() as s:
                uids = [x.split(" ", 1)[1] for x in s.lines("UIDL")[1]]
                s.expect("QUIT", r"\+OK bye")
            equal([u for u in uids if not re.fullmatch(r"[\x21-\x7e]{1,70}", u)], [], "not allowed")
            # 5.a,S=11 is in new and in cur: the same message on its way
            equal((len(uids), len(set(uids))), (len(names) - 1, len(names) - 1), f"{uids}")
            equal(uids.index("10.M5P1") < uids.index("10.M40P1"), True, "in the order of their arrival")
            seen.append(uids)
        equal(seen[0], seen[1], "another session's")


@test("mailboxes out of the mail root, over symlinks, not there, not readable")
def _():
    lines = "".join(f"{u}:{crypted('x')}:{home}\n" for u, home in (
        ("up", "../outside"), ("whole", "/etc"), ("link", "link"), ("none", "none/at/all"), ("file", "file"), ("below", "deep/down")))
    with Pop3d(lines=lines) as d:
        outside = os.path.join(d.folder, "outside")
        for sub in ("new", "cur", "tmp"):
            os.makedirs(os.path.join(outside, sub))
        os.symlink(outside, os.path.join(d.mail_root, "link"))
        d.write("mail/file", "x")
        d.put("deep/down", ONE)
        for user, wanted in (("up", r"-ERR \[SYS/PERM\] .*"), ("whole", r"-ERR \[SYS/PERM\] .*"), ("link", r"-ERR \[SYS/PERM\] .*"),
                             ("none", LIST0), ("file", r"-ERR \[SYS/PERM\] .*"), ("below", rf"\+OK 1 messages \({SIZES[0]} octets\)")):
            with d.session() as s:
                s.expect(f"USER {user}", r"\+OK")
                s.expect("PASS x", wanted)
        equal(os.path.exists(os.path.join(d.mail_root, "none")), False, "made by a login")
        equal(os.listdir(os.path.join(outside, "new")), [], "outside")


@test("over each transport, and with TLS on it")
def _():
    for name, protocol in transports():
        if name != "tcp":
            need(protocol)
        with Pop3d(tls=True) as d:
            fill(d)
            for kw in ({}, {"tls": True}):
                with d.login(protocol=protocol, **kw) as s:
                    equal(s.message("RETR 1"), wire(ONE), name)
                    s.expect("QUIT", r"\+OK bye")


# --- harm ---

@test("STLS: what was said in the clear with it is never taken for what came by TLS (CVE-2011-0411)")
def _():
    with Pop3d(tls=True) as d:
        fill(d)
        with d.session() as s:
            s.send(f"STLS\r\nUSER ann\r\nPASS {WORD}\r\nSTAT\r\n")
            said = b""
            try:
                while piece := s.socket.recv(65536):
                    said += piece
            except ConnectionResetError:
                pass
            equal(said in (b"", b"+OK begin TLS\r\n"), True, said)
        # A name that was said before counts no more
        with d.session() as s:
            s.expect("USER ann", r"\+OK")
            tls(s)
            s.expect(f"PASS {WORD}", USER_FIRST)
        d.serves()


@test("lines: too long, with NUL, without an end, rubbish; the session goes on until there are too many")
def _():
    with Pop3d(limits={"errors": 8}) as d:
        long = "-ERR the line is too long: allowed are 2048 octets"
        with d.session() as s:
            s.send(b"x" * 100000 + b"\r\n")
            equal(s.line(), long, "")
            s.expect(b"NO\0OP", "-ERR the line has a NUL in it")
            s.expect("USER " + "n" * 3000, long)
            s.expect(bytes(range(128, 256)), UNKNOWN)
            s.expect("CAPA " + "x" * 500, NO_ARGUMENT)
            s.expect("USER %s%n%n%n", r"\+OK")
            s.expect("GET / HTTP/1.1", UNKNOWN)
            s.expect("Host: x", UNKNOWN)
            s.expect("Host: x", UNKNOWN)
            equal(s.line(), "-ERR too many errors", "")
            s.closed()
        with d.session() as s:
            s.expect("AUTH PLAIN", r"\+ ")
            s.send(b"A" * 20000 + b"\r\n")
            equal(s.line().startswith("-ERR the line is too long"), True, "")
            s.expect("USER ann", r"\+OK")
        d.serves()


@test("guessing passwords: each failure takes its time, and after some the client is sent away")
def _():
    with Pop3d(limits={"auth-failures": 3, "failure-delay": '"300ms"'}) as d:
        with d.session() as s:
            begin = time.monotonic()
            s.send("USER ann\r\nPASS a\r\nUSER ann\r\nPASS b\r\nUSER ann\r\nPASS c\r\nUSER ann\r\nPASS d\r\n")
            equal([s.line()[:11] for _ in range(6)], ["+OK", "-ERR [AUTH]"] * 3, "three of them")
            equal(time.monotonic() - begin >= 0.9, True, "slowed")
            equal(s.line(), "-ERR [AUTH] too many logins failed", "")
            s.closed()
        equal(d.metric('linnet_pop3_logins_total{result="bad"}'), 3, "counted")
        d.serves()


@test("clients that go away in the middle of everything")
def _():
    with Pop3d() as d:
        d.put("ann", b"A: b\n\n" + b"x" * 70 * 100000)
        for said in ("", "USER ann\r\n", f"USER ann\r\nPASS {WORD}", f"USER ann\r\nPASS {WORD}\r\n", f"USER ann\r\nPASS {WORD}\r\nRETR 1\r\n",
                     f"USER ann\r\nPASS {WORD}\r\nDELE 1\r\nRETR 1\r\n", "AUTH PLAIN\r\n", f"AUTH PLAIN {plain('ann', WORD)}\r\n"):
            for reset in (False, True):
                s = d.session()
                s.send(said)
                if reset:
                    s.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                s.close()
        until(lambda: not busy(d), "the mailbox to be free")
        equal(len(d.files()), 1, "deleted without QUIT")
        d.serves()


@test("a client that asks and does not read: the server keeps little, and serves others")
def _():
    with Pop3d(workers=1) as d:
        d.put("ann", b"A: b\n\n" + (b"y" * 70 + b"\n") * 900000)
        for i in range(300):
            d.put("bob", b"A: b\n", f"{i}.x")
        worker = descendants(d.process.pid)[0]

        def memory():
            with open(f"/proc/{worker}/status", encoding="ascii") as f:
                return int(re.search(r"RssAnon:\s+(\d+)", f.read())[1])
        with d.session() as idle:
            idle.expect("CAPA", OK)
        before = memory()
        with d.login() as s, d.login("bob", "bob's word") as t:
            for who, line in ((s, b"RETR 1\r\n"), (t, b"UIDL\r\n")):
                who.socket.settimeout(0.5)
                try:
                    for _ in range(64):
                        who.send(line * 131072)
                except TimeoutError:
                    pass
                else:
                    raise AssertionError("the server took all of it")
            equal(memory() - before < 32768, True, f"kB: {before} before, {memory()} now")
            with d.session() as u:
                u.expect("CAPA", OK)


@test("time: a login that does not come, a session that sleeps; nothing is removed")
def _():
    with Pop3d(limits={"login-time": '"300ms"', "idle-time": '"600ms"'}) as d:
        fill(d)
        with d.session() as s:
            s.expect("USER ann", r"\+OK")
            equal(s.line(), "-ERR [SYS/TEMP] waited too long", "before the login")
            s.closed()
        # A login has its time as a whole, a command from its begin to its end
        for kind, octets, begin in (("commands", b"CAPA\r\n", d.session), ("octets", b"x", d.session), ("octets", b"x" * 500, d.login)):
            with begin() as s:
                s.socket.settimeout(0.05)
                begin, said = time.monotonic(), b""
                while b"waited too long" not in said:
                    s.send(octets)
                    try:
                        said += s.socket.recv(65536)
                    except TimeoutError:
                        pass
                    equal(time.monotonic() - begin < PATIENCE, True, f"{kind} keep the session going")
        with d.login() as s:
            s.expect("DELE 1", r"\+OK.*")
            equal(s.line(), "-ERR [SYS/TEMP] waited too long", "after it")
            s.closed()
        equal(len(d.files()), 3, "messages")


@test("many clients at once, each with a mailbox")
def _():
    users = {f"u{i}": "x" for i in range(24)}
    with Pop3d(users={**users, "bob": "bob's word"}, limits={"connections-per-address": 1000}) as d:
        for u in users:
            fill(d, u)
        failures = []

        def client(user):
            try:
                for _ in range(4):
                    with d.login(user, "x") as s:
                        equal([s.message(f"RETR {n}") for n in (1, 2, 3)], [wire(x) for x in (ONE, TWO, THREE)], user)
                        s.expect("QUIT", r"\+OK bye")
            except Exception as e:  # pylint: disable=broad-except
                failures.append(f"{user}: {e}")
        threads = [threading.Thread(target=client, args=(u,)) for u in users]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        equal(failures, [], "failures")


# --- the daemon ---

@test("SIGHUP: other users and passwords; who is logged in stays until QUIT")
def _():
    with Pop3d() as d:
        fill(d)
        with d.login() as s:
            d.write("users", f"ann:{crypted('another')}\nnew:{crypted('x')}\n")
            d.reload()
            with d.session() as t:
                equal(t.login("ann", WORD)[:11], "-ERR [AUTH]", "the old word")
                equal(t.login("new", "x"), "+OK 0 messages (0 octets)", "a new user")
            s.expect("DELE 1", r"\+OK.*")
            s.expect("QUIT", r"\+OK bye")
        equal(len(d.files()), 2, "messages")
        d.write("users", "ann\n")
        d.process.send_signal(signal.SIGHUP)
        until(lambda: d.has("the configuration stays as it was"), "the refusal")
        with d.login("new", "x") as s:
            s.expect("STAT", r"\+OK 0 0")


@test("SIGTERM: who has logged in may go on to QUIT, nobody else")
def _():
    with Pop3d() as d:
        fill(d)
        with d.login() as s, d.session() as t:
            d.process.send_signal(signal.SIGTERM)
            equal(t.line(), "-ERR [SYS/TEMP] the server is shutting down", "before the login")
            t.closed()
            s.expect("DELE 2", r"\+OK.*")
            s.expect("QUIT", r"\+OK bye")
        equal(d.ended(), 0, "exit status")
        equal(len(d.files()), 2, "messages")


@test("a worker that is killed: the mailbox is free at once, nothing is lost")
def _():
    with Pop3d(workers=1) as d:
        fill(d)
        with d.login() as s:
            s.expect("DELE 1", r"\+OK.*")
            os.kill(descendants(d.process.pid)[0], signal.SIGKILL)
            try:
                s("NOOP")
                raise AssertionError("it still answers")
            except (Closed, ConnectionError):
                pass
        with d.login() as s:
            s.expect("STAT", rf"\+OK 3 {TOTAL}")


@test("a file that cannot be removed: said at QUIT, the others are")
def _():
    with Pop3d() as d:
        fill(d)
        with d.login() as s:
            os.rename(os.path.join(d.box(), "new", UIDS[1]), os.path.join(d.folder, "kept"))
            os.mkdir(os.path.join(d.box(), "new", UIDS[1]))
            for i in (1, 2, 3):
                s.expect(f"DELE {i}", r"\+OK.*")
            s.expect("QUIT", r"-ERR \[SYS/TEMP\] some deleted messages were not removed")
        equal(d.files(), [f"new/{UIDS[1]}"], "what is left")


if __name__ == "__main__":
    main()
