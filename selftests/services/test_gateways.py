#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""linnet-httpd's gateways: CGI, and how all of them are configured."""
import contextlib
import os
import re
import signal
import socket
import subprocess
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../userspace"))
# pylint: disable=wrong-import-position
from backends import (Answer, ask, cgi, children, chunks, FOLDER, gone, httpd, MARK, programs,
                      spawner, through_slow_client)
from harness import equal, IPPROTO_LINNET, main, MODULE, program, receive_all, Skip, test, until


@test("CGI: the meta-variables of RFC 3875")
def variables():
    with cgi(host='root = "/srv"') as d:
        a = ask(d, "/cgi/env.cgi/a%20b/c?x=%20y", "Cookie: a=1", "Cookie: b=2", "X-Many: 1",
                "X-Many: 2", "Proxy: http://evil.example/", "X_Under: 1", "Keep-Alive: 5",
                "Authorization: Basic eDp5", "Content-Type: text/x", "TE: trailers",
                method="POST", body=b"abc").json
        env = a["env"]
        expected = {
            "GATEWAY_INTERFACE": "CGI/1.1", "SERVER_PROTOCOL": "HTTP/1.1", "SERVER_NAME": "localhost",
            "SERVER_PORT": str(d.port("tcp")), "REQUEST_METHOD": "POST", "QUERY_STRING": "x=%20y",
            "REQUEST_URI": "/cgi/env.cgi/a%20b/c?x=%20y", "SCRIPT_NAME": "/cgi/env.cgi",
            "PATH_INFO": "/a b/c", "PATH_TRANSLATED": "/srv/a b/c", "DOCUMENT_ROOT": "/srv",
            "SCRIPT_FILENAME": programs() + "/env.cgi", "REMOTE_ADDR": "127.0.0.1",
            "CONTENT_LENGTH": "3", "CONTENT_TYPE": "text/x", "HTTP_COOKIE": "a=1; b=2",
            "HTTP_X_MANY": "1, 2", "HTTP_HOST": "localhost", "LINNET_TRANSPORT": "tcp", "MARK": MARK,
            "REQUEST_SCHEME": "http",
        }
        for name, value in expected.items():
            equal(env.get(name), value, name)
        for name in ("HTTP_PROXY", "HTTP_X_UNDER", "HTTP_AUTHORIZATION", "HTTP_KEEP_ALIVE", "HTTP_TE",
                     "HTTP_CONTENT_LENGTH", "HTTP_CONTENT_TYPE", "HTTP_CONNECTION", "AUTH_TYPE", "HTTPS"):
            assert name not in env, name
        assert env["REMOTE_PORT"].isdigit() and env["SERVER_SOFTWARE"]
        equal(a["body"], "abc", "stdin")
        equal(a["cwd"], programs(), "the working folder is the program's")
        # 0, 1, 2, and the one that lists them
        equal(len(a["fds"]), 4, f"descriptors {a['fds']}")


@test("CGI: no content is no CONTENT_LENGTH; an empty query is there")
def empty():
    with cgi() as d:
        env = ask(d, "/cgi/env.cgi").json["env"]
        assert "CONTENT_LENGTH" not in env
        equal((env["QUERY_STRING"], env["PATH_INFO"], env.get("PATH_TRANSLATED")), ("", "", None))


@test("CGI: over protocol 253 LINNET_TRANSPORT says so")
def transport():
    if not MODULE:
        raise Skip("the module is not loaded")
    with cgi() as d:
        equal(ask(d, "/cgi/env.cgi", protocol=IPPROTO_LINNET).json["env"]["LINNET_TRANSPORT"], "linnet")


@test("CGI: user, and Authorization only when asked for")
def authorization():
    with cgi("authorization = true") as d:
        equal(ask(d, "/cgi/env.cgi", "Authorization: X y").json["env"]["HTTP_AUTHORIZATION"], "X y")
    password = subprocess.run(["openssl", "passwd", "-6", "-salt", "abcdefgh", "p"], text=True,
                              capture_output=True, check=True).stdout.strip()
    file = os.path.join(FOLDER.name, "passwords")
    with open(file, "w", encoding="ascii") as f:
        f.write(f"u:{password}\n")
    auth = f'auth {{ realm = "r" file = "{file}" }}'
    with httpd({"/cgi": f'{auth} cgi {{ folder = "{programs()}" authorization = true }}'}) as d:
        env = ask(d, "/cgi/env.cgi", "Authorization: Basic dTpw").json["env"]
        equal((env["AUTH_TYPE"], env["REMOTE_USER"], env.get("HTTP_AUTHORIZATION")), ("Basic", "u", None))


