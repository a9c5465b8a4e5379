#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""linnet-httpd: PUT and DELETE, and what is left when they are broken off."""
import ctypes
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import urllib.parse

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../userspace"))
# pylint: disable=wrong-import-position
from file_site import Connection, each_transport, noise, ROOT, Site
from harness import equal, main, PATIENCE, receive_all, Skip, temporary_folder, test, until


@test("PUT: new, replaced, chunked, empty, as big as is allowed; GET gives it back")
def put():
    site = Site('put = true upload-max = "4m"')
    site.write("old.txt", b"old")
    os.chmod(site.path("old.txt"), 0o640)
    os.makedirs(site.path("d"))
    with site:
        def check(transport, connection):
            def ask(*args, **kwargs):
                return site.ask(*args, connection=connection, **kwargs)
            for name, data in (("new.bin", noise(3000)), ("d/%25%20b", b"x"), ("empty", b""),
                               ("max.bin", noise(4 << 20))):
                path = urllib.parse.unquote(name)
                a = ask("PUT", f"/{name}", body=data, fields={"Content-Length": str(len(data))})
                equal((a.status, a.body), (201, b""), f"{transport} {name}")
                equal(site.read(path) == data, True, name)
                g = ask("GET", f"/{name}")
                equal((g.body == data, g["ETag"], g["Last-Modified"]),
                      (True, a["ETag"], a["Last-Modified"]), name)
                os.unlink(site.path(path))
            pieces = [noise(1000, b"%d" % i) for i in range(50)]
            a = ask("PUT", "/chunked", body=iter(pieces), chunked=True,
                    fields={"Transfer-Encoding": "chunked"})
            equal((a.status, site.read("chunked") == b"".join(pieces)), (201, True), "chunked")
            os.unlink(site.path("chunked"))
        each_transport(site, check)
        a = site.ask("PUT", "/old.txt", body=b"new")
        equal((a.status, site.read("old.txt")), (204, b"new"))
        equal(stat.S_IMODE(os.stat(site.path("old.txt")).st_mode), 0o640, "rights stay")
        equal(site.names(), ["d", "old.txt"], "nothing else")


