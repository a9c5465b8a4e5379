#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""linnet-echod: echo on both transports, time on UDP, limits, orderly end."""
import os
import re
import signal
import socket
import subprocess
import time

from harness import (Daemon, MODULE, PATIENCE, Skip, equal, main, need, program, receive_all, test, transports, until)

PORTS = ("--port", "0", "--time-port", "0")
ANY4 = ("--ipv4",)


def echod(*args):
    return Daemon("linnet-echod", *args, ports=PORTS)


def families():
    return [("IPv4", socket.AF_INET), ("IPv6", socket.AF_INET6)]


def for_each_transport(name):
    def wrap(function):
        for transport, protocol in transports():
            def run(protocol=protocol):
                need(protocol)
                function(protocol)
            test(f"{name} ({transport})")(run)
        return function
    return wrap


@for_each_transport("what is sent comes back, IPv4 and IPv6")
def _(protocol):
    with echod() as d:
        for _, family in families():
            with d.connect(protocol, family) as s:
                s.send(b"Hello")
                equal(s.recv(8192), b"Hello")


@for_each_transport("half-close: all of it comes back, then the end")
def _(protocol):
    data = os.urandom(1 << 16) * 8
    with echod() as d, d.connect(protocol) as s:
        # Nobody reads while this is written: both sides' buffers must fill
        # and the rest wait.
        s.setblocking(False)
        sent, got, view = 0, b"", memoryview(data)
        end = time.monotonic() + PATIENCE
        while len(got) < len(data):
            assert time.monotonic() < end, f"{sent} sent, {len(got)} back"
            if sent < len(data):
                try:
                    sent += s.send(view[sent:])
                    if sent == len(data):
                        s.shutdown(socket.SHUT_WR)
                    continue
                except BlockingIOError:
                    pass
            try:
                piece = s.recv(1 << 20)
                assert piece, "ended early"
                got += piece
            except BlockingIOError:
                pass
        equal(got == data, True, "the data")
        s.settimeout(PATIENCE)
        equal(s.recv(1), b"", "after the data")


@for_each_transport("100 connections at once")
def _(protocol):
    with echod() as d:
        socks = [d.connect(protocol) for _ in range(100)]
        for i, s in enumerate(socks):
            s.sendall(b"%d" % i * 100)
        for i, s in enumerate(socks):
            s.shutdown(socket.SHUT_WR)
            equal(receive_all(s), b"%d" % i * 100)
            s.close()


@for_each_transport("a reset by the client ends that connection only")
def _(protocol):
    with echod() as d, d.connect(protocol) as other:
        s = d.connect(protocol)
        name = "%s:%d" % s.getsockname()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        s.send(b"x")
        equal(s.recv(1), b"x")
        s.close()
        until(lambda: d.has(re.escape(name) + ": closed"), "the reset to be seen")
        other.send(b"y")
        equal(other.recv(1), b"y")


@for_each_transport("the log tells the transport")
def _(protocol):
    with echod() as d, d.connect(protocol) as s:
        name = "tcp" if protocol == socket.IPPROTO_TCP else "linnet"
        until(lambda: d.has(rf"127\.0\.0\.1:{s.getsockname()[1]}: connected \({name}\)"), "the line")


@for_each_transport("an idle connection is closed")
def _(protocol):
    with echod("--idle-timeout", "0.2") as d, d.connect(protocol) as s:
        equal(s.recv(1), b"")


@for_each_transport("the total time-out ends a busy connection")
def _(protocol):
    with echod("--total-timeout", "0.5", "--idle-timeout", "60") as d, d.connect(protocol) as s:
        start = time.monotonic()
        try:
            while s.send(b"x") and s.recv(1):
                pass
        except OSError:
            pass
        assert time.monotonic() - start > 0.3, "too early"
        until(lambda: d.has("reached the total time-out"), "the reason")


@for_each_transport("--max-connections: who comes late waits for a place")
def _(protocol):
    with echod("--max-connections", "2") as d:
        a, b, c = (d.connect(protocol) for _ in range(3))
        c.send(b"c")
        for s in (a, b):
            s.send(b"x")
            equal(s.recv(1), b"x")
        until(lambda: d.has("all 2 connections are in use"), "the limit to be met")
        c.settimeout(0.2)
        try:
            c.recv(1)
            raise AssertionError("served beyond the limit")
        except socket.timeout:
            pass
        a.close()
        c.settimeout(PATIENCE)
        equal(c.recv(1), b"c")
        for s in (b, c):
            s.close()


@for_each_transport("--max-per-address: one address does not get all places")
def _(protocol):
    with echod("--max-per-address", "1") as d, d.connect(protocol) as a:
        a.send(b"x")
        equal(a.recv(1), b"x")
        with d.connect(protocol) as b:
            try:
                equal(b.recv(1), b"")
            except ConnectionResetError:
                pass
        # Another family is another address.
        with d.connect(protocol, socket.AF_INET6) as c:
            c.send(b"y")
            equal(c.recv(1), b"y")


