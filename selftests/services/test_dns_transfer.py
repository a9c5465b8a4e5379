#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Zones on their way: AXFR, IXFR, NOTIFY and TSIG with Debian's NSD, Knot and BIND as secondary
and as primary; primaries that are hostile, dead or slow; death in the middle."""
import os
import random
import re
import signal
import socket
import struct
import sys
import threading
import time
import urllib.request

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../userspace"))
sys.path.insert(0, os.path.join(HERE, "dns"))
# pylint: disable=wrong-import-position
import wire
from harness import PATIENCE, equal, main, temporary_folder, test, until
from linnet import Dnsd
from servers import Peer, Zone, ask, bind, free_port, knot, nsd
from transfers import KEYS, LOCAL, RING, SECRET, ZONE, arrived, content, control, serial_of, update, write

import dns.message
import dns.tsig
import dns.tsigkeyring

PEERS = {"nsd": nsd, "knot": knot, "bind": bind}


def secondary(kind, key):
    """We are the primary of Debian's server: it gets the zone, and then each change by NOTIFY and IXFR."""
    with temporary_folder() as folder:
        file = write(f"{folder}/example.test.zone", ZONE)
        port = free_port()
        zone = Zone("example.test", file=file, transfer=[Peer("127.0.0.1", key=key)], notify=[Peer("127.0.0.1", port, key)],
                    update=[LOCAL])
        with Dnsd(f"{folder}/ours", [zone], keys=KEYS, log_level="debug") as ours:
            theirs = Zone("example.test", primaries=[Peer("127.0.0.1", ours.port, key)], transfer=[LOCAL])
            with PEERS[kind](f"{folder}/theirs", [theirs], keys=KEYS, port=port) as peer:
                arrived(peer, "example.test", 1)
                equal(content(peer, "example.test"), content(ours, "example.test", key), "the zone")
                for serial in (2, 3):
                    equal(update(ours, "example.test", ("add", f"new{serial}", 60, "A", "192.0.2.1"),
                                 ("delete", f"h{serial}"), ("replace", "mail", 60, "AAAA", f"2001:db8::{serial}")), 0)
                    arrived(peer, "example.test", serial)
                    equal(content(peer, "example.test"), content(ours, "example.test", key), f"serial {serial}")
                until(lambda: ours.has(r"example\.test\. IXFR of serial 3 to"), "an IXFR in the log")
                if not ours.has(r"NOTIFY of serial 3 to .*: heard"):
                    raise AssertionError("the NOTIFY was not answered")
                # A new file is a change like any other.
                write(file, ZONE.replace("hostmaster 1", "hostmaster 10") + "filed TXT new\n")
                ours.process.send_signal(signal.SIGHUP)
                arrived(peer, "example.test", 10)
                equal(content(peer, "example.test"), content(ours, "example.test", key), "the new file")


def primary(kind, key):
    """Debian's server is our primary."""
    with temporary_folder() as folder:
        file = write(f"{folder}/example.test.zone", ZONE)
        port = free_port()
        zone = Zone("example.test", primaries=[Peer("127.0.0.1", port, key)], transfer=[LOCAL])
        with Dnsd(f"{folder}/ours", [zone], keys=KEYS, log_level="debug") as ours:
            theirs = Zone("example.test", file=file, transfer=[Peer("127.0.0.1", key=key)] + ([LOCAL] if key else []),
                          notify=[Peer("127.0.0.1", ours.port, key)], update=[LOCAL],
                          more={"nsd": "store-ixfr: yes\ncreate-ixfr: yes", "bind": "notify-delay 0;"}.get(kind, ""))
            with PEERS[kind](f"{folder}/theirs", [theirs], keys=KEYS, port=port) as peer:
                arrived(ours, "example.test", 1)
                equal(content(ours, "example.test"), content(peer, "example.test"), "the zone")
                for serial in (2, 3):
                    if kind == "nsd":
                        write(file, ZONE.replace("hostmaster 1", f"hostmaster {serial}").replace(
                            "192.0.2.80", f"192.0.2.{serial}"))
                        peer.control("reload", "example.test")
                    else:
                        equal(update(peer, "example.test", ("add", f"new{serial}", 60, "A", "192.0.2.1"),
                                     ("delete", f"h{serial}")), 0)
                    arrived(ours, "example.test", serial)
                    equal(content(ours, "example.test"), content(peer, "example.test"), f"serial {serial}")
                if not ours.has(r"serial 3 from .* \(IXFR, tcp\)"):
                    raise AssertionError("no IXFR")
                if not ours.has("NOTIFY by 127.0.0.1"):
                    raise AssertionError("it did not come of a NOTIFY")


for _kind in PEERS:
    for _key in (None, "transfer.key"):
        test(f"{_kind} is our secondary, {'with TSIG' if _key else 'without TSIG'}")(
            lambda kind=_kind, key=_key: secondary(kind, key))
        test(f"{_kind} is our primary, {'with TSIG' if _key else 'without TSIG'}")(
            lambda kind=_kind, key=_key: primary(kind, key))


