# SPDX-License-Identifier: GPL-2.0-or-later
"""KTAP output, and the project's programs under test."""
import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

IPPROTO_LINNET = 253
IPPROTO_MPTCP = 262
HERE = os.path.dirname(os.path.realpath(__file__))
# Emulated guests are slow; a bound is there to end a test that hangs.
PATIENCE = 20 * float(os.environ.get("LAB_TIME_FACTOR", "1"))


class Skip(Exception):
    """Raised in a test that cannot run here, saying why."""


def program(name):
    """Path of a program: LINNET_BIN, the tree that this file is in, or PATH."""
    if "LINNET_BIN" in os.environ:
        return os.path.join(os.environ["LINNET_BIN"], name)
    folder = HERE
    while folder != "/":
        for sub in ("build/bin", "bin"):
            path = os.path.join(folder, sub, name)
            if os.access(path, os.X_OK) and "linnet" in name:
                return path
        folder = os.path.dirname(folder)
    path = shutil.which(name)
    if not path:
        sys.exit(f"{name} is not there: build it with make userspace")
    return path


def helper(name):
    """Path of a program that the Makefile here builds."""
    for folder in (HERE, os.environ.get("OUTPUT", ""),
                   os.path.join(HERE, "../../build/selftests/userspace")):
        path = os.path.join(folder, name)
        if os.access(path, os.X_OK):
            return path
    raise Skip(f"{name} is not built: make -C selftests/userspace")


def tree():
    """The top of the source tree that this file is in, or None."""
    folder = HERE
    while folder != "/":
        if os.path.isdir(os.path.join(folder, "userspace/lib")) and os.path.isdir(os.path.join(folder, "kmod")):
            return folder
        folder = os.path.dirname(folder)
    return None


def textbook():
    """The chapter that the project began from, which lies beside some clones."""
    top = os.environ.get("LINNET_TEXTBOOK") or (tree() and os.path.join(tree(), "../shared/seed"))
    path = top and os.path.join(top, "network-programming.md")
    if not path or not os.path.exists(path):
        raise Skip("the textbook is not beside this clone: LINNET_TEXTBOOK= names its folder")
    with open(path, encoding="utf-8") as f:
        return f.read()


def has_protocol(number, family=socket.AF_INET):
    try:
        socket.socket(family, socket.SOCK_STREAM, number).close()
        return True
    except OSError:
        return False


MODULE = has_protocol(IPPROTO_LINNET)


def transports():
    """Names and numbers of the stream transports to test."""
    return [("tcp", socket.IPPROTO_TCP), ("linnet", IPPROTO_LINNET)]


def need(protocol):
    if not has_protocol(protocol):
        raise Skip(f"no protocol {protocol} here: the module is not loaded")


def until(condition, what, patience=None):
    """Poll for a condition, with a bound."""
    end = time.monotonic() + (patience or PATIENCE)
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited in vain for {what}")
        time.sleep(0.01)


def equal(got, expected, what=""):
    if got != expected:
        raise AssertionError(f"{what}: got {got!r}, expected {expected!r}")


def descendants(pid):
    """A process's children and theirs."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
            children = [int(x) for x in f.read().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []
    return children + [d for c in children for d in descendants(c)]


class Daemon:
    """A server of ours on ports that the kernel picks."""

    def __init__(self, name, *args, ports=("--port", "0")):
        self.lines = []
        self.process = subprocess.Popen(
            [program(name), *ports, "--log-level", "debug", *args],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        until(lambda: self.has("ready") or self.process.poll() is not None, f"{name} to be ready")
        if self.process.poll() is not None:
            self.reader.join()
            raise AssertionError(f"{name} ended: {self.lines}")

    def _read(self):
        for line in self.process.stderr:
            self.lines.append(line.rstrip("\n"))

    def has(self, pattern):
        return any(re.search(pattern, line) for line in list(self.lines))

    def port(self, transport, family=socket.AF_INET):
        start = r"\[" if family == socket.AF_INET6 else r"[0-9]"
        for line in self.lines:
            m = re.search(rf"listening on {start}.*:(\d+) \({transport}\)", line)
            if m:
                return int(m[1])
        raise Skip(f"no listener for {transport}: {self.lines}")

    def connect(self, protocol=socket.IPPROTO_TCP, family=socket.AF_INET):
        name = "tcp" if protocol == socket.IPPROTO_TCP else "linnet"
        s = socket.socket(family, socket.SOCK_STREAM, protocol)
        s.settimeout(PATIENCE)
        if protocol == socket.IPPROTO_TCP:
            # A head and a body written one after the other shall not wait for an acknowledgement.
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        s.connect(("127.0.0.1" if family == socket.AF_INET else "::1", self.port(name, family)))
        return s

    def end(self, signum=signal.SIGTERM):
        """Signal it to end, once; returns the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signum)
        return self.ended()

    def ended(self):
        """Wait for its end; returns the exit status."""
        try:
            status = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"did not stop: {self.lines[-5:]}") from None
        self.reader.join()
        return status

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        # Workers whose master is gone would end in order, waiting for clients that are still there.
        if self.process.poll() is None:
            left = descendants(self.process.pid)
            self.process.kill()
            self.process.wait()
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self.reader.join()
        if exc[0] and exc[0] is not Skip:
            for line in self.lines[-30:]:
                print("#  ", line)


def receive_all(s):
    data = b""
    while True:
        piece = s.recv(65536)
        if not piece:
            return data
        data += piece


TESTS = []


def test(name):
    def add(function):
        TESTS.append((name, function))
        return function
    return add


def main():
    """Run what @test collected.  Exit status 0, 1, or 4 when all were skipped."""
    failed = skipped = 0
    print("TAP version 13")
    print(f"1..{len(TESTS)}", flush=True)
    for i, (name, function) in enumerate(TESTS, 1):
        try:
            function()
            print(f"ok {i} {name}", flush=True)
        except Skip as why:
            skipped += 1
            print(f"ok {i} {name} # SKIP {why}", flush=True)
        except Exception:  # pylint: disable=broad-except
            failed += 1
            for line in traceback.format_exc().splitlines()[-30:]:
                print("#", line)
            print(f"not ok {i} {name}", flush=True)
    print(f"# Totals: pass:{len(TESTS) - failed - skipped} fail:{failed} xfail:0 xpass:0 skip:{skipped} error:0")
    sys.exit(1 if failed else 4 if skipped == len(TESTS) else 0)


def temporary_folder():
    return tempfile.TemporaryDirectory(prefix="linnet-test-")
