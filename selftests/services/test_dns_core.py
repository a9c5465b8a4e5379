#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""linnet-dnsd answers from zone files: names and types, wildcards, aliases, referrals, EDNS, cookies,
truncation and streams, rate limit, zone and configuration errors, reload, several workers."""
import errno
import glob
import os
import re
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
import urllib.request

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../userspace"))
sys.path.insert(0, os.path.join(HERE, "dns"))
# pylint: disable=wrong-import-position
import wire
from harness import IPPROTO_LINNET, PATIENCE, equal, main, need, program, temporary_folder, test, until
from intruder import AT_FDCWD, Intruder
from linnet import Dnsd
from servers import Zone, free_port

try:
    import dns.edns
    import dns.exception
    import dns.flags
    import dns.message
    import dns.name
    import dns.query
    import dns.rcode
    import dns.rdatatype
except ImportError:
    sys.exit(print("1..0 # SKIP python3-dnspython is not installed") or 4)

X = "x" * 60
ZONE = f"""$TTL 3600
@ SOA ns1 hostmaster 1 7200 900 1209600 300
@ NS ns1
@ NS ns.elsewhere.test.
@ MX 10 mail
ns1 A 192.0.2.1
ns1 AAAA 2001:db8::1
mail A 192.0.2.3
www CNAME web
web A 192.0.2.80
*.wild A 192.0.2.99
*.wild MX 5 mail
there.wild TXT "no wildcard here"
a.b.c.ent TXT "deep"
sub NS ns.sub
sub NS ns1
ns.sub A 192.0.2.53
sub DS 12345 13 2 {"0123456789abcdef" * 4}
d DNAME target
x.target A 192.0.2.7
long DNAME {X}.{X}.{X}.core.test.
loop1 CNAME loop2
loop2 CNAME loop1
out CNAME www.elsewhere.test.
gone CNAME nothing
t TYPE65280 \\# 4 01020304
{chr(10).join(f"big TXT {i:02}{'x' * 200}" for i in range(20))}
$GENERATE 1-5 host-${{0,3,d}} A 192.0.2.$
$INCLUDE more.zone inc
after A 192.0.2.11
"""
MORE = "@ A 192.0.2.10\nthere A 192.0.2.12\n"


def configure(folder, zone=ZONE, name="core.test", **kw):
    """A zone file in the folder, and the zone."""
    with open(os.path.join(folder, "zone"), "w", encoding="utf-8") as f:
        f.write(zone)
    with open(os.path.join(folder, "more.zone"), "w", encoding="utf-8") as f:
        f.write(MORE)
    return Zone(name, file=os.path.join(folder, "zone"), **kw)


class Core:
    """One daemon for all tests that do not change it."""
    folder = daemon = None


def core():
    if not Core.daemon:
        Core.folder = temporary_folder()
        path = Core.folder.__enter__()
        zone = configure(path)
        Core.metrics = free_port()
        Core.daemon = Dnsd(path, [zone], more='nsid = "node"\nidentity = "me"\nversion = "seven"\n'
                           f'metrics-listen = {{"127.0.0.1:{Core.metrics}"}}\nudp-size = 1232\n', tls=True, workers=2)
        Core.daemon.__enter__()
    return Core.daemon


def ask(name, rtype, daemon=None, tcp=False, **kw):
    d = daemon or core()
    name = name if name.endswith(".") else f"{name}.core.test." if name else "core.test."
    q = dns.message.make_query(name, rtype, **kw)
    function = dns.query.tcp if tcp else dns.query.udp
    return function(q, "127.0.0.1", timeout=PATIENCE, port=d.port)


def rrs(section):
    """What a section has, without the zone's name, in order."""
    return sorted(f"{r.name.to_text().removesuffix('.core.test.')} {r.ttl} {dns.rdatatype.to_text(r.rdtype)} {x.to_text()}"
                  for r in section for x in r)


def rcode(r):
    return dns.rcode.to_text(r.rcode())


SOA = ["core.test. 300 SOA ns1.core.test. hostmaster.core.test. 1 7200 900 1209600 300"]


