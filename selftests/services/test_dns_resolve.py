#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""linnet-dnsd as a resolver, in a little internet with servers that are slow, lame, and lie."""
import contextlib
import glob
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
import urllib.request

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [os.path.join(HERE, "../userspace"), os.path.join(HERE, "dns")]
# pylint: disable=wrong-import-position
from harness import IPPROTO_LINNET, MODULE, PATIENCE, Skip, equal, main, need, program, temporary_folder, test, until
from internet import AGING, FALSE, LONG, NET, SHORT, TRUE, Internet, enter, fetch, question
from intruder import Intruder
from linnet import Dnsd
from servers import Zone, free_port
import wire

STATE = {}
SLOW = PATIENCE / 20


def start():
    """The internet is made once; each test has a resolver of its own."""
    if "skip" in STATE:
        raise Skip(STATE["skip"])
    if "net" not in STATE:
        try:
            enter()
            STATE["stack"] = contextlib.ExitStack()
            STATE["folder"] = STATE["stack"].enter_context(temporary_folder())
            STATE["net"] = STATE["stack"].enter_context(Internet(os.path.join(STATE["folder"])))
        except Skip as e:
            STATE["skip"] = str(e)
            raise
    return STATE["net"]


@contextlib.contextmanager
def resolver(recursion="", zones=(), more="", **kw):
    net = start()
    with temporary_folder() as folder:
        text = (f'recursion {{\n\troot-hints = "{net.hints}"\n\ttrust-anchor-file = "{net.anchor}"\n'
                f'{recursion}\n}}\n')
        if "allow" not in recursion:
            text = text.replace("{\n", '{\n\tallow = {"local"}\n', 1)
        # It asks for keys by itself, where questions are counted.
        if "trust-anchor-update" not in recursion:
            text = text.replace("{\n", '{\n\ttrust-anchor-update = false\n', 1)
        metrics = free_port()
        more += f'metrics-listen = {{"127.0.0.1:{metrics}"}}\n'
        with Dnsd(folder, list(zones), more=text + more, **kw) as d:
            d.metrics = metrics
            yield net, d


def count(d, what):
    """A counter of recursion, as the daemon tells it."""
    with urllib.request.urlopen(f"http://127.0.0.1:{d.metrics}/metrics", timeout=PATIENCE) as f:
        for line in f.read().decode().splitlines():
            if line.startswith(f"linnet_dns_recursion_{what} "):
                return int(line.split()[-1])
    raise AssertionError(f"no counter {what}")


def ask(d, name, rtype=wire.A, flags=wire.RD, do=False, stream=False, timeout=8.0 * SLOW, edns=True):
    query = wire.message(0x4242, flags, [wire.question(wire.name(name), rtype)],
                         additional=[wire.opt(do=do)] if edns else [])
    data = (wire.tcp if stream else wire.udp)("127.0.0.1", d.port, query, timeout)
    if data is None:
        raise AssertionError(f"no answer for {name}")
    r = wire.Response(data)
    equal(r.id, 0x4242, "id")
    equal(r.question, [(wire.name(name), rtype, wire.IN)], "question")
    return r


def addresses(r, rtype=wire.A):
    return sorted(socket.inet_ntoa(x[4]) for x in r.answer if x[1] == rtype)


def ede(r):
    return [int.from_bytes(o[1][:2], "big") for o in (r.edns or {"options": []})["options"] if o[0] == 15]


@test("a name is found from the root down, validated, and then known")
def _():
    with resolver() as (net, d):
        r = ask(d, "www.good.org.", do=True)
        equal(addresses(r), ["192.0.2.1"], "address")
        equal((r.rcode, r.flag(wire.RA), r.flag(wire.AD), r.flag(wire.AA)), (0, True, True, False), "header")
        equal(any(x[1] == wire.RRSIG for x in r.answer), True, "signatures for DO")
        before = net.asked()
        time_0 = time.monotonic()
        again = ask(d, "www.good.org.", do=True)
        equal(net.asked(), before, "queries of the second")
        equal(again.answer[0][4], r.answer[0][4], "answer")
        equal(again.answer[0][3] <= r.answer[0][3], True, "TTL counts down")
        equal(time.monotonic() - time_0 < 0.5, True, "at once")
        plain = ask(d, "WWW.good.ORG.")
        equal((plain.rcode, plain.flag(wire.AD), [x[1] for x in plain.answer]), (0, False, [wire.A]), "without DO and AD")
        equal(ask(d, "www.good.org.", flags=wire.RD | wire.AD).flag(wire.AD), True, "AD for AD")
        equal(addresses(ask(d, "www.good.org.", edns=False)), ["192.0.2.1"], "without EDNS")
        equal(ask(d, "www.unsigned.org.", do=True).flag(wire.AD), False, "AD of what is not signed")


