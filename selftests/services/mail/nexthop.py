# SPDX-License-Identifier: GPL-2.0-or-later
"""
What a relay meets, by threads of the test: a name server, and mail servers that do as they are told.

	with Names({"b.test": {"MX": [(10, "mx.b.test")]}, "mx.b.test": {"A": ["127.0.0.2"]}}) as names:
	    names.port
	with Hop("127.0.0.2") as hop:
	    hop.replies["RCPT"] = lambda s, arg: "450 4.2.1 later"
	    hop.messages                # [Message], in the order of their ends
"""
import re
import socket
import ssl
import struct
import threading
import time
import os
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../../userspace"))
# Behind: it has a linnet.py, too
sys.path.append(os.path.join(HERE, "../dns"))
# pylint: disable=wrong-import-position
from harness import PATIENCE
import wire


def _rdata(rtype, value):
    if rtype == "A":
        return socket.inet_aton(value)
    if rtype == "AAAA":
        return socket.inet_pton(socket.AF_INET6, value)
    if rtype == "MX":
        return struct.pack("!H", value[0]) + wire.name(value[1])
    return value


class Names:
    """
    @records: {name: {type: [value]}}, or {name: "SERVFAIL" | "silence"}; names that are not there are NXDOMAIN.
    Over UDP and TCP; @cut: every datagram is truncated.
    """

    def __init__(self, records, cut=False):
        self.records, self.cut, self.asked = {k.lower(): v for k, v in records.items()}, cut, []
        while True:
            self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.udp.bind(("127.0.0.1", 0))
            self.port = self.udp.getsockname()[1]
            self.tcp = socket.socket()
            self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                self.tcp.bind(("127.0.0.1", self.port))
                break
            except OSError:
                self.udp.close()
        self.tcp.listen(16)
        for run in (self._datagrams, self._streams):
            threading.Thread(target=run, daemon=True).start()

    def answer(self, data, stream):
        number, flags = struct.unpack_from("!HH", data)
        end = data.index(b"\0", 12) + 5
        question = data[12:end]
        qtype = struct.unpack_from("!H", question, len(question) - 4)[0]
        labels, i = [], 0
        while question[i]:
            labels.append(question[i + 1:i + 1 + question[i]].decode("latin-1"))
            i += 1 + question[i]
        name = ".".join(labels).lower()
        self.asked.append((name, wire.type_name(qtype), "tcp" if stream else "udp"))
        have = self.records.get(name)
        if have == "silence":
            return None
        rcode = 3 if have is None else 2 if have == "SERVFAIL" else 0
        answers = []
        if isinstance(have, dict):
            kind = wire.type_name(qtype)
            answers = [wire.rr(wire.name(name), qtype, wire.IN, 60, _rdata(kind, v)) for v in have.get(kind, ())]
        head = 0x8000 | 0x80 | (flags & 0x100) | rcode
        if self.cut and not stream:
            head, answers = head | 0x200, []
        return struct.pack("!6H", number, head, 1, len(answers), 0, 0) + question + b"".join(answers)

    def _datagrams(self):
        while True:
            try:
                data, peer = self.udp.recvfrom(65535)
            except OSError:
                return
            if not data:
                return
            reply = self.answer(data, False)
            if reply:
                self.udp.sendto(reply, peer)

    def _streams(self):
        while True:
            try:
                s, _ = self.tcp.accept()
            except OSError:
                return
            with s:
                try:
                    size = struct.unpack("!H", s.recv(2))[0]
                    reply = self.answer(s.recv(size), True)
                    if reply:
                        s.sendall(struct.pack("!H", len(reply)) + reply)
                except (OSError, struct.error):
                    pass

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        for s in (self.udp, self.tcp):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            s.close()


class Message:
    """What a hop took: @sender, @parameters, @recipients [(address, parameters)], @data, @session"""

    def __init__(self, session):
        self.session, self.sender, self.parameters, self.recipients, self.data = session, None, "", [], b""

    def to(self):
        return [r for r, _ in self.recipients]


class Cut(Exception):
    """Raised by a reply: the connection ends here."""