@test("answers, NODATA, NXDOMAIN and the SOA with the negative TTL (RFC 2308)")
def _():
    r = ask("web", "A")
    equal((rcode(r), rrs(r.answer), rrs(r.authority)), ("NOERROR", ["web 3600 A 192.0.2.80"], []))
    equal(bool(r.flags & dns.flags.AA), True, "AA")
    r = ask("web", "AAAA")
    equal((rcode(r), rrs(r.answer), rrs(r.authority)), ("NOERROR", [], SOA))
    r = ask("no", "A")
    equal((rcode(r), rrs(r.answer), rrs(r.authority)), ("NXDOMAIN", [], SOA))
    r = ask("b.c.ent", "A")
    equal((rcode(r), rrs(r.authority)), ("NOERROR", SOA), "an empty non-terminal")
    r = ask("", "MX")
    equal(rrs(r.additional), ["mail 3600 A 192.0.2.3"], "the host of MX")
    r = ask("t", 65280)
    equal(r.answer[0][0].to_text(), "\\# 4 01020304", "an unknown type")
    equal(rcode(ask("www.elsewhere.test.", "A")), "REFUSED", "a name of nobody's")


@test("wildcards (RFC 4592)")
def _():
    equal(rrs(ask("a.wild", "A").answer), ["a.wild 3600 A 192.0.2.99"])
    equal(rrs(ask("a.b.wild", "A").answer), ["a.b.wild 3600 A 192.0.2.99"], "several labels")
    equal(rrs(ask("*.wild", "A").answer), ["*.wild 3600 A 192.0.2.99"], "by its name")
    r = ask("a.wild", "AAAA")
    equal((rcode(r), rrs(r.authority)), ("NOERROR", SOA), "not the type")
    equal(rcode(ask("x.there.wild", "A")), "NXDOMAIN", "a name that is there hides it from what is below")
    equal(rrs(ask("there.wild", "A").answer), [], "a name that is there is no wildcard's")
    r = ask("a.wild", "MX")
    equal((rrs(r.answer), rrs(r.additional)), (["a.wild 3600 MX 5 mail.core.test."], ["mail 3600 A 192.0.2.3"]))


@test("CNAME: chains, loops, out of the zone, to nothing")
def _():
    equal(rrs(ask("www", "A").answer), ["web 3600 A 192.0.2.80", "www 3600 CNAME web.core.test."])
    equal(rrs(ask("www", "CNAME").answer), ["www 3600 CNAME web.core.test."])
    r = ask("www", "AAAA")
    equal((rcode(r), rrs(r.answer), rrs(r.authority)), ("NOERROR", ["www 3600 CNAME web.core.test."], SOA))
    equal(len(ask("loop1", "A").answer), 2, "a loop ends")
    r = ask("out", "A")
    equal((rcode(r), rrs(r.answer)), ("NOERROR", ["out 3600 CNAME www.elsewhere.test."]))
    r = ask("gone", "A")
    equal((rcode(r), len(r.answer), rrs(r.authority)), ("NXDOMAIN", 1, SOA), "the code is the last name's (RFC 6604)")


@test("DNAME: synthesis, YXDOMAIN (RFC 6672)")
def _():
    r = ask("x.d", "A")
    equal(rrs(r.answer), ["d 3600 DNAME target.core.test.", "x.d 3600 CNAME x.target.core.test.",
                          "x.target 3600 A 192.0.2.7"])
    equal(rrs(ask("d", "A").authority), SOA, "the owner itself has no such type")
    equal(rrs(ask("d", "DNAME").answer), ["d 3600 DNAME target.core.test."])
    # the target is 3 * 61 + 11 octets; a label of 60 more makes 255, of 61 one too many
    r = ask(f"{'y' * 60}.long", "A", use_edns=0)
    equal((rcode(r), len(r.answer)), ("NXDOMAIN", 2), "255 octets")
    r = ask(f"{'y' * 61}.long", "A", use_edns=0)
    equal((rcode(r), rrs(r.answer)), ("YXDOMAIN", [f"long 3600 DNAME {X}.{X}.{X}.core.test."]), "256 octets")


@test("referrals with glue; DS is the parent's")
def _():
    r = ask("www.sub", "A")
    equal((rcode(r), rrs(r.answer)), ("NOERROR", []))
    equal(rrs(r.authority), ["sub 3600 NS ns.sub.core.test.", "sub 3600 NS ns1.core.test."])
    equal(rrs(r.additional), ["ns.sub 3600 A 192.0.2.53", "ns1 3600 A 192.0.2.1", "ns1 3600 AAAA 2001:db8::1"])
    equal(bool(r.flags & dns.flags.AA), False, "AA")
    equal(rrs(ask("ns.sub", "A").authority), rrs(r.authority), "glue is no answer")
    r = ask("sub", "DS")
    equal((len(r.answer), bool(r.flags & dns.flags.AA)), (1, True), "DS")
    equal(len(ask("www.sub", "DS").authority), 1, "DS below the cut: a referral")


@test("ANY is one set (RFC 8482)")
def _():
    for tcp in False, True:
        r = ask("", "ANY", tcp=tcp)
        equal(len(r.answer), 1, "sets")


