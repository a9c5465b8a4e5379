# SPDX-License-Identifier: GPL-2.0-or-later
"""linnet-httpd with a Python application, and what tests of it share."""
import hashlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import textwrap

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../userspace"))
# pylint: disable=wrong-import-position
from harness import Daemon, MODULE, PATIENCE, temporary_folder, until

PYTHON = "/usr/bin/python3"
ERROR = b"Internal Server Error\n"


class Connection(http.client.HTTPConnection):
    """A connection to a Daemon on one of its transports."""

    def __init__(self, daemon, protocol=socket.IPPROTO_TCP):
        super().__init__("localhost")
        self.daemon, self.protocol = daemon, protocol

    def connect(self):
        self.sock = self.daemon.connect(self.protocol)


class Server:
    """linnet-httpd with an application: Python source, written to a file app.py."""

    def __init__(self, source, options="", prefix="/", name="app:application"):
        self.folder = temporary_folder()
        os.chmod(self.folder.name, 0o755)
        self.write(source)
        config = os.path.join(self.folder.name, "httpd.conf")
        user = 'user = "nobody"\n' if os.geteuid() == 0 else ""
        with open(config, "w", encoding="ascii") as f:
            f.write(f'{user}access-log = "none"\n'
                    f'listen "127.0.0.1:0" {{ transports = "{"both" if MODULE else "tcp"}" }}\n'
                    f'host "localhost" {{ default = true\n'
                    f' location "{prefix}" {{ wsgi {{ application = "{name}"\n'
                    f'  path = {{"{self.folder.name}"}}\n{options}\n }} }}\n}}\n')
        self.config = config
        self.daemon = Daemon("linnet-httpd", "--config", config, ports=())

    def write(self, source, name="app.py"):
        with open(os.path.join(self.folder.name, name), "w", encoding="utf-8") as f:
            f.write(textwrap.dedent(source))

    def ask(self, method, target, body=None, fields=None, connection=None, **more):
        """Status, header fields, body."""
        c = connection or Connection(self.daemon)
        c.request(method, target, body, fields or {}, **more)
        r = c.getresponse()
        body = r.read()
        if not connection:
            c.close()
        return r.status, r.msg, body

    def get(self, target, **more):
        return self.ask("GET", target, **more)

    def logged(self, pattern):
        until(lambda: self.daemon.has(pattern), f"{pattern!r} in the log: {self.daemon.lines}")

    def master(self):
        """Process id of linnet-wsgi."""
        def find():
            for pid in children(self.daemon.process.pid):
                if command(pid) == "linnet-wsgi":
                    return pid
            return None
        return until(find, "linnet-wsgi")

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        # In order, so that linnet-wsgi is told to end.
        if self.daemon.process.poll() is None:
            self.daemon.process.send_signal(signal.SIGTERM)
            try:
                self.daemon.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                pass
        self.daemon.__exit__(*exc)
        self.folder.cleanup()


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
            return [int(p) for p in f.read().split()]
    except OSError:
        return []


def command(pid):
    try:
        with open(f"/proc/{pid}/comm", encoding="ascii") as f:
            return f.read().strip()
    except OSError:
        return None


def noise(n):
    return b"".join(hashlib.sha256(b"%d" % i).digest() for i in range(n // 32 + 1))[:n]


def chunks(s, data=b""):
    """The chunks of a response in chunked coding, each as soon as it is there."""
    while b"\r\n\r\n" not in data:
        data += s.recv(65536)
    data = data.split(b"\r\n\r\n", 1)[1]
    while True:
        while b"\r\n" not in data:
            piece = s.recv(65536)
            if not piece:
                raise EOFError("the response was cut off")
            data += piece
        size, data = data.split(b"\r\n", 1)
        size = int(size, 16)
        if not size:
            return
        while len(data) < size + 2:
            data += s.recv(65536)
        yield data[:size]
        data = data[size + 2:]


def ask_raw(server, target):
    s = server.daemon.connect()
    s.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return s
