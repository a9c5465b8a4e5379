#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""linnet-httpd's frame: configuration, hosts, rules, logs, signals."""
import base64
import ctypes
import http.client
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../userspace"))
from harness import (Daemon, PATIENCE, Skip, equal, main, need, program, temporary_folder, test,
                     transports, until)

HERE = os.path.dirname(os.path.realpath(__file__))
FOLDER = temporary_folder()
os.chmod(FOLDER.name, 0o755)


def put(path, text):
    path = os.path.join(FOLDER.name, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


for NAME in ("one", "two", "three"):
    put(f"{NAME}/index.html", NAME)
put("one/a/b/c.txt", "abc")
put("one/ab/x.txt", "ab")
put("one/errors/404.html", "<h1>nothing of the kind</h1>")
put("one/errors/secret.txt", "no such secret")
os.symlink("/etc/passwd", os.path.join(FOLDER.name, "one/errors/link"))
ROOTS = {name: os.path.join(FOLDER.name, name) for name in ("one", "two", "three")}
LISTEN = 'listen "127.0.0.1:0" { }\n'


def configuration(text, name="httpd.conf"):
    return put(name, text)


def httpd(text, *args, name="httpd.conf", listen=LISTEN):
    return Daemon("linnet-httpd", "-c", configuration(listen + text, name), *args)


def files(root="one", inside="", title="*", location="/"):
    return f'host "{title}" {{ root = "{ROOTS[root]}" location "{location}" {{ files {{ }} {inside} }} }}\n'


class Answer:
    def __init__(self, response):
        self.status, self.body, self.fields = response.status, response.read(), response.msg

    def __getitem__(self, name):
        return self.fields[name]


def ask(d, path="/", host="x", method="GET", fields=None, protocol=socket.IPPROTO_TCP):
    c = http.client.HTTPConnection("localhost")
    c.sock = d.connect(protocol)
    c.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in {"Host": host, **(fields or {})}.items():
        c.putheader(name, value)
    c.endheaders()
    answer = Answer(c.getresponse())
    c.close()
    return answer


def check(text):
    """--check of a file with this text: exit status and lines."""
    path = configuration(text, "check.conf")
    p = subprocess.run([program("linnet-httpd"), "--check", "-c", path], stdin=subprocess.DEVNULL, capture_output=True,
                       text=True, timeout=PATIENCE, check=False)
    return p.returncode, p.stdout + p.stderr, path


GOOD = files()
IN_HOST = 'host "x" {\n location "/" {\n%s\n files { root = "' + ROOTS["one"] + '" }\n }\n}\n'


@test("errors: file, line, what is wrong, what is allowed")
def _():
    table = [
        # text, line, pattern
        ("workers = 0\n", 1, "1 to 64"),
        # more than the master has room for
        ("workers = 65\n", 1, "1 to 64"),
        ("workers = many\n", 1, "whole numbers"),
        ("\nworker = 1\n", 2, "no such option 'worker'.*workers"),
        ('log = "nowhere"\n', 1, "stderr, journal, and a file's path"),
        ('access-log = "nowhere"\n', 1, "stderr, journal, none"),
        ('log-level = "loud"\n', 1, "error, warning, notice, info and debug"),
        ('limits {\n streams = 0\n}\n', 2, "1 to 1000"),
        ('limits {\n resets = 0\n}\n', 2, "resets = 0: allowed is a number from 1 to 1000000"),
        ('limits {\n resets-per-second = -1\n}\n', 2, "1 to 1000000"),
        ('limits {\n idle-frames = 99\n}\n', 2, "100 to 10000000"),
        ('limits {\n idle-frames-per-second = 0\n}\n', 2, "1 to 10000000"),
        ('limits {\n continuations = 1001\n}\n', 2, "1 to 1000"),
        ('limits {\n fields = 101\n}\n', 2, "1 to 100"),
        ('limits {\n header-time = "10"\n}\n', 2, "ms, s, m, h"),
        ('limits {\n header-size = "1x"\n}\n', 2, "k, m or g"),
        ('limits {\n header-size = "100"\n}\n', 2, "256 to 1048576 octets"),
        ('limits { }\nlimits { }\n', 2, "second section limits"),
        ('listen "127.0.0.1:0" {\n transports = "udp"\n}\n', 2, "linnet, tcp and both"),
        ('listen "127.0.0.1:0" {\n certificate { file = "/nowhere" }\n}\n', 2, "No such file"),
        ('listen "127.0.0.1:0" {\n certificate { }\n}\n', 2, "both file and key"),
        ('listen "here:80" { }\n' + GOOD, 1, "here:80"),
        ('listen "127.0.0.1:70000" { }\n' + GOOD, 1, "70000"),
        ('host "x" {\n}\n', 2, "no section location"),
        ('host "x y" {\n location "/" {\n  status { }\n }\n}\n', 5, "without a port"),
        ('host "x:80" {\n location "/" {\n  status { }\n }\n}\n', 5, "without a port"),
        ('host "a.*.org" {\n location "/" {\n  status { }\n }\n}\n', 5, r"\*\.example\.org"),
        ('host "x" {\n aliases = {"y", "*z"}\n}\n', 2, r"aliases: '\*z'"),
        ('host "x" {\n root = "/nowhere"\n}\n', 2, "No such file"),
        ('host "x" {\n location "a" {\n  status { }\n }\n}\n', 4, "begin with a slash"),
        ('host "x" {\n location "/a/%2f" {\n  status { }\n }\n}\n', 4, "begin with a slash"),
        ('host "x" {\n location "/a" {\n }\n}\n', 3, "no section of these.*files, redirect, status"),
        ('host "x" {\n location "/a" {\n  status { }\n  form { }\n }\n}\n', 5, "more than one section of these"),
        # One of the same name would take the place of the other.
        ('listen "127.0.0.1:0" {\n}\nlisten "127.0.0.1:0" {\n}\n' + GOOD, 3, "duplicate title '127.0.0.1:0'"),
        (GOOD + GOOD, 2, r"duplicate title '\*'"),
        ('host "x" {\n location "/" {\n  status { }\n }\n location "/" {\n  status { }\n }\n}\n', 5, "duplicate title '/'"),
        ('host "x" {\n location "/a" {\n  status { }\n }\n location "/a/" {\n  status { }\n }\n}\n', 7, "there twice"),
        ('host "x" { location "/" { status { } } }\nhost "X" { location "/" { status { } } }\n', 2, "already taken"),
        ('host "x" { location "/" { status { } } default = true }\nhost "*" { location "/" { status { } } }\n', 2,
         "both the default"),
        ('host "x" {\n error-pages {\n  200 = "/x"\n }\n}\n', 3, "no such option '200': allowed here are 400, 401"),
        ('host "x" {\n error-pages {\n  404 = "/x"\n }\n location "/" { status { } } }\n', 4, "no root"),
        (f'host "x" {{ root = "{ROOTS["one"]}"\n error-pages {{\n 404 = "/none" }}\n location "/" {{ status {{ }} }} }}\n', 3,
         "404 = '/none'.*No such file"),
        (f'host "x" {{ root = "{ROOTS["one"]}"\n error-pages {{\n 404 = "/errors/link" }}\n location "/" '
         '{ status { } } }\n', 3, "404 = '/errors/link'"),
        (IN_HOST % '  access { allow = {"10.0.0.0/8",\n "10.0.0.1/8"} }', 4, "10.0.0.1/8.*beyond its prefix"),
        (IN_HOST % '  access { deny = {"somewhere"} }', 3, "192.0.2.0/24 or 2001:db8::/32"),
        (IN_HOST % '  access { }\n  access { }', 4, "second section access"),
        (IN_HOST % '  auth { realm = "r" }', 3, "needs a file"),
        (IN_HOST % '  auth { realm = "a\\nb" }', 3, "control character"),
        (IN_HOST % '  auth { file = "/nowhere" }', 3, "auth that ends here"),
        (IN_HOST % '  auth {\n   cache = "soon"\n  }', 4, "ms, s, m, h"),
        (IN_HOST % '  rate { burst = 2 }', 3, "0.001 to 1000000"),
        (IN_HOST % '  rate { per-second = -1.0 }', 3, "0.001 to 1000000"),
        (IN_HOST % '  rate { per-second = 1.0 burst = 0 }', 3, "1 to 1000000"),
        (IN_HOST % '  headers { add = {"X"} }', 3, "Name: value"),
        (IN_HOST % '  headers { add = {"X Y: z"} }', 3, "Name: value"),
        (IN_HOST % '  headers { add = {"X: a\\r\\nY: b"} }', 3, "Name: value"),
        (IN_HOST % '  headers { add = {"Content-Length: 1"} }', 3, "server's own"),
        (IN_HOST % '  push = {"style.css"}', 3, "begin with a slash"),
        (IN_HOST % '  location "/x" { }', 3, "no such option 'location'"),
    ]
    wrong = []
    for text, line, pattern in table:
        status, output, path = check(text)
        if status != 1 or not re.search(rf"^linnet-httpd: error: {re.escape(path)}:{line}: .*{pattern}", output, re.M):
            wrong.append((text, line, pattern, status, output))
    for entry in wrong:
        print("#", *(str(x).replace("\n", "\\n ") for x in entry), sep="\n#   ")
    equal(len(wrong), 0, "wrong")
    assert "check.conf: there is no section host" in check("")[1]


@test("errors in files of passwords: their own name and line")
def _():
    for text, pattern in [("a:secret\n", r":1: this is no hash.*mkpasswd"), ("\n#x\nnobody\n", ":3: this is not NAME:HASH"),
                          ("", "names no user"), ("a:$6$a$b\na:$6$a$b\n", "names a user twice")]:
        path = put("wrong-passwords", text)
        status, output, _ = check(IN_HOST % f'auth {{ file = "{path}" }}')
        equal(status, 1)
        assert re.search(re.escape(path) + ".*" + pattern, output), output
    path = put("wrong-passwords", "a:$6$a$b\n")
    assert "user 'b' is not in the file" in check(IN_HOST % f'auth {{ file = "{path}" users = {{"b"}} }}')[1]


@test("--check: good files, and the example")
def _():
    status, output, _ = check(GOOD)
    equal((status, output), (0, "the configuration is good\n"))
    for folder in (HERE, os.path.join(HERE, "../../userspace/httpd")):
        example = os.path.join(folder, "linnet-httpd.conf.example")
        if os.path.exists(example):
            break
    else:
        raise Skip("linnet-httpd.conf.example is not there")
    p = subprocess.run([program("linnet-httpd"), "--check", "-c", example], capture_output=True, text=True,
                       timeout=PATIENCE, check=False)
    equal((p.returncode, p.stderr), (0, ""))
    with open(example, encoding="utf-8") as f:
        text = f.read()
    with httpd(text.replace("*:8080", "127.0.0.1:0"), listen="") as d:
        equal(ask(d, "/old")["location"].endswith("/"), True)
        equal(ask(d)["x-content-type-options"], "nosniff")


@test("a file that includes another; a file that is not there")
def _():
    part = put("part.conf", files("two"))
    with httpd(f'include("{part}")\n') as d:
        equal(ask(d).body, b"two")
    put("part.conf", "\nworker = 1\n")
    status, output, _ = check(f'include("{part}")\n')
    equal(status, 1)
    assert f"{part}:2:" in output, output
    p = subprocess.run([program("linnet-httpd"), "-c", "/nowhere.conf"], capture_output=True, text=True, timeout=PATIENCE,
                       check=False)
    equal((p.returncode, p.stderr), (1, "linnet-httpd: error: /nowhere.conf: No such file or directory\n"))


@test("the command line goes over the file")
def _():
    p = subprocess.run([program("linnet-httpd"), "-c", "x", FOLDER.name], capture_output=True, text=True, timeout=PATIENCE,
                       check=False)
    equal((p.returncode, len(p.stderr.splitlines())), (2, 1), p.stderr)
    text = 'limits { target-size = "100" }\n' + files()
    with httpd(text) as d:
        equal(ask(d, "/?" + "x" * 98).status, 200)
        equal(ask(d, "/?" + "x" * 99).status, 414)
    with httpd(text, "--max-uri", "200") as d:
        equal(ask(d, "/?" + "x" * 99).status, 200)


for TRANSPORT, PROTOCOL in transports():
    @test(f"virtual hosts: names, aliases, wildcards, the default ({TRANSPORT})")
    def _(protocol=PROTOCOL):
        need(protocol)
        text = "".join(f'host "{title}" {{ aliases = {{{aliases}}} location "/" {{ redirect {{ to = "/{name}" }} }} }}\n'
                       for name, title, aliases in [
                           ("first", "first.org", ""), ("www", "www.Example.ORG", '"example.org", "[::1]", "192.0.2.1"'),
                           ("wild", "*.example.org", ""), ("deep", "*.deep.example.org", ""), ("default", "*", '"also"')])
        table = [
            ("first.org", "first"), ("www.example.org", "www"), ("WWW.EXAMPLE.ORG:8080", "www"), ("example.org", "www"),
            ("example.org.", "www"), ("[::1]:80", "www"), ("192.0.2.1", "www"), ("a.example.org", "wild"),
            ("a.b.example.org", "wild"), ("deep.example.org", "wild"), ("a.deep.example.org", "deep"),
            ("notexample.org", "default"), ("org", "default"), ("also", "default"), ("xwww.example.org", "wild"),
            (".example.org", "default"), ("192.0.2.2", "default"),
        ]
        with httpd(text) as d:
            got = [(host, ask(d, host=host, protocol=protocol)["location"].split("/")[-1]) for host, _ in table
                   if host != ".example.org"]
        equal(got, [x for x in table if x[0] != ".example.org"])


@test("without a default host the first one answers")
def _():
    with httpd(files("one", title="a") + files("two", title="b")) as d:
        equal([ask(d, host=h).body for h in ("a", "b", "c")], [b"one", b"two", b"one"])


@test("locations: the longest prefix, in whole segments, decoded")
def _():
    places = ["/", "/a", "/a/b", "/with space/%41"]
    text = 'host "*" {\n' + "".join(f'location "{p}" {{ redirect {{ to = "/{i}" }} }}\n' for i, p in enumerate(places)) + "}\n"
    table = [
        ("/", 0), ("/x", 0), ("/a", 1), ("/a/", 1), ("/a/x", 1), ("/ab", 0), ("/a/b", 2), ("/a/b/c", 2), ("/a/bc", 1),
        ("/%61/%62", 2), ("/x/../a/b", 2), ("/a//b", 2), ("/a/./b", 2), ("/a/b/../c", 1), ("/with%20space/A/x", 3), ("/A", 0),
        ("/a?/b", 1),
    ]
    with httpd(text) as d:
        got = [(path, int(re.search(r"/(\d)", ask(d, path)["location"])[1])) for path, _ in table]
        equal(got, table)
        equal([ask(d, p).status for p in ("/%2f", "/..", "/%00", "/%zz")], [404, 400, 400, 400])
        r = ask(d, "*", method="OPTIONS")
        equal((r.status, r["allow"]), (204, "GET, HEAD, OPTIONS"))
    with httpd('host "*" { location "/only" { redirect { to = "/x" } } }') as d:
        equal([ask(d, p).status for p in ("/", "/only", "/onl")], [404, 302, 404])


@test("access: the innermost section holds, the most specific network decides")
def _():
    def text(everywhere, host, location):
        return everywhere + f'host "*" {{ root = "{ROOTS["one"]}" {host} location "/" {{ files {{ }} {location} }} }}'
    allow, deny = 'access { allow = {"127.0.0.0/8"} }', 'access { deny = {"all"} }'
    exception = 'access { deny = {"all", "127.0.0.0/8"} allow = {"127.0.0.1"} }'
    for parts, status in [(("", "", ""), 200), ((deny, "", ""), 403), ((deny, allow, ""), 200), ((deny, allow, deny), 403),
                          ((allow, deny, exception), 200), ((deny, "", "access { }"), 200),
                          (("", "", 'access { allow = {"::1"} }'), 403)]:
        with httpd(text(*parts)) as d:
            equal(ask(d).status, status, f"{parts}")


def crypt(password, setting):
    for name in ("libcrypt.so.1", "libcrypt.so.2"):
        try:
            library = ctypes.CDLL(name)
            break
        except OSError:
            continue
    library.crypt.restype = ctypes.c_char_p
    return library.crypt(password.encode(), setting.encode()).decode()


def basic(user, password):
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def passwords():
    return put("passwords", "# test\n" + "".join(f"{u}:{crypt(p, s)}\n" for u, p, s in [
        ("yes", "geheim", "$y$j9T$abcdefgh"), ("sha", "secret:with colon", "$6$abcdefgh"), ("blow", "\u00a3", "$2y$05$abcdefghijklmnopqrstuu"),
    ]))


@test("auth: yescrypt, SHA-512, bcrypt; who fails is asked again")
def _():
    text = files(inside=f'auth {{ realm = "a \\"b\\"" file = "{passwords()}" }}')
    with httpd(text) as d:
        r = ask(d)
        equal((r.status, r["www-authenticate"]), (401, 'Basic realm="a \\"b\\"", charset="UTF-8"'))
        table = [
            ("yes", "geheim", 200), ("sha", "secret:with colon", 200), ("blow", "\u00a3", 200), ("yes", "geheim", 200),
            ("yes", "Geheim", 401), ("yes", "", 401), ("yes", "geheimx", 401), ("sha", "geheim", 401), ("nobody", "geheim", 401),
            ("", "", 401), ("yes", "geheim", 200),
        ]
        equal([(u, p, ask(d, fields=basic(u, p)).status) for u, p, _ in table], table)
        for value in ("Basic", "Basic x", "Bearer x", "Digest username=yes", "Basic ====", "Basic " + "x" * 4000):
            equal(ask(d, fields={"Authorization": value}).status, 401, value)
        # The rest of the connection is no different.
        c = http.client.HTTPConnection("localhost")
        c.sock = d.connect()
        for headers, status in [({}, 401), (basic("yes", "geheim"), 200), ({}, 401), (basic("yes", "x"), 401)] * 3:
            c.request("GET", "/", headers=headers)
            equal(Answer(c.getresponse()).status, status)
        c.close()
        assert d.has("wrong name or password for 'nobody'")


@test("auth: some users, and a location without")
def _():
    path = passwords()
    text = f"""host "*" {{
        root = "{ROOTS["one"]}"
        auth {{ realm = "r" file = "{path}" users = {{"yes"}} }}
        location "/" {{ files {{ }} }}
        location "/a" {{ auth {{ enabled = false }} files {{ root = "{ROOTS["one"]}/a" }} }}
    }}"""
    with httpd(text) as d:
        equal([ask(d, fields=basic(*who)).status for who in [("yes", "geheim"), ("sha", "secret:with colon")]], [200, 401])
        equal([ask(d, p).status for p in ("/", "/a/b/c.txt", "/ab/x.txt")], [401, 200, 401])


@test("auth: others are served while hashes are computed, who gives up costs nothing, unknown users cost the same")
def _():
    slow = crypt("geheim", "$6$rounds=400000$abcdefgh")
    path = put("slow-passwords", f"slow:{slow}\n")
    text = f"""host "*" {{ root = "{ROOTS["one"]}" location "/" {{ files {{ }} }}
        location "/a" {{ files {{ root = "{ROOTS["one"]}/a" }} auth {{ file = "{path}" }} }} }}"""

    def took(user, password, status):
        start = time.monotonic()
        equal(ask(d, "/a/b/c.txt", fields=basic(user, password)).status, status)
        return time.monotonic() - start

    with httpd(text) as d:
        wrong = min(took("slow", f"x{i}", 401) for i in range(3))
        unknown = min(took("nobody", f"x{i}", 401) for i in range(3))
        good = took("slow", "geheim", 200)
        cached = min(took("slow", "geheim", 200) for i in range(3))
        assert 0.5 < unknown / wrong < 2, (unknown, wrong)
        assert cached < good / 4, (cached, good)
        socks = []
        for i in range(100):
            s = d.connect()
            s.sendall(b"GET /a/b/c.txt HTTP/1.1\r\nHost: x\r\nAuthorization: " +
                      basic("slow", f"y{i}")["Authorization"].encode() + b"\r\n\r\n")
            socks.append(s)
        start = time.monotonic()
        equal(ask(d).status, 200)
        assert time.monotonic() - start < 10 * wrong, "waited for the hashes of others"
        # The table of checks is bounded.
        overloaded = [s for s in socks if _reply(s, 0.5) == 503]
        assert overloaded, "nobody was turned away"
        for s in socks:
            s.close()
        equal(ask(d).status, 200)
        equal(d.end(), 0)


def _reply(s, patience):
    s.settimeout(patience if not _reply.waited else 0.01)
    try:
        data = s.recv(1000)
        return int(data.split()[1]) if data else 0
    except socket.timeout:
        _reply.waited = True
        return 0


_reply.waited = False


@test("rate: 429 with Retry-After, shared by workers and connections")
def _():
    with httpd("workers = 2\n" + files(inside="rate { per-second = 0.01 burst = 5 }")) as d:
        got = [ask(d) for _ in range(20)]
        equal(sorted(r.status for r in got), [200] * 5 + [429] * 15)
        refused = [r for r in got if r.status == 429]
        assert all(90 <= int(r["retry-after"]) <= 101 for r in refused), refused[0]["retry-after"]
    with httpd(files(inside="rate { per-second = 20.0 burst = 1 }")) as d:
        end = time.monotonic() + PATIENCE
        statuses = []
        while statuses.count(200) < 5 and time.monotonic() < end:
            statuses.append(ask(d).status)
        equal((statuses.count(200), set(statuses)), (5, {200, 429}))


@test("error pages: the host's own, of its type, for HEAD too; plain ones otherwise")
def _():
    text = f"""host "a" {{ root = "{ROOTS["one"]}" error-pages {{ 404 = "/errors/404.html" 403 = "/errors/secret.txt" }}
        location "/" {{ files {{ }} }} location "/no" {{ access {{ deny = {{"all"}} }} files {{ }} }} }}
        host "b" {{ root = "{ROOTS["two"]}" location "/" {{ files {{ }} }} }}"""
    with httpd(text) as d:
        r = ask(d, "/nothing", host="a")
        equal((r.status, r.body, r["content-type"]), (404, b"<h1>nothing of the kind</h1>", "text/html; charset=utf-8"))
        head = ask(d, "/nothing", host="a", method="HEAD")
        equal((head.status, head.body, head["content-length"]), (404, b"", r["content-length"]))
        r = ask(d, "/no", host="a")
        equal((r.status, r.body, r["content-type"].split(";")[0]), (403, b"no such secret", "text/plain"))
        r = ask(d, "/<script>", host="b")
        equal(r.status, 404)
        assert b"<h1>404 Not Found</h1>" in r.body and b"script" not in r.body, r.body


@test("headers: added in a location, to errors too")
def _():
    text = f"""headers {{ add = {{"X-Outer: 1"}} }}
        host "*" {{ root = "{ROOTS["one"]}" location "/" {{ files {{ }} }}
        location "/a" {{ headers {{ add = {{"X-Frame-Options: DENY", "X-Two:  2"}} }} files {{ root = "{ROOTS["one"]}/a" }} }} }}"""
    with httpd(text) as d:
        for path, status in [("/a/b/c.txt", 200), ("/a/nothing", 404)]:
            r = ask(d, path)
            equal((r.status, r["x-frame-options"], r["x-two"], r["x-outer"]), (status, "DENY", "2", None))
        equal(ask(d)["x-outer"], "1")


@test("status: Prometheus text that counts, for this machine alone")
def _():
    text = files() + 'host "s" { location "/status" { status { } } }\n'

    def value(name):
        r = ask(d, "/status", host="s")
        equal((r.status, r["content-type"]), (200, "text/plain; version=0.0.4; charset=utf-8"))
        for line in r.body.decode().splitlines():
            assert re.fullmatch(r'# (HELP|TYPE) .*|[a-z_]+(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})? -?\d+', line), line
        m = re.search(rf"^{re.escape(name)} (\d+)$", r.body.decode(), re.M)
        assert m, r.body
        return int(m[1])

    with httpd("workers = 2\n" + text) as d:
        gets, misses = 'linnet_http_requests_total{version="1.1",method="GET"}', 'linnet_http_responses_total{code="4xx"}'
        before = value(gets), value(misses), value("linnet_http_content_sent_bytes_total")
        for _ in range(10):
            ask(d)
            ask(d, "/nothing")
        until(lambda: value(misses) == before[1] + 10, "the responses to be counted")
        assert value(gets) >= before[0] + 20
        assert value("linnet_http_content_sent_bytes_total") >= before[2] + 30
        equal(value("linnet_http_requests_active"), 1)
        equal([ask(d, "/status", host="s", method=m).status for m in ("POST", "PATCH")], [405, 405])
        equal(ask(d, "/status/x", host="s").status, 404)
    with httpd('access { allow = {"192.0.2.1"} }\n' + text) as d:
        equal(ask(d, "/status", host="s").status, 403)
    d = Daemon("linnet-httpd", "--metrics", "/m", ROOTS["one"])
    with d:
        equal((ask(d, "/m").status, ask(d).body), (200, b"one"))


def certificate(name, *more):
    path = os.path.join(FOLDER.name, name)
    if not os.path.exists(path):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                        "-subj", f"/CN={name}", "-addext", "subjectAltName=" + ",".join(f"DNS:{n}" for n in (name, *more)), "-keyout", path + ".key", "-out", path],
                       check=True, capture_output=True)
    return path