@test("who may not have the zone does not get it, and bad signatures have names")
def _():
    with temporary_folder() as folder:
        file = write(f"{folder}/example.test.zone", ZONE)
        wrong = dns.tsigkeyring.from_text({"transfer.key": "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo="})
        unknown = dns.tsigkeyring.from_text({"other.key": SECRET})
        zone = Zone("example.test", file=file, transfer=[Peer("127.0.0.1", key="transfer.key")])
        with Dnsd(f"{folder}/ours", [zone], keys=KEYS) as ours:
            def axfr(ring=None, name=None, algorithm=dns.tsig.HMAC_SHA256):
                q = dns.message.make_query("example.test", "AXFR")
                if ring:
                    q.use_tsig(ring, name, algorithm=algorithm)
                data = wire.tcp(ours.address, ours.port, q.to_wire())
                return data[3] & 15, tsig_error(data)
            equal(axfr(), (5, None), "no key")
            equal(axfr(wrong, "transfer.key"), (9, 16), "BADSIG")
            equal(axfr(unknown, "other.key"), (9, 17), "BADKEY")
            equal(axfr(RING, "transfer.key", dns.tsig.HMAC_SHA512), (9, 17), "another algorithm: BADKEY")
            equal(axfr(RING, "transfer.key"), (0, 0), "the right key")
            if len(content(ours, "example.test", "transfer.key")) < 1000:
                raise AssertionError("the zone is not whole")


@test("transfers at a time have a bound: each keeps old pages of the store")
def _():
    def ask_many(server, n):
        """RCODEs of n transfers that are asked for at once."""
        codes, ends = {}, set()
        question = wire.question(wire.name("example.test."), wire.AXFR)
        with socket.create_connection((server.address, server.port), PATIENCE) as s:
            s.sendall(b"".join(wire.framed(wire.message(i, 0, [question])) for i in range(n)))
            while len(ends) < n:
                data = wire.receive_message(s)
                number = data[0] << 8 | data[1]
                codes[number] = data[3] & 15
                response = wire.Response(data)
                if codes[number] or response.answer[-1][1] == wire.SOA:
                    ends.add(number)
        return sorted(codes.values())

    with temporary_folder() as folder:
        # All in one message, so that each response ends with the SOA that it began with.
        file = write(f"{folder}/example.test.zone", "$TTL 60\n@ SOA ns host 1 3600 600 86400 60\n@ NS ns\nns A 192.0.2.1\n")
        with Dnsd(f"{folder}/ours", [Zone("example.test", file=file, transfer=[LOCAL])]) as ours:
            equal(ask_many(ours, 70), [wire.NOERROR] * 64 + [wire.SERVFAIL] * 6)
            equal(ask_many(ours, 64), [wire.NOERROR] * 64, "when those are over")


def tsig_error(data):
    """The error of the TSIG record at the end, or None."""
    response = wire.Response(data)
    if not response.additional or response.additional[-1][1] != wire.TSIG:
        return None
    r = wire.Reader(response.additional[-1][4])
    r.name()
    r.take(8)
    r.take(r.unpack("!H")[0])
    return r.unpack("!HH")[1]


# --- a primary whose every octet the test decides ---

def soa(zone, serial, refresh=3600, retry=600, expire=86400):
    return wire.rr(wire.name(zone + "."), wire.SOA, wire.IN, 60,
                   wire.name("ns." + zone + ".") + wire.name("host." + zone + ".") +
                   struct.pack("!5I", serial, refresh, retry, expire, 60))


def a(owner, address="192.0.2.1"):
    return wire.rr(wire.name(owner + "."), wire.A, wire.IN, 60, socket.inet_aton(address))


def ns(zone):
    return wire.rr(wire.name(zone + "."), wire.NS, wire.IN, 60, wire.name("ns." + zone + "."))


def txt(owner, number):
    text = f"{number:05}".encode() * 40
    return wire.rr(wire.name(owner + "."), wire.TXT, wire.IN, 60, bytes([len(text)]) + text)


EXPIRE = 9


class Primary:
    """Answers SOA by UDP (REFUSED for None), and by TCP with what transfer() gives: messages, each
    a list of records or octets."""

    def __init__(self, soa_of, transfer):
        self.soa_of, self.transfer, self.address, self.port = soa_of, transfer, "127.0.0.1", free_port()
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind((self.address, self.port))
        self.tcp = socket.create_server((self.address, self.port))
        self.asked, self.datagrams_asked = [], []
        self.expire, self.no_edns = None, False     # the option's octets; FORMERR for EDNS
        self.threads = [threading.Thread(target=t, daemon=True) for t in (self.datagrams, self.streams)]
        for t in self.threads:
            t.start()

    @staticmethod
    def question(data):
        r = wire.Reader(data)
        number = r.unpack("!6H")[0]
        at = r.at
        name = r.name()
        qtype, _ = r.unpack("!HH")
        return number, wire.text(name)[:-1], qtype, data[at:r.at]

    def datagrams(self):
        while True:
            try:
                self.datagram(*self.udp.recvfrom(65535))
            except OSError:     # the test is over
                return

    def datagram(self, data, peer):
        number, zone, _, question = self.question(data)
        self.datagrams_asked.append(data)
        if self.no_edns and data[10:12] != b"\0\0":
            self.udp.sendto(wire.message(number, wire.QR | wire.FORMERR, [question]), peer)
            return
        record = self.soa_of(zone)
        options = [] if self.expire is None else [(EXPIRE, self.expire)]
        self.udp.sendto(wire.message(number, wire.QR | (wire.AA if record else wire.REFUSED), [question],
                                     [record] if record else [], [], [wire.opt(options=options)] if options else []), peer)

    def streams(self):
        while True:
            try:
                s, _ = self.tcp.accept()
            except OSError:
                return
            threading.Thread(target=self.stream, args=(s,), daemon=True).start()

    def stream(self, s):
        with s:
            s.settimeout(PATIENCE)
            try:
                data = wire.receive_message(s)
                if not data:
                    return
                number, zone, qtype, question = self.question(data)
                self.asked.append((zone, qtype))
                for records in self.transfer(zone, qtype):
                    if isinstance(records, bytes):
                        s.sendall(records)
                    else:
                        s.sendall(wire.framed(wire.message(number, wire.QR | wire.AA, [question], records)))
            except OSError:
                pass

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.udp.close()
        self.tcp.shutdown(socket.SHUT_RDWR)
        self.tcp.close()


