#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The samples of a textbook's chapter on networks, unmodified, and the like of our own in
samples/: our servers with their clients, their servers with our clients.

The chapter is shared/seed/network-programming.md beside the clone, or LINNET_SEED (the
file or its folder).  The samples' ports are what they are, so each test has a network of
its own.
"""
import ast
import contextlib
import ctypes
import fcntl
import http.client
import json
import os
import re
import socket
import struct
import subprocess
import sys
import time
from wsgiref.util import setup_testing_defaults

from clients import CLIENT_PATIENCE, HERE, PATIENCE, Way, need_program, ways
from harness import Daemon, IPPROTO_LINNET, Skip, equal, main, temporary_folder, test, until

CLONE_NEWNET = 0x40000000
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
NAMES = ("echo_server", "echo_client", "time_server", "time_client", "http_server", "wsgi", "xmlrpc_server",
         "xmlrpc_session")
LIBC = ctypes.CDLL(None, use_errno=True)


def own_network():
    """Put this process, and those that it starts, into a new network with only a loopback."""
    if LIBC.unshare(CLONE_NEWNET):
        raise Skip(f"no network of its own: {os.strerror(ctypes.get_errno())}")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(s, SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | IFF_UP))


def call_application(source):
    """Status, fields and content of an application, by the standard library's rules."""
    names, got, environ = {}, [], {}
    exec(source, names)  # pylint: disable=exec-used
    setup_testing_defaults(environ)
    content = b"".join(names["application"](environ, lambda status, fields: got.append((status, fields))))
    return got[0][0], dict(got[0][1]), content


class Samples:
    """The texts, and what comes out of them."""

    def __init__(self, texts, word):
        self.texts, self.word = texts, word

    def application(self):
        """The application alone, without the server that the sample starts after it."""
        return re.search(r"^def application\(.*?(?=^\S)", self.texts["wsgi"], re.S | re.M)[0]

    def response(self):
        """What the HTTP server made by hand sends."""
        for node in ast.walk(ast.parse(self.texts["http_server"])):
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "response":
                return ast.literal_eval(node.value)
        raise AssertionError("no response in the sample")

    def session(self):
        """Pairs of an input and what is printed."""
        pairs = []
        for line in self.texts["xmlrpc_session"].splitlines():
            if line.startswith(">>> "):
                pairs.append([line[4:], ""])
            elif line.strip() not in ("", ">>>"):
                pairs[-1][1] += line + "\n"
        return pairs


def book():
    places = [os.environ.get("LINNET_SEED", "")]
    folder = HERE
    while folder != "/":
        folder = os.path.dirname(folder)
        places.append(os.path.join(folder, "shared/seed"))
    for place in filter(None, places):
        path = place if os.path.isfile(place) else os.path.join(place, "network-programming.md")
        if os.path.exists(path):
            with open(path, encoding="utf-8") as f:
                blocks = re.findall(r"```python\n(.*?)```", f.read(), re.S)
            equal(len(blocks), len(NAMES), "samples in the chapter")
            return Samples(dict(zip(NAMES, blocks)), "Hello")
    raise Skip("the textbook's chapter is not here: LINNET_SEED= names it")


def own():
    texts = {}
    for name in NAMES:
        path = os.path.join(HERE, "samples", name + (".txt" if name.endswith("session") else ".py"))
        with open(path, encoding="utf-8") as f:
            texts[name] = f.read()
    return Samples(texts, "a linnet sings")


def listens(way, port, kind):
    if kind != "udp" and way.transport == "linnet":
        with open("/proc/net/linnet/sockets", encoding="ascii") as f:
            return any((c := line.split()) and c[0] == "LISTEN" and c[1].endswith(f":{port}") for line in f)
    state = {"tcp": "0A", "udp": "07"}[kind]
    with open(f"/proc/net/{kind}", encoding="ascii") as f:
        return any(f":{port:04X}" in (c := line.split())[1] and c[3] == state for line in f)


class Sample:
    """A sample's server, in a process of its own."""

    def __init__(self, way, text, port, kind="tcp"):
        self.folder = temporary_folder()
        path = os.path.join(self.folder.name, "sample.py")
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        self.out = open(os.path.join(self.folder.name, "out"), "w+b")
        self.process = way.start("python3", "-u", path, stdout=self.out, stderr=subprocess.STDOUT,
                                 start_new_session=True)
        try:
            until(lambda: self.process.poll() is not None or listens(way, port, kind), f"port {port}", CLIENT_PATIENCE)
            equal(self.process.poll(), None, "the sample's exit status")
        except AssertionError as why:
            raise AssertionError(f"{why}: {self.printed()}") from None
        finally:
            if sys.exc_info()[0]:
                self.end()

    def printed(self):
        with open(self.out.name, "rb") as f:
            return f.read().decode()

    def end(self):
        self.process.kill()
        self.process.wait()
        self.out.close()
        self.folder.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if exc[0]:
            print("#", self.printed()[-500:].replace("\n", "\n# "))
        self.end()


