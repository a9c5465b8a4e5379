#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""linnet-rpcd over etcd: three real members on this machine, of which some are stopped."""
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
import xmlrpc.client
from xmlrpc.client import Binary, Fault

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../userspace"))
from etcd import find_etcd, free_ports
from harness import Daemon, PATIENCE, equal, main, temporary_folder, test, until


class Cluster:
    """Three members of etcd."""

    def __init__(self, folder):
        self.program, self.folder = find_etcd(), folder
        ports = free_ports(6)
        self.client, self.peer = ports[:3], ports[3:]
        self.processes = [None] * 3
        for i in range(3):
            self.start(i)
        until(lambda: all(self.healthy(i) for i in range(3)), "etcd to be healthy")

    def start(self, i):
        peers = ",".join(f"m{j}=http://127.0.0.1:{p}" for j, p in enumerate(self.peer))
        self.processes[i] = subprocess.Popen(
            [self.program, "--name", f"m{i}", "--data-dir", f"{self.folder}/m{i}",
             "--listen-client-urls", self.url(i), "--advertise-client-urls", self.url(i),
             "--listen-peer-urls", f"http://127.0.0.1:{self.peer[i]}",
             "--initial-advertise-peer-urls", f"http://127.0.0.1:{self.peer[i]}",
             "--initial-cluster", peers, "--initial-cluster-state", "new",
             "--heartbeat-interval", "50", "--election-timeout", "500"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, "ETCD_UNSUPPORTED_ARCH": os.uname().machine})

    def url(self, i):
        return f"http://127.0.0.1:{self.client[i]}"

    def urls(self):
        return ",".join(self.url(i) for i in range(3))

    def healthy(self, i):
        try:
            with urllib.request.urlopen(self.url(i) + "/health", timeout=2) as r:
                return b'"true"' in r.read()
        except OSError:
            return False

    def leader(self):
        for i in range(3):
            if self.processes[i].poll() is None:
                r = urllib.request.Request(self.url(i) + "/v3/maintenance/status", data=b"{}")
                with urllib.request.urlopen(r, timeout=PATIENCE) as f:
                    s = json.loads(f.read())
                if s["leader"] == s["header"]["member_id"]:
                    return i
        return None

    def kill(self, i):
        self.processes[i].kill()
        self.processes[i].wait()

    def end(self):
        for p in self.processes:
            if p.poll() is None:
                p.send_signal(signal.SIGCONT)
                p.kill()
            p.wait()


class Shared:
    """A cluster from test to test, as long as it is healthy; each test has keys of its own."""

    def __init__(self):
        self.cluster = self.folder = None
        self.tests = 0

    def end(self):
        if self.cluster:
            self.cluster.end()
            self.folder.cleanup()
        self.cluster = None

    @contextlib.contextmanager
    def use(self):
        self.tests += 1
        if self.cluster and not all(self.cluster.healthy(i) for i in range(3)):
            self.end()
        if not self.cluster:
            self.folder = temporary_folder()
            self.cluster = Cluster(self.folder.name)
        try:
            yield self.cluster
        finally:
            for p in self.cluster.processes:
                if p.poll() is None:
                    p.send_signal(signal.SIGCONT)


SHARED = Shared()


def server(cluster, *args):
    return Daemon("linnet-rpcd", "--store", "etcd:" + cluster.urls(), "--etcd-prefix", f"/test{SHARED.tests}/", *args)


def proxy(daemon):
    return xmlrpc.client.ServerProxy(f"http://127.0.0.1:{daemon.port('tcp')}/", allow_none=True)


def fault(function, *args):
    try:
        value = function(*args)
    except Fault as f:
        return f.faultString
    raise AssertionError(f"{args} returned {value!r}")


class Writer(threading.Thread):
    """Writes numbers until it is told to end; all faults are kept."""

    def __init__(self, daemon, name):
        super().__init__(daemon=True)
        self.proxy, self.name_, self.number = proxy(daemon), name, 0
        self.ending, self.errors = False, []

    def run(self):
        while not self.ending:
            try:
                self.proxy.set(f"{self.name_}.{self.number}", self.number)
                self.number += 1
            except Exception as e:  # pylint: disable=broad-except
                self.errors.append(e)
                return

    def more(self, n=10):
        """Wait for further writes."""
        start = self.number
        until(lambda: self.number >= start + n or self.errors, "writes")
        equal(self.errors, [], "errors")