def endless(zone):
    yield [soa(zone, 1), ns(zone)]
    for i in range(1000000):
        yield [a(f"x{i}.{zone}")] * 100


# Each zone's transfer, and what our log says about it
HOSTILE = {
    "late.test": (lambda z: [[soa(z, 1), ns(z), soa(z, 2)]], "begins with serial 1 and ends with 2"),
    "after.test": (lambda z: [[soa(z, 1), ns(z), soa(z, 1), a(f"x.{z}")]], "records after its end"),
    "foreign.test": (lambda z: [[soa(z, 1), ns(z), a("www.bank.test"), soa(z, 1)]],
                     r"www\.bank\.test\. A does not belong to the zone"),
    "headless.test": (lambda z: [[ns(z), soa(z, 1)]], "first record is no SOA"),
    "endless.test": (endless, "longer than 1048576 octets"),
    "empty.test": (lambda z: [[soa(z, 1)], []], "message 2 has no records"),
    "cut.test": (lambda z: [[soa(z, 1), ns(z)]], "closed the connection before the end"),
    "half.test": (lambda z: [[soa(z, 1), ns(z)], b"\0\x20half"], "closed the connection before the end"),
    "garbage.test": (lambda z: [b"\0\x20" + b"\xff" * 32], "does not belong to the question"),
    "unnamed.test": (lambda z: [[soa(z, 1), soa(z, 1)]], "no NS records at its apex"),
    "numbers.test": (lambda z: [[soa(z, 1), ns(z), soa(z, 1, expire=1)]], "two SOA records of serial 1 that differ"),
    "large.test": (lambda z: [[soa(z, 1), ns(z)]] + [[txt(f"x.{z}", i) for i in range(first, first + 100)]
                                                     for first in range(0, 400, 100)] + [[soa(z, 1)]],
                   r"x\.large\.test\. TXT and their signatures have \d+ octets, and 65000 are allowed"),
    "hashes.test": (lambda z: [[soa(z, 1), ns(z), wire.rr(wire.name(z + "."), wire.NSEC3PARAM, wire.IN, 60,
                                                          struct.pack("!BBHB", 1, 0, 51, 0)), soa(z, 1)]],
                    r"NSEC3PARAM has 51 iterations; allowed are 0 to 50"),
    "twosoa.test": (lambda z: [[soa(z, 1), ns(z), soa(f"sub.{z}", 1), soa(z, 1)]], "SOA record at sub.twosoa.test."),
}


@test("hostile primaries are refused with a word, and nothing of theirs is served")
def _():
    with temporary_folder() as folder, Primary(lambda z: soa(z, 1), lambda z, _: HOSTILE[z][0](z)) as peer:
        zones = [Zone(z, primaries=[Peer("127.0.0.1", peer.port)], more='max-size = "1m"') for z in HOSTILE]
        with Dnsd(f"{folder}/ours", zones) as ours:
            for zone, (_, words) in HOSTILE.items():
                until(lambda z=zone, w=words: ours.has(rf"^.*{re.escape(z)}\. AXFR of .* is refused: .*{w}" if z != "large.test" else w),
                      f'"{words}" of {zone}')
                answer = ask("127.0.0.1", ours.port, zone)
                equal(answer and answer[3] & 15, wire.SERVFAIL, f"RCODE of {zone}")
            # The same primary, better behaved
            peer.transfer = lambda z, _: [[soa(z, 1), ns(z), a(f"www.{z}"), soa(z, 1)]]
            for zone in HOSTILE:
                control(ours, "refresh", zone)
                arrived(ours, zone, 1)


