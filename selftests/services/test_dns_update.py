#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Dynamic updates (RFC 2136): nsupdate and dnspython, prerequisites, rights, serials, secondaries that
pass them on; and that what was acknowledged outlives kill -9."""
import os
import random
import re
import resource
import signal
import socket
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../userspace"))
sys.path.insert(0, os.path.join(HERE, "dns"))
# pylint: disable=wrong-import-position
import wire
from harness import PATIENCE, Skip, equal, main, program, temporary_folder, test, until
from linnet import Dnsd
from servers import Peer, Zone, bind, free_port, knot

try:
    import dns.exception
    import dns.message
    import dns.query
    import dns.rcode
    import dns.rdatatype
    import dns.tsig
    import dns.tsigkeyring
    import dns.update
except ImportError:
    sys.exit(print("1..0 # SKIP python3-dnspython is not installed") or 4)

SECRET = "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI="
KEYS = {"update.key": ("hmac-sha256", SECRET)}
RING = dns.tsigkeyring.from_text({"update.key": SECRET})
LOCAL = Peer("127.0.0.1")
ZONE = """$TTL 300
@ SOA ns hostmaster 10 3600 600 86400 60
@ NS ns
ns A 192.0.2.53
www A 192.0.2.80
www A 192.0.2.81
www TXT hello
alias CNAME www
"""


def write(path, text):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def lookup(server, name, rtype):
    """RCODE and the rdata of the answer, as text."""
    m = dns.query.udp(dns.message.make_query(name, rtype), server.address, port=server.port, timeout=PATIENCE,
                      ignore_unexpected=True)
    return dns.rcode.to_text(m.rcode()), sorted(r.to_text() for rrset in m.answer for r in rrset)


def serial_of(server, zone="example.test"):
    code, records = lookup(server, zone, "SOA")
    return int(records[0].split()[2]) if code == "NOERROR" and records else None


def send(server, message, tcp=False):
    how = dns.query.tcp if tcp else dns.query.udp
    return how(message, server.address, port=server.port, timeout=PATIENCE)


def make(*changes, key=None, zone="example.test"):
    u = dns.update.Update(zone, **({"keyring": RING, "keyname": key} if key else {}))
    for method, *args in changes:
        getattr(u, method)(*args)
    return u


def rcode(server, *changes, tcp=False, **kw):
    return dns.rcode.to_text(send(server, make(*changes, **kw), tcp).rcode())


def nsupdate(server, script, *options):
    try:
        done = subprocess.run(["nsupdate", *options], input=f"server {server.address} {server.port}\n{script}send\n",
                              capture_output=True, text=True, timeout=PATIENCE, check=False)
    except FileNotFoundError:
        raise Skip("nsupdate is not installed") from None
    return done.returncode, done.stderr.strip()


def control(server, *words):
    return subprocess.run([program("linnet-dnsd"), "-c", server.conf, "--control", *words], capture_output=True,
                          text=True, timeout=PATIENCE, check=False)


def ours(folder, zones=None, **kw):
    file = f"{folder}/example.test.zone"
    if not os.path.exists(file):
        write(file, ZONE)
    return Dnsd(f"{folder}/ours", zones or [Zone("example.test", file=file, update=[LOCAL], transfer=[LOCAL])],
                keys=KEYS, **kw)


def keeper_of(server):
    """The process that has the control socket."""
    with open("/proc/net/unix", encoding="ascii") as f:
        inodes = [line.split()[6] for line in f if line.rstrip().endswith(f"{server.folder}/state/control.socket")]
    for pid in server.processes()[1:]:
        try:
            links = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
        except OSError:
            continue
        if any(f"socket:[{i}]" in links for i in inodes):
            return pid
    return None


@test("nsupdate adds, replaces and deletes, over UDP and TCP")
def _():
    with temporary_folder() as folder, ours(folder) as d:
        equal(nsupdate(d, "update add new.example.test 60 A 192.0.2.1\n"), (0, ""))
        equal(lookup(d, "new.example.test", "A"), ("NOERROR", ["192.0.2.1"]))
        equal(serial_of(d), 11, "the serial")
        equal(nsupdate(d, "prereq yxrrset new.example.test A\nupdate delete new.example.test A\n"
                          "update add new.example.test 60 A 192.0.2.2\n", "-v"), (0, ""))
        equal(lookup(d, "new.example.test", "A"), ("NOERROR", ["192.0.2.2"]))
        equal(nsupdate(d, "update delete www.example.test TXT\nupdate delete www.example.test A 192.0.2.80\n"), (0, ""))
        equal(lookup(d, "www.example.test", "TXT"), ("NOERROR", []))
        equal(lookup(d, "www.example.test", "A"), ("NOERROR", ["192.0.2.81"]))
        equal(nsupdate(d, "update delete new.example.test\n"), (0, ""))
        equal(lookup(d, "new.example.test", "A"), ("NXDOMAIN", []))
        equal(nsupdate(d, "prereq nxdomain www.example.test\nupdate add x.example.test 60 A 192.0.2.2\n"),
              (2, "update failed: YXDOMAIN"))
        equal(serial_of(d), 14, "four updates")


@test("prerequisites: each kind, met and not; an update that fails changes nothing")
def _():
    add = ("add", "never", 60, "A", "192.0.2.9")
    cases = [
        ("NOERROR", ("present", "www")), ("NXDOMAIN", ("present", "nowhere")),
        ("NOERROR", ("absent", "nowhere")), ("YXDOMAIN", ("absent", "www")),
        ("NOERROR", ("present", "www", "TXT")), ("NXRRSET", ("present", "www", "MX")),
        ("NOERROR", ("absent", "www", "MX")), ("YXRRSET", ("absent", "www", "TXT")),
        ("NOERROR", ("present", "www", "A", "192.0.2.80", "192.0.2.81")),
        ("NXRRSET", ("present", "www", "A", "192.0.2.80")), ("NXRRSET", ("present", "www", "TXT", "Hello")),
        ("NOTZONE", ("present", "www.other.test.")),
    ]
    with temporary_folder() as folder, ours(folder) as d:
        for expected, prerequisite in cases:
            if expected == "NOERROR":
                equal(rcode(d, prerequisite), expected, str(prerequisite))
            else:
                equal(rcode(d, prerequisite, add), expected, str(prerequisite))
                equal(lookup(d, "never.example.test", "A"), ("NXDOMAIN", []))
        equal(rcode(d, add, ("add", "x.other.test.", 60, "A", "192.0.2.1")), "NOTZONE")
        equal(lookup(d, "never.example.test", "A"), ("NXDOMAIN", []))
        equal(serial_of(d), 10, "nothing has changed")


@test("what an update cannot do: the apex, CNAMEs, other zones, wrong messages")
def _():
    with temporary_folder() as folder, ours(folder) as d:
        equal(rcode(d, ("delete", "@"), ("delete", "@", "NS"), ("delete", "@", "NS", "ns")), "NOERROR")
        equal(lookup(d, "example.test", "NS"), ("NOERROR", ["ns.example.test."]))
        equal(rcode(d, ("add", "www", 60, "CNAME", "ns"), ("add", "alias", 60, "A", "192.0.2.1")), "NOERROR")
        equal(lookup(d, "www.example.test", "CNAME"), ("NOERROR", []))
        equal(serial_of(d), 10, "no change, no serial")
        equal(rcode(d, ("add", "@", 60, "SOA", "ns hostmaster 100 1 1 1 1")), "NOERROR")
        equal(serial_of(d), 100, "a serial of the client's")
        equal(rcode(d, ("add", "@", 60, "SOA", "ns hostmaster 99 1 1 1 1")), "NOERROR")
        equal(serial_of(d), 100, "an older one")
        equal(rcode(d, ("add", "x", 60, "A", "192.0.2.1"), zone="other.test"), "NOTAUTH")
        equal(rcode(d, ("add", "x", 60, "A", "192.0.2.1"), zone="sub.example.test"), "NOTAUTH")
        question = wire.question(wire.name("example.test."), wire.A)
        for questions in ([question], [], [question, question]):
            data = wire.udp(d.address, d.port, wire.message(3, 0, questions, opcode=5))
            equal((data[0:2], data[2] >> 7, data[3] & 15), (b"\0\3", 1, wire.FORMERR), f"{len(questions)} questions")


@test("serials wrap and skip 0")
def _():
    with temporary_folder() as folder:
        write(f"{folder}/example.test.zone", ZONE.replace("hostmaster 10", "hostmaster 4294967295"))
        with ours(folder) as d:
            equal(rcode(d, ("add", "x", 60, "A", "192.0.2.1")), "NOERROR")
            equal(serial_of(d), 1)


@test("who may: by address, by key, by neither")
def _():
    change = ("add", "x", 60, "A", "192.0.2.1")
    with temporary_folder() as folder:
        file = write(f"{folder}/z", ZONE)
        zones = [Zone("example.test", file=file, update=[Peer("127.0.0.1", key="update.key")]),
                 Zone("closed.test", file=file), Zone("far.test", file=file, update=[Peer("192.0.2.1")])]
        with ours(folder, zones) as d:
            equal(rcode(d, change), "REFUSED", "no key")
            equal(rcode(d, change, zone="closed.test"), "REFUSED", "nobody may")
            equal(rcode(d, change, zone="closed.test", key="update.key"), "REFUSED", "nobody may, with a key either")
            equal(rcode(d, change, zone="far.test"), "REFUSED", "another address")
            equal(lookup(d, "x.example.test", "A"), ("NXDOMAIN", []))
            equal(rcode(d, change, key="update.key"), "NOERROR", "the key")     # dnspython checks the answer's
            equal(rcode(d, ("delete", "x"), key="update.key", tcp=True), "NOERROR", "by TCP")
            wrong = dns.update.Update("example.test", keyring=dns.tsigkeyring.from_text(
                {"update.key": "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo="}), keyname="update.key")
            wrong.add("x", 60, "A", "192.0.2.1")
            try:
                send(d, wrong)
                raise AssertionError("a wrong signature is accepted")
            except dns.tsig.PeerBadSignature:
                pass
            equal(lookup(d, "x.example.test", "A"), ("NXDOMAIN", []))
            equal(nsupdate(d, "update add y.example.test 60 A 192.0.2.1\n", "-y", f"hmac-sha256:update.key:{SECRET}"), (0, ""))


@test("a secondary passes updates on to its primary, signed ones as they are")
def _():
    for kind in (bind, knot):
        with temporary_folder() as folder:
            port, fast = free_port(), "notify-delay 0;" if kind is bind else ""
            zones = [Zone("example.test", primaries=[Peer("127.0.0.1", port)], update=[LOCAL]),
                     Zone("closed.test", primaries=[Peer("127.0.0.1", port)])]
            with ours(folder, zones) as d:
                theirs = [Zone("example.test", file=write(f"{folder}/z", ZONE), transfer=[LOCAL], notify=[Peer("127.0.0.1", d.port)],
                               update=[Peer("127.0.0.1", key="update.key")], more=fast),
                          Zone("closed.test", file=write(f"{folder}/c", ZONE), transfer=[LOCAL], update=[LOCAL])]
                with kind(f"{folder}/theirs", theirs, keys=KEYS, port=port):
                    until(lambda: serial_of(d) == 10 and serial_of(d, "closed.test") == 10, "the zones to arrive")
                    equal(rcode(d, ("add", "x", 60, "A", "192.0.2.1"), key="update.key"), "NOERROR", kind.__name__)
                    until(lambda: lookup(d, "x.example.test", "A") == ("NOERROR", ["192.0.2.1"]), "the change to come back")
                    # The primary's word, not ours
                    equal(rcode(d, ("present", "nowhere"), ("add", "y", 60, "A", "192.0.2.1"), key="update.key"), "NXDOMAIN")
                    if rcode(d, ("add", "y", 60, "A", "192.0.2.1")) not in ("REFUSED", "NOTAUTH"):
                        raise AssertionError("unsigned")
                    equal(rcode(d, ("add", "y", 60, "A", "192.0.2.1"), zone="closed.test"), "REFUSED", "by us")
                until(lambda: rcode(d, ("add", "z", 60, "A", "192.0.2.1"), key="update.key", tcp=True) == "SERVFAIL",
                      "SERVFAIL without a primary")


@test("a secondary passes on what is signed with a key that only the primary knows (RFC 8945 5.5)")
def _():
    ring, other = dns.tsigkeyring.from_text({"other.key": SECRET}), {"other.key": ("hmac-sha256", SECRET)}

    def change(zone, name):
        u = dns.update.Update(zone, keyring=ring, keyname="other.key")
        u.add(name, 60, "A", "192.0.2.1")
        return u

    with temporary_folder() as folder:
        port = free_port()
        zones = [Zone("example.test", primaries=[Peer("127.0.0.1", port)], update=[LOCAL]),
                 Zone("closed.test", primaries=[Peer("127.0.0.1", port)]),
                 Zone("own.test", file=write(f"{folder}/own", ZONE), update=[LOCAL])]
        with ours(folder, zones) as d:
            theirs = [Zone(z, file=write(f"{folder}/{z}", ZONE), transfer=[LOCAL], notify=[Peer("127.0.0.1", d.port)],
                           update=[Peer("127.0.0.1", key="other.key")], more="notify-delay 0;")
                      for z in ("example.test", "closed.test")]
            with bind(f"{folder}/theirs", theirs, keys=other, port=port):
                until(lambda: serial_of(d) == 10 and serial_of(d, "closed.test") == 10, "the zones to arrive")
                # dnspython checks the answer's signature, which is the primary's
                equal(dns.rcode.to_text(send(d, change("example.test", "x"), tcp=True).rcode()), "NOERROR")
                until(lambda: lookup(d, "x.example.test", "A") == ("NOERROR", ["192.0.2.1"]), "the change to come back")
                # Where it is not for a primary, or nobody may, the key is unknown.
                for zone in ("own.test", "closed.test"):
                    try:
                        send(d, change(zone, "x"))
                        raise AssertionError(f"{zone}: accepted")
                    except dns.tsig.PeerBadKey:
                        pass
                equal(lookup(d, "x.own.test", "A"), ("NXDOMAIN", []))


@test("thousands of records for one name in one message take no time to speak of")
def _():
    with temporary_folder() as folder, ours(folder) as d:
        changes = [("add", "many", 60, "A", f"10.0.{i >> 8}.{i & 255}") for i in range(4000)]
        equal(rcode(d, *changes, tcp=True), "NOERROR")  # SERVFAIL after KEEPER_REPLY_MS
        equal(rcode(d, ("add", "many", 90, "A", "10.1.0.0"), ("delete", "many", "A", "10.0.0.0"), tcp=True), "NOERROR")
        lines = [line.split("\t") for line in control(d, "dump", "example.test").stdout.splitlines()]
        equal(sorted((line[1], line[4]) for line in lines if line[0].startswith("many")),
              sorted(("90", c[4]) for c in changes[1:] + [("add", "many", 90, "A", "10.1.0.0")]))


@test("updates outlive a restart; the zone file counts again when it changes")
def _():
    with temporary_folder() as folder:
        with ours(folder) as d:
            equal(rcode(d, ("add", "kept", 60, "A", "192.0.2.1")), "NOERROR")
            equal(d.end(), 0, "exit status")
        with ours(folder) as d:
            equal(lookup(d, "kept.example.test", "A"), ("NOERROR", ["192.0.2.1"]))
            equal(serial_of(d), 11)
            write(f"{folder}/example.test.zone", ZONE.replace("hostmaster 10", "hostmaster 20") + "filed A 192.0.2.2\n")
            done = control(d, "reload", "example.test")
            equal((done.returncode, done.stdout), (0, "1 zones changed\n"), done.stderr)
            equal(lookup(d, "filed.example.test", "A"), ("NOERROR", ["192.0.2.2"]))
            equal(serial_of(d), 20)


def burst(server, messages):
    """Updates that are all there before the keeper looks at the first; their RCODEs, in order."""
    keeper = keeper_of(server)
    os.kill(keeper, signal.SIGSTOP)
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(PATIENCE)
            s.connect((server.address, server.port))
            for i, m in enumerate(messages):
                m.id = i + 1
                s.send(m.to_wire())
            # The worker has handed them over when it answers what comes behind them.
            m = dns.message.make_query("example.test", "SOA")
            m.id = 0x7777
            s.send(m.to_wire())
            equal(dns.message.from_wire(s.recv(65535)).id, 0x7777, "the query behind the updates")
            os.kill(keeper, signal.SIGCONT)
            codes = {}
            while len(codes) < len(messages):
                r = dns.message.from_wire(s.recv(65535))
                codes[r.id] = dns.rcode.to_text(r.rcode())
    finally:
        os.kill(keeper, signal.SIGCONT)
    return [codes[i + 1] for i in range(len(messages))]


@test("updates that wait together are committed together, each whole or not at all")
def _():
    with temporary_folder() as folder, ours(folder, log_level="debug") as d:
        messages = []
        for i in range(60):
            u = make(("add", f"b{i}", 60, "A", f"10.1.0.{i}"))
            if i % 3 == 1:      # the prerequisite fails
                u.present("none")
            if i % 3 == 2:      # ... after the first change was made
                u = make(("add", f"b{i}", 60, "A", f"10.1.0.{i}"), ("add", f"c{i}.example.test.", 60, "CNAME", "www"),
                         ("delete", f"b{i - 2}"))
            messages.append(u)
        # One of them sees what the one before it has done.
        after = make(("add", "after", 60, "A", "10.2.0.1"))
        after.present("b59")
        messages.append(after)
        codes = burst(d, messages)
        equal(codes, ["NOERROR" if i % 3 != 1 else "NXDOMAIN" for i in range(60)] + ["NOERROR"], "RCODEs")
        equal(serial_of(d), 10 + 41, "one serial each")
        for i in range(60):
            equal(lookup(d, f"b{i}.example.test", "A"), ("NOERROR", [f"10.1.0.{i}"]) if i % 3 == 2 else ("NXDOMAIN", []), f"b{i}")
        equal(lookup(d, "after.example.test", "A"), ("NOERROR", ["10.2.0.1"]))
        together = [int(m[1]) for line in d.lines for m in [re.search(r"(\d+) updates, \d+ of them changes, in one commit", line)] if m]
        equal(sum(together), 61, "updates in all")
        equal(max(together) >= 20, True, f"in one commit: {together}")


@test("an order to freeze holds also for updates that wait")
def _():
    with temporary_folder() as folder, ours(folder) as d:
        keeper = keeper_of(d)
        os.kill(keeper, signal.SIGSTOP)
        done = []
        thread = threading.Thread(target=lambda: done.append(control(d, "freeze", "example.test").returncode))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(PATIENCE)
            s.connect((d.address, d.port))
            try:
                s.send(make(("add", "x", 60, "A", "192.0.2.1")).to_wire())
                thread.start()
            finally:
                os.kill(keeper, signal.SIGCONT)
            first = dns.message.from_wire(s.recv(65535)).rcode()
            thread.join(PATIENCE)
            equal(done, [0], "freeze")
            # Whichever was first: it is there if and only if it was acknowledged.
            equal(lookup(d, "x.example.test", "A")[0], "NOERROR" if first == 0 else "NXDOMAIN", f"RCODE {first}")
            equal(rcode(d, ("add", "y", 60, "A", "192.0.2.1")), "REFUSED", "frozen")


def fill(server, first):
    """Adds large records until one is refused; the names that were acknowledged, and the RCODE that was not."""
    known = []
    for i in range(first, first + 2000):
        u = make(*[("add", f"f{i}", 60, "TXT", f'"{"%03d" % j}{"x" * 240}"') for j in range(16)])
        code = dns.rcode.to_text(send(server, u, tcp=True).rcode())
        if code != "NOERROR":
            return known, code
        known.append(i)
    raise AssertionError(f"it took {len(known)} updates")


def whole(server, known):
    """All of what was acknowledged is there as a whole, and what was not is not there at all."""
    text = control(server, "dump", "example.test").stdout
    there = {}
    for line in text.splitlines():
        if line.startswith("f") and line[1].isdigit():
            n = int(line[1:line.index(".")])
            there[n] = there.get(n, 0) + 1
    equal(there, {n: 16 for n in known}, "what is there")


@test("the store is full: updates get SERVFAIL, nothing that was acknowledged is lost, and there is a word about it")
def _():
    with temporary_folder() as folder:
        with ours(folder, more='store-size = "2m"\n') as d:
            known, code = fill(d, 0)
            equal((code, len(known) > 20), ("SERVFAIL", True), f"after {len(known)} updates")
            until(lambda: d.has(r"it has reached its largest size \(store-size\)"), "a word about it")
            whole(d, known)
            # It answers, and goes on refusing, alone and in company.
            equal(lookup(d, "www.example.test", "TXT")[0], "NOERROR", "queries")
            for _ in range(20):
                more, code = fill(d, 5000)
                known += more
                equal(code, "SERVFAIL", "still")
                if not more:
                    break
            whole(d, known)
            os.kill(keeper_of(d), signal.SIGKILL)
            until(lambda: control(d, "zone-status").returncode == 0, "a new keeper")
            whole(d, known)
        # With more room it goes on where it was.
        with ours(folder, more='store-size = "8m"\n') as d:
            whole(d, known)
            equal(rcode(d, ("add", "more", 60, "A", "192.0.2.7")), "NOERROR", "with more room")
            equal(lookup(d, "more.example.test", "A"), ("NOERROR", ["192.0.2.7"]))


@test("the disk is full: updates get SERVFAIL, nothing that was acknowledged is lost, and it goes on when there is room")
def _():
    with temporary_folder() as folder, ours(folder) as d:
        known = []
        for i in range(5):
            equal(rcode(d, *[("add", f"f{i}", 60, "TXT", f'"{"%03d" % j}{"x" * 240}"') for j in range(16)], tcp=True), "NOERROR")
            known.append(i)
        keeper = keeper_of(d)
        size = os.stat(f"{d.folder}/state/data.mdb").st_size
        # Files cannot grow beyond that: what a full disk is to it.
        resource.prlimit(keeper, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        more, code = fill(d, 100)
        known += more
        equal((code, keeper_of(d)), ("SERVFAIL", keeper), "RCODE, and the keeper lives")
        whole(d, known)
        codes = burst(d, [make(*[("add", f"f{i}", 60, "TXT", f'"{"%03d" % j}{"x" * 240}"') for j in range(16)])
                          for i in range(900, 910)])
        known += [i for i, c in zip(range(900, 910), codes) if c == "NOERROR"]
        equal(set(codes) <= {"NOERROR", "SERVFAIL"} and "SERVFAIL" in codes, True, codes)
        whole(d, known)
        resource.prlimit(keeper, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        equal(rcode(d, ("add", "more", 60, "A", "192.0.2.7")), "NOERROR", "with room again")
        os.kill(keeper, signal.SIGKILL)
        until(lambda: keeper_of(d) not in (None, keeper) and control(d, "zone-status").returncode == 0, "a new keeper")
        whole(d, known)
        equal(lookup(d, "more.example.test", "A"), ("NOERROR", ["192.0.2.7"]))


@test("a set that no message can carry is refused, and what there was stays")
def _():
    with temporary_folder() as folder, ours(folder) as d:
        def texts(first):
            return [("add", "big", 60, "TXT", f'"{"%05d" % i}{"x" * 195}"') for i in range(first, first + 200)]
        equal(rcode(d, *texts(0), tcp=True), "NOERROR", "42,600 octets")
        equal(rcode(d, *texts(200), tcp=True), "SERVFAIL", "85,200 octets")
        until(lambda: d.has(r"big\.example\.test\.? TXT and their signatures have \d+ octets, and 65000 are allowed"), "a word")
        m = dns.query.tcp(dns.message.make_query("big.example.test", "TXT"), d.address, port=d.port, timeout=PATIENCE)
        equal((m.rcode(), len(m.answer[0])), (0, 200), "what is answered")


@test("the keeper is confined: no rights, no other programs")
def _():
    with temporary_folder() as folder, ours(folder) as d:
        with open(f"/proc/{keeper_of(d)}/status", encoding="ascii") as f:
            status = dict(line.split(":", 1) for line in f)
        equal((status["NoNewPrivs"].strip(), status["Seccomp"].strip()), ("1", "2"), "NoNewPrivs, Seccomp")


@test("the keeper reads the folders of zone files and of what they include, and no others")
def _():
    with temporary_folder() as folder:
        for name in ("zones", "common", "private"):
            os.mkdir(f"{folder}/{name}")
        write(f"{folder}/common/more", "$INCLUDE deeper/last\nmore TXT here\n")
        os.mkdir(f"{folder}/common/deeper")
        write(f"{folder}/common/deeper/last", "last TXT here\n")
        write(f"{folder}/private/secret", "secret TXT here\n")
        file = write(f"{folder}/zones/example.test.zone", ZONE + "$include ../common/more\n")
        os.symlink(file, f"{folder}/link")
        zones = [Zone("example.test", file=f"{folder}/link", update=[LOCAL])]
        with Dnsd(f"{folder}/ours", zones) as d:
            if d.has("files are not confined"):
                raise Skip("this kernel has no Landlock")
            for name in ("more", "last"):
                equal(lookup(d, f"{name}.example.test", "TXT")[0], "NOERROR", name)
            # A folder that was not in use: not while it runs, and it is said how.
            write(file, ZONE.replace(" 10 3600", " 20 3600") + f"$INCLUDE {folder}/private/secret\n")
            equal(control(d, "reload").returncode, 1, "reload")
            until(lambda: d.has(r"\$INCLUDE: '.*/private/secret': Permission denied \(.* needs a SIGHUP\)"), "a word about it")
            equal((lookup(d, "secret.example.test", "TXT")[0], serial_of(d)), ("NXDOMAIN", 10), "what is served")
            d.process.send_signal(signal.SIGHUP)
            until(lambda: lookup(d, "secret.example.test", "TXT")[0] == "NOERROR", "the new keeper to read it")
            # What is new in a folder that is known is read at once.
            write(f"{folder}/zones/new", "new TXT here\n")
            write(file, ZONE.replace(" 10 3600", " 30 3600") + "$INCLUDE new\n")
            equal(control(d, "reload").returncode, 0, "reload")
            until(lambda: lookup(d, "new.example.test", "TXT")[0] == "NOERROR", "a new file in a folder that is known")


@test("orders to a running daemon: status, freeze and thaw, dump, and what is none")
def _():
    with temporary_folder() as folder, ours(folder) as d:
        equal(control(d, "zone-status").stdout, "example.test. primary serving serial 10\n")
        equal(control(d, "freeze", "example.test").returncode, 0)
        equal(rcode(d, ("add", "x", 60, "A", "192.0.2.1")), "REFUSED", "frozen")
        equal(control(d, "zone-status", "example.test").stdout, "example.test. primary serving serial 10 frozen\n")
        # A zone is frozen until it is thawed, whatever becomes of the keeper.
        for how in (lambda pid: os.kill(pid, signal.SIGKILL), lambda _: d.process.send_signal(signal.SIGHUP)):
            before = keeper_of(d)
            how(before)
            until(lambda b=before: keeper_of(d) not in (b, None) and control(d, "zone-status").returncode == 0, "a new keeper")
            equal(control(d, "zone-status").stdout, "example.test. primary serving serial 10 frozen\n")
            until(lambda: rcode(d, ("add", "x", 60, "A", "192.0.2.1")) != "SERVFAIL", "the worker to have it")
            equal(rcode(d, ("add", "x", 60, "A", "192.0.2.1")), "REFUSED", "frozen still")
        equal(control(d, "thaw", "example.test").returncode, 0)
        equal(rcode(d, ("add", "x", 60, "A", "192.0.2.1")), "NOERROR", "thawed")
        lines = [line.split("\t") for line in control(d, "dump", "example.test.").stdout.splitlines()]
        equal((len(lines), lines[0][3]), (8, "SOA"), "records, and the first of them")
        equal(["x.example.test.", "60", "IN", "A", "192.0.2.1"] in lines, True, "the new one among them")
        equal([line.split()[0] for line in control(d, "help").stdout.splitlines()][:3], ["zone-status", "reload", "refresh"])
        for words, why in ((["dance"], '"dance" is no order; there are:\nzone-status'), (["refresh"], "usage: refresh ZONE"),
                           (["dump", "other.test"], "other.test is no zone of the configuration"),
                           (["refresh", "example.test"], "is a primary zone")):
            done = control(d, *words)
            if done.returncode == 0 or why not in done.stderr:
                raise AssertionError(f"{words}: {done}")
        equal(d.end(), 0, "exit status")
        done = control(d, "zone-status")
        equal((done.returncode, "is linnet-dnsd running?" in done.stderr), (1, True), done.stderr)


class Writer(threading.Thread):
    """Adds hN.example.test one after another; knows what was acknowledged."""

    def __init__(self, server, start):
        super().__init__(daemon=True)
        self.server, self.next, self.known, self.stopped = server, start, [], threading.Event()
        self.start()

    def run(self):
        while not self.stopped.is_set():
            n = self.next
            self.next += 1
            u = make(("add", f"h{n}", 60, "A", f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}"))
            try:
                answer = dns.query.tcp(u, self.server.address, port=self.server.port, timeout=PATIENCE)
                if answer.rcode() == dns.rcode.NOERROR:
                    self.known.append(n)
            except (OSError, EOFError, dns.exception.DNSException):
                time.sleep(0.001)

    def end(self):
        self.stopped.set()
        self.join(2 * PATIENCE)
        return self.known


def check(server, known, attempted):
    """All that was acknowledged is there, and nothing that was not even asked for."""
    got = subprocess.run([program("linnet-dnsd"), "-c", server.conf, "--control", "dump", "example.test"],
                         capture_output=True, text=True, timeout=PATIENCE, check=True).stdout
    there = {int(line[1:line.index(".")]) for line in got.splitlines() if line.startswith("h") and line[1].isdigit()}
    if not set(known) <= there:
        raise AssertionError(f"lost: {sorted(set(known) - there)[:10]} of {len(known)}")
    if not there <= set(range(attempted)):
        raise AssertionError("records that nobody added")
    # One serial for each update that took place, acknowledged or not
    equal(serial_of(server), 10 + len(there), "serial")


ROUNDS = 100 if os.environ.get("LAB_FULL") else 20


@test("kill -9 of the keeper during updates: what was acknowledged is there, and updates go on")
def _():
    rng = random.Random(1)
    with temporary_folder() as folder, ours(folder) as d:
        writer = Writer(d, 0)
        for _ in range(ROUNDS):
            before = len(writer.known)
            until(lambda before=before: len(writer.known) > before, "an update to be acknowledged")
            time.sleep(rng.random() * 0.02)     # where it dies is left to chance
            os.kill(until(lambda: keeper_of(d), "a keeper"), signal.SIGKILL)
        before = len(writer.known)
        until(lambda: len(writer.known) > before, "updates after the last death")
        known = writer.end()
        until(lambda: control(d, "zone-status").returncode == 0, "the keeper")
        check(d, known, writer.next)
        print(f"# {len(known)} updates acknowledged in {ROUNDS} lives")


@test("kill -9 of the whole daemon during updates: what was acknowledged is there")
def _():
    rng, known, attempted = random.Random(2), [], 0
    with temporary_folder() as folder:
        for _ in range(ROUNDS // 2):
            with ours(folder) as d:
                writer = Writer(d, attempted)
                until(lambda w=writer: w.known, "an update to be acknowledged")
                time.sleep(rng.random() * 0.05)
                for pid in d.processes():
                    os.kill(pid, signal.SIGKILL)
                d.process.wait()
                known += writer.end()
                attempted = writer.next
        with ours(folder) as d:
            check(d, known, attempted)
        print(f"# {len(known)} updates acknowledged in {ROUNDS // 2} lives")


main()
