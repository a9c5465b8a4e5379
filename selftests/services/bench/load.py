# SPDX-License-Identifier: GPL-2.0-or-later
"""The clients that measure: wrk for HTTP/1, h2load for HTTP/2."""
import os
import re
import subprocess
import sys

from servers import HERE, on_processor


def run(command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          check=False, preexec_fn=on_processor(1))
    if done.returncode:
        sys.exit(f"{' '.join(command)}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def figure(pattern, text):
    m = re.search(pattern, text)
    if not m:
        sys.exit(f"no {pattern} in what the client says:\n{text}")
    return float(m[1])


def wrk(port, path, connections, seconds, *more):
    """Requests per second, and how many there were. Whatever was not a 2xx ends all."""
    text = run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", *more,
                f"http://127.0.0.1:{port}{path}"])
    if "Non-2xx" in text or "Socket errors" in text:
        sys.exit(f"errors:\n{text}")
    return figure(r"Requests/sec:\s+([\d.]+)", text), figure(r"(\d+) requests in", text)


def rpc(port, connections, seconds, call):
    """Calls per second; the answer must be the expected one."""
    os.environ["BENCH_CALL"] = call
    return wrk(port, "/RPC2", connections, seconds, "-s", os.path.join(HERE, "call.lua"))


def h2load(port, path, connections, seconds):
    """As wrk(), for HTTP/2 with prior knowledge, one stream at a time on each connection."""
    text = run(["h2load", f"-c{connections}", "-m1", f"-D{seconds}", f"http://127.0.0.1:{port}{path}"])
    if figure(r"(\d+) failed", text) or figure(r"(\d+) 5xx", text) or figure(r"(\d+) 4xx", text):
        sys.exit(f"errors:\n{text}")
    return figure(r"finished in .*?, ([\d.]+) req/s", text), figure(r"(\d+) done", text)