@test("what the keeper does is counted, and the page says what zones are like")
def _():
    with temporary_folder() as folder, Primary(lambda z: soa(z, 7), lambda z, _: [[soa(z, 7), ns(z), soa(z, 7)]]) as peer:
        page = free_port()
        file = write(f"{folder}/own.test.zone", "$TTL 60\n@ SOA ns host 5 3600 600 86400 60\n@ NS ns\nns A 192.0.2.1\n")
        zones = [Zone("far.test", primaries=[Peer("127.0.0.1", peer.port)]),
                 Zone("short.test", primaries=[Peer("127.0.0.1", peer.port)], more='max-expire = "1h"'),
                 Zone("own.test", file=file, update=[LOCAL], transfer=[LOCAL])]
        with Dnsd(f"{folder}/ours", zones, more=f'metrics-listen = {{"127.0.0.1:{page}"}}\n') as ours:
            def metrics():
                with urllib.request.urlopen(f"http://127.0.0.1:{page}/metrics", timeout=PATIENCE) as r:
                    return dict(line.rsplit(" ", 1) for line in r.read().decode().splitlines() if not line.startswith("#"))
            began = int(time.time())
            for zone in ("far.test", "short.test"):
                arrived(ours, zone, 7)
            equal(update(ours, "own.test", ("add", "x", 60, "A", "192.0.2.1")), 0)
            equal(update(ours, "own.test", ("add", "x.far.test.", 60, "A", "192.0.2.1")), 10)  # NOTZONE
            content(ours, "own.test")
            notify = wire.message(1, 0, [wire.question(wire.name("far.test."), wire.SOA)], opcode=4)
            equal(wire.udp(ours.address, ours.port, notify)[3] & 15, 0)
            got = metrics()
            equal([got[f"linnet_dns_{name}"] for name in (
                'transfers_in_total{result="done"}', 'transfers_in_total{result="failed"}', 'updates_total{result="done"}',
                'updates_total{result="failed"}', 'transfers_out_total{result="done"}', "notifies_received_total",
                'zone_serial{zone="far.test."}', 'zone_serial{zone="own.test."}')], ["2", "0", "1", "1", "1", "1", "7", "6"])
            for zone, seconds in (("far", 86400), ("short", 3600)):
                at = int(got[f'linnet_dns_zone_expires_timestamp_seconds{{zone="{zone}.test."}}']) - seconds
                # The refresh took place between the two looks at the clock.
                equal(began - PATIENCE <= at <= time.time(), True, f"{zone}: {at}, {began}")
            equal('linnet_dns_zone_expires_timestamp_seconds{zone="own.test."}' in got, False, "a primary zone expires")


@test("differences that do not fit: the whole zone is fetched, else the old one stays")
def _():
    serial = [1]

    def transfer(zone, qtype):
        if qtype == wire.AXFR and serial[0] == 3:
            return [[soa(zone, 3), ns(zone), a("www.bank.test"), soa(zone, 3)]]
        if qtype == wire.AXFR:
            return [[soa(zone, serial[0]), ns(zone), a(f"v{serial[0]}.{zone}"), soa(zone, serial[0])]]
        new, old = serial[0], serial[0] - 1
        # It removes what is not there.
        return [[soa(zone, new), soa(zone, old), a(f"gone.{zone}"), soa(zone, new), a(f"bad.{zone}"), soa(zone, new)]]
    with temporary_folder() as folder, Primary(lambda z: soa(z, serial[0]), transfer) as peer:
        zone = Zone("diff.test", primaries=[Peer("127.0.0.1", peer.port)], transfer=[LOCAL])
        with Dnsd(f"{folder}/ours", [zone]) as ours:
            arrived(ours, "diff.test", 1)
            serial[0] = 2
            control(ours, "refresh", "diff.test")
            arrived(ours, "diff.test", 2)
            equal(peer.asked, [("diff.test", wire.AXFR), ("diff.test", wire.IXFR), ("diff.test", wire.AXFR)])
            if not ours.has(r"IXFR of .* is refused: it removes gone\.diff\.test\. A, which is not there"):
                raise AssertionError("no word about the difference")
            before = content(ours, "diff.test")
            serial[0] = 3
            control(ours, "refresh", "diff.test")
            until(lambda: ours.has(r"AXFR of .* is refused: its record www\.bank\.test"), "the refusal")
            equal(content(ours, "diff.test"), before, "what is served")
            serial[0] = 1
            control(ours, "refresh", "diff.test")
            until(lambda: ours.has("its serial 1 is before ours, 2"), "a word about the serial")
            equal(content(ours, "diff.test"), before, "what is served")
            equal(control(ours, "retransfer", "diff.test").returncode, 0, "retransfer")
            arrived(ours, "diff.test", 1)


# What a difference from serial 1 to 2 says: its octets after the new SOA, and what our log has of it. The zone has
# www, alias (CNAME), tree (DNAME) and host.below.
def cname(owner, target):
    return wire.rr(wire.name(owner + "."), wire.CNAME, wire.IN, 60, wire.name(target + "."))


def dname(owner, target):
    return wire.rr(wire.name(owner + "."), wire.DNAME, wire.IN, 60, wire.name(target + "."))


def rrsig(owner, covered):
    return wire.rr(wire.name(owner + "."), wire.RRSIG, wire.IN, 60,
                   struct.pack("!HBBIIIH", covered, 13, 2, 60, 2**31 - 1, 1, 7) + wire.name("liar.test.") + b"x" * 64)


LIES = {
    "it removes what is not there": ([a("gone.liar.test")], [], r"it removes gone\.liar\.test\. A, which is not there"),
    "it removes other data": ([a("www.liar.test", "192.0.2.9")], [], r"it removes www\.liar\.test\. A, which is not there"),
    "it removes twice": ([a("www.liar.test"), a("www.liar.test")], [], r"it removes www\.liar\.test\. A, which is not there"),
    "it removes a signature that is not there": ([rrsig("www.liar.test", wire.A)], [],
                                                 r"it removes www\.liar\.test\. RRSIG, which is not there"),
    "it adds twice": ([], [a("new.liar.test"), a("new.liar.test")], r"it adds new\.liar\.test\. A twice"),
    "other data beside a CNAME": ([], [a("alias.liar.test")], r"alias\.liar\.test\. has a CNAME and other data"),
    "a CNAME beside other data": ([], [cname("www.liar.test", "x.liar.test")], r"www\.liar\.test\. has a CNAME and other data"),
    "data below a DNAME": ([], [a("x.y.tree.liar.test")], r"x\.y\.tree\.liar\.test\. is below the DNAME of tree\.liar\.test"),
    "a DNAME above data": ([], [dname("below.liar.test", "x.test")],
                           r"host\.below\.liar\.test\. is below the DNAME of below\.liar\.test"),
    "no NS any more": ([ns("liar.test")], [], "it has no NS records at its apex"),
    "many iterations": ([], [wire.rr(wire.name("liar.test."), wire.NSEC3PARAM, wire.IN, 60,
                                     struct.pack("!BBHB", 1, 0, 51, 0))], "NSEC3PARAM has 51 iterations"),
    "a record of another zone": ([], [a("www.bank.test")], r"www\.bank\.test\. A does not belong"),
}


