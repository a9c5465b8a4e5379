#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel has no memory for what is to be sent, and does not tell when it has (tcp_mem)."""
import mmap
import os
import struct
import sys
import time
import urllib.request

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../userspace"))
from harness import Daemon, PATIENCE, Skip, equal, main, temporary_folder, test, until

SIZE = 3 << 20


def preload():
    for folder in (HERE, os.environ.get("OUTPUT", ""), os.path.join(HERE, "../../build/selftests/services")):
        path = os.path.join(folder, "starve.so")
        if os.path.exists(path):
            return path
    raise Skip("starve.so is not built: make -C selftests/services")


@test("sockets that say that there is room, and take nothing, do not keep the server busy")
def _():
    with temporary_folder() as folder:
        os.chmod(folder, 0o755)
        content = os.urandom(SIZE)
        for name, data in (("large", content), ("small", b"small\n")):
            with open(f"{folder}/{name}", "wb") as f:
                f.write(data)
        with open(f"{folder}/starve", "wb+") as f:
            f.truncate(8)
            shared = mmap.mmap(f.fileno(), 8)
        os.environ.update(STARVE=f"{folder}/starve", LD_PRELOAD=preload())
        try:
            daemon = Daemon("linnet-httpd", folder)
        finally:
            del os.environ["LD_PRELOAD"]
        with daemon as d, d.connect() as s:
            def calls():
                return struct.unpack("II", shared)[1]

            shared[:4] = struct.pack("I", 1)
            s.sendall(b"GET /large HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            until(calls, "the first attempt")
            # Others are served all the while
            end = time.monotonic() + 0.5
            while time.monotonic() < end:
                with urllib.request.urlopen(f"http://127.0.0.1:{d.port('tcp')}/small", timeout=PATIENCE) as f:
                    equal(f.read(), b"small\n")
            first = calls()
            assert first < 1000, f"{first} calls of sendfile() in half a second"
            # It is tried again and again, and goes on when there is memory
            until(lambda: calls() > first, "another attempt")
            shared[:4] = struct.pack("I", 0)
            with s.makefile("rb") as f:
                head, _, body = f.read().partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 "), head
            assert body == content


main()
