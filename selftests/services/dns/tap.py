# SPDX-License-Identifier: GPL-2.0-or-later
"""
A listener for dnstap: Frame Streams with its handshake on a UNIX socket, and as much of Protocol
Buffers as its messages need.

	with Listener(path) as tap:
	    ...
	    for m in tap.said(number, 2):
	        m.type, m.query_message ...
"""
import os
import socket
import struct
import threading

from harness import equal, until

CONTENT_TYPE = b"protobuf:dnstap.Dnstap"
ACCEPT, START, STOP, READY, FINISH = range(1, 6)
AUTH_QUERY, AUTH_RESPONSE, CLIENT_QUERY, CLIENT_RESPONSE, UPDATE_QUERY, UPDATE_RESPONSE = 1, 2, 5, 6, 13, 14
INET, INET6 = 1, 2
UDP, TCP, DOT = 1, 2, 3
# Fields by number, and how they are on the wire: varint, octets, four octets
DNSTAP = {1: ("identity", 2), 2: ("version", 2), 3: ("extra", 2), 14: ("message", 2), 15: ("type", 0)}
MESSAGE = {1: ("type", 0), 2: ("socket_family", 0), 3: ("socket_protocol", 0), 4: ("query_address", 2),
           5: ("response_address", 2), 6: ("query_port", 0), 7: ("response_port", 0), 8: ("query_time_sec", 0),
           9: ("query_time_nsec", 5), 10: ("query_message", 2), 11: ("query_zone", 2), 12: ("response_time_sec", 0),
           13: ("response_time_nsec", 5), 14: ("response_message", 2)}


def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if not data[at - 1] & 128:
            return value, at


def fields(data, table):
    """A message's fields by name; one that is not in the table, or of another kind, is a mistake."""
    at, out = 0, {}
    while at < len(data):
        key, at = varint(data, at)
        name, kind = table[key >> 3]
        assert key & 7 == kind, f"{name} is of kind {key & 7}"
        if kind == 0:
            out[name], at = varint(data, at)
        else:
            size, at = varint(data, at) if kind == 2 else (4, at)
            assert at + size <= len(data), f"{name} is cut off"
            out[name] = data[at:at + size] if kind == 2 else struct.unpack("<I", data[at:at + 4])[0]
            at += size
    return out


class Message:
    """A payload; a field that is absent is None."""

    def __init__(self, frame):
        outer = fields(frame, DNSTAP)
        assert outer["type"] == 1, outer
        self.identity, self.version, self.extra = map(outer.get, ("identity", "version", "extra"))
        inner = fields(outer["message"], MESSAGE)
        for name, _ in MESSAGE.values():
            setattr(self, name, inner.get(name))

    @property
    def number(self):
        return struct.unpack("!H", (self.query_message or self.response_message)[:2])[0]

    @property
    def query_time(self):
        return self.query_time_sec + self.query_time_nsec / 1e9

    @property
    def response_time(self):
        return self.response_time_sec + self.response_time_nsec / 1e9


def control(kind, content_type=CONTENT_TYPE):
    payload = struct.pack("!I", kind)
    if content_type:
        payload += struct.pack("!II", 1, len(content_type)) + content_type
    return struct.pack("!II", 0, len(payload)) + payload


class Listener:
    """@answers: to the READY of each connection, the last one to all after; @read: take what comes."""

    def __init__(self, path, answers=(control(ACCEPT),), read=True):
        self.path, self.answers, self.read = path, list(answers), read
        self.frames, self.controls, self.errors, self.open = [], [], [], []
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(path)
        os.chmod(path, 0o777)
        self.socket.listen(8)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                s, _ = self.socket.accept()
            except OSError:
                return
            self.open.append(s)
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            threading.Thread(target=self._one, args=(s, answer), daemon=True).start()

    def _one(self, s, answer):
        try:
            f = s.makefile("rb")
            self._control(f)
            s.sendall(answer)
            if not self.read:
                self._control(f)
            while self.read:
                head = f.read(4)
                if not head:
                    return
                size = struct.unpack("!I", head)[0]
                if not size:
                    if self._control(f, escape=False) == STOP:
                        s.sendall(control(FINISH, None))
                else:
                    self.frames.append(f.read(size))
        except (OSError, ValueError) as e:
            self.errors.append(e)

    def _control(self, f, escape=True):
        if escape:
            assert f.read(4) == b"\0" * 4
        payload = f.read(struct.unpack("!I", f.read(4))[0])
        kind = struct.unpack("!I", payload[:4])[0]
        self.controls.append((kind, payload[4:]))
        return kind

    def kinds(self):
        return [kind for kind, _ in self.controls]

    def started(self):
        """All that the server receives and sends from now on comes, if it is in time."""
        until(lambda: START in self.kinds(), "START")

    def said(self, number, n):
        """The messages of the query with that number, of which there are @n."""
        def found():
            return [m for m in map(Message, list(self.frames)) if m.number == number]
        until(lambda: len(found()) >= n, f"{n} messages about {number}")
        equal(len(found()), n, f"messages about {number}")
        return found()

    def close(self):
        self.socket.close()
        os.unlink(self.path)
        for s in self.open:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            s.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()
