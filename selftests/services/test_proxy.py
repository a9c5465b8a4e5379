#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""linnet-httpd's gateways: the reverse proxy, and what can go wrong behind it."""
import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../userspace"))
# pylint: disable=wrong-import-position
from backends import (ask, Backend, canned, chunks, cut_off, dead_address, FOLDER, httpd, read_head,
                      through_slow_client)
from harness import equal, IPPROTO_LINNET, main, MODULE, PATIENCE, Skip, temporary_folder, test, until


def proxy(address, options="", prefix="/p"):
    addresses = ", ".join(f'"{a}"' for a in ([address] if isinstance(address, str) else address))
    return httpd({prefix: f"proxy {{ address = {{{addresses}}} {options} }}"})


def origin_echo(s):
    """Answers requests with what they were."""
    data = b""
    while True:
        while b"\r\n\r\n" not in data:
            piece = s.recv(65536)
            if not piece:
                return
            data += piece
        head, _, data = data.partition(b"\r\n\r\n")
        text = head.decode("latin-1")
        body = b""
        m = re.search(r"(?mi)^content-length: (\d+)", text)
        if m:
            while len(data) < int(m[1]):
                data += s.recv(65536)
            body, data = data[:int(m[1])], data[int(m[1]):]
        elif re.search(r"(?mi)^transfer-encoding: chunked", text):
            while not re.search(rb"(^|\r\n)0\r\n([^\r\n]+\r\n)*\r\n", data):
                data += s.recv(65536)
            body, data = data, b""
        answer = json.dumps({"head": text.split("\r\n"), "body": body.decode("latin-1")}).encode()
        s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(answer) + answer)


def sent_fields(answer):
    return [tuple(line.split(": ", 1)) for line in answer.json["head"][1:]]


@test("proxy: what the origin gets")
def proxy_request():
    with Backend(origin_echo) as b, proxy(b.address) as d:
        a = ask(d, "/p/a%20b?q=1", "X-End: 1", "X-Hop: 1", "Connection: x-hop", "Keep-Alive: 5", "TE: gzip",
                "Upgrade: websocket", "X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: https",
                "Forwarded: for=192.0.2.1", "Via: 1.0 there", "Cookie: a=1", "Cookie: b=2",
                "Proxy-Authorization: x", "Authorization: y", host="front.example")
        equal(a.json["head"][0], "GET /p/a%20b?q=1 HTTP/1.1")
        fields = {}
        for name, value in sent_fields(a):
            assert name.lower() not in fields, f"{name} twice"
            fields[name.lower()] = value
        equal(fields, {"host": "front.example", "x-end": "1", "cookie": "a=1; b=2", "authorization": "y",
                       "forwarded": 'for=192.0.2.1, for=127.0.0.1;proto=http;host="front.example"',
                       "x-forwarded-for": "192.0.2.1, 127.0.0.1", "x-forwarded-proto": "http",
                       "x-forwarded-host": "front.example", "via": "1.0 there, 1.1 linnet-httpd"})
        a = ask(d, "/p", method="POST", body=b"abc")
        equal((dict(sent_fields(a))["Content-Length"], a.json["body"]), ("3", "abc"))
        a = ask(d, "/p", "Transfer-Encoding: chunked", "Trailer: X-T", method="POST",
                body=chunks(b"abc", b"de", trailer="X-T: v\r\n"))
        body = a.json["body"]
        equal(dict(sent_fields(a))["Transfer-Encoding"], "chunked")
        equal(b"".join(re.findall(rb"[0-9a-f]+\r\n([a-e]+)\r\n", body.encode())), b"abcde")
        assert body.endswith("0\r\nX-T: v\r\n\r\n") or body.lower().endswith("0\r\nx-t: v\r\n\r\n"), body
        a = ask(d, "/p", "Max-Forwards: 0", method="OPTIONS")
        assert a.status != 200 or not a.body, "Max-Forwards is used up here"
        equal(ask(d, "/p", *["Via: 1.1 linnet-httpd"] * 9).status, 508, "a loop")


