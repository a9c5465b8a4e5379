#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The section form of linnet-httpd: what was sent in each of the three kinds is shown."""
import hashlib
import html
import http.client
import html.parser
import json
import os
import re
import shutil
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../userspace"))
from harness import (Daemon, MODULE, PATIENCE, Skip, equal, has_protocol, main, program,
                     temporary_folder, test, transports)

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=b"
MAX = 2 * 1024 * 1024


class Connection(http.client.HTTPConnection):
    """A connection to a Daemon on one of its transports."""

    def __init__(self, daemon, protocol=socket.IPPROTO_TCP):
        super().__init__("localhost")
        self.daemon, self.protocol = daemon, protocol

    def connect(self):
        self.sock = self.daemon.connect(self.protocol)


class Server:
    """linnet-httpd with a form at /form."""

    def __init__(self, options='max = "2m"'):
        self.folder = temporary_folder()
        config = os.path.join(self.folder.name, "httpd.conf")
        with open(config, "w", encoding="ascii") as f:
            f.write(f'access-log = "none"\n'
                    f'listen "127.0.0.1:0" {{ transports = "{"both" if MODULE else "tcp"}" }}\n'
                    f'host "localhost" {{ default = true\n'
                    f' location "/form" {{ form {{ {options} }} }}\n}}\n')
        self.daemon = Daemon("linnet-httpd", "--config", config, ports=())

    def url(self):
        return f"http://127.0.0.1:{self.daemon.port('tcp')}/form"

    def ask(self, method, body=None, fields=None, connection=None, **more):
        """Status, header fields, body."""
        c = connection or Connection(self.daemon)
        try:
            c.request(method, "/form", body, fields or {}, **more)
        except (BrokenPipeError, ConnectionResetError):
            pass        # refused before all was sent: the answer is there
        r = c.getresponse()
        body = r.read()
        if not connection:
            c.close()
        return r.status, r.msg, body

    def post(self, body, content_type, connection=None, **more):
        """Status and what the answer's JSON says."""
        fields = {"Accept": "application/json"}
        if content_type is not None:
            fields["Content-Type"] = content_type
        status, got, text = self.ask("POST", body, fields, connection, **more)
        equal(got["Content-Type"], "application/json", "type of the answer")
        return status, json.loads(text)

    def curl(self, *args):
        if not shutil.which("curl"):
            raise Skip("no curl here")
        out = subprocess.run(["curl", "-sS", "-H", "Accept: application/json", *args, self.url()],
                             stdout=subprocess.PIPE, check=True, timeout=PATIENCE).stdout
        return json.loads(out)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.daemon.__exit__(*exc)
        self.folder.cleanup()


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def noise(n):
    return b"".join(hashlib.sha256(b"%d" % i).digest() for i in range(n // 32 + 1))[:n]


def part(disposition, content, *more):
    lines = [f"Content-Disposition: form-data; {disposition}", *more]
    return b"--b\r\n" + "\r\n".join(lines).encode() + b"\r\n\r\n" + content + b"\r\n"


class Page(html.parser.HTMLParser):
    """Forms of a page, cells of its tables, and whether anything in it runs."""

    def __init__(self, text):
        super().__init__()
        self.forms, self.controls, self.cells, self.scripts, self.images = [], [], [], 0, 0
        self.cell = None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag == "form":
            self.forms.append(dict(attrs))
        elif tag in ("input", "textarea"):
            self.controls.append(dict(attrs))
        elif tag == "td":
            self.cell = ""
        elif tag == "script":
            self.scripts += 1
        elif tag == "img":
            self.images += 1
        elif tag == "br" and self.cell is not None:
            self.cell += "\n"

    def handle_endtag(self, tag):
        if tag == "td":
            self.cells.append(self.cell)
            self.cell = None

    def handle_data(self, data):
        if self.cell is not None:
            self.cell += data


@test("the page has a form of each kind")
def page():
    with Server() as s:
        status, fields, text = s.ask("GET", fields={"Accept": "text/html,*/*;q=0.8"})
        equal(status, 200)
        equal(fields["Content-Type"], "text/html; charset=utf-8")
        p = Page(text.decode())
        equal([f["enctype"] for f in p.forms], [URLENCODED, "multipart/form-data", "text/plain"])
        equal({f["method"] for f in p.forms}, {"post"})
        equal(sum(c.get("type") == "file" for c in p.controls), 2, "file controls")
        status, head, nothing = s.ask("HEAD")
        equal((status, nothing), (200, b""))
        equal(head["Content-Length"], str(len(text)))


@test("other methods: 405 with Allow")
def methods():
    with Server() as s:
        for method in ("PUT", "DELETE"):
            status, fields, _ = s.ask(method)
            equal((status, fields["Allow"]), (405, "GET, HEAD, POST, OPTIONS"), method)
        status, fields, _ = s.ask("OPTIONS")
        equal((status, fields["Allow"]), (204, "GET, HEAD, POST, OPTIONS"))


@test("application/x-www-form-urlencoded, as JSON")
def urlencoded():
    with Server() as s:
        body = "name=J%C3%BCrgen+M%C3%BC&a=1&a=%22%3C%26&empty="
        equal(s.post(body, URLENCODED),
              (200, {"kind": "urlencoded", "type": URLENCODED, "size": len(body), "items": [
                  {"name": "name", "value": "Jürgen Mü"}, {"name": "a", "value": "1"},
                  {"name": "a", "value": '"<&'}, {"name": "empty", "value": ""}]}))
        equal(s.post("", URLENCODED)[1]["items"], [])


@test("multipart/form-data, as JSON")
def multipart():
    data = noise(100000) + b"\r\n--\r\n--c"
    body = (part('name="text"', "zwei\r\nZeilen €".encode()) +
            part('name="file"; filename="a%22b €.bin"', data,
                 "Content-Type: application/octet-stream") +
            part('name="file"; filename=""', b"") + b"--b--\r\n")
    with Server() as s:
        equal(s.post(body, MULTIPART),
              (200, {"kind": "multipart", "type": "multipart/form-data", "size": len(body),
                     "items": [
                         {"name": "text", "value": "zwei\r\nZeilen €"},
                         {"name": "file", "filename": 'a"b €.bin', "size": len(data),
                          "type": "application/octet-stream", "sha256": sha256(data)},
                         {"name": "file", "filename": "", "type": "text/plain", "size": 0,
                          "sha256": sha256(b"")}]}))


@test("opaque content: type, length and hash")
def opaque():
    data = noise(1000000)
    with Server() as s:
        for sent, shown in (("image/png", "image/png"), ("text/plain; charset=utf-16", "text/plain"),
                            (None, "application/octet-stream")):
            status, got = s.post(data, sent)
            equal((status, got), (200, {"kind": "opaque", "type": shown, "size": len(data),
                                        "sha256": sha256(data)}), str(sent))


@test("a browser gets HTML, in which nothing of what was sent is markup")
def markup():
    evil = "<script>alert('x')</script>&amp;\"<img src=x>"
    body = (part('name="<b>n</b>"', evil.encode()) +
            part('name="f"; filename="<img src=y>.txt"', b"abc",
                 "Content-Type: text/x-<b>evil</b>") + b"--b--")
    fields = {"Content-Type": MULTIPART, "Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    with Server() as s:
        # "<" is no character of a media type.
        equal(s.ask("POST", body, fields)[0], 400)
        body = body.replace(b"text/x-<b>evil</b>", b'text/x; a="<b>"')
        status, got, text = s.ask("POST", body, fields)
        equal((status, got["Content-Type"]), (200, "text/html; charset=utf-8"))
        equal(got["X-Content-Type-Options"], "nosniff")
        p = Page(text.decode())
        equal((p.scripts, p.images), (0, 0), "script and img elements")
        equal(p.cells, ["<b>n</b>", evil, "f",
                        f'<img src=y>.txt\ntext/x; a="<b>", 3 octets\nSHA-256 {sha256(b"abc")}'])


@test("Accept chooses between HTML and JSON")
def accept():
    with Server() as s:
        for field, expected in (
                (None, "text/html"), ("*/*", "text/html"), ("application/json", "application/json"),
                ("text/html, application/json;q=0.9", "text/html"),
                ("text/html;q=0.8, application/json;q=0.9", "application/json"),
                ("text/html;q=0, application/json;q=0", "text/html"),
                ("Application/JSON", "application/json"), ("application/jsonx", "text/html")):
            fields = {"Content-Type": URLENCODED}
            if field:
                fields["Accept"] = field
            _, got, _ = s.ask("POST", "a=1", fields)
            equal(got["Content-Type"].split(";")[0], expected, str(field))
            equal(got["Vary"], "Accept")


@test("malformed forms: 400 and the reason")
def malformed():
    cases = [
        ("a=%zz", URLENCODED, "hexadecimal"),
        ("a=1 2", URLENCODED, "spaces"),
        ("a=%ff", URLENCODED, "UTF-8"),
        (b"a=\0", URLENCODED, "control"),
        ("a=1", "multipart/form-data", "without a boundary"),
        ("a=1", MULTIPART, "no boundary"),
        (part('name="a"', b"1"), MULTIPART, "before its last boundary"),
        (part('name="a"', b"1", "Content-Type: multipart/mixed; boundary=c") + b"--b--", MULTIPART,
         "multipart within"),
        (part('filename="a"', b"1") + b"--b--", MULTIPART, "no name"),
        (part('name="a"', b"\xff") + b"--b--", MULTIPART, "UTF-8"),
        ("x", "nonsense", "Content-Type"),
    ]
    with Server() as s:
        for body, content_type, reason in cases:
            status, got = s.post(body, content_type)
            equal((status, got["status"]), (400, 400), f"{body} {got}")
            if reason not in got["error"]:
                raise AssertionError(f"{body}: {got['error']}")
        status, got, text = s.ask("POST", "a=%zz", {"Content-Type": URLENCODED})
        equal(status, 400)
        if "hexadecimal" not in html.unescape(text.decode()):
            raise AssertionError(text)


@test("415: a charset or a content coding that is not known")
def unsupported():
    with Server() as s:
        status, got = s.post("a=1", URLENCODED + "; charset=iso-8859-1")
        equal(status, 415)
        equal("utf-8" in got["error"], True, got["error"])
        status, fields, _ = s.ask("POST", b"x", {"Content-Type": URLENCODED,
                                                 "Content-Encoding": "gzip"})
        equal((status, fields["Accept-Encoding"]), (415, "identity"))
        status, _, _ = s.ask("POST", b"x", {"Content-Type": URLENCODED, "Content-Encoding": "identity",
                                            "content-encoding": "gzip"})
        equal(status, 415, "the second of two")


@test("413: content beyond max, however it is announced; max itself is let in")
def too_much():
    with Server() as s:
        equal(s.post(noise(MAX), "x/y")[0], 200)
        status, _, _ = s.ask("POST", noise(MAX + 1), {"Content-Type": "x/y"})
        equal(status, 413)
        pieces = (noise(65536) for _ in range(MAX // 65536 + 1))
        status, _, _ = s.ask("POST", pieces, {"Content-Type": "x/y"}, encode_chunked=True)
        equal(status, 413, "chunked")


@test("413: fields beyond the bounds")
def bounds():
    with Server() as s:
        equal(s.post("&".join(["a=1"] * 1000), URLENCODED)[0], 200)
        status, got = s.post("&".join(["a=1"] * 1001), URLENCODED)
        equal((status, "too many" in got["error"]), (413, True))
        status, got = s.post("a=" + "x" * (1 << 20), URLENCODED)
        equal((status, "too long" in got["error"]), (413, True))
        status, got = s.post(part('name="a"', b"1", "X: " + "y" * 9000) + b"--b--", MULTIPART)
        equal((status, "header" in got["error"]), (413, True))


@test("octet by octet in chunks, on each transport")
def chunks():
    body = part('name="a"', b"1\r\n-") + part('name="f"; filename="x"', b"\r\n--") + b"--b--"
    done = 0
    with Server() as s:
        for name, protocol in transports():
            if not has_protocol(protocol):
                continue
            c = Connection(s.daemon, protocol)
            status, got = s.post((body[i:i + 1] for i in range(len(body))), MULTIPART, c,
                                 encode_chunked=True)
            equal(status, 200, f"{name}: {got}")
            equal(got["items"][0], {"name": "a", "value": "1\r\n-"}, name)
            equal(got["items"][1]["sha256"], sha256(b"\r\n--"), name)
            # The connection goes on.
            equal(s.post("b=2", URLENCODED, c)[1]["items"], [{"name": "b", "value": "2"}], name)
            c.close()
            done += 1
    equal(done > 0, True, "transports")


@test("a client that goes in the middle of a form leaves the server well")
def gone():
    with Server() as s:
        for _ in range(20):
            c = s.daemon.connect()
            c.sendall(b"POST /form HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n"
                      b"Content-Type: " + MULTIPART.encode() + b"\r\n\r\n" +
                      part('name="f"; filename="x"', noise(5000)))
            c.close()
        equal(s.post("a=1", URLENCODED)[0], 200)
        equal(s.daemon.has("ended by signal"), False, "a worker died")


@test("curl: -d, --data-urlencode, -F with files, 100-continue, HTTP/2")
def curl():
    with Server() as s:
        equal(s.curl("-d", "a=1", "--data-urlencode", "b=x y&ü")["items"],
              [{"name": "a", "value": "1"}, {"name": "b", "value": "x y&ü"}])
        path = os.path.join(s.folder.name, 'quote"d ü.bin')
        data = noise(1500000)
        with open(path, "wb") as f:
            f.write(data)
        quoted = path.replace('"', '\\"')
        for version in ("--http1.1", "--http2-prior-knowledge"):
            got = s.curl(version, "-H", "Expect: 100-continue", "-F", "t=<" + os.devnull, "-F",
                         f'f=@"{quoted}";type=image/x-test')
            equal(got["items"], [{"name": "t", "value": ""},
                                 {"name": "f", "filename": 'quote"d ü.bin', "type": "image/x-test",
                                  "size": len(data), "sha256": sha256(data)}], version)


@test("a bad max is refused with its line")
def configuration():
    for text, reason in (('max = "much"', "much"), ('max = "0"', "1 octet"), ("min = 1", "min")):
        with temporary_folder() as folder:
            config = os.path.join(folder, "httpd.conf")
            with open(config, "w", encoding="ascii") as f:
                f.write(f'host "localhost" {{\n location "/" {{ form {{\n {text}\n}} }} }}\n')
            done = subprocess.run([program("linnet-httpd"), "--check", "--config", config],
                                  stderr=subprocess.PIPE, text=True, check=False, timeout=PATIENCE)
        equal(done.returncode != 0, True, f"{text} was accepted")
        if not re.search(r"httpd\.conf:\d+: .*" + reason, done.stderr):
            raise AssertionError(f"{text}: {done.stderr}")


if __name__ == "__main__":
    main()