@test("the root and the top level are told no more of the name than they need")
def _():
    with resolver() as (net, d):
        marks = {n: len(net.node[n].asked) for n in net.node}
        equal(addresses(ask(d, "deep.in.the.zone.good.org.")), ["192.0.2.3"], "address")
        told = {n: [name for name, _ in net.node[n].asked[marks[n]:]] for n in ("root", "org")}
        equal(bool(told["root"]), True, "the root was asked")
        # Beside its own name, which the resolver asks for by itself.
        for name in told["root"]:
            equal(name == "a.root." or name.count(".") <= 1, True, f"root was told {name}")
        for name in told["org"]:
            equal(name.count(".") <= 2, True, f"org was told {name}")
    with resolver("\tqname-minimisation = false") as (net, d):
        mark = len(net.node["root"].asked)
        ask(d, "deep.in.the.zone.good.org.")
        told = [n for n, _ in net.node["root"].asked[mark:]]
        equal("deep.in.the.zone.good.org." in told, True, "in full when it is off")


@test("CNAME and DNAME across zones, wildcards, servers that are lame or slow")
def _():
    with resolver() as (net, d):
        r = ask(d, "alias.good.org.")
        equal([x[1] for x in r.answer], [wire.CNAME, wire.A], "CNAME and its end")
        equal(addresses(r), ["192.0.2.11"], "end")
        equal(r.flag(wire.AD), False, "the chain leaves what is signed")
        equal(addresses(ask(d, "www.out.wide.example.")), ["192.0.2.1"], "DNAME")
        equal(addresses(ask(d, "none.such.good.org.")), ["192.0.2.9"], "wildcard")
        equal(len(ask(d, "x.wild.wide.example.", wire.TXT).answer), 1, "wildcard")
        mark = len(net.node["slow"].asked)
        begin = time.monotonic()
        equal(addresses(ask(d, "www.slow.example.")), ["192.0.2.16"], "slow server")
        equal(time.monotonic() - begin > 0.45, True, "it was slow")
        equal(len(net.node["slow"].asked) > mark, True, "the slow one was asked")
        # Which of two is asked first is chance: until the lame one was.
        for _ in range(20):
            with resolver() as (net2, d2):
                equal(addresses(ask(d2, "www.lame.example.")), ["192.0.2.14"], "beside a lame server")
            if net2.node["lame"].asked:
                break
        equal(bool(net.node["lame"].asked), True, "the lame one was asked")


@test("forgeries: ids, ports, questions, other zones' records; signatures")
def _():
    with resolver() as (net, d):
        liar = net.node["liar"]
        equal(addresses(ask(d, "www.wide.example.", wire.A)), [], "no such name")
        for name in ("www", "a", "b"):
            equal(addresses(ask(d, f"{name}.lying.example.")), ["192.0.2.15"], "the true answer")
        equal(liar.forged >= 27, True, "forgeries were sent")
        equal(len(liar.ports) > 2, True, "queries come from different ports")
        equal(addresses(ask(d, "www.good.org.")), ["192.0.2.1"], "another zone's name")
        equal(addresses(ask(d, "plain.wide.example.")), ["192.0.2.11"], "another zone's name")
        forged = ask(d, "www.forged.org.", do=True)
        equal((forged.rcode, forged.answer, forged.flag(wire.AD)), (wire.SERVFAIL, [], False), "what is forged")
        equal(bool(ede(forged)) and 6 <= ede(forged)[0] <= 12, True, f"EDE {ede(forged)}")
        again = ask(d, "www.forged.org.")
        equal((again.rcode, again.answer), (wire.SERVFAIL, []), "from the cache")
        bare = ask(d, "www.forged.org.", flags=wire.RD | wire.CD)
        equal((bare.rcode, addresses(bare), bare.flag(wire.AD), bare.flag(wire.CD)),
              (0, [socket.inet_ntoa(FALSE)], False, True), "who checks himself gets it")
        equal(ask(d, "www.forged.org.").rcode, wire.SERVFAIL, "others still do not")
        equal(socket.inet_ntoa(TRUE), "192.0.2.15", "the true one")


@test("what does not exist is remembered: NXDOMAIN, NODATA, with SOA and a TTL")
def _():
    with resolver() as (net, d):
        r = ask(d, "nothing.wide.example.")
        equal((r.rcode, [x[1] for x in r.authority]), (wire.NXDOMAIN, [wire.SOA]), "NXDOMAIN")
        equal(r.authority[0][3] <= SHORT, True, "the TTL is the SOA's minimum (RFC 2308)")
        n = ask(d, "plain.wide.example.", wire.AAAA)
        equal((n.rcode, n.answer, [x[1] for x in n.authority]), (0, [], [wire.SOA]), "NODATA")
        before = net.asked()
        for _ in range(3):
            equal(ask(d, "nothing.wide.example.").rcode, wire.NXDOMAIN, "again")
            equal(ask(d, "plain.wide.example.", wire.AAAA).answer, [], "again")
        equal(net.asked(), before, "queries")
        secure = ask(d, "nothing.org.", do=True)
        equal((secure.rcode, secure.flag(wire.AD)), (wire.NXDOMAIN, True), "proved")
        kinds = {x[1] for x in secure.authority}
        equal(bool(kinds & {wire.NSEC, wire.NSEC3}), True, "with its proof")
        plain = {x[1] for x in ask(d, "nothing.org.").authority}
        equal(plain, {wire.SOA}, "without, for who does not ask for it")
        asked = net.node["knot"].count("nothing.wide.example.", "A")
        until(lambda: ask(d, "nothing.wide.example.").rcode == wire.NXDOMAIN and
              net.node["knot"].count("nothing.wide.example.", "A") > asked, "its TTL to end", SHORT + 3)


