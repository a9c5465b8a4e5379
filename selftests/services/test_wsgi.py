#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""linnet-httpd's WSGI: PEP 3333, frameworks, streaming."""
import hashlib
import http.client
import json
import os
import re
import subprocess
import sys
import textwrap

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../userspace"))
# pylint: disable=wrong-import-position
from harness import equal, has_protocol, main, Skip, test, textbook, transports
from wsgi_server import ask_raw, chunks, Connection, ERROR, noise, PYTHON, Server


# --- the interface ---

@test("environ: what PEP 3333 lists, as native strings")
def environ():
    source = """
        import json
        def application(environ, start_response):
            start_response("200 OK", [("Content-Type", "application/json")])
            for key, value in environ.items():
                assert type(key) is str
                assert type(value) is str or key.startswith("wsgi."), key
            return [json.dumps(environ, default=str).encode()]
        """
    for prefix, script in (("/", ""), ("/a/b", "/a/b")):
        with Server(source, prefix=prefix) as s:
            status, fields, body = s.ask("POST", script + "/x%20%C3%A4/?q=%20&r", b"abc",
                                         {"Content-Type": "x/y", "X-Own": "z", "Proxy": "evil"})
            e = json.loads(body)
            equal((status, fields["Content-Length"]), (200, str(len(body))))
            for key, value in {
                    "REQUEST_METHOD": "POST", "SCRIPT_NAME": script,
                    "PATH_INFO": "/x \u00c3\u00a4/", "QUERY_STRING": "q=%20&r",
                    "CONTENT_TYPE": "x/y", "CONTENT_LENGTH": "3", "SERVER_NAME": "localhost",
                    "SERVER_PORT": str(s.daemon.port("tcp")), "SERVER_PROTOCOL": "HTTP/1.1",
                    "HTTP_X_OWN": "z", "HTTP_HOST": "localhost", "REMOTE_ADDR": "127.0.0.1",
                    "wsgi.version": [1, 0], "wsgi.url_scheme": "http", "wsgi.multithread": False,
                    "wsgi.multiprocess": True, "wsgi.run_once": False}.items():
                equal(e[key], value, key)
            for key in ("HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH", "HTTP_PROXY", "PATH"):
                equal(key in e, False, key)


VALIDATED = """
    from wsgiref.validate import validator

    def read_all(f):
        return f.read(-1) if False else b"".join(iter(lambda: f.read(1000), b""))

    def read_octets(f):
        return b"".join(iter(lambda: f.read(1), b""))

    def read_lines(f):
        return b"".join(iter(lambda: f.readline(), b""))

    def read_short_lines(f):
        got = []
        while True:
            line = f.readline(7)
            assert len(line) <= 7
            assert b"\\n" not in line[:-1]
            if not line:
                return b"".join(got)
            got.append(line)

    def read_list(f):
        lines = f.readlines()
        assert all(line.endswith(b"\\n") for line in lines[:-1])
        return b"".join(lines)

    def read_hint(f):
        got = []
        while True:
            lines = f.readlines(100)
            assert sum(map(len, lines[:-1])) < 100
            if not lines:
                return b"".join(got)
            got += lines

    def iterate(f):
        return b"".join(f)

    def mixed(f):
        return f.read(3) + f.readline() + f.read(10) + b"".join(f.readlines(20)) + b"".join(f)

    def nothing(f):
        return b""

    ways = dict(read=read_all, octets=read_octets, lines=read_lines, short=read_short_lines,
                list=read_list, hint=read_hint, iterate=iterate, mixed=mixed, nothing=nothing)

    @validator
    def application(environ, start_response):
        data = ways[environ["PATH_INFO"][1:]](environ["wsgi.input"])
        environ["wsgi.errors"].write("a word ")
        environ["wsgi.errors"].writelines(["to the ", "log\\n"])
        environ["wsgi.errors"].flush()
        write = start_response("200 OK", [("Content-Type", "application/octet-stream")])
        write(data[:5])
        return [data[5:]]
    """


