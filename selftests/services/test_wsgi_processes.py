#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""linnet-httpd's WSGI: the processes, from their start to their end, and linnet-wsgi by itself."""
import http.client
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import textwrap
import threading

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../userspace"))
# pylint: disable=wrong-import-position
from harness import equal, main, PATIENCE, program, Skip, temporary_folder, test, until
from wsgi_server import children, command, ERROR, PYTHON, Server


PROCESSES = """
    import os
    import signal
    import time
    def application(environ, start_response):
        path = environ["PATH_INFO"]
        if path == "/die":
            os.kill(os.getpid(), signal.SIGKILL)
        if path == "/die-later":
            start_response("200 OK", [("Content-Type", "text/plain")])(b"begun")
            os.kill(os.getpid(), signal.SIGKILL)
        if path == "/hang":
            time.sleep(1000)
        if path == "/meet":
            # Each needs the other one: a FIFO opens when both ends do.
            mode = os.O_RDONLY if environ["QUERY_STRING"] == "r" else os.O_WRONLY
            os.close(os.open(os.path.join(os.path.dirname(__file__), "fifo"), mode))
        if path == "/wait":
            with open(os.path.join(os.path.dirname(__file__), "fifo")) as f:
                f.read()
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [str(os.getpid()).encode()]
    """


@test("kill -9 in a request: 502 or a broken response, and the next request is answered")
def killed():
    with Server(PROCESSES, "processes = 1") as s:
        first = s.get("/")[2]
        equal(s.ask("POST", "/die", b"x")[0], 502)
        s.logged(r"died of signal 9")
        second = s.get("/")[2]
        equal(first != second, True, "another process")
        try:
            s.get("/die-later")
        except (http.client.IncompleteRead, ConnectionError):
            pass
        else:
            raise AssertionError("the response seemed to be complete")
        equal(s.get("/")[2] not in (first, second), True, "a third process")


@test("linnet-wsgi itself is killed: it is started again")
def master_killed():
    with Server(PROCESSES, "processes = 2") as s:
        before = s.get("/")[2]
        master = s.master()
        workers = children(master)
        equal(len(workers), 2)
        os.kill(master, signal.SIGKILL)
        s.logged(r"linnet-wsgi \(process \d+\) died of signal 9")
        until(lambda: not any(os.path.exists(f"/proc/{p}") for p in workers),
              "the end of its processes")
        equal(s.get("/")[2] != before, True)
        equal(s.master() != master, True)


@test("requests go to all processes at once")
def concurrent():
    with Server(PROCESSES, "processes = 2") as s:
        fifo = os.path.join(s.folder.name, "fifo")
        os.mkfifo(fifo)
        os.chmod(fifo, 0o666)
        got = []
        other = threading.Thread(target=lambda: got.append(s.get("/meet?r")))
        other.start()
        mine = s.get("/meet?w")
        other.join()
        equal((mine[0], got[0][0]), (200, 200))
        equal(mine[2] != got[0][2], True, "two processes")


@test("max-requests: a process is replaced in time, and no request is lost")
def max_requests():
    with Server(PROCESSES, "processes = 1 max-requests = 3") as s:
        pids = [s.get("/")[2] for _ in range(9)]
        equal([pids.count(p) for p in dict.fromkeys(pids)], [3, 3, 3])


@test("timeout: 504, and a process that does not come back is replaced")
def timeout():
    with Server(PROCESSES, 'processes = 1 timeout = "1s"') as s:
        equal(s.get("/hang")[0], 504)
        s.logged("the application was silent for 2000 ms: killed")
        equal(s.get("/")[0], 200)


@test("SIGTERM: the request under way is finished, linnet-wsgi ends, nothing is left behind")
def drain():
    with Server(PROCESSES, "processes = 1") as s:
        fifo = os.path.join(s.folder.name, "fifo")
        os.mkfifo(fifo)
        os.chmod(fifo, 0o644)
        master = s.master()
        got = []
        asking = threading.Thread(target=lambda: got.append(s.get("/wait")))
        asking.start()
        with open(fifo, "w", encoding="ascii"):
            s.daemon.process.send_signal(signal.SIGTERM)
            s.logged("finishing")
        asking.join()
        equal(got[0][0], 200)
        equal(s.daemon.ended(), 0)
        until(lambda: command(master) != "linnet-wsgi", "the end of linnet-wsgi")


@test("SIGHUP: a new linnet-wsgi with the new application, the old one ends; none is refused")
def reload():
    with Server(PROCESSES, "processes = 1") as s:
        old = s.master()
        equal(s.get("/")[0], 200)
        s.write("""
            def application(environ, start_response):
                start_response("200 OK", [])
                return [b"new"]
            """)
        s.daemon.process.send_signal(signal.SIGHUP)

        def renewed():
            status, _, body = s.get("/")
            equal(status, 200, "during the reload")
            return body == b"new"
        until(renewed, "the new application")
        until(lambda: command(old) != "linnet-wsgi", "the end of the old linnet-wsgi")


