#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Malformed and hostile DNS: the exact answers or silence, floods, forged answers, slow streams.

Whatever comes, a good client is answered, and memory stays as it was."""
import os
import random
import socket
import struct
import sys
import threading
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../userspace"))
sys.path.insert(0, os.path.join(HERE, "dns"))
# pylint: disable=wrong-import-position
import wire
from harness import PATIENCE, equal, main, temporary_folder, test, until
from linnet import Dnsd
from servers import Peer, Zone
from wire import FORMERR, NOERROR, NOTAUTH, NOTIMP, NXDOMAIN, REFUSED, message, name, opt, question, rr

ZONE = """$TTL 60
@ SOA ns hostmaster 1 3600 600 86400 60
@ NS ns
ns A 192.0.2.53
www A 192.0.2.80
*.wild A 192.0.2.81
""" + "".join(f"big TXT {'x' * 100}{i}\n" for i in range(100))
WWW, WILD, BIG = name("www.hostile.test."), name("x.wild.hostile.test."), name("big.hostile.test.")
Q = question(WWW, wire.A)
ID = 0x1234
SILENCE = "silence"
GOOD = NOERROR


def query(*additional, **kw):
    kw.setdefault("questions", [Q])
    return message(ID, additional=additional, **kw)


def octets(data, counts=(1, 0, 0, 0), flags=0):
    """Anything behind a header."""
    return struct.pack("!6H", ID, flags, *counts) + data


def label(n, fill=b"a"):
    return bytes([n]) + fill * n


# 4 labels of 63 octets and the root would be 257 octets; the last of them makes it 255 or 256
LONG_255 = (label(63) * 3 + label(61) + b"\0")
LONG_256 = (label(63) * 3 + label(62) + b"\0")
TSIG_RDATA = name("hmac-sha256.") + bytes(6) + struct.pack("!HH", 300, 32) + bytes(32) + struct.pack("!HHH", ID, 0, 0)
TSIG = rr(name("unknown-key."), wire.TSIG, wire.ANY_CLASS, 0, TSIG_RDATA)
ADDRESS = rr(WWW, wire.A, wire.IN, 60, b"\1\2\3\4")


def cookie(n):
    return opt(options=[(wire.COOKIE, b"c" * n)])


# What is sent, the answer's rcode or silence, and which RFC says so.
TABLE = [
    # --- header (RFC 1035, 4.1.1) ---
    ("a good query", query(), GOOD),
    ("nothing", b"", SILENCE),
    ("1 octet", b"\x12", SILENCE),
    ("an id alone", b"\x12\x34", SILENCE),
    ("11 octets", query()[:11], SILENCE),
    ("a response", query(flags=wire.QR), SILENCE),
    ("a response with an answer", message(ID, wire.QR | wire.AA, [Q], [ADDRESS]), SILENCE),
    ("a response of an unknown opcode", query(flags=wire.QR, opcode=9), SILENCE),
    ("a response of 12 octets", query(flags=wire.QR)[:12], SILENCE),
    ("a header alone that promises a question", query()[:12], FORMERR),
    ("no question (RFC 9619, 4)", octets(b"", (0, 0, 0, 0)), FORMERR),
    ("no question, but an OPT", octets(opt(), (0, 0, 0, 1)), FORMERR),
    ("no question, but a client's cookie (RFC 7873, 5.4)", octets(cookie(8), (0, 0, 0, 1)), GOOD),
    ("two questions (RFC 9619, 4)", query(questions=[Q, Q]), FORMERR),
    ("two questions promised, one there", octets(Q, (2, 0, 0, 0)), FORMERR),
    ("65,535 questions promised", octets(Q, (65535, 0, 0, 0)), FORMERR),
    ("65,535 answers promised", octets(Q, (1, 65535, 0, 0)), FORMERR),
    ("65,535 of each promised", octets(Q, (65535,) * 4), FORMERR),
    ("an additional record promised", octets(Q, (1, 0, 0, 1)), FORMERR),
    ("opcode IQUERY (RFC 3425)", query(opcode=1), NOTIMP),
    ("opcode STATUS", query(opcode=2), NOTIMP),
    ("opcode 3", query(opcode=3), NOTIMP),
    ("opcode DSO by UDP (RFC 8490, 5.1)", octets(b"", (0, 0, 0, 0), 6 << 11), NOTIMP),
    ("opcode 15", query(opcode=15), NOTIMP),
    ("opcode 15 and nothing else", octets(b"", (0, 0, 0, 0), 15 << 11), NOTIMP),
    ("AA, TC, RA and Z of a query mean nothing", query(flags=wire.AA | wire.TC | wire.RA | wire.Z), GOOD),
    ("an rcode of a query means nothing", query(flags=5), GOOD),
    # --- question: names (RFC 1035, 3.1, 4.1.4) ---
    ("half a question", octets(Q[:-1]), FORMERR),
    ("a name without type and class", octets(WWW), FORMERR),
    ("a name without its end", octets(WWW[:-1]), FORMERR),
    ("a label longer than the message", octets(b"\x3fabc"), FORMERR),
    ("a label that ends where the message ends", octets(label(3)), FORMERR),
    ("a label of type 0x40", octets(b"\x41" + b"a" * 65 + b"\0\0\1\0\1"), FORMERR),
    ("a label of type 0x80", octets(b"\x80a\0\0\1\0\1"), FORMERR),
    ("a bit-string label (RFC 6891, 5)", octets(b"\x41\x08\xff\0\0\1\0\1"), FORMERR),
    ("a pointer to itself", octets(b"\xc0\x0c\0\1\0\1"), FORMERR),
    ("a pointer loop through a label", octets(b"\1a\xc0\x0c\0\1\0\1"), FORMERR),
    ("two pointers that point at each other", octets(b"\xc0\x0e\xc0\x0c\0\1\0\1"), FORMERR),
    ("a pointer forward", octets(b"\xc0\x12\0\1\0\1\1a\0"), FORMERR),
    ("a pointer beyond the end", octets(b"\xff\xff\0\1\0\1"), FORMERR),
    ("half a pointer", octets(b"\xc0"), FORMERR),
    ("a name of 255 octets", octets(LONG_255 + b"\0\1\0\1"), REFUSED),
    ("a name of 256 octets", octets(LONG_256 + b"\0\1\0\1"), FORMERR),
    ("a name of 1,000 octets", octets(label(63) * 15 + label(39) + b"\0\0\1\0\1"), FORMERR),
    ("a name of 127 labels", octets(b"\1a" * 127 + b"\0\0\1\0\1"), REFUSED),
    ("a name of 128 labels", octets(b"\1a" * 128 + b"\0\0\1\0\1"), FORMERR),
    ("a label with zeros and dots", octets(b"\4\0..\xff" + name("hostile.test.") + b"\0\1\0\1"), NXDOMAIN),
    # --- behind the question ---
    ("garbage behind the message", query() + b"garbage", FORMERR),
    ("one octet behind the message", query() + b"\0", FORMERR),
    ("a second question that is not counted", octets(Q + Q), FORMERR),
    ("garbage behind OPT", query(opt()) + b"\0", FORMERR),
    ("an additional record of half a header", octets(Q + b"\0\0\1\0", (1, 0, 0, 1)), FORMERR),
    ("rdata longer than the message", query(rr(WWW, wire.TXT, rdata=b"abc", rdlength=1000)), FORMERR),
    ("rdata one octet longer than the message", query(rr(WWW, wire.TXT, rdata=b"\2ab", rdlength=4)), FORMERR),
    ("an owner that points to itself",
     octets(Q + b"\xc0" + bytes([12 + len(Q)]) + b"\0\1\0\1\0\0\0\0\0\0", (1, 0, 0, 1)), FORMERR),
    ("an owner that points forward", octets(Q + b"\xc0\xff\0\1\0\1\0\0\0\0\0\0", (1, 0, 0, 1)), FORMERR),
    # --- OPT (RFC 6891, 6.1) ---
    ("an OPT", query(opt()), GOOD),
    ("two OPT", query(opt(), opt()), FORMERR),
    ("two OPT and a record between", query(opt(), ADDRESS, opt()), FORMERR),
    ("OPT in the answer", query(answers=[opt()]), FORMERR),
    ("OPT in the authority", query(authority=[opt()]), FORMERR),
    ("OPT of a name that is not the root", query(opt(owner=WWW)), FORMERR),
    ("OPT whose rdata is longer than the message", query(opt(rdlength=4)), FORMERR),
    ("OPT whose rdata is shorter than what follows", query(opt(options=[(10, b"c" * 8)], rdlength=4)), FORMERR),
    ("OPT of 1 octet", query(rr(b"\0", wire.OPT, 1232, 0, b"\0")), FORMERR),
    ("OPT with 3 octets of an option", query(rr(b"\0", wire.OPT, 1232, 0, b"\0\3\0")), FORMERR),
    ("OPT with an option longer than it", query(rr(b"\0", wire.OPT, 1232, 0, b"\0\3\0\5abcd")), FORMERR),
    ("OPT with octets behind its options", query(rr(b"\0", wire.OPT, 1232, 0, b"\0\3\0\0\0")), FORMERR),
    ("OPT without its last octet", query(opt())[:-1], FORMERR),
    ("a buffer of 0 octets is one of 512 (6.2.3)", query(opt(size=0)), GOOD),
    ("a buffer of 65,535 octets", query(opt(size=65535)), GOOD),
    ("the reserved bits of OPT mean nothing", query(opt(z=0x7fff)), GOOD),
    ("an extended rcode of a query means nothing", query(opt(rcode=255)), GOOD),
    ("unknown options mean nothing (6.1.2)", query(opt(options=[(65001, b"x" * 300), (65535, b""), (0, b"")])), GOOD),
    ("300 options", query(opt(options=[(65001, b"")] * 300)), GOOD),
    ("EDNS version 1 (6.1.3)", query(opt(version=1)), wire.BADVERS),
    ("EDNS version 255", query(opt(version=255)), wire.BADVERS),
    # --- cookies (RFC 7873, 5.2.2) ---
    ("a cookie of 8 octets", query(cookie(8)), GOOD),
    ("a cookie that is not ours", query(cookie(24)), GOOD),
    ("a cookie of 40 octets that is not ours", query(cookie(40)), GOOD),
    *((f"a cookie of {n} octets", query(cookie(n)), FORMERR) for n in (0, 1, 7, 9, 15, 41, 100)),
    # --- TSIG (RFC 8945, 5.1, 5.2) ---
    ("TSIG of an unknown key (5.2.1)", query(TSIG), NOTAUTH),
    ("TSIG before OPT", query(TSIG, opt()), FORMERR),
    ("TSIG before another record", query(TSIG, ADDRESS), FORMERR),
    ("two TSIG", query(TSIG, TSIG), FORMERR),
    ("TSIG in the answer", query(answers=[TSIG]), FORMERR),
    ("TSIG in the authority", query(authority=[TSIG]), FORMERR),
    ("TSIG of half its rdata", query(rr(name("k."), wire.TSIG, wire.ANY_CLASS, 0, TSIG_RDATA[:20])), FORMERR),
    ("TSIG of no rdata", query(rr(name("k."), wire.TSIG, wire.ANY_CLASS, 0, b"")), FORMERR),
    ("TSIG whose MAC is longer than it", query(rr(name("k."), wire.TSIG, wire.ANY_CLASS, 0,
                                                TSIG_RDATA[:21] + b"\xff\xff" + bytes(10))), FORMERR),
    ("TSIG with octets behind", query(rr(name("k."), wire.TSIG, wire.ANY_CLASS, 0, TSIG_RDATA + b"\0")), FORMERR),
    ("TSIG of class IN", query(rr(name("k."), wire.TSIG, wire.IN, 0, TSIG_RDATA)), FORMERR),
    # --- large ---
    ("4,000 octets of good records", query(*([rr(b"\0", wire.TXT, rdata=b"\xfe" + b"x" * 254)] * 15)), GOOD),
    ("4,000 octets of zeros", octets(Q + bytes(4000)), FORMERR),
    # What is longer than we say that we take (RFC 6891, 6.2.5) may be lost.
    ("a datagram of 65,000 octets by UDP", query(*([rr(b"\0", wire.TXT, rdata=b"\xfe" + b"x" * 254)] * 244)), {GOOD, SILENCE}),
    ("a datagram of 65,000 octets of zeros by UDP", octets(Q + bytes(65000)), {FORMERR, SILENCE}),
    ("65,000 octets with good records by TCP", query(*([rr(b"\0", wire.TXT, rdata=b"\xfe" + b"x" * 254)] * 244)), GOOD),
    ("65,000 octets of zeros by TCP", octets(Q + bytes(65000)), FORMERR),
    # --- transfers by UDP ---
    ("AXFR by UDP (RFC 5936, 4.2)", query(questions=[question(name("hostile.test."), wire.AXFR)]), {FORMERR, REFUSED, NOTIMP}),
]


class Flight:
    """The daemon with the zone, and how it is seen from outside."""

    def __init__(self, more="", **kw):
        self.temporary = temporary_folder()
        self.more, self.kw = more, kw

    def __enter__(self):
        folder = self.temporary.__enter__()
        path = os.path.join(folder, "hostile.zone")
        with open(path, "w", encoding="utf-8") as f:
            f.write(ZONE)
        self.daemon = Dnsd(os.path.join(folder, "dnsd"), [Zone("hostile.test", file=path)], more=self.more, **self.kw)
        self.daemon.__enter__()
        return self.daemon

    def __exit__(self, *exc):
        self.daemon.__exit__(*exc)
        self.temporary.__exit__(*exc)


def check(what, sent, got, expected):
    allowed = expected if isinstance(expected, set) else {expected}
    if got is None or allowed == {SILENCE}:
        if (got is None) != (SILENCE in allowed):
            raise AssertionError(f"{what}: {'silence' if got is None else got.hex()}, expected {allowed}")
        return
    r = wire.Response(got)
    if r.rcode not in allowed:
        raise AssertionError(f"{what}: rcode {r.rcode}, expected {allowed}")
    equal((r.id, r.flag(wire.QR), r.opcode, r.flag(wire.Z)), (ID, True, sent[2] >> 3 & 15, False), f"{what}: header")
    if r.rcode == NOERROR and r.question:
        equal([rdata for *_, rdata in r.answer], [b"\xc0\0\2\x50"], what)
    if r.rcode in (FORMERR, NOTIMP, REFUSED, wire.BADVERS, NOTAUTH):
        equal((r.answer, r.authority), ([], []), f"{what}: sections")


class Quick:
    """A socket on which silence is known without waiting: a good query sent behind is answered first."""

    def __init__(self, port):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(("127.0.0.1", port))

    def ask(self, data):
        """One worker takes its datagrams in order, so the answer to what was first comes first."""
        self.socket.send(data)
        self.socket.send(b"\xff\xff" + query()[2:])
        first = self.socket.recv(65535)
        if first[:2] == b"\xff\xff":
            return None
        equal(self.socket.recv(65535)[:2], b"\xff\xff", "the good query behind")
        return first


@test("malformed by UDP: the exact answer, or silence")
def _():
    with Flight() as d:
        quick, failures = Quick(d.port), []
        for what, data, expected in TABLE:
            if "by TCP" in what:
                continue
            try:
                check(what, data, quick.ask(data), expected)
            except (AssertionError, wire.Malformed) as e:
                failures.append(str(e))
        quick.socket.close()
        for line in failures:
            print("#", line)
        equal(len(failures), 0, f"of {len(TABLE)} wrong answers")


@test("malformed by TCP: the same answer, silence is a closed or silent connection, the next one is served")
def _():
    with Flight() as d:
        failures = []
        for what, data, expected in TABLE:
            if "by UDP" in what:
                continue
            try:
                with socket.create_connection(("127.0.0.1", d.port), PATIENCE) as s:
                    s.sendall(wire.framed(data) + wire.framed(b"\xff\xff" + query()[2:]))
                    first = wire.receive_message(s)
                    check(what, data, None if first is None or first[:2] == b"\xff\xff" else first, expected)
            except (AssertionError, wire.Malformed, OSError) as e:
                failures.append(f"{what}: {e}")
        check("after all", query(), wire.tcp("127.0.0.1", d.port, query()), GOOD)
        for line in failures:
            print("#", line)
        equal(len(failures), 0, f"of {len(TABLE)} wrong answers")


@test("what answers say beside their code: sizes, cookies, versions, TSIG errors")
def _():
    with Flight() as d:
        quick = Quick(d.port)

        def ask(data):
            return wire.Response(quick.ask(data))
        big = [question(BIG, wire.TXT)]
        for size, limit in ((0, 512), (100, 512), (511, 512), (512, 512), (700, 700), (1232, 1232), (65535, 1232)):
            r = ask(query(opt(size=size), questions=big))
            equal((r.flag(wire.TC), r.size <= limit, bool(r.edns)), (True, True, True), f"buffer {size}: {r.size}")
        r = ask(query(questions=big))
        equal((r.flag(wire.TC), r.size <= 512, r.edns), (True, True, None), "without EDNS")
        r = ask(query(opt(version=1)))
        equal((r.edns["version"], r.answer), (0, []), "BADVERS says which version there is")
        r = ask(query(opt(z=0x7fff, do=True)))
        equal((r.edns["z"], r.edns["do"]), (0, 1), "reserved bits are not repeated, DO is")
        r = ask(query(opt(options=[(65001, b"x")])))
        equal(r.edns["options"], [], "unknown options are not repeated")
        # A good subnet, then one that says 2040 bits: nothing but what was good may come back.
        good, bad = (wire.CLIENT_SUBNET, b"\0\1\x18\0\xc0\0\2"), (wire.CLIENT_SUBNET, b"\0\2\xff\0")
        r = ask(query(opt(options=[good, bad])))
        equal((r.rcode, [o for o in r.edns["options"] if o[0] == wire.CLIENT_SUBNET]), (FORMERR, [good]), "two subnets")
        # RFC 9018, 4: 8 octets of the client's and 16 of the server's
        r = ask(query(cookie(8)))
        equal([(code, len(data), data[:8]) for code, data in r.edns["options"]], [(wire.COOKIE, 24, b"c" * 8)], "cookie")
        ours = r.edns["options"][0][1]
        r = ask(query(opt(options=[(wire.COOKIE, ours)])))
        equal((r.rcode, r.edns["options"][0][1][:8]), (NOERROR, b"c" * 8), "our cookie comes back")
        r = ask(query(TSIG))
        equal([(rtype, owner) for owner, rtype, *_ in r.additional], [(wire.TSIG, name("unknown-key."))], "TSIG")
        # Algorithm, time, fudge, MAC, id, error, other (RFC 8945, 4.2, 5.2.1)
        rdata = wire.Reader(r.additional[0][4])
        equal(rdata.name(), name("hmac-sha256."), "algorithm")
        rdata.take(8)
        equal(rdata.take(rdata.unpack("!H")[0]), b"", "no MAC")
        equal(rdata.unpack("!HH"), (ID, 17), "BADKEY")


def garbage(r):
    """A datagram that is wrong in some way, or quite at random."""
    x = r.random()
    if x < 0.2:
        return r.randbytes(r.randrange(0, 600))
    if x < 0.4:
        return octets(r.randbytes(r.randrange(0, 300)))
    if x < 0.6:
        return r.choice(TABLE)[1][:1400]
    # other names each time: nothing kept for them may grow
    owner = label(12, bytes([97 + r.randrange(26)]))[:9] + r.randbytes(4) + b"\7hostile\4test\0"
    data = bytearray(query(opt(), questions=[question(owner, wire.A)]))
    for _ in range(r.randrange(3)):
        data[r.randrange(2, len(data))] = r.randrange(256)
    return bytes(data)


class GoodClient(threading.Thread):
    """Asks until it is told to end; a datagram may be lost, so each query is sent up to five times."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.ending, self.answered, self.lost, self.errors = port, False, 0, 0, []

    def run(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.connect(("127.0.0.1", self.port))
            s.settimeout(0.5)
            number = 0
            while not self.ending:
                number = (number + 1) % 65536
                data = struct.pack("!H", number) + query()[2:]
                for _ in range(5):
                    s.send(data)
                    try:
                        while True:
                            answer = s.recv(65535)
                            if answer[:2] == data[:2]:
                                break
                    except OSError:
                        self.lost += 1
                        continue
                    if wire.Response(answer).answer[0][4] != b"\xc0\0\2\x50":
                        self.errors.append(answer)
                    self.answered += 1
                    break
                else:
                    self.errors.append(f"query {number} was not answered at all")
                time.sleep(0.002)


def flood(port, count, seed):
    """Datagrams from several sockets as fast as they go, made before; what comes back is thrown away."""
    r = random.Random(seed)
    datagrams = [garbage(r) for _ in range(5000)]
    sockets = []
    for _ in range(8):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.setblocking(False)
        s.connect(("127.0.0.1", port))
        sockets.append(s)
    start = time.monotonic()
    for i in range(count):
        s = sockets[i % 8]
        try:
            s.send(datagrams[i % 5000])
        except OSError:
            pass
        if i % 64 == 63:
            try:
                while True:
                    s.recv(65535)
            except OSError:
                pass
    for s in sockets:
        s.close()
    return count / (time.monotonic() - start)


@test("a flood of 100,000 datagrams of garbage: a good client is answered, memory stays")
def _():
    with Flight() as d:
        # The same datagrams before: so that the cache of answers, which has its own bound, has all that it
        # will have, and what grows after that is a leak.
        flood(d.port, 30_000, 2)
        before = d.memory()
        client = GoodClient(d.port)
        client.start()
        rate = flood(d.port, 100_000, 2)
        until(lambda: client.answered > 5 or client.errors, "the good client's answers")
        client.ending = True
        client.join()
        after = d.memory()
        print(f"# {rate:.0f} datagrams a second; good client: {client.answered} answers, {client.lost} datagrams lost; "
              f"memory {before} kB, then {after} kB")
        equal(client.errors, [], "the good client's errors")
        equal(after - before < 256, True, f"memory grew from {before} to {after} kB")
        check("after all", query(), wire.udp("127.0.0.1", d.port, query()), GOOD)


@test("1,000 queries on one connection at once: each is answered")
def _():
    with Flight() as d, socket.create_connection(("127.0.0.1", d.port), PATIENCE) as s:
        names = [WWW, WILD, BIG, name("nothing.hostile.test.")]
        sent = b"".join(wire.framed(message(i, 0, [question(names[i % 4], wire.TXT if i % 4 == 2 else wire.A)]))
                        for i in range(1000))
        sender = threading.Thread(target=s.sendall, args=(sent,))
        sender.start()
        answers = {}
        for _ in range(1000):
            r = wire.Response(wire.receive_message(s))
            equal(r.id in answers, False, f"second answer to {r.id}")
            answers[r.id] = r
        sender.join()
        for i in range(1000):
            r = answers[i]
            equal((r.rcode, len(r.answer), r.flag(wire.TC)),
                  [(0, 1, False), (0, 1, False), (0, 100, False), (3, 0, False)][i % 4], f"answer {i}")


@test("a query in single octets, two in one segment, one over two segments")
def _():
    with Flight() as d, socket.create_connection(("127.0.0.1", d.port), PATIENCE) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for i in wire.framed(query()):
            s.send(bytes([i]))
        check("octets", query(), wire.receive_message(s), GOOD)
        two = wire.framed(query()) * 2
        s.send(two[:40])
        s.send(two[40:])
        for _ in range(2):
            check("two", query(), wire.receive_message(s), GOOD)


@test("half a length, half a message, and silence: closed after a while, others are served meanwhile")
def _():
    with Flight(**{"stream_timeout": 1}) as d:
        halves = [b"", b"\0", b"\0\x20", wire.framed(query())[:-1], b"\xff\xff" + bytes(1000)]
        connections = []
        for half in halves:
            s = socket.create_connection(("127.0.0.1", d.port), PATIENCE)
            s.sendall(half)
            connections.append(s)
        check("meanwhile", query(), wire.tcp("127.0.0.1", d.port, query()), GOOD)
        for s, half in zip(connections, halves):
            equal(wire.receive(s, 1), None, f"closed after {half[:4]!r}")
            s.close()


@test("a peer that reads nothing is not sent without end, and others are served")
def _():
    with Flight(**{"stream_timeout": 1}) as d:
        before = d.memory()
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            s.settimeout(0.5)
            s.connect(("127.0.0.1", d.port))
            large = wire.framed(message(ID, 0, [question(BIG, wire.TXT)]))
            sent = 0
            try:
                # 11 kB of answer for each 35 octets
                while sent < 20_000:
                    s.send(large * 100)
                    sent += 100
            except OSError:
                pass
            check("meanwhile", query(), wire.tcp("127.0.0.1", d.port, query()), GOOD)
            grown = d.memory() - before
            print(f"# {sent} queries taken without reading an answer, memory grew by {grown} kB")
            equal(grown < 8192, True, f"grew by {grown} kB")
        check("after", query(), wire.tcp("127.0.0.1", d.port, query()), GOOD)


@test("500 idle connections from one address: its limit holds, others and datagrams are served")
def _():
    with Flight() as d:
        connections = []
        try:
            for _ in range(500):
                connections.append(socket.create_connection(("127.0.0.1", d.port), PATIENCE))
            with socket.create_connection(("127.0.0.1", d.port), PATIENCE, ("127.0.0.2", 0)) as s:
                s.sendall(wire.framed(query()))
                check("TCP from another", query(), wire.receive_message(s), GOOD)
            check("UDP", query(), wire.udp("127.0.0.1", d.port, query(), PATIENCE), GOOD)
        finally:
            for s in connections:
                s.close()


@test("a queue of connections that are reset at once")
def _():
    with Flight() as d:
        for i in range(300):
            with socket.create_connection(("127.0.0.1", d.port), PATIENCE) as s:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                if i % 3:
                    s.sendall(wire.framed(query()) * (i % 3))
        check("after all", query(), wire.tcp("127.0.0.1", d.port, query()), GOOD)


class Primary:
    """A primary of ours that forges: each SOA query is answered wrongly in many ways, then rightly."""

    def __init__(self, name_):
        self.name, self.serial, self.forged = name_, 1, 0
        self.transfers, self.ending = 0, False
        while True:
            self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.udp.bind(("127.0.0.1", 0))
            self.port = self.udp.getsockname()[1]
            self.tcp = socket.socket()
            try:
                self.tcp.bind(("127.0.0.1", self.port))
                break
            except OSError:
                self.udp.close()
                self.tcp.close()
        self.tcp.listen(10)
        self.udp.settimeout(0.1)
        self.tcp.settimeout(0.1)
        self.soa_queries, self.ports = [], set()
        self.threads = [threading.Thread(target=f, daemon=True) for f in (self.datagrams, self.streams)]
        for t in self.threads:
            t.start()

    def soa(self, serial):
        return rr(self.name, wire.SOA, ttl=60, rdata=name("ns.") + name("h.") + struct.pack("!5I", serial, 1, 1, 3600, 60))

    def answer(self, data, serial, **kw):
        number = struct.unpack("!H", data[:2])[0]
        kw.setdefault("questions", [question(self.name, wire.SOA)])
        return message(kw.pop("number", number), kw.pop("flags", wire.QR | wire.AA), answers=[self.soa(serial)], **kw)

    def datagrams(self):
        while not self.ending:
            try:
                data, peer = self.udp.recvfrom(65535)
            except OSError:
                continue
            self.soa_queries.append(data)
            self.ports.add(peer[1])
            number = struct.unpack("!H", data[:2])[0]
            # An attacker elsewhere has the right id, but not the address and port asked.
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
                other.bind(("127.0.0.2", 0))
                other.sendto(self.answer(data, 666), peer)
            for wrong in (self.answer(data, 666, number=number ^ 1), self.answer(data, 666, number=(number + 1) % 65536),
                          self.answer(data, 666, flags=0),
                          self.answer(data, 666, questions=[question(name("other.test."), wire.SOA)]),
                          self.answer(data, 666, questions=[question(self.name, wire.A)]),
                          self.answer(data, 666, questions=[question(self.name, wire.SOA, wire.CH)]),
                          self.answer(data, 666, questions=[]), self.answer(data, 666)[:11], b"",
                          self.answer(data, 666, number=number ^ 1)[:-3]):
                self.udp.sendto(wrong, peer)
                self.forged += 1
            self.udp.sendto(self.answer(data, self.serial), peer)

    def streams(self):
        while not self.ending:
            try:
                s, _ = self.tcp.accept()
            except OSError:
                continue
            s.settimeout(PATIENCE)
            with s:
                while True:
                    try:
                        data = wire.receive_message(s)
                    except OSError:
                        break
                    if data is None:
                        break
                    qtype = struct.unpack("!H", data[12 + len(self.name):14 + len(self.name)])[0]
                    if qtype == wire.SOA:
                        s.sendall(wire.framed(self.answer(data, self.serial)))
                        continue
                    self.transfers += 1
                    host = rr(name("serial.")[:-1] + self.name, wire.A, ttl=60, rdata=struct.pack("!I", self.serial))
                    s.sendall(wire.framed(message(struct.unpack("!H", data[:2])[0], wire.QR | wire.AA,
                                                  [question(self.name, qtype)],
                                                  [self.soa(self.serial), rr(self.name, wire.NS, ttl=60, rdata=name("ns.")),
                                                   host, self.soa(self.serial)])))

    def end(self):
        self.ending = True
        for t in self.threads:
            t.join()
        self.udp.close()
        self.tcp.close()


@test("forged answers to the daemon's own queries are not believed")
def _():
    apex = name("forged.test.")
    primary = Primary(apex)
    try:
        zone = Zone("forged.test", primaries=[Peer("127.0.0.1", primary.port)], more='min-refresh = "1s"')
        with temporary_folder() as folder, Dnsd(folder, [zone]) as d:
            def address():
                data = wire.udp("127.0.0.1", d.port, query(questions=[question(name("serial.forged.test."), wire.A)]))
                answer = wire.Response(data).answer if data else None
                return answer[0][4] if answer else None
            until(lambda: address() == struct.pack("!I", 1), "the transfer")
            transfers, asked = primary.transfers, len(primary.soa_queries)
            # SOA says: refresh each second. While the serial stays, there is nothing to transfer.
            until(lambda: len(primary.soa_queries) >= asked + 3, "refreshes by UDP")
            equal(primary.transfers, transfers, "transfers although the serial is as it was")
            primary.serial = 2
            until(lambda: address() == struct.pack("!I", 2), "the true new serial")
            numbers = [q[:2] for q in primary.soa_queries]
            print(f"# {len(numbers)} queries, {primary.forged} forged answers, from {len(primary.ports)} ports")
            equal(len(set(numbers)) > len(numbers) // 2, True, "ids differ")
            equal(len(primary.ports) > 1, True, "source ports differ")
    finally:
        primary.end()


if __name__ == "__main__":
    main()
