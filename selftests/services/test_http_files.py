#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""linnet-httpd's files: what is sent of them, and what may be done to them."""
import ctypes
import email
import gzip
import hashlib
import html.parser
import http.client
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../userspace"))
from harness import (Daemon, MODULE, PATIENCE, Skip, equal, main, program, receive_all,
                     temporary_folder, test, transports, until, has_protocol)

ROOT = os.geteuid() == 0


class Connection(http.client.HTTPConnection):
    """A connection to a Daemon on one of its transports."""

    def __init__(self, daemon, protocol=socket.IPPROTO_TCP):
        super().__init__("localhost")
        self.daemon, self.protocol = daemon, protocol

    def connect(self):
        self.sock = self.daemon.connect(self.protocol)


class Answer:
    """A response that was read to its end."""

    def __init__(self, response):
        self.status = response.status
        self.fields = response.msg
        self.body = response.read()

    def __getitem__(self, name):
        return self.fields[name]


class Site:
    """A folder and a server that serves it; @options go into its section files."""

    def __init__(self, options="", workers=1, extra="", root=None):
        self.temporary = temporary_folder()
        os.chmod(self.temporary.name, 0o755)
        self.root = root or os.path.join(self.temporary.name, "root")
        os.makedirs(self.root, exist_ok=True)
        self.options, self.workers, self.extra = options, workers, extra
        self.daemon = self.connection = None

    def path(self, name):
        return os.path.join(self.root, name)

    def write(self, name, data, age=10):
        """Make a file that was changed @age seconds ago."""
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "wb") as f:
            f.write(data)
        then = int(time.time()) - age
        os.utime(self.path(name), (then, then))

    def read(self, name):
        with open(self.path(name), "rb") as f:
            return f.read()

    def names(self):
        """All that is there, hidden or not."""
        return sorted(os.path.relpath(os.path.join(where, name), self.root)
                      for where, folders, files in os.walk(self.root) for name in folders + files)

    def start(self):
        config = os.path.join(self.temporary.name, "httpd.conf")
        user = ""
        if ROOT:
            # The worker is nobody, so that rights of files mean something.
            user = 'user = "nobody"\n'
            for where, folders, files in os.walk(self.root):
                for name in [where] + [os.path.join(where, n) for n in folders + files]:
                    os.chown(name, 65534, 65534, follow_symlinks=False)
        listen = "both" if MODULE else "tcp"
        with open(config, "w", encoding="ascii") as f:
            f.write(f'workers = {self.workers}\n{user}access-log = "none"\n'
                    f'listen "127.0.0.1:0" {{ transports = "{listen}" }}\n'
                    f'host "localhost" {{\n default = true\n{self.extra}\n'
                    f' location "/" {{ files {{ root = "{self.root}" {self.options} }} }}\n}}\n')
        self.daemon = Daemon("linnet-httpd", "--config", config, ports=())
        self.connection = Connection(self.daemon)
        return self

    def ask(self, method, target, fields=None, body=None, connection=None, chunked=False):
        c = connection or self.connection
        try:
            c.request(method, target, body, fields or {}, encode_chunked=chunked)
        except (BrokenPipeError, ConnectionResetError):
            pass        # refused before all was sent: the answer is there
        answer = Answer(c.getresponse())
        return answer

    def get(self, target, **fields):
        return self.ask("GET", target, {k.replace("_", "-"): v for k, v in fields.items()})

    def worker(self):
        """Process id of the one worker."""
        with open(f"/proc/{self.daemon.process.pid}/task/{self.daemon.process.pid}/children",
                  encoding="ascii") as f:
            return int(f.read().split()[0])

    def __enter__(self):
        return self.start() if not self.daemon else self

    def __exit__(self, *exc):
        if self.connection:
            self.connection.close()
        if self.daemon:
            # Twice: at once, whoever is still connected.
            for _ in range(2):
                if self.daemon.process.poll() is None:
                    self.daemon.process.send_signal(signal.SIGTERM)
            try:
                self.daemon.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                pass
            self.daemon.__exit__(*exc)
        self.temporary.cleanup()


def lines(n):
    return b"".join(b"line %d of a text that is worth compressing\n" % i for i in range(n))


