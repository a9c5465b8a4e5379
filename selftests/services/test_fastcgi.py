#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""linnet-httpd's gateways: FastCGI and SCGI, and what can go wrong behind them."""
import contextlib
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../userspace"))
# pylint: disable=wrong-import-position
from backends import (Answer, ask, Backend, chunks, cut_off, dead_address, FOLDER, httpd, memory,
                      read_head, through_slow_client, worker)
from harness import equal, IPPROTO_LINNET, main, MODULE, PATIENCE, program, receive_all, Skip, test


def responder_program():
    """The responder on libfcgi, compiled."""
    path = os.path.join(FOLDER.name, "responder")
    if os.path.exists(path):
        return path
    for folder in (HERE, os.environ.get("OUTPUT", ""), os.path.join(HERE, "../../build/selftests/services")):
        built = os.path.join(folder, "responder")
        if os.access(built, os.X_OK):
            return built
    compiler = shutil.which("cc")
    if not compiler or not os.path.exists("/usr/include/fcgiapp.h"):
        raise Skip("no compiler or no libfcgi-dev")
    subprocess.run([compiler, "-O1", "-o", path, os.path.join(HERE, "gateways/responder.c"), "-lfcgi"],
                   check=True)
    return path


@contextlib.contextmanager
def responder(protocol=socket.IPPROTO_TCP, path=None):
    """The responder, listening; yields its address and process."""
    program = responder_program()
    if path:
        s = socket.socket(socket.AF_UNIX)
        s.bind(path)
        os.chmod(path, 0o777)
        address = f"unix:{path}"
    else:
        s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, protocol)
        s.bind(("127.0.0.1", 0))
        address = ("linnet:" if protocol == IPPROTO_LINNET else "") + f"127.0.0.1:{s.getsockname()[1]}"
    s.listen(16)
    process = subprocess.Popen([program], stdin=s)
    s.close()
    try:
        yield address, process
    finally:
        process.kill()
        process.wait()


def fastcgi(address, options="", more=None):
    addresses = ", ".join(f'"{a}"' for a in ([address] if isinstance(address, str) else address))
    return httpd({"/app": f"fastcgi {{ address = {{{addresses}}} {options} }}", **(more or {})})


def lines(answer):
    return dict(line.split("=", 1) for line in answer.text.splitlines())


@test("FastCGI: a libfcgi responder on TCP, UNIX and protocol 253")
def responders():
    kinds = [{}, {"path": os.path.join(FOLDER.name, "f.sock")}]
    if MODULE:
        kinds.append({"protocol": IPPROTO_LINNET})
    for kind in kinds:
        with responder(**kind) as (address, _), fastcgi(address) as d:
            a = lines(ask(d, "/app/x/y?q", "Cookie: a=1", "Cookie: b=2", method="POST", body=b"z" * 200000))
            expected = {"total": "200000", "CONTENT_LENGTH": "200000", "SCRIPT_NAME": "/app",
                        "PATH_INFO": "/x/y", "QUERY_STRING": "q", "REQUEST_METHOD": "POST",
                        "GATEWAY_INTERFACE": "CGI/1.1", "HTTP_COOKIE": "a=1; b=2"}
            for name, value in expected.items():
                equal(a.get(name), value, f"{address}: {name}")
            a = lines(ask(d, "/app", "X: " + "v" * 10000))
            equal((a["PATH_INFO"], len(a["HTTP_X"])), ("", 10000), "long values")
            a = lines(ask(d, "/app/", "Transfer-Encoding: chunked", method="POST",
                          body=chunks(b"a" * 100000, b"b")))
            equal((a["total"], a["CONTENT_LENGTH"]), ("100001", "100001"), "spooled")


@test("FastCGI: a kept connection is no obstacle to an application that serves one at a time")
def fastcgi_single():
    with responder() as (address, _), fastcgi(address, "keep-alive = 4") as d:
        pids = set()
        for i in range(6):
            equal(lines(ask(d, "/app", method="POST", body=b"x"))["total"], "1", f"POST {i}")
            pids.add(lines(ask(d, "/app"))["pid"])
        equal(len(pids), 1)


@test("FastCGI: stderr goes to the log")
def fastcgi_stderr():
    with responder() as (address, _), fastcgi(address) as d:
        equal(ask(d, "/app?stderr").text, "ok")
        assert d.has("stderr: complaint of the responder$"), d.lines[-3:]


