#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""linnet run: what runs under it gets the sockets of protocol 253.

Where the module is not loaded, the launcher's source built with the number of
Multipath TCP stands in (standin/linux/linnet.h); what depends on the absence
of the module is tested with the real one.
"""
import os
import signal
import socket
import subprocess
import sys
import uuid

from harness import (IPPROTO_LINNET, IPPROTO_MPTCP, MODULE, PATIENCE, Daemon, Skip, equal, has_protocol, helper, main,
                     program, test, until)

NOBODY = 65534


def launcher():
    """The launcher that works here, and its protocol."""
    if MODULE:
        return program("linnet"), IPPROTO_LINNET
    if has_protocol(IPPROTO_MPTCP):
        return helper("linnet-standin"), IPPROTO_MPTCP
    raise Skip("neither the module is loaded nor is there a protocol to stand in")


def run(*command, strict=False, path=None, expect=None, **kw):
    if not path:
        path, protocol = launcher()
        expect = expect or protocol
    env = dict(os.environ, EXPECT=str(expect))
    return subprocess.run([path, "run", *(["--strict"] if strict else []), "--", *command], check=False,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, env=env, **kw)


def good(p):
    if p.returncode == 4 and p.stdout.startswith("SKIP: "):
        raise Skip(p.stdout[6:].strip())
    if p.returncode or p.stderr:
        raise AssertionError(f"exit status {p.returncode}: {p.stdout}{p.stderr}")


def refused(p, status, *words):
    equal(p.returncode, status, f"exit status ({p.stderr})")
    equal(len(p.stderr.splitlines()), 1, f"lines of {p.stderr!r}")
    for word in words:
        assert word in p.stderr, p.stderr


def probe_test(mode, name):
    @test(name)
    def _():
        good(run(helper("probe"), mode))
        good(run(helper("probe"), mode, strict=True))

    @test(name + " (static program)")
    def _():
        good(run(helper("probe-static"), mode))


probe_test("sockets", "both families, each flag kept, other sockets left alone")
probe_test("errors", "errors are the kernel's: bad flag, bad protocol, no descriptor left")
probe_test("threads", "16 threads")
probe_test("fork", "16 children")
probe_test("exec", "exec keeps plain sockets and closes close-on-exec ones")
probe_test("signals", "a storm of signals")
probe_test("uring", "io_uring is not there")
probe_test("i386", "32-bit system calls: socket() and socketcall()")
probe_test("x32", "x32 system calls")
probe_test("children", "the program finds no child that it did not make")


@test("an unmodified interpreter")
def _():
    path, protocol = launcher()
    p = run(sys.executable, "-c", "import socket as s; print(s.socket().getsockopt(s.SOL_SOCKET, s.SO_PROTOCOL))",
            path=path)
    equal((p.returncode, p.stdout, p.stderr), (0, f"{protocol}\n", ""))


@test("data: an echo client under the launcher")
def _():
    path, protocol = launcher()
    client = ("import socket, sys\n"
              "for family, host in (socket.AF_INET, '127.0.0.1'), (socket.AF_INET6, '::1'):\n"
              "    s = socket.socket(family, socket.SOCK_STREAM)\n"
              "    s.connect((host, int(sys.argv[1])))\n"
              "    s.send(b'Hello')\n"
              "    print(s.recv(8192).decode(), s.getsockopt(socket.SOL_SOCKET, socket.SO_PROTOCOL))\n")
    # Multipath TCP speaks with TCP; Linnet with Linnet.
    transport = "linnet" if protocol == IPPROTO_LINNET else "tcp"
    with Daemon("linnet-echod", "--transport", transport, ports=("--port", "0", "--time-port", "0")) as d:
        p = run(sys.executable, "-c", client, str(d.port(transport)), path=path)
        equal((p.stdout, p.returncode), (f"Hello {protocol}\n" * 2, 0), p.stderr)


@test("the program has the launcher's process id and parent")
def _():
    path, _ = launcher()
    p = subprocess.Popen([path, "run", "sh", "-c", "echo $$ $PPID"], stdout=subprocess.PIPE, text=True)
    out, _ = p.communicate(timeout=PATIENCE)
    equal(out.split(), [str(p.pid), str(os.getpid())])


@test("exit status and death by signal are the program's")
def _():
    equal(run("sh", "-c", "exit 7").returncode, 7)
    equal(run("sh", "-c", "kill -KILL $$").returncode, -signal.SIGKILL)


class Probe:
    """probe lines, under the launcher; the supervisor is known by a word in its environment."""

    def __init__(self, *wrapper):
        path, self.protocol = launcher()
        self.word = uuid.uuid4().hex
        self.process = subprocess.Popen(
            [path, "run", *wrapper, helper("probe"), "lines"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=dict(os.environ, LINNET_TEST=self.word), start_new_session=True)

    def ask(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        equal(self.process.stdout.readline(), f"{self.protocol}\n", "protocol")

    def supervisors(self):
        found = []
        for pid in os.listdir("/proc"):
            try:
                if pid.isdigit() and open(f"/proc/{pid}/comm", encoding="ascii").read() == "linnet-run\n" and \
                   self.word in open(f"/proc/{pid}/environ", encoding="latin-1").read():
                    found.append(int(pid))
            except OSError:
                pass
        return found

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(PATIENCE)


@test("the supervisor ends with the last process of the tree, not before")
def _():
    # The shell leaves a child behind and ends.
    with Probe("sh", "-c", 'exec 3<&0; "$@" <&3 & exit 0', "sh") as p:
        p.ask()
        equal(len(p.supervisors()), 1, "supervisors")
        equal(p.process.wait(PATIENCE), 0)
        p.ask()
        equal(len(p.supervisors()), 1, "supervisors")
        p.process.stdin.close()
        until(lambda: not p.supervisors(), "the supervisor to end")


@test("ctrl-C and SIGTERM to all that the program can signal do not end the supervisor")
def _():
    with Probe() as p:
        p.ask()
        os.killpg(p.process.pid, signal.SIGINT)
        for pid in p.supervisors():
            assert os.getpgid(pid) != p.process.pid, "the supervisor is in the program's process group"
            os.kill(pid, signal.SIGTERM)
        p.ask()


@test("the program's output ends with the program, though a daemon of its stays")
def _():
    path, _ = launcher()
    # The write end of a pipe that the daemon holds alone tells of its life.
    p = subprocess.run([path, "run", "sh", "-c", "sleep 1000 </dev/null >/dev/null 2>&1 & echo $!"],
                       stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=True)
    os.kill(int(p.stdout), signal.SIGKILL)


@test("the supervisor holds none of the launcher's descriptors")
def _():
    path, _ = launcher()
    r, w = os.pipe()
    os.set_inheritable(w, True)
    word = Probe.__new__(Probe)
    word.word = uuid.uuid4().hex
    p = subprocess.Popen([path, "run", "sh", "-c", "exec 9>&-; read x", "sh"], stdin=subprocess.PIPE,
                         pass_fds=(w,), env=dict(os.environ, LINNET_TEST=word.word))
    os.close(w)
    pid = until(word.supervisors, "the supervisor")[0]
    link = os.readlink(f"/proc/self/fd/{r}")

    def holds():
        try:
            return link in [os.readlink(f"/proc/{pid}/fd/{f}") for f in os.listdir(f"/proc/{pid}/fd")]
        except OSError:
            return True     # one was closed meanwhile: look again
    until(lambda: not holds(), "the pipe to be closed in the supervisor")
    p.communicate(b"\n", timeout=PATIENCE)
    os.close(r)


@test("in another network namespace of the program's making (root)")
def _():
    if os.geteuid():
        raise Skip("needs root")
    good(run("unshare", "--net", helper("probe"), "namespace"))
    # Threads of one program and children of one shell differ in namespace.
    good(run("sh", "-c", 'unshare --net "$0" namespace && "$0" namespace', helper("probe")))


@test("in another network namespace of the program's making (not root)")
def _():
    if os.geteuid():
        raise Skip("needs root to become nobody")
    user = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    if subprocess.run(["unshare", "--user", "--net", "true"], stderr=subprocess.DEVNULL, check=False,
                      **user).returncode:
        raise Skip("no user namespaces for users here")
    good(run("unshare", "--user", "--map-root-user", "--net", helper("probe"), "namespace", **user))


@test("without privilege too")
def _():
    if os.geteuid():
        raise Skip("needs root to become nobody")
    good(run(helper("probe"), "sockets", user=NOBODY, group=NOBODY, extra_groups=[]))


@test("a process whose namespace cannot be told is left to TCP, with a word")
def _():
    if os.geteuid():
        raise Skip("needs root to become nobody")
    user = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    p = run(helper("probe"), "undumpable", **user)
    equal((p.returncode, p.stdout), (0, "protocol 6\n"))
    refused(p, 0, "network namespace", "TCP")
    p = run(helper("probe"), "undumpable", strict=True, **user)
    equal((p.returncode, p.stdout), (0, "Permission denied\n"))
    refused(p, 0, "network namespace", "refused")


@test("a launcher inside a launcher has nothing to add")
def _():
    path, _ = launcher()
    p = run(path, "run", helper("probe"), "sockets")
    refused(p, 0, "already inside linnet run")
    refused(run(path, "run", "--strict", "true"), 125, "already inside linnet run")


@test("another's seccomp supervisor above: one line, exit status 125")
def _():
    path, _ = launcher()
    p = subprocess.run([helper("probe"), "listener", path, "run", "true"], capture_output=True, text=True,
                       timeout=PATIENCE, check=False)
    refused(p, 125, "seccomp supervisor")


@test("a program that is not there: 127; that cannot be run: 126")
def _():
    for path in {program("linnet"), launcher()[0]}:
        p = run("/nonexistent/program", path=path)
        equal(p.returncode, 127)
        equal(p.stderr.splitlines()[-1], "linnet run: /nonexistent/program: No such file or directory")
        p = run("/dev/null", path=path)
        equal(p.returncode, 126)
        assert "/dev/null: Permission denied" in p.stderr, p.stderr


@test("without the module: TCP with a word, or with --strict a refusal")
def _():
    if MODULE:
        raise Skip("the module is loaded")
    path = program("linnet")
    p = run(helper("probe"), "sockets", path=path, expect=socket.IPPROTO_TCP)
    refused(p, 0, "not loaded", "using TCP")
    refused(run("true", path=path, strict=True), 125, "not loaded", "--strict")


@test("a wrong command line: one line")
def _():
    def linnet(*args):
        return subprocess.run([program("linnet"), *args], capture_output=True, text=True, timeout=PATIENCE, check=False)
    refused(linnet(), 2, "run, ladder, ss, version or help")
    refused(linnet("nonsense"), 2, "nonsense", "run, ladder, ss, version or help")
    refused(linnet("run"), 125, "which program?")
    refused(linnet("run", "--nonsense", "true"), 125, "--nonsense")
    for args in (("help",), ("--help",), ("run", "--help"), ("version",), ("--version",)):
        p = linnet(*args)
        equal((p.returncode, p.stderr), (0, ""), f"{args}")
        assert p.stdout, args
    # What follows the program is the program's.
    equal(run("sh", "-c", 'echo "$*"', "sh", "--strict").stdout, "--strict\n")


if __name__ == "__main__":
    main()