@test("a primary that lies in its differences: none of them is taken, and the whole zone is fetched")
def _():
    def version(serial):
        z = "liar.test"
        return [[soa(z, serial), ns(z), a(f"www.{z}"), cname(f"alias.{z}", f"www.{z}"), dname(f"tree.{z}", "x.test"),
                 a(f"host.below.{z}"), a(f"v{serial}.{z}"), soa(z, serial)]]
    serial, lie = [1], [None]

    def transfer(zone, qtype):
        if qtype == wire.AXFR:
            return version(serial[0])
        removed, added, _ = lie[0]
        old, new = serial[0] - 1, serial[0]
        return [[soa(zone, new), soa(zone, old), *removed, soa(zone, new), *added, soa(zone, new)]]
    with temporary_folder() as folder, Primary(lambda z: soa(z, serial[0]), transfer) as peer:
        with Dnsd(f"{folder}/ours", [Zone("liar.test", primaries=[Peer("127.0.0.1", peer.port)], transfer=[LOCAL])]) as ours:
            arrived(ours, "liar.test", 1)
            for what, lie[0] in LIES.items():
                peer.asked.clear()
                serial[0] += 1
                control(ours, "refresh", "liar.test")
                arrived(ours, "liar.test", serial[0])
                equal([t for _, t in peer.asked], [wire.IXFR, wire.AXFR], what)
                equal(bool(ours.has(rf"IXFR of .* is refused: .*{lie[0][2]}")), True, what)
                equal({r[0] for r in content(ours, "liar.test")}, {"liar.test.", "www.liar.test.", "alias.liar.test.",
                      "tree.liar.test.", "host.below.liar.test.", f"v{serial[0]}.liar.test."}, what)
            # The truth is taken, with another TTL for a record that stays, too.
            serial[0] += 1
            old, new = f"v{serial[0] - 1}.liar.test", f"v{serial[0]}.liar.test"
            longer = wire.rr(wire.name("www.liar.test."), wire.A, wire.IN, 600, socket.inet_aton("192.0.2.1"))
            lie[0] = ([a(old), a("www.liar.test")], [a(new), longer], None)
            peer.asked.clear()
            control(ours, "refresh", "liar.test")
            arrived(ours, "liar.test", serial[0])
            equal([t for _, t in peer.asked], [wire.IXFR], "a difference that is right")
            equal(("www.liar.test.", 600, "A", "192.0.2.1") in content(ours, "liar.test"), True, "the new TTL")


@test("a primary that does not sign is not believed, though it answers")
def _():
    with temporary_folder() as folder, Primary(lambda z: None, lambda z, qtype: [
            [soa(z, 1)] if qtype == wire.SOA else [soa(z, 1), ns(z), soa(z, 1)]]) as peer:
        zone = Zone("unsigned.test", file="?")
        zone.file, zone.more = None, f'primaries = {{"127.0.0.1:{peer.port} key transfer.key transport tcp"}}'
        with Dnsd(f"{folder}/ours", [zone], keys=KEYS) as ours:
            until(lambda: ours.has(r"unsigned\.test\. refresh from .*: the answer's signature is not good: no TSIG record"),
                  "a word about it")
            equal(serial_of(ours, "unsigned.test"), None, "nothing is served")
            equal(peer.asked[0], ("unsigned.test", wire.SOA))


@test("the second primary is asked when the first is dead, and a zone expires when all are")
def _():
    alive = [True]

    def answer(zone):
        return soa(zone, 1, refresh=1, retry=1, expire=3) if alive[0] else None
    with temporary_folder() as folder, Primary(answer, lambda z, _: [[soa(z, 1, 1, 1, 3), ns(z), soa(z, 1, 1, 1, 3)]]) as peer:
        zone = Zone("mortal.test", primaries=[Peer("127.0.0.1", free_port()), Peer("127.0.0.1", peer.port)],
                    more='min-refresh = "1s"')
        with Dnsd(f"{folder}/ours", [zone]) as ours:
            arrived(ours, "mortal.test", 1)
            alive[0] = False
            until(lambda: ours.has(r"mortal\.test\. has expired"), "the zone to expire")
            until(lambda: ask("127.0.0.1", ours.port, "mortal.test")[3] & 15 == wire.SERVFAIL, "SERVFAIL")
            if "mortal.test. secondary expired" not in control(ours, "zone-status").stdout:
                raise AssertionError(control(ours, "zone-status").stdout)
            alive[0] = True
            arrived(ours, "mortal.test", 1)