@test("FastCGI: 100 MB to a slow client in bounded memory")
def fastcgi_slow():
    with responder() as (address, _), fastcgi(address) as d:
        through_slow_client(d, f"/app?zeros={100 << 20}")


def record(kind, content=b"", request=1, padding=0, version=1):
    return struct.pack(">BBHHBx", version, kind, request, len(content), padding) + content + bytes(padding)


END = record(3, bytes(8))
PAGE = b"Content-Type: text/plain\r\n\r\nhello"


def read_request(s):
    """A whole FastCGI request: its records; None at the end of the connection."""
    records = []
    while True:
        header = b""
        while len(header) < 8:
            piece = s.recv(8 - len(header))
            if not piece:
                return None
            header += piece
        _, kind, request, length, padding = struct.unpack(">BBHHBx", header)
        content = b""
        while len(content) < length + padding:
            piece = s.recv(length + padding - len(content))
            if not piece:
                return None
            content += piece
        records.append((kind, request, content[:length]))
        if kind == 5 and not length or kind == 2:
            return records


def application(answer, times=1000):
    """A FastCGI application that answers each request with these octets."""
    def serve(s):
        for _ in range(times):
            records = read_request(s)
            if records is None:
                return
            s.sendall(answer)
    return serve


@test("FastCGI: answers in any pieces, with padding, and management records")
def fastcgi_pieces():
    answer = record(10, b"", request=0) + record(6, PAGE[:5], padding=7) + record(7, b"note\n") + \
        record(6, PAGE[5:]) + record(6) + END

    def serve(s):
        while read_request(s):
            for i in range(len(answer)):
                s.sendall(answer[i:i + 1])
    with Backend(serve) as b, fastcgi(b.address, "keep-alive = 4") as d:
        for _ in range(2):
            a = ask(d, "/app")
            equal((a.status, a.text, a.complete), (200, "hello", True))
        equal(b.connections, 1, "the connection was kept")


@test("FastCGI: the time for a header is one time, however much of it or of stderr comes")
def fastcgi_dribbles():
    def dribble(piece):
        def serve(s):
            read_request(s)
            for i in range(100):
                s.sendall(piece(i))
                time.sleep(0.05)
        return serve
    for what, piece in (("stderr", lambda i: record(7, b"still here\n")),
                        ("the header", lambda i: record(6, b"X" if i else b"Status: 200\r\nX"))):
        with Backend(dribble(piece)) as b, fastcgi(b.address, 'response-timeout = "500ms"') as d:
            start = time.monotonic()
            equal(ask(d, "/app").status, 504, what)
            took = time.monotonic() - start
            assert 0.4 < took < 3, f"{what}: {took} s"


@test("FastCGI: the time for a header begins when the request is complete")
def fastcgi_slow_request():
    with Backend(application(record(6, PAGE) + record(6) + END)) as b, \
            fastcgi(b.address, 'response-timeout = "500ms"') as d, d.connect() as s:
        s.sendall(b"POST /app HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 20\r\n\r\n")
        for _ in range(20):
            s.sendall(b"x")
            time.sleep(0.05)
        equal(Answer(receive_all(s)).status, 200)


@test("FastCGI: an application does not hear of content that is too long for the server")
def fastcgi_too_long():
    with Backend(application(record(6, PAGE) + record(6) + END)) as b, \
            httpd({"/app": f'fastcgi {{ address = "{b.address}" }}'}, 'limits { content-size = "1k" }') as d:
        equal(ask(d, "/app", "Content-Length: 1025", "Expect: 100-continue", method="POST").status, 413)
        equal(ask(d, "/app", method="POST", body=bytes(1024)).status, 200, "the longest")
        equal(b.connections, 1, "connections")


