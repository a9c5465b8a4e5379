#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
dns.py [OPTION...]: linnet-dnsd beside Debian's NSD and Unbound, by dnsperf on loopback.
"./lab bench services" runs it on the host.

In each round a case is measured for one server and at once for the other, which of them first
changing from round to round; a first round is thrown away. One worker each, on one processor,
dnsperf on the other.
"""
import argparse
import os
import random
import re
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.realpath(__file__))
# The servers of ../dns are meant, not those beside this file.
sys.path[:1] = [os.path.join(HERE, "../dns"), os.path.join(HERE, "../../userspace"), HERE]
# pylint: disable=wrong-import-position
from figures import Table
from harness import Skip
from linnet import Dnsd
from servers import Peer, Zone, nsd, unbound
import wire

NAMES, QUERIES, SEED = 10_000, 50_000, 253
ZONE = """$TTL 86400
@	SOA ns hostmaster 1 3600 600 86400 3600
@	NS ns
ns	A 192.0.2.53
*.wild	A 192.0.2.54
"""


def arguments():
    p = argparse.ArgumentParser(description="linnet-dnsd beside NSD and Unbound, in figures.")
    p.add_argument("--programs", required=True, help="folder of our programs")
    p.add_argument("--out", default=".", help="folder for the figures")
    p.add_argument("--seeds", type=int, default=5, help="rounds")
    p.add_argument("--seconds", type=int, default=1, help="of each measurement")
    p.add_argument("--only", default="", help="only cases with this in their name")
    return p.parse_args()


def write(path, text):
    with open(path, "w", encoding="ascii") as f:
        f.write(text)
    return path


def make_zone(work):
    """The zone, queries for what is in it, and queries of which a tenth is for what is not."""
    r = random.Random(SEED)
    text = ZONE
    for i in range(NAMES):
        text += f"host{i}\tA 10.{i >> 16 & 255}.{i >> 8 & 255}.{i & 255}\n"
        if i % 4 == 0:
            text += f"host{i}\tAAAA 2001:db8::{i:x}\n"
        if i % 10 == 0:
            text += f"alias{i}\tCNAME host{i}\n"
    def query(some):
        i = r.randrange(NAMES)
        x = r.random()
        if x < 0.1 and some:
            return f"nothing{i}.bench.example A\n"
        if x < 0.2:
            return f"alias{i // 10 * 10}.bench.example A\n"
        if x < 0.4:
            return f"host{i // 4 * 4}.bench.example AAAA\n"
        return f"host{i}.bench.example A\n"
    return (write(f"{work}/bench.example", text),
            write(f"{work}/queries", "".join(query(True) for _ in range(QUERIES))),
            write(f"{work}/present", "".join(query(False) for _ in range(QUERIES))))


def on_processor_1():
    processors = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {processors[1 % len(processors)]})


def dnsperf(port, path, mode, seconds, *more):
    """Queries per second, and how many were answered. Lost ones are few, or all is void."""
    done = subprocess.run(
        ["dnsperf", "-s", "127.0.0.1", "-p", str(port), "-d", path, "-m", mode, "-l", str(seconds), "-c", "8",
         "-q", "200", *more], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        preexec_fn=on_processor_1)
    text = done.stdout
    completed = re.search(r"Queries completed:\s+(\d+)", text)
    lost = re.search(r"Queries lost:\s+(\d+)", text)
    rate = re.search(r"Queries per second:\s+([\d.]+)", text)
    codes = re.search(r"Response codes:\s+(.*)", text)
    if done.returncode or not (completed and rate and lost and codes):
        sys.exit(f"dnsperf: status {done.returncode}\n{text}{done.stderr}")
    if int(lost[1]) > int(completed[1]) / 1000 or "SERVFAIL" in codes[1] or "REFUSED" in codes[1]:
        sys.exit(f"dnsperf: not answered\n{text}{done.stderr}")
    return float(rate[1]), int(completed[1])


def once(server, measure):
    """Queries per second, and microseconds of processor that the server took for one."""
    before = server.processor_time()
    rate, count = measure()
    return rate, (server.processor_time() - before) / 1000 / count


def rounds(n, sides):
    """The same for each side, a list of (server, measure), in turn."""
    figures = [[] for _ in sides]
    for i in range(n + 1):
        order = range(len(sides)) if i % 2 else reversed(range(len(sides)))
        for k in order:
            figure = once(*sides[k])
            if i:
                figures[k].append(figure)
    return figures


def check(server):
    """The answer must be the right one, or speed means nothing."""
    query = wire.message(7, wire.RD, [wire.question(wire.name("alias10.bench.example."), wire.A)])
    answer = wire.udp("127.0.0.1", server.port, query)
    if answer is None or [rdata for *_, rdata in wire.Response(answer).answer][1:] != [b"\x0a\0\0\x0a"]:
        sys.exit(f"a wrong answer: {answer}")


def wanted(args, name, *cases):
    """Those of the cases that --only leaves."""
    return [case for case in cases if args.only in f"{name} {case[0]}"]


def measure(table, args, name, theirs, ours, cases):
    check(theirs)
    check(ours)
    for case, path, mode, *more in cases:
        table.add(case, name, *rounds(args.seeds, [
            (s, lambda s=s, p=path, m=mode, o=more: dnsperf(s.port, p, m, args.seconds, *o)) for s in (theirs, ours)]))
    table.close()


def authoritative(args, work, path, queries):
    cases = wanted(args, "NSD", ("UDP", queries, "udp"), ("UDP, EDNS with DO", queries, "udp", "-D"),
                   ("TCP, connections kept", queries, "tcp"))
    if not cases:
        return
    zones = [Zone("bench.example", file=path)]
    with nsd(f"{work}/nsd", zones, more="minimal-responses: yes", cpu=0) as theirs, \
            Dnsd(f"{work}/dnsd", zones, workers=1, cpu=0, log_level="notice") as ours:
        table = Table(args.out, "services-dns", "a zone's names by linnet-dnsd and Debian's NSD", "NSD", [
            "queries per second by dnsperf, median and quartiles; microseconds of the server's processor for each",
            f"one server process each; {NAMES} names, a tenth of the queries for names that are not there",
            "8 clients, 200 queries under way"])
        measure(table, args, "NSD", theirs, ours, cases)


def from_cache(args, work, path, present):
    cases = wanted(args, "Unbound", ("UDP, from cache", present, "udp"), ("TCP, from cache", present, "tcp"))
    if not cases:
        return
    zones = [Zone("bench.example", file=path)]
    # With few of them left Unbound closes connections soon
    limits = "incoming-num-tcp: 100\nmsg-cache-size: 64m\nrrset-cache-size: 128m"
    with nsd(f"{work}/upstream", zones, more="minimal-responses: yes", cpu=1) as upstream, \
            unbound(f"{work}/unbound", cpu=0, forwards={"bench.example": [Peer("127.0.0.1", upstream.port)]},
                    more=f'local-zone: "example." nodefault\nminimal-responses: yes\n{limits}') as theirs, \
            Dnsd(f"{work}/resolver", workers=1, cpu=0, log_level="notice", more=f"""recursion {{
	allow = {{"127.0.0.1"}}
	validate = false
	forward = {{"127.0.0.1:{upstream.port}"}}
}}""") as ours:
        for server in theirs, ours:
            # Once through all, so that nothing is asked of the other any more
            subprocess.run(["dnsperf", "-s", "127.0.0.1", "-p", str(server.port), "-d", present, "-n", "1", "-q", "50"],
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
        table = Table(args.out, "services-dns-cache", "recursion from cache by linnet-dnsd and Debian's Unbound",
                      "Unbound", [
                          "queries per second by dnsperf, median and quartiles; microseconds of the server's processor for"
                          " each",
                          "one worker and one thread; all names are in the cache before"])
        measure(table, args, "Unbound", theirs, ours, cases)


def main():
    args = arguments()
    os.environ["LINNET_BIN"] = os.path.abspath(args.programs)
    args.out = os.path.abspath(args.out)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="linnet-bench-") as work:
        os.chmod(work, 0o755)
        path, queries, present = make_zone(work)
        try:
            authoritative(args, work, path, queries)
            from_cache(args, work, path, present)
        except Skip as why:
            print(f"\nnot measured: {why}", flush=True)
            return
    print(f"\n{args.seeds} rounds of {args.seconds} s, {time.monotonic() - started:.0f} s in all", flush=True)


if __name__ == "__main__":
    main()