@test("popular names are asked for anew before their TTL ends")
def _():
    with resolver() as (net, d):
        name, knot = "short.wide.example.", net.node["knot"]
        ask(d, name)
        asked, begin, misses = knot.count(name, "A"), time.monotonic(), 0
        equal(asked > 0, True, "asked")
        # Through two TTLs: who asks often never waits, and never sees a TTL of 0.
        while time.monotonic() - begin < 2.5 * SHORT:
            r = ask(d, name)
            misses += not r.answer
            time.sleep(0.05)
        equal(misses, 0, "answers without an address")
        renewed = knot.count(name, "A") - asked
        print(f"# asked anew {renewed} times in {2.5 * SHORT:.1f} s of TTL {SHORT} s")
        equal(2 <= renewed <= 4, True, "prefetches")
        equal(count(d, "prefetches_total"), renewed, "prefetches, as counted")
        equal(count(d, 'queries_total{result="upstream"}'), 1, "questions that somebody waited for")


def forged_prefetch(net, d):
    """What is said from the first answer until the TTL is over; None: the machine was too slow for a prefetch."""
    nsd, forged, said = net.node["nsd"], [], []

    def forge(_, query, answer, __):
        if question(query) != ("aging.good.org.", "A"):
            return answer
        forged.append(1)
        return answer.replace(socket.inet_aton("192.0.2.4"), FALSE)
    ask(d, "www.good.org.", do=True)		# so that the way is known
    begin = time.monotonic()
    equal(ask(d, "aging.good.org.", do=True).flag(wire.AD), True, "validated")
    nsd.forge = forge
    try:
        while time.monotonic() - begin < AGING - 0.05:
            r = ask(d, "aging.good.org.", do=True)
            if time.monotonic() - begin < AGING:
                said.append(r.rcode)
            time.sleep(0.01)
        if not forged or not count(d, "bogus_total"):
            return None
        until(lambda: ask(d, "aging.good.org.").rcode == wire.SERVFAIL, "the forgery to be found out", AGING + 3)
        return said
    finally:
        nsd.forge = None


@test("one forged answer to a prefetch does not cost the good one; failures are not prefetched")
def _():
    said = None
    for _ in range(5):
        with resolver() as (net, d):
            said = forged_prefetch(net, d)
        if said:
            break
    equal(set(said or ["no prefetch"]), {0}, "what is said until the TTL is over")
    if not os.environ.get("LAB_FULL"):
        return
    with resolver() as (_, d):
        begin = time.monotonic()
        equal(ask(d, "www.forged.org.").rcode, wire.SERVFAIL, "forged")
        while time.monotonic() - begin < 9.9:		# kept for 10 s
            equal(ask(d, "www.forged.org.").rcode, wire.SERVFAIL, "forged")
            time.sleep(0.05)
        equal(count(d, "prefetches_total"), 0, "prefetches of what has failed")


@test("the rate limit holds for answers that came from others")
def _():
    limit = "rate-limit {\n\tresponses-per-second = 2\n\tslip = 0\n}\n"
    with resolver(more=limit) as (_, d):
        query = wire.message(7, wire.RD, [wire.question(wire.name("www.slow.example."), wire.A)])
        with contextlib.ExitStack() as stack:
            sockets = [stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(20)]
            for s in sockets:
                s.sendto(query, ("127.0.0.1", d.port))
            until(lambda: count(d, 'queries_total{result="joined"}') == 19, "all to wait")
            until(lambda: any(select.select(sockets, [], [], 0)[0]), "an answer")
            answered = len(select.select(sockets, [], [], 1)[0])
        equal(1 <= answered <= 4, True, f"{answered} of 20 were answered")
        # Who shows that the address is his own gets his.
        equal(addresses(ask(d, "www.slow.example.", stream=True)), ["192.0.2.16"], "by stream")


def threads(pid):
    return sorted(int(t) for t in os.listdir(f"/proc/{pid}/task") if int(t) != pid)


def worker_of(d):
    """The process whose threads are libunbound's."""
    return next(pid for pid in d.processes() if threads(pid))


