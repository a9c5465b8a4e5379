#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""linnet-dnsd says by dnstap what it receives and sends, to whoever listens, and waits for nobody."""
import os
import re
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import time
import urllib.request

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../userspace"))
sys.path.insert(0, os.path.join(HERE, "dns"))
# pylint: disable=wrong-import-position
import tap
import wire
from harness import PATIENCE, Skip, equal, main, program, temporary_folder, test, until
from linnet import Dnsd
from servers import Peer, Zone, free_port

ZONE = """$TTL 300
@ SOA ns hostmaster 1 3600 600 86400 60
@ NS ns
ns A 192.0.2.53
big TXT {}
""".format("x" * 250)


class Server(Dnsd):
    """With counters, and dnstap to a socket in its folder."""

    def __init__(self, folder, options="", more="", **kw):
        self.metrics, self.tap = free_port(), os.path.join(folder, "tap")
        path = os.path.join(folder, "zone")
        with open(path, "w", encoding="ascii") as f:
            f.write(ZONE)
        super().__init__(folder, [Zone("tap.test", file=path, update=[Peer("127.0.0.1")])],
                         more=f'metrics-listen = {{"127.0.0.1:{self.metrics}"}}\n'
                              f'dnstap {{\n\tsocket = "{self.tap}"\n{options}\n}}\n' + more, **kw)

    def counter(self, name):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics}/metrics", timeout=PATIENCE) as r:
            return int(re.search(rf"^linnet_dns_dnstap_{name}_total (\d+)", r.read().decode(), re.M)[1])


def query(number, name="ns.tap.test.", rtype=wire.A):
    return wire.message(number, 0x100, [wire.question(wire.name(name), rtype)])


class Pair:
    """A listener and a server that has found it."""

    def __init__(self, folder, options="", more="", listener=None, **kw):
        self.listener = tap.Listener(os.path.join(folder, "tap"), **(listener or {}))
        self.server = Server(folder, options, more, **kw)

    def __enter__(self):
        self.listener.started()
        return self.server, self.listener

    def __exit__(self, *exc):
        self.server.__exit__(*exc)
        self.listener.close()


def check_pair(messages, sent, received, since):
    """A query and its response, as they were on the wire."""
    q, r = messages
    equal((q.query_message, q.response_message), (sent, None), "the query")
    equal((r.query_message, r.response_message), (None, received), "the response")
    for m in messages:
        equal(m.query_address, bytes((127, 0, 0, 1)), "who asks")
        equal(m.socket_family, tap.INET)
        assert m.query_port, "no port"
        assert since - 0.01 <= m.query_time <= time.time(), "the time of the query"
    equal((q.query_port, q.query_time), (r.query_port, r.query_time), "the same query")
    assert r.query_time <= r.response_time <= time.time(), "the time of the response"
    equal((q.response_time_sec, q.response_time_nsec), (None, None))


@test("queries and responses by UDP, TCP and TLS, octet by octet")
def _():
    with temporary_folder() as folder, \
            Pair(folder, more='identity = "me"\nversion = "seven"\n', tls=True) as (d, listener):
        def over_tls(data):
            context = ssl.create_default_context(cafile=d.certificate)
            with socket.create_connection(("127.0.0.1", d.tls_port), PATIENCE) as s, \
                    context.wrap_socket(s, server_hostname="dns.test") as t:
                t.sendall(wire.framed(data))
                return wire.receive_message(t)

        ways = ((100, tap.UDP, lambda data: wire.udp("127.0.0.1", d.port, data, PATIENCE), None),
                (101, tap.TCP, lambda data: wire.tcp("127.0.0.1", d.port, data, PATIENCE), d.port),
                (102, tap.DOT, over_tls, d.tls_port))
        for number, protocol, exchange, port in ways:
            sent, since = query(number), time.time()
            received = exchange(sent)
            messages = listener.said(number, 2)
            check_pair(messages, sent, received, since)
            equal([m.type for m in messages], [tap.AUTH_QUERY, tap.AUTH_RESPONSE], "types")
            for m in messages:
                equal((m.socket_protocol, m.response_port, m.query_zone), (protocol, port, wire.name("tap.test.")))
                equal((m.response_address, m.extra), (bytes((127, 0, 0, 1)), None))
                equal((m.identity, m.version), (b"me", b"seven"))
        equal(listener.controls, [(k, struct.pack("!II", 1, len(tap.CONTENT_TYPE)) + tap.CONTENT_TYPE)
                                  for k in (tap.READY, tap.START)], "control frames")


