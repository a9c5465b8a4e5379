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
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

import load
import servers
from figures import Table

SMALL, LARGE = 600, 1 << 20
CONNECTIONS = 1, 64
MANY = 100
DEPTH = 16


def call(method, *params):
    """A call as Python's client writes it."""
    text = "".join(f"<param>\n<value>{p}</value>\n</param>\n" for p in params)
    return (f"<?xml version='1.0'?>\n<methodCall>\n<methodName>{method}</methodName>\n<params>\n"
            f"{text}</params>\n</methodCall>\n").encode()


def multicall(n):
    """The same by system.multicall: n times get()."""
    one = ("<value><struct>\n<member>\n<name>methodName</name>\n<value><string>get</string></value>\n</member>\n"
           "<member>\n<name>params</name>\n<value><array><data>\n<value><string>foo</string></value>\n"
           "</data></array></value>\n</member>\n</struct></value>\n")
    return call("system.multicall", f"<array><data>\n{one * n}</data></array>")


GET = call("get", "<string>foo</string>")
SET = call("set", "<string>foo</string>", "<string>bar</string>")
WANTED = "<string>bar</string>"


def post(body):
    return (b"POST /RPC2 HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: caller\r\nContent-Type: text/xml\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body)) + body


def arguments():
    p = argparse.ArgumentParser(description="Our servers beside others, in figures.")
    p.add_argument("--programs", required=True, help="folder of our programs")
    p.add_argument("--clients", required=True, help="folder of what the Makefile here builds")
    p.add_argument("--layer", required=True, help="folder that Debian's nginx is unpacked in")
    p.add_argument("--out", default=".", help="folder for the figures")
    p.add_argument("--seeds", type=int, default=5, help="rounds")
    p.add_argument("--seconds", type=int, default=1, help="of each measurement")
    p.add_argument("--only", default="", help="only cases with this in their name")
    args = p.parse_args()
    for name in ("programs", "clients", "layer", "out"):
        setattr(args, name, os.path.abspath(getattr(args, name)))
    return args


def check_programs(args):
    """All that is missing, at once, and where it comes from."""
    needed = [(f"{args.programs}/linnet-httpd", "make -C userspace"),
              (f"{args.programs}/linnet-rpcd", "make -C userspace"),
              (f"{args.clients}/caller", "make -C selftests/services/bench"),
              (f"{args.clients}/bare", "make -C selftests/services/bench"),
              (f"{args.layer}/usr/sbin/nginx", "./lab setup"),
              ("wrk", "Debian's package wrk, or ./lab setup"),
              ("h2load", "Debian's package nghttp2-client, or ./lab setup"),
              ("/usr/bin/python3", "Debian's package python3")]
    missing = [f"  {path}: {source}" for path, source in needed if not shutil.which(path)]
    if missing:
        sys.exit("services.py: these programs are not there:\n" + "\n".join(missing))


ATTEMPTS = 3
OTHERS = "dns.py", "ftp.py", "smtp.py", "pop3.py"


def once(server, measure):
    """Requests per second, and microseconds of processor that the server took for one."""
    for _ in range(ATTEMPTS):
        before = server.processor_time()
        rate, count = measure()
        if count:
            return rate, (server.processor_time() - before) / 1000 / count
    sys.exit(f"{server.name}: not a single response, {ATTEMPTS} times")


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


def plural(n, what):
    return f"{n} {what}{'s' * (n > 1)}"


class Bench:
    """Options, a work folder, and the servers that have been started in it."""

    def __init__(self, args, work):
        self.args, self.work, self.servers = args, work, []
        self.caller = load.Caller(f"{args.clients}/caller", work)

    def start(self, function, *args):
        server = function(*args)
        self.servers.append(server)
        return server

    def end(self):
        while self.servers:
            self.servers.pop().end()

    def wants(self, case):
        return self.args.only in case

    def add(self, table, case, name, theirs, ours):
        """A line of the table; each side is a server and what to do with it."""
        table.add(case, name, *rounds(self.args.seeds, [theirs, ours]))

    # --- files ---

    def make_files(self):
        root = f"{self.work}/www"
        os.mkdir(root)
        with open(f"{root}/small.html", "wb") as f:
            f.write((b"<p>A small page.</p>\n" * SMALL)[:SMALL])
        with open(f"{root}/large.bin", "wb") as f:
            f.write(os.urandom(LARGE))
        return root

    def file_cases(self):
        """Name, the port of ours, theirs by name, and what measures a server by its port."""
        seconds = self.args.seconds
        h2 = {"nginx": "h2", "nginx, sendfile off": "h2-sendfile-off"}
        for path, size in (("/small.html", "600 octets"), ("/large.bin", "1 MB")):
            for n in CONNECTIONS:
                for version, client, variants in (("h1", load.wrk, {"nginx": "h1"}), ("h2", load.h2load, h2)):
                    yield (f"{version}, {size}, {plural(n, 'connection')}", version, variants,
                           lambda port, c=client, p=path, n=n: c(port, p, n, seconds))
        get = b"GET /large.bin HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        for n in CONNECTIONS:
            yield (f"h1, 1 MB, {plural(n, 'connection')}, caller", "h1", {"nginx": "h1"},
                   lambda port, n=n: self.caller(port, n, 1, seconds, get, ""))

    def files(self):
        cases = [case for case in self.file_cases() if self.wants(case[0])]
        if not cases:
            return
        root = self.make_files()
        theirs = self.start(servers.nginx, self.args.layer, self.work, root)
        ours = self.start(servers.httpd, self.args.programs, self.work, root)
        table = Table(self.args.out, "services-http", "files by linnet-httpd and Debian's nginx", "nginx", [
            "requests per second, median and quartiles; microseconds of the server's processor for each",
            "one worker each, on a processor of its own if there are two; each writes an access log to a file",
            "nginx.conf is Debian's, but for paths, one worker and keepalive_requests: sendfile on, as with us",
            "nginx's h2 with sendfile waits for delayed ACKs at each response: also without",
            "h1 by wrk, h2 by h2load; caller is ours and does not copy what arrives"])
        for case, port, variants, measure in cases:
            for name, their_port in variants.items():
                self.add(table, case, name, (theirs, lambda p=their_port: measure(theirs.ports[p])),
                         (ours, lambda p=port: measure(ours.ports[p])))
        table.close()
        self.end()

    # --- XML-RPC ---

    def store(self, server):
        """What will be asked for; and the answer must be right, or speed means nothing."""
        def ask(body):
            request = urllib.request.Request(f"http://127.0.0.1:{server.ports['rpc']}/RPC2", body,
                                             {"Content-Type": "text/xml"})
            with urllib.request.urlopen(request, timeout=servers.PATIENCE) as f:
                return f.read()
        ask(SET)
        if WANTED.encode() not in ask(GET):
            raise SystemExit(f"{server.name} does not answer: {ask(GET)!r}")
        return server

    def side(self, server, connections, depth=1, calls=1):
        """@depth: under way at once on each connection; @calls: in a multicall."""
        body = post(GET if calls == 1 else multicall(calls))

        def measure():
            rate, count = self.caller(server.ports["rpc"], connections, depth, self.args.seconds, body, WANTED)
            return rate * calls, count * calls

        return server, measure

    def rpc_cases(self):
        """Name, connections, depth, calls in one, and how Python's servers are told to serve."""
        plain, kept, threads = ("HTTP/1.0",), ("HTTP/1.1",), ("HTTP/1.1", "threads")
        # By 1.1 Python's server has one connection at a time, if it has no threads
        yield "1 connection", 1, 1, 1, (plain, kept)
        yield "8 connections", 8, 1, 1, (plain, threads)
        yield "64 connections", 64, 1, 1, (plain,)
        yield f"1 connection, {DEPTH} at once", 1, DEPTH, 1, (kept,)
        yield f"8 connections, {DEPTH} at once", 8, DEPTH, 1, (threads,)
        yield f"multicall of {MANY}, 1 connection", 1, 1, MANY, (plain, kept)

    def rpc(self):
        cases = [(f"{store}, {name}", store, *more) for store in ("memory", "sqlite")
                 for name, *more in self.rpc_cases()]
        cases = [case for case in cases if self.wants(case[0])]
        if not cases:
            return
        ours = {s: self.store(self.start(servers.rpcd, self.args.programs, self.work, s))
                for s in ("memory", "sqlite")}
        theirs = {how: self.store(self.start(servers.python_rpc, self.work, *how))
                  for how in sorted({how for case in cases for how in case[-1]})}
        table = Table(self.args.out, "services-rpc", "get() by linnet-rpcd and Python's SimpleXMLRPCServer",
                      "Python's", [
                          "calls per second, median and quartiles; microseconds of the server's processor for each",
                          "the same client (caller) and the same calls for both; linnet-rpcd has one worker",
                          "Python's: HTTP/1.0 as it is, a connection for each call; 1.1: told to keep it",
                          f"{DEPTH} at once: so many calls on a connection before the first is answered"])
        for case, store, connections, depth, calls, hows in cases:
            for how in hows:
                self.add(table, case, ", ".join(how), self.side(theirs[how], connections, depth, calls),
                         self.side(ours[store], connections, depth, calls))
        table.close()
        self.bound(ours["memory"])
        self.end()

    def bound(self, ours):
        """How much of what is possible at all."""
        body = b"<?xml version='1.0'?>\n<methodResponse>\n<params>\n<param>\n<value>%s</value>\n</param>\n</params>\n" \
               b"</methodResponse>\n" % WANTED.encode()
        head = b"HTTP/1.1 200 OK\r\nServer: linnet-rpcd\r\nDate: Thu, 26 Nov 2026 00:00:00 GMT\r\n" \
               b"Content-Type: text/xml\r\nContent-Length: %d\r\n\r\n" % len(body)
        cases = [(f"memory, {plural(n, 'connection')}" + (f", {DEPTH} at once" if depth > 1 else ""), n, depth)
                 for n, depth in ((1, 1), (8, 1), (64, 1), (8, DEPTH))]
        cases = [case for case in cases if self.wants(case[0])]
        if not cases:
            return
        theirs = self.start(servers.bare, f"{self.args.clients}/bare", self.work, head + body)
        table = Table(self.args.out, "services-bound", "get() by linnet-rpcd and what the kernel allows", "bare", [
            "bare answers with the same octets and looks at nothing: no server can be faster here"])
        for case, connections, depth in cases:
            self.add(table, case, "bare", self.side(theirs, connections, depth), self.side(ours, connections, depth))
        table.close()


def main():
    args = arguments()
    check_programs(args)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="linnet-bench-") as work:
        # Workers that gave up root go through it
        os.chmod(work, 0o755)
        bench = Bench(args, work)
        try:
            bench.files()
            bench.rpc()
        finally:
            bench.end()
    print(f"\n{args.seeds} rounds of {args.seconds} s, {time.monotonic() - started:.0f} s in all", flush=True)
    # Programs of their own, with servers of their own.
    sys.exit(max(subprocess.run([sys.executable, os.path.join(servers.HERE, name), "--programs", args.programs,
                                 "--out", args.out, "--seeds", str(args.seeds), "--seconds", str(args.seconds),
                                 "--only", args.only], check=False).returncode for name in OTHERS))


if __name__ == "__main__":
    main()