@test("under wsgiref.validate, reading content in all ways, on each transport")
def validator():
    contents = [b"", b"a", b"\n", b"one\ntwo\n", b"no end", b"\n\n\n", noise(100000),
                b"".join(b"%d\n" % i for i in range(20000))]
    done = 0
    with Server(VALIDATED) as s:
        for name, protocol in transports():
            if not has_protocol(protocol):
                continue
            c = Connection(s.daemon, protocol)
            for way in ("read", "lines", "short", "list", "hint", "iterate", "mixed"):
                for data in contents:
                    status, _, body = s.ask("POST", "/" + way, data, connection=c)
                    equal((status, body == data), (200, True), f"{name} {way} {data[:20]}")
            equal(s.ask("POST", "/octets", contents[3], connection=c)[2], contents[3], name)
            # Content that is not read is no matter.
            equal(s.ask("POST", "/nothing", noise(3000000))[::2], (200, b""), name)
            # Of unknown length
            equal(s.ask("POST", "/read", (b"%d" % i for i in range(1000)), connection=c,
                        encode_chunked=True)[2], b"".join(b"%d" % i for i in range(1000)), name)
            equal(s.ask("HEAD", "/nothing", connection=c)[::2], (200, b""), name)
            c.close()
            done += 1
        s.logged("a word to the log")
        equal(s.daemon.has("Traceback"), False, "\n".join(s.daemon.lines))
    equal(done > 0, True, "transports")


RESPONSES = """
    import sys

    def application(environ, start_response):
        return globals()[environ["PATH_INFO"][1:]](environ, start_response)

    TEXT = [("Content-Type", "text/plain")]

    class Closing:
        def __init__(self, blocks, errors):
            self.blocks, self.errors = blocks, errors
        def __iter__(self):
            return iter(self.blocks)
        def close(self):
            self.errors.write("closed by close()\\n")

    def one(environ, start_response):
        start_response("200 OK", TEXT)
        return [b"one"]
    def empty(environ, start_response):
        start_response("200 OK", TEXT)
        return []
    def two(environ, start_response):
        start_response("200 OK", TEXT)
        return [b"one", b"two"]
    def no_content(environ, start_response):
        start_response("204 No Content", [])
        return [b"never seen"]
    def lazy(environ, start_response):
        start_response("500 Not this", TEXT)
        yield b""
        start_response("200 OK", TEXT, (KeyError, KeyError(), None))
        yield b"lazy"
    def status(environ, start_response):
        start_response("299 Own Words", TEXT + [("X-A", "1"), ("X-A", "2"), ("X-L", "\\xe4")])
        return [b""]
    def location(environ, start_response):
        start_response("302 Found", [("Location", "/one")])
        return [b"there"]
    def written(environ, start_response):
        write = start_response("200 OK", TEXT)
        write(b"by write, ")
        write(b"")
        return [b"by return"]
    def replaced(environ, start_response):
        start_response("200 OK", TEXT + [("X-First", "1")])
        try:
            raise KeyError("inner")
        except KeyError:
            start_response("503 Later", TEXT, sys.exc_info())
        return [b"later"]
    def too_late(environ, start_response):
        start_response("200 OK", TEXT)(b"begun")
        try:
            raise KeyError("reraised")
        except KeyError:
            start_response("500 Sorry", TEXT, sys.exc_info())
        return [b"never"]
    def twice(environ, start_response):
        start_response("200 OK", TEXT)
        start_response("200 OK", TEXT)
        return [b"never"]
    def closing(environ, start_response):
        start_response("200 OK", TEXT)
        return Closing([b"x"], environ["wsgi.errors"])
    def closing_failure(environ, start_response):
        start_response("200 OK", TEXT)
        return Closing((1 // 0 for i in "x"), environ["wsgi.errors"])
    def raised(environ, start_response):
        raise KeyError("before start_response")
    def raised_after(environ, start_response):
        start_response("200 OK", TEXT)
        raise KeyError("after start_response")
    def raised_in_content(environ, start_response):
        start_response("200 OK", TEXT)
        yield b"begun"
        raise KeyError("in content")
    def exits(environ, start_response):
        sys.exit("by sys.exit")
    def interrupts(environ, start_response):
        raise KeyboardInterrupt("by hand")
    def never_started(environ, start_response):
        return [b"x"]
    def nothing(environ, start_response):
        return []
    def none(environ, start_response):
        start_response("200 OK", TEXT)
    def text(environ, start_response):
        start_response("200 OK", TEXT)
        return ["text"]
    def octets(environ, start_response):
        start_response("200 OK", TEXT)
        return b"octets"
    def too_short(environ, start_response):
        start_response("200 OK", TEXT + [("Content-Length", "9")])
        return [b"short"]
    def too_long(environ, start_response):
        start_response("200 OK", TEXT + [("Content-Length", "4")])
        return [b"longer"]
    def headers(environ, start_response):
        status, fields = eval(bytes.fromhex(environ["QUERY_STRING"]).decode())
        start_response(status, fields)
        return [b"accepted"]
    def file(environ, start_response):
        start_response("200 OK", TEXT)
        return environ["wsgi.file_wrapper"](open(__file__, "rb"), 100)
    def endless(environ, start_response):
        start_response("200 OK", TEXT)
        while True:
            yield b"x" * 1000
    def kept(environ, start_response, old=[]):
        start_response("200 OK", TEXT)
        seen = []
        for f in old:
            try:
                f()
            except ValueError as e:
                seen.append(str(e))
        errors, stream = environ["wsgi.errors"], environ["wsgi.input"]
        old[:] = [stream.read, stream.readline, stream.readlines, lambda: list(stream),
                  errors.flush, lambda: errors.write("x"),
                  lambda: start_response("200 OK", TEXT)]
        return [repr(seen).encode()]
    """


