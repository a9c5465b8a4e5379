#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""linnet ladder, on captures made by hand, built with ASan and UBSan."""
import os
import random
import socket
import struct
import subprocess
import tempfile

from harness import PATIENCE, equal, helper, main, test

ETHERNET, RAW, COOKED, COOKED2 = 1, 101, 113, 276
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
A, B = ("192.0.2.1", 40000), ("192.0.2.2", 80)
A6, B6 = ("2001:db8::1", 40000), ("2001:db8::2", 80)
MSS, SACK_OK, WSCALE7 = b"\2\4\5\xb4", b"\4\2", b"\1\3\3\7"


def segment(src, dst, flags, seq, ack=0, data=0, window=1000, options=b"", protocol=253):
    """An IP packet."""
    options += b"\0" * (-len(options) % 4)
    header = struct.pack("!HHIIBBHHH", src[1], dst[1], seq % 2**32, ack % 2**32, (5 + len(options) // 4) << 4, flags,
                         window, 0, 0)
    payload = header + options + b"x" * data
    if ":" in src[0]:
        return (struct.pack("!IHBB", 6 << 28, len(payload), protocol, 64) + socket.inet_pton(socket.AF_INET6, src[0]) +
                socket.inet_pton(socket.AF_INET6, dst[0]) + payload)
    return (struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0, 64, protocol, 0) + socket.inet_aton(src[0]) +
            socket.inet_aton(dst[0]) + payload)


def framed(packet, link):
    kind = b"\x86\xdd" if packet[0] >> 4 == 6 else b"\x08\x00"
    if link == ETHERNET:
        return b"\2\0\0\0\0\1\2\0\0\0\0\2" + kind + packet
    if link == COOKED:
        return b"\0" * 14 + kind + packet
    if link == COOKED2:
        return kind + b"\0" * 18 + packet
    return packet


