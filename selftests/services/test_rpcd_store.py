#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""linnet-rpcd's database: what was answered is there, whatever happens next."""
import http.client
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import xmlrpc.client
from xmlrpc.client import Fault, dumps, loads

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../userspace"))
from harness import Daemon, PATIENCE, Skip, equal, main, program, temporary_folder, test, until


def server(folder, *args):
    return Daemon("linnet-rpcd", "--store", f"sqlite:{folder}/pairs.db", *args)


def proxy(daemon):
    return xmlrpc.client.ServerProxy(f"http://127.0.0.1:{daemon.port('tcp')}/", allow_none=True)


def workers(daemon):
    pid = daemon.process.pid
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        return [int(x) for x in f.read().split()]


class Writer(threading.Thread):
    """Sets numbered keys one after the other; knows which were acknowledged."""

    def __init__(self, daemon, name):
        super().__init__(daemon=True)
        self.port, self.name_, self.number, self.acknowledged = daemon.port("tcp"), name, 0, []
        self.ending, self.interrupted = False, 0

    def run(self):
        connection = None
        while not self.ending:
            self.number += 1
            value = [self.name_, self.number, "x" * (self.number * 37 % 3000)]
            try:
                if not connection:
                    connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
                connection.request("POST", "/", dumps((f"{self.name_}.{self.number}", value), "set"),
                                   {"Content-Type": "text/xml"})
                loads(connection.getresponse().read())
                self.acknowledged.append(self.number)
            except (OSError, http.client.HTTPException):
                self.interrupted += 1
                connection.close()
                connection = None
                time.sleep(0.001)

    def check(self, s):
        for number in self.acknowledged:
            equal(s.get(f"{self.name_}.{number}"),
                  [self.name_, number, "x" * (number * 37 % 3000)], f"{self.name_}.{number}")


@test("killed a hundred times while clients write: every write that was acknowledged is there")
def _():
    # Every other time the master too, so that no process is left that has the file open: the WAL
    # is recovered. After more times in a row it would not be in a hurry to start a worker.
    r = random.Random(4)
    with temporary_folder() as folder:
        kills, history = 0, []
        while kills < 100:
            with server(folder) as d:
                writers = [Writer(d, f"{kills}.{i}") for i in range(4)]
                for w in writers:
                    w.start()
                for _ in range(2):
                    before = [len(w.acknowledged) for w in writers]
                    until(lambda b=before, ws=writers: all(len(w.acknowledged) > n for w, n in zip(ws, b)),
                          "writes to be acknowledged")
                    time.sleep(r.random() * 0.02)
                    victim = until(lambda d=d: workers(d), "a worker")[0]
                    os.kill(victim, signal.SIGKILL)
                    kills += 1
                    until(lambda d=d, v=victim: v not in workers(d) and workers(d), "another worker")
                for w in writers:
                    w.ending = True
                # Now nothing survives.
                last = workers(d)
                d.process.kill()
                for pid in last:
                    try:
                        os.kill(pid, signal.SIGKILL)
                    except ProcessLookupError:
                        pass
                d.process.wait()
                for w in writers:
                    w.join(PATIENCE)
                history += writers
        with server(folder) as d:
            s = proxy(d)
            for w in history:
                w.check(s)
            n = sum(len(w.acknowledged) for w in history)
            print(f"# {kills} kills, {n} writes acknowledged, {sum(w.interrupted for w in history)} interrupted")
            if sum(w.interrupted for w in history) < 50:
                raise AssertionError("hardly a write was interrupted")
            # No half of anything: each key that is there has its whole value.
            for key in s.keys():
                name, number = key.rsplit(".", 1)
                equal(s.get(key), [name, int(number), "x" * (int(number) * 37 % 3000)], key)
        db = sqlite3.connect(f"{folder}/pairs.db")
        equal(db.execute("PRAGMA integrity_check").fetchone(), ("ok",), "integrity")
        db.close()


@test("the answer to set() comes after fsync(): strace sees the order")
def _():
    if subprocess.run(["which", "strace"], stdout=subprocess.DEVNULL, check=False).returncode:
        raise Skip("strace is not installed")
    with temporary_folder() as folder, server(folder) as d:
        s = proxy(d)
        s.set("first", 1)
        log = os.path.join(folder, "strace")
        trace = subprocess.Popen(["strace", "-f", "-e", "trace=fdatasync,fsync,sendmsg,sendto,write,writev", "-s", "40",
                                  "-o", log, "-p", str(workers(d)[0])], stderr=subprocess.PIPE, text=True)
        try:
            line = trace.stderr.readline()
            if "attached" not in line:
                raise Skip(line.strip())
            s.set("second", 2)
        finally:
            trace.terminate()
            trace.wait()
        with open(log, encoding="utf-8", errors="replace") as f:
            lines = f.readlines()
        synced = [i for i, x in enumerate(lines) if "sync(" in x and "= 0" in x or "sync resumed" in x]
        sent = [i for i, x in enumerate(lines) if "HTTP/1.1 200" in x]
        if not synced or not sent or synced[0] > sent[0]:
            raise AssertionError("".join(lines))


@test("pairs, the order of keys and kinds of keys survive a restart")
def _():
    keys = ["b", "a", 1, 2.5, None, "\xe9", False]
    with temporary_folder() as folder:
        with server(folder) as d, proxy(d) as s:
            for key in keys:
                s.set(key, [key])
            s.set("b", "again")
            s.delete("a")
            s.set("a", "last")
            s("close")()
            equal(d.end(), 0, "exit status")
        keys.remove("a")
        keys.append("a")
        with server(folder) as d:
            s = proxy(d)
            got = s.keys()
            equal([(type(k), k) for k in got], [(type(k), k) for k in keys], "keys")
            equal((s.get("b"), s.get("a"), s.get(True - 1.0), s.get(1)), ("again", "last", [False], [1]), "values")
            d.process.send_signal(signal.SIGHUP)
            until(lambda: len([x for x in d.lines if "ready" in x]) > 1 or proxy(d).keys(), "reload")
            equal(proxy(d).keys(), got, "after a reload")