@test("types that are no data: what NSD and Knot answer, where the RFCs leave it open")
def _():
    for rtype in 0, 41, 249, 250, 253, 254:    # reserved, OPT, TKEY, TSIG, MAILB, MAILA
        for name, code in ("web", "NOERROR"), ("x.wild", "NOERROR"), ("no", "NXDOMAIN"):
            r = ask(name, rtype)
            equal((rcode(r), rrs(r.answer), rrs(r.authority)), (code, [], SOA), f"{name} {rtype}")
        equal(rcode(ask("www.elsewhere.test.", rtype)), "REFUSED", f"another's name, {rtype}")
    equal(rcode(ask("", "AXFR")), "NOTIMP", "AXFR by datagram")


@test("$GENERATE, $INCLUDE with an origin, and the origin is back after it")
def _():
    for i in range(1, 6):
        equal(rrs(ask(f"host-00{i}", "A").answer), [f"host-00{i} 3600 A 192.0.2.{i}"])
    equal(rcode(ask("host-006", "A")), "NXDOMAIN")
    equal(rrs(ask("inc", "A").answer) + rrs(ask("there.inc", "A").answer) + rrs(ask("after", "A").answer),
          ["inc 3600 A 192.0.2.10", "there.inc 3600 A 192.0.2.12", "after 3600 A 192.0.2.11"])


@test("names as they were asked, compressed, any case")
def _():
    q = wire.message(7, 0, [wire.question(wire.name("wWw.CoRe.tEsT."), wire.A)])
    r = wire.udp("127.0.0.1", core().port, q)
    equal(r[12:12 + 19], q[12:12 + 19], "the question")
    # question 19 + CNAME (2+10+6: web and a pointer) + A (2+10+4) after a header of 12
    equal(len(r), 12 + 19 + 18 + 16, "octets")


@test("EDNS: size, version, NSID, CHAOS")
def _():
    r = ask("web", "A", use_edns=0, payload=4096)
    equal((r.edns, r.payload), (0, 1232))
    q = wire.message(7, 0, [wire.question(wire.name("web.core.test."), wire.A)], additional=[wire.opt(version=1)])
    r = dns.message.from_wire(wire.udp("127.0.0.1", core().port, q))
    equal((rcode(r), r.edns, r.answer), ("BADVERS", 0, []))
    r = ask("web", "A", use_edns=0, options=[dns.edns.GenericOption(3, b"")])
    equal([o.data for o in r.options if o.otype == 3], [b"node"], "NSID")
    equal([o for o in ask("web", "A", use_edns=0).options], [], "options nobody asked for")
    # RFC 7828 section 3.2.1: over UDP the option is ignored, whatever is in it
    r = ask("web", "A", use_edns=0, options=[dns.edns.GenericOption(11, b"\0\1")])
    equal((rcode(r), r.options), ("NOERROR", ()), "keepalive over UDP")
    equal(rcode(ask("web", "A", tcp=True, use_edns=0, options=[dns.edns.GenericOption(11, b"\0\1")])), "FORMERR",
          "keepalive with a time-out in a query")
    for name, text in ("version.bind.", "seven"), ("id.server.", "me"), ("hostname.bind.", "me"):
        equal(ask(name, "TXT", rdclass="CH").answer[0][0].to_text(), f'"{text}"', name)
    equal(rcode(ask("authors.bind.", "TXT", rdclass="CH")), "REFUSED")


@test("truncation by what the client takes, then all of it by stream")
def _():
    for size, truncated in (512, True), (1232, True), (4096, True):
        r = ask("big", "TXT", use_edns=0, payload=size)
        equal(bool(r.flags & dns.flags.TC), truncated, f"TC for {size}")
        assert len(r.to_wire()) <= min(size, 1232), f"{len(r.to_wire())} octets"
    r = ask("big", "TXT", tcp=True)
    equal((bool(r.flags & dns.flags.TC), len(r.answer[0])), (False, 20))


def cookie(r):
    return next((o.data for o in r.options if o.otype == 10), None)


def with_cookie(data):
    return {"use_edns": 0, "options": [dns.edns.GenericOption(10, data)]}