@test("responses: lengths, laziness, write(), exc_info, close()")
def responses():
    with Server(RESPONSES, "processes = 1") as s:
        status, fields, body = s.get("/one")
        equal((status, fields["Content-Length"], body), (200, "3", b"one"))
        status, fields, body = s.ask("HEAD", "/one")
        equal((status, fields["Content-Length"], body), (200, "3", b""))
        equal(s.get("/empty")[1]["Content-Length"], "0")
        equal(s.ask("HEAD", "/empty")[1]["Content-Length"], None, "of HEAD without content")
        status, fields, body = s.get("/two")
        equal((fields["Content-Length"], body), (None, b"onetwo"))
        status, fields, body = s.get("/no_content")
        equal((status, fields["Content-Length"], body), (204, None, b""))
        equal(s.get("/lazy")[::2], (200, b"lazy"))
        equal(s.get("/written")[::2], (200, b"by write, by return"))
        status, fields, _ = s.get("/status")
        equal((status, fields.get_all("X-A"), fields["X-L"]), (299, ["1", "2"], "\xe4"))
        status, fields, body = s.get("/location")
        equal((status, fields["Location"], body), (302, "/one", b"there"))
        status, fields, body = s.get("/replaced")
        equal((status, fields["X-First"], body), (503, None, b"later"))
        equal(s.get("/file")[2].decode(), textwrap.dedent(RESPONSES))
        equal(s.ask("HEAD", "/endless")[0], 200, "HEAD of endless content")
        equal(s.get("/kept")[2], b"[]")
        equal(s.get("/kept")[2], repr(["the request is over"] * 7).encode())
        equal(s.daemon.has("Traceback"), False, "\n".join(s.daemon.lines))
        equal(s.get("/closing")[2], b"x")
        s.logged("closed by close")


@test("errors of an application: 500, a line in the log, and the process lives on")
def failures():
    expected = {
        "raised": "KeyError: 'before start_response'",
        "raised_after": "KeyError: 'after start_response'",
        "twice": "start_response() was called before",
        "exits": "SystemExit: by sys.exit",
        "interrupts": "KeyboardInterrupt: by hand",
        "never_started": "content came before start_response()",
        "nothing": "returned without calling start_response()",
        "none": "'NoneType' object is not iterable",
        "text": "content must be bytes, not str",
        "octets": "content must be bytes, not int",
        "closing_failure": "ZeroDivisionError",
    }
    with Server(RESPONSES + """
    import os
    def pid(environ, start_response):
        start_response("200 OK", TEXT)
        return [str(os.getpid()).encode()]
    """, "processes = 1") as s:
        before = s.get("/pid")[2]
        for name, line in expected.items():
            status, fields, body = s.get("/" + name)
            equal((status, fields["Content-Type"], body), (500, "text/plain", ERROR), name)
            s.logged(re.escape(line))
        s.logged("closed by close")
        equal(s.get("/pid")[2], before, "the process")


