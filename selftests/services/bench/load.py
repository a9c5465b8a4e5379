# SPDX-License-Identifier: GPL-2.0-or-later
"""The clients that measure: wrk and h2load as everybody has them, and caller, which is ours."""
import os
import re
import subprocess
import sys

from servers import on_processor


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


def wrk(port, path, connections, seconds):
    """Requests per second, and how many there were. Whatever was not a 2xx ends all."""
    text = run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", f"http://127.0.0.1:{port}{path}"])
    if "Non-2xx" in text or "Socket errors" in text:
        sys.exit(f"errors:\n{text}")
    return figure(r"Requests/sec:\s+([\d.]+)", text), figure(r"(\d+) requests in", text)


def h2load(port, path, connections, seconds):
    """As wrk(), for HTTP/2 with prior knowledge, one stream at a time on each connection."""
    text = run(["h2load", f"-c{connections}", "-m1", f"-D{seconds}", f"http://127.0.0.1:{port}{path}"])
    if figure(r"(\d+) failed", text) or figure(r"(\d+) 5xx", text) or figure(r"(\d+) 4xx", text):
        sys.exit(f"errors:\n{text}")
    return figure(r"finished in .*?, ([\d.]+) req/s", text), figure(r"(\d+) done", text)


class Caller:
    """caller.c: @request over and over, answers with @wanted in them."""

    def __init__(self, program, work):
        self.program, self.work = program, work

    def __call__(self, port, connections, depth, seconds, request, wanted):
        path = os.path.join(self.work, "request")
        with open(path, "wb") as f:
            f.write(request)
        text = run([self.program, str(port), str(connections), str(depth), str(seconds), path, wanted])
        count, took = figure(r"(\d+) responses", text), figure(r"in ([\d.]+) s", text)
        return count / took, count
