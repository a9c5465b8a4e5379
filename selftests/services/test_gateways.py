#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""linnet-httpd's gateways: CGI, FastCGI, SCGI and the proxy, and what can go wrong behind them."""
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../userspace"))
from harness import (Daemon, IPPROTO_LINNET, MODULE, PATIENCE, Skip, equal, main, program,
                     receive_all, temporary_folder, test, until)

FOLDER = temporary_folder()
os.chmod(FOLDER.name, 0o755)
MARK = os.path.join(FOLDER.name, "mark")


def programs():
    """A folder with CGI programs, and a few that are none."""
    folder = os.path.join(FOLDER.name, "programs")
    if os.path.exists(folder):
        return folder
    os.makedirs(os.path.join(folder, "sub"))
    for name in ("env.cgi", "shell.cgi", "form.cgi"):
        shutil.copy(os.path.join(HERE, "gateways", name), folder)
        os.chmod(os.path.join(folder, name), 0o755)
    shutil.copy(os.path.join(folder, "env.cgi"), os.path.join(folder, "sub", "deep.cgi"))
    shutil.copy(os.path.join(folder, "env.cgi"), os.path.join(folder, ".hidden.cgi"))
    for name, mode, text in (("plain.txt", 0o644, "text"), ("broken.cgi", 0o755, "#!/nowhere/sh\n")):
        with open(os.path.join(folder, name), "w", encoding="ascii") as f:
            f.write(text)
        os.chmod(os.path.join(folder, name), mode)
    os.symlink("/bin/true", os.path.join(folder, "outside.cgi"))
    os.symlink("env.cgi", os.path.join(folder, "inside.cgi"))
    os.mkfifo(os.path.join(folder, "fifo.cgi"))
    return folder


class Httpd(Daemon):
    """A server none of whose workers may die."""

    def __exit__(self, *exc):
        super().__exit__(*exc)
        if not exc[0]:
            assert not self.has(r"worker \d+ (was ended|ended with)"), self.lines[-10:]


def httpd(locations, top="", host=""):
    """A server with these locations: a dictionary of prefix and section."""
    path = os.path.join(FOLDER.name, f"httpd-{time.monotonic_ns()}.conf")
    listen = "both" if MODULE else "tcp"
    text = f'{top}\nlisten "127.0.0.1:0" {{ transports = "{listen}" }}\nhost "localhost" {{\n' \
           f' default = true\n {host}\n'
    for prefix, section in locations.items():
        text += f' location "{prefix}" {{ {section} }}\n'
    with open(path, "w", encoding="utf-8") as f:
        f.write(text + "}\n")
    return Httpd("linnet-httpd", "-c", path, ports=())


def cgi(options="", top="", host="", more=None):
    return httpd({"/cgi": f'cgi {{ folder = "{programs()}" env = {{"MARK={MARK}"}} {options} }}',
                  **(more or {})}, top, host)


class Answer:
    """A response, read from its octets; content whole or cut off."""

    def __init__(self, data):
        self.raw = data
        while True:
            head, _, data = data.partition(b"\r\n\r\n")
            lines = head.decode("latin-1").split("\r\n")
            assert lines[0].startswith("HTTP/1.1 "), f"no response: {self.raw[:200]!r}"
            self.status = int(lines[0].split()[1])
            self.fields = [tuple(line.split(": ", 1)) for line in lines[1:]]
            if self.status >= 200:
                break
            self.informational = getattr(self, "informational", []) + [(self.status, self.fields)]
        self.complete = True
        self.body = data
        self.trailers = []
        if (self["transfer-encoding"] or "") == "chunked":
            self._chunks(data)
        elif self["content-length"]:
            self.complete = len(data) == int(self["content-length"])

    def _chunks(self, data):
        self.body = b""
        while True:
            size, found, data = data.partition(b"\r\n")
            if not found:
                self.complete = False
                return
            n = int(size, 16)
            if not n:
                break
            self.body += data[:n]
            if len(data) < n + 2:
                self.complete = False
                return
            data = data[n + 2:]
        self.trailers = data.decode("latin-1").strip("\r\n").split("\r\n") if data != b"\r\n" else []

    def __getitem__(self, name):
        values = [v for n, v in self.fields if n.lower() == name]
        return ", ".join(values) if values else None

    @property
    def text(self):
        return self.body.decode("latin-1")

    @property
    def json(self):
        return json.loads(self.body)