@test("cookies: given, accepted, required over UDP (RFC 7873, 9018)")
def _():
    client = b"12345678"
    r = ask("web", "A", **with_cookie(client))
    got = cookie(r)
    equal((rcode(r), got[:8], len(got), got[8]), ("NOERROR", client, 24, 1))
    equal(rcode(ask("web", "A", **with_cookie(b"1234567"))), "FORMERR", "7 octets")
    with temporary_folder() as folder:
        with Dnsd(folder, more='cookies = "required"\ncookie-secrets = {"000102030405060708090a0b0c0d0e0f"}\n'
                  f'zone "core.test" {{\nfile = "{configure(folder).file}"\n}}\n') as d:
            until(lambda: d.has("ready"), "the daemon")
            r = ask("web", "A", d)
            equal((bool(r.flags & dns.flags.TC), r.answer), (True, []), "without a cookie: come by stream")
            equal(rcode(ask("web", "A", d, tcp=True)), "NOERROR", "the stream")
            r = ask("web", "A", d, **with_cookie(client))
            equal((rcode(r), r.answer), ("BADCOOKIE", []))
            good = cookie(r)
            equal(rcode(ask("web", "A", d, **with_cookie(good))), "NOERROR", "a good one")
            bad = good[:-1] + bytes([good[-1] ^ 1])
            equal(rcode(ask("web", "A", d, **with_cookie(bad))), "BADCOOKIE", "a forged one")
            equal(rcode(ask("web", "A", d, **with_cookie(b"abcdefgh" + good[8:]))), "BADCOOKIE", "another client's")


def pipelined(s, count):
    out = b""
    for i in range(count):
        out += wire.framed(wire.message(i, 0, [wire.question(wire.name(f"host-00{i % 5 + 1}.core.test."), wire.A)]))
    s.sendall(out)
    return {struct.unpack("!H", wire.receive_message(s)[:2])[0] for _ in range(count)}


@test("streams: many queries at once, in pieces, keepalive, TCP")
def _():
    with socket.create_connection(("127.0.0.1", core().port), PATIENCE) as s:
        equal(pipelined(s, 500), set(range(500)), "answers")
        q = wire.framed(wire.message(9, 0, [wire.question(wire.name("web.core.test."), wire.A)],
                                     additional=[wire.opt(options=[(wire.KEEPALIVE, b"")])]))
        for octet in q:
            s.sendall(bytes([octet]))
        r = dns.message.from_wire(wire.receive_message(s))
        equal([o.data for o in r.options if o.otype == 11], [struct.pack("!H", 200)], "20 s in units of 100 ms")


@test("streams on protocol 253")
def _():
    need(IPPROTO_LINNET)
    with core().connect(IPPROTO_LINNET) as s:
        equal(pipelined(s, 100), set(range(100)), "answers")


@test("TLS: ALPN dot, padding to blocks of 468 (RFC 7858, 8467)")
def _():
    context = ssl.create_default_context(cafile=core().certificate)
    context.set_alpn_protocols(["dot"])
    with socket.create_connection(("127.0.0.1", core().tls_port), PATIENCE) as raw:
        with context.wrap_socket(raw, server_hostname="dns.test") as s:
            equal(s.selected_alpn_protocol(), "dot")
            equal(pipelined(s, 50), set(range(50)), "answers")
            s.sendall(wire.framed(wire.message(9, 0, [wire.question(wire.name("web.core.test."), wire.A)],
                                               additional=[wire.opt(options=[(wire.PADDING, bytes(10))])])))
            equal(len(wire.receive_message(s)), 468, "octets")


@test("an idle stream is closed, one that is used is not")
def _():
    with temporary_folder() as folder:
        with Dnsd(folder, [configure(folder)], stream_timeout=1) as d:
            with socket.create_connection(("127.0.0.1", d.port), PATIENCE) as s:
                begin = time.monotonic()
                while time.monotonic() < begin + 1.5:
                    equal(pipelined(s, 1), {0})
                    time.sleep(0.1)    # what is tested is time itself
                equal(s.recv(1), b"", "the end")


@test("a response rate limit: slips and silence for UDP, nothing for streams and for good cookies")
def _():
    with temporary_folder() as folder:
        with Dnsd(folder, [configure(folder)], more="rate-limit {\nresponses-per-second = 5\nslip = 2\n}\n") as d:
            q = wire.message(7, 0, [wire.question(wire.name("mail.core.test."), wire.A)])
            full = truncated = silent = 0
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                s.connect(("127.0.0.1", d.port))
                for _ in range(60):
                    s.send(q)
                # Behind them: an answer to this says that those before were dealt with.
                s.send(wire.message(8, 0, [wire.question(wire.name("web.core.test."), wire.A)]))
                s.settimeout(PATIENCE)
                while (r := s.recv(4096))[:2] != b"\0\10":
                    truncated += bool(r[2] & 2)
                    full += not r[2] & 2
            silent = 60 - full - truncated
            assert 5 <= full <= 10, f"{full} answers"
            assert 20 <= truncated <= 28, f"{truncated} truncated"
            assert silent >= 20, f"{silent} silent"
            equal(rcode(ask("mail", "A", d, tcp=True)), "NOERROR", "the stream")
            good = cookie(ask("ns1", "A", d, **with_cookie(b"12345678")))
            for _ in range(20):
                equal(bool(ask("mail", "A", d, **with_cookie(good)).flags & dns.flags.TC), False, "with a cookie")