@test("the dictionary: values, keys, order, faults")
def _():
    with SHARED.use() as cluster, \
            server(cluster, "--max-request", "4000000") as d:
        s = proxy(d)
        equal(s.keys(), [], "nothing")
        values = {"b": [1, None, {"x": Binary(b"\0\xff")}], "a": "\xe9<", "it's": 1.5, 7: True, "": ""}
        for key, value in values.items():
            equal(s.set(key, value), None, "set")
            equal(s.get(key), value, key)
            equal(s.exists(key), True, key)
        equal(s.keys(), list(values), "order")
        s.set("b", "again")
        s.set(7.0, "seven")
        equal(s.keys(), list(values), "order stays")
        equal((s.get("b"), s.get(7)), ("again", "seven"), "again")
        s.delete("a")
        equal(s.exists("a"), False, "deleted")
        equal(fault(s.delete, "a"), "<class 'KeyError'>:'a'", "delete")
        equal(fault(s.get, "a"), "<class 'KeyError'>:'a'", "get")
        s.set("a", 1)
        equal(s.keys(), ["b", "it's", 7, "", "a"], "new at the end")
        equal(s.keysPage(None, 2), {"keys": ["b", "it's"], "next": s.keysPage(None, 2)["next"]}, "page")
        seen, after = [], None
        while True:
            page = s.keysPage(after, 2)
            seen += page["keys"]
            after = page["next"]
            if after is None:
                break
        equal(seen, s.keys(), "pages")
        # Two servers, and two stores side by side.
        with server(cluster, "--workers", "2") as two, server(cluster, "--etcd-prefix", "/other/") as other:
            equal(proxy(two).keys(), seen, "the other server")
            equal(proxy(other).keys(), [], "another prefix")
            proxy(two).set("two", 2)
            equal(s.get("two"), 2, "what the other wrote")
        big = "x" * 900000
        s.set("big", big)
        equal(s.get("big"), big, "big")
        equal(fault(s.set, "bigger", [big, big]), "<class 'ConnectionError'>:etcd: etcdserver: request is too large",
              "what etcd does not take")
        equal(d.end(), 0, "exit status")


@test("more keys than one of etcd's answers has")
def _():
    with SHARED.use() as cluster, server(cluster) as d:
        errors = []

        def write(start):
            try:
                s = proxy(d)
                for i in range(start, 4100, 10):
                    s.system.multicall([{"methodName": "set", "params": [f"k{i:04d}", i]}])
            except Exception as e:  # pylint: disable=broad-except
                errors.append(e)
        threads = [threading.Thread(target=write, args=(i,)) for i in range(10)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        equal(errors, [], "errors")
        keys = proxy(d).keys()
        equal(sorted(keys), [f"k{i:04d}" for i in range(4100)], "keys")
        page = proxy(d).keysPage(None, 3000)
        equal((page["keys"], proxy(d).keysPage(page["next"], 3000)), (keys[:3000], {"keys": keys[3000:], "next": None}),
              "pages over pages")


@test("each member in turn is killed and comes back, the leader too: no write fails or is lost")
def _():
    with SHARED.use() as cluster, server(cluster) as d:
        writer = Writer(d, "w")
        writer.start()
        writer.more()
        for i in (0, 1, 2):
            victim = cluster.leader() if i == 2 else i
            cluster.kill(victim)
            writer.more()
            cluster.start(victim)
            until(lambda v=victim: cluster.healthy(v), "the member to be back")
            writer.more()
        writer.ending = True
        writer.join(PATIENCE)
        s = proxy(d)
        equal(writer.errors, [], "errors")
        for i in range(writer.number):
            equal(s.get(f"w.{i}"), i, i)
        equal(len(s.keys()), writer.number, "keys")


@test("a member that hangs is left after its time, and others are not held up")
def _():
    with SHARED.use() as cluster, server(cluster, "--etcd-timeout", "0.5") as d:
        s = proxy(d)
        s.set("a", 1)
        leader = cluster.leader()
        # The one that is asked first, unless it leads: then there is an election too.
        cluster.processes[0].send_signal(signal.SIGSTOP)
        start = time.monotonic()
        equal(s.get("a"), 1, "get")
        first = time.monotonic() - start
        start = time.monotonic()
        s.set("a", 2)
        equal(s.get("a"), 2, "get")
        print(f"# first answer after {first:.2f} s, then {time.monotonic() - start:.3f} s, leader {leader}")
        equal(first < 10, True, f"{first} s")
        equal(d.has(r"etcd at .*: Timeout"), True, "a line about it")


@test("without a majority there are faults in time, and afterwards all is as before")
def _():
    with SHARED.use() as cluster, \
            server(cluster, "--etcd-timeout", "0.5", "--etcd-total-timeout", "2") as d:
        s = proxy(d)
        s.set("a", 1)
        for i in (1, 2):
            cluster.kill(i)
        start = time.monotonic()
        text = fault(s.get, "a")
        equal(text.startswith("<class 'ConnectionError'>:etcd: "), True, text)
        took = time.monotonic() - start
        equal(1.9 < took < 8, True, f"{took} s")
        for i in (1, 2):
            cluster.start(i)
        until(lambda: all(cluster.healthy(i) for i in range(3)), "etcd to be back")
        equal(s.get("a"), 1, "get")
        cluster.kill(0)
        cluster.kill(1)
        cluster.kill(2)
        text = fault(s.set, "a", 2)
        equal(text.startswith("<class 'ConnectionError'>:etcd: "), True, text)


if __name__ == "__main__":
    try:
        main()
    finally:
        SHARED.end()