@test("CGI: which file, and 403, 404, 500")
def resolution():
    with cgi() as d:
        env = ask(d, "/cgi/sub/deep.cgi/x/").json["env"]
        equal((env["SCRIPT_NAME"], env["PATH_INFO"]), ("/cgi/sub/deep.cgi", "/x/"))
        equal(ask(d, "/cgi/sub/deep.cgi").json["cwd"], programs() + "/sub")
        equal(ask(d, "/cgi/inside.cgi").status, 200, "a link within")
        for target, status in (("/cgi/none.cgi", 404), ("/cgi/", 404), ("/cgi", 404), ("/cgi/sub", 404),
                               ("/cgi/sub/none", 404), ("/cgi/.hidden.cgi", 404),
                               ("/cgi/plain.txt", 403), ("/cgi/plain.txt/x", 403),
                               ("/cgi/outside.cgi", 403), ("/cgi/fifo.cgi", 403),
                               ("/cgi/broken.cgi", 500)):
            equal(ask(d, target).status, status, target)
        equal(ask(d, "/cgi/..%2f..%2fbin/true").status // 100, 4, "out of the folder")


@test("CGI: responses of all kinds")
def responses():
    with cgi() as d:
        def shell(query, **more):
            return ask(d, f"/cgi/shell.cgi/p?{query}", **more)

        a = shell("status")
        equal((a.status, a.text, a["status"]), (404, "nothing", None))
        equal(shell("local").text, "plain /other", "local redirect")
        equal(shell("local", method="POST", body=b"x" * 100000).text, "plain /other", "after content")
        equal(shell("loop").status, 500, "endless local redirect")
        a = shell("client")
        equal((a.status, a["location"]), (302, "http://elsewhere.example/"))
        a = shell("found")
        equal((a.status, a["location"]), (303, "/there"), "a path with Status")
        a = shell("nph")
        equal((a.status, a.text, a.complete), (201, "made", True), "a status line")
        a = shell("length")
        equal((a.text, a["content-length"], a.complete), ("12345", "5", True), "no more than said")
        assert not shell("short").complete, "cut off when too short"
        a = shell("nocontent")
        equal((a.status, a.body, a["transfer-encoding"]), (204, b"", None))
        a = shell("plain", method="HEAD")
        equal((a.status, a.body), (200, b""), "HEAD")
        equal(shell("noread", method="POST", body=b"x" * 1000000).text, "not read")
        for query in ("none", "garbage", "folded", "blank", "twice", "huge", "exit", "signal"):
            equal(shell(query).status, 502, query)
    


@test("CGI: stderr goes to the log by lines and cannot forge any")
def stderr():
    with cgi() as d:
        equal(ask(d, "/cgi/shell.cgi/%0aforged?stderr").text, "ok")
        until(lambda: d.has("stderr: httpd: forged"), "the last line")
        assert d.has(r"stderr: one$") and d.has(r"stderr: t\\x01wo$"), d.lines[-5:]
        assert not any(line.startswith(("forged", "httpd: forged")) for line in d.lines)


@test("CGI: chunked content has a CONTENT_LENGTH, from memory and from a file")
def spooled():
    with cgi('spool = "/tmp" spool-memory = "4k" max-content = "2m"') as d:
        a = ask(d, "/cgi/env.cgi", "Transfer-Encoding: chunked", method="POST",
                body=chunks(b"abc", b"de")).json
        equal((a["env"]["CONTENT_LENGTH"], a["body"]), ("5", "abcde"))
        piece = bytes(range(256)) * 1000
        a = ask(d, "/cgi/env.cgi", "Transfer-Encoding: chunked", method="POST",
                body=chunks(piece, piece, piece)).json
        equal(a["env"]["CONTENT_LENGTH"], str(3 * len(piece)))
        assert a["body"].encode("latin-1") == piece * 3, "content of the file"
        equal(ask(d, "/cgi/env.cgi", "Transfer-Encoding: chunked", method="POST",
                  body=chunks(b"x" * 3000000)).status, 413)
        equal(ask(d, "/cgi/env.cgi", method="POST", body=b"x" * 3000000).status, 413)


@test("CGI: forms of both kinds, parsed by the server")
def forms():
    with cgi('forms = true spool = "/tmp"') as d:
        a = ask(d, "/cgi/form.cgi", "Content-Type: application/x-www-form-urlencoded", method="POST",
                body=b"name=J%C3%BCrgen&a=1&a=2").json
        equal((a["env"]["FORM_name"], a["env"]["FORM_a"], a["env"]["CONTENT_LENGTH"], a["body"]),
              ("J\u00fcrgen", "1", "0", ""))
        equal([(i["name"], i["value"]) for i in a["form"]["items"]],
              [("name", "J\u00fcrgen"), ("a", "1"), ("a", "2")])
        data = bytes(range(256)) * 2000
        multipart = (b'--b\r\nContent-Disposition: form-data; name="t"\r\n\r\nvalue\r\n'
                     b'--b\r\nContent-Disposition: form-data; name="f"; filename="x.bin"\r\n'
                     b'Content-Type: application/octet-stream\r\n\r\n' + data + b'\r\n--b--\r\n')
        for fields, body in (((), multipart), (("Transfer-Encoding: chunked",), chunks(multipart))):
            a = ask(d, "/cgi/form.cgi", "Content-Type: multipart/form-data; boundary=b", *fields,
                    method="POST", body=body).json
            equal((a["env"]["FORM_t"], a["env"]["LINNET_FORM_FILES"]), ("value", "1"))
            equal(a["files"], [data.decode("latin-1")], "the file")
        equal(ask(d, "/cgi/form.cgi", "Content-Type: multipart/form-data; boundary=b", method="POST",
                  body=b"--b\r\nno form").status, 400)
        equal(ask(d, "/cgi/env.cgi", "Content-Type: text/plain", method="POST", body=b"x=1").json["body"],
              "x=1", "what is no form")


@test("CGI: 32 MB up, with 100-continue")
def upload():
    with cgi('max-content = "64m"') as d, d.connect() as s:
        size = 32 << 20
        s.sendall(b"POST /cgi/shell.cgi?count HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                  b"Connection: close\r\nContent-Length: %d\r\n\r\n" % size)
        equal(s.recv(25, socket.MSG_WAITALL), b"HTTP/1.1 100 Continue\r\n\r\n")
        for _ in range(32):
            s.sendall(bytes(1 << 20))
        equal(int(Answer(receive_all(s)).text), size)


def processes_of(s):
    """Reads a response's begin, whose content is two process ids."""
    data = b""
    while not re.search(rb"\r\n\d+ \d+\n", data):
        piece = s.recv(4096)
        assert piece, data
        data += piece
    return [int(word) for word in re.search(rb"\r\n(\d+) (\d+)\n", data).groups()]


@test("CGI: a client that leaves takes the program and its children along")
def client_leaves():
    for query in ("sleep", "stubborn"):
        with cgi('kill-timeout = "200ms"') as d:
            with d.connect() as s:
                s.sendall(f"GET /cgi/shell.cgi?{query} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                pids = processes_of(s)
                assert not any(gone(pid) for pid in pids)
            for pid in pids:
                until(lambda pid=pid: gone(pid), f"{query} to end")


@test("CGI: time-outs: 504 before the header, cut off after it, and the program is killed")
def timeouts():
    with cgi('response-timeout = "300ms" idle-timeout = "300ms" kill-timeout = "100ms"') as d:
        equal(ask(d, "/cgi/shell.cgi?slow").status, 504)
        a = ask(d, "/cgi/shell.cgi?sleep")
        equal((a.status, a.complete), (200, False))
        for pid in a.text.split():
            until(lambda pid=pid: gone(int(pid)), "the program to end")
        until(lambda: not children(spawner(d)), "all programs to end")


@test("CGI: programs at once are bounded: 503 with Retry-After")
def bounded():
    with cgi("max-processes = 2") as d, contextlib.ExitStack() as stack:
        for _ in range(2):
            s = stack.enter_context(d.connect())
            s.sendall(b"GET /cgi/shell.cgi?sleep HTTP/1.1\r\nHost: x\r\n\r\n")
            processes_of(s)
        a = ask(d, "/cgi/shell.cgi?plain")
        equal((a.status, bool(a["retry-after"])), (503, True))
        stack.close()
        until(lambda: ask(d, "/cgi/shell.cgi?plain").status == 200, "room again")


@test("CGI: a program that closes its output may go on")
def detached():
    with cgi('kill-timeout = "100ms"') as d:
        equal(ask(d, "/cgi/shell.cgi?orphan").text, "detached")
        with open(MARK + ".go", "w", encoding="ascii"):
            until(lambda: os.path.exists(MARK), "what it does afterwards")
        os.unlink(MARK)
        os.unlink(MARK + ".go")


@test("CGI: resource limits")
def limits():
    with cgi('limit-cpu = 7 limit-memory = "1g"') as d:
        equal(ask(d, "/cgi/shell.cgi?limits").text, f"7 {1 << 20}")


@test("CGI: the spawner that is killed is replaced; requests under way get 502")
def spawner_killed():
    with cgi() as d:
        ask(d, "/cgi/shell.cgi?plain")
        with d.connect() as s:
            s.sendall(b"GET /cgi/shell.cgi?sleep HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            pids = processes_of(s)
            old = spawner(d)
            os.kill(old, signal.SIGKILL)
            for pid in pids[:1]:
                until(lambda pid=pid: gone(pid), "the program to end with the spawner")
        until(lambda: d.has("the spawner .* ended by signal 9"), "the log")
        equal(ask(d, "/cgi/shell.cgi?plain").status, 200)
        assert spawner(d) != old
        # At once again: after a while
        os.kill(spawner(d), signal.SIGKILL)
        equal(ask(d, "/cgi/shell.cgi?plain").status, 200)


@test("CGI: nothing stays behind: reload, SIGTERM, kill -9 of the master")
def nothing_stays():
    with cgi() as d:
        first = spawner(d)
        d.process.send_signal(signal.SIGHUP)
        until(lambda: gone(first), "the old spawner to end")
        equal(ask(d, "/cgi/shell.cgi?plain").status, 200)
        second = spawner(d)
        equal(d.end(), 0)
        until(lambda: gone(second), "the spawner to end after SIGTERM")
    with cgi() as d, d.connect() as s:
        s.sendall(b"GET /cgi/shell.cgi?sleep HTTP/1.1\r\nHost: x\r\n\r\n")
        pids = processes_of(s) + [spawner(d)]
        d.process.kill()
        d.process.wait()
        for pid in pids:
            until(lambda pid=pid: gone(pid), "all to end with the master")


@test("CGI: 100 MB to a slow client in bounded memory")
def slow_client():
    with cgi() as d:
        through_slow_client(d, "/cgi/shell.cgi?zeros")


@test("configuration: errors say what is wrong and what is allowed")
def configuration():
    for section, why in (
            ('proxy { }', "address is missing"), ('proxy { address = "x" }', 'address "x": "HOST:PORT"'),
            ('proxy { address = "127.0.0.1:0" }', "HOST:PORT"), ('proxy { address = "::1:80" }', "HOST:PORT"),
            ('proxy { address = "unix:x" }', "absolute"), ('proxy { address = "nowhere.invalid:1" }', "nowhere.invalid"),
            ('proxy { address = "127.0.0.1:1" path = "x" }', "slash"),
            ('proxy { address = "127.0.0.1:1" max-header = "1" }', "512 to 64k"),
            ('proxy { address = "127.0.0.1:1" keep-alive = 5000 }', "0 to 1024"),
            ('cgi { }', "folder is missing"), ('cgi { folder = "/nowhere" }', "No such file"),
            ('cgi { folder = "/tmp" max-processes = 0 }', "1 to 4096"),
            ('scgi { address = "127.0.0.1:1" env = "x" }', "NAME=VALUE")):
        path = os.path.join(FOLDER.name, "wrong.conf")
        with open(path, "w", encoding="ascii") as f:
            f.write(f'host "x" {{\n location "/" {{\n {section}\n }}\n}}\n')
        out = subprocess.run([program("linnet-httpd"), "--check", "-c", path], capture_output=True, text=True,
                             check=False)
        assert out.returncode and why in out.stderr and "wrong.conf:3" in out.stderr, f"{section}: {out}"


if __name__ == "__main__":
    main()