@test("errors after the header: the client sees that the response is not complete")
def cut_off():
    with Server(RESPONSES, "processes = 1") as s:
        for name, line in (("raised_in_content", "KeyError: 'in content'"),
                           ("too_late", "KeyError: 'reraised'"),
                           ("too_short", "content ends 4 octets before Content-Length")):
            try:
                s.get("/" + name)
            except (http.client.IncompleteRead, ConnectionError):
                s.logged(re.escape(line))
                continue
            raise AssertionError(f"{name} seemed to be complete")
        # What is too long is cut off where the client expects its end, at the latest.  It
        # stays until the line is there: a client that leaves ends the gateway's part, too.
        c = Connection(s.daemon)
        try:
            equal(s.get("/too_long", connection=c)[2], b"long")
        except (http.client.IncompleteRead, ConnectionError):
            pass
        s.logged("more content than Content-Length")
        c.close()
        equal(s.get("/one")[2], b"one")


@test("status and header fields are checked")
def headers():
    good = [("200 OK", []), ("404 Not found, sorry", [("X-A", "b\tc \xff")]), ("200 ", [])]
    bad = [
        ("200", []), (200, []), (b"200 OK", []), ("20 OK", []), ("2000 OK", []), ("abc", []),
        ("100 Continue", []), ("600 No", []), ("200 O\nK", []), ("200 \u20ac", []),
        ("200 OK", ()), ("200 OK", None), ("200 OK", [["A", "b"]]), ("200 OK", [("A",)]),
        ("200 OK", [("A", 1)]), ("200 OK", [(b"A", "b")]), ("200 OK", [("A", "b\r\nC: d")]),
        ("200 OK", [("A", "b\nc")]), ("200 OK", [("A", "\x00")]), ("200 OK", [("A b", "c")]),
        ("200 OK", [("A:", "c")]), ("200 OK", [("", "c")]), ("200 OK", [("A", "\u20ac")]),
        ("200 OK", [("Status", "200")]), ("200 OK", [("Content-Length", "x")]),
        ("200 OK", [("Content-Length", "-1")]),
        ("200 OK", [("Content-Length", "1"), ("Content-Length", "2")]),
    ] + [("200 OK", [(name, "x")]) for name in (
        "Connection", "keep-alive", "Proxy-Authenticate", "Proxy-Authorization", "TE", "Trailer",
        "Trailers", "Transfer-Encoding", "UPGRADE")]
    with Server(RESPONSES) as s:
        for case in good:
            status, _, body = s.get("/headers?" + repr(case).encode().hex())
            equal((status, body), (int(case[0][:3]), b"accepted"), str(case))
        for case in bad:
            status, _, body = s.get("/headers?" + repr(case).encode().hex())
            equal((status, body), (500, ERROR), str(case))
        s.logged("Transfer-Encoding is a hop-by-hop field, which an application must not set")


# --- frameworks and the textbook ---

def need_package(name):
    if subprocess.run([PYTHON, "-c", f"import {name}"], stderr=subprocess.DEVNULL,
                      check=False).returncode:
        raise Skip(f"no {name} here: apt-get install python3-{name}")