def client(way, text, *args):
    """What a sample's client prints."""
    with temporary_folder() as folder:
        path = os.path.join(folder, "sample.py")
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return way.run("python3", path, *args).stdout.decode()


def connect(way, port):
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_LINNET if way.transport == "linnet" else 0)
    s.settimeout(CLIENT_PATIENCE)
    s.connect(("127.0.0.1", port))
    return s


def http_get(way, port, path="/", method="GET", body=None, fields=None):
    c = http.client.HTTPConnection("localhost")
    c.sock = connect(way, port)
    c.request(method, path, body, fields or {})
    r = c.getresponse()
    answer = r.status, r.headers, r.read()
    c.close()
    return answer


def carried(daemon, way):
    until(lambda: daemon.has(rf"connected \({way.transport}\)"), f"a connection by {way.transport}")


def each(name):
    """A test for both collections of samples, on each way."""
    def add(function):
        for title, samples in (("textbook", book), ("samples", own)):
            for way in ways():
                def run(samples=samples, way=way):
                    texts = samples()
                    need_program("python3")
                    own_network()
                    function(texts, way)
                test(f"{title}: {name} ({way.name})")(run)
        return function
    return add


# --- TCP echo ---

@each("echo: its client with linnet-echod")
def _(samples, way):
    with Daemon("linnet-echod", ports=("--port", "20000")) as d:
        equal(client(way, samples.texts["echo_client"]), samples.word + "\n")
        carried(d, way)


@each("echo: its server with our client and with its own")
def _(samples, way):
    with Sample(way, samples.texts["echo_server"], 20000) as server:
        for _ in range(2):
            with connect(way, 20000) as s:
                for size in (1, 100, 8000):
                    data = os.urandom(size)
                    s.sendall(data)
                    got = b""
                    while len(got) < size:
                        got += s.recv(8192)
                    equal(got == data, True, f"{size} octets")
        equal(client(way, samples.texts["echo_client"]), samples.word + "\n")
        until(lambda: repr(samples.word.encode()) in server.printed(), "its line")
        equal(server.printed().count("127.0.0.1"), 3, "connections in its lines")


# --- UDP time ---

def check_time(text):
    then = time.mktime(time.strptime(text))
    assert abs(then - time.time()) < 60 + CLIENT_PATIENCE, text


@each("time: its client with linnet-echod")
def _(samples, way):
    with Daemon("linnet-echod", ports=("--port", "20000")):
        answer, address = ast.literal_eval(client(way, samples.texts["time_client"]))
        equal(address, ("127.0.0.1", 20000))
        check_time(answer.decode("ascii"))


@each("time: its server with our client and with its own")
def _(samples, way):
    with Sample(way, samples.texts["time_server"], 20000, "udp") as server:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(CLIENT_PATIENCE)
            for data in (b"", b"x" * 100):
                s.sendto(data, ("127.0.0.1", 20000))
                answer, address = s.recvfrom(100)
                equal(address, ("127.0.0.1", 20000))
                check_time(answer.decode("ascii"))
        answer, address = ast.literal_eval(client(way, samples.texts["time_client"]))
        check_time(answer.decode("ascii"))
        until(lambda: server.printed().count("127.0.0.1") == 3, "a line for each")


# --- HTTP by hand ---

@each("HTTP by hand: its server with our clients")
def _(samples, way):
    expected = samples.response()
    with Sample(way, samples.texts["http_server"], 9999):
        with connect(way, 9999) as s:
            s.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            got = b""
            while piece := s.recv(8192):
                got += piece
            equal(got, expected)
        # What is no GET gets the end of the connection.
        with connect(way, 9999) as s:
            s.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            equal(s.recv(8192), b"")
        status, fields, content = http_get(way, 9999)
        equal((status, fields["Content-Type"]), (200, "text/html"))
        equal(content, re.split(rb"\r?\n\r?\n", expected, maxsplit=1)[1])


