#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""linnet-httpd: what it accepts, what it refuses, what it sends."""
import email.utils
import hashlib
import os
import re
import signal
import socket
import subprocess
import time

from harness import (Daemon, PATIENCE, Skip, equal, main, need, program, receive_all, temporary_folder, test,
                     transports, until)

BIG = os.urandom(3 << 20)
FOLDER = temporary_folder()


def fill(folder):
    def put(path, data):
        os.makedirs(os.path.dirname(os.path.join(folder, path)), exist_ok=True)
        with open(os.path.join(folder, path), "wb") as f:
            f.write(data)
    put("secret.txt", b"outside")
    put("www/a.txt", b"0123456789")
    put("www/empty", b"")
    put("www/big.bin", BIG)
    put("www/page/index.html", b"<h1>page</h1>")
    put("www/page/style.css", b"a{}")
    put("www/list/b&<i>.txt", b"b")
    put("www/list/javascript:alert(1)", b"j")
    put("www/list/sub/c", b"c")
    put("www/with space/d", b"d")
    put("www/..dots", b"dots")
    put("www/hidden", b"no")
    os.chmod(os.path.join(folder, "www/hidden"), 0)
    os.makedirs(os.path.join(folder, "www/badindex/index.html"))
    www = os.path.join(folder, "www")
    os.symlink("a.txt", www + "/inside")
    os.symlink("../secret.txt", www + "/outside")
    os.symlink("/etc/passwd", www + "/absolute")
    os.symlink("..", www + "/up")
    os.symlink("/proc/self/root", www + "/magic")
    os.symlink("loop", www + "/loop")
    os.mkfifo(www + "/fifo")
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(www + "/socket")
    # Old enough for its date to be a strong validator
    os.utime(www + "/a.txt", (1e9, 1e9))
    return www


WWW = fill(FOLDER.name)


def httpd(*args, folder=WWW):
    return Daemon("linnet-httpd", *args, folder)


class Response:
    """One response off a stream."""

    def __init__(self, f, head=False):
        line = f.readline()
        if not line:
            raise EOFError("no response")
        m = re.fullmatch(rb"HTTP/1\.1 (\d{3}) [A-Za-z -]+\r\n", line)
        assert m, line
        self.status = int(m[1])
        self.fields = {}
        while True:
            line = f.readline()
            assert line.endswith(b"\r\n"), line
            if line == b"\r\n":
                break
            name, value = line[:-2].decode().split(": ", 1)
            assert name.lower() not in self.fields, line
            self.fields[name.lower()] = value
        assert abs(email.utils.parsedate_to_datetime(self["date"]).timestamp() - time.time()) < 30, self["date"]
        assert self["server"].startswith("linnet-httpd")
        if self.status in (204, 304):
            assert "content-length" not in self.fields
            self.body = b""
        else:
            length = int(self["content-length"])
            self.body = b"" if head else f.read(length)
            assert head or len(self.body) == length, "cut short"

    def __getitem__(self, name):
        return self.fields[name]


def exchange(s, raw, heads=()):
    """Send bytes, return all responses until the server closes."""
    s.sendall(raw)
    s.shutdown(socket.SHUT_WR)
    responses, f = [], s.makefile("rb")
    while True:
        try:
            responses.append(Response(f, len(responses) in heads))
        except EOFError:
            return responses


def request(target="/a.txt", *fields, method="GET", version="HTTP/1.1", host="Host: x"):
    lines = [f"{method} {target} {version}", *([host] if host else []), *fields]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def one(d, raw, **kw):
    with d.connect() as s:
        responses = exchange(s, raw, **kw)
        equal(len(responses), 1, f"responses to {raw[:200]!r}")
        return responses[0]


def check_table(table, *args):
    with httpd(*args) as d:
        wrong = []
        for raw, status in table:
            got = one(d, raw).status
            if got != status:
                wrong.append((raw[:100], got, status))
        equal(wrong, [], "(request, got, expected)")


def for_each_transport(name):
    def wrap(function):
        for transport, protocol in transports():
            def run(protocol=protocol):
                need(protocol)
                function(protocol)
            test(f"{name} ({transport})")(run)
        return function
    return wrap


