# SPDX-License-Identifier: GPL-2.0-or-later
"""An HTTP/2 client made of frames, by python3-hyperframe and python3-hpack: it may do
what it should not, and sees what is on the wire."""
import select
import struct
import time

from hpack import Decoder, Encoder
from hyperframe.frame import (ContinuationFrame, DataFrame, Frame, GoAwayFrame, HeadersFrame,
                              PingFrame, PushPromiseFrame, RstStreamFrame, SettingsFrame,
                              WindowUpdateFrame)

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT = range(5)
STREAM_CLOSED, FRAME_SIZE_ERROR, REFUSED_STREAM, CANCEL, COMPRESSION_ERROR = range(5, 10)
ENHANCE_YOUR_CALM = 11
# SETTINGS
TABLE_SIZE, ENABLE_PUSH, MAX_STREAMS, WINDOW, FRAME_SIZE, HEADER_LIST, NO_7540 = 1, 2, 3, 4, 5, 6, 9


class Closed(Exception):
    """The server closed the connection."""


class Answer:
    """What arrived on a stream."""

    def __init__(self):
        self.interim, self.fields, self.trailers = [], None, None
        self.data, self.ended, self.reset = b"", False, None

    @property
    def status(self):
        return int(dict(self.fields)[":status"])

    def __getitem__(self, name):
        return dict(self.fields)[name]


class Client:
    """A connection; @auto: acknowledge SETTINGS and PING, and give back windows."""

    def __init__(self, sock, settings=None, auto=True, hello=True, patience=20):
        self.sock, self.auto, self.patience = sock, auto, patience
        self.buffer, self.frames = b"", []
        self.encoder, self.decoder = Encoder(), Decoder()
        self.answers, self.promises, self.block = {}, {}, None
        self.goaway, self.settings, self.closed = None, None, False
        self.next_id = 1
        if hello:
            self.send(PREFACE, SettingsFrame(0, settings=settings or {}))

    def send(self, *frames):
        data = b"".join(f if isinstance(f, bytes) else f.serialize() for f in frames)
        self.sock.sendall(data)

    def head(self, path, method="GET", extra=(), authority="h", scheme="http"):
        fields = [(":method", method), (":scheme", scheme)]
        if authority is not None:
            fields.append((":authority", authority))
        return self.encoder.encode(fields + [(":path", path), *extra])

    def request_frame(self, path, method="GET", extra=(), end=True, stream=None, **more):
        f = HeadersFrame(stream or self.next_id, flags=["END_HEADERS"],
                         data=self.head(path, method, extra, **more))
        if end:
            f.flags.add("END_STREAM")
        if not stream:
            self.next_id += 2
        return f

    def request(self, path, method="GET", extra=(), end=True, **more):
        f = self.request_frame(path, method, extra, end, **more)
        self.send(f)
        return f.stream_id

    def data(self, stream, data=b"", end=False):
        self.send(DataFrame(stream, data, flags=["END_STREAM"] if end else []))

    def update(self, stream, n):
        self.send(WindowUpdateFrame(stream, window_increment=n))

    def answer(self, stream):
        return self.answers.setdefault(stream, Answer())

    def _headers(self, f):
        if isinstance(f, (HeadersFrame, PushPromiseFrame)):
            self.block = [f, f.data, len(f.serialize())]
        else:
            self.block[1] += f.data
        if "END_HEADERS" not in f.flags:
            return
        first, block, _ = self.block
        fields = self.decoder.decode(block)
        if isinstance(first, PushPromiseFrame):
            self.promises[first.promised_stream_id] = (first.stream_id, dict(fields))
            return
        a = self.answer(first.stream_id)
        if a.fields is not None:
            a.trailers = fields
        elif dict(fields)[":status"].startswith("1"):
            a.interim.append(fields)
        else:
            a.fields = fields
        a.ended = a.ended or "END_STREAM" in first.flags

    def _handle(self, f):
        if isinstance(f, (HeadersFrame, PushPromiseFrame, ContinuationFrame)):
            self._headers(f)
        elif isinstance(f, DataFrame):
            a = self.answer(f.stream_id)
            a.data += f.data
            a.ended = a.ended or "END_STREAM" in f.flags
            if self.auto and f.flow_controlled_length:
                self.update(0, f.flow_controlled_length)
                if not a.ended:
                    self.update(f.stream_id, f.flow_controlled_length)
        elif isinstance(f, RstStreamFrame):
            self.answer(f.stream_id).reset = f.error_code
        elif isinstance(f, GoAwayFrame):
            self.goaway = f
        elif isinstance(f, SettingsFrame) and "ACK" not in f.flags:
            self.settings = dict(f.settings)
            if self.auto:
                self.send(SettingsFrame(0, flags=["ACK"]))
        elif isinstance(f, PingFrame) and "ACK" not in f.flags and self.auto:
            self.send(PingFrame(0, f.opaque_data, flags=["ACK"]))

    def _parse(self):
        while len(self.buffer) >= 9:
            f, length = Frame.parse_frame_header(memoryview(self.buffer[:9]))
            if len(self.buffer) < 9 + length:
                return
            f.parse_body(memoryview(self.buffer[9:9 + length]))
            self.buffer = self.buffer[9 + length:]
            self.frames.append(f)
            try:
                self._handle(f)
            except (BrokenPipeError, ConnectionResetError):
                pass

    def read(self, wait):
        """Take in what arrives within that many seconds; false when nothing did."""
        if self.closed or (not getattr(self.sock, "pending", int)() and
                           not select.select([self.sock], [], [], wait)[0]):
            return False
        try:
            data = self.sock.recv(1 << 16)
        except ConnectionResetError:
            data = b""
        if not data:
            self.closed = True
        self.buffer += data
        self._parse()
        return True

    def until(self, condition, what=""):
        end = time.monotonic() + self.patience
        while not condition():
            if self.closed and not condition():
                raise Closed(f"the server closed, GOAWAY {self.goaway}, waiting for {what}")
            if time.monotonic() > end:
                raise AssertionError(f"waited in vain for {what}: {self.frames[-5:]}")
            self.read(0.05)

    def done(self, stream):
        a = self.answer(stream)
        self.until(lambda: a.ended or a.reset is not None, f"the end of stream {stream}")
        return a

    def get(self, path, **more):
        return self.done(self.request(path, **more))

    def ping(self):
        """All that was sent before was seen by the server."""
        mark = struct.pack(">d", time.monotonic())
        self.send(PingFrame(0, mark))
        self.until(lambda: any(isinstance(f, PingFrame) and f.opaque_data == mark
                               for f in self.frames), "PING's answer")

    def gone(self):
        """Wait for GOAWAY and the end; returns its error code."""
        end = time.monotonic() + self.patience
        while not self.closed:
            if time.monotonic() > end:
                raise AssertionError(f"not closed: {self.frames[-5:]}")
            self.read(0.05)
        if not self.goaway:
            raise AssertionError(f"closed without GOAWAY: {self.frames[-5:]}")
        return self.goaway.error_code

    def of(self, stream, kind=DataFrame):
        return [f for f in self.frames if isinstance(f, kind) and f.stream_id == stream]

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()