@each("HTTP by hand: the page that it sends, from linnet-httpd at its port")
def _(samples, way):
    content = re.split(rb"\r?\n\r?\n", samples.response(), maxsplit=1)[1]
    need_program("curl")
    with temporary_folder() as folder:
        with open(os.path.join(folder, "index.html"), "wb") as f:
            f.write(content)
        with Daemon("linnet-httpd", folder, ports=("--port", "9999")) as d:
            out = way.run("curl", "-sS", "--noproxy", "*", "-w", "%{response_code} %{content_type}",
                          "http://127.0.0.1:9999/").stdout
            equal(out, content + b"200 text/html; charset=utf-8")
            carried(d, way)


# --- WSGI ---

@each("WSGI: its server with our clients")
def _(samples, way):
    need_program("curl")
    status, fields, content = call_application(samples.application())
    with Sample(way, samples.texts["wsgi"], 8000):
        got = http_get(way, 8000)
        equal((got[0], got[1]["Content-Type"], got[2]), (int(status.split()[0]), fields["Content-Type"], content))
        equal(way.run("curl", "-sS", "--noproxy", "*", "http://127.0.0.1:8000/").stdout, content)


@each("WSGI: its application with linnet-httpd --wsgi")
def _(samples, way):
    need_program("curl")
    status, fields, content = call_application(samples.application())
    with temporary_folder() as folder:
        os.chmod(folder, 0o755)
        with open(os.path.join(folder, "chapter.py"), "w", encoding="utf-8") as f:
            f.write(samples.application())
        with Daemon("linnet-httpd", "--wsgi", "chapter:application", "--wsgi-path", folder,
                    ports=("--port", "8000")) as d:
            got = http_get(way, 8000)
            equal((got[0], got[1]["Content-Type"], got[2]), (int(status.split()[0]), fields["Content-Type"], content))
            equal(way.run("curl", "-sS", "--noproxy", "*", "http://127.0.0.1:8000/").stdout, content)
            carried(d, way)


# --- XML-RPC ---

# Types at a prompt what the lines say, and tells what each of them printed.
PROMPT = """
import code, contextlib, io, json, sys
prompt, printed = code.InteractiveConsole(), []
for line in json.loads(sys.argv[1]):
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        assert not prompt.push(line), "the line goes on"
    printed.append(out.getvalue())
print(json.dumps(printed))
"""


def check_session(samples, way):
    """The session prints what it says; keys in any order, as the chapter has them in that
    of an old Python, whose dictionaries kept none."""
    session = samples.session()
    assert len(session) >= 9, session
    printed = json.loads(client(way, PROMPT, json.dumps([line for line, _ in session])))
    for (line, expected), got in zip(session, printed, strict=True):
        if line == "s.keys()":
            got, expected = (sorted(ast.literal_eval(text)) for text in (got, expected))
        equal(got, expected, line)


@each("XML-RPC: its client's session with linnet-rpcd")
def _(samples, way):
    with Daemon("linnet-rpcd", "--store", "memory", ports=("--port", "15000")) as d:
        check_session(samples, way)
        carried(d, way)


def call(way, method, *params):
    body = "".join(f"<param><value>{p}</value></param>" for p in params)
    status, _, answer = http_get(way, 15000, "/RPC2", "POST", f"<?xml version='1.0'?><methodCall><methodName>{method}"
                                 f"</methodName><params>{body}</params></methodCall>", {"Content-Type": "text/xml"})
    equal(status, 200)
    return re.sub(r"\s", "", answer.decode())


@each("XML-RPC: its server with our client, which writes the XML itself, and with its own")
def _(samples, way):
    with Sample(way, samples.texts["xmlrpc_server"], 15000):
        assert "<nil/>" in call(way, "set", "<string>a</string>", "<int>7</int>")
        assert "<value><int>7</int></value>" in call(way, "get", "<string>a</string>")
        assert "<boolean>1</boolean>" in call(way, "exists", "<string>a</string>")
        assert "<fault>" in call(way, "get", "<string>b</string>")
        assert "<nil/>" in call(way, "delete", "<string>a</string>")
        check_session(samples, way)


def rerun():
    """Who is not root can be so in a user namespace, for a network of its own."""
    if os.geteuid() == 0 or "LINNET_TEXTBOOK_RERUN" in os.environ:
        return
    if subprocess.run(["unshare", "-rn", "true"], check=False, stderr=subprocess.DEVNULL).returncode == 0:
        os.environ["LINNET_TEXTBOOK_RERUN"] = "1"
        os.execvp("unshare", ["unshare", "-rn", "python3", *sys.argv])


if __name__ == "__main__":
    with contextlib.suppress(FileNotFoundError):
        rerun()
    main()