def ask(d, target, *fields, method="GET", body=b"", version="1.1", protocol=socket.IPPROTO_TCP,
        host="localhost"):
    """One request on a connection of its own, which ends after it."""
    lines = [f"{method} {target} HTTP/{version}", f"Host: {host}", "Connection: close", *fields]
    if body and not any(f.lower().startswith(("content-length", "transfer-")) for f in fields):
        lines.append(f"Content-Length: {len(body)}")
    with d.connect(protocol) as s:
        s.sendall("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n")
        try:
            s.sendall(body)
        except (BrokenPipeError, ConnectionResetError):
            pass        # refused before all was sent
        return Answer(receive_all(s))


def cut_off(d, target, what):
    """Asks for what begins well and is cut off: the client may have seen some of it, or nothing."""
    with d.connect() as s:
        s.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        data = receive_all(s)
    if data:
        a = Answer(data)
        equal((a.status, a.complete), (200, False), what)


def chunks(*pieces, trailer=""):
    return b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in pieces) + b"0\r\n" + \
        trailer.encode() + b"\r\n"


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        return [int(word) for word in f.read().split()]


def comm(pid):
    with open(f"/proc/{pid}/comm", encoding="ascii") as f:
        return f.read().strip()


def spawner(d):
    return next(pid for pid in children(d.process.pid) if comm(pid) == "linnet-cgi")


def worker(d):
    return next(pid for pid in children(d.process.pid) if comm(pid) != "linnet-cgi")


def memory(pid):
    """Resident set now, in KiB."""
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return int(re.search(r"VmRSS:\s+(\d+)", f.read())[1])


def gone(pid):
    """Whether a process does nothing any more: not there, or a zombie of somebody's."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            return f.read().rsplit(")", 1)[1].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


class Backend:
    """A server in a thread: @serve is called with each connection."""

    def __init__(self, serve, protocol=socket.IPPROTO_TCP, path=None):
        if path:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.bind(path)
            os.chmod(path, 0o777)
            self.address = f"unix:{path}"
        else:
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, protocol)
            self.socket.bind(("127.0.0.1", 0))
            self.port = self.socket.getsockname()[1]
            self.address = ("linnet:" if protocol == IPPROTO_LINNET else "") + f"127.0.0.1:{self.port}"
        self.socket.listen(64)
        self.serve = serve
        self.connections = 0
        self.errors = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                s, _ = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._one, args=(s,), daemon=True).start()

    def _one(self, s):
        with s:
            s.settimeout(PATIENCE)
            try:
                self.serve(s)
            except OSError as e:
                self.errors.append(e)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


def dead_address():
    """An address where nobody listens."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{s.getsockname()[1]}"


def read_head(s):
    data = b""
    while b"\r\n\r\n" not in data:
        piece = s.recv(65536)
        if not piece:
            return None, b""
        data += piece
    head, _, rest = data.partition(b"\r\n\r\n")
    return head.decode("latin-1"), rest


def canned(*responses):
    """A server for Backend: each connection's requests, without content, get these."""
    def serve(s):
        for response in responses:
            head, _ = read_head(s)
            if head is None:
                return
            s.sendall(response)
    return serve


# ---------------------------------------------------------------- CGI