@test("Flask: routes, forms, files, streaming, sessions")
def flask():
    need_package("flask")
    source = """
        import hashlib
        from flask import Flask, Response, jsonify, request, session, send_file
        application = Flask(__name__)
        application.secret_key = "of a test"
        @application.route("/hello/<name>")
        def hello(name):
            return "hello " + name
        @application.route("/form", methods=["POST"])
        def form():
            f = request.files["f"]
            return jsonify(a=request.form["a"], name=f.filename,
                           sha=hashlib.sha256(f.read()).hexdigest())
        @application.route("/json", methods=["PUT"])
        def put():
            return jsonify(request.get_json())
        @application.route("/stream")
        def stream():
            return Response((str(i) for i in range(100)), mimetype="text/plain")
        @application.route("/count")
        def count():
            session["n"] = session.get("n", 0) + 1
            return str(session["n"])
        @application.route("/file")
        def file():
            return send_file(__file__)
        """
    with Server(source) as s:
        equal(s.get("/hello/w%C3%B6rld")[2].decode(), "hello w\u00f6rld")
        data = noise(700000)
        body = (b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b\r\n'
                b'Content-Disposition: form-data; name="f"; filename="x.bin"\r\n\r\n' + data +
                b"\r\n--b--\r\n")
        equal(json.loads(s.ask("POST", "/form", body,
                               {"Content-Type": "multipart/form-data; boundary=b"})[2]),
              {"a": "1", "name": "x.bin", "sha": hashlib.sha256(data).hexdigest()})
        equal(json.loads(s.ask("PUT", "/json", (b for b in [b'{"a":', b"[1]}"]),
                               {"Content-Type": "application/json"}, encode_chunked=True)[2]),
              {"a": [1]})
        equal(s.get("/stream")[2], "".join(map(str, range(100))).encode())
        cookie = s.get("/count")[1]["Set-Cookie"].split(";")[0]
        equal(s.get("/count", fields={"Cookie": cookie})[2], b"2")
        equal(s.get("/file")[2].decode(), textwrap.dedent(source))
        equal(s.get("/nowhere")[0], 404)
        equal(s.get("/form")[0], 405)


@test("Django: views, reverse URLs below a prefix, uploads, its own 404 and 500")
def django():
    need_package("django")
    source = """
        import hashlib
        from django.conf import settings
        from django.core.wsgi import get_wsgi_application
        from django.http import FileResponse, HttpResponse, JsonResponse, StreamingHttpResponse
        from django.urls import path, reverse
        settings.configure(SECRET_KEY="of a test", ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"],
                           DATA_UPLOAD_MAX_MEMORY_SIZE=None)
        def hello(request, name):
            return HttpResponse("hello " + name + " at " + reverse("hello", args=["x"]))
        def upload(request):
            f = request.FILES["f"]
            return JsonResponse({"a": request.POST["a"], "name": f.name, "sha":
                                 hashlib.sha256(b"".join(f.chunks())).hexdigest()})
        def raw(request):
            return HttpResponse(hashlib.sha256(request.body).hexdigest())
        def stream(request):
            return StreamingHttpResponse(str(i) for i in range(100))
        def file(request):
            return FileResponse(open(__file__, "rb"))
        def fail(request):
            raise RuntimeError("a view that fails")
        urlpatterns = [path("hello/<name>", hello, name="hello"), path("upload", upload),
                       path("raw", raw), path("stream", stream), path("file", file),
                       path("fail", fail)]
        application = get_wsgi_application()
        """
    with Server(source, prefix="/site") as s:
        equal(s.get("/site/hello/w%C3%B6rld")[2].decode(), "hello w\u00f6rld at /site/hello/x")
        # Django finds a boundary also within a line: "--b" would be in the noise.
        data = noise(3000000)
        body = (b'--boundary\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--boundary\r\n'
                b'Content-Disposition: form-data; name="f"; filename="x.bin"\r\n\r\n' + data +
                b"\r\n--boundary--\r\n")
        sha = hashlib.sha256(data).hexdigest()
        equal(json.loads(s.ask("POST", "/site/upload", body,
                               {"Content-Type": "multipart/form-data; boundary=boundary"})[2]),
              {"a": "1", "name": "x.bin", "sha": sha})
        equal(s.ask("POST", "/site/raw", data)[2].decode(), sha)
        equal(s.get("/site/stream")[2], "".join(map(str, range(100))).encode())
        equal(s.get("/site/file")[2].decode(), textwrap.dedent(source))
        equal(s.get("/site/nowhere")[0], 404)
        equal(s.get("/site/fail")[0], 500)


