#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""HTTP/2 of linnet-httpd with clients that people use: curl, nghttp, h2load, and one made
of frames.  Frame by frame it is tested in ../unit/http2, with handlers made for that."""
import hashlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [os.path.join(HERE, "../userspace"), os.path.join(HERE, "../unit/http2")]
# pylint: disable=wrong-import-position
from harness import Daemon, PATIENCE, Skip, equal, main, need, temporary_folder, test

SIZE = 1 << 20


def tool(name, *args, data=None):
    if not shutil.which(name):
        raise Skip(f"{name} is not installed")
    done = subprocess.run([name, *args], input=data, capture_output=True, timeout=6 * PATIENCE, check=False)
    if done.returncode:
        raise AssertionError(f"{name} {args}: {done.returncode}: {done.stderr[-500:]}")
    return done.stdout


class Site:
    """A folder with a page, two files that it needs, and a large one; a server for it."""

    def __init__(self, tls=False):
        self.temporary = temporary_folder()
        folder = self.temporary.name
        self.root = os.path.join(folder, "root")
        os.chmod(folder, 0o755)
        os.mkdir(self.root)
        self.large = hashlib.shake_128(b"linnet").digest(SIZE)
        for name, content in (("index.html", b"<p>page"), ("a.css", b"p{}"), ("b.js", b"1;"),
                              ("large", self.large)):
            with open(os.path.join(self.root, name), "wb") as f:
                f.write(content)
        self.certificate = os.path.join(folder, "certificate")
        args = ["--access-log", os.path.join(folder, "access")]
        if tls:
            key = os.path.join(folder, "key")
            subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj",
                            "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-out",
                            self.certificate, "-keyout", key], check=True, stderr=subprocess.DEVNULL)
            args += ["--certificate", self.certificate, "--key", key, "--tls-port", "0"]
        self.daemon = Daemon("linnet-httpd", *args, self.root)

    def url(self, path="/", port=None):
        scheme = "https" if port else "http"
        return f"{scheme}://localhost:{port or self.daemon.port('tcp')}{path}"

    def __enter__(self):
        self.daemon.__enter__()
        return self

    def __exit__(self, *exc):
        self.daemon.__exit__(*exc)
        self.temporary.cleanup()


@test("curl, by prior knowledge")
def _():
    with Site() as site:
        head = tool("curl", "-sSi4", "--http2-prior-knowledge", site.url())
        assert head.startswith(b"HTTP/2 200") and head.endswith(b"<p>page"), head
        equal(tool("curl", "-sS4", "--http2-prior-knowledge", site.url("/large")), site.large)
        equal(tool("curl", "-sS4", "--http2-prior-knowledge", "-r", "100-199", site.url("/large")),
              site.large[100:200], "a range")
        head = tool("curl", "-sSI4", "--http2-prior-knowledge", site.url("/large"))
        assert b"content-length: 1048576\r\n" in head, head
        # HTTP/1.1 on the same port, and no upgrade from it
        head = tool("curl", "-sSi4", "--http2", site.url())
        assert head.startswith(b"HTTP/1.1 200"), head


@test("curl, by ALPN over TLS")
def _():
    with Site(tls=True) as site:
        ports = {int(m[1]) for line in site.daemon.lines
                 if (m := re.search(r"listening on [0-9.]+:(\d+) \(tcp", line))}
        ports.discard(site.daemon.port("tcp"))
        versions = []
        for port in ports or {site.daemon.port("tcp")}:
            got = tool("curl", "-sS4", "--cacert", site.certificate, "-w", "%{http_version}",
                       "-o", os.path.join(site.root, "got"), site.url("/large", port))
            versions.append(got)
            with open(os.path.join(site.root, "got"), "rb") as f:
                equal(f.read(), site.large)
            # By prior knowledge curl 7.88 cannot do this, with other servers neither.
            many = tool("curl", "-sS4", "--cacert", site.certificate, "--parallel", "-w",
                        "%{http_version}:%{size_download} ",
                        *[a for _ in range(30) for a in (site.url("/large", port), "-o", "/dev/null")])
            equal(many.split(), [b"2:1048576"] * 30, "in parallel")
        equal(versions, [b"2"])


@test("nghttp: a page with what it needs, and what is pushed")
def _():
    with temporary_folder() as folder:
        os.chmod(folder, 0o755)
        for name in ("index.html", "a.css", "b.js"):
            with open(os.path.join(folder, name), "w", encoding="ascii") as f:
                f.write(name)
        conf = os.path.join(folder, "httpd.conf")
        with open(conf, "w", encoding="ascii") as f:
            f.write(f'''
listen "*:0" {{}}
host "localhost" {{
	root = "{folder}"
	location "/" {{
		push = {{"/a.css", "/b.js"}}
		files {{}}
	}}
}}
''')
        with Daemon("linnet-httpd", "-c", conf, ports=()) as daemon:
            out = tool("nghttp", "-nv", f"http://127.0.0.1:{daemon.port('tcp')}/", "-H:authority: localhost").decode()
            promised = re.findall(r"recv \(stream_id=\d+\) :path: (\S+)", out)
            equal(sorted(promised), ["/a.css", "/b.js"], "promised")
            equal(len(re.findall(r":status: 200", out)), 3, "responses")
            out = tool("nghttp", "-nv", "--no-push", f"http://127.0.0.1:{daemon.port('tcp')}/", "-H:authority: localhost").decode()
            assert "PUSH_PROMISE" not in out


def load(clients, streams, n, path):
    with Site() as site:
        out = tool("h2load", "-c", str(clients), "-m", str(streams), "-n", str(n),
                   f"http://127.0.0.1:{site.daemon.port('tcp')}{path}").decode()
        m = re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored", out)
        equal(m and m.groups(), (str(n), "0", "0"), out[-400:])
        print("#", re.search(r"finished in.*", out)[0])
        equal(site.daemon.end(), 0, "exit status")


for C, M, N, P in ((1, 1, 2000, "/"), (1, 100, 20000, "/"), (64, 10, 20000, "/"), (1, 10, 200, "/large"),
                   (64, 10, 1000, "/large")):
    test(f"h2load: {P}, {C} connections with {M} streams")(lambda a=(C, M, N, P): load(*a))


def frames(protocol):
    try:
        from http2_client import Client, DataFrame  # pylint: disable=import-outside-toplevel
    except ImportError as why:
        raise Skip(f"{why}: install python3-h2") from None
    if protocol != socket.IPPROTO_TCP:
        need(protocol)
    with Site() as site:
        def client(**more):
            return Client(site.daemon.connect(protocol), patience=PATIENCE, **more)
        with client() as c:
            c.ping()
            c.send(c.request_frame("/large", authority="localhost"), c.request_frame("/large", authority="localhost"))
            for i in (1, 3):
                equal(c.done(i).data, site.large)
            order = [f.stream_id for f in c.frames if isinstance(f, DataFrame)]
            assert sum(a != b for a, b in zip(order, order[1:])) > 10, "not interleaved"
            equal(c.get("/none").status, 404)
            equal(c.get("/../etc/passwd").status in (400, 403, 404), True)
            # As over HTTP/1: what others may read in another way
            equal([c.get(path).status for path in ("/\u00e9", "/%zz", "/a#b")], [400, 400, 400])
            equal(c.get("/", method="BREW").status, 501)
            equal(c.get("/", method="DELETE").status, 405)
            a = c.get("/", method="HEAD")
            equal((a.status, a.data), (200, b""))
            a = c.get("/a.css", extra=[("if-none-match", a["etag"])])
            equal(a.status, 200)
            equal(c.get("/a.css", extra=[("if-none-match", a["etag"])]).status, 304)
            sizes = [len(c.of(i)[0].data) for i in (1, 3) if c.of(i)]
            assert max(sizes) == 16384, sizes
        # An octet a time
        with client(auto=False, settings={4: 0}) as c:
            i = c.request("/large")
            for n in range(1, 300):
                c.update(i, 1)
                c.until(lambda: len(c.answer(i).data) >= n, f"{n} octets")
                equal(len(c.answer(i).data), n)
            c.auto = True
            c.update(i, 1 << 21)
            equal(c.done(i).data, site.large)
        with client() as c:
            c.get("/")
            i = c.request("/large")
            c.until(lambda: c.answer(i).data, "the first octets")
            site.daemon.process.send_signal(signal.SIGTERM)
            equal(c.done(i).data, site.large, "under way at SIGTERM")
            equal(c.gone(), 0)
        equal(site.daemon.ended(), 0, "exit status")


def flood(limits, act, most=300):
    """How often a client with these limits acted until it was sent away; None: as often as it liked."""
    try:
        # pylint: disable-next=import-outside-toplevel
        from http2_client import Client, Closed, ENHANCE_YOUR_CALM, PingFrame
    except ImportError as why:
        raise Skip(f"{why}: install python3-h2") from None
    with temporary_folder() as folder:
        conf = os.path.join(folder, "httpd.conf")
        with open(conf, "w", encoding="ascii") as f:
            f.write(f'limits {{ {limits} }}\nlisten "127.0.0.1:0" {{ }}\nhost "*" {{ location "/" {{ form {{ }} }} }}\n')
        with Daemon("linnet-httpd", "-c", conf, ports=()) as daemon, daemon.connect() as s:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            c, n = Client(s, patience=PATIENCE), 0
            try:
                c.ping()
                for n in range(1, most + 1):
                    c.send(*act(c), PingFrame(0, b"%08d" % n))
                    c.until(lambda mark=b"%08d" % n: c.goaway or any(isinstance(f, PingFrame) and f.opaque_data == mark
                                                                     for f in c.frames[-3:]))
                    if c.goaway:
                        break
            except (Closed, BrokenPipeError, ConnectionResetError):
                pass
            if c.goaway:
                equal(c.goaway.error_code, ENHANCE_YOUR_CALM)
            return n if c.goaway else None


@test("limits against floods are as configured")
def _():
    try:
        # pylint: disable-next=import-outside-toplevel
        from http2_client import ContinuationFrame, RstStreamFrame
    except ImportError as why:
        raise Skip(f"{why}: install python3-h2") from None

    # Each act is followed by a PING, by whose answer the server is known to have seen it.
    def nothing(_):
        return ()

    def reset(c):
        f = c.request_frame("/", "POST", end=False)
        return f, RstStreamFrame(f.stream_id, 8)

    def continued(count):
        def act(c):
            f = c.request_frame("/", authority="localhost")
            f.flags.discard("END_HEADERS")
            return f, *[ContinuationFrame(f.stream_id, b"", flags=["END_HEADERS"] if i == count - 1 else [])
                        for i in range(count)]
        return act
    calm = "idle-frames = 1000000 idle-frames-per-second = 100000"
    equal(flood(f"resets = 5 resets-per-second = 1 {calm}", reset), 6, "resets")
    equal(flood("resets = 1000000 " + calm, reset), None, "no end of resets")
    # The first is the greeting's, SETTINGS with its acknowledgement; each PING counts for 4.
    n = flood("idle-frames = 200 idle-frames-per-second = 1", nothing)
    assert 40 <= n <= 50, n
    equal(flood(calm, nothing, 600), None, "no end of PINGs: by default about 500")
    equal(flood(f"continuations = 3 {calm}", continued(4)), 1, "one CONTINUATION too many")
    equal(flood(f"continuations = 3 {calm}", continued(3)), None, "as many as may be")
    equal(flood(f"continuations = 20 {calm}", continued(20)), None, "more than by default")


test("frames: tcp")(lambda: frames(socket.IPPROTO_TCP))
test("frames: linnet")(lambda: frames(253))

if __name__ == "__main__":
    main()