def tls(d, name, port, alpn=("h2", "http/1.1")):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if name:
        context.load_verify_locations(certificate(name))
    else:       # no name in the handshake, nothing checked
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(alpn)
    s = socket.create_connection(("127.0.0.1", port), PATIENCE)
    return context.wrap_socket(s, server_hostname=name)


def ports(d):
    return [int(re.search(r":(\d+) \(tcp\)", line)[1]) for line in d.lines if re.search(r"listening on .*\(tcp\)", line)]


@test("TLS: a host with another certificate than the handshake's is misdirected (421)")
def _():
    both, other = certificate("a.example", "www.a.example"), certificate("b.example")
    sections = "".join(f'certificate {{ file = "{c}" key = "{c}.key" }} ' for c in (both, other))
    hosts = files("one", title="a.example") + files("two", title="b.example") + files("three")
    with httpd(hosts, listen=f'listen "127.0.0.1:0" {{ {sections} }}\n') as d:
        port, = ports(d)
        # Whose handshake, for which host, what it gets; "c.example" is nobody's, so the first's
        for name, host, expected in (
                ("a.example", "a.example", 200), ("a.example", "A.example.:99", 200), ("b.example", "b.example", 200),
                ("a.example", "www.a.example", 200), ("a.example", "c.example", 200), ("a.example", "b.example", 421),
                ("b.example", "a.example", 421), ("b.example", "c.example", 421), ("b.example", "[::1]", 421),
                (None, "b.example", 200)):
            with tls(d, name, port, ("http/1.1",)) as t:
                for _ in range(2):      # the connection goes on
                    t.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
                    r = http.client.HTTPResponse(t)
                    r.begin()
                    r.read()
                    equal(r.status, expected, f"{host} on a connection to {name}")
            if not name or not shutil.which("curl"):
                continue
            out = subprocess.run(["curl", "-ks", "--http2", "--resolve", f"{name}:{port}:127.0.0.1", "-H", f"Host: {host}",
                                  "-w", "%{http_code} %{http_version}", "-o", "/dev/null", f"https://{name}:{port}/"],
                                 capture_output=True, check=True, text=True, timeout=PATIENCE).stdout
            equal(out, f"{expected} 2", f"{host} on a connection to {name}")
    # One certificate for all hosts: clients may put them on one connection (RFC 9113, 9.1.1)
    with httpd(hosts, listen=f'listen "127.0.0.1:0" {{ certificate {{ file = "{both}" key = "{both}.key" }} }}\n') as d, \
            tls(d, "a.example", ports(d)[0], ("http/1.1",)) as t:
        t.sendall(b"GET / HTTP/1.1\r\nHost: b.example\r\nConnection: close\r\n\r\n")
        r = http.client.HTTPResponse(t)
        r.begin()
        equal((r.status, r.read()), (200, b"two"))