@test("a rate limit that is shared by more workers than it allows still lets answers through")
def _():
    with temporary_folder() as folder:
        with Dnsd(folder, [configure(folder)], workers=4, more="rate-limit {\nresponses-per-second = 1\nslip = 1\n}\n") as d:
            r = ask("mail", "A", d)
            equal((bool(r.flags & dns.flags.TC), len(r.answer)), (False, 1))


@test("what is sent in the place of a limited answer has OPT, and a cookie by which the client is let through")
def _():
    with temporary_folder() as folder:
        with Dnsd(folder, [configure(folder)], more='nsid = "node"\nrate-limit {\nresponses-per-second = 1\nslip = 1\n}\n') as d:
            options = [dns.edns.GenericOption(10, b"12345678"), dns.edns.GenericOption(3, b"")]
            for _ in range(100):
                r = ask("mail", "A", d, use_edns=0, options=options, want_dnssec=True)
                if r.flags & dns.flags.TC:
                    break
            equal((bool(r.flags & dns.flags.TC), rcode(r), r.answer, r.edns, bool(r.ednsflags & dns.flags.DO)),
                  (True, "NOERROR", [], 0, True))
            equal([o.otype for o in r.options], [10], "options: what makes it longer than the query is left out")
            equal(bool(ask("mail", "A", d, **with_cookie(cookie(r))).flags & dns.flags.TC), False, "with the cookie")
            for _ in range(100):
                r = ask("mail", "A", d)
                if r.flags & dns.flags.TC:
                    break
            equal((bool(r.flags & dns.flags.TC), r.edns), (True, -1), "without EDNS in the query")


@test("allow-query refuses others")
def _():
    with temporary_folder() as folder:
        with Dnsd(folder, [configure(folder, more='allow-query = {"!127.0.0.1", "all"}\n')][:0],
                  more=f'zone "core.test" {{\nfile = "{configure(folder).file}"\nallow-query = {{"!127.0.0.1", "all"}}\n}}\n') as d:
            until(lambda: d.has("ready"), "the daemon")
            for _ in range(2):
                equal(rcode(ask("web", "A", d)), "REFUSED")


BROKEN = [
    ("a CNAME and other data", "a CNAME b\na A 192.0.2.1\n", r"zone:5: a\.core\.test\. has a CNAME and other data"),
    ("two CNAMEs", "a CNAME b\na CNAME c\n", r"zone:5: a second CNAME record of a\.core\.test\."),
    ("another zone's name", "a.other.test. A 192.0.2.1\n", r"zone:4: a\.other\.test\. is not in the zone core\.test\."),
    ("a label of 64 octets", f"{'a' * 64} A 192.0.2.1\n", r"zone:4: a label of more than 63 octets: at most 63"),
    ("a name of 256 octets", f"{'.'.join(['a' * 60] * 3 + ['a' * 61])} A 192.0.2.1\n", r"zone:4: a name of more than 255 octets"),
    ("below a DNAME", "a DNAME b\nx.a A 192.0.2.1\n", r"x\.a\.core\.test\. is below the DNAME of a\.core\.test\."),
    ("a file that is not there", "$INCLUDE nowhere\n", r"zone:4: \$INCLUDE: '.*nowhere': No such file"),
    ("a wrong step", "$GENERATE 5-1 a$ A 192.0.2.$\n", r"zone:4: \$GENERATE: "),
    ("an address that is none", "\n\na A 192.0.2.256\n", r"zone:6: "),
    ("data that is none", "a NS \\# 2 0361\n", r"zone:4: data that is none of this type"),
    ("a class", "a CLASS3 TXT x\n", r"zone:4: "),
]


@test("what is wrong with a zone file is told with its line")
def _():
    with temporary_folder() as folder:
        conf = os.path.join(folder, "conf")
        with open(conf, "w", encoding="utf-8") as f:
            f.write(f'state-directory = "{folder}"\nzone "core.test" {{\nfile = "zone"\n}}\n')
        good = "$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns.elsewhere.test.\n"

        def check(text):
            configure(folder, text)
            return subprocess.run([program("linnet-dnsd"), "-c", conf, "--check"], capture_output=True, text=True,
                                  timeout=PATIENCE, check=False)
        r = check(good)
        equal((r.returncode, r.stderr), (0, ""), "a good one")
        for what, text, pattern in BROKEN:
            r = check(good + text)
            assert r.returncode == 1 and re.search(pattern, r.stderr), f"{what}: {r.returncode}, {r.stderr}"
        r = check("@ NS ns\n")
        assert r.returncode == 1 and "no SOA" in r.stderr, r.stderr
        r = check("@ SOA ns h 1 2 3 4 5\n")
        assert r.returncode == 1 and "no NS" in r.stderr, r.stderr
        r = check(good + "sub NS ns.sub\n")
        assert not r.returncode and "no address here (glue)" in r.stderr, r.stderr
        configure(folder, good + "$INCLUDE zone\n")
        r = check(good + "$INCLUDE zone\n")
        assert r.returncode == 1 and "inside one another" in r.stderr, r.stderr


