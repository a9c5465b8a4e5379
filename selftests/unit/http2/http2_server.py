# SPDX-License-Identifier: GPL-2.0-or-later
"""http2_serve, the server under test of http2_frames.py."""
import os
import socket
import subprocess
import sys
import threading

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../../userspace"))
# pylint: disable=wrong-import-position
from harness import PATIENCE, Skip
from http2_client import Client

CALM_TIME = 60000


def serve_path():
    for folder in (HERE, os.environ.get("OUTPUT", ""),
                   os.path.join(HERE, "../../../build/selftests/unit/http2")):
        if os.access(os.path.join(folder, "http2_serve"), os.X_OK):
            return os.path.join(folder, "http2_serve")
    raise Skip("http2_serve is not built: make -C selftests/unit/http2")


class Server:
    """http2_serve on a port of its choice."""

    def __init__(self, protocol=socket.IPPROTO_TCP, ms=CALM_TIME, tls=None):
        self.protocol, self.lines = protocol, []
        self.process = subprocess.Popen([serve_path(), str(protocol), str(ms), *(tls or ())],
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stderr:
            self.lines.append(line.rstrip("\n"))

    def socket(self):
        s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, self.protocol)
        s.settimeout(PATIENCE)
        # A request and a window are two writes: the second would wait for a delayed ACK.
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        s.connect(("127.0.0.1", self.port))
        return s

    def client(self, **more):
        return Client(self.socket(), patience=PATIENCE, **more)

    def memory(self):
        with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGESIZE")

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self.process.poll() is None:
            self.process.terminate()
        try:
            status = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        self.reader.join()
        if exc[0] and exc[0] is not Skip:
            for line in self.lines[-30:]:
                print("#  ", line)
        elif status:
            raise AssertionError(f"http2_serve ended with {status}: {self.lines[-30:]}")
