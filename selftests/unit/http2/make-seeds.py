#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""make-seeds.py FOLDER: inputs for http2_fuzz, by python3-hpack; those in seeds/ are its."""
import os
import struct
import sys

from hpack import Encoder

OUT, SHORT, LONG, STOP, EOF = b"\xf8", b"\xfa", b"\xfb", b"\xfc", b"\xfd"


def later(what):
    return bytes([240, what])


def frame(kind, flags, stream, payload=b""):
    f = struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload
    # At most 239 octets a step
    return b"".join(bytes([len(f[i:i + 239])]) + f[i:i + 239] for i in range(0, len(f), 239))


def headers(stream, path, method="GET", end=True, extra=(), flags=4, encoder=None):
    block = (encoder or Encoder()).encode(
        [(":method", method), (":scheme", "http"), (":authority", "h:80"), (":path", path), *extra])
    return frame(1, flags | end, stream, block)


def trailers(stream, fields):
    return frame(1, 5, stream, Encoder().encode(fields))


def settings(*pairs):
    return frame(4, 0, 0, b"".join(struct.pack(">HI", k, v) for k, v in pairs))


ACK = frame(4, 1, 0)
SEEDS = {
    "get": ACK + headers(1, "/") + OUT + headers(3, "/x") + OUT,
    "echo": headers(1, "/e", "POST", False) + frame(0, 0, 1, b"abc") + frame(0, 1, 1, b"d") + OUT,
    "echo-trailers": headers(1, "/e", "POST", False) + frame(0, 0, 1, b"abc") + trailers(1, [("x", "y")]) + OUT,
    "expect": headers(1, "/e", "PUT", False, [("expect", "100-continue"), ("content-length", "2")]) + OUT +
    frame(0, 1, 1, b"xy") + OUT,
    "wait": headers(1, "/w", "POST", False) + frame(0, 0, 1, b"abc") + later(0) + frame(0, 1, 1, b"def") + OUT + OUT,
    "hold": headers(1, "/e", "POST", False) + frame(0, 0, 1, b"h") + frame(0, 1, 1, b"z" * 200) + later(32) + OUT,
    "file": headers(1, "/f") + OUT + frame(8, 0, 1, struct.pack(">I", 70000)) +
    frame(8, 0, 0, struct.pack(">I", 70000)) + OUT + OUT + OUT,
    "reset": headers(1, "/b") + frame(3, 0, 1, struct.pack(">I", 8)) + headers(3, "/w") + later(96) + OUT,
    "push": headers(1, "/p") + OUT + frame(3, 0, 2, struct.pack(">I", 8)) + OUT + later(0) + OUT,
    "no-push": settings((2, 0), (4, 10)) + headers(1, "/p") + OUT + OUT,
    "big": headers(1, "/b") + OUT + frame(8, 0, 1, struct.pack(">I", 1 << 20)) +
    frame(8, 0, 0, struct.pack(">I", 1 << 20)) + OUT + OUT + OUT + OUT,
    "small-window": settings((4, 1)) + headers(1, "/b") + OUT + frame(8, 0, 1, struct.pack(">I", 1)) + OUT,
    "priority": settings((9, 1)) + headers(1, "/f", extra=[("priority", "u=5, i")]) +
    frame(16, 0, 0, struct.pack(">I", 1) + b"u=0") + headers(3, "/b", extra=[("priority", "u=1")]) + OUT,
    "weights": frame(2, 0, 5, struct.pack(">IB", 3, 9)) + headers(5, "/f") + headers(7, "/b") + OUT,
    "continuation": frame(1, 1, 1, Encoder().encode([(":method", "GET"), (":scheme", "http")])) +
    frame(9, 4, 1, Encoder().encode([(":authority", "h"), (":path", "/")])) + OUT,
    "too-large": headers(1, "/", extra=[("x", "y" * 5000)]) + headers(3, "/" + "z" * 2000) + OUT,
    "cookies": headers(1, "/", extra=[("cookie", "a=1"), ("x", "y"), ("cookie", "b=2"), ("host", "h:80")]) + OUT,
    "bad-fields": headers(1, "/", extra=[("connection", "close")]) + headers(3, "/", extra=[("X", "y")]) +
    headers(5, "", "OPTIONS") + headers(7, "*", "OPTIONS") + headers(9, "/", "BREW") + OUT,
    "bad-length": headers(1, "/e", "POST", False, [("content-length", "5")]) + frame(0, 1, 1, b"abc") + OUT,
    "stop": headers(1, "/w") + STOP + OUT + frame(6, 1, 0, b"\0" * 8) + later(200) + OUT,
    "eof": headers(1, "/e", "POST", False) + EOF + OUT,
    "times": headers(1, "/w") + SHORT + OUT + headers(3, "/e", "POST", False) + LONG + OUT + LONG + LONG,
    "ping": frame(6, 0, 0, b"12345678") + settings((1, 0), (5, 20000)) + frame(7, 0, 0, b"\0" * 8) + OUT,
    "padding": frame(1, 0xd, 1, b"\4" + Encoder().encode(
        [(":method", "GET"), (":scheme", "http"), (":authority", "h"), (":path", "/")]) + b"\0" * 4) + OUT,
}

for name, seed in SEEDS.items():
    with open(os.path.join(sys.argv[1], name), "wb") as f:
        f.write(seed)