@test("proxy: an encoded slash is the origin's to understand, and a slash to the rules of locations")
def proxy_encoded_slash():
    with Backend(origin_echo) as b, httpd({
            "/p": f'proxy {{ address = "{b.address}" }}',
            "/p/private": f'access {{ deny = {{"all"}} }} proxy {{ address = "{b.address}" }}',
            "/with": f'proxy {{ address = "{b.address}" path = "/other" }}',
            "/files": f'files {{ root = "{FOLDER.name}" }}'}) as d:
        for target in ("/p/@scope%2Fname", "/p%2fx", "/p/a%2F%2Fb/", "/files/..%2Fp/x", "/p/a%2Fb?c=%2F"):
            a = ask(d, target)
            equal((a.status, a.json["head"][0] if a.status == 200 else ""), (200, f"GET {target} HTTP/1.1"), target)
        for target, status in (("/p%2Fprivate", 403), ("/p%2Fprivate/x", 403), ("/p/private%2fx", 403), ("/p/x%2F..%2Fprivate", 403),
                               ("/p/%2e%2e%2Fp%2Fprivate", 403), ("/%2e%2e%2Fp", 404), ("/p/..%2f..", 404), ("/p/%2F%00", 404),
                               ("/files/a%2Fb", 404), ("/files%2Fa", 404), ("/p%2F..%2Ffiles%2Fa", 404), ("/with/a%2Fb", 404),
                               ("/none%2Fa", 404)):
            equal(ask(d, target).status, status, target)


@test("proxy: path, host, no Forwarded; protocol 253 and UNIX sockets")
def proxy_options():
    kinds = [{"path": os.path.join(FOLDER.name, "p.sock")}]
    if MODULE:
        kinds.append({"protocol": IPPROTO_LINNET})
    for kind in kinds:
        with Backend(origin_echo, **kind) as b, \
                proxy(b.address, 'path = "/base/" host = "back.example:81" forwarded = false') as d:
            for target, expected in (("/p", "/base"), ("/p/", "/base/"), ("/p/x%20y/?q", "/base/x%20y/?q"),
                                     ("/p/../p/./z", "/base/z")):
                a = ask(d, target)
                equal(a.json["head"][0], f"GET {expected} HTTP/1.1", target)
                equal([n.lower() for n, _ in sent_fields(a)], ["host", "via"])
                equal(sent_fields(a)[0][1], "back.example:81")