@test("several workers and two servers share a database")
def _():
    with temporary_folder() as folder, server(folder, "--workers", "3") as one, server(folder) as two:
        writers = [Writer(d, f"w{i}") for i, d in enumerate((one, two, one, two))]
        for w in writers:
            w.start()
        until(lambda: all(len(w.acknowledged) >= 25 for w in writers), "a hundred writes")
        for w in writers:
            w.ending = True
        for w in writers:
            w.join(PATIENCE)
        for d in (one, two):
            s = proxy(d)
            for w in writers:
                equal(w.interrupted, 0, "interrupted")
                w.check(s)


@test("a multicall sees what it sets itself, and each what another server has set before")
def _():
    with temporary_folder() as folder, server(folder) as one, server(folder) as two:
        a, b = proxy(one), proxy(two)
        for n in range(5):
            b.set("other", n)
            m = xmlrpc.client.MultiCall(a)
            for i in range(3):
                m.get("other")
                m.set("own", [n, i])
                m.get("own")
                m.exists("own")
                m.get("own")
                m.get("none")
            got = list(m().results)
            expected = []
            for i in range(3):
                expected += [[n], [None], [[n, i]], [True], [[n, i]],
                             {"faultCode": 1, "faultString": "<class 'KeyError'>:'none'"}]
            equal(got, expected, n)
        # One that fails as a whole, behind some that have read
        calls = [{"methodName": "get", "params": ["own"]}, {"methodName": "get"}]
        try:
            raise AssertionError(a.system.multicall(calls))
        except Fault as f:
            equal(f.faultString, "<class 'KeyError'>:'params'")
        b.set("other", "last")
        equal(a.get("other"), "last")
        # Nothing is being read any more, or the log could not begin anew
        with sqlite3.connect(f"{folder}/pairs.db") as db:
            equal(db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0], 0, "busy")


@test("a full database fails with a fault, loses nothing and serves on")
def _():
    with temporary_folder() as folder, server(folder, "--store-limit", "200000") as d:
        s = proxy(d)
        n = 0
        try:
            while n < 1000:
                s.set(n, "x" * 5000)
                n += 1
        except Fault as f:
            equal(f.faultString, "<class 'sqlite3.OperationalError'>:database or disk is full", "fault")
        equal(10 < n < 50, True, f"{n} were kept")
        equal(s.keys(), list(range(n)), "keys")
        s.delete(0)
        s.set("small", 1)
        equal(s.get("small"), 1, "after that")
    with Daemon("linnet-rpcd", "--store", "memory", "--store-limit", "100000") as d:
        s = proxy(d)
        try:
            for i in range(1000):
                s.set(i, "x" * 5000)
        except Fault as f:
            equal(f.faultString, "<class 'MemoryError'>:the store is full", "memory")
        s.delete(0)
        s.set("small", 1)


@test("a database of another program, or damaged, is refused; a damaged value is a fault")
def _():
    with temporary_folder() as folder:
        path = f"{folder}/pairs.db"
        db = sqlite3.connect(path)
        db.execute("CREATE TABLE x (y)")
        db.commit()
        db.close()
        r = subprocess.run([program("linnet-rpcd"), "--port", "0", "--transport", "tcp", "--store", "sqlite:" + path],
                           stderr=subprocess.PIPE, text=True, timeout=PATIENCE, check=False)
        equal((r.returncode, "is not of this program" in r.stderr), (1, True), r.stderr)
        os.unlink(path)
        with server(folder) as d:
            s = proxy(d)
            s.set("a", 1)
            s.set("b", 2)
            db = sqlite3.connect(path)
            db.execute("UPDATE pair SET value = x'0161ffffffff' WHERE serial = 1")
            db.commit()
            db.close()
            try:
                raise AssertionError(s.get("a"))
            except Fault as f:
                equal(f.faultString, "<class 'ValueError'>:what the store holds is no value", "fault")
            equal(s.get("b"), 2, "the other")


@test("many keys: pages are quick, have no gap and no key twice while others come and go")
def _():
    with temporary_folder() as folder, server(folder) as d:
        s = proxy(d)
        for i in range(0, 3000, 500):
            s.system.multicall([{"methodName": "set", "params": [k, k]} for k in range(i, i + 500)])
        seen, after = [], None
        while True:
            page = s.keysPage(after, 250)
            equal(len(page["keys"]) <= 250, True, "length")
            seen += page["keys"]
            after = page["next"]
            if after is None:
                break
            s.delete(seen[-1])
            s.set(f"new{len(seen)}", 1)
        old = [k for k in seen if isinstance(k, int)]
        equal(old, list(range(3000)), "keys")
        equal(len(set(seen)), len(seen), "twice")


@test("a client that goes away before its answer harms nobody")
def _():
    with temporary_folder() as folder, server(folder) as d:
        body = dumps(("gone", "x" * 10000), "set").encode()
        for _ in range(200):
            c = d.connect()
            c.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            c.close()
        s = proxy(d)
        # The reset may overtake the call: it is done, or it is not, but not in part.
        if s.exists("gone"):
            equal(s.get("gone"), "x" * 10000)
        s.set("k", 1)
        equal(s.get("k"), 1, "service")
        s("close")()
        equal(d.has("was ended by signal"), False, "a worker died")
        equal(d.end(), 0, "exit status")


if __name__ == "__main__":
    main()
