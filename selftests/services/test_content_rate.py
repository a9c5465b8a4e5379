#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The least rate of a request's content: who dribbles is sent away, who is merely slow is not."""
import os
import socket
import sys
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [os.path.join(HERE, "../userspace"), os.path.join(HERE, "../unit/http2")]
# pylint: disable=wrong-import-position
from harness import Daemon, PATIENCE, Skip, equal, main, need, receive_all, test, transports

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


@test("HTTP/2: a stream whose content dribbles gets 408, its neighbour is served")
def _():
    try:
        from http2_client import Client
    except ImportError as e:
        raise Skip(f"{e}: install python3-h2") from None
    fields = [("content-type", "text/xml")]
    with server() as d, d.connect() as sock, Client(sock) as c:
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


main()