@test("FastCGI: what is malformed gets 502, or is cut off")
def fastcgi_malformed():
    good = record(6, PAGE)
    for what, answer, status in (
            ("nothing", b"", 502), ("garbage", b"HTTP/1.1 200 OK\r\n\r\n", 502),
            ("version 2", record(6, PAGE, version=2) + END, 502),
            ("another request's", record(6, PAGE, request=2) + END, 502),
            ("a type of the server's", record(5, b"x"), 502),
            ("a short FCGI_END_REQUEST", record(6, PAGE[:4]) + record(3, b"x"), 502),
            ("an unknown protocol status", record(3, bytes(4) + b"\x09" + bytes(3)), 502),
            ("overloaded", record(3, bytes(4) + b"\x02" + bytes(3)), 503),
            ("no header", record(6, b"no header at all\n\nx") + record(6) + END, 502),
            ("an endless header", record(6, b"X: " + b"x" * 60000) + END, 502),
            ("only an end", END, 502),
            ("the end of the connection", good, 200),
            ("garbage after the header", good + b"garbage" * 10, 200),
            ("content after its end", good + record(6) + record(6, b"x") + END, 200)):
        with Backend(application(answer, 1)) as b, fastcgi(b.address) as d:
            if status == 200:
                cut_off(d, "/app", what)
            else:
                equal(ask(d, "/app").status, status, what)


@test("FastCGI: split at .php, index, SCRIPT_FILENAME")
def split():
    with responder() as (address, _), \
            httpd({"/": f'fastcgi {{ address = "{address}" split = ".php" root = "/srv" }}'}) as d:
        for target, script, info in (("/a/b.php", "/a/b.php", ""), ("/a/b.php/c/d", "/a/b.php", "/c/d"),
                                     ("/", "/index.php", ""), ("/x/y", "/index.php", "/x/y"),
                                     ("/x.phpy", "/index.php", "/x.phpy")):
            a = lines(ask(d, target))
            equal((a["SCRIPT_NAME"], a["PATH_INFO"], a["SCRIPT_FILENAME"]), (script, info, "/srv" + script),
                  target)


@test("FastCGI: several addresses in turn, dead ones passed over")
def failover():
    answer = record(6, PAGE) + record(6) + END
    with Backend(application(answer)) as one, Backend(application(answer)) as two, \
            fastcgi([one.address, dead_address(), two.address]) as d:
        for _ in range(8):
            equal(ask(d, "/app").status, 200)
        assert one.connections >= 3 and two.connections >= 3, (one.connections, two.connections)
        equal(ask(d, "/app", method="POST", body=b"x").status, 200, "POST")
    with fastcgi([dead_address(), "unix:/nowhere/x.sock"]) as d:
        equal(ask(d, "/app").status, 502, "all are dead")


@test("FastCGI: a kept connection that was closed is replaced")
def stale():
    answer = record(6, PAGE) + record(6) + END
    with Backend(application(answer, 1)) as b, fastcgi(b.address, "keep-alive = 4") as d:
        for i in range(5):
            equal(ask(d, "/app").status, 200, f"request {i}")
            equal(ask(d, "/app", method="POST", body=b"x").status, 200, f"POST {i}")


@test("FastCGI: the application hears of a client that leaves")
def fastcgi_abort():
    heard = threading.Event()

    def serve(s):
        read_request(s)
        s.sendall(record(6, PAGE))
        records = read_request(s)
        if records and records[-1][0] == 2:
            heard.set()
    with Backend(serve) as b, fastcgi(b.address) as d:
        with d.connect() as s:
            s.sendall(b"GET /app HTTP/1.1\r\nHost: x\r\n\r\n")
            read_head(s)
        assert heard.wait(PATIENCE), "no FCGI_ABORT_REQUEST"


# ---------------------------------------------------------------- SCGI

def scgi_request(s):
    data = b""
    while b":" not in data:
        data += s.recv(65536)
    size, _, data = data.partition(b":")
    while len(data) < int(size) + 1:
        data += s.recv(65536)
    assert data[int(size):int(size) + 1] == b",", data[:100]
    words = data[:int(size)].split(b"\0")
    assert words.pop() == b"", "the header ends in NUL"
    names = [w.decode("latin-1") for w in words]
    env = dict(zip(names[::2], names[1::2]))
    equal(names[0], "CONTENT_LENGTH", "first")
    equal(len(env) * 2, len(names), "no name twice")
    body = bytearray(data[int(size) + 1:])
    while len(body) < int(env["CONTENT_LENGTH"]):
        piece = s.recv(1 << 20)
        if not piece:
            raise ConnectionError("content cut off")
        body += piece
    return env, bytes(body)


