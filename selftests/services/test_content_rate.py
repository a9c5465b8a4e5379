#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The least rate of a request's content: who dribbles is sent away, who is merely slow is not."""
import os
import socket
import sys
import threading
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [os.path.join(HERE, "../userspace"), os.path.join(HERE, "../unit/http2")]
# pylint: disable=wrong-import-position
from backends import Backend, FOLDER, httpd
from harness import Daemon, PATIENCE, Skip, equal, main, need, receive_all, test, transports
try:
    import http2_client as http2
except ImportError as error:
    http2 = None
    WHY = f"{error}: install python3-h2"

CALL = (b"<?xml version='1.0'?><methodCall><methodName>system.listMethods</methodName>"
        b"<params></params></methodCall>")
HEAD = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Type: text/xml\r\n"
# Half a second for a start, and then 100 octets a second
LIMITS = "--header-timeout", "0.5", "--min-rate", "100", "--idle-timeout", "3600"


def server(*args):
    return Daemon("linnet-rpcd", "--store", "memory", *(args or LIMITS))


def send_slowly(s, pieces, pause):
    """Sends them until an answer comes; returns what has come then, or b"" when all is sent."""
    s.settimeout(pause)
    for piece in pieces:
        try:
            s.sendall(piece)
            data = s.recv(65536)
        except socket.timeout:
            continue
        except ConnectionError:
            return None
        return data
    s.settimeout(PATIENCE)
    return b""


def dribble(daemon, head, pieces, protocol):
    """The connection must be answered with 408 and closed, though something comes all the time."""
    with daemon.connect(protocol) as s:
        s.sendall(head)
        start = time.monotonic()
        data = send_slowly(s, pieces, 0.05)
        assert data, "it was not stopped"
        assert time.monotonic() - start >= 0.5, "it was stopped before its time"
        s.settimeout(PATIENCE)
        data += receive_all(s)
        assert data.startswith(b"HTTP/1.1 408 ") and b"\r\nConnection: close\r\n" in data, data


for NAME, PROTOCOL in transports():
    @test(f"content that dribbles gets 408, by its length and in chunks ({NAME})")
    def _(protocol=PROTOCOL):
        need(protocol)
        with server() as d:
            # An octet each 50 ms is 20 a second
            dribble(d, HEAD + b"Content-Length: 1000\r\n\r\n", [b" "] * 1000, protocol)
            dribble(d, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", [b"1\r\n \r\n"] * 1000, protocol)
            # No content at all, but an extension that does not end
            dribble(d, HEAD + b"Transfer-Encoding: chunked\r\n\r\n5;x=", [b"y"] * 1000, protocol)


@test("content that is fast enough on average may take longer than the time for a start")
def _():
    with server() as d, d.connect() as s:
        body = CALL + b" " * 800
        s.sendall(HEAD + b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(body))
        start = time.monotonic()
        data = send_slowly(s, [body[i:i + 50] for i in range(0, len(body), 50)], 0.05)
        assert time.monotonic() - start > 0.5
        data += receive_all(s)
        assert data.startswith(b"HTTP/1.1 200 "), data


@test("a rate of 0 lets content come however slowly")
def _():
    with server("--header-timeout", "0.2", "--min-rate", "0") as d, d.connect() as s:
        s.sendall(HEAD + b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(CALL))
        equal(send_slowly(s, [CALL[i:i + 1] for i in range(10)], 0.05), b"")
        s.sendall(CALL[10:])
        assert receive_all(s).startswith(b"HTTP/1.1 200 ")


def need_http2():
    if not http2:
        raise Skip(WHY)


@test("HTTP/2: a stream whose content dribbles gets 408, its neighbour is served")
def _():
    need_http2()
    fields = [("content-type", "text/xml")]
    with server() as d, d.connect() as sock, http2.Client(sock) as c:
        slow = c.request("/", "POST", fields, end=False)
        start = time.monotonic()
        while not (slow in c.answers and c.answers[slow].fields):
            assert time.monotonic() < start + PATIENCE, "it was not stopped"
            c.data(slow, b" ")
            c.read(0.05)
        assert time.monotonic() - start >= 0.5
        equal(c.answers[slow].status, 408)
        fast = c.request("/", "POST", fields, end=False)
        c.data(fast, CALL, end=True)
        c.done(fast)
        equal(c.answers[fast].status, 200)


def windows(c, sent, stream):
    """How much may be sent on a stream, and on the whole connection."""
    return [65535 + sum(f.window_increment for f in c.of(i, http2.WindowUpdateFrame)) - sum(octets)
            for i, octets in ((stream, sent.get(stream, [])), (0, sum(sent.values(), [])))]


def send_all(c, sent, stream, most):
    """Sends as much of @most octets as the windows allow, until they stay shut; returns how much."""
    start = sum(sent.setdefault(stream, []))
    while sum(sent[stream]) - start < most:
        c.ping()        # what the server took until now, it has given back by then
        n = min(*windows(c, sent, stream), most - sum(sent[stream]) + start)
        if n <= 0 and not c.read(0.2):
            break
        for piece in (16384,) * (n // 16384) + (n % 16384,):
            if n > 0 and piece:
                c.data(stream, b"x" * piece)
                sent[stream].append(piece)
    return sum(sent[stream]) - start


@test("HTTP/2: what slow gateways hold of their uploads is bounded, and holds up no other upload")
def _():
    need_http2()
    size, n_slow, go_on = 4 << 20, 12, threading.Event()

    def serve(s):
        """SCGI: what is for /slow is not read until the test says so."""
        data = b""
        while b":" not in data or len(data) <= int(data.split(b":")[0]) + len(data.split(b":")[0]) + 1:
            data += s.recv(1)
        if b"/app/slow" in data:
            assert go_on.wait(PATIENCE)
        rest = int(data.split(b"CONTENT_LENGTH\0")[1].split(b"\0")[0])
        while rest:
            piece = s.recv(1 << 20)
            if not piece:
                return
            rest -= len(piece)
        s.sendall(b"Status: 200 Fine\r\nContent-Type: text/plain\r\n\r\n")

    limits = 'limits { header-time = "2s" content-rate = "100" idle-time = "1h" }'
    with Backend(serve, path=os.path.join(FOLDER.name, "slow")) as b, \
            httpd({"/app": f'scgi {{ address = "{b.address}" }}'}, limits) as d, \
            d.connect() as sock, http2.Client(sock) as c:
        sent, slow = {}, []

        def begin(path):
            return c.request(path, "POST", [("content-length", str(size))], end=False)

        for _ in range(n_slow):
            slow.append(begin("/app/slow"))
            send_all(c, sent, slow[-1], size)
        for i in slow:
            equal(windows(c, sent, i)[0], 0, f"the window of stream {i}")
        held = [sum(sent[i]) for i in slow]
        print(f"# held: {held}")
        equal(max(held) < size, True, "held of one")
        # A few may hold more, so that they are fast; the others hold what all may.
        equal(held.count(min(held)) >= n_slow - 4, True, "held of most")
        for _ in range(2):
            upload = begin("/app/upload")
            equal(send_all(c, sent, upload, size), size, "octets taken")
            c.data(upload, b"", end=True)
            equal(c.done(upload).status, 200)
        go_on.set()
        for i in slow:
            equal(send_all(c, sent, i, size - sum(sent[i])) > 0, True, "goes on")
            c.data(i, b"", end=True)
        equal([c.done(i).status for i in slow], [200] * n_slow)


main()
