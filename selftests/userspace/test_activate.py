#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""linnet activate: programs that find their sockets open."""
import json
import os
import socket
import subprocess
import sys
import tempfile

from harness import IPPROTO_LINNET, MODULE, PATIENCE, equal, has_protocol, main, need, program, test

# What the program finds, told as JSON: its environment, and each descriptor's socket.
TELL = r"""
import json, os, socket, sys
n = int(os.environ["LISTEN_FDS"])
sockets = []
for fd in range(3, 3 + n):
    s = socket.socket(fileno=fd)
    sockets.append({
        "family": s.family.name, "type": s.type.name, "protocol": s.proto, "name": s.getsockname()[:2],
        "listening": s.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN),
        "reuse": s.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR),
        "v6only": s.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) if s.family == socket.AF_INET6 else None,
        "inherited": os.get_inheritable(fd)})
others = sorted(int(fd) for fd in os.listdir("/proc/self/fd") if int(fd) >= 3 + n)
links = [fd for fd in others if os.path.exists(f"/proc/self/fd/{fd}")
         and os.readlink(f"/proc/self/fd/{fd}").startswith("socket:")]
print(json.dumps({"pid": os.getpid(), "listen_pid": int(os.environ["LISTEN_PID"]),
                  "names": os.environ["LISTEN_FDNAMES"].split(":"), "sockets": sockets,
                  "other_sockets": links, "arguments": sys.argv[1:]}))
"""

# Accepts one connection on descriptor 3 and echoes to its end.
ECHO = r"""
import socket
s = socket.socket(fileno=3)
print(s.getsockname()[1], flush=True)
c, _ = s.accept()
while True:
    data = c.recv(65536)
    if not data:
        break
    c.sendall(data)
"""

IPV6 = os.path.exists("/proc/net/if_inet6") and "00000000000000000000000000000001" in open(
    "/proc/net/if_inet6", encoding="ascii").read()


def run(*args, **more):
    return subprocess.run([program("linnet"), "activate", *args], capture_output=True, text=True, timeout=PATIENCE,
                          check=False, stdin=subprocess.DEVNULL, **more)


def told(*args, **more):
    p = run(*args, "--", sys.executable, "-c", TELL, "--udp", "x", **more)
    equal(p.returncode, 0, p.stderr)
    got = json.loads(p.stdout)
    equal(got["listen_pid"], got["pid"], "LISTEN_PID")
    equal(got["arguments"], ["--udp", "x"], "the program's arguments")
    equal(got["other_sockets"], [], "sockets left over")
    equal(len(got["names"]), len(got["sockets"]), "LISTEN_FDNAMES")
    for s in got["sockets"]:
        equal(s["inherited"], True, "inheritable")
        if s["type"] == "SOCK_STREAM":
            equal((s["listening"], s["reuse"]), (1, 1), "listening, SO_REUSEADDR")
        if s["family"] == "AF_INET6":
            equal(s["v6only"], 1, "IPV6_V6ONLY")
    return got


def refused(status, *words, args=(), transport="tcp", command=("--", "true")):
    p = run("--transport", transport, *args, *command)
    equal((p.returncode, p.stdout), (status, ""), p.stderr)
    for word in words:
        assert word in p.stderr, f"no {word!r} in {p.stderr!r}"
    assert p.stderr.startswith("linnet activate: ") and p.stderr.count("\n") == 1, p.stderr


@test("one address on TCP")
def _():
    got = told("--transport=tcp", "127.0.0.1:0")
    s = got["sockets"][0]
    equal((s["family"], s["type"], s["protocol"], s["name"][0]),
          ("AF_INET", "SOCK_STREAM", socket.IPPROTO_TCP, "127.0.0.1"), "socket")
    assert s["name"][1], "no port"
    equal(got["names"], ["tcp"], "names")


@test("any address is IPv4 and IPv6 on one port")
def _():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    got = told("--transport=tcp", f"*:{port}")
    expected = [["0.0.0.0", port]] + ([["::", port]] if IPV6 else [])
    equal([s["name"] for s in got["sockets"]], expected, "addresses")