@test("a thread of libunbound that is stuck or dead is noticed and replaced")
def _():
    for way in ("stuck", "dead") if os.environ.get("LAB_FULL") else ("stuck",):
        with resolver('\ttime-limit = "60s"\n\tserve-stale = "0"') as (_, d):
            equal(addresses(ask(d, "www.good.org.")), ["192.0.2.1"], "before")
            worker = worker_of(d)
            with contextlib.ExitStack() as stack:
                for tid in threads(worker):
                    i = stack.enter_context(Intruder(tid))
                    if way == "dead":
                        equal(i.call("exit", 0), None, "exit()")
                # More than the thread's socket has room for: whoever writes to it would wait for ever.
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                    s.settimeout(15 * SLOW)
                    for i in range(180):
                        query = wire.message(i, wire.RD, [wire.question(wire.name(f"n{i}.wide.example."), wire.A)])
                        s.sendto(query, ("127.0.0.1", d.port))
                    begin = time.monotonic()
                    equal(ask(d, "www.good.org.", timeout=3 * SLOW).rcode, 0, "what is in the cache")
                    told = {r.id: r.rcode for r in (wire.Response(s.recv(4096)) for _ in range(180))}
                    print(f"# {way}: all were told after {time.monotonic() - begin:.1f} s")
                equal((len(told), told[0], told[179]), (180, wire.SERVFAIL, wire.NXDOMAIN),
                      f"{way}: what the thread had is an error, what it had not yet another has answered")
                equal(set(told.values()), {wire.SERVFAIL, wire.NXDOMAIN}, "answers")
                equal(len(addresses(ask(d, "many.good.org.", timeout=15))), 2, f"{way}: by another thread")
                equal(count(d, "threads_lost_total"), 1, "threads that were lost")
                equal(worker_of(d), worker, "the worker")


@test("private addresses of names outside are left out on request")
def _():
    with resolver() as (_, d):
        equal(addresses(ask(d, "inside.wide.example.")), ["10.1.2.3", "192.0.2.14"], "without")
    with resolver('\tprivate-address = {"private"}') as (_, d):
        equal([a for a in addresses(ask(d, "inside.wide.example.")) if a.startswith("10.")], [], "IPv4")
        equal(ask(d, "inner.wide.example.", wire.AAAA).answer, [], "IPv6")
        equal(addresses(ask(d, "plain.wide.example.")), ["192.0.2.11"], "public")
    with resolver('\tprivate-address = {"10.1.0.0/16"}\n\tprivate-domain = {"wide.example"}') as (_, d):
        equal(addresses(ask(d, "inside.wide.example.")), ["10.1.2.3", "192.0.2.14"], "a domain of whom it is wanted")
    for bad in ('private-address = {"10.0.0.0/33"}', 'private-address = {"internal"}', 'private-domain = {"a..b"}',
                'trust-anchor = {". IN A 192.0.2.1"}', 'trust-anchor = {". IN DS 1 2"}', 'trust-anchor-hold-down = "soon"'):
        with temporary_folder() as folder:
            conf = os.path.join(folder, "conf")
            with open(conf, "w", encoding="ascii") as f:
                f.write(f'state-directory = "{folder}"\nrecursion {{\n\t{bad}\n}}\n')
            p = subprocess.run([program("linnet-dnsd"), "-c", conf, "--check"], capture_output=True, text=True, check=False,
                               timeout=PATIENCE)
            equal((p.returncode != 0, bad.split(" ")[0] in p.stderr), (True, True), f"{bad}: {p.stderr}")


def states(folder):
    """Key tags and their states (RFC 5011 section 4.2) in the state file."""
    file, = glob.glob(os.path.join(folder, "state/trust-anchors." + "[0-9a-f]" * 16)) or [os.devnull]
    with open(file, encoding="ascii") as f:
        text = f.read()
    return {int(m[1]): m[2] for m in re.finditer(r"id = (\d+) .*;;state=\d \[\s*(\w+)", text)}


@test("trust anchors follow the root's keys (RFC 5011)")
def _():
    with resolver('\ttrust-anchor-update = true\n\ttrust-anchor-hold-down = "2s"') as (net, d):
        folder = d.folder
        first, zsk = net.keys["."]
        second = net.key(".", True)
        one, two = (int(k.rsplit("+", 1)[1]) for k in (first, second))

        def until_state(key, state):
            def seen():
                d.process.send_signal(signal.SIGHUP)		# a new keeper asks at once
                end = time.monotonic() + 1.5 * SLOW
                while time.monotonic() < end and states(folder).get(key) != state:
                    time.sleep(0.02)
                return states(folder).get(key) == state
            until(seen, f"key {key} to be {state}: {states(folder)}", 25 * SLOW)
        try:
            until_state(one, "VALID")
            equal(ask(d, "www.good.org.", do=True).flag(wire.AD), True, "by the first key")
            net.sign_root(first, second, zsk)
            until_state(two, "ADDPEND")
            until_state(two, "VALID")
            net.sign_root(second, zsk)
            until_state(one, "MISSING")
            until(lambda: ask(d, "deep.in.the.zone.good.org.", do=True).flag(wire.AD), "validation by the second key", 10 * SLOW)
        finally:
            net.sign_root(first, zsk)