@test("the textbook's application, unmodified")
def textbooks():
    for block in re.findall(r"```python\n(.*?)```", textbook(), re.S):
        found = re.search(r"^def application\(.*?(?=^\S)", block, re.S | re.M)
        if found:
            break
    else:
        raise AssertionError("no application in the textbook")
    with Server(found[0]) as s:
        status, fields, body = s.get("/")
        equal((status, fields["Content-Type"], body), (200, "text/html", b"<h1>hi, py!</h1>"))
        equal(fields["Content-Length"], "16")
        # It calls start_response() for nothing else.
        for method, target in (("GET", "/other"), ("POST", "/")):
            status, _, body = s.ask(method, target)
            equal((status, body), (500, ERROR), f"{method} {target}")
        s.logged("content came before start_response")
        equal(s.get("/")[0], 200)


# --- streaming ---

@test("content goes to the client as the application yields it")
def streaming():
    source = """
        import os
        def application(environ, start_response):
            start_response("200 OK", [("Content-Type", "text/plain")])
            with open(os.path.join(os.path.dirname(__file__), "fifo"), "rb") as f:
                yield b"first"
                for line in f:
                    yield line
        """
    with Server(source) as s:
        fifo = os.path.join(s.folder.name, "fifo")
        os.mkfifo(fifo)
        os.chmod(fifo, 0o644)
        c = ask_raw(s, "/")
        with open(fifo, "wb", buffering=0) as f:
            pieces = chunks(c)
            equal(next(pieces), b"first")
            for i in range(5):
                # The application can only yield this after it was asked for.
                f.write(b"line %d\n" % i)
                equal(next(pieces), b"line %d\n" % i)
        equal(list(pieces), [])
        c.close()


@test("content comes to the application as the client sends it")
def conversation():
    source = """
        def application(environ, start_response):
            start_response("200 OK", [("Content-Type", "text/plain")])
            for line in environ["wsgi.input"]:
                yield b"got " + line
        """
    with Server(source) as s:
        c = s.daemon.connect()
        c.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 12\r\n\r\none\n")
        pieces = chunks(c)
        equal(next(pieces), b"got one\n")
        c.sendall(b"two\n")
        equal(next(pieces), b"got two\n")
        c.sendall(b"end\n")
        equal(list(pieces), [b"got end\n"])
        c.close()


@test("big content both ways, not kept in memory")
def big():
    source = """
        import hashlib
        def application(environ, start_response):
            start_response("200 OK", [("Content-Type", "application/octet-stream")])
            block = bytes(range(256)) * 256
            if environ["REQUEST_METHOD"] == "GET":
                return (block for i in range(3000))
            h = hashlib.sha256()
            for data in iter(lambda: environ["wsgi.input"].read(65536), b""):
                h.update(data)
            with open("/proc/self/status") as f:
                peak = [line for line in f if line.startswith("VmHWM")][0].split()[1]
            return [(h.hexdigest() + " " + peak).encode()]
        """
    block = bytes(range(256)) * 256
    with Server(source, 'processes = 1 max-content = "1g"') as s:
        c = Connection(s.daemon)
        c.request("GET", "/")
        got, n = hashlib.sha256(), 0
        r = c.getresponse()
        for data in iter(lambda: r.read(1 << 20), b""):
            got.update(data)
            n += len(data)
        expected = hashlib.sha256()
        for _ in range(3000):
            expected.update(block)
        equal((n, got.digest()), (3000 * len(block), expected.digest()), "down")
        c.close()
        _, _, body = s.ask("POST", "/", (block for _ in range(3000)),
                           {"Content-Length": str(3000 * len(block))})
        sha, peak = body.decode().split()
        equal(sha, expected.hexdigest(), "up")
        equal(int(peak) < 100 * 1024, True, f"{peak} KiB of memory for 190 MiB of content")


@test("a client that goes away: the application is told and closed, the next one is served")
def gone():
    source = """
        def application(environ, start_response):
            start_response("200 OK", [("Content-Type", "text/plain")])
            if environ["PATH_INFO"] == "/next":
                return [b"next"]
            def forever():
                try:
                    while True:
                        yield b"x" * 100000
                finally:
                    print("the end of forever", flush=True)
            return forever()
        """
    with Server(source, "processes = 1") as s:
        c = ask_raw(s, "/")
        equal(next(chunks(c))[:1], b"x")
        c.close()
        s.logged("the end of forever")
        equal(s.get("/next")[2], b"next")
        equal(s.daemon.has("Traceback"), False, "a traceback for nobody's mistake")


if __name__ == "__main__":
    main()