@for_each_transport("files of all sizes, IPv4 and IPv6")
def _(protocol):
    with httpd() as d:
        for family in (socket.AF_INET, socket.AF_INET6):
            with d.connect(protocol, family) as s:
                r = exchange(s, b"".join(map(request, ("/a.txt", "/empty", "/big.bin", "/page/"))))
            equal([x.status for x in r], [200] * 4)
            equal([hashlib.sha256(x.body).digest() for x in r],
                  [hashlib.sha256(x).digest() for x in (b"0123456789", b"", BIG, b"<h1>page</h1>")])
            equal([x["content-type"] for x in r], ["text/plain; charset=utf-8", "application/octet-stream",
                                                   "application/octet-stream", "text/html; charset=utf-8"])


@for_each_transport("pipelining: 500 requests at once, answered in order")
def _(protocol):
    with httpd() as d, d.connect(protocol) as s:
        r = exchange(s, b"".join(request("/a.txt", f"Range: bytes={i % 10}-{i % 10}") for i in range(500)))
        equal([x.body for x in r], [b"%d" % (i % 10) for i in range(500)])


@for_each_transport("requests byte by byte, and in any two pieces")
def _(protocol):
    raw = request("/a.txt", "Range: bytes=3-4")
    with httpd() as d:
        with d.connect(protocol) as s:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for byte in raw + raw:
                s.send(bytes([byte]))
            equal([x.body for x in exchange(s, b"")], [b"34"] * 2)
        with d.connect(protocol) as s:
            f = s.makefile("rb")
            for cut in range(1, len(raw)):
                s.send(raw[:cut])
                s.send(raw[cut:])
                equal(Response(f).body, b"34")


@for_each_transport("100 clients at once")
def _(protocol):
    with httpd() as d:
        socks = [d.connect(protocol) for _ in range(100)]
        for s in socks:
            s.sendall(request("/big.bin", "Range: bytes=0-99999", "Connection: close"))
        for s in socks:
            equal(receive_all(s).split(b"\r\n\r\n", 1)[1] == BIG[:100000], True)
            s.close()


@for_each_transport("a refused upload is answered, not reset")
def _(protocol):
    with httpd() as d, d.connect(protocol) as s:
        # More than the buffers hold: the client is still sending when the
        # answer comes.
        s.setblocking(False)
        data = memoryview(request("/a.txt", "Content-Length: 100000000", method="POST") + bytes(1 << 22))
        end = time.monotonic() + PATIENCE
        while data and time.monotonic() < end:
            try:
                data = data[s.send(data):]
            except BlockingIOError:
                pass
        assert not data, "the server did not read the rest"
        s.settimeout(PATIENCE)
        r = Response(s.makefile("rb"))
        equal((r.status, r["connection"]), (405, "close"))