@test("TLS: certificates by name, ALPN as http2 says, hosts with TLS only")
def _():
    a, b = certificate("a.example"), certificate("b.example")
    sections = "".join(f'certificate {{ file = "{c}" key = "{c}.key" }} ' for c in (a, b))
    with httpd(f'host "a.example" {{ tls-only = true root = "{ROOTS["one"]}" location "/" {{ files {{ }} }} }}\n' +
               files("two", title="b.example"),
               listen=f'listen "127.0.0.1:0" {{ }}\nlisten "127.0.0.2:0" {{ {sections} http2 = false }}\n'
                      f'listen "127.0.0.3:0" {{ {sections} }}\n') as d:
        found = {}
        for line in d.lines:
            m = re.search(r"listening on 127\.0\.0\.(\d):(\d+) \(tcp\)", line)
            if m:
                found[int(m[1])] = int(m[2])
        for name, body in (("a.example", b"one"), ("b.example", b"two")):
            context = ssl.create_default_context(cafile=certificate(name))
            context.set_alpn_protocols(["h2", "http/1.1"])
            with socket.create_connection(("127.0.0.2", found[2]), PATIENCE) as s, \
                    context.wrap_socket(s, server_hostname=name) as t:
                equal(t.selected_alpn_protocol(), "http/1.1")
                t.sendall(f"GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
                r = http.client.HTTPResponse(t)
                r.begin()
                equal(r.read(), body)
            with socket.create_connection(("127.0.0.3", found[3]), PATIENCE) as s, \
                    context.wrap_socket(s, server_hostname=name) as t:
                equal(t.selected_alpn_protocol(), "h2")
        with socket.create_connection(("127.0.0.1", found[1]), PATIENCE) as s:
            s.sendall(b"GET /x?y HTTP/1.1\r\nHost: a.example:99\r\nConnection: close\r\n\r\n")
            r = http.client.HTTPResponse(s)
            r.begin()
            equal((r.status, re.sub(r":\d+", "", r.getheader("location"))), (308, "https://a.example/x?y"))


LINE = re.compile(r'(\S+) - (\S+) \[(\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] "((?:[^"\\]|\\.)*)" (\d+) (\d+|-) '
                  r'"((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*)" (tcp|linnet) (\S+) (h1|h2) (\d+)')


def lines(path):
    with open(path, encoding="ascii") as f:
        return f.read().splitlines()


for TRANSPORT, PROTOCOL in transports():
    @test(f"access log: combined, with transport, TLS, version and time ({TRANSPORT})")
    def _(protocol=PROTOCOL, transport=TRANSPORT):
        need(protocol)
        log = put("access.log", "")
        with httpd(f'access-log = "{log}"\n' + files(inside=f'auth {{ file = "{passwords()}" }}')) as d:
            fields = {"User-Agent": 'a"b\\c\u00ff', "Referer": "http://x/"}
            ask(d, fields={**fields, **basic("yes", "geheim")}, protocol=protocol)
            ask(d, "/%22x", protocol=protocol)
            with d.connect(protocol) as s:
                s.sendall(b"GET /\x1b[2J\xff\" HTTP/1.1\r\n\r\n")
                assert s.recv(100)
            until(lambda: len(lines(log)) == 3, "three lines")
            got = [LINE.fullmatch(x) for x in lines(log)]
            assert all(got), lines(log)
            equal([m.group(1, 2, 4, 5, 7, 8, 9, 10, 11) for m in got], [
                ("127.0.0.1", "yes", "GET / HTTP/1.1", "200", "http://x/", 'a\\"b\\\\c\\xff', transport, "-", "h1"),
                ("127.0.0.1", "-", "GET /%22x HTTP/1.1", "401", "-", "-", transport, "-", "h1"),
                ("127.0.0.1", "-", 'GET /\\x1b[2J\\xff\\" HTTP/1.1', "400", "-", "-", transport, "-", "h1"),
            ])
            equal(got[0][6], "3")
            assert 0 < int(got[0][12]) < PATIENCE * 1e6
            equal(time.strftime("%d/%b/%Y", time.localtime()), got[0][3][:11])


@test("SIGUSR1: the access log is opened again, no line is lost")
def _():
    log = os.path.join(FOLDER.name, "rotated.log")
    with httpd(f'workers = 2\naccess-log = "{log}"\n' + files()) as d:
        ask(d, "/?before")
        until(lambda: lines(log), "a line")
        os.rename(log, log + ".1")
        d.process.send_signal(signal.SIGUSR1)
        until(lambda: os.path.exists(log), "the new file")
        n = 0

        def arrived():
            nonlocal n
            n += 1
            ask(d, "/?after")
            return lines(log)
        until(arrived, "a line in the new file")
        until(lambda: len(lines(log)) + len(lines(log + ".1")) == n + 1, "all lines")


class Load(threading.Thread):
    """Clients that keep connections and ask until they are told to stop; every request must be answered."""

    def __init__(self, port, body):
        super().__init__(daemon=True)
        self.port, self.bodies = port, body
        self.ended, self.requests, self.reconnects, self.wrong = False, 0, 0, []

    def run(self):
        while not self.ended:
            try:
                self.connection()
            except OSError as e:
                self.wrong.append(repr(e))
                return

    def connection(self):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        c.connect()
        self.reconnects += 1
        fresh = True
        while not self.ended:
            try:
                c.request("GET", "/")
                r = c.getresponse()
                body = r.read()
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError) as e:
                # An idle connection may be ended under a request (RFC 9112, 9.5: the client asks again on a new
                # one), but a new one may not.
                if fresh:
                    self.wrong.append(f"new connection: {e!r}")
                return
            self.requests += 1
            fresh = False
            if r.status != 200 or body not in self.bodies:
                self.wrong.append((r.status, body))
            if r.will_close:
                return


