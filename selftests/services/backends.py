# SPDX-License-Identifier: GPL-2.0-or-later
"""linnet-httpd with gateways, what is behind them, and a client that looks at octets."""
import json
import os
import re
import shutil
import socket
import sys
import threading
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../userspace"))
# pylint: disable=wrong-import-position
from harness import Daemon, equal, IPPROTO_LINNET, MODULE, PATIENCE, receive_all, temporary_folder

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