@test("with the servers gone, old answers serve on (RFC 8767)")
def _():
    with resolver('\tstale-answer-time = "300ms"') as (net, d):
        name = "stale.wide.example."
        equal(addresses(ask(d, name)), ["192.0.2.13"], "fresh")
        net.node["knot"].silent = True
        try:
            def stale():
                r = ask(d, name)
                return r if ede(r) == [3] else None
            r = until(stale, "a stale answer", SHORT + 5)
            equal((r.rcode, addresses(r), r.answer[0][3]), (0, ["192.0.2.13"], 30), "stale answer, 30 s")
            # The question is still under way: whoever asks now has no need to wait for its end.
            begin = time.monotonic()
            equal(ede(ask(d, name)), [3], "stale again")
            equal(time.monotonic() - begin < 2, True, "soon")
            equal(ask(d, "unknown.wide.example.", timeout=15).rcode, wire.SERVFAIL, "what was not known")
        finally:
            net.node["knot"].silent = False
        until(lambda: not ede(ask(d, name)), "fresh again", 20)
        equal(ask(d, "short.good.org.", do=True).flag(wire.AD), True, "validated")
        net.node["nsd"].silent = True
        try:
            r = until(lambda: (x := ask(d, "short.good.org.", do=True)) and ede(x) == [3] and x, "a stale answer", SHORT + 5)
            equal((addresses(r), r.flag(wire.AD)), (["192.0.2.2"], False), "stale: validated once, not now")
        finally:
            net.node["nsd"].silent = False
    with resolver('\tserve-stale = "0"\n\ttime-limit = "500ms"') as (net, d):
        ask(d, name)
        net.node["knot"].silent = True
        try:
            r = until(lambda: (x := ask(d, name)).rcode == wire.SERVFAIL and x, "no stale answers", SHORT + 5)
            equal(ede(r), [22], "no server can be reached")
        finally:
            net.node["knot"].silent = False


@test("the same question of many is asked once; of one client not too many")
def _():
    with resolver("\tqueries-per-client = 20") as (net, d):
        slow = net.node["slow"]
        ask(d, "ns.slow.example.")
        mark = slow.count("www.slow.example.", "A")
        query = wire.message(7, wire.RD, [wire.question(wire.name("www.slow.example."), wire.A)])
        with contextlib.ExitStack() as stack:
            sockets = [stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(30)]
            for s in sockets:
                s.settimeout(5)
                s.sendto(query, ("127.0.0.1", d.port))
            answers = [wire.Response(s.recv(65535)) for s in sockets]
        good = [r for r in answers if addresses(r) == ["192.0.2.16"]]
        equal((len(good), sum(r.rcode == wire.SERVFAIL for r in answers)), (20, 10), "answered, and over the limit")
        equal(slow.count("www.slow.example.", "A") - mark, 1, "asked")
        equal(count(d, 'queries_total{result="joined"}'), 19, "joined")


@test("a datagram's answer that comes after a reload still leaves")
def _():
    with resolver() as (net, d):
        ask(d, "ns.slow.example.")
        query = wire.message(7, wire.RD, [wire.question(wire.name("www.slow.example."), wire.A)])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(8 * SLOW)
            net.node["slow"].delay = 2.0 * SLOW
            try:
                s.sendto(query, ("127.0.0.1", d.port))
                until(lambda: net.node["slow"].count("www.slow.example.", "A"), "the question to be on its way")
                d.process.send_signal(signal.SIGHUP)
                until(lambda: d.has("the new configuration is in use"), "the reload")
                equal(addresses(wire.Response(s.recv(4096))), ["192.0.2.16"], "address")
            finally:
                net.node["slow"].delay = 0.5


@test("large answers: truncated over UDP, whole over TCP, upstream too")
def _():
    with resolver() as (net, d):
        streams = net.node["nsd"].streams
        r = ask(d, "big.good.org.", wire.TXT)
        equal((r.flag(wire.TC), r.answer), (True, []), "UDP")
        equal(net.node["nsd"].streams > streams, True, "asked by TCP")
        whole = ask(d, "big.good.org.", wire.TXT, stream=True)
        equal((whole.flag(wire.TC), len(whole.answer[0][4])), (False, 16 * 251), "TCP")
        for _ in range(2):		# from upstream, from the cache
            equal(len(addresses(ask(d, "crowd.wide.example.", stream=True))), 1500, "records")
        equal(count(d, 'queries_total{result="cache"}') > 0, True, "it was kept")
        everything = ask(d, "many.good.org.", wire.ANY)
        equal((everything.flag(wire.TC), everything.answer), (True, []), "ANY by UDP: come by TCP")
        equal(len(ask(d, "many.good.org.", wire.ANY, stream=True).answer) > 0, True, "ANY by TCP")


@test("who may ask; without RD only from the cache; names that stay here (RFC 6303)")
def _():
    with resolver('\tallow = {"!127.0.0.2", "local"}') as (net, d):
        query = wire.message(9, wire.RD, [wire.question(wire.name("www.good.org."), wire.A)])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.bind(("127.0.0.2", 0))
            s.settimeout(5)
            s.sendto(query, ("127.0.0.1", d.port))
            r = wire.Response(s.recv(4096))
        equal((r.rcode, r.flag(wire.RA), r.answer), (wire.REFUSED, False, []), "not allowed")
        r = ask(d, "many.good.org.", flags=0)
        equal((r.rcode, r.answer), (wire.REFUSED, []), "not in the cache, no RD")
        ask(d, "many.good.org.")
        equal(len(ask(d, "many.good.org.", flags=0).answer), 2, "in the cache, no RD")
        before = net.asked()
        equal(addresses(ask(d, "localhost.")), ["127.0.0.1"], "localhost")
        equal(ask(d, "1.0.0.10.in-addr.arpa.", wire.PTR).rcode, wire.NXDOMAIN, "private addresses")
        equal(ask(d, "x.onion.").rcode, wire.NXDOMAIN, "onion (RFC 7686)")
        equal(net.asked(), before, "queries outside")