def options_of(response):
    """EDNS options, as a dictionary."""
    return dict(response.edns["options"]) if response.edns else {}


def expire_of(server, zone, qtype=wire.SOA, send=wire.udp, serial=None):
    """What the option EXPIRE says, or None."""
    authority = [soa(zone, serial)] if serial else []
    q = wire.message(3, 0, [wire.question(wire.name(zone + "."), qtype)], [], authority, [wire.opt(options=[(EXPIRE, b"")])])
    data = options_of(wire.Response(send(server.address, server.port, q))).get(EXPIRE)
    return None if data is None else struct.unpack("!I", data)[0]


@test("EXPIRE (RFC 7314): told by a primary and by a secondary, to those who ask")
def _():
    with temporary_folder() as folder, Primary(lambda z: soa(z, 1), lambda z, _: [[soa(z, 1), ns(z), soa(z, 1)]]) as peer:
        zones = [Zone("own.test", file=write(f"{folder}/own.zone", ZONE), transfer=[LOCAL]),
                 Zone("far.test", primaries=[Peer("127.0.0.1", peer.port)], transfer=[LOCAL]),
                 Zone("short.test", primaries=[Peer("127.0.0.1", peer.port)], more='max-expire = "1h"')]
        with Dnsd(f"{folder}/ours", zones) as ours:
            arrived(ours, "far.test", 1)
            arrived(ours, "short.test", 1)
            for _ in range(2):      # the second answer is a prepared one
                equal(expire_of(ours, "own.test"), 86400, "a primary: its SOA's")
                equal(86400 - PATIENCE <= expire_of(ours, "far.test") <= 86400, True, "a secondary: what is left")
            equal(3600 - PATIENCE <= expire_of(ours, "short.test") <= 3600, True, "the bound of the configuration")
            equal(expire_of(ours, "own.test", wire.AXFR, wire.tcp), 86400, "with AXFR")
            equal(expire_of(ours, "own.test", wire.IXFR, wire.udp, 1), 86400, "with IXFR by datagram")
            equal(expire_of(ours, "own.test", wire.NS), None, "with NS")
            q = wire.message(3, 0, [wire.question(wire.name("own.test."), wire.SOA)], [], [], [wire.opt()])
            equal(EXPIRE in options_of(wire.Response(wire.udp(ours.address, ours.port, q))), False, "without the question")
            # We ask for it, with an empty option.
            equal(peer.datagrams_asked[0][-15:], b"\0" + struct.pack("!HHIHHH", wire.OPT, 1232, 0, 4, EXPIRE, 0), "our OPT")


@test("EXPIRE: what a primary has left counts, though the SOA says more; it does not shorten what we know")
def _():
    with temporary_folder() as folder, Primary(lambda z: soa(z, 1, refresh=1, retry=1),
                                               lambda z, _: [[soa(z, 1, 1, 1), ns(z), soa(z, 1, 1, 1)]]) as peer:
        peer.expire = struct.pack("!I", 5000)
        zone = Zone("chain.test", primaries=[Peer("127.0.0.1", peer.port)], more='min-refresh = "1s"\nmin-retry = "1s"')

        def left(server):
            return expire_of(server, "chain.test")

        def refreshed(server):
            before = len(peer.datagrams_asked)
            control(server, "refresh", "chain.test")
            until(lambda: len(peer.datagrams_asked) > before and "transferring" not in control(server, "zone-status").stdout
                  and "refreshing" not in control(server, "zone-status").stdout, "a refresh")
        with Dnsd(f"{folder}/ours", [zone]) as ours:
            arrived(ours, "chain.test", 1)
            equal(5000 - PATIENCE <= left(ours) <= 5000, True, left(ours))
            peer.expire = struct.pack("!I", 100)
            refreshed(ours)
            equal(left(ours) > 5000 - PATIENCE, True, f"less is told: {left(ours)}")
            peer.expire = struct.pack("!I", 9000)
            refreshed(ours)
            equal(9000 - PATIENCE <= left(ours) <= 9000, True, f"more is told: {left(ours)}")
            peer.expire = b"x"
            refreshed(ours)
            equal(left(ours) > 86400 - PATIENCE, True, f"an option that is none: as the SOA says: {left(ours)}")
        with Dnsd(f"{folder}/ours", [zone]) as ours:
            until(lambda: left(ours), "the zone")
            equal(left(ours) > 86400 - 2 * PATIENCE, True, "after a restart")


@test("EXPIRE: the zone ends when the primary's own time is over, and primaries without EDNS are asked without")
def _():
    with temporary_folder() as folder, Primary(lambda z: soa(z, 1), lambda z, _: [[soa(z, 1), ns(z), soa(z, 1)]]) as peer:
        peer.expire = struct.pack("!I", 2)
        with Dnsd(f"{folder}/ours", [Zone("brief.test", primaries=[Peer("127.0.0.1", peer.port)])]) as ours:
            arrived(ours, "brief.test", 1)
            until(lambda: ours.has(r"brief\.test\. has expired"), "the zone to expire")
            equal(serial_of(ours, "brief.test"), None, "SERVFAIL")
            peer.no_edns, peer.expire = True, None
            control(ours, "refresh", "brief.test")
            arrived(ours, "brief.test", 1)
            equal(86400 - PATIENCE <= expire_of(ours, "brief.test") <= 86400, True, "the SOA's time")