class Session:
    def __init__(self, hop, connection):
        self.hop, self.socket, self.file = hop, connection, connection.makefile("rwb")
        self.tls, self.lines, self.message, self.hello, self.auth = False, [], None, None, None

    def say(self, text):
        if text is None:
            return
        self.file.write(text.encode() if isinstance(text, str) else text)
        if not (text if isinstance(text, bytes) else text.encode()).endswith(b"\n"):
            self.file.write(b"\r\n")
        self.file.flush()

    def start_tls(self):
        self.socket = self.hop.context.wrap_socket(self.socket, server_side=True)
        self.file, self.tls = self.socket.makefile("rwb"), True

    def serve(self):
        self.say(self.hop.reply(self, "GREETING", ""))
        while True:
            line = self.file.readline(8192)
            if not line.endswith(b"\r\n"):
                return
            line = line[:-2].decode("utf-8", "surrogateescape")
            self.lines.append(line)
            verb, _, arg = line.partition(" ")
            self.command(verb.upper(), arg)
            if verb.upper() == "QUIT":
                return

    def command(self, verb, arg):
        reply = self.hop.reply(self, verb, arg)
        good = reply is not None and (reply if isinstance(reply, str) else reply.decode("latin-1"))[:1] in "23"
        if verb in ("EHLO", "HELO") and good:
            self.hello = verb
        if verb == "MAIL" and good:
            self.message = Message(self)
            m = re.fullmatch(r"FROM:<(.*?)>(.*)", arg)
            self.message.sender, self.message.parameters = m[1], m[2].strip()
        if verb == "RCPT" and good and self.message:
            m = re.fullmatch(r"TO:<(.*?)>(.*)", arg)
            self.message.recipients.append((m[1], m[2].strip()))
        if verb == "RSET":
            self.message = None
        self.say(reply)
        if verb == "STARTTLS" and good:
            self.start_tls()
        if verb == "DATA" and good:
            self.text()

    def text(self):
        lines = []
        while True:
            line = self.file.readline()
            if not line:
                return
            if line == b".\r\n":
                break
            lines.append(line[1:] if line.startswith(b".") else line)
        data = b"".join(lines)
        message, self.message = self.message, None
        reply = self.hop.reply(self, "TEXT", data)
        if message and message.recipients and reply and str(reply).startswith("2"):
            message.data = data
            self.hop.messages.append(message)
        self.say(reply)


class Hop:
    """
    A mail server at @address; @port 0: any. @keywords: of EHLO. @replies: {verb: a line, or a function of
    (session, argument)}; verbs are also GREETING and TEXT; a function may raise Cut.
    """
    KEYWORDS = ("PIPELINING", "8BITMIME", "SIZE 10000000", "DSN", "ENHANCEDSTATUSCODES", "SMTPUTF8")

    def __init__(self, address="127.0.0.1", port=0, keywords=KEYWORDS, certificate=None, protocol=socket.IPPROTO_TCP, **replies):
        self.keywords, self.replies, self.messages, self.sessions = list(keywords), dict(replies), [], []
        self.context = None
        if certificate:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*certificate)
            self.keywords.append("STARTTLS")
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.listener = socket.socket(family, socket.SOCK_STREAM, protocol)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((address, port))
        self.listener.listen(128)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                s, _ = self.listener.accept()
            except OSError:
                return
            s.settimeout(3 * PATIENCE)
            threading.Thread(target=self._serve, args=(s,), daemon=True).start()

    def _serve(self, connection):
        session = Session(self, connection)
        self.sessions.append(session)
        try:
            session.serve()
        except (Cut, OSError, ValueError):
            pass
        finally:
            try:
                session.socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            session.socket.close()
            connection.close()

    def default(self, session, verb):
        if verb == "GREETING":
            return "220 hop.test ESMTP"
        if verb == "EHLO":
            words = [k for k in self.keywords if not (k == "STARTTLS" and session.tls)]
            return "".join(f"250-{w}\r\n" for w in ["hop.test"] + words[:-1]) + f"250 {(['hop.test'] + words)[-1]}"
        return {"HELO": "250 hop.test", "MAIL": "250 2.1.0 sender good", "RCPT": "250 2.1.5 recipient good",
                "DATA": "354 go on", "TEXT": "250 2.0.0 taken", "RSET": "250 2.0.0 forgotten", "QUIT": "221 2.0.0 bye",
                "STARTTLS": "220 2.0.0 go on", "NOOP": "250 2.0.0 fine"}.get(verb, "500 5.5.2 what?")

    def reply(self, session, verb, arg):
        own = self.replies.get(verb)
        if own is None:
            return self.default(session, verb)
        return own(session, arg) if callable(own) else own

    def said(self):
        """All lines of all sessions."""
        return [line for s in self.sessions for line in s.lines]

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()


def wait(seconds):
    """For hops that are slow on purpose."""
    time.sleep(seconds)