def pcap(packets, link=RAW, snaplen=65535):
    """packets: (ms, packet) each."""
    out = struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 262144, link)
    for ms, packet in packets:
        frame = framed(packet, link)
        us = round(ms * 1000) + 10**9
        out += struct.pack("<IIII", us // 10**6, us % 10**6, min(len(frame), snaplen), len(frame)) + frame[:snaplen]
    return out


def ladder(capture, *args, status=0):
    with tempfile.NamedTemporaryFile() as f:
        f.write(capture)
        f.flush()
        p = subprocess.run([helper("linnet-asan"), "ladder", *args, f.name], check=False, capture_output=True, text=True,
                           timeout=PATIENCE, env=dict(os.environ, LC_ALL="C"))
    equal(p.returncode, status, f"exit status ({p.stderr[-2000:]})")
    return p


def rungs(capture, *args):
    """[time, left state, direction, text, right state] of each rung."""
    out = []
    for line in ladder(capture, *args).stdout.splitlines():
        parts = line.split("|")
        if len(parts) != 3:
            continue
        text = parts[1]
        if text.startswith("--") or text.startswith("<-"):
            time, _, state = parts[0].strip().partition(" ")
            way = "<" if text.startswith("<") else ">"
            out.append([time, state.strip(), way, text.strip("<>-").strip(), parts[2].strip()])
        else:
            out[-1][3] += " " + text.strip()
    return out


def connection(a=A, b=B, isn=(2**32 - 2, 5000), protocol=253):
    """Handshake, a question, an answer with a loss repaired, the close. The numbers wrap."""
    x, y = isn

    def one(ms, up, flags, seq, ack, data=0, **kw):
        s, d = (a, b) if up else (b, a)
        mine, other = (x, y) if up else (y, x)
        return ms, segment(s, d, flags, mine + seq, other + ack if flags & ACK else 0, data, protocol=protocol, **kw)

    def sack(start, end):
        return b"\1\1\5\x0a" + struct.pack("!II", (y + start) % 2**32, (y + end) % 2**32)

    return [
        one(0, True, SYN, 0, 0, options=MSS + SACK_OK + WSCALE7),
        one(10, False, SYN | ACK, 0, 1, options=MSS + SACK_OK + WSCALE7),
        one(20, True, ACK, 1, 1),
        one(21, True, PSH | ACK, 1, 1, 50),
        one(31, False, ACK, 1, 51, 1000),
        one(32, False, ACK, 2001, 51, 1000),
        one(33, True, ACK, 51, 1001, options=sack(2001, 3001)),
        one(53, False, ACK, 1001, 51, 1000),
        one(54, True, ACK, 51, 3001),
        one(60, True, FIN | ACK, 51, 3001),
        one(70, False, ACK, 3001, 52),
        one(71, False, FIN | ACK, 3001, 52),
        one(80, True, ACK, 52, 3002),
    ]


EXPECTED = [
    ["0.000", "SYN-SENT", ">", "SYN seq=0 win=1000 mss=1460 wscale=7 sack-ok", "SYN-RECEIVED"],
    ["10.000", "ESTABLISHED", "<", "SYN,ACK seq=0 ack=1 win=1000 mss=1460 wscale=7 sack-ok", ""],
    ["20.000", "", ">", "ACK seq=1 ack=1 win=128000", "ESTABLISHED"],
    ["21.000", "", ">", "PSH,ACK seq=1 ack=1 len=50 win=128000", ""],
    ["31.000", "", "<", "ACK seq=1 ack=51 len=1000 win=128000", ""],
    ["32.000", "", "<", "ACK seq=2001 ack=51 len=1000 win=128000", ""],
    ["33.000", "", ">", "ACK seq=51 ack=1001 win=128000 sack=2001-3001", ""],
    ["53.000", "", "<", "ACK seq=1001 ack=51 len=1000 win=128000 [retransmission]", ""],
    ["54.000", "", ">", "ACK seq=51 ack=3001 win=128000", ""],
    ["60.000", "FIN-WAIT-1", ">", "FIN,ACK seq=51 ack=3001 win=128000", "CLOSE-WAIT"],
    ["70.000", "FIN-WAIT-2", "<", "ACK seq=3001 ack=52 win=128000", ""],
    ["71.000", "TIME-WAIT", "<", "FIN,ACK seq=3001 ack=52 win=128000", "LAST-ACK"],
    ["80.000", "", ">", "ACK seq=52 ack=3002 win=128000", "CLOSED"],
]


def link_test(name, link):
    @test(f"a whole connection, {name}: numbers, windows, options, states, a retransmission")
    def _():
        equal(rungs(pcap(connection(), link), "--all"), EXPECTED, "IPv4")
        equal(rungs(pcap(connection(A6, B6), link), "--all"), EXPECTED, "IPv6")


link_test("Ethernet", ETHERNET)
link_test("Linux cooked", COOKED)
link_test("Linux cooked version 2", COOKED2)
link_test("raw IP", RAW)


@test("Ethernet with a VLAN tag")
def _():
    packets = [(ms, b"\0\5\x08\x00" + p) for ms, p in connection()]
    capture = pcap(packets, ETHERNET).replace(b"\x08\x00\0\5\x08\x00", b"\x81\x00\0\5\x08\x00")
    equal(rungs(capture, "--all"), EXPECTED)


@test("headers alone are enough, and cut options are told")
def _():
    equal(rungs(pcap(connection(), RAW, 60), "--all"), EXPECTED)
    first = rungs(pcap(connection(), RAW, 44), "--all")[0]
    equal(first[3], "SYN seq=0 win=1000 mss=1460 (options not captured)")


@test("the protocol and the port asked for, among others")
def _():
    other = connection(("192.0.2.9", 1234), ("192.0.2.2", 8080), (7, 9))
    tcp = connection(("192.0.2.7", 1), ("192.0.2.8", 2), (1, 2), 6)
    capture = pcap([p for three in zip(tcp, other, connection()) for p in three])
    equal(ladder(capture).stdout.splitlines()[0].split()[1:], ["192.0.2.9:1234", "192.0.2.2:8080"])
    for port in ("80", "40000"):
        equal(rungs(capture, "--all", "--port", port), EXPECTED, port)
    equal(ladder(capture, "--tcp").stdout.splitlines()[0].split()[1:], ["192.0.2.7:1", "192.0.2.8:2"])
    assert "no connection of protocol 253 with port 99" in ladder(capture, "--port", "99", status=1).stderr


@test("long phases are counted, not shown")
def _():
    x, y = 2**32 - 2 + 51, 5001
    packets = connection()[:4] + [(25, segment(A, B, ACK, x, y, window=20000))]
    packets += [(30 + i / 100, segment(B, A, ACK, y + 1000 * i, x, 1000)) for i in range(1200)]
    y += 1200 * 1000
    packets += [(60, segment(A, B, FIN | ACK, x, y)), (70, segment(B, A, FIN | ACK, y, x + 1)),
                (80, segment(A, B, ACK, x + 1, y + 1))]
    out = ladder(pcap(packets)).stdout
    assert "<- 1,198 segments, 1.1 MB; 12 ms" in out, out
    equal(len(rungs(pcap(packets))), 10)
    equal(len(rungs(pcap(packets), "--all")), 1208)
    assert "sent 1,202 segments, 1.1 MB of data, 0 retransmitted" in out, out


@test("out of order is told from retransmitted, and both ways of seeing the latter")
def _():
    def data(ms, seq):
        return ms, segment(B, A, ACK, 5000 + seq, 2**32 - 2 + 51, 1000)

    got = rungs(pcap(connection()[:4] + [data(30, 1), data(31, 2001), data(32, 1001), data(33, 1), data(34, 4001),
                                         data(60, 3001)]), "--all")
    equal([r[3].partition("[")[2] for r in got[4:]], ["", "", "out of order]", "retransmission]", "",
                                                      "retransmission]"])


@test("a refused connection, a reset, both sides closing at once, an open from both sides")
def _():
    x, y = 100, 200
    equal([(r[1], r[4]) for r in rungs(pcap([(0, segment(A, B, SYN, x)), (1, segment(B, A, RST | ACK, 0, x + 1))]))],
          [("SYN-SENT", ""), ("CLOSED", "CLOSED")], "refused")
    start = [(0, segment(A, B, SYN, x)), (1, segment(B, A, SYN | ACK, y, x + 1)), (2, segment(A, B, ACK, x + 1, y + 1))]
    opened = [("SYN-SENT", "SYN-RECEIVED"), ("ESTABLISHED", ""), ("", "ESTABLISHED")]
    equal([(r[1], r[4]) for r in rungs(pcap(start + [(3, segment(B, A, RST, y + 1))]))],
          opened + [("CLOSED", "CLOSED")], "reset")
    both = start + [(3, segment(A, B, FIN | ACK, x + 1, y + 1)), (4, segment(B, A, FIN | ACK, y + 1, x + 1)),
                    (5, segment(A, B, ACK, x + 2, y + 2)), (6, segment(B, A, ACK, y + 2, x + 2))]
    equal([(r[1], r[4]) for r in rungs(pcap(both))][3:],
          [("FIN-WAIT-1", "CLOSE-WAIT"), ("CLOSING", "LAST-ACK"), ("", "CLOSED"), ("TIME-WAIT", "")], "the close")
    crossed = [(0, segment(A, B, SYN, x)), (1, segment(B, A, SYN, y)), (2, segment(A, B, SYN | ACK, x, y + 1)),
               (3, segment(B, A, SYN | ACK, y, x + 1))]
    equal([(r[1], r[4]) for r in rungs(pcap(crossed))][-1][0], "ESTABLISHED", "simultaneous open")


@test("command lines and files that are none: one clear line, a proper status")
def _():
    for args in ([], ["a", "b"], ["--port", "0", "a"], ["--port", "x", "a"], ["--names", "a", "a"], ["--nonsense"],
                 ["--width", "79", "a"], ["-i", "lo", "a"]):
        p = subprocess.run([helper("linnet-asan"), "ladder", *args], check=False, capture_output=True, text=True)
        equal((p.returncode, len(p.stderr.splitlines()), p.stdout), (2, 1, ""), f"{args}: {p.stderr}")
    for capture in (b"", b"nonsense" * 9, pcap([])[:20], pcap(connection())[:24], pcap(connection(), 147)):
        equal(len(ladder(capture, status=1).stderr.splitlines()), 1)
    p = ladder(pcap(connection())[:-3], status=1)
    assert "truncated" in p.stderr and "SYN-SENT" in p.stdout, p


@test("hostile packets: each cut short, and 20,000 with octets changed")
def _():
    whole = connection()
    for link in (ETHERNET, RAW, COOKED, COOKED2):
        for snaplen in range(1, 110):
            ladder_any(pcap(whole * 2, link, snaplen))
    rng = random.Random(253)
    for _ in range(20):
        packets = connection(*rng.choice([(A, B), (A6, B6)]))[:3]
        for i in range(1000):
            data = bytearray(rng.choice(whole + connection(A6, B6))[1])
            for _ in range(rng.randrange(1, 8)):
                data[rng.randrange(len(data[:90]))] = rng.randrange(256)
            packets.append((30 + i / 10, bytes(data)))
        ladder_any(pcap(packets), "--all")


def ladder_any(capture, *args):
    """Whatever it prints, it ends by itself, and no sanitizer has a word."""
    p = subprocess.run([helper("linnet-asan"), "ladder", *args, "-"], check=False, input=capture, capture_output=True,
                       timeout=PATIENCE)
    assert p.returncode in (0, 1), p
    assert b"Sanitizer" not in p.stderr and b"runtime error" not in p.stderr, p.stderr[-2000:]


if __name__ == "__main__":
    main()