@test("a primary that is dead, with many zones, does not keep another's from being fetched")
def _():
    with temporary_folder() as folder, Primary(lambda z: soa(z, 1), lambda z, _: [[soa(z, 1), ns(z), soa(z, 1)]]) as peer, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as dead:
        dead.bind(("127.0.0.1", 0))     # takes questions, gives no answers
        zones = [Zone(f"dead{i}.test", primaries=[Peer("127.0.0.1", dead.getsockname()[1])]) for i in range(200)]
        zones += [Zone("good.test", primaries=[Peer("127.0.0.1", peer.port)]),
                  Zone("second.test", primaries=[Peer("127.0.0.1", dead.getsockname()[1]), Peer("127.0.0.1", peer.port)])]
        with Dnsd(f"{folder}/ours", zones) as ours:
            until(lambda: ours.has(r"good\.test\. serial 1 from"), "the good zone")
            equal(bool(ours.has(r"dead\d+\.test\. cannot be refreshed")), False, "it waited for the dead primary's")
            # An order goes before the others; its second primary has it when the first has not answered.
            control(ours, "refresh", "second.test")
            until(lambda: ours.has(r"second\.test\. serial 1 from"), "the zone whose second primary lives", 30)
            # All have their turn.
            until(lambda: len(set(re.findall(r"(dead\d+)\.test\. cannot be refreshed", "\n".join(ours.lines)))) > 16, "others' turns", 40)


@test("NOTIFY is heard from primaries only, and answered")
def _():
    serial = [1]
    with temporary_folder() as folder, Primary(lambda z: soa(z, serial[0]),
                                               lambda z, _: [[soa(z, serial[0]), ns(z), soa(z, serial[0])]]) as peer:
        zones = [Zone("told.test", primaries=[Peer("127.0.0.1", peer.port)]),
                 Zone("own.test", file=write(f"{folder}/own.zone", ZONE))]
        with Dnsd(f"{folder}/ours", zones) as ours:
            def notify(zone, source, qtype=wire.SOA):
                m = wire.message(7, wire.AA, [wire.question(wire.name(zone + "."), qtype)], opcode=4)
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                    s.bind((source, 0))
                    s.settimeout(PATIENCE)
                    s.connect(("127.0.0.1", ours.port))
                    s.send(m)
                    r = wire.Response(s.recv(65535))
                equal((r.opcode, r.flag(wire.QR)), (4, True), "a response")
                return r.rcode
            arrived(ours, "told.test", 1)
            serial[0] = 2
            equal(notify("told.test", "127.0.0.2"), wire.REFUSED, "of a stranger")
            equal(notify("own.test", "127.0.0.1"), wire.REFUSED, "for a primary zone")
            equal(notify("other.test", "127.0.0.1"), wire.NOTAUTH, "for no zone of ours")
            equal(notify("told.test", "127.0.0.1", wire.A), wire.FORMERR, "of a wrong type")
            equal(serial_of(ours, "told.test"), 1, "nobody was asked")
            equal(notify("told.test", "127.0.0.1"), wire.NOERROR, "of the primary")
            arrived(ours, "told.test", 2)


@test("IXFR by datagram: differences that fit, else the SOA alone")
def _():
    with temporary_folder() as folder:
        zone = Zone("example.test", file=write(f"{folder}/z", ZONE), transfer=[LOCAL], update=[LOCAL])
        with Dnsd(f"{folder}/ours", [zone]) as ours:
            def ixfr(serial, send):
                q = wire.message(9, 0, [wire.question(wire.name("example.test."), wire.IXFR)], [],
                                 [soa("example.test", serial)])
                r = wire.Response(send(ours.address, ours.port, q))
                equal(r.rcode, 0, "RCODE")
                return [(rtype, struct.unpack("!I", rdata[-20:-16])[0] if rtype == wire.SOA else rdata)
                        for _, rtype, _, _, rdata in r.answer]
            equal(update(ours, "example.test", ("add", "new", 60, "A", "192.0.2.7"), ("delete", "h7")), 0)
            changes = [(wire.SOA, 2), (wire.SOA, 1), (wire.A, b"\x0a\0\0\7"), (wire.SOA, 2), (wire.A, b"\xc0\0\2\7"),
                       (wire.SOA, 2)]
            equal(ixfr(1, wire.udp), changes, "by UDP")
            equal(ixfr(1, wire.tcp), changes, "by TCP")
            equal(ixfr(2, wire.udp), [(wire.SOA, 2)], "nothing new")
            equal(ixfr(9, wire.tcp), [(wire.SOA, 2)], "the client is ahead")
            whole = ixfr(0, wire.tcp)
            equal((whole[0], whole[1][0] != wire.SOA, len(whole) > 100), ((wire.SOA, 2), True, True),
                  "what the journal does not reach: the zone")
            equal(ixfr(0, wire.udp), [(wire.SOA, 2)], "by UDP the SOA")
            equal(update(ours, "example.test", *(("add", f"many{i}", 60, "A", "192.0.2.7") for i in range(200))), 0)
            equal(ixfr(1, wire.udp), [(wire.SOA, 3)], "too much for a datagram")
            steps = ixfr(1, wire.tcp)
            equal([r for r in steps if r[0] == wire.SOA],
                  [(wire.SOA, 3), (wire.SOA, 1), (wire.SOA, 2), (wire.SOA, 2), (wire.SOA, 3), (wire.SOA, 3)], "two steps")