@test("PUT: refused, each for its reason, and nothing is left")
def put_refused():
    site = Site('put = true delete = true upload-max = "1000"')
    site.write("f.txt", b"old")
    os.makedirs(site.path("d"))
    os.symlink("f.txt", site.path("link"))
    os.symlink("/tmp", site.path("out"))
    big = b"x" * 1001
    with site:
        names = site.names()
        table = [
            ("/f.txt", {"Content-Range": "bytes 0-2/3"}, b"new", 400),
            ("/f.txt", {"Content-Encoding": "gzip"}, b"new", 415),
            ("/f.txt", {"Content-Encoding": "identity", "content-encoding": "gzip"}, b"new", 415),
            ("/f.txt", {}, big, 413),
            ("/d", {}, b"new", 409), ("/d/", {}, b"new", 409), ("/", {}, b"new", 409),
            ("/none/f.txt", {}, b"new", 409), ("/f.txt/x", {}, b"new", 409),
            ("/link", {}, b"new", 403), ("/out/x", {}, b"new", 403),
            ("/" + "x" * 256, {}, b"new", 414),
        ]
        for target, fields, body, status in table:
            connection = Connection(site.daemon)
            a = site.ask("PUT", target, fields, body, connection=connection)
            equal(a.status, status, f"{target[:20]} {fields}")
            connection.close()
        equal(site.ask("PUT", "/f.txt", {"Content-Encoding": "identity"}, b"new").status, 204)
        connection = Connection(site.daemon)
        a = site.ask("PUT", "/chunked", {"Transfer-Encoding": "chunked"}, iter([big[:600], big[:600]]),
                     connection=connection, chunked=True)
        equal(a.status, 413, "too much in chunks")
        s = site.daemon.connect()
        s.sendall(b"PUT /f2.txt HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        equal(receive_all(s)[:12], b"HTTP/1.1 411", "no length")
        equal(site.names(), names, "what is there")


@test("PUT: content is asked for only when it will be taken (100-continue)")
def expect():
    site = Site('put = true upload-max = "1000"')
    site.write("f.txt", b"old")
    with site:
        for target, fields, answer in (
                ("/new.txt", "", b"HTTP/1.1 100"), ("/d/", "", b"HTTP/1.1 409"),
                ("/new2.txt", "Content-Range: bytes 0-2/9\r\n", b"HTTP/1.1 400"),
                ("/f.txt", "If-None-Match: *\r\n", b"HTTP/1.1 412")):
            s = site.daemon.connect()
            s.sendall(f"PUT {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n"
                      f"{fields}Expect: 100-continue\r\n\r\n".encode())
            f = s.makefile("rb")
            equal(f.readline()[:12], answer, target)
            if answer.endswith(b"100"):
                equal(f.readline(), b"\r\n")
                equal(site.names(), ["f.txt"], "nothing to be seen yet")
                s.sendall(b"abc")
                equal(f.readline()[:12], b"HTTP/1.1 201")
                equal(site.read("new.txt"), b"abc")
            s.close()


@test("conditional PUT and DELETE")
def conditional_put():
    site = Site("put = true delete = true")
    site.write("f.txt", b"one")
    with site:
        tag = site.get("/f.txt")["ETag"]
        old = "Sun, 06 Nov 1994 08:49:37 GMT"
        for fields in ({"If-None-Match": "*"}, {"If-Match": '"x"'}, {"If-None-Match": tag},
                       {"If-Unmodified-Since": old}):
            equal(site.ask("PUT", "/f.txt", fields, b"two").status, 412, str(fields))
            equal(site.ask("DELETE", "/f.txt", fields).status, 412, str(fields))
        equal(site.ask("PUT", "/none.txt", {"If-Match": "*"}, b"x").status, 412)
        equal(site.names(), ["f.txt"])
        equal(site.read("f.txt"), b"one")
        a = site.ask("PUT", "/f.txt", {"If-Match": tag}, b"two")
        equal((a.status, site.read("f.txt")), (204, b"two"))
        equal(site.ask("PUT", "/f.txt", {"If-Match": tag}, b"three").status, 412, "an old tag")
        equal(site.ask("PUT", "/new.txt", {"If-None-Match": "*"}, b"x").status, 201)
        equal(site.ask("DELETE", "/f.txt", {"If-Match": tag}).status, 412)
        equal(site.ask("DELETE", "/f.txt", {"If-Match": a["ETag"]}).status, 204)
        equal(site.names(), ["new.txt"])


@test("of many that replace the same version at once, one does, over two workers")
def lost_update():
    site = Site("put = true", workers=2)
    site.write("f.txt", b"start")
    with site:
        for round_ in range(5):
            tag = site.get("/f.txt")["ETag"]
            results, barrier = [], threading.Barrier(16)

            def one(i, tag=tag, barrier=barrier, results=results, round_=round_):
                c = Connection(site.daemon)
                c.connect()
                barrier.wait(PATIENCE)
                a = site.ask("PUT", "/f.txt", {"If-Match": tag}, b"%d %d" % (round_, i), connection=c)
                results.append((a.status, i))
                c.close()
            threads = [threading.Thread(target=one, args=(i,)) for i in range(16)]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            winners = [i for status, i in results if status == 204]
            equal((len(winners), sorted(s for s, _ in results)), (1, [204] + 15 * [412]), "statuses")
            equal(site.read("f.txt"), b"%d %d" % (round_, winners[0]))
        results = []
        threads = [threading.Thread(target=lambda i=i: results.append(site.ask(
            "PUT", "/new.txt", {"If-None-Match": "*"}, b"x", connection=Connection(site.daemon)).status))
                   for i in range(16)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        equal(sorted(results), [201] + 15 * [412], "made once")


@test("DELETE")
def delete():
    site = Site("delete = true")
    site.write("d/f.txt", b"x")
    os.symlink("d/f.txt", site.path("link"))
    with site:
        for target, status in (("/none", 404), ("/d/none", 404), ("/no/f.txt", 404), ("/d", 409),
                               ("/d/", 409), ("/", 409), ("/link", 403)):
            equal(site.ask("DELETE", target).status, status, target)
        equal(site.names(), ["d", "d/f.txt", "link"])
        equal(site.get("/d/f.txt").status, 200)
        equal(site.ask("DELETE", "/d/f.txt").status, 204)
        equal(site.get("/d/f.txt").status, 404)


def begin_upload(site, target, length, sent):
    s = site.daemon.connect()
    head = f"Content-Length: {length}" if length else "Transfer-Encoding: chunked"
    s.sendall(f"PUT {target} HTTP/1.1\r\nHost: localhost\r\n{head}\r\nExpect: 100-continue\r\n\r\n".encode())
    equal(s.recv(12), b"HTTP/1.1 100", "asked for")
    s.sendall(sent)
    return s


def open_uploads(site):
    """How many files without a name the worker has open below the root."""
    folder = f"/proc/{site.worker()}/fd"
    count = 0
    for fd in os.listdir(folder):
        try:
            link = os.readlink(os.path.join(folder, fd))
            size = os.stat(os.path.join(folder, fd)).st_size
        except OSError:
            continue
        if link.startswith(site.root) and "(deleted)" in link and size:
            count += 1
    return count


@test("an upload that is broken off leaves nothing")
def aborted():
    site = Site("put = true")
    site.write("f.txt", b"old")
    with site:
        for length, data in ((1000000, b"x" * 500000), (None, b"ffff\r\n" + b"x" * 1000),
                             (None, b"3\r\nabc\r\nzz\r\n")):
            s = begin_upload(site, "/f.txt", length, data)
            if b"zz" not in data:
                until(lambda: open_uploads(site) == 1, "the upload to be under way")
                equal(site.names(), ["f.txt"], "while it is under way")
                equal(site.get("/f.txt").body, b"old", "while it is under way")
                s.shutdown(socket.SHUT_WR)
            answer = receive_all(s)
            equal(b"201" in answer or b"204" in answer, False, str(answer[:200]))
            s.close()
            until(lambda: open_uploads(site) == 0, "the upload to be gone")
            equal(site.names(), ["f.txt"])
            equal(site.read("f.txt"), b"old")


@test("kill -9 in the middle of an upload: nothing is left, the next worker serves")
def killed():
    site = Site("put = true")
    site.write("f.txt", b"old")
    with site:
        for _ in range(3):
            pid = site.worker()
            s = begin_upload(site, "/f.txt", 1000000, b"x" * 500000)
            until(lambda: open_uploads(site) == 1, "the upload to be under way")
            os.kill(pid, signal.SIGKILL)
            try:
                equal(receive_all(s).endswith(b"\r\n\r\n") or True, True)
            except ConnectionResetError:
                pass
            until(lambda old=pid: os.path.exists(f"/proc/{site.daemon.process.pid}") and
                  children(site) and site.worker() != old, "another worker")
            site.connection.close()
            until(lambda: answers(site), "it to serve")
            equal(site.names(), ["f.txt"])
            equal(site.read("f.txt"), b"old")
        equal(site.ask("PUT", "/f.txt", body=b"new").status, 204)


def children(site):
    with open(f"/proc/{site.daemon.process.pid}/task/{site.daemon.process.pid}/children",
              encoding="ascii") as f:
        return f.read().split()


def answers(site):
    try:
        return site.get("/f.txt").body == b"old"
    except OSError:
        site.connection.close()
        return False


def private_mounts():
    """Mounts of this process are its own from now on."""
    libc = ctypes.CDLL(None, use_errno=True)
    if not ROOT or libc.unshare(0x00020000):        # CLONE_NEWNS
        raise Skip("a small file system needs root and a mount name space")
    if subprocess.run(["mount", "--make-rprivate", "/"], check=False).returncode:
        raise Skip("mounts cannot be made private here")


@test("a full disk: 507, a line in the log, nothing half-written")
def full_disk():
    private_mounts()
    with temporary_folder() as folder:
        os.chmod(folder, 0o755)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder],
                          check=False).returncode:
            raise Skip("no tmpfs can be mounted here")
        try:
            site = Site("put = true", root=folder)
            site.write("f.txt", b"old")
            with site:
                c = Connection(site.daemon)
                a = site.ask("PUT", "/f.txt", body=b"x" * (2 << 20), connection=c)
                equal(a.status, 507, "more than there is room for")
                c.close()
                c = Connection(site.daemon)
                a = site.ask("PUT", "/f.txt", {"Transfer-Encoding": "chunked"},
                             iter([b"x" * 65536] * 32), connection=c, chunked=True)
                equal(a.status, 507, "full while it is written")
                c.close()
                equal(site.daemon.has(r"error: /f\.txt: No space left on device"), True, "log")
                equal(site.names(), ["f.txt"])
                equal(site.read("f.txt"), b"old")
                until(lambda: open_uploads(site) == 0, "the room to be given back")
                equal(site.ask("PUT", "/g.txt", body=b"x" * 500000).status, 201, "what fits")
                equal(site.get("/f.txt").body, b"old")
        finally:
            subprocess.run(["umount", "-l", folder], check=False)


if __name__ == "__main__":
    main()