@test("proxy: what the client gets")
def proxy_response():
    for octets, status, body, fields in (
            (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: 1\r\nConnection: x-b\r\nX-B: 2\r\n"
             b"Keep-Alive: 5\r\nDate: then\r\nServer: other\r\nVia: 1.1 far\r\n\r\nok", 200, "ok",
             {"x-a": "1", "x-b": None, "keep-alive": None, "date": "then", "server": "other",
              "via": "1.1 far, 1.1 linnet-httpd"}),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\nab\r\n1\r\nc\r\n0\r\nX-T: v\r\n\r\n",
             200, "abc", {}),
            (b"HTTP/1.0 200 OK\r\n\r\nto the end", 200, "to the end", {}),
            (b"HTTP/1.1 204 No\r\n\r\n", 204, "", {"transfer-encoding": None}),
            (b"HTTP/1.1 304 Same\r\nContent-Length: 10\r\nETag: x\r\n\r\n", 304, "", {"etag": "x"}),
            (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, "", {}),
            (b"HTTP/1.1 404 \r\nContent-Length: 1\r\n\r\nx", 404, "x", {})):
        for pieces in (len(octets), 1):
            def serve(s, octets=octets, pieces=pieces):
                read_head(s)
                for i in range(0, len(octets), pieces):
                    s.sendall(octets[i:i + pieces])
            with Backend(serve) as b, proxy(b.address) as d:
                a = ask(d, "/p", "TE: trailers")
                equal((a.status, a.text if status != 304 else ""), (status, body), octets)
                for name, value in fields.items():
                    equal(a[name], value, name)
                if b"X-T" in octets:
                    equal([t.lower() for t in a.trailers], ["x-t: v"], "trailers")
    with Backend(canned(b"HTTP/1.1 103 Early\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")) as b, \
            proxy(b.address) as d:
        a = ask(d, "/p")
        equal([(s, [(n.lower(), v) for n, v in f]) for s, f in a.informational], [(103, [("link", "</x>")])])
    with Backend(canned(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n")) as b, proxy(b.address) as d:
        a = ask(d, "/p", method="HEAD")
        equal((a.status, a["content-length"], a.body), (200, "50", b""), "HEAD")


@test("proxy: fields of the location are in the response, whatever came before it, and not in 1xx")
def proxy_hints():
    origin = canned(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 2 +
                    b"HTTP/1.1 200 OK\r\nX-Origin: 1\r\nContent-Length: 2\r\n\r\nok")
    with Backend(origin) as b, httpd({"/p": f'headers {{ add = {{"X-Rule: kept"}} }} '
                                            f'proxy {{ address = "{b.address}" }}'}) as d:
        a = ask(d, "/p")
        equal((a["x-rule"], a["x-origin"], a["link"], a.text), ("kept", "1", None, "ok"))
        equal(a.informational, [(103, [("Link", "</a>")])] * 2)


@test("proxy: all fields of an origin's response that may be there are passed on")
def proxy_many_fields():
    fields = [(f"X-{i}", str(i)) for i in range(99)]
    origin = canned(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" +
                    "".join(f"{n}: {v}\r\n" for n, v in fields).encode() + b"\r\nok")
    with Backend(origin) as b, proxy(b.address) as d:
        a = ask(d, "/p")
        equal([f for f in a.fields if f[0].startswith("X-")], fields)


@test("proxy: what could be split or smuggled is refused")
def proxy_strict():
    ok = b"HTTP/1.1 200 OK\r\n"
    for octets in (
            b"", b"garbage\r\n\r\n", b"HTTP/2.0 200 OK\r\n\r\n", b"HTTP/1.1 20 OK\r\n\r\n",
            b"HTTP/1.1 2000 OK\r\n\r\n", b"HTTP/1.1  200 OK\r\n\r\n", b"HTTP/1.1 200 OK\n\n",
            ok + b"X: a\rb\r\n\r\n", ok + b"X: a\nY: b\r\n\r\n", ok + b" X: a\r\n\r\n",
            ok + b"X: a\r\n b\r\n\r\n", ok + b"X : a\r\n\r\n", ok + b": a\r\n\r\n", ok + b"X\r\n\r\n",
            ok + b"X: a\0b\r\n\r\n", ok + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
            ok + b"Content-Length: 1, 1\r\n\r\na", ok + b"Content-Length: +1\r\n\r\na",
            ok + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            ok + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            ok + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n", b"HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\nhello",
            ok + b"X: " + b"x" * 100000, b"HTTP/1.1 103 Early\r\n\r\n" * 100):
        with Backend(canned(octets)) as b, proxy(b.address) as d:
            equal(ask(d, "/p").status, 502, octets[:60])
    chunked = ok + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n"
    for octets in (chunked, chunked + b"x\r\n", chunked + b"2\nab\r\n", chunked + b"2\r\nabc\r\n",
                   chunked + b"1;" + b"x" * 1000 + b"\r\na\r\n", chunked + b"0\r\nX : y\r\n\r\n",
                   chunked + b"fffffffffffffffff\r\n", ok + b"Content-Length: 5\r\n\r\nabc"):
        with Backend(canned(octets)) as b, proxy(b.address) as d:
            cut_off(d, "/p", octets[-60:])


@test("proxy: connections are kept, and what follows a response is not the next one's")
def proxy_kept():
    with Backend(origin_echo) as b, proxy(b.address) as d:
        for i in range(10):
            equal(ask(d, f"/p/{i}").json["head"][0], f"GET /p/{i} HTTP/1.1")
        equal(b.connections, 1)
    once = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na"
    more = once + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
    with Backend(canned(more, more, more, more)) as b, proxy(b.address) as d:
        for _ in range(4):
            equal(ask(d, "/p").text, "a")
        equal(b.connections, 4, "no connection with a rest was used again")
    with Backend(canned(once)) as b, proxy(b.address) as d:
        for i in range(5):
            equal(ask(d, "/p").text, "a", f"request {i} after the origin has closed")
    with Backend(canned(once, once, once)) as b, proxy(b.address, 'keep-alive = 0') as d:
        for _ in range(3):
            equal(ask(d, "/p").text, "a")
        equal(b.connections, 3, "keep-alive = 0")


@test("proxy: a request that may not be sent twice is not")
def proxy_once():
    seen = []

    def serve(s):
        for _ in range(2):
            head, _ = read_head(s)
            if head is None:
                return
            seen.append(head.split()[0])
            if head.startswith("POST"):
                return
            s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    with Backend(serve) as b, proxy(b.address) as d:
        equal(ask(d, "/p").status, 200)
        equal(ask(d, "/p", "Content-Length: 0", method="POST").status, 502)
        equal(seen.count("POST"), 1, str(seen))


@test("proxy: dead, silent and stalling origins")
def proxy_dead():
    with proxy([dead_address(), dead_address()]) as d:
        equal(ask(d, "/p").status, 502)
    hold = threading.Event()
    with Backend(lambda s: hold.wait(PATIENCE)) as b, proxy(b.address, 'response-timeout = "200ms"') as d:
        equal(ask(d, "/p").status, 504)
        equal(ask(d, "/p", method="POST", body=b"x" * 100).status, 504)
        hold.set()
    gone_away = threading.Event()

    def serve(s):
        read_head(s)
        if not s.recv(1):
            gone_away.set()
    with Backend(serve) as b, proxy(b.address) as d:
        with d.connect() as s:
            s.sendall(b"GET /p HTTP/1.1\r\nHost: x\r\n\r\n")
            until(lambda: b.connections, "the origin to be asked")
        assert gone_away.wait(PATIENCE), "the client's leaving is not passed on"


@test("proxy: 100 MB to a slow client in bounded memory")
def proxy_slow():
    def serve(s):
        read_head(s)
        s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (100 << 20))
        for _ in range(100):
            s.sendall(bytes(1 << 20))
    with Backend(serve) as b, proxy(b.address) as d:
        through_slow_client(d, "/p")


@test("proxy: h2 in front")
def proxy_h2():
    if not shutil.which("curl"):
        raise Skip("no curl")
    with Backend(origin_echo) as b, proxy(b.address) as d:
        out = subprocess.run(["curl", "-s", "--http2-prior-knowledge", "-H", "Expect:", "-d", "abc",
                              f"http://127.0.0.1:{d.port('tcp')}/p?h2"], capture_output=True, check=True).stdout
        a = json.loads(out)
        equal((a["head"][0], a["body"]), ("POST /p?h2 HTTP/1.1", "abc"))
        assert "Via: 2 linnet-httpd" in a["head"], a["head"]
        assert f"Host: 127.0.0.1:{d.port('tcp')}" in a["head"], a["head"]


@test("HTTP/2: a failed gateway's time is not the time for its error page")
def h2_error_page():
    sys.path.insert(0, os.path.join(HERE, "../unit/http2"))
    try:
        from http2_client import Client  # pylint: disable=import-outside-toplevel
    except ImportError as why:
        raise Skip(f"{why}: install python3-h2") from None
    page = b"sorry " * 20000
    root = os.path.join(FOLDER.name, "errors")
    os.makedirs(root, exist_ok=True)
    with open(os.path.join(root, "502.html"), "wb") as f:
        f.write(page)
    with Backend(lambda s: read_head(s)) as b, \
            httpd({"/p": f'proxy {{ address = "{b.address}" response-timeout = "500ms" }}'},
                  host=f'root = "{root}" error-pages {{ 502 = "/502.html" }}') as d, d.connect() as s:
        c = Client(s, auto=False)
        stream = c.request("/p", authority="localhost")
        c.until(lambda: stream in c.answers and len(c.answers[stream].data) == 65535)
        time.sleep(1)       # longer than the gateway had
        c.update(0, 1 << 20)
        c.update(stream, 1 << 20)
        c.until(lambda: c.answers[stream].ended or c.answers[stream].reset is not None)
        a = c.answers[stream]
        equal((a.status, a.reset, len(a.data)), (502, None, len(page)))


def tls_origin(folder, names):
    """A function for Backend that serves as origin_echo() by TLS, its certificate, and the names that were asked for."""
    certificate, key = os.path.join(folder, "origin.pem"), os.path.join(folder, "origin.key")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=origin",
                    "-addext", f"subjectAltName={names}", "-out", certificate, "-keyout", key],
                   check=True, stderr=subprocess.DEVNULL)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    seen = []
    context.sni_callback = lambda sock, name, _: seen.append(name)

    def serve(s):
        try:
            with context.wrap_socket(s, server_side=True) as tls:
                origin_echo(tls)
        except OSError:     # ssl.SSLError too
            pass
    return serve, certificate, seen