@test("an application that cannot be loaded: 500 and its traceback; mended, it is served")
def not_loaded():
    with Server("import nowhere_to_be_found\n", "processes = 1") as s:
        status, _, body = s.get("/")
        equal((status, body), (500, ERROR))
        s.logged("No module named 'nowhere_to_be_found'")
        s.logged("the application could not be loaded")
        s.write("""
            def application(environ, start_response):
                start_response("200 OK", [])
                return [b"mended"]
            """)
        until(lambda: s.get("/")[2] == b"mended", "the mended application")


@test("names: attributes, factories, the default; other names are refused")
def names():
    source = """
        class made:
            def create():
                def app(environ, start_response):
                    start_response("200 OK", [])
                    return [b"made"]
                return app
            class inner:
                def app(environ, start_response):
                    start_response("200 OK", [])
                    return [b"inner"]
        def application(environ, start_response):
            start_response("200 OK", [])
            return [b"default"]
        """
    for name, expected in (("app:made.create()", b"made"), ("app:made.inner.app", b"inner"),
                           ("app", b"default")):
        with Server(source, name=name) as s:
            equal(s.get("/")[2], expected, name)
    with Server(source, name="app:made.nothing") as s:
        equal(s.get("/")[0], 500)
        s.logged("has no attribute 'nothing'")


@test("env and the path: what the section says, and no folder of the user's home")
def isolation():
    source = """
        import json, os, signal, sys
        def application(environ, start_response):
            start_response("200 OK", [])
            return [json.dumps({"path": sys.path, "value": os.environ.get("OWN"), "cwd": os.getcwd(),
                                "int": signal.getsignal(signal.SIGINT) is None,
                                "stdin": sys.stdin.read(), "user": sys.flags.no_user_site,
                                "uid": os.getuid(), "listen": os.environ.get("LISTEN_FDS")}).encode()]
        """
    with Server(source, 'env = {"OWN=a b=c"}') as s:
        got = json.loads(s.get("/")[2])
        folder = os.path.realpath(s.folder.name)
        equal(got["path"][0], folder)
        equal("" in got["path"], False, "the current folder on the path")
        equal((got["value"], got["cwd"], got["stdin"]), ("a b=c", folder, ""))
        equal((got["user"], got["listen"]), (1, None))
        if os.geteuid() == 0:
            equal(got["uid"] != 0, True, "not root")


@test("a virtual environment's packages are found")
def virtualenv():
    with temporary_folder() as venv:
        if subprocess.run([PYTHON, "-m", "venv", "--without-pip", venv], check=False).returncode:
            raise Skip("no venv here: apt-get install python3-venv")
        os.chmod(venv, 0o755)
        folder = [os.path.join(venv, "lib", name) for name in os.listdir(f"{venv}/lib")][0]
        with open(f"{folder}/site-packages/only_here.py", "w", encoding="ascii") as f:
            f.write("word = b'from the environment'\n")
        with Server("""
            import only_here
            def application(environ, start_response):
                start_response("200 OK", [])
                return [only_here.word]
            """, f'virtualenv = "{venv}"') as s:
            equal(s.get("/")[2], b"from the environment")


# --- linnet-wsgi alone, by FastCGI ---

class Fcgi:
    """linnet-wsgi on a socket of ours."""

    def __init__(self, source, *args):
        self.folder = temporary_folder()
        with open(os.path.join(self.folder.name, "app.py"), "w", encoding="utf-8") as f:
            f.write(textwrap.dedent(source))
        self.address = os.path.join(self.folder.name, "socket")
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(self.address)
        listener.listen()
        self.process = subprocess.Popen([program("linnet-wsgi"), *args, "app"], stdin=listener,
                                        cwd=self.folder.name, stderr=subprocess.PIPE)
        listener.close()

    def connect(self):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(PATIENCE)
        s.connect(self.address)
        return s

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stderr.close()
        self.folder.cleanup()


def record(kind, content, number=1, padding=0):
    return struct.pack(">BBHHBx", 1, kind, number, len(content), padding) + content + bytes(padding)


def params(**values):
    content = b"".join(bytes([len(k), len(v)]) + k.encode() + v.encode()
                       for k, v in values.items())
    return record(4, content, padding=3) + record(4, b"")


def records(s):
    """All records until the end: type, id, content."""
    data = b""
    for piece in iter(lambda: s.recv(65536), b""):
        data += piece
    got = []
    while data:
        _, kind, number, size, padding = struct.unpack(">BBHHBx", data[:8])
        got.append((kind, number, data[8:8 + size]))
        data = data[8 + size + padding:]
    return got