@test("zones of its own beside recursion")
def _():
    start()
    with temporary_folder() as folder:
        path = os.path.join(folder, "own.zone")
        with open(path, "w", encoding="ascii") as f:
            f.write("$ORIGIN own.org.\n$TTL 60\n@ IN SOA ns admin 1 2 3 4 5\n@ NS ns\nns A 127.0.0.1\nwww A 192.0.2.77\n")
        os.chmod(folder, 0o755)
        with open(os.path.join(folder, "good"), "w", encoding="ascii") as f:
            f.write("$TTL 60\n@ IN SOA ns admin 1 2 3 4 5\n@ NS ns\nns A 127.0.0.1\n")
        with resolver(zones=[Zone("good.org", file=os.path.join(folder, "good"))]) as (net, d):
            for _ in range(2):		# DS is the parent's, which is another's (RFC 4035 section 3.1.4.1)
                r = ask(d, "good.org.", wire.DS, flags=0)
                equal((r.rcode, r.answer, r.flag(wire.AA)), (0, [], True), "DS without recursion")
                r = ask(d, "good.org.", wire.DS, do=True)
                equal(([x[1] for x in r.answer], r.flag(wire.AA), r.flag(wire.AD)), ([wire.DS, wire.RRSIG], False, True), "DS")
            equal(ask(d, "good.org.", wire.SOA).flag(wire.AA), True, "the zone itself")
        with resolver(zones=[Zone("own.org", file=path)]) as (net, d):
            r = ask(d, "www.own.org.")
            equal((addresses(r), r.flag(wire.AA)), (["192.0.2.77"], True), "own")
            r = ask(d, "www.good.org.")
            equal((addresses(r), r.flag(wire.AA)), (["192.0.2.1"], False), "others'")
            equal(net.node["org"].count("own.org.") + net.node["org"].count("www.own.org."), 0, "asked for its own")


@test("forwarding to another resolver, over UDP, TCP and TLS")
def _():
    with resolver(tls=True) as (net, first):
        ways = [f'"127.0.0.1:{first.port}"', f'"127.0.0.1:{first.port} transport tcp"',
                *([f'"127.0.0.1:{first.port} transport linnet"'] if MODULE else []),
                f'"127.0.0.1:{first.tls_port} transport tls tls-name dns.test"']
        for way in ways:
            more = f'\n\ttls-roots = "{first.certificate}"' if "tls" in way else ""
            with resolver(f"\tforward = {{{way}}}{more}") as (_, d):
                r = ask(d, "www.good.org.", do=True)
                equal((addresses(r), r.flag(wire.AD)), (["192.0.2.1"], True), f"forwarded: {way}")
                equal(ask(d, "www.forged.org.").rcode, wire.SERVFAIL, "forged")
        # The first cannot be reached from here at all.
        way = f'"203.0.113.1:853 transport tls tls-name dns.test", "127.0.0.1:{first.tls_port} transport tls tls-name dns.test"'
        with resolver(f'\tforward = {{{way}}}\n\ttls-roots = "{first.certificate}"') as (_, d):
            equal(addresses(ask(d, "www.good.org.")), ["192.0.2.1"], "the second of two")
        # A certificate of another name; and roots that nothing would be checked by.
        way = f'"127.0.0.1:{first.tls_port} transport tls tls-name other.test"'
        with resolver(f'\ttime-limit = "1s"\n\tforward = {{{way}}}\n\ttls-roots = "{first.certificate}"') as (_, d):
            equal(ask(d, "www.good.org.").rcode, wire.SERVFAIL, "another's certificate")
        with temporary_folder() as folder:
            conf = os.path.join(folder, "conf")
            with open(conf, "w", encoding="ascii") as f:
                f.write(f'state-directory = "{folder}"\nrecursion {{\n\ttls-roots = "{first.certificate}"\n'
                        f'\tforward = {{"127.0.0.1:{first.tls_port} transport tls"}}\n}}\n')
            p = subprocess.run([program("linnet-dnsd"), "-c", conf, "--check"], capture_output=True, text=True, check=False,
                               timeout=PATIENCE)
            equal((p.returncode != 0, "127.0.0.1" in p.stderr and "tls-name" in p.stderr), (True, True), p.stderr)
        stub = f'\tdomain "wide.example" {{ authoritative = {{"127.0.0.1:{net.servers[4].port}"}} }}'
        with resolver(stub) as (_, d):
            relayed = net.node["knot"].count("plain.wide.example.")
            equal(addresses(ask(d, "plain.wide.example.")), ["192.0.2.11"], "stub")
            equal(net.node["knot"].count("plain.wide.example."), relayed, "by the relay")