@test("refused: what servers might understand differently")
def _():
    ok, bad = 200, 400
    get = b"GET /a.txt HTTP/1.1\r\n"
    host = b"Host: x\r\n"
    check_table([
        (request(), ok),
        (b"\r\n" + request(), ok),
        (b"\r\n\r\n" + request(), bad),
        (b"\n" + request(), bad),
        (b" " + request(), bad),
        # bare CR and bare LF, everywhere
        (get + b"Host: x\n\r\n", bad),
        (b"GET /a.txt HTTP/1.1\n" + host + b"\r\n", bad),
        (get + host + b"\n", bad),
        (get + host + b"X: a\rb\r\n\r\n", bad),
        (get + host + b"X:\rTransfer-Encoding: chunked\r\n\r\n", bad),
        (get + host + b"X: a\r\r\n\r\n", bad),
        (get + host + b"X: a\nY: b\r\n\r\n", bad),
        (get + host + b"\rX: a\r\n\r\n", bad),
        # folded lines, blanks
        (get + host + b"X: a\r\n b\r\n\r\n", bad),
        (get + host + b"X: a\r\n\tb\r\n\r\n", bad),
        (get + b" Host: x\r\n\r\n", bad),
        (get + b"Host : x\r\n\r\n", bad),
        (get + b"Host\t: x\r\n\r\n", bad),
        (get + host + b"X : y\r\n\r\n", bad),
        (get + host + b": y\r\n\r\n", bad),
        (get + host + b"X\r\n\r\n", bad),
        (get + host + b"X Y: z\r\n\r\n", bad),
        (get + host + b"X(: z\r\n\r\n", bad),
        (get + host + b"X\xe9: z\r\n\r\n", bad),
        (get + host + b"X: \0\r\n\r\n", bad),
        (get + host + b"X: \x7f\r\n\r\n", bad),
        (get + host + b"X:\r\n\r\n", ok),
        (get + host + b"X: caf\xe9 \t \r\n\r\n", ok),
        # Host
        (request(host=None), bad),
        (request("/a.txt", "Host: x"), bad),
        (request(host="Host:"), bad),
        (request(host="Host: a b"), bad),
        (request(host="Host: a/b"), bad),
        (request(host="Host: user@a"), bad),
        (request(host="Host: a:b"), bad),
        (request(host="Host: [::1"), bad),
        (request(host="Host: [::1]x"), bad),
        (request(host="host:x:80"), ok),
        (request(host="Host: [::1]:80"), ok),
        (request(host=None, version="HTTP/1.0"), ok),
        (request("/a.txt", "Host: x", version="HTTP/1.0"), bad),
        # request line
        (b"GET /a.txt\r\n\r\n", bad),
        (b"GET\r\n\r\n", bad),
        (b"GET  /a.txt HTTP/1.1\r\n" + host + b"\r\n", bad),
        (b"GET /a.txt  HTTP/1.1\r\n" + host + b"\r\n", bad),
        (b"GET /a.txt HTTP/1.1 \r\n" + host + b"\r\n", bad),
        (b"GET\t/a.txt HTTP/1.1\r\n" + host + b"\r\n", bad),
        (b"GET /a\x01.txt HTTP/1.1\r\n" + host + b"\r\n", bad),
        (b"GET /a\xe9 HTTP/1.1\r\n" + host + b"\r\n", bad),
        (request(version="HTTP/11"), bad),
        (request(version="http/1.1"), bad),
        (request(version="HTTP/1.10"), bad),
        (request(version="HTTP/1.x"), bad),
        (request(version="HTTP/1.9"), ok),
        (request(version="HTTP/2.0"), 505),
        (request(version="HTTP/0.9"), 505),
        # not quite HTTP/2's preface
        (b"PRI * HTTP/2.0\r\nHost: x\r\n\r\n", 505),
        (b"PRI * HTTP/1.1\r\n" + host + b"\r\n", 501),
        (b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", bad),
        # methods
        (request(method="BREW"), 501),
        (request(method="get"), 501),
        (request(method="G@T"), bad),
        (request(method="X" * 33), 501),
        (request(method="DELETE"), 405),
        (request("x:1", method="CONNECT"), 501),
        # content
        (request("/a.txt", "Content-Length: 0"), ok),
        # a GET may have content, which means nothing (RFC 9110, 9.3.1)
        (request("/a.txt", "Content-Length: 1") + b"x", ok),
        (request("/a.txt", "Content-Length: 0", "Content-Length: 0"), bad),
        (request("/a.txt", "Content-Length: 0", "Content-Length: 5"), bad),
        (request("/a.txt", "Content-Length:"), bad),
        (request("/a.txt", "Content-Length: +1"), bad),
        (request("/a.txt", "Content-Length: -1"), bad),
        (request("/a.txt", "Content-Length: 1,1"), bad),
        (request("/a.txt", "Content-Length: 0x1"), bad),
        (request("/a.txt", "Content-Length: 99999999999999999999999"), bad),
        (request("/a.txt", "Transfer-Encoding: chunked") + b"0\r\n\r\n", ok),
        (request("/a.txt", "Transfer-Encoding: chunked", "Content-Length: 5") + b"0\r\n\r\n", bad),
        (request("/a.txt", "Content-Length: 5", "Transfer-Encoding: chunked") + b"0\r\n\r\n", bad),
        (request("/a.txt", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked") + b"0\r\n\r\n", bad),
        (request("/a.txt", "Transfer-Encoding: chunked", version="HTTP/1.0") + b"0\r\n\r\n", bad),
        (request("/a.txt", "Expect: 100-continue"), ok),
        (request("/a.txt", "Expect: 200-ok"), 417),
        # an upgrade is not taken up
        (request("/a.txt", "Connection: Upgrade", "Upgrade: websocket"), ok),
        (request("/a.txt", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: "), ok),
    ])


@test("content of a GET is not taken for the next request")
def _():
    inner = request("/nothing")
    with httpd() as d:
        for raw in (request("/a.txt", f"Content-Length: {len(inner)}") + inner,
                    request("/a.txt", "Transfer-Encoding: chunked") + b"%x\r\n%s\r\n0\r\n\r\n" % (len(inner), inner)):
            with d.connect() as s:
                equal([r.status for r in exchange(s, raw + request("/empty"))], [200, 200])


@test("HTTP/2's preface starts HTTP/2")
def _():
    with httpd() as d, d.connect() as s:
        s.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0")
        # the server's own preface is a frame SETTINGS on stream 0
        head = s.recv(9, socket.MSG_WAITALL)
        equal((head[3], head[4], head[5:9]), (4, 0, bytes(4)), f"{head}")


@test("request targets: dots, encodings, absolute form")
def _():
    check_table([
        (request("http://x/a.txt"), 200),
        (request("HTTP://x:80/a.txt?q=/../"), 200),
        (request("https://x/a.txt"), 200),
        (request("http://x"), 200),
        (request("http://x?q"), 200),
        (request("http:///a.txt"), 400),
        (request("http://u@x/a.txt"), 400),
        (request("ftp://x/a.txt"), 400),
        (request("a.txt"), 400),
        (request("*"), 400),
        (request("/a.txt#f"), 400),
        (request("/a.txt?q"), 200),
        (request("/%61%2Etxt"), 200),
        (request("//a.txt"), 200),
        (request("/./a.txt"), 200),
        (request("/page/../a.txt"), 200),
        (request("/nothing/../a.txt"), 200),
        (request("/page/%2e%2e/a.txt"), 200),
        (request("/..dots"), 200),
        (request("/with%20space/d"), 200),
        (request("/../secret.txt"), 400),
        (request("/page/../../secret.txt"), 400),
        (request("/%2e%2e/secret.txt"), 400),
        (request("/..%2fsecret.txt"), 404),
        (request("/page%2fstyle.css"), 404),
        (request("/..\\secret.txt"), 404),
        (request("/a.txt%00.html"), 400),
        (request("/%"), 400),
        (request("/%4"), 400),
        (request("/%zz"), 400),
        (request("/a.txt/"), 404),
        (request("/a.txt/x"), 404),
        (request("/nothing"), 404),
        (request("/" + "x" * 300), 404),
        (request("/" + "x/" * 2000), 404),
        (request("/" + "x/" * 3000), 414),
    ])


@test("nothing outside the folder, nothing but files")
def _():
    check_table([
        (request("/inside"), 200),
        (request("/outside"), 403),
        (request("/absolute"), 403),
        (request("/up"), 403),
        (request("/up/secret.txt"), 403),
        (request("/up/www/a.txt"), 403),
        (request("/magic/etc/passwd"), 403),
        (request("/loop"), 403),
        (request("/fifo"), 403),
        (request("/socket"), 403),
        (request("/badindex/index.html/"), 200),
        (request("/badindex/"), 200),
    ])


@test("a file that may not be read")
def _():
    user = {"user": 65534, "group": 65534, "extra_groups": []}
    if os.geteuid():
        user = {}
    os.chmod(FOLDER.name, 0o755)
    old = subprocess.Popen
    try:
        subprocess.Popen = lambda *a, **kw: old(*a, **kw, **user)
        d = httpd()
    finally:
        subprocess.Popen = old
    with d:
        equal(one(d, request("/hidden")).status, 403)
        equal(one(d, request("/a.txt")).status, 200)


@test("HEAD is GET without the content")
def _():
    with httpd() as d:
        for target in ("/a.txt", "/big.bin", "/page/", "/list/", "/page", "/nothing", "/outside"):
            get, head = (one(d, request(target, method=m), heads=h) for m, h in (("GET", ()), ("HEAD", (0,))))
            for r in (get, head):
                del r.fields["date"]
            equal((head.status, head.fields), (get.status, get.fields), target)


@test("405 and OPTIONS say what is allowed")
def _():
    with httpd() as d:
        equal(one(d, request(method="PUT"))["allow"], "GET, HEAD, OPTIONS")
        for target in ("/", "*"):
            r = one(d, request(target, method="OPTIONS"))
            equal((r.status, r["allow"]), (204, "GET, HEAD, OPTIONS"))


@test("persistence: HTTP/1.1, HTTP/1.0, Connection")
def _():
    table = [
        ([], "HTTP/1.1", True), (["Connection: close"], "HTTP/1.1", False), (["connection: Close, x"], "HTTP/1.1", False),
        ([], "HTTP/1.0", False), (["Connection: keep-alive"], "HTTP/1.0", True),
        (["Connection: Keep-Alive"], "HTTP/1.0", True), ([], "HTTP/1.9", True),
    ]
    with httpd() as d:
        for fields, version, persists in table:
            for target in ("/a.txt", "/nothing"):
                with d.connect() as s:
                    r = exchange(s, request(target, *fields, version=version) * 2)
                    # HTTP/1.1 persists unless told otherwise (RFC 9112, 9.3); 1.0 wants a word.
                    word = "close" if not persists else "keep-alive" if version == "HTTP/1.0" else None
                    equal((len(r), r[0].fields.get("connection")), (2 if persists else 1, word), f"{fields} {version}")
        # A malformed request ends the connection: nobody knows where the next begins.
        with d.connect() as s:
            equal([x.status for x in exchange(s, request() + b"x\r\n\r\n" + request())], [200, 400])


@test("one range, several, none")
def _():
    table = [
        ("bytes=0-0", 206, "0"), ("bytes=0-", 206, "0123456789"), ("bytes=3-5", 206, "345"), ("bytes=-3", 206, "789"),
        ("bytes=-100", 206, "0123456789"), ("bytes=9-100", 206, "9"), ("BYTES=1-1", 206, "1"),
        ("bytes=1-99999999999999999999999", 206, "123456789"), ("bytes= 1-2 ,", 206, "12"), ("bytes=,1-1", 206, "1"),
        ("bytes=10-", 416, None), ("bytes=10-20", 416, None), ("bytes=-0", 416, None), ("bytes=20-,-0", 416, None),
        ("bytes=99999999999999999999999-", 416, None),
        ("bytes=1-2,10-", 206, "12"),
        ("bytes=5-4", 200, None), ("bytes=", 200, None), ("bytes=-", 200, None), ("bytes=a-b", 200, None),
        ("bytes=1-2-3", 200, None), ("bytes=1 - 2", 200, None), ("bytes=0x1-2", 200, None), ("lines=1-2", 200, None),
        ("bytes 1-2", 200, None), ("bytes=+1-2", 200, None), ("bytes=1-2,x", 200, None),
        ("bytes=0-,0-", 200, None),         # more bytes than there are
        ("bytes=" + "0-0," * 17, 200, None),
        ("bytes=" + "10-," * 17, 200, None),
    ]
    with httpd() as d:
        for value, status, body in table:
            r = one(d, request("/a.txt", f"Range: {value}"))
            equal(r.status, status, value)
            # what comes with 416 is a page that says so
            assert status != 416 or b"0123456789" not in r.body, r.body
            if status != 416:
                equal(r.body.decode(), "0123456789" if body is None else body, value)
            if status == 206:
                start = "0123456789".index(body)
                equal(r["content-range"], f"bytes {start}-{start + len(body) - 1}/10", value)
            if status == 416:
                equal(r["content-range"], "bytes */10", value)
        equal(one(d, request("/a.txt", "Range: bytes=0-0", "Range: bytes=1-1")).status, 200)
        equal(one(d, request("/a.txt", "Range: bytes=0-0", method="HEAD"), heads=(0,)).status, 200)
        equal(one(d, request("/empty", "Range: bytes=0-")).status, 416)
        equal(one(d, request("/big.bin", "Range: bytes=1048570-2097163")).body == BIG[1048570:2097164], True)


@test("several ranges in one response")
def _():
    with httpd() as d:
        r = one(d, request("/big.bin", "Range: bytes=2000000-2100000,0-0,-5"))
        equal(r.status, 206)
        boundary = re.fullmatch(r"multipart/byteranges; boundary=([0-9a-f]{32})", r["content-type"])[1].encode()
        parts = r.body.split(b"\r\n--" + boundary)
        equal((parts[0], parts[-1]), (b"", b"--\r\n"))
        got = []
        for part in parts[1:-1]:
            head, body = part[2:].split(b"\r\n\r\n", 1)
            assert b"Content-Type: application/octet-stream" in head, head
            got.append((re.search(rb"Content-Range: (.*)", head)[1].decode().strip(), body))
        size = len(BIG)
        equal([x[0] for x in got], [f"bytes 2000000-2100000/{size}", f"bytes 0-0/{size}",
                                    f"bytes {size - 5}-{size - 1}/{size}"])
        equal([x[1] for x in got] == [BIG[2000000:2100001], BIG[:1], BIG[-5:]], True)
        # sixteen is the most
        r = one(d, request("/big.bin", "Range: bytes=" + ",".join(f"{i}-{i}" for i in range(16))))
        equal((r.status, r.body.count(b"Content-Range")), (206, 16))


@test("conditional requests")
def _():
    with httpd() as d:
        r = one(d, request())
        tag, date = r["etag"], r["last-modified"]
        equal(date, "Sun, 09 Sep 2001 01:46:40 GMT")
        earlier, later = "Sun, 09 Sep 2001 01:46:39 GMT", "Mon, 10 Sep 2001 01:46:40 GMT"
        table = [
            ([f"If-None-Match: {tag}"], 304), ([f"If-None-Match: W/{tag}"], 304), (["If-None-Match: *"], 304),
            ([f'If-None-Match: "x", {tag}'], 304), (['If-None-Match: "x"', f"If-None-Match: {tag}"], 304),
            (['If-None-Match: "x"'], 200), (["If-None-Match: x"], 200),
            (['If-None-Match: "x"', f"If-Modified-Since: {later}"], 200),
            ([f"If-Modified-Since: {date}"], 304), ([f"If-Modified-Since: {later}"], 304),
            ([f"If-Modified-Since: {earlier}"], 200), (["If-Modified-Since: yesterday"], 200),
            (["If-Modified-Since: Sunday, 09-Sep-01 01:46:40 GMT"], 304),
            (["If-Modified-Since: Sun Sep  9 01:46:40 2001"], 304),
            ([f"If-Match: {tag}"], 200), (["If-Match: *"], 200), (['If-Match: "x"'], 412), ([f"If-Match: W/{tag}"], 412),
            ([f"If-Unmodified-Since: {date}"], 200), ([f"If-Unmodified-Since: {earlier}"], 412),
            ([f"If-Match: {tag}", f"If-Unmodified-Since: {earlier}"], 200),
            (["Range: bytes=0-0", f"If-Range: {tag}"], 206), (["Range: bytes=0-0", f"If-Range: W/{tag}"], 200),
            (["Range: bytes=0-0", 'If-Range: "x"'], 200), (["Range: bytes=0-0", f"If-Range: {date}"], 206),
            (["Range: bytes=0-0", f"If-Range: {later}"], 200), (["Range: bytes=0-0", f"If-Range: {earlier}"], 200),
            (["Range: bytes=0-0", f"If-None-Match: {tag}"], 304),
        ]
        for fields, status in table:
            equal(one(d, request("/a.txt", *fields)).status, status, f"{fields}")
        r = one(d, request("/a.txt", f"If-None-Match: {tag}"))
        equal((r["etag"], r["last-modified"]), (tag, date))


@test("folders: redirect, index, listing")
def _():
    with httpd() as d:
        equal(one(d, request("/page"))["location"], "/page/")
        equal(one(d, request("/with%20space?a=b"))["location"], "/with%20space/?a=b")
        # never to another host
        equal(one(d, request("//page"))["location"], "/page/")
        r = one(d, request("/list/"))
        equal((r.status, r["content-type"]), (200, "text/html; charset=utf-8"))
        equal(re.findall(rb'<a href="(.*?)">(.*?)</a>', r.body),
              [(b"../", b"../"), (b"./sub/", b"sub/"), (b"./b&amp;%3Ci%3E.txt", b"b&amp;&lt;i&gt;.txt"),
               # a name like a scheme does not become one (RFC 3986, 4.2)
               (b"./javascript%3Aalert(1)", b"javascript:alert(1)")])
        # A folder called index.html is no index, here as with Apache.
        r = one(d, request("/badindex/"))
        equal(re.findall(rb'<a href="(.*?)">', r.body), [b"../", b"./index.html/"])
    with httpd("--no-listing") as d:
        equal(one(d, request("/list/")).status, 403)
        equal(one(d, request("/badindex/")).status, 403)
        equal(one(d, request("/page/")).status, 200)


@test("limits of a header: 414, 431")
def _():
    def sized(n):
        raw = request("/a.txt", "X: ")
        return raw[:-4] + b"x" * (n - len(raw)) + raw[-4:]
    check_table([
        (request("/?" + "q" * 7998), 200),
        (request("/?" + "q" * 7999), 414),
        (b"GET /" + b"x" * 8000, 414),
        (sized(16384), 200),
        (sized(16385), 431),
        (sized(100000), 431),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 16384, 431),
        (request("/a.txt", *["X: y"] * 99), 200),
        (request("/a.txt", *["X: y"] * 100), 431),
    ])
    check_table([(sized(256), 200), (sized(257), 431), (request("/?" + "q" * 14), 200), (request("/?" + "q" * 15), 414)],
                "--max-header", "256", "--max-uri", "16")


@test("time-outs: a header that does not end gets 408, however busy its sender")
def _():
    with httpd("--header-timeout", "0.3", "--idle-timeout", "3600") as d:
        with d.connect() as s:
            s.sendall(b"GET /a.txt HTTP/1.1\r\nX: ")
            s.settimeout(0.01)
            start, data = time.monotonic(), b""
            while not data:
                assert time.monotonic() < start + PATIENCE
                try:
                    s.send(b"x")
                    data = s.recv(1000)
                except socket.timeout:
                    pass
            assert data.startswith(b"HTTP/1.1 408 "), data
            assert b"\r\nConnection: close\r\n" in data, data
        # Who says nothing gets no answer.
        with d.connect() as s:
            equal(receive_all(s), b"")
        # Each request has the whole time.  The pieces come apart, which no
        # event of ours tells: hence the short sleeps.
        with d.connect() as s, s.makefile("rb") as f:
            for _ in range(3):
                s.sendall(request()[:10])
                time.sleep(0.15)
                s.sendall(request()[10:])
                equal(Response(f).status, 200)


@test("time-outs: idle between requests, and a client that takes nothing")
def _():
    with httpd("--idle-timeout", "0.3") as d:
        with d.connect() as s:
            s.sendall(request())
            f = s.makefile("rb")
            equal(Response(f).status, 200)
            equal(f.read(), b"")
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            s.connect(("127.0.0.1", d.port("tcp")))
            s.sendall(request("/big.bin") * 4)
            until(lambda: d.has("takes nothing"), "the connection to be given up")


@test("SIGTERM: the response under way is finished, idle connections end")
def _():
    with httpd() as d:
        idle, busy = d.connect(), d.connect()
        idle.sendall(request())
        f = idle.makefile("rb")
        equal(Response(f).fields.get("connection"), None)
        busy.sendall(request("/big.bin") * 8)
        until(lambda: d.has("GET /big.bin"), "the request to be seen")
        d.process.send_signal(signal.SIGTERM)
        equal(f.read(), b"")
        f.close()
        idle.close()
        f = busy.makefile("rb")
        r = [Response(f)]
        while r[-1].fields.get("connection") != "close":
            r.append(Response(f))
        equal([x.body == BIG for x in r], [True] * len(r))
        equal(f.read(), b"")
        f.close()
        busy.close()
        equal(d.ended(), 0, "exit status")
        try:
            d.connect()
            raise AssertionError("still listening")
        except ConnectionRefusedError:
            pass


@test("a file that shrinks while it is sent: the response is cut, the server lives")
def _():
    path = WWW + "/shrinks"
    with open(path, "wb") as f:
        f.truncate(64 << 20)
    with httpd() as d:
        with d.connect() as s:
            s.sendall(request("/shrinks"))
            assert s.recv(100)
            os.truncate(path, 0)
            try:
                assert len(receive_all(s)) < 64 << 20
            except ConnectionResetError:
                pass
        equal(one(d, request()).status, 200)
    os.unlink(path)


@test("a file replaced while it is sent: the old one to its end")
def _():
    path = WWW + "/replaced"
    with open(path, "wb") as f:
        f.write(BIG)
    with httpd() as d, d.connect() as s:
        s.sendall(request("/replaced", "Connection: close"))
        data = s.recv(1)
        with open(path + ".new", "wb") as f:
            f.write(b"new")
        os.rename(path + ".new", path)
        data += receive_all(s)
        equal(data.split(b"\r\n\r\n", 1)[1] == BIG, True)
        equal(one(d, request("/replaced")).body, b"new")
    os.unlink(path)


@test("no descriptor and no memory is left over after 300 connections")
def _():
    def state():
        pid = d.process.pid
        with open(f"/proc/{pid}/status", encoding="ascii") as f:
            rss = int(re.search(r"VmRSS:\s+(\d+)", f.read())[1])
        return len(os.listdir(f"/proc/{pid}/fd")), rss

    def work():
        for i in range(150):
            with d.connect() as s:
                s.sendall(request("/page/") + request("/list/") + request("/outside") + request("/big.bin"))
                if i % 2:
                    with s.makefile("rb") as f:
                        equal([Response(f).status for _ in range(4)], [200, 200, 403, 200])
        until(lambda: sum("closed" in line for line in d.lines) == sum("connected" in line for line in d.lines),
              "all connections to end")

    with httpd() as d:
        work()
        before = state()
        work()
        after = state()
        equal(after[0], before[0], "descriptors")
        assert after[1] < before[1] + 4096, f"resident memory went from {before[1]} to {after[1]} KiB"


@test("peers cannot forge log lines")
def _():
    with httpd() as d:
        one(d, b"GET /\x1b[2J\xff HTTP/1.1\r\n\r\n")
        until(lambda: d.has(r"GET /\\x1b\[2J\\xff HTTP"), "the escaped line")


@test("an unmodified curl")
def _():
    with httpd() as d:
        try:
            for host in ("127.0.0.1", "[::1]"):
                out = subprocess.run(["curl", "-sS", "--fail", "--noproxy", "*", f"http://{host}:{d.port('tcp')}/big.bin"],
                                     capture_output=True, timeout=PATIENCE, check=True).stdout
                equal(out == BIG, True)
        except FileNotFoundError:
            raise Skip("curl is not installed") from None


@test("a wrong command line or a folder that is not there: one line")
def _():
    def refused(status, text, *args):
        p = subprocess.run([program("linnet-httpd"), *args], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                           timeout=PATIENCE, check=False)
        equal((p.returncode, len(p.stderr.splitlines())), (status, 1), p.stderr)
        assert text in p.stderr, p.stderr
    refused(2, "which folder?")
    refused(2, "one folder only", WWW, WWW)
    refused(2, "--nonsense", "--nonsense", WWW)
    refused(2, "256 to 1048576", "--max-header", "10", WWW)
    refused(2, "seconds", "--header-timeout", "0", WWW)
    refused(1, "No such file or directory", WWW + "/nothing")
    refused(1, "Not a directory", WWW + "/a.txt")
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        refused(1, "Address already in use", "--transport", "tcp", "-a", "127.0.0.1", "-p", str(s.getsockname()[1]), WWW)


if __name__ == "__main__":
    main()
