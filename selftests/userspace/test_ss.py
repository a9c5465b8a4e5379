#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""linnet ss: the sockets of protocol 253, as ss(8) shows them."""
import shutil
import socket
import subprocess

from harness import IPPROTO_LINNET, MODULE, PATIENCE, Skip, equal, main, need, program, test, until


def ss(*args, status=0):
    p = subprocess.run([program("linnet"), "ss", *args], capture_output=True, text=True, timeout=PATIENCE, check=False)
    equal(p.returncode, status, f"exit status ({p.stderr})")
    return p.stderr if status else p.stdout


def lines(*args):
    """What is shown below the heading."""
    return ss("-n", *args).splitlines()[1:]


def pair(family, host):
    """A listener and both ends of a connection."""
    listener = socket.socket(family, socket.SOCK_STREAM, IPPROTO_LINNET)
    listener.bind((host, 0))
    listener.listen(7)
    client = socket.socket(family, socket.SOCK_STREAM, IPPROTO_LINNET)
    client.connect(listener.getsockname())
    return listener, client, listener.accept()[0]


def here():
    need(IPPROTO_LINNET)
    if not shutil.which("ss"):
        raise Skip("no ss here: it is in the package iproute2")


@test("a listener and a connection, IPv4 and IPv6")
def _():
    here()
    for family, host, shown in ((socket.AF_INET, "127.0.0.1", "127.0.0.1"), (socket.AF_INET6, "::1", "[::1]")):
        listener, client, server = pair(family, host)
        port, other = listener.getsockname()[1], client.getsockname()[1]
        client.sendall(b"x" * 1234)
        ours = f"sport = :{port} or dport = :{port}"
        until(lambda: any(line.split()[:2] == ["ESTAB", "1234"] for line in lines(ours)), "the data to arrive")
        connected = [line.split()[3:5] for line in lines(ours)]
        equal(sorted(connected), sorted([[f"{shown}:{port}", f"{shown}:{other}"],
                                         [f"{shown}:{other}", f"{shown}:{port}"]]), "connected")
        listening = [line.split()[:4] for line in lines("-l", ours)]
        equal(listening, [["LISTEN", "0", "7", f"{shown}:{port}"]], "listening")
        equal(len(lines("-a", ours)), 3, "all")
        wrong = "-6" if family == socket.AF_INET else "-4"
        equal(lines("-a", wrong, ours), [], f"with {wrong}")
        told = " ".join(lines("-i", f"sport = :{other}"))
        congestion = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16).rstrip(b"\0").decode()
        for word in (congestion, "cwnd:", "bytes_sent:1234", "rto:"):
            assert word in told, f"no {word} in {told}"
        for s in (listener, client, server):
            s.close()


@test("not shown among TCP's")
def _():
    here()
    listener, client, server = pair(socket.AF_INET, "127.0.0.1")
    port = listener.getsockname()[1]
    p = subprocess.run(["ss", "-Htan", f"sport = :{port}"], capture_output=True, text=True, timeout=PATIENCE, check=True)
    equal(p.stdout, "", "TCP's sockets")
    for s in (listener, client, server):
        s.close()


@test("a wrong command line, and no module: one line")
def _():
    for args, words in ((["-K"], "-K"), (["state", "established"], "state"), (["--kill"], "--kill")):
        told = ss(*args, status=2)
        assert words in told and len(told.splitlines()) == 1, told
    assert "FILTER" in ss("--help")
    if not MODULE:
        told = ss(status=1)
        assert "253" in told and len(told.splitlines()) == 1, told


if __name__ == "__main__":
    main()