@test("CGI: the meta-variables of RFC 3875")
def variables():
    with cgi(host='root = "/srv"') as d:
        a = ask(d, "/cgi/env.cgi/a%20b/c?x=%20y", "Cookie: a=1", "Cookie: b=2", "X-Many: 1",
                "X-Many: 2", "Proxy: http://evil.example/", "X_Under: 1", "Keep-Alive: 5",
                "Authorization: Basic eDp5", "Content-Type: text/x", "TE: trailers",
                method="POST", body=b"abc").json
        env = a["env"]
        expected = {
            "GATEWAY_INTERFACE": "CGI/1.1", "SERVER_PROTOCOL": "HTTP/1.1", "SERVER_NAME": "localhost",
            "SERVER_PORT": str(d.port("tcp")), "REQUEST_METHOD": "POST", "QUERY_STRING": "x=%20y",
            "REQUEST_URI": "/cgi/env.cgi/a%20b/c?x=%20y", "SCRIPT_NAME": "/cgi/env.cgi",
            "PATH_INFO": "/a b/c", "PATH_TRANSLATED": "/srv/a b/c", "DOCUMENT_ROOT": "/srv",
            "SCRIPT_FILENAME": programs() + "/env.cgi", "REMOTE_ADDR": "127.0.0.1",
            "CONTENT_LENGTH": "3", "CONTENT_TYPE": "text/x", "HTTP_COOKIE": "a=1; b=2",
            "HTTP_X_MANY": "1, 2", "HTTP_HOST": "localhost", "LINNET_TRANSPORT": "tcp", "MARK": MARK,
            "REQUEST_SCHEME": "http",
        }
        for name, value in expected.items():
            equal(env.get(name), value, name)
        for name in ("HTTP_PROXY", "HTTP_X_UNDER", "HTTP_AUTHORIZATION", "HTTP_KEEP_ALIVE", "HTTP_TE",
                     "HTTP_CONTENT_LENGTH", "HTTP_CONTENT_TYPE", "HTTP_CONNECTION", "AUTH_TYPE", "HTTPS"):
            assert name not in env, name
        assert env["REMOTE_PORT"].isdigit() and env["SERVER_SOFTWARE"]
        equal(a["body"], "abc", "stdin")
        equal(a["cwd"], programs(), "the working folder is the program's")
        # 0, 1, 2, and the one that lists them
        equal(len(a["fds"]), 4, f"descriptors {a['fds']}")


@test("CGI: no content is no CONTENT_LENGTH; an empty query is there")
def empty():
    with cgi() as d:
        env = ask(d, "/cgi/env.cgi").json["env"]
        assert "CONTENT_LENGTH" not in env
        equal((env["QUERY_STRING"], env["PATH_INFO"], env.get("PATH_TRANSLATED")), ("", "", None))


@test("CGI: over protocol 253 LINNET_TRANSPORT says so")
def transport():
    if not MODULE:
        raise Skip("the module is not loaded")
    with cgi() as d:
        equal(ask(d, "/cgi/env.cgi", protocol=IPPROTO_LINNET).json["env"]["LINNET_TRANSPORT"], "linnet")


@test("CGI: user, and Authorization only when asked for")
def authorization():
    with cgi("authorization = true") as d:
        equal(ask(d, "/cgi/env.cgi", "Authorization: X y").json["env"]["HTTP_AUTHORIZATION"], "X y")
    password = subprocess.run(["openssl", "passwd", "-6", "-salt", "abcdefgh", "p"], text=True,
                              capture_output=True, check=True).stdout.strip()
    file = os.path.join(FOLDER.name, "passwords")
    with open(file, "w", encoding="ascii") as f:
        f.write(f"u:{password}\n")
    auth = f'auth {{ realm = "r" file = "{file}" }}'
    with httpd({"/cgi": f'{auth} cgi {{ folder = "{programs()}" authorization = true }}'}) as d:
        env = ask(d, "/cgi/env.cgi", "Authorization: Basic dTpw").json["env"]
        equal((env["AUTH_TYPE"], env["REMOTE_USER"], env.get("HTTP_AUTHORIZATION")), ("Basic", "u", None))