@test("proxy: to an origin by https, whose certificate is checked")
def proxy_https():
    with temporary_folder() as folder, temporary_folder() as other:
        serve, ca, seen = tls_origin(folder, "DNS:origin.example,IP:127.0.0.1")
        stranger = tls_origin(other, "IP:127.0.0.1")[1]
        with Backend(serve) as b:
            for options, status in ((f'tls-ca = "{ca}"', 200),
                                    (f'tls-ca = "{ca}" tls-name = "origin.example"', 200),
                                    (f'tls-ca = "{ca}" tls-name = "other.example"', 502),
                                    (f'tls-ca = "{stranger}"', 502),
                                    ("", 502)):
                with proxy(b.address, f"tls = true {options}") as d:
                    for n in range(3):
                        a = ask(d, f"/p/{n}", method="POST", body=b"x" * 100000)
                        equal(a.status, status, options)
                        if status == 200:
                            equal((a.json["head"][0], len(a.json["body"])), (f"POST /p/{n} HTTP/1.1", 100000))
                    if status != 200:
                        until(lambda d=d: d.has("certificate|mismatch"), "a line about the certificate")
            equal(set(seen), {None, "origin.example", "other.example"}, "SNI")
        # One that speaks no TLS
        with Backend(lambda s: s.sendall(b"HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n")) as b, proxy(b.address, f'tls = true tls-ca = "{ca}"') as d:
            equal(ask(d, "/p/").status, 502)


@test("proxy: what cannot be of tls is refused with a word")
def proxy_tls_errors():
    for address, options, words in (
            ("127.0.0.1:1", 'tls-ca = "/x"', 'tls-ca without "tls = true"'),
            ("127.0.0.1:1", 'tls-name = "x"', 'tls-name without "tls = true"'),
            ("127.0.0.1:1", 'tls = true tls-ca = "/nowhere/ca.pem"', "/nowhere/ca.pem"),
            ("127.0.0.1:1", 'tls = true tls-name = "a b"', 'tls-name \\"a b'),
            ("127.0.0.1:1", 'tls = true tls-name = "a:443"', 'tls-name \\"a:443'),
            ("unix:/x", "tls = true", "tls-name is missing")):
        try:
            with proxy(address, options):
                pass
        except AssertionError as e:
            if words.replace("\\", "") not in str(e).replace("\\", ""):
                raise
        else:
            raise AssertionError(f"{options} is taken")


if __name__ == "__main__":
    main()