BEGIN = record(1, struct.pack(">HB5x", 1, 0))
ECHO = """
    def application(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [environ["wsgi.input"].read()]
    """


@test("FastCGI: records in pieces, values, other roles and ids, what is malformed")
def fastcgi():
    end = (3, 1, struct.pack(">IB3x", 0, 0))
    with Fcgi(ECHO) as f:
        request = (BEGIN + params(REQUEST_METHOD="POST", CONTENT_LENGTH="3") +
                   record(5, b"ab", padding=5) + record(5, b"c") + record(5, b""))
        s = f.connect()
        for i in range(len(request)):
            s.send(request[i:i + 1])
        got = records(s)
        equal(b"".join(c for kind, _, c in got if kind == 6).endswith(b"\r\n\r\nabc"), True, got)
        equal(got[-2:], [(6, 1, b""), end])

        # Another id within: refused, ours goes on.
        s = f.connect()
        s.sendall(BEGIN + record(1, struct.pack(">HB5x", 1, 0), 2) +
                  params(REQUEST_METHOD="GET") + record(5, b""))
        got = records(s)
        equal(got[0], (3, 2, struct.pack(">IB3x", 0, 1)))
        equal(got[-1], end)

        s = f.connect()
        s.sendall(record(1, struct.pack(">HB5x", 2, 0)))
        s.shutdown(socket.SHUT_WR)
        equal(records(s), [(3, 1, struct.pack(">IB3x", 0, 3))], "authorizer")

        s = f.connect()
        s.sendall(record(9, b"\x0f\0FCGI_MPXS_CONNS", 0) + record(77, b"x", 0))
        s.shutdown(socket.SHUT_WR)
        equal(records(s), [(10, 0, b"\x0f\x01FCGI_MPXS_CONNS0"), (11, 0, b"\x4d" + bytes(7))])

        for bad in (b"GET / HTTP/1.1\r\n\r\n", record(1, b"x"), BEGIN + record(1, b"x" * 2000, 0),
                    BEGIN + b"".join(record(4, bytes(65535)) for _ in range(17))):
            s = f.connect()
            try:
                s.sendall(bad)
                equal(records(s), [], str(bad[:20]))
            except (BrokenPipeError, ConnectionResetError):
                pass
        # Content that is shorter than promised is an error for the application.
        s = f.connect()
        s.sendall(BEGIN + params(REQUEST_METHOD="POST", CONTENT_LENGTH="3") +
                  record(5, b"ab") + record(5, b""))
        got = b"".join(c for _, _, c in records(s))
        equal(b"shorter than CONTENT_LENGTH" in got and b"Status: 500" in got, True, got)
        # Octets beyond CONTENT_LENGTH are not for it.
        s = f.connect()
        s.sendall(BEGIN + params(REQUEST_METHOD="POST", CONTENT_LENGTH="2") +
                  record(5, b"abc") + record(5, b""))
        got = b"".join(c for kind, _, c in records(s) if kind == 6)
        equal(got.endswith(b"\r\n\r\nab"), True, got)


@test("linnet-wsgi: a command line that says what is wrong")
def command_line():
    for args, reason in (([], "name the application"), (["a:b:c"], "is not MODULE:CALLABLE"),
                         (["a", "b"], "one application"), (["a b"], "is not MODULE:CALLABLE"),
                         (["--processes", "0", "a"], "1 to 1024"),
                         (["--timeout", "x", "a"], "is no number"),
                         (["a"], "no listening socket")):
        done = subprocess.run([program("linnet-wsgi"), *args], stdin=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True, check=False, timeout=PATIENCE)
        equal((done.returncode, reason in done.stderr), (2, True), f"{args}: {done.stderr}")


@test("a section that is wrong is refused with its line")
def configuration():
    cases = [("", "MODULE:CALLABLE"), ('application = "a" processes = 0', "1 to 1024"),
             ('application = "a" path = {"/nowhere"}', "/nowhere"),
             ('application = "a" env = {"X"}', "NAME=value"),
             ('application = "a" timeout = "soon"', "soon")]
    for text, reason in cases:
        with temporary_folder() as folder:
            config = os.path.join(folder, "httpd.conf")
            with open(config, "w", encoding="ascii") as f:
                f.write(f'host "localhost" {{\n location "/" {{ wsgi {{\n {text}\n}} }} }}\n')
            done = subprocess.run([program("linnet-httpd"), "--check", "--config", config],
                                  stderr=subprocess.PIPE, text=True, check=False, timeout=PATIENCE)
        equal(done.returncode != 0, True, f"{text} was accepted")
        if not re.search(r"httpd\.conf:\d+: .*" + re.escape(reason), done.stderr):
            raise AssertionError(f"{text}: {done.stderr}")


if __name__ == "__main__":
    main()
