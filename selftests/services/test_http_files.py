#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""linnet-httpd: files and folders."""
import email
import gzip
import html.parser
import os
import re
import shutil
import socket
import subprocess
import sys
import urllib.parse

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../userspace"))
# pylint: disable=wrong-import-position
from file_site import each_transport, lines, noise, Site
from harness import equal, main, PATIENCE, program, receive_all, Skip, temporary_folder, test, until


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