@test("SIGHUP under load: ten reloads, the same port, no request lost")
def _():
    with httpd("workers = 2\n" + files("one")) as d:
        port = ports(d)[0]
        load = [Load(port, (b"one", b"two")) for _ in range(8)]
        for t in load:
            t.start()
        for i in range(10):
            new = ("two", "one")[i % 2]
            configuration(LISTEN + "workers = 2\n" + files(new))
            seen = sum(t.requests for t in load)
            d.process.send_signal(signal.SIGHUP)

            def taken_over():
                try:
                    return ask(d).body == new.encode()
                except ConnectionResetError:
                    return False
            until(taken_over, f"reload {i}")
            until(lambda: sum(t.requests for t in load) > seen + 100 or any(t.wrong for t in load), "requests to go on")
        for t in load:
            t.ended = True
        for t in load:
            t.join(PATIENCE)
        equal([t.wrong for t in load], [[]] * len(load))
        assert sum(t.reconnects for t in load) > 10, "connections never moved"
        equal(d.end(), 0)


@test("SIGHUP with a bad file: an error line, and all stays")
def _():
    with httpd(files("one")) as d:
        for text, pattern in [("nonsense\n", "no such option 'nonsense'"), (files().replace(ROOTS["one"], "/nowhere"), "No such file"),
                              (LISTEN + files(inside='auth { file = "/nowhere" }'), "/nowhere")]:
            configuration(text)
            n = len(d.lines)
            d.process.send_signal(signal.SIGHUP)
            until(lambda: any(re.search(pattern, x) for x in d.lines[n:]), "the error line")
            equal(ask(d).body, b"one")
        configuration(LISTEN + files("two"))
        d.process.send_signal(signal.SIGHUP)
        until(lambda: ask(d).body == b"two", "the good file")
        equal(d.end(), 0)