@test("what a $GENERATE stands for is not in memory all at once")
def _():
    with temporary_folder() as folder:
        conf = os.path.join(folder, "conf")
        with open(conf, "w", encoding="utf-8") as f:
            f.write(f'state-directory = "{folder}"\nzone "core.test" {{\nfile = "zone"\n}}\n')
        # 300 MB of text, of which little is left
        configure(folder, "$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns.elsewhere.test.\n"
                  f"$GENERATE 1-60000 same{' ' * 5000}A 192.0.2.1\n")
        pid = os.posix_spawn(program("linnet-dnsd"), ["linnet-dnsd", "-c", conf, "--check"], os.environ,
                             file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)])
        _, status, usage = os.wait4(pid, 0)
        equal(os.waitstatus_to_exitcode(status), 0)
        assert usage.ru_maxrss < 100000, f"{usage.ru_maxrss} kB of memory"


CONFIGURATIONS = [
    ('zone "a..b" {\nfile = "zone"\n}', "an empty label"),
    (f'zone "{"a" * 64}" {{\nfile = "zone"\n}}', "a label of 64 octets: at most 63"),
    ('zone "a" {\n}', "none of file, primaries and allow-update"),
    ('zone "a" {\nfile = "nowhere"\n}', "No such file"),
    ('zone "a" {\nfile = "zone"\n}\nzone "A." {\nfile = "zone"\n}', "a second section"),
    ('zone "a" {\nfile = "zone"\nallow-query = {"192.0.2.1/24"}\n}', "has bits after its prefix"),
    ('zone "a" {\nfile = "zone"\nallow-transfer = {"key k"}\n}', "names a key that no section key has"),
    ('zone "a" {\nprimaries = {"host"}\n}', "does not begin with a numeric address"),
    ('key "k" {\n}', "has no secret"),
    ('listen = {"here"}', "allowed are ADDRESS:PORT"),
    ('tls-listen = {"*:853"}', "needs a certificate"),
    ('udp-size = 100', "allowed is a number from 512 to 4096"),
    ('cookies = "perhaps"', "allowed are no, yes and required"),
    ('rate-limit {\nslip = 1000\n}', "from 0 to 100"),
    ('nonsense = 1', "nonsense"),
]


@test("what is wrong with a configuration is told, with the file and what is allowed")
def _():
    with temporary_folder() as folder:
        configure(folder, "@ SOA ns h 1 2 3 4 5\n@ NS ns.elsewhere.test.\n")
        conf = os.path.join(folder, "conf")
        for text, words in CONFIGURATIONS:
            with open(conf, "w", encoding="utf-8") as f:
                f.write(f'state-directory = "{folder}"\n{text}\n')
            r = subprocess.run([program("linnet-dnsd"), "-c", conf, "--check"], capture_output=True, text=True,
                               timeout=PATIENCE, check=False)
            assert r.returncode == 1 and words in r.stderr and re.search(conf + r":\d+: ", r.stderr), \
                f"{text}: {r.returncode}, {r.stderr}"


@test("a reload under load loses no query; the new content is there; a broken file changes nothing")
def _():
    with temporary_folder() as folder:
        zone = configure(folder)
        with Dnsd(folder, [zone], workers=2) as d:
            stop, counts, lost = threading.Event(), [0], []

            def load():
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                    s.connect(("127.0.0.1", d.port))
                    s.settimeout(PATIENCE)
                    while not stop.is_set():
                        s.send(wire.message(counts[0] & 0xffff, 0, [wire.question(wire.name("mail.core.test."), wire.A)]))
                        try:
                            s.recv(4096)
                        except (TimeoutError, ConnectionError) as e:
                            lost.append(repr(e))
                        counts[0] += 1
            thread = threading.Thread(target=load)
            thread.start()
            try:
                for serial in range(2, 6):
                    configure(folder, ZONE.replace("hostmaster 1 ", f"hostmaster {serial} ") + f"new A 192.0.2.{serial}\n")
                    d.process.send_signal(signal.SIGHUP)
                    until(lambda serial=serial: rrs(ask("new", "A", d).answer) == [f"new 3600 A 192.0.2.{serial}"],
                          f"serial {serial}")
                configure(folder, ZONE + "broken A\n")
                d.process.send_signal(signal.SIGHUP)
                until(lambda: d.has("what there was is kept"), "a word about the broken file")
                equal(rrs(ask("new", "A", d).answer), ["new 3600 A 192.0.2.5"], "after a broken file")
            finally:
                stop.set()
                thread.join()
            equal(lost, [], f"lost of {counts[0]}")