def scgi_echo(s):
    env, body = scgi_request(s)
    s.sendall(b"Status: 200 Fine\r\nContent-Type: application/json\r\n\r\n" +
              json.dumps({"env": env, "body": body.decode("latin-1")}).encode())


def scgi(address, options=""):
    return httpd({"/app": f'scgi {{ address = "{address}" {options} }}'})


@test("SCGI: requests with and without content, on TCP, UNIX and protocol 253")
def scgi_requests():
    kinds = [{}, {"path": os.path.join(FOLDER.name, "s.sock")}]
    if MODULE:
        kinds.append({"protocol": IPPROTO_LINNET})
    for kind in kinds:
        with Backend(scgi_echo, **kind) as b, scgi(b.address) as d:
            a = ask(d, "/app/x?q").json
            env = a["env"]
            equal((env["SCGI"], env["CONTENT_LENGTH"], env["SCRIPT_NAME"], env["PATH_INFO"], env["QUERY_STRING"]),
                  ("1", "0", "/app", "/x", "q"))
            a = ask(d, "/app", method="POST", body=b"x" * 300000).json
            equal((a["env"]["CONTENT_LENGTH"], len(a["body"])), ("300000", 300000))
            body = bytes(range(256)) * 800
            a = ask(d, "/app", "Transfer-Encoding: chunked", method="POST", body=chunks(body)).json
            equal((a["env"]["CONTENT_LENGTH"], a["body"].encode("latin-1") == body), (str(len(body)), True))


@test("SCGI: status lines, dead, garbage, huge, reset and slow gateways")
def scgi_bad():
    def say(octets):
        def serve(s):
            scgi_request(s)
            s.sendall(octets)
        return serve

    for octets, status in ((b"HTTP/1.0 203 x\r\nContent-Type: text/plain\r\n\r\nx", 203), (b"", 502),
                           (b"\0\1\2\3" * 100, 502), (b"Content-Type: x\r\nX: " + b"x" * 100000, 502),
                           (b"Content-Type: x\r\n", 502), (b"\r\n\r\nx", 502),
                           (b"Status: 99999\r\n\r\n", 502), (b"Status: 100\r\n\r\n", 502),
                           (b"X: y\r\n\r\nx", 502), (b"Content-Type: x\r\nX: a\rb\r\n\r\n", 502)):
        with Backend(say(octets)) as b, scgi(b.address) as d:
            equal(ask(d, "/app").status, status, octets[:40])
    with scgi(dead_address()) as d:
        equal(ask(d, "/app").status, 502, "dead")
    hold = threading.Event()
    with Backend(lambda s: hold.wait(PATIENCE)) as b, scgi(b.address, 'response-timeout = "200ms"') as d:
        equal(ask(d, "/app").status, 504, "silent")
        hold.set()

    def stalls(s):
        scgi_request(s)
        s.sendall(b"Content-Type: text/plain\r\n\r\nbegin")
        hold.wait(PATIENCE)
    hold.clear()
    with Backend(stalls) as b, scgi(b.address, 'idle-timeout = "200ms"') as d:
        a = ask(d, "/app")
        equal((a.status, a.text, a.complete), (200, "begin", False), "stalls")
        hold.set()


@test("SCGI: a gateway that does not read holds the client, in bounded memory")
def holds_client():
    go = threading.Event()

    def serve(s):
        go.wait(PATIENCE)
        env, body = scgi_request(s)
        s.sendall(b"Content-Type: text/plain\r\n\r\n%d" % len(body))
    with Backend(serve) as b, scgi(b.address, 'max-content = "64m"') as d, d.connect() as s:
        before = memory(worker(d))
        size = 48 << 20
        s.sendall(b"POST /app HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % size)
        s.settimeout(1)
        sent = 0
        with contextlib.suppress(TimeoutError):
            while sent < size:
                sent += s.send(bytes(min(1 << 20, size - sent)))
        assert sent < size, "everything was taken by somebody"
        assert memory(worker(d)) - before < 8 << 10, "KiB more in memory"
        go.set()
        s.settimeout(PATIENCE)
        while sent < size:
            sent += s.send(bytes(min(1 << 20, size - sent)))
        equal(int(Answer(receive_all(s)).text), size)


if __name__ == "__main__":
    main()