@for_each_transport("SIGTERM: what is owed is sent, then the end")
def _(protocol):
    with echod() as d, d.connect(protocol) as s:
        s.send(b"x")
        equal(s.recv(1), b"x")
        d.process.send_signal(signal.SIGTERM)
        equal(s.recv(1), b"")
        s.close()
        equal(d.ended(), 0, "exit status")
        assert d.has("Terminated: finishing 1 connections"), d.lines


@test("SIGTERM: a client that never reads is cut off when the time is over")
def _():
    with echod("--drain-timeout", "0.3") as d, d.connect() as s:
        s.setblocking(False)
        try:
            while True:
                s.send(b"x" * 65536)
        except BlockingIOError:
            pass
        equal(d.end(signal.SIGINT), 0, "exit status")
        assert d.has("did not finish in time"), d.lines


@test("a second signal ends it at once")
def _():
    with echod("--drain-timeout", "3600") as d, d.connect() as s:
        s.send(b"x")
        equal(s.recv(1), b"x")
        d.process.send_signal(signal.SIGTERM)
        equal(s.recv(1), b"")       # half-closed, and waiting for us
        equal(d.end(), 0, "exit status")


@test("time on UDP, IPv4 and IPv6, for an empty datagram too")
def _():
    with echod() as d:
        for _, family in families():
            for question in (b"", b"what time is it" * 50):
                with socket.socket(family, socket.SOCK_DGRAM) as s:
                    s.settimeout(PATIENCE)
                    host = "127.0.0.1" if family == socket.AF_INET else "::1"
                    before = int(time.time())
                    s.sendto(question, (host, d.port("udp", family)))
                    answer, source = s.recvfrom(8192)
                    equal(source[:2], (host, d.port("udp", family)), "answered from")
                    allowed = [time.ctime(t) for t in range(before, int(time.time()) + 1)]
                    assert answer.decode("ascii") in allowed, (answer, allowed)


@test("time on UDP is answered from the address that was asked")
def _():
    with echod(*ANY4) as d, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(PATIENCE)
        s.sendto(b"", ("127.1.2.3", d.port("udp")))
        equal(s.recvfrom(100)[1][0], "127.1.2.3")


@test("time on UDP keeps silent towards a service's port")
def _():
    if os.geteuid():
        raise Skip("needs root to send from a port below 1024")
    with echod(*ANY4) as d, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as low:
            low.bind(("127.0.0.1", 1007))
            low.sendto(b"", ("127.0.0.1", d.port("udp")))
            s.settimeout(PATIENCE)
            s.sendto(b"", ("127.0.0.1", d.port("udp")))
            s.recv(100)     # the later question is answered: the first was seen
            low.setblocking(False)
            try:
                raise AssertionError(low.recv(100))
            except BlockingIOError:
                pass


def refused(args, status, text):
    p = subprocess.run([program("linnet-echod"), *args], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                       timeout=PATIENCE, check=False)
    equal(p.returncode, status, f"{args} exit status")
    equal(len(p.stderr.splitlines()), 1, f"{args} lines: {p.stderr}")
    assert re.search(text, p.stderr), p.stderr


@test("a wrong command line: one line, exit status 2")
def _():
    refused(["--nonsense"], 2, "--nonsense")
    refused(["--port", "65536"], 2, "--port: '65536' is not a number from 0 to 65535")
    refused(["--port", "-1"], 2, "0 to 65535")
    refused(["--port", ""], 2, "0 to 65535")
    refused(["--time-port", "x"], 2, "--time-port")
    refused(["--address", "localhost"], 2, "numeric")
    refused(["--transport", "udp"], 2, "linnet, tcp or both")
    refused(["--idle-timeout", "nan"], 2, "seconds")
    refused(["--idle-timeout", "1e9"], 2, "seconds")
    refused(["--max-connections", "0"], 2, "1 to 100000")
    refused(["--log-level", "loud"], 2, "debug")
    refused(["word"], 2, "word")


@test("a port in use: one line, exit status 1")
def _():
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        refused(["--transport", "tcp", "--address", "127.0.0.1", "--port", str(s.getsockname()[1])], 1,
                r"cannot listen on 127\.0\.0\.1:\d+ \(tcp\): Address already in use")


@test("an address that is not ours: one line, exit status 1")
def _():
    refused(["--transport", "tcp", "--address", "192.0.2.1", "--port", "0"], 1, "cannot listen on 192.0.2.1")


@test("--transport linnet without the module: one line, exit status 1")
def _():
    if MODULE:
        raise Skip("the module is loaded")
    refused(["--transport", "linnet", *PORTS], 1, "load the module linnet or use --transport tcp")


@test("without the module a notice, and TCP goes on")
def _():
    if MODULE:
        raise Skip("the module is loaded")
    with echod() as d:
        assert d.has("IP protocol 253 is not there"), d.lines
        with d.connect() as s:
            s.send(b"x")
            equal(s.recv(1), b"x")


@test("both transports on one port, IPv4 and IPv6")
def _():
    need(253)
    with echod() as d:
        ports = {d.port(t, f) for t in ("tcp", "linnet") for _, f in families()}
        equal(len(ports), 1, f"{ports}")


if __name__ == "__main__":
    main()