@test("a reload: who asks by a stream goes on there, who is silent is sent away in order")
def _():
    query = wire.framed(wire.message(1, 0, [wire.question(wire.name("mail.core.test."), wire.A)]))
    with temporary_folder() as folder:
        with Dnsd(folder, [configure(folder)]) as d:
            with socket.create_connection(("127.0.0.1", d.port), PATIENCE) as asking, \
                 socket.create_connection(("127.0.0.1", d.port), PATIENCE) as silent:
                for s in (asking, silent):
                    s.sendall(query)
                    assert wire.receive_message(s), "no answer"
                time.sleep(1.5)     # so long it has been silent
                d.process.send_signal(signal.SIGHUP)
                end = None
                while end is None or time.monotonic() < end:
                    asking.sendall(query)
                    assert wire.receive_message(asking), "the stream ended"
                    time.sleep(0.05)
                    if end is None and d.has("the new configuration is in use"):
                        # The old worker is told then
                        end = time.monotonic() + 1
                equal(silent.recv(1), b"", "the end of who is silent")
                equal(asking.recv(1), b"", "the end, some time after the last query")


@test("a keeper and workers that die are replaced")
def _():
    with temporary_folder() as folder:
        with Dnsd(folder, [configure(folder)], workers=2) as d:
            before = set(d.processes())
            for pid in before - {d.process.pid}:
                os.kill(pid, signal.SIGKILL)
            until(lambda: len(set(d.processes()) - before) >= 3, "a new keeper and two new workers")
            until(lambda: d.serves("core.test"), "an answer")


def refused(i, *calls):
    """What the process could do of these calls, as text."""
    return [f"{c} gave {got}" for c in calls if (got := i.call(*c)) not in (-errno.EACCES, -errno.EPERM, -errno.ENOSYS)]


@test("whoever breaks into a worker has no files, no processes, no raw sockets, and no programs")
def _():
    with temporary_folder() as folder:
        zone = configure(folder)
        with Dnsd(folder, [zone]) as d:
            readers = []
            for pid in set(d.processes()) - {d.process.pid}:
                with Intruder(pid) as i:
                    equal(refused(i, ("fork",), ("clone", signal.SIGCHLD, 0, 0, 0, 0), ("kill", os.getpid(), 0), ("setuid", 0),
                                  ("socket", socket.AF_PACKET, socket.SOCK_RAW, 0), ("chmod", zone.file, 0o777)), [], pid)
                    if not d.has("files are not confined"):
                        equal(refused(i, ("openat", AT_FDCWD, f"{folder}/new", os.O_CREAT | os.O_WRONLY, 0o600), ("unlink", zone.file),
                                      ("mkdir", f"{folder}/folder", 0o700), ("rename", zone.file, f"{folder}/other")), [], pid)
                        files = zone.file, d.conf, "/etc/passwd"
                        readers += [pid] * bool(refused(i, *(("openat", AT_FDCWD, f, os.O_RDONLY) for f in files)))
            # The keeper reads zone files.
            assert len(readers) < 2, f"{readers} can read files"
            until(lambda: d.serves("core.test"), "an answer of who was not disturbed")
            for pid in set(d.processes()) - {d.process.pid}:
                with Intruder(pid) as i:
                    equal(i.call("execve", "/bin/true", 0, 0), None, "execve()")
            until(lambda: d.serves("core.test"), "an answer of a new worker")
            equal(sorted(glob.glob(f"{folder}/[nfo]*")), [], "what was made")


def sockets_of(d):
    """Of each process but the master: the families of which it can make sockets."""
    found = []
    for pid in set(d.processes()) - {d.process.pid}:
        with Intruder(pid) as i:
            found.append({family for family in (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6)
                          if (i.call("socket", family, socket.SOCK_STREAM, 0)) >= 0})
    return sorted(found, key=len)