def noise(n, seed=b"noise"):
    """Octets that no compression makes fewer."""
    return b"".join(hashlib.sha256(seed + b"%d" % i).digest() for i in range(n // 32 + 1))[:n]


def each_transport(site, check):
    """The same on each transport that is there."""
    for name, protocol in transports():
        if has_protocol(protocol):
            connection = Connection(site.daemon, protocol)
            check(name, connection)
            connection.close()


@test("GET and HEAD of files of all sizes, on each transport")
def sizes():
    site = Site()
    # Around the size from which on files are sent by sendfile(), and two big ones.
    files = {f"f{n}.bin": noise(n, b"%d" % n)
             for n in (0, 1, 1000, 16383, 16384, 16385, 1 << 20, 5 << 20)}
    for name, data in files.items():
        site.write(name, data)
    with site:
        def check(transport, connection):
            for name, data in files.items():
                a = site.ask("GET", f"/{name}", connection=connection)
                equal((a.status, a["Content-Length"]), (200, str(len(data))), f"{transport} {name}")
                equal(a.body == data, True, f"{transport} {name}: content")
                h = site.ask("HEAD", f"/{name}", connection=connection)
                equal(h.status, 200, name)
                equal({k: v for k, v in h.fields.items() if k != "Date"},
                      {k: v for k, v in a.fields.items() if k != "Date"}, f"HEAD {name}")
        each_transport(site, check)


@test("what is not below the root is not served")
def beneath():
    site = Site()
    site.write("in/a.txt", b"inside")
    site.write("../secret.txt", b"outside")
    os.symlink("a.txt", site.path("in/link.txt"))
    os.symlink("../in", site.path("in/folder"))
    os.symlink("../../secret.txt", site.path("in/out.txt"))
    os.symlink("/etc/passwd", site.path("in/absolute.txt"))
    os.symlink("loop", site.path("loop"))
    os.symlink("/proc/self/fd", site.path("magic"))
    os.mkfifo(site.path("fifo"))
    s = socket.socket(socket.AF_UNIX)
    s.bind(site.path("socket"))
    s.close()
    expected = {"/in/link.txt": 200, "/in/folder/a.txt": 200, "/in/out.txt": 403,
                "/in/absolute.txt": 403, "/loop": 403, "/magic/0": 403, "/fifo": 403,
                "/socket": 403, "/none": 404, "/in/a.txt/": 404, "/in/a.txt/x": 404,
                "/" + 300 * "x": 404, "/in/%2e%2e/%2e%2e/secret.txt": 400}
    with site:
        for target, status in expected.items():
            equal(site.get(target).status, status, target)
        equal(site.daemon.has(r"warning: /in/out\.txt: "), True, "a line in the log")
    strict = Site("follow-symlinks = false")
    strict.write("in/a.txt", b"inside")
    os.symlink("a.txt", strict.path("in/link.txt"))
    with strict:
        equal(strict.get("/in/a.txt").status, 200)
        equal(strict.get("/in/link.txt").status, 403)


@test("a file that may not be read: 403, and the log says so")
def unreadable():
    site = Site()
    site.write("closed.txt", b"x")
    site.write("dir/open.txt", b"x")
    os.chmod(site.path("closed.txt"), 0)
    with site:
        os.chmod(site.path("dir"), 0)
        for target in "/closed.txt", "/dir/", "/dir/open.txt":
            equal(site.get(target).status, 403, target)
        until(lambda: site.daemon.has(r"warning: /closed\.txt: Permission denied"), "a log line")
        os.chmod(site.path("dir"), 0o755)
        equal(site.get("/dir/open.txt").status, 200)


@test("names in the log make no lines of their own")
def forged_names():
    site = Site()
    os.symlink("/etc/passwd", site.path("a\nlinnet-httpd: error: forged"))
    with site:
        equal(site.get("/a%0Alinnet-httpd:%20error:%20forged").status, 403)
        until(lambda: site.daemon.has(r"warning: /a%0A"), "the line")
        equal(site.daemon.has("^linnet-httpd: error: forged"), False, "a forged line")


@test("ranges: one")
def one_range():
    data = noise(100000)
    site = Site()
    site.write("f.bin", data)
    table = {"bytes=0-0": (0, 1), "bytes=5-9": (5, 10), "bytes=99999-": (99999, 100000),
             "bytes=50000-": (50000, 100000), "bytes=-1": (99999, 100000),
             "bytes=-200000": (0, 100000), "bytes=99990-200000": (99990, 100000),
             "bytes=5-9,200000-": (5, 10)}
    with site:
        for value, (start, end) in table.items():
            a = site.get("/f.bin", Range=value)
            equal((a.status, a["Content-Range"]), (206, f"bytes {start}-{end - 1}/100000"), value)
            equal(a.body == data[start:end], True, value)
        for value in "bytes=100000-", "bytes=-0", "bytes=100000-,200000-":
            a = site.get("/f.bin", Range=value)
            equal((a.status, a["Content-Range"]), (416, "bytes */100000"), value)
        # What is malformed, another unit or too much is ignored.
        for value in ("bytes=9-5", "bytes=x", "lines=1-2", "bytes=0-99999,0-99999",
                      "bytes=" + ",".join(f"{i}-{i}" for i in range(1000))):
            a = site.get("/f.bin", Range=value)
            equal((a.status, a.body == data), (200, True), value[:40])
        a = site.ask("HEAD", "/f.bin", {"Range": "bytes=0-0"})
        equal((a.status, a["Content-Length"]), (200, "100000"), "HEAD")
        site.write("empty", b"")
        equal(site.get("/empty", Range="bytes=0-").status, 416)


@test("ranges: several, and If-Range")
def several_ranges():
    data = noise(60000)
    site = Site()
    site.write("f.bin", data)
    asked = [(0, 1), (10, 20), (30000, 60000), (5, 6)]
    with site:
        value = "bytes=" + ", ".join(f"{a}-{b - 1}" for a, b in asked)
        a = site.get("/f.bin", Range=value)
        equal(a.status, 206)
        equal(a["Content-Length"], str(len(a.body)), "length")
        message = email.message_from_bytes(
            b"Content-Type: " + a["Content-Type"].encode() + b"\r\n\r\n" + a.body)
        equal(message.get_content_type(), "multipart/byteranges")
        boundary = message.get_boundary().encode()
        # email counts lines, which these octets do not have: take the parts by hand.
        rest, position = a.body, 0
        for start, end in asked:
            head, rest = rest.split(b"\r\n\r\n", 1) if not position else rest[2:].split(b"\r\n\r\n", 1)
            position += 1
            equal(f"Content-Range: bytes {start}-{end - 1}/60000".encode() in head, True, str(head))
            equal(b"--" + boundary in head, True, "boundary")
            equal(rest[:end - start] == data[start:end], True, f"{start}-{end}")
            rest = rest[end - start:]
        equal(rest, b"\r\n--" + boundary + b"--\r\n", "end")
        other = site.get("/f.bin", Range=value)
        equal(other["Content-Type"] != a["Content-Type"], True, "a boundary of its own")

        for condition, status in ((a["ETag"], 206), ('"x"', 200), ("W/" + a["ETag"], 200),
                                  (a["Last-Modified"], 206),
                                  ("Sun, 06 Nov 1994 08:49:37 GMT", 200)):
            equal(site.get("/f.bin", Range="bytes=0-0", If_Range=condition).status, status, condition)


@test("conditions of GET and HEAD, in their order")
def conditions():
    site = Site()
    site.write("f.txt", b"content")
    with site:
        first = site.get("/f.txt")
        tag, date = first["ETag"], first["Last-Modified"]
        old = "Sun, 06 Nov 1994 08:49:37 GMT"
        table = [
            ({"If-None-Match": tag}, 304), ({"If-None-Match": "W/" + tag}, 304),
            ({"If-None-Match": f'"x", {tag}'}, 304), ({"If-None-Match": "*"}, 304),
            ({"If-None-Match": '"x"'}, 200),
            ({"If-Match": tag}, 200), ({"If-Match": '"x"'}, 412), ({"If-Match": "*"}, 200),
            ({"If-Match": "W/" + tag}, 412),
            ({"If-Modified-Since": date}, 304), ({"If-Modified-Since": old}, 200),
            ({"If-Unmodified-Since": date}, 200), ({"If-Unmodified-Since": old}, 412),
            ({"If-None-Match": '"x"', "If-Modified-Since": date}, 200),
            ({"If-Match": tag, "If-Unmodified-Since": old}, 200),
            ({"If-Match": '"x"', "If-None-Match": tag}, 412),
            ({"If-Match": tag, "If-None-Match": tag}, 304),
            ({"If-None-Match": tag, "Range": "bytes=0-0"}, 304),
            ({"If-Match": '"x"', "Range": "bytes=0-0"}, 412),
        ]
        for fields, status in table:
            for method in "GET", "HEAD":
                a = site.ask(method, "/f.txt", fields)
                if method == "GET" and status == 200 and "Range" in fields:
                    status = 206
                equal(a.status, status, f"{method} {fields}")
                if status == 304:
                    equal((a.body, a["ETag"], a["Vary"]), (b"", tag, "Accept-Encoding"), str(fields))
        # Nothing there: no condition counts (RFC 9110, 13.2.1).
        equal(site.get("/none", If_None_Match="*").status, 404)


@test("index, and the slash that folders have")
def index():
    site = Site('index = { "index.html", "other.txt" }')
    site.write("index.html", b"first")
    site.write("b c/other.txt", b"second")
    os.makedirs(site.path("neither"))
    os.makedirs(site.path("odd/index.html"))
    site.write("odd/other.txt", b"third")
    with site:
        a = site.get("/")
        equal((a.status, a.body, a["Content-Type"]), (200, b"first", "text/html; charset=utf-8"))
        a = site.get("/b%20c/")
        equal((a.status, a.body, a["Content-Type"]), (200, b"second", "text/plain; charset=utf-8"))
        equal(site.get("/odd/").body, b"third", "a folder is no index")
        a = site.get("/b%20c?x=1&y")
        equal((a.status, a["Location"]), (301, "/b%20c/?x=1&y"))
        equal(site.get("//b%20c")["Location"], "/b%20c/", "not to another host")
        equal(site.get("/neither/").status, 403, "no listing unless asked for")


class Links(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.links, self.texts, self.tags = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag == "a":
            self.links.append(dict(attrs)["href"])

    def handle_data(self, data):
        if self.tags and self.tags[-1] == "a":
            self.texts.append(data)


@test("listing: sorted, escaped, each link leads to its file, nothing hidden")
def listing():
    site = Site("listing = true")
    names = ["a.txt", "Z.txt", "<script>alert(1)<", "a&amp;b", "q\"uote'", "100%", "x?y#z",
             "javascript:alert(1)", "\u00fc.txt", "sp ace", "new\nline"]
    for name in names:
        site.write(f"d/{name}", name.encode())
    os.makedirs(site.path("d/sub<b>"))
    site.write("d/.hidden", b"x")
    site.write("d/.linnet-upload-0123456789abcdef", b"x")
    os.symlink("a.txt", site.path("d/zlink"))
    os.symlink("nowhere", site.path("d/dead"))
    os.symlink("/etc/passwd", site.path("d/out"))
    os.mkfifo(site.path("d/fifo"))
    with site:
        a = site.get("/d/")
        equal((a.status, a["Content-Type"]), (200, "text/html; charset=utf-8"))
        page = Links(a.body.decode())
        equal([t for t in page.tags if t in ("script", "b")], [], "nothing gets in")
        equal(page.links[0], "../")
        equal(page.texts[1], "sub<b>/", "folders first")
        files = [urllib.parse.unquote(link) for link in page.links[2:]]
        equal(files, sorted(("./" + n for n in names + ["zlink"]), key=os.fsencode))
        for link, name in zip(page.links[2:], files):
            got = site.get(urllib.parse.urljoin("/d/", link))
            equal(got.body, b"a.txt" if name == "./zlink" else name[2:].encode(), link)
        equal(site.get(urllib.parse.urljoin("/d/", page.links[1])).status, 200, "the folder")
        equal(site.ask("HEAD", "/d/")["Content-Length"], str(len(a.body)))
        equal("../" in Links(site.get("/").body.decode()).links, False, "nothing above the root")


@test("hidden names: not served unless asked for, uploads under way never")
def hidden():
    for option, status in (("", 404), ("hidden = true", 200)):
        site = Site("listing = true put = true delete = true " + option)
        site.write(".git/config", b"x")
        site.write(".linnet-upload-0123456789abcdef", b"x")
        site.write(".well-known/acme", b"x")
        with site:
            equal(site.get("/.git/config").status, status, option)
            equal(site.get("/.well-known/acme").status, 200)
            equal(("./.git/" in Links(site.get("/").body.decode()).links), status == 200, option)
            for method in "GET", "PUT", "DELETE":
                equal(site.ask(method, "/.linnet-upload-0123456789abcdef", body=b"y").status, 404,
                      f"{option} {method}")
            equal(b"linnet-upload" in site.get("/").body, False, option)
            equal(site.read(".linnet-upload-0123456789abcdef"), b"x")


@test("media types: built in, and from a file")
def types():
    site = Site()
    file = os.path.join(site.temporary.name, "mime.types")
    with open(file, "w", encoding="ascii") as f:
        f.write("# mine\ntext/x-mine\tMine own\ntext/x-html html\n")
    site.options = f'types = "{file}" cache-control = "max-age=60"'
    table = {"a.css": "text/css; charset=utf-8", "a.SVG": "image/svg+xml", "a.own": "text/x-mine; charset=utf-8",
             "a.html": "text/x-html; charset=utf-8", "noext": "application/octet-stream",
             "a.json": "application/json"}
    for name in table:
        site.write(name, b"x")
    with site:
        for name, value in table.items():
            a = site.get(f"/{name}")
            equal((a["Content-Type"], a["X-Content-Type-Options"], a["Cache-Control"]),
                  (value, "nosniff", "max-age=60"), name)
    plain = Site('charset = ""')
    plain.write("a.txt", b"x")
    with plain:
        equal(plain.get("/a.txt")["Content-Type"], "text/plain")


@test("precompressed files, by Accept-Encoding")
def precompressed():
    site = Site("gzip = false")
    site.write("a.css", b"plain" * 10, age=100)
    for suffix, data in (("br", b"in br"), ("zst", b"in zstd"), ("gz", gzip.compress(b"plain" * 10))):
        site.write(f"a.css.{suffix}", data, age=50)
    site.write("b.css", b"new", age=10)
    site.write("b.css.gz", gzip.compress(b"old"), age=1000)
    site.write("c.css", b"plain", age=10)
    os.makedirs(site.path("c.css.gz"))
    site.write("d.png", b"plain", age=10)
    table = {"br": "br", "zstd": "zstd", "gzip": "gzip", "x-gzip": "gzip", "gzip, br, zstd": "br",
             "br;q=0.5, gzip": "gzip", "br;q=0, *": "zstd", "*": "br", "deflate": None, "": None,
             "identity": None, "identity, gzip;q=0.9": None, "identity;q=0, gzip": "gzip",
             "compress, gzip;q=0.001": "gzip"}
    bodies = {"br": b"in br", "zstd": b"in zstd", None: b"plain" * 10,
              "gzip": site.read("a.css.gz")}
    with site:
        tags = set()
        for value, coding in table.items():
            a = site.get("/a.css", Accept_Encoding=value)
            equal((a.status, a["Content-Encoding"], a.body), (200, coding, bodies[coding]), value)
            equal((a["Content-Type"], a["Vary"]), ("text/css; charset=utf-8", "Accept-Encoding"), value)
            equal(site.get("/a.css", Accept_Encoding=value, If_None_Match=a["ETag"]).status, 304)
            tags.add((coding, a["ETag"]))
        equal((len(tags), len({tag for _, tag in tags})), (4, 4), "a tag for each representation")
        a = site.get("/a.css", Accept_Encoding="br", Range="bytes=0-1")
        equal((a.status, a.body, a["Content-Encoding"]), (206, b"in", "br"), "a range of what is sent")
        equal(site.get("/b.css", Accept_Encoding="gzip").body, b"new", "one that was left behind")
        equal(site.get("/c.css", Accept_Encoding="gzip").body, b"plain", "a folder")
        equal(site.get("/c.css", Accept_Encoding="identity;q=0, gzip").status, 406, "nothing acceptable")
        equal(site.get("/d.png", Accept_Encoding="gzip")["Vary"], None, "nothing to choose from")
        equal(site.get("/a.css.gz")["Content-Type"], "application/gzip", "by its own name")


@test("gzip while sending: whole, with its own tag, not for parts")
def on_the_fly():
    site = Site('gzip-min = "1k" precompressed = false')
    files = {"small.txt": lines(30), "edge.txt": lines(2000)[:65536], "over.txt": lines(2000)[:65537],
             "big.txt": lines(100000)}
    for name, data in files.items():
        site.write(name, data)
    site.write("tiny.txt", b"x" * 1023)
    site.write("image.png", b"x" * 5000)
    site.write("noise.txt", noise(300000))
    with site:
        def check(transport, connection):
            for name, data in files.items():
                a = site.ask("GET", f"/{name}", {"Accept-Encoding": "gzip"}, connection=connection)
                equal((a.status, a["Content-Encoding"], a["Vary"]), (200, "gzip", "Accept-Encoding"), name)
                equal(gzip.decompress(a.body) == data, True, f"{transport} {name}")
                equal(len(a.body) < len(data) / 2, True, f"{name}: {len(a.body)}")
                plain = site.ask("GET", f"/{name}", connection=connection)
                equal((plain.body == data, plain["Vary"]), (True, "Accept-Encoding"), name)
                equal((a["ETag"][:3], plain["ETag"][:1]), ('W/"', '"'), "tags")
                equal(a["ETag"][2:] != plain["ETag"], True, "different tags")
        each_transport(site, check)
        a = site.get("/big.txt", Accept_Encoding="gzip")
        equal((a["Content-Length"], a["Transfer-Encoding"]), (None, "chunked"))
        equal(site.get("/big.txt", Accept_Encoding="gzip", If_None_Match=a["ETag"]).status, 304)
        h = site.ask("HEAD", "/big.txt", {"Accept-Encoding": "gzip"})
        equal((h.status, h["Content-Encoding"], h["ETag"]), (200, "gzip", a["ETag"]))
        r = site.get("/big.txt", Accept_Encoding="gzip", Range="bytes=5-9")
        equal((r.status, r["Content-Encoding"], r.body), (206, None, files["big.txt"][5:10]))
        equal(gzip.decompress(site.get("/noise.txt", Accept_Encoding="gzip").body) == noise(300000),
              True, "what does not shrink")
        a = site.get("/tiny.txt", Accept_Encoding="gzip")
        equal((a["Content-Encoding"], a["Vary"]), (None, None), "below gzip-min")
        equal(site.get("/image.png", Accept_Encoding="gzip")["Content-Encoding"], None)
        equal(site.get("/image.png", Accept_Encoding="identity;q=0").status, 406)
        s = site.daemon.connect()
        s.sendall(b"GET /big.txt HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n")
        head, body = receive_all(s).split(b"\r\n\r\n", 1)
        equal(b"chunked" in head.lower(), False, "HTTP/1.0 has no chunks")
        equal(gzip.decompress(body) == files["big.txt"], True, "HTTP/1.0")


def resident(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return int(re.search(r"VmRSS:\s+(\d+)", f.read())[1])


@test("gzip while sending: clients that do not read cost bounded memory, others are served")
def slow_readers():
    site = Site()
    site.write("huge.txt", noise(16 << 20))
    site.write("small.txt", b"x")
    with site:
        before = resident(site.worker())
        slow = []
        for _ in range(20):
            s = site.daemon.connect()
            s.sendall(b"GET /huge.txt HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n")
            equal(s.recv(12), b"HTTP/1.1 200", "a slow reader's answer begins")
            slow.append(s)
        for _ in range(100):
            equal(site.get("/small.txt").body, b"x")
        # Without bounds it would be 20 times 16 MB.
        grown = resident(site.worker()) - before
        equal(grown < 60000, True, f"grown by {grown} KB")
        # One of them goes on, and gets all of it.
        data = receive_rest(slow[0])
        equal(gzip.decompress(data) == noise(16 << 20), True, "the rest of it")
        for s in slow:
            s.close()
        equal(site.get("/small.txt").body, b"x")


def receive_rest(s):
    """The content of a chunked response whose first octets were read already."""
    f = s.makefile("rb")
    while f.readline() not in (b"\r\n", b""):
        pass
    data = []
    while True:
        size = int(f.readline().split(b";")[0], 16)
        data.append(f.read(size))
        f.readline()
        if not size:
            return b"".join(data)


@test("OPTIONS and 405 tell what is allowed")
def methods():
    for option, allow in (("", "GET, HEAD, OPTIONS"), ("put = true", "GET, HEAD, OPTIONS, PUT"),
                          ("delete = true", "GET, HEAD, OPTIONS, DELETE"),
                          ("put = true delete = true", "GET, HEAD, OPTIONS, PUT, DELETE")):
        site = Site(option)
        site.write("f.txt", b"old")
        with site:
            a = site.ask("OPTIONS", "/f.txt")
            equal((a.status, a["Allow"], a.body), (204, allow, b""), option)
            for method in "PUT", "DELETE", "POST", "PATCH":
                if method in allow:
                    continue
                a = site.ask(method, "/f.txt", body=b"new" if method != "DELETE" else None)
                equal(a.status in (405, 501 if method == "PATCH" else 405), True, f"{method}: {a.status}")
                if a.status == 405:
                    equal(a["Allow"], allow, method)
            equal(site.read("f.txt"), b"old")


@test("PUT: new, replaced, chunked, empty, as big as is allowed; GET gives it back")
def put():
    site = Site('put = true upload-max = "4m"')
    site.write("old.txt", b"old")
    os.chmod(site.path("old.txt"), 0o640)
    os.makedirs(site.path("d"))
    with site:
        def check(transport, connection):
            def ask(*args, **kwargs):
                return site.ask(*args, connection=connection, **kwargs)
            for name, data in (("new.bin", noise(3000)), ("d/%25%20b", b"x"), ("empty", b""),
                               ("max.bin", noise(4 << 20))):
                path = urllib.parse.unquote(name)
                a = ask("PUT", f"/{name}", body=data, fields={"Content-Length": str(len(data))})
                equal((a.status, a.body), (201, b""), f"{transport} {name}")
                equal(site.read(path) == data, True, name)
                g = ask("GET", f"/{name}")
                equal((g.body == data, g["ETag"], g["Last-Modified"]),
                      (True, a["ETag"], a["Last-Modified"]), name)
                os.unlink(site.path(path))
            pieces = [noise(1000, b"%d" % i) for i in range(50)]
            a = ask("PUT", "/chunked", body=iter(pieces), chunked=True,
                    fields={"Transfer-Encoding": "chunked"})
            equal((a.status, site.read("chunked") == b"".join(pieces)), (201, True), "chunked")
            os.unlink(site.path("chunked"))
        each_transport(site, check)
        a = site.ask("PUT", "/old.txt", body=b"new")
        equal((a.status, site.read("old.txt")), (204, b"new"))
        equal(stat.S_IMODE(os.stat(site.path("old.txt")).st_mode), 0o640, "rights stay")
        equal(site.names(), ["d", "old.txt"], "nothing else")


@test("PUT: refused, each for its reason, and nothing is left")
def put_refused():
    site = Site('put = true delete = true upload-max = "1000"')
    site.write("f.txt", b"old")
    os.makedirs(site.path("d"))
    os.symlink("f.txt", site.path("link"))
    os.symlink("/tmp", site.path("out"))
    big = b"x" * 1001
    with site:
        names = site.names()
        table = [
            ("/f.txt", {"Content-Range": "bytes 0-2/3"}, b"new", 400),
            ("/f.txt", {"Content-Encoding": "gzip"}, b"new", 415),
            ("/f.txt", {}, big, 413),
            ("/d", {}, b"new", 409), ("/d/", {}, b"new", 409), ("/", {}, b"new", 409),
            ("/none/f.txt", {}, b"new", 409), ("/f.txt/x", {}, b"new", 409),
            ("/link", {}, b"new", 403), ("/out/x", {}, b"new", 403),
            ("/" + "x" * 256, {}, b"new", 414),
        ]
        for target, fields, body, status in table:
            connection = Connection(site.daemon)
            a = site.ask("PUT", target, fields, body, connection=connection)
            equal(a.status, status, f"{target[:20]} {fields}")
            connection.close()
        equal(site.ask("PUT", "/f.txt", {"Content-Encoding": "identity"}, b"new").status, 204)
        connection = Connection(site.daemon)
        a = site.ask("PUT", "/chunked", {"Transfer-Encoding": "chunked"}, iter([big[:600], big[:600]]),
                     connection=connection, chunked=True)
        equal(a.status, 413, "too much in chunks")
        s = site.daemon.connect()
        s.sendall(b"PUT /f2.txt HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        equal(receive_all(s)[:12], b"HTTP/1.1 411", "no length")
        equal(site.names(), names, "what is there")


@test("PUT: content is asked for only when it will be taken (100-continue)")
def expect():
    site = Site('put = true upload-max = "1000"')
    site.write("f.txt", b"old")
    with site:
        for target, fields, answer in (
                ("/new.txt", "", b"HTTP/1.1 100"), ("/d/", "", b"HTTP/1.1 409"),
                ("/new2.txt", "Content-Range: bytes 0-2/9\r\n", b"HTTP/1.1 400"),
                ("/f.txt", "If-None-Match: *\r\n", b"HTTP/1.1 412")):
            s = site.daemon.connect()
            s.sendall(f"PUT {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n"
                      f"{fields}Expect: 100-continue\r\n\r\n".encode())
            f = s.makefile("rb")
            equal(f.readline()[:12], answer, target)
            if answer.endswith(b"100"):
                equal(f.readline(), b"\r\n")
                equal(site.names(), ["f.txt"], "nothing to be seen yet")
                s.sendall(b"abc")
                equal(f.readline()[:12], b"HTTP/1.1 201")
                equal(site.read("new.txt"), b"abc")
            s.close()


@test("conditional PUT and DELETE")
def conditional_put():
    site = Site("put = true delete = true")
    site.write("f.txt", b"one")
    with site:
        tag = site.get("/f.txt")["ETag"]
        old = "Sun, 06 Nov 1994 08:49:37 GMT"
        for fields in ({"If-None-Match": "*"}, {"If-Match": '"x"'}, {"If-None-Match": tag},
                       {"If-Unmodified-Since": old}):
            equal(site.ask("PUT", "/f.txt", fields, b"two").status, 412, str(fields))
            equal(site.ask("DELETE", "/f.txt", fields).status, 412, str(fields))
        equal(site.ask("PUT", "/none.txt", {"If-Match": "*"}, b"x").status, 412)
        equal(site.names(), ["f.txt"])
        equal(site.read("f.txt"), b"one")
        a = site.ask("PUT", "/f.txt", {"If-Match": tag}, b"two")
        equal((a.status, site.read("f.txt")), (204, b"two"))
        equal(site.ask("PUT", "/f.txt", {"If-Match": tag}, b"three").status, 412, "an old tag")
        equal(site.ask("PUT", "/new.txt", {"If-None-Match": "*"}, b"x").status, 201)
        equal(site.ask("DELETE", "/f.txt", {"If-Match": tag}).status, 412)
        equal(site.ask("DELETE", "/f.txt", {"If-Match": a["ETag"]}).status, 204)
        equal(site.names(), ["new.txt"])


@test("of many that replace the same version at once, one does, over two workers")
def lost_update():
    site = Site("put = true", workers=2)
    site.write("f.txt", b"start")
    with site:
        for round_ in range(5):
            tag = site.get("/f.txt")["ETag"]
            results, barrier = [], threading.Barrier(16)

            def one(i, tag=tag, barrier=barrier, results=results, round_=round_):
                c = Connection(site.daemon)
                c.connect()
                barrier.wait(PATIENCE)
                a = site.ask("PUT", "/f.txt", {"If-Match": tag}, b"%d %d" % (round_, i), connection=c)
                results.append((a.status, i))
                c.close()
            threads = [threading.Thread(target=one, args=(i,)) for i in range(16)]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            winners = [i for status, i in results if status == 204]
            equal((len(winners), sorted(s for s, _ in results)), (1, [204] + 15 * [412]), "statuses")
            equal(site.read("f.txt"), b"%d %d" % (round_, winners[0]))
        results = []
        threads = [threading.Thread(target=lambda i=i: results.append(site.ask(
            "PUT", "/new.txt", {"If-None-Match": "*"}, b"x", connection=Connection(site.daemon)).status))
                   for i in range(16)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        equal(sorted(results), [201] + 15 * [412], "made once")


@test("DELETE")
def delete():
    site = Site("delete = true")
    site.write("d/f.txt", b"x")
    os.symlink("d/f.txt", site.path("link"))
    with site:
        for target, status in (("/none", 404), ("/d/none", 404), ("/no/f.txt", 404), ("/d", 409),
                               ("/d/", 409), ("/", 409), ("/link", 403)):
            equal(site.ask("DELETE", target).status, status, target)
        equal(site.names(), ["d", "d/f.txt", "link"])
        equal(site.get("/d/f.txt").status, 200)
        equal(site.ask("DELETE", "/d/f.txt").status, 204)
        equal(site.get("/d/f.txt").status, 404)


def begin_upload(site, target, length, sent):
    s = site.daemon.connect()
    head = f"Content-Length: {length}" if length else "Transfer-Encoding: chunked"
    s.sendall(f"PUT {target} HTTP/1.1\r\nHost: localhost\r\n{head}\r\nExpect: 100-continue\r\n\r\n".encode())
    equal(s.recv(12), b"HTTP/1.1 100", "asked for")
    s.sendall(sent)
    return s


def open_uploads(site):
    """How many files without a name the worker has open below the root."""
    folder = f"/proc/{site.worker()}/fd"
    count = 0
    for fd in os.listdir(folder):
        try:
            link = os.readlink(os.path.join(folder, fd))
            size = os.stat(os.path.join(folder, fd)).st_size
        except OSError:
            continue
        if link.startswith(site.root) and "(deleted)" in link and size:
            count += 1
    return count


@test("an upload that is broken off leaves nothing")
def aborted():
    site = Site("put = true")
    site.write("f.txt", b"old")
    with site:
        for length, data in ((1000000, b"x" * 500000), (None, b"ffff\r\n" + b"x" * 1000),
                             (None, b"3\r\nabc\r\nzz\r\n")):
            s = begin_upload(site, "/f.txt", length, data)
            if b"zz" not in data:
                until(lambda: open_uploads(site) == 1, "the upload to be under way")
                equal(site.names(), ["f.txt"], "while it is under way")
                equal(site.get("/f.txt").body, b"old", "while it is under way")
                s.shutdown(socket.SHUT_WR)
            answer = receive_all(s)
            equal(b"201" in answer or b"204" in answer, False, str(answer[:200]))
            s.close()
            until(lambda: open_uploads(site) == 0, "the upload to be gone")
            equal(site.names(), ["f.txt"])
            equal(site.read("f.txt"), b"old")


@test("kill -9 in the middle of an upload: nothing is left, the next worker serves")
def killed():
    site = Site("put = true")
    site.write("f.txt", b"old")
    with site:
        for _ in range(3):
            pid = site.worker()
            s = begin_upload(site, "/f.txt", 1000000, b"x" * 500000)
            until(lambda: open_uploads(site) == 1, "the upload to be under way")
            os.kill(pid, signal.SIGKILL)
            try:
                equal(receive_all(s).endswith(b"\r\n\r\n") or True, True)
            except ConnectionResetError:
                pass
            until(lambda old=pid: os.path.exists(f"/proc/{site.daemon.process.pid}") and
                  children(site) and site.worker() != old, "another worker")
            site.connection.close()
            until(lambda: answers(site), "it to serve")
            equal(site.names(), ["f.txt"])
            equal(site.read("f.txt"), b"old")
        equal(site.ask("PUT", "/f.txt", body=b"new").status, 204)


def children(site):
    with open(f"/proc/{site.daemon.process.pid}/task/{site.daemon.process.pid}/children",
              encoding="ascii") as f:
        return f.read().split()


def answers(site):
    try:
        return site.get("/f.txt").body == b"old"
    except OSError:
        site.connection.close()
        return False


def private_mounts():
    """Mounts of this process are its own from now on."""
    libc = ctypes.CDLL(None, use_errno=True)
    if not ROOT or libc.unshare(0x00020000):        # CLONE_NEWNS
        raise Skip("a small file system needs root and a mount name space")
    if subprocess.run(["mount", "--make-rprivate", "/"], check=False).returncode:
        raise Skip("mounts cannot be made private here")


@test("a full disk: 507, a line in the log, nothing half-written")
def full_disk():
    private_mounts()
    with temporary_folder() as folder:
        os.chmod(folder, 0o755)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder],
                          check=False).returncode:
            raise Skip("no tmpfs can be mounted here")
        try:
            site = Site("put = true", root=folder)
            site.write("f.txt", b"old")
            with site:
                c = Connection(site.daemon)
                a = site.ask("PUT", "/f.txt", body=b"x" * (2 << 20), connection=c)
                equal(a.status, 507, "more than there is room for")
                c.close()
                c = Connection(site.daemon)
                a = site.ask("PUT", "/f.txt", {"Transfer-Encoding": "chunked"},
                             iter([b"x" * 65536] * 32), connection=c, chunked=True)
                equal(a.status, 507, "full while it is written")
                c.close()
                equal(site.daemon.has(r"error: /f\.txt: No space left on device"), True, "log")
                equal(site.names(), ["f.txt"])
                equal(site.read("f.txt"), b"old")
                until(lambda: open_uploads(site) == 0, "the room to be given back")
                equal(site.ask("PUT", "/g.txt", body=b"x" * 500000).status, 201, "what fits")
                equal(site.get("/f.txt").body, b"old")
        finally:
            subprocess.run(["umount", "-l", folder], check=False)


@test("files that change are never served old, and never padded")
def changes():
    site = Site()
    site.write("f.txt", b"0")
    site.write("big.bin", noise(32 << 20))
    with site:
        tags = set()
        for i in range(300):
            with open(site.path("f.new"), "wb") as f:
                f.write(b"%d" % i)
            os.rename(site.path("f.new"), site.path("f.txt"))
            a = site.get("/f.txt")
            equal(a.body, b"%d" % i)
            tags.add(a["ETag"])
        equal(len(tags), 300, "a tag for each version")
        s = site.daemon.connect()
        s.sendall(b"GET /big.bin HTTP/1.1\r\nHost: localhost\r\n\r\n")
        got = len(s.recv(1000))
        os.truncate(site.path("big.bin"), 1000)
        try:
            while True:
                n = len(s.recv(1 << 20))
                if not n:
                    break
                got += n
        except ConnectionResetError:
            pass
        equal(got < 32 << 20, True, f"{got} octets")


@test("pipelined requests for many files are answered in order")
def pipelined():
    site = Site()
    for i in range(100):
        site.write(f"f{i}", b"content %d" % i)
    with site:
        order = [i * 37 % 100 for i in range(300)]
        s = site.daemon.connect()
        s.sendall(b"".join(b"GET /f%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % i for i in order))
        f = s.makefile("rb")
        for i in order:
            length = None
            while (line := f.readline()) != b"\r\n":
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            equal(f.read(length), b"content %d" % i)
        s.close()


@test("redirections")
def redirections():
    extra = """
 location "/a" { redirect { to = "https://example.org$rest" status = 301 } }
 location "/b" { redirect { to = "/new/$$$path$query" status = 307 } }
 location "/c" { redirect { to = "https://$host/" } }
"""
    table = {"/a": (301, "https://example.org/"), "/a/x%20y/?q=1&r": (301, "https://example.org/x%20y/?q=1&r"),
             "/a/%0d%0aX:%20y": (301, "https://example.org/%0D%0AX%3A%20y"),
             "/b/c?d": (307, "/new/$/b/c?d"), "/c/d": (302, "https://localhost/")}
    with Site(extra=extra) as site:
        for target, (status, location) in table.items():
            for method in "GET", "POST", "HEAD":
                a = site.ask(method, target, body=b"x" if method == "POST" else None)
                equal((a.status, a["Location"]), (status, location), f"{method} {target}")


@test("what is wrong in the configuration is said, with its line")
def configuration():
    table = [("files { root = \"/nonexistent\" }", "/nonexistent"),
             ("files { root = \"/\" upload-max = \"many\" }", "upload-max"),
             ("files { root = \"/\" upload-max = \"0\" }", "upload-max"),
             ("files { root = \"/\" index = { \"a/b\" } }", "index"),
             ("files { root = \"/\" types = \"/nonexistent\" }", "types"),
             ("files { root = \"/\" colour = \"red\" }", "colour"),
             ("redirect { }", "to"), ("redirect { to = \"/$nothing\" }", r"\$rest, \$path"),
             ("redirect { to = \"/\" status = 200 }", "301, 302, 303, 307 and 308"),
             ("redirect { to = \"/a b\" }", "visible")]
    with temporary_folder() as folder:
        for section, pattern in table:
            config = os.path.join(folder, "httpd.conf")
            with open(config, "w", encoding="ascii") as f:
                f.write('listen "127.0.0.1:0" { transports = "tcp" }\n'
                        f'host "x" {{ location "/" {{\n{section}\n}} }}\n')
            r = subprocess.run([program("linnet-httpd"), "--check", "--config", config],
                               capture_output=True, text=True, timeout=PATIENCE, check=False)
            equal(r.returncode != 0, True, section)
            equal(bool(re.search(rf"httpd\.conf:[1-4]: .*{pattern}", r.stderr)), True,
                  f"{section}: {r.stderr}")


@test("the same over HTTP/2")
def over_http2():
    curl = shutil.which("curl")
    if not curl or "HTTP2" not in subprocess.run([curl, "--version"], capture_output=True, text=True,
                                                 check=True).stdout:
        raise Skip("no curl with HTTP/2")
    site = Site("put = true delete = true")
    site.write("f.bin", noise(3 << 20))
    site.write("t.txt", lines(50000))
    with site:
        base = f"http://127.0.0.1:{site.daemon.port('tcp')}"

        def ask(*args, data=None):
            r = subprocess.run([curl, "-s", "--http2-prior-knowledge", "-m", str(PATIENCE), "-D-", *args],
                               capture_output=True, input=data, check=True)
            head, body = r.stdout.split(b"\r\n\r\n", 1)
            while head.startswith(b"HTTP/2 100"):
                head, body = body.split(b"\r\n\r\n", 1)
            return head.decode().lower(), body
        head, body = ask(base + "/f.bin")
        equal((head[:10], body == noise(3 << 20)), ("http/2 200", True))
        head, body = ask("-r", "5-9", base + "/f.bin")
        equal((head[:10], body), ("http/2 206", noise(3 << 20)[5:10]))
        head, body = ask("-r", "0-0,1000000-1999999", base + "/f.bin")
        equal((head[:10], noise(3 << 20)[1000000:2000000] in body), ("http/2 206", True))
        head, body = ask("-H", "Accept-Encoding: gzip", base + "/t.txt")
        equal((head[:10], "content-encoding: gzip" in head, gzip.decompress(body) == lines(50000)),
              ("http/2 200", True, True))
        head, body = ask("-I", base + "/t.txt")
        equal((head[:10], f"content-length: {len(lines(50000))}" in head), ("http/2 200", True))
        head, body = ask("-T", "-", base + "/new.bin", data=noise(2 << 20))
        equal((head[:10], site.read("new.bin") == noise(2 << 20)), ("http/2 201", True))
        head, body = ask("-X", "DELETE", base + "/new.bin")
        equal((head[:10], site.names()), ("http/2 204", ["f.bin", "t.txt"]))
        head, body = ask(base + "/none")
        equal(head[:10], "http/2 404")


if __name__ == "__main__":
    main()
