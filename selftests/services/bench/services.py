#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
services.py [OPTION...]: our servers beside those that people would use instead, by TCP on
loopback. "./lab bench services" runs it on the host.

In each round a case is measured for one server and at once for the other, which of them first
changing from round to round; a first round is thrown away.
"""
import argparse
import os
import tempfile
import time
import urllib.request

import load
import servers
from figures import Table

SMALL, LARGE = 600, 1 << 20
CONNECTIONS = 1, 64
RPC_CONNECTIONS = 1, 8
CALL = ("<?xml version='1.0'?>\n<methodCall>\n<methodName>get</methodName>\n<params>\n<param>\n"
        "<value><string>foo</string></value>\n</param>\n</params>\n</methodCall>\n")
SET = CALL.replace("get", "set", 1).replace(
    "</params>", "<param>\n<value><string>bar</string></value>\n</param>\n</params>")


def arguments():
    p = argparse.ArgumentParser(description="Our servers beside others, in figures.")
    p.add_argument("--programs", required=True, help="folder of our programs")
    p.add_argument("--layer", required=True, help="folder that Debian's nginx is unpacked in")
    p.add_argument("--out", default=".", help="folder for the figures")
    p.add_argument("--seeds", type=int, default=9, help="rounds")
    p.add_argument("--seconds", type=int, default=1, help="of each measurement")
    p.add_argument("--only", default="", help="only cases with this in their name")
    return p.parse_args()


def once(server, measure):
    """Requests per second, and microseconds of processor that the server took for one."""
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


def make_files(root):
    os.mkdir(root)
    with open(f"{root}/small.html", "wb") as f:
        f.write((b"<p>A small page.</p>\n" * SMALL)[:SMALL])
    with open(f"{root}/large.bin", "wb") as f:
        f.write(os.urandom(LARGE))


def bench_files(args, work):
    root = f"{work}/www"
    make_files(root)
    theirs = servers.nginx(args.layer, work, root)
    ours = servers.httpd(args.programs, work, root)
    table = Table(args.out, "services-http", "files by linnet-httpd and Debian's nginx", "nginx", [
        "requests per second, median and quartiles; microseconds of the server's processor for each",
        "one worker each, on a processor of its own if there are two; access logs on in both",
        "nginx.conf is Debian's, but for paths, one worker and keepalive_requests",
        "nginx's h2 with sendfile, as Debian has it, waits for delayed ACKs at each response: also without"])

    def side(server, port, client, path, connections):
        return server, lambda: client(server.ports[port], path, connections, args.seconds)

    for version, client, variants in (
            ("h1", load.wrk, {"nginx": "h1"}),
            ("h2", load.h2load, {"nginx": "h2", "nginx, sendfile off": "h2-sendfile-off"})):
        for path, size in (("/small.html", "600 octets"), ("/large.bin", "1 MB")):
            for connections in CONNECTIONS:
                case = f"{version}, {size}, {connections} connection{'s' * (connections > 1)}"
                if args.only not in case:
                    continue
                for name, port in variants.items():
                    table.add(case, *reorder(name, rounds(args.seeds, [
                        side(theirs, port, client, path, connections),
                        side(ours, version, client, path, connections)])))
    table.close()
    theirs.end()
    ours.end()


def reorder(name, figures):
    return figures[0], name, figures[1]


def store(server):
    """What will be asked for; and the answer must be right, or speed means nothing."""
    def call(body):
        request = urllib.request.Request(f"http://127.0.0.1:{server.ports['rpc']}/RPC2",
                                         body.encode(), {"Content-Type": "text/xml"})
        with urllib.request.urlopen(request, timeout=servers.PATIENCE) as f:
            return f.read()
    call(SET)
    if b"<string>bar</string>" not in call(CALL):
        raise SystemExit(f"{server.name} does not answer: {call(CALL)!r}")
    return server


def bench_rpc(args, work):
    # By 1.1 Python's server has one connection at a time, so that 8 would wait for ever
    theirs = {1: [store(servers.python_rpc(work, v)) for v in ("HTTP/1.0", "HTTP/1.1")]}
    theirs[8] = theirs[1][:1]
    ours = {s: store(servers.rpcd(args.programs, work, s)) for s in ("memory", "sqlite")}
    table = Table(args.out, "services-rpc", "get() by linnet-rpcd and Python's SimpleXMLRPCServer",
                  "Python's", [
                      "calls per second, median and quartiles; microseconds of the server's processor for each",
                      "linnet-rpcd: one worker, connections kept; Python's: as it is, each call a connection"
                      " (HTTP/1.0), or told to keep them (1.1)"])

    def side(server, connections):
        return server, lambda: load.rpc(server.ports["rpc"], connections, args.seconds, CALL)

    for name, our in ours.items():
        for connections in RPC_CONNECTIONS:
            case = f"{name}, {connections} connection{'s' * (connections > 1)}"
            if args.only not in case:
                continue
            for their in theirs[connections]:
                table.add(case, *reorder(their.name, rounds(args.seeds, [
                    side(their, connections), side(our, connections)])))
    table.close()
    for server in (*theirs[1], *ours.values()):
        server.end()


def main():
    args = arguments()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="linnet-bench-") as work:
        # Workers that gave up root go through it
        os.chmod(work, 0o755)
        bench_files(args, work)
        bench_rpc(args, work)
    print(f"\n{args.seeds} rounds, {time.monotonic() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()