@test("a stream of protocol 253: recursion as over TCP")
def _():
    need(IPPROTO_LINNET)
    with resolver() as (_, d):
        query = wire.message(5, wire.RD, [wire.question(wire.name("www.good.org."), wire.A)])
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_LINNET) as s:
            s.settimeout(PATIENCE)
            s.connect(("127.0.0.1", d.port))
            s.sendall(wire.framed(query))
            equal(addresses(wire.Response(wire.receive_message(s))), ["192.0.2.1"], "address")


@test("the little internet over protocol 253, and forwarding to it")
def _():
    need(IPPROTO_LINNET)
    domains = {"org": "2", "good.org": "11", "example": "3", "wide.example": "12", "forged.org": "15"}
    stubs = "".join(f'\tdomain "{name}" {{ authoritative = {{"{NET}{last} transport linnet"}} }}\n' for name, last in domains.items())
    with resolver(stubs) as (net, first):
        before = {n: (len(net.node[n].asked), net.node[n].linnet_streams) for n in net.node}
        r = ask(first, "www.good.org.", do=True)
        equal((addresses(r), r.flag(wire.AD)), (["192.0.2.1"], True), "signed")
        equal(addresses(ask(first, "alias.wide.example.")), ["192.0.2.1"], "from one zone to another")
        equal(ask(first, "www.forged.org.").rcode, wire.SERVFAIL, "forged")
        equal(len(addresses(ask(first, "crowd.wide.example.", stream=True))), 1500, "a large one")
        for n in ("org", "nsd", "knot", "liar"):
            asked, streams = (len(net.node[n].asked) - before[n][0], net.node[n].linnet_streams - before[n][1])
            equal((asked > 0, asked), (True, streams), f"{n}: all of its questions came by protocol 253, one in a stream")
        way = f'\tforward = {{"127.0.0.1:{first.port} transport linnet"}}'
        with resolver(way) as (_, d):
            r = ask(d, "www.good.org.", do=True)
            equal((addresses(r), r.flag(wire.AD)), (["192.0.2.1"], True), "forwarded")
            equal(len(addresses(ask(d, "crowd.wide.example.", stream=True))), 1500, "a large one, forwarded")
        net.node["knot"].silent = True
        try:
            equal(ask(first, "unknown.wide.example.", timeout=15).rcode, wire.SERVFAIL, "a silent one")
        finally:
            net.node["knot"].silent = False


@test("getaddrinfo of programs whose resolv.conf points here")
def _():
    with resolver(port=53) as (net, _), temporary_folder() as folder:
        conf = os.path.join(folder, "resolv.conf")
        with open(conf, "w", encoding="ascii") as f:
            f.write("nameserver 127.0.0.1\n")
        code = ("import socket; print(sorted({a[4][0] for a in socket.getaddrinfo('alias.wide.example', 80)}));\n"
                "try: socket.getaddrinfo('nothing.wide.example', 80)\n"
                "except socket.gaierror as e: print(e.errno == socket.EAI_NONAME)")
        script = 'mount --bind "$1" /etc/resolv.conf && exec python3 -c "$2"'
        done = subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", conf, code], capture_output=True,
                              text=True, check=False, timeout=PATIENCE)
        if "mount" in done.stderr or "unshare" in done.stderr:
            raise Skip(f"no mount of its own: {done.stderr.strip()}")
        equal(done.stdout, "['192.0.2.1', '2001:db8::1']\nTrue\n", done.stderr)
        equal(net.node["knot"].count("alias.wide.example.") > 0, True, "asked")


def explain(d, *words):
    return subprocess.run([program("linnet-dnsd"), "-c", d.conf, "--explain", *words], capture_output=True, text=True,
                          check=False, timeout=PATIENCE)


@test("--explain shows the way from the root to the answer")
def _():
    with resolver() as (_, d):
        done = explain(d, "www.good.org")
        equal(done.returncode, 0, done.stderr)
        text = done.stdout
        order = [text.find(x) for x in ("198.51.100.1:53", "198.51.100.2:53", "198.51.100.11:53", "192.0.2.1")]
        equal(min(order) > 0 and order == sorted(order), True, text)
        equal("secure" in text, True, text)
        equal(re.search(r"referral.*org\.", text) is not None, True, text)
        for name, words in (("nothing.wide.example", "NXDOMAIN"), ("alias.good.org", "CNAME"),
                            ("www.forged.org", "bogus")):
            done = explain(d, name)
            equal(words in done.stdout, True, done.stdout + done.stderr)
        ask(d, "many.good.org.")
        equal("from the cache" in explain(d, "many.good.org").stdout, True, "what the daemon has")
        bad = explain(d, "x" * 64 + ".test")
        equal((bad.returncode != 0, "63" in bad.stderr), (True, True), bad.stderr)