@test("UDP, and names, for the addresses that follow")
def _():
    got = told("--transport=tcp", "127.0.0.1:0", "--udp", "--name=dns", "127.0.0.2:0", "127.0.0.3:0",
               "--transport=tcp", "127.0.0.4:0")
    equal([(s["type"], s["name"][0]) for s in got["sockets"]],
          [("SOCK_STREAM", "127.0.0.1"), ("SOCK_DGRAM", "127.0.0.2"), ("SOCK_DGRAM", "127.0.0.3"),
           ("SOCK_STREAM", "127.0.0.4")], "sockets")
    equal(got["names"], ["tcp", "dns", "dns", "dns"], "names")


@test("both transports, protocol 253 first")
def _():
    need(IPPROTO_LINNET)
    got = told("--transport=both", "127.0.0.1:0", *(["[::1]:0"] if IPV6 else []))
    equal([s["protocol"] for s in got["sockets"]], [IPPROTO_LINNET, socket.IPPROTO_TCP] * (2 if IPV6 else 1), "protocols")
    equal(got["names"], ["linnet", "tcp"] * (2 if IPV6 else 1), "names")
    equal(told("127.0.0.1:0")["names"], ["linnet"], "the default")


@test("descriptors that were open already at these numbers")
def _():
    fds = [os.open("/dev/null", os.O_RDONLY) for _ in range(8)]
    try:
        got = told("--transport=tcp", *[f"127.0.0.{i}:0" for i in range(1, 7)], pass_fds=fds)
    finally:
        for fd in fds:
            os.close(fd)
    equal([s["name"][0] for s in got["sockets"]], [f"127.0.0.{i}" for i in range(1, 7)], "in order")


def echo_over(protocol, *args):
    with subprocess.Popen([program("linnet"), "activate", *args, "127.0.0.1:0", "--", sys.executable, "-c", ECHO],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as p:
        try:
            port = int(p.stdout.readline())
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM, protocol) as s:
                s.settimeout(PATIENCE)
                s.connect(("127.0.0.1", port))
                s.sendall(b"hello")
                s.shutdown(socket.SHUT_WR)
                equal(s.makefile("rb").read(), b"hello", "echo")
            equal(p.wait(PATIENCE), 0, "exit status")
        finally:
            if p.poll() is None:
                p.kill()


@test("a connection to a program, on TCP")
def _():
    echo_over(socket.IPPROTO_TCP, "--transport=tcp")


@test("a connection to a program, on protocol 253")
def _():
    need(IPPROTO_LINNET)
    echo_over(IPPROTO_LINNET)


@test("exit statuses, and the process is the program's")
def _():
    equal(run("--transport=tcp", "127.0.0.1:0", "--", "sh", "-c", "exit 7").returncode, 7, "the program's")
    refused(127, "/nonexistent", "No such file", args=["127.0.0.1:0"], command=("--", "/nonexistent"))
    refused(126, "/", "Permission denied", args=["127.0.0.1:0"], command=("--", "/"))
    with tempfile.NamedTemporaryFile(prefix="linnet-test-") as f:
        refused(126, f.name, "Permission denied", args=["127.0.0.1:0"], command=("--", f.name))


@test("what is wrong is told, with what is allowed")
def _():
    refused(125, "which addresses?")
    refused(125, "which program?", args=["127.0.0.1:0"], command=())
    refused(125, "which program?", args=["127.0.0.1:0"], command=("--",))
    for bad in ("80", ":80", "localhost:80", "1.2.3:80", "[::1:80", "::1:80", "[::1%nosuch]:80", "[]:80", "x" * 200 + ":80"):
        refused(125, f"'{bad}' is no address", "allowed are", args=[bad])
    for bad in ("65536", "-1", "", "+1", "8o", "99999999999999999999"):
        refused(125, f"'{bad}' is not a port from 0 to 65535", args=[f"127.0.0.1:{bad}"])
    refused(125, "'udp' is not linnet, tcp or both", transport="udp")
    for bad in ("", "a:b", "a b", "x" * 256):
        refused(125, f"'{bad}' is no name", "allowed are", args=["--name", bad])
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        refused(125, "(tcp): Address already in use", args=[f"127.0.0.1:{taken.getsockname()[1]}"])
    refused(125, "Cannot assign requested address", args=["192.0.2.1:0"])


@test("without the module, protocol 253 is refused and TCP is not taken instead")
def _():
    if MODULE or has_protocol(IPPROTO_LINNET):
        equal(told("127.0.0.1:0")["sockets"][0]["protocol"], IPPROTO_LINNET, "protocol")
    else:
        refused(125, "no socket of protocol 253", "not loaded", args=["127.0.0.1:0"], transport="linnet")


if __name__ == "__main__":
    main()