@test("CGI: which file, and 403, 404, 500")
def resolution():
    with cgi() as d:
        env = ask(d, "/cgi/sub/deep.cgi/x/").json["env"]
        equal((env["SCRIPT_NAME"], env["PATH_INFO"]), ("/cgi/sub/deep.cgi", "/x/"))
        equal(ask(d, "/cgi/sub/deep.cgi").json["cwd"], programs() + "/sub")
        equal(ask(d, "/cgi/inside.cgi").status, 200, "a link within")
        for target, status in (("/cgi/none.cgi", 404), ("/cgi/", 404), ("/cgi", 404), ("/cgi/sub", 404),
                               ("/cgi/sub/none", 404), ("/cgi/.hidden.cgi", 404),
                               ("/cgi/plain.txt", 403), ("/cgi/plain.txt/x", 403),
                               ("/cgi/outside.cgi", 403), ("/cgi/fifo.cgi", 403),
                               ("/cgi/broken.cgi", 500)):
            equal(ask(d, target).status, status, target)
        equal(ask(d, "/cgi/..%2f..%2fbin/true").status // 100, 4, "out of the folder")


@test("CGI: responses of all kinds")
def responses():
    with cgi() as d:
        def shell(query, **more):
            return ask(d, f"/cgi/shell.cgi/p?{query}", **more)

        a = shell("status")
        equal((a.status, a.text, a["status"]), (404, "nothing", None))
        equal(shell("local").text, "plain /other", "local redirect")
        equal(shell("local", method="POST", body=b"x" * 100000).text, "plain /other", "after content")
        equal(shell("loop").status, 500, "endless local redirect")
        a = shell("client")
        equal((a.status, a["location"]), (302, "http://elsewhere.example/"))
        a = shell("found")
        equal((a.status, a["location"]), (303, "/there"), "a path with Status")
        a = shell("nph")
        equal((a.status, a.text, a.complete), (201, "made", True), "a status line")
        a = shell("length")
        equal((a.text, a["content-length"], a.complete), ("12345", "5", True), "no more than said")
        assert not shell("short").complete, "cut off when too short"
        a = shell("nocontent")
        equal((a.status, a.body, a["transfer-encoding"]), (204, b"", None))
        a = shell("plain", method="HEAD")
        equal((a.status, a.body), (200, b""), "HEAD")
        equal(shell("noread", method="POST", body=b"x" * 1000000).text, "not read")
        for query in ("none", "garbage", "folded", "blank", "twice", "huge", "exit", "signal"):
            equal(shell(query).status, 502, query)
    


@test("CGI: stderr goes to the log by lines and cannot forge any")
def stderr():
    with cgi() as d:
        equal(ask(d, "/cgi/shell.cgi/%0aforged?stderr").text, "ok")
        until(lambda: d.has("stderr: httpd: forged"), "the last line")
        assert d.has(r"stderr: one$") and d.has(r"stderr: t\\x01wo$"), d.lines[-5:]
        assert not any(line.startswith(("forged", "httpd: forged")) for line in d.lines)


@test("CGI: chunked content has a CONTENT_LENGTH, from memory and from a file")
def spooled():
    with cgi('spool = "/tmp" spool-memory = "4k" max-content = "2m"') as d:
        a = ask(d, "/cgi/env.cgi", "Transfer-Encoding: chunked", method="POST",
                body=chunks(b"abc", b"de")).json
        equal((a["env"]["CONTENT_LENGTH"], a["body"]), ("5", "abcde"))
        piece = bytes(range(256)) * 1000
        a = ask(d, "/cgi/env.cgi", "Transfer-Encoding: chunked", method="POST",
                body=chunks(piece, piece, piece)).json
        equal(a["env"]["CONTENT_LENGTH"], str(3 * len(piece)))
        assert a["body"].encode("latin-1") == piece * 3, "content of the file"
        equal(ask(d, "/cgi/env.cgi", "Transfer-Encoding: chunked", method="POST",
                  body=chunks(b"x" * 3000000)).status, 413)
        equal(ask(d, "/cgi/env.cgi", method="POST", body=b"x" * 3000000).status, 413)


@test("CGI: forms of both kinds, parsed by the server")
def forms():
    with cgi('forms = true spool = "/tmp"') as d:
        a = ask(d, "/cgi/form.cgi", "Content-Type: application/x-www-form-urlencoded", method="POST",
                body=b"name=J%C3%BCrgen&a=1&a=2").json
        equal((a["env"]["FORM_name"], a["env"]["FORM_a"], a["env"]["CONTENT_LENGTH"], a["body"]),
              ("J\u00fcrgen", "1", "0", ""))
        equal([(i["name"], i["value"]) for i in a["form"]["items"]],
              [("name", "J\u00fcrgen"), ("a", "1"), ("a", "2")])
        data = bytes(range(256)) * 2000
        multipart = (b'--b\r\nContent-Disposition: form-data; name="t"\r\n\r\nvalue\r\n'
                     b'--b\r\nContent-Disposition: form-data; name="f"; filename="x.bin"\r\n'
                     b'Content-Type: application/octet-stream\r\n\r\n' + data + b'\r\n--b--\r\n')
        for fields, body in (((), multipart), (("Transfer-Encoding: chunked",), chunks(multipart))):
            a = ask(d, "/cgi/form.cgi", "Content-Type: multipart/form-data; boundary=b", *fields,
                    method="POST", body=body).json
            equal((a["env"]["FORM_t"], a["env"]["LINNET_FORM_FILES"]), ("value", "1"))
            equal(a["files"], [data.decode("latin-1")], "the file")
        equal(ask(d, "/cgi/form.cgi", "Content-Type: multipart/form-data; boundary=b", method="POST",
                  body=b"--b\r\nno form").status, 400)
        equal(ask(d, "/cgi/env.cgi", "Content-Type: text/plain", method="POST", body=b"x=1").json["body"],
              "x=1", "what is no form")


@test("CGI: 32 MB up, with 100-continue")
def upload():
    with cgi('max-content = "64m"') as d, d.connect() as s:
        size = 32 << 20
        s.sendall(b"POST /cgi/shell.cgi?count HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                  b"Connection: close\r\nContent-Length: %d\r\n\r\n" % size)
        equal(s.recv(25, socket.MSG_WAITALL), b"HTTP/1.1 100 Continue\r\n\r\n")
        for _ in range(32):
            s.sendall(bytes(1 << 20))
        equal(int(Answer(receive_all(s)).text), size)


def processes_of(s):
    """Reads a response's begin, whose content is two process ids."""
    data = b""
    while not re.search(rb"\r\n\d+ \d+\n", data):
        piece = s.recv(4096)
        assert piece, data
        data += piece
    return [int(word) for word in re.search(rb"\r\n(\d+) (\d+)\n", data).groups()]


@test("CGI: a client that leaves takes the program and its children along")
def client_leaves():
    for query in ("sleep", "stubborn"):
        with cgi('kill-timeout = "200ms"') as d:
            with d.connect() as s:
                s.sendall(f"GET /cgi/shell.cgi?{query} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                pids = processes_of(s)
                assert not any(gone(pid) for pid in pids)
            for pid in pids:
                until(lambda pid=pid: gone(pid), f"{query} to end")


@test("CGI: time-outs: 504 before the header, cut off after it, and the program is killed")
def timeouts():
    with cgi('response-timeout = "300ms" idle-timeout = "300ms" kill-timeout = "100ms"') as d:
        equal(ask(d, "/cgi/shell.cgi?slow").status, 504)
        a = ask(d, "/cgi/shell.cgi?sleep")
        equal((a.status, a.complete), (200, False))
        for pid in a.text.split():
            until(lambda pid=pid: gone(int(pid)), "the program to end")
        until(lambda: not children(spawner(d)), "all programs to end")


@test("CGI: programs at once are bounded: 503 with Retry-After")
def bounded():
    with cgi("max-processes = 2") as d, contextlib.ExitStack() as stack:
        for _ in range(2):
            s = stack.enter_context(d.connect())
            s.sendall(b"GET /cgi/shell.cgi?sleep HTTP/1.1\r\nHost: x\r\n\r\n")
            processes_of(s)
        a = ask(d, "/cgi/shell.cgi?plain")
        equal((a.status, bool(a["retry-after"])), (503, True))
        stack.close()
        until(lambda: ask(d, "/cgi/shell.cgi?plain").status == 200, "room again")


@test("CGI: a program that closes its output may go on")
def detached():
    with cgi('kill-timeout = "100ms"') as d:
        equal(ask(d, "/cgi/shell.cgi?orphan").text, "detached")
        with open(MARK + ".go", "w", encoding="ascii"):
            until(lambda: os.path.exists(MARK), "what it does afterwards")
        os.unlink(MARK)
        os.unlink(MARK + ".go")


@test("CGI: resource limits")
def limits():
    with cgi('limit-cpu = 7 limit-memory = "1g"') as d:
        equal(ask(d, "/cgi/shell.cgi?limits").text, f"7 {1 << 20}")


@test("CGI: the spawner that is killed is replaced; requests under way get 502")
def spawner_killed():
    with cgi() as d:
        ask(d, "/cgi/shell.cgi?plain")
        with d.connect() as s:
            s.sendall(b"GET /cgi/shell.cgi?sleep HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            pids = processes_of(s)
            old = spawner(d)
            os.kill(old, signal.SIGKILL)
            for pid in pids[:1]:
                until(lambda pid=pid: gone(pid), "the program to end with the spawner")
        until(lambda: d.has("the spawner .* ended by signal 9"), "the log")
        equal(ask(d, "/cgi/shell.cgi?plain").status, 200)
        assert spawner(d) != old
        # At once again: after a while
        os.kill(spawner(d), signal.SIGKILL)
        equal(ask(d, "/cgi/shell.cgi?plain").status, 200)


@test("CGI: nothing stays behind: reload, SIGTERM, kill -9 of the master")
def nothing_stays():
    with cgi() as d:
        first = spawner(d)
        d.process.send_signal(signal.SIGHUP)
        until(lambda: gone(first), "the old spawner to end")
        equal(ask(d, "/cgi/shell.cgi?plain").status, 200)
        second = spawner(d)
        equal(d.end(), 0)
        until(lambda: gone(second), "the spawner to end after SIGTERM")
    with cgi() as d, d.connect() as s:
        s.sendall(b"GET /cgi/shell.cgi?sleep HTTP/1.1\r\nHost: x\r\n\r\n")
        pids = processes_of(s) + [spawner(d)]
        d.process.kill()
        d.process.wait()
        for pid in pids:
            until(lambda pid=pid: gone(pid), "all to end with the master")


@test("CGI: 100 MB to a slow client in bounded memory")
def slow_client():
    with cgi() as d:
        through_slow_client(d, "/cgi/shell.cgi?zeros")


def through_slow_client(d, target, size=100 << 20):
    before = memory(worker(d))
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        s.settimeout(PATIENCE)
        s.connect(("127.0.0.1", d.port("tcp")))
        s.sendall(f"GET {target} HTTP/1.0\r\nHost: x\r\n\r\n".encode())
        # Nobody reads: when nothing moves any more, everything is full.
        still, last = 0, -1
        while still < 10:
            now = memory(worker(d))
            still = still + 1 if now == last else 0
            last = now
            time.sleep(0.02)
        assert last - before < 8 << 10, f"{last - before} KiB more in memory"
        head, rest = read_head(s)
        assert " 200 " in head, head
        got = len(rest)
        while True:
            piece = s.recv(1 << 20)
            if not piece:
                break
            got += len(piece)
        equal(got, size, "octets")
        assert memory(worker(d)) - before < 8 << 10, "bounded memory at the end"


# ---------------------------------------------------------------- FastCGI

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


# ---------------------------------------------------------------- proxy

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


# ---------------------------------------------------------------- configuration

@test("configuration: errors say what is wrong and what is allowed")
def configuration():
    for section, why in (
            ('proxy { }', "address is missing"), ('proxy { address = "x" }', 'address "x": "HOST:PORT"'),
            ('proxy { address = "127.0.0.1:0" }', "HOST:PORT"), ('proxy { address = "::1:80" }', "HOST:PORT"),
            ('proxy { address = "unix:x" }', "absolute"), ('proxy { address = "nowhere.invalid:1" }', "nowhere.invalid"),
            ('proxy { address = "127.0.0.1:1" path = "x" }', "slash"),
            ('proxy { address = "127.0.0.1:1" max-header = "1" }', "512 to 64k"),
            ('proxy { address = "127.0.0.1:1" keep-alive = 5000 }', "0 to 1024"),
            ('cgi { }', "folder is missing"), ('cgi { folder = "/nowhere" }', "No such file"),
            ('cgi { folder = "/tmp" max-processes = 0 }', "1 to 4096"),
            ('scgi { address = "127.0.0.1:1" env = "x" }', "NAME=VALUE")):
        path = os.path.join(FOLDER.name, "wrong.conf")
        with open(path, "w", encoding="ascii") as f:
            f.write(f'host "x" {{\n location "/" {{\n {section}\n }}\n}}\n')
        out = subprocess.run([program("linnet-httpd"), "--check", "-c", path], capture_output=True, text=True,
                             check=False)
        assert out.returncode and why in out.stderr and "wrong.conf:3" in out.stderr, f"{section}: {out}"


if __name__ == "__main__":
    main()
