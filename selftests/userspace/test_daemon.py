#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What all daemons share: a master and workers, seen at linnet-echod."""
import os
import pwd
import re
import signal
import socket
import subprocess
import sys

from harness import (Daemon, PATIENCE, Skip, equal, main, need, program, temporary_folder, test,
                     transports, until)


def for_each_transport(name):
    def add(function):
        for transport, protocol in transports():
            def run(protocol=protocol):
                need(protocol)
                function(protocol)
            test(f"{name} ({transport})")(run)
        return function
    return add


def echod(*args):
    return Daemon("linnet-echod", "--time-port", "0", *args)


def children(pid):
    """Processes that a process has started, or None when it is gone itself."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
            return [int(p) for p in f.read().split()]
    except (FileNotFoundError, ProcessLookupError):
        return None


def state(pid):
    """A process's state letter, or None when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            return f.read().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return None


def status(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


def workers(d, n):
    return until(lambda: len(children(d.process.pid) or []) == n and children(d.process.pid), f"{n} workers")


def echoes(d, protocol, text=b"hello"):
    with d.connect(protocol) as s:
        s.sendall(text)
        s.shutdown(socket.SHUT_WR)
        data = b""
        while len(data) < len(text):
            piece = s.recv(4096)
            if not piece:
                break
            data += piece
        return data == text


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


@test("a master and as many workers as were asked for, all of them confined")
def _():
    with echod("--workers", "3") as d:
        for pid in workers(d, 3):
            equal(status(pid)["NoNewPrivs"], "1", "no new privileges")
            equal(status(pid)["Seccomp"], "2", "seccomp's filter")
        equal(status(d.process.pid)["Seccomp"], "0", "the master starts workers")
        equal(d.end(), 0, "exit status")


@for_each_transport("a worker that is killed is replaced, and what it held is given back")
def _(protocol):
    with echod("--max-per-address", "2", "--max-connections", "3") as d:
        (old,) = workers(d, 1)
        held = [d.connect(protocol) for _ in range(2)]
        for s in held:
            s.sendall(b"x")
            equal(s.recv(1), b"x")
        with d.connect(protocol) as third:
            equal(third.recv(1), b"", "one too many")
        os.kill(old, signal.SIGKILL)
        until(lambda: d.has(f"worker {old} was ended by signal 9"), "a line about it")
        until(lambda: [p for p in children(d.process.pid) or [] if p != old], "another worker")
        for s in held:
            s.close()
        # Were the two still counted, this would be refused.
        held = [d.connect(protocol) for _ in range(2)]
        for s in held:
            s.sendall(b"y")
            equal(s.recv(1), b"y")
            s.close()
        equal(d.end(), 0, "exit status")


@test("workers that die at once are replaced later and later, and the master ends all the same")
def _():
    with echod() as d:
        for _ in range(3):
            pid = until(lambda: children(d.process.pid), "a worker")[0]
            # Its first act is to be ready: before that a death ends the start.
            until(lambda: status(pid)["Seccomp"] == "2", "the worker to be ready")
            os.kill(pid, signal.SIGKILL)
            until(lambda: state(pid) is None, "its end")
        equal(d.end(), 0, "exit status")


@for_each_transport("a master that is killed takes its workers along")
def _(protocol):
    d = echod("--workers", "2", *(["--user", "nobody"] if os.geteuid() == 0 else []))
    with d:
        mine = workers(d, 2)
        assert echoes(d, protocol)
        d.process.kill()
        d.process.wait()
        until(lambda: not [p for p in mine if state(p) not in (None, "Z")], "the workers' end")


@for_each_transport("limits hold for all workers together")
def _(protocol):
    with echod("--workers", "3", "--max-per-address", "4") as d:
        workers(d, 3)
        held = []
        for i in range(4):
            s = d.connect(protocol)
            held.append(s)
            s.sendall(b"x")
            equal(s.recv(1), b"x", f"connection {i}")
        for _ in range(6):
            with d.connect(protocol) as s:
                equal(s.recv(1), b"", "a fifth connection")
        for s in held:
            s.close()
        equal(d.end(), 0, "exit status")


@for_each_transport("SIGHUP: the same sockets, other workers; who is idle is sent away in order")
def _(protocol):
    with echod("--workers", "2") as d:
        before = workers(d, 2)
        port = d.port("tcp" if protocol == socket.IPPROTO_TCP else "linnet")
        with d.connect(protocol) as s:
            s.sendall(b"a")
            equal(s.recv(1), b"a")
            fds = descriptors(d.process.pid)
            d.process.send_signal(signal.SIGHUP)
            until(lambda: d.has("the new configuration is in use"), "the new configuration")
            # echod ends an idle connection when its server ends: orderly, not reset.
            equal(s.recv(1), b"")
        equal(d.port("tcp" if protocol == socket.IPPROTO_TCP else "linnet"), port, "port")
        until(lambda: not set(children(d.process.pid)) & set(before), "the end of the old workers")
        assert echoes(d, protocol)
        equal(descriptors(d.process.pid), fds, "the master's descriptors")
        equal(d.end(), 0, "exit status")


@for_each_transport("--reuseport: sockets of its own for each worker, kept at SIGHUP")
def _(protocol):
    with echod("--workers", "3", "--reuseport") as d:
        workers(d, 3)
        fds = descriptors(d.process.pid)
        for _ in range(30):
            assert echoes(d, protocol)
        d.process.send_signal(signal.SIGHUP)
        until(lambda: d.has("the new configuration is in use"), "the new configuration")
        workers(d, 3)
        for _ in range(30):
            assert echoes(d, protocol)
        equal(descriptors(d.process.pid), fds, "the master's descriptors")
        equal(d.end(), 0, "exit status")


@test("--user: workers have given up root, and cannot take it back")
def _():
    if os.geteuid() != 0:
        raise Skip("only root can give it up")
    nobody = pwd.getpwnam("nobody")
    with echod("--user", "nobody") as d:
        (pid,) = workers(d, 1)
        s = status(pid)
        equal(s["Uid"].split(), [str(nobody.pw_uid)] * 4, "users")
        equal(s["Gid"].split(), [str(nobody.pw_gid)] * 4, "groups")
        equal(int(s["CapEff"], 16) | int(s["CapPrm"], 16), 0, "capabilities")
        assert echoes(d, socket.IPPROTO_TCP)
        equal(d.end(), 0, "exit status")


@test("a user or group that is not there: one line, exit status 1")
def _():
    for args, line in ((["--user", "no-such-user"], "user 'no-such-user': there is no such user"),
                       (["--group", "nogroup"], "group 'nogroup' without a user")):
        p = subprocess.run([program("linnet-echod"), "--port", "0", "--time-port", "0", *args], capture_output=True,
                           text=True, check=False, timeout=PATIENCE)
        equal(p.returncode, 1, "exit status")
        assert line in p.stderr, p.stderr
        equal(len(p.stderr.splitlines()), 1, p.stderr)


@test("--log FILE, and SIGUSR1 after the file was moved away")
def _():
    with temporary_folder() as folder:
        path = os.path.join(folder, "log")
        process = subprocess.Popen([program("linnet-echod"), "--transport", "tcp", "--port", "0", "--time-port", "0",
                                    "--log-level", "info", "--log", path],
                                   stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            def text(name=path):
                try:
                    with open(name, encoding="ascii") as f:
                        return f.read()
                except FileNotFoundError:
                    return ""
            until(lambda: "ready" in text() or process.poll() is not None, "the daemon")
            port = int(re.search(r"listening on 0\.0\.0\.0:(\d+) \(tcp\)", text())[1])
            os.rename(path, path + ".1")
            process.send_signal(signal.SIGUSR1)
            until(lambda: "the new configuration is in use" in text(), "the new file")
            socket.create_connection(("127.0.0.1", port)).close()
            # From a worker, which has no right to open files.
            until(lambda: "connected (tcp)" in text(), "the connection in the new file")
            assert "connected" not in text(path + ".1")
        finally:
            process.terminate()
            equal(process.wait(PATIENCE), 0, "exit status")


@for_each_transport("sockets that linnet activate passes are those that are served")
def _(protocol):
    name = "tcp" if protocol == socket.IPPROTO_TCP else "linnet"
    process = subprocess.Popen(
        [program("linnet"), "activate", "--transport", name, "127.0.0.1:0", "--udp", "127.0.0.1:0", "--",
         program("linnet-echod"), "--log-level", "info"],
        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        lines = []
        for line in process.stderr:
            lines.append(line)
            if "ready" in line:
                break
        ports = [m[1] for m in (re.search(rf"listening on (.*:\d+) \({name}\)", line) for line in lines) if m]
        equal(len(ports), 1, f"listeners in {lines}")
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM, protocol) as s:
            s.settimeout(PATIENCE)
            s.connect(("127.0.0.1", int(ports[0].rsplit(":", 1)[1])))
            s.sendall(b"hello")
            equal(s.recv(5), b"hello")
    finally:
        process.terminate()
        process.stderr.read()
        equal(process.wait(PATIENCE), 0, "exit status")


if __name__ == "__main__":
    sys.exit(main())