@test("a worker makes connections only where the configuration needs them; what no zone takes it refuses by itself")
def _():
    everything = {socket.AF_UNIX, socket.AF_INET, socket.AF_INET6}
    with temporary_folder() as folder:
        # The keeper is the last.
        with Dnsd(folder, [configure(folder)], workers=2) as d:
            equal(sockets_of(d), [set(), set(), everything], "zone files only")
            for opcode in (4, 5):
                for name, rcode in (("core.test.", wire.REFUSED), ("other.test.", wire.NOTAUTH)):
                    query = wire.message(9, 0, [wire.question(wire.name(name), wire.SOA)], opcode=opcode)
                    equal(wire.Response(wire.udp("127.0.0.1", d.port, query, PATIENCE)).rcode, rcode, (opcode, name))
        zone = configure(folder)
        zone.more = 'allow-update = {"127.0.0.1"}'
        with Dnsd(folder, [zone], workers=1) as d:
            equal(sockets_of(d), [{socket.AF_UNIX}, everything], "updates: to the keeper")
        with Dnsd(folder, [configure(folder)], more="recursion {\n\tvalidate = false\n}\n") as d:
            equal(sockets_of(d), [everything, everything], "recursion")


@test("counters by HTTP")
def _():
    ask("web", "A")
    with urllib.request.urlopen(f"http://127.0.0.1:{Core.metrics}/metrics", timeout=PATIENCE) as r:
        text = r.read().decode()
    for pattern in (r'linnet_dns_queries_total\{transport="udp"\} [1-9]', r'linnet_dns_responses_total\{rcode="NXDOMAIN"\} [1-9]',
                    r'linnet_dns_queries_by_type_total\{type="A"\} [1-9]', r"linnet_dns_truncated_total [1-9]"):
        assert re.search(pattern, text), f"{pattern} is not in {text}"


@test("the query log has a line for each answer")
def _():
    with temporary_folder() as folder:
        log = os.path.join(folder, "queries")
        with Dnsd(folder, [configure(folder)], more=f'query-log = "{log}"\n') as d:
            ask("Web", "A", d, use_edns=0, want_dnssec=True)
            ask("no", "MX", d, tcp=True)

            def lines():
                with open(log, encoding="ascii") as f:
                    return f.read()
            until(lambda: "MX" in lines(), "the lines")
            assert re.search(r"^\S+Z 127\.0\.0\.1:\d+ udp web\.core\.test\. IN A \+E\(0\)D NOERROR 1 \d+$", lines(), re.M), lines()
            assert re.search(r"^\S+Z 127\.0\.0\.1:\d+ tcp no\.core\.test\. IN MX \+ NXDOMAIN 0 \d+$", lines(), re.M), lines()


@test("many zones, one inside the other: the longest name decides")
def _():
    with temporary_folder() as folder:
        text = "@ SOA ns h 1 2 3 4 5\n@ NS ns.elsewhere.test.\n@ TXT %s\n"
        names = [f"z{i}.test" for i in range(300)] + ["core.test", "sub.core.test", "deep.er.core.test"]
        more = ""
        for n in names:
            path = os.path.join(folder, n)
            with open(path, "w", encoding="utf-8") as f:
                f.write(text % n)
            more += f'zone "{n}" {{\nfile = "{path}"\n}}\n'
        with Dnsd(folder, more=more) as d:
            until(lambda: d.has("ready"), "the daemon")
            for n in "z0.test", "z299.test", *names[-3:]:
                equal(ask(n + ".", "TXT", d).answer[0][0].to_text(), f'"{n}"')
            equal(rcode(ask("x.er", "A", d)), "NXDOMAIN", "between two zones")
            equal(rcode(ask("test.", "A", d)), "REFUSED", "above all")
            equal(rcode(ask("sub", "DS", d)), "NXDOMAIN", "DS is asked of the parent, where the name is not")


@test("queries with names that are too long get a clear error")
def _():
    for name, words in ((b"\x40" + b"a" * 64 + b"\0", b"a label of 64 octets: at most 63"),
                        ((b"\x3f" + b"a" * 63) * 4 + b"\0", b"a name of more than 255 octets (253 characters)")):
        q = wire.message(7, 0, [wire.question(name, wire.A)])
        r = wire.udp("127.0.0.1", core().port, q)
        equal(r[3] & 15, wire.FORMERR)


def end():
    if Core.daemon:
        Core.daemon.__exit__(None, None, None)
        Core.folder.__exit__(None, None, None)


@test("it ends in order")
def _():
    pids = core().processes()
    equal(core().end(), 0, "the exit status")
    until(lambda: not any(glob.glob(f"/proc/{p}") for p in pids), "the end of all its processes")
    Core.folder.__exit__(None, None, None)
    Core.daemon = None


if __name__ == "__main__":
    try:
        main()
    finally:
        end()
