#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""linnet-ftpd and those who mean it ill: bounces, stolen data connections, links and ".." that lead outside, names of
the server's own, floods, endless lines, peers that do not read, quotas, a full disk, uploads at once, a process that
dies, what a worker may still do."""
import ctypes
import glob
import os
import random
import re
import signal
import socket
import subprocess
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../userspace"))
sys.path.insert(0, os.path.join(HERE, "ftp"))
# pylint: disable=wrong-import-position
from harness import PATIENCE, Skip, equal, main, test, until
from linnet import ADDRESS, Control, Ftpd, USER

CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x20000, 0x4000, 0x40000


@test("bounces: no data connection to others or to services (RFC 2577)")
def bounce():
    with Ftpd() as d, socket.create_server(("127.0.0.2", 0)) as victim:
        port = victim.getsockname()[1]
        c = d.control(USER)
        c.ask(f"PORT 127,0,0,2,{port >> 8},{port & 255}", 504)
        c.ask(f"EPRT |1|127.0.0.2|{port}|", 504)
        c.ask("PORT 127,0,0,1,0,25", 504)
        c.ask("NLST", 425)
        victim.settimeout(0.2)
        try:
            victim.accept()
            raise AssertionError("the victim was connected to")
        except TimeoutError:
            pass


@test("a data connection of somebody else is refused, and the client's own is taken")
def stolen():
    with Ftpd() as d:
        d.put("f", b"secret")
        c = d.control(USER)
        port = int(re.search(r"\|(\d+)\|", c.ask("EPSV", 229))[1])
        thief = socket.create_connection((ADDRESS, port), PATIENCE, source_address=("127.0.0.5", 0))
        own = socket.create_connection((ADDRESS, port), PATIENCE)
        c.ask("RETR f", 150)
        equal(own.recv(100), b"secret", "data")
        c.expect(226)
        until(lambda: d.has("data connection from 127.0.0.5:.* refused"), "the refusal")
        try:
            equal(thief.recv(100), b"", "what the thief gets")
        except ConnectionResetError:
            pass
        try:
            socket.create_connection((ADDRESS, port), PATIENCE)
            raise AssertionError("the port is open still")
        except ConnectionRefusedError:
            pass


@test("nothing outside the user's folder is reached")
def escapes():
    with Ftpd() as d:
        outside = os.path.join(d.folder, "outside")
        os.mkdir(outside)
        d.put("secret", b"secret", outside)
        os.symlink(outside, os.path.join(d.home, "absolute"))
        os.symlink("../../outside", os.path.join(d.home, "relative"))
        os.symlink("/proc/self/root", os.path.join(d.home, "magic"))
        os.symlink("../jane", os.path.join(d.home, "neighbour"))
        os.symlink("loop", os.path.join(d.home, "loop"))
        os.mkdir(os.path.join(d.home, "folder"))
        os.symlink("..", os.path.join(d.home, "folder/up"))
        os.mkfifo(os.path.join(d.home, "fifo"))
        d.put("f", b"mine")
        c = d.control(USER)
        for link in ("absolute", "relative", "magic", "neighbour", "loop"):
            c.ask(f"CWD {link}", 550)
            for command in ("SIZE", "MDTM", "MLST", "DELE", "RMD", "RNFR", "SITE CHMOD 777", "MFMT 20200102030405"):
                c.ask(f"{command} {link}/secret", 550)
            c.ask(f"MKD {link}/made", 550)
            for command, code in (("RETR", 550), ("STOR", 550), ("APPE", 550), ("STOU", 550), ("LIST", 550),
                                  ("NLST", 550), ("MLSD", 550)):
                c.ask("EPSV", 229)
                c.ask(f"{command} {link}/secret", code)
            c.ask("RNFR f", 350)
            c.ask(f"RNTO {link}/stolen", 550)
            for command in ("LIST", "NLST", "MLSD"):
                c.ask("EPSV", 229)
                c.ask(f"{command} {link}", 550)
        for path in ("..", "../..", "/..", "folder/../..", "/../../etc", "folder/up/../../../outside/secret",
                     "..//..//outside/secret", "./.././../outside/secret"):
            c.ask("EPSV", 229)
            c.send(f"RETR {path}")
            equal(c.reply(), 550, path)
        c.ask("EPSV", 229)
        c.ask("RETR fifo", 550)
        c.ask("EPSV", 229)
        c.ask("STOR fifo", 553)
        # A link is replaced, not followed
        os.symlink(os.path.join(outside, "secret"), os.path.join(d.home, "link"))
        c.ask("EPSV", 229)
        c.ask("RETR link", 550)
        c.upload("STOR link", b"new")
        equal(d.read("link"), b"new", "what the link became")
        os.unlink(os.path.join(d.home, "link"))
        os.symlink(os.path.join(outside, "secret"), os.path.join(d.home, "link"))
        c.ask("EPSV", 229)
        c.ask("APPE link", 550)
        c.ask("DELE link", 250)
        equal((d.read("secret", outside), os.listdir(outside)), (b"secret", ["secret"]), "what is outside")
        equal(os.listdir(os.path.join(d.homes, "jane")), [], "the neighbour's files")


@test("anonymous clients read, and no more")
def anonymous():
    with Ftpd() as d:
        d.put("f", b"public", d.public)
        c = d.control("anonymous", "guest@")
        equal(c.download("RETR f"), b"public", "a file")
        for command in ("STOR x", "APPE f", "STOU", "DELE f", "MKD x", "RMD x", "RNFR f", "MFMT 20200102030405 f",
                        "SITE CHMOD 777 f"):
            c.ask("EPSV", 229)
            c.ask(command, 550)
        equal(os.listdir(d.public), ["f"], "files")


@test("names that are denied, and those of the server, are not there")
def denied():
    with Ftpd(more='deny = {"*.exe", ".ht*"}') as d:
        for name in ("a.exe", ".htaccess", "f", ".linnet-usage", ".in.x.1~"):
            d.put(name, b"x")
        c = d.control(USER)
        for name in ("a.exe", ".htaccess", ".linnet-usage", ".in.x.1~"):
            c.ask("EPSV", 229)
            c.ask(f"RETR {name}", 550)
            c.ask(f"SIZE {name}", 550)
            c.ask(f"DELE {name}", 550)
            c.ask("EPSV", 229)
            c.ask(f"STOR {name}", 553)
            c.ask("RNFR f", 350)
            c.ask(f"RNTO {name}", 553)
        equal(c.download("NLST -a"), b"f\r\n", "names")


@test("long lines, NUL, binary noise and floods")
def noise():
    r = random.Random(253)
    with Ftpd(limits='idle-time = "2s"') as d:
        c = d.control(USER)
        c.send(b"NOOP " + b"x" * 100000 + b"\r\n")
        c.expect(500)
        c.send(b"NO\0OP\r\n")
        c.expect(501)
        c.ask("CWD " + "/x" * 2200, 501)
        c.ask("MKD " + "y" * 300, 550)
        c.send(b"NOOP\r\n" * 5000)
        equal([c.reply() for _ in range(5000)], [200] * 5000, "replies")
        # Who does not read gets no more replies, and is told to go
        lazy = d.control(USER)
        lazy.socket.settimeout(0.5)
        try:
            while True:
                lazy.socket.sendall(b"HELP\r\n" * 10000)
        except OSError:
            pass
        for _ in range(50):
            n = d.control()
            n.send(bytes(r.randrange(256) for _ in range(r.randrange(2000))) + b"\r\n")
            n.close()
        c.ask("NOOP", 200)
        until(lambda: c.ask("NOOP", 200) and d.has("Timeout|timed out|time-out"), "the end of who does not read")
        with open(f"/proc/{d.process.pid}/task/{d.process.pid}/children", encoding="ascii") as f:
            workers = f.read().split()
        sizes = []
        for pid in workers:
            with open(f"/proc/{pid}/status", encoding="ascii") as f:
                sizes.append(int(re.search(r"VmRSS:\s+(\d+)", f.read())[1]))
        equal(max(sizes) < 300000, True, f"memory of the workers in kB: {sizes}")


@test("quotas of octets and files hold, also for sessions at once; what was removed makes room")
def quotas():
    with Ftpd() as d:
        home = os.path.join(d.homes, "jane")
        c = d.control("jane")
        c.ask("TYPE I", 200)
        c.upload("STOR a", b"x" * 60000)
        c.upload("STOR b", b"x" * 60000, code=552)
        equal((os.path.exists(os.path.join(home, "b")), d.hidden(home)), (False, []), "what is left")
        c.ask("ALLO 60000", 552)
        c.ask("ALLO 40000", 200)
        c.upload("STOR a", b"y" * 90000)
        equal(len(d.read("a", home)), 90000, "a file in place of another")
        c.upload("APPE a", b"z" * 20000, code=552)
        c.ask("DELE a", 250)
        for i in range(10):
            c.upload(f"STOR f{i}", b"1")
        s = c.passive()
        c.ask("STOR f10", 552)
        s.close()
        c.ask("DELE f3", 250)
        c.upload("STOR f10", b"1")
        c.ask("RNFR f10", 350)
        c.ask("RNTO f9", 250)
        c.upload("STOR f11", b"1")
        for i in range(12):
            c.send(f"DELE f{i}")
            c.reply()
        # Two at once, each of which fits
        two = [d.control("jane") for _ in range(2)]
        for i, k in enumerate(two):
            k.ask("TYPE I", 200)
            k.data = k.passive()
            k.ask(f"STOR g{i}", 150)
            k.data.sendall(b"x" * 60000)
        for k in two:
            k.data.close()
        equal(sorted(k.reply() for k in two), [226, 552], "replies")
        equal(len([n for n in os.listdir(home) if n.startswith("g")]), 1, "files")


def own_mounts():
    """Mounts are seen by this process and its children only."""
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() or libc.unshare(CLONE_NEWNS) or libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None):
        raise Skip("no mounts of our own: needs root")


@test("a full disk: 452, nothing is left of the file, and the rest is as it was")
def full():
    own_mounts()
    with Ftpd() as d:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=777", "linnet-test", d.home], check=True)
        try:
            d.put("old", b"old")
            c = d.control(USER)
            c.ask("TYPE I", 200)
            c.upload("STOR old", b"x" * (2 << 20), code=452)
            equal((os.listdir(d.home), d.read("old")), (["old"], b"old"), "what is there")
            c.upload("APPE old", b"x" * (2 << 20), code=452)
            c.ask("ALLO 2000000", 552)
            c.ask("DELE old", 250)
            c.upload("STOR new", b"x" * 1000)
        finally:
            subprocess.run(["umount", "-l", d.home], check=True)


@test("two uploads of one name at once: the second is told to wait")
def at_once():
    with Ftpd(workers=2) as d:
        first, second = d.control(USER), d.control(USER)
        s = first.passive()
        first.ask("STOR f", 150)
        s.sendall(b"first")
        until(d.hidden, "the hidden file")
        t = second.passive()
        second.ask("STOR f", 450)
        t.close()
        s.close()
        first.expect(226)
        equal(d.read("f"), b"first", "the file")


@test("old uploads that were aborted are removed, new ones and those under way are not")
def cleaning():
    with Ftpd(limits='partial-time = "1h"') as d:
        for name, age in ((".in.old.1~", 7200), (".in.new.1~", 0)):
            path = d.put(name, b"x")
            os.utime(path, (os.stat(path).st_mtime - age,) * 2)
        c = d.control(USER)
        c.upload("STOR f", b"x")
        equal(sorted(os.listdir(d.home)), [".in.new.1~", "f"], "files")


@test("a worker that is killed in an upload leaves no half file under the name")
def killed():
    with Ftpd() as d:
        d.put("f", b"old")
        c = d.control(USER)
        c.ask("TYPE I", 200)
        s = c.passive()
        c.ask("STOR f", 150)
        s.sendall(b"x" * 10000)
        until(lambda: d.hidden() and os.path.getsize(os.path.join(d.home, d.hidden()[0])) == 10000, "what was sent")
        with open(f"/proc/{d.process.pid}/task/{d.process.pid}/children", encoding="ascii") as f:
            for pid in f.read().split():
                os.kill(int(pid), signal.SIGKILL)
        until(lambda: d.has("worker 0 is replaced"), "another worker")
        equal(d.read("f"), b"old", "the file")
        c = d.control(USER)
        c.ask("TYPE I", 200)
        c.ask("REST 10000", 350)
        c.upload("STOR f", b"y")
        equal(d.read("f"), b"x" * 10000 + b"y", "the file, gone on with")


@test("clients that go away in the middle leave nothing behind")
def vanish():
    r = random.Random(959)
    with Ftpd() as d:
        d.put("large", b"x" * (8 << 20))
        with open(f"/proc/{d.process.pid}/task/{d.process.pid}/children", encoding="ascii") as f:
            pids = f.read().split()
        d.control(USER).close()

        def descriptors():
            return [os.readlink(path) for pid in pids for path in glob.glob(f"/proc/{pid}/fd/*") if os.path.islink(path)]

        until(lambda: d.has("closed$"), "the end of a session")
        before = len(descriptors())
        for i in range(60):
            c = d.control(USER)
            c.ask("TYPE I", 200)
            s = None
            if r.randrange(4):
                s = c.passive()
            else:
                c.ask("EPSV", 229)
            if r.randrange(4):
                c.send(r.choice(("RETR large", f"STOR f{i}", "NLST", "USER", "PASS x")))
            if r.randrange(2):
                c.close()
                c = None
            if s:
                s.close()
            if c:
                c.close()
        try:
            until(lambda: len(descriptors()) <= before, "all descriptors to be closed")
        except AssertionError as e:
            raise AssertionError(f"{e}: {descriptors()}") from None
        d.control(USER).ask("NOOP", 200)


@test("connections of one address are limited")
def per_address():
    with Ftpd(limits="connections-per-address = 3") as d:
        three = [d.control() for _ in range(3)]
        s = socket.create_connection((ADDRESS, d.where()), PATIENCE)
        try:
            equal(s.recv(100), b"", "what the fourth gets")
        except ConnectionResetError:
            pass
        equal(len(three), 3, "connections")
        Control(ADDRESS, d.where(), source="127.0.0.7").expect(220)


@test("active connections come from port 20, by the one process that may use it")
def port_20():
    if os.geteuid():
        raise Skip("port 20 needs root")
    with Ftpd(active="port = 20") as d:
        d.put("f", b"x")
        for _ in range(2):
            c = d.control(USER)
            listener = c.listen()
            c.send("RETR f")
            s, peer = listener.accept()
            equal(peer, (ADDRESS, 20), "the peer")
            c.expect(150)
            equal(s.recv(10), b"x", "data")
            c.expect(226)
            listener.close()
            s.close()
        # It is replaced when it dies; meanwhile any port does
        with open(f"/proc/{d.process.pid}/task/{d.process.pid}/children", encoding="ascii") as f:
            children = f.read().split()
        rights = {}
        for pid in children:
            with open(f"/proc/{pid}/status", encoding="ascii") as f:
                rights[pid] = int(re.search(r"CapEff:\s+(\w+)", f.read())[1], 16)
        helpers = [pid for pid, mask in rights.items() if mask == 1 << 10]
        equal(len(helpers), 1, f"processes with the right to low ports and no other: {rights}")
        os.kill(int(helpers[0]), signal.SIGKILL)
        until(lambda: d.has("port 20 ended and is replaced"), "another")
        c = d.control(USER)
        listener = c.listen()
        c.send("NLST")
        _, peer = listener.accept()
        equal(peer, (ADDRESS, 20), "the peer")


if __name__ == "__main__":
    main()