@test("the journal is bounded: it reaches back as far as it has room, then the zone is sent")
def _():
    with temporary_folder() as folder:
        zone = Zone("example.test", file=write(f"{folder}/z", ZONE), transfer=[LOCAL], update=[LOCAL],
                    more='journal-size = "4k"')
        with Dnsd(f"{folder}/ours", [zone]) as ours:
            for i in range(40):
                equal(update(ours, "example.test", ("add", f"new{i}", 60, "A", "192.0.2.7")), 0)
            styles = []
            for serial in range(1, 41):
                q = wire.message(9, 0, [wire.question(wire.name("example.test."), wire.IXFR)], [], [soa("example.test", serial)])
                answer = wire.Response(wire.tcp(ours.address, ours.port, q)).answer
                styles.append("changes" if answer[1][1] == wire.SOA else "zone")
            reach = styles.count("changes")
            equal(styles, ["zone"] * (40 - reach) + ["changes"] * reach)
            if not 10 < reach < 40:
                raise AssertionError(f"{reach} changes are known")


@test("a large zone to a client that reads slowly, while it changes: one version, and little memory")
def _():
    n = 100000
    text = "$TTL 60\n@ SOA ns host 1 3600 600 86400 60\n@ NS ns\nns A 192.0.2.1\n" + "".join(
        f"h{i} TXT \"{'x' * 60}\"\n" for i in range(n))
    with temporary_folder() as folder:
        zone = Zone("large.test", file=write(f"{folder}/z", text), transfer=[LOCAL], update=[LOCAL])
        with Dnsd(f"{folder}/ours", [zone]) as ours, socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            s.settimeout(PATIENCE)
            s.connect((ours.address, ours.port))
            before = ours.memory()
            s.sendall(wire.framed(wire.message(5, 0, [wire.question(wire.name("large.test."), wire.AXFR)])))
            first = wire.Response(wire.receive_message(s))
            # Much of it is not sent yet, and must not wait in memory.
            equal(update(ours, "large.test", ("delete", f"h{n - 1}"), ("add", "new", 60, "A", "192.0.2.9")), 0)
            grown = ours.memory() - before
            records = len(first.answer)
            last = first
            while last.answer[-1][1] != wire.SOA or records == 1:
                last = wire.Response(wire.receive_message(s))
                records += len(last.answer)
            equal(records, n + 4, "records of the version that it began with")
            equal(struct.unpack("!I", last.answer[-1][4][-20:-16])[0], 1, "its serial")
            # The store is a map of a file, which does not count here.
            if grown > 30000:
                raise AssertionError(f"{grown} KiB more while the client did not read")
            equal(serial_of(ours, "large.test"), 2, "what is served now")


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


ROUNDS = 100 if os.environ.get("LAB_FULL") else 20


def versioned(zone, serial):
    """A transfer in many messages, in whose records the version is."""
    records = [soa(zone, serial), ns(zone)] + [a(f"h{i}.{zone}", f"10.{serial & 255}.{i >> 8}.{i & 255}") for i in range(2000)]
    for i in range(0, len(records), 100):
        yield records[i:i + 100]
    yield [soa(zone, serial)]


def one_version(server):
    records = content(server, "torn.test")
    versions = {text.split(".")[1] for _, _, rtype, text in records if rtype == "A"}
    equal((len(versions), len(records)), (1, 2002), "versions, records")


@test("kill -9 of the keeper in the middle of transfers: each zone is of one version, and goes on")
def _():
    serial, rng = [1], random.Random(5)
    with temporary_folder() as folder, Primary(lambda z: soa(z, serial[0]), lambda z, _: versioned(z, serial[0])) as peer:
        zone = Zone("torn.test", primaries=[Peer("127.0.0.1", peer.port)], transfer=[LOCAL])
        with Dnsd(f"{folder}/ours", [zone]) as ours:
            arrived(ours, "torn.test", 1)
            for _ in range(ROUNDS):
                serial[0] += 1
                control(ours, "refresh", "torn.test")
                time.sleep(rng.random() * 0.03)     # where it dies is left to chance
                os.kill(until(lambda: keeper_of(ours), "a keeper"), signal.SIGKILL)
                until(lambda: serial_of(ours, "torn.test") is not None, "an answer")
                one_version(ours)
            arrived(ours, "torn.test", serial[0])


@test("kill -9 of the whole daemon in the middle of transfers")
def _():
    serial, rng = [1], random.Random(6)
    with temporary_folder() as folder, Primary(lambda z: soa(z, serial[0]), lambda z, _: versioned(z, serial[0])) as peer:
        zone = Zone("torn.test", primaries=[Peer("127.0.0.1", peer.port)], transfer=[LOCAL])
        for _ in range(ROUNDS // 4):
            with Dnsd(f"{folder}/ours", [zone]) as ours:
                until(lambda: serial_of(ours, "torn.test") is not None, "an answer")
                one_version(ours)
                serial[0] += 1
                control(ours, "refresh", "torn.test")
                time.sleep(rng.random() * 0.03)     # where it dies is left to chance
                for pid in ours.processes():
                    os.kill(pid, signal.SIGKILL)
                ours.process.wait()
        with Dnsd(f"{folder}/ours", [zone]) as ours:
            arrived(ours, "torn.test", serial[0])
            one_version(ours)


main()