@test("SIGHUP: new passwords, new listeners")
def _():
    path = put("changing", f"a:{crypt('old', '$6$abcdefgh')}\n")
    text = files(inside=f'auth {{ file = "{path}" }}')
    with httpd(text) as d:
        equal(ask(d, fields=basic("a", "old")).status, 200)
        put("changing", f"a:{crypt('new', '$6$abcdefgh')}\n")
        configuration(LISTEN + 'listen "127.0.0.2:0" { }\n' + text)
        d.process.send_signal(signal.SIGHUP)
        until(lambda: d.has(r"listening on 127\.0\.0\.2"), "the second listener")
        until(lambda: ask(d, fields=basic("a", "new")).status == 200, "the new password")
        equal(ask(d, fields=basic("a", "old")).status, 401)


@test("SIGTERM drains: a long response is finished, the rest ends, exit status 0")
def _():
    big = os.urandom(8 << 20)
    with open(os.path.join(ROOTS["three"], "big"), "wb") as f:
        f.write(big)
    with httpd("workers = 2\n" + files("three")) as d:
        idle, busy = d.connect(), d.connect()
        busy.sendall(b"GET /big HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        data = busy.recv(1000)
        d.process.send_signal(signal.SIGTERM)
        equal(idle.recv(1), b"")
        while True:
            piece = busy.recv(1 << 20)
            if not piece:
                break
            data += piece
        equal(data.split(b"\r\n\r\n", 1)[1] == big, True)
        equal(d.ended(), 0)


@test("push: promised with the location's page alone, over h2")
def _():
    put("one/style.css", "a{}")
    text = files(inside='push = {"/style.css"}')
    try:
        with httpd(text) as d:
            def pushed(path):
                out = subprocess.run(["nghttp", "-nv", f"http://127.0.0.1:{ports(d)[0]}{path}"], capture_output=True, text=True,
                                     timeout=PATIENCE, check=True).stdout
                return "PUSH_PROMISE" in out and "/style.css" in out
            equal((pushed("/"), pushed("/a/b/c.txt")), (True, False))
    except FileNotFoundError:
        raise Skip("nghttp is not installed") from None


if __name__ == "__main__":
    main()
