#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""HTTP/2 frame by frame: what RFC 9113 asks, and what a hostile client gets."""
import os
import re
import signal
import socket
import ssl
import struct
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../../userspace"))
# pylint: disable=wrong-import-position
from harness import PATIENCE, Skip, equal, has_protocol, main, temporary_folder, test, until

try:
    from http2_client import *  # pylint: disable=wildcard-import,unused-wildcard-import
except ImportError as why:
    print(f"TAP version 13\n1..1\nok 1 http2_frames # SKIP {why}: install python3-h2")
    sys.exit(4)
from hyperframe.frame import PriorityFrame, ExtensionFrame

from http2_server import CALM_TIME, Server

SHORT_TIME = 700


def each(name, ms=CALM_TIME):
    """A test on TCP, and on protocol 253 where that is."""
    def add(function):
        def run(number):
            if not has_protocol(number):
                raise Skip("the module is not loaded")
            with Server(number, ms) as server:
                function(server)
        for transport, number in (("tcp", socket.IPPROTO_TCP), ("linnet", 253)):
            test(f"{name}: {transport}")(lambda number=number: run(number))
        return function
    return add


def raw(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


# --- what it is for ---

@each("GET, HEAD and 404, with SETTINGS as the limits say")
def _(server):
    with server.client() as c:
        a = c.get("/hello")
        equal((a.status, a.data, a["content-length"], a["server"]), (200, b"hello\n", "6", "http2_serve"))
        a = c.get("/hello", method="HEAD")
        equal((a.status, a.data, a["content-length"]), (200, b"", "6"), "HEAD")
        equal(len(c.of(3, DataFrame)), 0, "DATA frames for HEAD")
        equal(c.get("/none").status, 404)
        equal(c.settings, {MAX_STREAMS: 20, HEADER_LIST: 16384, NO_7540: 1}, "SETTINGS")
        c.ping()
        update = [f for f in c.of(0, WindowUpdateFrame)]
        equal(sum(f.window_increment for f in update), (1 << 20) - 65535, "the connection's window")


@each("a second request's and response's header is smaller")
def _(server):
    with server.client() as c:
        extra = [("user-agent", "a client with a long name/1.0"), ("accept-language", "en, de;q=0.5")]
        first, second = [c.request_frame("/head", extra=extra) for _ in range(2)]
        c.send(first, second)
        answers = [c.done(1), c.done(3)]
        sizes = [len(c.of(i, HeadersFrame)[0].data) for i in (1, 3)]
        equal(answers[0].data, answers[1].data, "what arrived")
        assert sizes[1] < sizes[0] / 2, sizes
        assert len(second.data) < len(first.data) / 2


@each("HPACK's table: the client's size counts, up to 4096")
def _(server):
    with server.client(settings={TABLE_SIZE: 0}) as c:
        c.get("/hello")
        equal(c.get("/hello").status, 200)
        equal(len(c.of(1, HeadersFrame)[0].data) - 1, len(c.of(3, HeadersFrame)[0].data),
              "no table: only the update of its size is saved")
    with server.client(settings={TABLE_SIZE: 1 << 20}) as c:
        c.decoder.max_allowed_table_size = 1 << 20
        c.get("/hello")
        assert c.decoder.header_table_size <= 4096, c.decoder.header_table_size


@each("streams are interleaved")
def _(server):
    with server.client() as c:
        c.send(c.request_frame("/file/300000"), c.request_frame("/file/300000"))
        for i in (1, 3):
            equal(len(c.done(i).data), 300000)
        order = [f.stream_id for f in c.frames if isinstance(f, DataFrame)]
        changes = sum(a != b for a, b in zip(order, order[1:]))
        assert changes > 5, order
        assert max(len(f.data) for f in c.of(1)) == 16384


@each("RFC 9218: urgency, then order, then a share for what is incremental")
def _(server):
    with server.client(settings={NO_7540: 1, WINDOW: 1 << 20}) as c:
        # The connection's window is open only when all requests are there.
        c.send(c.request_frame("/file/60000", extra=[("priority", "u=5")]),
               c.request_frame("/file/60000", extra=[("priority", "u=1")]),
               c.request_frame("/file/60000", extra=[("priority", "u=3, i")]),
               c.request_frame("/file/60000", extra=[("priority", "u=3, i")]))
        for i in (1, 3, 5, 7):
            c.done(i)
        order = [f.stream_id for f in c.frames if isinstance(f, DataFrame) and f.data]
        assert set(order[:4]) == {3}, order
        # of 5 and 7 neither waits for the other; 1 is last
        middle = [i for i in order if i in (5, 7)]
        assert sum(a != b for a, b in zip(middle, middle[1:])) >= 4, order
        equal(order[-1], 1, "least urgent")
        assert order.index(1) > max(i for i, v in enumerate(order) if v in (3, 5, 7)), order


@each("RFC 9218: PRIORITY_UPDATE")
def _(server):
    with server.client(settings={NO_7540: 1, WINDOW: 1 << 20}, auto=False) as c:
        c.until(lambda: c.settings, "SETTINGS")
        c.send(SettingsFrame(0, flags=["ACK"]), c.request_frame("/file/150000"),
               c.request_frame("/file/150000", extra=[("priority", "u=6")]),
               raw(16, 0, 0, struct.pack(">I", 3) + b"u=0"))
        c.ping()
        c.until(lambda: sum(len(f.data) for f in c.frames if isinstance(f, DataFrame)) == 65535,
                "the first window")
        c.update(0, 400000)
        c.auto = True
        c.done(1)
        c.done(3)
        order = [f.stream_id for f in c.frames if isinstance(f, DataFrame) and f.data]
        assert order.index(1) > 2 and max(i for i, v in enumerate(order) if v == 3) < \
            max(i for i, v in enumerate(order) if v == 1), order
        equal(order[-1], 1, "the last frame")


@each("RFC 7540: weights, where the client knows nothing else")
def _(server):
    with server.client(settings={WINDOW: 1 << 20}, auto=False) as c:
        c.send(SettingsFrame(0, flags=["ACK"]), c.request_frame("/file/500000"),
               c.request_frame("/file/500000"),
               PriorityFrame(1, stream_weight=255), PriorityFrame(3, stream_weight=15))
        c.ping()
        c.update(0, 100000)
        c.until(lambda: sum(len(f.data) for f in c.frames if isinstance(f, DataFrame)) == 165535,
                "the window to be used up")
        ratio = len(c.answer(1).data) / max(1, len(c.answer(3).data))
        assert ratio > 4, ratio


@each("flow control: not an octet more than the windows allow")
def _(server):
    with server.client(settings={WINDOW: 1}, auto=False) as c:
        c.send(SettingsFrame(0, flags=["ACK"]))
        i = c.request("/file/1000000")
        granted = 1
        for n in (0, 1, 1, 1, 3, 100, 1000, 20000):
            if n:
                c.update(i, n)
            granted += n
            c.until(lambda: len(c.answer(i).data) >= granted, f"{granted} octets")
            c.ping()
            equal(len(c.answer(i).data), granted, "octets")
        c.send(SettingsFrame(0, settings={WINDOW: 1001}))
        granted += 1000
        c.ping()
        equal(len(c.answer(i).data), granted, "octets with a larger initial window")
        c.send(SettingsFrame(0, settings={WINDOW: 0}))
        c.update(i, 500)
        c.ping()
        equal(len(c.answer(i).data), granted, "octets with a window below zero")
        # The connection's window is what is left.
        c.update(i, 1 << 20)
        c.ping()
        equal(len(c.answer(i).data), 65535, "octets in the connection's window")
        c.update(0, 1 << 20)
        equal(len(c.done(i).data), 1000000)


@each("from memory as there is room, also slowly")
def _(server):
    with server.client() as c:
        equal(len(c.get("/bytes/3000000").data), 3000000)
    with server.client(auto=False) as c:
        before = server.memory()
        i = c.request("/bytes/1000000000")
        c.until(lambda: len(c.answer(i).data) == 65535, "a window")
        c.ping()
        assert server.memory() - before < 4 << 20, server.memory() - before


@each("content: echo, trailers both ways, 100-continue, hints")
def _(server):
    with server.client() as c:
        body = bytes(range(256)) * 1000
        i = c.request("/echo", "POST", [("content-length", str(len(body)))], end=False)
        for at in range(0, len(body), 10000):
            c.data(i, body[at:at + 10000], at + 10000 >= len(body))
        equal(c.done(i).data, body)
        i = c.request("/echo", "POST", [("te", "trailers")], end=False)
        c.data(i, b"abc")
        c.send(HeadersFrame(i, data=c.encoder.encode([("x-sum", "42"), ("content-type", "no")]),
                            flags=["END_HEADERS", "END_STREAM"]))
        a = c.done(i)
        equal((a.data, a.trailers), (b"abc", [("x-echoed", "42")]))
        a = c.get("/trailers")
        equal((a.data, a.trailers), (b"body", [("x-checksum", "abc")]))
        i = c.request("/echo", "POST", [("expect", "100-continue")], end=False)
        c.until(lambda: c.answer(i).interim, "100 (Continue)")
        equal(c.answer(i).interim, [[(":status", "100")]])
        c.data(i, b"x", True)
        equal(c.done(i).data, b"x")
        equal(c.get("/echo", method="POST", extra=[("expect", "something")]).status, 417)
        equal(c.get("/hints").interim, [[(":status", "103"), ("link", "</style.css>; rel=preload")]])
        # Empty content, and none
        i = c.request("/echo", "POST", end=False)
        c.data(i, b"", True)
        equal(c.done(i).data, b"0\n")
        equal(c.get("/echo", method="POST").data, b"0\n")


@each("http_hold() holds the sender back, other streams go on")
def _(server):
    with server.client() as c:
        i = c.request("/slow-echo", "POST", end=False)
        c.ping()
        sent = 1
        c.data(i, b"z")
        c.ping()
        window = 65535 + sum(f.window_increment for f in c.of(i, WindowUpdateFrame)) - sent
        assert window <= 256 << 10, window
        while window:
            n = min(window, 10000)
            c.data(i, b"y" * n)
            sent += n
            window -= n
        c.ping()
        before = sum(f.window_increment for f in c.of(i, WindowUpdateFrame))
        equal(65535 + before, sent, "no window as long as it is held")
        equal(c.get("/hello").data, b"hello\n")
        while len(c.answer(i).data) < sent:
            equal(c.get("/go").data, b"went\n")
            c.ping()
        assert sum(f.window_increment for f in c.of(i, WindowUpdateFrame)) > before
        c.data(i, b"", True)
        c.get("/go")
        equal(len(c.done(i).data), sent)


@each("content that nobody asked for")
def _(server):
    with server.client() as c:
        i = c.request("/wait", "POST", end=False)
        for _n in range(6):
            c.data(i, b"x" * 10000)
        c.ping()
        equal(c.of(i, WindowUpdateFrame), [], "no more than a window")
        # The response is complete before the request: RST_STREAM(NO_ERROR) after it
        i = c.request("/hello", "POST", end=False)
        a = c.done(i)
        c.until(lambda: a.reset is not None, "RST_STREAM")
        equal((a.status, a.ended, a.reset), (200, True, NO_ERROR))
        c.data(i, b"x" * 1000)
        equal(c.get("/hello").status, 200)


@each("too much content is 413")
def _(server):
    with server.client() as c:
        equal(c.get("/count", method="POST", extra=[("content-length", str(1 << 30))], end=False).status, 413)
        i = c.request("/count", "POST", end=False)
        sent, a = 0, c.answer(i)
        window = 65535
        while a.fields is None and sent < 2 << 20:
            window = 65535 + sum(f.window_increment for f in c.of(i, WindowUpdateFrame)) - sent
            total = 65535 + sum(f.window_increment for f in c.of(0, WindowUpdateFrame)) - sent
            n = min(window, total, 16384)
            if n > 0:
                c.data(i, b"x" * n)
                sent += n
            c.read(0.01)
        equal(c.done(i).status, 413)
        assert sent > 1 << 20, sent


@each("an abort is RST_STREAM(INTERNAL_ERROR), a short file too")
def _(server):
    with server.client() as c:
        a = c.get("/abort")
        equal((a.reset, a.ended), (INTERNAL_ERROR, False))
        a = c.get("/short")
        equal((a.reset, a.ended), (INTERNAL_ERROR, False))
        equal(c.get("/hello").status, 200)
        equal(c.get("/open").data, b"0\n")


@each("server push: promised, sent, refused, not wanted")
def _(server):
    with server.client() as c:
        a = c.get("/push/3", extra=[("accept-encoding", "gzip"), ("x-other", "y")])
        equal(a.status, 200)
        equal(sorted(c.promises), [2, 4, 6])
        equal(c.promises[2], (1, {":method": "GET", ":scheme": "http", ":authority": "h",
                                  ":path": "/pushed/0", "accept-encoding": "gzip"}))
        for i in (2, 4, 6):
            equal(c.done(i).data, b"hello\n")
        kinds = [(type(f), f.stream_id) for f in c.frames if f.stream_id]
        assert kinds.index((PushPromiseFrame, 1)) < kinds.index((HeadersFrame, 1)), kinds
        # Refused: nothing comes, the connection goes on.
        c.request("/push/1")
        c.until(lambda: 8 in c.promises, "a promise")
        c.send(RstStreamFrame(8, error_code=CANCEL))
        equal(c.get("/open").data, b"0\n")
        c.get("/push/100")
        assert len(c.promises) <= 4 + 32, len(c.promises)
    with server.client(settings={ENABLE_PUSH: 0}) as c:
        c.get("/push/3")
        c.ping()
        equal(c.promises, {})
    with server.client(settings={MAX_STREAMS: 1}) as c:
        c.get("/push/3")
        c.ping()
        equal(len(c.promises), 1)


# --- requests that are not as they should be ---

@each("malformed requests are RST_STREAM(PROTOCOL_ERROR), and no more than that")
def _(server):
    get = [(":method", "GET"), (":scheme", "http"), (":authority", "h"), (":path", "/hello")]
    bad = {
        "no :method": get[1:], "no :scheme": [get[0], *get[2:]], "no :path": get[:3],
        "no authority": [get[0], get[1], get[3]],
        "two :path": get + [(":path", "/x")],
        "empty :path": get[:3] + [(":path", "")],
        "pseudo after a field": get[:3] + [("x", "y"), get[3]],
        "unknown pseudo": get + [(":x", "y")],
        "a response's pseudo": get + [(":status", "200")],
        "upper case": get + [("X-Upper", "y")],
        "a blank in a name": get + [("x y", "z")],
        "a colon in a name": get + [("x:y", "z")],
        "an empty name": get + [("", "z")],
        "LF in a value": get + [("x", "y\nz: 1")], "CR in a value": get + [("x", "y\rz")],
        "NUL in a value": get + [("x", "y\0z")], "a blank before a value": get + [("x", " y")],
        "connection": get + [("connection", "close")], "upgrade": get + [("upgrade", "h2c")],
        "transfer-encoding": get + [("transfer-encoding", "chunked")],
        "keep-alive": get + [("keep-alive", "1")],
        "proxy-connection": get + [("proxy-connection", "close")],
        "te": get + [("te", "gzip")],
        "two lengths": get + [("content-length", "0"), ("content-length", "0")],
        "a length with a sign": get + [("content-length", "+1")],
        "content promised that does not come": get + [("content-length", "5")],
        "a method that is no token": [(":method", "G T"), *get[1:]],
        "a blank in :path": get[:3] + [(":path", "/a b")],
        "a blank in :authority": [*get[:2], (":authority", "h h"), get[3]],
        "* for GET": get[:3] + [(":path", "*")],
        "no slash": get[:3] + [(":path", "hello")],
    }
    with server.client() as c:
        for name, fields in bad.items():
            i, c.next_id = c.next_id, c.next_id + 2
            c.send(HeadersFrame(i, data=c.encoder.encode(fields), flags=["END_HEADERS", "END_STREAM"]))
            equal(c.done(i).reset, PROTOCOL_ERROR, name)
        equal(c.get("/hello").status, 200)
        for n, sent in ((5, b"abc"), (2, b"abc")):
            i = c.request("/echo", "POST", [("content-length", str(n))], end=False)
            c.data(i, sent, True)
            equal(c.done(i).reset, PROTOCOL_ERROR, f"{len(sent)} octets for {n}")
        equal(c.get("/open").data, b"0\n")


@each("requests that get an answer all the same")
def _(server):
    with server.client() as c:
        def status(path="/head", **more):
            return c.get(path, **more).status
        equal(status(extra=[("host", "h")]), 200, "the same Host")
        equal(status(extra=[("host", "H")]), 200, "the same in another case")
        equal(status(extra=[("host", "other")]), 400, "another Host")
        equal(status(authority="user@h"), 400, "userinfo")
        equal(status(authority="h:x"), 400, "a port that is none")
        equal(status(scheme="ftp"), 400, "another scheme")
        equal(status(path="/head#part"), 400, "a fragment")
        equal(status(method="BREW"), 501)
        equal(status(method="TRACE"), 501)
        equal(status(method="OPTIONS", path="*"), 200)
        i, c.next_id = c.next_id, c.next_id + 2
        c.send(HeadersFrame(i, data=c.encoder.encode([(":method", "CONNECT"), (":authority", "h:1")]),
                            flags=["END_HEADERS", "END_STREAM"]))
        equal(c.done(i).status, 501, "CONNECT")
        equal(status(path="/head?" + "x" * 5000), 414)
        equal(status(extra=[("x", "y" * 9000), ("z", "y" * 9000)]), 431, "size")
        equal(status(extra=[(f"x{n}", "y") for n in range(51)]), 431, "number")
        equal(status(path="/" + "x" * 17000), 414, "target and size")
        a = c.get("/head", extra=[("host", "H:80")], authority=None)
        assert a.data.startswith(b"GET /head host=h authority=H:80 length=0\n"), a.data
        a = c.get("/head", extra=[("cookie", "a=1"), ("x", "y"), ("cookie", "b=2")])
        assert b"\ncookie: a=1; b=2\nx: y\n" in a.data and a.data.count(b"cookie") == 1, a.data
        assert b"\nhost: h\n" in a.data, a.data


@each("padding, CONTINUATION, unknown frames and settings")
def _(server):
    with server.client(settings={0x7a7a: 5}) as c:
        block = c.head("/hello")
        c.send(HeadersFrame(1, data=block, pad_length=20, flags=["END_HEADERS", "END_STREAM", "PADDED"]))
        equal(c.done(1).status, 200)
        block = c.head("/echo", "POST", [("x", "y" * 300)])
        c.send(HeadersFrame(3, data=block[:5]), ContinuationFrame(3, data=block[5:100]),
               ContinuationFrame(3, data=block[100:], flags=["END_HEADERS"]))
        c.send(raw(0x55, 0xff, 3, b"unknown"), raw(0x56, 0, 0, b""))
        c.send(DataFrame(3, b"abc", pad_length=100, flags=["PADDED"]), DataFrame(3, b"d", flags=["END_STREAM"]))
        equal(c.done(3).data, b"abcd")


@each("errors of the connection: the code of GOAWAY")
def _(server):
    def code(*frames, hello=True):
        with server.client(hello=hello) as c:
            if hello:
                c.ping()
            c.send(*[f(c) if callable(f) else f for f in frames])
            return c.gone()

    end = ["END_HEADERS", "END_STREAM"]
    equal(code(raw(0, 0, 0, b"x")), PROTOCOL_ERROR, "DATA on stream 0")
    equal(code(raw(0, 0, 1, b"x")), PROTOCOL_ERROR, "DATA on an idle stream")
    equal(code(raw(8, 0, 1, b"\0\0\0\1")), PROTOCOL_ERROR, "WINDOW_UPDATE on an idle stream")
    equal(code(raw(3, 0, 1, b"\0\0\0\1")), PROTOCOL_ERROR, "RST_STREAM on an idle stream")
    equal(code(raw(8, 0, 0, b"\0\0\0\0")), PROTOCOL_ERROR, "WINDOW_UPDATE of 0")
    equal(code(raw(8, 0, 0, b"\x7f\xff\xff\xff")), FLOW_CONTROL_ERROR, "too large a window")
    equal(code(raw(8, 0, 0, b"\0\0\1")), FRAME_SIZE_ERROR, "short WINDOW_UPDATE")
    equal(code(raw(6, 0, 0, b"1234567")), FRAME_SIZE_ERROR, "short PING")
    equal(code(raw(6, 0, 1, b"12345678")), PROTOCOL_ERROR, "PING on a stream")
    equal(code(raw(4, 0, 0, b"12345")), FRAME_SIZE_ERROR, "SETTINGS of an odd length")
    equal(code(raw(4, 1, 0, b"123456")), FRAME_SIZE_ERROR, "SETTINGS ACK with content")
    equal(code(raw(4, 0, 1)), PROTOCOL_ERROR, "SETTINGS on a stream")
    equal(code(raw(4, 0, 0, struct.pack(">HI", ENABLE_PUSH, 2))), PROTOCOL_ERROR, "ENABLE_PUSH 2")
    equal(code(raw(4, 0, 0, struct.pack(">HI", WINDOW, 1 << 31))), FLOW_CONTROL_ERROR, "WINDOW 2^31")
    equal(code(raw(4, 0, 0, struct.pack(">HI", FRAME_SIZE, 100))), PROTOCOL_ERROR, "FRAME_SIZE 100")
    equal(code(raw(0, 0, 1, b"x" * 16385)), FRAME_SIZE_ERROR, "too large a frame")
    equal(code(raw(5, 4, 1, b"\0\0\0\2")), PROTOCOL_ERROR, "PUSH_PROMISE of a client")
    equal(code(raw(9, 4, 1, b"x")), PROTOCOL_ERROR, "CONTINUATION of nothing")
    equal(code(raw(1, 1, 1, b"\x82"), raw(6, 0, 0, b"12345678")), PROTOCOL_ERROR, "PING within a header")
    equal(code(raw(1, 5, 2, b"\x82")), PROTOCOL_ERROR, "an even stream")
    equal(code(raw(1, 5, 1, b"\xff\xff\xff\xff")), COMPRESSION_ERROR, "no HPACK")
    equal(code(raw(1, 0xd, 1, b"\x20\x82")), PROTOCOL_ERROR, "padding beyond the frame")
    equal(code(lambda c: HeadersFrame(1, data=c.head("/wait"), flags=end), raw(0, 0, 1, b"x")),
          STREAM_CLOSED, "DATA after the end")
    equal(code(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + raw(6, 0, 0, b"12345678"), hello=False),
          PROTOCOL_ERROR, "no SETTINGS")
    with server.client() as c:
        equal(c.get("/open").data, b"0\n")


@each("errors of a stream: the code of RST_STREAM")
def _(server):
    with server.client() as c:
        i = c.request("/wait", "POST", end=False)
        c.send(raw(8, 0, i, b"\x7f\xff\xff\xff"))
        equal(c.done(i).reset, FLOW_CONTROL_ERROR, "too large a window")
        i = c.request("/wait", "POST", end=False)
        for _n in range(5):
            c.data(i, b"x" * 16000)
        equal(c.done(i).reset, FLOW_CONTROL_ERROR, "more than the window")
        equal(c.get("/hello").status, 200)


# --- hostile clients ---

def calm(server, act, last=None, **more):
    """Does @act until GOAWAY; @last: streams that it may name.  The server is well after that."""
    with server.client(**more) as c:
        if c.auto:
            c.ping()
        try:
            act(c)
        except (BrokenPipeError, ConnectionResetError, Closed):
            pass
        equal(c.gone(), ENHANCE_YOUR_CALM)
        if last and c.goaway.last_stream_id not in last:
            raise AssertionError(f"not before stream {c.goaway.last_stream_id}")
    with server.client() as c:
        until(lambda: c.get("/open").data == b"0\n", "the exchanges to end")


@each("rapid reset (CVE-2023-44487)")
def _(server):
    def act(c):
        for _n in range(1000):
            f = c.request_frame("/wait")
            c.send(f, RstStreamFrame(f.stream_id, error_code=CANCEL))
            c.read(0)
    calm(server, act, last=range(400, 500))
    with server.client() as c:
        for _n in range(100):
            f = c.request_frame("/wait")
            c.send(f, RstStreamFrame(f.stream_id, error_code=CANCEL))
        equal(c.get("/hello").status, 200, "a page that was left")


@each("made the server reset (CVE-2025-8671)")
def _(server):
    def act(c):
        for n in range(1000):
            f = c.request_frame("/wait", "POST", end=False)
            c.send(f, raw(8, 0, f.stream_id, b"\x7f\xff\xff\xff"))
            if n % 10 == 9:
                c.ping()
    calm(server, act, last=range(400, 500))


@each("CONTINUATION flood (CVE-2024-28182)")
def _(server):
    def act(c):
        c.send(HeadersFrame(1, data=b"", flags=["END_STREAM"]))
        for n in range(2000):
            c.send(ContinuationFrame(1, data=c.encoder.encode([(f"x-{n}", "y" * 100)])))
            c.read(0)
    calm(server, act)
    calm(server, lambda c: [c.send(HeadersFrame(1, data=b""))] +
         [c.send(ContinuationFrame(1, data=b"")) for _ in range(100)])


@each("floods of SETTINGS, PING, PRIORITY, WINDOW_UPDATE and empty DATA")
def _(server):
    def flood(frame, n, first=None):
        def act(c):
            if first:
                c.send(first(c))
            for _n in range(n // 100):
                c.send(frame * 100)
                c.read(0)
                if c.closed:
                    return
        return act
    calm(server, flood(raw(4, 0, 0), 5000))
    calm(server, flood(raw(6, 0, 0, b"12345678"), 5000))
    calm(server, flood(raw(2, 0, 1, struct.pack(">IB", 0, 1)), 20000))
    calm(server, flood(raw(8, 0, 0, b"\0\0\0\1"), 20000))
    calm(server, flood(raw(0, 0, 1), 20000, lambda c: c.request_frame("/echo", "POST", end=False)))
    calm(server, flood(raw(0, 8, 1, b"\x20" + b"\0" * 32), 20000,
                       lambda c: c.request_frame("/echo", "POST", end=False)))
    # Not read: answers are not kept without end.
    calm(server, lambda c: [c.send(raw(4, 0, 0) * 100) for _ in range(100)], auto=False)
    calm(server, lambda c: c.send(raw(4, 0, 0, struct.pack(">HI", 0x5555, 1) * 100)))


@each("a priority tree does not grow without end")
def _(server):
    before = server.memory()
    with server.client() as c:
        for n in range(1500):
            c.send(PriorityFrame(1 + 2 * n, depends_on=2 * n - 1 if n else 0, stream_weight=1))
        c.next_id = 4001
        equal(c.get("/hello").status, 200)
        assert server.memory() - before < 2 << 20


@each("more streams than allowed")
def _(server):
    with server.client() as c:
        c.ping()
        c.send(*[c.request_frame("/wait") for _ in range(20)])
        c.ping()
        equal(c.goaway, None)
        c.request("/wait")
        equal(c.gone(), PROTOCOL_ERROR)
    # Before the limit was acknowledged it is an excess that is refused.
    with server.client(auto=False) as c:
        c.send(*[c.request_frame("/wait") for _ in range(21)])
        equal(c.done(41).reset, REFUSED_STREAM)


@each("drip of a tiny window")
def _(server):
    def act(c):
        c.send(SettingsFrame(0, flags=["ACK"]))
        i = c.request("/file/1000000")
        for _n in range(200):
            c.send(raw(8, 0, i, b"\0\0\0\1") * 100)
            c.read(0)
    calm(server, act, auto=False, settings={WINDOW: 0})


@each("ordinary clients are not told to be calm")
def _(server):
    with server.client() as c:
        for _n in range(3000):
            c.get("/hello")
        equal(len(c.get("/file/4000000").data), 4000000)
        i = c.request("/count", "POST", end=False)
        for n in range(2500):
            c.data(i, b"x" * 100)
            if n % 100 == 0:
                c.ping()
        c.data(i, b"", True)
        equal(c.done(i).data, b"250000\n")


@each("memory stays bounded with 20 streams that are not read")
def _(server):
    with server.client() as c:
        c.get("/hello")
        before = server.memory()
    with server.client(auto=False, settings={WINDOW: 1 << 30}) as c:
        c.send(SettingsFrame(0, flags=["ACK"]), raw(8, 0, 0, b"\x3f\0\0\0"),
               *[c.request_frame("/bytes/100000000") for _ in range(20)])
        c.read(5)
        c.read(1)
        with server.client() as other:
            equal(other.get("/hello").status, 200)
        assert server.memory() - before < 16 << 20, server.memory() - before


# --- time ---

@each("time for the preface and SETTINGS", ms=SHORT_TIME)
def _(server):
    with server.client(hello=False) as c:
        c.send(PREFACE)
        equal(c.gone(), PROTOCOL_ERROR)
    with server.client(auto=False) as c:
        equal(c.gone(), SETTINGS_TIMEOUT)


@each("time for a header", ms=SHORT_TIME)
def _(server):
    with server.client() as c:
        c.ping()
        c.send(HeadersFrame(1, data=c.head("/hello")))
        equal(c.gone(), ENHANCE_YOUR_CALM)


@each("an idle connection ends with GOAWAY(NO_ERROR)", ms=SHORT_TIME)
def _(server):
    with server.client() as c:
        start = time.monotonic()
        equal(c.get("/hello").status, 200)
        equal((c.gone(), c.goaway.last_stream_id), (NO_ERROR, 1))
        assert time.monotonic() - start >= SHORT_TIME / 1000
    with server.client() as c:
        # PING does not keep it.
        while not c.closed:
            try:
                c.ping()
            except (Closed, BrokenPipeError, ConnectionResetError):
                break
            time.sleep(0.05)
        equal(c.gone(), NO_ERROR)


@each("streams without progress", ms=SHORT_TIME)
def _(server):
    with server.client() as c:
        equal(c.get("/wait").status, 503, "nobody answers")
    with server.client() as c:
        i = c.request("/count", "POST", end=False)
        equal(c.done(i).status, 408, "content does not come")
    with server.client(auto=False, settings={WINDOW: 0}) as c:
        c.send(SettingsFrame(0, flags=["ACK"]))
        i = c.request("/file/1000")
        assert c.done(i).reset is not None, "no window"
        c.until(lambda: c.goaway, "GOAWAY")
    with server.client(auto=False, settings={WINDOW: 0}) as c:
        # An octet now and then is no progress.
        c.send(SettingsFrame(0, flags=["ACK"]))
        i = c.request("/file/100000")
        end = time.monotonic() + PATIENCE
        while c.answer(i).reset is None and time.monotonic() < end:
            c.update(i, 1)
            c.read(0)
            time.sleep(0.02)
        assert c.answer(i).reset is not None, "dripping"


@each("a peer that takes nothing is cut off", ms=SHORT_TIME)
def _(server):
    s = server.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    with Client(s, auto=False, settings={WINDOW: 1 << 30}) as c:
        c.send(SettingsFrame(0, flags=["ACK"]), raw(8, 0, 0, b"\x3f\0\0\0"),
               c.request_frame("/bytes/100000000"))
        until(lambda: any(re.search(r":\d+: closed$", line) for line in server.lines), "the end")


@each("SIGTERM: what is under way is finished")
def _(server):
    with server.client() as c, server.client() as idle:
        c.get("/hello")
        idle.get("/hello")
        i = c.request("/echo", "POST", end=False)
        c.ping()
        server.process.send_signal(signal.SIGTERM)
        equal((idle.gone(), idle.goaway.last_stream_id), (NO_ERROR, 1), "the idle one")
        c.until(lambda: c.goaway, "the notice")
        equal((c.goaway.error_code, c.goaway.last_stream_id), (NO_ERROR, 0x7fffffff), "the notice")
        c.until(lambda: c.goaway.last_stream_id == i, "the last GOAWAY")
        c.data(i, b"abc", True)
        equal(c.done(i).data, b"abc")
        equal((c.gone(), c.goaway.last_stream_id), (NO_ERROR, i))
    equal(server.process.wait(PATIENCE), 0)


@each("the client's end: half closed, gone")
def _(server):
    with server.client() as c:
        i = c.request("/file/50000")
        j = c.request("/echo", "POST", end=False)
        c.sock.shutdown(socket.SHUT_WR)
        c.auto = False
        equal(len(c.done(i).data), 50000, "what was asked for")
        equal(c.done(j).reset, INTERNAL_ERROR, "what never comes")
        c.read(PATIENCE)
    with server.client() as c:
        c.request("/wait")
        c.request("/slow-echo", "POST", end=False)
        c.ping()
    with server.client() as c:
        until(lambda: c.get("/open").data == b"0\n", "the exchanges to end")


@test("TLS: h2 by ALPN, and http/1.1")
def _():
    with temporary_folder() as folder:
        files = [os.path.join(folder, n) for n in ("certificate", "key")]
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj",
                        "/CN=localhost", "-out", files[0], "-keyout", files[1]],
                       check=True, stderr=subprocess.DEVNULL)
        with Server(tls=files) as server:
            context = ssl.create_default_context(cafile=files[0])
            context.check_hostname = False
            context.set_alpn_protocols(["h2", "http/1.1"])
            with Client(context.wrap_socket(server.socket()), patience=PATIENCE) as c:
                equal(c.sock.selected_alpn_protocol(), "h2")
                equal(c.get("/hello").data, b"hello\n")
                equal(len(c.get("/file/3000000").data), 3000000)
                equal(c.get("/push/1").status, 200)
                equal(c.promises[2][1][":scheme"], "https")
            with Client(context.wrap_socket(server.socket()), hello=False) as c:
                c.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
                equal(c.gone(), PROTOCOL_ERROR, "h2 agreed upon, and HTTP/1.1 spoken")
            context.set_alpn_protocols(["http/1.1"])
            with context.wrap_socket(server.socket()) as s:
                s.sendall(b"GET /hello HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
                assert s.recv(100).startswith(b"HTTP/1.1 200"), "http/1.1"


if __name__ == "__main__":
    main()
