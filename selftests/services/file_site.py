# SPDX-License-Identifier: GPL-2.0-or-later
"""A folder that linnet-httpd serves, and what tests of it share."""
import hashlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../userspace"))
# pylint: disable=wrong-import-position
from harness import Daemon, has_protocol, MODULE, PATIENCE, temporary_folder, transports

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