@test("--explain ends also where servers are silent, and names those that are lame")
def _():
    with resolver('\ttime-limit = "500ms"') as (net, d):
        net.node["nsd"].silent = True
        try:
            done = explain(d, "www.good.org")
        finally:
            net.node["nsd"].silent = False
        equal(done.returncode, 1, done.stderr)
        equal(re.search(r"ns\.good\.org\. 198\.51\.100\.11:53, udp, [0-9.]+ ms: no answer in time", done.stdout) is not None,
              True, done.stdout)
        for words in ("none of the servers has an answer", "SERVFAIL",
                      "validation: there is no answer to validate within the time limit"):
            equal(words in done.stdout, True, done.stdout)
        # servers are asked as the parent names them, which goes round: the lame one for certain if the other is silent
        net.node["knot"].silent = True
        try:
            lame = explain(d, "www.lame.example").stdout
        finally:
            net.node["knot"].silent = False
        equal(re.search(r"ns\.lame\.example\. 198\.51\.100\.13:53, udp, [0-9.]+ ms: does not serve the zone, REFUSED", lame)
              is not None, True, lame)
        answered = explain(d, "www.lame.example").stdout
        equal("192.0.2.14" in answered, True, answered)


@test("--explain --json: the same for programs")
def _():
    with resolver() as (_, d):
        done = explain(d, "--json", "www.good.org", "A")
        equal(done.returncode, 0, done.stderr)
        found = json.loads(done.stdout)
        equal([found[k] for k in ("name", "type", "status", "questions", "answer")],
              ["www.good.org.", "A", "NOERROR", 3, [f"www.good.org. {LONG} IN A 192.0.2.1"]], "the whole")
        equal(found["validation"].startswith("secure"), True, found["validation"])
        asked = [(s["from"], s["server"], s["address"], s["transport"], s["words"]) for s in found["steps"] if "server" in s]
        equal(asked, [("root", "a.root.", "198.51.100.1:53", "udp", "referral: org."),
                      ("top-level", "ns.org.", "198.51.100.2:53", "udp", "referral: good.org."),
                      ("authoritative", "ns.good.org.", "198.51.100.11:53", "udp", "answer")], "who said what")
        last = found["steps"][-2]
        equal(last["records"], [{"name": "www.good.org.", "ttl": LONG, "type": "A", "data": "192.0.2.1"}], "records")
        equal([(s["from"], s["to"]) for s in (found["steps"][0], found["steps"][-1])],
              [("client", "local server"), ("local server", "client")], "the client's")
        lost = json.loads(explain(d, "--json", "www.forged.org").stdout)
        equal((lost["steps"][-1]["words"], lost["validation"].startswith("bogus")), ("SERVFAIL", True), "forged")
        alone = subprocess.run([program("linnet-dnsd"), "-c", d.conf, "--json"], capture_output=True, text=True, check=False,
                               timeout=PATIENCE)
        equal((alone.returncode != 0, "--json is for --explain" in alone.stderr), (True, True), alone.stderr)


@test("counters")
def _():
    with resolver() as (_, d):
        for _ in range(2):
            ask(d, "www.good.org.")
            ask(d, "nothing.wide.example.")
        ask(d, "www.forged.org.")
        for what, value in (('queries_total{result="cache"}', 1), ('queries_total{result="negative-cache"}', 1),
                            ('queries_total{result="upstream"}', 3), ("bogus_total", 1), ("cache_entries", 3)):
            equal(count(d, what), value, what)


@test("a worker with a resolver ends in peace, also with questions and streams under way")
def _():
    os.environ["MALLOC_PERTURB_"] = "165"		# glibc: what is used after its end is garbage
    try:
        ends_in_peace()
    finally:
        del os.environ["MALLOC_PERTURB_"]


def ends_in_peace():
    with resolver() as (_, d):
        ask(d, "www.good.org.")
        equal(d.end(), 0, "status")
        equal([line for line in d.lines if "ended by signal" in line], [], "workers that crashed")
    for forward in ("", "\tforward = {{\"127.0.0.1:{port} transport tcp\"}}"):
        # A server that takes connections and says nothing.
        with socket.create_server(("127.0.0.1", 0)) as silent, \
             resolver(forward.format(port=silent.getsockname()[1])) as (net, d):
            net.node["knot"].silent = True
            try:
                query = wire.message(1, wire.RD, [wire.question(wire.name("waits.wide.example."), wire.A)])
                with socket.create_connection(("127.0.0.1", d.port)) as s, \
                     socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as u:
                    s.sendall(wire.framed(query))
                    u.sendto(query, ("127.0.0.1", d.port))
                    until(lambda d=d: count(d, 'queries_total{result="joined"}') == 1, "both to wait")
                    d.process.terminate()
                    until(lambda d=d: d.has("Terminated: finishing"), "the workers to be told")
                    equal(d.end(), 0, "status")		# the second signal: at once
                equal([line for line in d.lines if "ended by signal" in line], [], "workers that crashed")
            finally:
                net.node["knot"].silent = False


@test("the internet ends")
def _():
    start()
    STATE.pop("stack").close()
    STATE["skip"] = "over"


if __name__ == "__main__":
    if os.geteuid() and not os.environ.get("LINNET_UNSHARED"):
        os.environ["LINNET_UNSHARED"] = "1"
        with contextlib.suppress(Skip):
            fetch()
        if subprocess.run(["unshare", "-rn", "true"], check=False, stderr=subprocess.DEVNULL).returncode == 0:
            os.execvp("unshare", ["unshare", "-rn", "python3", *sys.argv])
    main()