@test("types: an update, a client of recursion; and what the section leaves out")
def _():
    with temporary_folder() as upstream, temporary_folder() as folder:
        with Server(upstream) as above, \
                Pair(folder, more=f'recursion {{\n\tallow = {{"local"}}\n\tvalidate = "no"\n'
                                  f'\tforward = {{"127.0.0.1:{above.port}"}}\n}}\n') as (d, listener):
            update = wire.message(200, questions=[wire.question(wire.name("tap.test."), wire.SOA)], opcode=5,
                                  authority=[wire.rr(wire.name("new.tap.test."), wire.A, ttl=5, rdata=b"\1\2\3\4")])
            for number, sent, types, zone in (
                    (200, update, [tap.UPDATE_QUERY, tap.UPDATE_RESPONSE], "tap.test."),
                    (201, query(201, "elsewhere.test."), [tap.CLIENT_QUERY, tap.CLIENT_RESPONSE], None),
                    (202, query(202), [tap.AUTH_QUERY, tap.AUTH_RESPONSE], "tap.test.")):
                since = time.time()
                received = wire.udp("127.0.0.1", d.port, sent, PATIENCE)
                messages = listener.said(number, 2)
                check_pair(messages, sent, received, since)
                equal([m.type for m in messages], types, f"types of {number}")
                equal([m.query_zone for m in messages], [zone and wire.name(zone)] * 2, "zone")
    for options, kinds in (("queries = false", [tap.AUTH_RESPONSE]), ("responses = false", [tap.AUTH_QUERY])):
        with temporary_folder() as folder, Pair(folder, options) as (d, listener):
            wire.udp("127.0.0.1", d.port, query(210), PATIENCE)
            wire.udp("127.0.0.1", d.port, query(211), PATIENCE)
            listener.said(211, 1)       # what was left out would have come before
            equal([m.type for m in listener.said(210, 1)], kinds, options)


@test("Knot's kdig reads it")
def _():
    if not shutil.which("kdig"):
        raise Skip("kdig is not installed")
    with temporary_folder() as folder, Pair(folder) as (d, listener):
        for number, name in ((300, "ns.tap.test."), (301, "nothing.tap.test.")):
            wire.udp("127.0.0.1", d.port, query(number, name), PATIENCE)
            listener.said(number, 2)
        path = os.path.join(folder, "file.tap")
        with open(path, "wb") as f:
            f.write(tap.control(tap.START))
            for frame in listener.frames:
                if tap.Message(frame).number >= 300:
                    f.write(struct.pack("!I", len(frame)) + frame)
            f.write(tap.control(tap.STOP, None))
        done = subprocess.run(["kdig", "-G", path, "+qr"], capture_output=True, text=True, timeout=PATIENCE, check=False)
        equal((done.returncode, done.stderr), (0, ""), "kdig")
        equal(re.findall(r"status: (\w+); id: (\d+)", done.stdout),
              [("NOERROR", "300")] * 2 + [("NOERROR", "301"), ("NXDOMAIN", "301")], done.stdout)
        equal(len(re.findall(r"127\.0\.0\.1@\d+\(UDP\)", done.stdout)), 4, done.stdout)


@test("who does not read is waited for by nobody: what is too much is dropped and counted")
def _():
    with temporary_folder() as folder, \
            Pair(folder, 'buffer = "128k"', listener={"read": False}) as (d, _listener):
        ask = query(400, "big.tap.test.", wire.TXT)
        wire.udp("127.0.0.1", d.port, ask, PATIENCE)
        memory = d.memory()
        with socket.create_connection(("127.0.0.1", d.port), PATIENCE) as s:
            # 5 MB of messages: the socket takes some 200 kB
            for _ in range(100):
                s.sendall(wire.framed(ask) * 100)
                for _ in range(100):
                    assert wire.receive_message(s), "no answer"
        dropped, said = d.counter("dropped"), d.counter("messages")
        assert dropped > 10000 and 200 < said < 10000, f"{dropped} dropped, {said} said"
        assert d.memory() - memory < 2048, f"{d.memory() - memory} kB more"
        # Nor does the end wait for longer than half a second.
        start = time.monotonic()
        equal(d.end(signal.SIGTERM), 0, "exit status")
        assert time.monotonic() - start < PATIENCE / 2, "the end waited"


@test("a listener may come late, go, and come again; STOP at the end")
def _():
    with temporary_folder() as folder, Server(folder) as d:
        assert wire.udp("127.0.0.1", d.port, query(500), PATIENCE), "no answer without a listener"
        until(lambda: d.counter("dropped") >= 2, "the count of what was dropped")
        for number in (501, 502):
            with tap.Listener(d.tap) as listener:
                listener.started()
                wire.udp("127.0.0.1", d.port, query(number), PATIENCE)
                listener.said(number, 2)
        with tap.Listener(d.tap) as listener:
            listener.started()
            wire.udp("127.0.0.1", d.port, query(503), PATIENCE)
            equal(d.end(signal.SIGTERM), 0, "exit status")
            listener.said(503, 2)
            until(lambda: listener.kinds() == [tap.READY, tap.START, tap.STOP], "STOP")
            equal(listener.errors, [])


@test("a listener of something else is left, and tried again")
def _():
    wrong = (tap.control(tap.ACCEPT, b"protobuf:other"), tap.control(tap.FINISH, None), b"HTTP/1.1 400 \r\n\r\n",
             b"\0\0\0\0\xff\xff\xff\xff", b"\0\0\0\0\0\0\0\x03abc", tap.control(tap.ACCEPT) * 2)
    with temporary_folder() as folder, Pair(folder, listener={"answers": (*wrong, tap.control(tap.ACCEPT))}) as \
            (d, listener):
        until(lambda: len(listener.open) > len(wrong), "a try after each wrong answer")
        until(lambda: d.has("dnstap: .*: connected$"), "the good one to be found")
        # Once, not for each
        told = [line for line in d.lines if "does not take protobuf:dnstap.Dnstap" in line]
        assert 1 <= len(told) <= 2, told
        wire.udp("127.0.0.1", d.port, query(600), PATIENCE)
        listener.said(600, 2)


@test("mistakes in the section are told")
def _():
    with temporary_folder() as folder:
        conf = os.path.join(folder, "conf")
        os.mkdir(os.path.join(folder, "state"))
        for section, pattern in (("", "dnstap needs a socket"), ('socket = "relative"', "absolute path"),
                                 (f'socket = "/{"x" * 107}"', "108 octets; at most 107"),
                                 ('socket = "/tap" buffer = "1k"', "128k to 1g"),
                                 ('socket = "/tap" buffer = "much"', "'much' is no size"),
                                 ('socket = "/tap" queries = false responses = false', "nothing to say"),
                                 ('file = "/tap"', "no such option 'file'")):
            with open(conf, "w", encoding="ascii") as f:
                f.write(f'state-directory = "{folder}/state"\ndnstap {{ {section} }}\n')
            done = subprocess.run([program("linnet-dnsd"), "--check", "-c", conf], capture_output=True, text=True,
                                  timeout=PATIENCE, check=False)
            assert done.returncode == 1 and re.search(pattern, done.stderr), f"{section}: {done.stderr}"


main()
